"""Which nodes of a graph can be reached from a node, within how many edges."""

from __future__ import annotations

from chainrule.core.graph import BaseGraph

REACH = 4  # edges between a node and what its gradient is computed from: W → product → sum → activation → product


def distances_from(graph: BaseGraph, start: int) -> dict[int, int]:
    """How many edges every node near a node is away, whichever way they point."""
    sources, consumers = _neighbors(graph)
    found, border = {start: 0}, [start]
    for far in range(1, REACH + 1):
        border = [k for node in border for k in (*sources[node], *consumers[node]) if k not in found]
        found.update(dict.fromkeys(border, far))
    return found


def reachable(graph: BaseGraph, start: int, *, forward: bool) -> set[int]:
    """The positions of all that is computed from a node, or of all that it is computed from."""
    sources, consumers = _neighbors(graph)
    steps = consumers if forward else sources
    seen, waiting = {start}, [start]
    while waiting:
        new = set(steps[waiting.pop()]) - seen
        seen |= new
        waiting.extend(new)
    return seen - {start}


def _neighbors(graph: BaseGraph) -> tuple[list[list[int]], list[list[int]]]:
    """The positions of every node's inputs and consumers."""
    sources = [[graph.position(source) for source in node.inputs] for node in graph.order]
    consumers: list[list[int]] = [[] for _ in sources]
    for k, found in enumerate(sources):
        for source in found:
            consumers[source].append(k)
    return sources, consumers
