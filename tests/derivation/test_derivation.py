"""Every line of a derivation, evaluated as the text it prints, equals the number that the engine computes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from printed_lines import evaluated
from random_graphs import random_graph

import chainrule as cr

RNG = np.random.default_rng(20)


def assert_lines_hold(graph: cr.Graph, feeds: dict[str, Any], convention: str = "mean") -> int:
    """Evaluate every step of every line on a run's values; return how many steps there were."""
    run = graph.forward(feeds)
    run.backward({node: np.ones(run[node].shape) for node in graph.outputs})
    m = next((run[node].shape[-1] for node in graph.inputs if node.shape and str(node.shape[-1]) == "m"), None)
    derivation = graph.derivation(convention)
    names = {**run.values, **{"d" + name: gradient for name, gradient in run.gradients.items()}}
    if m is not None:
        names["m"] = m
    if convention == "per-example":
        names |= {"d" + name: g * m for name, g in run.gradients.items() if g.ndim == 2 and g.shape[-1] == m}
    count = 0
    for formula in derivation.values():
        expected = names[formula.name]
        scale = np.abs(expected).max(initial=1e-3)  # terms of size 1 may cancel to nothing: 1e-13 is a rounding then
        for step in formula.steps:
            text = _printed(step)
            value = np.asarray(evaluated(text, names), dtype=float)
            assert value.shape == expected.shape, f"{formula.name} = {text}: {value.shape}, not {expected.shape}"
            # 1e-10: the printed form rounds otherwise than the exact form, 1 - a by up to 1e-14 at |z| < 5
            np.testing.assert_allclose(
                value / scale, expected / scale, atol=1e-10, rtol=0, err_msg=f"{formula.name} = {text}"
            )
            count += 1
    return count


def _printed(step: Any) -> str:
    from chainrule.notation import TextPrinter

    return TextPrinter().print(step)


def parameter(name: str, *shape: int, low: float = -2.0, high: float = 2.0) -> tuple[cr.Parameter, Any]:
    return cr.Parameter(name, shape), RNG.uniform(low, high, shape)


UNARY = [
    cr.Negate, cr.Square, cr.Exp, cr.Abs, cr.Sin, cr.Cos, cr.Tanh, cr.Sigmoid, cr.ReLU, cr.LeakyReLU, cr.Softplus,
    cr.GELU, cr.Transpose, cr.Sum, cr.Mean, cr.Max, cr.LogSumExp, cr.Softmax, cr.LogSoftmax, cr.Reshape,
]  # fmt: skip
BINARY = [cr.Add, cr.Subtract, cr.Multiply, cr.Divide, cr.Maximum, cr.Minimum]
REDUCTIONS = [cr.Sum, cr.Mean, cr.Max, cr.LogSumExp]


@pytest.mark.parametrize("kind", UNARY)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4)])
def test_lines_of_nodes_with_one_input(kind: Any, shape: tuple[int, ...]) -> None:
    if kind in (cr.Softmax, cr.LogSoftmax) and not shape:
        pytest.skip("a softmax needs an axis")
    x, value = parameter("x", *shape)
    assert assert_lines_hold(cr.Graph(kind(x, name="y")), {"x": value}) >= 2


@pytest.mark.parametrize("kind", [cr.Sqrt, cr.Log])
def test_lines_of_nodes_for_positive_values(kind: Any) -> None:
    x, value = parameter("x", 2, 3, low=0.5)
    assert assert_lines_hold(cr.Graph(kind(x, name="y")), {"x": value}) >= 2


@pytest.mark.parametrize("kind", BINARY)
@pytest.mark.parametrize(
    ("a", "b"), [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 3)), ((2, 3), (5, 1, 1))]
)
def test_lines_of_nodes_that_broadcast(kind: Any, a: tuple[int, ...], b: tuple[int, ...]) -> None:
    x, u = parameter("x", *a)
    y, v = parameter("y", *b, low=0.5)
    assert assert_lines_hold(cr.Graph(kind(x, y, name="z")), {"x": u, "y": v}) >= 3


@pytest.mark.parametrize("kind", REDUCTIONS)
@pytest.mark.parametrize("axis", [0, -1, (0, 2), None])
@pytest.mark.parametrize("keepdims", [False, True])
def test_lines_of_reductions(kind: Any, axis: Any, keepdims: bool) -> None:
    x, value = parameter("x", 2, 3, 4)
    assert assert_lines_hold(cr.Graph(kind(x, axis=axis, keepdims=keepdims, name="y")), {"x": value}) >= 2


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((2,), (2,)),
        ((2,), (2, 3)),
        ((3, 2), (2,)),
        ((3, 2), (2, 5)),
        ((7, 3, 2), (2, 5)),
        ((7, 3, 2), (2,)),
        ((2,), (7, 2, 3)),
    ],
)
def test_lines_of_matrix_products(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    x, u = parameter("x", *a)
    y, v = parameter("y", *b)
    assert assert_lines_hold(cr.Graph(cr.MatMul(x, y, name="z")), {"x": u, "y": v}) >= 3


LABELS = {
    "BCELoss": (0.1, 0.9, lambda: RNG.integers(0, 2, (3, 5))),
    "SigmoidBCELoss": (-2, 2, lambda: RNG.integers(0, 2, (3, 5))),
    "CrossEntropyLoss": (0.1, 0.9, lambda: np.eye(3)[:, RNG.integers(0, 3, 5)]),
    "SoftmaxCrossEntropyLoss": (-2, 2, lambda: np.eye(3)[:, RNG.integers(0, 3, 5)]),
    "MSELoss": (-2, 2, lambda: RNG.normal(size=(3, 5))),
    "HingeLoss": (-2, 2, lambda: RNG.choice([-1, 1], (3, 5))),
}


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_lines_of_losses(name: str, reduction: str) -> None:
    low, high, labels = LABELS[name]
    x, y = cr.Parameter("x", (3, "m")), cr.Input("y", (3, "m"))
    loss = getattr(cr, name)(x, y, reduction=reduction, name="L")
    assert assert_lines_hold(cr.Graph(loss), {"x": RNG.uniform(low, high, (3, 5)), "y": labels()}) >= 2


def test_lines_of_the_remaining_nodes() -> None:
    x, value = parameter("x", 4, 3, low=0.5)
    table, rows = parameter("t", 3, 6)
    ids, chosen = cr.Input("ids", ("k",), dtype=int), cr.Input("c", (4, 3), dtype=bool)
    feeds = {"x": value, "t": rows, "ids": [5, 0, 5, 2], "c": RNG.integers(0, 2, (4, 3))}
    nodes = [
        cr.Power(x, 3, name="cube"),
        cr.Power(x, 2.5, name="p"),
        cr.Power(x, x, name="q"),
        cr.Clip(x, low=0.7, high=1.5, name="clipped"),
        cr.Where(chosen, x, 2 * x, name="w"),
        cr.Concatenate(x, x * x, axis=0, name="cat"),
        cr.Index(x, key=(slice(1, 3), 0), name="i"),
        cr.Index(x, key=np.array([0, 0, 2]), name="j"),
        cr.Gather(table, ids, axis=1, name="g"),
        cr.Reshape(x, to=(2, -1), name="r"),
        cr.Transpose(x, axes=(1, 0), name="tr"),
    ]
    ends = [cr.Sum(cr.Square(node)) for node in nodes]
    assert assert_lines_hold(cr.Graph(*ends), feeds) >= len(nodes)


def network(
    sizes: tuple[int, ...], activation: Any = cr.Sigmoid, loss: Any = cr.BCELoss, last: Any = cr.Sigmoid
) -> cr.Graph:
    a, y = cr.Input("A0", (sizes[0], "m")), cr.Input("Y", (sizes[-1], "m"))
    for k, (n_in, n_out) in enumerate(itertools.pairwise(sizes), 1):
        w, b = cr.Parameter(f"W{k}", (n_out, n_in)), cr.Parameter(f"B{k}", (n_out, 1))
        z = cr.Add(cr.MatMul(w, a), b, name=f"Z{k}")
        a = (activation if k < len(sizes) - 1 else last)(z, name=f"A{k}")
    return cr.Graph(loss(a, y, name="L"))


def fed(graph: cr.Graph, m: int = 5) -> dict[str, Any]:
    params = {name: value + RNG.normal(0, 0.3, value.shape) for name, value in graph.initialize(1).items()}
    sizes = {node.name: node.shape[0] for node in graph.inputs}
    labels = np.eye(max(sizes["Y"], 2))[: sizes["Y"], RNG.integers(0, max(sizes["Y"], 2), m)]
    return {**params, "A0": RNG.normal(size=(sizes["A0"], m)), "Y": labels}


@pytest.mark.parametrize("convention", ["mean", "per-example"])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(
    "graph",
    [
        network((2, 3, 3, 1)),
        network((2, 4, 3, 1), cr.Tanh),
        network((4, 6, 3), cr.ReLU, cr.CrossEntropyLoss, cr.Softmax),
        network((2, 4, 3), cr.Tanh, cr.MSELoss, cr.Sigmoid),
        network((2, 4, 3), cr.GELU, cr.HingeLoss, cr.Tanh),
    ],
    ids=["2-3-3-1", "tanh", "softmax", "mse", "hinge"],
)
def test_lines_of_networks_in_either_convention(graph: cr.Graph, fused: bool, convention: str) -> None:
    graph = graph.fuse() if fused else graph
    assert assert_lines_hold(graph, fed(graph), convention) >= 10


def test_the_lines_of_the_document_are_recognizable() -> None:
    backward = {name: str(line) for name, line in network((2, 3, 3, 1)).derivation().items() if name.startswith("d")}
    assert backward == {
        "dA3": "((1 - Y) / (1 - A3) - Y / A3) / m",
        "dZ3": "(A3 - Y) / m",
        "dW3": "dZ3 @ A2.T",
        "dB3": "dZ3.sum(axis=1, keepdims=True)",
        "dA2": "W3.T @ dZ3",
        "dZ2": "dA2 * A2 * (1 - A2)",
        "dW2": "dZ2 @ A1.T",
        "dB2": "dZ2.sum(axis=1, keepdims=True)",
        "dA1": "W2.T @ dZ2",
        "dZ1": "dA1 * A1 * (1 - A1)",
        "dW1": "dZ1 @ A0.T",
        "dB1": "dZ1.sum(axis=1, keepdims=True)",
        "dA0": "W1.T @ dZ1",
    }


def test_the_per_example_convention_leaves_m_to_the_parameters() -> None:
    lines = network((2, 3, 3, 1)).fuse().derivation("per-example")
    assert [str(lines[name]) for name in ("dZ3", "dW3", "dB3", "dA2")] == [
        "A3 - Y",
        "dZ3 @ A2.T / m",
        "dZ3.sum(axis=1, keepdims=True) / m",
        "W3.T @ dZ3",
    ]


@pytest.mark.parametrize("fused", [False, True])
def test_the_cancellation_shows_both_factors_and_then_the_difference(fused: bool) -> None:
    graph = network((2, 3, 1))
    line = (graph.fuse() if fused else graph).derivation()["dZ2"]
    first, last = map(_printed, line.steps)
    assert last == "(A2 - Y) / m"
    assert first == ("((1 - Y) * A2 - Y * (1 - A2)) / m" if fused else "dA2 * A2 * (1 - A2)")


def test_gradients_of_inputs_are_known_but_not_listed() -> None:
    derivation = network((2, 3, 1)).derivation()
    assert "dA0" in derivation
    assert "dA0" not in str(derivation)


def test_fan_out_is_the_sum_of_what_each_consumer_sends() -> None:
    x = cr.Input("x")
    q = cr.Square(x, name="q")
    graph = cr.Graph(cr.Add(cr.Multiply(q, x, name="r"), cr.Exp(q, name="s"), name="f"))
    line = graph.derivation()["dq"]
    assert {name: _printed(part) for name, part in line.contributions} == {"r": "x", "s": "s"}
    assert "x from r" in str(graph.derivation())


def test_a_gradient_that_only_passes_through_has_no_line_of_its_own() -> None:
    x, y = cr.Input("x"), cr.Input("y")
    q = cr.Add(x, y, name="q")
    f = cr.Exp(cr.Add(q, 1, name="r"), name="f")
    text = str(cr.Graph(f).derivation())
    assert "dr = f" in text
    assert "dq" not in text
    assert "dx = dr" in text


class _Loop(cr.Node):
    def forward(self, x: Any) -> Any:
        return np.array([v if v > 0 else 0.0 for v in x.ravel()]).reshape(x.shape)

    def backward(self, grad: Any, y: Any, x: Any) -> Any:
        return (np.array([g if v > 0 else 0.0 for g, v in zip(grad.ravel(), x.ravel(), strict=True)]).reshape(x.shape),)


class _Swish(cr.Node):
    def forward(self, x: Any) -> Any:
        return x / (1 + np.exp(-x))

    def backward(self, grad: Any, y: Any, x: Any) -> Any:
        s = 1 / (1 + np.exp(-x))
        return (grad * (s + y * (1 - s)),)


def test_a_rule_that_cannot_be_traced_prints_as_its_class_name_and_the_rest_stands() -> None:
    w, x = cr.Parameter("w", (3, 2)), cr.Input("x", (2, "m"))
    graph = cr.Graph(cr.Sum(cr.Square(_Loop(cr.MatMul(w, x, name="z"), name="a")), name="L"))
    text = str(graph.derivation())
    assert "a = _Loop(z)" in text
    assert "dw = dz @ x.T" in text
    assert "dz = _Loop" in text


def test_a_custom_rule_in_plain_numpy_gives_its_formula() -> None:
    x, value = parameter("x", 3, 4)
    assert assert_lines_hold(cr.Graph(cr.Sum(_Swish(x, name="y"), name="L")), {"x": value}) >= 4


@pytest.mark.parametrize("seed", range(200))
def test_lines_of_random_graphs(seed: int) -> None:
    random = random_graph(seed)
    assert assert_lines_hold(random.graph, random.feeds) >= 5


def test_a_long_chain_without_names_prints_without_recursion() -> None:
    node: cr.Node = cr.Input("x")
    for _ in range(3000):
        node = cr.Sin(node)
    assert "dx = " in str(cr.Graph(node).derivation())


def test_a_ladder_of_diamonds_does_not_explode() -> None:
    node: cr.Node = cr.Input("x")
    for _ in range(300):
        node = node + node * node
    assert len(str(cr.Graph(node).derivation())) < 300 * 200
