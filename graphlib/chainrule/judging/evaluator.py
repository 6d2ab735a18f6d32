"""The values of many expressions that share most of their parts."""

from __future__ import annotations

import ast
import itertools
import math
import operator
from collections.abc import Callable
from typing import Any, final

import numpy as np

from chainrule.errors import FormulaError
from chainrule.judging.closeness import Values
from chainrule.judging.reading.evaluation import Evaluation, as_value
from chainrule.judging.reading.work import Work
from chainrule.judging.repairs.change import Shape
from chainrule.judging.repairs.tree import called, is_method
from chainrule.symbols.elementary import sigmoid

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.MatMult: operator.matmul,
    ast.Pow: lambda x, y: np.power(np.asarray(x, float), y),
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
}
_OF_TWO: dict[str, Callable[[Any, Any], Any]] = {"dot": np.dot, "matmul": np.matmul, "multiply": np.multiply}
_OF_ONE: dict[str, Callable[[Any], Any]] = {
    **{name: getattr(np, name) for name in "exp log tanh sin cos sqrt abs sign square".split()},
    "sigmoid": lambda z: sigmoid(np.asarray(z, float)),
}
_OTHER = 3  # what another step costs, measured against one of these


@final
class Evaluator:
    """Values of expressions on one case; what was evaluated once is looked up when it is a part of another one.

    A value is None where there is none: shapes that do not fit, a name that is unknown. The commonest operations are
    done here, because a search asks for thousands of expressions; the rest is left to the vocabulary of formulas.
    """

    def __init__(self, values: Values) -> None:
        self._values = values
        given = {name: as_value(value, name) for name, value in values.items()}
        self._evaluation = Evaluation(given, part=self._part)
        self._known: dict[int, tuple[ast.expr, Any]] = {}  # the expression is kept so that its id stays its own
        self._keep = True
        self.work = 0  # how many operations were done; one on much data counts as many
        largest = max(map(np.size, values.values()), default=0)
        self._step = 1 + largest // 1000
        self._largest = 4 * largest + 10_000  # a product the wrong way round may have m × m entries

    def value(self, node: ast.expr, *, keep: bool = True) -> Any:
        """The value, from the parts that are known already."""
        known = self._known.get(id(node))
        if known is not None:
            return known[1]
        self.work += self._step
        try:
            value = self._compute(node, keep)
        except Exception:  # whatever a candidate does wrong, it is no candidate then
            value = None
        if keep:
            self._known[id(node)] = (node, value)
        return value

    def shape(self, node: ast.expr) -> Shape | None:
        """The shape of the value, None where there is none."""
        value = self.value(node)
        return None if value is None else np.shape(value)

    def _compute(self, node: ast.expr, keep: bool) -> Any:
        value: Any
        match node:
            case ast.Name(id=name):
                value = self._values.get(name)
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _BINARY:
                value = self._both(_BINARY[type(sign)], left, right, keep)
            case ast.Compare(left=left, ops=[compared], comparators=[right]) if type(compared) in _COMPARED:
                value = self._both(_COMPARED[type(compared)], left, right, keep)
            case ast.Attribute(value=inner, attr="T"):
                value = self._one(np.transpose, inner, keep)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                value = self._one(operator.neg, inner, keep)
            case ast.Constant(value=value):
                pass
            case ast.Call():
                value = self._call(node, keep)
            case _:
                value = self._other(node, keep)
        return value

    def _one(self, function: Callable[[Any], Any], inner: ast.expr, keep: bool) -> Any:
        value = self.value(inner, keep=keep)
        return None if value is None else function(value)

    def _both(self, function: Callable[[Any, Any], Any], left: ast.expr, right: ast.expr, keep: bool) -> Any:
        a, b = self.value(left, keep=keep), self.value(right, keep=keep)
        if a is None or b is None or _size_of_both(function, np.shape(a), np.shape(b)) > self._largest:
            return None
        return function(a, b)

    def _call(self, node: ast.Call, keep: bool) -> Any:
        name = called(node)
        plain = () if is_method(node) or node.keywords else node.args
        if name in _OF_TWO and len(plain) == 2:
            return self._both(_OF_TWO[name], plain[0], plain[1], keep)
        if name in _OF_ONE and len(plain) == 1:
            return self._one(_OF_ONE[name], plain[0], keep)
        return self._other(node, keep)

    def _other(self, node: ast.expr, keep: bool) -> Any:
        self._keep = keep
        self.work += _OTHER * self._step
        self._evaluation.work = Work((), largest=self._largest)
        return self._evaluation.computed(node)

    def _part(self, node: ast.expr) -> Any:
        value = self.value(node, keep=self._keep)
        if value is None and not (isinstance(node, ast.Constant) and node.value is None):
            raise FormulaError("a part has no value")
        return value


_MATRIX_PRODUCTS = (operator.matmul, np.matmul, np.dot)


def _size_of_both(function: Callable[[Any, Any], Any], x: Shape, y: Shape) -> int:
    """A bound for the size of what two arrays combine to, as matrices or entry by entry."""
    if function in _MATRIX_PRODUCTS and x and y:
        return math.prod(x[:-1]) * math.prod((*y[:-2], y[-1]))
    pairs = itertools.zip_longest(reversed(x), reversed(y), fillvalue=1)
    return math.prod(max(a, b) for a, b in pairs)
