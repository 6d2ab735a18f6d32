"""What people call things who come from other systems, and what to write for them here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from chainrule.errors import did_you_mean

_HERE: Final = {
    "Input(name, shape) is fed, Parameter(name, shape) is trained, Constant(numbers) stays": (
        "tensor", "Tensor", "Variable", "variable", "placeholder", "Placeholder", "array", "Array", "Value",
    ),
    "Add(MatMul(W, x), b), or W @ x + b, with Parameters W and b": ("Linear", "Dense", "Affine", "FullyConnected"),
    'graph.backward("W") is a graph of gradients, run.backward() gives their numbers': (
        "grad", "value_and_grad", "gradient", "gradients", "vjp", "autograd",
    ),
    "graph.jacobian(of, name), graph.hessian(name), graph.hvp(name, along=...), graph.jvp(...)": (
        "jacobian", "jacfwd", "jacrev", "hessian", "hvp", "jvp",
    ),
    "graph.compile() makes a fast plan": ("jit", "compile", "function"),
    "run = graph.forward(feeds): runs keep gradients apart, so there is nothing to switch off or to zero": (
        "no_grad", "zero_grad", "Session", "enable_grad",
    ),
    "chainrule.SGD, Momentum, Adam, and train(graph, ...)": ("optim", "optimizers", "fit", "minimize"),
    "nodes stand in chainrule itself: chainrule.Sigmoid, chainrule.BCELoss": ("nn", "F", "functional", "ops", "layers"),
    "CrossEntropyLoss of shares, SoftmaxCrossEntropyLoss of scores": ("cross_entropy", "CrossEntropy", "NLL"),
    "BCELoss of probabilities, SigmoidBCELoss of scores": ("BCE", "BCEWithLogitsLoss", "binary_cross_entropy"),
    "MSELoss, the mean over the examples": ("mse", "MSE", "L2Loss", "SquaredError", "mean_squared_error"),
}  # fmt: skip
_MEANT: Final = {word: here for here, words in _HERE.items() for word in words}


def no_such_name(name: str, known: Iterable[str]) -> str:
    """A name that the package has not, with what was meant where that can be told.

    >>> no_such_name("relu", ["Reciprocal", "ReLU"])
    "'relu' (did you mean 'ReLU'?)"
    >>> no_such_name("jit", ["Tilt"])
    "'jit'; here: graph.compile() makes a fast plan"
    """
    return f"{name!r}; here: {_MEANT[name]}" if name in _MEANT else did_you_mean(name, known, cutoff=0.65)


_NUMBERS: Final = "run[node] after run = graph.forward(feeds)"
_ATTRIBUTES: Final[Mapping[str, str]] = {
    "fill": "np.full_like(x, value)",
    "put": "np.where(mask, value, x)",
    "resize": "x.reshape(shape)",
    "flat": "x.ravel()",
    "real": "x itself: nodes are real",
    "imag": "np.zeros_like(x): nodes are real",
    "view": "x.astype(dtype), or x.reshape(shape)",
    "compress": "np.where(mask, x, 0.0), or x[positions]",
    "grad": 'run["dx"] after run = graph.forward(feeds) and run.backward()',
    "requires_grad": "Parameter(name, shape) for what is trained, Input(name, shape) for what is fed",
    "no_grad": "StopGradient(x)",
    "permute": "x.transpose(axes)",
    "unsqueeze": "np.expand_dims(x, axis)",
    "softmax": "Softmax(x, axis=axis)",
    "sigmoid": "Sigmoid(x)",
    "relu": "ReLU(x)",
    "mm": "x @ y",
    "pow": "x ** p",
    **dict.fromkeys(("value", "values", "numpy", "cpu", "eval"), _NUMBERS),
    "detach": f"StopGradient(x) in a graph; {_NUMBERS}",
}
"""What arrays and tensors have and nodes do not, with what to write in its place."""


def what_to_write(attribute: str) -> str:
    """What to write for an attribute that arrays or tensors have; "" for others.

    >>> what_to_write("exp"), what_to_write("nbytes")
    ('np.exp(x)', 'run[node].nbytes after run = graph.forward(feeds)')
    """
    if attribute in _ATTRIBUTES:
        return _ATTRIBUTES[attribute]
    if attribute == "__dlpack__" or (attribute[0] != "_" and hasattr(np.ndarray, attribute)):
        return f"run[node].{attribute} after run = graph.forward(feeds)"
    return f"np.{attribute}(x)" if isinstance(getattr(np, attribute, None), np.ufunc) else ""
