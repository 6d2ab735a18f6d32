"""Words of the Python that plans print."""

from __future__ import annotations

import builtins
import functools
import keyword
from collections.abc import Iterable
from typing import Final, final

import numpy as np

from chainrule.symbols import elementary, standardizing, windows


@final
class Names:
    """Names that are valid in Python, each given once."""

    def __init__(self) -> None:
        self.taken = set(_reserved())

    def fresh(self, wanted: str) -> str:
        """The wanted name, or one like it."""
        stem = name = _in_ascii(wanted)[:40] or "_"
        if name[0].isdigit():
            stem = name = f"_{name}"
        count = 1
        while name in self.taken:
            count += 1
            name = f"{stem}_{count}"
        self.taken.add(name)
        return name


def _in_ascii(text: str) -> str:
    """The text with a _ for all but letters and digits of ASCII; a pattern took 0.2 ms of the first plan."""
    if text.isascii() and text.isidentifier():
        return text
    return "".join([c if c.isascii() and c.isalnum() else "_" for c in text])


@functools.cache
def _reserved() -> frozenset[str]:
    """The names that mean something in printed text; to list those of NumPy takes longer than a small function."""
    words = {*dir(builtins), *keyword.kwlist, *keyword.softkwlist, *dir(np), *_NAMES_OF_OPERATIONS, "prepare", "run"}
    return frozenset(words)


_NAMES_OF_OPERATIONS: Final = frozenset((*vars(elementary), *vars(standardizing), *vars(windows)))


def constant_name(number: float) -> str:
    """A name for a number: _minus_700, _0_5, _nan."""
    return f"{'_minus' if number < 0 else ''}_{_in_ascii(f'{abs(number):g}')}"


def tuple_text(parts: Iterable[str]) -> str:
    """A tuple of what these texts say.

    >>> tuple_text(["m"]), tuple_text(["3", "m"]), tuple_text([])
    ('(m,)', '(3, m)', '()')
    """
    texts = list(parts)
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"
