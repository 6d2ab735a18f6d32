"""Judge formulas and arrays derived by hand by the values and gradients of a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

from chainrule.core.accepting import generator
from chainrule.core.graph import BaseGraph
from chainrule.core.passes import forward
from chainrule.core.run import BaseRun
from chainrule.errors import ArgumentError, FormulaError, did_you_mean
from chainrule.judging.explaining import Explainer, listed
from chainrule.judging.findings import Failure, Finding, about_right, put_outcome
from chainrule.judging.given import AnyFormula, GivenFormula, given_formula
from chainrule.judging.ground import MEAN, PER_EXAMPLE, Convention, Draw, Ground, drawn, drawn_from, random_draws
from chainrule.judging.helpers import Helpers
from chainrule.judging.keys import canonical, meant, speaks_of_gradients
from chainrule.judging.precedence import in_order, led_to, where_known
from chainrule.judging.required import missing, required
from chainrule.judging.trial import Trial
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
    require: Sequence[str] = (),
) -> Report:
    """Judge formulas for the gradients ``dX`` and the values of a graph.

    A formula is text, a callable or an array. Its name is a gradient, a value, a size such as m, or a name of one's own
    that later formulas may use; it may be written in any notation. Text is judged on data drawn at random, tame and
    wild, for several sizes of m that equal no other size of the graph, and on ``feeds`` if there are any. A formula
    that reads gradients is judged with others than the loss's as well, large and tiny. A callable is handed values by
    the names of its parameters, or all of them as a mapping when it takes a single one that is no name; it is judged on
    the feeds when there are any. An array needs feeds.

    ``convention``: "mean" for gradients of the mean loss, "per-example" for those of single examples, where the
    parameters' gradients alone are averaged; "auto" accepts either and finds out which it is.

    ``require`` are names that have to be among the formulas; each that is not gets a verdict of its own. So does text
    that cannot be read: the others are judged all the same.

    Raises ArgumentError for an unknown name in ``require``, for an array without feeds, for a callable that
    asks for something unknown, and for "per-example" where the loss is a mean over no named size, FeedError for feeds
    that do not fit.
    """
    generator(seed)
    given = [] if feeds is None else [drawn(graph, forward(graph, feeds), seed, given=True)]
    random = random_draws(graph, seed, bool(given))
    return _judge(graph, formulas, given, random, convention=convention, require=require)


def compare(
    run: BaseRun,
    formulas: Mapping[str, AnyFormula],
    *,
    convention: Convention = "auto",
    require: Sequence[str] = (),
) -> Report:
    """Judge arrays or formulas for the gradients and values of a run, on the data of the run alone.

    A run without gradients gets them computed, and stays as it is. Otherwise as ``check``.
    """
    return _judge(run.graph, formulas, [drawn_from(run)], [], convention=convention, require=require)


def names_of(graph: BaseGraph) -> list[str]:
    """Every name that formulas for a graph may use: values, gradients, and sizes such as m."""
    sizes = {str(name) for node in graph.inputs for name in names_in(node.shape or ())}
    return list(dict.fromkeys([*graph.names, *graph.gradient_names, *sorted(sizes)]))


def _judge(
    graph: BaseGraph,
    formulas: Mapping[str, AnyFormula],
    given: list[Draw],
    random: list[Draw],
    *,
    convention: Convention,
    require: Sequence[str],
) -> Report:
    if convention not in ("auto", MEAN, PER_EXAMPLE):
        raise ArgumentError(
            f"convention={convention!r} is none of 'auto', 'mean', 'per-example'", remedy="one of these"
        )
    if not isinstance(formulas, Mapping):
        raise ArgumentError(
            f"formulas are a dict of names and formulas, not {type(formulas).__name__}",
            remedy='{"dW": "dZ @ X.T"}, or a function that returns gradients by name',
        )
    ground = Ground(graph, [*random, *given])
    if convention == PER_EXAMPLE and PER_EXAMPLE not in ground.conventions and takes_a_mean(graph):
        raise ArgumentError(
            "the loss of this graph is no mean over a named size, so there are no gradients per example",
            where="; ".join(node.where for node in graph.outputs),
            given=_inputs_text(graph),
            remedy='convention="auto"; or a name for the number of examples, as in shape=(2, "m")',
        )
    return _Judge(ground, formulas, require).report(convention)


def _inputs_text(graph: BaseGraph) -> str:
    return ", ".join(f"{graph.name(node)} {shape_text(node.shape)}" for node in graph.inputs)


@final
class _Judge:
    """The judging of one set of formulas."""

    def __init__(self, ground: Ground, formulas: Mapping[str, AnyFormula], require: Sequence[str]) -> None:
        self._ground = ground
        self._names = canonical(map(str, formulas), ground.names)
        self._required = required(require, ground)
        self._unread: dict[str, Verdict] = {}
        read = [self._read(key, given) for key, given in formulas.items()]
        readable = {formula.name: formula for formula in read if formula is not None}
        order, circular = in_order(readable, ground.graph)
        self._trial = Trial(ground, where_known(order, ground), circular)
        self._findings = self._trial.findings
        self._explainer = Explainer(self._trial)

    def _read(self, key: str, given: AnyFormula) -> GivenFormula | None:
        """A formula as it was given; None where it cannot be read, which is a verdict of its own."""
        name = self._names[str(key)]
        try:
            return given_formula(name, given, self._ground, (*map(str, self._names), *self._names.values()))
        except FormulaError as error:
            told = "; ".join(
                part for part in (error.what, error.where, error.remedy and f"try: {error.remedy}") if part
            )
            self._unread[name] = Verdict(name, str(given).strip(), False, False, "unreadable", told)
            return None

    def report(self, convention: Convention) -> Report:
        """Judge every formula on its own, settle the convention, judge the chain, explain."""
        self._trial.run()
        settled = self._settled(convention)
        self._explainer.settle(settled)
        self._judge_chain(settled or MEAN)
        found = {name: self._verdict(name, settled) for name in self._names.values()}
        found = self._with_helpers_blamed(found)
        absent = missing(self._required, found)
        first = next((name for name in self._findings if not found[name].own), None)
        return Report(
            [*found.values(), *absent],
            self._label(settled),
            first,
            batch=self._ground.batch,
            examples=self._ground.examples,
            keys=self._names,
        )

    def _with_helpers_blamed(self, verdicts: dict[str, Verdict]) -> dict[str, Verdict]:
        wrong = [name for name, verdict in verdicts.items() if name in self._findings and not verdict.own]
        judged = [name for name in wrong if self._findings[name].judged]
        return (
            Helpers(self._explainer, self._explainer.convention_of(judged[0])).blamed(verdicts) if judged else verdicts
        )

    # conventions

    def _settled(self, convention: Convention) -> str | None:
        """The convention that the formulas follow: in which more are right, or would be with one change.

        Of equals it is the one in which more are right, then that of the first.
        """
        conventions = self._ground.conventions
        if convention != "auto" or len(conventions) == 1:
            return MEAN if len(conventions) == 1 else convention
        decisive = self._explainer.decisive()
        right = {c: sum(f.right_in == (c,) for f in decisive) for c in conventions}
        most, least = max(conventions, key=lambda c: right[c]), min(conventions, key=lambda c: right[c])
        if right[most] > right[least] and right[most] - right[least] >= len(self._explainer.voters()):
            return most  # whatever the wrong ones vote for, and a search for each of them takes long
        votes = self._explainer.votes()
        if not decisive:
            return max(conventions, key=votes.count) if votes and len(set(map(votes.count, conventions))) > 1 else None
        first = decisive[0].right_in[0]
        return max(conventions, key=lambda c: (right[c] + votes.count(c), right[c], c == first))

    def _label(self, settled: str | None) -> str | None:
        if len(self._ground.conventions) == 1:
            return None
        mixed = any(f.right_in != (settled,) for f in self._explainer.decisive())
        return "mixed" if mixed else settled

    # the chain

    def _judge_chain(self, convention: str) -> None:
        """Every formula from the user's own earlier results, in one convention."""
        for k, draw in enumerate(self._ground.draws):
            values = dict(self._ground.values(k, convention))
            for formula in self._trial.order:
                finding = self._findings[formula.name]
                if k not in formula.draws or draw.only:
                    continue
                outcome = finding.chained[k] = self._trial.computed(formula, values)
                put_outcome(values, formula.name, outcome)
                if finding.judged:
                    expected = finding.expected[k, convention]
                    finding.chain_ok &= not isinstance(outcome, Failure) and about_right(outcome, expected)

    def _culprits(self, finding: Finding, settled: str | None) -> tuple[str, ...]:
        """The formulas that are wrong by themselves among those that a formula depends on, the first ones first."""
        reached = led_to(finding.formula.name, self._trial.reads)
        return tuple(n for n, f in self._findings.items() if n in reached and not _is_fine(f, settled))

    # verdicts

    def _verdict(self, name: str, settled: str | None) -> Verdict:
        if name in self._unread:
            return self._unread[name]
        finding = self._findings[name]
        formula = finding.formula
        unread = self._unread_behind(name)
        if unread:
            return Verdict(
                name, formula.shown, False, False, "not judged", f"it reads {listed(unread)}, which cannot be read"
            )
        if not finding.judged:
            return self._kept(finding)
        if not _is_fine(finding, settled):
            return self._explainer.wrong(finding, settled)
        convention = None
        if len(self._ground.conventions) > 1:
            convention = finding.right_in[0] if len(finding.right_in) == 1 else "either"
        because = () if finding.chain_ok else self._culprits(finding, settled)
        if not because:
            remark = finding.remark
            return Verdict(name, formula.shown, True, True, "right", convention=convention, remark=remark)
        verdict = f"wrong only because {listed(because)} {'is' if len(because) == 1 else 'are'}"
        return Verdict(name, formula.shown, False, True, verdict, convention=convention, because=because)

    def _unread_behind(self, name: str) -> list[str]:
        """The names of one's own that cannot be read among those that a formula leads to."""
        return sorted(self._trial.reads_by_own(name) & self._unread.keys() - set(self._ground.names))

    def _kept(self, finding: Finding) -> Verdict:
        """The verdict on a formula whose name the graph does not know."""
        formula = finding.formula
        failure = next((outcome.text for outcome in finding.alone.values() if isinstance(outcome, Failure)), None)
        if failure is not None:
            return Verdict(formula.name, formula.shown, False, False, "wrong", failure)
        if any(formula.name in other.reads for other in self._trial.order):
            return Verdict(formula.name, formula.shown, True, True, "kept")
        told = self._misnamed(formula.name)
        if told:
            return Verdict(formula.name, formula.shown, False, False, "unknown name", told)
        hint = did_you_mean(formula.name, self._ground.judged).removeprefix(repr(formula.name)).strip(" ()")
        return Verdict(formula.name, formula.shown, True, True, "kept", f"no name of the graph; {hint}" if hint else "")

    def _misnamed(self, name: str) -> str:
        """What to say of a name that is nearly a gradient's, or speaks of one that it does not name."""
        ground = self._ground
        graph, gradients = ground.graph, list(ground.draws[0].gradients)
        nearly = meant(name, ground.judged, [g for g in map(graph.gradient_name, graph.outputs) if g in gradients])
        if nearly is not None:
            return f"the graph has no {name}: {nearly} is meant"
        if not speaks_of_gradients(name):
            return ""
        return f"the graph has no {name}; which gradient is meant? There are {', '.join(gradients[:_LISTED])}"


_LISTED = 12  # gradients that are listed where none is named


def _is_fine(finding: Finding, settled: str | None) -> bool:
    return bool(finding.right_in) if settled is None or not finding.judged else settled in finding.right_in
