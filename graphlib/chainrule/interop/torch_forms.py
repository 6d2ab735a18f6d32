"""PyTorch's form of every operation that a Symbol records: a column of the table of operations."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.interop.neighbour import torch
from chainrule.interop.torch_windows import average_pool, conv2d, conv2d_image, conv2d_kernel, max_pool, max_pool_picked
from chainrule.interop.torch_windows import back_through as _back
from chainrule.symbols import elementary, standardizing, windows
from chainrule.symbols.broadcasting import unbroadcast as numpy_unbroadcast
from chainrule.symbols.operations import index as numpy_index

# Each function stands alone, or calls others of this file: torch.to_source writes them out.

# --- entry by entry --------------------------------------------------------------------------------------------------


def subtract(x: Any, y: Any) -> Any:
    """x - y, of truth values too, which PyTorch does not subtract."""
    numbers = [one.long() if getattr(one, "dtype", None) == torch.bool else one for one in (x, y)]
    return numbers[0] - numbers[1]


def beside(x: Any, other: Any) -> Any:
    """A number as a tensor of the dtype of what it meets."""
    return x if isinstance(x, torch.Tensor) else torch.as_tensor(x, dtype=getattr(other, "dtype", None))


def maximum(x: Any, y: Any) -> Any:
    """The larger of x and y."""
    return torch.maximum(beside(x, y), beside(y, x))


def minimum(x: Any, y: Any) -> Any:
    """The smaller of x and y."""
    return torch.minimum(beside(x, y), beside(y, x))


def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, y elsewhere."""
    return torch.where(condition != 0, beside(x, y), beside(y, x))


def cbrt(x: Any) -> Any:
    """The cube root, of a negative number too."""
    return torch.sign(x) * torch.abs(x) ** (1 / 3)


def sigmoid_slope(z: Any) -> Any:
    """σ'(z), with all its digits where σ(z) rounds to 1."""
    return torch.sigmoid(z) * torch.sigmoid(-z)


def tanh_slope(z: Any) -> Any:
    """tanh'(z), with all its digits where tanh(z) rounds to 1."""
    return 4 * torch.sigmoid(2 * z) * torch.sigmoid(-2 * z)


def softplus(x: Any) -> Any:
    """log(1 + exp(x)); PyTorch's own is x beyond 20, 2e-9 too little."""
    return torch.logaddexp(x, torch.zeros_like(x))


def normal_cdf(x: Any) -> Any:
    """Φ(x), whose left tail keeps its digits."""
    return torch.erfc(x * -(0.5**0.5)) / 2


def weighted(x: Any, y: Any) -> Any:
    """x y, and 0 where x is 0."""
    return x * torch.where((x == 0) & ~torch.isfinite(y), 0, y)


def xlogy(x: Any, y: Any) -> Any:
    """x log(y), and 0 where x is 0."""
    return x * torch.log(torch.where((x == 0) & (y <= 0), 1, y))


def xlog1m(x: Any, y: Any) -> Any:
    """x log(1 - y), and 0 where x is 0."""
    return x * torch.log1p(-torch.where((x == 0) & (y >= 1), 0, y))


def ratio(x: Any, y: Any) -> Any:
    """x / y, and 0 where x is 0."""
    return x / torch.where((x == 0) & (y == 0), 1, y)


def power_slope(x: Any, y: Any) -> Any:
    """y x**(y - 1), and 0 where y is 0."""
    x, y = beside(x, y), beside(y, x)
    return y * torch.where(y == 0, 1, x) ** (y - 1)


def converted(x: Any, dtype: Any) -> Any:
    """x in another dtype."""
    return x.to(dtype)


# --- along an axis ---------------------------------------------------------------------------------------------------


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes as numbers from 0; None is all of them."""
    every = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(k % ndim for k in every)


def summed(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum over axes."""
    return torch.sum(x, dim=axes_of(axis, x.ndim), keepdim=keepdims) if x.ndim else x


def averaged(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean over axes."""
    return torch.mean(x, dim=axes_of(axis, x.ndim), keepdim=keepdims) if x.ndim else x


def largest(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest entry along axes."""
    return torch.amax(x, dim=axes_of(axis, x.ndim), keepdim=keepdims) if x.ndim else x


def smallest(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest entry along axes."""
    return torch.amin(x, dim=axes_of(axis, x.ndim), keepdim=keepdims) if x.ndim else x


def product(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The product along axes, one after the other."""
    for k in sorted(axes_of(axis, x.ndim), reverse=True):
        x = torch.prod(x, dim=k, keepdim=keepdims)
    return x


def variance(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean squared distance from the mean."""
    return averaged((x - averaged(x, axis, True)) ** 2, axis, keepdims)


def deviation(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The root of the variance."""
    return torch.sqrt(variance(x, axis, keepdims))


def any_of(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether one entry holds."""
    return torch.any(x, dim=axes_of(axis, x.ndim), keepdim=keepdims)


def all_of(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all entries hold."""
    return torch.all(x, dim=axes_of(axis, x.ndim), keepdim=keepdims)


def place_of_largest(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """Where the first of the largest entries stands."""
    return torch.argmax(x, dim=axis, keepdim=keepdims)


def place_of_smallest(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """Where the first of the smallest entries stands."""
    return torch.argmin(x, dim=axis, keepdim=keepdims)


def running_sum(x: Any, axis: Any = None) -> Any:
    """The sums of the entries up to each."""
    return torch.cumsum(x.reshape(-1) if axis is None else x, dim=axis or 0)


def running_product(x: Any, axis: Any = None) -> Any:
    """The products of the entries up to each."""
    return torch.cumprod(x.reshape(-1) if axis is None else x, dim=axis or 0)


def ordered(x: Any, axis: Any = -1, *, stable: Any = None) -> Any:
    """The entries from the smallest to the largest."""
    return torch.sort(x.reshape(-1) if axis is None else x, dim=-1 if axis is None else axis, stable=True).values


def order_of(x: Any, axis: Any = -1, *, stable: Any = None) -> Any:
    """Where the smallest entry stands, the next one, and so on."""
    return torch.argsort(x.reshape(-1) if axis is None else x, dim=-1 if axis is None else axis, stable=True)


def rows_of(x: Any, axis: Any) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    """x with some axes joined into one last axis, the shape before they were joined, and the order of its axes."""
    axes = axes_of(axis, x.ndim)
    order = (*(k for k in range(x.ndim) if k not in axes), *axes)
    moved = x.permute(order)
    return moved.reshape(*moved.shape[: x.ndim - len(axes)], -1), tuple(moved.shape), order


def laid_back(rows: Any, shape: Any, order: Any) -> Any:
    """What stands in rows, where it was before."""
    back = sorted(range(len(order)), key=lambda k: order[k])
    return rows.reshape(shape).permute(back)


def largest_and_rest(rows: Any) -> tuple[Any, Any]:
    """The first largest entry of each row, and the sum of exp(x - it) over the others: exact below 1 ULP of 1."""
    place = torch.argmax(rows, dim=-1, keepdim=True)
    first = torch.gather(rows, -1, place)
    shift = torch.where(torch.isfinite(first), first, 0)
    others = torch.arange(rows.shape[-1], device=rows.device) != place
    e = torch.exp(torch.where(others, rows - shift, 0))
    return first, torch.sum(torch.where(others, e, 0), dim=-1, keepdim=True)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log Σ exp(x) along axes, the largest entry taken out first."""
    rows, _, _ = rows_of(x, axis)
    first, rest = largest_and_rest(rows)
    total = torch.where(torch.isfinite(first), torch.where(torch.isfinite(first), first, 0) + torch.log1p(rest), first)
    kept = axes_of(axis, x.ndim)
    return total.reshape([1 if k in kept else n for k, n in enumerate(x.shape) if keepdims or k not in kept])


def log_softmax(x: Any, axis: Any = None) -> Any:
    """log softmax(x), exact where the softmax rounds to 1."""
    rows, shape, order = rows_of(x, axis)
    first, rest = largest_and_rest(rows)
    return laid_back((rows - first) - torch.log1p(rest), shape, order)


def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x) / Σ exp(x) along axes."""
    rows, shape, order = rows_of(x, axis)
    return laid_back(torch.softmax(rows, dim=-1), shape, order)


def before(rows: Any) -> Any:
    """The sum of the entries before each."""
    return torch.cat((torch.zeros_like(rows[..., :1]), torch.cumsum(rows[..., :-1], dim=-1)), dim=-1)


def softmax_rest(x: Any, axis: Any = None) -> Any:
    """1 - softmax(x), as the sum of the other entries' shares."""
    rows, shape, order = rows_of(x, axis)
    shares = torch.softmax(rows, dim=-1)
    return laid_back(before(shares) + before(shares.flip(-1)).flip(-1), shape, order)


def masked_softmax(x: Any, mask: Any, axis: Any = None) -> Any:
    """The softmax of the entries where the mask holds."""
    x, held = torch.broadcast_tensors(x, mask != 0)
    some = any_of(held, axis, True)
    return torch.where(held, softmax(torch.where(held | ~some, x, -torch.inf), axis), 0)


def centered(x: Any, axis: Any = None) -> Any:
    """x less its mean, exactly 0 where all entries are equal."""
    apart = x - largest(x, axis, True).detach()
    return apart - averaged(apart, axis, True)


def standardized(x: Any, axis: Any = None, epsilon: float = 1e-5, *, center: bool = True, groups: Any = None) -> Any:
    """x less its mean, over the root of its variance and ε."""
    if groups is not None:
        apart = x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
        return standardized(apart, tuple(range(2, apart.ndim)), epsilon, center=center).reshape(x.shape)
    apart = centered(x, axis) if center else x
    return apart / torch.sqrt(averaged(apart * apart, axis, True) + epsilon)


def carried(x: Any, factors: Any, axis: int = -1) -> Any:
    """tₖ = xₖ + fₖ tₖ₋₁."""
    x, factors = torch.broadcast_tensors(x, factors)
    totals = [x.select(axis, 0)]
    for k in range(1, x.shape[axis]):
        totals.append(x.select(axis, k) + factors.select(axis, k) * totals[-1])
    return torch.stack(totals, dim=axis)


def product_of_others(x: Any, axis: Any = None) -> Any:
    """For each entry the product of the others."""
    rows, shape, order = rows_of(x, axis)
    ones = torch.ones_like(rows[..., :1])
    ahead = torch.cumprod(torch.cat((ones, rows[..., :-1]), dim=-1), dim=-1)
    behind = torch.cumprod(torch.cat((ones, rows.flip(-1)[..., :-1]), dim=-1), dim=-1).flip(-1)
    return laid_back(ahead * behind, shape, order)


def unbroadcast(grad: Any, x: Any) -> Any:
    """A gradient summed to the shape of the input that it belongs to."""
    return grad.sum_to_size(x.shape)


# --- laid out and picked ---------------------------------------------------------------------------------------------


def transposed(x: Any, axes: Any = None) -> Any:
    """x with its axes in another order, reversed where none is told."""
    return x.permute(tuple(range(x.ndim))[::-1] if axes is None else axes)


def swapped(x: Any, axis1: int, axis2: int) -> Any:
    """x with two axes in each other's place."""
    return x.transpose(axis1, axis2)


def reshaped(x: Any, shape: Any) -> Any:
    """x in another shape."""
    return x.reshape(shape)


def flat(x: Any) -> Any:
    """All entries in one row."""
    return x.reshape(-1)


def stretched(x: Any, shape: Any) -> Any:
    """x in every place of a shape."""
    return torch.broadcast_to(torch.as_tensor(x), shape)


def widened(x: Any, axis: Any) -> Any:
    """x with axes of size 1 put in."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    for k in sorted(k % (x.ndim + len(axes)) for k in axes):
        x = x.unsqueeze(k)
    return x


def narrowed(x: Any, axis: Any = None) -> Any:
    """x without axes of size 1."""
    return x.squeeze() if axis is None else x.squeeze(axis)


def joined(parts: Any, axis: int = 0) -> Any:
    """Parts end to end."""
    return torch.cat(parts, dim=axis)


def stacked(parts: Any, axis: int = 0) -> Any:
    """Parts side by side along a new axis."""
    return torch.stack(parts, dim=axis)


def tiled(x: Any, reps: Any) -> Any:
    """x laid out several times."""
    return torch.tile(x, reps if isinstance(reps, tuple) else (reps,))


def repeated(x: Any, repeats: Any, axis: Any = None) -> Any:
    """Every entry several times."""
    return torch.repeat_interleave(x, repeats, dim=axis)


def below(x: Any, k: int = 0) -> Any:
    """x with zeros above a diagonal."""
    return torch.tril(x, k)


def above(x: Any, k: int = 0) -> Any:
    """x with zeros below a diagonal."""
    return torch.triu(x, k)


def rolled(x: Any, shift: Any, axis: Any = None) -> Any:
    """x with its entries moved along an axis."""
    return torch.roll(x, shift, axis)


def padded(x: Any, pad_width: Any) -> Any:
    """x with zeros around it."""
    pairs = [(pad_width, pad_width)] * x.ndim if isinstance(pad_width, int) else pad_width
    pairs = [pairs] * x.ndim if isinstance(pairs[0], int) else pairs
    return torch.nn.functional.pad(x, [one for pair in reversed(pairs) for one in pair])


def index(x: Any, key: Any) -> Any:
    """x[key]; PyTorch takes no steps backwards, so these are turned around first."""
    parts = list(key) if isinstance(key, tuple) else [key]
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    if any(part is Ellipsis for part in parts):
        k = next(k for k, part in enumerate(parts) if part is Ellipsis)
        parts[k : k + 1] = [slice(None)] * (x.ndim - taken)
    axis = 0
    for k, part in enumerate(parts):
        if isinstance(part, slice) and (part.step or 1) < 0:
            places = range(x.shape[axis])[part]
            x = x.index_select(axis, torch.tensor(list(places), dtype=torch.long, device=x.device))
            parts[k] = slice(None)
        axis += part is not None
    return x[tuple(parts)]


def taken(x: Any, indices: Any, axis: Any = None) -> Any:
    """Entries by whole number along an axis."""
    indices = torch.as_tensor(indices)
    return x.reshape(-1)[indices] if axis is None else x[(*(slice(None),) * (axis % x.ndim), indices)]


def taken_along(x: Any, indices: Any, axis: int = -1) -> Any:
    """From each row the entries at whole numbers of its own."""
    return torch.take_along_dim(x, indices, dim=axis)


def added_at(grad: Any, places: Any, like: Any) -> Any:
    """Zeros with a gradient added at places of the flattened array."""
    places = places.expand(grad.shape).reshape(-1)
    total = torch.zeros(like.numel(), dtype=grad.dtype, device=grad.device)
    return total.index_add(0, places, grad.reshape(-1)).reshape(like.shape)


def numbered(like: Any) -> Any:
    """The place of every entry in the flattened array."""
    return torch.arange(like.numel(), device=like.device).reshape(like.shape)


def put(grad: Any, key: Any, like: Any) -> Any:
    """Zeros with a gradient added at a key: an entry named twice receives both."""
    return added_at(grad, index(numbered(like), key), like)


def put_along(grad: Any, indices: Any, like: Any, axis: int = -1) -> Any:
    """Zeros with a gradient added along an axis at indices."""
    return added_at(grad, torch.take_along_dim(numbered(like), indices, dim=axis), like)


def dot(x: Any, y: Any) -> Any:
    """The product of matrices, or that with a number."""
    return torch.matmul(x, y) if x.ndim and y.ndim else x * y


def outer(x: Any, y: Any) -> Any:
    """Every entry times every other."""
    return torch.outer(x.reshape(-1), y.reshape(-1))


def filled_like(x: Any, fill_value: Any) -> Any:
    """A value in every place of an array like x."""
    return torch.zeros_like(x) + fill_value


def identity(N: int, M: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """Ones on a diagonal."""
    return torch.diagonal_scatter(torch.zeros(N, M or N, dtype=dtype), torch.ones(min(N, M or N), dtype=dtype), k)


def form(operation: Any) -> Callable[..., Any]:
    """PyTorch's function for an operation; many of NumPy's have the same name there."""
    found: Callable[..., Any] = forms().get(operation) or getattr(torch, operation.__name__)
    return found


@functools.cache
def forms() -> Mapping[Any, Any]:
    """The operations that have another form in PyTorch than a function of the same name."""
    return {
        np.add: operator.add, np.subtract: subtract, np.multiply: operator.mul, np.divide: operator.truediv,
        np.negative: operator.neg, np.power: operator.pow, np.positive: operator.pos, np.absolute: torch.abs,
        np.equal: operator.eq, np.not_equal: operator.ne, np.less: operator.lt, np.less_equal: operator.le,
        np.greater: operator.gt, np.greater_equal: operator.ge, np.bitwise_and: operator.and_,
        np.bitwise_or: operator.or_, np.bitwise_xor: operator.xor, np.invert: operator.invert,
        np.maximum: maximum, np.minimum: minimum, np.where: where, np.cbrt: cbrt, np.rint: torch.round,
        np.clip: torch.clamp, np.astype: converted, np.sum: summed, np.mean: averaged, np.prod: product,
        np.max: largest, np.min: smallest, np.var: variance, np.std: deviation, np.any: any_of, np.all: all_of,
        np.argmax: place_of_largest, np.argmin: place_of_smallest, np.cumsum: running_sum, np.sort: ordered,
        np.cumprod: running_product, np.argsort: order_of, np.transpose: transposed, np.swapaxes: swapped,
        np.reshape: reshaped, np.ravel: flat, np.broadcast_to: stretched, np.expand_dims: widened,
        np.squeeze: narrowed,
        np.concatenate: joined, np.stack: stacked, np.tile: tiled, np.repeat: repeated, np.tril: below,
        np.triu: above, np.roll: rolled, np.pad: padded, np.copy: torch.clone, numpy_index: index, np.take: taken,
        np.take_along_axis: taken_along, np.dot: dot, np.outer: outer, np.full_like: filled_like, np.eye: identity,
        numpy_unbroadcast: unbroadcast,
        elementary.sigmoid_slope: sigmoid_slope, elementary.tanh_slope: tanh_slope, elementary.softplus: softplus,
        elementary.normal_cdf: normal_cdf, elementary.weighted: weighted, elementary.xlogy: xlogy,
        elementary.xlog1m: xlog1m, elementary.ratio: ratio, elementary.power_slope: power_slope,
        elementary.logsumexp: logsumexp, elementary.centered: centered, elementary.softmax: softmax,
        elementary.log_softmax: log_softmax, elementary.softmax_rest: softmax_rest, elementary.put: put,
        elementary.put_along: put_along, elementary.carried: carried,
        elementary.cumprod_slope: _back(running_product), elementary.product_of_others: product_of_others,
        standardizing.standardized: standardized, standardizing.standardized_backward: _back(standardized),
        standardizing.masked_softmax: masked_softmax,
        windows.conv2d: conv2d, windows.conv2d_backward_image: conv2d_image,
        windows.conv2d_backward_kernel: conv2d_kernel, windows.max_pool: max_pool,
        windows.max_pool_backward: _back(max_pool), windows.max_pool_picked: max_pool_picked,
        windows.average_pool: average_pool, windows.average_pool_backward: _back(average_pool),
    }  # fmt: skip
