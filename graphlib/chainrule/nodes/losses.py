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

from collections.abc import Mapping, Sequence
from math import prod
from typing import Annotated, Any, Final, Literal, TypeAlias, final

import numpy as np

from chainrule.core.facts import Flag, Kind, OneAxisOrNone
from chainrule.core.leaves import Constant
from chainrule.core.node import Node, Operand
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

_REDUCTIONS: Final = ("mean", "sum", "none")
Reduction: TypeAlias = Annotated[
    Literal["mean", "sum", "none"],
    Kind(f"one of {', '.join(map(repr, _REDUCTIONS))}", lambda v: isinstance(v, str) and v in _REDUCTIONS, '"mean"'),
]


class Loss(Node):
    """What all losses share: which axis counts the examples, and what becomes of them."""

    reduction: Reduction = "mean"
    examples: OneAxisOrNone = None

    @classmethod
    def settled(cls, given: Mapping[str, Any], *shapes: Shape | None) -> Mapping[str, Any]:
        """The batch axis, from the shape of the predictions, which is that of the labels."""
        predictions, labels = shapes[:2]
        if given.get("examples") is not None or _differ(predictions, labels):
            return {}
        return {"examples": examples_axis(_known(predictions, labels), "the predictions")}

    def _reduced(self, losses: Value) -> Value:
        """The losses of all entries, summed over each example and reduced over the examples."""
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
        predictions, labels = self.inputs[:2]
        shape = _known(predictions.shape, labels.shape) or ()
        each = prod(shape[k] for k in _inside(len(shape), self.examples))
        if each == 1 or self.reduction != "mean":
            return ""
        return f"adds up the {each} entries of each example: {each} times the mean over all entries"

    @staticmethod
    def _check(predictions: Value, labels: Value, *, of_classes: bool = False) -> None:
        """Raise ShapeError where labels have not the shape of predictions, or those of classes no axis for them."""
        (_check_classes if of_classes else _check_shapes)(predictions, labels)


class ClassLoss(Loss):
    """What losses over classes share: what each class weighs, and who has no label.

    ``weights`` are a third input that broadcasts to the labels, such as (3, 1) for 3 classes in columns; they have no
    gradient. A mean then goes by weight, as PyTorch has it: it is divided by the weight of all labels, and not by m.
    ``ignore_unlabelled`` leaves what has labels that are all 0 out of a mean, which is divided by the labels that there
    are. A batch without any label costs 0.
    """

    label_range = (0, 1)
    ignore_unlabelled: Flag = False

    def __init__(
        self, x: Operand, labels: Operand, weights: Any = None, *, name: str | None = None, **facts: Any
    ) -> None:
        given = Constant(weights) if isinstance(weights, (np.ndarray, list)) else weights
        super().__init__(x, labels, *(() if weights is None else (given,)), name=name, **facts)

    def _weighed(self, labels: Value, weights: Value = None) -> Value:
        """The labels times what their classes weigh."""
        if weights is None:
            return labels
        fits = weights.ndim == labels.ndim and all(
            size in (1, whole) for size, whole in zip(weights.shape, labels.shape, strict=True)
        )
        if not fits:
            raise ShapeError(
                f"weights {shape_text(weights.shape)} do not broadcast to labels {shape_text(labels.shape)}",
                remedy="as many axes as the labels: (3, 1) for 3 classes in columns, (1, 3) in rows",
            )
        return labels * weights

    def _total(self, losses: Any, *weights: Any) -> Any:
        """The losses reduced; for a mean by weight their sum, which ``_by_weight`` divides."""
        return losses.sum() if self._goes_by_weight(weights) else self._reduced(losses)

    def _by_weight(self, x: Value, weighed: Value, *weights: Value) -> Value:
        """A loss or its slope over the weight of all labels, where a mean goes by weight."""
        return ratio(x, weighed.sum()) if self._goes_by_weight(weights) else x

    def _upstream(self, grad: Value, x: Value, *weights: Value) -> Value:
        return grad if self._goes_by_weight(weights) else self._spread(grad, x)

    def _goes_by_weight(self, weights: Sequence[Any]) -> bool:
        given = any(one is not None for one in weights)
        return self.reduction == "mean" and (given or self.ignore_unlabelled)

    def _total_nodes(self, losses: Node, labels: Node, *weights: Node) -> Node:
        """The losses reduced, and divided where a mean goes by weight, built from nodes."""
        if not self._goes_by_weight(weights):
            return self._reduced_nodes(losses)
        return Sum(losses) / Sum(self._weighed(labels, *weights))

    def remark(self) -> str:
        """Nothing: everybody adds up over the classes."""
        return ""


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
class CrossEntropyLoss(ClassLoss):
    """Cross-entropy -Σ y log p of probabilities p, whose classes stand beside the batch axis; y is one-hot.

    Weights of the classes may follow the labels: ``CrossEntropyLoss(p, y, weights)``. They broadcast to the labels, and
    a mean goes by them. ``ignore_unlabelled`` leaves examples whose labels are all 0 out of the mean.

    >>> from chainrule import Graph, Input
    >>> p, y = Input("p", (2, "m")), Input("y", (2, "m"))
    >>> feeds = {"p": [[0.5, 0.25, 0.5], [0.5, 0.75, 0.5]], "y": [[1, 0, 0], [0, 1, 0]]}  # the last has no label
    >>> losses = [CrossEntropyLoss(p, y), CrossEntropyLoss(p, y, ignore_unlabelled=True)]
    >>> losses.append(CrossEntropyLoss(p, y, np.array([[3.0], [1.0]])))
    >>> [round(float(Graph(loss).forward(feeds).loss), 3) for loss in losses]
    [0.327, 0.49, 0.592]
    """

    def forward(self, p: Value, labels: Value, weights: Value = None) -> Value:
        _check_classes(p, labels)
        weighed = self._weighed(labels, weights)
        return self._by_weight(self._total(-xlogy(weighed, p), weights), weighed, weights)

    def backward(self, grad: Value, loss: Value, p: Value, labels: Value, *weights: Value) -> tuple[Value | None, ...]:
        weighed = self._weighed(labels, *weights)
        slope = -self._upstream(grad, p, *weights) * ratio(weighed, p)
        return self._by_weight(slope, weighed, *weights), None, *(None for _ in weights)

    def expand(self, *inputs: Node) -> Node:
        """-y log p, summed."""
        p, *labels_and_weights = inputs
        return self._total_nodes(-(self._weighed(*labels_and_weights) * Log(p)), *labels_and_weights)

    def fuse(self, *inputs: Node) -> Node | None:
        """Behind a softmax over one axis that counts no examples, the loss of what it reads."""
        p, labels, *weights = inputs
        axis = self._classes_of(p, _known(p.shape, labels.shape)) if isinstance(p, Softmax) else None
        if axis is None:
            return None
        usual = classes_axis(_known(p.shape, labels.shape), self.examples)
        facts = self.given_facts if axis == usual else {**self.given_facts, "classes": axis}
        return SoftmaxCrossEntropyLoss(p.inputs[0], labels, *weights, **facts)

    def _classes_of(self, p: Softmax, shape: Shape | None) -> int | None:
        """The axis of the classes, over which a softmax before this loss runs; None for one that does not."""
        single = p.axis[0] if isinstance(p.axis, tuple) and len(p.axis) == 1 else p.axis
        if not isinstance(single, int) or shape is None:
            return 0 if single == 0 and self.examples == -1 else None
        ndim = len(shape)
        axis = single % ndim if ndim else None
        return axis if ndim == 1 or axis != _batch_axis(ndim, self.examples) else None


@final
class SoftmaxCrossEntropyLoss(ClassLoss):
    """Cross-entropy of softmax(z) over the classes, computed from z: exact and finite for every z.

    ``classes`` is the axis of the classes: the one beside the batch axis, so that it has to be given only where
    several are. Weights, and ``ignore_unlabelled``, are as for CrossEntropyLoss.

    The slope softmax(z) Σy - y is taken as s (Σy - y) - y (1 - s), with 1 - s summed from the other classes, which
    keeps its digits where s rounds to y.
    """

    classes: OneAxisOrNone = None

    @classmethod
    def settled(cls, given: Mapping[str, Any], *shapes: Shape | None) -> Mapping[str, Any]:
        """The batch axis, and the axis of the classes."""
        found = dict(super().settled(given, *shapes))
        x, labels = shapes[:2]
        if given.get("classes") is not None or _differ(x, labels) or _known(x, labels) is None:
            return found
        axis = classes_axis(_known(x, labels), found.get("examples", given.get("examples")))
        if axis is None:
            raise _ambiguous(_known(x, labels) or ())
        return {**found, "classes": axis}

    def forward(self, z: Value, labels: Value, weights: Value = None) -> Value:
        _check_classes(z, labels)
        weighed = self._weighed(labels, weights)
        losses = -weighted(weighed, log_softmax(z, axis=self._axis(z)))
        return self._by_weight(self._total(losses, weights), weighed, weights)

    def backward(self, grad: Value, loss: Value, z: Value, labels: Value, *weights: Value) -> tuple[Value | None, ...]:
        axis, weighed = self._axis(z), self._weighed(labels, *weights)
        others = weighed.sum(axis=axis, keepdims=True) - weighed
        slope = softmax(z, axis=axis) * others - weighed * softmax_rest(z, axis=axis)
        back = self._upstream(grad, z, *weights) * slope
        return self._by_weight(back, weighed, *weights), None, *(None for _ in weights)

    def _axis(self, z: Value) -> int:
        """The axis of the classes, which a shape that nobody knew before there was data tells only now."""
        axis = classes_axis(z.shape, self.examples) if self.classes is None else self.classes
        if axis is None:
            raise _ambiguous(z.shape)
        return axis

    def expand(self, *inputs: Node) -> Node:
        """The softmax, then the cross-entropy."""
        z, *others = inputs
        given = {fact: value for fact, value in self.given_facts.items() if fact != "classes"}
        return CrossEntropyLoss(Softmax(z, axis=0 if self.classes is None else self.classes), *others, **given)


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
