"""Derivations in Unicode, LaTeX and MathML: how they read, that they are well formed, and that they mean the same."""

from __future__ import annotations

import ast
import inspect
import itertools
import math
import re
import warnings
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from every_rule import EXAMPLES
from hypothesis import example, given, settings
from hypothesis import strategies as st

import chainrule as cr
import nets
from chainrule.commands import cli
from chainrule.errors import ShapeError
from chainrule.judging.reading import parse
from chainrule.notation import LatexPrinter, MathmlPrinter, TextPrinter, UnicodePrinter
from chainrule.symbols import elementary
from chainrule.symbols.symbol import Symbol

PRINTERS = {"unicode": UnicodePrinter(), "latex": LatexPrinter(), "mathml": MathmlPrinter(), "text": TextPrinter()}
MATHML = "{http://www.w3.org/1998/Math/MathML}"


def leaf(name: str, *shape: Any) -> Symbol:
    return Symbol.leaf(name, shape)


# --- as people write it ----------------------------------------------------------------------------------------------

UNICODE = {
    "Z1": "Z₁ = W₁A₀ + B₁",
    "A1": "A₁ = σ(Z₁)",
    "L": "L = −Σ (Y ∗ log(A₃) + (1 − Y) ∗ log(1 − A₃)) / m",
    "dA3": "dA₃ = (1 − Y) / (1 − A₃) − Y / A₃",
    "dZ3": "dZ₃ = dA₃ ∗ A₃ ∗ (1 − A₃) = A₃ − Y",
    "dW3": "dW₃ = dZ₃A₂ᵀ / m",
    "dB3": "dB₃ = Σ_columns dZ₃ / m",
    "dA2": "dA₂ = W₃ᵀdZ₃",
    "dZ2": "dZ₂ = dA₂ ∗ A₂ ∗ (1 − A₂)",
    "dW1": "dW₁ = dZ₁A₀ᵀ / m",
}
LATEX = {
    "Z1": r"Z_1 = W_1 A_0 + B_1",
    "A1": r"A_1 = \sigma(Z_1)",
    "L": r"L = -\frac{1}{m} \sum (Y \ast \log(A_3) + (1 - Y) \ast \log(1 - A_3))",
    "dA3": r"dA_3 = \frac{1 - Y}{1 - A_3} - \frac{Y}{A_3}",
    "dZ3": r"dZ_3 = dA_3 \ast A_3 \ast (1 - A_3) = A_3 - Y",
    "dW3": r"dW_3 = \frac{1}{m} dZ_3 A_2^T",
    "dB3": r"dB_3 = \frac{1}{m} \sum_{\text{columns}} dZ_3",
    "dA2": r"dA_2 = W_3^T dZ_3",
    "dZ2": r"dZ_2 = dA_2 \ast A_2 \ast (1 - A_2)",
    "dW2": r"dW_2 = \frac{1}{m} dZ_2 A_1^T",
    "dB2": r"dB_2 = \frac{1}{m} \sum_{\text{columns}} dZ_2",
    "dA1": r"dA_1 = W_2^T dZ_2",
    "dZ1": r"dZ_1 = dA_1 \ast A_1 \ast (1 - A_1)",
    "dW1": r"dW_1 = \frac{1}{m} dZ_1 A_0^T",
    "dB1": r"dB_1 = \frac{1}{m} \sum_{\text{columns}} dZ_1",
}


@pytest.fixture(scope="module")
def network() -> cr.Graph:
    return nets.DNN((2, 3, 3, 1)).graph


def test_the_network_reads_in_latex_as_on_paper(network: cr.Graph) -> None:
    derivation = network.derivation("per-example")
    assert {name: derivation[name].latex for name in LATEX} == LATEX


def test_the_network_reads_in_unicode_as_on_paper(network: cr.Graph) -> None:
    derivation = network.derivation("per-example")
    assert {name: derivation[name].unicode for name in UNICODE} == UNICODE


def test_the_mean_convention_moves_the_scale(network: cr.Graph) -> None:
    derivation = network.derivation("mean")
    assert derivation["dZ3"].unicode.endswith("= (A₃ − Y) / m")
    assert derivation["dZ3"].latex.endswith(r"= \frac{1}{m} (A_3 - Y)")
    assert derivation["dW3"].unicode == "dW₃ = dZ₃A₂ᵀ"
    assert derivation["dW3"].latex == "dW_3 = dZ_3 A_2^T"


def test_a_line_of_mathml() -> None:
    printed = MathmlPrinter().print(leaf("dZ3", 1, "m") @ leaf("A2", 3, "m").T)
    left = "<mrow><mi>d</mi><msub><mi>Z</mi><mn>3</mn></msub></mrow>"
    assert printed == f"<mrow>{left}<mo>\u2062</mo><msubsup><mi>A</mi><mn>2</mn><mi>T</mi></msubsup></mrow>"


X, Y, S, s, v = leaf("X", 3, 4), leaf("Y", 3, 4), leaf("S", 2, 3, 4), leaf("s"), leaf("v", 4)
SQUARE = leaf("W1", 4, 4)
m = leaf("X", 3, "m").shape[1]


@pytest.mark.parametrize(
    ("expression", "unicode", "latex"),
    [
        ((X + Y) * X, "(X + Y) ∗ X", r"(X + Y) \ast X"),
        (X - (Y - X), "X − (Y − X)", "X - (Y - X)"),
        (X - Y + X, "X − Y + X", "X - Y + X"),
        (-(X + Y), "−(X + Y)", "-(X + Y)"),
        (X - -Y, "X − (−Y)", "X - (-Y)"),
        (X * -Y, "−X ∗ Y", r"-X \ast Y"),
        (X * -2, "−2X", "-2 X"),
        (X + -2, "X + (−2)", "X + (-2)"),
        ((X * Y) @ v, "(X ∗ Y)v", r"(X \ast Y) v"),
        (SQUARE @ (SQUARE @ v), "W₁(W₁v)", "W_1 (W_1 v)"),
        (SQUARE @ SQUARE @ v, "W₁W₁v", "W_1 W_1 v"),
        (X @ leaf("U", 4, 2), "X U", "X U"),
        (X @ leaf("U", 4, 2).T.T @ leaf("u", 2), "X (Uᵀ)ᵀu", "X (U^T)^T u"),
        (v @ v, "v · v", r"v \cdot v"),
        ((SQUARE @ SQUARE).T, "(W₁W₁)ᵀ", "(W_1 W_1)^T"),
        ((X * Y).T, "(X ∗ Y)ᵀ", r"(X \ast Y)^T"),
        (SQUARE.T**2, "(W₁ᵀ)²", "(W_1^T)^2"),
        ((SQUARE**2).T, "(W₁²)ᵀ", "(W_1^2)^T"),
        ((-X) ** 2, "(−X)²", "(-X)^2"),
        (-(X**2), "−X²", "-X^2"),
        ((X / Y) ** 2, "(X / Y)²", r"\left(\frac{X}{Y}\right)^2"),
        (X**-1, "X⁻¹", "X^{-1}"),
        (X**Y, "X^Y", "X^Y"),
        (2.0**X, "2^X", "2^X"),
        (X**0.5, "X^(0.5)", "X^{0.5}"),
        (X / (Y * X), "X / (Y ∗ X)", r"\frac{X}{Y \ast X}"),
        (X / Y / X, "X / (Y ∗ X)", r"\frac{X}{Y \ast X}"),
        (X / (Y / X), "X ∗ X / Y", r"\frac{X \ast X}{Y}"),
        (2 * X / (3 * Y), "2X / (3Y)", r"\frac{2 X}{3 Y}"),
        (X / m, "X / m", r"\frac{1}{m} X"),
        (2 * X / m, "2X / m", r"\frac{2}{m} X"),
        (X / (2 * m), "X / (2m)", r"\frac{1}{2 m} X"),
        (1 / X, "1 / X", r"\frac{1}{X}"),
        ((X - Y) / m / X, "(X − Y) / (m X)", r"\frac{1}{m} \frac{X - Y}{X}"),
        (s * X, "s X", "s X"),
        (s * s, "s s", "s s"),
        (leaf("price") * leaf("count"), "price count", r"\mathrm{price} \, \mathrm{count}"),
        (np.sum(X, axis=1), "Σ_columns X", r"\sum_{\text{columns}} X"),
        (np.sum(X, axis=-2), "Σ_rows X", r"\sum_{\text{rows}} X"),
        (np.sum(X), "Σ X", r"\sum X"),
        (np.sum(v, axis=0), "Σ v", r"\sum v"),
        (np.sum(S, axis=(0, 2)), "Σ_axes0,2 S", r"\sum_{\text{axes 0, 2}} S"),
        (np.sum(X * Y, axis=1), "Σ_columns (X ∗ Y)", r"\sum_{\text{columns}} (X \ast Y)"),
        (np.sum(X) * Y, "(Σ X) Y", r"\left(\sum X\right) Y"),
        (np.sum(X, axis=0) / v, "(Σ_rows X) / v", r"\frac{\sum_{\text{rows}} X}{v}"),
        (X * np.sum(X, axis=0) * Y, "X ∗ (Σ_rows X) ∗ Y", r"X \ast \left(\sum_{\text{rows}} X\right) \ast Y"),
        (np.prod(X, axis=0), "∏_rows X", r"\prod_{\text{rows}} X"),
        (np.mean(X, axis=1), "mean_columns(X)", r"\operatorname{mean}_{\text{columns}}(X)"),
        (np.sqrt(X + 1), "√(X + 1)", r"\sqrt{X + 1}"),
        (np.sqrt(X) ** 3, "(√X)³", r"\sqrt{X}^3"),
        (np.abs(X), "|X|", r"\left|X\right|"),
        (np.log1p(X), "log(1 + X)", r"\log(1 + X)"),
        (
            np.where(X > 0, X, 0),
            "{X if X > 0, else 0}",
            r"\begin{cases} X & \text{if } X > 0 \\ 0 & \text{otherwise} \end{cases}",
        ),
        (
            np.where(X > 0, X, np.where(s, 1, Y)),
            "{X if X > 0, 1 if s ≠ 0, else Y}",
            r"\begin{cases} X & \text{if } X > 0 \\ 1 & \text{if } s \neq 0 \\ Y & \text{otherwise} \end{cases}",
        ),
        (X * (X >= Y), "X ∗ (X ≥ Y)", r"X \ast (X \geq Y)"),
        (X * (X != Y), "X ∗ (X ≠ Y)", r"X \ast (X \neq Y)"),
        ((X <= 1) & (X == Y), "(X ≤ 1) ∧ (X = Y)", r"(X \leq 1) \wedge (X = Y)"),
        (np.maximum(X, 0), "max(X, 0)", r"\max(X, 0)"),
        (elementary.softmax(X, axis=0), "softmax(X)", r"\operatorname{softmax}(X)"),
        (elementary.softmax(X, axis=1), "softmax_columns(X)", r"\operatorname{softmax}_{\text{columns}}(X)"),
        (elementary.softmax(X), "softmax_all(X)", r"\operatorname{softmax}_{\text{all}}(X)"),
        (X[1, 2], "x₂₃", "x_{23}"),
        (SQUARE[1, 2] ** 2, "(w¹₂₃)²", "(w^1_{23})^2"),
        (leaf("W1", 20, 20)[9, 1], "W₁[10, 2]", "w^1_{10,2}"),
        (X[1:, ::2], "X[1:, ::2]", "X[1:, ::2]"),
        (X[..., None], "X", "X"),
        (X * 1e-8, "10⁻⁸X", "10^{-8} X"),
        (X * 2.5e20, "2.5 · 10²⁰X", r"2.5 \cdot 10^{20} X"),
        (X * math.pi, "3.14159…X", r"3.14159\ldots X"),
        (X * -np.inf, "−∞X", r"-\infty X"),
    ],
)
def test_parentheses_stand_where_they_are_needed(expression: Symbol, unicode: str, latex: str) -> None:
    assert UnicodePrinter().print(expression) == unicode
    assert LatexPrinter().print(expression) == latex
    ET.fromstring(MathmlPrinter().print(expression))


@pytest.mark.parametrize(
    ("name", "unicode", "latex"),
    [
        ("Z3", "Z₃", "Z_3"),
        ("dZ3", "dZ₃", "dZ_3"),
        ("W10", "W₁₀", "W_{10}"),
        ("Z_1", "Z₁", "Z_1"),
        ("A_out", "A_out", r"A_{\mathrm{out}}"),
        ("relu_12", "relu₁₂", r"\mathrm{relu}_{12}"),
        ("learning_rate", "learning_rate", r"\mathrm{learning\_rate}"),
        ("beta2", "β₂", r"\beta_2"),
        ("dθ", "dθ", r"d\theta"),
        ("größe", "größe", r"\text{größe}"),
        ("layer 1/Z", "“layer 1/Z”", r"\text{layer 1/Z}"),
        ("50%_{x}$&#~^\\", "“50%_{x}$&#~^\\”", r"\text{50}\%\_\{\text{x}\}\$\&\#\sim \hat{\ }\backslash "),
        ("<b>", "“<b>”", r"<\text{b}>"),
        ("", "“”", r"\text{}"),
    ],
)
def test_names(name: str, unicode: str, latex: str) -> None:
    assert UnicodePrinter().name(name).text == unicode
    assert LatexPrinter().name(name).text == latex


def test_mathml_escapes_names() -> None:
    assert MathmlPrinter().words("a\0 <") == "<mtext>a�\xa0&lt;</mtext>"
    assert MathmlPrinter().name("<script>&").text == "<mtext>&lt;script&gt;&amp;</mtext>"


# --- whole derivations -----------------------------------------------------------------------------------------------


def fan_out() -> cr.Graph:
    x = cr.Parameter("x", (3, "m"))
    q = cr.Square(x, name="q")
    f = cr.Add(cr.Multiply(q, x, name="r"), cr.Exp(q, name="s1"), name="f")
    return cr.Graph(cr.MSELoss(f, cr.Input("Y", (3, "m")), name="L"))


def test_contributions_are_labeled_with_their_consumers() -> None:
    derivation = fan_out().derivation()
    assert r"&& df \ast s_1 \text{ from } s_1; \quad df \ast x \text{ from } r" in derivation.latex()
    assert "# df ∗ s₁ from s₁; df ∗ x from r" in derivation.unicode()
    assert "<mtext>from</mtext>" in derivation.mathml()


def test_steps_are_lines_of_their_own(network: cr.Graph) -> None:
    derivation = network.derivation("per-example")
    assert "\ndZ₃ = dA₃ ∗ A₃ ∗ (1 − A₃)\n    = A₃ − Y\n" in derivation.unicode()
    assert "\ndZ_3 &= dA_3 \\ast A_3 \\ast (1 - A_3) \\\\\n&= A_3 - Y \\\\\n" in derivation.latex()
    rows = ET.fromstring(derivation.mathml()).findall(f"./{MATHML}mtable/{MATHML}mtr")
    texts = [["".join(cell.itertext()).replace("\u2062", "") for cell in row] for row in rows]
    at = texts.index(["dZ3", "=", "dA3∗A3∗(1−A3)", ""])
    assert texts[at + 1] == ["", "=", "A3−Y", ""]


def test_shapes_on_request(network: cr.Graph) -> None:
    derivation = network.derivation()
    assert "dW₂ = dZ₂A₁ᵀ  # (3×3) = (3×m)(m×3)" in derivation.unicode(shapes=True)
    assert r"dW_2 &= dZ_2 A_1^T && (3 \times 3) = (3 \times m) (m \times 3)" in derivation.latex(shapes=True)
    assert "dW2 = dZ2 @ A1.T  # (3×3) = (3×m)(m×3)" in derivation.text(shapes=True)
    assert "(3×3)=(3×m)(m×3)" in token_text(derivation.mathml(shapes=True))
    assert "×" not in derivation.unicode()
    assert r"\times" not in derivation.latex()


def test_no_notation_lists_gradients_of_data(network: cr.Graph) -> None:
    derivation = network.derivation()
    assert derivation["dA0"].unicode == "dA₀ = W₁ᵀdZ₁"
    assert "dA₀" not in derivation.unicode()
    assert "dA_0" not in derivation.latex()
    assert "dA0" not in token_text(derivation.mathml())


def test_a_notebook_shows_mathematics(network: cr.Graph) -> None:
    derivation = network.derivation()
    for shown in (derivation, derivation["dW3"], derivation.entries("dW3")):
        bundle = shown._repr_mimebundle_()
        assert bundle.keys() == {"text/latex", "text/plain"}  # a notebook that is not trusted loses its MathML
        assert re.fullmatch(r"(\$\$?)[^$]+\1", bundle["text/latex"])
        assert "W₃" in bundle["text/plain"] or "w³" in bundle["text/plain"]


def test_the_prompt_shows_a_derivation_and_no_address(network: cr.Graph) -> None:
    derivation = network.derivation()
    assert repr(derivation) == derivation.unicode()


def test_notes_stand_at_the_end_of_every_notation(network: cr.Graph) -> None:
    derivation = network.derivation()
    assert derivation.notes
    for note in derivation.notes:
        assert derivation.unicode().endswith(f"# {note}")
        assert rf"& \text{{{note}}}" in derivation.latex()
        assert note.replace(" ", "\xa0") in derivation.mathml()


@pytest.mark.parametrize("notation", ["text", "unicode", "latex", "mathml"])
@pytest.mark.parametrize("convention", ["mean", "per-example"])
def test_the_command_line_derives(notation: str, convention: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [] if notation == "text" else [f"--{notation}"]
    assert cli.main(["derive", "nets.dnn:DNN", *flags, "--shapes", "--convention", convention]) == 0
    derivation = nets.DNN().graph.derivation(convention)
    assert capsys.readouterr().out == getattr(derivation, notation)(shapes=True) + "\n"


def test_the_command_line_takes_one_notation(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["derive", "nets.dnn:DNN", "--latex", "--unicode"]) == 2
    assert "not allowed with argument" in capsys.readouterr().err


# --- well formed -----------------------------------------------------------------------------------------------------

CHILDREN = {"mfrac": {2}, "msub": {2}, "msup": {2}, "munder": {2}, "msubsup": {3}}
TOKENS = {"mi", "mn", "mo", "mtext", "mspace"}
ELEMENTS = {*CHILDREN, *TOKENS, "math", "mrow", "msqrt", "mtable", "mtr", "mtd"}


def token_text(mathml: str) -> str:
    return "".join(ET.fromstring(mathml).itertext()).replace("\u2062", "").replace("\u2061", "")


def assert_is_mathml(text: str) -> None:
    """Elements of MathML Core only, each with as many children as it takes, text in tokens only."""
    root = ET.fromstring(text)
    for element in root.iter():
        tag = element.tag.removeprefix(MATHML)
        assert tag in ELEMENTS
        assert len(element) in CHILDREN.get(tag, {len(element)}), f"{tag} with {len(element)} children"
        if tag in TOKENS:
            assert len(element) == 0
        else:
            assert not (element.text or "").strip()
            assert not (element.tail or "").strip()
        assert tag != "mtable" or {child.tag.removeprefix(MATHML) for child in element} == {"mtr"}
        assert tag != "mtr" or {child.tag.removeprefix(MATHML) for child in element} == {"mtd"}


DOUBLE_SCRIPT = re.compile(r"\^\w\^|_\w_|\^\w_\w\^|_\w\^\w_")


def assert_is_latex(text: str) -> None:
    r"""Braces, \left \right and environments are balanced; no character stands bare that TeX takes for a command."""
    plain = re.sub(r"\\[\\{}$&#%_ ]", "", text)
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0, text
    assert depth == 0, text
    assert not re.search(r"[$#%]", plain), text
    assert plain.count(r"\left") == plain.count(r"\right"), text
    assert text.count(r"\begin{") == text.count(r"\end{"), text
    if r"\begin{" not in text:
        assert "&" not in plain, text
        assert "\\\\" not in text, text
    for inside in re.findall(r"\\text\{([^{}]*)\}", plain):
        assert not set(inside) & set("^_~\\&"), text
    assert text.isprintable() or r"\begin{aligned}" in text, text
    waiting = [plain]
    while waiting:  # groups are replaced by a letter, from the innermost out
        group = waiting.pop()
        assert not DOUBLE_SCRIPT.search(re.sub(r"\{[^{}]*\}", "g", group)), f"a double script: {text}"
        inner = re.sub(r"\{[^{}]*\}", "g", group)
        waiting += [inner] if inner != group else []


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_rule_is_well_formed_in_every_notation(name: str) -> None:
    derivation = EXAMPLES[name].graph.derivation()
    for formula in derivation.values():
        assert_is_latex(formula.latex)
        assert_is_mathml(formula.mathml)
    assert_is_latex(derivation.latex(shapes=True))
    assert_is_mathml(derivation.mathml(shapes=True))


def test_every_rule_has_an_example() -> None:
    exported = {name: getattr(cr, name) for name in cr.__all__}
    rules = {name for name, kind in exported.items() if inspect.isclass(kind) and issubclass(kind, cr.Node)}
    leaves = {name for name in rules if issubclass(exported[name], cr.Leaf)}
    assert rules - leaves - {"Node"} == {name.split(",")[0] for name in EXAMPLES}


UNREADABLE = (
    "np.", "axis=", "keepdims", "_slope", "expand_dims", "swapaxes", "broadcast_to", "astype", "dtype", "None",
    "Symbol", "logsumexp", "softmax_rest", "log_softmax", "xlogy", "ratio", "sigmoid(", "normal_cdf", "maximum",
    "minimum", "function", "unbroadcast", "restore", "slice", "array",
)  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_rule_prints_as_bare_numpy(name: str) -> None:
    for formula in EXAMPLES[name].graph.derivation().values():
        for text in (formula.unicode, formula.latex.replace("\\_", "_"), token_text(formula.mathml)):
            assert [word for word in UNREADABLE if word in text] == [], text


def test_functions_that_rules_of_ones_own_may_use_are_readable() -> None:
    Z = leaf("Z1", 3, "m")
    expressions = [
        np.tanh(Z), np.sinh(Z), np.arctan(Z), np.expm1(Z), np.reciprocal(Z), np.floor(Z), np.cumsum(Z, axis=1),
        np.var(Z, axis=1), np.argmax(Z, axis=0), np.einsum("ij,kj->ik", Z, Z), np.outer(Z, Z), np.stack((Z, Z)),
        np.tril(Z), np.full_like(Z, 2), np.zeros_like(Z), np.isnan(Z), np.logical_not(Z > 0), np.arctan2(Z, Z),
        np.logical_or(Z > 0, Z < 1), np.sign(Z), np.dot(Z.T, Z), np.dot(Z, 2), np.mean(Z), np.any(Z > 0, axis=0),
        np.ravel(Z), np.squeeze(Z[:1], axis=0), np.take(Z, np.array([0, 1]), axis=0), Z.astype(np.float32), np.std(Z),
        np.reshape(Z, (1, -1)), np.where(Z > 0, np.where(Z > 1, 2, Z), np.where(Z < -1, 3, Z)),
        np.concatenate((Z, Z, Z), axis=1),
    ]  # fmt: skip
    for expression in expressions:
        assert_is_mathml(MathmlPrinter().print(expression))
        assert_is_latex(LatexPrinter().print(expression))
        assert "Z₁" in UnicodePrinter().print(expression) or expression.operation in (np.full_like, np.zeros_like)


def test_an_untraceable_rule_prints_as_its_class_name() -> None:
    class Odd_Rule(cr.Node):  # noqa: N801 — a name with something to escape
        def forward(self, x: Any) -> Any:
            return np.array(sorted(x.ravel())).reshape(x.shape)

        def backward(self, grad: Any, y: Any, x: Any) -> Any:
            return (np.array(sorted(grad.ravel())).reshape(x.shape),)

    derivation = cr.Graph(cr.Sum(Odd_Rule(cr.Parameter("X", (2, 3)), name="Q"), name="L")).derivation()
    assert derivation["Q"].unicode == "Q = Odd_Rule(X)"
    assert derivation["Q"].latex == r"Q = \operatorname{Odd\_Rule}(X)"
    assert_is_mathml(derivation.mathml())


SPECIAL = "\\{}$&#%_^~<>\"'`|-\0\n\u202e\u2028�∑θ₃²ﬁ😀 aZ1"
any_text = st.text(st.characters(), min_size=1, max_size=12) | st.text(SPECIAL, min_size=1, max_size=12)


@settings(deadline=None, max_examples=60)  # no deadline: the first example compiles patterns
@example("\ud800")
@example(r"\end{aligned}")
@example("a\n\nb")
@example("]]></mtext><script>")
@given(any_text)
def test_any_text_is_a_harmless_name(name: str) -> None:
    x = cr.Parameter(name, (2, 2))
    derivation = cr.Graph(cr.Sum(cr.Square(x.T @ x), name=f"{name} end")).derivation()
    for formula in derivation.values():
        assert_is_latex(formula.latex)
        assert_is_mathml(formula.mathml)
        assert formula.unicode.isprintable()
        assert_is_latex(derivation.entries(formula.name).latex)
        assert_is_mathml(derivation.entries(formula.name).mathml)
        assert derivation.entries(formula.name).unicode.replace("\n", "").isprintable()
    assert_is_latex(derivation.latex(shapes=True))
    assert_is_mathml(derivation.mathml(shapes=True))
    names = [line for line in ast.parse(str(derivation)).body if isinstance(line, ast.Assign)]
    assert len(names) == sum(formula.listed for formula in derivation.values())


def test_names_that_python_reads_otherwise_are_looked_up() -> None:
    for name in ("np", "values", "sigmoid", "lambda", "ℤ", "two words"):
        assert TextPrinter().name(name).text == f"values[{name!r}]"


# --- rendered --------------------------------------------------------------------------------------------------------


def test_matplotlib_renders_the_network(network: cr.Graph) -> None:
    mathtext = pytest.importorskip("matplotlib.mathtext")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the parser that matplotlib uses
        parser = mathtext.MathTextParser("path")
        for convention in ("mean", "per-example"):
            for formula in network.derivation(convention).values():
                width, height, *_ = parser.parse(f"${formula.latex}$")
                assert width > height > 0


# --- what they mean --------------------------------------------------------------------------------------------------


LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def from_mathml(text: str) -> str:
    """MathML as a formula that can be read: an independent walk over the elements."""
    return _of(ET.fromstring(text))


WRITTEN = {
    "mfrac": "(({0})/({1}))",
    "msub": "{0}{low}",
    "msup": "{0}{1}",
    "msubsup": "{0}{low}{2}",
    "munder": "{0}_{1} ",
    "msqrt": "√({all})",
}


def _of(element: ET.Element) -> str:
    tag, parts = element.tag.removeprefix(MATHML), list(map(_of, element))
    if element.text in ("\u2062", "\u2061"):
        return " " if element.text == "\u2062" else ""
    if tag in ("msup", "msubsup"):
        parts[-1] = "ᵀ" if parts[-1] == "T" else f"^({parts[-1]})"
    low = parts[1].translate(LOW) if tag.startswith("msub") else ""
    return WRITTEN.get(tag, (element.text or "") + "{all}").format(*parts, low=low, all="".join(parts))


def read_back(expression: Any, values: dict[str, Any]) -> dict[str, Any]:
    """What each notation says, read by the parser of formulas, which knows nothing of the printers."""
    texts = {name: printer.print(expression) for name, printer in PRINTERS.items()}
    texts["mathml"] = from_mathml(texts["mathml"])
    texts["latex"] = rf"\displaystyle {texts['latex']}"  # so that A_1 (W_2 + W_3), too, is taken for LaTeX
    return {name: (text, parse(text, names=values).evaluate(values)) for name, text in texts.items()}


def assert_means(expression: Any, expected: Any, values: dict[str, Any]) -> None:
    for notation, (text, value) in read_back(expression, values).items():
        scale = np.abs(expected).max(initial=1e-300)
        # 1e-9: scales are collected in front, and a small difference of large numbers then rounds otherwise
        same = value.shape == np.shape(expected) and np.allclose(value / scale, expected / scale, rtol=0, atol=1e-9)
        assert same, f"{notation}: {text}"


NETWORKS: dict[str, Callable[[], cr.Graph]] = {
    "2-3-3-1": lambda: nets.DNN((2, 3, 3, 1)).graph,
    "2-4-3-1, tanh, fused": lambda: nets.DNN((2, 4, 3, 1), hidden=cr.Tanh).fused,
    "fan-out": fan_out,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_notation_of_a_network_says_what_was_computed(name: str) -> None:
    graph = NETWORKS[name]()
    rng = np.random.default_rng(4)
    leaves = (*graph.inputs, *graph.parameters)
    shapes = {leaf.name: [k if isinstance(k, int) else 7 for k in leaf.shape or ()] for leaf in leaves}
    run = graph.forward({name: rng.uniform(0.1, 0.9, shape) for name, shape in shapes.items()})
    gradients = run.backward()
    values = {**run.values, **{"d" + name: gradient for name, gradient in gradients.items()}, "m": 7}
    for formula in graph.derivation().values():
        for step in formula.steps:
            assert_means(step, values[formula.name], values)


VALUES = {name: np.random.default_rng(k).uniform(-2, 2, (4, 4)) for k, name in enumerate(("A1", "W2", "dZ3"), start=1)}
SYMBOLS = {name: leaf(name, 4, 4) for name in VALUES}
# No 1 - x: the parser takes (1 - W2) W2 for what everybody means by A (1 - A), but a matrix product is printed so.
UNARY: list[Callable[[Any], Any]] = [
    lambda x: -x, lambda x: x.T, np.square, np.tanh, lambda x: np.exp(np.tanh(x)), lambda x: x**3, lambda x: 2 * x,
    lambda x: x * -0.5, lambda x: 2 - x, lambda x: x / 3, lambda x: x.sum(axis=1, keepdims=True),
    lambda x: x.sum(axis=0, keepdims=True), lambda x: np.sqrt(2 + np.tanh(x)), lambda x: 1 / (3 + np.square(x)),
]  # fmt: skip
BINARY: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x @ y,
    lambda x, y: x / (3 + np.square(y)), lambda x, y: x * (y > 0),
]  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 10), st.integers(0, 10)), min_size=1, max_size=9))
def test_random_expressions_mean_the_same_in_every_notation(steps: list[tuple[int, int, int]]) -> None:
    grown: list[tuple[Any, Any]] = [(SYMBOLS[name], VALUES[name]) for name in VALUES]
    for kind, a, b in steps:
        (x, u), (y, w) = grown[-1 - a % len(grown)], grown[-1 - b % len(grown)]
        try:
            function: Any = BINARY[kind % len(BINARY)] if kind >= 20 else UNARY[kind % len(UNARY)]
            grown.append((function(x, y), function(u, w)) if kind >= 20 else (function(x), function(u)))
        except ShapeError:
            continue  # a product with a sum, which is a column or a row
    expression, expected = grown[-1]
    if np.abs(expected).max() < 1e6:
        assert_means(expression, expected, VALUES)


def test_a_wrong_printer_would_be_noticed() -> None:
    wrong = SYMBOLS["A1"] @ SYMBOLS["W2"].T
    with pytest.raises(AssertionError, match="unicode: A₁W₂ᵀ"):
        assert_means(wrong, VALUES["A1"] @ VALUES["W2"], VALUES)
    for text in (r"\frac{a}", r"a_1^2^3", r"\text{a_b}", "a & b", "50%"):
        if text != r"\frac{a}":
            with pytest.raises(AssertionError):
                assert_is_latex(text)
    for text in ("<mfrac><mi>a</mi></mfrac>", "<mrow>a</mrow>", "<b/>"):
        with pytest.raises(AssertionError):
            assert_is_mathml(text)


def test_all_pairs_of_operations_keep_their_parentheses() -> None:
    symbols, values = list(SYMBOLS.values()), list(VALUES.values())
    for outer, inner in itertools.product(BINARY, BINARY):
        left = outer(inner(*symbols[:2]), symbols[2]), outer(inner(*values[:2]), values[2])
        right = outer(symbols[0], inner(*symbols[1:])), outer(values[0], inner(*values[1:]))
        assert_means(*left, VALUES)
        assert_means(*right, VALUES)
    for one, two in itertools.product(UNARY, BINARY):
        assert_means(one(two(*symbols[:2])), one(two(*values[:2])), VALUES)
