"""Repairs of signs, operators, numbers and functions."""

from __future__ import annotations

import ast

from chainrule.judging.reading.forms import is_negative
from chainrule.judging.repairs.change import Proposal, Proposals, Site, Surroundings
from chainrule.judging.repairs.expressions import (
    LOAD,
    binary,
    is_number,
    is_product_part,
    named,
    negative,
    number,
    operands,
)
from chainrule.judging.repairs.tree import called, copied, is_method


def sign_wrong(site: Site, near: Surroundings) -> Proposals:
    """Put a minus in front of a part, take one away, or turn + into - and - into +."""
    found = operands(site.node)
    if found is not None and found[0] in "+-":
        sign, a, b = found
        other = "-" if sign == "+" else "+"
        yield Proposal(binary(a, other, b), f"{sign} should be {other} in front of {{}}", (b,))
    if is_negative(site.node):
        inner = site.node.operand  # type: ignore[attr-defined]  # a sign
        yield Proposal(inner, "the minus in front of {} is one too many", (inner,))
    elif not is_number(site.node) and not is_product_part(site):
        yield Proposal(negative(site.node), "the sign is wrong: {} needs a minus", (site.node,))


def operator_wrong(site: Site, near: Surroundings) -> Proposals:
    """Put another operator between two operands: / for *, + for *, and so on."""
    found = operands(site.node)
    if found is None:
        return
    sign, a, b = found
    for other in "*/+-":
        if other != sign and {sign, other} not in ({"+", "-"}, {"*", "@"}):
            yield Proposal(
                binary(a, other, b),
                f"{sign} should be {other} between {{}} and {{}}",
                (a, b),
                0.0 if {sign, other} == {"*", "/"} else 0.4,
            )


_LARGEST_MISTAKEN = 1e6  # nobody is wrong by one about a larger number, and it may have no square


def number_wrong(site: Site, near: Surroundings) -> Proposals:
    """Put another number for a number, or the number of examples."""
    if not is_number(site.node):
        return
    given = site.node.value  # type: ignore[attr-defined]  # a number
    if abs(given) > _LARGEST_MISTAKEN:
        return
    if isinstance(site.parent, ast.Compare) and given != 0:
        yield Proposal(number(0), f"the number {given} should be 0")
    for value, word in near.numbers.items():
        if value != given:
            told = (
                f"the {word} is {given}, it should be {{}}"
                if word != "number"
                else f"the number {given} should be {{}}"
            )
            yield Proposal(number(value), told, (number(value),), -0.3)  # one square or root away may be another number
    for value in dict.fromkeys(map(_short, (given + 1, given - 1, -given, 2 * given, given / 2, given**2))):
        if value != given and value not in near.numbers:
            new = number(value)
            yield Proposal(new, f"the number {given} should be {{}}", (new,))
    if near.batch is not None:
        yield Proposal(named(near.batch), f"the number {given} should be {near.batch}", (), 0.2)


def _short(value: float) -> float:
    """A number without the digits that rounding has given it; whole ones stay as they are."""
    return value if float(value).is_integer() else float(f"{value:.12g}")


def constant_factor(site: Site, near: Surroundings) -> Proposals:
    """Multiply or divide a part by 2 or 3."""
    if not is_number(site.node) and not is_product_part(site):
        for value in (2, 3):
            yield Proposal(binary(number(value), "*", site.node), f"the factor {value} is missing")
            yield Proposal(binary(site.node, "/", number(value)), f"the division by {value} is missing")


def power_wrong(site: Site, near: Surroundings) -> Proposals:
    """Raise a power by 1, lower it by 1, take it away, or square a part."""
    found = operands(site.node)
    if found is not None and found[0] == "**" and is_number(found[2]):
        base, exponent = found[1], found[2].value  # type: ignore[attr-defined]  # a number
        yield Proposal(base, "the power of {} is one too many", (base,))
        for other in (exponent - 1, exponent + 1):
            yield Proposal(binary(base, "**", number(other)), f"the power {exponent} should be {other}")
    elif not is_number(site.node):
        yield Proposal(binary(site.node, "**", ast.Constant(2)), "{} has to be squared", (site.node,))
        yield Proposal(
            binary(site.node, "**", ast.Constant(3)), "{} has to stand to the third power", (site.node,), 0.3
        )


_COMPARISONS: dict[type[ast.cmpop], str] = {ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=", ast.Eq: "=="}


def comparison_turned(site: Site, near: Surroundings) -> Proposals:
    """Turn a comparison round."""
    if not isinstance(site.node, ast.Compare) or len(site.node.ops) != 1:
        return
    given = type(site.node.ops[0])
    for other, sign in _COMPARISONS.items():
        if given in _COMPARISONS and other is not given:
            same_way = sign[0] == _COMPARISONS[given][0]
            extra = (0.1 if same_way else 0.0) + (0.2 if other is ast.Eq else 0.0)
            yield Proposal(copied(site.node, ops=[other()]), f"{_COMPARISONS[given]} should be {sign}", (), extra)


_FUNCTIONS = ("exp", "log", "tanh", "sin", "cos", "sqrt", "abs", "sign", "square")
_OFFERED = ("exp", "log", "tanh", "sin", "cos", "sqrt", "square")  # abs and sign hide what others do to a sign


def function_wrong(site: Site, near: Surroundings) -> Proposals:
    """Call another function, none at all, or swap the two cases of np.where."""
    if not isinstance(site.node, ast.Call) or is_method(site.node):
        return
    name, arguments = called(site.node), site.node.args
    if name == "where" and len(arguments) == 3:
        yield Proposal(
            copied(site.node, args=[arguments[0], arguments[2], arguments[1]]), "the cases of np.where are swapped"
        )
    elif len(arguments) == 1 and not site.node.keywords and name in (*_FUNCTIONS, "sigmoid"):
        inner = arguments[0]
        if isinstance(inner, ast.Name) and near.made_by.get(inner.id) == name:
            yield Proposal(inner, f"{inner.id} is {name} already: {{}} is one too many", (site.node.func,), -0.6)
        else:
            yield Proposal(inner, f"{name} is one too many", (), -0.1)
        for other in _OFFERED:
            if other != name:
                function = ast.Attribute(named("np"), other, LOAD)
                yield Proposal(copied(site.node, func=function), f"{name} should be {other}")
        if name != "sigmoid":
            yield Proposal(copied(site.node, func=named("sigmoid")), f"{name} should be sigmoid")


def function_missing(site: Site, near: Surroundings) -> Proposals:
    """Apply an elementary function to a name."""
    if isinstance(site.node, ast.Name):
        for name in ("exp", "log", "sin", "cos", "tanh", "sqrt", "sign"):
            new = ast.Call(ast.Attribute(named("np"), name, LOAD), [site.node], [])
            yield Proposal(new, "{} should be {}", (site.node, new))
        activated = ast.Call(named("sigmoid"), [site.node], [])
        yield Proposal(activated, "{} should be {}", (site.node, activated), 0.1)
