"""Derivations with blanks: sheets that are handed out, and what grades them."""

from chainrule.practice.sheet import Sheet, exercise
from chainrule.practice.traps import Trap, traps

__all__ = ["Sheet", "Trap", "exercise", "traps"]
