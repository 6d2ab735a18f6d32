"""Formulas as learners write them are read and computed; everything else is refused with a reason and a place."""

import ast
import copy
import inspect
import pickle
import random
import sys
import threading
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chainrule.errors import ChainruleError, FormulaError
from chainrule.judging.reading import UserFormula, parse, parse_lines, vocabulary
from chainrule.judging.reading.arranging import indexed_size
from chainrule.judging.reading.bounds import LONGEST
from chainrule.symbols import elementary
from chainrule.symbols.symbol import Symbol

# Every axis has another size: 2-3-4-1 with five columns.
RNG = np.random.default_rng(0)
VALUES = {
    "A0": RNG.normal(size=(2, 5)),
    "W1": RNG.normal(size=(3, 2)),
    "Z1": RNG.normal(size=(3, 5)),
    "A1": RNG.random(size=(3, 5)),
    "W2": RNG.normal(size=(4, 3)),
    "A2": RNG.random(size=(4, 5)) - 0.5,
    "W3": RNG.normal(size=(1, 4)),
    "A3": RNG.random(size=(1, 5)),
    "dZ3": RNG.normal(size=(1, 5)),
    "dA2": RNG.normal(size=(4, 5)),
    "Y": np.array([[0, 1, 1, 0, 1]]),
    "c": RNG.normal(size=3),
    "ids": np.array([1, 0, 1]),
    "m": 5,
}
A0, W1, Z1, A1, W2, A2, W3, A3, dZ3, dA2, Y, c, ids, m = VALUES.values()  # noqa: N816 — the names of the formulas


def computed(text):
    return parse(text, VALUES).evaluate(VALUES)


def message(text, names=None):
    with pytest.raises(FormulaError) as caught:
        parse(text, names)
    return str(caught.value)


ACCEPTED = [
    ("1./m * np.dot(dZ3, A2.T)", dZ3 @ A2.T / m),
    ("(1/m)*np.dot(dZ3,A2.T)", dZ3 @ A2.T / m),
    ("dZ3 @ A2.T / m", dZ3 @ A2.T / m),
    ("dZ3.dot(A2.T)/Y.shape[1]", dZ3 @ A2.T / m),
    ("np.matmul(dZ3, np.transpose(A2)) / len(Y[0])", dZ3 @ A2.T / m),
    ("np.einsum('ij,kj->ik', dZ3, A2) / m", dZ3 @ A2.T / m),
    ('numpy.einsum("ij, kj -> ik", dZ3, A2)', dZ3 @ A2.T),
    ("(A2 @ dZ3.T).T", dZ3 @ A2.T),
    ("np.swapaxes(A2, 0, 1).mT", A2),
    ("np.sum(dZ3, axis=1, keepdims=True)/m", dZ3.sum(axis=1, keepdims=True) / m),
    ("np.sum(dZ3, 1, keepdims=True)", dZ3.sum(axis=1, keepdims=True)),
    ("dA2.sum(axis=1).reshape(-1, 1)", dA2.sum(axis=1, keepdims=True)),
    ("dA2.sum(axis=1)[:, None]", dA2.sum(axis=1, keepdims=True)),
    ("dA2.sum(1)[:, np.newaxis]", dA2.sum(axis=1, keepdims=True)),
    ("np.expand_dims(np.sum(dA2, axis=1), axis=1)", dA2.sum(axis=1, keepdims=True)),
    ("np.reshape(np.sum(dA2, axis=1), (A2.shape[0], 1))", dA2.sum(axis=1, keepdims=True)),
    ("np.mean(dA2, axis=-1, keepdims=1)", dA2.mean(axis=1, keepdims=True)),
    ("dA2 @ np.ones((m, 1))", dA2.sum(axis=1, keepdims=True)),
    ("np.dot(W3.T, dZ3)", W3.T @ dZ3),
    ("np.outer(W3, dZ3)", W3.T @ dZ3),
    ("A2*(1-A2)", A2 * (1 - A2)),
    ("np.multiply(dA2, A2) * (1 - A2)", dA2 * A2 * (1 - A2)),
    ("dA2 * (1 - np.power(A2, 2))", dA2 * (1 - A2**2)),
    ("dA2 * (1 - np.square(A2))", dA2 * (1 - A2**2)),
    ("dA2 * (1 - A2**2)", dA2 * (1 - A2**2)),
    ("(A2 > 0) * 1.0", np.where(A2 > 0, 1.0, 0.0)),
    ("(A2 > 0).astype(int) * dA2", np.where(A2 > 0, dA2, 0)),
    ("dA2 * (A2 > 0)", np.where(A2 > 0, dA2, 0)),
    ("np.where(A2 > 0, dA2, 0)", np.where(A2 > 0, dA2, 0)),
    ("np.where((A2 > 0) & ~(A2 >= 0.25) | (A2 == 1), 1, 0)", np.where((A2 > 0) & (A2 < 0.25), 1, 0)),
    ("(0 < A2 < 0.25) * 1", np.where((A2 > 0) & (A2 < 0.25), 1, 0)),
    ("np.maximum(0, A2)", np.clip(A2, 0, None)),
    ("relu(A2) - relu_prime(A2) * A2", 0 * A2),
    ("-(Y / A3) + (1 - Y) / (1 - A3)", (A3 - Y) / (A3 * (1 - A3))),
    ("-(np.divide(Y, A3) - np.divide(1 - Y, 1 - A3))", (A3 - Y) / (A3 * (1 - A3))),
    ("np.subtract(A3, Y)", A3 - Y),
    ("1 / (1 + np.exp(-Z1))", elementary.sigmoid(Z1)),
    ("sigmoid(Z1) * (1 - expit(Z1)) - dsigmoid(Z1)", 0 * Z1),
    ("1 - np.tanh(Z1)**2 - tanh_prime(Z1)", 0 * Z1),
    ("np.exp(Z1) / np.sum(np.exp(Z1), axis=0)", elementary.softmax(Z1, axis=0)),
    ("np.concatenate([A1, A2], axis=0)[3:]", A2),
    ("np.float64(3) + float(m) + int(2.5)", np.array(10.0)),
    ("A1.size + A1.ndim + np.pi", np.array(15 + 2 + np.pi)),
    ("A2[0, ...] + A2[0][1:3].sum()", A2[0] + A2[0, 1] + A2[0, 2]),
    ("W1[:, ids] + np.take(W1, ids, axis=1)", 2 * W1[:, [1, 0, 1]]),
    ("put(c, np.s_[:, 1], W1)", np.stack([0 * c, c], axis=1)),
    ("put(c, (0, ids), W1)", np.array([[c[1], c[0] + c[2]], [0, 0], [0, 0]])),
    ("unbroadcast(dA2, np.ones((4, 1)))", dA2.sum(axis=1, keepdims=True)),
    ("A1.astype(np.float32).astype('float64')", A1.astype(np.float32).astype(float)),
    ("np.array([[1, 2, 3]]) @ A1", np.array([[1, 2, 3]]) @ A1),
    ("np.diag(c) @ A1", c[:, None] * A1),
    ("np.eye(3) @ A1 + np.zeros_like(A1)", A1),
    ("2**-1 * A1 ** (1/2)", np.sqrt(A1) / 2),
    ("values['A1'] - A1", 0 * A1),
    ("  A1\n\t-\r\n A1 ", 0 * A1),
    ("--A1 + +A1", 2 * A1),
]


@pytest.mark.parametrize(("text", "expected"), ACCEPTED, ids=[text for text, _ in ACCEPTED])
def test_what_learners_write_is_computed(text, expected):
    # 1e-12: the two sides are the same sums in another order
    np.testing.assert_allclose(computed(text), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("text", [text for text, _ in ACCEPTED])
def test_the_text_of_a_formula_is_the_formula(text):
    formula = parse(text, VALUES)
    again = parse(formula.text, VALUES)
    assert again.text == formula.text
    np.testing.assert_array_equal(again.evaluate(VALUES), formula.evaluate(VALUES))
    assert UserFormula.from_tree(formula.tree).names == formula.names


REFUSED = [
    ("", "there is no formula"),
    ("  \n ", "there is no formula"),
    ("...", "there is no formula"),
    ("…", "there is no formula"),
    ("lambda x: x", "a function of its own (lambda)"),
    ("A1 if m else A2", "np.where"),
    ("[x for x in A1]", "a loop (for)"),
    ("A1 and A2", "(a > 0) & (b > 0)"),
    ("not A1", "~(a > 0)"),
    ("A1 is A2", "a test of identity"),
    ("1if 2else 3", "no number with a sign behind it"),
    ("'a'is 1", "text is not part of a formula"),
    ("(x := 1)", "an assignment (:=)"),
    ("A1 = A2", "to the right of the equals sign"),
    ("f'{A1}'", "an f-string"),
    ("b'a'", "text with a prefix"),
    ("np.sum(A1, axis='a')", "text ('a') is not part of a formula"),
    ("'a' + A1", "text ('a') is not part of a formula"),
    ("'\\d'", "the command 'd'"),
    ("await A1", "a wait (await)"),
    ("np.sum(*A1)", "an unpacking (*)"),
    ("np.sum(**A1)", "np.sum"),
    ("{'a': 1}", "cannot stand here"),
    ("A1 % 2", "a remainder (%)"),
    ("A1 // 2", "a division without remainder (//)"),
    ("A1; A2", "a second statement (;)"),
    ("A1 << 2", "a shift of bits"),
    ("1j * A1", "no number"),
    ("0x10", "no number"),
    ("A1 + ", "cannot be read"),
    ("(A1", "never closed"),
    ("A1)", "cannot be read"),
    ("A1\x00", "is not part of a formula"),
    ("A1 + \ud800", "is no part of a formula"),
    ("__import__('os')", "no function is called '__import__'"),
    ("A1.__class__", "'.__class__' is no attribute"),
    ("A1.tofile('x')", "'.tofile' is no method"),
    ("np.load('x')", "np has no function 'load'"),
    ("np.linalg.inv(W1)", "np has no function 'inv'"),
    ("np.add.reduce(A1)", "'.reduce' is no method"),
    ("np.sun(A1)", "did you mean 'sum'?"),
    ("sigmod(Z1)", "did you mean 'sigmoid'?"),
    ("np.sum", "is a function"),
    ("A1.sum", "without its parentheses"),
    ("np.nothing", "np has no 'nothing'"),
    ("np", "np is no value"),
    ("A1(A2)", "no function is called 'A1'"),
    ("(A1)(A2)(A2)", "is no function"),
    ("np.sum(A1, axes=1)", "np.sum(x, axis"),
    ("np.sum()", "missing a required argument: 'x'"),
    ("np.where(A1 > 0)", "missing a required argument"),
    ("A1.astype(object)", "object is no dtype"),
    ("np.zeros(3, dtype='O')", "is no dtype"),
    ("np.einsum(A1, A2)", "its subscripts"),
    ("9**9**9", "a power in an exponent"),
    ("A1**(m - 9**9)", "a power in an exponent"),
    ("A1**99999", "the exponent is larger than"),
    ("np.power(A1, 99999)", "the exponent is larger than"),
    ("A1" + "+A1" * 200, "too deep"),
    ("[" + "A1," * 600 + "]", "more than 500 parts"),
    ("A1, " * 900, "too many parts"),
    ("m," * 3000, "more than 4,000"),
    ("(" * 70 + "A1" + ")" * 70, "brackets stand more than 60 deep"),
    ("-" * 3000 + "A1", "signs stand side by side"),
    ("a" * 300, "a name of 300 characters"),
    ("9" * 500, "no number with a sign behind it"),
    ("A1[1:2:3:4]", "cannot be read"),
    ("print", "no value is called 'print'"),
    ("A4 @ A1", "no value is called 'A4'"),
    ("sum", "sum is a function, and is given no value here"),
]


@pytest.mark.parametrize(
    ("text", "reason"), REFUSED, ids=[text[:20].encode("unicode_escape").decode() for text, _ in REFUSED]
)
def test_what_is_no_formula_is_refused_with_the_reason_and_the_place(text, reason):
    shown = message(text, None if text == "np" else VALUES)
    assert reason in shown
    assert "where: line 1, column " in shown or "where: line 2, column " in shown


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("A1 + A9", 1, 6),
        ("   A9", 1, 4),
        ("A1 +\n  A9", 2, 3),
        ("np.sum(A1, axis=lambda: 0)", 1, 17),
        ("A1 @@ A1", 1, 5),
        ("values['é'] + A9", 1, 15),
        ("A₁ + A₉", 1, 6),
    ],
)
def test_an_error_names_line_and_column(text, line, column):
    assert f"line {line}, column {column}" in message(text, [*VALUES, "é"])


def test_an_unknown_value_comes_with_the_one_that_may_be_meant():
    shown = message("dZ3 @ A22.T", ["dZ3", "A2"])
    assert "'A22' (did you mean 'A2'?)" in shown
    assert "the values are dZ3, A2" in shown


def test_without_names_an_unknown_value_is_found_when_the_formula_is_computed():
    with pytest.raises(FormulaError, match=r"no value is called 'A22' .did you mean 'A2'"):
        parse("A22.T").evaluate(VALUES)


UNFIT = [
    ("dZ3 @ A2", "dZ3 @ A2: (1, 5) @ (4, 5): these shapes do not fit together"),
    ("A1 * A2", "A1 * A2: (3, 5) * (4, 5)"),
    ("np.dot(A1, A2)", "np.dot(A1, A2): (3, 5), (4, 5)"),
    ("np.sum(A1, axis=2)", "axis 2 is out of bounds"),
    ("A1[7]", "index 7 is out of bounds"),
    ("A1.reshape(4, 4)", "cannot reshape"),
    ("2 @ A1", "* multiplies by a number"),
    ("np.einsum('ij,jk->ik', A1, A2)", "j is 5 and 4"),
    ("np.einsum('ij->ik', A1)", "does not name the axes"),
    ("np.einsum('i', A1)", "one letter for every axis"),
    ("(A1 > 0) - (A1 > 0)", "numpy boolean subtract"),
    ("~A1", "not supported"),
    ("len(m)", "a number has no length"),
    ("float(A1)", "is not one number"),
    ("np.mean(A1[:0])", "holds nothing to reduce"),
    ("np.ones(-3)", "a negative size"),
    ("np.ones(2.5)", "a size is a whole number, not 2.5"),
    ("A1.shape + A1.shape", "(3, 5, 3, 5)"),
    ("A1.shape", "the formula gives no array"),
    ("None", "the formula gives no array"),
    ("A1 + None", "None is no value to compute with"),
    ("np.concatenate(A1)", "in brackets"),
    ("unbroadcast(A1, A2)", "do not fit"),
    ("np.ones(10**8)", "larger than a formula may build"),
    ("np.zeros((99999, 99999))", "larger than a formula may build"),
    ("np.eye(99999)", "larger than a formula may build"),
    ("np.tile(A1, (9999, 9999))", "larger than a formula may build"),
    ("np.repeat(A1, 2 * 10**8)", "larger than a formula may build"),
    ("np.broadcast_to(m, (9999, 9999))", "larger than a formula may build"),
    ("np.outer(np.ones(9999), np.ones(9999))", "larger than a formula may build"),
    ("np.ones((1999, 1)) * np.ones((1, 9999))", "larger than a formula may build"),
    ("A1[np.zeros((999, 99), int)]", "far more steps"),
    ("np.ones((400, 400)) @ np.ones((400, 400))", "far more steps"),
    ("np.einsum('ij,kl,mn,op->', A1, A2, A1, A2)", "far more steps"),
    ("np.arange(2**40)", "the end of arange is a whole number"),
]


@pytest.mark.parametrize(("text", "reason"), UNFIT, ids=[text for text, _ in UNFIT])
def test_what_does_not_fit_the_values_is_an_error_that_names_the_step(text, reason):
    formula = parse(text if "zeros((999, 99)" not in text else "A1[np.zeros((999, 99)).astype(int)]", VALUES)
    if "A1.shape + A1.shape" in text:
        reason = "do not fit"
        formula = parse("np.ones(A1.shape) @ np.ones(A1.shape)")
    with pytest.raises(FormulaError) as caught:
        formula.evaluate(VALUES)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 / 0", np.inf),
        ("-1 / 0", -np.inf),
        ("0 ** -1", np.inf),
        ("0 / 0", np.nan),
        ("(9 ** 999) ** 999", np.inf),
        ("np.exp(1000)", np.inf),
        ("9" * 399, np.inf),
        ("2**31 * 2**31 * 2**31", 2.0**93),
        ("np.log(0 * m)", -np.inf),
        ("(1 - m) ** 0.5", np.nan),
        ("np.sum(A1 / 0)", np.inf),
    ],
)
def test_numbers_out_of_range_are_infinite_or_nan_at_once_and_without_a_warning(text, expected):
    np.testing.assert_equal(computed(text).item(), expected)


def test_whole_numbers_stay_whole_so_that_they_can_be_sizes():
    assert computed("np.ones((2**1 + 1, 2*3 - 1))").shape == (3, 5)


def test_the_dtype_of_float32_values_is_kept():
    values = {"A": np.ones((2, 3), np.float32), "m": 3}
    for text in ("1./m * A", "A / m + 0.5", "sigmoid(A)", "A ** 2", "A ** 0.5", "np.maximum(A, 0)", "xlogy(A, 2)"):
        assert parse(text).evaluate(values).dtype == np.float32, text


def test_the_result_is_a_new_array_and_the_values_stay_as_they_are():
    value = np.ones((2, 3))
    value.flags.writeable = False
    result = parse("A").evaluate({"A": value})
    result[:] = 7
    assert value.max() == 1


@pytest.mark.parametrize("value", [1j, "text", None, [[1, 2], [3]], np.array([object()]), np.array(["a"])])
def test_a_value_that_is_no_array_of_real_numbers_is_refused_by_name(value):
    with pytest.raises(FormulaError, match="'A'"):
        parse("A").evaluate({"A": value})


def assert_shown(error):
    """An error has a text, and crosses to another process."""
    assert str(error)
    assert pickle.loads(pickle.dumps(error)).what == error.what


# --- the vocabulary ----------------------------------------------------------------------------------------------


def test_every_elementary_function_of_the_engine_may_be_called():
    made = {
        name for name, value in vars(elementary).items() if inspect.isfunction(value) and hasattr(value, "__wrapped__")
    }
    assert {"sigmoid", "softmax_rest", "put", "normal_cdf"} <= made == set(vocabulary.ELEMENTARY)
    assert made <= set(vocabulary.FUNCTIONS)


@pytest.mark.parametrize("name", sorted(set(vocabulary.ELEMENTARY) - {"put", "put_along"}))
def test_an_elementary_function_gives_what_it_gives_in_a_rule(name):
    function = vocabulary.ELEMENTARY[name]
    operands = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    text = ", ".join(["A1", "A1 + 0.5"][: len(operands)])
    np.testing.assert_array_equal(computed(f"{name}({text})"), function(*[A1, A1 + 0.5][: len(operands)]))
    if "axis" in inspect.signature(function).parameters:
        right = function(*[A1, A1 + 0.5][: len(operands)], axis=0)
        np.testing.assert_array_equal(computed(f"{name}({text}, axis=0)"), right)


def test_what_a_symbol_records_can_be_written_in_a_formula():
    from chainrule.symbols.operations import OPERATIONS  # with the functions that a printed derivation may contain

    recorded = {function.__name__ for function in OPERATIONS if getattr(np, function.__name__, None) is function}
    assert recorded - set(vocabulary.FUNCTIONS) == set()
    assert "sum" in recorded


@pytest.mark.parametrize("name", sorted(vocabulary.FUNCTIONS))
def test_no_function_lets_anything_but_an_error_of_formulas_out(name):
    rng = random.Random(name)
    pieces = (
        "A1",
        "c",
        "m",
        "-1",
        "0",
        "2.5",
        "(3, 5)",
        "ids",
        "None",
        "A1 > 0",
        "np.s_[:, 0]",
        "A1[:0]",
        "np.nan",
        "'ij->j'",
    )
    for _ in range(150):
        given = ", ".join(rng.choices(pieces, k=rng.randint(0, 4)))
        try:
            computed(f"{name}({given})")
        except FormulaError as error:
            assert_shown(error)


def test_a_function_agrees_with_numpy_of_the_same_name():
    x = A1 + 0.25
    for name in (
        "exp",
        "log",
        "sqrt",
        "sum",
        "mean",
        "max",
        "argmax",
        "cumsum",
        "ravel",
        "tril",
        "std",
        "sign",
        "log1p",
    ):
        np.testing.assert_array_equal(parse(f"np.{name}(x)").evaluate({"x": x}), getattr(np, name)(x))


def test_an_index_is_bounded_by_its_shapes():
    x = np.zeros((3, 5, 7))
    keys = [
        0,
        -1,
        None,
        ...,
        slice(1, 3),
        (0, 1),
        (..., 0),
        (slice(None), [0, 1, 1, 1]),
        ([0, 1], [2, 3]),
        (None, ..., None),
    ]
    keys += [np.zeros((2, 4), int), x > 0, (0, ..., slice(2)), (slice(None), np.zeros((3, 2), int), 0)]
    for key in keys:
        assert x[key].size <= indexed_size(x, key), key


# --- the formula -------------------------------------------------------------------------------------------------


def test_a_formula_is_frozen_compares_copies_and_pickles():
    formula = parse("dZ3 @ A2.T")
    assert formula == parse("dZ3 @ A2.T") != parse("dZ3@A2.T")
    assert len({formula, parse("dZ3 @ A2.T")}) == 1
    for other in (copy.deepcopy(formula), pickle.loads(pickle.dumps(formula))):
        np.testing.assert_array_equal(other.evaluate(VALUES), dZ3 @ A2.T)
    with pytest.raises(AttributeError):
        formula.text = "A1"  # type: ignore[misc]  # wrong on purpose
    assert repr(formula) == "UserFormula(source='dZ3 @ A2.T', text='dZ3 @ A2.T')"


def test_a_changed_tree_is_a_formula_of_its_own():
    tree = copy.deepcopy(parse("dZ3 @ A2").tree)
    tree.right = ast.Attribute(tree.right, "T", ast.Load())
    changed = UserFormula.from_tree(tree)
    assert changed.text == changed.source == "dZ3 @ A2.T"
    np.testing.assert_array_equal(changed.evaluate(VALUES), dZ3 @ A2.T)


def test_a_changed_tree_is_held_to_the_list_again():
    for text in ("lambda: 0", "A1.__class__", "eval('1')", "A1 ** 10 ** 10", "A1 % 2", "not A1"):
        with pytest.raises(FormulaError):
            UserFormula.from_tree(ast.parse(text, mode="eval").body)
    deep = ast.Name("A1", ast.Load())
    for _ in range(5000):
        deep = ast.UnaryOp(ast.USub(), deep)
    with pytest.raises(FormulaError, match=r"too deep|more than 500 parts"):
        UserFormula.from_tree(deep)


def test_the_error_is_one_of_chainrule_and_a_value_error():
    assert issubclass(FormulaError, ChainruleError)
    assert issubclass(FormulaError, ValueError)


@pytest.mark.parametrize("text", [None, 3, b"A1", ["A1"]])
def test_what_is_no_text_is_refused(text):
    with pytest.raises(FormulaError, match="text, not"):
        parse(text)
    with pytest.raises(FormulaError, match="text, not"):
        parse_lines(text)


def test_names_may_be_any_text():
    name = 'layer "1"/Z\'s\\n'
    formula = parse(f"values[{name!r}] + 1", [name])
    assert formula.names == {name}
    assert formula.evaluate({name: 1}) == 2
    assert parse(formula.text, [name]).names == {name}


def test_a_printed_symbol_is_read_back():
    from chainrule.notation.numpy_text import TextPrinter

    W, A = Symbol.leaf("W", (3, 2)), Symbol.leaf("a value", (2, "m"))
    x = W @ A
    x = np.where(x > 0, elementary.softmax(x, axis=0), np.clip(x, -np.inf, 1)).sum(axis=1, keepdims=True)
    values = {"W": W1, "a value": A0, "m": m}
    expected = np.where(W1 @ A0 > 0, elementary.softmax(W1 @ A0, axis=0), np.minimum(W1 @ A0, 1))
    text = TextPrinter().print(x)
    np.testing.assert_allclose(parse(text, values).evaluate(values)[:, 0], expected.sum(axis=1), rtol=1e-14)


# --- files -------------------------------------------------------------------------------------------------------


def test_a_file_has_lines_comments_and_empty_lines():
    text = "# by hand\n\n  dZ3 = A3 - Y   # the output\r\ndW3 = np.sum(dZ3, axis=1) % mean\n% LaTeX\n"
    text += "\\frac{\\partial L}{\\partial W_3} &= dZ_3 A_2^T \\\\\n"
    with pytest.raises(FormulaError, match=r"'dW3' is given in line 4 already\n +where: line 6, column 1"):
        parse_lines(text)
    formulas = parse_lines(text.replace("dW3", "dB3"))
    assert {name: formula.text for name, formula in formulas.items()} == {
        "dZ3": "A3 - Y",
        "dB3": "np.sum(dZ3, axis=1)",
        "dW3": "dZ3 @ A2.T",
    }


def test_a_line_may_use_the_lines_above_it_and_no_others():
    names = ["A3", "Y", "A2"]
    assert set(parse_lines("error = A3 - Y\ndW3 = error @ A2.T", names)) == {"error", "dW3"}
    with pytest.raises(FormulaError, match=r"no value is called 'error'.*\n +where: line 1, column 7"):
        parse_lines("dW3 = error @ A2.T\nerror = A3 - Y", names)


@pytest.mark.parametrize(
    ("text", "reason", "place"),
    [
        ("\n  A3 - Y", "is no line of the form name = formula", "line 2, column 3"),
        ("A3 == Y", "is no line of the form", "line 1, column 1"),
        ("dZ3 =", "there is no formula", "line 1, column 6"),
        ("= A3", "there is no formula", "line 1, column 1"),
        ("dZ3.T = A3", "is no name to the left of =", "line 1, column 1"),
        ("ok = A3\nx = A3 +* Y", "cannot be read", "line 2, column 9"),
        ("x = A3 - Q", "no value is called 'Q'", "line 1, column 10"),
        ("x = \\foo A3", "the command 'foo'", "line 1, column 5"),
        ("np.sum(A3, axis=1)", "is no line of the form", "line 1, column 1"),
    ],
)
def test_a_wrong_line_is_named(text, reason, place):
    with pytest.raises(FormulaError) as caught:
        parse_lines(text, VALUES)
    assert reason in str(caught.value)
    assert place in str(caught.value)


# --- nothing else gets out ----------------------------------------------------------------------------------------

PIECES = (
    "A1 A2.T m 0.5 ( ) [ ] , . + - * / @ ** < == & | ~ : = np. np.sum( sigmoid( .T .sum( axis=1 lambda for if 'a' # "
    "\\ ^ _3 { } "
    r"\frac{ \sigma' ᵀ ₃ ⊙ ½ Σ ∂ √ é 9**9 1e999 ... \left( \sum_{ d e^ ^T ′ \x00 None True is not"
).split(" ")


def only_formula_errors(text):
    try:
        formula = parse(text)
        assert parse(formula.text).text == formula.text
        formula.evaluate(VALUES)
    except FormulaError as error:
        assert_shown(error)


def test_random_pieces_raise_nothing_but_errors_of_formulas():
    rng = random.Random(0)
    for _ in range(4000):
        only_formula_errors("".join(rng.choices(PIECES, k=rng.randint(1, 12))))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=30).map("".join)))
@example("\ud800")
@example("((((((((((A1")
@example("1_000")
@example("\u200bA1")
def test_any_text_is_a_formula_or_an_error_of_formulas(text):
    only_formula_errors(text)


@pytest.mark.parametrize(
    "unit", ["(", "[", "{", "-", "~", "A1 ", "m", "^T", r"\frac", r"\frac{1}{", "A₃", "√", "Σ", "|", "d ", "e^{"]
)
@pytest.mark.parametrize("text", ["{}", "A1{}", "{}A1"])
def test_text_that_only_repeats_is_read_or_refused(unit, text):
    only_formula_errors(text.format(unit * ((LONGEST - 2) // len(unit))))


def test_a_text_that_would_warn_in_python_never_warns_in_any_thread():
    def read():
        for text in (
            "1if 2else 3",
            "'a'is 1",
            "A1[1,2](3)",
            "'\\d'",
            "1 (2)",
            "(1, 2)[1.5]",
            "1or 2",
            "0xfor x",
            "1.e5or",
        ):
            with pytest.raises(FormulaError):
                parse(text).evaluate(VALUES)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert caught == []


def test_a_short_stack_is_an_error_of_formulas():
    formula = parse("-(" * 50 + "A1" + ")" * 50)
    limit = sys.getrecursionlimit()
    # enough to begin with, not enough for fifty levels of two calls each
    sys.setrecursionlimit(len(inspect.stack()) + 60)
    try:
        with pytest.raises(FormulaError, match="stack"):
            formula.evaluate(VALUES)
    finally:
        sys.setrecursionlimit(limit)
