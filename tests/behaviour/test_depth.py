"""Deep graphs: a chain of up to 100,000 nodes and a ladder of 1,000 diamonds, at Python's ordinary recursion limit."""

import copy
import pickle
import sys

import pytest

import chainrule as cr

LENGTH, LEVELS = 100_000, 1_000
COPIED = 20_000  # nodes of a chain that is copied or rewritten, which takes the most time for each of them


@pytest.fixture(autouse=True)
def ordinary_recursion_limit():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)  # the default; a test runner may have raised it
    yield
    sys.setrecursionlimit(before)


def chain(length=LENGTH):
    """x - 1, negated, - 1, negated …: whole numbers, so that the end and its gradient are exact."""
    node, one = cr.Input("x"), cr.Constant(1)
    for k in range(length):
        node = cr.Negate(node) if k % 2 else cr.Subtract(node, one)
    return node


def ladder():
    """Every level is a quarter of the level above plus three quarters of it: 2¹⁰⁰⁰ paths that sum to 1."""
    node = cr.Input("x")
    for _ in range(LEVELS):
        node = cr.Add(node * 0.25, node * 0.75)
    return node


def doubling():
    """Every level is the level above plus itself: the gradient is 2¹⁰⁰⁰, exact in float64."""
    node = cr.Input("x")
    for _ in range(LEVELS):
        node = node + node
    return node


# nodes besides the leaves and constants, the value at x = 3, the gradient
GRAPHS = {
    "chain": (chain, LENGTH, 3.0, 1.0),
    "ladder": (ladder, 3 * LEVELS, 3.0, 1.0),
    "doubling": (doubling, LEVELS, 3.0 * 2.0**LEVELS, 2.0**LEVELS),
}


@pytest.fixture(scope="module", params=GRAPHS)
def deep(request):
    build, inner, value, gradient = GRAPHS[request.param]
    end = build()
    return end, cr.Graph(end), inner, value, gradient


@pytest.fixture(scope="module", params=GRAPHS)
def to_copy(request):
    build, _, value, gradient = GRAPHS[request.param]
    end = chain(COPIED) if build is chain else build()
    return end, cr.Graph(end), value, gradient


def evaluated(graph):
    run = graph.forward({"x": 3.0})
    run.backward()
    return run


def test_is_sorted_with_every_node_behind_its_inputs(deep):
    end, graph, inner, _, _ = deep
    assert sum(bool(node.inputs) for node in graph.order) == inner
    position = {node: k for k, node in enumerate(graph.order)}
    assert len(position) == len(graph.order)
    assert all(position[source] < position[node] for node in graph.order for source in node.inputs)
    assert graph.order[-1] is end


def test_runs_forward_and_backward(deep):
    end, graph, _, value, gradient = deep
    run = evaluated(graph)
    assert (run[end], run["dx"]) == (value, gradient)
    assert run.backward()["x"] == gradient


def test_every_contribution_is_kept(deep):
    _, graph, _, _, gradient = deep
    uses = evaluated(graph).contributions("x")
    assert len(uses) == len(graph.consumers("x"))
    assert sum(use.gradient for use in uses) == gradient


def test_is_printed_in_a_few_lines(deep):
    end, graph, _, _, _ = deep
    run = evaluated(graph)
    for thing in (end, graph, run, run.values, run.gradients):
        assert len(repr(thing)) < 300
        assert "\n" not in repr(thing)
    assert 3 < len(str(graph).splitlines()) < 200
    assert len(str(run)) < 10_000


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickled])
def test_is_copied(to_copy, how):
    end, graph, value, gradient = to_copy
    twin = cr.Graph(how(end))
    assert len(twin.order) == len(graph.order)
    assert evaluated(twin)["dx"] == gradient
    run = evaluated(how(graph))
    assert run["dx"] == gradient
    run = how(evaluated(graph))
    assert run[run.graph.outputs[0]] == value
    assert run["dx"] == gradient
    assert run.backward()["x"] == gradient


def test_is_fused_and_expanded(to_copy):
    _, graph, _, gradient = to_copy
    assert evaluated(graph.fuse())["dx"] == gradient
    assert evaluated(graph.expand())["dx"] == gradient


def test_is_freed_without_recursion():
    end = chain()
    graph = cr.Graph(end)
    run = evaluated(graph)
    del end, graph, run  # a recursive deallocation of 100,000 levels would end the process here
