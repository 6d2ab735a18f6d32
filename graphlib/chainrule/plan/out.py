"""Arrays of the caller's that results are written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, FeedError
from chainrule.plan.pieces import Array
from chainrule.symbols.dimensions import shape_text


def check_targets(out: Any, names: Sequence[str]) -> None:
    """Hold ``out`` to what can be said before anything is computed; raises ArgumentError."""
    remedy = "out={name: array}, with arrays of the gradients' shapes that can be written to"
    if not isinstance(out, Mapping):
        raise ArgumentError(f"out is a dict of names and arrays, not {type(out).__name__}", remedy=remedy)
    if unknown := [name for name in out if name not in names]:
        raise ArgumentError(f"out: no gradient {', '.join(map(repr, unknown))}", given=", ".join(names), remedy=remedy)
    for name, array in out.items():
        if not isinstance(array, np.ndarray):
            given = f"{name} of type {type(array).__name__}"
            raise ArgumentError(f"out: {name} is no array", given=given, remedy=remedy)
        if not array.flags.writeable:
            raise ArgumentError(f"out: {name} cannot be written to", given=f"{name} is read-only", remedy=remedy)


def written(results: Mapping[str, Any], out: Mapping[str, Array]) -> dict[str, Any]:
    """The results, those that ``out`` names copied there; raises FeedError, before it copies any, for a misfit."""
    for name, array in out.items():
        result = results[name]
        if array.shape != result.shape:
            raise FeedError(
                f"out: {name} has shape {shape_text(result.shape)}, not {shape_text(array.shape)}",
                given=f"{name} {array.shape}",
                remedy=f"an array of shape {shape_text(result.shape)} for {name}",
            )
        if not np.can_cast(result.dtype, array.dtype, "same_kind"):
            raise FeedError(
                f"out: {name} is {result.dtype}, which {array.dtype} cannot hold",
                given=f"{name} {array.dtype}",
                remedy=f"an array of {result.dtype} for {name}",
            )
    for name, array in out.items():
        np.copyto(array, results[name], casting="same_kind")
    return {name: out.get(name, result) for name, result in results.items()}
