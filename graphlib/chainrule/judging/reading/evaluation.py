"""A formula that has passed the whitelist, computed without ``eval``."""

from __future__ import annotations

import ast
import functools
import itertools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias, final

import numpy as np
import numpy.typing as npt

from chainrule.errors import ChainruleError, FormulaError
from chainrule.judging.reading.arranging import index
from chainrule.judging.reading.forms import is_of_numpy, name_in
from chainrule.judging.reading.lookup import OPERATORS, array_of_dtype, dtype_of, function_of, given_by_place, is_slices
from chainrule.judging.reading.messages import NO_ROOM
from chainrule.judging.reading.operands import as_array, exact
from chainrule.judging.reading.vocabulary import ATTRIBUTES, CONSTANTS, NUMPY
from chainrule.judging.reading.work import Function, Work

Array: TypeAlias = npt.NDArray[Any]

_SIGNS: Final[Mapping[type[ast.AST], str]] = MappingProxyType(
    {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.Pow: "**"}
)


def as_value(value: Any, name: str) -> Any:
    """A value as it is handed in: a number of Python, or an array of real numbers."""
    if type(value) is np.ndarray and value.dtype.kind in "fiub":  # as nearly every value is
        return value
    if isinstance(value, (int, float, np.integer, np.bool_)):
        return exact(value)
    try:
        return as_array(value)
    except (ValueError, TypeError) as error:
        raise FormulaError(f"the value {name!r} cannot be used: {error}") from None


@final
class Evaluation:
    """One computation of an expression that has passed the whitelist.

    ``after`` is applied to what each step gives. ``part`` gives the values of parts that are known from elsewhere, and
    what NumPy raises is then raised as it is. With ``remembering``, a part is computed once however often it is asked.
    """

    def __init__(
        self,
        values: dict[str, Any],
        after: Callable[[Any], Any] | None = None,
        part: Callable[[ast.expr], Any] | None = None,
        *,
        remembering: bool = False,
    ) -> None:
        self.values, self.after, self.part = values, after, part
        self.work = Work(list(values.values()))
        self.known: dict[int, Any] | None = {} if remembering else None  # by expression, where parts are asked again

    def result(self, tree: ast.expr) -> Array:
        try:
            result = self.value(tree)
        except RecursionError:
            raise FormulaError(NO_ROOM) from None
        if isinstance(result, (tuple, slice)) or result is None:
            raise FormulaError("the formula gives no array", where=ast.unparse(tree)[:200])
        return np.array(result)

    def value(self, node: ast.expr) -> Any:
        """The value of a node; the whitelist has bounded the depth."""
        if self.part is not None:
            return self.part(node)
        if self.known is None:
            return self.computed(node)
        if id(node) not in self.known:
            self.known[id(node)] = self.computed(node)
        return self.known[id(node)]

    def computed(self, node: ast.expr) -> Any:
        """The value of a node from those of its parts."""
        return _VALUES[type(node)](self, node)

    def named(self, node: ast.Name) -> Any:
        return self.values[node.id]

    def constant(self, node: ast.Constant) -> Any:
        return exact(node.value)

    def items(self, node: ast.Tuple | ast.List) -> Any:
        return tuple(self.value(item) for item in node.elts)

    def unary(self, node: ast.UnaryOp) -> Any:
        return self.apply(node, OPERATORS[type(node.op)], self.value(node.operand))

    def binary(self, node: ast.BinOp) -> Any:
        return self.apply(node, OPERATORS[type(node.op)], self.value(node.left), self.value(node.right))

    def compare(self, node: ast.Compare) -> Any:
        """a < b < c is (a < b) & (b < c), entry by entry."""
        values = [self.value(part) for part in (node.left, *node.comparators)]
        parts = [
            self.apply(node, OPERATORS[type(operator)], left, right)
            for operator, (left, right) in zip(node.ops, itertools.pairwise(values), strict=True)
        ]
        return functools.reduce(functools.partial(self.apply, node, NUMPY["logical_and"]), parts)

    def attribute(self, node: ast.Attribute) -> Any:
        if is_of_numpy(node):
            return CONSTANTS[node.attr]
        return self.apply(node, lambda work, x: ATTRIBUTES[node.attr](as_array(x)), self.value(node.value))

    def subscript(self, node: ast.Subscript) -> Any:
        name = name_in(node)
        if name is not None:
            return self.values[name]
        key = self.key(node.slice)
        return key if is_slices(node.value) else self.apply(node, index, self.value(node.value), key)

    def key(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Tuple):
            return tuple(self.key(part) for part in node.elts)
        if isinstance(node, ast.Slice):
            bounds = (None if bound is None else self.value(bound) for bound in (node.lower, node.upper, node.step))
            return slice(*bounds)
        return self.value(node)

    def call(self, node: ast.Call) -> Any:
        function = function_of(node)
        assert function is not None  # the whitelist has looked it up
        given = given_by_place(node)
        dtype_last = function is NUMPY["astype"] and len(given) == 2
        values = [self.dtype(part) if dtype_last and k == 1 else self.value(part) for k, part in enumerate(given)]
        options = {
            option.arg: self.dtype(option.value) if option.arg == "dtype" else self.value(option.value)
            for option in node.keywords
            if option.arg
        }
        return self.apply(node, function, *values, **options)

    def dtype(self, node: ast.expr) -> Any:
        """The dtype that is written, or A.dtype."""
        array = array_of_dtype(node)
        return dtype_of(node) if array is None else as_array(self.value(array)).dtype

    def apply(self, node: ast.expr, function: Function, *values: Any, **options: Any) -> Any:
        """One step; whatever NumPy raises becomes an error that names the step and the shapes."""
        if self.part is not None:
            return function(self.work, *values, **options)
        try:
            result = function(self.work, *values, **options)
            return result if self.after is None else self.after(result)
        except FormulaError as error:
            raise self.failed(node, error.what, values, error.remedy) from None
        except Exception as error:  # NumPy raises whatever it likes, and all of it means: not on these values
            raise self.failed(node, _reason(error), values) from None

    def failed(self, node: ast.expr, what: str, values: tuple[Any, ...], remedy: str = "") -> FormulaError:
        """The error of one step, such as ``dZ3 @ A2: (1, 5) @ (3, 5) do not fit``."""
        sign = _SIGNS.get(type(node.op), ",") if isinstance(node, ast.BinOp) else ","
        shapes = [str(np.shape(value)) for value in values if isinstance(value, (np.ndarray, np.generic, int, float))]
        text = ast.unparse(node)
        shown = text if len(text) <= 80 else text[:77] + "..."
        joined = f" {sign} ".join(shapes) if sign != "," else ", ".join(shapes)
        if not joined:
            return FormulaError(f"{shown}: {what}", where=shown, remedy=remedy)
        return FormulaError(f"{shown}: {joined}: {what}", where=shown, given=f"shapes {joined}", remedy=remedy)


_VALUES: Final[Mapping[type[ast.AST], Callable[[Evaluation, Any], Any]]] = MappingProxyType(
    {
        ast.Name: Evaluation.named,
        ast.Constant: Evaluation.constant,
        ast.Tuple: Evaluation.items,
        ast.List: Evaluation.items,
        ast.UnaryOp: Evaluation.unary,
        ast.BinOp: Evaluation.binary,
        ast.Compare: Evaluation.compare,
        ast.Attribute: Evaluation.attribute,
        ast.Subscript: Evaluation.subscript,
        ast.Call: Evaluation.call,
    }
)


def _reason(error: Exception) -> str:
    """What an exception of NumPy means, in a line."""
    what = error.what if isinstance(error, ChainruleError) else str(error)
    if any(phrase in what for phrase in ("broadcast", "shape mismatch", "mismatch in its core dimension")):
        return "these shapes do not fit together"
    return what.split("\n")[0][:200] or type(error).__name__
