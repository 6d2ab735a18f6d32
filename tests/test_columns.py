"""Which operations treat every column alone: a plan in blocks computes the Run's numbers, or says why there are none.

Every operation here is met with columns on each of its axes. A plan that cut where columns meet would be wrong in
numbers; one that did not cut where they do not would be slow.
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule.plan.step import compile_graph

M, BLOCK = 7, 3  # two blocks of three columns and one of one
SIZES = {"m": M}

ALONE = {
    "entry by entry": (lambda x, w: cr.Tanh(x) * cr.Exp(x) * w, [(2, "m")], ()),
    "with a row of numbers": (lambda x, w: x * w, [(2, "m")], (2, 1)),
    "columns as rows": (lambda x, w: x * w, [("m", 2)], (2,)),
    "a matrix times columns": (lambda x, w: w @ x, [(2, "m")], (3, 2)),
    "columns as rows times a matrix": (lambda x, w: x @ w, [("m", 2)], (2, 3)),
    "a vector times columns": (lambda x, w: w @ x, [(2, "m")], (2,)),
    "columns as rows times a vector": (lambda x, w: x @ w, [("m", 2)], (2,)),
    "a stack of matrices as columns": (lambda x, w: w @ x, [("m", 2, 5)], (3, 2)),
    "a stack times itself": (lambda x, w: x @ cr.Transpose(x, axes=(0, 2, 1)) * w, [("m", 2, 5)], ()),
    "the transpose": (lambda x, w: x.T @ w, [(2, "m")], (2, 3)),
    "axes moved": (lambda x, w: cr.Transpose(x, axes=(2, 0, 1)) * w, [(2, "m", 5)], ()),
    "a softmax over rows": (lambda x, w: cr.Softmax(x, axis=0) * w, [(3, "m")], (3, 1)),
    "a maximum over rows": (lambda x, w: cr.Max(x, axis=0) * w, [(3, "m")], ()),
    "a mean over rows": (lambda x, w: cr.Mean(x, axis=0, keepdims=True) * w, [(3, "m")], ()),
    "a sum over rows of rows": (lambda x, w: cr.Sum(x, axis=(0, 1)) * w, [(3, 2, "m")], ()),
    "rows picked": (lambda x, w: x[1] * w, [(3, "m")], ()),
    "rows in another order": (lambda x, w: x[::-1] * w, [(3, "m")], (3, 1)),
    "a part of columns as rows": (lambda x, w: x[:, 1] * w, [("m", 3)], ()),
    "with a new axis": (lambda x, w: x[None, 1] * w, [(3, "m")], ()),
    "all but the last axis": (lambda x, w: x[..., 0] * w, [("m", 2, 5)], ()),
    "all but the first axis": (lambda x, w: x[0, ...] * w, [(2, 5, "m")], ()),
    "from both ends": (lambda x, w: x[0, ..., 1] * w, [(2, "m", 5)], ()),
    "rows laid end to end": (lambda x, w: cr.Concatenate(x, x * w, axis=0), [(2, "m")], ()),
    "rows reshaped": (lambda x, w: cr.Reshape(x, to=(6, -1)) * w, [(2, 3, "m")], (6, 1)),
    "columns of a table": (lambda i, w: cr.Gather(w, i, axis=-1), [("ids", "m")], (3, 5)),
    "one wanted by another": (lambda x, w: cr.Square(w @ x) + cr.Sum(w), [(2, "m")], (3, 2)),
}

MEET = {
    "a mean over columns in every column": (lambda x, w: (x - cr.Mean(x, axis=1, keepdims=True)) * w, [(2, "m")], ()),
    "a softmax over columns": (lambda x, w: cr.Softmax(x, axis=1) * w, [(2, "m")], ()),
    "the largest column": (lambda x, w: cr.Max(x, axis=1) * w, [(2, "m")], ()),
    "products of columns with each other": (lambda x, w: x.T @ x * w, [(2, "m")], ()),
    "the first column": (lambda x, w: x[:, 0] * w, [(2, "m")], ()),
    "all but the first column": (lambda x, w: x[:, 1:] * w, [(2, "m")], ()),
    "columns from last to first": (lambda x, w: x[:, ::-1] * x * w, [(2, "m")], ()),
    "columns picked": (lambda x, w: x[:, np.array([0, 2, 2])] * w, [(2, "m")], ()),
    "columns laid end to end": (lambda x, w: cr.Concatenate(x, x, axis=1) * w, [(2, "m")], ()),
    "columns and rows in one row": (lambda x, w: cr.Reshape(x, to=(-1,)) * w, [(2, "m")], ()),
    "a sum over columns that scales each": (lambda x, w: x / cr.Sum(x * w), [(2, "m")], ()),
}


def graph_of(function, shapes, weights):
    """The sum of the squares of what a function makes of columns and weights; t says what columns are called."""
    (shape,) = shapes
    leaf = cr.Input("x", ("m",), dtype=int) if shape[0] == "ids" else cr.Input("x", shape)
    y = function(leaf, cr.Parameter("w", weights))
    return cr.Graph(cr.Add(cr.Sum(cr.Square(y)), cr.Sum(cr.Input("t", ("m",))), name="L"))


def feeds_of(graph):
    rng = np.random.default_rng(0)
    feeds = {}
    for leaf in (*graph.inputs, *graph.parameters):
        shape = [SIZES.get(str(size), size) for size in leaf.shape]
        whole = leaf.dtype.kind == "i"
        feeds[leaf.name] = rng.integers(5, size=shape) if whole else rng.uniform(0.5, 1.5, size=shape)
    return feeds


def assert_equals_the_run(graph, plan, gradients):
    feeds = feeds_of(graph)
    run = graph.forward(feeds)
    run.backward()
    loss, found = plan(feeds)
    np.testing.assert_allclose(loss, run["L"], rtol=1e-13)  # the same terms in another order
    assert list(found) == gradients
    for name in gradients:
        largest = np.abs(run.gradients[name]).max()
        np.testing.assert_allclose(found[name], run.gradients[name], rtol=0, atol=1e-13 * largest, err_msg=name)


@pytest.mark.parametrize("case", ALONE)
def test_columns_that_are_computed_alone_are_computed_in_blocks(case):
    graph = graph_of(*ALONE[case])
    plan = compile_graph(graph, ["w"], block=BLOCK)
    assert "blocks of columns of m" in plan.explain(), plan.explain()
    assert_equals_the_run(graph, plan, ["w"])


@pytest.mark.parametrize("case", MEET)
def test_columns_that_meet_are_computed_at_once(case):
    graph = graph_of(*MEET[case])
    plan = compile_graph(graph, ["w", "x"], block=BLOCK)
    assert "all columns at once: " in plan.explain(), plan.explain()
    assert_equals_the_run(graph, plan, ["w", "x"])
