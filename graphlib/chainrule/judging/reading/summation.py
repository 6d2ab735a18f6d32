r"""What a sum on paper runs over, by what stands below and above its sign."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from chainrule.judging.reading.messages import readable

COMMANDS_AND_SPACE: Final = re.compile(r"\\[A-Za-z]+|[\s{}\\]")
_SIZE: Final = re.compile(r"\w+|[A-Za-z]\w*[\^_]?[(\[]\w+[)\]]")


def summed_over(low: str, high: str, examples: Sequence[Any]) -> str:
    r"""What a sum runs over: "columns", "rows", "examples", "all", "i", "j", or "open" where the shapes tell.

    ``low`` and ``high`` stand below and above the sign. Raises ValueError, with what is
    wrong and what would be right, for a sum that leaves entries out, and for one that could be of rows or of columns.

    >>> summed_over("i=1", "m", ()), summed_over("i=0", "m-1", ()), summed_over("j", "", ()), summed_over("", "", ())
    ('examples', 'examples', 'j', 'all')
    >>> summed_over("i=1", "m-1", ())
    Traceback (most recent call last):
    ValueError: ("a sum from 'i=1' to 'm-1' leaves some out, and a formula is one for all", '\\sum_{i=1}^{m}')
    """
    index, _, first = COMMANDS_AND_SPACE.sub("", low).partition("=")
    last = COMMANDS_AND_SPACE.sub("", high)
    if not _is_whole(first, last, examples):
        told = f"a sum from {readable(low)} to {readable(high)} leaves some out, and a formula is one for all"
        raise ValueError(told, r"\sum_{i=1}^{m}")
    if index == "examples" or (last in ("m", "m-1") and index not in ("columns", "rows")):
        return "examples"
    if index in ("columns", "rows", "i", "j"):
        return index
    if not index:
        return "all"
    if len(index) == 1 and index.isalpha() and examples:
        return "open"
    told = f"a sum over {readable(low)} could mean rows or columns"
    raise ValueError(told, r"\sum_{columns} or \sum_{rows}")


def _is_whole(first: str, last: str, examples: Sequence[Any]) -> bool:
    """Whether the bounds of a sum are those of an axis, counted from 1 or from 0."""
    if first == "0":
        number = str(int(last) + 1) if last.isdecimal() and len(last) < 9 else last.removesuffix("-1")
    else:
        number = last
    if first not in ("", "0", "1") or (first == "0" and number == last):
        return False
    if number.isdecimal() and examples:
        return any(number == str(size) for value in examples for size in np.shape(value))
    return not number or bool(_SIZE.fullmatch(number))
