"""Formulas that are wrong and nearly right, made by a generator: none of them may be called right."""

import nearly_right
import numpy as np
import pytest

import chainrule as cr

GRAPHS = nearly_right.graphs()
COUNT = 5  # for each graph; any number of them by hand


@pytest.mark.parametrize("name", GRAPHS)
def test_what_is_nearly_right_is_wrong(name):
    graph = GRAPHS[name]
    rng = np.random.default_rng(len(name))
    made = nearly_right.nearly_right(graph, rng, COUNT)
    called_right = [(kind, line, text) for kind, line, text in made if graph.check({line: text}).ok]
    assert called_right == []


def test_a_bound_at_twenty_is_met():
    assert not GRAPHS["tanh"].check({"dZ2": "(A2 - Y) * (Z2 < 20)"}).ok
    assert not GRAPHS["softplus"].check({"Z2": "W2 @ np.minimum(A1, 20) + b2"}).ok


@pytest.mark.parametrize("name", ["relu", "tanh", "softplus"])
@pytest.mark.parametrize("bound", [10, 300, 5000])
def test_a_bound_on_a_gradient_is_met_however_large_it_is(name, bound):
    lines = {"dW1": "dZ1 @ X.T", "dW2": "dZ2 @ A1.T", "db2": "dZ2.sum(axis=1, keepdims=True)", "dA1": "W2.T @ dZ2"}
    for line, text in lines.items():
        assert GRAPHS[name].check({line: text}).ok
        for form in ("np.clip({0}, -{1}, {1})", "np.minimum({0}, {1})", "np.maximum({0}, -{1})"):
            assert not GRAPHS[name].check({line: form.format(text, bound)}).ok


def test_what_drowns_in_its_own_rounding_is_not_right():
    assert not GRAPHS["tanh"].check({"dZ2": "1.0001 * (A2 - Y) + 1e13 * A2 - 1e13 * A2"}).ok


def test_a_line_that_uses_what_two_gradients_have_in_common_is_right():
    p, q = cr.Parameter("p", (3,)), cr.Parameter("q", (3,))
    graph = cr.Graph(cr.Sum(cr.Square(cr.Add(p, q, name="s")), name="L"))
    assert graph.check({"dq": "dp"}).ok
    assert not graph.check({"dq": "np.clip(dp, -50, 50)"}).ok


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dZ2", "np.where(Y > 0.5, -(1 - A2), A2)"),
        ("dZ1", "dA1 / np.cosh(Z1) ** 2"),
        ("dZ1", "dA1 * 4 * np.exp(-2 * np.abs(Z1)) / (1 + np.exp(-2 * np.abs(Z1))) ** 2"),
        ("dZ1", "dA1 * -np.expm1(np.log(A1 ** 2))"),
        ("dW2", "np.einsum('ij,kj->ik', dZ2, A1, optimize=True) / m"),
        ("dW2", "np.mean(dZ2[:, None, :] * A1[None], axis=2)"),
        ("db1", "np.average(dZ1, axis=1)[:, np.newaxis]"),
        ("A2", "np.exp(-np.logaddexp(0, -Z2))"),
        ("A2", "0.5 * (1 + np.tanh(Z2 / 2))"),
        ("J", "np.mean(np.logaddexp(0, Z2) - Y * Z2)"),
    ],
)
def test_another_way_to_compute_the_same_is_right_on_far_data_too(name, text):
    assert GRAPHS["tanh"].check({name: text}).ok
