"""A learner's function of gradients, judged key by key, with the lines of its file."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.passes import forward
from chainrule.errors import ChainruleError
from chainrule.judging.closeness import Array, same
from chainrule.judging.functions import chain
from chainrule.judging.functions.answers import Answers, Function, answers_of, question
from chainrule.judging.functions.reading_off import line_of_change
from chainrule.judging.ground import Convention, Ground, drawn, random_draws
from chainrule.judging.judge import check
from chainrule.judging.reading.user_formula import UserFormula
from chainrule.judging.required import missing, required
from chainrule.judging.verdicts import Report, Verdict


def check_function(
    graph: BaseGraph,
    function: Function,
    feeds: Mapping[Any, Any] | None = None,
    *,
    convention: Convention = "auto",
    seed: int = 0,
    require: Sequence[str] = (),
) -> Report:
    """Judge a function that returns gradients by name, ``{"W3": ...}`` or ``{"dW3": ...}``.

    Its parameters are filled by their names: ``cache``, ``values``, ``parameters`` and their like are mappings of all
    values, ``out`` and ``AL`` what the loss reads, ``m`` the number of examples, any other a value or a gradient. It is
    called on data drawn at random, and on ``feeds`` if there are any, and may write to what it is handed. Where Symbols
    pass through it, its formulas are read off, diagnosed and repaired; where they do not, its arrays are judged. Either
    way a verdict says which line of the file is wrong.

    Raises ArgumentError for a parameter that nothing fills, for a function that raises, and for one that returns no
    gradients.
    """
    ground = ground_of(graph, feeds, seed)
    return judged(
        ground, answers_of(function, question(ground)), feeds, convention=convention, seed=seed, require=require
    )


def ground_of(graph: BaseGraph, feeds: Mapping[Any, Any] | None, seed: int) -> Ground:
    """What is right, on data drawn at random, and on feeds if there are any."""
    given = [] if feeds is None else [drawn(graph, forward(graph, feeds), seed, given=True)]
    return Ground(graph, [*random_draws(graph, seed, bool(given)), *given])


def judged(
    ground: Ground,
    answers: Answers,
    feeds: Mapping[Any, Any] | None = None,
    *,
    convention: Convention = "auto",
    seed: int = 0,
    require: Sequence[str] = (),
) -> Report:
    """The report on what a function returned, and on what it had to return and did not."""
    wanted = required(require, ground)
    report = _judged(ground, answers, feeds, convention, seed)
    absent = missing(wanted, [verdict.name for verdict in report])
    if not absent:
        return report
    verdicts, first = [*report, *absent], report.first_wrong
    return Report(verdicts, report.convention, first, batch=ground.batch, examples=ground.examples)


def _judged(
    ground: Ground, answers: Answers, feeds: Mapping[Any, Any] | None, convention: Convention, seed: int
) -> Report:
    submission = _Submission(ground, answers)
    wanted = submission.conventions(convention)
    if submission.all_right(wanted) or not submission.formulas:
        return submission.of_arrays(wanted)
    report = _of_formulas(submission, submission.formulas, feeds, convention, seed)
    agree = all(report[name].ok == submission.is_right(name, wanted[0]) for name in submission.keys if name in report)
    return report if agree else submission.of_arrays(wanted)  # it does otherwise with Symbols than with numbers


@final
class _Submission:
    """What a function returned, held against what is right."""

    def __init__(self, ground: Ground, answers: Answers) -> None:
        self.ground, self.answers, self.results = ground, answers, answers.results
        self.gradients = ground.draws[0].gradients.keys()
        self.keys = list(self.results[0, ground.conventions[0]])
        self.formulas = _admitted(answers.formulas)

    # - by numbers alone

    def conventions(self, asked: Convention) -> tuple[str, ...]:
        """The conventions that may be meant, the one in which most is right first."""
        if asked != "auto":
            return (asked,)
        counts = {c: sum(self.is_right(name, c) for name in self.keys) for c in self.ground.conventions}
        return tuple(sorted(counts, key=lambda c: -counts[c]))

    def is_right(self, name: str, convention: str) -> bool:
        """Whether a key is right on every draw."""
        return all(
            self._agrees(self.results[k, convention].get(name), self.ground.values(k, convention).get(name))
            for k in range(len(self.ground.draws))
        )

    def _agrees(self, mine: Any, right: Any) -> bool:
        return (
            mine is not None and right is not None and mine.shape == np.shape(right) and same(mine, np.asarray(right))
        )

    def all_right(self, conventions: tuple[str, ...]) -> bool:
        """Whether every key that the graph knows is right, in one convention."""
        return all(self.is_right(name, conventions[0]) for name in self.keys if name in self.ground.judged)

    def _right(self, name: str, convention: str) -> Verdict:
        shown = self.shown(name)
        if name not in self.ground.judged:
            return Verdict(name, shown, True, True, "kept", "no name of the graph", line=self.line(name))
        others = [c for c in self.ground.conventions if c != convention and self.is_right(name, c)]
        told = None if len(self.ground.conventions) == 1 else "either" if others else convention
        return Verdict(name, shown, True, True, "right", convention=told, line=self.line(name))

    def of_arrays(self, conventions: tuple[str, ...]) -> Report:
        """The report on arrays: each by itself, and in the chain."""
        c = conventions[0]
        return self._report([self._judged(name, c) for name in self.keys], conventions)

    def _judged(self, name: str, convention: str) -> Verdict:
        if name not in self.ground.judged or self.is_right(name, convention):
            return self._right(name, convention)
        shown, line = self.shown(name), self.line(name)
        given = self.results[0, convention]
        known = {key: value for key, value in given.items() if key in self.gradients}
        if name in known and all(
            chain.follows(
                self.ground,
                k,
                convention,
                name,
                {key: value for key, value in self.results[k, convention].items() if key in self.gradients},
            )
            for k in range(len(self.ground.draws))
        ):
            because = chain.causes(self.ground, 0, convention, name, known)
            if because:
                told = f"wrong only because {', '.join(because)} {'is' if len(because) == 1 else 'are'}"
                return Verdict(name, shown, False, True, told, because=because, line=line)
        mine, right = given[name], np.asarray(self.ground.values(0, convention)[name])
        return Verdict(name, shown, False, False, "wrong", _difference(mine, right, name), line=line)

    def _report(self, verdicts: list[Verdict], conventions: tuple[str, ...]) -> Report:
        decisive = any(verdict.convention == conventions[0] for verdict in verdicts)
        label = conventions[0] if decisive and len(self.ground.conventions) > 1 else None
        wrong = [verdict for verdict in verdicts if not verdict.own]
        first = min(wrong, key=lambda verdict: verdict.line or 0).name if wrong else None
        return Report(verdicts, label, first, batch=self.ground.batch, examples=self.ground.examples)

    def line(self, name: str) -> int | None:
        """The line on which a key's array came to be."""
        return self.answers.lines.get(name)

    def shown(self, name: str) -> str:
        """How a key is shown: its formula, or the line of the file."""
        if name in self.formulas:
            return self.formulas[name].text
        line = self.line(name)
        return self.answers.shown if line is None else f"{self.answers.shown}, line {line}"


def _admitted(trees: Mapping[str, ast.expr]) -> dict[str, UserFormula]:
    """The formulas that were read off, held to the whitelist; none where one is not on it."""
    try:
        return {name: UserFormula.from_tree(tree) for name, tree in trees.items()}
    except ChainruleError:
        return {}


def _difference(mine: Array, right: Array, name: str) -> str:
    if mine.shape != right.shape:
        return f"its shape is {mine.shape}, and that of {name} is {right.shape}"
    wrong = int(np.sum(~np.isclose(mine, right, rtol=1e-9, atol=1e-12)))
    return f"{wrong} of {mine.size} entries differ"


# --- the formulas --------------------------------------------------------------------------------------------------


def _of_formulas(
    submission: _Submission,
    formulas: dict[str, UserFormula],
    feeds: Mapping[Any, Any] | None,
    convention: Convention,
    seed: int,
) -> Report:
    """The report on formulas; what one wrong line makes wrong is told by that line, and searched for once."""
    graph = submission.ground.graph
    waiting, judged, later = dict(formulas), dict[str, UserFormula](), dict[str, Verdict]()
    report: Report | None = None
    for name in list(waiting):
        formula = waiting.pop(name, None)
        if formula is None:
            continue
        judged[name] = formula
        settled = submission.conventions(convention)[0]
        if not _is_wrong(submission, formula, name, settled):
            continue
        alone = check(graph, judged, feeds, convention=convention, seed=seed)[name]
        mended = _mended(alone, formula)
        if mended is None:
            continue
        old, new, line = mended
        for other, another in list(waiting.items()):
            tree = _exchanged(another.tree, old, new)
            if tree is None or not _is_wrong(submission, another, other, settled):
                continue
            if not _is_wrong(submission, UserFormula.from_tree(tree), other, settled):
                told = f"wrong only because line {line} is" if line else f"wrong only because {name} is"
                later[other] = Verdict(other, another.text, False, True, told, because=(name,), line=_line(another))
                del waiting[other]
    report = check(graph, judged, feeds, convention=convention, seed=seed)
    keys = [name for name in formulas if name in submission.keys or not _fine(report, later, name)]
    verdicts = [later.get(name) or _with_line(report[name], formulas[name]) for name in keys]
    first = next((verdict.name for verdict in verdicts if not verdict.own), None)
    ground = submission.ground
    return Report(verdicts, report.convention, first, batch=ground.batch, examples=ground.examples)


def _fine(report: Report, later: Mapping[str, Verdict], name: str) -> bool:
    return name not in later and report[name].ok


def _is_wrong(submission: _Submission, formula: UserFormula, name: str, convention: str) -> bool:
    ground = submission.ground
    for k in range(len(ground.draws)):
        values = ground.values(k, convention)
        if name not in values:
            return False
        try:
            found = formula.evaluate(values)
        except ChainruleError:
            return True
        right = np.asarray(values[name])
        if found.shape != right.shape or not same(found, right):
            return True
    return False


def _line(formula: UserFormula) -> int | None:
    return getattr(formula.tree, "lineno", None)


def _with_line(verdict: Verdict, formula: UserFormula) -> Verdict:
    """A verdict with the line that is wrong, or that gives what is right."""
    line = _line(formula)
    if verdict.repair:
        line = line_of_change(formula.tree, ast.parse(verdict.repair, mode="eval").body) or line
    return replace(verdict, line=line)


def _mended(verdict: Verdict, formula: UserFormula) -> tuple[ast.expr, ast.expr, int | None] | None:
    """The smallest part of a wrong formula that makes a whole statement, what it should be, and its line."""
    if not verdict.repair:
        return None
    after = ast.parse(verdict.repair, mode="eval").body
    return formula.tree, after, _with_line(verdict, formula).line


def _exchanged(tree: ast.expr, old: ast.expr, new: ast.expr) -> ast.expr | None:
    """The expression with one part exchanged wherever it stands, None where it stands nowhere."""
    pairs = list(_differences(old, new))
    marks = {ast.dump(a): b for a, b in pairs}
    found = False
    whole = ast.Expression(_copied(tree))
    for node in ast.walk(whole):
        for field, child in ast.iter_fields(node):
            if isinstance(child, ast.expr) and ast.dump(child) in marks:
                setattr(node, field, marks[ast.dump(child)])
                found = True
            elif isinstance(child, list):
                for k, part in enumerate(child):
                    if isinstance(part, ast.expr) and ast.dump(part) in marks:
                        child[k], found = marks[ast.dump(part)], True
    return whole.body if found else None


def _copied(tree: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(tree), mode="eval").body


def _differences(old: ast.expr, new: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """The smallest part that differs and is more than a name, with what it should be."""
    found = (old, new)
    while True:
        before = [child for child in ast.iter_child_nodes(found[0]) if isinstance(child, ast.expr)]
        after = [child for child in ast.iter_child_nodes(found[1]) if isinstance(child, ast.expr)]
        different = [(a, b) for a, b in zip(before, after, strict=False) if ast.dump(a) != ast.dump(b)]
        alike = type(found[0]) is type(found[1]) and len(before) == len(after) and len(different) == 1
        if not alike or isinstance(different[0][0], ast.Name | ast.Constant | ast.Attribute):
            return [found]
        found = different[0]
