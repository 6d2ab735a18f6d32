"""The judge of formulas derived by hand: conventions, chains of lines, data, and how it reports."""

import html.parser
import json

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, FeedError, UnknownNameError
from chainrule.judging.closeness import distance, same
from chainrule.judging.discrepancy import difference_text
from chainrule.judging.reading import parse_lines
from nets.dnn import build

GRAPH = build((2, 3, 3, 1))
PER_EXAMPLE = {
    "dZ3": "A3 - Y",
    "dW3": "dZ3 @ A2.T / m",
    "dB3": "dZ3.sum(axis=1, keepdims=True) / m",
    "dA2": "W3.T @ dZ3",
    "dZ2": "dA2 * A2 * (1 - A2)",
    "dW2": "dZ2 @ A1.T / m",
    "dB2": "np.sum(dZ2, axis=1, keepdims=True) / m",
    "dA1": "W2.T @ dZ2",
    "dZ1": "dA1 * A1 * (1 - A1)",
    "dW1": "1./m * np.dot(dZ1, A0.T)",
    "dB1": "1./m * np.sum(dZ1, axis=1, keepdims=True)",
}
MEAN = {
    **{name: text.replace(" / m", "").replace("1./m * ", "") for name, text in PER_EXAMPLE.items()},
    "dZ3": "(A3 - Y) / m",
}


def feeds(m=7, scale=1.0, dtype=float, graph=GRAPH):
    rng = np.random.default_rng(5)
    params = {name: scale * rng.normal(size=value.shape) for name, value in graph.initialize().items()}
    arrays = {**params, "A0": rng.normal(size=(2, m)), "Y": rng.integers(0, 2, (1, m))}
    return {name: value.astype(dtype) for name, value in arrays.items()}


# --- conventions of 1/m --------------------------------------------------------------------------------------------


def test_either_convention_is_right_and_named():
    for formulas, convention in ((PER_EXAMPLE, "per-example"), (MEAN, "mean")):
        report = GRAPH.check(formulas)
        assert report.ok
        assert report.convention == convention
        assert report["dZ3"].convention == convention
        assert report["dZ2"].convention == "either"


def test_a_convention_that_is_asked_for_is_held_to():
    assert GRAPH.check(MEAN, convention="mean").ok
    report = GRAPH.check(MEAN, convention="per-example")
    assert [v.name for v in report if not v.own] == ["dZ3", "dW3", "dB3", "dW2", "dB2", "dW1", "dB1"]
    assert report["dZ3"].diagnosis.startswith("dZ3 divides by m already")
    assert report["dZ3"].repair == "A3 - Y"
    assert report["dW3"].diagnosis.startswith("1/m is missing")


def test_lines_that_are_right_in_both_settle_nothing():
    report = GRAPH.check({"dA2": "W3.T @ dZ3", "dZ2": "dA2 * A2 * (1 - A2)"})
    assert report.ok
    assert report.convention is None


def test_a_mixture_is_named_with_the_line_where_it_changes():
    report = GRAPH.check({**MEAN, "dW2": "dZ2 @ A1.T / m"})
    assert report.convention == "mixed"
    assert report.first_wrong == "dW2"
    assert report["dW2"].diagnosis == "dW2 divides by m again though dZ3 already did"
    assert report["dW2"].repair == "dZ2 @ A1.T"
    assert "mixture" in str(report)


def test_of_two_lines_that_disagree_the_first_is_believed():
    report = GRAPH.check({"dZ3": "(A3 - Y) / m", "dW3": "dZ3 @ A2.T / m"})
    assert (report["dZ3"].ok, report["dW3"].own) == (True, False)
    assert report["dW3"].diagnosis == "dW3 divides by m again though dZ3 already did"


def test_most_lines_are_believed_against_one():
    report = GRAPH.check({**PER_EXAMPLE, "dZ3": "(A3 - Y) / m"})
    assert [v.name for v in report if not v.own] == ["dZ3"]
    assert report["dZ3"].repair == "A3 - Y"


def test_a_sum_has_one_convention_only():
    A0, Y = cr.Input("A0", (2, "m")), cr.Input("Y", (1, "m"))
    A1 = cr.Sigmoid(cr.Add(cr.Parameter("W1", (1, 2)) @ A0, 0, name="Z1"), name="A1")
    graph = cr.Graph(cr.BCELoss(A1, Y, reduction="sum", name="L"))
    right = {"dZ1": "A1 - Y", "dW1": "dZ1 @ A0.T"}
    report = graph.check(right)
    assert report.ok
    assert report.convention is None
    assert not graph.check({**right, "dW1": "dZ1 @ A0.T / m"})["dW1"].own
    assert not graph.check({"dZ1": "m * (A1 - Y)", "dW1": "dZ1 @ A0.T / m"}).ok


class ColumnMean(cr.Node):
    """A loss of the user's own, whose class says nothing of a mean."""

    def forward(self, x):
        return (x * x).sum() / x.shape[1]

    def backward(self, grad, y, x):
        return (grad * 2 * x / x.shape[1],)


def test_a_mean_is_recognized_by_what_it_does():
    A0 = cr.Input("A0", (2, "n"))
    graph = cr.Graph(ColumnMean(cr.MatMul(cr.Parameter("W1", (3, 2)), A0, name="Z1"), name="L"))
    assert graph.check({"dZ1": "2 * Z1", "dW1": "dZ1 @ A0.T / n"}).convention == "per-example"
    assert graph.check({"dZ1": "2 * Z1 / n", "dW1": "dZ1 @ A0.T"}).convention == "mean"


def test_graphs_without_columns_have_no_convention():
    x, y = cr.Input("x"), cr.Input("y")
    graph = cr.Graph(cr.Multiply(x, cr.Sin(y, name="s"), name="f"))
    assert graph.check({"dx": "s", "ds": "x", "dy": "ds * np.cos(y)"}).ok
    assert graph.check({"dy": "ds * np.sin(y)"})["dy"].repair == "ds * np.cos(y)"


# --- chains --------------------------------------------------------------------------------------------------------


def test_the_first_wrong_line_stands_out_from_those_that_suffer_from_it():
    report = GRAPH.check({**PER_EXAMPLE, "dZ2": "dA2 * A2"})
    assert report.first_wrong == "dZ2"
    assert report["dZ2"].verdict == "wrong"
    assert report["dZ2"].diagnosis == "the factor 1 - A2 is missing"
    suffering = {v.name for v in report if v.own and not v.ok}
    assert suffering == {"dW2", "dB2", "dA1", "dZ1", "dW1", "dB1"}
    assert report["dW1"].verdict == "wrong only because dZ2 is"
    assert report["dW1"].because == ("dZ2",)
    assert report["dW3"].verdict == "right"
    arrows = [line for line in str(report).splitlines() if line.startswith("→")]
    assert len(arrows) == 1
    assert "dZ2" in arrows[0]


def test_two_wrong_lines_are_both_named():
    report = GRAPH.check({**PER_EXAMPLE, "dZ2": "dA2 * A2", "dA1": "W2 @ dZ2"})
    assert report["dZ1"].verdict == "wrong only because dZ2 and dA1 are"


def test_lines_may_stand_in_any_order():
    backward = dict(reversed(PER_EXAMPLE.items()))
    assert GRAPH.check(backward).ok
    report = GRAPH.check({**backward, "dA2": "W3 @ dZ3", "dW1": "dZ1 @ A0 / m"})
    assert report.first_wrong == "dA2"
    assert next(iter(report)).name == "dB1"


def test_a_mistake_that_cancels_another_is_no_right_line():
    report = GRAPH.check({**PER_EXAMPLE, "dZ3": "Y - A3", "dW3": "-dZ3 @ A2.T / m"})
    assert not report["dW3"].own
    assert "cancels" in report["dW3"].diagnosis


def test_a_line_that_reads_itself_proves_nothing():
    report = GRAPH.check({"dZ3": "dZ3", "dW3": "dB3 * W3", "dB3": "dW3.sum() + dZ2"})
    assert report["dZ3"].diagnosis.startswith("dZ3 is computed from itself")
    assert report["dW3"].diagnosis.startswith("dW3 is computed from itself, by way of dB3")
    assert not any(verdict.own for verdict in report)


def test_a_line_is_not_repaired_with_itself():
    verdict = GRAPH.check({**PER_EXAMPLE, "dZ3": "2 * dZ3"})["dZ3"]
    assert "dZ3" not in verdict.repair


def test_of_lines_in_a_circle_the_one_that_reads_ahead_is_wrong():
    report = GRAPH.check({**PER_EXAMPLE, "dA2": "W3.T @ dZ2"})
    assert [verdict.name for verdict in report if not verdict.own] == ["dA2"]
    assert report["dA2"].diagnosis.startswith("dA2 is computed from itself, by way of dZ2; dZ2 should be dZ3")
    assert report["dA2"].repair == "W3.T @ dZ3"
    assert report["dZ2"].verdict == "wrong only because dA2 is"


def test_a_true_equation_that_goes_in_a_circle_is_no_derivation():
    report = GRAPH.check({"dA2": "dZ2 / (A2 * (1 - A2))", "dZ2": "dA2 * A2 * (1 - A2)"})
    assert (report["dA2"].own, report["dZ2"].own) == (False, True)


def test_a_callable_cannot_read_its_own_result():
    assert not GRAPH.check({"dZ3": lambda values: values["dZ3"]})["dZ3"].own


def test_names_of_ones_own_are_kept_for_later_lines():
    report = GRAPH.check({"slope": "A2 * (1 - A2)", "dZ2": "dA2 * slope", "n": "Y.shape[1]", "dW2": "dZ2 @ A1.T / n"})
    assert report.ok
    assert report["slope"].verdict == report["n"].verdict == "kept"


def test_a_mistake_in_a_name_of_ones_own_is_found_by_the_line_that_uses_it():
    report = GRAPH.check({"slope": "A2 * (1 - A1)", "dZ2": "dA2 * slope"})
    assert report["dZ2"].verdict == "wrong only because slope is"
    assert (report["slope"].verdict, report["slope"].repair) == ("wrong", "A2 * (1 - A2)")


def test_names_that_double_in_length_are_not_written_out():
    # n lines of s = s * s stand for a product of 2ⁿ factors
    doubling = {f"s{k}x": f"s{k - 1}x * s{k - 1}x" if k else "A2" for k in range(40)}
    assert not GRAPH.check({**doubling, "dZ2": "dA2 * s39x"})["dZ2"].own


def test_many_lines_that_read_each_other_are_judged():
    chain = {f"s{k}x": f"s{k - 1}x + 0" if k else "A3 - Y" for k in range(1500)}
    assert GRAPH.check({**chain, "dZ3": "s1499x"}).ok


def test_a_node_may_be_called_m_where_the_columns_are_not():
    x, m = cr.Input("x", (2, "n")), cr.Parameter("m", (2, 1))
    graph = cr.Graph(cr.Mean(cr.Multiply(x, m, name="y"), name="L"))
    report = graph.check({"dm": "(x * dy).sum(axis=0, keepdims=True)"})
    assert report["dm"].repair == "(x * dy).sum(axis=1, keepdims=True)"


def test_much_data_is_searched_within_bounds():
    run = GRAPH.forward(feeds(m=20_000))
    assert run.compare({"dW2": "dZ2 @ A1"}, convention="mean")["dW2"].repair == "dZ2 @ A1.T"


def test_a_name_that_nearly_is_one_of_the_graph_is_pointed_out():
    verdict = GRAPH.check({"dZ33": "A3 - Y"})["dZ33"]
    assert (verdict.verdict, verdict.ok) == ("unknown name", False)
    assert "dZ3 is meant" in verdict.diagnosis


def test_a_name_of_ones_own_that_cannot_be_computed_is_wrong():
    report = GRAPH.check({"s": "A1 @ A2", "dZ2": "dA2 * s"})
    assert not report.ok
    assert not report["s"].own
    assert "do not fit" in report["s"].diagnosis


def test_forward_lines_are_judged_too():
    report = GRAPH.check(
        {"Z1": "W1 @ A0 + B1", "A1": "sigmoid(Z1)", "Z2": "W2 @ A1.T + B2", "A2": "1 / (1 + np.exp(-Z2))"}
    )
    assert [v.verdict for v in report] == ["right", "right", "wrong", "wrong only because Z2 is"]
    assert report["Z2"].repair == "W2 @ A1 + B2"


def test_a_value_is_not_repaired_with_what_comes_after_it():
    verdict = GRAPH.check({"A2": "Z2"})["A2"]
    assert verdict.repair == "sigmoid(Z2)"


# --- notations and data --------------------------------------------------------------------------------------------


def test_unicode_and_latex_are_judged_like_numpy_text():
    report = GRAPH.check({"dZ3": "A₃ − Y", "dW3": r"\frac{1}{m} dZ_3 A_2^T", "dA2": "W₃ᵀdZ₃"})
    assert report.ok
    assert report["dW3"].formula == r"\frac{1}{m} dZ_3 A_2^T"


def test_parsed_lines_are_taken():
    lines = parse_lines("dZ3 = A3 - Y  # per example\ndW3 = dZ3 @ A2 / m\n")
    assert GRAPH.check(lines)["dW3"].repair == "dZ3 @ A2.T / m"


def test_text_is_judged_on_random_data_beside_the_users():
    # With A0 = 1 everywhere, a factor A0 changes nothing: the data given hides the mistake, random data does not.
    given = {**feeds(), "A0": np.ones((2, 7))}
    assert not GRAPH.check({"dW1": "dZ1 @ (A0 * A0).T / m"}, given)["dW1"].own
    assert GRAPH.forward(given).compare({"dW1": "dZ1 @ (A0 * A0).T / m"}).ok


def test_m_equal_to_a_layer_hides_nothing():
    report = GRAPH.check({"dW2": "dZ2 @ A1 / m"}, feeds(m=3))
    assert report["dW2"].repair == "dZ2 @ A1.T / m"


@pytest.mark.parametrize("scale", [5, 20, 60])
def test_saturated_data_is_no_reason_for_a_false_alarm(scale):
    # A3 rounds to 1 or to Y itself: the engine's gradients stay exact, a formula in A3 loses its digits
    assert GRAPH.check(PER_EXAMPLE, feeds(m=11, scale=scale)).ok
    assert GRAPH.forward(feeds(m=11, scale=scale)).compare(PER_EXAMPLE, convention="per-example").ok


def test_an_overflow_on_the_data_given_is_no_mistake_of_a_right_formula():
    # at A3 = 1 the factors of the unsimplified derivative are infinite and 0
    given = feeds(m=11, scale=60)
    assert (GRAPH.forward(given)["A3"] == 1).any()
    formulas = {"dZ3": "(A3 - Y) / (A3 * (1 - A3)) * A3 * (1 - A3)", "dW3": "dZ3 @ A2.T / m"}
    assert GRAPH.check(formulas, given).ok
    assert not GRAPH.check({**formulas, "dZ3": "(A3 - Y) / (A3 * (1 - A3)) * A3"}, given)["dZ3"].own


def test_float32_is_judged_as_float32():
    run = GRAPH.forward(feeds(m=500, dtype=np.float32))
    assert run["Z3"].dtype == np.float32
    assert run.compare(PER_EXAMPLE).ok
    assert not run.compare({**PER_EXAMPLE, "dZ3": "A3 - 0.999 * Y"})["dZ3"].own


def test_the_fused_graph_agrees_with_the_plain_one():
    for graph in (GRAPH, GRAPH.fuse()):
        assert graph.check(PER_EXAMPLE).ok
        assert graph.check({"dZ3": "Y - A3"}, convention="mean")["dZ3"].repair == "(A3 - Y) / m"


def test_the_unsimplified_derivative_is_right():
    formulas = {"dA3": "-Y / A3 + (1 - Y) / (1 - A3)", "dZ3": "dA3 * A3 * (1 - A3)", "dW3": "dZ3 @ A2.T / m"}
    report = GRAPH.check(formulas)
    assert report.ok
    assert report.convention == "per-example"


def test_an_output_that_is_no_number_is_judged_from_a_gradient_of_its_own():
    x, W = cr.Input("x", (2, "m")), cr.Parameter("W", (3, 2))
    graph = cr.Graph(cr.Tanh(cr.MatMul(W, x, name="z"), name="y"))
    assert graph.check({"dz": "dy * (1 - y ** 2)", "dW": "dz @ x.T"}).ok


# --- arrays and callables ------------------------------------------------------------------------------------------


def test_arrays_are_held_against_a_run_which_stays_as_it_is():
    run = GRAPH.forward(feeds())
    gradient = GRAPH.forward(feeds()).backward()["W2"]
    assert run.compare({"dW2": gradient}).ok
    with pytest.raises(UnknownNameError, match="no gradients yet"):
        run["dW2"]
    report = run.compare({"dW2": gradient.T, "dW3": 7 * np.asarray(GRAPH.forward(feeds()).backward()["W3"])})
    assert report["dW2"].repair == "result.T"
    assert report["dW3"].repair == "result / m"
    assert report["dW3"].formula == "array of shape (1, 3)"


def test_arrays_in_either_convention_are_right():
    run = GRAPH.forward(feeds())
    gradients = run.backward()
    assert run.compare({"dZ3": gradients["Z3"], "dW3": gradients["W3"]}).convention == "mean"
    assert run.compare({"dZ3": 7 * gradients["Z3"], "dW3": gradients["W3"]}).convention == "per-example"


def test_a_run_with_its_own_seed_is_judged_from_that():
    x = cr.Input("x", (3,))
    run = cr.Graph(cr.Square(x, name="y")).forward({"x": [1.0, 2.0, 3.0]})
    run.backward([1.0, 0.0, -1.0])
    assert run.compare({"dx": [2.0, 0.0, -6.0]}).ok
    assert run.compare({"dx": "2 * x * dy"}).ok


def test_later_lines_use_the_users_arrays():
    run = GRAPH.forward(feeds())
    report = run.compare({"dZ3": np.zeros((1, 7)), "dW3": "dZ3 @ A2.T"})
    assert report["dW3"].verdict == "wrong only because dZ3 is"


def test_what_a_callable_raises_is_told():
    def broken(A1):
        raise ZeroDivisionError("no division today")

    assert GRAPH.check({"dA1": broken})["dA1"].diagnosis == "ZeroDivisionError: no division today"


def test_a_callable_cannot_change_the_values():
    def greedy(dA2, A2):
        dA2 *= A2 * (1 - A2)
        return dA2

    for convention in ("mean", "per-example"):
        report = GRAPH.check({"dZ2": greedy, "dW2": PER_EXAMPLE["dW2"]}, convention=convention)
        assert "read-only" in report["dZ2"].diagnosis


def test_a_callable_that_returns_no_numbers_is_wrong():
    assert "not an array of real numbers" in GRAPH.check({"dA1": lambda A1: "A1"})["dA1"].diagnosis


# --- what cannot be judged -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formulas", "error", "told"),
    [
        ({"dW3": np.ones((1, 3))}, ArgumentError, "belongs to data"),
        ({"dW3": {1, 2}}, ArgumentError, "neither a formula"),
        ({"dW3": lambda dZ3, A9: dZ3}, ArgumentError, "A9"),
        ([("dW3", "dZ3")], ArgumentError, "a dict"),
    ],
)
def test_bad_input_raises(formulas, error, told):
    with pytest.raises(error, match=told):
        GRAPH.check(formulas)


@pytest.mark.parametrize("formula", ["dZ3 @ A4.T", "dZ3 @", "__import__('os')"])
def test_text_that_cannot_be_read_stops_no_other_line(formula):
    report = GRAPH.check({**PER_EXAMPLE, "dW3": formula})
    assert [verdict.name for verdict in report if not verdict.ok] == ["dW3"]
    assert (report["dW3"].verdict, report["dW3"].formula) == ("unreadable", formula)
    assert "dW3: line 1" in report["dW3"].diagnosis


def test_an_unknown_convention_raises():
    with pytest.raises(ArgumentError, match="'sum' is none of"):
        GRAPH.check(PER_EXAMPLE, convention="sum")


def test_feeds_that_do_not_fit_raise():
    with pytest.raises(FeedError, match="missing"):
        GRAPH.check(PER_EXAMPLE, {"A0": np.ones((2, 7))})


# --- diagnoses -----------------------------------------------------------------------------------------------------


def test_two_changes_are_tried_when_one_is_not_enough():
    verdict = GRAPH.check({**PER_EXAMPLE, "dW2": "dZ2.T @ A1"})["dW2"]
    assert GRAPH.check({**PER_EXAMPLE, "dW2": verdict.repair}).ok
    verdict = GRAPH.check({**PER_EXAMPLE, "dB2": "np.sum(dZ1, axis=0, keepdims=True) / m"})["dB2"]
    assert len(verdict.repairs) == 2
    assert GRAPH.check({**PER_EXAMPLE, "dB2": verdict.repair}).ok


def test_a_constant_is_estimated():
    verdict = GRAPH.check({**PER_EXAMPLE, "dW2": "0.37 * dZ2 @ A1.T / m"})["dW2"]
    assert GRAPH.check({**PER_EXAMPLE, "dW2": verdict.repair}).ok


def test_where_nothing_fits_the_difference_is_described():
    assert "entries differ: entry [" in GRAPH.check({**PER_EXAMPLE, "dZ2": "np.sin(Z2) + A3"})["dZ2"].diagnosis
    assert GRAPH.check({**PER_EXAMPLE, "dZ2": "Y.sum() * 0.3"})["dZ2"].repair == ""


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.ones((3, 2)), "its shape is (3, 2), and dW has shape (2, 3)"),
        (np.array([[2.0, 4, 6], [12, 15, 18]]), "each row of dW has its own factor: 2, 3 times"),
        (np.array([[2.0, 6, 12], [8, 15, 24]]), "each column of dW has its own factor: 2, 3, 4 times"),
        (np.array([[-1.0, 2, 3], [4, 5, -6]]), "2 of 6 signs are wrong"),
        (np.array([[0.3, 0.6, 0.9], [1.2, 1.5, 1.8]]), "it is 0.3 times as large as dW in every entry"),
        (np.array([[1.0, 2, 3], [4, 9, 6]]), "1 of 6 entries differ: entry [1, 1] is 9, not 5"),
        (np.array([[1.0, 2, 3], [4, np.nan, 6]]), "1 of 6 entries differ: entry [1, 1] is nan, not 5"),
    ],
)
def test_a_difference_is_described_by_its_pattern(value, told):
    assert told in difference_text(value, np.array([[1.0, 2, 3], [4, 5, 6]]), "dW")


def test_equal_is_what_rounding_allows():
    expected = np.array([1.0, 1e-12])
    assert same(expected * (1 + 1e-12), expected)
    assert not same(expected * (1 + 1e-7), expected)
    assert not same(np.array([[1.0, 1e-12]]), expected)
    assert same(np.array([np.inf, 1.0]), np.array([np.inf, 1.0]))
    assert not same(np.array([-np.inf, 1.0]), np.array([np.inf, 1.0]))
    assert not same(np.array([np.nan]), np.array([1.0]))
    assert distance(np.zeros(0), np.zeros(0)) == 0


def test_repairs_use_gradients_that_the_sweep_has_met_before():
    # dA2 = dZ2 / (A2 (1 - A2)) is true, and circular
    for text in ("dZ3", "W3.T", "W3.T @ A3"):
        assert "dZ2" not in GRAPH.check({**PER_EXAMPLE, "dA2": text})["dA2"].repair


# --- the report ----------------------------------------------------------------------------------------------------


def wrong_report():
    long = "np.multiply(np.dot(W3.T, dZ3), np.multiply(np.subtract(1, A2), np.subtract(1, A2))) * 1.0"
    return GRAPH.check({**PER_EXAMPLE, "dZ2": long, "dW2": "dZ2 @ A1 / m"})


def test_a_report_is_a_table_of_eighty_columns():
    report = wrong_report()
    lines = str(report).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("✓" in line for line in lines) == 4
    assert sum("✗" in line for line in lines) == 7
    assert lines[-1] == "9 of 11 lines are right; the first wrong one is dZ2."
    assert str(GRAPH.check(PER_EXAMPLE)).endswith("All 11 lines are right.")


def test_a_report_goes_through_json():
    report = wrong_report()
    data = json.loads(report.to_json())
    assert data["ok"] is False
    assert data["convention"] == "per-example"
    assert [line["name"] for line in data["lines"]] == list(PER_EXAMPLE)
    assert data["lines"][5]["repair"] == report["dW2"].repair == "dZ2 @ A1.T / m"


def test_assert_ok_raises_with_the_table():
    GRAPH.check(PER_EXAMPLE).assert_ok()
    with pytest.raises(AssertionError, match="A1 has to be transposed"):
        wrong_report().assert_ok()


class Tags(html.parser.HTMLParser):
    """Which elements a page has, and its text."""

    def __init__(self):
        super().__init__()
        self.seen, self.text = set(), ""

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)

    def handle_data(self, data):
        self.text += data


def test_html_lets_no_name_and_no_formula_through():
    hostile = "<script>alert(1)</script>"
    report = GRAPH.check({hostile: "A1 < A1", "dZ3": "(A3 < Y) & (Y > 0)"}, convention="mean")
    tags = Tags()
    tags.feed(report._repr_html_())
    assert tags.seen <= {"p", "table", "thead", "tbody", "tr", "th", "td", "code", "br"}
    assert hostile in tags.text
    assert "(A3 < Y) & (Y > 0)" in tags.text


def test_a_report_is_a_collection_of_verdicts():
    report = GRAPH.check(PER_EXAMPLE)
    assert len(report) == 11
    assert "dW3" in report
    assert [verdict.name for verdict in report] == list(PER_EXAMPLE)
    assert repr(report) == "<Report: All 11 lines are right.>"
    assert isinstance(report, cr.Report)
    with pytest.raises(UnknownNameError, match="did you mean 'dW3'"):
        report["dw3"]


def test_no_lines_are_not_ok():
    report = GRAPH.check({})
    assert not report.ok
    assert str(report) == "No line was judged."


def test_a_verdict_prints_by_itself():
    text = str(wrong_report()["dW2"])
    assert text.splitlines()[0] == "✗ dW2 = dZ2 @ A1 / m: wrong"
    assert "dW2 = dZ2 @ A1.T / m" in text


# --- an activation that a loss and something else read ---------------------------------------------------------------


def shared_activation(kind, loss, rows, ends):
    """A, read by a loss that can be fused with it and by a square; outputs are both, or their sum."""
    a = kind(cr.Multiply(cr.Parameter("w"), cr.Input("x", (rows, "m")), name="Z"), name="A")
    first = loss(a, cr.Input("Y", (rows, "m")), name="L1")
    second = cr.Sum(cr.Square(a), name="L2")
    graph = cr.Graph(first, second) if ends == 2 else cr.Graph(cr.Add(first, second, name="L"))
    rng = np.random.default_rng(3)
    labels = np.eye(max(rows, 2))[:rows, [0, 1, 1, 0, 1]]
    return graph, {"w": 1.3, "x": rng.normal(size=(rows, 5)), "Y": labels}


@pytest.mark.parametrize("ends", [1, 2])
@pytest.mark.parametrize(
    ("kind", "loss", "rows", "part"),
    [
        (cr.Sigmoid, cr.BCELoss, 1, "((1 - Y) / (1 - A) - Y / A) / m"),
        (cr.Softmax, cr.CrossEntropyLoss, 3, "-Y / A / m"),
    ],
    ids=["sigmoid", "softmax"],
)
def test_a_gradient_holds_all_parts_on_data_of_the_users_too(kind, loss, rows, part, ends):
    graph, given = shared_activation(kind, loss, rows, ends)
    run = graph.forward(given)
    for formula, right in ((f"{part} + 2 * A", True), ("2 * A", False), (part, False)):
        assert graph.check({"dA": formula}).ok is right
        assert graph.check({"dA": formula}, given).ok is right
        assert run.compare({"dA": formula}).ok is right


def test_the_gradients_behind_a_fused_loss_are_exact_beside_other_terms():
    graph, given = shared_activation(cr.Sigmoid, cr.BCELoss, 1, 1)
    given = {**given, "x": np.array([[40.0, -38.0, 2.0, 39.0, -41.0]])}  # A rounds to 1
    assert graph.check({"dZ": "(A - Y) / m + 2 * A * A * (1 - A)"}, given).ok
    assert not graph.check({"dZ": "(A - Y) / m + 2 * A * A"}, given).ok


def test_nodes_without_names_keep_the_gradient_of_their_own_when_others_are_fused_away():
    """A fused graph numbers what has no name anew."""
    x, y = cr.Parameter("x", (1, 4)), cr.Input("Y", (1, 4))
    second = cr.Sum(cr.Sigmoid(cr.Square(x)))
    graph = cr.Graph(cr.Add(second, cr.BCELoss(cr.Sigmoid(x), y), name="L"))
    run = graph.forward({"x": [[0.3, -1.2, 0.7, 2.0]], "Y": [[1.0, 0.0, 0.0, 1.0]]})
    gradients = run.backward()
    for name in graph.names:
        if name in gradients:
            assert run.compare({f"d{name}": gradients[name]}).ok, name
