"""Operators of ONNX that one of our nodes is, as it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from chainrule.core.node import Node
from chainrule.interop.onnx_rules import RULES
from chainrule.interop.onnx_translation import Operands, UnsupportedError
from chainrule.nodes.arithmetic import Where
from chainrule.nodes.conditions import (
    And,
    Equal,
    Greater,
    GreaterEqual,
    IsInfinite,
    IsNaN,
    Less,
    LessEqual,
    Not,
    Or,
    Xor,
)
from chainrule.nodes.elementwise import Abs, Erf
from chainrule.nodes.linear import Einsum
from chainrule.nodes.rearranging import Index, ScatterAdd
from chainrule.nodes.reductions import ArgMax, ArgMin
from chainrule.nodes.running import CumSum, Prod
from chainrule.nodes.sorting import ArgSort, TakeAlong
from chainrule.nodes.stepwise import Ceil, Floor, Mod, Round, Sign
from chainrule.nodes.transcendental import ArcCos, ArcSin, ArcTan


def _one(kind: Callable[..., Node]) -> Callable[[Operands], Any]:
    return lambda s: kind(s[0])


def _two(kind: Callable[..., Node]) -> Callable[[Operands], Any]:
    return lambda s: kind(s[0], s[1])


def _sum_so_far(s: Operands) -> Any:
    if s.attribute("exclusive", 0) or s.attribute("reverse", 0) or s.whole(0):
        raise UnsupportedError("sums so far of whole numbers, backwards, or without the entry itself")
    return CumSum(s[0], axis=int(s.fact(1)))


def _gather_elements(s: Operands) -> Any:
    if s.inputs[1].known is not None:
        return RULES["GatherElements"](s)
    axis = s.axis(0)
    if any(a != b for k, (a, b) in enumerate(zip(s.shape(0), s.shape(1), strict=True)) if k != axis):
        raise UnsupportedError("entries picked along an axis, of other sizes beside it")
    return TakeAlong(s[0], s[1], axis=axis)


def _position(kind: Callable[..., Node]) -> Callable[[Operands], Any]:
    def rule(s: Operands) -> Any:
        if s.attribute("select_last_index", 0):
            raise UnsupportedError("the last of several largest entries")
        return kind(s[0], axis=s.axis(0), keepdims=bool(s.attribute("keepdims", 1)))

    return rule


def _product(s: Operands) -> Any:
    axes = s.facts(1, "axes", None)
    if s.whole(0) or s.attribute("noop_with_empty_axes", 0):
        raise UnsupportedError("products of whole numbers, or of nothing")
    return Prod(s[0], axis=axes or None, keepdims=bool(s.attribute("keepdims", 1)))


def _einsum(s: Operands) -> Any:
    equation = s.attribute("equation").replace(" ", "")
    if "..." in equation or any(len(set(part)) < len(part) for part in equation.partition("->")[0].split(",")):
        raise UnsupportedError("einsum with dots, or with one letter twice in an operand")
    return Einsum(*s, subscripts=equation)


def _infinite(s: Operands) -> Any:
    if not (s.attribute("detect_positive", 1) and s.attribute("detect_negative", 1)):
        raise UnsupportedError("infinities of one sign")
    return IsInfinite(s[0])


def _remainder(s: Operands) -> Any:
    if not s.attribute("fmod", 0):
        return Mod(s[0], s[1])
    size = Abs(s[1])  # the remainder has the sign of what is divided
    return Where(s[0] < 0, -Mod(-s[0], size), Mod(s[0], size))


def _largest(s: Operands) -> Any:
    """The largest or smallest entries in their order, and where they stand."""
    if s.whole(0):
        raise UnsupportedError("the largest of whole numbers")
    axis = s.axis(-1)
    (count,) = s.facts(1, "k")
    order = ArgSort(-s[0] if s.attribute("largest", 1) else s[0], axis=axis)
    places = Index(order, key=(*(slice(None),) * axis, slice(count)))
    return TakeAlong(s[0], places, axis=axis), places


def _added_at(s: Operands) -> Any:
    if len(s.shape()) != 1 or s.attribute("reduction", "none") != "add":
        raise UnsupportedError("entries that are put in place of others, or added along one of several axes")
    places = np.astype(s[1], int) if s[1].dtype.kind == "f" else s[1]
    return ScatterAdd(s[0], places, s[2], axis=0)


def _constant_of_shape(s: Operands) -> Any:
    raise UnsupportedError("an array whose shape the graph would have to compute")


FURTHER_RULES: Final[Mapping[str, Callable[[Operands], Any]]] = {
    "Acos": _one(ArcCos),
    "And": _two(And),
    "ArgMax": _position(ArgMax),
    "ArgMin": _position(ArgMin),
    "Asin": _one(ArcSin),
    "Atan": _one(ArcTan),
    "Ceil": _one(Ceil),
    "ConstantOfShape": _constant_of_shape,
    "CumSum": _sum_so_far,
    "Einsum": _einsum,
    "Equal": _two(Equal),
    "Erf": _one(Erf),
    "Floor": _one(Floor),
    "GatherElements": _gather_elements,
    "Greater": _two(Greater),
    "GreaterOrEqual": _two(GreaterEqual),
    "IsInf": _infinite,
    "IsNaN": _one(IsNaN),
    "Less": _two(Less),
    "LessOrEqual": _two(LessEqual),
    "Mod": _remainder,
    "Not": _one(Not),
    "Or": _two(Or),
    "ReduceProd": _product,
    "Round": _one(Round),
    "ScatterElements": _added_at,
    "Sign": _one(Sign),
    "TopK": _largest,
    "Xor": _two(Xor),
}
