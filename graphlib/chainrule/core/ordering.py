"""The topological order of nodes: the order in which they were built, as far as that is one; the error for a cycle."""

from __future__ import annotations

import graphlib
import heapq
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from chainrule.errors import CycleError

Built = tuple[int, ...]
"""When a node was built: a count, and for a node that a rewriting put in another's place that one's count before it."""


class HasInputs(Protocol):
    """Anything that is computed from inputs of its own kind, and knows when it was built."""

    @property
    def inputs(self) -> Sequence[HasInputs]:
        """What it is computed from."""
        ...

    @property
    def built(self) -> Built:
        """When it was built, before or after others."""
        ...


T = TypeVar("T", bound=HasInputs)


def topological_order(ends: Iterable[T]) -> tuple[T, ...]:
    """All that ``ends`` are computed from, each behind its inputs, and otherwise in the order in which it was built.

    So a graph reads like the lines that built it, in every process that runs them. Raises CycleError, naming the nodes
    of one cycle.
    """
    found = _all_before(ends)
    order = sorted(found, key=lambda node: node.built)
    return tuple(order if _is_topological(order) else _first_built_first(found))


def _all_before(ends: Iterable[T]) -> dict[T, Sequence[T]]:
    found: dict[T, Sequence[T]] = {}
    waiting = list(ends)[::-1]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found[node] = node.inputs  # type: ignore[assignment]  # inputs are of the same kind
            waiting.extend(reversed(found[node]))
    return found


def _is_topological(order: Sequence[T]) -> bool:
    seen: set[HasInputs] = set()
    for node in order:
        if not seen.issuperset(node.inputs):
            return False
        seen.add(node)
    return True


def _first_built_first(found: dict[T, Sequence[T]]) -> list[T]:
    """Of the nodes whose inputs all stand there already, the one that was built first is next."""
    sorter = graphlib.TopologicalSorter(found)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        cycle = error.args[1][::-1]
        raise CycleError(
            "a node feeds itself",
            where=getattr(cycle[0], "where", ""),
            given=" → ".join(map(_short, cycle)),
            remedy="build new nodes; never change one",
        ) from None
    place = {node: k for k, node in enumerate(found)}  # nodes cannot be compared, and two may be built alike
    order: list[T] = []
    ready: list[tuple[Built, int, T]] = []
    while sorter.is_active():
        for node in sorter.get_ready():
            heapq.heappush(ready, (node.built, place[node], node))
        order.append(heapq.heappop(ready)[-1])
        sorter.done(order[-1])
    return order


def _short(node: object) -> str:
    return f"{type(node).__name__} {getattr(node, 'name', None) or ''}".strip()
