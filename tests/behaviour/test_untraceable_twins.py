"""Random graphs with some rules behind a wall that Symbols cannot pass: shapes, plans and lines as without the wall."""

import importlib.util

import numpy as np
import pytest
from random_graphs import random_graph
from untraceable import graph_of_columns, twin_of

from chainrule.errors import RuleError
from chainrule.plan.plan import compile_graph
from chainrule.symbols import elementary
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.dimensions import Dimension

CLOSE = {"rtol": 1e-9, "atol": 1e-11}  # the plan sums in another order than the run


def has_bend(shape):
    return shape is None or any(isinstance(size, Dimension) and not size.is_product_of_names for size in shape)


def assert_shapes_are_learned(twins):
    """All but what only bends tell, such as max(0, m - 2), and what reads a value of unknown shape."""
    unsure = set()
    for node, twin in twins.items():
        if has_bend(node.shape) or any(source in unsure for source in node.inputs):
            unsure.add(node)
        assert twin.shape == node.shape or (twin.shape is None and node in unsure), (node, twin)
        assert twin.dtype == node.dtype or twin.shape is None


def gradients_of(graph, feeds):
    run = graph.forward(feeds)
    found = run.backward()
    return run, {node.name: found[node] for node in graph.parameters if node in found}


def assert_all_the_same(graph, twin, feeds, plans):
    try:
        run, expected = gradients_of(graph, feeds)
    except RuleError:  # the largest of nothing, for one column
        for compute in (twin.forward, *plans):
            with pytest.raises(RuleError):
                compute(feeds)
        return
    twin_run, found = gradients_of(twin, feeds)
    loss = run[graph.outputs[0]]
    np.testing.assert_allclose(twin_run[twin.outputs[0]], loss, **CLOSE)
    for name, right in expected.items():
        np.testing.assert_allclose(found[name], right, err_msg=name, **CLOSE)
    for plan in plans:
        value, swept = plan(feeds)
        np.testing.assert_allclose(value, loss, **CLOSE)
        for name, right in expected.items():
            np.testing.assert_allclose(swept[name], right, err_msg=name, **CLOSE)


@pytest.mark.parametrize("seed", range(12))
def test_twins_of_random_graphs(seed):
    random = random_graph(seed)
    twin, twins = twin_of(random.graph, seed)
    assert_shapes_are_learned(twins)
    assert all(node.shape is not None for node in twin.order)
    assert_all_the_same(random.graph, twin, random.feeds, [twin.compile()])


@pytest.mark.parametrize("seed", range(25))
def test_twins_of_graphs_over_columns(seed):
    graph, feeds = graph_of_columns(seed)
    twin, twins = twin_of(graph, seed)
    assert_shapes_are_learned(twins)
    plans = [graph.compile(), twin.compile(), compile_graph(twin, None, block=2)]
    for m in (7, 1, 2, 3, 4):
        assert_all_the_same(graph, twin, feeds(m), plans)


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="the extra jit is not installed")
@pytest.mark.parametrize("seed", range(3))
def test_twins_with_compiled_loops(seed):
    graph, feeds = graph_of_columns(seed, nodes=6)
    twin, _ = twin_of(graph, seed)
    for m in (7, 1, 3):
        assert_all_the_same(graph, twin, feeds(m), [twin.compile(backend="numba")])


class Called:
    """A rule as its lines write it: called with its facts, and asked for its backward."""

    def __init__(self, kind):
        self.kind = kind

    def probe(self, facts):
        made = object.__new__(self.kind)
        made.__dict__.update(facts)
        return made

    def __call__(self, *values, **facts):
        return self.probe(facts).forward(*map(np.asarray, values))

    def backward(self, *values, **facts):
        return self.probe(facts).backward(*map(np.asarray, values))


@pytest.mark.parametrize("seed", range(20))
def test_lines_around_a_called_rule_run_and_are_right(seed):
    graph, feeds = graph_of_columns(seed, nodes=8)
    twin, _ = twin_of(graph, seed, share=0.2)
    data = feeds(5)
    run = twin.forward(data)
    run.backward()
    derivation = twin.derivation()
    called = {type(node).__name__: Called(type(node)) for node in twin.order if node.inputs}
    called["d" + twin.name(twin.outputs[0])] = np.ones(())
    known = {**vars(elementary), "unbroadcast": unbroadcast, "np": np, "m": 5, **data, **called}
    checked = 0
    for name, line in derivation.items():
        if line.why_not:
            known[name] = run[name]
            continue
        value = np.broadcast_to(eval(line.text, known), run[name].shape)  # noqa: S307 — the text is the engine's own
        np.testing.assert_allclose(value, run[name], err_msg=f"{name} = {line}", **CLOSE)
        known[name] = run[name]
        checked += 1
    assert checked > 3
