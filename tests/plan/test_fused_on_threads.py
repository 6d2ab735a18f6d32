"""Loops over entries on several threads: the same bits as on one, for rows, columns and whatever layout."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.plan.loop import fused

ROWS, COLUMNS = 61, 83


@pytest.fixture
def three_threads(monkeypatch):
    monkeypatch.setattr(fused, "_OF_A_THREAD", 1.0)  # microsecond
    monkeypatch.setattr(fused, "processors", lambda: 3)


def plan_of_loops():
    """A prediction by loops that read an array, a column, a row, a number and a product."""
    x, W = cr.Input("x", ("m", COLUMNS)), cr.Parameter("W", (COLUMNS, COLUMNS))
    column, row, number = cr.Input("c", ("m", 1)), cr.Parameter("r", (COLUMNS,)), cr.Parameter("s")
    y = cr.Multiply(cr.Tanh(x @ W * column + row), cr.Exp(-x * x * number), name="y")
    return cr.Graph(cr.Sum(y, name="L")).compile(outputs="y", backend="numba")


def feeds_of(order):
    rng = np.random.default_rng(0)
    shapes = {"x": (ROWS, COLUMNS), "c": (ROWS, 1), "r": (COLUMNS,), "s": (), "W": (COLUMNS, COLUMNS)}
    return {name: np.asarray(rng.normal(size=shape), order=order) for name, shape in shapes.items()}


@pytest.mark.parametrize("order", ["C", "F"])
def test_loops_on_threads_have_the_same_bits(three_threads, monkeypatch, order):
    plan, feeds = plan_of_loops(), feeds_of(order)
    found = plan(feeds)
    monkeypatch.setattr(fused, "processors", lambda: 1)
    np.testing.assert_array_equal(found, plan(feeds))


def test_rows_are_shared_out_and_nothing_is_compiled_anew_for_them(three_threads, monkeypatch):
    parts = []

    def on_threads(function, tasks):
        parts.append([(rows.start, rows.stop) for rows in tasks])
        return map(function, tasks)

    monkeypatch.setattr(fused, "on_threads", on_threads)
    plan, feeds = plan_of_loops(), feeds_of("C")
    plan(feeds)
    assert parts
    assert all(rows == [(0, 21), (21, 42), (42, 63)] for rows in parts)
    loops = plan.plan.prepared(feeds)[1].part.loops.functions
    assert {len(loop.signatures) for name, loop in loops.items() if name.startswith("loop_")} == {1}


def test_small_arrays_are_left_to_one_thread(monkeypatch):
    monkeypatch.setattr(fused, "on_threads", lambda *_: pytest.fail("it is on threads"))
    plan_of_loops()(feeds_of("C"))
