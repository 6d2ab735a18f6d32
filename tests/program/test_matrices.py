"""Whole matrices of derivatives as graphs."""

import re

import numpy as np
import pytest
from test_backward_graph import close, data, fed, network

import chainrule as cr
from chainrule.errors import ArgumentError


def test_a_hessian_is_all_products_with_it():
    graph = network()
    feeds = data(graph)
    hessian = graph.hessian("W1")
    assert hessian.outputs[0].shape == (3, 2, 3, 2)
    assert hessian.outputs[0].name == "d2W1"
    found = hessian.forward(fed(hessian, feeds))["d2W1"]
    v = np.random.default_rng(0).normal(size=(3, 2))
    product = graph.hvp("W1", along=v)
    close(np.tensordot(found, v, 2), product.forward(fed(product, feeds))["d2W1"])
    close(found, found.transpose(2, 3, 0, 1))


def test_a_hessian_is_a_graph_like_any_other():
    w = cr.Parameter("w", (2,))
    hessian = cr.Graph(cr.Sum(w * w * w * w, name="L")).hessian("w")
    third = hessian.backward("w")
    seed = np.array([[1.0, 5.0], [5.0, 1.0]])
    close(third.forward({"w": [1.0, 2.0], "dd2w": seed})["d3w"], np.array([24.0, 48.0]))
    close(hessian.compile(outputs="d2w")({"w": np.array([1.0, 2.0])}), np.diag([12.0, 48.0]))


def test_a_hessian_of_what_is_linear_is_0():
    w = cr.Parameter("w", (2,))
    close(cr.Graph(cr.Sum(3 * w, name="L")).hessian("w").forward({})["d2w"], np.zeros((2, 2)))


def test_a_large_hessian_is_refused_and_the_product_named():
    w = cr.Parameter("W", (1001,))
    with pytest.raises(ArgumentError, match="1,001 rows") as error:
        cr.Graph(cr.Sum(cr.Exp(w), name="L")).hessian("W")
    assert "hvp" in error.value.remedy


def test_a_hessian_with_1_000_rows_is_built():
    w = cr.Parameter("W", (40, 25))
    assert cr.Graph(cr.Sum(cr.Exp(w), name="L")).hessian("W").outputs[0].shape == (40, 25, 40, 25)


@pytest.mark.parametrize(("of", "name"), [("Z1", "W1"), ("A2", "B1"), ("L", "A0"), ("W1", "W1")])
def test_a_jacobian_keeps_the_size_with_a_name(of, name):
    graph = network()
    feeds = data(graph)
    jacobian = graph.jacobian(of, name)
    end, start = graph[of], graph[name]
    assert jacobian.outputs[0].shape == (*end.shape, *start.shape)
    found = jacobian.forward(fed(jacobian, feeds))[f"d{of}_d{name}"]
    run = cr.Graph(end).forward(fed(cr.Graph(end), feeds))
    for place in np.ndindex(run[of].shape):
        seed = np.zeros(run[of].shape)
        seed[place] = 1
        close(found[place], run.backward(seed=seed)[name], 1e-2)


def test_a_jacobian_between_two_sizes_with_names_is_refused_and_the_products_that_it_names_are_its_own():
    graph = network()
    feeds = data(graph)
    with pytest.raises(ArgumentError, match="one by one") as error:
        graph.jacobian("Z1", "A0")
    product, gradient = re.findall(r"(\S+\(.*?\)) (?:is the product|that with)", error.value.remedy)
    forward = eval(product, {"graph": graph})  # noqa: S307 — the text is the message that is tried
    back = eval(gradient, {"graph": graph, "cr": cr})  # noqa: S307 — as above
    rng = np.random.default_rng(5)
    v, seed = rng.normal(size=feeds["A0"].shape), rng.normal(size=(3, feeds["A0"].shape[1]))
    moved = forward.forward(fed(forward, {**feeds, "v": v}))["Z1_along_v"]
    sent = back.forward(fed(back, {**feeds, "dZ1": seed}))["dA0"]
    close(moved, feeds["W1"] @ v)
    close(sent, feeds["W1"].T @ seed)
