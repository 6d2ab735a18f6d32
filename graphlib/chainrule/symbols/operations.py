"""The table of operations: for every function that a Symbol records, what it is, in one row.

Who needs a fact of an operation reads it here. How a notation writes it stands in the printer of that notation.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, TypeAlias, final

import numpy as np

from chainrule.errors import ShapeError, Untraceable
from chainrule.symbols import shapes
from chainrule.symbols.dimensions import Shape, as_shape, shape_text

Function: TypeAlias = Callable[..., Any]
ShapeRule: TypeAlias = Callable[..., Shape]

Kind: TypeAlias = Literal["entrywise", "axis", "view", "arrangement", "selection", "product", "creation"]
"""What an entry of the result comes from: the entries at its own place ("entrywise"), those along an axis ("axis"), one
entry, which may stay where it is in memory ("view"), is laid elsewhere ("arrangement") or is picked by an index
("selection"), a sum of products ("product"), or none ("creation")."""

DtypeRule: TypeAlias = Literal["float", "joint", "alike", "first", "bool", "position", "given"]
"""Floating; floating as the operands that are; that of all operands when they are alike, else floating; that of the
first operand; truth values; whole numbers that count places; that of an option or of what is filled in."""


@final
class Operation(NamedTuple):  # a dataclass would make the import a millisecond longer
    """The facts of one function."""

    function: Function
    kind: Kind
    shape: ShapeRule
    """The shape for operands of known shapes; parameters without a default are operands, the others are options."""
    dtype: DtypeRule = "float"
    linear: tuple[int, ...] = ()
    """The places of the operands in each of which it is linear, whatever the others are."""
    joins: np.ufunc | None = None
    """The function of two entries by which those along an axis are joined: add for a sum."""
    textbook: Function | None = None
    """The form that a textbook has for it, as a function of Symbols."""
    has_name: bool = True
    """Whether people know it by a name; else only its textbook form can be read."""


OPERATIONS: Final[dict[Function, Operation]] = {}
"""The row of every function that a Symbol records, NumPy's and this package's."""

NODES: Final[dict[Function, Callable[..., Any]]] = {}
"""What builds the node that computes a function, from the operands and options of a call as a Symbol records them; the
classes of nodes enter themselves: ``class Sum(Node, computes=np.sum)``."""


def declare(*rows: Operation) -> None:
    """Give functions their rows."""
    OPERATIONS.update((row.function, row) for row in rows)


def operation(function: Any) -> Operation | None:
    """The row of a function, None for one that cannot be recorded; a ufunc that has none works entry by entry.

    >>> operation(np.transpose).kind, operation(np.exp).kind, operation(np.linalg.inv)
    ('view', 'entrywise', None)
    """
    row = OPERATIONS.get(function)
    return _row_of_ufunc(function) if row is None and isinstance(function, np.ufunc) else row


def _row_of_ufunc(ufunc: np.ufunc) -> Operation | None:
    if ufunc.signature is not None or ufunc.nout != 1:  # such as np.vecdot, np.modf
        return None
    if all(set(types) <= set("O->") for types in ufunc.types):  # of np.frompyfunc, which gives Python's objects
        return None
    decides = {types[-1] for types in ufunc.types} == {"?"}
    return Operation(ufunc, "entrywise", entrywise, "bool" if decides else "float")


def kind(function: Any) -> Kind | None:
    """What kind of operation a function is, None for one that cannot be recorded."""
    row = operation(function)
    return None if row is None else row.kind


def constant(value: Any) -> Any:
    """A value that is known from the start: what numbers and arrays become beside nodes."""
    return value


def number(size: Any, dtype: Any = float) -> Any:
    """A size such as m as a number to compute with, in a floating dtype.

    >>> number(5) / 2
    np.float64(2.5)
    """
    return np.dtype(dtype).type(size)


def index(x: Any, key: Any) -> Any:
    """``x[key]`` as a function, so that indexing is an operation like any other."""
    return x[key]


# --- the shapes that functions give ----------------------------------------------------------------------------------

GIVEN: Final[Any] = object()  # the default of an option that NumPy has no default for: it is always written down


def _shape(x: Any) -> Shape:
    """The shape of a Symbol whose shape is known, of an array, a number, a size or a list."""
    shape: Shape = x.shape if hasattr(x, "shape") else np.shape(x)
    return shape


def entrywise(*operands: Any) -> Shape:
    """The shape of a function entry by entry: all operands broadcast."""
    return shapes.broadcast(*map(_shape, operands))


def reduced(x: Any, axis: Any = None, keepdims: bool = False) -> Shape:
    """The shape of one number for all those along some axes."""
    return shapes.reduced(_shape(x), axis, keepdims)


def kept(x: Any, axis: Any = None) -> Shape:
    """The shape of a function of rows that gives rows again."""
    return shapes.along(_shape(x), axis)


def kept_of_two(x: Any, y: Any, axis: Any = -1) -> Shape:
    """The shape of a function of the rows of two values of one shape."""
    shapes.expect_same(_shape(x), _shape(y))
    return shapes.along(_shape(y), axis)


def _matmul(x: Any, y: Any) -> Shape:
    return shapes.matmul(_shape(x), _shape(y))


def _dot(x: Any, y: Any) -> Shape:
    a, b = _shape(x), _shape(y)
    return shapes.matmul(a, b) if a and b else shapes.broadcast(a, b)


def _outer(x: Any, y: Any) -> Shape:
    return (shapes.size_of(_shape(x)), shapes.size_of(_shape(y)))


def _einsum(subscripts: Any, *operands: Any) -> Shape:
    return shapes.einsum(subscripts, *map(_shape, operands))


def _position(x: Any, axis: Any = None, *, keepdims: bool = False) -> Shape:
    return shapes.reduced(_shape(x), axis, keepdims)


def _running(x: Any, axis: Any = None) -> Shape:
    return (shapes.size_of(_shape(x)),) if axis is None else shapes.along(_shape(x), axis)


def _where(condition: Any, x: Any, y: Any) -> Shape:
    return entrywise(condition, x, y)


def _clip(x: Any, a_min: Any, a_max: Any) -> Shape:
    return entrywise(x, *(bound for bound in (a_min, a_max) if bound is not None))


def _astype(x: Any, dtype: Any = GIVEN) -> Shape:
    return _shape(x)


def _same(x: Any) -> Shape:
    return _shape(x)


def _triangle(x: Any, k: int = 0) -> Shape:
    shapes.normal_axes((-2, -1), len(_shape(x)))  # NumPy makes a square of a vector, which nobody means
    return _shape(x)


def _full_like(x: Any, fill_value: Any) -> Shape:
    shapes.expect_same(entrywise(x, fill_value), _shape(x))
    return _shape(x)


def _transpose(x: Any, axes: Any = None) -> Shape:
    return shapes.transposed(_shape(x), axes)


def _swapaxes(x: Any, axis1: int = GIVEN, axis2: int = GIVEN) -> Shape:
    order = list(range(len(_shape(x))))
    (a, b) = shapes.normal_axes((axis1,), len(order)) + shapes.normal_axes((axis2,), len(order))
    order[a], order[b] = order[b], order[a]
    return shapes.transposed(_shape(x), tuple(order))


def _reshape(x: Any, shape: Any = GIVEN) -> Shape:
    return shapes.reshaped(_shape(x), shape)


def _ravel(x: Any) -> Shape:
    return (shapes.size_of(_shape(x)),)


def _broadcast_to(x: Any, shape: Any = GIVEN) -> Shape:
    new = as_shape(shape)
    if shapes.broadcast(_shape(x), new) != new:
        raise ShapeError(
            f"{shape_text(_shape(x))} does not stretch to {shape_text(new)}",
            remedy="a shape in which all sizes of x but 1 stand",
        )
    return new


def _expand_dims(x: Any, axis: Any = GIVEN) -> Shape:
    return shapes.expanded(_shape(x), axis)


def _squeeze(x: Any, axis: Any = None) -> Shape:
    return shapes.squeezed(_shape(x), axis)


def _concatenate(arrays: Any, axis: int = 0) -> Shape:
    return shapes.concatenated([_shape(array) for array in arrays], axis)


def _stack(arrays: Any, axis: int = 0) -> Shape:
    return shapes.concatenated([shapes.expanded(_shape(array), axis) for array in arrays], axis)


def _tile(x: Any, reps: Any = GIVEN) -> Shape:
    return shapes.tiled(_shape(x), reps)


def _repeat(x: Any, repeats: Any = GIVEN, axis: Any = None) -> Shape:
    return shapes.repeated(_shape(x), repeats, axis)


def _roll(x: Any, shift: Any = GIVEN, axis: Any = None) -> Shape:
    return shapes.along(_shape(x), axis)


def _pad(x: Any, pad_width: Any = GIVEN, mode: str = "constant", constant_values: Any = 0) -> Shape:
    if mode != "constant" or np.ndim(constant_values) or constant_values != 0:
        raise Untraceable("np.pad is recorded with zeros; np.where puts another number in their places")
    return shapes.padded(_shape(x), pad_width)


def _sorted(x: Any, axis: Any = -1, *, stable: Any = None) -> Shape:
    return _running(x, axis)


def along(x: Any, indices: Any, axis: int = -1) -> Shape:
    """The shape of what is taken along an axis, by indices that broadcast along the others."""
    a, b = _shape(x), _shape(indices)
    (k,) = shapes.normal_axes(axis, len(a))
    if len(a) != len(b):
        raise ShapeError(
            f"indices {shape_text(b)} have not as many axes as {shape_text(a)}", remedy="np.expand_dims(indices, axis)"
        )
    others = shapes.broadcast((*a[:k], 1, *a[k + 1 :]), (*b[:k], 1, *b[k + 1 :]))
    return (*others[:k], b[k], *others[k + 1 :])


def _diag(x: Any) -> Shape:
    return shapes.diagonal(_shape(x))


def _index(x: Any, key: Any) -> Shape:
    return shapes.indexed(_shape(x), key)


def _take(x: Any, indices: Any, axis: Any = None) -> Shape:
    if axis is None:
        return _shape(indices)
    (k,) = shapes.normal_axes(axis, len(_shape(x)))
    return _shape(x)[:k] + _shape(indices) + _shape(x)[k + 1 :]


def put(grad: Any, key: Any, like: Any) -> Shape:
    """The shape of what lends it, into which the entries at a key fit."""
    with contextlib.suppress(Untraceable):  # how many entries a mask picks
        picked = shapes.indexed(_shape(like), key)
        shapes.expect_same(shapes.broadcast(_shape(grad), picked), picked)
    return _shape(like)


def put_along(grad: Any, indices: Any, like: Any, axis: int = -1) -> Shape:
    """The shape of what lends it, into which the entries at indices along an axis fit."""
    shapes.expect_same(_shape(grad), along(like, indices, axis))
    return _shape(like)


def _filled(shape: Any = GIVEN, dtype: Any = None) -> Shape:
    return as_shape(shape)


def _full(shape: Any = GIVEN, fill_value: Any = GIVEN, dtype: Any = None) -> Shape:
    return as_shape(shape)


def _eye(N: Any = GIVEN, M: Any = None, k: int = 0, dtype: Any = float) -> Shape:
    return as_shape((N, N if M is None else M))


def _number(size: Any, dtype: Any = None) -> Shape:
    return ()


def _arange(stop: Any = GIVEN, *, dtype: Any = None) -> Shape:
    return as_shape(stop)


# --- the table -------------------------------------------------------------------------------------------------------

declare(
    *(Operation(ufunc, "entrywise", entrywise) for ufunc in (
        np.divide, np.power, np.square, np.sqrt, np.cbrt, np.reciprocal, np.positive, np.sign, np.heaviside, np.exp,
        np.exp2, np.expm1, np.log, np.log1p, np.log2, np.log10, np.logaddexp, np.sin, np.cos, np.tan, np.arcsin,
        np.arccos, np.arctan, np.sinh, np.cosh, np.tanh)),
    *(Operation(ufunc, "entrywise", entrywise, "alike") for ufunc in (
        np.add, np.subtract, np.multiply, np.negative, np.absolute, np.maximum, np.minimum, np.bitwise_and,
        np.bitwise_or, np.bitwise_xor, np.invert)),
    *(Operation(ufunc, "entrywise", entrywise, "bool") for ufunc in (
        np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.logical_and, np.logical_or,
        np.logical_not, np.logical_xor, np.isnan, np.isfinite, np.isinf)),
    Operation(np.where, "entrywise", _where),
    Operation(np.clip, "entrywise", _clip),
    Operation(np.astype, "entrywise", _astype, "given"),

    Operation(np.sum, "axis", reduced, "alike", linear=(0,), joins=np.add),
    Operation(np.prod, "axis", reduced, joins=np.multiply),
    Operation(np.max, "axis", reduced, "alike", joins=np.maximum),
    Operation(np.min, "axis", reduced, "alike", joins=np.minimum),
    Operation(np.mean, "axis", reduced, linear=(0,)),
    Operation(np.var, "axis", reduced),
    Operation(np.std, "axis", reduced),
    Operation(np.any, "axis", reduced, "bool"),
    Operation(np.all, "axis", reduced, "bool"),
    Operation(np.argmax, "axis", _position, "position"),
    Operation(np.argmin, "axis", _position, "position"),
    Operation(np.cumsum, "axis", _running, linear=(0,)),
    Operation(np.cumprod, "axis", _running),
    Operation(np.sort, "axis", _sorted, "first"),
    Operation(np.argsort, "axis", _sorted, "position"),

    Operation(np.transpose, "view", _transpose, "first", linear=(0,)),
    Operation(np.swapaxes, "view", _swapaxes, "first", linear=(0,)),
    Operation(np.reshape, "view", _reshape, "first", linear=(0,)),
    Operation(np.ravel, "view", _ravel, "first", linear=(0,)),
    Operation(np.broadcast_to, "view", _broadcast_to, "first", linear=(0,)),
    Operation(np.expand_dims, "view", _expand_dims, "first", linear=(0,)),
    Operation(np.squeeze, "view", _squeeze, "first", linear=(0,)),

    Operation(np.concatenate, "arrangement", _concatenate, "alike"),
    Operation(np.stack, "arrangement", _stack, "alike"),
    Operation(np.tile, "arrangement", _tile, "first", linear=(0,)),
    Operation(np.repeat, "arrangement", _repeat, "first", linear=(0,)),
    Operation(np.diag, "arrangement", _diag, "first", linear=(0,)),
    Operation(np.tril, "arrangement", _triangle, "first", linear=(0,)),
    Operation(np.triu, "arrangement", _triangle, "first", linear=(0,)),
    Operation(np.roll, "arrangement", _roll, "first", linear=(0,)),
    Operation(np.pad, "arrangement", _pad, "first", linear=(0,)),
    Operation(np.copy, "arrangement", _same, "first", linear=(0,)),

    Operation(index, "selection", _index, "first", linear=(0,)),
    Operation(np.take, "selection", _take, "first", linear=(0,)),
    Operation(np.take_along_axis, "selection", along, "first", linear=(0,)),

    Operation(np.matmul, "product", _matmul, linear=(0, 1)),
    Operation(np.dot, "product", _dot, linear=(0, 1)),
    Operation(np.outer, "product", _outer, linear=(0, 1)),
    Operation(np.einsum, "product", _einsum),  # linear in every operand but the first, however many there are

    Operation(np.zeros_like, "creation", _same, "first"),
    Operation(np.ones_like, "creation", _same, "first"),
    Operation(np.full_like, "creation", _full_like, "first"),
    Operation(np.zeros, "creation", _filled, "given"),
    Operation(np.ones, "creation", _filled, "given"),
    Operation(np.full, "creation", _full, "given"),
    Operation(np.eye, "creation", _eye, "given"),
    Operation(np.arange, "creation", _arange, "given"),
    Operation(number, "creation", _number, "given"),
)  # fmt: skip
