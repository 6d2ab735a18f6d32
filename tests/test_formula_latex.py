"""What is written on paper, in LaTeX or in Unicode, is read as the NumPy form that it means."""

import ast

import numpy as np
import pytest

from chainrule.errors import FormulaError
from chainrule.formula import parse
from chainrule.formula.latex import Source, is_scalar, is_written, read

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
        assert ast.dump(read(Source(text))) == ast.dump(ast.parse(expected, mode="eval").body)
        return
    formula = parse(text)
    assert formula.text == ast.unparse(ast.parse(expected, mode="eval"))
    assert formula.source == text


REFUSED = [
    ("1/2m dZ₃", "it is unclear what the / divides by"),
    ("A₁ / A₂ A₃", "it is unclear what the / divides by"),
    ("A₁ 2", "a number stands before a value"),
    ("A₁⁻¹", "an inverse could mean the matrix or its entries"),
    ("A_1'", "a prime is the slope"),
    (r"\log'(A_1)", "the slope of log has no name"),
    (r"\frac{\partial Z_3}{\partial W_3} dZ_3", "∂Z3/∂W3 is a derivative of many values by many values"),
    ("∂Z₃", "∂ stands only in a gradient"),
    (r"\sum_k dZ_3", "could mean rows or columns"),
    (r"\foo A_1", "the command 'foo'"),
    (r"\odott A_1", "did you mean 'odot'?"),
    (r"\begin{cases} 1 \end{cases}", "is no formula of whole values"),
    (r"\mathbb{1}[Z_1 > 0]", "written as its condition"),
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
