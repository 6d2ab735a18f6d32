"""Undo broadcasting: bring a gradient back to the shape of the input it belongs to."""

from __future__ import annotations

import numpy as np

from chainrule.symbols.dimensions import Shape
from chainrule.symbols.operations import Operation, declare
from chainrule.symbols.shapes import broadcast, expect_same
from chainrule.symbols.symbol import Symbol, Value, record


def unbroadcast(grad: Value, x: Value) -> Value:
    """``grad`` summed over the axes along which ``x`` was broadcast, so that it has the shape of ``x``.

    An entry that was copied to many places receives the sum of their gradients.

    >>> import numpy as np
    >>> unbroadcast(np.ones((3, 5)), np.zeros((3, 1))).ravel()
    array([5., 5., 5.])
    """
    if isinstance(grad, np.ndarray) and grad.shape == x.shape:  # as nearly every gradient of a run has it
        return grad
    if isinstance(grad, Symbol):
        _check_stretched(grad.known_shape, x.known_shape if isinstance(x, Symbol) else x.shape)
    if isinstance(grad, Symbol) and grad.known_shape == ():  # a single number has been broadcast from single numbers
        return grad
    if isinstance(grad, Symbol) and (grad.known_shape is None or getattr(x, "known_shape", ()) is None):
        return record(unbroadcast, (grad, x), {})
    extra = grad.ndim - x.ndim
    if extra:
        grad = grad.sum(axis=tuple(range(extra)) if extra > 1 else 0)
    stretched = tuple(k for k in range(x.ndim) if x.shape[k] == 1 and grad.shape[k] != 1)
    if stretched:
        grad = grad.sum(axis=stretched if len(stretched) > 1 else stretched[0], keepdims=True)
    return grad


def _check_stretched(grad: Shape | None, x: Shape | None) -> None:
    if grad is not None and x is not None:
        expect_same(broadcast(grad, x), grad)


def _shape_of_input(grad: Value, x: Value) -> Shape:
    _check_stretched(grad.shape, x.shape)
    return x.shape  # type: ignore[no-any-return]  # a value has a shape


declare(Operation(unbroadcast, "axis", _shape_of_input, "first", linear=(0,)))


def restore_axes(y: Value, axis: int | tuple[int, ...] | None, keepdims: bool) -> Value:
    """A reduced value with axes of size 1 where it was reduced, so that it broadcasts against what it came from.

    >>> import numpy as np
    >>> restore_axes(np.ones(3), axis=1, keepdims=False).shape
    (3, 1)
    """
    return y if keepdims or axis is None else np.expand_dims(y, axis)
