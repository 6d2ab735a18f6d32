"""The matrix products of a network and nothing else: what no way of computing its gradients can be faster than."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from comparison.peers import Feeds


def bare_products(feeds: Feeds) -> Callable[[], None]:
    """The matrix products of forward and backward and nothing else; the other factors are any numbers."""
    rng, m = np.random.default_rng(1), feeds["A0"].shape[1]
    W1, W2, W3, A0 = (feeds[name] for name in ("W1", "W2", "W3", "A0"))

    def some(rows: int) -> Any:
        return rng.random((rows, m), dtype=A0.dtype)

    A1, A2, Z1, Z2, Z3 = some(len(W1)), some(len(W2)), some(len(W1)), some(len(W2)), some(len(W3))
    dW1, dW2, dW3, dA1, dA2 = (np.empty_like(array) for array in (W1, W2, W3, Z1, Z2))

    def products() -> None:
        W1.dot(A0, out=Z1), W2.dot(A1, out=Z2), W3.dot(A2, out=Z3)
        Z3.dot(A2.T, out=dW3), np.multiply(W3.T, Z3, out=dA2)
        Z2.dot(A1.T, out=dW2), W2.T.dot(Z2, out=dA1)
        Z1.dot(A0.T, out=dW1)

    return products
