"""Every formula tried by itself, from right values, on all data: what comes of it, and where it is right."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
from typing import Any, final

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant, Parameter
from chainrule.core.node import Node
from chainrule.core.passes import forward
from chainrule.errors import ChainruleError
from chainrule.judging.closeness import Array, Values, agrees, largest_entry, same
from chainrule.judging.findings import Failure, Finding, Outcome, as_result, put_outcome
from chainrule.judging.given import GivenFormula, without
from chainrule.judging.ground import Draw, Ground, drawn
from chainrule.judging.precedence import led_to
from chainrule.judging.reach import reachable
from chainrule.judging.reading.forms import is_of_numpy
from chainrule.judging.reading.user_formula import UserFormula
from chainrule.judging.repairs.tree import replaced, sites
from chainrule.judging.rounding import Jitter, slack
from chainrule.judging.upstream import is_cut, pushed
from chainrule.symbols.dimensions import names_in

_COARSE = 1e-6  # what a formula may lose to its own rounding on tame data, of the largest entry: more is no answer
_LESS, _MULTIPLES = 0.7, (1e5, -1e5, -1e-8)  # of the loss; less of it, so that no bound is met anew
_HUGE = 1e6  # what follows is linear in gradients, so these meet every bound on them, whatever the values
_DECADES, _TINY = 4.0, -8.0  # by how many powers of ten the gradients that a formula is tried on differ, or are smaller


@final
class Trial:
    """The trial of formulas, each in the order of computing."""

    def __init__(self, ground: Ground, order: Sequence[GivenFormula], circular: Set[str]) -> None:
        self.ground, self.order, self.circular = ground, order, circular
        self._exact = set(map(ground.graph.name, ground.graph.leaves))  # no rounding has touched labels that are whole
        self.reads = {formula.name: formula.reads for formula in order}
        self.findings = {formula.name: Finding(formula, self._expected(formula)) for formula in order}

    def run(self) -> None:
        """Compute every formula on every draw, and settle where it is right."""
        for convention in self.ground.conventions:
            for k in range(len(self.ground.draws)):
                self._compute_all(k, convention)
        for finding in self.findings.values():
            self._settle(finding)

    def _expected(self, formula: GivenFormula) -> dict[tuple[int, str], Array]:
        ground = self.ground
        cases = [(k, c) for k in formula.draws for c in ground.conventions if formula.name in ground.judged]
        return {(k, c): np.asarray(ground.values(k, c)[formula.name]) for k, c in cases}

    # computing

    def _compute_all(self, k: int, convention: str) -> None:
        """Every formula from right values; the user's own names are computed from right values, too."""
        values = dict(self.ground.values(k, convention))
        for formula in self.order:
            finding = self.findings[formula.name]
            if k in formula.draws:
                finding.alone[k, convention] = self.computed(formula, values)
            if not finding.judged:
                put_outcome(values, formula.name, finding.alone.get((k, convention)))

    def computed(self, formula: GivenFormula, values: Values) -> Outcome:
        """What a formula gives, or why it gives nothing."""
        if formula.name in self.circular and formula.parsed is self.findings[formula.name].formula.parsed:
            return Failure(self.circle_text(formula))
        readable = values if formula.parsed is not None else without(values, formula.name)
        try:
            with np.errstate(all="ignore"):
                return as_result(formula.compute(readable))
        except ChainruleError as error:
            return Failure(error.what)
        except Exception as error:  # whatever a callable of the user's raises is told, not raised
            return Failure(f"{type(error).__name__}: {error}")

    def circle_text(self, formula: GivenFormula) -> str:
        """By which formulas one reads itself."""
        others = sorted(
            r for r in formula.reads & self.reads.keys() - {formula.name} if formula.name in led_to(r, self.reads)
        )
        return f"{formula.name} is computed from itself" + (f", by way of {', '.join(others)}" if others else "")

    def values_with_own(self, reads: Iterable[str], k: int, convention: str) -> dict[str, Any]:
        """What every name stands for on a draw, with those of the user's own that names lead to."""
        values = dict(self.ground.values(k, convention))
        reached = set().union(*(led_to(name, self.reads) | {name} for name in reads if name in self.reads))
        for formula in self.order:
            finding = self.findings[formula.name]
            if finding.judged or formula.name not in reached:
                continue
            if (k, convention) not in finding.alone:
                finding.alone[k, convention] = self.computed(formula, values)
            put_outcome(values, formula.name, finding.alone[k, convention])
        return values

    # right or wrong

    def _settle(self, finding: Finding) -> None:
        conventions = self.ground.conventions
        if not finding.judged:
            failed = any(isinstance(outcome, Failure) for outcome in finding.alone.values())
            finding.right_in = () if failed else conventions
            return
        finding.right_in = tuple(c for c in conventions if self._is_right(finding, c) and self._is_local(finding, c))
        finding.right_in = tuple(c for c in finding.right_in if self._holds_where_met(finding, c))
        if finding.right_in:
            finding.remark = self._remark(finding)
        elif any(self.ground.draws[k].given for k in finding.formula.draws):
            finding.right_in = tuple(c for c in conventions if self._is_right_on_given(finding, c))
            finding.remark = _ON_DATA if finding.right_in else ""

    def _is_right(self, finding: Finding, convention: str) -> bool:
        return all(self.agrees_on(finding, k, convention) for k in self.strict(finding.formula))

    def strict(self, formula: GivenFormula) -> list[int]:
        """The draws on which a formula has to be right; on the others it may be."""
        return [k for k in formula.draws if not self.ground.draws[k].only]

    def _remark(self, finding: Finding) -> str:
        """What to say of a formula that is right on all that it has to be, and not on more."""
        beyond = [k for k in finding.formula.draws if self.ground.draws[k].only]
        missed = [k for k in beyond if not any(self.agrees_on(finding, k, c) for c in finding.right_in)]
        return self.ground.draws[missed[0]].only if missed else ""

    def agrees_on(self, finding: Finding, k: int, convention: str) -> bool:
        """Whether a formula gives what is right on a draw, but for its own rounding and the engine's."""
        outcome, expected = finding.alone[k, convention], finding.expected[k, convention]
        formula = finding.formula
        if isinstance(outcome, Failure) or outcome.shape != expected.shape:
            return False
        near = agrees(outcome, expected)
        if near.all():
            return True
        given = self.ground.draws[k].given
        if not given:
            near |= ~np.isfinite(expected)
        if formula.parsed is None:
            return self._agrees_as_array(formula, outcome, expected, near=near, k=k, convention=convention)
        cap = _COARSE * largest_entry(expected) if self.ground.draws[k].tame else np.inf
        if self.ground.is_common(k):
            engine = self.ground.slack(k, convention, formula.name)
            near |= agrees(outcome, expected, engine)
            hopeless = np.isfinite(cap) and not (near | agrees(outcome, expected, engine + cap)).all()
            if near.all() or hopeless:
                return not hopeless
        own = np.minimum(self._own_slack(formula, k, convention, outcome), cap)
        near |= agrees(outcome, expected, own)  # a formula is computed again faster than a graph
        if near.all():
            return True
        near |= agrees(outcome, expected, self.ground.slack(k, convention, formula.name) + own)
        if given and not all(self.ground.draws[j].given for j in formula.draws):
            near |= ~(np.isfinite(outcome) & np.isfinite(expected))  # 1 / (1 - A) where A has rounded to 1
        return bool(near.all())

    def _own_slack(self, formula: GivenFormula, k: int, convention: str, outcome: Array) -> Array:
        values = self.values_with_own(formula.reads, k, convention)
        return slack(outcome, lambda jitter: self._jittered(formula, values, jitter))

    def _jittered(self, formula: GivenFormula, values: Values, jitter: Jitter) -> Any:
        """The result with every step a little off, those of the user's own names that it reads among them."""
        assert formula.parsed is not None
        own = self._own_behind(formula)
        read = set(formula.parsed.names).union(*(one.reads for one in own)) - {one.name for one in own}
        moved = jitter.of_values({name: values[name] for name in read if name in values}, self._exact)
        try:
            for one in own:
                moved[one.name] = one.parsed.evaluate(moved, after=jitter) if one.parsed else jitter(values[one.name])
            return formula.parsed.evaluate(moved, after=jitter)
        except (ChainruleError, KeyError):
            return None

    def _own_behind(self, formula: GivenFormula) -> list[GivenFormula]:
        """The user's own names that a formula leads to, each behind those that it reads."""
        found = {name for name in formula.reads if name in self.findings and not self.findings[name].judged}
        found |= {
            name
            for own in found
            for name in self.reads_by_own(own)
            if name in self.findings and not self.findings[name].judged
        }
        return [one for one in self.order if one.name in found] if found else []

    def _agrees_as_array(
        self, formula: GivenFormula, outcome: Array, expected: Array, *, near: Array, k: int, convention: str
    ) -> bool:
        """The same for a callable or an array, whose steps are not known: small entries may have fewer digits."""
        allowed = self.ground.slack(k, convention, formula.name)
        if (near | agrees(outcome, expected, allowed)).all():
            return True
        values = self.values_with_own(formula.reads, k, convention)
        own = slack(outcome, lambda jitter: self._called_again(formula, jitter.of_values(values, self._exact)))
        if agrees(outcome, expected, allowed + own).all():
            return True
        eps = float(np.finfo(expected.dtype if expected.dtype.kind == "f" else float).eps)
        with np.errstate(all="ignore"):
            rough = 1e-3 * np.abs(expected) + 1e3 * (allowed + eps * largest_entry(expected))
            return same(outcome, expected) and bool((np.abs(outcome - expected) <= rough).all())

    def _called_again(self, formula: GivenFormula, values: Values) -> Any:
        outcome = self.computed(formula, values)
        return None if isinstance(outcome, Failure) else outcome

    # right for any gradients that are read

    def _is_local(self, finding: Finding, convention: str) -> bool:
        """Whether a formula that is right for other gradients than the loss's is right for large and tiny ones, too.

        One that uses more than the gradients that it reads, such as that two of them are equal, is tried on multiples
        of the loss. One that is right for this loss alone, since it reads labels, too, need not be any more.
        """
        name, reads = finding.formula.name, self.gradients_read(finding.formula)
        if not reads or not name.startswith("d") or name not in self.ground.draws[0].gradients:
            return True
        first = self._push(finding, reads, 0.0, convention)
        if self.agrees_on(finding, first, convention):
            return self._holds_on(finding, self._pushes(finding, reads, convention), convention)
        if self.agrees_on(finding, self._scale(finding, _LESS, convention), convention):
            return self._holds_on(finding, (self._scale(finding, by, convention) for by in _MULTIPLES), convention)
        return True

    def _pushes(self, finding: Finding, reads: Set[str], convention: str) -> Iterator[int]:
        """Gradients of many sizes, the same turned about, others, tiny ones, and ones beyond any bound."""
        yield self._push(finding, reads, _DECADES, convention)
        yield self._push(finding, reads, _DECADES, convention, times=-1.0)
        yield self._push(finding, reads, _DECADES, convention, base=1)
        yield self._push(finding, reads, _TINY, convention, base=1)
        yield self._push(finding, reads, 1.0, convention, times=_HUGE)
        yield self._push(finding, reads, 1.0, convention, times=-_HUGE)

    def _holds_on(self, finding: Finding, draws: Iterable[int], convention: str) -> bool:
        """Whether a formula is right on further draws; the first one on which it is not is kept."""
        for k in draws:
            if not self.agrees_on(finding, k, convention):
                finding.lucky = True
                finding.formula = replace(finding.formula, draws=(*finding.formula.draws, k))
                for c in self.ground.conventions:
                    self._try_pushed(finding, k, c)
                return False
        return True

    def gradients_read(self, formula: GivenFormula) -> set[str]:
        """The gradients that a formula reads, and those that the names of one's own that it reads do."""
        own = (r for r in formula.reads if r in self.findings and not self.findings[r].judged)
        read = set(formula.reads).union(*map(self.reads_by_own, own))
        return (read & self.ground.draws[0].gradients.keys()) - {formula.name}

    def reads_by_own(self, name: str) -> set[str]:
        """All names that a formula reads, and that the names of one's own among them do."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            new = set(self.reads[waiting.pop()]) - found
            found |= new
            waiting.extend(n for n in new if n in self.findings and not self.findings[n].judged)
        return found

    def _push(
        self,
        finding: Finding,
        reads: Set[str],
        decades: float,
        convention: str,
        *,
        base: int = 0,
        times: float = 1.0,
    ) -> int:
        ks, target = self.strict(finding.formula), finding.formula.name
        draw = self.ground.draws[ks[-1 if base else 0]]
        cut = is_cut(self.ground.graph, draw, reads, target)

        def push() -> Draw:
            rng = np.random.default_rng([len(target), base, int(abs(decades))])
            return pushed(self.ground.graph, draw, sorted(reads), rng=rng, decades=decades, times=times, cut=cut)

        key = ("pushed", frozenset(reads), len(target), cut, decades, base, times)  # dW3 and dA2 read the same dZ3
        return self._tried(finding, draw.held.get(key, push, lambda found: 2 * found.size), convention)

    def _scale(self, finding: Finding, by: float, convention: str) -> int:
        """The data on which a formula has to be right, and the gradients of a multiple of the loss."""
        draw = self.ground.draws[self.strict(finding.formula)[0]]
        gradients = {name: gradient * by for name, gradient in draw.gradients.items()}
        starts = {k: start * by for k, start in draw.starts.items()}
        return self._tried(finding, replace(draw, gradients=gradients, starts=starts), convention)

    def _tried(self, finding: Finding, draw: Draw, convention: str) -> int:
        k = self.ground.add(draw)
        self._try_pushed(finding, k, convention)
        return k

    def _try_pushed(self, finding: Finding, k: int, convention: str) -> None:
        if (k, convention) not in finding.alone:
            finding.expected[k, convention] = np.asarray(self.ground.values(k, convention)[finding.formula.name])
            values = self.values_with_own(finding.formula.reads, k, convention)
            finding.alone[k, convention] = self.computed(finding.formula, values)

    # repairs

    def confirms(self, formula: GivenFormula, tree: ast.expr, convention: str) -> bool:
        """Whether an expression in the place of a formula is right on its draws, on fresh ones, and other gradients."""
        parsed = UserFormula.from_tree(tree)
        twin = GivenFormula(formula.name, parsed.text, parsed.names, parsed.evaluate, parsed)
        own = [k for k in self.strict(formula) if formula.name in self.ground.values(k, convention)]
        twin = replace(twin, draws=(*own, *(self.ground.fresh() if not self.ground.draws[own[0]].given else ())))
        finding = Finding(twin)
        for k in twin.draws:
            self._try_pushed(finding, k, convention)
            if not self.agrees_on(finding, k, convention):
                return False
        written = formula.parsed.tree if formula.parsed is not None else ast.Constant(None)
        return self._is_local(finding, convention) and self._says_something(tree, written, finding, convention)

    def _says_something(self, tree: ast.expr, written: ast.expr, finding: Finding, convention: str) -> bool:
        """Whether every comparison makes a difference: else an expression is right because it never matters.

        The two sides of a rule's own where may agree on one side, as e**min(z, 0) is 1 where z > 0: of its comparison
        both have to be met, unless a where was written by hand, which a repair may have turned into one that idles.
        """
        own = {id(call.args[0]) for call in _choices(tree)} if not _choices(written) else set()
        for site in sites(tree):
            if id(site.node) in own and isinstance(site.node, ast.Compare):
                compared = UserFormula.from_tree(site.node)
                if len(set().union(*(self._met(compared, k, convention) for k in finding.formula.draws))) < 2:
                    return False
            elif isinstance(site.node, ast.Compare):
                met = (ast.Compare(ast.Constant(1), [sign], [ast.Constant(0)]) for sign in (ast.Gt(), ast.Lt()))
                if any(self._is_right_tree(replaced(tree, site.path, always), finding, convention) for always in met):
                    return False
        return True

    def _is_right_tree(self, tree: ast.expr, finding: Finding, convention: str) -> bool:
        """Whether an expression gives what is right on all draws of a finding."""
        formula = UserFormula.from_tree(tree)
        for k in finding.formula.draws:
            try:
                outcome = formula.evaluate(self.values_with_own(formula.names, k, convention))
            except ChainruleError:
                return False
            if not same(outcome, np.asarray(finding.expected[k, convention])):
                return False
        return True

    def _holds_where_met(self, finding: Finding, convention: str) -> bool:
        """Whether a formula is right on data that meets a condition in it which no draw has met, or has not met."""
        formula = finding.formula
        if formula.parsed is None or all(self.ground.draws[k].given for k in formula.draws):
            return True
        for condition in (node for node in ast.walk(formula.parsed.tree) if isinstance(node, ast.Compare)):
            compared = UserFormula.from_tree(condition)
            common = [k for k in formula.draws if self.ground.is_common(k)]
            met = set().union(*(self._met(compared, k, convention) for k in common))
            other = (k for k in self.ground.stretched() if self._met(compared, k, convention) - met)
            if len(met) == 1 and not self._holds_on(finding, self._computed_on(finding, other, convention), convention):
                return False
        return True

    def _met(self, compared: UserFormula, k: int, convention: str) -> set[bool]:
        """Whether a condition is met on a draw, is not, or is in some entries: true, false, or both."""
        try:
            found = compared.evaluate(self.values_with_own(compared.names, k, convention))
        except ChainruleError:
            return set()
        return set(np.unique(found).tolist())

    def _computed_on(self, finding: Finding, draws: Iterable[int], convention: str) -> Iterator[int]:
        for k in draws:
            self._try_pushed(finding, k, convention)
            yield k

    # right on the data given

    def _is_right_on_given(self, finding: Finding, convention: str) -> bool:
        """Whether a formula is right on the user's data, and wherever labels are such as the user's."""
        formula = finding.formula
        given = [k for k in formula.draws if self.ground.draws[k].given]
        if formula.parsed is None or not all(self.agrees_on(finding, k, convention) for k in given):
            return False
        like = self._resampled(given[0])
        for k in like:
            self._try_pushed(finding, k, convention)
            if not self.agrees_on(finding, k, convention):
                return False
        return bool(like)

    def _resampled(self, given: int) -> list[int]:
        """Draws with the user's labels and all else drawn at random; none where there are no labels."""
        ground, found = self.ground, []
        random = [draw for draw in ground.draws if not draw.given and not draw.only][:_LIKE_GIVEN]
        for seed, draw in enumerate(random):
            made = _with_labels_of(ground.graph, ground.draws[given], draw, ground.batch, seed)
            if made is not None:
                found.append(ground.add(made))
        return found


_ON_DATA = "right on your data; on random data it is not"
_LIKE_GIVEN = 3  # draws with the user's labels


def _with_labels_of(graph: BaseGraph, given: Draw, other: Draw, batch: str, seed: int) -> Draw | None:
    """A draw with labels taken from the given one, example by example, and all else from another one."""
    labels = [leaf for leaf in graph.inputs if _is_label(graph, leaf)]
    count, wanted = given.sizes.get(batch), other.sizes.get(batch)
    if not labels:
        return None
    chosen = np.random.default_rng([seed, 7]).integers(count, size=wanted) if count and wanted else None
    feeds: dict[str, Array] = {
        graph.name(leaf): other.values[graph.name(leaf)] for leaf in graph.leaves if not isinstance(leaf, Constant)
    }
    for leaf in labels:
        value = given.values[graph.name(leaf)]
        axes = [axis for axis, size in enumerate(leaf.shape or ()) if batch in names_in((size,))]
        feeds[graph.name(leaf)] = np.take(value, chosen, axes[0]) if axes and chosen is not None else value
    try:
        with np.errstate(all="ignore"):
            return drawn(graph, forward(graph, feeds), seed)
    except ChainruleError:
        return None


def _is_label(graph: BaseGraph, leaf: Node) -> bool:
    """Whether no parameter is read on the way from an input to the outputs: behind the labels nothing is learned."""
    behind = reachable(graph, graph.position(leaf), forward=True)
    return not any(isinstance(source, Parameter) for k in behind for source in graph.order[k].inputs)


def _choices(tree: ast.expr) -> list[ast.Call]:
    """The calls of np.where in an expression."""
    return [part for part in ast.walk(tree) if isinstance(part, ast.Call) and _is_where(part.func)]


def _is_where(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr == "where" and is_of_numpy(function)
