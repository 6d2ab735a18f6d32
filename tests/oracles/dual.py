"""Forward-mode dual numbers over NumPy, written for the tests alone so that they share nothing with the engine.

A dual number carries a value and its tangent: how fast the value changes when all leaves move along one direction.
Tangents travel forward, with the values. The engine's gradients travel backward. The two meet in one number, the
rate of change of the loss, and have nothing in common on the way there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.float64]
Axis: TypeAlias = int | tuple[int, ...] | None


@final
class Dual:
    """A value and its tangent, two arrays of one shape."""

    __array_ufunc__ = None  # makes `array + dual` fall through to `Dual.__radd__` instead of an object array

    def __init__(self, value: ArrayLike, tangent: ArrayLike = 0.0) -> None:
        self.value: Array = np.asarray(value, dtype=np.float64)
        self.tangent: Array = np.broadcast_to(np.asarray(tangent, dtype=np.float64), self.value.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    def __add__(self, other: Dual | ArrayLike) -> Dual:
        o = lift(other)
        return Dual(self.value + o.value, self.tangent + o.tangent)

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.tangent)

    def __sub__(self, other: Dual | ArrayLike) -> Dual:
        return self + -lift(other)

    def __mul__(self, other: Dual | ArrayLike) -> Dual:
        o = lift(other)
        return Dual(self.value * o.value, self.tangent * o.value + self.value * o.tangent)

    def __truediv__(self, other: Dual | ArrayLike) -> Dual:
        o = lift(other)
        quotient = self.value / o.value
        return Dual(quotient, (self.tangent - quotient * o.tangent) / o.value)

    def __matmul__(self, other: Dual | ArrayLike) -> Dual:
        o = lift(other)
        return Dual(self.value @ o.value, self.tangent @ o.value + self.value @ o.tangent)

    def __pow__(self, exponent: Dual | float) -> Dual:
        if isinstance(exponent, Dual):
            return exp(exponent * log(self))
        return Dual(self.value**exponent, exponent * self.value ** (exponent - 1) * self.tangent)

    def __radd__(self, other: ArrayLike) -> Dual:
        return self + other

    def __rsub__(self, other: ArrayLike) -> Dual:
        return lift(other) - self

    def __rmul__(self, other: ArrayLike) -> Dual:
        return self * other

    def __rtruediv__(self, other: ArrayLike) -> Dual:
        return lift(other) / self

    def __rmatmul__(self, other: ArrayLike) -> Dual:
        return lift(other) @ self

    def __abs__(self) -> Dual:
        return Dual(np.abs(self.value), np.sign(self.value) * self.tangent)

    def __getitem__(self, index: Any) -> Dual:
        return Dual(self.value[index], self.tangent[index])

    def reshape(self, shape: tuple[int, ...]) -> Dual:
        return Dual(self.value.reshape(shape), self.tangent.reshape(shape))

    def transpose(self, axes: tuple[int, ...] | None = None) -> Dual:
        return Dual(self.value.transpose(axes), self.tangent.transpose(axes))

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Dual:
        return Dual(self.value.sum(axis, keepdims=keepdims), self.tangent.sum(axis, keepdims=keepdims))

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Dual:
        return Dual(self.value.mean(axis, keepdims=keepdims), self.tangent.mean(axis, keepdims=keepdims))

    def max(self, axis: Axis = None, keepdims: bool = False) -> Dual:
        """The largest value; where several are largest, the mean of their tangents."""
        largest = self.value.max(axis, keepdims=True)
        tied = self.value == largest
        tangent = (self.tangent * tied).sum(axis, keepdims=keepdims) / tied.sum(axis, keepdims=keepdims)
        return Dual(self.value.max(axis, keepdims=keepdims), tangent)


def lift(value: Dual | ArrayLike) -> Dual:
    """A constant is a dual number that does not move."""
    return value if isinstance(value, Dual) else Dual(value)


def elementwise(function: Callable[[Array], Array], slope: Callable[[Array], Array]) -> Callable[[Dual], Dual]:
    return lambda x: Dual(function(x.value), slope(x.value) * x.tangent)


exp = elementwise(np.exp, np.exp)
log = elementwise(np.log, lambda v: 1 / v)
sin = elementwise(np.sin, np.cos)
cos = elementwise(np.cos, lambda v: -np.sin(v))
tanh = elementwise(np.tanh, lambda v: 1 / np.cosh(v) ** 2)
sqrt = elementwise(np.sqrt, lambda v: 0.5 / np.sqrt(v))


def where(condition: NDArray[np.bool_], yes: Dual | ArrayLike, no: Dual | ArrayLike) -> Dual:
    y, n = lift(yes), lift(no)
    return Dual(np.where(condition, y.value, n.value), np.where(condition, y.tangent, n.tangent))


def maximum(x: Dual | ArrayLike, y: Dual | ArrayLike) -> Dual:
    """The larger of two; where they are equal, the mean of both tangents."""
    a, b = lift(x), lift(y)
    return where(a.value == b.value, (a + b) / 2, where(a.value > b.value, a, b))


def minimum(x: Dual | ArrayLike, y: Dual | ArrayLike) -> Dual:
    return -maximum(-lift(x), -lift(y))


def concatenate(parts: Sequence[Dual], axis: int = 0) -> Dual:
    values = np.concatenate([part.value for part in parts], axis=axis)
    return Dual(values, np.concatenate([part.tangent for part in parts], axis=axis))
