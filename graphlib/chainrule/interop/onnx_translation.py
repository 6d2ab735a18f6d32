"""The operators of an ONNX model one after another, each by a rule that builds it from our nodes.

What a model is fed becomes leaves. What our nodes take as facts (axes, shapes, bounds) is read off arrays that are
known. Values that depend on nothing that is fed, such as a shape cut out of another, are settled before the graph is
built, by ONNX's own evaluator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np

from chainrule.core.leaves import Constant, Input, Parameter
from chainrule.core.node import Node
from chainrule.interop.neighbour import Neighbour
from chainrule.interop.onnx_values import onnx
from chainrule.symbols.dimensions import Dimension, names_in

Rule: TypeAlias = "Callable[[Operands], Any]"
reference: Any = Neighbour("onnx.reference", "onnx")
NOTHING = "nothing is computed: values are passed on, or known from their shapes"
MOST_ENTRIES = 1 << 27
"""Of all arrays together that a model does not hold, but has made of small ones: a gigabyte."""
_SHAPES = 64  # entries of an operand that may be a shape


@final
class UnsupportedError(Exception):
    """Why an operator has no node."""


@final
@dataclass
class Value:
    """One value of a model: its numbers where they are known beforehand, its node where the engine computes it."""

    known: Any = None
    node: Any = None
    fed: str | None = None

    @property
    def settled(self) -> bool:
        """Whether it depends on no fed floating number."""
        return self.known is not None and (self.fed is None or self.known.dtype.kind in "iub")

    @property
    def shape(self) -> Any:
        """The shape, whose sizes may have names."""
        return self.node.shape if self.known is None else self.known.shape


@final
class Translation:
    """A model on its way: the values so far, and what its leaves are fed."""

    def __init__(self, model: Any, rules: Mapping[str, Rule], given: Mapping[str, Value]) -> None:
        self.opset = {entry.domain: entry.version for entry in model.opset_import}
        self.rules = rules
        self.feeds: dict[Node, Any] = {}
        self.reasons: list[str] = []
        self.entries = 0
        self.types = _types(model)
        self.values: dict[str, Any] = {tensor.name: Value(numbers(tensor)) for tensor in model.graph.initializer}
        self.values |= given
        self.inputs = [value.node for value in given.values() if value.node is not None]
        for node in model.graph.node:
            self.values |= self.results(node)
        self.outputs = [self.values[output.name] for output in model.graph.output]

    def results(self, node: Any) -> dict[str, Value]:
        """What one ONNX node computes: settled, by one of our nodes, or both for fed whole numbers."""
        inputs = [self.values[name] if name else None for name in node.input]
        given = [value for value in inputs if value is not None]
        settled = all(value.settled for value in given)
        if settled and node.op_type not in _SIZES:  # a size with a name is known to an operator of shapes alone
            settled = all(value.known.dtype != object for value in given)
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

    def room_for(self, *shape: Any) -> None:
        """Count the entries of an array that is to be made; refuse it, before memory is taken, above the bound."""
        self.entries += math.prod(size for size in shape if not isinstance(size, Dimension))
        if self.entries > MOST_ENTRIES:
            raise UnsupportedError(
                f"{self.entries:,} entries made of a small file, above {MOST_ENTRIES:,}; the last are of shape {shape}"
            )

    def rule(self, node: Any) -> Rule:
        """What builds an operator."""
        name = f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
        if name not in self.rules:
            raise UnsupportedError(f"no node for the operator: {name}")
        found: Rule = self.rules[name]
        return found

    def settled(self, node: Any) -> list[Value]:
        """What a node computes from numbers that are known, by ONNX's own evaluator."""
        if any(a.type == onnx.AttributeProto.GRAPH for a in node.attribute):
            raise UnsupportedError(f"no node for the operator: {node.op_type}")
        feeds = {name: self.values[name].known for name in node.input if name}
        if any(array.dtype == object for array in feeds.values()):
            return [Value(_of_sizes(node, list(feeds.values())))]
        inputs = [_description(name, array) for name, array in feeds.items()]
        outputs = [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name]
        graph = onnx.helper.make_graph([node], "settled", inputs, outputs)
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid(*o) for o in self.opset.items()])
        if node.op_type != "Constant":  # which the file holds
            for shape in _shapes_of(model, feeds):
                self.room_for(*shape)
        try:
            with np.errstate(all="ignore"):
                arrays = iter(reference.ReferenceEvaluator(model).run(None, feeds))
        except ImportError:  # pictures, for which ONNX wants a library of its own
            raise UnsupportedError(f"no node for the operator: {node.op_type}") from None
        return [Value(numbers(next(arrays))) if name else Value() for name in node.output]

    def leaf(self, value: Any, dtype: Any = None) -> Any:
        """The leaf of a fed value, or the constant."""
        array = value.known
        if array.dtype == object:
            if array.size == 1:
                return array.item()
            raise UnsupportedError("a row of sizes that is computed with")
        kind = array.dtype if dtype is None and array.dtype.kind in "iub" else np.dtype(float)
        if value.fed is None:
            return Constant(array, dtype=kind)
        name = value.fed if value.node is None else f"{value.fed} as {kind}"
        node = Parameter(name, array.shape) if array.dtype.kind == "f" else Input(name, array.shape, kind)
        self.feeds[node] = array
        return node


def _shapes_of(model: Any, feeds: Mapping[str, Any]) -> Iterator[tuple[int, ...]]:
    """The shapes of a model's outputs as far as small operands tell them, without computing anything."""
    told = onnx.ModelProto()
    told.CopyFrom(model)
    small = [onnx.numpy_helper.from_array(array, name) for name, array in feeds.items() if array.size <= _SHAPES]
    told.graph.initializer.extend(small)
    for output in onnx.shape_inference.infer_shapes(told, data_prop=True).graph.output:
        yield tuple(size.dim_value for size in output.type.tensor_type.shape.dim)


def _of_sizes(node: Any, known: list[Any]) -> Any:
    """What an operator makes of sizes with names, as NumPy has it for objects."""
    facts = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type not in _SIZES:
        raise UnsupportedError(f"sizes with names in the operator: {node.op_type}")
    found = _SIZES[node.op_type](facts, *map(_exactly, known))
    return np.asarray(found, dtype=object)


def _exactly(array: Any) -> Any:
    """Numbers that sizes can be computed with: whole where they can be."""
    if array.dtype.kind == "f" and np.array_equal(array, np.rint(array)):
        return array.astype(np.int64).astype(object)
    return array.astype(object)


def _sliced_sizes(facts: Any, x: Any, starts: Any, ends: Any, *axes_and_steps: Any) -> Any:
    return x[int(starts[0]) : int(ends[0]) : int(axes_and_steps[1][0]) if len(axes_and_steps) > 1 else 1]


_SIZES: dict[str, Callable[..., Any]] = {
    "Add": lambda facts, x, y: x + y,
    "Cast": lambda facts, x: x,
    "Concat": lambda facts, *parts: np.concatenate(parts, axis=facts["axis"]),
    "Div": lambda facts, x, y: x / y,
    "Gather": lambda facts, x, places: np.take(x, places.astype(int), axis=facts.get("axis", 0)),
    "Identity": lambda facts, x: x,
    "Mul": lambda facts, x, y: x * y,
    "ReduceProd": lambda facts, x, axes=None: np.array([math.prod(x.tolist())], dtype=object),
    "Reshape": lambda facts, x, shape: x.reshape(tuple(map(int, shape))),
    "Slice": _sliced_sizes,
    "Squeeze": lambda facts, x, axes=None: x.reshape(()),
    "Sub": lambda facts, x, y: x - y,
    "Unsqueeze": lambda facts, x, axes=None: x.reshape(-1),
}
"""What becomes of sizes with names on the way from one shape to another."""


@final
class Operands:
    """One ONNX node as a rule reads it: its operands as nodes or as facts, its attributes."""

    def __init__(self, model: Translation, node: Any, inputs: Sequence[Any]) -> None:
        self.model, self.inputs, self.outputs = model, inputs, len(node.output)
        self.types = [model.types.get(name) for name in node.input]
        self.attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}

    def __getitem__(self, k: int) -> Any:
        value = self.inputs[k]
        if value.node is None:
            value.node = self.model.leaf(value)
        return value.node

    def __len__(self) -> int:
        return len(self.inputs)

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self.inputs)))

    def telling(self, shape: Any, k: int = 0) -> list[Node]:
        """The inputs of the model that tell the named sizes of a shape which an operand does not tell."""
        named = names_in(shape) - names_in(self.shape(k))
        return [node for node in self.model.inputs if named & names_in(node.shape or ())]

    def has(self, k: int) -> bool:
        return k < len(self.inputs) and self.inputs[k] is not None

    def whole(self, k: int) -> Any:
        """Whether an operand is made of whole numbers or booleans."""
        value = self.inputs[k]
        return (value.node.dtype if value.known is None else value.known.dtype).kind in "iub"

    def floating(self, k: int) -> Any:
        """An operand that the engine is fed, or holds, as floating numbers whatever it came as."""
        return self.model.leaf(self.inputs[k], float) if self.whole(k) and self.inputs[k].settled else self[k]

    def fact(self, k: int) -> Any:
        """The numbers of an operand that one of our nodes takes as a fact."""
        if self.inputs[k].known is None:
            raise UnsupportedError("a fact of the node, such as an axis, would have to be computed by the graph")
        return self.inputs[k].known

    def shape(self, k: int = 0) -> Any:
        return self.inputs[k].shape

    def attribute(self, name: str, default: Any = None) -> Any:
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def facts(self, k: int, name: str, default: Any = None) -> Any:
        """Whole numbers that older versions of an operator took as an attribute, and newer ones as an operand."""
        if self.has(k):
            return tuple(n if isinstance(n, Dimension) else int(n) for n in self.fact(k).ravel())
        return tuple(self.attributes[name]) if name in self.attributes else default

    def axis(self, default: int) -> Any:
        return self.attribute("axis", default) % max(len(self.shape()), 1)


def _with(value: Value, node: Any) -> Value:
    """A value computed by a node, or known beforehand as the shape of another is."""
    return Value(value.known, node) if isinstance(node, Node) else node


def _types(model: Any) -> dict[str, Any]:
    """The NumPy type of every value, as ONNX infers it."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    declared = {one.name: one.type.tensor_type.elem_type for one in (*graph.input, *graph.output, *graph.value_info)}
    declared |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    return {name: onnx.helper.tensor_dtype_to_np_dtype(kind) for name, kind in declared.items() if kind}


def _description(name: str, array: Any) -> Any:
    return onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def numbers(array: Any) -> Any:
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
