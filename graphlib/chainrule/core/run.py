"""BaseRun: the values of one computation, its gradients, and what each consumer contributed to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, final

from chainrule.core.graph import BaseGraph
from chainrule.core.node import Node
from chainrule.core.passes import sweep
from chainrule.core.read_only import read_only
from chainrule.errors import UnknownNameError, did_you_mean

if TYPE_CHECKING:
    import numpy.typing as npt


Array: TypeAlias = "npt.NDArray[Any]"


@final
class Contribution(NamedTuple):
    """What one use of a node sent back to it: the consumer, which of its inputs the node is, and the gradient."""

    consumer: str
    position: int
    gradient: Array


class BaseRun(ABC):
    """One computation of a graph: what stands under ``chainrule.Run``, which people hold."""

    @abstractmethod
    def __init__(self, graph: BaseGraph, values: list[Array], check_finite: bool = False) -> None:
        self.graph = graph
        self._values = values
        self._check_finite = check_finite
        self._gradients: list[Array | None] | None = None
        self._received: list[list[tuple[int, int, Array]]] = []

    @property
    def values(self) -> Mapping[str | Node, Array]:
        """Every value, by name or node."""
        return _ByName(self.graph, lambda k: self._values[k])

    @property
    def gradients(self) -> Mapping[str | Node, Array]:
        """Every gradient of the loss that exists, by name or node; raises UnknownNameError before ``backward``."""
        return _ByName(self.graph, self._gradient, [k for k, g in enumerate(self._swept()) if g is not None])

    def __getitem__(self, key: str | Node) -> Array:
        if isinstance(key, Node) or key in self.graph:
            return self._values[self.graph.position(key)]
        if key.startswith("d") and key[1:] in self.graph:
            return self._gradient(self.graph.position(key[1:]))
        names = list(self.graph.names)
        raise UnknownNameError(
            f"no value or gradient is called {did_you_mean(key, [*names, *('d' + n for n in names)])}"
        )

    def backward(self, seed: Any = None, *, check_finite: bool | None = None) -> Mapping[str | Node, Array]:
        """Every gradient of the loss, from the outputs back to the leaves.

        ``seed`` is the gradient to start from: 1 for a scalar output, otherwise an array of the output's shape, or
        a dict of such by output. ``check_finite`` stops at the first rule that makes an infinity or NaN out of finite
        numbers; None does so where the run forward did. Raises FeedError when a seed is needed, or has another shape;
        NonFiniteError.
        """
        checked = self._check_finite if check_finite is None else check_finite
        self._gradients, self._received = sweep(self.graph, self._values, seed, check_finite=checked)
        return self.gradients

    def contributions(self, key: str | Node) -> tuple[Contribution, ...]:
        """What each use of a node sent back to it, in the order of the sweep; they sum to its gradient."""
        self._swept()
        uses = self._received[self.graph.position(key)]
        return tuple(Contribution(self.graph.names[consumer], place, grad) for consumer, place, grad in uses)

    @property
    def has_gradients(self) -> bool:
        """Whether ``backward`` has been called."""
        return self._gradients is not None

    def _swept(self) -> list[Array | None]:
        if self._gradients is None:
            raise UnknownNameError("this run has no gradients yet", remedy="run.backward()")
        return self._gradients

    def _gradient(self, position: int) -> Array:
        gradient = self._swept()[position]
        if gradient is None:
            raise UnknownNameError(
                f"{self.graph.names[position]!r} has no gradient",
                where=self.graph.order[position].where,
                remedy="constants, whole numbers and labels have none, nor does what the loss does not depend on",
            )
        return gradient

    def __getstate__(self) -> dict[str, Any]:
        found = {"values": self._values, "gradients": self._gradients, "received": self._received}
        return {"graph": self.graph, **found, "check_finite": self._check_finite}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.graph, self._values = state["graph"], [read_only(value) for value in state["values"]]
        self._gradients, self._received = state["gradients"], state["received"]
        self._check_finite = state["check_finite"]

    def __repr__(self) -> str:
        done = "forward" if self._gradients is None else "forward and backward"
        return f"<Run of {len(self.graph.order)} nodes, {done}, {self._values[0].dtype}>"


@final
class _ByName(Mapping[str | Node, Array]):
    """Arrays of a run by name or node, read one at a time."""

    def __init__(self, graph: BaseGraph, read: Callable[[int], Array], positions: list[int] | None = None) -> None:
        self._graph, self._read = graph, read
        self._positions = range(len(graph.order)) if positions is None else positions

    def __getitem__(self, key: str | Node) -> Array:
        return self._read(self._graph.position(key))

    def __contains__(self, key: object) -> bool:
        return key in self._graph and self._graph.position(key) in self._positions  # type: ignore[arg-type]  # no key, no name

    def __iter__(self) -> Iterator[str]:
        return (self._graph.names[k] for k in self._positions)

    def __len__(self) -> int:
        return len(self._positions)

    def __repr__(self) -> str:
        shown = [f"{name}: {self[name].shape}" for name in list(self)[:8]]
        return "{" + ", ".join(shown) + (", …}" if len(self) > len(shown) else "}")
