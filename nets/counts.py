"""What networks are built from, refused where it is none of that, and told in one line."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def checked_counts(**counts: Any) -> None:
    """Raise ValueError for what is no whole number of at least 1, by name.

    >>> checked_counts(width=32)
    """
    wrong = [name for name, count in counts.items() if not (isinstance(count, int) and count >= 1)]
    if wrong:
        given = ", ".join(repr(counts[name]) for name in wrong)
        raise ValueError(f"{' and '.join(wrong)} should be a whole number of at least 1, not {given}")


def checked_sizes(sizes: Any) -> tuple[int, ...]:
    """The sizes of all layers; ValueError where they are not two or more whole numbers of at least 1.

    >>> checked_sizes([2, 3, 1])
    (2, 3, 1)
    """
    counts = sizes if isinstance(sizes, Sequence) else ()
    if len(counts) < 2 or not all(isinstance(size, int) and size >= 1 for size in counts):
        raise ValueError(f"sizes counts the rows of the input, of any hidden layers and of the output, not {sizes}")
    return tuple(counts)


def checked_kind(given: Any, kind: type, said: str) -> None:
    """Raise ValueError, with what it should be, for what is no instance of a class."""
    if not isinstance(given, kind):
        raise ValueError(f"{said}, not {given!r}")


def checked_channels(given: Any) -> tuple[int, int]:
    """Two counts, one for each convolution; ValueError for all else.

    >>> checked_channels((8, 16))
    (8, 16)
    """
    checked_kind(given, tuple, "channels are two counts, one for each convolution")
    if len(given) != 2:
        raise ValueError(f"channels are two counts, one for each convolution, not {given!r}")
    first, second = given
    checked_counts(first=first, second=second)
    return first, second


def in_one_line(network: object, built: str, params: Mapping[str, Any]) -> str:
    """A network as it is shown: its class, what it was built from, how much there is to train.

    >>> in_one_line("any", "2-3", {"W1": np.zeros((3, 2)), "B1": np.zeros((3, 1))})
    '<str 2-3: 9 numbers to train>'
    """
    return f"<{type(network).__name__} {built}: {sum(map(np.size, params.values())):,} numbers to train>"
