"""A drawing as a Mermaid flowchart, which GitHub and many editors draw where it stands in Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from chainrule.drawing.dot import DEEPEST, LINES, frames_of
from chainrule.drawing.labels import Cell, Table
from chainrule.drawing.scene import Arrow, Item, Scene
from chainrule.drawing.theme import Palette

_SHAPES: Final = {
    "input": '("{}")',
    "parameter": '[["{}"]]',
    "constant": '["{}"]',
    "value": '("{}")',
    "operation": '(["{}"])',
    "layer": '["{}"]',
}
_PLAIN: Final = frozenset(" =,∂×−∗…∞₀₁₂₃₄₅₆₇₈₉ᵀ")
"""Characters besides letters and digits that nothing reads as markup."""


def mermaid_text(scene: Scene, palette: Palette) -> str:
    """The flowchart: layers as subgraphs, gradients as dotted arrows. Any text is only ever text."""
    lines = [f"flowchart {'LR' if scene.direction == 'right' else 'TB'}", *_items(scene)]
    lines += [f"    {_arrow(arrow)}" for arrow in scene.arrows]
    lines += _styles(scene, palette)
    return "\n".join([*lines, ""])


def plain_lines(table: Table) -> list[str]:
    """A label as lines of text: the rows of a matrix below each other."""
    found: list[str] = []
    for row in table.rows:
        cells = [_cell_lines(cell) for cell in row]
        lines = range(max(map(len, cells), default=0))
        found += (" ".join(cell[k] for cell in cells if k < len(cell)).strip() for k in lines)
    return [line for line in found if line]


def _cell_lines(cell: Cell) -> list[str]:
    if isinstance(cell.content, Table):
        return plain_lines(cell.content)
    return [" ".join("".join(text.shown for text in cell.content).split())]


def _items(scene: Scene) -> Iterator[str]:
    """The items, each layer's in a subgraph; a layer stands in the one around it."""
    frames = [path for _, path in frames_of(scene)]
    inside: dict[tuple[str, ...], list[Item]] = defaultdict(list)
    for item in scene.items:
        inside[item.layer[:DEEPEST]].append(item)
    yield from (f"    {_item(item)}" for item in inside[()])
    numbers = {path: k for k, path in enumerate(frames)}
    waiting: list[tuple[str, ...]] = [path for path in reversed(frames) if len(path) == 1]
    open_: list[tuple[str, ...]] = []
    while waiting or open_:
        while open_ and (not waiting or waiting[-1][: len(open_[-1])] != open_[-1]):
            yield "    " * len(open_) + "end"
            open_.pop()
        if waiting:
            path = waiting.pop()
            open_.append(path)
            yield "    " * len(path) + f'subgraph c{numbers[path]} ["{_quoted([path[-1][:60]])}"]'
            yield from (f"{'    ' * (len(path) + 1)}{_item(item)}" for item in inside[path])
            waiting += [inner for inner in reversed(frames) if len(inner) == len(path) + 1 and inner[:-1] == path]


def _item(item: Item) -> str:
    return item.id + _SHAPES[item.kind].format(_quoted(plain_lines(item.label)))


def _arrow(arrow: Arrow) -> str:
    label = f'|"{_quoted(plain_lines(arrow.label))}"|' if arrow.label else ""
    if arrow.backward:
        return f"{arrow.target} -.->{label} {arrow.source}"
    return f"{arrow.source} -->{label} {arrow.target}"


def _quoted(lines: Sequence[str]) -> str:
    """Lines of text between quotation marks: what could be markup, by its number."""
    return "<br>".join("".join(c if c.isalnum() or c in _PLAIN else f"#{ord(c)};" for c in line) for line in lines)


def _styles(scene: Scene, palette: Palette) -> Iterator[str]:
    """Colors, as far as they are needed."""
    members: dict[str, list[str]] = defaultdict(list)
    for item in scene.items:
        members["emphasized" if item.emphasized else "outside" if item.outside else item.kind].append(item.id)
    for kind, names in members.items():
        yield f"    classDef {kind} {_colors(kind, palette)}"
        yield f"    class {','.join(names)} {kind}"
    back = [str(number) for number, arrow in enumerate(scene.arrows) if arrow.backward]
    if back:
        yield f"    linkStyle {','.join(back)} stroke:{palette.light('backward')},color:{palette.light('backward')}"


def _colors(kind: str, palette: Palette) -> str:
    if kind == "emphasized":
        fill, line, ink = "emphasis_fill", "emphasis", "ink"
    elif kind == "outside":
        fill, line, ink = "background", "muted", "muted"
    else:
        fill, line, ink = kind, LINES.get(kind, "value_line"), "on_operation" if kind == "operation" else "ink"  # type: ignore[call-overload]  # a kind
    dashes = ",stroke-dasharray:5 2" if kind == "outside" else ""
    return f"fill:{palette.light(fill)},stroke:{palette.light(line)},color:{palette.light(ink)}{dashes}"
