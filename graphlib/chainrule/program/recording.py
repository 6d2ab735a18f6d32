"""The forward and backward of a graph, recorded: Symbols pass through the rules, and what they note becomes steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, final

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant, Leaf
from chainrule.core.node import Node
from chainrule.core.passes import Uses, in_reverse
from chainrule.core.rules import check_traced
from chainrule.errors import ArgumentError
from chainrule.notation import TextPrinter
from chainrule.program.builder import Builder
from chainrule.program.calls import RuleCall, pick
from chainrule.program.program import Program
from chainrule.program.step import Ref, Step
from chainrule.shown.text import visible
from chainrule.symbols.dimensions import shape_text, unseen
from chainrule.symbols.symbol import Symbol, as_number

Part: TypeAlias = tuple[Ref, str]
"""A step that is one contribution to a gradient, and its formula."""


def record(graph: BaseGraph) -> Program:
    """The forward and backward of a graph, with the value and the gradient of every node.

    Gradients start with 1 at every output, so outputs are scalars: raises ArgumentError for others. A rule that a
    Symbol cannot pass through becomes a step that calls it. Raises RuleError when a rule returns what is no gradient.
    """
    for node in graph.outputs:
        if node.shape:
            raise ArgumentError(
                f"gradients start at a scalar loss, and {graph.name(node)} has shape {shape_text(node.shape)}",
                where=node.where,
                remedy="Sum or Mean of it; a Run starts from any gradient: run.backward(seed=...)",
            )
    recording = _Recording(graph)
    gradients, _ = in_reverse(graph, recording.total, recording.local)
    return recording.program(gradients)


def record_forward(graph: BaseGraph) -> Program:
    """The forward of a graph alone, with the value of every node; its outputs may have any shape."""
    return _Recording(graph).program([None] * len(graph))


@final
class _Recording:
    """One recording in the making: the steps so far, those of the forward first, and which of them are values."""

    def __init__(self, graph: BaseGraph) -> None:
        self.graph = graph
        self.builder = Builder()
        self.values: dict[Node, Ref] = {}
        for node in graph.order:
            self._forward(node)

    def program(self, gradients: Sequence[Ref | None]) -> Program:
        """What has been recorded, with these steps as the gradients of the nodes in their order."""
        names = self.graph.names
        values = {name: self.values[node].step for name, node in zip(names, self.graph.order, strict=True)}
        swept = {name: grad.step for name, grad in zip(names, gradients, strict=True) if grad is not None}
        return Program(tuple(self.builder.steps), values, swept, tuple(map(self.graph.name, self.graph.outputs)))

    def _forward(self, node: Node) -> None:
        name = self.graph.name(node)
        if isinstance(node, Constant):
            self.values[node] = self.builder.constant(node.value, name=name)
        elif isinstance(node, Leaf):
            self.values[node] = self.builder.append(Step(None, shape=unseen(node.shape), dtype=node.dtype, name=name))
        else:
            value, formula = self._value(node, [self.values[source] for source in node.inputs])
            self.builder.label(value, name, formula)
            self.values[node] = value

    def _value(self, node: Node, sources: list[Ref]) -> tuple[Ref, str]:
        symbols, known = self.builder.symbols(sources)
        try:
            traced = node.forward(*symbols)
            return self._written(traced, known, node.is_derived), formula_text(traced)
        except Exception:  # whatever an untraceable rule raises on a Symbol: it is called on arrays
            call = RuleCall(node, "forward")
            step = Step(call, tuple(sources), {}, unseen(node.shape), node.dtype)
            return self.builder.append(step), f"{call.__name__}(…)"

    def _written(self, traced: Any, known: dict[int, Any], as_constants: bool = False) -> Ref:
        ref = self.builder.write(as_number(traced), known, as_constants=as_constants)
        return ref if isinstance(ref, Ref) else self.builder.constant(ref)

    def total(self, k: int, uses: Uses[Part]) -> Ref | None:
        """The step that is a node's gradient; None for a node without one."""
        node, parts = self.graph.order[k], [part for _, _, part in uses]
        if node in self.graph.ends:
            parts.insert(0, (self.builder.constant(np.ones(())), "1"))
        if not parts or not self.graph.differentiable[k]:
            return None
        total = parts[0][0]
        for part, _ in parts[1:]:
            total = self.builder.trace(np.add, total, part)
        self.builder.label(total, self.graph.gradient_names[k], " + ".join(text for _, text in parts))
        return total

    def local(self, k: int, grad: Ref) -> list[Part | None]:
        """What the rule of a node sends to each of its inputs, as steps."""
        node = self.graph.order[k]
        operands = [grad, self.values[node], *(self.values[source] for source in node.inputs)]
        symbols, known = self.builder.symbols(operands)
        try:
            traced = node.backward(*symbols)
        except Exception:  # as for forward
            return self._called_gradients(node, operands)
        check_traced(node, traced)
        return [None if g is None else (self._written(g, known), formula_text(g)) for g in traced]

    def _called_gradients(self, node: Node, operands: list[Ref]) -> list[Part | None]:
        call = RuleCall(node, "backward")
        every = self.builder.append(Step(call, tuple(operands)))
        wanted = [self.graph.differentiable[k] for k in self.graph.sources[self.graph.position(node)]]
        picked = [Step(pick, (every,), {"place": k}, unseen(x.shape), x.dtype) for k, x in enumerate(node.inputs)]
        return [
            (self.builder.append(step), f"{call.__name__}(…)[{k}]") if wanted[k] else None
            for k, step in enumerate(picked)
        ]


def formula_text(traced: Any) -> str:
    """What a Symbol has recorded, in one line."""
    recorded = as_number(traced)
    return visible(TextPrinter().print(recorded)) if isinstance(recorded, Symbol) else "…"
