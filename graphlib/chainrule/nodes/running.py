"""Along an axis, each entry joined with all before it; in one row of all entries when ``axis`` is None."""

from __future__ import annotations

from typing import final

import numpy as np

from chainrule.core.node import Node
from chainrule.symbols.symbol import Value


@final
class CumSum(Node, computes=np.cumsum):
    """The sums of the entries up to each along an axis."""

    axis: int | None = None

    def forward(self, x: Value) -> Value:
        return np.cumsum(x, axis=self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        backwards = (slice(None),) * (0 if self.axis is None else self.axis % x.ndim) + (slice(None, None, -1),)
        totals = np.cumsum(grad[backwards], axis=self.axis)[backwards]
        return (totals.reshape(x.shape) if self.axis is None else totals,)
