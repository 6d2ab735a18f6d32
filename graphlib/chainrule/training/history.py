"""What a training left behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from numpy.typing import NDArray


@final
@dataclass(frozen=True, eq=False)
class History:
    """What a training left behind: the parameters after the last complete step, and the losses on the way.

    ``losses[i]`` is the loss of the columns that step i used, before the step moved the parameters. ``interrupted``
    tells whether Ctrl-C ended the training early.
    """

    params: dict[str, NDArray[Any]]
    losses: tuple[float, ...]
    interrupted: bool = False

    def __repr__(self) -> str:
        """Return one line: how many steps, and where the loss began and ended."""
        fall = f", loss {self.losses[0]:.6g} → {self.losses[-1]:.6g}" if self.losses else ""
        return f"<History: {len(self.losses)} steps{fall}{', interrupted' if self.interrupted else ''}>"
