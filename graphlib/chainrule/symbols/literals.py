"""Numbers and text as Python prints them itself, in the place of kinds of them that print themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

_EXACT = frozenset((int, float, bool, str, type(None), type(...)))


def literal(value: Any) -> Any:
    """The value with every number and text in it of Python's own type: an IntEnum's number, and no ``__repr__`` of it.

    What a rule records is printed, in formulas and in plans that are run; only literals are printed there.

    >>> import enum
    >>> class Axis(enum.IntEnum):
    ...     COLUMNS = 1
    >>> literal(Axis.COLUMNS), literal((slice(Axis.COLUMNS, None), "m"))
    (1, (slice(1, None, None), 'm'))
    """
    kind = type(value)
    if kind in _EXACT or isinstance(value, (np.generic, np.ndarray)):
        return value
    if kind is tuple or kind is list:
        return kind(map(literal, value))
    if kind is slice:
        return slice(*map(literal, (value.start, value.stop, value.step)))
    for own in (int, float, str):
        if isinstance(value, own):
            return _exactly(own, value)
    return value


def _exactly(kind: Any, value: Any) -> Any:
    """The same of the kind itself, whatever the subclass has made of its methods."""
    return str.__str__(value) if kind is str else kind.__pos__(value)
