"""A network whose input is learned: every word has a column of numbers, and training moves these columns too."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

import chainrule as cr

from .counts import checked_counts, in_one_line

Array = NDArray[Any]


def build(words: int, dimensions: int) -> cr.Graph:
    """Return the graph ids → A0 (their columns in the table E) → Z1 → softmax over all words → L."""
    ids = cr.Input("ids", shape=("m",), dtype=int)
    Y = cr.Input("Y", shape=(words, "m"))
    with cr.layer("Embedding"):
        E = cr.Parameter("E", shape=(dimensions, words), init="normal")  # column k belongs to word k
        A0 = cr.Gather(E, ids, axis=1, name="A0")
    with cr.layer("Layer 1"):
        W1 = cr.Parameter("W1", shape=(words, dimensions))
        B1 = cr.Parameter("B1", shape=(words, 1))
        Z1 = cr.Add(cr.MatMul(W1, A0), B1, name="Z1")
        A1 = cr.Softmax(Z1, axis=0, name="A1")
    return cr.Graph(cr.CrossEntropyLoss(A1, Y, name="L"))


@final
class WordEmbedding:
    """A network that guesses the next word from one word, words being numbers from 0 to words - 1.

    In the networks of the other files A0 is data, and its gradient is not needed. Here A0 is looked up in the parameter
    E, so the gradient goes one step further: each column of dA0 is added to the column of dE that it was taken from.
    A word that occurs three times gets three contributions, one that does not occur gets none and stays where it is.

    Labels are one-hot columns of the words that followed (`nets.one_hot`). `fused` is the graph to train.

    >>> net = WordEmbedding(words=5, dimensions=2)
    >>> net.params["E"].shape, net.predict([4, 0, 4]).shape
    ((2, 5), (3,))
    """

    def __init__(self, words: int, dimensions: int = 2, seed: int = 0) -> None:
        checked_counts(words=words, dimensions=dimensions)
        self.words = words
        self.graph = build(words, dimensions)
        self.fused = self.graph.fuse()
        self.params: dict[str, Array] = self.graph.initialize(seed)
        self._prediction = cr.Graph(self.graph["A1"])

    def __repr__(self) -> str:
        return in_one_line(self, f"of {self.words} words", self.params)

    def predict(self, ids: ArrayLike) -> NDArray[np.int_]:
        """Return the likeliest next word for each word, as a flat array."""
        run = self._prediction.forward({**self.params, "ids": ids})
        return np.asarray(run.values["A1"].argmax(axis=0))
