"""Arrays as they stand in a drawing: a number, a small matrix entry by entry, a large one as its range."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.drawing.labels import Cell, Table, Text
from chainrule.shown.numbers import is_small, number, summary

Array = npt.NDArray[Any]
SIDE = 4  # rows and columns of the largest matrix that is written out


def array_cell(array: Array, color: str, *, italic: bool = False, side: int = SIDE) -> Cell:
    """A cell with the array: between two bars entry by entry if it is small, otherwise its summary."""
    if array.size == 1 or not is_small(array, side):
        return Cell((Text(summary(array), color, italic=italic),))
    rows = [
        [Cell((Text(number(entry), color, 11, italic=italic),), align="RIGHT", padding=2) for entry in row]
        for row in np.atleast_2d(array)
    ]
    return Cell(Table(rows, sides="LR", color=color), padding=2)
