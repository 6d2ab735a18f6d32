"""Comparison: hold formulas and arrays derived by hand against the values and gradients of a graph."""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias, final

import numpy as np
import numpy.typing as npt

from chainrule.core.graph import BaseGraph
from chainrule.core.node import Node
from chainrule.core.passes import forward, sweep
from chainrule.core.rewriting import fuse
from chainrule.core.run import BaseRun
from chainrule.errors import ArgumentError, ChainruleError, FormulaError, did_you_mean
from chainrule.judging.diagnosis import Case, Fix, Reading, difference_text, distance, fix, same, tolerance
from chainrule.judging.reading import UserFormula, parse
from chainrule.judging.repairs import Scene, Shape, named, shifted, sites, substituted
from chainrule.judging.verdicts import Report, Verdict
from chainrule.samples.sampling import generic_sizes, sample_feeds
from chainrule.symbols.dimensions import Dimension, Size, names_in

Array: TypeAlias = npt.NDArray[Any]
Values: TypeAlias = Mapping[str, Any]
"""Arrays by name, and sizes such as m, which are plain numbers."""
AnyFormula: TypeAlias = "str | UserFormula | Callable[..., npt.ArrayLike] | npt.ArrayLike"
Convention: TypeAlias = Literal["auto", "mean", "per-example"]
MEAN, PER_EXAMPLE = "mean", "per-example"

_DRAWS = 3  # sets of random data: what is right on three of other sizes is not right by accident


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
    lines may use. Text is judged on data drawn at random, for several sizes of m that equal no other size of the graph,
    and on ``feeds`` if there are any. A callable is handed values by the names of its parameters, or all of them as a
    mapping when it takes a single one that is no name; it is judged on the feeds when there are any. An array needs
    feeds.

    ``convention``: "mean" for gradients of the mean loss, "per-example" for those of single columns, where the
    parameters' gradients alone are averaged; "auto" accepts either and finds out which it is.

    Raises FormulaError for text that cannot be read, ArgumentError for an array without feeds and for a callable that
    asks for something unknown, FeedError for feeds that do not fit.
    """
    given = [] if feeds is None else [_drawn(graph, forward(graph, feeds), seed, given=True)]
    return _judge(graph, formulas, given, _random_draws(graph, seed, bool(given)), convention)


def compare(run: BaseRun, formulas: Mapping[str, AnyFormula], *, convention: Convention = "auto") -> Report:
    """Judge arrays or formulas for the gradients and values of a run, on the data of the run alone.

    A run without gradients gets them computed, and stays as it is. Otherwise as ``check``.
    """
    return _judge(
        run.graph,
        formulas,
        [_drawn(run.graph, list(map(run.values.__getitem__, run.graph.order)), 0, run, given=True)],
        [],
        convention,
    )


def names_of(graph: BaseGraph) -> list[str]:
    """Every name that formulas for a graph may use: values, gradients, and sizes such as m."""
    sizes = {str(name) for node in graph.inputs for name in names_in(node.shape or ())}
    return list(dict.fromkeys([*graph.names, *(f"d{name}" for name in graph.names), *sorted(sizes)]))


# --- what is right -------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True)
class _Draw:
    """What is right on one set of data: values by name, gradients of the loss by ``dX``, the sizes of the names."""

    values: dict[str, Array]
    gradients: dict[str, Array]
    sizes: dict[str, int]
    given: bool


def _drawn(
    graph: BaseGraph, computed: Sequence[Array], seed: int, run: BaseRun | None = None, *, given: bool = False
) -> _Draw:
    """Values with their gradients, those that a run has already; a start at an output that is no number is random."""
    values = dict(zip(graph.names, computed, strict=True))
    with np.errstate(all="ignore"):
        if run is not None and run.has_gradients:
            gradients = {str(name): gradient for name, gradient in run.gradients.items()}
        else:
            gradients = _from(graph, computed, _starts(graph, values, seed))
        if given:
            gradients |= _fused_gradients(graph, values, gradients)
    return _Draw(values, {f"d{name}": g for name, g in gradients.items()}, _sizes(graph, values), given)


def _starts(graph: BaseGraph, values: Values, seed: int) -> dict[Node, Any]:
    """Where gradients start: at 1, or at random numbers where an output is no number."""
    rng = np.random.default_rng(seed)
    shapes = {node: values[graph.name(node)].shape for node in graph.outputs}
    return {node: rng.uniform(0.5, 1.5, shape) if shape else 1.0 for node, shape in shapes.items()}


def _from(graph: BaseGraph, values: Sequence[Array], starts: Mapping[Any, Any]) -> dict[str, Array]:
    gradients, _ = sweep(graph, values, starts)
    return {name: g for name, g in zip(graph.names, gradients, strict=True) if g is not None}


def _fused_gradients(graph: BaseGraph, values: Values, gradients: Mapping[str, Array]) -> dict[str, Array]:
    """The gradients behind a loss that was fused with its activation, where that differs.

    On data of the user's the activation may have rounded to 0 or 1. The plain graph has then lost the digits of its
    gradients, and would call a right formula wrong.
    """
    fused = fuse(graph)
    ends = [graph.name(node) for node in graph.outputs]
    same_losses = all(type(fused[name]) is type(graph[name]) for name in ends)
    if same_losses or any(graph.consumers(name) for name in ends):
        return {}
    fed = {graph.name(node): values[graph.name(node)] for node in (*graph.inputs, *graph.parameters)}
    starts = {name: gradients[name].astype(values[name].dtype) for name in ends}
    return _from(fused, forward(fused, fed), starts)


def _sizes(graph: BaseGraph, values: Values) -> dict[str, int]:
    """The number that every named dimension has."""
    found: dict[str, int] = {}
    for node in graph.inputs:
        for size, number in zip(node.shape or (), values[graph.name(node)].shape, strict=True):
            if _is_name(size):
                found[str(size)] = number
    return found


def _is_name(size: Size) -> bool:
    """Whether a size is a name alone, such as m, and neither a number nor 2*m."""
    return size == Dimension.named(str(size))


def _random_draws(graph: BaseGraph, seed: int, given: bool) -> list[_Draw]:
    """Draws with small sizes first, none where data of the user's is all there can be."""
    try:
        sizes = generic_sizes(graph, _DRAWS)
        feeds = [sample_feeds(graph, seed + k, sizes=numbers) for k, numbers in enumerate(sizes)]
        return [_drawn(graph, forward(graph, feed), seed + k) for k, feed in enumerate(feeds)]
    except ChainruleError as error:
        if given:
            return []
        raise ArgumentError(
            "no data could be drawn at random for this graph", given=str(error), remedy="graph.check(formulas, feeds)"
        ) from error


@final
class _Ground:
    """What is right, on every draw and in every convention that the graph has."""

    def __init__(self, graph: BaseGraph, draws: Sequence[_Draw]) -> None:
        self.graph, self.draws = graph, draws
        self.batch = _batch(graph)
        self.scaled = self._per_column() if self.batch and self._is_mean() else frozenset()
        self.conventions = (MEAN, PER_EXAMPLE) if self.scaled else (MEAN,)
        first = draws[0]
        self.judged = {**first.values, **first.gradients}.keys()
        self.names = {**first.sizes, **first.gradients, **first.values}.keys()
        self._known: dict[tuple[int, str], Values] = {}

    def values(self, k: int, convention: str) -> Values:
        """What every name stands for on a draw: a value comes before a gradient, and both before a size."""
        if (k, convention) not in self._known:
            draw = self.draws[k]
            gradients = {name: self._in(convention, name, draw) for name in draw.gradients}
            self._known[k, convention] = MappingProxyType({**draw.sizes, **gradients, **draw.values})
        return self._known[k, convention]

    def _in(self, convention: str, name: str, draw: _Draw) -> Array:
        gradient = draw.gradients[name]
        if convention == MEAN or name not in self.scaled:
            return gradient
        return _sealed(gradient * gradient.dtype.type(draw.sizes[self.batch]))

    def _per_column(self) -> frozenset[str]:
        """The gradients of everything that has the columns of the batch."""
        nodes = [node for node in self.graph.order if self.batch in names_in(node.shape or ())]
        return frozenset(f"d{self.graph.name(node)}" for node in nodes)

    def _is_mean(self) -> bool:
        """Whether the loss is a mean over columns: then every column twice leaves it as it is."""
        graph, values = self.graph, self.draws[0].values
        leaves = (*graph.inputs, *graph.parameters)
        try:
            twice = forward(graph, {node: _doubled(node, values[graph.name(node)], self.batch) for node in leaves})
        except ChainruleError:
            return False
        outputs = [(twice[graph.position(node)], values[graph.name(node)]) for node in graph.outputs]
        return all(new.shape == () and same(new, old) for new, old in outputs)


def _batch(graph: BaseGraph) -> str:
    """The name of the number of columns: the last size of an input, m before others; "" where there is none."""
    names = [str(node.shape[-1]) for node in graph.inputs if node.shape and _is_name(node.shape[-1])]
    return "m" if "m" in names else next(iter(names), "")


def _doubled(node: Node, value: Array, batch: str) -> Array:
    repeats = [2 if str(size) == batch else 1 for size in node.shape or ()]
    return np.tile(value, repeats)


# --- lines ---------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True)
class _Line:
    """One line of the user's: its name, how it is shown, what it reads, and how it is computed from values by name."""

    name: str
    shown: str
    reads: frozenset[str]
    compute: Callable[[Values], Array]
    formula: UserFormula | None = None
    draws: tuple[int, ...] = ()


def _line(name: str, given: AnyFormula, ground: _Ground, others: Iterable[str]) -> _Line:
    own = [k for k, draw in enumerate(ground.draws) if draw.given]
    everywhere = tuple(range(len(ground.draws)))
    known = dict.fromkeys([*ground.names, *others])
    if isinstance(given, str | UserFormula):
        formula = given if isinstance(given, UserFormula) else _parsed(name, given, known)
        return _Line(name, formula.source.strip(), frozenset(formula.names), formula.evaluate, formula, everywhere)
    if callable(given):
        reads, compute = _calling(name, given, known, _without(ground.values(0, MEAN), name))
        return _Line(name, _callable_text(given), reads, compute, draws=tuple(own) or everywhere)
    array = _as_array(name, given)
    if not own:
        raise ArgumentError(
            f"{name} is an array, which belongs to data",
            remedy="give the data, graph.check(formulas, feeds), or hold the array against a run: run.compare(...)",
        )
    return _Line(name, f"array of shape {array.shape}", frozenset(), lambda values: array, draws=tuple(own))


def _parsed(name: str, text: str, known: Iterable[str]) -> UserFormula:
    try:
        return parse(text, known)
    except FormulaError as error:
        raise FormulaError(error.what, where=f"{name}: {error.where}", remedy=error.remedy) from None


def _as_array(name: str, given: Any) -> Array:
    array = np.asarray(given)
    if array.dtype.kind not in "fiub":
        raise ArgumentError(
            f"{name} is neither a formula, nor a callable, nor an array of real numbers", given=repr(given)[:80]
        )
    return array


def _callable_text(given: Callable[..., Any]) -> str:
    return f"{getattr(given, '__name__', type(given).__name__)}(…)"


def _calling(
    name: str, function: Callable[..., Any], known: Collection[str], values: Values
) -> tuple[frozenset[str], Callable[..., Array]]:
    """Which values a callable reads, and how to call it with values by name."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError as error:  # some functions written in C do not tell
        raise ArgumentError(
            f"{name}: what {_callable_text(function)} takes is not known", given=str(error), remedy="a lambda around it"
        ) from None
    named = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    needed = [p.name for p in parameters if p.default is p.empty and p.name in named]
    if len(needed) == 1 and needed[0] not in known:
        return _names_read(function, values), lambda values: np.asarray(function(values))
    unknown = [did_you_mean(parameter, known) for parameter in needed if parameter not in known]
    if unknown:
        raise ArgumentError(
            f"{name}: there is no value or gradient {', '.join(unknown)} to call {_callable_text(function)} with",
            remedy="name the parameters like the values, or take a single mapping of all of them",
        )
    taken = [parameter for parameter in named if parameter in known]
    return frozenset(taken), lambda values: np.asarray(_called(function, taken, values))


@final
class _Noted(Mapping[str, Any]):
    """Values by name that notes which names are asked for."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _names_read(function: Callable[..., Any], values: Values) -> frozenset[str]:
    """Which values a callable takes out of a mapping, found by calling it once."""
    noted = _Noted(values)
    with np.errstate(all="ignore"), contextlib.suppress(Exception):  # what it raises is told when it is judged
        function(noted)
    return frozenset(noted.asked)


def _called(function: Callable[..., Any], names: Sequence[str], values: Values) -> Any:
    by_place = {p.name for p in inspect.signature(function).parameters.values() if p.kind is p.POSITIONAL_ONLY}
    first = [values[name] for name in names if name in by_place]
    return function(*first, **{name: values[name] for name in names if name not in by_place})


def _in_order(lines: Mapping[str, _Line], graph: BaseGraph) -> tuple[list[_Line], set[str]]:
    """The lines with each behind those that it reads, and the names of lines that read themselves.

    What that leaves open is settled by the order in which they were written or, if that does not put a line behind
    those that it reads, by the graph: values forward, then gradients backward.
    """
    waits = {name: {r for r in line.reads if r in lines} for name, line in lines.items()}
    place = {name: k for k, name in enumerate(lines)}
    if any(place[r] >= place[name] for name, reads in waits.items() for r in reads):
        place = {name: _place(name, graph) for name in lines}
    order: list[_Line] = []
    circular: set[str] = set()
    while waits:
        ready = [name for name, reads in waits.items() if not reads & waits.keys()]
        if ready:
            name = min(ready, key=lambda name: place[name])
            order.append(lines[name])
            del waits[name]
            continue
        blamed = _blamed(waits, graph)
        circular |= blamed
        waits |= {name: set[str]() for name in blamed}
    return order, circular


def _where_known(order: Sequence[_Line], ground: _Ground) -> list[_Line]:
    """The lines, each on the draws alone on which the names of the user's own that it reads have a value.

    A callable or an array under such a name has none on random data once there is data of the user's.
    """
    found: dict[str, _Line] = {}
    for line in order:
        own = [set(found[name].draws) for name in line.reads if name in found and name not in ground.judged]
        found[line.name] = replace(line, draws=tuple(k for k in line.draws if all(k in draws for draws in own)))
    return list(found.values())


def _blamed(waits: Mapping[str, set[str]], graph: BaseGraph) -> set[str]:
    """Of lines that go round in a circle, those that read what comes after them on the way back from the loss."""
    circle = {name for name in waits if name in _led_to(name, waits)}
    blamed = {name for name in circle if any(_comes_after(r, name, graph) for r in waits[name] & circle)}
    return blamed or circle


def _comes_after(read: str, name: str, graph: BaseGraph) -> bool:
    """Whether the backward sweep has not met a gradient yet when it computes another one."""
    if read == name or (name in graph and read not in graph):
        return True
    if name in graph or read in graph or name[1:] not in graph or read[1:] not in graph:
        return False
    return graph.position(read[1:]) not in _reachable(graph, graph.position(name[1:]), forward=True)


def _place(name: str, graph: BaseGraph) -> int:
    """Where a line stands when values are computed forward and then gradients backward."""
    if name in graph:
        return graph.position(name) - len(graph)
    return len(graph) - graph.position(name[1:]) if name[1:] in graph else 0


def _led_to(name: str, reads: Mapping[str, Iterable[str]]) -> set[str]:
    """All names that are read by a line, by the lines that it reads, and so on."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        new = {r for r in reads[waiting.pop()] if r in reads} - seen
        seen |= new
        waiting.extend(new)
    return seen


# --- judging -------------------------------------------------------------------------------------------------------


class _Failure(NamedTuple):
    """What a line gave in place of an array."""

    text: str


Outcome: TypeAlias = "Array | _Failure"


@dataclass
class _Finding:
    """What was found about a line: its result on every draw in every convention, and in which of them it is right."""

    line: _Line
    expected: dict[tuple[int, str], Array] = field(default_factory=dict)
    alone: dict[tuple[int, str], Outcome] = field(default_factory=dict)
    right_in: tuple[str, ...] = ()
    chained: dict[int, Outcome] = field(default_factory=dict)
    chain_ok: bool = True

    @property
    def judged(self) -> bool:
        """Whether the graph knows what the line should give."""
        return bool(self.expected)


def _judge(
    graph: BaseGraph,
    formulas: Mapping[str, AnyFormula],
    given: list[_Draw],
    random: list[_Draw],
    convention: Convention,
) -> Report:
    if convention not in ("auto", MEAN, PER_EXAMPLE):
        raise ArgumentError(f"convention={convention!r} is none of 'auto', 'mean', 'per-example'")
    if not isinstance(formulas, Mapping):
        raise ArgumentError(f"formulas are a dict of names and formulas, not {type(formulas).__name__}")
    judge = _Judge(_Ground(graph, [*random, *given]), formulas)
    return judge.report(convention)


@final
class _Judge:
    """The judging of one set of lines."""

    def __init__(self, ground: _Ground, formulas: Mapping[str, AnyFormula]) -> None:
        self._ground = ground
        self._lines = {
            str(name): _line(str(name), given, ground, map(str, formulas)) for name, given in formulas.items()
        }
        order, self._circular = _in_order(self._lines, ground.graph)
        self._order = _where_known(order, ground)
        self._findings = {line.name: _Finding(line, self._expected(line)) for line in self._order}
        self._reads = {line.name: line.reads for line in self._order}

    def report(self, convention: Convention) -> Report:
        """Judge every line on its own, settle the convention, judge the chain, explain."""
        for reading in self._ground.conventions:
            self._judge_alone(reading)
        for finding in self._findings.values():
            finding.right_in = tuple(c for c in self._ground.conventions if self._is_right(finding, c))
        settled = self._settled(convention)
        self._judge_chain(settled or MEAN)
        verdicts = {name: self._verdict(self._findings[name], settled) for name in self._lines}
        return Report(list(verdicts.values()), self._label(settled), self._first_wrong(verdicts), self._ground.batch)

    def _expected(self, line: _Line) -> dict[tuple[int, str], Array]:
        ground = self._ground
        cases = [(k, c) for k in line.draws for c in ground.conventions if line.name in ground.judged]
        return {(k, c): ground.values(k, c)[line.name] for k, c in cases}

    # on its own

    def _judge_alone(self, convention: str) -> None:
        """Every line from right values; the user's own names are computed from right values, too."""
        for k in range(len(self._ground.draws)):
            values = dict(self._ground.values(k, convention))
            for line in self._order:
                finding = self._findings[line.name]
                if k in line.draws:
                    finding.alone[k, convention] = self._computed(line, values)
                if not finding.judged:
                    _put(values, line.name, finding.alone.get((k, convention)))

    def _computed(self, line: _Line, values: Values) -> Outcome:
        if line.name in self._circular:
            return _Failure(self._circle_text(line))
        readable = values if line.formula is not None else _without(values, line.name)
        try:
            with np.errstate(all="ignore"):
                return _result(line.compute(readable))
        except ChainruleError as error:
            return _Failure(error.what)
        except Exception as error:  # whatever a callable of the user's raises is told, not raised
            return _Failure(f"{type(error).__name__}: {error}")

    def _circle_text(self, line: _Line) -> str:
        others = sorted(
            r for r in line.reads & self._reads.keys() - {line.name} if line.name in _led_to(r, self._reads)
        )
        return f"{line.name} is computed from itself" + (f", by way of {', '.join(others)}" if others else "")

    def _is_right(self, finding: _Finding, convention: str) -> bool:
        if not finding.judged:
            return not any(isinstance(outcome, _Failure) for outcome in finding.alone.values())
        return all(
            self._agrees(finding.line, outcome, finding.expected[k, c], k, c)
            for (k, c), outcome in finding.alone.items()
            if c == convention
        )

    def _agrees(self, line: _Line, outcome: Outcome, expected: Array, k: int, convention: str) -> bool:
        if isinstance(outcome, _Failure) or outcome.shape != expected.shape:
            return False
        if same(outcome, expected):
            return True
        return self._ground.draws[k].given and self._rounds_to(line, outcome, expected, k, convention)

    def _rounds_to(self, line: _Line, outcome: Array, expected: Array, k: int, convention: str) -> bool:
        """Whether a difference on the user's own data is what the rounding of its inputs does to the formula.

        Where A has rounded to 1, A - Y is exact to 1e-16 of A and not of A - Y. So the inputs are nudged by 1e-6 of
        themselves: what that does to the result, scaled down to the rounding unit, is what rounding may do to it.
        There 1 / (1 - A) is infinite, which is no mistake of a formula that is right on random data.
        """
        eps, nudge = float(np.finfo(expected.dtype).eps), 1e-6
        values = self._ground.values(k, convention)
        moved = self._computed(line, {name: _nudged(value, nudge) for name, value in values.items()})
        if isinstance(moved, _Failure) or moved.shape != outcome.shape:
            return False
        finite = np.isfinite(outcome) & np.isfinite(expected)
        if not finite.all() and all(self._ground.draws[j].given for j in line.draws):
            return False
        with np.errstate(all="ignore"):
            change = np.abs(moved - outcome)[finite & np.isfinite(moved)].max(initial=0.0)
            gap = np.abs(outcome - expected)[finite].max(initial=0.0)
        return bool(gap <= 64 * eps / nudge * change)

    # conventions

    def _settled(self, convention: Convention) -> str | None:
        """The convention that the lines follow: the one in which more are right; of equals that of the first line."""
        if convention != "auto" or len(self._ground.conventions) == 1:
            return MEAN if len(self._ground.conventions) == 1 else convention
        decisive = self._decisive()
        if not decisive:
            return None
        counts = {c: sum(f.right_in == (c,) for f in decisive) for c in self._ground.conventions}
        first = decisive[0].right_in[0]
        return max(counts, key=lambda c: (counts[c], c == first))

    def _decisive(self) -> list[_Finding]:
        """The lines that are right in one convention only, on the way back from the loss."""
        return [f for f in self._findings.values() if f.judged and len(f.right_in) == 1]

    def _label(self, settled: str | None) -> str | None:
        if len(self._ground.conventions) == 1:
            return None
        mixed = any(f.right_in != (settled,) for f in self._decisive())
        return "mixed" if mixed else settled

    # the chain

    def _judge_chain(self, convention: str) -> None:
        """Every line from the user's own earlier results, in one convention."""
        for k in range(len(self._ground.draws)):
            values = dict(self._ground.values(k, convention))
            for line in self._order:
                finding = self._findings[line.name]
                if k not in line.draws:
                    continue
                outcome = finding.chained[k] = self._computed(line, values)
                _put(values, line.name, outcome)
                if finding.judged:
                    expected = finding.expected[k, convention]
                    finding.chain_ok &= not isinstance(outcome, _Failure) and _about(outcome, expected)

    def _culprits(self, finding: _Finding, settled: str | None) -> tuple[str, ...]:
        """The lines that are wrong by themselves among those that a line depends on, the first ones first."""
        reached = _led_to(finding.line.name, self._reads)
        return tuple(n for n, f in self._findings.items() if n in reached and not self._is_fine(f, settled))

    def _is_fine(self, finding: _Finding, settled: str | None) -> bool:
        return bool(finding.right_in) if settled is None or not finding.judged else settled in finding.right_in

    # verdicts

    def _verdict(self, finding: _Finding, settled: str | None) -> Verdict:
        line, fine = finding.line, self._is_fine(finding, settled)
        if not finding.judged:
            return self._kept(finding)
        if not fine:
            return self._wrong(finding, settled)
        convention = None
        if len(self._ground.conventions) > 1:
            convention = finding.right_in[0] if len(finding.right_in) == 1 else "either"
        because = () if finding.chain_ok else self._culprits(finding, settled)
        if not because:
            return Verdict(line.name, line.shown, True, True, "right", convention=convention)
        verdict = f"wrong only because {_listed(because)} {'is' if len(because) == 1 else 'are'}"
        return Verdict(line.name, line.shown, False, True, verdict, convention=convention, because=because)

    def _kept(self, finding: _Finding) -> Verdict:
        """The verdict on a line whose name the graph does not know."""
        line = finding.line
        failure = next((outcome.text for outcome in finding.alone.values() if isinstance(outcome, _Failure)), None)
        if failure is not None:
            return Verdict(line.name, line.shown, False, False, "wrong", failure)
        meant = did_you_mean(line.name, self._ground.judged).removeprefix(repr(line.name)).strip(" ()")
        hint = "" if self._is_read(line.name) else meant
        return Verdict(line.name, line.shown, True, True, "kept", f"no name of the graph; {hint}" if hint else "")

    def _is_read(self, name: str) -> bool:
        return any(name in line.reads for line in self._order)

    def _wrong(self, finding: _Finding, settled: str | None) -> Verdict:
        line = finding.line
        found = self._fix(finding, settled)
        mixture = self._mixture(finding, settled)
        first = mixture or (found.text if found else "")
        if line.name in self._circular:
            first = "; ".join([self._circle_text(line), *([first] if first else [])])
        diagnosis = first or self._difference(finding, settled)
        if finding.chain_ok and found is not None and any(r in self._lines for r in line.reads):
            diagnosis += "; its result comes out right only because another mistake cancels this one"
        repair = ast.unparse(found.tree) if found else ""
        return Verdict(
            line.name, line.shown, False, False, "wrong", diagnosis, repair, repairs=found.repairs if found else ()
        )

    def _mixture(self, finding: _Finding, settled: str | None) -> str:
        """What to say of a line that is right in the other convention."""
        if settled is None or not finding.right_in or settled in finding.right_in:
            return ""
        name, m, scaled = finding.line.name, self._ground.batch, finding.line.name in self._ground.scaled
        anchor = self._anchor(finding, settled)
        other, read = anchor or "the convention asked for", anchor or "the gradient that it reads"
        if settled == MEAN and scaled:
            return f"1/{m} is missing: {name} is per example here, while {other} has 1/{m} in every gradient"
        if settled == MEAN:
            return f"{name} divides by {m} again though {read} already did"
        if scaled:
            return f"{name} divides by {m} already, while {other} leaves that to the parameters' gradients"
        return f"1/{m} is missing: {read} is per example, so a sum over columns has to be divided by {m}"

    def _anchor(self, finding: _Finding, settled: str) -> str | None:
        """The nearest line that settles the convention: one that this line reads, else the first of all."""
        decisive = [f.line.name for f in self._decisive() if f.right_in == (settled,)]
        before = _led_to(finding.line.name, self._reads)
        return next(iter([*(name for name in decisive if name in before), *decisive]), None)

    def _difference(self, finding: _Finding, settled: str | None) -> str:
        """How the result differs, where no change was found that mends it."""
        convention = settled or self._nearest(finding)
        outcome, expected = next(
            (outcome, finding.expected[k, c])
            for (k, c), outcome in finding.alone.items()
            if c == convention and not self._agrees(finding.line, outcome, finding.expected[k, c], k, c)
        )
        return outcome.text if isinstance(outcome, _Failure) else difference_text(outcome, expected, finding.line.name)

    def _nearest(self, finding: _Finding) -> str:
        """The convention in which a wrong result is nearer to the right one."""
        gaps = {}
        for c in self._ground.conventions:
            outcomes = [(finding.alone[k, c], finding.expected[k, c]) for k in finding.line.draws]
            gaps[c] = max(
                np.inf if isinstance(o, _Failure) or o.shape != e.shape else distance(o, e) for o, e in outcomes
            )
        return min(gaps, key=lambda c: gaps[c])

    def _first_wrong(self, verdicts: Mapping[str, Verdict]) -> str | None:
        return next((name for name in self._findings if not verdicts[name].own), None)

    # repairs

    def _fix(self, finding: _Finding, settled: str | None) -> Fix | None:
        """The change that makes a line right; for a callable or an array, what has to be done to its result."""
        line = finding.line
        tree = named(_RESULT) if line.formula is None else line.formula.tree
        if line.formula is None and any(isinstance(outcome, _Failure) for outcome in finding.alone.values()):
            return None
        conventions = self._ground.conventions if settled is None else (settled,)
        readings = [self._reading(finding, convention) for convention in conventions]
        found = fix(tree, readings)
        helpers = {name: self._inlined[name] for name in line.reads if name in self._inlined}
        if found is None and line.formula is not None and helpers:
            found = fix(substituted(tree, helpers), readings)
        return found if line.formula is not None or found is None or _speaks_of_result(found.tree) else None

    @functools.cached_property
    def _inlined(self) -> dict[str, ast.expr]:
        """The user's own names as expressions in the graph's names alone, unless they are long."""
        found: dict[str, ast.expr] = {}
        for line in self._order:
            if line.formula is not None and not self._findings[line.name].judged and line.name not in self._circular:
                tree = substituted(line.formula.tree, {name: found[name] for name in line.reads if name in found})
                if len(sites(tree)) <= _LONGEST_INLINED:
                    found[line.name] = tree
        return found

    def _reading(self, finding: _Finding, convention: str) -> Reading:
        line = finding.line
        cases = []
        for k in line.draws:
            values = dict(self._ground.values(k, convention))
            values.pop(line.name, None)
            for other in self._order:
                if not self._findings[other.name].judged:
                    _put(values, other.name, self._findings[other.name].alone.get((k, convention)))
            if line.formula is None:
                _put(values, _RESULT, finding.alone[k, convention])
            columns = self._ground.draws[k].sizes.get(self._ground.batch)
            cases.append(Case(values, finding.expected[k, convention], columns))
        cases.sort(key=lambda case: sum(map(np.size, case.values.values())))
        names = _candidates(self._ground, line)
        batch = self._ground.batch
        spoken = batch if batch and batch not in self._ground.graph else None  # a node of that name is meant by it
        return Reading(convention, tuple(cases), functools.partial(_scene, names, cases[0].values, spoken))


_LONGEST_INLINED = 60  # parts of an expression that is put in the place of a name
_RESULT = "result"  # the name under which a repair speaks of what a callable or an array gave


def _speaks_of_result(tree: ast.expr) -> bool:
    """Whether a repair still computes with what a callable or an array gave: another formula is no repair of it."""
    return any(isinstance(node, ast.Name) and node.id == _RESULT for node in ast.walk(tree))


def _scene(
    names: tuple[tuple[str, ...], tuple[str, ...]],
    values: Values,
    batch: str | None,
    shape_of: Callable[[ast.expr], Shape | None],
) -> Scene:
    shapes = {name: np.shape(value) for name, value in values.items()}
    whole = frozenset(name for name, value in values.items() if np.array_equal(value, np.round(value)))
    return Scene(*names, shapes, batch, shape_of, whole)


# --- which names a line can be repaired with -----------------------------------------------------------------------

_REACH = 4  # edges between a node and what its gradient is computed from: W → product → sum → activation → product


def _candidates(ground: _Ground, line: _Line) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Values and gradients near a line, nearest first; gradients only of what the backward sweep has met before.

    A line for a value is computed from what comes before it, and from no gradient.
    """
    graph = ground.graph
    is_value = line.name in graph
    target = graph.position(line.name if is_value else line.name[1:])
    read = [name for name in line.reads if name in graph or name in ground.draws[0].gradients]
    near = [*read, *(n for name in read for step in (-1, 1) if (n := shifted(name, step)))]
    distances = _distances(graph, target)
    near += sorted(
        (graph.names[k] for k, far in distances.items() if far <= _REACH), key=lambda n: distances[graph.position(n)]
    )
    behind = _reachable(graph, target, forward=True)
    before = _reachable(graph, target, forward=False)
    stems = dict.fromkeys(name if name in graph else name[1:] for name in near)
    known = [name for name in stems if name in graph and name.isidentifier()]
    named = [name for name in known if graph[name].name is not None or name in line.reads]
    if is_value:
        return tuple(name for name in named if graph.position(name) in before), ()
    ends = {graph.name(node) for node in graph.outputs if node.shape == ()}  # whose gradient is 1
    gradients = (f"d{name}" for name in named if graph.position(name) in behind and name not in ends)
    return tuple(named), tuple(name for name in gradients if name in ground.draws[0].gradients and name not in graph)


def _neighbors(graph: BaseGraph) -> tuple[list[list[int]], list[list[int]]]:
    """The positions of every node's inputs and consumers."""
    sources = [[graph.position(source) for source in node.inputs] for node in graph.order]
    consumers: list[list[int]] = [[] for _ in sources]
    for k, found in enumerate(sources):
        for source in found:
            consumers[source].append(k)
    return sources, consumers


def _distances(graph: BaseGraph, start: int) -> dict[int, int]:
    """How many edges every node near a node is away, whichever way they point."""
    sources, consumers = _neighbors(graph)
    found, border = {start: 0}, [start]
    for far in range(1, _REACH + 1):
        border = [k for node in border for k in (*sources[node], *consumers[node]) if k not in found]
        found.update(dict.fromkeys(border, far))
    return found


def _reachable(graph: BaseGraph, start: int, *, forward: bool) -> set[int]:
    """The positions of all that is computed from a node, or of all that it is computed from."""
    steps = _neighbors(graph)[forward]
    seen, waiting = {start}, [start]
    while waiting:
        new = set(steps[waiting.pop()]) - seen
        seen |= new
        waiting.extend(new)
    return seen - {start}


# --- small things --------------------------------------------------------------------------------------------------


def _put(values: dict[str, Array], name: str, outcome: Outcome | None) -> None:
    if outcome is not None and not isinstance(outcome, _Failure):
        values[name] = outcome
    elif outcome is not None:
        values.pop(name, None)


def _result(value: Array) -> Outcome:
    """The result as an array of real numbers."""
    if value.dtype.kind not in "fiub":
        return _Failure(f"its result is of type {value.dtype}, not an array of real numbers")
    return _sealed(value if value.dtype.kind == "f" else value.astype(float))


def _sealed(array: Array) -> Array:
    """A read-only view: a callable of the user's is handed it."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


def _about(outcome: Array, expected: Array) -> bool:
    """Whether a result of a chain is right: rounding adds up along it, so a hundred times as much is allowed."""
    return outcome.shape == expected.shape and distance(outcome, expected) <= 100 * tolerance(expected.dtype)


def _without(values: Values, name: str) -> Values:
    return {key: value for key, value in values.items() if key != name}


def _nudged(value: Any, by: float) -> Any:
    """The array with every second entry a little larger in size; labels and other whole numbers stay as they are."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or not np.any(value != np.round(value)):
        return value
    steps = np.where(np.arange(value.size).reshape(value.shape) % 2, by, -by).astype(value.dtype)
    return np.asarray(value * (1 + steps))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
