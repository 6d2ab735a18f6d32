"""The network for more than two classes: tanh or ReLU in the hidden layers, softmax at the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

import chainrule as cr

from .counts import checked_counts, checked_sizes, in_one_line

Array = NDArray[Any]
HIDDEN: dict[str, type[cr.Node]] = {"tanh": cr.Tanh, "relu": cr.ReLU}


def one_hot(classes: ArrayLike, count: int) -> NDArray[np.float64]:
    """Return one column per entry of `classes` (whole numbers from 0 to count - 1), with a 1 in the row of its class.

    ValueError for a class outside that range or a list that is not flat.

    >>> one_hot([2, 0], count=3)
    array([[0., 1.],
           [0., 0.],
           [1., 0.]])
    """
    checked_counts(count=count)
    chosen = np.asarray(classes)
    if chosen.ndim != 1 or (chosen.size and (chosen.min() < 0 or chosen.max() >= count)):
        raise ValueError(f"classes should be a flat list of whole numbers from 0 to {count - 1}")
    return np.eye(count)[:, chosen.astype(int)]


def build(sizes: Sequence[int], hidden: type[cr.Node]) -> cr.Graph:
    """Return the graph A0 → Z1 → A1 → ... → softmax → L; the labels Y are one-hot columns."""
    A: cr.Node = cr.Input("A0", shape=(sizes[0], "m"))
    Y = cr.Input("Y", shape=(sizes[-1], "m"))
    last = len(sizes) - 1
    for layer in range(1, last + 1):
        with cr.layer(f"Layer {layer}"):
            W = cr.Parameter(f"W{layer}", shape=(sizes[layer], sizes[layer - 1]))
            B = cr.Parameter(f"B{layer}", shape=(sizes[layer], 1))
            Z = cr.Add(cr.MatMul(W, A), B, name=f"Z{layer}")
            if layer < last:
                A = hidden(Z, name=f"A{layer}")
            else:
                A = cr.Softmax(Z, axis=0, name=f"A{layer}")  # each column sums to 1
    return cr.Graph(cr.CrossEntropyLoss(A, Y, name="L"))


@final
class SoftmaxClassifier:
    """A network that gives every example a probability for each of sizes[-1] classes.

    `graph` shows Softmax and CrossEntropyLoss as separate nodes; `fused`, for training, has them as one node, whose
    gradient dZ = (A - Y) / m is exact for every Z. `hidden` is "tanh" or "relu". `params` may be replaced.

    >>> net = SoftmaxClassifier(sizes=(2, 4, 3), hidden="relu")
    >>> net.probabilities([[0.5, 1.0], [0.0, 2.0]]).shape
    (3, 2)
    """

    def __init__(
        self, sizes: Sequence[int] = (2, 4, 3), hidden: Literal["tanh", "relu"] = "tanh", seed: int = 0
    ) -> None:
        self.sizes = checked_sizes(sizes)
        if str(hidden) not in HIDDEN:
            raise ValueError(f"hidden is one of {', '.join(HIDDEN)}, not {hidden!r}")
        self.graph = build(self.sizes, HIDDEN[hidden])
        self.fused = self.graph.fuse()
        self.params: dict[str, Array] = self.graph.initialize(seed)
        self._output = f"A{len(sizes) - 1}"
        self._prediction = cr.Graph(self.graph[self._output])

    def __repr__(self) -> str:
        return in_one_line(self, "-".join(map(str, self.sizes)), self.params)

    def probabilities(self, X: ArrayLike) -> Array:
        """Return one column of probabilities for each column of X."""
        return np.asarray(self._prediction.forward({**self.params, "A0": X}).values[self._output])

    def predict(self, X: ArrayLike) -> NDArray[np.int_]:
        """Return the likeliest class of each column of X, as a flat array; the first one where several tie."""
        return np.asarray(self.probabilities(X).argmax(axis=0))
