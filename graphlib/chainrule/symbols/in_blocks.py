"""Functions of rows or of single entries, computed of some at a time, so that what lies between stays in the cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from chainrule.symbols.symbol import Value

_ENTRIES: Final = 16_384  # a block of 8,192 is a fifth slower: these are all calls; 65,536 leave a small cache


def of_entries_in_blocks(function: Callable[[Value], Value], x: Value) -> Value:
    """A function of single entries of an array, of any shape and layout."""
    flat = np.ravel(x)
    made = np.empty(flat.shape, flat.dtype)
    for start in range(0, flat.size, _ENTRIES):
        made[start : start + _ENTRIES] = function(flat[start : start + _ENTRIES])
    return made.reshape(np.shape(x))


def of_rows_in_blocks(function: Callable[..., Value], axis: Any, *arrays: Value) -> Value:
    """A function of an axis and of arrays of one shape and dtype, whose rows it makes rows of, one by one.

    It is called once where the axis is not the last one, and where all fits the cache.
    """
    x = arrays[0]
    if x.size <= 2 * _ENTRIES or axis not in (-1, x.ndim - 1) or any(y.dtype != x.dtype for y in arrays):
        return function(axis, *arrays)
    rows = [np.broadcast_to(y, x.shape).reshape(-1, x.shape[-1]) for y in arrays]
    made = np.empty(rows[0].shape, x.dtype)
    count = max(1, _ENTRIES // x.shape[-1])
    for start in range(0, len(made), count):
        made[start : start + count] = function(-1, *(y[start : start + count] for y in rows))
    return made.reshape(x.shape)
