"""The formulas of a text or of a file, in whichever notation each is written."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable
from typing import Final

from chainrule.errors import FormulaError
from chainrule.judging.reading.bounds import DEEPEST, LONGEST, MOST_FORMULAS
from chainrule.judging.reading.forms import name_in
from chainrule.judging.reading.latex import read
from chainrule.judging.reading.messages import NO_ROOM, readable
from chainrule.judging.reading.numpy_text import STRING, read_numpy
from chainrule.judging.reading.passage import Passage
from chainrule.judging.reading.user_formula import UserFormula, formula_of

_NESTING: Final = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


def parse(text: str, names: Iterable[str] | None = None) -> UserFormula:
    r"""The formula that a text says: NumPy text, Unicode, or LaTeX in the notation of ``reading.latex``.

    ``names`` are the values that exist. With them an unknown name is an error that says which one may be meant, and a
    name such as ``W_1`` is taken to the letter where a value is called so (otherwise it is ``W1``).
    Raises FormulaError with line and column.

    >>> parse("dZ3 @ A4.T", names=["dZ3", "A2"])
    Traceback (most recent call last):
    chainrule.errors.FormulaError: no value is called 'A4' (did you mean 'A2'?)
      where: line 1, column 7
      try:   the values are dZ3, A2
    """
    if not isinstance(text, str):
        raise FormulaError(f"a formula is text, not {type(text).__name__}")
    return _parse(Passage(text), None if names is None else dict.fromkeys(names))


def parse_lines(text: str, names: Iterable[str] | None = None) -> dict[str, UserFormula]:
    r"""The formulas of a file: lines ``name = formula``, comments behind ``#`` or ``%``, empty lines.

    A line may use the names of the lines above it. Raises FormulaError, with line and column, for a line that is no
    formula, for a name that is given twice, and for more than 1,000 formulas.

    >>> formulas = parse_lines("dZ3 = A3 - Y  # per example\n\ndW_3 = dZ_3 A_2^T")
    >>> {name: formula.text for name, formula in formulas.items()}
    {'dZ3': 'A3 - Y', 'dW3': 'dZ3 @ A2.T'}
    """
    if not isinstance(text, str):
        raise FormulaError(f"formulas are text, not {type(text).__name__}")
    known = None if names is None else dict.fromkeys(names)
    formulas: dict[str, UserFormula] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        content = _without_comment(line)
        if not content.strip():
            continue
        if len(formulas) == MOST_FORMULAS:
            raise Passage(content, number).error(0, f"there are more than {MOST_FORMULAS:,} formulas")
        left, right = _sides(content, number)
        name = _left_name(left, known)
        if name in lines:
            raise left.error(left.indent, f"{name!r} is given in line {lines[name]} already")
        formulas[name], lines[name] = _parse(right, known), number
        if known is not None:
            known[name] = None
    return formulas


def read_name(text: str, names: Iterable[str] | None = None) -> str:
    """The name that a text is, in whichever notation; raises FormulaError for anything else.

    >>> read_name("dZ_3"), read_name("dW₃")
    ('dZ3', 'dW3')
    """
    return _left_name(Passage(text), None if names is None else dict.fromkeys(names))


# --- lines ---------------------------------------------------------------------------------------------------------


def _without_comment(line: str) -> str:
    return re.split(r"#|(?<!\\)%", line)[0].rstrip().removesuffix("\\\\")


def _sides(content: str, number: int) -> tuple[Passage, Passage]:
    """The text on both sides of the first equals sign that stands in no parentheses and is no comparison."""
    depth = 0
    for at, character in enumerate(content):
        depth += _NESTING.get(character, 0)
        alone = content[at + 1 : at + 2] != "=" and content[at - 1 : at] not in ("=", "<", ">", "!", ":")
        if character == "=" and depth == 0 and alone:
            left = content[:at].rstrip().removesuffix("&")
            return Passage(left, number), Passage(content[at + 1 :], number, at + 2)
    line = Passage(content, number)
    raise line.error(line.indent, f"{readable(content.strip())} is no line of the form name = formula")


def _left_name(left: Passage, known: Collection[str] | None) -> str:
    """The name on the left, in whichever notation."""
    if left.text.strip() in (known or ()):
        return left.text.strip()
    name = name_in(_tree(left, known))
    if name is None:
        raise left.error(left.indent, f"{readable(left.text.strip())} is no name to the left of =")
    return name


# --- text to expression --------------------------------------------------------------------------------------------


def _parse(passage: Passage, known: dict[str, None] | None) -> UserFormula:
    return formula_of(_tree(passage, known), passage.text, passage, known)


def _tree(passage: Passage, known: Collection[str] | None) -> ast.expr:
    """The expression of a text in whichever notation it is."""
    _bound_text(passage)
    written = is_written(STRING.sub("", passage.text))
    try:
        return read(passage, known or ()) if written else read_numpy(passage, known)
    except FormulaError:
        if written or not re.search(r"_\d", passage.text):
            raise
        return read(passage, known or ())
    except (RecursionError, MemoryError):
        raise passage.error(0, NO_ROOM) from None


def is_written(text: str) -> bool:
    r"""Whether text is in the notation of paper rather than in NumPy's.

    >>> is_written("dZ_3 A_2^T"), is_written("dZ₃"), is_written("dZ3 @ A2.T")
    (True, True, False)
    """
    return not text.isascii() or any(mark in text for mark in "\\^{}$")


def _bound_text(passage: Passage) -> None:
    if len(passage.text) > LONGEST:
        raise passage.error(LONGEST, f"a formula of {len(passage.text):,} characters has more than {LONGEST:,}")
    if not passage.text.strip():
        raise passage.error(0, "there is no formula")
    depth = 0
    for at, character in enumerate(passage.text):
        depth += _NESTING.get(character, 0)
        if depth > DEEPEST:
            raise passage.error(at, f"brackets stand more than {DEEPEST} deep")
