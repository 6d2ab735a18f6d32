"""Entries in the order of their size along an axis, and entries picked along one."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from chainrule.core.facts import Count, OneAxis
from chainrule.core.node import Node, Operand
from chainrule.errors import ArgumentError
from chainrule.nodes.rearranging import Reshape, whole_numbers
from chainrule.symbols.elementary import put_along
from chainrule.symbols.shapes import normal_axes
from chainrule.symbols.symbol import Value


@final
class Sort(Node, computes=np.sort):
    """The entries along an axis from the smallest to the largest; each gradient goes to where its entry stood."""

    axis: OneAxis = -1

    @classmethod
    def of_call(cls, x: Operand, axis: int | None = -1, stable: Any = None) -> Node:
        """The node for ``np.sort(x, axis)``; without an axis, of all entries in a row."""
        return cls(Reshape(x)) if axis is None else cls(x, axis=axis)

    def forward(self, x: Value) -> Value:
        return np.sort(x, axis=self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (put_along(grad, np.argsort(x, axis=self.axis, stable=True), x, axis=self.axis),)


@final
class ArgSort(Node, computes=np.argsort):
    """Where the smallest entry along an axis stands, the next one, ...; equal ones in their order.

    Whole numbers, which have no gradient.
    """

    axis: OneAxis = -1

    @classmethod
    def of_call(cls, x: Operand, axis: int | None = -1, stable: Any = None) -> Node:
        """The node for ``np.argsort(x, axis)``; without an axis, of all entries in a row."""
        return cls(Reshape(x)) if axis is None else cls(x, axis=axis)

    def forward(self, x: Value) -> Value:
        return np.argsort(x, axis=self.axis, stable=True)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[None]:
        return (None,)


@final
class TopK(Node):
    """The ``k`` largest entries along an axis, the largest first; of equal ones those that stand first.

    >>> from chainrule import Graph, Parameter
    >>> run = Graph(TopK(Parameter("x", (4,)), k=2, name="y")).forward({"x": [3.0, 1.0, 4.0, 3.0]})
    >>> run["y"].tolist(), run.backward(seed=[1.0, 5.0])["x"].tolist()
    ([4.0, 3.0], [5.0, 0.0, 1.0, 0.0])

    Raises ArgumentError for an axis of fewer entries.
    """

    k: Count = 1
    axis: OneAxis = -1

    def forward(self, x: Value) -> Value:
        return np.take_along_axis(x, _largest(self, x), axis=self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (put_along(grad, _largest(self, x), x, axis=self.axis),)


def _largest(node: TopK, x: Value) -> Value:
    """Where the largest entries stand."""
    (axis,) = normal_axes(node.axis, x.ndim)
    if isinstance(x.shape[axis], int) and not 0 < node.k <= x.shape[axis]:
        raise ArgumentError(
            f"of {x.shape[axis]} entries the {node.k} largest cannot be taken",
            given=f"k={node.k}, shape {x.shape}",
            remedy=f"k from 1 to {x.shape[axis]}",
        )
    order = np.argsort(-x, axis=axis, stable=True)
    if not isinstance(x.shape[axis], int):  # a slice would take fewer where there are fewer
        return np.take(order, np.arange(node.k), axis=axis)
    return order[(*(slice(None),) * axis, slice(None, node.k))]


@final
class TakeAlong(Node, computes=np.take_along_axis):
    """From each row along an axis the entries at whole numbers of its own; these have no gradient.

    ``indices`` has as many axes as x; along the others it is as long as x, or 1.
    """

    axis: OneAxis = -1

    def __init__(self, x: Operand, indices: Operand, *, axis: int = -1, name: str | None = None) -> None:
        super().__init__(x, whole_numbers(indices), axis=axis, name=name)

    @classmethod
    def of_call(cls, x: Operand, indices: Operand, axis: int | None = -1) -> Node:
        """The node for ``np.take_along_axis(x, indices, axis)``; without an axis, from all entries in a row."""
        return cls(Reshape(x), indices) if axis is None else cls(x, indices, axis=axis)

    def forward(self, x: Value, indices: Value) -> Value:
        return np.take_along_axis(x, indices, axis=self.axis)

    def backward(self, grad: Value, y: Value, x: Value, indices: Value) -> tuple[Value, None]:
        return put_along(grad, indices, x, axis=self.axis), None


@final
class PutAlong(Node, computes=put_along):
    """Zeros of the shape of ``like`` with x added along an axis at whole numbers."""

    axis: OneAxis = -1

    def forward(self, x: Value, indices: Value, like: Value) -> Value:
        return put_along(x, indices, like, axis=self.axis)

    def backward(self, grad: Value, output: Value, x: Value, indices: Value, like: Value) -> tuple[Value, None, None]:
        return np.take_along_axis(grad, indices, axis=self.axis), None, None
