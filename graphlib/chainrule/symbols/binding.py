"""What a call of NumPy says, for all who take it in NumPy's place: the function meant, its operands and options.

A Symbol records the call, a node is built for it; both read it here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, final

import numpy as np

from chainrule.symbols.operations import OPERATIONS, ShapeRule

_ANOTHER_NAME_OF: Final[dict[Any, Callable[..., Any]]] = {np.amax: np.max, np.amin: np.min, np.identity: np.eye}
_REDUCTIONS: Final = {row.joins: row.function for row in OPERATIONS.values() if row.joins is not None}
QUESTIONS: Final = frozenset((np.shape, np.ndim, np.size))
"""The functions that ask a value for what it knows of itself, and compute nothing."""


_BOUNDS: Final = {"min": "a_min", "max": "a_max"}
_PLACED: Final = ("a", "a_min", "a_max")


@final
class Bound(NamedTuple):
    """A call whose arguments are told apart: arrays are operands, facts such as ``axis`` are options."""

    function: Callable[..., Any]
    operands: tuple[Any, ...]
    options: dict[str, Any]
    """Those that differ from their defaults."""


def meant(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function under the name that the table of operations has for it."""
    return _ANOTHER_NAME_OF.get(function, function)


def bound(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Bound:
    """A call of a function that has a row.

    The signature of its shape rule says which arguments are operands (those without a default) and which are options.
    Raises TypeError for arguments that it does not have.

    >>> bound(np.sum, ([1, 2],), {"axis": 0, "keepdims": False})[1:]
    (([1, 2],), {'axis': 0})
    """
    given = {key: value for key, value in kwargs.items() if value is not np._NoValue}
    if OPERATIONS[function].kind == "creation":  # NumPy hands over every default, and where it would lie in memory
        given = {k: value for k, value in given.items() if value is not None and k not in ("order", "device")}
    if function is np.clip:  # either bound may be left out, and each has two names
        given = {"a_min": None, "a_max": None} | {_BOUNDS.get(key, key): value for key, value in given.items()}
        given = {key: value for key, value in given.items() if value is not None or key not in _PLACED[: len(args)]}
    rule = OPERATIONS[function].shape
    return Bound(function, *(_told_apart(rule, args, given) or _split(_signature(rule).bind(*args, **given))))


def bound_ufunc(ufunc: np.ufunc, method: str, operands: tuple[Any, ...], options: Mapping[str, Any]) -> Bound:
    """A call of a ufunc, or of its ``reduce``, which is another function; raises TypeError for any other form of it.

    >>> bound_ufunc(np.add, "reduce", ([1, 2],), {}).options
    {'axis': 0}
    """
    if method == "reduce" and ufunc in _REDUCTIONS:
        return bound(_REDUCTIONS[ufunc], operands, {"axis": 0, **options})
    if method != "__call__" or options:
        said = f" with {', '.join(sorted(options))}" if options else ""
        raise TypeError(f"np.{ufunc.__name__}{'' if method == '__call__' else '.' + method}{said}")
    return Bound(ufunc, operands, {})


@functools.cache
def _signature(rule: ShapeRule) -> inspect.Signature:
    return inspect.signature(rule)


@functools.cache
def _parameters(rule: ShapeRule) -> tuple[dict[str, Any], int] | None:
    """The default of every parameter, and how many may be given by place; None for a rule with ``*operands``."""
    parameters = _signature(rule).parameters.values()
    if any(p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in parameters):
        return None
    return {p.name: p.default for p in parameters}, sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)


def _told_apart(
    rule: ShapeRule, args: tuple[Any, ...], given: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """The same as a signature and ``_split`` find, in a fifth of their time; None for what only they can say."""
    parameters = _parameters(rule)
    if parameters is None or len(args) > parameters[1]:
        return None
    told = dict(zip(parameters[0], args, strict=False))
    if not (given.keys() <= parameters[0].keys() and told.keys().isdisjoint(given)):
        return None
    told.update(given)
    operands: list[Any] = []
    options: dict[str, Any] = {}
    for name, default in parameters[0].items():
        if default is inspect.Parameter.empty:
            if name not in told:
                return None
            operands.append(told[name])
        elif name in told and not _same(told[name], default):
            options[name] = told[name]
    return tuple(operands), options


def _split(arguments: inspect.BoundArguments) -> tuple[tuple[Any, ...], dict[str, Any]]:
    operands: list[Any] = []
    options: dict[str, Any] = {}
    for name, value in arguments.arguments.items():
        parameter = arguments.signature.parameters[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            operands.extend(value)
        elif parameter.default is parameter.empty:
            operands.append(value)
        elif not _same(value, parameter.default):
            options[name] = value
    return tuple(operands), options


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)
