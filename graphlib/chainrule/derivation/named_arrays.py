"""Names for arrays of numbers that are too large to be written into a line."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, final

from chainrule.symbols.symbol import Symbol

_MOST_ENTRIES: Final = 9  # of an array that stands in a line
_KINDS: Final = {"b": "mask", "i": "index", "u": "index"}


@final
class NamedArrays:
    """Gives every large array a name, the same one to the same numbers.

    >>> import numpy as np
    >>> named = NamedArrays(taken={"index1"})
    >>> named(np.arange(12)).name, named(np.arange(3)), list(named.values)
    ('index2', None, ['index2'])
    """

    def __init__(self, taken: Collection[str]) -> None:
        self._taken = set(taken)
        self._symbols: dict[Any, Symbol] = {}
        self.values: dict[str, Any] = {}
        """The arrays by name."""

    def __call__(self, array: Any) -> Symbol | None:
        """The name of an array; None for one that is small."""
        if array.size <= _MOST_ENTRIES:
            return None
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._symbols:
            name = self._free(_KINDS.get(array.dtype.kind, "array"))
            self.values[name] = array
            self._symbols[key] = Symbol.leaf(name, array.shape, array.dtype)
        return self._symbols[key]

    def _free(self, kind: str) -> str:
        number = next(k for k in range(1, len(self._taken) + 2) if f"{kind}{k}" not in self._taken)
        self._taken.add(f"{kind}{number}")
        return f"{kind}{number}"
