"""Which line of a function makes its result wrong: with what is right in the place of what it made, all comes right."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, final

import numpy as np

from chainrule.core.rules import call_backward
from chainrule.derivation.deriving import derivation
from chainrule.errors import ChainruleError
from chainrule.judging.closeness import Array, same
from chainrule.judging.contributions import received
from chainrule.judging.functions.reading_off import parts_of
from chainrule.judging.ground import MEAN, PER_EXAMPLE, Ground
from chainrule.judging.reading.parsing import parse
from chainrule.judging.reading.user_formula import UserFormula

_MOST_TRIED = 4_000  # evaluations of formulas in one search
_MOST_RUNS = 12  # how often a line may have been run
_MOST_PARTS = 400  # parts of an expression in which a line is looked for
_TIMES: Final[tuple[Callable[[int], float], ...]] = (
    lambda count: 1.0,
    lambda count: -1.0,
    float,
    lambda count: 1.0 / count,
)
"""How many times what is right a line may have to make: of another sign, for every example, for their mean."""
_PLACE = "on_the_way_"  # with a number, the name of what is put in the place of what a line made


@final
class Stage(NamedTuple):
    """Something right that may be met on the way to a gradient: its kind, what it is called, and its array."""

    kind: Hashable
    name: str
    array: Array
    at: int = -1  # the position of its node


def stages(ground: Ground, k: int, convention: str) -> list[Stage]:
    """All that is right on a draw: values, gradients, slopes, what nodes send, the parts of the derived formulas.

    What is of one kind stands together in the order of the way back, as a loop over layers or steps meets it.
    """
    found = [*_of_nodes(ground, k, convention), *_of_formulas(ground, k, convention)]
    return [stage for stage in found if stage.array.any()]


def _of_nodes(ground: Ground, k: int, convention: str) -> Iterator[Stage]:
    graph, values = ground.graph, ground.values(k, convention)
    sent = received(graph, ground.draws[k])
    for place in range(len(graph) - 1, -1, -1):
        node, name, gradient = graph.order[place], graph.names[place], graph.gradient_names[place]
        kind = type(node).__name__
        yield Stage(("value", kind), name, np.asarray(values[name]), place)
        if gradient in values and gradient not in graph:
            yield Stage(("gradient", kind), gradient, np.asarray(values[gradient]), place)
        scaled = convention != MEAN and gradient in ground.scaled
        times = ground.draws[k].sizes[ground.batch] if scaled else 1
        for consumer, which, part in sent[place]:
            told = f"what {graph.names[consumer]} sends to {name}"
            yield Stage(("sent", type(graph.order[consumer]).__name__, which), told, part * times, place)
        yield from _sums(gradient, [part * times for _, _, part in sent[place]], place)
        yield from _slopes(ground, k, place)


def _sums(gradient: str, parts: Sequence[Array], place: int) -> Iterator[Stage]:
    """What a gradient is while it is added up, from either end."""
    for row in (parts, parts[::-1]):
        total: Any = 0
        for k, part in enumerate(row[:-1]):
            total = total + part
            if k:
                yield Stage(("sum", gradient), f"the first parts of {gradient}", total, place)


def _slopes(ground: Ground, k: int, place: int) -> Iterator[Stage]:
    """What a rule sends where it is handed ones: the slope of a function that is taken entry by entry."""
    graph, values = ground.graph, ground.draws[k].values
    node, value = graph.order[place], values[graph.names[place]]
    inputs = [values[graph.names[source]] for source in graph.sources[place]]
    try:
        with np.errstate(all="ignore"):
            parts = call_backward(node, np.ones_like(value), value, inputs) if inputs else []
    except ChainruleError:
        return
    for which, part in enumerate(parts):
        if part is not None and part.shape == value.shape:
            yield Stage(("slope", type(node).__name__, which), f"the slope of {graph.names[place]}", part, place)


def _of_formulas(ground: Ground, k: int, convention: str) -> Iterator[Stage]:
    """The parts of the formulas that the rules give."""
    values = ground.values(k, convention)
    derived = derivation(ground.graph, "per-example" if convention == PER_EXAMPLE else "mean")
    for name in ground.graph.gradient_names:
        if name not in derived:
            continue
        try:
            tree = parse(str(derived[name]), ground.names).tree
        except ChainruleError:
            continue
        for part in _distinct([node for node in ast.walk(tree) if isinstance(node, ast.BinOp | ast.Call)]):
            array = _value(part, values)
            if array is not None and array.ndim:
                yield Stage(ast.dump(part), ast.unparse(part), array)


def _value(tree: ast.expr, values: Mapping[str, Array]) -> Array | None:
    try:
        return UserFormula.from_tree(tree).evaluate(values)
    except ChainruleError:
        return None


def _distinct(trees: Sequence[ast.expr]) -> list[ast.expr]:
    return list({ast.dump(tree): tree for tree in trees}.values())


# --- lines of formulas ---------------------------------------------------------------------------------------------


@final
class Blamed(NamedTuple):
    """The line that makes a result wrong, and what it should have made, one for each time that it was run."""

    line: int
    names: tuple[str, ...]
    fine: frozenset[int] = frozenset()  # lines that made what is right

    def is_rather(self, line: int | None, tree: ast.expr) -> bool:
        """Whether this line is wrong rather than another one at which a formula can be mended, too.

        That one made what is right, or reads what this one made.
        """
        if self.line in self.fine or line is None:
            return False
        return line in self.fine or (_reads(tree, line, self.line) and not _reads(tree, self.line, line))


def blamed(
    ground: Ground, draws: Sequence[int], convention: str, formulas: Mapping[str, ast.expr], wrong: Collection[str]
) -> Blamed | None:
    """The line of which all that is wrong comes: with what is right in its place all formulas are right.

    Of several that is the one whose result is computed first and differs; None where no line alone is to blame.
    """
    return _Blaming(ground, draws, convention, formulas, wrong).first()


@final
class _Blaming:
    """The search for one line, on two draws of data."""

    def __init__(
        self,
        ground: Ground,
        draws: Sequence[int],
        convention: str,
        formulas: Mapping[str, ast.expr],
        wrong: Collection[str],
    ) -> None:
        self._values = [ground.values(k, convention) for k in draws[:2]]
        self._counts = [ground.draws[k].sizes.get(ground.batch, 1) for k in draws[:2]]
        kinds: dict[Hashable, list[list[Stage]]] = {}
        for there in zip(*(stages(ground, k, convention) for k in draws[:2]), strict=False):
            if len({stage.name for stage in there}) == 1:
                kinds.setdefault(there[0].kind, []).append(list(there))
        self._kinds = list(kinds.values())
        self._formulas = {name: tree for name, tree in formulas.items() if _size(tree) <= _MOST_PARTS}
        self._wrong = wrong
        self._tried = 0

    def first(self) -> Blamed | None:
        """The line, in its own size before in another one."""
        found: list[tuple[bool, int, Blamed]] = []
        if not all(name in self._formulas for name in self._wrong):
            return None
        lines = set.intersection(*(_lines_of(self._formulas[name]) for name in self._wrong))
        for times in _TIMES:
            for line in sorted(lines):
                found += self._mended_by(line, times)
            if found:
                return min(found)[2]._replace(fine=self._fine(lines))
        return None

    def _fine(self, lines: Collection[int]) -> frozenset[int]:
        """The lines that made nothing but what is right."""
        made = {line: _made_on(line, self._formulas.values()) for line in lines}
        return frozenset(
            line
            for line, trees in made.items()
            if trees and all(self._is_met(_value(t, self._values[0])) for t in trees)
        )

    def _mended_by(self, line: int, times: Callable[[int], float]) -> Iterator[tuple[bool, int, Blamed]]:
        """What a line should have made for all to be right, with the size of the first that it made otherwise."""
        made = _made_on(line, self._formulas.values())
        if not 0 < len(made) <= _MOST_RUNS:
            return
        places = {ast.dump(tree): f"{_PLACE}{k}" for k, tree in enumerate(made)}
        ranked = sorted(self._formulas, key=lambda name: name not in self._wrong)
        placed = [(name, _with_places(self._formulas[name], places)) for name in ranked]
        formulas = [_Placed(name, UserFormula.from_tree(tree)) for name, tree in placed if tree is not None]
        mine = [[_value(tree, values) for tree in made] for values in self._values]
        for run in self._runs(len(made), mine[0]):
            right = [[stage[d].array * times(self._counts[d]) for stage in run] for d in range(len(self._values))]
            changed = next((k for k, tree in enumerate(made) if not _equal(mine[0][k], right[0][k])), None)
            if changed is not None and self._all_right(formulas, right):
                yield (
                    self._is_met(mine[0][changed]),
                    _size(made[changed]),
                    Blamed(line, tuple(stage[0].name for stage in run)),
                )
                return

    def _is_met(self, array: Array | None) -> bool:
        """Whether what a line made is right for something: then it is rather another line that is wrong."""
        whole = [there[0] for kind in self._kinds for there in kind if there[0].at >= 0]
        return any(_equal(array, stage.array) for stage in whole)

    def _runs(self, count: int, mine: Sequence[Array | None]) -> Iterator[list[list[Stage]]]:
        """What may stand in the places of what a line made: stages of one kind that follow each other."""
        for kind in self._kinds:
            for row in (kind, kind[::-1]) if count > 1 else (kind,):
                for start in range(len(row) - count + 1):
                    run = row[start : start + count]
                    if all(m is not None and m.shape == one[0].array.shape for m, one in zip(mine, run, strict=True)):
                        yield run

    def _all_right(self, formulas: Sequence[_Placed], right: Sequence[Sequence[Array]]) -> bool:
        for d, values in enumerate(self._values):
            known = {**values, **{f"{_PLACE}{k}": array for k, array in enumerate(right[d])}}
            for formula in formulas:
                if not self._is_right(formula.formula, known, np.asarray(values[formula.name])):
                    return False
        return True

    def _is_right(self, formula: UserFormula, values: Mapping[str, Array], expected: Array) -> bool:
        self._tried += 1
        try:
            return self._tried < _MOST_TRIED and same(formula.evaluate(values), expected)
        except ChainruleError:
            return False


@final
class _Placed(NamedTuple):
    """A formula with places for what a line made."""

    name: str
    formula: UserFormula


def _lines_of(tree: ast.expr) -> set[int]:
    return {line for node in ast.walk(tree) if (line := getattr(node, "lineno", None)) is not None}


def _made_on(line: int, trees: Collection[ast.expr]) -> list[ast.expr]:
    """What a line made, other than a result: the largest parts of expressions that stand on it, the smallest first."""
    found = []
    for tree in trees:
        waiting = [(part, getattr(tree, "lineno", None)) for part in parts_of(tree)]
        while waiting:
            node, above = waiting.pop()
            own = getattr(node, "lineno", None)
            if own == line and above != line:
                found.append(node)
            waiting += [(part, own if own is not None else above) for part in parts_of(node)]
    return sorted(_distinct(found), key=_size)


def _reads(tree: ast.expr, line: int, other: int) -> bool:
    """Whether a part of an expression that stands on a line has a part that stands on another one."""
    above = [node for node in ast.walk(tree) if getattr(node, "lineno", None) == line]
    return any(getattr(part, "lineno", None) == other for node in above for part in ast.walk(node))


def _size(tree: ast.expr) -> int:
    return sum(1 for _ in ast.walk(tree))


def _with_places(tree: ast.expr, places: Mapping[str, str]) -> ast.expr | None:
    """An expression with names in the place of some of its parts; None where it has none of them."""
    putting = _Putting(places)
    changed: ast.expr = putting.visit(ast.parse(ast.unparse(tree), mode="eval").body)
    return changed if putting.found else None


@final
class _Putting(ast.NodeTransformer):
    """Puts names in the place of expressions, the largest first."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self.found = False

    def visit(self, node: ast.AST) -> Any:
        place = self._places.get(ast.dump(node)) if isinstance(node, ast.expr) else None
        self.found |= place is not None
        return self.generic_visit(node) if place is None else ast.Name(place, ast.Load())


def _equal(mine: Array | None, right: Array) -> bool:
    return mine is not None and mine.shape == right.shape and same(mine, right)
