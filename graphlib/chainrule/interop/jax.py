"""JAX: graphs as its functions, with chainrule's rules for their gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, final, overload

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.errors import ArgumentError, UnknownNameError
from chainrule.interop.evaluating import Arrays, Asked, Given, sizes_of
from chainrule.interop.jax_forms import form
from chainrule.interop.neighbour import jax, jnp
from chainrule.program.calls import Call
from chainrule.symbols.dimensions import shape_text

__all__ = ["to_function"]


@overload
def to_function(graph: BaseGraph, gradients: Literal[True] = True) -> Callable[[Any], tuple[Any, dict[str, Any]]]: ...
@overload
def to_function(graph: BaseGraph, gradients: Literal[False]) -> Callable[[Any], Any]: ...
def to_function(graph: BaseGraph, gradients: bool = True) -> Callable[[Any], Any]:
    """A graph as a function of JAX, of one dict with an array for every leaf: ``value, gradients = function(feeds)``.

    The value is that of the output (a tuple of several), the gradients are those of the parameters by name, as a run
    has them: they are computed by the rules of the graph, exact where a sigmoid has rounded to 1. With
    ``gradients=False`` it is the value alone, which JAX may differentiate: ``jax.grad`` asks the same rules
    (``custom_vjp``), and ``jax.hessian`` differentiates what they compute once more.

    The function is pure: ``jax.jit`` it, ``jax.vmap`` it, shard the examples over devices. It computes in the floating
    dtype of what it is fed; ``jax.config.update("jax_enable_x64", True)`` lets that be float64. A rule that cannot be
    recorded is called on the host (``jax.pure_callback``); JAX does not differentiate its gradient once more.

    Raises ArgumentError where gradients are asked for of an output that is no number; MissingExtraError where JAX is
    not installed. The function raises FeedError for names and shapes that do not fit, and UnknownNameError where JAX
    differentiates by labels, to which no rule gives a gradient.

    >>> from chainrule import Graph, Parameter, Square, Sum  # doctest: +SKIP
    >>> value, gradients = to_function(Graph(Sum(Square(Parameter("x", (2,))))))({"x": [1.0, 3.0]})  # doctest: +SKIP
    >>> float(value), gradients["x"].tolist()  # doctest: +SKIP
    (10.0, [2.0, 6.0])
    """
    jnp.asarray  # noqa: B018 — the extra is asked for before anything else
    if gradients:
        _refuse_arrays(graph)
    asked = Asked(graph)
    return _with_gradients(asked) if gradients else _differentiable(asked)


def _refuse_arrays(graph: BaseGraph) -> None:
    for node in graph.outputs:
        if node.shape != ():
            raise ArgumentError(
                f"gradients start at a scalar loss, and {graph.name(node)} has shape {shape_text(node.shape)}",
                where=node.where,
                remedy="to_function(graph, gradients=False), which jax.vjp differentiates from any gradient",
            )


def _with_gradients(asked: Asked) -> Callable[[Any], Any]:
    parameters = [name for name in map(asked.graph.name, asked.graph.parameters) if name in asked.moving]

    def function(feeds: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        given = _prepared(asked, feeds)
        values = asked.values(given)
        found = asked.gradients(given, [jnp.ones((), given.arrays.dtype(float))] * len(values))
        return _one(values), {name: found[name] for name in parameters}

    return function


def _differentiable(asked: Asked) -> Callable[[Any], Any]:
    def values(feeds: dict[str, Any]) -> list[Any]:
        return asked.values(_prepared(asked, feeds))

    def forward(feeds: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        _refuse_labels(asked, feeds)
        plain = {name: primal.value for name, primal in feeds.items()}
        return values(plain), plain

    def backward(feeds: dict[str, Any], seeds: Sequence[Any]) -> tuple[dict[str, Any]]:
        found = asked.gradients(_prepared(asked, feeds), [_whole(seed) for seed in seeds])
        return ({name: found[name].astype(x.dtype) if name in found else None for name, x in feeds.items()},)

    value = jax.custom_vjp(values)
    value.defvjp(forward, backward, symbolic_zeros=True)
    return lambda feeds: _one(value({name: jnp.asarray(x) for name, x in feeds.items()}))


def _whole(seed: Any) -> Any:
    zero = isinstance(seed, jax.custom_derivatives.SymbolicZero)
    return jnp.zeros(seed.shape, seed.dtype) if zero else seed


def _refuse_labels(asked: Asked, feeds: Mapping[str, Any]) -> None:
    """Raise UnknownNameError where JAX is asked for the gradient of labels, which no rule computes."""
    wanted = [name for name in asked.names if name in asked.labels and feeds[name].perturbed]
    if wanted:
        raise UnknownNameError(
            f"{', '.join(map(repr, wanted))} {'has' if len(wanted) == 1 else 'have'} no gradient: a loss reads labels",
            remedy="jax.grad of a function of what is to move: lambda moving: function({**feeds, **moving})",
        )


def _one(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)


def _prepared(asked: Asked, feeds: Any) -> Given:
    """The feeds as arrays of one floating dtype."""
    given = {name: jnp.asarray(x) for name, x in feeds.items()} if isinstance(feeds, Mapping) else feeds
    sizes = sizes_of(asked.graph, given)
    floating = [x.dtype for x in given.values() if jnp.issubdtype(x.dtype, jnp.floating)]
    arrays = JaxArrays(jnp.result_type(*floating) if floating else jnp.asarray(0.0).dtype)
    kinds = dict(zip(asked.names, asked.leaves, strict=True))
    converted = {name: x.astype(arrays.dtype(kinds[name].dtype)) for name, x in given.items()}
    return Given(converted, sizes, arrays)


@final
class JaxArrays(Arrays):
    """JAX's arrays in one floating dtype."""

    def __init__(self, floating: Any) -> None:
        self.floating = floating

    def constant(self, value: Any) -> Any:
        return jnp.asarray(value, dtype=self.dtype(np.asarray(value).dtype))

    def form(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        found: Callable[..., Any] = form(operation)
        return found

    def dtype(self, kind: Any) -> Any:
        dtype = np.dtype(kind)
        return self.floating if dtype.kind == "f" else jax.dtypes.canonicalize_dtype(dtype)

    def called(self, call: Call, shapes: Any, operands: Sequence[Any]) -> Any:
        several = isinstance(shapes, list)
        told = [jax.ShapeDtypeStruct(*one) for one in shapes] if several else jax.ShapeDtypeStruct(*shapes)

        def on_host(*values: Any) -> Any:
            found = call(*map(np.asarray, values))
            kinds = told if several else [told]
            parts = [np.asarray(x, kind.dtype) for x, kind in zip(found if several else [found], kinds, strict=True)]
            return tuple(parts) if several else parts[0]

        told = tuple(told) if several else told
        return jax.pure_callback(on_host, told, *operands, vmap_method="sequential")
