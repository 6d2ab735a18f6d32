"""The parts that a layout is made of, blocks and what links them, and how one finds its line among others."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, TypeAlias, final

from chainrule.drawing.geometry import Point

Path: TypeAlias = tuple[str, ...]
Name: TypeAlias = tuple[str, ...]
"""What a block stands for: ("item", id), ("label", number), ("lane", number, piece), ("frame", *path)."""

_TOUCHING: Final = 5.99  # points: nothing fits in between, not even a lane with the room around it
_STRAIGHT: Final = 100  # how much more the spine decides where something stands than other arrows


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


@final
class Lines:
    """The lines of what stands in one layer, taken one by one."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._beside: dict[Name, list[tuple[Block, float, int]]] = defaultdict(list)
        for link in links:
            share = _STRAIGHT if link.straight else 1
            self._beside[link.source.name].append((link.target, link.enters - link.leaves, share))
            self._beside[link.target.name].append((link.source, link.leaves - link.enters, share))
        self._taken: dict[int, list[tuple[float, float]]] = defaultdict(list)
        self._placed: set[Name] = set()

    def place(self, block: Block) -> None:
        """Put a block on the free line that is nearest to what it joins."""
        columns = range(block.start, block.start + block.span)
        taken = list({gap for column in columns for gap in self._taken[column]})
        block.y = free_line(taken, self._wanted(block), block.top, block.bottom)
        self._placed.add(block.name)
        for column in columns:
            self._taken[column] = _joined(self._taken[column], block.y + block.top, block.y + block.bottom)

    def place_all(self, blocks: Sequence[Block]) -> None:
        """Blocks of one column: what joins something far from the spine first, so that arrows cross less."""
        for block in sorted(blocks, key=lambda block: -abs(self._wanted(block))):
            self.place(block)

    def _wanted(self, block: Block) -> float:
        """The line on which arrows to what has a line already would be straight; for a label, the one at its end."""
        ends = [link for link in self._beside[block.name] if block.name[0] != "label" or link[0].start > block.start]
        known = [(other.y + shift, share) for other, shift, share in ends if other.name in self._placed]
        weight = sum(share for _, share in known)
        return sum(y * share for y, share in known) / weight if weight else 0.0


def _joined(taken: list[tuple[float, float]], start: float, end: float) -> list[tuple[float, float]]:
    """What is taken of a column with one part more; parts that touch are one, so there are few, however many lanes."""
    apart = [part for part in taken if part[1] < start - _TOUCHING or part[0] > end + _TOUCHING]
    near = [part for part in taken if not (part[1] < start - _TOUCHING or part[0] > end + _TOUCHING)]
    return [*apart, (min([start, *(part[0] for part in near)]), max([end, *(part[1] for part in near)]))]


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
