"""Networks as people write them in NumPy, in the styles that are about, none of which knows of nodes.

``NETWORKS`` has each with what it is traced with: tuples are shapes, and "m" and "n" are sizes with a name.
"""

import numpy as np

# --- a course: columns, helpers that return caches, a cost with asserts ---------------------------------------------


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z)), Z


def relu(Z):
    A = np.maximum(0, Z)
    assert A.shape == Z.shape
    return A, Z


def linear(A, W, b):
    Z = np.dot(W, A) + b
    assert Z.shape == (W.shape[0], A.shape[1])
    return Z, (A, W, b)


def linear_activation(A_prev, W, b, activation):
    Z, linear_cache = linear(A_prev, W, b)
    A, activation_cache = {"relu": relu, "sigmoid": sigmoid}[activation](Z)
    return A, (linear_cache, activation_cache)


def cross_entropy(AL, Y):
    m = Y.shape[1]
    cost = (-np.sum(np.multiply(Y, np.log(AL)) + np.multiply(1 - Y, np.log(1 - AL)))) / m
    cost = np.squeeze(cost)
    assert cost.shape == ()
    return cost


def three_layers(X, Y, W1, b1, W2, b2, W3, b3):  # noqa: PLR0917 — as people write it
    """2-3-3-1, written out, with a dict of what the way back needs."""
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = np.tanh(Z2)
    Z3 = np.dot(W3, A2) + b3
    A3 = 1 / (1 + np.exp(-Z3))
    cache = {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2, "Z3": Z3, "A3": A3}
    cost = cross_entropy(A3, Y)
    return cost, cache


def many_layers(X, Y, parameters):
    """As many layers as there are parameters, in a loop that rebinds A."""
    caches, A = [], X
    L = len(parameters) // 2
    for k in range(1, L):
        A_prev = A
        A, cache = linear_activation(A_prev, parameters["W" + str(k)], parameters["b" + str(k)], "relu")
        caches.append(cache)
    AL, cache = linear_activation(A, parameters["W" + str(L)], parameters["b" + str(L)], "sigmoid")
    caches.append(cache)
    cost = cross_entropy(AL, Y)
    return cost, AL, caches


def regularized(X, Y, W1, b1, W2, b2, lambd=0.7):  # noqa: PLR0917 — as people write it
    A1, _ = linear_activation(X, W1, b1, "relu")
    A2, _ = linear_activation(A1, W2, b2, "sigmoid")
    m = Y.shape[1]
    penalty = (1.0 / m * lambd / 2) * (np.sum(np.square(W1)) + np.sum(np.square(W2)))
    cost = cross_entropy(A2, Y) + penalty
    return cost  # noqa: RET504 — as people write it


def images(X, Y, w, b):
    """Logistic regression on images that are laid flat and scaled."""
    flat = X.reshape(X.shape[0], -1).T / 255.0
    m = flat.shape[1]
    A = 1 / (1 + np.exp(-(np.dot(w.T, flat) + b)))
    cost = (-1 / m) * np.sum(Y * np.log(A) + (1 - Y) * (np.log(1 - A)))
    return cost  # noqa: RET504 — likewise


# --- rows: softmax, batch normalization ------------------------------------------------------------------------------


def softmax(scores):
    exps = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    return exps / np.sum(exps, axis=1, keepdims=True)


def classifier(X, onehot, W, b):
    scores = X @ W + b
    probs = softmax(scores)
    loss = -np.mean(np.sum(onehot * np.log(probs), axis=1))
    return loss, probs


def batchnorm(x, gamma, beta, eps=1e-5):
    mu = np.mean(x, axis=0)
    xc = x - mu
    var = np.mean(xc**2, axis=0)
    std = np.sqrt(var + eps)
    xn = xc / std
    out = gamma * xn + beta
    return out, (xn, std)


def normalized(X, y, W1, gamma, beta, W2):  # noqa: PLR0917 — as people write it
    h, cache = batchnorm(X.dot(W1), gamma, beta)
    out = np.where(h > 0, h, 0.01 * h).dot(W2)
    loss = ((out - y) ** 2).sum() / X.shape[0]
    return loss, cache


# --- through time ----------------------------------------------------------------------------------------------------


def rnn(xs, ys, h0, p):
    """A list of steps, the state bound again in each."""
    h, loss, hs = h0, 0.0, []
    for x, y in zip(xs, ys, strict=True):
        h = np.tanh(p["Wxh"] @ x + p["Whh"] @ h + p["bh"])
        hs.append(h)
        loss += np.mean((p["Why"] @ h - y) ** 2)
    return loss, hs


def characters(inputs, targets, hprev, Wxh, Whh, Why, bh, by):  # noqa: PLR0917 — as people write it
    """Whole numbers in, dicts of steps by their numbers."""
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = hprev
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((4, 1))
        xs[t] += np.arange(4).reshape(4, 1) == inputs[t]
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        ys[t] = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
        loss += -np.log(ps[t][targets[t], 0])
    return loss


def lstm(x, h_prev, c_prev, Wf, Wi, Wc, Wo):  # noqa: PLR0917 — as people write it
    z = np.concatenate((h_prev, x), axis=0)
    f, i, o = (1 / (1 + np.exp(-np.dot(W, z))) for W in (Wf, Wi, Wo))
    g = np.tanh(np.dot(Wc, z))
    c_next = f * c_prev + i * g
    h_next = o * np.tanh(c_next)
    return np.sum(h_next), h_next, c_next


def gates_at_once(x, h, c, W, b):
    """One product for all gates, cut apart."""
    i, f, o, g = np.split(W @ np.concatenate([h, x]) + b, 4)
    i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
    c = f * c + i * np.tanh(g)
    return np.mean(o * np.tanh(c))


def smooth(x, W, weights):
    """A filter over time whose output should be even, scaled by the deviation of the sample."""
    h = np.tanh(x @ W)
    h = h / np.std(h, axis=1, ddof=1, keepdims=True)
    return np.average(np.sum(np.diff(h) ** 2, axis=1), weights=weights)


# --- few lines -------------------------------------------------------------------------------------------------------


def pairs(params, inputs, targets):
    """A list of weights and biases, in the style of libraries that differentiate functions."""
    for W, b in params:
        outputs = np.dot(inputs, W) + b
        inputs = np.tanh(outputs)
    return np.mean((outputs - targets) ** 2)


def attention(x, Wq, Wk, Wv):
    q, k, v = x @ Wq, x @ Wk, x @ Wv
    scores = np.einsum("ik,jk->ij", q, k) / np.sqrt(Wq.shape[1])
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return (weights @ v).sum()


class Dense:
    """A layer with weights and what it has seen last."""

    def __init__(self, W, b):
        self.W, self.b = W, b

    def __call__(self, x):
        self.x, self.z = x, self.W @ x + self.b
        return self.activation(self.z)

    def activation(self, z):
        return z * np.tanh(np.log1p(np.exp(z)))


def objects(X, y, W, b):
    """Layers that are objects, made where they are used."""
    layers = [Dense(*given) for given in zip(W, b, strict=True)]
    for layer in layers:
        X = layer(X)
    return np.sqrt(np.sum((X - y) ** 2))


X, Y = (2, "m"), (1, "m")
NETWORKS = {
    three_layers: {"X": X, "Y": Y, "W1": (3, 2), "b1": (3, 1), "W2": (4, 3), "b2": (4, 1), "W3": (1, 4), "b3": (1, 1)},
    many_layers: {
        "X": X,
        "Y": Y,
        "parameters": {"W1": (4, 2), "b1": (4, 1), "W2": (3, 4), "b2": (3, 1), "W3": (1, 3), "b3": (1, 1)},
    },
    regularized: {"X": X, "Y": Y, "W1": (3, 2), "b1": (3, 1), "W2": (1, 3), "b2": (1, 1)},
    images: {"X": ("m", 3, 4), "Y": Y, "w": (12, 1), "b": ()},
    classifier: {"X": ("m", 4), "onehot": ("m", 3), "W": (4, 3), "b": (3,)},
    normalized: {"X": ("m", 4), "y": ("m", 2), "W1": (4, 3), "gamma": (3,), "beta": (3,), "W2": (3, 2)},
    rnn: {
        "xs": [X, X, X],
        "ys": [Y, Y, Y],
        "h0": (3, "m"),
        "p": {"Wxh": (3, 2), "Whh": (3, 3), "bh": (3, 1), "Why": (1, 3)},
    },
    characters: {
        "inputs": [1, 3, 0],
        "targets": [3, 0, 2],
        "hprev": (3, 1),
        "Wxh": (3, 4),
        "Whh": (3, 3),
        "Why": (4, 3),
        "bh": (3, 1),
        "by": (4, 1),
    },
    lstm: {"x": X, "h_prev": (3, "m"), "c_prev": (3, "m"), **dict.fromkeys(("Wf", "Wi", "Wc", "Wo"), (3, 5))},
    gates_at_once: {"x": X, "h": (3, "m"), "c": (3, "m"), "W": (12, 5), "b": (12, 1)},
    smooth: {"x": (4, 6), "W": (6, 3), "weights": (4,)},
    pairs: {"params": [[(4, 3), (3,)], [(3, 2), (2,)]], "inputs": ("m", 4), "targets": ("m", 2)},
    attention: {"x": ("n", 4), "Wq": (4, 3), "Wk": (4, 3), "Wv": (4, 2)},
    objects: {"X": X, "y": Y, "W": [(3, 2), (1, 3)], "b": [(3, 1), (1, 1)]},
}


def arrays(given, rng):
    """The same with arrays in the place of shapes."""
    if isinstance(given, tuple):
        return rng.uniform(0.1, 0.9, tuple({"m": 5, "n": 6}.get(size, size) for size in given))
    if isinstance(given, dict):
        return {key: arrays(part, rng) for key, part in given.items()}
    return [arrays(part, rng) for part in given] if isinstance(given, list) else given


def flat(given):
    """All arrays, in their order."""
    if isinstance(given, np.ndarray):
        return [given]
    parts = given.values() if isinstance(given, dict) else given if isinstance(given, (list, tuple)) else ()
    return [array for part in parts for array in flat(part)]
