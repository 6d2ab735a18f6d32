"""A product of factors written as a Symbol again: numerator over denominator, the number first, dimensions last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np

from chainrule.derivation.masks import is_mask, joined_dtype
from chainrule.derivation.terms import Product, as_ratio, in_range
from chainrule.symbols.dimensions import Dimension
from chainrule.symbols.shapes import broadcast
from chainrule.symbols.symbol import Symbol, known_shape

_DEEP = 50  # sums within sums: deeper ones are written from the innermost out


@final
class Writing:
    """Writes products whose factors stand in a list, each behind those that it is made of."""

    def __init__(self, factors: Sequence[Any]) -> None:
        self._factors = factors
        self._sums: dict[tuple[int, bool], Any] = {}

    def symbol(self, product: Product) -> Symbol:
        """The product as a Symbol."""
        self._write_inner_sums(product)
        whole = self._product(product)
        return whole if isinstance(whole, Symbol) else Symbol(None, (whole,), shape=())

    def _write_inner_sums(self, product: Product) -> None:
        """Sums that lie deep, from the innermost out, so that none has to wait for another."""
        waiting = [k for k in product.powers if self._is_unwritten_sum(k)]
        inner: set[int] = set()
        while waiting:
            place = waiting.pop()
            if place not in inner:
                inner.add(place)
                waiting.extend(k for term in self._factors[place] for k in term.powers if self._is_unwritten_sum(k))
        for place in sorted(inner)[:-_DEEP]:  # a factor stands behind those in it
            for flip in (False, True):
                self._sum(place, flip)

    def _is_unwritten_sum(self, place: int) -> bool:
        return isinstance(self._factors[place], list) and (place, False) not in self._sums

    def _product(self, product: Product) -> Any:
        number, powers = product.number, product.powers
        flip = next((k for k, power in powers.items() if number < 0 and self._flips(k, power)), None)
        negative = number < 0 and flip is None
        above = [self._power(k, power, flip=k == flip) for k, power in self._values_first(powers) if power > 0]
        below = [self._power(k, -power, flip=False) for k, power in powers.items() if power < 0]
        first, *more = in_range(abs(number))
        top, bottom = as_ratio(first)
        if top != 1 or not above:
            above.insert(0, top)
        result = above[0]
        for factor in [*above[1:], *(float(part) for part in more)]:
            result = _join(np.multiply, result, factor)
        for factor in ([bottom] if bottom != 1 else []) + below:
            result = _join(np.divide, result, factor)
        return _negated(result) if negative else result

    def _values_first(self, powers: dict[int, int]) -> list[tuple[int, int]]:
        return sorted(powers.items(), key=lambda item: not isinstance(self._factors[item[0]], Dimension))

    def _flips(self, place: int, power: int) -> bool:
        """Whether a minus in front can go into this sum: it has two terms, one of them negative."""
        factor = self._factors[place]
        return power == 1 and isinstance(factor, list) and any(term.number < 0 for term in factor)

    def _power(self, place: int, power: int, *, flip: bool) -> Any:
        factor = self._factors[place]
        base = self._sum(place, flip) if isinstance(factor, list) else factor
        return base if power == 1 or is_mask(base) else _join(np.power, base, power)

    def _sum(self, place: int, flip: bool) -> Any:
        if (place, flip) not in self._sums:
            self._sums[place, flip] = self._written_sum(self._factors[place], flip)
        return self._sums[place, flip]

    def _written_sum(self, terms: list[Product], flip: bool) -> Any:
        signed = [Product(-term.number, term.powers) for term in terms] if flip else terms
        ordered = sorted(signed, key=lambda term: term.number < 0)
        result = self._product(ordered[0])
        for term in ordered[1:]:
            positive = self._product(Product(abs(term.number), term.powers))
            result = _join(np.subtract if term.number < 0 else np.add, result, positive)
        return result


def _join(ufunc: np.ufunc, x: Any, y: Any) -> Any:
    """The Symbol for an operation between Symbols, dimensions and numbers."""
    if is_mask(x) and is_mask(y) and ufunc in (np.add, np.subtract):  # which NumPy refuses, or takes for "or"
        x = _join(np.multiply, 1, x)
    shapes = [known_shape(x), known_shape(y)]
    shape = None if None in shapes else broadcast(*shapes)  # type: ignore[arg-type]  # none is None
    return Symbol(ufunc, (x, y), shape=shape, dtype=joined_dtype(ufunc, x, y))


def _negated(x: Any) -> Any:
    if is_mask(x):
        return _join(np.multiply, -1, x)
    return Symbol(np.negative, (x,), shape=known_shape(x)) if isinstance(x, (Symbol, Dimension)) else -x
