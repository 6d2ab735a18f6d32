"""Expressions as operations on other expressions, however they are written."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from chainrule.judging.reading.forms import is_negative
from chainrule.judging.repairs.change import Site
from chainrule.judging.repairs.tree import at, called, copied, is_method, replaced, sites

LOAD = ast.Load()
_OPERATORS: dict[str, ast.operator] = {
    "+": ast.Add(), "-": ast.Sub(), "*": ast.Mult(), "/": ast.Div(), "@": ast.MatMult(), "**": ast.Pow(),
}  # fmt: skip
_SIGNS = {type(operator): sign for sign, operator in _OPERATORS.items()}
_FUNCTIONS_OF_TWO = {
    "dot": "@",
    "matmul": "@",
    "multiply": "*",
    "add": "+",
    "subtract": "-",
    "divide": "/",
    "power": "**",
}


def named(name: str) -> ast.expr:
    """The expression that is one name."""
    return ast.Name(name, LOAD)


def number(value: float) -> ast.expr:
    """A number; whole numbers print without a point, negative ones with a sign in front."""
    plain = int(value) if float(value).is_integer() else value
    return ast.UnaryOp(ast.USub(), ast.Constant(-plain)) if plain < 0 else ast.Constant(plain)


def binary(left: ast.expr, sign: str, right: ast.expr) -> ast.expr:
    """Two expressions with one of + - * / @ ** between them."""
    return ast.BinOp(left, _OPERATORS[sign], right)


def transposed(node: ast.expr) -> ast.expr:
    """The transpose, where the transpose of a transpose is what it was made from."""
    inner = untransposed(node)
    return ast.Attribute(node, "T", LOAD) if inner is None else inner


def untransposed(node: ast.expr) -> ast.expr | None:
    """What is transposed by an expression, None if it is no transpose."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return node.value
    return argument(node) if called(node) == "transpose" else None


def argument(node: ast.expr) -> ast.expr | None:
    """The array in np.sum(array) and array.sum(); None where it is given by its name."""
    assert isinstance(node, ast.Call)
    if is_method(node):
        return node.func.value  # type: ignore[attr-defined, no-any-return]  # a method
    return node.args[0] if node.args else None


def negative(node: ast.expr) -> ast.expr:
    """The expression with a minus in front."""
    return ast.UnaryOp(ast.USub(), node)


def operands(node: ast.expr) -> tuple[str, ast.expr, ast.expr] | None:
    """Sign and operands of a + b, and of the calls that mean the same: np.add(a, b), np.dot(a, b), a.dot(b)."""
    if isinstance(node, ast.BinOp):
        sign = _SIGNS.get(type(node.op))
        return None if sign is None else (sign, node.left, node.right)
    if isinstance(node, ast.Call) and (name := called(node)) in _FUNCTIONS_OF_TWO:
        values = [node.func.value, *node.args] if is_method(node) else node.args  # type: ignore[attr-defined]  # a call
        return (_FUNCTIONS_OF_TWO[name], values[0], values[1]) if len(values) == 2 else None
    return None


def with_operands(node: ast.expr, left: ast.expr, right: ast.expr) -> ast.expr:
    """The same operation, written in the same way, with other operands."""
    if isinstance(node, ast.BinOp):
        return copied(node, left=left, right=right)
    assert isinstance(node, ast.Call)
    if is_method(node):
        return copied(node, func=copied(node.func, value=left), args=[right])
    return copied(node, args=[left, right])


def is_number(node: ast.expr) -> bool:
    """Whether an expression is a number written out."""
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)


def is_product_part(site: Site) -> bool:
    """Whether a factor put here could as well be put one level up."""
    outer = operands(site.parent) if site.parent is not None else None
    inside = outer is not None and (outer[0] == "*" or (outer[0] == "/" and outer[1] is site.node))
    return inside or (site.parent is not None and is_negative(site.parent))


def renamed(tree: ast.expr, table: Mapping[str, str]) -> ast.expr:
    """The expression with other names in it."""
    return substituted(tree, {old: named(new) for old, new in table.items()})


def substituted(tree: ast.expr, table: Mapping[str, ast.expr]) -> ast.expr:
    """The expression with other expressions in the place of names, wherever a value stands."""
    for site in sites(tree):
        if isinstance(site.node, ast.Name) and site.node.id in table:
            tree = replaced(tree, site.path, table[site.node.id])
    return tree


def part_in_place(tree: ast.expr, name: str, whole: ast.expr, others: Mapping[str, ast.expr]) -> ast.expr | None:
    """What stands in a whole expression where another one has a name, None where they differ elsewhere too.

    >>> tree, whole = (ast.parse(text, mode="eval").body for text in ("2 * t + 1", "2 * (A - Y) + 1"))
    >>> ast.unparse(part_in_place(tree, "t", whole, {}))
    'A - Y'
    """
    rest = substituted(tree, {other: part for other, part in others.items() if other != name})
    found: dict[str, ast.expr] = {}
    for site in sites(rest):
        if isinstance(site.node, ast.Name) and site.node.id == name:
            try:
                part = at(whole, site.path)
            except (AttributeError, IndexError):
                return None
            found[ast.dump(part)] = part
    if len(found) != 1:
        return None
    part = next(iter(found.values()))
    return part if ast.dump(substituted(rest, {name: part})) == ast.dump(whole) else None
