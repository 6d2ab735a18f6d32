"""Plans asked for random names, and what in their answers differs from a Run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

import chainrule as cr

# Rounding alone: of some hundred operations on numbers of one size, relative to the largest part of a gradient.
TOLERANCE = 1e-10


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
    pairs = [(end, loss, run.values[end], 1.0)]
    for name in names:
        parts = [_largest(use.gradient) for use in run.contributions(name)]
        pairs.append((f"d{name}", gradients[name], run.gradients[name], max(parts, default=1.0)))
    return [text for name, found, right, size in pairs if (text := _difference(name, found, right, size))]


def _largest(array: Any) -> float:
    """The largest number in an array, but for infinities and NaN."""
    return float(np.abs(array, where=np.isfinite(array), out=np.zeros(np.shape(array))).max(initial=0.0))


def _difference(name: str, found: Any, right: Any, size: float) -> str:
    found, right = np.asarray(found), np.asarray(right)
    if found.shape != right.shape or found.dtype != right.dtype:
        return f"{name} is {found.dtype} {found.shape}, not {right.dtype} {right.shape}"
    allowed = TOLERANCE * max(size, _largest(right), 1e-3)
    other = (found != right) & ~(np.isnan(found) & np.isnan(right))  # infinities and NaN are what they are
    gap = float(np.abs(found[other] - right[other]).max(initial=0.0))
    return "" if gap <= allowed else f"{name} is off by {gap:.2g} of {size:.2g}"
