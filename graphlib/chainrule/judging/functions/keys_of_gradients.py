"""What the keys of a learner's dict of gradients mean: with or without a d."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from chainrule.errors import ArgumentError

_FORMS: Final = re.compile(
    r"^(?:grads?_|gradient_|d_|d[LJ]_?d|nabla_|∂)(?P<behind>.+)$|^(?P<before>.+)_(?:grad|gradient)$"
)


def names_of_keys(keys: Iterable[str], gradients: Collection[str], values: Collection[str]) -> dict[str, str]:
    """Every key with the gradient that it means, or with itself where it means none.

    ``W1`` and ``dW1`` are the gradient dW1. Raises ArgumentError where two keys mean one gradient.

    >>> names_of_keys(["dZ3", "W3", "B3", "grad_A2", "mine"], ["dZ3", "dW3", "dB3", "dA2"], ["W3", "B3"])
    {'dZ3': 'dZ3', 'W3': 'dW3', 'B3': 'dB3', 'grad_A2': 'dA2', 'mine': 'mine'}
    """
    found: dict[str, str] = {}
    for key in keys:
        name = gradient_of(key, gradients) or key
        twins = [other for other, meant in found.items() if meant == name]
        if twins:
            raise ArgumentError(f"{name} is given twice", given=f"{twins[0]!r} and {key!r}", remedy="one key for each")
        found[key] = name
    return found


def gradient_of(key: str, gradients: Collection[str]) -> str | None:
    """The gradient that a key means, None for any other."""
    form = _FORMS.match(key)
    bare: list[str] = [form["behind"] or form["before"]] if form else []
    for name in (key, f"d{key}", *(f"d{name}" for name in bare), *bare):
        if name in gradients:
            return name
        folded = [other for other in gradients if other.casefold() == name.casefold()]
        if len(folded) == 1:
            return folded[0]
    return None
