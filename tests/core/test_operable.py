"""What a newcomer types first: it builds a node, or says what would."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError


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


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: len(x()), "node.shape[0]"),
        (lambda: x() > 0, "ReLU, Maximum, Clip compare"),
        (lambda: x() <= x("y"), "ReLU, Maximum, Clip compare"),
        (lambda: np.dot(x(), x("y")), "np.dot takes arrays, and x is a node"),
        (lambda: np.transpose(x()), "np.transpose takes arrays"),
        (lambda: np.where(x(), 1, 2), "np.where takes arrays"),
        (lambda: np.outer(x(), x("y")), "np.outer takes arrays"),
        (lambda: np.size(x()), "np.size takes arrays"),
        (lambda: np.mean(x()), "np.mean takes arrays"),
        (lambda: np.concatenate([x(), x("y")]), "np.concatenate takes arrays"),
        (lambda: np.asarray(x()), "a node is no array"),
        (lambda: np.sum([x(), x("y")]), "a node is no array"),
        (lambda: cr.Constant([x(), 1.0]), "a node is no array"),
        (lambda: cr.Concatenate([x(), x("y")]), "Concatenate(a, b)"),
        (lambda: cr.Sum(x(), 1), "Sum(x, axis=1)"),
        (lambda: cr.Sum(x(), 1, True), "Sum(x, axis=1, keepdims=True)"),
        (lambda: cr.Reshape(x(), (1, 3)), "Reshape(x, to=(1, 3))"),
        (lambda: cr.Parameter("W", np.ones((2, 2))), "shape=(2, 2), and init="),
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


FUNCTIONS = sorted(
    name
    for name, function in vars(np).items()
    if callable(function) and hasattr(function, "__wrapped__") and not isinstance(function, type)
)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_function_of_numpy_makes_something_else_of_a_node_in_silence(name):
    """Each that dispatches is called with one, two and three nodes: it raises, or says a shape."""
    for count in (1, 2, 3):
        try:
            result = getattr(np, name)(*(cr.Parameter(f"p{k}", (3, 3)) for k in range(count)))
        except (ArgumentError, TypeError):
            continue
        assert name in ("shape", "ndim", "iterable", "printoptions")
        assert name == "printoptions" or result in ((3, 3), 2, False)


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
