"""Arrays as they stand in a drawing: a number, a small matrix entry by entry, a large one as its range."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.drawing.labels import Cell, Table, Text

Array = npt.NDArray[Any]
SIDE = 4  # rows and columns of the largest matrix that is written out


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


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def is_small(array: Array, side: int = SIDE) -> bool:
    """Whether every entry is written out."""
    return array.ndim <= 2 and array.size > 0 and max(array.shape, default=1) <= side


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


def array_cell(array: Array, color: str, *, italic: bool = False, side: int = SIDE) -> Cell:
    """A cell with the array: between two bars entry by entry if it is small, otherwise its summary."""
    if array.size == 1 or not is_small(array, side):
        return Cell((Text(summary(array), color, italic=italic),))
    rows = [
        [Cell((Text(number(entry), color, 11, italic=italic),), align="RIGHT", padding=2) for entry in row]
        for row in np.atleast_2d(array)
    ]
    return Cell(Table(rows, sides="LR", color=color), padding=2)
