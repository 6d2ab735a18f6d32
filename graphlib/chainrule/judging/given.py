"""A learner's formula as it was given, text, callable or array, made ready to be judged."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt

from chainrule.errors import ArgumentError, FormulaError, did_you_mean
from chainrule.judging.closeness import Array, Values
from chainrule.judging.ground import MEAN, Ground
from chainrule.judging.reading.lines import formula_for
from chainrule.judging.reading.scope import Scope
from chainrule.judging.reading.user_formula import UserFormula
from chainrule.judging.scoping import scope_of

AnyFormula: TypeAlias = "str | UserFormula | Unread | Callable[..., npt.ArrayLike] | npt.ArrayLike"


@final
@dataclass(frozen=True)
class Unread:
    """A formula of a file that cannot be read: its text, and the error."""

    text: str
    error: FormulaError

    def __str__(self) -> str:
        return self.text


@final
@dataclass(frozen=True)
class GivenFormula:
    """A learner's formula: its name, how it is shown, what it reads, and how it is computed from values by name."""

    name: str
    shown: str
    reads: frozenset[str]
    compute: Callable[[Values], Array]
    parsed: UserFormula | None = None
    draws: tuple[int, ...] = ()


def given_formula(name: str, given: AnyFormula, ground: Ground, others: Iterable[str]) -> GivenFormula:
    """What was given under a name, with the draws of data that it is judged on."""
    own = [k for k, draw in enumerate(ground.draws) if draw.given]
    everywhere = tuple(range(len(ground.draws)))
    known = scope_of(ground, others)
    if isinstance(given, Unread):
        raise given.error
    if isinstance(given, str | UserFormula):
        parsed = given if isinstance(given, UserFormula) else _parsed(name, given, known)
        return GivenFormula(name, parsed.source.strip(), frozenset(parsed.names), parsed.evaluate, parsed, everywhere)
    if callable(given):
        reads, compute = _calling(name, given, known, without(ground.values(0, MEAN), name))
        return GivenFormula(name, _callable_text(given), reads, compute, draws=tuple(own) or everywhere)
    array = numbers(name, given)
    if not own:
        raise ArgumentError(
            f"{name} is an array, which belongs to data",
            remedy="give the data, graph.check(formulas, feeds), or hold the array against a run: run.compare(...)",
        )
    return GivenFormula(name, f"array of shape {array.shape}", frozenset(), lambda values: array, draws=tuple(own))


def _parsed(name: str, text: str, known: Scope) -> UserFormula:
    example = known.get(name)
    try:
        return formula_for(name, text, known, None if example is None else np.shape(example))
    except FormulaError as error:
        raise FormulaError(error.what, where=f"{name}: {error.where}", remedy=error.remedy) from None


def numbers(name: str, given: Any) -> Array:
    """An array of real numbers; raises ArgumentError for all else, such as rows of different lengths."""
    try:
        array = np.asarray(given)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        raise ArgumentError(
            f"{name} is neither a formula, nor a callable, nor an array of real numbers",
            given=repr(given)[:80],
            remedy='text such as "dZ @ X.T", a function of values, or numbers in rows of one length',
        )
    return array


def _callable_text(given: Callable[..., Any]) -> str:
    return f"{getattr(given, '__name__', type(given).__name__)}(…)"


def _calling(
    name: str, function: Callable[..., Any], known: Collection[str], values: Values
) -> tuple[frozenset[str], Callable[..., Array]]:
    """Which values a callable reads, and how to call it with values by name."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError as error:  # some functions written in C do not tell
        raise ArgumentError(
            f"{name}: what {_callable_text(function)} takes is not known", given=str(error), remedy="a lambda around it"
        ) from None
    named = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    needed = [p.name for p in parameters if p.default is p.empty and p.name in named]
    if len(needed) == 1 and needed[0] not in known:
        return _names_read(function, values), lambda values: np.asarray(function(values))
    unknown = [did_you_mean(parameter, known) for parameter in needed if parameter not in known]
    if unknown:
        raise ArgumentError(
            f"{name}: there is no value or gradient {', '.join(unknown)} to call {_callable_text(function)} with",
            remedy="name the parameters like the values, or take a single mapping of all of them",
        )
    taken = [parameter for parameter in named if parameter in known]
    return frozenset(taken), lambda values: np.asarray(_called(function, taken, values))


@final
class _Noted(Mapping[str, Any]):
    """Values by name that notes which names are asked for."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _names_read(function: Callable[..., Any], values: Values) -> frozenset[str]:
    """Which values a callable takes out of a mapping, found by calling it once."""
    noted = _Noted(values)
    with np.errstate(all="ignore"), contextlib.suppress(Exception):  # what it raises is told when it is judged
        function(noted)
    return frozenset(noted.asked)


def _called(function: Callable[..., Any], names: Sequence[str], values: Values) -> Any:
    by_place = {p.name for p in inspect.signature(function).parameters.values() if p.kind is p.POSITIONAL_ONLY}
    first = [values[name] for name in names if name in by_place]
    return function(*first, **{name: values[name] for name in names if name not in by_place})


def without(values: Values, name: str) -> Values:
    """The values without the one of a name."""
    return {key: value for key, value in values.items() if key != name}
