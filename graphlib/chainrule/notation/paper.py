"""How a recorded expression reads on paper, in whatever notation: what is left out, what has another form.

Axes of size 1 and copies are bookkeeping of arrays and are left out; the NumPy text has them. Where NumPy names an
axis, paper says rows or columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, final

import numpy as np

from chainrule.notation.names import parts
from chainrule.symbols import elementary
from chainrule.symbols.dimensions import Dimension, Shape
from chainrule.symbols.operations import OPERATIONS, index, number
from chainrule.symbols.symbol import Symbol, known_shape


@final
class Factors(NamedTuple):
    """Factors that are multiplied: a number, sizes such as m, and values."""

    number: Any
    sizes: list[Any]
    values: list[Any]


OVER_CLASSES = (elementary.softmax, elementary.log_softmax)  # examples are columns: along the rows needs no saying
_BOOKKEEPING = (number, np.astype, np.copy, np.expand_dims, np.squeeze, np.positive)
_AS_WRITTEN: dict[Any, Callable[..., Any]] = {
    np.log1p: lambda x: np.log(1 + x),
    np.expm1: lambda x: np.exp(x) - 1,
    np.reciprocal: lambda x: 1 / x,
    np.zeros_like: lambda x: 0,
    np.ones_like: lambda x: 1,
    np.full_like: lambda x, value: value,
    np.zeros: lambda **options: 0,
    np.ones: lambda **options: 1,
    np.full: lambda fill_value, **options: fill_value,
    **{
        row.function: row.textbook
        for row in OPERATIONS.values()
        if row.textbook is not None and (not row.has_name or row.function is elementary.logsumexp)
    },
}


def on_paper(x: Any) -> Any:
    """An expression without what is only bookkeeping of arrays, and in the form that paper has for it."""
    while isinstance(x, Symbol) and (meant := _on_paper(x)) is not x:
        x = meant
    return x


def _on_paper(x: Symbol) -> Any:
    """What paper has in the place of an operation: its operand for bookkeeping, a longer form for some functions."""
    if x.operation in _BOOKKEEPING:
        return x.operands[0]
    if x.operation is index and only_adds_axes(x.operands[1]):
        return x.operands[0]
    if x.operation is np.reshape and _same_but_ones(x.known_shape, known_shape(x.operands[0])):
        return x.operands[0]
    written = _AS_WRITTEN.get(x.operation)
    return x if written is None else written(*x.operands, **x.options)


def only_adds_axes(key: Any) -> bool:
    """Whether an index only puts in axes of size 1."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(part is None or part is Ellipsis or (isinstance(part, slice) and part == slice(None)) for part in parts)


def _same_but_ones(a: Shape | None, b: Shape | None) -> bool:
    return a is not None and b is not None and [n for n in a if n != 1] == [n for n in b if n != 1]


def taken_apart(x: Any) -> tuple[bool, Factors, Factors]:
    """Whether a product is negative, and its factors above and below the line, in the order of their recording."""
    negative = False
    above, below = Factors(1, [], []), Factors(1, [], [])
    waiting: list[tuple[Any, bool]] = [(x, True)]
    while waiting:
        x, is_above = waiting.pop()
        x = on_paper(x)
        operation = x.operation if isinstance(x, Symbol) else None
        number = number_in(x)
        if operation is np.multiply:
            waiting += [(x.operands[1], is_above), (x.operands[0], is_above)]
        elif operation is np.divide:
            waiting += [(x.operands[1], not is_above), (x.operands[0], is_above)]
        elif operation is np.negative:
            negative = not negative
            waiting.append((x.operands[0], is_above))
        elif number is None:
            side = above if is_above else below
            (side.sizes if isinstance(x, Dimension) else side.values).append(x)
        else:
            negative ^= number < 0
            above, below = (_times(above, number), below) if is_above else (above, _times(below, number))
    return negative, above, below


def _times(factors: Factors, number: Any) -> Factors:
    return factors._replace(number=factors.number * abs(number))


def number_in(x: Any) -> Any:
    """The number that a constant is, None for anything else."""
    if isinstance(x, Symbol):
        if x.operation is not None or x.name is not None or x.known_shape != ():
            return None
        x = x.operands[0]
    x = x.item() if isinstance(x, (np.ndarray, np.generic)) and x.ndim == 0 else x
    return x if isinstance(x, (int, float)) and not isinstance(x, bool) else None


def is_scalar(x: Any) -> bool:
    """Whether a value multiplies everything alike, so that no sign says whether the product is element-wise."""
    return known_shape(x) == ()


def is_short(x: Any) -> bool:
    """Whether a factor reads as one thing with nothing between it and its neighbor: ``A₂ᵀ``, not ``price``."""
    waiting = [x]
    while waiting:
        while isinstance(x := on_paper(waiting.pop()), Symbol) and x.operation in _RAISED:
            waiting.append(x.operands[0])
        if isinstance(x, Symbol) and x.operation is np.matmul:
            waiting.extend(x.operands)
        elif not _is_short(x):
            return False
    return True


def _is_short(x: Any) -> bool:
    if isinstance(x, Symbol) and x.operation is index and entry_places(*x.operands):
        x = x.operands[0]
    if isinstance(x, Dimension) or (isinstance(x, Symbol) and x.name is not None):
        name = parts(str(x) if isinstance(x, Dimension) else str(x.name))
        return name.kind == "letter" and not name.script[:1].isalpha()
    return isinstance(x, Symbol) and x.operation in _IN_PARENTHESES


_IN_PARENTHESES = (np.add, np.subtract, np.multiply, np.divide)
_RAISED = (np.transpose, np.swapaxes, np.power, np.square)


def swaps_last_axes(x: Symbol) -> bool:
    """Whether an arrangement of axes is the transpose of matrices."""
    shape = known_shape(x.operands[0])
    if shape is None:
        return False
    if x.operation is np.transpose:
        return not x.options and len(shape) <= 2
    return {x.options["axis1"] % len(shape), x.options["axis2"] % len(shape)} == {len(shape) - 2, len(shape) - 1}


def summed_over(x: Symbol) -> str:
    """What an axis is called on paper: columns, rows, or an axis with a number; "" for everything there is."""
    shape, axis = known_shape(x.operands[0]), x.options.get("axis")
    if shape is None:
        return "" if axis is None else f"axis {axis}"
    named = () if axis is None or not shape else axis if isinstance(axis, tuple) else (axis,)
    axes = {k % len(shape) for k in named}
    if len(axes) in (0, len(shape)):
        return "" if len(shape) < 2 or x.operation not in OVER_CLASSES else "all"
    if len(shape) == 2:
        return "columns" if axes == {1} else "rows"
    return f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, sorted(axes)))}"


def entry_places(value: Any, key: Any) -> tuple[int, ...] | None:
    """The places of a single entry of a named value, from 1; a last axis of size 1 needs no place."""
    shape = known_shape(value)
    if not isinstance(value, Symbol) or value.name is None or not isinstance(key, tuple) or shape is None:
        return None
    if len(key) != len(shape) or not key or any(type(k) is not int or k < 0 for k in key):
        return None
    shown = key[:-1] if shape[-1] == 1 and len(key) > 1 else key
    return tuple(k + 1 for k in shown)


def slice_text(part: slice) -> str:
    """A slice as it stands in square brackets: ``1:``."""
    bounds = ["" if bound is None else str(bound) for bound in (part.start, part.stop)]
    return ":".join(bounds) + (f":{part.step}" if part.step is not None else "")


def named_power(name: str, power: int) -> Any:
    """A power of a named size."""
    size = Dimension.named(name)
    return size if power == 1 else Symbol(np.power, (size, power), shape=())
