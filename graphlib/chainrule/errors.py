"""Every error that chainrule raises: what failed, where, what was given, and what would work.

ChainruleError
├── ArgumentError (TypeError)        a node or a call was given something it cannot take
├── ShapeError (ValueError)          shapes do not fit together
├── GraphError (ValueError)          nodes do not form a graph
│   ├── CycleError                   a node feeds itself
│   ├── NameConflictError            two nodes share one name
│   └── ProgramError                 the steps recorded of a graph are no program
├── FeedError (ValueError)           the data fed to a graph is missing, unknown or unfit
├── FormulaError (ValueError)        the text of a formula cannot be read, or not be computed
├── UnknownNameError (KeyError)      no node, value or gradient has that name
├── NoAttributeError (AttributeError)    arrays have an attribute that nodes do not
├── RuleError (RuntimeError)         a rule raised, or returned something that is no gradient
├── NonFiniteError (FloatingPointError)  a node made an infinity or NaN, and the run checks for that
├── FormulaCheckError (AssertionError)   at least one formula of a report is wrong
├── GradientCheckError (AssertionError)  a rule disagrees with numerical differentiation
├── DrawingError (RuntimeError)      a drawing cannot be laid out
├── MissingExtraError (ImportError)  a package is missing that an extra of this one installs
└── Untraceable (TypeError)          a rule does something that a Symbol cannot record
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable
from typing import Any, final

from chainrule.shown.text import line_in, visible


class ChainruleError(Exception):
    """An error with up to four parts; the parts are attributes, and the message shows those that are known.

    >>> print(ChainruleError("no gradient", where="node 'Y'", remedy="differentiate with respect to A3"))
    no gradient
      where: node 'Y'
      try:   differentiate with respect to A3
    """

    def __init__(self, what: str, *, where: str = "", given: str = "", remedy: str = "", node: Any = None) -> None:
        super().__init__(what)
        self._is_shown = False
        self.what, self.where, self.given, self.remedy, self.node = what, where, given, remedy, node

    def __str__(self) -> str:
        parts = (("where", self.where), ("given", self.given), ("try", self.remedy))
        shown = [f"  {label + ':':<6} {visible(text)}" for label, text in parts if text]
        return "\n".join([visible(self.what), *shown])

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the message, the user's lines without those of chainrule, and a picture."""
        import traceback  # a notebook has it; the import of chainrule does without

        own = [frame for frame in traceback.extract_tb(self.__traceback__) if not frame.filename.startswith(_PACKAGE)]
        lines = [
            f"{line_in(frame.filename, frame.lineno or 0)}, in {frame.name}\n    {frame.line}"
            for frame in own
            if "IPython" not in frame.filename
        ]
        self._show_picture()
        return [f"{type(self).__name__}: {self}", *lines]

    def _show_picture(self) -> None:
        """Display the failing node, where a notebook is there to do it."""
        display = getattr(sys.modules.get("IPython.display"), "display", None)
        if display is not None and self.node is not None and "ipykernel" in sys.modules and not self._is_shown:
            self._is_shown = True  # a kernel asks for the traceback twice
            with contextlib.suppress(Exception):  # an error must not fail because a picture does
                display(self.draw())

    def draw(self, **options: Any) -> Any:
        """What the failing node is computed from, as a Drawing in which it stands out; for errors about a node.

        ``options`` are those of ``Graph.draw``. Raises ArgumentError when this error is about no node.
        """
        return _draw[0](self, **options)

    def __reduce__(self) -> tuple[Any, ...]:
        parts = {"where": self.where, "given": self.given, "remedy": self.remedy, "node": self.node}
        return _restore, (type(self), self.what, parts)


_PACKAGE = __file__[: -len("errors.py")]  # pathlib would take a tenth of the time of the import


_draw: list[Callable[..., Any]] = []


def drawn_by(draw: Callable[..., Any]) -> None:
    """Say what draws an error: drawings stand above everything that can fail, so they register here."""
    _draw[:] = [draw]


def _restore(kind: type[ChainruleError], what: str, parts: dict[str, Any]) -> ChainruleError:
    return kind(what, **parts)


@final
class ArgumentError(ChainruleError, TypeError):
    """A node or a call was given something that it cannot take."""


@final
class ShapeError(ChainruleError, ValueError):
    """Shapes do not fit together."""


class GraphError(ChainruleError, ValueError):
    """Nodes do not form a graph."""


@final
class CycleError(GraphError):
    """A node feeds itself, so no order of computation exists."""


@final
class NameConflictError(GraphError):
    """Two nodes of one graph share a name."""


@final
class ProgramError(GraphError):
    """The steps recorded of a graph are no program: one reads what is not before it, or has another shape."""


@final
class FeedError(ChainruleError, ValueError):
    """The data fed to a graph is missing, unknown or unfit; nothing has been computed."""


@final
class FormulaError(ChainruleError, ValueError):
    """The text of a formula is none, says something that formulas do not allow, or cannot be computed on the values."""


@final
class NoAttributeError(ChainruleError, AttributeError):
    """Arrays have an attribute that nodes do not, such as ``flat``; the remedy is what to write in its place."""


@final
class UnknownNameError(ChainruleError, KeyError):
    """No node, value or gradient has the name that was asked for."""


@final
class RuleError(ChainruleError, RuntimeError):
    """A rule raised an exception, or returned something that is not a value or a gradient."""


@final
class NonFiniteError(ChainruleError, FloatingPointError):
    """A node made an infinity or NaN out of finite numbers, in a run with ``check_finite=True``."""


@final
class FormulaCheckError(ChainruleError, AssertionError):
    """At least one formula of a report is wrong; the message is the report, which has lines and visible names."""

    def __str__(self) -> str:
        return self.what


@final
class GradientCheckError(ChainruleError, AssertionError):
    """A rule disagrees with numerical differentiation, or breaks a promise that every rule makes."""


@final
class DrawingError(ChainruleError, RuntimeError):
    """A drawing cannot be laid out: no engine is there, or it is too large for one."""


@final
class MissingExtraError(ChainruleError, ImportError):
    """A package is missing that an extra of chainrule installs."""


@final
class Untraceable(ChainruleError, TypeError):  # noqa: N818 — it says what a rule is; where it runs is no error
    """A rule does something that a Symbol cannot record; on arrays it still runs."""


def did_you_mean(name: object, known: Iterable[str], cutoff: float = 0.5) -> str:
    """``name`` in quotes, with the closest known name behind it when that is more alike, from 0 to 1, than a cutoff.

    What is no text has no name that is close to it.

    >>> did_you_mean("W_1", ["W1", "B1"])
    "'W_1' (did you mean 'W1'?)"
    """
    import difflib  # only needed once something has gone wrong

    if not isinstance(name, str):
        return repr(name)
    folded = {other.casefold(): other for other in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=cutoff)
    return f"{name!r} (did you mean {folded[close[0]]!r}?)" if close else repr(name)
