"""What a drawing consists of before it is DOT text: boxes and circles, arrows between them, and a caption."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, final

from chainrule.drawing.labels import Table

Kind: TypeAlias = Literal["input", "parameter", "constant", "value", "operation", "layer"]
Direction: TypeAlias = Literal["right", "down"]


@final
@dataclass(frozen=True)
class Item:
    """A box or circle: ``id`` stands in the DOT text, ``title`` is what a screen reader says."""

    id: str
    kind: Kind
    label: Table
    title: str
    layer: tuple[str, ...] = ()
    emphasized: bool = False
    outside: bool = False
    """Whether it stands outside of the layer that is drawn, and is shown because something enters or leaves."""
    row: int = 0
    continued: bool = False
    """Whether it stands in another row, and is shown again because something in this one reads it."""


@final
@dataclass(frozen=True)
class Arrow:
    """An arrow in the direction of the computation, or dashed against it for a gradient."""

    source: str
    target: str
    title: str
    backward: bool = False
    label: Table | None = None


@final
@dataclass
class Scene:
    """A whole drawing."""

    title: str
    direction: Direction = "right"
    items: list[Item] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    caption: Table | None = None
    note: str = ""
    """What has been left out, and how to see it."""

    def new_id(self) -> str:
        """The id of the next item."""
        return f"n{len(self.items)}"
