"""How many entries a value has: a number that a formula may compute with, and that has no gradient."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from chainrule.core.node import Node
from chainrule.symbols.shapes import normal_axes
from chainrule.symbols.symbol import Value


@final
class Size(Node, computes=np.size):
    """How many entries x has along an axis, or in all when ``axis`` is None: m, as a number to compute with.

    It is written by the name that the size has, in every notation. Its value is a floating number of the dtype of the
    run; it has no gradient.

    >>> from chainrule import Graph, Input, Sum, Square
    >>> x = Input("x", (2, "m"))
    >>> mean = Graph((Sum(Square(x)) / (2 * Size(x, axis=1))).relabel("L", like=x))
    >>> print(mean.derivation()["L"])
    (x ** 2).sum() / 2 / m
    >>> float(mean.forward({"x": [[1, 2, 3], [0, 1, 0]]})["L"])
    2.5

    Raises ShapeError for an axis that x does not have.
    """

    axis: int | None = None
    has_gradient: ClassVar[bool] = False

    def forward(self, x: Value) -> Value:
        return x.size if self.axis is None else x.shape[normal_axes(self.axis, x.ndim)[0]]

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[None]:
        return (None,)
