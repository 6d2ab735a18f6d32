"""What people call things who come from other systems, and what to write for them here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from chainrule.errors import NoAttributeError, did_you_mean

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


_OF_GRAPHS: Final = {
    "chainrule.train(graph, params, feeds), or graph.compile(update=chainrule.SGD(0.1)) for steps of one's own": (
        "train", "fit", "step", "optimize", "minimize", "update",
    ),
    'graph.compile(outputs="A")(feeds), or Graph(graph["A"]).forward(feeds)': ("predict", "evaluate", "infer"),
    "graph.forward(feeds)": ("run", "eval", "apply", "execute"),
    "run = graph.forward(feeds), which holds the numbers": (
        "loss", "value", "values", "page", "contributions", "compare",
    ),
    "run.backward() after run = graph.forward(feeds)": ("grad", "grads", "gradient", "gradients", "zero_grad"),
    "graph.parameters, and graph.initialize() for their numbers": ("params", "weights", "variables"),
    "graph.order": ("nodes", "operations", "topological_order"),
    "graph.draw()": ("plot", "show", "render", "visualize"),
    "print(graph)": ("summary", "describe"),
}  # fmt: skip
_OF_RUNS: Final = {
    'run["dX"] or run.gradients["X"] after run.backward()': ("grad", "grads", "gradient"),
    'run["X"] or run.values["X"]': ("value", "outputs", "output", "data", "feeds", "cache"),
    "run.graph.forward(feeds): a run is computed already": ("forward", "run", "eval"),
    "run.draw()": ("plot", "show", "render", "visualize"),
    "run.graph.check_gradients(feeds)": ("check_gradients", "gradcheck"),
    "run.compare(formulas)": ("check", "judge"),
}  # fmt: skip
_OF: Final = {"Graph": _OF_GRAPHS, "Run": _OF_RUNS}


def no_such_attribute(held: object, name: str) -> Exception:
    """The error for an attribute that a graph or a run does not have, with what to write in its place."""
    kind = type(held).__name__
    what = f"{kind!r} object has no attribute {name!r}"
    if name.startswith("_"):  # what protocols ask for, also of an object that is being rebuilt
        return AttributeError(what)
    meant = next((here for here, words in _OF.get(kind, {}).items() if name in words), "")
    if not meant and name in held.__dict__.get("graph", held.__dict__.get("_by_name", ())):
        meant = f"{kind.lower()}[{name!r}]"
    known = [known for known in dir(type(held)) if not known.startswith("_")]
    close = did_you_mean(name, known, cutoff=0.65).removeprefix(repr(name))
    return NoAttributeError(f"{what}{close}", remedy=meant or f"what there is: {', '.join(known)}")


_NUMBERS: Final = "run[node] after run = graph.forward(feeds)"
_ATTRIBUTES: Final[Mapping[str, str]] = {
    "fill": "np.full_like(x, value)",
    "put": "np.where(mask, value, x)",
    "resize": "x.reshape(shape)",
    "flat": "x.ravel()",
    "sort": "np.sort(x), which is a new node: nodes never change",
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
