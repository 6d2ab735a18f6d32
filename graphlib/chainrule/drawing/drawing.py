"""Drawing: a graph or a run as a picture that shows itself in a notebook and saves itself as SVG, PNG, PDF or DOT."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, final

from chainrule.core.graph import BaseGraph
from chainrule.core.node import Node
from chainrule.core.run import BaseRun
from chainrule.derivation.deriving import derivation
from chainrule.drawing.assembly import Assembly, Choice
from chainrule.drawing.dot import dot_text
from chainrule.drawing.layout import render
from chainrule.drawing.saving import replaced
from chainrule.drawing.scene import Direction, Scene
from chainrule.drawing.svg import finished, scaling
from chainrule.drawing.theme import Palette, palette_named
from chainrule.drawing.views import FailureView, FormulasView, GradientsView, GraphView, ValuesView, View
from chainrule.errors import ArgumentError, ChainruleError, DrawingError, did_you_mean

Show: TypeAlias = Literal["graph", "values", "gradients", "formulas"]
SHOWN: Final = ("graph", "values", "gradients", "formulas")
OPTIONS: Final = ("layer", "collapse", "highlight", "palette", "direction")
FORMATS: Final = ("svg", "png", "pdf", "dot")
COLLAPSE_ABOVE: Final = 300  # nodes: nobody reads more at once
LARGEST: Final = 10_000  # boxes, circles and arrows together: 16 s for a web of 2,300 nodes
NEAREST: Final = 40  # nodes around a failing one


@final
class Drawing:
    """A picture of a graph or a run; in a notebook it shows itself.

    >>> from chainrule import Graph, Input, Square
    >>> drawing = Graph(Square(Input("x"), name="y")).draw()
    >>> drawing
    <Drawing of 3 items and 2 arrows>
    >>> drawing.dot.splitlines()[0]
    'digraph drawing {'
    """

    def __init__(self, scene: Scene, colors: Palette) -> None:
        self._scene, self._palette = scene, colors

    @property
    def note(self) -> str:
        """What has been left out and how to see it; "" when everything is there."""
        return self._scene.note

    @cached_property
    def dot(self) -> str:
        """The DOT text; it needs nothing installed, and is the same in every process."""
        return dot_text(self._scene, self._palette)

    def svg(self) -> str:
        """The picture as SVG, with its colors for light and dark screens and a description of every element.

        Raises DrawingError when no layout engine is installed, and for more than can be laid out.
        """
        return finished(self._rendered("svg"), self._scene, self._palette)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture in the format of the extension, .svg, .png, .pdf or .dot, and return the path.

        The file is replaced only once the new one is complete. Raises ArgumentError for another extension,
        DrawingError as ``svg``, OSError when the file cannot be written.
        """
        target = Path(path)
        kind = target.suffix.lower().removeprefix(".")
        if kind not in FORMATS:
            known = ", ".join(f".{name}" for name in FORMATS)
            raise ArgumentError(f"{str(path)!r} has no extension of a drawing", remedy=f"one of {known}")
        replaced(target, self._bytes(kind))
        return target

    def _bytes(self, kind: str) -> bytes:
        if kind == "dot":
            return self.dot.encode()
        return self.svg().encode() if kind == "svg" else self._rendered(kind)

    def _rendered(self, kind: str) -> bytes:
        size = len(self._scene.items) + len(self._scene.arrows)
        if size > LARGEST:
            items, arrows = len(self._scene.items), len(self._scene.arrows)
            raise DrawingError(
                f"a drawing of {items:,} items and {arrows:,} arrows would take too long",
                given=f"at most {LARGEST:,} together",
                remedy='layer="..." draws one layer alone, collapse=True one box for each; '
                "with cr.layer(...): puts nodes into layers",
            )
        return render(self.dot, kind)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: the SVG, or, where there is none, the reason."""
        try:
            return {"image/svg+xml": scaling(self.svg()), "text/plain": repr(self)}
        except Exception as error:  # a notebook must not fail because a picture does
            return {"text/plain": f"{self!r}\n{error}"}

    def __repr__(self) -> str:
        return f"<Drawing of {len(self._scene.items)} items and {len(self._scene.arrows)} arrows>"


# --- what is drawn ---------------------------------------------------------------------------------------------------


def draw_graph(graph: BaseGraph, show: Show = "graph", **options: Any) -> Drawing:
    """The drawing of a graph: "graph" for its structure, or "formulas"."""
    if _checked(show) in ("values", "gradients"):
        backward = "run.backward(); " if show == "gradients" else ""
        raise ArgumentError(
            f"a graph has no {show}: a run has", remedy=f"run = graph.forward(feeds); {backward}run.draw()"
        )
    return _drawn(graph, None, show, **_known(options, OPTIONS))


def draw_run(run: BaseRun, show: Show | None = None, **options: Any) -> Drawing:
    """The drawing of a run: its "gradients" if it has any, otherwise its "values"; also "graph" and "formulas"."""
    done = run.has_gradients
    chosen = _checked(show) if show else "gradients" if done else "values"
    if chosen == "gradients" and not done:
        raise ArgumentError("this run has no gradients yet", remedy="run.backward()")
    return _drawn(run.graph, run, chosen, **_known(options, OPTIONS))


def draw_error(error: ChainruleError, graph_of: Callable[[Node], BaseGraph], **options: Any) -> Drawing:
    """What the failing node of an error is computed from, with the node standing out."""
    if not isinstance(error.node, Node):
        raise ArgumentError("this error is about no node, so there is nothing to draw", given=type(error).__name__)
    colors = palette_named(_known(options, ("palette", "direction")).get("palette", "default"))
    graph = graph_of(error.node)
    near = _nearest(graph, NEAREST)
    left = len(graph) - len(near)
    note = f"{left:,} nodes further back are left out" if left else ""
    choice = Choice(near, {len(graph) - 1}, message=f"{type(error).__name__}: {error.what}", note=note)
    view = FailureView(graph, colors)
    return Drawing(Assembly(view, colors, choice, _direction(options.get("direction", "right"))).assembled(), colors)


def _drawn(
    graph: BaseGraph,
    run: BaseRun | None,
    show: str,
    *,
    layer: str | None = None,
    collapse: bool | None = None,
    highlight: str | Node | Iterable[str | Node] = (),
    palette: str = "default",
    direction: Direction = "right",
) -> Drawing:
    colors = palette_named(palette)
    choice = _choice(graph, layer, collapse, highlight)
    view = _view(graph, run, "graph" if show == "formulas" and choice.open_levels is not None else show, colors)
    return Drawing(Assembly(view, colors, choice, _direction(direction)).assembled(), colors)


def _view(graph: BaseGraph, run: BaseRun | None, show: str, colors: Palette) -> View:
    if show == "formulas":
        return FormulasView(graph, derivation(graph), colors)
    if run is None or show == "graph":
        return GraphView(graph, colors)
    return (GradientsView if show == "gradients" else ValuesView)(run, colors)


def _choice(graph: BaseGraph, layer: str | None, collapse: bool | None, highlight: Any) -> Choice:
    """Which nodes are drawn, and which layers are closed."""
    positions, level = _inside(graph, layer)
    marked = set(graph.positions(highlight))
    closable = any(len(graph.order[k].layer) > level for k in positions)
    automatic = collapse is None and len(positions) > COLLAPSE_ABOVE and closable
    if not (collapse or automatic):
        return Choice(positions, marked)
    note = f"{len(positions):,} nodes: one box for each layer. collapse=False draws all." if automatic else ""
    return Choice(positions, marked, level, note=note)


def _inside(graph: BaseGraph, layer: str | None) -> tuple[list[int], int]:
    """The positions of a layer's nodes and how many layers are around them; the whole graph for None."""
    if layer is None:
        return list(range(len(graph))), 0
    wanted = tuple(part.strip() for part in str(layer).split(" / "))
    found = {k: place for k, node in enumerate(graph.order) if (place := _depth(node.layer, wanted))}
    if not found:
        names = {" / ".join(node.layer[:depth]) for node in graph.order for depth in range(1, len(node.layer) + 1)}
        inner = {name for node in graph.order for name in node.layer}
        raise ArgumentError(
            f"this graph has no layer {did_you_mean(layer, names | inner)}",
            given=f"layers {', '.join(sorted(names)) or 'none'}",
            remedy="one of these"
            if names
            else "draw() without layer; layers are made by `with chainrule.layer(name):`",
        )
    return list(found), next(iter(found.values()))


def _depth(path: tuple[str, ...], wanted: tuple[str, ...]) -> int:
    """How many layers deep a path goes until it has passed the wanted one; 0 if it does not."""
    for end in range(len(wanted), len(path) + 1):
        if path[end - len(wanted) : end] == wanted:
            return end
    return 0


def _nearest(graph: BaseGraph, count: int) -> list[int]:
    """The last node and those it is computed from, the nearest first, up to a number."""
    found = [len(graph) - 1]
    waiting = deque(found)
    while waiting and len(found) < count:
        new = [source for source in dict.fromkeys(graph.sources[waiting.popleft()]) if source not in found]
        found += new
        waiting += new
    return sorted(found)


def _known(options: dict[str, Any], known: Sequence[str]) -> dict[str, Any]:
    unknown = [did_you_mean(name, known) for name in options if name not in known]
    if unknown:
        raise ArgumentError(f"a drawing has no option {', '.join(unknown)}", remedy=f"options: {', '.join(known)}")
    return options


def _checked(show: str) -> str:
    if show not in SHOWN:
        raise ArgumentError(f"show={did_you_mean(str(show), SHOWN)}", remedy=" or ".join(SHOWN))
    return show


def _direction(direction: str) -> Direction:
    if direction == "right":
        return "right"
    if direction == "down":
        return "down"
    raise ArgumentError(f"direction={direction!r}", remedy="'right' or 'down'")
