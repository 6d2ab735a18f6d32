"""Derivations with blanks: sheets that are handed out, and what grades them."""

from chainrule.practice.grader import Grader
from chainrule.practice.grading import grade
from chainrule.practice.hints import Mark
from chainrule.practice.results import Graded, Results
from chainrule.practice.sheet import Sheet, exercise
from chainrule.practice.traps import Trap, traps

__all__ = ["Graded", "Grader", "Mark", "Results", "Sheet", "Trap", "exercise", "grade", "traps"]
