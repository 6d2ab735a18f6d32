"""What is written for tensors of PyTorch or TensorFlow, and how to write the same in NumPy."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Collection
from typing import Final

from chainrule.judging.reading.forms import of_numpy
from chainrule.judging.reading.vocabulary import FUNCTIONS, METHODS, NUMPY

MODULES_OF_TENSORS: Final = frozenset("torch F nn tf K keras theano jax paddle mx nd tl chainer".split())
_MODULES_LIKE_NUMPY: Final = frozenset("np numpy jnp cp xp anp onp math cmath scipy special linalg core".split())
_FUNCTIONS: Final = {
    "mm": "matmul", "bmm": "matmul", "mv": "matmul", "reduce_sum": "sum", "reduce_mean": "mean", "reduce_max": "max",
    "pow": "power", "mul": "multiply", "div": "divide", "sub": "subtract", "neg": "negative", "tensor": "array",
    "cat": "concatenate", "clamp": "clip", "t": "transpose", "permute": "transpose", "concat": "concatenate",
    "norm": "linalg.norm", "unsqueeze": "expand_dims", "view": "reshape", "gt": "greater", "lt": "less",
    "as_tensor": "array", "constant": "array",
}  # fmt: skip
_OPERATORS: Final[dict[str, type[ast.operator]]] = {
    "mm": ast.MatMult, "bmm": ast.MatMult, "mv": ast.MatMult, "matmul": ast.MatMult, "add": ast.Add, "sub": ast.Sub,
    "mul": ast.Mult, "multiply": ast.Mult, "div": ast.Div, "pow": ast.Pow,
}  # fmt: skip
_SILENT: Final = frozenset("detach clone cpu cuda numpy float double contiguous requires_grad_".split())
_OF_ONE: Final = frozenset("relu sigmoid tanh exp log sqrt abs square neg sign unsqueeze clamp gt lt".split())
_OPTIONS: Final = {"dim": "axis", "keepdim": "keepdims", "keep_dims": "keepdims"}


def is_of_tensors(node: ast.expr) -> str:
    """What in a call is of tensors and not of NumPy's arrays, as a person wrote it; "" where nothing is.

    >>> (
    ...     is_of_tensors(ast.parse("A1.t()", mode="eval").body),
    ...     is_of_tensors(ast.parse("A1.sum(dim=1)", mode="eval").body),
    ... )
    ('.t()', 'dim=')
    """
    match node:
        case ast.Call(keywords=options) if any(option.arg in _OPTIONS for option in options):
            return f"{next(option.arg for option in options if option.arg in _OPTIONS)}="
        case ast.Call(func=ast.Attribute(value=owner, attr=name)) if (
            name not in METHODS and _is_method(name) and not is_of_module(owner)
        ):
            return f".{name}()"
    return ""


def is_of_module(owner: ast.expr) -> bool:
    """Whether what a function is taken from is a module, such as np or scipy.special."""
    while isinstance(owner, ast.Attribute):
        owner = owner.value
    return isinstance(owner, ast.Name) and owner.id in _MODULES_LIKE_NUMPY


def _is_method(name: str) -> bool:
    return name in _OPERATORS or name in _SILENT or name in _OF_ONE or name in ("t", "permute", "view", "size")


def in_numpy(tree: ast.expr, known: Collection[str]) -> str:
    """The text of an expression with NumPy's words for those of tensors: good enough to show what is meant.

    >>> in_numpy(ast.parse("torch.mm(dZ2, A1.t()).mul(2).sum(dim=1, keepdim=True)", mode="eval").body, ())
    'np.sum(np.matmul(dZ2, A1.T) * 2, axis=1, keepdims=True)'
    """
    whole = ast.Expression(copy.deepcopy(tree))
    for node in reversed(list(ast.walk(whole))):  # the parts of a node before itself
        for field, child in ast.iter_fields(node):
            if isinstance(child, ast.Call):
                setattr(node, field, _said(child, known))
            elif isinstance(child, list):
                child[:] = [_said(part, known) if isinstance(part, ast.Call) else part for part in child]
    return ast.unparse(ast.fix_missing_locations(whole).body)


def _said(call: ast.Call, known: Collection[str]) -> ast.expr:
    """A call in NumPy's words."""
    sides = [option.arg for option in call.keywords if option.arg in ("transpose_a", "transpose_b")]
    call.keywords = [option for option in call.keywords if option.arg not in sides]
    for side in sides:
        place = int(side == "transpose_b")
        call.args[place : place + 1] = [ast.Attribute(part, "T") for part in call.args[place : place + 1]]
    with_options = any(option.arg in _OPTIONS for option in call.keywords)
    for option in call.keywords:
        option.arg = _OPTIONS.get(option.arg or "", option.arg)
    match call.func:
        case ast.Attribute(value=ast.Name(id=module), attr=name) if module in MODULES_OF_TENSORS - set(known):
            call.func = _function(name)
        case ast.Attribute(value=operand, attr=name) if with_options and name in METHODS:
            return ast.Call(of_numpy(name), [operand, *call.args], call.keywords)
        case ast.Attribute(value=operand, attr=name) if (
            name not in METHODS and _is_method(name) and not is_of_module(operand)
        ):
            return _of_method(name, operand, call)
    return call


def _function(name: str) -> ast.expr:
    other = _FUNCTIONS.get(name, name)
    return ast.Name(other) if other in FUNCTIONS and other not in NUMPY else of_numpy(other)


def _of_method(name: str, operand: ast.expr, call: ast.Call) -> ast.expr:
    made: dict[str, Callable[[], ast.expr]] = {
        "t": lambda: ast.Attribute(operand, "T"),
        "permute": lambda: ast.Call(ast.Attribute(operand, "transpose"), call.args, []),
        "view": lambda: ast.Call(ast.Attribute(operand, "reshape"), call.args, []),
        "size": lambda: ast.Subscript(ast.Attribute(operand, "shape"), call.args[0]) if call.args else operand,
    }
    if name in made:
        return made[name]()
    if name in _SILENT:
        return operand
    if name in _OPERATORS and len(call.args) == 1:
        return ast.BinOp(operand, _OPERATORS[name](), call.args[0])
    return ast.Call(_function(name), [operand, *call.args], call.keywords)
