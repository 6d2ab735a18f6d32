"""Functions of single entries that follow one another, as one compiled loop over the entries of an array.

This is for layers that are too large for numbers in registers: matrix products are left to BLAS, and between two of
them every array is read and written once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Final, Literal, TypeAlias, final

import numpy as np

from chainrule.plan.loop.loop_source import OWN, expression, head
from chainrule.plan.loop.scalars import function_of
from chainrule.plan.naming import Names, constant_name
from chainrule.plan.threads import on_threads, processors
from chainrule.program.builder import Builder
from chainrule.program.program import Program, rewrite
from chainrule.program.step import Ref, Step

_SMALLEST: Final = 4096  # entries; below, a call of NumPy costs more than what it computes
_COSTLY: Final = frozenset(
    "exp expm1 log log1p tanh sin cos tan power divide sqrt normal_cdf erf xlogy xlog1m ratio".split()
)
_LONG: Final = frozenset("exp expm1 log log1p tanh sin cos tan power xlogy xlog1m".split())
_NOT_IN_NUMPY: Final = frozenset(("normal_cdf", "erf"))  # many calls of NumPy there: a loop takes a sixth
_IN_CACHE: Final = 1 << 17  # entries; each pass of NumPy over more, as over the weights that Adam moves, reads memory
# Entries. A loop of GELU over four times as many takes 0.82 ms on one thread and 0.62 on two; on processors with four
# other processes each 0.88 and 0.99, so that less than this is left to one.
_OF_A_THREAD: Final = 1 << 17
# Steps of one loop. Through time, what a state receives would be one chain that every step computes again from the end:
# a recurrent net of 32 steps had 97 loops of up to 520 steps, which took minutes to compile.
_LONGEST: Final = 12
FusingKind: TypeAlias = Literal["all", "long"]


@final
@dataclass(frozen=True, eq=False)
class FusedLoop:
    """One loop over the entries of an array, which writes to ``out`` like a function of NumPy."""

    name: str
    module: LoopModule
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    numbers: frozenset[int]
    """The places of the operands that have no axes."""

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, *values: Any, out: Any = None) -> Any:
        """The result, in ``out`` or in a new array."""
        made = np.empty(self.shape, self.dtype) if out is None else out
        given = [self.dtype.type(x) if k in self.numbers else x for k, x in enumerate(values)]
        loop = self.module.functions[self.name]
        parts = self._parts(given) if prod(self.shape) >= 2 * _OF_A_THREAD else ()
        if len(parts) < 2:
            loop(*given, made)
        else:
            list(on_threads(lambda rows: loop(*(self._rows(x, rows) for x in given), made[rows]), parts))
        return made

    def _parts(self, given: Sequence[Any]) -> Sequence[slice]:
        """The rows that each thread takes; none where some are laid out otherwise: for these it is compiled anew."""
        if len(self.shape) < 2 or not all(isinstance(x, self.dtype.type) or _is_rows(x) for x in given):
            return ()
        rows, count = self.shape[0], min(prod(self.shape) // _OF_A_THREAD, processors())
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
            from chainrule.plan.loop.compiled import compiled  # it loads Numba

            self._functions = compiled(self.text)
        return self._functions


def _is_rows(value: Any) -> bool:
    """Whether some rows of an array are laid out as all of them."""
    return bool(value.flags.c_contiguous or not value.flags.f_contiguous)


def _defined(name: str, body: str) -> str:
    return f'@njit(nogil=True, error_model="numpy", cache=True)\ndef {name}{body}'


def fused_loops(program: Program, fusing: FusingKind = "all") -> Program:
    """The program, for known sizes, with chains of functions of single entries as one loop each.

    "long" leaves to NumPy what has no exponential or the like in it and what stays in the cache: it is as fast there.
    """
    made = _Fusing(program, fusing)
    return rewrite(program, made.change).without_dead_steps()


def module_of(program: Program) -> LoopModule | None:
    """The loops of a program, if it has any."""
    loops = (step.operation for step in program.steps if isinstance(step.operation, FusedLoop))
    return next((loop.module for loop in loops), None)


def _entries(step: Step) -> int:
    """How many entries a step has, as far as it is known; 0 for a number."""
    sizes = [size for size in step.shape or () if isinstance(size, int)]
    return prod(sizes) if sizes else 0


def _is_fusable(steps: Sequence[Step], step: Step) -> bool:
    """Whether a step computes every entry of a large array from the entries of floating and boolean arrays."""
    if function_of(step) is None or _entries(step) < _SMALLEST:
        return False
    kinds = {steps[source].dtype for source in step.refs}
    floating = {dtype for dtype in kinds if dtype.kind == "f"}
    numbers = all(isinstance(operand, (Ref, int, float, np.number)) for operand in step.operands)
    return numbers and len(floating) == 1 and all(dtype.kind in "fb" for dtype in kinds)


def _roots(program: Program, fusable: Sequence[bool]) -> list[set[int]]:
    """For every step, the steps in whose loops it is computed: itself alone where its value is written to memory."""
    steps = program.steps
    ends, found, lengths = set(program.ends), [set[int]() for _ in steps], Counter[int]()
    for k in range(len(steps) - 1, -1, -1):
        is_full = any(lengths[root] >= _LONGEST for root in found[k])
        if k in ends or not fusable[k] or is_full or (len(found[k]) > 1 and function_of(steps[k]) in _COSTLY):
            found[k] = {k}
        lengths.update(found[k])
        for source in steps[k].refs:
            inside = fusable[k] and fusable[source] and steps[source].shape == steps[k].shape
            found[source] |= found[k] if inside else {source}
    return [{k} if k in own else own for k, own in enumerate(found)]


@final
class _Fusing:
    """One program being rewritten: its roots, and the module of its loops."""

    def __init__(self, program: Program, fusing: FusingKind) -> None:
        self.steps, self.module, self.fusing = program.steps, LoopModule(), fusing
        self.fusable = [_is_fusable(self.steps, step) for step in self.steps]
        self.roots = _roots(program, self.fusable)
        self.constants: dict[str, str] = {}
        self.names = Names()
        self.names.taken |= {*OWN, "math", "np", "types", "njit", "real", "one", "out", "FUNCTIONS"}
        self.used: set[str] = set()
        self.new: dict[int, Any] = {}

    def change(self, builder: Builder, step: Step, k: int) -> Any:
        """The loop for a step that is the root of several; any other step as it is."""
        if self.roots[k] == {k} and step.dtype.kind == "f" and self.fusable[k]:
            order, leaves = self._tree(k)
            if self._pays(order):
                operands = tuple(self.new[leaf] for leaf in leaves)
                step = replace(step, operation=self._loop(k, order, leaves), operands=operands, options={})
        self.new[k] = builder.append(step)
        return self.new[k]

    def _pays(self, order: Sequence[int]) -> bool:
        """Whether a loop of these steps is faster than NumPy's functions one by one."""
        functions = {function_of(self.steps[k]) for k in order}
        if functions & _NOT_IN_NUMPY:
            return True
        leaves_cache = len(order) > 2 and _entries(self.steps[order[-1]]) > _IN_CACHE
        return len(order) > 1 and (self.fusing == "all" or leaves_cache or bool(functions & _LONG))

    def _loop(self, root: int, order: Sequence[int], leaves: Sequence[int]) -> FusedLoop:
        """The loop that computes these steps, the last of which is the root, from the entries of the leaves."""
        shape = self.steps[root].shape or ()
        inner = [f"v{place} = {_entry(f'x{place}', self.steps[k], shape)}" for place, k in enumerate(leaves)]
        values = {leaf: f"v{place}" for place, leaf in enumerate(leaves)}
        values |= {k: f"t{place}" for place, k in enumerate(order)}
        inner += [f"{values[k]} = {self._expression(self.steps[k], values)}" for k in order]
        at = ", ".join(f"i{axis}" for axis in range(len(shape)))
        lines = [f"for i{axis} in range(out.shape[{axis}]):" for axis in range(len(shape))]
        body = [f"{'    ' * (depth + 1)}{line}" for depth, line in enumerate(lines)]
        body += [f"{'    ' * (len(shape) + 1)}{line}" for line in (*inner, f"out[{at}] = {values[root]}")]
        arguments = ", ".join([*(f"x{place}" for place in range(len(leaves))), "out"])
        name = self.module.texts.setdefault("\n".join([f"({arguments}):", *body]), f"loop_{len(self.module.texts) + 1}")
        self.module.head = head(self.steps[root].dtype, self.used, self.constants, "loops over the entries of arrays")
        numbers = frozenset(place for place, k in enumerate(leaves) if self.steps[k].shape == ())
        return FusedLoop(name, self.module, shape, self.steps[root].dtype, numbers)  # type: ignore[arg-type]  # all known

    def _tree(self, root: int) -> tuple[list[int], list[int]]:
        """The steps that the loop of a root computes, in their order, and what it reads."""
        inside, leaves, waiting = {root}, dict[int, None](), [root]
        while waiting:
            k = waiting.pop()
            for source in self.steps[k].refs:
                if root not in self.roots[source]:
                    leaves[source] = None
                elif source not in inside:
                    waiting.append(source)
                    inside.add(source)
        return sorted(inside), sorted(leaves)

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


def _entry(name: str, step: Step, shape: Sequence[Any]) -> str:
    """The entry of an operand that meets the entry of the result: axes are aligned at the end, one of size 1 stays."""
    own = step.shape or ()
    if not own:
        return name
    start = len(shape) - len(own)
    return f"{name}[{', '.join(f'i{start + axis}' if size != 1 else '0' for axis, size in enumerate(own))}]"
