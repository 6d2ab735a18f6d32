"""The calls of an author's functions while they build nodes: which call built which node, and its variables then."""

from __future__ import annotations

import functools
import sys
import sysconfig
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeAlias, final

import numpy as np

from chainrule.core.node import Node
from chainrule.core.placing import Witness, is_own
from chainrule.core.variables import Claim, claims, numbered

Calls: TypeAlias = tuple[FrameType, ...]
"""The calls that a node was built in, the outermost first."""

_STANDARD = sysconfig.get_path("stdlib")
_NUMPY = str(Path(np.__file__).parent)


@final
class AuthorCalls(Witness):
    """What is seen of a function while it is called with nodes.

    It is told when a node is built, and looks at the variables of the calls on the way: so every value that a variable
    had is seen, if a node was built before the next. A call that is over keeps its last variables while somebody holds
    its frame, as is done here. No profiler or tracer is set, so whoever has set one is not disturbed.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.calls: dict[Node, Calls] = {}
        self.constants: dict[int, tuple[Any, Any]] = {}
        """By the identity of an array, which is kept so that it stays the only one: what it is, and its node."""
        self._claims: list[Claim] = []
        self._seen: dict[tuple[FrameType, str], Any] = {}
        self._outside = frozenset(
            map(id, _outwards(sys._getframe(1)))
        )  # to hold a call that holds this would be a circle
        self._code = getattr(_innermost(function), "__code__", None)

    def forget(self) -> None:
        """Let go of the calls and what they hold: they hold the call that holds this, which is a circle."""
        for kept in (self.calls, self.constants, self._claims, self._seen):
            kept.clear()

    def built(self, node: Any, frame: FrameType) -> None:
        """A node is being built: where, and what the variables on the way are at this moment."""
        calls = self._calls(frame)
        self.calls[node] = calls
        for depth, call in enumerate(calls):
            self._look(call, depth)

    def constant(self, value: Any, node: Any) -> Any:
        """One node for each array, as long as nobody writes into it."""
        if not isinstance(value, np.ndarray):
            return node
        _, before = self.constants.setdefault(id(value), (value, node))
        return before if np.array_equal(before.value, node.value) else node

    def _calls(self, frame: FrameType) -> Calls:
        """The author's calls on the way to this one, from the traced function on."""
        inside = [call for call in _outwards(frame, self._outside) if not _is_library(call)][::-1]
        begins = next((k for k, call in enumerate(inside) if call.f_code is self._code), 0)  # behind decorators
        return tuple(inside[begins:])

    def _look(self, call: FrameType, depth: int) -> None:
        """Note what variables of a call are other nodes than before."""
        for name, value in call.f_locals.items():
            if isinstance(value, Node) and self._seen.get((call, name)) is not value:
                self._seen[call, name] = value
                self._claims.append(Claim(name, value, depth))

    def claims(self) -> Iterator[Claim]:
        """What nodes and arrays were called: by variables, then by what these hold, then by what the function reads."""
        known = {identity: node for identity, (_, node) in self.constants.items()}
        depths = {call: depth for calls in self.calls.values() for depth, call in enumerate(calls)}
        for call, depth in depths.items():
            self._look(call, depth)
        yield from self._claims
        for call, depth in depths.items():
            for name, value in call.f_locals.items() if call.f_code.co_name != "<module>" else ():
                yield from (
                    claim for claim in claims(name, value, depth, known) if claim.kind or value is not claim.node
                )
        furthest = 1 + max(depths.values(), default=0)
        for code, scope in {call.f_code: call.f_globals for call in depths}.items():
            for name in code.co_names:
                yield from claims(name, scope.get(name), furthest, known)

    def layers(self, nodes: Sequence[Node]) -> dict[Node, tuple[str, ...]]:
        """For each node the layers that its calls are: one for every call of a helper, numbered if repeated."""
        ways = {node: _helpers(self.calls[node]) for node in nodes if node in self.calls}
        named: dict[Calls, str] = {}
        by_parent: dict[Calls, dict[Calls, str]] = {}
        for way in ways.values():
            for k, call in enumerate(way):
                by_parent.setdefault(way[:k], {})[way[: k + 1]] = _called(call.f_code)
        for children in by_parent.values():
            named.update(numbered(children.items()))
        return {node: (*node.layer, *(named[way[: k + 1]] for k in range(len(way)))) for node, way in ways.items()}


def _outwards(frame: FrameType | None, until: Collection[int] = ()) -> Iterator[FrameType]:
    """A call, the one that has called it, and so on."""
    while frame is not None and id(frame) not in until:
        yield frame
        frame = frame.f_back


def _innermost(function: Any) -> Any:
    """The function inside of decorators and of ``functools.partial``."""
    while hasattr(function, "__wrapped__") or isinstance(function, functools.partial):
        function = function.func if isinstance(function, functools.partial) else function.__wrapped__
    return function


def _is_library(call: FrameType) -> bool:
    """Whether a call is one of this package, of NumPy or of Python's own library, and none of the author's."""
    path = call.f_code.co_filename
    standard = path.startswith(_STANDARD) and "site-packages" not in path
    return is_own(call) or standard or path.startswith(_NUMPY)


def _helpers(calls: Calls) -> Calls:
    """The calls that are layers: named functions but the traced one, each once where it calls itself."""
    seen: set[CodeType] = {call.f_code for call in calls[:1]}
    found = []
    for call in calls[1:]:
        if call.f_code not in seen and not call.f_code.co_name.startswith("<"):
            found.append(call)
        seen.add(call.f_code)
    return tuple(found)


def _called(code: CodeType) -> str:
    """What a function is called: ``sigmoid``, ``Dense.forward``, and ``Dense`` for its ``__call__``."""
    return code.co_qualname.rpartition("<locals>.")[2].removesuffix(".__call__")
