"""The order of a learner's formulas: each behind those that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from chainrule.core.graph import BaseGraph
from chainrule.judging.given import GivenFormula
from chainrule.judging.ground import Ground
from chainrule.judging.reach import reachable


def in_order(formulas: Mapping[str, GivenFormula], graph: BaseGraph) -> tuple[list[GivenFormula], set[str]]:
    """The formulas with each behind those that it reads, and the names of formulas that read themselves.

    What that leaves open is settled by the order in which they were written or, if that does not put a formula behind
    those that it reads, by the graph: values forward, then gradients backward.
    """
    waits = {name: {r for r in formula.reads if r in formulas} for name, formula in formulas.items()}
    place = {name: k for k, name in enumerate(formulas)}
    if any(place[r] >= place[name] for name, reads in waits.items() for r in reads):
        place = {name: _place(name, graph) for name in formulas}
    order: list[GivenFormula] = []
    circular: set[str] = set()
    while waits:
        ready = [name for name, reads in waits.items() if not reads & waits.keys()]
        if ready:
            name = min(ready, key=lambda name: place[name])
            order.append(formulas[name])
            del waits[name]
            continue
        blamed = _blamed(waits, graph)
        circular |= blamed
        waits |= {name: set[str]() for name in blamed}
    return order, circular


def where_known(order: Sequence[GivenFormula], ground: Ground) -> list[GivenFormula]:
    """The formulas, each on the draws alone on which the names of the user's own that it reads have a value.

    A callable or an array under such a name has none on random data once there is data of the user's.
    """
    found: dict[str, GivenFormula] = {}
    for formula in order:
        own = [set(found[name].draws) for name in formula.reads if name in found and name not in ground.judged]
        found[formula.name] = replace(
            formula, draws=tuple(k for k in formula.draws if all(k in draws for draws in own))
        )
    return list(found.values())


def _blamed(waits: Mapping[str, set[str]], graph: BaseGraph) -> set[str]:
    """Of formulas that go round in a circle, those that read what comes after them on the way back from the loss."""
    circle = {name for name in waits if name in led_to(name, waits)}
    blamed = {name for name in circle if any(_comes_after(r, name, graph) for r in waits[name] & circle)}
    return blamed or circle


def _comes_after(read: str, name: str, graph: BaseGraph) -> bool:
    """Whether the backward sweep has not met a gradient yet when it computes another one."""
    if read == name or (name in graph and read not in graph):
        return True
    of_name, of_read = graph.of_gradient(name), graph.of_gradient(read)
    if of_name is None or of_read is None:
        return False
    return graph.position(of_read) not in reachable(graph, graph.position(of_name), forward=True)


def _place(name: str, graph: BaseGraph) -> int:
    """Where a formula stands when values are computed forward and then gradients backward."""
    if name in graph:
        return graph.position(name) - len(graph)
    source = graph.of_gradient(name)
    return 0 if source is None else len(graph) - graph.position(source)


def led_to(name: str, reads: Mapping[str, Iterable[str]]) -> set[str]:
    """All names that are read by a formula, by the formulas that it reads, and so on."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        new = {r for r in reads[waiting.pop()] if r in reads} - seen
        seen |= new
        waiting.extend(new)
    return seen
