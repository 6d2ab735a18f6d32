"""The steps that the computation of a formula may take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, final

from chainrule.errors import FormulaError
from chainrule.judging.reading.operands import Operand, size_of

Function: TypeAlias = Callable[..., Any]

LARGEST: Final = 10**7  # elements of one result, unless a value that was handed in is larger


@final
class Work:
    """The steps that one evaluation has left, where a step is about one addition of two numbers (a nanosecond).

    A learner's formula takes a few steps for each number it is handed. The allowance is a thousand of them and
    a fixed part, which keeps the worst text on small arrays below a few milliseconds.

    >>> work = Work([(1.0,) * 15])
    >>> work(15)
    >>> work(10**8)
    Traceback (most recent call last):
    chainrule.errors.FormulaError: a result of 100,000,000 elements is larger than a formula may build, 10,000,000
    """

    def __init__(self, values: Sequence[Operand], largest: int = LARGEST) -> None:
        sizes = [size_of(value) for value in values]
        self.largest = max([largest, *sizes])
        self.left = 300_000 + 1000 * sum(sizes)

    def __call__(self, size: int, steps: int = 1) -> None:
        """Take the steps for a result of ``size`` elements; raises FormulaError when that is too large or too long."""
        if size > self.largest:
            raise FormulaError(f"a result of {size:,} elements is larger than a formula may build, {self.largest:,}")
        self.left -= size * steps + 1
        if self.left < 0:
            raise FormulaError(
                "the formula takes far more steps than its values have numbers", remedy="smaller shapes, fewer steps"
            )
