"""The leaves of a graph, whose values are given: Input, Parameter and Constant."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, final

import numpy as np

from chainrule.core.node import Node
from chainrule.core.read_only import read_only
from chainrule.errors import ArgumentError
from chainrule.symbols import operations
from chainrule.symbols.dimensions import Shape, Size, as_shape, shape_text

if TYPE_CHECKING:
    import numpy.typing as npt


STARTS: Final = ("glorot", "he", "normal", "zeros", "ones")
"""What a parameter can start with by name."""


class Leaf(Node):
    """A node that computes nothing: its value is given."""

    @abstractmethod
    def __init__(self, name: str | None) -> None:
        self._describe((), name)

    def forward(self, *_: Any) -> NoReturn:
        """Never called by a graph: the value of a leaf is given."""
        self._no_rule("graph.forward(feeds) after graph = Graph(loss)")

    def backward(self, *_: Any) -> NoReturn:
        """Never called by a graph: a leaf passes nothing on."""
        self._no_rule("run.backward() after run = graph.forward(feeds)")

    def _no_rule(self, remedy: str) -> NoReturn:
        raise ArgumentError(f"{type(self).__name__} has no rule: its value is given", where=self.where, remedy=remedy)

    def replace(self, *inputs: Node) -> Node:
        """A leaf reads nothing, so it stays as it is."""
        return self


@final
class Input(Leaf):
    """A value that is fed at every run: data, labels, indices.

    >>> Input("A0", shape=(2, "m"))
    <Input 'A0' (2, m)>

    A size may be a name such as ``"m"``; it gets its number from the data and must agree across all inputs.
    ``dtype=int`` (indices) and ``dtype=bool`` (conditions) keep their type and have no gradient.
    """

    def __init__(self, name: str, shape: Any = (), dtype: Any = float) -> None:
        super().__init__(name)
        self.__dict__.update(shape=_declared_shape(self, shape), dtype=_declared_dtype(self, dtype))


@final
class Parameter(Leaf):
    """A value that training changes: weights and biases.

    >>> Parameter("W1", shape=(3, 2))
    <Parameter 'W1' (3, 2)>

    ``init`` says how ``Graph.initialize`` starts it: "glorot", "he", "normal", "zeros", "ones", a number or array,
    or a function of a random generator and the shape. None chooses by use: weights before a ReLU get "he", other
    weights "glorot", all else "zeros".
    """

    init: Any

    def __init__(self, name: str, shape: Any = (), init: Any = None) -> None:
        super().__init__(name)
        declared = _declared_shape(self, shape)
        self.__dict__.update(shape=declared, init=_checked_start(self, declared, init))


@final
class Constant(Leaf, computes=operations.constant):
    """A value that never changes and has no gradient.

    >>> Constant([[1, 2, 3]])
    <Constant (1, 3)>

    Floating values take the dtype of the run. ``dtype=int`` keeps whole numbers, for indices.
    """

    value: npt.NDArray[Any]
    has_gradient: ClassVar[bool] = False

    def __init__(self, value: npt.ArrayLike, name: str | None = None, dtype: Any = float) -> None:
        super().__init__(name)
        self.__dict__["dtype"] = _declared_dtype(self, dtype)
        array = _constant_array(self, value)
        self.__dict__.update(value=read_only(array), shape=array.shape)


def _constant_array(node: Constant, value: npt.ArrayLike) -> npt.NDArray[Any]:
    try:
        array = np.array(value)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"dtype {array.dtype}")
        return array.astype(node.dtype)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"a Constant is a number or an array of real numbers, not {type(value).__name__}",
            where=node.where,
            given=str(error),
            remedy="numbers; data of other kinds has to be turned into numbers first",
        ) from None


def _checked_start(node: Parameter, shape: Shape, init: Any) -> Any:
    """What a parameter starts with, an array as a copy; raises ArgumentError for what it cannot start with."""
    if init is None or callable(init) or (isinstance(init, str) and init in STARTS):
        return init
    if isinstance(init, str):
        said = f"init={init!r} is none of {', '.join(STARTS)}"
        raise ArgumentError(said, where=node.where, remedy='init="glorot"')
    start = as_start(node, init)
    if start.shape != () and not (len(start.shape) == len(shape) and all(map(_fits, start.shape, shape))):
        said = f"init gives shape {shape_text(start.shape)}"
        raise ArgumentError(said, where=node.where, given=f"shape={shape_text(shape)}", remedy="an array of its shape")
    return read_only(start) if start.ndim else init


def _fits(number: int, size: Size) -> bool:
    return number == size or not isinstance(size, int)


def as_start(node: Parameter, given: Any) -> npt.NDArray[Any]:
    """The numbers that a parameter starts with; raises ArgumentError where they are no finite numbers."""
    try:
        start = np.array(given, dtype=float)
        if not np.isfinite(start).all():
            raise ValueError("it is not finite")
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            "init is no finite numbers", where=node.where, given=f"{given!r}: {error}"[:120], remedy='init="glorot"'
        ) from None
    return start


def _declared_shape(node: Node, shape: Any) -> Shape:
    try:
        return as_shape(shape)
    except (TypeError, ValueError) as error:
        remedy = 'shape=(2, "m")'
        if isinstance(shape, np.ndarray):
            remedy = f"shape={shape.shape}, and init= for the numbers that a Parameter starts with"
        raise ArgumentError(str(error), where=node.where, given=f"shape={shape!r}", remedy=remedy) from None


def _declared_dtype(node: Node, dtype: Any) -> np.dtype[Any]:
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if found.kind not in "fiub":
        raise ArgumentError(
            f"dtype is float, int or bool, not {dtype!r}",
            where=node.where,
            remedy="float for numbers, int for indices, bool for conditions",
        )
    return found
