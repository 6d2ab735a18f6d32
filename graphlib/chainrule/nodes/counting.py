"""How many entries a value has: a number that a formula may compute with, and that has no gradient."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, ClassVar, final

from chainrule.core.facts import OneAxisOrNone
from chainrule.core.node import Node
from chainrule.core.ordering import topological_order
from chainrule.errors import ArgumentError
from chainrule.nodes.arithmetic import Maximum
from chainrule.symbols.dimensions import Dimension, Rest
from chainrule.symbols.operations import number
from chainrule.symbols.shapes import normal_axes
from chainrule.symbols.symbol import Value


@final
class Size(Node, computes=number):
    """How many entries x has along an axis, or in all when ``axis`` is None: m, as a number to compute with.

    A size in arithmetic with nodes becomes one: ``x.shape[1]`` is m itself, which is compared as sizes are, and
    ``x.shape[1] * y`` builds ``Size(x, axis=1) * y``. It is written by the name that the size has, in every notation.
    Its value is a floating number of the dtype of the run; it has no gradient.

    >>> from chainrule import Graph, Input, Sum, Square
    >>> x = Input("x", (2, "m"))
    >>> mean = Graph((Sum(Square(x)) / (2 * x.shape[1])).relabel("L", like=x))
    >>> print(mean.derivation()["L"])
    (x ** 2).sum() / 2 / m
    >>> float(mean.forward({"x": [[1, 2, 3], [0, 1, 0]]})["L"])
    2.5

    Raises ShapeError for an axis that x does not have.
    """

    axis: OneAxisOrNone = None
    has_gradient: ClassVar[bool] = False

    @classmethod
    def of_call(cls, size: Dimension) -> Node:
        """The node for a size as a number: m is counted, 2m + 1 computed from it; ArgumentError for one of no node."""
        counted = _counted(size, size)
        if counted is not None:
            return counted
        terms = [_term(monomial, factor, size) for monomial, factor in size.terms]
        return functools.reduce(operator.add, terms)  # type: ignore[no-any-return]  # of nodes a node

    def forward(self, x: Value) -> Value:
        return x.size if self.axis is None else x.shape[normal_axes(self.axis, x.ndim)[0]]

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[None]:
        return (None,)


def _counted(wanted: Dimension, size: Dimension) -> Size | None:
    """The node that counts an axis of a size: of a node that the size was seen at, else of one that it is made from."""
    for node in itertools.chain(size.seen, topological_order(size.seen)):
        if wanted in (node.shape or ()):
            return Size(node, axis=node.shape.index(wanted))
    return None


def _term(monomial: Iterable[tuple[str, int]], factor: Fraction, size: Dimension) -> Any:
    """A number times powers of names, as 3 m / 2 is written."""
    powers = dict(monomial)
    above = [_named(name, size) for name, power in powers.items() for _ in range(power)]
    below = [_named(name, size) for name, power in powers.items() for _ in range(-power)]
    top, bottom = _product(factor.numerator, above), _product(factor.denominator, below)
    return top if type(bottom) is int and bottom == 1 else top / bottom


def _product(number: int, factors: Sequence[Any]) -> Any:
    """The number times the factors, without a 1."""
    return functools.reduce(operator.mul, factors if number == 1 and factors else [number, *factors])


def _named(name: str, size: Dimension) -> Node:
    """The node that has the number of a name, or of max(0, m - 3)."""
    if isinstance(name, Rest):
        return Maximum(Size.of_call(Dimension(dict(name.size.terms), size.seen)), 0)
    found = _counted(Dimension.named(name), size)
    if found is None:
        raise ArgumentError(
            f"the size {size} was not read off a node, so nothing tells its number",
            remedy=f"x.shape[1], or Size(x, axis=1), of a node x that has {name} entries along that axis",
        )
    return found
