"""Step: one operation of a program, as a Symbol records it, with numbers of earlier steps in the place of Symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, final

import numpy as np

from chainrule.shown.text import clipped, visible
from chainrule.symbols.dimensions import Shape

Operation: TypeAlias = Callable[..., Any]
_FLOAT: Final = np.dtype(float)
_NESTED: Final = frozenset((tuple, list, slice))
_WIDEST: Final = 60


@final
@dataclass(frozen=True, slots=True)
class Ref:
    """The value of an earlier step, by its number."""

    step: int

    def __repr__(self) -> str:
        return f"%{self.step}"


@final
@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operation, as a Symbol records it, with Refs in the place of Symbols.

    Without an operation it is a leaf: a feed when it has no operands, else the constant that is its one operand.
    """

    operation: Operation | None
    operands: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    shape: Shape | None = None
    dtype: np.dtype[Any] = _FLOAT
    name: str | None = None
    """What people call the value: Z1, dW3; None for a value in between."""
    formula: str | None = None
    """The formula that the step completes, as the rule gives it."""
    named: Shape | None = None
    """The shape with named dimensions, where ``shape`` has their numbers."""
    refs: tuple[int, ...] = field(init=False, repr=False)
    """The numbers of the steps that it reads, once for every use."""

    def __post_init__(self) -> None:  # every pass asks for the refs, so they are found once
        found: list[int] = []
        _gather(self.operands, found)
        object.__setattr__(self, "refs", tuple(found))

    def reading(self, operands: tuple[Any, ...]) -> Step:
        """The same step of other operands; a fifth of the time of ``dataclasses.replace``."""
        rest = self.options, self.shape, self.dtype, self.name, self.formula, self.named
        return Step(self.operation, operands, *rest)

    @property
    def is_feed(self) -> bool:
        """Whether the value is given at every call."""
        return self.operation is None and not self.operands

    @property
    def is_constant(self) -> bool:
        """Whether the value is known from the start."""
        return self.operation is None and bool(self.operands)


def _gather(operands: Iterable[Any], found: list[int]) -> None:
    """Append the numbers of the steps that are read, also inside the tuples and slices of an index."""
    for operand in operands:
        kind = type(operand)  # an exact type is asked for faster than a kind of it
        if kind is Ref:
            found.append(operand.step)
        elif kind in _NESTED:
            _gather((operand.start, operand.stop, operand.step) if kind is slice else operand, found)


def map_refs(operand: Any, change: Callable[[Ref], Any]) -> Any:
    """An operand with its Refs replaced, also inside the tuples and slices of an index."""
    kind = type(operand)
    if kind is Ref:
        return change(operand)
    if kind is tuple or kind is list:
        return tuple(
            [
                change(x) if type(x) is Ref else map_refs(x, change) if type(x) in _NESTED else x  # calls take the time
                for x in operand
            ]
        )
    if kind is slice:
        return slice(*(map_refs(part, change) for part in (operand.start, operand.stop, operand.step)))
    return operand


def step_text(step: Step) -> str:
    """A step as a call: ``Z1 = add(%2, %3)``."""
    return (f"{visible(step.name)} = " if step.name else "") + _call_text(step)


def _call_text(step: Step) -> str:
    if step.is_feed:
        return "feed"
    if step.is_constant:
        return _operand_text(step.operands[0])
    arguments = [_operand_text(operand) for operand in step.operands]
    arguments += [f"{key}={value}" for key, value in step.options.items()]
    return f"{step.operation.__name__}({', '.join(arguments)})"  # type: ignore[union-attr]  # it has an operation


def _operand_text(operand: Any) -> str:
    if isinstance(operand, np.ndarray):
        operand = operand.item() if operand.ndim == 0 else f"array{operand.shape}"
    text = str(operand) if not isinstance(operand, tuple) else f"({', '.join(map(_operand_text, operand))})"
    return clipped(text, _WIDEST)
