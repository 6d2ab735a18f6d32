"""The mistakes that are forms: what is written, what is meant, and what to say of it. A teacher adds a line here."""

from __future__ import annotations

from typing import Final, NamedTuple, final


@final
class Slip(NamedTuple):
    """A form that is written for another one.

    In ``written`` every name stands for any expression, the same one wherever it occurs, and a product may hold more
    factors, in any order, which stay. A name that occurs in ``meant`` alone is tried with every value near by, except
    that ``axis`` is 0 or 1, ``c`` a number of the graph, ``function`` the one that the graph takes of the value whose
    gradient the line is for, and ``rule`` its gradient, from ``g``. A slip that is ``unless`` a function is none where
    the graph takes that one. In ``said`` names in braces are what they stand for.
    ``cost`` orders explanations that are all right: the usual mistake has the lowest.
    """

    name: str
    written: str
    meant: str
    said: str
    cost: float
    unless: str = ""


_SOFTMAX = "softmax is not taken entry by entry: every entry of {a} depends on all entries that are summed to 1"
_WHOLE = "a * (g - np.sum(g * a, axis=axis, keepdims=True))"
_BOUND = "{a} must not be bounded"
_RELU = "ReLU is applied to the gradient {g}; its slope, {z} > 0, has to be taken instead"
_MASK = "the mask is taken of the gradient {g}; it has to be taken of {z}"
_OUTER = "np.outer pairs examples with others: {a} and {b} need the matrix product, which sums over each one"
_EPSILON = "under the root {c} is missing"
_FLIP = "{a} must not be flipped"
_FLIPPED = "{a} has to be flipped"
_OTHER = "the slope of {} is taken, and that of {{function}} belongs here"
_NO_SLOPE = "{x} is not the slope of {function}"
_LEAKY = "leaky ReLU is applied to the gradient {g}; its slope has to be taken instead"
_SLOPE = "the slope is {k}, it should be {c}"
_SLOPES: Final = {
    "sigmoid": ("g * a * (1 - a)", "g * (a - a ** 2)", "g * (a - a * a)", "g * sigmoid_slope(z)"),
    "tanh": ("g * (1 - a ** 2)", "g * (1 - a * a)", "g * (1 - np.square(a))", "g * tanh_slope(z)"),
    "relu": ("g * (z > 0)", "g * (z >= 0)", "np.where(z > 0, g, 0)", "g * np.where(z > 0, 1, 0)", "g * relu_slope(z)"),
    "leaky_relu": ("np.where(z > 0, g, k * g)", "g * np.where(z > 0, 1, k)", "g * np.maximum(k, z > 0)"),
    "softplus": ("g * sigmoid(z)",),
}

SLIPS: Final = (
    Slip("softmax entry by entry", "g * a * (1 - a)", _WHOLE, _SOFTMAX, 1.0),
    Slip("softmax entry by entry", "g * (a - a ** 2)", _WHOLE, _SOFTMAX, 1.0),
    Slip("softmax entry by entry", "g * (a - a * a)", _WHOLE, _SOFTMAX, 1.0),
    Slip("softmax entry by entry", "g * a - g * a ** 2", _WHOLE, _SOFTMAX, 1.0),
    Slip("ReLU of a gradient", "np.maximum(0, g)", "g * (z > 0)", _RELU, 1.0),
    Slip("ReLU of a gradient", "np.maximum(g, 0)", "g * (z > 0)", _RELU, 1.0),
    Slip("ReLU of a gradient", "relu(g)", "g * (z > 0)", _RELU, 1.0),
    Slip("ReLU of a gradient", "np.maximum(k * g, g)", "rule", _LEAKY, 1.0),
    Slip("ReLU of a gradient", "np.maximum(g, k * g)", "rule", _LEAKY, 1.0),
    *(
        Slip("slope of another function", written, "rule", _OTHER.format(function), 1.0, function)
        for function, forms in _SLOPES.items()
        for written in forms
    ),
    Slip("slope wrong", "g * x", "rule", _NO_SLOPE, 1.75),
    Slip("mask of a gradient", "g * (g > 0)", "g * (z > 0)", _MASK, 1.0),
    Slip("mask of a gradient", "np.where(g > 0, g, 0)", "g * (z > 0)", _MASK, 1.0),
    Slip("slope of leaky ReLU", "np.maximum(k, z > 0)", "np.maximum(c, z > 0)", _SLOPE, 1.0),
    Slip("slope of leaky ReLU", "np.maximum(z > 0, k)", "np.maximum(z > 0, c)", _SLOPE, 1.0),
    Slip("bound", "np.maximum(a, b)", "a", _BOUND, 1.1),
    Slip("bound", "np.minimum(a, b)", "a", _BOUND, 1.1),
    Slip("bound", "np.clip(a, b, d)", "a", _BOUND, 1.1),
    Slip("outer product of a batch", "np.outer(a, b)", "a @ b.T", _OUTER, 1.0),
    Slip("epsilon missing", "np.sqrt(a)", "np.sqrt(a + c)", _EPSILON, 1.2),
    Slip("kernel flipped", "np.flip(a)", "a", _FLIP, 1.0),
    Slip("kernel flipped", "a[::-1]", "a", _FLIP, 1.0),
    Slip("kernel flipped", "a[::-1, ::-1]", "a", _FLIP, 1.0),
    Slip("kernel flipped", "a[:, ::-1]", "a", _FLIP, 1.0),
    Slip("kernel flipped", "a[..., ::-1, ::-1]", "a", _FLIP, 1.0),
    Slip("kernel not flipped", "a @ b", "a[::-1] @ b", _FLIPPED, 1.6),
)
"""All slips."""
