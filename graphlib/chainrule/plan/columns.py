"""Columns: which steps of a program treat every column of the batch alone, which add columns up, what forbids to split.

A column here is one example, on whichever axis: where examples are rows, a block is one of rows.

Two columns of the batch do not meet until a sum over them. So a program falls into three parts: *before* has nothing to
do with columns, *block* can be computed for some columns at a time, and *after* needs the sums over all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Final, Literal, TypeAlias, final

import numpy as np

from chainrule.plan.added_up import adds_alike
from chainrule.program.calls import Call
from chainrule.program.program import Program
from chainrule.program.step import Ref, Step, map_refs, step_text
from chainrule.symbols import elementary, windows
from chainrule.symbols.dimensions import Dimension, Shape, names_in, shape_text
from chainrule.symbols.operations import index, kind
from chainrule.symbols.shapes import normal_axes

Kind: TypeAlias = Literal["before", "columns", "sum", "after"]


@final
@dataclass(frozen=True)
class Split:
    """A program in three parts, each a program; ``block`` takes columns, its results are sums or columns."""

    name: str
    """The name of the number of columns."""
    before: Program
    block: Program
    after: Program
    sliced: dict[str, int]
    """The axis along which each feed of ``block`` that has columns is cut."""
    joined: dict[str, int]
    """The axis along which each result of ``block`` that has columns is laid end to end; the others are added."""


@final
class Unsplittable(Exception):  # noqa: N818 — it says what a program is; such a program runs whole
    """Why a program cannot be computed in blocks of columns."""


@final
@dataclass(frozen=True)
class Role:
    """What a step is to the columns; ``axis`` counts them where it has any."""

    kind: Kind
    axis: int | None = None


# What lays columns side by side again: where one axis of the result counts columns, it does so once.
_LAYS_AS_THEY_WERE: Final = frozenset((np.copy, np.tile, np.repeat))
_BY_IMAGE: Final = frozenset(  # every image alone; they stand along the first axis
    (
        windows.conv2d, windows.conv2d_backward_image, windows.max_pool, windows.max_pool_backward,
        windows.max_pool_picked, windows.average_pool, windows.average_pool_backward,
    )
)  # fmt: skip
_SAME_ORDER: Final = frozenset((np.reshape, np.ravel))  # views that keep the order of entries in place of the axes


def column_name(program: Program) -> str | None:
    """The name of the number of columns: that of the last axis of a feed, else of another, where columns are rows.

    Any name would do: whether its columns meet is looked at step by step.
    """
    shapes = [step.shape for step in program.steps if step.is_feed and step.shape]
    last = [shape[-1] for shape in shapes]
    others = [size for shape in shapes for size in shape[:-1]]
    name = next((str(size) for size in (*last, *others) if isinstance(size, Dimension)), "")
    return name if name.isidentifier() else None


def roles(program: Program, name: str) -> list[Role]:
    """The role of every step; raises Unsplittable, saying why, where columns meet before a sum over them."""
    found: list[Role] = []
    for k, step in enumerate(program.steps):
        found.append(_role(program.steps, step, found, name, k))
    return found


def _role(steps: Sequence[Step], step: Step, found: Sequence[Role], name: str, k: int) -> Role:
    sources = [found[source] for source in step.refs]
    axis = _axis_of(step, name, k)
    late = [role for role in sources if role.kind in ("sum", "after")]
    if axis is not None and step.operation in (np.arange, np.eye):
        raise Unsplittable(f"{_label(step, k)} counts the columns from the first of all")
    if late and axis is None and not any(role.kind == "columns" for role in sources):
        return Role("after")
    if late:
        raise Unsplittable(f"{_label(step, k)} needs a sum over all columns before it goes on with each of them")
    if axis is not None and isinstance(step.operation, Call) and not any(role.kind == "columns" for role in sources):
        raise Unsplittable(f"{_label(step, k)} makes columns where there are none")
    if not any(role.kind == "columns" for role in sources):
        return Role("before" if axis is None else "columns", axis)
    if step.shape is None or isinstance(step.operation, Call):
        raise Unsplittable(f"{_label(step, k)} is a rule that is called as it is, and may let columns meet")
    if axis is not None and _is_by_column(steps, step, found, axis):
        return Role("columns", axis)
    return _sum_role(step, k, found)


def _label(step: Step, k: int) -> str:
    return step_text(step) if step.name else f"step %{k}, {step_text(step)},"


def _axis_of(step: Step, name: str, k: int) -> int | None:
    """The one axis that counts the columns."""
    axes = [axis for axis, size in enumerate(step.shape or ()) if name in names_in((size,))]
    if not axes:
        return None
    if len(axes) > 1 or str(step.shape[axes[0]]) != name:  # type: ignore[index]  # it has axes
        raise Unsplittable(f"{_label(step, k)} has shape {shape_text(step.shape)}, in which columns meet")
    return axes[0]


def _is_by_column(steps: Sequence[Step], step: Step, found: Sequence[Role], axis: int) -> bool:
    """Whether every column of the result, of which some operand has columns, comes from the same column of operands.

    No value has two axes of columns. So where a result has one, it is that of the operands, unless the operation
    itself mixes along it or lays it elsewhere.
    """
    operation, first = step.operation, step.operands[0]
    if kind(operation) in ("entrywise", "creation") or operation is np.matmul:  # a product adds columns, or keeps them
        return True
    if operation is np.concatenate:
        return bool(step.options.get("axis", 0) % len(step.shape or ()) != axis)
    if operation in _BY_IMAGE:
        return axis == 0 and _on_axis_0(step, found)
    if operation is elementary.put:
        return _whole_axis_in_key(step.operands[1], axis, len(step.shape or ()))
    source = found[first.step].axis if isinstance(first, Ref) else None
    if source is None:
        return operation is np.take  # the columns are those of the places
    return _keeps_columns(step, steps[first.step].shape or (), source, axis)


def _keeps_columns(step: Step, shape: Shape, source: int, axis: int) -> bool:
    """Whether a function of one value of this shape leaves its columns, on axis ``source``, alone."""
    if kind(step.operation) == "axis":
        return source not in _summed(step, len(shape))
    if step.operation in _SAME_ORDER:
        return bool(prod(shape[:source]) == prod((step.shape or ())[:axis]))
    if step.operation is index:
        return _whole_axis_in_key(step.operands[1], source, len(shape))
    return kind(step.operation) == "view" or step.operation in _LAYS_AS_THEY_WERE


def _whole_axis_in_key(key: Any, axis: int, ndim: int) -> bool:
    """Whether an index leaves an axis as it is: nothing but numbers and slices, and there the slice of everything."""
    parts = list(key) if isinstance(key, tuple) else [key]
    if not all(part is None or part is Ellipsis or isinstance(part, (int, np.integer, slice)) for part in parts):
        return False
    used = sum(part is not None and part is not Ellipsis for part in parts)
    place = next((k for k, part in enumerate(parts) if part is Ellipsis), len(parts))
    full = [*parts[:place], *[slice(None)] * (ndim - used), *parts[place + 1 :]]
    return bool([part for part in full if part is not None][axis] == slice(None))


def _summed(step: Step, ndim: int) -> tuple[int, ...]:
    axis = step.options.get("axis")
    return tuple(range(ndim)) if axis is None else normal_axes(axis, ndim)


# Linear in all that has columns: the result for all columns is the sum of those for some of them.
_SUMS: Final = frozenset((np.sum, np.matmul, elementary.put, windows.conv2d_backward_kernel))


def _on_axis_0(step: Step, found: Sequence[Role]) -> bool:
    """Whether all operands that have columns have them on their first axis, as images have."""
    return all(found[source].axis in (0, None) for source in step.refs)


def _sum_role(step: Step, k: int, found: Sequence[Role]) -> Role:
    """A sum over the columns: np.sum, a matrix product over them, or entries added where columns name them.

    Where an operand has columns and the result has none, these have added them up. A sum of another named size is
    not handed from block to block.
    """
    in_place = step.operation is not windows.conv2d_backward_kernel or _on_axis_0(step, found)
    if step.operation in _SUMS and in_place and not names_in(step.shape or ()):
        return Role("sum")
    raise Unsplittable(f"{_label(step, k)} lets columns meet")


# --- cutting -----------------------------------------------------------------------------------------------------


def split(program: Program) -> Split:
    """The three parts of a program; raises Unsplittable, saying why there are none."""
    name = column_name(program)
    if name is None:
        raise Unsplittable("no feed has a named number of columns")
    part = _with_sums_of_sums(program, roles(program, name))
    kinds: dict[str, set[str]] = {"before": {"before"}, "block": {"columns", "sum"}, "after": {"after"}}
    needed = set(program.ends)
    after, wanted_by_after = _part(program, part, kinds["after"], needed)
    block, wanted_by_block = _part(program, part, kinds["block"], needed | wanted_by_after)
    before, _ = _part(program, part, kinds["before"], needed | wanted_by_after | wanted_by_block)
    by_name = {handed_name(program, k): part[k].axis for k in range(len(program.steps))}
    sliced = {feed: axis for feed in block.feeds if (axis := by_name[feed]) is not None}
    joined = {value: axis for value in block.values if (axis := by_name[value]) is not None}
    return Split(name, before, block, after, sliced, joined)


def _with_sums_of_sums(program: Program, part: Sequence[Role]) -> list[Role]:
    """The roles, but that each block adds its sums up itself where nothing else is done with them.

    A weight that is used at every step of time receives so many sums, and hands on one.
    """
    found = list(part)
    for k, step in enumerate(program.steps):
        if adds_alike(program, step) and all(found[source].kind == "sum" for source in step.refs):
            found[k] = Role("sum")
    return found


def handed_name(program: Program, k: int) -> str:
    """The name under which a value is handed from one part to the next."""
    step = program.steps[k]
    return step.name if step.name is not None else f"%{k}"


def _part(program: Program, part: Sequence[Role], kinds: set[str], wanted: set[int]) -> tuple[Program, set[int]]:
    """The steps of these kinds as a program of what it reads from outside, and the numbers of what that is."""
    inside = [role.kind in kinds and not program.steps[k].is_feed for k, role in enumerate(part)]
    read = {source for k, step in enumerate(program.steps) if inside[k] for source in step.refs}
    outside = {k for k in read if not inside[k] and not program.steps[k].is_constant}
    kept = [
        k
        for k in range(len(program.steps))
        if inside[k] or k in outside or (k in read and program.steps[k].is_constant)
    ]
    new = {k: place for place, k in enumerate(kept)}
    steps = []
    for k in kept:
        step = program.steps[k]
        if k in outside:
            steps.append(Step(None, shape=step.shape, dtype=step.dtype, name=handed_name(program, k)))
        else:
            steps.append(replace(step, operands=map_refs(step.operands, lambda ref: Ref(new[ref.step]))))
    values = {handed_name(program, k): new[k] for k in sorted(wanted) if inside[k]}
    return Program(tuple(steps), values, {}, tuple(values)), outside
