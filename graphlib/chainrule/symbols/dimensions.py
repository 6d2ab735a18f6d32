"""Sizes that get their number only when data is fed, such as m, and the arithmetic that shapes need of them."""

from __future__ import annotations

import itertools
import operator
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from fractions import Fraction
from math import ceil, floor, prod
from operator import index
from typing import Any, Final, NoReturn, TypeAlias, final

import numpy as np

from chainrule.errors import ArgumentError, ShapeError, Untraceable

_PACKAGE: Final = __file__[: -len("symbols/dimensions.py")]
Monomial: TypeAlias = tuple[tuple[str, int], ...]  # m²n is (("m", 2), ("n", 1)), sorted by name; 1 is ()
Size: TypeAlias = "int | Dimension"
Shape: TypeAlias = "tuple[Size, ...]"


@final
class Dimension:
    """A size written with names: ``m``, ``3*m``, ``m + 2``, ``1/m``; a number as soon as the names have numbers.

    It is a sum of products of powers of names with rational coefficients, which is all that concatenating,
    reshaping and averaging need; what a slice leaves may be 0, as in ``max(0, m - 3)``. An expression without names is
    an ``int`` again. With fractions, and in functions of NumPy, it is a number to compute with: what comes out is
    recorded, a Symbol, and is no size any more.

    >>> m = Dimension.named("m")
    >>> 3 * m + 2, m * m / m, (m + 1) - m
    (3*m + 2, m, 1)
    >>> (3 * m).evaluate({"m": 7})
    21
    >>> (0.1 / (2 * m)).operands
    (0.1, 2*m)
    """

    __slots__ = ("_hash", "_text", "seen", "terms")
    _hash: int
    _text: str
    seen: tuple[Any, ...]
    """The nodes whose shapes it was read off, which tell its number in a run; sizes that differ in this are equal."""

    def __init__(self, terms: Mapping[Monomial, Fraction], seen: tuple[Any, ...] = ()) -> None:
        self.terms = tuple(sorted(terms.items(), key=lambda term: (-_degree(term[0]), term[0])))
        self.seen = seen

    @classmethod
    def named(cls, name: str) -> Dimension:
        """The dimension with this name."""
        return cls({((name, 1),): Fraction(1)})

    def seen_at(self, *nodes: Any) -> Dimension:
        """The same size, as one of these nodes; of none for what is kept longer than they should be."""
        twin: Dimension = object.__new__(Dimension)
        twin.terms, twin.seen = self.terms, nodes
        return twin

    @property
    def names(self) -> frozenset[str]:
        """The names that must have a number before this size has one."""
        found = [name for monomial, _ in self.terms for name, _ in monomial]
        return frozenset(itertools.chain(*(x.size.names if isinstance(x, Rest) else (x,) for x in found)))

    @property
    def is_product_of_names(self) -> bool:
        """Whether it is made of names alone, without the larger of 0 and something."""
        return not any(isinstance(name, Rest) for monomial, _ in self.terms for name, _ in monomial)

    @property
    def least(self) -> Fraction | None:
        """What it is at least, where no name is 0; None where that cannot be said at a glance."""
        least = Fraction(0)
        for monomial, factor in self.terms:
            if monomial and (factor < 0 or any(power < 0 for _, power in monomial)):
                return None
            least += factor * all(not isinstance(name, Rest) for name, _ in monomial)
        return least

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        """The number, given a number for each name.

        Raises KeyError for a name without a number, ValueError when the result is no whole number.
        """
        (monomial, factor) = self.terms[0]
        if len(self.terms) == len(monomial) == 1 and factor == monomial[0][1] == 1 and type(monomial[0][0]) is str:
            return index(sizes[monomial[0][0]])  # m alone, as nearly every size is: fractions take ten times as long
        total = self.evaluate_exactly(sizes)
        if total.denominator != 1:
            raise ShapeError(
                f"{self} is {total} for {dict(sizes)}, which is no whole number",
                remedy=f"a size that {total.denominator} divides: {self} is exact where it counts entries",
            )
        return total.numerator

    def evaluate_exactly(self, sizes: Mapping[str, int]) -> Fraction:
        """The number, given a number for each name, whole or not; raises KeyError for a name without a number."""
        parts = (factor * prod(_valued(n, sizes) ** p for n, p in monomial) for monomial, factor in self.terms)
        return sum(parts, Fraction(0))

    def with_sizes(self, sizes: Mapping[str, Size]) -> Size:
        """The size, which has no name below a line, with others in the place of these names."""
        total: Any = 0
        for monomial, factor in self.terms:
            parts = [sizes.get(name, Dimension.named(name)) for name, power in monomial for _ in range(power)]
            product = prod(parts, start=Dimension({(): factor}))
            total = product + total
        return total  # type: ignore[no-any-return]  # a sum of sizes

    def __add__(self, other: Any) -> Any:
        terms = _terms(other)
        if terms is None:
            return _as_number(np.add, self, other)
        return _simplest(_sum([*self.terms, *terms]), _seen(self, other))

    def __mul__(self, other: Any) -> Any:
        terms = _terms(other)
        if terms is None:
            return _as_number(np.multiply, self, other)
        return _simplest(_sum((_product(a, b), x * y) for a, x in self.terms for b, y in terms), _seen(self, other))

    def _over(self, other: Any) -> Any:
        terms = _terms(other)
        if terms is None or len(terms) != 1:  # only a single product has an inverse of this form
            return NotImplemented
        return self * _inverse(terms[0], _seen(self, other))

    def _under(self, other: Any) -> Any:
        if _terms(other) is None or len(self.terms) != 1:
            return NotImplemented
        return _inverse(self.terms[0], self.seen) * other

    def __truediv__(self, other: Any) -> Any:
        exact = self._over(other)
        return _as_number(np.divide, self, other) if exact is NotImplemented else exact

    def __rtruediv__(self, other: Any) -> Any:
        exact = self._under(other)
        return _as_number(np.divide, other, self) if exact is NotImplemented else exact

    def __floordiv__(self, other: Any) -> Any:
        exact = self._over(other)
        return exact if exact is NotImplemented or _is_whole(exact) else _as_number(np.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        exact = self._under(other)
        return exact if exact is NotImplemented or _is_whole(exact) else _as_number(np.floor_divide, other, self)

    def __pow__(self, other: Any) -> Any:
        whole = isinstance(other, (int, np.integer)) and other > 0
        return prod([self] * int(other)) if whole else _as_number(np.power, self, other)

    def __rpow__(self, other: Any) -> Any:
        return _as_number(np.power, other, self)

    def __neg__(self) -> Any:
        return self * -1

    def __sub__(self, other: Any) -> Any:
        return _as_number(np.subtract, self, other) if _terms(other) is None else self + -1 * other

    def __rsub__(self, other: Any) -> Any:
        return _as_number(np.subtract, other, self) if _terms(other) is None else -self + other

    __radd__ = __add__
    __rmul__ = __mul__

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            return NotImplemented
        exact = _EXACT.get(ufunc)
        plain = all(isinstance(x, (Dimension, int, float, np.generic, np.ndarray)) for x in operands)
        if exact is None or not plain or not all(isinstance(x, Dimension) or np.ndim(x) == 0 for x in operands):
            return _as_number(ufunc, *operands)
        return exact(*(x.item() if isinstance(x, (np.generic, np.ndarray)) else x for x in operands))

    def _refuse_number(self) -> NoReturn:
        raise Untraceable(
            f"the size {self} has no number before there is data",
            remedy=f"{self} in arithmetic; all examples at once in the place of a loop over them; np.zeros_like(x), or "
            "zeros of shape (3, 1), which broadcast; random numbers as an Input; "
            f"np.take_along_axis(p, labels[:, None], axis=1) for p[np.arange({self}), labels]",
        )

    __index__ = __int__ = __float__ = __trunc__ = __floor__ = __ceil__ = _refuse_number

    def __round__(self, digits: Any = None) -> NoReturn:
        self._refuse_number()

    def __mod__(self, other: Any) -> Any:
        return _as_number(np.remainder, self, other)

    def __rmod__(self, other: Any) -> Any:
        return _as_number(np.remainder, other, self)

    def _refuse_order(self, other: Any) -> NoReturn:
        raise (ArgumentError if self.seen else Untraceable)(
            f"whether the size {self} is more or less than {other} is not known before there is data",
            remedy=f"a comparison with another size: x.shape[1] == y.shape[1]; np.maximum({self}, {other})",
        )

    __lt__ = __le__ = __gt__ = __ge__ = _refuse_order

    def __reduce__(self) -> Any:
        return Dimension, (dict(self.terms),)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Dimension) and self.terms == other.terms:
            return True
        if not self.seen and isinstance(other, (Dimension, int, np.integer)) and not _asked_from(_PACKAGE):
            raise Untraceable(  # a rule would be recorded as for a size that is never that number
                f"whether the size {self} is {other} is not known before there is data",
                remedy=f"a rule that does not ask; NumPy's functions broadcast where {self} is 1",
            )
        return False

    def __bool__(self) -> bool:
        if self.seen or (self.least or 0) > 0:
            return True
        raise Untraceable(
            f"whether the size {self} is 0 is not known before there is data", remedy="a rule that does not ask"
        )

    def __hash__(self) -> int:
        if not self.seen and not _asked_from(_PACKAGE):  # a table or a set has no entry for it, and one for the number
            raise Untraceable(
                f"whether the size {self} stands in a table is not known before there is data",
                remedy="a rule that does not look a size up",
            )
        try:
            return self._hash
        except AttributeError:  # fractions take long to hash, so it is done once
            self._hash = hash(self.terms)
            return self._hash

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __repr__(self) -> str:
        try:
            return self._text
        except AttributeError:  # every run asks for it
            sum_of = " + ".join(_term_text(monomial, factor) for monomial, factor in self.terms)
            self._text = _as_minimum(self) or sum_of.replace("+ -", "- ")
            return self._text


@final
class Rest(str):  # it stands in products as a name does
    """The larger of 0 and a size: ``max(0, m - 3)``."""

    __slots__ = ("size",)
    size: Dimension

    def __new__(cls, size: Dimension) -> Rest:
        made = super().__new__(cls, f"max(0, {size})")
        made.size = size
        return made

    def __reduce__(self) -> Any:
        return Rest, (self.size,)


def rest(size: Size, taken: int) -> Size:
    """What is left of a size when so many entries are taken away, and 0 where it has fewer.

    >>> m = Dimension.named("m")
    >>> rest(5, 7), rest(m, 1), rest(m, 3), rest(rest(m, 3), 2), rest(m + 4, 3)
    (0, m - 1, max(0, m - 3), max(0, m - 5), m + 1)

    Names are 1 or more here: of no columns nothing is left. What is left of a size with one name is written in one way,
    so that equal sizes are the same: as a line, and a bend at every number where it has one.
    """
    left: Size = size - taken
    if isinstance(left, int):
        return max(0, left)
    if not taken or (left.least is not None and left.least >= 0):
        return left
    knots = _knots(left)
    return Dimension.named(Rest(left)) if knots is None else _by_bends(left, knots)


def _knots(size: Dimension) -> list[int] | None:
    """Where a size made of m and max(0, m - k) has its bends; None for one of another make."""
    products = [monomial for monomial, _ in size.terms if monomial]
    if len(size.names) != 1 or any(len(monomial) > 1 or monomial[0][1] != 1 for monomial in products):
        return None
    m = Dimension.named(*size.names)
    bends = [m - name.size for ((name, _),) in products if isinstance(name, Rest)]
    return sorted({1, *bends}) if all(isinstance(bend, int) for bend in bends) else None


def _by_bends(size: Dimension, knots: Sequence[int]) -> Size:
    """The larger of 0 and a size with these bends, as a line and bends: the second differences of its numbers."""
    (name,) = size.names
    m = Dimension.named(name)

    def at(number: int) -> Fraction:
        return max(Fraction(0), size.evaluate_exactly({name: number}))

    places = set(knots)
    for knot in knots:  # between two bends it is a line, which may cross 0
        first, second = (size.evaluate_exactly({name: knot + k}) for k in (0, 1))
        crossing = knot - first / (second - first) if second != first else Fraction(knot)
        places |= {floor(crossing), ceil(crossing)}
    slope = at(2) - at(1)
    total: Any = Dimension({((name, 1),): slope}) + Dimension({(): at(1) - slope})
    for place in sorted(place for place in places if place > 1):
        if bend := at(place + 1) - 2 * at(place) + at(place - 1):
            total = total + Dimension({((Rest(m - place), 1),): bend})
    return total  # type: ignore[no-any-return]  # a sum of sizes


def _as_minimum(size: Dimension) -> str:
    """``min(m, 3)`` for m - max(0, m - 3), and nothing for another size."""
    found = [name for monomial, factor in size.terms if factor == -1 for name, _ in monomial if isinstance(name, Rest)]
    whole = size + Dimension.named(found[0]) if len(found) == 1 else 0
    most = whole - found[0].size if isinstance(whole, Dimension) else whole
    return f"min({whole}, {most})" if isinstance(most, int) and isinstance(whole, Dimension) else ""


def _valued(name: str, sizes: Mapping[str, int]) -> Fraction:
    return max(Fraction(0), name.size.evaluate_exactly(sizes)) if isinstance(name, Rest) else Fraction(sizes[name])


def _degree(monomial: Monomial) -> int:
    return sum(power for _, power in monomial)


def _terms(value: Any) -> tuple[tuple[Monomial, Fraction], ...] | None:
    """The terms of a Dimension or a whole number; None for anything else."""
    if isinstance(value, Dimension):
        return value.terms
    return (((), Fraction(int(value))),) if isinstance(value, (int, np.integer)) else None


def _asked_from(package: str) -> bool:
    """Whether the comparison that is running stands in a file of this package, and not in somebody's rule."""
    return sys._getframe(2).f_code.co_filename.startswith(package)


def _seen(x: Any, y: Any) -> tuple[Any, ...]:
    """The nodes at which two sizes were seen."""
    seen: tuple[Any, ...] = getattr(x, "seen", ())
    return (*seen, *(node for node in getattr(y, "seen", ()) if not any(node is other for other in seen)))


def _sum(terms: Iterable[tuple[Monomial, Fraction]]) -> dict[Monomial, Fraction]:
    totals: dict[Monomial, Fraction] = {}
    for monomial, factor in terms:
        totals[monomial] = totals.get(monomial, Fraction(0)) + factor
    return {monomial: factor for monomial, factor in totals.items() if factor}


def _product(a: Monomial, b: Monomial) -> Monomial:
    powers = dict(a)
    for name, power in b:
        powers[name] = powers.get(name, 0) + power
    return tuple(sorted((name, power) for name, power in powers.items() if power))


def _inverse(term: tuple[Monomial, Fraction], seen: tuple[Any, ...]) -> Dimension:
    monomial, factor = term
    return Dimension({tuple((name, -power) for name, power in monomial): 1 / factor}, seen)


def _simplest(terms: dict[Monomial, Fraction], seen: tuple[Any, ...]) -> int | Dimension:
    if not terms:
        return 0
    if list(terms) == [()] and terms[()].denominator == 1:
        return terms[()].numerator
    return Dimension(terms, seen)


# --- sizes as numbers ------------------------------------------------------------------------------------------------

_EXACT: Final[dict[Any, Callable[..., Any]]] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.divide: operator.truediv,
    np.power: operator.pow,
    np.negative: operator.neg,
    np.equal: operator.eq,
    np.not_equal: operator.ne,
}
_record: list[Callable[[np.ufunc, tuple[Any, ...]], Any]] = []


def recorded_by(record: Callable[[np.ufunc, tuple[Any, ...]], Any]) -> None:
    """Say what records a function of a size and fractions: Symbols stand above sizes, so they register here."""
    _record[:] = [record]


def divided(total: Any, by: Any) -> Any:
    """A size over another where the division is exact, as in a reshape: m/2 is a number only where m is even.

    >>> divided(6, 2), divided(Dimension.named("m"), 2)
    (3, m/2)
    """
    if not (isinstance(total, Dimension) or isinstance(by, Dimension)):
        return total // by
    exact = total / by
    if not isinstance(exact, (int, Dimension)):
        raise TypeError(f"{total} over {by} is no size")
    return exact


def _is_whole(size: Any) -> bool:
    """Whether it is a whole number whatever the names stand for."""
    if not isinstance(size, Dimension):
        return isinstance(size, int)
    return all(factor.denominator == 1 and all(power > 0 for _, power in monomial) for monomial, factor in size.terms)


def _as_number(function: np.ufunc, *operands: Any) -> Any:
    """The function recorded; NotImplemented where an operand is neither a number nor a size, and knows better."""
    known = all(isinstance(x, (Dimension, int, float, np.generic)) or type(x) is np.ndarray for x in operands)
    return _record[0](function, operands) if known else NotImplemented


def _term_text(monomial: Monomial, factor: Fraction) -> str:
    over = [_power_text(name, power) for name, power in monomial if power > 0]
    under = [_power_text(name, -power) for name, power in monomial if power < 0]
    number = abs(factor.numerator)
    if number != 1 or not over:
        over.insert(0, str(number))
    if factor.denominator != 1:
        under.insert(0, str(factor.denominator))
    sign = "-" if factor < 0 else ""
    return sign + "/".join(["*".join(over), *under])


def _power_text(name: str, power: int) -> str:
    return name if power == 1 else f"{name}**{power}"


def as_shape(shape: Any) -> Shape:
    """A shape from what users write: ``(2, "m")``, ``"m"`` or ``5``.

    >>> as_shape((2, "m")), as_shape("m"), as_shape(())
    ((2, m), (m,), ())

    Raises TypeError or ValueError for anything that is not a size.
    """
    listed = type(shape) is tuple or (isinstance(shape, Iterable) and not isinstance(shape, (str, bytes, Mapping, Set)))
    return tuple([as_size(size) for size in (shape if listed else (shape,))])


def as_size(size: Any) -> Size:
    """A size from a Dimension, a name or a whole number; raises TypeError or ValueError for anything else."""
    if type(size) is int and size >= 0:  # as nearly every size is
        return size
    if isinstance(size, Dimension):
        return size.seen_at() if size.seen else size
    if isinstance(size, str):
        if not size.isidentifier():
            raise ValueError(f"a named dimension is a plain name such as 'm', not {size!r}")
        return Dimension.named(size)
    try:
        number = index(size)
        if isinstance(size, bool):
            raise TypeError
    except TypeError:
        raise TypeError(f"a size is a whole number or a name such as 'm', not {size!r}") from None
    if number < 0:
        raise ValueError(f"a size is zero or more, not {number}")
    return number


def seen_by(asks: Any, shape: Shape | None) -> Shape | None:
    """A shape whose sizes answer whoever asks that ``m`` is no number; in a rule they refuse to say."""
    return None if shape is None else tuple([s if isinstance(s, int) else s.seen_at(asks) for s in shape])


def unseen(shape: Shape | None) -> Shape | None:
    """A shape whose sizes know no nodes, for what is kept longer than nodes are."""
    return None if shape is None else as_shape(shape)


def shape_text(shape: Shape | None) -> str:
    """A shape as people write it: ``(3, m)``; ``(?)`` where it is unknown.

    >>> shape_text(as_shape((3, "m"))), shape_text(as_shape("m")), shape_text(None)
    ('(3, m)', '(m,)', '(?)')
    """
    return "(?)" if shape is None else str(shape)


def names_in(shape: Iterable[Size]) -> set[str]:
    """The names that occur in a shape."""
    return {name for size in shape if isinstance(size, Dimension) for name in size.names}
