"""What stands inside the boxes and at the arrows: nothing more than names, values, gradients, or formulas."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Sequence
from functools import cached_property
from typing import Any, final

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant, Leaf
from chainrule.core.run import BaseRun
from chainrule.derivation.formulas import Derivation
from chainrule.drawing.arrays import array_cell
from chainrule.drawing.labels import Cell, Table, Text, equations
from chainrule.drawing.theme import Palette
from chainrule.drawing.wording import partial, shown_name
from chainrule.notation import UnicodePrinter
from chainrule.shown.numbers import summary

Row = Sequence[Cell]


class View(ABC):
    """What is shown of every node, by its position in the graph's order."""

    operations = True
    """Whether operations have circles of their own."""
    gradients = False
    """Whether there are arrows backward."""

    def __init__(self, graph: BaseGraph, palette: Palette) -> None:
        self.graph, self.palette = graph, palette
        self.sources = graph.sources
        self.uses = [len(uses) for uses in graph.uses]

    @abstractmethod
    def has_box(self, k: int) -> bool:
        """Whether the value of a node has a box; the value of an unnamed step may be just an arrow."""

    @abstractmethod
    def rows(self, k: int) -> list[Row]:
        """What stands in the box under the name."""

    @abstractmethod
    def words(self, k: int) -> list[str]:
        """The same for a screen reader."""

    def has_backward(self, consumer: int, place: int) -> bool:
        """Whether a gradient flows back along this use."""
        return False

    def backward_label(self, consumer: int, place: int) -> Table | None:
        """What stands at the arrow backward; None where the gradient in the box says it all."""
        return None

    def has_gradient(self, k: int) -> bool:
        """Whether the value has a gradient."""
        return False

    def _is_named_or_forks(self, k: int) -> bool:
        """Whether a node is more than a step on the way from one to the next."""
        node = self.graph.order[k]
        return isinstance(node, Leaf) or node.name is not None or self.uses[k] != 1

    def _is_fork(self, k: int) -> bool:
        return self.uses[k] > 1

    def _gradient(self, k: int, cell: Cell) -> tuple[Text, Cell]:
        """A gradient behind its name."""
        name = partial(self.graph.names[k], self.graph) if self.graph.order[k].name is not None else "∂"
        return Text(f"{name} = ", self.palette.light("backward"), italic=True), cell

    def _sum_rows(self, parts: int) -> list[Row]:
        """Of how many contributions a gradient is the sum, if it is one."""
        text = Text(f"sum of {parts} contributions", self.palette.light("backward"), 10, italic=True)
        return [(Cell((text,)),)] if parts > 1 else []


class StructureView(View):
    """Names and shapes alone."""

    def rows(self, k: int) -> list[Row]:
        return []

    def words(self, k: int) -> list[str]:
        return []


@final
class GraphView(StructureView):
    """The structure of a graph."""

    def has_box(self, k: int) -> bool:
        return self._is_named_or_forks(k)


@final
class FailureView(StructureView):
    """The same, but the last node, which failed, has no value."""

    def has_box(self, k: int) -> bool:
        return k < len(self.graph) - 1 and self._is_named_or_forks(k)


class RunView(View):
    """What is shown of a run; of a step without a name only if it is a number, as in the circuits of courses."""

    def __init__(self, run: BaseRun, palette: Palette) -> None:
        super().__init__(run.graph, palette)
        self.run = run

    def has_box(self, k: int) -> bool:
        return self._is_named_or_forks(k) or self._value(k).ndim == 0

    def _equation(self, k: int) -> tuple[Text, Cell]:
        """The value, behind its name if it is a matrix."""
        color = self.palette.light("forward")
        cell, given = array_cell(self._value(k), color), self.graph.order[k].name is not None
        head = f"{shown_name(self.graph.names[k])} = " if given and isinstance(cell.content, Table) else ""
        return Text(head, color), cell

    def _value_in_words(self, k: int) -> str:
        return f"value {summary(self._value(k))}"

    def _value(self, k: int) -> Any:
        return self.run.values[self.graph.order[k]]


@final
class ValuesView(RunView):
    """The values of a run, in green."""

    def rows(self, k: int) -> list[Row]:
        return equations([self._equation(k)])

    def words(self, k: int) -> list[str]:
        return [self._value_in_words(k)]


@final
class GradientsView(RunView):
    """The values of a run, and under each its gradient."""

    gradients = True

    @cached_property
    def received(self) -> dict[tuple[int, int], Any]:
        """What every use sent back, by consumer and place."""
        return {
            (self.graph.position(use.consumer), use.position): use.gradient
            for node in self.graph.order
            for use in self.run.contributions(node)
        }

    def has_gradient(self, k: int) -> bool:
        return self.graph.order[k] in self._gradients

    @cached_property
    def _gradients(self) -> Any:
        return {self.graph[name]: gradient for name, gradient in self.run.gradients.items()}

    def rows(self, k: int) -> list[Row]:
        node = self.graph.order[k]
        value = self._equation(k)
        if isinstance(node, Constant) and node.name is None:
            return equations([value])
        if not self.has_gradient(k):
            return [*equations([value]), (Cell((Text("no gradient", self.palette.light("muted"), 11, italic=True),)),)]
        cell = array_cell(self._gradients[node], self.palette.light("backward"), italic=True)
        pair = equations([value, self._gradient(k, cell)])
        return [*pair, *self._sum_rows(len(self.run.contributions(node)))]

    def words(self, k: int) -> list[str]:
        gradient = self._gradients.get(self.graph.order[k])
        return [self._value_in_words(k), "no gradient" if gradient is None else f"gradient {summary(gradient)}"]

    def has_backward(self, consumer: int, place: int) -> bool:
        return (consumer, place) in self.received

    def backward_label(self, consumer: int, place: int) -> Table | None:
        if not self._is_fork(self.sources[consumer][place]):
            return None
        color = self.palette.light("backward")
        return Table([(array_cell(self.received[consumer, place], color, italic=True, side=3),)])


@final
class FormulasView(View):
    """The formula of every value and of its gradient; the formulas say what the operations are."""

    operations = False
    gradients = True

    def __init__(self, graph: BaseGraph, derivation: Derivation, palette: Palette) -> None:
        super().__init__(graph, palette)
        self.derivation = derivation
        self._printer = UnicodePrinter()

    def has_box(self, k: int) -> bool:
        node = self.graph.order[k]
        if isinstance(node, Leaf):
            return not isinstance(node, Constant) or node.name is not None
        return self.graph.names[k] in self.derivation

    def has_gradient(self, k: int) -> bool:
        line = self.graph.gradient_names[k]
        return line in self.derivation and self.derivation[line].listed

    def rows(self, k: int) -> list[Row]:
        name = self.graph.names[k]
        rows: list[Row] = []
        if name in self.derivation:
            text = f"{shown_name(name)} = {self._text(name)}"
            rows.append((Cell((Text(text, self.palette.light("forward"), longest=_LONGEST),)),))
        if self.has_gradient(k):
            color, line = self.palette.light("backward"), self.graph.gradient_names[k]
            cell = Cell((Text(self._text(line), color, italic=True, longest=_LONGEST),), align="LEFT")
            rows += equations([self._gradient(k, cell)]) + self._sum_rows(len(self.derivation[line].contributions))
        return rows

    def words(self, k: int) -> list[str]:
        lines = [line for line in (self.graph.names[k], self.graph.gradient_names[k]) if line in self.derivation]
        return [self.derivation[line].unicode for line in lines]

    def has_backward(self, consumer: int, place: int) -> bool:
        return self.has_gradient(self.sources[consumer][place])

    @cached_property
    def _sent(self) -> dict[tuple[int, int], Any]:
        """What every use sends back, by consumer and place; the contributions of a line keep the order of the uses."""
        found: dict[tuple[int, int], Any] = {}
        for k in range(len(self.graph)):
            if not self.has_gradient(k):
                continue
            waiting: dict[str, deque[Any]] = defaultdict(deque)
            for sender, part in self.derivation[self.graph.gradient_names[k]].contributions:
                waiting[sender].append(part)
            for consumer, place in self.graph.uses[k]:
                parts = waiting[self.graph.names[consumer]]
                if parts:
                    found[consumer, place] = parts.popleft()
        return found

    def backward_label(self, consumer: int, place: int) -> Table | None:
        if (consumer, place) not in self._sent:
            return None
        text = self._printed(self._sent[consumer, place])
        return Table([(Cell((Text(text, self.palette.light("backward"), italic=True, longest=_LONGEST),)),)])

    def _text(self, line: str) -> str:
        return self._printed(self.derivation[line].expression)

    def _printed(self, expression: Any) -> str:
        return self._printer.print(expression)


_LONGEST = 90  # characters of a formula; the derivation has it whole
