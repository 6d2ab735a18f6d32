"""A rule's contract, held in one place: what its forward and backward must return, and how a breach is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, final

import numpy as np

from chainrule.core.learning import expected_shape
from chainrule.core.node import Node, input_names
from chainrule.core.output import several_values
from chainrule.core.read_only import read_only
from chainrule.errors import RuleError
from chainrule.symbols.dimensions import Shape, shape_text
from chainrule.symbols.symbol import known_shape

if TYPE_CHECKING:
    import numpy.typing as npt

Array: TypeAlias = "npt.NDArray[Any]"


@final
class Breach(NamedTuple):
    """How a rule breaks its contract: the kind of error that is, what is said of it, and what would keep it."""

    kind: type[Exception]
    said: str
    remedy: str


def count_breach(returned: Any, inputs: int) -> Breach | None:
    """The breach in what ``backward`` returned, if it is no tuple with one gradient per input."""
    if type(returned) is tuple and len(returned) == inputs:
        return None
    remedy = "one gradient per input, in input order, as in (grad * y,); None where there is none"
    if isinstance(returned, tuple):
        return Breach(TypeError, f"it returned {len(returned)} gradients for {inputs} inputs", remedy)
    kind = type(returned).__name__
    said = f"it returns a tuple of {inputs}, one gradient per input, not {kind} (a comma missing?)"
    return Breach(TypeError, said, remedy)


def shape_breach(name: str, shape: Shape, expected: Shape) -> Breach | None:
    """The breach in a gradient that has not the shape of the input of that name."""
    if shape == expected:
        return None
    said = f"the gradient of {name} has shape {shape_text(shape)}, the input has {shape_text(expected)}"
    return Breach(ValueError, said, "undo a broadcast: unbroadcast(gradient, x) sums over the axes that were stretched")


def dtype_breach(name: str, dtype: np.dtype[Any], expected: np.dtype[Any]) -> Breach | None:
    """The breach in a gradient that has not the dtype of the input of that name, which is a floating one."""
    if dtype == expected or expected.kind != "f":
        return None
    remedy = "Python numbers keep the dtype of the inputs, arrays of float64 do not"
    return Breach(TypeError, f"the gradient of {name} is {dtype}, the input is {expected}", remedy)


def call_forward(node: Node, read: Sequence[Array], dtype: np.dtype[Any] | None = None) -> Array:
    """What the rule gives for arrays, read-only; raises RuleError where it raises or gives another dtype.

    What NumPy makes of whole numbers and truth values alone, float64, is taken in the dtype of the run, which the rule
    cannot know.
    """
    try:
        value = node.forward(*read)
        if type(value) is not np.ndarray or value.dtype is not dtype:  # one object, but for foreign byte orders
            value = _in_dtype(node, value, read, dtype)
        value = read_only(value)
    except Exception as error:
        raise _rule_error("forward", node, read, error) from error
    if node._shape_from != "traced":
        _hold_to_shape(node, value.shape, read)
    return value


def _in_dtype(node: Node, result: Any, read: Sequence[Array], dtype: np.dtype[Any] | None) -> Array:
    """What a rule gave as an array in the dtype of the run; raises TypeError for one of another dtype."""
    if type(result) is tuple:
        raise several_values(result)
    value = np.asarray(kept_dtype(node, _weakly(result, dtype), dtype))
    if dtype is None or value.dtype == dtype or value.dtype.kind in "iub":
        return value
    if value.dtype == float and all(x.dtype.kind != "f" for x in read):
        return value.astype(dtype, copy=False)
    raise TypeError(f"it returned {value.dtype} where this run computes in {dtype}{_hint(read)}")


def _weakly(result: Any, dtype: np.dtype[Any] | None) -> Any:
    """A number of Python's own, such as a size, in the dtype of the run, as NumPy takes it beside arrays."""
    return result if dtype is None or type(result) not in (int, float) else dtype.type(result)


def kept_dtype(node: Node, value: Any, dtype: np.dtype[Any] | None) -> Any:
    """The value in the dtype of the run where a rule with a forward alone, read as mathematics, has made it float64."""
    wider = node.is_derived and dtype not in (None, np.float64) and getattr(value, "dtype", dtype) == np.float64
    return value.astype(dtype) if wider else value


_DECLARE = (
    "def shape_of(self, ...) in the class, with a shape for each input, says what it is; None where numbers decide"
)


def _hold_to_shape(node: Node, given: Shape, read: Sequence[Array]) -> None:
    """Hold what a rule gave to the shape that was learned or declared when the node was built; raises RuleError."""
    if node.shape is None:
        return
    expected = expected_shape(node.shape, [source.shape for source in node.inputs], read)
    if len(given) == len(expected) and all(n in (None, g) for n, g in zip(expected, given, strict=True)):
        return
    numbers = "" if expected == node.shape else f", here {shape_text(expected)}"  # type: ignore[arg-type]  # it is known here
    said = f"it gave shape {shape_text(given)}, and {shape_text(node.shape)}{numbers}, was {node._shape_from}"
    raise _rule_error("forward", node, read, ValueError(said), _DECLARE)


def _hint(read: Sequence[Array]) -> str:
    whole = any(x.dtype.kind in "iu" for x in read)
    return "; an input with dtype=int is for indices, not for arithmetic" if whole else ""


def call_backward(node: Node, grad: Array, output: Array, inputs: Sequence[Array]) -> list[Array | None]:
    """What the rule sends to each input, read-only: one gradient per input, of its shape and dtype, or None.

    Raises RuleError where it raises or returns anything else.
    """
    try:
        returned = node.backward(grad, output, *inputs)
    except Exception as error:
        raise _rule_error("backward", node, inputs, error) from error
    if type(returned) is not tuple or len(returned) != len(inputs):
        _require(count_breach(returned, len(inputs)), node, inputs)
    parts = [None if part is None else read_only(part) for part in returned]
    for k, (part, x) in enumerate(zip(parts, inputs, strict=True)):
        if part is not None and (part.shape != x.shape or (part.dtype is not x.dtype and part.dtype != x.dtype)):
            name = input_names(node)[k]
            _require(shape_breach(name, part.shape, x.shape) or dtype_breach(name, part.dtype, x.dtype), node, inputs)
    return parts


def check_traced(node: Node, returned: Any) -> None:
    """Hold what ``backward`` returned for Symbols to the same, as far as shapes are known; raises RuleError."""
    _require(count_breach(returned, len(node.inputs)), node)
    for name, part, x in zip(input_names(node), returned, node.inputs, strict=True):
        shape = None if part is None else known_shape(part)
        if shape is not None and x._plain_shape is not None:
            _require(shape_breach(name, shape, x._plain_shape), node)


def _require(breach: Breach | None, node: Node, read: Sequence[Array] = ()) -> None:
    if breach is not None:
        error = breach.kind(breach.said)
        raise _rule_error("backward", node, read, error, breach.remedy) from error


def _rule_error(way: str, node: Node, read: Sequence[Array], error: Exception, remedy: str = "") -> RuleError:
    """The error of a rule as one that names the node, the line that built it and what the rule was handed."""
    names = [source.name or type(source).__name__ for source in node.inputs]
    given = ", ".join(f"{name} {value.shape} {value.dtype}" for name, value in zip(names, read, strict=False))
    label = f"{type(node).__name__} {node.name!r}" if node.name else type(node).__name__
    what = f"{label}.{way}: {type(error).__name__}: {getattr(error, 'what', error)}"
    return RuleError(what, where=node.where, given=given, remedy=remedy or getattr(error, "remedy", ""), node=node)
