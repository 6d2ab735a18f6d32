"""A graph for every node class, with feeds: what derivations, notations and entries are tried on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr

M = 5  # columns; no other axis has this size


class Example(NamedTuple):
    """A graph whose last node is of the class, and arrays for its leaves."""

    graph: cr.Graph
    feeds: dict[str, Any]


def _parameter(name: str, *shape: int, low: float = -2.0) -> tuple[cr.Parameter, Any]:
    rng = np.random.default_rng(len(shape) + sum(map(ord, name)))
    return cr.Parameter(name, shape), rng.uniform(low, 2.0, shape)


def _of(build: Callable[..., cr.Node], *leaves: tuple[Any, Any]) -> Example:
    node = build(*(leaf for leaf, _ in leaves))
    return Example(cr.Graph(node), {leaf.name: value for leaf, value in leaves})


def _unary(kind: Callable[..., cr.Node], low: float = -2.0) -> Example:
    return _of(lambda x: kind(x, name="Q"), _parameter("X", 3, 4, low=low))


def _binary(kind: Callable[..., cr.Node], low: float = -2.0) -> Example:
    return _of(lambda x, y: kind(x, y, name="Q"), _parameter("X", 3, 4, low=low), _parameter("Y", 3, 1, low=low))


def _loss(kind: Callable[..., cr.Node], labels: Any, reduction: str) -> Example:
    rng = np.random.default_rng(7)
    probabilities = kind in (cr.BCELoss, cr.CrossEntropyLoss, cr.KLLoss)
    x = rng.uniform(0.1, 0.9, (3, M)) if probabilities else rng.normal(size=(3, M))
    leaves = (cr.Parameter("A", (3, "m")), x), (cr.Input("Y", (3, "m")), labels)
    return _of(lambda a, y: kind(a, y, reduction=reduction, name="L"), *leaves)


def _chosen_by(condition: Callable[..., cr.Node]) -> Example:
    """A choice between two values by a condition of them."""
    return _binary(lambda x, y, name: cr.Where(condition(x, y), x * 2, y, name=name))


def _located(kind: Callable[..., cr.Node]) -> Example:
    """What stands at a place that is looked for."""
    leaves = _parameter("X", 3, 4), _parameter("v", 4)
    return _of(lambda x, v: cr.Gather(x, kind(v), name="q"), *leaves)


def _columns(name: str) -> tuple[Any, Any]:
    return cr.Input(name, (3, "m")), np.random.default_rng(5).normal(size=(3, M))


_RNG = np.random.default_rng(3)
_BITS = _RNG.integers(0, 2, (3, M)).astype(float)
_ONE_HOT = np.eye(3)[:, _RNG.integers(0, 3, M)]
_SHARES = _RNG.dirichlet((1, 1, 1), M).T
_SIGNS = _RNG.choice([-1.0, 1.0], (3, M))
_CHOSEN = (cr.Input("V", (3, 4), dtype=bool), _RNG.integers(0, 2, (3, 4)).astype(bool))
_IDS = (cr.Input("ids", ("m",), dtype=int), np.array([3, 0, 3, 1, 1]))
_ROWS = (cr.Input("rows", (2, 4), dtype=int), np.array([[2, 0, 1, 1], [2, 1, 0, 0]]))

_MASK = (cr.Input("M", (3, 4), dtype=bool), np.array([[1, 0, 1, 1], [0, 1, 0, 0], [1, 1, 0, 1]]) > 0)
_LOOK = (cr.Input("M", (3, 2), dtype=bool), np.array([[1, 0], [0, 1], [1, 1]]) > 0)
_IMAGES = (cr.Input("A", ("m", 2, 3, 4)), np.random.default_rng(9).normal(size=(M, 2, 3, 4)))
_QUERIES = (_parameter("U", 3, 4), _parameter("X", 2, 4), _parameter("Y", 2, 5))
_FEATURES = (_parameter("X", 3, 4), _parameter("g", 3, 1), _parameter("b", 3, 1))


EXAMPLES: dict[str, Example] = {
    "Attention": _of(lambda q, k, v: cr.Attention(q, k, v, name="Q"), *_QUERIES),
    "Attention, masked": _of(lambda q, k, v, mask: cr.Attention(q, k, v, mask, name="Q"), *_QUERIES, _LOOK),
    "Attention, biased": _of(
        lambda q, k, v, bias: cr.Attention(q, k, v, bias, name="Q"), *_QUERIES, _parameter("S", 3, 2)
    ),
    "AveragePool": _of(
        lambda x: cr.AveragePool(x, size=(2, 3), stride=1, padding=1, name="Q"), _parameter("T", 1, 2, 3, 4)
    ),
    "AveragePool, without padding": _of(
        lambda x: cr.AveragePool(x, stride=2, padding=1, count_padding=False, name="Q"), _parameter("T", 1, 2, 3, 4)
    ),
    "BatchNorm": _of(lambda x, g, b: cr.BatchNorm(x, g, b, name="Q"), *_FEATURES),
    "BatchNorm, in evaluation": _of(
        lambda x, g, b, mean, variance: cr.BatchNorm(x, g, b, mean, variance, name="Q"),
        *_FEATURES,
        _parameter("c", 3, 1),
        _parameter("v", 3, 1, low=0.5),
    ),
    "BatchNorm, images": _of(
        lambda x, g, b: cr.BatchNorm(x, g, b, name="Q"), _parameter("T", 2, 3, 2, 1), *(_parameter(n, 3) for n in "gb")
    ),
    "Conv2d": _of(lambda x, k: cr.Conv2d(x, k, padding=(0, 1), name="Q"), _IMAGES, _parameter("K", 1, 2, 3, 2)),
    "Conv2d, strided": _of(
        lambda x, k: cr.Conv2d(x, k, stride=(2, 1), name="Q"), _parameter("T", 1, 2, 3, 4), _parameter("K", 1, 2, 2, 3)
    ),
    "Dropout": _of(lambda x, mask: cr.Dropout(x, mask, rate=0.25, name="Q"), _parameter("X", 3, 4), _MASK),
    "GroupNorm": _of(
        lambda x, g, b: cr.GroupNorm(x, g, b, name="Q"), _parameter("T", 2, 4, 3), *(_parameter(n, 4) for n in "gb")
    ),
    "LayerNorm": _of(lambda x, g, b: cr.LayerNorm(x, g, b, name="Q"), *_FEATURES),
    "LayerNorm, rows": _of(
        lambda x, g, b: cr.LayerNorm(x, g, b, axis=1, name="Q"),
        _parameter("X", 3, 4),
        *(_parameter(n, 4) for n in "gb"),
    ),
    "MaxPool": _of(
        lambda x: cr.MaxPool(x, size=(2, 3), stride=1, padding=(1, 0), name="Q"), _parameter("T", 1, 2, 3, 4)
    ),
    "RMSNorm": _of(lambda x, g: cr.RMSNorm(x, g, name="Q"), *_FEATURES[:2]),
    **{
        f"{kind.__name__}, weighed": _of(
            lambda x, y, w, kind=kind: kind(x, y, w, name="L"),
            (cr.Parameter("A", (3, "m")), np.random.default_rng(7).uniform(0.1, 0.9, (3, M))),
            (cr.Input("Y", (3, "m")), np.where(np.arange(M) == 1, 0, _ONE_HOT)),
            (cr.Input("w", (3, 1)), np.array([[0.5], [2.0], [1.5]])),
        )
        for kind in (cr.CrossEntropyLoss, cr.NLLLoss, cr.SoftmaxCrossEntropyLoss)
    },
    "Add": _binary(cr.Add),
    "Subtract": _binary(cr.Subtract),
    "Multiply": _binary(cr.Multiply),
    "Divide": _binary(cr.Divide, low=0.5),
    "Negate": _unary(cr.Negate),
    "Power": _binary(cr.Power, low=0.5),
    "Power, cubed": _unary(lambda x, name: cr.Power(x, 3, name=name)),
    "Power, root": _unary(lambda x, name: cr.Power(x, 0.5, name=name), low=0.5),
    "Maximum": _binary(cr.Maximum),
    "Minimum": _binary(cr.Minimum),
    "Where": _of(lambda v, x, y: cr.Where(v, x, y, name="Q"), _CHOSEN, _parameter("X", 3, 4), _parameter("Y", 3, 1)),
    "MatMul": _of(lambda x, y: cr.MatMul(x, y, name="Q"), _parameter("X", 3, 4), _parameter("U", 4, 2)),
    "MatMul, matrix and vector": _of(lambda x, y: cr.MatMul(x, y, name="q"), _parameter("X", 3, 4), _parameter("u", 4)),
    "MatMul, vector and matrix": _of(lambda x, y: cr.MatMul(x, y, name="q"), _parameter("v", 3), _parameter("X", 3, 4)),
    "MatMul, vectors": _of(lambda x, y: cr.MatMul(x, y, name="q"), _parameter("u", 4), _parameter("v", 4)),
    "MatMul, stack": _of(lambda x, y: cr.MatMul(x, y, name="Q"), _parameter("S", 2, 3, 4), _parameter("U", 4, 2)),
    "Transpose": _unary(cr.Transpose),
    "Transpose, axes": _of(lambda x: cr.Transpose(x, axes=(1, 2, 0), name="Q"), _parameter("S", 2, 3, 4)),
    "Square": _unary(cr.Square),
    "Sqrt": _unary(cr.Sqrt, low=0.5),
    "Exp": _unary(cr.Exp),
    "Log": _unary(cr.Log, low=0.5),
    "Abs": _unary(cr.Abs),
    "Sin": _unary(cr.Sin),
    "Cos": _unary(cr.Cos),
    "Tanh": _unary(cr.Tanh),
    "Sigmoid": _unary(cr.Sigmoid),
    "ReLU": _unary(cr.ReLU),
    "LeakyReLU": _unary(cr.LeakyReLU),
    "Softplus": _unary(cr.Softplus),
    "GELU": _unary(cr.GELU),
    "Clip": _unary(lambda x, name: cr.Clip(x, low=-1, high=1.5, name=name)),
    "Clip, below": _unary(lambda x, name: cr.Clip(x, low=0, name=name)),
    "Sum": _unary(cr.Sum),
    "Sum, columns": _unary(lambda x, name: cr.Sum(x, axis=1, keepdims=True, name=name)),
    "Sum, rows": _unary(lambda x, name: cr.Sum(x, axis=0, name=name)),
    "Sum, an axis of three": _of(lambda x: cr.Sum(x, axis=(0, 2), name="q"), _parameter("S", 2, 3, 4)),
    "Mean": _unary(lambda x, name: cr.Mean(x, axis=1, name=name)),
    "Max": _unary(lambda x, name: cr.Max(x, axis=0, name=name)),
    "LogSumExp": _unary(lambda x, name: cr.LogSumExp(x, axis=0, keepdims=True, name=name)),
    "Softmax": _unary(cr.Softmax),
    "Softmax, columns": _unary(lambda x, name: cr.Softmax(x, axis=1, name=name)),
    "LogSoftmax": _unary(cr.LogSoftmax),
    "Reshape": _unary(lambda x, name: cr.Reshape(x, to=(2, -1), name=name)),
    "Concatenate": _of(
        lambda x, y: cr.Concatenate(x, y, axis=1, name="Q"), _parameter("X", 3, 4), _parameter("Y", 3, 1)
    ),
    "Concatenate, below": _of(
        lambda x, y: cr.Concatenate(x, y, name="Q"), _parameter("X", 3, 4), _parameter("Y", 1, 4)
    ),
    "Index": _unary(lambda x, name: cr.Index(x, key=(slice(1, None), slice(None, 2)), name=name)),
    "Index, an entry": _unary(lambda x, name: cr.Index(x, key=(1, 2), name=name)),
    "Index, repeated": _unary(lambda x, name: cr.Index(x, key=(slice(None), np.array([0, 2, 0])), name=name)),
    "Size": _of(lambda x: cr.Size(x, axis=1, name="q"), (cr.Parameter("A", (3, "m")), _BITS)),
    "Size, of all": _of(lambda x: cr.Size(x, name="q"), (cr.Parameter("A", (3, "m")), _BITS)),
    "Gather": _of(lambda x, ids: cr.Gather(x, ids, name="Q"), _parameter("X", 3, 4), _IDS),
    **{
        kind.__name__: _unary(kind)
        for kind in (
            cr.ArcSinh, cr.ArcTan, cr.Ceil, cr.CumSum, cr.Cosh, cr.Diagonal, cr.ELU, cr.Expm1, cr.Flip, cr.Floor,
            cr.Min, cr.Norm, cr.NormalCDF, cr.Repeat, cr.Round, cr.SiLU, cr.Sign, cr.Sinh, cr.Softsign, cr.Std,
            cr.SwapAxes, cr.Tan, cr.Tile, cr.Triangle, cr.Var,
        )
    },
    **{
        kind.__name__: _unary(lambda x, name, kind=kind: kind(cr.Tanh(x), name=name))
        for kind in (cr.ArcCos, cr.ArcSin, cr.ArcTanh)
    },
    "CumProd": _unary(cr.CumProd),
    "CumProd, columns": _unary(lambda x, name: cr.CumProd(x, axis=1, name=name)),
    "Erf": _unary(cr.Erf),
    "Pad": _unary(lambda x, name: cr.Pad(x, width=((1, 0), (0, 2)), value=0.5, name=name)),
    "Prod": _unary(cr.Prod),
    "Prod, columns": _unary(lambda x, name: cr.Prod(x, axis=0, name=name)),
    "Roll": _unary(lambda x, name: cr.Roll(x, shift=2, axis=1, name=name)),
    "Roll, rows": _of(lambda x: cr.Roll(x, axis=0, name="Q"), (cr.Parameter("A", (3, "m")), _BITS + 0.5)),
    "Sort": _unary(cr.Sort),
    "TakeAlong": _of(lambda x, at: cr.TakeAlong(x, at, axis=0, name="Q"), _parameter("X", 3, 4), _ROWS),
    "TopK": _unary(lambda x, name: cr.TopK(x, k=2, axis=0, name=name)),
    "Log1p": _unary(cr.Log1p, low=0.5),
    **{
        kind.__name__: _chosen_by(lambda x, y, kind=kind: kind(x, y))
        for kind in (cr.Equal, cr.Greater, cr.GreaterEqual, cr.Less, cr.LessEqual, cr.NotEqual)
    },
    **{
        kind.__name__: _chosen_by(lambda x, y, kind=kind: kind(cr.Greater(x, y), cr.Less(x, 1)))
        for kind in (cr.And, cr.Or, cr.Xor)
    },
    **{kind.__name__: _chosen_by(lambda x, y, kind=kind: kind(x)) for kind in (cr.IsFinite, cr.IsInfinite, cr.IsNaN)},
    "Not": _chosen_by(lambda x, y: cr.Not(cr.Greater(x, y))),
    "ArcCosh": _unary(lambda x, name: cr.ArcCosh(1 + cr.Exp(x), name=name)),
    "ArgMax": _located(cr.ArgMax),
    "ArgMin": _located(cr.ArgMin),
    "ArgSort": _located(cr.ArgSort),
    "AsType": _binary(lambda x, y, name: cr.Multiply(x, cr.AsType(cr.Greater(x, y)), name=name)),
    "BroadcastTo": _of(lambda y: cr.BroadcastTo(y, to=(3, 4), name="Q"), _parameter("Y", 3, 1)),
    "BroadcastTo, like": _of(lambda y, x: cr.BroadcastTo(y, x, name="Q"), _parameter("Y", 3, 1), _columns("A")),
    "CumSum, columns": _unary(lambda x, name: cr.CumSum(x, axis=1, name=name)),
    "Diagonal, matrix": _of(lambda v: cr.Diagonal(v, name="Q"), _parameter("v", 3)),
    "Einsum": _of(
        lambda x, u: cr.Einsum(x, u, subscripts="ij,jk->ik", name="Q"), _parameter("X", 3, 4), _parameter("U", 4, 2)
    ),
    "Einsum, summed alone": _of(
        lambda x, u: cr.Einsum(x, u, subscripts="ij,j->j", name="q"), _parameter("X", 3, 4), _parameter("u", 4)
    ),
    "ExpandDims": _of(lambda v: cr.ExpandDims(v, axis=1, name="Q"), _parameter("v", 3)),
    "Flip, columns": _unary(lambda x, name: cr.Flip(x, axis=1, name=name)),
    "FullLike": _of(lambda c, x: cr.FullLike(x, c, name="Q"), _parameter("c"), _columns("A")),
    "Mod": _of(lambda x, y: cr.Mod(x, y, name="Q"), _parameter("X", 3, 4), _parameter("Y", 3, 1, low=0.5)),
    "Norm, columns": _unary(lambda x, name: cr.Norm(x, axis=0, name=name)),
    "Repeat, rows": _unary(lambda x, name: cr.Repeat(x, repeats=3, axis=0, name=name)),
    "Reshape, like": _of(
        lambda x, y: cr.Reshape(x, y, name="Q"), _parameter("X", 3, 4), (cr.Input("K", (2, 6)), np.ones((2, 6)))
    ),
    "ScatterAdd": _of(lambda x, ids, u: cr.ScatterAdd(x, ids, u, name="Q"), _parameter("X", 3, 4), _IDS, _columns("A")),
    "Index, fed": _of(
        lambda x, ids: cr.Index(x, ids, key=(slice(1, None), "fed"), name="Q"), _parameter("X", 3, 4), _IDS
    ),
    "Squeeze": _of(lambda y: cr.Squeeze(y, axis=1, name="q"), _parameter("Y", 3, 1)),
    "Stack": _of(lambda u, v: cr.Stack(u, v, axis=1, name="Q"), _parameter("u", 4), _parameter("v", 4)),
    "Std, columns": _unary(lambda x, name: cr.Std(x, axis=1, ddof=1, name=name)),
    "StopGradient": _unary(lambda x, name: cr.Multiply(cr.StopGradient(x), x, name=name)),
    "Tile, rows": _unary(lambda x, name: cr.Tile(x, reps=(2, 1), name=name)),
    "Triangle, upper": _unary(lambda x, name: cr.Triangle(x, lower=False, k=1, name=name)),
    "Var, columns": _unary(lambda x, name: cr.Var(x, axis=0, keepdims=True, name=name)),
    **{
        f"{kind.__name__}, {reduction}": _loss(kind, labels, reduction)
        for kind, labels in (
            (cr.BCELoss, _BITS),
            (cr.SigmoidBCELoss, _BITS),
            (cr.CrossEntropyLoss, _ONE_HOT),
            (cr.SoftmaxCrossEntropyLoss, _ONE_HOT),
            (cr.MSELoss, _SIGNS),
            (cr.HingeLoss, _SIGNS),
            (cr.HuberLoss, _SIGNS),
            (cr.KLLoss, _SHARES),
            (cr.L1Loss, _SIGNS),
            (cr.NLLLoss, _ONE_HOT),
        )
        for reduction in ("mean", "none")
    },
}  # fmt: skip
