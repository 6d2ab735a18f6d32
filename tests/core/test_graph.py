"""A graph: sorted once, named, run forward and swept in reverse; and what a run lets one read."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.checking.gradients import check_gradients
from chainrule.core.ordering import topological_order
from chainrule.derivation.deriving import derivation
from chainrule.drawing import draw_graph
from chainrule.errors import CycleError, FeedError, NameConflictError, RuleError, UnknownNameError
from nets.training import SGD


def two_layers() -> cr.Graph:
    a, y = cr.Input("A0", (2, "m")), cr.Input("Y", (1, "m"))
    with cr.layer("Layer 1"):
        a1 = cr.Tanh(cr.Add(cr.Parameter("W1", (4, 2)) @ a, cr.Parameter("B1", (4, 1)), name="Z1"), name="A1")
    with cr.layer("Layer 2"):
        a2 = cr.Sigmoid(cr.Add(cr.Parameter("W2", (1, 4)) @ a1, cr.Parameter("B2", (1, 1)), name="Z2"), name="A2")
    return cr.Graph(cr.BCELoss(a2, y, name="L"))


FEEDS: dict[str, Any] = {
    **two_layers().initialize(seed=3),
    "A0": np.random.default_rng(0).normal(size=(2, 5)),
    "Y": [[0, 1, 1, 0, 1]],
}


def test_the_order_is_that_of_building_and_puts_every_node_behind_its_inputs() -> None:
    graph = two_layers()
    position = {node: k for k, node in enumerate(graph.order)}
    assert all(position[source] < position[node] for node in graph.order for source in node.inputs)
    names = [graph.name(node) for node in graph.order]
    assert names == ["A0", "Y", "W1", "matmul_1", "B1", "Z1", "A1", "W2", "matmul_2", "B2", "Z2", "A2", "L"]
    assert [graph.name(node) for node in graph.inputs] == ["A0", "Y"]
    assert [graph.name(node) for node in graph.parameters] == ["W1", "B1", "W2", "B2"]


def test_nodes_without_a_name_get_one_that_nobody_has() -> None:
    x = cr.Input("square_1")
    graph = cr.Graph(cr.Square(cr.Square(x)))
    assert [graph.name(node) for node in graph.order] == ["square_1", "square_2", "square_3"]


def test_two_nodes_with_one_name_are_shown_both() -> None:
    x = cr.Input("x")
    with pytest.raises(NameConflictError) as caught:
        cr.Graph(cr.Add(cr.Exp(x, name="a"), cr.Sin(x, name="a")))
    assert str(caught.value).count("test_graph.py:") == 2


def test_a_cycle_forced_by_mutation_is_shown_as_a_path() -> None:
    x = cr.Input("x")
    first = cr.Exp(x, name="first")
    second = cr.Sin(first, name="second")
    third = cr.Cos(second, name="third")
    first.__dict__["inputs"] = (third,)
    with pytest.raises(CycleError) as caught:
        cr.Graph(cr.Square(third))
    assert caught.value.what == "a node feeds itself"
    assert caught.value.where == third.where
    assert caught.value.given == "Cos third → Sin second → Exp first → Cos third"
    assert caught.value.remedy == "build new nodes; never change one"


def test_what_has_neither_name_nor_line_is_sorted_and_shown_too() -> None:
    """The sort knows inputs and when they were built, and nothing else of a node."""

    class Thing:
        inputs: tuple[Any, ...] = ()
        built = (0,)

    first, second = Thing(), Thing()
    first.inputs, second.inputs = (second,), (first,)
    with pytest.raises(CycleError) as caught:
        topological_order([first])
    assert (caught.value.given, caught.value.where) == ("Thing → Thing → Thing", "")


def test_nodes_are_ordered_as_they_were_built_whatever_outputs_are_given_first() -> None:
    x, y = cr.Input("x"), cr.Input("y")
    graph = cr.Graph(cr.Exp(x, name="first"), cr.Sin(y, name="second"), cr.Cos(x, name="third"), y)
    assert list(graph.names) == ["x", "y", "first", "second", "third"]
    graph = cr.Graph(y, cr.Sum(x, name="total"))
    assert list(graph.names) == ["x", "y", "total"]


def test_names_and_nodes_are_interchangeable() -> None:
    graph = two_layers()
    feeds = {graph[name]: value for name, value in FEEDS.items()}
    run = graph.forward(feeds)
    run.backward()
    z1 = graph["Z1"]
    assert run[z1] is run["Z1"]
    np.testing.assert_array_equal(run.gradients[z1], run["dZ1"])
    np.testing.assert_array_equal(run.values["Z1"], run[z1])
    with pytest.raises(UnknownNameError, match="did you mean 'Z1'"):
        graph["Z_1"]
    with pytest.raises(UnknownNameError, match="no node"):
        run[cr.Input("elsewhere")]


def test_a_node_called_like_the_gradient_of_another_is_refused_with_both() -> None:
    x = cr.Input("x")
    with pytest.raises(NameConflictError, match="'dx' is a node, and the gradient of 'x' has that name") as caught:
        cr.Graph(cr.Square(cr.Exp(x, name="dx"), name="L"))
    assert "Input 'x'" in caught.value.where
    assert "Exp 'dx'" in caught.value.where


def test_a_node_called_like_a_size_is_refused_with_both() -> None:
    a, m = cr.Input("A0", (2, "m")), cr.Input("m")
    with pytest.raises(NameConflictError, match="'m' is a node, and the size of an axis of 'A0'") as caught:
        cr.Graph(cr.Sum(a / m, name="L"))
    assert "Input 'A0'" in caught.value.where
    assert "Input 'm'" in caught.value.where


NAMES = ("x", "dx", "ddx", "m", "d", "sin_1", "dsin_1", "dd", "ivide_1", "divide_1", "dm", "a b", "da b", "L")


@pytest.mark.parametrize("seed", range(60))
def test_every_name_of_a_graph_means_one_thing_or_the_graph_is_refused(seed: int) -> None:
    """Random names, of which some read as gradients, as sizes, or as what nodes without a name are called."""
    rng = np.random.default_rng(seed)
    names = [str(name) for name in rng.choice(NAMES, 4, replace=False)]
    node: cr.Node = cr.Input(names[0], (3, "m" if seed % 2 else 2))
    node = cr.Sin(node, name=names[1]) / cr.Parameter(names[2])
    node = cr.Sin(cr.Divide(cr.Sin(node), 2.0), name=names[3])
    sizes = {"m"} if seed % 2 else set()
    ambiguous = sizes & set(names) or any(f"d{name}" in names for name in names)
    if ambiguous:
        with pytest.raises(NameConflictError):
            cr.Graph(cr.Sum(node))
        return
    graph = cr.Graph(cr.Sum(node))
    every = [*graph.names, *(f"d{name}" for name in graph.names), *sizes]
    assert len(set(every)) == len(every)


def test_contributions_of_every_use_sum_to_the_gradient() -> None:
    x = cr.Input("x", (3,))
    graph = cr.Graph(cr.Sum(x * x + cr.Sin(x, name="s"), name="L"))
    run = graph.forward({"x": [1.0, 2.0, 3.0]})
    run.backward()
    uses = run.contributions("x")
    assert [(use.consumer, use.position) for use in uses] == [("s", 0), ("multiply_1", 0), ("multiply_1", 1)]
    np.testing.assert_allclose(sum(use.gradient for use in uses), run["dx"], rtol=1e-15)


def test_a_list_as_index_picks_rows_and_is_no_tuple() -> None:
    x = cr.Input("x", (3, 2))
    value = np.arange(6.0).reshape(3, 2)
    run = cr.Graph(cr.Index(x, key=[2, 0], name="y")).forward({"x": value})
    np.testing.assert_array_equal(run["y"], value[[2, 0]])


def test_backward_twice_gives_the_same_answer_bit_for_bit() -> None:
    run = two_layers().forward(FEEDS)
    first = {name: gradient.copy() for name, gradient in run.backward().items()}
    second = run.backward()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert list(first) == list(second)


def test_a_run_before_backward_has_no_gradients() -> None:
    run = two_layers().forward(FEEDS)
    with pytest.raises(UnknownNameError, match="no gradients yet"):
        run["dZ1"]
    with pytest.raises(UnknownNameError, match="no gradients yet"):
        run.contributions("Z1")


def test_what_has_no_gradient_says_so_and_does_not_show_zero() -> None:
    run = two_layers().forward(FEEDS)
    gradients = run.backward()
    assert "Y" not in gradients
    with pytest.raises(UnknownNameError, match="'Y' has no gradient"):
        run["dY"]
    assert "A0" in gradients


def test_values_and_gradients_are_read_only_and_feeds_untouched() -> None:
    x = np.ones((2, 5))
    run = two_layers().forward({**FEEDS, "A0": x})
    for array in [*run.values.values(), *run.backward().values(), run.contributions("A1")[0].gradient]:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    assert x.flags.writeable
    x[0, 0] = 7.0  # the caller's array stays the caller's


@pytest.mark.parametrize("seed", [np.ones((2, 2)), 1.0])
def test_a_seed_has_the_shape_of_its_output(seed: Any) -> None:
    x = cr.Input("x", (2, 3))
    run = cr.Graph(cr.Exp(x, name="y")).forward({"x": np.zeros((2, 3))})
    with pytest.raises(FeedError, match="seed"):
        run.backward(seed)


def test_an_output_that_is_no_scalar_starts_from_a_seed() -> None:
    x = cr.Input("x", (2, 3))
    run = cr.Graph(cr.Exp(x, name="y")).forward({"x": np.zeros((2, 3))})
    with pytest.raises(FeedError, match="say which gradient to start from"):
        run.backward()
    seed = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(run.backward(seed)["x"], seed)


def test_several_outputs_start_from_one_each_or_from_those_that_are_named() -> None:
    x = cr.Input("x")
    a, b = cr.Square(x, name="a"), cr.Exp(x, name="b")
    run = cr.Graph(a, b).forward({"x": 2.0})
    assert run.backward()["x"] == pytest.approx(4 + np.exp(2.0))
    assert run.backward({"a": 3.0})["x"] == 12
    with pytest.raises(FeedError, match="x is no output"):
        run.backward({"x": 1.0})


def test_an_output_that_feeds_another_receives_both() -> None:
    x = cr.Input("x")
    a = cr.Square(x, name="a")
    run = cr.Graph(a, cr.Exp(a, name="b")).forward({"x": 1.0})
    assert run.backward()["a"] == pytest.approx(1 + np.e)


def test_watched_nodes_are_read_and_start_no_gradient() -> None:
    x = cr.Input("x")
    loss, seen = cr.Square(x, name="L"), cr.Exp(x, name="seen")
    run = cr.Graph(loss, watch=[seen]).forward({"x": 3.0})
    assert run["seen"] == np.exp(3.0)
    gradients = run.backward()
    assert gradients["x"] == 6
    assert "seen" not in gradients


def test_a_node_can_stand_in_two_graphs() -> None:
    x = cr.Input("x")
    y = cr.Square(x, name="y")
    one, two = cr.Graph(cr.Exp(y)), cr.Graph(cr.Sin(y))
    assert one.forward({"x": 1.0}).backward()["x"] == pytest.approx(2 * np.e)
    assert two.forward({"x": 1.0}).backward()["x"] == pytest.approx(2 * np.cos(1.0))


def test_one_graph_from_many_threads() -> None:
    graph, results = two_layers(), []

    def work() -> None:
        run = graph.forward(FEEDS)
        results.append(run.backward()["W1"])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(result, results[0]) for result in results)
    assert len(results) == 8


def test_printing_shows_a_table_and_leaves_out_the_middle_of_a_long_one() -> None:
    lines = str(two_layers()).splitlines()
    assert lines[0].split() == ["node", "operation", "shape", "inputs", "layer"]
    assert lines[6].split() == ["Z1", "Add", "(4,", "m)", "matmul_1,", "B1", "Layer", "1"]
    assert max(map(len, lines)) <= 80
    node: cr.Node = cr.Input("x")
    for _ in range(500):
        node = -node
    text = str(cr.Graph(node))
    assert len(text.splitlines()) < 100
    assert "441 more" in text


def test_names_of_any_text_cannot_break_the_table() -> None:
    hostile = 'a\nb\t"\x00<b>\u202e' + "x" * 10_000
    text = str(cr.Graph(cr.Exp(cr.Input(hostile), name="y")))
    assert len(text.splitlines()) == 3
    assert max(map(len, text.splitlines())) < 200


def test_copies_are_the_graph_and_pickles_compute_the_same() -> None:
    graph = two_layers()
    assert copy.copy(graph) is graph
    assert copy.deepcopy(graph) is graph
    twin = pickle.loads(pickle.dumps(graph))
    assert str(twin) == str(graph)
    assert twin.forward(FEEDS)["L"] == graph.forward(FEEDS)["L"]


def test_a_pickled_run_keeps_values_gradients_and_contributions() -> None:
    run = two_layers().forward(FEEDS)
    run.backward()
    twin = pickle.loads(pickle.dumps(run))
    np.testing.assert_array_equal(twin["dW1"], run["dW1"])
    assert twin.contributions("A1")[0].consumer == "matmul_2"
    assert not twin["Z1"].flags.writeable


def rule(forward: Any = None, backward: Any = None) -> type[cr.Node]:
    class Broken(cr.Node):
        def forward(self, x: Any) -> Any:
            return forward(x) if forward else 2 * x

        def backward(self, grad: Any, y: Any, x: Any) -> Any:
            return backward(grad, y, x) if backward else (2 * grad,)

    return Broken


def fail(*_: Any) -> None:
    raise KeyError("inside")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (rule(forward=lambda x: fail() if isinstance(x, np.ndarray) else x), "Broken 'b'.forward: KeyError: 'inside'"),
        (rule(forward=lambda x: x.astype(complex)), "complex128 where this run computes in float64"),
        (rule(forward=lambda x: "text"), "Broken 'b'.forward: TypeError"),
        (rule(backward=fail), "Broken 'b'.backward: KeyError: 'inside'"),
        (rule(backward=lambda g, y, x: 2 * g), "a comma missing?"),
        (rule(backward=lambda g, y, x: (g, g)), "returned 2 gradients for 1 inputs"),
        (rule(backward=lambda g, y, x: (g.sum(),)), "has shape (), the input has (3,)"),
        (rule(backward=lambda g, y, x: (g.astype(np.float32),)), "is float32, the input is float64"),
        (rule(forward=lambda x: x.__imul__(2) if isinstance(x, np.ndarray) else x), "read-only"),
    ],
)
def test_what_a_rule_does_wrong_is_raised_with_node_layer_shapes_and_line(kind: Any, words: str) -> None:
    x = cr.Input("x", (3,))
    with cr.layer("Layer 7"):
        node = kind(x, name="b")
    graph = cr.Graph(cr.Sum(node))
    with pytest.raises(RuleError) as caught:
        graph.forward({"x": [1.0, 2.0, 3.0]}).backward()
    message = str(caught.value)
    for word in [words, "in Layer 7", "x (3,) float64", "test_graph.py:"]:
        assert word in message
    assert caught.value.node is node
    assert caught.value.__cause__ is not None


def test_an_interrupt_in_a_rule_is_not_swallowed() -> None:
    def interrupt(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            raise KeyboardInterrupt
        return x

    graph = cr.Graph(rule(forward=interrupt)(cr.Input("x")))
    with pytest.raises(KeyboardInterrupt):
        graph.forward({"x": 1.0})


def test_a_failed_backward_leaves_the_gradients_of_the_last_one() -> None:
    x = cr.Input("x", (2,))
    run = cr.Graph(cr.Exp(x, name="y")).forward({"x": [0.0, 0.0]})
    run.backward(np.ones(2))
    with pytest.raises(FeedError):
        run.backward(np.ones(3))
    np.testing.assert_array_equal(run["dx"], [1, 1])


# --- initialization ------------------------------------------------------------------------------------------------


def test_weights_start_by_the_activation_behind_them() -> None:
    x = cr.Input("x", (200, "m"))
    tanh = cr.Tanh(cr.Parameter("Wt", (300, 200)) @ x + cr.Parameter("b", (300, 1)))
    relu = cr.ReLU(cr.Parameter("Wr", (400, 300)) @ tanh)
    params = cr.Graph(cr.Sum(relu)).initialize(seed=1)
    limit = np.sqrt(6 / 500)
    assert np.abs(params["Wt"]).max() <= limit
    assert params["Wt"].std() == pytest.approx(limit / np.sqrt(3), rel=0.02)  # 60,000 draws: 0.4 % per sigma
    assert params["Wr"].std() == pytest.approx(np.sqrt(2 / 300), rel=0.02)
    assert not params["b"].any()


def test_the_fan_in_of_a_weight_on_the_right_is_its_first_axis() -> None:
    x = cr.Input("x", ("m", 50))
    params = cr.Graph(cr.Sum(cr.ReLU(x @ cr.Parameter("W", (50, 800))))).initialize()
    assert params["W"].std() == pytest.approx(np.sqrt(2 / 50), rel=0.02)


def test_the_same_seed_gives_the_same_start_and_another_seed_another() -> None:
    graph = two_layers()
    same = [graph.initialize(seed=5)["W1"] for _ in range(2)]
    np.testing.assert_array_equal(*same)
    assert not np.array_equal(graph.initialize(seed=6)["W1"], same[0])
    assert graph.initialize(dtype=np.float32)["W1"].dtype == np.float32


def test_init_of_a_parameter_overrides_the_choice() -> None:
    inits: dict[str, Any] = {
        "z": "zeros",
        "o": "ones",
        "n": 2.5,
        "a": [[1, 2, 3]],
        "f": lambda rng, shape: np.full(shape, 7),
    }
    graph = cr.Graph(*(cr.Exp(cr.Parameter(name, (1, 3), init=init)) for name, init in inits.items()))
    params = graph.initialize()
    assert {name: value.tolist() for name, value in params.items()} == {
        "z": [[0, 0, 0]],
        "o": [[1, 1, 1]],
        "n": [[2.5, 2.5, 2.5]],
        "a": [[1, 2, 3]],
        "f": [[7, 7, 7]],
    }


@pytest.mark.parametrize(
    ("init", "words"),
    [
        ("glorrot", "none of glorot"),
        ([1, 2], "init gives shape (2,)"),
        (np.ones((3, 1)), "init gives shape (3, 1)"),
        ([[1, 2], [3]], "init is no finite numbers"),
        (np.nan, "init is no finite numbers"),
        (1j, "init is no finite numbers"),
        ({}, "init is no finite numbers"),
    ],
)
def test_an_init_that_does_not_exist_or_fit_is_refused_where_it_is_written(init: Any, words: str) -> None:
    with pytest.raises(cr.errors.ArgumentError, match=r"Parameter 'p', built at") as caught:
        cr.Parameter("p", (1, 3), init=init)
    assert words in str(caught.value)


def test_a_function_that_starts_a_parameter_wrongly_is_refused() -> None:
    for made, words in ((np.ones(2), r"init gives shape \(2,\)"), ("text", "init is no finite numbers")):
        graph = cr.Graph(cr.Exp(cr.Parameter("p", (1, 3), init=lambda rng, shape, made=made: made)))
        with pytest.raises(cr.errors.ArgumentError, match=words):
            graph.initialize()


def test_an_array_to_start_with_is_a_copy() -> None:
    start = np.ones((1, 3))
    p = cr.Parameter("p", (1, 3), init=start)
    start[:] = 7
    assert cr.Graph(cr.Exp(p)).initialize()["p"].tolist() == [[1, 1, 1]]


def test_a_parameter_with_a_named_size_cannot_be_initialized() -> None:
    with pytest.raises(cr.errors.ArgumentError, match="named size"):
        cr.Graph(cr.Exp(cr.Parameter("p", (1, "m")))).initialize()


def test_a_graph_prints_facts_that_are_arrays_and_leaves_out_the_usual_ones_in_a_copy_too() -> None:
    picked = cr.Index(cr.Input("x", (3, 5)), key=np.array([0, 1, 1]), name="y")
    graph = cr.Graph(cr.MSELoss(picked, cr.Input("labels", (3, 5)), name="L"))
    assert "Index(key=array([0, 1, 1]))" in str(graph)
    assert "reduction" not in str(graph)
    twin = pickle.loads(pickle.dumps(graph))  # a text that comes out of pickle equals the default and is not the same
    assert str(twin) == str(graph)
    assert twin.draw().dot == graph.draw().dot


# --- what a graph hands over to other modules -----------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "given"), [(int, [1, 2]), (bool, [True, False])])
def test_whole_numbers_and_booleans_have_no_gradient_whatever_a_rule_sends(dtype: Any, given: Any) -> None:
    picked = rule(forward=lambda x: x / 2, backward=lambda g, y, x: (g,))
    graph = cr.Graph(cr.Sum(picked(cr.Input("x", (2,), dtype=dtype), name="y")))
    run = graph.forward({"x": given})
    assert "x" not in run.backward()
    assert "y" in run.gradients


def test_labels_that_are_computed_are_let_through() -> None:
    """Only labels that are fed are looked at before anything is computed, and predictions are no labels."""
    a, share = cr.Input("A", (1, "m")), cr.Input("share", (1, "m"))
    run = cr.Graph(cr.BCELoss(a, share / 2.0, name="L")).forward({"A": [[0.5, 0.5]], "share": [[2.0, 0.0]]})
    np.testing.assert_allclose(run["L"], np.log(2), rtol=1e-15)


def test_a_graph_is_a_sequence_of_its_nodes() -> None:
    graph = two_layers()
    assert list(graph) == list(graph.order)
    assert len(graph) == 13


def test_whole_numbers_alone_are_computed_in_double_precision() -> None:
    x = cr.Input("x", (3,), dtype=int)
    run = cr.Graph(cr.Mean(x, name="mean")).forward({"x": [1, 2, 4]})
    assert run["mean"].dtype == np.float64
    np.testing.assert_allclose(run["mean"], 7 / 3, rtol=1e-15)


def test_a_sweep_is_unchecked_unless_it_is_asked_for() -> None:
    graph = cr.Graph(cr.Sqrt(cr.Input("x"), name="y"))
    with np.errstate(divide="ignore"):
        gradients, received = graph.sweep([np.asarray(0.0), np.asarray(0.0)])
    assert gradients == [np.inf, 1.0]
    assert [len(uses) for uses in received] == [1, 0]


def test_parameters_start_from_seed_0() -> None:
    graph = two_layers()
    np.testing.assert_array_equal(graph.initialize()["W1"], graph.initialize(seed=0)["W1"])
    assert not np.array_equal(graph.initialize(seed=1)["W1"], graph.initialize(seed=0)["W1"])
    assert graph.initialize(dtype=np.float32)["W1"].dtype == np.float32


def test_formulas_are_read_off_by_the_convention_that_is_asked_for() -> None:
    graph = two_layers()
    assert str(graph.derivation()) == str(derivation(graph, "mean"))
    assert str(graph.derivation("per-example")) == str(derivation(graph, "per-example")) != str(graph.derivation())


def test_formulas_are_judged_on_what_is_asked_for() -> None:
    graph = two_layers()
    per_example = {"dZ2": "A2 - Y", "dW2": "dZ2 @ A1.T / m"}
    assert graph.check(per_example).convention == "per-example"
    assert not graph.check(per_example, convention="mean").ok
    numbers = graph.forward(FEEDS).backward()["W2"]
    assert graph.check({"dW2": numbers}, FEEDS).ok  # an array is right on these feeds alone
    assert not graph.check({"dW2": numbers}, {**FEEDS, "A0": -FEEDS["A0"]}).ok


def test_formulas_are_judged_on_data_drawn_from_the_seed() -> None:
    graph = two_layers()
    seen: list[Any] = []

    def formula(A2: Any, Y: Any, m: Any) -> Any:
        seen.append(A2)
        return (A2 - Y) / m

    for drawn in ({}, {"seed": 0}, {"seed": 7}):
        graph.check({"dZ2": formula}, **drawn)
    first, same, other = np.array_split(np.arange(len(seen)), 3)
    assert len(first) == len(same) == len(other) > 0
    assert all(np.array_equal(seen[a], seen[b]) for a, b in zip(first, same, strict=True))
    assert not any(np.array_equal(seen[a], seen[b]) for a, b in zip(first, other, strict=True))


def test_gradients_are_checked_on_the_feeds_and_by_the_options_that_are_given() -> None:
    graph = two_layers()
    reports = [graph.check_gradients(FEEDS), graph.check_gradients(FEEDS, nodes="W1", seed=3)]
    assert [str(report) for report in reports] == [
        str(check_gradients(graph, FEEDS)),
        str(check_gradients(graph, FEEDS, nodes="W1", seed=3)),
    ]
    assert str(reports[0]) != str(reports[1])


def test_a_picture_is_drawn_of_the_view_and_by_the_options_that_are_given() -> None:
    graph = two_layers()
    views = [graph.draw(), graph.draw("formulas"), graph.draw("formulas", direction="down")]
    assert [view.dot for view in views] == [
        draw_graph(graph).dot,
        draw_graph(graph, "formulas").dot,
        draw_graph(graph, "formulas", direction="down").dot,
    ]
    assert len({view.dot for view in views}) == 3


def test_a_plan_has_the_gradients_the_backend_and_the_update_that_are_asked_for() -> None:
    graph = two_layers()
    loss, gradients = graph.compile()(FEEDS)
    np.testing.assert_allclose(loss, graph.forward(FEEDS)["L"], rtol=1e-14)
    assert list(gradients) == ["W1", "B1", "W2", "B2"]
    assert list(graph.compile(["A0"])(FEEDS)[1]) == ["A0"]
    with pytest.raises(cr.errors.ArgumentError, match="fortran"):
        graph.compile(backend="fortran")  # type: ignore[call-overload]  # wrong on purpose
    _, after = graph.compile(["W1"], update=SGD(0.5))(FEEDS)
    np.testing.assert_allclose(after["W1"], FEEDS["W1"] - 0.5 * gradients["W1"], rtol=1e-14)


@pytest.mark.parametrize("seed", range(40))
def test_the_order_is_that_of_building_and_survives_a_pickle(seed: int) -> None:
    """Random graphs, built in a random order of leaves and steps; names of nodes without one follow it."""
    rng = np.random.default_rng(seed)
    built: list[cr.Node] = [cr.Input("x0", (2,))]
    for k in range(1, 14):
        if rng.random() < 0.25:
            built.append(cr.Parameter(f"x{k}", (2,)))
            continue
        a, b = (built[int(place)] for place in rng.integers(0, len(built), 2))
        built.append(a * b if rng.random() < 0.5 else cr.Sin(a + b))
    ends = [node for node in built if not any(node in other.inputs for other in built)]
    graph = cr.Graph(*(ends[int(k)] for k in rng.permutation(len(ends))))
    places = [node.built for node in graph.order]
    assert places == sorted(places)
    again = pickle.loads(pickle.dumps(graph))
    assert again.names == graph.names
    assert again.sources == graph.sources


def test_rewritten_nodes_stand_where_the_ones_stood_that_they_replace() -> None:
    fused, opened = two_layers().fuse(), two_layers().expand("A1")
    assert list(fused.names) == ["A0", "Y", "W1", "matmul_1", "B1", "Z1", "A1", "W2", "matmul_2", "B2", "Z2", "A2", "L"]
    assert opened.names.index("A1") < opened.names.index("W2")


def test_the_inputs_of_a_node_that_is_built_early_may_be_built_late() -> None:
    x, w = cr.Input("x"), cr.Parameter("w")
    early = (x * x).relabel("early", like=x)
    graph = cr.Graph(cr.Add((w * early).relabel("late", like=x), w, name="L"))
    assert list(graph.names) == ["x", "early", "w", "late", "L"]
