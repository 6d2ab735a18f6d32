"""What notebooks call by other names, such as ``jnp.exp`` and ``cache["A1"]``, put into the words of formulas."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from typing import Final

from chainrule.judging.reading.forms import MODULES, name_node, of_numpy
from chainrule.judging.reading.passage import Passage
from chainrule.judging.reading.tensors import MODULES_OF_TENSORS, in_numpy, is_of_tensors
from chainrule.judging.reading.vocabulary import CONSTANTS, FUNCTIONS, NUMPY

_LIKE_NUMPY: Final = frozenset(("jnp", "cp", "xp", "anp", "onp", "math", "cmath"))
_WITHIN: Final = frozenset(("linalg", "special", "core", "scipy", "numpy"))  # np.linalg.norm, scipy.special.expit
_GRADIENTS: Final = frozenset("grads gradients grad gradient grad_dict dparams derivatives gradient_dict".split())


def plain(tree: ast.expr, passage: Passage, known: Collection[str] | None) -> ast.expr:
    """The expression in the words of formulas; raises FormulaError for what is written for another library."""
    whole = ast.Expression(tree)
    _refuse_tensors(tree, passage, known or ())
    for node in ast.walk(whole):  # a node before its parts, so what is put in its place is looked at, too
        for field, child in ast.iter_fields(node):
            if isinstance(child, ast.expr):
                setattr(node, field, _respelled(child, known or ()))
            elif isinstance(child, list):
                child[:] = [_respelled(part, known or ()) if isinstance(part, ast.expr) else part for part in child]
    return whole.body


def _refuse_tensors(tree: ast.expr, passage: Passage, known: Collection[str]) -> None:
    """Raise FormulaError, which says it in NumPy, for an expression of tensors."""
    for node in ast.walk(tree):
        what = ""
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in MODULES_OF_TENSORS - set(known):
                what = f"{module}.{name:.40}"
            case ast.Call():
                what = is_of_tensors(node)
        if what:
            at = getattr(node, "col_offset", 0)
            raise passage.error(at, f"{what} is another library's; formulas are NumPy", _remedy(tree, known))


def _remedy(tree: ast.expr, known: Collection[str]) -> str:
    """The same in NumPy; what NumPy can do where it has no function of that name."""
    text = in_numpy(tree, known)[:400]
    there = set(re.findall(r"\bnp\.(\w+)", text)) <= {*NUMPY, *CONSTANTS, "linalg"}
    return text if there else "np.sum(A, axis=1, keepdims=True), np.maximum(0, Z), dZ @ A.T"


def _respelled(node: ast.expr, known: Collection[str]) -> ast.expr:
    found = node
    match node:
        case ast.Attribute(value=ast.Name(id=module), attr=name) if module not in known and module not in MODULES:
            found = _of_module(module, name, node)
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id=module), attr=within), attr=name) if (
            within in _WITHIN and module not in known
        ):
            found = _function(name)
        case ast.Subscript(value=ast.Name(id=container), slice=ast.Constant(value=str(key))) if container not in known:
            found = name_node(_kept(container, key, known))
        case ast.Subscript(
            value=ast.Attribute(value=ast.Name(id="self"), attr=container), slice=ast.Constant(value=str(key))
        ):
            found = name_node(_kept(container, key, known))
    if found is not node:
        found.col_offset = getattr(node, "col_offset", 0)
    return found


def _of_module(module: str, name: str, node: ast.expr) -> ast.expr:
    if module in _LIKE_NUMPY:
        return of_numpy(name)
    if module in _WITHIN:
        return _function(name)
    return name_node(name) if module == "self" else node


def _function(name: str) -> ast.expr:
    return of_numpy(name) if name in NUMPY or name not in FUNCTIONS else ast.Name(name, ast.Load())


def _kept(container: str, key: str, known: Collection[str]) -> str:
    """The name under which a dict keeps a value; ``grads["W2"]`` is dW2."""
    return f"d{key}" if container in _GRADIENTS and f"d{key}" in known and not (key[0] == "d" and key in known) else key
