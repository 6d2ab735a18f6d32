"""The matrix products of a network and nothing else: what no plan of its gradients can be faster than."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from comparison.peers import Feeds

from chainrule.plan.blas import holding, product


def bare_products(feeds: Feeds) -> Callable[[], None]:
    """The matrix products of forward and backward and nothing else; the other factors are any numbers.

    BLAS is held as a plan holds it: its own threads, woken after a pause, took five times as long as one.
    """
    rng, m = np.random.default_rng(1), feeds["A0"].shape[1]
    W1, W2, W3, A0 = (feeds[name] for name in ("W1", "W2", "W3", "A0"))

    def some(rows: int) -> Any:
        return rng.random((rows, m), dtype=A0.dtype)

    A1, A2, Z1, Z2, Z3 = some(len(W1)), some(len(W2)), some(len(W1)), some(len(W2)), some(len(W3))
    dW1, dW2, dW3, dA1, dA2 = (np.empty_like(array) for array in (W1, W2, W3, Z1, Z2))

    def products() -> None:
        product(W1, A0, Z1), product(W2, A1, Z2), product(W3, A2, Z3)
        product(Z3, A2.T, dW3), np.multiply(W3.T, Z3, out=dA2)
        product(Z2, A1.T, dW2), product(W2.T, Z2, dA1)
        product(Z1, A0.T, dW1)

    return holding(products)
