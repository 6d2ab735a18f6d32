"""The steps of a page: every value, then every contribution to a gradient and every gradient that is complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, final

import numpy as np

from chainrule.checking.differences import CLOSE
from chainrule.checking.numerical import Numerical, Slopes
from chainrule.core.leaves import Leaf
from chainrule.core.run import BaseRun
from chainrule.drawing.wording import kind_of, shape_of, shape_words, shown_name
from chainrule.page.marked import Formulas, Written
from chainrule.shown.numbers import number, summary

Array = Any
_CLOSE_IN_SINGLE: Final = 1e-3


@final
class Comparison(NamedTuple):
    """A gradient beside what numerical differentiation gives."""

    found: Numerical
    said: str
    agrees: bool


@final
class Step(NamedTuple):
    """One step: what it is about, its formula, what it gives, and what that is compared with."""

    kind: str
    """"forward", "contribution" or "total"."""
    node: int
    title: str
    result: Array
    formula: Written | None = None
    consumer: int = -1
    place: int = -1
    parts: tuple[Array, ...] = ()
    """What a gradient is the sum of."""
    so_far: Array | None = None
    """The sum of what has arrived, where more is to come."""
    compared: Comparison | None = None

    @property
    def words(self) -> str:
        """What a screen reader says."""
        formula = f" {self.formula.words}." if self.formula else ""
        compared = f" {self.compared.said}." if self.compared else ""
        return f"{self.title}.{formula} {summary(self.result)}.{compared}"


def steps(run: BaseRun, formulas: Formulas, slopes: Slopes) -> Iterator[Step]:
    """The steps of a run in the order of the computation; those backward only after ``run.backward()``."""
    return _Stepping(run, formulas, slopes).steps()


@final
class _Stepping:
    def __init__(self, run: BaseRun, formulas: Formulas, slopes: Slopes) -> None:
        self.run, self.graph, self.formulas, self.slopes = run, run.graph, formulas, slopes
        single = any(value.dtype.kind == "f" and value.dtype.itemsize < 8 for value in run.values.values())
        self.close = _CLOSE_IN_SINGLE if single else CLOSE

    def steps(self) -> Iterator[Step]:
        """Forward and backward."""
        yield from map(self._forward, range(len(self.graph)))
        if self.run.has_gradients:
            yield from self._backward()

    def _forward(self, k: int) -> Step:
        node = self.graph.order[k]
        return Step("forward", k, self._given_or_computed(k), self.run.values[node], self.formulas.value(k))

    def _given_or_computed(self, k: int) -> str:
        node, name = self.graph.order[k], self._name(k)
        if isinstance(node, Leaf):
            return f"{name} is given: {_articled(kind_of(node))}"
        read = [self._name(source) for source in dict.fromkeys(self.graph.sources[k])]
        return f"{name} is computed from {_listed(read)}"

    def _backward(self) -> Iterator[Step]:
        """As the sweep goes: a node's gradient is complete, and then its rule sends to what it reads."""
        sent = self._sent()
        arrived: Counter[int] = Counter()
        for k in range(len(self.graph) - 1, -1, -1):
            if self.graph.order[k] in self.run.gradients:
                yield self._total(k)
            for place, source in enumerate(self.graph.sources[k]):
                if (k, place) in sent:
                    yield self._contribution(source, k, place, arrived[source], sent)
                    arrived[source] += 1

    def _sent(self) -> Mapping[tuple[int, int], Array]:
        return {
            (self.graph.position(use.consumer), use.position): use.gradient
            for node in self.graph.order
            for use in self.run.contributions(node)
        }

    def _contribution(
        self, k: int, consumer: int, place: int, before: int, sent: Mapping[tuple[int, int], Array]
    ) -> Step:
        node, gradient = self.graph.order[k], sent[consumer, place]
        uses = self.run.contributions(node)
        same = [p for p, source in enumerate(self.graph.sources[consumer]) if source == k and (consumer, p) in sent]
        formula = self.formulas.contribution(k, consumer, same.index(place))
        so_far = self._sum_of(k, before + 1) if before else None
        which = f", {before + 1} of {len(uses)}" if len(uses) > 1 else ""
        title = f"{self._name(consumer)} sends to {self._name(k)}{which}"
        found = self.slopes.contributions.get((consumer, place))
        compared = self._compared(found, gradient)
        return Step("contribution", k, title, gradient, formula, consumer, place, (), so_far, compared)

    def _sum_of(self, k: int, count: int) -> Array | None:
        """The sum of the first contributions; None for an output, which starts from a gradient of its own."""
        first, *more = self.run.contributions(self.graph.order[k])[:count]
        if self.graph.order[k] in self.graph.ends:
            return None
        return np.asarray(sum((use.gradient for use in more), start=first.gradient))

    def _total(self, k: int) -> Step:
        node = self.graph.order[k]
        gradient, uses = self.run.gradients[node], self.run.contributions(node)
        parts = tuple(use.gradient for use in uses)
        starts = node in self.graph.ends
        title = f"the gradient of {self._name(k)} "
        title += "is where it starts" if not uses else f"is complete{_sum(len(uses), starts)}"
        compared = self._compared(self.slopes.totals.get(k), gradient)
        formula = self.formulas.gradient(k)
        return Step("total", k, title, gradient, formula, parts=parts if not starts else (), compared=compared)

    def _compared(self, found: Numerical | None, gradient: Array) -> Comparison | None:
        if found is None or not len(found.entries) or np.isnan(found.difference(gradient)):
            return None
        count = f"{len(found.entries):,} of {gradient.size:,} entries" if gradient.size > 1 else ""
        if not found.agrees(gradient, self.close):
            apart = found.difference(gradient)
            said = f"differs by {number(apart)} from numerical differentiation"
            return Comparison(found, _joined(count, said), False)
        if not found.tells(gradient):
            return Comparison(found, _joined(count, "too small to be told from 0 by differences"), True)
        said = f"numerical differentiation agrees, largest difference {number(found.difference(gradient))}"
        return Comparison(found, _joined(count, said), True)

    def _name(self, k: int) -> str:
        return shown_name(self.graph.names[k])


def _joined(*parts: str) -> str:
    return ": ".join(part for part in parts if part)


def _sum(uses: int, starts: bool) -> str:
    if starts:
        return ": the sum of where it starts and what arrived"
    return f": the sum of {uses} contributions" if uses > 1 else ""


def _articled(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def shape_in_words(run: BaseRun, k: int) -> str:
    """The shape of a node as the graph has it, and its numbers where they are others: 3 × m = 3 × 5."""
    node = run.graph.order[k]
    words, numbers = shape_words(shape_of(node)), " × ".join(map(str, run.values[node].shape))
    return words if words == numbers else f"{words} = {numbers}"
