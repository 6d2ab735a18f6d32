"""What came of a learner's formula, on every draw of data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, final

from chainrule.core.read_only import read_only
from chainrule.judging.closeness import Array, distance, tolerance
from chainrule.judging.given import GivenFormula


@final
class Failure(NamedTuple):
    """What a formula gave in place of an array."""

    text: str


Outcome: TypeAlias = "Array | Failure"


@final
@dataclass
class Finding:
    """What was found about a formula: its results by draw and convention, and in which conventions it is right.

    ``lucky`` is one that is right with the gradients of the loss, and not with larger or smaller ones.
    """

    formula: GivenFormula
    expected: dict[tuple[int, str], Array] = field(default_factory=dict)
    alone: dict[tuple[int, str], Outcome] = field(default_factory=dict)
    right_in: tuple[str, ...] = ()
    remark: str = ""
    lucky: bool = False
    chained: dict[int, Outcome] = field(default_factory=dict)
    chain_ok: bool = True

    @property
    def judged(self) -> bool:
        """Whether the graph knows what the formula should give."""
        return bool(self.expected)


def put_outcome(values: dict[str, Array], name: str, outcome: Outcome | None) -> None:
    """Let later formulas read what came of one, or find nothing where it failed."""
    if outcome is not None and not isinstance(outcome, Failure):
        values[name] = outcome
    elif outcome is not None:
        values.pop(name, None)


def as_result(value: Array) -> Outcome:
    """The result as an array of real numbers."""
    if value.dtype.kind not in "fiub":
        return Failure(f"its result is of type {value.dtype}, not an array of real numbers")
    return read_only(value if value.dtype.kind == "f" else value.astype(float))


def about_right(outcome: Array, expected: Array) -> bool:
    """Whether a result of a chain is right: rounding adds up along it, so a hundred times as much is allowed."""
    return outcome.shape == expected.shape and distance(outcome, expected) <= 100 * tolerance(expected.dtype)
