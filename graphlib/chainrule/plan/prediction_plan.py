"""PredictionPlan: outputs of a graph compiled alone, from no more feeds than they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar, final

from chainrule.core.graph import BaseGraph
from chainrule.core.node import Node
from chainrule.errors import ArgumentError
from chainrule.plan.asked import named
from chainrule.plan.pieces import Array
from chainrule.plan.plan import Plan, compile_forward
from chainrule.plan.refusing import Backend, Recomputing
from chainrule.plan.upon_plan import UponPlan

Predicted = TypeVar("Predicted", Array, dict[str, Array])


def compile_prediction(
    graph: BaseGraph, outputs: str | Node | Iterable[str | Node], backend: Backend, recompute: Recomputing = False
) -> PredictionPlan[Any]:
    """The plan of one output, or of several as a dict; raises ArgumentError for none, UnknownNameError."""
    names = [graph.names[k] for k in graph.positions(outputs)]
    if not names:
        raise ArgumentError("a plan of outputs has one or more", remedy=f"outputs={graph.names[-1]!r}")
    if any(graph[name].name is None for name in names):
        graph = named(graph)
    ends = dict.fromkeys(graph[name] for name in names)
    plan = compile_forward(type(graph)(*ends), backend, recompute=recompute)
    return PredictionPlan(plan, isinstance(outputs, (str, Node)))


@final
class PredictionPlan(UponPlan, Generic[Predicted]):
    """A compiled prediction: ``array = plan(feeds)``; a dict of arrays by name where several outputs were asked for.

    >>> import numpy as np
    >>> from chainrule import BCELoss, Graph, Input, Parameter, Sigmoid
    >>> w, x, y = Parameter("w", (1, 2)), Input("x", (2, "m")), Input("Y", (1, "m"))
    >>> graph = Graph(BCELoss(Sigmoid(w @ x, name="A"), y, name="L"))
    >>> predict = graph.compile(outputs="A")
    >>> predict({"w": np.zeros((1, 2)), "x": np.eye(2)})
    array([[0.5, 0.5]])

    It takes the feeds that its outputs need, and no others. The results are new arrays. It pickles.
    """

    def __init__(self, plan: Plan, alone: bool) -> None:
        super().__init__(plan)
        self._alone = alone
        self.outputs: tuple[str, ...] = tuple(map(plan.graph.name, plan.graph.outputs))

    @property
    def _about(self) -> tuple[str, ...]:
        return self.outputs

    @property
    def _returned(self) -> str:
        return f"results[1][{self.outputs[0]!r}]" if self._alone else "results[1]"

    def __call__(self, feeds: Mapping[Any, Any], *, executor: Any = None) -> Predicted:
        """The output, or all of them by name; ``executor`` as for ``Plan``. Raises FeedError as ``Graph.forward``."""
        _, values = self.plan(feeds, executor=executor)
        return values[self.outputs[0]] if self._alone else values  # type: ignore[return-value]  # as it was asked for
