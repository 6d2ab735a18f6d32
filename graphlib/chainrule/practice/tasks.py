"""What a sheet asks for: one line each, with its choices; which of them is right stands in the teacher's file."""

from __future__ import annotations

import numbers
import random
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, final

from chainrule.core.accepting import expect
from chainrule.core.graph import BaseGraph
from chainrule.derivation.formulas import Derivation
from chainrule.errors import ArgumentError, FormulaError, did_you_mean
from chainrule.judging.given import given_formula
from chainrule.judging.ground import Ground
from chainrule.judging.trial import Trial
from chainrule.practice.handout import CHOICE, FORMULA, SHAPE, Question, is_assignable
from chainrule.practice.mistakes import Mistake, mistakes, right_text
from chainrule.symbols.dimensions import Shape, shape_text

LETTERS: Final = "abcd"


@final
class Choice(NamedTuple):
    """One of several answers: its letter, its text, and what is wrong with it, "" for the right one."""

    letter: str
    text: str
    said: str


@final
class Task(NamedTuple):
    """One line that is asked for: its name, its points, what is right, and the choices where there are some."""

    name: str
    points: float
    shape: str
    answer: str
    choices: tuple[Choice, ...] = ()

    @property
    def right(self) -> str:
        """The letter of the right choice, "" where nothing is chosen."""
        return next((choice.letter for choice in self.choices if not choice.said), "")

    def question(self, level: int) -> Question:
        """What is handed out of the task."""
        choices = tuple((choice.letter, choice.text) for choice in self.choices)
        return Question(self.name, self.points, "" if level == SHAPE else self.shape, choices)


def tasks_for(
    ground: Ground,
    derivation: Derivation,
    lines: Sequence[str],
    level: int,
    convention: str,
    *,
    points: float | Mapping[str, float],
    chosen: bool,
) -> list[Task]:
    """The tasks for these lines; of lines that nobody has ``chosen`` those whose formula the judge calls right.

    The order of choices is drawn anew each time, from what nobody can draw again.
    """
    order = random.Random(secrets.randbits(64))
    found = []
    for name in lines:
        formula = derivation[name]
        shape, answer = shape_text(formula.shape), right_text(formula)
        if level in (CHOICE, FORMULA) and not _is_right(ground, name, answer, convention):
            if chosen:
                raise ArgumentError(f"{name} cannot be asked for: its formula is not judged right", given=answer)
            continue
        worth = points.get(name, 1.0) if isinstance(points, Mapping) else points
        wrong: list[Mistake] = []
        if level == SHAPE:
            wrong = other_shapes(ground.graph, formula.shape)
        elif level == CHOICE:
            wrong = mistakes(ground, formula, convention, len(LETTERS) - 1)
        right = shape if level == SHAPE else answer
        found.append(Task(name, _points(worth), shape, answer, _shuffled(right, wrong, order) if wrong else ()))
    return found


def _points(worth: Any) -> float:
    expect(worth, numbers.Real, "points are a number, or numbers by the names of lines", 'points={"dW3": 2}')
    return float(worth)


def lines_asked(ground: Ground, derivation: Derivation, lines: Iterable[str] | str | None) -> list[str]:
    """The names of lines that can be asked for; without any the gradients that a derivation shows.

    Raises ArgumentError for a name that has no line, with all that have one, and for one that is given twice.
    """
    known = [name for name in derivation if name in ground.judged and not derivation[name].why_not]
    expect(lines, (Iterable, type(None)), "lines are asked for by name", '["dZ3", "dW3"]')
    asked = [lines] if isinstance(lines, str) else list(lines) if lines is not None else None
    if asked is None:
        shown = (formula.name for formula in derivation.backward if formula.listed)
        asked = [name for name in shown if name in known and is_assignable(name)]
    unknown = [did_you_mean(str(name), known) for name in asked if name not in known]
    twice = sorted({name for name in asked if asked.count(name) > 1})
    if unknown or twice or not asked:
        what = f"no line is called {', '.join(unknown)}" if unknown else f"asked for twice: {', '.join(twice)}"
        raise ArgumentError(what if unknown or twice else "nothing is asked for", given=f"lines: {', '.join(known)}")
    strange = [name for name in asked if not is_assignable(name)]
    if strange:
        raise ArgumentError(
            f"an answer cannot be given to a line called {strange[0]!r}", remedy="names such as dW3: letters, digits, _"
        )
    return asked


def _is_right(ground: Ground, name: str, answer: str, convention: str) -> bool:
    """Whether the judge can read what the rules say, and calls it right."""
    try:
        trial = Trial(ground, [given_formula(name, answer, ground, ())], frozenset())
    except FormulaError:
        return False
    trial.run()
    return convention in trial.findings[name].right_in


def other_shapes(graph: BaseGraph, shape: Shape | None) -> list[Mistake]:
    """Shapes that a value does not have: turned, that of a sum, those of other values."""
    right = tuple(shape or ())
    turned = [(tuple(reversed(right)), "it is transposed")]
    summed = [((*right[:k], 1, *right[k + 1 :]), "a sum has been taken that is not there") for k in range(len(right))]
    others = [(tuple(node.shape or ()), "another value has this shape") for node in graph.order]
    widened = [((*right, 1), "an axis is too many"), (right[:-1], "an axis is missing"), ((1, 1), "it is one number")]
    told = dict.fromkeys([shape_text(right)], "")
    for other, said in [*turned, *summed[-1:], *others, *summed, *widened]:
        told.setdefault(shape_text(other), said)
    return [Mistake(text, said) for text, said in told.items() if said][: len(LETTERS) - 1]


def _shuffled(right: str, wrong: Sequence[Mistake], order: random.Random) -> tuple[Choice, ...]:
    answers = [(right, ""), *wrong]
    order.shuffle(answers)
    return tuple(Choice(letter, *answer) for letter, answer in zip(LETTERS, answers, strict=False))
