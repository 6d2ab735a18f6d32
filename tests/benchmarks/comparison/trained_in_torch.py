"""The networks that people train, in PyTorch: the loss of each, as its documentation would have it written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from comparison.trained_nets import HEADS, HIDDEN, INNER, STEPS, TOKENS, WIDTH

Tensors = Mapping[str, Any]


def dense(p: Tensors, data: Tensors) -> Any:
    from torch.nn.functional import cross_entropy, linear, relu

    A = data["A0"]
    for layer in (1, 2):
        A = relu(linear(A, p[f"W{layer}"], p[f"B{layer}"][:, 0]))
    return cross_entropy(linear(A, p["W3"], p["B3"][:, 0]), data["Y"])


def convolutional(p: Tensors, data: Tensors) -> Any:
    from torch.nn.functional import conv2d, cross_entropy, max_pool2d, relu

    P = data["A0"]
    for layer in (1, 2):
        P = max_pool2d(relu(conv2d(P, p[f"K{layer}"], p[f"b{layer}"][:, 0, 0], padding=1)), 2)
    return cross_entropy(P.flatten(1) @ p["W"] + p["b"], data["Y"])


def attention(p: Tensors, data: Tensors) -> Any:
    from torch.nn.functional import cross_entropy, gelu, layer_norm, scaled_dot_product_attention

    X = data["X"]
    N = layer_norm(X, (WIDTH,), p["scale1"], p["shift1"])
    q, k, v = ((N @ p[f"W{name}"]).unflatten(-1, (HEADS, -1)).transpose(1, 2) for name in "qkv")
    joined = scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(-1, TOKENS, WIDTH)
    A = X + joined @ p["Wo"]
    wide = layer_norm(A, (WIDTH,), p["scale2"], p["shift2"]) @ p["W1"] + p["b1"]
    assert wide.shape[-1] == INNER
    B = A + gelu(wide) @ p["W2"] + p["b2"]
    return cross_entropy(B.mean(dim=1) @ p["W"] + p["b"], data["Y"])


def recurrent(p: Tensors, data: Tensors) -> Any:
    """PyTorch's own LSTM in one call, which orders its gates as this one does."""
    import torch
    from torch.nn.functional import cross_entropy

    X = data["X"]
    start = X.new_zeros(1, len(X), HIDDEN)
    assert X.shape[1] == STEPS
    weights = [p["Wx"].T, p["Wh"].T, p["bx"], torch.zeros_like(p["bx"])]
    _, h, _ = torch.lstm(X, (start, start), weights, True, 1, 0.0, True, False, True)
    return cross_entropy(h[0] @ p["W"] + p["b"], data["Y"])


def embedded(p: Tensors, data: Tensors) -> Any:
    from torch.nn.functional import cross_entropy, embedding, relu

    A = relu(embedding(data["ids"], p["E"]).mean(dim=1) @ p["W1"] + p["b1"])
    return cross_entropy(A @ p["W"] + p["b"], data["Y"])


LOSSES: Final[dict[str, Callable[[Tensors, Tensors], Any]]] = {
    "784-512-256-10": dense,
    "CNN": convolutional,
    "attention": attention,
    "LSTM": recurrent,
    "embedding": embedded,
}
