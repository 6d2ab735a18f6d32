"""What a gradient check compared, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NamedTuple, final

from chainrule.errors import GradientCheckError, UnknownNameError, did_you_mean
from chainrule.shown.tables import Shown, html_table, html_text
from chainrule.shown.text import in_columns, visible


@final
class Comparison(NamedTuple):
    """One gradient, or one rule, against numerical differentiation: how much was compared, and what came of it.

    ``compared`` elements of ``size`` were differentiated, ``kinks`` of them at a kink, where the gradient only has to
    lie between the slopes on either side; where kinks of several entries meet in a graph, they are not compared.
    ``error`` is the largest, relative to the largest entry of the gradient.
    ``problem`` is the error to raise, None when all is well.
    """

    name: str
    what: str
    compared: int = 0
    size: int = 0
    kinks: int = 0
    error: float = 0.0
    note: str = ""
    problem: GradientCheckError | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return self.problem is None


@final
class GradientReport(Shown):
    """What a gradient check compared and found, one row for each gradient and each rule; true when all is well.

    >>> from chainrule import Sigmoid, check_node
    >>> report = check_node(Sigmoid, [-1.0, 0.0, 2.0])
    >>> report.ok, report.compared
    (True, 3)
    """

    def __init__(self, title: str, rows: Iterable[Comparison]) -> None:
        self.title, self.rows = title, tuple(rows)

    @property
    def ok(self) -> bool:
        """Whether every row is."""
        return all(row.ok for row in self.rows)

    @property
    def compared(self) -> int:
        """How many elements were compared in all."""
        return sum(row.compared for row in self.rows)

    @property
    def problems(self) -> tuple[GradientCheckError, ...]:
        """What is wrong: rules first, because a wrong rule makes gradients wrong all the way down."""
        wrong = sorted((row for row in self.rows if not row.ok), key=lambda row: row.what == "gradient")
        return tuple(row.problem for row in wrong if row.problem is not None)

    def assert_ok(self) -> None:
        """Raise GradientCheckError with the first problem, unless all is well."""
        if self.problems:
            raise self.problems[0]

    def __bool__(self) -> bool:
        return self.ok

    def __getitem__(self, name: str) -> Comparison:
        found = sorted((row for row in self.rows if row.name == name), key=lambda row: row.ok)
        if not found:
            raise UnknownNameError(f"no row is called {did_you_mean(name, [row.name for row in self.rows])}")
        return found[0]

    def _repr_html_(self) -> str:
        """A table for notebooks, everything in it escaped; words say what is wrong, not a color alone."""
        table = html_table(_TITLES, (list(map(html_text, _cells(row))) for row in self.rows))
        problems = "".join(f"<pre>{escape(str(problem))}</pre>" for problem in self.problems[:3])
        told = f"<p>{self.compared} elements compared: {self._verdict}</p>"
        return f"<p>{html_text(self.title)}</p>{table}{told}{problems}"

    def __repr__(self) -> str:
        return f"<GradientReport {visible(self.title)}: {self.compared} elements compared, {self._verdict}>"

    @property
    def _verdict(self) -> str:
        return "all agree" if self.ok else f"{counted(len(self.problems), 'row')} of {len(self.rows)} wrong"

    def __str__(self) -> str:
        table = [_TITLES, *map(_cells, self.rows)]
        lines = map(str.rstrip, in_columns(table))
        found = [str(problem) for problem in self.problems[:3]]
        return "\n".join([visible(self.title), *lines, f"{self.compared} elements compared: {self._verdict}", *found])


_TITLES = ("name", "what", "compared", "largest error", "verdict")


def _cells(row: Comparison) -> tuple[str, ...]:
    error = f"{row.error:.1e}" if row.compared else ""
    return visible(row.name), visible(row.what), f"{row.compared} of {row.size}", error, _verdict(row)


def _verdict(row: Comparison) -> str:
    said = [] if row.ok else ["WRONG"]
    if row.ok and row.compared:
        said.append("ok")
    if row.note:
        said.append(row.note)
    if row.kinks:
        said.append(f"{row.kinks} at kinks")
    return ", ".join(said)


def counted(number: int, what: str) -> str:
    """So many of something: "1 row", "3 rows"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
