"""The colors of a drawing, light and dark, and the CSS that switches between them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeAlias, final

from chainrule.errors import ArgumentError, did_you_mean

Color: TypeAlias = tuple[str, str]
"""A color on a light and on a dark background, as ``#rrggbb`` in small letters."""

FONTS = 'Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif'


@final
@dataclass(frozen=True)
class Palette:
    """A color for every part of a drawing. No two parts share a light color: CSS finds a part by it."""

    name: str
    forward: Color = ("#117733", "#7ddc6a")
    backward: Color = ("#aa3377", "#ff9ad5")
    background: Color = ("#ffffff", "#14171d")
    ink: Color = ("#1f2430", "#e8ebf1")
    muted: Color = ("#566070", "#a6afbd")
    line: Color = ("#66707f", "#8d97a7")
    operation: Color = ("#33415c", "#c3d0ea")
    on_operation: Color = ("#fdfefe", "#10151d")
    value: Color = ("#fcfdff", "#20262f")
    value_line: Color = ("#7c8798", "#77818f")
    input: Color = ("#e4effc", "#17304b")
    input_line: Color = ("#2f6fb5", "#6aa9e6")
    parameter: Color = ("#fdf2d8", "#3b3017")
    parameter_line: Color = ("#a87413", "#d8a94a")
    constant: Color = ("#eff1f4", "#2a303a")
    layer: Color = ("#f5f7fa", "#1a1f27")
    layer_line: Color = ("#c4cbd6", "#3b4452")
    inner_layer: Color = ("#ecf0f5", "#222934")
    emphasis: Color = ("#c2410c", "#ff9d5c")
    emphasis_fill: Color = ("#fff0e4", "#47260f")

    def light(self, part: str) -> str:
        """The color of a part as it stands in the DOT text."""
        color: Color = getattr(self, part)
        return color[0]

    @property
    def colors(self) -> dict[str, Color]:
        """Every part's color."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "name"}

    @property
    def css(self) -> str:
        """Style rules: the fonts, and on a dark screen each color's counterpart; they touch this drawing only."""
        scope = f"svg.{self.css_class}"
        switched = [
            f'{scope} [{attribute}="{light}"]{{{attribute}:{dark}}}'
            for light, dark in self.colors.values()
            for attribute in ("fill", "stroke")
        ]
        return f"{scope} text{{font-family:{FONTS}}}@media (prefers-color-scheme:dark){{{''.join(switched)}}}"

    @property
    def css_class(self) -> str:
        """The class of the ``svg`` element."""
        return f"chainrule-{self.name}"


PALETTES = {
    "default": Palette("default"),  # green and purple stay apart for every kind of color blindness
    "document": Palette("document", forward=("#2f6b00", "#8bd450"), backward=("#c60019", "#ff8f86")),
}
"""``default`` can be told apart by everyone; ``document`` is plain green and red."""


def palette_named(name: str) -> Palette:
    """The palette of that name; raises ArgumentError for another.

    >>> palette_named("document").forward[0]
    '#2f6b00'
    """
    if str(name) not in PALETTES:
        raise ArgumentError(f"there is no palette {did_you_mean(str(name), PALETTES)}", remedy=" or ".join(PALETTES))
    return PALETTES[name]
