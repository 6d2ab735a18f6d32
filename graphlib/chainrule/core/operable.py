"""What operators, methods and NumPy functions do with a node: they build another, or say what would."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.symbols import operations
from chainrule.symbols.dimensions import Shape

N = TypeVar("N")


class Operable(ABC, Generic[N]):
    """Something that stands in expressions as a value does; each builds the node that computes its function."""

    __array_ufunc__ = None  # so that ``array * node`` builds a node

    name: str | None
    shape: Shape | None

    @property
    @abstractmethod
    def where(self) -> str:
        """What it is and which line built it, for messages."""

    def _build(self, function: Callable[..., Any], *operands: Any, **options: Any) -> N:
        built: N = operations.NODES[function](*operands, **options)
        return built

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

    def __getitem__(self, key: Any) -> N:
        return self._build(operations.index, self, key)

    def __abs__(self) -> N:
        return self._build(np.absolute, self)

    @property
    def T(self) -> N:
        """The transpose."""
        return self._build(np.transpose, self)

    def sum(self, axis: Any = None, keepdims: bool = False) -> N:
        """The sum over axes: ``Sum``."""
        return self._build(np.sum, self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> N:
        """The mean over axes: ``Mean``."""
        return self._build(np.mean, self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> N:
        """The largest entry along axes: ``Max``."""
        return self._build(np.max, self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> N:
        """The same entries in another shape: ``Reshape``."""
        to = shape[0] if len(shape) == 1 and isinstance(shape[0], (list, tuple)) else shape
        return self._build(np.reshape, self, shape=to)

    @property
    def ndim(self) -> int:
        """How many axes the value has; raises ArgumentError where its shape is unknown."""
        if self.shape is None:
            raise ArgumentError("the shape is unknown before there is data", where=self.where)
        return len(self.shape)

    def __len__(self) -> int:
        raise ArgumentError("a node has no length", where=self.where, remedy="node.shape[0], a number or a name")

    def __bool__(self) -> bool:
        return True

    def _refuse_comparison(self, other: Any) -> NoReturn:
        raise ArgumentError(
            "nodes are not compared before there is data",
            where=self.where,
            remedy="Where(condition, a, b) with Input(..., dtype=bool) as the condition; ReLU, Maximum, Clip compare",
        )

    __lt__ = __le__ = __gt__ = __ge__ = _refuse_comparison

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise ArgumentError(
            "a node is no array: it has no numbers before a run", where=self.where, remedy="run[node] after a forward"
        )

    def __array_function__(self, function: Any, types: Any, values: Any, options: Any) -> Any:
        if function is np.shape and self.shape is not None:
            return self.shape
        if function is np.ndim:
            return self.ndim
        raise ArgumentError(
            f"np.{function.__name__} takes arrays, and {self.name or type(self).__name__} is a node",
            where=self.where,
            remedy="operators (W @ x, a + b, x.T, x[0]) and the node classes: MatMul, Exp, Sum, Maximum, Where, ...",
        )

    __iter__ = None  # indexing alone would make Python loop over a node without end
