"""The picture of a page: laid out once, with a place in it for every value, gradient and contribution."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple, final

from chainrule.core.graph import BaseGraph
from chainrule.core.run import BaseRun
from chainrule.drawing.assembly import Assembly, Choice
from chainrule.drawing.drawing import COLLAPSE_ABOVE, Drawing
from chainrule.drawing.labels import Cell, Text
from chainrule.drawing.scene import Direction, Scene
from chainrule.drawing.theme import Palette
from chainrule.drawing.views import Row, StructureView
from chainrule.drawing.wording import partial
from chainrule.errors import DrawingError

_STYLE: Final = re.compile(r"<style>.*?</style>", re.DOTALL)
_SIZE: Final = re.compile(r'\s(?:style|width|height|xmlns:xlink)="[^"]*"')
# So anyway, or by a style rule; no name has quotation marks that are not escaped.
_SPARED: Final = re.compile(r' (?:text-anchor="start"|font-family="[^"]*")')
_SAID_TWICE: Final = re.compile(r'(<g [^>]*?) aria-label="[^"]*"(>\s*<title>)')

Use = tuple[int, int]


@final
class Places(NamedTuple):
    """Where things stand: ids of elements by the position of a node, and of arrows by a use of it."""

    boxes: dict[int, str]
    """The box of a value, or the box of its layer."""
    circles: dict[int, str]
    """The circle of an operation."""
    given: dict[int, tuple[str, ...]]
    """The arrows between a circle and its box: forward, and backward where there is a gradient."""
    forward: dict[Use, str]
    backward: dict[Use, str]
    again: dict[str, str]
    """Where a picture is in rows: what stands for a value of another row, by the arrow that starts there."""


@final
class Layer(NamedTuple):
    """A closed layer, to be opened: its name, the number of its nodes, its picture, and the ids of their parts."""

    name: str
    nodes: int
    svg: str
    parts: dict[int, tuple[str, ...]]


@final
class Picture(NamedTuple):
    """The markup and the places in it; no markup where there is too much for a picture, and what was said about it."""

    svg: str
    places: Places
    note: str = ""
    layers: tuple[Layer, ...] = ()


@final
class StepView(StructureView):
    """Names and shapes, and under each the name of its gradient; with arrows for contributions."""

    def __init__(self, run: BaseRun, palette: Palette) -> None:
        super().__init__(run.graph, palette)
        graph = run.graph
        self.gradients = done = run.has_gradients
        self._differentiated = {k for k, node in enumerate(graph.order) if done and node in run.gradients}
        self._sent = {
            (graph.position(use.consumer), use.position)
            for node in (graph.order if done else ())
            for use in run.contributions(node)
        }

    def has_box(self, k: int) -> bool:
        return self._is_named_or_forks(k)

    def has_gradient(self, k: int) -> bool:
        return k in self._differentiated

    def has_backward(self, consumer: int, place: int) -> bool:
        return (consumer, place) in self._sent

    def rows(self, k: int) -> list[Row]:
        if not self.has_gradient(k):
            return []
        name = partial(self.graph.names[k], self.graph)
        return [(Cell((Text(name, self.palette.light("backward"), 11, italic=True),)),)]


def picture(run: BaseRun, palette: Palette, direction: Direction) -> Picture:
    """The picture of a run's graph, one box for each layer where it is large."""
    graph = run.graph
    closed = len(graph) > COLLAPSE_ABOVE and any(node.layer for node in graph.order)
    note = f"{len(graph):,} nodes: one box for each layer." if closed else ""
    choice = Choice(range(len(graph)), open_levels=0 if closed else None, note=note)
    assembly = Assembly(StepView(run, palette), palette, choice, direction)
    drawing = Drawing(assembly.assembled(), palette, wrap=True)
    try:
        svg, shown = drawing.svg(), drawing.rows
    except DrawingError as error:
        return Picture("", _places(assembly, graph, assembly.scene), str(error))
    layers = tuple(_layers(run, palette, direction)) if closed else ()
    return Picture(_for_a_page(svg), _places(assembly, graph, shown), layers=layers)


def _layers(run: BaseRun, palette: Palette, direction: Direction) -> Iterator[Layer]:
    """Every outermost layer alone, with what enters and leaves it; none that is too large for a picture."""
    inside: dict[str, list[int]] = defaultdict(list)
    for k, node in enumerate(run.graph.order):
        if node.layer:
            inside[node.layer[0]].append(k)
    view = StepView(run, palette)
    for number, (name, positions) in enumerate(inside.items()):
        assembly = Assembly(view, palette, Choice(positions), direction)
        with contextlib.suppress(DrawingError):
            svg = _for_a_page(Drawing(assembly.assembled(), palette, wrap=True).svg())
            known = (assembly.values, assembly.operations)
            parts = {k: tuple(f"l{number}-{found[k]}" for found in known if k in found) for k in positions}
            yield Layer(name, len(positions), svg.replace('<g id="', f'<g id="l{number}-'), parts)


def _places(assembly: Assembly, graph: BaseGraph, shown: Scene) -> Places:
    """The ids that stand in the DOT text: items by node, arrows in the order of the uses."""
    boxes = {k: assembly.boxes.get(k) or assembly.values.get(k) for k in range(len(graph))}
    circles = {k: assembly.operations.get(k) for k in range(len(graph))}
    arrows: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for number, arrow in enumerate(assembly.scene.arrows):
        arrows[arrow.source, arrow.target, arrow.backward].append(f"e{number}")
    forward: dict[Use, str] = {}
    backward: dict[Use, str] = {}
    for k, sources in enumerate(graph.sources):
        head = assembly.boxes.get(k) or circles[k] or boxes[k]
        for place, source in enumerate(sources):
            tail = boxes[source] or circles[source]
            if head and tail and head != tail:
                _take(arrows[tail, head, False], forward, (k, place))
                if assembly.view.has_backward(k, place):
                    _take(arrows[tail, head, True], backward, (k, place))
    given = {
        k: tuple(number for back in (False, True) for number in arrows[circle, box, back][:1])
        for k in range(len(graph))
        if (circle := circles[k]) and (box := boxes[k])
    }
    ends = zip(assembly.scene.arrows, shown.arrows, strict=True)
    again = {f"e{k}": there.source for k, (here, there) in enumerate(ends) if here.source != there.source}
    return Places(_known(boxes), _known(circles), given, forward, backward, again)


def _take(arrows: list[str], taken: dict[Use, str], use: Use) -> None:
    """The next arrow of a pair, for a use; the last one serves all further uses that a closed layer makes."""
    if arrows:
        taken[use] = arrows.pop(0) if len(arrows) > 1 else arrows[0]


def _known(found: dict[int, str | None]) -> dict[int, str]:
    return {k: name for k, name in found.items() if name is not None}


def _for_a_page(svg: str) -> str:
    """The drawing without its style element and size, for which the page has rules, and without what is said twice."""
    head, tail = svg.split(">", 1)
    body = _SAID_TWICE.sub(r"\1\2", _STYLE.sub("", tail, count=1))
    return f"{_SIZE.sub('', head)}>{_SPARED.sub('', body)}"
