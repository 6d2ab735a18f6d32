"""Numbers written short: one number, or an array in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

Array: TypeAlias = "npt.NDArray[Any]"
_RAISED: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(x: Any, digits: int = 3) -> str:
    """A number in so many digits, with a real minus sign.

    >>> number(-0.73106), number(1234.5), number(3), number(2e-9)
    ('−0.731', '1234', '3', '2×10⁻⁹')
    """
    if isinstance(x, bool | np.bool):
        return "true" if x else "false"
    whole = isinstance(x, int | np.integer) or 1000 <= abs(x) < 1e6
    written, exponent, power = (f"{x:.0f}" if whole else f"{x:.{digits}g}").partition("e")
    text = written.replace("-", "−").replace("inf", "∞").replace("nan", "NaN")
    return f"{text}×10{str(int(power)).translate(_RAISED)}" if exponent else text


def summary(array: Array) -> str:
    """An array in one line: the number itself, or the range; the shape stands beside the name.

    >>> summary(np.array(2.5)), summary(np.array([[-1.0, np.nan, 3.0]]))
    ('2.5', '−1 … 3, 1 NaN')
    """
    if array.size == 1:
        return number(array.reshape(-1)[0])
    broken = int(np.isnan(array).sum()) if array.dtype.kind == "f" else 0
    if broken == array.size:
        return "all NaN" if broken else "empty"
    low, high = (np.nanmin(array), np.nanmax(array)) if broken else (array.min(), array.max())
    span = f"all {number(low)}" if low == high else f"{number(low)} … {number(high)}"
    return f"{span}, {broken} NaN" if broken else span


def is_small(array: Array, side: int) -> bool:
    """Whether every entry is written out, in a matrix of so many rows and columns at most."""
    return array.ndim <= 2 and array.size > 0 and max(array.shape, default=1) <= side
