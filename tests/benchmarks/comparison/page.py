"""The page: tables in Markdown, and every aim that was missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Section:
    """A heading with its text and tables, and the aims that were missed in it."""

    title: str
    parts: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    found: dict[Any, Any] = field(default_factory=dict)
    """What was measured, by case, where the chart shows it."""

    def say(self, text: str) -> None:
        self.parts.append(text)

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table whose columns after the first are numbers."""
        lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
        self.parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))

    def absent(self, why: dict[str, str]) -> None:
        """One line for each peer that took no part."""
        if why:
            self.say("\n".join(f"* {name}: {reason}" for name, reason in why.items()))

    def judged(self, value: float, aim: float | None, what: str, unit: str = "×") -> str:
        """A figure beside its aim, in bold where it is missed; `what` says it in the list of what was missed."""
        if aim is None:
            return _number(value, unit)
        shown = _number(value, unit)
        if value <= aim:
            return f"{shown} (≤ {aim:g})"
        self.missed.append(f"{what}: {shown}, {value / aim - 1:.0%} above the aim of {_number(aim, unit)}")
        return f"**{shown}** (≤ {aim:g})"

    def __str__(self) -> str:
        return "\n\n".join([f"## {self.title}", *self.parts])


def _number(value: float, unit: str) -> str:
    if unit == "×":
        return f"{value:.3g}" if value < 0.095 else f"{value:.2f}"
    return f"{value:,.1f} {unit}"


def micro(seconds: float) -> str:
    """Microseconds with three digits or more."""
    value = seconds * 1e6
    return f"{value:,.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def page(head: str, sections: Sequence[Section]) -> str:
    """The whole page; what was missed stands in front."""
    missed = [f"* {line}" for section in sections for line in section.missed]
    aims = "\n".join(["## Aims missed in this run", "", *(missed or ["None."])])
    return "\n\n".join([head, aims, *map(str, sections)]) + "\n"
