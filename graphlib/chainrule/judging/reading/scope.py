"""What a formula may speak of: the names that exist, and what paper leaves open about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, final

_NONE: Mapping[str, str] = MappingProxyType({})


@final
class Scope(dict[str, Any]):
    """Names with an example of each, None where none is known.

    ``activations`` are the functions by the value that they are taken of: ``{"Z1": "tanh"}`` is what g is in g'(Z1).
    ``predictions`` is the value that the loss compares with labels, which is written ŷ.
    """

    def __init__(
        self, examples: Mapping[str, Any], activations: Mapping[str, str] = _NONE, predictions: str | None = None
    ) -> None:
        super().__init__(examples)
        self.activations, self.predictions = activations, predictions


def as_scope(names: Iterable[str] | None) -> Scope | None:
    """The names as a Scope of its own, which may be added to."""
    if names is None:
        return None
    if isinstance(names, Scope):
        return Scope(names, names.activations, names.predictions)
    return Scope(dict(names) if isinstance(names, Mapping) else dict.fromkeys(names))


def activation_of(known: Collection[str], *values: str) -> str | None:
    """The function that a graph takes of the first of these values of which it takes one, if the names tell."""
    found = known.activations if isinstance(known, Scope) else _NONE
    return next((found[value] for value in values if value in found), None)
