"""What a graph prints, and the whole message of what it and its rules refuse."""

import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, FeedError, NameConflictError, RuleError


def chain(length):
    node = cr.Input("x")
    for _ in range(length - 1):
        node = cr.Negate(node)
    return cr.Graph(node)


def test_the_table_shows_facts_single_constants_and_layers():
    x = cr.Input("x", (2, "m"))
    with cr.layer("Layer 1"):
        total = cr.Sum(x * 2.5, axis=0, keepdims=True, name="s")
    graph = cr.Graph(cr.Sum(total + cr.Constant([[1.0]], name="c"), name="L"))
    assert str(graph).splitlines() == [
        "node        operation                   shape   inputs         layer",
        "x           Input                       (2, m)",
        "constant_1  Constant(2.5)               ()                     Layer 1",
        "multiply_1  Multiply                    (2, m)  x, constant_1  Layer 1",
        "s           Sum(axis=0, keepdims=True)  (1, m)  multiply_1     Layer 1",
        "c           Constant                    (1, 1)",
        "add_1       Add                         (1, m)  s, c",
        "L           Sum                         ()      add_1",
    ]
    assert repr(graph) == "<Graph of 7 nodes: L>"
    assert repr(cr.Graph(graph["s"], graph["c"])) == "<Graph of 5 nodes: s, c>"


def test_eighty_nodes_are_shown_whole_and_of_more_the_first_and_the_last_thirty():
    assert len(str(chain(80)).splitlines()) == 1 + 80
    lines = str(chain(81)).splitlines()
    assert len(lines) == 1 + 30 + 1 + 30
    assert lines[31].split() == ["…", "21", "more"]
    assert lines[30].startswith("negate_29 ")
    assert lines[32].startswith("negate_51 ")


def test_what_cannot_be_printed_is_replaced_sign_by_sign():
    assert "a�b" in str(cr.Graph(cr.Input("a\nb")))


def test_consumers_are_named_once_for_every_use():
    x = cr.Input("x")
    square, shifted = cr.Multiply(x, x, name="square"), cr.Add(x, 1.0, name="shifted")
    graph = cr.Graph(cr.Add(square, shifted, name="L"))
    assert [node.name for node in graph.consumers("x")] == ["square", "square", "shifted"]
    assert graph.consumers("L") == ()


def test_a_pickled_graph_keeps_what_is_watched():
    x = cr.Input("x")
    seen = cr.Sin(x, name="seen")
    twin = pickle.loads(pickle.dumps(cr.Graph(cr.Square(x, name="L"), watch=[seen])))
    assert [node.name for node in twin.watch] == ["seen"]
    assert [node.name for node in twin.outputs] == ["L"]


def refusal(kind, work):
    with pytest.raises(kind) as caught:
        work()
    return caught.value


def test_a_graph_is_built_from_nodes_and_has_an_output():
    assert str(refusal(ArgumentError, lambda: cr.Graph())) == "a graph needs an output\n  try:   Graph(loss)"
    expected = "a graph is built from nodes, not float\n  try:   Graph(loss, watch=[...])"
    assert str(refusal(ArgumentError, lambda: cr.Graph(3.0))) == expected


def test_two_nodes_with_one_name():
    shown = str(refusal(NameConflictError, lambda: cr.Graph(cr.Add(cr.Input("x"), cr.Input("x"))))).splitlines()
    assert shown[0] == "two nodes are called 'x'"
    assert shown[1].startswith("  where: Input 'x', built at ")
    assert shown[2:] == ["  try:   give each node a name of its own"]


def test_an_output_that_is_no_scalar_needs_a_seed():
    run = cr.Graph(cr.Input("x", (2, "m"))).forward({"x": np.zeros((2, 3))})
    expected = "say which gradient to start from\n  given: x (2, 3)\n  try:   run.backward(seed={name: array})"
    assert str(refusal(FeedError, run.backward)) == expected


# --- what rules do wrong ---------------------------------------------------------------------------------------------


def rule(forward=lambda x: 2 * x, backward=lambda grad: (2 * grad,)):
    class Own(cr.Node):
        def forward(self, x):
            return forward(x)

        def backward(self, grad, y, x):
            return backward(grad)

    return Own


def fail(*_):
    raise ZeroDivisionError("no way")


@pytest.mark.parametrize("name", ["y", None])
def test_an_error_in_a_rule_names_the_rule_and_shows_what_it_read(name):
    graph = cr.Graph(rule(forward=fail)(cr.Input("x", (2, "m")), name=name))
    error = refusal(RuleError, lambda: graph.forward({"x": np.zeros((2, 3))}))
    label = "Own 'y'" if name else "Own"
    assert str(error).splitlines()[0] == f"{label}.forward: ZeroDivisionError: no way"
    assert str(error).splitlines()[1].startswith(f"  where: {label}, built at ")
    assert str(error).splitlines()[2:] == ["  given: x (2, 3) float64"]
    assert error.remedy == ""


def test_an_error_of_the_engine_in_a_rule_passes_its_remedy_on():
    graph = cr.Graph(cr.Mean(cr.Input("x", (3, "m")), name="L"))
    error = refusal(RuleError, lambda: graph.forward({"x": np.zeros((3, 0))}))
    shown = str(error).splitlines()
    assert shown[0] == "Mean 'L'.forward: ArgumentError: a mean over no values is undefined"
    assert shown[2:] == ["  given: x (3, 0) float64", "  try:   Sum, which is 0"]


def test_another_dtype_is_refused_with_a_hint_where_whole_numbers_were_read():
    graph = cr.Graph(rule(forward=np.float32)(cr.Input("x"), name="y"))
    error = refusal(RuleError, lambda: graph.forward({"x": 3.0}))
    assert error.what == "Own 'y'.forward: TypeError: it returned float32 where this run computes in float64"
    graph = cr.Graph(rule(forward=lambda x: x.astype(np.float32) / 2)(cr.Input("x", dtype=int), name="y"))
    error = refusal(RuleError, lambda: graph.forward({"x": 3}))
    assert error.what.endswith("; an input with dtype=int is for indices, not for arithmetic")


def test_an_array_that_a_rule_keeps_can_still_be_written_to():
    """The engine seals a view of it: what a rule owns stays its own."""
    kept = np.ones(3)
    run = cr.Graph(rule(backward=lambda grad: (kept,))(cr.Input("x", (3,)), name="y")).forward({"x": np.zeros(3)})
    assert not run.backward(seed=np.ones(3))["x"].flags.writeable
    assert kept.flags.writeable
