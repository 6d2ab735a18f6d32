"""The names of sizes put back into formulas that were read off with numbers in their place."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from typing import Any

from chainrule.errors import Untraceable

_NEAR = 1e-12  # relative: what Python has computed from a size is as exact as a number is


def with_sizes(trees: Sequence[ast.expr], names: Sequence[str], sizes: Sequence[Sequence[int]]) -> ast.expr:
    """One formula read off for several sizes: a number that differs is one of them, by name, or computed from it.

    ``trees`` are what was read off for each of the ``sizes``, which are the numbers of the ``names``.

    >>> trees = [ast.parse(text, mode="eval").body for text in ("0.4 * x[:4]", "0.25 * x[:7]")]
    >>> ast.unparse(with_sizes(trees, ["m"], [(5,), (8,)]))
    '2.0 / m * x[:m - 1]'

    Raises Untraceable for formulas of other forms, and for numbers that no size explains.
    """
    whole = ast.Expression(trees[0])
    others = [ast.Expression(tree) for tree in trees[1:]]
    for nodes in zip(ast.walk(whole), *map(ast.walk, others), strict=True):
        fields = [list(ast.iter_fields(node)) for node in nodes]
        for (field, child), *rest in zip(*fields, strict=True):
            alike = [child, *(other for _, other in rest)]
            if isinstance(child, list):
                child[:] = [_merged(parts, names, sizes) for parts in zip(*alike, strict=True)]
            else:
                setattr(nodes[0], field, _merged(alike, names, sizes))
    return whole.body


def _merged(alike: Sequence[Any], names: Sequence[str], sizes: Sequence[Sequence[int]]) -> Any:
    """What stands in one place of all formulas: the number that it is in terms of a size, else what it is."""
    first = alike[0]
    if not all(type(one) is type(first) for one in alike):
        raise Untraceable("the formula has another form for other sizes")
    if not isinstance(first, ast.Constant) or len({one.value for one in alike}) == 1:
        return first
    for k, name in enumerate(names):
        found = _in_terms_of(name, [size[k] for size in sizes], [one.value for one in alike])
        if found is not None:
            return ast.copy_location(found, first)
    raise Untraceable("the formula has numbers that no size explains")


def _in_terms_of(name: str, sizes: Sequence[int], values: Sequence[Any]) -> ast.expr | None:
    """Numbers as one formula of a size, which is 5 and 7 for them: m, 2 * m, 2.0 / m, m - 1."""
    if not all(isinstance(value, int | float) for value in values):
        return None
    size, first = ast.Name(name, ast.Load()), values[0]
    for operator, computed in ((ast.Mult(), first / sizes[0]), (ast.Div(), first * sizes[0])):
        if all(_close(value, _applied(operator, computed, n)) for value, n in zip(values, sizes, strict=True)):
            number = (
                int(computed) if isinstance(first, int) and computed == int(computed) else float(f"{computed:.12g}")
            )
            return (
                size if number == 1 and isinstance(operator, ast.Mult) else ast.BinOp(_number(number), operator, size)
            )
    more = first - sizes[0]
    if all(_close(value, n + more) for value, n in zip(values, sizes, strict=True)):
        return ast.BinOp(size, ast.Add() if more > 0 else ast.Sub(), _number(abs(more)))
    return None


def _applied(operator: ast.operator, number: float, size: int) -> float:
    return number * size if isinstance(operator, ast.Mult) else number / size


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_NEAR)


def _number(value: float) -> ast.expr:
    return ast.Constant(value)
