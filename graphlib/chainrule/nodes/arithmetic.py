"""Arithmetic between values, broadcasting like NumPy; each rule undoes the broadcast on the way back."""

from __future__ import annotations

from typing import final

import numpy as np

from chainrule.core.node import Node
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.elementary import power_slope, xlogy
from chainrule.symbols.symbol import Value


@final
class Add(Node, computes=np.add):
    """x + y."""

    def forward(self, x: Value, y: Value) -> Value:
        return x + y

    def backward(self, grad: Value, output: Value, x: Value, y: Value) -> tuple[Value, Value]:
        return unbroadcast(grad, x), unbroadcast(grad, y)


@final
class Subtract(Node, computes=np.subtract):
    """x - y."""

    def forward(self, x: Value, y: Value) -> Value:
        return x - y

    def backward(self, grad: Value, output: Value, x: Value, y: Value) -> tuple[Value, Value]:
        return unbroadcast(grad, x), unbroadcast(-grad, y)


@final
class Multiply(Node, computes=np.multiply):
    """x * y, element by element."""

    def forward(self, x: Value, y: Value) -> Value:
        return x * y

    def backward(self, grad: Value, output: Value, x: Value, y: Value) -> tuple[Value, Value]:
        return unbroadcast(grad * y, x), unbroadcast(grad * x, y)


@final
class Divide(Node, computes=np.divide):
    """x / y, element by element."""

    def forward(self, x: Value, y: Value) -> Value:
        return x / y

    def backward(self, grad: Value, output: Value, x: Value, y: Value) -> tuple[Value, Value]:
        return unbroadcast(grad / y, x), unbroadcast(-grad * output / y, y)


@final
class Negate(Node, computes=np.negative):
    """-x."""

    def forward(self, x: Value) -> Value:
        return -x

    def backward(self, grad: Value, output: Value, x: Value) -> tuple[Value]:
        return (-grad,)


@final
class Power(Node, computes=np.power):
    """x ** y, element by element.

    The gradient of the exponent needs log(x): it is 0 where x is 0 and y positive, -inf where both are 0 (the limit
    from the right), NaN where x is negative unless x ** y has underflowed to 0. For a constant exponent it is not asked
    for.
    """

    def forward(self, x: Value, y: Value) -> Value:
        return x**y

    def backward(self, grad: Value, output: Value, x: Value, y: Value) -> tuple[Value, Value]:
        return unbroadcast(grad * power_slope(x, y), x), unbroadcast(grad * xlogy(output, x), y)


@final
class Maximum(Node, computes=np.maximum):
    """The larger of x and y, element by element; where they tie, each receives half of the gradient."""

    def forward(self, x: Value, y: Value) -> Value:
        return np.maximum(x, y)

    def backward(self, grad: Value, output: Value, x: Value, y: Value) -> tuple[Value, Value]:
        tie = np.where(x == y, grad / 2, 0)
        return unbroadcast(np.where(x > y, grad, tie), x), unbroadcast(np.where(y > x, grad, tie), y)


@final
class Minimum(Node, computes=np.minimum):
    """The smaller of x and y, element by element; where they tie, each receives half of the gradient."""

    def forward(self, x: Value, y: Value) -> Value:
        return np.minimum(x, y)

    def backward(self, grad: Value, output: Value, x: Value, y: Value) -> tuple[Value, Value]:
        tie = np.where(x == y, grad / 2, 0)
        return unbroadcast(np.where(x < y, grad, tie), x), unbroadcast(np.where(y < x, grad, tie), y)


@final
class Where(Node, computes=np.where):
    """x where the condition holds (is not 0), y elsewhere; the condition has no gradient."""

    def forward(self, condition: Value, x: Value, y: Value) -> Value:
        return np.where(condition, x, y)

    def backward(self, grad: Value, output: Value, condition: Value, x: Value, y: Value) -> tuple[None, Value, Value]:
        return None, unbroadcast(np.where(condition, grad, 0), x), unbroadcast(np.where(condition, 0, grad), y)
