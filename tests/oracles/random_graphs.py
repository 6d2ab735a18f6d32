"""Random graphs of the engine, each with the same computation as a function over dual numbers.

A graph is grown by drawing kinds of nodes from a table and operands from all nodes so far, mostly recent ones: so
nodes are used several times, by several consumers and twice by one consumer, and paths part and meet again. No two
axes have the same size (but for what a product such as W Wᵀ makes square). Every node is written twice, once as a
node and once, from its definition, over dual numbers; no formula for a gradient occurs here.
"""

from __future__ import annotations

import copy
import math
import string
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, final

import dual
import large_kinds
import more_kinds
import numpy as np
from dual import Array, Dual

import chainrule as cr

Compute: TypeAlias = Callable[..., Dual]
Shape: TypeAlias = tuple[int, ...]

SHAPES: list[Shape] = [(), (2,), (3,), (5,), (2, 3), (3, 5), (2, 5), (1, 5), (2, 1), (4, 2, 3), (4, 1, 3), (7, 1)]
LARGEST = 3.0  # values are scaled down to this: exponentials of exponentials would leave nothing to compare
NODES = 25


@final
class RandomGraph:
    """A graph, the feeds for it, and the same loss as a function over dual numbers."""

    def __init__(self, loss: cr.Node, feeds: dict[str, Any], moving: tuple[str, ...], compute: Compute) -> None:
        self.graph = cr.Graph(loss)
        self.feeds = feeds
        self.moving = moving
        self._compute = compute

    def dual(self, direction: Mapping[str, Array]) -> Dual:
        """The loss and its rate of change when every leaf named in `direction` moves along its array."""
        return self._compute({name: Dual(self.feeds[name], direction.get(name, 0.0)) for name in self.moving})


@final
class Sketch:
    """What has been drawn so far: nodes, how each follows from earlier ones over dual numbers, and their values."""

    def __init__(self, seed: int, named: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.named = named  # gives every node that stands here a name, so that it is found again in a rewritten graph
        self.nodes: list[cr.Node] = []
        self.steps: list[tuple[Compute, tuple[int, ...]]] = []
        self.values: list[Array] = []
        self.used: set[int] = set()
        self.feeds: dict[str, Any] = {}
        self.moving: list[str] = []

    def leaf(self, shape: Shape) -> int:
        """A parameter or an input, with random values."""
        name = string.ascii_letters[len(self.moving)]
        self.feeds[name] = self.normal(shape)
        self.moving.append(name)
        kind = cr.Parameter if self.rng.random() < 0.7 else cr.Input
        return self._append(kind(name, shape), lambda leaves: leaves[name], (), self.feeds[name])

    def add(self, node: Callable[..., cr.Node], compute: Compute, *operands: int) -> int:
        """One more node and its twin; scaled down where its values have grown large."""
        self.used.update(operands)
        value = compute(*(Dual(self.values[k]) for k in operands)).value
        place = self._append(node(*(self.nodes[k] for k in operands)), compute, operands, value)
        if self.largest(place) <= LARGEST:
            return place
        factor = 0.99 * LARGEST / self.largest(place)
        return self.add(lambda x: x * factor, lambda x: x * factor, place)

    def _append(self, node: cr.Node, compute: Compute, operands: tuple[int, ...], value: Array) -> int:
        if self.named and node.name is None:
            node = node.relabel(f"v{len(self.nodes)}", like=node)
        self.nodes.append(node)
        self.steps.append((compute, operands))
        self.values.append(value)
        return len(self.nodes) - 1

    def shape(self, place: int) -> Shape:
        return self.values[place].shape

    def largest(self, place: int) -> float:
        return float(np.abs(self.values[place]).max())

    def pick(self, fits: Callable[[Shape], bool] = lambda shape: True) -> int:
        """An operand whose shape fits, the latest ones most often; a new leaf when there is none."""
        places = [k for k in range(len(self.nodes)) if fits(self.shape(k)) and self.largest(k) <= LARGEST]
        if not places:
            return self.leaf(next(shape for shape in SHAPES if fits(shape)))
        weights = np.arange(1, len(places) + 1) / sum(range(1, len(places) + 1))
        return int(self.rng.choice(places, p=weights))

    def partner(self, place: int) -> int:
        """A second operand that broadcasts with the first to axes of distinct sizes: at times the first itself."""
        return place if self.rng.random() < 0.25 else self.pick(lambda shape: broadcasts(shape, self.shape(place)))

    def axis(self, place: int) -> Any:
        """One axis counted from either end, several axes, or None for all."""
        ndim = len(self.shape(place))
        several = tuple(int(k) for k in self.rng.permutation(ndim)[: self.rng.integers(1, ndim + 1)])
        return [None, several, several[0], several[-1] - ndim][self.rng.integers(4)] if ndim else None

    def state(self) -> tuple[Any, ...]:
        """All that has been drawn, to go back to."""
        return tuple(
            copy.copy(part) for part in (self.nodes, self.steps, self.values, self.used, self.feeds, self.moving)
        )

    def restore(self, state: tuple[Any, ...]) -> None:
        self.nodes, self.steps, self.values, self.used, self.feeds, self.moving = state

    def normal(self, shape: Shape) -> Array:
        return np.asarray(self.rng.normal(size=shape))

    def chance(self) -> bool:
        return bool(self.rng.random() < 0.5)


def broadcasts(first: Shape, second: Shape) -> bool:
    if first == second:
        return True
    try:
        joint = np.broadcast_shapes(first, second)
    except ValueError:
        return False
    long = [size for size in joint if size > 1]
    return len(joint) <= 3 and len(set(long)) == len(long)


# --- the kinds: each draws operands and appends a node with its twin -------------------------------------------------


def sigmoid(x: Dual) -> Dual:
    return 1.0 / (1.0 + dual.exp(-x))


def softmax(x: Dual, axis: dual.Axis) -> Dual:
    e = dual.exp(x)
    return e / e.sum(axis, True)


def normal_cdf(x: Dual) -> Dual:
    """Φ by its power series φ(x) (x + x³/3 + x⁵/(3·5) + …) + 1/2, for |x| ≤ 3 to the last digits in 60 terms."""
    term = total = x
    for k in range(60):
        term = term * x * x / (2.0 * k + 3.0)
        total = total + term
    return 0.5 + total * dual.exp(x * x * -0.5) / math.sqrt(2 * math.pi)


ELEMENTWISE: list[tuple[Callable[..., cr.Node], Compute]] = [
    (lambda x: -x, lambda x: -x),
    (lambda x: cr.Square(x), lambda x: x * x),
    (lambda x: x * x, lambda x: x * x),
    (lambda x: cr.Square(x) - x, lambda x: x * x - x),
    (lambda x: cr.Sqrt(1 + cr.Square(x)), lambda x: dual.sqrt(1.0 + x * x)),
    (lambda x: cr.Exp(cr.Sin(x)), lambda x: dual.exp(dual.sin(x))),
    (lambda x: cr.Log(1 + x * x), lambda x: dual.log(1.0 + x * x)),
    (lambda x: 1 / (2 + x * x), lambda x: 1.0 / (2.0 + x * x)),
    (lambda x: (1 + x * x) ** -1.5, lambda x: (1.0 + x * x) ** -1.5),
    (lambda x: x**3, lambda x: x * x * x),
    (lambda x: 2**x, lambda x: dual.exp(x * np.log(2.0))),
    (lambda x: (1 + x * x) ** cr.Tanh(x), lambda x: dual.exp(dual.tanh(x) * dual.log(1.0 + x * x))),
    (lambda x: cr.Abs(x), abs),
    (lambda x: cr.Sin(x), dual.sin),
    (lambda x: cr.Cos(x) + x / cr.Size(x), lambda x: dual.cos(x) + x / float(x.value.size)),
    (lambda x: cr.Tanh(x), dual.tanh),
    (lambda x: cr.Sigmoid(x), sigmoid),
    (lambda x: x * cr.Sigmoid(x), lambda x: x * sigmoid(x)),
    (lambda x: cr.Softplus(x), lambda x: dual.log(1.0 + dual.exp(x))),
    (lambda x: cr.GELU(x), lambda x: x * normal_cdf(x)),
    (lambda x: cr.ReLU(x), lambda x: dual.where(x.value > 0, x, 0.0)),
    (lambda x: cr.LeakyReLU(x, slope=0.2), lambda x: dual.where(x.value > 0, x, x * 0.2)),
    (lambda x: cr.Clip(x, low=-1.1, high=0.7), lambda x: dual.maximum(dual.minimum(x, 0.7), -1.1)),
    *more_kinds.ELEMENTWISE,
]

PAIRS: list[tuple[Callable[..., cr.Node], Compute]] = [
    (lambda x, y: x + y, lambda x, y: x + y),
    (lambda x, y: x - y, lambda x, y: x - y),
    (lambda x, y: x * y, lambda x, y: x * y),
    (lambda x, y: x / (2 + y * y), lambda x, y: x / (2.0 + y * y)),
    (lambda x, y: (1.5 + cr.Square(x)) ** y, lambda x, y: (1.5 + x * x) ** y),
    (lambda x, y: cr.Maximum(x, y), dual.maximum),
    (lambda x, y: cr.Minimum(x, y), dual.minimum),
]


def elementwise(sketch: Sketch) -> None:
    node, compute = ELEMENTWISE[sketch.rng.integers(len(ELEMENTWISE))]
    sketch.add(node, compute, sketch.pick())


def pair(sketch: Sketch) -> None:
    node, compute = PAIRS[sketch.rng.integers(len(PAIRS))]
    x = sketch.pick()
    y = sketch.partner(x)
    if compute in (dual.maximum, dual.minimum) and ties_by_rounding(sketch.values[x], sketch.values[y]):
        y = x  # which of the two is ahead depends on the processor
    sketch.add(node, compute, *sketch.rng.permutation([x, y]).tolist())


def ties_by_rounding(x: Array, y: Array) -> bool:
    """Whether entries are one number but for their last digits, computed in two ways; 0 is 0 either way."""
    return bool((np.isclose(x, y, rtol=1e-9, atol=1e-12) & (x != 0)).any())


def choice(sketch: Sketch) -> None:
    x = sketch.pick()
    y = sketch.partner(x)
    condition = sketch.rng.random(sketch.shape(x)) < 0.5
    mask = cr.Constant(condition, dtype=bool)
    sketch.add(lambda a, b: cr.Where(mask, a, b), lambda a, b: dual.where(condition, a, b), x, y)


def diamond(sketch: Sketch) -> None:
    """Two functions of one node meet again, and meet the node itself."""
    x = sketch.pick()
    (left, on_left), (right, on_right) = (ELEMENTWISE[sketch.rng.integers(len(ELEMENTWISE))] for _ in range(2))
    sketch.add(lambda a: left(a) * right(a) + a, lambda a: on_left(a) * on_right(a) + a, x)


def product(sketch: Sketch) -> None:
    """x @ y for vectors, matrices and stacks, y a new leaf or an old node."""
    x = sketch.pick(lambda shape: len(shape) > 0)
    inner = sketch.shape(x)[-1]

    def fits(shape: Shape) -> bool:
        return len(shape) in {1, 2} and shape[max(len(shape) - 2, 0)] == inner

    y = sketch.pick(fits) if any(map(fits, SHAPES)) else sketch.leaf((inner, 5 if inner != 5 else 2))
    sketch.add(lambda a, b: a @ b, lambda a, b: a @ b, x, y)


def stacked_product(sketch: Sketch) -> None:
    """A matrix times a stack of matrices: the matrix is broadcast along the stack."""
    y = sketch.pick(lambda shape: len(shape) == 3)
    x = sketch.leaf((5, sketch.shape(y)[1]))
    sketch.add(lambda a, b: a @ b, lambda a, b: a @ b, x, y)


def with_own_transpose(sketch: Sketch) -> None:
    """W Wᵀ, and vᵀ v for a vector: one node on both sides of a product."""
    x = sketch.pick(lambda shape: len(shape) in {1, 2})
    sketch.add(lambda w: w @ w.T, lambda w: w @ w.transpose(), x)


def reduction(sketch: Sketch) -> None:
    x = sketch.pick(lambda shape: len(shape) > 0)
    axis, keepdims = sketch.axis(x), sketch.chance()
    kinds: list[tuple[Callable[..., cr.Node], Compute]] = [
        (cr.Sum, lambda a: a.sum(axis, keepdims)),
        (cr.Mean, lambda a: a.mean(axis, keepdims)),
        (cr.Max, lambda a: a.max(axis, keepdims)),
        (cr.LogSumExp, lambda a: dual.log(dual.exp(a).sum(axis, keepdims))),
    ]
    kind, compute = kinds[sketch.rng.integers(len(kinds))]
    sketch.add(lambda a: kind(a, axis=axis, keepdims=keepdims), compute, x)


def normalization(sketch: Sketch) -> None:
    x = sketch.pick(lambda shape: len(shape) > 0)
    axis = sketch.axis(x)
    if sketch.chance():
        sketch.add(lambda a: cr.Softmax(a, axis=axis), lambda a: softmax(a, axis), x)
    else:
        sketch.add(lambda a: cr.LogSoftmax(a, axis=axis), lambda a: a - dual.log(dual.exp(a).sum(axis, True)), x)


def transposition(sketch: Sketch) -> None:
    x = sketch.pick(lambda shape: len(shape) > 1)
    order = tuple(int(k) for k in sketch.rng.permutation(len(sketch.shape(x))))
    axes = tuple(k - len(order) for k in order) if sketch.chance() else order
    sketch.add(lambda a: cr.Transpose(a, axes=axes), lambda a: a.transpose(order), x)


def reshaping(sketch: Sketch) -> None:
    x = sketch.pick(lambda shape: len(shape) > 1)
    shape = sketch.shape(x)
    to = [(-1,), shape[::-1], (1, *shape), (-1, shape[0])][sketch.rng.integers(4 if len(shape) < 3 else 2)]
    sketch.add(lambda a: cr.Reshape(a, to=to), lambda a: a.reshape(to), x)


def joining(sketch: Sketch) -> None:
    """A node, something of it and once more the node itself, end to end."""
    x = sketch.pick(lambda shape: len(shape) > 0)
    axis = int(sketch.rng.integers(-len(sketch.shape(x)), len(sketch.shape(x))))
    sketch.add(
        lambda a: cr.Concatenate(a, cr.Sin(a), a, axis=axis),
        lambda a: dual.concatenate([a, dual.sin(a), a], axis),
        x,
    )


def indexing(sketch: Sketch) -> None:
    """Slices, single entries and repeated entries."""
    x = sketch.pick(lambda shape: len(shape) > 0)
    size = sketch.shape(x)[0]
    slices = [slice(None, None, -1), slice(1, None)]
    keys: list[Any] = [0, -1, *slices, np.array([0, size - 1, 0, 0]), (..., None, 0), ([-1, 0, -1],)]
    key = keys[sketch.rng.integers(len(keys))]
    if sketch.values[x][key].size:
        sketch.add(lambda a: cr.Index(a, key=key) if sketch.chance() else a[key], lambda a: a[key], x)


def lookup(sketch: Sketch) -> None:
    """Rows or columns of a table by whole numbers, some of them several times, some of them not at all."""
    table = sketch.pick(lambda shape: len(shape) in {1, 2})
    axis = int(sketch.rng.integers(-len(sketch.shape(table)), len(sketch.shape(table))))
    indices = sketch.rng.integers(sketch.shape(table)[axis], size=6)
    at = (slice(None),) * (axis % len(sketch.shape(table)))
    name = f"ids{len(sketch.nodes)}"
    sketch.feeds[name] = indices
    ids = cr.Input(name, shape=6, dtype=int)
    sketch.add(lambda a: cr.Gather(a, ids, axis=axis), lambda a: a[(*at, indices)], table)


def probability_loss(sketch: Sketch) -> None:
    """Binary cross-entropy, of probabilities and of what the sigmoid takes."""
    x = sketch.pick(lambda shape: len(shape) > 0)
    labels = sketch.rng.random(sketch.shape(x))
    kind = cr.SigmoidBCELoss if sketch.chance() else lambda a, *y, **facts: cr.BCELoss(cr.Sigmoid(a), *y, **facts)

    def entries(a: Dual) -> Dual:
        return -(labels * dual.log(sigmoid(a)) + (1 - labels) * dual.log(sigmoid(-a)))

    add_loss(sketch, x, kind, labels, entries)


def class_loss(sketch: Sketch) -> None:
    """Cross-entropy, of probabilities and of what the softmax takes; labels are one-hot columns or mixtures."""
    x = sketch.pick(lambda shape: len(shape) == 2)
    rows, columns = sketch.shape(x)
    labels = np.eye(rows)[:, sketch.rng.integers(rows, size=columns)]
    if sketch.chance():
        labels = sketch.rng.random((rows, columns))
    kind: Callable[..., cr.Node] = cr.SoftmaxCrossEntropyLoss
    if sketch.chance():
        kind = lambda a, *y, **facts: cr.CrossEntropyLoss(cr.Softmax(a, axis=0), *y, **facts)  # noqa: E731 — a kind
    add_loss(sketch, x, kind, labels, lambda a: -(labels * dual.log(softmax(a, 0))))


def regression_loss(sketch: Sketch) -> None:
    x = sketch.pick(lambda shape: len(shape) > 0)
    labels = sketch.normal(sketch.shape(x))
    add_loss(sketch, x, cr.MSELoss, labels, lambda a: (a - labels) * (a - labels))


def margin_loss(sketch: Sketch) -> None:
    x = sketch.pick(lambda shape: len(shape) > 0)
    labels = np.where(sketch.rng.random(sketch.shape(x)) < 0.5, -1.0, 1.0)
    add_loss(sketch, x, cr.HingeLoss, labels, lambda a: dual.where(labels * a.value < 1, 1.0 - labels * a, 0.0))


def add_loss(sketch: Sketch, x: int, kind: Callable[..., cr.Node], labels: Array, entries: Compute) -> None:
    """A loss over the columns; labels are fed or constant."""
    reduction = ["mean", "sum", "none"][sketch.rng.integers(3)]
    rows = tuple(range(labels.ndim - 1))
    compute: dict[str, Compute] = {
        "mean": lambda a: entries(a).sum() / labels.shape[-1],
        "sum": lambda a: entries(a).sum(),
        "none": lambda a: entries(a).sum(rows, True) if rows else entries(a),
    }
    name = f"labels{len(sketch.nodes)}"
    if sketch.chance():
        sketch.feeds[name] = labels
        y: cr.Node = cr.Input(name, labels.shape)
    else:
        y = cr.Constant(labels, name=name)
    sketch.add(lambda a: kind(a, y, reduction=reduction), compute[reduction], x)


KINDS: list[Callable[[Sketch], None]] = [
    *[elementwise] * 6,
    *[pair] * 6,
    *[diamond] * 2,
    choice,
    *[product] * 3,
    stacked_product,
    *[with_own_transpose] * 2,
    *[reduction] * 3,
    normalization,
    transposition,
    reshaping,
    joining,
    indexing,
    lookup,
    probability_loss,
    class_loss,
    regression_loss,
    margin_loss,
    more_kinds.deviation,
    more_kinds.sum_so_far,
    *[more_kinds.layout] * 3,
    lambda sketch: more_kinds.further_loss(sketch, add_loss),
    *[large_kinds.of_windows] * 2,
    *[large_kinds.normalized] * 2,
    *[large_kinds.chosen] * 2,
]


def random_graph(seed: int, nodes: int = NODES, admits: Callable[[cr.Node], bool] | None = None) -> RandomGraph:
    """The graph of a seed; everything in it reaches its loss, a scalar. ``admits`` says which nodes may be in it."""
    sketch = Sketch(seed)
    for k in sketch.rng.permutation(len(SHAPES))[:4]:
        sketch.leaf(SHAPES[k])
    while len(sketch.nodes) < nodes:
        before = sketch.state()
        KINDS[sketch.rng.integers(len(KINDS))](sketch)
        if admits and not all(admits(node) for new in sketch.nodes[len(before[0]) :] for node in cr.Graph(new)):
            sketch.restore(before)
    loss, last = collect(sketch)
    return RandomGraph(loss, sketch.feeds, tuple(sketch.moving), evaluator(tuple(sketch.steps), last))


def collect(sketch: Sketch) -> tuple[cr.Node, int]:
    """The sum over all that nobody uses yet, every entry with a weight of its own so that no two can be confused."""
    ends = [k for k in range(len(sketch.nodes)) if k not in sketch.used]
    terms = [weighted_sum(sketch, end) for end in ends]
    last = terms[0]
    for term in terms[1:]:
        last = sketch.add(lambda a, b: a + b, lambda a, b: a + b, last, term)
    return sketch.nodes[last], last


def weighted_sum(sketch: Sketch, place: int) -> int:
    if not all(isinstance(size, int) for size in sketch.nodes[place].shape or ()):
        return sketch.add(lambda x: cr.Sum(cr.Sin(x)), lambda x: dual.sin(x).sum(), place)  # no weights of m columns
    weights = sketch.normal(sketch.shape(place))
    return sketch.add(lambda x: cr.Sum(x * weights), lambda x: (x * weights).sum(), place)


def evaluator(steps: tuple[tuple[Compute, tuple[int, ...]], ...], last: int) -> Compute:
    """The steps as one function of the leaves."""

    def compute(leaves: Mapping[str, Dual]) -> Dual:
        values: list[Dual] = []
        for step, operands in steps:
            values.append(step(*(values[k] for k in operands)) if operands else step(leaves))
        return values[last]

    return compute
