"""A derivation as something to hand on: a LaTeX file, Markdown, a cell of a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, Final

from chainrule.core.accepting import as_path
from chainrule.core.saving import replaced
from chainrule.errors import ArgumentError
from chainrule.notation import LatexPrinter
from chainrule.notation.printer import Section
from chainrule.notation.typeset import typeset
from chainrule.shown.text import visible

_LINES: Final = 25  # in one display: more would not fit on a page
_HEAD: Final = (
    r"\documentclass{article}",
    r"\usepackage{amsmath,graphicx}",
    r"\usepackage[margin=2cm]{geometry}",
)
_FITTED: Final = (
    r"\newsavebox\fittedbox",
    r"\newcommand\fitted[1]{\sbox\fittedbox{$\displaystyle#1$}%",
    r"  \ifdim\wd\fittedbox>\linewidth\resizebox{\linewidth}{!}{\usebox\fittedbox}\else\usebox\fittedbox\fi}",
    r"\setlength\parindent{0pt}\setlength\parskip{1.5ex}",
    r"\begin{document}",
)


def document(sections: Sequence[Section], notes: Sequence[str], title: str = "") -> str:
    """A file for pdflatex, of what a LatexPrinter has written."""
    body = [rf"\section*{{{_text(title)}}}"] if title else []
    body += [f"\\fitted{{{_page(section)}}}\n" for section in _displays(sections)]
    body += [f"{_text(note)}\n" for note in notes]
    characters = sorted({c for line in body for c in line if not c.isascii()})
    return "\n".join([*_HEAD, *map(_declared, characters), *_FITTED, *body, r"\end{document}", ""])


def markdown(sections: Sequence[Section], notes: Sequence[str], title: str = "") -> str:
    """Displays between two dollar signs, under a heading."""
    heading = f"## {' '.join(visible(title).split())}\n\n" if title else ""
    shown = [*map(_page, sections), *map(LatexPrinter().words, notes)]
    return heading + "\n".join(f"$$\n{part}\n$$\n" for part in shown)


def cell(text: str) -> dict[str, Any]:
    """Markdown as a cell of nbformat 4.5."""
    lines = text.splitlines(keepends=True)
    return {"cell_type": "markdown", "id": "derivation", "metadata": {}, "source": lines}


def write(path: str | PathLike[str], forms: Mapping[str, Callable[[], str]]) -> None:
    """Write the form that the extension names."""
    place = as_path(path)
    if place.suffix not in forms:
        raise ArgumentError(f"{place.name} has none of the extensions {', '.join(forms)}", remedy="derivation.tex")
    replaced(place, forms[place.suffix]().encode("utf-8"))


def _displays(sections: Sequence[Section]) -> Iterator[Section]:
    """The sections in parts that a page can hold; a title stands over the first."""
    for title, lines in sections:
        for start in range(0, len(lines), _LINES):
            yield (title if start == 0 else "", lines[start : start + _LINES])


def _page(section: Section) -> str:
    title, lines = section
    return LatexPrinter().page([(title or "...", lines)], ())


def _text(text: str) -> str:
    return "".join(typeset(visible(text)))


def _declared(character: str) -> str:
    r"""What pdflatex prints for a character that its fonts lack, in text and in mathematics alike."""
    written = "".join(typeset(character))
    shown = rf"\ensuremath{{{{}}{written[1:-1]}}}" if written.startswith("$") else rf"\text{{{written}}}"
    return rf"\DeclareUnicodeCharacter{{{ord(character):04X}}}{{{shown}}}"
