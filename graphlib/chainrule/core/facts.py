"""What the facts of nodes may be: a class annotates each with one of these kinds, and it is checked when one is built.

A fact that no run could work with, such as ``Repeat(x, repeats=-1)``, is refused where it is written, and not in the
run: there a rule would end in NumPy's words, or in numbers that nobody has asked for.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, NamedTuple, TypeAlias, final, get_args

import numpy as np

from chainrule.core.placing import here
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.shown.text import clipped, visible
from chainrule.symbols.dimensions import Dimension
from chainrule.symbols.symbol import Symbol


@final
class Kind(NamedTuple):
    """What a fact may be: in words, whether a value is one, and one that is."""

    said: str
    takes: Callable[[Any], bool]
    such_as: str


def check_facts(kind: type, given: Mapping[str, Any]) -> None:
    """Refuse facts that are not of the kind that their class says; raises ArgumentError with the class and the fact."""
    kinds = _kinds_of(kind) if given else {}
    for name, value in given.items():
        told = kinds.get(name)
        if told is None:
            _check_no_text(kind, name, value)
        elif not told.takes(value):
            said = f"text, where {told.said} belongs" if isinstance(value, str) else f"not {told.said}"
            raise ArgumentError(
                f"{kind.__name__}: {name}={visible(clipped(repr(value), 80))} is {said}",
                where=here(),
                remedy=f"{name}={told.such_as}",
            )


@functools.cache
def _kinds_of(kind: type) -> dict[str, Kind]:
    """The kinds of facts that a class and its bases annotate; annotations that cannot be read here say none."""
    found: dict[str, Kind] = {}
    for base in reversed(kind.__mro__):
        try:
            notes = inspect.get_annotations(base, eval_str=True)
        except Exception:  # whatever somebody's annotation is made of, such as a name that only type checkers import
            continue
        told = {name: next((x for x in get_args(note) if isinstance(x, Kind)), None) for name, note in notes.items()}
        found |= {name: one for name, one in told.items() if one is not None}
    return found


def _check_no_text(kind: type, name: str, value: Any) -> None:
    """Refuse text for a fact that its class annotates as a number."""
    note = _annotation(kind, name) if isinstance(value, str) else ""
    if note and _OF_NUMBERS.issuperset(re.findall(r"\w+", note)):
        said = f"{kind.__name__}: {name}={value!r} is text, where a number belongs"
        raise ArgumentError(said, where=here(), remedy=f"{name}: {note}")


_OF_NUMBERS: Final = frozenset(("bool", "float", "int", "None", "tuple"))


def _annotation(kind: type, name: str) -> str:
    """What the class says of a fact, or the nearest of its bases that does, as it is written."""
    notes = (inspect.get_annotations(base).get(name) for base in kind.__mro__)
    note: Any = next((note for note in notes if note is not None), "Any")
    return note.__name__ if isinstance(note, type) else str(note)


# --- what values are -------------------------------------------------------------------------------------------------


def is_whole(value: Any, least: int = -sys.maxsize) -> bool:
    """Whether it is a whole number from ``least`` on that an array can be told; True and False are none."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return whole and least <= value <= sys.maxsize


def _are_whole(value: Any, least: int = -sys.maxsize) -> bool:
    return isinstance(value, (tuple, list)) and all(is_whole(one, least) for one in value)


def _are_two(value: Any, least: int) -> bool:
    """Whether it is a whole number for rows and columns, or one for each."""
    return is_whole(value, least) or (_are_whole(value, least) and len(value) == 2)


def _real(value: Any) -> Any:
    """Real numbers as an array; None for what is none."""
    if not isinstance(value, (int, float, np.generic, np.ndarray, tuple, list)):
        return None
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, ChainruleError):  # lists of different lengths; a size, a recorded value
        return None
    if array.dtype == object and array.ndim == 0 and isinstance(value, int):
        array = np.asarray(float(value)) if abs(value) < sys.float_info.max else array  # a whole number above 2**64
    return array if array.dtype.kind in "fiub" else None


def _is_real(value: Any, holds: Callable[[Any], Any], *, single: bool = True) -> bool:
    array = _real(value)
    return array is not None and not (single and array.ndim) and bool(np.all(holds(array)))


def _is_size(value: Any, least: int) -> bool:
    return is_whole(value, least) or isinstance(value, (Dimension, Symbol))


def _are_sizes(value: Any, least: int) -> bool:
    sizes = value if isinstance(value, (tuple, list)) else (value,)
    return all(_is_size(size, least) for size in sizes) and sum(isinstance(s, int) and s == -1 for s in sizes) <= 1


def _is_key(value: Any) -> bool:
    return all(map(_is_part_of_key, value if isinstance(value, tuple) else (value,)))


def _is_part_of_key(part: Any) -> bool:
    if isinstance(part, slice):
        return all(bound is None or _is_size(bound, -sys.maxsize) for bound in (part.start, part.stop, part.step))
    if isinstance(part, np.ndarray):
        return part.dtype.kind in "iub"
    return part is None or part is Ellipsis or isinstance(part, str) or _is_size(part, -sys.maxsize)


def _are_widths(value: Any) -> bool:
    array = _real(value)
    return array is not None and array.dtype.kind in "iu" and bool((array >= 0).all())


def _is_no_nan(array: Any) -> Any:
    return ~np.isnan(array)


# --- the kinds -------------------------------------------------------------------------------------------------------

Flag: TypeAlias = Annotated[
    bool, Kind("True or False", lambda v: isinstance(v, (bool, np.bool_)) or (is_whole(v, 0) and v <= 1), "True")
]
Axis: TypeAlias = Annotated[
    int | tuple[int, ...] | None,
    Kind("an axis, a tuple of axes, or None", lambda v: v is None or is_whole(v) or _are_whole(v), "1"),
]
Axes: TypeAlias = Annotated[
    int | tuple[int, ...], Kind("an axis or a tuple of axes", lambda v: is_whole(v) or _are_whole(v), "1")
]
Order: TypeAlias = Annotated[
    tuple[int, ...] | None, Kind("a tuple of axes, or None", lambda v: v is None or _are_whole(v), "(1, 0)")
]
OneAxis: TypeAlias = Annotated[int, Kind("one axis, which is a whole number", is_whole, "1")]
OneAxisOrNone: TypeAlias = Annotated[
    int | None, Kind("one axis, which is a whole number, or None", lambda v: v is None or is_whole(v), "1")
]
Whole: TypeAlias = Annotated[int, Kind("a whole number", is_whole, "1")]
Count: TypeAlias = Annotated[int, Kind("a whole number from 1 on", lambda v: is_whole(v, 1), "2")]
CountOrNone: TypeAlias = Annotated[
    int | None, Kind("a whole number from 1 on, or None", lambda v: v is None or is_whole(v, 1), "2")
]
Times: TypeAlias = Annotated[int, Kind("a whole number from 0 on", lambda v: is_whole(v, 0), "2")]
TimesOfEach: TypeAlias = Annotated[
    int | tuple[int, ...],
    Kind("a whole number from 0 on, or one for each axis", lambda v: is_whole(v, 0) or _are_whole(v, 0), "2"),
]
Shifts: TypeAlias = Annotated[
    int | tuple[int, ...],
    Kind("a whole number, or one for each axis", lambda v: is_whole(v) or _are_whole(v), "1"),
]
Window: TypeAlias = Annotated[
    int | tuple[int, int],
    Kind("a whole number from 1 on, or one for rows and one for columns", lambda v: _are_two(v, 1), "2"),
]
WindowOrNone: TypeAlias = Annotated[
    int | tuple[int, int] | None,
    Kind("a whole number from 1 on, or one for rows and one for columns", lambda v: v is None or _are_two(v, 1), "2"),
]
Padding: TypeAlias = Annotated[
    int | tuple[int, int],
    Kind("a whole number from 0 on, or one for rows and one for columns", lambda v: _are_two(v, 0), "1"),
]
Width: TypeAlias = Annotated[
    Any, Kind("whole numbers from 0 on: one, a pair, or a pair for each axis", _are_widths, "1")
]
Number: TypeAlias = Annotated[float, Kind("a finite number", lambda v: _is_real(v, np.isfinite), "0.1")]
Numbers: TypeAlias = Annotated[
    float, Kind("a finite number, or an array of them", lambda v: _is_real(v, np.isfinite, single=False), "0.1")
]
Bounds: TypeAlias = Annotated[
    float, Kind("a number, also ±inf, or an array", lambda v: _is_real(v, _is_no_nan, single=False), "0.0")
]
AnyNumber: TypeAlias = Annotated[float, Kind("a number", lambda v: _is_real(v, np.isreal), "0.0")]
Positive: TypeAlias = Annotated[float, Kind("a number above 0", lambda v: _is_real(v, lambda x: x > 0), "1.0")]
NotNegative: TypeAlias = Annotated[
    float, Kind("a finite number from 0 on", lambda v: _is_real(v, lambda x: (x >= 0) & (x < math.inf)), "1e-5")
]
Share: TypeAlias = Annotated[
    float, Kind("a share that is dropped: 0 ≤ rate < 1", lambda v: _is_real(v, lambda x: (x >= 0) & (x < 1)), "0.5")
]
NewShape: TypeAlias = Annotated[
    tuple[int, ...] | int | None,
    Kind("sizes, of which one may be -1", lambda v: v is None or _are_sizes(v, -1), "(2, -1)"),
]
Sizes: TypeAlias = Annotated[
    tuple[int, ...] | int | None, Kind("sizes from 0 on", lambda v: v is None or _are_sizes(v, 0), '(2, "m")')
]
Key: TypeAlias = Annotated[
    Any, Kind("an index: whole numbers, slices, None, ..., arrays of whole numbers or truth values", _is_key, "0")
]
