"""The parts of a name as mathematics writes it: ``dZ3`` is d, Z and an index 3."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, final

from chainrule.shown.text import visible

_WORDS: Final = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega"
)
GREEK: Final = dict(zip(_WORDS.split(), "αβγδεζηθικλμνξπρστφχψω", strict=True))
SPELLED: Final = {letter: word for word, letter in GREEK.items()}

_LETTER: Final = rf"[^\W\d_]|{'|'.join(GREEK)}"
_SHORT: Final = re.compile(rf"(d?)({_LETTER})(?:_?([0-9]+)|_(\w+))?")
_NUMBERED: Final = re.compile(r"()(\w*?[^\W\d_])_?([0-9]+)()")


@final
class Name(NamedTuple):
    """What a name consists of."""

    prefix: str
    """The d of a gradient that is written before a single letter."""
    base: str
    script: str
    """The number of a layer, or a word behind an underscore."""
    kind: str
    """"letter", "word", or "text" for what is no identifier."""


def parts(name: str) -> Name:
    """The parts of a name; any text is one.

    >>> parts("dZ3"), parts("A_out").script, parts("relu_12").base, parts("two words").kind
    (Name(prefix='d', base='Z', script='3', kind='letter'), 'out', 'relu', 'text')
    """
    if found := _SHORT.fullmatch(name):
        prefix, base, number, word = found.groups()
        return Name(prefix, GREEK.get(base, base), number or word or "", "letter")
    if not name.isidentifier():
        return Name("", visible(name), "", "text")
    if found := _NUMBERED.fullmatch(name):
        return Name("", found[2], found[3], "word")
    return Name("", name, "", "word")
