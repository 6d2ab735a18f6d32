"""What prints itself in every notation, and shows itself in a notebook as mathematics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from chainrule.notation.latex import LatexPrinter
from chainrule.notation.mathml import MathmlPrinter
from chainrule.notation.printer import Printer
from chainrule.notation.unicode import UnicodePrinter


class Printed(ABC):
    """Something that a printer of any notation can print."""

    _math: ClassVar[str] = "$$"
    """What stands around its LaTeX: one dollar sign in a line of text, two on lines of its own."""

    @abstractmethod
    def _in(self, printer: Printer) -> str:
        """All of it, in the notation of a printer."""

    def _repr_latex_(self) -> str:
        return f"{self._math}{self._in(LatexPrinter())}{self._math}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: no MathML, which Jupyter takes out of a notebook that is not trusted."""
        return {"text/latex": self._repr_latex_(), "text/plain": self._in(UnicodePrinter())}

    def __repr__(self) -> str:
        return self._in(UnicodePrinter())


class PrintedLine(Printed):
    """A name and what it equals, in the notations of people; its runnable text is its own business."""

    @property
    def unicode(self) -> str:
        """In Unicode characters: ``dW₃ = dZ₃A₂ᵀ``."""
        return self._in(UnicodePrinter())

    @property
    def latex(self) -> str:
        r"""In LaTeX, without dollar signs: ``dW_3 = dZ_3 A_2^T``."""
        return self._in(LatexPrinter())

    @property
    def mathml(self) -> str:
        """As a MathML ``math`` element."""
        return self._in(MathmlPrinter())
