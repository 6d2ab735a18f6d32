"""Why a formula is wrong: the change that mends it, a convention that is mixed, or where its result differs."""

from __future__ import annotations

import ast
import functools
from collections.abc import Sequence
from typing import final

import numpy as np

from chainrule.judging.candidates import candidates, surroundings
from chainrule.judging.closeness import distance
from chainrule.judging.diagnosis import Case, Fix, Reading, fix
from chainrule.judging.discrepancy import difference_text
from chainrule.judging.findings import Failure, Finding, put_outcome
from chainrule.judging.ground import MEAN
from chainrule.judging.precedence import led_to
from chainrule.judging.repairs.expressions import named, substituted
from chainrule.judging.repairs.tree import sites
from chainrule.judging.trial import Trial
from chainrule.judging.verdicts import Verdict

_LONGEST_INLINED = 60  # parts of an expression that is put in the place of a name
_RESULT = "result"  # the name under which a repair speaks of what a callable or an array gave


@final
class Explainer:
    """The explanations of one set of formulas that have been tried."""

    def __init__(self, trial: Trial) -> None:
        self._trial, self._ground, self._findings, self._reads = trial, trial.ground, trial.findings, trial.reads

    def decisive(self) -> list[Finding]:
        """The formulas that are right in one convention only, on the way back from the loss."""
        return [f for f in self._findings.values() if f.judged and len(f.right_in) == 1]

    def votes(self) -> list[str]:
        """For every formula that is wrong, the convention in which it is nearer to being right."""
        return []

    def with_helpers_blamed(self, verdicts: dict[str, Verdict]) -> dict[str, Verdict]:
        """The verdicts, a wrong name of the user's own blamed itself in place of those that read it."""
        return verdicts

    def wrong(self, finding: Finding, settled: str | None) -> Verdict:
        formula = finding.formula
        found = self._fix(finding, settled)
        mixture = self._mixture(finding, settled)
        first = mixture or (found.text if found else "")
        if formula.name in self._trial.circular:
            first = "; ".join([self._trial.circle_text(formula), *([first] if first else [])])
        diagnosis = first or self._difference(finding, settled)
        if finding.chain_ok and found is not None and any(r in self._findings for r in formula.reads):
            diagnosis += "; its result comes out right only because another mistake cancels this one"
        repair = ast.unparse(found.tree) if found else ""
        return Verdict(
            formula.name,
            formula.shown,
            False,
            False,
            "wrong",
            diagnosis,
            repair,
            repairs=found.repairs if found else (),
        )

    def _mixture(self, finding: Finding, settled: str | None) -> str:
        """What to say of a formula that is right in the other convention."""
        if settled is None or not finding.right_in or settled in finding.right_in:
            return ""
        name, m, scaled = finding.formula.name, self._ground.batch, finding.formula.name in self._ground.scaled
        anchor = self._anchor(finding, settled)
        other, read = anchor or "the convention asked for", anchor or "the gradient that it reads"
        if settled == MEAN and scaled:
            return f"1/{m} is missing: {name} is per example here, while {other} has 1/{m} in every gradient"
        if settled == MEAN:
            return f"{name} divides by {m} again though {read} already did"
        if scaled:
            return f"{name} divides by {m} already, while {other} leaves that to the parameters' gradients"
        return (
            f"1/{m} is missing: {read} is per example, so a sum over {self._ground.examples} has to be divided by {m}"
        )

    def _anchor(self, finding: Finding, settled: str) -> str | None:
        """The nearest formula that settles the convention: one that this formula reads, else the first of all."""
        decisive = [f.formula.name for f in self.decisive() if f.right_in == (settled,)]
        before = led_to(finding.formula.name, self._reads)
        return next(iter([*(name for name in decisive if name in before), *decisive]), None)

    def _difference(self, finding: Finding, settled: str | None) -> str:
        """How the result differs, where no change was found that mends it."""
        convention = settled or self._nearest(finding)
        k = next(k for k in self._trial.strict(finding.formula) if not self._trial.agrees_on(finding, k, convention))
        outcome, expected = finding.alone[k, convention], finding.expected[k, convention]
        if isinstance(outcome, Failure):
            return outcome.text
        return difference_text(outcome, expected, finding.formula.name)

    def _nearest(self, finding: Finding) -> str:
        """The convention in which a wrong result is nearer to the right one."""
        gaps = {}
        for c in self._ground.conventions:
            outcomes = [(finding.alone[k, c], finding.expected[k, c]) for k in self._trial.strict(finding.formula)]
            gaps[c] = max(
                np.inf if isinstance(o, Failure) or o.shape != e.shape else distance(o, e) for o, e in outcomes
            )
        return min(gaps, key=lambda c: gaps[c])

    # repairs

    def _fix(self, finding: Finding, settled: str | None) -> Fix | None:
        """The change that makes a formula right; for a callable or an array, what has to be done to its result."""
        formula = finding.formula
        tree = named(_RESULT) if formula.parsed is None else formula.parsed.tree
        if formula.parsed is None and any(isinstance(outcome, Failure) for outcome in finding.alone.values()):
            return None
        conventions = self._ground.conventions if settled is None else (settled,)
        readings = [self._reading(finding, convention) for convention in conventions]
        found = fix(tree, readings)
        helpers = {name: self._inlined[name] for name in formula.reads if name in self._inlined}
        if found is None and formula.parsed is not None and helpers:
            found = fix(substituted(tree, helpers), readings)
        return found if formula.parsed is not None or found is None or _speaks_of_result(found.tree) else None

    @functools.cached_property
    def _inlined(self) -> dict[str, ast.expr]:
        """The user's own names as expressions in the graph's names alone, unless they are long."""
        found: dict[str, ast.expr] = {}
        for formula in self._trial.order:
            is_own = not self._findings[formula.name].judged and formula.name not in self._trial.circular
            if is_own and formula.parsed is not None:
                tree = substituted(formula.parsed.tree, {name: found[name] for name in formula.reads if name in found})
                if len(sites(tree)) <= _LONGEST_INLINED:
                    found[formula.name] = tree
        return found

    def _reading(self, finding: Finding, convention: str) -> Reading:
        formula = finding.formula
        cases = []
        for k in self._trial.strict(formula):
            values = self._trial.values_with_own(self._findings, k, convention)
            values.pop(formula.name, None)
            if formula.parsed is None:
                put_outcome(values, _RESULT, finding.alone[k, convention])
            columns = self._ground.draws[k].sizes.get(self._ground.batch)
            cases.append(Case(values, finding.expected[k, convention], columns))
        cases.sort(key=lambda case: sum(map(np.size, case.values.values())))
        names = candidates(self._ground, formula)
        batch, examples = self._ground.batch, self._ground.examples
        spoken = batch if batch and batch not in self._ground.graph else None  # a node of that name is meant by it
        return Reading(
            convention,
            tuple(cases),
            functools.partial(surroundings, names, cases[0].values, spoken, examples=examples),
            functools.partial(self._confirms, finding, convention),
        )

    def _confirms(self, finding: Finding, convention: str, tree: ast.expr) -> bool:
        """Whether a repair is right on data that it was not found on, too; of a result only that data is known."""
        return finding.formula.parsed is None or self._trial.confirms(finding.formula, tree, convention)


def _speaks_of_result(tree: ast.expr) -> bool:
    """Whether a repair still computes with what a callable or an array gave: another formula is no repair of it."""
    return any(isinstance(node, ast.Name) and node.id == _RESULT for node in ast.walk(tree))


def listed(names: Sequence[str]) -> str:
    """Names with commas and an and."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
