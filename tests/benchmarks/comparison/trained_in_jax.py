"""The networks that people train, in JAX: the loss of each, with ``lax.scan`` over the steps of the LSTM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from comparison.trained_nets import HEADS, HIDDEN, TOKENS, WIDTH

Arrays = Mapping[str, Any]


def _cross_entropy(Z: Any, labels: Any) -> Any:
    import jax

    chosen = jax.numpy.take_along_axis(jax.nn.log_softmax(Z), labels[:, None], axis=1)
    return -chosen.mean()


def dense(p: Arrays, data: Arrays) -> Any:
    import jax

    A = data["A0"]
    for layer in (1, 2):
        A = jax.nn.relu(A @ p[f"W{layer}"].T + p[f"B{layer}"][:, 0])
    return _cross_entropy(A @ p["W3"].T + p["B3"][:, 0], data["Y"])


def convolutional(p: Arrays, data: Arrays) -> Any:
    import jax

    P = data["A0"]
    for layer in (1, 2):
        Z = jax.lax.conv_general_dilated(P, p[f"K{layer}"], (1, 1), "SAME") + p[f"b{layer}"]
        windows = (1, 1, 2, 2)
        P = jax.lax.reduce_window(jax.nn.relu(Z), -jax.numpy.inf, jax.lax.max, windows, windows, "VALID")
    return _cross_entropy(P.reshape(len(P), -1) @ p["W"] + p["b"], data["Y"])


def _norm(x: Any, scale: Any, shift: Any) -> Any:
    import jax

    mean = x.mean(axis=-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(x.var(axis=-1, keepdims=True) + 1e-5) * scale + shift


def attention(p: Arrays, data: Arrays) -> Any:
    import jax

    X = data["X"]
    N = _norm(X, p["scale1"], p["shift1"])
    q, k, v = ((N @ p[f"W{name}"]).reshape(-1, TOKENS, HEADS, WIDTH // HEADS) for name in "qkv")
    # Written out, because jax.nn.dot_product_attention takes its softmax in single precision.
    shares = jax.nn.softmax(jax.numpy.einsum("mthd,mshd->mhts", q, k) / (WIDTH // HEADS) ** 0.5)
    A = X + jax.numpy.einsum("mhts,mshd->mthd", shares, v).reshape(X.shape) @ p["Wo"]
    wide = _norm(A, p["scale2"], p["shift2"]) @ p["W1"] + p["b1"]
    B = A + jax.nn.gelu(wide, approximate=False) @ p["W2"] + p["b2"]
    return _cross_entropy(B.mean(axis=1) @ p["W"] + p["b"], data["Y"])


def recurrent(p: Arrays, data: Arrays) -> Any:
    import jax

    def step(state: Any, x: Any) -> Any:
        h, c = state
        i, f, g, o = jax.numpy.split(x + h @ p["Wh"], 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jax.numpy.tanh(g)
        return (jax.nn.sigmoid(o) * jax.numpy.tanh(c), c), None

    inputs = (data["X"] @ p["Wx"] + p["bx"]).swapaxes(0, 1)
    start = jax.numpy.zeros((inputs.shape[1], HIDDEN), inputs.dtype)
    (h, _), _ = jax.lax.scan(step, (start, start), inputs)
    return _cross_entropy(h @ p["W"] + p["b"], data["Y"])


def embedded(p: Arrays, data: Arrays) -> Any:
    import jax

    A = jax.nn.relu(p["E"][data["ids"]].mean(axis=1) @ p["W1"] + p["b1"])
    return _cross_entropy(A @ p["W"] + p["b"], data["Y"])


LOSSES: Final[dict[str, Callable[[Arrays, Arrays], Any]]] = {
    "784-512-256-10": dense,
    "CNN": convolutional,
    "attention": attention,
    "LSTM": recurrent,
    "embedding": embedded,
}
