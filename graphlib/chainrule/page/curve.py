"""The curve of the losses of a training, as a notebook shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from chainrule.drawing.svg import scaling
from chainrule.drawing.theme import PALETTES
from chainrule.shown.numbers import number

_MOST_POINTS: Final = 400


def curve_of_losses(losses: Sequence[float]) -> str:
    """The losses as a picture in SVG; nothing where there are none."""
    points = list(some_of(losses, _MOST_POINTS))
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
        f'{text} x="70" y="218">loss, step by step</text>',
        f'{text} x="490" y="218" text-anchor="end">{len(losses):,} steps</text>',
        f'<polyline fill="none" stroke="{green}" stroke-width="2" points="{line}"/>',
    ]
    named = f'viewBox="0 0 500 225" role="img" aria-label="{said}"'
    return scaling(f'<svg xmlns="http://www.w3.org/2000/svg" {named}>{"".join(parts)}</svg>')


def some_of(losses: Sequence[float], most: int) -> Iterator[tuple[int, float]]:
    """Some of the losses, those that are numbers, with their steps."""
    chosen = np.unique(np.linspace(0, len(losses) - 1, min(len(losses), most)).astype(int)) if losses else ()
    yield from ((int(k), losses[k]) for k in chosen if np.isfinite(losses[k]))
