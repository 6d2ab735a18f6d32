"""What is written on paper, in LaTeX or in Unicode, is read as the NumPy form that it means."""

import ast
import sys

import numpy as np
import pytest

from chainrule.errors import FormulaError
from chainrule.judging.reading import parse
from chainrule.judging.reading.bounds import LONGEST_NUMBER, MOST_NODES, MOST_TOKENS
from chainrule.judging.reading.forms import is_scalar, name_node
from chainrule.judging.reading.latex import read
from chainrule.judging.reading.messages import readable
from chainrule.judging.reading.parsing import is_written
from chainrule.judging.reading.passage import Passage

SIDE_BY_SIDE = "dZ3 @ A2.T"
READ = [
    # the document's notation
    ("dZ_3 A_2^T", SIDE_BY_SIDE),
    ("dZ_{3} {A_2}^{T}", SIDE_BY_SIDE),
    (r"\mathbf{dZ_3} (\mathbf{A_2})^T", SIDE_BY_SIDE),
    (r"\bold {dZ}_3 \mathbf {A}_2^{\mathsf{T}}", SIDE_BY_SIDE),
    (r"\large \boxed{ dZ_3 A_2^\top }", SIDE_BY_SIDE),
    (r"$dZ_3\ A_2^{\mathrm T}$", SIDE_BY_SIDE),
    (r"$$dZ_3 \, {(A_2)}^\intercal$$", SIDE_BY_SIDE),
    (r"dZ\_3 A\_2^T", SIDE_BY_SIDE),
    (r"dZ_{3_{\ (1 \times 1)}}\ {(A_{2 \_{\ (3 \times 1)}})^T}", SIDE_BY_SIDE),
    (r"{dZ_3}_{(1 \times m)} {A_2}_{(3 \times m)}^T", SIDE_BY_SIDE),
    ("d Z_3 A_2^T", SIDE_BY_SIDE),
    (r"\mathrm{d}Z_3 A_2^T", SIDE_BY_SIDE),
    ("dZ^{[3]} A^{[2]T}", SIDE_BY_SIDE),
    (r"\frac{\partial L}{\partial Z_3} A_2^T", SIDE_BY_SIDE),
    (r"\large \bold {\frac  {\partial \mathbf L} {\partial Z_3}} A_2^T", SIDE_BY_SIDE),
    (r"\frac{dL}{dZ_3} A_2^T", SIDE_BY_SIDE),
    (r"\partial L / \partial Z_3 A_2^T", SIDE_BY_SIDE),
    ("A_3 - Y", "A3 - Y"),
    (r"\green A_3-Y".replace(r"\green", r"\color{green}"), "A3 - Y"),
    (r"W_3^T dZ_3", "W3.T @ dZ3"),
    ("dA_2 * A_2 * (1 - A_2)", "dA2 * A2 * (1 - A2)"),
    (r"dA_2 \ast A_2 \ast \left(1 - A_2\right)", "dA2 * A2 * (1 - A2)"),
    (r"dA_2 \odot A_2 \circ (1 - A_2)", "dA2 * A2 * (1 - A2)"),
    (r"dA_2 \cdot A_2 \times (1 - A_2)", "dA2 * A2 * (1 - A2)"),
    (r"{\green {A_3(1-A_3)} }".replace(r"\green", ""), "A3 * (1 - A3)"),
    (r"(1-A_3)A_3", "(1 - A3) * A3"),
    (r"W_3^T dZ_3 \odot A_2", "W3.T @ dZ3 * A2"),
    (r"A_2 \odot W_3^T dZ_3", "A2 * (W3.T @ dZ3)"),
    (r"-\frac{Y}{A_3} + \frac{1-Y}{1-A_3}", "-(Y / A3) + (1 - Y) / (1 - A3)"),
    (r"\sigma(Z_1)", "sigmoid(Z1)"),
    (r"\sigma'(Z_1)", "sigmoid_slope(Z1)"),
    (r"\sigma^{\prime}\left(Z_1\right)", "sigmoid_slope(Z1)"),
    (r"\tanh'(Z_1)", "tanh_slope(Z1)"),
    (r"1 - \tanh^2(Z_1)", "1 - np.tanh(Z1) ** 2"),
    (r"-\log({A_3})", "-np.log(A3)"),
    (r"\log A_3 + \ln A_3", "np.log(A3) + np.log(A3)"),
    (r"\frac{1}{1 + e^{-Z_1}}", "1 / (1 + np.exp(-Z1))"),
    (r"\frac{1}{1 + \exp(-Z_1)}", "1 / (1 + np.exp(-Z1))"),
    (r"\sqrt{A_1} + \sqrt2 A_1^2", "np.sqrt(A1) + np.sqrt(2) * A1 ** 2"),
    (r"\left|Z_1\right| + \lvert Z_1 \rvert + |Z_1|", "np.abs(Z1) + np.abs(Z1) + np.abs(Z1)"),
    (r"(Z_1 \geq 0) \cdot dA_1", "(Z1 >= 0) * dA1"),
    (r"\operatorname{relu}(Z_1) + \mathrm{ReLU}(Z_1)", "relu(Z1) + relu(Z1)"),
    # 1/m
    (r"\frac{1}{m} dZ_3 A_2^T", "1 / m * dZ3 @ A2.T"),
    (r"\frac1m dZ_3 A_2^T", "1 / m * dZ3 @ A2.T"),
    (r"\frac{dZ_3 A_2^T}{m}", "dZ3 @ A2.T / m"),
    (r"1/m dZ_3 A_2^T", "1 / m * dZ3 @ A2.T"),
    (r"m^{-1} dZ_3", "m ** (-1) * dZ3"),
    (r"\frac{1}{2m} A_1", "1 / (2 * m) * A1"),
    (r"\frac12 A_1", "1 / 2 * A1"),
    # sums
    (r"\sum_{columns} dZ_3", "np.sum(dZ3, axis=1, keepdims=True)"),
    (r"\frac{1}{m} \sum_{i=1}^{m} dZ_3", "1 / m * np.sum(dZ3, axis=1, keepdims=True)"),
    (r"\frac{1}{m} \sum_{\text{columns}} dZ_3", "1 / m * np.sum(dZ3, axis=1, keepdims=True)"),
    (r"\sum_j dZ_3 A_2 + Y", "np.sum(dZ3 @ A2, axis=1, keepdims=True) + Y"),
    (r"\sum_{rows} dZ_3", "np.sum(dZ3, axis=0, keepdims=True)"),
    (r"\sum_i dZ_3", "np.sum(dZ3, axis=0, keepdims=True)"),
    (r"\sum (A_3 - Y)^2", "np.sum((A3 - Y) ** 2)"),
    (r"\operatorname{sum}(dZ_3, axis=1)", "np.sum(dZ3, axis=1)"),
    # Unicode
    ("dZ₃A₂ᵀ", SIDE_BY_SIDE),
    ("dZ₃ A₂ᵀ", SIDE_BY_SIDE),
    ("dZ3 A2ᵀ", SIDE_BY_SIDE),
    ("∂L/∂Z₃ A₂ᵀ", SIDE_BY_SIDE),
    ("dZ₃A₂ᵀ/m", "dZ3 @ A2.T / m"),
    ("1/m dZ₃A₂ᵀ", "1 / m * dZ3 @ A2.T"),
    ("dA₂ ⊙ A₂ ∗ (1 − A₂)", "dA2 * A2 * (1 - A2)"),
    ("dA₂·A₂×(1−A₂)", "dA2 * A2 * (1 - A2)"),
    ("A₃(1−A₃)", "A3 * (1 - A3)"),
    ("2A₁ − 3·A₁", "2 * A1 - 3 * A1"),
    ("σ(Z₁) + σ′(Z₁)", "sigmoid(Z1) + sigmoid_slope(Z1)"),
    ("½A₁²", "1 / 2 * A1 ** 2"),
    ("1 − A₁²", "1 - A1 ** 2"),
    ("√A₁", "np.sqrt(A1)"),
    ("m⁻¹ dZ₃", "m ** (-1) * dZ3"),
    ("∑ⱼ dZ₃", "np.sum(dZ3, axis=1, keepdims=True)"),
    ("Σ_columns dZ₃ / m", "np.sum(dZ3 / m, axis=1, keepdims=True)"),
    ("(Z₁ ≥ 0) ∧ (Z₁ ≠ 1)", "(Z1 >= 0) & (Z1 != 1)"),
    ("A₁₂", "A12"),
    # NumPy in the middle of it
    ("np.sum(dZ₃, axis=1, keepdims=True)", "np.sum(dZ3, axis=1, keepdims=True)"),
    ("dZ₃ @ A₂.T", SIDE_BY_SIDE),
    ("A₂[0, :2, None].sum(axis=(0, 1))", "A2[0, :2, None].sum(axis=(0, 1))"),
    ("np.einsum('ij,kj->ik', dZ₃, A₂)", "np.einsum('ij,kj->ik', dZ3, A2)"),
    ("A₁ ** -1 ** 2", "A1 ** -1 ** 2"),
]


@pytest.mark.parametrize(("text", "expected"), READ, ids=[text for text, _ in READ])
def test_what_is_written_on_paper_is_read_as_numpy(text, expected):
    if expected == "A1 ** -1 ** 2":  # read as Python reads it; a power in an exponent is then refused
        assert ast.dump(read(Passage(text))) == ast.dump(ast.parse(expected, mode="eval").body)
        return
    formula = parse(text)
    assert formula.text == ast.unparse(ast.parse(expected, mode="eval"))
    assert formula.source == text


REFUSED = [
    ("1/2m dZ₃", "it is unclear what the / divides by"),
    ("A₁ / A₂ A₃", "it is unclear what the / divides by"),
    ("A₁ 2", "a number stands before a value"),
    ("A₁⁻¹", "an inverse could mean the matrix or its entries"),
    ("A_1′", "a prime is the slope"),
    (r"\log'(A_1)", "the slope of log has no name"),
    (r"\frac{\partial Z_3}{\partial W_3} dZ_3", "∂Z3/∂W3 is a derivative of many values by many values"),
    ("∂Z₃", "∂ stands only in a gradient"),
    (r"\sum_k dZ_3", "could mean rows or columns"),
    (r"\foo A_1", "the command 'foo'"),
    (r"\odott A_1", "did you mean 'odot'?"),
    (r"\begin{cases} 1 \end{cases}", "is no formula of whole values"),
    (r"\mathbb{1} Z_1 > 0", "written as its condition"),
    (r"\frac{1}", "the end cannot stand here"),
    (r"\left( A_1", "where ')' should stand"),
    ("A_{1", "never closed"),
    ("A_ ⊙ A₁", "a subscript is missing"),
    ("(A_1 + A_2)_3", "a subscript belongs to a name"),
    ("dZ₃ = A₃ − Y", "to the right of the equals sign"),
    ("A₁ ⊙ ⊙ A₁", "cannot stand here"),
    ("{A₁, A₂}", "braces hold one value"),
    ("A₁ if A₂", "'if' is a word of Python"),
    ("A₁☃", "'☃' is no part of a formula"),
    ("{" * 70, "deep"),
    (r"\frac{1}{" * 65 + "m" + "}" * 65, "deep"),
    (r"\sqrt" * 70 + "2", "deep"),
    ("Σ" * 70 + "m", "deep"),
    ("A₁" * 1000, "more than 500 parts"),
    ("9" * 500 + "A₁", "a number of 500 digits"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED, ids=[text[:20] for text, _ in REFUSED])
def test_what_is_unclear_is_refused_with_the_reason_and_the_place(text, reason):
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert reason in str(caught.value)
    assert "where: line 1, column " in str(caught.value)


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("W_1 @ X", {"W_1", "X"}, "W_1 @ X"),
        ("W_1 @ X", {"W1", "X"}, "W1 @ X"),
        ("W_1 X^T", {"W_1", "X"}, "W_1 @ X.T"),
        ("W_{1} X^T", {"W_1", "X"}, "W_1 @ X.T"),
        ("W₁Xᵀ", {"W_1", "X"}, "W_1 @ X.T"),
        ("W₁Xᵀ", {"W₁", "X"}, "values['W₁'] @ X.T"),
        (r"\delta_3 A_2^T", {"delta3", "A2"}, "delta3 @ A2.T"),
        (r"\delta_3 A_2^T", {"δ3", "A2"}, "δ3 @ A2.T"),
        (r"\lambda W_1", {"lambda", "W1"}, "values['lambda'] @ W1"),
        (r"\sigma W_1", {"σ", "W1"}, "σ @ W1"),
        ("e^2", {"e"}, "e ** 2"),
        ("mA₂", {"m", "A2"}, "m * A2"),
        ("WXᵀ", {"W", "X"}, "W @ X.T"),
        ("WᵀdZ", {"W", "dZ"}, "W.T @ dZ"),
        ("mWXᵀ", {"m", "W", "X"}, "m * W @ X.T"),
        ("d X^T", {"d", "X"}, "d @ X.T"),
        ("softmax_rest(Z₁)", {"Z1"}, "softmax_rest(Z1)"),
        ("log_scale ² + log_scale", {"log_scale"}, "log_scale ** 2 + log_scale"),
    ],
)
def test_a_name_is_taken_to_the_letter_where_a_value_is_called_so(text, names, expected):
    assert parse(text, names).text == expected


def test_a_name_of_a_graph_that_reads_like_latex_needs_no_translation_in_numpy_text():
    assert parse("W_1 @ X", ["W_1", "W1", "X"]).text == "W_1 @ X"
    assert parse("W_1 @ X").text == "W1 @ X"


@pytest.mark.parametrize(
    ("text", "column"), [("A₁ + Q₂", 6), (r"\frac{1}{Q_2}", 10), (r"\left(A_1 - Q_2\right)", 13), ("A₁ ⊙ \\foo", 6)]
)
def test_an_error_points_into_the_text_as_it_was_written(text, column):
    with pytest.raises(FormulaError, match=f"line 1, column {column}"):
        parse(text, ["A1"])


def test_side_by_side_is_a_matrix_product_of_what_it_is_computed_on():
    rng = np.random.default_rng(0)
    values = {"dZ3": rng.normal(size=(1, 5)), "A2": rng.normal(size=(3, 5)), "m": 5}
    for text in (r"\frac{1}{m} dZ_3 A_2^T", "dZ₃A₂ᵀ / m", "1/m dZ₃A₂ᵀ", r"\frac{dZ_3 A_2^\top}{m}"):
        result = parse(text, values).evaluate(values)
        np.testing.assert_allclose(result, values["dZ3"] @ values["A2"].T / 5, rtol=1e-14)  # one division moved


def test_scalars_are_seen_from_the_text():
    for text in ("2", "m", "-1/(2*m)", "Y.shape[1]", "len(Y)", "np.pi", "np.sqrt(2)", "A.size"):
        assert is_scalar(ast.parse(text, mode="eval").body), text
    for text in ("A", "2 * A", "np.sqrt(A)", "m @ m", "A.T", "A.sum()"):
        assert not is_scalar(ast.parse(text, mode="eval").body), text


def test_the_notation_is_told_from_its_signs():
    assert not is_written("1./m * np.dot(dZ3, A2.T)")
    for text in ("A^T", "\\sigma(Z)", "σ(Z)", "{A}", "A₁", "$A$"):
        assert is_written(text)


# --- the expression, node by node ------------------------------------------------------------------------------------


def by_python(text):
    return ast.parse(text, mode="eval").body


def assert_reads(text, expected, known=()):
    """The text is read as the expression that Python reads from NumPy text, to the last field of every node."""
    assert ast.dump(read(Passage(text), known)) == ast.dump(by_python(expected)), text


def beginnings(tree):
    """Every node that has a place, as NumPy text, and where it begins."""
    return [(ast.unparse(node), node.col_offset) for node in ast.walk(tree) if hasattr(node, "col_offset")]


def refusal(text, known=()):
    with pytest.raises(FormulaError) as caught:
        read(Passage(text), known)
    return str(caught.value)


def message(what, column, remedy=""):
    return f"{what}\n  where: line 1, column {column}" + f"\n  try:   {remedy}" * bool(remedy)


OPERATORS = "+ - * / @ ** & | < <= > >= == !=".split()


@pytest.mark.parametrize("first", OPERATORS)
def test_operators_bind_as_they_do_in_python_and_every_node_begins_where_it_does_there(first):
    for second in OPERATORS:
        text = f"A {first} -B {second} C[0]"
        assert_reads(text, text)
        assert beginnings(read(Passage(text))) == beginnings(by_python(text))


@pytest.mark.parametrize(
    "text",
    [
        "-A",
        "+A",
        "~A",
        "- -A",
        "-+~A",
        "-A @ -B",
        "-A ** 2",
        "2 ** -1",
        "A ** +2 ** ~B",
        "A - B - C",
        "A / B / C / D",
        "A < B < C < D",
        "A | B | C",
        "A & B & C",
        "0",
        "12",
        "1.5",
        ".5",
        "5.",
        "1e3",
        "1E+3",
        "2.5e-3",
        "True",
        "None",
        "False",
    ],
)
def test_an_expression_is_read_as_python_reads_it_and_every_node_begins_where_it_does_there(text):
    assert_reads(text, text)
    assert beginnings(read(Passage(text))) == beginnings(by_python(text))


@pytest.mark.parametrize(
    "text",
    [
        "(A)",
        "(A + B) * C",
        "()",
        "(A,)",
        "(A, B)",
        "(A, B,)",
        "[]",
        "[A]",
        "[A, B, C]",
        "A[0]",
        "A[-1]",
        "A[B < 0]",
        "A[0, 1]",
        "A[:]",
        "A[1:]",
        "A[:2]",
        "A[1:2]",
        "A[::2]",
        "A[1::3]",
        "A[:2:3]",
        "A[1:2:3]",
        "A[:, 0]",
        "A[0, :, None]",
        "A[1:2, ::3]",
        "A[[0, 1], :]",
        "A[(0, 1)]",
        "A[0][1].T[2]",
        "A.T.T",
        "A.size",
        "A.shape[0]",
        "A.f()",
        "A.f(B)",
        "A.f(B, C, axis=0)",
        "A.f(axis=(0, 1), keepdims=True)",
        "A.f(B,)",
        "A.f(B < C)",
        "A.f(x=B < C)",
        "A.f(x == B)",
        "A.f().g(B)",
        "np.pi",
        "np.sum(A)",
        "np.sum(A, axis=0)[0]",
        "np.sum(A).T",
        "np.einsum('ij,kj->ik', A, B)",
        'np.einsum("ij,kj->ik", A, B)',
        "np.einsum( 'ij' , A)",
        "values['a']",
        "2 * (A - B) ** 2 / (1 + C) - ~(D & E)",
    ],
)
def test_brackets_indices_and_calls_are_read_as_python_reads_them(text):
    assert_reads(text, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("numpy.sum(A)", "np.sum(A)"),
        ("numpy.pi", "np.pi"),
        ("A[0,]", "A[0]"),
        ("A.f(axis=0, B)", "A.f(B, axis=0)"),
        ("A.f (B)", "A.f(B)"),
        ("(A B)", "A @ B"),
        ("-A B", "-(A @ B)"),
        ("A * -B C", "A * -(B @ C)"),
        ("A + B C", "A + B @ C"),
        # numbers, m and sizes beside a value
        ("2 A B", "2 * A @ B"),
        ("A m B", "A * m @ B"),
        ("A B m", "A @ B * m"),
        ("m m A", "m * m * A"),
        ("2 m A B C", "2 * m * A @ B @ C"),
        ("A.size A", "A.size * A"),
        ("(1/m) A", "1 / m * A"),
        # A (1 - A)
        ("A (1 - A)", "A * (1 - A)"),
        ("(1 - A) A", "(1 - A) * A"),
        ("A (1 - B)", "A @ (1 - B)"),
        ("(2 - A) A", "(2 - A) @ A"),
        ("(1 + A) A", "(1 + A) @ A"),
        ("(B - A) A", "(B - A) @ A"),
        ("A B (1 - B)", "A @ (B * (1 - B))"),
        ("A (1 - A) B", "A * (1 - A) @ B"),
        ("A (1 - A) (1 - B) B", "A * (1 - A) @ ((1 - B) * B)"),
        ("A (1 - A)(1 - A)", "A * (1 - A) @ (1 - A)"),
        ("A^T (1 - A)", "A.T @ (1 - A)"),
        # quotients
        ("1/m A", "1 / m * A"),
        ("1/m A B", "1 / m * A @ B"),
        ("1/m A / B", "1 / m * A / B"),
        ("1/m A * B", "1 / m * A * B"),
        ("1/2 A", "1 / 2 * A"),
        ("A/m B", "A / m @ B"),
        ("1/m A (1 - A)", "1 / m * (A * (1 - A))"),
        ("A/-m B", "A / -m @ B"),
        ("1/A^2", "1 / A ** 2"),
        (r"\frac{A}{B} C", "A / B @ C"),
        (r"\frac A B C", "A / B @ C"),
        (r"\frac12 A", "1 / 2 * A"),
        (r"\frac 12 A", "1 / 2 * A"),
        (r"\frac{1}2 A", "1 / 2 * A"),
        (r"\frac1{12} A", "1 / 12 * A"),
        (r"\frac A{-B}", "A / -B"),
        (r"\dfrac{A}{2} \tfrac{B}{2} \cfrac{C}{2}", "A / 2 @ (B / 2) @ (C / 2)"),
        # powers
        ("A^2", "A ** 2"),
        ("A^{2}", "A ** 2"),
        ("A²", "A ** 2"),
        ("A¹²", "A ** 12"),
        ("A⁺¹", "A ** 1"),
        ("A⁰", "A ** 0"),
        ("2⁻¹ A", "2 ** -1 * A"),
        ("m^{-1} A", "m ** -1 * A"),
        ("m^-1 A", "m ** -1 * A"),
        ("A ** -1", "A ** -1"),
        ("A ^ (1 + 2)", "A ** (1 + 2)"),
        ("A^{1 + 2}", "A ** (1 + 2)"),
        ("A^{1 < 2}", "A ** (1 < 2)"),
        ("A^2^T", "(A ** 2).T"),
        ("A^T^2", "A.T ** 2"),
        ("A^2 B^2", "A ** 2 @ B ** 2"),
        ("A^2^3", "(A ** 2) ** 3"),
        (r"A^{\circ 2}", "A ** 2"),
        (r"A^{\circ{2}}", "A ** 2"),
        (r"m^{\odot -1}", "m ** -1"),
        (r"A^\circ 2", "A ** 2"),
        ("A^B", "A ** B"),
        ("A^BC", "A ** BC"),
        ("A^B C", "A ** B @ C"),
        ("-A²", "-A ** 2"),
        ("e^{-A}", "np.exp(-A)"),
        ("e^A B", "np.exp(A) @ B"),
        ("e²", "np.exp(2)"),
        ("e ** A", "np.exp(A)"),
        ("e^{A}^T", "np.exp(A).T"),
        ("e", "e"),
        ("2 e A", "2 * e @ A"),
        # fractions of one sign
        ("½", "1 / 2"),
        ("¾ A", "3 / 4 * A"),
        ("⅐A", "1 / 7 * A"),
        ("⅒A", "1 / 10 * A"),
        ("⅝ m", "5 / 8 * m"),
        ("↉", "0 / 3"),
        # roots and absolute values
        ("√A", "np.sqrt(A)"),
        ("√2 A", "np.sqrt(2) * A"),
        ("√(A + B) C", "np.sqrt(A + B) @ C"),
        ("√A²", "np.sqrt(A) ** 2"),
        (r"\sqrt{A B} C", "np.sqrt(A @ B) @ C"),
        (r"\sqrt\frac12", "np.sqrt(1 / 2)"),
        ("|A|", "np.abs(A)"),
        ("|A - B| C", "np.abs(A - B) @ C"),
        ("||A||", "np.abs(np.abs(A))"),
        ("2 * |A|", "2 * np.abs(A)"),
        ("A | B", "A | B"),
        (r"\left|A\right|", "np.abs(A)"),
        (r"\left | A < B \right |", "np.abs(A < B)"),
        (r"A \left|B\right| C", "A @ np.abs(B) @ C"),
        (r"\left|\left|A\right|\right|", "np.abs(np.abs(A))"),
        (r"\lvert A \rvert B", "np.abs(A) @ B"),
        # brackets of LaTeX
        (r"\{A + B\} C", "(A + B) @ C"),
        (r"\[A + B\]", "A + B"),
        (r"\left(A\right) \bigl( B \bigr)", "A @ B"),
        (r"\left\{ A \right\}", "A"),
        (r"\lbrack A \rbrack \lparen B \rparen", "A @ B"),
        ("{A + B} C", "(A + B) @ C"),
        ("{{A}}", "A"),
        # transposes
        ("A^T B", "A.T @ B"),
        ("A^TB", "A.T @ B"),
        ("A^{T}", "A.T"),
        ("A^{ T }", "A.T"),
        ("A^⊤", "A.T"),
        ("A⊤", "A.T"),
        ("Aᵀ", "A.T"),
        ("Aᵗ", "A.T"),
        (r"A^\top B", "A.T @ B"),
        (r"A^{\top}", "A.T"),
        (r"A^\intercal", "A.T"),
        (r"A^\mathsf T", "A.T"),
        (r"A^{\mathsf{T}}", "A.T"),
        (r"A^\mathrm{T}", "A.T"),
        (r"A^{\text T}", "A.T"),
        (r"A^{\rm T}", "A.T"),
        (r"A^{\sf T}", "A.T"),
        ("A^T^T", "A.T.T"),
        ("(A B)^T", "(A @ B).T"),
        ("A^{TB}", "A ** TB"),
        # names and their numbers
        ("A_1", "A1"),
        ("A_12", "A12"),
        ("A_{12}", "A12"),
        ("A₁₂", "A12"),
        ("A_i", "Ai"),
        ("Aₙ", "An"),
        ("A_ij", "Ai @ j"),
        ("A_{i j}", "Aij"),
        ("A_{ αβ }", "Aαβ"),
        (r"A_{\text{max}}", "Amax"),
        (r"A_{\mathrm{Max}}", "AMax"),
        (r"A\_1", "A1"),
        ("A _ 1", "A1"),
        ("A_{2_{(3 x 1)}}", "A2"),
        ("A_{2_{\n(3 x 1)\n}}", "A2"),
        (r"A_{2\_{\ (3 \times 1)}}", "A2"),
        ("A_{2*{x}}", "A2"),
        (r"A_{2 \ }", "A2"),
        ("A_{(3 × 1)}", "A"),
        ("A_{3 x m}^T", "A.T"),
        ("(A)_{(3 × 1)}^T", "A.T"),
        ("A^T_{(3 × 1)} B", "A.T @ B"),
        ("{A + B}_{(3 × 1)}", "A + B"),
        ("A_{(3 × 1)}_{(3 x 1)} B", "A @ B"),
        ("{A}_1", "A1"),
        ("{ A }_{1}", "A1"),
        ("{A}(B)", "A @ B"),
        (r"{f} \left( B \right)", "f @ B"),
        ("αA", "αA"),
        ("Ａ + ﬁ", "A + fi"),
        # an index stands right behind what it belongs to
        ("A_{1}[0]", "A1[0]"),
        ("A₁[0] A^T[1]", "A1[0] @ A.T[1]"),
        (r"\beta[0] {A}_1[0]", "β[0] @ A1[0]"),
        ("(A + B)[0]", "(A + B)[0]"),
        ("W^{[2]}[0] W^{[2]T}[1]", "W2[0] @ W2.T[1]"),
        # layers
        ("W^{[2]}", "W2"),
        ("W^{[2]T}", "W2.T"),
        (r"W^{[2]\top} A", "W2.T @ A"),
        ("W^[2] A^[1]", "W2 @ A1"),
        ("W^[2]T A", "W2.T @ A"),
        ("W^{ [ 2 ] T } B", "W2.T @ B"),
        ("W^{[12]}", "W12"),
        ("W^{[l]}", "Wl"),
        ("W_1^{[2]}", "W12"),
        (r"\mathbf{W}^{[2]} \mathbf A^{[1]}", "W2 @ A1"),
        (r"\delta^{[2]}", "δ2"),
        (r"g^{[2]} \log^{[2]}", "g2 @ log2"),
        # d and ∂
        ("d A", "dA"),
        ("d {A} B", "dA @ B"),
        ("d {A + B}", "d @ (A + B)"),
        ("d", "d"),
        (r"\mathrm{d} A", "dA"),
        ("∂L/∂A", "dA"),
        ("∂L/∂A B", "dA @ B"),
        ("∂J/∂A_1 * B", "dA1 * B"),
        (r"\frac{\partial\ell}{\partial A}", "dA"),
        (r"\frac{∂ℓ}{∂A}", "dA"),
        (r"\frac{\partial \mathcal{L}}{\partial \mathbf{Z}_3}", "dZ3"),
        (r"\frac{\mathrm{d}\mathcal{L}}{\mathrm{d}Z_3}", "dZ3"),
        (r"\frac{d\mathcal{L}}{dZ_3}", "dZ3"),
        ("dL/dA", "dA"),
        ("d L / d A", "dA"),
        ("dloss/dA", "dA"),
        ("dK/dA", "dK / dA"),
        ("dL/A", "dL / A"),
        ("L/dA", "L / dA"),
        ("dA/dL", "dA / dL"),
        ("L/L", "L / L"),
        ("dL * dA", "dL * dA"),
        # functions
        ("σ(A) B", "sigmoid(A) @ B"),
        ("σ A B", "sigmoid(A) @ B"),
        ("σ A^T", "sigmoid(A.T)"),
        ("σ²(A)", "sigmoid(A) ** 2"),
        ("σ^2(A)", "sigmoid(A) ** 2"),
        ("σ^{2}(A)", "sigmoid(A) ** 2"),
        ("σ′²(A)", "sigmoid_slope(A) ** 2"),
        ("σ'(A)", "sigmoid_slope(A)"),
        ("σ’ A", "sigmoid_slope(A)"),
        (r"\sigma\prime(A)", "sigmoid_slope(A)"),
        (r"\sigma^\prime(A)", "sigmoid_slope(A)"),
        (r"\sigma^{'}(A)", "sigmoid_slope(A)"),
        ("tanh′(A)", "tanh_slope(A)"),
        ("relu′(A)", "relu_slope(A)"),
        ("ReLU′(A)", "relu_slope(A)"),
        ("softplus′(A)", "sigmoid(A)"),
        ("exp′(A)", "np.exp(A)"),
        ("sin′(A)", "np.cos(A)"),
        ("ln A", "np.log(A)"),
        ("log{A} B", "np.log(A) @ B"),
        ("log(A)(B)", "np.log(A) @ B"),
        ("log √A", "np.log(np.sqrt(A))"),
        ("log", "log"),
        ("log + 1", "log + 1"),
        ("Φ(A)", "normal_cdf(A)"),
        ("softmax(A, axis=0)", "softmax(A, axis=0)"),
        (r"\operatorname{softmax}(A, axis=0)", "softmax(A, axis=0)"),
        (r"\exp\left(-A\right)", "np.exp(-A)"),
        ("f(A)", "f @ A"),
        ("π A", "np.pi * A"),
        (r"\pi", "np.pi"),
        ("pi", "pi"),
        # sums
        ("Σ A", "np.sum(A)"),
        ("Σ A B + C", "np.sum(A @ B) + C"),
        ("Σ A * B", "np.sum(A * B)"),
        ("Σ -A", "np.sum(-A)"),
        ("2 Σ A", "2 * np.sum(A)"),
        ("B (Σ A) B", "B @ np.sum(A) @ B"),
        ("∑ⱼ A", "np.sum(A, axis=1, keepdims=True)"),
        ("∑ᵢ A", "np.sum(A, axis=0, keepdims=True)"),
        ("∑ᵢ^{m} A", "np.sum(A, axis=1, keepdims=True)"),
        ("Σ_rows A", "np.sum(A, axis=0, keepdims=True)"),
        (r"\sum\_columns A", "np.sum(A, axis=1, keepdims=True)"),
        (r"\sum_{rows} A", "np.sum(A, axis=0, keepdims=True)"),
        (r"\sum_{\text{rows}} A", "np.sum(A, axis=0, keepdims=True)"),
        (r"\sum_{ examples } A", "np.sum(A, axis=1, keepdims=True)"),
        (r"\sum_{j = 1} A", "np.sum(A, axis=1, keepdims=True)"),
        (r"\sum_{i=1}^n A", "np.sum(A, axis=0, keepdims=True)"),
        (r"\sum_{i=1}^m A", "np.sum(A, axis=1, keepdims=True)"),
        (r"\sum_{k}^{ m } A", "np.sum(A, axis=1, keepdims=True)"),
        (r"\sum^m_k A", "np.sum(A, axis=1, keepdims=True)"),
        (r"\sum^n A", "np.sum(A)"),
        (r"\sum_{} A", "np.sum(A)"),
        (r"\sum A", "np.sum(A)"),
        # what says nothing
        (r"\color{red} A \textcolor{red}{B}", "A @ B"),
        (r"\hspace*{1cm} A \hspace{1cm} B", "A @ B"),
        (r"A \, B \; C \: D \! E \> F \quad G", "A @ B @ C @ D @ E @ F @ G"),
        (r"\( A \) $B$", "A @ B"),
        (r"A & B \\ C", "A @ B @ C"),
        ("A & B", "A & B"),
        (r"\operatorname*{sum}(A)", "np.sum(A)"),
        ("A\u2062B", "A @ B"),
        ("  A\n", "A"),
    ],
)
def test_every_piece_of_the_notation_is_read_as_the_expression_that_it_means(text, expected):
    assert_reads(text, expected)


@pytest.mark.parametrize(
    ("signs", "operator"),
    [
        ("+", "+"),
        ("- − –", "-"),
        (r"/ ÷ ∕ ⁄ \div", "/"),
        ("@", "@"),
        (r"* ∗ ⊙ ∘ · ⋅ × • ⊗ \ast \odot \circ \cdot \times \bullet \star", "*"),
        (r"< \lt", "<"),
        (r"> \gt", ">"),
        (r"<= ≤ \le \leq", "<="),
        (r">= ≥ \ge \geq", ">="),
        ("==", "=="),
        (r"!= ≠ \ne \neq", "!="),
        (r"& ∧ \land \wedge", "&"),
        (r"| ∨ \lor \vee", "|"),
    ],
)
def test_every_sign_and_command_of_an_operator(signs, operator):
    for sign in signs.split():
        assert_reads(f"A {sign} B", f"A {operator} B")


GREEK = (
    "alpha α beta β gamma γ delta δ Delta Δ epsilon ε varepsilon ε zeta ζ eta η theta θ Theta Θ lambda λ mu μ nu ν xi ξ"
    " rho ρ tau τ phi φ varphi φ psi ψ omega ω Omega Ω kappa κ chi χ"
).split()


@pytest.mark.parametrize(("command", "letter"), list(zip(GREEK[::2], GREEK[1::2], strict=True)))
def test_a_greek_letter_is_a_name_and_stands_for_its_spelled_name_where_a_value_has_that(command, letter):
    assert_reads(rf"\{command}", letter)
    assert_reads(rf"\{command}_3 A", f"{letter}3 @ A")
    spelled = command.removeprefix("var")
    for text in (rf"\{command}_3", f"{letter}₃"):
        assert ast.unparse(read(Passage(text), {f"{spelled}3"})) == f"{spelled}3"
        assert ast.unparse(read(Passage(text), {f"{spelled}_3"})) == f"{spelled}_3"
        assert ast.unparse(read(Passage(text), {f"{letter}₃"})) == f"values['{letter}₃']"


@pytest.mark.parametrize("name", "log exp tanh sin cos sqrt max min abs sum mean maximum minimum".split())
def test_a_function_of_numpy_gets_the_name_that_numpy_users_know(name):
    assert_reads(f"{name}(A_1)", f"np.{name}(A1)")


@pytest.mark.parametrize("name", "sigmoid relu softplus softmax normal_cdf sigmoid_slope where".split())
def test_any_other_function_is_called_by_its_plain_name(name):
    assert_reads(f"{name}(A_1)", f"{name}(A1)")


@pytest.mark.parametrize(
    "style",
    "mathbf bold boldsymbol bm mathrm mathit mathsf mathcal mathscr rm bf text textbf textit textrm operatorname boxed"
    " small large Large LARGE huge Huge normalsize displaystyle textstyle".split(),
)
def test_a_style_says_nothing(style):
    assert_reads(rf"\{style}{{A}}_1 \{style} B", "A1 @ B")
    assert f"'{style}A'" in refusal(rf"\{style}A")  # without a space it is another command


@pytest.mark.parametrize("loss", "L J C E ℓ ℒ loss Loss cost Cost".split())
def test_the_derivative_of_a_loss_is_a_gradient(loss):
    for text in (f"∂{loss}/∂Z₃", f"d{loss}/dZ₃", rf"\frac{{∂{loss}}}{{∂Z_3}}", rf"\partial {loss} / \partial Z_3"):
        assert_reads(text, "dZ3")


# --- names that a value has -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "known", "expected"),
    [
        # words without a space between
        ("WX", "W X", "W @ X"),
        ("WX", "WX W X", "WX"),
        ("WXY", "W X", "WXY"),
        ("abcd", "a b c d", "a @ b @ c @ d"),
        ("abcd", "ab abc d cd", "abc @ d"),
        ("WX_2", "W X2", "W @ X2"),
        ("WX_2", "W X_2", "W @ X_2"),
        ("WX₂", "W X", "WX2"),
        ("W₂", "W", "W2"),
        ("2 WX", "W X", "2 * W @ X"),
        ("Wlog(X)", "W X", "W @ np.log(X)"),
        ("Wσ(X)", "W X", "W @ sigmoid(X)"),
        ("WX", "", "WX"),
        ("logX", "X", "logX"),
        ("W" * 40, "W", " @ ".join("W" * 40)),
        ("W" * 41, "W", "W" * 41),
        # to the letter
        ("W_1 X_1", "W_1 X1", "W_1 @ X1"),
        ("W_1^T", "W_1", "W_1.T"),
        ("sigmoid_slope A", "A", "sigmoid_slope(A)"),
        ("W_1^{[2]}", "W_1", "W_12"),
        ("W_ab", "W_ab", "W_ab"),
        ("W_1[0] WX[1]", "W_1 W X", "W_1[0] @ W @ X[1]"),
        # of several the one that is most like what was written
        ("W₁", "W1 W_1 W₁", "W1"),
        ("W₁", "W_1 W₁", "W_1"),
        ("δ₁", "δ₁ delta1 delta_1", "values['δ₁']"),
        ("δ₁", "delta1 delta_1", "delta1"),
        # what a value hides
        ("e^A", "e A", "e ** A"),
        ("e^A", "A", "np.exp(A)"),
        ("A^2", "e A", "A ** 2"),
        ("log(A)", "log A", "log @ A"),
        ("σ A", "σ A", "σ @ A"),
        ("d A", "d A", "d @ A"),
        ("π A", "π A", "π @ A"),
        ("π", "pi", "pi"),
        ("Σ A", "Σ A", "Σ @ A"),
        ("∑ A", "Σ A", "np.sum(A)"),
        (r"\sum A", "Σ A", "np.sum(A)"),
        ("Σ A", "A", "np.sum(A)"),
        ("dL/dA", "dL A dA", "dA"),
        ("dL/dA", "L A dA", "dA"),
        ("∂L/∂A", "dL A dA", "dA"),
        ("True", "True", "values['True']"),
        ("None", "A", "None"),
        ("lambda", "lambda", "values['lambda']"),
        (r"\lambda", "λ lambda", "λ"),
        ("d if", "if", "dif"),
    ],
)
def test_a_word_is_what_the_values_are_called(text, known, expected):
    assert_reads(text, expected, set(known.split()))


def test_an_l_of_script_is_no_plain_l_although_python_takes_it_for_one():
    for text in (r"A \ell_1", "A ℓ₁", "Aℓ_1"):
        assert ast.unparse(read(Passage(text), {"A", "ℓ1"})) == "A @ ℓ1"


def test_the_names_of_values_may_be_any_collection():
    for known in ({"W_1"}, ["W_1"], ("W_1",), {"W_1": None}):
        assert ast.unparse(read(Passage("W_1"), known)) == "W_1"
    assert ast.unparse(read(Passage("W_1"))) == "W1"


PHI = "normal_cdf"
ROWS_OF_B = "np.sum(B, axis=0, keepdims=True)"

# --- places -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "known", "expected"),
    [
        (r" \frac{A}{B} C", "", {r"A / B @ C": 1, "A / B": 1, "A": 7, "B": 10, "C": 13}),
        (r"A + \frac12 B", "", {"A + 1 / 2 * B": 0, "A": 0, "1 / 2 * B": 4, "1 / 2": 4, "1": 9, "2": 10, "B": 12}),
        (r"A + \frac{∂L}{∂B}", "", {"A + dB": 0, "A": 0, "dB": 4}),
        ("A + ∂L/∂B", "", {"A + dB": 0, "A": 0, "dB": 4}),
        ("A + ½B", "", {"A + 1 / 2 * B": 0, "A": 0, "1 / 2 * B": 4, "1 / 2": 4, "B": 5}),
        ("A B^2", "", {"A @ B ** 2": 0, "A": 0, "B ** 2": 2, "B": 2, "2": 4}),
        ("A B C^T", "", {"A @ B @ C.T": 0, "A @ B": 0, "A": 0, "B": 2, "C.T": 4, "C": 4}),
        ("A m⁻¹", "", {"A * m ** (-1)": 0, "A": 0, "m ** (-1)": 2, "m": 2, "-1": 3}),
        ("A + √B", "", {"A + np.sqrt(B)": 0, "A": 0, "np.sqrt(B)": 4, "B": 5}),
        ("A + |B|", "", {"A + np.abs(B)": 0, "A": 0, "np.abs(B)": 4, "B": 5}),
        (r"A \left|B\right|", "", {"A @ np.abs(B)": 0, "A": 0, "np.abs(B)": 7, "B": 8}),
        ("A Σ_rows B", "", {"A @ np.sum(B, axis=0, keepdims=True)": 0, "A": 0, ROWS_OF_B: 2, "B": 9}),
        ("A + σ′(B)", "", {"A + sigmoid_slope(B)": 0, "A": 0, "sigmoid_slope(B)": 4, "sigmoid_slope": 4, "B": 7}),
        ("A + log B", "", {"A + np.log(B)": 0, "A": 0, "np.log(B)": 4, "B": 8}),
        ("A Φ²(B)", "", {f"A @ {PHI}(B) ** 2": 0, "A": 0, f"{PHI}(B) ** 2": 2, "2": 3, f"{PHI}(B)": 2, PHI: 2, "B": 5}),
        ("A + np.log(B)", "", {"A + np.log(B)": 0, "A": 0, "np.log(B)": 7, "np.log": 7, "B": 11}),
        ("A + B.max()", "", {"A + B.max()": 0, "A": 0, "B.max()": 6, "B.max": 6, "B": 4}),
        ("A + (B, C)", "", {"A + (B, C)": 0, "A": 0, "(B, C)": 4, "B": 5, "C": 8}),
        ("A + [B]", "", {"A + [B]": 0, "A": 0, "[B]": 4, "B": 5}),
        ("f('ij')", "f", {"f @ 'ij'": 0, "f": 0, "'ij'": 2}),
        ("A + True", "", {"A + True": 0, "A": 0, "True": 4}),
        ("A + π_1 π", "", {"A + π1 * np.pi": 0, "A": 0, "π1 * np.pi": 4, "π1": 4, "np.pi": 8}),
        ("A + d B", "", {"A + dB": 0, "A": 0, "dB": 4}),
        ("A + W^{[2]T}", "", {"A + W2.T": 0, "A": 0, "W2.T": 4, "W2": 4}),
        ("A + WXY_2", "W X Y2", {"A + W @ X @ Y2": 0, "A": 0, "W @ X @ Y2": 4, "W @ X": 4, "W": 4, "X": 5, "Y2": 6}),
        ("A + {B}_1", "", {"A + B1": 0, "A": 0, "B1": 4}),
        (r"A + \beta_1", "", {"A + β1": 0, "A": 0, "β1": 4}),
        ("A (1 - A)", "", {"A * (1 - A)": 0, "A": 0, "1 - A": 3, "1": 3}),
    ],
)  # fmt: skip
def test_every_part_begins_where_it_was_written(text, known, expected):
    found: dict[str, int] = {}
    for part, column in beginnings(read(Passage(text), set(known.split()))):
        found.setdefault(part, column)
    # the two numbers of ½ have no place of their own, as the sign has one only
    assert found == expected


# --- refusals ---------------------------------------------------------------------------------------------------

A_NUMBER_BEHIND = "a number stands before a value, not behind it"
UNCLEAR = "it is unclear what the / divides by"
PARENTHESES = "parentheses: 1/(2m), (1/2)m"
ONE_SUM = r"\sum_{columns} or \sum_{rows}"
RIGHT_SIDE = "parse takes what stands to the right of the equals sign"
WHAT_IS_READ = r"names, numbers, + - * / @, ^T, \frac, \sigma, \odot, parentheses"
MANY_BY_MANY = "what it comes to, such as W3.T or A3 * (1 - A3); ∂L/∂Z₃ is the gradient dZ3"


@pytest.mark.parametrize(
    ("text", "what", "column", "remedy"),
    [
        # a sign that cannot stand there
        ("A +", "the end cannot stand here, where a value should", 4, ""),
        ("", "the end cannot stand here, where a value should", 1, ""),
        ("A B)", "')' cannot stand here", 4, ""),
        ("A, B", "',' cannot stand here", 2, ""),
        ("A ~ B", "'~' cannot stand here", 3, ""),
        ("A [0]", "'[' cannot stand here", 3, ""),
        ("A = B", "'=' cannot stand here", 3, RIGHT_SIDE),
        ("= B", "'=' cannot stand here, where a value should", 1, RIGHT_SIDE),
        (r"\frac W^{[2]T}", "'T' cannot stand here, where a value should", 13, ""),
        (r"A \right|", "'|' cannot stand here", 9, ""),
        (r"A \}", r"'\}' cannot stand here", 3, ""),
        ("A * ⊙ B", "'⊙' cannot stand here, where a value should", 5, ""),
        ("A + ^T", "'^T' cannot stand here, where a value should", 5, ""),
        ("A + ′", "'′' cannot stand here, where a value should", 5, ""),
        (r"A \odot \odot B", r"'\odot' cannot stand here, where a value should", 9, ""),
        ("² A", "'2' cannot stand here, where a value should", 1, ""),
        ("'ij'", '"\'" cannot stand here, where a value should', 1, ""),
        ("A ! B", "'!' is no part of a formula", 3, WHAT_IS_READ),
        ("A☃", "'☃' is no part of a formula", 2, WHAT_IS_READ),
        ("①", "'①' is no part of a formula", 1, WHAT_IS_READ),
        ("৴A", "'৴' is no part of a formula", 1, WHAT_IS_READ),  # a sixteenth
        ("ᵀ", "'ᵀ' is no part of a formula", 1, WHAT_IS_READ),
        ("A\u200bB", "'\\u200b' is no part of a formula", 2, WHAT_IS_READ),
        # brackets
        ("(A", "the end cannot stand here, where ')' should stand", 3, ""),
        ("(A]", "']' cannot stand here, where ')' should stand", 3, ""),
        ("[A", "the end cannot stand here, where ']' should stand", 3, ""),
        ("{A", "the end cannot stand here, where '}' should stand", 3, ""),
        ("{A, B}", "braces hold one value", 1, ""),
        ("A + {}", "braces hold one value", 5, ""),
        ("{A,}", "braces hold one value", 1, ""),
        ("A^{2", "the end cannot stand here, where '}' should stand", 5, ""),
        ("|A", "the end cannot stand here, where '|' should stand", 3, ""),
        (r"\lvert A", "the end cannot stand here, where the end of an absolute value should stand", 9, ""),
        (r"\left|A)", "')' cannot stand here, where the end of an absolute value should stand", 8, ""),
        # indices and calls
        ("A[]", "']' cannot stand here, where an index should", 3, ""),
        ("A[,]", "',' cannot stand here, where an index should", 3, ""),
        ("A[0,,]", "',' cannot stand here, where an index should", 5, ""),
        ("A[1:2:3:4]", "':' cannot stand here, where ']' should stand", 8, ""),
        ("A[1 ~2]", "'~' cannot stand here, where ']' should stand", 5, ""),
        ("A[1 [2]]", "'[' cannot stand here, where ']' should stand", 5, ""),
        ("A[1", "the end cannot stand here, where ']' should stand", 4, ""),
        ("A.(B)", "'(' cannot stand here, where a name should stand", 3, ""),
        ("softmax(A, axis=0", "the end cannot stand here, where ')' should stand", 18, ""),
        ("softmax(A axis=0)", "'=' cannot stand here, where ')' should stand", 15, RIGHT_SIDE),
        ("softmax(, A)", "',' cannot stand here, where a value should", 9, ""),
        ("log{A)", "')' cannot stand here, where '}' should stand", 6, ""),
        # numbers
        ("A 2", A_NUMBER_BEHIND, 3, "2 A, A * 2"),
        ("A B ½", A_NUMBER_BEHIND, 5, "2 A, A * 2"),
        ("2½", A_NUMBER_BEHIND, 2, "2 A, A * 2"),
        (r"\frac123", A_NUMBER_BEHIND, 8, "2 A, A * 2"),
        (r"\sqrt12", A_NUMBER_BEHIND, 7, "2 A, A * 2"),
        (r"\sqrt1 2", A_NUMBER_BEHIND, 8, "2 A, A * 2"),
        ("A + B⁻", "'-' is no number", 6, ""),
        ("A⁻⁻¹", "'--1' is no number", 2, ""),
        # quotients and powers
        ("1/2m", UNCLEAR, 4, PARENTHESES),
        ("A / B C", UNCLEAR, 7, PARENTHESES),
        ("1/m 2", UNCLEAR, 5, PARENTHESES),
        ("1/m m A", UNCLEAR, 5, PARENTHESES),
        ("B + A⁻¹", "an inverse could mean the matrix or its entries", 6, "1 / A, entry by entry"),
        ("A^{-1}", "an inverse could mean the matrix or its entries", 2, "1 / A, entry by entry"),
        ("A^-m", "an inverse could mean the matrix or its entries", 2, "1 / A, entry by entry"),
        (r"B + \sqrt[3]{A}", "only the square root has a sign here", 5, "A^{1/3}"),
        # primes and slopes
        ("A_1′", "a prime is the slope of σ, tanh or relu", 4, "A^T is a transpose"),
        ("B + log′(A)", "the slope of log has no name here", 5, "its formula"),
        # gradients
        ("B + ∂K/∂A", "∂K/∂A is a derivative of many values by many values", 5, MANY_BY_MANY),
        (r"\frac{∂Z_3}{∂W_3}", "∂Z3/∂W3 is a derivative of many values by many values", 7, MANY_BY_MANY),
        ("B + ∂A", "∂ stands only in a gradient such as ∂L/∂Z₃", 5, ""),
        ("∂L/A", "∂ stands only in a gradient such as ∂L/∂Z₃", 1, ""),
        ("L/∂A", "∂ stands only in a gradient such as ∂L/∂Z₃", 3, ""),
        ("∂L/dA", "∂ stands only in a gradient such as ∂L/∂Z₃", 1, ""),
        ("∂", "the end cannot stand here, where a name should stand", 2, ""),
        (r"\partial {L", "the end cannot stand here, where '}' should stand", 12, ""),
        # sums
        ("A Σₖ B", "a sum over 'k' could mean rows or columns", 3, ONE_SUM),
        (r"A \sum_{k \in K}^n B", r"a sum over 'k \in K' could mean rows or columns", 3, ONE_SUM),
        ("Σ_rowsA", "a sum over 'r' could mean rows or columns", 1, ONE_SUM),
        # subscripts
        ("A + B_", "a subscript is missing here", 7, ""),
        ("A_ ⊙ B", "a subscript is missing here", 4, ""),
        ("B + A_{1", "'{' is never closed", 7, ""),
        ("A_{{1}", "'{' is never closed", 3, ""),
        ("A_{!}", "'!' cannot number a name", 3, ""),
        (r"A_{\beta}", r"'\beta' cannot number a name", 3, ""),
        ("A_{1_2}", "'1_2' cannot number a name", 3, ""),
        ("B + (A)_3", "a subscript belongs to a name", 8, "dZ_3, {dZ}_{3}"),
        ("A + _3", "a subscript belongs to a name", 5, "dZ_3, {dZ}_{3}"),
        ("A +_{(3 × 1)}", "a subscript belongs to a name", 4, "dZ_3, {dZ}_{3}"),
        ("(A)^{[2]}", "the number of a layer belongs to a name", 4, "W^{[2]}"),
        ("^[2]", "the number of a layer belongs to a name", 1, "W^{[2]}"),
        # words and commands
        ("A if B", "'if' is a word of Python that formulas do not have", 3, ""),
        (r"A + \tahn B", "the command 'tahn' (did you mean 'tan'?) is not read in formulas", 5, ""),
        (r"\odott", "the command 'odott' (did you mean 'odot'?) is not read in formulas", 1, ""),
        (r"\simga", "the command 'simga' (did you mean 'sigma'?) is not read in formulas", 1, ""),
        (r"\mathbff", "the command 'mathbff' (did you mean 'mathbf'?) is not read in formulas", 1, ""),
        (r"\smu A", "the command 'smu' (did you mean 'mu'?) is not read in formulas", 1, ""),
        (r"\RELUU A", "the command 'RELUU' (did you mean 'ReLU'?) is not read in formulas", 1, ""),
        (r"\xyzw", "the command 'xyzw' is not read in formulas", 1, ""),
        (r"A + \mathbb{1}", "an indicator is written as its condition", 5, "(Z_1 > 0)"),
        (r"\mathds{1}", "an indicator is written as its condition", 1, "(Z_1 > 0)"),
        (r"\begin{cases}", r"'\begin': a table such as cases or a matrix is no formula of whole values", 1, ""),
        (r"A \implies B", r"'\implies': one formula at a time", 3, ""),
        (r"\hat A", r"'\hat': an accent is no part of a name here", 1, ""),
    ],
)
def test_a_refusal_says_what_where_and_what_would_work(text, what, column, remedy):
    assert refusal(text) == message(what, column, remedy)


# --- bounds -----------------------------------------------------------------------------------------------------


@pytest.fixture
def deep_stack():
    """Room for sixty levels of the grammar: the bound of formulas is tested, not what the stack has left."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    yield
    sys.setrecursionlimit(limit)


@pytest.mark.usefixtures("deep_stack")
@pytest.mark.parametrize(
    ("opening", "closing", "what", "column"),
    [
        ("(", ")", "parentheses stand more than 60 deep", 61),
        ("|", "|", "bars stand more than 60 deep", 60),
        ("Σ", "", "sums stand more than 60 deep", 60),
        ("√", "", "fractions or roots stand more than 60 deep", 61),
    ],
)
def test_sixty_levels_are_the_deepest_the_whole_formula_being_the_first(opening, closing, what, column):
    read(Passage(opening * 59 + "A" + closing * 59))
    assert refusal(opening * 60 + "A" + closing * 60) == message(what, column)


@pytest.mark.usefixtures("deep_stack")
@pytest.mark.parametrize("part", ["(A)", "|A|", "ΣA", "√A", r"\frac12", "A[0]", "(A < B)"])
def test_depth_counts_what_is_open_and_not_what_is_closed_again(part):
    read(Passage(" + ".join([part] * 70)))
    read(Passage(f"({part} + " * 58 + "A" + ")" * 58))
    assert "more than 60 deep" in refusal(f"({part} + " * 60 + "A" + ")" * 60)


def test_sixty_signs_may_stand_before_a_value():
    assert_reads("-" * 60 + "A", "-" * 60 + "A")
    assert refusal("A + ~" + "-" * 60 + "A") == message("61 signs stand before one value", 5)


def test_a_formula_has_five_hundred_parts_at_most():
    assert MOST_NODES == 500
    terms = "A" + "+A" * 249  # 250 names and 249 sums
    read(Passage("-" + terms))
    assert refusal("--" + terms) == message("the formula has more than 500 parts", 1)


@pytest.mark.usefixtures("deep_stack")
def test_a_formula_has_fifteen_hundred_tokens_at_most():
    assert MOST_TOKENS == 1500
    term = "{" * 58 + "A" + "}" * 58
    text = "+".join([term] * 12) + "+"  # 12 times 117 and 12: 1416
    read(Passage(text + "-" + "{" * 41 + "A" + "}" * 41))
    assert refusal(text + "{" * 42 + "A" + "}" * 42) == message("the formula has too many parts", 1501)


def test_a_number_has_four_hundred_digits_at_most():
    assert LONGEST_NUMBER == 400
    assert_reads("9" * 400, "9" * 400)
    assert refusal("A + " + "9" * 401) == message("a number of 401 digits has more than 400", 5)


# --- the small parts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "where"),
    [(0, "3, column 5"), (2, "3, column 7"), (3, "4, column 1"), (4, "4, column 2"), (7, "5, column 2")],
)
def test_a_source_counts_lines_and_columns_from_where_it_begins(at, where):
    error = Passage("ab\ncd\nef", 3, 5).error(at, "what", "try this")
    assert (error.what, error.where, error.given, error.remedy) == ("what", f"line {where}", "", "try this")


def test_a_source_begins_at_line_one_and_column_one_and_its_error_needs_no_remedy():
    assert str(Passage("ab").error(1, "what")) == "what\n  where: line 1, column 2"
    assert Passage("ab") == Passage("ab", 1, 1)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("A", "'A'"),
        ("é ∂", "'é ∂'"),
        ("it's", '"it\'s"'),
        (r"\hat", r"'\hat'"),
        ("a\nb", r"'a\nb'"),
        ("é\u200b", r"'\xe9\u200b'"),
        ("\ue000", r"'\ue000'"),  # for private use: no font need have it
        ("\u2028", r"'\u2028'"),
        ("a" * 41, f"'{'a' * 40}'"),
        ("é" * 39 + "\n", f"'{'é' * 39}\\n'".replace("é", r"\xe9")),
        ("é" * 40 + "\n", f"'{'é' * 40}'"),
    ],
)
def test_foreign_text_is_shown_short_and_with_nothing_unseen(text, shown):
    assert readable(text) == shown


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dW3", "dW3"),
        ("Z₃", "values['Z₃']"),
        ("layer 1/Z", "values['layer 1/Z']"),
        ("lambda", "values['lambda']"),
        ("match", "match"),
        ("", "values['']"),
    ],
)
def test_a_name_is_written_as_python_can_read_it(name, text):
    assert ast.dump(name_node(name)) == ast.dump(by_python(text))


@pytest.mark.parametrize("text", ["A_1", "A^T", "α", "{A}", "$A$", "A²", "\\alpha"])
def test_one_sign_of_paper_makes_a_text_written(text):
    assert is_written(text) == (text != "A_1")  # W_1 may be a name of Python


@pytest.mark.parametrize(
    ("text", "scalar"),
    [
        ("1", True),
        ("1.5", True),
        ("True", True),
        ("None", False),
        ("'a'", False),
        ("m", True),
        ("n", False),
        ("A.size", True),
        ("A.ndim", True),
        ("np.pi", True),
        ("A.shape", False),
        ("A.shape[0]", True),
        ("A.T[0]", False),
        ("A[0]", False),
        ("len(A)", True),
        ("sum(A)", False),
        ("m @ m", False),
        ("m * m", True),
        ("m * A", False),
        ("A * m", False),
        ("A * A", False),
        ("-m", True),
        ("-A", False),
        ("np.sqrt(m)", True),
        ("np.log(m)", True),
        ("np.exp(m)", True),
        ("np.exp(A)", False),
        ("np.tanh(m)", False),
        ("np.log(m, m)", False),
        ("sqrt(m)", False),
        ("m < 1", False),
        ("(m, m)", False),
    ],
)
def test_a_number_is_told_from_the_text_alone(text, scalar):
    assert is_scalar(by_python(text)) is scalar


@pytest.mark.parametrize(
    "text",
    [
        r"\left(A_2 + \sum_j dZ_3 > 0, dA_1, 0.01 * dA_1)",
        "(A₂ᵀ + Σⱼ dZ₃ > 0, dA₁)",
        "[A₂ᵀ, Σⱼ dZ₃]",
        "Σⱼ (dZ₃, A₂ᵀ)",
        "(dZ₃, A₂ᵀ) · A₂ᵀ",
    ],
)
def test_several_things_in_brackets_beside_a_sum_are_no_other_error(text):
    values = {"dZ3": np.ones((1, 5)), "A2": np.ones((3, 5)), "dA1": np.ones((3, 5)), "m": 5}
    with pytest.raises(FormulaError):
        parse(text, values).evaluate(values)
