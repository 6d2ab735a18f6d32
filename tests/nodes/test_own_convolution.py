"""A convolution as a user writes it in plain NumPy: padded, its windows laid out as columns, one matrix product."""

import importlib.util

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import chainrule as cr
from chainrule.errors import ArgumentError, ShapeError
from chainrule.symbols.dimensions import Dimension

m, h = Dimension.named("m"), Dimension.named("h")


def windows(x, size, padding):
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    return sliding_window_view(padded, size, axis=(2, 3))


class Conv2d(cr.Node):
    """Images (batch, channels, height, width) and a kernel (out, channels, rows, columns)."""

    padding: int = 0

    def forward(self, x, kernel):
        columns = windows(x, kernel.shape[2:], self.padding)
        return np.einsum("bchwij,ocij->bohw", columns, kernel)

    def backward(self, grad, y, x, kernel):
        columns = windows(x, kernel.shape[2:], self.padding)
        rows, width = kernel.shape[2:]
        spread = np.zeros_like(np.pad(x, ((0, 0), (0, 0), (self.padding, self.padding), (self.padding, self.padding))))
        for i in range(rows):
            for j in range(width):
                part = np.einsum("bohw,oc->bchw", grad, kernel[:, :, i, j])
                spread[:, :, i : i + grad.shape[2], j : j + grad.shape[3]] += part
        inner = slice(self.padding, -self.padding or None)
        return spread[:, :, inner, inner], np.einsum("bohw,bchwij->ocij", grad, columns)


def small_net(batch="m", padding=1):
    x, y = cr.Input("x", (batch, 2, 6, 5)), cr.Input("Y", (1, batch))
    kernel = cr.Parameter("K", (3, 2, 3, 4), init="normal")
    c = Conv2d(x, kernel, padding=padding, name="C")
    r = cr.ReLU(cr.Add(c, cr.Parameter("b", (3, 1, 1)), name="Z"), name="A")
    pooled = cr.Mean(r, axis=(2, 3), name="P")
    out = cr.MatMul(cr.Parameter("W", (1, 3)), pooled.T, name="O")
    return cr.Graph(cr.BCELoss(cr.Sigmoid(out, name="S"), y, name="L"))


def feeds(size=7, dtype=float):
    random = np.random.default_rng(size)
    values = {name: random.normal(size=s) for name, s in (("K", (3, 2, 3, 4)), ("b", (3, 1, 1)), ("W", (1, 3)))}
    values |= {"x": random.normal(size=(size, 2, 6, 5)), "Y": random.random(size=(1, size))}
    return {name: value.astype(dtype) for name, value in values.items()}


def test_its_shape_is_known_when_it_is_built():
    graph = small_net()
    assert graph["C"].shape == (m, 3, 6, 4)
    assert small_net(padding=0)["C"].shape == (m, 3, 4, 2)
    assert Conv2d(cr.Input("x", ("m", 2, "h", 5)), cr.Parameter("K", (3, 2, 3, 4)), padding=1).shape == (m, 3, h, 4)
    assert graph["P"].shape == (m, 3)
    with pytest.raises(ShapeError):
        cr.MatMul(cr.Parameter("V", (1, 4)), graph["P"].inputs[0])


NO_NUMBA = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="the extra jit is not installed")
BACKENDS = ["numpy", pytest.param("numba", marks=NO_NUMBA)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_its_plan_is_its_run(backend):
    graph = small_net()
    plan = graph.compile(backend=backend)
    for size in (7, 1, 3):
        run = graph.forward(feeds(size))
        run.backward()
        for _ in range(2):
            loss, gradients = plan(feeds(size))
            np.testing.assert_allclose(loss, run["L"], rtol=1e-12)
            for name, gradient in gradients.items():
                np.testing.assert_allclose(gradient, run["d" + name], rtol=1e-10, atol=1e-14, err_msg=name)
    assert "computed as a run" not in plan.explain()
    single = plan(feeds(7, np.float32))[1]["K"]
    assert single.dtype == np.float32


def test_its_derivation_reads_as_formulas():
    lines = str(small_net().derivation()).splitlines()
    assert "C = Conv2d(x, K, padding=1)" in lines
    assert "Z = C + b" in lines
    assert "dZ = dA * (Z > 0)" in lines
    assert "dK = Conv2d.backward(dZ, C, x, K, padding=1)[1]" in lines
    assert not any("not derivable" in line or "MatMul" in line or "Mean(" in line for line in lines)


def test_its_entries_are_refused_or_stand_as_its_name():
    derivation = small_net().derivation()
    with pytest.raises(ArgumentError, match="'C' has 720 entries, more than 200 to write down"):
        derivation.entries("C", m=10)
    assert derivation.entries("dK", m=1)[0, 1, 2, 3] == ("Conv2d.backward(dZ, C, x, K, padding=1)[1][0, 1, 2, 3]")


def test_its_gradients_are_right_by_differences():
    random = np.random.default_rng(0)
    cr.check_node(Conv2d, random.normal(size=(2, 2, 6, 5)), random.normal(size=(3, 2, 3, 4)), padding=1)
    cr.check_node(Conv2d, random.normal(size=(2, 2, 6, 5)), random.normal(size=(3, 2, 3, 4)))
    assert small_net().check_gradients(feeds(2)).ok


def test_a_kernel_larger_than_the_image_is_named_by_the_run():
    x, kernel = cr.Input("x", ("m", 2, "h", 5)), cr.Parameter("K", (3, 2, 3, 4))
    graph = cr.Graph(cr.Sum(Conv2d(x, kernel, name="C"), name="L"))
    data = {"x": np.ones((2, 2, 2, 5)), "K": np.ones((3, 2, 3, 4))}
    for compute in (graph.forward, graph.compile()):
        with pytest.raises(cr.errors.RuleError, match=r"Conv2d 'C'.forward: ValueError: window shape cannot be larger"):
            compute(data)
