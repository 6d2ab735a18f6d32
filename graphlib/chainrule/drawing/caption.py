"""The caption of a drawing: a legend of what occurs in it, and a word about what has been left out."""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.drawing.labels import Cell, Table, Text
from chainrule.drawing.scene import Scene
from chainrule.drawing.theme import Palette
from chainrule.drawing.views import FormulasView, RunView, View

_KINDS = ("input", "parameter", "constant", "operation", "value", "layer")
_PER_ROW = 5


def caption(scene: Scene, view: View, palette: Palette, message: str = "") -> Table:
    """The legend in rows, below it the note on what has been left out, above it the message of an error."""
    entries = [*_shapes(scene, palette), *_colors(view, palette), *_arrows(scene, palette)]
    legend = [entries[start : start + _PER_ROW] for start in range(0, len(entries), _PER_ROW)]
    rows = [[Cell(Table([[cell for entry in row for cell in entry] for row in legend], spacing=3))]]
    if message:
        rows.insert(0, [Cell((Text(message, palette.light("emphasis"), 13, bold=True, longest=140),), padding=4)])
    notes = [*_sizes(view), *([scene.note] if scene.note else [])]
    rows += [[Cell((Text(note, palette.light("muted"), 11, longest=160),))] for note in notes]
    return Table(rows)


def _shapes(scene: Scene, palette: Palette) -> Iterator[list[Cell]]:
    """One sample of each kind of box that occurs."""
    present = {item.kind for item in scene.items if not item.outside}
    for kind in _KINDS:
        if kind in present:
            yield [Cell(_sample(kind, palette)), _words(kind, palette)]
    if any(item.outside for item in scene.items):
        yield [Cell(_dashed(palette)), _words("outside", palette)]


def with_rows(said: Table, palette: Palette) -> Table:
    """The caption of a drawing that has been broken into rows."""
    words = _words("what stands in another row", palette)
    return Table([*said.rows, [Cell(Table([[Cell(_dashed(palette)), words]], spacing=3))]])


def _dashed(palette: Palette) -> Table:
    blank = [[Cell((Text("", palette.light("muted"), 8),))]]
    return Table(blank, border=1, dashed=True, rounded=True, color=palette.light("muted"))


def _sample(kind: str, palette: Palette) -> Table:
    blank = [[Cell((Text("", palette.light("ink"), 8),))]]
    fill = palette.light(kind)
    if kind == "parameter":
        line = palette.light("parameter_line")
        return Table([[Cell(Table(blank, border=1, color=line, fill=fill))]], border=1, color=line, spacing=1)
    if kind == "constant":
        return Table(blank, fill=fill)
    line = {"input": "input_line", "operation": "operation", "layer": "layer_line"}.get(kind, "value_line")
    return Table(blank, border=1, color=palette.light(line), fill=fill, rounded=True)


def _words(text: str, palette: Palette) -> Cell:
    return Cell((Text(f"{text}  ", palette.light("muted"), 11),), align="LEFT")


def _colors(view: View, palette: Palette) -> Iterator[list[Cell]]:
    """What green and pink-red text is."""
    formulas = isinstance(view, FormulasView)
    if formulas:
        yield [_sign("=", "forward", palette), _words("formula", palette)]
    elif isinstance(view, RunView):
        yield [_sign("1.5", "forward", palette), _words("value of the run", palette)]
    if view.gradients:
        words = "gradient; dX is ∂L/∂X" if formulas else "its gradient"
        yield [_sign("∂", "backward", palette), _words(words, palette)]


def _arrows(scene: Scene, palette: Palette) -> Iterator[list[Cell]]:
    yield [_sign("⟶", "line", palette), _words("forward", palette)]
    if any(arrow.backward for arrow in scene.arrows):
        yield [_sign("⇠", "backward", palette), _words("backward", palette)]


def _sign(text: str, part: str, palette: Palette) -> Cell:
    return Cell((Text(text, palette.light(part), 12, italic=part == "backward"),))


def _sizes(view: View) -> list[str]:
    """The numbers of the named dimensions in a run, such as m = 100."""
    if not isinstance(view, RunView):
        return []
    found = {
        str(size): number
        for node in view.graph.inputs
        for size, number in zip(node.shape or (), view.run.values[node].shape, strict=True)
        if not isinstance(size, int)
    }
    return [", ".join(f"{name} = {number:,}" for name, number in found.items())] if found else []
