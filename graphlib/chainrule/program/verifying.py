"""A program held to its rules: every operand is an earlier step, every shape what its operation gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, ProgramError
from chainrule.program.calls import is_call, pick
from chainrule.program.program import Program
from chainrule.program.step import Operation, Ref, Step, map_refs, step_text
from chainrule.symbols.dimensions import Shape, shape_text
from chainrule.symbols.operations import OPERATIONS, entrywise, number, operation
from chainrule.symbols.shapes import broadcast
from chainrule.symbols.symbol import Symbol, known_shape


def verify(program: Program) -> None:
    """Hold a program to its rules; raises ProgramError, naming the step, when one is broken.

    Every operand is an earlier step; every name is defined once; the shape of every step is the one that its
    operation gives for the shapes of its operands; every result is a step.
    """
    known: dict[Any, Shape | None] = {}  # the shapes that have been found
    names: set[str] = set()
    for k, step in enumerate(program.steps):
        if step.name in names:
            raise ProgramError(f"step %{k}: {step.name!r} is defined twice")
        names |= {step.name} if step.name else set()
        if step.refs and not 0 <= min(step.refs) <= max(step.refs) < k:
            raise ProgramError(f"step %{k} reads a step that is not before it", given=step_text(step))
        shape = _remembered_shape(program.steps, step, known)
        if shape is not None and step.shape is not None and shape != step.shape:
            raise ProgramError(
                f"step %{k} has shape {shape_text(step.shape)} and computes {shape_text(shape)}", given=step_text(step)
            )
    if any(not 0 <= k < len(program.steps) for k in program.ends):
        raise ProgramError("a result of the program is no step")


def _remembered_shape(steps: Sequence[Step], step: Step, known: dict[Any, Shape | None]) -> Shape | None:
    """What ``inferred_shape`` says, asked once for the same operation on the same shapes."""
    if not _has_rule(step) or _is_entry_by_entry(step):
        return inferred_shape(steps, step)
    operands = map_refs(step.operands, lambda ref: ("of shape", steps[ref.step].shape))
    key = (step.operation, operands, tuple(step.options.items()))
    try:
        return known[key]
    except TypeError:  # an index with slices, or an array, cannot be looked up
        return inferred_shape(steps, step)
    except KeyError:
        found = known[key] = inferred_shape(steps, step)
        return found


def _has_rule(step: Step) -> bool:
    return not (step.operation is None or step.operation is pick or is_call(step.operation))


def _is_entry_by_entry(step: Step) -> bool:
    row = operation(step.operation)
    return row is not None and row.shape is entrywise


def inferred_shape(steps: Sequence[Step], step: Step) -> Shape | None:
    """The shape that an operation gives for its operands; None where it cannot be said without data."""
    if step.is_constant:
        return tuple(np.shape(step.operands[0]))
    if step.operation is None or not _has_rule(step):
        return step.shape
    if step.operation is np.astype:
        return steps[step.refs[0]].shape
    if not step.operands or step.operation is number:  # there is no Symbol to ask
        return OPERATIONS[step.operation].shape(*step.operands, **step.options)
    try:
        return _of_entries(steps, step) if _is_entry_by_entry(step) else _asked(steps, step, step.operation)
    except ChainruleError as error:
        raise ProgramError(f"{step_text(step)}: {error.what}") from error


def _of_entries(steps: Sequence[Step], step: Step) -> Shape | None:
    """The shape of a function entry by entry, which takes a sixth of asking a Symbol."""
    known = [steps[x.step].shape if type(x) is Ref else known_shape(x) for x in step.operands]
    return None if None in known else broadcast(*known)  # type: ignore[arg-type]  # none is None


def _asked(steps: Sequence[Step], step: Step, function: Operation) -> Shape | None:
    operands = map_refs(step.operands, lambda ref: Symbol.leaf(None, steps[ref.step].shape, steps[ref.step].dtype))
    options = dict(step.options)
    if function is np.reshape:
        operands = (*operands, options.pop("shape"))  # NumPy 2.0 has no keyword of that name
    return known_shape(function(*operands, **options))
