"""What random data must not hide: bounds, masks, signs and kinks that tame numbers never meet."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.judging.ground import random_draws
from chainrule.judging.unreadable import lines_of
from chainrule.samples.sampling import generic_sizes, sample_feeds
from chainrule.samples.spreading import soft_feeds, spread_feeds


def two_layers(activation, sizes=(2, 4, 1), loss=cr.BCELoss, last=cr.Sigmoid):
    A, Y = cr.Input("X", (sizes[0], "m")), cr.Input("Y", (sizes[-1], "m"))
    for k, act in enumerate((activation, last), 1):
        W, b = cr.Parameter(f"W{k}", (sizes[k], sizes[k - 1])), cr.Parameter(f"b{k}", (sizes[k], 1))
        A = act(cr.Add(W @ A, b, name=f"Z{k}"), name=f"A{k}")
    return cr.Graph(loss(A, Y, name="J"))


RELU, TANH = two_layers(cr.ReLU), two_layers(cr.Tanh)
LUCKY = [
    (RELU, "dZ1", "np.maximum(dA1, -1) * (Z1 > 0)"),
    (RELU, "dW1", "np.clip(dZ1 @ X.T, -5, 5)"),
    (RELU, "dZ1", "np.where(np.abs(dA1) < 1e-4, 0, dA1) * (Z1 > 0)"),
    (RELU, "dZ1", "dA1 * (Z1 > 0) * (Z1 < 20)"),
    (RELU, "dZ1", "dA1 * (Z1 > 0.001)"),
    (RELU, "dZ1", "dA1 * (Z1 > -1e-5)"),
    (RELU, "A1", "np.clip(Z1, 0, 30)"),
    (TANH, "dW2", "np.clip(dZ2 @ A1.T, -5, 5)"),
    (TANH, "dZ1", "np.tanh(dA1) * (1 - A1 ** 2) / 1"),
    (TANH, "Z1", "np.maximum(W1 @ X + b1, -6)"),
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("graph", "name", "text"), LUCKY)
def test_what_tame_data_would_let_pass_is_wrong(graph, name, text, seed):
    report = graph.check({name: text}, seed=seed)
    assert not report.ok
    if report[name].repair:
        assert graph.check({name: report[name].repair}, seed=seed + 7).ok


def test_a_wide_layer_has_units_that_are_off():
    graph = two_layers(cr.ReLU, (20, 1000, 1))
    for seed in range(3):
        assert not graph.check({"dZ1": "dA1"}, seed=seed).ok


def test_both_signs_are_drawn_where_a_logarithm_needs_a_positive_product():
    x, W = cr.Input("x", (2, "m")), cr.Parameter("W", (3, 2))
    graph = cr.Graph(cr.Mean(cr.Sum(cr.Log(cr.MatMul(W, x, name="s")), axis=0), name="L"))
    assert graph.check({"dW": "(1 / s) @ x.T / m"}).ok
    assert not graph.check({"dW": "np.abs(1 / s) @ np.abs(x).T / m"}).ok
    p, q = cr.Parameter("p", (3,)), cr.Parameter("q", (3,))
    root = cr.Graph(cr.Sum(cr.Sqrt(cr.Multiply(p, q), name="r"), name="L"))
    assert root.check({"dp": "q / (2 * r)"}).ok
    assert not root.check({"dp": "np.abs(q) / (2 * r)"}).ok


def test_a_formula_that_knows_the_loss_is_right_though_it_is_right_for_no_other():
    graph = two_layers(cr.Tanh, (2, 4, 3), cr.CrossEntropyLoss, cr.Softmax)
    assert graph.check({"dZ2": "A2 * dA2 + A2 / m"}).ok  # the sum of A2 * dA2 is -1/m for this loss
    assert graph.check({"dZ2": "(A2 - Y) / m", "dA1": "W2.T @ ((A2 - Y) / m)"}).ok


@pytest.mark.parametrize("text", ["A2 - Y ** 2", "A2 - np.sqrt(Y)", "A2 - (Y > 0.5)", "np.where(Y == 1, A2 - 1, A2)"])
def test_what_is_right_for_labels_0_and_1_alone_is_right_with_a_remark(text):
    verdict = TANH.check({"dZ2": text})["dZ2"]
    assert (verdict.ok, verdict.remark) == (True, "right for labels 0 and 1 only")
    assert TANH.check({"dZ2": "A2 - Y"})["dZ2"].remark == ""


def built_of_single_nodes():
    X, Y = cr.Input("X", ("m", 2)), cr.Input("Y", ("m", 3))
    z = cr.Add(X @ cr.Parameter("W", (2, 3)), cr.Parameter("b", (1, 3)), name="z")
    probs = cr.Softmax(z, axis=1, name="probs")
    return cr.Graph(cr.Mean(cr.Sum(-(Y * cr.Log(probs)), axis=1), name="loss"))


def test_labels_that_meet_the_logarithm_of_a_softmax_alone_are_one_hot():
    graph = built_of_single_nodes()
    assert graph.check({"dz": "(probs - Y) / m"}).ok
    Y = sample_feeds(graph, 0)["Y"]
    assert (np.sort(Y, axis=1) == [0, 0, 1]).all()
    shares, classes = soft_feeds(graph, sample_feeds(graph, 0), generic_sizes(graph)[0], 0)
    np.testing.assert_allclose(shares["Y"].sum(axis=1), 1)
    assert classes
    assert graph.check({"dz": "(probs - Y ** 2) / m"})["dz"].remark == "right for one-hot labels only"


def test_an_indicator_of_the_right_class_is_one_hot():
    s, Y = cr.Parameter("s", (5, 3)), cr.Input("Y", (5, 3))
    right = cr.Sum(Y * s, axis=1, keepdims=True)
    graph = cr.Graph(cr.Sum(cr.Maximum(s - right + 1, 0) * (1 - Y), name="L"))
    assert (sample_feeds(graph, 0)["Y"].sum(axis=1) == 1).all()
    # a product that is summed is no indicator by itself
    dot = cr.Graph(cr.Sum(cr.Sum(cr.Input("q", (5, 3)) * cr.Parameter("k", (5, 3)), axis=1), name="L"))
    assert not set(np.unique(sample_feeds(dot, 0)["q"])) <= {0, 1}


def test_labels_of_ones_own_make_a_formula_right_and_data_does_not():
    x, y = cr.Input("x", (3, "m")), cr.Input("y", (3, "m"))
    p = cr.Softmax(cr.MatMul(cr.Parameter("W", (3, 3)), x, name="z"), axis=0, name="p")
    graph = cr.Graph(cr.Mean(cr.Sum(cr.Multiply(cr.Square(y), -cr.Log(p)), axis=0), name="L"))
    feeds = {**graph.initialize(0), "x": np.ones((3, 6)), "y": np.eye(3)[:, [0, 1, 2, 0, 1, 1]]}
    line = {"dz": "(p - y) / m"}
    assert not graph.check(line).ok
    verdict = graph.check(line, feeds)["dz"]
    assert (verdict.ok, verdict.remark) == (True, "right on your data; on random data it is not")
    assert not graph.check({"dW": "dz @ (x * x).T"}, feeds).ok  # x is 1 everywhere, which is no label


def test_wild_data_is_finite_and_the_same_for_the_same_seed():
    for graph in (RELU, TANH, built_of_single_nodes()):
        first, again = (random_draws(graph, 3, given=False) for _ in range(2))
        for one, other in zip(first, again, strict=True):
            for name in one.values:
                np.testing.assert_array_equal(one.values[name], other.values[name])
                assert np.isfinite(one.values[name]).all()


def test_entries_lie_close_to_a_kink_on_both_sides_and_not_on_it():
    sizes = generic_sizes(RELU)[0]
    feeds = spread_feeds(RELU, sample_feeds(RELU, 0, sizes), sizes, 0)
    z = RELU.forward(feeds)["Z1"]
    near = z[np.abs(z) < 1e-5]
    assert near.min() < 0 < near.max()
    assert z.max() > 20
    assert z.min() < -20


def test_lines_that_cannot_be_read_keep_their_place_and_their_number():
    text = "# mine\ndZ2 = A2 - Y\ndW2 = dZ2 @\n\ndb2 = foo(dZ2)\ndA1 = W2.T @ dZ2"
    found = lines_of(text, ["A2", "Y", "W2", "dZ2", "dW2", "db2", "dA1"])
    assert list(found) == ["dZ2", "dW2", "db2", "dA1"]
    report = TANH.check(found)
    assert [verdict.verdict for verdict in report] == ["right", "unreadable", "unreadable", "right"]
    assert "line 3, column" in report["dW2"].diagnosis
    assert "line 5, column" in report["db2"].diagnosis


@pytest.mark.parametrize(
    "text", ["dZ2 = A2 -", "dZ2 = A2\ndZ2 = Y", "A2 - Y", "\n".join(f"d{k} = (" for k in range(30))]
)
def test_a_file_of_which_nothing_can_be_told_is_refused(text):
    with pytest.raises(cr.errors.FormulaError):
        lines_of(text, ["A2", "Y", "dZ2"])


@pytest.mark.parametrize(
    ("graph", "line"),
    [
        (TANH, {"dZ1": "dA1 * (1 - A1 ** 2) * (X[:1] < 50)"}),
        (TANH, {"dZ1": "dA1 * (1 - A1 ** 2) * (X.sum() < 1e3)"}),
        (TANH, {"dZ1": "np.where(W2.max() < 100, dA1 * (1 - A1 ** 2), dA1)"}),
        (RELU, {"dZ1": "dA1 * (Z1 > 0) * (W2.T > -200)"}),
    ],
    ids=str,
)
def test_a_condition_that_tame_data_always_meets_is_met_and_not_met(graph, line):
    assert not graph.check(line).ok
    name, text = next(iter(line.items()))
    plain = "dA1 * (1 - A1 ** 2)" if graph is TANH else "dA1 * (Z1 > 0)"
    assert graph.check({name: plain}).ok
    assert graph.check({name: f"np.where(abs(X).max() < 50, {plain}, 1 * ({plain}))"}).ok, text


def test_a_bound_that_keeps_a_divisor_from_0_is_right():
    line = {"dA2": "(-Y / np.maximum(A2, 1e-12) + (1 - Y) / np.maximum(1 - A2, 1e-12)) / m"}
    assert TANH.check(line).ok


def test_a_comparison_that_makes_no_difference_is_no_repair():
    for text in ("np.where(np.abs(dA1) < 1e-4, 0, dA1) * (Z1 > 0)", "np.where(np.abs(W2.T) < 1e-3, 0, dA1) * (Z1 > 0)"):
        verdict = RELU.check({"dZ1": text})["dZ1"]
        assert not verdict.ok
        assert "np.where" not in verdict.repair
    assert RELU.check({"dZ1": "dA1 * (Z1 < 0)"})["dZ1"].repair == "dA1 * (Z1 > 0)"
