"""The backward pass of a graph as a graph: its outputs are gradients, by their names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from chainrule.calculus.sweeping import leading_to, swept
from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant, Input
from chainrule.core.node import Node, on_behalf_of
from chainrule.core.translating import Translation
from chainrule.errors import ArgumentError, UnknownNameError

G = TypeVar("G", bound=BaseGraph)
_FRAME = "backward"


def backward(graph: G, names: Sequence[str | Node] = ()) -> G:
    """The graph of these gradients, those of all parameters when none is named; ``Graph.backward`` says more."""
    wanted = wanted_nodes(graph, names)
    starts = {node: start_of(graph, node) for node in graph.outputs if node.dtype.kind == "f"}
    found = gradients(graph, wanted, starts)
    if missing := [graph.name(node) for node in wanted if node not in found and names]:
        raise _without_gradient(missing)
    if not found:
        raise _without_gradient(list(map(graph.name, wanted)))
    return type(graph)(*found.values(), watch=graph.watch)


def wanted_nodes(graph: BaseGraph, names: Sequence[str | Node]) -> list[Node]:
    """The nodes of these names, or all parameters; raises ArgumentError where there is none."""
    wanted = [graph[name] for name in names] or list(graph.parameters)
    if not wanted:
        raise ArgumentError(
            "this graph has no parameters, so say whose gradients are wanted",
            given=", ".join(graph.names[:20]),
            remedy=f"graph.backward({graph.names[0]!r})",
        )
    return list(dict.fromkeys(wanted))


def start_of(graph: BaseGraph, output: Node) -> Node:
    """What the gradient of an output starts with: 1 for a number, an input for an array."""
    if output.shape == ():
        return Constant(1.0)
    if output.shape is None:
        raise ArgumentError(
            f"the shape of {graph.name(output)} is unknown, and so is that of its gradient",
            where=output.where,
            remedy="def shape_of(self, ...) in its class says it; or Sum or Mean of it",
        )
    return _as_gradient(Input(graph.gradient_name(output), output.shape))


def gradients(graph: BaseGraph, wanted: Sequence[Node], starts: Mapping[Node, Node]) -> dict[Node, Node]:
    """The gradients of these nodes as nodes with the names of gradients; none for a node that has none."""
    translation = Translation(graph.order)

    def label(k: int, grad: Node) -> None:
        if graph.order[k].name is not None and grad in translation.fresh and grad.name is None and grad.inputs:
            _named(grad, graph.gradient_names[k])

    wired = leading_to(graph, set(wanted))
    frame = frame_of(graph)
    found = swept(wired, starts, translation, (frame,), label)
    outputs: dict[Node, Node] = {}
    for node in wanted:
        if node in found:
            with on_behalf_of(node, frame):
                outputs[node] = _output(found[node], graph.gradient_name(node), translation.fresh)
    return outputs


def frame_of(graph: BaseGraph) -> str:
    """The frame around the nodes of the backward pass: "backward", "backward 2" for that of a backward pass."""
    frames = {node.layer[0] for node in graph.order if node.layer}
    k = next(k for k in range(1, len(frames) + 2) if _numbered(k) not in frames)
    return _numbered(k)


def _numbered(k: int) -> str:
    return _FRAME if k == 1 else f"{_FRAME} {k}"


def _named(node: Node, name: str) -> Node:
    """A node that nobody has seen yet, called by the name of a gradient."""
    node.__dict__["name"] = name
    return _as_gradient(node)


def _as_gradient(node: Node) -> Node:
    node.__dict__["is_gradient"] = True
    return node


def _output(grad: Node, name: str, fresh: Collection[Node]) -> Node:
    """The node that has this name alone: one that is called otherwise, or is a leaf, is taken once more."""
    if grad.name == name:
        return grad
    if grad.name is None and grad.inputs and grad in fresh:
        return _named(grad, name)
    twin = Constant(grad.value) if isinstance(grad, Constant) else grad * 1.0
    return _named(twin, name)


def _without_gradient(names: Iterable[str]) -> UnknownNameError:
    listed = list(names)
    return UnknownNameError(
        f"{', '.join(map(repr, listed))} {'has' if len(listed) == 1 else 'have'} no gradient",
        remedy="constants, whole numbers and labels have none, nor does what the loss does not depend on",
    )
