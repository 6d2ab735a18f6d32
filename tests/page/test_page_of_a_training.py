"""The page of a training: its moments, losses, parameters and predictions in the plane, in and out of a browser."""

import base64
import copy
import json
import pickle
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.page import plane
from chainrule.training.snapshots import Snapshots

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (2, 40))
Y = (X[:1] > 0.2).astype(float)


def network(rows=False):
    """One neuron of two inputs, with examples in columns or in rows."""
    x, y = cr.Input("X", ("m", 2) if rows else (2, "m")), cr.Input("Y", ("m", 1) if rows else (1, "m"))
    w, b = cr.Parameter("W", (2, 1) if rows else (1, 2)), cr.Parameter("b", (1, 1))
    return cr.Graph(cr.BCELoss(cr.Sigmoid((x @ w if rows else w @ x) + b, name="A"), y, name="L"))


def trained(rows=False, **options):
    graph = network(rows)
    feeds = {"X": X.T, "Y": Y.T} if rows else {"X": X, "Y": Y}
    given = {"epochs": 200, "optimizer": cr.SGD(2.0), "progress": False} | options
    return graph, feeds, cr.train(graph, graph.initialize(), feeds, **given)


def data_in(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page.html, re.DOTALL)[1])


def array_in(data, place):
    found = data["arrays"][place]
    return np.frombuffer(base64.b64decode(found["data"]), "<f8").reshape(found["shape"])


# --- snapshots -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"batch_size": 15}, {"backend": "numba"}, {"backend": "numba", "batch_size": 15}]
)
def test_snapshots_are_the_parameters_on_the_way(options):
    graph, feeds, history = trained(**options)
    steps = [snapshot.step for snapshot in history.snapshots]
    assert steps[0] == 0
    assert steps[-1] == len(history.losses)
    assert 20 <= len(steps) <= 51
    np.testing.assert_array_equal(history.snapshots[0].params["W"], graph.initialize()["W"])
    np.testing.assert_array_equal(history.snapshots[-1].params["W"], history.params["W"])
    if "batch_size" not in options:  # the loss of a step is the one of the parameters before it
        for step, params in history.snapshots[:-1]:
            assert float(graph.forward({**feeds, **params}).loss) == pytest.approx(history.losses[step], rel=1e-12)


def test_snapshots_come_after_whole_epochs():
    *_, history = trained(epochs=60, batch_size=15)  # three steps each
    assert {snapshot.step % 3 for snapshot in history.snapshots} == {0}


def test_there_are_as_few_snapshots_as_there_is_room_for():
    def count(size):
        taken = Snapshots(["w"], epochs=100, steps=1, most=51, size=size)
        for step in range(101):
            taken.take(step, {"w": np.zeros(1)})
        return len(taken.last(100, {"w": np.zeros(1)}))

    assert [count(size) for size in (8, 4 << 20, 16 << 20, 17 << 20)] == [51, 8, 2, 0]


def test_an_interrupted_training_has_its_moments_up_to_there(monkeypatch):
    def impatient(self, step, loss):
        if step == 77:
            raise KeyboardInterrupt

    monkeypatch.setattr("chainrule.training.train.Meter.show", impatient)
    *_, history = trained(snapshots=200)
    assert history.interrupted
    assert history.snapshots[-1].step == len(history.losses)
    np.testing.assert_array_equal(history.snapshots[-1].params["W"], history.params["W"])
    assert history.page().count == len(history.snapshots)


def test_a_history_without_snapshots_says_how_to_get_them():
    *_, history = trained(snapshots=0)
    assert history.snapshots == ()
    with pytest.raises(ArgumentError, match="no snapshots to step through"):
        history.page()


def test_a_copy_from_a_pickle_keeps_the_parameters_and_leaves_out_what_was_trained_on():
    *_, history = trained(epochs=3)
    for copied in (pickle.loads(pickle.dumps(history)), copy.copy(history)):
        np.testing.assert_array_equal(copied.params["W"], history.params["W"])
        with pytest.raises(ArgumentError, match="not what was trained"):
            copied.page()


# --- what the page holds ---------------------------------------------------------------------------------------------


def test_every_moment_has_its_loss_and_its_parameters():
    graph, feeds, history = trained()
    found = data_in(history.page())
    assert [moment["step"] for moment in found["moments"]] == [snapshot.step for snapshot in history.snapshots]
    for moment, (_, params) in zip(found["moments"], history.snapshots, strict=True):
        assert moment["loss"] == pytest.approx(float(graph.forward({**feeds, **params}).loss), rel=1e-5)
        for place, name in zip(moment["params"], params, strict=True):
            np.testing.assert_array_equal(array_in(found, place), params[name])
    assert found["curve"][0] == [0, pytest.approx(history.losses[0], rel=1e-5)]


@pytest.mark.parametrize("rows", [False, True])
def test_the_plane_is_what_the_network_predicts_there(rows):
    graph, _, history = trained(rows)
    found = data_in(history.page())["plane"]
    assert (found["middle"], found["classes"]) == (0.5, 1)
    cells = np.frombuffer(base64.b64decode(found["cells"][-1]), np.uint8).reshape(plane.SIDE, plane.SIDE)
    (left, bottom), (right, top) = found["low"], found["high"]
    for row, column in [(0, 0), (0, 47), (47, 0), (20, 31)]:  # rows go down from the top
        x = left + (right - left) * (column + 0.5) / plane.SIDE
        y = top - (top - bottom) * (row + 0.5) / plane.SIDE
        point = [[x, y]] if rows else [[x], [y]]
        expected = float(graph.compile(outputs="A")({**history.params, "X": point}).item())
        assert 0.5 + found["spread"] * (cells[row, column] - 127.5) / 127.5 == pytest.approx(expected, abs=0.005)
    assert found["examples"][3] == [*(pytest.approx(part, rel=1e-4) for part in X[:, 3]), int(Y[0, 3])]


def test_of_several_classes_the_plane_shows_the_likeliest():
    k = RNG.integers(0, 3, 60)
    x = np.stack([np.cos(2.1 * k), np.sin(2.1 * k)]) + 0.2 * RNG.standard_normal((2, 60))
    points, labels = cr.Input("X", (2, "m")), cr.Input("Y", (3, "m"))
    graph = cr.Graph(cr.SoftmaxCrossEntropyLoss(cr.Parameter("W", (3, 2)) @ points, labels, name="L"))
    history = cr.train(
        graph, graph.initialize(), {"X": x, "Y": np.eye(3)[:, k]}, epochs=200, optimizer=cr.SGD(1.0), progress=False
    )
    found = data_in(history.page())["plane"]
    cells = np.frombuffer(base64.b64decode(found["cells"][-1]), np.uint8).reshape(plane.SIDE, plane.SIDE)
    corner = history.params["W"] @ [found["high"][0], found["high"][1]]
    assert (found["classes"], cells[0, -1]) == (3, corner.argmax())
    assert {kind for _, _, kind in found["examples"]} == {0, 1, 2}


def test_other_networks_have_no_plane():
    x, y, w = cr.Input("X", (3, "m")), cr.Input("Y", (1, "m")), cr.Parameter("W", (1, 3))
    assert plane.plane_of(cr.Graph(cr.MSELoss(w @ x, y))) is None
    assert plane.plane_of(cr.Graph(cr.Square(cr.Parameter("w") - 3, name="L"))) is None
    a, b, v = cr.Input("A", (2, "m")), cr.Input("B", (2, "m")), cr.Parameter("V", (1, 2))
    assert plane.plane_of(cr.Graph(cr.MSELoss(v @ (a + b), y))) is None


def test_a_training_that_diverges_has_a_page_all_the_same():
    w = cr.Parameter("w")
    graph = cr.Graph(cr.Square(w * w - 3, name="L"))
    with np.errstate(all="ignore"):
        history = cr.train(graph, {"w": 9.0}, {}, epochs=30, optimizer=cr.SGD(1.0), progress=False)
    found = data_in(history.page())
    assert found["moments"][-1]["loss"] is None
    assert "NaN" in found["moments"][-1]["words"] or "∞" in found["moments"][-1]["words"]


def test_options_of_the_page_are_known_by_name():
    *_, history = trained(epochs=2)
    assert "<title>&lt;b&gt;</title>" in history.page(title="<b>", palette="document").html
    with pytest.raises(ArgumentError, match="'titel' \\(did you mean 'title'"):
        history.page(titel="x")


# --- in a browser ----------------------------------------------------------------------------------------------------


def test_the_moments_of_a_training_are_stepped_through(opened):
    *_, history = trained()
    tab = opened(history.page(), 2)
    pixel = """() => {
        const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
        context.drawImage(document.getElementById('plane'), -470, -240);
        return [...context.getImageData(0, 0, 1, 1).data];
    }"""
    assert tab.inner_text("#about").startswith("after epoch 4: loss ")
    before = tab.evaluate(pixel), tab.get_attribute("#here", "cx"), tab.text_content("#params")
    tab.keyboard.press("End")
    assert tab.inner_text("#about").startswith("after epoch 200: loss ")
    after = tab.evaluate(pixel), tab.get_attribute("#here", "cx"), tab.text_content("#params")
    assert all(now != then for now, then in zip(after, before, strict=True))
    assert after[0][0] > after[0][2]  # orange: on the right Y is 1
    assert tab.inner_text("#live").startswith("51 of 51. after epoch 200")


@pytest.mark.parametrize("width", [1400, 390])
def test_nothing_of_a_training_sticks_out_sideways(opened, width):
    tab = opened(trained()[2].page(), 20, viewport={"width": width, "height": 900})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
