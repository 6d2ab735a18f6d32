"""A run, its values, its gradients and what was sent back as tables: lines of text, and HTML with heat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, final

from chainrule.core.graph import BaseGraph
from chainrule.shown.numbers import summary
from chainrule.shown.tables import Shown, ends, heated, html_table, html_text
from chainrule.shown.text import clipped, in_columns, visible
from chainrule.symbols.dimensions import shape_text

if TYPE_CHECKING:
    import numpy.typing as npt

_WIDEST = 40  # of a column of text


@final
class Arrays(NamedTuple):
    """One row: texts, and behind them an array or none for each column of arrays."""

    texts: tuple[str, ...]
    arrays: tuple[npt.NDArray[Any] | None, ...]


def rows_of(graph: BaseGraph, columns: Sequence[Mapping[Any, npt.NDArray[Any]]]) -> list[Arrays]:
    """Every node that is in a column, with its name, its shape, and what the columns have of it."""
    rows = []
    for node, name in zip(graph.order, graph.names, strict=True):
        found = tuple(column.get(node) for column in columns)
        array = next((array for array in found if array is not None), None)
        if array is not None:
            rows.append(Arrays((name, _shape(shape_text(node.shape), str(array.shape))), found))
    return rows


def _shape(known: str, own: str) -> str:
    """The shape that the node has, and the numbers in place of its names."""
    return known if known == own else f"{known} = {own}"


def as_text(titles: Sequence[str], rows: Sequence[Arrays]) -> str:
    """The table as lines of text: arrays as their ranges."""
    shown, left = ends(rows)
    cells = [[*row.texts, *("" if array is None else summary(array) for array in row.arrays)] for row in shown]
    table = [titles, *([clipped(visible(cell), _WIDEST) for cell in row] for row in cells)]
    return "\n".join([*map(str.rstrip, in_columns(table)), *([left] if left else [])])


def as_html(titles: Sequence[str], rows: Sequence[Arrays]) -> str:
    """The table as HTML: small arrays entry by entry, over their heat."""
    shown, left = ends(rows)
    cells = (
        [*map(html_text, row.texts), *("" if array is None else heated(array) for array in row.arrays)] for row in shown
    )
    return html_table(titles, cells) + (f"<p>{left}</p>" if left else "")


@final
class Contribution(NamedTuple):
    """What one use of a node sent back to it: the consumer, which of its inputs the node is, and the gradient."""

    consumer: str
    position: int
    gradient: npt.NDArray[Any]


@final
class Contributions(tuple[Contribution, ...], Shown):
    """What every use of a node sent back to it; in a notebook, and at the prompt, it is a table."""

    __slots__ = ()

    def _rows(self) -> list[Arrays]:
        return [Arrays((use.consumer, str(use.position), str(use.gradient.shape)), (use.gradient,)) for use in self]

    def _repr_html_(self) -> str:
        return as_html(_SENT, self._rows())

    def __repr__(self) -> str:
        return as_text(_SENT, self._rows())


_SENT = ("sent by", "input", "shape", "gradient")
