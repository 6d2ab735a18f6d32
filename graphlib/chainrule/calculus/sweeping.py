"""The reverse sweep with nodes for what flows: what the rules record of a gradient becomes the nodes that compute it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, final

from chainrule.core.leaves import Constant
from chainrule.core.node import Node, on_behalf_of
from chainrule.core.passes import Uses, Wiring, in_reverse
from chainrule.core.rules import check_traced
from chainrule.core.translating import Translation
from chainrule.errors import ChainruleError, RuleError, Untraceable

Label: Any = Callable[[int, Node], None]


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
    inner = len(outside) + 1
    sources = [(), *([()] * len(outside)), *(tuple(position[source] for source in node.inputs) for node in order)]
    return Wired(nodes, sources, [k >= inner - 1 for k in range(len(nodes))])


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
    label: Callable[[int, Node], None] = lambda k, grad: None,
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
        grad = parts[0]
        with on_behalf_of(node, *frame):
            for part in parts[1:]:
                (grad,) = translation.apply(_add, grad, part)  # type: ignore[assignment]  # a sum is never None
        label(k, grad)
        return grad

    def local(k: int, grad: Node) -> list[Node | None]:
        wanted = [graph.differentiable[source] for source in graph.sources[k]]
        return sent(graph.order[k], grad, wanted, translation, frame)

    gradients, _ = in_reverse(graph, total, local)
    return {node: grad for node, grad in zip(graph.order, gradients, strict=True) if grad is not None}


def _add(x: Any, y: Any) -> Any:
    return x + y


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


def _untraceable(node: Node, error: Exception) -> Untraceable:
    said = error.what if isinstance(error, ChainruleError) else f"{type(error).__name__}: {error}"
    return Untraceable(
        f"{type(node).__name__}.backward cannot become nodes: {said}",
        where=node.where,
        given=getattr(error, "given", ""),
        remedy="a backward made of NumPy's functions and operators; run.backward() computes its gradient all the same",
        node=node,
    )
