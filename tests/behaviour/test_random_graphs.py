"""Random graphs: the engine's gradient along a direction is the rate of change that dual numbers carry forward."""

import numpy as np
import pytest
from random_graphs import random_graph

import chainrule as cr

SEEDS = range(500)

# Two float64 computations of one number, some hundred roundings of 1e-16 each. Measured over these seeds: 4e-14 of the
# sum of the sizes of all terms, which is the most that cancellation can cost, and which is itself about 5 (a leaf that
# only feeds a softmax over one entry has a gradient of exactly 0: hence the floor).
TOLERANCE = 1e-12
FLOOR = 1e-2


def directions(random, rng):
    """All leaves at once, three times; then every leaf alone, so that no small gradient hides behind large ones."""
    whole = {name: rng.normal(size=np.shape(random.feeds[name])) for name in random.moving}
    yield whole
    for _ in range(2):
        yield {name: rng.normal(size=array.shape) for name, array in whole.items()}
    for name, array in whole.items():
        yield {name: array}


@pytest.mark.parametrize("seed", SEEDS)
def test_gradient_times_direction_equals_dual_tangent(seed):
    random = random_graph(seed)
    run = random.graph.forward(random.feeds)
    gradients = run.backward()
    loss = random.graph.outputs[0]
    for direction in directions(random, np.random.default_rng(seed)):
        expected = random.dual(direction)
        np.testing.assert_allclose(run[loss], expected.value, rtol=TOLERANCE, atol=TOLERANCE)
        terms = [gradients[name] * array for name, array in direction.items()]
        slope, size = sum(t.sum() for t in terms), sum(np.abs(t).sum() for t in terms)
        assert abs(slope - expected.tangent) <= TOLERANCE * max(size, FLOOR), (slope, expected.tangent, list(direction))


def test_random_graphs_have_what_they_promise():
    graphs = [random_graph(seed).graph for seed in SEEDS]
    consumers = [[source for node in graph.order for source in node.inputs] for graph in graphs]
    assert any(len(set(node.inputs)) < len(node.inputs) for graph in graphs for node in graph.order)
    assert all(len(set(uses)) < len(uses) for uses in consumers), "every graph has a node that is used more than once"
    assert all(graph.outputs[0].shape == () for graph in graphs)


def test_every_node_class_stands_in_a_random_graph():
    drawn = {type(node) for seed in SEEDS for node in random_graph(seed).graph.order}
    public = {kind for kind in map(vars(cr).get, cr.__all__) if isinstance(kind, type) and issubclass(kind, cr.Node)}
    assert {kind.__name__ for kind in public - drawn} <= {"Node", "Leaf"}
