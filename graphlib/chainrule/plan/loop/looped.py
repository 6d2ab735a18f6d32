"""A program computed by one compiled loop over the columns, in one call or in pieces."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, final

import numpy as np

from chainrule.errors import MissingExtraError
from chainrule.plan.loop.loop_source import LARGEST_CALL, LoopSource, loop_source
from chainrule.plan.loop.scalars import scalars_of
from chainrule.plan.naming import tuple_text
from chainrule.plan.pieces import Array, InPieces, Results, cut
from chainrule.program.program import Program

_TASK: Final = 16_384  # columns of a task: a quarter of a millisecond at the least, many times what a task costs
_TASKS: Final = 64  # a large call is cut into about so many tasks, however many threads there are
_COPIED: Final = 16_384  # columns of a feed with another layout that are copied at a time


def has_numba() -> bool:
    """Whether Numba is installed; it is not imported for that."""
    return importlib.util.find_spec("numba") is not None


def require_numba() -> None:
    """Raise MissingExtraError unless Numba is installed."""
    if not has_numba():
        raise MissingExtraError(
            "Numba is not installed", remedy="pip install 'chainrule[jit]'; backend=\"auto\" does without"
        )


@final
class Loop:
    """The compiled functions of a program, for one dtype, all sizes but the number of columns, and any number of those.

    Raises NotScalar or Unsplittable, saying why, when a program has no such form.
    """

    def __init__(self, program: Program, sizes: Mapping[str, int], dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.results = {name: program.handed_name(name) for name in program.handed}
        scalars = scalars_of(program, sizes)
        self.column = scalars.column
        self._functions: Mapping[str, Callable[..., Any]] | None = None
        self.source: LoopSource = loop_source(scalars, dtype, next(iter(program.losses), None))

    def __str__(self) -> str:
        return f"{self.source.operations} operations on numbers for each of {self.column or 'no columns'}"

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """``run``, ``piece`` and ``finish``, compiled or read from disk."""
        if self._functions is None:  # cached_property of Python 3.11 has a lock, which a fork would copy locked
            from chainrule.plan.loop.compiled import compiled, one_at_a_time  # it loads Numba

            with one_at_a_time:
                if self._functions is None:
                    self._functions = compiled(self.source.text)
        return self._functions

    def empty(self, joined: bool, columns: int = 0) -> list[Array]:
        """New arrays for the results with columns, or for those without."""
        return [
            np.empty(tuple(columns if k == axis else size for k, size in enumerate(shape)), self.dtype)
            for shape, axis in self.source.results.values()
            if joined is (axis is not None)
        ]

    def quick(self) -> tuple[str, dict[str, Any]]:
        """The text of a function that makes the results and runs the loop once, and what it names."""
        source, names = self.source, list(self.source.feeds)
        results = list(source.results.items())
        made = [f"y{k} = empty({self._shape_text(shape, axis)}, real)" for k, (_, (shape, axis)) in enumerate(results)]
        place = {name: f"y{k}" for k, (name, _) in enumerate(results)}
        order = [place[name] for wanted in (False, True) for name, (_, axis) in results if wanted is (axis is not None)]
        body = [
            *made,
            f"loss = real(run({', '.join([*(f'x{k}' for k in range(len(names))), *order])}))",
            "return loss, {" + ", ".join(f"{name!r}: {place[result]}" for name, result in self.results.items()) + "}",
        ]
        return "\n".join(body), {"empty": np.empty, "real": self.dtype.type, "run": self.functions["run"]}

    def _shape_text(self, shape: Sequence[int], axis: int | None) -> str:
        sizes = [self._columns_text() if k == axis else str(size) for k, size in enumerate(shape)]
        return tuple_text(sizes)

    def _columns_text(self) -> str:
        return next(f"x{k}.shape[{axis}]" for k, (_, axis) in enumerate(self.source.feeds.values()) if axis is not None)


@final
class Looped(InPieces):
    """A compiled loop over a known number of columns."""

    def __init__(self, loop: Loop, total: int) -> None:
        self.loop, self.total = loop, total

    @property
    def text(self) -> str:
        return self.loop.source.text

    @property
    def read(self) -> Mapping[str, int | None]:
        return {name: axis for name, (_, axis) in self.loop.source.feeds.items()}

    @property
    def results(self) -> int:
        return 1 + sum(axis is not None for _, axis in self.loop.source.results.values())

    @property
    def threaded(self) -> bool:
        return self.total > LARGEST_CALL

    def tasks(self, most: int) -> list[tuple[int, int]]:
        wanted = max(1, min(max(_TASK, -(-self.total // _TASKS)), most))
        width = -(-self.total // -(-self.total // wanted))  # as many tasks of equal width, so that threads end together
        return [(start, min(start + width, self.total)) for start in range(0, self.total, width)]

    def handed(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        return {name: feeds[name] if axis is not None else _plain(feeds[name]) for name, axis in self.read.items()}

    def piece(self, values: Mapping[str, Any], start: int, stop: int) -> list[Any]:
        """The sums over some columns, then the columns of the results that have any."""
        sums = np.zeros(self.loop.source.sums)
        if all(_is_plain(values[name]) for name in self.read):
            return [sums, *self._run(values, start, stop, sums)]
        rows = []
        for first in range(start, stop, _COPIED):
            last = min(first + _COPIED, stop)
            own = {name: _plain(cut(values[name], axis, first, last)) for name, axis in self.read.items()}
            rows.append(self._run(own, 0, last - first, sums))
        return [sums, *self._joined(rows)]

    def _run(self, values: Mapping[str, Any], first: int, last: int, sums: Array) -> list[Array]:
        made = self.loop.empty(True, last - first)
        self.loop.functions["piece"](*(values[name] for name in self.read), self.total, first, last, sums, *made)
        return made

    def _joined(self, rows: Iterable[Sequence[Array]]) -> list[Array]:
        """Columns laid end to end."""
        axes = [axis for _, axis in self.loop.source.results.values() if axis is not None]
        columns = zip(*rows, strict=True)
        return [np.concatenate(parts, axis=axis) for parts, axis in zip(columns, axes, strict=True)]

    def in_one_call(self, batch_size: int | None) -> bool:
        """Whether whole epochs are one call; batches so large that threads pay are steps of their own."""
        return "def train(" in self.text and min(batch_size or self.total, self.total) <= LARGEST_CALL

    def epochs(self, feeds: Mapping[str, Any], epochs: int, batch_size: int | None) -> tuple[Array, dict[str, Array]]:
        """The losses of all steps, and the new values of the feeds that are updated."""
        updated = list(self.loop.results)
        batch = min(batch_size or self.total, self.total)
        arrays = {name: np.array(x, order="C") if name in updated else _plain(x) for name, x in feeds.items()}
        losses = np.empty(epochs * -(-self.total // batch), self.loop.dtype)
        given = (arrays[name] for name in self.read)
        self.loop.functions["train"](*given, batch, epochs, losses, *self.loop.empty(False))
        return losses, {name: arrays[name] for name in updated}

    def finish(self, values: Mapping[str, Any], pieces: Iterable[Sequence[Any]], feeds: Mapping[str, Array]) -> Results:
        done = list(pieces)
        sums = np.sum([piece[0] for piece in done], axis=0)
        joined = iter(self._joined(piece[1:] for piece in done))
        whole = [values[name] for name, axis in self.read.items() if axis is None]
        made = self.loop.empty(False)
        loss = self.loop.functions["finish"](*whole, self.total, sums, *made)
        given = iter(made)
        found = {
            name: next(given) if axis is None else next(joined) for name, (_, axis) in self.loop.source.results.items()
        }
        return self.loop.dtype.type(loss), {name: found[k] for name, k in self.loop.results.items()}


def _plain(value: Any) -> Array:
    """The array as the loop reads it: in one piece, row by row."""
    return np.require(value, requirements=["C_CONTIGUOUS", "ALIGNED"])


def _is_plain(value: Any) -> bool:
    return isinstance(value, np.ndarray) and bool(value.flags.c_contiguous and value.flags.aligned)
