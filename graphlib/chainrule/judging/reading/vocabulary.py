"""The functions that a formula may call: each checks what it is going to build before it builds it.

A function takes the ``Work`` of the evaluation first and what the formula gives after it; its signature says what a
formula may give. Sizes are checked and steps are counted before memory is taken or time is spent, so that no text, by
accident or on purpose, holds up the program that reads it.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias, final

import numpy as np

from chainrule.errors import FormulaError
from chainrule.symbols import elementary
from chainrule.symbols.broadcasting import unbroadcast

Operand: TypeAlias = Any  # an array, a number, or a tuple of these
Function: TypeAlias = Callable[..., Any]

LARGEST: Final = 10**7  # elements of one result, unless a value that was handed in is larger
_LARGEST_WHOLE: Final = 2**31  # a whole number beyond it is a float: products fit int64, and nothing grows without end
_MOST_AXES: Final = 16


@final
class Work:
    """The steps that one evaluation has left, where a step is about one addition of two numbers (a nanosecond).

    A learner's formula takes a few steps for each number it is handed. The allowance is a thousand of them and
    a fixed part, which keeps the worst text on small arrays below a few milliseconds.

    >>> work = Work([np.zeros((3, 5))])
    >>> work(15)
    >>> work(10**8)
    Traceback (most recent call last):
    chainrule.errors.FormulaError: a result of 100,000,000 elements is larger than a formula may build, 10,000,000
    """

    def __init__(self, values: Sequence[Operand]) -> None:
        sizes = [_size(value) for value in values]
        self.largest = max([LARGEST, *sizes])
        self.left = 300_000 + 1000 * sum(sizes)

    def __call__(self, size: int, steps: int = 1) -> None:
        """Take the steps for a result of ``size`` elements; raises FormulaError when that is too large or too long."""
        if size > self.largest:
            raise FormulaError(f"a result of {size:,} elements is larger than a formula may build, {self.largest:,}")
        self.left -= size * steps + 1
        if self.left < 0:
            raise FormulaError(
                "the formula takes far more steps than its values have numbers", remedy="smaller shapes, fewer steps"
            )


# --- what comes in -----------------------------------------------------------------------------------------------


def is_number(x: Operand) -> bool:
    """Whether x is a number by itself, of no dtype."""
    return isinstance(x, (int, float))


def as_operand(x: Operand) -> Any:
    """A number, or an array of real numbers; raises FormulaError for all else.

    >>> as_operand((1, 2)), as_operand(3)
    (array([1, 2]), 3)
    """
    if is_number(x):
        return x
    if x is None or isinstance(x, (str, slice, np.dtype)) or x is Ellipsis:
        raise FormulaError(f"{_kind(x)} is no value to compute with")
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise FormulaError(f"{array.dtype} is no array of real numbers")
    return array


def _kind(x: Any) -> str:
    return "text" if isinstance(x, str) else "a slice" if isinstance(x, slice) else str(x)


def as_array(x: Operand) -> Any:
    """An array of real numbers."""
    return np.asarray(as_operand(x))


def _as_floating(x: Operand) -> Any:
    array = as_array(x)
    return array if array.dtype.kind == "f" else array.astype(float)


def _size(x: Operand) -> int:
    if isinstance(x, (tuple, list)):
        return sum(map(_size, x))
    return int(np.size(x))


def _whole(x: Operand, what: str) -> int:
    """A whole number that a formula gives as a size or an axis."""
    if isinstance(x, np.ndarray) and x.ndim == 0 and x.dtype.kind in "iu":
        x = x.item()
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
        return int(x)
    raise FormulaError(f"{what} is a whole number, not {x!r:.40}")


def _shape(shape: Operand) -> tuple[int, ...]:
    sizes = shape if isinstance(shape, (tuple, list)) else (shape,)
    if len(sizes) > _MOST_AXES:
        raise FormulaError(f"a shape of {len(sizes)} axes has more than {_MOST_AXES}")
    return tuple(_whole(size, "a size") for size in sizes)


def _sizes(shape: Operand) -> tuple[int, ...]:
    """A shape to build, no size of which is negative."""
    sizes = _shape(shape)
    if any(size < 0 for size in sizes):
        raise FormulaError(f"the shape {sizes} has a negative size")
    return sizes


def _axis(axis: Operand) -> Any:
    if axis is None:
        return None
    if isinstance(axis, (tuple, list)):
        return tuple(_whole(one, "an axis") for one in axis)
    return _whole(axis, "an axis")


def _flag(flag: Operand) -> bool:
    if isinstance(flag, (bool, int)):
        return bool(flag)
    raise FormulaError(f"keepdims is True or False, not {flag!r:.40}")


def exact(number: Any) -> Any:
    """A number of Python; a whole one too large to be a float without loss becomes one."""
    number = number.item() if isinstance(number, np.generic) else number
    if not isinstance(number, int) or abs(number) <= _LARGEST_WHOLE:
        return number
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


# --- entry by entry ----------------------------------------------------------------------------------------------


def _entrywise(ufunc: np.ufunc, steps: int) -> Function:
    """A function of NumPy that works entry by entry, on numbers as on arrays."""

    def one(work: Work, x: Operand) -> Any:
        x = as_operand(x)
        work(np.size(x), steps)
        return exact(ufunc(x)) if is_number(x) else ufunc(x)

    def two(work: Work, x: Operand, y: Operand) -> Any:
        x, y = as_operand(x), as_operand(y)
        if is_number(x) and is_number(y):
            return exact(ufunc(x, y))
        work(_broadcast_size(x, y), steps)
        return ufunc(x, y)

    return one if ufunc.nin == 1 else two


def _broadcast_size(*operands: Operand) -> int:
    shapes = {np.shape(operand) for operand in operands}
    return math.prod(shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes))


def power(work: Work, x: Operand, y: Operand, /) -> Any:
    """x**y, always in floats but for whole numbers that stay small: 9**9**9 is infinite, and at once."""
    x, y = as_operand(x), as_operand(y)
    if is_number(x) and is_number(y):
        result = np.power(float(x), float(y)).item()
        whole = isinstance(x, int) and isinstance(y, int) and y >= 0 and abs(result) <= _LARGEST_WHOLE
        return int(result) if whole else result
    if is_number(y) and y == 2:
        return multiply(work, x, x)
    work(_broadcast_size(x, y), 60)
    return np.power(float(x) if is_number(x) else _as_floating(x), y)


def relu(work: Work, z: Operand) -> Any:
    """max(z, 0)."""
    return maximum(work, z, 0)


def relu_slope(work: Work, z: Operand) -> Any:
    """1 where z is above 0, else 0."""
    z = _as_floating(z)
    work(z.size, 2)
    return (z > 0).astype(z.dtype)


def where(work: Work, condition: Operand, x: Operand, y: Operand) -> Any:
    """x where the condition holds, else y."""
    condition, x, y = as_operand(condition), as_operand(x), as_operand(y)
    work(_broadcast_size(condition, x, y), 4)
    return np.where(condition, x, y)


def clip(work: Work, x: Operand, a_min: Operand, a_max: Operand) -> Any:
    """x held between two bounds."""
    bounds = [None if bound is None else as_operand(bound) for bound in (a_min, a_max)]
    x = as_array(x)
    work(_broadcast_size(x, *(bound for bound in bounds if bound is not None)), 4)
    return np.clip(x, *bounds)


def _elementary(function: Function) -> Function:
    """An elementary function of the engine, which takes arrays of floats; its facts stay as they are."""
    parameters = inspect.signature(function).parameters.values()
    operands = sum(parameter.default is parameter.empty for parameter in parameters)

    def call(work: Work, *args: Any, **options: Any) -> Any:
        arrays = _alike(args[:operands])
        work(_broadcast_size(*arrays), 200 if function is elementary.normal_cdf else 60)
        facts = [_axis(fact) for fact in args[operands:]]
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


_OPTIONS: dict[str, Callable[[Any], Any]] = {"axis": _axis, "keepdims": _flag}


def _alike(operands: Sequence[Operand]) -> list[Any]:
    """Floating arrays; a bare number takes the dtype of the arrays beside it."""
    arrays = [_as_floating(operand) for operand in operands]
    typed = [array.dtype for array, operand in zip(arrays, operands, strict=True) if not is_number(operand)]
    dtype = np.result_type(*typed) if typed else np.dtype(float)
    return [array.astype(dtype) if is_number(x) else array for array, x in zip(arrays, operands, strict=True)]


def put(work: Work, grad: Operand, key: Operand, like: Operand) -> Any:
    """Zeros of the shape of ``like`` with ``grad`` added at ``key``."""
    grad, like = _as_floating(grad), as_array(like)
    work(like.size, 2)
    work(max(indexed_size(like, key), grad.size), 20)
    return elementary.put(grad, key, like)


def undo_broadcast(work: Work, grad: Operand, x: Operand) -> Any:
    """The gradient summed to the shape of x."""
    grad, x = as_array(grad), as_array(x)
    work(grad.size)
    if np.broadcast_shapes(grad.shape, x.shape) != grad.shape:
        raise FormulaError(f"{x.shape} does not broadcast to {grad.shape}, so nothing can be undone")
    return unbroadcast(grad, x)


# --- over an axis ------------------------------------------------------------------------------------------------


def _reduction(function: Function, steps: int, of_none: bool = True) -> Function:
    """A function that makes one number of all those along an axis; ``of_none``: whether of no numbers, too."""

    def reduce(work: Work, x: Operand, axis: Operand = None, *, keepdims: Operand = False) -> Any:
        x = as_array(x)
        work(x.size, steps)
        if not (of_none or x.size):
            # NumPy's mean over nothing warns through a filter that all threads share; to ask is safe
            raise FormulaError(f"an array of shape {x.shape} holds nothing to reduce")
        return function(x, axis=_axis(axis), keepdims=_flag(keepdims))

    return reduce


def cumsum(work: Work, x: Operand, axis: Operand = None) -> Any:
    """Running sums."""
    x = as_array(x)
    work(x.size, 3)
    return np.cumsum(x, axis=_axis(axis))


# --- products ----------------------------------------------------------------------------------------------------


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


def outer(work: Work, x: Operand, y: Operand) -> Any:
    """Every entry of x times every entry of y."""
    x, y = as_array(x), as_array(y)
    work(x.size * y.size)
    return np.outer(x, y)


_SUBSCRIPTS: Final = re.compile(r"[A-Za-z]*(,[A-Za-z]*)*(->[A-Za-z]*)?")


def einsum(work: Work, subscripts: str, /, *operands: Operand) -> Any:
    """Einstein's sum over named axes, such as "ij,kj->ik"."""
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


# --- other arrangements ------------------------------------------------------------------------------------------


def transpose(work: Work, x: Operand, axes: Operand = None) -> Any:
    """The axes in reverse order, or in the order given."""
    work(0)
    return np.transpose(as_array(x), _axis(axes))


def swapaxes(work: Work, x: Operand, axis1: Operand, axis2: Operand) -> Any:
    """Two axes exchanged."""
    work(0)
    return np.swapaxes(as_array(x), _whole(axis1, "an axis"), _whole(axis2, "an axis"))


def reshape(work: Work, x: Operand, shape: Operand) -> Any:
    """The same entries in another shape."""
    x = as_array(x)
    work(x.size)
    return np.reshape(x, _shape(shape))


def ravel(work: Work, x: Operand) -> Any:
    """All entries in one row."""
    x = as_array(x)
    work(x.size)
    return np.ravel(x)


def squeeze(work: Work, x: Operand, axis: Operand = None) -> Any:
    """Without the axes of size 1."""
    work(0)
    return np.squeeze(as_array(x), axis=_axis(axis))


def expand_dims(work: Work, x: Operand, axis: Operand) -> Any:
    """With new axes of size 1."""
    work(0)
    axes = _axis(axis)
    return np.expand_dims(as_array(x), _whole(None, "an axis") if axes is None else axes)


def broadcast_to(work: Work, x: Operand, shape: Operand) -> Any:
    """Stretched to a shape."""
    work(math.prod(_sizes(shape)))
    return np.broadcast_to(as_array(x), _sizes(shape))


def concatenate(work: Work, arrays: Operand, axis: Operand = 0) -> Any:
    """Values laid end to end."""
    parts = _parts(arrays)
    work(_size(parts))
    return np.concatenate(parts, axis=_axis(axis))


def stack(work: Work, arrays: Operand, axis: Operand = 0) -> Any:
    """Values of one shape laid along a new axis."""
    parts = _parts(arrays)
    work(_size(parts))
    return np.stack(parts, axis=_whole(axis, "an axis"))


def _parts(arrays: Operand) -> list[Any]:
    if not isinstance(arrays, (tuple, list)):
        raise FormulaError("the values to join are given in brackets", remedy="np.concatenate([A, B], axis=0)")
    return [as_array(array) for array in arrays]


def tile(work: Work, x: Operand, reps: Operand) -> Any:
    """x laid out again and again."""
    x = as_array(x)
    work(x.size * math.prod(_sizes(reps)), 2)
    return np.tile(x, _sizes(reps))


def repeat(work: Work, x: Operand, repeats: Operand, axis: Operand = None) -> Any:
    """Every entry several times."""
    x, times = as_array(x), _whole(repeats, "the number of repeats")
    work(x.size * max(times, 0), 2)
    return np.repeat(x, times, axis=_axis(axis))


def take(work: Work, x: Operand, indices: Operand, axis: Operand = None) -> Any:
    """Entries, rows or columns by their numbers."""
    x, indices, along = as_array(x), as_array(indices), _axis(axis)
    rest = 1
    if along is not None and x.ndim:
        rest = x.size // max(x.shape[np.lib.array_utils.normalize_axis_index(along, x.ndim)], 1)
    work(indices.size * rest, 4)
    return np.take(x, indices, axis=along)


def diag(work: Work, x: Operand) -> Any:
    """The matrix with x on its diagonal, or the diagonal of a matrix."""
    x = as_array(x)
    work(x.size**2 if x.ndim == 1 else x.size)
    return np.diag(x)


def _triangle(function: Function) -> Function:
    def triangle(work: Work, x: Operand) -> Any:
        x = as_array(x)
        work(x.size * (x.size if x.ndim == 1 else 1), 4)
        return function(x)

    return triangle


# --- new arrays --------------------------------------------------------------------------------------------------


def array(work: Work, values: Operand, dtype: Any = None) -> Any:
    """Numbers written out."""
    work(_size(values), 2)
    return np.array(as_array(values), dtype=dtype)


def zeros(work: Work, shape: Operand, dtype: Any = None) -> Any:
    """Zeros of a shape."""
    return full(work, shape, 0.0, dtype)


def ones(work: Work, shape: Operand, dtype: Any = None) -> Any:
    """Ones of a shape."""
    return full(work, shape, 1.0, dtype)


def full(work: Work, shape: Operand, fill_value: Operand, dtype: Any = None) -> Any:
    """One number in every place of a shape."""
    work(math.prod(_sizes(shape)))
    return np.full(_sizes(shape), as_operand(fill_value), dtype)


def zeros_like(work: Work, x: Operand) -> Any:
    """Zeros of the shape of x."""
    return full_like(work, x, 0)


def ones_like(work: Work, x: Operand) -> Any:
    """Ones of the shape of x."""
    return full_like(work, x, 1)


def full_like(work: Work, x: Operand, fill_value: Operand) -> Any:
    """One number in every place of the shape of x."""
    x = as_array(x)
    work(x.size)
    return np.full_like(x, as_operand(fill_value))


def eye(work: Work, N: Operand, M: Operand = None, dtype: Any = None) -> Any:
    """The identity matrix."""
    rows = _whole(N, "a size")
    columns = rows if M is None else _whole(M, "a size")
    work(math.prod(_sizes((rows, columns))))
    return np.eye(rows, columns, dtype=dtype)


def arange(work: Work, stop: Operand) -> Any:
    """0, 1, 2, … below a number."""
    count = _whole(stop, "the end of arange")
    work(max(count, 0))
    return np.arange(count)


# --- conversions -------------------------------------------------------------------------------------------------


def copy(work: Work, x: Operand) -> Any:
    """The same values."""
    work(_size(x))
    return as_array(x).copy()


def astype(work: Work, x: Operand, dtype: Any) -> Any:
    """The values converted to a dtype."""
    x = as_array(x)
    work(x.size, 2)
    return x.astype(dtype)


def length(work: Work, x: Operand) -> Any:
    """How many rows x has."""
    work(0)
    if isinstance(x, (tuple, list)):
        return len(x)
    if not np.ndim(as_operand(x)):
        raise FormulaError("a number has no length")
    return len(x)


def as_float(work: Work, x: Operand) -> Any:
    """A number as a float."""
    return float(_scalar(work, x))


def as_int(work: Work, x: Operand) -> Any:
    """A number as a whole number, cut off at the point."""
    number = _scalar(work, x)
    if not math.isfinite(number):
        raise FormulaError(f"{number} is no whole number")
    return exact(int(number))


def _scalar(work: Work, x: Operand) -> Any:
    work(0)
    x = as_operand(x)
    if np.size(x) != 1:
        raise FormulaError(f"an array of shape {np.shape(x)} is not one number")
    return x if is_number(x) else x.item()


# --- indices -----------------------------------------------------------------------------------------------------


def index(work: Work, x: Operand, key: Operand) -> Any:
    """x[key] for numbers, slices, None, ``...`` and arrays of whole numbers or booleans."""
    if isinstance(x, (tuple, list)):
        return x[key] if isinstance(key, slice) else x[_whole(key, "an index")]
    x = as_array(x)
    work(indexed_size(x, key), 4)
    return x[key]


def indexed_size(x: Any, key: Operand) -> int:
    """A bound for the size of x[key], from the shapes alone.

    >>> indexed_size(np.zeros((3, 5)), (slice(None), np.zeros(7, int)))
    21
    """
    parts = key if isinstance(key, tuple) else (key,)
    consumed = sum(_consumed(part) for part in parts)
    remaining = list(x.shape)
    size: int = 1
    for part in parts:
        if part is Ellipsis:
            free = max(x.ndim - consumed, 0)
            size *= int(math.prod(remaining[:free]))
            remaining = remaining[free:]
        elif isinstance(part, slice):
            size *= int(remaining.pop(0)) if remaining else 1
        elif part is not None:
            size *= int(np.size(part))
            remaining = remaining[_consumed(part) :]
    return size * int(math.prod(remaining))


def _consumed(part: Operand) -> int:
    if part is None or part is Ellipsis:
        return 0
    mask = isinstance(part, np.ndarray) and part.dtype == bool
    return int(part.ndim) if mask else 1


# --- the table ---------------------------------------------------------------------------------------------------

# Steps per number: measured in nanoseconds on float64, rounded up.
_CHEAP: Final = (
    "add subtract multiply divide true_divide negative positive maximum minimum absolute abs fabs sign sqrt square"
    " reciprocal greater greater_equal less less_equal equal not_equal logical_and logical_or logical_not logical_xor"
    " bitwise_and bitwise_or bitwise_xor invert isnan isfinite isinf"
).split()
_COSTLY: Final = (
    "exp exp2 expm1 log log1p log2 log10 sin cos tan tanh sinh cosh arctan arcsin arccos logaddexp heaviside cbrt"
).split()

_NUMPY: dict[str, Function] = {
    **{name: _entrywise(getattr(np, name), 3) for name in _CHEAP},
    **{name: _entrywise(getattr(np, name), 50) for name in _COSTLY},
    **{name: _reduction(getattr(np, name), 3) for name in "sum prod max min amax amin any all argmax argmin".split()},
    **{name: _reduction(getattr(np, name), 8, of_none=False) for name in ("mean", "var", "std")},
    **{name: _triangle(getattr(np, name)) for name in ("tril", "triu")},
    **{
        function.__name__: function
        for function in (
            power, where, clip, cumsum, matmul, dot, outer, einsum, transpose, swapaxes, reshape, ravel, squeeze,
            expand_dims, broadcast_to, concatenate, stack, tile, repeat, take, diag, array, zeros, ones, full,
            zeros_like, ones_like, full_like, eye, arange, copy, astype,
        )
    },
    "asarray": array,
    "identity": eye,
    "float64": as_float,
    "size": lambda work, x: length(work, ravel(work, x)),
}  # fmt: skip
maximum, multiply = _NUMPY["maximum"], _NUMPY["multiply"]


def _is_elementary(value: Any) -> bool:
    """Whether it was made by the decorator of that name: a function of the module that wraps another."""
    return hasattr(value, "__wrapped__") and value.__module__ == elementary.__name__


ELEMENTARY: Mapping[str, Function] = MappingProxyType(
    {name: value for name, value in vars(elementary).items() if _is_elementary(value)}
)
"""The elementary functions of the engine, found where they are defined: a printed derivation may use each of them."""

_OWN: dict[str, Function] = {
    **{name: _elementary(function) for name, function in ELEMENTARY.items()},
    "put": put,
    "unbroadcast": undo_broadcast,
    "relu": relu,
    "relu_slope": relu_slope,
    "len": length,
    "float": as_float,
    "int": as_int,
}
_ALIASES: Final = {
    "expit": "sigmoid",
    "dsigmoid": "sigmoid_slope",
    "sigmoid_prime": "sigmoid_slope",
    "sigmoid_derivative": "sigmoid_slope",
    "dtanh": "tanh_slope",
    "tanh_prime": "tanh_slope",
    "tanh_derivative": "tanh_slope",
    "ReLU": "relu",
    "drelu": "relu_slope",
    "relu_prime": "relu_slope",
    "relu_derivative": "relu_slope",
}

NUMPY: Mapping[str, Function] = MappingProxyType(_NUMPY)
"""The functions that may stand behind ``np.``."""

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {**_NUMPY, **_OWN, **{alias: _OWN[name] for alias, name in _ALIASES.items()}}
)
"""Every function that a formula may call by its bare name."""


def method_reshape(work: Work, x: Operand, *shape: Operand) -> Any:
    """x.reshape(3, 1) and x.reshape((3, 1))."""
    return reshape(work, x, shape[0] if len(shape) == 1 else shape)


def method_transpose(work: Work, x: Operand, *axes: Operand) -> Any:
    """x.transpose(), x.transpose(1, 0) and x.transpose((1, 0))."""
    return transpose(work, x, axes[0] if len(axes) == 1 else axes or None)


METHODS: Mapping[str, Function] = MappingProxyType(
    {
        **{
            name: _NUMPY[name]
            for name in (
                "dot sum mean max min prod any all var std argmax argmin astype copy clip squeeze ravel cumsum repeat"
                " take swapaxes"
            ).split()
        },
        "flatten": ravel,
        "reshape": method_reshape,
        "transpose": method_transpose,
        "item": as_float,
    }
)
"""The methods of an array that a formula may call."""

ATTRIBUTES: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "T": lambda x: x.T,
        "mT": lambda x: x.mT,
        "shape": lambda x: x.shape,
        "size": lambda x: x.size,
        "ndim": lambda x: x.ndim,
    }
)
"""The attributes of an array that a formula may read."""

CONSTANTS: Mapping[str, Any] = MappingProxyType(
    {"newaxis": None, "pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}
)
"""What may stand behind ``np.`` without a call."""

DTYPES: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {
        **{name: np.dtype(name) for name in "float float32 float64 int int32 int64 bool".split()},
        "float_": np.dtype(float),
        "bool_": np.dtype(bool),
        "int_": np.dtype(int),
    }
)
"""The dtypes that a formula may convert to; none is complex, an object, or text."""


def parameters(function: Function) -> inspect.Signature:
    """What a formula may give to a function: its signature without the work."""
    signature = inspect.signature(function)
    return signature.replace(parameters=list(signature.parameters.values())[1:])
