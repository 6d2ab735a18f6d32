"""Losses: predictions against labels, where examples are columns.

The loss of a column is the sum over its rows. ``reduction`` says what becomes of the columns: their "mean", their
"sum", or "none" for one loss per column, of shape (1, m). Labels are data: they have the shape of the predictions,
are never broadcast, and have no gradient. A value with one axis is a row: each entry is an example.
"""

from __future__ import annotations

from typing import final

import numpy as np

from chainrule.core.node import Node
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.elementwise import Log, ReLU, Sigmoid, Square
from chainrule.nodes.reductions import Mean, Softmax, Sum
from chainrule.symbols.dimensions import shape_text
from chainrule.symbols.elementary import log_softmax, ratio, sigmoid, softmax, softmax_rest, softplus, xlog1m, xlogy
from chainrule.symbols.symbol import Value

_REDUCTIONS = ("mean", "sum", "none")


def _reduce(losses: Value, reduction: str) -> Value:
    """The losses of all entries, summed over rows and reduced over columns."""
    if reduction not in _REDUCTIONS:
        raise ArgumentError(f"reduction={reduction!r} is none of {', '.join(_REDUCTIONS)}")
    if reduction == "none":
        return losses.sum(axis=tuple(range(losses.ndim - 1)), keepdims=True) if losses.ndim > 1 else losses
    return losses.sum() / _columns(losses) if reduction == "mean" else losses.sum()


def _spread(grad: Value, x: Value, reduction: str) -> Value:
    """The upstream gradient of each column's loss."""
    return grad / _columns(x) if reduction == "mean" else grad


def _columns(x: Value) -> Value:
    """m, the number of examples."""
    m = x.shape[-1] if x.ndim else 1
    if m == 0:
        raise ArgumentError("a mean over no columns is undefined", remedy='reduction="sum", which is 0')
    return m


def _check_shapes(prediction: Value, labels: Value) -> None:
    if prediction.shape != labels.shape:
        raise ShapeError(
            f"predictions {shape_text(prediction.shape)} and labels {shape_text(labels.shape)} differ in shape",
            remedy="give the labels the shape of the predictions; a loss never broadcasts",
        )


def _check_classes(prediction: Value, labels: Value) -> None:
    """Shapes of a loss over classes: on a single axis nobody can tell classes from columns, unless it holds one."""
    _check_shapes(prediction, labels)
    if prediction.ndim == 1 and prediction.shape[0] not in (0, 1):
        raise ShapeError(
            f"predictions {shape_text(prediction.shape)} have no rows: classes are rows and examples are columns",
            remedy=f"one example of {prediction.shape[0]} classes has shape ({prediction.shape[0]}, 1)",
        )


def _reduce_nodes(losses: Node, reduction: str) -> Node:
    """``_reduce`` built from nodes, for the opened losses."""
    shape = losses.shape
    if shape is None:
        raise ArgumentError("a loss whose shape is unknown cannot be opened", where=losses.where)
    many_rows = any(size != 1 for size in shape[:-1])
    columns = Sum(losses, axis=tuple(range(len(shape) - 1)), keepdims=True) if many_rows else losses
    return {"mean": Mean, "sum": Sum}[reduction](columns) if reduction != "none" else columns


@final
class BCELoss(Node):
    """Binary cross-entropy -(y log a + (1 - y) log(1 - a)) of probabilities a in [0, 1].

    Where a has rounded to 0 or 1, the sigmoid before it cannot be recovered: ``Graph.fuse`` puts SigmoidBCELoss in
    the place of the pair, which is exact. A wrong label at a = 0 or 1 costs an infinite loss.
    """

    label_range = (0, 1)
    reduction: str = "mean"

    def forward(self, a: Value, labels: Value) -> Value:
        _check_shapes(a, labels)
        return _reduce(-(xlogy(labels, a) + xlog1m(1 - labels, a)), self.reduction)

    def backward(self, grad: Value, loss: Value, a: Value, labels: Value) -> tuple[Value, None]:
        return _spread(grad, a, self.reduction) * (ratio(1 - labels, 1 - a) - ratio(labels, a)), None

    def expand(self, *inputs: Node) -> Node:
        """-(y log a + (1 - y) log(1 - a)), gate by gate."""
        a, labels = inputs
        return _reduce_nodes(-(labels * Log(a) + (1 - labels) * Log(1 - a)), self.reduction)

    def fuse(self, *inputs: Node) -> Node | None:
        """Behind a sigmoid, the loss of what it reads."""
        a, labels = inputs
        return SigmoidBCELoss(*a.inputs, labels, reduction=self.reduction) if isinstance(a, Sigmoid) else None


@final
class SigmoidBCELoss(Node):
    """Binary cross-entropy of σ(z), computed from z: exact and finite for every z.

    The loss is y softplus(-z) + (1 - y) softplus(z). Its slope σ(z) - y is taken as (1 - y) σ(z) - y σ(-z), which
    keeps its digits where σ(z) rounds to y.
    """

    label_range = (0, 1)
    reduction: str = "mean"

    def forward(self, z: Value, labels: Value) -> Value:
        _check_shapes(z, labels)
        return _reduce(labels * softplus(-z) + (1 - labels) * softplus(z), self.reduction)

    def backward(self, grad: Value, loss: Value, z: Value, labels: Value) -> tuple[Value, None]:
        return _spread(grad, z, self.reduction) * ((1 - labels) * sigmoid(z) - labels * sigmoid(-z)), None

    def expand(self, *inputs: Node) -> Node:
        """The sigmoid, then the cross-entropy."""
        z, labels = inputs
        return BCELoss(Sigmoid(z), labels, reduction=self.reduction)


@final
class CrossEntropyLoss(Node):
    """Cross-entropy -Σ y log p of probabilities p: a column of p is one example, y is its one-hot label."""

    label_range = (0, 1)
    reduction: str = "mean"

    def forward(self, p: Value, labels: Value) -> Value:
        _check_classes(p, labels)
        return _reduce(-xlogy(labels, p), self.reduction)

    def backward(self, grad: Value, loss: Value, p: Value, labels: Value) -> tuple[Value, None]:
        return -_spread(grad, p, self.reduction) * ratio(labels, p), None

    def expand(self, *inputs: Node) -> Node:
        """-y log p, summed."""
        p, labels = inputs
        return _reduce_nodes(-(labels * Log(p)), self.reduction)

    def fuse(self, *inputs: Node) -> Node | None:
        """Behind a softmax over the rows, the loss of what it reads."""
        p, labels = inputs
        if not isinstance(p, Softmax) or not _over_rows(p):
            return None
        return SoftmaxCrossEntropyLoss(*p.inputs, labels, reduction=self.reduction)


def _over_rows(softmax: Softmax) -> bool:
    """Whether the softmax runs over axis 0, the only one over which the fused loss does."""
    return softmax.axis in (0, (0,)) or (softmax.shape is not None and softmax.axis == -len(softmax.shape))


@final
class SoftmaxCrossEntropyLoss(Node):
    """Cross-entropy of softmax(z) over the rows, computed from z: exact and finite for every z.

    The slope softmax(z) Σy - y is taken as s (Σy - y) - y (1 - s), with 1 - s summed from the other classes, which
    keeps its digits where s rounds to y.
    """

    label_range = (0, 1)
    reduction: str = "mean"

    def forward(self, z: Value, labels: Value) -> Value:
        _check_classes(z, labels)
        return _reduce(-(labels * log_softmax(z, axis=0)), self.reduction)

    def backward(self, grad: Value, loss: Value, z: Value, labels: Value) -> tuple[Value, None]:
        others = labels.sum(axis=0, keepdims=True) - labels
        slope = softmax(z, axis=0) * others - labels * softmax_rest(z, axis=0)
        return _spread(grad, z, self.reduction) * slope, None

    def expand(self, *inputs: Node) -> Node:
        """The softmax, then the cross-entropy."""
        z, labels = inputs
        return CrossEntropyLoss(Softmax(z, axis=0), labels, reduction=self.reduction)


@final
class MSELoss(Node):
    """Squared error: the loss of a column is its squared distance Σ (a - y)² from the labels."""

    reduction: str = "mean"

    def forward(self, a: Value, labels: Value) -> Value:
        _check_shapes(a, labels)
        return _reduce(np.square(a - labels), self.reduction)

    def backward(self, grad: Value, loss: Value, a: Value, labels: Value) -> tuple[Value, None]:
        return _spread(grad, a, self.reduction) * 2 * (a - labels), None

    def expand(self, *inputs: Node) -> Node:
        """(a - y)², summed."""
        a, labels = inputs
        return _reduce_nodes(Square(a - labels), self.reduction)


@final
class HingeLoss(Node):
    """max(0, 1 - y s) for scores s and labels y that are -1 or 1; the slope at the hinge is taken to be 0."""

    reduction: str = "mean"

    def forward(self, scores: Value, labels: Value) -> Value:
        _check_shapes(scores, labels)
        return _reduce(np.maximum(1 - labels * scores, 0), self.reduction)

    def backward(self, grad: Value, loss: Value, scores: Value, labels: Value) -> tuple[Value, None]:
        return -_spread(grad, scores, self.reduction) * labels * (labels * scores < 1), None

    def expand(self, *inputs: Node) -> Node:
        """relu(1 - y s), summed."""
        scores, labels = inputs
        return _reduce_nodes(ReLU(1 - labels * scores), self.reduction)
