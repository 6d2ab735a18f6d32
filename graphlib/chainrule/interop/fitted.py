"""A graph as an estimator sees it: what data go in, what labels, what is predicted, and what weighs an example."""

from __future__ import annotations

from math import prod
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from chainrule.core.leaves import Input
from chainrule.core.node import Node
from chainrule.core.rewriting import rebuilt
from chainrule.errors import ArgumentError
from chainrule.graph import Graph
from chainrule.nodes.elementwise import Exp, Sigmoid
from chainrule.nodes.further_losses import NLLLoss
from chainrule.nodes.losses import (
    BCELoss,
    ClassLoss,
    CrossEntropyLoss,
    HingeLoss,
    Loss,
    SigmoidBCELoss,
    SoftmaxCrossEntropyLoss,
)
from chainrule.nodes.reductions import Softmax, Sum
from chainrule.symbols.dimensions import Dimension, shape_text

Array = npt.NDArray[Any]
_CONTRACT: Final = "one loss, such as SoftmaxCrossEntropyLoss(scores, Y), whose labels are an Input, and one more Input"


@final
class Fitted:
    """The parts of a graph with one loss: its data, its labels, and its prediction, which is what the loss reads."""

    def __init__(self, graph: Any) -> None:
        if not isinstance(graph, Graph) or len(graph.outputs) != 1:
            raise ArgumentError(f"build returns a Graph with one output, not {graph!r}", remedy=_CONTRACT)
        losses = [node for node in graph.order if isinstance(node, Loss) and isinstance(node.inputs[1], Input)]
        labels = {loss.inputs[1] for loss in losses}
        data = [node for node in graph.inputs if node not in labels]
        if len(losses) != 1 or len(data) != 1:
            given = f"losses: {len(losses)}, inputs that are no labels: {', '.join(map(graph.name, data)) or 'none'}"
            raise ArgumentError("an estimator cannot tell data from labels here", given=given, remedy=_CONTRACT)
        self.graph, self.loss = graph, losses[0]
        self.prediction, self.labels, self.data = self.loss.inputs[0], self.loss.inputs[1], data[0]
        self.batch, self.label_batch = self._batch(self.data), self._batch(self.labels)
        self.label_name, self.data_name = graph.name(self.labels), graph.name(self.data)

    def _batch(self, leaf: Node) -> int:
        axes = [k for k, size in enumerate(leaf.shape or ()) if isinstance(size, Dimension)]
        if len(axes) != 1:
            shape = shape_text(leaf.shape or ())
            what = f"{leaf.name} has to have one axis with a name, which counts the examples, not {shape}"
            raise ArgumentError(what, where=leaf.where, remedy='(features, "m") or ("m", features)')
        return axes[0]

    @property
    def outputs(self) -> int:
        """How many numbers an example has for a label."""
        return self._per_example(self.labels)

    def _per_example(self, leaf: Node) -> int:
        return prod(size for size in leaf.shape or () if isinstance(size, int))

    def fed(self, leaf: Node, rows: Array) -> Array:
        """An array with an example in each row, as the leaf is fed; raises ArgumentError where it does not fit."""
        axis = self.batch if leaf is self.data else self.label_batch
        inner = tuple(int(size) for size in leaf.shape or () if isinstance(size, int))
        if prod(inner) != rows.shape[1]:
            shape = shape_text(leaf.shape or ())
            raise ArgumentError(
                f"{leaf.name} {shape} has {prod(inner)} numbers for each example, not {rows.shape[1]}",
                where=leaf.where,
                remedy="build(features, classes) makes the graph for as many",
            )
        return np.moveaxis(rows.reshape(len(rows), *inner), 0, axis).astype(rows.dtype)

    def rows(self, value: Array) -> Array:
        """A prediction with an example in each row."""
        axis = next((k for k, size in enumerate(self.prediction.shape or ()) if isinstance(size, Dimension)), 0)
        apart = np.moveaxis(value, axis, 0)
        return apart.reshape(len(apart), prod(apart.shape[1:]))

    @property
    def is_hinge(self) -> bool:
        """Whether labels are -1 and 1."""
        return isinstance(self.loss, HingeLoss)

    def probabilities(self) -> Node | None:
        """The node of the probabilities of classes; None where the loss reads no such thing."""
        loss, x = self.loss, self.prediction
        if isinstance(loss, (BCELoss, CrossEntropyLoss)):
            return x
        if isinstance(loss, SigmoidBCELoss):
            return Sigmoid(x)
        if isinstance(loss, SoftmaxCrossEntropyLoss):
            return Softmax(x, axis=loss.classes)
        return Exp(x) if isinstance(loss, NLLLoss) else None

    def weighed(self) -> tuple[Graph, str]:
        """The same graph with a further input: what each example counts; and its name. A mean is then a sum."""
        loss = self.loss
        plain = not isinstance(loss, ClassLoss) or (len(loss.inputs) == 2 and not loss.ignore_unlabelled)
        if loss.reduction not in ("mean", "sum") or not plain:
            raise ArgumentError(
                "sample_weight needs a loss that is a mean or a sum over its examples", where=loss.where, node=loss
            )
        name = _free("sample_weight", self.graph)

        def change(node: Node, inputs: tuple[Node, ...]) -> Node:
            if node is not loss:
                return node.replace(*inputs)
            each = type(loss)(*inputs, **{**loss.given_facts, "reduction": "none"})
            return Sum(each * Input(name, each.shape)).relabel(loss.name, like=loss)

        return rebuilt(self.graph, change), name

    def weights(self, weights: Array) -> Array:
        """What is fed for ``weighed``: of sum 1 for a mean, along the axis of the examples."""
        shape = [1] * len(self.prediction.shape or ())
        shape[(self.loss.examples or 0) % len(shape)] = len(weights)
        scaled = weights / weights.sum() if self.loss.reduction == "mean" else weights
        return np.asarray(scaled.reshape(shape))


def _free(name: str, graph: Graph) -> str:
    while name in graph:
        name += "_"
    return name
