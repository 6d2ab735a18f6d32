"""The signs and words of paper by what they mean: the tables that the reader of LaTeX and Unicode goes by."""

from __future__ import annotations

import ast
from typing import Final

CLOSING: Final = {"(": ")", "[": "]", "{": "}"}

COMPARISONS: Final[dict[str, type[ast.cmpop]]] = {
    "<": ast.Lt, "<=": ast.LtE, ">": ast.Gt, ">=": ast.GtE, "==": ast.Eq, "!=": ast.NotEq,
}  # fmt: skip
LOGIC: Final[tuple[tuple[str, type[ast.operator]], ...]] = (("|", ast.BitOr), ("&", ast.BitAnd))
PRODUCTS: Final[dict[str, type[ast.operator]]] = {"*": ast.Mult, "·": ast.Mult, "@": ast.MatMult, "/": ast.Div}
BEGINS: Final = frozenset(("number", "fraction", "name", "sum", "(", "{", "frac", "√", "abs(", "∂"))
SHOWN: Final = {"name": "a name", ")abs": "the end of an absolute value"}  # kinds of tokens that are no signs
LITERALS: Final = {"True": True, "False": False, "None": None}

SLOPES: Final = {
    "sigmoid": "sigmoid_slope",
    "tanh": "tanh_slope",
    "relu": "relu_slope",
    "softplus": "sigmoid",
    "exp": "exp",
    "sin": "cos",
}
IN_NUMPY: Final = frozenset("log exp tanh sin cos sqrt max min abs sum mean maximum minimum".split())
ANY_ACTIVATION: Final = frozenset("g f h φ ϕ ψ phi psi act activation".split())
LOSSES: Final = frozenset("L J C E ℓ ℒ loss Loss cost Cost".split())

SIGNS: Final = {
    "**": "**", "<=": "<=", ">=": ">=", "==": "==", "!=": "!=",
    "+": "+", "-": "-", "−": "-", "–": "-", "/": "/", "÷": "/", "∕": "/", "⁄": "/", "@": "@",
    "*": "*", "∗": "*", "⊙": "*", "∘": "*", "·": "·", "⋅": "·", "×": "·", "•": "*", "⊗": "*",
    "<": "<", ">": ">", "≤": "<=", "≥": ">=", "≠": "!=", "=": "=",
    "&": "&", "|": "|", "∧": "&", "∨": "|", "~": "~", "^": "^", ".": ".", ",": ",", ":": ":",
    "(": "(", ")": ")", "[": "[", "]": "]", "{": "{", "}": "}", "∂": "∂", "√": "√",
}  # fmt: skip

COMMANDS: Final = {
    "ast": "*", "odot": "*", "circ": "*", "cdot": "·", "times": "·", "bullet": "*", "star": "*",
    "div": "/", "le": "<=", "leq": "<=", "ge": ">=", "geq": ">=", "ne": "!=", "neq": "!=", "lt": "<", "gt": ">",
    "land": "&", "wedge": "&", "lor": "|", "vee": "|",
    "partial": "∂", "frac": "frac", "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "sqrt": "√",
    "lbrack": "(", "rbrack": ")", "lparen": "(", "rparen": ")", "lvert": "abs(", "rvert": ")abs",
}  # fmt: skip
FUNCTION_WORDS: Final = {"ln": "log", "σ": "sigmoid", "Φ": "normal_cdf", "ReLU": "relu", "tanh": "tanh"}
GREEK: Final = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "Delta": "Δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "Theta": "Θ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "phi": "φ", "Phi": "Φ", "varphi": "φ", "psi": "ψ", "omega": "ω", "Omega": "Ω",
    "kappa": "κ", "chi": "χ", "ell": "ℓ",
}  # fmt: skip
SPELLED: Final = {letter: name for name, letter in GREEK.items() if not name.startswith("var")}

REFUSED_COMMANDS: Final = {
    "begin": "a table such as cases or a matrix is no formula of whole values",
    "implies": "one formula at a time",
    **dict.fromkeys("hat widehat bar overline tilde widetilde check".split(), "an accent is no part of a name here"),
}
