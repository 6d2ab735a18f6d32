"""The numbers themselves that numerical differentiation gives, for every gradient of a run and every contribution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias, final

import numpy as np

from chainrule.checking.agreement import TOLD_APART
from chainrule.checking.differences import CLOSE, TINY, Array, Probe, Walk, differentiate
from chainrule.checking.whole import Whole, swept_from_all, values_in_double
from chainrule.core.leaves import Constant, Input
from chainrule.core.run import BaseRun
from chainrule.errors import GradientCheckError

WORK = 4e8  # what all differences of one run may cost together, in entries computed: about a second
_CALL = 2000  # what one call of a rule costs beside its entries
_EVALUATIONS = 5  # of all that follows a value, for one entry
_MOST = 36  # entries of one array: a matrix of 6 × 6

Use: TypeAlias = tuple[int, int]
"""The position of a consumer, and which of its inputs."""


@final
class Numerical(NamedTuple):
    """Slopes of some entries of an array, found without any rule's backward; NaN where none could be found."""

    entries: Array
    """Which entries, counted through the flat array."""
    slopes: Array
    halves: Array
    """At a kink, half of how far the slopes on either side are apart; elsewhere 0."""
    slacks: Array
    """How far each slope can be trusted."""

    def difference(self, gradient: Array) -> float:
        """The largest difference to a gradient, beyond what a kink leaves open; NaN where nothing was found."""
        found = np.isfinite(self.slopes)
        return float(np.max(self._apart(gradient)[found], initial=0)) if found.any() else float("nan")

    def agrees(self, gradient: Array, close: float = CLOSE) -> bool:
        """Whether a gradient is one of what was found, as near as ``close`` of the largest entry, or cannot be told."""
        found = np.isfinite(self.slopes)
        excess = self._apart(gradient) - self.slacks - close * self._largest(gradient)
        return not np.any(excess[found] > 0)

    def tells(self, gradient: Array) -> bool:
        """Whether a gradient of that size can be told from 0 beside the rounding of the outputs."""
        found = np.isfinite(self.slopes)
        return bool(np.all(self.slacks[found] <= TOLD_APART * self._largest(gradient)))

    def _apart(self, gradient: Array) -> Array:
        apart: Array = np.abs(gradient.ravel()[self.entries] - self.slopes) - self.halves
        return np.maximum(apart, 0)

    def _largest(self, gradient: Array) -> float:
        known = self.slopes[np.isfinite(self.slopes)]
        return max(float(np.max(np.abs(gradient), initial=0)), float(np.max(np.abs(known), initial=0)), TINY)


@final
class Slopes(NamedTuple):
    """What was found of a whole run: by the position of a node, and by the use of a node that has several."""

    totals: Mapping[int, Numerical]
    contributions: Mapping[Use, Numerical]
    why_not: str = ""
    """Why nothing was found; "" where something was."""


def numerical_gradients(run: BaseRun, work: float = WORK) -> Slopes:
    """Differentiate the outputs of a run numerically, by every value that has a gradient and by every single use of it.

    The outputs are weighed by the gradients that the sweep started from. Of an array of up to 36 entries every one is
    differentiated, of a larger one those with the largest gradients, and fewer where that would take more than
    ``work``. What an Input reaches through labels is held fixed, as in ``check_gradients``.

    >>> from chainrule import Graph, Input, Sum
    >>> x = Input("x", (2,))
    >>> run = Graph(Sum(x * x)).forward({"x": [3.0, -1.0]})
    >>> _ = run.backward()
    >>> numerical_gradients(run).totals[0].slopes.round(6)
    array([ 6., -2.])
    """
    graph = run.graph
    feeds = {node: run.values[node] for node in graph.leaves if not isinstance(node, Constant)}
    try:
        whole = Whole(graph, values_in_double(graph, feeds)[0], seed=0, limit=_MOST)
        blocked = swept_from_all(whole).blocked if whole.outputs else frozenset()
    except GradientCheckError as error:
        return Slopes({}, {}, error.what)
    return _Differentiating(run, whole, blocked, work).slopes()


@final
class _Differentiating:
    """The slopes of one run in the making."""

    def __init__(self, run: BaseRun, whole: Whole, blocked: frozenset[Use], work: float) -> None:
        self.run, self.graph, self.whole, self.blocked = run, run.graph, whole, blocked
        self.starts = {k: _start(run, k) for k in whole.outputs}
        self.weights = np.concatenate([np.ravel(start) for start in self.starts.values()] or [np.zeros(0)])
        self.wanted = [k for k in sorted(whole.varying) if self.graph.order[k] in run.gradients]
        self.share = work / max(1, len(self.wanted))

    def slopes(self) -> Slopes:
        """Of every node and, where it has several uses, of each of them."""
        totals: dict[int, Numerical] = {}
        parts: dict[Use, Numerical] = {}
        for k in self.wanted:
            entries, held = self._entries(k), self._held(k)
            totals[k] = self._found(k, held, entries)
            for use in self._sent(k):
                others = frozenset(other for other in self.graph.uses[k] if other != use)
                alone = not others and k not in self.starts
                parts[use] = totals[k] if alone else self._through(k, held | others, entries)
        return Slopes(totals, parts)

    def _held(self, k: int) -> frozenset[Use]:
        return self.blocked if isinstance(self.graph.order[k], Input) else frozenset()

    def _sent(self, k: int) -> list[Use]:
        return [
            (self.graph.position(use.consumer), use.position) for use in self.run.contributions(self.graph.order[k])
        ]

    def _entries(self, k: int) -> Array:
        """The entries with the largest gradients, as many as there is work for."""
        gradient = np.abs(self.run.gradients[self.graph.order[k]].ravel())
        later = self.whole.after(k)
        once = sum(_CALL + self.whole.values[j].size for j in later) + _CALL
        uses = len(self.graph.uses[k])
        count = int(self.share / (_EVALUATIONS * once * (1 + uses if uses > 1 else 1)))
        return np.sort(np.argsort(-gradient, kind="stable")[: min(count, _MOST)])

    def _through(self, k: int, held: frozenset[Use], entries: Array) -> Numerical:
        """What comes through a single use: without what an output sends to itself."""
        found = self._found(k, held, entries)
        own = self.starts[k].ravel()[entries] if k in self.starts else 0.0
        return found._replace(slopes=found.slopes - own)

    def _found(self, k: int, held: frozenset[Use], entries: Array) -> Numerical:
        x, outputs = self.whole.values[k], self.whole.function(k, held)

        def function(moved: Array) -> Array:
            return np.atleast_1d(outputs(moved) @ self.weights)

        start, flat = function(x), x.ravel()
        largest = float(np.max(np.abs(self.run.gradients[self.graph.order[k]]), initial=0))
        slopes = np.full(len(entries), np.nan)
        halves, slacks = np.zeros(len(entries)), np.zeros(len(entries))
        for place, entry in enumerate(entries):
            step = max(1.0, abs(float(flat[entry])))
            found = differentiate(Walk(function, x, start, Probe(np.array([entry]), np.array([step])), largest * step))
            if not found.trouble:
                slopes[place], halves[place] = found.slope[0] / step, found.half[0] / step
                slacks[place] = found.slack[0] / step
        return Numerical(entries, slopes, halves, slacks)


def _start(run: BaseRun, k: int) -> Array:
    """The gradient that the sweep started from at an output: what no use has sent."""
    node = run.graph.order[k]
    if node not in run.gradients:
        return np.zeros(run.values[node].shape)
    sent = [use.gradient for use in run.contributions(node)]
    return np.asarray(run.gradients[node], dtype=float) - (np.sum(sent, axis=0) if sent else 0.0)
