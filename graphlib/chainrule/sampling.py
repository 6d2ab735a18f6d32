"""Random data for a graph: feeds that its rules admit, and sizes for m that coincide with no other size."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.dimensions import Dimension, Size, names_in
from chainrule.errors import ArgumentError, ChainruleError, FeedError, did_you_mean
from chainrule.graph import Graph
from chainrule.node import Constant, Input, Node, Parameter
from chainrule.nodes.arithmetic import Add, Divide, Maximum, Minimum, Multiply, Negate, Power, Subtract, Where
from chainrule.nodes.elementwise import Abs, Clip, LeakyReLU, Log, ReLU, Sqrt
from chainrule.nodes.linear import MatMul, Transpose
from chainrule.nodes.losses import BCELoss, CrossEntropyLoss, HingeLoss, SigmoidBCELoss, SoftmaxCrossEntropyLoss
from chainrule.nodes.reductions import Max, Mean, Sum
from chainrule.nodes.shapes import Concatenate, Gather, Index, Reshape

Array = npt.NDArray[Any]
Rng = np.random.Generator


# --- sizes ---------------------------------------------------------------------------------------------------------


def generic_sizes(graph: Graph, count: int = 1) -> list[dict[str, int]]:
    """Numbers for the named dimensions of a graph, ``count`` times, each time other ones.

    Sizes that differ by name differ in number, and no named size equals a layer's: what is right only because two
    sizes happen to coincide comes out wrong for such data. Primes are tried first, so that m is no product either.

    >>> from chainrule import Input, MatMul, Parameter, Sum
    >>> graph = Graph(Sum(MatMul(Parameter("W", (5, 2)), Input("A0", (2, "m")))))
    >>> generic_sizes(graph, 3)
    [{'m': 7}, {'m': 11}, {'m': 13}]

    A graph without named dimensions gives empty dicts. Raises ArgumentError when no numbers can be found.
    """
    shapes = [size for node in graph.order for size in node.shape or ()]
    names = sorted(names_in(shapes))
    if not names:
        return [{} for _ in range(count)]
    found: list[dict[str, int]] = []
    for sizes in _candidates(names):
        if _distinct(shapes, sizes) and not any(set(sizes.values()) & set(other.values()) for other in found):
            found.append(sizes)
        if len(found) == count:
            return found
    shown = ", ".join(sorted({str(size) for size in shapes if isinstance(size, Dimension)}))
    raise ArgumentError(f"no numbers for {', '.join(names)} make all sizes whole and different", given=f"sizes {shown}")


_PRIMES = (5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)
_FACTORS = (1, 2, 3, 4, 6, 8, 12, 24, 60, 120, 840)  # for graphs that need m to be even, a multiple of 3, ...


def _candidates(names: list[str]) -> Iterator[dict[str, int]]:
    numbers = [*_PRIMES, *(n for n in range(98, 1000) if all(n % p for p in (2, 3, *_PRIMES)))]
    for factor in _FACTORS:
        for start in range(len(numbers) - len(names) + 1):
            yield {name: factor * numbers[start + k] for k, name in enumerate(names)}


def _distinct(shapes: list[Size], sizes: Mapping[str, int]) -> bool:
    """Whether different sizes of the graph are different numbers, and all of them whole."""
    different = set(shapes)
    try:
        numbers = {size.evaluate(sizes) if isinstance(size, Dimension) else size for size in different}
    except ValueError:  # half an m
        return False
    return len(numbers) == len(different) and min(numbers) >= 0


# --- what a value must be ------------------------------------------------------------------------------------------


class Domain(NamedTuple):
    """The values that a node may have: an open interval, and a kind where not every number in it will do."""

    low: float = -math.inf
    high: float = math.inf
    kind: str = ""  # one of those in _DRAWS, the strictest last
    axis: int = 0  # along which a one-hot label has its one

    def meet(self, other: Domain) -> Domain:
        """What both admit; of two kinds the stricter one."""
        strict = max(self, other, key=lambda domain: _KINDS.index(domain.kind))
        return Domain(max(self.low, other.low), min(self.high, other.high), strict.kind, strict.axis)

    def shifted(self, by: Array) -> Domain:
        """The domain of x where x + by has this one; ``by`` is not empty."""
        return self._replace(low=self.low - by.min(), high=self.high - by.max())

    def scaled(self, by: Array) -> Domain:
        """The domain of x where x * by has this one; none is known where ``by`` has a zero or both signs."""
        if not (by.min() > 0 or by.max() < 0):
            return ANY
        ends = (self.low / by, self.high / by) if by.min() > 0 else (self.high / by, self.low / by)
        return self._replace(low=float(ends[0].max()), high=float(ends[1].min()))


ANY, POSITIVE, NONZERO = Domain(), Domain(low=0.0), Domain(kind="nonzero")
PROBABILITY, BINARY, SIGN = Domain(0.0, 1.0), Domain(kind="binary"), Domain(kind="sign")

Demand: TypeAlias = Callable[[Any, Domain], "tuple[Domain, ...]"]
"""What a node asks of its inputs, given what is asked of the node itself."""


def _add(node: Add, asked: Domain) -> tuple[Domain, ...]:
    x, y = map(_constant, node.inputs)
    if y is not None:
        return asked.shifted(y), ANY
    if x is not None:
        return ANY, asked.shifted(x)
    return (_if_positive(asked),) * 2


def _subtract(node: Subtract, asked: Domain) -> tuple[Domain, ...]:
    x, y = map(_constant, node.inputs)
    if y is not None:
        return asked.shifted(-y), ANY
    if x is not None:
        return ANY, asked.shifted(x).scaled(np.array(-1.0))
    return ANY, ANY


def _multiply(node: Multiply, asked: Domain) -> tuple[Domain, ...]:
    x, y = map(_constant, node.inputs)
    if y is not None:
        return asked.scaled(y), ANY
    if x is not None:
        return ANY, asked.scaled(x)
    return (_if_positive(asked),) * 2


def _divide(node: Divide, asked: Domain) -> tuple[Domain, ...]:
    y = _constant(node.inputs[1])
    if y is not None:
        return (asked.scaled(1 / y) if y.all() else ANY), ANY
    positive = _if_positive(asked)
    return positive, (positive if positive is POSITIVE else NONZERO)


def _power(node: Power, asked: Domain) -> tuple[Domain, ...]:
    exponent = _constant(node.inputs[1])
    if exponent is None or (exponent != np.trunc(exponent)).any():
        return POSITIVE, ANY
    odd = (exponent % 2 == 1).any()
    return (_if_positive(asked) if odd else NONZERO if exponent.min() < 0 else ANY), ANY


def _gather(node: Gather, asked: Domain) -> tuple[Domain, ...]:
    shape = node.inputs[0].shape
    rows = shape[node.axis] if shape else 1
    return asked, Domain(0, rows if isinstance(rows, int) else math.inf, "index")


def _transpose(node: Transpose, asked: Domain) -> tuple[Domain, ...]:
    rank = len(node.shape or ())
    if asked.kind != "one-hot" or not rank:
        return (asked,)
    axes = node.axes or tuple(range(rank))[::-1]
    return (asked._replace(axis=axes[asked.axis % rank] % rank),)


def _same(node: Node, asked: Domain) -> tuple[Domain, ...]:
    """For rules that only move entries about."""
    return (asked,) * len(node.inputs)


def _cross_entropy(node: Node, asked: Domain) -> tuple[Domain, ...]:
    return PROBABILITY, Domain(kind="one-hot")


def _if_positive(asked: Domain) -> Domain:
    """Positive where something at least as large as 0 is asked for: for sums and products of several values."""
    return POSITIVE if asked.low >= 0 else ANY


def _constant(node: Node) -> Array | None:
    return node.value if isinstance(node, Constant) and node.value.size else None


_DEMANDS: dict[type[Node], Demand] = {
    Add: _add,
    Subtract: _subtract,
    Multiply: _multiply,
    Divide: _divide,
    Negate: lambda node, asked: (asked.scaled(np.array(-1.0)),),
    Power: _power,
    Sqrt: lambda node, asked: (POSITIVE,),
    Log: lambda node, asked: (POSITIVE,),
    Where: lambda node, asked: (BINARY, asked, asked),
    Maximum: _same,
    Minimum: _same,
    Max: _same,
    Mean: _same,
    Sum: lambda node, asked: (_if_positive(asked),),
    MatMul: lambda node, asked: (_if_positive(asked),) * 2,
    Transpose: _transpose,
    Reshape: _same,
    Concatenate: _same,
    Index: _same,
    Gather: _gather,
    BCELoss: lambda node, asked: (PROBABILITY, BINARY),
    SigmoidBCELoss: lambda node, asked: (ANY, BINARY),
    CrossEntropyLoss: _cross_entropy,
    SoftmaxCrossEntropyLoss: lambda node, asked: (ANY, Domain(kind="one-hot")),
    HingeLoss: lambda node, asked: (ANY, SIGN),
}


def domains(graph: Graph) -> dict[Node, Domain]:
    """What the rules ask of every node, from the outputs back to the leaves; rules that ask nothing take anything."""
    asked = dict.fromkeys(graph.order, ANY)
    for node in reversed(graph.order):
        demand = _DEMANDS.get(type(node))
        if demand is None:
            continue
        for source, domain in zip(node.inputs, demand(node, asked[node]), strict=True):
            asked[source] = asked[source].meet(domain)
    return asked


# --- drawing -------------------------------------------------------------------------------------------------------


def _number(rng: Rng, shape: tuple[int, ...], domain: Domain) -> Array:
    """Normal numbers; in a half-open or bounded interval, numbers that keep away from its ends."""
    low, high = domain.low, domain.high
    normal = rng.standard_normal(shape)
    if not low < high or math.isinf(high - low) and math.isinf(low) and math.isinf(high):
        return normal
    if math.isinf(high):
        return low + 0.3 + np.abs(normal)
    if math.isinf(low):
        return high - 0.3 - np.abs(normal)
    return low + (high - low) * rng.uniform(0.1, 0.9, shape)


def _nonzero(rng: Rng, shape: tuple[int, ...], domain: Domain) -> Array:
    numbers = _number(rng, shape, domain)
    return numbers + 0.5 * np.sign(numbers) if math.isinf(domain.high) else numbers


def _binary(rng: Rng, shape: tuple[int, ...], domain: Domain) -> Array:
    """Zeros and ones in random order, as many of one as of the other."""
    size = math.prod(shape)
    return rng.permutation(np.arange(size) % 2).reshape(shape)


def _sign(rng: Rng, shape: tuple[int, ...], domain: Domain) -> Array:
    return 2 * _binary(rng, shape, domain) - 1


def _one_hot(rng: Rng, shape: tuple[int, ...], domain: Domain) -> Array:
    """A single one along the axis, every class about as often."""
    if not shape:
        return np.ones(shape)
    axis = domain.axis % len(shape)
    classes, rest = shape[axis], (*shape[:axis], *shape[axis + 1 :])
    chosen = rng.permutation(np.arange(math.prod(rest)) % max(classes, 1)).reshape(rest)
    return np.moveaxis(np.eye(classes)[chosen], -1, axis)


def _index(rng: Rng, shape: tuple[int, ...], domain: Domain) -> Array:
    return rng.integers(0, max(int(domain.high), 1), shape)


_DRAWS: dict[str, Callable[[Rng, tuple[int, ...], Domain], Array]] = {
    "": _number,
    "nonzero": _nonzero,
    "binary": _binary,
    "sign": _sign,
    "one-hot": _one_hot,
    "index": _index,
}
_KINDS = list(_DRAWS)


def sample_feeds(graph: Graph, seed: int = 0, sizes: Mapping[str, int] | None = None) -> dict[str, Array]:
    """Random feeds for every Input and Parameter of a graph, by name: the same for the same seed.

    ``sizes`` are the numbers of the named dimensions; those left out come from ``generic_sizes``. Parameters are
    those of ``Graph.initialize`` plus noise, so that no bias is 0. Labels are what their loss takes: 0 or 1, one-hot
    columns, -1 or 1. Indices stay inside the table they look up; what goes into a logarithm, a root or a loss of
    probabilities is positive or between 0 and 1. Everything else is normal.

    >>> from chainrule import BCELoss, Input, MatMul, Parameter, Sigmoid
    >>> prediction = Sigmoid(MatMul(Parameter("W", (1, 2)), Input("A0", (2, "m"))))
    >>> feeds = sample_feeds(Graph(BCELoss(prediction, Input("Y", (1, "m")))), sizes={"m": 4})
    >>> feeds["A0"].shape, sorted(feeds["Y"][0].tolist())
    ((2, 4), [0.0, 0.0, 1.0, 1.0])

    Several draws are tried until the outputs are finite, nothing lies at a kink, and every gradient is there. Raises
    ArgumentError for an unknown or impossible size, FeedError when no draw gives finite outputs.
    """
    numbers = _all_sizes(graph, sizes or {})
    asked = domains(graph)
    best: tuple[float, dict[str, Array]] = (math.inf, {})
    error: Exception | None = None
    for attempt, squeeze in enumerate(_SQUEEZES):
        rng = np.random.default_rng([seed, attempt])
        feeds = _draw(graph, rng, seed, numbers, {n: d if d.kind in _FIXED else d.meet(squeeze) for n, d in asked.items()})
        try:
            flaws = _flaws(graph, feeds, rng)
        except ChainruleError as raised:  # a rule may refuse some values, such as a matrix without a Cholesky factor
            flaws, error = math.inf, raised
        if flaws < best[0]:
            best = (flaws, feeds)
        if flaws == 0:
            break
    if math.isinf(best[0]):
        raise FeedError("no data drawn at random gives finite outputs", remedy="give feeds of your own") from error
    return best[1]


# What is tried in turn: whatever the rules ask for; positive numbers, for domains that no demand led to the leaves;
# numbers between 0 and 1; and small ones, where something overflows.
_SQUEEZES = (*[ANY] * 4, *[POSITIVE] * 3, *[PROBABILITY] * 3, *[Domain(-0.1, 0.1)] * 2)
_FIXED = ("binary", "sign", "one-hot", "index")


def _all_sizes(graph: Graph, given: Mapping[str, int]) -> dict[str, int]:
    names = names_in(size for node in graph.order for size in node.shape or ())
    unknown = [did_you_mean(name, names) for name in given if name not in names]
    if unknown:
        raise ArgumentError(f"this graph has no dimension {', '.join(unknown)}", given=f"sizes {', '.join(sorted(names)) or 'none'}")
    return dict(given) if names <= given.keys() else {**generic_sizes(graph)[0], **given}


def _draw(graph: Graph, rng: Rng, seed: int, sizes: Mapping[str, int], asked: Mapping[Node, Domain]) -> dict[str, Array]:
    starts = _starts(graph, seed)
    feeds = {}
    for node in graph.order:
        if not isinstance(node, Input | Parameter):
            continue
        shape, domain, name = _numbers(node, sizes), asked[node], graph.name(node)
        plain = isinstance(node, Parameter) and domain == ANY and name in starts
        feeds[name] = _stirred(starts[name], rng) if plain else _value(node, shape, domain, rng, sizes)
    return feeds


def _starts(graph: Graph, seed: int) -> dict[str, Array]:
    """The initial parameters; none for a graph whose parameters cannot be initialized because a size has a name."""
    if any(isinstance(size, Dimension) for node in graph.parameters for size in node.shape or ()):
        return {}
    return graph.initialize(seed)


def _stirred(start: Array, rng: Rng) -> Array:
    """A parameter with noise of half its own spread; where all its entries are one number, of half a unit."""
    return start + 0.5 * (float(np.std(start)) or 1.0) * rng.standard_normal(start.shape)


def _value(node: Input | Parameter, shape: tuple[int, ...], domain: Domain, rng: Rng, sizes: Mapping[str, int]) -> Array:
    if node.dtype.kind == "b":
        return _binary(rng, shape, domain).astype(bool)
    if node.dtype.kind in "iu" and domain.kind not in _FIXED:
        return rng.integers(1, 10, shape).astype(node.dtype)
    return _DRAWS[domain.kind](rng, shape, domain).astype(node.dtype)


def _numbers(node: Node, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(size.evaluate(sizes) if isinstance(size, Dimension) else size for size in node.shape or ())


# --- whether a draw is any good ------------------------------------------------------------------------------------

_MARGIN = 1e-3  # how near a kink is too near: a hundred steps of a central difference


def _flaws(graph: Graph, feeds: Mapping[str, Array], rng: Rng) -> float:
    """How many nodes lie at a kink, and how many leaves receive a gradient of zeros; infinite outputs are fatal."""
    with np.errstate(all="ignore"):
        run = graph.forward(feeds)
        if not all(np.isfinite(run[node]).all() for node in graph.outputs):
            return math.inf
        gradients = run.backward({node: rng.uniform(0.5, 1.5, run[node].shape) for node in graph.outputs})
        kinks = sum(_near_kink(node, [run[source] for source in node.inputs]) for node in graph.order)
    leaves = [gradients[node] for node in (*graph.inputs, *graph.parameters) if node in gradients]
    if not all(np.isfinite(gradient).all() for gradient in leaves):
        return math.inf
    return kinks + sum(not gradient.any() for gradient in leaves if gradient.size)


def _near_kink(node: Node, inputs: list[Array]) -> bool:
    distance = _KINKS.get(type(node))
    if distance is None or not inputs[0].size:
        return False
    return bool((np.abs(distance(node, *inputs)) < _MARGIN).any())


def _gap(node: Max, x: Array) -> Array:
    """How far the largest entry is ahead of the second."""
    axes = tuple(range(x.ndim)) if node.axis is None else node.axis if isinstance(node.axis, tuple) else (node.axis,)
    kept = [k for k in range(x.ndim) if k not in {axis % x.ndim for axis in axes}]
    ranked = np.sort(np.moveaxis(x, kept, range(len(kept))).reshape(*(x.shape[k] for k in kept), -1), axis=-1)
    return ranked[..., -1] - ranked[..., -2] if ranked.shape[-1] > 1 else np.ones(())


_KINKS: dict[type[Node], Callable[..., Array]] = {
    ReLU: lambda node, x: x,
    LeakyReLU: lambda node, x: x,
    Abs: lambda node, x: x,
    Maximum: lambda node, x, y: x - y,
    Minimum: lambda node, x, y: x - y,
    Clip: lambda node, x: np.minimum(np.abs(x - node.low), np.abs(x - node.high)),
    HingeLoss: lambda node, scores, labels: 1 - labels * scores,
    Max: _gap,
}
"""How far from its kink every entry is, for the rules that have one."""
