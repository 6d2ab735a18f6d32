"""Printers of recorded expressions, one for each notation."""

from chainrule.notation.text import TextPrinter

__all__ = ["TextPrinter"]
