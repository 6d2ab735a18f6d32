"""New graphs that compute the same: pairs fused into one exact node, nodes opened into simpler ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chainrule.core.node import Leaf, Node
from chainrule.errors import ArgumentError
from chainrule.graph import Graph
from chainrule.nodes.elementwise import Sigmoid
from chainrule.nodes.losses import BCELoss, CrossEntropyLoss, SigmoidBCELoss, SoftmaxCrossEntropyLoss
from chainrule.nodes.reductions import Softmax

Step = Callable[[Node, tuple[Node, ...]], Node]


def fuse(graph: Graph) -> Graph:
    """The graph with every Sigmoid → BCELoss and Softmax → CrossEntropyLoss replaced by the fused loss.

    The fused loss reads z itself, so its gradient keeps its digits where the activation has rounded to 0 or 1. The
    activation is still computed and read by its name; layers do not matter.
    """
    watched = [node.inputs[0] for node in graph.order if _fused_kind(node)]
    new = _rebuild(graph, _fused)
    return _renewed(graph, new, watched)


def _fused_kind(node: Node) -> type[SigmoidBCELoss] | type[SoftmaxCrossEntropyLoss] | None:
    if isinstance(node, BCELoss) and isinstance(node.inputs[0], Sigmoid):
        return SigmoidBCELoss
    if isinstance(node, CrossEntropyLoss) and isinstance(node.inputs[0], Softmax):
        return SoftmaxCrossEntropyLoss if _over_rows(node.inputs[0]) else None
    return None


def _over_rows(softmax: Softmax) -> bool:
    """Whether the softmax runs over axis 0, the only one over which the fused loss does."""
    return softmax.axis in (0, (0,)) or (softmax.shape is not None and softmax.axis == -len(softmax.shape))


def _fused(node: Node, inputs: tuple[Node, ...]) -> Node:
    kind = _fused_kind(node)
    if kind is None:
        return node.replace(*inputs)
    fused = kind(inputs[0].inputs[0], inputs[1], reduction=node.facts["reduction"])
    return fused.relabel(node.name, like=node)


def expand(graph: Graph, nodes: Sequence[str | Node] = ()) -> Graph:
    """The graph with these nodes opened into simpler ones, all that can be opened when none is named.

    The last of the simpler nodes takes the name, and all of them the layer and the line. Raises ArgumentError for a
    node that is not made of others. The opened forms are those of the textbook: they overflow where it does.
    """
    chosen = {graph[key] for key in nodes}
    for node in chosen:
        if type(node).expand is Node.expand:
            raise ArgumentError(f"{type(node).__name__} is not made of simpler nodes", where=node.where, node=node)

    def opened(node: Node, inputs: tuple[Node, ...]) -> Node:
        return _opened(node, inputs, deep=not chosen) if node in chosen or not chosen else node.replace(*inputs)

    return _renewed(graph, _rebuild(graph, opened), [])


def _opened(node: Node, inputs: tuple[Node, ...], deep: bool) -> Node:
    """The node built from simpler ones; ``deep`` opens those in turn, until only primitives are left."""
    end = node.expand(*inputs)
    if end is None:
        return node.replace(*inputs)
    new = _nodes_between(end, inputs)
    twins: dict[Node, Node] = {}
    for inner in new:
        sources = tuple(twins.get(source, source) for source in inner.inputs)
        rebuilt = _opened(inner, sources, deep) if deep else inner.replace(*sources)
        twins[inner] = rebuilt.relabel(node.name if inner is end else None, like=node)
    return twins[end]


def _nodes_between(end: Node, inputs: Sequence[Node]) -> list[Node]:
    """The nodes from the inputs, without them, to the end, each behind what it reads."""
    order: list[Node] = []
    waiting, seen = [end], set(inputs)
    while waiting:
        node = waiting[-1]
        missing = [source for source in node.inputs if source not in seen]
        if node in seen or not missing:
            waiting.pop()
            if node not in seen:
                seen.add(node)
                order.append(node)
        else:
            waiting.extend(missing[::-1])
    return order


def _rebuild(graph: Graph, step: Step) -> dict[Node, Node]:
    """Every node's counterpart: leaves stay themselves, the rest is made by ``step`` from its new inputs."""
    new: dict[Node, Node] = {}
    for node in graph.order:
        new[node] = node if isinstance(node, Leaf) else step(node, tuple(new[source] for source in node.inputs))
    return new


def _renewed(graph: Graph, new: dict[Node, Node], watched: Sequence[Node]) -> Graph:
    watch = dict.fromkeys(new[node] for node in (*graph.watch, *watched))
    return Graph(*(new[node] for node in graph.outputs), watch=watch)
