"""A sheet that came back: its text and code, read and never run, and the answers that stand in it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, final

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.practice.sheet_wording import MARK

READ: Final = (".ipynb", ".md", ".py")
"""The files that are graded."""

_LARGEST_NOTEBOOK: Final = 64 << 20  # bytes: its outputs may hold pictures
_LARGEST_TEXT: Final = 1 << 20
_LARGEST_CODE: Final = 1 << 18
_MOST_ENTRIES: Final = 100_000
_MARK: Final = re.compile(rf"\b{MARK} ([0-9a-f]{{16}})\b")
_FENCE: Final = re.compile(r"\s{0,3}(```+|~~~+)")
_MAGIC: Final = re.compile(r"\s*(?:[%!?]|[\w.]+\?+\s*$)")
_KEPT_CELL: Final = re.compile(r"^\s*%%(?:time|timeit|capture|prun)\b")


@final
class HandedIn(NamedTuple):
    """A file that came back: the sheet that it says to be, its pieces of code, and all of its text."""

    path: Path
    identity: str | None
    codes: tuple[str, ...]
    text: str


@final
class Answer(NamedTuple):
    """An answer as it was given: its text, and its numbers where it is an array."""

    text: str
    array: Any = None


def read_sheet(path: Path) -> HandedIn:
    """The file as text and code; raises ArgumentError where it cannot be read, is too large, or is no such file."""
    kind = path.suffix.lower()
    if kind not in READ:
        raise ArgumentError(f"{path} has no extension of a sheet that is graded", remedy=f"one of {', '.join(READ)}")
    content = _content(path, _LARGEST_NOTEBOOK if kind == ".ipynb" else _LARGEST_TEXT)
    if kind == ".ipynb":
        codes, text, marks = _of_notebook(path, content)
    elif kind == ".md":
        codes, text, marks = _blocks(content), content, content
    else:
        codes, text, marks = [content], content, content
    mark = _MARK.search(marks)
    short = tuple(_without_magic(code) for code in codes if len(code) <= _LARGEST_CODE)
    return HandedIn(path, mark[1] if mark else None, short, text)


def _content(path: Path, largest: int) -> str:
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is no file")
        with path.open("rb") as file:
            content = file.read(largest + 1)
        if len(content) > largest:
            raise ValueError(f"it holds more than {largest >> 20} MB")
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise ArgumentError(f"{path} is no text in UTF-8") from None
    except (OSError, ValueError) as error:
        raise ArgumentError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _blocks(text: str) -> list[str]:
    """The blocks of code in Markdown; one that is not closed goes to the end."""
    found: list[str] = []
    block: list[str] = []
    mark = ""
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        if mark and fence and fence[1].startswith(mark) and line.strip() == fence[1]:
            found.append("\n".join(block))
            mark = ""
        elif mark:
            block.append(line)
        elif fence:
            mark, block = fence[1], []
    return [*found, "\n".join(block)] if mark else found


def _of_notebook(path: Path, content: str) -> tuple[list[str], str, str]:
    """The code of the cells, the text of the others, and where the mark stands."""
    try:
        told = json.JSONDecoder().decode(content)
        cells = [(str(cell["cell_type"]), _source(cell["source"])) for cell in told["cells"]]
        own = told.get("metadata", {}).get("chainrule", {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArgumentError(f"{path} is no notebook", given=f"{type(error).__name__}: {str(error)[:100]}") from None
    text = "\n".join(source for _, source in cells)
    mark = str(own.get("sheet", "")) if isinstance(own, dict) else ""
    return [source for kind, source in cells if kind == "code"], text, f"{mark}\n{text}"


def _source(source: Any) -> str:
    return source if isinstance(source, str) else "".join(map(str, source))


def _without_magic(code: str) -> str:
    """Code without the lines that are IPython's; a cell of another language is no code."""
    lines = code.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("%%") and not _KEPT_CELL.match(first):
        return ""
    return "\n".join("" if _MAGIC.match(line) else line for line in lines)


# --- answers ---------------------------------------------------------------------------------------------------------


def answers_in(sheet: HandedIn, names: Collection[str]) -> dict[str, Answer]:
    """The last answer to each of these lines that is not empty; what is not answered is left out.

    An answer is what a line of code gives to the name, in quotes or not, ``dW3 = "dZ3 @ A2.T"``; where no code does, a
    line of text. Nothing is run.
    """
    found = {name: answer for name, answer in all_answers(sheet).items() if name in names}
    for name in [name for name in names if name not in found]:
        line = re.compile(rf"^[ \t>*`\-]*{re.escape(name)}[`*]*[ \t]*=(?!=)(.+)$", re.MULTILINE)
        given = [one.strip(" \t\r`") for one in line.findall(sheet.text)]
        loose = [answer for one in given if (answer := _of_text(one, name)) is not None]
        found |= {name: loose[-1]} if loose else {}
    return found


def all_answers(sheet: HandedIn) -> dict[str, Answer]:
    """What lines of code give to names, the last of each that is not empty."""
    found: dict[str, Answer] = {}
    for code in sheet.codes:
        for statement in statements_of(code):
            for name, value in _given(statement):
                answer = _of_value(value, ast.get_source_segment(code, value) or "", name)
                found |= {} if answer is None else {name: answer}
    return found


def statements_of(code: str) -> Sequence[ast.stmt]:
    """The statements of a piece of code; none where it is no Python."""
    try:
        return ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()


def _given(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """The names that a statement gives something to."""
    targets: list[ast.expr] = []
    value = None
    if isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    elif isinstance(statement, ast.AnnAssign):
        targets, value = [statement.target], statement.value
    if value is not None:
        yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))


def _of_value(value: ast.expr, source: str, name: str) -> Answer | None:
    if isinstance(value, ast.Constant):
        if value.value is None or value.value is Ellipsis:
            return None
        return _of_text(str(value.value), name)
    if isinstance(value, ast.List):
        return Answer(" ".join(source.split()), _numbers(value))
    return Answer(" ".join(source.split()))


def _of_text(text: str, name: str) -> Answer | None:
    """The text of an answer, without the name in front of it and quotes around it; None where it is empty."""
    bare = re.sub(rf"^{re.escape(name)}\s*=(?!=)", "", text.strip()).strip()
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'":
        bare = bare[1:-1].strip()
    return Answer(bare) if bare.strip("_. …") not in ("", "None") else None


def _numbers(value: ast.List) -> Any:
    """The array that a list of numbers is, None for any other list."""
    try:
        array = np.asarray(ast.literal_eval(value))
    except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
        return None
    return array if array.dtype.kind in "fiub" and array.size <= _MOST_ENTRIES else None
