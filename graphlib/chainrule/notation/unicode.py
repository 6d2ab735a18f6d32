"""Expressions in plain Unicode characters, for terminals and drawings: ``dW₃ = dZ₃A₂ᵀ``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from chainrule.notation.mathematics import JUXTAPOSED, MathPrinter
from chainrule.notation.names import parts
from chainrule.notation.paper import Factors
from chainrule.notation.printer import ATOM, POWER, PRODUCT, Line, Piece, Section, commented_page
from chainrule.shown.text import visible

_LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_HIGH = str.maketrans("0123456789−T", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ")


@final
class UnicodePrinter(MathPrinter):
    """Unicode text: matrix products side by side, ``∗`` element-wise, ᵀ, σ, √, digits that end a name as an index.

    >>> import numpy as np
    >>> from chainrule.symbols.symbol import Symbol
    >>> W3, dZ3 = Symbol.leaf("W3", (1, 3)), Symbol.leaf("dZ3", (1, "m"))
    >>> UnicodePrinter().print(W3.T @ dZ3 / dZ3.shape[1])
    'W₃ᵀdZ₃ / m'
    >>> UnicodePrinter().print(np.sum(dZ3 * dZ3, axis=1, keepdims=True))
    'Σ_columns (dZ₃ ∗ dZ₃)'

    A value of which the name is no identifier stands in quotation marks: “two words”.
    """

    def name(self, name: str, raised: str = "") -> Piece:
        found = parts(name)
        below = f"_{found.script}" if found.script else ""
        script = found.script.translate(_LOW) if found.script.isdecimal() else below
        text = f"“{found.base}”" if found.kind == "text" else f"{found.prefix}{found.base}{script}"
        return Piece(text + _above(raised), POWER if raised else ATOM)

    def entry(self, name: str, places: tuple[int, ...]) -> Piece:
        """``dz¹₂`` for the second entry of dZ1; with places beyond 9 or a long name ``W1[1, 12]``, counted from 1."""
        found = parts(name)
        if found.kind == "text" or max(places) > 9 or (found.script and not found.script.isdecimal()):
            return Piece(f"{self.name(name).text}[{', '.join(map(str, places))}]", ATOM)
        low = "".join(map(str, places)).translate(_LOW)
        base = found.base.lower() if found.kind == "letter" else found.base
        return Piece(f"{found.prefix}{base}{found.script.translate(_HIGH)}{low}", POWER if found.script else ATOM)

    def arranged(self, above: Factors, below: Factors) -> Piece:
        """What divides stands behind a slash: ``dZ₃A₂ᵀ / m``."""
        bottom = self.beside_each_other(below)
        if bottom is None:
            return self.beside_each_other(above) or self.number(1)
        top = self.beside_each_other(above) or self.number(1)
        if below.values and len(above.values) == 1 and top.text[0] in "Σ∏":
            top = Piece(self.parentheses(top.text), ATOM)  # a sum would take the quotient behind it
        alone = below.number == 1 and len(below.sizes) + len(below.values) == 1
        bound = self.at_least((below.sizes + below.values)[0], JUXTAPOSED) if alone else bottom
        return Piece(f"{top.text} / {bound.text if bound.binding > PRODUCT else f'({bound.text})'}", PRODUCT)

    def parentheses(self, text: str) -> str:
        return f"({text})"

    def symbol(self, character: str) -> str:
        return character

    def digits(self, text: str) -> str:
        return text

    def words(self, text: str) -> str:
        return visible(text)

    def span(self, text: str) -> str:
        return text

    def minus(self, text: str) -> str:
        return f"−{text}"

    def signed(self, left: str, sign: str, right: str) -> str:
        return f"{left} {sign} {right}"

    def chain(self, first: str, tail: Sequence[tuple[str, str]]) -> str:
        return " ".join([first, *(f"{sign} {text}" for sign, text in tail)])

    def signs(self, texts: Sequence[str], sign: str) -> str:
        return sign.join(texts)

    def beside(self, left: str, right: str, *, tight: bool) -> str:
        apart = left[-1].isalpha() and left[-1] != "ᵀ"  # X U is no XU
        return f"{left}{right}" if tight and not apart else f"{left} {right}"

    def commas(self, texts: Sequence[str]) -> str:
        return ", ".join(texts)

    def fraction(self, above: str, below: str) -> str:
        return self.ratio(above, below)

    def ratio(self, above: str, below: str) -> str:
        return f"{above}/{below}"

    def superscript(self, base: str, exponent: str) -> str:
        return f"{base}{_above(exponent)}"

    def over(self, sign: str, words: str, text: str) -> str:
        return f"{self.function_name(sign, words)} {text}"

    def function_name(self, name: str, over: str) -> str:
        plain = over.replace(", ", ",").replace(" ", "")
        return f"{name}_{plain}" if over else name

    def call(self, function: str, arguments: Sequence[str]) -> str:
        return f"{function}({self.commas(arguments)})"

    def option(self, key: str, value: str) -> str:
        return f"{key}={value}"

    def bars(self, text: str) -> str:
        return f"|{text}|"

    def root(self, x: Any) -> Piece:
        return Piece(f"√{self.inside(x, ATOM)}", POWER)

    def cases(self, rows: Sequence[tuple[str, str]], otherwise: str) -> Piece:
        return Piece(f"{{{', '.join(f'{value} if {condition}' for value, condition in rows)}, else {otherwise}}}", ATOM)

    def indexed(self, base: str, key: Sequence[str]) -> str:
        return f"{base}[{self.commas(key)}]"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        return f"[{'; '.join(', '.join(row) for row in rows)}]"

    def table(self, rows: Sequence[Sequence[str]]) -> str:
        """A matrix over several lines, its columns aligned, in tall brackets."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)) for row in rows]
        if len(lines) < 2:
            return "".join(f"[{line}]" for line in lines)
        ends = [("⎡", "⎤"), *[("⎢", "⎥")] * (len(lines) - 2), ("⎣", "⎦")]
        return "\n".join(f"{left}{line}{right}" for line, (left, right) in zip(lines, ends, strict=True))

    def labeled(self, part: str, word: str, label: str) -> str:
        return f"{part} {word} {label}"

    def equation(self, line: Line) -> str:
        return " = ".join([line.name, *line.steps])

    def page(self, sections: Sequence[Section], notes: Sequence[str]) -> str:
        return commented_page(sections, notes)


def _above(text: str) -> str:
    """Text as superscript characters where they exist, else behind a caret."""
    if all(character in "0123456789−T" for character in text):
        return text.translate(_HIGH)
    return f"^{text}" if text.isalnum() else f"^({text})"
