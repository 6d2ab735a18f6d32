"""Printers of recorded expressions, one for each notation."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainrule.notation.numpy_text import TextPrinter
from chainrule.notation.printer import Line, Printer

if TYPE_CHECKING:
    from chainrule.notation.latex import LatexPrinter
    from chainrule.notation.mathml import MathmlPrinter
    from chainrule.notation.unicode import UnicodePrinter

__all__ = ["LatexPrinter", "Line", "MathmlPrinter", "Printer", "TextPrinter", "UnicodePrinter"]

_LOADED_WHEN_USED = {"LatexPrinter": "latex", "MathmlPrinter": "mathml", "UnicodePrinter": "unicode"}
"""A plan is printed as NumPy text alone, and the others take as long to load as its passes."""


def __getattr__(name: str) -> Any:
    if name not in _LOADED_WHEN_USED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LOADED_WHEN_USED[name]}"), name)
