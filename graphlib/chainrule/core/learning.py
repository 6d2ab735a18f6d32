"""The shape that comes out of a rule which no Symbol passes through, learned from what it gives for generic values."""

from __future__ import annotations

import itertools
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

import numpy as np

from chainrule.symbols.dimensions import Dimension, Shape, Size, names_in

if TYPE_CHECKING:
    import numpy.typing as npt

Array: TypeAlias = "npt.NDArray[Any]"
Rule: TypeAlias = Callable[..., Any]
Asked: TypeAlias = "Sequence[tuple[Shape | None, np.dtype[Any]]]"
"""Shape and dtype of every input."""
Point: TypeAlias = Mapping[str, int]
"""A number for every name."""
Draw: TypeAlias = "Callable[[np.random.Generator, tuple[int, ...], bool], Any]"
Found: TypeAlias = "tuple[tuple[int, ...], np.dtype[Any]]"

MOST_ENTRIES: Final = 1 << 20  # of all inputs together: a rule of more is not tried
SECONDS: Final = 1.0  # for all tries together
_MOST_NAMES: Final = 4  # 20 tries; each name more doubles them
_FIRST_AND_STEP: Final = ((4, 1), (24, 24), (120, 120))  # even and odd sizes; for who needs even ones; for long windows
_BEND: Final = "size "  # begins no name that a user may give; such a size may be 0
_OTHER_SIZES: Final = (1, 2, 3, 8, 131)  # at which a learned shape is held against the rule


def learned(rule: Rule, inputs: Asked) -> tuple[Shape, np.dtype[Any]] | None:
    """Shape and dtype of what a rule gives, from tries on generic arrays; None where they cannot be told so.

    Every named size takes several numbers, and the sizes of the results are read as arithmetic of the names: sums of
    products of them, and squares. None where they are not, where numbers decide about them, where the rule fails on
    every draw, and where it would take too long.

    >>> m = Dimension.named("m")
    >>> learned(lambda x: np.sort(x, axis=0)[:, None], [((3, m), np.dtype(float))])
    ((3, 1, m), dtype('float64'))
    >>> learned(lambda x: x[:5], [((m,), np.dtype(float))]) is None
    True
    """
    shapes = [shape for shape, _ in inputs if shape is not None]
    if len(shapes) < len(inputs):
        return None
    bends = [size for size in itertools.chain(*shapes) if isinstance(size, Dimension) and not size.is_product_of_names]
    if bends:
        return _learned_of({size: _named(k) for k, size in enumerate(dict.fromkeys(bends))}, rule, inputs)
    names = sorted(names_in(itertools.chain(*shapes)))
    if len(names) > _MOST_NAMES:
        return None
    before = np.random.get_state()  # noqa: NPY002 — a rule may draw from it, and that must not be seen from outside
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return _solved(_Trials(rule, inputs), names, _numbers_in(shapes))
    except _TooSlow:
        return None
    finally:
        np.random.set_state(before)  # noqa: NPY002 — as above


def _learned_of(names: Mapping[Size, Dimension], rule: Rule, inputs: Asked) -> tuple[Shape, np.dtype[Any]] | None:
    """The same with a name for every size such as max(0, m - 3), which the rule cannot tell from any other."""
    renamed = [(tuple(names.get(size, size) for size in shape or ()), dtype) for shape, dtype in inputs]
    if (found := learned(rule, renamed)) is None:
        return None
    back = {str(name): size for size, name in names.items()}
    return tuple(size.with_sizes(back) if isinstance(size, Dimension) else size for size in found[0]), found[1]


def _named(number: int) -> Dimension:
    return Dimension.named(f"{_BEND}{number}")


def expected_shape(shape: Shape, inputs: Sequence[Shape | None], read: Sequence[Array]) -> tuple[int | None, ...]:
    """The shape in numbers for inputs that have been read; None for a size that they do not tell."""
    sizes: dict[str, int] = {}
    axes = [pair for named, x in zip(inputs, read, strict=True) for pair in zip(named or (), x.shape, strict=False)]
    for size, number in sorted(axes, key=lambda pair: str(pair[0]).isidentifier(), reverse=True):
        _bind(sizes, size, number)
    found = tuple(_number(size, sizes) for size in shape)
    if None not in found:
        return found
    # min(m, 2) tells no m, but itself, where an axis has it as it stands.
    stands: dict[Size, int] = {size: number for size, number in axes if isinstance(size, Dimension)}
    return tuple(stands.get(size) if number is None else number for size, number in zip(shape, found, strict=True))


def _bind(sizes: dict[str, int], size: Size, number: int) -> None:
    """Note the number of a name, from a size such as m, 3*m or m - 1."""
    terms = dict(size.terms) if isinstance(size, Dimension) and len(size.names) == 1 else {}
    (name,) = names_in((size,)) if terms else ("",)
    if terms and name not in sizes and set(terms) <= {((name, 1),), ()}:
        sizes[name] = int((number - terms.get((), 0)) / terms[(name, 1),])


def _number(size: Size, sizes: Mapping[str, int]) -> int | None:
    if not isinstance(size, Dimension):
        return size
    return max(0, size.evaluate(sizes)) if size.names <= set(sizes) else None


# --- the numbers that names take -----------------------------------------------------------------------------------


def _numbers_in(shapes: Sequence[Shape]) -> set[Size]:
    return {size for shape in shapes for size in shape if isinstance(size, int)}


def _solved(trials: _Trials, names: Sequence[str], taken: set[Size]) -> tuple[Shape, np.dtype[Any]] | None:
    """The shape by the first of the sets of sizes that the rule takes."""
    for first, step in _FIRST_AND_STEP:
        fresh = (size for size in itertools.count(first, step) if size not in taken)
        at = {name: tuple(itertools.islice(fresh, 3)) for name in names}
        corners = [dict(zip(at, some, strict=True)) for some in itertools.product(*(s[:2] for s in at.values()))]
        further = [{**corners[0], name: sizes[2]} for name, sizes in at.items()]
        found = trials.all_draws(corners[0])
        if len(found) > 1:  # numbers decide
            return None
        tried = [trials.one_draw(point) for point in (*corners, *further)] if found else [None]
        if None not in tried:
            return _fitted(trials, at, (corners, further), tried)  # type: ignore[arg-type]  # none is None
    return None


def _fitted(
    trials: _Trials,
    at: Mapping[str, tuple[int, ...]],
    points: tuple[Sequence[Point], Sequence[Point]],
    found: list[Found],
) -> tuple[Shape, np.dtype[Any]] | None:
    """The shape as arithmetic of the names, from the corners of a box and one step further along every name."""
    if len({(len(shape), dtype) for shape, dtype in found}) != 1:
        return None
    shape = tuple(_polynomial(at, *points, numbers) for numbers in zip(*(shape for shape, _ in found), strict=True))
    return (shape, found[0][1]) if _holds(trials, at, shape, found[0][1]) else None


def _polynomial(
    at: Mapping[str, tuple[int, ...]], corners: Sequence[Point], further: Sequence[Point], numbers: Sequence[int]
) -> Any:
    """The size that has these numbers at these points: Lagrange's form on the corners, and a square for each name."""
    total: Any = 0
    for corner, number in zip(corners, numbers, strict=False):
        total += number * math.prod(_toward(at[name], size, Dimension.named(name)) for name, size in corner.items())
    for (name, sizes), point, number in zip(at.items(), further, numbers[len(corners) :], strict=True):
        b, c, d = sizes
        if over := number - _evaluated(total, point):
            square = (Dimension.named(name) - b) * (Dimension.named(name) - c) * over.numerator
            total += square / (over.denominator * (d - b) * (d - c))
    return total


def _toward(sizes: tuple[int, ...], here: int, x: Any) -> Any:
    """1 at ``here`` and 0 at the other of the first two sizes."""
    other = sizes[1] if here == sizes[0] else sizes[0]
    return (x - other) / (here - other)


def _evaluated(size: Any, point: Point) -> Fraction:
    return size.evaluate_exactly(point) if isinstance(size, Dimension) else Fraction(size)


def _holds(trials: _Trials, at: Mapping[str, Any], shape: tuple[Any, ...], dtype: np.dtype[Any]) -> bool:
    """Whether the shape is what the rule gives for other sizes, too; where it fails there, it says nothing."""
    points = [dict.fromkeys(at, size) for size in _OTHER_SIZES] if at else []
    points += [{**{n: sizes[1] for n, sizes in at.items()}, name: 0} for name in at if name.startswith(_BEND)]
    points += [{**{n: sizes[1] for n, sizes in at.items()}, name: size} for name in at for size in (1, 2)]
    for point in points:
        found = trials.one_draw(point)
        if found is not None and (found[0] != tuple(_evaluated(s, point) for s in shape) or found[1] != dtype):
            return False
    return True


# --- trying --------------------------------------------------------------------------------------------------------


@final
class _Trials:
    """A rule tried on arrays; draws on which it fails, such as a singular matrix, are left out."""

    def __init__(self, rule: Rule, inputs: Asked) -> None:
        self.rule, self.inputs = rule, inputs
        self.draws: Sequence[Draw] = _DRAWS
        self.end = time.perf_counter() + SECONDS

    def all_draws(self, point: Point) -> set[Found]:
        """All that the rule gives for the draws that it takes."""
        results = {draw: found for draw in _DRAWS if (found := self._tried(point, draw)) is not None}
        self.draws = list(results)
        return set(results.values())

    def one_draw(self, point: Point) -> Found | None:
        """What the rule gives for the first draw that it takes."""
        return next((found for draw in self.draws if (found := self._tried(point, draw)) is not None), None)

    def _tried(self, point: Point, draw: Draw) -> Found | None:
        try:
            shapes = [_at(point, shape or ()) for shape, _ in self.inputs]
            if any(size < 0 for shape in shapes for size in shape) or sum(map(math.prod, shapes)) > MOST_ENTRIES:
                return None
            random = np.random.default_rng(0)
            arrays = [_array(draw, random, shape, dtype) for shape, (_, dtype) in zip(shapes, self.inputs, strict=True)]
            with _until(self.end):
                result = np.asarray(self.rule(*arrays))
        except Exception:  # whatever a rule raises on values that nobody has chosen for it
            return None
        return (result.shape, result.dtype) if result.dtype.kind in "fiub" else None


def _at(point: Point, shape: Shape) -> tuple[int, ...]:
    return tuple(size.evaluate(point) if isinstance(size, Dimension) else size for size in shape)


def _array(draw: Draw, random: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    array: Array = np.asarray(draw(random, shape, dtype.kind == "f")).astype(dtype)
    array.setflags(write=False)  # as in a run
    return array


def _mixed(random: np.random.Generator, shape: tuple[int, ...], floating: bool) -> Any:
    return random.standard_normal(shape) if floating else random.integers(0, 2, shape)


def _positive(random: np.random.Generator, shape: tuple[int, ...], floating: bool) -> Any:
    return random.uniform(0.5, 1.5, shape) if floating else np.zeros(shape)


def _ones(random: np.random.Generator, shape: tuple[int, ...], floating: bool) -> Any:
    return np.ones(shape)


def _definite(random: np.random.Generator, shape: tuple[int, ...], floating: bool) -> Any:
    """Symmetric, positive definite matrices, for who takes nothing else."""
    return np.full(shape, 0.1) + np.eye(shape[-2], shape[-1]) if floating and len(shape) > 1 else np.full(shape, 0.5)


_DRAWS: Final = (_mixed, _positive, _ones, _definite)


@final
class _TooSlow(BaseException):  # no Exception, which a rule may catch
    """The time for all tries is over."""


@contextmanager
def _until(end: float) -> Iterator[None]:
    """Stop what takes longer at the next line of Python: a loop until numbers converge may never end on others."""
    if time.perf_counter() > end:
        raise _TooSlow
    if sys.gettrace() is not None:  # a debugger is at work, or what measures coverage
        yield
        return

    def watch(frame: Any, event: str, argument: Any) -> Any:
        if time.perf_counter() > end:
            raise _TooSlow
        return watch

    sys.settrace(watch)
    try:
        yield
    finally:
        sys.settrace(None)
