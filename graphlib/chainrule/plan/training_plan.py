"""TrainingPlan: forward, backward and update in one compiled step, and whole epochs of such steps in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np

from chainrule.core.accepting import check_counts, expect
from chainrule.core.feeds import Pieces
from chainrule.core.node import Node
from chainrule.errors import ArgumentError
from chainrule.plan.loop.looped import Looped
from chainrule.plan.pieces import Array, cut, in_memory
from chainrule.plan.plan import Plan, compile_graph
from chainrule.plan.prediction_plan import PredictionPlan, compile_prediction
from chainrule.plan.refusing import Backend, Recomputing
from chainrule.plan.updating import Update
from chainrule.plan.upon_plan import UponPlan

if TYPE_CHECKING:
    from chainrule.core.graph import BaseGraph

State = dict[str, Array]
"""The parameters by name, and after them what the update remembers of each."""


def compile_plan(
    graph: BaseGraph,
    names: Iterable[str | Node] | None,
    outputs: str | Node | Iterable[str | Node] | None,
    backend: Backend,
    update: Update | None,
    *,
    recompute: Recomputing = False,
) -> Plan | TrainingPlan | PredictionPlan[Any]:
    """The plan of a graph: of gradients, of their update, or of a prediction; ``Graph.compile`` says more."""
    if outputs is not None:
        if names is not None or update is not None:
            given = "gradients" if update is None else "an update"
            raise ArgumentError("a plan of outputs has no gradients", given=given, remedy="two plans")
        return compile_prediction(graph, outputs, backend, recompute)
    if names is None and update is None and graph.gradient_order:
        return compile_prediction(graph, list(graph.outputs), backend, recompute)
    if update is None:
        return compile_graph(graph, names, backend, recompute=recompute)
    return compile_step(graph, names, backend, update, recompute=recompute)


def compile_step(
    graph: BaseGraph,
    names: Iterable[str | Node] | None,
    backend: Backend,
    update: Update,
    *,
    recompute: Recomputing = False,
) -> TrainingPlan:
    """The plan that moves these names by the update, which must have the methods of one. Raises ArgumentError."""
    if isinstance(update, type) or not all(callable(getattr(update, name, None)) for name in ("start", "update")):
        raise ArgumentError(
            f"an update has the methods start and update, and {type(update).__name__} {update!r}"[:200] + " does not",
            remedy=f"{update.__name__}()" if isinstance(update, type) else "chainrule has SGD, Momentum and Adam",
        )
    return TrainingPlan(compile_graph(graph, names, backend, update=update, recompute=recompute))


@final
class TrainingPlan(UponPlan):
    """A compiled step of training: ``loss, state = step({**state, **data})``.

    >>> from chainrule import SGD, Graph, Parameter, Square
    >>> step = Graph(Square(Parameter("w") - 3, name="L")).compile(update=SGD(0.25))
    >>> state = step.start({"w": 0.0})
    >>> loss, state = step(state)
    >>> float(loss), float(state["w"])
    (9.0, 1.5)
    >>> losses, state = step.epochs(state, {}, epochs=2)
    >>> losses.tolist(), float(state["w"])
    ([2.25, 0.5625], 2.625)

    The state is a dict of arrays: the parameters, and what the update remembers. Nothing that is handed in changes.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.parameters: tuple[str, ...] = tuple(plan.memory)

    @property
    def _about(self) -> tuple[str, ...]:
        return self.parameters

    def start(self, params: Mapping[str, Any]) -> State:
        """The state before the first step, from the values of the parameters that this plan moves.

        Raises ArgumentError for missing and unknown names.
        """
        expect(params, Mapping, "start takes a dict of names and arrays", "graph.initialize()")
        if set(params) != set(self.parameters):
            given, wanted = ", ".join(map(str, params)) or "nothing", ", ".join(self.parameters)
            raise ArgumentError("start takes the parameters that are moved", given=given, remedy=f"{wanted}")
        state = {name: _floating(params[name]) for name in self.parameters}
        assert self.plan.update is not None  # this class holds no other plans
        for name, memory in self.plan.memory.items():
            started = self.plan.update.start(state[name])
            state |= {key: np.asarray(x, state[name].dtype) for key, x in zip(memory, started, strict=True)}
        return state

    @property
    def column_axes(self) -> dict[str, int]:
        """The axis of the columns, for every feed that has any."""
        return self.plan.column_axes()

    def prepare(self, feeds: Mapping[Any, Any]) -> State:
        """All feeds, checked and converted once, so that every step is the fastest call. Raises FeedError.

        What lies on disk stays there, and is converted a piece at a time.
        """
        given = self.plan.prepared(feeds)[0]
        stored = {name for name, feed in given.items() if isinstance(feed, Pieces) and feed.stored}
        return {name: feed if name in stored else np.asarray(feed) for name, feed in given.items()}

    def is_one_call(self, feeds: Mapping[Any, Any], batch_size: int | None = None) -> bool:
        """Whether ``epochs`` is one call of a compiled loop."""
        computation = self.plan.prepared(feeds)[1]
        return isinstance(computation, Looped) and computation.in_one_call(batch_size)

    def __call__(self, feeds: Mapping[Any, Any]) -> tuple[Any, State]:
        """The loss before the step, and the state after it. Raises FeedError as ``Graph.forward``."""
        return self.plan(feeds)

    def epochs(
        self, state: Mapping[str, Any], data: Mapping[str, Any], *, epochs: int = 1, batch_size: int | None = None
    ) -> tuple[Array, State]:
        """The losses of all steps, and the state after the last one.

        An epoch goes through the columns of ``data`` in their order, ``batch_size`` at a time, or all at once. With a
        compiled loop all of it is one call. Raises FeedError as ``Graph.forward``, ArgumentError for counts below 1.
        """
        check_counts(epochs=epochs, batch_size=1 if batch_size is None else batch_size)
        expect(state, Mapping, "a state is a dict of names and arrays", "plan.start(graph.initialize())")
        expect(data, Mapping, "data is a dict of names and arrays", "the feeds that are no parameters")
        arrays, computation = self.plan.prepared({**state, **data})
        if isinstance(computation, Looped) and computation.in_one_call(batch_size):
            return computation.epochs(arrays, epochs, batch_size)
        return self._step_by_step(arrays, epochs, batch_size)

    def _step_by_step(self, arrays: Mapping[str, Array], epochs: int, batch_size: int | None) -> tuple[Array, State]:
        axes = self.column_axes
        arrays = in_memory(arrays, axes)
        total = next((arrays[name].shape[axis] for name, axis in axes.items()), 1)
        starts = range(0, max(total, 1), batch_size or max(total, 1))
        state = {name: arrays[name] for name in self.plan.program.updates}
        fixed = {name: x for name, x in arrays.items() if name not in axes and name not in state}
        losses = []
        for _ in range(epochs):
            for first in starts:
                last = first + (batch_size or total)
                batch = {name: cut(arrays[name], axis, first, last) for name, axis in axes.items()}
                loss, state = self.plan({**fixed, **batch, **state})
                losses.append(loss)
        return np.array(losses), dict(state)


def _floating(value: Any) -> Array:
    """A copy of a parameter; whole numbers become float64."""
    array = np.array(value)
    return array.astype(float) if array.dtype.kind in "iub" else array
