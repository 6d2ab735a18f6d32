"""What is right: values and gradients, on every draw of data and in every convention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, final

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.node import Node
from chainrule.core.passes import forward, sweep
from chainrule.core.read_only import read_only
from chainrule.core.rewriting import fusion
from chainrule.core.run import BaseRun
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.judging.closeness import Array, Values, same
from chainrule.nodes.batch_of_graph import batch_name, examples_word
from chainrule.samples.sampling import generic_sizes, sample_feeds
from chainrule.symbols.dimensions import Dimension, Size, names_in

Convention: TypeAlias = Literal["auto", "mean", "per-example"]
MEAN, PER_EXAMPLE = "mean", "per-example"

_DRAWS = 3  # sets of random data: what is right on three of other sizes is not right by accident

# --- one draw ------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True)
class Draw:
    """What is right on one set of data: values by name, gradients of the loss by ``dX``, the sizes of the names."""

    values: dict[str, Array]
    gradients: dict[str, Array]
    sizes: dict[str, int]
    given: bool


def drawn(graph: BaseGraph, computed: Sequence[Array], seed: int, *, given: bool = False) -> Draw:
    """Values with their gradients; a gradient of an output that is no number starts from a random one."""
    values = dict(zip(graph.names, computed, strict=True))
    return _draw(graph, values, _from(graph, computed, _starts(graph, values, seed)), given)


def drawn_from(run: BaseRun) -> Draw:
    """The values and gradients that a run has; those that it would have where there are none yet."""
    computed = [run.values[node] for node in run.graph.order]
    if not run.has_gradients:
        return drawn(run.graph, computed, 0, given=True)
    gradients = {str(name): gradient for name, gradient in run.gradients.items()}
    return _draw(run.graph, dict(zip(run.graph.names, computed, strict=True)), gradients, True)


def _draw(graph: BaseGraph, values: dict[str, Array], gradients: dict[str, Array], given: bool) -> Draw:
    exact = gradients | _fused_gradients(graph, values, gradients) if given else gradients
    return Draw(values, {graph.gradient_name(name): g for name, g in exact.items()}, _sizes(graph, values), given)


def _starts(graph: BaseGraph, values: Values, seed: int) -> dict[Node, Any]:
    rng = np.random.default_rng(seed)
    shapes = {node: values[graph.name(node)].shape for node in graph.outputs}
    return {node: rng.uniform(0.5, 1.5, shape) if shape else 1.0 for node, shape in shapes.items()}


def _from(graph: BaseGraph, values: Sequence[Array], starts: Mapping[Any, Any]) -> dict[str, Array]:
    with np.errstate(all="ignore"):
        gradients, _ = sweep(graph, values, starts)
    return {name: g for name, g in zip(graph.names, gradients, strict=True) if g is not None}


def _fused_gradients(graph: BaseGraph, values: Values, gradients: Mapping[str, Array]) -> dict[str, Array]:
    """The gradients behind a loss that was fused with its activation, where they are the same in the fused graph.

    On data of the user's the activation may have rounded to 0 or 1. The plain graph has then lost the digits of its
    gradients, and would call a right formula wrong.
    """
    fused = fusion(graph)
    ends = {graph.name(node): fused.twins[node] for node in graph.outputs if node in fused.twins}
    if len(fused.twins) == len(graph) or len(ends) < len(graph.outputs) or any(map(graph.consumers, ends)):
        return {}
    with np.errstate(all="ignore"):
        leaves = map(graph.name, (*graph.inputs, *graph.parameters))
        computed = forward(fused.graph, {name: values[name] for name in leaves})
    starts = {twin: gradients[name].astype(values[name].dtype) for name, twin in ends.items()}
    found = _from(fused.graph, computed, starts)
    twins = {graph.name(node): fused.graph.name(twin) for node, twin in fused.twins.items()}
    return {name: found[twin] for name, twin in twins.items() if twin in found}


def _sizes(graph: BaseGraph, values: Values) -> dict[str, int]:
    """The number that every named dimension has."""
    found: dict[str, int] = {}
    for node in graph.inputs:
        for size, number in zip(node.shape or (), values[graph.name(node)].shape, strict=True):
            if _is_name(size):
                found[str(size)] = number
    return found


def _is_name(size: Size) -> bool:
    """Whether a size is a name alone, such as m, and neither a number nor 2*m."""
    return size == Dimension.named(str(size))


def random_draws(graph: BaseGraph, seed: int, given: bool) -> list[Draw]:
    """Draws with small sizes first, none where data of the user's is all there can be."""
    try:
        sizes = generic_sizes(graph, _DRAWS)
        feeds = [sample_feeds(graph, seed + k, sizes=numbers) for k, numbers in enumerate(sizes)]
        return [drawn(graph, forward(graph, feed), seed + k) for k, feed in enumerate(feeds)]
    except ChainruleError as error:
        if given:
            return []
        raise ArgumentError(
            "no data could be drawn at random for this graph", given=str(error), remedy="graph.check(formulas, feeds)"
        ) from error


# --- all draws -----------------------------------------------------------------------------------------------------


@final
class Ground:
    """What is right, on every draw and in every convention that the graph has."""

    def __init__(self, graph: BaseGraph, draws: Sequence[Draw]) -> None:
        self.graph, self.draws = graph, draws
        self.batch = batch_name(graph) or ""
        self.examples = examples_word(graph, self.batch)
        self.scaled = self._per_example() if self.batch and self._is_mean() else frozenset()
        self.conventions = (MEAN, PER_EXAMPLE) if self.scaled else (MEAN,)
        first = draws[0]
        self.judged = {**first.values, **first.gradients}.keys()
        self.names = {**first.sizes, **first.gradients, **first.values}.keys()
        self._known: dict[tuple[int, str], Values] = {}

    def values(self, k: int, convention: str) -> Values:
        """What every name stands for on a draw: a value comes before a gradient, and both before a size."""
        if (k, convention) not in self._known:
            draw = self.draws[k]
            gradients = {name: self._in(convention, name, draw) for name in draw.gradients}
            self._known[k, convention] = MappingProxyType({**draw.sizes, **gradients, **draw.values})
        return self._known[k, convention]

    def _in(self, convention: str, name: str, draw: Draw) -> Array:
        gradient = draw.gradients[name]
        if convention == MEAN or name not in self.scaled:
            return gradient
        return read_only(gradient * gradient.dtype.type(draw.sizes[self.batch]))

    def _per_example(self) -> frozenset[str]:
        """The gradients of everything that has the examples of the batch."""
        nodes = [node for node in self.graph.order if self.batch in names_in(node.shape or ())]
        return frozenset(map(self.graph.gradient_name, nodes))

    def _is_mean(self) -> bool:
        """Whether the loss is a mean over examples: then every example twice leaves it as it is."""
        graph, values = self.graph, self.draws[0].values
        leaves = (*graph.inputs, *graph.parameters)
        try:
            twice = forward(graph, {node: _doubled(node, values[graph.name(node)], self.batch) for node in leaves})
        except ChainruleError:
            return False
        outputs = [(twice[graph.position(node)], values[graph.name(node)]) for node in graph.outputs]
        return all(new.shape == () and same(new, old) for new, old in outputs)


def _doubled(node: Node, value: Array, batch: str) -> Array:
    repeats = [2 if str(size) == batch else 1 for size in node.shape or ()]
    return np.tile(value, repeats)
