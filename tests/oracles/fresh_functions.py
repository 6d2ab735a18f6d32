"""Five functions, written last, judged once, and not tuned for."""

import more_functions  # noqa: F401 - its networks stand among those of all
from whole_functions import Written

FRESH = {
    "a generator of layers": Written(
        "document",
        """
def layers(values):
    for k in (3, 2, 1):
        yield k, values["A%d" % k], values["A%d" % (k - 1)], values["W%d" % k]

def gradients(values, Y, m):
    result, signal = {}, None
    for k, after, before, W in layers(values):
        if signal is None:
            local = after - Y
        else:
            local = signal * after * (1 - after)
        result["W%d" % k] = local @ before.T / m
        result["B%d" % k] = local.mean(axis=1, keepdims=True)
        signal = W.T @ local
    return result
""",
        (
            ("local = signal * after * (1 - after)", "local = signal * after * (2 - after)"),
            ('result["B%d" % k] = local.mean(axis=1, keepdims=True)', 'result["B%d" % k] = local.mean(keepdims=True)'),
            ("signal = W.T @ local", "signal = W.T @ local * after.mean()"),
        ),
    ),
    "relu by a boolean index": Written(
        "relu",
        """
def backward_pass(cache, parameters, X, Y):
    m = X.shape[1]
    flow = (cache["A3"] - Y) / m
    out = {"W3": flow @ cache["A2"].T, "b3": flow.sum(axis=1, keepdims=True)}
    flow = parameters["W3"].T @ flow
    flow[cache["A2"] == 0] = 0
    out["W2"], out["b2"] = flow @ cache["A1"].T, flow.sum(axis=1, keepdims=True)
    flow = parameters["W2"].T @ flow
    flow[cache["A1"] == 0] = 0
    out["W1"], out["b1"] = flow @ X.T, flow.sum(axis=1, keepdims=True)
    return out
""",
        (
            ('flow = parameters["W2"].T @ flow', 'flow = parameters["W2"].T @ flow + 1'),
            ('flow[cache["A2"] == 0] = 0', 'flow[cache["A2"] == 0] = 1'),
            ('flow = parameters["W3"].T @ flow', 'flow = parameters["W3"].T @ abs(flow)'),
        ),
    ),
    "rows, log-likelihood of classes": Written(
        "rows",
        """
def derivatives(X, Y, h, probs, W2):
    examples = len(X)
    gap = probs - Y
    head = h.T @ gap / examples
    head_shift = gap.mean(axis=0, keepdims=True)
    trunk = np.where(h > 0, gap @ W2.T, 0.0)
    return {
        "W2": head,
        "b2": head_shift,
        "W1": X.T @ trunk / examples,
        "b1": trunk.mean(axis=0, keepdims=True),
    }
""",
        (
            ("gap = probs - Y", "gap = probs * probs - Y"),
            ("trunk = np.where(h > 0, gap @ W2.T, 0.0)", "trunk = np.where(h > 0, 0.0, gap @ W2.T)"),
            ('"W1": X.T @ trunk / examples,', '"W1": X.T @ trunk,'),
        ),
    ),
    "time steps unrolled by hand": Written(
        "rnn",
        """
def unrolled(x1, x2, x3, h0, h1, h2, h3, t, Wh, m):
    end = 2.0 * (h3 - t) / m
    third = end * (1 - h3 ** 2)
    second = (Wh.T @ third) * (1 - h2 ** 2)
    first = (Wh.T @ second) * (1 - h1 ** 2)
    total = third.sum(1) + second.sum(1) + first.sum(1)
    return {
        "Wx": third @ x3.T + second @ x2.T + first @ x1.T,
        "Wh": third @ h2.T + second @ h1.T + first @ h0.T,
        "b": total[:, None],
    }
""",
        (
            ("third = end * (1 - h3 ** 2)", "third = end * (1 - h3)"),
            ("second = (Wh.T @ third) * (1 - h2 ** 2)", "second = (Wh.T @ third) * (1 - h3 ** 2)"),
            ("total = third.sum(1) + second.sum(1) + first.sum(1)", "total = third.sum(1) + second.sum(1)"),
        ),
    ),
    "penalty beside the loss, pieces named": Written(
        "l2",
        """
def gradient_pieces(cache, X, Y, W1, W2, m):
    fit_top = (cache["A2"] - Y) / m
    fit_low = (W2.T @ fit_top) * (1 - np.square(cache["A1"]))
    pull_top, pull_low = 0.2 * W2, 0.2 * W1
    return {
        "W1": fit_low @ X.T + pull_low,
        "W2": fit_top @ cache["A1"].T + pull_top,
        "b1": fit_low.sum(axis=1, keepdims=True),
        "b2": fit_top.sum(axis=1, keepdims=True),
    }
""",
        (
            ("pull_top, pull_low = 0.2 * W2, 0.2 * W1", "pull_top, pull_low = 0.2 * W2, 0.1 * W1"),
            ('(1 - np.square(cache["A1"]))', '(1 - np.sqrt(np.square(cache["A1"])))'),
            ('fit_top = (cache["A2"] - Y) / m', 'fit_top = (cache["A2"] - Y ** 2) * 0.5 / m'),
        ),
    ),
}
