"""Functions that are exact everywhere are their definitions: over every axis, for infinities, symbols and nothing."""

import mpmath
import numpy as np
import precise
import pytest

from chainrule.errors import ShapeError
from chainrule.notation import TextPrinter
from chainrule.symbols.elementary import (
    log_softmax,
    logsumexp,
    normal_cdf,
    power_slope,
    put,
    ratio,
    sigmoid,
    sigmoid_slope,
    softmax,
    softmax_rest,
    softplus,
    tanh_slope,
    xlog1m,
    xlogy,
)
from chainrule.symbols.symbol import Symbol
from chainrule.symbols.symbol_array import symbol_array

SHAPE = (2, 3, 5)
AXES = [None, 0, 1, 2, -1, (0, 2), (2, 0), (1, -1), (0, 1, 2)]
CLOSE = {"rtol": 1e-14, "atol": 1e-14}  # a dozen roundings of numbers of size 1


def real():
    return np.random.default_rng(0).normal(size=SHAPE)


def complex_():
    return real() + 1j * np.random.default_rng(1).normal(size=SHAPE)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("draw", [real, complex_])
def test_logsumexp(draw, axis, keepdims):
    x = draw()
    expected = np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))
    found = logsumexp(x, axis=axis, keepdims=keepdims)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, **CLOSE)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("draw", [real, complex_])
def test_softmax_its_rest_and_its_logarithm(draw, axis):
    x = draw()
    share = np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(softmax(x, axis=axis), share, **CLOSE)
    np.testing.assert_allclose(log_softmax(x, axis=axis), x - np.log(np.exp(x).sum(axis=axis, keepdims=True)), **CLOSE)
    np.testing.assert_allclose(softmax_rest(x, axis=axis), 1 - share, **CLOSE)


@pytest.mark.parametrize("axis", [0, 1])
def test_nothing_overflows_in_the_complex_step_either(axis):
    """Warnings are errors, and exp(1000) would be one; the step of 1e-200 comes out as the slope."""
    x = np.array([[1000.0, 999.0, 0.0], [998.0, 1000.0, 1001.0]])
    stepped = x.astype(complex)
    stepped[0, 1] += 1e-200j
    slope = logsumexp(stepped, axis=axis).imag.sum() / 1e-200
    np.testing.assert_allclose(slope, softmax(x, axis=axis)[0, 1], rtol=1e-13)
    np.testing.assert_allclose(
        log_softmax(stepped, axis=axis).imag[0, 1] / 1e-200, 1 - softmax(x, axis=axis)[0, 1], rtol=1e-13
    )


def test_over_an_empty_axis_the_logarithm_of_the_sum_is_minus_infinity():
    assert logsumexp(np.zeros((3, 0)), axis=1).tolist() == [-np.inf] * 3
    assert logsumexp(np.zeros((3, 0)), axis=0).shape == (0,)
    assert logsumexp(np.zeros(0)) == -np.inf
    assert log_softmax(np.zeros((3, 0)), axis=1).shape == (3, 0)


def test_a_single_entry_keeps_all_its_digits():
    assert logsumexp(np.array([0.1])) == 0.1
    assert log_softmax(np.array([0.1])) == 0
    assert log_softmax(np.array([[40.0], [0.0]]), axis=0)[0, 0] == -np.log1p(np.exp(-40.0))


@pytest.mark.parametrize(("function", "slope"), [(sigmoid, 0.25), (softplus, 0.5)])
@pytest.mark.parametrize("z", [0.0, -0.0])
def test_the_complex_step_passes_through_zero(function, slope, z):
    assert function(np.array(z + 1e-20j)).imag / 1e-20 == pytest.approx(slope, rel=1e-15)


def test_the_slope_of_tanh_is_even():
    assert tanh_slope(np.array(0.3)) == tanh_slope(np.array(-0.3)) == pytest.approx(1 - np.tanh(0.3) ** 2, rel=1e-15)


# --- what is infinite, and what is nearly lost -----------------------------------------------------------------------

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("entries", "total"),
    [
        ([INF, 1.0], INF),
        ([1.0, INF], INF),
        ([INF, INF], INF),
        ([INF, -INF], INF),
        ([-INF, -INF], -INF),
        ([-INF], -INF),
        ([-INF, 2.0], 2.0),
        ([3.0, -INF, 3.0], 3.0 + np.log(2.0)),
        ([1.0], 1.0),
        ([], -INF),
    ],
    ids=str,
)
def test_the_logarithm_of_a_sum_with_infinite_terms(entries, total, dtype):
    """Warnings are errors: none of these is worth one."""
    found = logsumexp(np.array(entries, dtype))
    assert (np.shape(found), found.dtype, found) == ((), dtype, dtype(total))
    rows = logsumexp(np.array([entries, entries], dtype).reshape(2, len(entries)), axis=1, keepdims=True)
    assert (rows.dtype, rows.tolist()) == (dtype, [[dtype(total)]] * 2)


def test_a_complex_sum_leaves_out_terms_that_are_zero():
    x = np.array([[-INF + 0j, 2 + 1j], [-INF + 0j, -INF + 0j]])
    assert logsumexp(x, axis=1).tolist() == [2 + 1j, -INF]


def test_what_is_no_number_makes_the_whole_sum_none():
    assert np.isnan(logsumexp(np.array([1.0, NAN])))
    assert np.isnan(logsumexp(np.array([[1.0, NAN], [1.0, 2.0]]), axis=1)).tolist() == [True, False]
    assert np.isnan(softmax(np.array([1.0, NAN]))).all()


def test_minus_infinity_has_no_share():
    x = np.array([[0.0, -INF], [-INF, 2.0], [0.0, 2.0]])
    assert softmax(x, axis=0).tolist() == [[0.5, 0], [0, 0.5], [0.5, 0.5]]
    assert softmax_rest(x, axis=0).tolist() == [[0.5, 1], [1, 0.5], [0.5, 0.5]]
    assert log_softmax(x[:, :1], axis=0).ravel().tolist() == [-np.log(2), -INF, -np.log(2)]


def test_a_gap_that_is_no_float_is_minus_infinity_without_a_warning():
    x = np.array([1.7e308, -1.7e308])
    assert softmax(x).tolist() == [1, 0]
    assert log_softmax(x).tolist() == [0, -INF]
    assert logsumexp(x) == 1.7e308


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("axis", [0, 1])
def test_no_digit_is_lost_between_entries_far_apart(axis, dtype):
    """Uniform over a range of 80, where the differences are rounded and exp multiplies what they lose by 80."""
    x = np.random.default_rng(0).uniform(0.1, 80.3, size=(3, 60)).astype(dtype)
    moved = x if axis == 0 else x.T
    exact = {
        softmax: precise.softmax,
        softmax_rest: lambda z: 1 - precise.softmax(z),
        log_softmax: precise.log_softmax,
        logsumexp: precise.logsumexp,
    }
    for function, reference in exact.items():
        found = function(moved, axis=axis)
        assert found.dtype == dtype
        found = found if axis == 0 or found.ndim == 1 else found.T
        # an exponential (2.5 ULP in float32, as NumPy documents), a sum of three, a quotient; 2.0 and 2.5 measured
        assert precise.ulps(found, precise.evaluate(reference, x, digits=120)).max() <= 3, function.__name__


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ties_for_the_largest_are_all_counted(dtype):
    x = np.array([[2.0, 2.0, 2.0], [0.5, 2.0, 2.0]], dtype)
    np.testing.assert_allclose(logsumexp(x, axis=0), [2 + np.log1p(np.exp(-1.5)), *[2 + np.log(2)] * 2], rtol=3e-7)
    np.testing.assert_allclose(logsumexp(x, axis=1), [2 + np.log(3), 2 + np.log(2 + np.exp(-1.5))], rtol=3e-7)


def test_a_difference_that_no_float_holds_is_half_a_unit_off_and_no_more():
    """47.8 + 21.1 is no float: what rounding leaves out of it reaches the logarithm with its sign."""
    x = np.array([-21.1, 47.8])
    with mpmath.workdps(60):
        total = mpmath.log(sum(mpmath.exp(float(entry)) for entry in x))
        error = abs(float(log_softmax(x)[0]) - (float(x[0]) - total))
    assert error <= 0.51 * np.spacing(68.9)


ROOM = {"rtol": 4e-16}  # two roundings


def test_products_with_a_logarithm_and_quotients_are_what_they_are_called():
    x, y = np.array([-2.0, 1.0, 0.0, 3.0, 0.0]), np.array([3.0, 0.5, 0.0, 0.25, np.inf])
    np.testing.assert_allclose(xlogy(x, y), [-2 * np.log(3), np.log(0.5), 0, 3 * np.log(0.25), 0], **ROOM)
    np.testing.assert_allclose(xlog1m(x, y / 4), [-2 * np.log(0.25), np.log(0.875), 0, 3 * np.log(0.9375), 0], **ROOM)
    np.testing.assert_allclose(ratio(x, y), [-2 / 3, 2, 0, 12, 0], **ROOM)
    np.testing.assert_array_equal(ratio(x, np.zeros(5)), [-np.inf, np.inf, 0, np.inf, 0])
    base, power = np.array([-2.0, 3.0, 0.0, 0.0, 4.0]), np.array([3.0, 0.0, 0.0, 2.0, -0.5])
    np.testing.assert_allclose(power_slope(base, power), [12, 0, 0, 0, -1 / 16], **ROOM)


def test_what_is_empty_is_empty_along_the_other_axis_only():
    assert logsumexp(np.zeros((0, 3)), axis=1).shape == (0,)
    assert logsumexp(np.zeros((3, 0)), axis=0).shape == (0,)
    np.testing.assert_array_equal(logsumexp(np.zeros((3, 0)), axis=1), [-np.inf] * 3)


# --- no numbers yet --------------------------------------------------------------------------------------------------

X, ROW, UNKNOWN = Symbol.leaf("x", (2, 3, "m")), Symbol.leaf("r", (3, 1)), Symbol.leaf("u", None)
ALONG = [softmax, log_softmax, softmax_rest]


@pytest.mark.parametrize("function", ALONG)
def test_what_is_computed_along_an_axis_keeps_the_shape(function):
    assert [function(X, axis=axis).shape for axis in (None, 0, (1, 2))] == [X.shape] * 3
    assert function(UNKNOWN, axis=0).known_shape is None


@pytest.mark.parametrize(
    "function",
    [sigmoid, sigmoid_slope, tanh_slope, softplus, normal_cdf, softmax, log_softmax, softmax_rest, logsumexp],
    ids=lambda function: function.__name__,
)
def test_a_function_of_one_value_is_one_step(function):
    assert (function(X).operation, function(X).operands) == (function, (X,))


@pytest.mark.parametrize("function", [xlogy, xlog1m, ratio, power_slope], ids=lambda function: function.__name__)
def test_a_function_of_two_values_is_one_step(function):
    assert (function(X, ROW).operation, function(X, ROW).operands) == (function, (X, ROW))


def test_to_put_is_one_step():
    assert put(X[0], 1, X).operation is put


def test_a_sum_drops_the_axes_unless_they_are_kept():
    m = X.shape[-1]
    assert logsumexp(X).shape == ()
    assert logsumexp(X, axis=0).shape == (3, m)
    assert logsumexp(X, axis=(0, -1)).shape == (3,)
    assert logsumexp(X, axis=1, keepdims=True).shape == (2, 1, m)
    assert logsumexp(X, keepdims=True).shape == (1, 1, 1)


def test_functions_of_entries_have_the_shape_of_their_operands_together():
    assert sigmoid(X).shape == X.shape
    assert xlogy(X, ROW).shape == xlogy(ROW, X).shape == X.shape
    assert xlogy(2.0, ROW).shape == (3, 1)
    assert xlogy(np.ones((4, 1, 1)), ROW).shape == (4, 3, 1)
    assert xlogy(X, UNKNOWN).known_shape is None
    with pytest.raises(ShapeError):
        xlogy(ROW, Symbol.leaf("y", (2, 1)))


def test_what_is_put_into_a_value_has_its_shape():
    assert put(X[0], 1, X).shape == X.shape
    assert put(ROW[0], 1, ROW).shape == (3, 1)
    with pytest.raises(ShapeError, match="stands where"):
        put(X[0], 1, ROW)


ENTRIES = [
    (softmax, {}, "np.exp(x10) / (np.exp(x00) + np.exp(x01) + np.exp(x10) + np.exp(x11))"),
    (softmax, {"axis": 0}, "np.exp(x10) / (np.exp(x00) + np.exp(x10))"),
    (softmax, {"axis": 1}, "np.exp(x10) / (np.exp(x10) + np.exp(x11))"),
    (softmax_rest, {}, "1 - np.exp(x10) / (np.exp(x00) + np.exp(x01) + np.exp(x10) + np.exp(x11))"),
    (softmax_rest, {"axis": 0}, "1 - np.exp(x10) / (np.exp(x00) + np.exp(x10))"),
    (log_softmax, {}, "x10 - np.log(np.exp(x00) + np.exp(x01) + np.exp(x10) + np.exp(x11))"),
    (log_softmax, {"axis": 0}, "x10 - np.log(np.exp(x00) + np.exp(x10))"),
    (log_softmax, {"axis": 1}, "x10 - np.log(np.exp(x10) + np.exp(x11))"),
    (logsumexp, {"axis": 1, "keepdims": True}, "np.log(np.exp(x10) + np.exp(x11))"),
    (sigmoid, {}, "sigmoid(x10)"),
]


@pytest.mark.parametrize(("function", "options", "text"), ENTRIES)
def test_an_entry_is_written_as_the_definition_has_it(function, options, text):
    """No largest entry is taken out: there are no numbers yet that could overflow."""
    x = symbol_array(lambda place: Symbol.leaf(f"x{place[0]}{place[1]}", ()), (2, 2))
    found = function(x, **options)
    assert found.shape == ((2, 1) if "keepdims" in options else (2, 2))
    assert TextPrinter().print(found[1, 0]) == text


def test_a_sum_of_entries_drops_the_axes_unless_they_are_kept():
    x = symbol_array(lambda place: Symbol.leaf("x", ()), (2, 3))
    assert logsumexp(x).shape == ()
    assert logsumexp(x, axis=0).shape == (3,)
    assert logsumexp(x, axis=1, keepdims=True).shape == (2, 1)


def test_entries_that_are_put_to_one_place_are_added():
    x = symbol_array(lambda place: Symbol.leaf(f"x{place[0]}", ()), (3,))
    found = put(x, np.array([0, 2, 0]), symbol_array(lambda place: Symbol.leaf("y", ()), (4,)))
    assert [TextPrinter().print(entry) for entry in found] == ["0 + x0 + x2", "0", "0 + x1", "0"]
