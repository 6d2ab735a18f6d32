"""A graph's forward as a function in JAX, read off its recorded program: JAX then differentiates as often as is asked.

Only forward steps are translated, so no derivative of this project takes part in what JAX says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np

import chainrule as cr
from chainrule.program.calls import RuleCall
from chainrule.program.recording import record_forward
from chainrule.program.step import map_refs
from chainrule.symbols import elementary, standardizing, windows
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.dimensions import Dimension
from chainrule.symbols.operations import index, number

jax.config.update("jax_enable_x64", True)


def as_jax(graph: cr.Graph, feeds: Mapping[str, Any]) -> Callable[..., Any]:
    """The values of a graph's outputs, as a function of a dict of leaves that move; the other feeds stay."""
    program = record_forward(_held(graph))
    sizes = {
        str(size): length
        for leaf in graph.leaves
        if not isinstance(leaf, cr.Constant)
        for size, length in zip(leaf.shape or (), np.shape(feeds[leaf.name]), strict=True)
        if isinstance(size, Dimension)
    }

    def function(moving: Mapping[str, Any]) -> list[Any]:
        values: list[Any] = []
        for step in program.steps:
            if step.is_feed:
                given = moving.get(step.name, feeds[step.name])
                values.append(jnp.asarray(given, dtype=float if step.dtype.kind == "f" else None))
            elif step.is_constant:
                values.append(jnp.asarray(step.operands[0]))
            else:
                operands = [
                    _numbers(map_refs(operand, lambda ref: values[ref.step]), sizes) for operand in step.operands
                ]
                options = {key: _numbers(option, sizes) for key, option in step.options.items()}
                values.append(_translated(step.operation)(*operands, **options))
        return [values[program.values[graph.name(node)]] for node in graph.outputs]

    return function


def _numbers(value: Any, sizes: Mapping[str, int]) -> Any:
    """Numbers for sizes with names, also inside shapes and the keys of an index."""
    if isinstance(value, Dimension):
        return (
            float(value.evaluate_exactly(sizes))
            if value.evaluate_exactly(sizes).denominator > 1
            else value.evaluate(sizes)
        )
    if isinstance(value, (tuple, list)):
        return tuple(_numbers(part, sizes) for part in value)
    if isinstance(value, slice):
        return slice(*(_numbers(part, sizes) for part in (value.start, value.stop, value.step)))
    return value


def _translated(operation: Any) -> Callable[..., Any]:
    """JAX's form of an operation; a rule that is called is the one below."""
    if isinstance(operation, RuleCall):
        return jax.lax.stop_gradient
    found: Callable[..., Any] = TRANSLATED.get(operation) or getattr(jnp, operation.__name__)
    return found


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


def _pairs(*facts: Any) -> list[tuple[int, int]]:
    return [fact if isinstance(fact, tuple) else (fact, fact) for fact in facts]


def _convolution(x: Any, kernel: Any, stride: Any = 1, padding: Any = 0) -> Any:
    steps, ((above, left),) = _pairs(stride)[0], _pairs(padding)
    return jax.lax.conv_general_dilated(x, kernel, steps, [(above, above), (left, left)])


def _added(x: Any, size: Any, stride: Any, padding: Any) -> Any:
    """The sum of every window."""
    window, steps, beside = _pairs(size, size if stride is None else stride, padding)
    around = [(0, 0), (0, 0), *((one, one) for one in beside)]
    return jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 1, *window), (1, 1, *steps), around)


def _largest(x: Any, size: Any = 2, stride: Any = None, padding: Any = 0) -> Any:
    """Out of windows laid side by side: JAX has no second derivative of its own pooling."""
    (rows, columns), (down, right), (above, left) = _pairs(size, size if stride is None else stride, padding)
    wide = jnp.pad(x, ((0, 0), (0, 0), (above, above), (left, left)), constant_values=-jnp.inf)
    height, width = wide.shape[2] - rows + 1, wide.shape[3] - columns + 1
    parts = [wide[:, :, i : i + height : down, j : j + width : right] for i in range(rows) for j in range(columns)]
    return jnp.max(jnp.stack(parts), axis=0)


def _average(x: Any, size: Any = 2, stride: Any = None, padding: Any = 0, count_padding: bool = True) -> Any:
    area = np.prod(_pairs(size)[0]) if count_padding else _added(jnp.ones_like(x), size, stride, padding)
    return _added(x, size, stride, padding) / area


def _standardized(x: Any, axis: Any = None, epsilon: float = 1e-5, center: bool = True, groups: Any = None) -> Any:
    if groups is not None:
        apart = x.reshape(x.shape[0], groups, -1)
        return _standardized(apart, 2, epsilon, center).reshape(x.shape)
    apart = x - x.mean(axis=axis, keepdims=True) if center else x
    return apart * jax.lax.rsqrt((apart * apart).mean(axis=axis, keepdims=True) + epsilon)


TRANSLATED: dict[Any, Any] = {
    windows.conv2d: _convolution,
    windows.max_pool: _largest,
    windows.average_pool: _average,
    standardizing.standardized: _standardized,
    standardizing.masked_softmax: lambda x, mask, axis: jax.nn.softmax(x, axis=axis, where=mask),
    np.astype: lambda x, dtype: x.astype(dtype),
    index: lambda x, key: x[key],
    number: lambda size, dtype=None: jnp.asarray(float(size)),
    elementary.put: lambda grad, key, like: jnp.zeros_like(like).at[key].add(grad),
    elementary.centered: lambda x, axis=None: x - jnp.mean(x, axis=axis, keepdims=True),
    elementary.sigmoid: jax.nn.sigmoid,
    elementary.erf: jax.scipy.special.erf,
    elementary.softplus: jax.nn.softplus,
    elementary.normal_cdf: jax.scipy.stats.norm.cdf,
    elementary.weighted: lambda x, y: x * y,
    elementary.xlogy: lambda x, y: x * jnp.log(y),
    elementary.xlog1m: lambda x, y: x * jnp.log1p(-y),
    elementary.ratio: lambda x, y: x / y,
    elementary.logsumexp: jax.scipy.special.logsumexp,
    elementary.softmax: lambda x, axis=None: jax.nn.softmax(x, axis=axis),
    elementary.log_softmax: lambda x, axis=None: jax.nn.log_softmax(x, axis=axis),
    unbroadcast: lambda grad, x: grad,
}
