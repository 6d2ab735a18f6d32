"""A wide drawing broken into rows of layers, as a long line of text is broken."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, TypeAlias

from chainrule.drawing.labels import Cell, Table
from chainrule.drawing.layered import width_of
from chainrule.drawing.scene import Arrow, Item, Scene
from chainrule.drawing.wording import sentence

WIDEST: Final = 1_520.0  # points: text of 10 is 9 pixels high on a screen that has 1,400 across

Unit: TypeAlias = list[Item]


def in_rows(scene: Scene, muted: str, widest: float = WIDEST) -> Scene:
    """The scene with a row for every item; what a row reads of another stands in it again, by its name alone."""
    if any(item.outside for item in scene.items):
        widest *= 1.1  # what enters and leaves a layer stays with it
    if scene.direction != "right" or width_of(scene.items, scene.arrows) <= widest:
        return scene
    return _continued(scene, _rows(scene, widest), muted)


# --- where a line is broken ------------------------------------------------------------------------------------------


def _rows(scene: Scene, widest: float) -> dict[str, int]:
    """The row of every item: as many layers in each as there is room for, at least one."""
    entering: dict[str, list[Arrow]] = defaultdict(list)
    for arrow in scene.arrows:
        entering[arrow.target].append(arrow)
    everything = {item.id: item for item in scene.items}

    def width(units: Iterable[Unit]) -> float:
        inside = [item for unit in units for item in unit]
        arrows = [arrow for item in inside for arrow in entering[item.id]]
        outside = dict.fromkeys(arrow.source for arrow in arrows) if arrows else {}
        known = {item.id for item in inside}
        named = [_named(everything[name], name, 0, "#000000") for name in outside if name not in known]
        return width_of([*inside, *named], arrows)

    parts: deque[Unit] = deque()
    for unit in _layers(scene):
        parts += [unit] if width([unit]) <= widest else _steps(unit, scene.arrows)
    rows: list[list[Unit]] = []
    while parts:
        count = _most(parts, lambda units: width(units) <= widest)
        rows.append([parts.popleft() for _ in range(count)])
    return {item.id: number for number, row in enumerate(rows) for unit in row for item in unit}


def _most(parts: Sequence[Unit], fits: Callable[[list[Unit]], bool]) -> int:
    """How many of the first parts fit, at least one; found in as few tries as a number of that size has digits."""
    good, step = 1, 1
    while good + step <= len(parts) and fits([*islice(parts, good + step)]):
        good += step
        step *= 2
    while step:
        if good + step <= len(parts) and fits([*islice(parts, good + step)]):
            good += step
        step //= 2
    return good


def _layers(scene: Scene) -> list[Unit]:
    """The outermost layers and, between them, the steps outside of any, in the order of the computation."""
    keys = {item.id: item.layer[0] if item.layer else "" for item in scene.items}
    steps = _steps(scene.items, scene.arrows)
    place: dict[str, int] = {}
    groups: list[Unit] = []
    for step in steps:
        key = next((keys[item.id] for item in step if keys[item.id]), "")
        if not key or key not in place:
            place |= {key: len(groups)} if key else {}
            groups.append([])
        groups[place[key] if key else -1].extend(step)
    return _without_circles(groups, scene.arrows)


def _without_circles(groups: list[Unit], arrows: Sequence[Arrow]) -> list[Unit]:
    """Groups that follow one another: an earlier one that reads a later one is joined with all in between."""
    place = {item.id: k for k, group in enumerate(groups) for item in group}
    computed = {arrow.target for arrow in arrows}
    until = list(range(len(groups)))
    for arrow in arrows:
        first, last = place[arrow.target], place[arrow.source]
        if first < last and arrow.source in computed:
            until[first] = max(until[first], last)
    merged: list[Unit] = []
    end = -1
    for k, group in enumerate(groups):
        if k > end:
            merged.append([])
        merged[-1].extend(group)
        end = max(end, until[k])
    return merged


def _steps(items: Sequence[Item], arrows: Sequence[Arrow]) -> list[Unit]:
    """Every operation with the box of its value, and what it is the first to read of inputs and parameters."""
    known = {item.id: item for item in items}
    sources: dict[str, list[str]] = defaultdict(list)
    readers: dict[str, list[str]] = defaultdict(list)
    for arrow in arrows:
        if arrow.source in known and arrow.target in known:
            sources[arrow.target].append(arrow.source)
            readers[arrow.source].append(arrow.target)
    position = {name: k for k, name in enumerate(known)}
    owner: dict[str, str] = {}
    for item in items:
        before = set(sources[item.id])
        if len(before) == 1 and item.kind == "value" and known[next(iter(before))].kind == "operation":
            owner[item.id] = owner.get(*before, *before)
        elif not before and readers[item.id] and item.kind not in ("operation", "layer"):
            owner[item.id] = min(readers[item.id], key=position.__getitem__)
    units: dict[str, Unit] = {item.id: [] for item in items if item.id not in owner}
    for item in items:
        units[owner.get(item.id, item.id)].append(item)
    return list(units.values())


# --- what stands again -----------------------------------------------------------------------------------------------


def _continued(scene: Scene, rows: dict[str, int], muted: str) -> Scene:
    """The scene in rows, with no arrow from one row to another."""
    items = [replace(item, row=rows[item.id]) for item in scene.items]
    known = {item.id: item for item in items}
    again: dict[tuple[str, int], Item] = {}
    arrows: list[Arrow] = []
    for arrow in scene.arrows:
        row, source = rows[arrow.target], known[arrow.source]
        if source.row == row:
            arrows.append(arrow)
            continue
        if (arrow.source, row) not in again:
            again[arrow.source, row] = _named(source, f"n{len(items) + len(again)}", row, muted)
        arrows.append(replace(arrow, source=again[arrow.source, row].id))
    return replace(scene, items=[*items, *again.values()], arrows=arrows)


def _named(item: Item, name: str, row: int, muted: str) -> Item:
    """An item of another row: what it is called."""
    head = [_in_color(cell, muted) for cell in item.label.rows[0]]
    title = sentence(f"{item.title.partition(';')[0]}, continued from another row")
    return replace(item, id=name, label=Table([head]), title=title, layer=(), row=row, continued=True, emphasized=False)


def _in_color(cell: Cell, color: str) -> Cell:
    if isinstance(cell.content, Table):
        return cell
    return replace(cell, content=[replace(text, color=color) for text in cell.content])
