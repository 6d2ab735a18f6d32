"""Page: one offline HTML file; in a notebook it shows itself in a frame that may run its script and nothing else."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path
from typing import Any, Final, final

from chainrule.checking.numerical import Slopes, numerical_gradients
from chainrule.core.accepting import as_path
from chainrule.core.run import BaseRun
from chainrule.core.saving import replaced
from chainrule.drawing.scene import Direction
from chainrule.drawing.theme import Palette, palette_named
from chainrule.errors import ArgumentError, did_you_mean
from chainrule.page.data import data_of
from chainrule.page.document import as_text, document
from chainrule.page.marked import Formulas
from chainrule.page.picture import Layer, Picture, picture
from chainrule.page.steps import steps
from chainrule.page.table import final_table

OPTIONS: Final = ("title", "palette", "direction", "numerical")
LARGEST: Final = 5_000  # nodes: 15,000 steps, which nobody takes
_HEIGHT: Final = 860  # pixels of the frame in a notebook


@final
class Page:
    """A page that steps through something; in a notebook it shows itself.

    >>> from chainrule import Graph, Input, Square
    >>> run = Graph(Square(Input("x"), name="y")).forward({"x": 2.0})
    >>> run.page()
    <Page of 2 steps>
    >>> _ = run.backward()
    >>> run.page()  # further: where the gradient starts, what x is sent, and its gradient
    <Page of 5 steps>
    """

    def __init__(self, html: str, count: int, word: str = "steps") -> None:
        self.html, self.count, self._word = html, count, word

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page and return the path; the file is replaced only once the new one is complete.

        Raises ArgumentError for another extension than .html, OSError when the file cannot be written.
        """
        target = as_path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise ArgumentError(f"{str(path)!r} has no extension of a page", remedy="one of .html, .htm")
        replaced(target, self.html.encode())
        return target

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: the page in a frame of its own, which can neither read nor change the notebook."""
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def _repr_html_(self) -> str:
        title, page = f"page of {self.count:,} {self._word}", escape(self.html)
        size = f'width="100%" height="{_HEIGHT}" style="border:0"'
        return f'<iframe sandbox="allow-scripts" title="{title}" {size} srcdoc="{page}"></iframe>'

    def __repr__(self) -> str:
        return f"<Page of {self.count:,} {self._word}>"


def page_of_run(run: BaseRun, **options: Any) -> Page:
    """The page of a run: forward node by node and, after ``run.backward()``, backward contribution by contribution.

    ``numerical=False`` leaves out numerical differentiation, which takes a second or two for large graphs. Raises
    ArgumentError for an unknown option, palette or direction, and for more nodes than anybody steps through.
    """
    unknown = [did_you_mean(name, OPTIONS) for name in options if name not in OPTIONS]
    if unknown:
        raise ArgumentError(f"a page has no option {', '.join(unknown)}", remedy=f"options: {', '.join(OPTIONS)}")
    return _page_of_run(run, **options)


def _page_of_run(
    run: BaseRun,
    *,
    title: str = "",
    palette: str = "default",
    direction: Direction = "right",
    numerical: bool = True,
) -> Page:
    graph, colors = run.graph, palette_named(palette)
    if direction not in ("right", "down"):
        raise ArgumentError(f"direction={direction!r}", remedy="'right' or 'down'")
    if len(graph) > LARGEST:
        raise ArgumentError(
            f"a page of {len(graph):,} nodes has more steps than anybody takes",
            given=f"at most {LARGEST:,} nodes",
            remedy="the page of a smaller graph; run.draw(collapse=True) shows a large one",
        )
    slopes = numerical_gradients(run) if numerical and run.has_gradients else Slopes({}, {})
    formulas, shown = Formulas(run), picture(run, colors, direction)
    taken = list(steps(run, formulas, slopes))
    data = data_of(run, formulas, shown, taken)
    outputs = ", ".join(graph.name(node) for node in graph.outputs)
    texts = {
        "title": as_text(str(title) or f"Back propagation of {outputs}, step by step"),
        "picture": shown.svg or f'<p class="missing">{as_text(shown.note)}</p>',
        "layers": "".join(map(_layer, shown.layers)),
        "table": final_table(run, taken),
        "note": as_text(_note(run, slopes)),
        "style": _style(shown, colors),
    }
    return Page(document("steps.html", "steps.js", texts, data, colors), len(taken))


def _layer(layer: Layer) -> str:
    """A closed layer, which a click opens."""
    head = f"<summary>{as_text(layer.name)}: {layer.nodes:,} nodes</summary>"
    return f'<details class="layer">{head}<div class="picture" tabindex="0">{layer.svg}</div></details>'


def _note(run: BaseRun, slopes: Slopes) -> str:
    if not run.has_gradients:
        return "This run has no gradients yet: run.backward() adds the way back."
    return f"Gradients stand beside no numerical difference: {slopes.why_not}." if slopes.why_not else ""


def _style(shown: Picture, colors: Palette) -> str:
    """How wide the picture is by nature, and that the name of a gradient waits for the gradient."""
    box = shown.svg.partition('viewBox="')[2].partition('"')[0].split()
    wide = f":root{{--wide:{float(box[2]):.0f}pt}}" if len(box) == 4 else ""
    waiting = f'.picture g.no-gradient-yet text[fill="{colors.light("backward")}"]'
    return f"{wide}\n@media screen{{{waiting}{{visibility:hidden}}}}"
