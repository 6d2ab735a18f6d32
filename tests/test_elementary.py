"""Functions along an axis are their definitions, over every axis, for complex numbers and over nothing at all."""

import numpy as np
import pytest

from chainrule.elementary import log_softmax, logsumexp, sigmoid, softmax, softmax_rest, softplus, tanh_slope

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
