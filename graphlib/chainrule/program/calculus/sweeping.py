"""The reverse sweep with nodes for what flows: what rules record of a gradient becomes the nodes that compute it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, final

import numpy as np

from chainrule.core.leaves import Input
from chainrule.core.node import Node
from chainrule.core.passes import Uses, Wiring, in_reverse
from chainrule.core.placing import on_behalf_of
from chainrule.core.rules import check_traced
from chainrule.core.translating import Translation
from chainrule.errors import ChainruleError, RuleError, Untraceable

Label: TypeAlias = Callable[[int, Node], None]
"""What is shown the derivative of a node, by its position, as soon as it is complete."""


def unlabeled(k: int, derivative: Node) -> None:
    """A label that calls nothing by a name."""


@final
class Wired(NamedTuple):
    """Nodes in topological order, their inputs by position, and to which of them gradients are led."""

    order: Sequence[Node]
    sources: Sequence[Sequence[int]]
    differentiable: Sequence[bool]


def leading_to(graph: Wiring, wanted: Collection[Node]) -> Wired:
    """The same nodes, with gradients for those alone that the wanted ones lead to."""
    leading: list[bool] = []
    for node, sources, possible in zip(graph.order, graph.sources, graph.differentiable, strict=True):
        leading.append(possible and (node in wanted or any(leading[source] for source in sources)))
    return Wired(graph.order, graph.sources, leading)


def between(ends: Iterable[Node], start: Node) -> Wired:
    """The nodes that depend on one node and lead to the ends; the others that they read stand first, as leaves."""
    order = _between(ends, start)
    depending = {start, *order}
    outside = dict.fromkeys(source for node in order for source in node.inputs if source not in depending)
    nodes = [*outside, start, *order]
    position = {node: k for k, node in enumerate(nodes)}
    leaves = len(outside) + 1
    sources = [()] * leaves + [tuple(position[source] for source in node.inputs) for node in order]
    return Wired(nodes, sources, [k >= leaves - 1 for k in range(len(nodes))])


def _between(ends: Iterable[Node], start: Node) -> list[Node]:
    """The nodes on a way from one node to the ends, without itself, each behind what it reads."""
    order: list[Node] = []
    depends: dict[Node, bool] = {start: True}
    waiting = list(ends)[::-1]
    while waiting:
        node = waiting[-1]
        missing = [] if node in depends else [source for source in node.inputs if source not in depends]
        if missing:
            waiting.extend(reversed(missing))
            continue
        waiting.pop()
        if node not in depends:
            depends[node] = any(depends[source] for source in node.inputs)
            if depends[node]:
                order.append(node)
    return order


def swept(
    graph: Wiring,
    starts: Mapping[Node, Node],
    translation: Translation,
    frame: Sequence[str] = (),
    label: Label = unlabeled,
) -> dict[Node, Node]:
    """The gradient of every node that has one, as a node, from those that gradients start with.

    New nodes stand in the layer of the node whose rule they come from, within the frame. ``label`` is shown every
    gradient when it is complete. Raises Untraceable, naming the node, where a rule cannot be recorded.
    """

    def total(k: int, uses: Uses[Node]) -> Node | None:
        node = graph.order[k]
        parts = [*([starts[node]] if node in starts else []), *(part for _, _, part in uses)]
        if not parts or not graph.differentiable[k]:
            return None
        with on_behalf_of(node, *frame):
            grad = translation.total(parts)
        label(k, grad)
        return grad

    def local(k: int, grad: Node) -> list[Node | None]:
        wanted = [graph.differentiable[source] for source in graph.sources[k]]
        return sent(graph.order[k], grad, wanted, translation, frame)

    gradients, _ = in_reverse(graph, total, local)
    return {node: grad for node, grad in zip(graph.order, gradients, strict=True) if grad is not None}


def sent(
    node: Node, grad: Node, wanted: Sequence[bool], translation: Translation, frame: Sequence[str] = ()
) -> list[Node | None]:
    """What the rule of a node sends to each of its inputs, as nodes, where that is wanted."""

    def backward(*values: Any) -> tuple[Any, ...]:
        returned = node.backward(*values)
        check_traced(node, returned)
        return tuple(part if kept else None for part, kept in zip(returned, wanted, strict=True))

    try:
        with on_behalf_of(node, *frame):
            return translation.apply(backward, grad, node, *node.inputs)
    except RuleError:
        raise
    except Exception as error:  # whatever an untraceable rule raises on a Symbol
        raise _untraceable(node, error) from error


_REMEDY: Final = (
    "a backward made of NumPy's functions and operators alone; run.backward() computes its gradient all the same"
)


def _untraceable(node: Node, error: Exception) -> Untraceable:
    said = error.what if isinstance(error, ChainruleError) else f"{type(error).__name__}: {error}"
    return Untraceable(
        f"{type(node).__name__}.backward cannot become nodes: {said}",
        where=node.where,
        given=getattr(error, "given", ""),
        remedy=getattr(error, "remedy", "") or _REMEDY,
        node=node,
    )


def pushed(
    graph: Wiring,
    directions: Mapping[Node, Node],
    translation: Translation,
    frame: Sequence[str] = (),
    label: Label = unlabeled,
) -> dict[Node, Node]:
    """How every node moves when these nodes move along directions: their derivatives, forward, as nodes.

    A rule knows only the way back, which is linear in grad; transposed, it is the way forward. Raises Untraceable as
    ``swept`` does.
    """
    moved: dict[Node, Node] = {}
    for k, (node, possible) in enumerate(zip(graph.order, graph.differentiable, strict=True)):
        along = {place: moved[source] for place, source in enumerate(node.inputs) if source in moved}
        with on_behalf_of(node, *frame):
            parts = [*([directions[node]] if node in directions else []), *_moved(node, along, translation, frame)]
            if parts and possible:
                moved[node] = translation.total(parts)
                label(k, moved[node])
    return moved


def _moved(node: Node, along: Mapping[int, Node], translation: Translation, frame: Sequence[str]) -> list[Node]:
    """How a node moves when its inputs do: nothing where its rule sends them no gradient."""
    if not along:
        return []
    grad = Input("grad", node.shape or (), node.dtype)
    back = sent(node, grad, [place in along for place in range(len(node.inputs))], translation, frame)
    starts: dict[Node, list[Node]] = {}
    for place, direction in along.items():
        if (end := back[place]) is not None:
            starts.setdefault(end, []).append(direction)
    totals = {end: translation.total(parts) for end, parts in starts.items()}
    found = swept(between(totals, grad), totals, translation, frame).get(grad)
    if found is None:  # what it sends back is 0, as a floor does
        return translation.apply(np.zeros_like, node) if totals else []
    return [_without(found, grad, node)]


def _without(end: Node, grad: Node, node: Node) -> Node:
    """The same with a node in the place of grad, which lends its shape alone: all are linear in it."""
    new = {grad: node}
    for step in between([end], grad).order:
        if grad in new and step.inputs and any(source in new for source in step.inputs):
            new[step] = step.replace(*(new.get(source, source) for source in step.inputs))
    return new.get(end, end)
