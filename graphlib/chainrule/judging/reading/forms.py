"""Forms that expressions of formulas have: a name, a number, np.something, 1 - A beside A."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Mapping
from typing import Final

MODULES: Final = ("np", "numpy")
"""What NumPy is called in formulas."""


def is_written_plain(name: str) -> bool:
    """Whether a name stands for a value wherever it stands: ``np.T`` is NumPy's, even where an input is called np."""
    return name.isidentifier() and not keyword.iskeyword(name) and name not in MODULES


def name_node(name: str) -> ast.expr:
    """The name as Python writes it: ``dW3``, or ``values['layer 1/Z']`` for one that is none to Python, or NumPy's."""
    if is_written_plain(name):
        return ast.Name(name, ast.Load())
    return ast.Subscript(ast.Name("values", ast.Load()), ast.Constant(name), ast.Load())


def name_in(tree: ast.expr) -> str | None:
    """The name that an expression is, None if it is anything else: ``dW3``, or ``values['layer 1/Z']``.

    >>> name_in(ast.parse("dW3", mode="eval").body), name_in(ast.parse("dW3.T", mode="eval").body)
    ('dW3', None)
    """
    match tree:
        case ast.Name(id=name):
            return name
        case ast.Subscript(value=ast.Name(id="values"), slice=ast.Constant(value=str(name))):
            return name
    return None


def of_numpy(name: str) -> ast.expr:
    """A function or a constant of NumPy, written ``np.name``."""
    return ast.Attribute(ast.Name("np", ast.Load()), name, ast.Load())


def is_of_numpy(node: ast.expr) -> bool:
    """Whether a node is np.something."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in MODULES


def is_negative(node: ast.expr) -> bool:
    """Whether an expression begins with a minus that belongs to all of it."""
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def is_scalar(node: ast.expr) -> bool:
    """Whether an expression is a number from its text alone: made of numbers, m and sizes.

    >>> is_scalar(ast.parse("-1 / (2 * m)", mode="eval").body), is_scalar(ast.parse("m * A1", mode="eval").body)
    (True, False)
    """
    match node:
        case ast.Constant(value=int() | float()) | ast.Name(id="m") | ast.Attribute(attr="size" | "ndim" | "pi"):
            return True
        case ast.Subscript(value=ast.Attribute(attr="shape")) | ast.Call(func=ast.Name(id="len")):
            return True
        case ast.BinOp(op=ast.MatMult()):
            return False
        case ast.BinOp(left=left, right=right):
            return is_scalar(left) and is_scalar(right)
        case ast.UnaryOp(operand=part) | ast.Call(func=ast.Attribute(attr="sqrt" | "log" | "exp"), args=[part]):
            return is_scalar(part)
    return False


def complementary(a: ast.expr, b: ast.expr) -> bool:
    """Whether one is 1 - the other: a matrix product of the two has no use, and A (1 - A) is written all the time."""
    return _is_one_minus(a, b) or _is_one_minus(b, a)


def _is_one_minus(whole: ast.expr, part: ast.expr) -> bool:
    return (
        isinstance(whole, ast.BinOp)
        and isinstance(whole.op, ast.Sub)
        and isinstance(whole.left, ast.Constant)
        and whole.left.value == 1
        and ast.dump(whole.right) == ast.dump(part)
    )


def size_of_tree(tree: ast.expr) -> int:
    """How many expressions an expression is made of."""
    return sum(isinstance(node, ast.expr) for node in ast.walk(tree))


def put_in_place(tree: ast.expr, trees: Mapping[str, ast.expr]) -> ast.expr:
    """The expression with expressions in the place of names; neither is changed.

    >>> x = ast.parse("x - y", mode="eval").body
    >>> ast.unparse(put_in_place(ast.parse("a * b + a", mode="eval").body, {"a": x}))
    '(x - y) * b + (x - y)'
    """
    whole = ast.Expression(tree)
    waiting: list[ast.AST] = [whole]
    while waiting:
        node = waiting.pop()
        for field, child in ast.iter_fields(node):
            if isinstance(child, ast.AST):
                setattr(node, field, _twin(child, trees, waiting))
            elif isinstance(child, list):
                setattr(node, field, [_twin(part, trees, waiting) for part in child])
    return whole.body


def _twin(node: ast.AST, trees: Mapping[str, ast.expr], waiting: list[ast.AST]) -> ast.AST:
    name = name_in(node) if isinstance(node, ast.expr) else None
    if name is not None and name in trees:
        return trees[name]
    twin = type(node).__new__(type(node))
    twin.__dict__.update(node.__dict__)
    waiting.append(twin)
    return twin


def number_in(text: str) -> float | None:
    """The number that a text is, None if it is none."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None
