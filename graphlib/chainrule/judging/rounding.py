"""What rounding may do to a result: found by computing it again with every step a little off."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, final

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.passes import in_reverse
from chainrule.core.rules import call_backward, call_forward
from chainrule.judging.closeness import Array, Values

_TRIALS = 4  # by chance a single one may leave an entry as it is
_SAFETY = 64  # how many roundings of one size a result may have gone through


@final
class Jitter:
    """Moves floating numbers up or down by a share of themselves.

    The share is about the root of the rounding unit: what it does to a result, times the root once more, is what
    rounding may do. So it tells a sum of large terms that cancel from one of small terms.
    """

    def __init__(self, seed: int, dtype: np.dtype[Any]) -> None:
        self._rng = np.random.default_rng([seed, 5])
        self._by = float(np.finfo(dtype if dtype.kind == "f" else float).eps) ** 0.5

    def __call__(self, x: Any) -> Any:
        if isinstance(x, (float, np.floating)):
            return x if x == _whole_near(x) else x * (1 + self._by * self._sign(()))
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or not x.size:
            return x
        return np.asarray(x * (1 + self._by * self._sign(x.shape)).astype(x.dtype, copy=False))

    def _sign(self, shape: tuple[int, ...]) -> Any:
        """Up or down, by half as much to half as much again: equal steps could cancel, as in 2 - 1 - 1."""
        ways = self._rng.integers(0, 2, shape)
        return (ways * 2.0 - 1.0) * (0.5 + self._rng.random(shape))

    def of_values(self, values: Values, leaves: Collection[str]) -> dict[str, Any]:
        """Values by name, moved; sizes stay as they are, and leaves that hold whole numbers, such as labels."""
        exact = {name for name in leaves if name in values and _is_whole(values[name])}
        return {
            name: self(value) if isinstance(value, np.ndarray) and name not in exact else value
            for name, value in sorted(values.items())  # the same on every run
        }


def _whole_near(x: Any) -> float:
    """The whole number next to one that has one."""
    return float(np.round(x)) if np.isfinite(x) else float("nan")


def _is_whole(value: Any) -> bool:
    return bool(np.all(value == np.round(value)))


def slack(result: Array, again: Callable[[Jitter], Any]) -> Array:
    """How far rounding may have moved every entry of a result; ``again`` computes it with every step jittered."""
    eps = float(np.finfo(result.dtype if result.dtype.kind == "f" else float).eps)
    worst = np.zeros(result.shape)
    with np.errstate(all="ignore"):
        for trial in range(_TRIALS):
            moved = again(Jitter(trial, result.dtype))
            if moved is None or np.shape(moved) != result.shape:
                return np.zeros(result.shape)
            change = np.abs(np.subtract(moved, result, dtype=float))
            worst = np.maximum(worst, np.where(np.isfinite(change), change, 0))
    return np.asarray(worst * _SAFETY * eps**0.5)


def slack_of_graph(
    graph: BaseGraph, values: Sequence[Array], starts: Mapping[int, Array]
) -> tuple[list[Array], list[Array | None]]:
    """How far rounding may have moved every value of a graph, and every gradient that starts where it is told."""
    eps = float(np.finfo(next((v.dtype for v in values if v.dtype.kind == "f"), np.dtype(float))).eps)
    exact = swept_from(graph, values, starts)
    worst = [np.zeros(value.shape) for value in values]
    worst_back = [None if grad is None else np.zeros(grad.shape) for grad in exact]
    with np.errstate(all="ignore"):
        for trial in range(_TRIALS):
            jitter = Jitter(trial, np.dtype(float) if eps < 1e-10 else np.dtype(np.float32))
            moved = _jittered_values(graph, values, jitter)
            back = swept_from(graph, moved, starts, jitter)
            worst = [np.maximum(w, _change(a, b)) for w, a, b in zip(worst, moved, values, strict=True)]
            worst_back = [
                w if w is None or a is None or b is None else np.maximum(w, _change(a, b))
                for w, a, b in zip(worst_back, back, exact, strict=True)
            ]
    share = _SAFETY * eps**0.5
    return [w * share for w in worst], [None if w is None else w * share for w in worst_back]


def _change(moved: Array, value: Array) -> Array:
    """By how much entries moved; without end where they are finite no longer, or were not."""
    change = np.abs(np.subtract(moved, value, dtype=float))
    return np.where(np.isnan(change), np.inf, change)


def _jittered_values(graph: BaseGraph, values: Sequence[Array], jitter: Jitter) -> list[Array]:
    moved: list[Array] = []
    for k, node in enumerate(graph.order):
        sources = graph.sources[k]
        moved.append(jitter(call_forward(node, [moved[source] for source in sources])) if sources else values[k])
    return moved


def swept_from(
    graph: BaseGraph, values: Sequence[Array], starts: Mapping[int, Array], jitter: Jitter | None = None
) -> list[Array | None]:
    """The gradient of every node when it starts at any nodes: what they are told, and what their consumers send."""

    def total(k: int, uses: list[tuple[int, int, Array]]) -> Array | None:
        parts = [*([starts[k]] if k in starts else []), *(part for _, _, part in uses)]
        return sum(parts[1:], start=parts[0]) if parts else None

    def local(k: int, grad: Array) -> Sequence[Array | None]:
        parts = call_backward(graph.order[k], grad, values[k], [values[source] for source in graph.sources[k]])
        return parts if jitter is None else [None if part is None else jitter(part) for part in parts]

    with np.errstate(all="ignore"):
        gradients, _ = in_reverse(graph, total, local)
    return gradients
