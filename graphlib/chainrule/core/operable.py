"""What operators, methods and NumPy functions do with a node: they build another, or say what would."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Generic, NoReturn, TypeVar, final

import numpy as np

from chainrule.core.other_functions import instead_of, instead_of_form, without_argument
from chainrule.core.other_spellings import fitting, respelled
from chainrule.core.other_words import what_to_write
from chainrule.errors import ArgumentError, NoAttributeError, ShapeError
from chainrule.symbols import operations
from chainrule.symbols.binding import QUESTIONS, Bound, bound, bound_ufunc, meant
from chainrule.symbols.dimensions import Dimension, Shape, Size
from chainrule.symbols.shapes import normal_axes, size_of
from chainrule.symbols.symbol import Symbol

N = TypeVar("N")

_NO_NUMBERS = "run[node] after run = graph.forward(feeds)"


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    """An array method that is the NumPy function of the same name."""

    @functools.wraps(function, assigned=("__name__",), updated=())
    def method(self: Operable[Any], *args: Any, **kwargs: Any) -> Any:
        """The node for the NumPy function of this name."""
        return self.__array_function__(function, (), (self, *args), kwargs)

    return method


@final
class _Asked:
    """A property that a fact of the same name may take the place of: MaxPool(x, size=2)."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self._answer, self.__doc__ = answer, answer.__doc__

    def __get__(self, node: Any, kind: Any = None) -> Any:
        return self if node is None else self._answer(node)


class Operable(ABC, Generic[N]):
    """Something that stands in expressions as a value does; each builds the node that computes its function.

    Calls arrive by NumPy's protocols and are read as a Symbol reads them; the table of operations has the node.
    """

    __hash__ = object.__hash__  # == builds a comparison, so nodes are told apart by identity

    name: str | None
    facts: dict[str, Any]

    @property
    @abstractmethod
    def shape(self) -> Shape | None:
        """The shape, where it is known before there is data."""

    @property
    @abstractmethod
    def where(self) -> str:
        """What it is and which line built it, for messages."""

    # --- what NumPy hands over ---------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> Any:
        if "out" in options:
            self._refuse(
                f"np.{ufunc.__name__} cannot write into an array: a node has no memory",
                "total = total + x builds a node, where total += x writes into an array",
            )
        try:
            call = bound_ufunc(ufunc, method, operands, options)
        except TypeError as error:
            self._refuse(f"{error} builds no node", instead_of_form(ufunc, method))
        return self._built(call)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in QUESTIONS:
            return _answered(function, *args, **kwargs)
        if kwargs.get("out") is not None:
            self._refuse(f"{_said(function)} cannot write into an array: a node has no memory", "no out=")
        written = respelled(function)
        if written is None and meant(function) not in operations.OPERATIONS:
            self._refuse_function(function)
        try:
            if written is not None:
                return fitting(written, args, kwargs)()
            call = bound(meant(function), args, kwargs)
        except TypeError as error:
            if isinstance(error, ArgumentError):
                raise
            self._refuse(f"{_said(function)}: {error}", without_argument(function, str(error)))
        return self._built(call)

    def _built(self, call: Bound) -> Any:
        builder = operations.NODES.get(call.function) or respelled(call.function)
        if decided := [name for name, value in call.options.items() if _holds_node(value)]:
            self._refuse(
                f"{_said(call.function)} with a node as {', '.join(decided)}: a fact is known when a node is built",
                "a number, or a tuple of numbers; to chainrule.trace, a list of them, since it makes leaves of tuples",
            )
        return self._refuse_function(call.function) if builder is None else builder(*call.operands, **call.options)

    def _build(self, function: Callable[..., Any], *operands: Any) -> N:
        built: N = self._built(Bound(function, operands, {}))
        return built

    def _refuse_function(self, function: Any) -> NoReturn:
        said = _said(function)
        written = instead_of(function)
        kind = "".join(part.capitalize() for part in function.__name__.split("_"))
        kind = kind if kind.isidentifier() else "Mine"
        self._refuse(
            f"no node computes {said}, and {self.name or type(self).__name__} is a node",
            written or f"class {kind}(cr.Node) with {said} in its forward, and its backward below",
        )

    def _refuse(self, what: str, remedy: str) -> NoReturn:
        raise ArgumentError(what, where=self.where, remedy=remedy)

    # --- operators ---------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> N:
        return self._build(np.add, self, other)

    def __radd__(self, other: Any) -> N:
        return self._build(np.add, other, self)

    def __sub__(self, other: Any) -> N:
        return self._build(np.subtract, self, other)

    def __rsub__(self, other: Any) -> N:
        return self._build(np.subtract, other, self)

    def __mul__(self, other: Any) -> N:
        return self._build(np.multiply, self, other)

    def __rmul__(self, other: Any) -> N:
        return self._build(np.multiply, other, self)

    def __truediv__(self, other: Any) -> N:
        return self._build(np.divide, self, other)

    def __rtruediv__(self, other: Any) -> N:
        return self._build(np.divide, other, self)

    def __floordiv__(self, other: Any) -> N:
        return self._build(np.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> N:
        return self._build(np.floor_divide, other, self)

    def __mod__(self, other: Any) -> N:
        return self._build(np.remainder, self, other)

    def __rmod__(self, other: Any) -> N:
        return self._build(np.remainder, other, self)

    def __matmul__(self, other: Any) -> N:
        return self._build(np.matmul, self, other)

    def __rmatmul__(self, other: Any) -> N:
        return self._build(np.matmul, other, self)

    def __pow__(self, other: Any) -> N:
        return self._build(np.power, self, other)

    def __rpow__(self, other: Any) -> N:
        return self._build(np.power, other, self)

    def __neg__(self) -> N:
        return self._build(np.negative, self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> N:
        return self._build(np.absolute, self)

    def __round__(self, digits: int | None = None) -> Any:
        return np.round(self, digits or 0)

    def __and__(self, other: Any) -> N:
        return self._build(np.bitwise_and, self, other)

    def __rand__(self, other: Any) -> N:
        return self._build(np.bitwise_and, other, self)

    def __or__(self, other: Any) -> N:
        return self._build(np.bitwise_or, self, other)

    def __ror__(self, other: Any) -> N:
        return self._build(np.bitwise_or, other, self)

    def __xor__(self, other: Any) -> N:
        return self._build(np.bitwise_xor, self, other)

    def __rxor__(self, other: Any) -> N:
        return self._build(np.bitwise_xor, other, self)

    def __invert__(self) -> N:
        return self._build(np.invert, self)

    def __getitem__(self, key: Any) -> N:
        return self._build(operations.index, self, key)

    # --- comparisons -------------------------------------------------------------------------------------------------

    def __lt__(self, other: Any) -> N:
        return self._build(np.less, self, other)

    def __le__(self, other: Any) -> N:
        return self._build(np.less_equal, self, other)

    def __gt__(self, other: Any) -> N:
        return self._build(np.greater, self, other)

    def __ge__(self, other: Any) -> N:
        return self._build(np.greater_equal, self, other)

    def __eq__(self, other: Any) -> Any:
        return self._compared(np.equal, other)

    def __ne__(self, other: Any) -> Any:
        return self._compared(np.not_equal, other)

    def _compared(self, function: np.ufunc, other: Any) -> Any:
        """The comparison with a value; with anything else, whether it is the node itself."""
        if not isinstance(other, _VALUES) or function not in operations.NODES:
            return NotImplemented
        try:
            return self._build(function, self, other)
        except ShapeError as misfit:  # so that lists of nodes can be searched
            return Misfit(misfit, function is np.not_equal)

    def __bool__(self) -> bool:
        return self._refuse(
            f"{self.name or type(self).__name__} is neither true nor false: a node has no numbers before a run",
            "np.where(x > 0, a, b), np.maximum(x, y) or np.clip choose entry by entry; a is b asks for the same node",
        )

    # --- methods and attributes --------------------------------------------------------------------------------------

    sum, mean, prod, cumsum = _method(np.sum), _method(np.mean), _method(np.prod), _method(np.cumsum)
    max, min, any, all = _method(np.max), _method(np.min), _method(np.any), _method(np.all)
    var, std, argmax, argmin = _method(np.var), _method(np.std), _method(np.argmax), _method(np.argmin)
    clip, ravel, flatten = _method(np.clip), _method(np.ravel), _method(np.ravel)
    swapaxes, squeeze, dot, take = _method(np.swapaxes), _method(np.squeeze), _method(np.dot), _method(np.take)
    repeat, diagonal, round, astype = _method(np.repeat), _method(np.diagonal), _method(np.round), _method(np.astype)
    trace, conj, conjugate = _method(np.trace), _method(np.positive), _method(np.positive)
    argsort, cumprod, nonzero = _method(np.argsort), _method(np.cumprod), _method(np.nonzero)

    def reshape(self, *shape: Any, **options: Any) -> Any:
        """The same entries in another shape: ``Reshape``."""
        to = shape[0] if len(shape) == 1 and isinstance(shape[0], (list, tuple)) else shape
        return np.reshape(self, to, **options)

    def transpose(self, *axes: Any) -> Any:
        """The same entries with the axes in another order: ``Transpose``."""
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    def copy(self, order: str = "C") -> Any:
        """The node itself, which never changes."""
        return self

    @property
    def T(self) -> Any:
        """The transpose."""
        return self._build(np.transpose, self)

    @property
    def mT(self) -> Any:
        """The transpose of the last two axes."""
        return np.swapaxes(self, -1, -2) if self.ndim != 2 else self.T

    @_Asked
    def ndim(self) -> int:
        """How many axes the value has; raises ArgumentError where its shape is unknown."""
        return len(self._known_shape())

    @_Asked
    def size(self) -> Size:
        """How many entries the value has, a number or a size with names; raises ArgumentError where it is unknown."""
        return size_of(self._known_shape())

    def _known_shape(self) -> Shape:
        if self.shape is None:
            self._refuse("the shape is unknown before there is data", "def shape_of(self, ...) in the class says it")
        return self.shape

    def __len__(self) -> int:
        first = (*self._known_shape(), None)[0]
        if not isinstance(first, int):
            self._refuse(
                f"a node has no length{' before there is data' * (first is not None)}",
                "node.shape[0], a number or a name that can be computed with",
            )
        return first

    def __iter__(self) -> Iterator[N]:
        return (self[k] for k in range(len(self)))

    def __divmod__(self, other: Any) -> tuple[N, N]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[N, N]:
        return other // self, other % self

    def __lshift__(self, other: Any) -> N:
        return self._build(np.left_shift, self, other)

    def __rlshift__(self, other: Any) -> N:
        return self._build(np.left_shift, other, self)

    def __rshift__(self, other: Any) -> N:
        return self._build(np.right_shift, self, other)

    def __rrshift__(self, other: Any) -> N:
        return self._build(np.right_shift, other, self)

    __contains__ = None  # what is searched in lists, dicts and sets are nodes, not their entries

    def __getattr__(self, name: str) -> NoReturn:
        if remedy := what_to_write(name):
            has = "arrays have" if hasattr(np.ndarray, name) else "tensors have"
            raise NoAttributeError(f"{has} .{name}, and nodes do not", where=self.where, remedy=remedy)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # --- what would need numbers -------------------------------------------------------------------------------------

    def _refuse_number(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse(
            "a node is no number: it has none before a run",
            f"the node itself, without float(), item() or a format; np.exp(x) for math.exp(x); {_NO_NUMBERS}",
        )

    __float__ = __int__ = __index__ = __complex__ = item = tolist = _refuse_number

    def __format__(self, spec: str) -> str:
        return self._refuse_number() if spec else str(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        self._refuse(
            "a node is no array: it has no numbers before a run",
            f"{_NO_NUMBERS}; np.stack([a, b]) and np.concatenate([a, b]) join nodes; np.take(table, ids, axis=0) for "
            "table[ids]",
        )

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        self._refuse(
            "entries of a node cannot be set: it never changes",
            "np.where(mask, value, x) chooses entries; np.stack([...]) and np.concatenate([...]) join parts",
        )


@final
class Misfit:
    """The comparison of nodes whose shapes do not fit: the two are not the same, and anything more is an error."""

    def __init__(self, error: ShapeError, differ: bool) -> None:
        self._error, self._differ = error, differ

    def __bool__(self) -> bool:
        return self._differ

    def raised(self, *_: Any, **__: Any) -> NoReturn:
        """Raise the error about the shapes."""
        raise self._error

    __array__ = __array_ufunc__ = __array_function__ = raised
    __add__ = __radd__ = __mul__ = __rmul__ = __sub__ = __rsub__ = __truediv__ = __rtruediv__ = raised
    __and__ = __rand__ = __or__ = __ror__ = __invert__ = __getattr__ = raised


def _holds_node(value: Any) -> bool:
    """Whether an option is a node, or has one in it."""
    return any(isinstance(part, Operable) for part in (value if isinstance(value, (list, tuple)) else (value,)))


_VALUES = (Operable, Misfit, Symbol, Dimension, np.ndarray, np.generic, int, float, list, tuple)


def _answered(function: Any, x: Any, axis: Any = None) -> Any:
    """The shape, the number of axes, the number of entries."""
    if axis is None:
        return getattr(x, function.__name__)
    return size_of([x.shape[k] for k in normal_axes(axis, len(x.shape))])


def _said(function: Any) -> str:
    """A function as people write it: np.linalg.norm."""
    module = getattr(function, "__module__", None) or "numpy"
    own = module.partition(".")[0] != "numpy"
    return function.__name__ if own else f"{module.replace('numpy', 'np', 1)}.{function.__name__}"
