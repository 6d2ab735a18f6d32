"""Builds one of our graphs from an ONNX model: each operator that our nodes can express, and a reason for each other.

What a model is fed becomes leaves: floating numbers are parameters, so that gradients reach them; whole numbers and
booleans are inputs of their own type. What our nodes take as facts (axes, shapes, bounds) is read off the fed arrays.
Values that depend on no fed floating number, such as a shape cut out of another, are settled before the graph is
built, by ONNX's own evaluator.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

import chainrule as cr

NOTHING = "nothing is computed: values are passed on, or known from their shapes"


class UnsupportedError(Exception):
    """Why a case cannot be judged."""


@dataclass
class Value:
    """One value of a model: its numbers where they are known beforehand, its node where the engine computes it."""

    known: np.ndarray | None = None
    node: cr.Node | None = None
    fed: str | None = None

    @property
    def settled(self) -> bool:
        """Whether it depends on no fed floating number."""
        return self.known is not None and (self.fed is None or self.known.dtype.kind in "iub")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.node.shape if self.known is None else self.known.shape


class Translation:
    """A model on its way: the values so far, and what its leaves are fed."""

    def __init__(self, model: onnx.ModelProto, arrays: Sequence[Any]) -> None:
        self.opset = {entry.domain: entry.version for entry in model.opset_import}
        self.feeds: dict[cr.Node, np.ndarray] = {}
        self.reasons: list[str] = []
        self.types = _types(model)
        self.values = {tensor.name: Value(numbers(tensor)) for tensor in model.graph.initializer}
        for description, array in zip(model.graph.input, arrays, strict=True):
            if array is None and description.name in self.values:
                continue
            self.values[description.name] = Value(numbers(array), fed=description.name)
        for node in model.graph.node:
            self.values |= self.results(node)
        self.outputs = [self.values[output.name] for output in model.graph.output]

    def results(self, node: onnx.NodeProto) -> dict[str, Value]:
        """What one ONNX node computes: settled, by one of our nodes, or both for fed whole numbers."""
        inputs = [self.values[name] if name else None for name in node.input]
        given = [value for value in inputs if value is not None]
        settled = all(value.settled for value in given)
        results = self.settled(node) if settled else [Value() for _ in node.output]
        if not settled or any(value.node is not None or value.fed for value in given):
            try:
                made = self.rule(node)(Operands(self, node, inputs))
                made = made if isinstance(made, tuple) else (made,)
                results = [_with(value, one) for value, one in zip(results, made, strict=False)]
            except UnsupportedError as reason:
                self.reasons.append(str(reason))
                if not settled:
                    raise
        return {name: value for name, value in zip(node.output, results, strict=False) if name}

    def rule(self, node: onnx.NodeProto) -> Callable[[Operands], Any]:
        name = f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
        if name not in RULES:
            raise UnsupportedError(f"no node for the operator: {name}")
        return RULES[name]

    def settled(self, node: onnx.NodeProto) -> list[Value]:
        """What a node computes from numbers that are known, by ONNX's own evaluator."""
        if any(a.type == onnx.AttributeProto.GRAPH for a in node.attribute):
            raise UnsupportedError(f"no node for the operator: {node.op_type}")
        feeds = {name: self.values[name].known for name in node.input if name}
        inputs = [_description(name, array) for name, array in feeds.items()]
        outputs = [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name]
        graph = onnx.helper.make_graph([node], "settled", inputs, outputs)
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid(*o) for o in self.opset.items()])
        try:
            with np.errstate(all="ignore"):
                arrays = iter(ReferenceEvaluator(model).run(None, feeds))
        except ImportError:  # pictures, for which ONNX wants a library of its own
            raise UnsupportedError(f"no node for the operator: {node.op_type}") from None
        return [Value(numbers(next(arrays))) if name else Value() for name in node.output]

    def leaf(self, value: Value, dtype: Any = None) -> cr.Node:
        """The leaf of a fed value, or the constant."""
        array = value.known
        kind = array.dtype if dtype is None and array.dtype.kind in "iub" else np.dtype(float)
        if value.fed is None:
            return cr.Constant(array, dtype=kind)
        name = value.fed if value.node is None else f"{value.fed} as {kind}"
        node = cr.Parameter(name, array.shape) if array.dtype.kind == "f" else cr.Input(name, array.shape, kind)
        self.feeds[node] = array
        return node


class Operands:
    """One ONNX node as a rule reads it: its operands as nodes or as facts, its attributes."""

    def __init__(self, model: Translation, node: onnx.NodeProto, inputs: Sequence[Value | None]) -> None:
        self.model, self.inputs, self.outputs = model, inputs, len(node.output)
        self.types = [model.types.get(name) for name in node.input]
        self.attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}

    def __getitem__(self, k: int) -> cr.Node:
        value = self.inputs[k]
        if value.node is None:
            value.node = self.model.leaf(value)
        return value.node

    def __len__(self) -> int:
        return len(self.inputs)

    def __iter__(self):
        return (self[k] for k in range(len(self.inputs)))

    def has(self, k: int) -> bool:
        return k < len(self.inputs) and self.inputs[k] is not None

    def whole(self, k: int) -> bool:
        """Whether an operand is made of whole numbers or booleans."""
        value = self.inputs[k]
        return (value.node.dtype if value.known is None else value.known.dtype).kind in "iub"

    def floating(self, k: int) -> cr.Node:
        """An operand that the engine is fed, or holds, as floating numbers whatever it came as."""
        return self.model.leaf(self.inputs[k], float) if self.whole(k) and self.inputs[k].settled else self[k]

    def fact(self, k: int) -> np.ndarray:
        """The numbers of an operand that one of our nodes takes as a fact."""
        if self.inputs[k].known is None:
            raise UnsupportedError("a fact of the node, such as an axis, would have to be computed by the graph")
        return self.inputs[k].known

    def shape(self, k: int = 0) -> tuple[int, ...]:
        return self.inputs[k].shape

    def attribute(self, name: str, default: Any = None) -> Any:
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def facts(self, k: int, name: str, default: Any = None) -> Any:
        """Whole numbers that older versions of an operator took as an attribute, and newer ones as an operand."""
        if self.has(k):
            return tuple(int(n) for n in self.fact(k).ravel())
        return tuple(self.attributes[name]) if name in self.attributes else default

    def axis(self, default: int) -> int:
        return self.attribute("axis", default) % max(len(self.shape()), 1)


def _with(value: Value, node: Any) -> Value:
    """A value computed by a node, or known beforehand as the shape of another is."""
    return Value(value.known, node) if isinstance(node, cr.Node) else node


def _types(model: onnx.ModelProto) -> dict[str, Any]:
    """The NumPy type of every value, as ONNX infers it."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    declared = {one.name: one.type.tensor_type.elem_type for one in (*graph.input, *graph.output, *graph.value_info)}
    declared |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    return {name: onnx.helper.tensor_dtype_to_np_dtype(kind) for name, kind in declared.items() if kind}


def _description(name: str, array: np.ndarray) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def numbers(array: Any) -> np.ndarray:
    """An array of numbers that NumPy and the engine know, or the reason why it is none."""
    if isinstance(array, onnx.TensorProto):
        array = onnx.numpy_helper.to_array(array)
    if array is None or isinstance(array, (list, dict)):
        raise UnsupportedError("sequences, maps and optional values")
    array = np.asarray(array)
    if array.dtype.kind in "OUST":
        raise UnsupportedError("text")
    if array.dtype.kind == "c":
        raise UnsupportedError("complex numbers, which the engine refuses")
    if array.dtype.kind not in "fiub":
        raise UnsupportedError("a type of number that NumPy does not have (bfloat16, float8, float4, int4, int2)")
    return array


# --- rules: operators by what they do ---------------------------------------------------------------------------------


def _variadic(node: type[cr.Node]) -> Callable[[Operands], cr.Node]:
    return lambda s: functools.reduce(node, s) if len(s) > 1 else _not_alone()


def _not_alone() -> None:
    raise UnsupportedError(NOTHING)


def _division(s: Operands) -> cr.Node:
    if s.whole(0):
        raise UnsupportedError("division of whole numbers, which the engine takes to fractions")
    return s[0] / s[1]


def _power(s: Operands) -> cr.Node:
    if s.whole(0) and s.whole(1):
        return s[0] ** s[1]
    if s.whole(0):
        raise UnsupportedError("whole numbers raised to fractions and rounded")
    return s[0] ** s.floating(1)


def _clip(s: Operands) -> cr.Node:
    bounds = [float(s.fact(k)) if s.has(k) else s.attribute(name) for k, name in ((1, "min"), (2, "max"))]
    if s.whole(0):
        limits = np.iinfo(s.inputs[0].known.dtype)
        bounds = [
            limit if bound is None else int(bound)
            for bound, limit in zip(bounds, (limits.min, limits.max), strict=True)
        ]
    facts = {name: bound for name, bound in zip(("low", "high"), bounds, strict=True) if bound is not None}
    return cr.Clip(s[0], **facts) if facts else _not_alone()


def _gelu(s: Operands) -> cr.Node:
    x = s[0]
    if s.attribute("approximate", "none") == "none":
        return cr.GELU(x)
    return 0.5 * x * (1 + cr.Tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _exponential_below_0(s: Operands, alpha: float) -> cr.Node:
    return cr.ReLU(s[0]) + alpha * (cr.Exp(cr.Minimum(s[0], 0)) - 1)


def _selu(s: Operands) -> cr.Node:
    alpha, gamma = s.attribute("alpha", 1.67326319217681884765625), s.attribute("gamma", 1.05070102214813232421875)
    return gamma * _exponential_below_0(s, alpha)


def _celu(s: Operands) -> cr.Node:
    alpha = s.attribute("alpha", 1.0)
    return cr.ReLU(s[0]) + cr.Minimum(0, alpha * (cr.Exp(s[0] / alpha) - 1))


def _hard_sigmoid(s: Operands) -> cr.Node:
    return cr.Clip(s.attribute("alpha", 0.2) * s[0] + s.attribute("beta", 0.5), low=0.0, high=1.0)


def _gemm(s: Operands) -> cr.Node:
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


def _reduction(build: Callable[..., cr.Node], of_nothing: bool = True) -> Callable[[Operands], cr.Node]:
    def rule(s: Operands) -> cr.Node:
        facts = {"axis": _axes(s), "keepdims": bool(s.attribute("keepdims", 1))}
        count = math.prod(s.shape()[k] for k in facts["axis"] or range(len(s.shape())))
        if not (count or of_nothing):
            raise UnsupportedError("a maximum or minimum of nothing, which is an error here as in NumPy")
        return build(s[0], **facts)

    return rule


def _smallest(x: cr.Node, **facts: Any) -> cr.Node:
    if x.dtype.kind in "ub":
        raise UnsupportedError("no node for the operator: ReduceMin of numbers without a sign")
    return -cr.Max(-x, **facts)


def _pooled(build: Callable[..., cr.Node]) -> Callable[[Operands], cr.Node]:
    return lambda s: build(s[0], axis=tuple(range(2, len(s.shape()))), keepdims=True)


def _shares(node: type[cr.Node]) -> Callable[[Operands], cr.Node]:
    return lambda s: node(s[0], axis=s.axis(-1))


# --- arrangement


def _reshape(s: Operands) -> cr.Node:
    to = s.facts(1, "shape")
    if not s.attribute("allowzero", 0):
        to = tuple(s.shape()[k] if size == 0 else size for k, size in enumerate(to))
    return cr.Reshape(s[0], to=to)


def _flatten(s: Operands) -> cr.Node:
    axis = s.attribute("axis", 1)
    axis = axis + len(s.shape()) if axis < 0 else axis
    return cr.Reshape(s[0], to=(math.prod(s.shape()[:axis]), math.prod(s.shape()[axis:])))


def _squeeze(s: Operands) -> cr.Node:
    shape = s.shape()
    axes = {axis % len(shape) for axis in s.facts(1, "axes", [k for k, n in enumerate(shape) if n == 1])}
    return cr.Reshape(s[0], to=tuple(n for k, n in enumerate(shape) if k not in axes))


def _unsqueeze(s: Operands) -> cr.Node:
    axes = s.facts(1, "axes")
    ndim = len(s.shape()) + len(axes)
    added, sizes = {axis % ndim for axis in axes}, iter(s.shape())
    return cr.Reshape(s[0], to=tuple(1 if k in added else next(sizes) for k in range(ndim)))


def _slice(s: Operands) -> cr.Node:
    starts, ends = s.facts(1, "starts"), s.facts(2, "ends")
    axes, steps = s.facts(3, "axes", range(len(starts))), s.facts(4, "steps", (1,) * len(starts))
    key = [slice(None)] * len(s.shape())
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = s.shape()[axis]
        before_first = step < 0 and end < -size
        key[axis] = slice(start, None if before_first else end, step)
    return cr.Index(s[0], key=tuple(key))


def _split(s: Operands) -> tuple[cr.Node, ...]:
    axis, size = s.axis(0), s.shape()[s.axis(0)]
    part = -(-size // s.outputs)
    parts = s.facts(1, "split", [min(part, size - k * part) for k in range(s.outputs)])
    ends = np.cumsum([0, *parts]).tolist()
    before = (slice(None),) * axis
    return tuple(cr.Index(s[0], key=(*before, slice(a, b))) for a, b in itertools.pairwise(ends))


def _expand(s: Operands) -> cr.Node:
    if s.whole(0):
        raise UnsupportedError("no node for the operator: Expand of whole numbers")
    return s[0] * np.ones(s.facts(1, "shape"))


def _tile(s: Operands) -> cr.Node:
    repeats = s.facts(1, "repeats")
    return functools.reduce(lambda x, k: cr.Concatenate(*[x] * repeats[k], axis=k), range(len(repeats)), s[0])


def _pad(s: Operands) -> cr.Node:
    """Each axis by itself: entries beyond the edge are a constant, or looked up inside."""
    mode, ndim = s.attribute("mode", "constant"), len(s.shape())
    axes = [axis % ndim for axis in s.facts(3, "axes", range(ndim))]
    pads = s.facts(1, "pads")
    number = s.fact(2).item() if s.has(2) else s.attribute("value", 0)
    x = s[0]
    for k, axis in enumerate(axes):
        widths = pads[k], pads[k + len(axes)]
        x = _padded(x, axis, widths, number) if mode == "constant" else _looked_up(x, axis, widths, mode)
    return x


def _padded(x: cr.Node, axis: int, widths: tuple[int, int], number: float) -> cr.Node:
    size = x.shape[axis]
    cut = slice(max(0, -widths[0]), size - max(0, -widths[1]))
    x = cr.Index(x, key=(*(slice(None),) * axis, cut))
    edges = [np.full((*x.shape[:axis], max(0, width), *x.shape[axis + 1 :]), number) for width in widths]
    before, after = (cr.Constant(edge, dtype=x.dtype) for edge in edges)
    return cr.Concatenate(before, x, after, axis=axis)


def _looked_up(x: cr.Node, axis: int, widths: tuple[int, int], mode: str) -> cr.Node:
    size = x.shape[axis]
    cut = np.arange(max(0, -widths[0]), size - max(0, -widths[1]))
    places = np.pad(cut, [max(0, width) for width in widths], mode)
    return cr.Gather(x, cr.Constant(places, dtype=int), axis=axis)


def _gather(s: Operands) -> cr.Node:
    return cr.Gather(s[0], s[1], axis=s.attribute("axis", 0))


def _gather_elements(s: Operands) -> cr.Node:
    places, axis = s.fact(1), s.axis(0)
    key = [*np.indices(places.shape)]
    key[axis] = places
    return cr.Index(s[0], key=tuple(key))


def _gather_nd(s: Operands) -> cr.Node:
    places = s.fact(1)
    batch = np.indices(places.shape[:-1])[: s.attribute("batch_dims", 0)]
    return cr.Index(s[0], key=(*batch, *np.moveaxis(places, -1, 0)))


def _compress(s: Operands) -> cr.Node:
    kept = np.flatnonzero(s.fact(1))
    x = s[0] if "axis" in s.attributes else cr.Reshape(s[0])
    return cr.Gather(x, cr.Constant(kept, dtype=int), axis=s.attribute("axis", 0))


def _trilu(s: Operands) -> cr.Node:
    cut = np.triu if s.attribute("upper", 1) else np.tril
    kept = cut(np.ones(s.shape()[-2:], bool), int(s.fact(1)) if s.has(1) else 0)
    return cr.Where(cr.Constant(kept, dtype=bool), s[0], cr.Constant(0, dtype=s[0].dtype))


def _depth_to_space(s: Operands) -> cr.Node:
    (n, c, h, w), b = s.shape(), s.attribute("blocksize")
    if s.attribute("mode", "DCR") == "DCR":
        x = cr.Transpose(cr.Reshape(s[0], to=(n, b, b, c // b**2, h, w)), axes=(0, 3, 4, 1, 5, 2))
    else:
        x = cr.Transpose(cr.Reshape(s[0], to=(n, c // b**2, b, b, h, w)), axes=(0, 1, 4, 2, 5, 3))
    return cr.Reshape(x, to=(n, c // b**2, h * b, w * b))


def _space_to_depth(s: Operands) -> cr.Node:
    (n, c, h, w), b = s.shape(), s.attribute("blocksize")
    if s.attribute("mode", "DCR") != "DCR":
        raise UnsupportedError("no node for the operator: SpaceToDepth in column order")
    x = cr.Transpose(cr.Reshape(s[0], to=(n, c, h // b, b, w // b, b)), axes=(0, 3, 5, 1, 2, 4))
    return cr.Reshape(x, to=(n, c * b**2, h // b, w // b))


def _shape(s: Operands) -> Value:
    start, end = s.attribute("start", 0), s.attribute("end", None)
    return Value(np.array(s.shape()[start:end], np.int64))


# --- types


def _cast(s: Operands) -> Any:
    return _as_type(s, onnx.helper.tensor_dtype_to_np_dtype(s.attribute("to")))


def _cast_like(s: Operands) -> Any:
    return _as_type(s, s.types[1])


def _as_type(s: Operands, dtype: Any) -> Value:
    """Between floating types nothing happens: a whole run has one, and the result is rounded when it is compared."""
    if np.dtype(dtype).kind != "f" or s.whole(0):
        raise UnsupportedError("no node for the operator: Cast from or to whole numbers and booleans")
    value = s.inputs[0]
    return Value(value.known.astype(dtype)) if value.settled else value


# --- normalizations


def _standardized(x: cr.Node, axes: tuple[int, ...], epsilon: float) -> tuple[cr.Node, cr.Node, cr.Node]:
    mean = cr.Mean(x, axis=axes, keepdims=True)
    spread = 1 / cr.Sqrt(cr.Mean(cr.Square(x - mean), axis=axes, keepdims=True) + epsilon)
    return (x - mean) * spread, mean, spread


def _layer_normalization(s: Operands) -> tuple[cr.Node, ...]:
    axes = tuple(range(s.axis(-1), len(s.shape())))
    y, mean, spread = _standardized(s[0], axes, s.attribute("epsilon", 1e-5))
    return (y * s[1] + s[2] if s.has(2) else y * s[1]), mean, spread


def _rms_normalization(s: Operands) -> cr.Node:
    axes = tuple(range(s.axis(-1), len(s.shape())))
    size = cr.Mean(cr.Square(s[0]), axis=axes, keepdims=True)
    return s[0] / cr.Sqrt(size + s.attribute("epsilon", 1e-5)) * s[1]


def _instance_normalization(s: Operands) -> cr.Node:
    y, _, _ = _standardized(s[0], tuple(range(2, len(s.shape()))), s.attribute("epsilon", 1e-5))
    return y * _per_channel(s, 1) + _per_channel(s, 2)


def _batch_normalization(s: Operands) -> cr.Node:
    if s.attribute("training_mode", 0):
        raise UnsupportedError("running averages that training changes")
    scale, shift, mean, variance = (_per_channel(s, k) for k in range(1, 5))
    return (s[0] - mean) / cr.Sqrt(variance + s.attribute("epsilon", 1e-5)) * scale + shift


def _per_channel(s: Operands, k: int) -> cr.Node:
    """An operand with one number for each entry of the second axis, in a shape that broadcasts against the first."""
    return cr.Reshape(s[k], to=(-1, *(1,) * (len(s.shape()) - 2)))


def _lp_normalization(s: Operands) -> cr.Node:
    x, facts = s[0], {"axis": s.axis(-1), "keepdims": True}
    if not np.any(s.fact(0), axis=facts["axis"]).all():
        raise UnsupportedError("0 / 0, for which ONNX has a rule of its own")
    return x / (cr.Sum(cr.Abs(x), **facts) if s.attribute("p", 2) == 1 else cr.Sqrt(cr.Sum(cr.Square(x), **facts)))


# --- losses: our classes are rows and our examples columns, ONNX's the second axis and all others


def _class_rows(s: Operands) -> cr.Node:
    ndim = len(s.shape())
    return cr.Reshape(cr.Transpose(s[0], axes=(1, 0, *range(2, ndim))), to=(s.shape()[1], -1))


def _labels(s: Operands) -> np.ndarray:
    """One-hot columns times the weights of their classes; a column of zeros where the label is to be ignored."""
    labels, classes = s.fact(1).ravel(), s.shape()[1]
    weights = s.fact(2) if s.has(2) else np.ones(classes)
    hot = labels == np.arange(classes)[:, np.newaxis]
    return hot * weights[:, np.newaxis] * (labels != s.attribute("ignore_index", None))


def _cross_entropy(s: Operands) -> tuple[cr.Node, ...]:
    loss = _reduced(s, lambda labels, how: cr.SoftmaxCrossEntropyLoss(_class_rows(s), labels, reduction=how))
    return (loss, cr.LogSoftmax(s[0], axis=1))[: s.outputs]


def _log_likelihood(s: Operands) -> cr.Node:
    reduce = {
        "none": lambda x: cr.Sum(x, axis=0, keepdims=True),
        "sum": cr.Sum,
        "mean": lambda x: cr.Mean(cr.Sum(x, axis=0)),
    }
    return _reduced(s, lambda labels, how: reduce[how](-(_class_rows(s) * labels)))


def _reduced(s: Operands, loss: Callable[[np.ndarray, str], cr.Node]) -> cr.Node:
    """A mean goes by weight; unless all weigh 1, it is a sum over the sum of the weights."""
    labels, how = _labels(s), s.attribute("reduction", "mean")
    if how == "none":
        return cr.Reshape(loss(labels, "none"), to=s.inputs[1].shape)
    if how == "mean" and np.any(labels.sum(axis=0) != 1):
        return loss(labels, "sum") / labels.sum()
    return loss(labels, how)


RULES: dict[str, Callable[[Operands], Any]] = {
    "Abs": lambda s: cr.Abs(s[0]),
    "Acosh": lambda s: cr.Log(s[0] + cr.Sqrt(cr.Square(s[0]) - 1)),
    "Add": lambda s: s[0] + s[1],
    "Asinh": lambda s: cr.Log(s[0] + cr.Sqrt(cr.Square(s[0]) + 1)),
    "Atanh": lambda s: cr.Log((1 + s[0]) / (1 - s[0])) / 2,
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "CastLike": _cast_like,
    "Celu": _celu,
    "Clip": _clip,
    "Compress": _compress,
    "Concat": lambda s: cr.Concatenate(*s, axis=s.attribute("axis")),
    "Cos": lambda s: cr.Cos(s[0]),
    "Cosh": lambda s: (cr.Exp(s[0]) + cr.Exp(-s[0])) / 2,
    "DepthToSpace": _depth_to_space,
    "Div": _division,
    "Elu": lambda s: _exponential_below_0(s, s.attribute("alpha", 1.0)),
    "Exp": lambda s: cr.Exp(s[0]),
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "GlobalAveragePool": _pooled(cr.Mean),
    "GlobalMaxPool": _pooled(cr.Max),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda s: s[0] * cr.Clip(s[0] / 6 + 0.5, low=0.0, high=1.0),
    "Identity": lambda s: s.inputs[0],
    "InstanceNormalization": _instance_normalization,
    "LayerNormalization": _layer_normalization,
    "LeakyRelu": lambda s: cr.LeakyReLU(s[0], slope=s.attribute("alpha", 0.01)),
    "Log": lambda s: cr.Log(s[0]),
    "LogSoftmax": _shares(cr.LogSoftmax),
    "LpNormalization": _lp_normalization,
    "MatMul": lambda s: s[0] @ s[1],
    "Max": _variadic(cr.Maximum),
    "Mean": lambda s: functools.reduce(operator.add, s) / len(s),
    "MeanVarianceNormalization": lambda s: _standardized(s[0], tuple(s.attribute("axes", (0, 2, 3))), 0.0)[0],
    "Min": _variadic(cr.Minimum),
    "Mish": lambda s: s[0] * cr.Tanh(cr.Softplus(s[0])),
    "Mul": lambda s: s[0] * s[1],
    "Neg": lambda s: -s[0],
    "NegativeLogLikelihoodLoss": _log_likelihood,
    "PRelu": lambda s: cr.ReLU(s[0]) + s[1] * cr.Minimum(s[0], 0),
    "Pad": _pad,
    "Pow": _power,
    "RMSNormalization": _rms_normalization,
    "Reciprocal": lambda s: 1 / s[0],
    "ReduceL1": _reduction(lambda x, **facts: cr.Sum(cr.Abs(x), **facts)),
    "ReduceL2": _reduction(lambda x, **facts: cr.Sqrt(cr.Sum(cr.Square(x), **facts))),
    "ReduceLogSum": _reduction(lambda x, **facts: cr.Log(cr.Sum(x, **facts))),
    "ReduceLogSumExp": _reduction(cr.LogSumExp),
    "ReduceMax": _reduction(cr.Max, of_nothing=False),
    "ReduceMean": _reduction(cr.Mean),
    "ReduceMin": _reduction(_smallest, of_nothing=False),
    "ReduceSum": _reduction(cr.Sum),
    "ReduceSumSquare": _reduction(lambda x, **facts: cr.Sum(cr.Square(x), **facts)),
    "Relu": lambda s: cr.ReLU(s[0]),
    "Reshape": _reshape,
    "Selu": _selu,
    "Shape": _shape,
    "Sigmoid": lambda s: cr.Sigmoid(s[0]),
    "Sin": lambda s: cr.Sin(s[0]),
    "Sinh": lambda s: (cr.Exp(s[0]) - cr.Exp(-s[0])) / 2,
    "Size": lambda s: Value(np.array(math.prod(s.shape()), np.int64)),
    "Slice": _slice,
    "Softmax": _shares(cr.Softmax),
    "SoftmaxCrossEntropyLoss": _cross_entropy,
    "Softplus": lambda s: cr.Softplus(s[0]),
    "Softsign": lambda s: s[0] / (1 + cr.Abs(s[0])),
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Sqrt": lambda s: cr.Sqrt(s[0]),
    "Squeeze": _squeeze,
    "Sub": lambda s: s[0] - s[1],
    "Sum": _variadic(cr.Add),
    "Swish": lambda s: s[0] * cr.Sigmoid(s.attribute("alpha", 1.0) * s[0]),
    "Tan": lambda s: cr.Sin(s[0]) / cr.Cos(s[0]),
    "Tanh": lambda s: cr.Tanh(s[0]),
    "Tile": _tile,
    "Transpose": lambda s: cr.Transpose(s[0], axes=tuple(s.attributes["perm"]) if "perm" in s.attributes else None),
    "Trilu": _trilu,
    "Unsqueeze": _unsqueeze,
    "Where": lambda s: cr.Where(s[0], s[1], s[2]),
}
