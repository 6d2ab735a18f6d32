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
