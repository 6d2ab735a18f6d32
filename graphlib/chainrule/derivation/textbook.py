"""How operations read as arithmetic, and which textbook form stands for what was recorded for exactness."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.symbols import elementary
from chainrule.symbols.dimensions import Dimension
from chainrule.symbols.operations import operation as row_of
from chainrule.symbols.symbol import Symbol, known_shape

_MOST_POWERS = 4  # up to here a whole power is read as a product


def textbook_form(x: Symbol) -> Any:
    """What an operation is read as, in terms of its operands; None where it is read as it stands."""
    form = _READ_AS.get(x.operation) or _textbook(x.operation)
    return None if form is None else form(*x.operands, **x.options)


def _textbook(function: Any) -> Callable[..., Any] | None:
    """The textbook form of what has no name of its own."""
    row = row_of(function)
    return None if row is None or row.has_name else row.textbook


def _sigmoid_of_negative(z: Any) -> Any:
    if isinstance(z, Symbol) and z.operation is np.negative:
        return 1 - elementary.sigmoid(z.operands[0])
    return None


def _power_rule(x: Any, y: Any) -> Any:
    """The textbook form, which needs a number to be shorter than the name; a power of 0 has no slope."""
    number, form = constant(y), _textbook(elementary.power_slope)
    if number is None or form is None:
        return None
    return form(x, number) if number else _stretched(0, known_shape(x))


def _whole_power(x: Any, y: Any) -> Any:
    number = constant(y)
    if number is None or abs(number) not in range(_MOST_POWERS + 1):
        return None
    if number == 0:
        return _stretched(1, known_shape(x))
    product = functools.reduce(operator.mul, [x] * int(abs(number)))
    return product if number > 0 else 1 / product  # whole numbers have no negative powers in NumPy


def _stretched(number: float, shape: Any) -> Any:
    """A number in every place of a shape; None where the shape is unknown."""
    return None if shape is None else Symbol(np.broadcast_to, (number,), {"shape": shape}, shape=shape)


def _filled(number: float) -> Callable[..., Any]:
    def like(x: Any) -> Any:
        return _stretched(number, known_shape(x)) if getattr(x, "dtype", np.dtype(float)).kind == "f" else None

    return like


def constant(y: Any) -> Any:
    """The number that a scalar constant holds, None for anything that is not one."""
    if isinstance(y, Symbol) and y.operation is None and y.operands and known_shape(y) == ():
        y = y.operands[0]
    return None if isinstance(y, (Symbol, Dimension)) or np.ndim(y) else np.asarray(y).item()


_READ_AS: dict[Any, Callable[..., Any]] = {  # where it depends on the operands whether a form is shorter
    elementary.sigmoid: _sigmoid_of_negative,
    elementary.power_slope: _power_rule,
    np.power: _whole_power,
    np.ones_like: _filled(1),
    np.zeros_like: _filled(0),
    np.full_like: lambda x, value: None if (number := constant(value)) is None else _filled(number)(x),
    np.reciprocal: lambda x: 1 / x,
}
