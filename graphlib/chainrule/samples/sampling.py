"""Random data for a graph: feeds that its rules admit, and sizes for m that coincide with no other size."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias, final

import numpy as np
import numpy.typing as npt

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant, Input, Parameter
from chainrule.core.node import Node
from chainrule.core.passes import forward, sweep
from chainrule.errors import ArgumentError, ChainruleError, FeedError, RuleError, did_you_mean
from chainrule.nodes.arithmetic import Add, Divide, Maximum, Minimum, Multiply, Negate, Power, Subtract, Where
from chainrule.nodes.batch_axis import classes_axis
from chainrule.nodes.elementwise import Abs, Clip, LeakyReLU, Log, ReLU, Sqrt
from chainrule.nodes.linear import MatMul, Transpose
from chainrule.nodes.losses import BCELoss, CrossEntropyLoss, HingeLoss, SigmoidBCELoss, SoftmaxCrossEntropyLoss
from chainrule.nodes.rearranging import Concatenate, Gather, Index, Reshape
from chainrule.nodes.reductions import Max, Mean, Softmax, Sum
from chainrule.samples.initialization import initial_values
from chainrule.symbols.dimensions import Dimension, Size, names_in, unseen

Array = npt.NDArray[Any]
Rng = np.random.Generator


# --- sizes ---------------------------------------------------------------------------------------------------------


def generic_sizes(graph: BaseGraph, count: int = 1) -> list[dict[str, int]]:
    """Numbers for the named dimensions of a graph, ``count`` times, each time other ones.

    Sizes that differ by name differ in number, and no named size equals a layer's: what is right only because two
    sizes happen to coincide comes out wrong for such data. Primes are tried first, so that m is no product either.

    >>> from chainrule import Graph, Input, MatMul, Parameter, Sum
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
    for sizes in _candidates(shapes, names):
        if _distinct(shapes, sizes) and not any(set(sizes.values()) & set(other.values()) for other in found):
            found.append(sizes)
        if len(found) == count:
            return found
    shown = ", ".join(sorted({str(size) for size in shapes if isinstance(size, Dimension)}))
    raise ArgumentError(f"no numbers for {', '.join(names)} make all sizes whole and different", given=f"sizes {shown}")


def _candidates(shapes: list[Size], names: list[str]) -> Iterator[dict[str, int]]:
    """Primes, or multiples of them where a reshape needs m to be even, a multiple of 3, and so on."""
    terms = [term for size in shapes if isinstance(size, Dimension) for term in size.terms]
    unit = math.lcm(*(factor.denominator for _, factor in terms))
    primes = [n for n in range(5, 1000) if all(n % k for k in range(2, math.isqrt(n) + 1))]
    for start in range(len(primes) - len(names) + 1):
        yield {name: unit * primes[start + k] for k, name in enumerate(names)}


def _distinct(shapes: list[Size], sizes: Mapping[str, int]) -> bool:
    """Whether different sizes of the graph are different numbers, and the named ones whole and more than 1."""
    different = set(shapes)
    try:
        named = {size.evaluate(sizes) for size in different if isinstance(size, Dimension)}
    except ValueError:  # half an m
        return False
    fixed = {size for size in different if isinstance(size, int)}
    return len(named | fixed) == len(different) and min(named) > 1


# --- what a value must be ------------------------------------------------------------------------------------------


@final
class Domain(NamedTuple):
    """The values that a node may have: those of an open interval, or of a kind that is stricter."""

    low: float = -math.inf
    high: float = math.inf
    kind: str = ""  # one of _DRAWS; "either" means low or high, "index" a whole number from low to high - 1
    axis: int = 0  # along which a one-hot label has its one

    def meet(self, other: Domain) -> Domain:
        """What both admit; of two kinds the stricter one."""
        strict = max(self, other, key=lambda domain: _KINDS.index(domain.kind))
        return Domain(max(self.low, other.low), min(self.high, other.high), strict.kind, strict.axis)

    def shifted(self, by: Array) -> Domain:
        """The domain of x where x + by has this one; ``by`` is not empty."""
        if self.kind == "one-hot":
            return ANY
        return self._replace(low=float(self.low - by.min()), high=float(self.high - by.max()))

    def scaled(self, by: Array) -> Domain:
        """The domain of x where x * by has this one; none is known where ``by`` has a zero or both signs."""
        if self.kind == "one-hot" or not (by.min() > 0 or by.max() < 0):
            return ANY
        ends = (self.low / by, self.high / by) if by.min() > 0 else (self.high / by, self.low / by)
        return self._replace(low=float(ends[0].max()), high=float(ends[1].min()))

    def terms(self) -> Domain:
        """The domain of the terms of a sum, or of the factors of a product: positive where that is enough."""
        return POSITIVE if self.low > -math.inf and self.kind == "" else ANY


ANY, POSITIVE, NONZERO, PROBABILITY = Domain(), Domain(low=0.0), Domain(kind="nonzero"), Domain(0.0, 1.0)
BINARY, SIGN, ONE_HOT = Domain(0.0, 1.0, "either"), Domain(-1.0, 1.0, "either"), Domain(kind="one-hot")

Demand: TypeAlias = Callable[[Any, Domain], "tuple[Domain, ...]"]
"""What a node asks of its inputs, given what is asked of the node itself."""


def _add(node: Add, asked: Domain) -> tuple[Domain, ...]:
    x, y = map(_constant, node.inputs)
    if y is not None:
        return asked.shifted(y), ANY
    if x is not None:
        return ANY, asked.shifted(x)
    return (asked.terms(),) * 2


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
    return (asked.terms(),) * 2


def _divide(node: Divide, asked: Domain) -> tuple[Domain, ...]:
    y = _constant(node.inputs[1])
    if y is not None:
        return (asked.scaled(1 / y) if y.all() else ANY), ANY
    positive = asked.terms()
    return positive, (positive if positive is POSITIVE else NONZERO)


def _power(node: Power, asked: Domain) -> tuple[Domain, ...]:
    exponent = _constant(node.inputs[1])
    if exponent is None or (exponent != np.trunc(exponent)).any():
        return POSITIVE, ANY
    odd = (exponent % 2).any()
    return (asked.terms() if odd else NONZERO if exponent.min() < 0 else ANY), ANY


def _gather(sizes: Mapping[str, int], node: Gather, asked: Domain) -> tuple[Domain, ...]:
    rows = (_numbers(node.inputs[0], sizes) or (1,))[node.axis]
    return asked, Domain(0, rows, "index")


def _transpose(node: Transpose, asked: Domain) -> tuple[Domain, ...]:
    rank = len(node.shape or ())
    if asked.kind != "one-hot" or not rank:
        return (asked,)
    axes = node.axes or tuple(range(rank))[::-1]
    return (asked._replace(axis=axes[asked.axis % rank] % rank),)


def _cross_entropy(node: CrossEntropyLoss | SoftmaxCrossEntropyLoss, asked: Domain) -> tuple[Domain, ...]:
    """Labels have their one along the classes: where a softmax of the predictions runs, else beside the examples."""
    prediction = node.inputs[0]
    if isinstance(node, SoftmaxCrossEntropyLoss):
        return ANY, ONE_HOT._replace(axis=node.classes or 0)
    if isinstance(prediction, Softmax) and isinstance(prediction.axis, int):
        return PROBABILITY, ONE_HOT._replace(axis=prediction.axis)
    return PROBABILITY, ONE_HOT._replace(axis=classes_axis(unseen(prediction.shape), node.examples) or 0)


def _same(node: Node, asked: Domain) -> tuple[Domain, ...]:
    """For rules that only move entries about."""
    return (asked,) * len(node.inputs)


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
    Max: lambda node, asked: (asked if asked.kind == "" else ANY,),
    Mean: lambda node, asked: (asked if asked.kind == "" else ANY,),
    Sum: lambda node, asked: (asked.terms(),),
    MatMul: lambda node, asked: (asked.terms(),) * 2,
    Transpose: _transpose,
    Reshape: _same,
    Concatenate: _same,
    Index: _same,
    BCELoss: lambda node, asked: (PROBABILITY, BINARY),
    SigmoidBCELoss: lambda node, asked: (ANY, BINARY),
    CrossEntropyLoss: _cross_entropy,
    SoftmaxCrossEntropyLoss: _cross_entropy,
    HingeLoss: lambda node, asked: (ANY, SIGN),
}


def domains(graph: BaseGraph, sizes: Mapping[str, int]) -> dict[Node, Domain]:
    """What the rules ask of every node, from the outputs back to the leaves; rules that ask nothing take anything."""
    demands: dict[type[Node], Demand] = {**_DEMANDS, Gather: functools.partial(_gather, sizes)}
    asked = dict.fromkeys(graph.order, ANY)
    for node in reversed(graph.order):
        demand = demands.get(type(node))
        if demand is None:
            continue
        for source, domain in zip(node.inputs, demand(node, asked[node]), strict=True):
            asked[source] = asked[source].meet(domain)
    return asked


# --- drawing -------------------------------------------------------------------------------------------------------


def _number(rng: Rng, shape: tuple[int, ...], domain: Domain) -> Array:
    """Normal numbers; in an interval that ends somewhere, numbers that keep away from its ends."""
    low, high = domain.low, domain.high
    numbers = rng.standard_normal(shape)
    if -math.inf < low < high < math.inf:
        return low + (high - low) * rng.uniform(0.1, 0.9, shape)
    if low >= high or low == -high:  # contradictory demands, or none
        return numbers
    return low + 0.3 + np.abs(numbers) if low > -math.inf else high - 0.3 - np.abs(numbers)


def _nonzero(rng: Rng, shape: tuple[int, ...], domain: Domain) -> Array:
    numbers = _number(rng, shape, domain)
    return numbers + 0.5 * np.sign(numbers) if math.isinf(domain.high) else numbers


def _either(rng: Rng, shape: tuple[int, ...], domain: Domain) -> Array:
    """Two values in random order, as often the one as the other."""
    evenly = (np.arange(math.prod(shape)) + rng.integers(2)) % 2
    return np.where(rng.permutation(evenly), domain.high, domain.low).reshape(shape)


def _one_hot(rng: Rng, shape: tuple[int, ...], domain: Domain) -> Array:
    """A single one along the axis, every class about as often."""
    if not math.prod(shape) or not shape:
        return np.ones(shape)
    axis = domain.axis % len(shape)
    classes, rest = shape[axis], (*shape[:axis], *shape[axis + 1 :])
    evenly = (np.arange(math.prod(rest)) + rng.integers(classes)) % classes
    return np.moveaxis(np.eye(classes)[rng.permutation(evenly).reshape(rest)], -1, axis)


def _index(rng: Rng, shape: tuple[int, ...], domain: Domain) -> Array:
    return rng.integers(int(domain.low), max(int(domain.high), int(domain.low) + 1), shape)


_DRAWS: dict[str, Callable[[Rng, tuple[int, ...], Domain], Array]] = {
    "": _number,
    "nonzero": _nonzero,
    "either": _either,
    "one-hot": _one_hot,
    "index": _index,
}
_KINDS = list(_DRAWS)  # from the loosest to the strictest
_FIXED = ("either", "one-hot", "index")


def sample_feeds(graph: BaseGraph, seed: int = 0, sizes: Mapping[str, int] | None = None) -> dict[str, Array]:
    """Random feeds for every Input and Parameter of a graph, by name: the same for the same seed.

    ``sizes`` are the numbers of the named dimensions; those left out come from ``generic_sizes``. Parameters are
    those of ``Graph.initialize`` plus noise, so that no bias is 0. Labels are what their loss takes: 0 or 1, one-hot
    along the classes, -1 or 1. Indices stay inside the table they look up; what goes into a logarithm, a root or a
    loss of probabilities is positive or between 0 and 1. Everything else is normal.

    >>> from chainrule import BCELoss, Graph, Input, MatMul, Parameter, Sigmoid
    >>> prediction = Sigmoid(MatMul(Parameter("W", (1, 2)), Input("A0", (2, "m"))))
    >>> feeds = sample_feeds(Graph(BCELoss(prediction, Input("Y", (1, "m")))), sizes={"m": 4})
    >>> feeds["A0"].shape, sorted(feeds["Y"][0].tolist())
    ((2, 4), [0.0, 0.0, 1.0, 1.0])

    Several draws are tried until the outputs are finite, nothing lies at a kink, and every gradient is there. Raises
    ArgumentError for an unknown or impossible size, FeedError when no draw gives finite outputs, and RuleError when a
    rule refuses all of them.
    """
    numbers = _all_sizes(graph, sizes or {})
    asked = domains(graph, numbers)
    best: tuple[float, dict[str, Array]] = (math.inf, {})
    failure: ChainruleError = FeedError("no data drawn at random gives finite outputs", remedy="feeds of your own")
    for attempt, squeeze in enumerate(_SQUEEZES):
        rng = np.random.default_rng([seed, attempt, 1])  # the 1 keeps it apart from the generator of initialize
        feeds = _draw(graph, rng, seed, numbers, _squeezed(asked, squeeze))
        try:
            flaws = _flaws(graph, feeds, rng)
        except RuleError as error:  # a rule may refuse some values, such as a matrix without a Cholesky factor
            failure = error
            continue
        if flaws < best[0]:
            best = (flaws, feeds)
        if flaws == 0:
            break
    if best[0] == math.inf:
        raise failure
    return best[1]


# What is tried in turn: whatever the rules ask for; positive numbers, for domains that no demand led to the leaves;
# numbers between 0 and 1; and small ones, where something overflows.
_SQUEEZES = (*[ANY] * 4, *[POSITIVE] * 3, *[PROBABILITY] * 3, Domain(-0.1, 0.1), Domain(0.0, 0.1))


def _squeezed(asked: Mapping[Node, Domain], squeeze: Domain) -> dict[Node, Domain]:
    return {node: domain if domain.kind in _FIXED else domain.meet(squeeze) for node, domain in asked.items()}


def _all_sizes(graph: BaseGraph, given: Mapping[str, int]) -> dict[str, int]:
    names = names_in(size for node in graph.order for size in node.shape or ())
    unknown = [did_you_mean(name, names) for name in given if name not in names]
    if unknown:
        raise ArgumentError(
            f"this graph has no dimension {', '.join(unknown)}", given=f"sizes {', '.join(sorted(names)) or 'none'}"
        )
    return dict(given) if names <= given.keys() else {**generic_sizes(graph)[0], **given}


def _draw(
    graph: BaseGraph, rng: Rng, seed: int, sizes: Mapping[str, int], asked: Mapping[Node, Domain]
) -> dict[str, Array]:
    starts = _starts(graph, seed)
    feeds = {}
    for node in graph.order:
        if not isinstance(node, Input | Parameter):
            continue
        shape, domain, name = _numbers(node, sizes), asked[node], graph.name(node)
        plain = isinstance(node, Parameter) and domain == ANY and name in starts
        feeds[name] = _stirred(starts[name], rng) if plain else _value(node, shape, domain, rng, sizes)
    return feeds


def _starts(graph: BaseGraph, seed: int) -> dict[str, Array]:
    """The initial parameters; none for a graph whose parameters cannot be initialized because a size has a name."""
    if any(isinstance(size, Dimension) for node in graph.parameters for size in node.shape or ()):
        return {}
    return initial_values(graph, seed)


def _stirred(start: Array, rng: Rng) -> Array:
    """A parameter with noise of half its own spread; where all its entries are one number, of half a unit."""
    return start + 0.5 * (float(np.std(start)) or 1.0) * rng.standard_normal(start.shape)


def _value(
    node: Input | Parameter, shape: tuple[int, ...], domain: Domain, rng: Rng, sizes: Mapping[str, int]
) -> Array:
    if node.dtype.kind == "b":
        return _either(rng, shape, BINARY).astype(bool)
    if node.dtype.kind in "iu" and domain.kind not in _FIXED:
        return rng.integers(1, 10, shape).astype(node.dtype)
    return _DRAWS[domain.kind](rng, shape, domain).astype(node.dtype)


def _numbers(node: Node, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(size.evaluate(sizes) if isinstance(size, Dimension) else size for size in node.shape or ())


# --- whether a draw is any good ------------------------------------------------------------------------------------

_MARGIN = 1e-3  # how near a kink is too near: a hundred steps of a central difference


def _flaws(graph: BaseGraph, feeds: Mapping[str, Array], rng: Rng) -> float:
    """How many nodes lie at a kink, and how many leaves have no gradient but zeros; infinite outputs are fatal."""
    with np.errstate(all="ignore"):
        values = forward(graph, feeds)
        value = dict(zip(graph.order, values, strict=True))
        if not all(np.isfinite(value[node]).all() for node in graph.outputs):
            return math.inf
        kinks = sum(_near_kink(node, [value[source] for source in node.inputs]) for node in graph.order)
        try:
            starts = {node: rng.uniform(0.5, 1.5, value[node].shape) for node in graph.outputs}
            gradients, _ = sweep(graph, values, starts)
        except RuleError:  # a wrong backward is for others to find: the values are as good as any
            return kinks
    found = [gradients[graph.position(node)] for node in (*graph.inputs, *graph.parameters)]
    leaves = [gradient for gradient in found if gradient is not None]
    return kinks + sum(not (gradient.any() and np.isfinite(gradient).all()) for gradient in leaves if gradient.size)


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
