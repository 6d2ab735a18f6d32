"""Why a formula is wrong: the change that mends it, a convention that is mixed, or where its result differs."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Sequence
from typing import final

import numpy as np

from chainrule.derivation.deriving import derivation
from chainrule.derivation.formulas import Derivation
from chainrule.judging.budget import A_LINE, A_REPORT, Budget
from chainrule.judging.candidates import activation_of, candidates, makers, numbers_of_rules, surroundings
from chainrule.judging.closeness import Array, distance
from chainrule.judging.contributions import Contributions, with_term
from chainrule.judging.diagnosis import Case, Fix, Reading, Search, best_of
from chainrule.judging.discrepancy import difference_text
from chainrule.judging.findings import Failure, Finding, put_outcome
from chainrule.judging.ground import MEAN, PER_EXAMPLE
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
        self.trial, self._ground, self._findings, self._reads = trial, trial.ground, trial.findings, trial.reads
        self._searches: dict[tuple[str, str, int], tuple[ast.expr, Search]] = {}
        self.fixed: dict[str, Fix] = {}
        self._settled: str | None = None
        self._budgets: dict[str, Budget] = {}

    def _budget(self, finding: Finding) -> Budget:
        """What the searches for one formula may take together, of what is left for the report."""
        name = finding.formula.name
        if name not in self._budgets:
            spent = sum(A_LINE - max(budget.left, 0) for budget in self._budgets.values())
            self._budgets[name] = Budget(max(0, min(A_LINE, A_REPORT - spent)))
        return self._budgets[name]

    def settle(self, convention: str | None) -> None:
        """Explain in one convention, or in either."""
        self._settled = convention

    def decisive(self) -> list[Finding]:
        """The formulas that are right in one convention only, on the way back from the loss."""
        return [f for f in self._findings.values() if f.judged and len(f.right_in) == 1]

    def voters(self) -> list[Finding]:
        """The formulas that are wrong, and read no name of the user's own."""
        wrong = [f for f in self._findings.values() if f.judged and not f.right_in and f.formula.parsed is not None]
        own = {name for name, finding in self._findings.items() if not finding.judged}
        return [finding for finding in wrong if not own & finding.formula.reads]

    def votes(self) -> list[str]:
        """For every formula that is wrong, the convention in which it is nearer to being right, if there is one."""
        found = []
        for finding in self.voters():
            costs = {c: self._cost(finding, c) for c in self._ground.conventions}
            best = min(costs, key=lambda c: costs[c])
            found += [best] if sum(cost == costs[best] for cost in costs.values()) == 1 else []
        return found

    def _cost(self, finding: Finding, convention: str) -> float:
        """How unlikely a mistake has to be made to be made in one convention, with a single change."""
        assert finding.formula.parsed is not None
        fixed = self._search(finding, convention, finding.formula.parsed.tree).one_change()
        return np.inf if fixed is None else round(fixed.cost, 3)

    def _search(self, finding: Finding, convention: str, tree: ast.expr) -> Search:
        key = (finding.formula.name, convention, id(tree))
        if key not in self._searches:
            self._searches[key] = (tree, Search(tree, self._reading(finding, convention), self._budget(finding)))
        return self._searches[key][1]

    def convention_of(self, name: str) -> str:
        """The convention that a formula is explained in."""
        fixed = self.fixed.get(name)
        return self._settled or (self._nearest(self._findings[name]) if fixed is None else fixed.convention)

    def fix_alone(self, finding: Finding, convention: str) -> Fix | None:
        """The change that makes of a formula what a finding expects, whichever name that has."""
        assert finding.formula.parsed is not None
        return best_of([Search(finding.formula.parsed.tree, self._reading(finding, convention))])

    def wrong(self, finding: Finding, settled: str | None) -> Verdict:
        formula = finding.formula
        found = (
            self._forgotten(finding, settled)
            or self._fix(finding, settled)
            or self._counted_otherwise(finding, settled)
        )
        mixture = self._mixture(finding, settled)
        first = mixture or (found.text if found else "")
        if formula.name in self.trial.circular:
            first = "; ".join([self.trial.circle_text(formula), *([first] if first else [])])
        diagnosis = first or self._difference(finding, settled)
        if not first and any(one.cut for (name, _, _), (_, one) in self._searches.items() if name == formula.name):
            diagnosis += "; not searched for all repairs, which would take too long"
        cancels = finding.chain_ok and not finding.lucky and found is not None
        if cancels and any(r in self._findings for r in formula.reads):
            diagnosis += "; its result comes out right only because another mistake cancels this one"
        repair = ast.unparse(found.tree) if found and found.tree is not None else ""
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

    def _forgotten(self, finding: Finding, settled: str | None) -> Fix | None:
        """What the consumers of a node send to it and a formula has forgotten, added to the formula."""
        for convention, told, arrays in self._contributed(finding, settled):
            found = told.forgotten(arrays, finding.formula.reads, functools.partial(self._derivation, convention))
            if found is not None:
                trees = (self._with_term(finding, convention, formula) for formula in found.formulas)
                tree = next((tree for tree in trees if tree is not None), None)
                return Fix(tree, found.text, 1.0, convention, ("contribution missing",))
        return None

    def _counted_otherwise(self, finding: Finding, settled: str | None) -> Fix | None:
        """What the consumers of a node send to it and a formula counts twice, or with the wrong sign."""
        for convention, told, arrays in self._contributed(finding, settled):
            text = told.scaled(arrays, functools.partial(self._derivation, convention))
            if text:
                return Fix(None, text, 1.0, convention, ("contribution scaled",))
        return None

    def _contributed(self, finding: Finding, settled: str | None) -> Iterator[tuple[str, Contributions, list[Array]]]:
        """In every convention that counts, the contributions to a gradient and what a formula gives, if that fits."""
        name, draws = finding.formula.name, self.trial.strict(finding.formula)
        if name in self._ground.draws[0].values or name not in self._ground.draws[0].gradients:
            return
        for convention in self._ground.conventions if settled is None else (settled,):
            outcomes = [(finding.alone[k, convention], finding.expected[k, convention]) for k in draws]
            arrays = [_stretched(out, right) for out, right in outcomes if not isinstance(out, Failure)]
            if len(arrays) == len(draws) and all(
                a.shape == r.shape for a, (_, r) in zip(arrays, outcomes, strict=True)
            ):
                own = self._findings.keys()
                yield convention, Contributions(self._ground, name, draws, convention, own=own), arrays

    def _with_term(self, finding: Finding, convention: str, term: str) -> ast.expr | None:
        """A formula with the term that it has forgotten, where that makes it right."""
        formula = finding.formula
        if formula.parsed is None or not term:
            return None
        tree = with_term(formula.parsed.tree, term, self._ground.names)
        return tree if tree is not None and self.trial.confirms(formula, tree, convention) else None

    @functools.cache  # noqa: B019  # an explainer is held no longer than one report
    def _derivation(self, convention: str) -> Derivation:
        return derivation(self._ground.graph, "per-example" if convention == PER_EXAMPLE else "mean")

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
        k = next(k for k in self.trial.strict(finding.formula) if not self.trial.agrees_on(finding, k, convention))
        outcome, expected = finding.alone[k, convention], finding.expected[k, convention]
        if isinstance(outcome, Failure):
            return outcome.text
        return difference_text(outcome, expected, finding.formula.name)

    def _nearest(self, finding: Finding) -> str:
        """The convention in which a wrong result is nearer to the right one."""
        gaps = {}
        for c in self._ground.conventions:
            outcomes = [(finding.alone[k, c], finding.expected[k, c]) for k in self.trial.strict(finding.formula)]
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
        helpers = {name: self.inlined[name] for name in formula.reads if name in self.inlined}
        trees = [tree, substituted(tree, helpers)] if helpers and formula.parsed is not None else [tree]
        found = best_of([self._search(finding, convention, one) for one in trees for convention in conventions])
        if found is not None:
            self.fixed[formula.name] = found
        return found if formula.parsed is not None or found is None or _speaks_of_result(found) else None

    @functools.cached_property
    def inlined(self) -> dict[str, ast.expr]:
        """The user's own names as expressions in the graph's names alone, unless they are long."""
        found: dict[str, ast.expr] = {}
        for formula in self.trial.order:
            is_own = not self._findings[formula.name].judged and formula.name not in self.trial.circular
            if is_own and formula.parsed is not None:
                tree = substituted(formula.parsed.tree, {name: found[name] for name in formula.reads if name in found})
                if len(sites(tree)) <= _LONGEST_INLINED:
                    found[formula.name] = tree
        return found

    def _reading(self, finding: Finding, convention: str) -> Reading:
        formula = finding.formula
        cases = []
        for k in self.trial.strict(formula):
            values = self.trial.values_with_own(self._findings, k, convention)
            values.pop(formula.name, None)
            if formula.parsed is None:
                put_outcome(values, _RESULT, finding.alone[k, convention])
            draw = self._ground.draws[k]
            tame = draw.tame or formula.parsed is None  # what an array comes from cannot be computed again
            cases.append(Case(values, finding.expected[k, convention], draw.sizes.get(self._ground.batch), tame))
        cases.sort(key=lambda case: (not case.tame, sum(map(np.size, case.values.values()))))
        names = candidates(self._ground, formula)
        batch, examples = self._ground.batch, self._ground.examples
        spoken = batch if batch and batch not in self._ground.graph else None  # a node of that name is meant by it
        return Reading(
            convention,
            tuple(cases),
            functools.partial(
                surroundings,
                names,
                cases[0].values,
                spoken,
                examples=examples,
                target=formula.name.removeprefix("d"),
                numbers=numbers_of_rules(self._ground.graph),
                made_by=makers(self._ground.graph),
                activation=activation_of(self._ground.graph, formula.name.removeprefix("d")),
            ),
            functools.partial(self._confirms, finding, convention),
        )

    def _confirms(self, finding: Finding, convention: str, tree: ast.expr) -> bool:
        """Whether a repair is right on data that it was not found on, too; of a result only that data is known."""
        return finding.formula.parsed is None or self.trial.confirms(finding.formula, tree, convention)


def _stretched(outcome: Array, expected: Array) -> Array:
    """A result that a sum would stretch, as large as what is expected."""
    fits = outcome.ndim == expected.ndim and all(
        a in (1, b) for a, b in zip(outcome.shape, expected.shape, strict=True)
    )
    return np.broadcast_to(outcome, expected.shape) if fits else outcome


def _speaks_of_result(found: Fix) -> bool:
    """Whether a repair still computes with what a callable or an array gave: another formula is no repair of it."""
    parts = () if found.tree is None else ast.walk(found.tree)
    return any(isinstance(node, ast.Name) and node.id == _RESULT for node in parts)


def listed(names: Sequence[str]) -> str:
    """Names with commas and an and."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
