"""Formulas and arrays derived by hand, held against a run: judged, explained, repaired, reported."""

from chainrule.judging.judge import AnyFormula, Convention, check, compare, names_of
from chainrule.judging.verdicts import Report, Verdict

__all__ = ["AnyFormula", "Convention", "Report", "Verdict", "check", "compare", "names_of"]
