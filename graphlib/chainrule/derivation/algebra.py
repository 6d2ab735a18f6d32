"""Recorded expressions rewritten into the form in which people write them: like terms collected, factors canceled.

An expression is a Symbol. Seen as algebra it is a product: a number times powers of factors, where a factor is a
named value, a dimension, a sum of products, or anything that is not arithmetic (a matrix product, a sine).
What was recorded for exactness is read as the textbook form it equals: σ'(z) as a(1 - a), the safe ratio as x / y.

Expressions are walked by loops, and every step of one is read once: they may be deep, and share their parts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from fractions import Fraction
from typing import Any, TypeAlias, final

import numpy as np

from chainrule.derivation.masks import as_recorded, is_mask
from chainrule.derivation.rearranged import rearranged
from chainrule.derivation.terms import (
    MINUS_ONE,
    ONE,
    UNIT,
    ZERO,
    Product,
    as_fraction,
    collected,
    over,
    shared_powers,
    times,
)
from chainrule.derivation.textbook import textbook_form
from chainrule.derivation.writing import Writing
from chainrule.symbols import elementary
from chainrule.symbols.dimensions import Dimension, Shape
from chainrule.symbols.operations import kind, number, operation
from chainrule.symbols.shapes import broadcast
from chainrule.symbols.symbol import Symbol, known_shape, symbols_in

Key: TypeAlias = Hashable
Factor: TypeAlias = "Symbol | Dimension | list[Product]"

_MOST_TERMS = 24  # a product of sums is multiplied out only up to here
_LONG_SUM = 8  # a sum of more terms is read at once: term by term would take the square of their number

_EXACT = (np.equal, np.not_equal)  # whether two values tie is decided by their last digit: they stay as recorded
_SLOPES = (elementary.sigmoid_slope, elementary.tanh_slope)


@final
class Algebra:
    """Simplifies expressions over one set of names.

    >>> A, Y = Symbol.leaf("A", (1, "m")), Symbol.leaf("Y", (1, "m"))
    >>> algebra = Algebra()
    >>> short = algebra.simplest(((1 - Y) / (1 - A) - Y / A) * A * (1 - A))
    >>> short.operation, [operand.name for operand in short.operands]
    (<ufunc 'subtract'>, ['A', 'Y'])

    ``define`` gives an expression a name; wherever it occurs afterwards, the name stands. ``named`` may give an array
    of numbers a name.
    """

    def __init__(self, named: Callable[[Any], Symbol | None] = lambda array: None) -> None:
        self._named = named
        self._places: dict[Key, int] = {}
        self._factors: list[Factor] = []
        self._lengths: list[int] = []
        self._writing = Writing(self._factors)
        self._defined: dict[int, Symbol] = {}
        self._read: dict[int, tuple[Symbol, Product]] = {}  # by identity, with the Symbol kept alive
        self._simple: dict[int, Symbol] = {}
        self.slopes: set[Any] = set()
        """The slopes met so far that are written as a textbook form of the activation."""

    def define(self, expression: Symbol, name: Symbol) -> None:
        """Let ``name`` stand for the expression from now on."""
        product = self._product(expression)
        if product.number == 1 and len(product.powers) == 1:
            ((place, power),) = product.powers.items()
            factor = self._factors[place]
            whole = isinstance(factor, list) or known_shape(factor) == known_shape(name)  # else it is stretched
            if power == 1 and whole and not _is_leaf(factor):
                self._defined.setdefault(place, name)

    def simplified(self, expression: Any) -> Symbol:
        """The expression with like terms and factors collected, products kept as products."""
        if id(expression) not in self._simple:
            written = self._written_for(expression, self._product(expression))
            if not isinstance(expression, Symbol):
                return written
            self._simple[id(expression)] = written  # reading has kept the expression alive
        return self._simple[id(expression)]

    def simplest(self, expression: Any) -> Symbol:
        """The shorter of the collected form and the multiplied-out form."""
        product = self._product(expression)
        expanded = self._multiplied_out(product)
        if expanded is product or self._length(product) <= self._length(expanded):
            return self.simplified(expression)
        return self._written_for(expression, expanded)

    def _written_for(self, expression: Any, product: Product) -> Symbol:
        """What an expression reads as; itself where its shape is unknown and would be lost, as that of 0 x."""
        written = self._written(product, known_shape(expression))
        is_lost = known_shape(expression) is None and written.known_shape is not None
        return expression if is_lost else written

    def length(self, expression: Any) -> int:
        """How many factors it takes to write the expression."""
        return self._length(self._product(expression))

    def same(self, a: Any, b: Any) -> bool:
        """Whether two expressions read the same."""
        return a is b or self._product(a) == self._product(b)

    def scale_of(self, expression: Any, dimension: str) -> int:
        """The power of a dimension among the factors of an expression: -1 for a mean over it."""
        place = self._places.get(("dimension", dimension), -1)
        return self._product(expression).powers.get(place, 0)

    def with_ones(self, expression: Symbol, is_one: Callable[[Any], bool]) -> tuple[Symbol, list[Symbol]]:
        """The expression with some factors taken for 1, also in its sums; and those factors."""
        met: list[Symbol] = []

        def without(product: Product) -> Product:
            ones = [k for k in product.powers if is_one(self._factors[k])]
            met.extend(self._factors[k] for k in ones)  # type: ignore[misc]  # is_one holds of Symbols
            return Product(product.number, {k: power for k, power in product.powers.items() if k not in ones})

        product = ONE
        whole = without(self._product(expression))
        for k, power in whole.powers.items():
            factor = self._factors[k]
            is_sum = isinstance(factor, list) and power == 1
            one = self._sum(map(without, factor)) if is_sum else Product(UNIT, {k: power})  # type: ignore[arg-type]  # it is a list
            product = times(product, one)
        return self._written(times(Product(whole.number, {}), product), known_shape(expression)), met

    # --- reading an expression as a product --------------------------------------------------------------------------

    def _product(self, x: Any) -> Product:
        if isinstance(x, Symbol):
            found = self._read.get(id(x))
            return found[1] if found is not None else self._read_whole(x)
        return self._of_dimension(x) if isinstance(x, Dimension) else self._of_number(x)

    def _read_whole(self, x: Symbol) -> Product:
        """The product of a Symbol, its operands read before it, each once: a tree of them would not end."""
        waiting = [x]
        while waiting:
            top = waiting[-1]
            unread = [] if id(top) in self._read else [part for part in self._parts(top) if id(part) not in self._read]
            if unread:
                waiting.extend(reversed(unread))
            elif id(waiting.pop()) not in self._read:
                self._read[id(top)] = (top, self._read_symbol(top))
        return self._read[id(x)][1]

    def _parts(self, x: Symbol) -> Iterable[Symbol]:
        """The Symbols that an operation is read from."""
        if len(addends := self._addends(x)) > _LONG_SUM:
            return [part for part, _ in addends if isinstance(part, Symbol)]
        return symbols_in(x.operands)

    def _addends(self, x: Symbol) -> list[tuple[Any, bool]]:
        """The terms of a sum of sums, and whether each is subtracted; a sum that is met twice is a term of its own."""
        if not _adds(x):
            return []
        terms: list[tuple[Any, bool]] = []
        waiting, met = [(x, False)], {id(x)}
        while waiting:
            top, negative = waiting.pop()
            left, right = top.operands
            for part, sign in ((right, negative ^ (top.operation is np.subtract)), (left, negative)):
                if isinstance(part, Symbol) and _adds(part) and id(part) not in met and id(part) not in self._read:
                    met.add(id(part))
                    waiting.append((part, sign))
                else:
                    terms.append((part, sign))
        return terms[::-1]

    def _of_number(self, x: Any) -> Product:
        number = x if isinstance(x, (int, float)) else np.asarray(x)
        if isinstance(number, np.ndarray) and number.ndim == 0 and number.dtype.kind in "iubf":
            number = number.item()
        if isinstance(number, (int, float)) and (isinstance(number, int) or np.isfinite(number)):
            return Product(as_fraction(int(number) if isinstance(number, bool) else number), {})
        array = np.asarray(number)
        named = self._named(array)
        plain = Symbol(None, (array,), shape=array.shape, dtype=array.dtype)
        return self._atom(_array_key(array), plain if named is None else named)

    def _read_symbol(self, x: Symbol) -> Product:
        if x.operation is None:
            return self._atom(("name", x.name), x) if x.name is not None else self._product(x.operands[0])
        if _adds(x) and is_mask(x):  # to NumPy, the sum of truth values is whether one of them holds
            return self._product(np.bitwise_or(*x.operands))
        if (read := _ARITHMETIC.get(x.operation)) is not None:
            return read(self, x)
        if _changes_nothing(x):
            return self._product(x.operands[0])
        if x.operation in _SLOPES:
            self.slopes.add(x.operation)
        rewritten = textbook_form(x)
        return self._opaque(x) if rewritten is None else self._product(rewritten)

    def _atom(self, key: Key, factor: Factor) -> Product:
        place = self._places.get(key)
        if place is None:
            place = self._met(key, factor)
        return self._product(self._defined[place]) if place in self._defined else Product(UNIT, {place: 1})

    def _met(self, key: Key, factor: Factor) -> int:
        """The place of a new factor, behind those of all factors in it."""
        length = self._length_of(factor)  # which may meet others
        self._places[key] = place = len(self._factors)
        self._factors.append(factor)
        self._lengths.append(length)
        return place

    def _of_dimension(self, size: Dimension) -> Product:
        if len(size.terms) != 1:
            return self._sum([self._monomial(*term) for term in size.terms])
        return self._monomial(*size.terms[0])

    def _monomial(self, monomial: Any, factor: Fraction) -> Product:
        product = Product(factor, {})
        for name, power in monomial:
            ((place, _),) = self._atom(("dimension", name), Dimension.named(name)).powers.items()
            product.powers[place] = power
        return product

    def _opaque(self, x: Symbol) -> Product:
        """An operation that is no arithmetic: its operands simplified, scales of those it is linear in in front."""
        if x.operation in _EXACT:
            return self._atom((x.operation, tuple(map(self._operand_key, x.operands))), x)
        scale = ONE
        operands = [self._operand(operand) for operand in x.operands]
        for place in self._linear_places(x, operands):
            inner = self._product(operands[place])
            if not inner.number and x.known_shape is not None:
                return ZERO
            front, rest = self._split_scale(inner, whole=known_shape(x.operands[place]) not in (None, ()))
            scale = times(scale, front)
            if front is not ONE:
                operands[place] = self._written(rest, known_shape(x.operands[place]))
        operands = as_recorded(x, self._without_stretches(x, operands))
        twin = Symbol(x.operation, tuple(operands), x.options, shape=x.known_shape, dtype=x.dtype)
        shorter = rearranged(twin)
        if shorter is not None:
            return times(scale, self._product(shorter))
        key = (x.operation, tuple(map(self._operand_key, operands)), *map(self._option_key, sorted(x.options.items())))
        atom = self._atom(key, twin)
        self._read.setdefault(id(twin), (twin, atom))
        return times(scale, atom)

    def _operand(self, operand: Any) -> Any:
        if isinstance(operand, Symbol):
            return self.simplified(operand)
        if isinstance(operand, (tuple, list)):
            return tuple(map(self._operand, operand))
        named = self._named(operand) if isinstance(operand, np.ndarray) else None
        return operand if named is None else named

    def _without_stretches(self, x: Symbol, operands: list[Any]) -> list[Any]:
        """Operands of a function entry by entry as they were before they were stretched, where it stretches them."""
        if kind(x.operation) != "entrywise" or x.known_shape is None:
            return operands
        plain = [self._written(self._product(y), None) if _is_stretched(y) else y for y in operands]
        return plain if broadcast(*map(_shape, plain)) == x.known_shape else operands

    def _operand_key(self, operand: Any) -> Key:
        if isinstance(operand, Symbol):
            key = self._product(operand).key
            return (key, operand.known_shape) if _is_stretched(operand) else key
        if isinstance(operand, tuple):
            return tuple(map(self._operand_key, operand))
        return _array_key(operand) if isinstance(operand, np.ndarray) else repr(operand)

    def _option_key(self, option: tuple[str, Any]) -> Key:
        return (option[0], self._operand_key(option[1]))

    def _linear_places(self, x: Symbol, operands: list[Any]) -> Iterable[int]:
        row = operation(x.operation)
        if row is None or not row.linear or (row.kind != "product" and not isinstance(operands[0], Symbol)):
            return ()
        return row.linear

    def _split_scale(self, product: Product, *, whole: bool) -> tuple[Product, Product]:
        """The number and the dimensions, and what is left."""
        scale = {k: power for k, power in product.powers.items() if isinstance(self._factors[k], Dimension)}
        rest = {k: power for k, power in product.powers.items() if k not in scale}
        if not rest and not whole:  # a value must be left
            return ONE, product
        if not scale and product.number == 1:
            return ONE, product
        return Product(product.number, scale), Product(UNIT, rest)

    # --- sums --------------------------------------------------------------------------------------------------------

    def _sum(self, terms: Iterable[Product]) -> Product:
        """Like terms collected, what all terms share taken out, the rest as one factor."""
        left = collected(part for whole in terms for part in self._terms(whole))
        if len(left) < 2:
            return left[0] if left else ZERO
        shared = Product(self._shared_number(left), shared_powers(left))
        inner = [over(term, shared) for term in left]
        if shared.powers and any(map(self._is_sum, inner)):  # a (1 + x) + a x: the 1 + x is opened, too
            return times(shared, self._sum(inner))
        place = self._place_of_sum(inner)
        return times(shared, Product(UNIT, {place: 1}))  # what is shared may hold this sum, too

    def _place_of_sum(self, terms: list[Product]) -> int:
        key = ("sum", frozenset(term.key for term in terms))
        place = self._places.get(key)
        return self._met(key, terms) if place is None else place

    def _terms(self, product: Product) -> list[Product]:
        """The terms of a plain sum with a number before it; any other product is its own only term."""
        if not self._is_sum(product):
            return [product]
        (place,) = product.powers
        return [Product(product.number * term.number, term.powers) for term in self._factors[place]]  # type: ignore[union-attr]  # it is a sum

    def _is_sum(self, product: Product) -> bool:
        ((place, power),) = product.powers.items() if len(product.powers) == 1 else ((-1, 0),)
        return power == 1 and isinstance(self._factors[place], list)

    def _shared_number(self, terms: list[Product]) -> Fraction:
        """The number that every term has, with the sign that leaves a positive constant or first term."""
        size = abs(terms[0].number)
        common = size if all(abs(term.number) == size for term in terms) else UNIT
        constant = next((term for term in terms if not term.powers), None)
        if constant is not None and all(isinstance(self._factors[k], Dimension) for term in terms for k in term.powers):
            constant = None  # m - 1, but 1 - a
        leading = constant or min((term for term in terms if term.powers), key=self._rank)
        return common if leading.number > 0 else -common

    def _rank(self, term: Product) -> list[tuple[Any, ...]]:
        """A term's place in the alphabet: sizes, names, then all else as it was met."""
        return sorted((*self._rank_of(place), power) for place, power in term.powers.items())

    def _rank_of(self, place: int) -> tuple[int, str, int]:
        factor = self._factors[place]
        if isinstance(factor, Dimension):
            return (0, str(factor), 0)
        name = factor.name if isinstance(factor, Symbol) and factor.operation is None else None
        return (2, "", place) if name is None else (1, name, 0)

    def _multiplied_out(self, product: Product) -> Product:
        """The product with its sums multiplied out, as long as that stays small."""
        done: list[Product] = []
        waiting = [product]
        while waiting:
            term = waiting.pop()
            place = self._next_sum(term)
            if place is None:
                done.append(term)
                continue
            factor = self._factors[place]
            assert isinstance(factor, list)
            if len(factor) + len(waiting) + len(done) > _MOST_TERMS:
                return product
            outer = over(term, Product(UNIT, {place: 1}))
            waiting.extend(times(outer, inner) for inner in reversed(factor))
        return self._sum(done) if len(done) > 1 else done[0]

    def _next_sum(self, product: Product) -> int | None:
        """A sum to multiply out: first one with denominators, which the other factors may cancel."""
        sums = [k for k, power in product.powers.items() if power > 0 and isinstance(self._factors[k], list)]
        return min(sums, key=lambda k: not self._has_denominator(k), default=None)

    def _has_denominator(self, place: int) -> bool:
        terms = self._factors[place]
        return isinstance(terms, list) and any(power < 0 for term in terms for power in term.powers.values())

    # --- how long it is ----------------------------------------------------------------------------------------------

    def _length(self, product: Product) -> int:
        return sum(self._lengths[k] * max(abs(power), 1) for k, power in product.powers.items())

    def _length_of(self, factor: Factor) -> int:
        if isinstance(factor, list):
            return sum(1 + self._length(term) for term in factor)
        if isinstance(factor, Dimension):
            return 0  # 1/m is a scale, not a factor that makes a formula longer
        if _is_leaf(factor):
            return 1
        operands = [operand for operand in factor.operands if isinstance(operand, Symbol)]
        return 1 + sum(self.length(operand) + (operand.operation is np.broadcast_to) for operand in operands)

    # --- writing it down again ---------------------------------------------------------------------------------------

    def _written(self, product: Product, shape: Shape | None) -> Symbol:
        """The product as a Symbol of the given shape, stretched where its factors do not make that shape."""
        symbol = self._writing.symbol(product)
        self._read.setdefault(id(symbol), (symbol, product))
        if shape in (None, ()) or known_shape(symbol) in (None, shape):  # nothing is stretched to a single number
            return symbol
        front, rest = self._split_scale(product, whole=True) if product.number else (ONE, product)
        inner = self._writing.symbol(rest)
        self._read.setdefault(id(inner), (inner, rest))
        stretched = Symbol(np.broadcast_to, (inner,), {"shape": shape}, shape=shape, dtype=inner.dtype)
        if front is ONE:
            return stretched
        whole = self._writing.symbol(times(front, self._atom(("stretched", rest.key, shape), stretched)))
        self._read[id(whole)] = (whole, product)
        return whole


def _adds(x: Symbol) -> bool:
    return x.operation in (np.add, np.subtract)


def _array_key(array: Any) -> Key:
    return ("array", array.dtype.str, array.shape, array.tobytes())


def _shape(x: Any) -> Shape:
    return known_shape(x) or ()


def _is_stretched(x: Any) -> bool:
    if not isinstance(x, Symbol):
        return False
    ones = [part for part in symbols_in(x.operands) if part.operation is np.broadcast_to]
    return x.operation is np.broadcast_to or (x.operation in (np.multiply, np.divide) and bool(ones))


def _is_leaf(factor: Any) -> bool:
    return isinstance(factor, Dimension) or (isinstance(factor, Symbol) and factor.operation is None)


def _changes_nothing(x: Symbol) -> bool:
    """A conversion to floating point, what is stretched only, a single number summed or in another shape."""
    if x.operation is np.astype:
        return bool(x.dtype.kind == "f")
    if x.operation is np.broadcast_to:  # products and sums stretch it, too, and what is written has its shape
        return True
    is_single: bool = x.known_shape == () and known_shape(x.operands[0]) == ()
    return is_single and bool(_keeps_scalars(x.operation))


def _keeps_scalars(function: Any) -> bool:
    return bool(function is np.sum) or kind(function) == "view"


# --- how operations read as arithmetic -------------------------------------------------------------------------------


def _add(algebra: Algebra, x: Symbol) -> Product:
    terms = algebra._addends(x)
    if len(terms) <= _LONG_SUM:
        terms = [(x.operands[0], False), (x.operands[1], x.operation is np.subtract)]
    products = ((algebra._product(term), negative) for term, negative in terms)
    return algebra._sum([times(MINUS_ONE, product) if negative else product for product, negative in products])


def _multiply(algebra: Algebra, x: Symbol) -> Product:
    return times(algebra._product(x.operands[0]), algebra._product(x.operands[1]))


def _divide(algebra: Algebra, x: Symbol) -> Product:
    below = algebra._product(x.operands[1])
    return over(algebra._product(x.operands[0]), below) if below.number else ZERO


def _negative(algebra: Algebra, x: Symbol) -> Product:
    return times(MINUS_ONE, algebra._product(x.operands[0]))


def _square(algebra: Algebra, x: Symbol) -> Product:
    return times(algebra._product(x.operands[0]), algebra._product(x.operands[0]))


_ARITHMETIC: dict[Any, Callable[[Algebra, Symbol], Product]] = {
    np.add: _add,
    np.subtract: _add,
    np.multiply: _multiply,
    np.divide: _divide,
    np.negative: _negative,
    np.square: _square,
    number: lambda algebra, x: algebra._product(x.operands[0]),
}
