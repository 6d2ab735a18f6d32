"""Logarithms, exponentials and angles that are more than a shorter form of others, element by element."""

from __future__ import annotations

from typing import final

import numpy as np

from chainrule.core.node import Node
from chainrule.symbols.symbol import Value


@final
class Log1p(Node, computes=np.log1p):
    """log(1 + x) for x > -1, with all digits of a small x."""

    def forward(self, x: Value) -> Value:
        return np.log1p(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad / (1 + x),)


@final
class Expm1(Node, computes=np.expm1):
    """exp(x) - 1, with all digits of a small x."""

    def forward(self, x: Value) -> Value:
        return np.expm1(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad * np.exp(x),)


@final
class Tan(Node, computes=np.tan):
    """The tangent of an angle in radians."""

    def forward(self, x: Value) -> Value:
        return np.tan(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad * (1 + np.square(y)),)


@final
class Sinh(Node, computes=np.sinh):
    """The hyperbolic sine."""

    def forward(self, x: Value) -> Value:
        return np.sinh(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad * np.cosh(x),)


@final
class Cosh(Node, computes=np.cosh):
    """The hyperbolic cosine."""

    def forward(self, x: Value) -> Value:
        return np.cosh(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad * np.sinh(x),)


@final
class ArcSin(Node, computes=np.arcsin):
    """The angle between -π/2 and π/2 whose sine is x, for -1 ≤ x ≤ 1; the slope is infinite at either end."""

    def forward(self, x: Value) -> Value:
        return np.arcsin(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad / np.sqrt((1 - x) * (1 + x)),)


@final
class ArcCos(Node, computes=np.arccos):
    """The angle between 0 and π whose cosine is x, for -1 ≤ x ≤ 1; the slope is infinite at either end."""

    def forward(self, x: Value) -> Value:
        return np.arccos(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (-grad / np.sqrt((1 - x) * (1 + x)),)


@final
class ArcTan(Node, computes=np.arctan):
    """The angle between -π/2 and π/2 whose tangent is x."""

    def forward(self, x: Value) -> Value:
        return np.arctan(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad / (1 + np.square(x)),)


@final
class ArcSinh(Node, computes=np.arcsinh):
    """The number whose hyperbolic sine is x."""

    def forward(self, x: Value) -> Value:
        return np.arcsinh(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad / np.sqrt(1 + np.square(x)),)


@final
class ArcCosh(Node, computes=np.arccosh):
    """The number from 0 whose hyperbolic cosine is x, for x ≥ 1; the slope at 1 is infinite."""

    def forward(self, x: Value) -> Value:
        return np.arccosh(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad / np.sqrt((x - 1) * (x + 1)),)


@final
class ArcTanh(Node, computes=np.arctanh):
    """The number whose hyperbolic tangent is x, for -1 < x < 1."""

    def forward(self, x: Value) -> Value:
        return np.arctanh(x)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad / ((1 - x) * (1 + x)),)
