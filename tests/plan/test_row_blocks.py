"""Rows at a time: the same bits as all at once, which steps come together, and what is left as it was."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.plan import row_blocks
from chainrule.plan.optimizing import bound, typed
from chainrule.plan.row_blocks import in_row_blocks
from chainrule.program.recording import record

ROWS, COLUMNS = 701, 203  # a prime number of rows: the last blocks have some in common


@pytest.fixture(autouse=True)
def half_a_megabyte_is_large(monkeypatch):
    monkeypatch.setattr(row_blocks, "_SMALLEST", 500_000)


def net():
    """One large parameter, read by two products."""
    W, x = cr.Parameter("W", (ROWS, COLUMNS)), cr.Input("x", (COLUMNS, "m"))
    return cr.Graph(cr.Mean(cr.Square(W @ x), name="L"))


def chain(*steps):
    """A loss of a chain of steps of one large array, a column and a row."""
    x, column, row = cr.Parameter("x", (ROWS, COLUMNS)), cr.Input("c", (ROWS, 1)), cr.Input("r", (1, COLUMNS))
    for step in steps:
        x = step(x, column, row)
    return cr.Graph(cr.Sum(x, name="L"))


def long_chain():
    return chain(
        lambda x, c, _: x * c,
        lambda x, _, r: x / r,
        lambda x, *_: cr.Square(x),
        lambda x, c, _: x - c,
        lambda x, *_: x * 0.5,
        lambda x, *_: cr.Tanh(x),  # no part of a block: it reads what the block must keep
    )


def feeds_of(graph, dtype, order="C", **sizes):
    rng = np.random.default_rng(0)
    shapes = {"x": (COLUMNS, sizes["m"])} if sizes else {"x": (ROWS, COLUMNS), "c": (ROWS, 1), "r": (1, COLUMNS)}
    fed = {name: rng.normal(size=shape) + 3 for name, shape in shapes.items()}
    return {name: np.asarray(x, dtype, order=order) for name, x in {**graph.initialize(seed=0), **fed}.items()}


def all_at_once(monkeypatch):
    monkeypatch.setattr(row_blocks, "_SMALLEST", float("inf"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "update", [cr.SGD(0.1), cr.Momentum(0.1), cr.Adam(0.1)], ids=lambda update: type(update).__name__
)
def test_updates_are_the_same_to_the_bit(monkeypatch, update, dtype):
    graph = net()
    plan = graph.compile(update=update)
    feeds = feeds_of(graph, dtype, m=5)
    state = plan.start({"W": feeds["W"]})
    loss, moved = plan({**state, "x": feeds["x"]})
    all_at_once(monkeypatch)
    whole = graph.compile(update=update)
    expected, alike = whole({**state, "x": feeds["x"]})
    assert loss == expected
    for name, array in moved.items():
        np.testing.assert_array_equal(array, alike[name])
    assert "for rows in" not in whole.source
    assert ("for rows in" in plan.source) is not isinstance(update, cr.SGD)  # of two steps nothing is saved


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_chains_with_columns_and_rows_are_the_same_to_the_bit(monkeypatch, dtype, order):
    graph = long_chain()
    plan, feeds = graph.compile(["x", "c", "r"]), feeds_of(graph, dtype, order)
    loss, gradients = plan(feeds)
    assert plan.source.count("for rows") >= 2  # forward and backward
    all_at_once(monkeypatch)
    expected, alike = graph.compile(["x", "c", "r"])(feeds)
    assert loss == expected
    for name, gradient in gradients.items():
        np.testing.assert_array_equal(gradient, alike[name])


def test_a_plan_can_be_called_again_and_keeps_nothing_of_the_last_call():
    graph = net()
    plan = graph.compile(update=cr.Adam())
    feeds = feeds_of(graph, np.float64, m=5)
    state = {**plan.start({"W": feeds["W"]}), "x": feeds["x"]}
    _, first = plan(state)
    copies = {name: np.array(x) for name, x in first.items()}
    _, second = plan({**state, **first})
    assert not np.array_equal(second["W"], first["W"])
    for name, array in first.items():
        np.testing.assert_array_equal(array, copies[name])


def test_a_workspace_has_room_for_some_rows_alone():
    graph = net()
    plan = graph.compile(update=cr.Adam())
    feeds = feeds_of(graph, np.float64, m=5)
    plan({**plan.start({"W": feeds["W"]}), "x": feeds["x"]})
    large = [line for line in plan.plan.source.splitlines() if f"empty(({ROWS}, {COLUMNS})" in line]
    assert {line.split(" = ")[0].strip() for line in large} == {"dW", "new_W", "new_W_memory_1", "new_W_memory_2"}


def known(graph, **sizes):
    return bound(typed(record(graph), np.dtype(float)), sizes)


def test_steps_of_one_shape_come_together_and_whatever_reads_them_stands_behind():
    program = known(long_chain())
    ordered, blocks = in_row_blocks(program)
    assert sorted(step.name or "" for step in ordered) == sorted(step.name or "" for step in program)
    for k, step in enumerate(ordered.steps):
        assert all(source < k for source in step.refs)
    for start, block in blocks.items():
        assert start == block.steps.start
        assert {ordered.steps[k].shape for k in block.steps} == {(ROWS, COLUMNS)}


def test_small_arrays_and_short_chains_are_left_alone():
    short = chain(lambda x, c, _: x * c, lambda x, *_: cr.Exp(x))
    assert in_row_blocks(known(short))[1] == {}
    small = cr.Graph(cr.Sum(cr.Square(cr.Parameter("w", (7, 5)) * 3 - 1) / 5 + 2, name="L"))
    program = known(small)
    assert in_row_blocks(program) == (program, {})


def test_what_need_not_round_alike_in_every_place_is_no_part_of_a_block():
    graph = chain(*[lambda x, *_: cr.ReLU(x)] * 3, *[lambda x, *_: cr.Exp(x)] * 3)
    ordered, blocks = in_row_blocks(known(graph))
    inside = {ordered.steps[k].operation for block in blocks.values() for k in block.steps}
    assert inside.isdisjoint({np.exp, np.maximum, np.tanh})


def test_a_saved_plan_takes_all_at_once_and_gives_the_same(tmp_path):
    graph = long_chain()
    plan, feeds = graph.compile(["x"]), feeds_of(graph, np.float64)
    loss, gradients = plan(feeds)
    plan.save(tmp_path / "net.py")
    space = {"__name__": "net"}
    exec((tmp_path / "net.py").read_text("utf-8"), space)
    same, found = space["compute"](feeds)
    assert loss == same
    np.testing.assert_array_equal(found["x"], gradients["x"])
