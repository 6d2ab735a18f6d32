"""Five functions more, written when all that finds lines was done, and never tuned for."""

import more_functions  # noqa: F401 - its networks stand among those of all
from whole_functions import Written

UNSEEN = {
    "a stack of closures": Written(
        "tanh",
        """
def gradients(cache, Y):
    m = Y.shape[1]
    def through_product(W, below, upstream):
        return upstream @ below.T, W.T @ upstream
    def through_tanh(out, upstream):
        return upstream - upstream * out * out
    start = (cache["A2"] - Y) / m
    gW2, gA1 = through_product(cache["W2"], cache["A1"], start)
    gZ1 = through_tanh(cache["A1"], gA1)
    gW1, gX = through_product(cache["W1"], cache["X"], gZ1)
    return {"W1": gW1, "W2": gW2, "b1": gZ1.sum(axis=1, keepdims=True), "b2": start.sum(axis=1, keepdims=True)}
""",
        (
            ("return upstream - upstream * out * out", "return upstream - upstream * out"),
            ('start = (cache["A2"] - Y) / m', 'start = (cache["A2"] - Y) / (m + 1)'),
            ("gZ1 = through_tanh(cache[", "gZ1 = -through_tanh(cache["),
            ('cache["X"], gZ1)', 'cache["X"], 2 * gZ1)'),
        ),
    ),
    "rows, everything in einsum": Written(
        "mse",
        """
def backprop(X, T, h, out, W2):
    n = len(X)
    err = np.multiply(2.0 / n, np.subtract(out, T))
    back = np.einsum("ij,kj->ik", err, W2)
    slope = h - np.square(h)
    inner = back * slope
    return {
        "W1": np.einsum("ij,ik->jk", X, inner),
        "b1": np.sum(inner, axis=0, keepdims=True),
        "W2": np.einsum("ij,ik->jk", h, err),
        "b2": np.sum(err, axis=0, keepdims=True),
    }
""",
        (
            ("np.multiply(2.0 / n,", "np.multiply(1.0 / n,"),
            ("slope = h - np.square(h)", "slope = 1 - np.square(h)"),
            ("inner = back * slope", "inner = back + slope"),
            ('"W2": np.einsum("ij,ik->jk", h, err)', '"W2": np.einsum("ij,ik->jk", h, err) / n'),
        ),
    ),
    "penalty added in a loop at the end": Written(
        "l2",
        """
def gradients(cache, X, Y, W1, W2):
    m = X.shape[1]
    d2 = (cache["A2"] - Y) / m
    d1 = W2.T @ d2 * (1 - cache["A1"] ** 2)
    g = {"W1": d1 @ X.T, "W2": d2 @ cache["A1"].T}
    for key, W in (("W1", W1), ("W2", W2)):
        g[key] = g[key] + 0.2 * W
    g["b1"] = d1.sum(axis=1, keepdims=True)
    g["b2"] = d2.sum(axis=1, keepdims=True)
    return g
""",
        (
            ("g[key] = g[key] + 0.2 * W", "g[key] = g[key] + 0.1 * W"),
            ('d1 = W2.T @ d2 * (1 - cache["A1"] ** 2)', 'd1 = W2.T @ d2 * (1 + cache["A1"] ** 2)'),
            ('"W2": d2 @ cache["A1"].T}', '"W2": d2 @ cache["A1"].T * m}'),
            ('g["b1"] = d1.sum', 'g["b1"] = d2.sum() + 0 * d1.sum'),
        ),
    ),
    "recurrence with a list of states": Written(
        "rnn",
        """
def bptt(cache, t, m):
    states = [cache["h0"], cache["h1"], cache["h2"], cache["h3"]]
    inputs = [None, cache["x1"], cache["x2"], cache["x3"]]
    total_x, total_h, total_b = 0, 0, 0
    grad = (states[3] - t) * 2 / m
    for k in (3, 2, 1):
        delta = grad - grad * states[k] * states[k]
        total_x = total_x + delta @ inputs[k].T
        total_h = total_h + delta @ states[k - 1].T
        total_b = total_b + np.sum(delta, axis=1, keepdims=True)
        grad = np.dot(cache["Wh"].T, delta)
    return {"Wx": total_x, "Wh": total_h, "b": total_b}
""",
        (
            ("grad = (states[3] - t) * 2 / m", "grad = (states[3] - t) / m"),
            ("delta = grad - grad * states[k] * states[k]", "delta = grad - states[k] * states[k]"),
            ("total_h = total_h + delta @ states[k - 1].T", "total_h = total_h - delta @ states[k - 1].T"),
            ('grad = np.dot(cache["Wh"].T, delta)', 'grad = np.dot(cache["Wh"].T, delta) / m'),
        ),
    ),
    "softmax in rows, labels by their numbers": Written(
        "rows",
        """
def grads(cache, X, Y, W2):
    count = X.shape[0]
    delta = np.array(cache["probs"])
    delta -= Y
    delta /= count
    hidden = delta.dot(W2.T)
    hidden[cache["h"] <= 0] = 0
    return {"W2": cache["h"].T.dot(delta), "W1": X.T.dot(hidden), "b1": hidden.sum(0, keepdims=True)}
""",
        (
            ("delta /= count", "delta /= count + 1"),
            ("delta -= Y", "delta -= 2 * Y"),
            ("hidden = delta.dot(W2.T)", "hidden = delta.dot(W2.T) * 3"),
            ('hidden[cache["h"] <= 0] = 0', 'hidden[cache["h"] > 0] = 0'),
        ),
    ),
}
