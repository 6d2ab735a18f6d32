"""New graphs that compute the same: pairs fused into one exact node, nodes opened into simpler ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, final

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Leaf
from chainrule.core.node import Node
from chainrule.errors import ArgumentError

G = TypeVar("G", bound=BaseGraph)
Change = Callable[[Node, tuple[Node, ...]], Node]


@final
@dataclass(frozen=True)
class Fusion(Generic[G]):
    """A fused graph, and the nodes whose gradients it shares with the plain one."""

    graph: G
    twins: Mapping[Node, Node]
    """The counterpart of every node of the plain graph that has the same gradient in the fused one.

    An activation that a fused loss no longer reads has lost the loss's part of its gradient there, and has none here.
    """


def fuse(graph: G) -> G:
    """The graph with every node that says so, with what it reads, replaced by one exact node: ``Node.fuse``.

    The fused loss reads z itself, so its gradient keeps its digits where the activation has rounded to 0 or 1. The
    activation is still computed and read by its name; layers do not matter.
    """
    return fusion(graph).graph


def fusion(graph: G) -> Fusion[G]:
    """The fused graph, and which gradients are the same quantity there."""
    changed: list[tuple[tuple[Node, ...], frozenset[Node]]] = []

    def fused(node: Node, inputs: tuple[Node, ...]) -> Node:
        exact = node.fuse(*inputs)
        if exact is None:
            return node.replace(*inputs)
        changed.append((inputs, frozenset(exact.inputs)))
        return exact.relabel(node.name, like=node)

    new = _rebuild(graph, fused)
    made = _renewed(graph, new, (source for before, after in changed for source in before if source not in after))
    around = {node for before, after in changed for node in _led_around(made, before, after)}
    return Fusion(made, {node: twin for node, twin in new.items() if twin not in around})


def _led_around(graph: BaseGraph, before: Sequence[Node], after: frozenset[Node]) -> set[Node]:
    """The nodes through which a fused node was reached, of which some uses are gone: it reads what they read.

    These are what it no longer reads, and all that lies between what it reads now and what it read before.
    """
    joined = {graph.position(node) for node in after.difference(before)}
    first, region, waiting = min(joined, default=len(graph)), set[int](), list(map(graph.position, before))
    while waiting:
        k = waiting.pop()
        if k > first and k not in region:
            region.add(k)
            waiting.extend(graph.sources[k])
    for k in sorted(region):
        if not joined.isdisjoint(graph.sources[k]):
            joined.add(k)
    between = {graph.order[k] for k in region & joined}
    return between | {node for node in before if node not in after}


def expand(graph: G, nodes: Sequence[str | Node] = ()) -> G:
    """The graph with these nodes opened into simpler ones, all that can be opened when none is named.

    The last of the simpler nodes takes the name, and all of them the layer and the line. Raises ArgumentError for a
    node that is not made of others. The opened forms are those of the textbook: they overflow where it does.
    """
    chosen = {graph[key] for key in nodes}
    for node in chosen:
        if type(node).expand is Node.expand:
            raise _cannot_be_opened(graph, node)

    def opened(node: Node, inputs: tuple[Node, ...]) -> Node:
        return _opened(node, inputs, deep=not chosen) if node in chosen or not chosen else node.replace(*inputs)

    return _renewed(graph, _rebuild(graph, opened))


def _cannot_be_opened(graph: BaseGraph, node: Node) -> ArgumentError:
    opening = [graph.name(one) for one in graph if type(one).expand is not Node.expand]
    remedy = f"graph.expand({', '.join(map(repr, opening))})" if opening else "nothing in this graph can be opened"
    said = f"{type(node).__name__} is not made of simpler nodes"
    return ArgumentError(said, where=node.where, remedy=remedy, node=node)


def _opened(node: Node, inputs: tuple[Node, ...], deep: bool) -> Node:
    """The node built from simpler ones; ``deep`` opens those in turn, until only primitives are left."""
    end = node.expand(*inputs)
    if end is None:
        return node.replace(*inputs)
    new = _nodes_between(end, inputs)
    twins: dict[Node, Node] = {}
    for inner in new:
        sources = tuple(twins.get(source, source) for source in inner.inputs)
        rebuilt = _opened(inner, sources, deep) if deep else inner.replace(*sources)
        twins[inner] = rebuilt.relabel(node.name if inner is end else None, like=node)
    return twins[end]


def _nodes_between(end: Node, inputs: Sequence[Node]) -> list[Node]:
    """The nodes from the inputs, without them, to the end, each behind what it reads."""
    order: list[Node] = []
    waiting, seen = [end], set(inputs)
    while waiting:
        node = waiting[-1]
        missing = [source for source in node.inputs if source not in seen]
        if node in seen or not missing:
            waiting.pop()
            if node not in seen:
                seen.add(node)
                order.append(node)
        else:
            waiting.extend(missing[::-1])
    return order


def _rebuild(graph: BaseGraph, change: Change) -> dict[Node, Node]:
    """Every node's counterpart: leaves stay themselves, the rest is made by ``change`` from its new inputs."""
    new: dict[Node, Node] = {}
    for node in graph.order:
        new[node] = node if isinstance(node, Leaf) else change(node, tuple(new[source] for source in node.inputs))
    return new


def _renewed(graph: G, new: dict[Node, Node], watched: Iterable[Node] = ()) -> G:
    watch = dict.fromkeys([*(new[node] for node in graph.watch), *watched])
    return type(graph)(*(new[node] for node in graph.outputs), watch=watch)


def rebuilt(graph: G, change: Change) -> G:
    """The graph whose every node but the leaves is what ``change`` makes of it and of its new inputs."""
    return _renewed(graph, _rebuild(graph, change))
