"""Verdicts on a person's formulas: what is right, what is wrong and why, as a table, HTML and JSON."""

from __future__ import annotations

import functools
import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

from chainrule.errors import FormulaCheckError, UnknownNameError, did_you_mean
from chainrule.shown.tables import Shown, html_table, html_text
from chainrule.shown.text import clipped, on_one_line

_WIDTH, _NAME_WIDTH = 80, 16  # of the table, and of the longest name in it
_INDENT = " " * 9
_JSON_ESCAPED = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_CONVENTIONS = {
    "mean": "gradients of the mean loss: the division by {m} stands in the first gradient, and nowhere else",
    "per-example": "gradients per example: the division by {m} stands where {examples} are summed, for the parameters",
    "mixed": "a mixture of gradients per example and gradients of the mean loss",
}


@final
@dataclass(frozen=True)
class Verdict(Shown):
    """The verdict on one formula.

    ``ok``: the formula and its result are right. ``own``: the formula is right when everything on its right-hand side
    is. ``verdict`` is "right", "wrong", "wrong only because dZ2 is"; "kept" for a name of one's own; and where nothing
    could be judged "unreadable", "not judged" (it reads what is unreadable), "unknown name" (nearly one of the graph's)
    or "missing" (required, and not given).
    ``diagnosis`` says what is wrong, ``repair`` is the corrected right-hand side; both are "" where there is nothing
    to say. ``convention`` is the one in which the formula is right, "either" where it makes no difference, None when
    it is wrong. ``because`` are the names that make the result wrong. ``repairs`` are the kinds of change made.
    ``remark`` says for which data a right formula is right, where that is not all. ``line`` is the line of the user's
    file that is wrong, or that gives what is right; None where there is no file.
    """

    name: str
    formula: str
    ok: bool
    own: bool
    verdict: str
    diagnosis: str = ""
    repair: str = ""
    convention: str | None = None
    because: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    remark: str = ""
    line: int | None = None

    def __str__(self) -> str:
        return "\n".join(
            [f"{_mark(self)} {on_one_line(f'{self.name} = {self.formula}: {self.verdict}')}", *_explained(self)]
        )

    def _repr_html_(self) -> str:
        return html_table(_TITLES, [_html_cells(self)], named=1)


@final
class Report(Shown):
    """The verdicts on all formulas; ``report["dW3"]`` is one of them.

    ``ok`` says whether all are right, and at least one was judged. ``convention`` is "mean", "per-example", "mixed", or
    None when no formula depends on it. ``first_wrong`` is the name of the first wrong one on the way back from the
    loss, None when all are right.

    >>> report = Report([Verdict("dW", "dZ @ A", False, False, "wrong", "A has to be transposed", "dZ @ A.T")])
    >>> report.ok, report["dW"].repair
    (False, 'dZ @ A.T')
    >>> print(report)
    → ✗ dW  dZ @ A                                                           wrong
             A has to be transposed
             dW = dZ @ A.T
    <BLANKLINE>
    The line is wrong.
    """

    def __init__(
        self,
        verdicts: Sequence[Verdict],
        convention: str | None = None,
        first_wrong: str | None = None,
        *,
        batch: str = "m",
        examples: str = "columns",
        keys: Mapping[str, str] | None = None,
    ) -> None:
        self._verdicts = {verdict.name: verdict for verdict in verdicts}
        self._keys = dict(keys or {})
        wrong = [verdict.name for verdict in verdicts if not verdict.own]
        self.convention, self._batch, self._examples = convention, batch, examples
        self.first_wrong = first_wrong if first_wrong is not None else next(iter(wrong), None)

    @property
    def ok(self) -> bool:
        """Whether every formula is right; not so where none was judged."""
        return all(verdict.ok for verdict in self) and any(verdict.verdict != "kept" for verdict in self)

    def __getitem__(self, name: str) -> Verdict:
        if name not in self:
            raise UnknownNameError(f"no line was called {did_you_mean(str(name), self._verdicts)}")
        return self._verdicts[self._keys.get(name, name)]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._keys.get(name, name) in self._verdicts

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self._verdicts.values())

    def __len__(self) -> int:
        return len(self._verdicts)

    def assert_ok(self) -> None:
        """Do nothing when all are right; otherwise raise FormulaCheckError, an AssertionError, with the table."""
        if not self.ok:
            raise FormulaCheckError(f"{self._count()}\n\n{self}")

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        lines = [
            asdict(verdict) | {"because": list(verdict.because), "repairs": list(verdict.repairs)} for verdict in self
        ]
        for line in lines:
            if line["line"] is None:  # there is no file
                del line["line"]
        return {"ok": self.ok, "convention": self.convention, "first_wrong": self.first_wrong, "lines": lines}

    def to_json(self) -> str:
        """The report as JSON text."""
        return _JSON_ESCAPED.sub(_escaped, json.dumps(self.to_dict(), ensure_ascii=False, indent=2))

    def __str__(self) -> str:
        rows = [row for verdict in self for row in self._rows(verdict)]
        parts = [textwrap.fill(self._convention_text(), _WIDTH), "\n".join(rows), self._count()]
        return "\n\n".join(part for part in parts if part)

    def __repr__(self) -> str:
        return f"<Report: {self._count()}>"

    def _repr_html_(self) -> str:
        """A table for notebooks, everything in it escaped; a mark and words say what is wrong, not a color alone."""
        rows = (_html_cells(verdict, "→ " * (verdict.name == self.first_wrong)) for verdict in self)
        above = f"<p>{html_text(self._convention_text())}</p>" if self.convention is not None else ""
        return f"{above}{html_table(_TITLES, rows, named=1)}<p>{html_text(self._count())}</p>"

    def _rows(self, verdict: Verdict) -> list[str]:
        arrow = "→" if verdict.name == self.first_wrong else " "
        start = f"{arrow} {_mark(verdict)} {clipped(on_one_line(verdict.name), _NAME_WIDTH).ljust(self._name_width)}  "
        formula, told = on_one_line(verdict.formula), on_one_line(verdict.verdict)
        room = _WIDTH - len(start) - 2 - len(told)
        if room < min(len(formula), 24):  # no room beside a long verdict
            first = [f"{start}{clipped(formula, _WIDTH - len(start))}", *_wrapped(told)]
        else:
            first = [f"{start}{clipped(formula, room).ljust(room)}  {told}"]
        return [*first, *_explained(verdict)]

    @functools.cached_property
    def _name_width(self) -> int:
        return max(len(clipped(on_one_line(verdict.name), _NAME_WIDTH)) for verdict in self)

    def _count(self) -> str:
        judged = [verdict for verdict in self if verdict.verdict == "right" or verdict.verdict.startswith("wrong")]
        others = len([verdict for verdict in self if verdict.verdict != "kept"]) - len(judged)
        told = self._count_of(judged)
        if others and judged:
            told += f" {others} more {'line was' if others == 1 else 'lines were'} not judged."
        return told

    def _count_of(self, judged: Sequence[Verdict]) -> str:
        if not judged:
            return "No line was judged."
        right = sum(verdict.own for verdict in judged)
        if len(judged) == 1:
            return "The line is right." if right else "The line is wrong."
        if right == len(judged):
            return f"All {right} lines are right."
        return f"{right} of {len(judged)} lines are right; the first wrong one is {on_one_line(str(self.first_wrong))}."

    def _convention_text(self) -> str:
        """Which convention was seen; nothing when no formula depends on one."""
        if self.convention is None:
            return ""
        return f"Convention: {_CONVENTIONS[self.convention].format(m=self._batch, examples=self._examples)}."


def _escaped(found: re.Match[str]) -> str:
    """What a terminal would obey and JSON leaves as it is: control characters above ASCII, and marks of direction."""
    return f"\\u{ord(found[0]):04x}"


def _mark(verdict: Verdict) -> str:
    return "·" if verdict.verdict == "kept" else "✓" if verdict.ok else "✗"


_TITLES = ("", "name", "formula", "verdict")


def _html_cells(verdict: Verdict, arrow: str = "") -> tuple[str, ...]:
    """The cells of a row: what is right in place of the formula stands as code, like the formula."""
    said = [html_text(on_one_line(text)) for text in (verdict.verdict, verdict.remark, verdict.diagnosis) if text]
    told = "<br>".join([*said, *map(_code, filter(None, [_repaired(verdict)]))])
    return arrow + _mark(verdict), html_text(on_one_line(verdict.name)), _code(verdict.formula), told


def _code(text: str) -> str:
    return f"<code>{html_text(on_one_line(text))}</code>"


def _repaired(verdict: Verdict) -> str:
    return f"{verdict.name} = {verdict.repair}" if verdict.repair else ""


def _explained(verdict: Verdict) -> list[str]:
    return [line for text in (verdict.remark, verdict.diagnosis, _repaired(verdict)) for line in _wrapped(text)]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        on_one_line(text), _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False
    )
