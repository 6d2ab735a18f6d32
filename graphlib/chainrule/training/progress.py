"""The progress of a training, shown while it goes on: in a notebook, on a terminal, in a file."""

from __future__ import annotations

import sys
from typing import Any, TextIO, final


@final
class Meter:
    """A bar that redraws itself in a notebook or on a terminal, ten lines anywhere else, nothing without a stream."""

    def __init__(self, stream: TextIO | None, total: int) -> None:
        self.stream, self.total = stream, total
        self.terminal = stream is not None and stream.isatty()
        self._cell = Cell() if type(stream).__module__.startswith("ipykernel") else None
        self.parts = 100 if self.terminal or self._cell else 10

    def show(self, step: int, loss: float) -> None:
        """Show it, if this step completes another part of the whole; where it is a bar, after the first step too."""
        part, before = (number * self.parts // self.total for number in (step, step - 1))
        if self.stream is None or (part == before and not (self.parts == 100 and step == 1)):
            return
        text = f"step {step:>{len(str(self.total))}}/{self.total}   loss {loss:<11.6g}"
        bar = f"[{'#' * (part // 4):<25}] {text}"
        if self._cell:
            self._cell.show(bar.rstrip(), text.rstrip(), part)
        else:
            print(f"\r{bar}" if self.terminal else text.rstrip(), end="" if self.terminal else "\n", file=self.stream)
            self.stream.flush()

    def close(self) -> None:
        """Leave the line of the bar."""
        if self.stream is not None and self.terminal:
            print(file=self.stream, flush=True)


@final
class Cell:
    """A place under a cell of a notebook whose content is replaced."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, bar: str, text: str, percent: int) -> None:
        """Show a bar: with an element of HTML for it, or as text where a notebook is read without HTML."""
        html = f'<progress value="{percent}" max="100">{percent} %</progress> <code>{text}</code>'
        shown = {"text/html": html, "text/plain": bar}
        if self._handle is not None:
            self._handle.update(shown, raw=True)
        else:
            self._handle = sys.modules["IPython.display"].display(shown, raw=True, display_id=True)
