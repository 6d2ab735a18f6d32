"""Printers of recorded expressions, one for each notation."""

from chainrule.notation.latex import LatexPrinter
from chainrule.notation.mathml import MathmlPrinter
from chainrule.notation.numpy_text import TextPrinter
from chainrule.notation.printer import Line, Printer
from chainrule.notation.unicode import UnicodePrinter

__all__ = ["LatexPrinter", "Line", "MathmlPrinter", "Printer", "TextPrinter", "UnicodePrinter"]
