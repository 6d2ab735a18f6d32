"""Any text as pdflatex prints it, with nothing but its own fonts."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

_SPECIAL: Final = {
    **{c: f"\\{c}" for c in "#$%&_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: f"${c}$" for c in "<>|"},
    '"': "''",
    "“": "``",
    "”": "''",
    "\u00a0": "~",
    "�": r"\textbf{?}",
}
_GREEK: Final = (
    "alpha beta gamma delta varepsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau varphi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
)
_MATHEMATICS: Final = {
    "∂": r"\partial ", "−": "-", "×": r"\times ", "∗": r"\ast ", "·": r"\cdot ", "÷": r"\div ", "√": r"\surd ",
    "…": r"\ldots ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "∞": r"\infty ", "⟶": r"\longrightarrow ",
    "→": r"\to ", "⇠": r"\leftarrow ", "←": r"\gets ", "∇": r"\nabla ", "±": r"\pm ", "ᵀ": "^{T}", "′": "'",
    "ⁿ": "^{n}", "∘": r"\circ ", "⊙": r"\odot ", "∈": r"\in ", "‖": r"\Vert ", "½": r"\frac12",
    **dict(zip("αβγδεζηθκλμνξπρστφχψωΓΔΘΛΞΠΣΦΨΩ", (f"\\{name} " for name in _GREEK.split()), strict=True)),
}  # fmt: skip
_ACCENTS: Final = {"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u0327": "c"}


def typeset(text: str) -> Iterator[str]:
    """Every character so that pdflatex prints it; one that its fonts lack by its number."""
    for c in text:
        plain = unicodedata.normalize("NFKD", c)
        if c == " ":
            yield r"\ "
        elif c in _SPECIAL:
            yield _SPECIAL[c]
        elif c in _MATHEMATICS:
            yield f"${_MATHEMATICS[c]}$"
        elif c.isascii():
            yield f"{{{c}}}" if c in "[]`'-,?!*@=" else c
        elif len(accent := unicodedata.normalize("NFD", c)) == 2 and accent[0].isascii() and accent[1] in _ACCENTS:
            yield rf"\{_ACCENTS[accent[1]]}{{{accent[0]}}}"
        elif unicodedata.decomposition(c).startswith(("<sub>", "<super>")) and plain.replace("−", "-").isascii():
            yield f"${'_' if '<sub>' in unicodedata.decomposition(c) else '^'}{{{plain.replace('−', '-')}}}$"
        else:
            yield rf"\texttt{{U+{ord(c):04X}}}"
