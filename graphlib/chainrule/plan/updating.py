"""The update of parameters as part of a program: what moves them is plain NumPy, so Symbols pass through it, too."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, final

import numpy as np
import numpy.typing as npt

from chainrule.core.leaves import Input
from chainrule.core.read_only import read_only
from chainrule.errors import ArgumentError
from chainrule.plan.optimizing import traced
from chainrule.program.builder import Builder
from chainrule.program.calls import Call, pick
from chainrule.program.program import Program
from chainrule.program.recording import formula_text
from chainrule.program.step import Ref, Step
from chainrule.symbols.dimensions import Dimension, Shape

Array = npt.NDArray[Any]
Memory = tuple[Any, ...]


class Update(Protocol):
    """How one parameter moves, given its gradient and a memory: pure functions of values, like a rule."""

    def start(self, parameter: Array, /) -> Memory:
        """What is remembered before the first step."""

    def update(self, parameter: Any, gradient: Any, memory: Any, /) -> tuple[Any, Memory]:
        """The parameter after one step, and what is remembered then."""


@final
@dataclass(frozen=True, slots=True)
class UpdateCall(Call):
    """An update that a Symbol cannot pass through, called as it is: the new parameter and its memory in one tuple."""

    update: Update

    @property
    def __name__(self) -> str:
        return f"{type(self.update).__name__}.update"

    def __call__(self, *values: Any) -> tuple[Array, ...]:
        """What the update returns for arrays, which it cannot write to."""
        parameter, gradient, *memory = map(read_only, values)
        new, remembered = self.update.update(parameter, gradient, tuple(memory))
        return tuple(np.asarray(result, dtype=parameter.dtype) for result in (new, *remembered))


def memories(
    update: Update, parameters: Mapping[str, Shape], taken: Container[str] = ()
) -> dict[str, dict[str, Input]]:
    """By parameter, the inputs for what the update remembers of it, by a name that is not taken."""
    return {name: _memory(update, name, shape, taken) for name, shape in parameters.items()}


_STAND_INS = (17, 19, 23, 29, 31)  # sizes that an update hardly gives to an array by itself


def _memory(update: Update, name: str, shape: Shape, taken: Container[str]) -> dict[str, Input]:
    """Found by asking: zeros in which every named size has a number of its own show where it comes back."""
    free = [k for k in _STAND_INS if k not in shape]
    numbers = {size: free[k] for k, size in enumerate(dict.fromkeys(s for s in shape if isinstance(s, Dimension)))}
    sizes: dict[int, Any] = {number: size for size, number in numbers.items()}
    started = update.start(np.zeros(tuple(numbers.get(size, size) for size in shape)))  # type: ignore[arg-type]  # numbers now
    found = {}
    for k, array in enumerate(started, start=1):
        own = tuple(sizes.get(size, size) for size in np.shape(array))
        key = _free(f"{name} memory {k}", taken)
        found[key] = Input(key, shape=own)
    return found


def _free(name: str, taken: Container[str]) -> str:
    """The name, with as many primes behind it as make it one that nobody has."""
    while name in taken:
        name += "'"
    return name


def with_updates(program: Program, update: Update, remembered: Mapping[str, Mapping[str, Input]]) -> Program:
    """The program that hands back every parameter and its memory after one step, in place of its gradients."""
    builder = Builder()
    builder.steps = list(program.steps)
    feeds, updates = program.feeds, {}
    taken = {step.name for step in program.steps}
    keys = [key for name, memory in remembered.items() for key in (name, *memory)]
    prefix = "new "
    while any(prefix + key in taken for key in keys):
        prefix = f"new {prefix}"
    for name, memory in remembered.items():
        inputs = [builder.append(Step(None, shape=leaf.shape, name=key)) for key, leaf in memory.items()]
        given = [Ref(feeds[name]), Ref(program.gradients[name]), *inputs]
        for key, (result, formula) in zip((name, *memory), _moved(builder, update, given), strict=True):
            ref = result if isinstance(result, Ref) else builder.constant(result)
            builder.label(ref, prefix + key, formula)
            updates[key] = ref.step
    return replace(program, steps=tuple(builder.steps), gradients={}, updates=updates, prefix=prefix)


def _moved(builder: Builder, update: Update, given: Sequence[Ref]) -> list[tuple[Any, str]]:
    """The new parameter and its memory, each with its formula."""
    formulas: list[str] = []

    def moved(parameter: Any, gradient: Any, *memory: Any) -> tuple[Any, ...]:
        new, remembered = update.update(parameter, gradient, memory)
        formulas.extend(formula_text(result) for result in (new, *remembered))
        return (new, *remembered)

    start = len(builder.steps)
    try:
        results: Sequence[Any] = traced(builder, moved, *given)
    except Exception:  # whatever an update that loops or looks at numbers raises on a Symbol: it is called on arrays
        del builder.steps[start:]
        results = _called(builder, update, given)
        formulas = [f"{type(update).__name__}.update(…)"] * len(results)
    if len(results) != len(given) - 1:
        what = (
            f"{type(update).__name__}.update: it remembers {len(results) - 1} arrays and started with {len(given) - 2}"
        )
        raise ArgumentError(what)
    return list(zip(results, formulas, strict=True))


def _called(builder: Builder, update: Update, given: Sequence[Ref]) -> list[Ref]:
    every = builder.append(Step(UpdateCall(update), tuple(given)))
    shapes = [builder.steps[ref.step].shape for ref in (given[0], *given[2:])]
    return [builder.append(Step(pick, (every,), {"place": k}, shape)) for k, shape in enumerate(shapes)]


def updated(
    update: Update,
    remembered: Mapping[str, Mapping[str, Input]],
    feeds: Mapping[str, Any],
    gradients: Mapping[str, Any],
) -> dict[str, Array]:
    """The same on arrays, for a gradient that a Run has computed."""
    results: dict[str, Array] = {}
    for name, memory in remembered.items():
        moved = UpdateCall(update)(feeds[name], gradients[name], *(feeds[key] for key in memory))
        results |= dict(zip((name, *memory), moved, strict=True))
    return results
