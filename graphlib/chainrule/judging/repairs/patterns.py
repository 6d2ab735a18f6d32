"""Expressions held against forms, and forms filled with what was found."""

from __future__ import annotations

import ast
import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias, final

from chainrule.judging.reading.forms import put_in_place
from chainrule.judging.repairs.change import Proposal, Proposals, Site, Surroundings
from chainrule.judging.repairs.expressions import LOAD, binary, named, number, operands, transposed
from chainrule.judging.repairs.slips import SLIPS, Slip
from chainrule.judging.repairs.tree import called

Found: TypeAlias = "dict[str, ast.expr]"

_AXES = (0, 1)
_NUMBERS = ("axis", "c")  # names of numbers, not of values
_MOST_FACTORS = 6  # of a product that is held against a form


def proposed(name: str, site: Site, near: Surroundings) -> Proposals:
    """What is meant by a part, for every slip of a name whose form it has."""
    for slip in SLIPS:
        if slip.name == name:
            yield from _proposed(slip, site.node, near)


def slope_missing(site: Site, near: Surroundings) -> Proposals:
    """Take the gradient on through the function that the graph takes of the value."""
    if near.rule is not None:
        new = put_in_place(near.rule, {near.upstream: site.node})
        yield Proposal(new, "the slope of {} is missing", (named(near.function),))


def _proposed(slip: Slip, node: ast.expr, near: Surroundings) -> Proposals:
    if slip.unless and slip.unless == near.function:
        return
    written, meant = _form(slip.written), _form(slip.meant)
    is_product = isinstance(written, ast.BinOp) and isinstance(written.op, ast.Mult)
    matches = _products(written, node) if is_product else ((found, None) for found in _matches(written, node, {}))
    for found, rest in matches:
        for place, filled in enumerate(_filled(meant, found, near)):
            new = filled[0] if rest is None else binary(filled[0], "*", rest)
            names = re.findall(r"{(\w+)}", slip.said)
            about = tuple(filled[1][name] for name in names)
            yield Proposal(new, re.sub(r"{\w+}", "{}", slip.said), about, 0.01 * place)


@functools.cache
def _form(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


# --- matching ------------------------------------------------------------------------------------------------------


def _products(form: ast.expr, node: ast.expr) -> Iterator[tuple[Found, ast.expr | None]]:
    """The ways in which factors of a product have a form, with the factors that are left over."""
    wanted, given = _factors(form), _factors(node)
    if not len(wanted) <= len(given) <= _MOST_FACTORS:
        return
    for chosen in itertools.permutations(range(len(given)), len(wanted)):
        for found in _all_match(wanted, [given[k] for k in chosen], {}):
            left = [given[k] for k in range(len(given)) if k not in chosen]
            yield found, functools.reduce(lambda a, b: binary(a, "*", b), left) if left else None


def _factors(node: ast.expr) -> list[ast.expr]:
    """The factors of a product, the first one first; an expression that is none is its only factor."""
    found: list[ast.expr] = []
    waiting = [node]
    while waiting:
        part = waiting.pop()
        both = operands(part)
        if both is not None and both[0] == "*":
            waiting += [both[2], both[1]]
        else:
            found.append(part)
    return found


def _all_match(forms: list[ast.expr], nodes: list[ast.expr], found: Found) -> Iterator[Found]:
    """All ways to match forms in turn, the names of the first ones kept; a form is a few parts deep."""
    if not forms:
        yield found
        return
    for one in _matches(forms[0], nodes[0], found):
        yield from _all_match(forms[1:], nodes[1:], one)


def _matches(form: ast.expr, node: ast.expr, found: Found) -> Iterator[Found]:
    """The ways in which an expression has a form: what every name of the form stands for."""
    if isinstance(form, ast.Name):
        if form.id not in found or ast.dump(found[form.id]) == ast.dump(node):
            yield {**found, form.id: node}
        return
    parts, given = _parts(form), _parts(node)
    if parts is not None and given is not None and parts[0] == given[0] and len(parts[1]) == len(given[1]):
        yield from _all_match(parts[1], given[1], found)
        if parts[0] in "*+":
            yield from _all_match(parts[1], given[1][::-1], found)


def _parts(node: ast.expr) -> tuple[str, list[ast.expr]] | None:
    """What an expression is, with the parts that it has; forms and expressions are compared by it."""
    if (both := operands(node)) is not None:
        return both[0], list(both[1:])
    found: tuple[str, list[ast.expr]] | None = None
    match node:
        case ast.Constant(value=value):
            found = f"number {value!r}", []
        case ast.Attribute(value=value, attr="T"):
            found = "transpose", [value]
        case ast.Call(keywords=[]):
            found = f"call of {called(node)}", list(node.args)
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            found = type(sign).__name__, [left, right]
        case ast.Subscript(value=value, slice=places):
            found = f"entries {ast.unparse(places)}", [value]
    return found


# --- filling -------------------------------------------------------------------------------------------------------


def _filled(form: ast.expr, found: Found, near: Surroundings) -> Iterator[tuple[ast.expr, Found]]:
    """The form with what its names stand for; a name that stands for nothing yet with all that it may stand for."""
    found = found | {"function": named(near.function)}
    free = [name for name in dict.fromkeys(_names(form)) if name not in found]
    for chosen in itertools.product(*(_may_be(name, found, near) for name in free)):
        table = found | dict(zip(free, chosen, strict=True))
        yield _put(form, table), table


def _names(form: ast.expr) -> list[str]:
    return [part.id for part in ast.walk(form) if isinstance(part, ast.Name) and part.id != "np"]


def _may_be(name: str, found: Found, near: Surroundings) -> list[ast.expr]:
    if name == "axis":
        return [number(axis) for axis in _AXES]
    if name == "c":
        return [number(value) for value in near.numbers]
    if name == "rule":
        return [] if near.rule is None else [put_in_place(near.rule, {near.upstream: found["g"]})]
    shapes = {near.shape_of(part) for part in found.values()}
    fitting = [value for value in near.values if near.shapes.get(value) in shapes]
    own = [value for value in fitting if value == near.target]
    return [named(value) for value in dict.fromkeys([*own, *fitting])]


def _put(form: ast.expr, table: Mapping[str, ast.expr]) -> ast.expr:
    """The form with expressions in the place of its names, the facts of a call among them."""
    return _Putting(table).visit(ast.parse(ast.unparse(form), mode="eval").body)  # type: ignore[no-any-return]  # an expression


@final
class _Putting(ast.NodeTransformer):
    """Puts expressions for names, and takes the transpose of a transpose away."""

    def __init__(self, table: Mapping[str, ast.expr]) -> None:
        self._table = table

    def visit_Name(self, node: ast.Name) -> ast.expr:  # the name that ast calls
        return self._table.get(node.id, node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:  # as above
        inner = self.visit(node.value)
        return transposed(inner) if node.attr == "T" else ast.Attribute(inner, node.attr, LOAD)


def kinds() -> list[tuple[str, float, str]]:
    """The names of all slips, each with its lowest cost and what it puts for what."""
    rows = {slip.name: [other for other in SLIPS if other.name == slip.name] for slip in SLIPS}
    return [
        (name, min(row.cost for row in same), "; ".join(f"Put {row.meant} for {row.written}" for row in same) + ".")
        for name, same in rows.items()
    ]
