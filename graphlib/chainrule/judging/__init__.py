"""Formulas and arrays derived by hand, held against a run: judged, explained, repaired, reported."""

from chainrule.judging.given import AnyFormula
from chainrule.judging.ground import Convention
from chainrule.judging.judge import check, compare, names_of
from chainrule.judging.verdicts import Report, Verdict

__all__ = ["AnyFormula", "Convention", "Report", "Verdict", "check", "compare", "names_of"]
