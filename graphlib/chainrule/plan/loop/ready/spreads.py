"""Entries less their mean over their spread, and what a gradient is to them, along an axis.

The forms are those of ``chainrule.symbols.standardizing``. Each function computes the rows, of n entries in one piece,
from ``first`` to ``last``.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from chainrule.plan.loop.kept import njit
from chainrule.plan.loop.series import FUNCTIONS

KIND: Final = "float64"

real = np.float64 if KIND == "float64" else np.float32
add_up, largest = FUNCTIONS[KIND]["add_up"], FUNCTIONS[KIND]["largest"]
add_up_product, finite_or_zero = FUNCTIONS[KIND]["add_up_product"], FUNCTIONS[KIND]["finite_or_zero"]
BLOCK: Final = 512  # entries added up in the dtype of the array, 32 at a time, before their sum is added to others


@njit(nogil=True, error_model="numpy")
def mean(x: Any) -> Any:
    """The mean of a row."""
    total = 0.0
    for start in range(0, x.size, BLOCK):
        own, part = x[start : start + BLOCK], real(0)
        for k in range(own.size):
            part = add_up(part, own[k])
        total += np.float64(part)
    return real(total / x.size)


@njit(nogil=True, error_model="numpy")
def mean_product(x: Any, y: Any) -> Any:
    """The mean of x y."""
    total = 0.0
    for start in range(0, x.size, BLOCK):
        own, other, part = x[start : start + BLOCK], y[start : start + BLOCK], real(0)
        for k in range(own.size):
            part = add_up_product(part, own[k], other[k])
        total += np.float64(part)
    return real(total / x.size)


@njit(nogil=True, error_model="numpy")
def centered(x: Any, made: Any) -> Any:
    """x less its mean: what is larger than all is taken off first, so that equal entries give 0."""
    shift = finite_or_zero(largest(x))
    for k in range(x.size):
        made[k] = x[k] - shift
    middle = mean(made)
    for k in range(x.size):
        made[k] -= middle


@njit(nogil=True, error_model="numpy")
def apart(x: Any, center: Any, made: Any) -> Any:
    """x less its mean, or x as it is."""
    if center:
        centered(x, made)
    else:
        for k in range(x.size):
            made[k] = x[k]


@njit(nogil=True, error_model="numpy", cache=True)
def standardized(x: Any, n: Any, epsilon: Any, center: Any, first: Any, last: Any, out: Any) -> Any:
    """Over the root of the mean of the squares and ε."""
    for start in range(first * n, last * n, n):
        made = out[start : start + n]
        apart(x[start : start + n], center, made)
        root = real(math.sqrt(mean_product(made, made) + real(epsilon)))
        for k in range(n):
            made[k] /= root


@njit(nogil=True, error_model="numpy", cache=True)
def standardized_backward(grad: Any, x: Any, n: Any, epsilon: Any, center: Any, first: Any, last: Any, out: Any) -> Any:
    """(rest - mean(rest)) / root of rest = grad - y mean(grad y)."""
    y, rest = np.empty(n, real), np.empty(n, real)
    for start in range(first * n, last * n, n):
        own, made = grad[start : start + n], out[start : start + n]
        apart(x[start : start + n], center, y)
        root = real(math.sqrt(mean_product(y, y) + real(epsilon)))
        for k in range(n):
            y[k] /= root
        share = mean_product(own, y)
        for k in range(n):
            rest[k] = own[k] - y[k] * share
        apart(rest, center, made)
        for k in range(n):
            made[k] /= root
