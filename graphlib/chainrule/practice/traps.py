"""The classic traps of back propagation, each as the smallest graph that has it."""

from __future__ import annotations

from typing import NamedTuple, final

from chainrule.core.leaves import Input, Parameter
from chainrule.core.placing import layer
from chainrule.graph import Graph
from chainrule.nodes.arithmetic import Add, Multiply
from chainrule.nodes.elementwise import Exp, Sigmoid, Square, Tanh
from chainrule.nodes.linear import MatMul
from chainrule.nodes.losses import BCELoss
from chainrule.nodes.reductions import Mean, Sum


@final
class Trap(NamedTuple):
    """A graph that people go wrong on, the lines to ask for, where 1/m stands, and what the trap is."""

    graph: Graph
    lines: tuple[str, ...]
    convention: str
    about: str


def square() -> Graph:
    """A layer with as many outputs as inputs: a matrix that is not transposed has the right shape all the same.

    >>> square()["W2"].shape
    (3, 3)
    """
    with layer("Layer 1"):
        Z1 = MatMul(Parameter("W1", (3, 2)), Input("X", (2, "m")), name="Z1")
        A1 = Tanh(Z1, name="A1")
    with layer("Layer 2"):
        A2 = Sigmoid(MatMul(Parameter("W2", (3, 3)), A1, name="Z2"), name="A2")
    return Graph(BCELoss(A2, Input("Y", (3, "m")), name="L"))


def diamond() -> Graph:
    """A value that is read twice: its gradient is a sum, and one way is easily forgotten.

    >>> len(diamond().consumers("h"))
    2
    """
    h = Tanh(MatMul(Parameter("W", (4, 2)), Input("X", (2, "m")), name="z"), name="h")
    q, e = Square(h, name="q"), Exp(h, name="e")
    return Graph(Mean(Sum(Multiply(q, e, name="p"), axis=0, name="s"), name="L"))


def broadcast() -> Graph:
    """A bias that is added to every column: its gradient is a sum over the columns.

    >>> broadcast()["b"].shape, broadcast()["Z"].shape
    ((4, 1), (4, m))
    """
    Z = Add(MatMul(Parameter("W", (4, 2)), Input("X", (2, "m")), name="U"), Parameter("b", (4, 1)), name="Z")
    A = Sigmoid(Z, name="A")
    return Graph(Mean(Sum(Square(A, name="q"), axis=0, name="s"), name="L"))


def mean() -> Graph:
    """A mean over the examples: 1/m stands in one place, and is easily forgotten or written twice.

    >>> mean().outputs
    (<BCELoss 'L' () of 'A', 'Y'>,)
    """
    Z = Add(MatMul(Parameter("W", (1, 3)), Input("X", (3, "m")), name="U"), Parameter("b", (1, 1)), name="Z")
    return Graph(BCELoss(Sigmoid(Z, name="A"), Input("Y", (1, "m")), name="L"))


def traps() -> dict[str, Trap]:
    """Every trap by name: "square", "diamond", "broadcast", "1/m".

    >>> for name, trap in traps().items():
    ...     print(f"{name:9}  {', '.join(trap.lines)}")
    square     dZ2, dW2, dA1, dZ1
    diamond    dq, de, dh, dz, dW
    broadcast  dA, dZ, dW, db
    1/m        dZ, dW, db
    """
    return {
        "square": Trap(square(), ("dZ2", "dW2", "dA1", "dZ1"), "per-example", _about(square)),
        "diamond": Trap(diamond(), ("dq", "de", "dh", "dz", "dW"), "mean", _about(diamond)),
        "broadcast": Trap(broadcast(), ("dA", "dZ", "dW", "db"), "mean", _about(broadcast)),
        "1/m": Trap(mean(), ("dZ", "dW", "db"), "per-example", _about(mean)),
    }


def _about(trap: object) -> str:
    return (trap.__doc__ or "").partition("\n")[0]
