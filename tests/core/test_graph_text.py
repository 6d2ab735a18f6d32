"""What a graph prints, and the whole message of what it and its rules refuse."""

import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, FeedError, NameConflictError, RuleError, UnknownNameError


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


@pytest.mark.parametrize(("returned", "shown"), [(np.ones(3), "ndarray"), (None, "NoneType"), ([1.0], "list")])
def test_a_rule_that_forgets_the_tuple_is_told_what_it_returned(returned, shown):
    run = cr.Graph(rule(backward=lambda grad: returned)(cr.Input("x", (3,)), name="y")).forward({"x": np.zeros(3)})
    error = refusal(RuleError, lambda: run.backward(seed=np.ones(3)))
    told = f"it returns a tuple of 1, one gradient per input, not {shown} (a comma missing?)"
    assert error.what == f"Own 'y'.backward: TypeError: {told}"


def test_a_rule_may_send_a_number_or_a_list():
    for sent in (2.0, np.float64(2.0)):
        run = cr.Graph(rule(backward=lambda grad, sent=sent: (sent,))(cr.Input("x"), name="y")).forward({"x": 1.0})
        assert run.backward()["x"] == 2.0
    run = cr.Graph(rule(backward=lambda grad: ([1.0, 2.0],))(cr.Input("x", (2,)), name="y")).forward({"x": [0.0, 0.0]})
    assert run.backward(seed=[1.0, 1.0])["x"].tolist() == [1.0, 2.0]


def test_inputs_without_a_name_are_shown_by_their_operation():
    graph = cr.Graph(rule(forward=fail)(cr.Negate(cr.Input("x", (2,))), name="y"))
    assert refusal(RuleError, lambda: graph.forward({"x": [1.0, 2.0]})).given == "Negate (2,) float64"
    graph = cr.Graph(cr.Gather(cr.Input("table", (2, 3)), cr.Input("ids", "k", dtype=int)))
    error = refusal(RuleError, lambda: graph.forward({"table": np.zeros((2, 3)), "ids": [0, 7]}))
    assert error.given == "table (2, 3) float64, ids (2,) int64"


def test_an_unknown_name_is_answered_with_the_next_one_and_the_first_twenty():
    said = refusal(UnknownNameError, lambda: chain(20)["negate_99"])
    names = ", ".join(["x", *(f"negate_{k}" for k in range(1, 20))])
    assert said.remedy == f"its nodes are {names}"
    said = refusal(UnknownNameError, lambda: chain(21)["elsewhere"])
    assert str(said) == f"this graph has no node 'elsewhere'\n  try:   its nodes are {names}, ..."


def test_a_node_of_another_graph_is_shown_with_its_line():
    stranger = cr.Input("stranger", (2,))
    said = refusal(UnknownNameError, lambda: chain(2).position(stranger))
    assert str(said) == f"this graph has no node {stranger!r}\n  try:   its nodes are x, negate_1"


def test_several_outputs_are_listed_where_no_seed_says_which():
    x = cr.Input("x", (2,))
    run = cr.Graph(cr.Sin(x, name="s"), cr.Sum(x, name="t")).forward({"x": [0.0, 1.0]})
    assert refusal(FeedError, run.backward).given == "s (2,), t ()"


def test_layers_in_layers_and_cells_of_forty_signs():
    with cr.layer("Encoder"), cr.layer("Layer 1"):
        node = cr.Input("n" * 40)
    graph = cr.Graph(cr.Exp(node, name="e" * 41))
    assert str(graph).splitlines() == [
        f"{'node':40}  operation  shape  {'inputs':40}  layer",
        f"{'n' * 40}  Input      ()     {'':40}  Encoder / Layer 1",
        f"{'e' * 39}…  Exp        ()     {'n' * 40}",
    ]


def test_leaves_are_named_by_the_graph_where_they_have_no_name():
    x, labels = cr.Input("x"), cr.Constant(3.0)
    graph = cr.Graph(cr.BCELoss(cr.Sigmoid(x), labels, name="L"))
    assert refusal(FeedError, lambda: graph.forward({"x": 0.0})).what.startswith("constant_1 ")
