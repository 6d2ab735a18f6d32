"""What a notebook shows of a run and of a training: a table with heat, and the curve of the losses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, Final

import numpy as np

from chainrule.core.run import BaseRun
from chainrule.drawing.arrays import number, summary
from chainrule.drawing.svg import scaling
from chainrule.drawing.theme import PALETTES
from chainrule.drawing.wording import shown_name
from chainrule.page.steps import shape_in_words
from chainrule.page.table import SIDE

_MOST_ROWS: Final = 60
_MOST_POINTS: Final = 400
_LEFT: Final = "text-align:left;vertical-align:top"
_NEGATIVE, _POSITIVE = (33, 102, 172), (201, 91, 12)


def table_of_run(run: BaseRun) -> str:
    """Every name with its shape, its value and its gradient; small arrays entry by entry, over their heat."""
    count = len(run.graph)
    shown = range(count) if count <= _MOST_ROWS else [*range(_MOST_ROWS // 2), *range(count - _MOST_ROWS // 2, count)]
    titles = ("", "shape", "value", "gradient") if run.has_gradients else ("", "shape", "value")
    head = "".join(f'<th scope="col" style="{_LEFT}">{title}</th>' for title in titles)
    rows = "".join(_row(run, k) for k in shown)
    left = f"<p>{count - len(shown):,} more in between</p>" if len(shown) < count else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{left}"


def _row(run: BaseRun, k: int) -> str:
    node = run.graph.order[k]
    cells = [escape(shape_in_words(run, k)), _heated(run.values[node])]
    if run.has_gradients:
        cells.append(_heated(run.gradients[node]) if node in run.gradients else "")
    name = f'<th scope="row" style="{_LEFT}">{escape(shown_name(run.graph.names[k]))}</th>'
    values = "".join(f'<td style="{_LEFT}">{cell}</td>' for cell in cells)
    return f"<tr>{name}{values}</tr>"


def _heated(array: Any) -> str:
    """A small array as a table whose cells are the bluer the farther below 0, and orange above; a large one's range."""
    if array.size <= 1 or array.ndim > 2 or max(array.shape) > SIDE:
        return escape(summary(array))
    finite = np.abs(array[np.isfinite(array)]) if array.dtype.kind == "f" else np.abs(array)
    largest = float(np.max(finite, initial=0))
    rows = ("".join(_cell(entry, largest) for entry in row) for row in np.atleast_2d(array))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<table style="margin:0">{body}</table>'


def _cell(entry: Any, largest: float) -> str:
    share = abs(float(entry)) / largest if largest and np.isfinite(entry) else 0.0
    color = ",".join(map(str, _NEGATIVE if entry < 0 else _POSITIVE))
    heat = f"background:rgba({color},{0.45 * share:.2f})"
    return f'<td style="text-align:right;{heat}">{escape(number(entry))}</td>'


def curve_of_losses(losses: Sequence[float]) -> str:
    """The losses as a picture in SVG; nothing where there are none."""
    points = list(_points(losses))
    if not points:
        return ""
    low, high = min(y for _, y in points), max(y for _, y in points)
    span = (high - low) or 1.0
    last = max(1, len(losses) - 1)
    line = " ".join(f"{70 + 420 * x / last:.1f},{200 - 185 * (y - low) / span:.1f}" for x, y in points)
    colors = PALETTES["default"]
    axes, ink, green = colors.light("line"), colors.light("muted"), colors.light("forward")
    said = f"loss in {len(losses):,} steps, from {number(losses[0], 4)} to {number(losses[-1], 4)}"
    text = f'<text font-family="sans-serif" font-size="12" fill="{ink}"'
    parts = [
        f'<title>{said}</title><rect width="500" height="225" fill="#ffffff"/>',
        f'<path fill="none" stroke="{axes}" d="M70 10V200H490"/>',
        f'{text} x="64" y="20" text-anchor="end">{number(high)}</text>',
        f'{text} x="64" y="200" text-anchor="end">{number(low)}</text>',
        f'{text} x="490" y="218" text-anchor="end">{len(losses):,} steps</text>',
        f'<polyline fill="none" stroke="{green}" stroke-width="2" points="{line}"/>',
    ]
    named = f'viewBox="0 0 500 225" role="img" aria-label="{said}"'
    return scaling(f'<svg xmlns="http://www.w3.org/2000/svg" {named}>{"".join(parts)}</svg>')


def _points(losses: Sequence[float]) -> Iterator[tuple[int, float]]:
    """Some of the losses, those that are numbers."""
    chosen = np.unique(np.linspace(0, len(losses) - 1, min(len(losses), _MOST_POINTS)).astype(int)) if losses else ()
    yield from ((int(k), losses[k]) for k in chosen if np.isfinite(losses[k]))
