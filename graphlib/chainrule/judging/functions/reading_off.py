"""The formula that a Symbol has recorded, as an expression whose parts know their lines in a file."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.errors import Untraceable
from chainrule.judging.reading.bounds import MOST_NODES
from chainrule.judging.reading.forms import name_node, put_in_place, size_of_tree
from chainrule.notation.numpy_text import TextPrinter
from chainrule.symbols.symbol import Symbol


def expression_of(symbol: Symbol, names: Mapping[int, str], line_of: Callable[[Any], int | None]) -> ast.expr:
    """The formula of a Symbol: others that have names are called by these, and each part knows its line.

    Raises Untraceable for a formula that is too long to be one.
    """
    made: dict[int, ast.expr] = {}
    waiting = [symbol]
    while waiting:
        one = waiting[-1]
        parts = [part for part in one.operands if isinstance(part, Symbol)]
        missing = [part for part in parts if id(part) not in made]
        if id(one) in made:
            waiting.pop()
        elif one.name is not None:
            made[id(one)] = name_node(one.name)
        elif id(one) in names and one is not symbol:
            made[id(one)] = name_node(names[id(one)])
        elif missing:
            waiting += missing
        else:
            made[id(one)] = _step(one, made, line_of(one))
    return made[id(symbol)]


def _step(symbol: Symbol, made: Mapping[int, ast.expr], line: int | None) -> ast.expr:
    """One operation on expressions: printed with places for its operands, which are put in then."""
    added = _added_to_zeros(symbol)
    if added is not None:
        return made[id(added)]
    places = {id(part): f"operand_{k}" for k, part in enumerate(symbol.operands) if isinstance(part, Symbol)}
    operands = tuple(
        Symbol.leaf(places[id(part)], part.known_shape, part.dtype) if isinstance(part, Symbol) else part
        for part in symbol.operands
    )
    alone = Symbol(symbol.operation, operands, symbol.options, shape=symbol.known_shape, dtype=symbol.dtype)
    tree = ast.parse(TextPrinter().print(alone), mode="eval").body
    found = {places[id(part)]: made[id(part)] for part in symbol.operands if isinstance(part, Symbol)}
    if sum(map(size_of_tree, found.values())) > MOST_NODES:
        raise Untraceable(f"the formula has more than {MOST_NODES} parts")
    for node in ast.walk(tree):
        node.lineno = line  # type: ignore[attr-defined]  # of a file, where it is an expression of one
    return put_in_place(tree, found)


def _added_to_zeros(symbol: Symbol) -> Symbol | None:
    """What is added to an array of zeros that it is as large as: how a loop begins that adds up."""
    if symbol.operation is not np.add:
        return None
    for zeros, other in (symbol.operands, symbol.operands[::-1]):
        is_begun = isinstance(zeros, np.ndarray) and not zeros.any() and zeros.dtype.kind in "fi"
        if is_begun and isinstance(other, Symbol) and other.known_shape == symbol.known_shape:
            return other
    return None


def line_of_change(before: ast.expr, after: ast.expr) -> int | None:
    """The line of the part in which two expressions differ first, None where that has none."""
    line = None
    while True:
        line = getattr(before, "lineno", None) or line
        if type(before) is not type(after):
            return line
        pairs = list(zip(parts_of(before), parts_of(after), strict=False))
        different = [(a, b) for a, b in pairs if ast.dump(a) != ast.dump(b)]
        same_form = len(parts_of(before)) == len(parts_of(after)) and _head(before) == _head(after)
        if not same_form or len(different) != 1:
            return line
        before, after = different[0]


def parts_of(node: ast.expr) -> list[ast.expr]:
    """The expressions that an expression is made of."""
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]


def _head(node: ast.expr) -> Any:
    """What an expression is, besides its parts."""
    operators = [
        type(child) for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr | ast.expr_context)
    ]
    plain = [value for _, value in ast.iter_fields(node) if isinstance(value, str | int | float | bool)]
    return operators, plain
