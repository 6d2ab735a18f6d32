"""A scene written as DOT text; the same scene gives the same text, byte for byte."""

from __future__ import annotations

from typing import Any, Final

import graphviz

from chainrule.drawing.labels import Cell, Table, Text
from chainrule.drawing.scene import Arrow, Item, Kind, Scene
from chainrule.drawing.theme import Palette

_FONT: Final = "Helvetica"
_DEEPEST: Final = 8  # nested layers that get a frame of their own
_LINES: Final[dict[Kind, str]] = {
    "input": "input_line",
    "parameter": "parameter_line",
    "constant": "constant",
    "value": "value_line",
    "operation": "operation",
    "layer": "layer_line",
}


def dot_text(scene: Scene, palette: Palette) -> str:
    """The DOT text. User text occurs in it as escaped label text and nowhere else; there are no URLs."""
    picture = graphviz.Digraph("drawing", graph_attr=_graph_attributes(scene, palette))
    picture.attr("node", fontname=_FONT, fontsize="12", margin="0.11,0.07", height="0.3", width="0.3")
    picture.attr("edge", fontname=_FONT, fontsize="11", color=palette.light("line"), penwidth="1.1", arrowsize="0.7")
    _write_items(picture, scene, palette)
    items = {item.id: item for item in scene.items}
    staircase = len({item.layer[0] for item in scene.items if item.layer}) > 2
    for number, arrow in enumerate(scene.arrows):
        hints = _layout_hints(items[arrow.source], items[arrow.target], staircase)
        picture.edge(arrow.source, arrow.target, **_arrow_attributes(arrow, f"e{number}", palette), **hints)
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


def cluster_paths(scene: Scene) -> list[tuple[str, ...]]:
    """Every layer that gets a frame, in the order in which it occurs, each behind the layers around it."""
    paths = {item.layer[:depth]: None for item in scene.items for depth in range(1, min(len(item.layer), _DEEPEST) + 1)}
    return list(paths)


def _write_items(picture: Any, scene: Scene, palette: Palette) -> None:
    """The items in their layers; inner layers are finished before they are put into outer ones."""
    paths = cluster_paths(scene)
    frames = {path: _frame(k, path, palette) for k, path in enumerate(paths)}
    for item in scene.items:
        frames.get(item.layer[:_DEEPEST], picture).node(item.id, **_item_attributes(item, palette))
    for path in sorted(paths, key=len, reverse=True):
        frames.get(path[:-1], picture).subgraph(frames[path])


def _frame(number: int, path: tuple[str, ...], palette: Palette) -> Any:
    head = Table([(Cell((Text(path[-1], palette.light("muted"), 13, bold=True, longest=40),)),)])
    frame = graphviz.Digraph(f"cluster_{number}")
    frame.attr(
        **{
            "id": f"c{number}",
            "class": "layer",
            "label": head.label,
            "labeljust": "l",
            "labelloc": "t",
            "style": "rounded,filled",
            "color": palette.light("layer_line"),
            "fillcolor": palette.light("layer" if len(path) % 2 else "inner_layer"),
            "margin": "12",
        }
    )
    return frame


def _item_attributes(item: Item, palette: Palette) -> dict[str, str]:
    styles = ["filled", *["rounded"] * (item.kind in ("input", "value", "layer")), *["dashed"] * item.outside]
    attributes = {
        "id": item.id,
        "class": " ".join([item.kind, *["emphasized"] * item.emphasized, *["outside"] * item.outside]),
        "label": item.label.label,
        "shape": "ellipse" if item.kind == "operation" else "box",
        "style": ",".join(styles),
        "fillcolor": palette.light("background" if item.outside else item.kind),
        "color": palette.light("muted" if item.outside else _LINES[item.kind]),
    }
    if item.kind == "parameter":
        attributes["peripheries"] = "2"
    if item.kind == "operation":
        attributes["margin"] = "0.02,0.0"
    if item.emphasized:
        fill = palette.light("emphasis" if item.kind == "operation" else "emphasis_fill")
        attributes |= {"color": palette.light("emphasis"), "penwidth": "3", "fillcolor": fill}
    return attributes


def _arrow_attributes(arrow: Arrow, name: str, palette: Palette) -> dict[str, str]:
    attributes = {"id": name, "class": "backward" if arrow.backward else "forward"}
    if arrow.backward:
        # Written in the direction of the computation, it runs beside the arrow forward and does not turn the layout.
        attributes |= {"dir": "back", "style": "dashed", "color": palette.light("backward"), "arrowtail": "vee"}
    if arrow.label:
        attributes["label"] = arrow.label.label
    return attributes


def _layout_hints(source: Item, target: Item, staircase: bool) -> dict[str, str]:
    """Inside of a layer, what is computed runs straight; one or two layers stand beside each other, more as stairs."""
    if source.layer != target.layer:
        return {} if staircase else {"minlen": "2", "weight": "8"}
    return {"weight": "8"} if source.kind in ("operation", "value", "layer") else {}
