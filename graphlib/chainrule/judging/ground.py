"""What is right: values and gradients, on every draw of data and in every convention."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, final

import numpy as np

from chainrule.core.accepting import generator
from chainrule.core.graph import BaseGraph
from chainrule.core.held import Held
from chainrule.core.node import Node
from chainrule.core.passes import forward, sweep
from chainrule.core.read_only import read_only
from chainrule.core.rewriting import fusion
from chainrule.core.run import BaseRun
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.judging.closeness import Array, Values, same
from chainrule.judging.rounding import slack_of_graph
from chainrule.nodes.batch_of_graph import batch_name, examples_word
from chainrule.samples.sampling import generic_sizes, sample_feeds
from chainrule.samples.spreading import soft_feeds, spread_feeds
from chainrule.samples.stretching import stretched_feeds
from chainrule.symbols.dimensions import Dimension, Size, names_in

Convention: TypeAlias = Literal["auto", "mean", "per-example"]
MEAN, PER_EXAMPLE = "mean", "per-example"

_DRAWS = 3  # sets of random data: what is right on three of other sizes is not right by accident
_FRESH = 1000  # the seed of data that repairs are confirmed on
_WILD = 2  # sets of data that is large and tiny, of both signs and close to kinks; and two that go far
_OF_AN_ARRAY = 112  # bytes of an array without entries
_ROOM = 1 << 20  # bytes of what is held with a draw: what is made of it by convention, by rounding, by other losses

# --- one draw ------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True)
class Draw:
    """What is right on one set of data: values by name, gradients of the loss by ``dX``, the sizes of the names."""

    values: dict[str, Array]
    gradients: dict[str, Array]
    sizes: dict[str, int]
    given: bool
    starts: dict[int, Array] = field(default_factory=dict)  # where gradients start, and which: by position of a node
    tame: bool = False  # normal numbers, on which a formula that is right is exact
    far: bool = False  # larger numbers than those on which every way to compute the same is exact
    only: str = ""  # what to remark of a formula that is right on all draws but this one, which is more than asked
    held: Held = field(default_factory=lambda: Held(_ROOM), init=False, repr=False, compare=False)

    @property
    def size(self) -> int:
        """How many bytes its arrays take."""
        return _bytes(self.values.values()) + _bytes(self.gradients.values())

    def slack(self, graph: BaseGraph) -> dict[str, Array]:
        """How far rounding may have moved every entry of every value and gradient."""
        return self.held.get("slack", lambda: self._slack(graph), lambda found: _bytes(found.values()))

    def _slack(self, graph: BaseGraph) -> dict[str, Array]:
        values = [self.values[name] for name in graph.names]
        try:
            forth, back = slack_of_graph(graph, values, self.starts)
        except ChainruleError:  # a rule may refuse numbers that are a little off
            forth, back = [np.zeros(value.shape) for value in values], [None] * len(values)
        named = zip(graph.gradient_names, back, strict=True)
        return {name: g for name, g in named if g is not None} | dict(zip(graph.names, forth, strict=True))


def drawn(graph: BaseGraph, computed: Sequence[Array], seed: int, *, given: bool = False) -> Draw:
    """Values with their gradients; a gradient of an output that is no number starts from a random one."""
    values = dict(zip(graph.names, computed, strict=True))
    starts = _starts(graph, values, seed)
    return _draw(graph, values, _from(graph, computed, starts), given, starts)


def drawn_from(run: BaseRun) -> Draw:
    """The values and gradients that a run has; those that it would have where there are none yet."""
    computed = [run.values[node] for node in run.graph.order]
    if not run.has_gradients:
        return drawn(run.graph, computed, 0, given=True)
    gradients = {str(name): gradient for name, gradient in run.gradients.items()}
    starts = {node: run.gradients[node] for node in run.graph.outputs if not run.graph.consumers(node)}
    return _draw(run.graph, dict(zip(run.graph.names, computed, strict=True)), gradients, True, starts)


def _draw(
    graph: BaseGraph, values: dict[str, Array], gradients: dict[str, Array], given: bool, starts: Mapping[Node, Any]
) -> Draw:
    exact = gradients | _fused_gradients(graph, values, gradients) if given else gradients
    at = {graph.position(n): np.asarray(start, values[graph.name(n)].dtype) for n, start in starts.items()}
    named = {graph.gradient_name(name): read_only(g) for name, g in exact.items()}
    return Draw(values, named, _sizes(graph, values), given, at)


def _starts(graph: BaseGraph, values: Values, seed: int) -> dict[Node, Any]:
    rng = generator(seed)
    shapes = {node: values[graph.name(node)].shape for node in graph.outputs}
    return {node: rng.uniform(0.5, 1.5, shape) if shape else 1.0 for node, shape in shapes.items()}


def _from(graph: BaseGraph, values: Sequence[Array], starts: Mapping[Any, Any]) -> dict[str, Array]:
    with np.errstate(all="ignore"):
        gradients, _ = sweep(graph, values, starts)
    return {name: g for name, g in zip(graph.names, gradients, strict=True) if g is not None}


def _fused_gradients(graph: BaseGraph, values: Values, gradients: Mapping[str, Array]) -> dict[str, Array]:
    """The gradients behind a loss that was fused with its activation, where they are the same in the fused graph.

    On data of the user's the activation may have rounded to 0 or 1. The plain graph has then lost the digits of its
    gradients, and would call a right formula wrong.
    """
    fused = fusion(graph)
    ends = {graph.name(node): fused.twins[node] for node in graph.outputs if node in fused.twins}
    if len(fused.twins) == len(graph) or len(ends) < len(graph.outputs) or any(map(graph.consumers, ends)):
        return {}
    with np.errstate(all="ignore"):
        leaves = map(graph.name, (*graph.inputs, *graph.parameters))
        computed = forward(fused.graph, {name: values[name] for name in leaves})
    starts = {twin: gradients[name].astype(values[name].dtype) for name, twin in ends.items()}
    found = _from(fused.graph, computed, starts)
    twins = {graph.name(node): fused.graph.name(twin) for node, twin in fused.twins.items()}
    return {name: found[twin] for name, twin in twins.items() if twin in found}


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


def random_draws(graph: BaseGraph, seed: int, given: bool) -> list[Draw]:
    """Draws with small sizes first, none where data of the user's is all there can be; held with the graph.

    The first are normal numbers; then come magnitudes, signs and kinks, and last labels that are no labels.
    """
    try:
        found = graph.held.get(
            ("random draws", seed),
            lambda: _drawn_at_random(graph, seed),
            lambda draws: sum(draw.size for draw in draws),
        )
        return list(found)
    except ChainruleError as error:
        if given:
            return []
        raise ArgumentError(
            "no data could be drawn at random for this graph", given=str(error), remedy="graph.check(formulas, feeds)"
        ) from error


def _drawn_at_random(graph: BaseGraph, seed: int) -> tuple[Draw, ...]:
    sizes = generic_sizes(graph, _DRAWS)
    feeds = [sample_feeds(graph, seed + k, sizes=numbers) for k, numbers in enumerate(sizes)]
    tame = [drawn(graph, forward(graph, feed), seed + k) for k, feed in enumerate(feeds)]
    return (*(replace(draw, tame=True) for draw in tame), *_wild_draws(graph, feeds, sizes, seed))


def _wild_draws(
    graph: BaseGraph, feeds: Sequence[Mapping[str, Array]], sizes: Sequence[Mapping[str, int]], seed: int
) -> list[Draw]:
    """Draws that are not tame, as many as there are."""
    found = []
    for k in range(_WILD + 2):
        far, j = k >= _WILD, min(k, _WILD)
        wild = spread_feeds(graph, feeds[j], sizes[j], seed + j, far=far, turned=k > _WILD)
        with contextlib.suppress(ChainruleError), np.errstate(all="ignore"):
            draw = drawn(graph, forward(graph, wild), seed + j, given=far)  # far off only a fused loss is exact
            found.append(replace(draw, given=False, far=far))
    soft = soft_feeds(graph, feeds[0], sizes[0], seed)
    if soft is not None:
        only = f"right for {'one-hot labels' if soft[1] else 'labels 0 and 1'} only"
        with contextlib.suppress(ChainruleError), np.errstate(all="ignore"):
            found.append(replace(drawn(graph, forward(graph, soft[0]), seed), only=only))
    return [draw for draw in found if _is_finite(draw)]


def _stretched(graph: BaseGraph) -> tuple[Draw, ...]:
    """Draws in which one leaf is much larger or smaller than the others; none where none can be drawn at all."""
    found: list[Draw] = []
    with contextlib.suppress(ChainruleError):
        [sizes] = generic_sizes(graph)
        feeds = sample_feeds(graph, _FRESH, sizes=sizes)
        for stretched in stretched_feeds(graph, feeds, sizes):
            with contextlib.suppress(ChainruleError), np.errstate(all="ignore"):
                found.append(
                    replace(drawn(graph, forward(graph, stretched), _FRESH, given=True), given=False, far=True)
                )
    return tuple(draw for draw in found if _is_finite(draw))


def _is_finite(draw: Draw) -> bool:
    """Whether all numbers of a draw are: what overflows tells nothing of a formula."""
    return all(np.isfinite(array).all() for array in (*draw.values.values(), *draw.gradients.values()))


def _bytes(arrays: Iterable[Array]) -> int:
    """What arrays take, with what Python takes for each of them."""
    return sum(array.nbytes + _OF_AN_ARRAY for array in arrays)


# --- all draws -----------------------------------------------------------------------------------------------------


@final
class Ground:
    """What is right, on every draw and in every convention that the graph has."""

    def __init__(self, graph: BaseGraph, draws: Sequence[Draw]) -> None:
        self.graph, self.draws = graph, draws
        self.batch = batch_name(graph) or ""
        self.examples = examples_word(graph, self.batch)
        self.scaled = self._per_example() if self.batch and self._has_mean() else frozenset()
        self.conventions = (MEAN, PER_EXAMPLE) if self.scaled else (MEAN,)
        first = draws[0]
        sizes = {name: size for name, size in first.sizes.items() if name not in first.gradients}
        self.judged = {**sizes, **first.values, **first.gradients}.keys()
        self.names = {**first.sizes, **first.gradients, **first.values}.keys()
        self._known: dict[tuple[int, str], Values] = {}
        self._fresh: tuple[int, ...] | None = None
        self._stretched: tuple[int, ...] | None = None
        self._slack: dict[int, dict[str, Array]] = {}
        self._common = len(draws)

    def values(self, k: int, convention: str) -> Values:
        """What every name stands for on a draw: a value comes before a gradient, and both before a size."""
        if (k, convention) not in self._known:
            draw = self.draws[k]
            self._known[k, convention] = draw.held.get(
                ("named", convention, self.scaled),
                lambda: self._named(draw, convention),
                lambda named: _bytes(draw.gradients.values()),
            )
        return self._known[k, convention]

    def _named(self, draw: Draw, convention: str) -> Values:
        gradients = {name: self._in(convention, name, draw) for name in draw.gradients}
        return MappingProxyType({**draw.sizes, **gradients, **draw.values})

    def slack(self, k: int, convention: str, name: str) -> Array:
        """How far rounding may have moved every entry of what is right on a draw."""
        draw = self.draws[k]
        if k not in self._slack:
            self._slack[k] = draw.slack(self.graph)
        found = self._slack[k]
        if name not in found:
            return np.zeros(np.shape(self.values(k, convention)[name]))
        scaled = convention != MEAN and name in self.scaled and name not in draw.values
        return found[name] * draw.sizes[self.batch] if scaled else found[name]

    def is_common(self, k: int) -> bool:
        """Whether a draw is one that every formula is judged on."""
        return k < self._common

    def fresh(self) -> tuple[int, ...]:
        """The numbers of draws that no formula was judged on."""
        if self._fresh is None:
            draws = [draw for draw in random_draws(self.graph, _FRESH, True) if not draw.only]
            self._fresh = tuple(map(self.add, draws))
        return self._fresh

    def stretched(self) -> tuple[int, ...]:
        """The numbers of draws in which one leaf is much larger or smaller than the others."""
        if self._stretched is None:
            key = ("stretched draws", _FRESH)
            draws = self.graph.held.get(key, lambda: _stretched(self.graph), lambda found: sum(d.size for d in found))
            self._stretched = tuple(map(self.add, draws))
        return self._stretched

    def add(self, draw: Draw) -> int:
        """Take one more draw; its number."""
        self.draws = [*self.draws, draw]
        return len(self.draws) - 1

    def _in(self, convention: str, name: str, draw: Draw) -> Array:
        gradient = draw.gradients[name]
        if convention == MEAN or name not in self.scaled:
            return gradient
        return read_only(gradient * gradient.dtype.type(draw.sizes[self.batch]))

    def _per_example(self) -> frozenset[str]:
        """The gradients of everything that has the examples of the batch."""
        nodes = [node for node in self.graph.order if self.batch in names_in(node.shape or ())]
        return frozenset(map(self.graph.gradient_name, nodes))

    def _has_mean(self) -> bool:
        return self.draws[0].held.get("is a mean", self._is_mean, lambda _: 0)

    def _is_mean(self) -> bool:
        """Whether the loss is a mean over examples, and maybe more that they do not enter, such as λ/(2m) ΣW².

        Then every example twice leaves it as it is, or leaves each of them half the gradient.
        """
        graph, values = self.graph, self.draws[0].values
        leaves = (*graph.inputs, *graph.parameters)
        try:
            twice = forward(graph, {node: _doubled(node, values[graph.name(node)], self.batch) for node in leaves})
        except ChainruleError:
            return False
        outputs = [(twice[graph.position(node)], values[graph.name(node)]) for node in graph.outputs]
        if any(new.shape != () for new, _ in outputs):
            return False
        return all(same(new, old) for new, old in outputs) or self._halves_gradients(twice)

    def _halves_gradients(self, twice: Sequence[Array]) -> bool:
        """Whether the gradients of single examples are half as large where each is there twice."""
        graph, draw = self.graph, self.draws[0]
        halved = _from(graph, twice, {graph.order[k]: start for k, start in draw.starts.items()})
        once = [node for node in graph.order if [str(size) for size in node.shape or ()].count(self.batch) == 1]
        known = [(node, draw.gradients.get(graph.gradient_name(node))) for node in once]
        pairs = [(halved.get(graph.name(x)), _doubled(x, g, self.batch)) for x, g in known if g is not None]
        return bool(pairs) and all(new is not None and same(2 * new, old) for new, old in pairs)


def _doubled(node: Node, value: Array, batch: str) -> Array:
    repeats = [2 if str(size) == batch else 1 for size in node.shape or ()]
    return np.tile(value, repeats)
