"""A program held to its rules: every operand is an earlier step, every shape what its operation gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, ProgramError
from chainrule.program.calls import Call, pick
from chainrule.program.program import Program
from chainrule.program.step import Step, map_refs, step_text
from chainrule.symbols.dimensions import Dimension, Shape, shape_text
from chainrule.symbols.operations import OPERATIONS, number
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
    if step.operation is None or isinstance(step.operation, Call) or step.operation is pick:
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


def inferred_shape(steps: Sequence[Step], step: Step) -> Shape | None:
    """The shape that an operation gives for its operands; None where it cannot be said without data."""
    if step.is_constant:
        return tuple(np.shape(step.operands[0]))
    if step.operation is None or isinstance(step.operation, Call) or step.operation is pick:
        return step.shape
    if step.operation is np.astype:
        return steps[step.refs[0]].shape
    if not step.operands or step.operation is number:  # there is no Symbol to ask
        return OPERATIONS[step.operation].shape(*step.operands, **step.options)
    operands = map_refs(step.operands, lambda ref: Symbol.leaf(None, steps[ref.step].shape, steps[ref.step].dtype))
    if isinstance(step.operation, np.ufunc):  # a size such as m is a number there
        operands = tuple(Symbol.leaf(None, ()) if isinstance(operand, Dimension) else operand for operand in operands)
    options = dict(step.options)
    if step.operation is np.reshape:
        operands = (*operands, options.pop("shape"))  # NumPy 2.0 has no keyword of that name
    try:
        return known_shape(step.operation(*operands, **options))
    except ChainruleError as error:
        raise ProgramError(f"{step_text(step)}: {error.what}") from error
