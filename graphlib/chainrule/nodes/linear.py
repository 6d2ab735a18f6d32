"""Matrix products and transposition."""

from __future__ import annotations

from typing import final

import numpy as np

from chainrule.core.node import Node
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.symbol import Value


@final
class MatMul(Node, computes=np.matmul):
    """x @ y for vectors, matrices and stacks of matrices, as NumPy's ``@``."""

    def forward(self, x: Value, y: Value) -> Value:
        return x @ y

    def backward(self, grad: Value, output: Value, x: Value, y: Value) -> tuple[Value, Value]:
        if x.ndim == 2 and y.ndim == 2:
            return grad @ y.T, x.T @ grad
        row = x[np.newaxis, :] if x.ndim == 1 else x
        column = y[:, np.newaxis] if y.ndim == 1 else y
        if x.ndim == 1:
            grad = grad[..., np.newaxis, :] if y.ndim > 1 else grad[..., np.newaxis]
        if y.ndim == 1:
            grad = grad[..., np.newaxis]
        return _like(grad @ column.mT, row, x), _like(row.mT @ grad, column, y)


def _like(grad: Value, promoted: Value, x: Value) -> Value:
    """The gradient of a matrix that stands for ``x``, in the shape of ``x``."""
    return unbroadcast(grad, promoted).reshape(x.shape)


@final
class Transpose(Node, computes=np.transpose):
    """x with its axes in the order ``axes``, reversed when None."""

    axes: tuple[int, ...] | None = None

    def forward(self, x: Value) -> Value:
        return np.transpose(x, self.axes)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (np.transpose(grad, None if self.axes is None else inverse_order(self.axes)),)


def inverse_order(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The order of axes that undoes ``axes``.

    >>> inverse_order((2, 0, 1))
    (1, 2, 0)
    """
    return tuple(int(k) for k in np.argsort([axis % len(axes) for axis in axes]))
