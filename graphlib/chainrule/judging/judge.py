"""Judge formulas and arrays derived by hand by the values and gradients of a graph."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.passes import forward
from chainrule.core.run import BaseRun
from chainrule.errors import ArgumentError, ChainruleError, did_you_mean
from chainrule.judging.candidates import candidates, surroundings
from chainrule.judging.closeness import Array, Values, distance, same
from chainrule.judging.diagnosis import Case, Fix, Reading, fix
from chainrule.judging.discrepancy import difference_text
from chainrule.judging.findings import Failure, Finding, Outcome, about_right, as_result, put_outcome
from chainrule.judging.given import AnyFormula, GivenFormula, given_formula, without
from chainrule.judging.ground import MEAN, PER_EXAMPLE, Convention, Draw, Ground, drawn, drawn_from, random_draws
from chainrule.judging.precedence import in_order, led_to, where_known
from chainrule.judging.repairs.expressions import named, substituted
from chainrule.judging.repairs.tree import sites
from chainrule.judging.verdicts import Report, Verdict
from chainrule.nodes.batch_of_graph import takes_a_mean
from chainrule.symbols.dimensions import names_in, shape_text


def check(
    graph: BaseGraph,
    formulas: Mapping[str, AnyFormula],
    feeds: Mapping[Any, Any] | None = None,
    *,
    convention: Convention = "auto",
    seed: int = 0,
) -> Report:
    """Judge formulas for the gradients ``dX`` and the values of a graph.

    A formula is text, a callable or an array. Its name is a gradient, a value, or a name of one's own that later
    formulas may use. Text is judged on data drawn at random, for several sizes of m that equal no other size of the
    graph, and on ``feeds`` if there are any. A callable is handed values by the names of its parameters, or all of them
    as a mapping when it takes a single one that is no name; it is judged on the feeds when there are any. An array
    needs feeds.

    ``convention``: "mean" for gradients of the mean loss, "per-example" for those of single examples, where the
    parameters' gradients alone are averaged; "auto" accepts either and finds out which it is.

    Raises FormulaError for text that cannot be read, ArgumentError for an array without feeds, for a callable that
    asks for something unknown, and for "per-example" where the loss is a mean over no named size, FeedError for feeds
    that do not fit.
    """
    given = [] if feeds is None else [drawn(graph, forward(graph, feeds), seed, given=True)]
    return _judge(graph, formulas, given, random_draws(graph, seed, bool(given)), convention)


def compare(run: BaseRun, formulas: Mapping[str, AnyFormula], *, convention: Convention = "auto") -> Report:
    """Judge arrays or formulas for the gradients and values of a run, on the data of the run alone.

    A run without gradients gets them computed, and stays as it is. Otherwise as ``check``.
    """
    return _judge(run.graph, formulas, [drawn_from(run)], [], convention)


def names_of(graph: BaseGraph) -> list[str]:
    """Every name that formulas for a graph may use: values, gradients, and sizes such as m."""
    sizes = {str(name) for node in graph.inputs for name in names_in(node.shape or ())}
    return list(dict.fromkeys([*graph.names, *graph.gradient_names, *sorted(sizes)]))


def _judge(
    graph: BaseGraph, formulas: Mapping[str, AnyFormula], given: list[Draw], random: list[Draw], convention: Convention
) -> Report:
    if convention not in ("auto", MEAN, PER_EXAMPLE):
        raise ArgumentError(f"convention={convention!r} is none of 'auto', 'mean', 'per-example'")
    if not isinstance(formulas, Mapping):
        raise ArgumentError(f"formulas are a dict of names and formulas, not {type(formulas).__name__}")
    ground = Ground(graph, [*random, *given])
    if convention == PER_EXAMPLE and PER_EXAMPLE not in ground.conventions and takes_a_mean(graph):
        raise ArgumentError(
            "the loss of this graph is no mean over a named size, so there are no gradients per example",
            where="; ".join(node.where for node in graph.outputs),
            given=_inputs_text(graph),
            remedy='convention="auto"; or a name for the number of examples, as in shape=(2, "m")',
        )
    judge = _Judge(ground, formulas)
    return judge.report(convention)


def _inputs_text(graph: BaseGraph) -> str:
    return ", ".join(f"{graph.name(node)} {shape_text(node.shape)}" for node in graph.inputs)


_LONGEST_INLINED = 60  # parts of an expression that is put in the place of a name
_RESULT = "result"  # the name under which a repair speaks of what a callable or an array gave


@final
class _Judge:
    """The judging of one set of formulas."""

    def __init__(self, ground: Ground, formulas: Mapping[str, AnyFormula]) -> None:
        self._ground = ground
        self._formulas = {
            str(name): given_formula(str(name), given, ground, map(str, formulas)) for name, given in formulas.items()
        }
        order, self._circular = in_order(self._formulas, ground.graph)
        self._order = where_known(order, ground)
        self._findings = {formula.name: Finding(formula, self._expected(formula)) for formula in self._order}
        self._reads = {formula.name: formula.reads for formula in self._order}

    def report(self, convention: Convention) -> Report:
        """Judge every formula on its own, settle the convention, judge the chain, explain."""
        for reading in self._ground.conventions:
            self._judge_alone(reading)
        for finding in self._findings.values():
            finding.right_in = tuple(c for c in self._ground.conventions if self._is_right(finding, c))
        settled = self._settled(convention)
        self._judge_chain(settled or MEAN)
        verdicts = {name: self._verdict(self._findings[name], settled) for name in self._formulas}
        told = {"batch": self._ground.batch, "examples": self._ground.examples}
        return Report(list(verdicts.values()), self._label(settled), self._first_wrong(verdicts), **told)

    def _expected(self, formula: GivenFormula) -> dict[tuple[int, str], Array]:
        ground = self._ground
        cases = [(k, c) for k in formula.draws for c in ground.conventions if formula.name in ground.judged]
        return {(k, c): ground.values(k, c)[formula.name] for k, c in cases}

    # on its own

    def _judge_alone(self, convention: str) -> None:
        """Every formula from right values; the user's own names are computed from right values, too."""
        for k in range(len(self._ground.draws)):
            values = dict(self._ground.values(k, convention))
            for formula in self._order:
                finding = self._findings[formula.name]
                if k in formula.draws:
                    finding.alone[k, convention] = self._computed(formula, values)
                if not finding.judged:
                    put_outcome(values, formula.name, finding.alone.get((k, convention)))

    def _computed(self, formula: GivenFormula, values: Values) -> Outcome:
        if formula.name in self._circular:
            return Failure(self._circle_text(formula))
        readable = values if formula.parsed is not None else without(values, formula.name)
        try:
            with np.errstate(all="ignore"):
                return as_result(formula.compute(readable))
        except ChainruleError as error:
            return Failure(error.what)
        except Exception as error:  # whatever a callable of the user's raises is told, not raised
            return Failure(f"{type(error).__name__}: {error}")

    def _circle_text(self, formula: GivenFormula) -> str:
        others = sorted(
            r for r in formula.reads & self._reads.keys() - {formula.name} if formula.name in led_to(r, self._reads)
        )
        return f"{formula.name} is computed from itself" + (f", by way of {', '.join(others)}" if others else "")

    def _is_right(self, finding: Finding, convention: str) -> bool:
        if not finding.judged:
            return not any(isinstance(outcome, Failure) for outcome in finding.alone.values())
        return all(
            self._agrees(finding.formula, outcome, finding.expected[k, c], k, c)
            for (k, c), outcome in finding.alone.items()
            if c == convention
        )

    def _agrees(self, formula: GivenFormula, outcome: Outcome, expected: Array, k: int, convention: str) -> bool:
        if isinstance(outcome, Failure) or outcome.shape != expected.shape:
            return False
        if same(outcome, expected):
            return True
        return self._ground.draws[k].given and self._rounds_to(formula, outcome, expected, k, convention)

    def _rounds_to(self, formula: GivenFormula, outcome: Array, expected: Array, k: int, convention: str) -> bool:
        """Whether a difference on the user's own data is what the rounding of its inputs does to the formula.

        Where A has rounded to 1, A - Y is exact to 1e-16 of A and not of A - Y. So the inputs are nudged by 1e-6 of
        themselves: what that does to the result, scaled down to the rounding unit, is what rounding may do to it.
        There 1 / (1 - A) is infinite, which is no mistake of a formula that is right on random data.
        """
        eps, nudge = float(np.finfo(expected.dtype).eps), 1e-6
        values = self._ground.values(k, convention)
        moved = self._computed(formula, {name: _nudged(value, nudge) for name, value in values.items()})
        if isinstance(moved, Failure) or moved.shape != outcome.shape:
            return False
        finite = np.isfinite(outcome) & np.isfinite(expected)
        if not finite.all() and all(self._ground.draws[j].given for j in formula.draws):
            return False
        with np.errstate(all="ignore"):
            change = np.abs(moved - outcome)[finite & np.isfinite(moved)].max(initial=0.0)
            gap = np.abs(outcome - expected)[finite].max(initial=0.0)
        return bool(gap <= 64 * eps / nudge * change)

    # conventions

    def _settled(self, convention: Convention) -> str | None:
        """The convention that the formulas follow: the one in which more are right; of equals that of the first."""
        if convention != "auto" or len(self._ground.conventions) == 1:
            return MEAN if len(self._ground.conventions) == 1 else convention
        decisive = self._decisive()
        if not decisive:
            return None
        counts = {c: sum(f.right_in == (c,) for f in decisive) for c in self._ground.conventions}
        first = decisive[0].right_in[0]
        return max(counts, key=lambda c: (counts[c], c == first))

    def _decisive(self) -> list[Finding]:
        """The formulas that are right in one convention only, on the way back from the loss."""
        return [f for f in self._findings.values() if f.judged and len(f.right_in) == 1]

    def _label(self, settled: str | None) -> str | None:
        if len(self._ground.conventions) == 1:
            return None
        mixed = any(f.right_in != (settled,) for f in self._decisive())
        return "mixed" if mixed else settled

    # the chain

    def _judge_chain(self, convention: str) -> None:
        """Every formula from the user's own earlier results, in one convention."""
        for k in range(len(self._ground.draws)):
            values = dict(self._ground.values(k, convention))
            for formula in self._order:
                finding = self._findings[formula.name]
                if k not in formula.draws:
                    continue
                outcome = finding.chained[k] = self._computed(formula, values)
                put_outcome(values, formula.name, outcome)
                if finding.judged:
                    expected = finding.expected[k, convention]
                    finding.chain_ok &= not isinstance(outcome, Failure) and about_right(outcome, expected)

    def _culprits(self, finding: Finding, settled: str | None) -> tuple[str, ...]:
        """The formulas that are wrong by themselves among those that a formula depends on, the first ones first."""
        reached = led_to(finding.formula.name, self._reads)
        return tuple(n for n, f in self._findings.items() if n in reached and not self._is_fine(f, settled))

    def _is_fine(self, finding: Finding, settled: str | None) -> bool:
        return bool(finding.right_in) if settled is None or not finding.judged else settled in finding.right_in

    # verdicts

    def _verdict(self, finding: Finding, settled: str | None) -> Verdict:
        formula, fine = finding.formula, self._is_fine(finding, settled)
        if not finding.judged:
            return self._kept(finding)
        if not fine:
            return self._wrong(finding, settled)
        convention = None
        if len(self._ground.conventions) > 1:
            convention = finding.right_in[0] if len(finding.right_in) == 1 else "either"
        because = () if finding.chain_ok else self._culprits(finding, settled)
        if not because:
            return Verdict(formula.name, formula.shown, True, True, "right", convention=convention)
        verdict = f"wrong only because {_listed(because)} {'is' if len(because) == 1 else 'are'}"
        return Verdict(formula.name, formula.shown, False, True, verdict, convention=convention, because=because)

    def _kept(self, finding: Finding) -> Verdict:
        """The verdict on a formula whose name the graph does not know."""
        formula = finding.formula
        failure = next((outcome.text for outcome in finding.alone.values() if isinstance(outcome, Failure)), None)
        if failure is not None:
            return Verdict(formula.name, formula.shown, False, False, "wrong", failure)
        meant = did_you_mean(formula.name, self._ground.judged).removeprefix(repr(formula.name)).strip(" ()")
        hint = "" if self._is_read(formula.name) else meant
        return Verdict(formula.name, formula.shown, True, True, "kept", f"no name of the graph; {hint}" if hint else "")

    def _is_read(self, name: str) -> bool:
        return any(name in formula.reads for formula in self._order)

    def _wrong(self, finding: Finding, settled: str | None) -> Verdict:
        formula = finding.formula
        found = self._fix(finding, settled)
        mixture = self._mixture(finding, settled)
        first = mixture or (found.text if found else "")
        if formula.name in self._circular:
            first = "; ".join([self._circle_text(formula), *([first] if first else [])])
        diagnosis = first or self._difference(finding, settled)
        if finding.chain_ok and found is not None and any(r in self._formulas for r in formula.reads):
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
        decisive = [f.formula.name for f in self._decisive() if f.right_in == (settled,)]
        before = led_to(finding.formula.name, self._reads)
        return next(iter([*(name for name in decisive if name in before), *decisive]), None)

    def _difference(self, finding: Finding, settled: str | None) -> str:
        """How the result differs, where no change was found that mends it."""
        convention = settled or self._nearest(finding)
        outcome, expected = next(
            (outcome, finding.expected[k, c])
            for (k, c), outcome in finding.alone.items()
            if c == convention and not self._agrees(finding.formula, outcome, finding.expected[k, c], k, c)
        )
        if isinstance(outcome, Failure):
            return outcome.text
        return difference_text(outcome, expected, finding.formula.name)

    def _nearest(self, finding: Finding) -> str:
        """The convention in which a wrong result is nearer to the right one."""
        gaps = {}
        for c in self._ground.conventions:
            outcomes = [(finding.alone[k, c], finding.expected[k, c]) for k in finding.formula.draws]
            gaps[c] = max(
                np.inf if isinstance(o, Failure) or o.shape != e.shape else distance(o, e) for o, e in outcomes
            )
        return min(gaps, key=lambda c: gaps[c])

    def _first_wrong(self, verdicts: Mapping[str, Verdict]) -> str | None:
        return next((name for name in self._findings if not verdicts[name].own), None)

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
        for formula in self._order:
            is_own = not self._findings[formula.name].judged and formula.name not in self._circular
            if is_own and formula.parsed is not None:
                tree = substituted(formula.parsed.tree, {name: found[name] for name in formula.reads if name in found})
                if len(sites(tree)) <= _LONGEST_INLINED:
                    found[formula.name] = tree
        return found

    def _reading(self, finding: Finding, convention: str) -> Reading:
        formula = finding.formula
        cases = []
        for k in formula.draws:
            values = dict(self._ground.values(k, convention))
            values.pop(formula.name, None)
            for other in self._order:
                if not self._findings[other.name].judged:
                    put_outcome(values, other.name, self._findings[other.name].alone.get((k, convention)))
            if formula.parsed is None:
                put_outcome(values, _RESULT, finding.alone[k, convention])
            columns = self._ground.draws[k].sizes.get(self._ground.batch)
            cases.append(Case(values, finding.expected[k, convention], columns))
        cases.sort(key=lambda case: sum(map(np.size, case.values.values())))
        names = candidates(self._ground, formula)
        batch, examples = self._ground.batch, self._ground.examples
        spoken = batch if batch and batch not in self._ground.graph else None  # a node of that name is meant by it
        return Reading(
            convention, tuple(cases), functools.partial(surroundings, names, cases[0].values, spoken, examples=examples)
        )


def _speaks_of_result(tree: ast.expr) -> bool:
    """Whether a repair still computes with what a callable or an array gave: another formula is no repair of it."""
    return any(isinstance(node, ast.Name) and node.id == _RESULT for node in ast.walk(tree))


def _nudged(value: Any, by: float) -> Any:
    """The array with every second entry a little larger in size; labels and other whole numbers stay as they are."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or not np.any(value != np.round(value)):
        return value
    steps = np.where(np.arange(value.size).reshape(value.shape) % 2, by, -by).astype(value.dtype)
    return np.asarray(value * (1 + steps))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
