"""A user's formula: parsed safely from NumPy text, Unicode or LaTeX, and evaluated."""

from chainrule.judging.reading.language import UserFormula, name_in, parse, parse_lines

__all__ = ["UserFormula", "name_in", "parse", "parse_lines"]
