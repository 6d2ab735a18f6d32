"""Octave's notation, told from NumPy's, and how to write the same in NumPy."""

from __future__ import annotations

import re
from typing import Final

from chainrule.judging.reading.numpy_text import STRING

_STRING: Final = re.compile(rf"(?<![\w)\]}}'.])(?:{STRING.pattern})")
_PREFIXED: Final = re.compile(r"\b[A-Za-z]{1,2}'[^'\s]*'")
_ENTRYWISE: Final = re.compile(r"(?<![\d.])\s*\.(?:[*/^])|(?<![A-Za-z_\d.])\d+\.\^|[A-Za-z_]\w*\.(?:[*/^])")
_TRANSPOSED: Final = re.compile(r"(?<=[\w)\]])\s?\.?'(?!\s*[(\w\[])")
_SUM: Final = re.compile(r"\b(sum|mean|max)\s*\(([^(),]*(?:\([^()]*\)[^(),]*)*),\s*([12])\s*\)")
_PRODUCT: Final = re.compile(r"(?P<number>\b(?:\d[\d.]*|m)\s*)?(?<!\*)(?<!\.)\*(?!\*)(?P<behind>\s*(?:\.?\d|m\b))?")


def octave_sign(text: str) -> int | None:
    """Where a text can only be Octave's (or MATLAB's), None where it may be NumPy's.

    >>> octave_sign("dZ2 * A1'"), octave_sign("dA2 .* A2 .* (1 - A2)"), octave_sign("1./m * np.dot(dZ3, A2.T)")
    (8, 4, None)
    """
    bare = _PREFIXED.sub(_blank, _STRING.sub(_blank, text))
    signs = ((_ENTRYWISE, 2), (_TRANSPOSED, 1))
    return min((found.end() - length for sign, length in signs if (found := sign.search(bare))), default=None)


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def in_numpy(text: str) -> str:
    """The text with Octave's signs exchanged for NumPy's: good enough to show what is meant.

    >>> in_numpy("(W2' * dZ2) .* A1 .* (1 - A1)"), in_numpy("1/m * sum(dZ2, 2)")
    ('(W2.T @ dZ2) * A1 * (1 - A1)', '1/m * np.sum(dZ2, axis=1, keepdims=True)')
    """
    text = _PRODUCT.sub(
        lambda found: found[0] if found["number"] or found["behind"] else found[0].replace("*", "@"), text
    )
    text = _TRANSPOSED.sub(".T", text)
    text = text.replace(".^", "**").replace(".*", "*")
    text = re.sub(r"(?<![\d.])(\s*)\./", r"\1/", text)
    text = re.sub(r"([A-Za-z_]\w*)\./", r"\1/", text)
    return _SUM.sub(lambda found: f"np.{found[1]}({found[2]}, axis={int(found[3]) - 1}, keepdims=True)", text)
