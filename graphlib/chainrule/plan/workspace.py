"""The workspace of a printed function: its buffers, and which values lie in them one after another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, final

import numpy as np

from chainrule.plan.naming import Names


@final
class Workspace:
    """The buffers of a workspace; one is used again as soon as nobody needs what is in it."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.slots: list[tuple[int, np.dtype[Any]]] = []
        self.free: defaultdict[tuple[int, np.dtype[Any]], list[int]] = defaultdict(list)
        self.held: dict[str, int] = {}
        self.users: dict[tuple[int, Any], list[str]] = {}
        self.views: dict[str, bool] = {}
        """The names that stand for memory of the workspace, and whether it lies in one piece there."""

    @property
    def bytes(self) -> int:
        return sum(size * dtype.itemsize for size, dtype in self.slots)

    def take(self, shape: Sequence[int], dtype: np.dtype[Any]) -> int:
        """A free buffer of the size, or a new one."""
        size = int(np.prod(shape))
        if fitting := self.free[size, dtype]:
            return fitting.pop()
        self.slots.append((size, dtype))
        return len(self.slots) - 1

    def assign(self, name: str, slot: int, shape: Any) -> None:
        self.held[name] = slot
        self.views[name] = True
        self.users.setdefault((slot, shape), []).append(name)

    def slot_of(self, name: str) -> int | None:
        return self.held.get(name)

    def keep(self, name: str) -> None:
        """The buffer goes to another name instead of back."""
        del self.held[name]

    def release(self, name: str) -> None:
        if name in self.held:
            slot = self.held.pop(name)
            self.free[self.slots[slot]].append(slot)

    def imports(self) -> set[str]:
        return {"empty", *(dtype.name for _, dtype in self.slots)} if self.slots else set()

    def names_of_buffers(self) -> list[str]:
        """The names that stand for buffers."""
        return [name for names in self.users.values() for name in names]

    def lines(self) -> list[str]:
        """One line for each buffer and shape; names that share a buffer stand in one line."""
        first: dict[int, str] = {}
        lines = []
        for (slot, shape), names in self.users.items():
            dtype = self.slots[slot][1].name
            made = f"{first[slot]}.reshape({shape})" if slot in first else f"empty({shape}, {dtype})"
            first.setdefault(slot, names[0])
            lines.append(f"{' = '.join(names)} = {made}")
        return lines
