"""A layout without Graphviz: columns by the order of the computation, the spine straight, all else in the nearest gap.

Layers are blocks: each is laid out by itself, inner ones first, and then stands in the layer around it like one large
item, so frames hold their own items and nothing else. An arrow that passes over columns gets a lane, which is an item
without content; so arrows run between the boxes. (Columns and dummies are those of Sugiyama, Tagawa and Toda, 1981.)
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Final, final

from chainrule.drawing.blocks import Block, Lines, Link, Name, Path, common, curve, longest
from chainrule.drawing.geometry import Box, Layout, Point, Route, stacked
from chainrule.drawing.measuring import Size, size_of_item, size_of_table
from chainrule.drawing.ranking import ranks, spine
from chainrule.drawing.scene import Arrow, Item, Scene

GAP: Final = 28.0  # points between columns, for arrows
AROUND: Final = 12.0  # points between a frame and what is in it
HEAD: Final = 24.0  # the same on the side with the name
DEEPEST: Final = 8  # nested layers that get a frame of their own
BETWEEN_ROWS: Final = 22.0
_HEADS: Final = 8.0  # room for the heads of arrows beside every item
_APART: Final = 7.0  # half of what is between two items
_LEAST: Final = 10.0  # what a lane keeps from the side of a frame, with the room around it
_TWIN: Final = 4.0  # half of what is between an arrow and its counterpart backward
_LANE: Final = 3.0  # half of what is between two arrows


@final
class Layered:
    """One layout in the making."""

    def __init__(self, items: Sequence[Item], arrows: Sequence[tuple[int, Arrow]], *, down: bool) -> None:
        self.items = {item.id: item for item in items}
        self.arrows, self.down = dict(arrows), down
        self.blocks: dict[Name, Block] = {}
        self.chains: dict[int, list[Block]] = {}
        only = list(self.arrows.values())
        self.straight = spine(items, only, ranks(items, only))
        for item in items:
            self._add(("item", item.id), item.layer[:DEEPEST], self._across(size_of_item(item).height, item))
        for number, arrow in arrows:
            if arrow.label:
                path = common(self._path(arrow.source), self._path(arrow.target))
                self._label(("label", str(number)), path, self._turned(size_of_table(arrow.label)).height)

    def width(self) -> float:
        """From the first column to the last."""
        self._ranked()
        columns = self._columns()
        return columns[-1][1] - columns[0][0] - 2 * _HEADS

    def _ranked(self) -> list[Block]:
        """The frames, inner ones first, with their columns."""
        levels = sorted((b for b in self.blocks.values() if b.name[0] == "frame"), key=lambda b: -len(b.path))
        for frame in levels:
            self._rank(frame)
        return levels

    def laid_out(self, row: int) -> Layout:
        """The layout, with the frames of a row."""
        levels = self._ranked()
        for number in self.arrows:
            self.chains[number] = self._chain(number)
        for frame in levels:
            self._place(frame)
        layout = self._coordinates(row)
        return layout.turned() if self.down else layout

    # --- blocks ------------------------------------------------------------------------------------------------------

    def _turned(self, size: Size) -> Size:
        return Size(size.height, size.width) if self.down else size

    def _across(self, height: float, item: Item) -> float:
        return size_of_item(item).width if self.down else height

    def _path(self, name: str) -> Path:
        return self.items[name].layer[:DEEPEST]

    def _frame(self, path: Path) -> Block:
        """The block of a layer; () is the whole."""
        name = ("frame", *path)
        if name not in self.blocks:
            self.blocks[name] = Block(name, path)
            if path:
                self._frame(path[:-1]).children.append(self.blocks[name])
        return self.blocks[name]

    def _add(self, name: Name, path: Path, height: float, room: float = _APART) -> Block:
        block = self.blocks[name] = Block(name, path, top=-height / 2 - room, bottom=height / 2 + room)
        for depth in range(len(path) + 1):
            self._frame(path[:depth])
        self._frame(path).children.append(block)
        return block

    def _label(self, name: Name, path: Path, height: float) -> None:
        """A label stands above the line of its arrow."""
        block = self._add(name, path, height)
        block.top, block.bottom = -height - _APART / 2, _LANE

    def _child(self, block: Block, path: Path) -> Block:
        """What stands for a block in a layer around it."""
        inner = block.path if block.name[0] != "frame" else block.path[:-1]
        return block if inner == path else self.blocks["frame", *block.path[: len(path) + 1]]

    def _ends(self, number: int) -> list[Block]:
        """What an arrow joins, with its label in the middle."""
        arrow = self.arrows[number]
        label = [self.blocks["label", str(number)]] if arrow.label else []
        return [self.blocks["item", arrow.source], *label, self.blocks["item", arrow.target]]

    # --- columns -----------------------------------------------------------------------------------------------------

    def _rank(self, frame: Block) -> None:
        """The columns of what stands in a layer: behind all that it reads."""
        edges: dict[Name, list[Block]] = defaultdict(list)
        waiting: dict[Name, int] = {child.name: 0 for child in frame.children}
        for source, target in self._edges(frame):
            edges[source.name].append(target)
            waiting[target.name] += 1
        first = [child for child in frame.children if not waiting[child.name]]
        left = deque(frame.children)
        ready = deque(first)
        done: set[Name] = set()
        while left:
            block = ready.popleft() if ready else left.popleft()  # in a circle, the one that was built first
            if block.name in done:
                continue
            done.add(block.name)
            for target in edges[block.name]:
                waiting[target.name] -= 1
                if target.name not in done:
                    target.start = max(target.start, block.start + block.span)
                    if not waiting[target.name]:
                        ready.append(target)
        for block in first:
            nearest = [target.start - block.span for target in edges[block.name] if target.start >= block.span]
            block.start = min(nearest, default=block.start)
        low = min(child.start for child in frame.children)
        for child in frame.children:
            child.start -= low
        frame.span = max(child.start + child.span for child in frame.children)

    def _edges(self, frame: Block) -> Iterable[tuple[Block, Block]]:
        """The arrows between what stands in a layer."""
        for number in self._inside[frame.path]:
            ends = self._ends(number)
            for source, target in pairwise(ends):
                pair = self._child(source, frame.path), self._child(target, frame.path)
                if pair[0] is not pair[1]:
                    yield pair

    @cached_property
    def _inside(self) -> dict[Path, list[int]]:
        """The arrows by the innermost layer that holds both ends."""
        found: dict[Path, list[int]] = defaultdict(list)
        for number, arrow in self.arrows.items():
            found[common(self._path(arrow.source), self._path(arrow.target))].append(number)
        return found

    def _column(self, block: Block) -> int:
        """The column in the whole drawing."""
        path = block.path if block.name[0] != "frame" else block.path[:-1]
        return block.start + sum(self.blocks["frame", *path[:depth]].start for depth in range(1, len(path) + 1))

    # --- lanes -------------------------------------------------------------------------------------------------------

    def _chain(self, number: int) -> list[Block]:
        """What an arrow runs along: its ends, its label, and a lane in every layer where it passes over columns."""
        ends = self._ends(number)
        chain = ends[:1]
        for source, target in pairwise(ends):
            chain += [*self._lanes(number, source, target, len(chain)), target]
        return chain

    def _lanes(self, number: int, source: Block, target: Block, count: int) -> list[Block]:
        shared = common(source.path, target.path)
        out = [source.path[:depth] for depth in range(len(source.path), len(shared), -1)]
        inward = [target.path[:depth] for depth in range(len(shared) + 1, len(target.path) + 1)]
        at, goal = self._column(source) + 1, self._column(target)
        lanes: list[Block] = []
        for path in (*out, shared, *inward):
            until = goal
            if path in out:
                frame = self.blocks["frame", *path]
                until = self._column(frame) + frame.span
            elif path is not target.path and len(path) < len(target.path):
                until = self._column(self.blocks["frame", *target.path[: len(path) + 1]])
            if until > at:
                lane = self._add(("lane", str(number), str(count + len(lanes))), path, 0.0, _LANE)
                lane.span = until - at
                lane.start = at - (self._column(self.blocks["frame", *path]) if path else self.blocks["frame",].start)
                lanes.append(lane)
                at = until
        return lanes

    # --- lines -------------------------------------------------------------------------------------------------------

    def _place(self, frame: Block) -> None:
        """The lines of what stands in a layer: the spine on one, all else where there is room next to what it joins."""
        links = self._links(frame)
        line = longest(frame.children, links)
        lines = Lines(links)
        first = {block.name for block in line}
        rest = [child for child in frame.children if child.name not in first]
        for block in (*line, *filter(self._accompanies, rest)):
            lines.place(block)
        rest = [block for block in rest if not self._accompanies(block)]
        solid = [block for block in rest if block.name[0] != "lane"]
        for column in sorted({block.start for block in solid}, reverse=True):
            lines.place_all([block for block in solid if block.start == column])
        for block in sorted((block for block in rest if block.name[0] == "lane"), key=lambda lane: -lane.start):
            lines.place(block)
        start, end = (AROUND, AROUND) if self.down else (HEAD, AROUND)
        frame.top = min(child.y + min(child.top, -_LEAST) for child in frame.children) - start
        frame.bottom = max(child.y + max(child.bottom, _LEAST) for child in frame.children) + end

    def _links(self, frame: Block) -> list[Link]:
        found = []
        for number, chain in self.chains.items():
            straight = self._is_straight(number) and not self.arrows[number].backward
            aside = self._aside(number)
            for one, two in pairwise(chain):
                if common(one.path, two.path) == frame.path:
                    source, target = self._child(one, frame.path), self._child(two, frame.path)
                    if source is not target:
                        leaves = self._within(one, source) + aside * (one.name[0] == "item")
                        enters = self._within(two, target) + aside * (two.name[0] == "item")
                        found.append(Link(source, target, leaves, enters, straight))
        return found

    def _accompanies(self, block: Block) -> bool:
        """Whether a lane belongs to the spine, or to what runs back beside it."""
        return block.name[0] == "lane" and self._is_straight(int(block.name[1]))

    def _aside(self, number: int) -> float:
        """How far an arrow is from the line of what it joins: one backward runs below its counterpart."""
        if number not in self._twins:
            return 0.0
        return _TWIN if self.arrows[number].backward else -_TWIN

    @cached_property
    def _twins(self) -> set[int]:
        """The arrows that have a counterpart in the other direction."""
        pairs: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, arrow in self.arrows.items():
            pairs[arrow.source, arrow.target].append(number)
        return {number for numbers in pairs.values() if len(numbers) == 2 for number in numbers}

    def _within(self, block: Block, outer: Block) -> float:
        """How far the line of a block is from that of a layer around it."""
        if block is outer:
            return 0.0
        between = range(len(outer.path) + 1, len(block.path) + 1)
        return block.y + sum(self.blocks["frame", *block.path[:depth]].y for depth in between)

    def _line(self, block: Block) -> float:
        """The line of a block in the whole drawing."""
        path = block.path if block.name[0] != "frame" else block.path[:-1]
        return block.y + sum(self.blocks["frame", *path[:depth]].y for depth in range(1, len(path) + 1))

    # --- points ------------------------------------------------------------------------------------------------------

    def _size(self, block: Block) -> Size:
        if block.name[0] == "item":
            return self._turned(size_of_item(self.items[block.name[1]]))
        label = self.arrows[int(block.name[1])].label
        assert label is not None
        return self._turned(size_of_table(label))

    def _coordinates(self, row: int) -> Layout:
        columns = self._columns()
        items: dict[str, Box] = {}
        solid = [block for block in self.blocks.values() if block.name[0] in ("item", "label")]
        boxes: dict[Name, Box] = {}
        for block in solid:
            left, right = columns[self._column(block)]
            (width, height), y, x = self._size(block), self._line(block), (left + right) / 2
            y -= height / 2 if block.name[0] == "label" else 0
            boxes[block.name] = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            if block.name[0] == "item":
                items[block.name[1]] = boxes[block.name]
        frames = self._frames(columns)
        return Layout(items, {(row, path): box for path, box in frames.items()}, self._routes(columns, boxes))

    def _columns(self) -> list[tuple[float, float]]:
        """Where every column begins and ends; between them is room for arrows and the sides of frames."""
        widths: dict[int, float] = defaultdict(float)
        starting: dict[int, int] = defaultdict(int)
        ending: dict[int, int] = defaultdict(int)
        for block in self.blocks.values():
            column = self._column(block)
            if block.name[0] in ("item", "label"):
                widths[column] = max(widths[column], self._size(block).width)
            elif block.name[0] == "frame" and block.path:
                starting[column] = max(starting[column], self._nested(block, first=True))
                ending[column + block.span - 1] = max(ending[column + block.span - 1], self._nested(block, first=False))
        found: list[tuple[float, float]] = []
        x = 0.0
        for column in range(self.blocks["frame",].span):
            x += (AROUND + (HEAD - AROUND) * self.down) * starting[column]
            found.append((x - _HEADS, x + widths[column] + _HEADS))
            x += widths[column] + GAP + AROUND * ending[column]
        return found

    def _nested(self, block: Block, *, first: bool) -> int:
        """How many frames begin, or end, with the column with which a frame does."""
        edge = self._column(block) + (0 if first else block.span)
        count = 0
        for depth in range(1, len(block.path) + 1):
            other = self.blocks["frame", *block.path[:depth]]
            count += self._column(other) + (0 if first else other.span) == edge
        return count

    def _frames(self, columns: Sequence[tuple[float, float]]) -> dict[Path, Box]:
        frames: dict[Path, Box] = {}
        inner = sorted((b for b in self.blocks.values() if b.name[0] == "frame" and b.path), key=lambda b: -len(b.path))
        for block in inner:
            first = self._column(block)
            inside = [box for path, box in frames.items() if path[:-1] == block.path]
            left = min([columns[first][0] + _HEADS, *(box.left for box in inside)]) - (HEAD if self.down else AROUND)
            right = max([columns[first + block.span - 1][1] - _HEADS, *(box.right for box in inside)]) + AROUND
            y = self._line(block)
            frames[block.path] = Box(left, y + block.top + _APART, right, y + block.bottom - _APART)
        return frames

    def _routes(self, columns: Sequence[tuple[float, float]], boxes: dict[Name, Box]) -> dict[int, Route]:
        leaving, entering = self._ports(boxes)
        routes: dict[int, Route] = {}
        for number, chain in self.chains.items():
            points: list[Point] = []
            label = None
            for place, block in enumerate(chain):
                if block.name[0] == "lane":
                    first = self._column(block)
                    y = self._line(block)
                    points += [(columns[first][0], y), (columns[first + block.span - 1][1], y)]
                    continue
                left, right = columns[self._column(block)]
                box = boxes[block.name]
                if block.name[0] == "label":
                    y = box.center[1] + box.height / 2
                    points += [(left, y), (right, y)]
                    label = box.center
                elif place == 0:
                    y = leaving[number]
                    points += [(self._side(block, box, y, 1), y), (right, y)]
                else:
                    y = entering[number]
                    points += [(left, y), (self._side(block, box, y, -1), y)]
            routes[number] = Route(curve(points), label)
        return routes

    def _ports(self, boxes: dict[Name, Box]) -> tuple[dict[int, float], dict[int, float]]:
        """Where arrows leave and enter: side by side, in the order of where they come from and go to."""
        sides: dict[tuple[Name, bool], list[tuple[float, int]]] = defaultdict(list)
        for number, chain in self.chains.items():
            sides[chain[0].name, True].append((self._line(chain[1]), number))
            sides[chain[-1].name, False].append((self._line(chain[-2]), number))
        leaving: dict[int, float] = {}
        entering: dict[int, float] = {}
        for (name, out), ends in sides.items():
            box = boxes[name]
            ends.sort()
            middle = self._middle([number for _, number in ends])
            step = min(2 * _TWIN, 0.45 * box.height / max(middle, len(ends) - 1 - middle, 0.5))
            for place, (_, number) in enumerate(ends):
                y = box.center[1] + step * (place - middle)
                (leaving if out else entering)[number] = y
        return leaving, entering

    def _middle(self, numbers: Sequence[int]) -> float:
        """The place among arrows that is on the line: the spine, between it and its counterpart, or the middle."""
        on = [k for k, number in enumerate(numbers) if self._is_straight(number)]
        return (on[0] + on[-1]) / 2 if on else (len(numbers) - 1) / 2

    def _is_straight(self, number: int) -> bool:
        return (self.arrows[number].source, self.arrows[number].target) in self.straight

    def _side(self, block: Block, box: Box, y: float, way: int) -> float:
        """The outline of an item on its left (-1) or right (1), at a height."""
        x, middle = box.center
        if self.items[block.name[1]].kind != "operation":
            return x + way * box.width / 2
        share = min(1.0, abs(y - middle) / (box.height / 2))
        return x + way * box.width / 2 * math.sqrt(1 - share**2)


def layered(items: Sequence[Item], arrows: Sequence[tuple[int, Arrow]], row: int = 0, *, down: bool = False) -> Layout:
    """The layout of one row, whatever is installed."""
    return Layered(items, arrows, down=down).laid_out(row) if items else Layout({}, {}, {})


def width_of(items: Sequence[Item], arrows: Sequence[Arrow]) -> float:
    """How wide the layout of one row comes out."""
    return Layered(items, list(enumerate(arrows)), down=False).width() if items else 0.0


def layout_of(scene: Scene) -> Layout:
    """The layout of a scene, row below row."""
    rows = {item.id: item.row for item in scene.items}
    layouts = []
    for row in sorted(set(rows.values())):
        arrows = [(number, arrow) for number, arrow in enumerate(scene.arrows) if rows[arrow.target] == row]
        items = [item for item in scene.items if item.row == row]
        layouts.append(layered(items, arrows, row, down=scene.direction == "down"))
    return stacked(layouts, BETWEEN_ROWS)
