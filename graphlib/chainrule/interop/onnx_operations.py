"""The operators of ONNX that compute an operation; those without a row here are opened into others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.interop.onnx_values import Model, Tensor, shape_of, writes
from chainrule.symbols import elementary, standardizing
from chainrule.symbols.operations import number
from chainrule.symbols.shapes import normal_axes
from chainrule.symbols.symbol import Value


def tensor(model: Model, x: Any, dtype: Any = None) -> Any:
    """An operand as a Tensor, in a dtype."""
    made = x if isinstance(x, Tensor) else model.number(x, dtype)
    return made if dtype is None else made.astype(dtype)


def together(model: Model, *operands: Any, floating: bool = False) -> list[Any]:
    """Operands in one dtype: NumPy's for those that are Tensors; numbers and sizes follow."""
    dtypes = [x.dtype for x in operands if isinstance(x, (Tensor, np.ndarray, np.generic))]
    loose = [np.dtype(float) for x in operands if isinstance(x, float) and dtypes and dtypes[0].kind in "iub"]
    common = np.result_type(*dtypes, *loose) if dtypes else model.dtype
    common = model.dtype if common.kind == "f" or floating else common
    return [tensor(model, x, common) for x in operands]


# --- entry by entry


def _plain(function: Any, kind: str) -> None:
    @writes(function)
    def write(model: Model, x: Any) -> Any:
        (x,) = together(model, x, floating=True)
        return model.node(kind, x, shape=x.shape)


_function: Any
for _function, _kind in (
    (np.exp, "Exp"), (np.log, "Log"), (np.sqrt, "Sqrt"), (np.sin, "Sin"), (np.cos, "Cos"), (np.tanh, "Tanh"),
    (np.floor, "Floor"), (np.ceil, "Ceil"), (np.rint, "Round"), (np.reciprocal, "Reciprocal"),
):  # fmt: skip
    _plain(_function, _kind)


@writes(np.negative)
def _negative(model: Model, x: Any) -> Any:
    x = tensor(model, x)
    return model.node("Neg", x, shape=x.shape)


@writes(np.absolute, np.fabs)
def _absolute(model: Model, x: Any) -> Any:
    x = tensor(model, x)
    return x if x.dtype.kind in "bu" else model.node("Abs", x, shape=x.shape)


@writes(np.sign)
def _sign(model: Model, x: Any) -> Any:
    (x,) = together(model, x, floating=True)
    return np.where(np.isnan(x), x, model.node("Sign", x, shape=x.shape))


@writes(np.iscomplexobj)
def _is_complex(model: Model, x: Any) -> bool:
    return False


@writes(np.positive, np.real, np.copy)
def _same(model: Model, x: Any) -> Any:
    return x


def _pair(function: Any, kind: str, floating: bool = False) -> None:
    @writes(function)
    def write(model: Model, x: Any, y: Any) -> Any:
        if kind == "Mul" and {np.dtype(bool)} == {getattr(a, "dtype", None) for a in (x, y)}:
            return np.logical_and(x, y)
        x, y = together(model, x, y, floating=floating)
        return model.node(kind, x, y, shape=shape_of(function, x, y))


for _function, _kind in ((np.add, "Add"), (np.subtract, "Sub"), (np.multiply, "Mul")):
    _pair(_function, _kind)
for _function, _kind in ((np.divide, "Div"), (np.power, "Pow")):
    _pair(_function, _kind, floating=True)


def _extreme(function: Any, kind: str) -> None:
    @writes(function)
    def write(model: Model, x: Any, y: Any) -> Any:
        x, y = together(model, x, y)
        found = model.node(kind, x, y, shape=shape_of(function, x, y))
        return found if x.dtype.kind != "f" else np.where(np.isnan(x) | np.isnan(y), x + y, found)


for _function, _kind in ((np.maximum, "Max"), (np.minimum, "Min")):
    _extreme(_function, _kind)


@writes(np.remainder)
def _remainder(model: Model, x: Any, y: Any) -> Any:
    x, y = together(model, x, y)
    if x.dtype.kind != "f":
        return model.node("Mod", x, y, shape=shape_of(np.remainder, x, y))
    rest = model.node("Mod", x, y, shape=shape_of(np.remainder, x, y), fmod=1)  # of the sign of x
    return np.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)


@writes(np.square)
def _square(model: Model, x: Any) -> Any:
    return x * x


def _compares(function: Any, kind: str) -> None:
    @writes(function)
    def write(model: Model, x: Any, y: Any) -> Any:
        x, y = together(model, x, y)
        if x.dtype.kind == "b" and kind != "Equal":
            x, y = x.astype(np.int64), y.astype(np.int64)
        return model.node(kind, x, y, shape=shape_of(function, x, y), dtype=bool)


for _function, _kind in (
    (np.equal, "Equal"), (np.less, "Less"), (np.greater, "Greater"), (np.less_equal, "LessOrEqual"),
    (np.greater_equal, "GreaterOrEqual"),
):  # fmt: skip
    _compares(_function, _kind)


@writes(np.not_equal)
def _not_equal(model: Model, x: Any, y: Any) -> Any:
    return np.logical_not(x == y)


def _logical(function: Any, kind: str) -> None:
    @writes(function)
    def write(model: Model, x: Any, y: Any) -> Any:
        x, y = tensor(model, x, bool), tensor(model, y, bool)
        return model.node(kind, x, y, shape=shape_of(np.logical_and, x, y))


for _function, _kind in (
    (np.logical_and, "And"), (np.logical_or, "Or"), (np.logical_xor, "Xor"), (np.bitwise_and, "And"),
    (np.bitwise_or, "Or"), (np.bitwise_xor, "Xor"),
):  # fmt: skip
    _logical(_function, _kind)


@writes(np.logical_not, np.invert)
def _not(model: Model, x: Any) -> Any:
    x = tensor(model, x, bool)
    return model.node("Not", x, shape=x.shape)


@writes(np.isnan)
def _isnan(model: Model, x: Any) -> Any:
    x = tensor(model, x, model.dtype)
    return model.node("IsNaN", x, shape=x.shape, dtype=bool)


@writes(np.isinf)
def _isinf(model: Model, x: Any) -> Any:
    x = tensor(model, x, model.dtype)
    return model.node("IsInf", x, shape=x.shape, dtype=bool)


@writes(np.isfinite)
def _isfinite(model: Model, x: Any) -> Any:
    return np.logical_not(np.isnan(x) | np.isinf(x))


@writes(np.where)
def _where(model: Model, condition: Any, x: Any, y: Any) -> Any:
    condition = tensor(model, condition, bool)
    x, y = together(model, x, y)
    if x.dtype.kind == "b":  # onnxruntime chooses between numbers alone
        return (condition & x) | (np.logical_not(condition) & y)
    return model.node("Where", condition, x, y, shape=shape_of(np.where, condition, x, y), dtype=x.dtype)


@writes(np.clip)
def _clip(model: Model, x: Any, a_min: Any = None, a_max: Any = None) -> Any:
    x = x if a_min is None else np.maximum(x, a_min)
    return x if a_max is None else np.minimum(x, a_max)


@writes(np.astype)
def _astype(model: Model, x: Any, dtype: Any) -> Any:
    x = tensor(model, x)
    if x.dtype.kind == "f" and np.dtype(dtype).kind == "b":
        return x != 0
    return x.astype(dtype)


# Forms that keep their digits, of functions that ONNX lacks, or onnxruntime for numbers of 64 bits.


@writes(np.log1p)
def _log1p(model: Model, x: Any) -> Any:
    """As W. Kahan has it: what 1 + x has lost comes back by the slope."""
    u = 1 + x
    return np.where(u == 1, x, np.where(np.isinf(u), u, np.log(u) * (x / np.where(u == 1, 1, u - 1))))


@writes(np.expm1)
def _expm1(model: Model, x: Any) -> Any:
    u = np.exp(x)
    near = np.where((u == 1) | (x < -40) | np.isinf(u), 0.5, u)
    inside = (near - 1) * (x / np.log(near))
    return np.where(u == 1, x, np.where((x < -40) | np.isinf(u), u - 1, inside))


@writes(np.sinh)
def _sinh(model: Model, x: Any) -> Any:
    u = np.expm1(np.absolute(x))
    return np.sign(x) * np.where(np.isinf(u), u, (u + u / (u + 1)) / 2)


@writes(np.cosh)
def _cosh(model: Model, x: Any) -> Any:
    return (np.exp(x) + np.exp(-x)) / 2


@writes(np.tan)
def _tan(model: Model, x: Any) -> Any:
    return np.sin(x) / np.cos(x)


@writes(np.arcsinh)
def _arcsinh(model: Model, x: Any) -> Any:
    size = np.absolute(x)
    return np.sign(x) * np.log1p(size + size * size / (1 + np.sqrt(size * size + 1)))


@writes(np.arccosh)
def _arccosh(model: Model, x: Any) -> Any:
    above = x - 1
    return np.log1p(above + np.sqrt(2 * above + above * above))


@writes(np.arctanh)
def _arctanh(model: Model, x: Any) -> Any:
    return np.sign(x) * np.log1p(2 * np.absolute(x) / (1 - np.absolute(x))) / 2


def _angle(model: Model, kind: str, x: Any) -> Any:
    """The angle in 32 bits, its sine and its cosine; what is missing is so small that it equals its tangent."""
    about = model.node(kind, x.astype(np.float32), shape=x.shape).astype(model.dtype)
    return about, np.sin(about), np.cos(about)


@writes(np.arctan)
def _arctan(model: Model, x: Any) -> Any:
    large = np.absolute(x) > 1
    inside = np.where(large, 1 / np.where(large, x, 1), x)
    about, s, c = _angle(model, "Atan", inside)
    angle = about + (inside * c - s) / (c + inside * s)
    return np.where(large, np.sign(x) * (math.pi / 2) - angle, angle)


@writes(np.arcsin)
def _arcsin(model: Model, x: Any) -> Any:
    about, s, c = _angle(model, "Asin", x)
    other = np.sqrt((1 - x) * (1 + x))
    return about + (x * c - other * s) / (other * c + x * s)


@writes(np.arccos)
def _arccos(model: Model, x: Any) -> Any:
    about, s, c = _angle(model, "Acos", x)
    other = np.sqrt((1 - x) * (1 + x))
    return about + (other * c - x * s) / (x * c + other * s)


def _integral(model: Model, x: Any, of: Any, end: float) -> Any:
    """The integral of a function of x and s over s from 0 to an end, by Gauss and Legendre."""
    places, weights = np.polynomial.legendre.leggauss(100)
    s, w = (places + 1) * end / 2, weights * end / 2
    return np.matmul(of(np.expand_dims(x, -1), model.constant(s, model.dtype)), model.constant(w, model.dtype))


def _erfc(model: Model, x: Any) -> Any:
    """2/√π ∫ exp(-(x + s)²) ds for x that is not negative: exp(-x²) stands before it, for digits."""
    near = np.minimum(x, 27.5)
    whole = _integral(model, near, lambda x, s: np.exp(-s * (s + 2 * x)), 6.0)
    return 2 / math.sqrt(math.pi) * np.exp(-near * near) * whole * (x <= 27.5)


@writes(elementary.erf)
def _erf(model: Model, x: Any) -> Any:
    size = np.absolute(x)
    near = _integral(model, np.minimum(size, 1), lambda x, t: np.exp(-(x * t) * (x * t)), 1.0)
    inside = 2 / math.sqrt(math.pi) * x * near
    return np.where(size < 1, inside, np.sign(x) * (1 - _erfc(model, size)))


@writes(elementary.normal_cdf)
def _normal_cdf(model: Model, x: Any) -> Any:
    tail = _erfc(model, np.absolute(x) * math.sqrt(0.5)) / 2
    return np.where(x < 0, tail, 1 - tail)


# --- along axes


def _reduces(function: Any, kind: str) -> None:
    @writes(function)
    def write(model: Model, x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
        x = tensor(model, x)
        x = x.astype(np.int64) if x.dtype.kind == "b" else x
        axes = normal_axes(range(x.ndim) if axis is None else axis, x.ndim)
        if not axes:
            return x
        shape = shape_of(np.sum, x, axis, keepdims)
        found = model.node(kind, x, model.whole(*axes), shape=shape, keepdims=int(keepdims))
        if kind not in ("ReduceMax", "ReduceMin") or x.dtype.kind != "f":
            return found
        return np.where(np.isnan(x).sum(axis=axes, keepdims=keepdims) > 0, np.nan, found)


for _function, _kind in (
    (np.sum, "ReduceSum"), (np.prod, "ReduceProd"), (np.max, "ReduceMax"), (np.min, "ReduceMin"),
    (np.mean, "ReduceMean"),
):  # fmt: skip
    _reduces(_function, _kind)


@writes(np.any)
def _any(model: Model, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.sum(tensor(model, x, bool).astype(np.int64), axis=axis, keepdims=keepdims) > 0


@writes(np.all)
def _all(model: Model, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.logical_not(np.any(np.logical_not(x), axis=axis, keepdims=keepdims))


@writes(np.var)
def _var(model: Model, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.mean(np.square(x - np.mean(x, axis=axis, keepdims=True)), axis=axis, keepdims=keepdims)


@writes(np.std)
def _std(model: Model, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.sqrt(np.var(x, axis=axis, keepdims=keepdims))


def _position(function: Any, kind: str) -> None:
    @writes(function)
    def write(model: Model, x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        shape = shape_of(function, x, axis, keepdims=keepdims)
        if axis is None:
            x, axis = np.reshape(x, (-1,)), 0
            flat = model.node(kind, x, shape=(), dtype=np.int64, axis=0, keepdims=0)
            return np.reshape(flat, shape)
        return model.node(kind, x, shape=shape, dtype=np.int64, axis=int(axis), keepdims=int(keepdims))


_position(np.argmax, "ArgMax")
_position(np.argmin, "ArgMin")


@writes(np.cumsum)
def _cumsum(model: Model, x: Any, axis: Any = None) -> Any:
    (x,) = together(model, x, floating=True)
    x, axis = (np.ravel(x), 0) if axis is None else (x, axis)
    return model.node("CumSum", x, model.constant(np.int64(axis)), shape=x.shape)


def _sorted(model: Model, x: Any, axis: Any, output: int) -> Any:
    x, axis = (np.ravel(x), 0) if axis is None else (x, axis % x.ndim)
    count = model.size(x.shape[axis])
    found = model.node("TopK", x, count, shape=x.shape, axis=axis, largest=0, sorted=1)
    places = model.fresh(f"{found.name}_places")
    model.nodes[-1].output.append(places)
    return (found, Tensor(model, places, x.shape, np.int64))[output]


@writes(np.sort)
def _sort(model: Model, x: Any, axis: Any = -1, *, stable: Any = None) -> Any:
    return _sorted(model, x, axis, 0)


@writes(np.argsort)
def _argsort(model: Model, x: Any, axis: Any = -1, *, stable: Any = None) -> Any:
    return _sorted(model, x, axis, 1)


def counted(model: Model, size: Any) -> Any:
    """0, 1, 2 ... below a size."""
    end = np.reshape(model.size(size), ())
    return model.node("Range", model.constant(np.int64(0)), end, model.constant(np.int64(1)), shape=(size,))


def _last(x: Any, axis: int) -> Any:
    return np.moveaxis(x, axis, -1)


def _chosen_products(model: Model, x: Any, which: Any) -> Any:
    """For each entry on the last axis the product of those that ``which`` tells from two places."""
    k = counted(model, x.shape[-1])
    mask = which(np.expand_dims(k, 1), np.expand_dims(k, 0))
    return np.prod(np.where(mask, np.expand_dims(x, -2), 1.0), axis=-1)


@writes(np.cumprod)
def _cumprod(model: Model, x: Any, axis: Any = None) -> Any:
    x, axis = (np.ravel(x), 0) if axis is None else (x, axis)
    return np.moveaxis(_chosen_products(model, _last(x, axis), lambda j, i: i <= j), -1, axis)


@writes(elementary.product_of_others)
def _product_of_others(model: Model, x: Value, axis: Any = None) -> Any:
    if axis is None:
        return np.reshape(_chosen_products(model, np.ravel(x), lambda j, i: i != j), x.shape)
    if isinstance(axis, tuple):
        flat = elementary._flat(x, axis)
        return elementary._unflat(_chosen_products(model, flat, lambda j, i: i != j), x, axis)
    return np.moveaxis(_chosen_products(model, _last(x, axis), lambda j, i: i != j), -1, axis)


@writes(elementary.cumprod_slope)
def _cumprod_slope(model: Model, grad: Value, x: Value, axis: int = -1) -> Any:
    """Σ over k ≥ j of gradₖ times the product of the entries up to k without j."""
    grad, x = _last(grad, axis), _last(x, axis)
    n = counted(model, x.shape[-1])
    j, k, i = np.reshape(n, (-1, 1, 1)), np.reshape(n, (1, -1, 1)), np.reshape(n, (1, 1, -1))
    parts = np.where((i <= k) & (i != j), np.expand_dims(np.expand_dims(x, -2), -2), 1.0)
    counts = np.where(np.squeeze(j <= k, 2), np.prod(parts, axis=-1), 0.0)
    return np.moveaxis(np.sum(counts * np.expand_dims(grad, -2), axis=-1), -1, axis)


@writes(elementary.carried)
def _carried(model: Model, x: Value, factors: Value, axis: int = -1) -> Any:
    """Σ over j ≤ k of xⱼ times the factors behind j up to k."""
    x, factors = _last(x, axis), _last(factors, axis)
    n = counted(model, x.shape[-1])
    k, j, i = np.reshape(n, (-1, 1, 1)), np.reshape(n, (1, -1, 1)), np.reshape(n, (1, 1, -1))
    parts = np.where((i > j) & (i <= k), np.expand_dims(np.expand_dims(factors, -2), -2), 1.0)
    counts = np.where(np.squeeze(j <= k, 2), np.prod(parts, axis=-1), 0.0)
    return np.moveaxis(np.sum(counts * np.expand_dims(x, -2), axis=-1), -1, axis)


@writes(elementary.softmax_rest)
def _softmax_rest(model: Model, x: Value, axis: Any = None) -> Any:
    p = elementary._flat(elementary.softmax(x, axis=axis), axis)
    last = model.constant(np.int64(p.ndim - 1))
    before, after = (model.node("CumSum", p, last, shape=p.shape, exclusive=1, reverse=r) for r in (0, 1))
    return elementary._unflat(before + after, x, axis)


@writes(standardizing.masked_softmax)
def _masked_softmax(model: Model, x: Value, mask: Value, axis: Any = None) -> Any:
    held = np.broadcast_to(mask != 0, shape_of(np.add, x, mask))
    some = np.any(held, axis=axis, keepdims=True)
    return np.where(held, elementary.softmax(np.where(held | np.logical_not(some), x, -np.inf), axis=axis), 0.0)


@writes(np.put_along_axis)
def _put_along_axis(model: Model, array: Any, indices: Any, values: Any, axis: int) -> None:
    """The last axis, at one place in every row: what takes the largest entry out of a sum."""
    array.becomes(np.where(counted(model, array.shape[axis]) == indices, values, array))


# --- products


@writes(np.matmul, np.dot)
def _matmul(model: Model, x: Any, y: Any) -> Any:
    x, y = together(model, x, y)
    if not x.ndim or not y.ndim:
        return x * y
    return model.node("MatMul", x, y, shape=shape_of(np.matmul, x, y))


@writes(np.outer)
def _outer(model: Model, x: Any, y: Any) -> Any:
    return np.reshape(x, (-1, 1)) * np.reshape(y, (1, -1))


@writes(np.einsum)
def _einsum(model: Model, subscripts: str, *operands: Any) -> Any:
    tensors = together(model, *operands)
    shape = shape_of(np.einsum, subscripts, *tensors)
    return model.node("Einsum", *tensors, shape=shape, equation=subscripts)


@writes(number)
def _number(model: Model, size: Any, dtype: Any = None) -> Any:
    return model.number(size, model.dtype if dtype is None or np.dtype(dtype).kind == "f" else dtype)
