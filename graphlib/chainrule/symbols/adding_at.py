"""Numbers added into an array at a key, in the order of ``np.add.at``, in the fastest way that the key allows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.symbols.symbol import Value


def add_at(total: Value, key: Any, numbers: Value) -> None:
    """``np.add.at(total, key, numbers)`` for a ``total`` in one piece: the same sums in the same order.

    Where a key can name no entry twice, it is an addition to a view, ten times as fast. Where an array of whole numbers
    picks rows, ``np.add.at`` is given the place of every single entry, which it takes up to four times as fast.
    """
    parts = key if isinstance(key, tuple) else (key,)
    if not any(map(_may_repeat, parts)):
        total[key] += numbers
    elif (places := _places(parts, total.shape)) is None or places.shape != np.shape(numbers):
        np.add.at(total, key, numbers)
    else:
        np.add.at(total.reshape(-1), places.reshape(-1), np.asarray(numbers, total.dtype).reshape(-1))


def _may_repeat(part: Any) -> bool:
    """Whether a part of a key can name a place twice: an array or a list of whole numbers."""
    return isinstance(part, (np.ndarray, list, tuple)) and np.asarray(part).dtype != bool


def _places(parts: tuple[Any, ...], shape: tuple[int, ...]) -> Value | None:
    """Where the entries of ``x[key]`` stand in x laid in one row; None for a key of more than one array."""
    axis = len(parts) - 1
    if any(not isinstance(part, slice) or part != slice(None) for part in parts[:axis]):
        return None
    rows, count = np.asarray(parts[axis]), shape[axis]
    if rows.dtype.kind not in "iu" or not rows.size or rows.min() < -count or rows.max() >= count:
        return None  # np.add.at says what is wrong
    inner = math.prod(shape[axis + 1 :])
    found = np.where(rows < 0, rows + count, rows).astype(np.intp) * inner
    found = found.reshape((*found.shape, *[1] * (len(shape) - axis - 1))) + np.arange(inner).reshape(shape[axis + 1 :])
    outer = np.arange(math.prod(shape[:axis])) * (count * inner)
    return outer.reshape((*shape[:axis], *[1] * found.ndim)) + found
