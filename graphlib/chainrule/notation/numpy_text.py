"""Expressions as runnable NumPy text: ``dW3 = dZ3 @ A2.T``."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Sequence
from typing import Any, ClassVar, Final, final

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
from chainrule.shown.text import visible
from chainrule.symbols import elementary, standardizing, windows
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.dimensions import Dimension, Shape, shape_text
from chainrule.symbols.operations import OPERATIONS, index
from chainrule.symbols.symbol import Symbol, known_shape


class NumpyText(Printer):
    """Expressions in NumPy; what a named value is called there is for the printers of this kind to say."""

    methods: ClassVar[dict[Any, str]] = {
        **Printer.methods,
        np.subtract: "add",
        np.multiply: "product",
        np.divide: "product",
        np.swapaxes: "swapped",
        np.broadcast_to: "stretched",
    }

    def number(self, x: Any) -> Piece:
        if isinstance(x, np.ndarray) and x.ndim and not x.size:
            dtype = "" if x.dtype.kind == "f" else f", dtype={_DTYPE_NAMES[x.dtype.kind]}"
            return Piece(f"np.zeros({x.shape}{dtype})", ATOM)
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
        """A chain of + and -, walked without recursion."""
        tail: list[str] = []
        rest: Any = x
        while isinstance(rest, Symbol) and rest.operation in (np.add, np.subtract) and id(rest) not in self._printed:
            plus = rest.operation is np.add
            rest, right = rest.operands
            tail.append(f" + {self.inside(right, SUM)}" if plus else f" - {self.inside(right, PRODUCT)}")
        return Piece("".join([self.inside(rest, SUM), *reversed(tail)]), SUM)

    def product(self, x: Symbol) -> Piece:
        """Python groups *, / and @ from the left: a product on the right, or another kind left of @, is bracketed."""
        tail: list[str] = []
        rest: Any = x
        while (sign := self._sign(rest)) and id(rest) not in self._printed:
            left, right = rest.operands
            tail.append(f" {sign} {self.inside(right, SIGN)}")
            rest = left
            if sign == "@" and self._sign(left) != "@":
                break
        text = self.inside(rest, SIGN if sign == "@" and self._sign(rest) != "@" else PRODUCT)
        return Piece("".join([text, *reversed(tail)]), PRODUCT)

    def _sign(self, x: Any) -> str:
        """The sign of a product, "" for anything else and for the product of a number that NumPy's @ refuses."""
        if not isinstance(x, Symbol):
            return ""
        if x.operation is np.dot and () in [getattr(op, "known_shape", ()) for op in x.operands]:
            return ""
        return _PRODUCTS.get(x.operation, "")

    def matmul(self, x: Symbol) -> Piece:
        return self.product(x) if self._sign(x) else self.function(x)

    def negative(self, x: Symbol) -> Piece:
        """The sign goes to the first factor; NumPy refuses it before truth values, not before their product."""
        piece = self.piece(x.operands[0])
        least = SIGN if self._starts_with_a_mask(x.operands[0]) else PRODUCT
        text = piece.text if piece.binding >= least else self.parentheses(piece.text)
        return Piece(f"-{text}", SIGN if piece.binding >= SIGN else PRODUCT)

    def _starts_with_a_mask(self, x: Any) -> bool:
        while self._sign(x):
            x = x.operands[0]
        return isinstance(x, Symbol) and x.dtype.kind == "b"

    def power(self, x: Symbol) -> Piece:
        return Piece(f"{self.inside(x.operands[0], ATOM)} ** {self.inside(x.operands[1], ATOM)}", POWER)

    def square(self, x: Symbol) -> Piece:
        return Piece(f"{self.inside(x.operands[0], ATOM)} ** 2", POWER)

    def transpose(self, x: Symbol) -> Piece:
        return Piece(f"{self._subject(x)}.T", ATOM)

    def swapped(self, x: Symbol) -> Piece:
        """The transpose of matrices in a stack."""
        shape, axes = known_shape(x.operands[0]), {x.options["axis1"], x.options["axis2"]}
        last = axes == {-1, -2} or (
            shape is not None and {k % len(shape) for k in axes} == {len(shape) - 1, len(shape) - 2}
        )
        return Piece(f"{self._subject(x)}.mT", ATOM) if last else self.function(x)

    def stretched(self, x: Symbol) -> Piece:
        """A number in every place as the array that it is."""
        number, shape = x.operands[0], self._options(x).removeprefix("shape=")
        if not _is_number(number):
            return self.function(x)
        text = self.part(number)
        known = {"1": f"np.ones({shape})", "0": f"np.zeros({shape})"}
        return Piece(known.get(text, f"np.full({shape}, {text}, dtype=float)"), ATOM)

    def sum(self, x: Symbol) -> Piece:
        return Piece(f"{self._subject(x)}.sum({self._options(x)})", ATOM)

    def compare(self, x: Symbol) -> Piece:
        a, b = (self.inside(operand, COMPARISON + 1) for operand in x.operands)
        return Piece(f"{a} {self.comparisons[x.operation]} {b}", COMPARISON)

    def both(self, x: Symbol) -> Piece:
        return Piece(" & ".join(self.inside(operand, COMPARISON + 1) for operand in x.operands), COMPARISON)

    def absolute(self, x: Symbol) -> Piece:
        return Piece(f"np.abs({self.part(x.operands[0])})", ATOM)

    def function(self, x: Symbol) -> Piece:
        if x.operation is index:
            return Piece(f"{self._subject(x)}[{self._key(x.operands[1])}]", ATOM)
        if x.operation is np.astype:
            return Piece(f"{self._subject(x)}.astype({_DTYPE_NAMES[x.options['dtype'].kind]})", ATOM)
        arguments = [self._argument(operand) for operand in x.operands]
        if not isinstance(x.operation, np.ufunc) and x.operands and _is_number(x.operands[0]):
            arguments[0] = _array_text(arguments[0])  # what is no ufunc may ask its operand for a shape
        if x.operation in _LIKE_THE_LAST and _is_number(x.operands[-1]):
            arguments[-1] = _array_text(arguments[-1])
        options = self._options(x)
        if x.operation is np.reshape:  # by its place, as the keyword is newshape in NumPy 2.0
            options = options.removeprefix("shape=")
        return Piece(
            f"{self._function_name(x.operation)}({', '.join([*arguments, *([options] if options else [])])})", ATOM
        )

    def shape_equation(self, shape: Shape | None, factors: Sequence[Shape | None]) -> str:
        own, product = _times_sign(shape), "".join(map(_times_sign, factors))
        return f"{own} = {product}" if product else own

    def words(self, text: str) -> str:
        return visible(text)

    def signed(self, left: str, sign: str, right: str) -> str:
        return f"{left} {sign} {right}"

    def labeled(self, part: str, word: str, label: str) -> str:
        return f"{part} {word} {label}"

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
        if _is_number(x.operands[0]):
            return _array_text(self.part(x.operands[0]))
        return self.inside(x.operands[0], ATOM)

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
        return self.part(operand) if operand is not None else "None"

    def _key(self, key: Any) -> str:
        parts = key if isinstance(key, tuple) else (key,)
        return ", ".join(map(self._key_part, parts)) or "()"

    def _key_part(self, part: Any) -> str:
        if isinstance(part, slice):
            bounds = ["" if bound is None else str(bound) for bound in (part.start, part.stop)]
            return ":".join(bounds) + (f":{part.step}" if part.step is not None else "")
        return "None" if part is None else "..." if part is Ellipsis else self.part(part)

    def _options(self, x: Symbol) -> str:
        return ", ".join(f"{key}={self._option(value)}" for key, value in x.options.items())

    def _option(self, value: Any) -> str:
        if isinstance(value, np.ndarray):
            return self.number(value).text
        if isinstance(value, (type, np.dtype)):
            return _DTYPE_NAMES[np.dtype(value).kind]
        return str(value) if not isinstance(value, str) else repr(value)


@final
class TextPrinter(NumpyText):
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


_TAKEN: Final = frozenset(
    ["np", "numpy", "values", "float", "int", "bool", "unbroadcast"]
    + [name for name, value in vars(elementary).items() if callable(value) and value.__module__ == elementary.__name__]
    + [f.__name__ for f in OPERATIONS if getattr(f, "__module__", "") in (standardizing.__name__, windows.__name__)]
)
_DTYPE_NAMES = {"f": "float", "i": "int", "u": "int", "b": "bool"}


def _times_sign(shape: Shape | None) -> str:
    return "(" + "×".join(map(str, shape)) + ")" if shape and len(shape) > 1 else shape_text(shape)


def _array_text(number: str) -> str:
    """A number as an array of floating point, as all values of a run are."""
    return f"np.array({number}, dtype=float)"


def _is_number(x: Any) -> bool:
    """Whether an operand is printed as a plain number, which has no methods of an array."""
    waiting = [x]
    while waiting:
        x = waiting.pop()
        if isinstance(x, Symbol) and x.operation in _OF_NUMBERS:
            waiting.extend(x.operands)
        elif isinstance(x, Symbol):
            if x.operation is not None or x.name is not None or x.known_shape != ():
                return False
        elif not isinstance(x, (int, float, np.number, Dimension)):
            return False
    return True


_LIKE_THE_LAST: Final = (elementary.put, unbroadcast)  # what they give has the shape of their last operand
_OF_NUMBERS: Final = (np.add, np.subtract, np.multiply, np.divide, np.negative, np.power)
_PRODUCTS: Final = {np.multiply: "*", np.divide: "/", np.matmul: "@", np.dot: "@"}


def _float_text(number: Any) -> str:
    text = repr(number)
    return f"np.{text}" if text in ("inf", "nan") else f"-np.{text[1:]}" if text == "-inf" else text
