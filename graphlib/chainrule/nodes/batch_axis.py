"""The batch axis, along which examples are counted: the one whose size has a name, the last one where none has.

Losses and softmax ask here, from the shapes that they read; ``batch_of_graph`` asks it of a whole graph.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.symbols.dimensions import Dimension, Shape, Size, shape_text
from chainrule.symbols.shapes import normal_axes


@functools.lru_cache(maxsize=1024)
def examples_axis(shape: Shape | None, about: str = "a value") -> int | None:
    """The axis that counts examples: the one with a name, without any name the last; None for a number.

    >>> from chainrule import Input  # the sizes of a node answer whoever asks
    >>> [examples_axis(Input("x", shape).shape) for shape in [(2, "m"), ("m", 2), (2, 5), ()]]
    [1, 0, 1, None]

    Raises ArgumentError where two axes have a name, and where the shape is unknown.
    """
    if shape is None:
        raise ArgumentError(
            f"the shape of {about} is unknown, so nobody can tell which axis counts the examples",
            remedy="examples=-1 where examples are columns, examples=0 where they are rows",
        )
    named = _named(shape)
    if len(named) > 1:
        names = " and ".join(str(shape[k]) for k in named)
        choices = ", ".join(f"examples={k} for {shape[k]}" for k in named)
        raise ArgumentError(
            f"{about} {shape_text(shape)} have {len(named)} axes with a name, {names}: which counts the examples?",
            remedy=choices,
        )
    return named[0] if named else len(shape) - 1 if shape else None


@functools.lru_cache(maxsize=1024)
def classes_axis(shape: Shape | None, examples: int | None) -> int | None:
    """The axis along which the classes of an example stand; None where that cannot be told.

    It is the axis beside the batch axis. Of several it is the only one without a name, or axis 0 where examples are
    columns; a value with one axis or none has no other.

    >>> from chainrule import Input  # the sizes of a node answer whoever asks
    >>> [
    ...     classes_axis(Input("x", shape).shape, axis)
    ...     for shape, axis in [((3, "m"), 1), (("m", 3), 0), (("b", "t", 3), 0)]
    ... ]
    [0, 1, 2]
    """
    if shape is None:
        return None
    if len(shape) < 2 or examples is None:
        return 0
    batch = axis_in(examples, len(shape))
    others = [k for k in range(len(shape)) if k != batch]
    plain = [k for k in others if not isinstance(shape[k], Dimension)]
    if len(others) == 1 or (batch == len(shape) - 1 and plain[:1] == [0]):
        return others[0]
    return plain[0] if len(plain) == 1 else None


@functools.lru_cache(maxsize=1024)
def shares_axis(shape: Shape | None) -> int:
    """The axis of the classes where nothing but the shape is known; raises ArgumentError where that does not tell."""
    named = _named(shape or ())
    axis = classes_axis(shape, named[0] if named else -1) if len(named) < 2 else None
    if axis is None:
        told = "is unknown" if shape is None else f"{shape_text(shape)} does not tell"
        raise ArgumentError(
            f"the shape {told} along which axis the classes stand",
            remedy="axis=0 where examples are columns, axis=1 where they are rows",
        )
    return axis


def _named(shape: Sequence[Size]) -> list[int]:
    return [k for k, size in enumerate(shape) if isinstance(size, Dimension)]


def axis_in(examples: Any, ndim: int) -> int:
    """The batch axis of a value with so many axes, from 0; raises ArgumentError for one that it does not have."""
    if type(examples) is int and -ndim <= examples < ndim:
        return examples % ndim
    try:
        return normal_axes(examples, ndim)[0]
    except Exception:
        raise ArgumentError(
            f"examples={examples!r} is no axis of a value with {ndim}", remedy="examples=0 for rows, -1 for columns"
        ) from None


def axis_word(axis: int, ndim: int) -> str:
    """What examples are called that an axis counts.

    >>> axis_word(1, 2), axis_word(0, 2), axis_word(0, 1), axis_word(0, 4)
    ('columns', 'rows', 'columns', 'examples')
    """
    return "columns" if axis == ndim - 1 else "rows" if (axis, ndim) == (0, 2) else "examples"


@functools.lru_cache(maxsize=1024)
def features_axis(shape: Shape | None) -> int:
    """The axis of the features of an example: beside the batch axis, and the last of sequences (batch, time, features).

    >>> from chainrule import Input  # the sizes of a node answer whoever asks
    >>> [
    ...     features_axis(Input("x", shape).shape)
    ...     for shape in [(3, "m"), ("m", 3), (3, 5), ("m", 4, 3), ("b", "t", 3), (7,)]
    ... ]
    [0, 1, 0, 2, 2, 0]

    Raises ArgumentError where that cannot be told, as of images.
    """
    named, ndim = _named(shape or ()), len(shape or ())
    plain = [k for k in range(ndim) if k not in named]
    if ndim == 3 and (not named or named[0] == 0) and plain[-1:] == [2]:
        return 2
    if len(plain) == 1 or (ndim == 2 and not named) or (named == [ndim - 1] and plain):
        return plain[0]
    raise ArgumentError(
        "along which axis the features of an example stand cannot be told from "
        + ("an unknown shape" if shape is None else f"the shape {shape_text(shape)}"),
        remedy="axis=-1 for sequences (batch, time, features), axis=(1, 2, 3) for whole images, never the batch axis",
    )


@functools.lru_cache(maxsize=1024)
def channels_axis(shape: Shape | None) -> int:
    """The axis of the channels: 1 of images (batch, channels, height, width), that of the features of two axes.

    >>> from chainrule import Input  # the sizes of a node answer whoever asks
    >>> [channels_axis(Input("x", shape).shape) for shape in [("m", 3, 8, 8), (2, 3, 8, 8), (3, "m"), ("m", 3), (3, 5)]]
    [1, 1, 0, 1, 0]

    Raises ArgumentError where that cannot be told, as of three axes.
    """
    if shape is not None and len(shape) == 4 and not isinstance(shape[1], Dimension):
        return 1
    if shape is not None and len(shape) == 2:
        return features_axis(shape)
    raise ArgumentError(
        "along which axis the channels stand cannot be told from "
        + ("an unknown shape" if shape is None else f"the shape {shape_text(shape)}"),
        remedy="channels=1 for (batch, channels, length), channels=-1 for sequences (batch, time, features)",
    )
