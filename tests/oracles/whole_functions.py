"""Twenty functions of gradients in the styles in which people write them, each with mistakes planted in it."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import chainrule as cr
import nets


class Written(NamedTuple):
    """A function: of which network, its text, and mistakes as (what stands there, what somebody wrote instead)."""

    network: str
    text: str
    mistakes: tuple[tuple[str, str], ...]


@cache
def graph(name: str) -> cr.Graph:
    """A network by name."""
    return NETWORKS[name]()


def _columns(
    *activations: Callable[..., cr.Node], sizes: tuple[int, ...], loss: type[cr.Node] = cr.BCELoss
) -> cr.Graph:
    A, Y = cr.Input("X", (sizes[0], "m")), cr.Input("Y", (sizes[-1], "m"))
    for k, activation in enumerate(activations, 1):
        W, b = cr.Parameter(f"W{k}", (sizes[k], sizes[k - 1])), cr.Parameter(f"b{k}", (sizes[k], 1))
        A = activation(cr.Add(W @ A, b, name=f"Z{k}"), name=f"A{k}")
    return cr.Graph(loss(A, Y, name="J"))


def _rows() -> cr.Graph:
    X, Y = cr.Input("X", ("m", 2)), cr.Input("Y", ("m", 3))
    z1 = cr.Add(X @ cr.Parameter("W1", (2, 5)), cr.Parameter("b1", (1, 5)), name="z1")
    h = cr.ReLU(z1, name="h")
    scores = cr.Add(h @ cr.Parameter("W2", (5, 3)), cr.Parameter("b2", (1, 3)), name="scores")
    return cr.Graph(cr.CrossEntropyLoss(cr.Softmax(scores, axis=1, name="probs"), Y, name="loss"))


def _logistic() -> cr.Graph:
    X, Y, w = cr.Input("X", (4, "m")), cr.Input("Y", (1, "m")), cr.Parameter("w", (4, 1))
    return cr.Graph(cr.BCELoss(cr.Sigmoid(cr.Add(w.T @ X, cr.Parameter("b", (1, 1)), name="Z"), name="A"), Y, name="J"))


def _linear() -> cr.Graph:
    X, y = cr.Input("X", ("m", 3)), cr.Input("y", ("m", 1))
    prediction = cr.Add(X @ cr.Parameter("theta", (3, 1)), cr.Parameter("bias", (1, 1)), name="prediction")
    return cr.Graph(cr.Mean(cr.Square(cr.Subtract(prediction, y, name="error")), name="loss"))


NETWORKS = {
    "document": lambda: nets.DNN(sizes=(2, 3, 3, 1)).graph,
    "tanh": lambda: _columns(cr.Tanh, cr.Sigmoid, sizes=(2, 4, 1)),
    "relu": lambda: _columns(cr.ReLU, cr.ReLU, cr.Sigmoid, sizes=(2, 4, 3, 1)),
    "rows": _rows,
    "logistic": _logistic,
    "linear": _linear,
}

FUNCTIONS = {
    "one line for each, cache and labels": Written(
        "document",
        """
def gradients(cache, Y):
    m = Y.shape[1]
    dZ3 = cache["A3"] - Y
    dW3 = 1.0 / m * np.dot(dZ3, cache["A2"].T)
    dB3 = 1.0 / m * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = np.dot(cache["W3"].T, dZ3)
    dZ2 = np.multiply(dA2, cache["A2"] * (1 - cache["A2"]))
    dW2 = 1.0 / m * np.dot(dZ2, cache["A1"].T)
    dB2 = 1.0 / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(cache["W2"].T, dZ2)
    dZ1 = np.multiply(dA1, cache["A1"] * (1 - cache["A1"]))
    dW1 = 1.0 / m * np.dot(dZ1, cache["A0"].T)
    dB1 = 1.0 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"W3": dW3, "B3": dB3, "W2": dW2, "B2": dB2, "W1": dW1, "B1": dB1}
""",
        (
            ('dA1 = np.dot(cache["W2"].T, dZ2)', 'dA1 = np.dot(cache["W2"], dZ2)'),
            ("dW3 = 1.0 / m * np.dot", "dW3 = np.dot"),
            ('cache["A1"] * (1 - cache["A1"]))', 'cache["A1"] * (1 + cache["A1"]))'),
            ('dW1 = 1.0 / m * np.dot(dZ1, cache["A0"].T)', 'dW1 = 1.0 / m * np.dot(dZ2, cache["A0"].T)'),
        ),
    ),
    "every value a parameter": Written(
        "document",
        """
def gradients(A3, W3, A2, W2, A1, A0, Y, m):
    dZ3 = (A3 - Y) / m
    dZ2 = (W3.T @ dZ3) * A2 * (1 - A2)
    dZ1 = (W2.T @ dZ2) * A1 * (1 - A1)
    return dict(
        dW3=dZ3 @ A2.T,
        dW2=dZ2 @ A1.T,
        dW1=dZ1 @ A0.T,
        dB2=dZ2.sum(axis=1, keepdims=True),
    )
""",
        (
            ("dZ3 = (A3 - Y) / m", "dZ3 = (A3 + Y) / m"),
            ("dZ1 = (W2.T @ dZ2) * A1 * (1 - A1)", "dZ1 = (W2.T @ dZ2) * A1 * (1 - A2)"),
        ),
    ),
    "a loop over layers, by names with numbers": Written(
        "document",
        """
def backward(AL, Y, caches):
    grads = {}
    m = AL.shape[1]
    dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    for l in reversed(range(1, 4)):
        A = caches["A" + str(l)]
        dZ = dA * A * (1 - A)
        grads["dW" + str(l)] = dZ @ caches["A" + str(l - 1)].T / m
        grads["dB" + str(l)] = np.sum(dZ, axis=1, keepdims=True) / m
        dA = caches["W" + str(l)].T @ dZ
    return grads
""",
        (
            ('dA = caches["W" + str(l)].T @ dZ', 'dA = caches["W" + str(l)].T @ dZ * 2'),
            ("dZ = dA * A * (1 - A)", "dZ = dA * (1 - A)"),
            (
                'grads["dB" + str(l)] = np.sum(dZ, axis=1, keepdims=True) / m',
                'grads["dB" + str(l)] = np.sum(dZ, axis=1, keepdims=True)',
            ),
        ),
    ),
    "two layers, dicts of parameters and values": Written(
        "tanh",
        """
def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    W1 = parameters["W1"]
    W2 = parameters["W2"]
    A1 = cache["A1"]
    A2 = cache["A2"]
    dZ2 = A2 - Y
    dW2 = (1 / m) * np.dot(dZ2, A1.T)
    db2 = (1 / m) * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))
    dW1 = (1 / m) * np.dot(dZ1, X.T)
    db1 = (1 / m) * np.sum(dZ1, axis=1, keepdims=True)
    grads = {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}
    return grads
""",
        (
            ("dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))", "dZ1 = np.dot(W2.T, dZ2) * (1 - A1)"),
            ("db1 = (1 / m) * np.sum(dZ1, axis=1", "db1 = (1 / m) * np.sum(dZ2, axis=1"),
            ("dW2 = (1 / m) * np.dot(dZ2, A1.T)", "dW2 = (1 / (2 * m)) * np.dot(dZ2, A1.T)"),
        ),
    ),
    "a tuple is returned": Written(
        "tanh",
        """
def compute_gradients(A2, A1, W2, X, Y):
    m = Y.shape[1]
    dZ2 = A2 - Y
    dW2 = dZ2 @ A1.T / m
    db2 = dZ2.mean(axis=1, keepdims=True)
    dZ1 = W2.T @ dZ2 * (1 - A1 ** 2)
    dW1 = dZ1 @ X.T / m
    db1 = dZ1.mean(axis=1, keepdims=True)
    return dW1, db1, dW2, db2
""",
        (
            ("dZ2 = A2 - Y", "dZ2 = Y - A2"),
            ("dW1 = dZ1 @ X.T / m", "dW1 = dZ1 @ X.T"),
            ("db2 = dZ2.mean(axis=1", "db2 = dZ2.sum(axis=1"),
        ),
    ),
    "a helper for each activation": Written(
        "tanh",
        """
def tanh_backward(dA, A):
    return dA * (1 - A * A)

def sigmoid_backward(dA, A):
    return dA * A * (1 - A)

def gradients(cache, Y):
    A1, A2 = cache["A1"], cache["A2"]
    m = Y.shape[1]
    dA2 = (1 - Y) / (1 - A2) - Y / A2
    dZ2 = sigmoid_backward(dA2, A2)
    dA1 = cache["W2"].T @ dZ2
    dZ1 = tanh_backward(dA1, A1)
    return {"dW2": dZ2 @ A1.T / m, "dW1": dZ1 @ cache["X"].T / m}
""",
        (
            ("return dA * (1 - A * A)", "return dA * (1 + A * A)"),
            ("return dA * A * (1 - A)", "return dA * A * (2 - A)"),
            ("dA2 = (1 - Y) / (1 - A2) - Y / A2", "dA2 = (1 - Y) / (1 - A2) + Y / A2"),
        ),
    ),
    "in place, with a copy": Written(
        "relu",
        """
def relu_backward(dA, Z):
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ

def gradients(AL, Y, cache):
    m = Y.shape[1]
    dZ3 = AL - Y
    dW3 = np.dot(dZ3, cache["A2"].T) / m
    dA2 = np.dot(cache["W3"].T, dZ3)
    dZ2 = relu_backward(dA2, cache["Z2"])
    dW2 = np.dot(dZ2, cache["A1"].T) / m
    dA1 = np.dot(cache["W2"].T, dZ2)
    dZ1 = relu_backward(dA1, cache["Z1"])
    dW1 = np.dot(dZ1, cache["X"].T) / m
    return {"dW3": dW3, "dW2": dW2, "dW1": dW1}
""",
        (
            ("dW2 = np.dot(dZ2, cache", "dW2 = 2 * np.dot(dZ2, cache"),
            ('dA1 = np.dot(cache["W2"].T, dZ2)', 'dA1 = np.dot(cache["W2"].T, dZ2) / m'),
            ("dZ3 = AL - Y", "dZ3 = AL - 2 * Y"),
        ),
    ),
    "a mask that is multiplied": Written(
        "relu",
        """
def grads(cache, params, Y):
    m = Y.shape[1]
    d3 = cache["A3"] - Y
    d2 = params["W3"].T.dot(d3) * (cache["Z2"] > 0)
    d1 = params["W2"].T.dot(d2) * (cache["Z1"] > 0)
    return {
        "W3": d3.dot(cache["A2"].T) / m,
        "b3": d3.sum(axis=1, keepdims=True) / m,
        "W2": d2.dot(cache["A1"].T) / m,
        "b2": d2.sum(axis=1, keepdims=True) / m,
        "W1": d1.dot(cache["X"].T) / m,
        "b1": d1.sum(axis=1, keepdims=True) / m,
    }
""",
        (
            ('d1 = params["W2"].T.dot(d2) * (cache["Z1"] > 0)', 'd1 = params["W2"].T.dot(d2)'),
            ('d2 = params["W3"].T.dot(d3) * (cache["Z2"] > 0)', 'd2 = params["W3"].T.dot(d3) * cache["Z2"]'),
            ('"b2": d2.sum(axis=1, keepdims=True) / m', '"b2": d2.sum(axis=1, keepdims=True)'),
        ),
    ),
    "examples in rows, scores": Written(
        "rows",
        """
def loss_gradients(X, Y, W2, h, probs):
    N = X.shape[0]
    dscores = (probs - Y) / N
    dW2 = h.T @ dscores
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dh = dscores @ W2.T
    dz1 = dh * (h > 0)
    dW1 = X.T @ dz1
    db1 = np.sum(dz1, axis=0, keepdims=True)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
""",
        (
            ("dh = dscores @ W2.T", "dh = dscores @ W2.T * 0.5"),
            ("dz1 = dh * (h > 0)", "dz1 = dh * h"),
            ("dW1 = X.T @ dz1", "dW1 = -X.T @ dz1"),
        ),
    ),
    "labels by number, in place": Written(
        "rows",
        """
def gradients(X, Y, W2, h, probs):
    N = len(X)
    labels = Y.argmax(axis=1)
    dscores = probs
    dscores[range(N), labels] -= 1
    dscores /= N
    dW2 = h.T.dot(dscores)
    db2 = dscores.sum(axis=0, keepdims=True)
    dhidden = dscores.dot(W2.T)
    dhidden[h <= 0] = 0
    dW1 = X.T.dot(dhidden)
    db1 = dhidden.sum(axis=0, keepdims=True)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
""",
        (
            ("dW2 = h.T.dot(dscores)", "dW2 = h.T.dot(dscores) * N"),
            ("db1 = dhidden.sum(axis=0, keepdims=True)", "db1 = dhidden.mean(axis=0, keepdims=True)"),
            ("dW1 = X.T.dot(dhidden)", "dW1 = 2 * X.T.dot(dhidden)"),
        ),
    ),
    "logistic regression": Written(
        "logistic",
        """
def propagate(w, b, X, Y):
    m = X.shape[1]
    A = 1 / (1 + np.exp(-(np.dot(w.T, X) + b)))
    dw = np.dot(X, (A - Y).T) / m
    db = np.sum(A - Y, keepdims=True) / m
    return {"dw": dw, "db": db}
""",
        (
            ("dw = np.dot(X, (A - Y).T) / m", "dw = np.dot(X, (A - Y).T)"),
            ("db = np.sum(A - Y, keepdims=True) / m", "db = np.sum(Y - A, keepdims=True) / m"),
            ("dw = np.dot(X, (A - Y).T) / m", "dw = np.dot(X, (A + Y).T) / m"),
        ),
    ),
    "least squares": Written(
        "linear",
        """
def gradient(X, y, theta, bias):
    n = len(y)
    residual = X @ theta + bias - y
    return {"theta": 2 / n * X.T @ residual, "bias": 2 / n * np.sum(residual, keepdims=True)}
""",
        (
            ("residual = X @ theta + bias - y", "residual = X @ theta - y"),
            ("residual = X @ theta + bias - y", "residual = X @ theta + bias + y"),
        ),
    ),
    "least squares, in two lines": Written(
        "linear",
        """
def gradients(values, y, m):
    e = values["error"]
    grads = {}
    grads["theta"] = 2 * values["X"].T.dot(e) / m
    grads["bias"] = 2 * np.mean(e, axis=0, keepdims=True)
    return grads
""",
        (
            ('grads["theta"] = 2 * values', 'grads["theta"] = values'),
            ("2 * np.mean(e, axis=0", "2 * np.sum(e, axis=0"),
        ),
    ),
    "a lambda in a dict of rules": Written(
        "tanh",
        """
SLOPES = {"tanh": lambda a: 1 - a**2, "sigmoid": lambda a: a * (1 - a)}

def gradients(cache, Y):
    m = Y.shape[1]
    g = -(Y / cache["A2"] - (1 - Y) / (1 - cache["A2"])) / m
    g = g * SLOPES["sigmoid"](cache["A2"])
    dW2 = g @ cache["A1"].T
    g = cache["W2"].T @ g
    g = g * SLOPES["tanh"](cache["A1"])
    dW1 = g @ cache["X"].T
    return {"dW1": dW1, "dW2": dW2}
""",
        (
            ('g = g * SLOPES["tanh"](cache["A1"])', 'g = g * SLOPES["sigmoid"](cache["A1"])'),
            ('g = cache["W2"].T @ g', 'g = 3 * cache["W2"].T @ g'),
            ('dW2 = g @ cache["A1"].T', 'dW2 = -g @ cache["A1"].T'),
        ),
    ),
    "einsum": Written(
        "tanh",
        """
def gradients(A2, A1, W2, X, Y, m):
    dZ2 = (A2 - Y) / m
    dW2 = np.einsum("ij,kj->ik", dZ2, A1)
    dA1 = np.einsum("ij,ik->jk", W2, dZ2)
    dZ1 = dA1 * (1 - A1 * A1)
    dW1 = np.einsum("ij,kj->ik", dZ1, X)
    return {"dW1": dW1, "dW2": dW2}
""",
        (
            ("dZ1 = dA1 * (1 - A1 * A1)", "dZ1 = dA1 * (1 - A1)"),
            ("dZ2 = (A2 - Y) / m", "dZ2 = A2 - Y / m"),
        ),
    ),
    "lists over layers": Written(
        "document",
        """
def gradients(cache, Y):
    activations = [cache[f"A{l}"] for l in range(4)]
    weights = [None] + [cache[f"W{l}"] for l in range(1, 4)]
    m = Y.shape[1]
    grads = {}
    delta = activations[3] - Y
    for l in range(3, 0, -1):
        grads[f"W{l}"] = delta @ activations[l - 1].T / m
        grads[f"B{l}"] = delta.sum(axis=1, keepdims=True) / m
        if l > 1:
            delta = weights[l].T @ delta
            delta = delta * activations[l - 1] * (1 - activations[l - 1])
    return grads
""",
        (
            ("delta = activations[3] - Y", "delta = activations[3] - 0.5 * Y"),
            ("delta = weights[l].T @ delta", "delta = -weights[l].T @ delta"),
            (
                "delta = delta * activations[l - 1] * (1 - activations[l - 1])",
                "delta = delta * (1 - activations[l - 1])",
            ),
        ),
    ),
    "a loop over examples": Written(
        "logistic",
        """
def gradients(X, Y, A):
    m = X.shape[1]
    dw = np.zeros((X.shape[0], 1))
    db = np.zeros((1, 1))
    for i in range(m):
        dz = A[0, i] - Y[0, i]
        dw += X[:, i:i + 1] * dz
        db += dz
    dw /= m
    db /= m
    return {"w": dw, "b": db}
""",
        (
            ("dw += X[:, i:i + 1] * dz", "dw -= X[:, i:i + 1] * dz"),
            ("dw /= m", "dw /= m + 1"),
            ("db += dz", "db += 2 * dz"),
        ),
    ),
    "every step in a dict": Written(
        "tanh",
        """
def gradients(cache, params, X, Y):
    m = Y.shape[1]
    grads = {}
    grads["dZ2"] = cache["A2"] - Y
    grads["dW2"] = grads["dZ2"] @ cache["A1"].T / m
    grads["db2"] = grads["dZ2"].sum(axis=1, keepdims=True) / m
    grads["dA1"] = params["W2"].T @ grads["dZ2"]
    grads["dZ1"] = grads["dA1"] * (1 - np.square(cache["A1"]))
    grads["dW1"] = grads["dZ1"] @ X.T / m
    grads["db1"] = grads["dZ1"].sum(axis=1, keepdims=True) / m
    return grads
""",
        (
            ('grads["dA1"] = params["W2"].T @ grads["dZ2"]', 'grads["dA1"] = -params["W2"].T @ grads["dZ2"]'),
            ('(1 - np.square(cache["A1"]))', '(1 - np.square(cache["Z1"]))'),
            ('grads["dW1"] = grads["dZ1"] @ X.T / m', 'grads["dW1"] = grads["dZ1"] @ X.T'),
        ),
    ),
    "weights for all at once, relu by where": Written(
        "relu",
        """
def gradients(cache, Y):
    m = Y.shape[1]
    g = (cache["A3"] - Y) / m
    out = {"W3": g @ cache["A2"].T, "b3": g.sum(1, keepdims=True)}
    g = np.where(cache["Z2"] > 0, cache["W3"].T @ g, 0)
    out.update({"W2": g @ cache["A1"].T, "b2": g.sum(1, keepdims=True)})
    g = np.where(cache["Z1"] > 0, cache["W2"].T @ g, 0)
    out.update({"W1": g @ cache["X"].T, "b1": g.sum(1, keepdims=True)})
    return out
""",
        (
            (
                'g = np.where(cache["Z1"] > 0, cache["W2"].T @ g, 0)',
                'g = np.where(cache["Z1"] > 0, cache["W2"].T @ g, g.sum())',
            ),
            ('g = np.where(cache["Z2"] > 0, cache["W3"].T @ g, 0)', 'g = cache["W3"].T @ g'),
            ('g = (cache["A3"] - Y) / m', 'g = (cache["A3"] - Y) / (2 * m)'),
        ),
    ),
    "one expression for each": Written(
        "tanh",
        """
gradients = lambda A2, A1, W2, X, Y, m: {
    "dW2": (A2 - Y) @ A1.T / m,
    "db2": (A2 - Y).sum(axis=1, keepdims=True) / m,
    "dW1": (W2.T @ (A2 - Y) * (1 - A1**2)) @ X.T / m,
}
""",
        (
            ('"dW1": (W2.T @ (A2 - Y) * (1 - A1**2)) @ X.T / m', '"dW1": (W2.T @ (A2 - Y) * (1 - A1**3)) @ X.T / m'),
            ('"db2": (A2 - Y).sum(axis=1, keepdims=True) / m', '"db2": (Y - A2).sum(axis=1, keepdims=True) / m'),
        ),
    ),
}
"""Functions by what is special about them."""


def text_of(written: Written, mistake: tuple[str, str] | None = None) -> tuple[str, int | None]:
    """The text of a function's file, and the line of the mistake that was planted in it."""
    text = f"import numpy as np\n{written.text}"
    if mistake is None:
        return text, None
    right, wrong = mistake
    assert text.count(right) == 1, right
    line = text[: text.index(right)].count("\n") + 1
    return text.replace(right, wrong), line
