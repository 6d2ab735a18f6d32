"""The functions of formulas that arrange entries: in other shapes, in new arrays, as other types, by their indices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.errors import FormulaError
from chainrule.judging.reading.operands import (
    Operand,
    as_array,
    as_axis,
    as_flag,
    as_floating,
    as_operand,
    as_shape,
    as_sizes,
    exact,
    is_number,
    size_of,
    whole,
)
from chainrule.judging.reading.work import Function, Work
from chainrule.symbols import elementary

# --- other arrangements --------------------------------------------------------------------------------------------


def transpose(work: Work, x: Operand, axes: Operand = None) -> Any:
    """The axes in reverse order, or in the order given."""
    work(0)
    return np.transpose(as_array(x), as_axis(axes))


def method_transpose(work: Work, x: Operand, *axes: Operand) -> Any:
    """x.transpose(), x.transpose(1, 0) and x.transpose((1, 0))."""
    return transpose(work, x, axes[0] if len(axes) == 1 else axes or None)


def swapaxes(work: Work, x: Operand, axis1: Operand, axis2: Operand) -> Any:
    """Two axes exchanged."""
    work(0)
    return np.swapaxes(as_array(x), whole(axis1, "an axis"), whole(axis2, "an axis"))


def reshape(work: Work, x: Operand, shape: Operand) -> Any:
    """The same entries in another shape."""
    x = as_array(x)
    work(x.size)
    return np.reshape(x, as_shape(shape))


def method_reshape(work: Work, x: Operand, *shape: Operand) -> Any:
    """x.reshape(3, 1) and x.reshape((3, 1))."""
    return reshape(work, x, shape[0] if len(shape) == 1 else shape)


def ravel(work: Work, x: Operand) -> Any:
    """All entries in one row."""
    x = as_array(x)
    work(x.size)
    return np.ravel(x)


def squeeze(work: Work, x: Operand, axis: Operand = None) -> Any:
    """Without the axes of size 1."""
    work(0)
    return np.squeeze(as_array(x), axis=as_axis(axis))


def expand_dims(work: Work, x: Operand, axis: Operand) -> Any:
    """With new axes of size 1."""
    work(0)
    axes = as_axis(axis)
    return np.expand_dims(as_array(x), whole(None, "an axis") if axes is None else axes)


def broadcast_to(work: Work, x: Operand, shape: Operand) -> Any:
    """Stretched to a shape."""
    work(math.prod(as_sizes(shape)))
    return np.broadcast_to(as_array(x), as_sizes(shape))


def concatenate(work: Work, arrays: Operand, axis: Operand = 0) -> Any:
    """Values laid end to end."""
    parts = _parts(arrays)
    work(size_of(parts))
    return np.concatenate(parts, axis=as_axis(axis))


def stack(work: Work, arrays: Operand, axis: Operand = 0) -> Any:
    """Values of one shape laid along a new axis."""
    parts = _parts(arrays)
    work(size_of(parts))
    return np.stack(parts, axis=whole(axis, "an axis"))


def _parts(arrays: Operand) -> list[Any]:
    if not isinstance(arrays, (tuple, list)):
        raise FormulaError("the values to join are given in brackets", remedy="np.concatenate([A, B], axis=0)")
    return [as_array(array) for array in arrays]


def tile(work: Work, x: Operand, reps: Operand) -> Any:
    """x laid out again and again."""
    x = as_array(x)
    work(x.size * math.prod(as_sizes(reps)), 2)
    return np.tile(x, as_sizes(reps))


def repeat(work: Work, x: Operand, repeats: Operand, axis: Operand = None) -> Any:
    """Every entry several times."""
    x, times = as_array(x), whole(repeats, "the number of repeats")
    work(x.size * max(times, 0), 2)
    return np.repeat(x, times, axis=as_axis(axis))


def take(work: Work, x: Operand, indices: Operand, axis: Operand = None) -> Any:
    """Entries, rows or columns by their numbers."""
    x, indices, along = as_array(x), as_array(indices), as_axis(axis)
    rest = 1
    if along is not None and x.ndim:
        rest = x.size // max(x.shape[np.lib.array_utils.normalize_axis_index(along, x.ndim)], 1)
    work(indices.size * rest, 4)
    return np.take(x, indices, axis=along)


def take_along_axis(work: Work, x: Operand, indices: Operand, axis: Operand = -1) -> Any:
    """Entries by their numbers along an axis, such as those that argsort gives."""
    x, indices = as_array(x), as_array(indices)
    work(indices.size, 8)
    return np.take_along_axis(x, indices, axis=as_axis(axis))


def diag(work: Work, x: Operand) -> Any:
    """The matrix with x on its diagonal, or the diagonal of a matrix."""
    x = as_array(x)
    work(x.size**2 if x.ndim == 1 else x.size)
    return np.diag(x)


def triangle_of(function: Function) -> Function:
    """A function of NumPy that keeps the entries on one side of the diagonal."""

    def triangle(work: Work, x: Operand) -> Any:
        x = as_array(x)
        work(x.size * (x.size if x.ndim == 1 else 1), 4)
        return function(x)

    return triangle


def joined_by(function: Function) -> Function:
    """A function of NumPy that lays values side by side in the way of its name, such as vstack."""

    def join(work: Work, tup: Operand) -> Any:
        parts = list(tup) if isinstance(tup, np.ndarray) and tup.ndim else _parts(tup)  # the rows of an array
        work(size_of(parts), 2)
        return function(parts)

    return join


def append(work: Work, arr: Operand, values: Operand, axis: Operand = None) -> Any:
    """One value behind another along an axis, or both in one row."""
    parts = [as_array(arr), as_array(values)]
    work(size_of(parts), 2)
    return np.append(parts[0], parts[1], axis=as_axis(axis))


def turned_by(function: Function) -> Function:
    """A function of NumPy that turns the two axes of a matrix about, such as fliplr."""

    def turn(work: Work, m: Operand) -> Any:
        work(0)
        return function(as_array(m))

    return turn


def flip(work: Work, m: Operand, axis: Operand = None) -> Any:
    """The entries in reverse order along axes, or along all."""
    work(0)
    return np.flip(as_array(m), as_axis(axis))


def rot90(work: Work, m: Operand, k: Operand = 1) -> Any:
    """A matrix turned by quarters."""
    work(0)
    return np.rot90(as_array(m), whole(k, "the number of quarters"))


def roll(work: Work, a: Operand, shift: Operand, axis: Operand = None) -> Any:
    """The entries moved along, what falls off at the end put in front."""
    a = as_array(a)
    work(a.size, 4)
    return np.roll(a, as_axis(shift), as_axis(axis))


def moveaxis(work: Work, a: Operand, source: Operand, destination: Operand) -> Any:
    """Axes in other places."""
    work(0)
    return np.moveaxis(as_array(a), as_axis(source), as_axis(destination))


def atleast_2d(work: Work, x: Operand) -> Any:
    """x with two axes at least."""
    work(0)
    return np.atleast_2d(as_array(x))


def pad(work: Work, array: Operand, pad_width: Operand) -> Any:
    """Zeros around an array."""
    array, around = as_array(array), np.asarray(pad_width)
    if around.dtype.kind not in "iu" or around.size > 2 * max(array.ndim, 1) or around.min(initial=0) < 0:
        raise FormulaError("the widths of a padding are whole numbers, 0 or more", remedy="np.pad(x, ((0, 0), (1, 1)))")
    widths = np.broadcast_to(around, (array.ndim, 2)).sum(axis=1).tolist()
    work(math.prod(size + width for size, width in zip(array.shape, widths, strict=True)), 4)
    return np.pad(array, around)


# --- new arrays ----------------------------------------------------------------------------------------------------


def array(work: Work, values: Operand, dtype: Any = None) -> Any:
    """Numbers written out."""
    work(size_of(values), 2)
    return np.array(as_array(values), dtype=dtype)


def zeros(work: Work, shape: Operand, dtype: Any = None) -> Any:
    """Zeros of a shape."""
    return full(work, shape, 0.0, dtype)


def ones(work: Work, shape: Operand, dtype: Any = None) -> Any:
    """Ones of a shape."""
    return full(work, shape, 1.0, dtype)


def full(work: Work, shape: Operand, fill_value: Operand, dtype: Any = None) -> Any:
    """One number in every place of a shape."""
    work(math.prod(as_sizes(shape)))
    return np.full(as_sizes(shape), as_operand(fill_value), dtype)


def zeros_like(work: Work, x: Operand, dtype: Any = None) -> Any:
    """Zeros of the shape of x."""
    return full_like(work, x, 0, dtype)


def ones_like(work: Work, x: Operand, dtype: Any = None) -> Any:
    """Ones of the shape of x."""
    return full_like(work, x, 1, dtype)


def full_like(work: Work, x: Operand, fill_value: Operand, dtype: Any = None) -> Any:
    """One number in every place of the shape of x."""
    x = as_array(x)
    work(x.size)
    return np.full_like(x, as_operand(fill_value), dtype)


def eye(work: Work, N: Operand, M: Operand = None, dtype: Any = None) -> Any:
    """The identity matrix."""
    rows = whole(N, "a size")
    columns = rows if M is None else whole(M, "a size")
    work(math.prod(as_sizes((rows, columns))))
    return np.eye(rows, columns, dtype=dtype)


def arange(work: Work, stop: Operand, end: Operand = None, /) -> Any:
    """0, 1, 2, … below a number; with two numbers from the first on."""
    last = whole(stop if end is None else end, "the end of arange")
    first = 0 if end is None else whole(stop, "the start of arange")
    work(max(last - first, 0))
    return np.arange(first, last)


# --- conversions ---------------------------------------------------------------------------------------------------


def copy(work: Work, x: Operand) -> Any:
    """The same values."""
    work(size_of(x))
    return as_array(x).copy()


def astype(work: Work, x: Operand, dtype: Any, *, copy: Operand = True) -> Any:
    """The values converted to a dtype; whether they were copied, nobody can see."""
    x = as_array(x)
    as_flag(copy)
    work(x.size, 2)
    return x.astype(dtype)


def conversion(dtype: np.dtype[Any]) -> Function:
    """np.int64 and its like called as functions: they convert numbers and whole arrays."""

    def convert(work: Work, x: Operand = 0) -> Any:
        converted = astype(work, x, dtype)
        return exact(converted[()]) if is_number(x) else converted

    return convert


def length(work: Work, x: Operand) -> Any:
    """How many rows x has."""
    work(0)
    if isinstance(x, (tuple, list)):
        return len(x)
    if not np.ndim(as_operand(x)):
        raise FormulaError("a number has no length")
    return len(x)


def size(work: Work, x: Operand, axis: Operand = None) -> Any:
    """How many entries x has, or how many along an axis."""
    work(0)
    x = as_array(x)
    return x.size if axis is None else x.shape[whole(axis, "an axis")]


def as_float(work: Work, x: Operand) -> Any:
    """A number as a float."""
    return float(_scalar(work, x))


def as_int(work: Work, x: Operand) -> Any:
    """A number as a whole number, cut off at the point."""
    number = _scalar(work, x)
    if not math.isfinite(number):
        raise FormulaError(f"{number} is no whole number")
    return exact(int(number))


def _scalar(work: Work, x: Operand) -> Any:
    work(0)
    x = as_operand(x)
    if np.size(x) != 1:
        raise FormulaError(f"an array of shape {np.shape(x)} is not one number")
    return x if is_number(x) else x.item()


# --- indices -------------------------------------------------------------------------------------------------------


def index(work: Work, x: Operand, key: Operand) -> Any:
    """x[key] for numbers, slices, None, ``...`` and arrays of whole numbers or booleans."""
    if isinstance(x, (tuple, list)):
        return x[key] if isinstance(key, slice) else x[whole(key, "an index")]
    x = as_array(x)
    work(indexed_size(x, key), 4)
    return x[key]


def indexed_size(x: Any, key: Operand) -> int:
    """A bound for the size of x[key], from the shapes alone.

    >>> indexed_size(np.zeros((3, 5)), (slice(None), np.zeros(7, int)))
    21
    """
    parts = key if isinstance(key, tuple) else (key,)
    consumed = sum(_consumed(part) for part in parts)
    remaining = list(x.shape)
    size: int = 1
    for part in parts:
        if part is Ellipsis:
            free = max(x.ndim - consumed, 0)
            size *= int(math.prod(remaining[:free]))
            remaining = remaining[free:]
        elif isinstance(part, slice):
            size *= int(remaining.pop(0)) if remaining else 1
        elif part is not None:
            size *= int(np.size(part))
            remaining = remaining[_consumed(part) :]
    return size * int(math.prod(remaining))


def _consumed(part: Operand) -> int:
    if part is None or part is Ellipsis:
        return 0
    mask = isinstance(part, np.ndarray) and part.dtype == bool
    return int(part.ndim) if mask else 1


def put(work: Work, grad: Operand, key: Operand, like: Operand) -> Any:
    """Zeros of the shape of ``like`` with ``grad`` added at ``key``."""
    grad, like = as_floating(grad), as_array(like)
    work(like.size, 2)
    work(max(indexed_size(like, key), grad.size), 20)
    return elementary.put(grad, key, like)
