"""Networks written in rows are those in columns, transposed: loss, gradients, plans, derivations, verdicts."""

import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from printed_lines import evaluated
from two_layouts import LOSSES, NAMES, OUTPUTS, REDUCTIONS, Pair

import chainrule as cr
from chainrule.plan.plan import compile_graph
from chainrule.samples.sampling import sample_feeds

SEEDS = range(3 * len(LOSSES) * len(REDUCTIONS))  # every loss with every reduction three times

# The two layouts add the same numbers in another order: some dozen roundings of 1e-16, of gradients that are mostly
# about 1. Where terms cancel, what is lost is relative to the largest entry.
TOLERANCE = 1e-12


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


@pytest.mark.parametrize("seed", [21, 42, 49])  # of one layer: every loop takes seconds to compile
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


# --- what is said ----------------------------------------------------------------------------------------------------


def logistic(m: Any = "m", reduction: str = "mean") -> cr.Graph:
    X, Y, W = cr.Input("X", (m, 3)), cr.Input("Y", (m, 1)), cr.Parameter("W", (3, 1))
    A = cr.Sigmoid(cr.Add(X @ W, cr.Parameter("b", (1, 1)), name="Z"), name="A")
    return cr.Graph(cr.BCELoss(A, Y, name="L", reduction=reduction, **({"examples": 0} if m != "m" else {})))


def classifier() -> cr.Graph:
    """The cross-entropy as people build it, of a logarithm, a sum and a mean."""
    X, Y = cr.Input("X", ("m", 2)), cr.Input("Y", ("m", 3))
    z = cr.Add(X @ cr.Parameter("W", (2, 3)), cr.Parameter("b", (1, 3)), name="z")
    probs = cr.Softmax(z, name="probs")
    return cr.Graph(cr.Mean(cr.Sum(-(Y * cr.Log(probs)), axis=1), name="loss"))


def test_either_convention_is_right_in_rows():
    mean = logistic().check({"dZ": "(A - Y) / m", "dW": "X.T @ dZ", "db": "np.sum(dZ, axis=0, keepdims=True)"})
    each = logistic().check({"dZ": "A - Y", "dW": "X.T @ dZ / m", "db": "np.sum(dZ, axis=0, keepdims=True) / m"})
    assert (mean.ok, mean.convention, each.ok, each.convention) == (True, "mean", True, "per-example")


def test_a_convention_that_is_asked_for_holds_in_rows():
    chain = {"dW": "X.T @ dz / m", "db": "np.sum(dz, axis=0, keepdims=True) / m"}
    assert classifier().check(chain, convention="per-example").ok
    assert not classifier().check(chain, convention="mean").ok


def test_a_verdict_speaks_of_rows():
    report = logistic().check({"dZ": "A - Y", "dW": "X.T @ dZ"})
    assert report["dW"].diagnosis == ("1/m is missing: dZ is per example, so a sum over rows has to be divided by m")
    assert report["dW"].repair == "X.T @ dZ / m"
    right = str(logistic().check({"dZ": "A - Y", "dW": "X.T @ dZ / m"}))
    assert "the division by m stands where rows are summed" in " ".join(right.split())
    wrong_size = logistic().check({"dZ": "A - Y", "dW": "X.T @ dZ / X.shape[1]"})["dW"]
    assert wrong_size.diagnosis == "X.shape[1] should be X.shape[0]"
    assert wrong_size.repair == "X.T @ dZ / X.shape[0]"


@pytest.mark.parametrize(
    ("formulas", "repair"),
    [
        ({"dZ": "A - Y", "dW": "dZ.T @ X / m"}, "X.T @ dZ / m"),
        ({"dZ": "A - Y", "db": "np.sum(dZ, axis=1, keepdims=True) / m"}, "np.sum(dZ, axis=0, keepdims=True) / m"),
        ({"dZ": "A - Y", "dW": "X @ dZ / m"}, "X.T @ dZ / m"),
        ({"dZ": "(A - Y) / m", "dW": "X.T @ dZ / m"}, "X.T @ dZ"),
    ],
    ids=str,
)
def test_mistakes_in_rows_are_repaired_in_rows(formulas, repair):
    (name,) = formulas.keys() - {"dZ"}
    graph = logistic()
    found = graph.check(formulas)[name].repair
    assert graph.check({**formulas, name: found}).ok
    assert found == repair or name == "dW"


def test_per_example_without_a_named_size_is_refused_with_four_parts():
    graph = logistic(m=5)
    for ask in (
        lambda: graph.check({"dZ": "A - Y"}, convention="per-example"),
        lambda: graph.derivation("per-example"),
    ):
        with pytest.raises(cr.errors.ArgumentError, match=r"no .*mean over a named size") as caught:
            ask()
        error = caught.value
        assert "BCELoss 'L'" in error.where
        assert "X (5, 3)" in error.given
        assert 'shape=(2, "m")' in error.remedy


def test_per_example_is_as_it_was_where_nothing_is_divided():
    graph = logistic(reduction="sum")
    assert str(graph.derivation("per-example")["dZ"]) == str(graph.derivation()["dZ"]) == "A - Y"
    assert graph.check({"dZ": "A - Y", "dW": "X.T @ dZ"}, convention="per-example").ok


@pytest.mark.parametrize("kind", [cr.BCELoss, cr.SigmoidBCELoss, cr.MSELoss, cr.HingeLoss])
@pytest.mark.parametrize("shape", [(3, "m"), ("m", 3)], ids=str)
def test_a_derivation_says_that_several_outputs_are_added_up(kind, shape):
    a, y = cr.Parameter("a", shape), cr.Input("y", shape)
    text = "# L adds up the 3 entries of each example: 3 times the mean over all entries"
    assert text in str(cr.Graph(kind(a, y, name="L")).derivation()).splitlines()
    assert "adds up" not in str(cr.Graph(kind(a, y, name="L", reduction="sum")).derivation())


def test_one_output_and_classes_need_no_remark():
    one, labels = cr.Parameter("a", ("m", 1)), cr.Input("y", ("m", 1))
    p, classes = cr.Parameter("p", ("m", 3)), cr.Input("y", ("m", 3))
    for loss in (cr.MSELoss(one, labels), cr.CrossEntropyLoss(p, classes), cr.SoftmaxCrossEntropyLoss(p, classes)):
        assert "adds up" not in str(cr.Graph(loss).derivation())


def test_a_squared_error_is_so_many_times_the_mean_as_the_remark_says():
    a, y = np.arange(12.0).reshape(4, 3), np.ones((4, 3))
    loss = cr.Graph(cr.MSELoss(cr.Input("a", ("m", 3)), cr.Input("y", ("m", 3)), name="L"))
    assert loss.forward({"a": a, "y": y})["L"] == pytest.approx(3 * np.mean((a - y) ** 2), rel=1e-15)


def test_per_example_looks_behind_a_mean_of_squares():
    """Found by the pairs: the 1/m of a mean that is stretched over its entries was not seen."""
    each = cr.MSELoss(cr.Parameter("Z", (3, "m")), cr.Input("Y", (3, "m")), reduction="none", name="each")
    derivation = cr.Graph(cr.Mean(cr.Square(each), name="L")).derivation("per-example")
    assert str(derivation["deach"]) == "2 * each"


def test_feeds_that_are_columns_are_told_that_examples_are_rows():
    feeds = {"X": np.ones((3, 7)), "Y": np.ones((7, 1)), "W": np.ones((3, 1)), "b": np.ones((1, 1))}
    with pytest.raises(cr.errors.FeedError) as caught:
        logistic().forward(feeds)
    assert caught.value.remedy == "feed the transpose of X: examples are rows"
    with pytest.raises(cr.errors.FeedError) as caught:
        logistic().forward({**feeds, "X": np.ones((7, 4))})
    assert caught.value.remedy == "examples are rows: m of them are an array of m rows"


@pytest.mark.parametrize(("shape", "index"), [(("m", 1), "[:, None]"), ((1, "m"), "[None]"), ((7, 1), "[:, None]")])
def test_labels_without_a_second_axis_are_told_how_they_get_one(shape, index):
    graph = cr.Graph(cr.Sum(cr.Input("Y", shape), name="S"))
    with pytest.raises(cr.errors.FeedError) as caught:
        graph.forward({"Y": np.ones(7)})
    assert caught.value.remedy == f"np.asarray(Y){index} has the axis that is missing"
    told = {"[:, None]": np.ones(7)[:, None], "[None]": np.ones(7)[None]}[index]
    assert graph.forward({"Y": told})["S"] == 7


def test_training_finds_the_size_that_the_loss_counts():
    X, Y = cr.Input("X", ("n", 2)), cr.Input("Y", ("n", 1))
    loss = cr.MSELoss(X @ cr.Parameter("W", (2, 1)), Y, name="L")
    params, feeds = {"W": np.zeros((2, 1))}, {"X": np.ones((6, 2)), "Y": np.ones((6, 1))}
    plan = {"epochs": 1, "batch_size": 4, "progress": False}
    assert len(cr.train(cr.Graph(loss), params, feeds, **plan).losses) == 2
    assert len(cr.train(cr.Graph(loss), params, feeds, columns="n", **plan).losses) == 2
    with pytest.raises(ValueError, match=r"(?s)none is called 'm'.*X \(n, 2\), Y \(n, 1\).*columns=\"n\"$"):
        cr.train(cr.Graph(loss), params, feeds, columns="m", **plan)


def test_training_says_what_to_name_where_nothing_has_a_name():
    w, x = cr.Parameter("w", (2,)), cr.Input("x", (2,))
    graph = cr.Graph(cr.Sum(w * x, name="L"))
    with pytest.raises(ValueError, match=r"(?s)none has a name.*x \(2,\).*a named size"):
        cr.train(graph, {"w": np.ones(2)}, {"x": np.ones(2)}, batch_size=1, progress=False)
