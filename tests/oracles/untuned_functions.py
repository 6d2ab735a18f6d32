"""Twelve functions more, in public styles, written when lines were found by what can stand in their place."""

import more_functions  # noqa: F401 - its networks stand among those of all
from whole_functions import Written

UNTUNED = {
    "caches of layers, a pair of helpers": Written(
        "relu",
        """
def linear_backward(dZ, cache):
    A_prev, W = cache
    m = A_prev.shape[1]
    dW = np.dot(dZ, A_prev.T) / m
    db = np.sum(dZ, axis=1, keepdims=True) / m
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db

def relu_step(dA, Z):
    return np.where(Z <= 0, 0, dA)

def model_backward(cache, Y):
    layers = [(cache["X"], cache["W1"]), (cache["A1"], cache["W2"]), (cache["A2"], cache["W3"])]
    grads = {}
    current = cache["A3"] - Y
    for l in (3, 2, 1):
        below, grads["dW%d" % l], grads["db%d" % l] = linear_backward(current, layers[l - 1])
        if l > 1:
            current = relu_step(below, cache["Z%d" % (l - 1)])
    return grads
""",
        (
            ("dA_prev = np.dot(W.T, dZ)", "dA_prev = np.dot(W.T, dZ) / m"),
            ("dW = np.dot(dZ, A_prev.T) / m", "dW = np.dot(dZ, A_prev.T) * m"),
            ("return np.where(Z <= 0, 0, dA)", "return np.where(Z <= 0, dA, 0)"),
            ('current = cache["A3"] - Y', 'current = cache["A3"] - Y ** 2 / 2'),
        ),
    ),
    "an objective with its gradient, flat names": Written(
        "logistic",
        """
def propagate(w, b, X, Y):
    n = X.shape[1]
    scores = np.dot(w.T, X) + b
    activation = 1 / (1 + np.exp(-scores))
    misfit = activation - Y
    weights = np.dot(X, misfit.T) / n
    offset = np.sum(misfit, axis=1, keepdims=True) / n
    return {"dw": weights, "db": offset}
""",
        (
            ("activation = 1 / (1 + np.exp(-scores))", "activation = 1 / (1 + np.exp(scores))"),
            ("misfit = activation - Y", "misfit = activation * (activation - Y)"),
            ("weights = np.dot(X, misfit.T) / n", "weights = np.dot(X, misfit.T)"),
            ("offset = np.sum(misfit, axis=1, keepdims=True) / n", "offset = np.mean(X) * np.sum(misfit) / n"),
        ),
    ),
    "character network, gradients set to zero first": Written(
        "rnn",
        """
def lossFun(x1, x2, x3, h0, h1, h2, h3, t, Wx, Wh, b, m):
    xs, hs = {1: x1, 2: x2, 3: x3}, {0: h0, 1: h1, 2: h2, 3: h3}
    dWxh, dWhh, dbh = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    carried = np.zeros_like(h0)
    for step in reversed(range(1, 4)):
        here = carried
        if step == 3:
            here = here + 2 * (hs[step] - t) / m
        raw = (1 - hs[step] * hs[step]) * here
        dbh += raw.sum(axis=1, keepdims=True)
        dWxh += np.dot(raw, xs[step].T)
        dWhh += np.dot(raw, hs[step - 1].T)
        carried = np.dot(Wh.T, raw)
    return {"Wx": dWxh, "Wh": dWhh, "b": dbh}
""",
        (
            ("here = here + 2 * (hs[step] - t) / m", "here = here + 2 * (hs[step] - t)"),
            ("raw = (1 - hs[step] * hs[step]) * here", "raw = (1 - hs[step - 1] * hs[step - 1]) * here"),
            ("dWhh += np.dot(raw, hs[step - 1].T)", "dWhh += np.dot(raw, hs[step].T)"),
            ("carried = np.dot(Wh.T, raw)", "carried = np.dot(Wh, raw)"),
        ),
    ),
    "two layers, scores in rows, masks by product": Written(
        "rows",
        """
def loss_backward(X, Y, probs, h, W2):
    N = X.shape[0]
    grads = {}
    upper = (probs - Y) / N
    grads["W2"] = h.T @ upper
    grads["b2"] = upper.sum(axis=0, keepdims=True)
    reached = upper @ W2.T
    open_units = (h > 0).astype(float)
    lower = reached * open_units
    grads["W1"] = X.T @ lower
    grads["b1"] = lower.sum(axis=0, keepdims=True)
    return grads
""",
        (
            ("upper = (probs - Y) / N", "upper = (probs - 2 * Y) / N"),
            ("reached = upper @ W2.T", "reached = (upper * probs) @ W2.T"),
            ("open_units = (h > 0).astype(float)", "open_units = (h < 0).astype(float)"),
            ("lower = reached * open_units", "lower = reached + open_units"),
        ),
    ),
    "layers as objects with a backward": Written(
        "tanh",
        """
class Linear:
    def __init__(self, W, x):
        self.W, self.x = W, x
    def backward(self, out):
        self.dW = out @ self.x.T
        self.db = out.sum(axis=1, keepdims=True)
        return self.W.T @ out

class Squash:
    def __init__(self, y):
        self.y = y
    def backward(self, out):
        return out * (1.0 - self.y ** 2)

def gradients(cache, Y):
    first = Linear(cache["W1"], cache["X"])
    second = Linear(cache["W2"], cache["A1"])
    squash = Squash(cache["A1"])
    signal = (cache["A2"] - Y) / Y.shape[1]
    for layer in (second, squash, first):
        signal = layer.backward(signal)
    return {"W1": first.dW, "b1": first.db, "W2": second.dW, "b2": second.db}
""",
        (
            ("return self.W.T @ out", "return self.W.T @ out * 2"),
            ("return out * (1.0 - self.y ** 2)", "return out * (self.y - self.y ** 2)"),
            ("signal = (cache", "signal = -(cache"),
            ("self.dW = out @ self.x.T", "self.dW = out @ self.x.T / 2"),
        ),
    ),
    "batchnorm, the short form": Written(
        "bn",
        """
def batchnorm_backward(gamma, xhat, std, out, t):
    N = xhat.shape[0]
    top = 2 * (out - t)
    scale = np.sum(top * xhat, axis=0)
    shift = np.sum(top, axis=0)
    inner = N * top - shift - xhat * scale
    grad_x = gamma / (N * std) * inner
    return {"gamma": scale, "beta": shift, "x": grad_x}
""",
        (
            ("top = 2 * (out - t)", "top = out - t"),
            ("scale = np.sum(top * xhat, axis=0)", "scale = np.sum(top * top, axis=0)"),
            ("inner = N * top - shift - xhat * scale", "inner = N * top - shift + xhat * scale"),
            ("grad_x = gamma / (N * std) * inner", "grad_x = gamma / (N * std ** 2) * inner"),
        ),
    ),
    "attention, with a helper for softmax": Written(
        "attn",
        """
def softmax_rows_back(P, into):
    inner = np.sum(P * into, axis=1, keepdims=True)
    return P * (into - inner)

def attention_backward(X, Q, K, V, P, O, t):
    result = 2 * (O - t)
    values = P.T @ result
    weights = result @ V.T
    scores = softmax_rows_back(P, weights) * 0.5
    return {"Wq": X.T @ (scores @ K), "Wk": X.T @ (scores.T @ Q), "Wv": X.T @ values}
""",
        (
            ("inner = np.sum(P * into, axis=1, keepdims=True)", "inner = np.sum(into, axis=1, keepdims=True)"),
            ("return P * (into - inner)", "return P * (1 - P) * into"),
            ("values = P.T @ result", "values = P @ result"),
            ("weights = result @ V.T", "weights = result @ V.T / 2"),
            ("scores = softmax_rows_back(P, weights) * 0.5", "scores = softmax_rows_back(P, weights)"),
        ),
    ),
    "mean squared error in rows, step by step": Written(
        "mse",
        """
def step(X, T, W2, h, out):
    batch = X.shape[0]
    residual = out - T
    top = residual * (2 / batch)
    through = np.matmul(top, np.transpose(W2))
    flat = h * (1 - h)
    local = np.multiply(flat, through)
    return (
        {
            "W1": np.matmul(np.transpose(X), local),
            "b1": np.sum(local, axis=0, keepdims=True),
            "W2": np.matmul(np.transpose(h), top),
            "b2": np.sum(top, axis=0, keepdims=True),
        }
    )
""",
        (
            ("residual = out - T", "residual = out + T"),
            ("top = residual * (2 / batch)", "top = residual * (2 / (batch - 1))"),
            ("through = np.matmul(top, np.transpose(W2))", "through = np.matmul(residual, np.transpose(W2))"),
            ("flat = h * (1 - h)", "flat = 1 - h * h"),
            ("local = np.multiply(flat, through)", "local = np.add(flat, through)"),
        ),
    ),
    "weight decay, a function for each layer": Written(
        "l2",
        """
DECAY = 0.1

def layer(delta, below, W):
    return delta @ below.T + 2 * DECAY * W, delta.sum(1, keepdims=True)

def gradients(X, Y, A1, A2, W1, W2, m):
    out = (A2 - Y) / m
    gW2, gb2 = layer(out, A1, W2)
    hidden = np.dot(W2.T, out)
    hidden = hidden - hidden * np.power(A1, 2)
    gW1, gb1 = layer(hidden, X, W1)
    return {"dW1": gW1, "db1": gb1, "dW2": gW2, "db2": gb2}
""",
        (
            ("return delta @ below.T + 2 * DECAY * W, delta", "return delta @ below.T - 2 * DECAY * W, delta"),
            ("out = (A2 - Y) / m", "out = (A2 - Y) * A2 * (1 - A2) / m"),
            ("hidden = np.dot(W2.T, out)", "hidden = np.dot(W2.T, out) * m"),
            ("hidden = hidden - hidden * np.power(A1, 2)", "hidden = hidden - hidden * np.power(A1, 3)"),
        ),
    ),
    "deep, a table of slopes": Written(
        "deep",
        """
slopes = {
    1: lambda a: 1.0 * (a > 0),
    2: lambda a: 1 - a * a,
    3: lambda a: 1.0 * (a > 0),
}

def backward(cache, Y):
    m = Y.shape[1]
    nabla_w, nabla_b = {}, {}
    delta = (cache["A4"] - Y) / m
    for k in range(4, 0, -1):
        source = cache["A%d" % (k - 1)] if k > 1 else cache["X"]
        nabla_w["W%d" % k] = np.dot(delta, source.T)
        nabla_b["b%d" % k] = delta.sum(axis=1, keepdims=True)
        if k > 1:
            delta = np.dot(cache["W%d" % k].T, delta) * slopes[k - 1](source)
    return {**nabla_w, **nabla_b}
""",
        (
            ("2: lambda a: 1 - a * a,", "2: lambda a: 1 - a,"),
            ('delta = (cache["A4"] - Y) / m', 'delta = (cache["A4"] - Y) * cache["A4"] / m'),
            (
                'delta = np.dot(cache["W%d" % k].T, delta) * slopes',
                'delta = np.dot(cache["W%d" % k].T, delta) + slopes',
            ),
            ('nabla_w["W%d" % k] = np.dot(delta, source.T)', 'nabla_w["W%d" % k] = np.dot(delta, source.T) / m'),
        ),
    ),
    "logistic in rows, the loss term by term": Written(
        "logrows",
        """
def grad(X, y, p, m):
    ones = y / p
    zeros = (1 - y) / (1 - p)
    to_p = (zeros - ones) / m
    to_z = to_p * p * (1 - p)
    return {"w": X.T @ to_z, "b": to_z.sum(axis=0, keepdims=True)}
""",
        (
            ("ones = y / p", "ones = y / p ** 2"),
            ("zeros = (1 - y) / (1 - p)", "zeros = (1 + y) / (1 - p)"),
            ("to_p = (zeros - ones) / m", "to_p = (zeros + ones) / m"),
            ("to_z = to_p * p * (1 - p)", "to_z = to_p * p * (1 - p) ** 2"),
        ),
    ),
    "the document, columns one by one": Written(
        "document",
        """
def gradients(A0, A1, A2, A3, W2, W3, Y):
    count = A0.shape[1]
    sums = {"W1": 0, "W2": 0, "W3": 0, "B1": 0, "B2": 0, "B3": 0}
    for i in range(count):
        x, first, second = A0[:, i : i + 1], A1[:, i : i + 1], A2[:, i : i + 1]
        top = A3[:, i : i + 1] - Y[:, i : i + 1]
        middle = (W3.T @ top) * second * (1 - second)
        bottom = (W2.T @ middle) * first * (1 - first)
        for name, signal, below in (("3", top, second), ("2", middle, first), ("1", bottom, x)):
            sums["W" + name] = sums["W" + name] + signal @ below.T / count
            sums["B" + name] = sums["B" + name] + signal / count
    return sums
""",
        (
            ("top = A3[:, i : i + 1] - Y[:, i : i + 1]", "top = A3[:, i : i + 1] - Y[:, 0:1]"),
            ("middle = (W3.T @ top) * second * (1 - second)", "middle = (W3.T @ top) * second * (1 - first)"),
            ("bottom = (W2.T @ middle) * first * (1 - first)", "bottom = (W2.T @ middle) * first * first"),
            ('sums["B" + name] = sums["B" + name] + signal / count', 'sums["B" + name] = signal / count'),
        ),
    ),
}
