"""Program: the forward and backward of a graph as one list of steps, each defined once and from earlier steps only.

Nothing here knows a rule: Symbols pass through the same ``forward`` and ``backward`` that compute the numbers, and
what they record is written down step by step. Plans are made from a program, and other backends can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias, final

import numpy as np

from chainrule.program.builder import Builder
from chainrule.program.step import Ref, Step, map_refs, step_text
from chainrule.shown.text import in_columns, visible
from chainrule.symbols.dimensions import shape_text

_HEAD: Final = 100  # steps shown at each end of a long program


@final
@dataclass(frozen=True, eq=False)
class Program:
    """Steps in an order in which they can be computed, and which of them are values and gradients of nodes.

    >>> from chainrule import Graph, Input, Mean, Parameter, Square
    >>> from chainrule.program.recording import record
    >>> w, x = Parameter("w", (1, 2)), Input("x", (2, "m"))
    >>> print(record(Graph(Mean(Square(w @ x, name="s"), name="L"))).only(gradients=["w"]))
    %0  w = feed                            (1, 2)
    %1  x = feed                            (2, m)
    %2  matmul_1 = matmul(%0, %1)           (1, m)
    %3  s = square(%2)                      (1, m)
    %4  sum(%3)                             ()
    %5  L = divide(%4, m)                   ()
    %6  dL = 1.0                            ()
    %7  divide(%6, m)                       ()
    %8  ds = broadcast_to(%7, shape=(1, m)) (1, m)
    %9  multiply(2, %8)                     (1, m)
    %10 dmatmul_1 = multiply(%9, %2)        (1, m)
    %11 transpose(%1)                       (m, 2)
    %12 dw = matmul(%10, %11)               (1, 2)
    return L, dw
    """

    steps: tuple[Step, ...]
    values: Mapping[str, int]
    """The number of the step that is a node's value, by the node's name."""
    gradients: Mapping[str, int]
    """The number of the step that is a node's gradient, by the node's name."""
    outputs: tuple[str, ...]
    """The names of the nodes at which gradients start."""
    updates: Mapping[str, int] = field(default_factory=dict)
    """The number of the step that is the new value of a feed, by the name of the feed."""
    prefix: str = "new "
    """What stands before the name of a feed in the name of its new value, so that no node has that name."""
    predicts: bool = False
    """Whether its values are a prediction, handed back by name; else they are losses."""

    @property
    def losses(self) -> Mapping[str, int]:
        """The values from which gradients start; none where there is only a prediction."""
        return {} if self.predicts else self.values

    @property
    def handed(self) -> Mapping[str, int]:
        """What is handed back by name: a prediction, or the new values where feeds are updated, or the gradients."""
        return self.values if self.predicts else self.updates or self.gradients

    def handed_name(self, name: str) -> str:
        """What a result is called where it is written down: dW1, new W1, or A3 where that is predicted."""
        return name if self.predicts else f"{self.prefix}{name}" if self.updates else f"d{name}"

    @property
    def feeds(self) -> dict[str, int]:
        """The numbers of the feeds, by name."""
        return {str(step.name): k for k, step in enumerate(self.steps) if step.is_feed}

    @property
    def ends(self) -> tuple[int, ...]:
        """The numbers of all steps that are asked for."""
        return (*self.values.values(), *self.gradients.values(), *self.updates.values())

    def uses(self) -> list[int]:
        """How often each step is read, by steps and as a result."""
        counts = [0] * len(self.steps)
        for k in (*(k for step in self.steps for k in step.refs), *self.ends):
            counts[k] += 1
        return counts

    def only(self, values: Iterable[str] | None = None, gradients: Iterable[str] = ()) -> Program:
        """The program for these results alone (the outputs' values by default); what does not lead there is gone."""
        kept_values = {name: self.values[name] for name in (self.outputs if values is None else values)}
        kept = replace(self, values=kept_values, gradients={name: self.gradients[name] for name in gradients})
        return kept.without_dead_steps()

    def without_dead_steps(self) -> Program:
        """The same results without the steps that none of them needs; feeds stay, so that a call stays the same."""
        alive = [step.is_feed for step in self.steps]
        for k in self.ends:
            alive[k] = True
        for k in range(len(self.steps) - 1, -1, -1):
            for source in self.steps[k].refs if alive[k] else ():
                alive[source] = True
        if all(alive):
            return self
        return rewrite(self, lambda builder, step, k: builder.append(step) if alive[k] else None)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __repr__(self) -> str:
        return f"<Program of {len(self.steps)} steps: {self._results()}>"

    def _results(self) -> str:
        return visible(", ".join([*self.losses, *map(self.handed_name, self.handed)]))

    def __str__(self) -> str:
        shown = list(enumerate(self.steps))
        if len(shown) > 2 * _HEAD:
            shown = shown[:_HEAD] + shown[-_HEAD:]
        rows = [(f"%{k}", step_text(step), shape_text(step.shape)) for k, step in shown]
        lines = [line.rstrip() for line in in_columns(rows, " ")]
        if len(shown) < len(self.steps):
            lines.insert(_HEAD, f"… {len(self.steps) - len(shown)} more")
        return "\n".join([*lines, f"return {self._results()}"])


Change: TypeAlias = Callable[[Builder, Step, int], Any]


def rewrite(program: Program, change: Change) -> Program:
    """The program that ``change`` makes step by step: it is handed each step, its operands renewed, and its number.

    It returns the Ref that stands for the step from there on, a number, or None for a step that nobody reads.
    """
    builder = Builder()
    new: list[Any] = []
    moved: set[int] = set()  # the steps that another step or a number stands for
    for k, step in enumerate(program.steps):
        same = not moved or moved.isdisjoint(step.refs)
        renewed = step if same else step.reading(map_refs(step.operands, lambda ref: new[ref.step]))
        made = change(builder, renewed, k)
        new.append(made)
        if type(made) is not Ref or made.step != k:
            moved.add(k)
    ends = {k: _as_ref(builder, new[k], program.steps[k]) for k in dict.fromkeys(program.ends)}
    values = {name: ends[k] for name, k in program.values.items()}
    gradients = {name: ends[k] for name, k in program.gradients.items()}
    updates = {name: ends[k] for name, k in program.updates.items()}
    return replace(program, steps=tuple(builder.steps), values=values, gradients=gradients, updates=updates)


def reordered(program: Program, order: Sequence[int]) -> Program:
    """The program with its steps in another order, given by their numbers, in which every operand still comes first."""
    new = {k: place for place, k in enumerate(order)}

    def moved(names: Mapping[str, int]) -> dict[str, int]:
        return {name: new[k] for name, k in names.items()}

    steps = [
        program.steps[k].reading(map_refs(program.steps[k].operands, lambda ref: Ref(new[ref.step]))) for k in order
    ]
    ends = moved(program.values), moved(program.gradients), moved(program.updates)
    return replace(program, steps=tuple(steps), values=ends[0], gradients=ends[1], updates=ends[2])


def joined(first: Program, second: Program) -> Program:
    """The first program with the gradients of the second, too: another way back through nodes of the same values.

    Where both have a name for something, it stays that of the first.
    """
    builder = Builder()
    builder.steps = list(first.steps)
    taken = {step.name for step in builder.steps}
    same = {k: first.values[name] for name, k in second.values.items()}
    new: list[Ref] = []
    for k, step in enumerate(second.steps):
        renewed = step.reading(map_refs(step.operands, lambda ref: new[ref.step]))
        own = replace(renewed, name=None) if step.name in taken else renewed
        new.append(Ref(same[k]) if k in same else builder.append(own))
    gradients = {name: new[k].step for name, k in second.gradients.items()}
    return replace(first, steps=tuple(builder.steps), gradients={**first.gradients, **gradients})


def _as_ref(builder: Builder, value: Any, step: Step) -> int:
    """The number of the step for a result; a result that has become a number becomes a constant again."""
    return value.step if isinstance(value, Ref) else builder.constant(np.asarray(value, dtype=step.dtype)).step
