"""Functions of NumPy that say what others say, too: with nodes they are written with these, and so need no node."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.symbols import operations
from chainrule.symbols.dimensions import divided, shape_text
from chainrule.symbols.shapes import normal_axes, one_axis

# Each computes what NumPy's function of the name does, from functions that nodes have. What is left out of a signature,
# such as dtype= or out=, is refused.


def respelled(function: Any) -> Callable[..., Any] | None:
    """The function written with others; None for one that is not."""
    return _WRITTEN_WITH.get(function)


def fitting(written: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Callable[[], Any]:
    """The call of a function written with others; raises TypeError for arguments that it does not have."""
    arguments = _signature(written).bind(*args, **kwargs)
    return lambda: written(*arguments.args, **arguments.kwargs)


@functools.cache
def _signature(written: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(written)


def _axes(x: Any) -> int:
    return len(x.shape) if hasattr(x, "shape") else np.ndim(x)


# --- entry by entry ------------------------------------------------------------------------------------------------


def _round(a: Any, decimals: int = 0) -> Any:
    if decimals < 0:
        return np.rint(a / 10.0**-decimals) * 10.0**-decimals
    return np.rint(a * 10.0**decimals) / 10.0**decimals if decimals else np.rint(a)


def _reciprocal(x: Any) -> Any:
    if x.dtype.kind != "f":
        raise ArgumentError("np.reciprocal of whole numbers leaves whole numbers", remedy="1 / x")
    return 1.0 / x


def _floor_divide(x1: Any, x2: Any) -> Any:
    exact = np.rint((x1 - np.remainder(x1, x2)) / x2)  # np.floor of the quotient is 1 off where that has rounded up
    return np.where(np.equal(x2, 0), x1 / x2, exact)


def _logaddexp(x1: Any, x2: Any) -> Any:
    equal = (x1 + x2) / 2 + math.log(2.0)  # two infinities have no difference
    return np.where(x1 == x2, equal, np.maximum(x1, x2) + np.log1p(np.exp(-np.abs(x1 - x2))))


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002 — NumPy's name
    """The Euclidean length, or the sum or the largest of the sizes of a vector's entries."""
    along = 1 if isinstance(axis, (int, np.integer)) or (axis is None and _axes(x) == 1) else 2
    axis = None if axis is None else normal_axes(axis, _axes(x))
    if ord is None or (along == 1 and ord == 2) or (along == 2 and ord == "fro"):
        return operations.NODES[np.linalg.norm](x, axis=axis, keepdims=keepdims)
    if along == 1 and ord in (1, math.inf):
        return (np.sum if ord == 1 else np.max)(np.abs(x), axis=axis, keepdims=keepdims)
    raise ArgumentError(
        f"no node computes a norm of order {ord!r} of a matrix",
        remedy="np.linalg.norm(x), or np.sum(np.abs(x) ** p) ** (1 / p)",
    )


# --- products ------------------------------------------------------------------------------------------------------


def _outer(a: Any, b: Any) -> Any:
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


def _inner(a: Any, b: Any) -> Any:
    return np.dot(a, np.swapaxes(b, -1, -2) if _axes(a) and _axes(b) > 1 else b)


def _vdot(a: Any, b: Any) -> Any:
    return np.dot(np.ravel(a), np.ravel(b))


def _vecdot(x1: Any, x2: Any) -> Any:
    return np.sum(x1 * x2, axis=-1)


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    count = _axes(a)
    pairs = (range(count - axes, count), range(axes)) if isinstance(axes, int) else axes
    ours, theirs = (
        normal_axes(tuple(np.atleast_1d(pairs[0])), count),
        normal_axes(tuple(np.atleast_1d(pairs[1])), _axes(b)),
    )
    letters = "abcdefghijklmnopqrstuvwxyz"
    left, right = list(letters[:count]), list(letters[count : count + _axes(b)])
    for one, other in zip(ours, theirs, strict=True):
        right[other] = left[one]
    kept = [*(x for k, x in enumerate(left) if k not in ours), *(x for k, x in enumerate(right) if k not in theirs)]
    return np.einsum(f"{''.join(left)},{''.join(right)}->{''.join(kept)}", a, b)


def _multi_dot(arrays: Sequence[Any]) -> Any:
    return functools.reduce(np.dot, arrays)


# --- joined --------------------------------------------------------------------------------------------------------


def _atleast_1d(*arys: Any) -> Any:
    raised = tuple([np.reshape(x, (1,)) if _axes(x) == 0 else x for x in arys])
    return raised[0] if len(raised) == 1 else raised


def _atleast_2d(*arys: Any) -> Any:
    raised = tuple([x if _axes(x) > 1 else np.reshape(x, (1, -1)) for x in arys])
    return raised[0] if len(raised) == 1 else raised


def _vstack(tup: Sequence[Any]) -> Any:
    return np.concatenate([_atleast_2d(x) for x in tup], axis=0)


def _hstack(tup: Sequence[Any]) -> Any:
    raised = [_atleast_1d(x) for x in tup]
    return np.concatenate(raised, axis=0 if _axes(raised[0]) == 1 else 1)


def _column_stack(tup: Sequence[Any]) -> Any:
    return np.concatenate([x if _axes(x) > 1 else np.reshape(x, (-1, 1)) for x in tup], axis=1)


def _dstack(tup: Sequence[Any]) -> Any:
    return np.concatenate([np.expand_dims(_atleast_2d(x), 2) if _axes(x) < 3 else x for x in tup], axis=2)


def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    parts = [arr, values] if axis is not None else [np.reshape(arr, (-1,)), np.reshape(values, (-1,))]
    return np.concatenate(parts, axis=axis or 0)


# --- cut apart -----------------------------------------------------------------------------------------------------


def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    equal = isinstance(indices_or_sections, (int, np.integer))
    places = _equal_pieces(ary, int(indices_or_sections), axis) if equal else list(indices_or_sections)
    return _pieces(ary, places, axis)


def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    size = ary.shape[one_axis(axis, _axes(ary))]
    if not isinstance(indices_or_sections, (int, np.integer)) or not isinstance(size, int):
        return _split(ary, indices_or_sections, axis)
    each, larger = divmod(size, int(indices_or_sections))  # the first pieces have what is left
    return _pieces(ary, [each * k + min(k, larger) for k in range(1, int(indices_or_sections))], axis)


def _hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    return _split(ary, indices_or_sections, 1 if _axes(ary) > 1 else 0)


def _equal_pieces(x: Any, into: int, axis: int) -> list[Any]:
    size = x.shape[one_axis(axis, _axes(x))]
    if into < 1 or (isinstance(size, int) and size % into):
        raise ArgumentError(
            f"axis {axis} of {shape_text(x.shape)} does not divide into {into} equal pieces",
            where=x.where,
            remedy="split(x, [...], axis=...) with the places where the pieces begin",
        )
    return [divided(size, into) * k for k in range(1, into)]


def _pieces(x: Any, places: Sequence[Any], axis: int) -> list[Any]:
    k = one_axis(axis, _axes(x))
    before = (slice(None),) * k
    return [x[(*before, slice(start, end))] for start, end in itertools.pairwise((None, *places, None))]


def _unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    k = one_axis(axis, _axes(x))
    return tuple(np.moveaxis(x, k, 0))


# --- rearranged ----------------------------------------------------------------------------------------------------


def _copy(a: Any) -> Any:
    return +a


def _moveaxis(a: Any, source: Any, destination: Any) -> Any:
    count = _axes(a)
    moved, places = normal_axes(source, count), normal_axes(destination, count)
    if len(moved) != len(places):
        raise ShapeError(f"{len(moved)} axes do not move to {len(places)} places", given=f"{source} to {destination}")
    order = [axis for axis in range(count) if axis not in moved]
    for place, axis in sorted(zip(places, moved, strict=True)):
        order.insert(place, axis)
    return np.transpose(a, tuple(order))


def _matrix_transpose(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


def _flip(m: Any, axis: Any = None) -> Any:
    return operations.NODES[np.flip](m, axis=None if axis is None else normal_axes(axis, _axes(m)))


def _diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    if _axes(a) != 2 or offset or (axis1, axis2) != (0, 1):
        raise ArgumentError(
            f"no node computes a diagonal of {shape_text(a.shape)} but the one of a matrix",
            where=a.where,
            remedy="np.diagonal(x) of a matrix; x[rows, columns] with two lists of places picks any other",
        )
    return np.diag(a)


def _trace(a: Any) -> Any:
    normal_axes((0, 1), _axes(a))  # np.diag makes a matrix of a vector
    return np.sum(np.diag(a))


# --- along axes ----------------------------------------------------------------------------------------------------


def _ptp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def _average(a: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    axis = None if axis is None else normal_axes(axis, _axes(a))
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    weights = _beside(a, weights, axis)
    total = np.sum(a * weights, axis=axis, keepdims=keepdims)
    return total / np.sum(weights, axis=axis, keepdims=keepdims)


def _beside(a: Any, weights: Any, axis: tuple[int, ...] | None) -> Any:
    """Weights in the shape of a: as they are, or for each place along the one axis that is averaged over."""
    if np.shape(a) == np.shape(weights):
        return weights
    if axis is not None and len(axis) == 1 and np.shape(weights) == (a.shape[axis[0]],):
        return np.broadcast_to(np.reshape(weights, (-1, *(1 for _ in a.shape[axis[0] + 1 :]))), a.shape)
    raise ShapeError(
        f"np.average of {shape_text(a.shape)} with weights of {shape_text(np.shape(weights))}",
        remedy="weights of the same shape, or of one axis, with that axis named",
    )


def _spread(function: Any) -> Callable[..., Any]:
    """Variance and deviation: the nodes have a fact for how many degrees of freedom are lost, the table none."""

    def of_sample(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
        return operations.NODES[function](a, axis=axis, ddof=ddof, keepdims=keepdims)

    return of_sample


def _cumulative_sum(x: Any, axis: int | None = None) -> Any:
    if axis is None and _axes(x) != 1:
        raise ArgumentError("np.cumulative_sum of several axes", remedy="axis=..., or np.cumsum(x), which takes all")
    return np.cumsum(x, axis=0 if axis is None else axis)


def _diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    k = one_axis(axis, _axes(a))
    before = (slice(None),) * k
    for _ in range(n):
        a = a[(*before, slice(1, None))] - a[(*before, slice(None, -1))]
    return a


_OF_NUMPY_2_1: Final = {"unstack": _unstack, "cumulative_sum": _cumulative_sum}

_WRITTEN_WITH: Final[Mapping[Any, Callable[..., Any]]] = {
    np.round: _round,
    np.around: _round,
    np.copy: _copy,
    np.positive: _copy,
    np.conjugate: _copy,
    np.real: lambda val: +val,
    np.iscomplexobj: lambda x: False,
    np.fabs: lambda x: np.abs(x),  # noqa: PLW0108 — the ufunc takes out=
    np.reciprocal: _reciprocal,
    np.float_power: lambda x1, x2: np.power(x1, x2),  # noqa: PLW0108 — likewise
    np.log2: lambda x: np.log(x) / math.log(2.0),
    np.log10: lambda x: np.log(x) / math.log(10.0),
    np.exp2: lambda x: np.exp(x * math.log(2.0)),
    np.deg2rad: lambda x: x * (math.pi / 180),
    np.radians: lambda x: x * (math.pi / 180),
    np.rad2deg: lambda x: x * (180 / math.pi),
    np.degrees: lambda x: x * (180 / math.pi),
    np.floor_divide: _floor_divide,
    np.logaddexp: _logaddexp,
    np.linalg.norm: _norm,
    np.outer: _outer,
    np.linalg.outer: _outer,
    np.inner: _inner,
    np.vdot: _vdot,
    np.vecdot: _vecdot,
    np.linalg.vecdot: _vecdot,
    np.tensordot: _tensordot,
    np.linalg.tensordot: _tensordot,
    np.linalg.multi_dot: _multi_dot,
    np.linalg.matmul: lambda x1, x2: np.matmul(x1, x2),  # noqa: PLW0108 — likewise
    np.atleast_1d: _atleast_1d,
    np.atleast_2d: _atleast_2d,
    np.vstack: _vstack,
    np.hstack: _hstack,
    np.column_stack: _column_stack,
    np.dstack: _dstack,
    np.append: _append,
    np.split: _split,
    np.array_split: _array_split,
    np.vsplit: _split,
    np.hsplit: _hsplit,
    np.diagonal: _diagonal,
    np.moveaxis: _moveaxis,
    np.matrix_transpose: _matrix_transpose,
    np.linalg.matrix_transpose: _matrix_transpose,
    np.flip: _flip,
    np.flipud: lambda m: _flip(m, 0),
    np.fliplr: lambda m: _flip(m, 1),
    np.trace: _trace,
    np.ptp: _ptp,
    np.average: _average,
    np.var: _spread(np.var),
    np.std: _spread(np.std),
    np.diff: _diff,
    **{getattr(np, name): written for name, written in _OF_NUMPY_2_1.items() if hasattr(np, name)},
}
