"""HTML-like labels of DOT, built from a small tree of texts, cells and tables, so that none can be malformed.

Graphviz drops the whole text of a label that it cannot parse, without an error. So no markup is ever written by
hand: a label is a Table, user text only ever becomes the escaped content of a Text, and nothing is left empty.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, final

from chainrule.shown.text import visible

LONGEST = 60  # characters of a text that are shown
_BLANK = "\u00a0"


@final
@dataclass(frozen=True)
class Text:
    """A piece of text in one color, size and style; any characters may stand in it.

    >>> Text('<b>"&', "#117733").markup
    '<FONT COLOR="#117733" POINT-SIZE="12">&lt;b&gt;&quot;&amp;</FONT>'
    """

    text: str
    color: str
    size: int = 12
    bold: bool = False
    italic: bool = False
    longest: int = LONGEST

    @property
    def shown(self) -> str:
        """What is shown: never empty, without control characters, not too long."""
        return shortened(visible(self.text), self.longest) or _BLANK

    @property
    def markup(self) -> str:
        """The text in the markup of Graphviz."""
        inner = html.escape(self.shown.replace("\\", "\\\\"))  # else \N, also as an entity, would become the node's id
        inner = f"<B>{inner}</B>" if self.bold else inner
        inner = f"<I>{inner}</I>" if self.italic else inner
        return f'<FONT COLOR="{self.color}" POINT-SIZE="{self.size}">{inner}</FONT>'

    @property
    def width(self) -> int:
        """Points that the text takes in a wide font, so that it fits its box in every font."""
        return math.ceil(text_width(self.shown) * self.size * (1.06 if self.bold else 1))


@final
@dataclass(frozen=True)
class Cell:
    """One cell of a table: texts side by side, or a table; ``sides`` are the sides that have a line."""

    content: Sequence[Text] | Table
    align: str = "CENTER"
    sides: str = ""
    color: str = ""
    fill: str = ""
    dashed: bool = False
    padding: int = 1
    span: int = 1
    least: int = 0

    @property
    def markup(self) -> str:
        """The cell in the markup of Graphviz."""
        if isinstance(self.content, Table):
            inner, width = self.content.markup, 0
        else:
            texts = self.content or (Text("", "#000000"),)
            inner, width = "".join(text.markup for text in texts), sum(text.width for text in texts)
        attributes = {
            "ALIGN": self.align,
            "BORDER": "1" if self.sides else "0",
            "SIDES": self.sides,
            "COLOR": self.color,
            "BGCOLOR": self.fill,
            "STYLE": "DASHED" if self.dashed else "",
            "CELLPADDING": str(self.padding),
            "COLSPAN": str(self.span) if self.span > 1 else "",
            "WIDTH": str(max(width + 2 * self.padding, self.least) or ""),
        }
        return _element("TD", attributes, inner)


@final
@dataclass(frozen=True)
class Table:
    """Rows of cells; a table without any gets an empty one, because Graphviz refuses a table that is empty."""

    rows: Sequence[Sequence[Cell]]
    spacing: int = 0
    sides: str = ""
    color: str = ""
    fill: str = ""
    rounded: bool = False
    dashed: bool = False
    border: int = 0

    @property
    def markup(self) -> str:
        """The table in the markup of Graphviz."""
        rows = [row for row in self.rows if row] or [(Cell(()),)]
        styles = [word for word, wanted in (("ROUNDED", self.rounded), ("DASHED", self.dashed)) if wanted]
        attributes = {
            "BORDER": str(self.border or int(bool(self.sides))),
            "CELLBORDER": "0",
            "CELLSPACING": str(self.spacing),
            "CELLPADDING": "0",
            "SIDES": self.sides,
            "COLOR": self.color,
            "BGCOLOR": self.fill,
            "STYLE": ",".join(styles),
        }
        return _element("TABLE", attributes, "".join(_element("TR", {}, _cells(row)) for row in rows))

    @property
    def label(self) -> str:
        """The table as the value of a ``label`` attribute."""
        return f"<{self.markup}>"


Line: TypeAlias = Sequence[Text]


def lines(rows: Iterable[Line], align: str = "CENTER") -> Table:
    """Lines of text below each other."""
    return Table([(Cell(row, align=align),) for row in rows])


def equations(pairs: Sequence[tuple[Text, Cell]]) -> list[Sequence[Cell]]:
    """What equals what, below each other: the equals signs of tables in one column, other lines in the middle."""
    if any(isinstance(cell.content, Table) for _, cell in pairs):
        return [(Cell(Table([(Cell((head,), align="RIGHT"), cell) for head, cell in pairs])),)]
    return [(_line(head, cell.content),) for head, cell in pairs if not isinstance(cell.content, Table)]


def _line(head: Text, rest: Sequence[Text]) -> Cell:
    """One text, so that no gap depends on the font."""
    longest = len(head.text) + max((text.longest for text in rest), default=0)
    return Cell((replace(head, text=head.text + "".join(text.text for text in rest), longest=longest),))


def _cells(row: Sequence[Cell]) -> str:
    return "".join(cell.markup for cell in row)


def _element(tag: str, attributes: dict[str, str], inner: str) -> str:
    written = "".join(f' {name}="{value}"' for name, value in attributes.items() if value)
    return f"<{tag}{written}>{inner}</{tag}>"


def shortened(text: str, longest: int) -> str:
    """The text with its middle left out where it is longer than that.

    >>> shortened("abcdefghij", 7)
    'abcd…ij'
    """
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 3
    return f"{text[: longest - 1 - tail]}…{text[len(text) - tail :]}"


_WIDTHS = {  # of an em
    **dict.fromkeys("fijlrtI.,:;'|!()[]{}/ \u00a0¹²³⁴⁵⁶⁷⁸⁹⁰₀₁₂₃₄₅₆₇₈₉ᵀ‘’“”", 0.43),
    **dict.fromkeys("wOQGDHNUCK&→≥≤+−=∂σΣ×∗", 0.9),
    **dict.fromkeys("mMW@%—…", 1.05),
}


def text_width(text: str) -> float:
    """How wide a text is, in units of the font's size, by the widths of DejaVu Sans, the widest of the common fonts.

    >>> round(text_width("Layer 1"), 2)
    4.36
    """
    return sum(_WIDTHS.get(c, 0.7 if ord(c) < 0x1100 else 1.05) for c in text)
