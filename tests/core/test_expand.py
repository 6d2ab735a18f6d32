"""Opened nodes compute what the node computes, over every axis and every fact, value and gradient."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError

SHAPE = (2, 3, 5)
AXES = [None, 0, 1, 2, -1, (0, 2), (1, -1), (0, 1, 2)]
X = cr.Input("x", SHAPE)


def draw(seed=0):
    return np.random.default_rng(seed).normal(size=SHAPE)


def assert_opened_computes_the_same(node, feeds):
    """The upstream gradient has an entry of its own everywhere, so that no two can be confused."""
    graph = cr.Graph(node)
    opened = graph.expand()
    assert opened.outputs[0].name == node.name
    assert type(opened.outputs[0]) is not type(node)
    runs = [each.forward(feeds) for each in (graph, opened)]
    assert runs[0][node.name].shape == runs[1][node.name].shape
    seed = np.random.default_rng(1).normal(size=runs[0][node.name].shape)
    gradients = [run.backward(seed=seed)["x"] for run in runs]
    # a dozen roundings of numbers of size 1 to 10
    np.testing.assert_allclose(runs[1][node.name], runs[0][node.name], rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("kind", [cr.Softmax, cr.LogSoftmax])
def test_what_is_normalized_along_an_axis(kind, axis):
    assert_opened_computes_the_same(kind(X, axis=axis, name="y"), {"x": draw()})


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
def test_logsumexp(axis, keepdims):
    assert_opened_computes_the_same(cr.LogSumExp(X, axis=axis, keepdims=keepdims, name="y"), {"x": draw()})


@pytest.mark.parametrize("kind", [cr.Sigmoid, cr.Tanh, cr.Softplus])
def test_functions_of_one_value(kind):
    assert_opened_computes_the_same(kind(X, name="y"), {"x": draw()})


@pytest.mark.parametrize("kind", [cr.Softmax, cr.LogSoftmax, cr.LogSumExp, cr.Softplus])
def test_what_subtracts_the_largest_entry_does_not_overflow_when_opened(kind):
    """Warnings are errors: exp(1000) would be one. Every column has a largest entry of its own."""
    facts = {} if kind is cr.Softplus else {"axis": 1}
    x = draw() + np.array([1000.0, -1000.0, 500.0, -500.0, 0.0])
    assert_opened_computes_the_same(kind(X, name="y", **facts), {"x": x})


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(3, 5), (2, 5), (1, 5), (2, 3, 5), (1, 3, 5), (5,), (1, 1, 5)])
@pytest.mark.parametrize("kind", [cr.BCELoss, cr.SigmoidBCELoss, cr.MSELoss, cr.HingeLoss])
def test_losses_of_single_values(kind, shape, reduction):
    rng = np.random.default_rng(2)
    x = rng.uniform(0.1, 0.9, size=shape)
    labels = rng.choice([-1.0, 1.0], size=shape) if kind is cr.HingeLoss else rng.uniform(0.1, 0.9, size=shape)
    node = kind(cr.Input("x", shape), cr.Input("labels", shape), reduction=reduction, name="L")
    assert_opened_computes_the_same(node, {"x": x, "labels": labels})


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 5), (1, 5)])
@pytest.mark.parametrize("kind", [cr.CrossEntropyLoss, cr.SoftmaxCrossEntropyLoss])
def test_losses_over_classes(kind, shape, reduction):
    rng = np.random.default_rng(3)
    x, labels = rng.uniform(0.1, 0.9, size=shape), rng.uniform(0.1, 0.9, size=shape)
    node = kind(cr.Input("x", shape), cr.Input("labels", shape), reduction=reduction, name="L")
    assert_opened_computes_the_same(node, {"x": x, "labels": labels})


def test_a_row_is_opened_without_a_sum_over_rows():
    node = cr.MSELoss(cr.Input("x", (1, 5)), cr.Input("labels", (1, 5)), reduction="none", name="L")
    assert [type(each).__name__ for each in cr.Graph(node).expand()] == ["Input", "Input", "Subtract", "Square"]


def test_a_loss_of_unknown_shape_is_not_opened():
    class Untraced(cr.Node):
        def forward(self, x):
            return np.array([float(v) for v in x.ravel()]).reshape(x.shape)

        def backward(self, grad, y, x):
            return (grad,)

        def shape_of(self, x):
            return None

    node = cr.MSELoss(Untraced(cr.Input("x", (2, 5)), name="u"), cr.Input("labels", (2, 5)), name="L")
    with pytest.raises(ArgumentError) as caught:
        cr.Graph(node).expand("L")
    shown = str(caught.value).splitlines()
    assert shown[0] == "a loss whose shape is unknown cannot be opened"
    assert shown[1].startswith("  where: Square, built at ")
