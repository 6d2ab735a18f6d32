"""The normal distribution and the error function of whole arrays, to a few units in the last place.

NumPy has neither. The tail Φ(-a) falls like exp(-a²/2), and G(a) = (1 + a) exp(a²/2) Φ(-a) stays between 0.39 and 0.53.
With t = (a - K) / (a + K) every a ≥ 0 has its place in -1 ≤ t < 1, where one polynomial is G: so do Shepherd and
Laframboise (1981), "Chebyshev approximation of (1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞". The coefficients here are those
of the Chebyshev interpolation for K = 4.5, added up to powers of t; ``tests/symbols/test_normal.py`` has them anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from chainrule.symbols.in_blocks import of_entries_in_blocks
from chainrule.symbols.symbol import Value

MIDDLE: Final = 4.5
"""The a at which t is 0."""
SERIES: Final = (
    0.46641865659290194, -0.09445675888818691, 0.023842964769113295, 0.018922656662719074, -0.030376890965516497,
    0.02261631044707826, -0.010591085341982448, 0.002711246102048317, 0.00011925574439221044, -0.00035300178894362455,
    7.095180004306036e-05, 3.3835066493252755e-05, -1.4894847925829182e-05, -3.5858067779828673e-06,
    2.54765796208147e-06, 5.255647225368349e-07, -4.225310452950443e-07, -1.0628287256879314e-07,
    6.358823558910016e-08, 2.198572518507422e-08, -6.266454136017348e-09, -2.8622816034723113e-09,
)  # fmt: skip
"""G in powers of t, for double precision."""
SINGLE_SERIES: Final = (
    0.4664186622940852, -0.09445678415656755, 0.023842438981721874, 0.018923432672640114, -0.03036881688268483,
    0.022611962156402553, -0.010635594595750615, 0.0027093630596445083, 0.00021754614839654952, -0.0003137460643116833,
)  # fmt: skip
"""The same for single precision."""
FARTHEST: Final = 40.0
"""Beyond it, no floating number is small enough for the tail; in single precision beyond 15."""
NEAR: Final = 0.5
"""Up to here erf is its power series: 1 less a tail would lose the digits of a small x."""


def normal_cdf_of(x: Value) -> Value:
    """Φ(x) of floating numbers, within 4 ULP."""
    return _of_floats(_normal_cdf, x)


def erf_of(x: Value) -> Value:
    """erf(x) of floating numbers, within 4 ULP."""
    return _of_floats(_erf, x)


def _of_floats(function: Callable[[Value], Value], x: Value) -> Value:
    """Whole numbers become float64; what is shorter than single precision is computed in that."""
    array = np.asarray(x) if np.asarray(x).dtype.kind == "f" else np.asarray(x, dtype=float)
    found = of_entries_in_blocks(function, array.astype(np.result_type(array, np.float32), copy=False))
    return found.astype(array.dtype, copy=False)


def _normal_cdf(x: Value) -> Value:
    size = np.minimum(np.abs(x), FARTHEST)
    return np.abs((x > 0) - _tail(size, size, 0.5))  # 1 less the tail, or 0 less the tail without its sign


def _erf(x: Value) -> Value:
    size = np.minimum(np.abs(x), FARTHEST)
    far = np.copysign(1 - 2 * _tail(math.sqrt(2) * size, size, 1.0), x)
    near = np.clip(x, -NEAR, NEAR)
    return np.where(near == x, near * _polynomial(near_series(x.dtype), near * near), far)


def near_series(dtype: Any) -> Sequence[float]:
    """erf(x) / x in powers of x², 2/√π Σ (-1)ᵏ / (k! (2k + 1)), to where the next term is lost beside the first."""
    terms = 7 if dtype == np.float32 else 12
    return [2 / math.sqrt(math.pi) * (-1) ** k / (math.factorial(k) * (2 * k + 1)) for k in range(terms)]


def halves(dtype: Any) -> float:
    """What a number is multiplied by so that the upper half of its digits can be taken from it."""
    return 2.0**12 + 1 if dtype == np.float32 else 2.0**27 + 1


def _tail(a: Value, x: Value, scale: float) -> Value:
    """Φ(-a) for a ≥ 0, of which a²/2 is ``scale`` x²."""
    found = _polynomial(SINGLE_SERIES if a.dtype == np.float32 else SERIES, (a - MIDDLE) / (a + MIDDLE))
    found *= _exp_of_square(x, scale)
    found /= 1 + a
    return found


def _polynomial(coefficients: Sequence[float], t: Value) -> Value:
    """c₀ + t (c₁ + t (c₂ + …))."""
    total = np.full_like(t, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total *= t
        total += coefficient
    return total


def _exp_of_square(x: Value, scale: float) -> Value:
    """exp(-scale x²), made up for what rounding takes from x²: that would be 700 units in the last place at x = 38.

    The upper half of the digits of x has a square that is exact (Dekker 1971).
    """
    spread = x * halves(x.dtype)
    upper = spread - (spread - x)
    square, rest = upper * upper, (x + upper) * (x - upper)
    whole = square + rest
    rest += square - whole
    power = np.exp(-scale * whole)
    power -= power * (scale * rest)
    return power
