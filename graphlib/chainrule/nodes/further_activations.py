"""Activations that bend in other ways than the first ones did."""

from __future__ import annotations

from typing import final

import numpy as np

from chainrule.core.facts import Numbers
from chainrule.core.node import Node
from chainrule.nodes.elementwise import Sigmoid
from chainrule.symbols.elementary import sigmoid, sigmoid_slope
from chainrule.symbols.symbol import Value


@final
class SiLU(Node):
    """x σ(x), also called swish (Elfwing, Uchibe and Doya 2017)."""

    def forward(self, x: Value) -> Value:
        return x * sigmoid(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad * (sigmoid(x) + x * sigmoid_slope(x)),)

    def expand(self, *inputs: Node) -> Node:
        """x times its sigmoid."""
        (x,) = inputs
        return x * Sigmoid(x)


@final
class ELU(Node):
    """x where x > 0, else alpha (exp(x) - 1) (Clevert and others 2015); its slope at 0 is ``alpha``."""

    alpha: Numbers = 1.0

    def forward(self, x: Value) -> Value:
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (np.where(x > 0, grad, grad * self.alpha * np.exp(np.minimum(x, 0))),)


@final
class Softsign(Node):
    """x / (1 + |x|)."""

    def forward(self, x: Value) -> Value:
        return x / (1 + np.abs(x))

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad / np.square(1 + np.abs(x)),)
