"""A drawing as SVG: colors for light and dark, and titles and roles for people who do not see it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

from chainrule.drawing.drawn import Group, Head, Mark, Shape, Sheet, Stroke, Words
from chainrule.drawing.geometry import Box, Point
from chainrule.drawing.labels import Text
from chainrule.drawing.theme import Palette

_CELL: Final = 750.0  # points across a cell of a notebook on most screens
_DASHES: Final = ' stroke-dasharray="5,2"'


def svg_text(sheet: Sheet, title: str, palette: Palette) -> str:
    """The SVG with style rules, a title for every box, arrow and layer, and ARIA roles and labels; it has no links.

    Every item, arrow and layer is a group with an id (n0, e0, c0) and a class.
    """
    said, (width, height) = html.escape(title), sheet[:2]
    root = (
        f'<svg width="{width:.0f}pt" height="{height:.0f}pt" viewBox="0.00 0.00 {width:.2f} {height:.2f}" '
        f'xmlns="http://www.w3.org/2000/svg" class="{palette.css_class}" role="graphics-document document" '
        f'aria-label="{said}" style="max-width:100%;height:auto">'
    )
    parts = [
        root,
        f"<style>{html.escape(palette.css, quote=False)}</style>",
        f'<g id="graph0" class="graph drawing">\n<title>{said}</title>',
        _shape(Shape(Box(0, 0, width, height), palette.light("background"), "none")),
        *map(_mark, sheet.caption),
        *(line for group in sheet.groups for line in _group(group)),
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


def _group(group: Group) -> Iterator[str]:
    said = html.escape(group.title)
    yield f'<g id="{group.id}" class="{group.kind}" role="graphics-symbol img" aria-label="{said}">'
    yield f"<title>{said}</title>"
    yield from map(_mark, group.marks)
    yield "</g>"


def _mark(mark: Mark) -> str:
    if isinstance(mark, Shape):
        return _shape(mark)
    if isinstance(mark, Words):
        return _words(mark)
    if isinstance(mark, Head):
        return f'<polygon fill="{mark.color}" stroke="{mark.color}" points="{_points(*mark.corners)}"/>'
    return _stroke(mark)


def _shape(shape: Shape) -> str:
    more = (_DASHES if shape.dashed else "") + (f' stroke-width="{shape.width:g}"' if shape.width != 1 else "")
    colors = f'fill="{shape.fill}" stroke="{shape.line}"{more}'
    if shape.ellipse:
        (x, y), box = shape.box.center, shape.box
        return f'<ellipse {colors} cx="{x:.2f}" cy="{y:.2f}" rx="{box.width / 2:.2f}" ry="{box.height / 2:.2f}"/>'
    left, top, right, bottom = shape.box
    if not shape.radius:
        corners = _points((left, bottom), (left, top), (right, top), (right, bottom), (left, bottom))
        return f'<polygon {colors} points="{corners}"/>'
    r = min(shape.radius, shape.box.width / 2, shape.box.height / 2)
    arc = f"a{r:.2f},{r:.2f} 0 0 1 "
    d = (
        f"M{left + r:.2f},{top:.2f}H{right - r:.2f}{arc}{r:.2f},{r:.2f}V{bottom - r:.2f}{arc}{-r:.2f},{r:.2f}"
        f"H{left + r:.2f}{arc}{-r:.2f},{-r:.2f}V{top + r:.2f}{arc}{r:.2f},{-r:.2f}z"
    )
    return f'<path {colors} d="{d}"/>'


def _stroke(stroke: Stroke) -> str:
    start, *rest = stroke.points
    more = f' stroke-width="{stroke.width:g}"' if stroke.width != 1 else ""
    colors = f'fill="none" stroke="{stroke.color}"{more}{_DASHES if stroke.dashed else ""}'
    if len(rest) == 3 and start == rest[0]:
        return f'<polyline {colors} points="{_points(start, rest[-1])}"/>'
    return f'<path {colors} d="M{_points(start)}C{_points(*rest)}"/>'


def _words(words: Words) -> str:
    place = f'text-anchor="{words.anchor}" x="{words.x:.2f}" y="{words.y:.2f}"'
    head = f'<text xml:space="preserve" {place} font-family="Helvetica,sans-Serif"'
    if len(words.texts) == 1:
        return f"{head} {_font(words.texts[0])}>{html.escape(words.texts[0].shown)}</text>"
    spans = (f"<tspan {_font(text)}>{html.escape(text.shown)}</tspan>" for text in words.texts)
    return f"{head}>{''.join(spans)}</text>"


def _font(text: Text) -> str:
    weight = 'font-weight="bold" ' if text.bold else ""
    style = 'font-style="italic" ' if text.italic else ""
    return f'{weight}{style}font-size="{text.size}.00" fill="{text.color}"'


def _points(*points: Point) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
