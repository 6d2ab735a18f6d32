"""Lifetimes: memory that nobody reads any more is used again, or let go of where it is no buffer."""

import numpy as np
from peaks import peak

import chainrule as cr
from chainrule.plan.lifetimes import alive, room
from chainrule.plan.numpy_source import numpy_source
from chainrule.plan.optimizing import bound
from nets import DNN

ROWS, M = 3, 20_000
ARRAY = ROWS * M * 8  # bytes


def picked_again_and_again(times):
    """Rows of a table that change their places: an index writes to no buffer."""
    table, order = cr.Input("x", (ROWS, "m")), cr.Input("order", (ROWS,), dtype=int)
    for k in range(times):
        table = cr.Gather(table, order, axis=0, name=f"G{k}")
    return cr.Graph(cr.Negate(table, name="last")), {"x": np.ones((ROWS, M)), "order": np.array([2, 0, 1])}


def test_an_array_that_is_no_buffer_is_let_go_of_when_nobody_reads_it_any_more():
    graph, feeds = picked_again_and_again(12)
    plan = graph.compile(outputs="last")
    assert peak(plan, feeds) < 3.5 * ARRAY  # what is read, what is made of it, and the result
    assert "del G0" in plan.source


def test_a_small_array_is_not_worth_a_line():
    graph, feeds = picked_again_and_again(3)
    plan = graph.compile(outputs="last")
    plan({**feeds, "x": np.ones((ROWS, 5))})
    assert "del " not in plan.source


def test_a_view_holds_what_it_is_a_view_of():
    """The rows are let go of only when the flipped view of them is not read any more."""
    x, order = cr.Input("x", (ROWS, "m")), cr.Input("order", (ROWS,), dtype=int)
    rows = cr.Gather(x, order, axis=0, name="rows")
    flipped = rows.swapaxes(0, 1)
    graph = cr.Graph(cr.Add(cr.Exp(rows), cr.Sin(flipped).swapaxes(0, 1), name="last"))
    feeds = {"x": np.random.default_rng(0).normal(size=(ROWS, M)), "order": np.array([2, 0, 1])}
    plan = graph.compile(outputs="last")
    expected = np.exp(feeds["x"][feeds["order"]]) + np.sin(feeds["x"][feeds["order"]])
    np.testing.assert_array_equal(plan(feeds), expected)
    lines = plan.source.splitlines()
    gone = next(k for k, line in enumerate(lines) if "del rows" in line)
    assert any("sin(" in line for line in lines[:gone])


def test_what_is_in_use_is_counted_step_by_step():
    """Two products of which the second is read last: while both are there, and the sum that is written over one."""
    x = cr.Input("x", (ROWS, "m"))
    a, b = cr.Exp(x), cr.Sin(x)
    program = cr.Graph(cr.Sum(cr.Exp(a * b), name="L")).compile(outputs="L").program
    found = alive(bound(program, {"m": M}))
    assert max(found) == 2 * ARRAY
    assert found[program.feeds["x"]] == 0


def test_an_array_that_is_read_last_in_a_loop_over_its_rows_is_let_go_of_behind_the_loop():
    x, order = cr.Input("x", (400, 300)), cr.Input("order", (400,), dtype=int)
    rows = cr.Gather(x, order, axis=0, name="rows")
    graph = cr.Graph(cr.Exp((rows * 2 + 1) * (rows - 3) + 0.5, name="last"))
    feeds = {"x": np.random.default_rng(0).random((400, 300)), "order": np.arange(400)[::-1]}
    plan = graph.compile(outputs="last")
    picked = feeds["x"][::-1]
    np.testing.assert_allclose(plan(feeds), np.exp((picked * 2 + 1) * (picked - 3) + 0.5), rtol=1e-12)  # exp of SIMD
    lines = [line[8:] for line in plan.source.splitlines()]
    assert any(line.startswith("for rows") for line in lines)
    assert "del rows" in lines  # as far to the left as the loop


def test_the_room_of_a_program_is_that_of_its_buffers_and_of_what_else_is_in_use():
    program = bound(DNN((4, 3, 2, 1)).graph.compile().program, {"m": M})
    others = 2 * M * 8  # one of the choices by a mask of the loss is made of the other
    assert numpy_source(program).bytes <= room(program) <= numpy_source(program).bytes + others
    graph, _ = picked_again_and_again(9)
    picked = bound(graph.compile(outputs="last").program, {"m": M})
    assert numpy_source(picked).bytes == 0
    assert room(picked) == 2 * ARRAY
