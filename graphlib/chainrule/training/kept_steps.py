"""The compiled step of a training, kept by the graph that is trained, so that the next training need not compile it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

from chainrule.core.graph import BaseGraph
from chainrule.plan.refusing import Recomputing
from chainrule.plan.training_plan import TrainingPlan, compile_step
from chainrule.training.optimizers import SGD, Adam, Momentum, Optimizer

_MOST: Final = 4  # steps of one graph: other optimizers, other parameters that move
_OWN: Final = (SGD, Momentum, Adam)


def kept_step(
    graph: BaseGraph,
    names: Iterable[str],
    backend: Literal["numpy", "numba", "auto"],
    optimizer: Optimizer,
    recompute: Recomputing = False,
) -> TrainingPlan:
    """The step that moves these parameters, compiled unless the graph has it already.

    Only where all of it is this package's own: a rule or an optimizer that somebody else wrote may read what has
    changed since, such as a variable of a notebook, and is traced for every training.
    """
    names = tuple(names)
    own = type(optimizer) in _OWN and all(map(_is_own, map(type, graph.order)))
    if not own or not isinstance(recompute, bool):
        return compile_step(graph, names, backend, optimizer, recompute=recompute)
    facts = ((type(value), value) for value in vars(optimizer).values())  # 1 and 1.0 are equal
    key: Any = (kept_step, names, repr(backend), recompute, type(optimizer), *facts)  # which may be no backend at all
    step: TrainingPlan | None = graph.kept.get(key)
    if step is None:
        step = compile_step(graph, names, backend, optimizer, recompute=recompute)
        while len(graph.kept) >= _MOST:
            graph.kept.pop(next(iter(graph.kept)), None)
        graph.kept[key] = step
    return step


def _is_own(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]
