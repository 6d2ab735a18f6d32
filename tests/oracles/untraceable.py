"""Twins of graphs in which some rules stand behind a wall that Symbols cannot pass: the same mathematics, called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.core.node import Node

Rule = Callable[..., Any]


def walled(kind: type[Node], name: str) -> type[Node]:
    """The rule as a class of this name, whose inputs have to be arrays."""

    def forward(self: Any, *values: Any) -> Any:
        return kind.forward(self, *map(np.asarray, values))

    def backward(self: Any, *values: Any) -> Any:
        return kind.backward(self, *map(np.asarray, values))

    return type(name, (kind,), {"forward": forward, "backward": backward, "__doc__": f"{kind.__name__}, called."})


def twin_of(graph: cr.Graph, seed: int, share: float = 0.3) -> tuple[cr.Graph, dict[Node, Node]]:
    """The graph with some of its rules walled, each as a class of its own; and the twin of every node."""
    random, twins = np.random.default_rng(seed), {}
    for k, node in enumerate(graph.order):
        inputs = tuple(twins[source] for source in node.inputs)
        wall = bool(inputs) and random.random() < share
        twin = node.replace(*inputs) if inputs else node
        if wall:
            made = object.__new__(walled(type(node), f"Twin{k}"))
            made.__dict__.update(node.__dict__)
            twin = made.replace(*inputs)
        twins[node] = twin
    return cr.Graph(*(twins[node] for node in graph.outputs)), twins


# --- graphs with a named number of columns ---------------------------------------------------------------------------


def graph_of_columns(seed: int, nodes: int = 14) -> tuple[cr.Graph, Callable[[int], dict[str, Any]]]:
    """A random graph over columns, stacked, cut, shifted, multiplied; and feeds for any number of columns."""
    random = np.random.default_rng(seed)
    x, y = cr.Input("x", (3, "m")), cr.Input("y", (4, "m"))
    values, shapes = [x, y], {}

    def parameter(shape: tuple[int, ...]) -> Node:
        name = f"P{len(shapes)}"
        shapes[name] = shape
        return cr.Parameter(name, shape)

    def pick(fits: Callable[[Any], bool] = lambda shape: True) -> Node:
        fitting = [node for node in values[-6:] + values[:2] if fits(node.shape)]
        return fitting[random.integers(len(fitting))]

    def columns(shape: Any) -> bool:
        return isinstance(shape[0], int)

    kinds: list[Callable[[], Node]] = [
        lambda: cr.Sin(pick()),
        lambda: cr.Sigmoid(pick()),
        lambda: cr.Softmax(pick(), axis=int(random.integers(2))),
        lambda: parameter((int(random.integers(2, 7)), (a := pick(columns)).shape[0])) @ a,
        lambda: (a := pick(columns)) * parameter((a.shape[0], 1)),
        lambda: cr.Concatenate(*(pick(columns), pick(columns))[: random.integers(1, 3)], axis=0) + 0.5,
        lambda: cr.Concatenate(a := pick(columns), cr.Sin(a), axis=1)[:, : [2, -2, None][random.integers(3)]],
        lambda: (a := pick(columns))[:, 1:] - a[:, :-1],
        lambda: pick(columns)[:, int(random.integers(3)) :],
        lambda: pick(columns)[:, -int(random.integers(1, 4)) :],
        lambda: pick(columns)[:, ::2],
        lambda: cr.Sum(pick(), axis=int(random.integers(2)), keepdims=True) + 0.1,
        lambda: cr.Max(pick(), axis=0, keepdims=True),
        lambda: (a := pick(columns)) @ cr.Sin(a).T,
        lambda: cr.Square(pick(columns).T),
    ]
    while len(values) < nodes:
        try:
            node = kinds[random.integers(len(kinds))]()
        except (cr.errors.ShapeError, ValueError, TypeError):  # what does not fit is drawn again
            continue
        if node.shape is not None and len(node.shape) == 2:
            values.append(node)
        elif node.shape is None:
            values.insert(2, cr.Sum(cr.Sin(node)) + pick())
    loss = cr.Constant(0.0)
    for value in values[2:]:
        loss = loss + cr.Sum(cr.Sin(value))

    def feeds(m: int) -> dict[str, Any]:
        numbers = np.random.default_rng(m)
        given = {name: numbers.normal(size=shape) for name, shape in shapes.items()}
        return {**given, "x": numbers.normal(size=(3, m)), "y": numbers.normal(size=(4, m))}

    graph = cr.Graph(loss)
    names = {leaf.name for leaf in graph.leaves}
    return graph, lambda m: {name: value for name, value in feeds(m).items() if name in names}
