"""What stays the same between jumps, element by element: its slope is 0, and at the jumps taken to be 0, too."""

from __future__ import annotations

from typing import final

import numpy as np

from chainrule.core.node import Node
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.symbol import Value


@final
class Sign(Node, computes=np.sign):
    """-1 where x is negative, 1 where it is positive, 0 at 0; its slope is 0, at the jump, too."""

    def forward(self, x: Value) -> Value:
        return np.sign(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (np.zeros_like(grad),)


@final
class Floor(Node, computes=np.floor):
    """The largest whole number that is not above x."""

    def forward(self, x: Value) -> Value:
        return np.floor(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (np.zeros_like(grad),)


@final
class Ceil(Node, computes=np.ceil):
    """The smallest whole number that is not below x."""

    def forward(self, x: Value) -> Value:
        return np.ceil(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (np.zeros_like(grad),)


@final
class Round(Node, computes=np.rint):
    """The whole number that is nearest to x, of two the even one: 0.5 is rounded to 0, 1.5 to 2."""

    def forward(self, x: Value) -> Value:
        return np.rint(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (np.zeros_like(grad),)


@final
class Mod(Node, computes=np.remainder):
    """x - y floor(x / y), the remainder with the sign of y; the slopes are 1 and -floor(x / y), at the jumps, too."""

    def forward(self, x: Value, y: Value) -> Value:
        return np.remainder(x, y)

    def backward(self, grad: Value, output: Value, x: Value, y: Value) -> tuple[Value, Value]:
        times = np.rint((x - output) / y)  # the whole number that was taken off; x / y may round to the next one
        return unbroadcast(grad, x), unbroadcast(-grad * times, y)


@final
class StopGradient(Node):
    """x itself, through which no gradient goes back: what it is read by takes it for a constant."""

    def forward(self, x: Value) -> Value:
        return x

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[None]:
        return (None,)
