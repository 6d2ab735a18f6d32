"""The backward pass as a graph: the gradients of a run, by their names, in a graph like any other."""

import pickle

import numpy as np
import pytest
from every_rule import EXAMPLES
from random_graphs import random_graph

import chainrule as cr
from chainrule.errors import ArgumentError, NameConflictError, UnknownNameError, Untraceable

TOLERANCE = 1e-12


def fed(graph, feeds):
    """The feeds that a graph takes."""
    return {name: value for name, value in feeds.items() if name in graph}


def network(outputs=1):
    A0, Y = cr.Input("A0", (2, "m")), cr.Input("Y", (outputs, "m"))
    with cr.layer("Layer 1"):
        Z1 = cr.Add(cr.Parameter("W1", (3, 2)) @ A0, cr.Parameter("B1", (3, 1)), name="Z1")
        A1 = cr.Tanh(Z1, name="A1")
    with cr.layer("Layer 2"):
        Z2 = cr.Add(cr.Parameter("W2", (outputs, 3)) @ A1, cr.Parameter("B2", (outputs, 1)), name="Z2")
        A2 = cr.Sigmoid(Z2, name="A2")
    return cr.Graph(cr.BCELoss(A2, Y, name="L"))


def data(graph, m=5, seed=0):
    rng = np.random.default_rng(seed)
    rows = graph["Y"].shape[0]
    return {**graph.initialize(seed), "A0": rng.normal(size=(2, m)), "Y": rng.integers(0, 2, (rows, m)).astype(float)}


def close(found, expected, size=0.0):
    assert np.shape(found) == np.shape(expected)
    largest = max(np.max(np.abs(expected), initial=0), size, 1e-300)
    assert np.max(np.abs(found - expected), initial=0) <= TOLERANCE * largest


# --- equal to runs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rewritten", [lambda graph: graph, cr.Graph.fuse, cr.Graph.expand])
def test_outputs_are_the_gradients_of_the_parameters_by_their_names(rewritten):
    graph = rewritten(network())
    feeds, backward = data(graph), graph.backward()
    run, gradients = backward.forward(fed(backward, feeds)), graph.forward(feeds).backward()
    assert [node.name for node in backward.outputs] == ["dW1", "dB1", "dW2", "dB2"]
    for name in ("W1", "B1", "W2", "B2"):
        close(run["d" + name], gradients[name])


WITH_GRADIENTS = [name for name, example in EXAMPLES.items() if example.graph.outputs[0].has_gradient]


@pytest.mark.parametrize("name", WITH_GRADIENTS)
def test_every_rule_from_a_seed_that_is_fed(name):
    graph, feeds = EXAMPLES[name]
    (output,) = graph.outputs
    shape = graph.forward(feeds)[output].shape
    seed = np.random.default_rng(1).normal(size=shape) if shape else 1.0
    gradients = graph.forward(feeds).backward(seed=seed)
    backward = graph.backward()
    run = backward.forward(fed(backward, {**feeds, graph.gradient_name(output): seed}))
    for leaf in graph.parameters:
        assert (leaf in gradients) == (f"d{leaf.name}" in backward)
        if leaf in gradients:
            close(run["d" + leaf.name], gradients[leaf])


@pytest.mark.parametrize("seed", range(500))
def test_random_graphs_and_their_fused_forms(seed):
    random = random_graph(seed)
    for graph in (random.graph, random.graph.fuse()):
        gradients = graph.forward(random.feeds).backward()
        names = [name for name in random.moving if name in gradients]
        backward = graph.backward(*names)
        run = backward.forward(fed(backward, random.feeds))
        for name in names:
            close(run["d" + name], gradients[name], 1e-2)


def test_several_outputs_start_with_1_each_and_arrays_with_an_input():
    x = cr.Parameter("x", (3,))
    several = cr.Graph(cr.Sum(cr.Exp(x), name="a"), cr.Sin(x, name="b"))
    backward = several.backward("x")
    values, seed = np.array([0.1, 0.2, 0.3]), np.array([1.0, 2.0, 3.0])
    close(backward.forward({"x": values, "db": seed})["dx"], np.exp(values) + seed * np.cos(values))


def test_float32_stays_float32():
    graph = network()
    feeds = {name: value.astype(np.float32) for name, value in data(graph).items()}
    backward = graph.backward()
    assert backward.forward(fed(backward, feeds))["dW1"].dtype == np.float32


# --- structure -------------------------------------------------------------------------------------------------------


def test_forward_nodes_are_the_same_objects_and_the_new_ones_stand_in_frames_of_their_own():
    graph = network()
    backward = graph.backward()
    assert backward["A1"] is graph["A1"]
    assert backward["A1"].layer == ("Layer 1",)
    assert backward["dZ1"].layer == ("backward", "Layer 1")
    assert backward["dZ1"].line == graph["A1"].line  # from the line of the rule that sends it
    assert backward.backward("W1")["d2Z1"].layer[0] == "backward 2"


def test_dead_nodes_are_gone_and_what_is_watched_stays():
    graph = network()
    assert "L" not in graph.backward()
    assert "W1" not in cr.Graph(graph["Z1"]).backward("B1")
    watched = cr.Graph(graph["L"], watch=[graph["L"]])
    assert "L" in watched.backward("W2")


def test_equal_steps_are_built_once():
    graph = network().fuse()
    keys = [(type(node), repr(node.facts), node.inputs) for node in graph.backward() if node.inputs]
    assert len(keys) == len(set(keys))


def test_two_gradients_that_are_equal_are_two_outputs():
    a, b = cr.Parameter("a", (3,)), cr.Parameter("b", (3,))
    graph = cr.Graph(cr.Sum(cr.Square(a + b), name="L")).backward("a", "b")
    run = graph.forward({"a": np.ones(3), "b": np.zeros(3)})
    close(run["da"], 2 * np.ones(3))
    close(run["db"], run["da"])


def test_gradients_that_are_leaves_or_numbers():
    x, w = cr.Input("x"), cr.Parameter("w")
    run = cr.Graph(cr.Multiply(x, w, name="L")).backward("w").forward({"x": 3.0})
    assert run["dw"] == 3.0
    assert cr.Graph(cr.Add(x, w, name="L")).backward("w").forward({})["dw"] == 1.0


def test_pickled_copied_drawn_derived_compiled_fused_and_checked():
    graph = network()
    feeds, backward = data(graph), graph.backward()
    expected = backward.forward(fed(backward, feeds))
    again = pickle.loads(pickle.dumps(backward)).forward(fed(backward, feeds))
    close(again["dW1"], expected["dW1"])
    assert "Layer 1" in backward.draw().dot
    assert "backward" in backward.draw().dot
    assert str(backward.derivation()["dW1"]) == "dZ1 @ A0.T"
    plan = backward.compile(outputs=["dW1", "dB2"])
    close(plan(fed(backward, feeds))["dW1"], expected["dW1"])
    close(backward.fuse().forward(fed(backward, feeds))["dB2"], expected["dB2"])
    seeds = {"ddW1": np.ones((3, 2)), "ddB1": np.ones((3, 1)), "ddW2": np.ones((1, 3)), "ddB2": np.ones((1, 1))}
    assert backward.check_gradients(fed(backward, feeds)).ok
    report = backward.check({"dW1": "dZ1 @ A0.T", "ddB1": "ddB1"}, fed(backward, {**feeds, **seeds}))
    assert report["dW1"].ok


# --- names -----------------------------------------------------------------------------------------------------------


def test_names_of_higher_orders_never_collide():
    graph = network()
    first = graph.backward("W1")
    assert first.gradient_name("W1") == "d2W1"
    assert first.gradient_name("dW1") == "ddW1"
    second = first.backward("W1")
    assert [node.name for node in second.outputs] == ["d2W1"]
    assert second.gradient_name("W1") == "d3W1"
    assert second.gradient_name("ddW1") == "dddW1"
    third = second.backward("W1")
    assert [node.name for node in third.outputs] == ["d3W1"]
    assert len(set(third.gradient_names) | set(third.names)) == 2 * len(third)


def test_the_run_of_a_gradient_graph_knows_its_gradients_by_their_names():
    w = cr.Parameter("w", (3,))
    gradient = cr.Graph(cr.Sum(cr.Exp(w), name="L")).backward("w")
    run = gradient.forward({"w": np.zeros(3)})
    run.backward(seed=[1.0, 2.0, 3.0])
    close(run["dw"], np.ones(3))
    close(run["ddw"], np.array([1.0, 2.0, 3.0]))
    close(run["d2w"], np.array([1.0, 2.0, 3.0]))
    with pytest.raises(UnknownNameError, match="d3w"):
        run["d3w"]


def test_a_penalty_on_a_gradient_is_a_loss_like_any_other():
    graph = network()
    penalty = cr.Sum(cr.Square(graph.backward("W1")["dW1"]))
    loss = cr.Graph((graph["L"] + 0.1 * penalty).relabel("J", like=graph["L"]))
    feeds = data(graph)
    assert loss.check_gradients(feeds).ok
    plan_loss, gradients = loss.compile()(feeds)
    run = loss.forward(feeds)
    found = run.backward()
    close(plan_loss, run["J"])
    for name in ("W1", "B2"):
        close(gradients[name], found[name])


def test_a_node_of_a_users_is_still_refused_where_it_has_the_name_of_a_gradient():
    w = cr.Parameter("w", (3,))
    with pytest.raises(NameConflictError, match="gradient of 'w' has that name"):
        cr.Graph(cr.Exp(w, name="dw"))


# --- what cannot be --------------------------------------------------------------------------------------------------


def test_what_has_no_gradient_is_named():
    graph = network()
    with pytest.raises(UnknownNameError, match="'Y' has no gradient"):
        graph.backward("Y")
    with pytest.raises(UnknownNameError, match="W9"):
        graph.backward("W9")
    with pytest.raises(ArgumentError, match="no parameters"):
        cr.Graph(cr.Exp(cr.Input("x"))).backward()


class Loop(cr.Node):
    """exp(x), whose backward loops over entries."""

    def forward(self, x):
        return np.exp(x)

    def backward(self, grad, y, x):
        return (np.array([float(g) * float(v) for g, v in zip(grad, y, strict=True)]),)


def test_a_rule_that_cannot_be_recorded_is_named_with_its_line():
    graph = cr.Graph(cr.Sum(Loop(cr.Parameter("x", (3,)), name="y"), name="L"))
    with pytest.raises(Untraceable) as error:
        graph.backward()
    assert "Loop.backward cannot become nodes" in error.value.what
    assert "'y'" in error.value.where


def test_20_000_nodes_in_a_chain():
    node: cr.Node = cr.Parameter("x")
    for _ in range(20_000):
        node = cr.Negate(node)
    backward = cr.Graph(node).backward("x")
    assert backward.forward({})["dx"] == 1.0


# --- exact in saturation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("z", [-1000.0, -40.0, 0.5, 40.0, 1000.0])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_second_derivatives_of_the_fused_loss(z, y):
    leaf = cr.Parameter("z", (1, 1))
    graph = cr.Graph(cr.BCELoss(cr.Sigmoid(leaf), cr.Input("y", (1, 1)), name="L")).fuse()
    second = graph.hvp("z", along=np.ones((1, 1))).forward({"z": [[z]], "y": [[y]]})["d2z"]
    e = np.exp(-abs(z))
    assert second.item() == pytest.approx(e / (1 + e) ** 2, rel=1e-14, abs=0)
    third = graph.hvp("z", along=np.ones((1, 1))).backward("z")
    found = third.forward({"z": [[z]], "y": [[y]], "dd2z": [[1.0]]})["d3z"].item()
    assert found == pytest.approx(-np.sign(z) * e * (1 - e) / (1 + e) ** 3, rel=1e-14, abs=0)
