"""What stands for a backward that is not there: one that is derived; or, for a near miss of a method, an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from chainrule.errors import ArgumentError

_derive: list[Callable[..., Sequence[Any]]] = []
_MEANT: Final = ("back", "backprop", "bprop", "bwd", "vjp", "pullback", "derivative", "grad", "gradient", "gradients")


def backward_derived_by(derive: Callable[..., Sequence[Any]]) -> None:
    """Say what derives a backward: it is made of nodes, which stand above a class of them, so it registers here."""
    _derive[:] = [derive]


def derived_backward(node: Any, *values: Any) -> Sequence[Any]:
    """The gradients for the inputs of a node, from ``grad``, the output and the inputs' values."""
    return _derive[0](node, *values)


def refuse_near_miss(kind: type, where: str) -> None:
    """Raise ArgumentError for a class whose backward is there under nearly that name: it would never be called."""
    written = {name: value for base in kind.__mro__[::-1] if not _is_ours(base) for name, value in vars(base).items()}
    for name, value in written.items():
        if name == "backward" or (_is_near(name) and (callable(value) or isinstance(value, _DESCRIPTORS))):
            raise ArgumentError(
                f"{kind.__name__} has a forward and {name!r}, which is no method backward",
                where=where,
                remedy=f"def backward(self, grad, output, ...); or another name for {name!r}, if it is something else",
            )


def without_forward(kind: type, where: str) -> ArgumentError:
    """The error for a class that says nothing of what it computes, with the method that may have been meant."""
    from difflib import get_close_matches

    written = [name for base in kind.__mro__ if not _is_ours(base) for name in vars(base) if name[:2] != "__"]
    near = get_close_matches("forward", written, n=1, cutoff=0.7)
    meant = f", and {near[0]!r} is no method forward" if near else ""
    remedy = "def forward(self, x), which returns the value" + " under this name" * bool(near)
    return ArgumentError(f"{kind.__name__} has no forward{meant}", where=where, remedy=remedy)


def _is_near(name: str) -> bool:
    """Whether somebody who wrote this name may have meant backward: nearly its letters, or a word for it."""
    from difflib import SequenceMatcher

    letters = name.lower().replace("_", "")
    return (
        letters in _MEANT
        or letters.endswith(_ENDS)
        or "backward" in letters
        or SequenceMatcher(None, letters, "backward").ratio() > _SIMILAR
    )


def _is_ours(base: type) -> bool:
    """Whether people have written the class, or this package and Python have."""
    return base is object or base.__module__.startswith("chainrule.core")


_SIMILAR: Final = 0.85
_ENDS: Final = ("gradient", "gradients")
_DESCRIPTORS: Final = (staticmethod, classmethod, property)
