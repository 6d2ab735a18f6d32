"""ONNX: a graph with its gradients as a model that other engines run, and models as graphs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from chainrule.core.accepting import as_path
from chainrule.core.leaves import Constant
from chainrule.core.node import Node
from chainrule.core.saving import replaced
from chainrule.errors import ArgumentError, FeedError, did_you_mean
from chainrule.graph import Graph
from chainrule.interop import onnx_operations, onnx_windows  # noqa: F401 — they enter what writes each operation
from chainrule.interop.onnx_reading import graph_of, read
from chainrule.interop.onnx_values import Model, Tensor, onnx
from chainrule.plan.optimizing import typed
from chainrule.program.calls import Call, pick
from chainrule.program.program import Program
from chainrule.program.recording import record, record_forward
from chainrule.program.step import Ref, Step, map_refs
from chainrule.symbols.dimensions import Dimension

__all__ = ["load", "save"]

_OPSET: Final = 18  # the first in which every reduction takes its axes as an operand
_FORMAT: Final = 9
_LARGEST: Final = 1 << 31  # bytes of one protocol buffer


def save(
    graph: Graph,
    path: str | os.PathLike[str],
    values: Mapping[Any, npt.ArrayLike] | None = None,
    gradients: Iterable[str | Node] = (),
) -> None:
    """Write a graph as an ONNX model that computes its outputs and, behind them, gradients: ``L``, ``dW1``, ...

    ``values`` are held by the model, by name, as parameters are after training; what is not among them is an input of
    the model. A size with a name is one there, too, so that the number of examples is free, 0 and 1 included. Numbers
    are those of ``values``: float64, or float32. Gradients start at scalar outputs, as ``graph.compile`` has it; for
    others, and for gradients of gradients, save ``graph.backward(...)``.

    Raises ArgumentError where a rule is one that Symbols cannot pass through or an operation has no operator,
    FeedError for values that the graph does not have, UnknownNameError for what has no gradient, MissingExtraError
    where onnx is not installed.

    >>> from chainrule import Graph, Input, Mean, Parameter, Square
    >>> w, x = Parameter("w", (1, 2)), Input("x", (2, "m"))
    >>> graph = Graph(Mean(Square(w @ x), name="L"))
    >>> save(graph, "net.onnx", {"w": [[1.0, 2.0]]}, gradients=["w", "x"])  # doctest: +SKIP
    """
    library = onnx.module()
    held = _held(graph, values or {})
    model = _model(graph, held, [graph.name(graph[node]) for node in gradients])
    content = model.SerializeToString()
    if len(content) >= _LARGEST:
        raise ArgumentError("a model of more than 2 GB", remedy="leave its parameters out of values: they are inputs")
    library.checker.check_model(model, full_check=True)
    replaced(as_path(path), content)


def load(path: str | os.PathLike[str]) -> tuple[Graph, dict[str, npt.NDArray[Any]]]:
    """The graph of an ONNX model, and the values of its parameters by name.

    Floating initializers are parameters, other numbers constants; inputs have the model's names and shapes, free sizes
    their names; outputs the model's names, with an underscore behind one that a gradient has: what ``save`` has written
    as dW1 comes back as the value dW1_.

    Raises ArgumentError, before anything is built, for a file that is no model, damaged, above 2 GB, or that keeps
    numbers in other files, and for an operator that no node computes, which it names; MissingExtraError where onnx is
    not installed.

    >>> graph, values = load("net.onnx")  # doctest: +SKIP
    >>> graph.forward({**values, "x": [[1.0], [2.0]]})["L"]  # doctest: +SKIP
    """
    model = read(as_path(path))
    return graph_of(model, as_path(path))


def _held(graph: Graph, values: Mapping[Any, Any]) -> dict[str, npt.NDArray[Any]]:
    known = {graph.name(leaf): leaf for leaf in graph.leaves if not isinstance(leaf, Constant)}
    named = {graph.name(key) if isinstance(key, Node) else key: np.asarray(value) for key, value in values.items()}
    if unknown := [did_you_mean(str(name), known) for name in named if name not in known]:
        raise FeedError(f"values: unknown {', '.join(unknown)}", remedy=f"this graph is fed {', '.join(known)}")
    for name, array in named.items():
        shape = known[name].shape or ()
        wrong = len(shape) != array.ndim
        if wrong or any(isinstance(a, int) and a != b for a, b in zip(shape, array.shape, strict=True)):
            raise FeedError(f"{name} has shape {array.shape}", where=known[name].where, remedy=f"shape {shape}")
    return named


def _model(graph: Graph, held: Mapping[str, npt.NDArray[Any]], gradients: list[str]) -> Any:
    floating = [array.dtype for array in held.values() if array.dtype.kind == "f"]
    dtype = np.dtype(np.float32 if floating and all(kind == np.float32 for kind in floating) else np.float64)
    outputs = [graph.name(node) for node in graph.outputs]
    recorded = record(graph) if gradients else record_forward(graph)
    for name in gradients:
        if name not in recorded.gradients:
            graph.of_gradient(name)
            raise ArgumentError(f"{name} has no gradient", remedy="what a loss depends on, and is no label")
    program = typed(recorded.only(outputs, gradients), dtype)
    writing = _Writing(program, dtype, held)
    results = {name: program.values[name] for name in outputs}
    results |= {graph.gradient_names[graph.position(name)]: program.gradients[name] for name in gradients}
    return writing.finished({name: (k, program.steps[k]) for name, k in results.items()})


@final
class _Writing:
    """One model in the making, step by step."""

    def __init__(self, program: Program, dtype: np.dtype[Any], held: Mapping[str, npt.NDArray[Any]]) -> None:
        self.model = Model(dtype)
        self.inputs: list[Any] = []
        self.held: list[Any] = []
        self.made: list[Any] = []
        feeds = [step for step in program.steps if step.is_feed]
        self.model.names |= {str(step.name) for step in feeds}
        for step in feeds:
            self._size_names(step)
        for step in program.steps:
            self.made.append(self._step(step, held))

    def _size_names(self, step: Step) -> None:
        """The sizes with names that a feed tells."""
        for k, size in enumerate(step.shape or ()):
            if isinstance(size, Dimension) and str(size) not in self.model.sizes:
                fed = Tensor(self.model, str(step.name), step.shape, step.dtype)
                kind = {"shape": (1,), "dtype": np.int64, "start": k, "end": k + 1}
                self.model.sizes[str(size)] = self.model.node("Shape", fed, **kind)

    def _step(self, step: Step, held: Mapping[str, npt.NDArray[Any]]) -> Any:
        if step.is_feed:
            return self._feed(step, held)
        if step.is_constant:
            return self.model.constant(step.operands[0], step.dtype)
        if isinstance(step.operation, Call) or step.operation is pick:
            raise ArgumentError(
                f"{getattr(step.operation, '__name__', 'a rule')} is called as it is, and ONNX cannot call it",
                remedy="a rule that Symbols can pass through",
            )
        operands = [map_refs(operand, self._made) for operand in step.operands]
        found = self.model.apply(step.operation, operands, step.options)
        return found.astype(step.dtype) if isinstance(found, Tensor) else self.model.constant(found, step.dtype)

    def _made(self, ref: Ref) -> Any:
        return self.made[ref.step]

    def _feed(self, step: Step, held: Mapping[str, npt.NDArray[Any]]) -> Tensor:
        name = str(step.name)
        if name in held:
            array = np.array(held[name], step.dtype.newbyteorder("="), order="C")
            self.held.append(onnx.numpy_helper.from_array(array, name))
        else:
            sizes = [str(size) if isinstance(size, Dimension) else size for size in step.shape or ()]
            kind = onnx.helper.np_dtype_to_tensor_dtype(step.dtype)
            self.inputs.append(onnx.helper.make_tensor_value_info(name, kind, sizes))
        return Tensor(self.model, name, step.shape, step.dtype)

    def finished(self, results: Mapping[str, tuple[int, Step]]) -> Any:
        """The model whose outputs are these steps."""
        outputs = []
        for wanted, (k, step) in results.items():
            found = self.made[k]
            taken = wanted in self.model.names
            name = self.model.fresh(wanted) if taken else wanted
            self.model.names.add(name)
            self.model.nodes.append(onnx.helper.make_node("Identity", [found.name], [name]))
            sizes = [str(size) if isinstance(size, Dimension) else size for size in step.shape or ()]
            kind = onnx.helper.np_dtype_to_tensor_dtype(step.dtype)
            outputs.append(onnx.helper.make_tensor_value_info(name, kind, sizes))
        known = [onnx.helper.make_node("Constant", [], [one.name], value=one) for one in self.model.constants]
        nodes = [*known, *self.model.nodes]
        graph = onnx.helper.make_graph(nodes, "chainrule", self.inputs, outputs, self.held)
        versions = [onnx.helper.make_opsetid("", _OPSET)]
        return onnx.helper.make_model(graph, opset_imports=versions, ir_version=_FORMAT, producer_name="chainrule")
