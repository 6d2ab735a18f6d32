"""A loss with a part that examples do not enter is judged in both conventions, as courses write its gradients."""

import numpy as np
import pytest
from numpy_networks import NETWORKS, regularized

import chainrule as cr

PER_EXAMPLE = {
    "dZ2": "A2 - Y",
    "dW2": "dZ2 @ A1.T / m + lambd / m * W2",
    "dB2": "np.sum(dZ2, axis=1, keepdims=True) / m",
    "dA1": "W2.T @ dZ2",
    "dZ1": "dA1 * (1 - A1**2)",
    "dW1": "1. / m * np.dot(dZ1, A0.T) + (lambd * W1) / m",
    "dB1": "1. / m * np.sum(dZ1, axis=1, keepdims=True)",
}
MEAN = {
    "dZ2": "(A2 - Y) / m",
    "dW2": "dZ2 @ A1.T + lambd / m * W2",
    "dB2": "np.sum(dZ2, axis=1, keepdims=True)",
    "dA1": "W2.T @ dZ2",
    "dZ1": "dA1 * (1 - A1**2)",
    "dW1": "np.dot(dZ1, A0.T) + (lambd * W1) / m",
    "dB1": "np.sum(dZ1, axis=1, keepdims=True)",
}


def lines(formulas, lambd=0.1):
    return {name: text.replace("lambd", str(lambd)) for name, text in formulas.items()}


def network():
    A0, Y = cr.Input("A0", (2, "m")), cr.Input("Y", (1, "m"))
    W1, B1 = cr.Parameter("W1", (3, 2)), cr.Parameter("B1", (3, 1))
    W2, B2 = cr.Parameter("W2", (1, 3)), cr.Parameter("B2", (1, 1))
    A1 = cr.Tanh(cr.Add(W1 @ A0, B1, name="Z1"), name="A1")
    A2 = cr.Sigmoid(cr.Add(W2 @ A1, B2, name="Z2"), name="A2")
    penalty = 0.1 / (2 * A0.shape[1]) * cr.Sum(cr.Square(W1)) + 0.1 / (2 * A0.shape[1]) * cr.Sum(cr.Square(W2))
    return cr.Graph(cr.Add(cr.BCELoss(A2, Y), penalty, name="L"))


@pytest.mark.parametrize("convention", ["auto", "per-example"])
def test_the_lines_of_a_course_are_right_per_example(convention):
    report = network().check(lines(PER_EXAMPLE), convention=convention)
    assert (report.ok, report.convention) == (True, "per-example")


@pytest.mark.parametrize("convention", ["auto", "mean"])
def test_the_lines_of_the_mean_are_right(convention):
    report = network().check(lines(MEAN), convention=convention)
    assert (report.ok, report.convention) == (True, "mean")


def test_lines_in_the_other_convention_are_wrong():
    assert not network().check({"dZ2": "A2 - Y"}, convention="mean").ok
    assert not network().check({"dZ2": "(A2 - Y) / m"}, convention="per-example").ok


@pytest.mark.parametrize(
    ("name", "text", "repair"),
    [
        ("dW2", "dZ2 @ A1.T / m + 0.1 * W2", "dZ2 @ A1.T / m + 0.1 * W2 / m"),
        ("dW1", "dZ1 @ A0.T / m", "dZ1 @ A0.T / m + W1 / 10 / m"),
    ],
)
def test_a_forgotten_part_is_found_and_mended(name, text, repair):
    report = network().check(lines(PER_EXAMPLE) | {name: text})
    assert (report.convention, report[name].repair) == ("per-example", repair)
    assert [line for line in PER_EXAMPLE if not report[line].ok] == [name]


def test_the_derivation_and_the_judge_agree_in_both():
    graph = network()
    for convention in ("mean", "per-example"):
        derived = graph.derivation(convention)
        formulas = {name: str(derived[name]) for name in PER_EXAMPLE}
        assert graph.check(formulas, convention=convention).ok


def test_a_function_of_a_course_is_right():
    def backward_propagation_with_regularization(X, Y, cache, lambd=0.1):
        A1, A2, W1, W2 = (cache[name] for name in ("A1", "A2", "W1", "W2"))
        m = X.shape[1]
        dZ2 = A2 - Y
        dW2 = 1.0 / m * np.dot(dZ2, A1.T) + (lambd * W2) / m
        dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
        dW1 = 1.0 / m * np.dot(dZ1, X.T) + (lambd * W1) / m
        return {"dZ2": dZ2, "dW2": dW2, "dZ1": dZ1, "dW1": dW1}

    assert network().check(backward_propagation_with_regularization).ok


def test_a_traced_cost_with_its_penalty_is_judged_so_as_well():
    graph = cr.trace(regularized, **NETWORKS[regularized])
    formulas = {
        "dA2": "-(Y / A2 - (1 - Y) / (1 - A2))",
        "dW2": "(dA2 * A2 * (1 - A2)) @ A1.T / m + 0.7 / m * W2",
    }
    report = graph.check(formulas)
    assert (report.ok, report.convention) == (True, "per-example")


@pytest.mark.parametrize(
    ("total", "formulas", "convention"),
    [
        (cr.Sum, {"dZ": "2 * Z", "dW": "dZ @ X.T + W"}, None),
        (cr.Mean, {"dZ": "2 * Z", "dW": "dZ @ X.T / m + W"}, "per-example"),
    ],
)
def test_a_sum_over_examples_has_one_convention_only(total, formulas, convention):
    X, W = cr.Input("X", (2, "m")), cr.Parameter("W", (1, 2))
    graph = cr.Graph(total(cr.Square(cr.MatMul(W, X, name="Z"))) + 0.5 * cr.Sum(cr.Square(W)))
    report = graph.check(formulas)
    assert (report.ok, report.convention) == (True, convention)
