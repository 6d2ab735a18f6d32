"""Printed loops run by Python as they stand: a second to compile is too long where hundreds are to be judged."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.plan.loop.looped import Loop, Looped
from chainrule.plan.loop.series import FUNCTIONS


def _as_it_is(*_: Any, **__: Any) -> Any:
    return lambda function: function


def _in_dtype(function: Any, real: Any) -> Any:
    """A compiled function that hands numbers back to Python in the dtype in which it has them."""

    def call(*numbers: Any) -> Any:
        result = function(*(x if isinstance(x, (bool, np.bool_)) else real(x) for x in numbers))
        return result if isinstance(result, bool) else real(result)

    return call


class _Types:
    """Stands where a module names the types of arguments."""

    def __getattr__(self, name: str) -> Any:
        return _Signature()


class _Signature:
    def __call__(self, *_: Any, **__: Any) -> Any:
        return self

    def __getitem__(self, _: Any) -> Any:
        return self


def interpreted(loop: Loop, feeds: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """What the printed loop computes, its lines run by Python."""
    given = "from numba import njit, types\n"
    assert given in loop.source.text
    namespace: dict[str, Any] = {"njit": _as_it_is, "types": _Types()}
    exec(loop.source.text.replace(given, ""), namespace)
    for name, function in FUNCTIONS[loop.dtype.name].items():
        namespace[name] = _in_dtype(function, loop.dtype.type)
    loop._functions = namespace  # in the place of the compiled ones
    arrays = {name: np.asarray(feeds[name]) for name in loop.source.feeds}
    axes = ((arrays[name], axis) for name, (_, axis) in loop.source.feeds.items() if axis is not None)
    total = next((array.shape[axis] for array, axis in axes), 1)
    with np.errstate(all="ignore"):  # a choice computes both sides
        return Looped(loop, total)(arrays)
