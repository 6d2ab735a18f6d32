"""Eleven functions more, of deeper and other networks, in styles that nobody had tuned for when they were written."""

from whole_functions import NETWORKS, Written

import chainrule as cr


def _deep():
    A, Y = cr.Input("X", (3, "m")), cr.Input("Y", (2, "m"))
    for k, (act, n, p) in enumerate([(cr.ReLU, 5, 3), (cr.Tanh, 4, 5), (cr.ReLU, 6, 4)], 1):
        A = act(cr.Add(cr.Parameter(f"W{k}", (n, p)) @ A, cr.Parameter(f"b{k}", (n, 1)), name=f"Z{k}"), name=f"A{k}")
    Z = cr.Add(cr.Parameter("W4", (2, 6)) @ A, cr.Parameter("b4", (2, 1)), name="Z4")
    return cr.Graph(cr.CrossEntropyLoss(cr.Softmax(Z, axis=0, name="A4"), Y, name="J"))


def _mse():
    X, T = cr.Input("X", ("m", 3)), cr.Input("T", ("m", 2))
    z = cr.Add(X @ cr.Parameter("W1", (3, 4)), cr.Parameter("b1", (1, 4)), name="z1")
    h = cr.Sigmoid(z, name="h")
    out = cr.Add(h @ cr.Parameter("W2", (4, 2)), cr.Parameter("b2", (1, 2)), name="out")
    return cr.Graph(cr.MSELoss(out, T, name="loss"))


def _l2():
    X, Y = cr.Input("X", (3, "m")), cr.Input("Y", (1, "m"))
    W1, b1, W2, b2 = (
        cr.Parameter("W1", (4, 3)),
        cr.Parameter("b1", (4, 1)),
        cr.Parameter("W2", (1, 4)),
        cr.Parameter("b2", (1, 1)),
    )
    A1 = cr.Tanh(cr.Add(W1 @ X, b1, name="Z1"), name="A1")
    A2 = cr.Sigmoid(cr.Add(W2 @ A1, b2, name="Z2"), name="A2")
    return cr.Graph(cr.BCELoss(A2, Y, name="J0") + 0.1 * (cr.Sum(cr.Square(W1)) + cr.Sum(cr.Square(W2))))


def _rnn():
    h = cr.Input("h0", (3, "m"))
    Wx, Wh, b = cr.Parameter("Wx", (3, 2)), cr.Parameter("Wh", (3, 3)), cr.Parameter("b", (3, 1))
    for t in (1, 2, 3):
        h = cr.Tanh(cr.Add(cr.Add(Wx @ cr.Input(f"x{t}", (2, "m")), Wh @ h), b, name=f"z{t}"), name=f"h{t}")
    return cr.Graph(cr.MSELoss(h, cr.Input("t", (3, "m")), name="L"))


def _bn():
    x = cr.Input("x", ("m", 4))
    gamma, beta = cr.Parameter("gamma", (4,)), cr.Parameter("beta", (4,))
    mu = cr.Mean(x, axis=0, name="mu")
    xmu = cr.Subtract(x, mu, name="xmu")
    var = cr.Mean(cr.Square(xmu, name="sq"), axis=0, name="var")
    std = cr.Sqrt(var + 1e-3, name="std")
    xhat = cr.Divide(xmu, std, name="xhat")
    out = cr.Add(gamma * xhat, beta, name="out")
    return cr.Graph(cr.Sum(cr.Square(out - cr.Input("t", ("m", 4))), name="L"))


def _attn():
    X = cr.Input("X", (5, 3))
    Q, K, V = (X @ cr.Parameter(f"W{c}", (3, 4)) for c in "qkv")
    Q, K, V = cr.Add(Q, 0.0, name="Q"), cr.Add(K, 0.0, name="K"), cr.Add(V, 0.0, name="V")
    S = cr.Multiply(Q @ K.T, 0.5, name="S")
    Pm = cr.Softmax(S, axis=1, name="P")
    out = cr.MatMul(Pm, V, name="O")
    return cr.Graph(cr.Sum(cr.Square(out - cr.Input("t", (5, 4))), name="L"))


def _logrows():
    X, y, w = cr.Input("X", ("m", 3)), cr.Input("y", ("m", 1)), cr.Parameter("w", (3, 1))
    return cr.Graph(
        cr.BCELoss(cr.Sigmoid(cr.Add(X @ w, cr.Parameter("b", (1, 1)), name="z"), name="p"), y, name="loss")
    )


NETWORKS.update(deep=_deep, mse=_mse, l2=_l2, rnn=_rnn, bn=_bn, attn=_attn, logrows=_logrows)

FURTHER = {
    "deep, caches as loop with activation names": Written(
        "deep",
        """
ACTS = {1: "relu", 2: "tanh", 3: "relu"}

def activation_backward(dA, cache, l):
    if ACTS[l] == "relu":
        return dA * (cache[f"Z{l}"] > 0)
    return dA * (1 - np.tanh(cache[f"Z{l}"]) ** 2)

def L_model_backward(AL, Y, cache):
    m = Y.shape[1]
    grads = {}
    dZ = AL - Y
    for l in range(4, 0, -1):
        A_prev = cache["X"] if l == 1 else cache[f"A{l - 1}"]
        grads[f"dW{l}"] = 1 / m * dZ @ A_prev.T
        grads[f"db{l}"] = 1 / m * dZ.sum(axis=1, keepdims=True)
        if l > 1:
            dA = cache[f"W{l}"].T @ dZ
            dZ = activation_backward(dA, cache, l - 1)
    return grads
""",
        (
            ('return dA * (cache[f"Z{l}"] > 0)', 'return dA * (cache[f"Z{l}"] < 0)'),
            ('return dA * (1 - np.tanh(cache[f"Z{l}"]) ** 2)', 'return dA * (1 - np.tanh(cache[f"Z{l}"]))'),
            ("dZ = AL - Y", "dZ = Y - AL"),
            ('grads[f"dW{l}"] = 1 / m * dZ @ A_prev.T', 'grads[f"dW{l}"] = dZ @ A_prev.T'),
            ('dA = cache[f"W{l}"].T @ dZ', 'dA = cache[f"W{l}"].T @ dZ / m'),
        ),
    ),
    "rows, mse, tuple of arrays": Written(
        "mse",
        """
def backprop(X, T, h, out, W2):
    n = X.shape[0]
    delta2 = 2 * (out - T) / n
    grad_W2 = h.T @ delta2
    grad_b2 = delta2.sum(axis=0, keepdims=True)
    delta1 = (delta2 @ W2.T) * h * (1 - h)
    grad_W1 = X.T @ delta1
    grad_b1 = delta1.sum(axis=0, keepdims=True)
    return {"W1": grad_W1, "b1": grad_b1, "W2": grad_W2, "b2": grad_b2}
""",
        (
            ("delta2 = 2 * (out - T) / n", "delta2 = (out - T) / n"),
            ("delta1 = (delta2 @ W2.T) * h * (1 - h)", "delta1 = (delta2 @ W2.T) * (1 - h)"),
            ("grad_W1 = X.T @ delta1", "grad_W1 = X.T @ delta1 / n"),
            ("delta1.sum(axis=0, keepdims=True)", "delta2.sum() * np.ones((1, 4))"),
        ),
    ),
    "a class with self, closure": Written(
        "tanh",
        """
class Net:
    def __init__(self, cache, Y):
        self.c, self.Y, self.m = cache, Y, Y.shape[1]
        self.grads = {}

    def output(self):
        self.delta = self.c["A2"] - self.Y
        self.grads["W2"] = self.delta @ self.c["A1"].T / self.m
        self.grads["b2"] = self.delta.mean(axis=1, keepdims=True)

    def hidden(self):
        self.delta = (self.c["W2"].T @ self.delta) * (1 - self.c["A1"] ** 2)
        self.grads["W1"] = self.delta @ self.c["X"].T / self.m
        self.grads["b1"] = self.delta.mean(axis=1, keepdims=True)

def gradients(cache, Y):
    net = Net(cache, Y)
    net.output()
    net.hidden()
    return net.grads
""",
        (
            ('self.delta = self.c["A2"] - self.Y', 'self.delta = self.c["A2"] + self.Y'),
            ('(1 - self.c["A1"] ** 2)', 'self.c["A1"]'),
            (
                'self.grads["W2"] = self.delta @ self.c["A1"].T / self.m',
                'self.grads["W2"] = self.delta @ self.c["A1"].T',
            ),
            ('self.grads["W1"] = self.delta @', 'self.grads["W1"] = -self.delta @'),
        ),
    ),
    "weight decay": Written(
        "l2",
        """
def gradients(parameters, cache, X, Y, lam=0.1):
    m = X.shape[1]
    W1, W2 = parameters["W1"], parameters["W2"]
    A1, A2 = cache["A1"], cache["A2"]
    dZ2 = (A2 - Y) / m
    dW2 = np.dot(dZ2, A1.T) + 2 * lam * W2
    db2 = np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
    dW1 = np.dot(dZ1, X.T) + 2 * lam * W1
    db1 = np.sum(dZ1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}
""",
        (
            ("dW2 = np.dot(dZ2, A1.T) + 2 * lam * W2", "dW2 = np.dot(dZ2, A1.T)"),
            ("dW1 = np.dot(dZ1, X.T) + 2 * lam * W1", "dW1 = np.dot(dZ1, X.T) + lam * W1"),
            ("np.dot(W2.T, dZ2), 1 -", "np.dot(W2.T, dZ2), 2 -"),
            ("dZ2 = (A2 - Y) / m", "dZ2 = A2 - Y"),
            ("dW1 = np.dot(dZ1, X.T) + 2", "dW1 = np.dot(dZ1, X.T) - 2"),
        ),
    ),
    "through time": Written(
        "rnn",
        """
def bptt(cache, t, m):
    dWx = np.zeros_like(cache["Wx"])
    dWh = np.zeros_like(cache["Wh"])
    db = np.zeros_like(cache["b"])
    dh = 2 * (cache["h3"] - t) / m
    for step in reversed(range(1, 4)):
        dz = dh * (1 - cache[f"h{step}"] ** 2)
        dWx += dz @ cache[f"x{step}"].T
        dWh += dz @ cache[f"h{step - 1}"].T
        db += dz.sum(axis=1, keepdims=True)
        dh = cache["Wh"].T @ dz
    return {"Wx": dWx, "Wh": dWh, "b": db}
""",
        (
            ("dWx += dz @", "dWx = dz @"),
            ('dh = cache["Wh"].T @ dz', 'dh = cache["Wh"] @ dz'),
            ('dz = dh * (1 - cache[f"h{step}"] ** 2)', 'dz = dh * (1 - cache[f"h{step}"])'),
            ("db += dz.sum(axis=1", "db += 3 * dz.sum(axis=1"),
            ('dWh += dz @ cache[f"h{step - 1}"].T', 'dWh += dz @ cache[f"h{step}"].T'),
        ),
    ),
    "batchnorm step by step": Written(
        "bn",
        """
def batchnorm_backward(dout, cache):
    x, mu, std, xhat, gamma = (cache[k] for k in ("x", "mu", "std", "xhat", "gamma"))
    N = x.shape[0]
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * (x - mu) * -0.5 * std ** -3, axis=0)
    dmu = np.sum(-dxhat / std, axis=0)
    dx = dxhat / std + dvar * 2 * (x - mu) / N + dmu / N
    return {"x": dx, "gamma": dgamma, "beta": dbeta}
""",
        (
            (
                "dvar = np.sum(dxhat * (x - mu) * -0.5 * std ** -3, axis=0)",
                "dvar = np.sum(dxhat * (x - mu) * 0.5 * std ** -3, axis=0)",
            ),
            ("dmu / N\n", "dmu\n"),
            ("dxhat = dout * gamma", "dxhat = dout"),
            ("dgamma = (dout * xhat)", "dgamma = (dout * x)"),
        ),
    ),
    "attention": Written(
        "attn",
        """
def attention_backward(dO, Q, K, V, P, X):
    dV = P.T @ dO
    dP = dO @ V.T
    dS = P * (dP - (dP * P).sum(axis=1, keepdims=True))
    dQ = dS @ K * 0.5
    dK = dS.T @ Q * 0.5
    return {"Wq": X.T @ dQ, "Wk": X.T @ dK, "Wv": X.T @ dV}
""",
        (
            ("dS = P * (dP - (dP * P).sum(axis=1, keepdims=True))", "dS = P * (1 - P) * dP"),
            ("dK = dS.T @ Q * 0.5", "dK = dS @ Q * 0.5"),
            ("dV = P.T @ dO", "dV = P @ dO"),
            ("dQ = dS @ K * 0.5", "dQ = dS @ K"),
            ("sum(axis=1, keepdims", "sum(axis=0, keepdims"),
        ),
    ),
    "logistic in rows, flat": Written(
        "logrows",
        """
def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))

def grad(w, b, X, y):
    p = sigmoid(X.dot(w) + b)
    err = p - y
    return {"w": X.T.dot(err) / len(X), "b": np.mean(err, axis=0, keepdims=True)}
""",
        (
            ("err = p - y", "err = y - p"),
            ("p = sigmoid(X.dot(w) + b)", "p = sigmoid(X.dot(w) - b)"),
            ("return 1.0 / (1.0 + np.exp(-z))", "return 1.0 / (1.0 + np.exp(z))"),
        ),
    ),
    "list of deltas, zip": Written(
        "relu",
        """
def gradients(cache, parameters, Y):
    m = Y.shape[1]
    acts = [cache["X"], cache["A1"], cache["A2"], cache["A3"]]
    weights = [parameters[f"W{i}"] for i in (1, 2, 3)]
    deltas = [acts[-1] - Y]
    for W, a in zip(weights[:0:-1], acts[2:0:-1]):
        deltas.append(W.T @ deltas[-1] * (a > 0))
    deltas.reverse()
    out = {}
    for i, (delta, a) in enumerate(zip(deltas, acts), 1):
        out[f"W{i}"] = delta @ a.T / m
        out[f"b{i}"] = np.sum(delta, axis=1, keepdims=True) / m
    return out
""",
        (
            ("deltas = [acts[-1] - Y]", "deltas = [acts[-1] - 2 * Y]"),
            ("deltas.append(W.T @ deltas[-1] * (a > 0))", "deltas.append(W.T @ deltas[-1])"),
            ('out[f"W{i}"] = delta @ a.T / m', 'out[f"W{i}"] = delta @ a.T'),
            ("np.sum(delta, axis=1, keepdims=True) / m", "np.sum(delta, axis=1, keepdims=True)"),
        ),
    ),
    "in-place relu, maskcopy, comprehension": Written(
        "relu",
        """
def gradients(AL, Y, cache):
    m = float(Y.shape[1])
    d = (AL - Y) / m
    g = {}
    for i in (3, 2, 1):
        prev = cache["X"] if i == 1 else cache["A%d" % (i - 1)]
        g["dW%d" % i], g["db%d" % i] = d @ prev.T, d.sum(1)[:, None]
        if i == 1:
            break
        d = cache["W%d" % i].T @ d
        d[cache["Z%d" % (i - 1)] <= 0] = 0.0
    return g
""",
        (
            ("d = (AL - Y) / m", "d = AL - Y / m"),
            ('d = cache["W%d" % i].T @ d', 'd = cache["W%d" % i].T @ d * 2'),
            ("<= 0] = 0.0", ">= 0] = 0.0"),
            ("= d @ prev.T, d.sum(1)", "= d @ prev.T * m, d.sum(1)"),
        ),
    ),
    "einsum batchwise, per example loops": Written(
        "tanh",
        """
def gradients(cache, Y):
    m = Y.shape[1]
    total = {"W1": 0, "b1": 0, "W2": 0, "b2": 0}
    for j in range(m):
        x, a1, a2 = cache["X"][:, j:j+1], cache["A1"][:, j:j+1], cache["A2"][:, j:j+1]
        e = a2 - Y[:, j:j+1]
        h = cache["W2"].T @ e * (1 - a1 ** 2)
        for key, value in (("W2", e @ a1.T), ("b2", e), ("W1", h @ x.T), ("b1", h)):
            total[key] = total[key] + value
    return {key: value / m for key, value in total.items()}
""",
        (
            ("e = a2 - Y[:, j:j+1]", "e = a2 + Y[:, j:j+1]"),
            ('h = cache["W2"].T @ e * (1 - a1 ** 2)', 'h = cache["W2"].T @ e * (1 - a1)'),
            ("value / m for", "value for"),
        ),
    ),
}
