"""The judge from within: what data formulas meet, in which order lines are judged, and every sentence about them."""

import ast
import functools

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.judging import judge
from chainrule.judging.candidates import candidates as candidates_of
from chainrule.judging.candidates import surroundings
from chainrule.judging.explaining import listed
from chainrule.judging.findings import about_right
from chainrule.judging.given import GivenFormula
from chainrule.judging.ground import Ground, random_draws
from chainrule.judging.judge import names_of
from chainrule.judging.precedence import in_order
from chainrule.judging.reach import distances_from, reachable
from chainrule.judging.rounding import Jitter, slack
from chainrule.nodes.batch_of_graph import batch_name
from chainrule.samples.sampling import sample_feeds
from nets.dnn import build

SMALL = build((2, 3))  # A0 (2, m), W1 (3, 2), B1, Z1, A1 (3, m), L
NET = build((2, 4, 3, 1))
DRAWN = [{"m": 5}, {"m": 7}, {"m": 11}]  # primes that are no size of SMALL


def feeds(m=5, graph=SMALL, dtype=float):
    drawn = sample_feeds(graph, 3, sizes={"m": m})
    return {name: value.astype(dtype) for name, value in drawn.items()}


def summed(n="n"):
    """A graph whose loss is a sum over its columns: y = W x, L = Σ y²."""
    x = cr.Input("x", (2, n))
    return cr.Graph(cr.Sum(cr.Square(cr.MatMul(cr.Parameter("W", (3, 2)), x, name="y")), name="L"))


def told(graph, name, formula, **others):
    """The diagnosis of one line."""
    return graph.check({name: formula, **others})[name].diagnosis


# --- the data ------------------------------------------------------------------------------------------------------


def test_formulas_meet_three_tame_draws_first_and_the_same_seed_draws_the_same():
    for options, seed in (({}, 0), ({"seed": 4}, 4)):
        met = []

        def own(A0, W1, m, met=met):
            met.append((m, A0, W1))
            return A0

        judge.check(SMALL, {"own": own}, **options)
        for k, (m, A0, W1) in enumerate(met[:3]):
            expected = sample_feeds(SMALL, seed + k, sizes=DRAWN[k])
            assert m == DRAWN[k]["m"]
            np.testing.assert_array_equal(A0, expected["A0"])
            np.testing.assert_array_equal(W1, expected["W1"])


def test_behind_the_tame_draws_come_wild_ones_and_one_with_labels_that_are_shares():
    draws = random_draws(SMALL, 0, given=False)
    assert [draw.sizes["m"] for draw in draws] == [5, 7, 11, 5, 7, 11, 11, 5]
    spans = [np.ptp(np.log10(np.abs(draw.values["W1"]))) for draw in draws]
    assert min(spans[3:5]) > max(spans[:3])
    assert [set(np.unique(draw.values["Y"])) <= {0, 1} for draw in draws] == [True] * 7 + [False]
    assert [draw.only for draw in draws] == [""] * 7 + ["right for labels 0 and 1 only"]


@pytest.mark.parametrize("convention", ["auto", "mean", "per-example"])
def test_a_line_meets_both_conventions_on_every_draw_and_then_the_chain_in_one(convention):
    met = []

    def own(values):
        right = SMALL.forward({name: values[name] for name in ("A0", "W1", "B1", "Y")}).backward()
        met.append((values["m"], *(float((values[f"d{name}"] / right[name]).max()) for name in ("Z1", "W1"))))
        return 0

    SMALL.check({"own": own}, convention=convention)
    sizes = (5, 7, 11, 5, 7, 11, 11, 5)
    mean, per_example = [(m, 1, 1) for m in sizes], [(m, m, 1) for m in sizes]
    # a product with m and a quotient: two roundings; what is more than asked of labels is no part of the chain
    expected = mean[:1] + mean + per_example + (per_example if convention == "per-example" else mean)[:7]
    # far off the gradients are those of the fused loss: the plain run behind a sigmoid has lost some of its digits
    np.testing.assert_allclose(met[:1] + met[1:], expected, rtol=1e-10)


def test_what_a_line_is_handed_is_read_only_and_of_the_type_of_the_run():
    met = []

    def own(values):
        met.extend((name, v.flags.writeable, v.dtype) for name, v in values.items() if isinstance(v, np.ndarray))
        assert values["m"] == 5
        return values["A1"]

    run = SMALL.forward(feeds(dtype=np.float32))
    run.compare({"own": own, "dZ1": "A1 - Y"})
    assert {name for name, _, _ in met} == {*SMALL.names, *(f"d{name}" for name in SMALL.names if name != "Y")}
    assert {(writeable, dtype) for _, writeable, dtype in met} == {(False, np.dtype(np.float32))}


def test_a_line_is_handed_results_of_ones_own_read_only_and_as_fractions():
    met = []

    def second(first):
        met.append((first.flags.writeable, first.dtype.kind, first.tolist()))
        return first

    assert [v.verdict for v in SMALL.check({"first": lambda A0: A0.shape[0], "second": second})] == ["kept", "kept"]
    assert set(map(str, met)) == {"(False, 'f', 2.0)"}
    met.clear()
    run = SMALL.forward(feeds(dtype=np.float32))
    kinds = {"whole": lambda A0: A0.astype(int), "half": lambda A0: A0 / 2}
    run.compare({**kinds, "last": lambda whole, half: met.append((whole.dtype, half.dtype)) or 0})
    assert set(met) == {(np.dtype(float), np.dtype(np.float32))}
    assert SMALL.check({"first": lambda A0: A0 > 1e9, "dZ1": "(A1 - Y) / m + first.sum()"}).ok


def test_data_of_ones_own_is_all_that_callables_meet_and_is_met_by_text_too():
    met = []

    def own(m):
        met.append(m)
        return m

    assert SMALL.check({"own": own, "A1": "sigmoid(Z1)"}, feeds(m=17)).ok
    assert set(met) == {17}
    # on the random draws m is never 17
    assert SMALL.check({"A1": "sigmoid(Z1) + (m == 17)"})["A1"].own
    assert not SMALL.check({"A1": "sigmoid(Z1) + (m == 17)"}, feeds(m=17))["A1"].own
    assert not SMALL.check({"A1": "sigmoid(Z1) + (m != 17)"}, feeds(m=17))["A1"].own
    assert SMALL.forward(feeds(m=17)).compare({"A1": "sigmoid(Z1) + (m != 17)"}).ok


def test_an_output_that_is_no_number_starts_from_random_gradients_of_the_seed():
    def started(judged):
        met = []
        judged({"own": lambda dy: met.append(dy) or 0})
        return met

    graph = cr.Graph(cr.Tanh(cr.Input("x", (2, "m")), name="y"))
    first, second = (started(functools.partial(graph.check, seed=seed)) for seed in (0, 1))
    assert [dy.shape for dy in first[:3]] == [(2, 5), (2, 7), (2, 11)]
    np.testing.assert_array_equal(first[1], started(graph.check)[1])
    np.testing.assert_array_equal(first[1], np.random.default_rng(1).uniform(0.5, 1.5, (2, 7)))
    np.testing.assert_array_equal(second[0], np.random.default_rng(1).uniform(0.5, 1.5, (2, 5)))
    given = {"x": np.ones((2, 5))}
    np.testing.assert_array_equal(started(graph.forward(given).compare)[0], first[0])
    np.testing.assert_array_equal(started(functools.partial(graph.check, feeds=given, seed=1))[0], second[0])


class Refusing(cr.Node):
    """A rule that takes no data but zeros."""

    def forward(self, x):
        if np.any(x):
            raise ValueError("zeros alone")
        return x

    def backward(self, grad, y, x):
        return (grad,)


def test_where_no_data_can_be_drawn_the_data_given_is_enough():
    graph = cr.Graph(Refusing(cr.Input("x", (2, 3)), name="y"))
    assert graph.check({"dx": "dy"}, {"x": np.zeros((2, 3))}).ok
    with pytest.raises(ArgumentError) as caught:
        graph.check({"dx": "dy"})
    lines = str(caught.value).splitlines()
    assert lines[0] == "no data could be drawn at random for this graph"
    assert lines[1].startswith("  given: ")
    assert "ValueError: zeros alone" in lines[1]
    assert lines[2:] == ["  try:   graph.check(formulas, feeds)"]


def test_a_callable_is_handed_values_gradients_and_sizes_by_name():
    x, w = cr.Input("x", (2, "m")), cr.Parameter("w", (2, 1))
    graph = cr.Graph(cr.Sum(cr.Multiply(x, w, name="y"), name="L"))
    given = {"x": np.ones((2, 4)), "w": np.array([[2.0], [3.0]])}
    met = []
    graph.check({"own": lambda w, dw, m: met.append((w.tolist(), dw.tolist(), m)) or 0}, given)
    assert met[0] == ([[2.0], [3.0]], [[4.0], [4.0]], 4)


def test_the_names_that_formulas_may_use_are_values_then_gradients_then_sizes():
    table = cr.Parameter("table", ("vocabulary", 3))
    graph = cr.Graph(cr.Sum(cr.Gather(table, cr.Input("ids", ("m", "b"), dtype=int), name="rows"), name="L"))
    assert names_of(graph) == ["table", "ids", "rows", "L", "dtable", "dids", "drows", "dL", "b", "m"]
    x = cr.Input("x")
    assert names_of(cr.Graph(cr.Multiply(x, cr.Input("w"), name="y"))) == ["x", "w", "y", "dx", "dw", "dy"]


# --- saturated data ------------------------------------------------------------------------------------------------


def saturated(also=(), **options):
    """A single weight of 1 before a sigmoid and its loss, run on z = 40 and -40: A is 1 there, or nearly 0."""
    x, Y = cr.Input("x", (1, "m")), cr.Input("Y", (1, "m"))
    Z = cr.MatMul(cr.Parameter("W", (1, 1)), x, name="Z")
    L = cr.BCELoss(cr.Sigmoid(Z, name="A"), Y, name="L", **options)
    graph = cr.Graph(L, *(node(L) for node in also))
    return graph, {"W": [[1.0]], "x": [[40.0, -40.0]], "Y": [[0.0, 1.0]]}


def test_gradients_behind_a_fused_loss_are_right_where_the_activation_is_one():
    graph, given = saturated()
    met = []
    graph.check({"own": lambda dZ, dx, dA: met.append((dZ, dx, dA)) or 0}, given, convention="mean")
    # dL/dz is σ(z) for a label of 0 and -σ(-z) for 1, over two columns; 1 - σ(40) is 4e-18
    for dZ, dx, _ in met[:1]:
        np.testing.assert_allclose(dZ, [[0.5, -0.5]], rtol=1e-15)
        np.testing.assert_allclose(dx, [[0.5, -0.5]], rtol=1e-15)


def test_a_loss_that_is_read_by_another_node_keeps_the_gradients_of_the_graph():
    graph, given = saturated(also=[lambda L: cr.Multiply(L, 3.0, name="K")])
    seen = []
    with np.errstate(all="ignore"):
        run = graph.forward(given)
    run.compare({"own": lambda dZ, dL: seen.append((dZ, dL)) or 0}, convention="mean")
    with np.errstate(all="ignore"):
        right = run.backward({"L": 1.0, "K": 1.0})
    assert seen[0][1] == right["L"] == 4
    np.testing.assert_array_equal(seen[0][0], right["Z"])


def test_a_seed_reaches_the_gradients_behind_a_fused_loss():
    graph, given = saturated()
    with np.errstate(all="ignore"):
        run = graph.forward(given)
        run.backward(seed=3.0)
    met = []
    run.compare({"own": lambda dZ: met.append(dZ) or 0}, convention="mean")
    np.testing.assert_allclose(met[0], [[1.5, -1.5]], rtol=1e-15)


def test_a_line_of_ones_own_that_is_computed_is_not_what_makes_others_wrong():
    lines = {"h": "A2.T * 1", "dZ3": "Y - A3", "dW3": "dZ3 @ h / m", "broken": "A2 @ A2", "dB3": "dZ3 @ broken"}
    report = NET.check(lines, convention="per-example")
    assert report["dW3"].because == ("dZ3",)
    assert report["h"].verdict == "kept"
    assert report["broken"].verdict == "wrong"


def test_two_fused_losses_are_both_followed():
    x, Y = cr.Input("x", (1, "m")), cr.Input("Y", (1, "m"))
    Z = cr.Multiply(x, 1.0, name="Z")
    losses = [cr.BCELoss(cr.Sigmoid(Z, name=f"A{k}"), Y, name=f"L{k}", reduction="sum") for k in (1, 2)]
    graph = cr.Graph(*losses, cr.Sum(x, name="S"))
    given = {"x": np.array([[40.0, -3.0]], np.float32), "Y": np.array([[0, 1]], np.float32)}
    met = []
    graph.check({"own": lambda dZ: met.append(dZ) or 0}, given)
    slope = 1 / (1 + np.exp(3.0))
    # float32 has seven digits
    np.testing.assert_allclose(met[0], [[2.0, 2 * slope - 2]], rtol=1e-6)


# --- where 1/m stands ----------------------------------------------------------------------------------------------


def in_columns(*shapes, loss=cr.Mean):
    """A graph of products W1 x1 + W2 x2 ..., with a loss of the squares."""
    terms = [
        cr.MatMul(cr.Parameter(f"W{k}", (3, 2)), cr.Input(f"x{k}", shape)) for k, shape in enumerate(shapes, start=1)
    ]
    return cr.Graph(loss(cr.Square(functools.reduce(cr.Add, terms)), name="L"))


def test_the_columns_are_the_last_named_size_of_an_input_before_other_axes_and_m_before_others():
    def batch(*shapes):
        return batch_name(cr.Graph(*(cr.Sum(cr.Input(f"x{k}", shape)) for k, shape in enumerate(shapes)))) or ""

    assert batch((2, "n"), (2, "k")) == "n"
    assert batch((2, "n"), (2, "m")) == "m"
    assert batch(("m", "n")) == "n"
    assert batch(("m", 3)) == "m"
    assert batch(("m", 3), (2, "k")) == "k"
    assert batch((), (3,), ("b",)) == "b"
    m = cr.Input("x", ("m",)).shape[0]
    assert batch((2, 2 * m), (2, m + 1)) == ""
    assert batch((2, 2 * m), (2, "k")) == "k"


def test_a_loss_is_a_mean_when_every_column_twice_leaves_it_as_it_is():
    def conventions(graph):
        draws = random_draws(graph, 0, given=False)
        return Ground(graph, draws).conventions

    assert conventions(SMALL) == ("mean", "per-example")
    assert conventions(in_columns((2, "m"))) == ("mean", "per-example")
    assert conventions(in_columns((2, "m"), (2, "m"), loss=cr.Sum)) == ("mean",)
    assert conventions(in_columns((2, 5))) == ("mean",)
    # a loss that is no number
    x = cr.Input("x", (2, "m"))
    assert conventions(cr.Graph(cr.Mean(x, axis=1, name="y"))) == ("mean",)
    assert conventions(cr.Graph(cr.Mean(x, name="y"), cr.Sum(x, name="s"))) == ("mean",)
    assert conventions(cr.Graph(cr.Sum(x, name="s"), cr.Mean(x, name="y"))) == ("mean",)
    # 2 m columns beside m: with m doubled, and 2 m left as it is, they do not fit
    wide = cr.Input("wide", (1, 2 * x.shape[1]))
    both = cr.Concatenate(cr.Concatenate(x, x, axis=1), wide, axis=0)
    assert conventions(cr.Graph(cr.Mean(both, name="y"))) == ("mean",)


def test_only_what_has_columns_is_per_example():
    draws = random_draws(SMALL, 0, given=False)
    assert Ground(SMALL, draws).scaled == {"dA0", "dY", "dmatmul_1", "dZ1", "dA1"}
    assert Ground(summed(), random_draws(summed(), 0, given=False)).scaled == frozenset()


def test_the_columns_go_by_their_own_name_in_every_text():
    x = cr.Input("x", (2, "n"))
    graph = cr.Graph(cr.Mean(cr.Square(cr.MatMul(cr.Parameter("W", (1, 2)), x, name="y"), name="q"), name="L"))
    report = graph.check({"dy": "2 * y", "dW": "dy @ x.T"}, convention="mean")
    assert report["dy"].diagnosis == "1/n is missing: dy is per example here, while dW has 1/n in every gradient"
    assert str(report).startswith("Convention: a mixture")
    assert str(graph.check({"dy": "2 * y / n"})).startswith(
        "Convention: gradients of the mean loss: the division by n stands in the first\ngradient, and nowhere else.\n"
    )


MIXTURES = [
    # right in the other convention only: a gradient with columns, and one without
    ({"dZ1": "A1 - Y"}, "mean", "1/m is missing: dZ1 is per example here, while {other} has 1/m in every gradient"),
    ({"dW1": "dZ1 @ A0.T / m"}, "mean", "dW1 divides by m again though {read} already did"),
    (
        {"dZ1": "(A1 - Y) / m"},
        "per-example",
        "dZ1 divides by m already, while {other} leaves that to the parameters' gradients",
    ),
    (
        {"dW1": "dZ1 @ A0.T"},
        "per-example",
        "1/m is missing: {read} is per example, so a sum over columns has to be divided by m",
    ),
]


@pytest.mark.parametrize(("line", "convention", "sentence"), MIXTURES)
def test_a_line_in_the_other_convention_is_told_what_it_lacks(line, convention, sentence):
    report = SMALL.check(line, convention=convention)
    [verdict] = report
    assert report.convention == "mixed"
    assert verdict.convention is None
    assert verdict.diagnosis == sentence.format(other="the convention asked for", read="the gradient that it reads")
    repaired = {"A1 - Y": "(A1 - Y) / m", "dZ1 @ A0.T / m": "dZ1 @ A0.T"}
    there = repaired | {right: wrong for wrong, right in repaired.items()}
    assert verdict.repair == there[line[verdict.name]]


@pytest.mark.parametrize(("line", "convention", "sentence"), MIXTURES)
def test_a_line_in_the_other_convention_is_told_the_line_that_settles_it(line, convention, sentence):
    settling = {"mean": "dZ1.sum(axis=1, keepdims=True)", "per-example": "dZ1.sum(axis=1, keepdims=True) / m"}
    report = SMALL.check({**line, "dB1": settling[convention]}, convention=convention)
    name = next(iter(line))
    assert report["dB1"].convention == convention
    assert report[name].diagnosis == sentence.format(other="dB1", read="dB1")


def test_the_line_that_settles_the_convention_is_one_that_is_read_before_others():
    lines = {"dZ3": "A3 - Y", "dB3": "dZ3.sum(axis=1, keepdims=True) / m", "dZ2": "W3.T @ dZ3 * A2 * (1 - A2)"}
    report = NET.check({"dB3": lines["dB3"], "dW2": "dZ2 @ A1.T", "dZ2": lines["dZ2"], "dZ3": lines["dZ3"]})
    assert report["dW2"].diagnosis == (
        "1/m is missing: dZ3 is per example, so a sum over columns has to be divided by m"
    )
    report = NET.check({"dB3": lines["dB3"], "dB2": lines["dB3"].replace("3", "2"), "dW2": "dZ2 @ A1.T"})
    assert report["dW2"].diagnosis == (
        "1/m is missing: dB3 is per example, so a sum over columns has to be divided by m"
    )


def test_the_convention_is_that_of_most_lines_and_of_the_first_when_they_are_even():
    mean, per_example = {"dZ1": "(A1 - Y) / m"}, {"dW1": "dZ1 @ A0.T / m"}
    both = {**mean, **per_example}
    report = SMALL.check(both)
    assert (report.convention, report["dZ1"].convention, report["dW1"].convention) == ("mixed", "mean", None)
    report = SMALL.check({**both, "dB1": "dZ1.sum(axis=1, keepdims=True) / m"})
    assert [verdict.convention for verdict in report] == [None, "per-example", "per-example"]
    report = SMALL.check({**both, "dB1": "dZ1.sum(axis=1, keepdims=True)"})
    assert [verdict.convention for verdict in report] == ["mean", None, "mean"]
    report = judge.compare(SMALL.forward(feeds()), both)
    assert [verdict.convention for verdict in report] == ["mean", None]
    # the first on the way back from the loss, not the first that was written
    report = SMALL.check({"dW1": "dZ1 @ A0.T", "dZ1": "A1 - Y"})
    assert [verdict.convention for verdict in report] == [None, "per-example"]


def test_a_line_that_is_right_either_way_takes_no_side():
    report = SMALL.check({"A1": "sigmoid(Z1)", "dZ1": "dA1 * A1 * (1 - A1)", "own": "dZ1 * m"})
    assert report.convention is None
    assert [verdict.convention for verdict in report] == ["either", "either", None]
    assert SMALL.check({"A1": "sigmoid(Z1)"}, convention="mean").convention == "mean"
    assert SMALL.check({"A1": "sigmoid(Z1)"}, convention="per-example")["A1"].convention == "either"


def test_without_columns_in_the_loss_no_line_has_a_convention():
    report = summed().check({"dy": "2 * y", "dW": "dy @ x"}, convention="per-example")
    assert report.convention is None
    assert [verdict.convention for verdict in report] == [None, None]
    assert (report["dy"].ok, report["dW"].repair) == (True, "dy @ x.T")


# --- lines ---------------------------------------------------------------------------------------------------------


def test_a_line_is_shown_as_it_was_written():
    verdicts = SMALL.check(
        {
            "A1": "  sigmoid(Z1)\n",
            "dA1": lambda A1: A1,
            "dZ1": functools.partial(lambda Z1, scale: Z1, scale=1),
            "dW1": functools.partial(lambda dZ1, A0: dZ1 @ A0.T),
        }
    )
    assert [verdict.formula for verdict in verdicts] == ["sigmoid(Z1)", "<lambda>(…)", "partial(…)", "partial(…)"]
    run = SMALL.forward(feeds())
    assert run.compare({"dB1": [[1], [2], [3]]})["dB1"].formula == "array of shape (3, 1)"


def test_arrays_of_whole_numbers_and_of_truth_are_numbers_and_others_are_not():
    run = SMALL.forward({**feeds(), "B1": [[1], [0], [1]]})
    for given in ([[1], [0], [1]], np.array([[1], [0], [1]], np.uint8), np.array([[True], [False], [True]])):
        assert run.compare({"B1": given}).ok
    for given in ([["1"], ["0"], ["1"]], np.ones(3, complex), None):
        with pytest.raises(ArgumentError) as caught:
            run.compare({"B1": given})
        assert str(caught.value) == (
            f"B1 is neither a formula, nor a callable, nor an array of real numbers\n  given: {given!r}"
            '\n  try:   text such as "dZ @ X.T", a function of values, or numbers in rows of one length'
        )
    with pytest.raises(ArgumentError) as caught:
        run.compare({"B1": {"x" * 200}})
    assert f"\n  given: {{'{'x' * 78}\n" in str(caught.value)


def test_an_array_without_data_is_refused_with_what_would_work():
    with pytest.raises(ArgumentError) as caught:
        SMALL.check({"dW1": np.ones((3, 2))})
    assert str(caught.value) == (
        "dW1 is an array, which belongs to data\n"
        "  try:   give the data, graph.check(formulas, feeds), or hold the array against a run: run.compare(...)"
    )


def test_a_formula_that_cannot_be_read_gets_a_verdict_and_the_others_are_judged():
    report = SMALL.check({"dW1": "dZ1 @ A9.T", "dZ1": "A1 - Y"})
    assert (report["dW1"].verdict, report["dW1"].ok, report["dW1"].own) == ("unreadable", False, False)
    start = "no value is called 'A9' (did you mean 'A1'?); dW1: line 1, column 7; try: the values are "
    assert report["dW1"].diagnosis.startswith(start)
    assert (report["dZ1"].verdict, report.ok) == ("right", False)
    assert str(report).endswith("The line is right. 1 more line was not judged.")
    assert told(SMALL, "dW1", "dZ1 @ slop", slope="A1").startswith(
        "no value is called 'slop' (did you mean 'slope'?); "
    )
    assert told(SMALL, "dW1", "  ") == "there is no formula; dW1: line 1, column 1"


def test_a_formula_that_reads_an_unreadable_one_is_not_judged():
    report = SMALL.check({"error": "A1 -", "twice": "2 * error", "dZ1": "twice / 2", "dA1": "dZ1"})
    assert [verdict.verdict for verdict in report] == ["unreadable", "not judged", "not judged", "wrong"]
    assert report["dZ1"].diagnosis == "it reads error, which cannot be read"
    # a gradient has its right value all the same
    report = SMALL.check({"dZ1": "A1 -", "dW1": "dZ1 @ A0.T"})
    assert [verdict.verdict for verdict in report] == ["unreadable", "right"]


def test_what_is_no_dict_and_no_convention_is_refused():
    with pytest.raises(ArgumentError) as caught:
        SMALL.check(["A1 - Y"])
    assert str(caught.value) == (
        "formulas are a dict of names and formulas, not list\n"
        '  try:   {"dW": "dZ @ X.T"}, or a function that returns gradients by name'
    )
    with pytest.raises(ArgumentError) as caught:
        SMALL.check({}, convention="sum")
    assert str(caught.value) == "convention='sum' is none of 'auto', 'mean', 'per-example'\n  try:   one of these"


# --- callables -----------------------------------------------------------------------------------------------------


def positional(Z1, A1, /, A0):
    return np.array([Z1.shape[0], A1.shape[1], A0.shape[0]])


def with_defaults(A0, m=-1, unknown=7, *rest, W1=None, **more):
    return np.array([A0.shape[0], m, unknown, len(rest), W1.shape[0], len(more)])


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (positional, [3, 5, 2]),
        (with_defaults, [2, 5, 7, 0, 3, 0]),
        (lambda: 4.0, 4.0),
        (lambda *values, **more: [len(values), len(more)], [0, 0]),
        (lambda values: len(values), 8 + 7 + 1),
        (lambda values: [*values].index("m"), 0),
        (lambda anything: anything["m"] + anything.get("nothing", 0.5), 5.5),
        (lambda values, more=2: values["m"] * more, 10),
        (lambda A0=0: A0.shape[1], 5),
    ],
)
def test_a_callable_is_handed_what_its_parameters_are_called(function, given):
    met = []
    run = SMALL.forward(feeds())
    report = run.compare({"own": function, "last": lambda own: met.append(own.tolist()) or 0})
    assert [verdict.verdict for verdict in report] == ["kept", "kept"]
    assert met[0] == given


def test_a_callable_that_asks_for_what_there_is_not_is_told_all_of_it():
    with pytest.raises(ArgumentError) as caught:
        SMALL.check({"dW1": lambda dZ1, a0, nothing, extra=1: dZ1})
    assert str(caught.value) == (
        "dW1: there is no value or gradient 'a0' (did you mean 'A0'?), 'nothing' to call <lambda>(…) with\n"
        "  try:   name the parameters like the values, or take a single mapping of all of them"
    )
    with pytest.raises(ArgumentError) as caught:
        SMALL.check({"dW1": max})
    assert str(caught.value) == (
        "dW1: what max(…) takes is not known\n"
        "  given: no signature found for builtin <built-in function max>\n"
        "  try:   a lambda around it"
    )


def test_a_callable_may_read_lines_of_ones_own_that_stand_behind_it():
    report = SMALL.check({"dZ1": lambda error, m: error / m, "error": "A1 - Y"})
    assert report.ok
    assert report["error"].verdict == "kept"


def test_what_a_mapping_is_asked_for_orders_the_lines():
    report = SMALL.check({"dZ1": lambda values: values["error"] / values["m"], "error": "A1 - Y"})
    # the first call finds what it reads, among the values of the graph alone
    assert report["dZ1"].verdict == "right"
    report = SMALL.check({"dW1": lambda values: values["dZ1"] @ values["A0"].T, "dZ1": "A1"})
    assert report["dW1"].verdict == "wrong only because dZ1 is"
    assert report["dW1"].because == ("dZ1",)


def test_a_callable_may_look_through_the_values_before_it_reads_one():
    def careful(values):
        np.log(values["A0"] * 0)  # warnings are errors in this suite
        assert len(values) == len([*values]) > 10
        return values["dZ1"] @ values["A0"].T

    assert SMALL.check({"dW1": careful, "dZ1": "A1"})["dW1"].because == ("dZ1",)


def test_a_callable_finds_its_own_name_nowhere():
    for function in (lambda values: dict(values)["dZ1"], lambda values: values.get("dZ1")):
        assert not SMALL.check({"dZ1": function})["dZ1"].own
    assert told(SMALL, "dZ1", lambda values: dict(values)["dZ1"]) == "KeyError: 'dZ1'"


def test_a_formula_that_reads_a_callable_or_an_array_is_judged_where_that_has_a_value():
    error, result = (lambda A1, Y: A1 - Y), np.asarray(SMALL.forward(feeds())["A1"]) - feeds()["Y"]
    for own in (error, result):
        report = SMALL.check({"error": own, "twice": "2 * error", "dZ1": "twice / 2 / m"}, feeds())
        assert [verdict.verdict for verdict in report] == ["kept", "kept", "right"]
        assert not SMALL.check({"error": own, "dZ1": "-error / m"}, feeds()).ok
    # a name of the graph has its right value on random data
    report = SMALL.check({"A1": result, "dZ1": "A1 - Y * (m == 5)"}, feeds(m=5))
    assert (report["A1"].own, report["dZ1"].own) == (False, False)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (np.ones((3, 5), complex), "its result is of type complex128, not an array of real numbers"),
        ("text", "its result is of type <U4, not an array of real numbers"),
        (None, "its result is of type object, not an array of real numbers"),
    ],
)
def test_a_result_that_is_no_array_of_real_numbers_is_told(result, text):
    for name in ("A1", "own"):
        verdict = SMALL.check({name: lambda A0: result})[name]
        assert (verdict.verdict, verdict.ok, verdict.own, verdict.diagnosis) == ("wrong", False, False, text)
        assert (verdict.repair, verdict.repairs) == ("", ())


# --- the order of lines --------------------------------------------------------------------------------------------


def ordered(reads, graph=NET):
    """The order of lines that read each other, and those in a circle."""
    lines = {name: GivenFormula(name, "", frozenset(read), dict) for name, read in reads.items()}
    order, circular = in_order(lines, graph)
    return [line.name for line in order], circular


def test_lines_stay_as_written_where_each_stands_behind_those_it_reads():
    assert ordered({"dB1": [], "Z1": ["W1"], "own": ["dB1", "Z1"], "dZ1": []}) == (["dB1", "Z1", "own", "dZ1"], set())


def test_lines_that_are_out_of_order_go_as_the_graph_computes_them():
    # values forward, then names of ones own, then gradients backward; after what they read
    written = {"dW1": ["dZ1"], "dZ1": [], "A2": ["A1"], "own": [], "A1": [], "dA2": [], "last": ["dW1"]}
    assert ordered(written) == (["A1", "A2", "own", "dA2", "dZ1", "dW1", "last"], set())
    assert ordered({"own": ["late"], "dL": [], "late": []})[0] == ["late", "own", "dL"]
    assert ordered({"own": ["late"], "L": [], "late": []})[0] == ["L", "late", "own"]
    # a line that reads itself is out of order, too
    assert ordered({"dW1": [], "dW3": [], "dZ3": ["dZ3"]}) == (["dW3", "dW1", "dZ3"], {"dZ3"})


@pytest.mark.parametrize(
    ("reads", "circular"),
    [
        ({"dZ3": ["dZ3"]}, {"dZ3"}),
        ({"Z1": ["Z1"], "A1": ["Z1"]}, {"Z1"}),
        # the sweep computes dA2 before dZ2
        ({"dA2": ["dZ2"], "dZ2": ["dA2"]}, {"dA2"}),
        ({"dZ2": ["dA2"], "dA2": ["dZ2"], "dW2": ["dZ2"], "dW3": []}, {"dA2"}),
        # values are computed before gradients
        ({"Z1": ["dZ1"], "dZ1": ["Z1"]}, {"Z1"}),
        # nothing is known of names of ones own
        ({"a": ["b"], "b": ["a"], "c": ["a"]}, {"a", "b"}),
        ({"a": ["dZ1"], "dZ1": ["a"]}, {"a", "dZ1"}),
        # of two values neither is blamed; two circles
        ({"Z1": ["A1"], "A1": ["Z1"]}, {"Z1", "A1"}),
        ({"a": ["a"], "dA1": ["dZ1"], "dZ1": ["dA1"]}, {"a", "dA1"}),
    ],
)
def test_of_a_circle_the_line_that_reads_ahead_is_blamed(reads, circular):
    order, found = ordered(reads)
    assert found == circular
    assert sorted(order) == sorted(reads)


def test_the_chain_is_followed_on_every_draw():
    # A1 is right on the data given, where m is 17; the callable is called there alone
    lines = {"own": lambda A0: 0, "A1": "sigmoid(Z1) * (m == 17)", "dZ1": "dA1 * A1 * (1 - A1)"}
    report = SMALL.check(lines, feeds(m=17))
    assert (report["A1"].verdict, report["dZ1"].verdict) == ("wrong", "wrong only because A1 is")


def test_results_of_a_chain_may_be_off_by_a_hundred_times_the_tolerance_of_one_line():
    # the tolerance of one line is eps ** 0.575, 1e-9, of the largest entry
    expected = np.array([[2.0, -1.0]])
    unit = np.finfo(float).eps ** 0.575
    assert about_right(expected + 199 * unit, expected)
    assert not about_right(expected + 201 * unit, expected)
    assert not about_right(expected[0], expected)


def test_a_line_in_a_circle_is_told_the_way_around():
    report = NET.check({"dZ3": "dZ3", "dA2": "dW2 @ dZ2", "dZ2": "dA2 * A2 * (1 - A2)", "dW2": "dZ2 @ A1.T"})
    assert report["dZ3"].diagnosis.split("; ")[0] == "dZ3 is computed from itself"
    assert report["dA2"].diagnosis.split("; ")[0] == "dA2 is computed from itself, by way of dW2, dZ2"
    assert [verdict.verdict for verdict in report] == ["wrong", "wrong", *["wrong only because dA2 is"] * 2]
    assert told(NET, "dW1", lambda dW1: dW1) == "dW1 is computed from itself"
    assert NET.check({"a": "b", "b": "a * 2"})["a"].diagnosis == "a is computed from itself, by way of b"


def test_the_first_wrong_line_and_culprits_come_in_the_order_of_computing():
    wrong = {"dB1": "dZ1.sum()", "dZ1": "dA1 * A1 * Z1", "dA1": "W2.T @ dZ2", "dZ2": "dA2"}
    report = NET.check(wrong)
    assert report.first_wrong == "dZ2"
    assert report["dA1"].verdict == "wrong only because dZ2 is"
    assert (report["dA1"].ok, report["dA1"].own, report["dA1"].because) == (False, True, ("dZ2",))
    report = NET.check({**wrong, "dB1": "dZ1.sum(axis=1, keepdims=True)", "dA1": "W2 @ dZ2"}, convention="mean")
    assert report["dB1"].because == ("dZ2", "dA1", "dZ1")
    assert report["dB1"].verdict == "wrong only because dZ2, dA1 and dZ1 are"
    assert [verdict.name for verdict in report] == ["dB1", "dZ1", "dA1", "dZ2"]


# --- verdicts ------------------------------------------------------------------------------------------------------


def test_the_name_of_a_line_is_read_in_every_notation():
    for key in ("dZ_1", "dZ₁", r"\frac{\partial L}{\partial Z_1}"):
        report = SMALL.check({key: "A1 + Y"})
        assert (report.ok, report["dZ1"].verdict, report[key].name) == (False, "wrong", "dZ1")
        assert key in report
    with pytest.raises(ArgumentError, match="dZ1 is given twice"):
        SMALL.check({"dZ_1": "A1 - Y", "dZ1": "A1 - Y"})


@pytest.mark.parametrize(
    ("key", "name"), [("dz1", "dZ1"), ("dZ11", "dZ1"), ("grad_W1", "dW1"), ("delta_B1", "dB1"), ("dLdZ1", "dZ1")]
)
def test_a_name_that_is_nearly_a_gradient_is_no_name_of_ones_own(key, name):
    report = SMALL.check({key: "A1 - Y", "dW1": "dZ1 @ A0.T"})
    assert (report[key].verdict, report[key].ok, report.ok) == ("unknown name", False, False)
    assert report[key].diagnosis == f"the graph has no {key}: {name} is meant"
    # one that another line reads is meant as it is
    assert SMALL.check({key: "A1 - Y", "dZ1": key})[key].verdict == "kept"


def test_what_nothing_was_judged_of_is_not_ok():
    [verdict] = report = SMALL.check({"nothing": "A1"})
    assert (verdict.verdict, verdict.ok, verdict.diagnosis) == ("kept", True, "")
    assert (report.ok, str(report).splitlines()[-1]) == (False, "No line was judged.")
    assert str(report).splitlines()[0].startswith("  · nothing")
    with pytest.raises(cr.errors.FormulaCheckError):
        report.assert_ok()


def test_what_a_teacher_requires_and_is_not_there_is_missing():
    report = SMALL.check({"dZ1": "A1 - Y"}, require=["dZ_1", "dW1"])
    assert [(v.name, v.verdict, v.ok) for v in report] == [("dZ1", "right", True), ("dW1", "missing", False)]
    assert not report.ok
    assert SMALL.check({"dZ1": "A1 - Y"}, require=["dZ1"]).ok
    assert not SMALL.forward(feeds()).compare({"dZ1": "A1 - Y"}, require=["dW1"]).ok
    with pytest.raises(ArgumentError, match="no line can be required for 'dW2'"):
        SMALL.check({}, require=["dW2"])


def test_a_size_is_judged_as_well():
    assert SMALL.check({"m": "A0.shape[1]", "dW1": "dZ1 @ A0.T / m"}).ok
    report = SMALL.check({"m": "A0.shape[0]", "dZ1": "A1 - Y", "dW1": "dZ1 @ A0.T / m"})
    assert [verdict.verdict for verdict in report] == ["wrong", "right", "wrong only because m is"]
    assert report["m"].repair == "A0.shape[1]"


def test_a_line_that_cannot_be_computed_says_why():
    def broken(A1):
        raise ZeroDivisionError("no division today")

    assert told(SMALL, "dA1", broken) == "ZeroDivisionError: no division today"
    assert told(SMALL, "dA1", lambda A1: cr.Graph("x")) == "a graph is built from nodes, not str"
    report = SMALL.check({"own": broken, "dA1": "own * 2"})
    assert report["own"].diagnosis == "ZeroDivisionError: no division today"
    assert (report["own"].verdict, report["own"].ok, report["own"].own) == ("wrong", False, False)
    assert report.first_wrong == "own"


def test_warnings_of_a_callable_are_not_shown():
    # warnings are errors in this suite
    assert not SMALL.check({"dA1": lambda A1: np.log(A1 * 0) / 0})["dA1"].own
    assert not SMALL.check({"dA1": lambda values: np.log(values["A1"] * 0) / 0})["dA1"].own


def test_where_nothing_mends_a_line_the_difference_from_the_nearest_convention_is_told():
    run = SMALL.forward(feeds())
    right = np.asarray(SMALL.forward(feeds()).backward()["Z1"])
    for factor in (1, 5):  # the mean of five columns, or an example
        result = factor * right
        result[1, 2] += 0.01
        [verdict] = run.compare({"dZ1": result})
        entry = f"entry [1, 2] is {result[1, 2]:.6g}, not {factor * right[1, 2]:.6g}"
        assert verdict.diagnosis == f"1 of 15 entries differ: {entry}"
        assert (verdict.repair, verdict.repairs) == ("", ())
    # another line settles it
    report = run.compare({"dZ1": result, "dB1": "dZ1.sum(axis=1, keepdims=True)"})
    assert report["dZ1"].diagnosis.startswith("15 of 15 entries differ: ")
    assert told(SMALL, "dW1", "np.cos(Z1)[:2]") == "its shape is (2, 5), and dW1 has shape (3, 2)"


def test_the_change_that_mends_a_line_is_told_in_words_and_kinds():
    [verdict] = SMALL.check({"dW1": "dZ1 @ A0"})
    assert verdict.diagnosis == "A0 has to be transposed"
    assert verdict.repair == "dZ1 @ A0.T"
    assert verdict.repairs == ("transpose missing",)
    assert (verdict.ok, verdict.own, verdict.verdict, verdict.convention) == (False, False, "wrong", None)


def test_a_result_of_a_callable_or_an_array_is_mended_by_the_name_of_result():
    right = SMALL.forward(feeds()).backward()
    report = SMALL.forward(feeds()).compare({"dW1": right["W1"].T, "dB1": 5 * right["B1"], "dZ1": 3 * right["Z1"]})
    assert [verdict.repair for verdict in report] == ["result.T", "result / m", "result / 3"]
    assert SMALL.check({"dW1": lambda dZ1, A0: A0 @ dZ1.T}, convention="mean")["dW1"].repair == "result.T"


def test_a_result_is_mended_and_not_replaced():
    right = SMALL.forward(feeds()).backward()
    report = SMALL.forward(feeds()).compare({"dB1": np.zeros((3, 1)), "dA1": np.asarray(right["Z1"])})
    assert report["dB1"].diagnosis == "it is 0 in every entry"
    assert report["dB1"].repair == ""
    assert report["dA1"].repair == "result / (A1 * (1 - A1))"


def test_a_mistake_that_another_one_cancels_is_told():
    report = SMALL.check({"dZ1": "(Y - A1) / m", "dW1": "-dZ1 @ A0.T"})
    assert report["dZ1"].diagnosis == "the operands of - are swapped: A1 comes first"
    assert report["dW1"].diagnosis == (
        "the minus in front of dZ1 is one too many; its result comes out right only because another mistake cancels"
        " this one"
    )
    assert report["dW1"].verdict == "wrong"


def test_a_mistake_in_a_name_of_ones_own_is_mended_where_it_was_made():
    report = SMALL.check({"error": "A1 + Y", "twice": "2 * error", "dZ1": "twice / 2 / m"})
    assert [verdict.verdict for verdict in report] == ["wrong", "kept", "wrong only because error is"]
    assert (report["error"].diagnosis, report["error"].repair) == ("+ should be - in front of Y", "A1 - Y")
    assert (report["dZ1"].because, report["dZ1"].repair, report.first_wrong) == (("error",), "", "error")


def test_a_name_of_ones_own_that_is_used_as_one_of_the_graph_is_held_to_that():
    lines = {"N": "A0.shape[0]", "dZ1": "A1 - Y", "dW1": "dZ1 @ A0.T / N", "dB1": "dZ1.sum(axis=1, keepdims=True) / N"}
    report = SMALL.check(lines)
    assert [verdict.verdict for verdict in report] == ["wrong", "right", *["wrong only because N is"] * 2]
    assert report["N"].repair == "A0.shape[1]"
    report = NET.check({"back": "-(W3.T @ dZ3)", "dZ2": "back * A2 * (1 - A2)"})
    assert (report["back"].repair, report["dZ2"].because) == ("W3.T @ dZ3", ("back",))


def test_a_name_of_ones_own_that_another_line_is_right_with_is_not_blamed():
    report = SMALL.check({"t": "A1 - Y", "dZ1": "t / m", "dA1": "t", "dB1": "t.sum(axis=1, keepdims=True) / m"})
    assert [verdict.verdict for verdict in report] == ["kept", "right", "wrong", "right"]


def test_a_forgotten_branch_is_told_with_what_it_sends():
    w = cr.Parameter("w", (3,))
    q, e = cr.Square(w, name="q"), cr.Exp(w, name="e")
    [verdict] = cr.Graph(cr.Sum(q * e, name="L")).check({"dw": "de * e"})
    assert verdict.diagnosis == "what q sends is missing: 2 * dq * w"
    assert (verdict.repair, verdict.repairs) == ("de * e + 2 * dq * w", ("contribution missing",))
    # two branches that send the same: the one is missing whose gradient is not read
    a, b, c = map(cr.Parameter, "abc")
    graph = cr.Graph(cr.Multiply(cr.Multiply(a, b, name="p"), cr.Multiply(a, c, name="s"), name="L"))
    assert graph.check({"da": "ds * c"})["da"].diagnosis == "what p sends is missing: dp * b"
    assert graph.check({"da": "dp * b"})["da"].diagnosis == "what s sends is missing: ds * c"


def test_steps_that_are_not_counted_are_told_by_their_layers():
    h, W = cr.Input("h0", (3, "m")), cr.Parameter("W", (3, 3))
    for step in range(1, 5):
        with cr.layer(f"step {step}"):
            h = cr.Tanh(cr.MatMul(W, h, name=f"z{step}"), name=f"h{step}")
    graph = cr.Graph(cr.MSELoss(h, cr.Input("Y", (3, "m")), name="L"))
    [verdict] = graph.check({"dW": "dz4 @ h3.T"})
    sent = "dz3 @ h2.T + dz2 @ h1.T + dz1 @ h0.T"
    assert verdict.diagnosis == f"only step 4 is counted: what steps 1 to 3 send is missing: {sent}"
    assert verdict.repair == f"dz4 @ h3.T + {sent}"


def test_a_forgotten_penalty_is_added_in_the_terms_of_the_cost():
    W, X = cr.Parameter("W", (3, 2)), cr.Input("X", (2, "m"))
    data = cr.MSELoss(cr.MatMul(W, X, name="a"), cr.Input("Y", (3, "m")), name="J0")
    penalty = cr.Constant(0.6) / (2 * cr.Size(X, axis=1)) * cr.Sum(cr.Square(W, name="q"))
    [verdict] = cr.Graph(cr.Add(data, penalty, name="J")).check({"dW": "da @ X.T"})
    assert verdict.diagnosis.startswith("what q sends is missing: 2 * dq * W")
    assert verdict.repair == "da @ X.T + 3 * W / 5 / m"


@pytest.mark.parametrize("activation", [cr.LeakyReLU, cr.Softplus, cr.ELU, cr.SiLU])
@pytest.mark.parametrize("upstream", ["dA1", "W2.T @ dZ2"])
def test_a_slope_that_is_forgotten_is_told_in_one_step(activation, upstream):
    A1 = activation(cr.MatMul(cr.Parameter("W1", (4, 2)), cr.Input("X", (2, "m")), name="Z1"), name="A1")
    Z2 = cr.MatMul(cr.Parameter("W2", (1, 4)), A1, name="Z2")
    graph = cr.Graph(cr.MSELoss(Z2, cr.Input("Y", (1, "m")), name="J"))
    verdict = graph.check({"dZ2": "2 * (Z2 - Y) / m", "dZ1": upstream})["dZ1"]
    assert (verdict.repairs, verdict.diagnosis[:12]) == (("slope missing",), "the slope of")
    assert graph.check({"dZ1": verdict.repair}).ok


def test_a_forgotten_path_further_back_is_told():
    x = cr.Input("x", (4, "m"))
    mean = cr.Mean(x, axis=1, keepdims=True, name="mean")
    off = cr.Subtract(x, mean, name="off")
    var = cr.Mean(cr.Square(off, name="sq"), axis=1, keepdims=True, name="var")
    hat = cr.Divide(off, cr.Sqrt(var, name="std"), name="hat")
    graph = cr.Graph(cr.Sum(cr.Exp(hat), name="L"))
    assert graph.check({"doff": "dhat / std"})["doff"].diagnosis == "what sq sends is missing: 2 * dsq * off"
    line = "(dhat - dhat.mean(axis=1, keepdims=True)) / std"
    assert graph.check({"dx": line})["dx"].diagnosis == "what sq sends to off is missing on the way back"
    told = "what mean sends to x and what sq sends to off are missing on the way back"
    assert graph.check({"dx": "dhat / std"})["dx"].diagnosis == told


def test_a_branch_that_is_counted_otherwise_than_once_is_told():
    W = cr.Parameter("W", (3, 2))
    loss = cr.MSELoss(cr.MatMul(W, cr.Input("X", (2, "m")), name="a"), cr.Input("Y", (3, "m")))
    graph = cr.Graph(cr.Add(loss, 0.05 * cr.Sum(cr.Square(W)), name="L"))
    assert graph.check({"dW": "da @ X.T + W"})["dW"].diagnosis.startswith("what square_1 sends is counted 10 times")
    assert graph.check({"dW": "da @ X.T"})["dW"].diagnosis == "what square_1 sends is missing: W / 10"


def test_mistakes_do_not_turn_the_convention_round():
    x, y = cr.Input("x", (2, "m")), cr.Input("y", (1, "m"))
    a1 = cr.Tanh(cr.Add(cr.Parameter("W1", (4, 2)) @ x, cr.Parameter("b1", (4, 1)), name="z1"), name="a1")
    p = cr.Sigmoid(cr.Add(cr.Parameter("W2", (1, 4)) @ a1, cr.Parameter("b2", (1, 1)), name="z2"), name="p")
    graph = cr.Graph(cr.BCELoss(p, y, name="L"))
    lines = {"dz2": "y - p", "dW2": "a1 @ dz2.T / m", "dW1": "dz1 @ x.T", "db1": "np.sum(dz1, axis=0) / m"}
    report = graph.check(lines)
    assert [verdict.repair for verdict in report] == [
        "p - y", "(a1 @ dz2.T / m).T", "dz1 @ x.T / m", "np.sum(dz1, axis=1, keepdims=True) / m",
    ]  # fmt: skip


def test_a_name_of_ones_own_in_place_of_a_right_part_is_used_in_a_repair():
    report = SMALL.check({"error": "A1 - Y", "dZ1": "error.T / m"})
    assert report["dZ1"].repair == "error / m"


def test_two_names_are_listed_with_and():
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c"]) == "a, b and c"


# --- rounding ------------------------------------------------------------------------------------------------------


def test_floating_numbers_are_jittered_by_the_root_of_the_rounding_unit_and_whole_leaves_stay():
    for dtype in (np.float32, np.float64):
        value = np.linspace(0.5, 8, 64).astype(dtype)
        change = (Jitter(0, np.dtype(dtype))(value) - value) / value / np.finfo(dtype).eps ** 0.5
        assert 0.49 < np.abs(change).min() < np.abs(change).max() < 1.51
        assert len(np.unique(np.sign(change))) == 2
    values = {"Y": np.array([1.0, 0.0]), "A": np.array([1.0, 1.0]), "m": 5, "X": np.array([0.5])}
    moved = Jitter(0, np.dtype(float)).of_values(values, {"Y", "X"})
    assert {name for name in values if np.any(np.not_equal(moved[name], values[name]))} == {"A", "X"}


def test_terms_that_cancel_leave_room_for_their_rounding_and_small_terms_none():
    x = np.array([1e8, 1.0])
    allowed = slack(np.zeros(2), lambda jitter: jitter(x) - jitter(x))
    assert 1e-8 < allowed[0] < 1e-5
    assert allowed[1] < 1e-13
    assert slack(np.ones(2), lambda jitter: None).tolist() == [0, 0]


def test_every_entry_is_held_to_its_own_size():
    x = cr.Input("x", (2,))
    graph = cr.Graph(cr.Multiply(x, np.array([1e6, 1e-6]), name="y"))
    assert not graph.check({"y": "x * np.array([1e6, -1e-6])"}).ok
    assert graph.check({"y": "x * np.array([1e6, 1e-6])"}).ok
    run = graph.forward({"x": [1.0, 2.0]})
    assert not run.compare({"y": np.array([1e6, -2e-6])}).ok


def test_a_gradient_that_loses_its_digits_where_the_activation_saturates_is_right():
    graph, given = saturated()
    given |= {"x": np.array([[20.0, -1.0]])}
    # 1 - σ(20) is 2e-9, and is off by 5e-8 of itself when it is computed from A
    for factor, ok in (("1", True), ("(1 + 1e-6)", False), ("(1 + 1e-4)", False)):
        assert graph.forward(given).compare({"dZ": f"dA * A * (1 - A) * {factor}"}).ok is ok


def test_an_infinity_on_data_given_is_no_mistake_where_random_data_has_none():
    graph, given = saturated()
    formula = {"dZ": "dA * A * (1 - A)"}  # infinite times 0 at A = 1
    with np.errstate(all="ignore"):
        assert graph.check(formula, given).ok
        assert not graph.forward(given).compare(formula).ok
        assert not graph.check({"dZ": "dA * A"}, given).ok
        assert graph.forward({**given, "x": [[10.0, -10.0]]}).compare(formula).ok
        # no finite entry is left to compare
        assert graph.check(formula, {"W": [[1.0]], "x": [[40.0]], "Y": [[0.0]]}).ok


# --- what a line can be repaired with ------------------------------------------------------------------------------


def candidates(name, reads=(), graph=NET):
    ground = Ground(graph, random_draws(graph, 0, given=False))
    return candidates_of(ground, GivenFormula(name, "", frozenset(reads), dict))


def test_a_value_is_repaired_with_values_before_it_nearest_first():
    # A1 ← Z1 ← (product, B1) ← (W1, A0)
    assert candidates("A1") == (("Z1", "B1", "W1", "A0"), ())
    assert candidates("W1") == ((), ())
    values, gradients = candidates("Z3")
    assert values[:1] == ("B3",)
    assert set(values) == {"A2", "W3", "B3", "Z2", "B2"}
    assert gradients == ()


def test_a_gradient_is_repaired_with_gradients_met_before_it_and_values_near_it():
    values, gradients = candidates("dZ2")
    assert values[0] == "Z2"
    assert set(values) >= {"A2", "B2", "W2", "A1", "W3", "Z3"}
    assert "A0" not in values
    assert gradients[0] == "dA2"
    assert set(gradients) == {"dA2", "dZ3", "dA3"}  # four edges on: A2, the product, Z3, A3
    assert candidates("dZ3")[1] == ("dA3",)  # not dL, which is 1


def test_what_a_line_reads_and_its_neighbors_in_name_come_first():
    values, gradients = candidates("dZ2", ["dA2"])
    assert values[:3] == ("A2", "A1", "A3")
    assert gradients[:2] == ("dA2", "dA3")
    assert candidates("dZ2", ["W1"])[0][:2] == ("W1", "W2")
    # a name of ones own, and the number of columns, are no candidates
    assert candidates("dZ2", ["own", "m"]) == candidates("dZ2")
    # no name is offered twice
    assert len(set(values)) == len(values)


def test_what_has_no_name_to_be_written_with_is_no_candidate():
    x = cr.Input("x", (2, "m"))
    odd, e = cr.Square(x, name="layer 1/square"), cr.Exp(x, name="e")
    graph = cr.Graph(cr.Sum(cr.Tanh(cr.Sin(odd * e + 1, name="y"), name="z"), name="L"))
    assert candidates("y", graph=graph) == (("e", "x"), ())
    assert candidates("de", graph=graph) == (("e", "x", "y", "z"), ("dy", "dz"))
    # an unnamed node is offered to those who write its name
    unnamed = next(name for name in graph.names if name.startswith("multiply"))
    assert unnamed in candidates("y", [unnamed], graph=graph)[0]


def test_a_scene_knows_shapes_and_which_values_are_whole():
    values = {"Y": np.array([[0.0, 1.0]]), "A": np.array([[0.5, 1.0]]), "m": 2}
    scene = surroundings((("Y", "A"), ("dA",)), values, "m", len)
    assert (scene.values, scene.gradients, scene.batch, scene.shape_of) == (("Y", "A"), ("dA",), "m", len)
    assert scene.shapes == {"Y": (1, 2), "A": (1, 2), "m": ()}
    assert scene.whole == {"Y", "m"}


def judged(graph, lines):
    """The explanations of lines that have been tried."""
    one = judge._Judge(Ground(graph, random_draws(graph, 0, given=False)), lines, ())
    one._trial.run()
    return one._explainer


def written_out(**lines):
    return {name: ast.unparse(tree) for name, tree in judged(SMALL, lines).inlined.items()}


def test_names_of_ones_own_are_written_out_up_to_a_length_of_sixty_parts():
    assert written_out(a="A1 - Y", b="a * a", dZ1="b") == {"a": "A1 - Y", "b": "(A1 - Y) * (A1 - Y)"}
    sixty = f"-({' + '.join(['A1'] * 30)})"  # 30 values, 29 sums and a minus
    more = " + ".join(["A1"] * 31)
    assert written_out(a=sixty).keys() == {"a"}
    assert written_out(a=more) == {}
    assert written_out(a="-a", b=lambda A1: A1) == {}
    # a name that is too long stays a name
    assert written_out(a=more, b="2 * a") == {"b": "2 * a"}


def read(name, formula, convention, graph=SMALL, **others):
    """What a search for a repair of a line is given."""
    explainer = judged(graph, {name: formula, **others})
    return explainer._reading(explainer._findings[name], convention)


def test_a_repair_is_searched_for_on_the_smallest_tame_draw_and_without_the_name_itself():
    for convention, times in (("mean", 1), ("per-example", 5)):
        reading = read("dZ1", "error", convention, error="A1 - Y", count=lambda m: m)
        assert reading.convention == convention
        assert [case.columns for case in reading.cases] == [5, 7, 11, 5, 7, 11, 11]
        assert [case.tame for case in reading.cases] == [True] * 3 + [False] * 4
        first = reading.cases[0]
        right = SMALL.forward({name: first.values[name] for name in ("A0", "W1", "B1", "Y")}).backward()
        np.testing.assert_allclose(first.expected, times * right["Z1"], rtol=1e-15)
        np.testing.assert_allclose(first.values["dA1"], times * right["A1"], rtol=1e-15)
        np.testing.assert_array_equal(first.values["error"], first.values["A1"] - first.values["Y"])
        assert first.values["count"] == 5
        assert "dZ1" not in first.values
        assert "result" not in first.values
        scene = reading.surroundings(lambda node: None)
        assert scene.batch == "m"
        assert scene.shapes["A1"] == (3, 5)
        assert (scene.values[0], scene.gradients) == ("Z1", ("dA1",))


def test_a_repair_of_a_result_is_searched_for_with_the_result():
    reading = read("dZ1", lambda A1: A1 * 2, "mean")
    np.testing.assert_array_equal(reading.cases[1].values["result"], 2 * reading.cases[1].values["A1"])
    reading = read("dZ1", lambda A1: A1[9], "mean")
    assert "result" not in reading.cases[0].values


def test_where_no_dimension_has_the_name_of_the_columns_no_repair_speaks_of_them():
    x = cr.Input("x", (2, 5))
    assert read("x", "x", "mean", cr.Graph(cr.Sum(x, name="L"))).surroundings(len).batch is None
    assert read("x", "x", "mean", cr.Graph(cr.Sum(x, name="L"))).cases[0].columns is None


def test_the_distance_to_a_node_is_counted_in_edges_either_way():
    names = {SMALL.names[k]: far for k, far in distances_from(SMALL, SMALL.position("Z1")).items()}
    assert names == {"Z1": 0, "matmul_1": 1, "B1": 1, "A1": 1, "W1": 2, "A0": 2, "L": 2, "Y": 3}
    assert max(distances_from(NET, 0).values()) == 4


def test_what_is_reached_from_a_node_and_what_reaches_it():
    def reached(name, **options):
        return {NET.names[k] for k in reachable(NET, NET.position(name), **options)} & {
            *("A0", "W1", "B1", "Z1", "A1", "W2", "Z2", "A2", "Z3", "A3", "Y", "L")
        }

    assert reached("Z2", forward=True) == {"A2", "Z3", "A3", "L"}
    assert reached("Z2", forward=False) == {"A0", "W1", "B1", "Z1", "A1", "W2"}
    assert reached("L", forward=True) == set()
    assert reached("A0", forward=False) == set()


@pytest.mark.parametrize(
    ("key", "name"),
    [
        *(("W1g", "dW1"), ("gW1", "dW1"), ("g_W1", "dW1"), ("W1_bar", "dW1"), ("nabla_W1", "dW1"), ("dL_dW1", "dW1")),
        *(("dweights1", "dW1"), ("dW_one", "dW1"), ("db_one", "dB1"), ("dbias_1", "dB1"), ("delta1", "dZ1")),
        *(("dloss", "dL"), ("dcost", "dL"), ("grad_loss", "dL")),
    ],
)
def test_other_ways_to_call_a_gradient_are_told_its_name(key, name):
    report = SMALL.check({"dZ1": "(A1 - Y) / m", key: "A1 + Y"})
    assert (report.ok, report[key].verdict) == (False, "unknown name")
    assert report[key].diagnosis == f"the graph has no {key}: {name} is meant"


@pytest.mark.parametrize("key", ["grad", "gradients", "delta", "d", "derivative"])
def test_a_name_that_says_gradient_and_not_of_what_is_told_which_there_are(key):
    report = SMALL.check({"dZ1": "(A1 - Y) / m", key: "A1 + Y"})
    assert (report.ok, report[key].verdict) == (False, "unknown name")
    assert "which gradient is meant? There are" in report[key].diagnosis
    assert "dW1" in report[key].diagnosis
    assert SMALL.check({key: "A1 - Y", "dZ1": f"{key} / m"}).ok  # another line reads it


@pytest.mark.parametrize("key", ["mask", "diff", "denominator", "scores", "l1", "gamma", "N"])
def test_a_name_of_ones_own_that_is_no_gradients_is_kept(key):
    assert SMALL.check({"dZ1": "(A1 - Y) / m", key: "A1 + Y"})[key].verdict == "kept"


@pytest.mark.parametrize("key", ["Z1_grad", "dzz1", "W1_gradient", "W1grad", "dZ"])
def test_a_name_that_nothing_reads_and_that_is_nearly_a_gradient_is_wrong_beside_right_lines(key):
    report = SMALL.check({"dA1": "(A1 - Y) / A1 / (1 - A1) / m", key: "A1 + Y"})
    assert (report.ok, report[key].verdict) == (False, "unknown name")
