"""Windows that slide over images: convolution, pooling, what gradients become behind them; each one step to a Symbol.

Images are (batch, channels, height, width), a kernel is (out, channels, rows, columns). A window starts ``padding``
entries outside of the image and moves on by ``stride``; each is one number, or a pair for rows and columns.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from chainrule.errors import ArgumentError, ShapeError, Untraceable
from chainrule.symbols.dimensions import Shape, Size, shape_text
from chainrule.symbols.operations import GIVEN, ShapeRule
from chainrule.symbols.shapes import expect_same
from chainrule.symbols.symbol import Value, elementary


def pair(fact: Any) -> tuple[int, int]:
    """A fact for rows and columns, from a pair or from one number for both; raises ArgumentError for anything else."""
    both = tuple(fact) if isinstance(fact, (tuple, list)) else (fact, fact)
    if len(both) != 2 or not all(isinstance(one, (int, np.integer)) and not isinstance(one, bool) for one in both):
        raise ArgumentError(
            f"a window is told by whole numbers, not by {fact!r}", remedy="2, or (2, 3) for 2 rows and 3 columns"
        )
    return int(both[0]), int(both[1])


# --- shapes ----------------------------------------------------------------------------------------------------------


def _places(size: Size, window: int, stride: int, padding: int) -> Size:
    """At how many places along an axis a window stands."""
    if stride < 1 or padding < 0 or window < 1:
        raise ArgumentError(
            "a window has at least 1 entry, moves on by at least 1, and has a padding of at least 0",
            given=f"a window of {window}, stride={stride}, padding={padding}",
            remedy="size=2, stride=1, padding=0",
        )
    if isinstance(size, int):
        if window > size + 2 * padding:
            raise ShapeError(
                f"a window of {window} does not fit into {size} entries with {padding} of padding on either side",
                remedy=f"a window of at most {size + 2 * padding}, or padding={-(-(window - size) // 2)}",
            )
        return (size + 2 * padding - window) // stride + 1
    if stride > 1:
        raise Untraceable(f"how often a stride of {stride} fits into a size {size} depends on the data")
    left: Size = size + 2 * padding - window + 1
    return left


def _windowed(shape: Shape, window: tuple[Any, Any], stride: Any, padding: Any) -> tuple[Size, Size]:
    rows, columns = (
        _places(size, one, step, beside)
        for size, one, step, beside in zip(shape[2:], window, pair(stride), pair(padding), strict=True)
    )
    return rows, columns


def _images(shape: Shape) -> Shape:
    if len(shape) != 4:
        raise ShapeError(
            f"images have 4 axes, (batch, channels, height, width), and {shape_text(shape)} has {len(shape)}",
            remedy="Reshape(x, to=(...)), with 1 channel for images in grey",
        )
    return shape


def _convolved(x: Any, kernel: Any, stride: Any = 1, padding: Any = 0) -> Shape:
    images, window = _images(x.shape), kernel.shape
    if len(window) != 4 or window[1] != images[1]:
        raise ShapeError(
            f"a kernel {shape_text(window)} does not fit images {shape_text(images)}",
            remedy=f"a kernel of shape (out, {images[1]}, rows, columns): its second axis counts the channels",
        )
    return (images[0], window[0], *_windowed(images, window[2:], stride, padding))


def _sent_back(grad: Any, to: Shape, shape: ShapeRule, *operands: Any) -> Shape:
    """The shape to which a gradient of a result goes; raises ShapeError where it has not the shape of that result."""
    with contextlib.suppress(Untraceable):
        expect_same(grad.shape, shape(*operands))
    return to


def _like_images(grad: Any, kernel: Any, like: Any, stride: Any = 1, padding: Any = 0) -> Shape:
    return _sent_back(grad, like.shape, _convolved, like, kernel, stride, padding)


def _like_kernel(grad: Any, x: Any, like: Any, stride: Any = 1, padding: Any = 0) -> Shape:
    return _sent_back(grad, like.shape, _convolved, x, like, stride, padding)


def _pooled(x: Any, size: Any = GIVEN, stride: Any = None, padding: Any = 0) -> Shape:
    images = _images(x.shape)
    window = pair(size)
    if any(2 * beside > one for beside, one in zip(pair(padding), window, strict=True)):
        raise ArgumentError(
            "padding is at most half of a window, so that no window stands outside of the image",
            given=f"size={size}, padding={padding}",
        )
    return (*images[:2], *_windowed(images, window, size if stride is None else stride, padding))


def _averaged(x: Any, size: Any = GIVEN, stride: Any = None, padding: Any = 0, *, count_padding: bool = True) -> Shape:
    return _pooled(x, size, stride, padding)


def _back_to_max(grad: Any, x: Any, size: Any = GIVEN, stride: Any = None, padding: Any = 0) -> Shape:
    return _sent_back(grad, x.shape, _pooled, x, size, stride, padding)


def _picked(values: Any, x: Any, size: Any = GIVEN, stride: Any = None, padding: Any = 0) -> Shape:
    expect_same(values.shape, x.shape)
    return _pooled(x, size, stride, padding)


def _back_to_average(
    grad: Any, like: Any, size: Any = GIVEN, stride: Any = None, padding: Any = 0, *, count_padding: bool = True
) -> Shape:
    return _sent_back(grad, like.shape, _pooled, like, size, stride, padding)


# --- where the entries of a window meet those of an image ------------------------------------------------------------


def _meetings(image: Any, window: Any, stride: Any, padding: Any) -> Sequence[tuple[Any, Any, Any]]:
    """For every entry of a window: its place, the windows in which it is inside of the image, and the pixels it meets.

    The last two are keys of the results (…, rows, columns) and of the images.
    """
    return _meetings_of(tuple(image[-2:]), pair(window), pair(stride), pair(padding))


@functools.lru_cache(maxsize=64)  # a convolution takes some images at a time, and all of them meet alike
def _meetings_of(
    image: tuple[int, int], window: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> Sequence[tuple[Any, Any, Any]]:
    rows, columns = (
        [_along(size, entries, place, step, beside) for place in range(entries)]
        for size, entries, step, beside in zip(image, window, stride, padding, strict=True)
    )
    return [
        ((i, j), (..., of_rows, of_columns), (..., in_rows, in_columns))
        for i, (of_rows, in_rows) in enumerate(rows)
        for j, (of_columns, in_columns) in enumerate(columns)
    ]


def _along(size: int, window: int, place: int, stride: int, padding: int) -> tuple[slice, slice]:
    """Along one axis: the windows whose entry at ``place`` lies inside of the image, and the pixels that these meet."""
    count = (size + 2 * padding - window) // stride + 1
    first = max(0, -((place - padding) // stride))
    last = min(count - 1, (size - 1 + padding - place) // stride)
    start = first * stride + place - padding
    met = max(last - first + 1, 0)
    return slice(first, first + met), slice(start, start + met * stride, stride)


_CACHED: Final = 1 << 19  # bytes of what is laid out for a matrix product: more leaves the cache, less is all calls


# --- convolution -----------------------------------------------------------------------------------------------------


def _in_parts(images: Value, bytes_each: int) -> Iterator[slice]:
    """Some images at a time, so that what is computed of them stays in the cache; at least one."""
    count = max(1, _CACHED // max(1, bytes_each))
    for start in range(0, len(images), count):
        yield slice(start, start + count)


def _flat(x: Value, axes: int) -> Value:
    """x with all but the first axes joined into one."""
    return x.reshape(*x.shape[:axes], math.prod(x.shape[axes:]))


def _met(x: Value, window: Any, stride: Any, padding: Any) -> Value:
    """By image, all that each entry of a window meets: (batch, entries of a window in all channels, windows)."""
    sizes = (len(x), x.shape[1], *window)
    found = np.zeros((*sizes, *_windowed(x.shape, window, stride, padding)), x.dtype)
    for (i, j), result, image in _meetings(x.shape, window, stride, padding):
        found[:, :, i, j][result] = x[image]
    return _flat(found.reshape(len(x), math.prod(sizes[1:]), *found.shape[4:]), 2)


def _convolution_of_entries(x: Value, kernel: Value, stride: Any = 1, padding: Any = 0) -> Value:
    total = np.zeros(_convolved(x, kernel, stride, padding), dtype=object)
    for (i, j), result, image in _meetings(x.shape, kernel.shape[2:], stride, padding):
        total[result] += np.einsum("bchw,oc->bohw", np.asarray(x[image]), np.asarray(kernel[:, :, i, j]))
    return total


@elementary("product", _convolved, dtype="joint", linear=(0, 1), of_entries=_convolution_of_entries)
def conv2d(x: Value, kernel: Value, stride: Any = 1, padding: Any = 0) -> Value:
    """Every window of the images times the kernel, added up over channels, rows and columns of the window.

    The kernel is not turned, as everywhere in deep learning: in mathematics this is the cross-correlation.

    >>> conv2d(np.arange(6.0).reshape(1, 1, 2, 3), np.array([[[[1.0, -1.0]]]])).tolist()
    [[[[-1.0, -1.0], [-1.0, -1.0]]]]
    """
    made = np.empty(_convolved(x, kernel, stride, padding), np.result_type(x, kernel))
    rows, flat = _flat(kernel, 1), _flat(made, 2)
    for part in _in_parts(x, rows.shape[1] * flat.shape[2] * made.itemsize):
        np.matmul(rows, _met(x[part], kernel.shape[2:], stride, padding), out=flat[part])
    return made


def _image_of_entries(grad: Value, kernel: Value, like: Value, stride: Any = 1, padding: Any = 0) -> Value:
    total = np.zeros(like.shape, dtype=object)
    for (i, j), result, image in _meetings(like.shape, kernel.shape[2:], stride, padding):
        total[image] += np.einsum("bohw,oc->bchw", np.asarray(grad[result]), np.asarray(kernel[:, :, i, j]))
    return total


@elementary("product", _like_images, dtype="joint", linear=(0, 1), of_entries=_image_of_entries)
def conv2d_backward_image(grad: Value, kernel: Value, like: Value, stride: Any = 1, padding: Any = 0) -> Value:
    """What a gradient of ``conv2d(like, kernel)`` is to the images: each pixel receives from every window that has it.

    >>> conv2d_backward_image(np.ones((1, 1, 1, 2)), np.array([[[[1.0, -1.0]]]]), np.zeros((1, 1, 1, 3))).tolist()
    [[[[1.0, 0.0, -1.0]]]]
    """
    total = np.zeros(like.shape, dtype=np.result_type(kernel, grad))
    columns, flat = _flat(kernel, 1).T, _flat(grad, 2)
    for part in _in_parts(grad, len(columns) * flat.shape[2] * total.itemsize):
        own = total[part]
        every = (columns @ flat[part]).reshape(len(own), *kernel.shape[1:], *grad.shape[2:])
        for (i, j), result, image in _meetings(like.shape, kernel.shape[2:], stride, padding):
            own[image] += every[:, :, i, j][result]
    return total


def _kernel_of_entries(grad: Value, x: Value, like: Value, stride: Any = 1, padding: Any = 0) -> Value:
    total = np.zeros(like.shape, dtype=object)
    for (i, j), result, image in _meetings(x.shape, like.shape[2:], stride, padding):
        total[:, :, i, j] = np.einsum("bohw,bchw->oc", np.asarray(grad[result]), np.asarray(x[image]))
    return total


@elementary("product", _like_kernel, dtype="joint", linear=(0, 1), of_entries=_kernel_of_entries)
def conv2d_backward_kernel(grad: Value, x: Value, like: Value, stride: Any = 1, padding: Any = 0) -> Value:
    """What a gradient of ``conv2d(x, like)`` is to the kernel: each entry receives from all it met.

    >>> conv2d_backward_kernel(np.ones((1, 1, 1, 2)), np.array([[[[1.0, 2.0, 4.0]]]]), np.zeros((1, 1, 1, 2))).tolist()
    [[[[3.0, 6.0]]]]
    """
    flat = _flat(grad, 2)
    total = np.zeros(_flat(like, 1).T.shape, np.result_type(grad, x))  # the larger factor first: a third faster
    for part in _in_parts(x, len(total) * flat.shape[2] * total.itemsize):
        total += (_met(x[part], like.shape[2:], stride, padding) @ flat[part].mT).sum(axis=0)
    return total.T.reshape(like.shape)


# --- pooling ---------------------------------------------------------------------------------------------------------


def _pooling(x: Value, size: Any, stride: Any, padding: Any) -> Iterator[tuple[Any, Any]]:
    """The windows and the pixels that meet, for one entry of the window after the other."""
    for _, result, image in _meetings(x.shape, size, size if stride is None else stride, padding):
        yield result, image


def _largest_of_entries(x: Value, size: Any = 2, stride: Any = None, padding: Any = 0) -> Value:
    largest = np.full(_pooled(x, size, stride, padding), None, dtype=object)
    larger = np.frompyfunc(lambda old, new: new if old is None else np.maximum(old, new), 2, 1)
    for result, image in _pooling(x, size, stride, padding):
        largest[result] = larger(largest[result], np.asarray(x[image]))
    return largest


@elementary("selection", _pooled, dtype="joint", of_entries=_largest_of_entries)
def max_pool(x: Value, size: Any = 2, stride: Any = None, padding: Any = 0) -> Value:
    """The largest entry of every window of the images; what is outside of an image is never the largest.

    >>> max_pool(np.arange(8.0).reshape(1, 1, 2, 4)).tolist()
    [[[[5.0, 7.0]]]]
    """
    _pooled(x, size, stride, padding)
    facts = zip(pair(size), pair(size if stride is None else stride), pair(padding), strict=True)
    for axis, along in zip((2, 3), facts, strict=True):  # of windows one pixel wide, then of these: half the work
        x = _largest_along(x, axis, *along)
    return x


def _largest_along(x: Value, axis: int, window: int, stride: int, padding: int) -> Value:
    """The largest entry of every window along one axis of the images."""
    before, size = (slice(None),) * axis, x.shape[axis]
    count = (size + 2 * padding - window) // stride + 1
    largest = np.full((*x.shape[:axis], count, *x.shape[axis + 1 :]), -np.inf, dtype=x.dtype)
    for place in range(window):
        windows, met = _along(size, window, place, stride, padding)
        own = largest[(*before, windows)]
        np.maximum(own, x[(*before, met)], out=own)
    return largest


def _marks(x: Value, size: Any, stride: Any, padding: Any) -> tuple[list[tuple[Any, Any, Value]], Value]:
    """Keys of windows and pixels, with truth values where the pixel is the largest, and how many of a window are."""
    largest, meetings = max_pool(x, size, stride, padding), []
    count = np.zeros(largest.shape, np.min_scalar_type(math.prod(pair(size))))  # the smallest that counts so far
    for result, image in _pooling(x, size, stride, padding):
        is_largest = x[image] == largest[result]
        meetings.append((result, image, is_largest))
        count[result] += is_largest
    return meetings, np.maximum(count, 1).astype(x.real.dtype)  # 0 where the largest entry is NaN


def _marks_of_entries(x: Value, size: Any, stride: Any, padding: Any) -> tuple[list[tuple[Any, Any, Value]], Value]:
    largest, meetings = _largest_of_entries(x, size, stride, padding), []
    count = np.zeros(largest.shape, dtype=object)
    as_number = np.frompyfunc(lambda mark: mark.astype(float), 1, 1)
    for result, image in _pooling(x, size, stride, padding):
        is_largest = np.frompyfunc(lambda a, b: a == b, 2, 1)(np.asarray(x[image]), largest[result])
        meetings.append((result, image, is_largest))
        count[result] += as_number(is_largest)
    return meetings, count


_chosen = np.frompyfunc(np.where, 3, 1)


def _routed_entries(grad: Value, x: Value, size: Any = 2, stride: Any = None, padding: Any = 0) -> Value:
    meetings, count = _marks_of_entries(x, size, stride, padding)
    share, total = np.asarray(grad) / count, np.zeros(x.shape, dtype=object)
    for result, image, is_largest in meetings:
        total[image] += _chosen(is_largest, share[result], 0)
    return total


@elementary("selection", _back_to_max, dtype="joint", linear=(0,), of_entries=_routed_entries)
def max_pool_backward(grad: Value, x: Value, size: Any = 2, stride: Any = None, padding: Any = 0) -> Value:
    """What a gradient of ``max_pool(x)`` is to x: all to the largest of each window, in equal shares where several tie.

    >>> max_pool_backward(np.array([[[[1.0, 4.0]]]]), np.array([[[[0.0, 3.0, 5.0, 5.0]]]]), size=(1, 2)).tolist()
    [[[[0.0, 1.0, 2.0, 2.0]]]]
    """
    total = np.zeros(x.shape, dtype=np.result_type(grad, x.dtype))
    apart = stride is None or all(one <= step for one, step in zip(pair(size), pair(stride), strict=True))
    for part in _in_parts(x, x[:1].nbytes):
        meetings, count = _marks(x[part], size, stride, padding)
        share, own = grad[part] / count, total[part]
        for result, image, is_largest in meetings:
            if apart:
                own[image] = _kept(is_largest, share[result])
            else:
                own[image] += _kept(is_largest, share[result])
    return total


def _kept(mask: Value, x: Value) -> Value:
    """x where the mask is true, else 0: ten times as fast as np.where, whose branches a mask without order defeats."""
    whole = {4: np.int32, 8: np.int64}.get(x.dtype.itemsize)
    if x.dtype.kind != "f" or whole is None:
        return np.where(mask, x, 0)
    return (np.negative(mask.view(np.int8)).astype(whole) & x.view(whole)).view(x.dtype)  # all bits of it, or none


def _picked_entries(values: Value, x: Value, size: Any = 2, stride: Any = None, padding: Any = 0) -> Value:
    meetings, count = _marks_of_entries(x, size, stride, padding)
    total = np.zeros(count.shape, dtype=object)
    for result, image, is_largest in meetings:
        total[result] += _chosen(is_largest, np.asarray(values[image]), 0)
    return total / count


@elementary("selection", _picked, dtype="joint", linear=(0,), of_entries=_picked_entries)
def max_pool_picked(values: Value, x: Value, size: Any = 2, stride: Any = None, padding: Any = 0) -> Value:
    """The values that stand where x is largest in each window; the mean of them where several tie.

    >>> max_pool_picked(np.array([[[[1.0, 4.0]]]]), np.array([[[[0.0, 3.0]]]]), size=(1, 2)).tolist()
    [[[[4.0]]]]
    """
    meetings, count = _marks(x, size, stride, padding)
    total = np.zeros(count.shape, dtype=np.result_type(values, x.dtype))
    for result, image, is_largest in meetings:
        total[result] += np.where(is_largest, values[image], 0)
    return total / count


def _area(x: Value, size: Any, stride: Any, padding: Any, count_padding: bool) -> Any:
    """How many entries the mean of a window is taken over."""
    if count_padding:
        rows, columns = pair(size)
        return rows * columns
    counted = np.zeros(_pooled(x, size, stride, padding)[2:], dtype=float)
    for result, _ in _pooling(x, size, stride, padding):
        counted[result] += 1
    return counted.astype(x.real.dtype) if x.dtype != object else counted


def _average_of_entries(
    x: Value, size: Any = 2, stride: Any = None, padding: Any = 0, *, count_padding: bool = True
) -> Value:
    total = np.zeros(_pooled(x, size, stride, padding), dtype=x.dtype)
    for result, image in _pooling(x, size, stride, padding):
        total[result] += np.asarray(x[image])
    return total / _area(x, size, stride, padding, count_padding)


@elementary("product", _averaged, dtype="joint", linear=(0,), of_entries=_average_of_entries)
def average_pool(x: Value, size: Any = 2, stride: Any = None, padding: Any = 0, *, count_padding: bool = True) -> Value:
    """The mean of every window of the images; what is outside counts as 0, or not at all.

    >>> average_pool(np.arange(8.0).reshape(1, 1, 2, 4)).tolist()
    [[[[2.5, 4.5]]]]
    """
    return _average_of_entries(x, size, stride, padding, count_padding=count_padding)


def _averaged_back_of_entries(
    grad: Value, like: Value, size: Any = 2, stride: Any = None, padding: Any = 0, *, count_padding: bool = True
) -> Value:
    share = np.asarray(grad) / _area(like, size, stride, padding, count_padding)
    total = np.zeros(like.shape, dtype=share.dtype)
    for result, image in _pooling(like, size, stride, padding):
        total[image] += share[result]
    return total


@elementary("product", _back_to_average, dtype="joint", linear=(0,), of_entries=_averaged_back_of_entries)
def average_pool_backward(
    grad: Value, like: Value, size: Any = 2, stride: Any = None, padding: Any = 0, *, count_padding: bool = True
) -> Value:
    """What a gradient of ``average_pool(like)`` is to the images: in equal shares to all of a window.

    >>> average_pool_backward(np.array([[[[4.0, 8.0]]]]), np.zeros((1, 1, 2, 4))).tolist()
    [[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]]
    """
    return _averaged_back_of_entries(grad, like, size, stride, padding, count_padding=count_padding)
