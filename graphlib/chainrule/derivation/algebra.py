"""Recorded expressions rewritten into the form in which people write them: like terms collected, factors canceled.

An expression is a Symbol. Seen as algebra it is a product: a number times powers of factors, where a factor is a
named value, a dimension, a sum of products, or anything that is not arithmetic (a matrix product, a sine).
What was recorded for exactness is read as the textbook form it equals: σ'(z) as a(1 - a), the safe ratio as x / y.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias, final

import numpy as np

from chainrule.symbols import elementary
from chainrule.symbols.dimensions import Dimension
from chainrule.symbols.operations import kind, operation
from chainrule.symbols.shapes import broadcast
from chainrule.symbols.symbol import Symbol, known_shape

Key: TypeAlias = Hashable


@final
class Product(NamedTuple):
    """A number times powers of factors, in the order in which the factors were met."""

    number: Fraction
    powers: dict[Key, int]

    @property
    def monomial(self) -> frozenset[tuple[Key, int]]:
        """The powers alone, to find like terms."""
        return frozenset(self.powers.items())


ZERO, ONE = Product(Fraction(0), {}), Product(Fraction(1), {})
_MOST_TERMS = 24  # a product of sums is multiplied out only up to here

_EXACT = (np.equal, np.not_equal)  # whether two values tie is decided by their last digit: they stay as recorded
_STRETCH = np.broadcast_to


@final
class Algebra:
    """Simplifies expressions over one set of names.

    >>> A, Y = Symbol.leaf("A", (1, "m")), Symbol.leaf("Y", (1, "m"))
    >>> algebra = Algebra()
    >>> short = algebra.simplest(((1 - Y) / (1 - A) - Y / A) * A * (1 - A))
    >>> short.operation, [operand.name for operand in short.operands]
    (<ufunc 'subtract'>, ['A', 'Y'])

    ``define`` gives an expression a name; wherever it occurs afterwards, the name stands.
    """

    def __init__(self) -> None:
        self._factor: dict[Key, Symbol | Dimension | list[Product]] = {}
        self._defined: dict[Key, Symbol] = {}
        self._read: dict[int, tuple[Symbol, Product]] = {}  # by identity, with the Symbol kept alive
        self.slopes: set[Any] = set()
        """The slopes met so far that are written as a textbook form of the activation."""

    def define(self, expression: Symbol, name: Symbol) -> None:
        """Let ``name`` stand for the expression from now on."""
        product = self._product(expression)
        if product.number == 1 and len(product.powers) == 1:
            ((key, power),) = product.powers.items()
            if power == 1 and not _is_leaf(self._factor[key]):
                self._defined.setdefault(key, name)

    def simplified(self, expression: Any) -> Symbol:
        """The expression with like terms and factors collected, products kept as products."""
        return self._written(self._product(expression), known_shape(expression))

    def simplest(self, expression: Any) -> Symbol:
        """The shorter of the collected form and the multiplied-out form."""
        product = self._product(expression)
        expanded = self._multiplied_out(product)
        best = min((product, expanded), key=self._length)
        return self._written(best, known_shape(expression))

    def length(self, expression: Any) -> int:
        """How many factors it takes to write the expression."""
        return self._length(self._product(expression))

    def scale_of(self, expression: Any, dimension: str) -> int:
        """The power of a dimension among the factors of an expression: -1 for a mean over it."""
        powers = self._product(expression).powers
        factors = [(self._factor[key], power) for key, power in powers.items()]
        inside = [
            power * self.scale_of(x.operands[0], dimension)
            for x, power in factors
            if isinstance(x, Symbol) and _is_stretched(x)
        ]
        return powers.get(("dimension", dimension), 0) + sum(inside)

    # --- reading an expression as a product --------------------------------------------------------------------------

    def _product(self, x: Any) -> Product:
        if isinstance(x, Symbol):
            return self._of_symbol(x)
        if isinstance(x, Dimension):
            return self._of_dimension(x)
        x = np.asarray(x)
        if x.ndim == 0 and np.isfinite(x):
            return Product(Fraction(int(x) if x.dtype.kind in "iub" else str(float(x))), {})
        return self._atom(("array", x.tobytes(), x.shape), Symbol(None, (x,), shape=np.shape(x)))

    def _of_symbol(self, x: Symbol) -> Product:
        """The product of a Symbol, read once: operations share operands, and a tree of them would not end."""
        if id(x) not in self._read:
            self._read[id(x)] = (x, self._read_symbol(x))
        return self._read[id(x)][1]

    def _read_symbol(self, x: Symbol) -> Product:
        if x.operation is None:
            return self._atom(("name", x.name), x) if x.name is not None else self._product(x.operands[0])
        read = _ARITHMETIC.get(x.operation)
        if read is not None:
            return read(self, *x.operands)
        if _keeps_scalars(x.operation) and x.known_shape == () == known_shape(x.operands[0]):
            return self._product(x.operands[0])
        if x.operation in _SLOPES:
            self.slopes.add(x.operation)
        textbook = _READ_AS.get(x.operation) or _textbook(x.operation)
        if textbook is not None and (rewritten := textbook(*x.operands, **x.options)) is not None:
            return self._product(rewritten)
        return self._opaque(x)

    def _atom(self, key: Key, factor: Symbol | Dimension) -> Product:
        if key in self._defined:
            return self._product(self._defined[key])
        self._factor.setdefault(key, factor)
        return Product(Fraction(1), {key: 1})

    def _of_dimension(self, size: Dimension) -> Product:
        if len(size.terms) != 1:
            return self._sum([self._monomial(*term) for term in size.terms])
        return self._monomial(*size.terms[0])

    def _monomial(self, monomial: Any, factor: Fraction) -> Product:
        for name, _ in monomial:
            self._factor.setdefault(("dimension", name), Dimension.named(name))
        return Product(factor, {("dimension", name): power for name, power in monomial})

    def _opaque(self, x: Symbol) -> Product:
        """An operation that is no arithmetic: its operands simplified, scales of those it is linear in in front."""
        if x.operation in _EXACT:
            return self._atom((x.operation, tuple(map(self._operand_key, x.operands))), x)
        scale = ONE
        operands = [self._operand(operand) for operand in x.operands]
        for place in self._linear_places(x, operands):
            inner = self._product(operands[place])
            front, rest = self._split_scale(inner)
            scale = _times(scale, front)
            operands[place] = self._written(rest, known_shape(x.operands[place]))
        key = (x.operation, tuple(map(self._operand_key, operands)), repr(sorted(x.options.items(), key=str)))
        twin = Symbol(x.operation, tuple(operands), x.options, shape=x.known_shape, dtype=x.dtype)
        return _times(scale, self._atom(key, twin))

    def _operand(self, operand: Any) -> Any:
        if isinstance(operand, Symbol):
            return self.simplified(operand)
        if isinstance(operand, (tuple, list)):
            return tuple(map(self._operand, operand))
        return operand

    def _operand_key(self, operand: Any) -> Key:
        if isinstance(operand, Symbol):
            product = self._product(operand)
            return (product.number, product.monomial)
        if isinstance(operand, tuple):
            return tuple(map(self._operand_key, operand))
        return ("array", id(operand)) if isinstance(operand, np.ndarray) else repr(operand)

    def _linear_places(self, x: Symbol, operands: list[Any]) -> Iterable[int]:
        row = operation(x.operation)
        if row is None or not row.linear or (row.kind != "product" and not isinstance(operands[0], Symbol)):
            return ()
        return row.linear

    def _split_scale(self, product: Product) -> tuple[Product, Product]:
        """The number and the dimensions, and what is left."""
        scale = {key: power for key, power in product.powers.items() if isinstance(self._factor[key], Dimension)}
        rest = {key: power for key, power in product.powers.items() if key not in scale}
        if not rest:  # the value must stay a value: 1 / m summed is no 1 summed
            return ONE, product
        return Product(product.number, scale), Product(Fraction(1), rest)

    # --- sums --------------------------------------------------------------------------------------------------------

    def _sum(self, terms: Iterable[Product]) -> Product:
        """Like terms collected, what all terms share taken out, the rest as one factor."""
        collected: dict[frozenset[Any], Product] = {}
        for term in (part for whole in terms for part in self._terms(whole)):
            before = collected.get(term.monomial, Product(Fraction(0), term.powers))
            collected[term.monomial] = Product(before.number + term.number, term.powers)
        left = [term for term in collected.values() if term.number]
        if len(left) < 2:
            return left[0] if left else ZERO
        shared = _shared(left)
        number = _shared_number(left)
        inner = [_over(term, Product(number, shared)) for term in left]
        key = ("sum", frozenset((term.number, term.monomial) for term in inner))
        self._factor.setdefault(key, inner)
        return _times(Product(number, shared), Product(Fraction(1), {key: 1}))  # what is shared may hold this sum, too

    def _terms(self, product: Product) -> list[Product]:
        """The terms of a plain sum with a number before it; any other product is its own only term."""
        ((key, power),) = product.powers.items() if len(product.powers) == 1 else ((None, 0),)
        factor = self._factor.get(key)
        if power == 1 and isinstance(factor, list):
            return [Product(product.number * term.number, term.powers) for term in factor]
        return [product]

    def _multiplied_out(self, product: Product) -> Product:
        """The product with its sums multiplied out, as long as that stays small."""
        done: list[Product] = []
        waiting = [product]
        while waiting:
            term = waiting.pop()
            key = self._next_sum(term)
            if key is None:
                done.append(term)
                continue
            factor = self._factor[key]
            assert isinstance(factor, list)
            outer = _over(term, Product(Fraction(1), {key: 1}))
            waiting.extend(_times(outer, inner) for inner in reversed(factor))
            if len(waiting) + len(done) > _MOST_TERMS:
                return product
        return self._sum(done) if len(done) > 1 else done[0]

    def _next_sum(self, product: Product) -> Key:
        """A sum to multiply out: first one with denominators, which the other factors may cancel."""
        sums = [key for key, power in product.powers.items() if self._opens(key, power)]
        return min(sums, key=lambda key: not self._has_denominator(key), default=None)

    def _has_denominator(self, key: Key) -> bool:
        terms = self._factor[key]
        return isinstance(terms, list) and any(power < 0 for term in terms for power in term.powers.values())

    def _opens(self, key: Key, power: int) -> bool:
        return power > 0 and isinstance(self._factor[key], list)

    def _length(self, product: Product) -> int:
        return sum(self._factor_length(key) * max(abs(power), 1) for key, power in product.powers.items())

    def _factor_length(self, key: Key) -> int:
        factor = self._factor[key]
        if isinstance(factor, list):
            return sum(1 + self._length(term) for term in factor)
        if isinstance(factor, Dimension):
            return 0  # 1/m is a scale, not a factor that makes a formula longer
        return 1 if _is_leaf(factor) else 1 + sum(self.length(op) for op in factor.operands if isinstance(op, Symbol))

    # --- writing it down again ---------------------------------------------------------------------------------------

    def _written(self, product: Product, shape: Any) -> Symbol:
        """The product as a Symbol of the given shape; a stretch that the other factors make anyway is left out."""
        whole = self._product_symbol(self._unstretched(product), top=True)
        if shape is None or known_shape(whole) == shape:
            return whole if isinstance(whole, Symbol) else _number_symbol(whole)
        whole = self._product_symbol(product, top=True)
        stretched = known_shape(whole) != shape
        symbol = whole if isinstance(whole, Symbol) else _number_symbol(whole)
        return Symbol(_STRETCH, (symbol,), {"shape": shape}, shape=shape) if stretched else symbol

    def _unstretched(self, product: Product) -> Product:
        """The product with what is stretched written unstretched."""
        total = Product(product.number, {})
        for key, power in product.powers.items():
            factor = self._factor[key]
            if isinstance(factor, Symbol) and factor.operation is _STRETCH and power == 1:
                total = _times(total, self._unstretched(self._product(factor.operands[0])))
            elif isinstance(factor, list) and power == 1:
                total = _times(total, self._sum([self._unstretched(term) for term in factor]))
            else:
                total = _times(total, Product(Fraction(1), {key: power}))
        return total

    def _product_symbol(self, product: Product, *, top: bool) -> Any:
        """Numerator over denominator: the number first unless it is a fraction, dimensions last."""
        number, powers = product.number, dict(product.powers)
        flip = next((key for key, power in powers.items() if number < 0 and self._flips(key, power)), None)
        negative = number < 0 and flip is None
        above = [self._power_symbol(k, p, flip=k == flip) for k, p in self._values_first(powers) if p > 0]
        below = [self._power_symbol(k, -p, flip=False) for k, p in powers.items() if p < 0]
        top_number, bottom_number = _as_ratio(abs(number))
        if top_number != 1 or not above:
            above.insert(0, top_number)
        result = above[0]
        for factor in above[1:]:
            result = _join(np.multiply, result, factor)
        for factor in ([bottom_number] if bottom_number != 1 else []) + below:
            result = _join(np.divide, result, factor)
        return _negated(result) if negative else result

    def _values_first(self, powers: Mapping[Key, int]) -> list[tuple[Key, int]]:
        return sorted(powers.items(), key=lambda item: not isinstance(self._factor[item[0]], Dimension))

    def _flips(self, key: Key, power: int) -> bool:
        """Whether a minus in front can go into this sum: it has two terms, one of them negative."""
        factor = self._factor[key]
        return power == 1 and isinstance(factor, list) and any(term.number < 0 for term in factor)

    def _power_symbol(self, key: Key, power: int, *, flip: bool) -> Any:
        factor = self._factor[key]
        base = self._sum_symbol(factor, flip) if isinstance(factor, list) else factor
        return base if power == 1 else _join(np.power, base, power)

    def _sum_symbol(self, terms: list[Product], flip: bool) -> Any:
        signed = [Product(-term.number, term.powers) for term in terms] if flip else terms
        ordered = sorted(signed, key=lambda term: term.number < 0)
        result = self._product_symbol(ordered[0], top=False)
        for term in ordered[1:]:
            positive = self._product_symbol(Product(abs(term.number), term.powers), top=False)
            result = _join(np.subtract if term.number < 0 else np.add, result, positive)
        return result


def _is_leaf(factor: Any) -> bool:
    return isinstance(factor, Dimension) or (isinstance(factor, Symbol) and factor.operation is None)


def _times(a: Product, b: Product) -> Product:
    powers = dict(a.powers)
    for key, power in b.powers.items():
        powers[key] = powers.get(key, 0) + power
    return Product(a.number * b.number, {key: power for key, power in powers.items() if power})


def _inverse(a: Product) -> Product:
    return Product(1 / a.number, {key: -power for key, power in a.powers.items()})


def _over(a: Product, b: Product) -> Product:
    return _times(a, _inverse(b))


def _shared(terms: list[Product]) -> dict[Key, int]:
    """The powers that every term has: the least power of a factor that stands above in all, or below in all."""
    shared = {}
    for key in terms[0].powers:
        powers = [term.powers.get(key, 0) for term in terms]
        if all(power > 0 for power in powers) or all(power < 0 for power in powers):
            shared[key] = min(powers) if powers[0] > 0 else max(powers)
    return shared


def _shared_number(terms: list[Product]) -> Fraction:
    """The number that every term has, with the sign that leaves a positive constant or first term."""
    size = abs(terms[0].number)
    common = size if all(abs(term.number) == size for term in terms) else Fraction(1)
    constant = next((term for term in terms if not term.powers), None)
    leading = constant or min(terms, key=lambda term: repr(sorted(map(repr, term.powers.items()))))
    return common if leading.number > 0 else -common


def _as_ratio(number: Fraction) -> tuple[Any, Any]:
    """A number as people write it: 2 over 3, but 0.01."""
    if number.denominator <= 12:
        return number.numerator, number.denominator
    return float(number), 1


def _join(ufunc: np.ufunc, x: Any, y: Any) -> Any:
    """The Symbol for an operation between Symbols, dimensions and numbers."""
    shapes = [known_shape(x), known_shape(y)]
    shape = None if None in shapes else broadcast(*shapes)  # type: ignore[arg-type]  # none is None
    return Symbol(ufunc, (x, y), shape=shape)


def _negated(x: Any) -> Any:
    return Symbol(np.negative, (x,), shape=known_shape(x)) if isinstance(x, (Symbol, Dimension)) else -x


def _number_symbol(number: Any) -> Symbol:
    return Symbol(None, (number,), shape=(), name=None)


# --- how operations read as arithmetic -----------------------------------------------------------------------------


def _add(algebra: Algebra, x: Any, y: Any) -> Product:
    return algebra._sum([algebra._product(x), algebra._product(y)])


def _subtract(algebra: Algebra, x: Any, y: Any) -> Product:
    return algebra._sum([algebra._product(x), _times(Product(Fraction(-1), {}), algebra._product(y))])


def _multiply(algebra: Algebra, x: Any, y: Any) -> Product:
    return _times(algebra._product(x), algebra._product(y))


def _divide(algebra: Algebra, x: Any, y: Any) -> Product:
    below = algebra._product(y)
    return _over(algebra._product(x), below) if below.number else ZERO


def _negative(algebra: Algebra, x: Any) -> Product:
    return _times(Product(Fraction(-1), {}), algebra._product(x))


def _square(algebra: Algebra, x: Any) -> Product:
    return _times(algebra._product(x), algebra._product(x))


_ARITHMETIC: dict[Any, Callable[..., Product]] = {
    np.add: _add,
    np.subtract: _subtract,
    np.multiply: _multiply,
    np.divide: _divide,
    np.negative: _negative,
    np.square: _square,
}


def _sigmoid_of_negative(z: Any) -> Any:
    if isinstance(z, Symbol) and z.operation is np.negative:
        return 1 - elementary.sigmoid(z.operands[0])
    return None


def _power_rule(x: Any, y: Any) -> Any:
    """The textbook form, which needs a number to be shorter than the name."""
    number, form = _constant(y), _textbook(elementary.power_slope)
    return None if number is None or form is None else form(x, number)


def _whole_power(x: Any, y: Any) -> Any:
    number = _constant(y)
    if number is None or number != int(number) or not 1 <= number <= 4:
        return None
    product = x
    for _ in range(int(number) - 1):
        product = product * x
    return product


def _constant(y: Any) -> Any:
    """The number that a scalar constant holds, None for anything that is not one."""
    if isinstance(y, Symbol) and y.operation is None and y.operands and known_shape(y) == ():
        y = y.operands[0]
    return None if isinstance(y, (Symbol, Dimension)) or np.ndim(y) else np.asarray(y).item()


_SLOPES = (elementary.sigmoid_slope, elementary.tanh_slope)
_READ_AS: dict[Any, Callable[..., Any]] = {  # where it depends on the operands whether a form is shorter
    elementary.sigmoid: _sigmoid_of_negative,
    elementary.power_slope: _power_rule,
    np.power: _whole_power,
}


def _textbook(function: Any) -> Callable[..., Any] | None:
    """The textbook form of what has no name of its own."""
    row = operation(function)
    return None if row is None or row.has_name else row.textbook


def _keeps_scalars(function: Any) -> bool:
    """Whether a function leaves a single number as it is."""
    return function is np.sum or kind(function) == "view"


def _is_stretched(x: Any) -> bool:
    """Whether a factor is one number or array laid out several times."""
    return isinstance(x, Symbol) and x.operation is _STRETCH
