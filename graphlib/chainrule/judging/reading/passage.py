"""A piece of a learner's text that knows where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from chainrule.errors import FormulaError


@final
@dataclass(frozen=True)
class Passage:
    """A piece of text and where it begins, so that an error can name line and column."""

    text: str
    line: int = 1
    column: int = 1

    @property
    def indent(self) -> int:
        """How many blanks stand before what is written."""
        return len(self.text) - len(self.text.lstrip())

    def error(self, at: int, what: str, remedy: str = "") -> FormulaError:
        """A FormulaError at a character of the text."""
        before = self.text[:at]
        line = before.count("\n")
        column = at - (before.rfind("\n") + 1) + (1 if line else self.column)
        return FormulaError(what, where=f"line {self.line + line}, column {column}", remedy=remedy)
