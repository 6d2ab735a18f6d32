"""What an answer is worth: judged by the teacher's file, never by what a learner's code says of itself."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from chainrule.core.accepting import as_path, check_counts, expect
from chainrule.errors import ArgumentError, ChainruleError, did_you_mean
from chainrule.graph import Graph
from chainrule.judging import check, compare
from chainrule.judging.functions.answers import Answers, Function, answers_of, question
from chainrule.judging.functions.answers import Question as AskedOfFunction
from chainrule.judging.functions.judged import judged
from chainrule.judging.functions.script import answers_alone, chosen_function, functions_of
from chainrule.judging.given import given_formula
from chainrule.judging.ground import Ground, random_draws
from chainrule.judging.reach import reachable
from chainrule.judging.verdicts import Verdict
from chainrule.practice.demanded import demanded
from chainrule.practice.handed_in import Answer, HandedIn, all_answers, answers_in
from chainrule.practice.handout import FUNCTION, FUNCTION_NAME, SHAPE
from chainrule.practice.hints import Mark, hints_of_choice, hints_of_shape, hints_of_verdict
from chainrule.practice.tasks import Task
from chainrule.practice.teachers_file import Key, read_keys

SECONDS: Final = 20.0
"""How long a learner's function may run."""
_MEGABYTES: Final = 2048
_LETTER: Final = re.compile(r"\(?([a-zA-Z])\)?[.:)]?")
_TIMES: Final = re.compile(r"\s+[x*]\s+|×")
_NUMBER_OR_NAME: Final = re.compile(r"\w+")


@final
class Grader:
    """Grades answers to one sheet by its teacher's file, or by the sheet itself: ``grader.check("dW3", answer)``.

    >>> import chainrule as cr
    >>> sheet = cr.exercise(cr.practice.traps()["1/m"].graph, ["dW"], convention="per-example", hints=3)
    >>> grader = cr.practice.Grader(sheet)
    >>> assert grader.check("dW", "dZ @ X.T / m")
    >>> print(grader.check("dW", "dZ @ X / m"))
    dW: wrong, 0 of 1 point
      shape: dW has the shape (1, 3)
      kind: transpose missing
      repair: X has to be transposed; dW = dZ @ X.T / m

    ``hints`` opens as many stages, in place of what the teacher's file says. ``graph`` is needed where the file holds
    none, ``sheet`` is the identity of one sheet of several. Raises ArgumentError for a file that is no teacher's file.
    """

    def __init__(
        self,
        key: Any,
        *,
        graph: Graph | None = None,
        hints: int | None = None,
        sheet: str | None = None,
        seconds: float = SECONDS,
    ) -> None:
        is_file = isinstance(key, str | os.PathLike)
        self.key: Key = _only(as_path(key), sheet) if is_file else getattr(key, "key", key)
        if not isinstance(self.key, Key):
            raise ArgumentError(f"a {type(key).__name__} is no teacher's file", remedy='Grader("sheet.key.json")')
        self.hints = self.key.hints if hints is None else hints
        check_counts(0, hints=self.hints)
        expect(graph, (Graph, type(None)), "a sheet is graded by a graph", "graph=Graph(loss)")
        held = None if isinstance(key, Key) else getattr(key, "graph", None)  # a sheet's, in the teacher's own process
        self._graph, self._seconds = graph if graph is not None else held, seconds
        self._tasks = {task.name: task for task in self.key.tasks}

    @functools.cached_property
    def graph(self) -> Graph:
        """The graph that the sheet is on."""
        return self._graph if self._graph is not None else self.key.built_graph()

    @functools.cached_property
    def ground(self) -> Ground:
        """What is right, on data that no sheet shows."""
        return Ground(self.graph, random_draws(self.graph, self.key.seed, given=False))

    def check(self, name: str, answer: Any) -> Mark:
        """The mark for one answer: a letter, a shape, a formula, an array, or a function of gradients.

        A mark is true where the answer is right, so that ``assert grader.check("dW3", answer)`` is a test. A function
        is called where it is, with copies of values; ``grade`` runs what is asked of a file in a process of its own.
        Raises ArgumentError for a line that the sheet does not ask for.
        """
        expect(name, str, "a line goes by its name", 'grader.check("dW", answer)')
        if name == FUNCTION_NAME and callable(answer):
            return _together(self.marks_of_function(answer))
        if name not in self._tasks:
            raise ArgumentError(f"the sheet asks for no {did_you_mean(name, self._tasks)}")
        task = self._tasks[name]
        if callable(answer):
            return next(mark for mark in self.marks_of_function(answer) if mark.name == name)
        if isinstance(answer, str):
            given = Answer(answer.strip()) if answer.strip() else None
        else:
            given = Answer(str(answer)[:80]) if self.key.level == SHAPE else Answer("an array", _as_array(answer))
        return self._marks({} if given is None else {name: given}, {})[self.key.tasks.index(task)]

    def grade(self, sheet: HandedIn) -> list[Mark]:
        """The marks for a sheet that came back; its functions run in a process of their own, and nothing else of it."""
        if self.key.level == FUNCTION:
            return self._marks_of_file(sheet)
        others = {name: answer for name, answer in all_answers(sheet).items() if name not in self._tasks}
        return self._marks(answers_in(sheet, self._tasks), others)

    # --- choices, formulas, arrays

    def _marks(self, answers: Mapping[str, Answer], others: Mapping[str, Answer]) -> list[Mark]:
        if self.key.level == SHAPE:
            return [self._of_shape(task, answers.get(task.name)) for task in self.key.tasks]
        formulas = {name: one.text for name, one in answers.items() if self._is_formula(name, one)}
        verdicts = self._verdicts(formulas, {name: one.text for name, one in others.items()})
        return [self._of_line(task, answers.get(task.name), verdicts.get(task.name)) for task in self.key.tasks]

    def _is_formula(self, name: str, answer: Answer) -> bool:
        return answer.array is None and not (self._tasks[name].choices and _LETTER.fullmatch(answer.text))

    def _of_shape(self, task: Task, answer: Answer | None) -> Mark:
        if answer is None:
            return self._mark(task, False, "no answer", "", hints_of_shape(task, None))
        letter = _LETTER.fullmatch(answer.text)
        chosen = letter[1].lower() if letter else ""
        text = next((choice.text for choice in task.choices if choice.letter == chosen), answer.text)
        ok = _sizes(text) == _sizes(task.shape) and text != ""
        return self._mark(task, ok, "", text, hints_of_shape(task, text))

    def _of_line(self, task: Task, answer: Answer | None, verdict: Verdict | None) -> Mark:
        if answer is None:
            return self._mark(task, False, "no answer", "", hints_of_choice(task, None))
        if answer.array is not None:
            ok, told = self._is_right_array(task, answer.array)
            return self._mark(task, ok, told, answer.text, hints_of_choice(task, None))
        if verdict is not None:
            told = "unreadable" if verdict.verdict == "unreadable" else ""
            return self._mark(task, verdict.ok, told, answer.text, hints_of_verdict(task, verdict))
        letter = answer.text.strip("().: ").lower()
        choice = next((choice for choice in task.choices if choice.letter == letter), None)
        shown = f"({letter}) {choice.text}" if choice else answer.text
        ok = choice is not None and not choice.said
        return self._mark(task, ok, "", shown, hints_of_choice(task, choice))

    def _is_right_array(self, task: Task, array: Any) -> tuple[bool, str]:
        data = self.key.arrays()
        if not data:
            return False, "an array, and the sheet has no data"
        run = self.graph.forward(data)
        report = compare(run, {task.name: array}, convention=self.key.convention)
        return report.ok and report[task.name].verdict == "right", ""

    # - formulas

    def _verdicts(self, formulas: Mapping[str, str], others: Mapping[str, str]) -> dict[str, Verdict]:
        """The verdict on each formula; ``ok`` where it is right by itself, whatever the other lines are."""
        own = self._helpers(formulas, others)
        late = {name: self._late(name, text, own) for name, text in formulas.items()}
        judgeable = {name: text for name, text in formulas.items() if not late[name]}
        found = {
            name: Verdict(name, formulas[name], False, False, "wrong", told) for name, told in late.items() if told
        }
        try:
            found |= self._checked({**own, **judgeable}, judgeable)
        except ChainruleError:  # a name of one's own may be the name of a line in another notation
            for name, text in judgeable.items():
                found |= self._checked({name: text}, [name])
        return found

    def _checked(self, lines: Mapping[str, str], names: Any) -> dict[str, Verdict]:
        report = check(self.graph, dict(lines), convention=self.key.convention, seed=self.key.seed)
        found = {}
        for name in names:
            verdict = report[name]
            # A line that is wrong only because another one is that was asked for is right; a helper is a part of it.
            followed = verdict.own and bool(verdict.because) and set(verdict.because) <= self._tasks.keys()
            found[name] = replace(verdict, ok=verdict.verdict == "right" or followed)
        return found

    def _helpers(self, formulas: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
        """The lines of one's own that formulas lead to; a name that the graph has means what the graph says."""
        free = {name: text for name, text in others.items() if name not in self.ground.names}
        found: dict[str, str] = {}
        waiting = list(formulas.values())
        while waiting:
            for name in set(_NUMBER_OR_NAME.findall(waiting.pop())) & free.keys() - found.keys():
                found[name] = free[name]
                waiting.append(free[name])
        return found

    def _late(self, name: str, text: str, own: Mapping[str, str]) -> str:
        """Why a formula reads what comes after it on the way: the gradient of what it is computed from; "" else."""
        allowed = self._readable(name)
        waiting, seen = [text], set[str]()
        while waiting:
            try:
                reads = given_formula(name, waiting.pop(), self.ground, (*own, name)).reads
            except ChainruleError:
                continue
            behind = sorted(reads & self.ground.names - allowed - {name})
            if behind:
                return f"{behind[0]} does not come before {name}"
            waiting += [own[one] for one in reads & own.keys() - seen]
            seen |= reads
        return ""

    @functools.cache  # noqa: B019 - a grader lives as long as its sheet is graded
    def _readable(self, name: str) -> frozenset[str]:
        """The names that a line may be computed from."""
        graph, gradients = self.graph, self.ground.draws[0].gradients
        if name in graph:
            before = reachable(graph, graph.position(name), forward=False)
            return (
                frozenset(self.ground.names)
                - gradients.keys()
                - {graph.names[k] for k in range(len(graph)) if k not in before}
            )
        behind = reachable(graph, graph.position(graph.of_gradient(name) or name), forward=True)
        late = {one for one in gradients if graph.position(graph.of_gradient(one) or one) not in behind}
        return frozenset(self.ground.names) - late

    # --- functions

    def marks_of_function(self, function: Function) -> list[Mark]:
        """The marks for a function that is called here, line by line."""
        try:
            return self._of_answers(answers_of(function, self._asked()))
        except ArgumentError as error:
            return self._none(str(error))

    def _marks_of_file(self, sheet: HandedIn) -> list[Mark]:
        try:
            asked = self._asked()
            functions: dict[str, tuple[list[str], list[str]]] = {}
            for code in sheet.codes:
                functions |= _functions(code, sheet.path)
            named = FUNCTION_NAME if FUNCTION_NAME in functions else None
            name, _ = chosen_function(functions, asked.filling, named, sheet.path)
            return self._of_answers(
                answers_alone(
                    demanded(sheet.codes, name),
                    name,
                    asked,
                    seconds=self._seconds,
                    megabytes=_MEGABYTES,
                    shown=str(sheet.path),
                )
            )
        except ArgumentError as error:
            return self._none(error.what + (f"; {error.given}" if error.given else ""))

    def _asked(self) -> AskedOfFunction:
        """What a function is asked: values, and neither gradients nor names of them."""
        asked = question(self.ground, ())
        gradients = frozenset(asked.gradients) - frozenset(self.graph.names)
        names = tuple(name for name in asked.filling.names if name not in gradients)
        return replace(asked, filling=replace(asked.filling, names=names))

    def _of_answers(self, answers: Answers) -> list[Mark]:
        expected = {(k, c) for k in range(len(self.ground.draws)) for c in self.ground.conventions}
        if set(answers.results) != expected:
            raise ArgumentError("the function's answer cannot be read")
        names = list(self._tasks)
        convention: Any = self.key.convention
        report = judged(self.ground, answers, convention=convention, seed=self.key.seed, require=names)
        marks = []
        for task in self.key.tasks:
            verdict = next((one for one in report if one.name == task.name), None)
            ok = verdict is not None and verdict.verdict == "right"
            shown = "" if verdict is None else verdict.formula
            told = "no answer" if verdict is None or verdict.verdict == "missing" else ""
            hints = hints_of_choice(task, None) if verdict is None else hints_of_verdict(task, verdict)
            marks.append(self._mark(task, ok, told, shown, hints))
        return marks

    def _none(self, told: str) -> list[Mark]:
        return [self._mark(task, False, told, "", ()) for task in self.key.tasks]

    def _mark(self, task: Task, ok: bool, told: str, answer: str, hints: Sequence[str]) -> Mark:
        stages = () if ok else tuple(hints[: self.hints])
        said = "right" if ok else told or "wrong"
        return Mark(task.name, ok, task.points if ok else 0.0, task.points, said, answer, stages)


def _sizes(text: str) -> list[str]:
    """The sizes of a shape: (3, m), 3 x m, 3 × m."""
    return _NUMBER_OR_NAME.findall(_TIMES.sub(",", text))


def _functions(code: str, path: Path) -> Any:
    try:
        return functions_of(code, path)
    except ArgumentError:  # a cell that is no Python has no function
        return {}


def _only(path: Path, identity: str | None) -> Key:
    """The key of a file, of several the one of an identity."""
    keys = read_keys(path)
    if identity is None and len(keys) == 1:
        return next(iter(keys.values()))
    if identity in keys:
        return keys[identity]
    raise ArgumentError(
        f"{path} knows {len(keys)} sheets, and not {identity!r}" if identity else f"{path} knows several sheets",
        given=", ".join(keys),
        remedy="sheet= the identity of one",
    )


def _together(marks: Sequence[Mark]) -> Mark:
    """One mark for a function: true where every line is right."""
    ok = all(marks)
    first = next((mark for mark in marks if not mark), marks[0])
    points, most = sum(mark.points for mark in marks), sum(mark.most for mark in marks)
    told = "right" if ok else f"{first.name} is {first.told}"
    return Mark(FUNCTION_NAME, ok, points, most, told, first.answer, first.hints)


def _as_array(answer: Any) -> Any:
    """The numbers of an answer in Python; an empty array, which is wrong, where it has none."""
    try:
        array = np.array(answer)
    except (TypeError, ValueError, OverflowError):  # lists of different lengths
        return np.zeros((0,))
    return array if array.dtype.kind in "fiub" else np.zeros((0,))
