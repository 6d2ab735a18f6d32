"""Repairs of the division by the number of examples."""

from __future__ import annotations

import ast

from chainrule.judging.repairs.change import Proposal, Proposals, Site, Surroundings
from chainrule.judging.repairs.expressions import binary, is_number, is_product_part, named, operands
from chainrule.judging.repairs.tree import replaced, sites


def division_missing(site: Site, near: Surroundings) -> Proposals:
    """Divide a part by the number of examples, or take it away as a factor."""
    found = operands(site.node)
    if found is not None and found[0] == "*":
        for batch, kept in ((found[1], found[2]), (found[2], found[1])):
            if _is_batch(batch, near):
                yield Proposal(kept, "the factor {} is one too many", (batch,))
    if near.batch is not None and not is_product_part(site) and not is_number(site.node):
        new = binary(site.node, "/", named(near.batch))
        yield Proposal(new, f"1/{near.batch} is missing", (), 0.1 if site.path else 0.0)


def division_extra(site: Site, near: Surroundings) -> Proposals:
    """Multiply a part by the number of examples, or take a division by it away."""
    if near.batch is None:
        return
    found = operands(site.node)
    if found is not None and found[0] == "/" and _is_batch(found[2], near):
        yield Proposal(found[1], "the division by {} is one too many", (found[2],))
    elif found is not None and found[0] == "*" and any(_is_reciprocal(part, near) for part in found[1:]):
        _, a, b = found
        taken, kept = (a, b) if _is_reciprocal(a, near) else (b, a)
        yield Proposal(kept, "the factor {} is one too many", (taken,))
    elif not site.path:
        new = binary(site.node, "*", named(near.batch))
        yield Proposal(new, f"it is {near.batch} times too small", (), 0.2)


def _is_batch(node: ast.expr, near: Surroundings) -> bool:
    """Whether an expression is the number of examples, by name or as the size of an array."""
    return (isinstance(node, ast.Name) and node.id == near.batch) or isinstance(node, ast.Subscript)


def _is_reciprocal(node: ast.expr, near: Surroundings) -> bool:
    found = operands(node)
    return found is not None and found[0] == "/" and is_number(found[1]) and _is_batch(found[2], near)


def division_misplaced(site: Site, near: Surroundings) -> Proposals:
    """Move the division by the number of examples from a part to the whole."""
    if near.batch is None:
        return
    for part in sites(site.node)[1:]:
        for proposal in division_extra(part, near):
            whole = binary(replaced(site.node, part.path, proposal.node), "/", named(near.batch))
            yield Proposal(whole, f"the division by {near.batch} belongs around the whole")
