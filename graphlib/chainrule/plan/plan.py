"""Plan: a compiled graph, called with feeds for the loss and its gradients."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

import numpy as np

from chainrule.core.accepting import as_path, expect, floating
from chainrule.core.feeds import Pieces, check_labels, values_in_pieces
from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant, Input, Leaf
from chainrule.core.node import Node
from chainrule.core.passes import forward, sweep
from chainrule.core.predicting import how_to_predict
from chainrule.errors import ArgumentError, ChainruleError, FeedError, ProgramError, RuleError
from chainrule.plan.asked import predicted_program, wanted_program
from chainrule.plan.columns import Split, Unsplittable, column_name, split
from chainrule.plan.explained import Explained, about_loop, printed_line
from chainrule.plan.loop.fused import FusingKind
from chainrule.plan.loop.looped import Loop, Looped, has_numba
from chainrule.plan.loop.scalars import NotScalar
from chainrule.plan.numpy_plan import SMALLEST_BLOCK, Blocks, Whole, columns_in_cache, written_source
from chainrule.plan.optimizing import evaluated, optimized, typed
from chainrule.plan.out import check_targets, written
from chainrule.plan.pieces import Array, Results, in_memory, submitting
from chainrule.plan.quick_call import quick_code, quick_whole
from chainrule.plan.refusing import Backend, Recomputing, check_backend, check_loss, kept_for_recomputing
from chainrule.plan.sharing import columns_of_a_share
from chainrule.plan.sizes import Assured
from chainrule.plan.threads import processors
from chainrule.plan.updating import Update, memories, updated, with_updates
from chainrule.program.calls import RuleCall
from chainrule.program.program import Program
from chainrule.shown.text import visible
from chainrule.symbols.dimensions import Dimension

if TYPE_CHECKING:
    from chainrule.plan.module_text import Written
    from chainrule.plan.recomputing import Recompute

Computation: TypeAlias = Whole | Blocks | Looped
Key = tuple[Any, ...]

_SHOWN: Final = 1000  # the size that named dimensions have in a source that is read before the first call
_OF_STEPS: Final = (IndexError, ValueError, TypeError, ArithmeticError)  # what NumPy raises on arrays
_KEPT: Final = 32  # specializations; data of ever new sizes must not fill the memory


def compile_graph(
    graph: BaseGraph,
    gradients: Iterable[str | Node] | None = None,
    backend: Backend = "numpy",
    *,
    update: Update | None = None,
    block: int | None = None,
    recompute: Recomputing = False,
) -> Plan:
    """The plan of a graph with one scalar loss; ``Graph.compile`` says more.

    With an ``update``, what a call hands back are the parameters after one step, and what the update remembers.
    """
    check_backend(backend)
    check_loss(graph)
    program = wanted_program(graph, gradients)
    kept = kept_for_recomputing(recompute, graph, program)
    if update is None:
        return Plan(graph, program, backend, block=block, recompute=kept)
    fed = program.feeds
    if computed := [name for name in program.gradients if name not in fed]:
        raise ArgumentError(
            f"{', '.join(computed)}: only what is fed can be updated", given=", ".join(program.gradients)
        )
    memory = memories(update, {name: graph[name].shape or () for name in program.gradients}, graph.names)
    program = with_updates(program, update, memory)
    return Plan(graph, program, backend, update=update, memory=memory, block=block, recompute=kept)


def compile_forward(
    graph: BaseGraph, backend: Backend = "numpy", *, block: int | None = None, recompute: Recomputing = False
) -> Plan:
    """The plan of all outputs of a graph, which its nodes have names for, without a loss or gradients."""
    check_backend(backend)
    program = predicted_program(graph)
    kept = kept_for_recomputing(recompute, graph, program)
    return Plan(graph, program, backend, block=block, recompute=kept)


@final
class Plan(Explained):
    """A compiled graph: ``loss, gradients = plan(feeds)``.

    >>> import numpy as np
    >>> from chainrule import Graph, Input, Mean, Parameter, Square
    >>> w, x = Parameter("w", (1, 2)), Input("x", (2, "m"))
    >>> step = Graph(Mean(Square(w @ x), name="L")).compile()
    >>> step({"w": np.array([[1.0, 2.0]]), "x": np.eye(2)})
    (np.float64(2.5), {'w': array([[1., 2.]])})

    The results are new arrays. Threads may share a plan: each has a workspace of its own. A plan pickles.
    """

    def __init__(
        self,
        graph: BaseGraph,
        program: Program,
        backend: Backend = "numpy",
        *,
        update: Update | None = None,
        memory: Mapping[str, Mapping[str, Input]] | None = None,
        block: int | None = None,
        programs: Mapping[Any, Program] | None = None,
        recompute: Recompute = False,
    ) -> None:
        self.graph, self.backend, self.update, self._block = graph, backend, update, block
        self._recompute = recompute
        self.memory: Mapping[str, Mapping[str, Input]] = memory or {}
        """By parameter, the inputs for what the update remembers of it."""
        self._gradients = tuple(self.memory) or tuple(program.gradients)
        self._recorded, self._assured = program, Assured(program)
        inputs = [leaf for remembered in self.memory.values() for leaf in remembered.values()]
        self._leaves: tuple[Leaf, ...] = (*(node for node in graph.order if isinstance(node, Leaf)), *inputs)
        self._fed = tuple(leaf for leaf in self._leaves if not isinstance(leaf, Constant))
        self._lock = (os.getpid(), threading.RLock())
        self._local = threading.local()
        self._computations: dict[Key, Computation] = {}
        self._loops: dict[Key, Loop | str] = {}
        self._programs: dict[Any, Program] = dict(programs or {})
        self._splits: dict[Any, Split | str] = {}

    # --- reading it ----------------------------------------------------------------------------------------------

    @property
    def program(self) -> Program:
        """The program after all passes, for float64 and any sizes."""
        return self._program_for(np.dtype(float))

    @property
    def source(self) -> str:
        """The printed Python of the last call; before the first call, for float64 and named sizes of 1,000."""
        if self._assured.unknown is not None:
            return f"# computed as a run: {visible(self._assured.unknown)}\n"
        last = getattr(self._local, "last", None)
        return str((last or self._computation(dict.fromkeys(self._size_names(), _SHOWN), np.dtype(float))).text)

    def save(
        self, path: str | os.PathLike[str], *sizes: Mapping[str, int], dtype: Any = None, returned: str = "results"
    ) -> None:
        """Write the plan as a module with ``compute(feeds)``, which runs where chainrule is not: NumPy is enough.

        It is written for the data of the last call, or for these sizes, ``{"m": 32}, {"m": 1000}``, and dtype, and
        refuses others. What it computes is what the plan does, to the bit where that takes all columns at once; blocks,
        compiled loops and large products on threads add up in another order.

        >>> import tempfile
        >>> from chainrule import Graph, Parameter, Square
        >>> step = Graph(Square(Parameter("w"), name="L")).compile()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     step.save(f"{folder}/net.py")
        ...     with open(f"{folder}/net.py") as file:
        ...         "import chainrule" in file.read()
        False

        Raises ArgumentError where a size is missing, and for a rule that Symbols cannot pass through.
        """
        from chainrule.core.saving import replaced
        from chainrule.plan.module_text import module_text

        known, kind = getattr(self._local, "fed", ({}, np.dtype(float)))
        number = floating(kind if dtype is None else dtype, "a plan computes in floating numbers")
        parts = [self._written(chosen, number) for chosen in sizes or (known,)]
        dtypes = {self._name(leaf): number if leaf.dtype.kind == "f" else leaf.dtype for leaf in self._fed}
        doc = f"What plan(feeds) is, for feeds by name, of {', '.join(map(ascii, dtypes))}."
        text = module_text(repr(self), parts, dtypes, f"return {returned}", doc.replace('"', "'"))
        replaced(as_path(path), text.encode("utf-8", "backslashreplace"))

    def _written(self, sizes: Mapping[str, int], dtype: np.dtype[Any]) -> Written:
        from chainrule.plan.module_text import Written

        expect(sizes, Mapping, "a plan is written for sizes by name", 'plan.save(path, {"m": 32})')
        if missing := [name for name in self._size_names() if name not in sizes]:
            remedy = (
                f"plan.save(path, {{{', '.join(f'{name!r}: 32' for name in self._size_names())}}}), or call it first"
            )
            raise ArgumentError(f"a module is written for sizes: {', '.join(missing)}", remedy=remedy)
        if not self._assured.of(sizes):
            raise ArgumentError(
                "this plan computes as a run for these sizes, which needs chainrule",
                given=str(dict(sizes)),
                remedy="plan.explain() says why",
            )
        title = f"{dtype.name}, {dict(sizes)}"
        source = written_source(self._program_for(dtype), sizes, title, self._recompute)
        return Written(source, {self._name(leaf): evaluated(leaf.shape or (), sizes) for leaf in self._fed})

    def _size_names(self) -> list[str]:
        sizes = [size for leaf in self._fed for size in leaf.shape or () if isinstance(size, Dimension)]
        return sorted({name for size in sizes for name in size.names})

    def explain(self) -> str:
        """What was compiled: how many steps, and whether columns are computed in blocks, or why not.

        With ``recompute`` also what is kept and what that spares, for the sizes and the dtype of the last call.
        """
        program = self._program_for(np.dtype(float))
        lines = [f"{len(self._recorded)} steps recorded, {len(program)} after the passes"]
        if self._assured.unknown is not None:
            return "\n".join([*lines, f"computed as a run, node by node: {visible(self._assured.unknown)}"])
        loop = self._loop(dict.fromkeys(self._size_names(), _SHOWN), np.dtype(float))
        return "\n".join([*lines, *about_loop(loop, self._numba()), *self._about_blocks(), *self._about_recomputing()])

    def _about_blocks(self) -> list[str]:
        parts = self._split_for(np.dtype(float))
        if isinstance(parts, str):
            return [f"all columns at once: {parts}"]
        sums = [name for name in parts.block.values if name not in parts.joined]
        last = getattr(self._local, "last", None)
        shared = [last] if isinstance(last, Blocks) and last.shared else []
        steps = f"{len(parts.block)} steps in each, {len(parts.after)} after them"
        return [
            f"blocks of columns of {parts.name}: {steps}",
            f"added up over the blocks: {visible(', '.join(sums)) or 'nothing'}",
            *([f"laid end to end: {visible(', '.join(parts.joined))}"] if parts.joined else []),
            *(f"of each thread: {blocks.columns} of {blocks.total} columns" for blocks in shared),
        ]

    def _about_recomputing(self) -> list[str]:
        """What is computed again, for the sizes and the dtype of the last call, else for named sizes of 1,000."""
        if not self._recompute:
            return []
        sizes, dtype = getattr(self._local, "fed", (dict.fromkeys(self._size_names(), _SHOWN), np.dtype(float)))
        computation = getattr(self._local, "last", None) or self._computation(sizes, dtype)
        title = ", ".join([dtype.name, *(f"{name} = {size:,}" for name, size in sizes.items())])
        if isinstance(computation, Looped):
            return ["recompute: nothing is kept for the way back, all of it is in registers"]
        return [f"{computation.recomputed} ({title})"]

    def __repr__(self) -> str:
        return f"<Plan of {len(self._recorded)} steps: {visible(', '.join(self._recorded.values))}>"

    # --- calling it ----------------------------------------------------------------------------------------------

    def __call__(
        self, feeds: Mapping[Any, Any], *, out: Mapping[str, Array] | None = None, executor: Any = None
    ) -> Results:
        """The loss and the gradients by name; for a prediction None, and its values by name.

        ``out`` are arrays that gradients are written to, by name. ``executor`` is anything with the ``submit`` of
        ``concurrent.futures.Executor``; blocks of columns are computed there. Raises FeedError as ``Graph.forward``.
        """
        call = getattr(self._local, "call", None)
        try:
            if call is not None and out is None and executor is None:
                return call(feeds)  # type: ignore[no-any-return]  # a local has no types
            self._check_options(out, executor)
            loss, gradients = self._general(feeds, executor)
        except _OF_STEPS as error:  # such as a wrong index, or a maximum of nothing
            of_step = isinstance(error, ProgramError) or not isinstance(error, ChainruleError)
            if of_step and (executor is None or isinstance(error, IndexError)):
                self._blame(feeds, error)
            raise
        return loss, gradients if out is None else written(gradients, out)

    def _check_options(self, out: Any, executor: Any) -> None:
        if executor is not None and not callable(getattr(executor, "submit", None)):
            raise ArgumentError(
                f"an executor has the method submit, and {type(executor).__name__} does not",
                given=f"executor={executor!r}",
                remedy="a ThreadPoolExecutor or ProcessPoolExecutor of concurrent.futures, or what works like one",
            )
        if out is not None:
            check_targets(out, tuple(self._recorded.handed))

    def _general(self, feeds: Mapping[Any, Any], executor: Any = None) -> Results:
        arrays, computation = self.prepared(feeds)
        if computation is None:
            return self._by_run(arrays)
        arrays = in_memory(arrays, {} if isinstance(computation, Whole) else computation.read)
        if executor is not None and not isinstance(computation, Whole):
            return computation(arrays, submitting(self, computation, arrays, executor))
        if isinstance(computation, Whole):
            self._local.call = self._quick(quick_whole(computation), computation.feeds, arrays)
        elif isinstance(computation, Looped) and not computation.threaded:
            self._local.call = self._quick(computation.loop.quick(), tuple(computation.read))
        return computation(arrays)

    def _blame(self, feeds: Mapping[Any, Any], error: Exception) -> None:
        """Raise what names the node of a step that failed: the rules are asked again, one after another."""
        arrays = self._checked(feeds)
        if not any(isinstance(feed, Pieces) and feed.stored for feed in arrays.values()):
            self._by_run(arrays)
            what = f"a step of this plan raised {type(error).__name__}: {error}"
            remedy = "graph.forward computes the same node by node, without an error"
            raise RuleError(what, where=printed_line(error), given=_given(arrays), remedy=remedy) from error

    def prepared(self, feeds: Mapping[Any, Any]) -> tuple[dict[str, Any], Computation | None]:
        """The feeds checked, and what computes the plan for them: nothing where only a run can, as without columns.

        What lies on disk or has another dtype than the run is left as it is, as ``Pieces``.
        """
        arrays = self._checked(feeds)
        if not self._assured.of(self._sizes(arrays)):
            return arrays, None
        self._local.last = computation = self.computation_for(arrays)
        self._local.fed = self._sizes(arrays), _floating(arrays)
        return arrays, computation

    def _checked(self, feeds: Mapping[Any, Any]) -> dict[str, Any]:
        try:
            given = values_in_pieces(self._leaves, feeds, self._name)
        except FeedError as error:
            error.remedy = how_to_predict(self.graph, feeds) or error.remedy
            raise
        check_labels(self.graph.labels, given, self._name)
        return {self._name(leaf): given[leaf] for leaf in self._fed}

    def column_axes(self) -> dict[str, int]:
        """The axis of the columns, for every feed that has any."""
        name = column_name(self._recorded)
        shapes = {self._name(leaf): [str(size) for size in leaf.shape or ()] for leaf in self._fed}
        return {feed: sizes.index(name) for feed, sizes in shapes.items() if name in sizes}

    def _name(self, node: Node) -> str:
        return self.graph.name(node) if node in self.graph else str(node.name)

    def _by_run(self, arrays: Mapping[str, Array]) -> Results:
        """As a run: no columns at all, or a shape or an index that only the rules can tell; often an error says so."""
        fed = {name: array for name, array in arrays.items() if not any(name in own for own in self.memory.values())}
        values = forward(self.graph, fed)
        if self._recorded.predicts:
            return None, {self._name(node): np.array(values[self.graph.position(node)]) for node in self.graph.outputs}
        swept = dict(zip(self.graph.names, sweep(self.graph, values)[0], strict=True))
        gradients = {name: _gradient(swept[name], values[self.graph.position(name)]) for name in self._gradients}
        loss = values[self.graph.position(self.graph.outputs[0])][()]
        return loss, gradients if self.update is None else updated(self.update, self.memory, arrays, gradients)

    def _quick(
        self, body: tuple[str, dict[str, Any]], names: Sequence[str], arrays: Mapping[str, Array] | None = None
    ) -> Callable[[Any], Results]:
        """A function that runs at once when the feeds look as they did the last time, and takes the long way else.

        Without ``arrays`` the body refuses feeds of other shapes and dtypes itself.
        """
        text, known = body
        facts: dict[str, Any] = {f"n{k}": name for k, name in enumerate(names)}
        if arrays is not None:
            facts |= {f"s{k}": arrays[name].shape for k, name in enumerate(names)}
            facts |= {f"d{k}": arrays[name].dtype for k, name in enumerate(names)}
        namespace: dict[str, Any] = {"other": self._general, "ndarray": np.ndarray, **facts, **known}
        exec(quick_code(text, len(names), arrays is not None), namespace)
        return namespace["call"]  # type: ignore[no-any-return]  # what exec has made

    # --- what computes it ----------------------------------------------------------------------------------------

    def computation_for(self, arrays: Mapping[str, Array]) -> Computation:
        """What computes the plan for arrays of these shapes and dtypes."""
        key: Key = tuple((array.shape, array.dtype) for array in arrays.values())
        found = self._computations.get(key)
        if found is None:
            dtype = _floating(arrays)
            with self._lock_here():
                found = self._computations.get(key) or self._computation(self._sizes(arrays), dtype)
                while len(self._computations) >= _KEPT:
                    self._computations.pop(next(iter(self._computations)), None)
                self._computations[key] = found
        return found

    def release(self) -> None:
        """Let go of the arrays that calls compute in; what is compiled stays."""
        self._local = threading.local()
        for computation in list(self._computations.values()):
            if not isinstance(computation, Looped):
                computation.release()

    def _lock_here(self) -> Any:
        """The lock of this process: one that another thread held when this process was forked is never released."""
        if self._lock[0] != os.getpid():
            self._lock = (os.getpid(), threading.RLock())
        return self._lock[1]

    def _computation(self, sizes: Mapping[str, int], dtype: np.dtype[Any]) -> Computation:
        if self._numba() and not isinstance(loop := self._loop(sizes, dtype), str):
            return Looped(loop, sizes.get(str(loop.column), 1))
        program, few = self._program_for(dtype), self._block or SMALLEST_BLOCK
        # What saves less than some microseconds of a call is not worth the seconds of compiling, unless somebody asks.
        fusing: FusingKind | None = ("all" if self.backend == "numba" else "long") if self._numba() else None
        title = f"{dtype.name}, {', '.join(f'{name} = {size}' for name, size in sizes.items())}".rstrip(", ")
        shares = fusing is not None and self._block is None and processors() > 1
        if (shares or max(sizes.values(), default=1) > few) and not isinstance(parts := self._split_for(dtype), str):
            total = sizes[parts.name]
            share = columns_of_a_share(parts, sizes) if shares else total
            columns = min(share, self._block or columns_in_cache(parts, sizes, dtype))
            if total > columns:
                options: Any = {"title": title, "fusing": fusing, "recompute": self._recompute}
                return Blocks(program, parts, sizes, columns, shared=total > share, **options)
        return Whole(program, sizes, title, fusing, self._recompute)

    def _numba(self) -> bool:
        return self.backend == "numba" or (self.backend == "auto" and has_numba())

    def _loop(self, sizes: Mapping[str, int], dtype: np.dtype[Any]) -> Loop | str:
        """The compiled loop for all sizes but the number of columns, or why there is none."""
        program = self._program_for(dtype)
        column = column_name(program)
        others = {name: size for name, size in sizes.items() if name != column}
        key: Key = (dtype, *others.items())
        with self._lock_here():
            if key not in self._loops:
                try:
                    self._loops[key] = Loop(program, others, dtype)
                except (NotScalar, Unsplittable) as why:
                    self._loops[key] = str(why)
            return self._loops[key]

    def _program_for(self, dtype: np.dtype[Any]) -> Program:
        if dtype not in self._programs:
            program = optimized(typed(self._recorded, dtype))
            _check_dtypes(program, dtype)
            self._programs[dtype] = program
        return self._programs[dtype]

    def _split_for(self, dtype: np.dtype[Any]) -> Split | str:
        """The parts for blocks of columns, or why there are none; looked for when there are enough columns."""
        if dtype not in self._splits:
            try:
                self._splits[dtype] = split(self._program_for(dtype))
            except Unsplittable as why:
                self._splits[dtype] = str(why)
        return self._splits[dtype]

    def _sizes(self, arrays: Mapping[str, Array]) -> dict[str, int]:
        pairs = [p for leaf in self._fed for p in zip(leaf.shape or (), arrays[self._name(leaf)].shape, strict=True)]
        return {str(size): number for size, number in pairs if isinstance(size, Dimension)}

    def __reduce__(self) -> tuple[Any, ...]:
        options: dict[str, Any] = {"block": self._block, "recompute": self._recompute}
        if any(isinstance(step.operation, RuleCall) for step in self._recorded):  # a node pickles with all before it
            if self._recorded.predicts:
                return functools.partial(compile_forward, **options), (self.graph, self.backend)
            anew = functools.partial(compile_graph, update=self.update, **options)
            return anew, (self.graph, self._gradients, self.backend)
        options |= {"update": self.update, "memory": self.memory, "programs": self._programs}
        return _restored, (self.graph, self._recorded, self.backend, options)


def _floating(arrays: Mapping[str, Array]) -> np.dtype[Any]:
    return next((array.dtype for array in arrays.values() if array.dtype.kind == "f"), np.dtype(float))


def _gradient(found: Array | None, value: Array) -> Array:
    """A gradient of a run in memory of its own; zeros where no rule sent one."""
    return np.zeros_like(value) if found is None else np.array(found)


def _given(arrays: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {array.shape} {array.dtype}" for name, array in arrays.items())


def _check_dtypes(program: Program, dtype: np.dtype[Any]) -> None:
    for name, k in (*program.values.items(), *program.handed.items()):
        found = program.steps[k].dtype
        if found.kind == "f" and found != dtype:
            raise RuleError(f"{name}: a rule on the way gives {found} where this plan computes in {dtype}")


def _restored(graph: BaseGraph, recorded: Program, backend: Backend, options: Mapping[str, Any]) -> Plan:
    """A plan as it was pickled: nothing is traced, and no pass is made again."""
    return Plan(graph, recorded, backend, **options)
