"""Rules that a Symbol cannot pass through, called as they are by a step of a program."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Final, Literal, final

import numpy as np

from chainrule.core.node import Node
from chainrule.core.read_only import read_only
from chainrule.core.rules import call_backward, call_forward


class Call(ABC):
    """Something that a Symbol cannot pass through, called as it is; what it returns may be what it is given."""

    @property
    @abstractmethod
    def __name__(self) -> str:
        """What it is called when it is printed, as NumPy's functions have it."""

    @abstractmethod
    def __call__(self, *values: Any) -> Any:
        """What it returns for arrays."""


@final
@dataclass(frozen=True, slots=True)
class RuleCall(Call):
    """A rule that a Symbol cannot pass through, called as it is: its ``forward``, or its ``backward`` as a tuple."""

    node: Node
    way: Literal["forward", "backward"]

    @property
    def __name__(self) -> str:
        return f"{type(self.node).__name__}.{self.way}"

    def __call__(self, *values: Any) -> Any:
        """What the rule returns for arrays, which it cannot write to; zeros where a gradient is None.

        Raises RuleError when the rule raises, or returns something that is no gradient, or has not the shape that was
        learned.
        """
        arrays = [read_only(value) for value in values]
        if self.way == "forward":
            dtype = next((array.dtype for array in arrays if array.dtype.kind == "f"), None)
            return call_forward(self.node, arrays, dtype)
        grad, output, *inputs = arrays
        parts = call_backward(self.node, grad, output, inputs)
        return tuple(np.zeros_like(x) if part is None else part for part, x in zip(parts, inputs, strict=True))


def pick(values: Any, place: int = 0) -> Any:
    """One of the gradients that a called rule returned."""
    return values[place]


_NO_CALLS: Final = frozenset(map(type, (np.add, np.sum, pick, None)))


def is_call(function: Any) -> bool:
    """Whether a function is a ``Call``; to ask an abstract class takes five times as long as to ask for the type."""
    return type(function) not in _NO_CALLS and isinstance(function, Call)
