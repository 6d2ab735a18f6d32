"""Expressions as runnable NumPy text: ``dW3 = dZ3 @ A2.T``."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Sequence
from typing import Any, Final, final

import numpy as np

from chainrule.notation.printer import (
    ATOM,
    COMPARISON,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    Line,
    Piece,
    Printer,
    Section,
    commented_page,
    steps_in_lines,
)
from chainrule.symbols import elementary
from chainrule.symbols.dimensions import Dimension, Shape, shape_text
from chainrule.symbols.operations import index
from chainrule.symbols.symbol import Symbol


@final
class TextPrinter(Printer):
    """Runnable NumPy text: evaluated with the values, ``m`` and NumPy as ``np``, it gives the number again.

    >>> W, A = Symbol.leaf("W", (1, 3)), Symbol.leaf("A", (3, "m"))
    >>> TextPrinter().print(np.sum(-(W.T * A), axis=1, keepdims=True) / A.shape[1])
    '(-W.T * A).sum(axis=1, keepdims=True) / m'
    """

    def name(self, name: str) -> Piece:
        """The name itself where it is one to Python and stands for nothing else there, else looked up."""
        plain = name.isidentifier() and not keyword.iskeyword(name) and name not in _TAKEN
        plain = plain and unicodedata.normalize("NFKC", name) == name  # to Python ℤ is the name Z
        return Piece(name if plain else f"values[{name!r}]", ATOM)

    def number(self, x: Any) -> Piece:
        if isinstance(x, np.ndarray) and x.ndim:
            shown = {"float_kind": lambda number: _float_text(float(number))}
            text = np.array2string(x, separator=", ", threshold=10**6, formatter=shown)  # type: ignore[arg-type]  # known keys only
            return Piece(f"np.array({text.replace(chr(10), '')})", ATOM)  # on one line: it may stand in a comment
        number = x.item() if isinstance(x, (np.ndarray, np.generic)) else x
        if isinstance(number, float) and number.is_integer() and abs(number) < 1e15:
            number = int(number)
        return Piece(_float_text(number), ATOM if not isinstance(number, (int, float)) or number >= 0 else SIGN)

    def dimension(self, x: Dimension) -> Piece:
        text = str(x)
        return Piece(text, SUM if " " in text else PRODUCT if set("*/") & set(text) else ATOM)

    def parentheses(self, text: str) -> str:
        return f"({text})"

    def add(self, x: Symbol) -> Piece:
        return Piece(f"{self.inside(x.operands[0], SUM)} + {self.inside(x.operands[1], SUM)}", SUM)

    def subtract(self, x: Symbol) -> Piece:
        return Piece(f"{self.inside(x.operands[0], SUM)} - {self.inside(x.operands[1], PRODUCT)}", SUM)

    def multiply(self, x: Symbol) -> Piece:
        return self._product(x, "*")

    def divide(self, x: Symbol) -> Piece:
        return self._product(x, "/")

    def matmul(self, x: Symbol) -> Piece:
        if x.operation is np.dot and () in [getattr(op, "known_shape", ()) for op in x.operands]:
            return self.function(x)
        return self._product(x, "@")

    def _product(self, x: Symbol, sign: str) -> Piece:
        """Python groups *, / and @ from the left: a product on the right, or another kind on the left, is bracketed."""
        left, right = x.operands
        mixed = (
            sign == "@" and self.piece(left).binding == PRODUCT and getattr(left, "operation", None) is not np.matmul
        )
        return Piece(f"{self.inside(left, SIGN if mixed else PRODUCT)} {sign} {self.inside(right, SIGN)}", PRODUCT)

    def negative(self, x: Symbol) -> Piece:
        return Piece(
            f"-{self.inside(x.operands[0], PRODUCT)}", SIGN if self.piece(x.operands[0]).binding >= SIGN else PRODUCT
        )

    def power(self, x: Symbol) -> Piece:
        return Piece(f"{self.inside(x.operands[0], ATOM)} ** {self.inside(x.operands[1], ATOM)}", POWER)

    def square(self, x: Symbol) -> Piece:
        return Piece(f"{self.inside(x.operands[0], ATOM)} ** 2", POWER)

    def transpose(self, x: Symbol) -> Piece:
        return Piece(f"{self._subject(x)}.T", ATOM)

    def sum(self, x: Symbol) -> Piece:
        return Piece(f"{self._subject(x)}.sum({self._options(x)})", ATOM)

    def compare(self, x: Symbol) -> Piece:
        a, b = (self.inside(operand, COMPARISON + 1) for operand in x.operands)
        return Piece(f"{a} {self.comparisons[x.operation]} {b}", COMPARISON)

    def both(self, x: Symbol) -> Piece:
        return Piece(" & ".join(self.inside(operand, COMPARISON + 1) for operand in x.operands), COMPARISON)

    def absolute(self, x: Symbol) -> Piece:
        return Piece(f"np.abs({self.print(x.operands[0])})", ATOM)

    def function(self, x: Symbol) -> Piece:
        if x.operation is index:
            return Piece(f"{self._subject(x)}[{self._key(x.operands[1])}]", ATOM)
        if x.operation is np.astype:
            return Piece(f"{self._subject(x)}.astype({_DTYPE_NAMES[x.options['dtype'].kind]})", ATOM)
        arguments = [self._argument(operand) for operand in x.operands]
        if not isinstance(x.operation, np.ufunc) and x.operands and _is_number(x.operands[0]):
            arguments[0] = _array_text(arguments[0])  # what is no ufunc may ask its operand for a shape
        options = self._options(x)
        return Piece(
            f"{self._function_name(x.operation)}({', '.join([*arguments, *([options] if options else [])])})", ATOM
        )

    def shape_equation(self, shape: Shape | None, factors: Sequence[Shape | None]) -> str:
        own, product = _times_sign(shape), "".join(map(_times_sign, factors))
        return f"{own} = {product}" if product else own

    def contribution(self, part: Any, consumer: str) -> str:
        return f"{self.print(part)} from {self.name(consumer).text}"

    def equation(self, line: Line) -> str:
        return "\n".join(steps_in_lines(line))

    def page(self, sections: Sequence[Section], notes: Sequence[str]) -> str:
        return commented_page(sections, notes)

    def table(self, rows: Sequence[Sequence[str]]) -> str:
        """Nested lists, their columns aligned."""
        widths = [max(map(len, column)) + 1 for column in zip(*rows, strict=True)]
        cells = [[f"{cell}," for cell in row[:-1]] + [row[-1]] for row in rows]
        lines = [" ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
        body = ",\n ".join(f"[{line}]" for line in lines)
        return f"[{body}]"

    def _subject(self, x: Symbol) -> str:
        """The first operand where an attribute or an index follows: a number there must be an array."""
        text = self.inside(x.operands[0], ATOM)
        return _array_text(text) if _is_number(x.operands[0]) else text

    def _function_name(self, operation: Any) -> str:
        name: str = operation.__name__
        return f"np.{name}" if getattr(np, name, None) is operation else name

    def _argument(self, operand: Any) -> str:
        """An operand of a function: a value, or the key of an index."""
        if isinstance(operand, (tuple, slice)):
            inner = operand if isinstance(operand, tuple) else (operand,)
            if any(isinstance(part, slice) for part in inner):
                return f"np.s_[{self._key(operand)}]"
            return f"({', '.join(map(self._argument, inner))}{',' if len(inner) == 1 else ''})"
        if operand is Ellipsis:
            return "..."
        return self.print(operand) if operand is not None else "None"

    def _key(self, key: Any) -> str:
        parts = key if isinstance(key, tuple) else (key,)
        return ", ".join(map(self._key_part, parts)) or "()"

    def _key_part(self, part: Any) -> str:
        if isinstance(part, slice):
            bounds = ["" if bound is None else str(bound) for bound in (part.start, part.stop)]
            return ":".join(bounds) + (f":{part.step}" if part.step is not None else "")
        return "None" if part is None else "..." if part is Ellipsis else self.print(part)

    def _options(self, x: Symbol) -> str:
        return ", ".join(f"{key}={self._option(value)}" for key, value in x.options.items())

    def _option(self, value: Any) -> str:
        if isinstance(value, np.ndarray):
            return self.number(value).text
        if isinstance(value, (type, np.dtype)):
            return _DTYPE_NAMES[np.dtype(value).kind]
        return str(value) if not isinstance(value, str) else repr(value)


_TAKEN: Final = frozenset(
    ["np", "values", "float", "int", "bool"]
    + [name for name, value in vars(elementary).items() if callable(value) and value.__module__ == elementary.__name__]
)
_DTYPE_NAMES = {"f": "float", "i": "int", "u": "int", "b": "bool"}


def _times_sign(shape: Shape | None) -> str:
    return "(" + "×".join(map(str, shape)) + ")" if shape and len(shape) > 1 else shape_text(shape)


def _array_text(number: str) -> str:
    """A number as an array of floating point, as all values of a run are."""
    return f"np.array({number}, dtype=float)"


def _is_number(x: Any) -> bool:
    """Whether an operand is printed as a plain number, which has no methods of an array."""
    if not isinstance(x, Symbol):
        return isinstance(x, (int, float, np.number, Dimension))
    return x.operation is None and x.name is None and x.known_shape == ()


def _float_text(number: Any) -> str:
    text = repr(number)
    return f"np.{text}" if text in ("inf", "nan") else f"-np.{text[1:]}" if text == "-inf" else text
