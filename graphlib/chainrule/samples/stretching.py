"""Feeds of which one is much larger or smaller than the others: conditions on values are met that are not otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chainrule.core.graph import BaseGraph
from chainrule.core.node import Node
from chainrule.samples.domains import ANY, POSITIVE, Array, domains

_BY = 1e3
_MOST = 12  # leaves that are stretched


def stretched_feeds(
    graph: BaseGraph, feeds: Mapping[str, Array], sizes: Mapping[str, int]
) -> Iterator[dict[str, Array]]:
    """The given feeds, each in turn a thousand times as large, alone or beside smaller ones, turned, and smaller.

    Labels, indices and what has to lie in an interval stay as they are.

    >>> import numpy as np
    >>> from chainrule import Graph, Parameter, Sum
    >>> graph = Graph(Sum(Parameter("a", ()) * Parameter("b", ())))
    >>> for feeds in stretched_feeds(graph, {"a": np.array(1.0), "b": np.array(1.0)}, {}):
    ...     print({name: float(value) for name, value in feeds.items()})
    {'a': 1000.0, 'b': 1.0}
    {'a': 1000.0, 'b': 0.001}
    {'a': -1000.0, 'b': 0.001}
    {'a': 0.001, 'b': 1.0}
    {'a': 1.0, 'b': 1000.0}
    {'a': 0.001, 'b': 1000.0}
    {'a': 0.001, 'b': -1000.0}
    {'a': 1.0, 'b': 0.001}
    """
    asked = domains(graph, sizes)
    free = [node for node in (*graph.inputs, *graph.parameters) if _is_free(node) and asked[node] in (ANY, POSITIVE)]
    names = [graph.name(node) for node in free][:_MOST]
    for name in names:
        turned = ((-_BY, 1 / _BY),) if asked[graph[name]] == ANY else ()
        for mine, others in ((_BY, 1.0), (_BY, 1 / _BY), *turned, (1 / _BY, 1.0)):
            yield {**feeds, **{other: feeds[other] * (mine if other == name else others) for other in names}}


def _is_free(node: Node) -> bool:
    return bool(node.dtype.kind == "f")
