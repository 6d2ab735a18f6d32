r"""Formulas as the best-known course sheets print them, in LaTeX and in Unicode: read, judged, and not misread."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import FormulaError
from chainrule.judging.ground import Ground, random_draws
from chainrule.judging.reading import parse, parse_lines
from chainrule.judging.scoping import scope_of


def network(*activations, rows=False, loss="J"):
    """A 2-4-1 network, its examples in columns or in rows."""
    X = cr.Input("X", ("m", 2) if rows else (2, "m"))
    Y = cr.Input("Y", ("m", 1) if rows else (1, "m"))
    A, sizes = X, (2, 4, 1)
    for k, activation in enumerate(activations, 1):
        shape = sizes[k - 1 : k + 1] if rows else sizes[k : None if k == 1 else k - 2 : -1][:2]
        W = cr.Parameter(f"W{k}", shape)
        b = cr.Parameter(f"b{k}", (1, sizes[k]) if rows else (sizes[k], 1))
        A = activation(cr.Add(A @ W if rows else W @ A, b, name=f"Z{k}"), name=f"A{k}")
    return cr.Graph(cr.BCELoss(A, Y, name=loss))


TANH = network(cr.Tanh, cr.Sigmoid)
RELU = network(cr.ReLU, cr.Sigmoid)
ROWS = network(cr.Tanh, cr.Sigmoid, rows=True)
GROUND = Ground(TANH, random_draws(TANH, 0, False))
VALUES = GROUND.values(0, "per-example")

BACK = "(W2.T @ dZ2) * (1 - A1**2)"
SUM1, SUM2 = (f"np.sum(dZ{k}, axis=1, keepdims=True) / m" for k in (1, 2))

# Each with what it means in NumPy: the values of all names, the right ones of the per-example convention.
LINES = [
    ("dW2", r"\frac{1}{m} dZ^{[2]} A^{[1]^T}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m} dZ^{[2]} A^{[1]\,T}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m} dZ^{[2]} A^{[1]T} \tag{8}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m} \sum_{i=1}^m dZ^{[2](i)} A^{[1](i)T}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m} dZ^{[2]} \cdot A^{[1]T}", "dZ2 @ A1.T / m"),
    ("db1", r"\frac{1}{m} \sum dZ^{[1]}", SUM1),
    ("db1", r"\frac{1}{m} \sum_{i=1}^{m} dZ^{[1](i)}", SUM1),
    ("db1", r"\frac{1}{m} \sum_i dZ^{[1]}", SUM1),
    ("db1", r"\frac{1}{m} \sum\limits_{k=1}^{m} dz^{[1](k)}", SUM1),
    ("dZ1", r"dA^{[1]} * g^{[1]\prime}(Z^{[1]})", "dA1 * (1 - np.tanh(Z1)**2)"),
    ("dZ1", "dA^{[1]} * g^{[1]'}(Z^{[1]})", "dA1 * (1 - np.tanh(Z1)**2)"),
    ("dZ1", r"dA^{[1]} \odot {g^{[1]}}'(Z^{[1]})", "dA1 * (1 - np.tanh(Z1)**2)"),
    ("dZ1", r"dA^{[1]} \circ g'(Z^{[1]})", "dA1 * (1 - np.tanh(Z1)**2)"),
    ("dZ1", r"dA^{[1]} \circ g'^{[1]}(Z^{[1]})", "dA1 * (1 - np.tanh(Z1)**2)"),
    ("dZ1", r"\left(W^{[2]T} dZ^{[2]}\right) * \left(1 - A^{[1] 2}\right)", BACK),
    ("dZ1", r"W^{[2]T} \cdot dZ^{[2]} * (1 - (A^{[1]})^2)", BACK),
    ("dZ1", r"W^{[2]^T} dZ^{[2]} \odot (1 - A^{[1]^2})", BACK),
    ("dZ1", r"(1 - (A^{[1]})^{\circ 2}) \odot W^{[2]\top} \cdot dZ^{[2]}", BACK),
    (
        "dZ1",
        r"\underbrace{W^{[2]T} dZ^{[2]}}_{dA^{[1]}} \odot \underbrace{(1 - A^{[1]} \odot A^{[1]})}_{g'}",
        BACK,
    ),
    (
        "dZ1",
        r"\overbrace{W^{[2]T} dZ^{[2]}}^{\text{from layer 2}} \odot (1 - {A^{[1]}}^2)",
        BACK,
    ),
    ("dZ2", r"\begin{aligned} A^{[2]} - Y \end{aligned}", "A2 - Y"),
    ("dZ2", r"\begin{aligned} & A^{[2]} - Y, \end{aligned}", "A2 - Y"),
    ("dZ2", r"\begin{align*} A^{[2]} - Y \label{eq:1} \nonumber \end{align*}", "A2 - Y"),
    ("dZ2", "$$A^{[2]} - Y.$$", "A2 - Y"),
    ("dZ2", r"\[ A^{[2]} - Y \]", "A2 - Y"),
    ("dZ2", "a^{[2](i)} - y^{(i)}", "A2 - Y"),
    ("dZ2", "A^{(2)} - Y", "A2 - Y"),
    ("dZ2", "A_{[2]} - Y", "A2 - Y"),
    ("dZ2", r"\mathbf{A}^{[2]} - \mathbf{Y}", "A2 - Y"),
    ("dZ2", r"\boldsymbol{A}^{[2]} - \mathbf Y", "A2 - Y"),
    ("dW2", r"\frac{1}{m}\, dZ^{[2]} \, {A^{[1]}}^{\!\top}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m} dZ^{[2]} (A^{[1]})^{\mathsf{T}}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m} dZ^{[2]} A^{[1]\mathsf{T}}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m} dZ^{[2]} A^{[1]\text{T}}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m} dZ^{[2]} A^{[1]}{}^{T}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m} dZ^{[2]} A^{T[1]}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m} dZ_2 A^{T}_1", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m} dZ^{[2]} \times A^{[1]T}", "dZ2 @ A1.T / m"),
    ("dW2", r"\tfrac{1}{m} \frac{\partial J}{\partial Z^{[2]}} A^{[1]T}", "dZ2 @ A1.T / m"),
    ("dW2", r"\dfrac1m \frac{\partial\mathcal{J}}{\partial Z^{[2]}} {A^{[1]}}^T", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac1m \nabla_{Z^{[2]}} J \; A^{[1]T}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac1m \delta^{[2]} A^{[1]T}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac1m \delta^{(2)} (A^{(1)})^T", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac1m \mathrm{d}Z^{[2]} A^{[1]T}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac1m \text{d}Z^{[2]} A^{[1]T}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{dZ^{[2]} A^{[1]T}}{m}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m} \mathrm{np.dot}(dZ^{[2]}, A^{[1]T})", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m} \texttt{np.dot}(dZ^{[2]}, A^{[1]T})", "dZ2 @ A1.T / m"),
    ("db2", r"\frac{1}{m} np.sum(dZ^{[2]}, axis = 1, keepdims = True)", SUM2),
    (
        "db2",
        r"\frac{1}{m} \text{np.sum}(dZ^{[2]}, \text{axis}=1, \text{keepdims}=\text{True})",
        SUM2,
    ),
    (
        "db2",
        r"\frac{1}{m}\text{sum}(dZ^{[2]}, \text{axis}=1, \text{keepdims=True})",
        SUM2,
    ),
    ("dA2", r"-\frac{Y}{A^{[2]}} + \frac{1-Y}{1-A^{[2]}}", "-Y/A2 + (1-Y)/(1-A2)"),
    ("dA2", r"-\left(\frac{Y}{A^{[2]}} - \frac{1-Y}{1-A^{[2]}}\right)", "-Y/A2 + (1-Y)/(1-A2)"),
    ("dA2", r"\frac{A^{[2]} - Y}{A^{[2]}(1 - A^{[2]})}", "-Y/A2 + (1-Y)/(1-A2)"),
    ("dZ2", r"dA^{[2]} \cdot A^{[2]} \cdot (1 - A^{[2]})", "dA2 * A2 * (1 - A2)"),
    ("dZ2", r"dA^{[2]} \cdot \sigma'(Z^{[2]})", "dA2 * A2 * (1 - A2)"),
    ("dZ2", r"dA^{[2]} \odot \sigma^{\prime}(Z^{[2]})", "dA2 * A2 * (1 - A2)"),
    ("dZ2", r"dA^{[2]} \odot \sigma(Z^{[2]})\left(1-\sigma(Z^{[2]})\right)", "dA2 * A2 * (1 - A2)"),
    ("dZ2", r"dA^{[2]} \odot g^{[2]}(Z^{[2]}) \odot (1 - g^{[2]}(Z^{[2]}))", "dA2 * A2 * (1 - A2)"),
    ("dZ2", r"\hat{Y} - Y", "A2 - Y"),
    ("dA1", r"W^{[2]T} \cdot dZ^{[2]}", "W2.T @ dZ2"),
    ("dA1", r"\left(W^{[2]}\right)^{T} dZ^{[2]}", "W2.T @ dZ2"),
    ("dA1", r"{W^{[2]}}^{\mathrm{T}} dZ^{[2]}", "W2.T @ dZ2"),
    ("dA1", r"W^{[2]\intercal}\,dZ^{[2]}", "W2.T @ dZ2"),
    ("dW1", r"\frac{1}{m} dZ^{[1]} X^T", "dZ1 @ X.T / m"),
    ("dW1", r"\frac{1}{m} \sum_{i=1}^{m} dz^{[1](i)} x^{(i)T}", "dZ1 @ X.T / m"),
    ("dW1", r"\frac{1}{m} \sum_{i=1}^{m} dz^{[1](i)} \left(x^{(i)}\right)^T", "dZ1 @ X.T / m"),
    ("dW1", r"\frac{1}{m} \sum_i dz^{[1](i)} x^{(i)\top}", "dZ1 @ X.T / m"),
    ("dW1", r"\frac1m \, dZ^{[1]} \cdot X^{\top}", "dZ1 @ X.T / m"),
    ("dZ1", "dA⁽¹⁾ ⊙ (1 − A⁽¹⁾²)", "dA1 * (1 - A1**2)"),
    ("dW2", "dZ⁽²⁾ A⁽¹⁾ᵀ / m", "dZ2 @ A1.T / m"),
    ("dW2", "1/m dZ₂ · A₁ᵀ", "dZ2 @ A1.T / m"),
    ("dZ1", r"dA^{[1]} \ast \tanh'(Z^{[1]})", "dA1 * (1 - np.tanh(Z1)**2)"),
    ("dZ1", r"dA^{[1]} \ast (1 - \tanh^2(Z^{[1]}))", "dA1 * (1 - np.tanh(Z1)**2)"),
    ("dZ2", r"\frac{1}{m} (a^{[2](i)} - y^{(i)})", "(A2 - Y)/m"),
    ("dW2", r"\frac{\partial \mathcal{J} }{ \partial z_{2}^{(i)} } a^{[1] (i) T}", "dZ2 @ A1.T"),
    ("db2", r"\sum_i{\frac{\partial \mathcal{J} }{ \partial z_{2}^{(i)}}}", "np.sum(dZ2, axis=1, keepdims=True)"),
    (
        "dZ1",
        r"W_2^T \frac{\partial \mathcal{J} }{ \partial z_{2}^{(i)} } * ( 1 - a^{[1] (i) 2})",
        BACK,
    ),
    ("dW1", r"\frac{\partial \mathcal{J} }{ \partial z_{1}^{(i)} }  X^T", "dZ1 @ X.T"),
    ("db1", r"\sum_i{\frac{\partial \mathcal{J} }{ \partial z_{1}^{(i)}}}", "np.sum(dZ1, axis=1, keepdims=True)"),
    ("dW2", r"\frac{1}{m} \mathrm{dZ}^{[2]} A^{[1]T}", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m} \mathbf{dZ}^{[2]} {\mathbf{A}^{[1]}}^T", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac1m \sum_{i=1}^m (A^{[2](i)} - Y^{(i)}) \left(A^{[1](i)}\right)^{T}", "(A2-Y) @ A1.T / m"),
    ("dW2", r"\left(A^{[2]} - Y\right)\left(A^{[1]}\right)^T / m", "(A2-Y) @ A1.T / m"),
    ("dW2", r"\frac{A^{[2]} - Y}{m} A^{[1]T}", "(A2-Y) @ A1.T / m"),
    ("dW2", r"\frac{1}{m}\left[dZ^{[2]} A^{[1]T}\right]", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m} \left( dZ^{[2]} \right) \cdot \left( A^{[1]} \right)^{\top}.", "dZ2 @ A1.T / m"),
    ("dZ1", r"dA^{[1]} \odot \tanh^{\prime}\left(Z^{[1]}\right)", "dA1 * (1 - np.tanh(Z1)**2)"),
    ("dZ1", r"dA^{[1]} \odot \operatorname{tanh}'(Z^{[1]})", "dA1 * (1 - np.tanh(Z1)**2)"),
    ("dZ1", r"dA^{[1]} \odot \text{tanh}'(Z^{[1]})", "dA1 * (1 - np.tanh(Z1)**2)"),
    ("dZ1", r"dA^{[1]} \odot \left(1-\tanh^{2}\left(Z^{[1]}\right)\right)", "dA1 * (1 - np.tanh(Z1)**2)"),
    ("dZ1", r"dA^{[1]} \odot \mathbb{1}\{Z^{[1]} > 0\}", "dA1 * (Z1 > 0)"),
    ("dZ1", r"dA^{[1]} \odot \mathbf{1}_{Z^{[1]} > 0}", "dA1 * (Z1 > 0)"),
    ("dZ1", r"dA^{[1]} \odot \mathbb{1}[Z^{[1]} > 0]", "dA1 * (Z1 > 0)"),
    ("dZ1", r"dA^{[1]} \odot \mathbb{I}(Z^{[1]} > 0)", "dA1 * (Z1 > 0)"),
    ("dZ1", r"dA^{[1]} \odot \mathbb{1}_{\{Z^{[1]} > 0\}}", "dA1 * (Z1 > 0)"),
    ("dZ1", r"dA^{[1]} \odot \text{ReLU}'(Z^{[1]})", "dA1 * (Z1 > 0)"),
    ("dZ1", r"dA^{[1]} \odot \mathrm{ReLU}^{\prime}(Z^{[1]})", "dA1 * (Z1 > 0)"),
    ("dZ1", r"dA^{[1]} \cdot (Z^{[1]} > 0)", "dA1 * (Z1 > 0)"),
    ("db1", "1/m Σᵢ dZ₁⁽ⁱ⁾", SUM1),
    ("dW2", "1/m · ∂J/∂Z₂ · A₁ᵀ", "dZ2 @ A1.T / m"),
    ("dA1", r"{W^{[2]}}^{T} \frac{dJ}{dZ^{[2]}}", "W2.T @ dZ2"),
    ("dA1", r"\left. W^{[2]T} dZ^{[2]} \right.", "W2.T @ dZ2"),
    ("dA1", r"\displaystyle W^{[2]\!T}\!\!dZ^{[2]}", "W2.T @ dZ2"),
    ("dA1", r"\mathbf{W}_{2}^{\top} \boldsymbol{\delta}_{2}", "W2.T @ dZ2"),
    ("dA1", r"\bigl(\mathbf W^{[2]}\bigr)^{\!\mathsf T} \, \nabla_{\mathbf{Z}^{[2]}} \mathcal{J}", "W2.T @ dZ2"),
    ("dA1", r"\color{blue}{W^{[2]T}} \textcolor{red}{dZ^{[2]}}", "W2.T @ dZ2"),
    ("dW2", r"\frac{1}{m}\sum_{i}dz^{[2](i)}\,(a^{[1](i)})^\top", "dZ2 @ A1.T / m"),
    ("dW2", r"\frac{1}{m}\sum_{n=1}^{m}dz^{[2](n)}\,{a^{[1](n)}}^T", "dZ2 @ A1.T / m"),
    ("db1", r"\frac{1}{m} \sum_{\text{columns}} dZ^{[1]}", SUM1),
    (
        "db1",
        r"\text{mean}(dZ^{[1]}, \text{axis}=1, \text{keepdims}=\text{True})",
        SUM1,
    ),
    ("dZ2", r"-\left(\frac{Y}{A^{[2]}}-\frac{1-Y}{1-A^{[2]}}\right) \cdot A^{[2]}\left(1-A^{[2]}\right)", "A2-Y"),
    ("dZ2", r"\sigma(Z^{[2]}) - Y", "A2-Y"),
    ("dZ2", r"\frac{1}{1 + e^{-Z^{[2]}}} - Y", "A2-Y"),
    ("dZ2", r"\frac{1}{1 + \exp(-Z^{[2]})} - Y", "A2-Y"),
    ("dZ2", r"{\hat{y}}^{(i)} - y^{(i)}", "A2-Y"),
    ("dZ2", r"\hat{y}^{(i)} - y^{(i)}", "A2-Y"),
    ("dZ2", r"\hat{\mathbf{y}} - \mathbf{Y}", "A2-Y"),
    ("dZ1", r"\left(W_2^\top \delta_2\right) \circ f'(Z_1)", BACK),
    ("dZ1", r"W^{[2]T} dZ^{[2]} \times (1 - A^{[1]} \times A^{[1]})", BACK),
    ("dZ1", r"(W^{[2]T} \times dZ^{[2]}) \cdot (1 - A^{[1]} \cdot A^{[1]})", BACK),
]


def read(name, text, graph_ground=GROUND):
    values = graph_ground.values(0, "mean")
    return parse(text, scope_of(graph_ground), np.shape(values[name]))


@pytest.mark.parametrize(("name", "text", "numpy"), LINES, ids=[ascii(text)[:80] for _, text, _ in LINES])
def test_what_a_sheet_prints_is_what_it_means(name, text, numpy):
    expected = parse(numpy, VALUES).evaluate(VALUES)
    found = read(name, text).evaluate(VALUES)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


RIGHT = {
    "dZ2": "A2 - Y",
    "dW2": "dZ2 @ A1.T / m",
    "db2": SUM2,
    "dA1": "W2.T @ dZ2",
    "db1": SUM1,
    "dW1": "dZ1 @ X.T / m",
}


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name, text, numpy in LINES if RIGHT.get(name) == numpy],
    ids=lambda text: ascii(text)[:60],
)
def test_a_right_line_is_judged_right_in_any_notation(name, text):
    assert TANH.check({name: text}, convention="per-example").ok


# What is written wrong stays wrong: no reading may be chosen because it happens to be right.
MISTAKES = [
    ("dW2", r"\frac{1}{m} dZ^{[2]} A^{[1]}"),
    ("dW2", r"\frac{1}{m} dZ^{[2]T} A^{[1]}"),
    ("dW2", r"dZ^{[2]} \cdot A^{[1]T}"),
    ("dW2", r"\frac{1}{m} dZ^{[2]} \cdot A^{[2]T}"),
    ("dW2", r"\frac{1}{m} \sum_{i=1}^m dZ^{[2](i)} A^{[2](i)T}"),
    ("dW2", r"\frac{1}{2m} \sum_{i=1}^m dZ^{[2](i)} A^{[1](i)T}"),
    ("db1", r"\frac{1}{m} \sum dZ^{[2]}"),
    ("db1", r"\sum dZ^{[1]}"),
    ("db1", r"\frac{1}{m} \sum_{rows} dZ^{[1]}"),
    ("db1", r"\frac{1}{m} dZ^{[1]}"),
    ("dZ1", r"dA^{[1]} * g^{[1]\prime}(A^{[1]})"),
    ("dZ1", r"dA^{[1]} * g^{[1]}(Z^{[1]})"),
    ("dZ1", r"dA^{[1]} * g^{[2]\prime}(Z^{[1]}) * 2"),
    ("dZ1", r"dA^{[1]} * (1 - A^{[1]})"),
    ("dZ1", r"dA^{[1]} * (1 - Z^{[1] 2})"),
    ("dZ1", r"\underbrace{W^{[2]T} dZ^{[2]}}_{dA^{[1]}} \odot (1 - A^{[1]})"),
    ("dZ2", r"Y - A^{[2]} \tag{1}"),
    ("dZ2", r"\begin{aligned} A^{[1]} - Y \end{aligned}"),
    ("dZ2", r"\hat{Y} + Y"),
    ("dA1", r"W^{[2]} \cdot dZ^{[2]}"),
    ("dA1", r"W^{[1]T} dZ^{[1]}"),
    ("dW1", r"\frac{1}{m} \sum_{i=1}^{m} dz^{[1](i)} x^{(i)}"),
    ("dW1", r"\frac1m \delta^{[2]} X^T"),
    ("dW1", r"\frac1m \nabla_{Z^{[2]}} J X^T"),
]


@pytest.mark.parametrize(("name", "text"), MISTAKES, ids=lambda text: ascii(text)[:60])
def test_a_wrong_line_is_judged_wrong_in_any_notation(name, text):
    report = TANH.check({name: text}, convention="per-example")
    assert not report[name].own


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dW2", r"\frac{1}{m} A^{[1]T} \cdot dZ^{[2]}"),
        ("db2", r"\frac{1}{m} \sum_{i=1}^m dZ^{[2](i)}"),
        ("db2", r"\frac{1}{m} \sum dZ^{[2]}"),
        ("db1", r"\frac{1}{m} \sum_{i=1}^m dZ^{[1]}"),
        ("dA1", r"dZ^{[2]} \cdot W^{[2]T}"),
        ("dZ1", r"dZ^{[2]} W^{[2]T} \circ g'(Z^{[1]})"),
    ],
)
def test_examples_in_rows_are_summed_where_they_stand(name, text):
    assert ROWS.check({name: text}, convention="per-example").ok


def test_g_is_the_function_that_the_graph_takes():
    for text in (r"dA^{[1]} * g^{[1]\prime}(Z^{[1]})", r"dA_1 \odot g'(Z_1)", "dA₁ ∗ g′(Z₁)", "dA1 * φ'(Z1)"):
        assert RELU.check({"dZ1": text}).ok, text
        assert TANH.check({"dZ1": text}).ok, text
    assert RELU.check({"A1": "g(Z₁)"}).ok
    assert read("dZ1", r"dA_1 \odot g'(Z_1)").text == "dA1 * tanh_slope(Z1)"
    with pytest.raises(FormulaError, match="what g is, is not known here"):
        parse("dA₁ ∗ g′(Z₁)")


def test_a_value_of_that_name_comes_first():
    assert parse("g(Z₁)", {"g": np.ones((3, 3)), "Z1": np.ones((3, 5))}).text == "g @ Z1"
    assert parse(r"\delta_2", {"δ2": 1, "dZ2": 2}).text == "δ2"
    assert parse(r"\hat{y}", {"y_hat": np.ones(3), "y": np.ones(3)}).text == "y_hat"


def test_the_loss_may_have_the_name_of_any_loss():
    for loss in ("J", "L", "cost"):
        graph = network(cr.Tanh, cr.Sigmoid, loss=loss)
        text = rf"\frac{{1}}{{m}} \frac{{\partial {loss[0].upper()}}}{{\partial Z_2}} A_1^T"
        assert graph.check({"dW2": text.replace("C}", "J}")}, convention="per-example").ok
        assert graph.check({"dA1": "W2ᵀ ∂L/∂Z₂"}).ok


def test_a_whole_sheet_is_read_as_it_is_printed():
    sheet = r"""
    \begin{align*}
    dZ^{[2]} &= A^{[2]} - Y \tag{1} \\
    dW^{[2]} &= \frac{1}{m} dZ^{[2]} A^{[1]^T} \tag{2} \\
    db^{[2]} &= \frac{1}{m} \sum_{i=1}^{m} dZ^{[2](i)} \tag{3} \\
    dZ^{[1]} &= W^{[2]T} dZ^{[2]} \odot g^{[1]\prime}(Z^{[1]}) \tag{4} \\
    dW^{[1]} &= \frac{1}{m} dZ^{[1]} \cdot X^{T} \tag{5} \\
    db^{[1]} &= \frac{1}{m} \sum dZ^{[1]}. \tag{6}
    \end{align*}
    """
    formulas = parse_lines(sheet, scope_of(GROUND))
    assert list(formulas) == ["dZ2", "dW2", "db2", "dZ1", "dW1", "db1"]
    assert TANH.check(formulas).ok
    back = r"W_2^T \frac{\partial \mathcal{J}}{\partial z_{2}^{(i)}} * ( 1 - a^{[1] (i) 2})"
    printed = r"""
    $\frac{\partial \mathcal{J} }{ \partial z_{2}^{(i)} } = \frac{1}{m} (a^{[2](i)} - y^{(i)})$
    $\frac{\partial \mathcal{J} }{ \partial W_2 } = \frac{\partial \mathcal{J} }{ \partial z_{2}^{(i)} } a^{[1] (i) T}$
    $\frac{\partial \mathcal{J} }{ \partial b_2 } = \sum_i{\frac{\partial \mathcal{J} }{ \partial z_{2}^{(i)}}}$
    $\frac{\partial \mathcal{J}}{\partial z_{1}^{(i)}} = BACK$
    $\frac{\partial \mathcal{J} }{ \partial W_1 } = \frac{\partial \mathcal{J} }{ \partial z_{1}^{(i)} }  X^T$
    $\frac{\partial \mathcal{J} }{ \partial b_1 } = \sum_i{\frac{\partial \mathcal{J} }{ \partial z_{1}^{(i)}}}$
    """
    report = TANH.check(parse_lines(printed.replace("BACK", back), scope_of(GROUND)))
    assert report.ok
    assert len(report) == 6
    assert report.convention == "mean"


def test_what_the_shapes_do_not_tell_stays_as_it_was():
    assert parse(r"dZ_2 \cdot A_1^T").text == "dZ2 * A1.T"
    assert parse(r"\sum dZ_1").text == "np.sum(dZ1)"
    assert parse(r"A \cdot B", {"A": np.ones((3, 5)), "B": np.ones((3, 5))}).text == "A * B"
    assert parse(r"A \cdot B", {"A": np.ones((3, 4)), "B": np.ones((4, 5))}).text == "A @ B"
    assert (
        parse(r"A * W^T \cdot B", {"A": np.ones((4, 5)), "W": np.ones((3, 4)), "B": np.ones((3, 5))}).text
        == "A * (W.T @ B)"
    )
    assert parse("λ W", {"λ": np.float64(2), "W": np.ones((3, 4))}).text == "λ * W"
    many = " + ".join([r"\sum dZ_1"] * 9)
    assert "axis" not in read("db1", many).text  # too many sums to be tried in every way
