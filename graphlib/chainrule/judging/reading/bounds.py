"""How long, how deep and how large a formula may be."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 4_000
"""How many characters a formula may have."""
MOST_FORMULAS: Final = 1_000
"""How many formulas a file may have."""
LARGEST_EXPONENT: Final = 1_000
"""How large a number may stand in an exponent."""
LONGEST_NAME: Final = 200
"""How many characters a name may have."""
DEEPEST: Final = 60
"""How deep parentheses may stand inside each other, and half as deep as operations may."""
MOST_NODES: Final = 500
"""How many nodes the expression of a formula may have."""
MOST_TOKENS: Final = 1_500
"""How many tokens its text may have: names, numbers and signs."""
LONGEST_NUMBER: Final = 400
"""How many digits a number may have; the largest float has 309 before the point."""
