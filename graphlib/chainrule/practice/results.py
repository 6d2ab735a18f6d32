"""The results of grading: every file with its marks, as a table, JSON and JUnit XML."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final
from xml.sax.saxutils import escape, quoteattr

from chainrule.practice.hints import Mark, staged
from chainrule.shown.text import clipped, on_one_line

_WIDTH: Final = 80
_NAME_WIDTH: Final = 16
_FILE_WIDTH: Final = 50
_TOLD_WIDTH: Final = 12
_INDENT: Final = " " * 6
_UNSAFE: Final = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


@final
@dataclass(frozen=True)
class Graded:
    """One file with its marks, or with the error that kept it from being graded; ``most`` is what it could be worth."""

    path: Path
    sheet: str
    title: str
    marks: tuple[Mark, ...]
    most: float
    error: str = ""

    @property
    def points(self) -> float:
        """How many points there are."""
        return sum(mark.points for mark in self.marks)

    @property
    def ok(self) -> bool:
        """Whether every line is right."""
        return bool(self.marks) and all(self.marks)


@final
@dataclass(frozen=True)
class Results:
    """The results of a class: ``print(results)``, ``results.to_json()``, ``results.to_junit()``.

    ``ok`` says whether every line of every file is right; ``unread`` whether a file or a line could not be read.
    """

    files: tuple[Graded, ...]
    key: str = ""
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether every line of every file is right, and there is one."""
        return bool(self.files) and all(one.ok for one in self.files)

    @property
    def unread(self) -> bool:
        """Whether a file or a line could not be read."""
        return any(one.error or any(mark.told == "unreadable" for mark in one.marks) for one in self.files)

    def to_dict(self) -> dict[str, Any]:
        """The results as plain data."""
        return {"ok": self.ok, "files": [_plain(one) for one in self.files]}

    def to_json(self) -> str:
        """The results as JSON text; a terminal obeys nothing in it."""
        return _UNSAFE.sub(
            lambda found: f"\\u{ord(found[0]):04x}", json.dumps(self.to_dict(), ensure_ascii=False, indent=2)
        )

    def to_junit(self) -> str:
        """The results as JUnit XML: a suite for each file, a case for each line, its hints in the failure."""
        wrong = sum(not mark for one in self.files for mark in one.marks)
        errors = sum(bool(one.error) for one in self.files)
        tests = sum(len(one.marks) or 1 for one in self.files)
        counts = f'tests="{tests}" failures="{wrong}" errors="{errors}"'
        suites = "\n".join(map(_suite, self.files))
        head = f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="chainrule grade" {counts}>'
        return f"{head}\n{suites}\n</testsuites>\n"

    def __str__(self) -> str:
        parts = ["\n".join(_rows(one)) for one in self.files]
        if len(self.files) > 1:
            parts.append("\n".join(self._summary()))
        if self.note:
            parts.append(textwrap.fill(self.note, _WIDTH))
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return f"<Results of {len(self.files)} files>"

    def _summary(self) -> Iterator[str]:
        """A line for each file."""
        width = min(_FILE_WIDTH, max(len(on_one_line(str(one.path))) for one in self.files))
        for one in self.files:
            name = clipped(on_one_line(str(one.path)), width).ljust(width)
            yield f"{name}  {one.points:>6g} of {one.most:g}" + ("  not graded" if one.error else "")
        if len({one.sheet for one in self.files if not one.error}) > 1:
            yield "These are different sheets."


def _rows(one: Graded) -> Iterator[str]:
    """The lines of the table for one file."""
    yield clipped(on_one_line(f"{one.path}: {one.title}" if one.title else str(one.path)), _WIDTH)
    if one.error:
        yield from textwrap.wrap(on_one_line(one.error), _WIDTH, initial_indent="  ✗ ", subsequent_indent=_INDENT)
        return
    width = max(len(clipped(on_one_line(mark.name), _NAME_WIDTH)) for mark in one.marks)
    shown: set[str] = set()
    for mark in one.marks:
        yield from _rows_of_mark(mark, width, shown)
        shown.add(on_one_line(mark.told))
    yield f"  {one.points:g} of {one.most:g} points"


def _rows_of_mark(mark: Mark, width: int, shown: Collection[str]) -> Iterator[str]:
    """The lines of one mark; why there is none is told once, where it is the same for many."""
    name, worth = clipped(on_one_line(mark.name), _NAME_WIDTH).ljust(width), f"{mark.points:g}/{mark.most:g}"
    start = f"  {'✓' if mark.ok else '✗'} {name}  {worth:>5}  "
    told, room = on_one_line(mark.told), _WIDTH - len(start)
    is_short = len(told) <= _TOLD_WIDTH
    answer = clipped(on_one_line(mark.answer), room - (_TOLD_WIDTH + 2 if is_short else 0))
    behind = f"{told:>{_TOLD_WIDTH}}" if is_short else ""
    yield f"{start}{answer.ljust(room - _TOLD_WIDTH)}{behind}".rstrip()
    for text in [*([] if is_short or told in shown else [told]), *staged(mark.hints)]:
        yield from _wrapped(on_one_line(text))


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT + "  ", break_on_hyphens=False)


def _plain(one: Graded) -> dict[str, Any]:
    lines = [
        {
            "name": mark.name,
            "ok": mark.ok,
            "points": mark.points,
            "most": mark.most,
            "told": mark.told,
            "answer": mark.answer,
            "hints": list(mark.hints),
        }
        for mark in one.marks
    ]
    told = {"file": str(one.path), "sheet": one.sheet, "ok": one.ok, "points": one.points, "most": one.most}
    return told | ({"error": one.error} if one.error else {}) | {"lines": lines}


def _suite(one: Graded) -> str:
    name = _attribute(str(one.path))
    wrong, error = sum(not mark for mark in one.marks), int(bool(one.error))
    counts = f'tests="{len(one.marks) or 1}" failures="{wrong}" errors="{error}"'
    cases = [_case(name, mark) for mark in one.marks]
    if one.error:
        cases = [f'    <testcase classname={name} name="sheet"><error message={_attribute(one.error)}/></testcase>']
    return "\n".join([f"  <testsuite name={name} {counts}>", *cases, "  </testsuite>"])


def _case(file: str, mark: Mark) -> str:
    points = f'<property name="points" value="{mark.points:g}"/><property name="most" value="{mark.most:g}"/>'
    case = f"    <testcase classname={file} name={_attribute(mark.name)}><properties>{points}</properties>"
    if mark.ok:
        return f"{case}</testcase>"
    hints = escape(on_one_line("; ".join(staged(mark.hints))))
    return f"{case}<failure message={_attribute(mark.told)}>{hints}</failure></testcase>"


def _attribute(text: str) -> str:
    return quoteattr(on_one_line(text))
