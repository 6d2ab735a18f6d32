"""Symbol: the value that records what is done to it, with the shape that it would have.

A Symbol enters a rule in the place of an array. NumPy's dispatch protocols hand it every ufunc and every array
function that the rule calls; each call becomes a new Symbol that knows the operation, its operands and the shape.
So a rule written in plain NumPy tells its own formula, and a wrong shape is found before there is any data.

The convention: arrays are *operands* (positional), facts such as ``axis`` are *options* (keywords).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Never, TypeAlias, final

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from chainrule.errors import Untraceable
from chainrule.symbols import shapes
from chainrule.symbols.dimensions import Shape, Size, as_shape, shape_text
from chainrule.symbols.entrywise import SymbolArray, entrywise

Value: TypeAlias = Any
"""What flows through a rule: an array, or a Symbol in its place."""

ShapeRule: TypeAlias = Callable[..., "Shape"]


def _method(function: Callable[..., Any]) -> Callable[..., Symbol]:
    """An array method that is the NumPy function of the same name."""

    @functools.wraps(function, assigned=("__name__",), updated=())
    def method(self: Symbol, *args: Any, **kwargs: Any) -> Symbol:
        return function(self, *args, **kwargs)  # type: ignore[no-any-return]  # dispatched back to Symbol

    return method


@final
class Symbol(NDArrayOperatorsMixin):
    """A value without numbers: what was done to which operands, and the shape and dtype that come out.

    >>> W, A = Symbol.leaf("W", (3, 2)), Symbol.leaf("A", (2, "m"))
    >>> Z = W @ A + 1
    >>> Z.shape, Z.operation, Z.operands[0].operation
    ((3, m), <ufunc 'add'>, <ufunc 'matmul'>)
    >>> np.sum(Z, axis=1, keepdims=True).options
    {'axis': 1, 'keepdims': True}

    ``operation`` is the NumPy function or elementary function (None for a leaf, which has a ``name``);
    ``operands`` are Symbols, arrays and numbers; ``options`` are the facts. The shape may be unknown.
    """

    __slots__ = ("_shape", "dtype", "name", "operands", "operation", "options")
    __hash__ = object.__hash__  # == records a comparison, so Symbols are told apart by identity

    def __init__(
        self,
        operation: Callable[..., Any] | None,
        operands: tuple[Any, ...] = (),
        options: Mapping[str, Any] | None = None,
        *,
        shape: Shape | None,
        dtype: Any = float,
        name: str | None = None,
    ) -> None:
        self.operation, self.operands, self.options = operation, operands, dict(options or {})
        self._shape, self.dtype, self.name = shape, np.dtype(dtype), name

    @classmethod
    def leaf(cls, name: str | None, shape: Any, dtype: Any = float) -> Symbol:
        """A Symbol that stands for a value with this name; the shape may be None, for unknown."""
        return cls(None, shape=None if shape is None else as_shape(shape), dtype=dtype, name=name)

    @property
    def known_shape(self) -> Shape | None:
        """The shape, or None when it is unknown."""
        return self._shape

    @property
    def shape(self) -> Shape:
        """The shape; raises Untraceable when it is unknown, as it is behind a rule that cannot be traced."""
        if self._shape is None:
            raise Untraceable("the shape of this value is unknown before there is data")
        return self._shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Size:
        """The number of elements."""
        return shapes.size_of(self.shape)

    @property
    def T(self) -> Symbol:
        """The transpose."""
        return record(np.transpose, (self,), {})

    @property
    def mT(self) -> Symbol:
        """The transpose of the last two axes."""
        if self.ndim == 2:
            return self.T
        return record(np.swapaxes, (self, -1, -2), {})

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> Any:
        if method == "reduce" and ufunc in _REDUCTIONS:
            return _REDUCTIONS[ufunc](*operands, **options)
        if any(isinstance(operand, SymbolArray) for operand in operands):
            return NotImplemented  # the array applies the function to its entries
        if method != "__call__" or options:
            raise Untraceable(f"np.{ufunc.__name__}.{method} with {sorted(options)} cannot be recorded")
        return _record_ufunc(ufunc, operands)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function not in _SHAPE_RULES:
            raise Untraceable(f"np.{function.__name__} cannot be recorded")
        return record(function, args, kwargs)

    def __getitem__(self, key: Any) -> Symbol:
        if isinstance(key, tuple):
            return record(index, (self, tuple(map(_fixed, key))), {})
        return record(index, (self, _fixed(key)), {})

    def astype(self, dtype: Any, copy: bool = True) -> Symbol:
        """The value converted to a dtype; nothing to record when it has that dtype already."""
        if np.dtype(dtype) == self.dtype:
            return self
        return Symbol(np.astype, (self,), {"dtype": np.dtype(dtype)}, shape=self._shape, dtype=dtype)

    def reshape(self, *shape: Any) -> Symbol:
        """The value in another shape."""
        new = shape[0] if len(shape) == 1 else shape
        return record(np.reshape, (self, new), {})

    def transpose(self, *axes: Any) -> Symbol:
        """The value with its axes in another order."""
        order = axes[0] if len(axes) == 1 else axes or None
        return record(np.transpose, (self, order), {})

    sum, mean, prod = _method(np.sum), _method(np.mean), _method(np.prod)
    max, min, any, all = _method(np.max), _method(np.min), _method(np.any), _method(np.all)
    argmax, argmin, var, std = _method(np.argmax), _method(np.argmin), _method(np.var), _method(np.std)
    cumsum, clip, ravel, flatten = _method(np.cumsum), _method(np.clip), _method(np.ravel), _method(np.ravel)
    swapaxes, squeeze, dot, take = _method(np.swapaxes), _method(np.squeeze), _method(np.dot), _method(np.take)
    copy = _method(np.copy)

    def __len__(self) -> int:
        if isinstance(self.shape[0], int):
            return self.shape[0]
        return self._refuse("its length depends on the data")

    def _refuse(self, why: str = "its numbers are not known before there is data") -> Never:
        raise Untraceable(f"a Symbol stands for a value, and {why}")

    def __bool__(self) -> bool:
        return self._refuse()

    __float__ = __int__ = __index__ = __complex__ = __bool__

    def __iter__(self) -> Never:
        self._refuse("a loop over its entries cannot be recorded")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Never:
        self._refuse()

    def __repr__(self) -> str:
        what = self.name or getattr(self.operation, "__name__", "value")
        return f"<Symbol {what} {shape_text(self._shape)}>"


# --- recording -------------------------------------------------------------------------------------------------

_SHAPE_RULES: dict[Callable[..., Any], ShapeRule] = {}
_BOOLEAN = frozenset(
    "equal not_equal less less_equal greater greater_equal logical_and logical_or logical_not logical_xor isnan"
    " isfinite isinf signbit".split()
)
_REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
}


def _record_ufunc(ufunc: np.ufunc, operands: tuple[Any, ...]) -> Symbol:
    rule = _SHAPE_RULES.get(ufunc)
    if rule is None and (ufunc.signature is not None or ufunc.nout != 1):  # such as np.vecdot, np.modf
        raise Untraceable(f"np.{ufunc.__name__} is no function of entries with one result: it cannot be recorded")
    known = [known_shape(operand) for operand in operands]
    shape: Shape | None = None
    if None not in known:
        shape = rule(*operands) if rule else shapes.broadcast(*known)  # type: ignore[arg-type]  # none is None
    return Symbol(ufunc, operands, shape=shape, dtype=_dtype(ufunc.__name__, operands))


def record(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Symbol:
    """The Symbol for one call of a function with a shape rule.

    The rule's signature says which arguments are operands (those without a default) and which are options.
    Raises ShapeError when the shapes do not fit, Untraceable when the call has a form that is not recorded.
    """
    rule = _SHAPE_RULES[function]
    try:
        bound = _signature(rule).bind(
            *args, **{key: value for key, value in kwargs.items() if value is not np._NoValue}
        )
    except TypeError as error:
        raise Untraceable(f"np.{function.__name__}: {error}") from None
    operands, options = _split(bound)
    shape = None if _any_unknown(operands) else rule(*bound.args, **bound.kwargs)
    return Symbol(function, operands, options, shape=shape, dtype=_dtype(function.__name__, operands))


@functools.cache
def _signature(rule: ShapeRule) -> inspect.Signature:
    return inspect.signature(rule)


def _split(bound: inspect.BoundArguments) -> tuple[tuple[Any, ...], dict[str, Any]]:
    operands: list[Any] = []
    options: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        parameter = bound.signature.parameters[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            operands.extend(value)
        elif parameter.default is parameter.empty:
            operands.append(value)
        elif not _same(value, parameter.default):
            options[name] = value
    return tuple(operands), options


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _any_unknown(operands: tuple[Any, ...]) -> bool:
    flat = [part for operand in operands for part in (operand if isinstance(operand, (tuple, list)) else (operand,))]
    return any(isinstance(part, Symbol) and part.known_shape is None for part in flat)


def known_shape(value: Any) -> Shape | None:
    """The shape of a Symbol, an array or a number; None when it is unknown."""
    if isinstance(value, Symbol):
        return value.known_shape
    shape: Shape = np.shape(value)
    return shape


def _dtype(name: str, operands: tuple[Any, ...]) -> Any:
    """Boolean for comparisons, whole numbers for positions, floating otherwise unless all operands are alike."""
    if name in _BOOLEAN:
        return bool
    if name.startswith("arg"):
        return np.intp
    flat = [part for operand in operands for part in (operand if isinstance(operand, (tuple, list)) else (operand,))]
    kinds = {part.dtype for part in flat if isinstance(part, Symbol)}
    return kinds.pop() if len(kinds) == 1 and name in _KEEPS_DTYPE else float


_KEEPS_DTYPE = frozenset(
    "add subtract multiply negative absolute maximum minimum sum max amax min amin transpose reshape ravel index take"
    " broadcast_to expand_dims squeeze swapaxes concatenate zeros_like ones_like copy put bitwise_and"
    " bitwise_or".split()
)


def shape_rule(*functions: Callable[..., Any]) -> Callable[[ShapeRule], ShapeRule]:
    """Declare the shape that these functions give: parameters without a default are operands, the others options."""

    def declare(rule: ShapeRule) -> ShapeRule:
        _SHAPE_RULES.update(dict.fromkeys(functions, rule))
        return rule

    return declare


def elementary(
    rule: ShapeRule, of_entries: Callable[..., Any] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function of arrays one step to a Symbol: recorded by its name, with the shape that ``rule`` gives.

    ``of_entries`` is what it is to an array of Symbols; without it, the same function of every entry.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def dispatch(*args: Any, **kwargs: Any) -> Any:
            if any(isinstance(arg, (Symbol, SymbolArray)) for arg in args):
                if any(isinstance(arg, SymbolArray) for arg in args):
                    return of_entries(*args, **kwargs) if of_entries else entrywise(dispatch, *args, **kwargs)
                return record(dispatch, args, kwargs)
            return function(*args, **kwargs)

        _SHAPE_RULES[dispatch] = rule
        return dispatch

    return decorate


# --- the shapes that NumPy's functions give ----------------------------------------------------------------------


_GIVEN: Any = object()  # the default of an option that NumPy has no default for: it is always written down


def _shape(value: Any) -> Shape:
    shape = known_shape(value)
    assert shape is not None  # record() asks only when every shape is known
    return shape


@shape_rule(np.matmul)
def _matmul(x: Any, y: Any) -> Shape:
    return shapes.matmul(_shape(x), _shape(y))


@shape_rule(np.dot)
def _dot(x: Any, y: Any) -> Shape:
    a, b = _shape(x), _shape(y)
    return shapes.matmul(a, b) if a and b else shapes.broadcast(a, b)


@shape_rule(np.outer)
def _outer(x: Any, y: Any) -> Shape:
    return (shapes.size_of(_shape(x)), shapes.size_of(_shape(y)))


@shape_rule(np.sum, np.mean, np.prod, np.max, np.min, np.any, np.all, np.var, np.std)
def _reduction(x: Any, axis: Any = None, keepdims: bool = False) -> Shape:
    return shapes.reduced(_shape(x), axis, keepdims)


@shape_rule(np.argmax, np.argmin)
def _position(x: Any, axis: Any = None, *, keepdims: bool = False) -> Shape:
    return shapes.reduced(_shape(x), axis, keepdims)


@shape_rule(np.cumsum)
def _running(x: Any, axis: Any = None) -> Shape:
    return (shapes.size_of(_shape(x)),) if axis is None else _shape(x)


@shape_rule(np.where)
def _where(condition: Any, x: Any, y: Any) -> Shape:
    return shapes.broadcast(_shape(condition), _shape(x), _shape(y))


@shape_rule(np.clip)
def _clip(x: Any, a_min: Any, a_max: Any) -> Shape:
    return shapes.broadcast(_shape(x), *(_shape(bound) for bound in (a_min, a_max) if bound is not None))


@shape_rule(np.transpose)
def _transpose(x: Any, axes: Any = None) -> Shape:
    return shapes.transposed(_shape(x), axes)


@shape_rule(np.swapaxes)
def _swapaxes(x: Any, axis1: int = _GIVEN, axis2: int = _GIVEN) -> Shape:
    order = list(range(len(_shape(x))))
    (a, b) = shapes.normal_axes((axis1,), len(order)) + shapes.normal_axes((axis2,), len(order))
    order[a], order[b] = order[b], order[a]
    return shapes.transposed(_shape(x), tuple(order))


@shape_rule(np.reshape)
def _reshape(x: Any, shape: Any = _GIVEN) -> Shape:
    return shapes.reshaped(_shape(x), shape)


@shape_rule(np.ravel)
def _ravel(x: Any) -> Shape:
    return (shapes.size_of(_shape(x)),)


@shape_rule(np.broadcast_to)
def _broadcast_to(x: Any, shape: Any = _GIVEN) -> Shape:
    shapes.broadcast(_shape(x), as_shape(shape))
    return as_shape(shape)


@shape_rule(np.expand_dims)
def _expand_dims(x: Any, axis: Any = _GIVEN) -> Shape:
    return shapes.expanded(_shape(x), axis)


@shape_rule(np.squeeze)
def _squeeze(x: Any, axis: Any = None) -> Shape:
    return shapes.squeezed(_shape(x), axis)


@shape_rule(np.concatenate)
def _concatenate(arrays: Any, axis: int = 0) -> Shape:
    return shapes.concatenated([_shape(array) for array in arrays], axis)


@shape_rule(np.stack)
def _stack(arrays: Any, axis: int = 0) -> Shape:
    return shapes.concatenated([shapes.expanded(_shape(array), axis) for array in arrays], axis)


@shape_rule(np.take)
def _take(x: Any, indices: Any, axis: Any = None) -> Shape:
    if axis is None:
        return _shape(indices)
    (k,) = shapes.normal_axes(axis, len(_shape(x)))
    return _shape(x)[:k] + _shape(indices) + _shape(x)[k + 1 :]


@shape_rule(np.einsum)
def _einsum(subscripts: Any, *operands: Any) -> Shape:
    return shapes.einsum(subscripts, *map(_shape, operands))


@shape_rule(np.zeros_like, np.ones_like, np.copy, np.tril, np.triu)
def _same_shape(x: Any) -> Shape:
    return _shape(x)


@shape_rule(np.full_like)
def _full_like(x: Any, fill_value: Any) -> Shape:
    return shapes.broadcast(_shape(x), _shape(fill_value))


def index(x: Any, key: Any) -> Any:
    """``x[key]`` as a function, so that indexing is an operation like any other."""
    return x[key]


def _fixed(part: Any) -> Any:
    """A list in an index as the array that NumPy makes of it: written down as a tuple, it would be another index."""
    return np.array(part) if isinstance(part, list) else part


@shape_rule(index)
def _index(x: Any, key: Any) -> Shape:
    return shapes.indexed(_shape(x), key)
