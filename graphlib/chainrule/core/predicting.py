"""What a graph can compute without labels, told where they are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant, Input, Leaf, Parameter


def how_to_predict(graph: BaseGraph, feeds: Any) -> str:
    """How to compute what the feeds are enough for, if only the loss needs the others; else ""."""
    if not isinstance(feeds, Mapping) or not all(key in graph for key in feeds):
        return ""
    given = {graph.position(key) for key in feeds}
    missing = {k for k, node in enumerate(graph.order) if _is_fed(node)} - given
    names = [graph.names[k] for k in _last_without(graph, missing, given)]
    if not names:
        return ""
    outputs = repr(names[0]) if len(names) == 1 else names
    nodes = ", ".join(f"graph[{name!r}]" for name in names)
    without = ", ".join(graph.names[k] for k in sorted(missing))
    return f"without {without}: Graph({nodes}).forward(feeds), or graph.compile(outputs={outputs})"


def _is_fed(node: Any) -> bool:
    return isinstance(node, Leaf) and not isinstance(node, Constant)


def _last_without(graph: BaseGraph, missing: set[int], given: set[int]) -> list[int]:
    """The last nodes that follow from the data without the missing feeds, if these are labels.

    They are if no parameter is read on the way from them to the outputs: behind the labels nothing is learned.
    """
    late, data = set(missing), {k for k in given if isinstance(graph.order[k], Input)}
    for k, sources in enumerate(graph.sources):
        if not late.isdisjoint(sources):
            late.add(k)
        if not data.isdisjoint(sources):
            data.add(k)
    read = {source for k in late for source in graph.sources[k]} - late
    if any(isinstance(graph.order[k], Parameter) for k in read | missing):
        return []
    return sorted(k for k in read & data if graph.sources[k])
