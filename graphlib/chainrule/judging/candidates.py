"""The names that a formula can be repaired with."""

from __future__ import annotations

import ast
from collections.abc import Callable

import numpy as np

from chainrule.judging.closeness import Values
from chainrule.judging.given import GivenFormula
from chainrule.judging.ground import Ground
from chainrule.judging.reach import REACH, distances_from, reachable
from chainrule.judging.repairs.change import Shape, Surroundings
from chainrule.judging.repairs.renaming import shifted


def candidates(ground: Ground, formula: GivenFormula) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Values and gradients near a formula, nearest first; gradients only of what the backward sweep has met before.

    A formula for a value is computed from what comes before it, and from no gradient.
    """
    graph = ground.graph
    is_value = formula.name in graph
    target = graph.position(formula.name if is_value else graph.of_gradient(formula.name) or "")
    read = [name for name in formula.reads if name in graph or name in ground.draws[0].gradients]
    near = [*read, *(n for name in read for step in (-1, 1) if (n := shifted(name, step)))]
    distances = distances_from(graph, target)
    near += sorted(
        (graph.names[k] for k, far in distances.items() if far <= REACH), key=lambda n: distances[graph.position(n)]
    )
    behind = reachable(graph, target, forward=True)
    before = reachable(graph, target, forward=False)
    stems = dict.fromkeys(name if name in graph else graph.of_gradient(name) or name[1:] for name in near)
    known = [name for name in stems if name in graph and name.isidentifier()]
    named = [name for name in known if graph[name].name is not None or name in formula.reads]
    if is_value:
        return tuple(name for name in named if graph.position(name) in before), ()
    ends = {graph.name(node) for node in graph.outputs if node.shape == ()}  # whose gradient is 1
    gradients = (graph.gradient_name(name) for name in named if graph.position(name) in behind and name not in ends)
    return tuple(named), tuple(name for name in gradients if name in ground.draws[0].gradients and name not in graph)


def surroundings(
    names: tuple[tuple[str, ...], tuple[str, ...]],
    values: Values,
    batch: str | None,
    shape_of: Callable[[ast.expr], Shape | None],
    examples: str = "columns",
) -> Surroundings:
    """What a formula can be written with, from the names near it and the values of all."""
    shapes = {name: np.shape(value) for name, value in values.items()}
    whole = frozenset(name for name, value in values.items() if np.array_equal(value, np.round(value)))
    return Surroundings(*names, shapes, batch, shape_of, whole, examples)
