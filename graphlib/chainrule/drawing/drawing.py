"""Drawing: a graph or a run as a picture that shows itself in a notebook and saves itself in many formats."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, final

from chainrule.core.accepting import as_path
from chainrule.core.graph import BaseGraph
from chainrule.core.node import Node
from chainrule.core.run import BaseRun
from chainrule.core.saving import replaced
from chainrule.derivation.deriving import derivation
from chainrule.drawing.assembly import Assembly, Choice
from chainrule.drawing.caption import with_rows
from chainrule.drawing.dot import dot_text
from chainrule.drawing.drawn import Sheet, sheet_of
from chainrule.drawing.geometry import Layout
from chainrule.drawing.layered import layout_of
from chainrule.drawing.mermaid import mermaid_text
from chainrule.drawing.pinning import pinned
from chainrule.drawing.rendering import render
from chainrule.drawing.rows import in_rows
from chainrule.drawing.scene import Direction, Scene
from chainrule.drawing.svg import scaling, svg_text
from chainrule.drawing.theme import Palette, palette_named
from chainrule.drawing.tikz import tex_text, tikz_text
from chainrule.drawing.views import FailureView, FormulasView, GradientsView, GraphView, ValuesView, View
from chainrule.errors import ArgumentError, ChainruleError, DrawingError, did_you_mean

Show: TypeAlias = Literal["graph", "values", "gradients", "formulas"]
SHOWN: Final = ("graph", "values", "gradients", "formulas")
OPTIONS: Final = ("layer", "collapse", "highlight", "palette", "direction", "wrap")
FORMATS: Final = ("svg", "png", "pdf", "dot", "mermaid", "mmd", "tikz", "tex")
DPI: Final = 192  # sharp on a projector
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

    def __init__(self, scene: Scene, colors: Palette, *, wrap: bool = False) -> None:
        self._scene, self._palette, self._wrap = scene, colors, wrap

    @property
    def note(self) -> str:
        """What has been left out and how to see it; "" when everything is there."""
        return self._scene.note

    @cached_property
    def dot(self) -> str:
        """The DOT text; it needs nothing installed, and is the same in every process."""
        return dot_text(self._scene, self._palette)

    @cached_property
    def mermaid(self) -> str:
        """A Mermaid flowchart, for Markdown; it needs nothing installed, and has no places: its reader lays it out."""
        return mermaid_text(self._scene, self._palette)

    @property
    def tikz(self) -> str:
        r"""A ``tikzpicture`` for LaTeX with ``\usepackage{tikz}``; in points, as large as the SVG.

        Raises DrawingError for more than can be laid out, and for what is larger than TeX can count.
        """
        return tikz_text(self._sheet)

    def svg(self) -> str:
        """The picture as SVG, with its colors for light and dark screens and a description of every element.

        It needs nothing installed. Raises DrawingError for more than can be laid out.
        """
        return svg_text(self._sheet, self._scene.title, self._palette)

    def png(self, dpi: int = DPI) -> bytes:
        """The picture as PNG, with so many pixels on 72 points, from 10 to 1200.

        Raises ArgumentError for another resolution, DrawingError as ``svg`` and where Graphviz is not installed.
        """
        return self._rendered("png", _resolution(dpi))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture in the format of the extension and return the path.

        .svg, .dot, .mermaid or .mmd, .tikz (a picture) or .tex (a whole document) need nothing installed; .png and .pdf
        need Graphviz. The file is replaced only once the new one is complete. Raises ArgumentError for another
        extension, DrawingError as ``svg``, OSError when the file cannot be written.
        """
        target = as_path(path)
        kind = target.suffix.lower().removeprefix(".")
        if kind not in FORMATS:
            known = ", ".join(f".{name}" for name in FORMATS)
            raise ArgumentError(f"{str(path)!r} has no extension of a drawing", remedy=f"one of {known}")
        replaced(target, self._bytes(kind))
        return target

    def _bytes(self, kind: str) -> bytes:
        if kind in ("png", "pdf"):
            return self._rendered(kind)
        return self._text(kind).encode()

    def _text(self, kind: str) -> str:
        if kind in ("dot", "svg"):
            return self.dot if kind == "dot" else self.svg()
        if kind in ("tikz", "tex"):
            return self.tikz if kind == "tikz" else tex_text(self._sheet)
        return self.mermaid

    def _rendered(self, kind: str, dpi: int = DPI) -> bytes:
        scene, layout = self._laid_out
        return render(dot_text(scene, self._palette, pinned(scene, layout, self._palette)), kind, dpi)

    @cached_property
    def _laid_out(self) -> tuple[Scene, Layout]:
        """The scene in its rows, and where everything stands."""
        size = len(self._scene.items) + len(self._scene.arrows)
        if size > LARGEST:
            items, arrows = len(self._scene.items), len(self._scene.arrows)
            raise DrawingError(
                f"a drawing of {items:,} items and {arrows:,} arrows would take too long",
                given=f"at most {LARGEST:,} together",
                remedy='layer="..." draws one layer alone, collapse=True one box for each; '
                "with cr.layer(...): puts nodes into layers",
            )
        scene = in_rows(self._scene, self._palette.light("muted")) if self._wrap else self._scene
        if scene.caption and any(item.continued for item in scene.items):
            scene = replace(scene, caption=with_rows(scene.caption, self._palette))
        return scene, layout_of(scene)

    @property
    def rows(self) -> Scene:
        """What is drawn, in its rows. Raises DrawingError as ``svg``."""
        return self._laid_out[0]

    @cached_property
    def _sheet(self) -> Sheet:
        return sheet_of(*self._laid_out, self._palette)

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
    wrap: bool = True,
) -> Drawing:
    colors = palette_named(palette)
    choice = _choice(graph, layer, collapse, highlight)
    if not isinstance(wrap, bool):
        raise ArgumentError(f"wrap={wrap!r}", remedy="True breaks a wide drawing into rows, False leaves it whole")
    view = _view(graph, run, "graph" if show == "formulas" and choice.open_levels is not None else show, colors)
    return Drawing(Assembly(view, colors, choice, _direction(direction)).assembled(), colors, wrap=wrap)


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


def _resolution(dpi: Any) -> int:
    if isinstance(dpi, bool) or not isinstance(dpi, int) or not 10 <= dpi <= 1200:
        raise ArgumentError(f"dpi={dpi!r} is no resolution", remedy="a whole number from 10 to 1200, such as 192")
    return dpi


def _direction(direction: str) -> Direction:
    if direction == "right":
        return "right"
    if direction == "down":
        return "down"
    raise ArgumentError(f"direction={direction!r}", remedy="'right' or 'down'")
