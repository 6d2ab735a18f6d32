"""Which nodes of a graph can be reached from a node, within how many edges."""

from __future__ import annotations

from chainrule.core.graph import BaseGraph

REACH = 4  # edges between a node and what its gradient is computed from: W → product → sum → activation → product


def distances_from(graph: BaseGraph, start: int) -> dict[int, int]:
    """How many edges every node near a node is away, whichever way they point."""
    found, border = {start: 0}, [start]
    for far in range(1, REACH + 1):
        border = [near for k in border for near in (*graph.sources[k], *_consumers(graph, k)) if near not in found]
        found.update(dict.fromkeys(border, far))
    return found


def reachable(graph: BaseGraph, start: int, *, forward: bool) -> set[int]:
    """The positions of all that is computed from a node, or of all that it is computed from."""
    seen, waiting = {start}, [start]
    while waiting:
        k = waiting.pop()
        new = set(_consumers(graph, k) if forward else graph.sources[k]) - seen
        seen |= new
        waiting.extend(new)
    return seen - {start}


def _consumers(graph: BaseGraph, k: int) -> list[int]:
    return [consumer for consumer, _ in graph.uses[k]]
