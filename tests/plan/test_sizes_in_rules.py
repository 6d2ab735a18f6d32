"""Rules that compute, loop and decide with the number of columns: their plans are their runs, for odd numbers, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr


class Halved(cr.Node):
    """x over one more than half of the columns."""

    def forward(self, x: Any) -> Any:
        return x / (1 + x.shape[1] // 2)

    def backward(self, grad: Any, y: Any, x: Any) -> tuple[Any]:
        return (grad / (1 + x.shape[1] // 2),)


class RoundedUp(cr.Node):
    """x times half of the columns, rounded up."""

    def forward(self, x: Any) -> Any:
        return x * -(-x.shape[1] // 2)

    def backward(self, grad: Any, y: Any, x: Any) -> tuple[Any]:
        return (grad * -(-x.shape[1] // 2),)


class FirstHalf(cr.Node):
    """The first half of the columns, rounded down."""

    def forward(self, x: Any) -> Any:
        return x[:, : x.shape[1] // 2]

    def backward(self, grad: Any, y: Any, x: Any) -> tuple[Any]:
        dx = np.zeros_like(x)
        dx[:, : x.shape[1] // 2] = grad
        return (dx,)


class Looped(cr.Node):
    """Column after column, each times its number."""

    def forward(self, x: Any) -> Any:
        return np.stack([x[:, j] * (j + 1) for j in range(x.shape[1])], axis=1)

    def backward(self, grad: Any, y: Any, x: Any) -> tuple[Any]:
        return (grad * np.arange(1, x.shape[1] + 1),)


class Decided(cr.Node):
    """x times what the number of columns decides."""

    def forward(self, x: Any) -> Any:
        return x * (2 if x.shape[1] > 3 else 5) * min(x.shape[1], 4)

    def backward(self, grad: Any, y: Any, x: Any) -> tuple[Any]:
        return (grad * (2 if x.shape[1] > 3 else 5) * min(x.shape[1], 4),)


class Remaining(cr.Node):
    """x times one more than the columns modulo 3."""

    def forward(self, x: Any) -> Any:
        return x * (1 + x.shape[1] % 3)

    def backward(self, grad: Any, y: Any, x: Any) -> tuple[Any]:
        return (grad * (1 + x.shape[1] % 3),)


class Told(cr.Node):
    """x times 7 where there are three columns, or as many columns as rows."""

    def forward(self, x: Any) -> Any:
        return x * (7 if x.shape[1] == 3 or x.shape[0] == x.shape[1] else 2)

    def backward(self, grad: Any, y: Any, x: Any) -> tuple[Any]:
        return (grad * (7 if x.shape == (2, 3) or x.shape[1] in (1 + 1, x.shape[0]) else 2),)


class Single(cr.Node):
    """x times 5 where there is one column."""

    def forward(self, x: Any) -> Any:
        return x * 5 if x.shape[-1] == 1 else x

    def backward(self, grad: Any, y: Any, x: Any) -> tuple[Any]:
        return (grad * 5 if 1 in x.shape else grad,)


class LookedUp(cr.Node):
    """x times what a table and a set say of the number of columns."""

    def forward(self, x: Any) -> Any:
        return x * {1: 5.0, 3: 7.0}.get(x.shape[1], 2.0)

    def backward(self, grad: Any, y: Any, x: Any) -> tuple[Any]:
        return (grad * (5.0 if x.shape in {(2, 1), (3, 1)} else 7.0 if x.shape[1] in frozenset((3, 9)) else 2.0),)


class Several(cr.Node):
    """x times 3 where there is more than one column."""

    def forward(self, x: Any) -> Any:
        return x * 3 if x.shape[1] - 1 else x

    def backward(self, grad: Any, y: Any, x: Any) -> tuple[Any]:
        return (grad if not x.shape[1] - 1 else grad * 3,)


RULES = [Halved, RoundedUp, FirstHalf, Looped, Decided, Remaining, Told, Single, LookedUp, Several]


@pytest.mark.parametrize("rule", RULES)
def test_a_plan_is_its_run(rule: type[cr.Node]) -> None:
    z = cr.MatMul(cr.Parameter("W", (2, 3)), cr.Input("X", (3, "m")), name="Z")
    graph = cr.Graph(cr.Sum(cr.Square(rule(z, name="S")), name="L"))
    assert graph["S"].shape == (None if rule is FirstHalf else z.shape)
    plan = graph.compile(["W", "Z"])
    for m in (1, 2, 3, 5, 6):
        feeds = {"W": [[1.0, 0.5, -1], [0, 2, 1]], "X": np.random.default_rng(m).normal(size=(3, m))}
        run = graph.forward(feeds)
        right = run.backward()
        loss, gradients = plan(feeds)
        np.testing.assert_allclose(loss, run.loss, rtol=1e-14)
        for name in gradients:
            np.testing.assert_allclose(gradients[name], right[name], rtol=1e-13, atol=1e-15)
    assert graph.check_gradients(feeds).ok


def test_a_size_over_another_beside_nodes_leaves_no_fraction() -> None:
    x = cr.Input("X", (3, "m"))
    for count, half in ((5, 2), (6, 3)):
        assert cr.Graph(cr.Sum(x) * (x.shape[1] // 2)).forward({"X": np.ones((3, count))}).loss == 3 * count * half
    halves = cr.Graph(x.reshape(3, 2, x.shape[1] // 2).relabel("h", like=x), watch=[x[:, x.shape[1] // 2 :]])
    assert halves.forward({"X": np.ones((3, 6))})["h"].shape == (3, 2, 3)
    with pytest.raises(cr.errors.RuleError, match="m/2 is 5/2 for"):
        halves.forward({"X": np.ones((3, 5))})
