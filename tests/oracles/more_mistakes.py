"""Networks of today with their gradients by hand, for mistakes to be made in: norm, recurrence, attention, convolution.

As in ``mistakes``, nothing of the engine computes here: the forward passes are plain NumPy.
"""

import ast
import copy
import itertools

import numpy as np
from mistakes import Mistake, Net, Values, is_wrong, right_values, sigmoid, softmax

import chainrule as cr
from chainrule.notation import TextPrinter


def rows_net() -> Net:
    """Tanh and sigmoid with examples in rows, gradients per example."""
    X, Y = cr.Input("X", ("m", 2)), cr.Input("Y", ("m", 1))
    W1, b1, W2, b2 = (cr.Parameter(n, s) for n, s in (("W1", (2, 4)), ("b1", (1, 4)), ("W2", (4, 1)), ("b2", (1, 1))))
    A1 = cr.Tanh(cr.Add(X @ W1, b1, name="Z1"), name="A1")
    A2 = cr.Sigmoid(cr.Add(A1 @ W2, b2, name="Z2"), name="A2")

    def forward(rng, m):
        v: Values = {"m": m, "X": rng.normal(size=(m, 2)), "Y": rng.integers(0, 2, (m, 1)) * 1.0}
        v |= {"W1": rng.normal(size=(2, 4)), "b1": rng.normal(size=(1, 4))}
        v |= {"W2": rng.normal(size=(4, 1)), "b2": rng.normal(size=(1, 1))}
        v["Z1"] = v["X"] @ v["W1"] + v["b1"]
        v["A1"] = np.tanh(v["Z1"])
        v["Z2"] = v["A1"] @ v["W2"] + v["b2"]
        v["A2"] = sigmoid(v["Z2"])
        return v

    formulas = {
        "dZ2": "A2 - Y",
        "dW2": "A1.T @ dZ2 / m",
        "db2": "np.sum(dZ2, axis=0, keepdims=True) / m",
        "dA1": "dZ2 @ W2.T",
        "dZ1": "dA1 * (1 - A1 ** 2)",
        "dW1": "X.T @ dZ1 / m",
        "db1": "np.sum(dZ1, axis=0, keepdims=True) / m",
    }
    return Net("rows, tanh", cr.Graph(cr.BCELoss(A2, Y, name="L")), forward, formulas)


def decayed_net() -> Net:
    """A sigmoid net whose weights decay: L2, gradients of the mean loss."""
    X, Y = cr.Input("X", (2, "m")), cr.Input("Y", (1, "m"))
    W1, b1, W2, b2 = (cr.Parameter(n, s) for n, s in (("W1", (3, 2)), ("b1", (3, 1)), ("W2", (1, 3)), ("b2", (1, 1))))
    A1 = cr.ReLU(cr.Add(W1 @ X, b1, name="Z1"), name="A1")
    A2 = cr.Sigmoid(cr.Add(W2 @ A1, b2, name="Z2"), name="A2")
    loss = cr.BCELoss(A2, Y, name="J") + 0.05 * (cr.Sum(cr.Square(W1, name="q1")) + cr.Sum(cr.Square(W2, name="q2")))

    def forward(rng, m):
        v: Values = {"m": m, "X": rng.normal(size=(2, m)), "Y": rng.integers(0, 2, (1, m)) * 1.0}
        v |= {"W1": rng.normal(size=(3, 2)), "b1": rng.normal(size=(3, 1))}
        v |= {"W2": rng.normal(size=(1, 3)), "b2": rng.normal(size=(1, 1))}
        v["Z1"] = v["W1"] @ v["X"] + v["b1"]
        v["A1"] = np.maximum(v["Z1"], 0)
        v["Z2"] = v["W2"] @ v["A1"] + v["b2"]
        v["A2"] = sigmoid(v["Z2"])
        return v

    formulas = {
        "dZ2": "(A2 - Y) / m",
        "dW2": "dZ2 @ A1.T + 0.1 * W2",
        "db2": "np.sum(dZ2, axis=1, keepdims=True)",
        "dA1": "W2.T @ dZ2",
        "dZ1": "dA1 * (Z1 > 0)",
        "dW1": "dZ1 @ X.T + 0.1 * W1",
        "db1": "np.sum(dZ1, axis=1, keepdims=True)",
    }
    return Net("L2, ReLU", cr.Graph(loss), forward, formulas)


def norm_net() -> Net:
    """Batch normalization, step by step."""
    x, gamma, beta = cr.Input("x", (4, "m")), cr.Parameter("gamma", (4, 1)), cr.Parameter("beta", (4, 1))
    mu = cr.Mean(x, axis=1, keepdims=True, name="mu")
    xm = cr.Subtract(x, mu, name="xm")
    var = cr.Mean(cr.Square(xm, name="sq"), axis=1, keepdims=True, name="var")
    std = cr.Sqrt(var + 0.1, name="std")
    xh = cr.Divide(xm, std, name="xh")
    y = cr.Add(gamma * xh, beta, name="y")
    graph = cr.Graph(cr.MSELoss(y, cr.Input("t", (4, "m")), name="L"))

    def forward(rng, m):
        v: Values = {"m": m, "x": rng.normal(size=(4, m)), "t": rng.normal(size=(4, m))}
        v |= {"gamma": rng.normal(size=(4, 1)), "beta": rng.normal(size=(4, 1))}
        v["mu"] = v["x"].mean(axis=1, keepdims=True)
        v["xm"] = v["x"] - v["mu"]
        v["sq"] = v["xm"] ** 2
        v["var"] = v["sq"].mean(axis=1, keepdims=True)
        v["std"] = np.sqrt(v["var"] + 0.1)
        v["xh"] = v["xm"] / v["std"]
        v["y"] = v["gamma"] * v["xh"] + v["beta"]
        return v

    formulas = {
        "dy": "2 * (y - t) / m",
        "dgamma": "np.sum(dy * xh, axis=1, keepdims=True)",
        "dbeta": "np.sum(dy, axis=1, keepdims=True)",
        "dxh": "dy * gamma",
        "dstd": "-np.sum(dxh * xh, axis=1, keepdims=True) / std",
        "dvar": "dstd / (2 * std)",
        "dxm": "dxh / std + 2 * dvar * xm / m",
        "dmu": "-np.sum(dxm, axis=1, keepdims=True)",
        "dx": "dxm + dmu / m",
    }
    return Net("batchnorm", graph, forward, formulas)


def recurrent_net() -> Net:
    """Three steps of a recurrence, whose weights are used at each."""
    h, Wx, Wh, b = (
        cr.Input("h0", (3, "m")), cr.Parameter("Wx", (3, 2)), cr.Parameter("Wh", (3, 3)), cr.Parameter("b", (3, 1))
    )  # fmt: skip
    for step in (1, 2, 3):
        with cr.layer(f"step {step}"):
            x = cr.Input(f"x{step}", (2, "m"))
            h = cr.Tanh(cr.Add(cr.Add(Wx @ x, Wh @ h), b, name=f"z{step}"), name=f"h{step}")
    graph = cr.Graph(cr.MSELoss(h, cr.Input("t", (3, "m")), name="L"))

    def forward(rng, m):
        v: Values = {"m": m, "h0": rng.normal(size=(3, m)), "t": rng.normal(size=(3, m))}
        v |= {"Wx": rng.normal(size=(3, 2)), "Wh": rng.normal(size=(3, 3)), "b": rng.normal(size=(3, 1))}
        for k in (1, 2, 3):
            v[f"x{k}"] = rng.normal(size=(2, m))
            v[f"z{k}"] = v["Wx"] @ v[f"x{k}"] + v["Wh"] @ v[f"h{k - 1}"] + v["b"]
            v[f"h{k}"] = np.tanh(v[f"z{k}"])
        return v

    formulas = {"dh3": "2 * (h3 - t) / m"}
    for k in (3, 2, 1):
        formulas[f"dz{k}"] = f"dh{k} * (1 - h{k} ** 2)"
        if k > 1:
            formulas[f"dh{k - 1}"] = f"Wh.T @ dz{k}"
    formulas["dWx"] = "dz3 @ x3.T + dz2 @ x2.T + dz1 @ x1.T"
    formulas["dWh"] = "dz3 @ h2.T + dz2 @ h1.T + dz1 @ h0.T"
    formulas["db"] = "np.sum(dz3 + dz2 + dz1, axis=1, keepdims=True)"
    return Net("RNN", graph, forward, formulas)


def attention_net() -> Net:
    """One head of attention; the loss is a sum."""
    Q, K, V, t = (cr.Parameter(n, s) for n, s in (("Q", (5, 3)), ("K", (4, 3)), ("V", (4, 2)), ("t", (5, 2))))
    S = cr.Divide(Q @ K.T, 2.0, name="S")
    O = cr.MatMul(cr.Softmax(S, axis=1, name="P"), V, name="O")  # noqa: E741  # what papers call it
    graph = cr.Graph(cr.Sum(cr.Square(O - t), name="L"))

    def forward(rng, m):
        v: Values = {
            name: rng.normal(size=s) for name, s in (("Q", (5, 3)), ("K", (4, 3)), ("V", (4, 2)), ("t", (5, 2)))
        }
        v["S"] = v["Q"] @ v["K"].T / 2
        v["P"] = softmax(v["S"].T).T
        v["O"] = v["P"] @ v["V"]
        return v

    formulas = {
        "dO": "2 * (O - t)",
        "dV": "P.T @ dO",
        "dP": "dO @ V.T",
        "dS": "P * (dP - np.sum(dP * P, axis=1, keepdims=True))",
        "dQ": "dS @ K / 2",
        "dK": "dS.T @ Q / 2",
    }
    return Net("attention", graph, forward, formulas)


def convolution_net() -> Net:
    """A kernel of three weights along a row of numbers, and what follows from it."""
    x, k0, k1, k2 = cr.Input("x", (3, 9)), *(cr.Parameter(f"k{j}", (3, 1)) for j in range(3))
    y = cr.Add(cr.Add(k0 * x[:, :-2], k1 * x[:, 1:-1]), k2 * x[:, 2:], name="y")
    a = cr.ReLU(y, name="a")
    graph = cr.Graph(cr.Sum(cr.Square(a - cr.Input("t", (3, 7)), name="s"), name="L"))

    def forward(rng, m):
        v: Values = {"x": rng.normal(size=(3, 9)), "t": rng.normal(size=(3, 7))}
        v |= {f"k{j}": rng.normal(size=(3, 1)) for j in range(3)}
        v["y"] = v["k0"] * v["x"][:, :-2] + v["k1"] * v["x"][:, 1:-1] + v["k2"] * v["x"][:, 2:]
        v["a"] = np.maximum(v["y"], 0)
        return v

    formulas = {
        "da": "2 * (a - t)",
        "dy": "da * (y > 0)",
        "dk0": "np.sum(dy * x[:, :-2], axis=1, keepdims=True)",
        "dk1": "np.sum(dy * x[:, 1:-1], axis=1, keepdims=True)",
        "dk2": "np.sum(dy * x[:, 2:], axis=1, keepdims=True)",
    }
    return Net("convolution", graph, forward, formulas)


def more_nets() -> list[Net]:
    """The networks of today."""
    return [rows_net(), decayed_net(), norm_net(), recurrent_net(), attention_net(), convolution_net()]


# --- right formulas in other words, wherever they can be said otherwise ----------------------------------------------


def everywhere(net: Net) -> list[tuple[str, str]]:
    """Right formulas with one part written otherwise, each checked by Python: name and text."""
    draws = [right_values(net, seed=20 + m, m=m) for m in (6, 11)]
    found: dict[tuple[str, str], None] = {}
    for name, text in net.formulas.items():
        tree = ast.parse(text, mode="eval")
        for k, node in enumerate(ast.walk(tree)):
            if isinstance(node, ast.expr):
                for other in _otherwise(node):
                    found[name, _replaced(tree, k, other)] = None
    wrong = [(name, text) for name, text in found if is_wrong(name, text, draws)]
    assert not wrong, wrong
    return list(found)


def _otherwise(node: ast.expr) -> list[str]:
    """What means the same as a part: as a value, and by what it is made of."""
    text = ast.unparse(node)
    found: list[str] = []
    if isinstance(node, ast.BinOp | ast.Name) and text not in ("np", "m"):
        found += [f"+({text})", f"-(-({text}))", f"({text}) * 1", f"1.0 * ({text})", f"({text}) / 1", f"({text}) + 0"]
    if isinstance(node, ast.BinOp):
        a, b = f"({ast.unparse(node.left)})", f"({ast.unparse(node.right)})"
        found += {
            ast.Add: [f"{b} + {a}", f"np.add({a}, {b})", f"{a} - (-{b})"],
            ast.Sub: [f"-({b} - {a})", f"-{b} + {a}", f"np.subtract({a}, {b})", f"{a} + (-1) * {b}"],
            ast.Mult: [
                f"{b} * {a}",
                f"np.multiply({a}, {b})",
                f"{a} / (1 / {b})" if b[1:2].isalpha() else f"{b} * {a}",
            ],
            ast.Div: [f"{a} * (1 / {b})", f"np.divide({a}, {b})", f"{a} * {b} ** -1.0", f"1 / {b} * {a}"],
            ast.MatMult: [f"np.dot({a}, {b})", f"np.matmul({a}, {b})", f"({b}.T @ {a}.T).T", f"{a}.dot({b})"],
            ast.Pow: [f"np.power({a}, {b})", f"{a} * {a}" if b == "(2)" else f"{a} ** {b}", f"np.square({a})"],
        }[type(node.op)]
    return found


def _replaced(tree: ast.Expression, k: int, text: str) -> str:
    twin = copy.deepcopy(tree)
    old = list(ast.walk(twin))[k]
    new = ast.parse(text, mode="eval").body
    for parent in ast.walk(twin):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list):
                setattr(parent, field, [new if item is old else item for item in value])
    return ast.unparse(twin)


# --- contributions that are forgotten --------------------------------------------------------------------------------


def forgotten(net: Net) -> list[tuple[str, str, list[str]]]:
    """Every gradient that is a sum of contributions, with every proper part of it: name, text, who is missing."""
    found = []
    derived = net.graph.derivation()
    for node in net.graph.order:
        line = f"d{net.graph.name(node)}"
        if node.name is None or line not in net.formulas:
            continue
        sent = [(consumer, TextPrinter().print(symbol)) for consumer, symbol in derived[line].contributions]
        for size in range(1, len(sent)):
            for kept in itertools.combinations(range(len(sent)), size):
                text = " + ".join(sent[j][1] for j in kept)
                found.append((line, text, [sent[j][1] for j in range(len(sent)) if j not in kept]))
    return found


# --- mistakes that belong to them -----------------------------------------------------------------------------------

SLIPS = [
    ("softmax entry by entry", "attention", "dS", "dP * P * (1 - P)"),
    ("softmax entry by entry", "attention", "dS", "P * dP - P ** 2 * dP"),
    ("softmax entry by entry", "attention", "dS", "np.multiply(dP, P - P ** 2)"),
    ("path forgotten", "batchnorm", "dx", "dxh / std"),
    ("path forgotten", "batchnorm", "dx", "dxm"),
    ("path forgotten", "batchnorm", "dxm", "dxh / std"),
    ("path forgotten", "RNN", "dWx", "dz3 @ x3.T"),
    ("path forgotten", "RNN", "dWh", "dz3 @ h2.T"),
    ("path forgotten", "L2, ReLU", "dW1", "dZ1 @ X.T"),
    ("path forgotten", "L2, ReLU", "dW2", "dZ2 @ A1.T"),
    ("ReLU of a gradient", "L2, ReLU", "dZ1", "np.maximum(0, dA1)"),
    ("ReLU of a gradient", "convolution", "dy", "np.maximum(da, 0)"),
    ("mask of a gradient", "L2, ReLU", "dZ1", "dA1 * (dA1 > 0)"),
    ("kernel flipped", "convolution", "dk0", "np.sum(dy * x[:, ::-1][:, :-2], axis=1, keepdims=True)"),
    ("matrix factor forgotten", "rows, tanh", "dA1", "dZ2"),
    ("matrix factor forgotten", "L2, ReLU", "dA1", "W2.T"),
    ("slope taken of A", "rows, tanh", "dZ1", "dA1 * (1 - np.tanh(A1) ** 2)"),
    ("slope taken of A", "RNN", "dz2", "dh2 * (1 - np.tanh(h2) ** 2)"),
    ("n - 1", "batchnorm", "dxm", "dxh / std + 2 * dvar * xm / (m - 1)"),
    ("epsilon", "batchnorm", "dvar", "dstd / (2 * std + 1e-4)"),
    ("bound", "rows, tanh", "dW1", "np.clip(X.T @ dZ1 / m, -5, 5)"),
]


def slips(net: Net) -> list[Mistake]:
    """The mistakes that belong to a network, each wrong in plain NumPy."""
    draws = [right_values(net, seed=10 + m, m=m) for m in (6, 11)]
    found = [Mistake(kind, name, text) for kind, where, name, text in SLIPS if where == net.name]
    wrong = [mistake for mistake in found if mistake.kind == "bound" or is_wrong(mistake.name, mistake.text, draws)]
    assert len(wrong) == len(found)
    return found
