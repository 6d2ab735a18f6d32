"""The numbers that numerical differentiation gives: of gradients, of single uses, at kinks, and how much is done."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.checking.numerical import numerical_gradients


def swept(graph, feeds, seed=None):
    run = graph.forward(feeds)
    run.backward(seed)
    return run


def of(run, name):
    """The slopes of a node as an array of its shape; all entries have to be there."""
    found = numerical_gradients(run).totals[run.graph.position(name)]
    assert found.entries.tolist() == list(range(run[name].size))
    return found.slopes.reshape(run[name].shape)


def test_slopes_are_those_of_the_formula_on_paper():
    x = cr.Parameter("x", (2, 3))
    run = swept(cr.Graph(cr.Sum(x * x * x, name="L")), {"x": np.arange(6.0).reshape(2, 3) - 2})
    np.testing.assert_allclose(of(run, "x"), 3 * run["x"] ** 2, atol=1e-9)


def test_a_wrong_rule_is_not_repeated():
    class Halved(cr.Node):
        """y = x², with half of its gradient."""

        def forward(self, x):
            return x * x

        def backward(self, grad, y, x):
            return (grad * x,)

    run = swept(cr.Graph(cr.Sum(Halved(cr.Parameter("x", (2,)), name="y"))), {"x": [1.5, -2.0]})
    np.testing.assert_allclose(of(run, "x"), [3.0, -4.0], atol=1e-9)
    found = numerical_gradients(run).totals[0]
    assert found.difference(run.gradients["x"]) == pytest.approx(2.0)


def test_every_use_of_a_value_has_slopes_of_its_own():
    x = cr.Parameter("x", (2,))
    run = swept(cr.Graph(cr.Sum(cr.Exp(x) * x, name="L")), {"x": [0.5, -1.0]})
    parts = numerical_gradients(run).contributions
    for use in run.contributions("x"):
        found = parts[run.graph.position(use.consumer), use.position]
        np.testing.assert_allclose(found.slopes, use.gradient, atol=1e-9)


def test_the_two_uses_by_one_node_are_told_apart():
    x = cr.Parameter("x", (2,))
    run = swept(cr.Graph(cr.Sum(cr.Power(x, x, name="y"))), {"x": [0.5, 2.0]})
    parts = numerical_gradients(run).contributions
    at = run.graph.position("y")
    np.testing.assert_allclose(parts[at, 0].slopes, run["x"] ** run["x"], atol=1e-9)
    np.testing.assert_allclose(parts[at, 1].slopes, run["x"] ** run["x"] * np.log(run["x"]), atol=1e-9)


def test_outputs_are_weighed_by_the_gradients_they_start_from():
    x = cr.Parameter("x", (3,))
    y = cr.Square(x, name="y")
    run = swept(cr.Graph(cr.Sum(y * y, name="L"), y), {"x": [1.0, 2.0, -1.0]}, {"L": 2.0, "y": [1.0, 10.0, 0.0]})
    np.testing.assert_allclose(of(run, "x"), run.gradients["x"], atol=1e-6)
    found = numerical_gradients(run)
    for name in ("y", "x"):
        for use in run.contributions(name):  # what y starts from is no contribution of a use
            part = found.contributions[run.graph.position(use.consumer), use.position]
            np.testing.assert_allclose(part.slopes, use.gradient, atol=1e-6)


def test_at_a_kink_every_slope_between_those_on_either_side_agrees():
    run = swept(cr.Graph(cr.Sum(cr.ReLU(cr.Parameter("x", (2,))))), {"x": [0.0, 1.0]})
    found = numerical_gradients(run).totals[0]
    assert found.halves[0] == pytest.approx(0.5, abs=1e-6)
    assert found.difference(run.gradients["x"]) == 0


def test_labels_are_held_fixed():
    p, y = cr.Input("p", (1, "m")), cr.Input("Y", (1, "m"))
    run = swept(cr.Graph(cr.MSELoss(p, y, name="L")), {"p": [[1.0, 2.0]], "Y": [[0.0, 1.0]]})
    totals = numerical_gradients(run).totals
    assert {run.graph.names[k] for k in totals} == {"p", "L"}


def test_a_run_in_float32_is_differentiated_in_float64():
    run = swept(cr.Graph(cr.Sum(cr.Exp(cr.Parameter("x", (2,))))), {"x": np.array([0.5, 3.0], np.float32)})
    np.testing.assert_allclose(of(run, "x"), np.exp([0.5, 3.0]), rtol=1e-10)


def test_values_that_are_not_finite_say_why_there_is_nothing():
    run = swept(cr.Graph(cr.Sum(cr.Exp(cr.Parameter("x", (2,)), name="y"))), {"x": [0.0, np.inf]})
    found = numerical_gradients(run)
    assert not found.totals
    assert "not finite" in found.why_not


def test_of_large_arrays_and_deep_graphs_only_so_many_entries_are_differentiated():
    x = cr.Parameter("x", (20, 30))
    run = swept(cr.Graph(cr.Sum(x * x)), {"x": np.arange(600.0).reshape(20, 30)})
    found = numerical_gradients(run).totals[0]
    assert found.entries.tolist() == list(range(564, 600))  # those with the largest gradients
    np.testing.assert_allclose(found.slopes, run.gradients["x"].ravel()[564:], rtol=1e-9)
    assert len(numerical_gradients(run, work=1e5).totals[0].entries) < 36
    assert np.isnan(numerical_gradients(run, work=0).totals[0].difference(run.gradients["x"]))
