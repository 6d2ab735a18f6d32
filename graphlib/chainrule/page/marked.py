"""Formulas as a page holds them: MathML in which every value says which array it is."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple, final

from chainrule.core.graph import BaseGraph
from chainrule.core.run import BaseRun
from chainrule.derivation.deriving import stepwise
from chainrule.derivation.formulas import Derivation, Formula
from chainrule.notation import MathmlPrinter, UnicodePrinter
from chainrule.shown.text import visible
from chainrule.symbols.dimensions import Dimension

_STYLE: Final = re.compile(r' style="[^"]*"')  # no name can contain one: quotation marks are escaped
_MARK: Final = re.compile(r' data-of="([vgc][0-9]+)"')


@final
class Written(NamedTuple):
    """One line: the name and what it equals step by step, as mathematics and in words; the shapes; what it reads."""

    name: str
    sign: str
    steps: tuple[str, ...]
    words: str
    shapes: str = ""
    reads: tuple[str, ...] = ()


@final
class Formulas:
    """The formulas of a run's graph, every node for itself; ``v3`` marks the value of node 3, ``g3`` its gradient."""

    def __init__(self, run: BaseRun) -> None:
        self.graph: BaseGraph = run.graph
        self.sizes = sizes_of(run)
        self._unicode = UnicodePrinter()

    @cached_property
    def derivation(self) -> Derivation:
        """A line for every node."""
        return stepwise(self.graph)

    @cached_property
    def constants(self) -> list[Any]:
        """Arrays of numbers that lines call by a name."""
        return list(self.derivation.constants.values())

    @cached_property
    def _printer(self) -> MathmlPrinter:
        names = enumerate(zip(self.graph.names, self.graph.gradient_names, strict=True))
        marks = {mark: f"{letter}{k}" for k, pair in names for letter, mark in zip("vg", pair, strict=True)}
        marks |= {name: f"c{k}" for k, name in enumerate(self.derivation.constants)}
        return MathmlPrinter(marks, self.sizes)

    def name(self, name: str) -> str:
        """A name as mathematics."""
        return self._printer.name(name).text

    def value(self, k: int) -> Written | None:
        """How a value is computed; None for a leaf."""
        name = self.graph.names[k]
        return self._line(self.derivation[name]) if name in self.derivation else None

    def gradient(self, k: int) -> Written | None:
        """What the gradient of a node equals; None where it has no line."""
        name = self.graph.gradient_names[k]
        return self._line(self.derivation[name]) if name in self.derivation else None

    def contribution(self, k: int, consumer: int, count: int) -> Written | None:
        """What a consumer sends by the use that is its ``count``-th; None where there is no formula."""
        sent = self._sent.get((k, self.graph.names[consumer]), [])
        return self._line(Formula(self.graph.gradient_names[k], (sent[count],)), "+=") if count < len(sent) else None

    @cached_property
    def _sent(self) -> Mapping[tuple[int, str], list[Any]]:
        found: dict[tuple[int, str], list[Any]] = defaultdict(list)
        places = {name: k for k, name in enumerate(self.graph.gradient_names)}
        for line in self.derivation.backward:
            k = places[line.name]
            for consumer, part in line.contributions:
                if consumer != self.graph.names[k]:  # an output starts from a gradient of its own
                    found[k, consumer].append(part)
        return found

    def _line(self, line: Formula, sign: str = "=") -> Written:
        left = self.name(line.name)
        if line.why_not:
            return Written(left, "is", (self._printer.words(line.why_not),), f"{visible(line.name)} is {line.why_not}")
        printed = [self._printer.print(step) for step in line.steps]
        words = f" {sign} ".join([self._unicode.name(line.name).text, *map(self._unicode.print, line.steps)])
        reads = dict.fromkeys(_MARK.findall("".join(printed)))
        [shapes, *_] = line.line(self._unicode, shapes=True).remarks
        return Written(
            left, sign, tuple(_STYLE.sub(' class="left"', step) for step in printed), words, shapes, tuple(reads)
        )


def sizes_of(run: BaseRun) -> dict[str, int]:
    """The number of every size with a name."""
    return dict(_sizes(run))


def _sizes(run: BaseRun) -> Iterator[tuple[str, int]]:
    for leaf in run.graph.leaves:
        for size, number in zip(leaf.shape or (), run.values[leaf].shape, strict=True):
            if isinstance(size, Dimension) and str(size) in size.names:
                yield str(size), number
