"""Products of stacks as one product: the same numbers to rounding, larger products, and what is left alone."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.plan.optimizing import bound, typed
from chainrule.plan.stacks import products_of_stacks
from chainrule.program.recording import record


def net(*shape, out=5, name="m"):
    """The square of x @ W + b for a stack of matrices."""
    x, w, b = cr.Input("x", shape), cr.Parameter("W", (shape[-1], out)), cr.Parameter("b", (out,))
    return cr.Graph(cr.Sum(cr.Square(cr.MatMul(x, w, name="P") + b), name="L"))


def feeds_of(graph, dtype=np.float64, **sizes):
    rng = np.random.default_rng(0)
    shapes = {leaf.name: tuple(sizes.get(str(size), size) for size in leaf.shape) for leaf in graph.inputs}
    shapes |= {leaf.name: leaf.shape for leaf in graph.parameters}
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


def rewritten(graph, **sizes):
    return products_of_stacks(bound(typed(record(graph).only(gradients=["W"]), float), sizes))


def products(program):
    return [step.shape for step in program if step.operation is np.matmul]


def test_a_stack_times_a_matrix_and_what_the_matrix_receives_are_one_product_each():
    assert products(rewritten(net("m", 3, 4), m=7)) == [(21, 5), (4, 5)]
    assert products(rewritten(net("m", 2, 3, 4), m=7)) == [(42, 5), (4, 5)]


@pytest.mark.parametrize("shape", [("m", 3, 4), ("m", 2, 3, 4), (2, "m", 4)])
@pytest.mark.parametrize(("dtype", "allowed"), [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_a_plan_of_stacks_agrees_with_its_run(shape, dtype, allowed):
    """The sums over a stack are taken in another order, and by no more than rounding."""
    graph = net(*shape)
    feeds = feeds_of(graph, dtype, m=7)
    run = graph.forward(feeds)
    run.backward()
    loss, gradients = graph.compile(["W", "b", "x", "P"])(feeds)
    assert loss == pytest.approx(float(run["L"]), rel=allowed)
    for name, found in gradients.items():
        assert (found.shape, found.dtype) == (run[f"d{name}"].shape, dtype)
        np.testing.assert_allclose(found, run[f"d{name}"], rtol=allowed, atol=allowed * np.abs(run[f"d{name}"]).max())


def test_feeds_in_any_layout_give_the_same_results():
    graph = net("m", 3, 4)
    feeds = feeds_of(graph, m=7)
    plan = graph.compile()
    _, expected = plan(feeds)
    other = {**feeds, "x": np.asfortranarray(feeds["x"]), "W": np.asfortranarray(feeds["W"])}
    for name, found in plan(other)[1].items():
        np.testing.assert_allclose(found, expected[name], rtol=1e-13)


def test_a_product_that_is_asked_for_or_read_twice_is_left_as_it_is():
    """Each of these needs the product of every matrix of the stack by itself."""
    x, y = cr.Input("x", ("m", 3, 4)), cr.Input("y", ("m", 3, 5))
    product = cr.MatMul(cr.SwapAxes(x), y, name="P")
    twice = cr.Graph(cr.Sum(cr.Square(cr.Sum(product, axis=0)) + cr.Sum(cr.Exp(product)), name="L"))
    program = products_of_stacks(bound(typed(record(twice).only(), float), {"m": 7}))
    assert products(program) == [(7, 4, 5)]
    feeds = {"x": np.random.default_rng(0).normal(size=(7, 3, 4)), "y": np.random.default_rng(1).normal(size=(7, 3, 5))}
    assert twice.compile(["x"])(feeds)[0] == pytest.approx(float(twice.forward(feeds)["L"]))


def test_two_stacks_and_matrices_alone_are_left_as_they_are():
    x, y = cr.Input("x", ("m", 3, 4)), cr.Parameter("W", (4, 5))
    stacks = cr.Graph(cr.Sum(cr.MatMul(x, cr.SwapAxes(x)), name="L"))
    assert products(products_of_stacks(bound(typed(record(stacks).only(), float), {"m": 7}))) == [(7, 3, 3)]
    matrices = cr.Graph(cr.Sum(cr.MatMul(cr.Input("x", ("m", 4)), y), name="L"))
    assert products(products_of_stacks(bound(typed(record(matrices).only(), float), {"m": 7}))) == [(7, 5)]


def test_the_sum_that_writes_into_the_memory_of_a_product_reads_it_before():
    """x @ W + b lies where x @ W did, through the view that gives the rows their stack again."""
    graph = net("m", 3, 4)
    plan = graph.compile()
    plan(feeds_of(graph, m=7))
    lines = [line for line in plan.source.splitlines() if "add(" in line]
    assert "P = " in plan.source
    assert any("add(P, b" in line for line in lines), plan.source
