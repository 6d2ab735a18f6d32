"""Names that look like gradients beside gradients: refused where they are, or never mistaken, at every order."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import NameConflictError

WORDS = ["x", "dx", "ddx", "d2x", "dd2x", "d3x", "dddx", "d2dx", "d", "dL", "ddL", "x_along_v", "along", "backward"]


def network(parameter, hidden, loss):
    w = cr.Parameter(parameter, (3,))
    return cr.Graph(cr.Sum(cr.Exp(cr.Sin(w, name=hidden)), name=loss))


def derivatives(w, v):
    """Of Σ exp(sin w): the gradient, and the Hessian times v."""
    e, s, c = np.exp(np.sin(w)), np.sin(w), np.cos(w)
    return e * c, e * (c * c - s) * v


@pytest.mark.parametrize(("parameter", "hidden"), list(itertools.permutations(WORDS, 2)))
def test_every_order_is_right_or_the_names_are_refused(parameter, hidden):
    w, v = np.array([0.3, -0.7, 1.1]), np.array([1.0, 2.0, -0.5])
    gradient, product = derivatives(w, v)
    try:
        graph = network(parameter, hidden, "J")
        first = graph.backward(parameter)
        second = first.backward(parameter)
        along = graph.hvp(parameter, along="v")
        moved = graph.jvp({parameter: "v"})
    except NameConflictError:  # dx beside x; ddx beside x, whose gradient dx has that name for its own; x_along_v twice
        return
    for made in (graph, first, second, along, moved):
        assert len(set(made.names)) == len(made.names)
    np.testing.assert_allclose(first.forward({parameter: w})[first.outputs[0]], gradient, rtol=1e-14)
    (start,) = [leaf.name for leaf in second.inputs]
    feeds = {parameter: w, start: v}
    np.testing.assert_allclose(second.forward(feeds)[second.outputs[0]], product, rtol=1e-13)
    np.testing.assert_allclose(along.forward({parameter: w, "v": v})[along.outputs[0]], product, rtol=1e-13)
    np.testing.assert_allclose(moved.forward({parameter: w, "v": v})[moved.outputs[0]], gradient @ v, rtol=1e-13)
