"""The backward pass of a graph as a graph: its outputs are gradients, by their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant, Input
from chainrule.core.node import Node
from chainrule.core.placing import on_behalf_of
from chainrule.core.translating import Translation
from chainrule.errors import ArgumentError, UnknownNameError
from chainrule.program.calculus.sweeping import leading_to, swept

G = TypeVar("G", bound=BaseGraph)
_FRAME = "backward"


def backward(graph: G, names: Sequence[str | Node] = ()) -> G:
    """The graph of these gradients, those of all parameters when none is named; ``Graph.backward`` says more."""
    wanted = wanted_nodes(graph, names)
    starts = {node: start_of(graph, node) for node in graph.outputs if node.dtype.kind == "f"}
    found = gradients(graph, wanted, starts)
    missing = [graph.name(node) for node in wanted if node not in found]
    if missing and (names or not found):
        raise _without_gradient(missing)
    return type(graph)(*found.values(), watch=graph.watch)


def wanted_nodes(graph: BaseGraph, names: Sequence[str | Node]) -> list[Node]:
    """The nodes of these names, or all parameters; raises ArgumentError where there is none."""
    wanted = [graph[name] for name in names] or list(graph.parameters)
    if not wanted:
        raise ArgumentError(
            "this graph has no parameters, so nobody can tell whose gradients are wanted",
            remedy=f"graph.backward({graph.name(graph.leaves[0])!r})",
        )
    return list(dict.fromkeys(wanted))


def start_of(graph: BaseGraph, output: Node) -> Node:
    """What the gradient of an output starts with: 1 for a number, an input of its name for an array."""
    return Constant(1.0) if output.shape == () else fed_like(graph, output, graph.gradient_name(output))


def fed_like(graph: BaseGraph, node: Node, name: str) -> Node:
    """An input of the shape of a node, for a gradient or a direction; raises ArgumentError where that is unknown."""
    if node.shape is None:
        raise ArgumentError(
            f"the shape of {graph.name(node)} is unknown, and so is that of {name}",
            where=node.where,
            remedy="def shape_of(self, ...) in its class says it; or Sum or Mean of it",
        )
    with on_behalf_of(node):
        fed = Input(name, node.shape)
    fed.__dict__["gradient_order"] = 1 + graph.gradient_order  # nobody has seen it yet
    return fed


def gradients(graph: BaseGraph, wanted: Sequence[Node], starts: Mapping[Node, Node]) -> dict[Node, Node]:
    """The gradients of these nodes as nodes with the names of gradients; none for a node that has none."""
    translation, frame = translating(graph), frame_of(graph)
    taken = {start.name for start in starts.values()}  # of an output that others read the whole gradient is another one

    def label(k: int, grad: Node) -> None:
        named = graph.order[k].name is not None and graph.gradient_names[k] not in taken
        if named and translation.is_unnamed(grad):
            translation.call_it(grad, graph.gradient_names[k])

    found = swept(leading_to(graph, set(wanted)), starts, translation, (frame,), label)
    for node in found.keys() & set(wanted):
        with on_behalf_of(node, frame):
            found[node] = translation.call_it(found[node], graph.gradient_name(node))
    return {node: found[node] for node in wanted if node in found}


def next_name(graph: BaseGraph, node: Node, name: str) -> str:
    """What the next gradient of a node of this name is called, also where the graph does not read the node."""
    return graph.gradient_name(node) if node in graph else f"d{1 + graph.gradient_order}{name}"


def translating(graph: BaseGraph) -> Translation:
    """The translation of what a graph's rules record of gradients: beside its nodes, one order higher."""
    return Translation(graph.order, 1 + graph.gradient_order)


def frame_of(graph: BaseGraph) -> str:
    """The frame around the nodes of the backward pass: "backward", "backward 2" for that of a backward pass."""
    frames = {node.layer[0] for node in graph.order if node.layer}
    return next(name for k in range(1, len(frames) + 2) if (name := _FRAME + f" {k}" * (k > 1)) not in frames)


def _without_gradient(names: Iterable[str]) -> UnknownNameError:
    listed = list(names)
    return UnknownNameError(
        f"{', '.join(map(repr, listed))} {'has' if len(listed) == 1 else 'have'} no gradient",
        remedy="constants, whole numbers and labels have none, nor does what the loss does not depend on",
    )
