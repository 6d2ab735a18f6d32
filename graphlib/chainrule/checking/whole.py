"""A graph at one set of feeds, in float64: what its outputs are when one value moves, and what its sweep sends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, final

import numpy as np

from chainrule.checking.agreement import bracketed, upstream
from chainrule.checking.differences import Array, Function
from chainrule.checking.local_gradients import as_float
from chainrule.core.accepting import generator
from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Input, Parameter
from chainrule.core.passes import forward, sweep
from chainrule.errors import GradientCheckError


def values_in_double(graph: BaseGraph, feeds: Mapping[Any, Any]) -> tuple[list[Array], bool]:
    """Every value of the graph in float64, and whether the feeds were of float32."""
    values = forward(graph, feeds)
    fed = {node: values[graph.position(node)] for node in (*graph.inputs, *graph.parameters)}
    single = any(value.dtype == np.float32 for value in fed.values())
    if any(value.dtype.kind == "f" and value.dtype != np.float64 for value in fed.values()):
        values = forward(graph, dict(zip(fed, as_float(list(fed.values()), np.float64), strict=True)))
    for node, value in zip(graph.order, values, strict=True):
        if not np.isfinite(value).all():
            raise GradientCheckError(
                f"{graph.name(node)} is not finite at {bracketed(np.argwhere(~np.isfinite(value))[0])}",
                where=node.where,
                remedy="gradients are checked at feeds for which every value is finite",
                node=node,
            )
    return values, single


@final
class Whole:
    """A graph with its values: which of them can vary, and what the outputs are when one of them does."""

    def __init__(self, graph: BaseGraph, values: list[Array], seed: int, limit: int) -> None:
        self.graph, self.values, self.seed, self.limit = graph, values, seed, limit
        self.sources = graph.sources
        self.varying: set[int] = set()
        for k, node in enumerate(graph.order):
            given = isinstance(node, Input | Parameter) or not self.varying.isdisjoint(self.sources[k])
            if given and node.has_gradient and values[k].dtype.kind == "f":
                self.varying.add(k)
        self.outputs = [k for k in dict.fromkeys(map(graph.position, graph.outputs)) if values[k].dtype.kind == "f"]

    def after(self, k: int) -> list[int]:
        """The positions of all that is computed from node ``k``, in topological order."""
        found = {k}
        for later in range(k + 1, len(self.values)):
            if not found.isdisjoint(self.sources[later]):
                found.add(later)
        return sorted(found - {k})

    def function(self, k: int, held: frozenset[tuple[int, int]]) -> Function:
        """The outputs as a function of node ``k``; the uses in ``held`` keep reading what they read in the run."""
        later = self.after(k)

        def outputs(moved: Array) -> Array:
            new = {k: moved}
            for at in later:
                read = [
                    self.values[s] if (at, place) in held else new.get(s, self.values[s])
                    for place, s in enumerate(self.sources[at])
                ]
                new[at] = np.asanyarray(self.graph.order[at].forward(*read))
            return np.concatenate([np.ravel(new.get(end, self.values[end])) for end in self.outputs])

        return outputs

    def seeds(self, grad: Array) -> dict[str, Array]:
        """A gradient of all outputs joined, taken apart by output."""
        ends = np.cumsum([self.values[k].size for k in self.outputs])
        parts = np.split(grad, ends[:-1])
        return {
            self.graph.names[k]: part.reshape(self.values[k].shape) for k, part in zip(self.outputs, parts, strict=True)
        }


@final
class Swept(NamedTuple):
    """The gradients of all nodes from each upstream gradient, and the uses to which a rule sends none."""

    grads: Array
    gradients: list[list[Array | None]]
    blocked: frozenset[tuple[int, int]]


def swept_from_all(whole: Whole) -> Swept:
    """The gradients from every upstream gradient that a check starts from."""
    size = sum(whole.values[k].size for k in whole.outputs)
    grads = upstream(size, generator(whole.seed))
    sweeps = [sweep(whole.graph, whole.values, whole.seeds(grad)) for grad in grads]
    blocked = (use for gradients, received in sweeps for use in _blocked(whole, gradients, received))
    return Swept(grads, [gradients for gradients, _ in sweeps], frozenset(blocked))


def _blocked(whole: Whole, gradients: list[Array | None], received: list[Any]) -> Iterable[tuple[int, int]]:
    """The uses, as consumer and which of its inputs, to which a rule sends no gradient although it could have one."""
    sent = {use[:2] for uses in received for use in uses}
    for k, sources in enumerate(whole.sources):
        for place, source in enumerate(sources):
            if gradients[k] is not None and source in whole.varying and (k, place) not in sent:
                yield k, place
