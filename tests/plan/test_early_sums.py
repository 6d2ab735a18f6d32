"""Terms that are added as soon as they are there: the same bits, in less memory, and what stays where it is."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.plan import numpy_plan
from chainrule.plan.early_sums import added_early, early_sums
from chainrule.plan.optimizing import bound, optimized, typed
from chainrule.plan.row_blocks import in_row_blocks
from chainrule.program.program import Program
from chainrule.program.recording import record
from chainrule.program.step import Ref, Step
from chainrule.program.verifying import verify

STEPS, EXAMPLES, FEATURES, STATES = 6, 7, 3, 5


def through_time(steps=STEPS, states=STATES):
    x, h = cr.Input("x", ("m", steps, FEATURES)), cr.Parameter("h", (1, states))
    w, v = cr.Parameter("W", (FEATURES, states)), cr.Parameter("V", (states, states))
    state = h
    for t in range(steps):
        state = cr.Tanh(x[:, t] @ w + state @ v)
    return cr.Graph(cr.Sum(cr.Square(state), name="L"))


def before(graph, gradients=("W", "V", "h")):
    program = optimized(bound(typed(record(graph).only(gradients=gradients), float), {"m": EXAMPLES}))
    return program.without_dead_steps()


def feeds_of(graph, states=STATES, steps=STEPS, dtype=np.float64):
    rng = np.random.default_rng(0)
    shapes = {"x": (EXAMPLES, steps, FEATURES), "h": (1, states), "W": (FEATURES, states), "V": (states, states)}
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


def most_waiting(program, shape):
    """The largest number of products of a shape that are computed and not yet added."""
    last = {source: k for k, step in enumerate(program.steps) for source in step.refs}
    own = [k for k, step in enumerate(program.steps) if step.operation is np.matmul and step.shape == shape]
    return max(sum(k <= at < last.get(k, at) for k in own) for at in range(len(program)))


def test_what_a_weight_receives_is_added_as_it_comes():
    program = before(through_time())
    assert most_waiting(program, (STATES, STATES)) == STEPS - 1  # of one row it is no product of matrices
    changed = early_sums(program)
    verify(changed)
    assert most_waiting(changed, (STATES, STATES)) == 2


def test_the_steps_are_the_same_in_another_order():
    program = before(through_time())
    changed = early_sums(program)
    assert len(changed) == len(program)
    assert sorted(str(step.operation) for step in changed) == sorted(str(step.operation) for step in program)
    assert set(changed.gradients) == set(program.gradients)
    assert [changed.steps[k].shape for k in changed.ends] == [program.steps[k].shape for k in program.ends]
    assert str(early_sums(changed)) == str(changed)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("states", [STATES, 300])  # many rows are computed some at a time
def test_a_plan_has_the_bits_that_it_has_with_its_sums_at_the_end(states, dtype, monkeypatch):
    graph = through_time(states=states)
    feeds = feeds_of(graph, states, dtype=dtype)
    names = ["W", "V", "h"]
    early = graph.compile(names)(feeds)
    monkeypatch.setattr(numpy_plan, "early_sums", lambda program: program)
    late = graph.compile(names)(feeds)
    assert early[0] == late[0]
    for name in names:
        np.testing.assert_array_equal(early[1][name], late[1][name])


def test_a_plan_agrees_with_its_run():
    graph = through_time()
    feeds = feeds_of(graph)
    run = graph.forward(feeds)
    run.backward()
    for name, found in graph.compile(["W", "V", "h"])(feeds)[1].items():
        np.testing.assert_allclose(found, run[f"d{name}"], rtol=1e-12, atol=1e-13)


def test_a_workspace_does_not_grow_with_the_steps_by_a_weight_each(monkeypatch):
    """Large products would be added some rows at a time, all of them at the end."""

    def room(steps):
        graph = through_time(steps, states=300)
        plan = graph.compile(["V"])
        plan(feeds_of(graph, 300, steps))
        (computation,) = plan._computations.values()
        return computation.part.source.bytes

    weight = 300 * 300 * 8
    assert (room(12) - room(4)) / 8 < weight / 4
    monkeypatch.setattr(numpy_plan, "early_sums", lambda program: program)
    monkeypatch.setattr("chainrule.plan.row_blocks.added_early", lambda program: [False] * len(program))
    assert (room(12) - room(4)) / 8 > weight


def test_rows_at_a_time_are_not_for_sums_that_are_added_early():
    program = early_sums(before(through_time(states=300)))
    early = added_early(program)
    assert any(early)
    changed, blocks = in_row_blocks(program)
    inside = {k for block in blocks.values() for k in block.steps}
    assert not any(added_early(changed)[k] for k in inside)


def feed(name, shape=(4, 6)):
    return Step(None, (), shape=shape, name=name)


def names_in_order(steps, values):
    program = Program(tuple(steps), values, {}, tuple(values))
    return [step.name for step in early_sums(program).steps]


def product(name, x=0, y=1):
    return Step(np.matmul, (Ref(x), Ref(y)), shape=(4, 4), name=name)


def total(name, x, y):
    return Step(np.add, (Ref(x), Ref(y)), shape=(4, 4), name=name)


LEAVES = [feed("x"), feed("y", (6, 4))]


def test_an_addition_comes_behind_the_last_of_its_operands_and_those_that_wait_for_it_follow():
    steps = [*LEAVES, product("a"), product("b"), product("c"), product("d")]
    steps += [total("s", 2, 3), total("t", 6, 4), total("u", 7, 5)]
    assert names_in_order(steps, {"u": 8}) == ["x", "y", "a", "b", "s", "c", "t", "d", "u"]
    turned = [*steps[:6], total("s", 5, 4), total("t", 6, 3), total("u", 7, 2)]
    assert names_in_order(turned, {"u": 8}) == ["x", "y", "a", "b", "c", "d", "s", "t", "u"]


def test_a_sum_of_two_and_values_with_other_readers_stay_where_they_are():
    steps = [*LEAVES, product("a"), product("b"), product("c"), total("s", 2, 3)]
    assert names_in_order(steps, {"s": 5, "c": 4}) == [step.name for step in steps]
    read = [*steps, total("t", 5, 4)]
    ends = {name: k for k, name in enumerate("abcst", start=2)}
    assert names_in_order(read, ends) == [step.name for step in read]


def test_one_value_added_to_itself_and_a_term_that_is_added_twice():
    steps = [*LEAVES, product("a"), product("b"), product("c"), total("s", 2, 2), total("t", 5, 3), total("u", 6, 4)]
    assert sorted(names_in_order(steps, {"u": 7})) == sorted(step.name for step in steps)


def test_a_long_chain_is_followed_step_by_step():
    count = 5_000
    steps = [*LEAVES, *(product(f"p{k}") for k in range(count)), total("s0", 2, 3)]
    steps += [total(f"s{k}", len(steps) + k - 2, k + 3) for k in range(1, count - 1)]
    program = Program(tuple(steps), {"s": len(steps) - 1}, {}, ("s",))
    assert most_waiting_names(early_sums(program)) <= 2


def most_waiting_names(program):
    waiting = most = 0
    for step in program.steps:
        waiting += (step.operation is np.matmul) - (step.operation is np.add)
        most = max(most, waiting)
    return most
