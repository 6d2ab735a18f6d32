"""Which variable of a function is wrong, from arrays alone: the first that is nothing right, and leads to nothing."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Final, NamedTuple, final

import numpy as np

from chainrule.judging.closeness import Array, tolerance
from chainrule.judging.functions.on_the_way import Stage, stages
from chainrule.judging.ground import Ground

_PASSED_BACK: Final = ("gradient", "sent", "sum")
"""The kinds of what runs back from the loss."""
_MOST_EXAMPLES: Final = 16  # of which each is looked for by itself


def first_wrong(
    ground: Ground, convention: str, made: Sequence[tuple[str, int, Array]], *, all_wrong: bool
) -> tuple[str, int] | None:
    """The first variable that is nothing right though it has the shape of what is passed back, with its line.

    One behind which a later line comes to something right that is nearer to the data was a step on the way there. Where
    there is no such variable and all results are wrong, it is the first that is right but for its size: of another
    sign, for every example, for their mean.
    """
    count = ground.draws[0].sizes.get(ground.batch, 1)
    found = stages(ground, 0, convention)
    back = [stage for stage in found if _kind(stage) in _PASSED_BACK and count in stage.array.shape]
    known, passed = _Known(found, count), _Known(back, count)
    sums = {name for name, _, array in made if not array.any()}  # what is added to, from zeros on
    looked = [
        one
        for one in made
        if passed.has_shape(one[2]) and one[2].any() and (one[0] not in sums or count in one[2].shape)
    ]
    sizes = [known.met(array) for _, _, array in looked]
    reached = [passed.met(array) for _, _, array in looked]
    begins: dict[int, int] = {}
    for k, (_, line, _) in enumerate(looked):
        begins.setdefault(line, k)
    for k, (name, line, _) in enumerate(looked):
        nearest = min((met.at for met in reached[:k] if met), default=len(ground.graph))
        later = [reached[j] for j in range(k + 1, len(looked)) if begins[looked[j][1]] > begins[line]]
        if sizes[k] is None and not any(met is not None and met.at < nearest for met in later):
            return name, line
    of_another_size = (one for one, met in zip(looked, reached, strict=True) if met is not None and met.times != 1)
    return next(((name, line) for name, line, _ in of_another_size), None) if all_wrong else None


def _kind(stage: Stage) -> Hashable:
    return stage.kind[0] if isinstance(stage.kind, tuple) else stage.kind


@final
class _Met(NamedTuple):
    """How many times something right an array is, and at which position of the graph that stands."""

    times: float
    at: int


@final
class _Known:
    """Arrays to look one up in, those of single examples among them."""

    def __init__(self, found: Sequence[Stage], count: int) -> None:
        self._times = (1.0, -1.0, float(count), 1.0 / count)
        by_shape: dict[tuple[int, ...], list[tuple[Array, int]]] = {}
        for stage in found:
            parts = _examples(stage.array, count) if stage.at >= 0 else ()  # 1 - a of one example is met by chance
            for array in (stage.array, *parts):
                by_shape.setdefault(array.shape, []).append((array.ravel(), stage.at))
        self._rows = {shape: np.array([row for row, _ in rows], float) for shape, rows in by_shape.items()}
        self._at = {shape: np.array([at for _, at in rows]) for shape, rows in by_shape.items()}

    def has_shape(self, array: Array) -> bool:
        """Whether anything has the shape of an array."""
        return array.shape in self._rows

    def met(self, array: Array) -> _Met | None:
        """What an array is, None where it is nothing; of several things the last one, which is met first."""
        rows: Any = self._rows.get(array.shape)
        if rows is None:
            return None
        with np.errstate(all="ignore"):
            near = tolerance(np.dtype(float)) * np.abs(rows).max(axis=1, initial=0.0)
            for times in self._times:
                alike = np.abs(rows * times - array.ravel()).max(axis=1, initial=0.0) <= near * abs(times)
                if alike.any():
                    return _Met(times, int(self._at[array.shape][alike].max()))
        return None


def _examples(array: Array, count: int) -> Iterator[Array]:
    """What an array has of each example, with and without the axis of the examples."""
    axes = [axis for axis, size in enumerate(array.shape) if size == count]
    if len(axes) == 1 and 1 < count <= _MOST_EXAMPLES and array.ndim > 1:
        for k in range(count):
            one = np.take(array, [k], axes[0])
            yield one
            yield np.squeeze(one, axes[0])
