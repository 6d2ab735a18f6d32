"""What the mathematical notations share: how a recorded expression is arranged on paper.

Matrix products stand side by side, element-wise products have a sign, a scale such as 1/m stands in front. A notation
adds the markup.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from chainrule.notation.paper import (
    OVER_CLASSES,
    Factors,
    entry_places,
    is_scalar,
    is_short,
    named_power,
    number_in,
    on_paper,
    slice_text,
    summed_over,
    swaps_last_axes,
    taken_apart,
)
from chainrule.notation.printer import ATOM, COMPARISON, POWER, PRODUCT, SUM, Line, Piece, Printer
from chainrule.symbols import elementary
from chainrule.symbols.dimensions import Dimension, Shape
from chainrule.symbols.operations import index, kind
from chainrule.symbols.symbol import Symbol, known_shape

JUXTAPOSED = POWER - 1  # side by side holds tighter than a sign; a minus holds no tighter than a sum
_MOST_NUMBERS = 12  # an array of more numbers is shown by its shape
_DIGITS = 6
_MOST_REMARKS = 3  # in a row


class MathPrinter(Printer):
    """Prints expressions as mathematics; a subclass adds the markup of its notation."""

    methods: ClassVar[dict[Any, str]] = {
        **Printer.methods,
        np.multiply: "product",
        np.divide: "product",
        np.negative: "product",
        np.subtract: "add",
        np.square: "power",
        np.swapaxes: "transpose",
        np.prod: "sum",
        np.bitwise_or: "both",
        np.logical_and: "both",
        np.logical_or: "both",
        index: "index",
        np.take: "take",
        np.concatenate: "concatenate",
        np.broadcast_to: "broadcast",
        np.reshape: "reshape",
        elementary.put: "put",
    }
    comparisons: ClassVar[dict[Any, str]] = {
        np.greater: ">",
        np.greater_equal: "≥",
        np.less: "<",
        np.less_equal: "≤",
        np.equal: "=",
        np.not_equal: "≠",
    }
    connectives: ClassVar[dict[Any, str]] = {
        np.bitwise_and: "∧",
        np.logical_and: "∧",
        np.bitwise_or: "∨",
        np.logical_or: "∨",
    }
    function_names: ClassVar[dict[str, str]] = {
        "sigmoid": "σ",
        "normal_cdf": "Φ",
        "maximum": "max",
        "minimum": "min",
        "amax": "max",
        "amin": "min",
        "log_softmax": "log softmax",
    }

    def _piece(self, x: Any) -> Piece:
        """The expression printed; what is only bookkeeping of arrays, or has a form on paper, as that."""
        meant = on_paper(x)
        if meant is not x:
            return self.piece(meant)
        return Piece(self.words(x), ATOM) if isinstance(x, str) else super()._piece(x)

    def _method(self, x: Symbol) -> str:
        return self.methods.get(x.operation, "function")

    # --- sums and products -------------------------------------------------------------------------------------------

    def add(self, x: Symbol) -> Piece:
        """A chain of + and −, walked without recursion: an entry may be a long sum."""
        tail: list[tuple[str, str]] = []
        rest: Any = x
        while isinstance(rest, Symbol) and rest.operation in (np.add, np.subtract) and id(rest) not in self._printed:
            sign = "+" if rest.operation is np.add else "−"
            rest, right = rest.operands
            tail.append((sign, self.inside(right, PRODUCT)))
        return Piece(self.chain(self.inside(rest, SUM), tail[::-1]), SUM)

    def product(self, x: Symbol) -> Piece:
        """The sign first, then the scale, then the values, over what divides them."""
        negative, above, below = taken_apart(x)
        piece = self.arranged(above, below)
        return Piece(self.minus(piece.text), SUM) if negative else piece

    def arranged(self, above: Factors, below: Factors) -> Piece:
        """A scale in front, such as 1/m; values that divide stand under a line of their own."""
        if not below.values:
            front = self._over_line(above._replace(values=[]), below)
            return self._scaled(front, self._values(above.values), above.values)
        front = self._over_line(Factors(1, above.sizes, []), Factors(1, below.sizes, []))
        return self._scaled(front, self._over_line(above._replace(sizes=[]), below._replace(sizes=[])), [])

    def _scaled(self, front: Piece | None, body: Piece | None, values: Sequence[Any]) -> Piece:
        if front is None or body is None:
            return body or front or self.number(1)
        is_number = front.binding == ATOM and bool(values) and is_short(values[0])
        return Piece(self.beside(front.text, body.text, tight=is_number), PRODUCT)

    def _over_line(self, above: Factors, below: Factors) -> Piece | None:
        """A fraction with a line, or only what would stand above it; None for 1."""
        bottom = self.beside_each_other(below, alone=True)
        if bottom is None:
            return self.beside_each_other(above)
        top = self.beside_each_other(above, alone=True) or self.number(1)
        return Piece(self.fraction(top.text, bottom.text), JUXTAPOSED)

    def beside_each_other(self, factors: Factors, *, alone: bool = False) -> Piece | None:
        """A number, sizes and values without a line; None for 1. A single value that is alone needs no parentheses."""
        if alone and factors.number == 1 and len(factors.sizes) + len(factors.values) == 1:
            return self.piece((factors.sizes + factors.values)[0])
        body = self._values(factors.values)
        for size in reversed(factors.sizes):
            text = self.inside(size, ATOM)
            body = Piece(self.beside(text, body.text, tight=False), PRODUCT) if body else Piece(text, ATOM)
        if factors.number == 1:
            return body
        number = self.number(factors.number)
        tight = bool(factors.sizes) or is_short(next(iter(factors.values), None))
        return Piece(self.beside(number.text, body.text, tight=tight), PRODUCT) if body else number

    def _values(self, values: Sequence[Any]) -> Piece | None:
        """Factors with ∗ between arrays, side by side where one is a scalar."""
        if len(values) < 2:
            return self.at_least(values[0], PRODUCT) if values else None
        text = self.inside(values[0], JUXTAPOSED)
        for left, right in itertools.pairwise(values):
            text = self._times(text, left, right)
        return Piece(text, PRODUCT)

    def _times(self, text: str, left: Any, right: Any) -> str:
        factor = self.inside(right, JUXTAPOSED)
        if is_scalar(left) or is_scalar(right):
            return self.beside(text, factor, tight=False)
        return self.signed(text, "∗", factor)

    def at_least(self, x: Any, binding: int) -> Piece:
        """The expression printed, in parentheses where it does not hold this tightly."""
        piece = self.piece(x)
        return piece if piece.binding >= binding else Piece(self.parentheses(piece.text), ATOM)

    def matmul(self, x: Symbol) -> Piece:
        left, right = map(on_paper, x.operands)
        shapes = [known_shape(left), known_shape(right)]
        if () in shapes or number_in(left) is not None or number_in(right) is not None:
            return self.product(Symbol(np.multiply, (left, right), shape=x.known_shape))
        a, b = self.inside(left, JUXTAPOSED), self.inside(right, POWER)
        if all(shape is not None and len(shape) == 1 for shape in shapes):
            return Piece(self.signed(self.inside(left, POWER), "·", b), PRODUCT)
        last = left.operands[1] if isinstance(left, Symbol) and left.operation is np.matmul else left
        return Piece(self.beside(a, b, tight=is_short(last) and is_short(right)), JUXTAPOSED)

    # --- above the line ----------------------------------------------------------------------------------------------

    def transpose(self, x: Symbol) -> Piece:
        if not swaps_last_axes(x):
            return self.function(x)
        return self.raised(x.operands[0], self.symbol("T"), transposed=True)

    def power(self, x: Symbol) -> Piece:
        exponent = x.operands[1] if x.operation is np.power else 2
        return self.raised(x.operands[0], self.exponent(exponent))

    def raised(self, x: Any, exponent: str, *, transposed: bool = False) -> Piece:
        """A value with something above it; a name takes it beside its index."""
        x = on_paper(x)
        if isinstance(x, Symbol) and x.operation is None and x.name is not None:
            return self.name(x.name, exponent)
        return Piece(self.superscript(self.inside(x, ATOM), exponent), POWER)

    def exponent(self, x: Any) -> str:
        """What stands in a superscript, where a fraction is written 1/2."""
        number = number_in(x)
        if number is None and isinstance(x, Symbol) and x.operation is np.divide:
            return self.ratio(*(self.part(operand) for operand in x.operands))
        return self.part(x if number is None else number)

    # --- sums over an axis, functions ---------------------------------------------------------------------------------

    def sum(self, x: Symbol) -> Piece:
        sign = "Σ" if x.operation is np.sum else "∏"
        return Piece(self.over(sign, summed_over(x), self.inside(x.operands[0], JUXTAPOSED)), PRODUCT)

    def function(self, x: Symbol) -> Piece:
        name = getattr(x.operation, "__name__", "function")
        arguments = [self._argument(operand) for operand in x.operands]
        options = {key: value for key, value in x.options.items() if key not in ("keepdims", "axis", "dtype")}
        arguments += [self.option(key, self._argument(value)) for key, value in options.items()]
        over = summed_over(x) if kind(x.operation) == "axis" or x.operation is np.repeat else ""
        over = "" if x.operation in OVER_CLASSES and over == "rows" else over
        shown = self.function_name(self.function_names.get(name, name), over)
        return Piece(self.call(shown, arguments), ATOM)

    def _argument(self, x: Any) -> str:
        if isinstance(x, (tuple, list)):
            return self.parentheses(self.commas([self._argument(part) for part in x]))
        if isinstance(x, slice):
            return self.span(slice_text(x))
        return self.words(str(x)) if x is None or isinstance(x, (bool, np.dtype, type)) else self.part(x)

    def absolute(self, x: Symbol) -> Piece:
        return Piece(self.bars(self.part(x.operands[0])), ATOM)

    def sqrt(self, x: Symbol) -> Piece:
        return self.root(x.operands[0])

    # --- conditions --------------------------------------------------------------------------------------------------

    def compare(self, x: Symbol) -> Piece:
        left, right = (self.inside(operand, COMPARISON + 1) for operand in x.operands)
        return Piece(self.signed(left, self.comparisons[x.operation], right), COMPARISON)

    def both(self, x: Symbol) -> Piece:
        left, right = (self.inside(operand, SUM) for operand in x.operands)
        return Piece(self.signed(left, self.connectives[x.operation], right), COMPARISON)

    def _condition(self, x: Any) -> str:
        """What is true or false as it is; a number that serves as a condition holds where it is not 0."""
        if isinstance(x, Symbol) and x.dtype.kind == "b":
            return self.part(x)
        return self.signed(self.inside(x, COMPARISON + 1), "≠", self.number(0).text)

    def where(self, x: Symbol) -> Piece:
        rows: list[tuple[str, str]] = []
        rest: Any = x
        while isinstance(rest, Symbol) and rest.operation is np.where:
            condition, value, rest = rest.operands
            rows.append((self.part(value), self._condition(condition)))
        return self.cases(rows, self.part(rest))

    # --- parts and arrangements ---------------------------------------------------------------------------------------

    def index(self, x: Symbol) -> Piece:
        value, key = x.operands
        places = entry_places(value, key)
        if places is not None:
            return self.entry(value.name, places)
        return Piece(self.indexed(self.inside(value, ATOM), self._key(key)), ATOM)

    def take(self, x: Symbol) -> Piece:
        value, chosen = x.operands
        shape, axis = known_shape(value), x.options.get("axis")
        before = (slice(None),) * (axis % len(shape)) if axis is not None and shape else ()
        return Piece(self.indexed(self.inside(value, ATOM), self._key((*before, chosen))), ATOM)

    def put(self, x: Symbol) -> Piece:
        """What is added to zeros, and the place: ``put(dy, X[1:])``."""
        grad, key, like = x.operands
        place = self.indexed(self.inside(like, ATOM), self._key(key))
        return Piece(self.call(self.function_name("put", ""), [self.part(grad), place]), ATOM)

    def _key(self, key: Any) -> list[str]:
        return [self._key_part(part) for part in (key if isinstance(key, tuple) else (key,))]

    def _key_part(self, part: Any) -> str:
        if isinstance(part, slice):
            return self.span(slice_text(part))
        return self.words("…" if part is Ellipsis else "new") if part is None or part is Ellipsis else self.part(part)

    def concatenate(self, x: Symbol) -> Piece:
        (values,) = x.operands
        shape, axis = x.known_shape, x.options.get("axis", 0)
        if not shape or len(shape) > 2:
            return self.function(x)
        texts = [self.part(value) for value in values]
        side_by_side = axis % len(shape) == len(shape) - 1
        return Piece(self.matrix([texts] if side_by_side else [[text] for text in texts]), ATOM)

    def broadcast(self, x: Symbol) -> Piece:
        """A number in every place as that number times ones."""
        number = number_in(x.operands[0])
        if number is None:
            return self._rearranged("broadcast", x)
        ones = Piece(self.call(self.function_name("ones", ""), [self.size(x.known_shape)]), ATOM)
        return self.number(0) if number == 0 else ones if number == 1 else self._scaled(self.number(number), ones, [])

    def reshape(self, x: Symbol) -> Piece:
        return self._rearranged("reshape", x) if x.known_shape is not None else self.function(x)

    def _rearranged(self, name: str, x: Symbol) -> Piece:
        arguments = [self.part(x.operands[0]), self.size(x.known_shape)]
        return Piece(self.call(self.function_name(name, ""), arguments), ATOM)

    # --- numbers -----------------------------------------------------------------------------------------------------

    def number(self, x: Any) -> Piece:
        if isinstance(x, str):
            return Piece(self.words(x), ATOM)
        if isinstance(x, np.ndarray) and x.ndim:
            return Piece(self._numbers_in(x), ATOM)
        plain = x.item() if isinstance(x, (np.ndarray, np.generic)) else x
        if isinstance(plain, bool) or not isinstance(plain, (int, float)):
            return Piece(self.words(str(plain)), ATOM)
        size = self._positive(abs(plain))
        return Piece(self.minus(size), SUM) if plain < 0 else Piece(size, ATOM)

    def _numbers_in(self, x: Any) -> str:
        if x.ndim > 2 or x.size > _MOST_NUMBERS or x.size == 0:
            return self.words(f"{'×'.join(map(str, x.shape))} numbers")
        return self.matrix([[self.number(number).text for number in row] for row in np.atleast_2d(x)])

    def _positive(self, number: Any) -> str:
        """Up to six digits, and dots where there are more."""
        if not np.isfinite(number):
            return self.symbol("∞") if number == np.inf else self.words("NaN")
        text = f"{number:.{_DIGITS}g}" if isinstance(number, float) else str(number)
        digits, _, exponent = text.partition("e")
        dots = "…" if isinstance(number, float) and float(text) != number else ""
        if not exponent:
            return self.digits(digits + dots)
        ten = self.superscript(self.digits("10"), self.number(int(exponent)).text)
        return ten if digits == "1" and not dots else self.signed(self.digits(digits + dots), "·", ten)

    def dimension(self, x: Dimension) -> Piece:
        """A size with names, as the sum of products that it is."""
        if x == Dimension.named(str(x)):
            return self.name(str(x))
        ((first, factor), *rest) = x.terms
        if not rest:
            return self._monomial(dict(first), factor)
        tail = [("+" if f > 0 else "−", self._monomial(dict(monomial), abs(f)).text) for monomial, f in rest]
        return Piece(self.chain(self._monomial(dict(first), factor).text, tail), SUM)

    def _monomial(self, powers: dict[str, int], factor: Any) -> Piece:
        above = Factors(
            abs(factor.numerator), [], [named_power(name, power) for name, power in powers.items() if power > 0]
        )
        below = Factors(
            factor.denominator, [], [named_power(name, -power) for name, power in powers.items() if power < 0]
        )
        piece = self.arranged(above, below)
        return Piece(self.minus(piece.text), SUM) if factor < 0 else piece

    def size(self, shape: Shape | None) -> str:
        """A shape as ``3×m``."""
        if shape is None:
            return self.words("?")
        if not shape:
            return self.words("scalar")
        texts = [self.inside(size, ATOM) for size in shape]
        return self.signs(texts, "×")

    # --- lines --------------------------------------------------------------------------------------------------------

    def contribution(self, part: Any, consumer: str, origin: str = "") -> str:
        printed = self.ready_for(part).inside(part, PRODUCT)
        return self.labeled(printed, "from", self.words(origin) if origin else self.name(consumer).text)

    def remark_rows(self, line: Line, between: str) -> list[str]:
        """The remarks of a line in one row, where they are many in a row each."""
        return [between.join(line.remarks)] if len(line.remarks) <= _MOST_REMARKS else list(line.remarks)

    def shape_equation(self, shape: Shape | None, factors: Sequence[Shape | None]) -> str:
        own, product = self.parentheses(self.size(shape)), [self.parentheses(self.size(factor)) for factor in factors]
        if not product:
            return own
        text = product[0]
        for factor in product[1:]:
            text = self.beside(text, factor, tight=True)
        return self.signed(own, "=", text)

    # --- markup, which the notations add ------------------------------------------------------------------------------

    @abstractmethod
    def name(self, name: str, raised: str = "") -> Piece:
        """A named value, with what stands above it."""

    @abstractmethod
    def entry(self, name: str, places: tuple[int, ...]) -> Piece:
        """An entry of a named value; the places count from 1, row first."""

    @abstractmethod
    def symbol(self, character: str) -> str:
        """A single letter or sign as a value."""

    @abstractmethod
    def digits(self, text: str) -> str:
        """A number that is not negative."""

    @abstractmethod
    def span(self, text: str) -> str:
        """A slice: numbers and colons."""

    @abstractmethod
    def minus(self, text: str) -> str:
        """A minus sign in front."""

    @abstractmethod
    def chain(self, first: str, tail: Sequence[tuple[str, str]]) -> str:
        """Pieces with a sign before each but the first."""

    @abstractmethod
    def signs(self, texts: Sequence[str], sign: str) -> str:
        """Pieces with the same sign between them, set tight."""

    @abstractmethod
    def beside(self, left: str, right: str, *, tight: bool) -> str:
        """Two pieces side by side, as a product; tight where nobody can take them for one name."""

    @abstractmethod
    def commas(self, texts: Sequence[str]) -> str:
        """Pieces with commas between."""

    @abstractmethod
    def fraction(self, above: str, below: str) -> str:
        """A fraction with a line."""

    @abstractmethod
    def ratio(self, above: str, below: str) -> str:
        """A fraction within a line of text: 1/2."""

    @abstractmethod
    def superscript(self, base: str, exponent: str) -> str:
        """Something above and to the right."""

    @abstractmethod
    def over(self, sign: str, words: str, text: str) -> str:
        """Σ or ∏ over rows, columns or all, of a piece."""

    @abstractmethod
    def function_name(self, name: str, over: str) -> str:
        """The name of a function, with what it is taken over."""

    @abstractmethod
    def call(self, function: str, arguments: Sequence[str]) -> str:
        """A function of arguments."""

    @abstractmethod
    def option(self, key: str, value: str) -> str:
        """A fact that a function is given by keyword."""

    @abstractmethod
    def bars(self, text: str) -> str:
        """An absolute value."""

    @abstractmethod
    def root(self, x: Any) -> Piece:
        """A square root."""

    @abstractmethod
    def cases(self, rows: Sequence[tuple[str, str]], otherwise: str) -> Piece:
        """Values with their conditions, and what holds otherwise."""

    @abstractmethod
    def indexed(self, base: str, key: Sequence[str]) -> str:
        """A part of a value, by a key in square brackets."""

    @abstractmethod
    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        """Pieces in rows and columns, in square brackets."""
