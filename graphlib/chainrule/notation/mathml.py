"""Expressions in MathML Core, which browsers show without a library: ``<msub><mi>W</mi><mn>3</mn></msub>``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final, final

from chainrule.notation.mathematics import MathPrinter
from chainrule.notation.names import parts
from chainrule.notation.printer import ATOM, POWER, SUM, Line, Piece, Section
from chainrule.shown.text import visible
from chainrule.symbols.dimensions import Dimension

_TIMES: Final = "<mo>\u2062</mo>"  # the invisible sign between factors
_APPLIED: Final = "<mo>\u2061</mo>"  # the invisible sign between a function and its argument
_SPACE: Final = "\u00a0"
_GAP: Final = '<mspace width="0.3em"/>'
_LEFT, _MIDDLE = 'style="text-align: left; padding: 0.3em 0.2em"', 'style="padding: 0.3em 0.2em"'
_RIGHT: Final = 'style="text-align: right; text-align: -webkit-right; padding: 0.3em 0.2em"'  # blocks need the second


@final
class MathmlPrinter(MathPrinter):
    """MathML elements without the ``math`` around them.

    >>> from chainrule.symbols.symbol import Symbol
    >>> print(MathmlPrinter().print(Symbol.leaf("W3", (1, 3)).T))
    <msubsup><mi>W</mi><mn>3</mn><mi>T</mi></msubsup>

    Any text is legal in a name: it is escaped, and what XML cannot hold is replaced by �.

    With ``marks`` the elements of named values say what they stand for, and with ``sizes`` those of sizes their number,
    so that a page can put numbers in their places: ``<mrow data-of="v0"><mi>x</mi></mrow>``. What is raised above a
    marked name stands outside of its element.
    """

    def __init__(self, marks: Mapping[str, str] | None = None, sizes: Mapping[str, int] | None = None) -> None:
        self._marks, self._sizes = marks or {}, sizes or {}

    def name(self, name: str, raised: str = "") -> Piece:
        found = parts(name)
        base = f"<mi>{escape(found.base)}</mi>" if found.kind != "text" else self.words(found.base)
        if name in self._marks:
            inner = _marked("of", self._marks[name], _prefixed(found.prefix, _scripted(base, _index(found.script), "")))
            return Piece(_scripted(inner, "", raised), POWER if raised else ATOM)
        return Piece(_prefixed(found.prefix, _scripted(base, _index(found.script), raised)), POWER if raised else ATOM)

    def dimension(self, x: Dimension) -> Piece:
        """A size, marked with its number where that is known."""
        piece = super().dimension(x)
        if not x.names or not x.names <= self._sizes.keys():
            return piece
        return Piece(_marked("size", str(x.evaluate_exactly(self._sizes)), piece.text), piece.binding)

    def entry(self, name: str, places: tuple[int, ...]) -> Piece:
        """The number of a layer above, row and column below."""
        if name in self._marks:
            at = ",".join(str(place - 1) for place in places)
            inner = _marked("of", f'{self._marks[name]}" data-at="{at}', self._entry(name, places).text)
            return Piece(inner, ATOM)
        return self._entry(name, places)

    def _entry(self, name: str, places: tuple[int, ...]) -> Piece:
        found = parts(name)
        letter = found.base.lower() if found.kind == "letter" else found.base
        base = f"<mi>{escape(letter)}</mi>" if found.kind != "text" else self.words(found.base)
        below = f"<mn>{''.join(map(str, places))}</mn>"
        if max(places) > 9:
            below = _row("<mo>,</mo>".join(f"<mn>{place}</mn>" for place in places))
        scripted = _scripted(base, below, _index(found.script))
        return Piece(_prefixed(found.prefix, scripted), POWER if found.script else ATOM)

    def parentheses(self, text: str) -> str:
        return _row(f"<mo>(</mo>{text}<mo>)</mo>")

    def symbol(self, character: str) -> str:
        return f"<mi>{character}</mi>"

    def digits(self, text: str) -> str:
        return f"<mn>{text}</mn>"

    def words(self, text: str) -> str:
        return f"<mtext>{escape(visible(text)).replace(' ', _SPACE)}</mtext>"  # a name is no text to be wrapped

    def span(self, text: str) -> str:
        return f"<mtext>{text}</mtext>"

    def minus(self, text: str) -> str:
        return _row(f"<mo>−</mo>{text}")

    def signed(self, left: str, sign: str, right: str) -> str:
        return _row(f"{left}<mo>{escape(sign)}</mo>{right}")

    def chain(self, first: str, tail: Sequence[tuple[str, str]]) -> str:
        return _row(first + "".join(f"<mo>{sign}</mo>{text}" for sign, text in tail))

    def signs(self, texts: Sequence[str], sign: str) -> str:
        return _row(f"<mo>{sign}</mo>".join(texts))

    def beside(self, left: str, right: str, *, tight: bool) -> str:
        return _row(left + _TIMES + ("" if tight else '<mspace width="0.17em"/>') + right)

    def commas(self, texts: Sequence[str]) -> str:
        return _row("<mo>,</mo>".join(texts))

    def fraction(self, above: str, below: str) -> str:
        return f"<mfrac>{above}{below}</mfrac>"

    def ratio(self, above: str, below: str) -> str:
        return _row(f"{above}<mo>/</mo>{below}")

    def superscript(self, base: str, exponent: str) -> str:
        return f"<msup>{base}{exponent}</msup>"

    def over(self, sign: str, words: str, text: str) -> str:
        operator = f"<mo>{sign.replace('Σ', '∑')}</mo>"
        return _row((f"<munder>{operator}{self.words(words)}</munder>" if words else operator) + text)

    def function_name(self, name: str, over: str) -> str:
        shown = f"<mi>{escape(name)}</mi>" if len(name) > 1 else f'<mi mathvariant="normal">{escape(name)}</mi>'
        return f"<msub>{shown}{self.words(over)}</msub>" if over else shown

    def call(self, function: str, arguments: Sequence[str]) -> str:
        return _row(function + _APPLIED + self.parentheses(self.commas(arguments)))

    def option(self, key: str, value: str) -> str:
        return _row(f"{self.words(key)}<mo>=</mo>{value}")

    def bars(self, text: str) -> str:
        return _row(f"<mo>|</mo>{text}<mo>|</mo>")

    def root(self, x: Any) -> Piece:
        return Piece(f"<msqrt>{self.part(x)}</msqrt>", ATOM)

    def cases(self, rows: Sequence[tuple[str, str]], otherwise: str) -> Piece:
        cells = [_cells(value, f"<mtext>if</mtext>{_GAP}{condition}") for value, condition in rows]
        body = "".join([*cells, _cells(otherwise, "<mtext>otherwise</mtext>")])
        return Piece(_row(f"<mo>{{</mo><mtable>{body}</mtable>"), SUM)

    def indexed(self, base: str, key: Sequence[str]) -> str:
        return _row(f"{base}<mo>[</mo>{self.commas(key)}<mo>]</mo>")

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        body = "".join(f"<mtr>{''.join(f'<mtd>{cell}</mtd>' for cell in row)}</mtr>" for row in rows)
        return _row(f"<mo>[</mo><mtable>{body}</mtable><mo>]</mo>")

    def table(self, rows: Sequence[Sequence[str]]) -> str:
        return self.matrix(rows)

    def labeled(self, part: str, word: str, label: str) -> str:
        return _row(f"{part}{_GAP}<mtext>{escape(word)}</mtext>{_GAP}{label}")

    def equation(self, line: Line) -> str:
        return _math("<mo>=</mo>".join([line.name, *line.steps]))

    def page(self, sections: Sequence[Section], notes: Sequence[str]) -> str:
        """One table with a row for every step; the equals signs stand under each other."""
        rows: list[str] = []
        for title, lines in sections:
            rows.append(_line("", "", self.words(title), ""))
            for line in lines:
                first, *further = self.remark_rows(line, f"<mo>;</mo>{_GAP}")
                rows.append(_line(line.name, "<mo>=</mo>", line.steps[0], first))
                rows.extend(_line("", "<mo>=</mo>", step, "") for step in line.steps[1:])
                rows.extend(_line("", "", "", remark) for remark in further)
        rows.extend(_line("", "", self.words(note), "") for note in notes)
        body = "".join(rows)
        return _math(f'<mtable displaystyle="true">{body}</mtable>')


def _marked(what: str, value: str, content: str) -> str:
    return f'<mrow data-{what}="{value}">{content}</mrow>'


def _math(content: str) -> str:
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">{content}</math>'


def _row(content: str) -> str:
    return f"<mrow>{content}</mrow>"


def _prefixed(prefix: str, content: str) -> str:
    return _row(f"<mi>{prefix}</mi>{content}") if prefix else content


def _index(index: str) -> str:
    return "" if not index else f"<mn>{index}</mn>" if index.isdecimal() else f"<mi>{escape(index)}</mi>"


def _scripted(base: str, below: str, above: str) -> str:
    """A base with what stands below and above it."""
    if below and above:
        return f"<msubsup>{base}{below}{above}</msubsup>"
    return f"<msub>{base}{below}</msub>" if below else f"<msup>{base}{above}</msup>" if above else base


def _cells(value: str, condition: str) -> str:
    return f"<mtr><mtd {_LEFT}>{value}</mtd><mtd {_LEFT}>{condition}</mtd></mtr>"


def _line(left: str, sign: str, right: str, remark: str) -> str:
    cells = ((_RIGHT, left), (_MIDDLE, sign), (_LEFT, right), (_LEFT, remark))
    return f"<mtr>{''.join(f'<mtd {style}>{cell}</mtd>' for style, cell in cells)}</mtr>"
