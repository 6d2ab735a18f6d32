"""Numerical differentiation: central differences, and the complex step where they confirm it.

Central differences in float64 judge everything; where a function also takes complex numbers and the two agree, the
complex step judges to nearly all digits (Squire and Trapp 1998).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from chainrule.checking.analytic import Analytic

Array = npt.NDArray[Any]
Function = Callable[[Array], Array]
"""The outputs, joined into one vector, as a function of the one value that is varied."""

_EPS = 2.0**-52
_STEPS = tuple(2.0**-k for k in range(17, 39, 3))  # the first, 7.6e-6, suits most; smaller ones serve sharp bends
CLOSE = 1e-6  # differences: a hundred times their rounding error of 1e-10 to 1e-8, a thousandth of a factor 1.001
_BENT = 1e-5  # two steps whose differences disagree by more judge nothing
_DIRECTIONS = 2
_NOT_FINITE = "is not finite close to this point"
TINY = float(np.finfo(float).tiny)
_TOO_SHARP = "bends too sharply, or jumps, close to this point"


@final
class Probe(NamedTuple):
    """A way to go from a value: which entries of it, flat, move by how much for a step of 1."""

    where: Any
    amount: Array

    def moved(self, x: Array, step: complex) -> Array:
        """The value after a step."""
        new = x.astype(np.result_type(x, type(step))).ravel()
        new[self.where] += step * self.amount
        return new.reshape(x.shape)

    def along(self, gradient: Array) -> Any:
        """The slope that a gradient says this way has."""
        return gradient.ravel()[self.where] @ self.amount


@final
class Slope(NamedTuple):
    """What numerical differentiation finds one way: for each output the slope and how far it can be trusted.

    At a kink the slopes on either side are ``slope - half`` and ``slope + half``; elsewhere ``half`` is 0.
    """

    slope: Array
    half: Array
    slack: Array
    trouble: str = ""
    exact: bool = False


def probes_of(x: Array, limit: int, rng: np.random.Generator) -> list[Probe]:
    """One for each element; when there are more than ``limit``, for some of them, and for all in random directions."""
    scale = np.maximum(1, np.abs(x.ravel()))
    if x.size <= limit:
        chosen = np.arange(x.size)
    else:
        chosen = np.sort(rng.choice(x.size, limit, replace=False))
    elements = [Probe(np.array([k]), scale[[k]]) for k in chosen]
    directions = _DIRECTIONS if x.size > limit else 0
    return elements + [Probe(slice(None), scale * d) for d in rng.standard_normal((directions, x.size)) / x.size**0.5]


@final
class Walk(NamedTuple):
    """The outputs as a function of how far one goes along a probe; ``largest`` is the size of slopes to expect."""

    function: Function
    x: Array
    start: Array
    probe: Probe
    largest: float

    def at(self, step: complex) -> Array:
        """The outputs after a step."""
        return self.function(self.probe.moved(self.x, step))

    def one_sided(self, step: float) -> tuple[Array, Array]:
        """The slopes to the right and to the left."""
        with np.errstate(all="ignore"):
            return (self.at(step) - self.start) / step, (self.start - self.at(-step)) / step


def differentiate(walk: Walk) -> Slope:
    """Central differences, at smaller and smaller steps until two agree, and the complex step where they confirm it."""
    best, disagreement = Slope(walk.start, walk.start, walk.start, _NOT_FINITE), np.inf
    for step in _STEPS:
        found, apart = _at_step(walk, step)
        if apart < disagreement or (best.trouble and not found.trouble):
            best, disagreement = found, apart
        if disagreement <= 0.1 * CLOSE:
            return _by_complex_step(walk, best)
    return best if best.trouble or disagreement <= _BENT else best._replace(trouble=_TOO_SHARP)


def _at_step(walk: Walk, step: float) -> tuple[Slope, float]:
    """The slope from two steps, one a quarter of the other, and how far these are apart beyond rounding.

    Where a function is smooth its one-sided slopes differ in proportion to the step, at a kink by the same at every
    step, and at a jump by the more the smaller the step.
    """
    (right, left), (right_near, left_near) = walk.one_sided(step), walk.one_sided(step / 4)
    slopes = np.stack([right, left, right_near, left_near])
    if not np.isfinite(slopes).all():
        return Slope(walk.start, walk.start, walk.start, _NOT_FINITE), np.inf
    noise = 4 * _EPS * np.abs(walk.start) / step
    scale = max(walk.largest, np.max(np.abs(slopes), initial=0), TINY)
    jump, jump_near = np.abs(right - left), np.abs(right_near - left_near)
    visible = jump > CLOSE * scale + 8 * noise
    kink = visible & (jump_near > 0.55 * jump) & (jump_near < 1.5 * jump)
    slope = (right + left) / 2
    apart = np.abs(slope - (right_near + left_near) / 2)
    excess = np.where(visible & (jump_near >= 1.5 * jump), np.inf, np.maximum(apart - 8 * noise, 0) / scale)
    return Slope(slope, np.where(kink, jump / 2, 0), 2 * apart + noise), float(np.max(excess, initial=0))


def _by_complex_step(walk: Walk, found: Slope) -> Slope:
    """Im f(x + ih) / h, in which nothing cancels, where the function takes complex numbers and differences agree."""
    step = 2.0**-100
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error")  # a function that drops the imaginary part warns
            value = np.asarray(walk.function(walk.probe.moved(walk.x, 1j * step).view(Analytic))).view(np.ndarray)
    except Exception:  # whatever a rule raises on complex numbers, differences have judged it
        return found
    slope = np.imag(value) / step
    same = np.allclose(np.real(value), walk.start, rtol=1e-12, atol=0)
    close = CLOSE * max(walk.largest, np.max(np.abs(slope), initial=0))
    clear = not found.half.any() and bool(np.all(np.abs(slope - found.slope) + found.slack <= close))
    return Slope(slope, found.half, np.zeros_like(slope), exact=True) if same and clear else found
