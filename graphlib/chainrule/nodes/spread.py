"""How far values along an axis are spread, all axes when ``axis`` is None: variance, standard deviation, length."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from chainrule.core.facts import Axis, Flag, Number
from chainrule.core.node import Node, Operand
from chainrule.errors import ArgumentError
from chainrule.nodes.reductions import count_along
from chainrule.symbols.broadcasting import restore_axes
from chainrule.symbols.elementary import centered, ratio
from chainrule.symbols.symbol import Value


@final
class Var(Node, computes=np.var):
    """The mean squared distance from the mean; divided by n - ``ddof`` for n values, 1 for that of a sample."""

    axis: Axis = None
    keepdims: Flag = False
    ddof: Number = 0

    def forward(self, x: Value) -> Value:
        total = np.sum(np.square(centered(x, axis=self.axis)), axis=self.axis, keepdims=self.keepdims)
        return total / _freedom(self, x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        each = restore_axes(grad, self.axis, self.keepdims) / _freedom(self, x)
        return (2 * each * centered(x, axis=self.axis),)


@final
class Std(Node, computes=np.std):
    """The root of the variance, with ``ddof`` as there; where all values are equal its slope is taken to be 0.

    >>> from chainrule import Graph, Parameter
    >>> run = Graph(Std(Parameter("x", (3,)), name="s")).forward({"x": [0.1, 0.1, 0.1]})
    >>> float(run["s"]), run.backward()["x"].tolist()
    (0.0, [0.0, 0.0, 0.0])
    """

    axis: Axis = None
    keepdims: Flag = False
    ddof: Number = 0

    def forward(self, x: Value) -> Value:
        total = np.sum(np.square(centered(x, axis=self.axis)), axis=self.axis, keepdims=self.keepdims)
        return np.sqrt(total / _freedom(self, x))

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        each, spread = (restore_axes(value, self.axis, self.keepdims) for value in (grad, y))
        return (each * _over(centered(x, axis=self.axis), spread) / _freedom(self, x),)


def _over(x: Value, length: Value) -> Value:
    """x / length, and 0 wherever the length is 0, also where only the squares of x were too small for a number."""
    return ratio(x * ratio(length, length), length)


def _freedom(node: Var | Std, x: Value) -> Value:
    """What a sum of squares is divided by."""
    left = count_along(x, node.axis) - node.ddof
    if isinstance(left, int) and left <= 0:
        raise ArgumentError(
            f"{type(node).__name__} divides by n - ddof, and n is {left + node.ddof}",
            given=f"ddof={node.ddof}, shape {x.shape}",
            remedy="ddof=0, or more values",
        )
    return left


@final
class Norm(Node, computes=np.linalg.norm):
    """The Euclidean length √Σx², over all entries or along an axis; where it is 0 its slope is taken to be 0."""

    axis: Axis = None
    keepdims: Flag = False

    @classmethod
    def of_call(cls, x: Operand, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Node:  # noqa: A002 — NumPy's name
        """The node for ``np.linalg.norm(x, axis=axis)``; raises ArgumentError for another norm than the Euclidean."""
        if ord not in (None, 2, "fro"):
            raise ArgumentError(f"Norm is the Euclidean length, not that of ord={ord!r}", remedy="Sum, Max and Abs")
        return cls(x, axis=axis, keepdims=keepdims)

    def forward(self, x: Value) -> Value:
        return np.sqrt(np.sum(np.square(x), axis=self.axis, keepdims=self.keepdims))

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        each, length = (restore_axes(value, self.axis, self.keepdims) for value in (grad, y))
        return (each * _over(x, length),)
