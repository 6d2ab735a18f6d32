"""How much a search for repairs may take: counted and not timed, so that a verdict is always the same."""

from __future__ import annotations

from typing import Final, final

A_LINE: Final = 600_000
"""What the search for one formula may take, in about a microsecond each on one core."""
A_REPORT: Final = 20_000_000
"""What the searches for all formulas of a report may take together."""


@final
class Budget:
    """What is left for a search.

    >>> budget = Budget(100)
    >>> budget.take(60), budget.take(60), budget.left
    (True, False, -20)
    """

    def __init__(self, left: int = A_LINE) -> None:
        self.left = left

    def take(self, cost: int) -> bool:
        """Take a part; whether that much was left."""
        self.left -= cost
        return self.left >= 0
