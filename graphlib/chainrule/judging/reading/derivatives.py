"""Leibniz's fractions: ∂L/∂Z₃ and dL/dZ₃ are the gradient dZ3."""

from __future__ import annotations

import ast
from collections.abc import Collection

from chainrule.judging.reading.forms import name_node
from chainrule.judging.reading.grammar import LOSSES


def gradient_in(above: ast.expr, below: ast.expr, known: Collection[str]) -> ast.expr | None:
    """The gradient that a fraction of two differentials is, None for every other fraction.

    Raises ValueError for a derivative of many values by many values.
    """
    a, b = (node.id if isinstance(node, ast.Name) else "" for node in (above, below))
    partial = a.startswith("∂") and b.startswith("∂")
    total = a[1:] in LOSSES and a.startswith("d") and b.startswith("d") and (a not in known or b in known)
    if not (partial or total):
        return None
    if a[1:] not in LOSSES:
        raise ValueError(f"∂{a[1:]}/∂{b[1:]} is a derivative of many values by many values")
    name = f"d{b[1:]}"
    other = f"d{b[1:].swapcase()}"  # of one example, ∂z⁽ⁱ⁾, where the values of all are called Z
    return name_node(other if name not in known and other in known else name)
