"""The mark for one line, with hints in three stages: the shape, the kind of mistake, the repair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from chainrule.judging.verdicts import Verdict
from chainrule.practice.sheet_wording import points_said
from chainrule.practice.tasks import Choice, Task

STAGES: Final = ("shape", "kind", "repair")
"""The stages of hints, in the order in which they are opened."""


@final
@dataclass(frozen=True)
class Mark:
    """What one line is worth: ``points`` of ``most``; it is true where the answer is right.

    ``told`` is "right", "wrong", "unreadable", "no answer", or why there is none. ``hints`` are those that are open.
    """

    name: str
    ok: bool
    points: float
    most: float
    told: str
    answer: str
    hints: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        head = f"{self.name}: {self.told}, {self.points:g} of {points_said(self.most)}"
        return "\n".join([head, *(f"  {hint}" for hint in staged(self.hints))])


def staged(hints: Sequence[str]) -> list[str]:
    """Hints with the names of their stages."""
    return [f"{stage}: {hint}" for stage, hint in zip(STAGES, hints, strict=False) if hint]


def hints_of_shape(task: Task, text: str | None) -> tuple[str, str, str]:
    """Hints for a shape that was chosen."""
    said = next((choice.said for choice in task.choices if choice.text == text), "" if text is None else "another one")
    return "a gradient has the shape of its value", said, f"{task.name} has the shape {task.shape}"


def hints_of_choice(task: Task, choice: Choice | None) -> tuple[str, str, str]:
    """Hints for a formula that was chosen, or for none."""
    return _shape(task), "" if choice is None else choice.said, f"{task.name} = {task.answer}"


def hints_of_verdict(task: Task, verdict: Verdict) -> tuple[str, str, str]:
    """Hints for a formula that was judged."""
    kind = ", ".join(verdict.repairs) or _without_repair(verdict)
    repair = f"{task.name} = {verdict.repair or task.answer}"
    return _shape(task), kind, "; ".join(part for part in (verdict.diagnosis, repair) if part)


def _without_repair(verdict: Verdict) -> str:
    """What is said of a wrong line for which no change was found."""
    if verdict.verdict in ("unreadable", "unknown name"):
        return verdict.verdict
    if verdict.because:
        return verdict.verdict
    return "no single change makes it right"


def _shape(task: Task) -> str:
    return f"{task.name} has the shape {task.shape}"
