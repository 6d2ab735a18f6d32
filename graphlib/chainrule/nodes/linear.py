"""Matrix products and transposition."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from chainrule.core.facts import Order
from chainrule.core.node import Node, Operand
from chainrule.errors import ArgumentError
from chainrule.nodes.arithmetic import Multiply
from chainrule.nodes.rearranging import Index
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.symbol import Value


@final
class MatMul(Node, computes={np.matmul: {}, np.dot: {"dot": True}}):
    """x @ y for vectors, matrices and stacks of matrices, as NumPy's ``@``."""

    @classmethod
    def of_call(cls, x: Operand, y: Operand, dot: bool = False) -> Node:
        """The node for ``x @ y`` and for ``np.dot(x, y)``, which differ for single numbers and for stacks.

        ``np.dot`` multiplies by a number, and every matrix of one stack by every matrix of the other. Raises
        ArgumentError where it depends on how many axes there are, and that is not known.
        """
        if not dot:
            return cls(x, y)
        left, right = _axes_of(x), _axes_of(y)
        if not left or not right:
            return Multiply(x, y)
        if left == 1 or right < 3:
            return cls(x, y)
        apart = Index(x, key=(..., *[np.newaxis] * (right - 1), slice(None)))
        return Index(cls(apart, y), key=(..., 0, slice(None)))

    def forward(self, x: Value, y: Value) -> Value:
        return x @ y

    def backward(self, grad: Value, output: Value, x: Value, y: Value) -> tuple[Value, Value]:
        if x.ndim == 2 and y.ndim == 2:
            return grad @ y.T, x.T @ grad
        row = x[np.newaxis, :] if x.ndim == 1 else x
        column = y[:, np.newaxis] if y.ndim == 1 else y
        if x.ndim == 1:
            grad = grad[..., np.newaxis, :] if y.ndim > 1 else grad[..., np.newaxis]
        if y.ndim == 1:
            grad = grad[..., np.newaxis]
        return _like(grad @ column.mT, row, x), _like(row.mT @ grad, column, y)


def _axes_of(x: Operand) -> int:
    """How many axes an operand has."""
    return x.ndim if isinstance(x, Node) else np.ndim(x)


def _like(grad: Value, promoted: Value, x: Value) -> Value:
    """The gradient of a matrix that stands for ``x``, in the shape of ``x``."""
    return unbroadcast(grad, promoted).reshape(x.shape)


@final
class Einsum(Node, computes=np.einsum):
    """Sums of products, as ``subscripts`` name the axes: ``Einsum(x, y, subscripts="ij,jk->ik")`` is x @ y.

    Without an arrow, letters that occur once are the axes of the result, in the order of the alphabet, as NumPy has it.
    Raises ArgumentError for ``...`` and for an operand that has a letter twice.
    """

    subscripts: str

    def __init__(self, *operands: Operand, subscripts: str, name: str | None = None) -> None:
        super().__init__(*operands, subscripts=_with_arrow(subscripts), name=name)

    @classmethod
    def of_call(cls, subscripts: str, *operands: Operand) -> Node:
        """The node for ``np.einsum(subscripts, *operands)``."""
        return cls(*operands, subscripts=subscripts)

    def forward(self, *operands: Value) -> Value:
        return np.einsum(self.subscripts, *operands)

    def backward(self, grad: Value, output: Value, *operands: Value) -> tuple[Value, ...]:
        sources, result = self.subscripts.split("->")
        letters = sources.split(",")
        return tuple(_of_operand(k, grad, result, letters, operands) for k in range(len(operands)))


def _of_operand(k: int, grad: Value, result: str, letters: list[str], operands: tuple[Value, ...]) -> Value:
    """The gradient of one operand: the others and grad, summed over what it has not; stretched where only it was."""
    others = [letters[j] for j in range(len(operands)) if j != k]
    met = [letter for letter in letters[k] if letter in result or letter in "".join(others)]
    subscripts = f"{','.join([result, *others])}->{''.join(met)}"
    found = np.einsum(subscripts, grad, *(x for j, x in enumerate(operands) if j != k))
    if len(met) == len(letters[k]):
        return found
    alone = tuple(place for place, letter in enumerate(letters[k]) if letter not in met)
    return np.broadcast_to(np.expand_dims(found, alone), operands[k].shape)


def _with_arrow(subscripts: Any) -> str:
    """Subscripts that say the axes of the result."""
    if not isinstance(subscripts, str):
        raise ArgumentError("Einsum takes its subscripts as text", remedy='Einsum(x, y, subscripts="ij,jk->ik")')
    plain = subscripts.replace(" ", "")
    sources, arrow, _ = plain.partition("->")
    twice = [letters for letters in sources.split(",") if len(set(letters)) < len(letters)]
    if "." in plain or twice:
        raise ArgumentError(
            f"Einsum takes no {'...' if '.' in plain else f'letter twice in one operand ({twice[0]})'}",
            given=f"subscripts={subscripts!r}",
            remedy="a letter for every axis; Diagonal(x) for the diagonal of a matrix",
        )
    every = sources.replace(",", "")
    return plain if arrow else f"{sources}->{''.join(x for x in sorted(set(every)) if every.count(x) == 1)}"


@final
class Transpose(Node, computes=np.transpose):
    """x with its axes in the order ``axes``, reversed when None."""

    axes: Order = None

    def forward(self, x: Value) -> Value:
        return np.transpose(x, self.axes)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (np.transpose(grad, None if self.axes is None else inverse_order(self.axes)),)


def inverse_order(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The order of axes that undoes ``axes``.

    >>> inverse_order((2, 0, 1))
    (1, 2, 0)
    """
    return tuple(int(k) for k in np.argsort([axis % len(axes) for axis in axes]))
