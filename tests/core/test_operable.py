"""What a newcomer types first: it builds a node, or says what would."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ShapeError


def x(name="x"):
    return cr.Input(name, (2, "m"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (lambda a: a.sum(), lambda a: cr.Sum(a)),
        (lambda a: a.sum(axis=0), lambda a: cr.Sum(a, axis=0)),
        (lambda a: a.mean(axis=1, keepdims=True), lambda a: cr.Mean(a, axis=1, keepdims=True)),
        (lambda a: a.max(0), lambda a: cr.Max(a, axis=0)),
        (lambda a: a.reshape(-1, 1), lambda a: cr.Reshape(a, to=(-1, 1))),
        (lambda a: a.reshape((-1, 1)), lambda a: cr.Reshape(a, to=(-1, 1))),
        (lambda a: a.reshape(-1), lambda a: cr.Reshape(a, to=(-1,))),
        (lambda a: abs(a), lambda a: cr.Abs(a)),
        (lambda a: np.ones((2, 1)) * a, lambda a: cr.Multiply(np.ones((2, 1)), a)),
        (lambda a: np.sum(a, 0), lambda a: cr.Sum(a, axis=0)),
        (lambda a: np.add.reduce(a), lambda a: cr.Sum(a, axis=0)),
        (lambda a: np.mean(a, axis=1, keepdims=True), lambda a: cr.Mean(a, axis=1, keepdims=True)),
        (lambda a: np.amax(a), cr.Max),
        (lambda a: np.transpose(a, (1, 0)), lambda a: cr.Transpose(a, axes=(1, 0))),
        (lambda a: a.transpose(1, 0), lambda a: cr.Transpose(a, axes=(1, 0))),
        (lambda a: a.transpose(), lambda a: cr.Transpose(a)),
        (lambda a: np.reshape(a, (-1, 1)), lambda a: cr.Reshape(a, to=(-1, 1))),
        (lambda a: np.dot(np.ones((3, 2)), a), lambda a: cr.MatMul(np.ones((3, 2)), a)),
        (lambda a: np.dot(a, 2.0), lambda a: cr.Multiply(a, 2.0)),
        (lambda a: np.float64(2.0) * a, lambda a: cr.Multiply(2.0, a)),
        (lambda a: np.negative(a), lambda a: cr.Negate(a)),
        (lambda a: +a - a.copy(), lambda a: cr.Subtract(a, a)),
        (lambda a: sum([a, a]), lambda a: cr.Add(cr.Add(0, a), a)),
        (lambda a: sum(a), lambda a: cr.Add(cr.Add(0, a[0]), a[1])),
    ],
)
def test_a_method_builds_the_node_that_it_means(written, meant):
    feed = {"x": [[1.0, -2.0, 3.0], [-4.0, 5.0, 6.0]]}
    values = [cr.Graph(build(x())).forward(feed).loss for build in (written, meant)]
    np.testing.assert_array_equal(*values)
    assert type(written(x())) is type(meant(x()))


def test_a_node_knows_how_many_axes_it_has():
    assert (x().ndim, cr.Parameter("p").ndim) == (2, 0)
    assert (np.shape(x()), np.ndim(x())) == (x().shape, 2)
    assert (np.size(x()), np.size(x(), 1), x().size) == (2 * x().shape[1], x().shape[1], 2 * x().shape[1])
    assert len(x()) == 2


def test_a_fact_may_be_called_as_what_an_array_knows():
    class Pooled(cr.Node):
        size: int
        mean: float = 0.5
        ndim: int = 7

        def forward(self, x):
            return x * self.size * self.mean * self.ndim

        def backward(self, grad, y, x):
            return (grad * self.size * self.mean * self.ndim,)

    pooled = Pooled(x(), size=4)
    assert (pooled.size, pooled.mean, pooled.ndim) == (4, 0.5, 7)
    assert cr.Graph(cr.Sum(pooled)).forward({"x": [[1.0], [2.0]]}).loss == 42.0
    assert (np.mean(pooled).shape, np.ndim(pooled.sum(axis=0))) == ((), 1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: len(x().T), "node.shape[0]"),
        (lambda: list(x().T), "node.shape[0]"),
        (lambda: len(cr.Input("n")), "a node has no length"),
        (lambda: bool(x()), "np.where(x > 0, a, b), np.maximum(x, y)"),
        (lambda: x() and 1, "x is neither true nor false"),
        (lambda: not x(), "x is neither true nor false"),
        (lambda: np.linalg.norm(x(), "nuc"), "np.sum(np.abs(x) ** p) ** (1 / p)"),
        (lambda: np.eye(2)[cr.Input("i", dtype=int)], "np.take(table, ids, axis=0)"),
        (lambda: x() * np.ma.masked_array([[1.0], [2.0]], [[0], [1]]), "np.where(mask, 0.0, x)"),
        (lambda: x().reshape(cr.Parameter("p", (2, 2))), "makes leaves of tuples"),
        (lambda: x() if x().shape[1] > 1 else 0, "whether the size m is more or less than 1"),
        (lambda: np.frompyfunc(abs, 1, 1)(x()), "class Mine(cr.Node)"),
        (lambda: np.linalg.inv(x()), "class Inv(cr.Node) with np.linalg.inv in its forward"),
        (lambda: np.convolve(x()[0], x()[1]), "Conv2d(x, kernel)"),
        (lambda: np.modf(x()), "no node computes np.modf"),
        (lambda: np.sum(x(), dtype=int), "np.sum: got an unexpected keyword argument 'dtype'"),
        (lambda: np.sum(x(), out=np.zeros(3)), "np.sum cannot write into an array"),
        (lambda: np.add(x(), 1, out=np.zeros((2, 3))), "total = total + x builds a node"),
        (lambda: np.zeros((2, 1)).__iadd__(x()), "total = total + x builds a node"),
        (lambda: np.exp(x(), where=True), "np.exp with where builds no node"),
        (lambda: np.add.outer(x(), x()), "np.add.outer builds no node"),
        (lambda: x().__setitem__(0, 1.0), "np.where(mask, value, x) chooses entries"),
        (lambda: float(x()), "run[node] after run = graph.forward(feeds)"),
        (lambda: int(x()), "a node is no number"),
        (lambda: [1, 2][x()], "a node is no number"),
        (lambda: complex(x()), "a node is no number"),
        (lambda: x().item(), "a node is no number"),
        (lambda: x().tolist(), "a node is no number"),
        (lambda: "a" + x(), "Input('a', shape=...)"),
        (lambda: np.asarray(x()), "a node is no array"),
        (lambda: np.array([x(), x("y")], dtype=object), "a node is no array"),
        (lambda: np.sum([x(), x("y")]), "a node is no array"),
        (lambda: np.zeros((2, 3)).__setitem__(0, x()), "a node is no array"),
        (lambda: cr.Constant([x(), 1.0]), "a node is no array"),
        (lambda: cr.Concatenate([x(), x("y")]), "Concatenate(a, b)"),
        (lambda: cr.Sum(x(), 1), "Sum(x, axis=1)"),
        (lambda: cr.Sum(x(), 1, True), "Sum(x, axis=1, keepdims=True)"),
        (lambda: cr.Reshape(x(), (1, 3)), "Reshape(x, to=(1, 3))"),
        (lambda: cr.Roll(x(), shift="a"), "a whole number, or one for each axis"),
        (lambda: cr.Softmax(x(), axis="m"), "Softmax: axis='m' is text, where an axis"),
        (lambda: cr.Sum(x(), keepdims="yes"), "keepdims=True"),
        (lambda: cr.LeakyReLU(x(), slope="0.1"), "is text, where a finite number"),
        (lambda: cr.Parameter("W", np.ones((2, 2))), "shape=(2, 2), and init="),
        (lambda: cr.Parameter("W", value=np.ones((2, 2))), "Parameter(name, shape, init)"),
        (lambda: cr.Input("x", (2, "m"), dtpye=int), "Input(name, shape, dtype)"),
        (lambda: cr.Graph([x(), x("y")]), "Graph(a, b)"),
        (lambda: cr.Graph(x())(x=1.0), 'graph.forward({"x": ...})'),
        (lambda: cr.Graph(x()).forward(x=1.0), 'graph.forward({"x": ...})'),
        (lambda: cr.Graph(x()).check(dx="1"), 'graph.check({"dx": ...})'),
    ],
)
def test_a_first_word_that_is_none_says_what_would_work(call, said):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert said in str(caught.value)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_whose_product_is_another_is_refused():
    for multiply in (np.multiply, lambda a, b: b * a, lambda a, b: a * b):
        with pytest.raises(ArgumentError, match=r"np.asarray\(M\) @ x"):
            multiply(np.matrix([[1.0, 2.0], [3.0, 4.0]]), cr.Parameter("p", (2, 2)))


@pytest.mark.parametrize("name", ["relu", "Softmx", "Sigmod", "meen"])
def test_a_name_that_chainrule_has_not_is_told_the_nearest(name):
    with pytest.raises(AttributeError, match=r"did you mean '(ReLU|Softmax|Sigmoid|Mean)'"):
        getattr(cr, name)


def test_the_loss_of_a_run_is_the_value_of_its_only_output():
    graph = cr.Graph(cr.Sum(x(), name="L"))
    assert graph.forward({"x": [[1.0], [2.0]]}).loss == 3.0
    a = cr.Input("a")
    with pytest.raises(ArgumentError, match="several outputs"):
        _ = cr.Graph(cr.Exp(a, name="e"), cr.Sin(a, name="s")).forward({"a": 1.0}).loss


# --- comparisons -----------------------------------------------------------------------------------------------------


def test_equal_nodes_are_the_same_where_it_stands_for_true_or_false():
    a, b, other = x("a"), x("b"), cr.Input("c", (3, 4))
    assert (bool(a == a), bool(a == b), bool(a != b), bool(a != a)) == (True, False, True, False)  # noqa: PLR0124 — what a comparison with itself is
    assert (bool(a == other), bool(a != other)) == (False, True)  # of shapes that do not fit
    assert [b, other, a].index(a) == 2
    assert a in (other, a)
    assert {a: 1, b: 2}[b] == 2
    for nothing in (None, "a", object(), {}):
        assert (a == nothing, a != nothing, nothing == a) == (False, True, False)


def test_as_values_they_are_comparisons_of_entries():
    a, b = x("a"), x("b")
    feeds = {"a": [[1.0, 2.0], [3.0, 4.0]], "b": [[1.0, 0.0], [3.0, 5.0]]}
    graph = cr.Graph(cr.Mean(a == b, name="same"), cr.Sum(np.where(a != 2.0, b, 0.0), name="chosen"))
    assert (graph.forward(feeds)["same"], graph.forward(feeds)["chosen"]) == (0.5, 9.0)
    assert type(np.ones((2, 1)) == a) is type(a == np.ones((2, 1))) is type(a == b)


@pytest.mark.parametrize("compare", [lambda a: a == 0, lambda a: a != 1.0, lambda a: a > 0, lambda a: np.ones(2) == a])
def test_what_numbers_decide_is_neither_true_nor_false(compare):
    with pytest.raises(ArgumentError, match="is neither true nor false"):
        bool(compare(cr.Input("a", (2,))))


def test_the_comparison_of_shapes_that_do_not_fit_is_an_error_once_it_is_used():
    misfit = x("a") == cr.Input("c", (3, 4))
    for use in (
        lambda: misfit * 2.0,
        lambda: np.where(misfit, 1.0, 0.0),
        lambda: np.exp(misfit),
        lambda: x("b") + misfit,
        lambda: misfit.mean(),
        lambda: cr.Sum(misfit),
    ):
        with pytest.raises(ShapeError):
            use()
