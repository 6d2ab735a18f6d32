"""The large nodes for random graphs, each with its twin over dual numbers, written from its definition."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import dual
import numpy as np
from dual import Array, Dual

import chainrule as cr

Kind: TypeAlias = tuple[Callable[..., cr.Node], Callable[..., Dual]]
EPSILON = 0.1  # so that what hardly varies is not blown up


def windows(x: Dual, rows: int, columns: int, stride: int = 1) -> Iterator[tuple[int, int, Dual]]:
    """For each place in a window of a matrix: the entries that stand there, of all windows."""
    height, width = x.shape[0] - rows + 1, x.shape[1] - columns + 1
    for i in range(rows):
        for j in range(columns):
            yield i, j, x[i : i + height : stride, j : j + width : stride]


def total(parts: list[Dual]) -> Dual:
    found = parts[0]
    for part in parts[1:]:
        found = found + part
    return found


def padded(x: Dual) -> Dual:
    return Dual(np.pad(x.value, 1), np.pad(x.tangent, 1))


def standardized(x: Dual, axis: int, center: bool = True) -> Dual:
    apart = x - x.mean(axis, True) if center else x
    return apart / dual.sqrt((apart * apart).mean(axis, True) + EPSILON)


def attended(q: Dual, k: Dual, v: Dual, mask: Array, bias: Any) -> Dual:
    e = dual.exp(q @ k.transpose() / np.sqrt(q.shape[1]) + bias) * mask
    return e / e.sum(1, True) @ v


def image(x: cr.Node) -> cr.Node:
    return cr.Reshape(x, to=(1, 1, *(x.shape or ())))


def matrix(x: cr.Node) -> cr.Node:
    if x.shape is None:  # of windows along an axis with a name
        raise cr.errors.ShapeError("an image of an unknown size is no matrix here")
    return cr.Reshape(x, to=x.shape[2:])


def of_windows(sketch: Any) -> None:
    """A matrix as an image; its own corner is the kernel."""
    x = sketch.pick(lambda shape: len(shape) == 2 and min(shape) > 1)
    stride = int(sketch.rng.integers(1, 3))
    kinds: list[Kind] = [
        (
            lambda a: matrix(cr.Conv2d(image(a), image(a[:2, :2]), stride=stride)),
            lambda a: total([part * a[i, j] for i, j, part in windows(a, 2, 2, stride)]),
        ),
        (
            lambda a: matrix(cr.Conv2d(image(a), image(cr.Sin(a[:1, :2])), padding=1)),
            lambda a: total([part * dual.sin(a[i, j]) for i, j, part in windows(padded(a), 1, 2)]),
        ),
        (
            lambda a: matrix(cr.AveragePool(image(a), size=2, stride=stride, padding=1)),
            lambda a: total([part / 4.0 for _, _, part in windows(padded(a), 2, 2, stride)]),
        ),
        (
            lambda a: matrix(cr.MaxPool(image(a), size=2, stride=stride)),
            lambda a: dual.concatenate([w.reshape((1, *w.shape)) for _, _, w in windows(a, 2, 2, stride)]).max(0),
        ),
    ]
    node, compute = kinds[sketch.rng.integers(len(kinds))]
    sketch.add(node, compute, x)


def normalized(sketch: Any) -> None:
    """A matrix normalized along an axis, scaled by a column of itself or by a row."""
    x = sketch.pick(lambda shape: len(shape) == 2 and min(shape) > 1)
    kinds: list[Kind] = [
        (
            lambda a: cr.LayerNorm(a, a[:, :1], axis=0, epsilon=EPSILON),
            lambda a: standardized(a, 0) * a[:, :1],
        ),
        (
            lambda a: cr.RMSNorm(a, a[0], a[1], axis=1, epsilon=EPSILON),
            lambda a: standardized(a, 1, center=False) * a[:1] + a[1:2],
        ),
        (
            lambda a: cr.GroupNorm(a, a[0], groups=1, epsilon=EPSILON),
            lambda a: standardized(a, 1) * a[:1],
        ),
        (
            lambda a: cr.BatchNorm(a, a[:, 0], a[:, 1], channels=0, epsilon=EPSILON),
            lambda a: standardized(a, 1) * a[:, :1] + a[:, 1:2],
        ),
        (
            lambda a: cr.BatchNorm(a, a[:, 0], a[:, 1], a[:, 1], cr.Square(a[:, 0]), channels=0, epsilon=EPSILON),
            lambda a: (a - a[:, 1:2]) / dual.sqrt(a[:, :1] * a[:, :1] + EPSILON) * a[:, :1] + a[:, 1:2],
        ),
    ]
    node, compute = kinds[sketch.rng.integers(len(kinds))]
    sketch.add(node, compute, x)


def chosen(sketch: Any) -> None:
    """A matrix that attends to itself, with each mask; and one of which something is dropped."""
    x = sketch.pick(lambda shape: len(shape) == 2)
    shape = sketch.shape(x)
    places = (shape[0], shape[0])
    mask, bias, ones = sketch.rng.random(places) < 0.5, sketch.normal(places), np.ones(places)
    mask[:, 0] = True  # somewhere to look
    held = sketch.rng.random(shape) < 0.7
    kinds: list[Kind] = [
        (lambda a: cr.Attention(a, cr.Sin(a), a), lambda a: attended(a, dual.sin(a), a, ones, 0.0)),
        (lambda a: cr.Attention(a, a, cr.Sin(a), mask), lambda a: attended(a, a, dual.sin(a), mask * 1.0, 0.0)),
        (lambda a: cr.Attention(cr.Sin(a), a, a, bias), lambda a: attended(dual.sin(a), a, a, ones, bias)),
        (lambda a: cr.Dropout(a, held, rate=0.3), lambda a: a * (held / 0.7)),
    ]
    node, compute = kinds[sketch.rng.integers(len(kinds))]
    sketch.add(node, compute, x)
