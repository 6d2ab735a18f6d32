"""Which size of a graph counts its examples, and what examples are called where they stand."""

from __future__ import annotations

from collections.abc import Iterable

from chainrule.core.graph import BaseGraph
from chainrule.core.node import Node
from chainrule.nodes.batch_axis import axis_word
from chainrule.nodes.losses import Loss
from chainrule.nodes.reductions import Mean
from chainrule.symbols.dimensions import Dimension, Size


def batch_name(graph: BaseGraph) -> str | None:
    """The name of the number of examples, m as a rule; None where no size has a name.

    The losses know: it is the size of their batch axis. Without a loss it is a size of the inputs: one of a last axis
    before others, and m before all.

    >>> from chainrule import Graph, Input, Mean, Square
    >>> batch_name(Graph(Mean(Square(Input("x", ("n", 3))))))
    'n'
    """
    counted = [size for node in graph.order for size in _counted(node)]
    last = [node.shape[-1] for node in graph.inputs if node.shape]
    everywhere = [size for node in graph.inputs for size in node.shape or ()]
    return next((name for sizes in (counted, last, everywhere) if (name := _preferred(sizes))), None)


def _counted(node: Node) -> list[Size]:
    """The size of the batch axis of what a loss reads."""
    shape = next((source.shape for source in node.inputs if source.shape), None) if isinstance(node, Loss) else None
    return [shape[node.examples]] if shape and isinstance(node, Loss) and node.examples is not None else []


def _preferred(sizes: Iterable[Size]) -> str | None:
    names = [str(size) for size in sizes if isinstance(size, Dimension) and str(size).isidentifier()]
    return "m" if "m" in names else next(iter(names), None)


def takes_a_mean(graph: BaseGraph) -> bool:
    """Whether a graph has a loss that is a mean over its examples, or ends in a mean."""
    losses = [node for node in graph.order if isinstance(node, Loss)]
    return any(loss.reduction == "mean" for loss in losses) or any(isinstance(end, Mean) for end in graph.outputs)


def has_examples(node: Node, name: str | None) -> bool:
    """Whether a value has an axis of examples: one of exactly the size of that name."""
    return any(str(size) == name for size in node.shape or ())


def examples_word(graph: BaseGraph, name: str | None) -> str:
    """What the examples of the inputs are called: "columns", "rows", or "examples" where they stand otherwise."""
    words = {
        axis_word(k, len(node.shape or ()))
        for node in graph.inputs
        for k, size in enumerate(node.shape or ())
        if str(size) == name and len(node.shape or ()) > 1
    }
    return words.pop() if len(words) == 1 else "examples" if words else "columns"
