"""Where labels are missing, the error says how to predict; where something else is, it does not."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import FeedError

FEEDS = {"W": np.ones((1, 2)), "V": np.ones((1, 1)), "x": np.ones((2, 3)), "u": np.ones((1, 3)), "t": np.ones((1, 3))}
W, V = cr.Parameter("W", (1, 2)), cr.Parameter("V", (1, 1))
X, U, T = cr.Input("x", (2, "m")), cr.Input("u", (1, "m")), cr.Input("t", (1, "m"))
Z = cr.MatMul(W, X, name="z")
PENALTY = 0.1 * cr.Sum(cr.Square(W))

GRAPHS = {
    "loss": cr.Graph(cr.MSELoss(Z, T, name="L")),
    "loss of nodes, and a penalty": cr.Graph(cr.Add(cr.Mean(cr.Square(Z - T)), PENALTY, name="L")),
    "labels that are prepared": cr.Graph(cr.MSELoss(Z, 2 * T - 1, name="L")),
}


def remedy_of(graph, *missing):
    found = []
    for compute in (graph.forward, graph.compile()):
        with pytest.raises(FeedError, match="missing") as error:
            compute({name: value for name, value in FEEDS.items() if name in graph and name not in missing})
        found.append(error.value.remedy)
    assert found[0] == found[1]  # a plan says what a run says
    return found[0]


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_without_labels_the_error_names_what_can_be_computed(graph):
    remedy = remedy_of(graph, "t")
    assert remedy == "without t: Graph(graph['z']).forward(feeds), or graph.compile(outputs='z')"
    feeds = {"W": FEEDS["W"], "x": FEEDS["x"]}
    np.testing.assert_array_equal(cr.Graph(graph["z"]).forward(feeds)["z"], graph.compile(outputs="z")(feeds))


@pytest.mark.parametrize("missing", [["x"], ["x", "t"], ["W"], ["W", "t"]], ids=str)
def test_without_anything_else_the_error_lists_the_feeds(missing):
    for graph in GRAPHS.values():
        assert remedy_of(graph, *missing).startswith("this graph is fed ")


def test_an_input_that_something_is_learned_of_is_no_label():
    graph = cr.Graph(cr.MSELoss(Z + V * U, T, name="L"))
    assert remedy_of(graph, "u").startswith("this graph is fed ")
    assert remedy_of(graph, "t").startswith("without t: ")


def test_two_predictions_are_both_named():
    second = cr.Multiply(V, U, name="second")
    graph = cr.Graph(cr.Add(cr.MSELoss(Z, T), cr.MSELoss(second, T), name="L"))
    assert remedy_of(graph, "t").endswith("graph.compile(outputs=['z', 'second'])")
    values = graph.compile(outputs=["z", "second"])({name: FEEDS[name] for name in "WVxu"})
    assert list(values) == ["z", "second"]


def test_a_misspelled_label_is_met_by_its_name():
    with pytest.raises(FeedError, match=r"missing 't'; unknown 'T'") as error:
        GRAPHS["loss"].forward({"W": FEEDS["W"], "x": FEEDS["x"], "T": FEEDS["t"]})
    assert error.value.remedy.startswith("this graph is fed ")
