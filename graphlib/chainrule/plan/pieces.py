"""Pieces: ranges of columns that are computed one by one, on threads or on any executor, and added up."""

from __future__ import annotations

import functools
import math
import pickle
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.core.feeds import Pieces, Stretch, as_cut
from chainrule.errors import ArgumentError
from chainrule.plan.threads import on_threads

Array = npt.NDArray[Any]
Results = tuple[Any, dict[str, Any]]
Piece: TypeAlias = Sequence[Any]  # what some columns give: sums over them, and columns to lay end to end
MapPieces: TypeAlias = Callable[[Callable[[tuple[int, int]], Piece], Sequence[tuple[int, int]]], Iterable[Piece]]

TASK_BYTES: Final = 4 << 20  # of feeds, so that tasks sent elsewhere need no more memory when there are more columns
_UNDER_WAY: Final = 32  # tasks with their columns that an executor holds at a time
_UNDER_WAY_BY_PATH: Final = 4096  # those that hold no columns, but know where to read them


class InPieces(ABC):
    """A computation that takes some columns at a time. Its pieces depend on the sizes alone, and so do its results."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The printed functions."""

    @property
    @abstractmethod
    def read(self) -> Mapping[str, int | None]:
        """By name every value that a piece reads, and the axis of its columns, if it has any."""

    @abstractmethod
    def tasks(self, most: int) -> list[tuple[int, int]]:
        """The ranges of columns that make one task each, of about ``most`` columns or fewer."""

    @abstractmethod
    def handed(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """By name the values that the pieces and the end read: the feeds, and what is computed before the columns."""

    @abstractmethod
    def piece(self, values: Mapping[str, Any], start: int, stop: int) -> Piece:
        """What the columns from ``start`` to ``stop`` give."""

    @abstractmethod
    def finish(self, values: Mapping[str, Any], pieces: Iterable[Piece], feeds: Mapping[str, Array]) -> Results:
        """The loss and the gradients, from all pieces in their order."""

    @property
    @abstractmethod
    def results(self) -> int:
        """How many results one piece has."""

    @property
    @abstractmethod
    def threaded(self) -> bool:
        """Whether one piece lasts long enough that threads pay."""

    def __call__(self, feeds: Mapping[str, Array], executor: Any = None) -> Results:
        """The loss and the gradients; without an executor on this thread, or on several where that pays."""
        values = self.handed(feeds)
        map_pieces: Any = map
        if executor is not None:
            map_pieces = functools.partial(executor, values)
        elif self.threaded:
            map_pieces = on_threads
        tasks = self.tasks(self._columns_of_a_task(values))
        return self.finish(values, map_pieces(lambda task: self.piece(values, *task), tasks), feeds)

    def _columns_of_a_task(self, values: Mapping[str, Any]) -> int:
        """How many columns of all feeds together a task may take, at least roughly."""
        cuts = [(values[name], axis) for name, axis in self.read.items() if axis is not None]
        column = sum(math.prod(value.shape) // value.shape[axis] * value.dtype.itemsize for value, axis in cuts)
        return TASK_BYTES // max(1, int(column))


def in_memory(feeds: Mapping[str, Any], read: Mapping[str, int | None]) -> dict[str, Any]:
    """The feeds as arrays, but for those that are read some columns at a time: they have an axis of columns."""
    return {name: feed if read.get(name) is not None else np.asarray(feed) for name, feed in feeds.items()}


def cut(value: Any, axis: int | None, first: int, last: int) -> Any:
    """Some columns of a value; the value itself where it has none."""
    return value if axis is None else value[(slice(None),) * axis + (slice(first, last),)]


class Pickled(Protocol):
    """A plan, as far as pieces know it: once unpickled, it finds their computation again."""

    def computation_for(self, arrays: Mapping[str, Array], /) -> Any:
        """What computes the plan for arrays of these shapes and dtypes."""


def submitting(plan: Pickled, computation: InPieces, arrays: Mapping[str, Array], executor: Any) -> Callable[..., Any]:
    """Maps tasks over an executor: each gets the plan and its own columns, nothing that cannot be pickled."""
    payload = pickle.dumps(plan)
    cuts = [arrays[name] for name, axis in computation.read.items() if axis is not None and name in arrays]
    most = _UNDER_WAY_BY_PATH if all(map(_is_shared, cuts)) else _UNDER_WAY
    key = tuple((name, array.shape, array.dtype.str) for name, array in arrays.items())

    def map_tasks(values: Mapping[str, Any], _: Any, tasks: Sequence[tuple[int, int]]) -> Iterable[Piece]:
        futures: deque[Any] = deque()
        for start, stop in tasks:
            if len(futures) == most:
                yield _received(futures.popleft(), computation.results)
            own = {name: _sent(values[name], axis, start, stop) for name, axis in computation.read.items()}
            futures.append(executor.submit(_task, payload, key, own, stop - start))
        while futures:
            yield _received(futures.popleft(), computation.results)

    return map_tasks


def _is_shared(value: Any) -> bool:
    return isinstance(value, Pieces) and value.shared


def _sent(value: Any, axis: int | None, first: int, last: int) -> Any:
    """What a task gets of a value: its columns, or where it finds them."""
    return cut(value, axis, first, last) if axis is None or not _is_shared(value) else value.stretch(axis, first, last)


def _received(future: Any, results: int) -> Piece:
    """What a task has returned; raises ArgumentError where the executor hands back anything else."""
    remedy = "submit(function, *args) returns a Future; its result() is what function(*args) returned"
    if not callable(getattr(future, "result", None)):
        what = f"the executor's submit returned {type(future).__name__} in place of a Future"
        raise ArgumentError(what, given=repr(future), remedy=remedy)
    piece = future.result()
    if not isinstance(piece, (list, tuple)) or len(piece) != results:
        kind = f"{len(piece)} results" if isinstance(piece, (list, tuple)) else type(piece).__name__
        raise ArgumentError(f"the executor returned {kind} in place of {results} results", given=kind, remedy=remedy)
    return piece


def _task(payload: bytes, key: Any, values: Mapping[str, Any], columns: int) -> Piece:
    """One task, wherever it runs: the results of its columns."""
    shapes = {name: shape for name, shape, _ in key}
    read = {name: _read(value, shapes.get(name)) for name, value in values.items()}
    return _computation_of(payload, key).piece(read, 0, columns)


def _read(value: Any, shape: tuple[int, ...] | None) -> Any:
    """A feed as it lay in memory where it was cut, whatever brought it here."""
    if isinstance(value, Stretch):
        return value.read()
    array = np.require(value, requirements="A")  # in a message numbers stand at any address, and add up differently
    return array if shape is None else as_cut(array, shape)


@functools.lru_cache(maxsize=4)
def _computation_of(payload: bytes, key: Any) -> InPieces:
    """The computation that a task belongs to, unpacked once in each process."""
    plan: Pickled = pickle.loads(payload)  # noqa: S301 — packed by the caller in the same program
    arrays = {name: np.broadcast_to(np.zeros((), dtype), shape) for name, shape, dtype in key}
    return plan.computation_for(arrays)  # type: ignore[no-any-return]  # pickle knows no types
