"""Which functions of this package have loops written out by hand, and for which operands these stand in their place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any, Final, TypeAlias

import numpy as np

from chainrule.plan.lifetimes import is_known
from chainrule.plan.loop.ready_loop import ReadyLoop
from chainrule.program.builder import Builder
from chainrule.program.program import Program, rewrite
from chainrule.program.step import Ref, Step
from chainrule.symbols import elementary, standardizing, windows

Found: TypeAlias = tuple[ReadyLoop, tuple[Any, ...]]
Ready: TypeAlias = Callable[[Step, Sequence[Step]], Found | None]
"""The loop in the place of a step, and its operands, from the step and those that it reads; None where none fits."""
_KINDS: Final = (np.dtype(np.float32), np.dtype(np.float64))
_LONG_ROW: Final = 8  # entries of a row that is added up; NumPy adds single numbers as fast
_LARGEST_WINDOW: Final = 16  # pixels; each is written out
_COLUMNS: Final = 16  # side by side, from which on they are computed at once


def with_ready_loops(program: Program) -> Program:
    """The program, for known sizes, with loops in the place of all functions that have one."""

    def change(builder: Builder, step: Step, _: int) -> Ref:
        sources = [builder.steps[source] for source in step.refs]
        if step.operation not in _LOOPS or step.dtype not in _KINDS or not all(map(_is_full, (step, *sources))):
            return builder.append(step)
        found = _LOOPS[step.operation](step, sources)
        if found is None:
            return builder.append(step)
        loop, operands = found
        return builder.append(replace(step, operation=loop, operands=operands, options={}))

    return rewrite(program, change)


def texts_of(program: Program) -> list[str]:
    """The files of the loops of a program, each once."""
    loops = [step.operation for step in program.steps if isinstance(step.operation, ReadyLoop)]
    return list(dict.fromkeys(loop.text for loop in loops))


def _is_full(step: Step) -> bool:
    """Whether a step has at least one entry, and it is known how many."""
    return step.shape is not None and is_known(step.shape) and 0 not in step.shape


# --- along an axis -----------------------------------------------------------------------------------------------


def _along_an_axis(file: str, options: Callable[..., Any] = tuple, of_columns: bool = False) -> Ready:
    """A loop of rows that reads arrays of one shape and dtype.

    It is handed what ``options`` makes of all but the axis; where that is None, the loop is not for them.
    """

    def found(step: Step, sources: Sequence[Step]) -> Found | None:
        alike = all(x.shape == sources[0].shape and x.dtype == step.dtype for x in sources)
        if not alike or len(sources) < len(step.operands):
            return None
        facts = {key: value for key, value in step.options.items() if key not in {"axis", "keepdims"}}
        numbers = options(**facts)
        if numbers is None:
            return None
        shape: Any = sources[0].shape
        name, order, sizes = _layout(shape, step.options.get("axis"), of_columns)
        function: Any = step.operation
        loop = ReadyLoop(
            function.__name__ + name, file, step.shape, step.dtype, partial(function, **step.options),  # type: ignore[arg-type]  # it is known
            (*sizes, *numbers), prod(shape) // sizes[0], prod(shape), order,
        )  # fmt: skip
        return loop, step.operands

    return found


def _layout(shape: Sequence[int], axis: Any, of_columns: bool) -> tuple[str, tuple[int, ...] | None, tuple[int, ...]]:
    """How a loop reads an array: the end of its name, the order of the axes if it is another one, sizes to hand over.

    Rows that stand side by side are columns where there are enough of them; else they are laid out in one piece.
    """
    ndim = len(shape)
    axes = range(ndim) if axis is None else sorted(np.lib.array_utils.normalize_axis_tuple(axis, ndim))
    n, inner = prod(shape[k] for k in axes), prod(shape[axes[-1] + 1 :]) if axes else 1
    in_a_row = len(axes) > 0 and axes[-1] - axes[0] + 1 == len(axes)
    if in_a_row and inner == 1:
        return "", None, (n,)
    if in_a_row and of_columns and inner >= _COLUMNS:
        return "_of_columns", None, (n, inner)
    return "", (*(k for k in range(ndim) if k not in axes), *axes), (n,)


def _spread(
    epsilon: float = standardizing.EPSILON, *, center: bool = True, groups: int | None = None
) -> tuple[float, bool] | None:
    """What a loop of rows is handed of the options of standardizing; channels in groups are left to NumPy."""
    return (float(epsilon), bool(center)) if groups is None else None


# --- rows of a table ------------------------------------------------------------------------------------------------


def _put(step: Step, sources: Sequence[Step]) -> Found | None:
    """The loop for rows added up at whole numbers: those of one array, behind axes that are there as a whole."""
    grad, key, _ = step.operands
    *before, ids = key if isinstance(key, tuple) else (key,)
    shape: Any = step.shape
    k = len(before)
    inner = prod(shape[k + 1 :])
    if inner < _LONG_ROW or len(sources) != 3 or not isinstance(ids, Ref) or any(x != slice(None) for x in before):
        return None
    places = sources[1]
    fits = sources[0].shape == (*shape[:k], *(places.shape or ()), *shape[k + 1 :]) and sources[0].dtype == step.dtype
    if not fits or places.dtype.kind not in "iu" or not np.can_cast(places.dtype, np.int64):
        return None

    def instead(grad: Any, ids: Any) -> Any:
        return elementary.put(grad, (*before, ids), np.empty(shape, step.dtype))

    return ReadyLoop("put", "sums_of_rows", shape, step.dtype, instead, (shape[k], inner)), (grad, ids)


# --- windows ---------------------------------------------------------------------------------------------------------


def _pooled(step: Step, sources: Sequence[Step]) -> Found | None:
    """The loop for small windows that have no pixel in common and lie inside of an image."""
    if len(sources) < len(step.operands) or any(x.dtype != step.dtype for x in sources):
        return None
    size = windows.pair(step.options.get("size", 2))
    stride = size if step.options.get("stride") is None else windows.pair(step.options["stride"])
    overlap = any(one > moved for one, moved in zip(size, stride, strict=True))
    if overlap or windows.pair(step.options.get("padding", 0)) != (0, 0) or prod(size) > _LARGEST_WINDOW:
        return None
    shape: Any = sources[-1].shape
    made: Any = step.shape
    pooled: Any = sources[0].shape if len(sources) > 1 else made
    function: Any = step.operation
    loop = ReadyLoop(
        function.__name__, "pools", step.shape, step.dtype, partial(function, **step.options),  # type: ignore[arg-type]  # it is known
        (*shape[2:], *pooled[2:]), prod(shape[:2]), prod(made), facts=(*size, *stride),
    )  # fmt: skip
    return loop, step.operands


_LOOPS: Final[dict[Any, Ready]] = {
    elementary.softmax: _along_an_axis("shares", of_columns=True),
    elementary.log_softmax: _along_an_axis("shares", of_columns=True),
    elementary.softmax_rest: _along_an_axis("shares"),
    elementary.logsumexp: _along_an_axis("shares"),
    standardizing.standardized: _along_an_axis("spreads", _spread),
    standardizing.standardized_backward: _along_an_axis("spreads", _spread),
    elementary.put: _put,
    windows.max_pool: _pooled,
    windows.max_pool_backward: _pooled,
}
