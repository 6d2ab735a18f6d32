"""An expression as a tree of parts, each of which can be replaced."""

from __future__ import annotations

import ast

from chainrule.judging.reading.forms import is_of_numpy
from chainrule.judging.repairs.change import Path, Site

_FIRST_ONLY = {"sum", "mean", "max", "min", "prod", "reshape", "transpose", "expand_dims", "squeeze", "clip", "power"}
_BOUNDED = {"maximum", "minimum", "fmax", "fmin"}


def sites(tree: ast.expr) -> list[Site]:
    """Every part that is a value, outermost and leftmost first; the axis of a sum or the 1 in Y.shape[1] is none."""
    found: list[Site] = []
    waiting = [Site(tree, (), None)]
    while waiting:
        site = waiting.pop()
        found.append(site)
        below = [Site(_child(site.node, step), (*site.path, step), site.node) for step in _steps(site.node)]
        waiting.extend(reversed(below))
    return found


def _steps(node: ast.expr) -> list[tuple[str, int | None]]:
    """The places at which an expression holds other values."""
    found: list[tuple[str, int | None]] = []
    match node:
        case ast.BinOp():
            found = [("left", None), ("right", None)]
        case ast.UnaryOp():
            found = [("operand", None)]
        case ast.Compare():
            found = [("left", None), *(("comparators", k) for k in range(len(node.comparators)))]
        case ast.Attribute(attr="T"):
            found = [("value", None)]
        case ast.Subscript(value=value) if not _is_shape(value):
            found = [("value", None)]
        case ast.Call():
            found = _steps_of_call(node)
    return found


def _is_shape(node: ast.expr) -> bool:
    """Whether an index takes a size, or a value by its name, and no entries of an array."""
    return isinstance(node, ast.Attribute) or (isinstance(node, ast.Name) and node.id == "values")


def _steps_of_call(call: ast.Call) -> list[tuple[str, int | None]]:
    name, method = called(call), is_method(call)
    arguments = [k for k, argument in enumerate(call.args) if not _is_text(argument)]
    if name in _BOUNDED:  # another bound would fit whatever is never reached
        arguments = [k for k in arguments if not _is_literal(call.args[k])]
    if method:
        return [("func", None), *(("args", k) for k in arguments if name == "dot")]
    return [("args", k) for k in (arguments[:1] if name in _FIRST_ONLY else arguments)]


def _is_literal(node: ast.expr) -> bool:
    """Whether an expression is a number, with or without a sign."""
    return isinstance(node.operand if isinstance(node, ast.UnaryOp) else node, ast.Constant)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _child(node: ast.expr, step: tuple[str, int | None]) -> ast.expr:
    field, index = step
    if field == "func":  # the array in array.sum()
        return node.func.value  # type: ignore[attr-defined, no-any-return]  # a method
    value = getattr(node, field)
    return value if index is None else value[index]  # type: ignore[no-any-return]  # a part of a tree


def _with_child(node: ast.expr, step: tuple[str, int | None], new: ast.expr) -> ast.expr:
    field, index = step
    old = getattr(node, field)
    if field == "func":
        return copied(node, func=copied(old, value=new))
    return copied(node, **{field: new if index is None else [*old[:index], new, *old[index + 1 :]]})


def copied(node: ast.expr, **fields: object) -> ast.expr:
    """The same node with other fields; what it holds besides is shared."""
    twin = type(node).__new__(type(node))
    twin.__dict__.update(node.__dict__)
    twin.__dict__.update(fields)
    return twin


def replaced(tree: ast.expr, path: Path, new: ast.expr) -> ast.expr:
    """The expression with another part at the end of the path; all that does not lie on the path is shared."""
    along = [tree]
    for step in path[:-1]:
        along.append(_child(along[-1], step))
    for node, step in zip(reversed(along), reversed(path), strict=False):
        new = _with_child(node, step, new)
    return new


def at(tree: ast.expr, path: Path) -> ast.expr:
    """The part at the end of a path; raises AttributeError or IndexError where there is none."""
    for step in path:
        tree = _child(tree, step)
    return tree


def called(node: ast.expr) -> str | None:
    """The bare name of what is called: sum for np.sum(x) and for x.sum(); None when nothing is called."""
    if not isinstance(node, ast.Call):
        return None
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)


def is_method(call: ast.Call) -> bool:
    """Whether an array's own method is called: x.sum(), but not np.sum(x)."""
    return isinstance(call.func, ast.Attribute) and not is_of_numpy(call.func)
