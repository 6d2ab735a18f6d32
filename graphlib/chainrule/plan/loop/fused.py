"""Functions of single entries that follow one another, as one compiled loop over the entries of arrays.

This is for layers that are too large for numbers in registers: matrix products are left to BLAS, and between two of
them every array is read and written once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final, Literal, TypeAlias, final

import numpy as np

from chainrule.plan.boxes import box_of
from chainrule.plan.loop.groups import Group, entries, grouped
from chainrule.plan.loop.loop_source import OWN, expression, head
from chainrule.plan.loop.scalars import function_of
from chainrule.plan.naming import Names, constant_name
from chainrule.plan.threads import on_threads, processors
from chainrule.program.program import Program
from chainrule.program.step import Ref, Step
from chainrule.symbols.operations import index

_LONG: Final = frozenset("exp expm1 log log1p tanh sin cos tan power xlogy xlog1m".split())
_NOT_IN_NUMPY: Final = frozenset(("normal_cdf", "erf"))  # many calls of NumPy there: a loop takes a sixth
_IN_CACHE: Final = 1 << 17  # entries; each pass of NumPy over more, as over the weights that Adam moves, reads memory
_OF_A_THREAD: Final = 150.0  # microseconds; a thread that is woken begins after 60
# Microseconds: what a call of NumPy takes beyond its entries, what an argument of a loop takes, and each pass over a
# byte, in the cache and beyond it.
_CALL, _ARGUMENT, _PASS, _PASS_OF_MEMORY = 0.7, 0.3, 2e-5, 1e-4
_OF_ARRAY, _OF_SERIES = 4e-5, 3e-4  # microseconds that a loop takes for a byte
_SAVED_BY_NORMAL: Final = 1000.0
_MOST_LINES: Final = 600
_LONG_ROW: Final = 256  # entries
FusingKind: TypeAlias = Literal["all", "long"]
_WORTH: Final[dict[FusingKind, float]] = {"all": 0.0, "long": 5.0}  # microseconds a call for a loop to be compiled


@final
@dataclass(frozen=True, eq=False)
class FusedLoop:
    """One loop over the entries of arrays: a function of what it reads, and of the arrays that it writes to."""

    name: str
    module: LoopModule
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    numbers: frozenset[int]
    """The places of the operands that have no axes."""
    seen_as: Mapping[int, tuple[int, ...]]
    """The shapes that arguments are given, by their places, where axes are taken together."""
    work: float
    """About how many microseconds it takes on one thread."""

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, *values: Any) -> None:
        """Write the results to the last arguments."""
        loop = self.module.functions[self.name]
        given: list[Any] = list(values)
        for k in self.numbers:
            given[k] = self.dtype.type(given[k])
        for k, shape in self.seen_as.items():
            given[k] = given[k].reshape(shape)
        parts = self._parts(given) if self.work >= 2 * _OF_A_THREAD else ()
        if len(parts) < 2:
            loop(*given)
        else:
            list(on_threads(lambda rows: loop(*(self._rows(x, rows) for x in given)), parts))

    def _parts(self, given: Sequence[Any]) -> Sequence[slice]:
        """The rows that each thread takes; none where some are laid out otherwise: for these it is compiled anew."""
        if not all(k in self.numbers or _is_rows(x) for k, x in enumerate(given)):
            return ()
        rows, count = self.shape[0], min(int(self.work / _OF_A_THREAD), processors())
        height = -(-rows // count)
        return [slice(start, start + height) for start in range(0, rows, height)]

    def _rows(self, value: Any, rows: slice) -> Any:
        """The rows of an operand; all of one that is stretched to every row."""
        whole = np.ndim(value) < len(self.shape) or len(value) != self.shape[0]
        return value if whole else value[rows]


@final
class LoopModule:
    """The printed loops of one program, compiled when the first of them is called."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        """The printed loops by what stands below their names: the steps of a recurrent network have the same ones."""
        self.head: list[str] = []
        self._functions: Mapping[str, Callable[..., Any]] | None = None

    @property
    def text(self) -> str:
        """The printed module."""
        return (
            "\n\n\n".join(["\n".join(self.head), *(_defined(name, body) for body, name in self.texts.items())]) + "\n"
        )

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """The loops by name."""
        if self._functions is None:
            from chainrule.plan.loop.compiled import compiled, one_at_a_time  # it loads Numba

            with one_at_a_time:
                if self._functions is None:
                    self._functions = compiled(self.text)
        return self._functions


@final
@dataclass(frozen=True)
class Fused:
    """Steps that follow one another and are computed by one loop."""

    steps: range
    kept: tuple[int, ...]
    """The steps whose values the loop writes, in the order of its last arguments."""
    operands: tuple[int, ...]
    """The steps whose values it reads."""
    loop: FusedLoop


def fused_loops(program: Program, fusing: FusingKind = "all") -> tuple[Program, dict[int, Fused], LoopModule | None]:
    """The program, for known sizes, with what loops compute beside each other; the loops by their first step.

    "long" leaves to NumPy whatever saves too little for the seconds that compiling takes.
    """
    program, groups = grouped(program)
    printing = _Printing(program)
    printed, saved = list[tuple[Group, str]](), dict[str, float]()
    for group in groups:
        if (own := _saved(program, group)) > 0:
            printed.append((group, body := printing.body(group)))
            saved[body] = saved.get(body, 0) + own
    chosen = _chosen(saved, _WORTH[fusing])
    printing.module.texts = {body: f"loop_{k}" for k, body in enumerate(chosen, start=1)}
    made = {group.steps.start: printing.fused(group, body) for group, body in printed if body in chosen}
    return program, made, printing.module if made else None


def _chosen(saved: Mapping[str, float], worth: float) -> list[str]:
    """The loops that save so much, of those that save most for a line as many as compile in some seconds."""
    chosen, lines = [], 0
    for body in sorted(saved, key=lambda body: -saved[body] / body.count("\n")):
        if saved[body] >= worth and lines + body.count("\n") <= _MOST_LINES:
            chosen.append(body)
            lines += body.count("\n")
    return chosen


def _saved(program: Program, group: Group) -> float:
    """About how many microseconds one loop saves against a call of NumPy for each step."""
    steps, last = [program.steps[k] for k in group.steps], program.steps[group.steps[-1]]
    if any(function_of(step) in _NOT_IN_NUMPY for step in steps):
        return _SAVED_BY_NORMAL
    size = entries(last) * last.dtype.itemsize
    calls = _CALL * (len(steps) - 1) - _ARGUMENT * (len(group.leaves) + len(group.kept))
    passes = len(steps) - (1 + len(group.kept)) / 2
    return calls + passes * size * (_PASS if entries(last) <= _IN_CACHE else _PASS_OF_MEMORY)


def _work(steps: Sequence[Step], group: Group) -> float:
    """About how many microseconds a loop takes: to read and write its arrays, and for functions that are series."""
    last = steps[group.steps[-1]]
    long = sum(function_of(steps[k]) in _LONG | _NOT_IN_NUMPY for k in group.steps)
    arrays = sum(bool(steps[k].shape) for k in (*group.leaves, *group.kept))
    itemsize = max(steps[k].dtype.itemsize for k in (*group.leaves, *group.kept))
    return entries(last) * itemsize * (_OF_ARRAY * arrays + _OF_SERIES * long)


@final
class _Printing:
    """The loops of one program being printed: their module, its constants and what it uses."""

    def __init__(self, program: Program) -> None:
        self.steps, self.module = program.steps, LoopModule()
        self.constants: dict[str, str] = {}
        self.names = Names()
        self.names.taken |= {*OWN, "math", "np", "types", "njit", "real", "one", "FUNCTIONS"}
        self.used: set[str] = set()

    def fused(self, group: Group, body: str) -> Fused:
        """The group computed by a function of the module with this body."""
        operands, runs = self._operands(group), self._runs(group)
        kinds = [self.steps[k].dtype for k in (*group.steps, *operands)]
        dtype = next(kind for kind in kinds if kind.kind == "f")
        self.module.head = head(dtype, self.used, self.constants, "loops over the entries of arrays")
        arguments = [self.steps[k].shape or () for k in (*operands, *group.kept)]
        numbers = frozenset(place for place, own in enumerate(arguments) if not own)
        seen_as = {place: seen for place, own in enumerate(arguments) if own and (seen := _joined(own, runs)) != own}
        shape, work = _joined(self._shape(group), runs), _work(self.steps, group)
        loop = FusedLoop(self.module.texts[body], self.module, shape, dtype, numbers, seen_as, work)
        return Fused(group.steps, group.kept, tuple(operands), loop)

    def body(self, group: Group) -> str:
        """The text of a group's loop below its name. It writes to its last arguments."""
        operands, runs = self._operands(group), self._runs(group)
        shape, values, inner = _joined(self._shape(group), runs), dict[int, str](), []
        for place, k in enumerate(group.leaves):
            base, starts = self._base(k, self._shape(group))
            own = _joined(self.steps[k].shape or (), runs) if self.steps[k].shape else ()
            values[k] = f"v{place}"
            inner.append(f"v{place} = {_entry(f'x{operands.index(base)}', own, shape, starts)}")
        for place, k in enumerate(group.steps):
            values[k] = f"t{place}"
            inner.append(f"t{place} = {self._expression(self.steps[k], values)}")
        inner += [f"y{place}[{_at(range(len(shape)), shape)}] = {values[k]}" for place, k in enumerate(group.kept)]
        loops = [f"for i{axis} in range(y0.shape[{axis}]):" for axis, size in enumerate(shape) if size != 1]
        lines = [f"{'    ' * (depth + 1)}{line}" for depth, line in enumerate(loops)]
        lines += [f"{'    ' * (len(loops) + 1)}{line}" for line in inner]
        names = [*(f"x{place}" for place in range(len(operands))), *(f"y{place}" for place in range(len(group.kept)))]
        return "\n".join([f"({', '.join(names)}):", *lines])

    def _shape(self, group: Group) -> tuple[int, ...]:
        return self.steps[group.steps.start].shape or ()  # type: ignore[return-value]  # all known

    def _operands(self, group: Group) -> list[int]:
        """The arrays and numbers that the loop reads, each once."""
        return list(dict.fromkeys(self._base(k, self._shape(group))[0] for k in group.leaves))

    def _runs(self, group: Group) -> list[range]:
        """The axes that are gone through together, since no operand is stretched along some of them alone.

        Instructions on many numbers need long rows: in rows of 28 a ReLU of 401,408 entries took 405 µs, in one 60.
        """
        shape = self._shape(group)
        bases = [self._base(k, shape)[0] for k in group.leaves]
        if shape[-1] >= _LONG_ROW or bases != list(group.leaves):
            return [range(axis, axis + 1) for axis in range(len(shape))]
        return runs_of_axes(shape, [self.steps[k].shape or () for k in bases])

    def _base(self, k: int, shape: Sequence[Any]) -> tuple[int, Sequence[int]]:
        """The array to read from and where, for some columns of rows: as a view they are read one by one."""
        step = self.steps[k]
        if step.operation is index and step.shape == shape and isinstance(step.operands[0], Ref):
            source = self.steps[step.operands[0].step].shape or ()
            if (starts := _starts(step.operands[1], source, shape)) is not None:
                return step.operands[0].step, starts
        return k, ()

    def _expression(self, step: Step, values: Mapping[int, str]) -> str:
        function = str(function_of(step))
        operands = [self._operand(operand, values, step) for operand in step.operands]
        if function == "where":
            operands[0] = values[step.refs[0]] if isinstance(step.operands[0], Ref) else operands[0]
        return operands[0] if function == "number" else expression(function, operands, self.used)

    def _operand(self, operand: Any, values: Mapping[int, str], step: Step) -> str:
        if isinstance(operand, Ref):
            if self.steps[operand.step].dtype.kind != "b" or step.dtype.kind == "b":
                return values[operand.step]
            self.used.add("number")
            return f"number({values[operand.step]})"
        text = repr(float(operand)) if np.isfinite(float(operand)) else f'"{float(operand)}"'
        if text not in self.constants:
            self.constants[text] = self.names.fresh(constant_name(float(operand)))
        return self.constants[text]


def _starts(key: Any, source: Sequence[Any], shape: Sequence[Any]) -> list[int] | None:
    """Where the columns begin that a key of slices takes of all rows of an array; None for any other key."""
    box = box_of(key, source) if len(source) == len(shape) else None
    return None if box is None or box[0] != (0, source[0]) else [start for start, _ in box]


def _is_rows(value: Any) -> bool:
    """Whether some rows of an array are laid out as all of them."""
    return bool(value.flags.c_contiguous or not value.flags.f_contiguous)


def _defined(name: str, body: str) -> str:
    return f'@njit(nogil=True, error_model="numpy", cache=True)\ndef {name}{body}'


def runs_of_axes(shape: Sequence[int], owns: Sequence[Sequence[Any]]) -> list[range]:
    """The axes of a shape in runs, along each of which every operand has all entries or is stretched."""
    runs = [range(1)]
    for axis in range(1, len(shape)):
        alike = all(_is_stretched(own, shape, axis) == _is_stretched(own, shape, axis - 1) for own in owns if own)
        runs[-1:] = [range(runs[-1].start, axis + 1)] if alike else [runs[-1], range(axis, axis + 1)]
    return runs


def _is_stretched(own: Sequence[Any], shape: Sequence[int], axis: int) -> bool:
    """Whether an operand, whose axes are the last ones, is stretched along an axis of the result."""
    place = axis - (len(shape) - len(own))
    return place < 0 or own[place] != shape[axis]


def _joined(own: Sequence[Any], runs: Sequence[range]) -> tuple[int, ...]:
    """The shape of an operand, whose axes are the last ones, with the axes of each run as one."""
    missing = runs[-1].stop - len(own)
    sizes = [prod(own[axis - missing] for axis in run if axis >= missing) for run in runs if run.stop > missing]
    return tuple(sizes)


def _entry(name: str, own: Sequence[int], shape: Sequence[int], starts: Sequence[int]) -> str:
    """The entry of an operand that meets the entry of the result: axes are aligned at the end, one of size 1 stays."""
    if not own:
        return name
    first = len(shape) - len(own)
    return f"{name}[{_at(range(first, len(shape)), own, starts)}]"


def _at(axes: Sequence[int], sizes: Sequence[int], starts: Sequence[int] = ()) -> str:
    """The place of an entry, counted along these axes of the loop from where each starts."""
    return ", ".join(map(_along, axes, sizes, starts or (0,) * len(sizes)))


def _along(axis: int, size: int, start: int) -> str:
    if size == 1:
        return str(start)
    return f"i{axis} + {start}" if start else f"i{axis}"
