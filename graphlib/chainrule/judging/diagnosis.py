"""The search for the change that makes a wrong formula right."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, TypeVar, final

import numpy as np

from chainrule.errors import FormulaError
from chainrule.judging.budget import Budget
from chainrule.judging.closeness import Array, Values, factor_between, largest_entry, same, tolerance
from chainrule.judging.evaluator import Evaluator
from chainrule.judging.reading.user_formula import UserFormula
from chainrule.judging.repairs.catalog import REPAIRS, changes, changes_at
from chainrule.judging.repairs.change import Change, Path, Shape, Site, Surroundings
from chainrule.judging.repairs.expressions import binary, is_number, named, negative, number, operands
from chainrule.judging.repairs.tree import replaced, sites

_Candidate = TypeVar("_Candidate", "Change", "_Match")


@final
class Case(NamedTuple):
    """One draw of data: what every name stands for, what the formula has to give, and the number of examples.

    Where it is not ``tame``, a right formula may lose digits, as 1 - A**2 does where A is near 1: there the
    confirmation decides, which knows how many.
    """

    values: Values
    expected: Array
    columns: int | None
    tame: bool = True


@final
class Reading(NamedTuple):
    """The cases of a formula in one convention of 1/m, small and tame ones first, and what it can be written with."""

    convention: str
    cases: tuple[Case, ...]
    surroundings: Callable[[Callable[[ast.expr], Shape | None]], Surroundings]
    confirm: Callable[[ast.expr], bool] = lambda tree: True


@final
@dataclass(frozen=True)
class Fix:
    """A right formula that is few changes away, if it can be written: what was wrong, and where it is right."""

    tree: ast.expr | None
    text: str
    cost: float
    convention: str
    repairs: tuple[str, ...]


_PAIRED = tuple(r for r in REPAIRS if r.cost <= 1.3 and r.name not in ("name everywhere", "brackets"))
_USUAL = 0.25  # among the proposals of one repair, those that cost no more than this beyond it are tried in pairs
_FIRSTS = 150  # of the changes that are tried first in pairs, this many
_LARGEST_IN_FRACTION = 24  # numbers above it are hardly a forgotten 2, 1/3 or 5/6
_DIGITS = 3  # of a cost: sums of the same costs in another order are equal
_MOST_HELD = 1000  # cases that candidates are held to when nothing else is left
_HELD = 100  # microseconds to hold a candidate to one more case
_MADE, _DEEPER, _EVALUATED = 20, 3, 2  # microseconds for a candidate, for each level of its depth, for an operation


def fix(tree: ast.expr, readings: Sequence[Reading]) -> Fix | None:
    """The likeliest change that makes a formula right on all cases, or two changes; None if none was found."""
    return best_of([Search(tree, reading) for reading in readings])


def best_of(searches: Sequence[Search]) -> Fix | None:
    """The likeliest fix that any of several searches finds, those of one change before others."""
    searches = [search for search in searches if search.tells]
    for attempt in (Search.one_change, Search.one_change_and_factor, Search.two_changes):
        found = [best for search in searches if (best := attempt(search)) is not None]
        if found:
            return min(found, key=lambda best: best.cost)
    return None


def _tells(reading: Reading) -> bool:
    """Whether there is a finite entry to be met: whatever overflows agrees where all that is expected is infinite."""
    return any(np.isfinite(case.expected).any() for case in reading.cases)


@final
class _Match(NamedTuple):
    tree: ast.expr
    changes: tuple[Change, ...]
    cost: float
    factor: str = ""

    @property
    def path(self) -> Path:
        """The way to the last change."""
        return self.changes[-1].path if self.changes else ()


@final
class Search:
    """The search in one reading: candidates are tried on the first case, and what fits there on all of them."""

    def __init__(self, tree: ast.expr, reading: Reading, budget: Budget | None = None) -> None:
        self._tree, self._reading = tree, reading
        self.budget = budget if budget is not None else Budget()
        self._case = reading.cases[0]
        self._evaluator = Evaluator(self._case.values)
        self._surroundings = reading.surroundings(self._evaluator.shape)
        self._near = tolerance(self._case.expected.dtype)
        self._two = _two_largest(self._case.expected)
        self._exact: list[_Match] = []
        self._multiples: list[tuple[_Match, float]] = []
        self._tried: list[Change] = []
        self.tells = _tells(reading)
        self.cut = False
        self._single: tuple[Fix | None] | None = None

    def one_change(self) -> Fix | None:
        """The best single change; a constant factor is one too. It is searched for once."""
        if self._single is None:
            self._single = (self._one_change() if self.tells else None,)
        return self._single[0]

    def _one_change(self) -> Fix | None:
        with np.errstate(all="ignore"):
            factor = self._constant_factor()
            for change in self._affordable(changes(self._tree, self._surroundings)):
                self._tried.append(change)
                self._note(_Match(change.tree, (change,), change.cost))
            self.cut = self.budget.left < 0
        return self._best([*self._exact, *factor])

    def one_change_and_factor(self) -> Fix | None:
        """A single change after which a plain factor is missing: 2, -1/3, 1/m."""
        matches = []
        for match, c in self._multiples:
            extra = 1.4 if abs(c + 1) <= self._near else 1.2  # swapped operands say more than a wrong sign
            for tree, text in _multiplied(match.tree, c, self._case.columns, self._surroundings.batch, self._near):
                matches.append(_Match(tree, match.changes, match.cost + extra, text))
        return self._best(matches)

    def two_changes(self) -> Fix | None:
        """The best pair of usual changes; the second stands at the first one's place, around it, or left of it."""
        self._exact = []
        usual = sorted((c for c in self._tried if _is_usual(c)), key=lambda change: change.cost)
        slack = self._near * largest_entry(self._case.expected)
        with np.errstate(all="ignore"):
            for match in self._affordable(self._pairs(usual[:_FIRSTS])):
                value = self._evaluator.value(match.tree, keep=False)
                if value is not None and _first_fits(value, self._case.expected, slack):
                    self._exact.append(match)
        return self._best(self._exact)

    def _pairs(self, firsts: Sequence[Change]) -> Iterator[_Match]:
        for first in firsts:
            for site in _up_to(first):
                for second in changes_at(site, first.tree, self._surroundings, _PAIRED):
                    if _is_usual(second):
                        yield _Match(second.tree, (first, second), first.cost + second.cost)

    def _affordable(self, candidates: Iterator[_Candidate]) -> Iterator[_Candidate]:
        """The candidates, until making and evaluating them has taken too much."""
        before = self._evaluator.work
        for candidate in candidates:
            work, before = self._evaluator.work - before, self._evaluator.work
            if not self.budget.take(_MADE + _DEEPER * len(candidate.path) + _EVALUATED * work):
                return
            yield candidate

    def _note(self, match: _Match) -> None:
        c = self._factor(match.tree)
        if c is not None and abs(c - 1) <= self._near:
            self._exact.append(match)
        elif c is not None:
            self._multiples.append((match, c))

    def _factor(self, tree: ast.expr) -> float | None:
        """The number by which the value of an expression has to be multiplied, None if there is none."""
        value = self._evaluator.value(tree)
        if value is None or np.shape(value) != self._case.expected.shape:
            return None
        array = np.asarray(value)
        return factor_between(array, self._case.expected) if self._may_be_multiple(array) else None

    def _may_be_multiple(self, value: Array) -> bool:
        """Whether the two largest entries have one ratio: cheap to say no for nearly all candidates."""
        if self._two is None:
            return True
        (j, top), (k, other) = self._two
        at = float(value.flat[j])
        return bool(at) and abs(float(value.flat[k]) / at * top - other) <= 1e3 * self._near * abs(top)

    def _constant_factor(self) -> list[_Match]:
        """The expression itself with a number before it, whichever that is."""
        c = self._factor(self._tree)
        if c is None:
            return []
        self._multiples.append((_Match(self._tree, (), 1.1), c))  # -1/m is two changes
        number_text = f"it has to be {c:.6g} times as large"
        any_number = _Match(binary(number(float(f"{c:.12g}")), "*", self._tree), (), 1.5, number_text)
        p = _plain(c, self._near)
        plain = [] if p is None else [_Match(_times(self._tree, p), (), 1.45, f"it has to be {p} times as large")]
        return [any_number, *plain]

    def _best(self, matches: Sequence[_Match]) -> Fix | None:
        """The cheapest match that is right on all cases; of equals the shortest."""
        for match in sorted(matches, key=lambda match: (round(match.cost, _DIGITS), len(sites(match.tree)))):
            if self.budget.left < -_HELD * _MOST_HELD:
                return None
            if self._holds(match.tree):
                return self._fix(match)
        return None

    def _holds(self, tree: ast.expr) -> bool:
        try:
            formula = UserFormula.from_tree(tree)
            self.budget.take(_HELD * len(self._reading.cases))
            tame = (case for case in self._reading.cases if case.tame)
            fits = (same(np.asarray(formula.evaluate(case.values)), case.expected) for case in tame)
            return all(fits) and self._reading.confirm(tree)
        except FormulaError:
            return False

    def _fix(self, match: _Match) -> Fix:
        parts = [*(change.text for change in match.changes), *([match.factor] if match.factor else [])]
        names = tuple(change.repair for change in match.changes) + (("constant factor",) if match.factor else ())
        return Fix(match.tree, "; and ".join(parts), match.cost, self._reading.convention, names)


def _two_largest(expected: Array) -> tuple[tuple[int, float], tuple[int, float]] | None:
    """The two largest entries with their places, None where there are not two or they are no finite numbers."""
    if expected.size < 2 or not np.isfinite(expected).all() or not expected.any():
        return None
    k, j = np.argpartition(np.abs(expected), -2, axis=None)[-2:]
    return (int(j), float(expected.flat[j])), (int(k), float(expected.flat[k]))


_DEAREST = {repair.name: repair.cost + _USUAL for repair in _PAIRED}


def _is_usual(change: Change) -> bool:
    """Whether a change is tried in pairs; one of a repair that is never the second may always be the first."""
    return change.cost <= _DEAREST.get(change.repair, np.inf)


def _up_to(change: Change) -> Iterator[Site]:
    """The parts of a changed expression up to the changed one: around it, left of it, and itself."""
    for site in sites(change.tree):
        yield site
        if site.path == change.path:
            return


def _first_fits(value: Any, expected: Array, slack: float) -> bool:
    """Whether a candidate is right, where entries may differ by slack: cheap to say no for nearly all of them."""
    if np.shape(value) != expected.shape:
        return False
    array = np.asarray(value)
    if expected.size and abs(float(array.flat[0]) - float(expected.flat[0])) > slack:
        return False
    return same(array, expected)


def _multiplied(
    tree: ast.expr, c: float, columns: int | None, batch: str | None, near: float
) -> Iterator[tuple[ast.expr, str]]:
    """The expression times c, where c is a plain number or one times m or 1/m; 1/5 may be either when m is 5."""
    if batch is not None and columns:
        if (over := _plain(c * columns, near)) is not None:
            yield (
                binary(_times(tree, over), "/", named(batch)),
                f"it has to be {_with_one(over, f'1/{batch}')} times as large",
            )
        if (times := _plain(c / columns, near)) is not None:
            yield (
                binary(_times(tree, times), "*", named(batch)),
                f"it has to be {_with_one(times, batch)} times as large",
            )
    if (plain := _plain(c, near)) is not None:
        yield _times(tree, plain), f"it has to be {plain} times as large"


def _with_one(number_: Fraction, unit: str) -> str:
    return {Fraction(1): unit, Fraction(-1): f"-{unit}"}.get(number_, f"{number_}·{unit}")


def _plain(c: float, near: float) -> Fraction | None:
    """The fraction of small numbers that c is, but for rounding, None if it is none."""
    fraction = Fraction(c).limit_denominator(_LARGEST_IN_FRACTION)
    fits = abs(fraction.numerator) <= _LARGEST_IN_FRACTION and abs(float(fraction) / c - 1) <= near
    return fraction if fits else None


def _times(tree: ast.expr, c: Fraction) -> ast.expr:
    absorbed = _absorbed(tree, c)
    if absorbed is not None:
        return absorbed
    top = tree if c.numerator == 1 else binary(number(c.numerator), "*", tree)
    if c.numerator == -1:
        top = negative(tree)
    return top if c.denominator == 1 else binary(top, "/", number(c.denominator))


def _absorbed(tree: ast.expr, c: Fraction) -> ast.expr | None:
    """The expression with a number that multiplies or divides all of it made c times as large, None if it has none."""
    for site, over in _factors_of_all(tree):
        if is_number(site.node):
            new = Fraction(site.node.value) / c if over else Fraction(site.node.value) * c  # type: ignore[attr-defined]  # a number
            if new == 1 and (kept := _without_one(tree, site, over)) is not None:
                return kept
            if new > 0 and new.denominator == 1:
                return replaced(tree, site.path, number(float(new)))
    return None


def _factors_of_all(tree: ast.expr) -> list[tuple[Site, bool]]:
    """The parts that multiply all of an expression, or divide it, with whether they divide."""
    found: list[tuple[Site, bool]] = []
    over: dict[Path, bool] = {(): False}
    for site in sites(tree):
        if site.path not in over:
            continue
        both = operands(site.node)
        if isinstance(site.node, ast.BinOp) and both is not None and both[0] in "*/@":
            over[*site.path, ("left", None)] = over[site.path]
            over[*site.path, ("right", None)] = over[site.path] ^ (both[0] == "/")
        elif isinstance(site.node, ast.BinOp | ast.Constant):
            found.append((site, over[site.path]))
    return found


def _without_one(tree: ast.expr, site: Site, over: bool) -> ast.expr | None:
    """The expression without a factor that is 1; where it stands over something, the 1 has to stay."""
    if not site.path or not isinstance(site.parent, ast.BinOp):
        return None
    if isinstance(site.parent.op, ast.Div) and site.path[-1][0] == "left":
        return None
    other = site.parent.right if site.path[-1][0] == "left" else site.parent.left
    return replaced(tree, site.path[:-1], other)
