"""Plan: a compiled graph, called with feeds for the loss and its gradients."""

from __future__ import annotations

import functools
import math
import os
import pickle
import threading
from collections import deque
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
import numpy.typing as npt

from chainrule.dimensions import Dimension, shape_text
from chainrule.errors import ArgumentError, FeedError, RuleError, UnknownNameError
from chainrule.feeds import values_in_pieces
from chainrule.node import Constant, Leaf, Node
from chainrule.plan.columns import Split, Unsplittable, split
from chainrule.plan.numpy_source import Source, numpy_source
from chainrule.plan.passes import bound, optimized, typed
from chainrule.program import Program, record

if TYPE_CHECKING:
    from chainrule.graph import Graph

Array = npt.NDArray[Any]
Results = tuple[Any, dict[str, Any]]
Key = tuple[Any, ...]

_CACHE: Final = 4 << 20  # bytes of workspace for one block: 1 MB is a tenth slower (more calls), 16 MB a third
_SMALLEST_BLOCK: Final = 1024  # columns; smaller ones are all calls
_LARGEST_BLOCK: Final = {8: 9_984, 4: 45_056}  # columns by bytes of a number; longer rows OpenBLAS gives to threads
_TASKS: Final = 16  # a call in blocks is cut into about so many pieces, however many threads there are
_TASK_BYTES: Final = 4 << 20  # of feeds, so that tasks sent elsewhere need no more memory when there are more columns
_UNDER_WAY: Final = 32  # tasks that an executor holds at a time
_THREADED: Final = 20_000  # columns of a block from which a NumPy call lasts the 10 µs that make threads pay
_SHOWN: Final = 1000  # the size that named dimensions have in a source that is read before the first call
_KEPT: Final = 32  # specializations; data of ever new sizes must not fill the memory


def compile_graph(graph: Graph, gradients: Iterable[str | Node] | None = None, block: int | None = None) -> Plan:
    """The plan of a graph with one scalar loss; ``Graph.compile`` says more."""
    if len(graph.outputs) != 1:
        given = ", ".join(map(graph.name, graph.outputs))
        raise ArgumentError("a plan has one output, the loss", given=given, remedy="Graph(loss, watch=[...])")
    if gradients is None:
        return Plan(graph, _program(graph.fuse(), None), block)
    names = [graph.name(graph[node]) for node in ([gradients] if isinstance(gradients, (str, Node)) else gradients)]
    fused = _program((_named(graph) if any(graph[name].name is None for name in names) else graph).fuse(), names)
    program = fused if set(names) <= set(fused.gradients) else _program(graph, names)
    if missing := [name for name in names if name not in program.gradients]:
        raise UnknownNameError(
            f"{', '.join(map(repr, missing))} {'has' if len(missing) == 1 else 'have'} no gradient",
            remedy="constants, whole numbers and labels have none, nor does what the loss does not depend on",
        )
    return Plan(graph, program, block)


def _named(graph: Graph) -> Graph:
    """The graph with the names that it gives to nodes without one as their own: a graph rewritten gives others."""
    new: dict[Node, Node] = {}
    for node in graph.order:
        inputs = tuple(new[source] for source in node.inputs)
        kept = node.name is not None and inputs == node.inputs
        new[node] = node if kept else node.replace(*inputs).relabel(graph.name(node), like=node)
    return type(graph)(*(new[node] for node in graph.outputs), watch=[new[node] for node in graph.watch])


def _program(graph: Graph, names: Sequence[str] | None) -> Program:
    """The recorded program for these gradients, as far as they exist; for the parameters' when None."""
    program = record(graph)
    wanted = [graph.name(node) for node in graph.parameters] if names is None else names
    return program.only(gradients=[name for name in wanted if name in program.gradients])


@final
@dataclass(frozen=True)
class _Part:
    """A part of a plan for known sizes: its text, and the function that makes a workspace and what runs in it."""

    source: Source
    prepare: Callable[[], Callable[..., Any]]


def _part(program: Program, title: str, returns: Any = "tuple") -> _Part:
    source = numpy_source(program, title, returns)
    return _Part(source, source.compiled(title))


@final
class _Whole:
    """A plan for known sizes that computes all columns at once."""

    def __init__(self, program: Program, sizes: Mapping[str, int], title: str) -> None:
        self.part = _part(optimized(bound(program, sizes)), title, "dict")
        self._local = threading.local()

    @property
    def text(self) -> str:
        return self.part.source.text

    def run(self) -> Callable[..., Results]:
        """The function of the feeds in their order, with this thread's workspace."""
        found: Callable[..., Results] | None = getattr(self._local, "run", None)
        if found is None:
            found = self._local.run = self.part.prepare()
        return found

    def __call__(self, feeds: Mapping[str, Array]) -> Results:
        return self.run()(*(feeds[name] for name in self.part.source.feeds))


@final
class _Blocks:
    """A plan for known sizes that streams blocks of columns through a workspace that fits the cache."""

    def __init__(self, parts: Split, sizes: Mapping[str, int], columns: int, title: str, names: Any) -> None:
        self.parts, self.sizes, self.columns, self.names = parts, dict(sizes), columns, names
        self.title = title
        self.before = _part(optimized(bound(parts.before, sizes)), f"{title}: before the blocks")
        self.after = _part(optimized(bound(parts.after, sizes)), f"{title}: after the blocks")
        self.block = functools.cache(self._block)
        self._local = threading.local()

    @property
    def total(self) -> int:
        """The number of columns of all blocks together."""
        return self.sizes[self.parts.name]

    def _block(self, columns: int) -> _Part:
        sizes = {**self.sizes, self.parts.name: columns}
        return _part(
            optimized(bound(self.parts.block, sizes, self.sizes)), f"{self.title}: one block of {columns} columns"
        )

    @property
    def text(self) -> str:
        return "\n".join(p.source.text for p in (self.before, self.block(min(self.columns, self.total)), self.after))

    @functools.cached_property
    def _bytes_read(self) -> int:
        """The size of what one block reads of the feeds that have columns."""
        steps = bound(self.parts.block, {**self.sizes, self.parts.name: self.columns}, self.sizes).steps
        feeds = [step for step in steps if step.is_feed and step.name in self.parts.sliced]
        return max(1, sum(math.prod(step.shape or ()) * step.dtype.itemsize for step in feeds))

    def tasks(self) -> list[tuple[int, int]]:
        """The ranges of columns that one piece of work takes: they depend on the sizes alone, so that results do."""
        width = self.columns * max(1, min(-(-self.total // (self.columns * _TASKS)), _TASK_BYTES // self._bytes_read))
        return [(start, min(start + width, self.total)) for start in range(0, self.total, width)]

    def __call__(self, feeds: Mapping[str, Array], map_tasks: Callable[..., Iterable[Any]] = map) -> Results:
        values = self._before(feeds)
        done = map_tasks(lambda task: self.piece(values, *task), self.tasks())
        return self._after(values, done, feeds)

    def _before(self, feeds: Mapping[str, Array]) -> dict[str, Any]:
        early = self.before.prepare()(*(feeds[name] for name in self.before.source.feeds))
        return {**feeds, **dict(zip(self.parts.before.values, early, strict=True))}

    def _after(self, values: dict[str, Any], pieces: Iterable[Sequence[Any]], feeds: Mapping[str, Array]) -> Results:
        names = tuple(self.parts.block.values)
        columns: dict[str, list[Any]] = {name: [] for name in self.parts.joined}
        sums: dict[str, Any] = {}
        for piece in pieces:
            _add_up(zip(names, piece, strict=True), sums, columns)
        joined = {name: np.concatenate(arrays, axis=self.parts.joined[name]) for name, arrays in columns.items()}
        values = {**values, **sums, **joined}
        late = self.after.prepare()(*(values[name] for name in self.after.source.feeds))
        values.update(zip(self.parts.after.values, late, strict=True))
        loss, gradients = self.names
        return values[loss], _apart({name: np.asarray(values[handed]) for name, handed in gradients.items()}, feeds)

    def piece(self, values: Mapping[str, Any], start: int, stop: int) -> list[Any]:
        """The results of some columns, block by block: sums added up, columns laid end to end."""
        names = tuple(self.parts.block.values)
        columns: dict[str, list[Any]] = {name: [] for name in self.parts.joined}
        sums: dict[str, Any] = {}
        for first in range(start, stop, self.columns):
            last = min(first + self.columns, stop)
            _add_up(zip(names, self._one(values, first, last), strict=True), sums, columns)
        for name, arrays in columns.items():
            sums[name] = np.concatenate(arrays, axis=self.parts.joined[name])
        return [sums[name] for name in names]

    def _one(self, values: Mapping[str, Any], first: int, last: int) -> Any:
        columns = last - first
        runs: dict[int, Any] = self._local.__dict__.setdefault("runs", {})
        if columns not in runs:
            part = self.block(columns)
            runs[columns] = (part.prepare(), part.source.feeds)
        run, feeds = runs[columns]
        return run(*(_cut(values[name], self.parts.sliced.get(name), first, last) for name in feeds))


def _apart(results: dict[str, Array], feeds: Mapping[str, Array]) -> dict[str, Array]:
    """The results, copied where one would be a feed or another result."""
    taken = {id(array) for array in feeds.values()}
    for name, array in results.items():
        results[name] = array.copy() if id(array) in taken else array
        taken.add(id(array))
    return results


def _in_memory(feeds: Mapping[str, Any], in_pieces: Container[str] = ()) -> dict[str, Any]:
    """The feeds as arrays, but for those that are read a piece at a time."""
    return {name: feed if name in in_pieces else np.asarray(feed) for name, feed in feeds.items()}


def _cut(value: Any, axis: int | None, first: int, last: int) -> Any:
    """Some columns of a feed; the feed itself where it has none."""
    return value if axis is None else value[(slice(None),) * axis + (slice(first, last),)]


def _add_up(results: Iterable[tuple[str, Any]], sums: dict[str, Any], columns: dict[str, list[Any]]) -> None:
    for name, result in results:
        if name in columns:
            columns[name].append(result)
        else:
            sums[name] = sums[name] + result if name in sums else result


@final
class Plan:
    """A compiled graph: ``loss, gradients = plan(feeds)``.

    >>> import numpy as np
    >>> from chainrule import Graph, Input, Mean, Parameter, Square
    >>> w, x = Parameter("w", (1, 2)), Input("x", (2, "m"))
    >>> step = Graph(Mean(Square(w @ x), name="L")).compile()
    >>> step({"w": np.array([[1.0, 2.0]]), "x": np.eye(2)})
    (np.float64(2.5), {'w': array([[1., 2.]])})

    The results are new arrays. Threads may share a plan: each has a workspace of its own. A plan pickles.
    """

    def __init__(self, graph: Graph, program: Program, block: int | None = None) -> None:
        self.graph, self._recorded, self._block = graph, program, block
        self._leaves: tuple[Leaf, ...] = tuple(node for node in graph.order if isinstance(node, Leaf))
        self._fed = tuple(leaf for leaf in self._leaves if not isinstance(leaf, Constant))
        self._special: dict[Key, _Whole | _Blocks] = {}
        self._lock = threading.Lock()
        self._local = threading.local()
        self._programs: dict[Any, tuple[Program, Split | str]] = {}

    # --- reading it ----------------------------------------------------------------------------------------------

    @property
    def program(self) -> Program:
        """The program after all passes, for float64 and any sizes."""
        return self._program_for(np.dtype(float))[0]

    @property
    def source(self) -> str:
        """The printed NumPy of the last call; before the first call, for named sizes of 1,000."""
        last = getattr(self._local, "last", None)
        if last is None:
            names = sorted(
                name
                for leaf in self._fed
                for size in leaf.shape or ()
                if isinstance(size, Dimension)
                for name in size.names
            )
            last = _Whole(self.program, dict.fromkeys(names, _SHOWN), "")
        return str(last.text)

    def explain(self) -> str:
        """What was compiled: how many steps, and whether columns are computed in blocks, or why not."""
        program, parts = self._program_for(np.dtype(float))
        lines = [f"{len(self._recorded)} steps recorded, {len(program)} after the passes"]
        if isinstance(parts, str):
            return "\n".join([*lines, f"all columns at once: {parts}"])
        sums = [name for name in parts.block.values if name not in parts.joined]
        lines += [
            f"blocks of columns of {parts.name}: {len(parts.block)} steps in each, {len(parts.after)} after them",
            f"added up over the blocks: {', '.join(sums) or 'nothing'}",
        ]
        return "\n".join([*lines, f"laid end to end: {', '.join(parts.joined)}"] if parts.joined else lines)

    def __repr__(self) -> str:
        return f"<Plan of {len(self._recorded)} steps: {', '.join(self._recorded.values)}>"

    # --- calling it ----------------------------------------------------------------------------------------------

    def __call__(
        self, feeds: Mapping[Any, Any], *, out: Mapping[str, Array] | None = None, executor: Any = None
    ) -> Results:
        """The loss and the gradients by name.

        ``out`` are arrays that gradients are written to, by name. ``executor`` is anything with the ``submit`` of
        ``concurrent.futures.Executor``; blocks of columns are computed there. Raises FeedError as ``Graph.forward``.
        """
        call = getattr(self._local, "call", None)
        if call is not None and out is None and executor is None:
            return call(feeds)  # type: ignore[no-any-return]
        loss, gradients = self._general(feeds, executor)
        return loss, gradients if out is None else _written(gradients, out)

    def _general(self, feeds: Mapping[Any, Any], executor: Any = None) -> Results:
        given = values_in_pieces(self._leaves, feeds, self.graph.name)
        arrays = {self.graph.name(leaf): given[leaf] for leaf in self._fed}
        if 0 in self._sizes(arrays).values():
            return self._by_run(arrays)
        special = self._special_for(arrays)
        self._local.last = special
        if isinstance(special, _Whole):
            self._local.call = self._fast_call(special, arrays)
            return special(_in_memory(arrays))
        arrays = _in_memory(arrays, special.parts.sliced)
        if executor is not None:
            return special(arrays, _submitting(self, special, arrays, executor))
        return special(arrays, _on_threads if special.columns >= _THREADED else map)

    def _by_run(self, arrays: Mapping[str, Array]) -> Results:
        """No columns at all: the rules decide what that means, most often an error that says so."""
        run = self.graph.forward(arrays)
        gradients = run.backward()
        return run[self.graph.outputs[0]][()], {name: gradients[name].copy() for name in self._recorded.gradients}

    def _special_for(self, arrays: Mapping[str, Array]) -> _Whole | _Blocks:
        key: Key = tuple((array.shape, array.dtype) for array in arrays.values())
        found = self._special.get(key)
        if found is None:
            with self._lock:
                found = self._special.get(key) or self._specialized(arrays)
                while len(self._special) >= _KEPT:
                    self._special.pop(next(iter(self._special)))
                self._special[key] = found
        return found

    def _specialized(self, arrays: Mapping[str, Array]) -> _Whole | _Blocks:
        dtype = next((a.dtype for a in arrays.values() if a.dtype.kind == "f"), np.dtype(float))
        sizes = self._sizes(arrays)
        program, parts = self._program_for(dtype)
        title = f"{dtype.name}, {', '.join(f'{name} = {size}' for name, size in sizes.items())}".rstrip(", ")
        if not isinstance(parts, str):
            columns = self._block or _columns_in_cache(parts, sizes, dtype)
            if sizes[parts.name] > columns:
                (loss,) = program.values.values()
                handed = {name: _handed_name(program, k) for name, k in program.gradients.items()}
                return _Blocks(parts, sizes, columns, title, (_handed_name(program, loss), handed))
        return _Whole(program, sizes, title)

    def _program_for(self, dtype: np.dtype[Any]) -> tuple[Program, Split | str]:
        if dtype not in self._programs:
            program = optimized(typed(self._recorded, dtype))
            _check_dtypes(program, dtype)
            try:
                self._programs[dtype] = program, split(program)
            except Unsplittable as why:
                self._programs[dtype] = program, str(why)
        return self._programs[dtype]

    def _sizes(self, arrays: Mapping[str, Array]) -> dict[str, int]:
        pairs = [
            p for leaf in self._fed for p in zip(leaf.shape or (), arrays[self.graph.name(leaf)].shape, strict=True)
        ]
        return {str(size): number for size, number in pairs if isinstance(size, Dimension)}

    def _fast_call(self, special: _Whole, arrays: Mapping[str, Array]) -> Callable[[Any], Results]:
        """A function that runs at once when the feeds look as they did the last time, and takes the long way else."""
        run, names = special.run(), special.part.source.feeds
        text = _fast_text(len(names))
        facts: dict[str, Any] = {f"s{k}": arrays[name].shape for k, name in enumerate(names)}
        facts |= {f"d{k}": arrays[name].dtype for k, name in enumerate(names)}
        facts |= {f"n{k}": name for k, name in enumerate(names)}
        namespace: dict[str, Any] = {"run": run, "other": self._general, "ndarray": np.ndarray, **facts}
        exec(text, namespace)
        return namespace["call"]  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.graph, tuple(self._recorded.gradients), self._block)


def _check_dtypes(program: Program, dtype: np.dtype[Any]) -> None:
    for name, k in (*program.values.items(), *program.gradients.items()):
        found = program.steps[k].dtype
        if found.kind == "f" and found != dtype:
            raise RuleError(f"{name}: a rule on the way gives {found} where this plan computes in {dtype}")


def _rebuilt(graph: Graph, gradients: tuple[str, ...], block: int | None) -> Plan:
    return compile_graph(graph, gradients, block)


@functools.cache
def _fast_text(count: int) -> Any:
    """The code of a call for this number of feeds: two comparisons for each, no loop."""
    reads = "; ".join(f"x{k} = feeds[n{k}]" for k in range(count)) or "pass"
    checks = " and ".join(f"type(x{k}) is ndarray and x{k}.shape == s{k} and x{k}.dtype is d{k}" for k in range(count))
    lines = [
        "def call(feeds):",
        "    try:",
        f"        {reads}",
        f"        same = len(feeds) == {count} and {checks or 'True'}",
        "    except (KeyError, TypeError):",
        "        same = False",
        "    if same:",
        f"        return run({', '.join(f'x{k}' for k in range(count))})",
        "    return other(feeds)",
    ]
    return compile("\n".join(lines), "<plan call>", "exec")


def _columns_in_cache(parts: Split, sizes: Mapping[str, int], dtype: np.dtype[Any]) -> int:
    """How many columns a block may have so that its workspace fits the cache."""
    total = sizes[parts.name]
    if total <= _SMALLEST_BLOCK:
        return total
    sample = numpy_source(bound(parts.block, {**sizes, parts.name: 1000}, sizes), returns="tuple").bytes / 1000
    columns = int(_CACHE / max(sample, 1.0)) // 1024 * 1024
    columns = max(_SMALLEST_BLOCK, min(_LARGEST_BLOCK.get(dtype.itemsize, _SMALLEST_BLOCK), columns))
    if columns < _THREADED or total <= columns:
        return columns
    pairs = -(-total // (2 * columns))  # an even number of equal blocks, so that two threads end together
    return -(-total // (2 * pairs))


def _handed_name(program: Program, k: int) -> str:
    step = program.steps[k]
    return step.name if step.name is not None else f"%{k}"


def _written(gradients: Mapping[str, Any], out: Mapping[str, Array]) -> dict[str, Any]:
    """The gradients copied to the caller's arrays."""
    unknown = [name for name in out if name not in gradients]
    if unknown:
        raise ArgumentError(f"out: no gradient {', '.join(map(repr, unknown))}", given=", ".join(gradients))
    for name, array in out.items():
        if array.shape != gradients[name].shape:
            raise FeedError(f"out: {name} has shape {shape_text(gradients[name].shape)}, not {shape_text(array.shape)}")
        np.copyto(array, gradients[name])
    return {name: out.get(name, gradient) for name, gradient in gradients.items()}


# --- where blocks are computed -----------------------------------------------------------------------------------


def _on_threads(function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterable[Any]:
    """The tasks on as many threads as there are processors, their results in order."""
    workers = min(len(tasks), _processors())
    if workers == 1:
        return map(function, tasks)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, tasks))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _submitting(
    plan: Plan, special: _Blocks, arrays: Mapping[str, Array], executor: Any
) -> Callable[..., Iterable[Any]]:
    """Maps tasks over an executor: each gets the plan and its own columns, nothing that cannot be pickled."""
    payload = pickle.dumps(plan)
    key = tuple((name, array.shape, array.dtype.str) for name, array in arrays.items())

    def map_tasks(_: Any, tasks: Sequence[tuple[int, int]]) -> Iterable[Any]:
        values = special._before(arrays)
        futures: deque[Any] = deque()
        for start, stop in tasks:
            if len(futures) == _UNDER_WAY:
                yield futures.popleft().result()
            cut = {n: _cut(values[n], special.parts.sliced.get(n), start, stop) for n in special.parts.block.feeds}
            futures.append(executor.submit(_task, payload, key, cut, stop - start))
        while futures:
            yield futures.popleft().result()

    return map_tasks


def _task(payload: bytes, key: Any, values: Mapping[str, Any], columns: int) -> list[Any]:
    """One task, wherever it runs: the results of its columns."""
    return _blocks_of(payload, key).piece(values, 0, columns)


@functools.lru_cache(maxsize=4)
def _blocks_of(payload: bytes, key: Any) -> _Blocks:
    """The plan that a task belongs to, unpacked once in each process."""
    plan = pickle.loads(payload)  # noqa: S301 — packed by the caller in the same program
    arrays = {name: np.broadcast_to(np.zeros((), dtype), shape) for name, shape, dtype in key}
    return plan._special_for(arrays)  # type: ignore[no-any-return]
