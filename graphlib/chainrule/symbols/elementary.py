"""Elementary functions that are exact over the whole range of floating point, each one step to a Symbol.

The textbook forms overflow, or lose every digit once a sigmoid has rounded to 1. The forms here do not: they are
built on e = exp(-|z|), which never overflows. Accuracy is in units in the last place (ULP), measured against mpmath.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.symbols import operations
from chainrule.symbols.adding_at import add_at
from chainrule.symbols.in_blocks import of_rows_in_blocks
from chainrule.symbols.normal import erf_of, normal_cdf_of
from chainrule.symbols.shapes import reduced
from chainrule.symbols.symbol import Value, elementary

# The textbook forms along an axis: what a Symbol stands for has no numbers yet that could overflow.


def _softmax_form(x: Value, axis: Any = None) -> Value:
    e = np.exp(x)
    return e / e.sum(axis=axis, keepdims=True)


def _logsumexp_form(x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def _log_softmax_form(x: Value, axis: Any = None) -> Value:
    return x - _logsumexp_form(x, axis, keepdims=True)


def _put_entries(grad: Value, key: Any, like: Value) -> Value:
    total = np.zeros_like(like)
    np.add.at(total, key, grad)
    return total


def _decay(z: Value) -> Value:
    """exp(-|z|); for a complex z analytic on either side of 0, so that the complex step passes through it."""
    if isinstance(z, np.ndarray) and z.dtype.kind == "f":  # a choice takes twice as long as a minimum
        return np.exp(np.minimum(z, -z))
    return np.exp(np.where(np.real(z) >= 0, -z, z))


@elementary("entrywise")
def sigmoid(z: Value) -> Value:
    """σ(z) = 1 / (1 + exp(-z)), within 2 ULP everywhere.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    e = _decay(z)
    return np.where(np.real(z) >= 0, 1 / (1 + e), e / (1 + e))


@elementary("entrywise", textbook=lambda z: sigmoid(z) * (1 - sigmoid(z)), has_name=False)
def sigmoid_slope(z: Value) -> Value:
    """σ'(z) = σ(z) (1 - σ(z)), from e / (1 + e)² within 3.4 ULP: a(1 - a) has no digit left once a rounds to 1.

    >>> sigmoid_slope(np.array([0.0, 40.0])).tolist()
    [0.25, 4.248354255291589e-18]
    """
    e = _decay(z)
    return e / ((1 + e) * (1 + e))


@elementary("entrywise", textbook=lambda z: 1 - np.square(np.tanh(z)), has_name=False)
def tanh_slope(z: Value) -> Value:
    """tanh'(z) = 1 - tanh(z)², from 4 e² / (1 + e²)², which keeps its digits where tanh rounds to 1.

    >>> tanh_slope(np.array([0.0, 20.0])).tolist()
    [1.0, 1.6993417021166355e-17]
    """
    e = _decay(2 * np.clip(z, -400, 400))  # 0 at either end, and 2z cannot overflow
    return 4 * e / ((1 + e) * (1 + e))


@elementary("entrywise")
def softplus(x: Value) -> Value:
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)).

    >>> softplus(np.array([-1000.0, 0.0, 1000.0]))
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+03])
    """
    return np.where(np.real(x) >= 0, x, 0) + np.log1p(_decay(x))


@elementary("entrywise")
def normal_cdf(x: Value) -> Value:
    """Φ(x), the probability that a standard normal number is below x, within 4 ULP: the left tail keeps its digits.

    >>> [f"{p:.12g}" for p in normal_cdf(np.array([-10.0, 0.0]))]
    ['7.61985302416e-24', '0.5']
    """
    return normal_cdf_of(x)


@elementary("entrywise")
def erf(x: Value) -> Value:
    """2/√π ∫₀ˣ exp(-t²) dt, the share of normal numbers of variance 1/2 that are nearer to 0 than x, within 2 ULP.

    >>> erf(np.array([0.0, 10.0])).tolist()
    [0.0, 1.0]
    """
    return erf_of(x)


@elementary("entrywise", textbook=lambda x, y: x * y, has_name=False)
def weighted(x: Value, y: Value) -> Value:
    """x y, and 0 wherever x is 0, also beside an infinity: what a class that is masked with -inf adds to a loss.

    >>> weighted(np.array([0.0, 1.0]), np.array([-np.inf, 2.0])).tolist()
    [0.0, 2.0]
    """
    with np.errstate(invalid="ignore"):
        return np.where(x == 0, x, x * y)


@elementary("entrywise", textbook=lambda x, y: x * np.log(y), has_name=False)
def xlogy(x: Value, y: Value) -> Value:
    """x log(y), and 0 wherever x is 0, as the limit has it; NaN for a negative y, without a warning.

    >>> xlogy(np.array([0.0, 2.0]), np.array([0.0, 1.0])).tolist()
    [0.0, 0.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x == 0, x, x * np.log(y))


@elementary("entrywise", textbook=lambda x, y: x * np.log(1 - y), has_name=False)
def xlog1m(x: Value, y: Value) -> Value:
    """x log(1 - y), and 0 wherever x is 0; from log1p, because 1 - y keeps few digits of a small y.

    >>> xlog1m(np.array([0.0, 1.0]), np.array([1.0, 1e-20])).tolist()
    [0.0, -1e-20]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x == 0, x, x * np.log1p(-y))


@elementary("entrywise", textbook=lambda x, y: x / y, has_name=False)
def ratio(x: Value, y: Value) -> Value:
    """x / y, and 0 wherever x is 0, even over 0; infinite without a warning where only y is 0.

    >>> ratio(np.array([0.0, 1.0]), np.array([0.0, 4.0])).tolist()
    [0.0, 0.25]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x == 0, x, x / y)


@elementary("entrywise", textbook=lambda x, y: y * x ** (y - 1), has_name=False)
def power_slope(x: Value, y: Value) -> Value:
    """d/dx x**y = y x**(y - 1), and 0 wherever y is 0.

    >>> power_slope(np.array([0.0, 3.0]), np.array([0.0, 2.0])).tolist()
    [0.0, 6.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y == 0, y * np.ones_like(x), y * x ** (y - 1))


# --- along an axis -------------------------------------------------------------------------------------------------


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, ndim)


def _flat(x: Value, axis: Any) -> Value:
    """x with the reduced axes joined into one last axis."""
    axes = _axes(axis, x.ndim)
    kept = [k for k in range(x.ndim) if k not in axes]
    moved = np.transpose(x, (*kept, *axes))
    return moved.reshape(*moved.shape[: len(kept)], math.prod(x.shape[k] for k in axes))


def _unflat(flat: Value, x: Value, axis: Any) -> Value:
    """The inverse of ``_flat`` for an array of the flat shape."""
    axes = _axes(axis, x.ndim)
    order = (*(k for k in range(x.ndim) if k not in axes), *axes)
    return np.transpose(flat.reshape(tuple(x.shape[k] for k in order)), np.argsort(order))


def _shift(x: Value, axis: Any = -1) -> Value:
    """The largest entry along an axis, 0 where it is infinite: subtracting it cannot give NaN."""
    return _finite_or_0(np.max(np.real(x), axis=axis, keepdims=True, initial=-np.inf))


def _finite_or_0(x: Value) -> Value:
    """x with 0 in the place of all that is no finite number."""
    finite = np.isfinite(x)
    return x if finite.all() else np.where(finite, x, x.dtype.type(0))


def _gap(x: Value, axis: Any = -1) -> tuple[Value, Value]:
    """x - max as the nearest float, and what that leaves out (Knuth's two-sum): up to 300 ULP of exp(x - max)."""
    largest = _shift(x, axis)
    with np.errstate(over="ignore", invalid="ignore"):  # -inf is right where the difference is no float
        gap = x - largest
        back = x - gap
        left_out = x - (gap + back)
        back -= largest
        left_out += back
    return gap, _finite_or_0(left_out)


def _exp_of(gap: Value, left_out: Value) -> Value:
    """exp(x - max), as exact as exp itself."""
    power, rest = np.exp(gap), 1 + left_out
    power *= rest
    return power


def _log_total(flat: Value, gap: Value, left_out: Value) -> Value:
    """log of the sum of exp(x - max): log1p of the rest; the largest entry itself where it is infinite.

    The rest is the sum over all entries of a row but one that attains the max: exact below 1 ULP of 1.
    """
    rest = _exp_of(gap, left_out)
    np.put_along_axis(rest, np.argmax(flat, axis=-1, keepdims=True), 0, axis=-1)
    largest, total = np.max(flat, axis=-1, keepdims=True), np.log1p(rest.sum(axis=-1, keepdims=True))
    finite = np.isfinite(largest)
    return total if finite.all() else np.where(finite, total, largest)


def _complex_safe(x: Value) -> bool:
    """Whether a largest entry can be taken out: there is one, and no complex step is under way."""
    return x.size > 0 and not np.iscomplexobj(x)


@elementary("axis", operations.reduced, textbook=_logsumexp_form)
def logsumexp(x: Value, axis: Any = None, keepdims: bool = False) -> Value:
    """log Σ exp(x) over an axis, the largest entry taken out first; -inf over an empty axis.

    >>> float(logsumexp(np.array([1000.0, 1000.0])))
    1000.6931471805599
    """
    flat = _flat(x, axis)
    result = _shift(flat) + _log_total(flat, *_gap(flat)) if _complex_safe(flat) else _logsumexp_plain(flat)
    kept = reduced(x.shape, axis, keepdims)
    return result.reshape(kept)


def _logsumexp_plain(flat: Value) -> Value:
    """The sum over an empty axis, and the analytic form that the complex step needs."""
    shift = _shift(flat)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(flat - shift).sum(axis=-1, keepdims=True)) + shift


def _centered_form(x: Value, axis: Any = None) -> Value:
    return x - np.mean(x, axis=axis, keepdims=True)


@elementary("axis", operations.kept, linear=(0,), textbook=_centered_form, has_name=False)
def centered(x: Value, axis: Any = None) -> Value:
    """x less its mean over an axis, exactly 0 where all entries are equal: what is larger than they are cancels first.

    >>> x = np.array([0.1, 0.1, 0.1])
    >>> centered(x).tolist(), (x - x.mean()).tolist()
    ([0.0, 0.0, 0.0], [-1.3877787807814457e-17, -1.3877787807814457e-17, -1.3877787807814457e-17])
    """
    x = x if x.dtype.kind == "f" else x.astype(float)
    if not x.size:
        return x
    apart = x - _shift(x, axis)
    return apart - np.mean(apart, axis=axis, keepdims=True)


@elementary("axis", operations.kept, textbook=_softmax_form)
def softmax(x: Value, axis: Any = None) -> Value:
    """exp(x) / Σ exp(x) over an axis.

    >>> softmax(np.array([[1000.0, 0.0], [1000.0, 0.0]]), axis=0).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    return of_rows_in_blocks(_shares, axis, x)


def _shares(axis: Any, x: Value) -> Value:
    e = _exp_of(*_gap(x, axis))
    e /= e.sum(axis=axis, keepdims=True)
    return e


@elementary("axis", operations.kept, textbook=_log_softmax_form)
def log_softmax(x: Value, axis: Any = None) -> Value:
    """log softmax(x), exact where the softmax rounds to 1: the small remainder is summed on its own.

    >>> log_softmax(np.array([40.0, 0.0])).tolist()
    [-4.248354255291589e-18, -40.0]
    """
    flat = _flat(x, axis)
    if not _complex_safe(flat):
        return _unflat(flat - _logsumexp_plain(flat), x, axis)
    gap, left_out = _gap(flat)
    return _unflat(gap - (_log_total(flat, gap, left_out) - left_out), x, axis)


@elementary("axis", operations.kept, textbook=lambda x, axis=None: 1 - softmax(x, axis=axis), has_name=False)
def softmax_rest(x: Value, axis: Any = None) -> Value:
    """1 - softmax(x), as the sum of the other entries' shares, so that it keeps its digits near 0.

    >>> softmax_rest(np.array([40.0, 0.0])).tolist()
    [4.248354255291589e-18, 1.0]
    """
    p = _flat(softmax(x, axis=axis), axis)
    after = _exclusive_sum(p[..., ::-1])[..., ::-1]
    return _unflat(_exclusive_sum(p) + after, x, axis)


def _exclusive_sum(p: Value) -> Value:
    """The sum of the entries before each entry of a row."""
    total = np.zeros_like(p)
    np.cumsum(p[..., :-1], axis=-1, out=total[..., 1:])
    return total


@elementary("selection", operations.put, dtype="first", linear=(0,), of_entries=_put_entries)
def put(grad: Value, key: Any, like: Value) -> Value:
    """Zeros of the shape of ``like`` with ``grad`` added at ``key``: an entry named twice receives both.

    >>> put(np.array([1.0, 2.0, 4.0]), np.array([0, 2, 0]), np.zeros(3)).tolist()
    [5.0, 0.0, 2.0]
    """
    total = np.zeros(np.shape(like), dtype=grad.dtype)
    add_at(total, key, grad)
    return total


@elementary("selection", operations.put_along, dtype="first", linear=(0,))
def put_along(grad: Value, indices: Value, like: Value, axis: int = -1) -> Value:
    """Zeros of the shape of ``like`` with ``grad`` added along an axis at ``indices``: what undoes a take along it.

    >>> put_along(np.array([1.0, 2.0, 4.0]), np.array([0, 2, 0]), np.zeros(3)).tolist()
    [5.0, 0.0, 2.0]
    """
    total = np.zeros_like(like, dtype=grad.dtype)
    places = list(np.ogrid[tuple(map(slice, grad.shape))])
    places[axis] = indices
    stretched = [k for k, size in enumerate(like.shape) if size == 1 and k != axis % like.ndim]
    for k in stretched:
        places[k] = np.zeros_like(places[k])
    np.add.at(total, tuple(places), grad)
    return total


# --- products of entries, of which some may be 0 --------------------------------------------------------------------


@elementary("axis", operations.kept_of_two, has_name=False)
def carried(x: Value, factors: Value, axis: int = -1) -> Value:
    """Running sums along an axis in which what has been added up is taken times a factor: tₖ = xₖ + fₖ tₖ₋₁.

    >>> carried(np.array([1.0, 1.0, 1.0]), np.array([9.0, 0.5, 0.5])).tolist()
    [1.0, 1.5, 1.75]
    """
    totals = np.array(x, dtype=np.result_type(x, factors))
    rows, times = np.moveaxis(totals, axis, 0), np.moveaxis(factors, axis, 0)
    for k in range(1, len(rows)):
        rows[k] += times[k] * rows[k - 1]
    return totals


def carried_back(grad: Value, factors: Value, axis: int = -1) -> Value:
    """sₖ = gradₖ + fₖ₊₁ sₖ₊₁, from the last entry to the first."""
    end = backwards(grad, axis)
    return carried(grad[end], one_before(factors[end], axis, np.zeros_like), axis=axis)[end]


def one_before(x: Value, axis: int, first: Any) -> Value:
    """The entry before each along an axis, and in front what ``first`` makes of one: ones or zeros."""
    along = (slice(None),) * (axis % x.ndim)
    return np.concatenate((first(x[(*along, slice(None, 1))]), x[(*along, slice(None, -1))]), axis=axis)


def backwards(x: Value, axis: int) -> tuple[slice, ...]:
    """The key that takes x from the last entry along an axis to the first."""
    return (*(slice(None),) * (axis % x.ndim), slice(None, None, -1))


def _running_form(grad: Value, x: Value, axis: int = -1) -> Value:
    end = backwards(x, axis)
    return np.cumsum((grad * np.cumprod(x, axis=axis))[end], axis=axis)[end] / x


@elementary("axis", operations.kept_of_two, linear=(0,), textbook=_running_form, has_name=False)
def cumprod_slope(grad: Value, x: Value, axis: int = -1) -> Value:
    """What the running products of x send back to it: Σ gradₖ yₖ / xⱼ over k ≥ j, without the division.

    >>> cumprod_slope(np.array([1.0, 1.0, 1.0]), np.array([2.0, 0.0, 3.0])).tolist()
    [1.0, 8.0, 0.0]
    """
    return one_before(np.cumprod(x, axis=axis), axis, np.ones_like) * carried_back(grad, x, axis)


def _others_form(x: Value, axis: Any = None) -> Value:
    return np.prod(x, axis=axis, keepdims=True) / x


@elementary("axis", operations.kept, textbook=_others_form, has_name=False)
def product_of_others(x: Value, axis: Any = None) -> Value:
    """For each entry the product of the others along an axis, without a division.

    >>> product_of_others(np.array([2.0, 0.0, 3.0])).tolist()
    [0.0, 6.0, 0.0]
    """
    flat = _flat(x, axis)
    end = backwards(flat, -1)
    behind = np.cumprod(one_before(flat[end], -1, np.ones_like), axis=-1)[end]
    return _unflat(np.cumprod(one_before(flat, -1, np.ones_like), axis=-1) * behind, x, axis)
