"""What stands where there is no formula: a rule that Symbols cannot pass through, and what is behind unknown shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from chainrule.core.graph import BaseGraph
from chainrule.core.node import Node
from chainrule.nodes.rearranging import Index, filled_key
from chainrule.shown.text import visible
from chainrule.symbols.dimensions import Shape
from chainrule.symbols.operations import index
from chainrule.symbols.symbol import Symbol


@final
@dataclass(frozen=True)
class UnwrittenRule:
    """A rule that a Symbol cannot pass through: what stands for its formula is its name."""

    __name__: str

    def __call__(self, *operands: Any) -> Any:
        """Never called: it only stands for the rule."""
        raise NotImplementedError(self.__name__)


def called_forward(node: Node, operands: Sequence[Any], shape: Shape | None) -> Symbol:
    """The call of a rule, with its facts: ``Sorted(x, axis=1)``; an index as it is written, whatever its shape."""
    if isinstance(node, Index):
        key = filled_key(node, node.key, operands, operands)
        return Symbol(index, (operands[0], key), shape=shape, dtype=node.dtype)
    rule = UnwrittenRule(type(node).__name__)
    return Symbol(rule, tuple(operands), _facts(node), shape=shape, dtype=node.dtype)


def called_backward(node: Node, operands: Sequence[Any], shapes: Sequence[Shape | None]) -> list[Symbol]:
    """The gradients that a called rule gives, one for each input: ``Sorted.backward(dS, S, x)[0]``."""
    every = Symbol(UnwrittenRule(f"{type(node).__name__}.backward"), tuple(operands), _facts(node), shape=None)
    return [Symbol(index, (every, place), shape=shape) for place, shape in enumerate(shapes)]


def _facts(node: Node) -> dict[str, Any]:
    return {fact: value for fact, value in node.facts.items() if repr(value) != repr(getattr(type(node), fact, None))}


@final
@dataclass(frozen=True)
class NotDerivable:
    """What stands for a formula that an unknown shape keeps from being known."""

    __name__: str

    def __call__(self, *operands: Any) -> Any:
        """Never called: there is nothing to compute."""
        raise NotImplementedError(self.__name__)


def not_derivable(graph: BaseGraph, node: Node, shape: Shape | None) -> Symbol | None:
    """What stands for a formula of a node that reads a value of unknown shape; None where it reads none."""
    origin = _origin(node)
    if origin is None:
        return None
    said = f"not derivable: {visible(graph.name(origin))} ({type(origin).__name__}), whose shape is unknown"
    return Symbol(NotDerivable(said), (), shape=shape)


def why_not(expression: Symbol) -> str:
    """Why there is no formula; nothing where there is one."""
    return expression.operation.__name__ if isinstance(expression.operation, NotDerivable) else ""


def with_lines_of_their_own(graph: BaseGraph) -> set[Node]:
    """The nodes that others have to call by name: rules that are called, and all that touches an unknown shape."""
    found = {node for node in graph.order if node._shape_from != "traced"}
    for node in graph.order:
        if node.inputs and (node.shape is None or any(source.shape is None for source in node.inputs)):
            found |= {node, *node.inputs}
    return found


def _origin(node: Node) -> Node | None:
    """The first node of unknown shape on the way to what a node reads."""
    found = None
    while (unknown := next((source for source in node.inputs if source.shape is None), None)) is not None:
        found = node = unknown
    return found
