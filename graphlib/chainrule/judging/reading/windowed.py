"""Convolutions, pools and normalizations that a formula may call, bounded before anything is built.

A printed derivation may use each of them. How much there is to do follows from the shapes and from the window.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from chainrule.errors import ChainruleError, FormulaError
from chainrule.judging.reading.operands import as_axis, as_flag, as_floating, whole
from chainrule.judging.reading.work import Function, Work
from chainrule.symbols import standardizing, windows
from chainrule.symbols.operations import OPERATIONS

_MOST: Final = 1000  # of a window, a stride and a padding


def _fact(name: str, value: Any) -> Any:
    """A fact as the function takes it; raises FormulaError for any other value."""
    if name in ("center", "count_padding"):
        return as_flag(value)
    if name == "axis":
        return as_axis(value)
    if name == "epsilon":
        return float(as_floating(value))
    if name == "groups" or value is None:
        return None if value is None else whole(value, "a number of groups")
    both = value if isinstance(value, (tuple, list)) else (value, value)
    facts = tuple(whole(one, name) for one in both)
    if len(facts) != 2 or not all(0 <= one <= _MOST for one in facts):
        raise FormulaError(f"{name} is a number from 0 to {_MOST}, or two of them, not {value!r:.40}")
    return facts


def bounded(function: Callable[..., Any]) -> Function:
    """A function of this kind that counts its steps first, and says what does not fit as an error of formulas."""
    signature = inspect.signature(function)
    count = sum(parameter.default is parameter.empty for parameter in signature.parameters.values())
    operands = list(signature.parameters)[:count]

    def call(work: Work, *args: Any, **facts: Any) -> Any:
        given = signature.bind(*args, **facts).arguments
        arrays = [as_floating(given.pop(name)) for name in operands]
        checked = {name: _fact(name, value) for name, value in given.items()}
        try:
            shape = OPERATIONS[function].shape(*arrays, **checked)
            work(int(math.prod(shape)), 100)
            work(1, _padded(arrays, checked) * 10 + _products(arrays, checked, shape))
            return function(*arrays, **checked)
        except FormulaError:
            raise
        except (ChainruleError, ValueError, IndexError, ZeroDivisionError, TypeError) as error:
            said = error.what if isinstance(error, ChainruleError) else str(error)
            raise FormulaError(f"{function.__name__}: {said}") from None

    first = inspect.Parameter("work", inspect.Parameter.POSITIONAL_ONLY)
    call.__signature__ = signature.replace(parameters=[first, *signature.parameters.values()])  # type: ignore[attr-defined]  # inspect reads it
    return call


def _padded(arrays: list[Any], facts: Mapping[str, Any]) -> int:
    """How many entries the images have with what is put around them."""
    rows, columns = facts.get("padding", (0, 0))
    images = [tuple(map(int, x.shape)) for x in arrays if x.ndim == 4]
    sizes = [b * c * (height + 2 * rows) * (width + 2 * columns) for b, c, height, width in images]
    most: int = max([*sizes, *(int(x.size) for x in arrays)])
    return most


def _products(arrays: list[Any], facts: Mapping[str, Any], shape: Any) -> int:
    """How many numbers are multiplied at most, or compared."""
    if "size" in facts:
        return int(math.prod(shape) * math.prod(facts["size"]))
    sizes = sorted(int(x.size) for x in arrays)
    return sizes[-1] * sizes[-2] if len(sizes) > 1 and arrays[0].ndim == 4 else sizes[-1]


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        function.__name__: bounded(function)
        for function in OPERATIONS
        if getattr(function, "__module__", None) in (windows.__name__, standardizing.__name__)
    }
)
"""The functions of images, and of what is standardized or masked, by name."""
