"""Where a node is built: the layer that it stands in, and the line of the user's that builds it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

from chainrule.text import line_in

Place: TypeAlias = tuple[tuple[str, ...], tuple[str, int]]
"""The layers, the outermost first, and the file and number of a line."""

_PACKAGE = __file__[: -len("core/placing.py")]  # pathlib would take a tenth of the time of the import
_layers: ContextVar[tuple[str, ...]] = ContextVar("chainrule_layers", default=())
_place: ContextVar[Place | None] = ContextVar("chainrule_place", default=None)


@contextmanager
def layer(name: str) -> Iterator[None]:
    """Put the nodes built inside into a layer; layers nest.

    >>> from chainrule import Parameter
    >>> with layer("Layer 1"):
    ...     W = Parameter("W", (3, 2))
    >>> W.layer
    ('Layer 1',)
    """
    token = _layers.set((*_layers.get(), str(name)))
    try:
        yield
    finally:
        _layers.reset(token)


@contextmanager
def on_behalf_of(node: Any, *frame: str) -> Iterator[None]:
    """Nodes built inside come from the line of this node, and stand in its layer, within an outer frame."""
    token = _place.set(((*frame, *node.layer), node.__dict__["_line"]))
    try:
        yield
    finally:
        _place.reset(token)


def place() -> Place:
    """Where a node that is built now stands."""
    return _place.get() or (_layers.get(), _line_outside())


def _line_outside() -> tuple[str, int]:
    """File and line of the nearest caller outside this package: the line of the user's that built the node."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_PACKAGE, "<frozen ")):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def here() -> str:
    """The line of the user's that is running, for messages."""
    return line_in(*_line_outside())
