"""Formulas as notebooks and scripts have them: other libraries' words, dicts of gradients, lines given twice."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import FormulaError
from chainrule.judging.reading import parse, parse_lines
from chainrule.judging.reading.activations import ACTIVATIONS, SPELLINGS

RNG = np.random.default_rng(7)
VALUES = {
    "X": RNG.normal(size=(2, 5)), "Y": np.array([[0.0, 1, 1, 0, 1]]), "W1": RNG.normal(size=(4, 2)),
    "Z1": RNG.normal(size=(4, 5)), "A1": RNG.normal(size=(4, 5)), "W2": RNG.normal(size=(1, 4)),
    "A2": RNG.random(size=(1, 5)), "dZ2": RNG.normal(size=(1, 5)), "dA1": RNG.normal(size=(4, 5)),
    "dZ1": RNG.normal(size=(4, 5)), "dW1": RNG.normal(size=(4, 2)), "dW2": RNG.normal(size=(1, 4)),
    "D1": RNG.random(size=(4, 5)) > 0.4, "m": 5,
}  # fmt: skip
N = type("N", (), VALUES)


def computed(text):
    return parse(text, VALUES).evaluate(VALUES)


def lines(text):
    return {name: formula.text for name, formula in parse_lines(text, VALUES).items()}


def refused(call, *args):
    with pytest.raises(FormulaError) as caught:
        call(*args)
    return caught.value.what, caught.value.where, caught.value.remedy


# --- words -----------------------------------------------------------------------------------------------------------

WORDS = [
    ("np.multiply(dA1, np.int64(A1 > 0))", N.dA1 * (N.A1 > 0)),
    ("dA1 * np.float64(A1 > 0)", N.dA1 * (N.A1 > 0)),
    ("dA1 * np.int32(Z1 > 0) / np.float64(m)", N.dA1 * (N.Z1 > 0) / 5),
    ("dA1 * (Z1 > 0).astype(dA1.dtype)", N.dA1 * (N.Z1 > 0)),
    ("dA1 * (Z1 > 0).astype('float64', copy=False)", N.dA1 * (N.Z1 > 0)),
    ("np.array(Z1 > 0, dtype=float) * dA1", N.dA1 * (N.Z1 > 0)),
    ("np.tensordot(dZ2, A1, axes=[[1], [1]]) / m", N.dZ2 @ N.A1.T / 5),
    ("np.tensordot(W2.T, dZ2, axes=1)", N.W2.T @ N.dZ2),
    ("np.inner(dZ2, A1)", N.dZ2 @ N.A1.T),
    ("np.einsum('ij,kj->ik', dZ2, A1, optimize=True)", N.dZ2 @ N.A1.T),
    ("np.average(dZ1, axis=1)[:, np.newaxis]", N.dZ1.mean(1, keepdims=True)),
    ("np.average(dZ1, axis=1, keepdims=True)", N.dZ1.mean(1, keepdims=True)),
    ("np.vstack((X, Y)) @ dZ1.T", np.vstack((N.X, N.Y)) @ N.dZ1.T),
    ("np.hstack([X, X])", np.hstack([N.X, N.X])),
    ("np.var(Z1, axis=1, ddof=1)", N.Z1.var(1, ddof=1)),
    ("Z1.std(axis=0, keepdims=True, ddof=1)", N.Z1.std(0, ddof=1, keepdims=True)),
    ("np.sum(dZ1, axis=1, dtype=float)", N.dZ1.sum(1)),
    ("np.linalg.norm(W1)", np.linalg.norm(N.W1)),
    ("W1 / np.linalg.norm(W1, axis=1, keepdims=True)", N.W1 / np.linalg.norm(N.W1, axis=1, keepdims=True)),
    ("np.zeros_like(Z1, dtype=float) + dA1", N.dA1),
    ("A1[range(4), [0, 1, 2, 3]]", N.A1[range(4), range(4)]),
    ("jnp.where(Z1 > 0, dA1, 0)", np.where(N.Z1 > 0, N.dA1, 0)),
    ("math.sqrt(m) * scipy.special.expit(Z1)", np.sqrt(5) / (1 + np.exp(-N.Z1))),
    ("special.expit(Z1)", 1 / (1 + np.exp(-N.Z1))),
    ("cache['W2'].T @ cache['dZ2']", N.W2.T @ N.dZ2),
    ("self.W2.T.dot(self.cache['dZ2'])", N.W2.T @ N.dZ2),
    ("grads['Z2'] @ A1.T", N.dZ2 @ N.A1.T),
    ("np.flip(Z1, axis=1)[:, ::-1]", N.Z1),
    ("np.fliplr(np.flipud(np.rot90(Z1, 2)))", N.Z1),
    ("np.roll(Z1, 1, axis=1)", np.roll(N.Z1, 1, axis=1)),
    ("np.pad(Z1, ((0, 0), (1, 2)))", np.pad(N.Z1, ((0, 0), (1, 2)))),
    ("np.append(X, Y, axis=0)", np.append(N.X, N.Y, axis=0)),
    ("np.moveaxis(Z1, 0, 1)", N.Z1.T),
]


@pytest.mark.parametrize(("text", "expected"), WORDS, ids=lambda x: str(x)[:60])
def test_what_notebooks_write_is_computed_as_numpy_does(text, expected):
    np.testing.assert_allclose(computed(text), expected, rtol=1e-15, atol=1e-15)


SLOPES = {
    "sigmoid": lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "relu": lambda z: 1.0 * (z > 0),
    "leaky_relu": lambda z: np.where(z > 0, 1, 0.01),
    "silu": lambda z: 1 / (1 + np.exp(-z)) + z * np.exp(-z) / (1 + np.exp(-z)) ** 2,
    "softplus": lambda z: 1 / (1 + np.exp(-z)),
}


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda row: row.names.split()[0])
def test_every_name_of_a_slope_is_the_derivative(activation):
    first, *others = activation.names.split()
    slope = SLOPES[first]
    step = 1e-6
    numeric = (computed(f"{first}(Z1 + {step})") - computed(f"{first}(Z1 - {step})")) / (2 * step)
    np.testing.assert_allclose(numeric, slope(N.Z1), rtol=1e-6)
    for name in (first, *others):
        for text in (
            f"{name}_prime(Z1)",
            f"{name}_deriv(Z1)",
            f"{name}Gradient(Z1)",
            f"d{name}(Z1)",
            f"{name}_grad(Z1)",
        ):
            np.testing.assert_allclose(computed(text), slope(N.Z1), rtol=1e-12)
        for text in (f"{name}_backward(dA1, Z1)", f"{name}_backward(dA=dA1, Z=Z1)", f"backward_{name}(dA1, Z1)"):
            np.testing.assert_allclose(computed(text), N.dA1 * slope(N.Z1), rtol=1e-12)
        assert (f"{name}2deriv" in SPELLINGS) == (activation.of_output is not None)
        if activation.of_output is not None:
            text = f"{name}2deriv({first}(Z1))"
            np.testing.assert_allclose(computed(text), slope(N.Z1), rtol=1e-12)


def test_the_line_of_the_best_known_notebook_is_right():
    X, Y = cr.Input("X", (2, "m")), cr.Input("Y", (1, "m"))
    A1 = cr.ReLU(cr.Add(cr.Parameter("W1", (4, 2)) @ X, cr.Parameter("b1", (4, 1)), name="Z1"), name="A1")
    A2 = cr.Sigmoid(cr.Add(cr.Parameter("W2", (1, 4)) @ A1, cr.Parameter("b2", (1, 1)), name="Z2"), name="A2")
    graph = cr.Graph(cr.BCELoss(A2, Y, name="J"))
    for text in (
        "np.multiply(dA1, np.int64(A1 > 0))",
        "dA1 * np.float64(A1 > 0)",
        "relu_backward(dA1, Z1)",
        "dA1 * relu2deriv(Z1)",
    ):
        assert graph.check({"dZ1": text}).ok, text
    assert not graph.check({"dZ1": "dA1 * np.float64(A1 > 1)"}).ok


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("torch.zeros_like(Z1)", "torch.zeros_like is another library's", "np.zeros_like(Z1)"),
        ("torch.mm(W2.T, dZ2)", ".mm() is another library's", "np.matmul(W2.T, dZ2)"),
        ("F.relu(Z1)", ".relu() is another library's", "relu(Z1)"),
        ("tf.reduce_sum(Z1)", "tf.reduce_sum is another library's", "np.sum(Z1)"),
        ("torch.autograd(Z1)", "torch.autograd is another library's", "np.sum(A, axis=1"),
        ("dZ2 * A1'", "this is Octave's notation", "dZ2 @ A1.T"),
        ("(W2' * dZ2) .* (1 - A1.^2)", "this is Octave's notation", "(W2.T @ dZ2) * (1 - A1**2)"),
        ("1/m * sum(dZ2, 2) .* 1", "this is Octave's notation", "1/m * np.sum(dZ2, axis=1, keepdims=True) * 1"),
        ("dA1 .* (Z1 > 0)", "this is Octave's notation", "dA1 * (Z1 > 0)"),
        ("dZ1 * X' ./ m", "this is Octave's notation", "dZ1 @ X.T / m"),
    ],
)
def test_another_language_is_answered_with_the_same_in_numpy(text, what, remedy):
    said, _, instead = refused(parse, text, VALUES)
    assert said.startswith(what)
    assert instead.startswith(remedy)


def test_what_octave_is_shown_as_can_be_read():
    for text in ("(W2' * dZ2) .* (1 - A1.^2)", "dZ2 * A1' / m", "sum(dZ1, 2) ./ m", "dZ2 .* (A2 .* (1 - A2))"):
        assert parse(refused(parse, text, VALUES)[2], VALUES).evaluate(VALUES).size


@pytest.mark.parametrize("text", ["1./m * dZ2", "2.*A1", "values['A1'] * 2", "1.*np.dot(W2.T, dZ2)", "A1*.5"])
def test_numpy_that_looks_like_octave_is_numpy(text):
    assert computed(text).size


# --- files -----------------------------------------------------------------------------------------------------------

FILES = [
    ("dA1 = W2.T @ dZ2\ndA1 = dA1 * D1", {"dA1": "W2.T @ dZ2 * D1"}),
    ("dA1 = W2.T @ dZ2\ndA1 *= D1\ndA1 /= 0.8", {"dA1": "W2.T @ dZ2 * D1 / 0.8"}),
    ("dA1 = W2.T @ dZ2\ndZ1 = dA1 * 2\ndA1 = dA1 * D1", {"dA1": "W2.T @ dZ2 * D1", "dZ1": "W2.T @ dZ2 * 2"}),
    ("dA1 = W2.T @ dZ2\ndA1 = dA1 * D1\ndZ1 = dA1 * 2", {"dA1": "W2.T @ dZ2 * D1", "dZ1": "dA1 * 2"}),
    ("s = dA1 + 1\ndA1 = X\ndA1 = dA1 + Y\nt = dA1", {"s": "dA1 + 1", "dA1": "X + Y", "t": "dA1"}),
    ("dW2 = np.dot(dZ2,\n             A1.T)", {"dW2": "np.dot(dZ2, A1.T)"}),
    ("dW2 = (1 / m *\n  # the sum\n  dZ2 @ A1.T\n)", {"dW2": "1 / m * dZ2 @ A1.T"}),
    ("dW2 += dZ2 @ A1.T", {"dW2": "dZ2 @ A1.T"}),
    ("dW2 -= dZ2 @ A1.T", {"dW2": "-(dZ2 @ A1.T)"}),
    ("dW2 = dZ2 @ A1.T\ndW2 += 0.1 * W2", {"dW2": "dZ2 @ A1.T + 0.1 * W2"}),
    ("s = dW2 = dZ2 @ A1.T", {"s": "dZ2 @ A1.T", "dW2": "dZ2 @ A1.T"}),
    ('grads["dW2"] = dZ2 @ A1.T', {"dW2": "dZ2 @ A1.T"}),
    ('grads["W2"] = dZ2 @ A1.T', {"dW2": "dZ2 @ A1.T"}),
    ('self.grads["dW2"] = dZ2 @ A1.T;', {"dW2": "dZ2 @ A1.T"}),
    (
        'dW2 = dZ2 @ A1.T\ngrads = {"dW2": dW2,\n  "dW1": dZ1 @ X.T}\nreturn grads',
        {"dW2": "dZ2 @ A1.T", "dW1": "dZ1 @ X.T"},
    ),
    ("grads = dict(dW2=dZ2 @ A1.T)", {"dW2": "dZ2 @ A1.T"}),
    (
        "grads = {}\nimport numpy as np\nfrom numpy import exp\n(Z1, A1) = cache\ndW2 = dZ2 @ A1.T",
        {"dW2": "dZ2 @ A1.T"},
    ),
    ("dW1, dW2 = dZ1 @ X.T, dZ2 @ A1.T", {"dW1": "dZ1 @ X.T", "dW2": "dZ2 @ A1.T"}),
    (
        "\\begin{aligned}\ndW_2 &= dZ_2 A_1^T \\\\\ndW_1 &= dZ_1 X^T\n\\end{aligned}",
        {"dW2": "dZ2 @ A1.T", "dW1": "dZ1 @ X.T"},
    ),
]


@pytest.mark.parametrize(("text", "expected"), FILES, ids=[ascii(text)[:60] for text, _ in FILES])
def test_the_lines_of_ordinary_files_are_read(text, expected):
    assert lines(text) == expected


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        ("dW2 = dZ2\n\ndW2 = dZ2 @ A1.T", "'dW2' is given in line 1 already", "line 3, column 1"),
        ("s += dZ2\ns *= 2", "s is changed here before it is given", "line 1, column 1"),
        ("dW2 *= 2", "dW2 is changed here before it is given", "line 1, column 1"),
        (
            "dW2 = np.dot(dZ2,\n  A1.T\ndW1 = dZ1",
            "the formula cannot be read: '(' was never closed",
            "line 1, column 13",
        ),
        ("dW2 = np.dot(dZ2,\n  Q)", "no value is called 'Q'", "line 2, column 3"),
        ("def gradients(X):", "'def gradients(X):' begins a piece of a program", "line 1, column 1"),
        ("grads = {dW2: 3}", "the keys of the gradients are names in quotes", "line 1, column 9"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_where(text, what, where):
    said, place, _ = refused(parse_lines, text, VALUES)
    assert said.startswith(what)
    assert place == where


def test_names_that_grow_in_each_other_stay_bounded():
    text = "dA1 = W2.T @ dZ2\n" + "dA1 = dA1 + dA1\n" * 40
    assert "parts" in refused(parse_lines, text, VALUES)[0]
    deep = "dA1 = W2.T @ dZ2\n" + "dA1 = -dA1\n" * 400
    assert "the formula is too deep" in refused(parse_lines, deep, VALUES)[0]


def test_a_name_given_twice_is_judged_as_it_ends():
    X, Y = cr.Input("X", (2, "m")), cr.Input("Y", (1, "m"))
    A1 = cr.ReLU(cr.Add(cr.Parameter("W1", (4, 2)) @ X, cr.Parameter("b1", (4, 1)), name="Z1"), name="A1")
    W2 = cr.Parameter("W2", (1, 4))
    A2 = cr.Sigmoid(cr.MatMul(W2, cr.Multiply(A1, cr.Input("D1", (4, "m")), name="A1d"), name="Z2"), name="A2")
    graph = cr.Graph(cr.BCELoss(A2, Y, name="J"))
    text = "dZ2 = A2 - Y\ndA1 = W2.T @ dZ2\ndA1 = dA1 * D1\ndZ1 = dA1 * (Z1 > 0)\n"
    names = cr.judging.names_of(graph)
    assert graph.check(parse_lines(text, names)).ok
    wrong = graph.check(parse_lines(text.replace("W2.T", "W2"), names))
    assert [verdict.name for verdict in wrong if not verdict.own] == ["dA1"]
    assert wrong["dA1"].repair == "W2.T @ dZ2 * D1"
