"""The parts that a layout is made of, blocks and what links them, and how one finds its line among others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias, final

from chainrule.drawing.geometry import Point

Path: TypeAlias = tuple[str, ...]
Name: TypeAlias = tuple[str, ...]
"""What a block stands for: ("item", id), ("label", number), ("lane", number, piece), ("frame", *path)."""


@final
@dataclass
class Block:
    """An item, a label, a lane or a whole layer; places are relative to the layer around it."""

    name: Name
    path: Path
    span: int = 1
    start: int = 0
    """The column."""
    top: float = 0.0
    bottom: float = 0.0
    """How far it reaches from its line, with the room around it."""
    y: float = 0.0
    children: list[Block] = field(default_factory=list)


@final
@dataclass(frozen=True)
class Link:
    """Two blocks of one layer that an arrow joins, and how far from their lines it does."""

    source: Block
    target: Block
    leaves: float
    enters: float
    straight: bool


def common(one: Path, two: Path) -> Path:
    """The layers around both."""
    depth = 0
    while depth < min(len(one), len(two)) and one[depth] == two[depth]:
        depth += 1
    return one[:depth]


def longest(children: Sequence[Block], links: Sequence[Link]) -> list[Block]:
    """The longest line of blocks that straight links join."""
    before: dict[Name, Block] = {}
    count: dict[Name, int] = {child.name: 1 for child in children}
    for link in sorted(links, key=lambda link: link.target.start):
        if (
            link.straight
            and link.source.start < link.target.start
            and count[link.source.name] >= count[link.target.name]
        ):
            count[link.target.name] = count[link.source.name] + 1
            before[link.target.name] = link.source
    block: Block | None = max(children, key=lambda child: (count[child.name], child.start))
    line = []
    while block:
        line.append(block)
        block = before.get(block.name)
    return line[::-1]


def free_line(taken: Sequence[tuple[float, float]], wanted: float, top: float, bottom: float) -> float:
    """The line nearest to the wanted one on which a block does not touch what is there."""
    best = math.inf
    low = -math.inf
    for start, end in [*sorted(taken), (math.inf, math.inf)]:
        if start - low >= bottom - top:
            y = min(max(wanted, low - top), start - bottom)
            if abs(y - wanted) < abs(best - wanted):
                best = y
        low = max(low, end)
    return best


def curve(points: Sequence[Point]) -> list[Point]:
    """Through pairs of points: along every pair straight, and from one pair to the next in a smooth bend."""
    found = [points[0]]
    for number, (start, end) in enumerate(pairwise(points)):
        if number % 2 == 0:
            third = (end[0] - start[0]) / 3, (end[1] - start[1]) / 3
            found += [(start[0] + third[0], start[1] + third[1]), (end[0] - third[0], end[1] - third[1]), end]
        else:
            bend = max(12.0, (end[0] - start[0]) / 2)
            found += [(start[0] + bend, start[1]), (end[0] - bend, end[1]), end]
    return found
