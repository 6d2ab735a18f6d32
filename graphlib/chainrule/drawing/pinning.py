"""A layout as attributes of DOT text, so that Graphviz only renders what already has its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from chainrule.drawing.dot import frame_head, frames_of
from chainrule.drawing.geometry import Box, Layout, Point, Route
from chainrule.drawing.measuring import size_of_table
from chainrule.drawing.scene import Arrow, Scene
from chainrule.drawing.theme import Palette

Pins: TypeAlias = Mapping[str, Mapping[str, str]]
"""Attributes by the id of an item, an arrow or a frame; those of the whole by ""."""

_OUTLINE: Final = 8.0  # points: what Graphviz puts around a box with two outlines


def pinned(scene: Scene, layout: Layout, palette: Palette) -> Pins:
    """What `neato -n2` reads: y runs upward there, sizes are inches, and a spline names the tip of its arrow first."""
    box = layout.box
    caption = size_of_table(scene.caption) if scene.caption else None
    width = max(box.width, caption.width if caption else 0.0)
    room = caption.height + 10 if caption else 0.0
    height = box.height + room
    placed = layout.moved((width - box.width) / 2 - box.left, -box.top)
    whole = {"bb": f"0,0,{width:.2f},{height:.2f}"}
    if caption:
        whole |= {"lp": f"{width / 2:.2f},{caption.height / 2:.2f}"}
        whole |= {"lwidth": f"{caption.width / 72:.2f}", "lheight": f"{caption.height / 72:.2f}"}
    pins = {"": whole}
    for item in scene.items:
        pins[item.id] = _item(placed.items[item.id], height, _OUTLINE if item.kind == "parameter" else 0)
    for number, frame in enumerate(frames_of(scene)):
        pins[f"c{number}"] = _frame(placed.frames[frame], height, size_of_table(frame_head(frame[1], palette, False)))
    for number, arrow in enumerate(scene.arrows):
        pins[f"e{number}"] = _arrow(arrow, placed.routes[number], height)
    return pins


def _point(point: Point, height: float) -> str:
    return f"{point[0]:.2f},{height - point[1]:.2f}"


def _item(box: Box, height: float, outline: float) -> dict[str, str]:
    wide, high = (f"{(side - outline) / 72:.4f}" for side in (box.width, box.height))
    size = {"width": wide, "height": high, "fixedsize": "true"}
    return {"pos": _point(box.center, height), "margin": "0", **size}


def _frame(box: Box, height: float, head: Iterable[float]) -> dict[str, str]:
    wide, high = head
    corner = (box.right - 10 - wide / 2, box.top + 4 + high / 2)
    sides = f"{_point((box.left, box.bottom), height)},{_point((box.right, box.top), height)}"
    return {"bb": sides, "lp": _point(corner, height), "lwidth": f"{wide / 72:.2f}", "lheight": f"{high / 72:.2f}"}


def _arrow(arrow: Arrow, route: Route, height: float) -> dict[str, str]:
    points = list(route.points)
    place = 0 if arrow.backward else -1
    tip, after = points[place], points[1 if arrow.backward else -2]
    sign = 1 if after[0] > tip[0] else -1 if after[0] < tip[0] else 0
    down = 0 if sign else (1 if after[1] > tip[1] else -1)
    points[place] = (tip[0] + 7.0 * sign, tip[1] + 7.0 * down)
    start = f"{'s' if arrow.backward else 'e'},{_point(tip, height)}"
    found = {"pos": " ".join([start, *(_point(point, height) for point in points)])}
    return found | ({"lp": _point(route.label, height)} if route.label else {})
