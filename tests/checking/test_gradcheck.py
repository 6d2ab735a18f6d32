"""The gradient check is checked: each of its tests fails for a rule broken in that one way, and right rules pass."""

import itertools
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.checking import gradients as checked_gradients
from chainrule.core import passes
from chainrule.errors import ArgumentError, FeedError, GradientCheckError, UnknownNameError
from chainrule.symbols.broadcasting import unbroadcast

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3))
X3 = RNG.standard_normal((2, 3, 4))
ROW = RNG.standard_normal(3)
SQUARE = RNG.standard_normal((3, 3))
POSITIVE = RNG.uniform(0.5, 2, (2, 3))
SHARE = RNG.uniform(0.1, 0.9, (2, 3))
BITS = np.array([[0.0, 1, 1], [1, 0, 1]])

RIGHT = [
    (cr.Abs, [-1.0, 0.0, 2.0], {}),
    (cr.Add, X, ROW, {}),
    (cr.BCELoss, SHARE, BITS, {}),
    (cr.Clip, [-2.0, -1.0, 0.3, 1.0, 3.0], {"low": -1.0, "high": 1.0}),
    (cr.Concatenate, X, POSITIVE, X, {"axis": 1}),
    (cr.Cos, X, {}),
    (cr.CrossEntropyLoss, SHARE, BITS, {"reduction": "none"}),
    (cr.Divide, X, POSITIVE, {}),
    (cr.Exp, X, {}),
    (cr.GELU, X, {}),
    (cr.Gather, X3, [0, 3, 3], {}),
    (cr.HingeLoss, X, 2 * BITS - 1, {}),
    (cr.Index, X3, {"key": (slice(None), [0, 0, 2])}),
    (cr.LeakyReLU, [-1.0, 0.0, 2.0], {"slope": 0.2}),
    (cr.Log, POSITIVE, {}),
    (cr.LogSoftmax, X, {}),
    (cr.LogSumExp, X, {"axis": 1}),
    (cr.MSELoss, X, BITS, {"reduction": "sum"}),
    (cr.MatMul, X, SQUARE, {}),
    (cr.Max, [[1.0, 1.0, 0.0, 2.0], [4.0, 3.0, 3.0, 1.0]], {"axis": 1}),
    (cr.Maximum, X, 0.5 * X[:1], {}),
    (cr.Mean, X3, {"axis": (0, 2)}),
    (cr.Minimum, [1.0, 2.0], [1.0, 3.0], {}),
    (cr.Multiply, X, ROW, {}),
    (cr.Negate, X, {}),
    (cr.Power, POSITIVE, ROW, {}),
    (cr.ReLU, [-1.0, 0.0, 2.0], {}),
    (cr.Reshape, X, {"to": (3, 2)}),
    (cr.Sigmoid, X, {}),
    (cr.SigmoidBCELoss, X, BITS, {}),
    (cr.Sin, X, {}),
    (cr.Softmax, X, {"axis": 0}),
    (cr.SoftmaxCrossEntropyLoss, X, BITS, {}),
    (cr.Softplus, X, {}),
    (cr.Sqrt, POSITIVE, {}),
    (cr.Square, X, {}),
    (cr.Subtract, ROW, X, {}),
    (cr.Sum, X3, {"axis": 1}),
    (cr.Tanh, X, {}),
    (cr.Transpose, X3, {"axes": (2, 0, 1)}),
    (cr.Where, np.array([True, False, True]), X, ROW, {}),
]


@pytest.mark.parametrize(("kind", "examples", "facts"), [(kind, rest[:-1], rest[-1]) for kind, *rest in RIGHT])
def test_right_rules_pass_and_every_floating_element_is_compared(kind, examples, facts):
    report = cr.check_node(kind, *examples, **facts)
    differentiated = [row for row in report.rows if row.note not in {"not differentiated", "backward returns None"}]
    assert report.ok
    assert report.compared == sum(row.size for row in differentiated) > 0
    assert max(row.error for row in differentiated) < 1e-7  # what central differences reach with room to spare


def test_every_rule_of_the_package_is_in_the_table():
    rules = {kind for name in cr.__all__ if isinstance(kind := getattr(cr, name), type) and issubclass(kind, cr.Node)}
    leaves = {cr.Node, cr.Leaf, cr.Input, cr.Parameter, cr.Constant}
    assert {kind for kind in rules - leaves if kind.has_gradient} == {kind for kind, *_ in RIGHT}


# --- rules that are broken in one way each ---------------------------------------------------------------------------


class SquareTimes(cr.Node):
    """x², with a gradient that is a factor off."""

    factor: float = 1.0

    def forward(self, x):
        return x * x

    def backward(self, grad, y, x):
        return (self.factor * 2 * grad * x,)


class Untraveled(cr.Node):
    """x³ by way of real numbers only, so that no complex step can be taken."""

    factor: float = 1.0

    def forward(self, x):
        return np.power(np.real(x), 3)

    def backward(self, grad, y, x):
        return (self.factor * 3 * grad * x * x,)


class TurnedWeights(cr.Node):
    """W x, with the gradient of W turned over: on a square W the shape is right."""

    def forward(self, w, x):
        return w @ x

    def backward(self, grad, y, w, x):
        return x @ grad.T, w.T @ grad


class Stretched(cr.Node):
    """x + y without undoing the broadcast."""

    def forward(self, x, y):
        return x + y

    def backward(self, grad, output, x, y):
        return grad, grad


class StretchedOnce(cr.Node):
    """The shape of the bias is right, the sum over its columns is missing."""

    def forward(self, x, bias):
        return x + bias

    def backward(self, grad, output, x, bias):
        return grad, grad[:, :1]


class WritesInForward(cr.Node):
    """2x in the memory of x."""

    def forward(self, x):
        x *= 2
        return x

    def backward(self, grad, y, x):
        return (2 * grad,)


class WritesAndRestores(cr.Node):
    """2x, with x in use as scratch paper: another thread would see it."""

    def forward(self, x):
        if isinstance(x, np.ndarray):
            x *= 2
            y = x.copy()
            x /= 2
            return y
        return 2 * x

    def backward(self, grad, y, x):
        return (2 * grad,)


class WritesByForce(cr.Node):
    """Makes its input writable first."""

    def forward(self, x):
        if isinstance(x, np.ndarray):
            x.flags.writeable = True
            x += 1
        return x * 1

    def backward(self, grad, y, x):
        return (grad,)


class WritesIntoGrad(cr.Node):
    """3x, with the gradient in the memory of grad."""

    def forward(self, x):
        return 3 * x

    def backward(self, grad, y, x):
        grad *= 3
        return (grad,)


class WidensForward(cr.Node):
    """2x, in float64 whatever x is."""

    def forward(self, x):
        return x * np.array(2.0)[None]

    def backward(self, grad, y, x):
        return ((2 * grad).astype(x.dtype),)


class WidensBackward(cr.Node):
    """2x, with a gradient in float64 whatever x is."""

    def forward(self, x):
        return 2 * x

    def backward(self, grad, y, x):
        return (grad * np.full(x.shape, 2.0),)


class Random(cr.Node):
    """x times a random number."""

    def forward(self, x):
        return x * RNG.uniform(0.9, 1.1)

    def backward(self, grad, y, x):
        return (grad * y / x,)


class RandomBackward(cr.Node):
    """x, with a gradient times a random number."""

    def forward(self, x):
        return x * 1

    def backward(self, grad, y, x):
        return (grad * RNG.uniform(0.9, 1.1),)


COUNTER = itertools.count()
KEPT: dict[str, np.ndarray] = {}


class ReadsFromOutside(cr.Node):
    """x plus how often it was called."""

    def forward(self, x):
        return x + next(COUNTER)

    def backward(self, grad, y, x):
        return (grad,)


class KeepsState(cr.Node):
    """Its backward uses what the last forward saw, which is another point when a graph holds the rule twice."""

    def forward(self, x):
        if isinstance(x, np.ndarray):
            KEPT["x"] = x
        return x * x

    def backward(self, grad, y, x):
        return (2 * grad * KEPT["x"],)


class KeepsItsOutput(cr.Node):
    """2x, always in the same memory: the next call changes what an earlier run holds."""

    def forward(self, x):
        if not isinstance(x, np.ndarray):
            return 2 * x
        return np.multiply(x, 2, out=KEPT.setdefault(f"output {x.dtype}", np.empty_like(x)))

    def backward(self, grad, y, x):
        return (2 * grad,)


class KeepsItsGradient(cr.Node):
    """2x, with the gradient always in the same memory."""

    def forward(self, x):
        return 2 * x

    def backward(self, grad, y, x):
        return (np.multiply(grad, 2, out=KEPT.setdefault(f"gradient {x.dtype}", np.empty_like(x))),)


class SquaresGrad(cr.Node):
    """x, with the square of grad."""

    def forward(self, x):
        return x * 1

    def backward(self, grad, y, x):
        return (grad * grad,)


class DropsGrad(cr.Node):
    """The gradient of one output as if grad were 1: right for a loss, wrong in the middle of a graph."""

    def forward(self, x):
        return x.sum()

    def backward(self, grad, y, x):
        return (np.ones_like(x),)


class Decays(cr.Node):
    """Adds a little of x to the gradient, as weight decay would: not 0 when grad is 0."""

    def forward(self, x):
        return x * 1

    def backward(self, grad, y, x):
        return (grad + x * x.dtype.type(1e-12),)


class OneTooMany(cr.Node):
    """x, with two gradients."""

    def forward(self, x):
        return x * 1

    def backward(self, grad, y, x):
        return grad, None


class CommaMissing(cr.Node):
    """x, with an array where a tuple of one belongs."""

    def forward(self, x):
        return x * 1

    def backward(self, grad, y, x):
        return grad


class NoneAtTimes(cr.Node):
    """x, with a gradient or without, as it happens."""

    def forward(self, x):
        return x * 1

    def backward(self, grad, y, x):
        return (grad if np.any(grad > 0) else None,)


class WrongAtOneEntry(cr.Node):
    """x², with a gradient wrong at the last entry but one."""

    def forward(self, x):
        return x * x

    def backward(self, grad, y, x):
        gradient = 2 * grad * x
        gradient.flat[-2] *= 1.01
        return (gradient,)


class WrongAtKink(cr.Node):
    """|x|, with a slope of 1.5 at 0."""

    def forward(self, x):
        return np.abs(x)

    def backward(self, grad, y, x):
        return (grad * np.where(x == 0, 1.5, np.sign(x)).astype(x.dtype),)


class WrongInSingle(cr.Node):
    """x, with a gradient that is wrong in float32 only."""

    def forward(self, x):
        return x * 1

    def backward(self, grad, y, x):
        return (grad * (1 if x.dtype == np.float64 else 1.01),)


class Steps(cr.Node):
    """x with a jump of 1 at 0."""

    def forward(self, x):
        return np.where(x >= 0, x + 1, x)

    def backward(self, grad, y, x):
        return (grad,)


class Root(cr.Node):
    """√|x|: at 0 the slopes on either side grow without bound, and their mean is 0."""

    def forward(self, x):
        return np.sqrt(np.abs(x))

    def backward(self, grad, y, x):
        return (0 * grad,)


class Winds(cr.Node):
    """x sin(log |x|): continuous at 0, where its difference quotients never settle."""

    def forward(self, x):
        return x * np.sin(np.log(np.abs(x) + (x == 0)))

    def backward(self, grad, y, x):
        return (0 * grad,)


class Raises(cr.Node):
    """x, with a backward that raises."""

    def forward(self, x):
        return x * 1

    def backward(self, grad, y, x):
        raise KeyError("lost")


class Imaginary(cr.Node):
    """ix."""

    def forward(self, x):
        return x * 1j

    def backward(self, grad, y, x):
        return (grad,)


BROKEN = {
    "sign": (SquareTimes, [X], {"factor": -1.0}, "turn its sign"),
    "factor 1.001": (SquareTimes, [X], {"factor": 1.001}, "divide by 1.001"),
    "factor 388": (SquareTimes, [X], {"factor": 388.0}, "divide by 388"),
    "factor 388 of a tiny gradient": (SquareTimes, [1e-9 * X], {"factor": 388.0}, "divide by 388"),
    "last digits": (SquareTimes, [X], {"factor": 1 + 1e-8}, "is wrong at"),
    "factor 1.001 by differences": (Untraveled, [X], {"factor": 1.001}, "divide by 1.001"),
    "all zero": (SquareTimes, [X], {"factor": 0.0}, "not 0 everywhere"),
    "transposed": (TurnedWeights, [SQUARE, X.T], {}, "try:   transpose it"),
    "not unbroadcast": (Stretched, [X, ROW], {}, "the gradient of y has shape (2, 3), the input has (3,)"),
    "not summed": (StretchedOnce, [X, X[:, :1]], {}, "the gradient of bias is wrong at [0, 0]"),
    "writes in forward": (WritesInForward, [X], {}, "forward writes into an array"),
    "writes and restores": (WritesAndRestores, [X], {}, "forward writes into an array"),
    "writes by force": (WritesByForce, [X], {}, "forward writes into an array"),
    "writes into grad": (WritesIntoGrad, [X], {}, "backward writes into an array"),
    "float64 output": (WidensForward, [ROW], {}, "forward returns float64 for inputs of float32"),
    "float64 gradient": (WidensBackward, [X], {}, "the gradient of x is float64, the input is float32"),
    "random": (Random, [X], {}, "forward gives another output"),
    "random backward": (RandomBackward, [X], {}, "backward gives other gradients"),
    "reads from outside": (ReadsFromOutside, [X], {}, "forward gives another output"),
    "keeps state": (KeepsState, [X], {}, "backward gives other gradients"),
    "keeps its output": (KeepsItsOutput, [X], {}, "forward returns the same memory at every call"),
    "keeps its gradient": (KeepsItsGradient, [X], {}, "backward returns the same memory at every call"),
    "squares grad": (SquaresGrad, [X], {}, "is not linear in grad"),
    "drops grad": (DropsGrad, [X], {}, "is not linear in grad"),
    "not 0 at 0": (Decays, [X], {}, "is not 0 when grad is 0"),
    "one too many": (OneTooMany, [X], {}, "returned 2 gradients for 1 inputs"),
    "no tuple": (CommaMissing, [X], {}, "it returns a tuple of 1, one gradient per input, not ndarray"),
    "None at times": (NoneAtTimes, [2.0], {}, "gives None for x at some calls only"),
    "one entry": (WrongAtOneEntry, [X], {}, "is wrong at [1, 1]"),
    "one entry of many": (WrongAtOneEntry, [RNG.uniform(1, 2, (60, 70))], {}, "along a random direction"),
    "kink": (WrongAtKink, [[-1.0, 0.0, 2.0]], {}, "is wrong at [1]"),
    "float32 alone": (WrongInSingle, [X], {}, "WrongInSingle in float32: the gradient of x is off by"),
    "jump": (Steps, [[1.0, 0.0]], {}, "cannot be judged at [1]: the output bends too sharply, or jumps"),
    "root": (Root, [[0.0]], {}, "cannot be judged at [0]: the output bends too sharply, or jumps"),
    "winds": (Winds, [[0.0]], {}, "cannot be judged at [0]: the output bends too sharply, or jumps"),
    "raises": (Raises, [X], {}, "backward raised KeyError"),
    "complex output": (Imaginary, [X], {}, "forward returns complex128"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_rule_broken_in_one_way_is_found_and_told(name):
    kind, examples, facts, said = BROKEN[name]
    with pytest.raises(GradientCheckError) as caught:
        cr.check_node(kind, *examples, **facts)
    assert said in str(caught.value)
    assert kind.__name__ in caught.value.what
    assert "test_gradcheck.py:" in caught.value.where
    assert caught.value.remedy


@pytest.mark.parametrize("kind", [SquareTimes, Untraveled])
def test_the_rules_that_are_broken_by_a_factor_are_right_without_it(kind):
    assert cr.check_node(kind, X).compared == 6


def test_the_message_names_place_numbers_and_shapes():
    with pytest.raises(GradientCheckError) as caught:
        cr.check_node(SquareTimes, [[1.0, -3.0]], factor=2.0)
    assert "the gradient of x is wrong at [0, 1]: backward gives -12, numerical differentiation -6" in caught.value.what
    assert caught.value.given == "x (1, 2) float64"


# --- what is compared, and how ---------------------------------------------------------------------------------------


def test_the_complex_step_is_used_where_the_rule_takes_it_and_differences_elsewhere():
    assert cr.check_node(cr.Sigmoid, X)["z"].note == "complex step"
    assert cr.check_node(cr.GELU, X)["x"].note == "differences"
    assert cr.check_node(Untraveled, X)["x"].note == "differences"


def test_kinks_are_counted_and_judged_by_the_slopes_on_either_side():
    report = cr.check_node(cr.ReLU, [-1.0, 0.0, 2.0, 0.0])
    assert (report["x"].kinks, report.compared) == (2, 4)
    assert "2 at kinks" in str(report)


@pytest.mark.parametrize("distance", [1e-6, 3e-6, 1e-8])
def test_a_kink_nearby_is_not_taken_for_a_kink(distance):
    assert cr.check_node(cr.ReLU, [distance, -distance]).rows[0].kinks == 0


@pytest.mark.parametrize(
    ("kind", "at"),
    [(cr.Log, 1e-6), (cr.Sqrt, 1e-8), (cr.Log, 1e6), (cr.Square, 1e8), (cr.Sin, 1e6), (cr.Exp, 80.0), (cr.Exp, -80.0)],
)
def test_sharp_bends_and_large_numbers_are_no_false_alarm(kind, at):
    assert cr.check_node(kind, [at]).compared == 1


def test_a_saturated_softmax_is_no_false_alarm():
    # Its gradient is 5e-10 and has seven digits, because 1e-16 rounds away; elsewhere linearity is held to ten.
    z = np.array([[34.30359068, -13.57833009], [12.91457237, 7.52797707], [-11.83056166, -25.87214597]])
    assert cr.Graph(cr.Softmax(cr.Input("z", (3, "m")), name="p")).check_gradients({"z": z})["p"].ok


def test_empty_examples_pass_and_the_report_says_that_nothing_was_compared():
    report = cr.check_node(cr.Sigmoid, np.zeros((3, 0)))
    assert (report.ok, report.compared, report["z"].note) == (True, 0, "nothing to compare")


def test_a_scalar_is_compared():
    assert cr.check_node(cr.Multiply, 2.0, X).compared == 7


def test_many_elements_are_sampled_and_the_report_says_so():
    report = cr.check_node(cr.Square, RNG.standard_normal((40, 30)))
    assert (report["x"].compared, report["x"].size) == (1000, 1200)
    assert "1000 of 1200" in str(report)


def test_whole_numbers_are_not_differentiated_but_serve_as_indices_and_labels():
    report = cr.check_node(cr.Gather, X, np.array([2, 0, 2, 1]))
    assert report["indices"].note == "not differentiated"
    assert report["table"].compared == 6
    assert cr.check_node(cr.BCELoss, SHARE, BITS.astype(int)).compared == 6


def test_inputs_without_gradient_are_not_differentiated():
    report = cr.check_node(cr.MSELoss, X, BITS)
    assert (report["labels"].note, report["labels"].compared) == ("backward returns None", 0)


def test_examples_in_float32_are_differentiated_in_float64():
    report = cr.check_node(cr.Tanh, X.astype(np.float32))
    assert report["x"].error < 1e-12  # in float32 no difference comes closer than 1e-5


def test_what_float32_cannot_hold_is_no_fault_of_the_rule():
    assert cr.check_node(cr.BCELoss, [[1e-9]], [[0.0]]).ok  # 1 - 1e-9 is 1
    assert cr.check_node(cr.Exp, [100.0]).ok  # overflows


def test_examples_are_left_as_they_were():
    x = X.copy()
    cr.check_node(cr.Square, x)
    assert x.flags.writeable
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_examples_that_are_not_finite_are_refused(bad):
    with pytest.raises(GradientCheckError, match=r"x is not finite at \[1\]"):
        cr.check_node(cr.Square, [1.0, bad])


def test_an_output_that_is_not_finite_is_refused():
    with pytest.raises(GradientCheckError, match="forward is not finite"), np.errstate(all="ignore"):
        cr.check_node(cr.Log, [0.0, 1.0])


def test_a_gradient_that_is_not_finite_is_refused():
    with (
        pytest.raises(GradientCheckError, match=r"the gradient of x is not finite at \[0\]"),
        np.errstate(all="ignore"),
    ):
        cr.check_node(cr.Sqrt, [0.0, 1.0])


def test_a_slope_too_small_to_be_seen_is_not_counted_as_compared():
    with pytest.raises(GradientCheckError, match="nothing was compared"):
        cr.check_node(cr.Sigmoid, [40.0])


def test_without_a_floating_example_there_is_nothing_to_check():
    with pytest.raises(ArgumentError, match="no floating example"):
        cr.check_node(cr.Square, 3)


@pytest.mark.parametrize("example", [np.array([1j]), np.array(["a"]), np.array([None])])
def test_examples_that_are_no_real_numbers_are_refused(example):
    with pytest.raises(ArgumentError, match="real numbers"):
        cr.check_node(cr.Square, example)


def test_the_same_seed_gives_the_same_report():
    many = RNG.standard_normal((40, 30))
    assert str(cr.check_node(cr.Sin, many, seed=3)) == str(cr.check_node(cr.Sin, many, seed=3))


# --- a whole graph ---------------------------------------------------------------------------------------------------


def net(activation=cr.Sigmoid, sizes=(2, 4, 3, 1)):
    a = cr.Input("A0", (sizes[0], "m"))
    for k, (rows, columns) in enumerate(itertools.pairwise(sizes), 1):
        with cr.layer(f"Layer {k}"):
            w, b = cr.Parameter(f"W{k}", (columns, rows)), cr.Parameter(f"B{k}", (columns, 1))
            z = cr.Add(w @ a, b, name=f"Z{k}")
            a = (activation if k < len(sizes) - 1 else cr.Sigmoid)(z, name=f"A{k}")
    return cr.Graph(cr.BCELoss(a, cr.Input("Y", (sizes[-1], "m")), name="L"))


def feeds_of(graph, m=5):
    rng = np.random.default_rng(1)
    data = {
        node.name: rng.standard_normal([s if isinstance(s, int) else m for s in node.shape]) for node in graph.inputs
    }
    return {**graph.initialize(seed=1), **data, "Y": (data["Y"] > 0).astype(float)}


class WrongSigmoid(cr.Node):
    """σ(z) with a(1 + a) for its slope."""

    def forward(self, z):
        return 1 / (1 + np.exp(-z))

    def backward(self, grad, a, z):
        return (grad * a * (1 + a),)


class LostSum(cr.Node):
    """The sum over rows, with a gradient that is not spread over them."""

    def forward(self, x):
        return x.sum(axis=0)

    def backward(self, grad, y, x):
        return (grad,)


def test_a_right_graph_agrees_and_all_of_it_is_compared():
    graph = net()
    report = graph.check_gradients(feeds_of(graph))
    assert report
    compared = {row.name: row.compared for row in report.rows if row.what == "gradient"}
    assert compared == {"A0": 10, "W1": 8, "B1": 4, "W2": 12, "B2": 3, "W3": 3, "B3": 1, "Y": 0}
    assert report["Y"].note == "no gradient: labels, or not read"
    assert max(row.error for row in report.rows) < 1e-13  # the complex step, through 10 nodes
    report.assert_ok()


def test_fused_and_expanded_graphs_agree():
    graph = net()
    assert graph.fuse().check_gradients(feeds_of(graph)).ok
    assert graph.expand().check_gradients(feeds_of(graph)).ok


def test_the_report_names_the_node_at_fault_its_layer_and_line():
    graph = net(WrongSigmoid)
    report = graph.check_gradients(feeds_of(graph))
    wrong = {row.name for row in report.rows if not row.ok}
    assert {row.name for row in report.rows if not row.ok and row.what != "gradient"} == {"A1", "A2"}
    assert {"W1", "B1", "A0", "W2", "B2"} <= wrong
    assert wrong.isdisjoint({"W3", "B3", "Z1", "Z3", "L"})
    with pytest.raises(GradientCheckError) as caught:
        report.assert_ok()
    assert "WrongSigmoid 'A1': the gradient of Z1 is wrong at" in str(caught.value)
    assert "in Layer 1" in str(caught.value)
    assert "test_gradcheck.py:" in str(caught.value)
    assert "mend the rule of A1, A2 first" in report["W1"].problem.remedy


def test_a_sweep_that_loses_a_use_is_found_though_every_rule_is_right(monkeypatch):
    x = cr.Input("x", (2, "m"))
    graph = cr.Graph(cr.Sum(x * x, name="L"))

    def forgetful(graph, values, seed=None):
        gradients, received = passes.sweep(graph, values, seed)
        gradients[graph.position("x")] = received[graph.position("x")][0][2]
        return gradients, received

    monkeypatch.setattr(checked_gradients, "sweep", forgetful)
    report = graph.check_gradients({"x": X})
    assert [row.name for row in report.rows if not row.ok] == ["x"]
    assert "divide by 0.5" in report["x"].problem.remedy


def test_a_rule_that_breaks_the_sweep_is_reported_and_not_raised():
    graph = cr.Graph(cr.Sum(LostSum(cr.Input("x", (2, "m")), name="S"), name="L"))
    report = graph.check_gradients({"x": X})
    assert not report
    assert "the gradient of x has shape (3,), the input has (2, 3)" in str(report.problems[0])
    assert "could not be computed" in report["x"].problem.what


def test_a_parameter_that_reaches_the_loss_as_labels_is_flagged():
    x, w, v = cr.Input("x", (2, "m")), cr.Parameter("W", (1, 2)), cr.Parameter("V", (1, 2))
    graph = cr.Graph(cr.MSELoss(w @ x, v @ x, name="L"))
    report = graph.check_gradients({"W": [[1.0, 2]], "V": [[0.5, 0.1]], "x": X})
    assert [row.name for row in report.rows if not row.ok] == ["V"]
    assert "V reaches L through an input for which the rule returns None" in report["V"].problem.remedy


def test_an_input_that_is_also_its_own_label_is_held_fixed_there():
    x, w = cr.Input("x", (2, "m")), cr.Parameter("W", (2, 2))
    report = cr.Graph(cr.MSELoss(w @ x, x, name="L")).check_gradients({"W": [[1.0, 2], [3, 4]], "x": X})
    assert report.ok
    assert report["x"].compared == 6
    assert "held fixed as labels of L" in report["x"].note


def test_intermediate_gradients_are_checked_on_request_by_name_or_node():
    graph = net()
    report = graph.check_gradients(feeds_of(graph), nodes=["Z2", graph["A1"], "W3"])
    assert [(row.name, row.compared) for row in report.rows if row.what == "gradient"] == [
        ("Z2", 15),
        ("A1", 20),
        ("W3", 3),
    ]
    assert [row.what for row in report.rows if row.what != "gradient"] == ["rule of Add", "rule of Sigmoid"]
    assert [row.name for row in graph.check_gradients(feeds_of(graph), nodes="W1").rows] == ["W1"]


def test_a_node_that_cannot_vary_has_no_gradient_to_check():
    graph = cr.Graph(cr.Sum(cr.Constant([1.0, 2.0], name="c") * cr.Input("x", 2)))
    report = graph.check_gradients({"x": [1.0, 2.0]}, nodes=["c"])
    assert (report.compared, report["c"].note) == (0, "no gradient: it does not vary")


def test_large_values_are_sampled_and_checked_along_random_directions():
    graph = net(cr.Tanh, (20, 30, 15, 2))
    report = graph.check_gradients(feeds_of(graph, m=7))
    assert report.ok
    assert (report["W1"].compared, report["W1"].size) == (24, 600)
    assert "24 of 600" in str(report)
    assert graph.check_gradients(feeds_of(graph, m=7), nodes=["W1"], limit=600).compared == 600


def test_an_error_outside_of_the_sample_is_found_along_a_direction():
    graph = cr.Graph(cr.Sum(WrongAtOneEntry(cr.Input("x", (50, "m")), name="y")))
    report = graph.check_gradients({"x": RNG.uniform(1, 2, (50, 20))})
    assert {row.name for row in report.rows if not row.ok} == {"x", "y"}


def test_outputs_that_are_no_scalars_and_several_outputs_are_checked():
    x, w = cr.Input("x", (2, "m")), cr.Parameter("W", (3, 2))
    report = cr.Graph(cr.Tanh(w @ x), cr.Softmax(x)).check_gradients({"W": SQUARE[:, :2], "x": X})
    assert report.ok
    assert (report["W"].compared, report["x"].compared) == (6, 6)


def test_feeds_in_float32_are_checked_in_float64_and_rules_in_float32_too():
    graph = net()
    narrow = {name: value.astype(np.float32) for name, value in feeds_of(graph).items()}
    report = graph.check_gradients(narrow)
    assert report.ok
    assert max(row.error for row in report.rows) < 1e-13
    single = cr.Graph(cr.Sum(WrongInSingle(cr.Input("x", (2, "m")), name="y")))
    assert single.check_gradients({"x": X}).ok
    assert "in float32" in str(single.check_gradients({"x": X.astype(np.float32)}).problems[0])


def test_a_constant_exponent_of_a_negative_number_is_not_differentiated():
    graph = cr.Graph(cr.Sum(cr.Input("x", 3) ** 2, name="L"))
    report = graph.check_gradients({"x": [-1.0, 2.0, -3.0]})
    assert report.ok
    assert report.compared == 9  # x, x into the power, the power into the sum


def test_a_gradient_that_is_nothing_but_rounding_is_no_false_alarm_and_not_counted():
    graph = cr.Graph(cr.Sum(cr.Softmax(cr.Input("x", (3, "m"))), name="L"))  # always m
    report = graph.check_gradients({"x": [[1.0, 2.0], [3.0, 4.0], [6.0, 5.0]]})
    assert report.ok
    assert report["x"].compared == 0
    assert "too small beside the output" in report["x"].note


def test_a_dead_unit_is_compared_its_gradient_is_exactly_0():
    graph = cr.Graph(cr.Sum(cr.ReLU(cr.Input("x", 3))))
    assert graph.check_gradients({"x": [-1.0, -2.0, -3.0]}, nodes=["x"]).compared == 3


def test_values_that_are_not_finite_are_refused_by_name():
    graph = cr.Graph(cr.Sum(cr.Log(cr.Input("x", 2), name="y")))
    with pytest.raises(GradientCheckError, match=r"y is not finite at \[1\]"), np.errstate(all="ignore"):
        graph.check_gradients({"x": [1.0, 0.0]})


def test_a_graph_without_floating_output_has_nothing_to_check():
    with pytest.raises(ArgumentError, match="no output of this graph is floating"):
        cr.Graph(cr.Input("k", 3, dtype=int)).check_gradients({"k": [1, 2, 3]})


def test_feeds_are_checked_first():
    with pytest.raises(FeedError, match="missing"):
        net().check_gradients({})


# --- the report ------------------------------------------------------------------------------------------------------


def test_the_report_is_a_table_and_false_when_something_is_wrong():
    graph = cr.Graph(cr.Sum(SquareTimes(cr.Input("x", (2, "m")), factor=-1.0, name="y"), name="L"))
    report = graph.check_gradients({"x": X})
    lines = str(report).splitlines()
    assert lines[0] == "gradient check of 1 gradient and 2 rules"
    assert lines[1].split() == ["name", "what", "compared", "largest", "error", "verdict"]
    assert "x     gradient             6 of 6" in lines[2]
    assert lines[3].endswith("WRONG")
    assert "2 rows of 3 wrong" in repr(report)
    assert not report
    with pytest.raises(UnknownNameError, match="did you mean 'y'"):
        report["Y"]


def test_names_cannot_break_the_table():
    graph = cr.Graph(cr.Sum(cr.Input("a\nb", 2), name="L"))
    assert "a\N{REPLACEMENT CHARACTER}b" in str(graph.check_gradients({"a\nb": [1.0, 2.0]}))


def test_a_report_can_be_pickled():
    report = pickle.loads(pickle.dumps(cr.check_node(cr.Sigmoid, X)))
    assert report.compared == 6


def test_unbroadcast_mends_what_the_check_complains_about():
    class Mended(cr.Node):
        def forward(self, x, y):
            return x + y

        def backward(self, grad, output, x, y):
            return unbroadcast(grad, x), unbroadcast(grad, y)

    assert cr.check_node(Mended, X, ROW).compared == 9
