"""A rule's contract, held in one place: what its forward and backward must return, and how a breach is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from chainrule.core.node import Node
from chainrule.core.read_only import read_only
from chainrule.errors import RuleError
from chainrule.symbols.dimensions import shape_text
from chainrule.symbols.symbol import known_shape

if TYPE_CHECKING:
    import numpy.typing as npt

Array: TypeAlias = "npt.NDArray[Any]"


def call_forward(node: Node, read: Sequence[Array], dtype: np.dtype[Any] | None = None) -> Array:
    """What the rule gives for arrays, read-only; raises RuleError where it raises or gives another dtype."""
    try:
        value = read_only(node.forward(*read))
        if dtype is not None and value.dtype != dtype and value.dtype.kind not in "iub":
            raise TypeError(f"it returned {value.dtype} where this run computes in {dtype}{_hint(read)}")
    except Exception as error:
        raise rule_error("forward", node, read, error) from error
    return value


def call_backward(node: Node, grad: Array, output: Array, inputs: Sequence[Array]) -> list[Array | None]:
    """What the rule sends to each input, read-only: one gradient per input, of its shape and dtype, or None.

    Raises RuleError where it raises or returns anything else.
    """
    try:
        returned = node.backward(grad, output, *inputs)
        _check_count(returned, len(inputs))
        return list(map(_checked, returned, inputs, range(len(inputs))))
    except Exception as error:
        raise rule_error("backward", node, inputs, error) from error


def check_traced(node: Node, returned: Any) -> None:
    """Hold what ``backward`` returned for Symbols to the same contract; raises RuleError."""
    try:
        _check_count(returned, len(node.inputs))
        for k, (gradient, x) in enumerate(zip(returned, node.inputs, strict=True)):
            shape = None if gradient is None else known_shape(gradient)
            if shape is not None and x.shape is not None:
                _check_shape(k, shape, x.shape)
    except Exception as error:
        raise rule_error("backward", node, (), error) from None


def _check_count(returned: Any, inputs: int) -> None:
    if type(returned) is tuple and len(returned) == inputs:
        return
    if isinstance(returned, tuple):
        raise TypeError(f"it returned {len(returned)} gradients for {inputs} inputs")
    kind = type(returned).__name__
    raise TypeError(f"it returns a tuple of {inputs}, one gradient per input, not {kind} (a comma missing?)")


def _check_shape(place: int, shape: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    if shape != expected:
        given, wanted = shape_text(shape), shape_text(expected)
        raise ValueError(f"the gradient of input {place} has shape {given}, the input has {wanted}")


def _checked(gradient: Any, x: Array, place: int) -> Array | None:
    if gradient is None:
        return None
    array = read_only(gradient)
    _check_shape(place, array.shape, x.shape)
    if array.dtype != x.dtype and x.dtype.kind == "f":
        raise TypeError(f"the gradient of input {place} is {array.dtype}, the input is {x.dtype}")
    return array


def _hint(read: Sequence[Array]) -> str:
    whole = any(x.dtype.kind in "iu" for x in read)
    return "; an input with dtype=int is for indices, not for arithmetic" if whole else ""


def rule_error(way: str, node: Node, read: Sequence[Array], error: Exception) -> RuleError:
    """The error of a rule as one that names the node, the line that built it and what the rule was handed."""
    names = [source.name or type(source).__name__ for source in node.inputs]
    given = ", ".join(f"{name} {value.shape} {value.dtype}" for name, value in zip(names, read, strict=False))
    label = f"{type(node).__name__} {node.name!r}" if node.name else type(node).__name__
    what = f"{label}.{way}: {type(error).__name__}: {getattr(error, 'what', error)}"
    return RuleError(what, where=node.where, given=given, remedy=getattr(error, "remedy", ""), node=node)
