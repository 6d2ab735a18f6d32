"""A drawing as a TikZ picture for LaTeX, at the places of its layout."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from chainrule.drawing.drawn import Head, Mark, Shape, Sheet, Stroke, Words
from chainrule.drawing.geometry import Point
from chainrule.drawing.labels import Text
from chainrule.errors import DrawingError
from chainrule.notation.typeset import typeset

LONGEST: Final = 16_000.0  # points: TeX has no dimension beyond 16,383
_ANCHORS: Final = {"start": "base west", "middle": "base", "end": "base east"}
_FONT: Final = r"\sffamily"


def tikz_text(sheet: Sheet) -> str:
    r"""The ``tikzpicture``; the document needs ``\usepackage{tikz}`` and nothing else. Any text is only ever text."""
    if max(sheet.width, sheet.height) > LONGEST:
        raise DrawingError(
            f"a picture of {sheet.width:,.0f} × {sheet.height:,.0f} points is too large for TeX",
            given=f"at most {LONGEST:,.0f} each way",
            remedy='layer="..." draws one layer alone, collapse=True one box for each',
        )
    marks = [*sheet.caption, *(mark for group in sheet.groups for mark in group.marks)]
    body = [_mark(mark) for mark in marks]
    colors = [rf"\definecolor{{{_named(c)}}}{{HTML}}{{{c[1:].upper()}}}" for c in sorted(_colors(marks))]
    size = rf"\useasboundingbox (0,0) rectangle ({sheet.width:.2f},{sheet.height:.2f});"
    head = r"\begin{tikzpicture}[x=1pt,y=-1pt,inner sep=0pt,line width=0.8pt]"
    return "\n".join([head, *colors, size, *body, r"\end{tikzpicture}", ""])


def tex_text(sheet: Sheet) -> str:
    """A whole document of one page that is as large as the picture."""
    page = rf"paperwidth={sheet.width + 2:.0f}pt,paperheight={sheet.height + 2:.0f}pt,margin=0pt"
    return "\n".join(
        [
            r"\documentclass{article}",
            rf"\usepackage[{page}]{{geometry}}",
            r"\usepackage{tikz}",
            r"\pagestyle{empty}\parindent=0pt\topskip=0pt",
            r"\begin{document}",
            tikz_text(sheet) + r"\end{document}",
            "",
        ]
    )


def _colors(marks: Iterable[Mark]) -> set[str]:
    found: set[str] = set()
    for mark in marks:
        if isinstance(mark, Shape):
            found |= {mark.fill, mark.line}
        elif isinstance(mark, Words):
            found |= {text.color for text in mark.texts}
        else:
            found.add(mark.color)
    return found - {"none"}


def _named(color: str) -> str:
    return f"chainrule{color[1:].upper()}"


def _mark(mark: Mark) -> str:
    if isinstance(mark, Shape):
        return _shape(mark)
    if isinstance(mark, Words):
        words = "".join(map(_text, mark.texts))
        return rf"\node[anchor={_ANCHORS[mark.anchor]}] at {_point((mark.x, mark.y))} {{{words}}};"
    if isinstance(mark, Head):
        return rf"\fill[{_named(mark.color)}] {' -- '.join(map(_point, mark.corners))} -- cycle;"
    return _stroke(mark)


def _shape(shape: Shape) -> str:
    options = [f"fill={_named(shape.fill)}"] if shape.fill != "none" else []
    options += [f"draw={_named(shape.line)}"] if shape.line != "none" else []
    options += ["dashed"] if shape.dashed else []
    options += [f"line width={shape.width:g}pt"] if shape.width != 1 else []
    options += [f"rounded corners={shape.radius:g}pt"] if shape.radius else []
    box = shape.box
    if shape.ellipse:
        radii = f"x radius={box.width / 2:.2f}, y radius={box.height / 2:.2f}"
        return rf"\path[{','.join(options)}] {_point(box.center)} ellipse [{radii}];"
    corners = f"{_point((box.left, box.top))} rectangle {_point((box.right, box.bottom))}"
    return rf"\path[{','.join(options)}] {corners};"


def _stroke(stroke: Stroke) -> str:
    start, *rest = map(_point, stroke.points)
    pieces = [f".. controls {rest[k]} and {rest[k + 1]} .. {rest[k + 2]}" for k in range(0, len(rest), 3)]
    dashes = ",dashed" if stroke.dashed else ""
    return rf"\draw[{_named(stroke.color)}{dashes}] {start} {' '.join(pieces)};"


def _point(point: Point) -> str:
    return f"({point[0]:.2f},{point[1]:.2f})"


def _text(text: Text) -> str:
    weight = r"\bfseries" if text.bold else ""
    slope = r"\itshape" if text.italic else ""
    font = rf"\fontsize{{{text.size}}}{{{text.size + 2}}}\selectfont{_FONT}{weight}{slope}"
    return rf"{{\color{{{_named(text.color)}}}{font} {''.join(typeset(text.shown))}}}"
