"""The names under which formulas are given, read as the left side of a line in a file is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from chainrule.errors import ArgumentError, FormulaError
from chainrule.judging.reading.parsing import read_name
from chainrule.shown.text import on_one_line


def canonical(keys: Iterable[str], known: Collection[str]) -> dict[str, str]:
    r"""Every key with the name that it means: a name of the graph in whichever notation, else the key itself.

    Raises ArgumentError where two keys mean one name.

    >>> canonical(["dZ_3", "dW₃", "mine"], {"dZ3", "dW3"})
    {'dZ_3': 'dZ3', 'dW₃': 'dW3', 'mine': 'mine'}
    """
    found: dict[str, str] = {}
    for key in keys:
        found[key] = name = _read(key, known)
        twins = [other for other in found if other != key and found[other] == name]
        if twins:
            raise ArgumentError(
                f"{name} is given twice",
                given=on_one_line(f"{twins[0]!r} and {key!r}"),
                remedy="one line for each name",
            )
    return found


def _read(key: str, known: Collection[str]) -> str:
    if key in known:
        return key
    try:
        name = read_name(key, known)
    except FormulaError:
        return key
    return name if name in known else key


def meant(name: str, known: Iterable[str]) -> str | None:
    """The name of the graph that one of the user's own is nearly, None if there is none.

    Nearly is a letter more, less or other, large letters for small ones, or another way to write a derivative.

    >>> meant("dw2", ["dW2", "dZ2"]), meant("grad_Z2", ["dW2", "dZ2"]), meant("l1", ["dW2", "A1"])
    ('dW2', 'dZ2', None)
    >>> meant("W2_grad", ["dW2", "dZ2"]), meant("dzz2", ["dW2", "dZ2"])
    ('dW2', 'dZ2')
    """
    names = list(known)
    plain = _plain(name)
    same = [other for other in names if _plain(other) == plain]
    long = [other for other in names if len(other) > 2 and len(name) > (1 if name.startswith("d") else 2)]
    near = [other for other in long if _one_edit(name, other) or _one_edit(plain, _plain(other))]
    return next(iter([*same, *(other for other in near if other.startswith("d"))]), None)


def _plain(name: str) -> str:
    """A name without what writers do differently: capitals, signs, and how a derivative begins, or ends."""
    name = re.sub(r"^(\w+?)_?(?:grads?|gradients?|delta|_d|_g)$", r"d\1", name)
    text = re.sub(r"^(?:d[LJ]_?/?_?d|grads?_?|delta_?|d_)(?=\w)", "d", name)
    return re.sub(r"[\W_]", "", text).casefold()


def _one_edit(a: str, b: str) -> bool:
    """Whether one letter more, one less, or another one turns one name into the other."""
    short, long = sorted((a, b), key=len)
    if len(long) - len(short) > 1:
        return False
    same = next((k for k, (x, y) in enumerate(zip(short, long, strict=False)) if x != y), len(short))
    rest = long[same + 1 :]
    return rest in (short[same:], short[same + 1 :])
