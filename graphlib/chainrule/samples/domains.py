"""What the rules of a graph ask of the values that they are handed: positive, between 0 and 1, a label, an index."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, final

import numpy as np
import numpy.typing as npt

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant
from chainrule.core.node import Node
from chainrule.nodes.arithmetic import Add, Divide, Maximum, Minimum, Multiply, Negate, Power, Subtract, Where
from chainrule.nodes.attention import Dropout
from chainrule.nodes.batch_axis import classes_axis
from chainrule.nodes.elementwise import Log, Sqrt
from chainrule.nodes.linear import MatMul, Transpose
from chainrule.nodes.losses import BCELoss, CrossEntropyLoss, HingeLoss, SigmoidBCELoss, SoftmaxCrossEntropyLoss
from chainrule.nodes.normalizing import BatchNorm
from chainrule.nodes.rearranging import Concatenate, Gather, Index, Reshape
from chainrule.nodes.reductions import LogSoftmax, Max, Mean, Softmax, Sum
from chainrule.symbols.dimensions import Dimension, unseen

Array = npt.NDArray[Any]


@final
class Domain(NamedTuple):
    """The values that a node may have: those of an open interval, or of a kind that is stricter."""

    low: float = -math.inf
    high: float = math.inf
    kind: str = ""  # one of _KINDS; "either" means low or high, "index" a whole number from low to high - 1
    axis: int = 0  # along which a one-hot label has its one

    def meet(self, other: Domain) -> Domain:
        """What both admit; of two kinds the stricter one."""
        strict = max(self, other, key=lambda domain: _KINDS.index(domain.kind))
        return Domain(max(self.low, other.low), min(self.high, other.high), strict.kind, strict.axis)

    def shifted(self, by: Array) -> Domain:
        """The domain of x where x + by has this one; ``by`` is not empty."""
        if self.kind == "one-hot":
            return ANY
        return self._replace(low=float(self.low - by.min()), high=float(self.high - by.max()))

    def scaled(self, by: Array) -> Domain:
        """The domain of x where x * by has this one; none is known where ``by`` has a zero or both signs."""
        if self.kind == "one-hot" or not (by.min() > 0 or by.max() < 0):
            return ANY
        ends = (self.low / by, self.high / by) if by.min() > 0 else (self.high / by, self.low / by)
        return self._replace(low=float(ends[0].max()), high=float(ends[1].min()))

    def terms(self) -> Domain:
        """The domain of the terms of a sum, or of the factors of a product: positive where that is enough."""
        return POSITIVE if self.low > -math.inf and self.kind == "" else ANY


_KINDS = ("", "nonzero", "either", "one-hot", "index")  # from the loosest to the strictest

ANY, POSITIVE, NONZERO, PROBABILITY = Domain(), Domain(low=0.0), Domain(kind="nonzero"), Domain(0.0, 1.0)
BINARY, SIGN, ONE_HOT = Domain(0.0, 1.0, "either"), Domain(-1.0, 1.0, "either"), Domain(kind="one-hot")

Demand: TypeAlias = Callable[[Any, Domain], "tuple[Domain, ...]"]
"""What a node asks of its inputs, given what is asked of the node itself."""


def _add(node: Add, asked: Domain) -> tuple[Domain, ...]:
    x, y = map(_constant, node.inputs)
    if y is not None:
        return asked.shifted(y), ANY
    if x is not None:
        return ANY, asked.shifted(x)
    return (asked.terms(),) * 2


def _subtract(node: Subtract, asked: Domain) -> tuple[Domain, ...]:
    x, y = map(_constant, node.inputs)
    if y is not None:
        return asked.shifted(-y), ANY
    if x is not None:
        return ANY, asked.shifted(x).scaled(np.array(-1.0))
    return ANY, ANY


def _multiply(node: Multiply, asked: Domain) -> tuple[Domain, ...]:
    x, y = map(_constant, node.inputs)
    if y is not None:
        return asked.scaled(y), ANY
    if x is not None:
        return ANY, asked.scaled(x)
    return (asked.terms(),) * 2


def _divide(node: Divide, asked: Domain) -> tuple[Domain, ...]:
    y = _constant(node.inputs[1])
    if y is not None:
        return (asked.scaled(1 / y) if y.all() else ANY), ANY
    positive = asked.terms()
    return positive, (positive if positive is POSITIVE else NONZERO)


def _power(node: Power, asked: Domain) -> tuple[Domain, ...]:
    exponent = _constant(node.inputs[1])
    if exponent is None or (exponent != np.trunc(exponent)).any():
        return POSITIVE, ANY
    odd = (exponent % 2).any()
    return (asked.terms() if odd else NONZERO if exponent.min() < 0 else ANY), ANY


def _gather(sizes: Mapping[str, int], node: Gather, asked: Domain) -> tuple[Domain, ...]:
    rows = (numbers_of(node.inputs[0], sizes) or (1,))[node.axis]
    return asked, Domain(0, rows, "index")


def _transpose(node: Transpose, asked: Domain) -> tuple[Domain, ...]:
    rank = len(node.shape or ())
    if asked.kind != "one-hot" or not rank:
        return (asked,)
    axes = node.axes or tuple(range(rank))[::-1]
    return (asked._replace(axis=axes[asked.axis % rank] % rank),)


def _cross_entropy(node: CrossEntropyLoss | SoftmaxCrossEntropyLoss, asked: Domain) -> tuple[Domain, ...]:
    """Labels have their one along the classes: where a softmax of the predictions runs, else beside the examples.

    Weights of classes may follow, which are positive.
    """
    prediction = node.inputs[0]
    if isinstance(node, SoftmaxCrossEntropyLoss):
        return ANY, ONE_HOT._replace(axis=node.classes or 0), POSITIVE
    if isinstance(prediction, Softmax) and isinstance(prediction.axis, int):
        return PROBABILITY, ONE_HOT._replace(axis=prediction.axis), POSITIVE
    return PROBABILITY, ONE_HOT._replace(axis=classes_axis(unseen(prediction.shape), node.examples) or 0), POSITIVE


def _same(node: Node, asked: Domain) -> tuple[Domain, ...]:
    """For rules that only move entries about."""
    return (asked,) * len(node.inputs)


def _constant(node: Node) -> Array | None:
    return node.value if isinstance(node, Constant) and node.value.size else None


_DEMANDS: dict[type[Node], Demand] = {
    Add: _add,
    Subtract: _subtract,
    Multiply: _multiply,
    Divide: _divide,
    Negate: lambda node, asked: (asked.scaled(np.array(-1.0)),),
    Power: _power,
    Sqrt: lambda node, asked: (POSITIVE,),
    Log: lambda node, asked: (POSITIVE,),
    Where: lambda node, asked: (BINARY, asked, asked),
    Maximum: _same,
    Minimum: _same,
    Max: lambda node, asked: (asked if asked.kind == "" else ANY,),
    Mean: lambda node, asked: (asked if asked.kind == "" else ANY,),
    Sum: lambda node, asked: (asked.terms(),),
    MatMul: lambda node, asked: (asked.terms(),) * 2,
    Transpose: _transpose,
    Reshape: _same,
    Concatenate: _same,
    Index: _same,
    BatchNorm: lambda node, asked: (ANY,) * 4 + (POSITIVE,),
    Dropout: lambda node, asked: (ANY, BINARY),
    BCELoss: lambda node, asked: (PROBABILITY, BINARY),
    SigmoidBCELoss: lambda node, asked: (ANY, BINARY),
    CrossEntropyLoss: _cross_entropy,
    SoftmaxCrossEntropyLoss: _cross_entropy,
    HingeLoss: lambda node, asked: (ANY, SIGN),
}


def domains(graph: BaseGraph, sizes: Mapping[str, int]) -> dict[Node, Domain]:
    """What the rules ask of every node, from the outputs back to the leaves; rules that ask nothing take anything."""
    asked = dict.fromkeys(graph.order, ANY)
    for node in reversed(graph.order):
        for source, domain in zip(node.inputs, asked_of_inputs(node, asked[node], sizes), strict=False):
            asked[source] = asked[source].meet(domain)
    for leaf in graph.inputs:
        if asked[leaf].kind == "" and (axis := _classes_of(graph, leaf)) is not None:
            asked[leaf] = ONE_HOT._replace(axis=axis)
    return asked


def asked_of_inputs(node: Node, asked: Domain, sizes: Mapping[str, int]) -> tuple[Domain, ...]:
    """What a node asks of its inputs, given what is asked of the node itself; empty where it asks nothing."""
    if isinstance(node, Gather):
        return _gather(sizes, node, asked)
    demand = _DEMANDS.get(type(node))
    return () if demand is None else demand(node, asked)


# --- labels of a loss that is built of single nodes ---------------------------------------------------------------


def _classes_of(graph: BaseGraph, leaf: Node) -> int | None:
    """The axis along which an input has a single one, where everything that reads it takes it for that.

    Labels multiply the logarithm of a softmax; or they pick an entry of every example, Σ y s, while 1 - y is what
    they leave. None for any other input.
    """
    uses = graph.consumers(leaf)
    along = [_log_of_softmax(use, leaf) for use in uses]
    if uses and all(axis is not None for axis in along):
        return along[0]
    picked = [axis for use in uses if (axis := _picked_along(graph, use)) is not None]
    rest = [use for use in uses if isinstance(use, Subtract) and _is_one(use.inputs[0])]
    return picked[0] if picked and rest and len(picked) + len(rest) == len(uses) else None


def _log_of_softmax(use: Node, leaf: Node) -> int | None:
    """The axis of the softmax whose logarithm a node multiplies a leaf with, None if it does something else."""
    if not isinstance(use, Multiply):
        return None
    other = use.inputs[1] if use.inputs[0] is leaf else use.inputs[0]
    while isinstance(other, Negate):
        other = other.inputs[0]
    if isinstance(other, Log) and isinstance(other.inputs[0], Softmax):
        other = other.inputs[0]
    elif not isinstance(other, LogSoftmax):
        return None
    return other.axis if isinstance(other.axis, int) else None


def _picked_along(graph: BaseGraph, use: Node) -> int | None:
    """The axis along which a product is summed and nothing else is done to it."""
    if not isinstance(use, Multiply):
        return None
    axes = [node.axis if isinstance(node, Sum) else None for node in graph.consumers(use)]
    return axes[0] if len(axes) == 1 and isinstance(axes[0], int) else None


def _is_one(node: Node) -> bool:
    value = _constant(node)
    return value is not None and bool((value == 1).all())


def numbers_of(node: Node, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of a node in numbers."""
    return tuple(size.evaluate(sizes) if isinstance(size, Dimension) else size for size in node.shape or ())
