"""Repairs of sums and means."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from chainrule.judging.repairs.change import Proposal, Proposals, Shape, Site, Surroundings
from chainrule.judging.repairs.expressions import LOAD, argument, is_product_part, named
from chainrule.judging.repairs.tree import called, copied, is_method

_AXES = (1, 0, None)


def sum_missing(site: Site, near: Surroundings) -> Proposals:
    """Sum a part over its columns, its rows or all of it, or over all axes along which the target is stretched."""
    shape = near.shape_of(site.node)
    if not shape or is_product_part(site):
        return
    if (found := _summed_to_target(site.node, near)) is not None:
        new, where = found
        yield Proposal(new, f"the sum of {{}} over {where} is missing", (site.node,))
    for axis in _AXES if len(shape) == 2 else (None,):
        where = {1: "over the columns", 0: "over the rows", None: "over all entries"}[axis]
        options = {} if axis is None else {"axis": axis, "keepdims": True}
        yield Proposal(_method_call(site.node, "sum", **options), f"the sum of {{}} {where} is missing", (site.node,))


def _summed_to_target(node: ast.expr, near: Surroundings) -> tuple[ast.expr, str] | None:
    """The sum of a part with three axes or more over those along which the target is stretched, and which they are."""
    shape, wanted = near.shape_of(node), near.shapes.get(near.target)
    if shape is None or wanted is None or len(shape) < 3 or len(shape) < len(wanted):
        return None
    front = tuple(range(len(shape) - len(wanted)))
    behind = tuple(k for k, (own, size) in enumerate(zip(shape[len(front) :], wanted, strict=True)) if size == 1 < own)
    summed = _method_call(node, "sum", axis=_one_or_all(front)) if front else node
    summed = _method_call(summed, "sum", axis=_one_or_all(behind), keepdims=True) if behind else summed
    axes = [*front, *(k + len(front) for k in behind)]
    if not axes or near.shape_of(summed) != wanted:
        return None
    named_axes = f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes[:-1]))} and {axes[-1]}"
    return summed, f"{named_axes}, along which {near.target} is stretched,"


def _one_or_all(axes: Shape) -> Any:
    return axes[0] if len(axes) == 1 else ast.Tuple([ast.Constant(axis) for axis in axes], LOAD)


def _method_call(node: ast.expr, name: str, **options: Any) -> ast.expr:
    return ast.Call(ast.Attribute(node, name, LOAD), [], _keywords(options))


def sum_extra(site: Site, near: Surroundings) -> Proposals:
    """Take a sum or a mean away."""
    if called(site.node) in ("sum", "mean") and (inner := argument(site.node)) is not None:
        yield Proposal(inner, f"the {called(site.node)} of {{}} is one too many", (inner,))


def sum_otherwise(site: Site, near: Surroundings) -> Proposals:
    """Sum over another axis, or keep the axis that is summed over, or let it go."""
    name = called(site.node)
    if name not in ("sum", "mean", "max", "min") or argument(site.node) is None:
        return
    assert isinstance(site.node, ast.Call)
    inner = argument(site.node)
    if name == "sum" and inner is not None and (found := _summed_to_target(inner, near)) is not None:
        new, where = found
        yield Proposal(new, f"the sum has to run over {where.rstrip(',')}")
    axis, keep = _sum_options(site.node)
    for new_axis in (axis, *(other for other in _AXES if other != axis)):
        for new_keep in (True, False):
            if (new_axis, new_keep) != (axis, keep):
                new = _with_options(site.node, new_axis, new_keep)
                yield Proposal(new, _options_text(name, axis != new_axis, new_axis, new_keep, keep))


def _sum_options(call: ast.Call) -> tuple[Any, bool]:
    given = {keyword.arg: _literal(keyword.value) for keyword in call.keywords}
    places = call.args if is_method(call) else call.args[1:]
    axis = _literal(places[0]) if places else given.get("axis")
    return axis, bool(given.get("keepdims"))


def _literal(node: ast.expr) -> Any:
    """What is written out, such as -1 or (0, 1); where it is computed, the expression itself."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return node


def _with_options(call: ast.Call, axis: Any, keep: bool) -> ast.expr:
    keywords = _keywords({"axis": axis, "keepdims": keep or None})
    return copied(call, args=[] if is_method(call) else call.args[:1], keywords=keywords)


def _keywords(options: Mapping[str, Any]) -> list[ast.keyword]:
    """Facts of a call, without those that are None."""
    facts = {key: value for key, value in options.items() if value is not None}
    return [ast.keyword(k, v if isinstance(v, ast.expr) else ast.Constant(v)) for k, v in facts.items()]


_RUNS_OVER = {1: "the columns, axis=1", 0: "the rows, axis=0", None: "all entries, without an axis"}


def _options_text(name: str, other_axis: bool, axis: Any, keep: bool, kept: bool) -> str:
    if not other_axis:
        return "keepdims=True is missing" if keep else "keepdims=True is one too many"
    keepdims = "" if keep == kept else ", with keepdims=True" if keep else ", without keepdims"
    return f"the {name} has to run over {_RUNS_OVER[axis]}{keepdims}"


def sum_for_mean(site: Site, near: Surroundings) -> Proposals:
    """Put a mean for a sum or a sum for a mean."""
    name = called(site.node)
    if name not in ("sum", "mean"):
        return
    assert isinstance(site.node, ast.Call)
    other = "mean" if name == "sum" else "sum"
    function = site.node.func
    new = named(other) if isinstance(function, ast.Name) else copied(function, attr=other)
    yield Proposal(copied(site.node, func=new), f"{name} should be {other}")
