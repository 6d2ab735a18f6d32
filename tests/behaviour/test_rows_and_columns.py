"""Networks written in rows are those in columns, transposed: loss, gradients, plans, derivations, verdicts."""

import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from two_layouts import LOSSES, NAMES, OUTPUTS, REDUCTIONS, Pair

import chainrule as cr
from chainrule.plan.plan import compile_graph
from chainrule.samples.sampling import sample_feeds
from chainrule.symbols import elementary
from chainrule.symbols.broadcasting import unbroadcast

SEEDS = range(3 * len(LOSSES) * len(REDUCTIONS))  # every loss with every reduction three times

# The two layouts add the same numbers in another order: some dozen roundings of 1e-16, of gradients that are mostly
# about 1. Where terms cancel, what is lost is relative to the largest entry.
TOLERANCE = 1e-12

FUNCTIONS = {name: function for name, function in vars(elementary).items() if hasattr(function, "__wrapped__")}


def assert_equal(found: Any, expected: Any, what: str) -> None:
    assert np.shape(found) == np.shape(expected), what
    size = max(np.abs(expected).max(initial=0.0), 1e-3)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * size, err_msg=what)


def run_of(layout: Any, feeds: Any, graph: Any = None) -> Any:
    run = (graph or layout.graph).forward(layout.feeds(feeds))
    run.backward()
    return run


@pytest.fixture(scope="module")
def pairs() -> dict[int, Pair]:
    return {seed: Pair(seed) for seed in SEEDS}


# --- what is computed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_loss_and_gradients_of_rows_are_those_of_columns_transposed(seed, pairs):
    pair = pairs[seed]
    columns, rows = (run_of(layout, pair.feeds) for layout in (pair.columns, pair.rows))
    for name in pair.names:
        turned = not name.startswith("W") or name in pair.rows.turned
        as_columns = pair.rows.as_columns if turned else np.asarray
        assert_equal(as_columns(rows[name]), columns[name], name)
        assert (name in rows.gradients) == (name in columns.gradients), name
        if name in columns.gradients:
            assert_equal(as_columns(rows[f"d{name}"]), columns[f"d{name}"], f"d{name}")


@pytest.mark.parametrize("seed", SEEDS)
def test_rewritten_rows_compute_the_same(seed, pairs):
    layout, feeds = pairs[seed].rows, pairs[seed].feeds
    expected, end = run_of(layout, feeds), layout.graph.outputs[0].name
    copied = pickle.loads(pickle.dumps(layout.graph))
    graphs = {"fused": layout.graph.fuse(), "opened": layout.graph.expand(), "pickled": copied}
    for what, graph in graphs.items():
        run = run_of(layout, feeds, graph)
        assert_equal(run[end], expected[end], what)
        for parameter in graph.parameters:
            assert_equal(run.gradients[parameter], expected.gradients[parameter.name], f"{what}, {parameter.name}")


@pytest.mark.parametrize("seed", SEEDS)
def test_both_layouts_are_fused_alike(seed, pairs):
    both = pairs[seed].columns, pairs[seed].rows
    columns, rows = (Counter(type(node) for node in layout.graph.fuse()) for layout in both)
    assert Counter({kind: count for kind, count in rows.items() if kind is not cr.Transpose}) == columns


@pytest.mark.parametrize("seed", SEEDS[::3])
def test_gradients_agree_with_differences(seed, pairs):
    layout, feeds = pairs[seed].rows, pairs[seed].feeds
    assert layout.graph.check_gradients(layout.feeds(feeds)).ok


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_in_blocks_of_rows_equals_the_run(seed, pairs):
    pair = pairs[seed]
    names = [name for name in pair.names if name in run_of(pair.columns, pair.feeds).gradients]
    for layout in (pair.columns, pair.rows):
        plan, run = compile_graph(layout.graph, names, block=4), run_of(layout, pair.feeds)
        with ThreadPoolExecutor(2) as pool:
            for executor in (None, pool):
                loss, gradients = plan(layout.feeds(pair.feeds), executor=executor)
                assert_equal(loss, run[layout.graph.outputs[0]], "loss")
                for name in names:
                    assert_equal(gradients[name], run.gradients[name], name)


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_are_cut_into_blocks_where_columns_are(seed, pairs):
    columns, rows = (compile_graph(layout.graph).explain() for layout in (pairs[seed].columns, pairs[seed].rows))
    blocks = [line for line in columns.splitlines() if line.startswith("blocks of")]
    assert bool(blocks) == ("blocks of" in rows)
    assert bool(blocks) == (pairs[seed].plan.name is not None)


@pytest.mark.parametrize("seed", [0, 7, 14])  # every loop takes seconds to compile
def test_a_compiled_loop_of_rows_equals_the_run(seed):
    pytest.importorskip("numba")
    pair = Pair(seed, "m")
    plan, run = pair.rows.graph.compile(backend="numba"), run_of(pair.rows, pair.feeds, pair.rows.graph.fuse())
    assert "one compiled loop" in plan.explain()
    loss, gradients = plan(pair.rows.feeds(pair.feeds))
    assert_equal(loss, run[pair.rows.graph.outputs[0].name], "loss")
    for parameter in pair.rows.graph.parameters:
        assert_equal(gradients[parameter.name], run.gradients[parameter.name], parameter.name)


# --- what is written down --------------------------------------------------------------------------------------------


def evaluated(text: str, names: dict[str, Any]) -> Any:
    scope = {"np": np, "unbroadcast": unbroadcast, "values": names, **FUNCTIONS, **names}
    return eval(text, {"__builtins__": {"float": float, "int": int, "bool": bool}}, scope)  # noqa: S307 — the text is the engine's own


def conventions_of(plan: Any) -> list[str]:
    return ["mean", "per-example"] if plan.name and plan.reduction != "sum" else ["mean"]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_line_of_a_derivation_is_right(seed, pairs):
    pair = pairs[seed]
    for layout in (pair.columns, pair.rows):
        run = run_of(layout, pair.feeds)
        for convention in conventions_of(pair.plan):
            assert_lines_are_right(layout, run, convention, pair)


def assert_lines_are_right(layout, run, convention, pair):
    """In the convention per example, gradients of what has examples are those of the mean times m."""
    derivation, graph = layout.graph.derivation(convention), layout.graph
    scaled = (
        {node.name for node in graph.order if pair.plan.name in map(str, node.shape)} if convention != "mean" else ()
    )
    values = {name: run.values[name] for name in graph.names}
    gradients = {f"d{name}": g * (pair.m if name in scaled else 1) for name, g in run.gradients.items()}
    known = {**values, **gradients, **({pair.plan.name: pair.m} if pair.plan.name else {})}
    for name, line in derivation.items():
        found = evaluated(line.text, known)
        assert_equal(np.broadcast_to(found, known[name].shape), known[name], f"{convention}: {name} = {line.text}")


@pytest.mark.parametrize("seed", SEEDS[::4])
def test_the_judge_accepts_the_lines_of_the_derivation(seed, pairs):
    pair = pairs[seed]
    for layout in (pair.columns, pair.rows):
        for convention in conventions_of(pair.plan):
            lines = {name: line.text for name, line in layout.graph.derivation(convention).items() if line.listed}
            report = layout.graph.check(lines, convention=convention)
            assert report.ok, str(report)
            assert layout.graph.check(lines).ok


@pytest.mark.parametrize("seed", SEEDS[:18])
def test_both_layouts_have_the_same_lines_but_for_transposes_and_sums(seed, pairs):
    columns, rows = (layout.graph.derivation() for layout in (pairs[seed].columns, pairs[seed].rows))
    assert set(columns) == set(rows)


# --- where training starts, and what it is fed -----------------------------------------------------------------------


@pytest.mark.parametrize("activation", [cr.ReLU, cr.Tanh])
def test_weights_start_as_they_do_in_columns(activation):
    """He's spread depends on how many values enter: 2 here, whichever axis of the weights they stand on."""
    x, rows = cr.Input("x", (2, "m")), cr.Input("X", ("m", 2))
    V, W = cr.Parameter("W", (7, 2)), cr.Parameter("W", (2, 7))
    products = (V @ x, rows @ W, rows @ V.T, W.T @ x)
    starts = [cr.Graph(cr.Sum(activation(product))).initialize(seed=3)["W"] for product in products]
    assert starts[0].any()
    for start in starts[1:]:
        np.testing.assert_array_equal(np.sort(start, axis=None), np.sort(starts[0], axis=None))


@pytest.mark.parametrize("seed", SEEDS[:6])
def test_labels_drawn_at_random_are_one_hot_along_the_classes(seed, pairs):
    labels = sample_feeds(pairs[seed].rows.graph)["Y"]
    if OUTPUTS[pairs[seed].plan.loss][1] == "one-hot":
        np.testing.assert_array_equal(labels.sum(axis=1), np.ones(len(labels)))


@pytest.mark.parametrize("name", ["m", "n"])
@pytest.mark.parametrize("seed", range(6))
def test_mini_batches_of_rows_train_as_those_of_columns(seed, name):
    pair = Pair(seed, name)
    histories = []
    for layout in (pair.columns, pair.rows):
        feeds = layout.feeds(pair.feeds)
        params = {leaf.name: feeds.pop(leaf.name) for leaf in layout.graph.parameters}
        plan = {"epochs": 3, "batch_size": 4, "progress": False, "optimizer": cr.SGD(0.05)}
        histories.append(cr.train(layout.graph, params, feeds, **plan))
    assert len(histories[0].losses) == 9
    np.testing.assert_allclose(histories[1].losses, histories[0].losses, rtol=1e-10)  # nine steps carry roundings on


def test_the_pairs_are_what_they_promise(pairs):
    plans = [pair.plan for pair in pairs.values()]
    assert {(plan.loss, plan.reduction) for plan in plans} == {(a, b) for a in LOSSES for b in REDUCTIONS}
    assert {plan.name for plan in plans} == set(NAMES)
    assert {activation for plan in plans for activation in plan.activations} >= {cr.Softmax, cr.LogSoftmax, cr.ReLU}
    for facts in ("biases", "residuals", "normalized", "turned"):
        assert {bit for plan in plans for bit in getattr(plan, facts)} == {True, False}, facts
