"""The gradients of a sigmoid network, derived on paper and written in NumPy alone.

The network, layer l = 1 ... n, with the examples as the m columns of A0 = X:

    Zl = Wl A(l-1) + Bl        Bl is added to every column
    Al = σ(Zl)                 σ(z) = 1 / (1 + exp(-z))
    L  = -[Y log An + (1 - Y) log(1 - An)], summed over rows, averaged over the m columns

Below, dX stands for the gradient of the loss of *one column* with respect to X, column by column.

1. Output. ∂L/∂An = -Y/An + (1 - Y)/(1 - An), and σ′(z) = σ(z)(1 - σ(z)), so ∂An/∂Zn = An(1 - An). The product is
   dZn = -Y(1 - An) + (1 - Y)An = An - Y: the denominators cancel.
2. Weights. Entry (i, j) of Wl meets only row j of A(l-1) and only row i of Zl. Summed over the columns,
   dWl[i, j] = Σ_c dZl[i, c] A(l-1)[j, c] / m, which is dWl = dZl A(l-1)ᵀ / m.
3. Biases. Entry i of Bl is added to row i in every column: dBl = (sum of dZl over the columns) / m.
4. Inputs. Entry (j, c) of A(l-1) feeds all rows of Zl in column c through column j of Wl:
   dA(l-1)[j, c] = Σ_i Wl[i, j] dZl[i, c], which is dA(l-1) = Wlᵀ dZl.
5. Hidden layers. σ acts entry by entry: dZl = dAl * Al * (1 - Al). Then 2, 3, 4 again, down to layer 1.
   dA0 is not needed: the input is data.

Where 1/m stands: here dZ and dA belong to single columns, and the mean is taken where columns are added up, in dW and
dB. An engine that differentiates the mean L itself has the 1/m in every dZ and dA from the start. So dW and dB agree as
they are; the engine's dZ and dA are these divided by m, and these are the engine's multiplied by m.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]


def sigmoid(z: Array) -> Array:
    """Return 1 / (1 + exp(-z)) for every entry, exact to the last digits and without overflow at any z.

    With E = exp(-|z|), which is never above 1, σ(z) = 1 / (1 + E) for z ≥ 0 and E / (1 + E) for z < 0. The number
    1 - σ(z) is best had as `sigmoid(-z)`: subtracting from 1 loses every digit once σ(z) rounds to 1, at z near 37.

    >>> sigmoid(np.array([-1000.0, 0.0, 40.0])), sigmoid(np.array([-40.0]))
    (array([0. , 0.5, 1. ]), array([4.24835426e-18]))
    """
    E: Array = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, E) / (1 + E)


def forward_by_hand(params: Mapping[str, ArrayLike], X: ArrayLike) -> dict[str, Array]:
    """Return every matrix of the forward pass: "A0" (the input) and "W1", "B1", "Z1", "A1", ... up to the last layer.

    `params` holds "W1", "B1", "W2", "B2", ... with W of shape (rows out, rows in) and B of shape (rows out, 1); their
    number decides the number of layers. `X` has one example per column.
    """
    cache = {name: _floating(value) for name, value in params.items()}
    cache["A0"] = _floating(X)
    for layer in range(1, layer_count(params) + 1):
        W, B, A = cache[f"W{layer}"], cache[f"B{layer}"], cache[f"A{layer - 1}"]
        cache[f"Z{layer}"] = W @ A + B
        cache[f"A{layer}"] = sigmoid(cache[f"Z{layer}"])
    return cache


def gradients_by_hand(params: Mapping[str, ArrayLike], X: ArrayLike, Y: ArrayLike) -> dict[str, Array]:
    """Return the gradients of the sigmoid network with binary cross-entropy, as derived at the top of this file.

    The keys are, for three layers and in this order, "Z3", "W3", "B3", "A2", "Z2", "W2", "B2", "A1", "Z1", "W1", "B1".
    "Zl" and "Al" are per column (dZ3 = A3 - Y); "Wl" and "Bl" are averages over the m columns. Multiply by m what an
    engine gives for "Zl" and "Al" under the mean loss to get these; "Wl" and "Bl" are the same in both.

    A - Y and dA * A * (1 - A) are computed by `output_minus_labels` and `through_sigmoid`: equal on paper, and on a
    computer still right where A rounds to 1.

    `Y` must have the shape of the last activation; ValueError otherwise, since NumPy would stretch it silently.

    >>> params = {"W1": [[1.0, -1.0]], "B1": [[0.0]]}
    >>> gradients_by_hand(params, X=[[0.0, 2.0], [0.0, 2.0]], Y=[[1, 0]])
    {'Z1': array([[-0.5,  0.5]]), 'W1': array([[0.5, 0.5]]), 'B1': array([[0.]])}
    """
    cache, last = forward_by_hand(params, X), layer_count(params)
    Y = _labels(Y, cache[f"A{last}"])
    m = Y.shape[1]
    grads: dict[str, Array] = {}
    for layer in range(last, 0, -1):
        Z, W, A = cache[f"Z{layer}"], cache[f"W{layer}"], cache[f"A{layer - 1}"]
        if layer == last:
            dZ = output_minus_labels(Z, Y)  # A - Y
        else:
            dZ = through_sigmoid(grads[f"A{layer}"], Z)  # dA * A * (1 - A)
        grads[f"Z{layer}"] = dZ
        grads[f"W{layer}"] = dZ @ A.T / m
        grads[f"B{layer}"] = dZ.sum(axis=1, keepdims=True) / m
        if layer > 1:
            grads[f"A{layer - 1}"] = W.T @ dZ
    return grads


def output_minus_labels(Z: Array, Y: Array) -> Array:
    """Return A - Y, where A = σ(Z): what dZ of the last layer is on paper, with every digit that it has.

    Where A is near 1 and Y is 1, A - Y subtracts two numbers that agree, and nothing is left of -σ(-Z) once A rounds to
    1. So A is taken for the share of Y that is 0, and 1 - A for the share that is 1: (1 - Y) A - Y (1 - A) = A - Y.

    >>> Z, Y = np.array([[40.0, 0.0]]), np.array([[1.0, 1.0]])
    >>> sigmoid(Z) - Y, output_minus_labels(Z, Y)
    (array([[ 0. , -0.5]]), array([[-4.24835426e-18, -5.00000000e-01]]))
    """
    return (1 - Y) * sigmoid(Z) - Y * sigmoid(-Z)


def through_sigmoid(dA: Array, Z: Array) -> Array:
    """Return dA * A * (1 - A), where A = σ(Z), with 1 - A as σ(-Z): it keeps its digits where A rounds to 1."""
    return dA * sigmoid(Z) * sigmoid(-Z)


def layer_count(params: Mapping[str, ArrayLike]) -> int:
    """Return how many layers the parameters describe; ValueError unless they are W1, B1, ..., Wn, Bn exactly.

    >>> layer_count({"W1": 0.0, "B1": 0.0, "W2": 0.0, "B2": 0.0})
    2
    """
    n = len(params) // 2
    expected = {f"{letter}{layer}" for letter in "WB" for layer in range(1, n + 1)}
    if not n or set(params) != expected:
        raise ValueError(f"parameters W1, B1, W2, B2, ... without a gap are needed, not {', '.join(params) or 'none'}")
    return n


def _floating(value: ArrayLike) -> Array:
    """Return an array of at least float32: numbers, lists and integers become float64."""
    array = np.asarray(value)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def _labels(Y: ArrayLike, prediction: Array) -> Array:
    """Return the labels in the dtype of the prediction, refusing every other shape."""
    labels = np.asarray(Y, dtype=prediction.dtype)
    if labels.shape != prediction.shape:
        raise ValueError(f"Y has shape {labels.shape}, and the last activation {prediction.shape}: they must agree")
    return labels
