"""A learner's function of gradients, judged key by key, with the lines of its file."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.passes import forward
from chainrule.errors import ChainruleError
from chainrule.judging.closeness import Array, agrees, same
from chainrule.judging.explaining import listed
from chainrule.judging.functions import chain
from chainrule.judging.functions.answers import Answers, Function, answers_of, question
from chainrule.judging.functions.array_changes import change_told
from chainrule.judging.functions.arrays_on_the_way import first_wrong
from chainrule.judging.functions.on_the_way import Blamed, blamed
from chainrule.judging.functions.reading_off import line_of_change, parts_of
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
        self.keys = [name for name in self.results[0, ground.conventions[0]] if name in answers.keys]
        self.all = list(self.results[0, ground.conventions[0]])
        self.formulas = _admitted(answers.formulas)
        self.draws = [k for k, draw in enumerate(ground.draws) if not (draw.only or draw.far)]

    # - by numbers alone

    def conventions(self, asked: Convention) -> tuple[str, ...]:
        """The conventions that may be meant, the one in which most is right first."""
        if asked != "auto":
            return (asked,)
        counts = {c: self._count(c) for c in self.ground.conventions}
        return tuple(sorted(counts, key=lambda c: counts[c], reverse=True))

    def _count(self, convention: str) -> tuple[int, int, int]:
        """How many formulas are right by themselves, how many arrays, and how many of these follow from the others."""
        alone = sum(not _is_wrong(self, formula, name, convention) for name, formula in self.formulas.items())
        given = self._given(0, convention)
        follow = sum(chain.follows(self.ground, 0, convention, name, given) for name in given)
        return alone, sum(self.is_right(name, convention) for name in self.all), follow

    def _given(self, k: int, convention: str) -> dict[str, Array]:
        """The gradients that were returned on a draw, with the variables that are called like gradients."""
        return {name: array for name, array in self.results[k, convention].items() if name in self.gradients}

    def is_right(self, name: str, convention: str) -> bool:
        """Whether a key is right on every draw."""
        return all(
            agrees_on(self.ground, k, convention, name, self.results[k, convention].get(name)) for k in self.draws
        )

    def remark(self, name: str, convention: str) -> str:
        """For which data alone a key is right, where it is not for all that could be asked."""
        for k, draw in enumerate(self.ground.draws):
            mine = self.results[k, convention].get(name)
            if draw.only and not agrees_on(self.ground, k, convention, name, mine):
                return draw.only
        return ""

    def all_right(self, conventions: tuple[str, ...]) -> bool:
        """Whether every key that the graph knows is right, in one convention."""
        return all(self.is_right(name, conventions[0]) for name in self.keys if name in self.ground.judged)

    def _right(self, name: str, convention: str) -> Verdict:
        shown = self.shown(name)
        if name not in self.ground.judged:
            return Verdict(name, shown, True, True, "kept", "no name of the graph", line=self.line(name))
        others = [c for c in self.ground.conventions if c != convention and self.is_right(name, c)]
        told = None if len(self.ground.conventions) == 1 else "either" if others else convention
        remark = self.remark(name, convention)
        return Verdict(name, shown, True, True, "right", convention=told, line=self.line(name), remark=remark)

    def of_arrays(self, conventions: tuple[str, ...]) -> Report:
        """The report on arrays: each by itself, and in the chain; variables only where something is wrong."""
        c = conventions[0]
        verdicts = [self._judged(name, conventions) for name in self.all]
        if all(verdict.ok for verdict in verdicts if verdict.name in self.keys):
            verdicts = [verdict for verdict in verdicts if verdict.name in self.keys]
        shown = [verdict for verdict in verdicts if verdict.name in self.keys or not verdict.ok]
        wrong = [verdict for verdict in shown if not verdict.own]
        first = min(wrong, key=lambda verdict: verdict.line or 0, default=None)
        if first is not None:
            all_wrong = not any(verdict.own for verdict in verdicts if verdict.name in self.keys)
            shown[shown.index(first)] = self.at_blamed(first, c, all_wrong=all_wrong)
        return self._report(shown, conventions, first=None if first is None else first.name)

    def at_blamed(self, verdict: Verdict, convention: str, *, all_wrong: bool) -> Verdict:
        """A verdict at the line where the first variable came to be that is nothing right, if there is one."""
        blamed = first_wrong(self.ground, convention, self.answers.made, all_wrong=all_wrong)
        if blamed is None:
            return verdict
        name, line = blamed
        return replace(
            verdict, line=line, diagnosis=f"{verdict.diagnosis}; look at line {line}, where {name} comes to be"
        )

    def _judged(self, name: str, conventions: tuple[str, ...]) -> Verdict:
        convention = conventions[0]
        if name not in self.ground.judged or self.is_right(name, convention):
            return self._right(name, convention)
        shown, line = self.shown(name), self.line(name)
        given = self.results[0, convention]
        draws = [k for k in self.draws if self.ground.draws[k].tame or self.ground.draws[k].given]
        if name in self.gradients and all(
            chain.follows(self.ground, k, convention, name, self._given(k, convention)) for k in draws
        ):
            because = chain.causes(self.ground, 0, convention, name, self._given(0, convention))
            if because:
                told = f"wrong only because {', '.join(because)} {'is' if len(because) == 1 else 'are'}"
                return Verdict(name, shown, False, True, told, because=because, line=line)
        mine, right = given[name], np.asarray(self.ground.values(0, convention)[name])
        told = next(filter(None, (self._change(name, c, draws) for c in conventions)), _difference(mine, right, name))
        return Verdict(name, shown, False, False, "wrong", told, line=line)

    def _change(self, name: str, convention: str, draws: Sequence[int]) -> str:
        """The usual change that makes an array right on all draws."""
        arrays = [self.results[k, convention].get(name) for k in draws]
        known = [array for array in arrays if array is not None]
        found = len(known) == len(draws) and name in self.gradients
        return change_told(self.ground, draws, convention, name, known) if found else ""

    def _report(self, verdicts: list[Verdict], conventions: tuple[str, ...], first: str | None = None) -> Report:
        decisive = any(verdict.convention == conventions[0] for verdict in verdicts)
        label = conventions[0] if decisive and len(self.ground.conventions) > 1 else None
        wrong = [verdict for verdict in verdicts if not verdict.own]
        if first is None and wrong:
            first = min(wrong, key=lambda verdict: verdict.line or 0).name
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


def agrees_on(ground: Ground, k: int, convention: str, name: str, mine: Array | None) -> bool:
    """Whether an array is what is right on a draw, but for rounding, the engine's own included."""
    right = ground.values(k, convention).get(name)
    if mine is None or right is None or mine.shape != np.shape(right):
        return False
    right = np.asarray(right)
    return same(mine, right) or bool(agrees(mine, right, ground.slack(k, convention, name)).all())


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
    ground, settled = submission.ground, submission.conventions(convention)[0]
    wrong = {name: formula for name, formula in formulas.items() if _is_wrong(submission, formula, name, settled)}
    right = {name: formula for name, formula in formulas.items() if name not in wrong}
    asked: Any = settled if len(ground.conventions) > 1 else "auto"
    found = _verdicts_on_wrong(
        submission,
        wrong,
        settled,
        lambda name: check(ground.graph, {**right, name: wrong[name]}, feeds, convention=asked, seed=seed)[name],
    )
    report = check(ground.graph, right, feeds, convention=convention, seed=seed) if right else None
    if report is not None:
        found |= {name: _in_chain(report[name], formulas, wrong.keys(), found) for name in right}
    keys = [name for name in formulas if name in submission.keys or not found[name].ok]
    first = next((name for name in keys if not found[name].own), None)
    if first is not None:
        rather = _blamed(submission, formulas, wrong, settled) if first in wrong else None
        found[first] = _at_common_line(found[first], wrong, right, rather)
        if rather is None and not found[first].repair and first in wrong:
            found[first] = submission.at_blamed(found[first], settled, all_wrong=not right)
    label = report.convention if report is not None else None
    return Report([found[name] for name in keys], label, first, batch=ground.batch, examples=ground.examples)


def _verdicts_on_wrong(
    submission: _Submission, wrong: Mapping[str, UserFormula], convention: str, alone: Callable[[str], Verdict]
) -> dict[str, Verdict]:
    """The verdicts on wrong formulas: one that the repair of another one mends is wrong because of that one."""
    found: dict[str, Verdict] = {}
    for name, formula in wrong.items():
        if name in found:
            continue
        found[name] = verdict = _with_line(alone(name), formula)
        if not verdict.repair:
            continue
        old, new = _smallest_difference(formula.tree, ast.parse(verdict.repair, mode="eval").body)
        for other, another in wrong.items():
            tree = None if other in found else _exchanged(another.tree, old, new)
            if tree is not None and not _is_wrong(submission, UserFormula.from_tree(tree), other, convention):
                found[other] = _because(other, another, (name,), f"line {verdict.line}" if verdict.line else name)
    return found


def _in_chain(
    verdict: Verdict, formulas: Mapping[str, UserFormula], wrong: Collection[str], found: Mapping[str, Verdict]
) -> Verdict:
    """The verdict on a formula that is right by itself: wrong where it reads one that is not."""
    name = verdict.name
    before = _led_to(name, formulas)
    culprits = tuple(other for other in wrong if other in before and not found[other].own)
    if culprits:
        return _because(name, formulas[name], culprits, ", ".join(culprits))
    return _with_line(verdict, formulas[name])


def _blamed(
    submission: _Submission, formulas: Mapping[str, UserFormula], wrong: Collection[str], convention: str
) -> Blamed | None:
    """The line of which all that is wrong comes, where one alone is to blame."""
    trees = {name: formula.tree for name, formula in formulas.items() if name in submission.ground.judged}
    tame = [k for k in submission.draws if submission.ground.draws[k].tame] or submission.draws
    return blamed(submission.ground, tame, convention, trees, wrong)


def _at_common_line(
    verdict: Verdict,
    wrong: Mapping[str, UserFormula],
    right: Mapping[str, UserFormula],
    found: Blamed | None,
) -> Verdict:
    """The verdict at the line that all wrong formulas share, and no right one, where its own is none of these."""
    if verdict.name not in wrong:
        return verdict
    tree = wrong[verdict.name].tree
    shared = set.intersection(*map(_lines, wrong.values())) - set().union(*map(_lines, right.values()))
    stray = len(wrong) > 1 and verdict.line is not None and bool(shared) and verdict.line not in shared
    if found is not None and (not verdict.repair or stray or found.is_rather(verdict.line, tree)):
        if found.line == verdict.line:
            return verdict
        told = f"{verdict.diagnosis}; line {found.line} should give {listed(found.names)}: with that all is right"
        return replace(verdict, line=found.line, diagnosis=told)
    if not stray:
        return verdict
    line = _first_of(tree, shared)
    return replace(verdict, line=line, diagnosis=f"{verdict.diagnosis}; all that is wrong goes through line {line}")


def _lines(formula: UserFormula) -> set[int]:
    return {line for node in ast.walk(formula.tree) if (line := getattr(node, "lineno", None)) is not None}


def _first_of(tree: ast.expr, lines: Collection[int]) -> int | None:
    """Of some lines the one whose part of an expression stands deepest, so that it was computed first."""
    level, found = [tree], None
    while level:
        found = next((node.lineno for node in level if getattr(node, "lineno", None) in lines), found)
        level = [part for node in level for part in parts_of(node)]
    return found


def _because(name: str, formula: UserFormula, culprits: tuple[str, ...], shown: str) -> Verdict:
    told = f"wrong only because {shown} {'are' if len(culprits) > 1 else 'is'}"
    return Verdict(name, formula.text, False, True, told, because=culprits, line=_line(formula))


def _led_to(name: str, formulas: Mapping[str, UserFormula]) -> set[str]:
    """The formulas that one reads, and those that these read."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for read in formulas[waiting.pop()].names & formulas.keys() - found:
            found.add(read)
            waiting.append(read)
    return found - {name}


def _is_wrong(submission: _Submission, formula: UserFormula, name: str, convention: str) -> bool:
    ground = submission.ground
    for k in submission.draws:
        values = ground.values(k, convention)
        if name not in values:
            return False
        try:
            found = formula.evaluate(values)
        except ChainruleError:
            return True
        if not agrees_on(ground, k, convention, name, found):
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


def _exchanged(tree: ast.expr, old: ast.expr, new: ast.expr) -> ast.expr | None:
    """The expression with one part exchanged wherever it stands, None where it stands nowhere."""
    marks = {ast.dump(old): new}
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


def _smallest_difference(old: ast.expr, new: ast.expr) -> tuple[ast.expr, ast.expr]:
    """The smallest part that differs and is more than a name, with what it should be."""
    found = (old, new)
    while True:
        before, after = map(parts_of, found)
        different = [(a, b) for a, b in zip(before, after, strict=False) if ast.dump(a) != ast.dump(b)]
        alike = type(found[0]) is type(found[1]) and len(before) == len(after) and len(different) == 1
        if not alike or isinstance(different[0][0], ast.Name | ast.Constant | ast.Attribute):
            return found
        found = different[0]
