"""The list that every part of a formula must be on, before anything is computed."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, final

from chainrule.errors import FormulaError, did_you_mean
from chainrule.judging.reading.bounds import DEEPEST, LARGEST_EXPONENT, MOST_NODES
from chainrule.judging.reading.forms import MODULES, name_in
from chainrule.judging.reading.lookup import OPERATORS, array_of_dtype, dtype_of, function_of, given_by_place, is_slices
from chainrule.judging.reading.messages import ALLOWED, NO_ROOM, listed, readable, suggested
from chainrule.judging.reading.passage import Passage
from chainrule.judging.reading.vocabulary import ATTRIBUTES, CONSTANTS, DTYPES, FUNCTIONS, METHODS, NUMPY, parameters
from chainrule.judging.reading.work import Function

_COUNTED: Final = (ast.expr, ast.keyword, ast.comprehension)
_WHAT: Final[Mapping[type[ast.AST], str]] = MappingProxyType(
    {
        ast.Lambda: "a function of its own (lambda)",
        ast.IfExp: "a choice (if)",
        ast.NamedExpr: "an assignment (:=)",
        ast.Starred: "an unpacking (*)",
        ast.BoolOp: "'and' or 'or' between truth values",
        ast.Dict: "a dictionary",
        ast.Set: "a set",
        ast.ListComp: "a loop in brackets",
        ast.GeneratorExp: "a loop in parentheses",
        ast.JoinedStr: "an f-string",
        ast.Await: "a wait (await)",
        ast.Yield: "a generator (yield)",
    }
)


def admitted(tree: ast.expr, passage: Passage, known: Collection[str] | None) -> tuple[str, frozenset[str]]:
    """An expression as NumPy text, and the names of its values; raises FormulaError where it is not on the list."""
    _bound_size(tree, passage)
    inspection = _Inspection(passage, known)
    try:
        inspection.run(tree)
        return ast.unparse(tree), frozenset(inspection.names)
    except RecursionError:
        raise _error(passage, tree, NO_ROOM) from None


def _bound_size(tree: ast.expr, passage: Passage) -> None:
    """Bound the number of nodes and the depth, before anything walks the expression by recursion."""
    level: list[ast.AST] = [tree]
    count = 0
    for depth in itertools.count():
        count += len(level)
        if depth > 2 * DEEPEST or count > MOST_NODES:
            what = f"the formula has more than {MOST_NODES} parts" if count > MOST_NODES else "the formula is too deep"
            raise _error(passage, tree, what, "name a part of it, in a line of its own")
        level = [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, _COUNTED)]
        if not level:
            return


def _error(passage: Passage, node: ast.expr, what: str, remedy: str = "") -> FormulaError:
    """A FormulaError at a node; one that was made and not read has no place."""
    return passage.error(node.col_offset, what, remedy) if passage.text else FormulaError(what, remedy=remedy)


@functools.cache
def _signature(function: Function) -> Any:
    return parameters(function)


@final
class _Inspection:
    """Holds every node of an expression to the list, and collects the names of the values."""

    def __init__(self, passage: Passage, known: Collection[str] | None) -> None:
        self.passage, self.known, self.names = passage, known, dict[str, None]()
        self.waiting: list[ast.expr] = []

    def run(self, tree: ast.expr) -> None:
        """Every node, without recursion."""
        self.waiting.append(tree)
        while self.waiting:
            node = self.waiting.pop()
            rule = _INSPECTED.get(type(node))
            if rule is None:
                what = _WHAT.get(type(node), f"{type(node).__name__}, an expression of Python,")
                raise self.error(node, f"{what} is not part of a formula", ALLOWED)
            rule(self, node)

    def error(self, node: ast.expr, what: str, remedy: str = "") -> FormulaError:
        """A FormulaError at a node."""
        return _error(self.passage, node, what, remedy)

    def name(self, node: ast.expr, name: str) -> None:
        """The name of a value."""
        if self.known is not None and name not in self.known:
            raise self.error(node, *self._unknown(name))
        self.names[name] = None

    def _unknown(self, name: str) -> tuple[str, str]:
        if name in FUNCTIONS:
            return f"{name} is a function, and is given no value here", f"{name}(A)"
        assert self.known is not None
        return f"no value is called {suggested(name, self.known)}", listed(self.known)

    def plain_name(self, node: ast.Name) -> None:
        if self.known is None and node.id in MODULES:
            raise self.error(node, f"{node.id} is no value", "np.sum(A)")
        self.name(node, node.id)

    def constant(self, node: ast.Constant) -> None:
        if not (node.value is None or isinstance(node.value, (bool, int, float))):
            kind = "text" if isinstance(node.value, str) else type(node.value).__name__
            raise self.error(node, f"{kind} ({node.value!r:.40}) is not part of a formula", ALLOWED)

    def items(self, node: ast.Tuple | ast.List) -> None:
        self.waiting += node.elts

    def unary(self, node: ast.UnaryOp) -> None:
        self.operator(node.op)
        self.waiting.append(node.operand)

    def binary(self, node: ast.BinOp) -> None:
        self.operator(node.op)
        if isinstance(node.op, ast.Pow):
            self.exponent(node.right)
        self.waiting += (node.left, node.right)

    def compare(self, node: ast.Compare) -> None:
        for operator in node.ops:
            self.operator(operator)
        self.waiting += (node.left, *node.comparators)

    def operator(self, operator: ast.AST) -> None:
        """One of the list; in a text every other was refused as a token, so what is none has no place here."""
        if type(operator) not in OPERATORS:
            instead = "~ for the opposite, & and | between comparisons" if isinstance(operator, ast.Not) else ALLOWED
            raise FormulaError(f"the operator {type(operator).__name__} is not part of a formula", remedy=instead)

    def exponent(self, node: ast.expr) -> None:
        """An exponent is no power itself, and no large number."""
        for part in ast.walk(node):
            if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Pow):
                raise self.error(node, "a power in an exponent is not part of a formula", "parentheses, (a ** 2) ** 3")
            if (
                isinstance(part, ast.Constant)
                and isinstance(part.value, (int, float))
                and abs(part.value) > LARGEST_EXPONENT
            ):
                raise self.error(node, f"the exponent is larger than {LARGEST_EXPONENT:,}")

    def attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name) and node.value.id in MODULES:
            if node.attr in NUMPY:
                raise self.error(
                    node, f"np.{node.attr} is a function, and is given no value here", f"np.{node.attr}(A)"
                )
            if node.attr not in CONSTANTS:
                shown, module = did_you_mean(node.attr, [*CONSTANTS, *NUMPY]), node.value.id
                remedy = f"values[{module!r}].{node.attr:.40}" if module in (self.known or ()) else ""
                remedy = remedy or f"np.{', np.'.join(CONSTANTS)}"
                raise self.error(node, f"np has no {shown} that formulas may use", remedy)
            return
        if node.attr in METHODS:
            raise self.error(node, f".{node.attr} is a method and stands without its parentheses", f"A.{node.attr}()")
        if node.attr not in ATTRIBUTES:
            raise self.error(
                node, f"'.{node.attr:.40}' is no attribute that formulas have", f".{', .'.join(ATTRIBUTES)}"
            )
        self.waiting.append(node.value)

    def subscript(self, node: ast.Subscript) -> None:
        name = name_in(node)
        if name is not None:
            self.name(node, name)
            return
        if not is_slices(node.value):
            self.waiting.append(node.value)
        for part in node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]:
            if isinstance(part, ast.Slice):
                self.waiting += (bound for bound in (part.lower, part.upper, part.step) if bound is not None)
            elif not (isinstance(part, ast.Constant) and part.value is Ellipsis):
                self.waiting.append(part)

    def call(self, node: ast.Call) -> None:
        function, shown = self.function(node)
        arguments = given_by_place(node)
        try:
            _signature(function).bind(*arguments, **{option.arg or "**": None for option in node.keywords})
        except TypeError as error:
            raise self.error(node, f"{shown}: {error}", f"{shown}{_takes(node, function)}") from None
        if function is NUMPY["power"]:
            self.exponent(arguments[-1])
        for argument in self.operands(node, function):
            self.waiting.append(argument)

    def function(self, node: ast.Call) -> tuple[Function, str]:
        """The function that is called, and how to show it."""
        function, name = function_of(node), ast.unparse(node.func)[:80]
        if function is not None:
            return function, name
        callee = node.func
        if isinstance(callee, ast.Name):
            raise self.error(node, f"no function is called {suggested(callee.id, FUNCTIONS)}", ALLOWED)
        if isinstance(callee, ast.Attribute) and isinstance(callee.value, ast.Name) and callee.value.id in MODULES:
            if callee.attr in FUNCTIONS:
                raise self.error(node, f"np has no function {callee.attr!r}, but formulas have", f"{callee.attr}(A)")
            raise self.error(
                node, f"np has no function {suggested(callee.attr, NUMPY)} that formulas may call", ALLOWED
            )
        if isinstance(callee, ast.Attribute):
            known = f"methods: {', '.join(sorted(METHODS)[:15])}, ..."
            raise self.error(node, f"'.{callee.attr:.40}' is no method that formulas have", known)
        raise self.error(node, f"{readable(name)} is no function", "* between a value and parentheses")

    def operands(self, node: ast.Call, function: Function) -> list[ast.expr]:
        """What is given to a function, without what is no value: subscripts of einsum, dtypes, and the module np."""
        given = list(given_by_place(node))
        if function is NUMPY["einsum"]:
            first = given.pop(0)
            if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
                raise self.error(
                    node, "the first thing given to einsum is its subscripts", "np.einsum('ij,kj->ik', A, B)"
                )
        if function is NUMPY["astype"] and len(given) == 2:
            self.dtype(given.pop())
        for option in node.keywords:
            if option.arg == "dtype":
                self.dtype(option.value)
            else:
                given.append(option.value)
        return given

    def dtype(self, node: ast.expr) -> None:
        array = array_of_dtype(node)
        if array is not None:
            self.waiting.append(array)
        elif dtype_of(node) is None:
            raise self.error(node, f"{ast.unparse(node)[:40]} is no dtype that formulas have", ", ".join(DTYPES))


_INSPECTED: Final[Mapping[type[ast.AST], Callable[[_Inspection, Any], None]]] = MappingProxyType(
    {
        ast.Name: _Inspection.plain_name,
        ast.Constant: _Inspection.constant,
        ast.Tuple: _Inspection.items,
        ast.List: _Inspection.items,
        ast.UnaryOp: _Inspection.unary,
        ast.BinOp: _Inspection.binary,
        ast.Compare: _Inspection.compare,
        ast.Attribute: _Inspection.attribute,
        ast.Subscript: _Inspection.subscript,
        ast.Call: _Inspection.call,
    }
)


def _takes(node: ast.Call, function: Function) -> str:
    """What a function takes, as Python writes it; a method is not told its array."""
    signature = _signature(function)
    taken = list(signature.parameters.values())[len(given_by_place(node)) - len(node.args) :]
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in taken]
    return str(inspect.Signature(plain))
