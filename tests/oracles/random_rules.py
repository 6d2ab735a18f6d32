"""Random graphs of every kind of node, index, reduction, shape and constant, with rules of one's own in between.

They are made to be derived: what counts is that a rule runs and that its formula says the same, so a rule's backward
here may be any function of the right shape. No two axes have the same size, but for sizes 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, final

import numpy as np

import chainrule as cr

Array: TypeAlias = Any

M = 7  # columns
SHAPES: list[tuple[Any, ...]] = [
    (), (3,), (1,), (2, 3), (3, "m"), (1, "m"), ("m", 2), (2, 1), (4, 2, 3), ("m", 3, 2), (2, 4, "m"), (1, 1), (0,),
    (0, 2), (3, 0), (2, 1, 5),
]  # fmt: skip
LARGEST = 4.0  # values are scaled down to this, so that terms that cancel were not large
NUMBERS = [2.0, 0.5, -1.0, 1 / 24, 1 / 3, 0.1, -0.75, 3, 7, 1, 0.0, 0.05, 1 / 144, 2 / 7, -2.5]
FAR = [-1e30, 1e30, float(np.finfo(np.float32).min), float(np.finfo(float).min), 1e300, 2.0**65, -1e9, 1e19]
EXPONENTS = [0, 1, 2, 3, 4, 5, -1, -2, 0.5, -0.5, 1.5, 0.0, 1.0, 2.0]

# Functions that keep the shape; those of truth values are the ones that NumPy computes otherwise than numbers.
KEEPING: list[Callable[[Any], Any]] = [
    lambda x: x, lambda x: -x, np.sin, np.tanh, np.square, lambda x: np.exp(np.sin(x)), lambda x: x * 0, np.abs,
    lambda x: x**0, lambda x: x**1, lambda x: (1 + x * x) ** -1, lambda x: (1 + x * x) ** -0.5, lambda x: x**5 / 100,
    lambda x: x * (x > 0), lambda x: (x > 0).astype(float), lambda x: -(x > 0).astype(float), lambda x: 1 - (x <= 0.2),
    lambda x: (x > 0) * 1.0 - (x > 0.5), lambda x: (x > 0).astype(float) - (x > 0.5).astype(float),
    lambda x: (x > 0).astype(float) + (x > 0.5).astype(float), lambda x: ((x > 0) + (x > 0.5)) * 1.0,
    lambda x: ((x > 0) & (x < 1)) * x, lambda x: (~(x > 0)) * x, lambda x: ((x > 0) ^ (x > 1)) * 0.5,
    lambda x: ((x > 0) | (x < -1)) * x, lambda x: (x > 0) * (x < 1) * -1.0, lambda x: np.where(x > 0, x, 0.25 * x),
    lambda x: np.where((x > 0) * (x < 1), 1.0, x), lambda x: np.exp(-(x > 0).astype(float)),
    lambda x: np.sqrt((x > 0).astype(float)), lambda x: 2.0 ** (x > 0), lambda x: (x != 0) * x, np.sign,
    lambda x: np.where(x > 0, x, -1e30) * (x > 0), lambda x: np.maximum(x, -1e30), lambda x: np.minimum(x, 2.0**70),
    lambda x: x * 1e30 * 1e-30, lambda x: x / 1e200 * 1e200, lambda x: np.ones_like(x) * x,
    lambda x: x + np.ones_like(x),
    lambda x: x - np.zeros_like(x), lambda x: np.full_like(x, 0.25) * x, lambda x: x / 3 + x / 6, lambda x: x - x,
    lambda x: x.sum() * 0.01 + x, lambda x: np.broadcast_to(x.sum() * 0.1, x.shape), lambda x: x.T.T,
    lambda x: np.reshape(x, x.shape), lambda x: np.reshape(np.ravel(x), x.shape), lambda x: x[None][0],
    lambda x: x[...],
    lambda x: np.expand_dims(x, 0).squeeze(0), lambda x: x[..., None][..., 0], lambda x: np.clip(x, -1.0, 0.5),
    lambda x: sum(x * k for k in range(1, 13)) / 30, lambda x: x / x.size if x.size else x, lambda x: x * x.ndim,
    lambda x: (x - 1) * (1 - x) / 4, lambda x: -x / (2 - (x > 0)), lambda x: (x * 2 - 1) ** 2 / 8,
    lambda x: np.logical_not(x > 0) * x, lambda x: np.logical_and(x > 0, x < 2) * 1.0, lambda x: np.heaviside(x, 0.5),
    lambda x: np.arctan2(x, 2.0), lambda x: np.log1p(x * x), lambda x: np.hypot(x, 1.0), lambda x: np.copy(x) + x,
]  # fmt: skip
ALONG: list[Callable[[Any, int], Any]] = [
    lambda x, k: x - x.mean(axis=k, keepdims=True), lambda x, k: x - x.max(axis=k, keepdims=True),
    lambda x, k: np.cumsum(x, axis=k) / 4, lambda x, k: np.swapaxes(np.swapaxes(x, 0, k), 0, k),
    lambda x, k: (x > 0).sum(axis=k, keepdims=True) * 0.1 + x, lambda x, k: np.any(x > 0, axis=k, keepdims=True) * x,
    lambda x, k: np.max(x > 0, axis=k, keepdims=True) * x, lambda x, k: x * x.sum(axis=k, keepdims=True) / 4,
    lambda x, k: np.expand_dims(x.sum(axis=k), k) / 2 + x, lambda x, k: x / (x.shape[k] + 1),
    lambda x, k: x * x.shape[k] / 9,
    lambda x, k: np.ones_like(x).sum(axis=k, keepdims=True) * x / 9, lambda x, k: x / (1 - 2 * x.shape[k]),
    lambda x, k: x / (x.shape[k] - 9) if x.shape[k] != 9 else x,
    lambda x, k: np.concatenate((x, x), axis=k).sum() * 0.1 + x,
    lambda x, k: np.stack((x, x), axis=k).sum(axis=k) / 2, lambda x, k: np.take(x, np.array([0]), axis=k) * x,
    lambda x, k: np.tile(x.sum(), x.shape) * 0.1 if x.ndim else x, lambda x, k: np.repeat(x, 1, axis=k),
]  # fmt: skip
REDUCING: list[Callable[[Any], Any]] = [
    np.sum, np.mean, lambda x: (x * x).sum() / 9, lambda x: (x > 0).sum() * 0.1, lambda x: np.var(x),
    lambda x: (x.T @ x).sum() / 9 if x.ndim == 2 else x.sum(), lambda x: np.sum(x, axis=tuple(range(x.ndim))),
    lambda x: ((x > 0).astype(float).T @ (x > 0.5).astype(float)).sum() * 0.1 if x.ndim == 2 else x.sum() * 0.1,
    lambda x: np.ones_like(x).sum(), lambda x: x.sum(axis=()).sum(),
]  # fmt: skip


@final
class Own(cr.Node):
    """A rule of one's own: some functions that keep the shape, one after the other; its backward is made likewise."""

    ways: tuple[int, ...] = ()
    axis: int = 0

    def forward(self, x: Any) -> Any:
        for k in self.ways:
            x = _kept(k, x, self.axis)
        return x * 1.0

    def backward(self, grad: Any, y: Any, x: Any) -> Any:
        first, *rest = self.ways
        for k in rest:
            grad = _kept(k, grad, self.axis) * _kept(first, x, self.axis)
        return (grad - y * _kept(first, grad, self.axis),)


@final
class OwnNumber(cr.Node):
    """A rule of one's own with a single number for an array."""

    way: int = 0
    back: int = 0

    def forward(self, x: Any) -> Any:
        return REDUCING[self.way](x)

    def backward(self, grad: Any, y: Any, x: Any) -> Any:
        return (np.broadcast_to(grad, x.shape) * _kept(self.back, x, 0) + np.broadcast_to(y / 3, x.shape),)


def _kept(way: int, x: Any, axis: int) -> Any:
    way %= len(KEEPING) + len(ALONG)
    return KEEPING[way](x) if way < len(KEEPING) else ALONG[way - len(KEEPING)](x, axis) if x.ndim else x


@final
class Growth:
    """The nodes drawn so far with their values."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[cr.Node] = []
        self.values: list[Array] = []
        self.feeds: dict[str, Array] = {}
        self.used: set[int] = set()

    def choice(self, options: Any) -> Any:
        return options[self.rng.integers(len(options))]

    def chance(self, share: float = 0.5) -> bool:
        return bool(self.rng.random() < share)

    def leaf(self, shape: tuple[Any, ...]) -> int:
        """A parameter or an input."""
        name = f"{self.choice('abcwxyz')}{len(self.feeds)}"
        self.feeds[name] = value = self.normal(tuple(M if size == "m" else size for size in shape))
        kind = cr.Parameter if "m" not in shape and self.chance(0.7) else cr.Input
        return self.keep(kind(name, shape), value)

    def normal(self, shape: tuple[int, ...]) -> Array:
        return np.asarray(self.rng.normal(size=shape))

    def keep(self, node: cr.Node, value: Array) -> int:
        self.nodes.append(node)
        self.values.append(value)
        return len(self.nodes) - 1

    def grow(self, build: Callable[..., cr.Node], *places: int) -> None:
        """One more node, if its rule takes these values; scaled down where they have grown large."""
        try:
            node = build(*(self.nodes[k] for k in places))
            value = cr.Graph(node).forward(self.feeds_of(node))[node]
        except (cr.errors.ChainruleError, ArithmeticError, ValueError, RuntimeWarning):
            return  # a maximum over nothing, shapes that do not fit
        if not np.isfinite(value).all():
            return
        self.used.update(places)
        if self.chance(0.4):
            node = node.relabel(f"v{len(self.nodes)}", like=node)
        place = self.keep(node, value)
        size = float(np.abs(value).max(initial=0))
        if size > LARGEST:
            self.grow(lambda x: x * (2.0 / size), place)

    def feeds_of(self, node: cr.Node) -> dict[str, Array]:
        return {leaf.name: self.feeds[leaf.name] for leaf in cr.Graph(node).leaves if leaf.name in self.feeds}

    def pick(self, fits: Callable[[Array], bool] = lambda value: True) -> int:
        places = [k for k, value in enumerate(self.values) if fits(value) and np.abs(value).max(initial=0) <= LARGEST]
        return int(self.choice(places)) if places else self.leaf(self.choice([s for s in SHAPES if fits(_like(s))]))


def _like(shape: tuple[Any, ...]) -> Array:
    return np.zeros([M if size == "m" else size for size in shape])


# --- the kinds -------------------------------------------------------------------------------------------------------

UNARY: list[Callable[[Any], Any]] = [
    cr.Negate, cr.Square, cr.Abs, cr.Sin, cr.Cos, cr.Tanh, cr.Sigmoid, cr.ReLU, cr.LeakyReLU, cr.Softplus, cr.GELU,
    lambda x: cr.Exp(cr.Sin(x)), lambda x: cr.Log(1 + x * x), lambda x: cr.Sqrt(1 + x * x), lambda x: x * x - x,
    lambda x: cr.Clip(x, low=-1), lambda x: cr.Clip(x, low=-0.5, high=0.7), lambda x: x + x, lambda x: x - x,
    lambda x: cr.ReLU(x) - cr.ReLU(x), lambda x: -cr.ReLU(x), lambda x: cr.Transpose(cr.Transpose(x)),
    lambda x: (x + x * x) + x * 0.5, lambda x: 1 - (1 - x), lambda x: cr.Sigmoid(-x), lambda x: x / (1 + x * x),
]  # fmt: skip
PAIRS: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x / (2 + y * y), cr.Maximum, cr.Minimum,
    lambda x, y: (1.5 + cr.Square(x)) ** y, lambda x, y: x * y - x * y, lambda x, y: (x - y) * (y - x) / 4,
]  # fmt: skip


def unary(growth: Growth) -> None:
    growth.grow(growth.choice(UNARY), growth.pick())


def pair(growth: Growth) -> None:
    x = growth.pick()
    growth.grow(growth.choice(PAIRS), x, growth.pick(lambda value: _broadcast(value, growth.values[x])))


def _broadcast(a: Array, b: Array) -> bool:
    try:
        return np.broadcast_shapes(a.shape, b.shape) is not None and a.ndim + b.ndim < 6
    except ValueError:
        return False


def with_number(growth: Growth) -> None:
    number = growth.choice(NUMBERS)
    ways: list[Callable[[Any], Any]] = [
        lambda x: x * number, lambda x: x + number, lambda x: number - x, lambda x: x / (number or 1),
        lambda x: number / (2 + x * x), lambda x: cr.Maximum(x, number), lambda x: cr.Minimum(number, x),
        lambda x: x * growth.choice(FAR) * 0.0 + x, lambda x: cr.Maximum(x, -abs(growth.choice(FAR))),
        lambda x: cr.Minimum(x, abs(growth.choice(FAR))), lambda x: x * 1e30 / 1e30,
    ]  # fmt: skip
    growth.grow(growth.choice(ways), growth.pick())


def power(growth: Growth) -> None:
    exponent = growth.choice(EXPONENTS)
    whole = float(exponent).is_integer() and exponent >= 0
    growth.grow(lambda x: cr.Power(x if whole else 1 + x * x, exponent), growth.pick())


def choice(growth: Growth) -> None:
    """Where with a constant, a fed or a computed condition, and masks of numbers far away."""
    x = growth.pick()
    if growth.nodes[x].shape is None:
        return
    mask = growth.rng.random(growth.values[x].shape) < 0.6
    condition: Any = cr.Constant(mask, dtype=bool)
    if growth.chance(0.3):
        name = f"chosen{len(growth.feeds)}"
        growth.feeds[name] = mask
        condition = cr.Input(name, growth.nodes[x].shape, dtype=bool)
    other = growth.choice([*NUMBERS, *FAR])
    growth.grow(lambda a: cr.Where(condition, a, 0) + 0 * cr.Where(condition, a, 1), x)
    growth.grow(lambda a: cr.Exp(cr.Minimum(cr.Where(condition, a, -abs(other)), 1)), x)
    growth.grow(lambda a: cr.Where(condition, a, -a), x)


def constant(growth: Growth) -> None:
    """Arrays of all kinds in an expression: small ones, large ones, whole numbers, truth values, named or not."""
    x = growth.pick()
    shape = growth.values[x].shape
    arrays: list[Any] = [
        growth.normal(shape), growth.rng.integers(-2, 3, shape), growth.rng.random(shape) < 0.5, np.zeros(shape),
        np.ones(shape), np.full(shape, 1 / 24),
    ]  # fmt: skip
    array = growth.choice(arrays)
    name = f"k{len(growth.nodes)}" if growth.chance(0.3) else None
    kept = cr.Constant(array, name=name)
    growth.grow(growth.choice([lambda a: a * kept, lambda a: a + kept]), x)


def product(growth: Growth) -> None:
    """x @ y for vectors, matrices and stacks, also transposed, and with a new leaf."""
    x = growth.pick(lambda value: value.ndim > 0)
    shape = growth.nodes[x].shape
    if shape is None:  # known with data only
        return
    inner = shape[-1]
    size = growth.values[x].shape[-1]
    shapes: list[tuple[Any, ...]] = [(inner,), (inner, 5), (inner, 1), (2, inner, 4)]
    fitting = [k for k, v in enumerate(growth.values) if v.ndim and v.shape[max(v.ndim - 2, 0)] == size and v.ndim < 4]
    y = int(growth.choice(fitting)) if fitting and growth.chance() else growth.leaf(_unnamed(growth.choice(shapes)))
    ways: list[Callable[[Any, Any], Any]] = [lambda a, b: a @ b, lambda a, b: 0.5 * (a @ b)]
    growth.grow(growth.choice(ways), x, y)
    if growth.values[x].ndim == growth.values[y].ndim == 2:
        growth.grow(lambda a, b: cr.Sin((b.T @ a.T).T), x, y)
    if growth.values[x].ndim < 3:
        growth.grow(lambda a: (a @ a.T) * 0.3, x)


def _unnamed(shape: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(size if isinstance(size, int) else str(size) if str(size) == "m" else 1 for size in shape)


def reduction(growth: Growth) -> None:
    """Over one axis from either end, several, all or none of them."""
    x = growth.pick()
    ndim = growth.values[x].ndim
    several = tuple(int(k) for k in growth.rng.permutation(ndim)[: growth.rng.integers(0, ndim + 1)])
    axis = growth.choice([None, several, tuple(range(ndim)), *([several[0], several[-1] - ndim] if several else [])])
    kind = growth.choice([cr.Sum, cr.Sum, cr.Mean, cr.Max, cr.LogSumExp])
    keepdims = growth.chance()
    growth.grow(lambda a: kind(a, axis=axis, keepdims=keepdims), x)


def normalization(growth: Growth) -> None:
    x = growth.pick(lambda value: value.ndim > 0)
    axis = int(growth.rng.integers(-growth.values[x].ndim, growth.values[x].ndim))
    kind = growth.choice([cr.Softmax, cr.LogSoftmax])
    growth.grow(lambda a: kind(a, axis=axis), x)


def transposition(growth: Growth) -> None:
    x = growth.pick(lambda value: value.ndim > 1)
    order = tuple(int(k) for k in growth.rng.permutation(growth.values[x].ndim))
    growth.grow(lambda a: cr.Transpose(a, axes=growth.choice([order, None, tuple(k - len(order) for k in order)])), x)


def reshaping(growth: Growth) -> None:
    x = growth.pick()
    shape = tuple(int(size) if isinstance(size, int) else -1 for size in growth.nodes[x].shape or (2,))
    options = [(-1,), shape, shape[::-1], (1, *shape), (*shape, 1), (-1, *shape[:1]), tuple(s for s in shape if s != 1)]
    growth.grow(lambda a: cr.Reshape(a, to=growth.choice(options)), x)


def joining(growth: Growth) -> None:
    x = growth.pick(lambda value: value.ndim > 0)
    axis = int(growth.rng.integers(-growth.values[x].ndim, growth.values[x].ndim))
    other = growth.leaf(_unnamed(tuple(growth.nodes[x].shape or ()))) if growth.chance(0.3) else x
    growth.grow(lambda a, b: cr.Concatenate(a, cr.Sin(b), a, axis=axis), x, other)
    growth.grow(lambda a, b: cr.Sum(cr.Sin(cr.Concatenate(b, cr.Sin(a), b, axis=axis))), x, other)


def indexing(growth: Growth) -> None:
    """Keys of all kinds: numbers, slices, new axes, lists, arrays, masks, and nothing at all."""
    x = growth.pick(lambda value: value.ndim > 0)
    value = growth.values[x]
    size, ids = max(value.shape[0], 1), growth.rng.integers(max(value.shape[0], 1), size=(5, 4))
    keys: list[Any] = [
        0, -1, slice(None, None, -1), slice(1, None), slice(None, None, 2), slice(0, 0), np.array([0, size - 1, 0]),
        ids, (..., None), (None, ..., None), (0,), (), ..., ([-1, 0, -1],),
        np.array([], dtype=int), np.zeros((3, 0), int),
        (..., 0), (..., slice(None, 1)), (slice(None), None), value > 0, value.ravel()[:0] > 0, np.arange(size)[::-1],
        (*(0 for _ in value.shape),), (..., np.array([0, 0])), np.zeros(value.shape[0], bool), (ids, ...),
    ]  # fmt: skip
    key = growth.choice(keys)
    growth.grow(lambda a: cr.Index(a, key=key), x)


def lookup(growth: Growth) -> None:
    table = growth.pick(lambda value: value.ndim in {1, 2} and value.size > 0)
    axis = int(growth.rng.integers(-growth.values[table].ndim, growth.values[table].ndim))
    name = f"ids{len(growth.feeds)}"
    growth.feeds[name] = growth.rng.integers(growth.values[table].shape[axis], size=growth.choice([(6,), (2, 3), (0,)]))
    ids = cr.Input(name, growth.feeds[name].shape, dtype=int)
    growth.grow(lambda a: cr.Gather(a, ids, axis=axis), table)


def own(growth: Growth) -> None:
    x = growth.pick()
    ways = tuple(int(k) for k in growth.rng.integers(len(KEEPING) + len(ALONG), size=growth.rng.integers(1, 4)))
    axis = int(growth.rng.integers(growth.values[x].ndim or 1))
    growth.grow(lambda a: Own(a, ways=ways, axis=axis), x)


def own_number(growth: Growth) -> None:
    way, back = growth.rng.integers(len(REDUCING)), growth.rng.integers(len(KEEPING))
    growth.grow(lambda a: OwnNumber(a, way=int(way), back=int(back)), growth.pick())


def loss(growth: Growth) -> None:
    x = growth.pick(lambda value: value.ndim > 0)
    if growth.nodes[x].shape is None:
        return
    shape = growth.values[x].shape
    bits = (growth.rng.random(shape) < 0.5).astype(float)
    kinds: list[tuple[Any, Array]] = [
        (cr.MSELoss, growth.normal(shape)), (cr.HingeLoss, 2 * bits - 1), (cr.SigmoidBCELoss, bits),
        (lambda a, *y, **facts: cr.BCELoss(cr.Sigmoid(a), *y, **facts), bits), (cr.SoftmaxCrossEntropyLoss, bits),
        (lambda a, *y, **facts: cr.CrossEntropyLoss(cr.Softmax(a, axis=0), *y, **facts), bits),
    ]  # fmt: skip
    kind, labels = growth.choice(kinds)
    name, reduction = f"labels{len(growth.nodes)}_{len(growth.feeds)}", growth.choice(["mean", "sum", "none"])
    if growth.chance():
        growth.feeds[name] = labels
        y: cr.Node = cr.Input(name, growth.nodes[x].shape)
    else:
        y = cr.Constant(labels)
    growth.grow(lambda a: kind(a, y, reduction=reduction), x)


def many_uses(growth: Growth) -> None:
    """A node that is used often, each time otherwise."""
    x, count = growth.pick(), int(growth.rng.integers(3, 15))
    growth.grow(lambda a: sum((cr.Sin(a * float(k + 1)) for k in range(count)), start=a) * 0.1, x)


KINDS = [
    *[unary] * 3, *[pair] * 3, *[with_number] * 2, power, choice, constant, *[product] * 3, *[reduction] * 3,
    normalization, transposition, reshaping, joining, *[indexing] * 3, lookup, *[own] * 4, own_number, loss, many_uses,
]  # fmt: skip


def random_lines(seed: int, steps: int = 9) -> tuple[cr.Graph, dict[str, Array]]:
    """The graph of a seed with feeds; its loss is a sum over all that nobody uses."""
    growth = Growth(seed)
    for k in growth.rng.permutation(len(SHAPES))[:3]:
        growth.leaf(SHAPES[k])
    for _ in range(steps):
        growth.choice(KINDS)(growth)
    ends = [k for k in range(len(growth.nodes)) if k not in growth.used and growth.values[k].size]
    terms = [cr.Sum(cr.Sin(growth.nodes[k])) for k in ends] or [cr.Sum(growth.nodes[0])]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    graph = cr.Graph(total)
    return graph, {leaf.name: growth.feeds[leaf.name] for leaf in graph.leaves if leaf.name in growth.feeds}
