"""Figures of matplotlib: the Axes that come back, what is drawn into them, and what is said without matplotlib."""

import importlib.util

import numpy as np
import pytest

import chainrule as cr
import nets
from chainrule.errors import ArgumentError, MissingExtraError, UnknownNameError


@pytest.fixture(autouse=True)
def pyplot():
    matplotlib = pytest.importorskip("matplotlib", reason="figures are drawn with the package matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    yield plt
    plt.close("all")


def trained(classes=1, seed=0, **options):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1, 1, (2, 40))
    if classes == 1:
        net = nets.DNN(sizes=(2, 4, 1), seed=1)
        feeds = {"A0": points, "Y": points[:1] > 0}
        return cr.train(net.graph, net.params, feeds, epochs=60, optimizer=cr.Adam(0.1), progress=False, **options)
    X, Y = cr.Input("X", ("m", 2)), cr.Input("Y", ("m", classes))
    W = cr.Parameter("W", (2, classes))
    graph = cr.Graph(cr.CrossEntropyLoss(cr.Softmax(X @ W, axis=1), Y, name="L"))
    feeds = {"X": points.T, "Y": np.eye(classes)[rng.integers(0, classes, 40)]}
    return cr.train(graph, graph.initialize(0), feeds, epochs=5, progress=False, **options)


def test_the_losses_are_the_line_and_its_axes_come_back(pyplot):
    history = trained()
    ax = history.plot()
    [line] = ax.get_lines()
    np.testing.assert_array_equal(line.get_xydata(), np.column_stack([np.arange(60), history.losses]))
    _, given = pyplot.subplots()
    assert history.plot(given) is given


def test_losses_over_more_than_two_decades_have_a_logarithmic_axis():
    from chainrule.page.plots import plot_losses

    assert plot_losses([1.0, 0.5]).get_yscale() == "linear"
    assert plot_losses([1.0, 0.001]).get_yscale() == "log"
    assert plot_losses([1.0, 0.0]).get_yscale() == "linear"
    assert plot_losses([1.0, np.nan, 0.001]).get_yscale() == "log"
    assert plot_losses([]).get_yscale() == "linear"


def test_the_boundary_has_the_classes_in_their_plane(pyplot):
    history = trained()
    ax = history.plot_boundary()
    [image] = ax.get_images()
    cells = image.get_array()
    across = cells.mean(axis=0)
    assert across[0] < 0.5 < across[-1]  # class 1 is to the right
    points = np.asarray(history.trained.feeds["A0"])
    for kind, drawn in enumerate(ax.collections[-2:]):
        own = points[:, (points[0] > 0) == bool(kind)]
        np.testing.assert_allclose(np.sort(drawn.get_offsets()[:, 0]), np.sort(own[0]))
    low, high = points[0].min(), points[0].max()
    contour = ax.collections[0].get_paths()[0].vertices
    assert low / 4 < contour[:, 0].min() < contour[:, 0].max() < high / 4
    _, given = pyplot.subplots()
    assert history.plot_boundary(given) is given


def test_several_classes_have_a_color_and_a_marker_each():
    ax = trained(3).plot_boundary()
    [image] = ax.get_images()
    assert set(np.unique(image.get_array())) <= {0, 1, 2}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0", "1", "2"]
    outlines = {drawn.get_paths()[0].vertices.tobytes() for drawn in ax.collections}
    colors = {drawn.get_facecolor().tobytes() for drawn in ax.collections}
    assert len(outlines) == len(colors) == 3


def test_gradients_are_counted_layer_by_layer():
    with cr.layer("first $"):
        w, b = cr.Parameter("w", (3, 2)), cr.Parameter("b", (3, 1))
        h = w @ cr.Input("x", (2, "m")) + b
    with cr.layer("last"):
        v = cr.Parameter("v", (1, 3))
        graph = cr.Graph(cr.Sum(cr.Square(v @ h), name="L"))
    run = graph.forward({"w": np.ones((3, 2)), "b": np.zeros((3, 1)), "v": [[1.0, 0.0, 2.0]], "x": np.ones((2, 4))})
    with pytest.raises(UnknownNameError, match="no gradients yet"):
        run.plot_gradients()
    run.backward()
    last, first = run.plot_gradients()
    assert (last.get_ylabel(), first.get_ylabel()) == ("last", r"first \$")
    assert sum(bar.get_height() for bar in last.patches) == 3
    assert sum(bar.get_height() for bar in first.patches) == 6  # v has a 0, and so has what it sends back
    assert first.get_title(loc="right") == "3 of 9 entries are 0 or not finite"
    with pytest.raises(ArgumentError, match="1 Axes for 2 layers"):
        run.plot_gradients(last)
    first.figure.canvas.draw()  # a dollar sign is no mathematics


def test_training_draws_at_its_end(pyplot):
    trained(plot=True)
    losses, plane = pyplot.gcf().axes
    assert (losses.get_ylabel(), plane.get_xlabel()) == ("loss", "first of A0")
    _, given = pyplot.subplots()
    trained(plot=given)
    assert len(given.get_lines()) == 1


def test_a_network_without_a_plane_says_what_would_have_one():
    w = cr.Parameter("w")
    graph = cr.Graph(cr.Square(w - 3, name="L"))
    history = cr.train(graph, {"w": 0.0}, {}, epochs=3, progress=False, plot=True)
    with pytest.raises(ArgumentError, match="there is no plane to draw"):
        history.plot_boundary()


def test_without_matplotlib_the_extra_is_named_before_anything_is_computed(monkeypatch):
    history = trained()
    run = nets.DNN().graph.forward({**nets.DNN().params, "A0": np.ones((2, 3)), "Y": np.ones((1, 3))})
    run.backward()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for ask in (history.plot, history.plot_boundary, run.plot_gradients, lambda: trained(plot=True)):
        with pytest.raises(MissingExtraError, match="matplotlib is not installed") as caught:
            ask()
        assert caught.value.remedy == "pip install 'chainrule[plot]'"
