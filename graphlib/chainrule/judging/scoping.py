"""What the formulas for a graph may speak of, and what its notation needs to know of that."""

from __future__ import annotations

from collections.abc import Iterable

from chainrule.core.graph import BaseGraph
from chainrule.core.node import Node
from chainrule.judging.ground import MEAN, Ground
from chainrule.judging.reading.scope import Scope
from chainrule.nodes.elementwise import LeakyReLU, ReLU, Sigmoid, Softplus, Tanh
from chainrule.nodes.losses import Loss, SigmoidBCELoss

_NAMES_OF_ACTIVATIONS: dict[type[Node], str] = {
    Sigmoid: "sigmoid", Tanh: "tanh", ReLU: "relu", LeakyReLU: "leaky_relu", Softplus: "softplus",
    SigmoidBCELoss: "sigmoid",
}  # fmt: skip


def scope_of(ground: Ground, others: Iterable[str] = ()) -> Scope:
    """What formulas may speak of, with the values of the first draw: paper leaves open what their shapes tell."""
    examples = dict.fromkeys(others) | dict(ground.values(0, MEAN))
    return Scope(examples, _activations(ground.graph), predictions_of(ground.graph))


def _activations(graph: BaseGraph) -> dict[str, str]:
    """Which function the graph takes of a value, where it takes one."""
    found: dict[str, set[str]] = {}
    for node in graph.order:
        name = _NAMES_OF_ACTIVATIONS.get(type(node))
        if isinstance(node, LeakyReLU) and node.slope != LeakyReLU.slope:  # formulas' leaky_relu has the usual slope
            continue
        for source in node.inputs if name else ():
            found.setdefault(graph.name(source), set()).add(name or "")
    return {value: names.pop() for value, names in found.items() if len(names) == 1}


def predictions_of(graph: BaseGraph) -> str | None:
    """What the loss compares with labels, where one does."""
    read = [graph.name(node.inputs[0]) for node in graph.order if isinstance(node, Loss) and node.inputs]
    return read[0] if len(read) == 1 else None
