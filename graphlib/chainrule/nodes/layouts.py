"""Entries laid out anew: stacked, cut apart, repeated, turned, on and beside a diagonal."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, final

import numpy as np

from chainrule.core.accepting import expect
from chainrule.core.facts import AnyNumber, Axis, Flag, OneAxis, OneAxisOrNone, Shifts, Times, TimesOfEach, Whole, Width
from chainrule.core.node import Node, Operand
from chainrule.errors import ArgumentError
from chainrule.symbols.elementary import put
from chainrule.symbols.shapes import normal_axes, pairs_of
from chainrule.symbols.symbol import Value


@final
class Stack(Node, computes=np.stack):
    """Values of one shape side by side along a new ``axis``."""

    axis: OneAxis = 0

    @classmethod
    def of_call(cls, arrays: Sequence[Operand], axis: int = 0) -> Node:
        """The node for ``np.stack(arrays, axis)``."""
        return cls(*arrays, axis=axis)

    def forward(self, *values: Value) -> Value:
        return np.stack(values, axis=self.axis)

    def backward(self, grad: Value, output: Value, *values: Value) -> tuple[Value, ...]:
        before = (slice(None),) * (self.axis % output.ndim)
        return tuple(grad[(*before, k)] for k in range(len(values)))


def split(x: Node, into: int | Sequence[int], axis: int = 0) -> tuple[Node, ...]:
    """The pieces of x along an axis, each an ``Index`` of it: so many equal ones, or cut in front of these places.

    >>> from chainrule import Input
    >>> [piece.shape for piece in split(Input("x", (6, "m")), 3)]
    [(2, m), (2, m), (2, m)]
    >>> [piece.shape for piece in split(Input("x", (6, "m")), [1, 4])]
    [(1, m), (3, m), (2, m)]

    Raises ArgumentError where the axis does not divide into equal pieces.
    """
    expect(x, Node, "split takes a node, and into how many pieces", "split(Constant(x), 3)")
    if x.shape is None:
        raise ArgumentError("a value of unknown shape cannot be split", where=x.where, remedy="x[...] for each piece")
    return tuple(np.split(x, into, axis))  # type: ignore[arg-type]  # NumPy does not know of nodes


# --- repeated --------------------------------------------------------------------------------------------------------


@final
class Repeat(Node, computes=np.repeat):
    """Every entry ``repeats`` times, one behind the other along an axis, in one row of all entries without an axis."""

    repeats: Times = 2
    axis: OneAxisOrNone = None

    def forward(self, x: Value) -> Value:
        return np.repeat(x, self.repeats, axis=self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        behind = (x.ndim - 1 if self.axis is None else self.axis % x.ndim) + 1
        each = grad.reshape((*x.shape[:behind], self.repeats, *x.shape[behind:]))
        return (each.sum(axis=behind),)


@final
class Tile(Node, computes=np.tile):
    """The whole value laid out ``reps`` times along each axis, counted from the last; a number is for the last."""

    reps: TimesOfEach = 2

    def forward(self, x: Value) -> Value:
        return np.tile(x, self.reps)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        times = self.reps if isinstance(self.reps, tuple) else (self.reps,)
        times = (1,) * (x.ndim - len(times)) + times
        shape = (1,) * (len(times) - x.ndim) + x.shape
        each = grad.reshape(tuple(itertools.chain(*zip(times, shape, strict=True))))
        return (each.sum(axis=tuple(range(0, 2 * len(times), 2))).reshape(x.shape),)


# --- turned, on and beside a diagonal --------------------------------------------------------------------------------


@final
class Flip(Node, computes=np.flip):
    """x from its last entry to its first along an axis, along several, or along all of them."""

    axis: Axis = None

    def forward(self, x: Value) -> Value:
        return x[_backwards(x, self.axis)]

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad[_backwards(x, self.axis)],)


def _backwards(x: Value, axis: Any) -> tuple[slice, ...]:
    turned = range(x.ndim) if axis is None else normal_axes(axis, x.ndim)
    return tuple(slice(None, None, -1 if k in turned else None) for k in range(x.ndim))


@final
class Roll(Node, computes=np.roll):
    """x with its entries moved ``shift`` places along an axis, those that leave one end coming in at the other.

    Along several axes at once by as many shifts; along all entries in a row when ``axis`` is None.
    """

    shift: Shifts = 1
    axis: Axis = None

    def forward(self, x: Value) -> Value:
        return np.roll(x, self.shift, axis=self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        back = tuple(-places for places in self.shift) if isinstance(self.shift, tuple) else -self.shift
        return (np.roll(grad, back, axis=self.axis),)


@final
class Pad(Node, computes=np.pad):
    """x with ``value`` put in front of it and behind it along each axis: ``width`` entries, as ``np.pad`` counts them.

    A number is for both ends of every axis, a pair for the front and the back of every axis, a pair for each axis else.

    >>> from chainrule import Input
    >>> Pad(Input("x", (3, "m")), width=1).shape, Pad(Input("x", (3, "m")), width=((0, 0), (2, 0))).shape
    ((5, m + 2), (3, m + 2))
    """

    width: Width = 1
    value: AnyNumber = 0.0

    @classmethod
    def of_call(cls, x: Operand, pad_width: Any, mode: str = "constant", constant_values: Any = 0.0) -> Node:
        """The node for ``np.pad(x, pad_width, constant_values=...)``; raises ArgumentError for another mode."""
        if mode != "constant" or np.ndim(constant_values):
            raise ArgumentError(
                f"Pad puts one number around x, and np.pad with mode={mode!r} puts others",
                remedy='mode="constant", or Concatenate with what is to stand beside x',
            )
        return cls(x, width=pad_width, value=constant_values)

    def forward(self, x: Value) -> Value:
        padded = np.pad(x, self.width)
        return np.where(np.pad(np.ones_like(x), self.width) > 0, padded, self.value) if self.value else padded

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        pairs = pairs_of(self.width, x.ndim)
        return (grad[tuple(slice(before or None, -after or None) for before, after in pairs)],)


@final
class Triangle(Node, computes={np.tril: {"lower": True}, np.triu: {"lower": False}}):
    """The matrix x with zeros above a diagonal, or below it where ``lower`` is False.

    ``k`` counts diagonals: 0 is the main one, which stays, 1 the one above it. Of a stack, each matrix by itself.
    """

    lower: Flag = True
    k: Whole = 0

    def forward(self, x: Value) -> Value:
        return np.tril(x, self.k) if self.lower else np.triu(x, self.k)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (np.tril(grad, self.k) if self.lower else np.triu(grad, self.k),)


@final
class Diagonal(Node, computes=np.diag):
    """The diagonal of a matrix; of a vector the matrix that has it on its diagonal, and zeros beside it."""

    def forward(self, x: Value) -> Value:
        return np.diag(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        if x.ndim == 1 or x.shape[0] == x.shape[1]:
            return (np.diag(grad),)
        places = np.arange(min(x.shape))
        return (put(grad, (places, places), x),)
