"""For every name that can be asked for, a plan computes what the Run computes."""

import numpy as np
import pytest
from asking import differences, names_with_gradients, some_of
from column_graphs import column_graph
from interpreted import interpreted
from random_graphs import random_graph

import chainrule as cr
from chainrule.plan.asked import wanted_program
from chainrule.plan.columns import Unsplittable
from chainrule.plan.loop.looped import Loop
from chainrule.plan.loop.scalars import NotScalar
from chainrule.plan.optimizing import optimized, typed
from chainrule.plan.plan import compile_graph

FORMS = {"plain": lambda graph: graph, "fused": lambda graph: graph.fuse(), "expanded": lambda graph: graph.expand()}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("grown", [column_graph, random_graph], ids=["columns", "any"])
def test_a_plan_of_any_names_gives_what_the_run_gives(grown, form):
    for seed in range(20 if form == "plain" else 6):
        made = grown(seed)
        graph = FORMS[form](made.graph)
        names = names_with_gradients(graph, made.feeds)
        for asked, block in ((some_of(names, seed), None), (names, 2)):
            loss, gradients = compile_graph(graph, asked, block=block)(made.feeds)
            assert list(gradients) == list(dict.fromkeys(asked))
            assert not differences(graph, made.feeds, asked, loss, gradients), f"seed {seed}, {asked}"


def loop_of(graph, names, sizes):
    """The printed loop of a graph, or None where it has no such form."""
    try:
        return Loop(optimized(typed(wanted_program(graph, names), np.float64)), sizes, np.dtype(float))
    except (NotScalar, Unsplittable):
        return None


def test_a_printed_loop_of_any_names_gives_what_the_run_gives():
    count = 0
    for seed in range(20):
        graph, feeds = column_graph(seed, nodes=8)
        asked = some_of(names_with_gradients(graph, feeds), seed)
        if (loop := loop_of(graph, asked, {})) is not None:
            count += 1
            assert not differences(graph, feeds, asked, *interpreted(loop, feeds)), f"seed {seed}, {asked}"
    assert count >= 15  # what cannot be opened must not hide what is wrong


def test_a_compiled_loop_of_any_names_gives_what_the_run_gives():
    graph, feeds = column_graph(3, nodes=6)
    names = names_with_gradients(graph, feeds)
    plan = graph.compile(names, backend="numba")
    assert "one compiled loop" in plan.explain()
    assert not differences(graph, feeds, names, *plan(feeds))


def test_random_columns_share_activations_between_losses_and_others():
    """What the nets above are for: an activation that a fused loss passes by and another node reads."""
    shared = 0
    for seed in range(60):
        graph = column_graph(seed).graph
        read = [graph.consumers(x) for x in graph.order if isinstance(x, (cr.Sigmoid, cr.Softmax))]
        shared += any(len(uses) > 1 and any(use.label_range for use in uses) for uses in read)
    assert shared >= 30
