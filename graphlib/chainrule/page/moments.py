"""The page of a training: its loss, its parameters and what it predicts, moment by moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chainrule.core.graph import BaseGraph
from chainrule.core.passes import forward
from chainrule.drawing.theme import palette_named
from chainrule.drawing.wording import shown_name
from chainrule.errors import ArgumentError, did_you_mean
from chainrule.notation import MathmlPrinter
from chainrule.page.curve import some_of
from chainrule.page.document import as_text, document
from chainrule.page.packed import Packing
from chainrule.page.page import Page
from chainrule.page.plane import fit, plane_of, shown_plane
from chainrule.page.table import DIGITS, written_array
from chainrule.shown.numbers import number

Array = npt.NDArray[Any]
OPTIONS: Final = ("title", "palette")
_MOST_POINTS: Final = 1_000  # of the curve of losses
_SHOWN: Final = 24  # parameters


def page_of_training(
    graph: BaseGraph,
    feeds: Mapping[str, Any],
    steps: int,
    snapshots: Sequence[tuple[int, Mapping[str, Array]]],
    losses: Sequence[float],
    **options: Any,
) -> Page:
    """The page of a training with so many steps in an epoch; ``snapshots`` are parameters after a number of steps.

    Raises ArgumentError for an unknown option or palette.
    """
    unknown = [did_you_mean(name, OPTIONS) for name in options if name not in OPTIONS]
    if unknown:
        raise ArgumentError(f"this page has no option {', '.join(unknown)}", remedy=f"options: {', '.join(OPTIONS)}")
    colors = palette_named(options.get("palette", "default"))
    [loss] = map(graph.name, graph.outputs)
    feeds = {graph.name(graph[key]): feed for key, feed in feeds.items()}
    found = [_loss(graph, feeds, at, params, losses) for at, params in snapshots]
    words = [_words(at, steps, value) for (at, _), value in zip(snapshots, found, strict=True)]
    plane = plane_of(graph) if fit(feeds) else None
    packing = Packing()
    names = list(snapshots[0][1])[:_SHOWN]
    data = {
        "moments": [
            {"step": at, "loss": _finite(value), "words": said, "params": [packing.place(params[key]) for key in names]}
            for (at, params), value, said in zip(snapshots, found, words, strict=True)
        ],
        "names": [MathmlPrinter().name(name).text for name in names],
        "curve": [(k, float(f"{loss:.6g}")) for k, loss in some_of(losses, _MOST_POINTS)],
        "plane": plane and shown_plane(plane, feeds, [params for _, params in snapshots]),
        "arrays": packing.packed(),
    }
    left = len(snapshots[0][1]) - len(names)
    texts = {
        "title": as_text(options.get("title") or f"Training of {loss}, moment by moment"),
        "note": as_text(f"{left:,} more parameters are left out." if left else ""),
        "losses": "".join(f"<li>{as_text(said)}</li>\n" for said in words),
        "params": "".join(map(_row, snapshots[-1][1].items())),
    }
    return Page(document("moments.html", "moments.js", texts, data, colors), len(snapshots), "moments")


def _loss(
    graph: BaseGraph, feeds: Mapping[str, Any], at: int, params: Mapping[str, Array], losses: Sequence[float]
) -> float:
    """The loss of all data with these parameters, or where that is too much the one that was met there."""
    if not fit(feeds):
        return losses[min(at, len(losses) - 1)] if losses else float("nan")
    with np.errstate(all="ignore"):
        return float(forward(graph, {**feeds, **params})[graph.position(graph.outputs[0])])


def _words(at: int, steps: int, loss: float) -> str:
    epochs = at / steps
    when = "before the first step" if at == 0 else f"after epoch {epochs:,.10g}" if epochs == int(epochs) else ""
    if at and (steps > 1 or not when):
        when = f"{when}, " * bool(when) + f"after step {at:,}"
    return f"{when}: loss {number(loss, DIGITS)}"


def _finite(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None


def _row(named: tuple[str, Array]) -> str:
    name, array = named
    return f'<tr><th scope="row">{as_text(shown_name(name))}</th><td>{written_array(array)}</td></tr>\n'
