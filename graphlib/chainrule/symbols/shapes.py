"""What shape comes out of a NumPy operation, worked out on shapes alone, named dimensions included."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ShapeError, Untraceable
from chainrule.symbols.dimensions import Dimension, Shape, Size, as_size, divided, rest, shape_text


def broadcast(*shapes: Shape) -> Shape:
    """The shape that these shapes broadcast to, as NumPy does it.

    >>> m = Dimension.named("m")
    >>> broadcast((3, m), (3, 1), (m,))
    (3, m)

    Raises ShapeError when they do not broadcast; two different names never do.
    """
    several = [shape for shape in shapes if shape]  # a number broadcasts to any shape
    if not several:
        return ()
    if several.count(several[0]) == len(several):
        return several[0]
    axes = max(map(len, several))
    columns = zip(*[(1,) * (axes - len(shape)) + shape for shape in several], strict=True)
    return tuple([_broadcast_sizes(sizes, shapes) for sizes in columns])


def _broadcast_sizes(sizes: tuple[Size, ...], shapes: tuple[Shape, ...]) -> Size:
    wide = [size for size in sizes if size != 1]
    if len(wide) > 1 and any(size != wide[0] for size in wide[1:]):
        raise ShapeError(
            f"shapes {' and '.join(map(shape_text, shapes))} do not broadcast",
            remedy=f"{' and '.join(dict.fromkeys(map(str, wide)))} meet on one axis: make them equal, or one of them 1",
        )
    return wide[0] if wide else 1


def matmul(x: Shape, y: Shape) -> Shape:
    """The shape of ``x @ y`` for vectors, matrices and stacks of matrices.

    >>> m = Dimension.named("m")
    >>> matmul((3, 2), (2, m)), matmul((2,), (2,)), matmul((7, 3, 2), (2,))
    ((3, m), (), (7, 3))

    Raises ShapeError when the inner sizes differ, or a side is a scalar.
    """
    if not x or not y:
        raise ShapeError("a matrix product takes no scalar", given=f"{shape_text(x)} @ {shape_text(y)}", remedy="use *")
    inner_y = y[-2:][0]
    if x[-1] != inner_y:
        raise ShapeError(
            f"{shape_text(x)} @ {shape_text(y)}: the inner sizes {x[-1]} and {inner_y} differ",
            remedy=_matmul_remedy(x, y),
        )
    return broadcast(x[:-2], y[:-2]) + x[-2:-1] + (y[-1:] if len(y) > 1 else ())


def _matmul_remedy(x: Shape, y: Shape) -> str:
    """Which transpose or order would make the product possible."""
    a, b = x[-2:], y[-2:]
    options = (("transpose the first", a[::-1], b), ("transpose the second", a, b[::-1]), ("swap the two", b, a))
    possible = [
        f"{what}: {shape_text(p)} @ {shape_text(q)}" for what, p, q in options if len(p) == len(q) == 2 and p[1] == q[0]
    ]
    return ", or ".join(possible) or "the last axis of the first is summed against the last but one of the second"


def reduced(shape: Shape, axis: Any = None, keepdims: bool = False) -> Shape:
    """The shape after a reduction over ``axis`` (all axes when None).

    >>> reduced((3, 4, 5), axis=1), reduced((3, 4), axis=-1, keepdims=True), reduced((3, 4))
    ((3, 5), (3, 1), ())
    """
    axes = set(range(len(shape))) if axis is None else set(normal_axes(axis, len(shape)))
    sizes = ((1 if k in axes else size) for k, size in enumerate(shape) if keepdims or k not in axes)
    return tuple(sizes)


def normal_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes as a tuple of numbers from 0 to ndim - 1; raises ShapeError for one that does not exist."""
    try:
        return tuple(np.lib.array_utils.normalize_axis_tuple(axis, ndim))
    except TypeError:
        raise ShapeError(
            f"an axis is a whole number, not {axis!r}", remedy=f"axis from {-ndim} to {ndim - 1}"
        ) from None
    except ValueError as error:  # AxisError, or an axis named twice
        remedy = f"axis from {-ndim} to {ndim - 1}, each once" if ndim else "no axis: a number has none"
        raise ShapeError(str(error), given=f"axis={axis} for {ndim} axes", remedy=remedy) from None


def one_axis(axis: Any, ndim: int) -> int:
    """The number of a single axis, from 0 to ndim - 1; raises ShapeError for none, for several, for one that is not."""
    axes = normal_axes(axis, ndim)
    if len(axes) == 1:
        return axes[0]
    raise ShapeError(f"one axis is asked for, not {axis!r}", remedy=f"axis from {-ndim} to {ndim - 1}")


def along(shape: Shape, axis: Any = None) -> Shape:
    """The shape itself of what is computed along an axis; raises ShapeError for an axis that it does not have."""
    if axis is not None:
        normal_axes(axis, len(shape))
    return shape


def expect_same(given: Shape, wanted: Shape) -> None:
    """Raise ShapeError where a shape is not the wanted one."""
    if given != wanted:
        raise ShapeError(
            f"a value of shape {shape_text(given)} stands where {shape_text(wanted)} belongs",
            remedy=f"a value of shape {shape_text(wanted)}",
        )


def size_of(shape: Iterable[Size]) -> Size:
    """The number of elements."""
    return math.prod(shape)


def reshaped(shape: Shape, new: Any) -> Shape:
    """The shape after reshaping to ``new``, where -1 stands for what remains.

    >>> m = Dimension.named("m")
    >>> reshaped((3, m), (-1,)), reshaped((4, 6), (2, -1))
    ((3*m,), (2, 12))

    Raises ShapeError when the number of elements cannot stay the same.
    """
    sizes = tuple(int(k) if isinstance(k, np.integer) else k for k in (new if isinstance(new, Sequence) else (new,)))
    total, known = size_of(shape), size_of(size for size in sizes if size != -1)
    if -1 in sizes:
        return tuple(_remaining(total, known, shape, sizes) if size == -1 else size for size in sizes)
    if isinstance(total, int) and isinstance(known, int) and total != known:
        raise ShapeError(f"{shape_text(shape)} holds {total} elements and {shape_text(sizes)} holds {known}")
    return sizes


def _remaining(total: Size, known: Size, shape: Shape, sizes: tuple[Any, ...]) -> Size:
    if isinstance(total, int) and isinstance(known, int):
        if known == 0 or total % known:
            raise ShapeError(f"{shape_text(shape)} does not divide into {shape_text(sizes)}")
        return divided(total, known)  # type: ignore[no-any-return]  # a size
    try:
        return divided(total, known)  # type: ignore[no-any-return]  # a size
    except (TypeError, ZeroDivisionError):  # a sum with a name in it has no inverse, nor has 0
        raise Untraceable(f"the size of {shape_text(shape)} reshaped to {sizes} depends on the data") from None


def concatenated(shapes: Sequence[Shape], axis: int = 0) -> Shape:
    """The shape of arrays laid end to end along ``axis``.

    >>> m = Dimension.named("m")
    >>> concatenated([(2, m), (3, m)], axis=0)
    (5, m)
    """
    k = one_axis(axis, len(shapes[0]))
    rests = {(*shape[:k], *shape[k + 1 :]) for shape in shapes if len(shape) == len(shapes[0])}
    if len(rests) != 1 or len({len(shape) for shape in shapes}) != 1:
        given = ", ".join(map(shape_text, shapes))
        raise ShapeError(
            f"only axis {axis} may differ between arrays laid end to end", given=given, remedy="another axis"
        )
    total = sum(shape[k] for shape in shapes)
    return (*shapes[0][:k], total, *shapes[0][k + 1 :])


def tiled(shape: Shape, reps: Any) -> Shape:
    """The shape of an array laid out ``reps`` times along each axis, counted from the last.

    >>> m = Dimension.named("m")
    >>> tiled((2, m), (2, 1)), tiled((m,), (3, 1)), tiled((2, 3), 4)
    ((4, m), (3, m), (2, 12))
    """
    times = tuple(reps) if isinstance(reps, Sequence) else (reps,)
    sizes = itertools.zip_longest(reversed(shape), reversed(times), fillvalue=1)
    return tuple(size * as_size(count) for size, count in sizes)[::-1]


def repeated(shape: Shape, repeats: Any, axis: Any = None) -> Shape:
    """The shape of an array with every entry ``repeats`` times, along an axis or in one row.

    >>> repeated((3, 4), 2, axis=0), repeated((3, 4), 2)
    ((6, 4), (24,))

    Raises Untraceable when every entry has a number of its own.
    """
    if isinstance(repeats, Iterable):
        raise Untraceable("a repeat with a number for every entry is not recorded")
    if axis is None:
        return (size_of(shape) * as_size(repeats),)
    k = one_axis(axis, len(shape))
    return (*shape[:k], shape[k] * as_size(repeats), *shape[k + 1 :])


def padded(shape: Shape, width: Any) -> Shape:
    """The shape with entries put in front and behind along each axis: as many everywhere, or a pair for each axis.

    >>> m = Dimension.named("m")
    >>> padded((2, m), 1), padded((2, m), ((0, 0), (3, 0)))
    ((4, m + 2), (2, m + 3))

    Raises ShapeError where the pairs are not as many as the axes.
    """
    pairs = pairs_of(width, len(shape))
    return tuple(before + size + after for (before, after), size in zip(pairs, shape, strict=True))


def pairs_of(width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    """How many entries stand in front and behind along each axis, from a number, a pair or a pair for each axis."""
    given = np.asarray(width)
    if given.dtype.kind not in "iu" or given.shape not in ((), (1,), (2,), (1, 2), (ndim, 2)) or (given < 0).any():
        raise ShapeError(
            f"{width!r} does not say how far {ndim} axes are padded",
            remedy="a number, a pair (before, after), or such a pair for each axis; none below 0",
        )
    return tuple((int(before), int(after)) for before, after in np.broadcast_to(given, (ndim, 2)))


def diagonal(shape: Shape) -> Shape:
    """The shape of the matrix with a vector on its diagonal, or of the diagonal of a matrix.

    >>> diagonal((3,)), diagonal((3, 5))
    ((3, 3), (3,))
    """
    if len(shape) == 1:
        return shape * 2
    if len(shape) != 2:
        raise ShapeError(
            f"a diagonal is that of a vector or a matrix, and {shape_text(shape)} is neither",
            remedy='np.einsum("iij->ij", x) for that of the first two axes',
        )
    if shape[0] != shape[1] and not all(isinstance(size, int) for size in shape):
        raise Untraceable(f"how long the diagonal of {shape_text(shape)} is depends on the data")
    return (shape[0] if shape[0] == shape[1] else min(shape),)


def transposed(shape: Shape, axes: Any = None) -> Shape:
    """The shape with its axes in the order ``axes``, reversed when None."""
    order = range(len(shape))[::-1] if axes is None else normal_axes(axes, len(shape))
    if len(order) != len(shape):
        raise ShapeError(
            f"transposing {shape_text(shape)} needs an order of {len(shape)} axes",
            given=f"axes={axes}",
            remedy="each axis once",
        )
    return tuple(shape[k] for k in order)


def expanded(shape: Shape, axis: Any) -> Shape:
    """The shape with axes of size 1 put in at ``axis``, counted in the result."""
    extra = len(axis) if isinstance(axis, tuple) else 1
    axes = normal_axes(axis, len(shape) + extra)
    sizes = iter(shape)
    return tuple(1 if k in axes else next(sizes) for k in range(len(shape) + extra))


def squeezed(shape: Shape, axis: Any = None) -> Shape:
    """The shape without its axes of size 1, or without those in ``axis``.

    Raises Untraceable where a size has a name and no axis is told: with a single example it would be dropped, too.
    """
    if axis is None and any(isinstance(size, Dimension) for size in shape):
        raise Untraceable(
            f"which axes of {shape_text(shape)} have the size 1 is not known before there is data",
            remedy="np.squeeze(x, axis=...)",
        )
    ones = [k for k, size in enumerate(shape) if size == 1] if axis is None else normal_axes(axis, len(shape))
    if any(shape[k] != 1 for k in ones):
        raise ShapeError(
            f"only an axis of size 1 can be dropped from {shape_text(shape)}",
            given=f"axis={axis}",
            remedy="x[k], or a sum",
        )
    return tuple(size for k, size in enumerate(shape) if k not in ones)


def indexed(shape: Shape, key: Any) -> Shape:
    """The shape of ``x[key]`` for whole numbers, slices, ``...``, None, and arrays of whole numbers.

    >>> m = Dimension.named("m")
    >>> indexed((3, m), (slice(1, None), slice(None))), indexed((5, m), 0), indexed((7, 4), np.array([1, 1, 2]))
    ((2, m), (m,), (3, 4))

    Raises ShapeError for too many indices or one out of range, Untraceable for a mask.
    """
    _check_masks(key if isinstance(key, tuple) else (key,), shape)
    given = (part for whole in (key if isinstance(key, tuple) else (key,)) for part in _positions(whole))
    parts = _full_key(tuple(given), len(shape), shape)
    arrays = _advanced(parts)
    sizes: list[Size] = []
    axis = 0
    for place, part in enumerate(parts):
        if arrays and place == _advanced_place(arrays):
            sizes.extend(broadcast(*(_index_shape(parts[k]) for k in arrays)))
        if part is None:
            sizes.append(1)
            continue
        if isinstance(part, slice):
            sizes.append(_sliced(shape[axis], part))
        elif isinstance(part, (int, np.integer)):
            _check_in_range(int(part), shape[axis], shape)
        elif isinstance(part, (np.ndarray, list, tuple)) and np.size(part):
            _check_in_range(int(np.min(part)), shape[axis], shape)
            _check_in_range(int(np.max(part)), shape[axis], shape)
        axis += 1
    return tuple(sizes)


def _full_key(parts: tuple[Any, ...], ndim: int, shape: Shape) -> list[Any]:
    """The key with ``...`` spelled out and one part for every axis."""
    used = sum(part is not None and part is not Ellipsis for part in parts)
    if used > ndim:
        raise ShapeError(
            f"{used} indices for the {ndim} axes of {shape_text(shape)}", remedy="one for each axis at most"
        )
    fill = [slice(None)] * (ndim - used)
    place = next((k for k, part in enumerate(parts) if part is Ellipsis), len(parts))
    return [*parts[:place], *fill, *parts[place + 1 :]]


def _check_masks(parts: tuple[Any, ...], shape: Shape) -> None:
    """Raise ShapeError for a mask that is given in numbers, and is not of the size of its axes."""
    axis = 0
    for k, part in enumerate(parts):
        if part is Ellipsis:
            axis = len(shape) - sum(map(_axes_of_part, parts[k + 1 :]))
            continue
        if isinstance(part, np.ndarray) and part.dtype == bool:
            sizes = shape[axis : axis + part.ndim]
            if any(isinstance(size, int) and size != length for size, length in zip(sizes, part.shape, strict=False)):
                raise ShapeError(
                    f"a mask of shape {shape_text(part.shape)} does not fit the sizes {shape_text(sizes)} of its axes",
                    remedy="a truth value for every entry along the axis",
                )
        axis += _axes_of_part(part)


def _axes_of_part(part: Any) -> int:
    """Of how many axes a part of a key picks."""
    return part.ndim if isinstance(part, np.ndarray) and part.dtype == bool else int(part is not None)


def _positions(part: Any) -> tuple[Any, ...]:
    """An index, a mask given as numbers as the positions that it picks."""
    return np.nonzero(part) if isinstance(part, np.ndarray) and part.dtype == bool else (part,)


def _advanced(parts: list[Any]) -> list[int]:
    """The places of index arrays; a whole number is one, too: ``x[0, :, [1, 2]]`` has two."""
    return [k for k, part in enumerate(parts) if part is not None and not isinstance(part, slice)]


def _advanced_place(arrays: list[int]) -> int:
    """Where NumPy puts the axes of index arrays: at the first, or in front when something stands between them."""
    return arrays[0] if arrays == list(range(arrays[0], arrays[-1] + 1)) else 0


def _index_shape(part: Any) -> Shape:
    dtype = getattr(part, "dtype", None)
    array = part if dtype is not None else np.asarray(part)
    if array.dtype.kind == "b":
        raise Untraceable("how many elements a mask picks depends on the data")
    return tuple(array.shape)


def _check_in_range(index: int, size: Size, shape: Shape) -> None:
    if isinstance(size, int) and not -size <= index < size:
        raise ShapeError(
            f"index {index} is out of range for the axis of size {size} of {shape_text(shape)}",
            remedy="an index below the size",
        )


def _sliced(size: Size, part: slice) -> Size:
    """The size left by a slice; a named bound is taken to lie within the axis."""
    start, stop = part.start, None if part.stop == size else part.stop
    named = any(isinstance(bound, Dimension) for bound in (start, stop))
    if isinstance(size, int) and not named:
        return len(range(*part.indices(size)))
    if part.step == -1 and start is None and stop is None:
        return size
    if part.step not in (1, None):
        raise Untraceable(f"the size of a slice with a step of an axis of size {size} depends on the data")
    if named:
        return _bound(stop, size, size) - _bound(start, 0, size)
    return _left(size, 0 if start is None else start, stop)


def _bound(bound: Any, default: Size, size: Size) -> Size:
    """A slice bound counted from the start."""
    if bound is None:
        return default
    return bound if isinstance(bound, Dimension) or bound >= 0 else size + bound  # type: ignore[no-any-return]  # a size


def _left(size: Size, start: int, stop: int | None) -> Size:
    """How many entries of an axis stand between two numbers, negative ones counted from its end, however long it is."""
    if stop is None:
        return rest(size, start) if start >= 0 else size - rest(size, -start)
    if start >= 0 > stop:
        return rest(size, start - stop)
    if start < 0 <= stop:
        return size - rest(size, -start) - rest(size, stop) + rest(size, stop - start)
    if stop <= start:
        return 0
    first, last = (start, stop) if start >= 0 else (-stop, -start)
    return rest(size, first) - rest(size, last)


def einsum(subscripts: str, *shapes: Shape) -> Shape:
    """The shape that ``np.einsum`` gives for subscripts with an arrow; raises Untraceable for other forms."""
    if "->" not in subscripts or "." in subscripts:
        raise Untraceable("einsum is recorded with an explicit arrow and without an ellipsis")
    sources, result = subscripts.replace(" ", "").split("->")
    sizes: dict[str, Size] = {}
    if (count := sources.count(",") + 1) != len(shapes):
        raise ShapeError(f"einsum {subscripts!r} is of {count} operands, not of {len(shapes)}")
    for letters, shape in zip(sources.split(","), shapes, strict=True):
        if len(letters) != len(shape):
            raise ShapeError(f"einsum {subscripts!r} names {len(letters)} axes of {shape_text(shape)}")
        for letter, size in zip(letters, shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ShapeError(
                    f"einsum {subscripts!r}: {letter} is both {sizes[letter]} and {size}",
                    remedy="one letter for each size",
                )
    if unknown := [letter for k, letter in enumerate(result) if letter not in sizes or letter in result[:k]]:
        raise ShapeError(
            f"einsum {subscripts!r}: {unknown[0]} is no axis of an operand, or stands twice behind the arrow",
            remedy="behind the arrow each letter once, of those before it",
        )
    return tuple(sizes[letter] for letter in result)
