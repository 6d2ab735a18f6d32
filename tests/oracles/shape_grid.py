"""A graph for every node class and arrangement of axes: columns last, first, in the middle, none, stacks, nothing.

Each axis has another size; each graph is the sum of the sines of the node, so that no two entries can be confused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr

M = 6
SHAPES: list[tuple[Any, ...]] = [
    (), (3,), ("m",), (3, "m"), ("m", 3), (1, "m"), (2, 3), (2, 3, "m"), (2, "m", 4), ("m", 2, 4), (2, 3, 4),
    (0,), (0, "m"), ("m", 0), (3, 0), (2, 0, "m"),
]  # fmt: skip
PAIRS: list[tuple[Any, Any]] = [
    ((3, "m"), (3, "m")), ((3, "m"), (3, 1)), ((3, "m"), ("m",)), ((3, "m"), ()), ((2, 3, "m"), (3, "m")),
    ((2, 3, "m"), (2, 1, 1)), (("m", 3), (3,)), (("m", 3), (1, 3)), ((2, "m", 4), ("m", 1)), ((2, 3), (3,)),
    ((1, "m"), (3, 1)), ((0, "m"), (1, "m")), (("m", 1), (1, 4)),
]  # fmt: skip
PRODUCTS: list[tuple[Any, Any]] = [
    ((3, 2), (2, "m")), (("m", 3), (3, 2)), ((3, "m"), ("m", 2)), ((3, "m"), ("m",)), (("m",), ("m", 2)),
    (("m",), ("m",)), ((3,), (3, "m")), (("m", 3), (3,)), ((2, 3, 4), (2, 4, "m")), ((3, 4), (2, 4, "m")),
    ((2, 3, 4), (4, "m")), ((2, "m", 3), (3, 4)), ((2, "m", 3), (2, 3, 4)), (("m", 2, 3), (3, 4)),
    (("m", 2, 3), ("m", 3, 4)), ((5, 1, 3, 4), (2, 4, "m")), ((2, 3, "m"), (2, "m", 4)), ((2, 3, "m"), ("m", 4)),
    ((2, 3, "m"), ("m",)), ((3, 4), (4, 2)), ((2, 3, 4), (4,)), ((3, 0), (0, "m")), ((0, 3), (3, "m")),
    ((2, 0, 4), (2, 4, "m")), (("m", 1), (1, 4)), ((3, 1), (1, "m")),
]  # fmt: skip
ELEMENTWISE: list[type[cr.Node]] = [
    cr.Negate, cr.Square, cr.Sqrt, cr.Exp, cr.Log, cr.Abs, cr.Sin, cr.Cos, cr.Tanh, cr.Sigmoid, cr.ReLU, cr.LeakyReLU,
    cr.Softplus, cr.GELU,
]  # fmt: skip
BINARY: list[type[cr.Node]] = [cr.Add, cr.Subtract, cr.Multiply, cr.Divide, cr.Power, cr.Maximum, cr.Minimum]
REDUCTIONS: list[type[cr.Node]] = [cr.Sum, cr.Mean, cr.Max, cr.LogSumExp]
LOSSES: list[tuple[type[cr.Node], tuple[float, float]]] = [
    (cr.BCELoss, (0.1, 0.9)), (cr.SigmoidBCELoss, (0.1, 2)), (cr.CrossEntropyLoss, (0.1, 0.9)),
    (cr.SoftmaxCrossEntropyLoss, (0.1, 2)), (cr.MSELoss, (0.1, 2)), (cr.HingeLoss, (0.1, 2)),
]  # fmt: skip


class Case(NamedTuple):
    """A graph with one scalar output, and feeds for it."""

    label: str
    graph: cr.Graph
    feeds: dict[str, Any]


def cases() -> Iterator[Case]:
    """Every case that can be built and that a Run computes."""
    for k, (label, build, shapes, bounds) in enumerate(_described()):
        try:
            case = _case(k, label, build, shapes, bounds)
            with np.errstate(all="ignore"):
                case.graph.forward(case.feeds).backward()
        except cr.errors.ChainruleError:  # no such node: a product of axes that differ, a mean of nothing
            continue
        yield case


def together(some: Iterable[Case]) -> Case:
    """Several cases as one graph, which is compiled at once."""
    chosen = list(some)
    total = chosen[0].graph.outputs[0]
    for case in chosen[1:]:
        total = total + case.graph.outputs[0]
    feeds = {name: value for case in chosen for name, value in case.feeds.items()}
    return Case("; ".join(case.label for case in chosen), cr.Graph(total), feeds)


def _case(k: int, label: str, build: Callable[..., cr.Node], shapes: list[Any], bounds: tuple[float, float]) -> Case:
    rng = np.random.default_rng(k)
    leaves = [
        (cr.Input if "m" in shape else cr.Parameter)(f"{name}{k}", shape)
        for name, shape in zip("xyz", shapes, strict=False)
    ]
    numbers = [tuple(M if size == "m" else size for size in shape) for shape in shapes]
    feeds = {leaf.name: rng.uniform(*bounds, shape) for leaf, shape in zip(leaves, numbers, strict=True)}
    node = build(*leaves)
    return Case(label, cr.Graph(cr.Sum(cr.Sin(node), name=f"total{k}")), feeds)


Described = Iterator[tuple[str, Callable[..., cr.Node], list[Any], tuple[float, float]]]
PLAIN = (0.1, 2.0)


def _described() -> Described:
    """The label, the node of its leaves, their shapes, and where their values lie."""
    for shape in SHAPES:
        yield from _of_one(shape)
        yield from _along_axes(shape)
        yield from _losses(shape)
        for axis in range(len(shape)):
            yield from _on_axis(shape, axis)
    for first, second in PAIRS:
        yield from _of_two(first, second)
    for first, second in PRODUCTS:
        yield f"MatMul {first} {second}", lambda x, y: cr.MatMul(x, y), [first, second], PLAIN


def _of_one(shape: Any) -> Described:
    for kind in (*ELEMENTWISE, cr.Transpose, cr.Softmax, cr.LogSoftmax):
        yield f"{kind.__name__} {shape}", lambda x, kind=kind: kind(x), [shape], PLAIN
    yield f"Clip {shape}", lambda x: cr.Clip(x, low=0.5, high=1.5), [shape], PLAIN
    yield f"Reshape {shape}", lambda x: cr.Reshape(x, to=(-1,)), [shape], PLAIN


def _along_axes(shape: Any) -> Described:
    for axis in (None, *range(len(shape)), *((k, k + 1) for k in range(len(shape) - 1))):
        for kind in REDUCTIONS:
            for keepdims in (False, True):
                label, facts = f"{kind.__name__} {shape} {axis} {keepdims}", {"axis": axis, "keepdims": keepdims}
                yield label, lambda x, kind=kind, facts=facts: kind(x, **facts), [shape], PLAIN
        for kind in (cr.Softmax, cr.LogSoftmax):
            label = f"{kind.__name__} {shape} axis={axis}"
            yield label, lambda x, kind=kind, axis=axis: kind(x, axis=axis), [shape], PLAIN


def _on_axis(shape: Any, axis: int) -> Described:
    label = f"Concatenate {shape} axis={axis}"
    yield label, lambda x, axis=axis: cr.Concatenate(x, cr.Cos(x), axis=axis), [shape], PLAIN
    for part in (0, slice(1, None), slice(None, None, -1), np.array([0, 1, 0])):
        key = (*[slice(None)] * axis, part)
        yield f"Index {shape} {axis} {part}", lambda x, key=key: cr.Index(x, key=key), [shape], PLAIN


def _losses(shape: Any) -> Described:
    for kind, bounds in LOSSES:
        for reduction in ("mean", "sum", "none"):
            facts = {"reduction": reduction}
            label = f"{kind.__name__} {shape} {reduction}"
            yield label, lambda x, y, kind=kind, facts=facts: kind(x, y, **facts), [shape, shape], bounds


def _of_two(first: Any, second: Any) -> Described:
    for kind in BINARY:
        for shapes in ([first, second], [second, first]):
            yield f"{kind.__name__} {shapes}", lambda x, y, kind=kind: kind(x, y), shapes, PLAIN
    mask = [first, second, first]
    yield f"Where {mask}", lambda x, y, z: cr.Where(cr.Constant(True, dtype=bool), x, y * z), mask, PLAIN
