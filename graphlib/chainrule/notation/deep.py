"""The parts of a deep expression that are printed before it, so that no printer goes deeper than Python can."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from chainrule.symbols.symbol import Symbol, symbols_in

_STEP: Final = 50  # levels between two such parts; a printer takes about six calls for each level
_SPINES: Final = ((np.add, np.subtract), (np.multiply, np.divide, np.negative))


def parts_of(x: Any) -> set[int]:
    """The identities of all Symbols in an expression."""
    waiting = [x] if isinstance(x, Symbol) else []
    met = set(map(id, waiting))
    while waiting:
        for part in symbols_in(waiting.pop().operands):
            if id(part) not in met:
                met.add(id(part))
                waiting.append(part)
    return met


def deep_parts(x: Symbol, size: int) -> list[Symbol]:
    """One part for every so many levels of an expression of this many parts, the innermost first.

    A sum of sums or a product of products is one level: printers walk along them.
    """
    levels: dict[int, int] = {}
    found: list[Symbol] = []
    waiting = [x] if size > _STEP else []
    while waiting:
        top = waiting[-1]
        unknown = [] if id(top) in levels else [part for part in symbols_in(top.operands) if id(part) not in levels]
        waiting.extend(unknown)
        if unknown or id(waiting.pop()) in levels:
            continue
        level = max((levels[id(part)] + _rises(top, part) for part in symbols_in(top.operands)), default=0)
        levels[id(top)] = level
        if level % _STEP == 0 and level > max((levels[id(part)] for part in symbols_in(top.operands)), default=0):
            found.append(top)
    return found


def _rises(x: Symbol, part: Symbol) -> bool:
    """Whether an operand stands a level below; the left one of a sum or product of its own kind does not."""
    spine = next((kinds for kinds in _SPINES if x.operation in kinds), ())
    return not (part is x.operands[0] and part.operation in spine)
