"""Arrays judged in the chain: wrong only because a gradient before them is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.passes import Uses, in_reverse
from chainrule.core.rules import call_backward
from chainrule.judging.closeness import Array, same
from chainrule.judging.ground import MEAN, Draw, Ground


def follows(ground: Ground, k: int, convention: str, name: str, given: Mapping[str, Array]) -> bool:
    """Whether an array is what the engine makes of the gradients that stand before it, as they were given."""
    pushed = _pushed(ground.graph, ground.draws[k], _as_mean(ground, k, convention, given), name)
    if pushed is None:
        return False
    mine = _as_mean(ground, k, convention, {name: given[name]})[name]
    return mine.shape == pushed.shape and same(mine, pushed)


def causes(ground: Ground, k: int, convention: str, name: str, given: Mapping[str, Array]) -> tuple[str, ...]:
    """The gradients before a name that are wrong by themselves: not right, and not what others make of them."""
    right, behind = ground.values(k, convention), _behind(ground.graph, name.removeprefix("d"))
    return tuple(
        other
        for other, array in given.items()
        if other.removeprefix("d") in behind
        and not _is(array, right.get(other))
        and not follows(ground, k, convention, other, given)
    )


def _behind(graph: BaseGraph, name: str) -> set[str]:
    """The values that are computed from one: their gradients stand before its own."""
    found = {graph.position(name)} if name in graph else set()
    for k, sources in enumerate(graph.sources):  # a node stands behind its inputs
        if found.intersection(sources):
            found.add(k)
    return {graph.names[k] for k in found} - {name}


def _is(array: Array, right: Any) -> bool:
    return right is not None and array.shape == np.shape(right) and same(array, right)


def _as_mean(ground: Ground, k: int, convention: str, given: Mapping[str, Array]) -> dict[str, Array]:
    """Gradients as those of the mean loss, which is what the rules pass on."""
    if convention == MEAN:
        return dict(given)
    count = ground.draws[k].sizes[ground.batch]
    return {name: array / count if name in ground.scaled else array for name, array in given.items()}


def _pushed(graph: BaseGraph, draw: Draw, given: Mapping[str, Array], name: str) -> Array | None:
    """The gradient of a name that the rules give when others are as they were given."""
    values = [draw.values[name] for name in graph.names]

    def total(k: int, uses: Uses[Array]) -> Array | None:
        own = graph.gradient_names[k]
        if own != name and own in given and given[own].shape == values[k].shape:
            return given[own]
        if uses:
            return np.asarray(sum(part for _, _, part in uses))
        return draw.gradients.get(own) if graph.order[k] in graph.ends else None

    def local(k: int, grad: Array) -> list[Array | None]:
        return call_backward(graph.order[k], grad, values[k], [values[source] for source in graph.sources[k]])

    with np.errstate(all="ignore"):
        gradients, _ = in_reverse(graph, total, local)
    return gradients[graph.position(name[1:])] if name[1:] in graph else None
