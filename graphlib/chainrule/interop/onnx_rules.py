"""The nodes that compute an operator of ONNX, and a reason for what none does."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.core.leaves import Constant
from chainrule.core.node import Node
from chainrule.interop.onnx_translation import NOTHING, Operands, UnsupportedError, Value
from chainrule.interop.onnx_values import onnx
from chainrule.nodes.arithmetic import Add, Maximum, Minimum, Where
from chainrule.nodes.elementwise import (
    GELU,
    Abs,
    Clip,
    Cos,
    Exp,
    LeakyReLU,
    Log,
    ReLU,
    Sigmoid,
    Sin,
    Softplus,
    Sqrt,
    Square,
    Tanh,
)
from chainrule.nodes.linear import Transpose
from chainrule.nodes.losses import SoftmaxCrossEntropyLoss
from chainrule.nodes.rearranging import AsType, BroadcastTo, Concatenate, Gather, Index, Reshape
from chainrule.nodes.reductions import LogSoftmax, LogSumExp, Max, Mean, Softmax, Sum
from chainrule.symbols.dimensions import Dimension

# --- rules: operators by what they do ---------------------------------------------------------------------------------


def _variadic(node: type[Node]) -> Callable[[Operands], Any]:
    return lambda s: functools.reduce(node, s) if len(s) > 1 else _not_alone()


def _not_alone() -> Any:
    raise UnsupportedError(NOTHING)


def _division(s: Operands) -> Any:
    if s.whole(0):
        raise UnsupportedError("division of whole numbers, which the engine takes to fractions")
    return s[0] / s[1]


def _power(s: Operands) -> Any:
    if s.whole(0) and s.whole(1):
        return s[0] ** s[1]
    if s.whole(0):
        raise UnsupportedError("whole numbers raised to fractions and rounded")
    return s[0] ** s.floating(1)


def _clip(s: Operands) -> Any:
    bounds = [float(s.fact(k)) if s.has(k) else s.attribute(name) for k, name in ((1, "min"), (2, "max"))]
    if s.whole(0):
        limits = np.iinfo(s.inputs[0].known.dtype)
        bounds = [
            limit if bound is None else int(bound)
            for bound, limit in zip(bounds, (limits.min, limits.max), strict=True)
        ]
    facts: dict[str, Any] = {
        name: bound for name, bound in zip(("low", "high"), bounds, strict=True) if bound is not None
    }
    return Clip(s[0], **facts) if facts else _not_alone()


def _gelu(s: Operands) -> Any:
    x = s[0]
    if s.attribute("approximate", "none") == "none":
        return GELU(x)
    return 0.5 * x * (1 + Tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _exponential_below_0(s: Operands, alpha: float) -> Any:
    return ReLU(s[0]) + alpha * (Exp(Minimum(s[0], 0)) - 1)


def _selu(s: Operands) -> Any:
    alpha, gamma = s.attribute("alpha", 1.67326319217681884765625), s.attribute("gamma", 1.05070102214813232421875)
    return gamma * _exponential_below_0(s, alpha)


def _celu(s: Operands) -> Any:
    alpha = s.attribute("alpha", 1.0)
    return ReLU(s[0]) + Minimum(0, alpha * (Exp(s[0] / alpha) - 1))


def _hard_sigmoid(s: Operands) -> Any:
    return Clip(s.attribute("alpha", 0.2) * s[0] + s.attribute("beta", 0.5), low=0.0, high=1.0)


def _gemm(s: Operands) -> Any:
    A = s[0].T if s.attribute("transA", 0) else s[0]
    B = s[1].T if s.attribute("transB", 0) else s[1]
    product = s.attribute("alpha", 1.0) * (A @ B)
    return product + s.attribute("beta", 1.0) * s[2] if s.has(2) else product


# --- reductions


def _axes(s: Operands) -> tuple[int, ...] | None:
    axes = s.facts(1, "axes", ())
    if not axes and s.attribute("noop_with_empty_axes", 0):
        raise UnsupportedError(NOTHING)
    return axes or None


def _reduction(build: Callable[..., Node], of_nothing: bool = True) -> Callable[[Operands], Any]:
    def rule(s: Operands) -> Any:
        facts: dict[str, Any] = {"axis": _axes(s), "keepdims": bool(s.attribute("keepdims", 1))}
        count = math.prod(s.shape()[k] for k in facts["axis"] or range(len(s.shape())))
        if not (count or of_nothing):
            raise UnsupportedError("a maximum or minimum of nothing, which is an error here as in NumPy")
        return build(s[0], **facts)

    return rule


def _smallest(x: Any, **facts: Any) -> Any:
    if x.dtype.kind in "ub":
        raise UnsupportedError("no node for the operator: ReduceMin of numbers without a sign")
    return -Max(-x, **facts)


def _pooled(build: Callable[..., Node]) -> Callable[[Operands], Any]:
    return lambda s: build(s[0], axis=tuple(range(2, len(s.shape()))), keepdims=True)


def _shares(node: type[Node]) -> Callable[[Operands], Any]:
    return lambda s: node(s[0], axis=s.axis(-1))


# --- arrangement


def _reshape(s: Operands) -> Any:
    to = s.facts(1, "shape")
    if not s.attribute("allowzero", 0):
        to = tuple(s.shape()[k] if size == 0 else size for k, size in enumerate(to))
    return Reshape(s[0], *s.telling(to), to=to)


def _flatten(s: Operands) -> Any:
    axis = s.attribute("axis", 1)
    axis = axis + len(s.shape()) if axis < 0 else axis
    return Reshape(s[0], to=(math.prod(s.shape()[:axis]), math.prod(s.shape()[axis:])))


def _squeeze(s: Operands) -> Any:
    shape = s.shape()
    axes = {axis % len(shape) for axis in s.facts(1, "axes", [k for k, n in enumerate(shape) if n == 1])}
    return Reshape(s[0], to=tuple(n for k, n in enumerate(shape) if k not in axes))


def _unsqueeze(s: Operands) -> Any:
    axes = s.facts(1, "axes")
    ndim = len(s.shape()) + len(axes)
    added, sizes = {axis % ndim for axis in axes}, iter(s.shape())
    return Reshape(s[0], to=tuple(1 if k in added else next(sizes) for k in range(ndim)))


def _slice(s: Operands) -> Any:
    starts, ends = s.facts(1, "starts"), s.facts(2, "ends")
    axes, steps = s.facts(3, "axes", range(len(starts))), s.facts(4, "steps", (1,) * len(starts))
    key = [slice(None)] * len(s.shape())
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = s.shape()[axis]
        before_first = step < 0 and end < -size
        key[axis] = slice(start, None if before_first else end, step)
    return Index(s[0], key=tuple(key))


def _split(s: Operands) -> Any:
    axis, size = s.axis(0), s.shape()[s.axis(0)]
    part = -(-size // s.outputs)
    parts = s.facts(1, "split", [min(part, size - k * part) for k in range(s.outputs)])
    ends = np.cumsum([0, *parts]).tolist()
    before = (slice(None),) * axis
    return tuple(Index(s[0], key=(*before, slice(a, b))) for a, b in itertools.pairwise(ends))


def _expand(s: Operands) -> Any:
    to = s.facts(1, "shape")
    if any(isinstance(size, Dimension) for size in to):
        return BroadcastTo(s[0], *s.telling(to), to=to)
    if s.whole(0):
        raise UnsupportedError("no node for the operator: Expand of whole numbers")
    s.model.room_for(*to)
    return s[0] * np.ones(to)


def _tile(s: Operands) -> Any:
    repeats = s.facts(1, "repeats")
    s.model.room_for(*repeats)  # operands of the nodes
    return functools.reduce(lambda x, k: Concatenate(*[x] * repeats[k], axis=k), range(len(repeats)), s[0])


def _pad(s: Operands) -> Any:
    """Each axis by itself: entries beyond the edge are a constant, or looked up inside."""
    mode, ndim = s.attribute("mode", "constant"), len(s.shape())
    axes = [axis % ndim for axis in s.facts(3, "axes", range(ndim))]
    pads = s.facts(1, "pads")
    number = s.fact(2).item() if s.has(2) else s.attribute("value", 0)
    x = s[0]
    for k, axis in enumerate(axes):
        widths = pads[k], pads[k + len(axes)]
        s.model.room_for(*x.shape[:axis], sum(max(0, width) for width in widths), *x.shape[axis + 1 :])
        x = _padded(x, axis, widths, number) if mode == "constant" else _looked_up(x, axis, widths, mode)
    return x


def _padded(x: Any, axis: int, widths: tuple[int, int], number: float) -> Any:
    size = x.shape[axis]
    cut = slice(max(0, -widths[0]), size - max(0, -widths[1]))
    x = Index(x, key=(*(slice(None),) * axis, cut))
    edges = [np.full((*x.shape[:axis], max(0, width), *x.shape[axis + 1 :]), number) for width in widths]
    before, after = (Constant(edge, dtype=x.dtype) for edge in edges)
    return Concatenate(before, x, after, axis=axis)


def _looked_up(x: Any, axis: int, widths: tuple[int, int], mode: str) -> Any:
    size = x.shape[axis]
    cut = np.arange(max(0, -widths[0]), size - max(0, -widths[1]))
    how: Any = mode
    places = np.pad(cut, [max(0, width) for width in widths], how)
    return Gather(x, Constant(places, dtype=int), axis=axis)


def _gather(s: Operands) -> Any:
    computed = s[1].dtype.kind == "f"  # whole numbers that nodes have computed, which count in floating ones
    places = np.astype(s[1], int) if computed else s[1]
    return Gather(s[0], places, axis=s.attribute("axis", 0))


def _gather_elements(s: Operands) -> Any:
    places, axis = s.fact(1), s.axis(0)
    s.model.room_for(places.ndim, *places.shape)
    key = [*np.indices(places.shape)]
    key[axis] = places
    return Index(s[0], key=tuple(key))


def _gather_nd(s: Operands) -> Any:
    places = s.fact(1)
    batch = np.indices(places.shape[:-1])[: s.attribute("batch_dims", 0)]
    return Index(s[0], key=(*batch, *np.moveaxis(places, -1, 0)))


def _compress(s: Operands) -> Any:
    kept = np.flatnonzero(s.fact(1))
    x = s[0] if "axis" in s.attributes else Reshape(s[0])
    return Gather(x, Constant(kept, dtype=int), axis=s.attribute("axis", 0))


def _trilu(s: Operands) -> Any:
    cut = np.triu if s.attribute("upper", 1) else np.tril
    s.model.room_for(*s.shape()[-2:])
    kept = cut(np.ones(s.shape()[-2:], bool), int(s.fact(1)) if s.has(1) else 0)
    return Where(Constant(kept, dtype=bool), s[0], Constant(0, dtype=s[0].dtype))


def _depth_to_space(s: Operands) -> Any:
    (n, c, h, w), b = s.shape(), s.attribute("blocksize")
    if s.attribute("mode", "DCR") == "DCR":
        x = Transpose(Reshape(s[0], to=(n, b, b, c // b**2, h, w)), axes=(0, 3, 4, 1, 5, 2))
    else:
        x = Transpose(Reshape(s[0], to=(n, c // b**2, b, b, h, w)), axes=(0, 1, 4, 2, 5, 3))
    return Reshape(x, to=(n, c // b**2, h * b, w * b))


def _space_to_depth(s: Operands) -> Any:
    (n, c, h, w), b = s.shape(), s.attribute("blocksize")
    if s.attribute("mode", "DCR") != "DCR":
        raise UnsupportedError("no node for the operator: SpaceToDepth in column order")
    x = Transpose(Reshape(s[0], to=(n, c, h // b, b, w // b, b)), axes=(0, 3, 5, 1, 2, 4))
    return Reshape(x, to=(n, c * b**2, h // b, w // b))


def _shape(s: Operands) -> Any:
    start, end = s.attribute("start", 0), s.attribute("end", None)
    sizes = s.shape()[start:end]
    named = any(isinstance(size, Dimension) for size in sizes)
    return Value(np.array([*sizes, None], dtype=object)[:-1] if named else np.array(sizes, np.int64))


# --- types


def _cast(s: Operands) -> Any:
    return _as_type(s, onnx.helper.tensor_dtype_to_np_dtype(s.attribute("to")))


def _cast_like(s: Operands) -> Any:
    return _as_type(s, s.types[1])


def _as_type(s: Operands, dtype: Any) -> Any:
    """Between floating types nothing happens: a whole run has one, and the result is rounded when it is compared."""
    kind = np.dtype(dtype).kind
    if s.inputs[0].known is None and s.whole(0) and kind in "fi":
        return AsType(s[0], to=float if kind == "f" else int)
    if kind != "f" or s.whole(0):
        raise UnsupportedError("no node for the operator: Cast from or to whole numbers and booleans")
    value = s.inputs[0]
    return Value(value.known.astype(dtype)) if value.settled else value


# --- normalizations


def standardized(x: Any, axes: tuple[int, ...], epsilon: float) -> Any:
    """x less its mean over the root of its variance, the mean, and one over the root."""
    mean = Mean(x, axis=axes, keepdims=True)
    spread = 1 / Sqrt(Mean(Square(x - mean), axis=axes, keepdims=True) + epsilon)
    return (x - mean) * spread, mean, spread


def _layer_normalization(s: Operands) -> Any:
    axes = tuple(range(s.axis(-1), len(s.shape())))
    y, mean, spread = standardized(s[0], axes, s.attribute("epsilon", 1e-5))
    return (y * s[1] + s[2] if s.has(2) else y * s[1]), mean, spread


def _rms_normalization(s: Operands) -> Any:
    axes = tuple(range(s.axis(-1), len(s.shape())))
    size = Mean(Square(s[0]), axis=axes, keepdims=True)
    return s[0] / Sqrt(size + s.attribute("epsilon", 1e-5)) * s[1]


def _instance_normalization(s: Operands) -> Any:
    y, _, _ = standardized(s[0], tuple(range(2, len(s.shape()))), s.attribute("epsilon", 1e-5))
    return y * per_channel(s, 1) + per_channel(s, 2)


def _batch_normalization(s: Operands) -> Any:
    if s.attribute("training_mode", 0):
        raise UnsupportedError("running averages that training changes")
    scale, shift, mean, variance = (per_channel(s, k) for k in range(1, 5))
    return (s[0] - mean) / Sqrt(variance + s.attribute("epsilon", 1e-5)) * scale + shift


def per_channel(s: Operands, k: int) -> Any:
    """An operand with one number for each entry of the second axis, in a shape that broadcasts against the first."""
    return Reshape(s[k], to=(-1, *(1,) * (len(s.shape()) - 2)))


def _lp_normalization(s: Operands) -> Any:
    x, facts = s[0], {"axis": s.axis(-1), "keepdims": True}
    if not np.any(s.fact(0), axis=facts["axis"]).all():
        raise UnsupportedError("0 / 0, for which ONNX has a rule of its own")
    return x / (Sum(Abs(x), **facts) if s.attribute("p", 2) == 1 else Sqrt(Sum(Square(x), **facts)))


# --- losses: our classes are rows and our examples columns, ONNX's the second axis and all others


def class_rows(s: Operands) -> Any:
    """The classes, which ONNX has on the second axis, as rows, and all examples as columns."""
    ndim = len(s.shape())
    return Reshape(Transpose(s[0], axes=(1, 0, *range(2, ndim))), to=(s.shape()[1], -1))


def _labels(s: Operands) -> Any:
    """One-hot columns times the weights of their classes; a column of zeros where the label is to be ignored."""
    labels, classes = s.fact(1).ravel(), s.shape()[1]
    s.model.room_for(classes, labels.size)
    weights = s.fact(2) if s.has(2) else np.ones(classes)
    hot = labels == np.arange(classes)[:, np.newaxis]
    return hot * weights[:, np.newaxis] * (labels != s.attribute("ignore_index", None))


def _cross_entropy(s: Operands) -> Any:
    loss = _reduced(s, lambda labels, how: SoftmaxCrossEntropyLoss(class_rows(s), labels, reduction=how))
    return (loss, LogSoftmax(s[0], axis=1))[: s.outputs]


def _log_likelihood(s: Operands) -> Any:
    reduce: dict[str, Any] = {
        "none": lambda x: Sum(x, axis=0, keepdims=True),
        "sum": Sum,
        "mean": lambda x: Mean(Sum(x, axis=0)),
    }
    return _reduced(s, lambda labels, how: reduce[how](-(class_rows(s) * labels)))


def _reduced(s: Operands, loss: Callable[[Any, str], Node]) -> Any:
    """A mean goes by weight; unless all weigh 1, it is a sum over the sum of the weights."""
    labels, how = _labels(s), s.attribute("reduction", "mean")
    if how == "none":
        return Reshape(loss(labels, "none"), to=s.inputs[1].shape)
    if how == "mean" and np.any(labels.sum(axis=0) != 1):
        return loss(labels, "sum") / labels.sum()
    return loss(labels, how)


RULES: dict[str, Callable[[Operands], Any]] = {
    "Abs": lambda s: Abs(s[0]),
    "Acosh": lambda s: Log(s[0] + Sqrt(Square(s[0]) - 1)),
    "Add": lambda s: s[0] + s[1],
    "Asinh": lambda s: Log(s[0] + Sqrt(Square(s[0]) + 1)),
    "Atanh": lambda s: Log((1 + s[0]) / (1 - s[0])) / 2,
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "CastLike": _cast_like,
    "Celu": _celu,
    "Clip": _clip,
    "Compress": _compress,
    "Concat": lambda s: Concatenate(*s, axis=s.attribute("axis")),
    "Cos": lambda s: Cos(s[0]),
    "Cosh": lambda s: (Exp(s[0]) + Exp(-s[0])) / 2,
    "DepthToSpace": _depth_to_space,
    "Div": _division,
    "Elu": lambda s: _exponential_below_0(s, s.attribute("alpha", 1.0)),
    "Exp": lambda s: Exp(s[0]),
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "GlobalAveragePool": _pooled(Mean),
    "GlobalMaxPool": _pooled(Max),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda s: s[0] * Clip(s[0] / 6 + 0.5, low=0.0, high=1.0),
    "Identity": lambda s: s.inputs[0],
    "InstanceNormalization": _instance_normalization,
    "LayerNormalization": _layer_normalization,
    "LeakyRelu": lambda s: LeakyReLU(s[0], slope=s.attribute("alpha", 0.01)),
    "Log": lambda s: Log(s[0]),
    "LogSoftmax": _shares(LogSoftmax),
    "LpNormalization": _lp_normalization,
    "MatMul": lambda s: s[0] @ s[1],
    "Max": _variadic(Maximum),
    "Mean": lambda s: functools.reduce(operator.add, s) / len(s),
    "MeanVarianceNormalization": lambda s: standardized(s[0], tuple(s.attribute("axes", (0, 2, 3))), 0.0)[0],
    "Min": _variadic(Minimum),
    "Mish": lambda s: s[0] * Tanh(Softplus(s[0])),
    "Mul": lambda s: s[0] * s[1],
    "Neg": lambda s: -s[0],
    "NegativeLogLikelihoodLoss": _log_likelihood,
    "PRelu": lambda s: ReLU(s[0]) + s[1] * Minimum(s[0], 0),
    "Pad": _pad,
    "Pow": _power,
    "RMSNormalization": _rms_normalization,
    "Reciprocal": lambda s: 1 / s[0],
    "ReduceL1": _reduction(lambda x, **facts: Sum(Abs(x), **facts)),
    "ReduceL2": _reduction(lambda x, **facts: Sqrt(Sum(Square(x), **facts))),
    "ReduceLogSum": _reduction(lambda x, **facts: Log(Sum(x, **facts))),
    "ReduceLogSumExp": _reduction(LogSumExp),
    "ReduceMax": _reduction(Max, of_nothing=False),
    "ReduceMean": _reduction(Mean),
    "ReduceMin": _reduction(_smallest, of_nothing=False),
    "ReduceSum": _reduction(Sum),
    "ReduceSumSquare": _reduction(lambda x, **facts: Sum(Square(x), **facts)),
    "Relu": lambda s: ReLU(s[0]),
    "Reshape": _reshape,
    "Selu": _selu,
    "Shape": _shape,
    "Sigmoid": lambda s: Sigmoid(s[0]),
    "Sin": lambda s: Sin(s[0]),
    "Sinh": lambda s: (Exp(s[0]) - Exp(-s[0])) / 2,
    "Size": lambda s: Value(np.array(math.prod(s.shape()), np.int64)),
    "Slice": _slice,
    "Softmax": _shares(Softmax),
    "SoftmaxCrossEntropyLoss": _cross_entropy,
    "Softplus": lambda s: Softplus(s[0]),
    "Softsign": lambda s: s[0] / (1 + Abs(s[0])),
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Sqrt": lambda s: Sqrt(s[0]),
    "Squeeze": _squeeze,
    "Sub": lambda s: s[0] - s[1],
    "Sum": _variadic(Add),
    "Swish": lambda s: s[0] * Sigmoid(s.attribute("alpha", 1.0) * s[0]),
    "Tan": lambda s: Sin(s[0]) / Cos(s[0]),
    "Tanh": lambda s: Tanh(s[0]),
    "Tile": _tile,
    "Transpose": lambda s: Transpose(s[0], axes=tuple(s.attributes["perm"]) if "perm" in s.attributes else None),
    "Trilu": _trilu,
    "Unsqueeze": _unsqueeze,
    "Where": lambda s: Where(s[0], s[1], s[2]),
}
