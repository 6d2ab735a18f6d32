"""A program computed by the printed NumPy: all columns at once, or in blocks that fit the cache."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np

from chainrule.plan.blas import has_threads_of_blas, holding
from chainrule.plan.columns import Split, handed_name
from chainrule.plan.early_sums import early_sums
from chainrule.plan.loop.by_hand import texts_of, with_ready_loops
from chainrule.plan.loop.fused import Fused, FusingKind, LoopModule, fused_loops
from chainrule.plan.numpy_source import NumpySource, numpy_source
from chainrule.plan.optimizing import PASSES_OF_KNOWN_SIZES, bound, optimized
from chainrule.plan.pieces import Array, InPieces, Results, cut
from chainrule.plan.puts import sums_of_puts
from chainrule.plan.row_blocks import RowBlocks, in_row_blocks
from chainrule.plan.stacks import products_of_stacks
from chainrule.plan.transposed import transposed_once
from chainrule.program.program import Program

if TYPE_CHECKING:
    from chainrule.plan.recomputing import Recompute

CACHE: Final = 4 << 20  # bytes of workspace for one block: 1 MB is a tenth slower (more calls), 16 MB a third
SMALLEST_BLOCK: Final = 1024  # columns; smaller ones are all calls
_LARGEST_BLOCK: Final = {8: 9_984, 4: 45_056}  # columns by bytes of a number; longer rows OpenBLAS gives to threads
_TASKS: Final = 16  # a call in blocks is cut into about so many pieces, however many threads there are
_THREADED: Final = 20_000  # columns of a block from which a NumPy call lasts the 10 µs that make threads pay


@final
@dataclass(frozen=True)
class _Part:
    """A part of a plan for known sizes: its text, and the function that makes a workspace and what runs in it."""

    source: NumpySource
    prepare: Callable[[], Callable[..., Any]]
    loops: LoopModule | None
    """The loops that are called in the text."""
    ready: list[str]
    """The files of those that were written by hand."""
    recomputed: str | None
    """What it computes again on its way back, in words."""

    @property
    def text(self) -> str:
        """All that is printed."""
        printed = [] if self.loops is None else [self.loops.text]
        return "\n\n".join([self.source.text, *printed, *self.ready])


def _of_known_sizes(program: Program, recompute: Recompute) -> tuple[Program, str | None]:
    """The program after the passes of known sizes, and in words what it computes again."""
    program = optimized(
        program, (sums_of_puts, products_of_stacks, *PASSES_OF_KNOWN_SIZES, transposed_once, early_sums)
    )
    if not recompute:
        return program, None
    from chainrule.plan.recomputing import recomputed

    again = recomputed(program, recompute)  # behind all passes that make one step of two
    return again.program, str(again)


def _part(
    program: Program, title: str, fusing: FusingKind | None, recompute: Recompute = False, returns: Any = "tuple"
) -> _Part:
    program, again = _of_known_sizes(program, recompute)
    blocks: Mapping[int, RowBlocks | Fused]
    loops: LoopModule | None = None
    if fusing is None:
        program, blocks = in_row_blocks(program)
    else:
        program, blocks, loops = fused_loops(with_ready_loops(program), fusing)
    threads = has_threads_of_blas(program)
    source = numpy_source(program, title, returns, threads=threads, blocks=blocks)
    prepare = source.compiled(title)
    prepared = (lambda: holding(prepare())) if threads else prepare
    return _Part(source, prepared, loops, texts_of(program), again)


def written_source(program: Program, sizes: Mapping[str, int], title: str, recompute: Recompute = False) -> NumpySource:
    """The text of a plan for known sizes, all columns at once, that needs NumPy alone."""
    return numpy_source(_of_known_sizes(bound(program, sizes), recompute)[0], title)


@final
class Whole:
    """A plan for known sizes that computes all columns at once."""

    def __init__(
        self,
        program: Program,
        sizes: Mapping[str, int],
        title: str,
        fusing: FusingKind | None = None,
        recompute: Recompute = False,
    ) -> None:
        self.part = _part(bound(program, sizes), title, fusing, recompute, "dict")
        self._local = threading.local()

    @property
    def text(self) -> str:
        """The printed function."""
        return self.part.text

    @property
    def recomputed(self) -> str | None:
        """What is computed again on the way back, in words, where that was asked for."""
        return self.part.recomputed

    @property
    def feeds(self) -> tuple[str, ...]:
        """The names of the arguments of ``run``."""
        return self.part.source.feeds

    def free(self) -> list[Callable[..., Results]]:
        """Functions of the feeds in their order, each with a workspace, that no call of this thread is using.

        A call takes one and puts it back. So a call that a signal handler or a rule makes meanwhile has its own.
        """
        found: list[Callable[..., Results]] | None = getattr(self._local, "free", None)
        if found is None:
            found = self._local.free = []
        return found

    def release(self) -> None:
        """Let go of every workspace; the next call makes one."""
        self._local = threading.local()

    def __call__(self, feeds: Mapping[str, Array], executor: Any = None) -> Results:
        """The loss and the gradients; an executor has nothing to do where there is one piece."""
        free = self.free()
        run = free.pop() if free else self.part.prepare()
        try:
            return run(*(feeds[name] for name in self.feeds))
        finally:
            free.append(run)


@final
class Blocks(InPieces):
    """A plan for known sizes that streams blocks of columns through a workspace that fits the cache."""

    def __init__(
        self,
        program: Program,
        parts: Split,
        sizes: Mapping[str, int],
        columns: int,
        *,
        title: str,
        fusing: FusingKind | None = None,
        recompute: Recompute = False,
        shared: bool = False,
    ) -> None:
        self.parts, self.sizes, self.columns, self.title = parts, dict(sizes), columns, title
        self.shared = shared
        """Whether a block lasts long enough that threads pay, however few columns it has."""
        self.loss = next((handed_name(program, k) for k in program.losses.values()), None)
        self.handed_names = {name: handed_name(program, k) for name, k in program.handed.items()}
        self.fusing, self.recompute = fusing, recompute
        self.before = _part(bound(parts.before, sizes), f"{title}: before the blocks", fusing)
        self.after = _part(bound(parts.after, sizes), f"{title}: after the blocks", fusing)
        self.block = functools.cache(self._block)
        self._local = threading.local()

    def _block(self, columns: int) -> _Part:
        sizes = {**self.sizes, self.parts.name: columns}
        title = f"{self.title}: one block of {columns} columns"
        return _part(bound(self.parts.block, sizes, self.sizes), title, self.fusing, self.recompute)

    def release(self) -> None:
        """Let go of every workspace; the next call makes them."""
        self._local = threading.local()

    @property
    def total(self) -> int:
        """The number of columns of all blocks together."""
        return self.sizes[self.parts.name]

    @property
    def text(self) -> str:
        return "\n".join(p.text for p in (self.before, self.block(min(self.columns, self.total)), self.after))

    @property
    def recomputed(self) -> str | None:
        """What each block computes again on its way back, in words, where that was asked for."""
        return self.block(min(self.columns, self.total)).recomputed

    @property
    def read(self) -> Mapping[str, int | None]:
        return {name: self.parts.sliced.get(name) for name in self.parts.block.feeds}

    @property
    def results(self) -> int:
        return len(self.parts.block.values)

    @property
    def threaded(self) -> bool:
        return self.shared or self.columns >= _THREADED

    def tasks(self, most: int) -> list[tuple[int, int]]:
        width = self.columns * max(1, min(-(-self.total // (self.columns * _TASKS)), most // self.columns))
        return [(start, min(start + width, self.total)) for start in range(0, self.total, width)]

    def handed(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        early = self._run("before", self.before, (feeds[name] for name in self.before.source.feeds))
        return {**feeds, **dict(zip(self.parts.before.values, early, strict=True))}

    def piece(self, values: Mapping[str, Any], start: int, stop: int) -> list[Any]:
        """The results of some columns, block by block: sums added up, columns laid end to end."""
        blocks = [
            self._one(values, first, min(first + self.columns, stop)) for first in range(start, stop, self.columns)
        ]
        return list(self._together(blocks).values())

    def _together(self, rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
        """The results of several ranges of columns as those of one."""
        names = tuple(self.parts.block.values)
        columns: dict[str, list[Any]] = {name: [] for name in self.parts.joined}
        sums: dict[str, Any] = {}
        for row in rows:
            for name, result in zip(names, row, strict=True):
                if name in columns:
                    columns[name].append(result)
                else:
                    sums[name] = sums[name] + result if name in sums else result
        joined = {name: np.concatenate(arrays, axis=self.parts.joined[name]) for name, arrays in columns.items()}
        return {name: joined[name] if name in joined else sums[name] for name in names}

    def _one(self, values: Mapping[str, Any], first: int, last: int) -> Any:
        part = self.block(last - first)
        own = (cut(values[name], self.parts.sliced.get(name), first, last) for name in part.source.feeds)
        return self._run(last - first, part, own)

    def _run(self, key: int | str, part: _Part, given: Iterable[Any]) -> Any:
        """What a part gives, computed in a workspace that this thread keeps."""
        runs: dict[int | str, Any] = self._local.__dict__.setdefault("runs", {})
        run = runs.pop(key, None) or part.prepare()  # taken, as of ``Whole.free``
        try:
            return run(*given)
        finally:
            runs[key] = run

    def finish(self, values: Mapping[str, Any], pieces: Iterable[Sequence[Any]], feeds: Mapping[str, Array]) -> Results:
        known = {**values, **self._together(pieces)}
        late = self._run("after", self.after, (known[name] for name in self.after.source.feeds))
        known.update(zip(self.parts.after.values, late, strict=True))
        loss = None if self.loss is None else known[self.loss]
        return loss, _apart({name: np.asarray(known[k]) for name, k in self.handed_names.items()}, feeds)


def _apart(results: dict[str, Array], feeds: Mapping[str, Array]) -> dict[str, Array]:
    """The results, copied where one would be a feed or another result."""
    taken = {id(array) for array in feeds.values()}
    for name, array in results.items():
        results[name] = array.copy() if id(array) in taken else array
        taken.add(id(array))
    return results


def columns_in_cache(parts: Split, sizes: Mapping[str, int], dtype: np.dtype[Any]) -> int:
    """How many columns a block may have so that its workspace fits the cache."""
    total = sizes[parts.name]
    if total <= SMALLEST_BLOCK:
        return total
    sample = numpy_source(bound(parts.block, {**sizes, parts.name: 1000}, sizes), returns="tuple").bytes / 1000
    columns = int(CACHE / max(sample, 1.0)) // 1024 * 1024
    columns = max(SMALLEST_BLOCK, min(_LARGEST_BLOCK.get(dtype.itemsize, SMALLEST_BLOCK), columns))
    if columns < _THREADED or total <= columns:
        return columns
    pairs = -(-total // (2 * columns))  # an even number of equal blocks, so that two threads end together
    return -(-total // (2 * pairs))
