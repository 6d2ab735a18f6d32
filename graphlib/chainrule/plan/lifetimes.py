"""Lifetimes: whose memory a value of a program lies in, and which step is the last to read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import prod
from typing import Any, Final

import numpy as np

from chainrule.plan.loop.ready_loop import ReadyLoop
from chainrule.program.calls import is_call, pick
from chainrule.program.program import Program
from chainrule.program.step import Ref, Step
from chainrule.symbols.operations import index, kind, operation

_MAY_COPY: Final = frozenset((np.reshape, np.ravel, np.diag, index, pick))  # views for some operands only


def may_copy(function: Any) -> bool:
    """Whether a function makes a view of some operands and copies others."""
    return function in _MAY_COPY


def makes_view(function: Any) -> bool:
    """Whether what a function returns may lie in the memory of its first operand."""
    return function in _MAY_COPY or kind(function) == "view"


def is_view(step: Step) -> bool:
    """Whether the result may lie in the memory of the first operand."""
    return makes_view(step.operation) and isinstance(step.operands[0], Ref)


def owners(program: Program) -> list[int]:
    """By step, the step whose memory its value lies in: itself, or what it is a view of."""
    owner: list[int] = []
    for k, step in enumerate(program.steps):
        owner.append(owner[step.refs[0]] if step.refs and makes_view(step.operation) else k)
    return owner


def last_uses(program: Program, owner: list[int]) -> dict[int, int]:
    """By the step that owns the memory: the last step that reads it, itself or through a view."""
    last: dict[int, int] = {}
    for k, step in enumerate(program.steps):
        for source in step.refs:
            last[owner[source]] = k
    called = [source for step in program.steps if is_call(step.operation) for source in step.refs]
    for k in (*program.ends, *called):  # what a rule returns may be what it was given
        last[owner[k]] = len(program.steps)
    return last


def readers(program: Program) -> list[set[int]]:
    """By step, the steps that read its value."""
    found: list[set[int]] = [set() for _ in program.steps]
    for k, step in enumerate(program.steps):
        for source in step.refs:
            found[source].add(k)
    return found


def read_before(program: Program, steps: range) -> tuple[int, ...]:
    """The steps before some that follow one another whose values these read."""
    return tuple(sorted({source for k in steps for source in program.steps[k].refs if source not in steps}))


def read_after(steps: range, ends: set[int], read_by: Sequence[set[int]]) -> tuple[int, ...]:
    """Those of some steps that follow one another whose values are read behind them, or are results."""
    return tuple(k for k in steps if k in ends or any(reader not in steps for reader in read_by[k]))


def is_known(shape: Sequence[Any] | None) -> bool:
    """Whether every size of a shape is a number."""
    return shape is not None and all(isinstance(size, int) for size in shape)


def is_entry_by_entry(step: Step) -> bool:
    """Whether a function computes each entry by itself, so that it may write where an operand lies."""
    return isinstance(step.operation, np.ufunc) and step.operation is not np.matmul


def takes_out(step: Step) -> bool:
    """Whether NumPy writes the result where it is told, so that it can be a buffer."""
    known = bool(step.shape) and is_known(step.shape)
    writes = isinstance(step.operation, (np.ufunc, ReadyLoop)) or step.operation is np.concatenate
    return known and (writes or joined_by(step) is not None)


def joined_by(step: Step) -> np.ufunc | None:
    """The ufunc of which a step is the reduction in floats."""
    row = operation(step.operation)
    return None if row is None or step.dtype.kind != "f" else row.joins


def size_in_bytes(step: Step) -> int:
    """What the value of a step of known sizes takes; 0 where they are not known."""
    return prod(step.shape or ()) * step.dtype.itemsize if is_known(step.shape) else 0


def alive(program: Program) -> list[int]:
    """By step of a program of known sizes, the bytes between feeds and results that are in use while it is computed.

    A function of single entries may write where an operand lies that nobody reads any more.
    """
    owner = owners(program)
    last, ends = last_uses(program, owner), {owner[k] for k in program.ends}
    size = [size_in_bytes(step) if owner[k] == k and k not in ends else 0 for k, step in enumerate(program.steps)]
    found, now = [0] * len(program.steps), 0
    for k, step in enumerate(program.steps):
        over = [root for root in dict.fromkeys(owner[source] for source in step.refs) if last[root] == k]
        freed = sum(size[root] for root in over if program.steps[root].operation is not None)
        own = 0 if step.operation is None else size[k]
        shared = own if is_entry_by_entry(step) and any(size[root] == own for root in over) else 0
        found[k] = now + own - shared
        now += own - freed - (own if k not in last else 0)
    return found


def room(program: Program) -> int:
    """The bytes between feeds and results that a printed function takes: all its buffers, and what else is in use.

    A buffer is used again for what has the same size, so there are more of them than ``alive`` says.
    """
    owner = owners(program)
    last, ends = last_uses(program, owner), {owner[k] for k in program.ends}
    own = [owner[k] == k and k not in ends and step.operation is not None for k, step in enumerate(program.steps)]
    free = Counter[Any]()
    buffers = others = most = 0
    for k, step in enumerate(program.steps):
        over = [root for root in dict.fromkeys(owner[source] for source in step.refs) if last[root] == k and own[root]]
        if not own[k]:
            pass
        elif not takes_out(step):
            others += size_in_bytes(step)
            most = max(most, others)
        elif (taken := _written_over(program, k, over)) is not None:
            over.remove(taken)
        elif free[key := _kind_of_buffer(step)]:
            free[key] -= 1
        else:
            buffers += size_in_bytes(step)
        for root in over:
            if takes_out(program.steps[root]):
                free[_kind_of_buffer(program.steps[root])] += 1
            else:
                others -= size_in_bytes(program.steps[root])
    return buffers + most


def _kind_of_buffer(step: Step) -> Any:
    return prod(step.shape or ()), step.dtype


def _written_over(program: Program, k: int, over: list[int]) -> int | None:
    """The operand whose buffer a function of single entries takes over, of those that nobody reads any more."""
    step = program.steps[k]
    if not is_entry_by_entry(step):
        return None
    same = (root for root in over if root in step.refs and takes_out(program.steps[root]))
    return next((r for r in same if (program.steps[r].shape, program.steps[r].dtype) == (step.shape, step.dtype)), None)
