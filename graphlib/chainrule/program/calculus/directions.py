"""Products of a graph's derivatives with a direction, as graphs: forward with its Jacobian, and with its Hessian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant
from chainrule.core.node import Node
from chainrule.core.placing import on_behalf_of
from chainrule.errors import ArgumentError, NameConflictError, ShapeError, UnknownNameError
from chainrule.program.calculus.backward import backward, fed_like, frame_of, gradients, next_name, translating
from chainrule.program.calculus.sweeping import leading_to, pushed
from chainrule.symbols.dimensions import shape_text

G = TypeVar("G", bound=BaseGraph)
Directions = Mapping[Any, Any]
"""By name or node: the direction along which it moves, as a name for what is fed, a node, or an array."""


def hvp(graph: G, name: str | Node | Directions, along: Any = None) -> G:
    """The graph of the Hessian times a direction; ``Graph.hvp`` says more."""
    directions = _directions(graph, name, along)
    first = backward(graph, list(directions))
    starts = {first[graph.gradient_name(node)]: direction for node, direction in directions.items()}
    found = gradients(first, [node for node in directions if node in first], starts)
    outputs = [found[node] if node in found else _zeros(first, node, graph.name(node)) for node in directions]
    return type(graph)(*outputs, watch=graph.watch)


def jvp(graph: G, directions: Directions, *of: str | Node) -> G:
    """The graph of how nodes move when others move along directions; ``Graph.jvp`` says more."""
    if not isinstance(directions, Mapping):
        raise ArgumentError(
            "jvp takes a dict with a direction for each value that moves",
            given=repr(directions),
            remedy=f'graph.jvp({{{graph.name((*graph.parameters, *graph.leaves)[0])!r}: "v"}})',
        )
    ends = [graph[key] for key in of] or list(graph.outputs)
    along = _directions(graph, directions, None)
    translation, frame = translating(graph), f"along {', '.join(map(_word, along.values()))}"
    suffix = "_along_" + "_".join(map(_word, along.values()))

    def label(k: int, moved: Node) -> None:
        if graph.order[k].name is not None and translation.is_unnamed(moved):
            translation.call_it(moved, graph.names[k] + suffix)

    moved = pushed(leading_to(graph, set(along)), along, translation, (frame,), label)
    if still := [graph.name(node) for node in ends if node not in moved]:
        raise UnknownNameError(
            f"{', '.join(map(repr, still))} {'does' if len(still) == 1 else 'do'} not move with "
            f"{', '.join(map(graph.name, along))}",
            remedy="what is asked for depends on what moves, by rules that have gradients",
        )
    outputs = []
    for node in dict.fromkeys(ends):
        with on_behalf_of(node, frame):
            outputs.append(translation.call_it(moved[node], graph.name(node) + suffix))
    return type(graph)(*outputs, watch=graph.watch)


def _word(direction: Node) -> str:
    return direction.name or "direction"


def _directions(graph: BaseGraph, given: Any, along: Any) -> dict[Node, Node]:
    """The nodes that move, each with the node that is its direction."""
    pairs = given.items() if isinstance(given, Mapping) else [(given, along)]
    return {graph[key]: _direction(graph, graph[key], direction) for key, direction in pairs}


def _direction(graph: BaseGraph, node: Node, along: Any) -> Node:
    if along is None:
        name = graph.name(node)
        raise ArgumentError(f"along which direction does {name} move?", remedy=f'along="v", and v is fed with {name}')
    if isinstance(along, str):
        if along in graph:
            raise NameConflictError(
                f"a direction for {graph.name(node)} cannot be called {along!r}: this graph has a node of that name",
                where=graph[along].where,
                remedy=f"a name that nothing has: {'v_' + graph.name(node)!r}; or the node itself: graph[{along!r}]",
            )
        return fed_like(graph, node, along)
    direction = along if isinstance(along, Node) else Constant(along)
    if None not in (direction.shape, node.shape) and direction.shape != node.shape:
        raise ShapeError(
            f"a direction for {graph.name(node)} has its shape {shape_text(node.shape)}",
            given=shape_text(direction.shape),
            remedy="a name for what is fed, or an array of this shape",
        )
    return direction


def _zeros(graph: BaseGraph, node: Node, name: str) -> Node:
    """The second gradient of what the first one does not depend on."""
    translation = translating(graph)
    with on_behalf_of(node, frame_of(graph)):
        (zeros,) = translation.apply(np.zeros_like, node)
        return translation.call_it(zeros, next_name(graph, node, name))
