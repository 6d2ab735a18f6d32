"""Whole matrices of derivatives as graphs: Jacobians and Hessians, an entry in one direction at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant
from chainrule.core.node import Node
from chainrule.core.placing import on_behalf_of
from chainrule.core.translating import Translation
from chainrule.errors import ArgumentError
from chainrule.program.calculus.backward import backward, fed_like, frame_of, next_name, translating
from chainrule.program.calculus.sweeping import between, leading_to, pushed, swept
from chainrule.symbols.dimensions import Shape, shape_text

G = TypeVar("G", bound=BaseGraph)
MOST: Final = 1000  # entries that are moved one by one


def hessian(graph: G, name: str | Node) -> G:
    """The graph of all second derivatives; ``Graph.hessian`` says more."""
    node = graph[name]
    if (entries := _entries(node)) is None or entries > MOST:
        raise ArgumentError(
            f"the Hessian of {graph.name(node)} {shape_text(node.shape)} has "
            + (f"{entries:,} rows, and more than {MOST:,} are refused" if entries else "no number of rows before data"),
            where=node.where,
            remedy=f"graph.hvp({graph.name(node)!r}, along=...) is its product with one direction",
        )
    first = backward(graph, [node])
    (gradient,) = first.outputs
    return _matrix(graph, first, gradient, node, next_name(first, node, graph.name(node)), forward=False)


def jacobian(graph: G, of: str | Node, name: str | Node) -> G:
    """The graph of the derivatives of one value with respect to another; ``Graph.jacobian`` says more."""
    end, start = graph[of], graph[name]
    counts = {forward: _entries(node) for forward, node in ((True, start), (False, end))}
    known = [(count, not forward) for forward, count in counts.items() if count is not None]
    count, backwards = min(known, default=(MOST + 1, True))
    if count > MOST:
        raise _too_large(graph, end, start)
    return _matrix(graph, graph, end, start, f"d{graph.name(end)}_d{graph.name(start)}", forward=not backwards)


def _too_large(graph: BaseGraph, end: Node, start: Node) -> ArgumentError:
    of, name = graph.name(end), graph.name(start)
    return ArgumentError(
        f"neither {of} {shape_text(end.shape)} nor {name} {shape_text(start.shape)} has a known number of entries "
        f"up to {MOST:,}, to be moved one by one",
        where=f"{end.where}; {start.where}",
        remedy=f'graph.jvp({{{name!r}: "v"}}, {of!r}) is the product with a direction, '
        f"cr.Graph(graph[{of!r}]).backward({name!r}) that with a gradient",
    )


def _entries(node: Node) -> int | None:
    """How many entries a value has whatever the data; None where that depends on them."""
    sizes = _numbers(node.shape or ())
    return None if node.shape is None or len(sizes) < len(node.shape) else math.prod(sizes)


def _numbers(shape: Shape) -> tuple[int, ...]:
    """The sizes that are numbers."""
    return tuple(size for size in shape if isinstance(size, int))


def _matrix(graph: G, inner: BaseGraph, end: Node, start: Node, name: str, *, forward: bool) -> G:
    """The derivatives of ``end`` with respect to ``start``, from one run along every entry of one of them."""
    translation, frame = translating(inner), frame_of(inner)
    with on_behalf_of(start if forward else end, frame):
        moved = start if forward else end
        along = fed_like(inner, moved, "along")
        if forward:
            found = pushed(leading_to(inner, {start}), {start: along}, translation, (frame,)).get(end)
        else:
            alone = type(graph)(end)
            found = swept(leading_to(alone, {start}), {end: along}, translation, (frame,)).get(start)
        shape = (*(end.shape or ()), *(start.shape or ()))
        if found is None:
            whole = translation.call(np.broadcast_to, (translation.constant(0.0),), {"shape": shape}, shape)
        else:
            replays = list(_replayed(found, along, translation))
            whole = _stacked(replays, moved.shape or (), len(end.shape or ()) if forward else 0, translation)
        return type(graph)(translation.call_it(whole, name), watch=graph.watch)


def _replayed(end: Node, along: Node, translation: Translation) -> Iterator[Node]:
    """What depends on a direction, once for every direction with a single entry."""
    wired = between([end], along)
    first = 1 + next(k for k, node in enumerate(wired.order) if node is along)
    shape = _numbers(along.shape or ())
    for k in range(math.prod(shape)):
        unit = np.zeros(math.prod(shape))
        unit[k] = 1
        new: dict[Node, Node] = {along: Constant(unit.reshape(shape))}
        for node in wired.order[first:]:
            new[node] = node.replace(*(new.get(source, source) for source in node.inputs))
        yield new.get(end, end)


def _stacked(parts: Sequence[Node], shape: Shape, axis: int, translation: Translation) -> Node:
    """Parts, one for every entry of a shape, laid along new axes of that shape that begin at an axis."""
    for size in reversed(_numbers(shape)):
        groups = [parts[k : k + size] for k in range(0, len(parts), size)]
        parts = [_stack(group, axis, translation) for group in groups]
    (whole,) = parts
    return whole


def _stack(parts: Sequence[Node], axis: int, translation: Translation) -> Node:
    def stack(*values: Any) -> Any:
        return np.concatenate([np.expand_dims(value, axis) for value in values], axis)

    stacked: Node
    (stacked,) = translation.apply(stack, *parts)
    assert stacked is not None
    return stacked
