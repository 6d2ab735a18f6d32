"""Losses beside the first ones; which axis counts the examples, and what becomes of them, is as for all losses.

=========  =================================================  ==============================
loss       of an example                                      labels
=========  =================================================  ==============================
L1Loss     Σ |a - y|                                          numbers
HuberLoss  Σ of e²/2 for e = a - y, beyond δ of δ(|e| - δ/2)  numbers
NLLLoss    -Σ y q of logarithms q of probabilities            0 to 1, one-hot
KLLoss     Σ y (log y - log p)                                0 to 1, shares that sum to 1
=========  =================================================  ==============================
"""

from __future__ import annotations

from typing import final

import numpy as np

from chainrule.core.facts import Positive
from chainrule.core.node import Node
from chainrule.nodes.elementwise import Abs
from chainrule.nodes.losses import ClassLoss, Loss
from chainrule.symbols.elementary import ratio, weighted, xlogy
from chainrule.symbols.symbol import Value


@final
class L1Loss(Loss):
    """Absolute error: the loss of an example is Σ |a - y|; the slope where a meets y is taken to be 0."""

    def forward(self, a: Value, labels: Value) -> Value:
        self._check(a, labels)
        return self._reduced(np.abs(a - labels))

    def backward(self, grad: Value, loss: Value, a: Value, labels: Value) -> tuple[Value, None]:
        return self._spread(grad, a) * np.sign(a - labels), None

    def expand(self, *inputs: Node) -> Node:
        """|a - y|, summed."""
        a, labels = inputs
        return self._reduced_nodes(Abs(a - labels))


@final
class HuberLoss(Loss):
    """Squared error near the labels, absolute error further away (Huber 1964), joined without a kink at ``delta``.

    An error e = a - y costs e²/2 up to ``delta`` and delta (|e| - delta/2) beyond; so its slope is e, held at ±delta.
    """

    delta: Positive = 1.0

    def forward(self, a: Value, labels: Value) -> Value:
        self._check(a, labels)
        error = a - labels
        near = np.clip(error, -self.delta, self.delta)
        return self._reduced(near * (error - near / 2))

    def backward(self, grad: Value, loss: Value, a: Value, labels: Value) -> tuple[Value, None]:
        return self._spread(grad, a) * np.clip(a - labels, -self.delta, self.delta), None


@final
class NLLLoss(ClassLoss):
    """-Σ y q of logarithms q of probabilities, as ``LogSoftmax`` gives them; classes stand beside the batch axis.

    A class that cannot be, q = -inf, costs nothing where its label is 0. Weights, and ``ignore_unlabelled``, are as
    for CrossEntropyLoss.
    """

    def forward(self, q: Value, labels: Value, weights: Value = None) -> Value:
        self._check(q, labels, of_classes=True)
        weighed = self._weighed(labels, weights)
        return self._by_weight(self._total(-weighted(weighed, q), weights), weighed, weights)

    def backward(self, grad: Value, loss: Value, q: Value, labels: Value, *weights: Value) -> tuple[Value | None, ...]:
        weighed = self._weighed(labels, *weights)
        slope = -self._upstream(grad, q, *weights) * weighed
        return self._by_weight(slope, weighed, *weights), None, *(None for _ in weights)

    def expand(self, *inputs: Node) -> Node:
        """-y q, summed."""
        q, *labels_and_weights = inputs
        return self._total_nodes(-(self._weighed(*labels_and_weights) * q), *labels_and_weights)


@final
class KLLoss(Loss):
    """Σ y (log y - log p): how far probabilities p are from shares y, 0 where equal (Kullback and Leibler 1951).

    A share of 0 costs nothing, and one of a p = 0 without bounds.
    """

    label_range = (0, 1)

    def forward(self, p: Value, labels: Value) -> Value:
        self._check(p, labels, of_classes=True)
        return self._reduced(xlogy(labels, labels) - xlogy(labels, p))

    def backward(self, grad: Value, loss: Value, p: Value, labels: Value) -> tuple[Value, None]:
        return -self._spread(grad, p) * ratio(labels, p), None

    def remark(self) -> str:
        """Nothing: everybody adds up over the classes."""
        return ""
