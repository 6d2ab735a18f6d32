"""The same entries in another arrangement: reshaped, joined, picked out."""

from __future__ import annotations

import itertools
from typing import Any, final

import numpy as np

from chainrule.core.node import Node, Operand
from chainrule.symbols.elementary import put
from chainrule.symbols.operations import index
from chainrule.symbols.symbol import Value


@final
class Reshape(Node, computes=np.reshape):
    """x in the shape ``to``, where -1 stands for what remains."""

    to: tuple[int, ...] = (-1,)

    @classmethod
    def of_call(cls, x: Operand, shape: Any) -> Node:
        """The node for ``np.reshape(x, shape=shape)``."""
        return cls(x, to=shape)

    def forward(self, x: Value) -> Value:
        return np.reshape(x, self.to)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad.reshape(x.shape),)


@final
class Concatenate(Node):
    """Values laid end to end along ``axis``."""

    axis: int = 0

    def forward(self, *values: Value) -> Value:
        return np.concatenate(values, axis=self.axis)

    def backward(self, grad: Value, output: Value, *values: Value) -> tuple[Value, ...]:
        before = (slice(None),) * (self.axis % output.ndim)
        ends = [0, *itertools.accumulate(x.shape[self.axis] for x in values)]
        return tuple(grad[(*before, slice(start, end))] for start, end in itertools.pairwise(ends))


@final
class Index(Node, computes=index):
    """x[key], where key is what NumPy takes: numbers, slices, arrays or lists of whole numbers."""

    key: Any = ()

    def __init__(self, x: Operand, *, key: Any, name: str | None = None) -> None:
        parts = key if isinstance(key, tuple) else (key,)
        fixed = tuple(np.array(part) if isinstance(part, (list, tuple)) else part for part in parts)
        super().__init__(x, key=fixed if isinstance(key, tuple) else fixed[0], name=name)

    @classmethod
    def of_call(cls, x: Operand, key: Any) -> Node:
        """The node for ``x[key]``."""
        return cls(x, key=key)

    def forward(self, x: Value) -> Value:
        return x[self.key]

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (put(grad, self.key, x),)


@final
class Gather(Node):
    """Columns of a table by whole number (``axis=-1``), or rows (``axis=0``): how a learned input is looked up.

    An entry that is looked up several times receives the sum of the gradients; the indices have none.
    """

    axis: int = -1

    def forward(self, table: Value, indices: Value) -> Value:
        return np.take(table, indices, axis=self.axis)

    def backward(self, grad: Value, y: Value, table: Value, indices: Value) -> tuple[Value, None]:
        before = (slice(None),) * (self.axis % table.ndim)
        return put(grad, (*before, indices), table), None
