"""The normal distribution and the error function against mpmath, and their coefficients computed anew."""

import mpmath
import numpy as np
import precise
import pytest
from precise import exactly

from chainrule.symbols.elementary import erf, normal_cdf
from chainrule.symbols.normal import FARTHEST, MIDDLE, SERIES, SINGLE_SERIES

RNG = np.random.default_rng(0)
POINTS = np.concatenate(
    [
        RNG.uniform(-39, 10, 400),
        RNG.normal(size=400),
        np.concatenate([10.0 ** RNG.uniform(-300, 0, 100), -(10.0 ** RNG.uniform(-300, 0, 100))]),
        np.array([0.5, -0.5, np.nextafter(0.5, 1), 8.3, 9.0, -14.0, -14.2, -38.4, -38.5, 1e4, -1e4, 1e300]),
    ]
)
# units in the last place (measured: 3.5 and 1.8 in double, 4.3 and 2.2 in single precision)
FUNCTIONS = {"normal_cdf": (normal_cdf, mpmath.ncdf, 4.0), "erf": (erf, mpmath.erf, 2.5)}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_both_tails_and_what_is_near_0_are_exact_to_the_last_places(name, dtype):
    function, exact, allowed = FUNCTIONS[name]
    x = POINTS[np.abs(POINTS) < np.finfo(dtype).max].astype(dtype)
    with np.errstate(all="raise", under="ignore"):
        found = function(x)
    assert found.dtype == dtype
    expected = exactly_computed(exact, x)
    # NumPy's exponential is within 2.5 units in single precision
    assert precise.ulps(found, expected).max() <= allowed + (dtype == np.float32)


def exactly_computed(function, x):
    with mpmath.workdps(60):
        return precise.elementwise(function)(exactly(x))


@pytest.mark.parametrize(("series", "farthest", "within"), [(SERIES, FARTHEST, 1e-16), (SINGLE_SERIES, 15, 3e-8)])
def test_the_coefficients_are_those_of_the_chebyshev_interpolation(series, farthest, within):
    """At the Chebyshev points, with 60 digits: they agree, and the polynomial is as near as it is said to be."""
    with mpmath.workdps(60):
        last = (mpmath.mpf(farthest) - MIDDLE) / (mpmath.mpf(farthest) + MIDDLE)
        count = 46
        points = [mpmath.cos(mpmath.pi * (k + mpmath.mpf(1) / 2) / count) for k in range(count)]
        values = [scaled_tail((last - 1) / 2 + (last + 1) / 2 * point) for point in points]
        sums = [
            2 * sum(v * mpmath.chebyt(n, p) for v, p in zip(values, points, strict=True)) / count
            for n in range(len(series))
        ]
        for t in (mpmath.mpf(k) / 40 * (last + 1) - 1 for k in range(41)):
            at = (2 * t - (last - 1)) / (last + 1)
            interpolated = sum(c * mpmath.chebyt(n, at) for n, c in enumerate(sums)) - sums[0] / 2
            written = sum(mpmath.mpf(c) * t**k for k, c in enumerate(series))
            assert abs(interpolated - written) < 2e-16  # the coefficients are rounded
            assert abs(written / scaled_tail(t) - 1) < within + 2e-16


def scaled_tail(t):
    """(1 + a) exp(a²/2) Φ(-a) with t = (a - K) / (a + K)."""
    a = MIDDLE * (1 + t) / (1 - t)
    return (1 + a) * mpmath.exp(a * a / 2) * mpmath.erfc(a / mpmath.sqrt(2)) / 2


@pytest.mark.parametrize("function", [normal_cdf, erf])
def test_infinities_are_the_limits_and_nan_stays(function):
    low = {normal_cdf: 0.0, erf: -1.0}[function]
    found = function(np.array([-np.inf, np.inf, np.nan]))
    assert found[:2].tolist() == [low, 1.0]
    assert np.isnan(found[2])


@pytest.mark.parametrize("function", [normal_cdf, erf])
def test_more_entries_than_one_block_has_and_any_layout_give_the_same_numbers(function):
    x = RNG.normal(size=(3, 100, 131))
    found = function(x)
    assert found.shape == x.shape
    assert np.array_equal(function(x.T), found.T)
    assert np.array_equal(function(x[:, ::2, ::-1]), found[:, ::2, ::-1])
    assert function(np.zeros((0, 3))).shape == (0, 3)
    assert function(0.25) == function(np.array([0.25]))[0]


def test_whole_numbers_are_no_reason_to_round():
    assert normal_cdf(np.array([-1, 1])).tolist() == normal_cdf(np.array([-1.0, 1.0])).tolist()
    assert erf(1).dtype == float


def test_the_error_function_is_odd_down_to_the_sign_of_zero():
    x = np.abs(POINTS)
    assert np.array_equal(erf(-x), -erf(x))
    assert np.signbit(erf(np.array([-0.0, 0.0]))).tolist() == [True, False]


def test_half_precision_stays_half_precision():
    x = np.array([-1.5, 0.25], np.float16)
    assert normal_cdf(x).dtype == np.float16
    np.testing.assert_allclose(normal_cdf(x), normal_cdf(x.astype(float)), rtol=1e-3)
