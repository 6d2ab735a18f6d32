"""The final table of a page: every value and gradient, for paper and for whoever runs no scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, Final

import numpy as np

from chainrule.core.run import BaseRun
from chainrule.drawing.wording import shown_name
from chainrule.page.steps import Step, shape_in_words
from chainrule.shown.numbers import is_small, number, summary
from chainrule.shown.tables import SIDE
from chainrule.shown.text import in_columns

DIGITS: Final = 4


def final_table(run: BaseRun, steps: Iterable[Step]) -> str:
    """The rows of the table, as HTML."""
    compared = {step.node: step.compared.said for step in steps if step.kind == "total" and step.compared}
    return "".join(_row(run, k, compared) for k in range(len(run.graph)))


def _row(run: BaseRun, k: int, compared: Mapping[int, str]) -> str:
    node = run.graph.order[k]
    gradient = run.gradients[node] if run.has_gradients and node in run.gradients else None
    cells = [
        f"<td>{escape(shape_in_words(run, k)) or 'a number'}</td>",
        f"<td>{written_array(run.values[node])}</td>",
        f"<td>{'' if gradient is None else written_array(gradient)}</td>",
        f"<td>{escape(compared.get(k, ''))}</td>",
    ]
    return f'<tr><th scope="row">{escape(shown_name(run.graph.names[k]))}</th>{"".join(cells)}</tr>\n'


def written_array(array: Any) -> str:
    """A small array entry by entry, a large one as its range."""
    if array.size == 1 or not is_small(array, SIDE):
        return escape(number(array.reshape(-1)[0], DIGITS) if array.size == 1 else summary(array))
    lines = "\n".join(_lines(array))
    return f"<pre>{escape(lines)}</pre>"


def _lines(array: Any) -> Iterator[str]:
    rows = [[number(entry, DIGITS) for entry in row] for row in np.atleast_2d(array)]
    yield from map(str.rstrip, in_columns(rows))
