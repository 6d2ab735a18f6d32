"""What rules compute beside their functions, each as a node, so that a backward pass is a graph of nodes again.

Slopes that keep their digits in saturation, products and quotients with a limit at 0, and what undoes an index or a
broadcast. People write the functions themselves; these nodes come from recorded passes, and none is a public name.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np

from chainrule.core.facts import Axis, Key
from chainrule.core.node import Node, Operand
from chainrule.nodes.rearranging import fed_parts, filled_key
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.elementary import (
    centered,
    power_slope,
    put,
    ratio,
    sigmoid_slope,
    softmax,
    softmax_rest,
    tanh_slope,
    weighted,
    xlog1m,
    xlogy,
)
from chainrule.symbols.symbol import Value


@final
class SigmoidSlope(Node, computes=sigmoid_slope):
    """σ'(z) = σ(z) (1 - σ(z)); its slope is σ'(z) (1 - 2 σ(z)), and 1 - 2 σ(z) is -tanh(z / 2)."""

    def forward(self, z: Value) -> Value:
        return sigmoid_slope(z)

    def backward(self, grad: Value, slope: Value, z: Value) -> tuple[Value]:
        return (-grad * slope * np.tanh(z / 2),)


@final
class TanhSlope(Node, computes=tanh_slope):
    """1 - tanh(x)²; its slope is -2 tanh(x) times itself."""

    def forward(self, x: Value) -> Value:
        return tanh_slope(x)

    def backward(self, grad: Value, slope: Value, x: Value) -> tuple[Value]:
        return (-2 * grad * slope * np.tanh(x),)


@final
class PowerSlope(Node, computes=power_slope):
    """y x**(y - 1), and 0 wherever y is 0.

    Its slopes are y (y - 1) x**(y - 2) and x**(y - 1) (1 + y log x); that of the exponent is not asked for where the
    exponent is constant, and infinite where x is 0 and y at most 1.
    """

    def forward(self, x: Value, y: Value) -> Value:
        return power_slope(x, y)

    def backward(self, grad: Value, slope: Value, x: Value, y: Value) -> tuple[Value, Value]:
        with np.errstate(divide="ignore", invalid="ignore"):
            of_exponent = x ** (y - 1) + xlogy(slope, x)
            return unbroadcast(grad * weighted(y, power_slope(x, y - 1)), x), unbroadcast(grad * of_exponent, y)


@final
class Weighted(Node, computes=weighted):
    """x y, and 0 wherever x is 0, also beside an infinity."""

    def forward(self, x: Value, y: Value) -> Value:
        return weighted(x, y)

    def backward(self, grad: Value, product: Value, x: Value, y: Value) -> tuple[Value, Value]:
        return unbroadcast(weighted(grad, y), x), unbroadcast(weighted(x, grad), y)


@final
class Ratio(Node, computes=ratio):
    """x / y, and 0 wherever x is 0, even over 0."""

    def forward(self, x: Value, y: Value) -> Value:
        return ratio(x, y)

    def backward(self, grad: Value, quotient: Value, x: Value, y: Value) -> tuple[Value, Value]:
        return unbroadcast(ratio(grad, y), x), unbroadcast(-grad * ratio(quotient, y), y)


@final
class XLogY(Node, computes=xlogy):
    """x log(y), and 0 wherever x is 0."""

    def forward(self, x: Value, y: Value) -> Value:
        return xlogy(x, y)

    def backward(self, grad: Value, output: Value, x: Value, y: Value) -> tuple[Value, Value]:
        return unbroadcast(xlogy(grad, y), x), unbroadcast(grad * ratio(x, y), y)


@final
class XLog1m(Node, computes=xlog1m):
    """x log(1 - y), and 0 wherever x is 0."""

    def forward(self, x: Value, y: Value) -> Value:
        return xlog1m(x, y)

    def backward(self, grad: Value, output: Value, x: Value, y: Value) -> tuple[Value, Value]:
        return unbroadcast(xlog1m(grad, y), x), unbroadcast(-grad * ratio(x, 1 - y), y)


@final
class SoftmaxRest(Node, computes=softmax_rest):
    """1 - softmax(x) along an axis, over all entries where it is None."""

    axis: Axis = None

    def forward(self, x: Value) -> Value:
        return softmax_rest(x, axis=self.axis)

    def backward(self, grad: Value, rest: Value, x: Value) -> tuple[Value]:
        shares = softmax(x, axis=self.axis)
        return (shares * ((grad * shares).sum(axis=self.axis, keepdims=True) - grad),)


@final
class Centered(Node, computes=centered):
    """x less its mean along an axis, over all entries where it is None; exactly 0 where all entries are equal."""

    axis: Axis = None

    def forward(self, x: Value) -> Value:
        return centered(x, axis=self.axis)

    def backward(self, grad: Value, output: Value, x: Value) -> tuple[Value]:
        return (centered(grad, axis=self.axis),)


@final
class Unbroadcast(Node, computes=unbroadcast):
    """A gradient summed over the axes along which ``like`` was broadcast, so that it has that shape."""

    def forward(self, x: Value, like: Value) -> Value:
        return unbroadcast(x, like)

    def backward(self, grad: Value, output: Value, x: Value, like: Value) -> tuple[Value, None]:
        return np.broadcast_to(grad, x.shape), None


@final
class Put(Node, computes=put):
    """Zeros of the shape of ``like`` with x added at ``key``, in whose places marked ``FED`` the indices stand."""

    key: Key = ()

    @classmethod
    def of_call(cls, x: Operand, key: Any, like: Operand, *sized: Operand) -> Node:
        """The node for ``put(x, key, like)``; further inputs tell the sizes that a key names."""
        fixed, indices = fed_parts(key)
        return cls(x, like, *indices, *sized, key=fixed)

    def forward(self, x: Value, like: Value, *indices: Value) -> Value:
        return put(x, filled_key(self, self.key, (like, *indices), (x, like, *indices)), like)

    def backward(self, grad: Value, output: Value, x: Value, like: Value, *indices: Value) -> tuple[Value | None, ...]:
        key = filled_key(self, self.key, (like, *indices), (x, like, *indices))
        return unbroadcast(grad[key], x), None, *(None for _ in indices)
