"""Size: a number that is written by its name, follows the data and the dtype of the run, and has no gradient."""

import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ShapeError, UnknownNameError
from chainrule.program.recording import record

X = np.random.default_rng(0).normal(size=(2, 7))
W = np.random.default_rng(1).normal(size=(3, 2))


def regularized():
    """A cost whose second part knows m from data that it does not read otherwise."""
    a, w = cr.Input("A0", (2, "m")), cr.Parameter("W1", (3, 2))
    share = cr.Multiply(0.1 / (2 * cr.Size(a, axis=1)), cr.Sum(cr.Square(w)), name="R")
    return cr.Graph(cr.Add(cr.Mean(cr.Square(w @ a), name="D"), share, name="L"))


def by_hand(w, x):
    """The same cost and its gradient, from their definitions."""
    m = x.shape[1]
    return np.mean((w @ x) ** 2) + 0.1 / (2 * m) * np.sum(w**2), 2 * (w @ x) @ x.T / (3 * m) + 0.1 / m * w


@pytest.mark.parametrize(("shape", "axis", "said"), [
    ((2, "m"), 1, "m"), ((2, "m"), -1, "m"), ((2, "m"), 0, "2"), ((2, "m"), None, "2 * m"), (("b", "t"), None, "b * t"),
    ((), None, "1"), (("m",), 0, "m"),
])  # fmt: skip
def test_a_size_is_written_by_its_name(shape, axis, said):
    size = cr.Size(cr.Input("x", shape), axis=axis, name="s")
    assert size.shape == ()
    assert size.dtype == float
    assert str(cr.Graph(size).derivation()["s"]) == said


def test_it_is_a_name_in_every_notation():
    x = cr.Input("x", (2, "m"))
    line = cr.Graph(cr.Divide(cr.Sum(x), cr.Size(x, axis=1), name="y")).derivation()["y"]
    assert line.text == "x.sum() / m"
    assert line.latex == r"y = \frac{1}{m} \sum x"
    assert "size" not in line.unicode + line.mathml
    assert line.unicode.count("m") == line.mathml.count("<mi>m</mi>") == 1


def test_a_size_of_what_is_computed_is_arithmetic_of_names():
    x = cr.Input("x", (3, "m"))
    twice = cr.Size(cr.Concatenate(x, x, x[:, :1], axis=1), axis=1, name="s")
    graph = cr.Graph(twice)
    assert str(graph.derivation()["s"]) == "2 * m + 1"
    assert graph.forward({"x": np.ones((3, 4))})["s"] == 9.0


def test_used_twice_it_has_no_line_of_its_own():
    x = cr.Input("x", (2, "m"))
    size = cr.Size(x, axis=1)
    derivation = cr.Graph(cr.Add(cr.Sum(x) / size, 1 / size, name="y")).derivation()
    assert list(derivation) == ["y", "dx"]
    assert "size" not in str(derivation)


def test_with_a_name_it_has_a_line():
    x = cr.Input("x", (2, "m"))
    derivation = cr.Graph(cr.Divide(cr.Sum(x), cr.Size(x, axis=1, name="count"), name="y")).derivation()
    assert str(derivation["count"]) == "m"
    assert str(derivation["y"]) == "x.sum() / count"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_value_and_gradient_are_those_by_hand(dtype):
    graph, feeds = regularized(), {"A0": X.astype(dtype), "W1": W.astype(dtype)}
    run = graph.forward(feeds)
    loss, gradient = by_hand(W, X)
    precise = 1e-14 if dtype is np.float64 else 1e-6
    assert {value.dtype for value in run.values.values()} == {np.dtype(dtype)}
    assert run["size_1"] == 7
    assert run["L"] == pytest.approx(loss, rel=precise)
    np.testing.assert_allclose(run.backward()["W1"], gradient, rtol=10 * precise)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("columns", [1, 7, 5000])
def test_a_plan_counts_all_columns_and_not_those_of_a_block(backend, columns):
    x = np.random.default_rng(columns).normal(size=(2, columns))
    loss, gradients = regularized().compile(backend=backend)({"A0": x, "W1": W})
    expected, gradient = by_hand(W, x)
    assert loss == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(gradients["W1"], gradient, rtol=1e-12)


def test_it_has_no_gradient():
    run = regularized().forward({"A0": X, "W1": W})
    gradients = run.backward()
    assert "size_1" not in gradients
    with pytest.raises(UnknownNameError):
        run["dsize_1"]
    assert "size_1" not in record(regularized()).gradients
    x = cr.Parameter("x", (2, "m"))
    alone = cr.Graph(cr.Size(x, name="s")).forward({"x": X})
    assert "x" not in alone.backward()


def test_a_size_of_indices_follows_the_dtype_of_the_run():
    ids, w = cr.Input("ids", ("m",), dtype=int), cr.Parameter("w", (3,))
    graph = cr.Graph(cr.Divide(cr.Sum(w), cr.Size(ids), name="q"))
    feeds = {"ids": [2, 0, 1, 1], "w": np.ones(3, np.float32)}
    run = graph.forward(feeds)
    assert (run["q"], run["q"].dtype, run["size_1"].dtype) == (0.75, np.float32, np.float32)
    loss, gradients = graph.compile()(feeds)
    assert (loss, loss.dtype, gradients["w"].dtype) == (0.75, np.float32, np.float32)


def test_gradients_and_rules_are_checked_around_it():
    report = regularized().check_gradients({"A0": X, "W1": W})
    assert report.ok
    assert "held fixed" not in str(report)
    report = cr.check_node(cr.Size, X, axis=1)
    assert report.ok
    assert report.compared == 0
    assert "nothing that is fed moves it" in str(report)


def test_formulas_with_it_are_judged_and_written_entry_by_entry():
    graph = regularized()
    right = {"dW1": "2 * (W1 @ A0) @ A0.T / (3 * m) + 0.1 / m * W1"}
    assert graph.check(right).ok
    assert not graph.check({"dW1": "2 * (W1 @ A0) @ A0.T / (3 * m) + 0.1 * W1"}).ok
    assert "/ 10" in str(graph.derivation().entries("dW1", m=1))


def test_a_drawing_shows_the_name():
    graph = regularized()
    assert "size_1" in graph
    dot = graph.draw().dot
    assert ">m<" in dot
    assert "axis=1" not in dot


def test_an_axis_that_is_not_there_is_refused_where_it_is_built():
    with pytest.raises(ShapeError, match="axis 2 is out of bounds") as caught:
        cr.Size(cr.Input("x", (2, "m")), axis=2)
    assert "test_counting.py" in caught.value.where


def test_it_is_pickled_and_rewritten_like_any_other():
    graph = pickle.loads(pickle.dumps(regularized()))
    assert graph.fuse().expand().forward({"A0": X, "W1": W})["L"] == pytest.approx(by_hand(W, X)[0], rel=1e-14)


class HalfTheBatch(cr.Node):
    """A rule of one's own that is a size."""

    has_gradient = False

    def forward(self, x):
        return x.shape[-1] / 2

    def backward(self, grad, y, x):
        return (None,)


def test_a_rule_of_ones_own_may_give_a_size():
    x = cr.Input("x", (2, "m"))
    graph = cr.Graph(HalfTheBatch(x, name="h"))
    assert str(graph.derivation()["h"]) == "m / 2"
    run = graph.forward({"x": X.astype(np.float32)})
    assert (run["h"], run["h"].dtype) == (3.5, np.float32)
    assert graph.compile(outputs="h")({"x": X.astype(np.float32)}).dtype == np.float32
