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
    ours, given = graph.backward(*names), dict(feeds)
    for k in range(1, order + 1):
        expected = jax.jit(derivative)(at)
        run = ours.forward({name: value for name, value in given.items() if name in ours})
        size = max(1e-2, *(float(np.max(np.abs(expected[name]), initial=0)) for name in names))
        outputs = {node.name: run[node] for node in ours.outputs}
        for name in names:
            found = outputs.get(f"d{k if k > 1 else ''}{name}", np.zeros(np.shape(feeds[name])))
            close(found, expected[name], size)
        if k < order:
            v = {name: rng.normal(size=np.shape(feeds[name])) for name in names}
            starts = {f"d{node.name}": v[names[place]] for place, node in enumerate(ours.outputs)}
            given |= starts
            derivative = along(derivative, v)
            moving = [name for name in names if name in ours]
            if not moving or len(ours.outputs) < len(names):
                return
            ours = ours.backward(*[name for name in moving if has_next(ours, name)])


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


@pytest.mark.parametrize("seed", range(0, 500, 50))
def test_random_graphs_to_the_second_order(seed):
    random = random_graph(seed)
    names = [name for name in random.moving if name in random.graph]
    judge(random.graph, random.feeds, names, order=2, seed=seed)
