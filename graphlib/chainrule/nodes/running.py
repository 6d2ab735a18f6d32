"""Along an axis, each entry joined with all before it; in one row of all entries when ``axis`` is None."""

from __future__ import annotations

from typing import Final, final

import numpy as np

from chainrule.core.facts import Axis, Flag, OneAxis, OneAxisOrNone
from chainrule.core.node import Node
from chainrule.symbols.broadcasting import restore_axes
from chainrule.symbols.elementary import (
    backwards,
    carried,
    carried_back,
    cumprod_slope,
    one_before,
    product_of_others,
)
from chainrule.symbols.shapes import normal_axes, size_of
from chainrule.symbols.symbol import Value

_REMARK: Final = "its slope is computed without the division by entries, which may be 0"


@final
class CumSum(Node, computes=np.cumsum):
    """The sums of the entries up to each along an axis."""

    axis: OneAxisOrNone = None

    def forward(self, x: Value) -> Value:
        return np.cumsum(x, axis=self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        backwards = (slice(None),) * (0 if self.axis is None else self.axis % x.ndim) + (slice(None, None, -1),)
        totals = np.cumsum(grad[backwards], axis=self.axis)[backwards]
        return (totals.reshape(x.shape) if self.axis is None else totals,)


@final
class CumProd(Node, computes=np.cumprod):
    """The products of the entries up to each along an axis; nothing is divided by, so entries may be 0."""

    axis: OneAxisOrNone = None

    def forward(self, x: Value) -> Value:
        return np.cumprod(x, axis=self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        if self.axis is None:
            return (cumprod_slope(grad, np.ravel(x), axis=0).reshape(x.shape),)
        return (cumprod_slope(grad, x, axis=self.axis),)

    def remark(self) -> str:
        """How the slope is computed beside how it is written."""
        return _REMARK


@final
class Prod(Node, computes=np.prod):
    """The product over an axis; the slope of each entry is the product of the others, also where some are 0."""

    axis: Axis = None
    keepdims: Flag = False

    def forward(self, x: Value) -> Value:
        return np.prod(x, axis=self.axis, keepdims=self.keepdims)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (restore_axes(grad, self.axis, self.keepdims) * product_of_others(x, axis=self.axis),)

    def remark(self) -> str:
        """How the slope is computed beside how it is written."""
        return _REMARK


# --- what their slopes are made of -----------------------------------------------------------------------------------


@final
class CumProdSlope(Node, computes=cumprod_slope):
    """What the running products of x send back to it for this gradient."""

    axis: OneAxis = -1

    def forward(self, x: Value, factors: Value) -> Value:
        return cumprod_slope(x, factors, axis=self.axis)

    def backward(self, grad: Value, slope: Value, x: Value, factors: Value) -> tuple[Value, Value]:
        before = one_before(np.cumprod(factors, axis=self.axis), self.axis, np.ones_like)
        behind = carried_back(x, factors, self.axis)
        reached = carried(grad * before, factors, axis=self.axis)
        of_products = cumprod_slope(_one_behind(grad * behind, self.axis), factors, axis=self.axis)
        return reached, of_products + one_before(reached, self.axis, np.zeros_like) * behind


@final
class Carried(Node, computes=carried):
    """Running sums in which what has been added up is taken times a factor: tₖ = xₖ + fₖ tₖ₋₁."""

    axis: OneAxis = -1

    def forward(self, x: Value, factors: Value) -> Value:
        return carried(x, factors, axis=self.axis)

    def backward(self, grad: Value, t: Value, x: Value, factors: Value) -> tuple[Value, Value]:
        sent = carried_back(grad, factors, self.axis)
        return sent, sent * one_before(t, self.axis, np.zeros_like)


def _one_behind(x: Value, axis: int) -> Value:
    """The entry behind each along an axis, and 0 at the end."""
    end = backwards(x, axis)
    return one_before(x[end], axis, np.zeros_like)[end]


@final
class ProductOfOthers(Node, computes=product_of_others):
    """For each entry the product of the others along an axis, over all entries where it is None."""

    axis: Axis = None

    def forward(self, x: Value) -> Value:
        return product_of_others(x, axis=self.axis)

    def backward(self, grad: Value, others: Value, x: Value) -> tuple[Value]:
        axes = tuple(range(x.ndim)) if self.axis is None else normal_axes(self.axis, x.ndim)
        order = (*(k for k in range(x.ndim) if k not in axes), *axes)
        shape = tuple(x.shape[k] for k in order)
        flat = (*shape[: x.ndim - len(axes)], size_of(shape[x.ndim - len(axes) :]))
        rows, sent = (np.transpose(value, order).reshape(flat) for value in (x, grad))
        slopes = _of_rows(sent, rows).reshape(shape)
        return (np.transpose(slopes, tuple(np.argsort(order).tolist())),)


def _of_rows(grad: Value, rows: Value) -> Value:
    """Through the products of the entries before each and of those behind it."""
    end = backwards(rows, -1)
    before, behind = (one_before(x, -1, np.ones_like) for x in (rows, rows[end]))
    first, last = np.cumprod(before, axis=-1), np.cumprod(behind, axis=-1)[end]
    from_first = _one_behind(cumprod_slope(grad * last, before, axis=-1), -1)
    from_last = _one_behind(cumprod_slope((grad * first)[end], behind, axis=-1), -1)[end]
    return from_first + from_last
