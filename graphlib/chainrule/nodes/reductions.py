"""Many values to one along an axis (all axes when ``axis`` is None), and what is normalized along an axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np

from chainrule.core.facts import Axis, Flag, OneAxisOrNone
from chainrule.core.node import Node, Operand
from chainrule.errors import ArgumentError
from chainrule.nodes.batch_axis import shares_axis
from chainrule.nodes.elementwise import Exp, Log
from chainrule.symbols.broadcasting import restore_axes
from chainrule.symbols.dimensions import Shape
from chainrule.symbols.elementary import log_softmax, logsumexp, softmax
from chainrule.symbols.shapes import normal_axes, size_of
from chainrule.symbols.symbol import Value


@final
class Sum(Node, computes=np.sum):
    """The sum over an axis."""

    axis: Axis = None
    keepdims: Flag = False

    def forward(self, x: Value) -> Value:
        return np.sum(x, axis=self.axis, keepdims=self.keepdims)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (np.broadcast_to(restore_axes(grad, self.axis, self.keepdims), x.shape),)


@final
class Mean(Node, computes=np.mean):
    """The mean over an axis; a mean over nothing is an error."""

    axis: Axis = None
    keepdims: Flag = False

    def forward(self, x: Value) -> Value:
        total = np.sum(x, axis=self.axis, keepdims=self.keepdims)
        return total / count_along(x, self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (np.broadcast_to(restore_axes(grad, self.axis, self.keepdims) / count_along(x, self.axis), x.shape),)


def count_along(x: Value, axis: Axis) -> Value:
    """How many entries of x go into each mean."""
    count = size_of(x.shape[k] for k in (range(x.ndim) if axis is None else normal_axes(axis, x.ndim)))
    if count == 0:
        raise ArgumentError("a mean over no values is undefined", given=f"shape {x.shape}", remedy="Sum, which is 0")
    return count


@final
class Max(Node, computes=np.max):
    """The largest entry along an axis; entries that tie share the gradient equally."""

    axis: Axis = None
    keepdims: Flag = False

    def forward(self, x: Value) -> Value:
        return np.max(x, axis=self.axis, keepdims=self.keepdims)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        largest = x == restore_axes(y, self.axis, self.keepdims)
        share = restore_axes(grad, self.axis, self.keepdims) / largest.sum(axis=self.axis, keepdims=True).astype(
            x.dtype
        )
        return (np.where(largest, share, 0),)


@final
class Min(Node, computes=np.min):
    """The smallest entry along an axis; entries that tie share the gradient equally."""

    axis: Axis = None
    keepdims: Flag = False

    def forward(self, x: Value) -> Value:
        return np.min(x, axis=self.axis, keepdims=self.keepdims)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        smallest = x == restore_axes(y, self.axis, self.keepdims)
        share = restore_axes(grad, self.axis, self.keepdims) / smallest.sum(axis=self.axis, keepdims=True).astype(
            x.dtype
        )
        return (np.where(smallest, share, 0),)


@final
class ArgMax(Node, computes=np.argmax):
    """Where the largest entry along an axis stands, the first of several; a whole number, which has no gradient."""

    axis: OneAxisOrNone = None
    keepdims: Flag = False

    def forward(self, x: Value) -> Value:
        return np.argmax(x, axis=self.axis, keepdims=self.keepdims)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[None]:
        return (None,)


@final
class ArgMin(Node, computes=np.argmin):
    """Where the smallest entry along an axis stands, the first of several; a whole number, which has no gradient."""

    axis: OneAxisOrNone = None
    keepdims: Flag = False

    def forward(self, x: Value) -> Value:
        return np.argmin(x, axis=self.axis, keepdims=self.keepdims)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[None]:
        return (None,)


@final
class LogSumExp(Node, computes=logsumexp):
    """log Σ exp(x) along an axis, exact for large entries; -inf for an empty axis."""

    axis: Axis = None
    keepdims: Flag = False

    def forward(self, x: Value) -> Value:
        return logsumexp(x, axis=self.axis, keepdims=self.keepdims)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (restore_axes(grad, self.axis, self.keepdims) * softmax(x, axis=self.axis),)

    def expand(self, *inputs: Node) -> Node:
        """log of the sum of exp(x - max), plus the max."""
        (x,) = inputs
        largest = Max(x, axis=self.axis, keepdims=True)
        total = Log(Sum(Exp(x - largest), axis=self.axis, keepdims=self.keepdims))
        return total + (largest if self.keepdims else Max(x, axis=self.axis))


class AlongClasses(Node):
    """What is normalized along an axis: the one of the classes, beside the batch axis, where nobody gives another."""

    axis: Axis = 0

    @classmethod
    def settled(cls, given: Mapping[str, Any], *shapes: Shape | None) -> Mapping[str, Any]:
        """The axis of the classes, 0 without any named size. Raises ArgumentError where that cannot be told."""
        return {} if "axis" in given else {"axis": shares_axis(*shapes)}

    @classmethod
    def of_call(cls, x: Operand, axis: Axis = None) -> Node:
        """The node for a function over all entries where no axis is given."""
        return cls(x, axis=axis)


@final
class Softmax(AlongClasses, computes=softmax):
    """exp(x) / Σ exp(x) along an axis: the shares of the entries, which sum to 1; None is over all entries.

    Without ``axis`` it is that of the classes, beside the axis with a name: 0 in columns, (3, m), 1 in rows, (m, 3).

    >>> from chainrule import Input
    >>> Softmax(Input("x", (3, "m"))).axis, Softmax(Input("x", ("m", 3))).axis, Softmax(Input("x", (3, 5))).axis
    (0, 1, 0)
    """

    def forward(self, x: Value) -> Value:
        return softmax(x, axis=self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (y * (grad - (grad * y).sum(axis=self.axis, keepdims=True)),)

    def expand(self, *inputs: Node) -> Node:
        """exp(x - max) over its sum."""
        (x,) = inputs
        e = Exp(x - Max(x, axis=self.axis, keepdims=True))
        return e / Sum(e, axis=self.axis, keepdims=True)


@final
class LogSoftmax(AlongClasses, computes=log_softmax):
    """log softmax(x) along an axis, as for Softmax; exact where the softmax rounds to 1."""

    def forward(self, x: Value) -> Value:
        return log_softmax(x, axis=self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad - softmax(x, axis=self.axis) * grad.sum(axis=self.axis, keepdims=True),)

    def expand(self, *inputs: Node) -> Node:
        """x - logsumexp(x)."""
        (x,) = inputs
        return x - LogSumExp(x, axis=self.axis, keepdims=True)
