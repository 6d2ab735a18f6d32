"""Symbol: the value that records what is done to it, with the shape that it would have.

A Symbol enters a rule in the place of an array. NumPy's dispatch protocols hand it every ufunc and every array
function that the rule calls; each call becomes a new Symbol that knows the operation, its operands and the shape.
So a rule written in plain NumPy tells its own formula, and a wrong shape is found before there is any data.

The convention: arrays are *operands* (positional), facts such as ``axis`` are *options* (keywords).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Never, TypeAlias, final

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from chainrule.errors import Untraceable
from chainrule.symbols import operations, shapes
from chainrule.symbols.binding import QUESTIONS, Bound, bound, bound_ufunc, meant
from chainrule.symbols.dimensions import Dimension, Shape, Size, as_shape, recorded_by, shape_text
from chainrule.symbols.literals import literal
from chainrule.symbols.operations import OPERATIONS, Kind, Operation, ShapeRule, declare, index
from chainrule.symbols.symbol_array import SymbolArray, entrywise

Value: TypeAlias = Any
"""What flows through a rule: an array, or a Symbol in its place."""


def _method(function: Callable[..., Any]) -> Callable[..., Symbol]:
    """An array method that is the NumPy function of the same name."""

    @functools.wraps(function, assigned=("__name__",), updated=())
    def method(self: Symbol, *args: Any, **kwargs: Any) -> Symbol:
        return function(self, *args, **kwargs)  # type: ignore[no-any-return]  # dispatched back to Symbol

    return method


def _spelled(function: Any) -> str:
    """A function as it is called: np.linalg.inv."""
    module = str(getattr(function, "__module__", None) or "numpy")
    if module.partition(".")[0] != "numpy":
        return str(function.__name__)
    inside = "" if "_" in module else module.removeprefix("numpy").removeprefix(".")
    return ".".join(["np", *([inside] if inside else []), function.__name__])


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
        self.operation = operation
        self.operands: tuple[Any, ...] = tuple(
            [operand if type(operand) is Symbol else literal(operand) for operand in operands]
        )
        self.options = {key: literal(value) for key, value in options.items()} if options else {}
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
        if any(map(_takes_over, operands)):
            return NotImplemented
        if method == "__call__" and not options:
            return _record_ufunc(ufunc, operands)
        try:
            call = bound_ufunc(ufunc, method, operands, options)
        except TypeError as error:
            raise Untraceable(f"{error} cannot be recorded") from None
        return _recorded(call)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in QUESTIONS and len(args) == 1 and not kwargs:
            return getattr(args[0], function.__name__)
        if meant(function) not in OPERATIONS:
            raise Untraceable(f"{_spelled(function)} cannot be recorded")
        return record(meant(function), args, kwargs)

    def __getitem__(self, key: Any) -> Symbol:
        fixed = tuple(map(_fixed, key)) if isinstance(key, tuple) else _fixed(key)
        return record(index, (self, fixed), {})

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
    copy, repeat = _method(np.copy), _method(np.repeat)

    def __len__(self) -> int:
        if isinstance(self.shape[0], int):
            return self.shape[0]
        return self._refuse("its length depends on the data")

    def _refuse(self, why: str) -> Never:
        raise Untraceable(f"a Symbol stands for a value, and {why}")

    def _asked(self, call: str) -> Never:
        of = f"{_spelled(self.operation)}(...)" if self.operation is not None else "an input"
        self._refuse(f"its numbers are not known before there is data: {call} of {of} asks for them")

    def __bool__(self) -> bool:
        return self._asked("bool()")

    def __float__(self) -> float:
        return self._asked("float() or a function of math")

    def __int__(self) -> int:
        return self._asked("int()")

    __complex__ = __float__

    def __index__(self) -> int:
        return self._asked("range() or an index")

    def __iter__(self) -> Never:
        self._refuse("a loop over its entries cannot be recorded")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Never:
        self._asked("np.asarray()")

    def __repr__(self) -> str:
        what = self.name or getattr(self.operation, "__name__", "value")
        return f"<Symbol {what} {shape_text(self._shape)}>"


def _fixed(part: Any) -> Any:
    """A list in an index as the array that NumPy makes of it: written down as a tuple, it would be another index."""
    return np.array(part) if isinstance(part, list) else part


_AS_IT_IS = frozenset((Symbol, int, float, bool, str, Dimension, np.ndarray, np.float64))

# --- recording -------------------------------------------------------------------------------------------------


def _takes_over(operand: Any) -> bool:
    """Whether an operand says what a function does: an array of Symbols applies it to entries, a node builds one."""
    if isinstance(operand, (Symbol, np.generic, Dimension)):
        return False
    return isinstance(operand, SymbolArray) if isinstance(operand, np.ndarray) else hasattr(operand, "__array_ufunc__")


_NUMBERS = frozenset((np.ndarray, np.float64, float, int))
_WITHOUT_AXES = frozenset((float, int, Dimension))


def _builds(value: Any) -> bool:
    """Whether a value takes functions itself, as a node does: an array hands itself to them."""
    return hasattr(value, "__array_function__") and not isinstance(value, np.ndarray)


def _record_ufunc(ufunc: np.ufunc, operands: tuple[Any, ...]) -> Symbol:
    row = operations.operation(ufunc)
    if row is None:
        raise Untraceable(f"np.{ufunc.__name__} is no function of entries with one result: it cannot be recorded")
    known = [known_shape(operand) for operand in operands]
    shape: Shape | None = None
    if None not in known:
        entrywise = row.kind == "entrywise"
        shape = shapes.broadcast(*known) if entrywise else row.shape(*operands)  # type: ignore[arg-type]  # none is None
    return Symbol(ufunc, operands, shape=shape, dtype=_dtype(row, operands, {}))


recorded_by(_record_ufunc)


def record(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Symbol:
    """The Symbol for one call of a function with a row in the table of operations.

    Raises ShapeError when the shapes do not fit, Untraceable when the call has a form that is not recorded.
    """
    try:
        call = bound(function, args, kwargs)
    except TypeError as error:
        raise Untraceable(f"np.{function.__name__}: {error}") from None
    return _recorded(call)


def _recorded(call: Bound) -> Symbol:
    row = OPERATIONS[call.function]
    if any(isinstance(value, Symbol) for value in call.options.values()):
        raise Untraceable(f"np.{call.function.__name__} with {sorted(call.options)}: a fact that depends on the data")
    shape = None if _any_unknown(call.operands) else row.shape(*call.operands, **call.options)
    return Symbol(*call, shape=shape, dtype=_dtype(row, call.operands, call.options))


def as_number(result: Any) -> Any:
    """What a rule gave for Symbols; a bare size, such as ``x.shape[1]``, as the floating number that it is to be."""
    if isinstance(result, Dimension):
        return record(operations.number, (result,), {})
    return float(result) if type(result) is int else result


def _any_unknown(operands: tuple[Any, ...]) -> bool:
    flat = [part for operand in operands for part in (operand if isinstance(operand, (tuple, list)) else (operand,))]
    return any(isinstance(part, Symbol) and part.known_shape is None for part in flat)


def symbols_in(operands: Sequence[Any]) -> Iterator[Symbol]:
    """The Symbols among operands, also inside a tuple or a list."""
    for operand in operands:
        if isinstance(operand, Symbol):
            yield operand
        elif isinstance(operand, (tuple, list)):
            yield from symbols_in(operand)


def known_shape(value: Any) -> Shape | None:
    """The shape of a Symbol, an array or a number; None when it is unknown."""
    if type(value) is Symbol:
        return value._shape
    if type(value) in _WITHOUT_AXES:  # NumPy would make an array of it
        return ()
    shape: Shape = np.shape(value)
    return shape


def _dtype(row: Operation, operands: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """The dtype of a result, by the rule of the operation."""
    if row.dtype in _DTYPES:
        return _DTYPES[row.dtype]
    if row.dtype == "first":
        return getattr(operands[0], "dtype", float)
    if row.dtype == "given":
        return _given_dtype(row, options)
    flat = [part for operand in operands for part in (operand if isinstance(operand, (tuple, list)) else (operand,))]
    kinds = {part.dtype for part in flat if isinstance(part, (Symbol, np.ndarray))}
    kept = kinds.pop() if len(kinds) == 1 else np.dtype(float)
    numbers = [] if kept.kind == "f" else [part for part in flat if isinstance(part, (int, float))]
    return np.result_type(kept, *numbers) if numbers else kept


_DTYPES = {"float": float, "joint": float, "bool": bool, "position": np.intp}


def _given_dtype(row: Operation, options: Mapping[str, Any]) -> Any:
    if options.get("dtype") is not None:
        return options["dtype"]
    if row.function is np.arange:
        return int
    return np.asarray(options.get("fill_value", 0.0)).dtype


def elementary(
    kind: Kind,
    shape: ShapeRule = operations.entrywise,
    *,
    of_entries: Callable[..., Any] | None = None,
    **facts: Any,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function of arrays one step to a Symbol: recorded by its name, with these facts in its row.

    ``of_entries`` is what it is to an array of Symbols, its textbook form if that is not said; where it works entry by
    entry, the same function of every entry.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def dispatch(*args: Any, **kwargs: Any) -> Any:
            if _NUMBERS.issuperset(map(type, args)):  # for all else it takes a microsecond to ask
                return function(*args, **kwargs)
            if any(isinstance(arg, (Symbol, SymbolArray)) for arg in args):
                if any(isinstance(arg, SymbolArray) for arg in args):
                    return on_entries(*args, **kwargs)
                return record(dispatch, args, kwargs)
            if (builder := next(filter(_builds, args), None)) is not None:
                return builder.__array_function__(dispatch, (), args, kwargs)
            return function(*args, **kwargs)

        row = Operation(dispatch, kind, shape, **facts)
        on_entries: Any = functools.partial(entrywise, dispatch) if kind == "entrywise" else of_entries or row.textbook
        declare(row)
        return dispatch

    return decorate
