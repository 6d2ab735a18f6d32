"""What the operators, the calls and the dtypes of an expression stand for in the vocabulary."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from chainrule.judging.reading.forms import is_of_numpy
from chainrule.judging.reading.vocabulary import DTYPES, FUNCTIONS, METHODS, NUMPY
from chainrule.judging.reading.work import Function

OPERATORS: Final[Mapping[type[ast.AST], Function]] = MappingProxyType(
    {
        ast.Add: NUMPY["add"],
        ast.Sub: NUMPY["subtract"],
        ast.Mult: NUMPY["multiply"],
        ast.Div: NUMPY["divide"],
        ast.MatMult: NUMPY["matmul"],
        ast.Pow: NUMPY["power"],
        ast.BitAnd: NUMPY["bitwise_and"],
        ast.BitOr: NUMPY["bitwise_or"],
        ast.BitXor: NUMPY["bitwise_xor"],
        ast.UAdd: NUMPY["positive"],
        ast.USub: NUMPY["negative"],
        ast.Invert: NUMPY["invert"],
        ast.Lt: NUMPY["less"],
        ast.LtE: NUMPY["less_equal"],
        ast.Gt: NUMPY["greater"],
        ast.GtE: NUMPY["greater_equal"],
        ast.Eq: NUMPY["equal"],
        ast.NotEq: NUMPY["not_equal"],
    }
)


def is_slices(node: ast.expr) -> bool:
    """np.s_, whose index is a value: what ``put`` is told."""
    return is_of_numpy(node) and isinstance(node, ast.Attribute) and node.attr == "s_"


def function_of(node: ast.Call) -> Function | None:
    """The function that is called, None if formulas have none of that name."""
    callee = node.func
    if isinstance(callee, ast.Name):
        return FUNCTIONS.get(callee.id)
    if isinstance(callee, ast.Attribute):
        return (NUMPY if is_of_numpy(callee) else METHODS).get(callee.attr)
    return None


def given_by_place(node: ast.Call) -> list[ast.expr]:
    """What a call gives by position: a method gives its array first."""
    if isinstance(node.func, ast.Attribute) and not is_of_numpy(node.func):
        return [node.func.value, *node.args]
    return node.args


def array_of_dtype(node: ast.expr) -> ast.expr | None:
    """The array whose dtype is asked for, as in ``A.dtype``; None where a dtype is written."""
    return node.value if isinstance(node, ast.Attribute) and node.attr == "dtype" else None


def dtype_of(node: ast.expr) -> np.dtype[Any] | None:
    """The dtype that is written, None if it is none that formulas have."""
    match node:
        case ast.Name(id=name) | ast.Constant(value=str(name)):
            return DTYPES.get(name)
        case ast.Attribute(value=ast.Name(id="np" | "numpy"), attr=name):
            return DTYPES.get(name)
    return None
