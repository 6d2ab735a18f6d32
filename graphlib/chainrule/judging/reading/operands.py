"""What a formula hands to its functions: held to numbers, arrays of real numbers, shapes and axes."""

from __future__ import annotations

import math
from typing import Any, Final, TypeAlias

import numpy as np

from chainrule.errors import FormulaError

Operand: TypeAlias = Any  # an array, a number, or a tuple of these

LARGEST_WHOLE: Final = 2**31  # a whole number beyond it is a float: products fit int64, and nothing grows without end
_MOST_AXES: Final = 16


def is_number(x: Operand) -> bool:
    """Whether x is a number by itself, of no dtype."""
    return isinstance(x, (int, float))


def as_operand(x: Operand) -> Any:
    """A number, or an array of real numbers; raises FormulaError for all else.

    >>> as_operand((1, 2)), as_operand(3)
    (array([1, 2]), 3)
    """
    if type(x) is np.ndarray and x.dtype.kind in "fiub":  # as nearly every operand is
        return x
    if is_number(x):
        return x
    if x is None or isinstance(x, (str, slice, np.dtype)) or x is Ellipsis:
        raise FormulaError(f"{_kind(x)} is no value to compute with")
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise FormulaError(f"{array.dtype} is no array of real numbers")
    return array


def _kind(x: Any) -> str:
    return "text" if isinstance(x, str) else "a slice" if isinstance(x, slice) else str(x)


def as_array(x: Operand) -> Any:
    """An array of real numbers."""
    return np.asarray(as_operand(x))


def as_floating(x: Operand) -> Any:
    """An array of floats."""
    array = as_array(x)
    return array if array.dtype.kind == "f" else array.astype(float)


def size_of(x: Operand) -> int:
    """How many numbers an operand holds, the parts of a tuple together."""
    if isinstance(x, np.ndarray):
        return x.size
    if isinstance(x, (tuple, list)):
        return sum(map(size_of, x))
    return int(np.size(x))


def whole(x: Operand, what: str) -> int:
    """A whole number that a formula gives as a size or an axis."""
    if isinstance(x, np.ndarray) and x.ndim == 0 and x.dtype.kind in "iu":
        x = x.item()
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
        return int(x)
    raise FormulaError(f"{what} is a whole number, not {x!r:.40}")


def as_shape(shape: Operand) -> tuple[int, ...]:
    """A shape that a formula gives, as one size or as several; a size may be -1."""
    sizes = shape if isinstance(shape, (tuple, list)) else (shape,)
    if len(sizes) > _MOST_AXES:
        raise FormulaError(f"a shape of {len(sizes)} axes has more than {_MOST_AXES}")
    return tuple(whole(size, "a size") for size in sizes)


def as_sizes(shape: Operand) -> tuple[int, ...]:
    """A shape to build, no size of which is negative."""
    sizes = as_shape(shape)
    if any(size < 0 for size in sizes):
        raise FormulaError(f"the shape {sizes} has a negative size")
    return sizes


def as_axis(axis: Operand) -> Any:
    """An axis that a formula gives, several of them, or none."""
    if axis is None:
        return None
    if isinstance(axis, (tuple, list)):
        return tuple(whole(one, "an axis") for one in axis)
    return whole(axis, "an axis")


def as_flag(flag: Operand) -> bool:
    """Whether a formula asks for the axes to be kept."""
    if isinstance(flag, (bool, int)):
        return bool(flag)
    raise FormulaError(f"keepdims is True or False, not {flag!r:.40}")


def exact(number: Any) -> Any:
    """A number of Python; a whole one too large to be a float without loss becomes one."""
    number = number.item() if isinstance(number, np.generic) else number
    if not isinstance(number, int) or abs(number) <= LARGEST_WHOLE:
        return number
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
