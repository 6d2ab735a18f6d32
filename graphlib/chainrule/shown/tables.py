"""HTML tables for notebooks: escaped by whoever fills them, in plain tags and inline styles that survive sanitizing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from chainrule.shown.numbers import is_small, number, summary
from chainrule.shown.text import visible

if TYPE_CHECKING:
    import numpy.typing as npt

T = TypeVar("T")
SIDE: Final = 6  # rows and columns of the largest matrix that is written out
_MOST_ROWS: Final = 60
_NEGATIVE, _POSITIVE = (33, 102, 172), (201, 91, 12)  # blue and orange, which color-blind people tell apart
# Of these, bleach and JupyterLab take none away; Jupyter aligns cells to the right and clips what does not wrap.
_LEFT: Final = 'style="text-align:left;vertical-align:top"'
_RIGHT: Final = "text-align:right;white-space:nowrap"


class Shown(ABC):
    """Something that a notebook shows as HTML and, where it shows none, as ``print`` does."""

    @abstractmethod
    def _repr_html_(self) -> str:
        """A part of a page, every text in it escaped."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}


def html_table(titles: Sequence[str], rows: Iterable[Sequence[str]], named: int = 0) -> str:
    """A table of cells that are HTML; each row is called as its cell in the column ``named`` says.

    >>> html_table(["name", "shape"], [["W1", "(3, 2)"]])[:44]
    '<table><thead><tr><th scope="col" style="tex'
    """
    titled = "".join(f'<th scope="col" {_LEFT}>{title}</th>' if title else f"<td {_LEFT}></td>" for title in titles)
    head = f"<thead><tr>{titled}</tr></thead>" if titles else ""
    body = "".join(f"<tr>{''.join(_cells(row, named))}</tr>" for row in rows)
    return f"<table>{head}<tbody>{body}</tbody></table>"


def _cells(row: Sequence[str], named: int) -> Iterable[str]:
    for place, cell in enumerate(row):
        yield f'<th scope="row" {_LEFT}>{cell}</th>' if place == named else f"<td {_LEFT}>{cell}</td>"


def html_text(text: str) -> str:
    r"""Text of any origin as HTML: escaped, and with what cannot be shown replaced.

    >>> html_text("a<b\x00")
    'a&lt;b�'
    """
    from html import escape  # a notebook has it; the import of chainrule does without

    return escape(visible(text))


def ends(items: Sequence[T]) -> tuple[Sequence[T], str]:
    """What of a long sequence gets a row of its own, the first and the last; and in words what does not."""
    left, half = len(items) - _MOST_ROWS, _MOST_ROWS // 2
    return (items, "") if left <= 0 else ([*items[:half], *items[-half:]], f"{left:,} more in between")


def heated(array: npt.NDArray[Any]) -> str:
    """A small array as a table whose cells are the bluer the farther below 0, and orange above; a large one's range."""
    if array.size == 1 or not is_small(array, SIDE):
        return html_text(summary(array))
    finite = np.abs(array[np.isfinite(array)]) if array.dtype.kind == "f" else np.abs(array)
    largest = float(np.max(finite, initial=0))
    rows = ("".join(_heated(x, largest) for x in row) for row in np.atleast_2d(array))
    body = "".join(f'<tr style="background-color:transparent">{row}</tr>' for row in rows)
    return f'<table style="margin:0">{body}</table>'


def _heated(entry: Any, largest: float) -> str:
    share = abs(float(entry)) / largest if largest and np.isfinite(entry) else 0.0
    color = ",".join(map(str, _NEGATIVE if entry < 0 else _POSITIVE))
    return f'<td style="{_RIGHT};background-color:rgba({color},{0.45 * share:.2f})">{html_text(number(entry))}</td>'
