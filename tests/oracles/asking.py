"""Plans asked for random names, and what in their answers differs from a Run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

import chainrule as cr

# Rounding alone: of some hundred operations on numbers of one size, relative to the largest part of a gradient.
TOLERANCE = 1e-10
CANCELLED = 1e-3  # a gradient that is smaller may be what rounding has left of parts that cancel
SMALLEST = 1e-6
# A saturated sigmoid is sent 1 / (1 - A), 3e8 at z = 17, and multiplies it by its slope: the run has lost eight digits
# there, the plan, which fuses the two, none. So a gradient is as exact as some rounding errors of the largest one.
LOST = 1e-4  # of the largest gradient of the run, times TOLERANCE: 1e-14 of it


def names_with_gradients(graph: cr.Graph, feeds: Mapping[str, Any]) -> list[str]:
    """All that a plan can be asked for."""
    return list(graph.forward(feeds).backward())


def some_of(names: list[str], seed: int) -> list[str]:
    """A few names drawn at random, in an order drawn at random."""
    rng = np.random.default_rng(seed)
    return [names[k] for k in rng.permutation(len(names))[: rng.integers(1, 6)]]


def differences(
    graph: cr.Graph, feeds: Mapping[str, Any], names: Iterable[str], loss: Any, gradients: Mapping[str, Any]
) -> list[str]:
    """What of a loss and gradients is not what a Run gives, in words."""
    run = graph.forward(feeds)
    run.backward()
    end = graph.name(graph.outputs[0])
    found = [*compared(end, loss, run.values[end], TOLERANCE, 1.0, dtype=True)]
    lost = LOST * max(map(largest, run.gradients.values()))
    for name in names:
        size = max([CANCELLED, lost, *(largest(use.gradient) for use in run.contributions(name))])
        found += compared(f"d{name}", gradients[name], run.gradients[name], TOLERANCE, size, dtype=True)
    return found


def compared(
    name: str, found: Any, right: Any, tolerance: float, size: float = 0.0, *, dtype: bool = False
) -> Iterator[str]:
    """What of an array is not as it should be, in words: by a tolerance relative to its largest entry or ``size``."""
    found, right = np.asarray(found), np.asarray(right)
    if found.shape != right.shape or (dtype and found.dtype != right.dtype):
        yield f"{name} is {found.dtype} {found.shape}, not {right.dtype} {right.shape}"
        return
    other = (found != right) & ~(np.isnan(found) & np.isnan(right))  # infinities and NaN are what they are
    gap = float(np.abs(found[other] - right[other]).max(initial=0.0))
    if not gap <= tolerance * max(size, largest(right), SMALLEST):
        yield f"{name} is off by {gap:.2g} of {max(size, largest(right)):.2g}"


def largest(array: Any) -> float:
    """The largest number in an array, but for infinities and NaN."""
    return float(np.abs(array, where=np.isfinite(array), out=np.zeros(np.shape(array))).max(initial=0.0))
