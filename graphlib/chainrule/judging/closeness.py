"""How near two arrays must be to count as equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Values: TypeAlias = Mapping[str, Any]
"""Arrays by name, and sizes such as m, which are plain numbers."""


def tolerance(dtype: np.dtype[Any]) -> float:
    """How far apart two ways to compute the same may lie, relative to the largest entry.

    It is 1e-9 in float64 and 1e-4 in float32: six and three digits are left for rounding. A formula that is wrong
    differs by far more on data drawn at random.
    """
    eps = float(np.finfo(dtype if dtype.kind == "f" else float).eps)
    return float(eps**0.575)


def same(value: Array, expected: Array) -> bool:
    """Whether two arrays have one shape and the same entries but for rounding; infinite entries must be the same."""
    if value.shape != expected.shape:
        return False
    return distance(value, expected) <= tolerance(expected.dtype)


def agrees(value: Array, expected: Array, slack: Array | float = 0.0) -> Array:
    """Which entries of an array are those expected but for rounding: to six digits in float64, or within the slack."""
    with np.errstate(all="ignore"):
        gap = np.abs(np.subtract(value, expected, dtype=float))
        near = gap <= tolerance(expected.dtype) * np.abs(expected) + slack
    return np.asarray((value == expected) | (near & np.isfinite(gap)))


def distance(value: Array, expected: Array) -> float:
    """The largest difference of two arrays of one shape, relative to the largest finite entry expected."""
    if not expected.size:
        return 0.0
    with np.errstate(all="ignore"):
        gap = np.where(value == expected, 0, np.abs(np.subtract(value, expected, dtype=float)))  # infinities may agree
        worst = float(gap.max())
        largest = largest_entry(expected)
    if not np.isfinite(worst):
        return np.inf
    return worst if worst == 0 else worst / largest if largest > 0 else np.inf


def largest_entry(expected: Array) -> float:
    """The largest finite entry, by size."""
    return float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0))


def factor_between(value: Array, expected: Array) -> float | None:
    """The finite number c other than 0 with expected = c * value in every entry, None if there is none."""
    if value.shape != expected.shape or not value.size:
        return None
    k = int(np.abs(value).argmax())
    top = float(value.flat[k])
    c = float(expected.flat[k]) / top if top else 0.0
    return c if c and np.isfinite(c) and same(c * value, expected) else None
