"""SymPy as a judge: it differentiates the loss of 2-3-3-1 itself, and proves every formula for it entry by entry.

What is proved is the text that runs. `nets.gradients_by_hand` is called with arrays of SymPy's symbols in place of
numbers, the lines and entries of the engine's derivations are evaluated on them, and the formulas of the course stand
below as it has them. Two facts about σ are proved from exp at the end; with them, a difference is a rational function
of the activations, and SymPy brings it to 0 or does not.
"""

import functools
from types import SimpleNamespace

import numpy as np
import pytest
import sympy

import nets.by_hand
from chainrule.notation import TextPrinter
from chainrule.symbols import elementary
from nets import DNN, gradients_by_hand

JUDGE = "SymPy, entry by entry of 2-3-3-1"

SIZES, COLUMNS = (2, 3, 3, 1), 2  # two columns, so that a sum over columns and its 1/m show
NAMES = ("Z3", "W3", "B3", "A2", "Z2", "W2", "B2", "A1", "Z1", "W1", "B1")
COURSE = {
    "Z1": "W1 @ A0 + B1",
    "A1": "sigmoid(Z1)",
    "Z2": "W2 @ A1 + B2",
    "A2": "sigmoid(Z2)",
    "Z3": "W3 @ A2 + B3",
    "A3": "sigmoid(Z3)",
    "dZ3": "A3 - Y",
    "dW3": "dZ3 @ A2.T / m",
    "dB3": "np.sum(dZ3, axis=1, keepdims=True) / m",
    "dA2": "W3.T @ dZ3",
    "dZ2": "dA2 * A2 * (1 - A2)",
    "dW2": "dZ2 @ A1.T / m",
    "dB2": "np.sum(dZ2, axis=1, keepdims=True) / m",
    "dA1": "W2.T @ dZ2",
    "dZ1": "dA1 * A1 * (1 - A1)",
    "dW1": "dZ1 @ A0.T / m",
    "dB1": "np.sum(dZ1, axis=1, keepdims=True) / m",
}


class sigma(sympy.Function):  # noqa: N801 — SymPy writes its functions small, and prints them by the name of the class
    """σ, of which only this is used: σ' = σ(1 - σ) and σ(-z) = 1 - σ(z). The last tests prove both."""

    @classmethod
    def eval(cls, z):
        return 1 - cls(-z) if z.could_extract_minus_sign() else None

    def fdiff(self, argindex=1):
        return self * (1 - self)


def elementwise(function, arguments=1):
    return np.frompyfunc(function, arguments, 1)


# What the formulas ask of NumPy, for arrays of symbols.
SYMBOLIC = SimpleNamespace(
    ndarray=np.ndarray,
    exp=elementwise(sympy.exp),
    log=elementwise(sympy.log),
    log1p=elementwise(lambda x: sympy.log(1 + x)),
    abs=elementwise(sympy.Abs),
    real=lambda z: z,
    clip=lambda z, low, high: z,  # it only keeps 2z from overflowing: what is proved is proved between the bounds
    where=elementwise(lambda condition, x, y: x if condition else y, 3),
    sum=np.sum,
)
SCOPE = {
    "np": SYMBOLIC,
    "sigmoid": elementwise(sigma),
    "softplus": elementwise(lambda z: -sympy.log(1 - sigma(z))),  # log(1 + exp(z)), as the last tests prove
    "m": COLUMNS,
}


def symbols(name, rows, columns):
    return np.array([[sympy.Symbol(f"{name}_{i}{j}") for j in range(columns)] for i in range(rows)], dtype=object)


def leaves():
    """Symbols for the input, the labels and the 25 parameters."""
    given = {"A0": symbols("x", SIZES[0], COLUMNS), "Y": symbols("y", SIZES[-1], COLUMNS)}
    for layer in (1, 2, 3):
        given[f"W{layer}"] = symbols(f"w{layer}", SIZES[layer], SIZES[layer - 1])
        given[f"B{layer}"] = symbols(f"b{layer}", SIZES[layer], 1)
    return given


def textbook(nudged):
    """The network and its loss, entry by entry; `nudged` gets a symbol added to every entry of Z and A, by name."""
    given = leaves()
    A = given["A0"]
    for layer in (1, 2, 3):
        rows, W, B, before = range(SIZES[layer]), given[f"W{layer}"], given[f"B{layer}"], A
        nudges = {letter: symbols(f"d{letter}{layer}", len(rows), COLUMNS) for letter in "ZA"}
        nudged |= {f"{letter}{layer}": array for letter, array in nudges.items()}
        A = np.empty((len(rows), COLUMNS), dtype=object)
        for i, c in np.ndindex(A.shape):
            z = sum(W[i, j] * before[j, c] for j in range(SIZES[layer - 1])) + B[i, 0] + nudges["Z"][i, c]
            A[i, c] = sigma(z) + nudges["A"][i, c]
    Y = given["Y"]
    columns = [-(Y[0, c] * sympy.log(A[0, c]) + (1 - Y[0, c]) * sympy.log(1 - A[0, c])) for c in range(COLUMNS)]
    return sum(columns) / sympy.Integer(COLUMNS)


@pytest.fixture(scope="module")
def truth():
    """SymPy's own derivative of the mean loss with respect to every entry; Z and A by a nudge that is 0 afterwards."""
    nudges = {}
    loss = textbook(nudges)
    still = {nudge: sympy.Integer(0) for array in nudges.values() for nudge in array.flat}
    variables = {**leaves(), **nudges}
    slope = elementwise(lambda variable: loss.diff(variable).xreplace(still))
    return {"L": np.array(loss.xreplace(still), dtype=object)} | {name: slope(variables[name]) for name in NAMES}


def assert_proved(found, expected):
    """Every entry of the difference is 0 as a rational function of the activations, whatever the numbers."""
    found = np.asarray(found, dtype=object)
    assert found.shape == expected.shape
    for place, difference in np.ndenumerate(found - expected):
        rational = difference.xreplace({activation: sympy.Dummy() for activation in difference.atoms(sigma)})
        assert sympy.cancel(rational) == 0, f"entry {place}: {rational}"


def evaluated(lines):
    """Every step of every line, on symbols and on what the lines before it gave."""
    names, found = {**SCOPE, **leaves()}, {}
    builtins = {"__import__": __import__}  # NumPy imports at a first call
    for name, steps in lines.items():
        found[name] = [eval(step, {"__builtins__": builtins}, names) for step in steps]  # noqa: S307 — no text of a user
        names[name] = np.asarray(found[name][-1], dtype=object)
    return found


def by_hand():
    """`gradients_by_hand` as it stands, but for its σ, judged below, and its conversion to floating numbers."""
    given = leaves()
    X, Y = given.pop("A0"), given.pop("Y")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nets.by_hand, "sigmoid", SCOPE["sigmoid"])
        patch.setattr(nets.by_hand, "_floating", lambda value: np.asarray(value, dtype=object))
        return {f"d{name}": [gradient] for name, gradient in gradients_by_hand(given, X, Y).items()}


def derived(graph, convention):
    """Every step of every line of a derivation, as runnable text."""
    lines = graph.derivation(convention)
    return evaluated({name: [TextPrinter().print(step) for step in line.steps] for name, line in lines.items()})


def entries(graph, convention):
    lines = graph.derivation(convention)
    return evaluated({name: [lines.entries(name, m=COLUMNS).text] for name in lines})


NET = DNN(SIZES)
SOURCES = {  # who says it, what it says, and whether its dZ and dA are those of the mean loss
    "the course": (lambda: evaluated({name: [text] for name, text in COURSE.items()}), False),
    "gradients_by_hand": (by_hand, False),
    "derivation, mean": (lambda: derived(NET.graph, "mean"), True),
    "derivation, per example": (lambda: derived(NET.graph, "per-example"), False),
    "derivation of the fused graph, mean": (lambda: derived(NET.fused, "mean"), True),
    "derivation of the fused graph, per example": (lambda: derived(NET.fused, "per-example"), False),
    "entries, mean": (lambda: entries(NET.graph, "mean"), True),
    "entries, per example": (lambda: entries(NET.graph, "per-example"), False),
}
said_by = functools.cache(lambda source: SOURCES[source][0]())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", SOURCES)
def test_the_formula_is_the_derivative_of_the_loss(source, name, truth, record_property):
    of_the_mean = SOURCES[source][1] or name[0] in "WB"
    expected = truth[name] if of_the_mean else truth[name] * COLUMNS
    record_property("cases", expected.size)
    steps = said_by(source)[f"d{name}"]
    for step in steps:
        assert_proved(step, expected)


@pytest.mark.parametrize("source", [source for source in SOURCES if source.startswith(("derivation", "entries"))])
def test_the_loss_of_a_derivation_is_the_textbooks(source, truth):
    assert_proved(said_by(source)["L"][-1], truth["L"])


def test_the_parameters_are_25_and_all_are_proved(truth, record_property):
    record_property("cases", 0)
    assert sum(truth[name].size for name in NAMES if name[0] in "WB") == 25
    # A proof that cannot fail proves nothing: the commonest slip, a missing transpose of the square W2, does not pass.
    with pytest.raises(AssertionError, match="entry"):
        assert_proved(leaves()["W2"] @ said_by("the course")["dZ2"][-1], truth["A1"] * COLUMNS)


# --- σ and what belongs to it, from exp alone -------------------------------------------------------------------------

POSITIVE, NEGATIVE = sympy.Symbol("p", positive=True), sympy.Symbol("n", negative=True)


def textbook_sigma(z):
    return 1 / (1 + sympy.exp(-z))


def test_the_facts_used_above_follow_from_exp(record_property):
    record_property("cases", 3)
    z = sympy.Symbol("z", real=True)
    s = textbook_sigma(z)
    assert sympy.simplify(s.diff(z) - s * (1 - s)) == 0
    assert sympy.simplify(textbook_sigma(-z) - (1 - s)) == 0
    assert sympy.simplify(1 / (1 - s) - (1 + sympy.exp(z))) == 0  # so softplus(z) = -log(1 - σ(z))


EXACT = {  # the forms that keep their digits, and the functions that they are to be on either side of 0
    "the sigmoid of nets.by_hand": (nets.by_hand, nets.by_hand.sigmoid, textbook_sigma),
    "sigmoid": (elementary, elementary.sigmoid.__wrapped__, textbook_sigma),
    "sigmoid_slope": (elementary, elementary.sigmoid_slope.__wrapped__, lambda z: textbook_sigma(z).diff(z)),
    "tanh_slope": (elementary, elementary.tanh_slope.__wrapped__, lambda z: sympy.tanh(z).diff(z).rewrite(sympy.exp)),
}


@pytest.mark.parametrize("z", [POSITIVE, NEGATIVE], ids=["above 0", "below 0"])
@pytest.mark.parametrize("name", EXACT)
def test_an_exact_form_is_the_textbooks_function(name, z, monkeypatch):
    module, form, function = EXACT[name]
    monkeypatch.setattr(module, "np", SYMBOLIC)
    [found] = form(np.array([z], dtype=object))
    assert sympy.simplify(found - function(z)) == 0


@pytest.mark.parametrize("z", [POSITIVE, NEGATIVE], ids=["above 0", "below 0"])
def test_the_exact_form_of_softplus_is_the_textbooks_function(z, monkeypatch):
    monkeypatch.setattr(elementary, "np", SYMBOLIC)
    [found] = elementary.softplus.__wrapped__(np.array([z], dtype=object))
    assert sympy.simplify(sympy.exp(found) - (1 + sympy.exp(z))) == 0  # of logarithms SymPy would decide nothing
