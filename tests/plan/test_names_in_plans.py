"""Names that a program gives to its own steps never meet the names of a user's nodes."""

import numpy as np
import pytest

import chainrule as cr

NAMES = [
    "new W", "new new W", "W memory 1", "W memory 1'", "new W memory 1", "dmatmul_1", "%3", "t5", "values", "step",
]  # fmt: skip
UPDATES = {"gradients": None, "SGD": cr.SGD(0.1), "Momentum": cr.Momentum(0.1), "Adam": cr.Adam(0.1)}


def graph_with(name, kind):
    """A net in which a node, an input or a parameter has the name; and feeds, without those of W."""
    x, w = cr.Input("x", (2, "m")), cr.Parameter("W", (1, 2))
    feeds = {"x": np.arange(10.0).reshape(2, 5) / 3}
    z = w @ x
    if kind == "node":
        y = cr.Sin(z, name=name)
    elif kind == "input":
        y, feeds[name] = cr.Sin(z * cr.Input(name, (1, "m"))), np.linspace(0.5, 1, 5)[None]
    else:
        y, feeds[name] = cr.Sin(z * cr.Parameter(name, (1, 1))), np.full((1, 1), 2.0)
    return cr.Graph(cr.Mean(cr.Square(y), name="L")), feeds


def results(name, kind, update):
    graph, feeds = graph_with(name, kind)
    weights = {"W": np.array([[0.3, -0.2]])}
    if update is None:
        loss, gradients = graph.compile(["W"])({**feeds, **weights})
        return loss, gradients["W"]
    plan = graph.compile(["W"], update=update)
    loss, state = plan({**feeds, **plan.start(weights)})
    return plan({**feeds, **state})[0], state["W"]


@pytest.mark.parametrize("kind", ["node", "input", "parameter"])
@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_a_users_changes_nothing_of_what_a_plan_gives(name, update, kind):
    for found, right in zip(
        results(name, kind, UPDATES[update]), results("innocent", kind, UPDATES[update]), strict=True
    ):
        np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("name", ["new W", "W memory 1"])
def test_a_loop_of_a_training_step_has_names_of_its_own_too(name):
    graph, feeds = graph_with(name, "input")
    plan = graph.compile(["W"], update=UPDATES["Momentum"], backend="numba")
    state = plan.start({"W": np.array([[0.3, -0.2]])})
    np.testing.assert_allclose(
        plan({**feeds, **state})[1]["W"], results(name, "input", UPDATES["Momentum"])[1], rtol=1e-14
    )
