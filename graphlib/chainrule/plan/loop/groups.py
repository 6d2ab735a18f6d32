"""Groups: functions of single entries of arrays of one shape, brought beside each other so that one loop computes them.

A group is held back until something else reads one of its values, and takes in whatever can be computed by then. So
between two matrix products there is one loop for each shape, which reads every operand once and writes what is read
after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Final, final

import numpy as np

from chainrule.plan.early_sums import added_early
from chainrule.plan.lifetimes import is_known, read_after, read_before, readers
from chainrule.plan.loop.scalars import function_of
from chainrule.program.program import Program, reordered
from chainrule.program.step import Ref, Step

# Steps of one loop; that of a cell of an LSTM has 28. Nothing but entries through time is cut into such loops.
_LONGEST: Final = 48


@final
@dataclass(frozen=True)
class Group:
    """Steps that follow one another, for single entries of one shape."""

    steps: range
    kept: tuple[int, ...]
    """The steps whose values are read after the group."""
    leaves: tuple[int, ...]
    """What they read from before."""


def grouped(program: Program) -> tuple[Program, list[Group]]:
    """The program, for known sizes, with the steps of each group beside each other, and the groups."""
    order, members = _Ordering(program).made()
    program = reordered(program, order)
    read_by, ends = readers(program), set(program.ends)
    return program, [Group(s, read_after(s, ends, read_by), read_before(program, s)) for s in members]


@final
class _Ordering:
    """An order of all steps in the making: those that are placed, and the groups that are still open.

    No open group reads another: what reads a group of another shape closes it.
    """

    def __init__(self, program: Program) -> None:
        self.steps, self.early = program.steps, added_early(program)
        self.order: list[int] = []
        self.closed: list[range] = []
        self.open: dict[int, list[int]] = {}
        """The members of each open group, by its number."""
        self.group_of: dict[int, int] = {}

    def made(self) -> tuple[list[int], list[range]]:
        """The order, and where in it the groups are."""
        for k, step in enumerate(self.steps):
            read = {self.group_of[s] for s in step.refs if self.group_of.get(s) in self.open}
            if is_fusable(self.steps, step) and not self.early[k]:
                self._join(k, step, read)
            else:
                self._close(read)
                self.order.append(k)
        self._close(set(self.open))
        return self.order, self.closed

    def _join(self, k: int, step: Step, read: set[int]) -> None:
        mates = {group for group in read if self.steps[self.open[group][0]].shape == step.shape}
        if sum(len(self.open[group]) for group in mates) >= _LONGEST:
            mates = set()
        self._close(read - mates)
        members = [k, *(member for group in mates for member in self.open.pop(group))]
        self.open[k] = members
        self.group_of.update(dict.fromkeys(members, k))

    def _close(self, groups: set[int]) -> None:
        for group in sorted(groups):
            members = sorted(self.open.pop(group))
            self.closed.append(range(len(self.order), len(self.order) + len(members)))
            self.order.extend(members)


def is_fusable(steps: Sequence[Step], step: Step) -> bool:
    """Whether a step computes every entry of an array from the entries of floating and boolean arrays."""
    if function_of(step) is None or not step.shape or not is_known(step.shape):
        return False
    kinds = {steps[source].dtype for source in step.refs}
    floating = {dtype for dtype in kinds if dtype.kind == "f"}
    numbers = all(isinstance(operand, (Ref, int, float, np.number)) for operand in step.operands)
    typed = step.dtype.kind == "b" or step.dtype in floating
    return numbers and typed and len(floating) == 1 and all(dtype.kind in "fb" for dtype in kinds)


def entries(step: Step) -> int:
    """How many entries the value of a step of known sizes has."""
    return prod(step.shape or ())  # type: ignore[arg-type]  # all known
