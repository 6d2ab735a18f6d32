"""fuse and expand: new graphs that compute the same, and say so where they do it better."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.rewriting import fusion

RNG = np.random.default_rng(4)


def classifier(kind: Any, loss: Any, rows: int, reduction: str = "mean", **facts: Any) -> cr.Graph:
    x, y = cr.Input("X", (3, "m")), cr.Input("Y", (rows, "m"))
    with cr.layer("Network"), cr.layer("Layer 1"):
        z = cr.Add(cr.Parameter("W", (rows, 3)) @ x, cr.Parameter("B", (rows, 1)), name="Z")
        a = kind(z, name="A", **facts)
    with cr.layer("Loss"):
        return cr.Graph(loss(a, y, reduction=reduction, name="L"))


def fed(graph: cr.Graph, scale: float = 1.0, m: int = 5) -> dict[str, Any]:
    rows = graph["Y"].shape[0]  # type: ignore[index]  # its shape is known
    labels = np.eye(max(rows, 2))[:rows, RNG.integers(0, max(rows, 2), m)]
    return {
        "W": scale * RNG.normal(size=(rows, 3)),
        "B": RNG.normal(size=(rows, 1)),
        "X": RNG.normal(size=(3, m)),
        "Y": labels,
    }


PAIRS = [
    (cr.Sigmoid, cr.BCELoss, 1, cr.SigmoidBCELoss),
    (cr.Sigmoid, cr.BCELoss, 4, cr.SigmoidBCELoss),
    (cr.Softmax, cr.CrossEntropyLoss, 4, cr.SoftmaxCrossEntropyLoss),
]


def assert_same(one: cr.Graph, other: cr.Graph, feeds: dict[str, Any], names: list[str]) -> None:
    a, b = one.forward(feeds), other.forward(feeds)
    seed = None if a["L"].shape == () else RNG.normal(size=a["L"].shape)
    left, right = a.backward(seed), b.backward(seed)
    np.testing.assert_allclose(a["L"], b["L"], rtol=1e-13)
    for name in names:  # 1e-13 of the largest: two forms of one formula round differently
        np.testing.assert_allclose(left[name], right[name], rtol=0, atol=1e-13 * np.abs(left[name]).max())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("kind", "loss", "rows", "fused"), PAIRS)
def test_the_fused_graph_computes_the_same(kind: Any, loss: Any, rows: int, fused: Any, reduction: str) -> None:
    graph = classifier(kind, loss, rows, reduction)
    assert type(graph.fuse()["L"]) is fused
    assert_same(graph, graph.fuse(), fed(graph), ["W", "B", "X", "Z"])


def test_the_fused_node_keeps_name_layer_and_line_and_the_activation_is_readable() -> None:
    graph = classifier(cr.Sigmoid, cr.BCELoss, 1)
    fused, feeds = graph.fuse(), fed(graph)
    assert (fused["L"].layer, fused["L"].line) == (graph["L"].layer, graph["L"].line)
    np.testing.assert_array_equal(fused.forward(feeds)["A"], graph.forward(feeds)["A"])
    assert "A" not in fused.forward(feeds).backward()
    assert [type(node).__name__ for node in graph.order].count("SigmoidBCELoss") == 0


def test_an_activation_with_other_consumers_keeps_its_gradient() -> None:
    x, y = cr.Parameter("Z", (1, 4)), cr.Input("Y", (1, 4))
    a = cr.Sigmoid(x, name="A")
    graph = cr.Graph(cr.Add(cr.BCELoss(a, y), cr.Mean(cr.Square(a)), name="L"))
    feeds = {"Z": RNG.normal(size=(1, 4)), "Y": [[0, 1, 1, 0]]}
    assert_same(graph, graph.fuse(), feeds, ["Z"])
    assert "A" in graph.fuse().forward(feeds).backward()


def test_where_the_activation_rounds_to_one_only_the_fused_graph_knows_the_gradient() -> None:
    graph = classifier(cr.Sigmoid, cr.BCELoss, 1)
    feeds = {"W": np.full((1, 3), 20.0), "B": [[0.0]], "X": np.ones((3, 1)), "Y": [[0.0]]}
    assert graph.forward(feeds)["A"] == 1
    assert np.isinf(graph.forward(feeds)["L"])
    run = graph.fuse().forward(feeds)
    assert run["L"] == 60
    np.testing.assert_allclose(run.backward()["W"], np.ones((1, 3)), rtol=1e-15)


@pytest.mark.parametrize("axis", [1, None])
def test_a_softmax_over_anything_but_the_rows_is_left_alone(axis: Any) -> None:
    graph = classifier(cr.Softmax, cr.CrossEntropyLoss, 4, axis=axis)
    assert type(graph.fuse()["L"]) is cr.CrossEntropyLoss
    assert_same(graph, graph.fuse(), fed(graph), ["W"])


def test_fusing_twice_and_fusing_nothing_change_nothing() -> None:
    graph = classifier(cr.Sigmoid, cr.BCELoss, 1)
    once = graph.fuse()
    assert str(once.fuse()) == str(once)
    plain = cr.Graph(cr.Exp(cr.Input("x"), name="y"))
    assert str(plain.fuse()) == str(plain)


OPENED = [
    (cr.Sigmoid, {}), (cr.Tanh, {}), (cr.Softplus, {}), (cr.Softmax, {}), (cr.Softmax, {"axis": -1}),
    (cr.LogSoftmax, {}),
    (cr.LogSumExp, {"axis": 0}), (cr.LogSumExp, {"axis": (0, 1), "keepdims": True}), (cr.LogSumExp, {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "facts"), OPENED)
def test_an_opened_node_computes_the_same(kind: Any, facts: dict[str, Any]) -> None:
    x = cr.Parameter("x", (3, 4))
    weights = RNG.normal(size=(3, 4))
    graph = cr.Graph(cr.Sum(kind(x, name="y", **facts) * weights, name="L"))
    opened = graph.expand("y")
    assert type(opened["y"]) is not kind
    assert_same(graph, opened, {"x": RNG.normal(size=(3, 4))}, ["x", "y"])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("kind", "loss", "rows", "fused"), PAIRS)
def test_opened_losses_compute_the_same(kind: Any, loss: Any, rows: int, fused: Any, reduction: str) -> None:
    graph = classifier(kind, loss, rows, reduction)
    feeds = fed(graph)
    assert_same(graph, graph.expand("L"), feeds, ["W", "A"])
    assert_same(graph, graph.fuse().expand("L"), feeds, ["W", "B"])
    assert_same(graph, graph.expand(), feeds, ["W", "Z"])


@pytest.mark.parametrize("loss", [cr.MSELoss, cr.HingeLoss])
def test_other_opened_losses_compute_the_same(loss: Any) -> None:
    graph = classifier(cr.Tanh, loss, 4)
    feeds = {**fed(graph), "Y": RNG.choice([-1.0, 1.0], (4, 5))}
    assert_same(graph, graph.expand("L"), feeds, ["W", "Z"])


def test_expand_without_names_leaves_only_primitives() -> None:
    opened = classifier(cr.Softmax, cr.CrossEntropyLoss, 4).expand()
    kinds = {type(node) for node in opened.order}
    assert all(kind.expand is cr.Node.expand for kind in kinds)
    assert cr.Exp in kinds


def test_the_opened_sigmoid_is_the_circuit_of_the_lecture_in_the_layer_of_the_node() -> None:
    x = cr.Input("x")
    with cr.layer("Neuron"):
        graph = cr.Graph(cr.Sigmoid(x, name="f"))
    opened = graph.expand("f")
    gates = [type(node).__name__ for node in opened.order if not isinstance(node, cr.Leaf)]
    assert gates == ["Negate", "Exp", "Add", "Divide"]
    assert {node.layer for node in opened.order if not isinstance(node, cr.Input)} == {("Neuron",)}
    assert opened["f"].line == graph["f"].line


@pytest.mark.parametrize("name", ["x", "y"])
def test_what_is_not_made_of_others_cannot_be_opened(name: str) -> None:
    graph = cr.Graph(cr.Exp(cr.Input("x"), name="y"))
    with pytest.raises(cr.errors.ArgumentError, match="is not made of simpler nodes") as error:
        graph.expand(name)
    assert error.value.remedy == "nothing in this graph can be opened"
    squared = cr.Graph(cr.Square(cr.Sigmoid(graph["y"], name="s")))
    with pytest.raises(cr.errors.ArgumentError) as error:
        squared.expand("y")
    assert error.value.remedy.startswith("graph.expand('s'")
    with pytest.raises(cr.errors.UnknownNameError):
        graph.expand("nobody")


def test_a_rewritten_graph_shares_its_leaves_with_the_original() -> None:
    graph = classifier(cr.Sigmoid, cr.BCELoss, 1)
    for other in (graph.fuse(), graph.expand()):
        assert other["W"] is graph["W"]


# --- which gradients stay the same ---------------------------------------------------------------------------------


def twins(graph: cr.Graph) -> set[str]:
    return {graph.name(node) for node in fusion(graph).twins}


@pytest.mark.parametrize(("kind", "loss", "rows", "exact"), PAIRS, ids=lambda x: getattr(x, "__name__", str(x)))
def test_the_activation_that_a_fused_loss_passes_by_has_another_gradient_there(
    kind: Any, loss: Any, rows: int, exact: Any
) -> None:
    graph = classifier(kind, loss, rows)
    shared = cr.Graph(cr.Add(graph["L"], cr.Sum(cr.Square(graph["A"])), name="total"))
    for plain in (graph, shared):
        assert set(plain.names) - twins(plain) == {"A"}
        assert twins(plain.fuse()) == set(plain.fuse().names)
    feeds = fed(graph)
    right, fused = shared.forward(feeds).backward(), shared.fuse().forward(feeds).backward()
    for name in ("Z", "W", "B", "X", "L"):
        np.testing.assert_allclose(fused[name], right[name], rtol=1e-12)
    assert not np.allclose(fused["A"], right["A"])


def test_a_graph_in_which_nothing_is_fused_keeps_every_gradient() -> None:
    graph = classifier(cr.Tanh, cr.MSELoss, 4)
    assert twins(graph) == set(graph.names)


class Outer(cr.Node):
    """sin x, which knows itself when it stands behind two other nodes."""

    def forward(self, x: Any) -> Any:
        return np.sin(x)

    def backward(self, grad: Any, y: Any, x: Any) -> Any:
        return (grad * np.cos(x),)

    def fuse(self, *inputs: cr.Node) -> cr.Node | None:
        (inner,) = inputs
        return Whole(inner.inputs[0].inputs[0], inner) if inner.inputs and inner.inputs[0].inputs else None


class Whole(cr.Node):
    """sin exp 2 x, of x and of what lies in between."""

    def forward(self, x: Any, between: Any) -> Any:
        return np.sin(np.exp(2 * x))

    def backward(self, grad: Any, y: Any, x: Any, between: Any) -> Any:
        inner = np.exp(2 * x)
        return grad * np.cos(inner) * 2 * inner, np.zeros_like(between)


def test_all_that_lies_between_what_was_read_and_what_is_read_now_has_another_gradient() -> None:
    x = cr.Parameter("x", (3,))
    double = cr.Multiply(x, 2.0, name="double")
    graph = cr.Graph(cr.Sum(Outer(cr.Exp(double, name="grown"), name="y"), name="L"))
    assert set(graph.names) - twins(graph) == {"double", "grown"}
    feeds = {"x": np.array([0.1, -0.2, 0.3])}
    right = graph.forward(feeds).backward()
    _, gradients = graph.compile(["double", "grown", "x"])(feeds)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, right[name], rtol=1e-14)


def test_many_losses_are_fused_in_a_time_that_grows_like_their_number() -> None:
    """Each looks at the nodes between what it read and what it reads, not at all that stands before them."""
    x, total = cr.Parameter("x", (1, 3)), None
    for k in range(400):
        x = cr.Sigmoid(x, name=f"a{k}")
        loss = cr.BCELoss(x, cr.Input(f"y{k}", (1, 3)))
        total = loss if total is None else total + loss
    assert len(cr.Graph(total).order) - len(twins(cr.Graph(total))) == 400
