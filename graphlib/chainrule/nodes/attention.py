"""Attention, and what is dropped at random: values chosen by weights that depend on values."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from chainrule.core.facts import Share
from chainrule.core.leaves import Constant
from chainrule.core.node import Node, Operand
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.arithmetic import Where
from chainrule.nodes.rearranging import SwapAxes
from chainrule.nodes.reductions import Softmax
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.dimensions import shape_text
from chainrule.symbols.elementary import softmax
from chainrule.symbols.standardizing import masked_softmax
from chainrule.symbols.symbol import Value

_NEVER = -1e30  # a score whose exponential is 0 beside any other, and which float32 holds


@final
class Attention(Node):
    """softmax(q kᵀ / √d) v: every query takes from the values by how well it fits their keys (Vaswani et al. 2017).

    Queries are (…, time, d), keys (…, places, d), values (…, places, e), and the result is (…, time, e); what stands
    in front, such as a batch and heads, broadcasts. A ``mask`` of truth values (time, places) says where a query may
    look: one that may look nowhere gets 0. A mask of numbers is added to the scores, and has a gradient.

    >>> from chainrule import Input
    >>> q, k, v = Input("q", ("m", 5, 4)), Input("k", ("m", 7, 4)), Input("v", ("m", 7, 3))
    >>> Attention(q, k, v).shape, Attention(q, k, v, mask=np.tri(5, 7, dtype=bool)).shape
    ((m, 5, 3), (m, 5, 3))
    """

    def __init__(self, q: Operand, k: Operand, v: Operand, mask: Any = None, *, name: str | None = None) -> None:
        super().__init__(q, k, v, *(() if mask is None else (_mask(mask),)), name=name)

    def forward(self, q: Value, k: Value, v: Value, mask: Value = None) -> Value:
        _check(q, k, v)
        _check_mask(q, k, mask)
        return _shares(q, k, mask) @ v

    def backward(self, grad: Value, y: Value, q: Value, k: Value, v: Value, *mask: Value) -> tuple[Value | None, ...]:
        shares = _shares(q, k, *mask)
        scores = shares * (grad @ v.mT - (grad * y).sum(axis=-1, keepdims=True))  # Σ over places of p dp is dy·y
        root = q.shape[-1] ** 0.5
        return (
            unbroadcast(scores @ k / root, q),
            unbroadcast(scores.mT @ q / root, k),
            unbroadcast(shares.mT @ grad, v),
            *(None if _hides(one) else unbroadcast(scores, one) for one in mask),
        )

    def expand(self, *inputs: Node) -> Node:
        """The scores, their softmax, and its product with the values."""
        q, k, v, *mask = inputs
        scores = q @ SwapAxes(k) / (q.shape or ())[-1] ** 0.5
        if not mask:
            return Softmax(scores, axis=-1) @ v
        if mask[0].dtype.kind != "b":
            return Softmax(scores + mask[0], axis=-1) @ v
        return Softmax(Where(mask[0], scores, _NEVER), axis=-1) * mask[0] @ v


def _shares(q: Value, k: Value, mask: Value = None) -> Value:
    """How much each query takes from each place."""
    scores = q @ k.mT / q.shape[-1] ** 0.5
    if mask is None:
        return softmax(scores, axis=-1)
    return masked_softmax(scores, mask, axis=-1) if _hides(mask) else softmax(scores + mask, axis=-1)


def _hides(mask: Value) -> bool:
    """Whether a mask is one of truth values; an array of entries that are Symbols is what its entries are."""
    dtype = next(iter(mask.flat)).dtype if mask.dtype.kind == "O" else mask.dtype
    return bool(dtype.kind == "b")


def _check(q: Value, k: Value, v: Value) -> None:
    """Raise ShapeError where queries, keys and values do not belong together."""
    few = [x for x in (q, k, v) if x.ndim < 2]
    if few or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            f"queries {shape_text(q.shape)}, keys {shape_text(k.shape)} and values {shape_text(v.shape)} do not fit",
            remedy="queries (…, time, d), keys (…, places, d) and values (…, places, e)",
        )


def _check_mask(q: Value, k: Value, mask: Value) -> None:
    """Raise ShapeError where a mask has more queries or places than there are."""
    wanted = (k.shape[-2], q.shape[-2])
    sizes = () if mask is None else mask.shape[::-1]
    if any(size not in (1, whole) for size, whole in zip(sizes, wanted, strict=False)):
        raise ShapeError(
            f"a mask {shape_text(mask.shape)} has not the shape of scores (…, {wanted[1]}, {wanted[0]})",
            remedy="a mask (time, places), for every query and every place",
        )


def _mask(mask: Any) -> Any:
    """A mask, truth values as they are; raises ArgumentError for 0 and 1 as numbers, which would be added."""
    if isinstance(mask, Node):
        return mask
    array = np.asarray(mask)
    if array.dtype.kind == "b":
        return Constant(array, dtype=bool)
    if array.dtype.kind in "fiu" and (array == 1).any() and ((array == 0) | (array == 1)).all():
        raise ArgumentError(
            "a mask of numbers is added to the scores, and one of 0 and 1 hides nothing",
            remedy="truth values that say where a query may look: mask.astype(bool)",
        )
    return Constant(mask)


@final
class Dropout(Node):
    """x where the mask is 1, 0 where it is 0, over 1 - ``rate`` so that the mean stays (Srivastava et al. 2014).

    The mask is an input, of truth values or of 0 and 1, and has no gradient: whoever feeds it draws it, such as
    ``rng.random(shape) >= rate``, and the same feeds give the same numbers again. Without a mask, as in evaluation,
    it is x.

    >>> from chainrule import Graph, Input
    >>> x, mask = Input("x", 3), Input("mask", 3, dtype=bool)
    >>> run = Graph(Dropout(x, mask, rate=0.5, name="y")).forward({"x": [1, 2, 3], "mask": [True, False, True]})
    >>> run["y"].tolist()
    [2.0, 0.0, 6.0]
    """

    rate: Share = 0.5

    def __init__(self, x: Operand, mask: Any = None, *, rate: float = 0.5, name: str | None = None) -> None:
        held = mask if isinstance(mask, Node) or mask is None else Constant(mask)
        super().__init__(x, *(() if held is None else (held,)), rate=rate, name=name)

    def forward(self, x: Value, mask: Value = None) -> Value:
        return x if mask is None else x * self._held(x, mask) / (1 - self.rate)

    def backward(self, grad: Value, y: Value, x: Value, *mask: Value) -> tuple[Value | None, ...]:
        return (grad * mask[0] / (1 - self.rate), None) if mask else (grad,)

    def _held(self, x: Value, mask: Value) -> Value:
        if not 0 <= self.rate < 1:
            raise ArgumentError(f"rate={self.rate} is no share that is dropped", remedy="0 ≤ rate < 1")
        if mask.shape != x.shape:
            raise ShapeError(
                f"a mask {shape_text(mask.shape)} has not the shape of x {shape_text(x.shape)}",
                remedy="a mask with an entry for every entry of x",
            )
        return mask

    def expand(self, *inputs: Node) -> Node:
        """x times the mask, over 1 - rate."""
        x, *mask = inputs
        return x * mask[0] / (1 - self.rate) if mask else x * 1.0
