"""What is handed out: names, shapes, data, the forward pass and questions, and no answer."""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, final

SHAPE, CHOICE, FORMULA, FUNCTION = 1, 2, 3, 4
"""The levels: choose the shape, choose the formula, write the formula, write the function."""
FUNCTION_NAME: Final = "gradients"
"""What the function that is asked for is called."""


@final
class Value(NamedTuple):
    """A value of the graph: its name, what it is, its shape, and how it is computed by notation."""

    name: str
    kind: str
    shape: str
    formulas: dict[str, str]


@final
class Question(NamedTuple):
    """What is asked of one line: its name, its points, its shape ("" where that is asked), choices by letter."""

    name: str
    points: float
    shape: str
    choices: tuple[tuple[str, str], ...]


@final
@dataclass(frozen=True)
class Handout:
    """A sheet without its answers; ``identity`` is how the teacher's file knows it when it comes back."""

    title: str
    level: int
    convention: str
    batch: str
    examples: str
    questions: tuple[Question, ...]
    values: tuple[Value, ...]
    data: dict[str, Any]
    labels: tuple[str, ...]
    identity: str

    @property
    def points(self) -> float:
        """How many points there are."""
        return sum(question.points for question in self.questions)


def is_assignable(name: str) -> bool:
    """Whether a line of Python can give a value to a name without taking one that a sheet needs."""
    return name.isidentifier() and not keyword.iskeyword(name) and name not in ("np", "cache", FUNCTION_NAME)
