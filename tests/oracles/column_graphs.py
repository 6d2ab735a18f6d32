"""Random nets over the columns of a batch, in which activations feed losses and other nodes as well.

A net is grown from layers, activations, sums and products of values that have the same columns; any sigmoid or softmax
may be read by several losses, by other layers and by penalties, and any node may have a name or none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, final

import numpy as np

import chainrule as cr

ROWS = (1, 2, 3, 4)
COLUMNS = (5, 7)


class ColumnGraph(NamedTuple):
    """A graph with one scalar output, and feeds for it."""

    graph: cr.Graph
    feeds: dict[str, Any]


@final
class Growing:
    """A net in the making: the values so far, all with the same columns, and the scalars that its loss adds up."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.columns = int(self.rng.choice(COLUMNS))
        self.size: Any = "m" if self.rng.random() < 0.7 else self.columns
        self.count = 0
        self.feeds: dict[str, Any] = {}
        self.values: list[cr.Node] = [self.leaf(int(self.rng.choice(ROWS)))]
        self.terms: list[cr.Node] = []

    def name(self) -> dict[str, str]:
        """A name for the next node, or none."""
        self.count += 1
        return {"name": f"v{self.count}"} if self.rng.random() < 0.6 else {}

    def leaf(self, rows: int) -> cr.Node:
        name = f"x{len(self.feeds)}"
        self.feeds[name] = self.rng.normal(size=(rows, self.columns))
        return cr.Input(name, (rows, self.size))

    def parameter(self, *shape: int) -> cr.Node:
        name = f"w{len(self.feeds)}"
        self.feeds[name] = self.rng.normal(size=shape)
        return cr.Parameter(name, shape)

    def labels(self, kind: type[cr.Node], rows: int) -> cr.Node:
        name = f"y{len(self.feeds)}"
        shares = self.rng.random((rows, self.columns))
        hot = np.eye(rows)[:, self.rng.integers(rows, size=self.columns)]
        self.feeds[name] = shares if kind is cr.BCELoss or self.rng.random() < 0.5 else hot
        return cr.Input(name, (rows, self.size))

    def pick(self) -> cr.Node:
        """One of the values, the latest ones most often."""
        weights = np.arange(1.0, len(self.values) + 1)
        return self.values[self.rng.choice(len(self.values), p=weights / weights.sum())]

    def like(self, x: cr.Node) -> cr.Node:
        """A value of the same shape, at times the same value."""
        same = [value for value in self.values if value.shape == x.shape]
        return same[self.rng.integers(len(same))]


def layer(net: Growing) -> None:
    x, rows = net.pick(), int(net.rng.choice(ROWS))
    product = cr.MatMul(net.parameter(rows, x.shape[0]), x)
    net.values.append(cr.Add(product, net.parameter(rows, 1), **net.name()))


def activation(net: Growing) -> None:
    kinds: list[Callable[..., cr.Node]] = [cr.Sigmoid, cr.Softmax, cr.Sigmoid, cr.Softmax, cr.Tanh, cr.Sin]
    net.values.append(kinds[net.rng.integers(len(kinds))](net.pick(), **net.name()))


def meeting(net: Growing) -> None:
    x = net.pick()
    kind = (cr.Add, cr.Multiply)[net.rng.integers(2)]
    net.values.append(cr.Tanh(kind(x, net.like(x), **net.name()), **net.name()))


def loss(net: Growing) -> None:
    """A loss of an activation that others may read, too."""
    found = [x for x in net.values if isinstance(x, (cr.Sigmoid, cr.Softmax))]
    if not found:
        return activation(net)
    x = found[net.rng.integers(len(found))]
    kind = cr.BCELoss if isinstance(x, cr.Sigmoid) else cr.CrossEntropyLoss
    reduction = ("mean", "sum", "none")[net.rng.integers(3)]
    made = kind(x, net.labels(kind, x.shape[0]), reduction=reduction, **net.name())
    net.terms.append(made if reduction != "none" else cr.Sum(made * made, **net.name()))
    return None


def penalty(net: Growing) -> None:
    net.terms.append(cr.Sum(cr.Square(net.pick()), **net.name()))


KINDS = (layer, layer, activation, activation, activation, meeting, loss, loss, penalty)


def column_graph(seed: int, nodes: int = 12) -> ColumnGraph:
    """The net of a seed."""
    net = Growing(seed)
    for kind in net.rng.choice(len(KINDS), nodes):
        KINDS[kind](net)
    net.terms.append(cr.Mean(cr.Square(net.values[-1])))
    total = net.terms[0]
    for term in net.terms[1:]:
        total = cr.Add(total, cr.Multiply(term, float(net.rng.uniform(0.5, 2))), **net.name())
    graph = cr.Graph(total)
    return ColumnGraph(graph, {name: x for name, x in net.feeds.items() if name in graph})
