"""JAX as judge of gradients that are graphs: up to third derivatives of every node class, and random graphs."""

import numpy as np
import pytest
from every_rule import EXAMPLES
from random_graphs import random_graph

import chainrule as cr

jax = pytest.importorskip("jax")
from jax_graph import as_jax  # noqa: E402 — it needs jax

JUDGE = "JAX"
TOLERANCE = 1e-12
RULES = [name for name, example in EXAMPLES.items() if example.graph.outputs[0].has_gradient]


def close(found, expected, size):
    assert np.shape(found) == np.shape(expected)
    assert np.max(np.abs(found - np.asarray(expected)), initial=0) <= TOLERANCE * size


def judge(graph, feeds, names, order, seed=0):
    """The gradient, then one along a random direction after the other, each against the same in JAX."""
    rng = np.random.default_rng(seed)
    loss = as_jax(graph, feeds)
    derivative = jax.grad(lambda moving: loss(moving)[0])
    at = {name: jax.numpy.asarray(feeds[name], dtype=float) for name in names}
    given, moving = dict(feeds), [name for name in names if has_next(graph, name)]
    ours = graph.backward(*moving)
    for k in range(1, order + 1):
        expected = jax.jit(derivative)(at)
        outputs = gradients_of(ours, given) if moving else {}
        size = max(1e-2, *(float(np.max(np.abs(expected[name]), initial=0)) for name in names))
        for name in names:
            found = outputs.get(f"d{k if k > 1 else ''}{name}", np.zeros(np.shape(feeds[name])))
            close(found, expected[name], size)
        if k == order or not moving:
            return
        starts = {name: direction(rng, np.shape(feeds[name])) for name in moving}
        derivative = along(derivative, starts | {name: 0 * at[name] for name in names if name not in moving})
        given |= {f"d{node.name}": starts[name] for name, node in zip(moving, ours.outputs, strict=True)}
        moving = [name for name in moving if has_next(ours, name)]
        ours = ours.backward(*moving) if moving else ours


def gradients_of(graph, feeds):
    fed = {leaf.name for leaf in graph.leaves}  # a gradient that starts with 1 is a node once others send to it
    run = graph.forward({name: value for name, value in feeds.items() if name in fed})
    return {node.name: run[node] for node in graph.outputs}


def direction(rng, shape):
    """A gradient of a number starts with 1, also where that number is a gradient."""
    return rng.normal(size=shape) if shape else np.ones(())


def along(derivative, v):
    return lambda at: jax.jvp(derivative, (at,), ({name: jax.numpy.asarray(x) for name, x in v.items()},))[1]


def has_next(graph, name):
    try:
        graph.backward(name)
    except cr.errors.UnknownNameError:
        return False
    return True


@pytest.mark.parametrize("name", RULES)
def test_every_node_class_to_the_third_order(name):
    graph, feeds = EXAMPLES[name]
    (output,) = graph.outputs
    loss = cr.Graph(cr.Sum(cr.Sin(output), name="J"))
    judge(loss, feeds, [leaf.name for leaf in graph.parameters], order=3)


def without_a_slope(graph, feeds):
    """Whether a root is 0, as the deviation of c - c is: JAX's slope of it is NaN, the engine's 0."""
    run = graph.forward(feeds)
    return any(isinstance(node, (cr.Std, cr.Norm, cr.Sqrt)) and not np.all(run[node]) for node in graph)


def test_where_a_root_has_no_slope_the_engine_has_0_and_jax_nan():
    c = cr.Parameter("c", (3,))
    graph, feeds = cr.Graph(cr.Std(c - c, name="L")), {"c": np.array([1.0, 2.0, 4.0])}
    assert without_a_slope(graph, feeds)
    assert graph.forward(feeds).backward()["c"].tolist() == [0, 0, 0]
    assert np.isnan(jax.grad(lambda at: as_jax(graph, feeds)(at)[0])({"c": feeds["c"]})["c"]).all()
    assert without_a_slope(random_graph(339).graph, random_graph(339).feeds)


@pytest.mark.parametrize("seed", range(0, 500, 50))
def test_random_graphs_to_the_second_order(seed):
    random = random_graph(seed)
    assert not without_a_slope(random.graph, random.feeds)
    names = [name for name in random.moving if name in random.graph]
    judge(random.graph, random.feeds, names, order=2, seed=seed)
