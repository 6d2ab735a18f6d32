"""Other gradients than those of the loss, for formulas that read gradients: what these say holds for any."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.read_only import read_only
from chainrule.judging.closeness import Array
from chainrule.judging.ground import Draw
from chainrule.judging.rounding import swept_from


def pushed(
    graph: BaseGraph,
    draw: Draw,
    reads: Collection[str],
    *,
    rng: np.random.Generator,
    decades: float,
    times: float = 1.0,
    cut: bool = True,
) -> Draw:
    """The same values, and gradients that start where a formula reads them: of the same size, or of many.

    What a formula says of the gradients that it reads holds for any of them. So these get random ones, as of another
    loss, so many times as large; the loss itself stays where they do not ``cut`` off from it what the formula is of.
    """
    at = _positions(graph, draw, reads)
    starts = {k: times * _seed(draw.gradients[graph.gradient_names[k]], rng, decades) for k in at}
    if not cut:
        starts = {k: starts.get(k, 0.0) + start for k, start in draw.starts.items()} | {
            k: start for k, start in starts.items() if k not in draw.starts
        }
    values = [draw.values[name] for name in graph.names]
    found = swept_from(graph, values, starts)
    gradients = {name: read_only(g) for name, g in zip(graph.gradient_names, found, strict=True) if g is not None}
    silent = {name: np.zeros_like(g) for name, g in draw.gradients.items() if name not in gradients}
    return replace(draw, gradients=gradients | silent, starts=starts)


def is_cut(graph: BaseGraph, draw: Draw, reads: Collection[str], target: str) -> bool:
    """Whether every way from what a gradient is of to the loss meets one of those that a formula reads."""
    return _meets_all(graph, graph.position(target[1:]), set(_positions(graph, draw, reads)))


def _positions(graph: BaseGraph, draw: Draw, reads: Collection[str]) -> list[int]:
    return [graph.position(name[1:]) for name in reads if name in draw.gradients and name not in draw.values]


def _seed(gradient: Array, rng: np.random.Generator, decades: float) -> Array:
    """Random numbers of the size of a gradient, spread over so many powers of ten; or all so many powers smaller."""
    size = float(np.sqrt(np.mean(np.square(gradient)))) if gradient.size else 1.0
    size = size if 0 < size < np.inf else 1.0
    size = max(size, 1.0) if decades > 0 else size  # the gradients of a mean are small, and a bound may be large
    powers = rng.uniform(-decades, decades, gradient.shape) if decades >= 0 else decades
    numbers = rng.standard_normal(gradient.shape) * 10**powers
    return np.asarray(size * numbers, gradient.dtype)


def _meets_all(graph: BaseGraph, start: int, at: set[int]) -> bool:
    """Whether every way from a node to an output meets one of the others."""
    outputs = {graph.position(node) for node in graph.outputs}
    seen, waiting = {start}, [start]
    while waiting:
        k = waiting.pop()
        if k in outputs and k not in at:
            return False
        new = {consumer for consumer, _ in graph.uses[k]} - seen - at if k not in at else set()
        seen |= new
        waiting.extend(new)
    return True
