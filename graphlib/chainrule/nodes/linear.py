"""Matrix products and transposition."""

from __future__ import annotations

from typing import final

import numpy as np

from chainrule.core.node import Node, Operand
from chainrule.nodes.arithmetic import Multiply
from chainrule.nodes.rearranging import Index
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.symbol import Value


@final
class MatMul(Node, computes={np.matmul: {}, np.dot: {"dot": True}}):
    """x @ y for vectors, matrices and stacks of matrices, as NumPy's ``@``."""

    @classmethod
    def of_call(cls, x: Operand, y: Operand, dot: bool = False) -> Node:
        """The node for ``x @ y`` and for ``np.dot(x, y)``, which differ for single numbers and for stacks.

        ``np.dot`` multiplies by a number, and every matrix of one stack by every matrix of the other. Raises
        ArgumentError where it depends on how many axes there are, and that is not known.
        """
        if not dot:
            return cls(x, y)
        left, right = _axes_of(x), _axes_of(y)
        if not left or not right:
            return Multiply(x, y)
        if left == 1 or right < 3:
            return cls(x, y)
        apart = Index(x, key=(..., *[np.newaxis] * (right - 1), slice(None)))
        return Index(cls(apart, y), key=(..., 0, slice(None)))

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


def _axes_of(x: Operand) -> int:
    """How many axes an operand has."""
    return x.ndim if isinstance(x, Node) else np.ndim(x)


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
