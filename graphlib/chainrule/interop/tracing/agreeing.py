"""Whether a function and the graph that was read off it give the same for arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import prod
from typing import Any, TypeAlias

import numpy as np

from chainrule.core.leaves import Leaf
from chainrule.core.node import Node
from chainrule.core.variables import Path, reached
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.graph import Graph
from chainrule.interop.tracing.leaves_from_shapes import Call
from chainrule.samples.domains import numbers_of
from chainrule.samples.sampling import generic_sizes, sample_feeds
from chainrule.symbols.dimensions import names_in

Place: TypeAlias = tuple[Path, int]
"""Where a value stands in what a function returns: the way to it, and how often that was gone before."""

_MOST = 1_000_000  # entries of all leaves together, above which nothing is tried: an embedding of a language has more
_CLOSE = 1e-6  # of the largest entry: a function may round to float32 on its way, where a graph has one dtype


def by_place(returned: Any) -> dict[Place, Any]:
    """Everything that a function has returned, by where it stands."""
    times: Counter[Path] = Counter()
    found = {}
    for path, part in reached("returned", returned):
        found[path, times[path]] = part
        times[path] += 1
    return found


def require_agreement(graph: Graph, call: Call, values: Mapping[Place, Node]) -> None:
    """Raise ArgumentError where a function gives something else for arrays than its graph.

    ``values`` are the nodes of the graph, by where they stand in what the function returns. What cannot be tried is
    not: where no random data is admitted, or the function raises for what is.
    """
    with np.errstate(all="ignore"):
        if not (feeds := _feeds(graph, call)):
            return
        arrays = _arrays(graph, call, feeds)
        try:
            first = by_place(call.with_arrays(arrays))
        except Exception:  # whatever an author's function raises for data that it is not made for
            return
        run = graph.forward(feeds)
        for place, node in values.items():
            if not _agree(first.get(place), run[node]):
                again = by_place(call.with_arrays(arrays)).get(place)
                raise _differing(call.name, graph, node, first.get(place), again)


def _handed_in(call: Call) -> set[Leaf]:
    return {part for name, value in call.given.items() for _, part in reached(name, value) if isinstance(part, Leaf)}


def _sizes(graph: Graph, call: Call) -> dict[str, int]:
    """A number for every size with a name, of leaves that the graph does not read, too."""
    names = sorted(names_in(size for leaf in _handed_in(call) for size in leaf.shape or ()))
    return {name: 4 + k for k, name in enumerate(names)} | generic_sizes(graph)[0]


def _feeds(graph: Graph, call: Call) -> dict[str, Any]:
    """Random feeds for a graph that is not too large; none where there are none to be had."""
    try:
        sizes = _sizes(graph, call)
        entries = sum(prod(numbers_of(leaf, sizes)) for leaf in {*graph.leaves, *_handed_in(call)})
        return {**sample_feeds(graph, sizes=sizes)} if entries <= _MOST else {}
    except ChainruleError:
        return {}


def _arrays(graph: Graph, call: Call, feeds: Mapping[str, Any]) -> dict[Node, Any]:
    """An array for every leaf that was handed in: what is fed for it, or one that the graph does not read."""
    rng, sizes = np.random.default_rng(0), _sizes(graph, call)
    found: dict[Node, Any] = {}
    for leaf in _handed_in(call):
        name = graph.name(leaf) if leaf in graph else ""
        found[leaf] = feeds[name] if name in feeds else rng.uniform(0.1, 0.9, numbers_of(leaf, sizes))
    return found


def _agree(found: Any, expected: Any) -> bool:
    """Whether an array is what the graph gives; nodes, which a function may close over, are not compared."""
    if isinstance(found, Node):
        return True
    if np.shape(found) != np.shape(expected) or np.asarray(found).dtype.kind not in "fiub":
        return False
    largest = np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))
    return bool(np.allclose(found, expected, rtol=_CLOSE, atol=_CLOSE * largest, equal_nan=True))


def _differing(name: str, graph: Graph, node: Node, first: Any, again: Any) -> ArgumentError:
    """The error for a function that gives one thing for arrays and another for nodes, or for arrays twice."""
    if not _agree(first, again):
        return ArgumentError(
            f"{name} gives something else each time it is called, so no graph computes what it does",
            where=node.where,
            given=f"{graph.name(node)} differs for the same arrays",
            remedy="hand in what it draws at random, or remembers: mask=(3, 'm')",
        )
    return ArgumentError(
        f"{name} gives something else for arrays than for nodes",
        where=node.where,
        given=f"{graph.name(node)} for random arrays is {_shown(first)} which the graph does not compute",
        remedy="no branch on isinstance(x, np.ndarray), and Z = Z + b in the place of Z += b where Z has a second name",
    )


def _shown(value: Any) -> str:
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) and value.ndim else repr(value)
