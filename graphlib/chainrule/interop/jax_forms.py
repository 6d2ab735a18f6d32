"""JAX's form of every operation that a Symbol records: a column of the table of operations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.interop.neighbour import jax, jnp
from chainrule.symbols import elementary, standardizing, windows
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.operations import index
from chainrule.symbols.windows import pair

# --- entry by entry: 0 times anything is 0, and slopes hold where the other factor is a number ------------------------


def _xlogy(x: Any, y: Any) -> Any:
    return x * jnp.log(jnp.where((x == 0) & (y <= 0), 1, y))


def _xlog1m(x: Any, y: Any) -> Any:
    return x * jnp.log1p(-jnp.where((x == 0) & (y >= 1), 0, y))


def _weighted(x: Any, y: Any) -> Any:
    return x * jnp.where((x == 0) & ~jnp.isfinite(y), 0, y)


def _ratio(x: Any, y: Any) -> Any:
    return x / jnp.where((x == 0) & (y == 0), 1, y)


def _power_slope(x: Any, y: Any) -> Any:
    return y * jnp.where(y == 0, 1, x) ** (y - 1)


def _sigmoid_slope(z: Any) -> Any:
    return jax.nn.sigmoid(z) * jax.nn.sigmoid(-z)


def _tanh_slope(z: Any) -> Any:
    return 4 * _sigmoid_slope(2 * z)


# --- along an axis ---------------------------------------------------------------------------------------------------


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, ndim)


def _by_rows(function: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function of rows, along the last axis, for rows along some axes."""

    def along(x: Any, axis: Any = None) -> Any:
        axes = _axes(axis, x.ndim)
        kept = tuple(k for k in range(x.ndim) if k not in axes)
        moved = jnp.transpose(x, (*kept, *axes))
        rows = function(moved.reshape(*moved.shape[: len(kept)], -1))
        shape = moved.shape if rows.shape[-1] != 1 else (*moved.shape[: len(kept)], *(1 for _ in axes))
        return jnp.transpose(rows.reshape(shape), np.argsort((*kept, *axes)))

    return along


def _largest_and_rest(rows: Any) -> tuple[Any, Any]:
    """The first largest entry of each row, 0 where it is infinite, and the sum of exp(x - it) over the others."""
    place = jnp.argmax(rows, axis=-1, keepdims=True)
    largest = jnp.take_along_axis(rows, place, axis=-1)
    shift = jnp.where(jnp.isfinite(largest), largest, 0)
    others = jnp.arange(rows.shape[-1]) != place
    return largest, jnp.sum(jnp.where(others, jnp.exp(jnp.where(others, rows - shift, 0)), 0), axis=-1, keepdims=True)


def _log_total(rows: Any) -> Any:
    largest, rest = _largest_and_rest(rows)
    return jnp.where(jnp.isfinite(largest), jnp.where(jnp.isfinite(largest), largest, 0) + jnp.log1p(rest), largest)


def _log_shares(rows: Any) -> Any:
    """log softmax: the largest entry keeps the digits of what the others have."""
    largest, rest = _largest_and_rest(rows)
    return (rows - largest) - jnp.log1p(rest)


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    total = _by_rows(_log_total)(x, axis) if x.size else jax.scipy.special.logsumexp(x, axis=axis, keepdims=True)
    return total if keepdims else jnp.squeeze(total, _axes(axis, x.ndim))


def _rest_of_shares(rows: Any) -> Any:
    """1 - softmax, as what stands before each entry and behind it."""
    shares = jax.nn.softmax(rows, axis=-1)
    return _before(shares) + _before(shares[..., ::-1])[..., ::-1]


def _before(rows: Any) -> Any:
    return jnp.concatenate((jnp.zeros_like(rows[..., :1]), jnp.cumsum(rows[..., :-1], axis=-1)), axis=-1)


def _masked_softmax(x: Any, mask: Any, axis: Any = None) -> Any:
    held = jnp.broadcast_to(mask != 0, np.broadcast_shapes(x.shape, mask.shape))
    some = jnp.any(held, axis=axis, keepdims=True)
    return jnp.where(held, jax.nn.softmax(jnp.where(held | ~some, x, -jnp.inf), axis=axis), 0)


def _centered(x: Any, axis: Any = None) -> Any:
    apart = x - jax.lax.stop_gradient(jnp.max(x, axis=axis, keepdims=True))
    return apart - jnp.mean(apart, axis=axis, keepdims=True)


def _standardized(
    x: Any, axis: Any = None, epsilon: float = standardizing.EPSILON, *, center: bool = True, groups: Any = None
) -> Any:
    if groups is not None:
        apart, axes = standardizing.in_groups(x, groups)
        return _standardized(apart, axes, epsilon, center=center).reshape(x.shape)
    apart = _centered(x, axis) if center else x
    return apart / jnp.sqrt(jnp.mean(apart * apart, axis=axis, keepdims=True) + epsilon)


def _carried(x: Any, factors: Any, axis: int = -1) -> Any:
    """tₖ = xₖ + fₖ tₖ₋₁, as a scan of pairs (f, t)."""

    def joined(before: Any, after: Any) -> Any:
        return before[0] * after[0], after[1] + after[0] * before[1]

    factors = jnp.broadcast_to(factors, x.shape)
    return jax.lax.associative_scan(joined, (factors, jnp.broadcast_to(x, factors.shape)), axis=axis % x.ndim)[1]


def _put_along(grad: Any, indices: Any, like: Any, axis: int = -1) -> Any:
    places = list(np.ogrid[tuple(map(slice, grad.shape))])
    stretched = [k for k, size in enumerate(like.shape) if size == 1]
    places = [0 * place if k in stretched else place for k, place in enumerate(places)]
    places[axis] = indices
    return jnp.zeros(like.shape, grad.dtype).at[tuple(places)].add(grad)


def _unbroadcast(grad: Any, x: Any) -> Any:
    grad = grad.sum(axis=tuple(range(grad.ndim - x.ndim)))
    stretched = tuple(k for k in range(x.ndim) if x.shape[k] == 1 != grad.shape[k])
    return grad.sum(axis=stretched, keepdims=True)


# --- windows ---------------------------------------------------------------------------------------------------------


def _convolution(x: Any, kernel: Any, stride: Any = 1, padding: Any = 0) -> Any:
    around = [(beside, beside) for beside in pair(padding)]
    return jax.lax.conv_general_dilated(x, kernel, pair(stride), around)


def _side_by_side(x: Any, size: Any, stride: Any, padding: Any, outside: float) -> Any:
    """Every entry of a window, for all windows: JAX has no second derivative of its own pooling."""
    (rows, columns), (down, right), (above, left) = pair(size), pair(size if stride is None else stride), pair(padding)
    wide = jnp.pad(x, ((0, 0), (0, 0), (above, above), (left, left)), constant_values=outside)
    height, width = wide.shape[2] - rows + 1, wide.shape[3] - columns + 1
    parts = [wide[:, :, i : i + height : down, j : j + width : right] for i in range(rows) for j in range(columns)]
    return jnp.stack(parts)


def _max_pool(x: Any, size: Any = 2, stride: Any = None, padding: Any = 0) -> Any:
    return jnp.max(_side_by_side(x, size, stride, padding, -jnp.inf), axis=0)


def _average_pool(x: Any, size: Any = 2, stride: Any = None, padding: Any = 0, *, count_padding: bool = True) -> Any:
    total = jnp.sum(_side_by_side(x, size, stride, padding, 0), axis=0)
    ones = jnp.ones(x.shape, x.dtype)
    area = np.prod(pair(size)) if count_padding else jnp.sum(_side_by_side(ones, size, stride, padding, 0), axis=0)
    return total / area


def _back(function: Callable[..., Any], place: int = 0) -> Callable[..., Any]:
    """What sends a gradient of a function back to the operand at a place: JAX's own transpose of it."""

    def sent(grad: Any, *operands: Any, **facts: Any) -> Any:
        rest = [operand for k, operand in enumerate(operands) if k != place]

        def of_one(x: Any) -> Any:
            return function(*rest[:place], x, *rest[place:], **facts)

        return jax.vjp(of_one, operands[place])[1](grad)[0]

    return sent


def _image_back(grad: Any, kernel: Any, like: Any, **facts: Any) -> Any:
    return _back(_convolution)(grad, like, kernel, **facts)


def _kernel_back(grad: Any, x: Any, like: Any, **facts: Any) -> Any:
    return _back(_convolution, 1)(grad, x, like, **facts)


def _picked(values: Any, x: Any, **facts: Any) -> Any:
    return jax.jvp(functools.partial(_max_pool, **facts), (x,), (values,))[1]


def _of_ones(function: Callable[..., Any]) -> Callable[..., Any]:
    def sent(x: Any, axis: Any = None) -> Any:
        return jax.vjp(lambda x: function(x, axis=axis, keepdims=True).sum(), x)[1](jnp.ones((), x.dtype))[0]

    return sent


def form(operation: Any) -> Any:
    """JAX's function for an operation; NumPy's have the same name there."""
    return forms().get(operation) or getattr(jnp, operation.__name__)


@functools.cache
def forms() -> Mapping[Any, Any]:
    """The operations that have another form in JAX than NumPy's under its name."""
    return {
        index: lambda x, key: x[key],
        np.astype: lambda x, dtype: x.astype(dtype),
        np.clip: jnp.clip,
        unbroadcast: _unbroadcast,
        elementary.sigmoid: jax.nn.sigmoid,
        elementary.sigmoid_slope: _sigmoid_slope,
        elementary.tanh_slope: _tanh_slope,
        elementary.softplus: jax.nn.softplus,
        elementary.normal_cdf: jax.scipy.special.ndtr,
        elementary.erf: jax.scipy.special.erf,
        elementary.weighted: _weighted,
        elementary.xlogy: _xlogy,
        elementary.xlog1m: _xlog1m,
        elementary.ratio: _ratio,
        elementary.power_slope: _power_slope,
        elementary.logsumexp: _logsumexp,
        elementary.centered: _centered,
        elementary.softmax: lambda x, axis=None: jax.nn.softmax(x, axis=axis),
        elementary.log_softmax: _by_rows(_log_shares),
        elementary.softmax_rest: _by_rows(_rest_of_shares),
        elementary.put: lambda grad, key, like: jnp.zeros(like.shape, grad.dtype).at[key].add(grad),
        elementary.put_along: _put_along,
        elementary.carried: _carried,
        elementary.cumprod_slope: _back(jnp.cumprod),
        elementary.product_of_others: _of_ones(jnp.prod),
        standardizing.standardized: _standardized,
        standardizing.standardized_backward: _back(_standardized),
        standardizing.masked_softmax: _masked_softmax,
        windows.conv2d: _convolution,
        windows.conv2d_backward_image: _image_back,
        windows.conv2d_backward_kernel: _kernel_back,
        windows.max_pool: _max_pool,
        windows.max_pool_backward: _back(_max_pool),
        windows.max_pool_picked: _picked,
        windows.average_pool: _average_pool,
        windows.average_pool_backward: _back(_average_pool),
    }
