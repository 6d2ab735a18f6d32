"""Groups of functions of single entries: what comes beside each other, and how their loops go over axes and columns."""

import numpy as np
import pytest
from evaluation import evaluate
from random_graphs import random_graph
from test_plan import assert_close

import chainrule as cr
from chainrule.plan.loop.fused import _joined, runs_of_axes
from chainrule.plan.loop.groups import grouped
from chainrule.plan.optimizing import bound, optimized, typed
from chainrule.program.recording import record
from chainrule.program.verifying import verify


def known(graph, sizes=None):
    return optimized(bound(typed(record(graph), float), sizes or {}))


def plan_and_run(graph, feeds):
    plan, run = graph.compile(backend="numba"), graph.forward(feeds)
    run.backward()
    loss, gradients = plan(feeds)
    assert_close(loss, run[graph.outputs[0].name], np.float64)
    for name, gradient in gradients.items():
        assert_close(gradient, run[f"d{name}"], np.float64, name)
    return plan


@pytest.mark.parametrize("seed", range(2, 40, 3))
def test_steps_are_moved_beside_each_other_and_still_follow_what_they_read(seed):
    random = random_graph(seed)
    program = known(random.graph)
    ordered, groups = grouped(program)
    verify(ordered)
    assert len(ordered.steps) == len(program.steps)
    for before, after in zip(evaluate(program, random.feeds), evaluate(ordered, random.feeds), strict=True):
        for key in before:
            np.testing.assert_array_equal(after[key], before[key])
    for group in groups:
        own = set(group.steps)
        outside = {k for k, step in enumerate(ordered.steps) if k not in own and not own.isdisjoint(step.refs)}
        assert all(k > group.steps[-1] for k in outside)
        assert set(group.kept) == {
            k for k in own if k in ordered.ends or any(k in ordered.steps[reader].refs for reader in outside)
        }


def test_what_a_product_reads_closes_the_loop_before_it():
    W, x = cr.Parameter("W", (31, 31)), cr.Input("x", (31, 37))
    program = known(cr.Graph(cr.Sum(cr.Tanh(W @ cr.Exp(x * 2.0) + 1.0), name="L")))
    ordered, groups = grouped(program)
    products = [k for k, step in enumerate(ordered.steps) if step.operation is np.matmul]
    assert any(group.steps[-1] < products[0] for group in groups)
    assert all(products[0] not in group.steps for group in groups)


def test_columns_of_rows_are_read_where_they_lie():
    rng, x = np.random.default_rng(0), cr.Input("x", (70, 60))
    gates = [x[:, 20 * k : 20 * (k + 1)] for k in range(3)]
    plan = plan_and_run(
        cr.Graph(cr.Sum(cr.Sigmoid(gates[0]) * cr.Tanh(gates[1]) + cr.Exp(gates[2]), name="L")),
        {"x": rng.normal(size=(70, 60))},
    )
    assert "[i0, i1 + 20]" in plan.source
    assert "[i0, i1 + 40]" in plan.source


@pytest.mark.parametrize(
    "key", [np.s_[3:, :], np.s_[:, ::2], np.s_[:, 1], np.s_[2:60, 5:], np.s_[..., 4:44], np.s_[:, -40:]]
)
def test_other_parts_of_an_array_are_read_as_they_are(key):
    x = cr.Input("x", (70, 60))
    feeds = {"x": np.random.default_rng(1).normal(size=(70, 60))}
    plan_and_run(cr.Graph(cr.Sum(cr.Sigmoid(x[key]) * cr.Tanh(x[key] * 3.0) + 1.0, name="L")), feeds)


def test_axes_along_which_nothing_is_stretched_are_one_loop():
    x, b = cr.Input("x", (6, 5, 17, 19)), cr.Parameter("b", (5, 1, 1))
    feeds = {"x": np.random.default_rng(2).normal(size=(6, 5, 17, 19)), "b": np.ones((5, 1, 1))}
    plan = plan_and_run(cr.Graph(cr.Sum(cr.Tanh(x + b) * cr.Exp(-x), name="L")), feeds)
    assert "range(y0.shape[2])" in plan.source
    assert "range(y0.shape[3])" not in plan.source
    fortran = {**feeds, "x": np.asfortranarray(feeds["x"])}
    for name, gradient in plan(feeds)[1].items():
        assert_close(plan(fortran)[1][name], gradient, np.float64, name)


@pytest.mark.parametrize("seed", range(50))
def test_joined_axes_stretch_operands_as_the_axes_did(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 4, size=rng.integers(1, 6)).tolist())
    operands = []
    for _ in range(3):
        own = [size if rng.random() < 0.6 else 1 for size in shape][rng.integers(len(shape)) :]
        operands.append(rng.normal(size=own))
    runs = runs_of_axes(shape, [x.shape for x in operands])
    joined = _joined(shape, runs)
    for x in operands:
        whole = np.broadcast_to(x, shape).reshape(joined)
        np.testing.assert_array_equal(np.broadcast_to(x.reshape(_joined(x.shape, runs)), joined), whole)


def test_a_loop_writes_over_nothing_that_it_reads():
    """A compiler that cannot tell whether two arrays are one takes their entries one by one: three times as long."""
    x, W = cr.Input("x", (64, 64)), cr.Parameter("W", (64, 64))
    plan = cr.Graph(cr.Sum(cr.Square(cr.Tanh(cr.Exp(W @ x) * 2.0) @ W), name="L")).compile(backend="numba")
    plan({"x": np.ones((64, 64)) / 64, "W": np.ones((64, 64)) / 64})
    calls = [line.split("#")[0].strip() for line in plan.source.splitlines() if line.strip().startswith("loop_")]
    assert calls
    buffers = [line.split(" = empty")[0].split(" = ") for line in plan.source.splitlines() if " = empty(" in line]
    for call in calls:
        arguments = call[call.index("(") + 1 : -1].split(", ")
        assert all(len(set(names) & set(arguments)) <= 1 for names in buffers)
