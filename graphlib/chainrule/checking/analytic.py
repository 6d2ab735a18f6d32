"""Complex numbers for the complex step, which know no function that drops their imaginary part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn, final

import numpy as np
import numpy.typing as npt

_DROPPING: Final = frozenset((np.absolute, np.sign, np.conjugate, np.linalg.norm, np.imag, np.angle, np.var, np.std))


@final
class Analytic(np.ndarray[Any, Any]):
    """Complex numbers that stay such through ufuncs and functions; a function that is not analytic raises TypeError.

    ``np.abs`` of complex numbers is real without a word: the complex step then misses that part of a slope, and where
    the part is small beside the rest, differences do not show it.
    """

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **options: Any) -> Any:
        _check(ufunc)
        into = {"out": tuple(map(_plain, out))} if out else {}
        return _tracked(getattr(ufunc, method)(*map(_plain, inputs), **into, **options))

    def __array_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        _check(func)
        return _tracked(super().__array_function__(func, tuple(types), tuple(args), dict(kwargs)))

    def __getitem__(self, key: Any) -> Any:
        return _tracked(super().__getitem__(key))

    def var(self, *_: Any, **__: Any) -> NoReturn:
        """Not of complex numbers: NumPy takes the squares of absolute values."""
        _refuse(np.var)

    def std(self, *_: Any, **__: Any) -> NoReturn:
        """Not of complex numbers, as ``var``."""
        _refuse(np.std)


def _check(function: Any) -> None:
    if function in _DROPPING:
        _refuse(function)


def _refuse(function: Any) -> NoReturn:
    raise TypeError(f"{function.__name__} of complex numbers is not analytic")


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, Analytic) else value


def _tracked(result: Any) -> npt.NDArray[Any] | Any:
    """The result as what is tracked, if it is complex; a list or a tuple of results part by part."""
    if isinstance(result, (tuple, list)):
        return [*map(_tracked, result)] if isinstance(result, list) else tuple(map(_tracked, result))
    if isinstance(result, (np.ndarray, np.complexfloating)) and result.dtype.kind == "c":
        return np.asarray(result).view(Analytic)
    return _plain(result)
