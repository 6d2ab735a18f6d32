"""A sheet in its forms: Markdown, a Python file, a notebook; the page is a form of its own."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, Final

from chainrule.practice.handout import FUNCTION, Handout, Question
from chainrule.practice.page_of_sheet import page
from chainrule.practice.sheet_wording import (
    answer_block,
    asked,
    data_as_code,
    introduction,
    marked,
    points_said,
    test_of,
)
from chainrule.shown.text import visible

_WIDTH: Final = 100
_KEEPS_THE_CELL: Final = "\n### BEGIN SOLUTION\n### END SOLUTION"  # else nbgrader clears what waits for the answer


def markdown(sheet: Handout) -> str:
    """The sheet as Markdown: answers stand in blocks of code."""
    parts = [marked(sheet.identity, "<!-- {} -->"), f"# {_plain(sheet.title)}", *introduction(sheet), _table(sheet)]
    if sheet.data:
        parts += ["Numbers to try with:", _fenced(f"import numpy as np\n\n{data_as_code(sheet)}")]
    for heading, text, block in sections(sheet):
        parts += [f"## {heading}", text, _fenced(block)]
    return "\n\n".join(parts) + "\n"


def script(sheet: Handout) -> str:
    """The sheet as a Python file: questions are comments."""
    parts = [marked(sheet.identity, "# {}"), _commented("\n\n".join([sheet.title, *introduction(sheet)]))]
    rows = [
        f"{value.name:12} {value.kind:10} {value.shape:12} {value.formulas.get('text', '')}" for value in sheet.values
    ]
    parts += [_commented("\n".join(row.rstrip() for row in rows), wrap=False), "import numpy as np"]
    parts += [data_as_code(sheet)] if sheet.data else []
    for heading, text, block in sections(sheet):
        parts += [f"# %% {heading}\n{_commented(text)}\n\n{block}"]
    return "\n\n".join(parts) + "\n"


def notebook(sheet: Handout, key: str = "") -> str:
    """The sheet as a notebook, with the marks by which nbgrader knows what a learner may write.

    With a teacher's file a cell behind each answer tests it; nbgrader takes its content out of what it hands out.
    """
    head = "\n\n".join([f"# {_plain(sheet.title)}", *introduction(sheet), _table(sheet)])
    cells = [_cell("markdown", head, "head")]
    code = "import numpy as np" + (f"\n\n{data_as_code(sheet)}" if sheet.data else "")
    cells.append(_cell("code", code, "data"))
    for k, (heading, text, block) in enumerate(sections(sheet)):
        cells.append(_cell("markdown", f"## {heading}\n\n{text}", f"question-{k + 1}"))
        cells.append(_cell("code", block + (_KEEPS_THE_CELL if key else ""), f"answer-{k + 1}", solution=True))
        tested = sheet.questions if sheet.level == FUNCTION else sheet.questions[k : k + 1]
        cells += [_test_cell(sheet, one, key) for one in tested if key]
    told = {
        "cells": cells,
        "metadata": {
            "chainrule": {"sheet": marked(sheet.identity, "{}")},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


FORMS: Final[dict[str, Callable[[Handout], str]]] = {
    ".md": markdown,
    ".py": script,
    ".ipynb": notebook,
    ".html": page,
}
"""What writes a sheet, by the extension of the file."""


def sections(sheet: Handout) -> Iterator[tuple[str, str, str]]:
    """A heading, the question, and the block for the answer: one for each line, or one for the function of all."""
    if sheet.level == FUNCTION:
        yield f"The function ({points_said(sheet.points)})", asked(sheet), answer_block(sheet)
        return
    for k, one in enumerate(sheet.questions):
        yield f"{k + 1}. {one.name} ({points_said(one.points)})", asked(sheet, one), answer_block(sheet, one)


def _table(sheet: Handout) -> str:
    rows = ["| name | what it is | shape | |", "|---|---|---|---|"]
    for value in sheet.values:
        formula = f"${value.formulas['latex']}$" if value.formulas else ""
        name = f"`{value.name}`" if value.name.isidentifier() else _plain(value.name)
        cells = (name, value.kind, value.shape, formula.replace("|", "\\vert "))
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    shown = visible(text)
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#$&" and not shown.isidentifier() else c for c in shown)


def _fenced(code: str) -> str:
    return f"```python\n{code}\n```"


def _commented(text: str, *, wrap: bool = True) -> str:
    lines = [
        line
        for one in visible_lines(text)
        for line in (textwrap.wrap(one, _WIDTH, break_on_hyphens=False) if wrap and one else [one])
    ]
    return "\n".join(f"# {line}".rstrip() for line in lines)


def visible_lines(text: str) -> list[str]:
    """The lines of a text, without what a terminal or an editor would obey."""
    return [visible(line) for line in text.split("\n")]


def _cell(kind: str, source: str, name: str, *, solution: bool = False) -> dict[str, Any]:
    marks = {
        "grade": False,
        "grade_id": name,
        "locked": not solution,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    cell: dict[str, Any] = {"cell_type": kind, "id": name, "metadata": {"nbgrader": marks}}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell | {"source": source.splitlines(keepends=True)}


def _test_cell(sheet: Handout, one: Question, key: str) -> dict[str, Any]:
    source = f"### BEGIN HIDDEN TESTS\n{test_of(sheet, one, key)}\n### END HIDDEN TESTS"
    cell = _cell("code", source, f"test-{one.name}")
    cell["metadata"]["nbgrader"] |= {"grade": True, "points": one.points}
    return cell
