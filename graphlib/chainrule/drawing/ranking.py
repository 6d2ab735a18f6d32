"""In which column every item stands, and which arrows are the spine that the computation runs along."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from chainrule.drawing.scene import Arrow, Item, Kind

Ranks: TypeAlias = Mapping[str, int]
_COMPUTED: Final[tuple[Kind, ...]] = ("operation", "value", "layer")


def ranks(items: Sequence[Item], arrows: Sequence[Arrow]) -> dict[str, int]:
    """How many arrows lie before every item; what nothing leads to stands right before what reads it.

    Arrows that close a circle count as none.
    """
    found = {item.id: 0 for item in items}
    layers = {item.id: item.layer for item in items}
    waiting = dict.fromkeys(found, 0)
    leaving: dict[str, list[str]] = {item.id: [] for item in items}
    for arrow in arrows:
        waiting[arrow.target] += 1
        leaving[arrow.source].append(arrow.target)
    starts = [name for name, count in waiting.items() if not count]
    ready = deque(starts)
    while ready:
        source = ready.popleft()
        for target in leaving[source]:
            found[target] = max(found[target], found[source] + length(layers[source], layers[target]))
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    for name in starts:
        nearest = [found[target] - length(layers[name], layers[target]) for target in leaving[name]]
        found[name] = min(nearest, default=found[name])
    return found


def length(source: tuple[str, ...], target: tuple[str, ...]) -> int:
    """Over how many columns an arrow goes at least: over the edge of a frame, two, so that it does not bend there."""
    return 1 if source == target else 2


def spine(items: Sequence[Item], arrows: Sequence[Arrow], placed: Ranks) -> set[tuple[str, str]]:
    """For every item the arrow that comes straight: from the last computed thing that it reads, or from an input."""
    kinds = {item.id: item.kind for item in items}
    best: dict[str, tuple[tuple[bool, bool, int], str]] = {}
    for arrow in arrows:
        kind = kinds[arrow.source]
        worth = (kind in _COMPUTED, kind == "input", placed[arrow.source])
        if worth > best.get(arrow.target, ((False, False, -1), ""))[0]:
            best[arrow.target] = (worth, arrow.source)
    return {(source, target) for target, (_, source) in best.items()}
