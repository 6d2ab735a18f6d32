"""Repairs of factors and terms."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from chainrule.judging.repairs.change import Proposal, Proposals, Shape, Site, Surroundings
from chainrule.judging.repairs.expressions import (
    LOAD,
    binary,
    is_number,
    is_product_part,
    named,
    negative,
    operands,
    transposed,
)


def _one_minus(node: ast.expr) -> ast.expr:
    return binary(ast.Constant(1), "-", node)


def _factors(name: str, near: Surroundings) -> list[tuple[ast.expr, float]]:
    """What the slopes of the usual functions look like, written with the name of a value; the commonest first."""
    x = named(name)
    if name in near.whole:  # a label is no activation; for 0 and 1 the factor y (1 - y) would only hide a term
        return [(x, 0.0)]
    functions = [ast.Call(ast.Attribute(named("np"), f, LOAD), [x], []) for f in ("cos", "sin", "exp", "sign")]
    positive = ast.Compare(x, [ast.Gt()], [ast.Constant(0)])
    return [
        (x, 0.0),
        (_one_minus(x), 0.0),
        (binary(x, "*", _one_minus(x)), 0.0),
        (_one_minus(binary(x, "**", ast.Constant(2))), 0.2),
        (positive, 0.2),
        *((function, 0.6) for function in functions),
    ]


def _fitting(names: Sequence[str], shape: Shape, near: Surroundings) -> list[tuple[int, str]]:
    """Names whose values multiply a part without changing its shape, with the place of each in the list."""
    return [(k, name) for k, name in enumerate(names) if _fits(near.shapes.get(name), shape)]


def _fits(small: Shape | None, large: Shape) -> bool:
    """Whether a shape broadcasts into another one."""
    if small is None or len(small) > len(large):
        return False
    return all(a in (1, b) for a, b in zip(reversed(small), reversed(large), strict=False))


def factor_missing(site: Site, near: Surroundings) -> Proposals:
    """Multiply a part by a value near it, by 1 minus it, by the slope of an activation, or by an earlier gradient."""
    shape = None if is_product_part(site) or is_number(site.node) else near.shape_of(site.node)
    if shape is None:
        return
    for place, name in _fitting(near.values, shape, near):
        for factor, extra in _factors(name, near):
            new = binary(site.node, "*", factor)
            yield Proposal(new, "the factor {} is missing", (factor,), extra + 0.01 * place)
    for place, name in _fitting(near.gradients, shape, near):
        new = binary(site.node, "*", named(name))
        yield Proposal(new, "the factor {} is missing", (named(name),), 0.2 + 0.01 * place)


def divisor_missing(site: Site, near: Surroundings) -> Proposals:
    """Divide a part by a value near it, by 1 minus it, or by twice it."""
    shape = None if is_product_part(site) or is_number(site.node) else near.shape_of(site.node)
    if shape is None:
        return
    for place, name in _fitting(near.values, shape, near):
        x = named(name)
        slope = binary(x, "*", _one_minus(x))
        for divisor in (x,) if name in near.whole else (x, _one_minus(x), slope, binary(x, "**", ast.Constant(2))):
            yield Proposal(binary(site.node, "/", divisor), "the division by {} is missing", (divisor,), 0.01 * place)


def factor_extra(site: Site, near: Surroundings) -> Proposals:
    """Take a factor or a divisor away."""
    found = operands(site.node)
    if found is None or found[0] not in "*/@":
        return
    sign, a, b = found
    name = {"*": "the factor {}", "/": "the division by {}", "@": "the product with {}"}[sign]
    extra = 0.5 if sign == "@" else 0.0
    yield Proposal(a, f"{name} is one too many", (b,), extra)
    if sign == "*" and (before := operands(a)) is not None and before[0] == "*":
        yield Proposal(before[1], "the factors {} and {} are too many", (before[2], b), 0.1)
    if sign == "/":
        yield Proposal(binary(ast.Constant(1), "/", b), "the factor {} is one too many", (a,), 0.3)
    else:
        yield Proposal(b, f"{name} is one too many", (a,), extra)


def one_minus_missing(site: Site, near: Surroundings) -> Proposals:
    """Put 1 - x for x."""
    if not is_number(site.node):
        new = _one_minus(site.node)
        yield Proposal(new, "{} should be {}", (site.node, new))


def one_minus_extra(site: Site, near: Surroundings) -> Proposals:
    """Put x, or x - 1, or 1 + x for 1 - x."""
    found = operands(site.node)
    if found is None or found[0] not in "+-" or not is_number(found[1]):
        return
    one, x = found[1], found[2]
    yield Proposal(x, "{} should be {}", (site.node, x))
    other = binary(one, "+" if found[0] == "-" else "-", x)
    yield Proposal(other, "{} should be {}", (site.node, other))


def term_extra(site: Site, near: Surroundings) -> Proposals:
    """Take one term of a sum or a difference away."""
    found = operands(site.node)
    if found is None or found[0] not in "+-":
        return
    sign, a, b = found
    yield Proposal(a, "the term {} is one too many", (b,))
    yield Proposal(b if sign == "+" else negative(b), "the term {} is one too many", (a,))


def term_missing(site: Site, near: Surroundings) -> Proposals:
    """Add or subtract what a value near a part, or an earlier gradient, contributes."""
    shape = near.shape_of(site.node)
    outer = operands(site.parent) if site.parent is not None else None
    if shape is None or (outer is not None and outer[0] in "+-") or is_number(site.node):
        return
    for term, extra in _terms(shape, near):
        yield Proposal(binary(site.node, "+", term), "the term {} is missing", (term,), extra)
        yield Proposal(binary(site.node, "-", term), "the term -{} is missing", (term,), extra + 0.1)


def _terms(shape: Shape, near: Surroundings) -> Iterator[tuple[ast.expr, float]]:
    for place, name in _fitting((*near.values, *near.gradients), shape, near):
        yield named(name), 0.01 * place
    for place, gradient in enumerate(near.gradients):
        for far, value in enumerate(near.values):
            for term, made in _contributions(gradient, value, near):
                if made == shape:
                    yield term, 0.2 + 0.01 * (place + far)


def _contributions(gradient: str, value: str, near: Surroundings) -> Iterator[tuple[ast.expr, Shape]]:
    """What a product node sends back: grad * x, grad @ xᵀ and xᵀ @ grad, each with the shape that it has."""
    g, x = near.shapes.get(gradient), near.shapes.get(value)
    if g is None or x is None:
        return
    if _fits(x, g):
        yield binary(named(gradient), "*", named(value)), g
        yield binary(named(gradient), "/", named(value)), g
    if len(g) == len(x) == 2:
        if g[1] == x[1]:
            yield binary(named(gradient), "@", transposed(named(value))), (g[0], x[0])
        if x[0] == g[0]:
            yield binary(transposed(named(value)), "@", named(gradient)), (x[1], g[1])
