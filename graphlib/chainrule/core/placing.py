"""Where a node is built: the layer that it stands in, and the line of the user's that builds it."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any, TypeAlias

from chainrule.shown.text import line_in

Place: TypeAlias = tuple[tuple[str, ...], tuple[str, int]]
"""The layers, the outermost first, and the file and number of a line."""

_PACKAGE = __file__[: -len("core/placing.py")]  # pathlib would take a tenth of the time of the import
_layers: ContextVar[tuple[str, ...]] = ContextVar("chainrule_layers", default=())
_place: ContextVar[Place | None] = ContextVar("chainrule_place", default=None)
_witness: ContextVar[Witness | None] = ContextVar("chainrule_witness", default=None)


class Witness(ABC):
    """Who is told of the nodes that a function builds while it is called."""

    @abstractmethod
    def built(self, node: Any, frame: FrameType) -> None:
        """A node is being built, by the call that this frame is of."""

    @abstractmethod
    def constant(self, value: Any, node: Any) -> Any:
        """An array is an operand: the node that stands for it, this new one or one from before."""


@contextmanager
def witnessed_by(witness: Witness) -> Iterator[None]:
    """Tell someone of the nodes that are built inside, in this thread."""
    token = _witness.set(witness)
    try:
        yield
    finally:
        _witness.reset(token)


def constant_for(value: Any, node: Any) -> Any:
    """The node that stands for an array among operands."""
    witness = _witness.get()
    return node if witness is None else witness.constant(value, node)


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
    with standing_at(((*frame, *node.layer), node.__dict__["_line"])):
        yield


@contextmanager
def standing_at(place: Place) -> Iterator[None]:
    """Nodes built inside come from this line, and stand in these layers."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)


def place(node: Any) -> Place:
    """Where a node that is built now stands."""
    if told := _place.get():
        return told
    frame = _frame_outside()
    if witness := _witness.get():
        witness.built(node, frame)
    return _layers.get(), (frame.f_code.co_filename, frame.f_lineno)


def _frame_outside() -> FrameType:
    """The nearest caller outside this package, whose line builds the node."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_own(frame):
        frame = frame.f_back
    return frame


def is_own(frame: FrameType) -> bool:
    """Whether a call is one of this package, or of the machinery of imports."""
    return frame.f_code.co_filename.startswith((_PACKAGE, "<frozen "))


def here() -> str:
    """The line of the user's that is running, for messages."""
    frame = _frame_outside()
    return line_in(frame.f_code.co_filename, frame.f_lineno)
