"""Rules that drop the imaginary part are judged by differences, also where gradients differ by orders of magnitude."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.checking.analytic import Analytic

FEEDS = {"X": np.random.default_rng(0).normal(size=(3, 4)) * [1.0, 1e-2, 1e-4, 1e-5], "W": [[1.1, -0.7, 0.4]]}


class Gauge(cr.Node):
    """|x| by a way of its own."""

    def forward(self, x: Any) -> Any:
        return np.linalg.norm(x[None], axis=0)

    def backward(self, grad: Any, y: Any, x: Any) -> tuple[Any]:
        return (grad * np.sign(x),)


class Spread(cr.Node):
    """The variance of the entries, by the method of arrays."""

    def forward(self, x: Any) -> Any:
        return x.var()

    def backward(self, grad: Any, y: Any, x: Any) -> tuple[Any]:
        return (2 * grad * (x - x.mean()) / x.size,)


@pytest.mark.parametrize(
    "rule",
    [
        cr.Abs,
        cr.Softsign,
        Gauge,
        Spread,
        lambda z: cr.Power(cr.Abs(z), 1.5),
        lambda z: cr.Multiply(cr.Sign(z), z),
        lambda z: cr.L1Loss(z, cr.Multiply(z, 0.0), reduction="none"),
    ],
)
def test_a_right_gradient_of_small_entries_is_not_called_wrong(rule: Any) -> None:
    """The tanh beside it lets the complex step see a part of the slope, and large entries hide what it lacks."""
    z = cr.MatMul(cr.Parameter("W", (1, 3)), cr.Input("X", (3, "m")), name="z")
    graph = cr.Graph(cr.Add(cr.Sum(cr.Square(rule(z))), cr.Mean(cr.Tanh(z)), name="L"))
    for seed in range(4):
        feeds = {**FEEDS, "X": np.random.default_rng(seed).permuted(FEEDS["X"], axis=1)}
        report = graph.check_gradients(feeds)
        assert report.ok, report


def test_numbers_of_the_complex_step_stay_such() -> None:
    x = np.array([[1 + 1e-30j, -2.0], [0.5, 3.0]]).view(Analytic)
    for result in (np.where(x.real > 0, x, -x), np.sum(x), x @ x, np.concatenate([x, x]), x[0, 0] * 2, np.sort(x)):
        assert isinstance(result, Analytic)
    total = np.zeros_like(x)
    np.add.at(total, 0, x[1])
    assert total.tolist() == [[0.5, 3], [0, 0]]
    assert not isinstance(np.isfinite(x), Analytic)
    for dropping in (np.abs, np.sign, np.linalg.norm, np.var, np.std, np.angle):
        with pytest.raises(TypeError, match="not analytic"):
            dropping(x)
