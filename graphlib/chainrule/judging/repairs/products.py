"""Repairs of transposes and products."""

from __future__ import annotations

import ast
import re

from chainrule.judging.repairs.change import Proposal, Proposals, Site, Surroundings
from chainrule.judging.repairs.expressions import binary, is_number, operands, transposed, untransposed, with_operands
from chainrule.judging.repairs.tree import called, copied


def transpose_missing(site: Site, near: Surroundings) -> Proposals:
    """Transpose a part."""
    already = site.parent is not None and untransposed(site.parent) is not None
    if not already and untransposed(site.node) is None and not is_number(site.node):
        yield Proposal(transposed(site.node), "{} has to be transposed", (site.node,))


def transpose_extra(site: Site, near: Surroundings) -> Proposals:
    """Take a transpose away."""
    inner = untransposed(site.node)
    if inner is not None:
        yield Proposal(inner, "{} must not be transposed", (inner,))


def operands_swapped(site: Site, near: Surroundings) -> Proposals:
    """Swap the operands of a product, a difference or a quotient; a product may need other transposes with it."""
    found = operands(site.node)
    if found is None or found[0] not in "@-/":
        return
    sign, a, b = found
    yield Proposal(with_operands(site.node, b, a), f"the operands of {sign} are swapped: {{}} comes first", (b,))
    if sign == "@":
        yield from _rearranged(site.node, a, b)


def _rearranged(node: ast.expr, a: ast.expr, b: ast.expr) -> Proposals:
    both = with_operands(node, transposed(b), transposed(a))
    yield Proposal(both, "the product is transposed: it has to be {}", (both,), 0.2)
    for left, right in ((transposed(b), a), (b, transposed(a)), (transposed(a), transposed(b))):
        new = with_operands(node, left, right)
        yield Proposal(new, "the product has to be {}", (new,), 0.25)


def product_of_other_kind(site: Site, near: Surroundings) -> Proposals:
    """Put @ for * or * for @; with @ the order and the transposes may change as well."""
    found = operands(site.node)
    if found is None or found[0] not in "*@":
        return
    sign, a, b = found
    if sign == "@":
        yield Proposal(binary(a, "*", b), "@ should be *, element by element")
        yield Proposal(binary(transposed(a), "*", b), "@ should be *, element by element", (), 0.6)
        yield Proposal(binary(a, "*", transposed(b)), "@ should be *, element by element", (), 0.6)
        return
    yield Proposal(binary(a, "@", b), "* should be @, the matrix product")
    for left, right in ((b, a), (transposed(a), b), (a, transposed(b)), (transposed(b), a), (b, transposed(a))):
        new = binary(left, "@", right)
        yield Proposal(new, "* should be @, the matrix product: {}", (new,), 0.5)


def brackets_misplaced(site: Site, near: Surroundings) -> Proposals:
    """Set brackets otherwise: (a ∘ b) ∘ c for a ∘ (b ∘ c), and the other way round."""
    if not isinstance(site.node, ast.BinOp):
        return
    outer, left, right = site.node, site.node.left, site.node.right
    if isinstance(left, ast.BinOp) and (type(left.op), type(outer.op)) != (ast.Mult, ast.Mult):
        new = ast.BinOp(left.left, left.op, ast.BinOp(left.right, outer.op, right))
        yield Proposal(new, "the brackets belong around {}", (new.right,))
    if isinstance(right, ast.BinOp) and (type(right.op), type(outer.op)) != (ast.Mult, ast.Mult):
        twin = ast.BinOp(ast.BinOp(left, outer.op, right.left), right.op, right.right)
        yield Proposal(twin, "the brackets belong around {}", (twin.left,))


def einsum_letters(site: Site, near: Surroundings) -> Proposals:
    """Turn round the letters of one matrix in an einsum, or of its result."""
    if not isinstance(site.node, ast.Call) or called(site.node) != "einsum" or not site.node.args:
        return
    text = site.node.args[0].value  # type: ignore[attr-defined]  # a text
    for letters in re.finditer(r"[a-zA-Z]{2,}", text):
        new = text[: letters.start()] + letters[0][::-1] + text[letters.end() :]
        call = copied(site.node, args=[ast.Constant(new), *site.node.args[1:]])
        yield Proposal(call, f"the letters {letters[0]} of the einsum have to be {letters[0][::-1]}")
