"""What calls accept: arguments of a class, names, seeds; all else is refused with what would work."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core.placing import here
from chainrule.errors import ArgumentError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path


def check_arguments(kind: type, given: Sequence[Any], facts: Mapping[str, Any]) -> None:
    """Refuse what the ``__init__`` of a class does not take; raises ArgumentError with what it takes."""
    placed, most, keywords, needed = _taken(kind)
    unknown = [did_you_mean(fact, keywords) for fact in facts if keywords and fact not in keywords]
    said = {*facts, *placed[: len(given)]}
    if unknown:
        problem = f"has no fact {', '.join(unknown)}"
    elif len(given) > most:
        problem = f"takes {most} by position, not {len(given)}"
    elif missing := [name for name in needed if name not in said]:
        problem = f"needs {', '.join(missing)}"
    else:
        return
    raise ArgumentError(f"{kind.__name__} {problem}", where=here(), remedy=f"{kind.__name__}{_shown(kind)}")


@functools.cache
def _taken(kind: type) -> tuple[tuple[str, ...], float, tuple[str, ...], tuple[str, ...]]:
    """What has a place, and how many may have one; what may be named, () for anything; what has no default."""
    parameters = _parameters(kind)
    kinds = {p.kind for p in parameters}
    placed = tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))
    keywords = tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = tuple(p.name for p in parameters if p.default is p.empty and p.kind not in several)
    most = float("inf") if several[0] in kinds else len(placed)
    return placed, most, () if several[1] in kinds else keywords, needed


def _parameters(kind: type) -> list[inspect.Parameter]:
    return list(inspect.signature(kind.__init__).parameters.values())[1:]  # type: ignore[misc]  # of the class itself


def _shown(kind: type) -> str:
    """How the class is called, without annotations and defaults."""
    return str(inspect.Signature([p.replace(annotation=p.empty, default=p.empty) for p in _parameters(kind)]))


def checked_name(name: Any) -> str | None:
    """The name of a node, or None; raises ArgumentError for anything but a text that is not empty."""
    if name is not None and (not isinstance(name, str) or not name):
        raise ArgumentError(
            f"a name is a text that is not empty, not {name!r}", where=here(), remedy="any text, such as 'W1'"
        )
    return name


def expect(given: Any, kind: Any, what: str, remedy: str) -> None:
    """Refuse what is no instance of a class; raises ArgumentError with what was expected and what would work."""
    if not isinstance(given, kind):
        raise ArgumentError(what, given=f"{type(given).__name__} {given!r}"[:80], remedy=remedy)


def as_path(given: Any) -> Path:
    """The path of a file or a folder; raises ArgumentError for what is none."""
    from pathlib import Path  # a tenth of the import of chainrule

    expect(given, (str, os.PathLike), "a file is told by its path", "a text, or a pathlib.Path")
    path = Path(given)
    if "\0" in str(path):
        raise ArgumentError("no file has a null character in its path", given=repr(given)[:80], remedy="another path")
    return path


def as_title(given: Any) -> str:
    """A text to stand above something; raises ArgumentError for what is none."""
    expect(given, str, "a title is a text", 'title="Back propagation by hand"')
    return str(given)


def check_counts(least: int = 1, **counts: Any) -> None:
    """Refuse what is no whole number, or one below ``least``; raises ArgumentError."""
    for name, count in counts.items():
        whole = isinstance(count, (int, np.integer)) and not isinstance(count, bool)
        if not (whole and count >= least):
            raise ArgumentError(f"{name} is a whole number, at least {least}, not {count!r}", remedy=f"{name}={least}")


def floating(dtype: Any, what: str) -> np.dtype[Any]:
    """A dtype of floating numbers; raises ArgumentError, which begins with what they are for, for all others."""
    with contextlib.suppress(TypeError):
        found: np.dtype[Any] = np.dtype(dtype)
        if found.kind == "f":
            return found
    raise ArgumentError(f"{what}, not as {dtype!r}", remedy="dtype=np.float32")


def generator(seed: Any, *more: int) -> np.random.Generator:
    """The random numbers of a seed, others for other numbers behind it; raises ArgumentError for what is no seed."""
    if isinstance(seed, (int, np.integer)) and seed >= 0:
        return np.random.default_rng([int(seed), *more] if more else int(seed))
    raise ArgumentError(f"a seed is a whole number from 0 on, not {seed!r}", remedy="seed=0")


def is_masked(value: Any) -> bool:
    """Whether it is a masked array. Who has one has loaded numpy.ma, which takes as long as compiling a small graph."""
    known = getattr(sys.modules.get("numpy.ma"), "MaskedArray", None)
    return known is not None and isinstance(value, known)
