"""The formula of a text, in whichever notation it is written."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable
from typing import Final

from chainrule.errors import FormulaError
from chainrule.judging.reading import octave, spelling
from chainrule.judging.reading.bounds import DEEPEST, LONGEST
from chainrule.judging.reading.fitting import OpenPlaces
from chainrule.judging.reading.forms import name_in
from chainrule.judging.reading.latex import read
from chainrule.judging.reading.messages import NO_ROOM, readable
from chainrule.judging.reading.numpy_text import STRING, read_numpy
from chainrule.judging.reading.passage import Passage
from chainrule.judging.reading.scope import Scope, as_scope
from chainrule.judging.reading.user_formula import UserFormula, formula_of

NESTING: Final = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
"""How a bracket changes the depth."""


def parse(text: str, names: Iterable[str] | None = None, shape: tuple[int, ...] | None = None) -> UserFormula:
    r"""The formula that a text says: NumPy text, Unicode, or LaTeX in the notation of ``reading.latex``.

    ``names`` are the values that exist. With them an unknown name is an error that says which one may be meant, and a
    name such as ``W_1`` is taken to the letter where a value is called so (otherwise it is ``W1``).
    Where they come with examples, ``\cdot`` is the product that fits, and ``shape``, of what the formula should give,
    tells what a bare ``\sum`` runs over. Raises FormulaError with line and column.

    >>> examples = {"dZ": [[1.0, 2, 3]], "A": [[1.0, 2, 3], [4, 5, 6]]}
    >>> parse(r"dZ \cdot A^T", examples).text, parse(r"\sum dZ", examples, shape=(1, 1)).text
    ('dZ @ A.T', 'np.sum(dZ, axis=1, keepdims=True)')
    >>> parse("dZ3 @ A4.T", names=["dZ3", "A2"])
    Traceback (most recent call last):
    chainrule.errors.FormulaError: no value is called 'A4' (did you mean 'A2'?)
      where: line 1, column 7
      try:   the values are dZ3, A2
    """
    if not isinstance(text, str):
        raise FormulaError(f"a formula is text, not {type(text).__name__}")
    return parsed(Passage(text), as_scope(names), shape)


def read_name(text: str, names: Iterable[str] | None = None) -> str:
    """The name that a text is, in whichever notation; raises FormulaError for anything else.

    >>> read_name("dZ_3"), read_name("dW₃")
    ('dZ3', 'dW3')
    """
    return name_on_the_left(Passage(text), as_scope(names))


def name_on_the_left(left: Passage, known: Collection[str] | None) -> str:
    """The name to the left of an equals sign, in whichever notation."""
    if left.text.strip() in (known or ()):
        return left.text.strip()
    kept = re.fullmatch(r"\s*(?:self|grads?|gradients?)\.(\w+)\s*", left.text)
    if kept:
        return kept[1]
    if re.fullmatch(r"\s*[A-Za-z_]\w*\s*\[[^'\"]*\]\s*", left.text):
        told = f"{readable(left.text.strip())} changes a part of a value, and formulas give whole ones"
        raise left.error(left.indent, told, "np.where(Z1 > 0, dA1, 0), probs - Y")
    name = name_in(expression(left, known))
    if name is None:
        raise left.error(left.indent, f"{readable(left.text.strip())} is no name to the left of =")
    return name


# --- text to expression --------------------------------------------------------------------------------------------


def parsed(passage: Passage, known: Scope | None, shape: tuple[int, ...] | None = None) -> UserFormula:
    """The formula of a passage."""
    places = OpenPlaces()
    formula = formula_of(expression(passage, known, places), passage.text, passage, known)
    if not (places and known):
        return formula
    places.settle(formula.tree, known, shape)
    return formula_of(formula.tree, passage.text, passage, known)


def expression(passage: Passage, known: Collection[str] | None, places: OpenPlaces | None = None) -> ast.expr:
    """The expression of a text in whichever notation it is, before it is held to the whitelist."""
    _bound_text(passage)
    return spelling.plain(_tree(passage, known, OpenPlaces() if places is None else places), passage, known)


def _tree(passage: Passage, known: Collection[str] | None, places: OpenPlaces) -> ast.expr:
    bare = STRING.sub("", passage.text)
    plain = bare.isascii() and not any(mark in bare for mark in "\\{}$")
    sign = octave.octave_sign(passage.text) if plain else None
    if sign is not None:
        shown = octave.in_numpy(passage.text.strip())
        raise passage.error(sign, "this is Octave's notation, and formulas are in NumPy's", shown)
    written = is_written(bare)
    try:
        return read(passage, known or (), places) if written else read_numpy(passage, known)
    except FormulaError:
        if written or not re.search(r"_\d", passage.text):
            raise
        return read(passage, known or (), places)
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
    if passage.text.strip() in ("", "...", "…"):
        raise passage.error(0, "there is no formula")
    depth = 0
    for at, character in enumerate(passage.text):
        depth += NESTING.get(character, 0)
        if depth > DEEPEST:
            raise passage.error(at, f"brackets stand more than {DEEPEST} deep")
