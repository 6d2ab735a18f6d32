"""Boxes: where a key of numbers and slices starts and stops along every axis of an array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def box_of(key: Any, shape: Sequence[Any]) -> list[tuple[int, int]] | None:
    """Where along every axis a key of numbers and slices without steps starts and stops; None for any other key.

    >>> import numpy as np
    >>> box_of(np.s_[..., 2:], (3, 5)), box_of(np.s_[-1], (3, 5)), box_of(np.s_[::2], (3, 5))
    ([(0, 3), (2, 5)], [(2, 3), (0, 5)], None)
    """
    keys = list(key) if isinstance(key, tuple) else [key]
    gap = next((place for place, part in enumerate(keys) if part is Ellipsis), len(keys))
    keys[gap : gap + 1] = [slice(None)] * (len(shape) - len(keys) + (gap < len(keys)))
    if len(keys) != len(shape) or not all(type(size) is int for size in shape):
        return None
    box = [_limits(part, size) for part, size in zip(keys, shape, strict=True)]
    return None if None in box else box  # type: ignore[return-value]  # none of them is None


def _limits(part: Any, size: int) -> tuple[int, int] | None:
    if type(part) is int:
        return part % size, part % size + 1
    if not isinstance(part, slice) or any(type(x) not in (int, type(None)) for x in (part.start, part.stop, part.step)):
        return None
    start, stop, step = part.indices(size)
    return (start, stop) if step == 1 and start < stop else None
