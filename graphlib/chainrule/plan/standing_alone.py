"""The functions of this package that printed NumPy calls, written out so that it runs where chainrule is not there."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any, Final

import numpy as np

from chainrule.errors import ArgumentError, ChainruleError
from chainrule.symbols.dimensions import Dimension
from chainrule.symbols.symbol import Symbol, record

_NEVER_THERE: Final[dict[Any, str]] = {Symbol: "Symbol = ()", Dimension: "Dimension = ()", record: "record = None"}
"""What stands for Symbols and named sizes where arrays alone are computed: nothing is an instance of ()."""
_ERROR: Final = """class {name}({base}):
    def __init__(self, what, **parts):
        super().__init__(what)"""


def functions_text(functions: Iterable[Callable[..., Any]]) -> str:
    """These functions and all that they call, without annotations; raises ArgumentError for one that has no source."""
    written: dict[Any, str] = {}
    waiting: list[Any] = list(functions)
    while waiting:
        what = inspect.unwrap(waiting.pop())
        if what in written:
            continue
        if what in _NEVER_THERE:
            written[what] = _NEVER_THERE[what]
        elif isinstance(what, type):
            written[what] = _class(what)
        else:
            tree = _bare(what)
            written[what] = ast.unparse(tree)
            waiting.extend(value for _, value in _used(tree, what) if not _is_constant(value))
    facts = dict(fact for what in written if isinstance(what, FunctionType) for fact in _constants(what))
    lines = [f"{name} = {value!r}" for name, value in facts.items()]
    return "\n\n\n".join([*(["\n".join(lines)] if lines else []), *reversed(written.values())])


def value_text(value: Any) -> str | None:
    """An expression that is this array, number or type to the bit; None where there is none."""
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fiub":
        content = np.asarray(value)
        data = f"frombuffer(bytes.fromhex({content.tobytes().hex()!r}), {content.dtype.str!r}).reshape({content.shape})"
        return data if isinstance(value, np.ndarray) else f"{data}[()]"
    if isinstance(value, float):
        return f'float("{value}")'
    return f"dtype({value.str!r})" if isinstance(value, np.dtype) else None


def _bare(function: Callable[..., Any]) -> ast.FunctionDef:
    """The definition of a function without decorators and annotations."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError):
        tree = ast.Pass()
    if not isinstance(tree, ast.FunctionDef) or not function.__module__.startswith("chainrule."):
        name = getattr(function, "__name__", type(function).__name__)
        raise ArgumentError(
            f"{name} cannot be written into a module: it is called as it is",
            remedy="a rule that Symbols can pass through; plan.explain() and plan.program say which are called",
        )
    tree.decorator_list, tree.returns = [], None
    for part in ast.walk(tree):
        if isinstance(part, ast.arg):
            part.annotation = None
    return tree


def _used(tree: ast.FunctionDef, function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """What of its own module, or of those that this imports, a function reads: functions, classes and constants."""
    known = inspect.unwrap(function).__globals__
    for name in dict.fromkeys(part.id for part in ast.walk(tree) if isinstance(part, ast.Name)):
        if name in known and not isinstance(known[name], ModuleType):
            yield name, known[name]


def _constants(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for name, value in _used(_bare(function), function):
        if _is_constant(value):
            yield name, value if isinstance(value, (int, float, str, tuple)) else None  # a default that is a mark


def _is_constant(value: Any) -> bool:
    return not callable(value) or not hasattr(value, "__module__")


def _class(what: type) -> str:
    if not issubclass(what, ChainruleError):
        raise ArgumentError(f"the class {what.__name__} cannot be written into a module")
    base = next((base.__name__ for base in what.__bases__ if base.__module__ == "builtins"), "Exception")
    return _ERROR.format(name=what.__name__, base=base)
