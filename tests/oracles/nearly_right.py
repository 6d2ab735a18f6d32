"""Formulas that are wrong and nearly right: bounds, far masks, tiny entries, one sign, drowned in rounding.

Each is a right formula of a graph's own derivation with one part changed. Nothing of the judge computes here: a change
counts only where it gives something else on wild values, with gradients that belong to no loss of the graph's.
"""

import ast

import numpy as np
from more_mistakes import _replaced

import chainrule as cr
from chainrule.judging.reading import parse

CHANGES = {
    "bound": "np.clip({0}, -{1}, {1})",
    "bound above": "np.minimum({0}, {1})",
    "bound below": "np.maximum({0}, -{1})",
    "far mask": "({0}) * ({0} < {1})",
    "far mask below": "({0}) * ({0} > -{1})",
    "tiny is zero": "np.where(np.abs({0}) < 1e-4, 0, {0})",
    "no sign": "np.abs({0})",
    "an epsilon": "({0} + 1e-6)",
    "a little more": "({0}) * 1.0000001",
    "negative only": "np.where({0} < 0, 1.001 * ({0}), {0})",
    "large only": "np.where({0} > {1}, 1.001 * ({0}), {0})",
    "bent": "({1} * 100) * np.tanh(({0}) / ({1} * 100))",
    "drowned in rounding": "(1.0001 * ({0}) + 1e13 * ({0}) - 1e13 * ({0}))",
}
BOUNDS = (3, 8)  # what tame data hardly meets, and wild data does


def graphs():
    """Graphs with kinks, curves, products that meet again, and a loss that reads scores."""
    P, I = cr.Parameter, cr.Input  # noqa: E741  # the sizes are what there is to see

    def layers(first, last, loss):
        A, Y = I("X", (2, "m")), I("Y", (1, "m"))
        for k, (act, rows, columns) in enumerate(((first, 4, 2), (last, 1, 4)), 1):
            A = act(cr.Add(P(f"W{k}", (rows, columns)) @ A, P(f"b{k}", (rows, 1)), name=f"Z{k}"), name=f"A{k}")
        return cr.Graph(loss(A, Y, name="J"))

    x, w = P("x", (3, 4)), P("w", (3, 1))
    u = cr.Maximum(x, w, name="u")
    return {
        "relu": layers(cr.ReLU, cr.Sigmoid, cr.BCELoss),
        "tanh": layers(cr.Tanh, cr.Sigmoid, cr.BCELoss),
        "leaky": layers(cr.LeakyReLU, cr.ReLU, cr.MSELoss),
        "softplus": layers(cr.Softplus, cr.SiLU, cr.MSELoss),
        "kinks": cr.Graph(cr.Sum(cr.Multiply(u, cr.Abs(x, name="v"), name="t"), name="L")),
    }


def nearly_right(graph, rng, count):
    """So many formulas, as (kind, name, text), each of which gives something else than it should."""
    derived = graph.derivation()
    lines = {str(name): str(derived[name]) for name in graph.gradient_names if name in derived}
    lines = {name: text for name, text in lines.items() if name != f"d{graph.name(graph.outputs[0])}"}
    cases = [values_of(graph, seed) for seed in range(3)]
    found = {}
    while len(found) < count:
        name = rng.choice(sorted(lines))
        kind, form = list(CHANGES.items())[rng.integers(len(CHANGES))]
        tree = ast.parse(lines[name], mode="eval")
        places = [k for k, node in enumerate(ast.walk(tree)) if isinstance(node, ast.BinOp | ast.Call)] or [1]
        k = int(rng.choice(places))
        part = ast.unparse(list(ast.walk(tree))[k])
        text = _replaced(tree, k, form.format(part, rng.choice(BOUNDS)))
        if any(differs(lines[name], text, values) for values in cases):
            found[kind, name, text] = None
    return list(found)


def values_of(graph, seed):
    """Values of a run on numbers of many sizes, and gradients that are any numbers."""
    rng = np.random.default_rng([seed, 77])
    feeds = {}
    for leaf in (*graph.inputs, *graph.parameters):
        shape = tuple(5 if size == "m" or not isinstance(size, int) else size for size in leaf.shape)
        label = leaf.name == "Y"
        spread = rng.normal(size=shape) * 10 ** rng.uniform(-2, 0.5, shape)
        feeds[graph.name(leaf)] = rng.integers(0, 2, shape) * 1.0 if label else spread
    run = graph.forward(feeds)
    gradients = {
        f"d{name}": rng.normal(size=np.shape(value)) * 10 ** rng.uniform(-5, 3, np.shape(value))
        for name, value in run.values.items()
    }
    return {**gradients, **{str(name): np.asarray(value) for name, value in run.values.items()}, "m": 5}


def differs(right, changed, values):
    """Whether two formulas differ by more than rounding does, in any entry."""
    with np.errstate(all="ignore"):
        expected, given = (np.asarray(parse(text).evaluate(values), float) for text in (right, changed))
    if expected.shape != given.shape:
        return True
    near = np.abs(given - expected) <= 3e-8 * np.abs(expected) + 1e-10 * np.abs(expected).max(initial=0.0)
    return bool((~near & np.isfinite(expected)).any())
