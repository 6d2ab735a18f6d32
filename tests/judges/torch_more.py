"""The node classes that recorded passes and graphs of today need, as PyTorch has them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch_forms import along, loss, over
from torch_large import LARGE

import chainrule as cr
from chainrule.nodes import running, slopes, sorting

Tensor = torch.Tensor


def whole(x: Tensor, to: Any) -> Tensor:
    return x.to({"f": x.dtype, "i": torch.int64, "b": torch.bool}[np.dtype(to).kind])


def dims(x: Tensor, axis: Any) -> list[int]:
    return list(range(x.ndim)) if axis is None else list(axis) if isinstance(axis, tuple) else [axis]


def spread(x: Tensor, axis: Any, keepdims: bool, ddof: int) -> Tensor:
    """By definition: torch's own warns where there is nothing to divide by."""
    if not x.ndim:
        return 0 * x
    axes = dims(x, axis)
    apart = x - x.mean(dim=axes, keepdim=True)
    return (apart * apart).sum(dim=axes, keepdim=keepdims) / (math.prod(x.shape[k] for k in axes) - ddof)


def root(x: Tensor) -> Tensor:
    """The root, with the slope 0 at 0, where torch's own is infinite."""
    return torch.where(x > 0, torch.sqrt(torch.where(x > 0, x, 1)), 0)


def expanded(x: Tensor, axis: Any) -> Tensor:
    places = axis if isinstance(axis, tuple) else (axis,)
    for place in sorted(place % (x.ndim + len(places)) for place in places):
        x = x.unsqueeze(place)
    return x


def squeezed(x: Tensor, axis: Any) -> Tensor:
    return x.squeeze() if axis is None else x.squeeze(axis)


def scattered(table: Tensor, indices: Tensor, updates: Tensor, axis: int) -> Tensor:
    """torch adds to a flat index, so the axis goes to the front."""
    moved = updates.movedim(
        tuple(range(axis % table.ndim, axis % table.ndim + indices.ndim)), tuple(range(indices.ndim))
    )
    rows = table.movedim(axis, 0)
    return rows.index_put((indices,), moved, accumulate=True).movedim(0, axis)


def put_in(x: Tensor, like: Tensor, *indices: Tensor, key: Any) -> Tensor:
    """Through the places of the entries in a row."""
    places = torch.arange(like.numel()).reshape(like.shape)[keyed(key, indices)]
    flat = torch.zeros(like.numel(), dtype=x.dtype)
    return flat.index_put((places.reshape(-1),), x.reshape(-1), accumulate=True).reshape(like.shape)


def keyed(key: Any, indices: tuple[Tensor, ...]) -> Any:
    fed = iter(indices)
    parts = key if isinstance(key, tuple) else (key,)
    found = tuple(next(fed) if isinstance(part, str) else part for part in parts)
    return tuple(torch.tensor(part) if isinstance(part, np.ndarray) else part for part in found)


def repeated(x: Tensor, repeats: int, axis: int | None) -> Tensor:
    return torch.repeat_interleave(x, repeats, dim=axis)


def place(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def found(x: Tensor, axis: int | None, keepdims: bool) -> Tensor:
        if axis is not None:
            return function(x, dim=axis, keepdim=keepdims)
        at = function(x.reshape(-1), dim=0)
        return at.reshape((1,) * x.ndim) if keepdims else at

    return found


def stretched(x: Tensor, *like: Tensor, to: Any) -> Tensor:
    return torch.broadcast_to(x, to if to is not None else like[0].shape)


def shaped(x: Tensor, *like: Tensor, to: Any) -> Tensor:
    return x.reshape(to if to is not None else like[0].shape if like else (-1,))


def length(x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    return torch.linalg.vector_norm(x, dim=dims(x, axis) or None, keepdim=keepdims)


def padded(x: Tensor, width: Any, value: float) -> Tensor:
    """torch counts the pairs from the last axis."""
    pairs = np.broadcast_to(np.asarray(width), (x.ndim, 2))[::-1]
    return functional.pad(x, pairs.reshape(-1).tolist(), value=value) if x.ndim else x


def product(x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    """torch multiplies along one axis at a time."""
    for k in sorted((k % x.ndim for k in dims(x, axis)), reverse=True):
        x = torch.prod(x, k, keepdim=keepdims)
    return x


def others(x: Tensor, axis: Any) -> Tensor:
    """By definition: the product of all entries with a 1 in the place of the one that is left out."""
    axes = [k % x.ndim for k in dims(x, axis)]
    sizes = [x.shape[k] if k in axes else 1 for k in range(x.ndim)]
    each = torch.ones_like(x)
    for place in np.ndindex(*sizes):
        at = torch.zeros(sizes, dtype=bool)
        at[place] = True
        each = torch.where(at, product(torch.where(at, torch.ones_like(x), x), tuple(axes), True), each)
    return each


def carried(x: Tensor, factors: Tensor, axis: int) -> Tensor:
    """By definition, entry by entry."""
    rows = []
    for entry, factor in zip(x.unbind(axis), factors.unbind(axis), strict=True):
        rows.append(entry + factor * rows[-1] if rows else entry)
    return torch.stack(rows, dim=axis) if rows else x


def cumprod_slope(x: Tensor, factors: Tensor, axis: int) -> Tensor:
    """By definition: a sum over the products that an entry takes part in, without it."""
    size, columns = factors.shape[axis], []
    xs, fs = x.unbind(axis), factors.unbind(axis)
    for j in range(size):
        terms = [
            xs[k] * math.prod([fs[i] for i in range(k + 1) if i != j], start=torch.ones_like(xs[k]))
            for k in range(j, size)
        ]
        columns.append(sum(terms[1:], start=terms[0]))
    return torch.stack(columns, dim=axis) if columns else x * factors


def taken_along(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    return torch.take_along_dim(x, indices, dim=axis)


def put_along(x: Tensor, indices: Tensor, like: Tensor, axis: int) -> Tensor:
    """The gradient of a take: torch's own scatter does not stretch."""
    table = torch.zeros_like(like).requires_grad_()
    taken = torch.take_along_dim(table, indices, dim=axis)
    (total,) = torch.autograd.grad(taken, table, x, create_graph=True)
    return total


MORE: dict[type[cr.Node], Callable[..., Tensor]] = {
    **LARGE,
    cr.And: torch.logical_and,
    cr.ArcCos: torch.arccos,
    cr.ArcCosh: torch.arccosh,
    cr.ArcSin: torch.arcsin,
    cr.ArcSinh: torch.arcsinh,
    cr.ArcTan: torch.arctan,
    cr.ArcTanh: torch.arctanh,
    cr.ArgMax: place(torch.argmax),
    cr.ArgMin: place(torch.argmin),
    cr.ArgSort: lambda x, axis: torch.argsort(x, dim=axis, stable=True),
    cr.AsType: whole,
    cr.BroadcastTo: stretched,
    cr.Ceil: torch.ceil,
    cr.Cosh: torch.cosh,
    cr.CumProd: lambda x, axis: torch.cumprod(x.reshape(-1) if axis is None else x, 0 if axis is None else axis),
    cr.CumSum: lambda x, axis: torch.cumsum(x.reshape(-1) if axis is None else x, 0 if axis is None else axis),
    cr.Diagonal: torch.diag,
    cr.ELU: lambda x, alpha: functional.elu(x, alpha),
    cr.Einsum: lambda *values, subscripts: torch.einsum(subscripts, *values),
    cr.Equal: torch.eq,
    cr.ExpandDims: expanded,
    cr.Erf: torch.erf,
    cr.Expm1: torch.expm1,
    cr.Flip: lambda x, axis: torch.flip(x, dims(x, axis)),
    cr.Floor: torch.floor,
    cr.FullLike: lambda x, value: torch.broadcast_to(value, x.shape),
    cr.Greater: torch.gt,
    cr.GreaterEqual: torch.ge,
    cr.HuberLoss: lambda a, y, delta, **facts: loss(
        lambda a, y: functional.huber_loss(a, y, delta=delta, reduction="none")
    )(a, y, **facts),
    cr.Index: lambda x, *indices, key: x[keyed(key, indices)],
    cr.IsFinite: torch.isfinite,
    cr.IsInfinite: torch.isinf,
    cr.IsNaN: torch.isnan,
    cr.KLLoss: loss(lambda p, y: functional.kl_div(torch.log(p), y, reduction="none")),
    cr.L1Loss: loss(lambda a, y: functional.l1_loss(a, y, reduction="none")),
    cr.Less: torch.lt,
    cr.LessEqual: torch.le,
    cr.Log1p: torch.log1p,
    cr.Min: over(torch.amin),
    cr.Mod: torch.remainder,
    cr.Norm: length,
    cr.NormalCDF: torch.special.ndtr,
    cr.Not: torch.logical_not,
    cr.NotEqual: torch.ne,
    cr.Or: torch.logical_or,
    cr.Pad: padded,
    cr.Prod: product,
    cr.Repeat: repeated,
    cr.Reshape: shaped,
    cr.Roll: lambda x, shift, axis: torch.roll(x, shift, axis),
    cr.Round: torch.round,
    cr.ScatterAdd: scattered,
    cr.SiLU: functional.silu,
    cr.Sign: torch.sign,
    cr.Sinh: torch.sinh,
    cr.Size: lambda x, axis: torch.tensor(x.numel() if axis is None else x.shape[axis], dtype=x.dtype),
    cr.Softsign: functional.softsign,
    cr.Sort: lambda x, axis: torch.sort(x, dim=axis, stable=True).values,
    cr.Squeeze: squeezed,
    cr.Stack: lambda *values, axis: torch.stack(values, dim=axis),
    cr.Std: lambda x, **facts: root(spread(x, **facts)),
    cr.StopGradient: torch.detach,
    cr.SwapAxes: lambda x, axis1, axis2: torch.swapaxes(x, axis1, axis2),
    cr.TakeAlong: taken_along,
    cr.Tan: torch.tan,
    cr.Tile: lambda x, reps: torch.tile(x, reps if isinstance(reps, tuple) else (reps,)),
    cr.TopK: lambda x, k, axis: torch.topk(x, k, dim=axis).values,
    cr.Triangle: lambda x, lower, k: torch.tril(x, k) if lower else torch.triu(x, k),
    cr.Var: spread,
    cr.Xor: torch.logical_xor,
    running.Carried: carried,
    running.CumProdSlope: cumprod_slope,
    running.ProductOfOthers: others,
    sorting.PutAlong: put_along,
    slopes.Centered: lambda x, axis: x - x.mean(dim=dims(x, axis), keepdim=True) if x.ndim else x - x,
    slopes.PowerSlope: lambda x, y: y * x ** (y - 1),
    slopes.Put: put_in,
    slopes.Ratio: torch.div,
    slopes.SigmoidSlope: lambda z: torch.sigmoid(z) * torch.sigmoid(-z),
    slopes.SoftmaxRest: lambda x, axis: 1 - along(torch.softmax)(x, axis),
    slopes.TanhSlope: lambda x: 1 / torch.cosh(x) ** 2,
    slopes.Unbroadcast: lambda x, like: x.sum_to_size(like.shape),
    slopes.Weighted: torch.mul,
    slopes.XLog1m: lambda x, y: x * torch.log1p(-y),
    slopes.XLogY: torch.special.xlogy,
}
