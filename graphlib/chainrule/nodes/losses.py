"""Losses: predictions against labels, example by example.

The batch axis counts the examples: it is the one whose size has a name, wherever it stands, so that ``(1, "m")`` and
``("m", 1)`` have the same loss. Without any name examples are columns, on the last axis. Where two axes have a name,
or no shape is known, a loss asks for ``examples=``, the axis. It is settled when the node is built, and again when the
node is rebuilt to read other inputs.

The loss of an example is the sum over all other axes. ``reduction`` says what becomes of the examples: their "mean",
their "sum", or "none" for one loss per example, of shape (1, m) for columns and (m, 1) for rows. Labels are data: they
have the shape of the predictions, are never broadcast, and have no gradient. On a value with one axis each entry is an
example.

========================  ===========================================  =======================
loss                      of an example                                labels
========================  ===========================================  =======================
BCELoss                   -Σ (y log a + (1 - y) log(1 - a))            0 to 1
SigmoidBCELoss            the same of a = σ(z), exact                  0 to 1
CrossEntropyLoss          -Σ y log p                                   0 to 1, one-hot
SoftmaxCrossEntropyLoss   the same of p = softmax(z), exact            0 to 1, one-hot
MSELoss                   Σ (a - y)²: for several outputs a sum, so    numbers
                          it is not np.mean of the squared errors
HingeLoss                 Σ max(0, 1 - y s)                            -1 or 1
========================  ===========================================  =======================
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, final

import numpy as np

from chainrule.core.node import Node
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.batch_axis import axis_in, axis_word, classes_axis, examples_axis
from chainrule.nodes.elementwise import Log, ReLU, Sigmoid, Square
from chainrule.nodes.reductions import Mean, Softmax, Sum
from chainrule.symbols.dimensions import Shape, shape_text
from chainrule.symbols.elementary import (
    log_softmax,
    ratio,
    sigmoid,
    softmax,
    softmax_rest,
    softplus,
    weighted,
    xlog1m,
    xlogy,
)
from chainrule.symbols.symbol import Value

_REDUCTIONS = ("mean", "sum", "none")


class Loss(Node):
    """What all losses share: which axis counts the examples, and what becomes of them."""

    reduction: str = "mean"
    examples: int | None = None

    @classmethod
    def settled(cls, given: Mapping[str, Any], *shapes: Shape | None) -> Mapping[str, Any]:
        """The batch axis, from the shape of the predictions, which is that of the labels."""
        if given.get("examples") is not None or _differ(*shapes):
            return {}
        return {"examples": examples_axis(_known(*shapes), "the predictions")}

    def _reduced(self, losses: Value) -> Value:
        """The losses of all entries, summed over each example and reduced over the examples."""
        if self.reduction not in _REDUCTIONS:
            raise ArgumentError(f"reduction={self.reduction!r} is none of {', '.join(_REDUCTIONS)}")
        if self.reduction == "none":
            return losses.sum(axis=_inside(losses.ndim, self.examples), keepdims=True) if losses.ndim > 1 else losses
        return losses.sum() / self._count(losses) if self.reduction == "mean" else losses.sum()

    def _spread(self, grad: Value, x: Value) -> Value:
        """The upstream gradient of each example's loss."""
        return grad / self._count(x) if self.reduction == "mean" else grad

    def _count(self, x: Value) -> Value:
        """m, the number of examples."""
        axis = _batch_axis(x.ndim, self.examples) if x.ndim else 0
        m = x.shape[axis] if x.ndim else 1
        if m == 0:
            word = axis_word(axis, x.ndim)
            raise ArgumentError(f"a mean over no {word} is undefined", remedy='reduction="sum", which is 0')
        return m

    def _reduced_nodes(self, losses: Node) -> Node:
        """``_reduced`` built from nodes, for the opened losses."""
        shape = losses.shape
        if shape is None:
            raise ArgumentError("a loss whose shape is unknown cannot be opened", where=losses.where)
        inside = _inside(len(shape), self.examples)
        alone = all(shape[k] == 1 for k in inside)
        each = losses if alone else Sum(losses, axis=inside, keepdims=True)
        return {"mean": Mean, "sum": Sum}[self.reduction](each) if self.reduction != "none" else each

    def remark(self) -> str:
        """How a mean over examples differs from ``np.mean``: by how many entries an example has."""
        shape = _known(*(source.shape for source in self.inputs)) or ()
        each = prod(shape[k] for k in _inside(len(shape), self.examples))
        if each == 1 or self.reduction != "mean":
            return ""
        return f"adds up the {each} entries of each example: {each} times the mean over all entries"

    @staticmethod
    def _check(predictions: Value, labels: Value, *, of_classes: bool = False) -> None:
        """Raise ShapeError where labels have not the shape of predictions, or those of classes no axis for them."""
        (_check_classes if of_classes else _check_shapes)(predictions, labels)


def _differ(predictions: Shape | None, labels: Shape | None) -> bool:
    return predictions is not None and labels is not None and predictions != labels


def _known(predictions: Shape | None, labels: Shape | None) -> Shape | None:
    """The shape of predictions and labels, of which one may be unknown."""
    return labels if predictions is None else predictions


def _batch_axis(ndim: int, examples: int | None) -> int:
    return ndim - 1 if examples is None else axis_in(examples, ndim)


def _inside(ndim: int, examples: int | None) -> tuple[int, ...]:
    """The axes of one example: all but the batch axis."""
    return tuple(k for k in range(ndim) if k != _batch_axis(ndim, examples))


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


@final
class BCELoss(Loss):
    """Binary cross-entropy -(y log a + (1 - y) log(1 - a)) of probabilities a in [0, 1].

    Where a has rounded to 0 or 1, the sigmoid before it cannot be recovered: ``Graph.fuse`` puts SigmoidBCELoss in
    the place of the pair, which is exact. A wrong label at a = 0 or 1 costs an infinite loss.
    """

    label_range = (0, 1)

    def forward(self, a: Value, labels: Value) -> Value:
        _check_shapes(a, labels)
        return self._reduced(-(xlogy(labels, a) + xlog1m(1 - labels, a)))

    def backward(self, grad: Value, loss: Value, a: Value, labels: Value) -> tuple[Value, None]:
        return self._spread(grad, a) * (ratio(1 - labels, 1 - a) - ratio(labels, a)), None

    def expand(self, *inputs: Node) -> Node:
        """-(y log a + (1 - y) log(1 - a)), gate by gate."""
        a, labels = inputs
        return self._reduced_nodes(-(labels * Log(a) + (1 - labels) * Log(1 - a)))

    def fuse(self, *inputs: Node) -> Node | None:
        """Behind a sigmoid, the loss of what it reads."""
        a, labels = inputs
        return SigmoidBCELoss(*a.inputs, labels, **self.given_facts) if isinstance(a, Sigmoid) else None


@final
class SigmoidBCELoss(Loss):
    """Binary cross-entropy of σ(z), computed from z: exact and finite for every z.

    The loss is y softplus(-z) + (1 - y) softplus(z). Its slope σ(z) - y is taken as (1 - y) σ(z) - y σ(-z), which
    keeps its digits where σ(z) rounds to y.
    """

    label_range = (0, 1)

    def forward(self, z: Value, labels: Value) -> Value:
        _check_shapes(z, labels)
        return self._reduced(weighted(labels, softplus(-z)) + weighted(1 - labels, softplus(z)))

    def backward(self, grad: Value, loss: Value, z: Value, labels: Value) -> tuple[Value, None]:
        return self._spread(grad, z) * ((1 - labels) * sigmoid(z) - labels * sigmoid(-z)), None

    def expand(self, *inputs: Node) -> Node:
        """The sigmoid, then the cross-entropy."""
        z, labels = inputs
        return BCELoss(Sigmoid(z), labels, **self.given_facts)


@final
class CrossEntropyLoss(Loss):
    """Cross-entropy -Σ y log p of probabilities p, whose classes stand beside the batch axis; y is one-hot."""

    label_range = (0, 1)

    def forward(self, p: Value, labels: Value) -> Value:
        _check_classes(p, labels)
        return self._reduced(-xlogy(labels, p))

    def backward(self, grad: Value, loss: Value, p: Value, labels: Value) -> tuple[Value, None]:
        return -self._spread(grad, p) * ratio(labels, p), None

    def remark(self) -> str:
        """Nothing: everybody adds up over the classes."""
        return ""

    def expand(self, *inputs: Node) -> Node:
        """-y log p, summed."""
        p, labels = inputs
        return self._reduced_nodes(-(labels * Log(p)))

    def fuse(self, *inputs: Node) -> Node | None:
        """Behind a softmax over one axis that counts no examples, the loss of what it reads."""
        p, labels = inputs
        axis = self._classes_of(p, _known(p.shape, labels.shape)) if isinstance(p, Softmax) else None
        if axis is None:
            return None
        usual = classes_axis(_known(p.shape, labels.shape), self.examples)
        facts = self.given_facts if axis == usual else {**self.given_facts, "classes": axis}
        return SoftmaxCrossEntropyLoss(*p.inputs, labels, **facts)

    def _classes_of(self, p: Softmax, shape: Shape | None) -> int | None:
        """The axis of the classes, over which a softmax before this loss runs; None for one that does not."""
        single = p.axis[0] if isinstance(p.axis, tuple) and len(p.axis) == 1 else p.axis
        if not isinstance(single, int) or shape is None:
            return 0 if single == 0 and self.examples == -1 else None
        ndim = len(shape)
        axis = single % ndim if ndim else None
        return axis if ndim == 1 or axis != _batch_axis(ndim, self.examples) else None


@final
class SoftmaxCrossEntropyLoss(Loss):
    """Cross-entropy of softmax(z) over the classes, computed from z: exact and finite for every z.

    ``classes`` is the axis of the classes: the one beside the batch axis, so that it has to be given only where
    several are.

    The slope softmax(z) Σy - y is taken as s (Σy - y) - y (1 - s), with 1 - s summed from the other classes, which
    keeps its digits where s rounds to y.
    """

    label_range = (0, 1)
    classes: int | None = None

    @classmethod
    def settled(cls, given: Mapping[str, Any], *shapes: Shape | None) -> Mapping[str, Any]:
        """The batch axis, and the axis of the classes."""
        found = dict(super().settled(given, *shapes))
        if given.get("classes") is not None or _differ(*shapes) or _known(*shapes) is None:
            return found
        axis = classes_axis(_known(*shapes), found.get("examples", given.get("examples")))
        if axis is None:
            raise _ambiguous(_known(*shapes) or ())
        return {**found, "classes": axis}

    def forward(self, z: Value, labels: Value) -> Value:
        _check_classes(z, labels)
        return self._reduced(-weighted(labels, log_softmax(z, axis=self._axis(z))))

    def backward(self, grad: Value, loss: Value, z: Value, labels: Value) -> tuple[Value, None]:
        axis = self._axis(z)
        others = labels.sum(axis=axis, keepdims=True) - labels
        slope = softmax(z, axis=axis) * others - labels * softmax_rest(z, axis=axis)
        return self._spread(grad, z) * slope, None

    def _axis(self, z: Value) -> int:
        """The axis of the classes, which a shape that nobody knew before there was data tells only now."""
        axis = classes_axis(z.shape, self.examples) if self.classes is None else self.classes
        if axis is None:
            raise _ambiguous(z.shape)
        return axis

    def remark(self) -> str:
        """Nothing: everybody adds up over the classes."""
        return ""

    def expand(self, *inputs: Node) -> Node:
        """The softmax, then the cross-entropy."""
        z, labels = inputs
        given = {fact: value for fact, value in self.given_facts.items() if fact != "classes"}
        return CrossEntropyLoss(Softmax(z, axis=0 if self.classes is None else self.classes), labels, **given)


def _ambiguous(shape: Shape) -> ArgumentError:
    return ArgumentError(
        f"along which axis the classes stand cannot be told from the shape {shape_text(shape)}",
        given=f"predictions {shape_text(shape)}",
        remedy="classes=1 for images (batch, classes, height, width), classes=-1 for sequences (batch, time, classes)",
    )


@final
class MSELoss(Loss):
    """Squared error: the loss of an example is its squared distance Σ (a - y)² from the labels.

    It adds up the outputs of an example and is the mean over examples alone, so for k outputs it is k times
    ``np.mean((a - y) ** 2)``, which divides by all entries.

    >>> from chainrule import Graph, Input
    >>> a, y = Input("a", ("m", 2)), Input("y", ("m", 2))
    >>> run = Graph(MSELoss(a, y, name="L")).forward({"a": [[1, 2], [3, 4], [0, 0]], "y": np.zeros((3, 2))})
    >>> run["L"], np.mean(run["a"] ** 2)
    (array(10.), np.float64(5.0))
    """

    def forward(self, a: Value, labels: Value) -> Value:
        _check_shapes(a, labels)
        return self._reduced(np.square(a - labels))

    def backward(self, grad: Value, loss: Value, a: Value, labels: Value) -> tuple[Value, None]:
        return self._spread(grad, a) * 2 * (a - labels), None

    def expand(self, *inputs: Node) -> Node:
        """(a - y)², summed."""
        a, labels = inputs
        return self._reduced_nodes(Square(a - labels))


@final
class HingeLoss(Loss):
    """max(0, 1 - y s) for scores s and labels y that are -1 or 1; the slope at the hinge is taken to be 0."""

    def forward(self, scores: Value, labels: Value) -> Value:
        _check_shapes(scores, labels)
        return self._reduced(np.maximum(1 - labels * scores, 0))

    def backward(self, grad: Value, loss: Value, scores: Value, labels: Value) -> tuple[Value, None]:
        return -self._spread(grad, scores) * labels * (labels * scores < 1), None

    def expand(self, *inputs: Node) -> Node:
        """relu(1 - y s), summed."""
        scores, labels = inputs
        return self._reduced_nodes(ReLU(1 - labels * scores))
