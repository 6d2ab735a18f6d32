"""The gradients of a whole graph, held against numerical differentiation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.checking.agreement import Question, answer
from chainrule.checking.differences import probes_of
from chainrule.checking.local_gradients import LocalRule, check_rule
from chainrule.checking.report import Comparison, GradientReport, counted
from chainrule.checking.whole import Swept, Whole, swept_from_all, values_in_double
from chainrule.core.accepting import generator
from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Input, Leaf
from chainrule.core.node import Node
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
    values, single = values_in_double(graph, feeds)
    whole = Whole(graph, values, seed, limit)
    if nodes is None:
        chosen = tuple(node for node in graph.order if node.inputs or graph.position(node) in whole.varying)
    else:
        chosen = tuple(graph.order[k] for k in graph.positions(nodes))
    rules = [_check_at_node(whole, node, single) for node in chosen if not isinstance(node, Leaf)]
    ends = [node for node in chosen if nodes is not None or isinstance(node, Leaf)]
    gradients = _check_ends(whole, ends, rules)
    title = f"gradient check of {counted(len(gradients), 'gradient')} and {counted(len(rules), 'rule')}"
    return GradientReport(title, (*gradients, *rules))


def _check_at_node(whole: Whole, node: Node, single: bool) -> Comparison:
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


def _check_ends(whole: Whole, nodes: Sequence[Node], rules: Sequence[Comparison]) -> list[Comparison]:
    """A row for the gradient of each node, differentiated through the graph."""
    if not whole.outputs:
        raise ArgumentError("no output of this graph is floating, so there is no gradient to check")
    try:
        swept = swept_from_all(whole)
    except RuleError as error:
        return [_not_computed(whole, node, error) for node in nodes]
    wrong = [row.name for row in rules if not row.ok]
    return [_check_end(whole, node, swept, wrong) for node in nodes]


def _not_computed(whole: Whole, node: Node, error: RuleError) -> Comparison:
    name = whole.graph.name(node)
    said = f"the gradient of {name} could not be computed: {error.what}"
    problem = GradientCheckError(said, where=error.where, given=error.given, remedy=error.remedy, node=error.node)
    return Comparison(name, "gradient", size=whole.values[whole.graph.position(node)].size, problem=problem)


def _check_end(whole: Whole, node: Node, swept: Swept, wrong: Sequence[str]) -> Comparison:
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
        probes=probes_of(x, whole.limit, generator(whole.seed, k)),
        says="the run gives",
        hint=_hint(whole, name, labels, wrong),
    )
    judged = answer(asked)
    if held and labels:
        return judged._replace(note=f"{judged.note}, held fixed as labels of {whole.graph.names[labels[0][0]]}")
    return judged


def _hint(whole: Whole, name: str, labels: Sequence[tuple[int, int]], wrong: Sequence[str]) -> str:
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
