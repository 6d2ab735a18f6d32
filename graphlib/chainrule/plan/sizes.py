"""For which sizes a program is what a run does: it needs the shape of every step, and bounds that stay in range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from chainrule.errors import ChainruleError
from chainrule.plan.optimizing import evaluated
from chainrule.program.calls import RuleCall, pick
from chainrule.program.program import Program
from chainrule.program.step import Step, step_text
from chainrule.symbols.dimensions import Dimension
from chainrule.symbols.operations import index
from chainrule.symbols.shapes import indexed


@final
class Assured:
    """What a program is sure of: whether it knows all shapes, and which named sizes it is right for."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.unknown = _unknown(program)
        """Why the program cannot be computed as it is; None where it can."""
        sizes = {id(size): size for step in program.steps for size in step.shape or ()}  # few: each is asked once
        empty = {key for key, size in sizes.items() if _may_be_empty(size)}
        self._doubtful = [s for s in program.steps if _bounds(s) or not empty.isdisjoint(map(id, s.shape or ()))]

    def of(self, sizes: Mapping[str, int]) -> bool:
        """Whether every step has the shape for these sizes that it was recorded with."""
        return (
            self.unknown is None
            and all(map(bool, sizes.values()))
            and all(self._fits(s, sizes) for s in self._doubtful)
        )

    def _fits(self, step: Step, sizes: Mapping[str, int]) -> bool:
        shape = evaluated(step.shape, sizes)
        if any(size < 1 for size in shape):
            return False
        if not _bounds(step):
            return True
        source = evaluated(self._program.steps[step.refs[0]].shape, sizes)
        try:
            return bool(indexed(source, evaluated(step.operands[1], sizes)) == shape)
        except ChainruleError:
            return False


def _unknown(program: Program) -> str | None:
    several = {step.refs[0] for step in program.steps if step.operation is pick}
    for k, step in enumerate(program.steps):
        if step.shape is None and k not in several:
            rule = f" ({step.operation.__name__})" if isinstance(step.operation, RuleCall) else ""
            return f"the shape of {step.name or step_text(step)}{rule} is unknown before there is data"
    return None


def _bounds(step: Step) -> bool:
    """Whether a step is an index with a named size in a slice, such as ``x[:, 2:m - 3]``."""
    return step.operation is index and _has_bounds(step.operands[1])


def _has_bounds(key: Any) -> bool:
    if isinstance(key, tuple):
        return any(map(_has_bounds, key))
    return isinstance(key, slice) and any(isinstance(bound, Dimension) for bound in (key.start, key.stop))


def _may_be_empty(size: Any) -> bool:
    """Whether a size may be 0, or below it where a shape asks for more than there is: a rule decides what that is."""
    return isinstance(size, Dimension) and (size.least is None or size.least < 1)
