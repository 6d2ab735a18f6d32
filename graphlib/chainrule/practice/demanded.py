"""What a function demands of the file that it stands in: itself, and what it calls and reads; the rest is not run."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator

from chainrule.practice.handed_in import statements_of


def demanded(codes: Iterable[str], function: str) -> str:
    r"""The statements that a function demands, in order: definitions, imports and assignments of names that it uses.

    Calls that stand for themselves, such as ``print(...)``, are left out.

    >>> text = "import numpy as np\nprint('hello')\nhalf = 0.5\ndef f(x):\n    return half * np.exp(x)\nrest = 3"
    >>> print(demanded([text], "f"))
    import numpy as np
    half = 0.5
    <BLANKLINE>
    def f(x):
        return half * np.exp(x)
    """
    statements = [statement for code in codes for statement in statements_of(code)]
    statements = [one for one in statements if not isinstance(one, ast.Expr)]
    bound = [set(_bound(one)) for one in statements]
    wanted, chosen = {function}, set[int]()
    while True:
        more = {k for k, names in enumerate(bound) if k not in chosen and (names & wanted or "*" in names)}
        if not more:
            break
        chosen |= more
        wanted |= {name for k in more for name in _used(statements[k])}
    kept = sorted((statements[k] for k in sorted(chosen)), key=_rank)  # which is stable
    return ast.unparse(ast.Module(kept, []))


def _rank(statement: ast.stmt) -> int:
    """Imports go first: in a notebook they may have run before the cells above them."""
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        return 0
    return 1 if isinstance(statement, ast.Import | ast.ImportFrom) else 2


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement gives a meaning to, "*" where it may be any."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store()):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]


def _used(statement: ast.stmt) -> set[str]:
    """The names that a statement takes from outside of itself: no parameters, and no variables of a function."""
    found = set[str]()
    try:
        waiting = [symtable.symtable(ast.unparse(statement), "handed in", "exec")]
    except (SyntaxError, ValueError, RecursionError):
        return found
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        outside = [one for one in table.get_symbols() if one.is_global() or table.get_type() == "module"]
        found |= {one.get_name() for one in outside if one.is_referenced()}
    return found
