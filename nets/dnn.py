"""The deep network with sigmoid layers for two classes, 2-3-3-1 unless told otherwise, and all of its gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

import chainrule as cr

from .counts import checked_kind, checked_sizes, in_one_line

Array = NDArray[Any]


def build(sizes: Sequence[int], hidden: type[cr.Node] = cr.Sigmoid) -> cr.Graph:
    """Return the graph A0 → Z1 → A1 → ... → An → L, with one layer of the drawing for each layer of the network.

    The examples are the columns of A0, of shape (sizes[0], m); Y holds one label, 0 or 1, for each entry of An.
    """
    A: cr.Node = cr.Input("A0", shape=(sizes[0], "m"))
    Y = cr.Input("Y", shape=(sizes[-1], "m"))
    last = len(sizes) - 1
    for layer in range(1, last + 1):
        with cr.layer(f"Layer {layer}"):
            W = cr.Parameter(f"W{layer}", shape=(sizes[layer], sizes[layer - 1]))
            B = cr.Parameter(f"B{layer}", shape=(sizes[layer], 1))
            Z = cr.Add(cr.MatMul(W, A), B, name=f"Z{layer}")
            activation = cr.Sigmoid if layer == last else hidden
            A = activation(Z, name=f"A{layer}")
    return cr.Graph(cr.BCELoss(A, Y, name="L"))


@final
class DNN:
    """A network for two classes: `sizes` counts the rows of the input, of every hidden layer and of the output.

    `graph` is the network as it is drawn and derived, with Sigmoid and BCELoss as separate nodes. `fused` is the graph
    that gradients are computed with and that `nets.train` should be given: the last Sigmoid and the loss are one node
    there, so that dZ is still exact where An has rounded to 0 or 1. `params` holds "W1", "B1", ... and may be replaced.

    `hidden` is the node class of the hidden layers, such as `chainrule.Tanh`; the output is always a sigmoid.

    >>> net = DNN(sizes=(2, 4, 1), seed=1)
    >>> out, cache = net.forward([[0.5, -1.0, 2.0], [1.0, 0.0, -0.5]])
    >>> out.shape, cache["Z1"].shape
    ((1, 3), (4, 3))
    >>> grads = net.compute_gradients(out, cache, Y=[[1, 0, 1]])
    >>> list(grads)
    ['Z2', 'W2', 'B2', 'A1', 'Z1', 'W1', 'B1']
    """

    def __init__(self, sizes: Sequence[int] = (2, 3, 3, 1), seed: int = 0, hidden: type[cr.Node] = cr.Sigmoid) -> None:
        self.sizes = checked_sizes(sizes)
        checked_kind(hidden, type, "hidden is a class of nodes, such as chainrule.Tanh")
        self.graph = build(self.sizes, hidden)
        self.fused = self.graph.fuse()
        self.params: dict[str, Array] = self.graph.initialize(seed)
        self._prediction = cr.Graph(self.graph[f"A{self.depth}"])

    def __repr__(self) -> str:
        return in_one_line(self, "-".join(map(str, self.sizes)), self.params)

    @property
    def depth(self) -> int:
        """The number of layers with weights."""
        return len(self.sizes) - 1

    def forward(self, X: ArrayLike) -> tuple[Array, dict[str, Array]]:
        """Return the output and a cache of every matrix on the way: "A0", and "W1", "B1", "Z1", "A1", ...

        X has one example per column, (sizes[0], m). The output has shape (sizes[-1], m). The cache belongs to the
        parameters as they are now: change them afterwards by putting new arrays into `params`, not inside the old ones.
        """
        run = self._prediction.forward({**self.params, "A0": X})
        inside = [f"{letter}{layer}" for layer in range(1, self.depth + 1) for letter in "WBZA"]
        cache = {name: np.asarray(run.values[name]) for name in ("A0", *inside)}
        return cache[f"A{self.depth}"], cache

    def compute_gradients(self, out: Array, cache: Mapping[str, Array], Y: ArrayLike) -> dict[str, Array]:
        """Return the gradients "Z3", "W3", "B3", "A2", ..., "Z1", "W1", "B1", from the last layer to the first.

        "Zl" and "Al" are per example (dZ3 = A3 - Y), "Wl" and "Bl" averages over the m examples: the convention of
        `nets.gradients_by_hand`. The engine differentiates the mean loss, so its own dZ and dA are m times smaller.

        `out` and `cache` come from `forward`; ValueError if they do not belong together. Y is (sizes[-1], m).
        """
        checked_kind(cache, Mapping, "cache is a dict, as forward returned it")
        computed = cache.get(f"A{self.depth}")
        if computed is None or not np.array_equal(out, computed, equal_nan=True):
            raise ValueError(f"out is not the A{self.depth} of this cache: give both as forward returned them")
        run = self.fused.forward({name: cache[name] for name in ("A0", *self.params)} | {"Y": Y})
        gradients, m = run.backward(), cache["A0"].shape[1]
        names = [f"{letter}{layer}" for layer in range(self.depth, 0, -1) for letter in "AZWB"][1:]  # all but dA3
        return {name: np.asarray(gradients[name] * m if name[0] in "ZA" else gradients[name]) for name in names}

    def predict(self, X: ArrayLike) -> NDArray[np.int_]:
        """Return the likelier label of every example, 1 where the output is at least 0.5, of shape (sizes[-1], m)."""
        out, _ = self.forward(X)
        return (out >= 0.5).astype(int)
