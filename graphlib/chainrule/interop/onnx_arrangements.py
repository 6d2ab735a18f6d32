"""The operators of ONNX that lay entries elsewhere, pick them, put them back, or make them."""

from __future__ import annotations

import itertools
from math import prod
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.interop.onnx_operations import counted, tensor, together
from chainrule.interop.onnx_values import Model, Tensor, shape_of, writes
from chainrule.symbols import elementary
from chainrule.symbols.dimensions import Dimension, as_shape
from chainrule.symbols.operations import index
from chainrule.symbols.shapes import normal_axes, reshaped

_END = np.iinfo(np.int64).max


@writes(np.reshape)
def _reshape(model: Model, x: Any, shape: Any) -> Any:
    x = tensor(model, x)
    shape = (shape,) if not isinstance(shape, (tuple, list)) else tuple(shape)
    try:
        new = reshaped(x.shape, shape)
    except Exception as error:
        raise ArgumentError(f"a shape that ONNX cannot be told: {error}") from error
    return model.node("Reshape", x, model.sizes_of(new), shape=new, allowzero=1)


@writes(np.transpose)
def _transpose(model: Model, x: Any, axes: Any = None) -> Any:
    x = tensor(model, x)
    order = list(range(x.ndim))[::-1] if axes is None else [int(k) % x.ndim for k in axes]
    return x if not order else model.node("Transpose", x, shape=[x.shape[k] for k in order], perm=order)


@writes(np.swapaxes)
def _swapaxes(model: Model, x: Any, axis1: int, axis2: int) -> Any:
    order = list(range(x.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return np.transpose(x, order)


@writes(np.moveaxis)
def _moveaxis(model: Model, x: Any, source: Any, destination: Any) -> Any:
    order = list(range(x.ndim))
    order.insert(destination % x.ndim, order.pop(source % x.ndim))
    return np.transpose(x, order)


@writes(np.ravel)
def _ravel(model: Model, x: Any) -> Any:
    return np.reshape(x, (-1,))


@writes(np.expand_dims)
def _expand_dims(model: Model, x: Any, axis: Any) -> Any:
    shape = shape_of(np.expand_dims, x, axis)
    return model.node("Unsqueeze", x, model.whole(*normal_axes(axis, len(shape))), shape=shape)


@writes(np.squeeze)
def _squeeze(model: Model, x: Any, axis: Any = None) -> Any:
    return np.reshape(x, shape_of(np.squeeze, x, axis))


@writes(np.broadcast_to)
def _broadcast_to(model: Model, x: Any, shape: Any) -> Any:
    x = tensor(model, x)
    new = as_shape(shape)
    return x if new == x.shape else model.node("Expand", x, model.sizes_of(new), shape=new)


@writes(np.concatenate)
def _concatenate(model: Model, arrays: Any, axis: int = 0) -> Any:
    parts = together(model, *arrays)
    return model.node("Concat", *parts, shape=shape_of(np.concatenate, parts, axis), axis=axis)


@writes(np.stack)
def _stack(model: Model, arrays: Any, axis: int = 0) -> Any:
    return np.concatenate([np.expand_dims(part, axis) for part in together(model, *arrays)], axis=axis)


@writes(np.tile)
def _tile(model: Model, x: Any, reps: Any) -> Any:
    counts = tuple(reps) if isinstance(reps, (tuple, list)) else (reps,)
    ndim = max(len(counts), x.ndim)
    x = np.reshape(x, (1,) * (ndim - x.ndim) + x.shape)
    counts = (1,) * (ndim - len(counts)) + counts
    return model.node("Tile", x, model.sizes_of(counts), shape=shape_of(np.tile, x, counts))


@writes(np.repeat)
def _repeat(model: Model, x: Any, repeats: Any, axis: Any = None) -> Any:
    x, axis = (np.ravel(x), 0) if axis is None else (x, axis % x.ndim)
    shape = shape_of(np.repeat, x, repeats, axis)
    if np.ndim(repeats):
        return np.take(x, model.constant(np.repeat(np.arange(len(repeats)), repeats)), axis=axis)
    wide = np.expand_dims(x, axis + 1)
    return np.reshape(np.broadcast_to(wide, (*x.shape[: axis + 1], repeats, *x.shape[axis + 1 :])), shape)


@writes(np.roll)
def _roll(model: Model, x: Any, shift: Any, axis: Any = None) -> Any:
    if axis is None:
        return np.reshape(np.roll(np.ravel(x), shift, axis=0), x.shape)
    shifts, axes = np.atleast_1d(shift), np.atleast_1d(axis)
    for one, k in zip(*np.broadcast_arrays(shifts, axes), strict=True):
        size = model.size(x.shape[k])
        places = np.reshape(counted(model, x.shape[k]) - int(one), (-1,))
        x = np.take(x, np.remainder(places, np.reshape(size, ())), axis=int(k))
    return x


@writes(np.pad)
def _pad(model: Model, x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    widths = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2))
    pads = model.whole(*widths[:, 0].tolist(), *widths[:, 1].tolist())
    shape = shape_of(np.pad, x, pad_width)
    return model.node("Pad", x, pads, model.constant(constant_values, x.dtype), shape=shape)


@writes(np.diag)
def _diag(model: Model, x: Any) -> Any:
    k = counted(model, x.shape[0])
    on = np.expand_dims(k, 1) == np.expand_dims(k, 0)
    if x.ndim == 1:
        return np.where(on, np.expand_dims(x, 1), np.zeros_like(x))
    if x.shape[0] != x.shape[1]:
        short = min(size for size in x.shape if isinstance(size, int))
        return np.diag(x[:short, :short])
    return np.sum(np.where(on, x, 0 * tensor(model, 1, x.dtype)), axis=1)


def _triangle(function: Any, upper: int) -> None:
    @writes(function)
    def write(model: Model, x: Any, k: int = 0) -> Any:
        if x.dtype.kind == "b":  # which onnxruntime does not cut
            return function(x.astype(np.int64), k=k).astype(bool)
        return model.node("Trilu", x, model.constant(np.int64(k)), shape=x.shape, upper=upper)


_triangle(np.tril, 0)
_triangle(np.triu, 1)


# --- made of nothing


def _filled(function: Any, number: Any) -> None:
    @writes(function)
    def write(model: Model, x: Any, dtype: Any = None) -> Any:
        return np.broadcast_to(model.constant(number, x.dtype if dtype is None else dtype), x.shape)


_filled(np.zeros_like, 0)
_filled(np.ones_like, 1)


@writes(np.full_like)
def _full_like(model: Model, x: Any, fill_value: Any) -> Any:
    return np.broadcast_to(tensor(model, fill_value, x.dtype), x.shape)


def full(model: Model, shape: Any, value: Any, dtype: Any = None) -> Any:
    """One number in a shape."""
    kind = model.dtype if dtype is None or np.dtype(dtype).kind == "f" else np.dtype(dtype)
    made = model.constant(value, kind) if not isinstance(value, Tensor) else value.astype(kind)
    return model.node("Expand", made, model.sizes_of(shape), shape=as_shape(shape))


@writes(np.zeros)
def _zeros(model: Model, shape: Any, dtype: Any = None) -> Any:
    return full(model, shape, 0, dtype)


@writes(np.ones)
def _ones(model: Model, shape: Any, dtype: Any = None) -> Any:
    return full(model, shape, 1, dtype)


@writes(np.full)
def _full(model: Model, shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    return full(model, shape, fill_value, dtype)


@writes(np.arange)
def _arange(model: Model, stop: Any, *, dtype: Any = None) -> Any:
    made = counted(model, stop)
    return made if dtype is None else made.astype(model.dtype if np.dtype(dtype).kind == "f" else dtype)


@writes(np.eye)
def _eye(model: Model, N: Any, M: Any = None, k: int = 0, dtype: Any = float) -> Any:
    rows, columns = counted(model, N), counted(model, N if M is None else M)
    on = np.expand_dims(rows + k, 1) == np.expand_dims(columns, 0)
    return on.astype(model.dtype if np.dtype(dtype).kind == "f" else dtype)


# --- picked by an index


@writes(np.take)
def _take(model: Model, x: Any, indices: Any, axis: Any = None) -> Any:
    x, axis = (np.ravel(x), 0) if axis is None else (x, axis)
    places = tensor(model, indices, np.int64)
    return model.node("Gather", x, places, shape=shape_of(np.take, x, places, axis), axis=axis)


@writes(np.take_along_axis)
def _take_along(model: Model, x: Any, indices: Any, axis: int = -1) -> Any:
    places, whole = _along(model, x, indices, axis)
    return model.node("GatherElements", whole, places, shape=places.shape, axis=axis % x.ndim)


def _along(model: Model, x: Any, indices: Any, axis: int) -> tuple[Any, Any]:
    """Indices and values stretched along each other's other axes."""
    places, k = tensor(model, indices, np.int64), axis % x.ndim
    shape = shape_of(np.take_along_axis, x, places, axis=axis)
    wide = (*shape[:k], x.shape[k], *shape[k + 1 :])
    return np.broadcast_to(places, shape), np.broadcast_to(x, wide)


@writes(elementary.put_along)
def _put_along(model: Model, grad: Any, indices: Any, like: Any, axis: int = -1) -> Any:
    places, k = np.broadcast_to(tensor(model, indices, np.int64), grad.shape), axis % like.ndim
    wide = (*grad.shape[:k], like.shape[k], *grad.shape[k + 1 :])
    zeros = full(model, wide, 0, grad.dtype)
    found = model.node("ScatterElements", zeros, places, grad, shape=wide, axis=k, reduction="add")
    stretched = tuple(n for n, size in enumerate(like.shape) if size == 1 and n != k and wide[n] != 1)
    return np.sum(found, axis=stretched, keepdims=True) if stretched else found


@writes(elementary.put)
def _put(model: Model, grad: Any, key: Any, like: Any) -> Any:
    """The same key of the places counted through says where each entry belongs."""
    size = prod(like.shape)
    places = np.reshape(np.reshape(counted(model, size), like.shape)[key], (-1,))
    flat = np.reshape(np.broadcast_to(grad, shape_of(index, like, key)), (-1,))
    zeros = full(model, (size,), 0, grad.dtype)
    total = model.node("ScatterElements", zeros, places, flat, shape=(size,), axis=0, reduction="add")
    return np.reshape(total, like.shape)


@writes(index)
def _index(model: Model, x: Any, key: Any) -> Any:
    """Slices first; then arrays and numbers, which count through the axes that they pick from."""
    shape, keys = shape_of(index, x, key), _one_for_each_axis(x, key)
    new = [k for k, part in enumerate(keys) if part is None]
    cut = _sliced(model, x, [part for part in keys if part is not None])
    picks = [part for part in keys if part is not None]
    if not any(_picks(part) for part in picks):
        return np.reshape(cut, shape) if new else cut
    if new:
        raise ArgumentError("an index with None beside numbers or arrays has no operator in ONNX", given=repr(key))
    at = [k for k, part in enumerate(picks) if _picks(part)]
    if len(at) == 1 and isinstance(picks[at[0]], (int, np.integer)):
        return np.take(cut, model.constant(np.int64(picks[at[0]])), axis=at[0])
    if len(at) == 1:
        return np.take(cut, tensor(model, picks[at[0]], np.int64), axis=at[0])
    return _several(model, cut, at, [picks[k] for k in at], shape)


def _several(model: Model, x: Any, at: list[int], picks: list[Any], shape: Any) -> Any:
    rest = [k for k in range(x.ndim) if k not in at]
    front = np.transpose(x, (*at, *rest))
    total: Any = model.constant(np.int64(0))
    for k, pick in zip(at, picks, strict=True):
        place = tensor(model, pick, np.int64)
        size = np.reshape(model.size(x.shape[k]), ())
        total = total * size + np.where(place < 0, place + size, place)
    flat = np.reshape(front, (prod(x.shape[k] for k in at), *(x.shape[k] for k in rest)))
    found = np.take(flat, total, axis=0)
    apart = any(b - a != 1 for a, b in itertools.pairwise(at))
    before = 0 if apart else at[0]  # NumPy: where arrays stand side by side their axes take that place, else the first
    inner, count = total.ndim, found.ndim
    order = [*range(inner, inner + before), *range(inner), *range(inner + before, count)]
    return np.reshape(np.transpose(found, order), shape) if count else found


def _picks(part: Any) -> bool:
    return not isinstance(part, slice)


def _one_for_each_axis(x: Any, key: Any) -> list[Any]:
    given = key if isinstance(key, tuple) else (key,)
    parts = [np.asarray(part) if isinstance(part, list) else part for part in given]
    if len(parts) == 1 and isinstance(parts[0], tuple):
        parts = [np.asarray(parts[0])]
    opened: list[Any] = []
    for part in parts:
        if isinstance(part, np.ndarray) and part.dtype == bool:
            opened += list(np.nonzero(part))
        elif isinstance(part, Tensor) and part.dtype.kind == "b":
            raise ArgumentError("an index of truth values that are computed has no size before there is data")
        else:
            opened.append(part)
    at = next((k for k, part in enumerate(opened) if part is Ellipsis), len(opened))
    used = sum(part is not None and part is not Ellipsis for part in opened)
    return [*opened[:at], *[slice(None)] * (x.ndim - used), *opened[at + 1 :]]


def _sliced(model: Model, x: Any, keys: list[Any]) -> Any:
    axes = [k for k, part in enumerate(keys) if isinstance(part, slice) and part != slice(None)]
    if not axes:
        return x
    steps = [1 if keys[k].step is None else int(keys[k].step) for k in axes]
    starts = [_bound(keys[k].start, 0 if step > 0 else _END) for k, step in zip(axes, steps, strict=True)]
    stops = [_bound(keys[k].stop, _END if step > 0 else -_END) for k, step in zip(axes, steps, strict=True)]
    shape = shape_of(index, x, tuple(part if isinstance(part, slice) else slice(None) for part in keys))
    bounds = [model.node("Concat", *map(model.size, part), shape=(len(part),), axis=0) for part in (starts, stops)]
    return model.node("Slice", x, *bounds, model.whole(*axes), model.whole(*steps), shape=shape)


def _bound(bound: Any, default: int) -> Any:
    return default if bound is None else bound if isinstance(bound, Dimension) else int(bound)
