"""Wrong formulas by the hundred, and right ones written in other ways, all judged by plain NumPy before they are used.

Nothing of the engine computes here: the networks are written out once more, right formulas are Python functions, and a
mistake counts only when it gives something else on data drawn at random.
"""

import ast
import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr

Values = dict[str, Any]


@dataclass(frozen=True)
class Net:
    """A graph, its forward pass in plain NumPy, and its gradients derived by hand in the order of the sweep."""

    name: str
    graph: cr.Graph
    forward: Callable[[np.random.Generator, int], Values]
    formulas: dict[str, str]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


SUM = r"(?:np\.sum\((dZ\d), axis=1, keepdims=True\)|(dZ\d)\.sum\(axis=1, keepdims=True\))( / m)?"
NAMESPACE = {"np": np, "sigmoid": sigmoid, "len": len}


def compute(text: str, values: Values) -> Any:
    """What Python itself makes of a formula."""
    source = f"def formula({', '.join(values)}):\n    return {text}"
    space = dict(NAMESPACE)
    exec(compile(source, "<formula>", "exec"), space)
    with np.errstate(all="ignore"):
        return np.asarray(space["formula"](**values))


def right_values(net: Net, seed: int, m: int) -> Values:
    """Every value and every gradient on data drawn at random."""
    values = net.forward(np.random.default_rng(seed), m)
    for name, text in net.formulas.items():
        values[name] = compute(text, values)
    return values


# --- the networks --------------------------------------------------------------------------------------------------


def sigmoid_net(sizes: tuple[int, ...], convention: str) -> Net:
    """A network of sigmoids with binary cross-entropy, in either convention of 1/m."""
    last = len(sizes) - 1
    mean = convention == "mean"
    A: Any = cr.Input("A0", shape=(sizes[0], "m"))
    Y = cr.Input("Y", shape=(sizes[-1], "m"))
    for k in range(1, last + 1):
        W, B = cr.Parameter(f"W{k}", (sizes[k], sizes[k - 1])), cr.Parameter(f"B{k}", (sizes[k], 1))
        A = cr.Sigmoid(cr.Add(W @ A, B, name=f"Z{k}"), name=f"A{k}")

    def forward(rng, m):
        values: Values = {"m": m, "A0": rng.normal(size=(sizes[0], m)), "Y": rng.integers(0, 2, (sizes[-1], m)) * 1.0}
        for k in range(1, last + 1):
            values[f"W{k}"], values[f"B{k}"] = rng.normal(size=(sizes[k], sizes[k - 1])), rng.normal(size=(sizes[k], 1))
            values[f"Z{k}"] = values[f"W{k}"] @ values[f"A{k - 1}"] + values[f"B{k}"]
            values[f"A{k}"] = sigmoid(values[f"Z{k}"])
        return values

    formulas = {}
    over = "" if mean else " / m"
    for k in range(last, 0, -1):
        first = f"(A{k} - Y) / m" if mean else f"A{k} - Y"
        formulas[f"dZ{k}"] = first if k == last else f"dA{k} * A{k} * (1 - A{k})"
        formulas[f"dW{k}"] = f"dZ{k} @ A{k - 1}.T{over}"
        formulas[f"dB{k}"] = f"np.sum(dZ{k}, axis=1, keepdims=True){over}"
        if k > 1:
            formulas[f"dA{k - 1}"] = f"W{k}.T @ dZ{k}"

    name = "-".join(map(str, sizes)) + f", {convention}"
    return Net(name, cr.Graph(cr.BCELoss(A, Y, name="L")), forward, formulas)


def softmax_net() -> Net:
    """ReLU, tanh and softmax with cross-entropy: gradients of the mean loss."""
    sizes = (2, 5, 4, 3)
    A0, Y = cr.Input("A0", shape=(2, "m")), cr.Input("Y", shape=(3, "m"))
    W1, B1, W2, B2, W3, B3 = (
        cr.Parameter(f"{letter}{k}", (sizes[k], sizes[k - 1] if letter == "W" else 1))
        for k in (1, 2, 3)
        for letter in "WB"
    )
    A1 = cr.ReLU(cr.Add(W1 @ A0, B1, name="Z1"), name="A1")
    A2 = cr.Tanh(cr.Add(W2 @ A1, B2, name="Z2"), name="A2")
    A3 = cr.Softmax(cr.Add(W3 @ A2, B3, name="Z3"), axis=0, name="A3")

    def forward(rng, m):
        v: Values = {"m": m, "A0": rng.normal(size=(2, m)), "Y": np.eye(3)[:, rng.integers(0, 3, m)]}
        for k in (1, 2, 3):
            v[f"W{k}"], v[f"B{k}"] = rng.normal(size=(sizes[k], sizes[k - 1])), rng.normal(size=(sizes[k], 1))
            v[f"Z{k}"] = v[f"W{k}"] @ v[f"A{k - 1}"] + v[f"B{k}"]
            v[f"A{k}"] = {1: lambda z: np.maximum(z, 0), 2: np.tanh, 3: softmax}[k](v[f"Z{k}"])
        return v

    formulas = {"dZ3": "(A3 - Y) / m"}
    slopes = {2: "dA2 * (1 - A2 ** 2)", 1: "dA1 * (Z1 > 0)"}
    for k in (3, 2, 1):
        if k < 3:
            formulas[f"dZ{k}"] = slopes[k]
        formulas[f"dW{k}"] = f"dZ{k} @ A{k - 1}.T"
        formulas[f"dB{k}"] = f"dZ{k}.sum(axis=1, keepdims=True)"
        if k > 1:
            formulas[f"dA{k - 1}"] = f"W{k}.T @ dZ{k}"

    return Net("softmax 2-5-4-3", cr.Graph(cr.CrossEntropyLoss(A3, Y, name="L")), forward, formulas)


def softmax(z):
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


def no_network() -> Net:
    """Products, quotients, a sine and an exponential that meet again: q is used three times. The loss is a sum."""
    p, q, c = cr.Input("p", shape=(3, "m")), cr.Input("q", shape=(3, "m")), cr.Parameter("c", shape=(3, 1), init="ones")
    u = cr.Multiply(p, q, name="u")
    v = cr.Sin(u, name="v")
    w = cr.Exp(q, name="w")
    y = cr.Multiply(v, w, name="y")
    r = cr.Divide(y, c, name="r")
    e = cr.Subtract(r, q, name="e")

    def forward(rng, m):
        p, q = rng.normal(size=(3, m)), rng.normal(size=(3, m))
        c = rng.uniform(0.5, 2, size=(3, 1))
        u = p * q
        v, w = np.sin(u), np.exp(q)
        y = v * w
        return {"p": p, "q": q, "c": c, "u": u, "v": v, "w": w, "y": y, "r": y / c, "e": y / c - q}

    formulas = {
        "de": "2 * e",
        "dr": "de",
        "dy": "dr / c",
        "dc": "-np.sum(dr * r / c, axis=1, keepdims=True)",
        "dv": "dy * w",
        "dw": "dy * v",
        "du": "dv * np.cos(u)",
        "dp": "du * q",
        "dq": "du * p + dw * w - de",
    }
    return Net("no network", cr.Graph(cr.Sum(cr.Square(e), name="L")), forward, formulas)


def all_nets() -> list[Net]:
    """The five networks and conventions that mistakes are made in."""
    return [
        sigmoid_net((2, 3, 3, 1), "per-example"),
        sigmoid_net((2, 3, 3, 1), "mean"),
        sigmoid_net((2, 4, 3, 1), "per-example"),
        softmax_net(),
        no_network(),
    ]


# --- single mistakes -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mistake:
    """A wrong formula for one line, and which kind of mistake made it."""

    kind: str
    name: str
    text: str


def variants(net: Net) -> Iterator[tuple[str, str]]:
    """The right formulas, those of a slope also in the other ways in which people write it."""
    for name, text in net.formulas.items():
        yield name, text
        if found := re.fullmatch(r"dA(\d) \* A\1 \* \(1 - A\1\)", text):
            k = found[1]
            yield name, f"dA{k} * sigmoid(Z{k}) * (1 - sigmoid(Z{k}))"
            yield name, f"np.multiply(dA{k}, A{k} - A{k} ** 2)"
        if found := re.fullmatch(r"dZ(\d) @ A(\d)\.T( / m)?", text):
            factor = "1./m * " if found[3] else ""
            yield name, f"{factor}np.dot(dZ{found[1]}, A{found[2]}.T)"


def single_mistakes(net: Net) -> list[Mistake]:
    """Every single-change mistake of every formula that is one: it cannot be computed, or gives something else."""
    draws = [right_values(net, seed=10 + m, m=m) for m in (6, 11)]
    found: dict[tuple[str, str], Mistake] = {}
    for name, text in variants(net):
        for kind, wrong in mutations(text, name, set(draws[0])):
            if (name, wrong) not in found and is_wrong(name, wrong, draws):
                found[name, wrong] = Mistake(kind, name, wrong)
    return list(found.values())


def double_mistakes(net: Net, step: int, limit: int = 10**9) -> list[Mistake]:
    """Every ``step``-th formula with two mistakes."""
    draws = [right_values(net, seed=10 + m, m=m) for m in (6, 11)]
    found: dict[tuple[str, str], Mistake] = {}
    count = 0
    for name, text in net.formulas.items():
        for kind, once in mutations(text, name, set(draws[0])):
            for other, twice in mutations(once, name, set(draws[0])):
                count += 1
                if count % step == 0 and is_wrong(name, twice, draws):
                    found[name, twice] = Mistake(f"{kind} + {other}", name, twice)
                    if len(found) == limit:
                        return list(found.values())
    return list(found.values())


def is_wrong(name: str, text: str, draws: list[Values]) -> bool:
    """Whether a formula gives something else than it should: by 1e-6 of the largest entry, far above rounding."""
    return not all(gives(text, values, name) for values in draws)


def gives(text: str, values: Values, name: str) -> bool:
    """Whether Python computes the value of that name, from the others, to 1e-6 of its largest entry."""
    expected = values[name]
    try:
        result = compute(text, {key: value for key, value in values.items() if key != name})
    except Exception:
        return False
    if result.shape != np.shape(expected) or not np.isfinite(result).all():
        return False
    return bool(np.abs(result - expected).max() <= 1e-6 * np.abs(expected).max())


def mutations(text: str, name: str, known: set[str]) -> Iterator[tuple[str, str]]:
    """Every formula that one mistake makes of a formula, with the kind of the mistake."""
    tree = ast.parse(text, mode="eval")
    for k, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.expr):
            for kind, change in _changes(node, name, known):
                yield kind, _changed(tree, k, change)
    yield from _of_the_whole(text, name, known)


def _changed(tree: ast.Expression, k: int, change: Callable[[Any], ast.AST | str]) -> str:
    """The text with the k-th node changed; a change that gives text puts it in parentheses."""
    twin = copy.deepcopy(tree)
    old = list(ast.walk(twin))[k]
    made = change(old)
    new = ast.parse(made, mode="eval").body if isinstance(made, str) else made
    for parent in ast.walk(twin):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list):
                setattr(parent, field, [new if item is old else item for item in value])
    return ast.unparse(twin)


def _changes(node: ast.expr, name: str, known: set[str]) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    if isinstance(node, ast.Name) and node.id in known:
        yield from _of_a_name(node, name, known)
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield "transpose missing", lambda n: n.value
    if isinstance(node, ast.BinOp):
        yield from _of_an_operation(node)
    if isinstance(node, ast.Call):
        yield from _of_a_call(node)
    if isinstance(node, ast.Compare):
        for sign in ("<", "<=", "=="):
            yield "comparison", lambda n, s=sign: f"{ast.unparse(n.left)} {s} {ast.unparse(n.comparators[0])}"
    if isinstance(node, ast.UnaryOp):
        yield "sign", lambda n: n.operand


def _of_a_name(node: ast.Name, name: str, known: set[str]) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    old = node.id
    if old != "m":
        yield "transpose extra", lambda n: f"{n.id}.T"
    if found := re.fullmatch(r"(d?)([A-Z])(\d)", old):
        d, letter, k = found[1], found[2], int(found[3])
        for other in (f"{d}{letter}{k - 1}", f"{d}{letter}{k + 1}"):
            if other in known and other != name:
                yield "neighboring layer", lambda n, o=other: o
        for other in "AZ":
            if other != letter and letter in "AZ" and f"{d}{other}{k}" in known and f"{d}{other}{k}" != name:
                yield "A for Z, Z for A", lambda n, o=f"{d}{other}{k}": o
    for other in (f"d{old}", old[1:] if old.startswith("d") else ""):
        if other in known and other != name:
            yield "value for gradient", lambda n, o=other: o


def _of_an_operation(node: ast.BinOp) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    a, b = ast.unparse(node.left), ast.unparse(node.right)
    sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.Pow: "**"}[type(node.op)]
    if sign == "@":
        yield "operands swapped", lambda n: f"({b}) @ ({a})"
        yield "* for @", lambda n: f"({a}) * ({b})"
        yield "transpose extra", lambda n: f"(({a}) @ ({b})).T"
    if sign == "*":
        yield "@ for *", lambda n: f"({a}) @ ({b})"
        yield "factor missing", lambda n: f"({a})"
        yield "factor missing", lambda n: f"({b})"
    if sign == "/":
        yield "operands swapped", lambda n: f"({b}) / ({a})"
        yield ("1/m missing" if b == "m" else "divisor missing"), lambda n: f"({a})"
        if b == "m":
            yield "1/m doubled", lambda n: f"({a}) / m / m"
            yield "1/m the wrong way", lambda n: f"({a}) * m"
        else:
            yield "* for /", lambda n: f"({a}) * ({b})"
    if sign == "-":
        yield "operands swapped", lambda n: f"({b}) - ({a})"
        yield "sign", lambda n: f"({a}) + ({b})"
        yield ("1 - missing" if a == "1" else "term missing"), lambda n: f"({b})"
        yield "term missing", lambda n: f"({a})"
    if sign == "+":
        yield "sign", lambda n: f"({a}) - ({b})"
        yield "term missing", lambda n: f"({a})"
        yield "term missing", lambda n: f"({b})"
    if sign == "**":
        yield "power", lambda n: f"({a})"
        yield "power", lambda n: f"({a}) ** 3"


def _of_a_call(node: ast.Call) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    text = ast.unparse(node)
    if re.match(r"np\.sum\(|.*\.sum\(", text) and "axis=1, keepdims=True" in text:
        inner = ast.unparse(node.args[0] if node.args else node.func.value)  # type: ignore[attr-defined]  # a method
        yield "sum missing", lambda n: f"({inner})"
        yield "axis", lambda n: text.replace("axis=1", "axis=0")
        yield "keepdims", lambda n: text.replace(", keepdims=True", "")
        yield "axis", lambda n: text.replace("axis=1, ", "")
        yield "axis", lambda n: f"np.sum({inner})"
        yield "sum for mean", lambda n: text.replace("sum", "mean")
    if text.startswith("np.dot("):
        a, b = map(ast.unparse, node.args)
        yield "operands swapped", lambda n: f"np.dot({b}, {a})"
        yield "* for @", lambda n: f"np.multiply({a}, {b})"
    if text.startswith("np.cos("):
        for other in ("sin", "exp"):
            yield "function", lambda n, o=other: text.replace("cos", o)
    if text.startswith("sigmoid("):
        yield "function", lambda n: text.replace("sigmoid", "np.tanh")
        yield "function", lambda n: text[len("sigmoid") :]


def _of_the_whole(text: str, name: str, known: set[str]) -> Iterator[tuple[str, str]]:
    yield "sign", f"-({text})"
    yield "constant factor", f"2 * ({text})"
    yield "constant factor", f"0.5 * ({text})"
    yield "constant factor", f"({text}) / 3"
    yield "transpose extra", f"({text}).T"
    if "m" in known:
        yield ("1/m doubled" if "m" in re.findall(r"\bm\b", text) else "1/m extra"), f"({text}) / m"
        yield "1/m the wrong way", f"({text}) * m"
    if " / m" in text and "(A3 - Y)" in text:
        yield "1/m misplaced", "A3 - Y / m"
    k = name[-1]
    near = [n for n in (f"A{k}", f"(1 - A{k})", f"A{k} * (1 - A{k})", f"Z{k}") if f"A{k}" in known and name[1] in "AZ"]
    near += [n for n in known if len(n) == 1 and n != "m" and name in ("dy", "dv", "dw", "du", "dp")]
    for factor in sorted(near):
        yield "factor extra", f"({text}) * {factor}"
    if "1 - " in text:
        yield "brackets", re.sub(r"\((1 - [^()]*(\([^()]*\))?)\)", r"\1", text)
        yield "1 - wrong", text.replace("1 - ", "1 + ")
        yield "1 - wrong", text.replace("1 - ", "2 - ")
    if "sigmoid(Z" in text:
        yield "σ′ of A in place of Z", text.replace("sigmoid(Z", "sigmoid(A")
    if re.search(r"A\d - A\d \*\* 2", text):
        yield "A for Z, Z for A", re.sub(r"A(\d) - A\d \*\* 2", r"Z\1 - Z\1 ** 2", text)
    for step in (-1, 1):
        moved = re.sub(r"\b(d?[A-Z])(\d)\b", lambda n, step=step: f"{n[1]}{int(n[2]) + step}", text)
        if moved != text and set(re.findall(r"\bd?[A-Z]\d\b", moved)) <= known - {name}:
            yield "layer shifted", moved


# --- right formulas, written in other ways -------------------------------------------------------------------------


def rewrites(net: Net) -> list[tuple[str, str]]:
    """Right formulas in other words, each checked by Python: name and text."""
    draws = [right_values(net, seed=20 + m, m=m) for m in (6, 11)]
    found = {}
    for name, text in net.formulas.items():
        for other in _other_words(text):
            assert not is_wrong(name, other, draws), f"{net.name}: {name} = {other} is no rewrite of {text}"
            found[name, other] = None
    return list(found)


def _other_words(text: str) -> Iterator[str]:
    yield f"+({text})"
    yield f"-(-({text}))"
    yield f"({text}).T.T"
    yield f"2 * ({text}) / 2"
    for others in (_of_the_output, _of_the_mean_output, _of_weights, _of_biases, _of_activations, _of_slopes):
        yield from others(text)
    swapped = _swapped(text)
    if swapped is not None:
        yield swapped


def _of_the_output(text: str) -> Iterator[str]:
    if found := re.fullmatch(r"A(\d) - Y", text):
        A = f"A{found[1]}"
        yield f"-(Y - {A})"
        yield f"-Y + {A}"
        yield f"np.subtract({A}, Y)"
        yield f"({A} - Y) / ({A} * (1 - {A})) * {A} * (1 - {A})"
        yield f"(-Y / {A} + (1 - Y) / (1 - {A})) * {A} * (1 - {A})"
        yield f"-(np.divide(Y, {A}) - np.divide(1 - Y, 1 - {A})) * ({A} - {A} ** 2)"
        yield f"(1 - Y) * {A} - Y * (1 - {A})"
        yield f"np.where(Y == 1, {A} - 1, {A})"
        yield f"sigmoid(Z{found[1]}) - Y"


def _of_the_mean_output(text: str) -> Iterator[str]:
    if found := re.fullmatch(r"\(A(\d) - Y\) / m", text):
        A = f"A{found[1]}"
        yield f"1 / m * ({A} - Y)"
        yield f"({A} - Y) / Y.shape[1]"
        yield f"{A} / m - Y / m"
        yield f"np.multiply(1. / m, {A} - Y)"


def _of_weights(text: str) -> Iterator[str]:
    if found := re.fullmatch(r"(dZ\d) @ (A\d)\.T( / m)?", text):
        g, a, over = found[1], found[2], found[3] or ""
        yield f"np.dot({g}, {a}.T){over}"
        yield f"{g}.dot({a}.T){over}"
        yield f"np.matmul({g}, {a}.T){over}"
        yield f"({a} @ {g}.T).T{over}"
        yield f"np.einsum('ij,kj->ik', {g}, {a}){over}"
        yield f"np.transpose(np.dot({a}, np.transpose({g}))){over}"
        yield f"{g} @ np.transpose({a}){over}"
        if over:
            yield f"1./m * np.dot({g}, {a}.T)"
            yield f"(1/m) * {g} @ {a}.T"
            yield f"{g} / m @ {a}.T"
            yield f"{g} @ ({a} / m).T"
            yield f"np.dot({g}, {a}.T) / Y.shape[1]"
            yield f"np.dot({g}, {a}.T) / {a}.shape[-1]"
            yield f"np.dot({g}, {a}.T) * m ** -1"


def _of_biases(text: str) -> Iterator[str]:
    if found := re.fullmatch(
        r"(?:np\.sum\((dZ\d), axis=1, keepdims=True\)|(dZ\d)\.sum\(axis=1, keepdims=True\))( / m)?", text
    ):
        g, over = found[1] or found[2], found[3] or ""
        yield f"{g}.sum(axis=1, keepdims=True){over}"
        yield f"np.sum({g}, axis=-1, keepdims=True){over}"
        yield f"{g}.sum(1, keepdims=True){over}"
        yield f"{g}.sum(axis=1).reshape(-1, 1){over}"
        yield f"{g}.sum(axis=1)[:, None]{over}"
        yield f"np.sum({g}.T, axis=0, keepdims=True).T{over}"
        yield f"{g} @ np.ones((m, 1)){over}"
        if over:
            yield f"np.mean({g}, axis=1, keepdims=True)"
            yield f"1 / m * np.sum({g}, axis=1, keepdims=True)"
            yield f"np.sum({g} / m, axis=1, keepdims=True)"
        else:
            yield f"m * np.mean({g}, axis=1, keepdims=True)"


def _of_activations(text: str) -> Iterator[str]:
    if found := re.fullmatch(r"(W\d)\.T @ (dZ\d)", text):
        W, g = found[1], found[2]
        yield f"np.dot({W}.T, {g})"
        yield f"({g}.T @ {W}).T"
        yield f"np.einsum('ij,ik->jk', {W}, {g})"
        yield f"np.transpose({W}) @ {g}"
        yield f"{W}.T.dot({g})"


def _of_slopes(text: str) -> Iterator[str]:
    if found := re.fullmatch(r"(dA\d) \* (A\d) \* \(1 - \2\)", text):
        g, a = found[1], found[2]
        yield f"{a} * (1 - {a}) * {g}"
        yield f"np.multiply({g}, np.multiply({a}, 1 - {a}))"
        yield f"{g} * ({a} - {a} ** 2)"
        yield f"{g} * ({a} - {a} * {a})"
        yield f"{g} * {a} - {g} * {a} ** 2"
        yield f"{g} * sigmoid(Z{a[1]}) * sigmoid(-Z{a[1]})"
        yield f"{g} * np.exp(-Z{a[1]}) / (1 + np.exp(-Z{a[1]})) ** 2"
        yield f"-{g} * {a} * ({a} - 1)"
    if found := re.fullmatch(r"(dA\d) \* \(1 - (A\d) \*\* 2\)", text):
        g, a = found[1], found[2]
        yield f"{g} * (1 - np.tanh(Z{a[1]}) ** 2)"
        yield f"{g} * (1 - np.power({a}, 2))"
        yield f"{g} - {g} * np.square({a})"
        yield f"{g} * (1 + {a}) * (1 - {a})"
        yield f"{g} / np.cosh(Z{a[1]}) ** 2"
    if found := re.fullmatch(r"(dA\d) \* \((Z\d) > 0\)", text):
        g, z = found[1], found[2]
        a = z.replace("Z", "A")
        yield f"{g} * ({a} > 0)"
        yield f"({a} > 0) * 1.0 * {g}"
        yield f"({z} > 0).astype(int) * {g}"
        yield f"np.where({z} > 0, {g}, 0)"
        yield f"np.where({z} <= 0, 0, {g})"
        yield f"{g} * np.heaviside({z}, 0)"
        yield f"{g} * (1 - ({z} < 0))"


def _swapped(text: str) -> str | None:
    """The outermost product or sum with its operands the other way round."""
    tree = ast.parse(text, mode="eval").body
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mult | ast.Add):
        return ast.unparse(ast.BinOp(tree.right, tree.op, tree.left))
    return None
