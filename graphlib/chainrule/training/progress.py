"""The progress of a training, written to a stream while it goes on."""

from __future__ import annotations

from typing import TextIO, final


@final
class Meter:
    """A bar that redraws itself on a terminal, ten lines anywhere else, nothing without one."""

    def __init__(self, stream: TextIO | None, total: int) -> None:
        self.stream, self.total = stream, total
        self.terminal = stream is not None and stream.isatty()
        self.parts = 100 if self.terminal else 10

    def show(self, step: int, loss: float) -> None:
        """Write, if this step completes another part of the whole; on a terminal, after the first step too."""
        part, before = (number * self.parts // self.total for number in (step, step - 1))
        if self.stream is None or (part == before and not (self.terminal and step == 1)):
            return
        text = f"step {step:>{len(str(self.total))}}/{self.total}   loss {loss:<11.6g}"
        line = f"\r[{'#' * (part // 4):<25}] {text}" if self.terminal else f"{text.rstrip()}\n"
        print(line, end="", file=self.stream, flush=True)

    def close(self) -> None:
        """Leave the line of the bar."""
        if self.stream is not None and self.terminal:
            print(file=self.stream, flush=True)
