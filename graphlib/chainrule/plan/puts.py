"""Sums of values that are zero outside of a slice, laid side by side in place of being added up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from math import prod
from typing import Any, Final, NamedTuple, final

import numpy as np

from chainrule.plan.added_up import sums
from chainrule.plan.boxes import box_of
from chainrule.program.builder import Builder
from chainrule.program.program import Program, rewrite
from chainrule.program.step import Ref, Step
from chainrule.symbols import elementary
from chainrule.symbols.dimensions import Shape

_LARGEST_GAP: Final = 3  # times what is put: with more zeros beside it, there is nothing to save


@final
class _Part(NamedTuple):
    """A term that is zero but from ``start`` to ``stop`` along one axis."""

    start: int
    stop: int
    axis: int
    term: int
    """The place of the term in its sum."""


def sums_of_puts(program: Program) -> Program:
    """What slices of a value receive laid side by side, for known sizes, in place of an array each and their sum.

    Every entry stays what it was where there is nothing else to add, but that a zero may have another sign: 0 + -0.0
    is 0. What is added besides is added before. For the four gates of an LSTM of 32 × 64 it takes 2.3 µs, where four
    arrays of zeros and their sum took 26. What a single slice receives is laid beside zeros: 2.3 µs in place of 5.3.
    """
    terms_of = sums(program)
    found = {k: layers for k, terms in terms_of.items() if (layers := _side_by_side(program, terms))}
    taken = {terms_of[k][part.term] for k, layers in found.items() for layer in layers for part in layer}
    alone = {k: part for k in range(len(program)) if k not in taken and (part := _alone(program, k)) is not None}
    if not found and not alone:
        return program
    made: list[Ref] = []

    def change(builder: Builder, step: Step, k: int) -> Ref:
        if k in found:
            made.append(_added(builder, step, [made[term] for term in terms_of[k]], found[k]))
        elif k in alone:
            made.append(_laid(builder, step, [(alone[k], step.operands[0])]))
        else:
            made.append(builder.append(step))
        return made[k]

    return rewrite(program, change).without_dead_steps()


# --- which of them -----------------------------------------------------------------------------------------------


def _side_by_side(program: Program, terms: Sequence[int]) -> list[list[_Part]]:
    """The terms that do not meet along an axis, two or more at a time."""
    by_axis: defaultdict[int, list[_Part]] = defaultdict(list)
    for place, term in enumerate(terms):
        if (part := _part(program, term, place)) is not None:
            by_axis[part.axis].append(part)
    layers = [layer for parts in by_axis.values() for layer in _layers(parts)]
    return [layer for layer in layers if len(layer) > 1]


def _alone(program: Program, k: int) -> _Part | None:
    """Where a value is put that takes so much of an array that it is laid beside zeros."""
    part = _part(program, k, 0)
    if part is None:
        return None
    size: Any = program.steps[k].shape[part.axis]  # type: ignore[index]  # its shape is known
    return part if size - (part.stop - part.start) <= _LARGEST_GAP * (part.stop - part.start) else None


def _layers(parts: Iterable[_Part]) -> list[list[_Part]]:
    """As few rows of parts as there can be in which none meets another, each part where the first one ends."""
    layers: list[list[_Part]] = []
    ends: list[tuple[int, int]] = []
    for part in sorted(parts):
        if ends and ends[0][0] <= part.start:
            number = heappop(ends)[1]
            layers[number].append(part)
        else:
            number = len(layers)
            layers.append([part])
        heappush(ends, (part.stop, number))
    return layers


def _part(program: Program, term: int, place: int) -> _Part | None:
    """Where a term that is put at a slice along one axis is not zero."""
    step = program.steps[term]
    if step.operation is not elementary.put or not isinstance(step.operands[0], Ref) or not step.shape:
        return None
    grad, box = program.steps[step.operands[0].step], box_of(step.operands[1], step.shape)
    if box is None or grad.shape is None or grad.dtype != step.dtype:
        return None
    if prod(stop - start for start, stop in box) != prod(grad.shape) or prod(step.shape) == 0:
        return None  # it is stretched there
    partial = [axis for axis, limits in enumerate(box) if limits != (0, step.shape[axis])]
    return _Part(*box[partial[0]], partial[0], place) if len(partial) == 1 else None


# --- what they become --------------------------------------------------------------------------------------------


def _added(builder: Builder, step: Step, terms: Sequence[Ref], layers: Sequence[Sequence[_Part]]) -> Ref:
    """The sum of the terms that stay, in their order, and of one array for each layer."""
    taken = {part.term for layer in layers for part in layer}
    left = [term for place, term in enumerate(terms) if place not in taken]
    for layer in layers:
        entries = [(part, builder.steps[terms[part.term].step].operands[0]) for part in layer]
        left.append(_laid(builder, replace(step, name=None, formula=None), entries))
    last = len(left) - 1
    total = left[0]
    for number, term in enumerate(left[1:], start=1):
        whole = step if number == last else replace(step, name=None, formula=None)
        total = builder.append(whole.reading((total, term)))
    if not last and step.name:
        builder.label(total, step.name, step.formula)
    return total


def _laid(builder: Builder, step: Step, entries: Sequence[tuple[_Part, Ref]]) -> Ref:
    """What is put in a row, with zeros between."""
    axis, at, row = entries[0][0].axis, 0, list[Ref]()
    size: Any = step.shape[axis]  # type: ignore[index]  # its shape is known
    for part, grad in entries:
        row += _zeros(builder, step, axis, part.start - at)
        row.append(_with_axes(builder, grad, _shape_of(step, axis, part.stop - part.start)))
        at = part.stop
    row += _zeros(builder, step, axis, size - at)
    return builder.append(replace(step, operation=np.concatenate, operands=(tuple(row),), options={"axis": axis}))


def _with_axes(builder: Builder, grad: Ref, shape: Shape) -> Ref:
    """What is put, with all the axes of where it is put."""
    step = builder.steps[grad.step]
    return (
        grad if step.shape == shape else builder.append(Step(np.reshape, (grad,), {"shape": shape}, shape, step.dtype))
    )


def _zeros(builder: Builder, step: Step, axis: int, size: int) -> list[Ref]:
    shape = _shape_of(step, axis, size)
    options = {"shape": shape, "dtype": step.dtype}
    return [builder.append(Step(np.zeros, (), options, shape, step.dtype))] if size else []


def _shape_of(step: Step, axis: int, size: int) -> Shape:
    shape = step.shape or ()
    return (*shape[:axis], size, *shape[axis + 1 :])
