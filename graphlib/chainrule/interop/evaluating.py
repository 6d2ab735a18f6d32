"""A recorded program, gone through with the arrays of another library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, final

import numpy as np

from chainrule.core.feeds import values_of_leaves
from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant, Input, Leaf
from chainrule.core.node import Node
from chainrule.errors import ArgumentError
from chainrule.graph import Graph
from chainrule.nodes.arithmetic import Add, Multiply
from chainrule.nodes.losses import Loss
from chainrule.nodes.reductions import Sum
from chainrule.plan.asked import named, predicted_program, wanted_program
from chainrule.program.calls import Call, pick
from chainrule.program.program import Program
from chainrule.program.recording import record
from chainrule.program.step import Step, map_refs
from chainrule.symbols.dimensions import Dimension
from chainrule.symbols.operations import number


class Arrays(ABC):
    """The arrays of one library in one floating dtype: how numbers become such, and what it has for an operation."""

    @abstractmethod
    def constant(self, value: Any) -> Any:
        """An array of NumPy as one of the library; floating ones in the dtype of the call."""

    @abstractmethod
    def form(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        """The function of the library that an operation is."""

    @abstractmethod
    def dtype(self, kind: Any) -> Any:
        """The dtype of the library for one of NumPy; every floating one is that of the call."""

    @abstractmethod
    def called(self, call: Call, shapes: Any, operands: Sequence[Any]) -> Any:
        """What a rule returns that is called as it is, in these shapes and dtypes."""


@final
class Given(NamedTuple):
    """What one call is given: arrays by name, the numbers of named sizes, and what computes."""

    feeds: Mapping[str, Any]
    sizes: Mapping[str, int]
    arrays: Arrays


def evaluated(program: Program, given: Given, wanted: Collection[int]) -> dict[int, Any]:
    """The values of the steps that are wanted; what nobody reads any more is let go."""
    last = {source: k for k, step in enumerate(program.steps) for source in step.refs}
    found: dict[int, Any] = {}
    for k, step in enumerate(program.steps):
        found[k] = _value(program, step, given, found)
        for source in {*step.refs, k}:
            if last.get(source, k) <= k and source not in wanted:
                del found[source]
    return found


def _value(program: Program, step: Step, given: Given, found: Mapping[int, Any]) -> Any:
    if step.is_feed:
        return given.feeds[str(step.name)]
    if step.is_constant:
        return given.arrays.constant(step.operands[0])
    operands = [_told(map_refs(x, lambda ref: found[ref.step]), given) for x in step.operands]
    if step.operation is pick:
        return operands[0][step.options["place"]]
    if isinstance(step.operation, Call):
        return given.arrays.called(step.operation, _shapes_of(program, step, given), operands)
    if step.operation is number:
        return given.arrays.constant(np.float64(operands[0]))
    options = {key: given.arrays.dtype(x) if key == "dtype" else _told(x, given) for key, x in step.options.items()}
    return given.arrays.form(step.operation)(*operands, **options)  # type: ignore[arg-type]  # it has an operation


def _shapes_of(program: Program, step: Step, given: Given) -> Any:
    """The shape and dtype of what a called rule returns, or of all the gradients that it returns."""
    if step.shape is not None:
        return _told(step.shape, given), given.arrays.dtype(step.dtype)
    read = [program.steps[source] for source in step.refs[2:]]  # a gradient and the output stand before the inputs
    if any(source.shape is None for source in read):
        raise ArgumentError(f"{step.operation.__name__} has a shape that only its data tell")  # type: ignore[union-attr]  # it has an operation
    return [(_told(source.shape, given), given.arrays.dtype(source.dtype)) for source in read]


def _told(value: Any, given: Given) -> Any:
    """Numbers for sizes with names, the library's arrays for NumPy's, also inside shapes and the keys of an index."""
    if isinstance(value, Dimension):
        return _as_number(value.evaluate_exactly(given.sizes))
    if isinstance(value, (tuple, list)):
        return tuple(_told(part, given) for part in value)
    if isinstance(value, slice):
        return slice(*(_told(part, given) for part in (value.start, value.stop, value.step)))
    return given.arrays.constant(value) if isinstance(value, (np.ndarray, np.generic)) else value


def _as_number(value: Fraction) -> int | float:
    return value.numerator if value.denominator == 1 else float(value)


# --- what a graph is asked for ---------------------------------------------------------------------------------------


@final
class Asked:
    """A graph's values, and its gradients from those of its outputs, as programs over one set of leaves."""

    def __init__(self, graph: BaseGraph) -> None:
        self.graph = graph = named(graph)
        self.leaves = tuple(leaf for leaf in graph.leaves if not isinstance(leaf, Constant))
        self.names = tuple(map(graph.name, self.leaves))
        self.outputs = tuple(map(graph.name, graph.outputs))
        self.seeds = tuple(f"gradient of {name}" for name in self.outputs)
        self.forward = predicted_program(graph)
        seeded = Graph(_seeded(graph, self.seeds))
        recorded = record(seeded).gradients
        self.moving = tuple(name for name in self.names if name in recorded)
        """The leaves that have a gradient."""
        self.backward = wanted_program(seeded, self.moving)
        self.labels = frozenset(filter(self._is_label, self.names)) - {*self.moving}
        """The leaves that losses read as labels, to which rules give no gradient."""

    def _is_label(self, name: str) -> bool:
        uses = self.graph.uses[self.graph.position(name)]
        return any(place and isinstance(self.graph.order[k], Loss) for k, place in uses)

    def values(self, given: Given) -> list[Any]:
        """The outputs."""
        ends = [self.forward.values[name] for name in self.outputs]
        found = evaluated(self.forward, given, ends)
        return [found[k] for k in ends]

    def gradients(self, given: Given, seeds: Sequence[Any]) -> dict[str, Any]:
        """The gradients of the leaves that have one, from those of the outputs."""
        ends = self.backward.gradients
        fed = {**given.feeds, **dict(zip(self.seeds, seeds, strict=True))}
        found = evaluated(self.backward, given._replace(feeds=fed), tuple(ends.values()))
        return {name: found[k] for name, k in ends.items()}


def _seeded(graph: BaseGraph, names: Sequence[str]) -> Node:
    """A number whose gradients are those of the graph, where the gradients of its outputs are fed."""
    parts = [Sum(Multiply(node, Input(name, node.shape))) for node, name in zip(graph.outputs, names, strict=True)]
    total: Node = parts[0]
    for part in parts[1:]:
        total = Add(total, part)
    return total


def sizes_of(graph: BaseGraph, feeds: Any) -> dict[str, int]:
    """The numbers of sizes with names; raises FeedError for missing and unknown names, and for shapes that do not fit.

    Nothing is read but shapes: in the place of each array one of NumPy's in its shape is checked, of one entry.
    """
    leaves = {graph.name(leaf): leaf for leaf in graph.leaves if not isinstance(leaf, Constant)}
    values_of_leaves(tuple(leaves.values()), _hollow(leaves, feeds), graph.name)
    return {
        str(size): length
        for name, leaf in leaves.items()
        for size, length in zip(leaf.shape or (), feeds[name].shape, strict=True)
        if isinstance(size, Dimension)
    }


def _hollow(leaves: Mapping[str, Leaf], feeds: Any) -> Any:
    if not isinstance(feeds, Mapping):
        return feeds
    kinds = {name: leaves[name].dtype if name in leaves else np.dtype(float) for name in feeds}
    return {name: np.broadcast_to(np.zeros((), kinds[name]), tuple(x.shape)) for name, x in feeds.items()}
