"""Diagnosis: search for the change that makes a wrong formula right, and say how it differs where none does."""

from __future__ import annotations

import ast
import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias, TypeVar, final

import numpy as np
import numpy.typing as npt

from chainrule.errors import FormulaError
from chainrule.judging.reading import UserFormula
from chainrule.judging.repairs import (
    REPAIRS,
    Change,
    Scene,
    Shape,
    Site,
    binary,
    called,
    changes,
    changes_at,
    is_method,
    named,
    number,
    sites,
)
from chainrule.symbols.elementary import sigmoid

Array: TypeAlias = npt.NDArray[Any]
Values: TypeAlias = Mapping[str, Any]
_T = TypeVar("_T")


class Case(NamedTuple):
    """One draw of data: what every name stands for, what the line has to give, and the number of columns."""

    values: Values
    expected: Array
    columns: int | None


class Reading(NamedTuple):
    """The cases of a line in one convention of 1/m, the first of them small, and what the line can be written with."""

    convention: str
    cases: tuple[Case, ...]
    scene: Callable[[Callable[[ast.expr], Shape | None]], Scene]


@final
@dataclass(frozen=True)
class Fix:
    """A right formula that is few changes away: what was wrong, and in which convention it is right."""

    tree: ast.expr
    text: str
    cost: float
    convention: str
    repairs: tuple[str, ...]


# --- what counts as equal ------------------------------------------------------------------------------------------


def tolerance(dtype: np.dtype[Any]) -> float:
    """How far apart two ways to compute the same may lie, relative to the largest entry.

    It is 1e-9 in float64 and 1e-4 in float32: six and three digits are left for rounding. A formula that is wrong
    differs by far more on data drawn at random.
    """
    eps = float(np.finfo(dtype if dtype.kind == "f" else float).eps)
    return float(eps**0.575)


def same(value: Array, expected: Array) -> bool:
    """Whether two arrays have one shape and the same entries but for rounding; infinite entries must be the same."""
    if value.shape != expected.shape:
        return False
    return distance(value, expected) <= tolerance(expected.dtype)


def distance(value: Array, expected: Array) -> float:
    """The largest difference of two arrays of one shape, relative to the largest finite entry expected."""
    if not expected.size:
        return 0.0
    with np.errstate(all="ignore"):
        gap = np.where(value == expected, 0, np.abs(np.subtract(value, expected, dtype=float)))  # infinities may agree
        worst = float(gap.max())
        largest = _largest(expected)
    if not np.isfinite(worst):
        return np.inf
    return worst if worst == 0 else worst / largest if largest > 0 else np.inf


def _largest(expected: Array) -> float:
    """The largest finite entry, by size."""
    return float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0))


def factor_between(value: Array, expected: Array) -> float | None:
    """The finite number c other than 0 with expected = c * value in every entry, None if there is none."""
    if value.shape != expected.shape or not value.size:
        return None
    k = int(np.abs(value).argmax())
    top = float(value.flat[k])
    c = float(expected.flat[k]) / top if top else 0.0
    return c if c and np.isfinite(c) and same(c * value, expected) else None


# --- evaluating many expressions that share most of their parts ----------------------------------------------------

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.MatMult: operator.matmul,
    ast.Pow: lambda x, y: np.power(np.asarray(x, float), y),
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
}
_OF_TWO: dict[str, Callable[[Any, Any], Any]] = {"dot": np.dot, "matmul": np.matmul, "multiply": np.multiply}
_OF_ONE: dict[str, Callable[[Any], Any]] = {
    **{name: getattr(np, name) for name in "exp log tanh sin cos sqrt abs sign square".split()},
    "sigmoid": lambda z: sigmoid(np.asarray(z, float)),
}


@final
class Evaluator:
    """Values of expressions on one case; what was evaluated once is looked up when it is a part of another one.

    A value is None where there is none: shapes that do not fit, a name that is unknown. The commonest operations are
    done here, because a search asks for thousands of expressions; the rest is left to UserFormula.
    """

    def __init__(self, values: Values) -> None:
        self._values = values
        self._known: dict[int, tuple[ast.expr, Any]] = {}  # the expression is kept so that its id stays its own
        self.work = 0  # how many operations were done; one on much data counts as many
        largest = max(map(np.size, values.values()), default=0)
        self._step = 1 + largest // 100
        self._largest = 4 * largest + 10_000  # a product the wrong way round may have m × m entries

    def value(self, node: ast.expr, *, keep: bool = True) -> Any:
        """The value, from the parts that are known already."""
        known = self._known.get(id(node))
        if known is not None:
            return known[1]
        self.work += self._step
        try:
            value = self._compute(node, keep)
        except Exception:  # whatever a candidate does wrong, it is no candidate then
            value = None
        if keep:
            self._known[id(node)] = (node, value)
        return value

    def shape(self, node: ast.expr) -> Shape | None:
        """The shape of the value, None where there is none."""
        value = self.value(node)
        return None if value is None else np.shape(value)

    def _compute(self, node: ast.expr, keep: bool) -> Any:
        value: Any
        match node:
            case ast.Name(id=name):
                value = self._values.get(name)
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _BINARY:
                value = self._both(_BINARY[type(sign)], left, right, keep)
            case ast.Compare(left=left, ops=[compared], comparators=[right]) if type(compared) in _COMPARED:
                value = self._both(_COMPARED[type(compared)], left, right, keep)
            case ast.Attribute(value=inner, attr="T"):
                value = self._one(np.transpose, inner, keep)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                value = self._one(operator.neg, inner, keep)
            case ast.Constant(value=value):
                pass
            case ast.Call():
                value = self._call(node, keep)
            case _:
                value = self._other(node)
        return value

    def _one(self, function: Callable[[Any], Any], inner: ast.expr, keep: bool) -> Any:
        value = self.value(inner, keep=keep)
        return None if value is None else function(value)

    def _both(self, function: Callable[[Any, Any], Any], left: ast.expr, right: ast.expr, keep: bool) -> Any:
        a, b = self.value(left, keep=keep), self.value(right, keep=keep)
        if a is None or b is None or _size_of_both(function, np.shape(a), np.shape(b)) > self._largest:
            return None
        return function(a, b)

    def _call(self, node: ast.Call, keep: bool) -> Any:
        name = called(node)
        plain = () if is_method(node) or node.keywords else node.args
        if name in _OF_TWO and len(plain) == 2:
            return self._both(_OF_TWO[name], plain[0], plain[1], keep)
        if name in _OF_ONE and len(plain) == 1:
            return self._one(_OF_ONE[name], plain[0], keep)
        facts = {k.arg: k.value.value for k in node.keywords if k.arg and isinstance(k.value, ast.Constant)}
        if name in ("sum", "mean") and len(facts) == len(node.keywords) and len(node.args) == (not is_method(node)):
            inner = node.func.value if is_method(node) else node.args[0]  # type: ignore[attr-defined]
            return self._one(functools.partial(getattr(np, name), **facts), inner, keep)
        return self._other(node)

    def _other(self, node: ast.expr) -> Any:
        self.work += 20 * self._step  # measured against one of the operations above
        return UserFormula.from_tree(node).evaluate(self._values)


_MATRIX_PRODUCTS = (operator.matmul, np.matmul, np.dot)


def _size_of_both(function: Callable[[Any, Any], Any], x: Shape, y: Shape) -> int:
    """A bound for the size of what two arrays combine to, as matrices or entry by entry."""
    if function in _MATRIX_PRODUCTS and x and y:
        return math.prod(x[:-1]) * math.prod((*y[:-2], y[-1]))
    pairs = itertools.zip_longest(reversed(x), reversed(y), fillvalue=1)
    return math.prod(max(a, b) for a, b in pairs)


# --- the search ----------------------------------------------------------------------------------------------------

_PAIRED = tuple(r for r in REPAIRS if r.cost <= 1.3 and r.name not in ("name everywhere", "brackets"))
_USUAL = 0.25  # among the proposals of one repair, those that cost no more than this beyond it are tried in pairs
_FIRSTS = 150  # of the changes that are tried first in pairs, this many
_LARGEST_IN_FRACTION = 24  # numbers above it are hardly a forgotten 2, 1/3 or 5/6
_DIGITS = 3  # of a cost: sums of the same costs in another order are equal
_WORK = 150_000  # operations that the search for one change may do, and that for two: less than a second on one core


def fix(tree: ast.expr, readings: Sequence[Reading]) -> Fix | None:
    """The likeliest change that makes a formula right on all cases, or two changes; None if none was found."""
    searches = [_Search(tree, reading) for reading in readings if _tells(reading)]
    for attempt in (_Search.one_change, _Search.one_change_and_factor, _Search.two_changes):
        found = [best for search in searches if (best := attempt(search)) is not None]
        if found:
            return min(found, key=lambda best: best.cost)
    return None


def _tells(reading: Reading) -> bool:
    """Whether there is a finite entry to be met: whatever overflows agrees where all that is expected is infinite."""
    return any(np.isfinite(case.expected).any() for case in reading.cases)


class _Match(NamedTuple):
    tree: ast.expr
    changes: tuple[Change, ...]
    cost: float
    factor: str = ""


@final
class _Search:
    """The search in one reading: candidates are tried on the first case, and what fits there on all of them."""

    def __init__(self, tree: ast.expr, reading: Reading) -> None:
        self._tree, self._reading = tree, reading
        self._case = reading.cases[0]
        self._evaluator = Evaluator(self._case.values)
        self._scene = reading.scene(self._evaluator.shape)
        self._near = tolerance(self._case.expected.dtype)
        self._exact: list[_Match] = []
        self._multiples: list[tuple[_Match, float]] = []
        self._tried: list[Change] = []

    def one_change(self) -> Fix | None:
        """The best single change; a constant factor is one too."""
        with np.errstate(all="ignore"):
            factor = self._constant_factor()
            for change in self._affordable(changes(self._tree, self._scene)):
                self._tried.append(change)
                self._note(_Match(change.tree, (change,), change.cost))
        return self._best([*self._exact, *factor])

    def one_change_and_factor(self) -> Fix | None:
        """A single change after which a plain factor is missing: 2, -1/3, 1/m."""
        matches = []
        for match, c in self._multiples:
            extra = 1.4 if abs(c + 1) <= self._near else 1.2  # swapped operands say more than a wrong sign
            for tree, text in _multiplied(match.tree, c, self._case.columns, self._scene.batch, self._near):
                matches.append(_Match(tree, match.changes, match.cost + extra, text))
        return self._best(matches)

    def two_changes(self) -> Fix | None:
        """The best pair of usual changes; the second stands at the first one's place, around it, or left of it."""
        self._exact = []
        usual = sorted((c for c in self._tried if _is_usual(c)), key=lambda change: change.cost)
        slack = self._near * _largest(self._case.expected)
        with np.errstate(all="ignore"):
            for match in self._affordable(self._pairs(usual[:_FIRSTS])):
                value = self._evaluator.value(match.tree, keep=False)
                if value is not None and _first_fits(value, self._case.expected, slack):
                    self._exact.append(match)
        return self._best(self._exact)

    def _pairs(self, firsts: Sequence[Change]) -> Iterator[_Match]:
        for first in firsts:
            for site in _up_to(first):
                for second in changes_at(site, first.tree, self._scene, _PAIRED):
                    if _is_usual(second):
                        yield _Match(second.tree, (first, second), first.cost + second.cost)

    def _affordable(self, candidates: Iterator[_T]) -> Iterator[_T]:
        """The candidates, until evaluating them has taken too much; counted and not timed, so always the same."""
        most = self._evaluator.work + _WORK
        return itertools.takewhile(lambda _: self._evaluator.work < most, candidates)

    def _note(self, match: _Match) -> None:
        c = self._factor(match.tree)
        if c is not None and abs(c - 1) <= self._near:
            self._exact.append(match)
        elif c is not None:
            self._multiples.append((match, c))

    def _factor(self, tree: ast.expr) -> float | None:
        """The number by which the value of an expression has to be multiplied, None if there is none."""
        value = self._evaluator.value(tree)
        return None if value is None else factor_between(np.asarray(value), self._case.expected)

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
            if self._holds(match.tree):
                return self._fix(match)
        return None

    def _holds(self, tree: ast.expr) -> bool:
        try:
            formula = UserFormula.from_tree(tree)
            return all(same(np.asarray(formula.evaluate(case.values)), case.expected) for case in self._reading.cases)
        except FormulaError:
            return False

    def _fix(self, match: _Match) -> Fix:
        parts = [*(change.text for change in match.changes), *([match.factor] if match.factor else [])]
        names = tuple(change.repair for change in match.changes) + (("constant factor",) if match.factor else ())
        return Fix(match.tree, "; and ".join(parts), match.cost, self._reading.convention, names)


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
    top = tree if c.numerator == 1 else binary(number(c.numerator), "*", tree)
    if c.numerator == -1:
        top = ast.UnaryOp(ast.USub(), tree)
    return top if c.denominator == 1 else binary(top, "/", number(c.denominator))


# --- where nothing fits --------------------------------------------------------------------------------------------


def difference_text(value: Array, expected: Array, name: str) -> str:
    """How a result differs from what it should be: in shape, by a factor that has a pattern, in which entries.

    >>> difference_text(np.array([[2.0, 4.0], [3.0, 6.0]]), np.array([[1.0, 2.0], [1.0, 2.0]]), "dW")
    'each row of dW has its own factor: 2, 3 times as large as it should be'
    """
    if value.shape != expected.shape:
        return f"its shape is {value.shape}, and {name} has shape {expected.shape}"
    return _ratio_pattern(value, expected, name) or _worst_entries(value, expected)


def _ratio_pattern(value: Array, expected: Array, name: str) -> str:
    if not expected.size or not np.all(expected) or not (np.isfinite(value).all() and np.isfinite(expected).all()):
        return ""
    if not value.any():
        return "it is 0 in every entry"
    ratio, near = np.asarray(value / expected), 10 * tolerance(expected.dtype)
    if _all_close(ratio, ratio.flat[0], near):
        return f"it is {ratio.flat[0]:.6g} times as large as {name} in every entry"
    if ratio.ndim == 2 and min(ratio.shape) > 1:
        for word, first in (("row", ratio[:, :1]), ("column", ratio[:1, :])):
            if _all_close(ratio, first, near):
                shown = ", ".join(f"{c:.4g}" for c in first.flat[:6]) + ", …" * (first.size > 6)
                return f"each {word} of {name} has its own factor: {shown} times as large as it should be"
    if _all_close(np.abs(ratio), 1.0, near):
        return f"the size of every entry is right, but {int((ratio < 0).sum())} of {ratio.size} signs are wrong"
    return ""


def _all_close(values: Array, to: Any, near: float) -> bool:
    return bool(np.all(np.abs(values - to) <= near * np.abs(to)))


def _worst_entries(value: Array, expected: Array) -> str:
    with np.errstate(all="ignore"):
        gap = np.where(value == expected, 0, np.nan_to_num(np.abs(value - expected), nan=np.inf))
    wrong = int((gap > tolerance(expected.dtype) * _largest(expected)).sum())
    shown = []
    for k in np.argsort(-gap, axis=None, kind="stable")[: min(3, wrong)]:
        place = ", ".join(map(str, np.unravel_index(int(k), gap.shape)))
        entry = f"entry [{place}]" if place else "it"
        shown.append(f"{entry} is {value.flat[k]:.6g}, not {expected.flat[k]:.6g}")
    return f"{wrong} of {value.size} entries differ: {'; '.join(shown)}"
