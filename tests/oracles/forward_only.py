"""Rules with a forward alone, as people write them: activations, norms, losses, attention, gated cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr


class ForwardOnly(NamedTuple):
    """A class without a backward, and arrays to hold it at, of a different size on every axis."""

    kind: type[cr.Node]
    values: tuple[Any, ...]


def _rule(forward: Callable[..., Any], **facts: Any) -> type[cr.Node]:
    """A class with this forward; its facts are floats."""

    def method(self: Any, *values: Any) -> Any:
        return forward(*values, **{fact: getattr(self, fact) for fact in facts})

    names = forward.__code__.co_varnames[: forward.__code__.co_argcount - len(facts)]
    body: dict[str, Any] = {"forward": _named(method, names), "__annotations__": dict.fromkeys(facts, float), **facts}
    return type(forward.__name__.title().replace("_", ""), (cr.Node,), body)


def _named(method: Callable[..., Any], names: tuple[str, ...]) -> Callable[..., Any]:
    """The method with parameters of these names, from which a node learns how many inputs it has."""
    scope: dict[str, Any] = {"method": method}
    exec(f"def forward(self, {', '.join(names)}): return method(self, {', '.join(names)})", scope)
    made: Callable[..., Any] = scope["forward"]
    return made


# --- activations -----------------------------------------------------------------------------------------------------


def mish(x):
    return x * np.tanh(np.log1p(np.exp(x)))


def swish(x, beta=1.5):
    return x / (1 + np.exp(-beta * x))


def elu(x, alpha=0.7):
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


def selu(x):
    return 1.0507 * np.where(x > 0, x, 1.6733 * np.expm1(np.minimum(x, 0)))


def softsign(x):
    return x / (1 + np.abs(x))


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def hard_swish(x):
    return x * np.clip(x + 3, 0, 6) / 6


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def square_plus(x, b=4.0):
    return (x + np.sqrt(x * x + b)) / 2


def gaussian(x):
    return np.exp(-np.square(x))


def logish(x):
    return x * np.log(1 + 1 / (1 + np.exp(-x)))


def sine_gate(x, y):
    return np.sin(x) * np.cos(y)


# --- along an axis ---------------------------------------------------------------------------------------------------


def softmax_of_columns(x):
    e = np.exp(x - x.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)


def log_sum_exp(x):
    largest = np.max(x)
    return largest + np.log(np.sum(np.exp(x - largest)))


def unit_length(x):
    return x / np.sqrt((x**2).sum(axis=0, keepdims=True))


def layer_norm(x, scale, shift):
    centered = x - x.mean(axis=0, keepdims=True)
    return scale * centered / np.sqrt((centered**2).mean(axis=0, keepdims=True) + 1e-5) + shift


def batch_norm(x, scale, shift):
    mean = np.mean(x, axis=1, keepdims=True)
    variance = np.mean(np.square(x - mean), axis=1, keepdims=True)
    return scale * (x - mean) / np.sqrt(variance + 1e-5) + shift


def rms_norm(x, scale):
    return scale * x / np.sqrt(np.mean(x * x, axis=0, keepdims=True) + 1e-6)


def centered(x):
    return x - np.mean(x)


def max_out(x):
    return x.reshape(2, 3, 5).max(axis=0)


# --- losses ----------------------------------------------------------------------------------------------------------


def huber(a, y, delta=1.0):
    d = np.abs(a - y)
    return np.mean(np.where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta)))


def log_cosh(a, y):
    return np.sum(np.log(np.cosh(a - y)))


def absolute_error(a, y):
    return np.mean(np.abs(a - y))


def focal(p, y):
    return -np.sum(y * (1 - p) ** 2 * np.log(p) + (1 - y) * p**2 * np.log(1 - p))


def divergence(p, q):
    return np.sum(p * (np.log(p) - np.log(q)))


def cosine_distance(a, b):
    return 1 - np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b))


# --- products --------------------------------------------------------------------------------------------------------


def dense(w, x, b):
    return np.tanh(w @ x + b)


def bilinear(x, w, y):
    return x.T @ w @ y


def attention(q, k, v):
    scores = q @ k.T / np.sqrt(q.shape[1])
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ v


def gated_cell(x, h, w, u):
    gate = 1 / (1 + np.exp(-(w @ x + u @ h)))
    return gate * h + (1 - gate) * np.tanh(w @ x)


def outer_gate(x, y):
    return x[:, np.newaxis] * np.exp(-y[np.newaxis, :])


def second_difference(x):
    return x[2:] - 2 * x[1:-1] + x[:-2]


_RNG = np.random.default_rng(11)


def _normal(*shape: int) -> Any:
    return _RNG.normal(size=shape)


def _shares(*shape: int) -> Any:
    return _RNG.uniform(0.1, 0.9, shape)


ENTRIES = (mish, selu, softsign, hard_sigmoid, hard_swish, gelu_tanh, gaussian, logish)
COLUMNS = (softmax_of_columns, log_sum_exp, unit_length, centered)
RULES: dict[str, ForwardOnly] = {
    **{function.__name__: ForwardOnly(_rule(function), (_normal(3, 5),)) for function in (*ENTRIES, *COLUMNS)},
    "elu": ForwardOnly(_rule(elu, alpha=0.7), (_normal(3, 5),)),
    "swish": ForwardOnly(_rule(swish, beta=1.5), (_normal(3, 5),)),
    "square_plus": ForwardOnly(_rule(square_plus, b=4.0), (_normal(3, 5),)),
    "max_out": ForwardOnly(_rule(max_out), (_normal(6, 5),)),
    "sine_gate": ForwardOnly(_rule(sine_gate), (_normal(3, 5), _normal(3, 1))),
    "layer_norm": ForwardOnly(_rule(layer_norm), (_normal(3, 5), _normal(3, 1), _normal(3, 1))),
    "batch_norm": ForwardOnly(_rule(batch_norm), (_normal(3, 5), _normal(3, 1), _normal(3, 1))),
    "rms_norm": ForwardOnly(_rule(rms_norm), (_normal(3, 5), _normal(3, 1))),
    "huber": ForwardOnly(_rule(huber, delta=1.0), (_normal(3, 5), _normal(3, 5))),
    "log_cosh": ForwardOnly(_rule(log_cosh), (_normal(3, 5), _normal(3, 5))),
    "absolute_error": ForwardOnly(_rule(absolute_error), (_normal(3, 5), _normal(3, 5))),
    "focal": ForwardOnly(_rule(focal), (_shares(3, 5), _shares(3, 5))),
    "divergence": ForwardOnly(_rule(divergence), (_shares(3, 5), _shares(3, 5))),
    "cosine_distance": ForwardOnly(_rule(cosine_distance), (_normal(3, 5), _normal(3, 5))),
    "dense": ForwardOnly(_rule(dense), (_normal(3, 4), _normal(4, 5), _normal(3, 1))),
    "bilinear": ForwardOnly(_rule(bilinear), (_normal(3, 2), _normal(3, 4), _normal(4, 5))),
    "attention": ForwardOnly(_rule(attention), (_normal(3, 5), _normal(4, 5), _normal(4, 2))),
    "gated_cell": ForwardOnly(_rule(gated_cell), (_normal(4, 5), _normal(3, 5), _normal(3, 4), _normal(3, 3))),
    "outer_gate": ForwardOnly(_rule(outer_gate), (_normal(3), _normal(5))),
    "second_difference": ForwardOnly(_rule(second_difference), (_normal(7),)),
}
