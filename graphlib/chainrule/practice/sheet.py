"""A sheet of exercises: what is handed out, in four forms, and the teacher's file, which is written beside it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from chainrule.core.accepting import as_path, expect
from chainrule.core.leaves import Constant, Input, Parameter
from chainrule.core.node import Node
from chainrule.core.passes import forward
from chainrule.core.saving import replaced
from chainrule.derivation.deriving import derivation
from chainrule.errors import ArgumentError
from chainrule.graph import Graph
from chainrule.judging.ground import MEAN, PER_EXAMPLE, Convention, Ground, random_draws
from chainrule.notation import LatexPrinter, Line, MathmlPrinter, Printer, TextPrinter, UnicodePrinter
from chainrule.practice.graph_data import data_of_graph
from chainrule.practice.handout import CHOICE, FORMULA, FUNCTION, SHAPE, Handout, Value
from chainrule.practice.page_of_sheet import page
from chainrule.practice.sheet_forms import FORMS, markdown, notebook
from chainrule.practice.tasks import Task, lines_asked, tasks_for
from chainrule.practice.teachers_file import Key, add_key, key_path, plain_arrays
from chainrule.samples.sampling import generic_sizes, sample_feeds
from chainrule.symbols.dimensions import shape_text

_MOST_NUMBERS: Final = 600
_COLUMNS: Final = 4  # of the data that a sheet shows, where a size has a name
_NOTATIONS: Final[dict[str, type[Printer]]] = {
    "text": TextPrinter,
    "unicode": UnicodePrinter,
    "latex": LatexPrinter,
    "mathml": MathmlPrinter,
}


@final
@dataclass(frozen=True)
class Sheet:
    """Exercises on one graph: what is handed out, and its key, which is not. In a notebook a sheet shows itself."""

    handout: Handout
    key: Key
    graph: Graph

    def save(
        self, path: str | os.PathLike[str], *, key: str | os.PathLike[str] | None = None, tests: bool = False
    ) -> Path:
        """Write the sheet as .md, .py, .ipynb or .html, and the teacher's file beside it; returns the sheet's path.

        The teacher's file is ``sheet.key.json`` for ``sheet.md``, or ``key``. It keeps the keys of sheets that were
        saved before, and only its owner may read it. ``tests`` puts an assert behind each answer of a notebook, for
        nbgrader, which takes it out of what it hands out; the teacher's file stands elsewhere then, in ``key``.

        Raises ArgumentError for another extension, OSError when a file
        cannot be written.
        """
        target = as_path(path)
        form = FORMS.get(target.suffix.lower())
        if form is None:
            raise ArgumentError(f"{str(path)!r} has no extension of a sheet", remedy=f"one of {', '.join(FORMS)}")
        if tests and form is not notebook:
            raise ArgumentError("tests stand in notebooks", given=str(path), remedy="a file that ends with .ipynb")
        if tests and key is None:
            raise ArgumentError(
                "nbgrader hands out whatever stands beside a notebook", remedy='key="/a/folder/of/yours/sheet.key.json"'
            )
        place = key_path(target) if key is None else as_path(key)
        content = notebook(self.handout, str(key)) if tests else form(self.handout)
        add_key(place, self.key)
        replaced(target, content.encode())
        return target

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The lines that are asked for, with their answers."""
        return self.key.tasks

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/markdown": markdown(self.handout), "text/plain": repr(self)}

    def _repr_html_(self) -> str:
        shown, size = escape(page(self.handout)), 'width="100%" height="700" style="border:0"'
        title = escape(self.handout.title)
        return f'<iframe sandbox="allow-scripts allow-downloads" title="{title}" {size} srcdoc="{shown}"></iframe>'

    def __repr__(self) -> str:
        return f"<Sheet {self.handout.title!r}: {len(self.tasks)} lines, level {self.handout.level}>"


def exercise(
    graph: Graph,
    lines: Iterable[str] | str | None = None,
    level: int = 3,
    *,
    convention: Convention = "mean",
    title: str = "",
    points: float | Mapping[str, float] = 1,
    hints: int = 2,
    feeds: Mapping[Any, Any] | None = None,
) -> Sheet:
    """A sheet that asks for lines of a graph's derivation, ``["dZ3", "dW3"]``, all gradients where none are named.

    ``level`` is 1 to choose each shape, 2 to choose each formula, 3 to write each formula, 4 to write the function that
    computes all. ``convention`` says where 1/m stands: "mean" in the first gradient, "per-example" in those of the
    parameters, "auto" leaves it to the learner (levels 3 and 4). ``points`` are what a line is worth, for all or by
    name. ``hints`` are the stages that are open: 0 none, 1 the shape, 2 the kind of mistake, too, 3 the repair.
    ``feeds`` are the data that the sheet shows; without them it is drawn at random.

    >>> import chainrule as cr
    >>> sheet = cr.exercise(cr.practice.traps()["1/m"].graph, ["dW", "db"], level=2)
    >>> sheet
    <Sheet 'Back propagation of L': 2 lines, level 2>
    >>> [len(task.choices) for task in sheet.tasks]
    [4, 4]

    Raises ArgumentError for a line that there is not, and for a level, a number of hints or a convention that is none.
    """
    expect(graph, Graph, "an exercise is made of a graph", "exercise(Graph(loss))")
    if level not in range(SHAPE, FUNCTION + 1) or hints not in range(4):
        wrong = f"level={level!r}" if level not in range(SHAPE, FUNCTION + 1) else f"hints={hints!r}"
        raise ArgumentError(f"{wrong} is none that there is", remedy="level=1 to 4; hints=0 to 3")
    seed = secrets.randbits(31)
    ground = Ground(graph, random_draws(graph, seed, given=False))
    settled = _settled(ground, convention, level)
    one = settled if settled in ground.conventions else MEAN
    derived = derivation(graph, one)  # type: ignore[arg-type]  # one of the two
    asked = lines_asked(ground, derived, lines)
    tasks = tasks_for(ground, derived, asked, level, one, points=points, chosen=lines is not None)
    if not tasks:
        raise ArgumentError("none of these lines can be asked for", given=", ".join(asked), remedy="level=1, or 4")
    data = _data(graph, feeds) if level >= CHOICE else {}
    name = title or f"Back propagation of {', '.join(map(graph.name, graph.outputs))}"
    identity = secrets.token_hex(8)
    handout = Handout(
        name,
        level,
        settled if len(ground.conventions) > 1 else "",
        ground.batch,
        ground.examples,
        tuple(task.question(level) for task in tasks),
        tuple(_values(graph, derived, set(asked))),
        {name: value for name, value in data.items() if level >= FORMULA and name not in asked},
        tuple(graph.name(leaf) for leaf in graph.labels),
        identity,
    )
    key = Key(
        identity=identity,
        title=name,
        level=level,
        convention=settled,
        hints=hints,
        seed=seed,
        tasks=tuple(tasks),
        graph=data_of_graph(graph),
        data=plain_arrays(_leaves(graph, data)),
    )
    return Sheet(handout, key, graph)


def _settled(ground: Ground, convention: Any, level: int) -> str:
    if convention not in ("auto", MEAN, PER_EXAMPLE):
        raise ArgumentError(f"convention={convention!r} is none of 'auto', 'mean', 'per-example'")
    if convention == PER_EXAMPLE and PER_EXAMPLE not in ground.conventions:
        raise ArgumentError("the loss of this graph is no mean over a named size", remedy='convention="mean"')
    return MEAN if convention == "auto" and level <= CHOICE else str(convention)


def _values(graph: Graph, derived: Any, asked: set[str]) -> list[Value]:
    """The forward pass: leaves, and a line for each value that is not asked for."""
    shown = {formula.name for formula in derived.forward if formula.listed}
    kinds: dict[type[Node], str] = {Input: "input", Parameter: "parameter"}
    labels = set(graph.labels)
    found = []
    for node in graph.order:
        name, shape = graph.name(node), shape_text(node.shape)
        if type(node) in kinds:
            found.append(Value(name, "labels" if node in labels else kinds[type(node)], shape, {}))
        elif name in shown and not isinstance(node, Constant):
            texts = {} if name in asked else _equations(name, derived[name].expression)
            found.append(Value(name, "asked for" if name in asked else "value", shape, texts))
    return found


def _equations(name: str, expression: Any) -> dict[str, str]:
    """How a value is computed, in every notation."""
    found = {}
    for notation, kind in _NOTATIONS.items():
        printer = kind()
        found[notation] = printer.equation(Line(printer.name(name).text, [printer.print(expression)]))
    return found


def _leaves(graph: Graph, data: Mapping[str, Any]) -> dict[str, Any]:
    return {graph.name(leaf): data[graph.name(leaf)] for leaf in (*graph.inputs, *graph.parameters) if data}


def _data(graph: Graph, feeds: Mapping[Any, Any] | None) -> dict[str, Any]:
    """Numbers for the forward pass, the leaves with few digits; nothing where they would be too many to show."""
    if feeds is None:
        few = dict.fromkeys(generic_sizes(graph)[0], _COLUMNS)
        drawn = sample_feeds(graph, secrets.randbits(31), few)
        feeds = {name: np.round(value, 2) + 0.0 if value.dtype.kind == "f" else value for name, value in drawn.items()}
    computed = dict(zip(graph.names, forward(graph, feeds), strict=True))
    named = {graph.name(node) for node in graph.order if node.name is not None and not isinstance(node, Constant)}
    shown = {name: value for name, value in computed.items() if name in named}
    if sum(value.size for value in shown.values()) > _MOST_NUMBERS:
        shown = {name: value for name, value in shown.items() if isinstance(graph[name], Input | Parameter)}
    return shown
