"""What was found out and will be asked for again, held as long as there is room for it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar, final

_Found = TypeVar("_Found")


@final
class Held:
    """What was found by key, up to so many bytes; what was asked for longest ago makes room.

    Threads may share it: at worst two of them find the same at once, and the first to be held is handed to both.

    >>> held = Held(room=100)
    >>> held.get("a", lambda: "found", lambda text: 60), held.get("a", lambda: "found anew", lambda text: 60)
    ('found', 'found')
    >>> held.get("b", lambda: "other", lambda text: 60), held.get("a", lambda: "found anew", lambda text: 60)
    ('other', 'found anew')
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._found: dict[Hashable, tuple[Any, int]] = {}

    def get(self, key: Hashable, find: Callable[[], _Found], size: Callable[[_Found], int]) -> _Found:
        """What was found under a key, or is found now; more than there is room for is not held."""
        known = self._found.pop(key, None)
        if known is not None:
            self._found[key] = known  # behind all others
            return known[0]  # type: ignore[no-any-return]  # what find() has given for the same key
        found = find()
        taken = size(found)
        if taken <= self._room:
            found = self._found.setdefault(key, (found, taken))[0]
            self._make_room()
        return found

    def _make_room(self) -> None:
        taken = sum(size for _, size in list(self._found.values()))
        for key in list(self._found):
            if taken <= self._room:
                return
            taken -= self._found.pop(key, (None, 0))[1]
