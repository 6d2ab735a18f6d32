"""Arrays of scalar Symbols: what flows through a rule when its formula is wanted entry by entry."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, final

import numpy as np

from chainrule.errors import Untraceable
from chainrule.symbols.dimensions import divided
from chainrule.symbols.operations import OPERATIONS


@final
class SymbolArray(np.ndarray[Any, Any]):
    """An object array that applies functions to its entries, so that each entry records its own formula.

    NumPy's own object loops decide comparisons and maxima at once, which a Symbol refuses, and ask entries for methods
    such as ``exp``. Here a function of arrays is the same function of entries. What only moves entries, ``reshape``
    or ``concatenate``, is NumPy's.
    """

    def mean(self, axis: Any = None, **options: Any) -> Any:  # type: ignore[override]  # fewer options than NumPy's
        """The mean over an axis, which NumPy computes in place."""
        return _mean(self, axis, **options)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "__call__" and not options and ufunc is not np.matmul:
            return entrywise(ufunc, *inputs)
        plain = [_plain(x) for x in inputs]
        if method == "reduce":
            return _reduced(ufunc, *plain, **options)
        if method == "at" or ufunc is np.matmul:  # both add and multiply entries, nothing else
            return _symbols(getattr(ufunc, method)(*plain, **options))
        raise Untraceable(f"np.{ufunc.__name__}.{method} has no form entry by entry")

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        row = OPERATIONS.get(function)
        if row is not None and row.kind == "entrywise":
            return entrywise(function, *args, **kwargs)
        if row is not None and row.joins is not None:
            return _joined(row.joins, *args, **kwargs)
        if function is np.mean:
            return _mean(*args, **kwargs)
        if function in _RUNNING:
            return _wrapped(_RUNNING[function].accumulate(*_along_one(*args, **kwargs)))
        if function not in _MOVES and (row is None or row.kind == "axis"):
            raise Untraceable(f"np.{function.__name__} has no form entry by entry")
        return _wrapped(function(*map(_plain, args), **{key: _plain(value) for key, value in kwargs.items()}))


_RUNNING: Final[dict[Any, np.ufunc]] = {np.cumsum: np.add, np.cumprod: np.multiply}
_MOVES: Final = frozenset(  # what moves entries or asks for a shape, and a Symbol does not record
    (
        np.moveaxis, np.flip, np.roll, np.split, np.diagonal, np.shape, np.ndim, np.size, np.atleast_1d, np.atleast_2d,
        np.vstack, np.hstack, np.array_split, np.broadcast_arrays,
    )
)  # fmt: skip


def symbol_array(entry: Callable[..., Any], shape: tuple[int, ...]) -> SymbolArray:
    """The array whose entry at ``(i, j)`` is ``entry((i, j))``.

    >>> symbol_array(lambda place: sum(place), (2, 3)).tolist()
    [[0, 1, 2], [1, 2, 3]]
    """
    array = np.empty(shape, dtype=object).view(SymbolArray)
    for place in np.ndindex(shape):
        array[place] = entry(place)
    return array


def entrywise(function: Callable[..., Any], *operands: Any, **options: Any) -> SymbolArray:
    """The function applied to the entries of its operands, which broadcast against each other."""
    call = functools.partial(function, **options) if options else function
    entries = np.frompyfunc(call, len(operands), 1)(*(_boxed(_plain(x)) for x in operands))
    return _symbols(entries)  # type: ignore[no-any-return]  # None only for None


def _joined(ufunc: np.ufunc, x: Any, axis: Any = None, **options: Any) -> Any:
    return ufunc.reduce(x, axis=axis, **options)


def _reduced(ufunc: np.ufunc, x: Any, axis: Any = 0, keepdims: bool = False, **options: Any) -> Any:
    """The entries along an axis joined by the function, from the first to the last."""
    del options  # out, initial, where and dtype have their defaults
    axes = tuple(range(x.ndim)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, x.ndim)
    kept = [k for k in range(x.ndim) if k not in axes]
    flat = np.transpose(x, (*kept, *axes)).reshape(*(x.shape[k] for k in kept), -1)
    joined = np.empty(flat.shape[:-1], dtype=object)
    for place in np.ndindex(joined.shape):
        entries = [_counted(entry) for entry in flat[place].tolist()] if ufunc is np.add else flat[place].tolist()
        joined[place] = functools.reduce(ufunc, entries) if entries else ufunc.identity
    return _symbols(joined.reshape([1 if k in axes else n for k, n in enumerate(x.shape)]) if keepdims else joined)


def _counted(entry: Any) -> Any:
    """A truth value as a number: a sum of arrays counts them, where + of two of them is a truth value again."""
    kind = getattr(getattr(entry, "dtype", None), "kind", None)
    return entry.astype(int) if kind == "b" else entry


def _mean(x: Any, axis: Any = None, **options: Any) -> Any:
    total = np.add.reduce(x, axis=axis, **options)
    return total / divided(x.size, max(total.size, 1))


def _along_one(x: Any, axis: int | None = None) -> tuple[Any, int]:
    """An array and the axis along which its entries are added up, all entries in one row without an axis."""
    return (np.ravel(_plain(x)), 0) if axis is None else (_plain(x), axis)


def _plain(x: Any) -> Any:
    """An operand as NumPy's own array, also inside a list."""
    if isinstance(x, (tuple, list)):
        return type(x)(map(_plain, x))
    return x.view(np.ndarray) if isinstance(x, SymbolArray) else x


def _wrapped(x: Any) -> Any:
    """What a function returned: arrays of Symbols, a list of them, or plain numbers."""
    if isinstance(x, (tuple, list)):
        return type(x)(map(_wrapped, x))
    return x if isinstance(x, int) else _symbols(x)


def _boxed(x: Any) -> Any:
    """An operand that NumPy takes as it is; a Symbol, which NumPy would ask what to do, in an array."""
    return x if isinstance(x, (np.ndarray, np.generic, int, float)) else _box(x)


def _box(x: Any) -> Any:
    box = np.empty((), dtype=object)
    box[()] = x
    return box


def _symbols(x: Any) -> Any:
    """A result as a SymbolArray, also where NumPy took a single entry out of its array."""
    if x is None:  # of a function that works in place
        return None
    return (x if isinstance(x, np.ndarray) else _box(x)).view(SymbolArray)
