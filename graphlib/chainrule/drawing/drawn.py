"""What is put on paper: shapes, lines and words at their places, whatever writes them down."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias, final

from chainrule.drawing.dot import FORMS, LINES, classes, continued_frames, frame_head, frames_of
from chainrule.drawing.geometry import Box, Layout, Point, Route
from chainrule.drawing.labels import Cell, Table, Text
from chainrule.drawing.measuring import grid, size_of_table, table_border
from chainrule.drawing.scene import Arrow, Item, Scene
from chainrule.drawing.theme import Palette
from chainrule.drawing.wording import sentence

PAD: Final = 14.4  # points around everything
_HEAD: Final = 7.0  # points: the length of the head of an arrow
_AT_THE_SIDE: Final = 10.0  # points between the name of a layer and the side of its frame


@final
class Shape(NamedTuple):
    """A filled outline: an ellipse, or a box whose corners are round where the radius is more than 0."""

    box: Box
    fill: str
    line: str
    radius: float = 0.0
    ellipse: bool = False
    dashed: bool = False
    width: float = 1.0


@final
class Stroke(NamedTuple):
    """A line along cubic curves: a point and three more for every piece."""

    points: Sequence[Point]
    color: str
    dashed: bool = False
    width: float = 1.0


@final
class Head(NamedTuple):
    """The head of an arrow."""

    corners: Sequence[Point]
    color: str


@final
class Words(NamedTuple):
    """Texts beside each other, as one: so no gap between them depends on the font."""

    texts: Sequence[Text]
    x: float
    y: float
    """The line that the letters stand on."""
    anchor: str
    """Which part of the words is at x: "start", "middle" or "end"."""


Mark: TypeAlias = Shape | Stroke | Head | Words


@final
class Group(NamedTuple):
    """The marks of one item, arrow or frame, with its id, its class and what a screen reader says."""

    id: str
    kind: str
    title: str
    marks: Sequence[Mark]


@final
class Sheet(NamedTuple):
    """A whole picture: its size, its caption, and the groups, each in front of those before it."""

    width: float
    height: float
    caption: Sequence[Mark]
    groups: Sequence[Group]


def sheet_of(scene: Scene, layout: Layout, palette: Palette) -> Sheet:
    """Everything of a scene at its place: frames, above them arrows, above them items; the caption below."""
    box = layout.box
    caption = size_of_table(scene.caption) if scene.caption else None
    inner = max(box.width, caption.width if caption else 0.0)
    width = inner + 2 * PAD
    height = box.height + (caption.height + 10 if caption else 0.0) + 2 * PAD
    placed = layout.moved(PAD - box.left + (inner - box.width) / 2, PAD - box.top)
    said: list[Mark] = []
    if scene.caption and caption:
        said = list(_table(scene.caption, (width - caption.width) / 2, height - PAD - caption.height))
    return Sheet(width, height, said, list(_groups(scene, placed, palette)))


def _groups(scene: Scene, placed: Layout, palette: Palette) -> Iterator[Group]:
    frames = frames_of(scene)
    again = continued_frames(frames)
    for number, frame in enumerate(frames):
        title = sentence(f"layer {' / '.join(frame[1])}", "continued" if frame in again else "")
        marks = _frame(placed.frames[frame], frame[1], palette, frame in again, left=scene.direction == "down")
        yield Group(f"c{number}", "cluster layer", title, list(marks))
    for number, arrow in enumerate(scene.arrows):
        kind = "edge backward" if arrow.backward else "edge forward"
        yield Group(f"e{number}", kind, arrow.title, list(_arrow(arrow, placed.routes[number], palette)))
    for item in scene.items:
        yield Group(item.id, f"node {classes(item)}", item.title, list(_item(item, placed.items[item.id], palette)))


# --- items, arrows and frames ----------------------------------------------------------------------------------------


def _frame(box: Box, path: tuple[str, ...], palette: Palette, again: bool, *, left: bool) -> Iterator[Mark]:
    yield Shape(box, palette.light("layer" if len(path) % 2 else "inner_layer"), palette.light("layer_line"), 12)
    head = frame_head(path, palette, again)
    right = max(box.left, box.right - size_of_table(head).width - _AT_THE_SIDE)
    yield from _table(head, box.left + _AT_THE_SIDE if left else right, box.top + 4)


def _item(item: Item, box: Box, palette: Palette) -> Iterator[Mark]:
    away = item.outside or item.continued
    fill = palette.light("background") if away else palette.light(item.kind)
    line = palette.light("muted" if away else LINES.get(item.kind, "value_line"))
    if item.emphasized:
        line = palette.light("emphasis")
        fill = palette.light("emphasis" if item.kind == "operation" else "emphasis_fill")
    width = 3.0 if item.emphasized else 1.0
    if item.kind == "parameter":
        yield Shape(Box(box.left + 3, box.top + 3, box.right - 3, box.bottom - 3), fill, line, dashed=away, width=width)
        fill = "none"
    rounded = "rounded" in FORMS.get(item.kind, {}).get("style", "rounded")
    yield Shape(box, fill, line, 8.0 * rounded, item.kind == "operation", away, width)
    (x, y), size = box.center, size_of_table(item.label)
    yield from _table(item.label, x - size.width / 2, y - size.height / 2)


def _arrow(arrow: Arrow, route: Route, palette: Palette) -> Iterator[Mark]:
    points = list(route.points)[::-1] if arrow.backward else list(route.points)
    color = palette.light("backward" if arrow.backward else "line")
    tip, back = points[-1], _shortened(points)
    yield Stroke(points, color, arrow.backward, 1.1)
    yield _head(tip, back, color, notched=arrow.backward)
    if arrow.label and route.label:
        size = size_of_table(arrow.label)
        yield from _table(arrow.label, route.label[0] - size.width / 2, route.label[1] - size.height / 2)


def _shortened(points: list[Point]) -> Point:
    """Let the line end where the head of the arrow begins; the direction that the head has."""
    tip = points[-1]
    before = next((point for point in points[-2::-1] if math.dist(point, tip) > 0.1), (tip[0] - 1, tip[1]))
    away = math.dist(before, tip)
    back = ((before[0] - tip[0]) / away, (before[1] - tip[1]) / away)
    points[-1] = (tip[0] + back[0] * _HEAD * 0.8, tip[1] + back[1] * _HEAD * 0.8)
    if math.dist(points[-2], tip) < _HEAD:
        points[-2] = (points[-1][0] + back[0], points[-1][1] + back[1])
    return back


def _head(tip: Point, back: Point, color: str, *, notched: bool) -> Head:
    (x, y), (u, v), half = tip, back, _HEAD * 0.36
    one = (x + u * _HEAD + v * half, y + v * _HEAD - u * half)
    two = (x + u * _HEAD - v * half, y + v * _HEAD + u * half)
    notch = [(x + u * _HEAD * 0.7, y + v * _HEAD * 0.7)] if notched else []
    return Head([one, tip, two, *notch, one], color)


# --- labels ----------------------------------------------------------------------------------------------------------


def _table(table: Table, left: float, top: float, least: float = 0.0) -> Iterator[Mark]:
    """A table, at least so wide; a row with fewer cells has its last one as wide as the rest."""
    widths, heights = grid(table)
    size = size_of_table(table)
    more = max(0.0, least - size.width)
    widths = [width + more / len(widths) for width in widths]
    box = Box(left, top, left + size.width + more, top + size.height)
    yield from _background(table, box)
    around = table.spacing + table_border(table)
    y = top + around
    for row, height in zip([row for row in table.rows if row], heights, strict=False):
        x = left + around
        for k, cell in enumerate(row):
            width = box.right - around - x if k == len(row) - 1 else widths[k]
            yield from _cell(cell, Box(x, y, x + width, y + height))
            x += width + table.spacing
        y += height + table.spacing


def _background(table: Table, box: Box) -> Iterator[Mark]:
    if table.border or table.fill:
        line = table.color if table.border else "none"
        yield Shape(box, table.fill or "none", line, 3.0 * table.rounded, dashed=table.dashed)
    for side in table.sides:
        x = box.left if side == "L" else box.right
        ends = (x, box.top), (x, box.bottom)
        yield Stroke((ends[0], *ends, ends[1]), table.color)


def _cell(cell: Cell, box: Box) -> Iterator[Mark]:
    if isinstance(cell.content, Table):
        width, height = size_of_table(cell.content)
        room = box.width - 2 * cell.padding
        least = room if cell.content.sides else width
        free = {"LEFT": 0.0, "RIGHT": room - least}.get(cell.align, (room - least) / 2)
        yield from _table(cell.content, box.left + cell.padding + free, box.center[1] - height / 2, least)
    elif any(text.text for text in cell.content):
        yield _words(cell.content, cell, box)


def _words(texts: Sequence[Text], cell: Cell, box: Box) -> Words:
    anchor, x = {
        "LEFT": ("start", box.left + cell.padding),
        "RIGHT": ("end", box.right - cell.padding),
    }.get(cell.align, ("middle", box.center[0]))
    return Words(texts, x, box.center[1] + 0.35 * max(text.size for text in texts), anchor)
