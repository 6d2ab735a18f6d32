"""Products with a graph's derivatives: forward along directions, and with the Hessian."""

from math import prod

import numpy as np
import pytest
from every_rule import EXAMPLES
from random_graphs import random_graph
from test_backward_graph import WITH_GRADIENTS, close, data, fed, network

import chainrule as cr
from chainrule.errors import ArgumentError, NameConflictError, ShapeError, UnknownNameError
from chainrule.plan.optimizing import bound


def loss_of(example):
    """A smooth loss of a rule's output, with a second derivative of its own."""
    (output,) = example.graph.outputs
    return cr.Graph(cr.Sum(cr.Sin(output), name="J"))


def moves(name):
    """Whether a rule passes on what moves one of its parameters."""
    return bool(directions(loss_of(EXAMPLES[name]), EXAMPLES[name].feeds))


def directions(graph, feeds, seed=2):
    rng, gradients = np.random.default_rng(seed), graph.forward(feeds).backward()
    moving = [leaf.name for leaf in graph.parameters if leaf in gradients]
    return {name: rng.normal(size=np.shape(feeds[name])) for name in moving}


MOVING = [name for name in WITH_GRADIENTS if moves(name)]


def along(graph, feeds, moved, name):
    """What a graph's only output is, with the directions fed as v_W1."""
    given = {**feeds, **{f"v_{key}": value for key, value in moved.items()}}
    return graph.forward(fed(graph, given))[name]


@pytest.mark.parametrize("name", MOVING)
def test_forward_along_directions_is_the_gradient_times_them(name):
    feeds, graph = EXAMPLES[name].feeds, loss_of(EXAMPLES[name])
    moved = directions(graph, feeds)
    gradients = graph.forward(feeds).backward()
    expected = sum((gradients[key] * value).sum() for key, value in moved.items())
    size = sum(np.abs(gradients[key] * value).sum() for key, value in moved.items())
    product = graph.jvp({key: f"v_{key}" for key in moved}, "J")
    close(along(product, feeds, moved, product.name(product.outputs[0])), expected, size)


@pytest.mark.parametrize("name", MOVING)
def test_the_hessian_is_symmetric_forward_over_backward_and_backward_over_backward(name):
    """u H v is v H u, and what moves forward through the backward pass is what goes back through it."""
    feeds, graph = EXAMPLES[name].feeds, loss_of(EXAMPLES[name])
    v, u = directions(graph, feeds, 3), directions(graph, feeds, 4)
    product = graph.hvp({key: f"v_{key}" for key in v})
    runs = [product.forward(fed(product, {**feeds, **{f"v_{k}": x for k, x in moved.items()}})) for moved in (v, u)]
    products = [[run[node] for node in product.outputs] for run in runs]
    left, right = (
        sum((x * other[key]).sum() for key, x in zip(v, values, strict=True))
        for values, other in zip(products, (u, v), strict=True)
    )
    size = sum(np.abs(x * u[key]).sum() for key, x in zip(v, products[0], strict=True))
    close(left, right, 10 * size)
    backward = graph.backward(*v)
    try:
        forward = backward.jvp({key: f"v_{key}" for key in v if key in backward})
    except UnknownNameError:  # a gradient that does not move
        return
    run = forward.forward(fed(forward, {**feeds, **{f"v_{k}": x for k, x in v.items()}}))
    for node, expected in zip(forward.outputs, products[0], strict=True):
        close(run[node], expected, 1e-2)


def test_a_direction_is_a_name_or_a_node_or_an_array():
    graph = network()
    feeds = data(graph)
    v = np.random.default_rng(5).normal(size=(3, 2))
    named, array = graph.hvp("W1", along="v"), graph.hvp("W1", along=v)
    node = graph.hvp(graph["W1"], along=cr.Parameter("W1", (3, 2)).relabel("u", like=graph["W1"]))
    expected = named.forward(fed(named, {**feeds, "v": v}))["d2W1"]
    close(array.forward(fed(array, feeds))["d2W1"], expected)
    close(node.forward(fed(node, {**feeds, "u": v}))["d2W1"], expected)


def test_the_product_of_logistic_regression_is_the_formula_of_the_books():
    X, Y, w = cr.Input("X", (2, "m")), cr.Input("Y", ("m", 1)), cr.Parameter("w", (2, 1))
    A = cr.Sigmoid(X.T @ w, name="A")
    product = cr.Graph(cr.BCELoss(A, Y, name="L")).fuse().hvp("w", along="v")
    assert product.derivation()["d2w"].text == "X @ (X.T @ v * (1 - A) * A) / m"
    assert product.derivation()["d2w"].unicode.endswith("= X (Xᵀv ∗ (1 − A) ∗ A) / m")


def products_of(plan):
    """The products of matrices in a program, as rows, inner size and columns, for 1,000 examples."""
    steps = bound(plan.program, {"m": 1000}).steps
    return [(*step.shape, steps[step.refs[0]].shape[-1]) for step in steps if step.operation is np.matmul]


def test_the_plan_of_a_product_multiplies_less_than_three_times_as_much_as_that_of_the_gradient():
    """A layer inside has three products in a gradient and eight here; nothing is computed twice or for nothing."""
    graph = network(outputs=4)
    names = [leaf.name for leaf in graph.parameters]
    product = graph.hvp({name: f"v_{name}" for name in names})
    hvp = products_of(product.compile(outputs=[node.name for node in product.outputs]))
    gradient = products_of(graph.compile())
    layers = sum(name.startswith("W") for name in names)
    assert len(gradient) == 3 * layers - 1
    assert len(hvp) == 8 * layers - 5  # nothing moves the first input: no W v, and no gradient goes there
    assert sum(map(prod, hvp)) < 3 * sum(map(prod, gradient))


def test_a_gradient_that_stays_has_the_product_0():
    w = cr.Parameter("w", (3,))
    product = cr.Graph(cr.Sum(2 * w, name="L")).hvp("w", along="v")
    close(product.forward({"w": np.ones(3)})["d2w"], np.zeros(3))


def test_what_does_not_move_is_named():
    graph = network()
    with pytest.raises(UnknownNameError, match="'Z1' does not move with W2"):
        graph.jvp({"W2": "v"}, "Z1")


def test_a_direction_has_a_name_of_its_own_and_stands_in_a_dict():
    graph = network()
    with pytest.raises(NameConflictError, match="a direction for W1 cannot be called 'A0'") as error:
        graph.hvp("W1", along="A0")
    assert "'v_W1'" in error.value.remedy
    for given in ("W1", ["W1"]):
        with pytest.raises(ArgumentError, match="jvp takes a dict") as refused:
            graph.jvp(given)
        assert refused.value.remedy == """graph.jvp({'W1': "v"})"""


def test_a_direction_of_another_shape_and_none_are_refused():
    graph = network()
    with pytest.raises(ShapeError, match=r"its shape \(3, 2\)"):
        graph.hvp("W1", along=np.ones((2, 3)))
    with pytest.raises(ArgumentError, match="along which direction"):
        graph.hvp("W1")


@pytest.mark.parametrize("seed", range(0, 500, 25))
def test_random_graphs_forward_as_dual_numbers_do(seed):
    random = random_graph(seed)
    names = [name for name in random.moving if name in random.graph]
    v = {name: np.random.default_rng(seed).normal(size=np.shape(random.feeds[name])) for name in names}
    product = random.graph.jvp({name: f"v_{name}" for name in names})
    found = along(product, random.feeds, v, product.outputs[0])
    gradients = random.graph.forward(random.feeds).backward()
    close(found, random.dual(v).tangent, sum(np.abs(gradients[name] * v[name]).sum() for name in names))
