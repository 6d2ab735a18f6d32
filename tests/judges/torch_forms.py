"""Reductions, rows and losses as PyTorch has them, out of functions of entries and of one dimension."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

Tensor = torch.Tensor


def axes_of(x: Tensor, axis: Any) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)


def over(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A reduction over several dimensions; a tensor without any is its own sum, mean, maximum and logsumexp."""

    def reduced(x: Tensor, axis: Any, keepdims: bool) -> Tensor:
        return function(x, dim=axes_of(x, axis), keepdim=keepdims) if x.ndim and axis != () else x

    return reduced


def along(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function along one dimension, taken along several at once."""

    def joined(x: Tensor, axis: Any) -> Tensor:
        axes = [k % x.ndim for k in axes_of(x, axis)] if x.ndim else []
        kept = [k for k in range(x.ndim) if k not in axes]
        moved = x.permute(kept + axes)
        rows = moved.reshape([x.shape[k] for k in kept] + [math.prod(x.shape[k] for k in axes)])
        order = np.argsort(kept + axes).tolist()
        return function(rows, dim=-1).reshape(moved.shape).permute(order)

    return joined


def reduced(losses: Tensor, reduction: str, examples: int | None) -> Tensor:
    """Losses of all entries, summed over each example; then the mean or sum over the examples, or neither."""
    batch = -1 if examples is None else examples
    if reduction == "none":
        inside = [k for k in range(losses.ndim) if k != batch % losses.ndim]
        return losses.sum(dim=inside, keepdim=True) if losses.ndim > 1 else losses
    return losses.sum() / (losses.shape[batch] if losses.ndim else 1) if reduction == "mean" else losses.sum()


def loss(entries: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda x, y, reduction, examples: reduced(entries(x, y), reduction, examples)
