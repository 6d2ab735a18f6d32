"""Functions that take from values their mean and their spread, or their masked parts; each one step to a Symbol."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import Untraceable
from chainrule.symbols import operations
from chainrule.symbols.dimensions import Shape, divided
from chainrule.symbols.elementary import centered, softmax
from chainrule.symbols.in_blocks import of_rows_in_blocks
from chainrule.symbols.shapes import along, expect_same
from chainrule.symbols.symbol import Value, elementary

EPSILON = 1e-5
"""What is added to a variance, so that what does not vary is not divided by 0: as PyTorch has it."""


def deviation(x: Value, axis: Any, epsilon: float = EPSILON, center: bool = True) -> Value:
    """√(mean square + ε) along an axis, of x less its mean, or of x itself where ``center`` is False."""
    return _spread(centered(x, axis=axis) if center else x, axis, epsilon)


def _spread(apart: Value, axis: Any, epsilon: float) -> Value:
    """√(mean square + ε) along an axis."""
    return np.sqrt(np.mean(np.square(apart), axis=axis, keepdims=True) + epsilon)


def in_groups(x: Value, groups: int) -> tuple[Value, tuple[int, ...]]:
    """x with its channels, on axis 1, in so many groups, and the axes of one group."""
    apart = x.reshape((x.shape[0], groups, divided(x.shape[1], groups), *x.shape[2:]))
    return apart, tuple(range(2, x.ndim + 1))


def _kept(
    x: Value, axis: Any = None, epsilon: float = EPSILON, *, center: bool = True, groups: int | None = None
) -> Shape:
    return _checked(x, axis, groups)


def _checked(x: Value, axis: Any, groups: int | None) -> Shape:
    """The shape of x; raises ShapeError where it has no such axis, or its channels make no such groups."""
    if groups is not None:
        along(x.shape, 1)  # the channels
        in_groups(x, groups)
    return operations.kept(x, axis)


def standardized_in_steps(
    x: Value, axis: Any = None, epsilon: float = EPSILON, *, center: bool = True, groups: int | None = None
) -> Value:
    """``standardized`` as what it is made of."""
    if groups is not None:
        apart, axes = in_groups(x, groups)
        return standardized_in_steps(apart, axes, epsilon, center=center).reshape(x.shape)
    apart = centered(x, axis=axis) if center else x
    return apart / _spread(apart, axis, epsilon)


@elementary("axis", _kept, dtype="joint", of_entries=standardized_in_steps)
def standardized(
    x: Value, axis: Any = None, epsilon: float = EPSILON, *, center: bool = True, groups: int | None = None
) -> Value:
    """x less its mean, over the root of its variance and ε, along an axis: of mean 0 and, but for ε, of variance 1.

    Where ``center`` is False the mean stays: x over the root of the mean of its squares and ε. With ``groups`` it is so
    many groups of channels, on axis 1, each with all that lies behind them, that are of mean 0 and variance 1.

    >>> standardized(np.array([1.0, 3.0]), axis=0, epsilon=0.0).tolist()
    [-1.0, 1.0]
    """
    if not x.size:
        return x
    if groups is not None:
        return standardized_in_steps(x, axis, epsilon, center=center, groups=groups)
    return of_rows_in_blocks(lambda along, rows: standardized_in_steps(rows, along, epsilon, center=center), axis, x)


def _like_x(
    grad: Value,
    x: Value,
    axis: Any = None,
    epsilon: float = EPSILON,
    *,
    center: bool = True,
    groups: int | None = None,
) -> Shape:
    expect_same(grad.shape, x.shape)
    return _checked(x, axis, groups)


def sent_back_in_steps(
    grad: Value,
    x: Value,
    axis: Any = None,
    epsilon: float = EPSILON,
    *,
    center: bool = True,
    groups: int | None = None,
) -> Value:
    """``standardized_backward`` as what it is made of."""
    if groups is not None:
        apart, axes = in_groups(x, groups)
        return sent_back_in_steps(grad.reshape(apart.shape), apart, axes, epsilon, center=center).reshape(x.shape)
    apart = centered(x, axis=axis) if center else x
    root = _spread(apart, axis, epsilon)
    y = apart / root
    rest = grad - y * np.mean(grad * y, axis=axis, keepdims=True)
    return (centered(rest, axis=axis) if center else rest) / root


def _back_of_entries(grad: Value, x: Value, axis: Any = None, epsilon: float = EPSILON, **facts: Any) -> Value:
    if facts.get("center", True):  # 2,000 operations for one of four features
        raise Untraceable("an entry of it is longer than anybody reads")
    return sent_back_in_steps(grad, x, axis, epsilon, **facts)


@elementary("axis", _like_x, dtype="joint", linear=(0,), of_entries=_back_of_entries)
def standardized_backward(
    grad: Value,
    x: Value,
    axis: Any = None,
    epsilon: float = EPSILON,
    *,
    center: bool = True,
    groups: int | None = None,
) -> Value:
    """What a gradient of y = ``standardized(x)`` is to x: (grad - mean(grad) - y mean(grad y)) / √(variance + ε).

    >>> standardized_backward(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 2.0]), axis=0).round(2).tolist()
    [0.2, -0.41, 0.2]
    """
    if not x.size:
        return grad
    if groups is not None:
        return sent_back_in_steps(grad, x, axis, epsilon, center=center, groups=groups)
    return of_rows_in_blocks(
        lambda along, g, rows: sent_back_in_steps(g, rows, along, epsilon, center=center), axis, grad, x
    )


def _masked_form(x: Value, mask: Value, axis: Any = None) -> Value:
    e = np.exp(x) * mask
    return e / e.sum(axis=axis, keepdims=True)


def _masked(x: Value, mask: Value, axis: Any = None) -> Shape:
    return along(operations.entrywise(x, mask), axis)


@elementary("axis", _masked, dtype="joint", of_entries=_masked_form)
def masked_softmax(x: Value, mask: Value, axis: Any = None) -> Value:
    """The softmax of the entries where ``mask`` holds; 0 where it does not, also where it holds for none of a row.

    >>> masked_softmax(np.zeros((2, 3)), np.array([[True, True, False], [False, False, False]]), axis=1).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """
    held = np.broadcast_to(mask != 0, np.broadcast_shapes(x.shape, mask.shape))
    some = np.any(held, axis=axis, keepdims=True)
    return np.where(held, softmax(np.where(held | ~some, x, -np.inf), axis=axis), 0)
