"""The demo: every gradient shown is the engine's beside the one derived by hand, and a wrong one is told."""

import io
import re
from types import SimpleNamespace

import numpy as np
import pytest

import chainrule as cr
import nets
from nets import demo

NAMES = ["Z3", "W3", "B3", "A2", "Z2", "W2", "B2", "A1", "Z1", "W1", "B1"]


@pytest.fixture(scope="module")
def tour():
    return demo.Tour()


@pytest.fixture(scope="module")
def shown():
    out = io.StringIO()
    assert demo.show(out=out, everything=True)
    return out.getvalue()


@pytest.fixture(scope="module")
def two_screens(tmp_path_factory):
    out, folder = io.StringIO(), tmp_path_factory.mktemp("pictures")
    assert demo.show(out=out, folder=str(folder))
    return out.getvalue(), folder


def test_no_line_is_wider_than_a_terminal(shown):
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert [line for line in shown.splitlines() if line != line.rstrip()] == []


def test_the_first_look_takes_two_screens_of_80_by_24(two_screens):
    lines = two_screens[0].splitlines()
    assert len(lines) <= 2 * 23  # the prompt stays in sight
    path = f"The picture: {two_screens[1] / 'formulas.svg'}"
    assert [line for line in lines if len(line) > 80 and line != path] == []
    assert [line for line in lines if line != line.rstrip()] == []


def test_the_first_look_ends_with_the_picture_and_what_to_do_next(two_screens):
    shown, folder = two_screens
    assert (folder / "formulas.svg").read_text("utf-8").startswith("<svg")
    picture, everything, start = shown.splitlines()[-3:]
    assert picture == f"The picture: {folder / 'formulas.svg'}"
    assert "chainrule demo --all" in everything
    assert "docs/start.md" in start


def test_the_first_look_shows_formulas_a_judged_mistake_gradients_and_what_was_learned(two_screens):
    for said in ("= A₃ − Y", "A2 has to be transposed", "11 gradients", "elements compared", "of 100 flowers right"):
        assert said in two_screens[0]


def test_the_first_look_tells_a_gradient_that_is_wrong(tour):
    wrong = demo.Tour()
    engine, by_hand = tour.gradients["W2"]
    wrong.__dict__["gradients"] = {**tour.gradients, "W2": (engine * (1 + 1e-9), by_hand)}
    assert any("THEY ARE NOT THE SAME" in line for line in demo.few_gradients(wrong))


def test_every_section_has_its_heading(shown):
    headings = re.findall(r"^(\d)\. (.*)\n(-+)$", shown, re.MULTILINE)
    assert [(int(number), title) for number, title, _ in headings] == list(
        enumerate((title for title, _ in demo.SECTIONS), start=1)
    )
    assert all(len(line) == len(title) + 3 for _, title, line in headings)


def test_the_graph_that_is_shown_is_the_one_of_the_network(shown):
    assert str(nets.DNN().graph) in shown


def test_all_eleven_gradients_are_shown_from_the_last_layer_to_the_first(shown):
    rows = re.findall(r"^d([ZWBA]\d) +(\(.*?\)) +(\S+) +(\S+)   (\S+)$", shown, re.MULTILINE)
    assert [name for name, *_ in rows] == NAMES
    X, Y = nets.load_iris_petals()
    X = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
    net = nets.DNN()
    by_hand = nets.gradients_by_hand(net.params, X, Y)
    for name, shape, engine, formula, apart in rows:
        assert shape == str(by_hand[name].shape)
        assert formula == f"{by_hand[name][0, 0]:.14f}"
        assert abs(float(engine) - by_hand[name][0, 0]) < 1e-13  # printed with 14 digits
        assert float(apart) < 1e-14  # entries are below 1, so some ten roundings of 1e-16


def test_the_engine_column_is_the_engine(tour):
    # In the convention of the paper, dZ and dA have no 1/m, and those of the engine do.
    run = tour.net.graph.forward(tour.feeds)
    run.backward()
    for name, (engine, _) in tour.gradients.items():
        factor = 100 if name[0] in "ZA" else 1
        np.testing.assert_allclose(engine, factor * run[f"d{name}"], rtol=1e-15)


def test_the_petals_are_standardized_row_by_row(tour):
    X, Y = tour.petals
    np.testing.assert_allclose(X.mean(axis=1), 0, atol=1e-14)  # a hundred entries below 3
    np.testing.assert_allclose(X.std(axis=1), 1, rtol=1e-14)
    assert Y.shape == (1, 100)


def test_the_loss_falls_and_94_flowers_of_100_are_right(shown):
    losses = [float(loss) for loss in re.findall(r"^step .* loss (\S+) ", shown, re.MULTILINE)]
    assert len(losses) == 10
    assert losses == sorted(losses, reverse=True)
    (right,) = re.findall(r"^(\d+) of 100 flowers right: accuracy (\d+)%", shown, re.MULTILINE)
    assert right[0] == right[1]
    assert int(right[0]) >= 94


@pytest.mark.parametrize("seed", range(1, 6))
def test_other_seeds_learn_as_well(seed):
    tour = demo.Tour(seed=seed)
    X, Y = tour.petals
    assert (tour.trained.predict(X) == Y).mean() >= 0.94


def test_the_mistakes_that_are_counted_add_up(shown):
    (right,) = re.findall(r"^(\d+) of 100", shown, re.MULTILINE)
    wrong = re.findall(r"^(\d+) (?:versicolor|virginica) taken for", shown, re.MULTILINE)
    assert int(right) + sum(map(int, wrong)) == 100


def test_the_same_seed_shows_the_same_and_another_seed_something_else(shown):
    again, other = io.StringIO(), io.StringIO()
    demo.show(out=again, everything=True)
    demo.show(seed=1, out=other, everything=True)
    assert again.getvalue() == shown
    assert other.getvalue() != shown


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_few_steps_are_shown_one_by_one(steps):
    out = io.StringIO()
    assert demo.show(steps=steps, out=out, everything=True)
    assert len(re.findall(r"^step", out.getvalue(), re.MULTILINE)) == steps


def test_a_gradient_that_is_wrong_is_not_called_right(tour):
    wrong = demo.Tour()
    for name in NAMES:
        engine, by_hand = tour.gradients[name]
        wrong.__dict__["gradients"] = {**tour.gradients, name: (engine * (1 + 1e-9), by_hand)}
        assert not wrong.agrees
        assert any("THEY ARE NOT THE SAME" in line for line in demo.gradients(wrong))
    assert tour.agrees


def test_a_wrong_formula_or_a_failed_check_is_told_by_the_result(monkeypatch):
    def without_mean(params, X, Y):
        by_hand = nets.gradients_by_hand(params, X, Y)
        return by_hand | {"W3": by_hand["W3"] * X.shape[1]}

    with monkeypatch.context() as patch:
        patch.setattr(demo, "gradients_by_hand", without_mean)
        assert not demo.show(steps=1, out=io.StringIO())
    with monkeypatch.context() as patch:
        patch.setattr(cr.Graph, "check_gradients", lambda *_, **__: SimpleNamespace(ok=False))
        assert not demo.show(steps=1, out=io.StringIO())


def test_an_interrupted_training_interrupts_the_demo(monkeypatch):
    monkeypatch.setattr(demo, "train", lambda *_, **__: nets.History({}, (), interrupted=True))
    with pytest.raises(KeyboardInterrupt):
        demo.show(out=io.StringIO())


def test_a_section_that_is_added_is_shown(monkeypatch):
    monkeypatch.setattr(demo, "SECTIONS", (("More", lambda tour: iter([f"seed {tour.seed}"])),))
    out = io.StringIO()
    demo.show(seed=5, out=out, everything=True)
    assert out.getvalue().endswith("\n1. More\n-------\nseed 5\n")
