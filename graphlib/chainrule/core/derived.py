"""The backward of a rule that has a forward alone: what its forward records, gone through in reverse by known rules."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn, TypeAlias, final

import numpy as np

from chainrule.core.leaves import Constant, Input
from chainrule.core.no_backward import backward_derived_by
from chainrule.core.node import Node
from chainrule.core.ordering import topological_order
from chainrule.core.output import Facts, made
from chainrule.core.passes import Uses, in_reverse
from chainrule.core.translating import Translation
from chainrule.errors import ChainruleError, Untraceable
from chainrule.symbols import operations
from chainrule.symbols.dimensions import Dimension, Shape
from chainrule.symbols.symbol import Symbol, Value, as_number

Asked: TypeAlias = "tuple[tuple[Shape | None, Any], ...]"
"""Shape and dtype of every input."""


@final
class Recorded(NamedTuple):
    """A forward as the nodes that compute what it recorded: in topological order, the inputs' leaves among them."""

    leaves: tuple[Node, ...]
    order: Sequence[Node]
    sources: Sequence[Sequence[int]]
    differentiable: Sequence[bool]
    end: Node


def recorded(node: Node, inputs: Asked) -> Recorded:
    """What the forward of a node records for inputs of these shapes and dtypes; what was found is remembered.

    Raises Untraceable, saying which call is in the way, where it cannot be recorded.
    """
    return _remembered(type(node), Facts(tuple(node.facts.items())), inputs)


@functools.lru_cache(maxsize=1024)
def _remembered(kind: type[Node], facts: Facts, inputs: Asked) -> Recorded:
    nowhere = {"inputs": (), "name": None, "layer": (), "facts": dict(facts.facts), "_line": ("", 0), "built": ()}
    probe = made(kind, {**dict(facts.facts), **nowhere})
    return steps_of(kind, probe.forward, [_leaf(k, shape, dtype) for k, (shape, dtype) in enumerate(inputs)])


def steps_of(kind: type[Node], forward: Callable[..., Value], leaves: Sequence[Node]) -> Recorded:
    """What a forward of this class records for values that stand at leaves.

    Nodes know more functions than Symbols record, such as np.flip and np.linalg.norm. So where a Symbol does not pass,
    the forward is called with the leaves themselves, and what it builds is held against it on numbers: ``y += 1`` is
    another thing to a node where y has a second name. Raises Untraceable, saying which call is in the way, where
    neither can be done.
    """
    try:
        (end,) = Translation(leaves).apply(forward, *leaves)
    except Exception as error:  # whatever a forward raises on a Symbol
        built = _built(forward, leaves)
        if built is None:
            _refuse(kind, error)
        return built
    return _in_order(leaves, end)


def _built(forward: Callable[..., Value], leaves: Sequence[Node]) -> Recorded | None:
    """What a forward builds of nodes, if on numbers it is what the forward gives."""
    try:
        end = forward(*leaves)
        steps = _in_order(leaves, end) if isinstance(end, Node) else None
        return steps if steps is not None and all(_agree(forward, steps, seed) for seed in (0, 1)) else None
    except Exception:  # whatever a forward raises on nodes, or on numbers that mean nothing to it
        return None


def _agree(forward: Callable[..., Value], steps: Recorded, seed: int) -> bool:
    """Whether the steps compute what the forward gives for numbers between 0 and 1, or around 0."""
    values = _drawn(steps.leaves, np.random.default_rng(seed), between=bool(seed))
    expected = np.asarray(forward(*(value.copy() for value in values)))
    found = np.asarray(result_of(steps, values))
    return found.shape == expected.shape and bool(np.allclose(found, expected, rtol=1e-9, atol=1e-12))


def _drawn(leaves: Sequence[Node], rng: np.random.Generator, *, between: bool) -> list[Value]:
    """Numbers for leaves, each size with a name another than the others."""
    sizes = [size for leaf in leaves for size in leaf.shape or () if isinstance(size, Dimension)]
    names = sorted(frozenset().union(*(size.names for size in sizes)))
    numbers = {name: 3 + 2 * k for k, name in enumerate(names)}
    shapes = [
        tuple(size.evaluate(numbers) if isinstance(size, Dimension) else size for size in leaf.shape or ())
        for leaf in leaves
    ]
    drawn = [rng.uniform(0.1, 0.9, size=shape) if between else rng.normal(size=shape) for shape in shapes]
    return [
        x if leaf.dtype.kind == "f" else (x > 0.5).astype(leaf.dtype) for x, leaf in zip(drawn, leaves, strict=True)
    ]


def result_of(steps: Recorded, values: Sequence[Value]) -> Value:
    """What the steps give, step by step, for arrays or Symbols at the leaves."""
    return _forward(steps, values, None, np.dtype(float))[steps.order.index(steps.end)]


def _in_order(leaves: Sequence[Node], end: Node) -> Recorded:
    """The nodes from the leaves to the end."""
    order = topological_order([end, *leaves])
    position = {node: k for k, node in enumerate(order)}
    sources = [tuple(position[source] for source in node.inputs) for node in order]
    first, leading = set(leaves), list[bool]()
    for node, read in zip(order, sources, strict=True):
        possible = node.has_gradient and node.dtype.kind == "f"
        leading.append(possible and (node in first or any(leading[k] for k in read)))
    return Recorded(tuple(leaves), order, sources, leading, end)


def is_entrywise(node: Node, values: Sequence[Value]) -> bool:
    """Whether every entry of the output comes from the entries at its own place alone."""
    steps = recorded(node, tuple([_shape_and_dtype(value) for value in values]))
    shapes = {step.shape for step in steps.order if step.inputs} | {steps.end.shape}
    return len(shapes) == 1 and all(_works_entrywise(step) for step in steps.order if step.inputs)


def _works_entrywise(step: Node) -> bool:
    """Whether what a step records is one operation of entries."""
    recorded_call = step.forward(*(Symbol.leaf(None, source.shape, source.dtype) for source in step.inputs))
    return isinstance(recorded_call, Symbol) and operations.kind(recorded_call.operation) == "entrywise"


def _leaf(place: int, shape: Shape | None, dtype: Any) -> Node:
    leaf = Input(f"input {place}", () if shape is None else shape, dtype)
    if shape is None:
        leaf.__dict__["shape"] = None
    return leaf


def _refuse(kind: type[Node], error: Exception) -> NoReturn:
    said = error.what if isinstance(error, ChainruleError) else f"{type(error).__name__}: {error}"
    raise Untraceable(
        f"{kind.__name__} has a forward alone, and no backward can be derived from it: {said}",
        remedy=f"def backward(self, grad, output, ...) in {kind.__name__}; or a forward of NumPy's functions alone, "
        "each of which has a node",
    ) from error


def derived_backward(node: Node, grad: Value, output: Value, *values: Value) -> tuple[Value | None, ...]:
    """What a backward would return: the forward once more, step by step, and from its end back to the inputs.

    Raises Untraceable where the forward cannot be recorded.
    """
    return back_through(recorded(node, tuple([_shape_and_dtype(value) for value in values])), grad, output, values)


def back_through(steps: Recorded, grad: Value, output: Value, values: Sequence[Value]) -> tuple[Value | None, ...]:
    """The gradients of the leaves from that of the end, whatever flows: arrays or Symbols."""
    numbers = next((v.dtype for v in (grad, output, *values) if v.dtype.kind == "f"), np.dtype(float))
    found = _forward(steps, values, output, numbers)

    def total(k: int, uses: Uses[Value]) -> Value | None:
        parts = [part for _, _, part in uses]
        if steps.order[k] is steps.end:
            parts.insert(0, grad)
        return functools.reduce(np.add, parts) if parts and steps.differentiable[k] else None

    def local(k: int, arrived: Value) -> Sequence[Value | None]:
        step = steps.order[k]
        return step.backward(arrived, found[k], *(found[source] for source in steps.sources[k]))

    gradients, _ = in_reverse(steps, total, local)
    position = {step: k for k, step in enumerate(steps.order)}
    return tuple(gradients[position[leaf]] for leaf in steps.leaves)


def _shape_and_dtype(value: Value) -> tuple[Shape | None, Any]:
    shape = value.known_shape if isinstance(value, Symbol) else np.shape(value)
    return shape, value.dtype if value.dtype.kind in "fiub" else np.dtype(float)  # entries that are Symbols: numbers


def _forward(steps: Recorded, values: Sequence[Value], output: Value, numbers: np.dtype[Any]) -> list[Value]:
    """The value of every step; the last one is ``output`` where that is known already."""
    given = dict(zip(steps.leaves, values, strict=True))
    found: list[Value] = []
    for step, sources in zip(steps.order, steps.sources, strict=True):
        if step in given:
            found.append(given[step])
        elif isinstance(step, Constant):
            found.append(_constant(step, values, numbers))
        else:
            computed = (
                output if output is not None and step is steps.end else step.forward(*(found[k] for k in sources))
            )
            found.append(_as_value(computed, [found[k] for k in sources], numbers))
    return found


def _constant(step: Constant, values: Sequence[Value], numbers: np.dtype[Any]) -> Value:
    array = step.value.astype(numbers) if step.value.dtype.kind == "f" else step.value
    if any(isinstance(value, Symbol) for value in values):
        return Symbol(None, (array,), shape=array.shape, dtype=array.dtype)
    return array


def _as_value(computed: Any, read: Sequence[Value], numbers: np.dtype[Any]) -> Value:
    """What a step gave, as something that has a shape, and the dtype of the floating values beside it."""
    computed = as_number(computed)
    if type(computed) in (int, float):
        return numbers.type(computed)
    unaware = not isinstance(computed, Symbol) and computed.dtype == np.float64 and numbers != np.float64
    return computed.astype(numbers) if unaware and all(value.dtype.kind != "f" for value in read) else computed


backward_derived_by(derived_backward)
