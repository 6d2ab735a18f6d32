"""PyTorch's autograd as judge of the nodes of recorded passes and of those that graphs of today need."""

import numpy as np
import pytest
import torch
from in_turn import every_case
from node_rows import ROWS, examples, gives_numbers
from torch_graph import TORCH
from torch_more import MORE

import chainrule as cr

JUDGE = "PyTorch autograd"
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}  # what is computed in float32 is judged by double precision
MORE_ROWS = [
    row._replace(cases=[case for case in row.cases if row.kind not in TORCH or len(case.shapes) > 1])
    for row in ROWS
    if row.kind in MORE
]


def in_torch(row, case, arrays, grad):
    """The value, and the gradient for every floating input: zeros where nothing arrives."""
    inputs = [torch.from_numpy(np.array(x, np.float64 if x.dtype.kind == "f" else x.dtype)) for x in arrays]
    moving = [x.requires_grad_() for x in inputs if x.dtype == torch.float64]
    facts = cr.Graph(node_of(row, case, arrays)).outputs[0].facts
    value = MORE[row.kind](*inputs, **facts)
    if not value.requires_grad:
        return value.numpy(), [np.zeros(tuple(x.shape)) for x in moving]
    found = torch.autograd.grad(value, moving, torch.from_numpy(np.array(grad, float)), materialize_grads=True)
    return value.detach().numpy(), [gradient.numpy() for gradient in found]


def node_of(row, case, arrays):
    return row.kind(*(cr.Input(f"x{k}", x.shape, x.dtype) for k, x in enumerate(arrays)), name="y", **case.facts)


def by_run(node, feeds, grad):
    run = cr.Graph(node).forward(feeds)
    return run["y"], run.backward(seed=grad) if node.dtype.kind == "f" else {}


def by_plan(node, feeds, grad, names):
    """The gradients by a plan of the sum of the value times the upstream gradient."""
    graph = cr.Graph(cr.Sum(node * cr.Parameter("grad", node.shape), name="L"))
    return graph.compile(names)({**feeds, "grad": grad})[1]


@pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: dtype.__name__)
@every_case([row for row in MORE_ROWS if row.cases])
def test_value_and_gradients_of_a_node(row, case, dtype):
    arrays = [x.astype(dtype) if x.dtype.kind == "f" else x for x in examples(row, case)]
    node, feeds = node_of(row, case, arrays), {f"x{k}": x for k, x in enumerate(arrays)}
    grad = np.asarray(np.random.default_rng(1).normal(size=cr.Graph(node).forward(feeds)["y"].shape), dtype)
    value, gradients = by_run(node, feeds, grad)
    expected, slopes = in_torch(row, case, arrays, grad)
    assert_same(value, expected, dtype)
    names = [name for name in feeds if name in gradients and name != "y"]
    planned = by_plan(node, feeds, grad, names) if names else {}
    floating = [name for name, x in feeds.items() if x.dtype.kind == "f"]
    for name, slope in zip(floating, slopes, strict=True):
        if name not in gradients:
            assert not slope.any() or row.kind in WITHOUT, f"torch has a gradient of {name}"
            continue
        assert_same(gradients[name], slope, dtype)
        assert_same(planned[name], slope, dtype)


# labels are data here, and tensors to torch
WITHOUT = {
    cr.CrossEntropyLoss,
    cr.HuberLoss,
    cr.KLLoss,
    cr.L1Loss,
    cr.NLLLoss,
    cr.SoftmaxCrossEntropyLoss,
}


def assert_same(found, expected, dtype):
    assert found.shape == expected.shape
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected)
        return
    assert found.dtype == dtype
    error, norm = np.linalg.norm(found - expected), np.linalg.norm(expected)
    assert error <= TOLERANCE[dtype] * max(norm, 0.1), f"off by {error}, its norm is {norm}"


def test_every_node_class_is_judged():
    assert {row.kind for row in ROWS} == set(TORCH) | set(MORE)
    assert {kind for kind in MORE if not any(gives_numbers(r, r.cases[0]) for r in ROWS if r.kind is kind)} == {
        cr.And, cr.ArgMax, cr.ArgMin, cr.ArgSort, cr.Equal, cr.Greater, cr.GreaterEqual, cr.IsFinite, cr.IsInfinite,
        cr.IsNaN, cr.Less, cr.LessEqual, cr.Not, cr.NotEqual, cr.Or, cr.Xor,
    }  # fmt: skip
