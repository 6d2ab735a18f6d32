"""Builder: a program in the making, to which what a function of NumPy does to Symbols is appended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, final

import numpy as np

from chainrule.program.step import Operation, Ref, Step, map_refs
from chainrule.symbols.symbol import Symbol


@final
class Builder:
    """A program in the making. ``trace`` appends what a function of NumPy does to earlier steps."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def append(self, step: Step) -> Ref:
        """Add a step and return the Ref to it."""
        self.steps.append(step)
        return Ref(len(self.steps) - 1)

    def constant(self, value: Any, name: str | None = None) -> Ref:
        """Add a constant."""
        array = np.asarray(value)
        return self.append(Step(None, (array,), shape=array.shape, dtype=array.dtype, name=name))

    def symbols(self, operands: Iterable[Any]) -> tuple[list[Any], dict[int, Any]]:
        """A Symbol for every Ref, numbers as they are; and by identity what each Symbol stands for."""
        known: dict[int, Any] = {}

        def symbol(ref: Ref) -> Symbol:
            step = self.steps[ref.step]
            made = Symbol.leaf(step.name or f"v{ref.step}", step.shape, step.dtype)
            known[id(made)] = ref
            return made

        return [map_refs(operand, symbol) for operand in operands], known

    def trace(self, function: Operation, *operands: Any) -> Any:
        """What the function returns for these operands, with a Ref for every Symbol in it."""
        symbols, known = self.symbols(operands)
        return self.write(function(*symbols), known)

    def write(self, result: Any, known: dict[int, Any], *, as_constants: bool = False) -> Any:
        """Append what Symbols recorded, operands first, without recursion; ``known`` are those that exist already.

        ``as_constants`` makes NumPy's numbers and arrays among the operands constants, which follow the dtype of a run.
        """
        ends: list[Symbol] = []
        _visit(result, ends.append)
        waiting = ends[::-1]
        while waiting:
            symbol = waiting[-1]
            missing: list[Symbol] = []
            if id(symbol) not in known:
                _visit(symbol.operands, lambda s: missing.append(s) if id(s) not in known else None)  # noqa: B023 — used at once
            if missing:
                waiting.extend(reversed(missing))
                continue
            waiting.pop()
            if id(symbol) not in known:
                known[id(symbol)] = self._append_symbol(symbol, known, as_constants)
        return _exchange(result, known)

    def _append_symbol(self, symbol: Symbol, known: Mapping[int, Any], as_constants: bool) -> Ref:
        operands = _exchange(symbol.operands, known)
        if as_constants:
            floating = [isinstance(x, (np.floating, np.ndarray)) and x.dtype.kind == "f" for x in operands]
            operands = tuple(self.constant(x) if f else x for x, f in zip(operands, floating, strict=True))
        return self.append(Step(symbol.operation, operands, symbol.options, symbol.known_shape, symbol.dtype))

    def label(self, ref: Ref, name: str, formula: str | None = None) -> None:
        """Give the value of a step its name, unless it has one."""
        step = self.steps[ref.step]
        if step.name is None:
            self.steps[ref.step] = replace(step, name=name, formula=formula)


def _visit(value: Any, see: Callable[[Symbol], Any]) -> None:
    """Show every Symbol in a value, also inside tuples and slices."""
    if isinstance(value, Symbol):
        see(value)
    elif isinstance(value, (tuple, list)):
        for part in value:
            _visit(part, see)
    elif isinstance(value, slice):
        _visit((value.start, value.stop, value.step), see)


def _exchange(value: Any, known: Mapping[int, Any]) -> Any:
    if isinstance(value, Symbol):
        return known[id(value)]
    if isinstance(value, (tuple, list)):
        return tuple(_exchange(part, known) for part in value)
    if isinstance(value, slice):
        return slice(*(_exchange(part, known) for part in (value.start, value.stop, value.step)))
    return value
