"""What each operation of PyTorch's exported programs is in nodes: one row for each, by its name without ``aten.``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from chainrule.core.node import Node
from chainrule.errors import ArgumentError
from chainrule.interop import aten_arrays as arrays
from chainrule.interop import aten_layers as layers
from chainrule.nodes import arithmetic, conditions, elementwise, further_activations, stepwise, transcendental
from chainrule.nodes.rearranging import AsType
from chainrule.nodes.reductions import LogSoftmax, Softmax

Builder: TypeAlias = Callable[..., Any]


def _entrywise(kind: Callable[..., Node]) -> Builder:
    """A function of entries, whose operands are all that PyTorch hands over."""
    return lambda *operands, **_: kind(*operands)


def _scaled(kind: Callable[..., Node]) -> Builder:
    """A sum or a difference, of which the second operand may be taken times a number."""

    def build(x: Any, y: Any, alpha: Any = 1) -> Node:
        return kind(x, y if alpha == 1 else arithmetic.Multiply(y, alpha))

    return build


def _along(kind: Callable[..., Node]) -> Builder:
    """A function of rows along one axis."""
    return lambda x, dim, *_, **__: kind(x, axis=dim)


def _gelu(x: Any, approximate: str = "none") -> Node:
    if approximate == "none":
        return elementwise.GELU(x)
    cube = arithmetic.Multiply(arithmetic.Power(x, 3), 0.044715)
    inner = elementwise.Tanh(arithmetic.Multiply(arithmetic.Add(x, cube), 0.7978845608028654))  # √(2/π)
    return arithmetic.Multiply(arithmetic.Multiply(x, 0.5), arithmetic.Add(inner, 1))


def _elu(x: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Node:
    inner = x if input_scale == 1 else arithmetic.Multiply(x, input_scale)
    if input_scale == 1:
        y: Node = further_activations.ELU(inner, alpha=float(alpha))
    else:
        below = arithmetic.Multiply(transcendental.Expm1(inner), alpha)
        y = arithmetic.Where(conditions.Greater(x, 0), x, below)
    return y if scale == 1 else arithmetic.Multiply(y, scale)


def _softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Node:
    """Exact where PyTorch takes x itself beyond the threshold, which is 2e-9 too little."""
    if beta == 1:
        return elementwise.Softplus(x)
    return arithmetic.Divide(elementwise.Softplus(arithmetic.Multiply(x, beta)), beta)


def _clip(x: Any, low: Any = None, high: Any = None) -> Node:
    if isinstance(low, Node) or isinstance(high, Node):
        least = x if low is None else arithmetic.Maximum(x, low)
        return least if high is None else arithmetic.Minimum(least, high)
    infinite = float("inf")
    return elementwise.Clip(x, low=-infinite if low is None else low, high=infinite if high is None else high)


def _divide(x: Any, y: Any, rounding_mode: str | None = None) -> Node:
    if rounding_mode == "trunc":
        raise ArgumentError("a division rounded towards 0 has no node", remedy='rounding_mode="floor"')
    quotient = arithmetic.Divide(x, y)
    return quotient if rounding_mode is None else stepwise.Floor(quotient)


def _same(x: Any, *_: Any, **__: Any) -> Any:
    return x


def _converted(x: Any, *arguments: Any, dtype: Any = None, **_: Any) -> Any:
    kind = dtype or next((one for one in arguments if one in (float, int, bool)), None)
    return x if kind is None or x.dtype.kind == {float: "f", int: "i", bool: "b"}[kind] else AsType(x, to=kind)


ENTRYWISE: Final[Mapping[str, Callable[..., Node]]] = {
    "abs": elementwise.Abs, "acos": transcendental.ArcCos, "acosh": transcendental.ArcCosh,
    "asin": transcendental.ArcSin, "asinh": transcendental.ArcSinh, "atan": transcendental.ArcTan,
    "atanh": transcendental.ArcTanh, "ceil": stepwise.Ceil, "cos": elementwise.Cos, "cosh": transcendental.Cosh,
    "erf": elementwise.Erf, "exp": elementwise.Exp, "expm1": transcendental.Expm1, "floor": stepwise.Floor,
    "isfinite": conditions.IsFinite, "isinf": conditions.IsInfinite, "isnan": conditions.IsNaN,
    "log": elementwise.Log, "log1p": transcendental.Log1p, "maximum": arithmetic.Maximum,
    "minimum": arithmetic.Minimum, "mul": arithmetic.Multiply, "neg": arithmetic.Negate, "pow": arithmetic.Power,
    "relu": elementwise.ReLU, "remainder": stepwise.Mod, "round": stepwise.Round, "sigmoid": elementwise.Sigmoid,
    "sign": stepwise.Sign, "silu": further_activations.SiLU, "sin": elementwise.Sin, "sinh": transcendental.Sinh,
    "sqrt": elementwise.Sqrt, "square": elementwise.Square, "tan": transcendental.Tan, "tanh": elementwise.Tanh,
    "eq": conditions.Equal, "ge": conditions.GreaterEqual, "gt": conditions.Greater, "le": conditions.LessEqual,
    "lt": conditions.Less, "ne": conditions.NotEqual, "logical_and": conditions.And, "logical_not": conditions.Not,
    "logical_or": conditions.Or, "logical_xor": conditions.Xor, "bitwise_and": conditions.And,
    "bitwise_not": conditions.Not, "bitwise_or": conditions.Or, "bitwise_xor": conditions.Xor,
    "where": arithmetic.Where, "detach": stepwise.StopGradient, "max.other": arithmetic.Maximum,
    "min.other": arithmetic.Minimum,
}  # fmt: skip

ATEN: Final[Mapping[str, Builder]] = {
    **{name: _entrywise(kind) for name, kind in ENTRYWISE.items()},
    **arrays.ROWS,
    **layers.ROWS,
    **dict.fromkeys(("alias", "clone", "contiguous", "lift_fresh_copy", "lift_fresh"), _same),
    **dict.fromkeys(("to", "_to_copy", "type_as"), _converted),
    "add": _scaled(arithmetic.Add),
    "sub": _scaled(arithmetic.Subtract),
    "rsub": lambda x, y, alpha=1: _scaled(arithmetic.Subtract)(y, x, alpha),
    "div": _divide,
    "rsqrt": lambda x: arithmetic.Divide(1, elementwise.Sqrt(x)),
    "reciprocal": lambda x: arithmetic.Divide(1, x),
    "erfc": lambda x: arithmetic.Subtract(1, elementwise.Erf(x)),
    "clamp": _clip,
    "clamp_min": _clip,
    "clamp_max": lambda x, high: _clip(x, None, high),
    "hardtanh": lambda x, low=-1.0, high=1.0: _clip(x, low, high),
    "relu6": lambda x: _clip(x, 0.0, 6.0),
    "leaky_relu": lambda x, slope=0.01: elementwise.LeakyReLU(x, slope=float(slope)),
    "elu": _elu,
    "gelu": _gelu,
    "softplus": _softplus,
    "log_sigmoid": lambda x: arithmetic.Negate(elementwise.Softplus(arithmetic.Negate(x))),
    "softmax": _along(Softmax),
    "log_softmax": _along(LogSoftmax),
    "_softmax": _along(Softmax),
    "_log_softmax": _along(LogSoftmax),
}
"""The builders of nodes, by the name of an operation, or by that and its overload where it has several forms."""

LEFT_OUT: Final[Sequence[str]] = ("_assert_tensor_metadata", "_assert_scalar", "sym_constrain_range_for_size")
"""What checks a program and computes nothing."""


def builder(target: str, own: Mapping[str, Builder]) -> Builder | None:
    """The builder for a target such as ``aten.linear.default``, the user's first; None where there is none."""
    name = target.removeprefix("aten.")
    spellings = (target, name, target.rpartition(".")[0], name.rpartition(".")[0])
    found = (table.get(spelling) for table in (own, ATEN) for spelling in spellings)
    return next((one for one in found if one is not None), None)
