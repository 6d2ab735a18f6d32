"""Functions of single entries of large arrays, some rows at a time, so that what lies between stays in the cache.

An update such as Adam's takes 14 calls of NumPy for a parameter, each of which goes over all of its memory. Row by row
they are the same calls on the same entries, so that every bit of the results is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Final, final

import numpy as np

from chainrule.plan.early_sums import added_early
from chainrule.plan.lifetimes import is_known, read_after, read_before, readers
from chainrule.program.program import Program, reordered
from chainrule.program.step import Ref, Step

_SMALLEST: Final = 1 << 19  # bytes of an array; smaller ones stay in the cache as they are
_BLOCK: Final = 96 << 10  # bytes: with a third of them a step is a tenth slower, with four times as many a twentieth
_LONGEST_ROW: Final = _BLOCK  # bytes
_FEWEST: Final = 4  # steps; what a shorter block saves is lost with the slices

# Rounded as exact results are, wherever an entry stands. NumPy's exponentials and maxima of zeros need not be.
_EXACT: Final = frozenset(
    (
        np.add, np.subtract, np.multiply, np.divide, np.sqrt, np.square, np.negative, np.absolute, np.reciprocal,
        np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
    )
)  # fmt: skip


@final
@dataclass(frozen=True)
class RowBlocks:
    """Steps that follow one another and take some rows at a time, all of one shape."""

    steps: range
    rows: int
    height: int
    """How many rows are taken at a time."""
    kept: tuple[int, ...]
    """The steps whose values are needed afterwards."""
    sliced: tuple[int, ...]
    """The steps before them of which they read the same rows."""

    @property
    def slices_text(self) -> str:
        """The slices as Python; the last ones may have rows in common, which are computed twice."""
        last = self.rows - self.height
        starts = f"range(0, {self.rows}, {self.height})"
        starts = starts if self.rows % self.height == 0 else f"(*range(0, {last}, {self.height}), {last})"
        return f"[slice(k, k + {self.height}) for k in {starts}]"

    def step(self, step: Step) -> Step:
        """A step of them as it is for so many rows."""
        return replace(step, shape=(self.height, *(step.shape or ())[1:]))


def in_row_blocks(program: Program) -> tuple[Program, dict[int, RowBlocks]]:
    """The program with such steps beside each other, and the blocks that they make, by the number of the first step."""
    order, groups = _order(program)
    if not groups:
        return program, {}
    program = reordered(program, order)
    ends, read_by = set(program.ends), readers(program)
    return program, {steps.start: _block(program, steps, read_after(steps, ends, read_by)) for steps in groups}


def _block(program: Program, steps: range, kept: tuple[int, ...]) -> RowBlocks:
    shape: Any = program.steps[steps.start].shape
    height = max(1, _BLOCK // (prod(shape[1:]) * program.steps[steps.start].dtype.itemsize))
    sliced = tuple(k for k in read_before(program, steps) if _has_rows(program.steps[k].shape or (), shape))
    return RowBlocks(steps, shape[0], min(height, shape[0]), kept, sliced)


def _has_rows(own: Sequence[Any], shape: Sequence[Any]) -> bool:
    """Whether an operand of its own shape has the rows of the result; else it is stretched to each of them."""
    return len(own) == len(shape) and own[0] == shape[0]


def _order(program: Program) -> tuple[list[int], list[range]]:
    """An order of all steps, and where in it the blocks are.

    A block waits for its steps until something reads one of them; whatever else comes meanwhile stands before it.
    """
    order: list[int] = []
    groups: list[range] = []
    members: list[int] = []

    def close() -> None:
        if len(members) >= _FEWEST:
            groups.append(range(len(order), len(order) + len(members)))
        order.extend(members)
        members.clear()

    early = added_early(program)
    for k, step in enumerate(program.steps):
        fits = not early[k] and _is_blockable(program, step)
        if (
            members
            and not (fits and step.shape == program.steps[members[0]].shape)
            and (fits or not set(step.refs).isdisjoint(members))
        ):
            close()
        (members if fits else order).append(k)
    close()
    return order, groups


def _is_blockable(program: Program, step: Step) -> bool:
    """Whether a step computes each entry of a large array of several rows by one exact function."""
    if step.operation not in _EXACT or step.shape is None or len(step.shape) < 2 or not is_known(step.shape):
        return False
    kinds = [program.steps[source].dtype for source in step.refs]
    known = all(isinstance(x, (Ref, int, float, np.number)) for x in step.operands)
    row = prod(step.shape[1:]) * step.dtype.itemsize
    large = row * step.shape[0] >= _SMALLEST and 0 < row <= _LONGEST_ROW
    return bool(large and known and step.dtype.kind == "f" and all(kind.kind == "f" for kind in kinds))
