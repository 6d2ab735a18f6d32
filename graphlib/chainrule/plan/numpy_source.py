"""A program printed as one straight NumPy function that writes into a workspace with ``out=``."""

from __future__ import annotations

import linecache
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, final

import numpy as np

from chainrule.plan.blas import in_parts, product
from chainrule.plan.lifetimes import (
    is_entry_by_entry,
    is_known,
    is_view,
    joined_by,
    last_uses,
    may_copy,
    owners,
    size_in_bytes,
    takes_out,
)
from chainrule.plan.loop.fused import Fused
from chainrule.plan.loop.ready_loop import ReadyLoop
from chainrule.plan.naming import Names, constant_name, tuple_text
from chainrule.plan.row_blocks import RowBlocks
from chainrule.plan.workspace import Workspace
from chainrule.program.calls import Call, pick
from chainrule.program.program import Program
from chainrule.program.step import Ref, Step
from chainrule.shown.text import visible
from chainrule.symbols import elementary, standardizing, windows
from chainrule.symbols.dimensions import shape_text
from chainrule.symbols.operations import index

_OPERATORS: Final = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/"}  # of numbers: a fifth of a call
_OWN: Final = (elementary, standardizing, windows)  # whose functions the text imports
_WIDTH: Final = 60  # columns of text before the comment
_FEW_ENTRIES, _LONG_ROW = 32, 128
_LET_GO: Final = 1 << 16  # bytes from which an array that is no buffer is let go of when nobody reads it any more
# Python 3.11 compiles a function whose inner one reads 30,000 of its variables in 30 s; handed over, in 1 s.
_MOST_SHARED: Final = 1000
# OpenBLAS gives products of longer float64 rows to threads, which wait for each other when the machine is busy.
_LONGEST_ROW: Final = {np.dtype(np.float64): 10_000, np.dtype(np.float32): 50_000}


@final
@dataclass(frozen=True)
class NumpySource:
    """Printed text, and the objects in it that have no text: large constants and rules that are called."""

    text: str
    objects: Mapping[str, Any]
    feeds: tuple[str, ...]
    """The names of the feeds, in the order of the arguments."""
    bytes: int
    """The size of a workspace."""

    def compiled(self, title: str) -> Callable[[], Callable[..., Any]]:
        """The function ``prepare`` of the text: each call makes a workspace and returns the function that uses it."""
        file = f"<plan {title} {id(self)}>"
        namespace: dict[str, Any] = dict(self.objects)
        exec(compile(self.text, file, "exec"), namespace)
        prepare: Callable[[], Callable[..., Any]] = namespace["prepare"]
        linecache.cache[file] = (len(self.text), None, self.text.splitlines(keepends=True), file)
        # The lines, for tracebacks, go with the function: data of ever new sizes took 20 kB a call.
        weakref.finalize(prepare, linecache.cache.pop, file, None).atexit = False
        return prepare


def numpy_source(
    program: Program,
    title: str = "",
    returns: Literal["dict", "tuple"] = "dict",
    *,
    threads: bool = False,
    blocks: Mapping[int, RowBlocks | Fused] | None = None,
) -> NumpySource:
    """The text of a function of the feeds that returns the values and the gradients of a program with known sizes.

    ``returns`` is "dict" for the loss and a dict of gradients, "tuple" for all results in a row. With ``threads`` large
    products are computed on several, by a function of this package; ``blocks`` are steps that take some rows at a time.
    """
    return _NumpyPrinting(program, title, returns, threads, blocks or {}).source()


@final
class _NumpyPrinting:
    """One function in the making: the names in use, the buffers of the workspace, the lines so far."""

    def __init__(
        self, program: Program, title: str, returns: str, threads: bool, blocks: Mapping[int, RowBlocks | Fused]
    ) -> None:
        self.program, self.title, self.returns, self.threads, self.blocks = program, title, returns, threads, blocks
        self.names = Names()
        self.names.taken.add(product.__name__)
        self.texts: list[str] = []
        self.root: list[int] = []
        """The step whose memory a value lives in: itself, or what it is a view of."""
        self.last = last_uses(program, owners(program))
        self.pool = Workspace(self.names)
        self.constants: dict[Any, str] = {}
        self.objects: dict[str, Any] = {}
        self.prepared: dict[str, str] = {}
        """The lines that make a view of a buffer, by its name."""
        self.lines: list[str] = []
        self.bound: defaultdict[int, list[str]] = defaultdict(list)
        """By the step that owns the memory, the names of ``run`` that hold on to it, but for buffers."""
        self.imports: set[str] = set()
        self.own = defaultdict[str, set[str]](set)
        self.named: dict[Any, str] = {}
        self.results = set(program.ends)

    def source(self) -> NumpySource:
        feeds = {k: self.names.fresh(str(step.name)) for k, step in enumerate(self.program.steps) if step.is_feed}
        for k, step in enumerate(self.program.steps):
            self.root.append(self._root(k, step))
            self.texts.append(feeds[k] if k in feeds else self._name(k, step))
        inside = {k for block in self.blocks.values() for k in block.steps}
        for k, step in enumerate(self.program.steps):
            if k in self.blocks:
                self._print_together(self.blocks[k])
            elif k not in feeds and k not in inside:
                self._print(k, step)
            if k not in inside:
                self._release(k, step)
                self._let_go(k, step)
        ends = self._ends()
        head = [f"# {visible(self.title)}", *self._import_lines()] if self.title else self._import_lines()
        body = [f"    {line}" for line in (*self._constant_lines(), *self.pool.lines(), *self.prepared.values())]
        inner = [f"        {line}" for line in (*self.lines, ends)]
        arguments = ", ".join([*feeds.values(), *self._handed_over()])
        text = "\n".join(
            [*head, "", "def prepare():", *body, "", f"    def run({arguments}):", *inner, "", "    return run", ""]
        )
        names = tuple(str(self.program.steps[k].name) for k in feeds)
        return NumpySource(text, self.objects, names, self.pool.bytes)

    # --- what a line is made of ----------------------------------------------------------------------------------

    def _name(self, k: int, step: Step) -> str:
        if step.is_constant:
            return self._object(step.name or "constant", step.operands[0])
        if _is_flip(step):
            return f"{self.texts[step.operands[0].step]}.T"  # short enough to stand where it is used
        return self.names.fresh(step.name or f"t{k}")

    def _object(self, name: str, value: Any) -> str:
        text = self.names.fresh(name)
        self.objects[text] = value
        return text

    def _root(self, k: int, step: Step) -> int:
        """Where the memory of a value is; the result of a called rule may be one of its operands."""
        return self.root[step.refs[0]] if is_view(step) else k

    def _rows(self, step: Step) -> tuple[str, str] | None:
        """The two factors of X @ Y.T where both have few and long rows: a product of rows for each entry.

        For 3 rows of 8,192 columns it takes 7 µs, the matrix product 31: BLAS packs the long sides for a small result.
        """
        x, y = (operand.step for operand in step.operands)
        transposed = self.program.steps[y]
        if not _is_flip(transposed):
            return None
        (rows, inner), columns = self.program.steps[x].shape or (0, 0), (step.shape or (0, 0))[1]
        if rows * columns > _FEW_ENTRIES or not _LONG_ROW <= inner <= _LONGEST_ROW.get(step.dtype, 0):
            return None
        return self.texts[x], self._text(transposed.operands[0])

    def _row(self, step: Step) -> int | None:
        """The length of a row of constants, for maxima: NumPy's loop over two arrays is three times faster there."""
        if step.operation not in (np.maximum, np.minimum) or not step.shape:
            return None
        length = step.shape[-1]
        return length if isinstance(length, int) and length >= _LONG_ROW else None

    def _text(self, operand: Any, dtype: Any = None, row: int | None = None) -> str:
        """An operand; numbers that meet an array of the run's dtype are arrays already, which saves half the call."""
        if isinstance(operand, Ref):
            return self.texts[operand.step]
        if isinstance(operand, (int, float, np.number)) and not isinstance(operand, bool) and dtype is not None:
            return self._constant(operand, dtype, row)
        if isinstance(operand, tuple):
            return tuple_text(map(self._text, operand))
        if isinstance(operand, slice):
            return f"slice({self._text(operand.start)}, {self._text(operand.stop)}, {self._text(operand.step)})"
        return "..." if operand is Ellipsis else self._literal(operand)

    def _literal(self, operand: Any) -> str:
        if isinstance(operand, np.number):
            operand = operand.item() if operand.dtype in (np.dtype(float), np.dtype(int)) else operand
        if operand is None or isinstance(operand, (int, str)) or (isinstance(operand, float) and np.isfinite(operand)):
            return repr(operand)
        return self._object("constant", operand)

    def _constant(self, number: Any, dtype: np.dtype[Any], row: int | None) -> str:
        key = (float(number).hex(), dtype, row)
        if key not in self.constants:
            name = constant_name(float(number))
            self.constants[key] = self.names.fresh(name if row is None else f"{name}_row")
        return self.constants[key]

    def _handed_over(self) -> list[str]:
        """Where there are too many variables to share with an inner function: its arguments with these for defaults."""
        made = [*self.constants.values(), *self.pool.names_of_buffers(), *self.prepared]
        return [f"{name}={name}" for name in made] if len(made) > _MOST_SHARED else []

    def _constant_lines(self) -> list[str]:
        lines = []
        for (number, dtype, row), name in self.constants.items():
            value = float.fromhex(number)
            text = repr(value) if np.isfinite(value) else f'float("{value}")'
            self.imports |= {"array" if row is None else "full", dtype.name}
            made = f"array({text}, {dtype.name})" if row is None else f"full({row}, {text}, {dtype.name})"
            lines.append(f"{name} = {made}")
        return lines

    def _import_lines(self) -> list[str]:
        self._constant_lines()
        self.imports |= self.pool.imports()
        taken = {"numpy": self.imports, **self.own}
        return [f"from {module} import {', '.join(sorted(names))}" for module, names in taken.items() if names]

    # --- one step ------------------------------------------------------------------------------------------------

    def _print(self, k: int, step: Step) -> None:
        if step.is_constant or _is_flip(step):
            return
        if is_view(step):
            self._print_view(k, step)
        elif (slot := self._chosen_in_place(k, step)) is not None:
            self.pool.assign(self.texts[k], slot, step.shape)
            mask, number = (self._text(operand, step.dtype) for operand in step.operands[:2])
            self._line(k, step, f"{self._function('putmask')}({self.texts[k]}, {mask}, {number})")
        else:
            target = self._target(k, step)
            call = self._call(step, target)
            if target is None:
                self.bound[k].append(self.texts[k])
            self._line(k, step, call if target else f"{self.texts[k]} = {call}")

    def _print_together(self, block: RowBlocks | Fused) -> None:
        """Steps that are computed together: first memory for what is kept of them."""
        for k in block.kept:
            step = self.program.steps[k]
            if k in self.results:
                self.imports |= {"empty", step.dtype.name}
                self.lines.append(f"{self.texts[k]} = empty({self._text(step.shape)}, {step.dtype.name})")
            else:
                slot = self.pool.take(step.shape, step.dtype)  # type: ignore[arg-type]  # it is known
                self.pool.assign(self.texts[k], slot, step.shape)
        if isinstance(block, Fused):
            self._print_loop(block)
        else:
            self._print_blocks(block)
        for k in block.steps:
            self._release(k, self.program.steps[k])
            self._let_go(k, self.program.steps[k])

    def _print_loop(self, fused: Fused) -> None:
        """The call of a compiled loop. It writes over nothing that it reads, for it would take these one by one."""
        arguments = ", ".join(self.texts[k] for k in (*fused.operands, *fused.kept))
        kept = [self.program.steps[k] for k in fused.kept]
        remarks = [f"{visible(step.name)} = {step.formula}" for step in kept if step.name and step.formula]
        shape = shape_text(kept[0].shape if kept[0].named is None else kept[0].named)
        self.lines.append(
            f"{f'{self._name_of_function(fused.loop)}({arguments})'.ljust(_WIDTH)}  # {'; '.join([*remarks, shape])}"
        )

    def _print_blocks(self, block: RowBlocks) -> None:
        """The steps of a block below a loop over its rows; what nobody else reads is a buffer of so many rows."""
        texts = self.texts[:]
        slices, rows = self.names.fresh(f"rows_of_{block.rows}"), self.names.fresh("rows")
        self.prepared[slices] = f"{slices} = {block.slices_text}"
        self.lines.append(f"for {rows} in {slices}:  # {block.height} of {block.rows} at a time stay in the cache")
        for k in (*block.sliced, *block.kept):
            self.texts[k] = f"{texts[k]}[{rows}]"
        start = len(self.lines)
        for k in block.steps:
            step = self.program.steps[k]
            target = self.texts[k] if k in block.kept else self._target(k, block.step(step))
            self._line(k, step, self._call(step, target))
            self._release(k, step)
        self.lines[start:] = [f"    {line}" for line in self.lines[start:]]
        self.texts = texts

    def _line(self, k: int, step: Step, text: str) -> None:
        remark = f"{visible(step.name)} = {step.formula}  " if step.name and step.formula else ""
        shape = shape_text(step.shape if step.named is None else step.named)
        self.lines.append(f"{text.ljust(_WIDTH)}  # {remark}{shape}")

    def _print_view(self, k: int, step: Step) -> None:
        source = step.operands[0].step
        text = f"{self.texts[k]} = {self._view(step)}"
        if self.texts[source] in self.pool.views and (
            not may_copy(step.operation) or (step.operation is np.reshape and self.pool.views[self.texts[source]])
        ):
            self.pool.views[self.texts[k]] = step.operation is np.reshape
            self.prepared[self.texts[k]] = text  # the buffer stays where it is, so a view of it is made once
        else:
            self.bound[self.root[k]].append(self.texts[k])
            self._line(k, step, text)

    def _view(self, step: Step) -> str:
        x = self.texts[step.operands[0].step]
        if step.operation is np.transpose:
            return f"{x}.transpose({self._text(step.options['axes'])})"
        if step.operation is np.reshape:
            return f"{x}.reshape({self._text(step.options['shape'])})"
        if step.operation is index:
            return f"{x}[{self._text(step.operands[1])}]"
        if step.operation is pick:
            return f"{x}[{step.options['place']}]"
        return self._plain_call(step)

    def _call(self, step: Step, target: str | None) -> str:
        out = [f"out={target}"] if target else []
        dtype = _one_dtype(self.program, step)
        if step.operation is np.matmul and _plain_product(self.program, step):
            return self._product(step, out)
        if (joins := joined_by(step)) is not None:
            ufunc = self._function(joins.__name__)
            keepdims = ["keepdims=True"] if step.options.get("keepdims") else []
            axis = f"axis={self._text(step.options.get('axis'))}"
            return f"{ufunc}.reduce({', '.join([self._text(step.operands[0]), axis, *keepdims, *out])})"
        if step.operation in _OPERATORS and step.shape == ():
            x, y = (self._text(operand) for operand in step.operands)
            return f"{x} {_OPERATORS[step.operation]} {y}"
        if isinstance(step.operation, (np.ufunc, ReadyLoop)):
            arguments = [self._text(operand, dtype, self._row(step)) for operand in step.operands]
            return f"{self._name_of_function(step.operation)}({', '.join([*arguments, *out])})"
        return self._plain_call(step, out)

    def _product(self, step: Step, out: Sequence[str]) -> str:
        if (rows := self._rows(step)) is not None:
            x, y = rows
            return f"{self._function('vecdot')}({', '.join([f'{x}[:, None]', f'{y}[None]', *out])})"
        x, y = (self._text(operand) for operand in step.operands)
        if self.threads and in_parts(self.program, step):
            return f"{self._own_function(product)}({', '.join([x, y, *out])})"
        return f"{x}.dot({', '.join([y, *out])})"

    def _plain_call(self, step: Step, out: Sequence[str] = ()) -> str:
        if step.operation is np.astype:
            return f"{self._text(step.operands[0])}.astype({self._function(np.dtype(step.options['dtype']).name)})"
        function = self._name_of_function(step.operation)
        options = [f"{key}={self._text(value)}" for key, value in step.options.items()]
        # A number that a choice of small arrays falls on takes off a quarter as an array.
        dtype = step.dtype if step.operation is np.where and step.dtype.kind == "f" else None
        return f"{function}({', '.join([*(self._text(operand, dtype) for operand in step.operands), *options, *out])})"

    def _name_of_function(self, operation: Any) -> str:
        """The name by which NumPy or this package has a function; a name for the object itself where neither has it."""
        name = operation.__name__
        if getattr(np, name, None) is operation:
            return self._function(name)
        for module in _OWN:
            if getattr(module, name, None) is operation and operation.__module__ == module.__name__:
                return self._own_function(operation)
        key = (name, operation)
        if key not in self.named:
            self.named[key] = self._object(name.replace(".", "_"), operation)
        return self.named[key]

    def _own_function(self, function: Any) -> str:
        self.own[function.__module__].add(function.__name__)
        return str(function.__name__)

    def _function(self, name: str) -> str:
        self.imports.add(name)
        return name

    # --- memory --------------------------------------------------------------------------------------------------

    def _target(self, k: int, step: Step) -> str | None:
        """The buffer to write to; None for a result, which gets memory of its own, and for what has no ``out``."""
        if k in self.results or not takes_out(step):
            return None
        slot = self._in_place(k, step, step.refs) if is_entry_by_entry(step) else None
        if slot is None:
            slot = self.pool.take(step.shape, step.dtype)  # type: ignore[arg-type]  # it has a shape
        self.pool.assign(self.texts[k], slot, step.shape)
        return self.texts[k]

    def _chosen_in_place(self, k: int, step: Step) -> int | None:
        """The buffer of x in ``where(mask, number, x)``, if nobody reads x any more.

        For 1 and 1,000 random entries 1.0 and 2.7 µs, where a choice takes 2.7 and 4.3, and ``copyto`` 1.1 and 7.2.
        """
        if step.operation is not np.where or k in self.results or step.dtype.kind != "f" or not is_known(step.shape):
            return None
        mask, number, entries = step.operands
        if not isinstance(mask, Ref) or not isinstance(entries, Ref) or not isinstance(number, (int, float)):
            return None
        if self.program.steps[mask.step].shape != step.shape:  # what NumPy's putmask asks for
            return None
        return self._in_place(k, step, [entries.step])

    def _in_place(self, k: int, step: Step, sources: Iterable[int]) -> int | None:
        """The buffer of one of these operands, if nobody reads what is in it any more."""
        for source in sources:
            root = self.root[source]
            other = [r for r in step.refs if r != source and self.root[r] == root]
            x = self.program.steps[source]
            if self.last.get(root) != k or other or not self.pool.views.get(self.texts[source]):
                continue  # only what lies in one piece, as the buffer does
            if (x.shape, x.dtype) == (step.shape, step.dtype) and (
                slot := self.pool.slot_of(self.texts[root])
            ) is not None:
                self.pool.keep(self.texts[root])
                return slot
        return None

    def _release(self, k: int, step: Step) -> None:
        for root in dict.fromkeys(self.root[source] for source in step.refs):
            if self.last.get(root) == k:
                self.pool.release(self.texts[root])

    def _let_go(self, k: int, step: Step) -> None:
        """Let go of large arrays that are no buffers and have been read for the last time."""
        for root in dict.fromkeys(self.root[source] for source in step.refs):
            owner = self.program.steps[root]
            large = owner.operation is not None and size_in_bytes(owner) >= _LET_GO
            if large and self.last.get(root) == k and root in self.bound:
                self.lines.append(f"del {', '.join(self.bound[root])}")

    def _ends(self) -> str:
        given: set[int] = set()
        values = [self._result(k, given) for k in self.program.losses.values()]
        gradients = [self._result(k, given) for k in self.program.handed.values()]
        if self.returns == "tuple":
            return f"return ({', '.join([*values, *gradients])}{',' if len(values) + len(gradients) else ''})"
        pairs = ", ".join(f"{name!r}: {text}" for name, text in zip(self.program.handed, gradients, strict=True))
        return f"return {', '.join(values) or None}, {{{pairs}}}"

    def _result(self, k: int, given: set[int]) -> str:
        """A result in memory of its own: a copy where it is a feed, a constant, a view, or given already."""
        step, text = self.program.steps[k], self.texts[k]
        own = (
            self.root[k] == k and step.operation is not None and not isinstance(step.operation, Call) and k not in given
        )
        given.add(k)
        if step.shape == () and k in self.program.losses.values():
            return f"{text}[()]"  # a number, also of an array without axes
        own = own and step.shape != ()  # what a function returns for no axes is a number and no array
        return text if own and step.operation is not np.broadcast_to else f"{self._function('array')}({text})"


def _is_flip(step: Step) -> bool:
    """Whether a step is ``x.T``."""
    return step.operation is np.transpose and not step.options and isinstance(step.operands[0], Ref)


def _one_dtype(program: Program, step: Step) -> np.dtype[Any] | None:
    """The one floating dtype of all operands that are arrays, which numbers beside them can be arrays of, too."""
    dtypes = {program.steps[source].dtype for source in step.refs}
    common = dtypes.pop() if len(dtypes) == 1 else None
    return common if common is not None and common.kind == "f" and step.dtype in (common, np.dtype(bool)) else None


def _plain_product(program: Program, step: Step) -> bool:
    """Whether ``x.dot(y)`` is the product: three times faster to call than np.matmul for two matrices."""
    if any(not isinstance(operand, Ref) for operand in step.operands):
        return False
    sources = [program.steps[source] for source in step.refs]
    return all(x.shape is not None and len(x.shape) == 2 and x.dtype == step.dtype for x in sources)
