"""The models of ONNX's backend tests compiled into plans, and held against the run that ONNX has judged."""

import numpy as np
import pytest
from onnx_cases import CASES, judged

import chainrule as cr
from chainrule.interop.onnx_translation import UnsupportedError

JUDGE = "Run of the ONNX models, for the plans"

NAMES = [name for name in CASES if not name.startswith("test_gradient_of")]


def as_loss(found):
    """A scalar that every floating output goes into, each entry with a weight of its own."""
    rng = np.random.default_rng(0)
    outputs = [node for node in found.graph.outputs if node.dtype.kind == "f"]
    terms = [cr.Sum(node * rng.normal(size=node.shape)) for node in outputs]
    return cr.Graph(sum(terms[1:], start=terms[0])) if terms else None


def compare(actual, expected, tolerance):
    """Agreement relative to the largest entry: sums are taken in another order, so small entries keep fewer digits."""
    finite = np.abs(expected[np.isfinite(expected)])
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * finite.max(initial=0))


# Each is some ten thousand times the rounding of its type: sums of a few hundred entries in another order, and no more.
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("name", [name for name in NAMES if not isinstance(judged(name), UnsupportedError)])
def test_a_plan_gives_what_the_run_gives(name, dtype, tolerance):
    graph = as_loss(judged(name))
    if graph is None:
        pytest.skip("whole numbers and booleans come out, which make no loss")
    feeds = {n: a.astype(dtype) if a.dtype.kind == "f" else a for n, a in judged(name).feeds.items() if n in graph}
    with np.errstate(all="ignore"):
        run = graph.forward(feeds)
        gradients = run.backward()
        loss, planned = graph.compile()(feeds)
    compare(loss, run[graph.outputs[0]], tolerance)
    assert set(planned) == {node.name for node in graph.parameters}
    for key, gradient in planned.items():
        compare(gradient, gradients[key], tolerance)
