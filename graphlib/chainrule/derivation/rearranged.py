"""Arrangements of axes in fewer steps: Aᵀᵀ is A, (AᵀB)ᵀ is BᵀA, a reshape to the same shape is nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.derivation.textbook import constant
from chainrule.notation.paper import only_adds_axes
from chainrule.symbols.dimensions import Shape
from chainrule.symbols.operations import index, kind
from chainrule.symbols.shapes import normal_axes
from chainrule.symbols.symbol import Symbol, known_shape


def rearranged(x: Symbol) -> Any:
    """An equal expression with fewer steps, None where there is none: the operands have been looked at already.

    >>> A, B = Symbol.leaf("A", (3, "m")), Symbol.leaf("B", (3, 4))
    >>> short = rearranged((A.T @ B).T)
    >>> short.operation, short.operands[1].name
    (<ufunc 'matmul'>, 'A')
    """
    if x.known_shape is None or not x.operands or not isinstance(x.operands[0], Symbol):
        return None
    if _repeats_a_number(x.operands[0]) and (even := _of_a_number(x)) is not None:
        return even
    if x.operands[0].known_shape == () and _rearranges(x):
        return np.broadcast_to(x.operands[0], x.shape)  # type: ignore[arg-type]  # recorded by the operand
    rule = _RULES.get(x.operation)
    return None if rule is None or x.operands[0].known_shape is None else rule(x)


# --- the same number everywhere --------------------------------------------------------------------------------------


def _repeats_a_number(x: Symbol) -> bool:
    return x.operation is np.broadcast_to and constant(x.operands[0]) is not None


def _of_a_number(x: Symbol) -> Any:
    """What an operation makes of an array with the same number everywhere; None where it is no such array again."""
    repeated, shape = x.operands[0], x.known_shape
    (number,) = repeated.operands
    if x.operation is np.sum:
        axes = range(repeated.ndim) if x.options.get("axis") is None else normal_axes(x.options["axis"], repeated.ndim)
        return math.prod([repeated.shape[k] for k in axes]) * _everywhere(number, shape)
    stays = x.operation in (index, np.take, np.tile, np.repeat, np.copy) or kind(x.operation) == "view"
    return _everywhere(number, shape) if stays else None


def _everywhere(number: Any, shape: Shape | None) -> Symbol:
    return Symbol(np.broadcast_to, (number,), {"shape": shape}, shape=shape)


# --- the order of axes -----------------------------------------------------------------------------------------------


def _transposed(x: Symbol) -> Any:
    (inner, *_), order = x.operands, _order(x)
    if inner.operation in (np.transpose, np.swapaxes):
        within = _order(inner)
        return in_order(inner.operands[0], tuple(within[k] for k in order))
    if order == tuple(range(len(order))):
        return inner
    if inner.operation is np.matmul and order == _last_swapped(len(order)):
        return _product_transposed(inner)
    again = in_order(inner, order)
    return None if (again.operation, again.options) == (x.operation, x.options) else again


def _order(x: Symbol) -> tuple[int, ...]:
    """The axes of the operand in the order in which they stand afterwards."""
    ndim = x.operands[0].ndim
    if x.operation is np.transpose:
        axes = x.options.get("axes")
        return tuple(range(ndim))[::-1] if axes is None else normal_axes(axes, ndim)
    order = list(range(ndim))
    (a,), (b,) = (normal_axes(x.options[name], ndim) for name in ("axis1", "axis2"))
    order[a], order[b] = order[b], order[a]
    return tuple(order)


def _last_swapped(ndim: int) -> tuple[int, ...]:
    return (*range(ndim - 2), ndim - 1, ndim - 2)


def in_order(x: Any, order: tuple[int, ...]) -> Any:
    """A value with its axes in this order, by the shortest name that this has."""
    ndim = len(order)
    if order == tuple(range(ndim)):
        return x
    if order == _last_swapped(ndim):
        return x.mT
    return np.transpose(x) if order == tuple(range(ndim))[::-1] else np.transpose(x, order)


def _product_transposed(product: Symbol) -> Any:
    """(AB)ᵀ as BᵀAᵀ, where that has no more transposes than before."""
    a, b = product.operands
    if len(known_shape(a) or ()) < 2 or len(known_shape(b) or ()) < 2 or not _is_transpose(a) + _is_transpose(b):
        return None
    return _swapped(b) @ _swapped(a)


def _is_transpose(x: Any) -> bool:
    return (
        isinstance(x, Symbol)
        and x.operation in (np.transpose, np.swapaxes)
        and _order(x) == _last_swapped(len(_order(x)))
    )


def _swapped(x: Any) -> Any:
    return x.operands[0] if _is_transpose(x) else x.mT


# --- shapes ----------------------------------------------------------------------------------------------------------


def _reshaped(x: Symbol) -> Any:
    inner, shape = x.operands[0], x.known_shape
    if inner.known_shape == shape:
        return inner
    if _keeps_order(inner) and isinstance(inner.operands[0], Symbol):
        first = inner.operands[0]
        if first.known_shape == shape:
            return first
        if x.operation is np.reshape and first.known_shape is not None:
            return np.reshape(first, shape)
    return _product_of_a_vector(inner, shape) if inner.operation is np.matmul else None


def _keeps_order(x: Symbol) -> bool:
    """Whether an operation leaves the entries one behind the other as they were."""
    if x.operation in (np.transpose, np.swapaxes):
        return sum(size != 1 for size in x.shape) < 2
    return x.operation in _RESHAPES or (x.operation is index and only_adds_axes(x.operands[1]))


def _product_of_a_vector(product: Symbol, shape: Shape | None) -> Any:
    """A vector as a column or a row in a product that is flattened again: NumPy multiplies by vectors as they are."""
    left, right = product.operands
    a, b = _vector_in(left, row=True), _vector_in(right, row=False)
    for x, y in ((left, b), (a, right)):
        if x is not None and y is not None and len(known_shape(x) or ()) + len(known_shape(y) or ()) == 3:
            plain = x @ y
            if plain.known_shape == shape:
                return plain
    return None


def _vector_in(x: Any, *, row: bool) -> Any:
    """The vector that stands as a row or a column; None for anything else."""
    if not isinstance(x, Symbol) or not _keeps_order(x) or x.known_shape is None or len(x.known_shape) != 2:
        return None
    inner = x.operands[0]
    is_vector = isinstance(inner, Symbol) and inner.known_shape is not None and len(inner.known_shape) == 1
    return inner if is_vector and x.known_shape[0 if row else 1] == 1 else None


def _indexed(x: Symbol) -> Any:
    return _reshaped(x) if only_adds_axes(x.operands[1]) else None


def _broadcast(x: Symbol) -> Any:
    inner = x.operands[0]
    if inner.known_shape == x.known_shape:
        return inner
    return np.broadcast_to(inner.operands[0], x.known_shape) if inner.operation is np.broadcast_to else None


def _rearranges(x: Symbol) -> bool:
    return x.operation is not np.broadcast_to and (kind(x.operation) == "view" or _keeps_order(x))


def _multiplied(x: Symbol) -> Any:
    """A product with a single number that stands as a matrix or vector."""
    a, b = x.operands
    for scalar, other in ((a, b), (b, a)):
        if _is_single(scalar) and isinstance(other, Symbol):
            return scalar.operands[0] * other.reshape(x.shape)
    return None


def _is_single(x: Any) -> bool:
    """Whether a value is one number in an array of size 1."""
    return (
        isinstance(x, Symbol)
        and x.operation is np.broadcast_to
        and known_shape(x.operands[0]) == ()
        and all(size == 1 for size in x.shape)
    )


# --- sums ------------------------------------------------------------------------------------------------------------


def _summed(x: Symbol) -> Any:
    inner, axis = x.operands[0], x.options.get("axis")
    if axis is None:
        return None
    axes = normal_axes(axis, inner.ndim)
    if not axes:
        return inner
    everything = len(axes) == inner.ndim and not x.options.get("keepdims")
    return np.sum(inner) if everything else None


_RESHAPES = (np.reshape, np.ravel, np.squeeze, np.expand_dims)
_RULES: dict[Any, Callable[[Symbol], Any]] = {
    np.transpose: _transposed,
    np.swapaxes: _transposed,
    **dict.fromkeys(_RESHAPES, _reshaped),
    index: _indexed,
    np.matmul: _multiplied,
    np.broadcast_to: _broadcast,
    np.sum: _summed,
}
