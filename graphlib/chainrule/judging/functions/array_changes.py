"""What would make an array right whose formula cannot be read off: a sign, a factor, axes swapped or turned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np

from chainrule.judging.closeness import Array, factor_between, same
from chainrule.judging.ground import MEAN, Ground
from chainrule.nodes.rearranging import Gather

_LARGEST: Final = 24  # a factor that is forgotten or one too many is a small number, or one over a small one
_NEAR: Final = 1e-6

_CHANGES: Final[tuple[tuple[str, Callable[[Array], Array]], ...]] = (
    ("it has to be transposed", lambda array: array.T),
    ("its last two axes are swapped", lambda array: np.swapaxes(array, -1, -2)),
    ("its last two axes run the other way round", lambda array: np.flip(array, (-2, -1))),
)


def change_told(ground: Ground, draws: Sequence[int], convention: str, name: str, arrays: Sequence[Array]) -> str:
    """What has to be done to what came out on some draws, "" where no usual change makes it right on all of them."""
    right = [np.asarray(ground.values(k, convention)[name]) for k in draws]
    if not all(np.isfinite(array).all() for array in (*arrays, *right)):
        return ""
    for sentence, change in _CHANGES:
        if arrays[0].ndim > 1 and all(same(change(mine), wanted) for mine, wanted in zip(arrays, right, strict=True)):
            return sentence
    return _factor_told(ground, draws, arrays, right) or _overwritten_told(ground, draws, convention, name, arrays)


def _factor_told(ground: Ground, draws: Sequence[int], arrays: Sequence[Array], right: Sequence[Array]) -> str:
    """The number by which all of it has to be multiplied, which may be the number of examples or one over it."""
    found = [factor_between(mine, wanted) for mine, wanted in zip(arrays, right, strict=True)]
    factors = [c for c in found if c is not None]
    if len(factors) < len(found):
        return ""
    count = [ground.draws[k].sizes.get(ground.batch, 0) for k in draws]
    if len(set(count)) > 1:  # else 1/5 may be a number or one over the number of examples
        for unit, by in ((f"1/{ground.batch}", count), (ground.batch, [1 / m for m in count])):
            if told := _plain_told([c * scale for c, scale in zip(factors, by, strict=True)], unit):
                return told
    return _plain_told(factors)


def _plain_told(factors: Sequence[float], unit: str = "") -> str:
    """One plain number for all draws, "" where there is none."""
    plain = Fraction(factors[0]).limit_denominator(_LARGEST)
    if abs(plain.numerator) > _LARGEST or any(abs(c - float(plain)) > _NEAR * abs(c) for c in factors):
        return ""
    if plain == -1 and not unit:
        return "it has the wrong sign"
    times = unit if plain == 1 else f"{plain}·{unit}" if unit else str(plain)
    return f"it has to be {times} times as large"


def _overwritten_told(ground: Ground, draws: Sequence[int], convention: str, name: str, arrays: Sequence[Array]) -> str:
    """Whether of several contributions to one place of a table the last one is all that is left."""
    graph = ground.graph
    uses = graph.uses[graph.position(name[1:])]
    for consumer, place in uses if len(uses) == 1 else ():
        node = graph.order[consumer]
        if isinstance(node, Gather) and place == 0:
            scaled = convention != MEAN and name in ground.scaled
            found = (_overwritten(ground, k, consumer, node.axis, scaled) for k in draws)
            if all(same(mine, one) for mine, one in zip(arrays, found, strict=True)):
                ids = graph.names[graph.sources[consumer][1]]
                return f"where {ids} names a place twice, += keeps the last contribution alone: np.add.at adds them up"
    return ""


def _overwritten(ground: Ground, k: int, consumer: int, axis: int, scaled: bool) -> Array:
    """What ``d[..., ids] += grad`` gives on a draw."""
    graph, draw = ground.graph, ground.draws[k]
    table, ids = (draw.values[graph.names[source]] for source in graph.sources[consumer])
    made: Array = np.zeros(table.shape)
    before: list[Any] = [slice(None)] * (axis % made.ndim)
    made[(*before, ids)] = draw.gradients[graph.gradient_names[consumer]]
    return made * draw.sizes[ground.batch] if scaled else made
