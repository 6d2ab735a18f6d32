"""What is true or false of values: comparisons, and what is put together of truth values; they have no gradient."""

from __future__ import annotations

from typing import final

import numpy as np

from chainrule.core.node import Node, Operand
from chainrule.errors import ArgumentError
from chainrule.symbols.symbol import Value


class Condition(Node):
    """What gives truth values: a jump has no slope, so its inputs receive no gradient."""

    def backward(self, grad: Value, output: Value, *values: Value) -> tuple[None, ...]:
        return (None,) * len(values)


@final
class Greater(Condition, computes=np.greater):
    """x > y; false where one is NaN."""

    def forward(self, x: Value, y: Value) -> Value:
        return x > y


@final
class GreaterEqual(Condition, computes=np.greater_equal):
    """x >= y; false where one is NaN."""

    def forward(self, x: Value, y: Value) -> Value:
        return x >= y


@final
class Less(Condition, computes=np.less):
    """x < y; false where one is NaN."""

    def forward(self, x: Value, y: Value) -> Value:
        return x < y


@final
class LessEqual(Condition, computes=np.less_equal):
    """x <= y; false where one is NaN."""

    def forward(self, x: Value, y: Value) -> Value:
        return x <= y


@final
class Equal(Condition, computes=np.equal):
    """x == y, exactly; NaN equals nothing.

    Where it stands for true or false, ``a == b`` asks whether two nodes are the same one, as lists and dicts do.

    >>> from chainrule import Input
    >>> a, b = Input("a"), Input("b")
    >>> a == b, bool(a == b), a in [b, a]
    (<Equal () of 'a', 'b'>, False, True)
    """

    @classmethod
    def of_call(cls, x: Operand, y: Operand) -> Node:
        """The node for ``x == y``."""
        return _of_two(cls(x, y), x, y)

    def __bool__(self) -> bool:
        return _are_one(self)

    def forward(self, x: Value, y: Value) -> Value:
        return x == y


@final
class NotEqual(Condition, computes=np.not_equal):
    """x != y, exactly; NaN differs from everything. Where it stands for true or false, whether they are two nodes."""

    @classmethod
    def of_call(cls, x: Operand, y: Operand) -> Node:
        """The node for ``x != y``."""
        return _of_two(cls(x, y), x, y)

    def __bool__(self) -> bool:
        return not _are_one(self)

    def forward(self, x: Value, y: Value) -> Value:
        return x != y


def _of_two(node: Node, x: Operand, y: Operand) -> Node:
    """A comparison, which remembers whether both that are compared are nodes."""
    node.__dict__["_of_nodes"] = isinstance(x, Node) and isinstance(y, Node)  # nobody has seen it yet
    return node


def _are_one(node: Equal | NotEqual) -> bool:
    """Whether a node has been compared with itself; raises ArgumentError where it was compared with numbers."""
    if not node.__dict__.get("_of_nodes"):
        Node.__bool__(node)
    return node.inputs[0] is node.inputs[1]


@final
class And(Condition, computes={np.logical_and: {}, np.bitwise_and: {"bits": True}}):
    """Whether x and y both hold; a number holds where it is not 0.

    >>> from chainrule import Graph, Input
    >>> x = Input("x", "m")
    >>> Graph(And(Greater(x, 0), Less(x, 2), name="inside")).forward({"x": [-1, 1, 3]})["inside"]
    array([False,  True, False])
    """

    @classmethod
    def of_call(cls, *operands: Operand, bits: bool = False) -> Node:
        """The node for ``np.logical_and``, and for ``&`` of truth values."""
        return _of_truth_values(cls(*operands), bits)

    def forward(self, x: Value, y: Value) -> Value:
        return np.logical_and(x, y)


@final
class Or(Condition, computes={np.logical_or: {}, np.bitwise_or: {"bits": True}}):
    """Whether x or y holds, or both; a number holds where it is not 0."""

    @classmethod
    def of_call(cls, *operands: Operand, bits: bool = False) -> Node:
        """The node for ``np.logical_or``, and for ``|`` of truth values."""
        return _of_truth_values(cls(*operands), bits)

    def forward(self, x: Value, y: Value) -> Value:
        return np.logical_or(x, y)


@final
class Xor(Condition, computes={np.logical_xor: {}, np.bitwise_xor: {"bits": True}}):
    """Whether one of x and y holds, and not the other; a number holds where it is not 0."""

    @classmethod
    def of_call(cls, *operands: Operand, bits: bool = False) -> Node:
        """The node for ``np.logical_xor``, and for ``^`` of truth values."""
        return _of_truth_values(cls(*operands), bits)

    def forward(self, x: Value, y: Value) -> Value:
        return np.logical_xor(x, y)


@final
class Not(Condition, computes={np.logical_not: {}, np.invert: {"bits": True}}):
    """Whether x does not hold; a number holds where it is not 0."""

    @classmethod
    def of_call(cls, *operands: Operand, bits: bool = False) -> Node:
        """The node for ``np.logical_not``, and for ``~`` of truth values."""
        return _of_truth_values(cls(*operands), bits)

    def forward(self, x: Value) -> Value:
        return np.logical_not(x)


def _of_truth_values(node: Node, bits: bool) -> Node:
    """The node itself; raises ArgumentError for the bits of numbers, which are another thing."""
    numbers = [source for source in node.inputs if source.dtype.kind != "b"]
    if bits and numbers:
        raise ArgumentError(
            "&, |, ^ and ~ are for truth values",
            given=", ".join(f"{source.name or type(source).__name__} {source.dtype}" for source in numbers),
            remedy="comparisons: (x > 0) & (x < 1); And, Or, Xor and Not take numbers, which hold where they are not 0",
        )
    return node


@final
class IsNaN(Condition, computes=np.isnan):
    """Whether x is NaN."""

    def forward(self, x: Value) -> Value:
        return np.isnan(x)


@final
class IsFinite(Condition, computes=np.isfinite):
    """Whether x is neither infinite nor NaN."""

    def forward(self, x: Value) -> Value:
        return np.isfinite(x)


@final
class IsInfinite(Condition, computes=np.isinf):
    """Whether x is infinite."""

    def forward(self, x: Value) -> Value:
        return np.isinf(x)
