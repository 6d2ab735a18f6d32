"""A graph's forward as a function in JAX, as chainrule.interop writes it: JAX then differentiates as often as is asked.

Only forward steps are taken from there, so no derivative of this project takes part in what JAX says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np

import chainrule as cr
from chainrule.interop.evaluating import Arrays, Given, evaluated, sizes_of
from chainrule.interop.jax import JaxArrays
from chainrule.program.recording import record_forward

jax.config.update("jax_enable_x64", True)


def as_jax(graph: cr.Graph, feeds: Mapping[str, Any]) -> Callable[..., Any]:
    """The values of a graph's outputs, as a function of a dict of leaves that move; the other feeds stay."""
    program = record_forward(_held(graph))
    sizes = sizes_of(graph, {name: np.asarray(value) for name, value in feeds.items()})
    ends = [program.values[graph.name(node)] for node in graph.outputs]

    def function(moving: Mapping[str, Any]) -> list[Any]:
        given = {step.name: moving.get(step.name, feeds[step.name]) for step in program.steps if step.is_feed}
        kinds = {step.name: float if step.dtype.kind == "f" else None for step in program.steps}
        values = {name: jnp.asarray(value, dtype=kinds[name]) for name, value in given.items()}
        found = evaluated(program, Given(values, sizes, Judged()), ends)
        return [found[k] for k in ends]

    return function


@final
class Judged(Arrays):
    """JAX's arrays in double precision; what is called as it is, is the rule below."""

    def __init__(self) -> None:
        self.own = JaxArrays(np.dtype(float))

    def constant(self, value: Any) -> Any:
        return self.own.constant(value)

    def form(self, operation: Any) -> Any:
        return self.own.form(operation)

    def dtype(self, kind: Any) -> Any:
        return self.own.dtype(kind)

    def called(self, call: Any, shapes: Any, operands: Any) -> Any:
        return jax.lax.stop_gradient(operands[0])


@final
class Held(cr.Node):
    """x, through which nothing goes back: its forward cannot be recorded, so that it stays a step of its own."""

    def forward(self, x: Any) -> Any:
        return np.asarray(x, dtype=float)

    def backward(self, grad: Any, y: Any, x: Any) -> tuple[None]:
        return (None,)


def _held(graph: cr.Graph) -> cr.Graph:
    """The graph with a step where nothing goes back: a record of x itself says nothing of that."""
    made: dict[cr.Node, cr.Node] = {}
    for node in graph.order:
        inputs = [made[source] for source in node.inputs]
        kept = node.replace(*inputs) if inputs else node
        made[node] = Held(*inputs, name=node.name) if isinstance(node, cr.StopGradient) else kept
    return cr.Graph(*(made[node] for node in graph.outputs))
