"""The same entries in another arrangement: reshaped, stretched, joined, picked out."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final, final

import numpy as np

from chainrule.core.facts import Axes, Axis, Key, NewShape, OneAxis, Sizes
from chainrule.core.leaves import Constant
from chainrule.core.node import Node, Operand
from chainrule.core.placing import here
from chainrule.errors import ArgumentError
from chainrule.nodes.named_sizes import in_numbers
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.dimensions import Shape, as_shape, as_size
from chainrule.symbols.elementary import put
from chainrule.symbols.operations import index
from chainrule.symbols.shapes import one_axis
from chainrule.symbols.symbol import Symbol, Value, record


@final
class Reshape(Node, computes=(np.reshape, np.ravel)):
    """x in the shape ``to``, where -1 stands for what remains; without ``to``, in the shape of ``like`` or in one row.

    Sizes with a name in ``to`` get their numbers from the shapes of x, ``like`` and further inputs, which have no
    gradient.

    >>> from chainrule import Input
    >>> Reshape(Input("pictures", ("m", 2, 4)), to=("m", 8)).shape
    (m, 8)
    """

    to: NewShape = None

    def __init__(
        self, x: Operand, *like: Operand, to: tuple[Any, ...] | int | str | None = None, name: str | None = None
    ) -> None:
        super().__init__(x, *like, to=_with_names(to), name=name)

    @classmethod
    def of_call(cls, x: Operand, *like: Operand, shape: Any = -1) -> Node:
        """The node for ``np.reshape(x, shape=shape)`` and ``np.ravel(x)``."""
        return cls(x, *like, to=shape)

    def forward(self, x: Value, like: Value = None, *more: Value) -> Value:
        return np.reshape(x, _shape_to(self, x, like, *more))

    def backward(self, grad: Value, y: Value, x: Value, *like: Value) -> tuple[Value | None, ...]:
        return grad.reshape(x.shape), *(None for _ in like)


def _with_names(to: Any) -> Any:
    """The sizes of a new shape, with a text for each name that is one: -1 and what is no shape stay as they are."""
    if isinstance(to, (tuple, list, np.ndarray)):
        return tuple(_with_names(size) for size in to)
    return as_size(to) if isinstance(to, str) else to


def _shape_said(to: Any) -> Shape:
    try:
        return as_shape(to)
    except (TypeError, ValueError) as error:
        said = f"BroadcastTo: to={to!r} is no shape: {error}"
        raise ArgumentError(said, where=here(), remedy='to=(3, "m")') from None


@final
class BroadcastTo(Node, computes=np.broadcast_to):
    """x repeated without a copy until it has the shape ``to``, or, without ``to``, that of ``like``.

    Sizes with a name in ``to`` get their numbers from the shapes of x, ``like`` and further inputs, which have no
    gradient.

    >>> from chainrule import Input
    >>> row, table = Input("row", (1, "m")), Input("table", (3, "m"))
    >>> BroadcastTo(row, to=(3, "m")).shape, BroadcastTo(row, table).shape
    ((3, m), (3, m))
    """

    to: Sizes = None

    def __init__(self, x: Operand, *like: Operand, to: Any = None, name: str | None = None) -> None:
        super().__init__(x, *like, to=None if to is None else _shape_said(to), name=name)

    @classmethod
    def of_call(cls, x: Operand, *like: Operand, shape: Any) -> Node:
        """The node for ``np.broadcast_to(x, shape=shape)``."""
        return cls(x, *like, to=shape)

    def forward(self, x: Value, like: Value = None, *more: Value) -> Value:
        return np.broadcast_to(x, _shape_to(self, x, like, *more))

    def backward(self, grad: Value, y: Value, x: Value, *like: Value) -> tuple[Value | None, ...]:
        return unbroadcast(grad, x), *(None for _ in like)


def _shape_to(node: Reshape | BroadcastTo, x: Value, like: Value, *more: Value) -> Any:
    """The shape that is said, in numbers where arrays have them, or that of ``like``."""
    if node.to is not None:
        return in_numbers(node, node.to, (x,) if like is None else (x, like, *more))
    if like is None and isinstance(node, BroadcastTo):
        raise ArgumentError("BroadcastTo stretches to a shape", remedy='to=(3, "m"), or a value to be like')
    return -1 if like is None else like.shape


@final
class ExpandDims(Node, computes=np.expand_dims):
    """x with axes of size 1 put in at ``axis``, counted in the result."""

    axis: Axes = 0

    def forward(self, x: Value) -> Value:
        return np.expand_dims(x, self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (np.squeeze(grad, axis=self.axis),)


@final
class Squeeze(Node, computes=np.squeeze):
    """x without its axes of size 1, or without those in ``axis``."""

    axis: Axis = None

    @classmethod
    def of_call(cls, x: Operand, axis: int | tuple[int, ...] | None = None) -> Node:
        """The node for ``np.squeeze(x, axis)``: x itself where it is a number, as costs are that people squeeze."""
        return x if isinstance(x, Node) and x.shape == () and axis is None else cls(x, axis=axis)

    @classmethod
    def settled(cls, given: Mapping[str, Any], *shapes: Shape | None) -> Mapping[str, Any]:
        """The axes that are known to have the size 1: one with a name stays, also where there is a single example."""
        if given.get("axis") is not None or shapes[0] is None:
            return {}
        ones = tuple(k for k, size in enumerate(shapes[0]) if size == 1)
        return {"axis": ones[0] if len(ones) == 1 else ones}

    def forward(self, x: Value) -> Value:
        return np.squeeze(x, axis=self.axis)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (grad.reshape(x.shape),)


@final
class SwapAxes(Node, computes=np.swapaxes):
    """x with two axes in each other's place."""

    axis1: OneAxis = -1
    axis2: OneAxis = -2

    def forward(self, x: Value) -> Value:
        return np.swapaxes(x, self.axis1, self.axis2)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (np.swapaxes(grad, self.axis1, self.axis2),)


@final
class Concatenate(Node, computes=np.concatenate):
    """Values laid end to end along ``axis``."""

    axis: OneAxis = 0

    @classmethod
    def of_call(cls, arrays: Sequence[Operand], axis: int = 0) -> Node:
        """The node for ``np.concatenate(arrays, axis)``."""
        return cls(*arrays, axis=axis)

    def forward(self, *values: Value) -> Value:
        return np.concatenate(values, axis=self.axis)

    def backward(self, grad: Value, output: Value, *values: Value) -> tuple[Value, ...]:
        before = (slice(None),) * (self.axis % output.ndim)
        ends = [0, *itertools.accumulate(x.shape[self.axis] for x in values)]
        return tuple(grad[(*before, slice(start, end))] for start, end in itertools.pairwise(ends))


# --- what is picked out ----------------------------------------------------------------------------------------------

FED: Final = "fed"  # no index of NumPy's: it marks where in a key the value of an input stands


@final
class Index(Node, computes=index):
    """x[key], where key is what NumPy takes: numbers, slices, arrays or lists of whole numbers.

    Indices that are fed are inputs behind x, and ``FED`` marks their places in the key; ``x[i, ids]`` writes it so.
    Bounds of slices may be sizes with a name, which have their numbers from the shapes of the inputs. Indices have no
    gradient.

    >>> from chainrule import Input
    >>> x, ids = Input("x", (3, "n")), Input("ids", "m", dtype=int)
    >>> x[1:, ids].shape, x[1:, ids].key
    ((2, m), (slice(1, None, None), 'fed'))
    """

    key: Key = ()

    def __init__(self, x: Operand, *indices: Operand, key: Any, name: str | None = None) -> None:
        parts = key if isinstance(key, tuple) else (key,)
        fixed = tuple(_listed_as_array(part) if isinstance(part, (list, tuple)) else part for part in parts)
        super().__init__(x, *indices, key=fixed if isinstance(key, tuple) else fixed[0], name=name)

    @classmethod
    def of_call(cls, x: Operand, key: Any, *sized: Operand) -> Node:
        """The node for ``x[key]``, in which nodes may stand; further inputs tell the sizes that a key names."""
        fixed, indices = fed_parts(key)
        return cls(x, *indices, *sized, key=fixed)

    def forward(self, x: Value, *indices: Value) -> Value:
        return x[filled_key(self, self.key, (x, *indices), (x, *indices))]

    def backward(self, grad: Value, y: Value, x: Value, *indices: Value) -> tuple[Value | None, ...]:
        key = filled_key(self, self.key, (x, *indices), (x, *indices))
        return put(grad, key, x), *(None for _ in indices)


def _listed_as_array(part: Sequence[Any]) -> Any:
    """A list of indices as an array, of none as one of whole numbers; a ragged list as it is, which is no key."""
    try:
        array = np.array(part)
    except ValueError:
        return [*part]
    return array if array.size else array.astype(int)


def fed_parts(key: Any) -> tuple[Any, tuple[Node, ...]]:
    """A key with the nodes in it marked as ``FED``, and those nodes."""
    parts = key if isinstance(key, tuple) else (key,)
    marked = tuple(FED if isinstance(part, Node) else part for part in parts)
    return marked if isinstance(key, tuple) else marked[0], tuple(part for part in parts if isinstance(part, Node))


def filled_key(node: Node, key: Any, values: Sequence[Value], sized: Sequence[Value]) -> Any:
    """A key with what is fed in its places and numbers for sizes with a name; ``values`` are x and the indices."""
    indices = iter(values[1:])
    parts = key if isinstance(key, tuple) else (key,)
    _check_fed(parts, len(values) - 1)
    filled = tuple(next(indices) if isinstance(part, str) else part for part in parts)
    filled = in_numbers(node, filled, sized)
    return filled if isinstance(key, tuple) else filled[0]


def _check_fed(parts: Sequence[Any], fed: int) -> None:
    """Raise ArgumentError for text in a key that no input stands for."""
    texts = [part for part in parts if isinstance(part, str)]
    if any(text != FED for text in texts) or len(texts) > fed:
        raise ArgumentError(
            f"key={parts if len(parts) != 1 else parts[0]!r} has text in it, and entries have no names",
            remedy="whole numbers and slices, such as x[0, 1:]",
        )


def whole_numbers(indices: Operand) -> Node:
    """Indices as a node; raises ArgumentError for what is no whole numbers, which a lookup would refuse in each run."""
    if isinstance(indices, Node) and indices.dtype.kind != "f":
        return indices
    if not isinstance(indices, Node) and (np.asarray(indices).dtype.kind in "iub" or np.size(indices) == 0):
        return Constant(indices, dtype=int)
    raise ArgumentError(
        "indices are whole numbers",
        where=here(),
        given=repr(indices)[:80],
        remedy='Input("ids", "m", dtype=int), or a list of whole numbers',
    )


@final
class Gather(Node, computes=np.take):
    """Columns of a table by whole number (``axis=-1``), or rows (``axis=0``): how a learned input is looked up.

    An entry that is looked up several times receives the sum of the gradients; the indices have none.
    """

    axis: OneAxis = -1

    def __init__(self, table: Operand, indices: Operand, *, axis: int = -1, name: str | None = None) -> None:
        super().__init__(table, whole_numbers(indices), axis=axis, name=name)

    @classmethod
    def of_call(cls, table: Operand, indices: Operand, axis: int | None = None) -> Node:
        """The node for ``np.take(table, indices, axis)``; without an axis, of all entries in a row."""
        return cls(Reshape(table), indices, axis=0) if axis is None else cls(table, indices, axis=axis)

    def forward(self, table: Value, indices: Value) -> Value:
        return _taken(table, indices, self.axis)

    def backward(self, grad: Value, y: Value, table: Value, indices: Value) -> tuple[Value, None]:
        before = (slice(None),) * (self.axis % table.ndim)
        return put(grad, (*before, indices), table), None


@final
class ScatterAdd(Node):
    """The table with updates added at columns by whole number (``axis=-1``), or at rows (``axis=0``).

    The updates have the shape of what ``Gather(table, indices)`` gives, or broadcast to it; what is named twice
    receives both.
    """

    axis: OneAxis = -1

    def __init__(
        self, table: Operand, indices: Operand, updates: Operand, *, axis: int = -1, name: str | None = None
    ) -> None:
        super().__init__(table, whole_numbers(indices), updates, axis=axis, name=name)

    def forward(self, table: Value, indices: Value, updates: Value) -> Value:
        before = (slice(None),) * one_axis(self.axis, table.ndim)
        return table + put(updates, (*before, indices), table)

    def backward(
        self, grad: Value, y: Value, table: Value, indices: Value, updates: Value
    ) -> tuple[Value, None, Value]:
        return grad, None, unbroadcast(_taken(grad, indices, self.axis), updates)


def _taken(x: Value, indices: Value, axis: int) -> Value:
    """``np.take``, which NumPy hands to a Symbol that it takes from, and not to one that says where."""
    if isinstance(indices, Symbol):
        return record(np.take, (x, indices), {"axis": axis})
    return np.take(x, indices, axis=axis)


# --- shape and dtype of another value --------------------------------------------------------------------------------


@final
class FullLike(
    Node, computes={np.full_like: {}, np.zeros_like: {"fill_value": 0.0}, np.ones_like: {"fill_value": 1.0}}
):
    """``fill_value`` in every place of an array like x, which lends its shape and dtype and has no gradient."""

    @classmethod
    def of_call(cls, x: Operand, fill_value: Operand) -> Node:
        """The node for ``np.full_like(x, fill_value)``, ``np.zeros_like(x)`` and ``np.ones_like(x)``."""
        return cls(x, fill_value)

    def forward(self, x: Value, fill_value: Value) -> Value:
        return np.full_like(x, fill_value)

    def backward(self, grad: Value, y: Value, x: Value, fill_value: Value) -> tuple[None, Value]:
        return None, unbroadcast(grad, fill_value)


def _number_kind(to: Any) -> np.dtype[Any]:
    try:
        kind = np.dtype(to)
    except TypeError:
        kind = np.dtype(object)
    if kind.kind not in "fiub":
        raise ArgumentError(f"AsType converts to float, int or bool, not to {to!r}", where=here(), remedy="to=float")
    return np.dtype(float) if kind.kind == "f" else kind


@final
class AsType(Node, computes=np.astype):
    """x converted to another kind of number: ``to`` is float, int or bool.

    A float is of the precision of the run, whatever is said. Whole numbers and truth values have no gradient.
    """

    to: Any = float

    def __init__(self, x: Operand, *, to: Any = float, name: str | None = None) -> None:
        super().__init__(x, to=_number_kind(to), name=name)

    @classmethod
    def of_call(cls, x: Operand, dtype: Any) -> Node:
        """The node for ``np.astype(x, dtype)``."""
        return cls(x, to=dtype)

    def forward(self, x: Value) -> Value:
        return x if x.dtype.kind == np.dtype(self.to).kind == "f" else np.astype(x, self.to)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value | None]:
        return (grad if x.dtype.kind == y.dtype.kind == "f" else None,)
