"""The parameters after some epochs of a training, spread evenly, in as much memory as they may take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_MEMORY: Final = 32 << 20  # bytes


@final
class Snapshot(NamedTuple):
    """The parameters after a number of steps."""

    step: int
    params: dict[str, Array]


@final
class Snapshots:
    """Takes a snapshot at the start, after so many epochs, and at the end; none where there is no room for two.

    An epoch has a number of ``steps``, and one snapshot a ``size`` in bytes.

    >>> taken = Snapshots(["w"], epochs=10, steps=10, most=5, size=8)
    >>> for step in range(101):
    ...     taken.take(step, {"w": np.array(float(step))})
    >>> [snapshot.step for snapshot in taken.last(100, {"w": np.array(100.0)})]
    [0, 30, 60, 90, 100]
    """

    def __init__(self, names: Iterable[str], *, epochs: int, steps: int, most: int, size: int) -> None:
        self._names = list(names)
        count = min(most, _MEMORY // max(size, 1))
        self.every = steps * math.ceil(epochs / (count - 1)) if count > 1 else 0
        """How many steps lie between two of them; 0 where none is taken."""
        self._due = 0
        self._taken: list[Snapshot] = []

    def take(self, step: int, state: Mapping[str, Any]) -> None:
        """Keep a copy of the parameters, if it is time."""
        if self.every and step >= self._due:
            self._taken.append(Snapshot(step, {name: np.array(state[name]) for name in self._names}))
            self._due = step + self.every

    def last(self, step: int, state: Mapping[str, Any]) -> tuple[Snapshot, ...]:
        """All of them, with the one at the end."""
        if self.every and self._taken[-1].step < step:
            self._due = step
            self.take(step, state)
        return tuple(snapshot for snapshot in self._taken if snapshot.step <= step)
