"""PyTorch's operations that add up, lay out and pick entries, as nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from chainrule.core.leaves import Constant
from chainrule.core.node import Node
from chainrule.errors import ArgumentError
from chainrule.nodes import arithmetic, elementwise
from chainrule.nodes.layouts import Flip, Pad, Roll, Stack, Tile, Triangle
from chainrule.nodes.linear import Einsum, MatMul, Transpose
from chainrule.nodes.rearranging import BroadcastTo, Concatenate, ExpandDims, Gather, Index, Reshape, Squeeze, SwapAxes
from chainrule.nodes.reductions import ArgMax, ArgMin, LogSumExp, Max, Mean, Min, Sum
from chainrule.nodes.running import CumProd, CumSum, Prod
from chainrule.nodes.sorting import TakeAlong
from chainrule.nodes.spread import Norm, Std, Var
from chainrule.symbols.dimensions import Dimension

# --- along axes ------------------------------------------------------------------------------------------------------


def _axis(dim: Any) -> Any:
    """An axis as nodes have it: None for all of them, a number for one."""
    if isinstance(dim, (list, tuple)):
        return None if not dim else dim[0] if len(dim) == 1 else tuple(dim)
    return dim


def reduction(kind: Callable[..., Node]) -> Callable[..., Node]:
    """A number for all entries along some axes."""
    return lambda x, dim=None, keepdim=False, **_: kind(x, axis=_axis(dim), keepdims=bool(keepdim))


def _spread(kind: Callable[..., Node]) -> Callable[..., Node]:
    def build(x: Any, dim: Any = None, correction: Any = 1, keepdim: bool = False) -> Node:
        if isinstance(dim, bool):  # the old form: unbiased alone
            dim, correction = None, int(dim)
        ddof = 1 if correction is None else correction
        return kind(x, axis=_axis(dim), keepdims=bool(keepdim), ddof=int(ddof))

    return build


def _extreme(kind: Callable[..., Node], place: Callable[..., Node]) -> Callable[..., tuple[Node, Node]]:
    def build(x: Any, dim: Any, keepdim: bool = False) -> tuple[Node, Node]:
        return kind(x, axis=dim, keepdims=keepdim), place(x, axis=dim, keepdims=keepdim)

    return build


def _vector_norm(x: Any, order: Any = 2, dim: Any = None, keepdim: bool = False, **_: Any) -> Node:
    facts = {"axis": _axis(dim), "keepdims": bool(keepdim)}
    if order == 2:
        return Norm(x, **facts)
    if order == 1:
        return Sum(elementwise.Abs(x), **facts)
    if order == float("inf"):
        return Max(elementwise.Abs(x), **facts)
    raise ArgumentError(f"a norm of order {order} has no node", remedy="order 1, 2 or infinity")


# --- shapes ----------------------------------------------------------------------------------------------------------


def _reshaped(x: Any, shape: Any) -> Node:
    return Reshape(x, to=tuple(shape))


def _flattened(x: Any, start: int = 0, end: int = -1) -> Node:
    first, last = start % max(x.ndim, 1), end % max(x.ndim, 1)
    joined: Any = 1
    for size in x.shape[first : last + 1]:
        joined = size * joined
    return Reshape(x, to=(*x.shape[:first], joined, *x.shape[last + 1 :]))


def _unflattened(x: Any, dim: int, sizes: Any) -> Node:
    k = dim % x.ndim
    return Reshape(x, to=(*x.shape[:k], *sizes, *x.shape[k + 1 :]))


def _expanded(x: Any, sizes: Any, **_: Any) -> Node:
    new = len(sizes) - x.ndim
    to = tuple(x.shape[k - new] if k >= new and size == -1 else size for k, size in enumerate(sizes))
    return x if tuple(x.shape) == to else _stretched(x, to)


def _squeezed(x: Any, dim: Any = None) -> Any:
    axes = range(x.ndim) if dim is None else dim if isinstance(dim, (list, tuple)) else [dim]
    single = tuple(k % x.ndim for k in axes if x.shape[k] == 1)
    return Squeeze(x, axis=single) if single else x


def _permuted(x: Any, dims: Any) -> Node:
    return Transpose(x, axes=tuple(d % x.ndim for d in dims))


def _repeated(x: Any, repeats: Any) -> Node:
    return Tile(x, reps=tuple(repeats))


def _cut(x: Any, dim: int, part: slice | int) -> Node:
    return Index(x, key=(*(slice(None),) * (dim % x.ndim), part))


def _sliced(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    size = x.shape[dim]
    whole = start in (None, 0) and step == 1 and (end is None or end is size or end == size or _beyond(end, size))
    return x if whole else _cut(x, dim, slice(start, None if _far(end) else end, step))


_FAR: Final = 2**62  # PyTorch writes 2**63 - 1 where a slice has no end


def _far(end: Any) -> bool:
    return isinstance(end, int) and end > _FAR


def _beyond(end: Any, size: Any) -> bool:
    return _far(end) or (isinstance(end, int) and isinstance(size, int) and end >= size)


def _split(x: Any, sizes: Any, dim: int = 0) -> tuple[Node, ...]:
    """Parts of these sizes, or of one size each but the last."""
    if not isinstance(sizes, (list, tuple)):
        total = x.shape[dim]
        sizes = [min(sizes, total - k) for k in range(0, total, sizes)]
    ends = [int(end) for end in np.cumsum(sizes)]
    return tuple(_cut(x, dim, slice(end - size, end)) for size, end in zip(sizes, ends, strict=True))


def _chunked(x: Any, chunks: int, dim: int = 0) -> tuple[Node, ...]:
    return _split(x, -(-x.shape[dim] // chunks), dim)


def _unbound(x: Any, dim: int = 0) -> tuple[Node, ...]:
    return tuple(_cut(x, dim, k) for k in range(x.shape[dim]))


def _indexed(x: Any, indices: Any) -> Node:
    if any(isinstance(one, Node) and one.dtype.kind == "b" for one in indices):
        raise ArgumentError("a choice by truth values has as many entries as the data say", remedy="torch.where")
    chosen = [(k, one) for k, one in enumerate(indices) if one is not None]
    if len(chosen) == 1:
        return Gather(x, chosen[0][1], axis=chosen[0][0])
    return Index(x, key=tuple(slice(None) if one is None else one for one in indices))


def _gathered(x: Any, dim: int, indices: Any, **_: Any) -> Node:
    beside = [k for k in range(x.ndim) if k != dim % x.ndim and x.shape[k] != indices.shape[k]]
    for k in beside:  # PyTorch reads only as far as the indices stand
        x = _cut(x, k, slice(0, indices.shape[k]))
    return TakeAlong(x, indices, axis=dim)


def _masked(x: Any, mask: Any, value: Any) -> Node:
    return arithmetic.Where(mask, value, x)


def _padded(x: Any, widths: Any, mode: str = "constant", value: Any = None) -> Node:
    if mode != "constant":
        raise ArgumentError(f"padding with {mode!r} has no node", remedy='mode="constant"')
    pairs = [(int(a), int(b)) for a, b in zip(widths[::2], widths[1::2], strict=True)][::-1]
    return Pad(x, width=((0, 0),) * (x.ndim - len(pairs)) + tuple(pairs), value=float(value or 0))


# --- made of nothing -------------------------------------------------------------------------------------------------


def _stretched(x: Any, shape: Any) -> Node:
    """x in every place of a shape, whose named sizes are told by the nodes that they were read off."""
    named = [size for size in shape if isinstance(size, Dimension) and size not in x.shape]
    return BroadcastTo(x, *dict.fromkeys(node for size in named for node in size.seen), to=tuple(shape))


def _filled(number: Any) -> Callable[..., Node]:
    return lambda shape, **_: _stretched(Constant(number), shape)


def _like(number: Any) -> Callable[..., Node]:
    return lambda x, **_: _stretched(Constant(number), x.shape)


# --- products --------------------------------------------------------------------------------------------------------


def _added_product(base: Any, x: Any, y: Any, beta: Any = 1, alpha: Any = 1) -> Node:
    product: Node = MatMul(x, y)
    product = product if alpha == 1 else arithmetic.Multiply(product, alpha)
    return arithmetic.Add(base if beta == 1 else arithmetic.Multiply(base, beta), product)


ROWS: Final[Mapping[str, Callable[..., Any]]] = {
    "sum": reduction(Sum),
    "mean": reduction(Mean),
    "prod": reduction(Prod),
    "amax": reduction(Max),
    "amin": reduction(Min),
    "max.default": reduction(Max),
    "min.default": reduction(Min),
    "max.dim": _extreme(Max, ArgMax),
    "min.dim": _extreme(Min, ArgMin),
    "argmax": reduction(ArgMax),
    "argmin": reduction(ArgMin),
    "logsumexp": reduction(LogSumExp),
    "var": _spread(Var),
    "std": _spread(Std),
    "linalg_vector_norm": _vector_norm,
    "norm": _vector_norm,
    "cumsum": lambda x, dim, **_: CumSum(x, axis=dim),
    "cumprod": lambda x, dim, **_: CumProd(x, axis=dim),
    "view.default": _reshaped,
    "_unsafe_view": _reshaped,
    "reshape": _reshaped,
    "flatten": _flattened,
    "unflatten": _unflattened,
    "expand": _expanded,
    "squeeze": _squeezed,
    "unsqueeze": lambda x, dim: ExpandDims(x, axis=dim),
    "permute": _permuted,
    "transpose": lambda x, a, b: Transpose(x) if x.ndim == 2 and a % 2 != b % 2 else SwapAxes(x, axis1=a, axis2=b),
    "t": lambda x: x if x.ndim < 2 else Transpose(x),
    "numpy_T": Transpose,
    "cat": lambda parts, dim=0: Concatenate(*parts, axis=dim),
    "concat": lambda parts, dim=0: Concatenate(*parts, axis=dim),
    "stack": lambda parts, dim=0: Stack(*parts, axis=dim),
    "repeat": _repeated,
    "flip": lambda x, dims: Flip(x, axis=tuple(dims)),
    "roll": lambda x, shifts, dims=(): Roll(x, shift=tuple(shifts), axis=tuple(dims) or None),
    "tril": lambda x, diagonal=0: Triangle(x, k=diagonal),
    "triu": lambda x, diagonal=0: Triangle(x, lower=False, k=diagonal),
    "split": _split,
    "split_with_sizes": _split,
    "chunk": _chunked,
    "unbind": _unbound,
    "select": _cut,
    "slice": _sliced,
    "narrow": lambda x, dim, start, length: _sliced(x, dim, start, start + length),
    "index.Tensor": _indexed,
    "index_select": lambda x, dim, indices: Gather(x, indices, axis=dim),
    "gather": _gathered,
    "masked_fill": _masked,
    "constant_pad_nd": lambda x, widths, value=0: _padded(x, widths, value=value),
    "pad": _padded,
    "zeros": _filled(0.0),
    "ones": _filled(1.0),
    "full": lambda shape, number, **_: _stretched(Constant(number), shape),
    "new_zeros": lambda x, shape, **_: BroadcastTo(Constant(0.0), to=tuple(shape)),
    "new_ones": lambda x, shape, **_: BroadcastTo(Constant(1.0), to=tuple(shape)),
    "new_full": lambda x, shape, number, **_: _stretched(Constant(number), shape),
    "zeros_like": _like(0.0),
    "ones_like": _like(1.0),
    "full_like": lambda x, number, **_: _stretched(Constant(number), x.shape),
    "matmul": MatMul,
    "mm": MatMul,
    "bmm": MatMul,
    "mv": MatMul,
    "dot": MatMul,
    "addmm": _added_product,
    "baddbmm": _added_product,
    "einsum": lambda subscripts, operands, **_: Einsum(*operands, subscripts=subscripts.replace(" ", "")),
}
