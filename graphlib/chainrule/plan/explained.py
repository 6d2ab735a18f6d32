"""Explained: a plan that shows what was compiled and, folded away, the source that was printed for it."""

from __future__ import annotations

from abc import abstractmethod

from chainrule.shown.tables import Shown, html_text


def about_loop(loop: object, compiled: bool) -> list[str]:
    """The line of ``explain`` on the loop of a program, or on why it has none, which is a text."""
    if compiled:
        return [f"no loop in registers: {loop}"] if isinstance(loop, str) else [f"one compiled loop: {loop}"]
    return [] if isinstance(loop, str) else [f'backend="auto" compiles it into a loop (extra: jit): {loop}']


def printed_line(error: Exception) -> str:
    """The line of a printed program that an error comes from; "" where it comes from none."""
    import traceback

    lines = [frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("<plan ")]
    return " ".join(str(lines[-1]).split()) if lines else ""


class Explained(Shown):
    """Something compiled, which says how."""

    @property
    @abstractmethod
    def source(self) -> str:
        """The printed Python of the last call."""

    @abstractmethod
    def explain(self) -> str:
        """What was compiled, and how columns are computed."""

    def __str__(self) -> str:
        return f"{self!r}\n{self.explain()}"

    def _repr_html_(self) -> str:
        said, source = ("\n".join(map(html_text, text.splitlines())) for text in (str(self), self.source))
        return f"<pre>{said}</pre><details><summary>source</summary><pre>{source}</pre></details>"
