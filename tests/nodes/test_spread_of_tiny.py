"""A length or a deviation that is 0 has the slope 0, also where it is 0 because squares of tiny numbers are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

X = cr.Input("X", (2, "m"))


@pytest.mark.parametrize(
    "spread",
    [lambda: cr.Norm(X), lambda: cr.Norm(X, axis=0), lambda: cr.Std(X, axis=1, keepdims=True), lambda: cr.Std(X)],
)
def test_where_a_length_is_0_its_slope_is_0(spread: Any) -> None:
    graph = cr.Graph(cr.Sum(spread(), name="L"))
    for size in (0.0, 1e-300, 1e-170):
        feeds = {"X": size * np.array([[1.0, -2.0, 0.5], [0.3, 0.7, -1.0]])}
        loss, gradients = graph.compile(["X"])(feeds)
        run = graph.forward(feeds)
        assert loss == run.loss == 0
        assert not run.backward()["X"].any()
        assert not gradients["X"].any()
