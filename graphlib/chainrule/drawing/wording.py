"""How nodes are named in a drawing: names with indices, signs for operations, shapes, and sentences about them."""

from __future__ import annotations

from typing import Final

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant, Input, Parameter
from chainrule.core.node import Node, unusual_facts
from chainrule.drawing.labels import shortened
from chainrule.drawing.scene import Kind
from chainrule.nodes.arithmetic import Add, Divide, Maximum, Minimum, Multiply, Negate, Power, Subtract
from chainrule.nodes.counting import Size
from chainrule.nodes.elementwise import Abs, Cos, Exp, LeakyReLU, Log, ReLU, Sigmoid, Sin, Sqrt, Square, Tanh
from chainrule.nodes.linear import MatMul, Transpose
from chainrule.nodes.losses import (
    BCELoss,
    CrossEntropyLoss,
    HingeLoss,
    MSELoss,
    SigmoidBCELoss,
    SoftmaxCrossEntropyLoss,
)
from chainrule.nodes.reductions import LogSoftmax, LogSumExp, Max, Mean, Softmax, Sum
from chainrule.notation import UnicodePrinter
from chainrule.shown.text import visible
from chainrule.symbols.dimensions import Shape
from chainrule.symbols.symbol import Symbol

_SIGNS: Final[dict[type[Node], str]] = {
    Add: "+",
    Subtract: "−",
    Multiply: "∗",
    Divide: "÷",
    Negate: "−",
    Power: "xⁿ",
    MatMul: "@",
    Transpose: "ᵀ",
    Sigmoid: "σ",
    Tanh: "tanh",
    ReLU: "ReLU",
    LeakyReLU: "leaky ReLU",
    Exp: "exp",
    Log: "log",
    Sqrt: "√",
    Square: "x²",
    Abs: "|x|",
    Sin: "sin",
    Cos: "cos",
    Sum: "Σ",
    Mean: "mean",
    Max: "max",
    Maximum: "max",
    Minimum: "min",
    Softmax: "softmax",
    LogSoftmax: "log softmax",
    LogSumExp: "log Σ exp",
    BCELoss: "BCE",
    CrossEntropyLoss: "cross entropy",
    MSELoss: "MSE",
    HingeLoss: "hinge",
    SigmoidBCELoss: "σ, BCE",
    SoftmaxCrossEntropyLoss: "softmax, cross entropy",
}
"""What stands in the circle of an operation; the class name for all others."""

LONGEST_NAME: Final = 32
LONGEST_SENTENCE: Final = 300


def sign(node: Node) -> str:
    """What stands in the circle of an operation; a size that has a name is the name."""
    if isinstance(node, Size):
        return shown_size(node)
    return _SIGNS.get(type(node), type(node).__name__)


def shown_size(node: Size) -> str:
    """A size as mathematics writes it: m, 2m."""
    (source,) = node.inputs
    return "size" if source.shape is None else UnicodePrinter().print(node.forward(Symbol.leaf(None, source.shape)))


def facts(node: Node) -> str:
    """The facts of a node that are not the usual ones, such as ``axis=1``; a size is told without."""
    return "" if isinstance(node, Size) else ", ".join(unusual_facts(node))


def shown_name(name: str) -> str:
    """A name as mathematics writes it: Z₃; any other text between quotation marks."""
    return UnicodePrinter().name(shortened(name, LONGEST_NAME)).text


def shape_words(shape: Shape | None) -> str:
    """A shape as mathematics writes it, "" for a number.

    >>> from chainrule import Input
    >>> shape_words(Input("A0", (2, "m")).shape), shape_words((3,))
    ('2 × m', '3')
    """
    return "shape unknown" if shape is None else " × ".join(map(str, shape))


def shape_of(node: Node) -> Shape | None:
    """The shape of a node, () also for one that failed before it had any."""
    return getattr(node, "shape", ())


def kind_of(node: Node) -> Kind:
    """What a value is: given at every run, trained, constant, or computed."""
    if isinstance(node, Input):
        return "input"
    if isinstance(node, Parameter):
        return "parameter"
    return "constant" if isinstance(node, Constant) else "value"


def partial(name: str, graph: BaseGraph) -> str:
    """The gradient with respect to a value: ∂L/∂Z₃, or ∂Z₃ where several outputs are differentiated."""
    loss = shown_name(graph.name(graph.outputs[0])) if len(graph.outputs) == 1 else ""
    return f"∂{loss}/∂{shown_name(name)}" if loss else f"∂{shown_name(name)}"


def sentence(*parts: str) -> str:
    """What a screen reader says: the parts that are not empty, as plain text of limited length."""
    return shortened(visible("; ".join(part for part in parts if part)), LONGEST_SENTENCE)
