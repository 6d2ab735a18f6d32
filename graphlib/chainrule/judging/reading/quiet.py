"""Python text parsed without a word of what Python would warn of in it, such as ``1if`` or an unknown escape."""

from __future__ import annotations

import ast
import warnings


def tree_of(text: str) -> ast.Module | None:
    """The tree of a person's Python text, None where it is none.

    >>> tree_of("dW = 1or 2"), tree_of("dW =")
    (<ast.Module object at ...>, None)
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def value_of(text: str) -> ast.expr | None:
    """The expression that a text is, None for any other text."""
    tree = tree_of(text.strip())
    only = tree.body[0] if tree is not None and len(tree.body) == 1 else None
    return only.value if isinstance(only, ast.Expr) else None
