"""A tiny attention model that learns to copy: behind a sequence and a sign it says the sequence once more."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

import chainrule as cr

from .counts import checked_counts, in_one_line

Array = NDArray[Any]


def build(symbols: int, length: int, width: int) -> cr.Graph:
    """Return the graph tokens → their vectors and places → attention → scores of the next token → L.

    A row of tokens is a sequence, the sign, and the sequence again but for its last symbol: ``2 * length`` places. Only
    what is said behind the sign counts: other places have no label.

    >>> [build(symbols=5, length=4, width=16)[name].shape for name in ("X", "Y1", "Z", "L")]
    [(m, 8, 16), (m, 8, 16), (m, 8, 6), ()]
    """
    places, tokens = 2 * length, symbols + 1  # the last token is the sign
    ids = cr.Input("ids", shape=("m", places), dtype=int)
    Y = cr.Input("Y", shape=("m", places, tokens))
    with cr.layer("Input"):
        E = cr.Parameter("E", shape=(tokens, width), init="normal")  # row k is the vector of token k
        P = cr.Parameter("P", shape=(places, width), init="normal")  # row t is the vector of place t
        X = cr.Add(cr.Gather(E, ids, axis=0), P, name="X")
    with cr.layer("Attention"):
        Wq, Wk, Wv = (cr.Parameter(name, shape=(width, width)) for name in ("Wq", "Wk", "Wv"))
        earlier = np.tri(places, dtype=bool)  # nobody looks at what is still to come
        Y1 = cr.Attention(X @ Wq, X @ Wk, X @ Wv, mask=earlier, name="Y1")
    with cr.layer("Next token"):
        scale, shift = cr.Parameter("scale", shape=(width,)), cr.Parameter("shift", shape=(width,))
        N = cr.LayerNorm(Y1, scale, shift, name="N")
        W, b = cr.Parameter("W", shape=(width, tokens)), cr.Parameter("b", shape=(1, 1, tokens))
        Z = cr.Add(N @ W, b, name="Z")
    return cr.Graph(cr.SoftmaxCrossEntropyLoss(Z, Y, classes=-1, ignore_unlabelled=True, name="L"))


@final
class Copier:
    """A model with one attention that continues ``3 1 4 1 |`` by ``3 1 4 1``.

    To say the symbol number t of the copy, a place has to look ``length`` places back, and to pass on what it finds
    there. Nobody tells it so: it is found by gradient descent on random sequences.

    >>> copier = Copier(symbols=5, length=4)
    >>> copier.continued([[3, 1, 4, 1]]).shape
    (1, 4)
    """

    def __init__(self, symbols: int = 8, length: int = 6, width: int = 32, seed: int = 0) -> None:
        checked_counts(symbols=symbols, length=length, width=width)
        self.symbols, self.length = symbols, length
        self.graph = build(symbols, length, width)
        self.params: dict[str, Array] = self.graph.initialize(seed)
        self._scores = cr.Graph(self.graph["Z"])

    def __repr__(self) -> str:
        return in_one_line(self, f"of {self.length} out of {self.symbols} symbols", self.params)

    def feeds(self, sequences: ArrayLike) -> dict[str, Array]:
        """The tokens to read and the labels of what is to be said behind each, 0 where nothing is asked."""
        asked = np.asarray(sequences)
        signs = np.full((len(asked), 1), self.symbols)
        ids = np.concatenate([asked, signs, asked[:, :-1]], axis=1)
        labels = np.zeros((*ids.shape, self.symbols + 1))
        labels[:, self.length :] = np.eye(self.symbols + 1)[asked]
        return {"ids": ids, "Y": labels}

    def random(self, count: int, seed: int) -> Array:
        """Random sequences, one to a row."""
        return np.random.default_rng(seed).integers(self.symbols, size=(count, self.length))

    def train(self, sequences: ArrayLike, epochs: int = 10, seed: int = 0) -> cr.History:
        """Learn to copy sequences, one to a row, in batches of 64; returns how the loss went."""
        data, optimizer = self.feeds(sequences), cr.Adam(rate=0.01)
        history = cr.train(
            self.graph, self.params, data, optimizer=optimizer, epochs=epochs, batch_size=64, seed=seed, progress=False
        )
        self.params = history.params
        return history

    def continued(self, sequences: ArrayLike) -> Array:
        """What the model says behind each sequence and the sign, every symbol read before the next is said."""
        asked = np.asarray(sequences)
        said = np.zeros((len(asked), self.length), dtype=int)
        for t in range(self.length):
            ids = self.feeds(asked)["ids"]
            ids[:, self.length + 1 :] = said[:, :-1]  # what it has said itself, not what it should have said
            scores = self._scores.forward({**self.params, "ids": ids})["Z"]
            said[:, t] = scores[:, self.length + t, : self.symbols].argmax(axis=1)
        return said

    def accuracy(self, sequences: ArrayLike) -> float:
        """Return the share of symbols that are copied right."""
        return float(np.mean(self.continued(sequences) == np.asarray(sequences)))


def main() -> None:
    """Train on random sequences, and say how many symbols of others are copied right."""
    copier = Copier()
    history = copier.train(copier.random(4000, seed=1))
    share = copier.accuracy(copier.random(500, seed=2))
    print(f"loss {history.losses[-1]:.4f}, {share:.1%} of the symbols of 500 new sequences are copied right")


if __name__ == "__main__":
    main()
