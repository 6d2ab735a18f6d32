"""The functions of formulas that compute: entry by entry, along an axis, as products."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from chainrule.errors import FormulaError
from chainrule.judging.reading.operands import (
    LARGEST_WHOLE,
    Operand,
    as_array,
    as_axis,
    as_flag,
    as_floating,
    as_operand,
    exact,
    is_number,
    size_of,
    whole,
)
from chainrule.judging.reading.work import Function, Work
from chainrule.symbols import elementary
from chainrule.symbols.broadcasting import unbroadcast

# --- entry by entry ------------------------------------------------------------------------------------------------


def entrywise(ufunc: np.ufunc, steps: int) -> Function:
    """A function of NumPy that works entry by entry, on numbers as on arrays."""

    def one(work: Work, x: Operand) -> Any:
        x = as_operand(x)
        work(size_of(x), steps)
        return exact(ufunc(x)) if is_number(x) else ufunc(x)

    def two(work: Work, x: Operand, y: Operand) -> Any:
        x, y = as_operand(x), as_operand(y)
        if is_number(x) and is_number(y):
            return exact(ufunc(x, y))
        work(broadcast_size(x, y), steps)
        return ufunc(x, y)

    return one if ufunc.nin == 1 else two


def broadcast_size(*operands: Operand) -> int:
    """How many entries operands have that are broadcast to one shape."""
    shapes = {x.shape if isinstance(x, np.ndarray) else np.shape(x) for x in operands}
    shapes = shapes - {()} if len(shapes) > 1 else shapes  # a number broadcasts to any shape
    return math.prod(shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes))


# Steps per number: measured in nanoseconds on float64, rounded up.
_CHEAP: Final = (
    "add subtract multiply divide true_divide negative positive maximum minimum absolute abs fabs sign sqrt square"
    " reciprocal greater greater_equal less less_equal equal not_equal logical_and logical_or logical_not logical_xor"
    " bitwise_and bitwise_or bitwise_xor invert isnan isfinite isinf floor ceil rint trunc"
).split()
_COSTLY: Final = (
    "exp exp2 expm1 log log1p log2 log10 sin cos tan tanh sinh cosh arctan arcsin arccos logaddexp heaviside cbrt"
    " arctan2 hypot arcsinh arccosh arctanh fmax fmin"
).split()

ENTRYWISE: Mapping[str, Function] = MappingProxyType(
    {
        **{name: entrywise(getattr(np, name), 3) for name in _CHEAP},
        **{name: entrywise(getattr(np, name), 50) for name in _COSTLY},
    }
)
"""The functions of NumPy that work entry by entry, by name."""
maximum, multiply = ENTRYWISE["maximum"], ENTRYWISE["multiply"]


def power(work: Work, x: Operand, y: Operand, /) -> Any:
    """x**y, always in floats but for whole numbers that stay small: 9**9**9 is infinite, and at once."""
    x, y = as_operand(x), as_operand(y)
    if is_number(x) and is_number(y):
        result = np.power(float(x), float(y)).item()
        whole = isinstance(x, int) and isinstance(y, int) and y >= 0 and abs(result) <= LARGEST_WHOLE
        return int(result) if whole else result
    if is_number(y) and y == 2:
        return multiply(work, x, x)
    work(broadcast_size(x, y), 60)
    return np.power(float(x) if is_number(x) else as_floating(x), y)


def where(work: Work, condition: Operand, x: Operand, y: Operand) -> Any:
    """x where the condition holds, else y."""
    condition, x, y = as_operand(condition), as_operand(x), as_operand(y)
    work(broadcast_size(condition, x, y), 4)
    return np.where(condition, x, y)


def clip(work: Work, x: Operand, a_min: Operand, a_max: Operand) -> Any:
    """x held between two bounds."""
    bounds = [None if bound is None else as_operand(bound) for bound in (a_min, a_max)]
    x = as_array(x)
    work(broadcast_size(x, *(bound for bound in bounds if bound is not None)), 4)
    return np.clip(x, *bounds)


def elementary_function(function: Function) -> Function:
    """An elementary function of the engine, which takes arrays of floats; its facts stay as they are."""
    parameters = inspect.signature(function).parameters.values()
    operands = sum(parameter.default is parameter.empty for parameter in parameters)

    def call(work: Work, *args: Any, **options: Any) -> Any:
        arrays = _alike(args[:operands])
        work(broadcast_size(*arrays), 200 if function is elementary.normal_cdf else 60)
        facts = [as_axis(fact) for fact in args[operands:]]
        return function(*arrays, *facts, **{key: _OPTIONS[key](value) for key, value in options.items()})

    signature = inspect.signature(function)
    first = inspect.Parameter("work", inspect.Parameter.POSITIONAL_ONLY)
    call.__signature__ = signature.replace(  # type: ignore[attr-defined]  # inspect reads it, mypy does not know it
        parameters=[first, *(_keyword_only(parameter) for parameter in parameters)]
    )
    return call


def _keyword_only(parameter: inspect.Parameter) -> inspect.Parameter:
    """keepdims by keyword, as elsewhere."""
    return parameter.replace(kind=parameter.KEYWORD_ONLY) if parameter.name == "keepdims" else parameter


_OPTIONS: dict[str, Callable[[Any], Any]] = {"axis": as_axis, "keepdims": as_flag}


def _alike(operands: Sequence[Operand]) -> list[Any]:
    """Floating arrays; a bare number takes the dtype of the arrays beside it."""
    arrays = [as_floating(operand) for operand in operands]
    typed = [array.dtype for array, operand in zip(arrays, operands, strict=True) if not is_number(operand)]
    dtype = np.result_type(*typed) if typed else np.dtype(float)
    return [array.astype(dtype) if is_number(x) else array for array, x in zip(arrays, operands, strict=True)]


def undo_broadcast(work: Work, grad: Operand, x: Operand) -> Any:
    """The gradient summed to the shape of x."""
    grad, x = as_array(grad), as_array(x)
    work(grad.size)
    if np.broadcast_shapes(grad.shape, x.shape) != grad.shape:
        raise FormulaError(f"{x.shape} does not broadcast to {grad.shape}, so nothing can be undone")
    return unbroadcast(grad, x)


# --- along an axis -------------------------------------------------------------------------------------------------


def reduction(function: Function, steps: int, of_none: bool = True) -> Function:
    """A function that makes one number of all those along an axis; ``of_none``: whether of no numbers, too."""

    def reduce(work: Work, x: Operand, axis: Operand = None, *, keepdims: Operand = False) -> Any:
        x = as_array(x)
        work(x.size, steps)
        if not (of_none or x.size):
            # NumPy's mean over nothing warns through a filter that all threads share; to ask is safe
            raise FormulaError(f"an array of shape {x.shape} holds nothing to reduce")
        return function(x, axis=as_axis(axis), keepdims=as_flag(keepdims))

    return reduce


def converted_first(reduce: Function) -> Function:
    """A sum or a mean that may be told of what type its numbers are to be."""

    def call(work: Work, x: Operand, axis: Operand = None, *, dtype: Any = None, keepdims: Operand = False) -> Any:
        return reduce(work, x if dtype is None else as_array(x).astype(dtype), axis, keepdims=keepdims)

    return call


def spread(function: Function, steps: int) -> Function:
    """np.var and np.std, which may divide by the number of entries less ``ddof``."""

    def reduce(work: Work, x: Operand, axis: Operand = None, *, ddof: Operand = 0, keepdims: Operand = False) -> Any:
        x, less = as_array(x), whole(ddof, "ddof")
        work(x.size, steps)
        along = as_axis(axis)
        count = x.size if along is None else math.prod(np.atleast_1d(np.take(x.shape, along)).tolist())
        if not x.size or count <= less:  # NumPy would warn
            raise FormulaError(f"an array of shape {x.shape} holds too little to divide by {count} - {less}")
        return function(x, axis=along, ddof=less, keepdims=as_flag(keepdims))

    return reduce


def average(work: Work, a: Operand, axis: Operand = None, weights: Operand = None, *, keepdims: Operand = False) -> Any:
    """The mean, or the one in which every entry has a weight."""
    a, along, keep = as_array(a), as_axis(axis), as_flag(keepdims)
    weights = None if weights is None else as_array(weights)
    work(a.size, 20)
    if not a.size:
        raise FormulaError(f"an array of shape {a.shape} holds nothing to reduce")
    return np.average(a, along, weights, keepdims=keep)  # type: ignore[call-overload]  # each is checked above


def norm(
    work: Work,
    x: Operand,
    ord: Operand = None,  # noqa: A002 - as NumPy calls it
    axis: Operand = None,
    *,
    keepdims: Operand = False,
) -> Any:
    """The length of vectors: the root of the sum of the squares, or of a whole array."""
    x, along, keep = as_floating(x), as_axis(axis), as_flag(keepdims)
    if not (ord is None or (is_number(ord) and ord == 2 and (x.ndim < 2 or isinstance(along, int)))):
        raise FormulaError("formulas have the norm that is the root of a sum of squares", remedy="np.linalg.norm(W)")
    work(x.size, 8)
    return np.sqrt(np.sum(x * x, axis=along, keepdims=keep))


def trace(work: Work, a: Operand) -> Any:
    """The sum of the diagonal of a matrix."""
    a = as_array(a)
    work(a.size)
    return np.trace(a)


def along(function: Function, steps: int, axis: int | None) -> Function:
    """A function that gives as many numbers as it takes, in order along an axis; the axis where nobody gives it."""

    def call(work: Work, x: Operand, axis: Operand = axis) -> Any:
        x = as_array(x)
        work(x.size, steps)
        return function(x, axis=as_axis(axis))

    return call


# --- products ------------------------------------------------------------------------------------------------------


def matmul(work: Work, x: Operand, y: Operand) -> Any:
    """The matrix product x @ y."""
    x, y = as_operand(x), as_operand(y)
    if not (np.ndim(x) and np.ndim(y)):
        raise FormulaError("@ is a product of matrices, and a number is none", remedy="* multiplies by a number")
    inner = x.shape[-1]
    columns = y.shape[-1] if y.ndim > 1 else 1
    rows = x.shape[-2] if x.ndim > 1 else 1
    size = math.prod(np.broadcast_shapes(x.shape[:-2], y.shape[:-2])) * rows * columns
    work(size, 1 + inner)
    return x @ y


def dot(work: Work, x: Operand, y: Operand) -> Any:
    """np.dot: the matrix product, or the plain one where a factor is a number."""
    x, y = as_operand(x), as_operand(y)
    if not (np.ndim(x) and np.ndim(y)):
        return multiply(work, x, y)
    if x.ndim <= 2 and y.ndim <= 2:
        return matmul(work, x, y)
    inner = max(x.shape[-1], 1)
    work(x.size // inner * (y.size // inner), 1 + inner)
    return np.dot(x, y)


def inner(work: Work, x: Operand, y: Operand) -> Any:
    """Sums of products along the last axes of both."""
    x, y = as_array(x), as_array(y)
    if not (x.ndim and y.ndim):
        return multiply(work, x, y)
    common = max(x.shape[-1], 1)
    work((x.size // common) * (y.size // common), 1 + common)
    return np.inner(x, y)


def vdot(work: Work, x: Operand, y: Operand) -> Any:
    """The sum of all products of entries."""
    x, y = as_array(x), as_array(y)
    work(max(x.size, y.size), 3)
    return np.vdot(x, y)


def tensordot(work: Work, a: Operand, b: Operand, axes: Operand = 2) -> Any:
    """Sums of products along axes of both: as many as said, the last of a and the first of b, or those named."""
    a, b = as_array(a), as_array(b)
    if isinstance(axes, (tuple, list)):
        if len(axes) != 2:
            raise FormulaError("the axes of tensordot are those of a and those of b", remedy="axes=(1, 1)")
        over = tuple(np.atleast_1d(as_axis(part)).tolist() for part in axes)
    else:
        count = whole(axes, "the number of axes")
        if not 0 <= count <= min(a.ndim, b.ndim):
            raise FormulaError(f"tensordot over {count} axes needs as many in {_shapes([a, b])}")
        over = (list(range(a.ndim - count, a.ndim)), list(range(count)))
    common = max(math.prod(a.shape[axis] for axis in over[0]), 1)
    work((a.size // common) * (b.size // max(math.prod(b.shape[axis] for axis in over[1]), 1)), 1 + common)
    return np.tensordot(a, b, over)


def outer(work: Work, x: Operand, y: Operand) -> Any:
    """Every entry of x times every entry of y."""
    x, y = as_array(x), as_array(y)
    work(x.size * y.size)
    return np.outer(x, y)


_SUBSCRIPTS: Final = re.compile(r"[A-Za-z]*(,[A-Za-z]*)*(->[A-Za-z]*)?")


def einsum(work: Work, subscripts: str, /, *operands: Operand, optimize: Operand = False) -> Any:
    """Einstein's sum over named axes, such as "ij,kj->ik"; in which order it is computed makes no difference."""
    as_flag(optimize)
    arrays = [as_array(operand) for operand in operands]
    sizes = _label_sizes(subscripts, arrays)
    work(math.prod(sizes.values()), 2 + len(arrays))
    return np.einsum(subscripts, *arrays)


def _label_sizes(subscripts: str, arrays: Sequence[Any]) -> dict[str, int]:
    """The size that every letter stands for."""
    plain = subscripts.replace(" ", "")
    terms, _, result = plain.partition("->")
    named = terms.split(",")
    if not _SUBSCRIPTS.fullmatch(plain) or len(named) != len(arrays) or set(result) - set(terms):
        operands = "1 operand" if len(arrays) == 1 else f"{len(arrays)} operands"
        raise FormulaError(f"{subscripts!r} does not name the axes of {operands}", remedy="'ij,kj->ik'")
    if any(len(term) != array.ndim for term, array in zip(named, arrays, strict=True)):
        raise FormulaError(f"{subscripts!r} does not fit the shapes {_shapes(arrays)}: one letter for every axis")
    sizes: dict[str, int] = {}
    for term, array in zip(named, arrays, strict=True):
        for label, size in zip(term, array.shape, strict=True):
            if sizes.setdefault(label, size) != size:
                raise FormulaError(f"{subscripts!r}: {label} is {sizes[label]} and {size} in {_shapes(arrays)}")
    return sizes


def _shapes(arrays: Sequence[Any]) -> str:
    return ", ".join(str(np.shape(array)) for array in arrays)
