"""Functions of one value, element by element."""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np

from chainrule.core.facts import Bounds, Numbers
from chainrule.core.node import Node, Operand
from chainrule.nodes.arithmetic import Maximum, Minimum
from chainrule.symbols.elementary import erf, normal_cdf, sigmoid, sigmoid_slope, softplus, tanh_slope
from chainrule.symbols.symbol import Value


@final
class Square(Node, computes=np.square):
    """x²."""

    def forward(self, x: Value) -> Value:
        return np.square(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (2 * grad * x,)


@final
class Sqrt(Node, computes=np.sqrt):
    """√x for x ≥ 0; the gradient at 0 is infinite."""

    def forward(self, x: Value) -> Value:
        return np.sqrt(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad / (2 * y),)


@final
class Exp(Node, computes=np.exp):
    """The exponential function."""

    def forward(self, x: Value) -> Value:
        return np.exp(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad * y,)


@final
class Log(Node, computes=np.log):
    """The natural logarithm, for x > 0."""

    def forward(self, x: Value) -> Value:
        return np.log(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad / x,)


@final
class Abs(Node, computes=np.absolute):
    """|x|; its slope at 0 is taken to be 0."""

    def forward(self, x: Value) -> Value:
        return np.abs(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad * np.sign(x),)


@final
class Sin(Node, computes=np.sin):
    """The sine of an angle in radians."""

    def forward(self, x: Value) -> Value:
        return np.sin(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad * np.cos(x),)


@final
class Cos(Node, computes=np.cos):
    """The cosine of an angle in radians."""

    def forward(self, x: Value) -> Value:
        return np.cos(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (-grad * np.sin(x),)


@final
class Tanh(Node, computes=np.tanh):
    """The hyperbolic tangent; its slope 1 - y² is computed so that it keeps its digits where y rounds to 1."""

    def forward(self, x: Value) -> Value:
        return np.tanh(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad * tanh_slope(x),)

    def expand(self, *inputs: Node) -> Node:
        """2 / (1 + exp(-2x)) - 1."""
        (x,) = inputs
        return 2 / (1 + Exp(-2 * x)) - 1


@final
class Sigmoid(Node, computes=sigmoid):
    """σ(z) = 1 / (1 + exp(-z)); its slope a(1 - a) is computed so that it keeps its digits where a rounds to 1."""

    def forward(self, z: Value) -> Value:
        return sigmoid(z)

    def backward(self, grad: Value, a: Value, z: Value) -> tuple[Value]:
        return (grad * sigmoid_slope(z),)

    def expand(self, *inputs: Node) -> Node:
        """1 / (1 + exp(-z)), gate by gate."""
        (z,) = inputs
        return 1 / (1 + Exp(-z))


@final
class ReLU(Node):
    """max(x, 0); its slope at 0 is taken to be 0."""

    def forward(self, x: Value) -> Value:
        return np.maximum(x, 0)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad * (x > 0),)


@final
class LeakyReLU(Node):
    """x where x > 0, else slope·x; its slope at 0 is ``slope``."""

    slope: Numbers = 0.01

    def forward(self, x: Value) -> Value:
        return np.where(x > 0, x, self.slope * x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (np.where(x > 0, grad, self.slope * grad),)


@final
class Softplus(Node, computes=softplus):
    """log(1 + exp(x)), a smooth ReLU; its slope is σ(x)."""

    def forward(self, x: Value) -> Value:
        return softplus(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad * sigmoid(x),)

    def expand(self, *inputs: Node) -> Node:
        """max(x, 0) + log(1 + exp(-|x|)), which does not overflow."""
        (x,) = inputs
        return Maximum(x, 0) + Log(1 + Exp(-Abs(x)))


@final
class GELU(Node):
    """x Φ(x) with Φ the standard normal distribution function (Hendrycks and Gimpel 2016)."""

    def forward(self, x: Value) -> Value:
        return x * normal_cdf(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        return (grad * (normal_cdf(x) + x * density),)


@final
class NormalCDF(Node, computes=normal_cdf):
    """Φ(x), the probability that a standard normal number is below x; its slope is the density exp(-x² / 2) / √(2π)."""

    def forward(self, x: Value) -> Value:
        return normal_cdf(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad * np.exp(-x * x / 2) / math.sqrt(2 * math.pi),)


@final
class Erf(Node, computes=erf):
    """The error function 2/√π ∫₀ˣ exp(-t²) dt; its slope is 2/√π exp(-x²)."""

    def forward(self, x: Value) -> Value:
        return erf(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (2 / math.sqrt(math.pi) * grad * np.exp(-np.square(x)),)


@final
class Clip(Node, computes=np.clip):
    """x held between ``low`` and ``high``; the slope is 1 between the bounds and on them, 0 outside."""

    low: Bounds = -math.inf
    high: Bounds = math.inf

    @classmethod
    def of_call(cls, x: Operand, low: Any, high: Any) -> Node:
        """The node for ``np.clip(x, low, high)``; bounds that are no plain numbers make it a maximum and a minimum."""
        bounds = {name: bound for name, bound in (("low", low), ("high", high)) if bound is not None}
        if all(isinstance(bound, (int, float, np.number)) for bound in bounds.values()):
            return cls(x, **bounds)
        if high is None:
            return Maximum(x, low)
        return Minimum(x if low is None else Maximum(x, low), high)

    def forward(self, x: Value) -> Value:
        return np.clip(x, self.low, self.high)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad * ((x >= self.low) & (x <= self.high)),)
