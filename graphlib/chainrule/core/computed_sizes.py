"""What has been computed of sizes, such as 0.1 / (2 * m), as nodes: beside a node it is one operand of another."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.read_only import read_only
from chainrule.errors import ArgumentError
from chainrule.symbols import operations
from chainrule.symbols.dimensions import Dimension, divided
from chainrule.symbols.symbol import Symbol


def frozen(fact: Any) -> Any:
    """A fact that nobody can change from outside: lists become tuples, arrays read-only copies, also inside them.

    A size over another, x.shape[1] // 2, is exact in a shape or a slice: where it leaves a rest, a run says so.
    """
    if isinstance(fact, (list, tuple)):
        return tuple(map(frozen, fact))
    if isinstance(fact, Symbol) and fact.operation is np.floor_divide:
        return frozen(divided(*fact.operands))
    if isinstance(fact, slice):
        return slice(frozen(fact.start), frozen(fact.stop), frozen(fact.step))
    if isinstance(fact, Dimension):  # a fact is kept in tables for longer than nodes are
        return fact.seen_at()
    if isinstance(fact, np.bool_):  # NumPy takes no flags of its own as keepdims
        return bool(fact)
    return read_only(fact.copy()) if isinstance(fact, np.ndarray) else fact


def node_of_size(value: Dimension | Symbol) -> Any:
    """The node for a size, or for what was recorded of sizes: each step becomes the node that computes its function.

    Raises ArgumentError for a Symbol that stands for a value of a rule.
    """
    built: dict[int, Any] = {}
    waiting = [value]
    while waiting:
        top = waiting[-1]
        parts = top.operands if isinstance(top, Symbol) else ()
        missing = [part for part in parts if isinstance(part, (Dimension, Symbol)) and id(part) not in built]
        waiting.extend(missing)
        if not missing:
            built[id(waiting.pop())] = _node(top, [built.get(id(part), part) for part in parts])
    return built[id(value)]


def _node(value: Dimension | Symbol, operands: list[Any]) -> Any:
    if isinstance(value, Dimension):
        return operations.NODES[operations.number](value)
    if value.operation is np.floor_divide:
        return operands[0] // operands[1]
    if value.operation not in operations.NODES:
        raise ArgumentError(
            f"{value!r} is no number that nodes can compute with",
            remedy="a size read off a node, in arithmetic: 0.1 / (2 * x.shape[1])",
        )
    return operations.NODES[value.operation](*operands, **value.options)
