"""Whether the gradients that a rule or a run gives agree with numerical differentiation.

Errors are relative to the largest entry of the gradient in question.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, final

import numpy as np

from chainrule.checking.differences import CLOSE, TINY, Array, Function, Probe, Slope, Walk, differentiate
from chainrule.checking.report import Comparison
from chainrule.core.node import Node
from chainrule.errors import GradientCheckError

_EXACT = 1e-11  # complex step: it rounds like the rule itself, 1e-16 for each of up to some ten thousand operations
TOLD_APART = 1e-4  # a gradient that is less than ten thousand roundings of the output is not counted as compared
_WHOLE = 32  # outputs with at most so many entries are judged entry by entry, others by random projections
_PROJECTIONS = 3
HIDDEN = "too small beside the output to be told from 0"


@final
class Question(NamedTuple):
    """Whether ``gradients``, one per row of ``grads``, are those of ``function`` at ``x``, and what to say if not."""

    row: Comparison
    node: Node
    label: str
    given: str
    function: Function
    x: Array
    gradients: Array
    grads: Array
    probes: list[Probe]
    kinks_meet: bool = False
    """Whether several kinks may be crossed at once: the slopes on either side then say nothing of what lies between."""
    says: str = "backward gives"
    hint: str = ""

    def wrong(self, said: str, remedy: str, **changes: Any) -> Comparison:
        """The row with a problem."""
        what = f"{self.label} {said}"
        problem = GradientCheckError(what, where=self.node.where, given=self.given, remedy=remedy, node=self.node)
        return self.row._replace(problem=problem, **changes)

    def place(self, k: int) -> str:
        """Where probe ``k`` goes, for messages."""
        where = self.probes[k].where
        if isinstance(where, slice):
            return "along a random direction through all entries"
        return f"at {bracketed(np.unravel_index(int(where[0]), self.x.shape))}"


def upstream(size: int, rng: np.random.Generator) -> Array:
    """Gradients to start from, as rows: one for each output entry, or random ones when there are many."""
    return np.eye(size) if size <= _WHOLE else rng.standard_normal((_PROJECTIONS, size))


def answer(asked: Question) -> Comparison:
    """Hold the gradients against numerical differentiation along every probe."""
    if not np.isfinite(asked.gradients).all():
        place = bracketed(np.argwhere(~np.isfinite(asked.gradients))[0][1:])
        return asked.wrong(f"is not finite at {place}", "values at which it is finite")
    if not asked.probes or not len(asked.grads):
        return asked.row._replace(note="nothing to compare")
    analytic = np.array([[probe.along(gradient) for probe in asked.probes] for gradient in asked.gradients])
    start, largest = asked.function(asked.x), float(np.max(np.abs(analytic)))
    slopes = [differentiate(Walk(asked.function, asked.x, start, probe, largest)) for probe in asked.probes]
    for k, slope in enumerate(slopes):
        if slope.trouble:
            said = f"cannot be judged {asked.place(k)}: the output {slope.trouble}"
            return asked.wrong(said, "move the values away from there")
    return _compare(asked, analytic, slopes)


def _compare(asked: Question, analytic: Array, slopes: list[Slope]) -> Comparison:
    """The verdict, from what backward says and what was found; all arrays are (grads, probes)."""
    grads = asked.grads
    numeric = np.stack([grads @ slope.slope for slope in slopes], axis=1)
    half = np.stack([np.abs(grads) @ slope.half for slope in slopes], axis=1)
    slack = np.stack([np.abs(grads) @ slope.slack for slope in slopes], axis=1)
    exact = np.array([slope.exact for slope in slopes])
    scale = max(np.max(np.abs(analytic)), np.max(np.abs(numeric)), TINY)
    outside = np.maximum(np.abs(analytic - numeric) - half, 0)
    excess = outside - np.where(exact, _EXACT, CLOSE) * scale - slack
    bent = half.any(axis=0)
    torn = bent & (excess > 0).any(axis=0) & asked.kinks_meet
    outside, excess = outside * ~torn, excess * ~torn
    error = float(outside.max() / scale)
    if np.any(excess > 0):
        worst = np.unravel_index(np.argmax(excess), excess.shape)
        return _disagreement(asked, analytic, numeric, (int(worst[0]), int(worst[1])), error)
    elements = np.array([not isinstance(probe.where, slice) for probe in asked.probes])
    told_apart = (slack.max(axis=0) <= TOLD_APART * scale) | (not analytic.any() and not numeric.any())
    seen = elements & told_apart & ~torn
    kinks = int(np.sum(bent & elements & told_apart))
    seen_error = float(np.max(outside[:, seen], initial=0) / scale)
    method = "complex step" if exact.all() else "differences" if not exact.any() else "complex step and differences"
    note = method if np.array_equal(seen, elements) else "kinks meet" if torn.any() else HIDDEN
    return asked.row._replace(compared=int(seen.sum()), kinks=kinks, error=seen_error, note=note)


def _disagreement(asked: Question, analytic: Array, numeric: Array, worst: tuple[int, int], error: float) -> Comparison:
    sizes = np.array([1.0 if isinstance(probe.where, slice) else float(probe.amount[0]) for probe in asked.probes])
    found, expected = analytic / sizes, numeric / sizes
    numbers = f"{asked.says} {found[worst]:.12g}, numerical differentiation {expected[worst]:.12g}"
    said = f"is wrong {asked.place(worst[1])}: {numbers} (error {error:.2g} of the largest entry)"
    elements = [k for k, probe in enumerate(asked.probes) if not isinstance(probe.where, slice)]
    diagnosis = asked.hint or _diagnosis(found[:, elements], expected[:, elements], asked.x)
    return asked.wrong(said, diagnosis, compared=len(elements), error=error)


def _diagnosis(analytic: Array, numeric: Array, x: Array) -> str:
    """What the disagreement looks like, which is often what to mend."""
    if not analytic.any():
        return "a gradient that is not 0 everywhere"
    factor = float(np.vdot(numeric, analytic) / (np.vdot(numeric, numeric) or 1))
    near = 1e-4 * float(np.max(np.abs(analytic)))
    if factor and np.allclose(analytic, factor * numeric, rtol=0, atol=near) and abs(factor - 1) > 1e-6:
        return (
            "turn its sign"
            if np.isclose(factor, -1)
            else f"divide by {factor:.6g}: every entry is so many times what it should be"
        )
    if x.ndim == 2 and x.shape[0] == x.shape[1] and analytic.shape[1] == x.size:
        turned = analytic.reshape(-1, *x.shape).transpose(0, 2, 1).reshape(analytic.shape)
        if np.allclose(turned, numeric, rtol=0, atol=near):
            return "transpose it"
    return "derive this entry again by hand"


def bracketed(place: Iterable[Any]) -> str:
    """An entry's place as it is indexed: [0, 2]."""
    return f"[{', '.join(str(int(k)) for k in place)}]"
