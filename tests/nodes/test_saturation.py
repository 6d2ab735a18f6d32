"""Where a sigmoid rounds to 1 and an exponential overflows: values and gradients against references with many digits.

Overflow, division by zero and invalid operations raise. Underflow is left quiet, because it is the right answer: the
slope of a sigmoid at 1000 is 10⁻⁴³⁵, whose nearest float is 0, and NumPy reports every such rounding.
"""

import itertools

import mpmath
import numpy as np
import precise
import pytest
from precise import evaluate

import chainrule as cr

# exp overflows past 709.8 and is 0 below -745.1; in float32 past 88.7 and below -103.9, so that 40 alone is inside
GRID = [sign * z for z in (40.0, 710.0, 745.0, 1000.0) for sign in (1, -1)]
DTYPES = [np.float64, np.float32]


@pytest.fixture(autouse=True)
def raising():
    with np.errstate(all="raise", under="ignore"):
        yield


def value_and_gradient(node, **feeds):
    """What a graph of one node computes, and the gradient of the sum of its entries with respect to x."""
    run = cr.Graph(node).forward(feeds)
    run.backward(seed=np.ones_like(run[node]))
    return run[node], run["dx"]


def assert_within(ulps, measured, expected):
    errors = precise.ulps(measured, expected)
    worst = np.unravel_index(errors.argmax(), errors.shape)
    shown = f"{measured[worst]!r} at {worst}, not {mpmath.nstr(expected[worst], 20)}"
    assert errors.max() <= ulps, f"{errors.max():.3g} ULP: {shown}"


# --- functions of one value ------------------------------------------------------------------------------------------

ELEMENTWISE = {
    "Sigmoid": (cr.Sigmoid, precise.sigmoid, precise.sigmoid_slope),
    "Softplus": (cr.Softplus, precise.softplus, precise.sigmoid),
    "Tanh": (cr.Tanh, mpmath.tanh, precise.tanh_slope),
}
# ULP of value and slope. float64: 1.4 and 3.1 measured; e / (1 + e)² has four roundings. float32: 2.3 and 3.3 measured;
# NumPy documents 2.5 ULP for its float32 exp, which is the first of them.
BOUNDS = {np.float64: (2, 3.5), np.float32: (3, 4)}


def points(dtype):
    """The grid, the whole range down to subnormal results, and both sides of 0 down to the smallest normal numbers."""
    bottom = 746 if dtype is np.float64 else 104
    rng = np.random.default_rng(0)
    near = np.geomspace(np.finfo(dtype).tiny, 1, 100)
    whole = rng.uniform(-bottom, bottom, 1000)
    return np.concatenate([GRID, whole, rng.normal(size=300), near, -near]).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_exact_to_the_last_places_over_the_whole_range(name, dtype):
    kind, function, slope = ELEMENTWISE[name]
    x = points(dtype)
    value, gradient = value_and_gradient(kind(cr.Input("x", "n")), x=x)
    assert value.dtype == gradient.dtype == dtype
    for measured, reference, bound in zip((value, gradient), (function, slope), BOUNDS[dtype], strict=True):
        assert_within(bound, measured, evaluate(precise.elementwise(reference), x))


def test_points_reach_subnormal_results():
    for dtype in DTYPES:
        value, gradient = value_and_gradient(cr.Sigmoid(cr.Input("x", "n")), x=points(dtype))
        for result in (value, gradient):
            assert np.count_nonzero((result > 0) & (result < np.finfo(dtype).tiny)) > 10


@pytest.mark.parametrize("dtype", DTYPES)
def test_gelu_is_as_exact_as_its_exponential_allows(dtype):
    x = points(dtype)
    value, gradient = value_and_gradient(cr.GELU(cr.Input("x", "n")), x=x)
    assert value.dtype == gradient.dtype == dtype
    # exp(-x²/2) multiplies the relative error of x² by x²/2: half an ULP each for x², √½ and their product
    condition = 4 + x.astype(np.float64) ** 2
    errors = precise.ulps(value, evaluate(precise.elementwise(precise.gelu), x))
    assert (errors <= condition).all(), errors.max()
    # the slope crosses 0 at -0.75, where its two terms cancel: it is as exact as the larger of them, Φ ≤ 1 or x φ ≤ ¼
    exact = evaluate(precise.elementwise(precise.gelu_slope), x)
    terms = evaluate(precise.elementwise(lambda z: mpmath.ncdf(z) + abs(z) * mpmath.npdf(z)), x)
    unit = np.spacing(terms.astype(np.float64).astype(dtype))
    errors = np.abs(precise.exactly(gradient) - exact) / precise.exactly(unit)
    assert (errors <= condition).all(), errors.max()


@pytest.mark.parametrize("label", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_with_cross_entropy_on_the_grid(label, dtype):
    z = np.array([[*GRID, -3.0, 0.0, 2.0]], dtype=dtype)
    labels = np.full_like(z, label)
    loss = cr.SigmoidBCELoss(cr.Input("x", (1, "m")), cr.Input("y", (1, "m")), reduction="none")
    value, gradient = value_and_gradient(loss, x=z, y=labels)
    assert value.dtype == gradient.dtype == dtype
    assert_within(4, value, evaluate(precise.elementwise(precise.sigmoid_bce), z, labels))
    assert_within(4, gradient, evaluate(precise.elementwise(precise.sigmoid_bce_slope), z, labels))


# --- functions of a column -------------------------------------------------------------------------------------------

# All pairs of the grid in columns of three, with ties. Differences of whole numbers are exact, so that what is left is
# the error of the rule and not of its input. The smallest share is e⁻²⁰⁰⁰ = 10⁻⁸⁶⁹.
COLUMNS = np.array([[a, b, -40.0] for a, b in itertools.product([*GRID, 0.0], repeat=2)]).T
X = cr.Input("x", (3, "m"))
ULPS = 2  # an exponential, a sum of three and a quotient; 1.0 measured


@pytest.mark.parametrize("dtype", DTYPES)
def test_logsumexp_on_the_grid(dtype):
    value, gradient = value_and_gradient(cr.LogSumExp(X, axis=0), x=COLUMNS.astype(dtype))
    assert value.dtype == gradient.dtype == dtype
    assert_within(ULPS, value, evaluate(precise.logsumexp, COLUMNS))
    assert_within(ULPS, gradient, evaluate(precise.softmax, COLUMNS))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("label", np.eye(3))
def test_softmax_with_cross_entropy_on_the_grid(label, dtype):
    labels = np.repeat(label[:, np.newaxis], COLUMNS.shape[1], axis=1)
    value, gradient = of_cross_entropy(labels, dtype)
    assert_within(ULPS, value, evaluate(precise.cross_entropy, COLUMNS, labels))
    assert_within(ULPS, gradient, evaluate(precise.cross_entropy_slope, COLUMNS, labels))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("label", [[0.25, 0.5, 0.25], [0.0, 0.5, 0.5], [0.1, 0.2, 0.3]])
def test_softmax_with_cross_entropy_on_the_grid_for_shared_labels(label, dtype):
    labels = np.repeat(np.array(label, dtype=dtype)[:, np.newaxis], COLUMNS.shape[1], axis=1)
    value, gradient = of_cross_entropy(labels, dtype)
    assert_within(ULPS, value, evaluate(precise.cross_entropy, COLUMNS, labels))
    # where a share equals its label the slope crosses 0: it is exact in units of what is subtracted, not of itself
    error = np.abs(gradient - evaluate(precise.cross_entropy_slope, COLUMNS, labels))
    assert (error <= ULPS * np.finfo(dtype).eps * labels.max()).all()


def of_cross_entropy(labels, dtype):
    loss = cr.SoftmaxCrossEntropyLoss(X, cr.Input("y", (3, "m")), reduction="none")
    value, gradient = value_and_gradient(loss, x=COLUMNS.astype(dtype), y=labels.astype(dtype))
    assert value.dtype == gradient.dtype == dtype
    return value, gradient


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("kind", "function"), [(cr.Softmax, precise.softmax), (cr.LogSoftmax, precise.log_softmax)])
def test_softmax_and_its_logarithm_on_the_grid(kind, function, dtype):
    weights = np.array([[1.0], [-2.0], [0.5]])  # the upstream gradient: with ones for all rows there is no slope
    run = cr.Graph(kind(X, name="y")).forward({"x": COLUMNS.astype(dtype)})
    gradient = run.backward(seed=np.broadcast_to(weights, COLUMNS.shape))["x"]
    assert run["y"].dtype == gradient.dtype == dtype
    assert_within(ULPS, run["y"], evaluate(function, COLUMNS))
    share = evaluate(precise.softmax, COLUMNS)
    jacobian = share if kind is cr.Softmax else 1
    total = (weights * share).sum(axis=0) if kind is cr.Softmax else weights.sum(axis=0)
    exact = share * (weights - total) if kind is cr.Softmax else weights - share * total
    # both slopes subtract numbers as large as the upstream gradient (2): what is lost is relative to those
    scale = np.abs(weights).max() * np.finfo(dtype).eps * jacobian + np.finfo(dtype).smallest_subnormal
    assert (np.abs(gradient - exact) <= ULPS * scale).all()


def test_softmax_and_its_losses_do_not_lose_what_rounding_takes_from_a_difference():
    # x - max is not exact here, and exp multiplies its error by up to 700
    x = np.random.default_rng(0).uniform(0.1, 700.3, size=(3, 200))
    labels = np.eye(3)[:, np.argmax(x, axis=0)]
    loss = cr.SoftmaxCrossEntropyLoss(X, cr.Input("y", (3, "m")), reduction="none")
    value, gradient = value_and_gradient(loss, x=x, y=labels)
    assert_within(3, value, evaluate(precise.cross_entropy, x, labels, digits=400))
    assert_within(3, gradient, evaluate(precise.cross_entropy_slope, x, labels, digits=400))
    assert_within(3, value_and_gradient(cr.LogSumExp(X, axis=0), x=x)[1], evaluate(precise.softmax, x))


def test_cross_entropy_of_a_small_probability_keeps_its_digits():
    a = np.geomspace(1e-300, 1e-3, 30)[None]
    loss = cr.BCELoss(cr.Input("x", (1, "m")), cr.Input("y", (1, "m")), reduction="none")
    value, _ = value_and_gradient(loss, x=a, y=np.zeros_like(a))
    assert_within(1, value, evaluate(precise.elementwise(lambda p: -mpmath.log1p(-p)), a))  # 1 - a is 1 below 1e-16


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_slope_of_tanh_does_not_overflow_where_twice_its_argument_would(dtype):
    x = np.array([1, -1], dtype) * np.finfo(dtype).max
    assert value_and_gradient(cr.Tanh(cr.Input("x", "n")), x=x)[1].tolist() == [0, 0]


def test_minus_infinity_is_a_class_that_cannot_be():
    x = np.array([[0.0, -np.inf], [-np.inf, -np.inf], [-np.inf, -np.inf]])
    assert value_and_gradient(cr.LogSumExp(X, axis=0), x=x[:, :1])[1].ravel().tolist() == [1, 0, 0]
    assert cr.Graph(cr.LogSumExp(X, axis=0, name="y")).forward({"x": x})["y"].tolist() == [0, -np.inf]


# --- the network -----------------------------------------------------------------------------------------------------


def network(loss):
    """2-3-3-1 with sigmoids: the nodes up to Z3, then what `loss` makes of it and the labels."""
    a = cr.Input("A0", (2, "m"))
    for layer, (rows, columns) in enumerate(((3, 2), (3, 3), (1, 3)), start=1):
        w, b = cr.Parameter(f"W{layer}", (rows, columns)), cr.Parameter(f"B{layer}", (rows, 1))
        z = cr.Add(w @ a, b, name=f"Z{layer}")
        a = cr.Sigmoid(z, name=f"A{layer}") if layer < 3 else a
    return cr.Graph(loss(z, cr.Input("Y", (1, "m"))))


def two_nodes(z, y):
    return cr.BCELoss(cr.Sigmoid(z, name="A3"), y, name="L")


NETWORKS = {
    "one node": network(lambda z, y: cr.SigmoidBCELoss(z, y, name="L")),
    "fuse()": network(two_nodes).fuse(),
}


def error_of_gradients(graph, scale, seed):
    """The largest error of any gradient, each relative to the largest entry of its own array; and that of the loss."""
    rng = np.random.default_rng(seed)
    params = {p.name: scale * rng.normal(size=p.shape) for p in graph.parameters}
    x, y = rng.normal(size=(2, 7)), rng.integers(2, size=(1, 7)).astype(float)
    run = graph.forward({**params, "A0": x, "Y": y})
    gradients = run.backward()
    expected = precise.network(params, x, y)
    loss = expected.pop("L")
    errors = {key: float(np.abs(gradients[key] - exact).max() / np.abs(exact).max()) for key, exact in expected.items()}
    return max(errors.values()), float(abs(run["L"] - loss) / loss)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", [1, 5, 10, 20])
@pytest.mark.parametrize("name", NETWORKS)
def test_fused_network_keeps_its_digits_when_saturated(name, scale, seed):
    error, error_of_loss = error_of_gradients(NETWORKS[name], scale, seed)
    # A few roundings of 1e-16 in Z, |Z| up to 100, are as much relative error in exp(Z). Measured over 30 seeds: 5e-14
    # of the largest entry of the same array, 3e-15 of the largest of all.
    assert error <= 1e-13
    assert error_of_loss <= 1e-13


def test_sigmoid_and_loss_apart_lose_digits_so_the_judge_can_fail():
    assert max(error_of_gradients(network(two_nodes), 20, seed)[0] for seed in range(5)) > 1e-6
