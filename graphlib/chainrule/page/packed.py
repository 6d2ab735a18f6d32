"""Arrays as a page holds them: every number of a small one, of a large one a thumbnail and a corner."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
ROOM: Final = 250_000  # numbers in one page, which are 1.4 MB
EXACT: Final = 1024  # entries up to which an array keeps all its digits
SMALL: Final = 36  # entries of which nobody needs a range
_THUMBNAIL: Final = (32, 64)  # rows and columns
_CORNER: Final = 12
_SINGLE: Final = np.finfo(np.float32)


@final
class Packing:
    """The arrays of a page, each of them once, in the order in which they were asked for."""

    def __init__(self, room: int = ROOM) -> None:
        self._arrays: list[Array] = []
        self._axes: list[int | None] = []
        self._places: dict[int, int] = {}
        self._room = room

    def place(self, array: Array, examples: int | None = None) -> int:
        """The number of an array; ``examples`` is the axis along which they are counted."""
        if id(array) not in self._places:
            self._places[id(array)] = len(self._arrays)
            self._arrays.append(array)  # kept, so that no other array gets its id
            self._axes.append(examples)
        return self._places[id(array)]

    def packed(self) -> list[dict[str, Any]]:
        """Every array as JSON has it."""
        most = _most_entries([array.size for array in self._arrays], self._room)
        return [_packed(array, axis, most) for array, axis in zip(self._arrays, self._axes, strict=True)]


def _most_entries(sizes: Sequence[int], room: int) -> int:
    """How many entries an array may have that is kept whole, so that all of them fit."""
    total = 0
    for size in sorted(sizes):
        total += size
        if total > room:
            return size - 1
    return max(sizes, default=0)


def _packed(array: Array, axis: int | None, most: int) -> dict[str, Any]:
    found: dict[str, Any] = {"shape": list(array.shape), **_facts(array)}
    if axis is not None:
        found["axis"] = axis
    if array.size <= most:
        return found | _numbers(array)
    matrix = array.reshape(math.prod(array.shape[:-1]), array.shape[-1])
    thumbnail, corner = _averaged(matrix), matrix[:_CORNER, :_CORNER]
    return found | {
        "thumbnail": {"shape": list(thumbnail.shape), **_numbers(thumbnail)},
        "corner": {"shape": list(corner.shape), **_numbers(corner)},
    }


def _facts(array: Array) -> dict[str, Any]:
    """The range and the norm of a large array, computed from all its entries."""
    if array.size <= SMALL:
        return {}
    finite = array[np.isfinite(array)]
    if not finite.size:
        return {"broken": int(array.size)}
    whole = finite.astype(float)
    scale = float(np.max(np.abs(whole))) or 1.0
    norm = scale * float(np.sqrt(np.sum((whole / scale) ** 2)))
    facts = {"low": float(finite.min()), "high": float(finite.max())}
    facts |= {"norm": norm} if math.isfinite(norm) else {}
    return facts | ({"broken": int(array.size - finite.size)} if finite.size < array.size else {})


def _numbers(array: Array) -> dict[str, Any]:
    """Every number, little-endian in base64: in single precision where there are many and it holds them."""
    single = array.size > EXACT and _fits(array)
    return {"type": "f4" if single else "f8", "data": _base64(array.astype("<f4" if single else "<f8"))}


def _fits(array: Array) -> bool:
    sizes = np.abs(array[np.isfinite(array) & (array != 0)]).astype(float)
    return not sizes.size or bool(sizes.max() < _SINGLE.max and sizes.min() > _SINGLE.tiny)


def _base64(array: Array) -> str:
    return base64.b64encode(array.tobytes()).decode()


def _averaged(matrix: Array) -> Array:
    """The mean of every block of a matrix."""
    rows, columns = (min(have, most) for have, most in zip(matrix.shape, _THUMBNAIL, strict=True))
    blocks = [np.array_split(strip, columns, axis=1) for strip in np.array_split(matrix.astype(float), rows)]
    return np.array([[block.mean() for block in row] for row in blocks])
