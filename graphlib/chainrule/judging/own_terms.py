"""An expression in the terms of the lines that a person wrote, with no gradient that has none of these."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from chainrule.derivation.algebra import Algebra
from chainrule.derivation.formulas import Derivation
from chainrule.symbols.symbol import Symbol

_DEEPEST = 4  # gradients that are put in for each other


def in_terms_of(symbol: Symbol, own: Collection[str], derived: Derivation) -> Symbol:
    """The expression with the lines of gradients in their places, where a person has lines for what these read.

    A gradient that is a number, such as that of a penalty, is put in as well.
    """
    written = symbol
    for _ in range(_DEEPEST):
        lines = {name: derived[name].expression for name in _gradients_in(written, derived) - set(own)}
        known = {name: line for name, line in lines.items() if _reads_own(line, own, derived)}
        if not known:
            break
        written = _with_lines(written, known)
    return symbol if written is symbol else Algebra().simplest(written)


def _gradients_in(symbol: Symbol, derived: Derivation) -> set[str]:
    gradients = {line.name for line in derived.backward}
    return {part.name for part in _parts(symbol) if part.name in gradients and part.name is not None}


def _reads_own(line: Symbol, own: Collection[str], derived: Derivation) -> bool:
    """Whether a line reads gradients that a person has lines for, or is a number."""
    gradients = _gradients_in(line, derived)
    return gradients <= set(own) if gradients else not any(part.name for part in _parts(line))


def _parts(symbol: Symbol) -> list[Symbol]:
    """All Symbols of an expression, each once, what is read before what reads it."""
    found: dict[int, Symbol] = {}
    waiting = [symbol]
    while waiting:
        one = waiting[-1]
        new = [part for part in one.operands if isinstance(part, Symbol) and id(part) not in found]
        if new:
            waiting += new
        else:
            found[id(waiting.pop())] = one
    return list(found.values())


def _with_lines(symbol: Symbol, lines: Mapping[str, Symbol]) -> Symbol:
    made: dict[int, Symbol] = {}
    for one in _parts(symbol):
        operands = tuple(made[id(part)] if isinstance(part, Symbol) else part for part in one.operands)
        twin = Symbol(one.operation, operands, one.options, shape=one.known_shape, dtype=one.dtype)
        made[id(one)] = lines.get(one.name or "", twin if one.operation is not None else one)
    return made[id(symbol)]
