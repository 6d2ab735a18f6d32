"""Names of the user's own that are wrong themselves, and not the formulas that read them."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.judging.candidates import candidates
from chainrule.judging.closeness import same
from chainrule.judging.diagnosis import Fix
from chainrule.judging.explaining import Explainer
from chainrule.judging.findings import Failure, Finding, put_outcome
from chainrule.judging.given import GivenFormula
from chainrule.judging.reading.user_formula import UserFormula
from chainrule.judging.repairs.expressions import part_in_place
from chainrule.judging.verdicts import Verdict


@final
class Helpers:
    """The blaming of names of the user's own, in one convention."""

    def __init__(self, explainer: Explainer, convention: str) -> None:
        self._explainer, self._trial, self._convention = explainer, explainer.trial, convention
        self._ground, self._findings = self._trial.ground, self._trial.findings

    def blamed(self, verdicts: dict[str, Verdict]) -> dict[str, Verdict]:
        """The verdicts, a wrong name of the user's own blamed itself in place of those that read it."""
        for formula in self._trial.order:
            if verdicts[formula.name].verdict == "kept" and formula.parsed is not None:
                judged = [n for n in self._findings if self._findings[n].judged]
                readers = [n for n in judged if formula.name in self._trial.reads_by_own(n)]
                wrong = [n for n in readers if not verdicts[n].own]
                if wrong and len(wrong) == len(readers):
                    verdicts = verdicts | self._blame(formula, wrong, verdicts)
        return verdicts

    def _blame(
        self, helper: GivenFormula, readers: Sequence[str], verdicts: Mapping[str, Verdict]
    ) -> dict[str, Verdict]:
        """What becomes of a name of one's own and of those that read it, where another value of it mends them all."""
        found = self._as_meant(helper, readers) or self._as_changed(helper, readers)
        if found is None:
            return {}
        text, tree = found
        shown = "" if tree is None else ast.unparse(tree)
        blamed = {helper.name: Verdict(helper.name, helper.shown, False, False, "wrong", text, shown)}
        told = f"wrong only because {helper.name} is"
        for name in readers:
            formula = verdicts[name].formula
            blamed[name] = Verdict(name, formula, False, True, told, because=(helper.name,))
        return blamed

    # a name of the graph in its place

    def _as_meant(self, helper: GivenFormula, readers: Sequence[str]) -> tuple[str, ast.expr | None] | None:
        """What is wrong with a name of one's own that is used as one of the graph, which would mend all its readers."""
        for name in self._names(readers):
            if all(self._right_with(reader, helper.name, name) for reader in readers):
                found = self._fix_of(helper, name)
                return (f"it is used as {name}, and is not", None) if found is None else (found.text, found.tree)
        return None

    def _names(self, readers: Sequence[str]) -> list[str]:
        sizes = [name for name in self._ground.draws[0].sizes if name in self._ground.judged]
        near = [candidates(self._ground, self._findings[reader].formula) for reader in readers]
        return list(dict.fromkeys([*sizes, *(n for values, back in near for n in (*back, *values)), *readers]))

    def _right_with(self, reader: str, helper: str, name: str) -> bool:
        draws = self._trial.strict(self._findings[reader].formula)
        values = (np.asarray(self._ground.values(k, self._convention)[name], float) for k in draws)
        return all(self._right_on(reader, helper, value, k) for k, value in zip(draws, values, strict=True))

    def _right_on(self, reader: str, helper: str, value: Any, k: int) -> bool:
        """Whether a formula is right on a draw with another value of a name of one's own, which others may read."""
        values = dict(self._ground.values(k, self._convention))
        for formula in self._trial.order:
            if formula.name == helper:
                values[helper] = value
            elif not self._findings[formula.name].judged:
                put_outcome(values, formula.name, self._trial.computed(formula, values))
        finding = self._findings[reader]
        outcome = self._trial.computed(finding.formula, values)
        return not isinstance(outcome, Failure) and same(outcome, finding.expected[k, self._convention])

    def _fix_of(self, helper: GivenFormula, name: str) -> Fix | None:
        """The change that makes of a name of one's own what it is used as."""
        draws, convention = tuple(self._trial.strict(helper)), self._convention
        expected = {(k, convention): np.asarray(self._ground.values(k, convention)[name], float) for k in draws}
        alone = {(k, convention): self._findings[helper.name].alone[k, convention] for k in draws}
        return self._explainer.fix_alone(Finding(replace(helper, name=name, draws=draws), expected, alone), convention)

    # its own formula changed

    def _as_changed(self, helper: GivenFormula, readers: Sequence[str]) -> tuple[str, ast.expr] | None:
        """The change of a name of one's own that mends all its readers, as it was found for one of them."""
        for reader in readers:
            fixed = self._explainer.fixed.get(reader)
            own = self._findings[reader].formula.parsed
            if fixed is not None and fixed.tree is not None and own is not None:
                changed = self._part(own.tree, helper.name, fixed.tree)
                if changed is not None and all(self._mended(n, helper.name, changed) for n in readers):
                    return fixed.text, changed
        return None

    def _part(self, tree: ast.expr, name: str, whole: ast.expr) -> ast.expr | None:
        """What stands in a whole expression for a name that another one reads, or names that it reads do."""
        inlined = self._explainer.inlined
        for read in (part.id for part in ast.walk(tree) if isinstance(part, ast.Name) and part.id in inlined):
            part = part_in_place(tree, read, whole, inlined)
            if part is None or ast.dump(part) == ast.dump(inlined[read]):
                continue
            own = self._findings[read].formula.parsed
            if read == name or own is None:
                return part if read == name else None
            return self._part(own.tree, name, part)
        return None

    def _mended(self, reader: str, helper: str, changed: ast.expr) -> bool:
        formula = UserFormula.from_tree(changed)
        for k in self._trial.strict(self._findings[reader].formula):
            try:
                value = formula.evaluate(self._trial.values_with_own(formula.names, k, self._convention))
            except ChainruleError:
                return False
            if not self._right_on(reader, helper, value, k):
                return False
        return True
