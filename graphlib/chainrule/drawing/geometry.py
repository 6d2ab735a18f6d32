"""Where everything of a drawing stands, in points from its upper left corner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias, final

Point: TypeAlias = tuple[float, float]
Frame: TypeAlias = tuple[int, tuple[str, ...]]
"""The frame of a layer: in which row, and what it is called with the layers around it."""


@final
class Box(NamedTuple):
    """A rectangle by its sides."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def center(self) -> Point:
        """The point in the middle."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From top to bottom."""
        return self.bottom - self.top

    def moved(self, x: float, y: float) -> Box:
        """The same at another place."""
        return Box(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def turned(self) -> Box:
        """With x and y exchanged."""
        return Box(self.top, self.left, self.bottom, self.right)


@final
class Route(NamedTuple):
    """The way of an arrow: a point and three more for every piece of a cubic curve; and the middle of its label."""

    points: Sequence[Point]
    label: Point | None = None

    def moved(self, x: float, y: float) -> Route:
        """The same at another place."""
        label = (self.label[0] + x, self.label[1] + y) if self.label else None
        return Route([(left + x, top + y) for left, top in self.points], label)

    def turned(self) -> Route:
        """With x and y exchanged."""
        return Route([(y, x) for x, y in self.points], self.label and self.label[::-1])


@final
class Layout(NamedTuple):
    """The boxes of items by id, of frames, and the ways of arrows by their number in the scene."""

    items: Mapping[str, Box]
    frames: Mapping[Frame, Box]
    routes: Mapping[int, Route]

    @property
    def box(self) -> Box:
        """What is around all of it."""
        boxes = [*self.items.values(), *self.frames.values()]
        points = [point for route in self.routes.values() for point in route.points]
        boxes += [Box(x, y, x, y) for x, y in points]
        return around(boxes)

    def moved(self, x: float, y: float) -> Layout:
        """The same at another place."""
        return Layout(
            {name: box.moved(x, y) for name, box in self.items.items()},
            {frame: box.moved(x, y) for frame, box in self.frames.items()},
            {number: route.moved(x, y) for number, route in self.routes.items()},
        )

    def turned(self) -> Layout:
        """With x and y exchanged."""
        return Layout(
            {name: box.turned() for name, box in self.items.items()},
            {frame: box.turned() for frame, box in self.frames.items()},
            {number: route.turned() for number, route in self.routes.items()},
        )


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds these; a point for none."""
    sides = list(zip(*boxes, strict=True))
    return Box(min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])) if sides else Box(0, 0, 0, 0)


def stacked(layouts: Sequence[Layout], between: float) -> Layout:
    """Rows below each other, each beginning at the left."""
    items: dict[str, Box] = {}
    frames: dict[Frame, Box] = {}
    routes: dict[int, Route] = {}
    top = 0.0
    for layout in layouts:
        box = layout.box
        moved = layout.moved(-box.left, top - box.top)
        items |= moved.items
        frames |= moved.frames
        routes |= moved.routes
        top += box.height + between
    return Layout(items, frames, routes)
