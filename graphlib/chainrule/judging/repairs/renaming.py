"""Repairs of names."""

from __future__ import annotations

import ast
import re

from chainrule.judging.repairs.change import Proposal, Proposals, Site, Surroundings
from chainrule.judging.repairs.expressions import LOAD, named, renamed
from chainrule.judging.repairs.tree import called, sites


def shifted(name: str, step: int) -> str | None:
    """The same name one layer on: A2 for A1 and a step of 1; None for a name that does not end in a number.

    >>> shifted("dA1", 1), shifted("Y", 1), shifted("A0", -1)
    ('dA2', None, None)
    """
    found = re.fullmatch(r"(.*?)(\d+)", name)
    if found is None or int(found[2]) + step < 0:
        return None
    return f"{found[1]}{int(found[2]) + step}"


def name_of_neighbor(site: Site, near: Surroundings) -> Proposals:
    """Put the name of the layer before or behind."""
    if isinstance(site.node, ast.Name):
        for step in (-1, 1):
            other = shifted(site.node.id, step)
            if other is not None and _allowed(other, near):
                yield Proposal(named(other), f"{site.node.id} should be {other}: the neighboring layer")


def _allowed(name: str, near: Surroundings) -> bool:
    return name in near.values or name in near.gradients


def value_for_gradient(site: Site, near: Surroundings) -> Proposals:
    """Put a gradient for the value, or a value for its gradient."""
    if isinstance(site.node, ast.Name):
        name = site.node.id
        for other in (f"d{name}", *([name[1:]] if name.startswith("d") else [])):
            if _allowed(other, near):
                kind = "the gradient" if other in near.gradients else "the value"
                yield Proposal(named(other), f"{name} should be {other}, {kind}")


def name_of_same_layer(site: Site, near: Surroundings) -> Proposals:
    """Put another name of the same layer: Z2 for A2."""
    if isinstance(site.node, ast.Name) and (layer := _layer(site.node.id)):
        gradient = site.node.id in near.gradients
        for other in near.gradients if gradient else near.values:
            if other != site.node.id and _layer(other) == layer:
                yield Proposal(named(other), f"{site.node.id} should be {other}")


def _layer(name: str) -> str:
    """The number at the end of a name, as it is written."""
    found = re.search(r"\d+$", name)
    return found[0] if found else ""


def other_name(site: Site, near: Surroundings) -> Proposals:
    """Put another name that is near."""
    if isinstance(site.node, ast.Name):
        for place, other in enumerate((*near.values, *near.gradients)):
            if other != site.node.id:
                yield Proposal(named(other), f"{site.node.id} should be {other}", (), 0.02 * place)


def batch_for_other(site: Site, near: Surroundings) -> Proposals:
    """Put the number of examples for another size of an array."""
    if near.batch is not None and _is_size(site.node, near):
        yield Proposal(
            named(near.batch), f"{{}} should be {near.batch}, the number of {near.examples}", (site.node,), 0.2
        )


def axis_of_size(site: Site, near: Surroundings) -> Proposals:
    """Take the size of another axis of an array."""
    found = _axis_asked(site.node)
    if found is None:
        return
    array, given = found
    axes = len(near.shape_of(array) or ())
    for axis in range(axes):
        if axis != given % axes:
            new = ast.Subscript(ast.Attribute(array, "shape", LOAD), ast.Constant(axis), LOAD)
            yield Proposal(new, "{} should be {}", (site.node, new))


def _axis_asked(node: ast.expr) -> tuple[ast.expr, int] | None:
    """The array and the axis whose size is taken, as in A.shape[-1] or len(A)."""
    match node:
        case ast.Subscript(value=ast.Attribute(attr="shape", value=array), slice=ast.Constant(value=int(axis))):
            return array, axis
        case ast.Subscript(
            value=ast.Attribute(attr="shape", value=array),
            slice=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(axis))),
        ):
            return array, -axis
        case ast.Call(func=ast.Name(id="len"), args=[array]):
            return array, 0
    return None


def _is_size(node: ast.expr, near: Surroundings) -> bool:
    """Whether an expression may be meant as the number of examples, and is not called so."""
    if isinstance(node, ast.Name):
        return node.id != near.batch and near.shapes.get(node.id) == ()
    return isinstance(node, ast.Subscript) or called(node) in ("len", "size")


def name_everywhere(site: Site, near: Surroundings) -> Proposals:
    """Put another name wherever a name occurs more than once."""
    names = [part.node.id for part in sites(site.node) if isinstance(part.node, ast.Name)]
    for name in dict.fromkeys(names):
        for place, other in enumerate((*near.values, *near.gradients) if names.count(name) > 1 else ()):
            if other != name:
                new = renamed(site.node, {name: other})
                yield Proposal(new, f"{name} should be {other}, wherever it stands", (), 0.02 * place)


def layer_shifted(site: Site, near: Surroundings) -> Proposals:
    """Move all names to the layer before or behind, or all values, or all gradients."""
    names = {part.node.id for part in sites(site.node) if isinstance(part.node, ast.Name)}
    gradients = names & set(near.gradients)
    for step, where in ((-1, "before"), (1, "behind")):
        for moved, said in (
            (names, "this is the formula of the neighboring layer"),
            (names - gradients, f"the values have to be those of the layer {where}"),
            (gradients, f"the gradients have to be those of the layer {where}"),
        ):
            table = {name: other for name in moved if (other := shifted(name, step)) and _allowed(other, near)}
            if len(table) > 1:
                yield Proposal(renamed(site.node, table), said)
