"""How large labels and items are, in points, before anything lays them out."""

from __future__ import annotations

import math
from typing import Final, NamedTuple, final

from chainrule.drawing.labels import Cell, Table, Text
from chainrule.drawing.scene import Item

LINE: Final = 1.2  # of the font's size: from one line of text to the next
MARGIN: Final = (8.0, 5.0)  # points between a label and the outline of its item, as the DOT text says
SMALLEST: Final = 21.6  # points: the least width and height of an item


@final
class Size(NamedTuple):
    """Width and height."""

    width: float
    height: float


def size_of_cell(cell: Cell) -> Size:
    """The size of one cell."""
    if isinstance(cell.content, Table):
        width, height = size_of_table(cell.content)
    else:
        width = sum(text.width for text in cell.content)
        height = max((LINE * text.size for text in cell.content), default=LINE * Text("", "").size)
    return Size(max(width + 2 * cell.padding, cell.least), height + 2 * cell.padding)


def size_of_table(table: Table) -> Size:
    """The size of a table, with its border and the room between its cells."""
    widths, heights = grid(table)
    around = 2 * table_border(table)
    return Size(
        sum(widths) + table.spacing * (len(widths) + 1) + around,
        sum(heights) + table.spacing * (len(heights) + 1) + around,
    )


def table_border(table: Table) -> int:
    """How thick the outline of a table is."""
    return table.border or int(bool(table.sides))


def grid(table: Table) -> tuple[list[float], list[float]]:
    """The widths of the columns and the heights of the rows."""
    sizes = [[size_of_cell(cell) for cell in row] for row in table.rows if row] or [[size_of_cell(Cell(()))]]
    columns = max(map(len, sizes))
    widths = [max((row[k].width for row in sizes if k < len(row)), default=0.0) for k in range(columns)]
    return widths, [max(size.height for size in row) for row in sizes]


def size_of_item(item: Item) -> Size:
    """The size of a box or circle around its label."""
    width, height = size_of_table(item.label)
    if item.kind == "operation":  # an ellipse around the corners of the label
        return Size(*(max(SMALLEST, math.sqrt(2) * side) for side in (width + 3, height)))
    room = 6 if item.kind == "parameter" else 0  # the outer one of the two outlines
    return Size(
        *(max(SMALLEST, side + 2 * margin) + room for side, margin in zip((width, height), MARGIN, strict=True))
    )
