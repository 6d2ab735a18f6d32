"""One random graph, held against itself: everything that can be made of it gives what its run gives."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from asking import TOLERANCE, compared, differences, largest, names_with_gradients, some_of
from column_graphs import column_graph
from printed_lines import evaluated
from random_graphs import random_graph
from two_layouts import Pair

import chainrule as cr
from chainrule.plan.plan import compile_graph

# What is opened, fused or computed in rows takes other roundings than the run; a saturated sigmoid that is fused keeps
# digits that the plain graph has lost. Both are relative to the largest entry of the gradient.
OTHER_FORM = 1e-7


class Case(NamedTuple):
    """A graph with feeds, and how it came about."""

    title: str
    graph: cr.Graph
    feeds: Mapping[str, Any]


def cases(seed: int) -> Iterator[Case]:
    """The graphs of a seed: one of the kinds, in turn."""
    if seed % 3 == 0:
        made = random_graph(seed)
        yield Case(f"random_graph({seed})", made.graph, made.feeds)
    elif seed % 3 == 1:
        grown = column_graph(seed)
        yield Case(f"column_graph({seed})", grown.graph, grown.feeds)
    else:
        pair = Pair(seed)
        for layout in (pair.columns, pair.rows):
            title = f"Pair({seed}).{'rows' if layout.rows else 'columns'}"
            yield Case(title, layout.graph, layout.feeds(pair.feeds))


def problems(seed: int, *, numba: bool = False) -> Iterator[str]:
    """All that differs for the graphs of a seed, in words."""
    with np.errstate(all="ignore"):
        for case in cases(seed):
            for check in (plans, rewritten, pickled, lines, *([loops] if numba else [])):
                yield from (f"{case.title}, {check.__name__}: {said}" for said in check(case, seed))
        if seed % 3 == 2:
            yield from (f"Pair({seed}), rows and columns: {said}" for said in layouts(Pair(seed)))


def plans(case: Case, seed: int) -> Iterator[str]:
    """Plans of random names, whole and in blocks, every other one computing values again, and of a prediction."""
    names = names_with_gradients(case.graph, case.feeds)
    for asked, block in ((some_of(names, seed), None), (some_of(names, seed + 1), 2)):
        plan = compile_graph(case.graph, asked, block=block, recompute=bool(seed % 2))
        yield from differences(case.graph, case.feeds, asked, *plan(case.feeds))
    run = case.graph.forward(case.feeds)
    named = [node.name for node in case.graph.order if node.name and node.inputs]
    for name in some_of(named, seed)[:1] if named else []:
        alone = cr.Graph(case.graph[name])
        found = case.graph.compile(outputs=name)({key: x for key, x in case.feeds.items() if key in alone})
        yield from compared(f"the prediction {name}", found, run[name], TOLERANCE)


def loops(case: Case, seed: int) -> Iterator[str]:
    """The same names from one compiled loop, where the graph has one."""
    asked = some_of(names_with_gradients(case.graph, case.feeds), seed)
    yield from differences(case.graph, case.feeds, asked, *case.graph.compile(asked, backend="auto")(case.feeds))


def rewritten(case: Case, seed: int) -> Iterator[str]:
    """The same gradients of all leaves, fused and opened."""
    run = case.graph.forward(case.feeds)
    run.backward()
    for form in (case.graph.fuse(), case.graph.expand()):
        other = form.forward(case.feeds)
        other.backward()
        yield from compared("the loss", other.loss, run.loss, OTHER_FORM)
        for leaf in (*case.graph.inputs, *case.graph.parameters):
            if leaf in run.gradients:
                yield from compared(f"d{leaf.name}", other.gradients[leaf], run.gradients[leaf], OTHER_FORM)


def pickled(case: Case, seed: int) -> Iterator[str]:
    """The same numbers, to the last bit, from a graph and a plan that went through a pickle."""
    again = pickle.loads(pickle.dumps(case.graph))
    run, other = case.graph.forward(case.feeds), again.forward(case.feeds)
    if again.names != case.graph.names:
        yield "names differ"
    yield from (name for name in case.graph.names if not same(run[name], other[name]))
    gradients, others = run.backward(), other.backward()
    yield from (f"d{name}" for name in gradients if not same(gradients[name], others[name]))


def lines(case: Case, seed: int) -> Iterator[str]:
    """Every printed line, run as Python on the values of the run."""
    run = case.graph.forward(case.feeds)
    run.backward()
    scope = scope_of(case, run)
    # The line of a standard deviation or norm is 0 / 0, or a rounding by a rounding, where that is 0: a kink, at which
    # its rule gives 0.
    kinks = any(isinstance(node, (cr.Std, cr.Norm)) and not run[node].all() for node in case.graph.order)
    derivation = case.graph.derivation()
    for name, line in derivation.items():
        if kinks and "np.sqrt" in line.text:
            continue
        right = run[name]
        try:
            found = evaluated(line.text, scope)
        except Exception as error:
            yield f"{name} = {line.text}: {type(error).__name__}: {error}"
            continue
        size = max((largest(array) for key, array in scope.items() if key.startswith("d")), default=1.0)
        yield from compared(f"{name} = {line.text}", np.broadcast_to(found, right.shape), right, OTHER_FORM, size)


def layouts(pair: Pair) -> Iterator[str]:
    """A net in rows has the loss and the gradients of the same net in columns."""
    runs = [layout.graph.forward(layout.feeds(pair.feeds)) for layout in (pair.columns, pair.rows)]
    for run in runs:
        run.backward()
    yield from compared("the loss", runs[1].loss, runs[0].loss, 1e-12)
    for name in pair.columns.feeds(pair.feeds):
        if name in runs[0].gradients:
            right = runs[0].gradients[name]
            found = runs[1].gradients[name]
            found = found.T if name in pair.rows.turned else found
            yield from compared(f"d{name}", found, right, 1e-10)


def scope_of(case: Case, run: cr.Run) -> dict[str, Any]:
    values = {name: run[name] for name in case.graph.names}
    sizes = {
        str(size): number
        for node in case.graph.inputs
        for size, number in zip(node.shape or (), run[node].shape, strict=True)
        if not isinstance(size, int)
    }
    gradients = {f"d{name}": gradient for name, gradient in run.gradients.items()}
    return {**values, **gradients, **sizes}


def same(a: Any, b: Any) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
