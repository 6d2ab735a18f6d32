"""The softmax and its kin along an axis: rows of n entries in one piece, or rows that stand side by side as columns.

Every form is that of ``chainrule.symbols.elementary``. Each function computes the rows from ``first`` to ``last``.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from chainrule.plan.loop.kept import njit
from chainrule.plan.loop.series import FUNCTIONS

KIND: Final = "float64"

real = np.float64 if KIND == "float64" else np.float32
exp, log1p, add_up = FUNCTIONS[KIND]["exp"], FUNCTIONS[KIND]["log1p"], FUNCTIONS[KIND]["add_up"]
finite_or_zero, isnan = FUNCTIONS[KIND]["finite_or_zero"], FUNCTIONS[KIND]["isnan"]
largest = FUNCTIONS[KIND]["largest"]
BLOCK: Final = 512  # entries added up in the dtype of the array, 32 at a time, before their sum is added to others
WIDTH: Final = 128  # columns that are computed at once


@njit(nogil=True, error_model="numpy")
def left_out(x: Any, gap: Any, shift: Any) -> Any:
    """What x - shift as the nearest number leaves out (Knuth's two-sum)."""
    back = x - gap
    rest = x - (gap + back)
    return finite_or_zero(rest + (back - shift))


@njit(nogil=True, error_model="numpy")
def power(x: Any, shift: Any) -> Any:
    """exp(x - shift), as exact as exp itself."""
    gap = x - shift
    return exp(gap) * (real(1) + left_out(x, gap, shift))


# --- a row in one piece ----------------------------------------------------------------------------------------------


@njit(nogil=True, error_model="numpy")
def powers(x: Any, shift: Any, made: Any, first: Any, last: Any) -> Any:
    """exp(x - shift) of some entries into ``made``, and their sum."""
    total = 0.0
    for start in range(first, last, BLOCK):
        # Of slices the compiler sees at once that they have no memory in common: five times as fast.
        own, part = x[start : min(start + BLOCK, last)], real(0)
        target = made[start : start + own.size]
        for k in range(own.size):
            entry = power(own[k], shift)
            part = add_up(part, entry)
            target[k] = entry
        total += np.float64(part)
    return total


@njit(nogil=True, error_model="numpy")
def shares(x: Any, made: Any) -> Any:
    """The softmax of a row."""
    divisor = real(powers(x, finite_or_zero(largest(x)), made, 0, x.size))
    for k in range(x.size):
        made[k] /= divisor


@njit(nogil=True, error_model="numpy")
def log_total(x: Any, top: Any, shift: Any, made: Any) -> Any:
    """log Σ exp(x - shift): log1p of the sum over all entries but a largest; the largest if it is infinite."""
    at = 0
    while at < x.size - 1 and x[at] != top:
        at += 1
    rest = log1p(real(powers(x, shift, made, 0, at) + powers(x, shift, made, at + 1, x.size)))
    return rest if abs(top) < np.inf or isnan(rest) else top


@njit(nogil=True, error_model="numpy", cache=True)
def softmax(x: Any, n: Any, first: Any, last: Any, out: Any) -> Any:
    """The shares of the powers."""
    for start in range(first * n, last * n, n):
        shares(x[start : start + n], out[start : start + n])


@njit(nogil=True, error_model="numpy", cache=True)
def log_softmax(x: Any, n: Any, first: Any, last: Any, out: Any) -> Any:
    """The logarithms of the shares."""
    for start in range(first * n, last * n, n):
        own, made = x[start : start + n], out[start : start + n]
        top = largest(own)
        shift = finite_or_zero(top)
        rest = log_total(own, top, shift, made)
        for k in range(n):
            gap = own[k] - shift
            made[k] = gap - (rest - left_out(own[k], gap, shift))


@njit(nogil=True, error_model="numpy", cache=True)
def softmax_rest(x: Any, n: Any, first: Any, last: Any, out: Any) -> Any:
    """The sum of the shares behind an entry, and of those before it."""
    p = np.empty(n, real)
    for start in range(first * n, last * n, n):
        made = out[start : start + n]
        shares(x[start : start + n], p)
        total = 0.0
        for k in range(n - 1, -1, -1):
            made[k] = total
            total += p[k]
        total = 0.0
        for k in range(n):
            made[k] = total + made[k]
            total += p[k]


@njit(nogil=True, error_model="numpy", cache=True)
def logsumexp(x: Any, n: Any, first: Any, last: Any, out: Any) -> Any:
    """The logarithm of the sum of all powers of a row."""
    made = np.empty(n, real)
    for row in range(first, last):
        own = x[row * n : row * n + n]
        top = largest(own)
        shift = finite_or_zero(top)
        out[row] = shift + log_total(own, top, shift, made)


# --- rows side by side -----------------------------------------------------------------------------------------------


@njit(nogil=True, error_model="numpy")
def largest_of_columns(x: Any, start: Any, n: Any, inner: Any, top: Any) -> Any:
    """The largest entries of as many columns as ``top`` has entries; a NaN may be passed over."""
    for j in range(top.size):
        top[j] = x[start + j]
    for at in range(start + inner, start + n * inner, inner):
        for j in range(top.size):
            top[j] = x[at + j] if x[at + j] > top[j] else top[j]


@njit(nogil=True, error_model="numpy")
def columns(row: Any, last: Any, n: Any, inner: Any) -> Any:
    """How many columns from a row on are computed at once, and where their entries begin."""
    return min(WIDTH, inner - row % inner, last - row), row // inner * (n * inner) + row % inner


@njit(nogil=True, error_model="numpy", cache=True)
def softmax_of_columns(x: Any, n: Any, inner: Any, first: Any, last: Any, out: Any) -> Any:
    """The shares of the powers."""
    row, tops, totals = first, np.empty(WIDTH, real), np.empty(WIDTH)
    while row < last:
        width, start = columns(row, last, n, inner)
        top, total = tops[:width], totals[:width]
        largest_of_columns(x, start, n, inner, top)
        for j in range(width):
            top[j], total[j] = finite_or_zero(top[j]), 0.0
        for at in range(start, start + n * inner, inner):
            own, made = x[at : at + width], out[at : at + width]
            for j in range(width):
                entry = power(own[j], top[j])
                total[j] += np.float64(entry)
                made[j] = entry
        for j in range(width):
            top[j] = total[j]
        for at in range(start, start + n * inner, inner):
            made = out[at : at + width]
            for j in range(width):
                made[j] /= top[j]
        row += width


@njit(nogil=True, error_model="numpy", cache=True)
def log_softmax_of_columns(x: Any, n: Any, inner: Any, first: Any, last: Any, out: Any) -> Any:
    """The logarithms of the shares."""
    row, tops, totals, counts = first, np.empty(WIDTH, real), np.empty(WIDTH), np.empty(WIDTH, real)
    while row < last:
        width, start = columns(row, last, n, inner)
        top, total, count = tops[:width], totals[:width], counts[:width]
        largest_of_columns(x, start, n, inner, top)
        for j in range(width):
            count[j], total[j] = real(0), 0.0
        for at in range(start, start + n * inner, inner):
            own = x[at : at + width]
            for j in range(width):
                entry = power(own[j], finite_or_zero(top[j]))
                is_largest = own[j] == top[j]
                total[j] += np.float64(real(0) if is_largest & (count[j] == 0) else entry)
                count[j] += real(1) if is_largest else real(0)
        for j in range(width):
            rest = log1p(real(total[j]))
            count[j] = rest if (abs(top[j]) < np.inf) | isnan(rest) else top[j]
            top[j] = finite_or_zero(top[j])
        for at in range(start, start + n * inner, inner):
            own, made = x[at : at + width], out[at : at + width]
            for j in range(width):
                gap = own[j] - top[j]
                made[j] = gap - (count[j] - left_out(own[j], gap, top[j]))
        row += width
