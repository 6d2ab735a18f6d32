"""The oracles are judged before they judge: dual numbers by complex steps, the precise network by mpmath's `diff`."""

import dual
import mpmath
import numpy as np
import precise
import pytest

X = np.array([[0.3, -1.2, 0.7], [1.1, 0.4, -0.6]])
POSITIVE = 0.5 + X * X
W = np.array([[0.2, -0.9], [1.3, 0.5], [-0.4, 0.8], [0.6, 0.1]])
DIRECTION = np.array([[0.5, -0.3, 0.9], [-0.7, 0.2, 1.1]])

ANALYTIC = {
    "sum of constants": (lambda x: 2.0 + x - 3.0, lambda x: 2.0 + x - 3.0),
    "reflected": (lambda x: (1.0 - x) / (2.0 / x), lambda x: (1.0 - x) / (2.0 / x)),
    "array first": (lambda x: X - X * x, lambda x: X - X * x),
    "itself": (lambda x: x * x / (x + x) - -x, lambda x: x * x / (x + x) - -x),
    "broadcast": (lambda x: x * x[:, 1:2] + x[0], lambda x: x * x[:, 1:2] + x[0]),
    "matmul": (lambda x: W @ x @ x.transpose(), lambda x: W @ x @ x.T),
    "power": (lambda x: x**3 + x**-1.0, lambda x: x**3 + x**-1.0),
    "power of itself": (lambda x: x**x, lambda x: x**x),
    "exp": (dual.exp, np.exp),
    "log": (dual.log, np.log),
    "sin": (dual.sin, np.sin),
    "cos": (dual.cos, np.cos),
    "tanh": (dual.tanh, np.tanh),
    "sqrt": (dual.sqrt, np.sqrt),
    "sum": (lambda x: x.sum(1) * x.sum() + x.sum(0, True)[:, :2], lambda x: x.sum(1) * x.sum() + x.sum(0)[None, :2]),
    "mean": (lambda x: x.mean((0, 1)) * x.mean(0), lambda x: x.mean((0, 1)) * x.mean(0)),
    "reshape": (lambda x: x.reshape((3, 2)) @ x, lambda x: x.reshape((3, 2)) @ x),
    "transpose": (
        lambda x: x.reshape((2, 1, 3)).transpose((2, 0, 1)),
        lambda x: x.reshape((2, 1, 3)).transpose(2, 0, 1),
    ),
    "concatenate": (lambda x: dual.concatenate([x, x * x], 1), lambda x: np.concatenate([x, x * x], 1)),
    "index twice": (lambda x: x[[1, 1, 0], [2, 2, 0]] * x[1, -1], lambda x: x[[1, 1, 0], [2, 2, 0]] * x[1, -1]),
    "where": (lambda x: dual.where(X > 0, x, x * 3.0), lambda x: np.where(X > 0, x, x * 3.0)),
}


@pytest.mark.parametrize("name", ANALYTIC)
def test_dual_tangent_equals_complex_step(name):
    on_duals, on_arrays = ANALYTIC[name]
    result = on_duals(dual.Dual(POSITIVE, DIRECTION))
    stepped = on_arrays(POSITIVE + 1e-30j * DIRECTION)  # exact to rounding: no difference is formed
    np.testing.assert_allclose(result.value, stepped.real, rtol=1e-14)
    np.testing.assert_allclose(result.tangent, stepped.imag / 1e-30, rtol=1e-13, atol=1e-14)


KINKED = {
    "abs": (abs, np.abs),
    "maximum": (lambda x: dual.maximum(x, x * x), lambda x: np.maximum(x, x * x)),
    "minimum": (lambda x: dual.minimum(0.4, x), lambda x: np.minimum(0.4, x)),
    "max of an axis": (lambda x: x.max(1), lambda x: x.max(1)),
    "max of all": (lambda x: x.max() * x.max(0, True), lambda x: x.max() * x.max(0, keepdims=True)),
}


@pytest.mark.parametrize("name", KINKED)
def test_dual_tangent_equals_central_difference_away_from_kinks(name):
    on_duals, on_arrays = KINKED[name]
    h = 1e-6
    difference = (on_arrays(X + h * DIRECTION) - on_arrays(X - h * DIRECTION)) / (2 * h)
    tangent = on_duals(dual.Dual(X, DIRECTION)).tangent
    np.testing.assert_allclose(tangent, difference, rtol=1e-8, atol=1e-9)  # rounding 1e-16 divided by h = 1e-6


def test_dual_ties_share_the_tangent():
    assert dual.Dual([2.0, 2.0, 1.0], [6.0, 2.0, 50.0]).max().tangent == 4
    assert dual.maximum(dual.Dual(1.0, 6.0), dual.Dual(1.0, 2.0)).tangent == 4


def small_network():
    rng = np.random.default_rng(7)
    sizes = {"W1": (3, 2), "B1": (3, 1), "W2": (3, 3), "B2": (3, 1), "W3": (1, 3), "B3": (1, 1)}
    params = {name: rng.normal(size=shape) for name, shape in sizes.items()}
    return params, rng.normal(size=(2, 4)), np.array([[1.0, 0.0, 0.25, 1.0]])


def test_precise_gradients_equal_numerical_differentiation_of_the_precise_loss():
    params, x, y = small_network()
    result = precise.network(params, x, y)
    exact = {name: precise.exactly(value) for name, value in params.items()}
    with mpmath.workdps(60):
        for name, value in exact.items():
            for index in np.ndindex(value.shape):

                def along(step, name=name, index=index, value=value):
                    moved = {**exact, name: value.copy()}
                    moved[name][index] += step
                    return precise.loss(moved, precise.exactly(x), precise.exactly(y))

                # mpmath picks its step so that half of the 60 digits survive
                assert abs(mpmath.diff(along, 0) - result[name][index]) < mpmath.mpf(10) ** -25


def test_agreement_is_asked_of_the_reference():
    with pytest.raises(ArithmeticError, match="does not settle"):
        precise.agreed(lambda: {"x": np.array([mpmath.mpf(1) / mpmath.mp.dps], dtype=object)})


def test_what_is_below_all_floats_does_not_have_to_agree():
    noise = precise.agreed(lambda: {"x": np.array([mpmath.mpf(10) ** -mpmath.mp.dps], dtype=object)})["x"]
    assert 0 < noise[0] <= precise.NOTHING


def test_a_difference_that_cancels_at_two_precisions_is_not_taken_for_zero():
    rest = precise.evaluate(lambda z: 1 - 1 / (1 + precise.elementwise(mpmath.exp)(-z)), np.array([745.0]))[0]
    assert abs(rest * mpmath.exp(745) - 1) < 1e-14
    assert precise.evaluate(lambda z: 0 * z, np.array([1.0]))[0] == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ulps_counts_units_in_the_last_place_down_to_the_smallest_subnormal(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    truth = np.array([1.0, tiny, 0.1], dtype=dtype)
    exact = precise.exactly(truth)
    two_up = np.nextafter(np.nextafter(truth, dtype(2)), dtype(2))
    np.testing.assert_array_equal(precise.ulps(truth, exact), [0, 0, 0])
    np.testing.assert_array_equal(precise.ulps(two_up, exact), [2, 2, 2])
    np.testing.assert_array_equal(precise.ulps(truth, exact * 3)[1:2], [2])
