"""The names under which formulas are given, read as the left side of a line in a file is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

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


def meant(name: str, known: Iterable[str], losses: Collection[str] = ()) -> str | None:
    """The name of the graph that one of the user's own is nearly, None if there is none.

    Nearly is a letter more, less or other, large letters for small ones, a number in words, or another way to write a
    derivative. ``losses`` are the gradients of the loss, which has many names.

    >>> meant("dw2", ["dW2", "dZ2"]), meant("grad_Z2", ["dW2", "dZ2"]), meant("l1", ["dW2", "A1"])
    ('dW2', 'dZ2', None)
    >>> meant("W2_grad", ["dW2", "dZ2"]), meant("dzz2", ["dW2", "dZ2"]), meant("dweights_two", ["dW2", "dZ2"])
    ('dW2', 'dZ2', 'dW2')
    >>> meant("gW2", ["dW2", "dZ2"]), meant("W2g", ["dW2", "dZ2"]), meant("dloss", ["dW2", "dJ"], ["dJ"])
    ('dW2', 'dW2', 'dJ')
    """
    names, forms = list(known), _forms(name)
    same = [other for other in names if _plain(other) in forms]
    long = [other for other in names if len(other) > 2 and len(name) > (1 if name.startswith("d") else 2)]
    near = [other for other in long if _one_edit(name, other) or any(_one_edit(f, _plain(other)) for f in forms)]
    loss = [other for other in losses if forms & _OF_LOSSES]
    gradients = [other for other in near if other.startswith("d")]
    return next(iter([*same, *loss, *gradients]), None)


def speaks_of_gradients(name: str) -> bool:
    """Whether a name says that it is a gradient, without saying of what.

    >>> [speaks_of_gradients(name) for name in ("grad", "gradients", "dgrad", "delta", "l1", "mask")]
    [True, True, True, True, False, False]
    """
    return _plain(name) in _WORDS


_WORDS: Final = frozenset(
    "grad grads gradient gradients dgrad dgradient delta deltas derivative derivatives deriv nabla backprop backward"
    " dloss dcost d dout upstream jacobian".split()
)
_OF_LOSSES: Final = frozenset(f"d{word}" for word in "loss cost error objective j l e c".split())
_NUMBERS: Final = {
    word: str(k) for k, word in enumerate("zero one two three four five six seven eight nine ten".split())
}
_WRITTEN_OUT: Final = {"weights": "w", "weight": "w", "biases": "b", "bias": "b", "activation": "a"}
_SPELLED: Final = re.compile("|".join((*_NUMBERS, *_WRITTEN_OUT)))
_BEGUN: Final = re.compile(
    r"^(?:d(?:[ljec]|loss|cost|error)_?/?_?d_?|d_|(?:partial|gradients?|grads?|nabla|delta|del)_?(?:of_|wrt_|l_)?|∂|∇|g_)(?=\w)"
)
_ENDED: Final = re.compile(r"^(\w+?)_?(?:grads?|gradients?|deltas?|derivative|deriv|bar|_d|g)$")


def _forms(name: str) -> set[str]:
    """The plain names that one may stand for: as it is written, and what is a derivative in other ways."""
    text = re.sub(r"^delta_?(?=\d+$)", "dz", name.casefold())  # what many call the gradient of what goes into a layer
    found = {text, _BEGUN.sub("d", text), _ENDED.sub(r"d\1", text)}
    if re.match(r"g[A-Z]", name):
        found.add(f"d{text[1:]}")
    found |= {_SPELLED.sub(lambda word: (_NUMBERS | _WRITTEN_OUT)[word[0]], form) for form in found}
    return {_plain(form) for form in found}


def _plain(name: str) -> str:
    """A name without what writers do differently: capitals and signs."""
    return re.sub(r"[\W_]", "", name).casefold()


def _one_edit(a: str, b: str) -> bool:
    """Whether one letter more, one less, or another one turns one name into the other."""
    short, long = sorted((a, b), key=len)
    if len(long) - len(short) > 1:
        return False
    same = next((k for k, (x, y) in enumerate(zip(short, long, strict=False)) if x != y), len(short))
    rest = long[same + 1 :]
    return rest in (short[same:], short[same + 1 :])
