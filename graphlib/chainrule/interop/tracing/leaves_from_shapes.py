"""What a function is called with: leaves in the place of shapes, and arrays in the place of leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from typing import Any, Final, TypeAlias, final

import numpy as np

from chainrule.core import leaves as kinds
from chainrule.core.leaves import Leaf
from chainrule.core.node import Node
from chainrule.core.variables import Path, contents
from chainrule.errors import ArgumentError, ChainruleError, NameConflictError, did_you_mean
from chainrule.symbols.dimensions import Dimension

Arguments: TypeAlias = dict[str, Any]


def leaves_of(given: Mapping[str, Any]) -> Arguments:
    """The arguments with an Input for every shape that has a name, and a Parameter for every other.

    >>> leaves_of({"X": (2, "m"), "parameters": {"W1": (3, 2)}, "layers": [{"b": (3, 1)}], "activation": "relu"})
    {'X': <Input 'X' (2, m)>, 'parameters': {'W1': <Parameter 'W1' (3, 2)>}, 'layers': [{'b': <Parameter 'b1' (3, 1)>}], 'activation': 'relu'}

    Raises ArgumentError for a tuple that is no shape, NameConflictError where two shapes would have one name.
    """  # noqa: E501 — a dict is shown in one line
    made: dict[str, str] = {}

    def leaf(path: Path, shape: Any) -> Any:
        if not isinstance(shape, tuple):
            return shape
        if before := made.get(path.name):
            raise NameConflictError(
                f"two shapes would become the leaf {path.name!r}",
                given=f"{before} and {shape}",
                remedy=f"cr.Parameter({path.name + '_2'!r}, {shape}) in the place of one of them",
            )
        made[path.name] = str(shape)
        return _leaf(path.name, shape)

    return {name: replaced(Path.of(name), value, leaf) for name, value in given.items()}


def _leaf(name: str, shape: tuple[Any, ...]) -> Leaf:
    if strange := [size for size in shape if not _is_size(size)]:
        raise ArgumentError(
            f"{name}: a tuple is a shape, and {strange[0]!r} is no size",
            given=f"{name}={shape!r}",
            remedy=f"{name}=[...]: a list may hold shapes, leaves and anything else; {name}=(3, 'm') is one shape",
        )
    kind = kinds.Input if any(isinstance(size, (str, Dimension)) for size in shape) else kinds.Parameter
    return kind(name, shape)


def _is_size(size: Any) -> bool:
    return isinstance(size, (str, int, np.integer, Dimension))


def replaced(path: Path, value: Any, change: Callable[[Path, Any], Any]) -> Any:
    """The value with what is in its dicts and lists changed; tuples and all else are handed over as they are."""
    if not isinstance(value, (dict, list)):
        return change(path, value)
    inside = iter(contents(path, value) or ())
    if isinstance(value, dict):
        return {key: replaced(*next(inside), change) for key in value}
    return [None if part is None else replaced(*next(inside), change) for part in value]


@final
class Call:
    """A function and what it is called with: leaves in the place of shapes, or arrays in the place of these."""

    def __init__(self, function: Callable[..., Any], leaves: Mapping[str, Any]) -> None:
        self.function = function
        self.name = getattr(function, "__qualname__", type(function).__qualname__).rpartition("<locals>.")[2]
        self.given = leaves_of(leaves)
        self._takes = _parameters(function)
        if self._takes is not None:
            self._require_fitting(self._takes)

    def _require_fitting(self, takes: Parameters) -> None:
        """Refuse arguments that the function does not have, and those that are missing, all at once."""
        more = (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
        needed = [p.name for p in takes.values() if p.default is p.empty and p.kind not in more]
        open_ended = any(p.kind is p.VAR_KEYWORD for p in takes.values())
        unknown = [did_you_mean(key, list(takes)) for key in self.given if not open_ended and key not in takes]
        missing = [key for key in needed if key not in self.given]
        said = [f"has no parameter {', '.join(unknown)}"] if unknown else []
        said += [f"needs {', '.join(missing)}"] if missing else []
        if said:
            raise ArgumentError(
                f"{self.name} {' and '.join(said)}",
                given=", ".join(self.given) or "nothing",
                remedy=f"a shape or a value for each of {', '.join(takes)}: X=(2, 'm')",
            )

    def with_nodes(self) -> Any:
        """What the function returns for leaves; an error of its own says that it was called with them."""
        try:
            return self._called(self._filled({}))  # it may change what it is handed
        except ChainruleError:
            raise
        except Exception as error:
            error.add_note(
                f"{self.name} was called with nodes by chainrule.trace: they have shapes, no numbers before a run, "
                "and are neither arrays nor floats: hasattr(x, 'shape') is true of arrays and of nodes"
            )
            raise

    def with_arrays(self, arrays: Mapping[Node, Any]) -> Any:
        """What the function returns for copies of arrays."""
        return self._called(self._filled(arrays))

    def _filled(self, arrays: Mapping[Node, Any]) -> Arguments:
        """The arguments in dicts and lists of their own, with copies of arrays in the place of leaves."""

        def array(_: Path, part: Any) -> Any:
            return arrays[part].copy() if isinstance(part, Leaf) and part in arrays else part

        return {name: replaced(Path.of(name), value, array) for name, value in self.given.items()}

    def _called(self, given: Arguments) -> Any:
        """Call the function: by position what stands before any number of others, all else by name."""
        takes = self._takes
        if takes is None:
            return self.function(*given.values())
        several = any(p.kind is p.VAR_POSITIONAL for p in takes.values())
        placed: list[Any] = []
        named = dict(given)
        for key, parameter in takes.items():
            by_position = parameter.kind is parameter.POSITIONAL_ONLY or (several and parameter.kind in _BY_POSITION)
            if key in named and parameter.kind is parameter.VAR_POSITIONAL:
                more = named.pop(key)
                placed.extend(more if isinstance(more, list) else [more])
            elif key in named and by_position:
                placed.append(named.pop(key))
            elif key in named and parameter.kind is parameter.VAR_KEYWORD and isinstance(named[key], dict):
                named |= named.pop(key)
        return self.function(*placed, **named)


Parameters: TypeAlias = Mapping[str, Parameter]
_BY_POSITION: Final = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def _parameters(function: Callable[..., Any]) -> Parameters | None:
    """The parameters of a function by name; None for one of C, which tells nothing of itself."""
    try:
        return signature(function).parameters
    except (TypeError, ValueError):
        return None
