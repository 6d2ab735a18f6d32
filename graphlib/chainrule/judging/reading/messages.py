"""How the errors of formulas show names, values that exist, or foreign text."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable
from typing import Final

from chainrule.errors import did_you_mean

NO_ROOM: Final = "the stack has no room for the formula"  # the depth is bounded: the caller is near its end
ALLOWED: Final = "names, numbers, + - * / @ **, comparisons, .T, indices, np.sum and other functions of NumPy"

_MOST_NAMES_COMPARED: Final = 500  # 500 names take did_you_mean a few milliseconds


def readable(text: str) -> str:
    r"""A piece of foreign text for a message: in quotes, short, with nothing in it that cannot be printed.

    >>> print(readable(r"\hat"), readable("a\tb"), readable("\u200b"))
    '\hat' 'a\tb' '\u200b'
    """
    shown = text[:40]
    unseen = any(unicodedata.category(character)[0] == "C" for character in shown)
    return ascii(shown) if unseen else repr(shown).replace(r"\\", "\\")


def suggested(name: str, known: Iterable[str]) -> str:
    """did_you_mean among as many names as can be compared in a moment."""
    shown = name if len(name) <= 40 else name[:40] + "…"
    return did_you_mean(shown, itertools.islice((other for other in known if len(other) <= 80), _MOST_NAMES_COMPARED))


def listed(names: Iterable[str]) -> str:
    """The values that there are, the first twenty by name."""
    shown = list(itertools.islice(names, 21))
    if not shown:
        return "there are no values"
    more = ", ..." if len(shown) > 20 else ""
    return f"the values are {', '.join(shown[:20])}{more}"
