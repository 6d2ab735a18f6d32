"""Truth values and whole numbers that stand where numbers stood: NumPy computes otherwise with them."""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType
from typing import Any

import numpy as np

from chainrule.symbols.operations import index
from chainrule.symbols.symbol import Symbol


def is_mask(x: Any) -> bool:
    """Whether a value consists of truth values, which NumPy adds otherwise than numbers."""
    return isinstance(x, Symbol) and x.dtype.kind == "b" and x.operation is not np.sum


def as_recorded(x: Symbol, operands: Sequence[Any]) -> list[Any]:
    """New operands of an operation; those that have become truth values are made numbers again.

    NumPy takes a sine of truth values in half precision. Its powers of whole numbers, and this package's functions of
    them, are others, too.
    """
    if x.operation is np.sum:  # which counts them
        return list(operands)
    whole = x.operation is np.power or (isinstance(x.operation, FunctionType) and x.operation is not index)
    pairs = zip(operands, x.operands, strict=True)
    return [_as_number(new) if _is_floating(old) and _is_whole(new, whole) else new for new, old in pairs]


def _is_floating(x: Any) -> bool:
    return isinstance(x, Symbol) and x.dtype.kind == "f"


def _is_whole(x: Any, numbers: bool) -> bool:
    return is_mask(x) or (numbers and isinstance(x, Symbol) and x.dtype.kind in "bi")


def _as_number(x: Symbol) -> Symbol:
    return Symbol(np.astype, (x,), {"dtype": np.dtype(float)}, shape=x.known_shape)


def joined_dtype(ufunc: np.ufunc, x: Any, y: Any) -> Any:
    """The dtype that NumPy gives a printed operation: numbers are printed as whole numbers where they are."""
    kinds = {_kind(x), _kind(y)}
    if "f" in kinds or ufunc is np.divide:
        return float
    return bool if kinds == {"b"} and ufunc is np.multiply else int


def _kind(x: Any) -> str:
    if isinstance(x, Symbol):
        return "i" if x.dtype.kind == "b" and not is_mask(x) else x.dtype.kind
    return "f" if isinstance(x, float) else "i"
