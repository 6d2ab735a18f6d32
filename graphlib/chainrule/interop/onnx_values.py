"""A value of an ONNX model in the making: NumPy's functions on it become nodes of the model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from fractions import Fraction
from math import prod
from typing import Any, Final, TypeAlias, final

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin

from chainrule.errors import ArgumentError
from chainrule.interop.neighbour import Neighbour
from chainrule.symbols.dimensions import Dimension, Rest, Shape, as_shape
from chainrule.symbols.operations import index, operation

onnx: Any = Neighbour("onnx", "onnx")
Array: TypeAlias = npt.NDArray[Any]
Handler: TypeAlias = Callable[..., Any]

WRITTEN: Final[dict[Any, Handler]] = {}
"""What writes a function: it is handed the model and the operands, as Tensors or numbers, and the options."""


def writes(*functions: Any) -> Callable[[Handler], Handler]:
    """Enter what writes these functions."""

    def enter(handler: Handler) -> Handler:
        WRITTEN.update(dict.fromkeys(functions, handler))
        return handler

    return enter


@final
class Model:
    """The nodes and constants so far."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.names: set[str] = set()
        self.sizes: dict[str, Tensor] = {}
        """The tensors of the sizes with names."""
        self._known: dict[Any, Tensor] = {}

    def fresh(self, wanted: str) -> str:
        """A name that no value has."""
        name, count = wanted, 1
        while name in self.names or not name:
            count += 1
            name = f"{wanted}_{count}"
        self.names.add(name)
        return name

    def node(self, kind: str, *inputs: Any, shape: Any, dtype: Any = None, **attributes: Any) -> Any:
        """The first output of a new node; an input that is no Tensor is a constant of the kind of the others."""
        numbers = next((x.dtype for x in inputs if isinstance(x, Tensor)), self.dtype)
        given = [x if isinstance(x, Tensor) or x is None else self.constant(x, numbers) for x in inputs]
        name = self.fresh(f"{kind.lower()}_{len(self.nodes)}")
        names = ["" if x is None else x.name for x in given]
        self.nodes.append(onnx.helper.make_node(kind, names, [name], **attributes))
        return Tensor(self, name, shape, numbers if dtype is None else dtype)

    def constant(self, value: Any, dtype: Any = None) -> Any:
        """A constant; a number is there once."""
        array = np.asarray(value)
        array = array if dtype is None else array.astype(dtype)
        array = array.astype(array.dtype.newbyteorder("="))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            name = self.fresh(f"constant_{len(self.constants)}")
            self.constants.append(onnx.numpy_helper.from_array(np.array(array, order="C"), name))
            self._known[key] = Tensor(self, name, array.shape, array.dtype)
        return self._known[key]

    def whole(self, *numbers: int) -> Any:
        """Whole numbers on one axis: axes, starts, sizes."""
        return self.constant(np.array(numbers, np.int64))

    def size(self, size: Any) -> Any:
        """A size as one whole number on an axis of 1."""
        if not isinstance(size, Dimension):
            return self.whole(int(size))
        key = ("size", str(size))
        if key not in self._known:
            self._known[key] = self._sum(size, np.dtype(np.int64))
        return self._known[key]

    def number(self, size: Any, dtype: Any) -> Any:
        """A size, whole or not, as a number without axes."""
        if not isinstance(size, Dimension):
            return self.constant(size, dtype)
        return np.reshape(self._sum(size, np.dtype(dtype)), ())

    def _sum(self, size: Dimension, dtype: np.dtype[Any]) -> Any:
        """Factors times powers of names, added up."""
        total: Any = None
        for monomial, factor in size.terms:
            above: Any = self.constant(np.array([Fraction(factor).numerator]), dtype)
            below: Any = self.constant(np.array([Fraction(factor).denominator]), dtype)
            for name, power in monomial:
                part = self._named(name, dtype)
                for _ in range(abs(power)):
                    above, below = (above * part, below) if power > 0 else (above, below * part)
            term = self.node("Div", above, below, shape=(1,)) if _is_fraction(monomial, factor) else above
            total = term if total is None else total + term
        return self.constant(np.zeros(1), dtype) if total is None else total

    def _named(self, name: Any, dtype: np.dtype[Any]) -> Any:
        if isinstance(name, Rest):
            found = self.size(name.size)
            found = self.node("Max", found, self.whole(0), shape=(1,))
        else:
            found = self.sizes[name]
        return found if dtype == np.int64 else found.astype(dtype)

    def sizes_of(self, shape: Any) -> Any:
        """A shape as whole numbers on one axis."""
        sizes = as_shape(shape)
        if not any(isinstance(size, Dimension) for size in sizes):
            return self.constant(np.array(sizes, np.int64).reshape(-1))
        return self.node("Concat", *map(self.size, sizes), shape=(len(sizes),), dtype=np.int64, axis=0)

    def apply(self, function: Any, operands: Any, options: Mapping[str, Any]) -> Any:
        """What writes a function; a function of this package without a writer is opened: its own code runs."""
        if function in WRITTEN:
            return WRITTEN[function](self, *operands, **options)
        if getattr(function, "__module__", "").startswith("chainrule.symbols."):
            return inspect.unwrap(function)(*operands, **options)
        raise ArgumentError(
            f"ONNX has no operator for {getattr(function, '__name__', function)}",
            remedy="another node, or opset operators that compute it, by a rule made of other functions",
        )


def _is_fraction(monomial: Any, factor: Any) -> bool:
    return Fraction(factor).denominator != 1 or any(power < 0 for _, power in monomial)


@final
class Tensor(NDArrayOperatorsMixin):
    """One value: its name in the model, its shape, where sizes may have names, and its dtype."""

    __hash__ = object.__hash__

    def __init__(self, model: Model, name: str, shape: Any, dtype: Any) -> None:
        self.model, self.name = model, name
        self.shape: Shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.size = prod(size if isinstance(size, int) else 1 for size in self.shape)
        """How many entries there are for sizes of 1: whether there can be any."""

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> Any:
        (target,) = options.pop("out", (None,))
        if method != "__call__" or options:
            return NotImplemented
        found = self.model.apply(ufunc, operands, {})
        if target is None:
            return found
        target.becomes(found)
        return target

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self.model.apply(function, args, kwargs)

    def __getitem__(self, key: Any) -> Any:
        return self.model.apply(index, (self, key), {})

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The value in another dtype."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        kind = onnx.helper.np_dtype_to_tensor_dtype(dtype)
        return self.model.node("Cast", self, shape=self.shape, dtype=dtype, to=kind)

    def reshape(self, *shape: Any) -> Any:
        """The value in another shape."""
        return self.model.apply(np.reshape, (self, shape[0] if len(shape) == 1 else shape), {})

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The sum along axes."""
        return self.model.apply(np.sum, (self,), {"axis": axis, "keepdims": keepdims})

    def all(self) -> bool:
        """False: whether all are true is not known before there is data, so a choice between entries is written."""
        return False

    def becomes(self, other: Tensor) -> None:
        """Stand for another value from here on, as an array that is written to."""
        self.name, self.shape, self.dtype = other.name, other.shape, other.dtype


def shape_of(function: Any, *operands: Any, **options: Any) -> Any:
    """The shape that the table of operations has."""
    row = operation(function)
    assert row is not None  # only functions of the table are asked for
    return row.shape(*operands, **options)
