"""Labels, colors and numbers of drawings: no text can break a label, and every color can be read."""

import itertools
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.drawing.arrays import array_cell, number, summary
from chainrule.drawing.labels import Cell, Table, Text, equations, lines, shortened, text_width
from chainrule.drawing.theme import PALETTES, palette_named
from chainrule.errors import ArgumentError

TEXTS = st.text(st.characters(), max_size=80)  # every code point, lone surrogates and control characters too


@given(TEXTS, TEXTS, st.booleans(), st.booleans())
def test_any_text_gives_a_well_formed_label_that_shows_it(one, two, bold, italic):
    texts = [Text(one, "#000000", bold=bold), Text(two, "#000000", italic=italic)]
    label = Table([(Cell(texts), Cell(lines([texts])))]).label
    root = ET.fromstring(label[1:-1])
    shown = "".join(text.shown for text in texts).replace("\\", "\\\\")  # Graphviz reads one backslash of two
    assert "".join(root.itertext()) == shown * 2
    assert {element.tag for element in root.iter()} <= {"TABLE", "TR", "TD", "FONT", "B", "I"}


@pytest.mark.parametrize(
    "table", [Table([]), Table([()]), Table([(Cell(()),)]), Table([(Cell((Text("", "#000000"),)),)]), lines([])]
)
def test_what_is_empty_still_has_a_text_because_graphviz_drops_empty_labels(table):
    root = ET.fromstring(table.markup)
    assert [element.text for element in root.iter("FONT")] == ["\u00a0"]


def test_long_texts_lose_their_middle():
    assert shortened("x" * 10_000, 30) == "x" * 20 + "…" + "x" * 9
    assert len(Text("x" * 10_000, "#000000").markup) < 200


def test_a_text_is_given_at_least_the_room_of_a_wide_font():
    # Advance widths of DejaVu Sans in thousandths of an em, from the font's own table.
    advances = {"W": 989, "m": 974, "i": 278, "1": 636, "A": 684, "n": 634, "∂": 517, "Z": 685, "e": 615, "=": 838}
    for character, advance in advances.items():
        assert text_width(character * 10) >= advance / 100 * 0.98, character


def test_equations_stand_below_each_other_with_their_signs_in_one_column():
    head, matrix = Text("W = ", "#000000"), array_cell(np.eye(2), "#000000")
    [(cell,)] = equations([(head, matrix), (head, matrix)])
    assert len(cell.content.rows) == 2
    assert [len(row) for row in cell.content.rows] == [2, 2]
    [(line,)] = equations([(head, array_cell(np.array(2.0), "#000000"))])
    assert [text.text for text in line.content] == ["W = 2"]


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (-0.5, "−0.5"),
        (1 / 3, "0.333"),
        (645.577, "646"),
        (1000.0, "1000"),
        (-123456.7, "−123457"),
        (1.5e6, "1.5×10⁶"),
        (-2.5e-7, "−2.5×10⁻⁷"),
        (np.inf, "∞"),
        (-np.inf, "−∞"),
        (np.nan, "NaN"),
        (7, "7"),
        (np.int64(-12), "−12"),
        (True, "true"),
        (np.False_, "false"),
    ],
)
def test_numbers(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("array", "shown"),
    [
        (np.arange(12.0).reshape(2, 6), "0 … 11"),
        (np.full((2, 30), 0.5), "all 0.5"),
        (np.array([[np.nan, 1.0, np.inf]]), "1 … ∞, 1 NaN"),
        (np.full((3, 5), np.nan), "all NaN"),
        (np.zeros((0, 3)), "empty"),
        (np.array([[[2.0]]]), "2"),
        (np.array([True, False]), "false … true"),
        (np.array([4, 9]), "4 … 9"),
    ],
)
def test_large_arrays_are_shown_by_their_range(array, shown):
    assert summary(array) == shown


def test_small_arrays_are_written_out_and_large_ones_are_not():
    small = array_cell(np.array([[1.0, -2.0, 3.0], [4.0, 5.0, 6.5]]), "#000000").markup
    assert [text.text for text in ET.fromstring(small).iter("FONT")] == ["1", "−2", "3", "4", "5", "6.5"]
    assert "range" not in array_cell(np.zeros((2, 5)), "#000000").markup
    assert [text.text for text in ET.fromstring(array_cell(np.zeros((2, 5)), "#000000").markup).iter("FONT")] == [
        "all 0"
    ]


# --- colors ----------------------------------------------------------------------------------------------------------

FILLS = ["background", "layer", "inner_layer", "value", "input", "parameter", "constant", "emphasis_fill"]
INKS = ["ink", "muted", "forward", "backward"]


def linear(color: str) -> np.ndarray:
    """Red, green and blue from 0 to 1, proportional to the light."""
    levels = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def contrast(one: str, two: str) -> float:
    """The contrast of WCAG 2.2, from 1 to 21."""
    low, high = sorted(float(linear(color) @ [0.2126, 0.7152, 0.0722]) for color in (one, two))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_on_white_is_21():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)  # WCAG's own example; rounding of floats
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the well-known near miss


@pytest.mark.parametrize("screen", ["light", "dark"])
@pytest.mark.parametrize("name", PALETTES)
def test_every_text_has_a_contrast_of_4_5_on_everything_it_can_stand_on(name, screen):
    colors = {part: pair[screen == "dark"] for part, pair in palette_named(name).colors.items()}
    pairs = [*itertools.product(INKS, FILLS), ("on_operation", "operation"), ("on_operation", "emphasis")]
    pairs += [("emphasis", "background")]
    poor = {(ink, fill): contrast(colors[ink], colors[fill]) for ink, fill in pairs}
    assert {pair: round(found, 2) for pair, found in poor.items() if found < 4.5} == {}


@pytest.mark.parametrize("screen", ["light", "dark"])
@pytest.mark.parametrize("name", PALETTES)
def test_lines_that_carry_meaning_have_a_contrast_of_3(name, screen):
    colors = {part: pair[screen == "dark"] for part, pair in palette_named(name).colors.items()}
    for line in ("line", "backward", "value_line", "input_line", "parameter_line", "operation", "emphasis"):
        for fill in ("background", "layer"):
            assert contrast(colors[line], colors[fill]) >= 3, (line, fill)


# Machado, Oliveira and Fernandes 2009, severity 1, for linear light.
BLINDNESS = {
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(light: np.ndarray) -> np.ndarray:
    """CIELAB of linear sRGB, white D65."""
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.array(to_xyz) @ np.clip(light, 0, 1) / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def apart(one: str, two: str, blindness: str) -> float:
    seen = [lab(np.array(BLINDNESS[blindness]) @ linear(color)) for color in (one, two)]
    return float(np.linalg.norm(seen[0] - seen[1]))


def test_forest_green_and_crimson_are_one_color_to_some():
    assert apart("#228b22", "#dc143c", "deuteranopia") < 12


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("screen", [0, 1])
def test_values_and_gradients_have_different_colors_for_everyone(blindness, screen):
    colors = palette_named("default").colors
    assert apart(colors["forward"][screen], colors["backward"][screen], blindness) > 30


@pytest.mark.parametrize("name", PALETTES)
def test_every_part_can_be_found_by_its_light_color_and_has_a_dark_one(name):
    palette = palette_named(name)
    lights = [light for light, _ in palette.colors.values()]
    assert len(set(lights)) == len(lights)
    assert all(color == color.lower() and len(color) == 7 for pair in palette.colors.values() for color in pair)
    for light, dark in palette.colors.values():
        assert f'[fill="{light}"]{{fill:{dark}}}' in palette.css


def test_an_unknown_palette_is_refused():
    with pytest.raises(ArgumentError, match="did you mean 'document'"):
        palette_named("documents")
