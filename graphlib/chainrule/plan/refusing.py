"""What no plan can be made of, refused before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Leaf
from chainrule.core.node import Node
from chainrule.errors import ArgumentError
from chainrule.plan.loop.looped import require_numba
from chainrule.program.program import Program
from chainrule.symbols.dimensions import shape_text

if TYPE_CHECKING:
    from chainrule.plan.recomputing import Recompute

Backend: TypeAlias = Literal["numpy", "numba", "auto"]
Recomputing: TypeAlias = bool | str | Node | Iterable[str | Node]
"""What ``recompute=`` takes."""


def check_backend(backend: Backend) -> None:
    """Raise ArgumentError for a backend that there is not, MissingExtraError for one that is not installed."""
    if backend not in ("numpy", "numba", "auto"):
        raise ArgumentError(f"there is no backend {backend!r}", remedy='"numpy", "numba" or "auto"')
    if backend == "numba":
        require_numba()


def check_loss(graph: BaseGraph) -> None:
    """Raise ArgumentError for what has no gradients: several outputs, or one with axes."""
    names = list(map(graph.name, graph.outputs))
    if len(names) != 1:
        remedy = f"Graph(loss, watch=[...]); without gradients, compile(outputs={names})"
        raise ArgumentError("a plan has one output, the loss", given=", ".join(names), remedy=remedy)
    if graph.outputs[0].shape:
        raise ArgumentError(
            f"gradients start at a scalar loss, and {names[0]} has shape {shape_text(graph.outputs[0].shape)}",
            where=graph.outputs[0].where,
            remedy=f"Sum or Mean of it; without gradients, compile(outputs={names[0]!r})",
        )


def kept_for_recomputing(recompute: Any, graph: BaseGraph, program: Program) -> Recompute:
    """Whether values are computed again, or the names of those that are kept.

    Raises ArgumentError for what is neither, and for a value that this program does not compute; UnknownNameError.
    """
    if isinstance(recompute, bool):
        return recompute
    remedy = 'recompute=True, or the names of values that are kept, recompute=["A1", "A2"]'
    if not isinstance(recompute, (str, Node)) and not isinstance(recompute, Iterable):
        raise ArgumentError("recompute is True, False or names", given=repr(recompute), remedy=remedy)
    nodes = [graph.order[k] for k in graph.positions(recompute)]
    if not nodes:
        raise ArgumentError("recompute names one value or more that is kept", given=repr(recompute), remedy=remedy)
    names = [graph.name(node) for node in nodes]
    if leaves := [name for name, node in zip(names, nodes, strict=True) if isinstance(node, Leaf)]:
        raise ArgumentError(f"recompute: {', '.join(leaves)} is there at every call", remedy="values that are computed")
    computed = {step.name for step in program.steps}
    if missing := [name for name in names if name not in computed]:
        raise ArgumentError(
            f"recompute: this plan does not compute {', '.join(missing)}",
            remedy="a value before it; print(plan.program) shows what a plan computes",
        )
    return tuple(names)
