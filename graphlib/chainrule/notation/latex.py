r"""Expressions in LaTeX: ``dW_3 = \frac{1}{m} dZ_3 A_2^T``, with ∗ (``\ast``) for the element-wise product."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Sequence
from typing import Any, Final, final

from chainrule.notation.mathematics import MathPrinter
from chainrule.notation.names import SPELLED, parts
from chainrule.notation.printer import ATOM, POWER, SUM, Line, Piece, Section
from chainrule.shown.text import visible

_SIGNS: Final = {
    "∗": r"\ast", "·": r"\cdot", "×": r"\times", "−": "-", "≥": r"\geq", "≤": r"\leq", "≠": r"\neq", "∧": r"\wedge",
    "∨": r"\vee", "∞": r"\infty", "Σ": r"\sum", "∏": r"\prod",
}  # fmt: skip
_COMMANDS: Final = frozenset("log exp sin cos tan sinh cosh tanh arcsin arccos arctan max min".split())
_FUNCTIONS: Final = {"σ": r"\sigma", "Φ": r"\Phi", "log softmax": r"\log \operatorname{softmax}"}
# What means something to TeX, written so that TeX, KaTeX, MathJax and mathtext all show the character: in math mode,
# because their text modes know different commands.
_SPECIAL: Final = {
    "\\": r"\backslash ", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\hat{\ }", "~": r"\sim ", "<": "<", ">": ">", "|": "|", '"': r"\text{''}",
}  # fmt: skip
_TALL: Final = (r"\frac", r"\begin", r"\sum", r"\prod")


@final
class LatexPrinter(MathPrinter):
    r"""LaTeX for math mode, as far as possible in what every TeX dialect understands.

    >>> import numpy as np
    >>> from chainrule.symbols.symbol import Symbol
    >>> A2, dA2, dZ3 = Symbol.leaf("A2", (3, "m")), Symbol.leaf("dA2", (3, "m")), Symbol.leaf("dZ3", (1, "m"))
    >>> print(LatexPrinter().print(dA2 * A2 * (1 - A2)))
    dA_2 \ast A_2 \ast (1 - A_2)
    >>> print(LatexPrinter().print(dZ3 @ A2.T / A2.shape[1]))
    \frac{1}{m} dZ_3 A_2^T

    Cases, matrices and ``aligned`` need amsmath, or KaTeX or MathJax.
    """

    def name(self, name: str, raised: str = "") -> Piece:
        found = parts(name)
        above = f"^{_group(raised)}" if raised else ""
        text = f"{found.prefix}{_base(found.base, found.kind)}{_below(found.script)}{above}"
        return Piece(text, POWER if above else ATOM)

    def entry(self, name: str, places: tuple[int, ...]) -> Piece:
        """``w^1_{12}``: the number of a layer above, row and column below."""
        found = parts(name)
        base = _base(found.base.lower() if found.kind == "letter" else found.base, found.kind)
        above = f"^{_group(_index(found.script))}" if found.script else ""
        below = ("," if max(places) > 9 else "").join(map(str, places))
        return Piece(f"{found.prefix}{base}{above}_{_group(below)}", POWER if above else ATOM)

    def parentheses(self, text: str) -> str:
        return rf"\left({text}\right)" if any(tall in text for tall in _TALL) else f"({text})"

    def symbol(self, character: str) -> str:
        return _SIGNS.get(character, character)

    def digits(self, text: str) -> str:
        return text.replace("…", r"\ldots")

    def words(self, text: str) -> str:
        return _words(text)

    def span(self, text: str) -> str:
        return text

    def minus(self, text: str) -> str:
        return f"-{text}"

    def signed(self, left: str, sign: str, right: str) -> str:
        return f"{left} {_SIGNS.get(sign, sign)} {right}"

    def chain(self, first: str, tail: Sequence[tuple[str, str]]) -> str:
        return " ".join([first, *(f"{_SIGNS.get(sign, sign)} {text}" for sign, text in tail)])

    def signs(self, texts: Sequence[str], sign: str) -> str:
        return f" {_SIGNS[sign]} ".join(texts)

    def beside(self, left: str, right: str, *, tight: bool) -> str:
        upright = any(text.startswith((r"\mathrm", r"\text")) for text in (left, right)) and not tight
        return rf"{left} \, {right}" if upright else f"{left} {right}"

    def commas(self, texts: Sequence[str]) -> str:
        return ", ".join(texts)

    def fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def ratio(self, above: str, below: str) -> str:
        return f"{above}/{below}"

    def superscript(self, base: str, exponent: str) -> str:
        return f"{base}^{_group(exponent)}"

    def over(self, sign: str, words: str, text: str) -> str:
        below = rf"_{{{_words(words)}}}" if words else ""
        return f"{_SIGNS[sign]}{below} {text}"

    def function_name(self, name: str, over: str) -> str:
        known = _FUNCTIONS.get(name) or (rf"\{name}" if name in _COMMANDS else "")
        plain = known or rf"\operatorname{{{_escaped(name)}}}"
        return rf"{plain}_{{{_words(over)}}}" if over else plain

    def call(self, function: str, arguments: Sequence[str]) -> str:
        return function + self.parentheses(self.commas(arguments))

    def option(self, key: str, value: str) -> str:
        return f"{_words(key)} = {value}"

    def bars(self, text: str) -> str:
        return rf"\left|{text}\right|"

    def root(self, x: Any) -> Piece:
        return Piece(rf"\sqrt{{{self.part(x)}}}", ATOM)

    def cases(self, rows: Sequence[tuple[str, str]], otherwise: str) -> Piece:
        lines = [rf"{value} & \text{{if }} {condition}" for value, condition in rows]
        body = r" \\ ".join([*lines, rf"{otherwise} & \text{{otherwise}}"])
        return Piece(rf"\begin{{cases}} {body} \end{{cases}}", SUM)  # its right side is open

    def indexed(self, base: str, key: Sequence[str]) -> str:
        return f"{base}[{self.commas(key)}]"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        body = r" \\ ".join(" & ".join(row) for row in rows)
        return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"

    def table(self, rows: Sequence[Sequence[str]]) -> str:
        return self.matrix(rows)

    def labeled(self, part: str, word: str, label: str) -> str:
        return rf"{part} \text{{ {word} }} {label}"

    def equation(self, line: Line) -> str:
        return " = ".join([line.name, *line.steps])

    def page(self, sections: Sequence[Section], notes: Sequence[str]) -> str:
        r"""One ``aligned`` environment; steps under each other, remarks in a column of their own."""
        rows: list[str] = []
        for title, lines in sections:
            rows.append(rf"& {_words(title)}")
            for line in lines:
                first, *further = self.remark_rows(line, r"; \quad ")
                rows.append(f"{line.name} &= {line.steps[0]}" + (f" && {first}" if first else ""))
                rows.extend(f"&= {step}" for step in line.steps[1:])
                rows.extend(f"& && {remark}" for remark in further)
        rows.extend(rf"& {_words(note)}" for note in notes)
        body = " \\\\\n".join(rows)
        return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _group(text: str) -> str:
    """Braces around more than one character."""
    return text if len(text) == 1 else f"{{{text}}}"


def _base(base: str, kind: str) -> str:
    if base in SPELLED:
        return rf"\{SPELLED[base]}"
    if kind == "letter" and base.isascii():
        return base
    return rf"\mathrm{{{_escaped(base)}}}" if kind == "word" and base.isascii() else _words(base)


def _escaped(word: str) -> str:
    return word.replace("_", r"\_")


def _index(index: str) -> str:
    return index if index.isdecimal() else _base(index, "letter" if len(index) == 1 else "word")


def _below(index: str) -> str:
    return f"_{_group(_index(index))}" if index else ""


def _words(text: str) -> str:
    r"""Any text in ``\text{}``, special characters and mathematical signs in math mode between."""
    shown = visible(text).replace("�", "?")  # fonts of LaTeX lack it
    runs = [_run("".join(run), special) for special, run in itertools.groupby(shown, _is_special)]
    return "".join(runs) or r"\text{}"


def _run(text: str, special: bool) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text) if special else rf"\text{{{text}}}"


def _is_special(character: str) -> bool:
    return character in _SPECIAL or (unicodedata.category(character) == "Sm" and not character.isascii())
