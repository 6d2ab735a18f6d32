"""The gradients of a whole graph, held against numerical differentiation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np

from chainrule.checking.agreement import Question, answer, bracketed, upstream
from chainrule.checking.differences import Array, Function, probes_of
from chainrule.checking.local_gradients import LocalRule, as_float, check_rule
from chainrule.checking.report import Comparison, GradientReport, counted
from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Input, Leaf, Parameter
from chainrule.core.node import Node
from chainrule.core.passes import forward, sweep
from chainrule.errors import ArgumentError, GradientCheckError, RuleError

_ELEMENTS_OF_GRAPH = 24


def check_gradients(
    graph: BaseGraph,
    feeds: Mapping[Any, Any],
    nodes: str | Node | Iterable[str | Node] | None = None,
    *,
    seed: int = 0,
    limit: int = _ELEMENTS_OF_GRAPH,
) -> GradientReport:
    """Hold the gradients of a graph's leaves, and the rule of every node, against numerical differentiation.

    >>> from chainrule import Graph, Input, MSELoss, Parameter
    >>> w, x, y = Parameter("w", (1, 2)), Input("x", (2, "m")), Input("y", (1, "m"))
    >>> graph = Graph(MSELoss(w @ x, y, name="L"))
    >>> print(check_gradients(graph, {"w": [[0.5, -1]], "x": [[1, 2, 3], [0, 1, 5]], "y": [[1, 0, 1]]}))
    gradient check of 3 gradients and 2 rules
    name      what             compared  largest error  verdict
    w         gradient         2 of 2    ...            ok, complex step
    x         gradient         6 of 6    ...            ok, complex step
    y         gradient         0 of 3                   no gradient: labels, or not read
    matmul_1  rule of MatMul   8 of 8    ...            ok, complex step
    L         rule of MSELoss  3 of 6    ...            ok, complex step
    19 elements compared: all agree

    A gradient is differentiated through all that follows its node; a rule by itself, at the values of the run, which
    finds the node at fault. ``nodes`` chooses what is checked, intermediate gradients too; by default that is every
    floating Input and Parameter, and every rule. At most ``limit`` elements of a value are compared one by one, then
    all of them along random directions. Feeds of any dtype are taken in float64.

    An Input that is read as labels is held fixed there. A Parameter is not: what reaches the loss through labels has
    no gradient, and the report says that it should have one.

    Returns the report, and raises nothing for a wrong gradient: see ``GradientReport.assert_ok``. Raises
    GradientCheckError where a value is not finite, FeedError and RuleError as ``Graph.forward`` does.
    """
    values, single = _values_in_double(graph, feeds)
    whole = _Whole(graph, values, seed, limit)
    if nodes is None:
        chosen = tuple(node for node in graph.order if node.inputs or graph.position(node) in whole.varying)
    else:
        chosen = tuple(graph[key] for key in ([nodes] if isinstance(nodes, str | Node) else nodes))
    rules = [_check_at_node(whole, node, single) for node in chosen if not isinstance(node, Leaf)]
    ends = [node for node in chosen if nodes is not None or isinstance(node, Leaf)]
    gradients = _check_ends(whole, ends, rules)
    title = f"gradient check of {counted(len(gradients), 'gradient')} and {counted(len(rules), 'rule')}"
    return GradientReport(title, (*gradients, *rules))


def _values_in_double(graph: BaseGraph, feeds: Mapping[Any, Any]) -> tuple[list[Array], bool]:
    """Every value of the graph in float64, and whether the feeds were of float32."""
    values = forward(graph, feeds)
    fed = {node: values[graph.position(node)] for node in (*graph.inputs, *graph.parameters)}
    single = any(value.dtype == np.float32 for value in fed.values())
    if any(value.dtype.kind == "f" and value.dtype != np.float64 for value in fed.values()):
        values = forward(graph, dict(zip(fed, as_float(list(fed.values()), np.float64), strict=True)))
    for node, value in zip(graph.order, values, strict=True):
        if not np.isfinite(value).all():
            raise GradientCheckError(
                f"{graph.name(node)} is not finite at {bracketed(np.argwhere(~np.isfinite(value))[0])}",
                where=node.where,
                remedy="gradients are checked at feeds for which every value is finite",
                node=node,
            )
    return values, single


@final
class _Whole:
    """A graph with its values: which of them can vary, and what the outputs are when one of them does."""

    def __init__(self, graph: BaseGraph, values: list[Array], seed: int, limit: int) -> None:
        self.graph, self.values, self.seed, self.limit = graph, values, seed, limit
        self.sources = graph.sources
        self.varying: set[int] = set()
        for k, node in enumerate(graph.order):
            given = isinstance(node, Input | Parameter) or not self.varying.isdisjoint(self.sources[k])
            if given and node.has_gradient and values[k].dtype.kind == "f":
                self.varying.add(k)
        self.outputs = [k for k in dict.fromkeys(map(graph.position, graph.outputs)) if values[k].dtype.kind == "f"]

    def after(self, k: int) -> list[int]:
        """The positions of all that is computed from node ``k``, in topological order."""
        found = {k}
        for later in range(k + 1, len(self.values)):
            if not found.isdisjoint(self.sources[later]):
                found.add(later)
        return sorted(found - {k})

    def function(self, k: int, held: frozenset[tuple[int, int]]) -> Function:
        """The outputs as a function of node ``k``; the uses in ``held`` keep reading what they read in the run."""
        later = self.after(k)

        def outputs(moved: Array) -> Array:
            new = {k: moved}
            for at in later:
                read = [
                    self.values[s] if (at, place) in held else new.get(s, self.values[s])
                    for place, s in enumerate(self.sources[at])
                ]
                new[at] = np.asarray(self.graph.order[at].forward(*read))
            return np.concatenate([np.ravel(new.get(end, self.values[end])) for end in self.outputs])

        return outputs

    def seeds(self, grad: Array) -> dict[str, Array]:
        """A gradient of all outputs joined, taken apart by output."""
        ends = np.cumsum([self.values[k].size for k in self.outputs])
        parts = np.split(grad, ends[:-1])
        return {
            self.graph.names[k]: part.reshape(self.values[k].shape) for k, part in zip(self.outputs, parts, strict=True)
        }


def _check_at_node(whole: _Whole, node: Node, single: bool) -> Comparison:
    """One row for a node's rule at the values of the run."""
    name, sources = whole.graph.name(node), whole.sources[whole.graph.position(node)]
    row = Comparison(name, f"rule of {type(node).__name__}")
    wanted = [place for place, source in enumerate(sources) if source in whole.varying]
    read, names = [whole.values[s] for s in sources], [whole.graph.names[s] for s in sources]
    label = f"{type(node).__name__} {name!r}"
    try:
        return _merged(row, check_rule(LocalRule(node, label, names, read, whole.limit, whole.seed, single, wanted)))
    except GradientCheckError as problem:
        return row._replace(problem=problem)


def _merged(row: Comparison, parts: Sequence[Comparison]) -> Comparison:
    """One row for all inputs of a rule; the first problem stands for all."""
    judged = [part.note for part in parts if part.compared or part.problem]
    return row._replace(
        compared=sum(part.compared for part in parts),
        size=sum(part.size for part in parts),
        kinks=sum(part.kinks for part in parts),
        error=max((part.error for part in parts), default=0.0),
        note="; ".join(dict.fromkeys(filter(None, judged or [part.note for part in parts]))),
        problem=next((part.problem for part in parts if part.problem), None),
    )


@final
class _Swept(NamedTuple):
    """The gradients of all nodes from each upstream gradient, and the uses to which a rule sends none."""

    grads: Array
    gradients: list[list[Array | None]]
    blocked: frozenset[tuple[int, int]]


def _sweep(whole: _Whole) -> _Swept:
    size = sum(whole.values[k].size for k in whole.outputs)
    grads = upstream(size, np.random.default_rng(whole.seed))
    sweeps = [sweep(whole.graph, whole.values, whole.seeds(grad)) for grad in grads]
    blocked = (use for gradients, received in sweeps for use in _blocked(whole, gradients, received))
    return _Swept(grads, [gradients for gradients, _ in sweeps], frozenset(blocked))


def _blocked(whole: _Whole, gradients: list[Array | None], received: list[Any]) -> Iterable[tuple[int, int]]:
    """The uses, as consumer and which of its inputs, to which a rule sends no gradient although it could have one."""
    sent = {use[:2] for uses in received for use in uses}
    for k, sources in enumerate(whole.sources):
        for place, source in enumerate(sources):
            if gradients[k] is not None and source in whole.varying and (k, place) not in sent:
                yield k, place


def _check_ends(whole: _Whole, nodes: Sequence[Node], rules: Sequence[Comparison]) -> list[Comparison]:
    """A row for the gradient of each node, differentiated through the graph."""
    if not whole.outputs:
        raise ArgumentError("no output of this graph is floating, so there is no gradient to check")
    try:
        swept = _sweep(whole)
    except RuleError as error:
        return [_not_computed(whole, node, error) for node in nodes]
    wrong = [row.name for row in rules if not row.ok]
    return [_check_end(whole, node, swept, wrong) for node in nodes]


def _not_computed(whole: _Whole, node: Node, error: RuleError) -> Comparison:
    name = whole.graph.name(node)
    said = f"the gradient of {name} could not be computed: {error.what}"
    problem = GradientCheckError(said, where=error.where, given=error.given, remedy=error.remedy, node=error.node)
    return Comparison(name, "gradient", size=whole.values[whole.graph.position(node)].size, problem=problem)


def _check_end(whole: _Whole, node: Node, swept: _Swept, wrong: Sequence[str]) -> Comparison:
    k, name = whole.graph.position(node), whole.graph.name(node)
    x, sent = whole.values[k], [gradients[k] for gradients in swept.gradients]
    row = Comparison(name, "gradient", size=x.size)
    if k not in whole.varying:
        return row._replace(note="no gradient: it does not vary")
    if isinstance(node, Input) and all(gradient is None for gradient in sent):
        return row._replace(note="no gradient: labels, or not read")
    reached = {k, *whole.after(k)}
    labels = [use for use in sorted(swept.blocked) if whole.sources[use[0]][use[1]] in reached]
    held = swept.blocked if isinstance(node, Input) else frozenset()
    asked = Question(
        row=row,
        node=node,
        label=f"the gradient of {name}",
        given=f"{name} {x.shape}",
        function=whole.function(k, held),
        x=x,
        gradients=np.array([np.zeros_like(x) if gradient is None else gradient for gradient in sent]),
        grads=swept.grads,
        kinks_meet=True,
        probes=probes_of(x, whole.limit, np.random.default_rng((whole.seed, k))),
        says="the run gives",
        hint=_hint(whole, name, labels, wrong),
    )
    judged = answer(asked)
    if held and labels:
        return judged._replace(note=f"{judged.note}, held fixed as labels of {whole.graph.names[labels[0][0]]}")
    return judged


def _hint(whole: _Whole, name: str, labels: Sequence[tuple[int, int]], wrong: Sequence[str]) -> str:
    """Why the gradient of a whole graph is wrong, as far as that is known."""
    if wrong:
        return f"mend the rule of {', '.join(wrong[:3])} first: it is wrong by itself"
    if labels:
        consumer = whole.graph.names[labels[0][0]]
        return (
            f"keep what is learned away from labels: {name} reaches {consumer} through an input for which the rule "
            "returns None, as losses do for their labels"
        )
    return ""
