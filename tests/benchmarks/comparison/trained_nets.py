"""The networks that people train, as graphs, with parameters to start from and data: each a name in NETS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

import chainrule as cr
from nets.softmax_classifier import build as softmax_classifier

CLASSES: Final = 10
SIDE: Final = 28  # pixels, as MNIST has them
CHANNELS: Final = (16, 32)
TOKENS, WIDTH, HEADS, INNER = 64, 128, 4, 256
STEPS, FEATURES, HIDDEN = 32, 32, 64
WORDS, VECTOR, SAID = 5_000, 64, 16
# With it no ReLU of the dense net is nearer to its kink than 1e-5: one that rounding turns over moves a row by a step.
_SEED: Final = 25
Arrays = dict[str, Any]


class Net(NamedTuple):
    """A graph with a scalar loss, and what makes the feeds that are no parameters for m examples."""

    graph: cr.Graph
    data: Callable[[np.random.Generator, int], Arrays]


def dense() -> Net:
    """784-512-256-10 with ReLU and a softmax; examples are columns."""
    graph = softmax_classifier((784, 512, 256, CLASSES), cr.ReLU).fuse()
    return Net(graph, lambda rng, m: {"A0": rng.random((784, m)), "Y": _labels(rng, m).T.copy()})


def convolutional() -> Net:
    """Two convolutions of 3 × 3, a pool behind each, and scores of ten classes."""
    first, second = CHANNELS
    A, Y = cr.Input("A0", ("m", 1, SIDE, SIDE)), cr.Input("Y", ("m", CLASSES))
    P: cr.Node = A
    for layer, (before, channels) in enumerate(((1, first), (first, second)), start=1):
        with cr.layer(f"Convolution {layer}"):
            K = cr.Parameter(f"K{layer}", (channels, before, 3, 3))
            b = cr.Parameter(f"b{layer}", (channels, 1, 1))
            P = cr.MaxPool(cr.ReLU(cr.Conv2d(P, K, padding=1) + b, name=f"A{layer}"), size=2, name=f"P{layer}")
    with cr.layer("Classes"):
        loss = _classified(P.reshape(-1, second * (SIDE // 4) ** 2), second * (SIDE // 4) ** 2, Y)
    return Net(cr.Graph(loss), lambda rng, m: {"A0": rng.random((m, 1, SIDE, SIDE)), "Y": _labels(rng, m)})


def attention() -> Net:
    """A transformer block of 64 tokens, 128 wide, in four heads, its norms in front; the tokens' mean is classified."""
    X, Y = cr.Input("X", ("m", TOKENS, WIDTH)), cr.Input("Y", ("m", CLASSES))
    with cr.layer("Attention"):
        N = _norm(X, 1)
        q, k, v = (_heads(N @ cr.Parameter(f"W{name}", (WIDTH, WIDTH))) for name in "qkv")
        joined = cr.Attention(q, k, v, name="heads").swapaxes(1, 2).reshape(-1, TOKENS, WIDTH)
        A = cr.Add(X, joined @ cr.Parameter("Wo", (WIDTH, WIDTH)), name="A")
    with cr.layer("Two layers"):
        wide = _norm(A, 2) @ cr.Parameter("W1", (WIDTH, INNER)) + cr.Parameter("b1", (INNER,))
        B = cr.Add(A, cr.GELU(wide) @ cr.Parameter("W2", (INNER, WIDTH)) + cr.Parameter("b2", (WIDTH,)), name="B")
    with cr.layer("Classes"):
        loss = _classified(cr.Mean(B, axis=1), WIDTH, Y)
    return Net(cr.Graph(loss), lambda rng, m: {"X": rng.normal(size=(m, TOKENS, WIDTH)), "Y": _labels(rng, m)})


def recurrent() -> Net:
    """An LSTM of 32 steps, 32 numbers in and 64 kept at each; what it knows at the end is classified."""
    X, Y = cr.Input("X", ("m", STEPS, FEATURES)), cr.Input("Y", ("m", CLASSES))
    Wx, Wh = cr.Parameter("Wx", (FEATURES, 4 * HIDDEN)), cr.Parameter("Wh", (HIDDEN, 4 * HIDDEN))
    b = cr.Parameter("bx", (4 * HIDDEN,))
    h: cr.Node | None = None
    c: cr.Node | None = None
    for t in range(STEPS):
        with cr.layer(f"Step {t}"):
            Z = X[:, t] @ Wx + b if h is None else X[:, t] @ Wx + h @ Wh + b
            i, f, g, o = (Z[:, k * HIDDEN : (k + 1) * HIDDEN] for k in range(4))
            new = cr.Sigmoid(i) * cr.Tanh(g)
            c = new if c is None else cr.Sigmoid(f) * c + new
            h = cr.Sigmoid(o) * cr.Tanh(c)
    assert h is not None
    loss = _classified(h, HIDDEN, Y)
    return Net(cr.Graph(loss), lambda rng, m: {"X": rng.normal(size=(m, STEPS, FEATURES)), "Y": _labels(rng, m)})


def embedded() -> Net:
    """The mean of the vectors of 16 words out of 5,000, then two layers."""
    ids, Y = cr.Input("ids", ("m", SAID), dtype=int), cr.Input("Y", ("m", CLASSES))
    with cr.layer("Embedding"):
        mean = cr.Mean(cr.Gather(cr.Parameter("E", (WORDS, VECTOR), init="normal"), ids, axis=0), axis=1)
    with cr.layer("Hidden"):
        A = cr.ReLU(mean @ cr.Parameter("W1", (VECTOR, WIDTH)) + cr.Parameter("b1", (WIDTH,)), name="A1")
    with cr.layer("Classes"):
        loss = _classified(A, WIDTH, Y)
    return Net(cr.Graph(loss), lambda rng, m: {"ids": rng.integers(WORDS, size=(m, SAID)), "Y": _labels(rng, m)})


NETS: Final[dict[str, Callable[[], Net]]] = {
    "784-512-256-10": dense,
    "CNN": convolutional,
    "attention": attention,
    "LSTM": recurrent,
    "embedding": embedded,
}


def begun(name: str, m: int, dtype: str) -> tuple[cr.Graph, Arrays, Arrays]:
    """The graph, the parameters it starts from, and m examples; the same for the same arguments."""
    net = NETS[name]()
    data = {key: _typed(array, dtype) for key, array in net.data(np.random.default_rng(_SEED), m).items()}
    return net.graph, net.graph.initialize(seed=0, dtype=dtype), data


def _typed(array: Any, dtype: str) -> Any:
    return array.astype(dtype) if array.dtype.kind == "f" else array


def _labels(rng: np.random.Generator, m: int) -> Any:
    return np.eye(CLASSES)[rng.integers(CLASSES, size=m)]


def _classified(x: cr.Node, features: int, Y: cr.Node) -> cr.Node:
    W, b = cr.Parameter("W", (features, CLASSES)), cr.Parameter("b", (CLASSES,))
    return cr.SoftmaxCrossEntropyLoss(cr.Add(x @ W, b, name="Z"), Y, classes=-1, name="L")


def _norm(x: cr.Node, number: int) -> cr.Node:
    scale, shift = (cr.Parameter(f"{what}{number}", (WIDTH,)) for what in ("scale", "shift"))
    return cr.LayerNorm(x, scale, shift, name=f"N{number}")


def _heads(x: cr.Node) -> cr.Node:
    return x.reshape(-1, TOKENS, HEADS, WIDTH // HEADS).swapaxes(1, 2)
