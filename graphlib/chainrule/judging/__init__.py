"""Formulas, functions and arrays derived by hand, held against a graph or a run: judged, explained, repaired."""

from chainrule.judging.given import AnyFormula
from chainrule.judging.ground import Convention
from chainrule.judging.judge import names_of
from chainrule.judging.submitted import Submission, check, compare
from chainrule.judging.verdicts import Report, Verdict

__all__ = ["AnyFormula", "Convention", "Report", "Submission", "Verdict", "check", "compare", "names_of"]
