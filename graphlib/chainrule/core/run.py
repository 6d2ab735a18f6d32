"""BaseRun: the values of one computation, its gradients, and what each consumer contributed to them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, final

from chainrule.core.graph import BaseGraph
from chainrule.core.listed import Arrays, Contribution, Contributions, as_html, as_text, rows_of
from chainrule.core.node import Node
from chainrule.core.other_words import no_such_attribute
from chainrule.core.passes import sweep
from chainrule.core.read_only import read_only
from chainrule.errors import ArgumentError, UnknownNameError, did_you_mean
from chainrule.shown.tables import Shown

if TYPE_CHECKING:
    import numpy.typing as npt


Array: TypeAlias = "npt.NDArray[Any]"


class BaseRun(Shown):
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
        return _ByName(self.graph, self._values, "value")

    @property
    def gradients(self) -> Mapping[str | Node, Array]:
        """Every gradient of the loss that exists, by name or node; raises UnknownNameError before ``backward``."""
        return _ByName(self.graph, self._swept(), "gradient")

    @property
    def loss(self) -> Array:
        """The value of the graph's only output; raises ArgumentError where there are several."""
        if len(self.graph.outputs) != 1:
            names = ", ".join(map(self.graph.name, self.graph.outputs))
            raise ArgumentError("this graph has several outputs", given=names, remedy="run[name]")
        return self[self.graph.outputs[0]]

    def __getitem__(self, key: str | Node) -> Array:
        if isinstance(key, Node) or key in self.graph:
            return self._values[self.graph.position(key)]
        if (source := self.graph.of_gradient(key)) is not None:
            return self.gradients[source]
        names = [*self.graph.names, *self.graph.gradient_names]
        some = f"{', '.join(self.graph.names[:8])}{', ...' * (len(self.graph) > 8)}"
        raise UnknownNameError(f"no value or gradient is called {did_you_mean(key, names)}", remedy=f"{some}, dX for X")

    def backward(self, seed: Any = None, *, check_finite: bool | None = None) -> Mapping[str | Node, Array]:
        """Every gradient of the loss, from the outputs back to the leaves.

        ``seed`` is the gradient to start from: 1 for a scalar output, otherwise an array of the output's shape, or
        a dict of such by output. ``check_finite`` stops at the first rule that makes an infinity or NaN out of finite
        numbers; None does so where the run forward did. Raises FeedError when a seed is needed, or has another shape;
        NonFiniteError. What is returned stays as it is when ``backward`` is called again: one row of a Jacobian each.
        """
        checked = self._check_finite if check_finite is None else check_finite
        self._gradients, self._received = sweep(self.graph, self._values, seed, check_finite=checked)
        return self.gradients

    def contributions(self, key: str | Node) -> Contributions:
        """What each use of a node sent back to it, in the order of the sweep; they sum to its gradient."""
        self._swept()
        uses = self._received[self.graph.position(key)]
        return Contributions(Contribution(self.graph.names[consumer], place, grad) for consumer, place, grad in uses)

    @property
    def has_gradients(self) -> bool:
        """Whether ``backward`` has been called."""
        return self._gradients is not None

    def _swept(self) -> list[Array | None]:
        if self._gradients is None:
            raise UnknownNameError("this run has no gradients yet", remedy="run.backward()")
        return self._gradients

    if not TYPE_CHECKING:  # for type checkers nothing is there but what is declared

        def __getattr__(self, name: str) -> NoReturn:
            raise no_such_attribute(self, name)

    def __getstate__(self) -> dict[str, Any]:
        found = {"values": self._values, "gradients": self._gradients, "received": self._received}
        return {"graph": self.graph, **found, "check_finite": self._check_finite}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.graph, self._values = state["graph"], [read_only(value) for value in state["values"]]
        self._gradients, self._received = state["gradients"], state["received"]
        self._check_finite = state["check_finite"]

    @property
    def _dtype(self) -> Any:
        """The precision in which the run computes."""
        dtypes = [value.dtype for value in self._values]
        return next((dtype for dtype in dtypes if dtype.kind == "f"), dtypes[0])

    def __repr__(self) -> str:
        done = "forward" if self._gradients is None else "forward and backward"
        return f"<Run of {len(self.graph.order)} nodes, {done}, {self._dtype}>"

    def __str__(self) -> str:
        return as_text(*self._table())

    def _repr_html_(self) -> str:
        """Every value and gradient, small ones entry by entry over their heat."""
        return as_html(*self._table())

    def _table(self) -> tuple[Sequence[str], list[Arrays]]:
        columns = [self.values, self.gradients] if self.has_gradients else [self.values]
        return ("name", "shape", "value", "gradient")[: 2 + len(columns)], rows_of(self.graph, columns)


@final
class _ByName(Mapping[str | Node, Array], Shown):
    """The values of a run, or the gradients of one sweep, by name or node; None stands for a gradient that is none."""

    def __init__(self, graph: BaseGraph, arrays: Sequence[Array | None], what: str) -> None:
        self._graph, self._arrays, self._what = graph, arrays, what

    def __getitem__(self, key: str | Node) -> Array:
        position = self._graph.position(key)
        array = self._arrays[position]
        if array is None:
            raise UnknownNameError(
                f"{self._graph.names[position]!r} has no gradient",
                where=self._graph.order[position].where,
                remedy="constants, whole numbers and labels have none, nor does what the loss does not depend on",
            )
        return array

    def __contains__(self, key: object) -> bool:
        if key not in self._graph:
            return False
        return self._arrays[self._graph.position(key)] is not None  # type: ignore[arg-type]  # it is in the graph: a key

    def __iter__(self) -> Iterator[str]:
        return (name for name, array in zip(self._graph.names, self._arrays, strict=True) if array is not None)

    def __len__(self) -> int:
        return sum(array is not None for array in self._arrays)

    def __repr__(self) -> str:
        shown = [f"{name}: {self[name].shape}" for name in list(self)[:8]]
        return "{" + ", ".join(shown) + (", …}" if len(self) > len(shown) else "}")

    def __str__(self) -> str:
        return as_text(("name", "shape", self._what), rows_of(self._graph, [self]))

    def _repr_html_(self) -> str:
        return as_html(("name", "shape", self._what), rows_of(self._graph, [self]))
