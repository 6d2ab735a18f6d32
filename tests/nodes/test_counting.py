"""Size: a number that is written by its name, follows the data and the dtype of the run, and has no gradient."""

import gc
import pickle
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ShapeError, UnknownNameError
from chainrule.program.recording import record
from chainrule.symbols.dimensions import Dimension
from chainrule.symbols.symbol import Symbol

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


def computed(expression):
    """What an expression of a size is: its formula, and its number for seven columns."""
    graph = cr.Graph(cr.Multiply(expression, 1.0, name="s"))
    return graph.derivation()["s"].text, float(graph.forward({"A0": X})["s"])


A0 = cr.Input("A0", (2, "m"))
m = A0.shape[1]


@pytest.mark.parametrize(
    ("size", "written", "number"),
    [
        (m, "m", 7),
        (2 * m + 1, "2 * m + 1", 15),
        (-1 / m, "-1 / m", -1 / 7),
        (1.0 / m, "1 / m", 1 / 7),
        (0.7 / (2 * m), "0.35 / m", 0.7 / 14),
        (1 / (m - 1), "1 / (m - 1)", 1 / 6),
        ((m - 1) / 2, "(m - 1) / 2", 3),
        (m**2 / 3, "m ** 2 / 3", 49 / 3),
        (m * 0.5 - 1, "m / 2 - 1", 2.5),
        (np.float64(0.5) * m, "m / 2", 3.5),
        (A0.size, "2 * m", 14),
        (np.size(A0, axis=1) + np.shape(A0)[0], "m + 2", 9),
        (A0[:, 3:].shape[1], "max(0, m - 3)", 4),
        (A0.T.shape[0], "m", 7),
        (cr.Concatenate(A0, A0, axis=1).shape[1], "2 * m", 14),
        (cr.Concatenate(A0, A0, axis=1).shape[1] - 1, "2 * m - 1", 13),
        (cr.Reshape(A0, to=(-1,)).shape[0] / 2, "m", 7),
    ],
)
def test_sizes_in_arithmetic_are_written_and_counted(size, written, number):
    assert computed(size * cr.Constant(1.0)) == computed(cr.Constant(1.0) * size) == (written, pytest.approx(number))


def test_the_regularization_of_every_course_is_built_of_what_it_says():
    w = cr.Parameter("W1", (3, 2))
    cost = 0.1 / (2 * A0.shape[1]) * cr.Sum(cr.Square(w))
    graph = cr.Graph(cost.relabel("R", like=cost))
    run = graph.forward({"A0": X, "W1": W})
    assert run["R"] == 0.1 / (2 * 7) * np.sum(np.square(W))
    assert graph.derivation()["dW1"].text == "W1 / 10 / m"
    assert graph.check({"dW1": "0.1 / m * W1"}, {"A0": X, "W1": W}).ok


def test_a_size_is_itself_and_is_compared_as_sizes_are():
    assert A0.shape == (2, m) == (2, cr.Input("B", (1, "m")).shape[1])
    assert {A0.shape[1]: "m"}[m] == "m"
    assert A0.shape[1] != 7
    assert cr.Input("C", (A0.shape[1], 3)).shape == (m, 3)
    assert pickle.loads(pickle.dumps(A0)).shape == pickle.loads(pickle.dumps(A0.shape)) == A0.shape


def test_a_size_of_no_node_is_refused():
    with pytest.raises(ArgumentError, match="the size k was not read off a node") as caught:
        Dimension.named("k") * A0
    assert "x.shape[1]" in caught.value.remedy


def test_no_table_keeps_a_node_for_the_sake_of_its_size():
    x, y = cr.Input("x", (3, "k")), cr.Input("y", (3, "k"))
    size = x.shape[1]
    loss = cr.Multiply(cr.CrossEntropyLoss(cr.Softmax(x), y) / size, cr.Sum(x), name="L")
    graph = cr.Graph(loss)
    graph.derivation()["dx"].latex  # noqa: B018 — what it leaves behind is asked for
    labels = np.eye(3)
    graph.compile(["x"])({"x": np.ones((3, 3)), "y": labels})
    graph.check({"dx": "x"})
    gone = weakref.ref(loss)
    del x, y, size, loss, graph
    gc.collect()
    assert gone() is None


def test_a_symbol_of_a_rule_is_no_number_for_nodes():
    with pytest.raises(ArgumentError, match="is no number that nodes can compute with"):
        Symbol.leaf("z", (3,)) * A0


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


@pytest.mark.parametrize("examples", [1, 2, 5])
def test_a_size_that_tells_no_name_is_known_where_an_axis_has_it(examples):
    """The first two of m examples, or the only one: min(m, 2) tells no m, and is what the axis has."""
    first = cr.Sin(cr.Input("x", ("m", 3))[:2])
    again = cr.Reshape(first, to=(1, *first.shape))
    graph, feeds = cr.Graph(cr.Sum(again)), {"x": np.ones((examples, 3))}
    assert graph.forward(feeds)[again].shape == (1, min(examples, 2), 3)
    assert graph.compile(["x"])(feeds)[1]["x"].shape == (examples, 3)
