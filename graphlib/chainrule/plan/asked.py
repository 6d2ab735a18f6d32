"""The program that a plan is made from: a graph recorded, fused where that is exact, for what was asked for."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from chainrule.core.graph import BaseGraph
from chainrule.core.node import Node
from chainrule.core.rewriting import Fusion, fuse, fusion
from chainrule.errors import UnknownNameError
from chainrule.program.program import Program, joined
from chainrule.program.recording import record, record_forward


def predicted_program(graph: BaseGraph) -> Program:
    """The outputs of a graph and nothing that only gradients need; a fused loss keeps its digits here, too."""
    if any(node.name is None for node in graph.outputs):
        graph = named(graph)  # a loss that is fused is of another class, and so would have another name
    program = record_forward(fuse(graph)).only(values=[graph.name(node) for node in graph.outputs])
    return replace(program, predicts=True)


def wanted_program(graph: BaseGraph, gradients: Iterable[str | Node] | None) -> Program:
    """The loss and these gradients, those of the parameters where None; raises UnknownNameError for what has none.

    A gradient comes from the fused graph, where it keeps its digits, if it is the same there; else from the plain one.
    """
    if gradients is None:
        return _program(graph, [graph.name(node) for node in graph.parameters])
    names = [graph.names[k] for k in graph.positions(gradients)]
    program = _program(graph, names)
    if missing := [name for name in names if name not in program.gradients]:
        raise UnknownNameError(
            f"{', '.join(map(repr, missing))} {'has' if len(missing) == 1 else 'have'} no gradient",
            remedy="constants, whole numbers and labels have none, nor does what the loss does not depend on",
        )
    return program


def _program(graph: BaseGraph, names: Sequence[str]) -> Program:
    """The program for these gradients, as far as they exist."""
    fused = fusion(graph)
    rest = set(names) - {graph.name(node) for node in fused.twins}
    if rest or any(graph[name].name is None for name in names):
        graph = named(graph)
        fused = fusion(graph)
    program = _shared(fused)
    if rest:
        program = joined(program, _of(record(graph), rest))
    return program.only(gradients=[name for name in names if name in program.gradients])


def _shared(fused: Fusion[BaseGraph]) -> Program:
    """The fused graph recorded, without what is called the gradient of a node there and is a part of it."""
    program, same = record(fused.graph), {fused.graph.name(twin) for twin in fused.twins.values()}
    parts = {k for name, k in program.gradients.items() if name not in same}
    steps = (replace(step, name=None) if k in parts else step for k, step in enumerate(program.steps))
    return _of(replace(program, steps=tuple(steps)), same)


def _of(program: Program, names: Collection[str]) -> Program:
    """The program with no gradients but these."""
    return replace(program, gradients={name: k for name, k in program.gradients.items() if name in names})


def named(graph: BaseGraph) -> BaseGraph:
    """The graph with the names that it gives to nodes without one as their own: a graph rewritten gives others."""
    new: dict[Node, Node] = {}
    for node in graph.order:
        inputs = tuple(new[source] for source in node.inputs)
        kept = node.name is not None and all(map(operator.is_, inputs, node.inputs))
        new[node] = node if kept else node.replace(*inputs).relabel(graph.name(node), like=node)
    return type(graph)(*(new[node] for node in graph.outputs), watch=[new[node] for node in graph.watch])
