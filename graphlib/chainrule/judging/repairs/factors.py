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
from chainrule.judging.repairs.tree import replaced, sites


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
        yield from _value_of_number(site, near)
        return
    for place, name in _stretching(near.values, shape, near):
        new = binary(site.node, "*", named(name))
        yield Proposal(new, "the factor {} is missing", (named(name),), 0.2 + 0.01 * place)
    for place, name in _fitting(near.values, shape, near):
        for factor, extra in _factors(name, near):
            new = binary(site.node, "*", factor)
            yield Proposal(new, "the factor {} is missing", (factor,), extra + 0.01 * place)
    for place, name in _fitting(near.gradients, shape, near):
        new = binary(site.node, "*", named(name))
        yield Proposal(new, "the factor {} is missing", (named(name),), 0.2 + 0.01 * place)


def _value_of_number(site: Site, near: Surroundings) -> Proposals:
    """Multiply a number that is a term with a value: 0.1 * W for 0.1."""
    outer = operands(site.parent) if site.parent is not None else None
    shape = near.shape_of(site.parent) if site.parent is not None and outer is not None and outer[0] in "+-" else None
    if shape and is_number(site.node):
        for place, name in _fitting(near.values, shape, near):
            new = binary(site.node, "*", named(name))
            yield Proposal(new, "the factor {} is missing", (named(name),), 0.1 + 0.01 * place)


def _stretching(names: Sequence[str], shape: Shape, near: Surroundings) -> list[tuple[int, str]]:
    """Names whose values stretch a part that multiplies them."""
    shapes = [(k, name, near.shapes.get(name)) for k, name in enumerate(names)]
    return [(k, name) for k, name, large in shapes if large is not None and large != shape and _fits(shape, large)]


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
        of_gradient = (
            isinstance(site.node, ast.Name) and site.node.id in near.gradients
        )  # 1 - A is a slope, 1 - dA is not
        yield Proposal(new, "{} should be {}", (site.node, new), 0.5 if of_gradient else 0.0)


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


_TINY = 1e-3  # a number below it beside a value keeps a division or a logarithm away from 0


def epsilon_extra(site: Site, near: Surroundings) -> Proposals:
    """Take away every tiny number that is added to keep away from 0."""
    tree = site.node
    taken: list[ast.expr] = []
    while (part := next((part for part in sites(tree) if _plus_epsilon(part.node) is not None), None)) is not None:
        kept, tiny = _plus_epsilon(part.node) or (part.node, part.node)
        tree, taken = replaced(tree, part.path, kept), [*taken, tiny]
    if taken:
        yield Proposal(tree, "{} is too many" + (", wherever it is added" if len(taken) > 1 else ""), (taken[0],))


def _plus_epsilon(node: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """What a tiny number is added to, and the number."""
    found = operands(node)
    if found is None or found[0] not in "+-":
        return None
    _, a, b = found
    if is_number(b) and 0 < abs(b.value) <= _TINY:  # type: ignore[attr-defined]  # a number
        return a, b
    if found[0] == "+" and is_number(a) and 0 < abs(a.value) <= _TINY:  # type: ignore[attr-defined]  # a number
        return b, a
    return None


def matrix_factor_missing(site: Site, near: Surroundings) -> Proposals:
    """Multiply a part by a matrix near it, from the left or from the right."""
    shape = near.shape_of(site.node)
    outer = operands(site.parent) if site.parent is not None else None
    if shape is None or len(shape) != 2 or (outer is not None and outer[0] == "@") or len(site.path) > 1:
        return
    named_in = {part.id for part in ast.walk(site.node) if isinstance(part, ast.Name)}
    for place, name in enumerate((*near.gradients, *near.values)):
        other = near.shapes.get(name, ())
        if len(other) == 2 and name not in named_in:
            for left, right in _fitting_products(site.node, shape, named(name), other):
                new = binary(left, "@", right)
                yield Proposal(new, "the product with {} is missing: {}", (named(name), new), 0.01 * place)


def _fitting_products(
    part: ast.expr, shape: Shape, other: ast.expr, size: Shape
) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The orders and transposes in which two matrices have a product."""
    if size[1] == shape[0]:
        yield other, part
    if size[0] == shape[0]:
        yield transposed(other), part
    if shape[1] == size[0]:
        yield part, other
    if shape[1] == size[1]:
        yield part, transposed(other)


def bessel(site: Site, near: Surroundings) -> Proposals:
    """Divide by one less than a size, or by the size: the variance of a sample, or of all there is."""
    found = operands(site.node)
    if found is not None and _is_less_one(site.node) and _is_a_size(found[1], near):
        yield Proposal(found[1], "{} should be {}", (site.node, found[1]))
    elif _is_a_size(site.node, near) and not _is_less_one(site.parent):
        new = binary(site.node, "-", ast.Constant(1))
        yield Proposal(new, "{} should be {}: the sum is divided by one less", (site.node, new), 0.2)


def _is_a_size(node: ast.expr, near: Surroundings) -> bool:
    return (isinstance(node, ast.Name) and node.id == near.batch) or isinstance(node, ast.Subscript)


def _is_less_one(node: ast.expr | None) -> bool:
    found = operands(node) if node is not None else None
    return found is not None and found[0] == "-" and ast.unparse(found[2]) == "1"
