"""Kinds of nodes for random graphs beside the first ones, each with its twin over dual numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import dual
import numpy as np
from dual import Array, Dual

import chainrule as cr

Compute: TypeAlias = Callable[..., Dual]
Kind: TypeAlias = tuple[Callable[..., cr.Node], Compute]


def _by(function: Callable[[Array], Array], slope: Callable[[Array], Array]) -> Compute:
    return dual.elementwise(function, slope)


def _sigmoid(x: Dual) -> Dual:
    return 1.0 / (1.0 + dual.exp(-x))


def _still(value: Array) -> Dual:
    """A value that does not move."""
    return Dual(value)


def _density(x: Array) -> Array:
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _inside(function: Callable[[Array], Array], slope: Callable[[Array], Array]) -> Compute:
    """A function of 0.9 tanh(x), which is between -1 and 1."""
    return lambda x: dual.elementwise(function, slope)(0.9 * dual.tanh(x))


ELEMENTWISE: list[Kind] = [
    (lambda x: cr.Log1p(x * x), lambda x: dual.log(1.0 + x * x)),
    (lambda x: cr.Expm1(cr.Sin(x)), lambda x: dual.exp(dual.sin(x)) - 1.0),
    (lambda x: cr.Tan(cr.Sin(x)), lambda x: dual.sin(dual.sin(x)) / dual.cos(dual.sin(x))),
    (lambda x: cr.Sinh(cr.Tanh(x)), lambda x: (dual.exp(dual.tanh(x)) - dual.exp(-dual.tanh(x))) / 2.0),
    (lambda x: cr.Cosh(cr.Tanh(x)), lambda x: (dual.exp(dual.tanh(x)) + dual.exp(-dual.tanh(x))) / 2.0),
    (lambda x: cr.ArcSin(0.9 * cr.Tanh(x)), _inside(np.arcsin, lambda v: (1 - v * v) ** -0.5)),
    (lambda x: cr.ArcCos(0.9 * cr.Tanh(x)), _inside(np.arccos, lambda v: -((1 - v * v) ** -0.5))),
    (lambda x: cr.ArcTan(x), _by(np.arctan, lambda v: 1 / (1 + v * v))),
    (lambda x: cr.ArcSinh(x), _by(np.arcsinh, lambda v: (1 + v * v) ** -0.5)),
    (lambda x: cr.ArcCosh(1.5 + x * x), lambda x: _by(np.arccosh, lambda v: (v * v - 1) ** -0.5)(1.5 + x * x)),
    (lambda x: cr.ArcTanh(0.9 * cr.Tanh(x)), _inside(np.arctanh, lambda v: 1 / (1 - v * v))),
    (lambda x: cr.SiLU(x), lambda x: x * _sigmoid(x)),
    (lambda x: cr.ELU(x, alpha=0.7), lambda x: dual.where(x.value > 0, x, (dual.exp(x) - 1.0) * 0.7)),
    (lambda x: cr.Softsign(x), lambda x: x / (1.0 + abs(x))),
    (lambda x: cr.Sign(x) * x, abs),
    (lambda x: cr.Floor(x + 0.013) + x, lambda x: _still(np.floor(x.value + 0.013)) + x),
    (lambda x: cr.Ceil(x + 0.013) + x, lambda x: _still(np.ceil(x.value + 0.013)) + x),
    (lambda x: cr.Round(x + 0.013) + x, lambda x: _still(np.rint(x.value + 0.013)) + x),
    (lambda x: cr.Mod(x + 0.013, 2.0), lambda x: x + 0.013 - _still(2 * np.floor((x.value + 0.013) / 2))),
    (lambda x: cr.StopGradient(x) * x, lambda x: _still(x.value) * x),
    (lambda x: cr.Erf(x), _by(np.vectorize(math.erf, otypes=[float]), lambda v: 2 * np.exp(-v * v) / np.sqrt(np.pi))),
    (lambda x: cr.NormalCDF(x), lambda x: Dual(_cdf(x.value), _density(x.value) * x.tangent)),
    (lambda x: cr.FullLike(x, 0.5) * x, lambda x: 0.5 * x),
    (
        lambda x: cr.Where(cr.And(cr.Greater(x, -0.3), cr.LessEqual(x, 1.2)), x, x * x),
        lambda x: dual.where((x.value > -0.3) & (x.value <= 1.2), x, x * x),
    ),
    (
        lambda x: cr.Where(cr.Or(cr.GreaterEqual(x, 1.2), cr.Less(x, -0.3)), x, x * x),
        lambda x: dual.where((x.value >= 1.2) | (x.value < -0.3), x, x * x),
    ),
    (
        lambda x: cr.Where(cr.Xor(cr.Greater(x, 1.2), cr.Not(cr.NotEqual(x, x))), x, x * x),
        lambda x: dual.where(x.value <= 1.2, x, x * x),
    ),
    (lambda x: cr.Where(cr.And(cr.IsFinite(x), cr.Equal(x, x)), x, 0.0), lambda x: x),
    (lambda x: cr.Where(cr.Or(cr.IsNaN(x), cr.IsInfinite(x)), 0.0, x), lambda x: x),
    (lambda x: cr.AsType(cr.Greater(x, 0)) * x, lambda x: dual.where(x.value > 0, x, 0.0)),
]  # fmt: skip


def _cdf(x: Array) -> Array:
    return np.vectorize(lambda number: 0.5 * math.erfc(-number / math.sqrt(2)), otypes=[float])(x)


# --- the kinds: each draws operands from a sketch and appends a node with its twin -----------------------------------


def deviation(sketch: Any) -> None:
    """Variance, standard deviation, length, the smallest entry."""
    x = sketch.pick(lambda shape: len(shape) > 0 and all(size > 1 for size in shape))
    axis, keepdims = sketch.axis(x), sketch.chance()

    def variance(a: Dual) -> Dual:
        apart = a - a.mean(axis, True)
        return (apart * apart).mean(axis, keepdims)

    kinds: list[Kind] = [
        (lambda a: cr.Var(a, axis=axis, keepdims=keepdims), variance),
        (lambda a: cr.Std(a, axis=axis, keepdims=keepdims) + 1, lambda a: _root(variance(a)) + 1.0),
        (
            lambda a: cr.Norm(a + 0.013, axis=axis, keepdims=keepdims),  # x / |x| as it is written is 0 / 0 at 0
            lambda a: _root(((a + 0.013) * (a + 0.013)).sum(axis, keepdims)),
        ),
        (lambda a: cr.Min(a, axis=axis, keepdims=keepdims), lambda a: -((-a).max(axis, keepdims))),
    ]
    node, compute = kinds[sketch.rng.integers(len(kinds))]
    sketch.add(node, compute, x)


def _root(x: Dual) -> Dual:
    """√x whose slope at 0 is taken to be 0."""
    root = np.sqrt(x.value)
    return Dual(root, x.tangent * np.divide(0.5, root, out=np.zeros_like(root), where=x.value > 1e-30))


def sum_so_far(sketch: Any) -> None:
    """Sums and products up to each entry, and the product of all."""
    x = sketch.pick(lambda shape: len(shape) > 0)
    axis = int(sketch.rng.integers(-len(sketch.shape(x)), len(sketch.shape(x))))
    kinds: list[Kind] = [
        (lambda a: cr.CumSum(a, axis=axis), lambda a: Dual(np.cumsum(a.value, axis), np.cumsum(a.tangent, axis))),
        (lambda a: cr.CumProd(1.5 + cr.Tanh(a), axis=axis), lambda a: _products(1.5 + dual.tanh(a), axis)),
        (lambda a: cr.Prod(1.5 + cr.Tanh(a), axis=axis), lambda a: _last(_products(1.5 + dual.tanh(a), axis), axis)),
    ]
    node, compute = kinds[sketch.rng.integers(len(kinds))]
    sketch.add(node, compute, x)


def _products(x: Dual, axis: int) -> Dual:
    """Running products, one entry after the other by the rule for a product of two."""
    values, tangents = np.moveaxis(x.value, axis, 0), np.moveaxis(np.broadcast_to(x.tangent, x.shape), axis, 0)
    total, moving = [values[0]], [tangents[0]]
    for value, tangent in zip(values[1:], tangents[1:], strict=True):
        moving.append(moving[-1] * value + total[-1] * tangent)
        total.append(total[-1] * value)
    return Dual(np.stack(total, axis), np.stack(moving, axis))


def _last(x: Dual, axis: int) -> Dual:
    return Dual(np.take(x.value, -1, axis), np.take(x.tangent, -1, axis))


def moved(function: Callable[[Array], Array]) -> Compute:
    """What lays entries elsewhere does so with their tangents."""
    return lambda x: Dual(function(x.value), function(x.tangent))


def layout(sketch: Any) -> None:
    """Entries laid out anew, in matrices."""
    x = sketch.pick(lambda shape: len(shape) == 2)
    rows, columns = sketch.shape(x)
    kinds: list[Kind] = [
        (lambda a: cr.Flip(a, axis=1), moved(lambda v: v[:, ::-1])),
        (lambda a: cr.Repeat(a, repeats=2, axis=0)[::2], lambda a: a),
        (lambda a: cr.Tile(a, reps=(2, 1))[rows:], lambda a: a),
        (lambda a: cr.Triangle(a, lower=True, k=0), moved(np.tril)),
        (lambda a: cr.Diagonal(a), moved(np.diag)),
        (lambda a: cr.Stack(a, cr.Sin(a), axis=1)[:, 1], dual.sin),
        (lambda a: cr.Squeeze(cr.ExpandDims(a, axis=1), axis=1), lambda a: a),
        (lambda a: cr.SwapAxes(a, axis1=0, axis2=1), lambda a: a.transpose()),
        (lambda a: cr.BroadcastTo(a, to=(2, rows, columns))[1] + a, lambda a: a + a),
        (lambda a: cr.Einsum(a, a, subscripts="ij,kj->ik"), lambda a: a @ a.transpose()),
        (lambda a: cr.Gather(a, cr.ArgMax(a, axis=1), axis=1)[:, 0], moved_to(lambda v: v.argmax(axis=1)[0])),
        (lambda a: cr.Gather(a, cr.ArgMin(a, axis=1), axis=1)[:, 0], moved_to(lambda v: v.argmin(axis=1)[0])),
        (lambda a: cr.Roll(a, shift=-1, axis=1), moved(lambda v: np.roll(v, -1, 1))),
        (lambda a: cr.Pad(a, width=((0, 0), (1, 2)))[:, 1:], moved(lambda v: np.pad(v, ((0, 0), (0, 2))))),
        (lambda a: cr.Sort(a, axis=0), ordered(lambda v: v.argsort(axis=0, kind="stable"))),
        (lambda a: cr.TopK(a, k=1, axis=1), ordered(lambda v: (-v).argsort(axis=1, kind="stable")[:, :1], 1)),
        (lambda a: cr.TakeAlong(a, cr.ArgSort(a, axis=1), axis=1), ordered(lambda v: v.argsort(1, kind="stable"), 1)),
        (lambda a: cr.ScatterAdd(a, cr.ArgMax(a[0]), a[:, 0]), added),
    ]
    node, compute = kinds[sketch.rng.integers(len(kinds))]
    sketch.add(node, compute, x)


def moved_to(where: Callable[[Array], Any]) -> Compute:
    return lambda x: x[:, where(x.value)]


def ordered(places: Callable[[Array], Array], axis: int = 0) -> Compute:
    """Entries along an axis in an order of their own."""
    return lambda x: Dual(
        *(np.take_along_axis(v, places(x.value), axis) for v in (x.value, np.broadcast_to(x.tangent, x.shape)))
    )


def added(x: Dual) -> Dual:
    """The first column added to the one in which the first row is largest."""
    column = np.eye(x.shape[1])[x.value[0].argmax()]
    return x + x[:, :1] * column


def further_loss(sketch: Any, add_loss: Callable[..., None]) -> None:
    x = sketch.pick(lambda shape: len(shape) == 2)
    labels = sketch.normal(sketch.shape(x))
    shares = np.exp(labels) / np.exp(labels).sum(axis=0)
    kinds: list[tuple[Callable[..., cr.Node], Array, Compute]] = [
        (cr.L1Loss, labels, lambda a: abs(a - labels)),
        (cr.HuberLoss, labels, lambda a: _huber(a - labels)),
        (cr.NLLLoss, shares, lambda a: -(shares * a)),
        (
            lambda a, *y, **facts: cr.KLLoss(cr.Softmax(a, axis=0), *y, **facts),
            shares,
            lambda a: _divergence(a, shares),
        ),
    ]
    add_loss(sketch, x, *kinds[sketch.rng.integers(len(kinds))])


def _huber(error: Dual) -> Dual:
    return dual.where(np.abs(error.value) <= 1, error * error / 2.0, abs(error) - 0.5)


def _divergence(x: Dual, shares: Array) -> Dual:
    e = dual.exp(x)
    return shares * np.log(shares) - shares * dual.log(e / e.sum(0, True))
