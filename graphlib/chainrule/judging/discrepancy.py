"""How a result differs from what it should be, where no change was found that mends it."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.judging.closeness import Array, largest_entry, tolerance


def difference_text(value: Array, expected: Array, name: str) -> str:
    """How a result differs from what it should be: in shape, by a factor that has a pattern, in which entries.

    >>> difference_text(np.array([[2.0, 4.0], [3.0, 6.0]]), np.array([[1.0, 2.0], [1.0, 2.0]]), "dW")
    'each row of dW has its own factor: 2, 3 times as large as it should be'
    """
    if value.shape != expected.shape:
        return f"its shape is {value.shape}, and {name} has shape {expected.shape}"
    return _ratio_pattern(value, expected, name) or _worst_entries(value, expected)


def _ratio_pattern(value: Array, expected: Array, name: str) -> str:
    if not expected.size or not np.all(expected) or not (np.isfinite(value).all() and np.isfinite(expected).all()):
        return ""
    if not value.any():
        return "it is 0 in every entry"
    ratio, near = np.asarray(value / expected), 10 * tolerance(expected.dtype)
    if _all_close(ratio, ratio.flat[0], near):
        times = _told_apart(float(ratio.flat[0]), 1.0)[0]
        return f"it is {times} times as large as {name} in every entry"
    if ratio.ndim == 2 and min(ratio.shape) > 1:
        for word, first in (("row", ratio[:, :1]), ("column", ratio[:1, :])):
            if _all_close(ratio, first, near):
                shown = ", ".join(f"{c:.4g}" for c in first.flat[:6])
                if first.size > 6:
                    shown += ", …"
                return f"each {word} of {name} has its own factor: {shown} times as large as it should be"
    if _all_close(np.abs(ratio), 1.0, near):
        return f"the size of every entry is right, but {int((ratio < 0).sum())} of {ratio.size} signs are wrong"
    return ""


def _all_close(values: Array, to: Any, near: float) -> bool:
    return bool(np.all(np.abs(values - to) <= near * np.abs(to)))


def _told_apart(value: float, expected: float) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to see that they differ, six at least."""
    for digits in range(6, 17):
        shown = f"{value:.{digits}g}", f"{expected:.{digits}g}"
        if shown[0] != shown[1]:
            return shown
    return repr(value), repr(expected)


def _worst_entries(value: Array, expected: Array) -> str:
    with np.errstate(all="ignore"):
        gap = np.where(value == expected, 0, np.nan_to_num(np.abs(value - expected), nan=np.inf))
    wrong = int((gap > tolerance(expected.dtype) * largest_entry(expected)).sum())
    shown = []
    for k in np.argsort(-gap, axis=None, kind="stable")[: min(3, wrong)]:
        place = ", ".join(map(str, np.unravel_index(int(k), gap.shape)))
        entry = f"entry [{place}]" if place else "it"
        given, right = _told_apart(float(value.flat[k]), float(expected.flat[k]))
        shown.append(f"{entry} is {given}, not {right}")
    return f"{wrong} of {value.size} entries differ: {'; '.join(shown)}"
