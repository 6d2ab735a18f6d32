"""Random data for a graph: feeds that its rules admit, and sizes for m that coincide with no other size."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from chainrule.core.accepting import generator
from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Input, Parameter
from chainrule.core.node import Node
from chainrule.core.passes import forward, sweep
from chainrule.errors import ArgumentError, ChainruleError, FeedError, RuleError, did_you_mean
from chainrule.samples.domains import ANY, BINARY, POSITIVE, PROBABILITY, Domain, domains, numbers_of
from chainrule.samples.initialization import initial_values
from chainrule.samples.kinks import distances
from chainrule.symbols.dimensions import Dimension, Size, names_in

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
    run: deque[int] = deque(maxlen=len(names))
    for prime in (n for n in range(5, 1000) if all(n % k for k in range(2, math.isqrt(n) + 1))):  # few are needed
        run.append(prime)
        if len(run) == len(names):
            yield {name: unit * number for name, number in zip(names, run, strict=True)}


def _distinct(shapes: list[Size], sizes: Mapping[str, int]) -> bool:
    """Whether different sizes of the graph are different numbers, and the named ones whole and more than 1."""
    different = set(shapes)
    try:
        named = {size.evaluate(sizes) for size in different if isinstance(size, Dimension)}
    except ValueError:  # half an m
        return False
    fixed = {size for size in different if isinstance(size, int)}
    return len(named | fixed) == len(different) and min(named) > 1


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
    asked, starts = domains(graph, numbers), _starts(graph, seed)
    best: tuple[_Flaws, dict[str, Array]] | None = None
    failure: ChainruleError = FeedError("no data drawn at random gives finite outputs", remedy="feeds of your own")
    for attempt, squeeze in enumerate((*[ANY] * _FREELY, *_SQUEEZES)):
        if best is not None and best[0] == _NONE:
            break
        only_kinks = best is not None and not best[0].without_gradient  # positive numbers would hide what a mask does
        rng = generator(seed, attempt, 1)  # the 1 keeps it apart from the generator of initialize
        feeds = _draw(graph, rng, starts, numbers, _squeezed(asked, ANY if only_kinks else squeeze))
        try:
            flaws = _flaws(graph, feeds, rng)
        except RuleError as error:  # a rule may refuse some values, such as a matrix without a Cholesky factor
            failure = error
            continue
        if flaws is not None and (best is None or flaws < best[0]):
            best = (flaws, feeds)
    if best is None:
        raise failure
    return best[1]


_FREELY = 4  # draws of whatever the rules ask for

# What is tried then, where outputs stay infinite or gradients 0: positive numbers, for domains that no demand led to
# the leaves; numbers between 0 and 1; and small ones, where something overflows.
_SQUEEZES = (*[POSITIVE] * 3, *[PROBABILITY] * 3, Domain(-0.1, 0.1), Domain(0.0, 0.1))


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
    graph: BaseGraph, rng: Rng, starts: Mapping[str, Array], sizes: Mapping[str, int], asked: Mapping[Node, Domain]
) -> dict[str, Array]:
    feeds = {}
    for node in graph.order:
        if not isinstance(node, Input | Parameter):
            continue
        shape, domain, name = numbers_of(node, sizes), asked[node], graph.name(node)
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


# --- whether a draw is any good ------------------------------------------------------------------------------------

_MARGIN = 1e-3  # how near a kink is too near: a hundred steps of a central difference; nearer among many entries


@final
class _Flaws(NamedTuple):
    """How many leaves have no gradient but zeros that did not fade on the way, and how many nodes lie at a kink."""

    without_gradient: int
    at_a_kink: int


_NONE = _Flaws(0, 0)
_FAINT = float(np.finfo(float).tiny) ** 0.9  # a gradient that is smaller than this is about to be 0


def _flaws(graph: BaseGraph, feeds: Mapping[str, Array], rng: Rng) -> _Flaws | None:
    """What is wrong with a draw; None for infinite outputs, which are fatal."""
    with np.errstate(all="ignore"):
        values = forward(graph, feeds)
        value = dict(zip(graph.order, values, strict=True))
        if not all(np.isfinite(value[node]).all() for node in graph.outputs):
            return None
        kinks = sum(_near_kink(node, [value[source] for source in node.inputs]) for node in graph.order)
        try:
            starts = {node: rng.uniform(0.5, 1.5, value[node].shape) for node in graph.outputs}
            gradients, _ = sweep(graph, values, starts)
        except RuleError:  # a wrong backward is for others to find: the values are as good as any
            return _Flaws(0, kinks)
    leaves = map(graph.position, (*graph.inputs, *graph.parameters))
    dead = [k for k in leaves if (gradient := gradients[k]) is not None and gradient.size and _is_dead(gradient)]
    faded = _faded(graph, gradients) if dead else frozenset()
    return _Flaws(len(set(dead) - faded), kinks)


def _is_dead(gradient: Array) -> bool:
    return not (gradient.any() and np.isfinite(gradient).all())


def _faded(graph: BaseGraph, gradients: Sequence[Array | None]) -> frozenset[int]:
    """Where gradients are 0 because they grew smaller from node to node: by position, all that lie behind the smallest.

    No other numbers help where 2,000 layers each take a part of a gradient, as they do where a mask takes all of it.
    """
    largest = [0.0 if grad is None else float(np.abs(grad).max(initial=0.0)) for grad in gradients]
    found: set[int] = set()
    for k in range(len(graph) - 1, -1, -1):
        faint = 0 < largest[k] < _FAINT
        if faint or (not largest[k] and any(use in found for use, _ in graph.uses[k])):
            found.add(k)
    return frozenset(found)


def _near_kink(node: Node, inputs: list[Array]) -> bool:
    far = distances(node, inputs)
    return far is not None and bool((np.abs(far) < min(_MARGIN, 1 / far.size)).any())
