"""scikit-learn as judge: its own back propagation of exactly our network, for many sizes, weights and batches."""

import functools

import numpy as np
import pytest
from backends import BACKENDS, compiled
from sklearn_oracle import sklearn_gradients

import chainrule as cr
from nets import DNN, SoftmaxClassifier, gradients_by_hand, one_hot

JUDGE = "scikit-learn MLPClassifier._backprop"

# In 2-3-3-1 the matrix W2 is square and hides a missing transpose.
SIZES = [(2, 3, 3, 1), (2, 4, 3, 1), (5, 1), (3, 2, 1), (2, 5, 4, 3, 2), (4, 2, 2, 3, 2, 1), (20, 30, 10, 1)]
COLUMNS = [1, 2, 10, 1000]
SEEDS = range(10)
# The same sums in another order: a few units of 1e-16 for each of the layers, relative to the largest gradient of all;
# a compiled loop adds up to 1,000 columns one after another, in as many lanes as the processor has.
TOLERANCE = 2e-14
# scikit-learn takes the logarithm of a probability that has been rounded: 1e-16 / (1 - a), with 1 - a about 1e-4 here.
LOSS = 1e-10


def drawn(sizes, m, seed, scale=1.0):
    """Weights, inputs, and labels 0 and 1."""
    rng = np.random.default_rng(seed)
    params = {}
    for layer, (rows, inputs) in enumerate(zip(sizes[1:], sizes, strict=False), start=1):
        params[f"W{layer}"] = scale * rng.normal(size=(rows, inputs))
        params[f"B{layer}"] = scale * rng.normal(size=(rows, 1))
    return params, rng.normal(size=(sizes[0], m)), rng.integers(2, size=(sizes[-1], m)) * 1.0


# --- what is judged --------------------------------------------------------------------------------------------------


def by_hand(graph, params, X, Y):
    return None, gradients_by_hand(params, X, Y)


def by_run(graph, params, X, Y):
    run = graph.fuse().forward({**params, "A0": X, "Y": Y})
    gradients = run.backward()
    return run["L"], {name: gradients[name] for name in params}


def by_plan(graph, params, X, Y, backend):
    return compiled(graph, list(params), backend)({**params, "A0": X, "Y": Y})


COMPUTED_BY = {"Run": by_run} | {f"plan, {name}": functools.partial(by_plan, backend=name) for name in BACKENDS}


def assert_same(found, expected):
    """The loss, and each gradient relative to the largest entry of all."""
    (loss, gradients), (judged_loss, judged) = found, expected
    largest = max(float(np.abs(array).max()) for array in judged.values())
    for name, array in judged.items():
        assert gradients[name].shape == array.shape
        assert np.abs(gradients[name] - array).max() <= TOLERANCE * max(largest, 1), name
    assert loss is None or abs(loss - judged_loss) <= LOSS * max(abs(judged_loss), 1)


@pytest.mark.parametrize("computed", ["formulas by hand", *COMPUTED_BY])
@pytest.mark.parametrize("m", COLUMNS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_sigmoid_network(sizes, m, computed, record_property):
    compute, graph = COMPUTED_BY.get(computed, by_hand), DNN(sizes).graph
    for seed in SEEDS:
        params, X, Y = drawn(sizes, m, seed)
        assert_same(compute(graph, params, X, Y), sklearn_gradients(params, X, Y))
    record_property("cases", len(SEEDS))


HIDDEN = {"tanh": cr.Tanh, "relu": cr.ReLU}


@pytest.mark.parametrize("computed", COMPUTED_BY)
@pytest.mark.parametrize("m", COLUMNS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_other_hidden_layers(hidden, m, computed, record_property):
    sizes = (2, 4, 3, 1)
    graph = DNN(sizes, hidden=HIDDEN[hidden]).graph
    for seed in SEEDS:
        params, X, Y = drawn(sizes, m, seed)
        assert_same(COMPUTED_BY[computed](graph, params, X, Y), sklearn_gradients(params, X, Y, hidden))
    record_property("cases", len(SEEDS))


@pytest.mark.parametrize("computed", COMPUTED_BY)
@pytest.mark.parametrize("m", COLUMNS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_softmax_classifier(hidden, m, computed, record_property):
    sizes = (2, 5, 4, 3)
    graph = SoftmaxClassifier(sizes, hidden=hidden).graph
    for seed in SEEDS:
        params, X, _ = drawn(sizes, m, seed)
        Y = one_hot(np.random.default_rng(seed).integers(0, 3, m), 3)
        assert_same(COMPUTED_BY[computed](graph, params, X, Y), sklearn_gradients(params, X, Y, hidden, "softmax"))
    record_property("cases", len(SEEDS))


def regression(sizes):
    """A tanh network with a linear output and half of the squared error, as scikit-learn has it."""
    A, last = cr.Input("A0", (sizes[0], "m")), len(sizes) - 1
    for layer in range(1, last + 1):
        W, B = cr.Parameter(f"W{layer}", (sizes[layer], sizes[layer - 1])), cr.Parameter(f"B{layer}", (sizes[layer], 1))
        Z = W @ A + B
        A = cr.Tanh(Z) if layer < last else Z
    return cr.Graph(cr.Multiply(0.5, cr.MSELoss(A, cr.Input("Y", (sizes[-1], "m"))), name="L"))


@pytest.mark.parametrize("computed", COMPUTED_BY)
@pytest.mark.parametrize("m", COLUMNS)
def test_regression(m, computed, record_property):
    sizes = (3, 5, 4, 1)
    graph = regression(sizes)
    for seed in SEEDS:
        params, X, _ = drawn(sizes, m, seed)
        Y = np.random.default_rng(seed).normal(size=(1, m))
        assert_same(COMPUTED_BY[computed](graph, params, X, Y), sklearn_gradients(params, X, Y, "tanh", "identity"))
    record_property("cases", len(SEEDS))


def test_the_judge_notices_a_missing_factor():
    params, X, Y = drawn((2, 4, 3, 1), 10, 0)
    _, judged = sklearn_gradients(params, X, Y)
    wrong = judged | {"W2": judged["W2"] * 0.999}
    with pytest.raises(AssertionError):
        assert_same((None, wrong), (0.0, judged))
