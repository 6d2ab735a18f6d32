"""A drawing as SVG: colors for light and dark, and titles and roles for people who do not see it."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

from chainrule.drawing.dot import FORMS, LINES, classes, continued_frames, frame_head, frames_of
from chainrule.drawing.geometry import Box, Layout, Point, Route
from chainrule.drawing.labels import Cell, Table, Text
from chainrule.drawing.measuring import grid, size_of_cell, size_of_table, table_border
from chainrule.drawing.scene import Arrow, Item, Scene
from chainrule.drawing.theme import Palette
from chainrule.drawing.wording import sentence

_CELL: Final = 750.0  # points across a cell of a notebook on most screens
_PAD: Final = 14.4  # points around everything
_DASHES: Final = ' stroke-dasharray="5,2"'
_HEAD: Final = 7.0  # points: the length of the head of an arrow


def svg_text(scene: Scene, layout: Layout, palette: Palette) -> str:
    """The SVG with style rules, a title for every box, arrow and layer, and ARIA roles and labels; it has no links.

    Every item, arrow and layer is a group with an id (n0, e0, c0) and a class.
    """
    box = layout.box
    caption = size_of_table(scene.caption) if scene.caption else None
    width = max(box.width, caption.width if caption else 0.0)
    height = box.height + (caption.height + 10 if caption else 0.0)
    placed = layout.moved(_PAD - box.left + (width - box.width) / 2, _PAD - box.top)
    width, height = width + 2 * _PAD, height + 2 * _PAD
    said = html.escape(scene.title)
    parts = [
        f'<svg width="{width:.0f}pt" height="{height:.0f}pt" viewBox="0.00 0.00 {width:.2f} {height:.2f}" '
        f'xmlns="http://www.w3.org/2000/svg" class="{palette.css_class}" role="graphics-document document" '
        f'aria-label="{said}" style="max-width:100%;height:auto">',
        f"<style>{html.escape(palette.css, quote=False)}</style>",
        f'<g id="graph0" class="graph drawing">\n<title>{said}</title>',
        _polygon(Box(0, 0, width, height), palette.light("background"), "none"),
    ]
    if scene.caption and caption:
        parts += _table(scene.caption, (width - caption.width) / 2, height - _PAD - caption.height)
    again = continued_frames(frames_of(scene))
    for number, frame in enumerate(frames_of(scene)):
        title = sentence(f"layer {' / '.join(frame[1])}")
        body = _frame(placed.frames[frame], frame[1], palette, frame in again)
        parts.append(_group(f"c{number}", "cluster layer", title, body))
    for number, arrow in enumerate(scene.arrows):
        kind = "edge backward" if arrow.backward else "edge forward"
        parts.append(_group(f"e{number}", kind, arrow.title, _arrow(arrow, placed.routes[number], palette)))
    parts += [
        _group(item.id, f"node {classes(item)}", item.title, _item(item, placed.items[item.id], palette))
        for item in scene.items
    ]
    return "\n".join([*parts, "</g>\n</svg>\n"])


def scaling(svg: str) -> str:
    """The SVG as wide as what it stands in, up to its own width.

    A notebook shows it as an image, which no style rule for SVG reaches, and would cut off what is wider than a cell.
    An image without a width of its own fills its cell, so a small picture gets room on its right: it is not enlarged.
    """
    head, rest = svg.split(">", 1)
    left, top, width, height = (float(part) for part in re.findall(r'viewBox="([^"]*)"', head)[0].split())
    wide = max(width, _CELL)
    head = re.sub(r'\s(?:width|height|style|viewBox)="[^"]*"', "", head)
    room = f'viewBox="{left:g} {top:g} {wide:g} {height:g}"'
    return f'{head} {room} width="100%" style="max-width:{wide:g}pt;height:auto">{rest}'


# --- items, arrows and frames ----------------------------------------------------------------------------------------


def _group(name: str, kind: str, title: str, body: Iterator[str]) -> str:
    said = html.escape(title)
    head = f'<g id="{name}" class="{kind}" role="graphics-symbol img" aria-label="{said}">\n<title>{said}</title>'
    return "\n".join([head, *body, "</g>"])


def _frame(box: Box, path: tuple[str, ...], palette: Palette, again: bool) -> Iterator[str]:
    yield _rounded(box, palette.light("layer" if len(path) % 2 else "inner_layer"), palette.light("layer_line"), 12)
    head = frame_head(path, palette, again)
    width, _ = size_of_table(head)
    yield from _table(head, max(box.left, box.right - width - 6), box.top + 4)


def _item(item: Item, box: Box, palette: Palette) -> Iterator[str]:
    away = item.outside or item.continued
    fill = palette.light("background") if away else palette.light(item.kind)
    line = palette.light("muted" if away else LINES.get(item.kind, "value_line"))
    if item.emphasized:
        line, fill = palette.light("emphasis"), palette.light("emphasis" if item.kind == "operation" else "emphasis_fill")
    more = (_DASHES if away else "") + (' stroke-width="3"' if item.emphasized else "")
    x, y = box.center
    if item.kind == "operation":
        radii = f'rx="{box.width / 2:.2f}" ry="{box.height / 2:.2f}"'
        yield f'<ellipse fill="{fill}" stroke="{line}"{more} cx="{x:.2f}" cy="{y:.2f}" {radii}/>'
    elif "rounded" in FORMS.get(item.kind, {}).get("style", "rounded"):
        yield _rounded(box, fill, line, 8, more)
    else:
        if item.kind == "parameter":
            yield _polygon(Box(box.left + 3, box.top + 3, box.right - 3, box.bottom - 3), fill, line, more)
            fill = "none"
        yield _polygon(box, fill, line, more)
    width, height = size_of_table(item.label)
    yield from _table(item.label, x - width / 2, y - height / 2)


def _arrow(arrow: Arrow, route: Route, palette: Palette) -> Iterator[str]:
    points = list(route.points)
    color = palette.light("backward" if arrow.backward else "line")
    points = points[::-1] if arrow.backward else points
    tip, back = points[-1], _shortened(points)
    start, *rest = points
    curve = " ".join(_point(point) for point in rest)
    dashes = _DASHES if arrow.backward else ""
    yield f'<path fill="none" stroke="{color}" stroke-width="1.1"{dashes} d="M{_point(start)}C{curve}"/>'
    yield _head(tip, back, color, open=arrow.backward)
    if arrow.label and route.label:
        width, height = size_of_table(arrow.label)
        yield from _table(arrow.label, route.label[0] - width / 2, route.label[1] - height / 2)


def _shortened(points: list[Point]) -> Point:
    """Let the line end where the head of the arrow begins; the direction that the head has."""
    tip = points[-1]
    before = next((point for point in points[-2::-1] if math.dist(point, tip) > 0.1), (tip[0] - 1, tip[1]))
    away = math.dist(before, tip)
    back = ((before[0] - tip[0]) / away, (before[1] - tip[1]) / away)
    points[-1] = (tip[0] + back[0] * _HEAD * 0.8, tip[1] + back[1] * _HEAD * 0.8)
    points[-2] = (points[-1][0] + back[0], points[-1][1] + back[1]) if math.dist(points[-2], tip) < _HEAD else points[-2]
    return back


def _head(tip: Point, back: Point, color: str, *, open: bool) -> str:
    (x, y), (u, v), half = tip, back, _HEAD * 0.36
    corners = [
        (x + u * _HEAD + v * half, y + v * _HEAD - u * half),
        tip,
        (x + u * _HEAD - v * half, y + v * _HEAD + u * half),
    ]
    if open:
        corners.append((x + u * _HEAD * 0.7, y + v * _HEAD * 0.7))
    written = " ".join(_point(corner) for corner in [*corners, corners[0]])
    return f'<polygon fill="{color}" stroke="{color}" points="{written}"/>'


# --- labels ----------------------------------------------------------------------------------------------------------


def _table(table: Table, left: float, top: float, least: float = 0.0) -> Iterator[str]:
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
            last = k == len(row) - 1
            width = box.right - around - x if last else widths[k]
            yield from _cell(cell, Box(x, y, x + width, y + height))
            x += width + table.spacing
        y += height + table.spacing


def _background(table: Table, box: Box) -> Iterator[str]:
    border = table.border or (not table.sides and bool(table.fill))
    more = _DASHES if table.dashed else ""
    if table.border or table.fill:
        draw = _rounded if table.rounded else _polygon
        line = table.color if table.border and border else "none"
        yield draw(box, table.fill or "none", line, *((3,) if table.rounded else ()), more)  # type: ignore[operator]
    for side in table.sides:
        x = box.left if side == "L" else box.right
        yield f'<polyline fill="none" stroke="{table.color}" points="{_point((x, box.top))} {_point((x, box.bottom))}"/>'


def _cell(cell: Cell, box: Box) -> Iterator[str]:
    if isinstance(cell.content, Table):
        width, height = size_of_table(cell.content)
        x = {"LEFT": box.left + cell.padding, "RIGHT": box.right - cell.padding - width}.get(
            cell.align, box.center[0] - width / 2
        )
        least = box.width - 2 * cell.padding if cell.content.sides else 0.0
        yield from _table(cell.content, min(x, x - (least - width) / 2), box.center[1] - height / 2, least)
    elif any(text.text for text in cell.content):
        yield _words(cell.content, cell, box)


def _words(texts: Sequence[Text], cell: Cell, box: Box) -> str:
    """Texts beside each other, as one: so no gap between them depends on the font."""
    anchor, x = {
        "LEFT": ("start", box.left + cell.padding),
        "RIGHT": ("end", box.right - cell.padding),
    }.get(cell.align, ("middle", box.center[0]))
    y = box.center[1] + 0.35 * max(text.size for text in texts)
    head = f'<text xml:space="preserve" text-anchor="{anchor}" x="{x:.2f}" y="{y:.2f}" font-family="Helvetica,sans-Serif"'
    if len(texts) == 1:
        return f"{head} {_font(texts[0])}>{html.escape(texts[0].shown)}</text>"
    return f"{head}>{''.join(f'<tspan {_font(text)}>{html.escape(text.shown)}</tspan>' for text in texts)}</text>"


def _font(text: Text) -> str:
    weight = ' font-weight="bold"' if text.bold else ""
    style = ' font-style="italic"' if text.italic else ""
    return f'{weight}{style} font-size="{text.size}.00" fill="{text.color}"'.strip()


# --- shapes ----------------------------------------------------------------------------------------------------------


def _point(point: Point) -> str:
    return f"{point[0]:.2f},{point[1]:.2f}"


def _polygon(box: Box, fill: str, line: str, more: str = "") -> str:
    left, top, right, bottom = box
    corners = [(left, bottom), (left, top), (right, top), (right, bottom), (left, bottom)]
    return f'<polygon fill="{fill}" stroke="{line}"{more} points="{" ".join(map(_point, corners))}"/>'


def _rounded(box: Box, fill: str, line: str, radius: float, more: str = "") -> str:
    left, top, right, bottom = box
    r = min(radius, box.width / 2, box.height / 2)
    arc = f"a{r:.2f},{r:.2f} 0 0 1 "
    d = (
        f"M{left + r:.2f},{top:.2f}H{right - r:.2f}{arc}{r:.2f},{r:.2f}V{bottom - r:.2f}{arc}{-r:.2f},{r:.2f}"
        f"H{left + r:.2f}{arc}{-r:.2f},{-r:.2f}V{top + r:.2f}{arc}{r:.2f},{-r:.2f}z"
    )
    return f'<path fill="{fill}" stroke="{line}"{more} d="{d}"/>'
