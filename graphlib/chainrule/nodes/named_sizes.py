"""The numbers that sizes with a name have in a run, for rules whose facts say them: a shape, the bounds of a slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.core.learning import expected_shape
from chainrule.core.node import Node
from chainrule.errors import ArgumentError
from chainrule.symbols.dimensions import Dimension
from chainrule.symbols.symbol import Symbol, Value


def in_numbers(node: Node, said: Any, values: Sequence[Value]) -> Any:
    """A shape or a key with numbers for its named sizes, told by the values that the node reads.

    Symbols keep the names. Raises ArgumentError for a size that none of the values tells.
    """
    named = named_in(said)
    if not named:
        return said
    if any(isinstance(value, Symbol) for value in values):
        _check_told(named, values)
        return said
    found = expected_shape(tuple(named), [source.shape for source in node.inputs], values)
    numbers = dict(zip(named, found, strict=True))
    _check_none_missing([str(size) for size, number in numbers.items() if number is None])
    return _exchanged(said, numbers)


def _check_told(named: Sequence[Dimension], values: Sequence[Value]) -> None:
    """Raise ArgumentError for a size whose names stand in no shape of the values, all of which are known."""
    shapes = [value.known_shape if isinstance(value, Symbol) else np.shape(value) for value in values]
    if None not in shapes:
        sizes = [size for shape in shapes for size in shape or () if isinstance(size, Dimension)]
        known = frozenset().union(*(size.names for size in sizes))
        _check_none_missing([str(size) for size in named if not size.names <= known])


def _check_none_missing(missing: Sequence[str]) -> None:
    if missing:
        raise ArgumentError(
            f"no input tells the number of {', '.join(missing)}", remedy="a further input whose shape has that name"
        )


def named_in(said: Any) -> list[Dimension]:
    """The sizes with a name in a shape or a key, each once."""
    found: dict[Dimension, None] = {}
    waiting = [said]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Dimension):
            found[part] = None
        elif isinstance(part, (tuple, list)):
            waiting.extend(part)
        elif isinstance(part, slice):
            waiting.extend((part.start, part.stop, part.step))
    return list(found)


def _exchanged(said: Any, numbers: Mapping[Dimension, int | None]) -> Any:
    if isinstance(said, Dimension):
        return numbers[said]
    if isinstance(said, (tuple, list)):
        return tuple(_exchanged(part, numbers) for part in said)
    if isinstance(said, slice):
        return slice(*(_exchanged(part, numbers) for part in (said.start, said.stop, said.step)))
    return said
