"""Lines as other sheets, notebooks and scripts have them: read as they are meant, or answered with what would work."""

from pathlib import Path

import pytest

import chainrule as cr


def two_layers(first):
    A, Y = cr.Input("X", (2, "m")), cr.Input("Y", (1, "m"))
    for k, (act, rows, columns) in enumerate(((first, 4, 2), (cr.Sigmoid, 1, 4)), 1):
        W, b = cr.Parameter(f"W{k}", (rows, columns)), cr.Parameter(f"b{k}", (rows, 1))
        A = act(cr.Add(W @ A, b, name=f"Z{k}"), name=f"A{k}")
    return cr.Graph(cr.BCELoss(A, Y, name="J"))


TANH, RELU = two_layers(cr.Tanh), two_layers(cr.ReLU)
LOSS = r"Y^{(i)} \log A^{[2](i)} + (1-Y^{(i)}) \log(1-A^{[2](i)})"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dZ2", r"\begin{aligned} dZ^{[2]} &= A^{[2]} - Y \end{aligned}"),
        ("dZ2", r"$$dZ^{[2]} = A^{[2]} - Y$$"),
        ("dZ2", r"\[ dZ^{[2]} = A^{[2]} - Y \]"),
        ("dZ2", r"\begin{equation} dZ^{[2]} = A^{[2]} - Y \label{eq:1} \end{equation}"),
        ("dZ2", r"\boldsymbol{A}^{[2]} - \boldsymbol{Y} \quad \text{(output layer)}"),
        ("dW2", r"\frac{\partial J}{\partial W^{[2]}} = \frac{1}{m} dZ^{[2]} A^{[1]T}"),
        ("dW2", r"\nabla_{W^{[2]}} J = \frac{1}{m} dZ^{[2]} A^{[1]T}"),
        ("dW2", r"\frac{1}{m} \sum_{i=0}^{m-1} dZ^{[2](i)} A^{[1](i)T}"),
        ("A2", r"\operatorname{sigmoid}\bigl(Z^{[2]}\bigr)"),
        ("J", rf"-\frac{{1}}{{m}}\sum_{{i=1}}^m \left[ {LOSS} \right]"),
        ("J", rf"-\frac{{1}}{{m}} \sum\limits_{{i = 1}}^{{m}} ({LOSS}) \tag{{13}}"),
        ("dW2", "dZ2 @ A1.T / np.size(Y, 1)"),
        ("dW2", "dZ2 @ A1.T / np.shape(Y)[1]"),
        ("db2", "np.vstack(dZ2.mean(axis=1))"),
    ],
)
def test_a_line_is_read_as_it_is_meant(name, text):
    verdict = TANH.check({name: text})[name]
    assert verdict.ok, verdict.diagnosis


def test_the_larger_one_of_two_is_taken_entry_by_entry():
    assert RELU.check({"A1": r"\max(0, Z^{[1]})"}).ok


@pytest.mark.parametrize(
    ("name", "text", "what", "remedy"),
    [
        ("dW2", r"\frac{1}{m} \sum_{k=1}^{m-1} dZ_2^{(k)} {A_1^{(k)}}^T", "leaves some out", r"\sum_{i=1}^{m}"),
        ("dW2", r"\frac{1}{m} \sum_{k=2}^{m} dZ_2^{(k)} {A_1^{(k)}}^T", "leaves some out", r"\sum_{i=1}^{m}"),
        ("db2", r"\frac{1}{m} dZ_2 \mathbf{1}", "a vector of ones", r"\sum_{i=1}^{m}"),
        ("dA1", r"\dot{W_2} dZ_2", "a dot above a name", "dZ_3"),
        ("dW2", "dZ2.mm(A1.t()) / m", "another library's", "dZ2 @ A1.T / m"),
        ("db2", "dZ2.mean(dim=1, keepdim=True)", "another library's", "np.mean(dZ2, axis=1, keepdims=True)"),
        ("dW2", "tf.matmul(dZ2, A1, transpose_b=True) / m", "another library's", "np.matmul(dZ2, A1.T) / m"),
        ("dZ2", "dW2 = A2 - Y", "this gives dW2", ""),
    ],
)
def test_what_cannot_be_read_is_answered_with_what_would_work(name, text, what, remedy):
    verdict = TANH.check({name: text})[name]
    assert verdict.verdict == "unreadable"
    assert what in verdict.diagnosis
    assert remedy in verdict.diagnosis


FILES = {
    "dZ2 = A2 \\\n   - Y\ndW2 = dZ2 @ A1.T / m": ["A2 \n   - Y", "dZ2 @ A1.T / m"],
    "dZ2 = A2 - Y; dW2 = dZ2 @ A1.T / m": ["A2 - Y", "dZ2 @ A1.T / m"],
    'grads.dW2 = (A2 - Y) @ A1.T / m\nprint("done")': ["(A2 - Y) @ A1.T / m"],
    "dZ2 = A2\ndZ2 -= Y": ["dZ2 - Y"],
    r"\begin{aligned} dZ_2 &= A_2 - Y \\ dW_2 &= \frac{1}{m} dZ_2 A_1^T \end{aligned}": [
        "A_2 - Y",
        r"\frac{1}{m} dZ_2 A_1^T",
    ],
}


@pytest.mark.parametrize("text", FILES)
def test_a_file_is_read_as_python_and_latex_mean_it(tmp_path, text):
    file = Path(tmp_path) / "lines.txt"
    file.write_text(text)
    report = TANH.check(file)
    assert report.ok
    assert [verdict.formula for verdict in report] == FILES[text]


@pytest.mark.parametrize(
    ("graph", "text", "repair"),
    [
        (TANH, "dA1 * A1 * (1 - A1)", "dA1 * (1 - A1 ** 2)"),
        (TANH, "np.where(Z1 > 0, dA1, 0.01 * dA1)", "dA1 * (1 - A1 ** 2)"),
        (RELU, "dA1 * (1 - np.tanh(Z1) ** 2)", "dA1 * (Z1 > 0)"),
        (RELU, "np.where(Z1 > 0, dA1, 0.01 * dA1)", "dA1 * (Z1 > 0)"),
    ],
)
def test_the_slope_of_another_function_is_named(graph, text, repair):
    verdict = graph.check({"dZ1": text})["dZ1"]
    assert verdict.repairs == ("slope of another function",)
    assert "slope of" in verdict.diagnosis
    assert verdict.repair == repair
