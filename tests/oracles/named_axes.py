"""Every public node with the size of one of its axes named m, and feeds for several m."""

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from node_rows import ROWS, examples
from node_values import Row, Shape

import chainrule as cr
from chainrule.errors import ChainruleError

PUBLIC = {row.kind.__name__: row for row in ROWS if hasattr(cr, row.kind.__name__)}


class Named(NamedTuple):
    """A graph that squares a node, and feeds for each of some m."""

    title: str
    graph: cr.Graph
    feeds: list[dict[str, Any]]


def named_axes(name: str, count: int, seed: int = 0) -> Iterator[Named]:
    """Some of all that a class can be built with, of those that any number of examples fits."""
    row, rng = PUBLIC[name], np.random.default_rng([seed, *name.encode()])
    choices = [(case, shapes) for case in row.cases for shapes in _declared(case.shapes)]
    found = (made for k in rng.permutation(len(choices)) if (made := _made(row, *choices[k])) is not None)
    return itertools.islice(found, count)


def _declared(shapes: tuple[Shape, ...]) -> Iterator[list[tuple[Any, ...]]]:
    """Shapes with m for an axis of the first input, and for axes of others that stand at the same place, or not."""
    for k, size in enumerate(shapes[0]):
        place = k - len(shapes[0])
        same = [[True], *([False, True] if _size_at(shape, place) == size else [False] for shape in shapes[1:])]
        for chosen in itertools.islice(itertools.product(*same), 8):
            yield [_with_m(shape, place) if named else shape for shape, named in zip(shapes, chosen, strict=True)]


def _size_at(shape: Shape, place: int) -> int | None:
    return shape[place] if len(shape) >= -place else None


def _with_m(shape: Shape, place: int) -> tuple[Any, ...]:
    return tuple("m" if k - len(shape) == place else size for k, size in enumerate(shape))


def _made(row: Row, case: Any, shapes: list[tuple[Any, ...]]) -> Named | None:
    """The graph and its feeds; None where the class has no such node, or not for every m."""
    arrays = examples(row, case)
    shapes = shapes[: len(arrays)]
    try:
        leaves = [_leaf(f"x{k}", shape, array) for k, (shape, array) in enumerate(zip(shapes, arrays, strict=True))]
        node = row.kind(*leaves, name="y", **case.facts)
        if node.dtype.kind != "f":
            return None
        graph = cr.Graph(cr.Sum(cr.Square(node), name="L"))
        feeds = [
            {f"x{k}": _with_columns(x, shape, m) for k, (x, shape) in enumerate(zip(arrays, shapes, strict=True))}
            for m in (1, 3, 8)
        ]
        for feed in feeds:
            graph.forward(feed).backward()
        graph.compile()
    except ChainruleError:
        return None
    return Named(f"{row.kind.__name__} of {shapes} {dict(case.facts)}", graph, feeds)


def _leaf(name: str, shape: tuple[Any, ...], array: np.ndarray[Any, Any]) -> cr.Node:
    return (
        cr.Parameter(name, shape)
        if "m" not in shape and array.dtype.kind == "f"
        else cr.Input(name, shape, array.dtype)
    )


def _with_columns(array: np.ndarray[Any, Any], shape: tuple[Any, ...], m: int) -> np.ndarray[Any, Any]:
    """The array with m entries along the axis of that name, again from the first where it has fewer."""
    if "m" not in shape:
        return array
    axis = shape.index("m")
    return np.take(array, np.arange(m) % max(array.shape[axis], 1), axis) if array.size else array
