"""Products and their numbers: a number times powers of factors, which are known by their places in a list."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, final

_MOST = 1000  # numerator and denominator of a fraction that is recognized in a float
_SHORT = 8  # characters of a decimal number that needs no fraction
_ALWAYS_A_RATIO = 12  # the largest denominator of a fraction that is never written as a decimal number
_WHOLE = 2**53  # floats hold every whole number up to here

UNIT = Fraction(1)


@final
class Product(NamedTuple):
    """A number times powers of factors, in the order in which the factors were met."""

    number: Fraction
    powers: dict[int, int]

    @property
    def monomial(self) -> frozenset[tuple[int, int]]:
        """The powers alone, to find like terms."""
        return frozenset(self.powers.items())

    @property
    def key(self) -> tuple[int, int, frozenset[tuple[int, int]]]:
        """What two equal products have in common, quickly compared."""
        return (self.number.numerator, self.number.denominator, self.monomial)


ZERO, ONE, MINUS_ONE = Product(Fraction(0), {}), Product(UNIT, {}), Product(Fraction(-1), {})


def times(a: Product, b: Product) -> Product:
    """The product of two; nothing is left of the factors of 0."""
    if not b.powers and b.number == 1:
        return a
    number = b.number if a.number is UNIT else a.number if b.number is UNIT else a.number * b.number
    if not number:
        return ZERO
    powers = dict(a.powers)
    for key, power in b.powers.items():
        powers[key] = powers.get(key, 0) + power
        if not powers[key]:
            del powers[key]
    return Product(number, powers)


def over(a: Product, b: Product) -> Product:
    """The quotient of two, the second of which is not 0."""
    if not b.powers and b.number == 1:
        return a
    return times(a, Product(1 / b.number, {key: -power for key, power in b.powers.items()}))


def shared_powers(terms: Sequence[Product]) -> dict[int, int]:
    """The powers that every term has: the least power of a factor that stands above in all, or below in all."""
    shared = {}
    for key in terms[0].powers:
        powers = [term.powers.get(key, 0) for term in terms]
        if all(power > 0 for power in powers) or all(power < 0 for power in powers):
            shared[key] = min(powers) if powers[0] > 0 else max(powers)
    return shared


def collected(terms: Iterable[Product]) -> list[Product]:
    """Like terms added up, those that cancel left out."""
    totals: dict[frozenset[Any], Product] = {}
    for term in terms:
        before = totals.get(term.monomial)
        totals[term.monomial] = term if before is None else Product(before.number + term.number, term.powers)
    return [term for term in totals.values() if term.number]


# --- numbers ---------------------------------------------------------------------------------------------------------


def as_fraction(number: float) -> Fraction:
    """A number as the fraction that people mean by it: 0.1 is 1/10, and 0.041666666666666664 is 1/24.

    >>> as_fraction(0.1), as_fraction(1 / 24), as_fraction(-1e30).denominator
    (Fraction(1, 10), Fraction(1, 24), 1)
    """
    if isinstance(number, int):
        return Fraction(number)
    text = repr(float(number))  # NumPy's own numbers print otherwise
    written = Fraction(text)
    if len(text.lstrip("-")) <= _SHORT or written.denominator == 1:
        return written
    near = written.limit_denominator(_MOST)
    means = 0 < abs(near.numerator) <= _MOST and abs(float(near) - number) <= sys.float_info.epsilon * abs(number)
    return near if means else written


def as_ratio(number: Fraction) -> tuple[Any, Any]:
    """A number that is not negative, as people write it: 2 over 3, 1 over 24, but 0.01 and 1e30.

    >>> as_ratio(Fraction(2, 3)), as_ratio(Fraction(1, 24)), as_ratio(Fraction(1, 100)), as_ratio(Fraction(10**30))
    ((2, 3), (1, 24), (0.01, 1), (1e+30, 1))
    """
    above, below = number.numerator, number.denominator
    if above < _WHOLE and below <= _ALWAYS_A_RATIO:
        return above, below
    decimal = float(number)
    is_fraction = above <= _MOST and below <= _MOST and len(repr(decimal)) > _SHORT
    return (above, below) if is_fraction else (decimal, 1)


def in_range(number: Fraction) -> list[Fraction]:
    """Numbers that floats can hold, with this product: several where the number itself is too large or too small.

    >>> [float(part) for part in in_range(Fraction(10) ** 400)]
    [1e+100, 1e+300]
    """
    parts: list[Fraction] = []
    while not _is_float(number):
        part = Fraction(10) ** (300 if number > 1 else -300)
        number /= part
        parts.append(part)
    return [number, *parts]


def _is_float(number: Fraction) -> bool:
    try:
        near = float(number)
    except OverflowError:
        return False
    return near >= sys.float_info.min or Fraction(repr(near)) == number
