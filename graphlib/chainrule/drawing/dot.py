"""A scene written as DOT text; the same scene gives the same text, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import graphviz

from chainrule.drawing.geometry import Frame
from chainrule.drawing.labels import Cell, Table, Text
from chainrule.drawing.ranking import length, ranks, spine
from chainrule.drawing.scene import Arrow, Item, Kind, Scene
from chainrule.drawing.theme import Palette

_FONT: Final = "Helvetica"
DEEPEST: Final = 8  # nested layers that get a frame of their own
_STRAIGHT: Final = "20"  # how much more an arrow of the spine wants to be straight than any other
LINES: Final[dict[Kind, str]] = {
    "input": "input_line",
    "parameter": "parameter_line",
    "constant": "constant",
    "operation": "operation",
    "layer": "layer_line",
}


def dot_text(scene: Scene, palette: Palette, pins: Mapping[str, Mapping[str, str]] = MappingProxyType({})) -> str:
    """The DOT text. User text occurs in it as escaped label text and nowhere else; there are no URLs.

    ``pins`` are further attributes by id, which say where everything stands.
    """
    picture = graphviz.Digraph("drawing", graph_attr=_graph_attributes(scene, palette) | dict(pins.get("", {})))
    size = {"margin": "0.11,0.07", "height": "0.3", "width": "0.3"}
    picture.attr("node", fontname=_FONT, fontsize="12", **size, **_plain_item(palette))
    picture.attr("edge", fontname=_FONT, fontsize="11", color=palette.light("line"), penwidth="1.1", arrowsize="0.7")
    _write_items(picture, scene, palette, pins)
    layers = {item.id: item.layer for item in scene.items}
    placed = ranks(scene.items, scene.arrows)
    straight = spine(scene.items, scene.arrows, placed)
    for number, arrow in enumerate(scene.arrows):
        hints = {"weight": _STRAIGHT} if (arrow.source, arrow.target) in straight else {}
        if (long := length(layers[arrow.source], layers[arrow.target])) > 1:
            hints["minlen"] = str(long)
        attributes = _arrow_attributes(arrow, f"e{number}", palette) | hints | dict(pins.get(f"e{number}", {}))
        picture.body.append(f"\t{arrow.source} -> {arrow.target} {_written(attributes)}\n")
    return str(picture.source)


def _graph_attributes(scene: Scene, palette: Palette) -> dict[str, str]:
    attributes = {
        "rankdir": "LR" if scene.direction == "right" else "TB",
        "bgcolor": palette.light("background"),
        "fontname": _FONT,
        "nodesep": "0.22",
        "ranksep": "0.38",
        "pad": "0.2",
        "labelloc": "b",
        "class": "drawing",
    }
    return attributes | ({"label": scene.caption.label} if scene.caption else {})


def frames_of(scene: Scene) -> list[Frame]:
    """Every layer that gets a frame, in the order in which it occurs, each behind the layers around it."""
    found = {
        (item.row, item.layer[:depth]): None
        for item in scene.items
        for depth in range(1, min(len(item.layer), DEEPEST) + 1)
    }
    return list(found)


def continued_frames(frames: Sequence[Frame]) -> set[Frame]:
    """The frames of layers that have begun in a row above."""
    return {(row, path) for row, path in frames if any(path == other and above < row for above, other in frames)}


def _write_items(picture: Any, scene: Scene, palette: Palette, pins: Mapping[str, Mapping[str, str]]) -> None:
    """The items in their layers; inner layers are finished before they are put into outer ones."""
    places = frames_of(scene)
    again = continued_frames(places)
    frames = {frame: _frame(k, frame[1], palette, frame in again) for k, frame in enumerate(places)}
    for number, frame in enumerate(places):
        frames[frame].attr(**pins.get(f"c{number}", {}))
    for item in scene.items:
        line = f"\t{item.id} {_written(_item_attributes(item, palette) | dict(pins.get(item.id, {})))}\n"
        frames.get((item.row, item.layer[:DEEPEST]), picture).body.append(line)
    for row, path in sorted(places, key=lambda frame: len(frame[1]), reverse=True):
        frames.get((row, path[:-1]), picture).subgraph(frames[row, path])


def _written(attributes: dict[str, str]) -> str:
    """The attributes of an item or arrow: labels are markup already, all else is a constant of this file.

    The package would quote each of them again, which takes as long as the layout of a long chain.
    """
    parts = [f"{name}={value}" if name == "label" else f'{name}="{value}"' for name, value in attributes.items()]
    return f"[{' '.join(parts)}]"


def frame_head(path: tuple[str, ...], palette: Palette, again: bool) -> Table:
    """What stands at a frame."""
    name = Text(path[-1], palette.light("muted"), 13, bold=True, longest=40)
    more = [Text("   continued", palette.light("muted"), 11, italic=True)] if again else []
    return Table([(Cell((name, *more)),)])


def _frame(number: int, path: tuple[str, ...], palette: Palette, again: bool) -> Any:
    head = frame_head(path, palette, again)
    frame = graphviz.Digraph(f"cluster_{number}")
    frame.attr(
        **{
            "id": f"c{number}",
            "class": "layer",
            "label": head.label,
            "labeljust": "r",  # arrows enter from the left
            "labelloc": "t",
            "style": "rounded,filled",
            "color": palette.light("layer_line"),
            "fillcolor": palette.light("layer" if len(path) % 2 else "inner_layer"),
            "margin": "12",
        }
    )
    return frame


def _plain_item(palette: Palette) -> dict[str, str]:
    """How a value looks; other items say what is different."""
    return {
        "shape": "box",
        "style": "rounded,filled",
        "fillcolor": palette.light("value"),
        "color": palette.light("value_line"),
    }


def classes(item: Item) -> str:
    """The classes of an item, for style sheets."""
    states = {"emphasized": item.emphasized, "outside": item.outside, "continued": item.continued}
    return " ".join([item.kind, *(name for name, holds in states.items() if holds)])


def _item_attributes(item: Item, palette: Palette) -> dict[str, str]:
    attributes = {
        "id": item.id,
        "class": classes(item),
        "label": item.label.label,
    }
    if item.kind != "value":
        attributes |= {"fillcolor": palette.light(item.kind), "color": palette.light(LINES[item.kind])}
    attributes |= FORMS.get(item.kind, {})
    if item.outside or item.continued:
        attributes |= {
            "style": f"{attributes.get('style', 'rounded,filled')},dashed",
            "fillcolor": palette.light("background"),
            "color": palette.light("muted"),
        }
    if item.emphasized:
        fill = palette.light("emphasis" if item.kind == "operation" else "emphasis_fill")
        attributes |= {"color": palette.light("emphasis"), "penwidth": "3", "fillcolor": fill}
    return attributes


FORMS: Final[dict[Kind, dict[str, str]]] = {
    "operation": {"shape": "ellipse", "style": "filled", "margin": "0.02,0.0"},
    "parameter": {"style": "filled", "peripheries": "2"},
    "constant": {"style": "filled"},
}


def _arrow_attributes(arrow: Arrow, name: str, palette: Palette) -> dict[str, str]:
    attributes = {"id": name, "class": "backward" if arrow.backward else "forward"}
    if arrow.backward:
        # Written in the direction of the computation, it runs beside the arrow forward and does not turn the layout.
        attributes |= {"dir": "back", "style": "dashed", "color": palette.light("backward"), "arrowtail": "vee"}
    if arrow.label:
        attributes["label"] = arrow.label.label
    return attributes
