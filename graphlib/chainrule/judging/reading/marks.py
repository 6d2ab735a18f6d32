r"""What stands above a name in LaTeX: the layer, the example, a transpose, a prime, a power: ``A^{[1](i)T}``."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, final


@final
class Mark(NamedTuple):
    """One mark: its kind ("layer", "example", "T", "′" or "power") and what it says."""

    kind: str
    text: str
    start: int
    end: int


_SPACE: Final = r"(?:\s|\\[,;:!> ]|\\!|[{}])"
_LETTER: Final = r"\\(?:mathsf|mathrm|mathbf|mathit|text|textrm|textsf|sf|rm)\s*(?:\{\s*(?:T|tr)\s*\}|T)"
_T: Final = rf"(?:{_LETTER}|\\(?:top|intercal)(?![A-Za-z])|[T⊤ᵀ](?![A-Za-z]))"
_MARKS: Final = (
    ("layer", re.compile(r"(?:\\left)?\s*(?:\[|\\lbrack)\s*\{?\s*(\w+)\s*\}?\s*(?:\\right)?\s*(?:\]|\\rbrack)")),
    ("layer", re.compile(r"(?:\\left)?\s*\(\s*(\d+)\s*(?:\\right)?\s*\)|<\s*(\d+)\s*>|\\langle\s*(\d+)\s*\\rangle")),
    ("example", re.compile(r"(?:\\left)?\s*\(\s*([A-Za-z])\s*(?:\\right)?\s*\)")),
    ("T", re.compile(rf"\^?\s*(?:\{{\s*{_T}\s*\}}|{_T})")),
    ("′", re.compile(r"\^?\s*(?:\\prime(?![A-Za-z])|['′’])")),
    ("power", re.compile(r"\^?\s*(?:\\(?:circ|odot|bullet)\s*)?(?:\{\s*(\d+)\s*\}|(\d+))")),
)  # fmt: skip
_RAISED: Final = re.compile(r"⁽\s*([⁰¹²³⁴⁵⁶⁷⁸⁹]+|ⁱ)\s*⁾")
_PLAIN: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹ⁱ", "0123456789i")


def closing(text: str, at: int) -> int | None:
    """Where the group that opens at a brace is closed, None where it never is."""
    depth = 0
    for end in range(at, len(text)):
        if text[end - 1 : end] != "\\":
            depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            return end
    return None


def marks_above(text: str, at: int) -> tuple[list[Mark], int] | None:
    r"""The marks that stand above what comes before, and where they end; None where something else stands there.

    >>> marks_above(r"^{[1](i)T}", 0)
    ([Mark(kind='layer', text='1', start=2, end=5), ...], 10)
    >>> marks_above("^{-1}", 0), marks_above("^2", 0)
    (None, None)
    """
    raised = _RAISED.match(text, at)
    if raised:
        told = raised[1].translate(_PLAIN)
        return [Mark("layer" if told.isdigit() else "example", told, at, raised.end())], raised.end()
    start = re.compile(r"\^\s*").match(text, at)
    if not start:
        return None
    begin = start.end()
    end = closing(text, begin) if text.startswith("{", begin) else None
    marks, last = _read(text, begin + (end is not None), len(text) if end is None else end, once=end is None)
    if not marks or (end is not None and last != end) or all(mark.kind in ("power", "′") for mark in marks):
        return None
    return marks, last if end is None else end + 1


def _read(text: str, at: int, end: int, *, once: bool) -> tuple[list[Mark], int]:
    """Marks one behind the other, as far as there are any; a single one where no braces hold them together."""
    found: list[Mark] = []
    space = re.compile(_SPACE + "*")
    while True:
        if not once:
            at = min(space.match(text, at).end(), end)  # type: ignore[union-attr]  # it matches nothing, too
        for kind, pattern in _MARKS:
            mark = pattern.match(text, at, end)
            if mark:
                told = next((group for group in mark.groups() if group), mark[0])
                found.append(Mark(kind, told, mark.start(), mark.end()))
                at = mark.end()
                break
        else:
            return found, at
        if once and (kind != "layer" or not re.compile(_T).match(text, at)):  # W^[2]T is as good as W^{[2]T}
            return found, at
