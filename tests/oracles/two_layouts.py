"""Random networks built twice, examples as columns and examples as rows; one is the other transposed.

Only transposes stand between the two: the same layers, activations and losses are drawn for both, feeds and
parameters of one are those of the other with their two axes swapped. All layers have different sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, final

import numpy as np

import chainrule as cr

Array: TypeAlias = Any

ACTIVATIONS: list[Callable[..., cr.Node] | None] = [
    cr.Sigmoid, cr.Tanh, cr.ReLU, cr.LeakyReLU, cr.Softplus, cr.GELU, cr.Softmax, cr.LogSoftmax, None,
]  # fmt: skip
OUTPUTS: dict[type[cr.Node], tuple[type[cr.Node] | None, str]] = {
    cr.BCELoss: (cr.Sigmoid, "bits"),
    cr.SigmoidBCELoss: (None, "bits"),
    cr.CrossEntropyLoss: (cr.Softmax, "one-hot"),
    cr.SoftmaxCrossEntropyLoss: (None, "one-hot"),
    cr.MSELoss: (None, "numbers"),
    cr.HingeLoss: (None, "signs"),
}
"""By loss, what it stands behind, and what its labels are."""
LOSSES = list(OUTPUTS)
REDUCTIONS = ["mean", "sum", "none"]
NAMES = ["m", "n", None]


class Plan(NamedTuple):
    """What is drawn for both layouts."""

    sizes: tuple[int, ...]
    activations: tuple[Callable[..., cr.Node] | None, ...]
    biases: tuple[bool, ...]
    residuals: tuple[bool, ...]
    normalized: tuple[bool, ...]
    turned: tuple[bool, ...]
    """Whether the weights of a layer of rows stand as those of columns and are transposed in the graph."""
    loss: type[cr.Node]
    reduction: str
    name: str | None
    """Of the number of examples; None for a number."""
    decay: bool


@final
class Layout:
    """One of the two: how examples stand, and the graph that comes of a plan."""

    def __init__(self, plan: Plan, m: int, rows: bool) -> None:
        self.plan, self.m, self.rows = plan, m, rows
        self.turned: set[str] = set()
        """The leaves that are fed transposed."""
        self.graph = self._graph()

    def shape(self, features: int, examples: Any) -> tuple[Any, ...]:
        return (examples, features) if self.rows else (features, examples)

    def of_axis(self, fact: str, axis: int) -> dict[str, int]:
        """A fact that a name would settle, where there is none: rows without a name say so themselves."""
        return {fact: axis} if self.rows and self.plan.name is None else {}

    def feeds(self, columns: Mapping[str, Array]) -> dict[str, Array]:
        """The feeds of this layout, from those for columns."""
        return {name: array.T if name in self.turned else array for name, array in columns.items()}

    def as_columns(self, value: Array) -> Array:
        """A value or gradient of this layout as it stands where examples are columns."""
        return value.T if self.rows else value

    def _leaf(self, kind: type[cr.Node], name: str, shape: tuple[Any, ...]) -> cr.Node:
        if self.rows:
            self.turned.add(name)
        return kind(name, shape)

    def _graph(self) -> cr.Graph:
        plan, count = self.plan, self.plan.name or self.m
        A = self._leaf(cr.Input, "X", self.shape(plan.sizes[0], count))
        for k in range(1, len(plan.sizes)):
            A = self._layer(k, A)
        output = OUTPUTS[plan.loss][0]
        if output is not None:
            facts = self.of_axis("axis", 1) if output is cr.Softmax else {}
            A = output(A, name="P", **facts)
        labels = self._leaf(cr.Input, "Y", self.shape(plan.sizes[-1], count))
        facts = self.of_axis("examples", 0)
        loss = plan.loss(A, labels, name="each" if plan.reduction == "none" else "L", reduction=plan.reduction, **facts)
        if plan.reduction == "none":
            loss = cr.Mean(cr.Square(loss), name="L")
        if plan.decay:
            loss = cr.Add(loss, 0.1 * cr.Sum(cr.Square(self.weights[0])), name="cost")
        return cr.Graph(loss)

    def _layer(self, k: int, A: cr.Node) -> cr.Node:
        plan = self.plan
        before, size = plan.sizes[k - 1], plan.sizes[k]
        if not self.rows or plan.turned[k - 1]:
            W = cr.Parameter(f"W{k}", (size, before))
        else:
            W = self._leaf(cr.Parameter, f"W{k}", (before, size))
        self.weights = [W] if k == 1 else [*self.weights, W]
        product = W @ A if not self.rows else A @ (W.T if plan.turned[k - 1] else W)
        if plan.biases[k - 1]:
            product = product + self._leaf(cr.Parameter, f"b{k}", self.shape(size, 1))
        Z = (
            cr.Tanh(product, name=f"Z{k}")
            if plan.activations[k - 1] is None
            else product.relabel(f"Z{k}", like=product)
        )
        if plan.normalized[k - 1]:
            features = 1 if self.rows else 0
            Z = cr.Subtract(Z, cr.Mean(Z, axis=features, keepdims=True), name=f"N{k}")
        activation = plan.activations[k - 1]
        if activation is None:
            return Z
        facts = self.of_axis("axis", 1) if activation in (cr.Softmax, cr.LogSoftmax) else {}
        A = activation(Z, name=f"A{k}", **facts)
        return cr.Add(A, Z, name=f"R{k}") if plan.residuals[k - 1] else A


@final
class Pair:
    """The same network in columns and in rows, with feeds for both."""

    def __init__(self, seed: int, name: str | type | None = object) -> None:
        rng = np.random.default_rng(seed)
        self.plan = drawn(rng, seed, NAMES[int(rng.integers(3))] if name is object else name)
        self.m = 11
        self.columns, self.rows = (Layout(self.plan, self.m, rows) for rows in (False, True))
        leaves = (*self.columns.graph.inputs, *self.columns.graph.parameters)
        shapes = {leaf.name: [k if isinstance(k, int) else self.m for k in leaf.shape] for leaf in leaves}
        self.feeds = {name: 0.7 * rng.normal(size=shape) for name, shape in shapes.items()}
        self.feeds["Y"] = labels(rng, OUTPUTS[self.plan.loss][1], shapes["Y"])

    @property
    def names(self) -> list[str]:
        """The nodes that people have named; those have gradients of one name in both."""
        return [node.name for node in self.columns.graph.order if node.name and node.name != "Y"]


def drawn(rng: np.random.Generator, seed: int, name: Any) -> Plan:
    layers = int(rng.integers(1, 4))
    sizes = tuple(int(k) for k in rng.permutation([2, 3, 4, 5, 6, 7])[: layers + 1])

    def bits() -> tuple[bool, ...]:
        return tuple(bool(bit) for bit in rng.integers(2, size=layers))

    activations = tuple(ACTIVATIONS[k] for k in rng.integers(len(ACTIVATIONS), size=layers))
    loss = LOSSES[seed % len(LOSSES)]  # every loss with every reduction
    reduction = REDUCTIONS[seed // len(LOSSES) % len(REDUCTIONS)]
    return Plan(sizes, activations, bits(), bits(), bits(), bits(), loss, reduction, name, bool(rng.integers(2)))


def labels(rng: np.random.Generator, kind: str, shape: list[int]) -> Array:
    if kind == "one-hot":
        return np.eye(shape[0])[:, rng.integers(shape[0], size=shape[1])]
    if kind == "numbers":
        return rng.normal(size=shape)
    low = 0.0 if kind == "bits" else -1.0
    return np.where(rng.random(shape) < 0.5, low, 1.0)
