"""Columns: which steps of a program treat every column of the batch alone, which add columns up, what forbids to split.

Two columns of the batch do not meet until a sum over them. So a program falls into three parts: *before* has nothing to
do with columns, *block* can be computed for some columns at a time, and *after* needs the sums over all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, final

import numpy as np

from chainrule import elementary
from chainrule.dimensions import Dimension, Shape, names_in, shape_text
from chainrule.program import Program, Ref, Step, map_refs, step_text
from chainrule.shapes import normal_axes
from chainrule.symbol import index

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


_ALONG_AXIS: Final = frozenset(
    (elementary.softmax, elementary.log_softmax, elementary.softmax_rest, elementary.logsumexp, np.max, np.min, np.mean,
     np.prod, np.any, np.all, np.argmax, np.argmin, np.cumsum, np.var, np.std)
)  # fmt: skip
_ENTRYWISE: Final = frozenset(
    (np.where, np.clip, np.astype, np.copy, np.zeros_like, np.ones_like, elementary.sigmoid, elementary.sigmoid_slope,
     elementary.tanh_slope, elementary.softplus, elementary.normal_cdf, elementary.xlogy, elementary.xlog1m,
     elementary.ratio, elementary.power_slope)
)  # fmt: skip
_MOVES: Final = frozenset((np.transpose, np.swapaxes, np.expand_dims, np.squeeze, np.reshape, np.broadcast_to, index))


def column_name(program: Program) -> str | None:
    """The name of the number of columns: that of the last axis of a feed."""
    for step in program.steps:
        if step.is_feed and step.shape and isinstance(step.shape[-1], Dimension):
            return str(step.shape[-1]) if str(step.shape[-1]).isidentifier() else None
    return None


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
    if late and axis is None and not any(role.kind == "columns" for role in sources):
        return Role("after")
    if late:
        raise Unsplittable(f"{_label(step, k)} needs a sum over all columns before it goes on with each of them")
    if not any(role.kind == "columns" for role in sources):
        return Role("before" if axis is None else "columns", axis)
    if step.shape is None:
        raise Unsplittable(f"{_label(step, k)} is a rule that is called as it is, and may let columns meet")
    return Role("columns", axis) if _is_by_column(steps, step, found, axis) else _sum_role(steps, step, found, k)


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


def _column_axes(step: Step, found: Sequence[Role]) -> list[int | None]:
    """For every operand, the axis of its columns; None where it has none."""
    return [found[o.step].axis if isinstance(o, Ref) else None for o in step.operands]


def _is_by_column(steps: Sequence[Step], step: Step, found: Sequence[Role], axis: int | None) -> bool:
    """Whether every column of the result comes from the same column of the operands."""
    if axis is None:
        return False
    axes, operation = _column_axes(step, found), step.operation
    shapes = [steps[o.step].shape or () if isinstance(o, Ref) else _literal_shape(o) for o in step.operands]
    if operation is np.matmul:
        return _product_by_column(axes, shapes, axis, step.shape or ())
    if isinstance(operation, np.ufunc) or operation in _ENTRYWISE:
        here = [a - len(s) for a, s in zip(axes, shapes, strict=True) if a is not None]
        return all(a == axis - len(step.shape or ()) for a in here)
    if operation in _MOVES:
        return _moved_by_column(step, axes[0], shapes[0], axis)
    return _reduced_or_joined_by_column(steps, step, found, axis)


def _literal_shape(operand: Any) -> Shape:
    return () if isinstance(operand, (tuple, slice, Dimension)) else np.shape(operand)


def _reduced_or_joined_by_column(steps: Sequence[Step], step: Step, found: Sequence[Role], axis: int) -> bool:
    axes = _column_axes(step, found)
    if step.operation in _ALONG_AXIS or step.operation is np.sum:
        return axes[0] is not None and axes[0] not in _summed(step, len(steps[step.refs[0]].shape or ()))
    if step.operation is np.concatenate:
        return _laid_by_column(steps, step, found, axis)
    return step.operation is np.take and axes[0] is None and axes[1] is not None


def _product_by_column(axes: Sequence[int | None], shapes: Sequence[Any], axis: int, shape: Shape) -> bool:
    """W @ A has the columns of A, A.T @ W the rows of A.T; in a stack of matrices, columns may be the stack."""
    (x, y), (left, right) = axes, map(len, shapes)
    if x is None:
        return y is not None and right > 1 and y != right - 2
    if y is None:
        return x != left - 1
    return bool(x - left == y - right == axis - len(shape) and x < left - 2)


def _moved_by_column(step: Step, source: int | None, shape: Shape, axis: int) -> bool:
    if source is None:
        return step.operation is np.broadcast_to
    if step.operation is np.reshape:
        new = step.shape or ()
        return bool(_size(shape[:source]) == _size(new[:axis]))
    if step.operation is not index:
        return True
    return _whole_axis_in_key(step.operands[1], source, len(shape))


def _whole_axis_in_key(key: Any, axis: int, ndim: int) -> bool:
    """Whether an index leaves an axis as it is: nothing but numbers and slices, and there the slice of everything."""
    parts = list(key) if isinstance(key, tuple) else [key]
    if not all(part is None or part is Ellipsis or isinstance(part, (int, np.integer, slice)) for part in parts):
        return False
    used = sum(part is not None and part is not Ellipsis for part in parts)
    place = next((k for k, part in enumerate(parts) if part is Ellipsis), len(parts))
    full = [*parts[:place], *[slice(None)] * (ndim - used), *parts[place + 1 :]]
    return bool([part for part in full if part is not None][axis] == slice(None))


def _size(shape: Shape) -> Any:
    size: Any = 1
    for factor in shape:
        size = size * factor
    return size


def _laid_by_column(steps: Sequence[Step], step: Step, found: Sequence[Role], axis: int) -> bool:
    along = step.options.get("axis", 0) % len(step.shape or (0,))
    return along != axis and all(found[source].axis == axis for source in step.refs)


def _sum_role(steps: Sequence[Step], step: Step, found: Sequence[Role], k: int) -> Role:
    """A sum over the columns: np.sum, a matrix product over them, or entries added where columns name them."""
    axes = _column_axes(step, found)
    if step.shape is not None and not any(isinstance(size, Dimension) for size in step.shape):
        if step.operation is np.sum and axes[0] in _summed(step, len(steps[step.refs[0]].shape or ())):
            return Role("sum")
        if step.operation is np.matmul and all(axis is not None for axis in axes):
            left, right = (len(steps[source].shape or ()) for source in step.refs)
            if axes[0] == left - 1 and axes[1] == max(right - 2, 0):
                return Role("sum")
        if (
            step.operation is elementary.put
            and axes[0] is not None
            and axes[2] is None
            and _key_has_columns(step, found)
        ):
            return Role("sum")
    raise Unsplittable(f"{_label(step, k)} lets columns meet")


def _summed(step: Step, ndim: int) -> tuple[int, ...]:
    axis = step.options.get("axis")
    return tuple(range(ndim)) if axis is None else normal_axes(axis, ndim)


def _key_has_columns(step: Step, found: Sequence[Role]) -> bool:
    keys: list[Role] = []
    map_refs(step.operands[1], lambda ref: keys.append(found[ref.step]))
    return len(keys) == 1 and keys[0].axis == 0


# --- cutting -----------------------------------------------------------------------------------------------------


def split(program: Program) -> Split:
    """The three parts of a program; raises Unsplittable, saying why there are none."""
    name = column_name(program)
    if name is None:
        raise Unsplittable("no feed has a named number of columns")
    part = roles(program, name)
    kinds: dict[str, set[str]] = {"before": {"before"}, "block": {"columns", "sum"}, "after": {"after"}}
    needed = set(program.ends)
    after, wanted_by_after = _part(program, part, kinds["after"], needed)
    block, wanted_by_block = _part(program, part, kinds["block"], needed | wanted_by_after)
    before, _ = _part(program, part, kinds["before"], needed | wanted_by_after | wanted_by_block)
    by_name = {handed_name(program, k): part[k].axis for k in range(len(program.steps))}
    sliced = {feed: axis for feed in block.feeds if (axis := by_name[feed]) is not None}
    joined = {value: axis for value in block.values if (axis := by_name[value]) is not None}
    return Split(name, before, block, after, sliced, joined)


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
