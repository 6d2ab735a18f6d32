"""The topological order of nodes, deterministic and without recursion; the error that shows a cycle."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from chainrule.errors import CycleError


class HasInputs(Protocol):
    """Anything that is computed from inputs of its own kind."""

    @property
    def inputs(self) -> Sequence[HasInputs]:
        """What it is computed from."""
        ...


T = TypeVar("T", bound=HasInputs)


def topological_order(ends: Iterable[T]) -> tuple[T, ...]:
    """All that ``ends`` are computed from, each behind its inputs; a leaf stands right before its first use.

    The order depends only on the structure: the same graph is sorted the same way in every process.
    Raises CycleError, naming the nodes of one cycle.
    """
    ends = tuple(ends)
    sorter = graphlib.TopologicalSorter(_predecessors(ends))
    try:
        order = tuple(sorter.static_order())
    except graphlib.CycleError as error:
        cycle = error.args[1][::-1]
        raise CycleError(
            "a node feeds itself",
            where=getattr(cycle[0], "where", ""),
            given=" → ".join(map(_short, cycle)),
            remedy="build new nodes; never change one",
        ) from None
    return _leaves_late(order, ends)


def _predecessors(ends: Iterable[T]) -> dict[T, Sequence[T]]:
    found: dict[T, Sequence[T]] = {}
    waiting = list(ends)[::-1]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found[node] = node.inputs  # type: ignore[assignment]  # inputs are of the same kind
            waiting.extend(reversed(found[node]))
    return found


def _leaves_late(order: Sequence[T], ends: Sequence[T]) -> tuple[T, ...]:
    placed: dict[T, None] = {}
    for node in order:
        if node.inputs:
            leaves = (leaf for leaf in node.inputs if not leaf.inputs)
            placed.update(dict.fromkeys((*leaves, node)))  # type: ignore[arg-type]  # inputs are of the same kind
    placed.update(dict.fromkeys(ends))  # an end that is a leaf and feeds nothing
    return tuple(placed)


def _short(node: object) -> str:
    return f"{type(node).__name__} {getattr(node, 'name', None) or ''}".strip()
