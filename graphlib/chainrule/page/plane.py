"""What a network predicts in the plane of its two inputs, moment by moment, and the examples in it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, final

import numpy as np
import numpy.typing as npt

from chainrule.core.feeds import is_stored
from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Input
from chainrule.core.node import Node
from chainrule.nodes.batch_of_graph import batch_name
from chainrule.nodes.losses import Loss
from chainrule.plan.training_plan import compile_plan

Array = npt.NDArray[Any]
Params = Mapping[str, Array]
SIDE: Final = 48  # cells of the grid, each way
_MOST_EXAMPLES: Final = 600
_MOST_ENTRIES: Final = 2_000_000  # of feeds that are computed at every moment
_MOST_CLASSES: Final = 8
_MARGIN: Final = 0.12  # of the range of the examples


@final
class Plane(NamedTuple):
    """Which input spans the plane, what is predicted from it, and the labels."""

    graph: BaseGraph
    points: Input
    predicted: Node
    labels: Node
    axis: int
    """The axis of the points along which examples are counted."""


def fit(feeds: Mapping[str, Any]) -> bool:
    """Whether the whole data may be computed at every moment."""
    return not any(map(is_stored, feeds.values())) and sum(map(np.size, feeds.values())) <= _MOST_ENTRIES


def plane_of(graph: BaseGraph) -> Plane | None:
    """The plane of a graph whose loss compares labels with what is predicted from two numbers of each example alone."""
    losses, batch = [node for node in graph.order if isinstance(node, Loss)], batch_name(graph)
    if len(losses) != 1 or batch is None:
        return None
    predicted, labels = losses[0].inputs[:2]
    read = [node for node in _before(graph, predicted) if isinstance(node, Input)]
    if len(read) != 1 or read[0] is labels or not isinstance(labels, Input):
        return None
    sizes = [str(size) for size in read[0].shape or ()]
    if sorted(sizes) != sorted(["2", batch]):
        return None
    return Plane(graph, read[0], predicted, labels, sizes.index(batch))


def _before(graph: BaseGraph, node: Node) -> list[Node]:
    """All that a node is computed from."""
    found = {node}
    for one in reversed(graph.order):
        if one in found:
            found.update(one.inputs)
    return [one for one in graph.order if one in found]


@final
class Field(NamedTuple):
    """What is predicted in every cell of a grid, at every moment, and the examples with their classes."""

    low: Array
    high: Array
    points: Array
    """A column for each example."""
    classes: Array
    kinds: int
    """1 where one number tells two classes apart, otherwise as many as there are classes."""
    grids: list[Array]
    """A row for each kind, a column for each cell, the cells row by row from the top."""
    middle: float
    """Where one of two classes ends."""


def field_of(plane: Plane, feeds: Mapping[str, Any], moments: Sequence[Params]) -> Field | None:
    """The field over the examples that are fed; None where they are none, not all finite, or of too many classes."""
    points = np.moveaxis(np.asarray(feeds[plane.graph.name(plane.points)], dtype=float), plane.axis, 1)
    labels = np.moveaxis(np.asarray(feeds[plane.graph.name(plane.labels)], dtype=float), plane.axis, -1)
    labels = labels.reshape(-1, labels.shape[-1])
    if not points.size or not np.isfinite(points).all() or len(labels) > _MOST_CLASSES:
        return None
    low, high = points.min(axis=1), points.max(axis=1)
    margin = _MARGIN * np.where(high > low, high - low, 1.0)
    low, high = low - margin, high + margin
    grids = _predictions(plane, feeds, _grid(low, high), moments)
    chosen = np.linspace(0, points.shape[1] - 1, min(points.shape[1], _MOST_EXAMPLES)).astype(int)
    classes = labels.argmax(axis=0) if len(labels) > 1 else (labels[0] > _middle(labels)).astype(int)
    return Field(low, high, points[:, chosen], classes[chosen], len(labels), grids, _threshold(grids))


def shown_plane(plane: Plane, feeds: Mapping[str, Any], moments: Sequence[Params]) -> dict[str, Any] | None:
    """The examples and, for every moment, a byte for each cell of a grid: between two classes, or which of several."""
    field = field_of(plane, feeds, moments)
    if field is None:
        return None
    examples = zip(field.points.T, field.classes, strict=True)
    found = {
        "low": field.low.tolist(),
        "high": field.high.tolist(),
        "side": SIDE,
        "classes": field.kinds,
        "examples": [[*map(_rounded, point), int(kind)] for point, kind in examples],
    }
    if field.kinds > 1:
        return found | {"cells": [_bytes(grid.argmax(axis=0)) for grid in field.grids]}
    spread = max((float(np.max(np.abs(grid - field.middle), initial=0)) for grid in field.grids), default=0.0) or 1.0
    scaled = [127.5 + 127.5 * (grid[0] - field.middle) / spread for grid in field.grids]
    cells = [_bytes(np.clip(np.round(cell), 0, 255)) for cell in scaled]
    return found | {"cells": cells, "middle": field.middle, "spread": spread}


def _grid(low: Array, high: Array) -> Array:
    """The middles of the cells, row by row from the top."""
    steps = (np.arange(SIDE) + 0.5) / SIDE
    x, y = (low[k] + (high[k] - low[k]) * steps for k in (0, 1))
    across, up = np.meshgrid(x, y[::-1])
    return np.stack([across.ravel(), up.ravel()])


def _predictions(plane: Plane, feeds: Mapping[str, Any], grid: Array, moments: Sequence[Params]) -> list[Array]:
    """What is predicted in every cell; a row for each class."""
    name = plane.graph.name(plane.points)
    plan = compile_plan(plane.graph, None, plane.graph.name(plane.predicted), "numpy", None)
    read = set(_before(plane.graph, plane.predicted))
    given = {key: feed for key, feed in feeds.items() if plane.graph[key] in read}
    fed = grid if plane.axis == 1 else grid.T
    found = [np.asarray(plan({**given, **_read(plane, params), name: fed})) for params in moments]
    return [np.moveaxis(array, plane.axis, -1).reshape(-1, grid.shape[1]) for array in found]


def _read(plane: Plane, params: Params) -> dict[str, Array]:
    read = {plane.graph.name(node) for node in _before(plane.graph, plane.predicted)}
    return {name: array for name, array in params.items() if name in read}


def _middle(labels: Array) -> float:
    """What lies between two kinds of labels: 0 and 1, −1 and 1, or numbers."""
    return float((labels.min() + labels.max()) / 2)


def _threshold(grids: Sequence[Array]) -> float:
    """Where one class ends: at a half for what lies between 0 and 1, else at 0."""
    inside = all(np.min(grid, initial=0) >= 0 and np.max(grid, initial=0) <= 1 for grid in grids)
    return 0.5 if inside else 0.0


def _rounded(x: Any) -> float:
    return float(f"{x:.5g}")


def _bytes(cells: Array) -> str:
    return base64.b64encode(np.nan_to_num(cells).astype(np.uint8).tobytes()).decode()
