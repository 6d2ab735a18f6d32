"""Data that is not tame: large and tiny numbers, both signs where rules allow, entries close to kinks, shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.core.accepting import generator
from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Input, Parameter
from chainrule.core.node import Node
from chainrule.core.passes import forward, in_reverse
from chainrule.core.rules import call_backward, call_forward
from chainrule.errors import ChainruleError, FeedError, RuleError
from chainrule.nodes.arithmetic import Add, Maximum, Minimum, Multiply, Negate, Subtract, Where
from chainrule.nodes.elementwise import Abs, Clip, Exp, LeakyReLU, ReLU, Square
from chainrule.nodes.linear import MatMul, Transpose
from chainrule.nodes.losses import HingeLoss, MSELoss
from chainrule.nodes.rearranging import Concatenate, Index, Reshape
from chainrule.nodes.reductions import Max, Mean, Sum
from chainrule.nodes.transcendental import Cosh, Expm1, Sinh
from chainrule.samples.domains import ANY, Domain, asked_of_inputs, domains
from chainrule.samples.kinks import distances

Array = npt.NDArray[Any]
Rng = np.random.Generator

_TAME = (
    Add,
    Subtract,
    Multiply,
    Negate,
    MatMul,
    Transpose,
    Square,
    Abs,
    ReLU,
    LeakyReLU,
    Clip,
    Maximum,
    Minimum,
    Where,
)
_ALL_TAME = (*_TAME, Reshape, Concatenate, Index, Sum, Mean, Max, MSELoss, HingeLoss)
_EXPONENTIAL = (Exp, Expm1, Sinh, Cosh)
_ADDED = (Add, Subtract, Negate, Transpose, Reshape, Concatenate, Index)
_LARGE, _CURVED = 300.0, 12.0  # the largest entry where all that read it are linear in pieces or square, and elsewhere
_FAR, _FAR_CURVED, _FAR_EXPONENT = 3000.0, 25.0, 8.0  # and in far data, where 1 - σ has a few digits, and exp is small
_SHRINKS = 8  # of the leaves of a value that is too large
_EXPONENTS = ((-3.0, 2.5), (-3.0, 1.5), (-1.0, 0.5), (-0.5, 0.2))  # of 10, tried until nothing overflows


def spread_feeds(
    graph: BaseGraph,
    feeds: Mapping[str, Array],
    sizes: Mapping[str, int],
    seed: int,
    *,
    far: bool = False,
    turned: bool = False,
) -> dict[str, Array]:
    """Feeds such as the given ones, but large and tiny, of both signs, and with entries close to kinks.

    What is linear in pieces meets entries up to some hundreds, every other rule up to 12, where a sigmoid still has
    digits; ``far`` takes them up to 3,000, and to 300 where what a curved rule gives is used in lines.
    ``turned`` gives what is read last the other sign, so that large sums have both. Labels, indices and conditions stay
    as they are. Where no such data gives finite values, the feeds are returned as they were.

    >>> from chainrule import Graph, Input, Parameter, Sum
    >>> graph = Graph(Sum(Parameter("W", (40, 50)) @ Input("x", (50, 1))))
    >>> W = spread_feeds(graph, {"W": np.ones((40, 50)), "x": np.ones((50, 1))}, {}, seed=0)["W"]
    >>> bool(abs(W).max() > 1), bool(abs(W).min() < 0.001)
    (True, True)
    """
    asked = domains(graph, sizes)
    free = [node for node in (*graph.inputs, *graph.parameters) if _is_free(node, asked[node])]
    for attempt, (low, high) in enumerate(_EXPONENTS):
        rng = generator(seed, attempt, 2)
        spread: dict[Node, Array] = {
            node: _spread(feeds[graph.name(node)], asked[node], rng, low, high) for node in free
        }
        leaves: dict[Node, Array] = {
            node: feeds[graph.name(node)] for node in graph.leaves if graph.name(node) in feeds
        } | spread
        with np.errstate(all="ignore"):
            found = _settled(graph, leaves, free, _mosts(graph, far))
            if found is not None:
                found = _with_both_signs(graph, found, [node for node in free if asked[node] != ANY], sizes, rng)
                if turned:
                    moved = set(free)
                    found = {
                        n: -v if asked[n] == ANY and n in moved and _is_late(graph, n) else v for n, v in found.items()
                    }
                found = _close_to_kinks(graph, found, [node for node in free if asked[node] == ANY], rng)
                return {graph.name(node): value for node, value in found.items()}
    return dict(feeds)


def _is_late(graph: BaseGraph, leaf: Node) -> bool:
    """Whether a leaf is read in the second half of a graph alone."""
    return all(2 * graph.position(use) > len(graph) for use in graph.consumers(leaf))


def soft_feeds(
    graph: BaseGraph, feeds: Mapping[str, Array], sizes: Mapping[str, int], seed: int
) -> tuple[dict[str, Array], bool] | None:
    """The feeds with shares for labels, and whether these are of classes; None where no labels are 0 and 1 alone.

    A loss that takes 0 or 1 for a label takes what lies between as well, and classes in shares that sum to 1.
    """
    asked, rng = domains(graph, sizes), generator(seed, 3)
    found, classes = dict(feeds), False
    for leaf in graph.inputs:
        value, domain, name = feeds[graph.name(leaf)], asked[leaf], graph.name(leaf)
        if domain.kind == "one-hot" and value.ndim:
            shares = rng.uniform(0.1, 1, value.shape)
            found[name], classes = (shares / shares.sum(axis=domain.axis, keepdims=True)).astype(value.dtype), True
        elif domain.kind == "either" and domain.low == 0 and leaf in graph.labels:
            found[name] = rng.uniform(0.1, 0.9, value.shape).astype(value.dtype)
    return None if all(found[name] is feeds[name] for name in feeds) else (found, classes)


# --- magnitudes ---------------------------------------------------------------------------------------------------


def _is_free(node: Node, domain: Domain) -> bool:
    return isinstance(node, Input | Parameter) and node.dtype.kind == "f" and domain.kind in ("", "nonzero")


def _spread(value: Array, domain: Domain, rng: Rng, low: float, high: float) -> Array:
    """Every entry times a power of ten of its own; inside an interval, nearer to its ends."""
    if np.isfinite(domain.low) and np.isfinite(domain.high):
        share = 1 / (1 + np.exp(-2 * rng.standard_normal(value.shape)))
        return (domain.low + (domain.high - domain.low) * share).astype(value.dtype)
    factor = 10 ** rng.uniform(max(low, -1.0) if domain != ANY else low, high, value.shape)
    end = domain.low if np.isfinite(domain.low) else domain.high if np.isfinite(domain.high) else 0.0
    return np.asarray(end + (value - end) * factor, dtype=value.dtype)


def _settled(
    graph: BaseGraph, leaves: Mapping[Node, Array], free: Sequence[Node], mosts: Mapping[Node, float]
) -> dict[Node, Array] | None:
    """The leaves, those that make a value too large made smaller; None where the values stay too large or infinite."""
    values: dict[Node, Array] = dict(leaves)
    dtype = next((value.dtype for value in leaves.values() if value.dtype.kind == "f"), np.dtype(float))
    moved = set(free)
    for node in graph.order:
        if not node.inputs:
            if node not in values:
                values[node] = np.asarray(getattr(node, "value"), dtype)  # noqa: B009  # a constant
            elif node in moved:
                values[node] = _within(values[node], mosts[node])
            continue
        most = mosts[node]
        for _ in range(_SHRINKS):
            try:
                values[node] = call_forward(node, [values[source] for source in node.inputs], dtype)
            except RuleError:
                return None
            largest = np.abs(values[node]).max(initial=0.0)
            own = [source for source in node.inputs if source in moved]
            if largest <= most or not own:
                break
            for source in own:
                values[source] = np.asarray(values[source] * (0.9 * most / largest) ** (0.5 / len(own)), dtype)
        if not np.isfinite(values[node]).all() or (largest > 4 * most and node not in graph.ends):
            return None
    return {node: values[node] for node in leaves}


def _within(value: Array, most: float) -> Array:
    """The value, made smaller where its largest entry is larger than one may be."""
    largest = np.abs(value).max(initial=0.0)
    return value if largest <= most else np.asarray(value * (0.9 * most / largest), value.dtype)


def _mosts(graph: BaseGraph, far: bool) -> dict[Node, float]:
    """How large the entries of every node may be: as what they are added to, where they are."""
    most: dict[Node, float] = {}
    for node in reversed(graph.order):
        ends = [
            most[use] if isinstance(use, _ADDED) else _most_read_by(graph, use, far) for use in graph.consumers(node)
        ]
        most[node] = min(ends, default=_FAR if far else _LARGE)
    return most


def _most_read_by(graph: BaseGraph, use: Node, far: bool) -> float:
    """How large the entries that a rule reads may be."""
    if isinstance(use, _ALL_TAME):
        return _FAR if far else _LARGE
    if isinstance(use, _EXPONENTIAL):
        return _FAR_EXPONENT if far else _CURVED
    uses = graph.consumers(use)
    if far and uses and all(isinstance(other, _ALL_TAME) for other in uses):
        return _LARGE
    return _FAR_CURVED if far else _CURVED


# --- signs --------------------------------------------------------------------------------------------------------

_FLIPS = 40  # of signs that are tried


def _with_both_signs(
    graph: BaseGraph, leaves: dict[Node, Array], bound: Sequence[Node], sizes: Mapping[str, int], rng: Rng
) -> dict[Node, Array]:
    """The leaves with signs turned wherever all that is asked of values stays met: a product is positive twice."""
    best = leaves
    for _ in range(_FLIPS if bound else 0):
        chosen = bound[int(rng.integers(len(bound)))]
        alike = [node for node in bound if leaves[node].shape == leaves[chosen].shape]
        mask = rng.random(leaves[chosen].shape) < rng.choice([0.15, 0.5, 1.0])
        group = [chosen] if rng.random() < 0.5 else alike if len(alike) > 1 else list(bound)
        by = -rng.choice([1.0, 0.3, 0.1]) if len(group) == 1 else -1.0
        entries = set(alike)
        turned = {n: np.where(mask, by * leaves[n], leaves[n]) if n in entries else -leaves[n] for n in group}
        tried = leaves | turned
        if _admitted(graph, tried, sizes):
            leaves = tried
            best = min(best, leaves, key=lambda found: sum(_one_sided(found[node]) for node in bound))
    return best


def _one_sided(value: Array) -> float:
    """1 where all entries are positive, a little less where all are negative, 0 where as many are the one as other."""
    return float(np.abs(np.sign(value).mean()) - 0.1 * bool((value < 0).any())) if value.size else 0.0


def _admitted(graph: BaseGraph, leaves: Mapping[Node, Array], sizes: Mapping[str, int]) -> bool:
    """Whether every value is finite and where the rule that reads it is defined."""
    try:
        computed = forward(graph, {graph.name(node): value for node, value in leaves.items()})
    except ChainruleError:
        return False
    values = dict(zip(graph.order, computed, strict=True))
    for node in graph.order:
        if not np.isfinite(values[node]).all():
            return False
        for source, domain in zip(node.inputs, asked_of_inputs(node, ANY, sizes), strict=False):
            value = values[source]
            if domain.kind == "" and ((value <= domain.low).any() or (value >= domain.high).any()):
                return False
    return True


# --- kinks --------------------------------------------------------------------------------------------------------

_CLOSE = 1e-6  # how near an entry comes to a kink, on both of its sides
_MOST_KINKED = 4  # nodes with a kink whose entries are moved


def _close_to_kinks(graph: BaseGraph, leaves: dict[Node, Array], free: Sequence[Node], rng: Rng) -> dict[Node, Array]:
    """The leaves moved a little, so that of every rule with a kink an entry lies close to it on either side.

    Newton's method: each entry is one equation, and the leaves take the shortest step that solves all of them.
    """
    if not free:
        return leaves
    goals: list[tuple[int, int, float]] | None = None
    best = leaves
    for _ in range(4):
        try:
            computed = forward(graph, {graph.name(node): value for node, value in best.items()})
        except FeedError:
            return leaves
        goals = _goals(graph, computed) if goals is None else goals
        if not goals:
            return leaves
        step = _newton_step(graph, computed, goals, free)
        if step is None or not all(np.isfinite(move).all() for move in step.values()):
            return leaves
        best = best | {node: np.asarray(best[node] + move, best[node].dtype) for node, move in step.items()}
    moved = max(np.abs(best[node] - leaves[node]).max(initial=0.0) for node in free)
    return best if moved <= _CURVED else leaves


def _kinked(graph: BaseGraph, values: Sequence[Array]) -> list[tuple[int, Array]]:
    """The positions of rules with a kink, with the distance of every entry from it."""
    found = []
    for k, node in enumerate(graph.order):
        if not isinstance(node, Max | HingeLoss):
            far = distances(node, [values[source] for source in graph.sources[k]])
            if far is not None and far.size > 1 and far.shape == values[graph.sources[k][0]].shape:
                found.append((k, far))
    return found[:_MOST_KINKED]


def _goals(graph: BaseGraph, values: Sequence[Array]) -> list[tuple[int, int, float]]:
    """For every kink the two entries closest to it, of two examples, with where each should lie."""
    goals = []
    for k, far in _kinked(graph, values):
        order = np.argsort(np.abs(far), axis=None)
        near = [int(j) for j in order if far.flat[j] != 0][:2]
        goals += [(k, j, sign * _CLOSE) for j, sign in zip(near, (1.0, -1.0), strict=False)]
    return goals


def _newton_step(
    graph: BaseGraph, values: Sequence[Array], goals: Sequence[tuple[int, int, float]], free: Sequence[Node]
) -> dict[Node, Array] | None:
    fars = dict(_kinked(graph, values))
    slopes, gaps = [], []
    for k, j, goal in goals:
        source = graph.sources[k][0]
        start = np.zeros(values[source].shape, values[source].dtype)
        start.flat[j] = 1.0
        sign = _slope_of_distance(graph.order[k], [values[s] for s in graph.sources[k]], fars[k], j)
        found = _swept_from(graph, values, source, start * sign)
        slopes.append(np.concatenate([found[graph.position(node)].ravel() for node in free]))
        gaps.append(goal - fars[k].flat[j])
    jacobian = np.array(slopes)
    if not np.isfinite(jacobian).all():
        return None
    flat = np.linalg.lstsq(jacobian, np.array(gaps), rcond=1e-9)[0]
    sizes = [values[graph.position(node)].size for node in free]
    pieces = np.split(flat, np.cumsum(sizes)[:-1])
    return {node: piece.reshape(values[graph.position(node)].shape) for node, piece in zip(free, pieces, strict=True)}


def _slope_of_distance(node: Node, inputs: list[Array], far: Array, j: int) -> float:
    """Whether the distance of an entry grows or falls with it."""
    moved = inputs[0].copy()
    moved.flat[j] += 1e-7
    after = distances(node, [moved, *inputs[1:]])
    return 1.0 if after is None or after.flat[j] >= far.flat[j] else -1.0


def _swept_from(graph: BaseGraph, values: Sequence[Array], start: int, seed: Array) -> list[Array]:
    """The slope of one node, weighted by the seed, with respect to every other."""

    def total(k: int, uses: list[tuple[int, int, Array]]) -> Array | None:
        parts = [*([seed] if k == start else []), *(part for _, _, part in uses)]
        return sum(parts[1:], start=parts[0]) if parts else None

    def local(k: int, grad: Array) -> Sequence[Array | None]:
        return call_backward(graph.order[k], grad, values[k], [values[source] for source in graph.sources[k]])

    gradients, _ = in_reverse(graph, total, local)
    return [np.zeros_like(values[k]) if grad is None else grad for k, grad in enumerate(gradients)]
