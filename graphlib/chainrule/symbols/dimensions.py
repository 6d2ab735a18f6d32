"""Sizes that get their number only when data is fed, such as m, and the arithmetic that shapes need of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import prod
from operator import index
from typing import Any, TypeAlias, final

Monomial: TypeAlias = tuple[tuple[str, int], ...]  # m²n is (("m", 2), ("n", 1)), sorted by name; 1 is ()
Size: TypeAlias = "int | Dimension"
Shape: TypeAlias = "tuple[Size, ...]"


@final
class Dimension:
    """A size written with names: ``m``, ``3*m``, ``m + 2``, ``1/m``; a number as soon as the names have numbers.

    It is a sum of products of powers of names with rational coefficients, which is all that concatenating,
    reshaping and averaging need. An expression without names is an ``int`` again.

    >>> m = Dimension.named("m")
    >>> 3 * m + 2, m * m / m, (m + 1) - m
    (3*m + 2, m, 1)
    >>> (3 * m).evaluate({"m": 7})
    21
    """

    __slots__ = ("_hash", "terms")
    _hash: int

    def __init__(self, terms: Mapping[Monomial, Fraction]) -> None:
        self.terms = tuple(sorted(terms.items(), key=lambda term: (-_degree(term[0]), term[0])))

    @classmethod
    def named(cls, name: str) -> Dimension:
        """The dimension with this name."""
        return cls({((name, 1),): Fraction(1)})

    @property
    def names(self) -> frozenset[str]:
        """The names that must have a number before this size has one."""
        return frozenset(name for monomial, _ in self.terms for name, _ in monomial)

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        """The number, given a number for each name.

        Raises KeyError for a name without a number, ValueError when the result is no whole number.
        """
        total = self.evaluate_exactly(sizes)
        if total.denominator != 1:
            raise ValueError(f"{self} is {total} for {dict(sizes)}, which is no whole number")
        return total.numerator

    def evaluate_exactly(self, sizes: Mapping[str, int]) -> Fraction:
        """The number, given a number for each name, whole or not; raises KeyError for a name without a number."""
        parts = (factor * prod(Fraction(sizes[n]) ** p for n, p in monomial) for monomial, factor in self.terms)
        return sum(parts, Fraction(0))

    def __add__(self, other: Any) -> Any:
        terms = _terms(other)
        return NotImplemented if terms is None else _simplest(_sum([*self.terms, *terms]))

    def __mul__(self, other: Any) -> Any:
        terms = _terms(other)
        if terms is None:
            return NotImplemented
        return _simplest(_sum((_product(a, b), x * y) for a, x in self.terms for b, y in terms))

    def __truediv__(self, other: Any) -> Any:
        terms = _terms(other)
        if terms is None or len(terms) != 1:  # only a single product has an inverse of this form
            return NotImplemented
        return self * _inverse(terms[0])

    def __rtruediv__(self, other: Any) -> Any:
        if _terms(other) is None or len(self.terms) != 1:
            return NotImplemented
        return _inverse(self.terms[0]) * other

    def __neg__(self) -> Any:
        return self * -1

    def __sub__(self, other: Any) -> Any:
        return NotImplemented if _terms(other) is None else self + -1 * other

    def __rsub__(self, other: Any) -> Any:
        return NotImplemented if _terms(other) is None else -self + other

    __radd__ = __add__
    __rmul__ = __mul__
    __floordiv__ = __truediv__  # sizes are divided only where the division is exact

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dimension) and self.terms == other.terms

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:  # fractions take long to hash, so it is done once
            self._hash = hash(self.terms)
            return self._hash

    def __repr__(self) -> str:
        return " + ".join(_term_text(monomial, factor) for monomial, factor in self.terms).replace("+ -", "- ")


def _degree(monomial: Monomial) -> int:
    return sum(power for _, power in monomial)


def _terms(value: Any) -> tuple[tuple[Monomial, Fraction], ...] | None:
    """The terms of a Dimension or a whole number; None for anything else."""
    if isinstance(value, Dimension):
        return value.terms
    return (((), Fraction(value)),) if isinstance(value, int) else None


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


def _inverse(term: tuple[Monomial, Fraction]) -> Dimension:
    monomial, factor = term
    return Dimension({tuple((name, -power) for name, power in monomial): 1 / factor})


def _simplest(terms: dict[Monomial, Fraction]) -> int | Dimension:
    if not terms:
        return 0
    if list(terms) == [()] and terms[()].denominator == 1:
        return terms[()].numerator
    return Dimension(terms)


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
    sizes = shape if isinstance(shape, Iterable) and not isinstance(shape, str) else (shape,)
    return tuple(as_size(size) for size in sizes)


def as_size(size: Any) -> Size:
    """A size from a Dimension, a name or a whole number; raises TypeError or ValueError for anything else."""
    if isinstance(size, Dimension):
        return size
    if isinstance(size, str):
        if not size.isidentifier():
            raise ValueError(f"a named dimension is a plain name such as 'm', not {size!r}")
        return Dimension.named(size)
    try:
        number = index(size)
    except TypeError:
        raise TypeError(f"a size is a whole number or a name such as 'm', not {size!r}") from None
    if number < 0:
        raise ValueError(f"a size is zero or more, not {number}")
    return number


def shape_text(shape: Shape | None) -> str:
    """A shape as people write it: ``(3, m)``; ``(?)`` where it is unknown.

    >>> shape_text(as_shape((3, "m"))), shape_text(as_shape("m")), shape_text(None)
    ('(3, m)', '(m,)', '(?)')
    """
    return "(?)" if shape is None else str(shape)


def names_in(shape: Iterable[Size]) -> set[str]:
    """The names that occur in a shape."""
    return {name for size in shape if isinstance(size, Dimension) for name in size.names}
