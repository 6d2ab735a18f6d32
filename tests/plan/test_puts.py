"""What slices of a value receive, laid side by side: the same numbers, and which sums are left as they are."""

import numpy as np
import pytest
from evaluation import evaluate

import chainrule as cr
from chainrule.plan.optimizing import bound, optimized, typed
from chainrule.plan.puts import sums_of_puts
from chainrule.program.program import Program
from chainrule.program.recording import record
from chainrule.program.step import Ref, Step
from chainrule.symbols import elementary

SHAPE = (5, 7, 3)


def received(keys, shape=SHAPE, others=0):
    """The program of what x receives from exp(x[key]) times a number of its own for every key, and from x itself."""
    x = cr.Parameter("x", shape)
    total = sum((cr.Sum(cr.Exp(x[key])) * (k + 2.0) for k, key in enumerate(keys)), start=cr.Sum(x * 0.5))
    for k in range(others):
        total = cr.Sum(cr.Sin(x * (k + 1.5))) + total
    return cr.Graph(cr.Sum(total, name="L"))


def before(graph, dtype=float):
    return optimized(bound(typed(record(graph).only(gradients=["x"]), dtype), {}))


def puts(program):
    return sum(step.operation is elementary.put for step in program)


def rows(program):
    """The sizes of what is laid in a row, for every row, along its axis."""
    steps = program.steps
    found = [step for step in steps if step.operation is np.concatenate]
    return [[steps[part.step].shape[step.options["axis"]] for part in step.operands[0]] for step in found]


def agree(graph, allowed=1e-13, dtype=np.float64):
    x = np.random.default_rng(0).normal(size=graph["x"].shape).astype(dtype)
    run = graph.forward({"x": x})
    run.backward()
    loss, gradients = graph.compile(["x"])({"x": x})
    assert loss == pytest.approx(float(run["L"]), rel=allowed)
    assert gradients["x"].dtype == dtype
    np.testing.assert_allclose(gradients["x"], run["dx"], rtol=allowed, atol=allowed)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([np.s_[:, 0:2], np.s_[:, 2:6], np.s_[:, 6:7]], [[2, 4, 1]]),
        ([np.s_[:, 2:6], np.s_[:, 6], np.s_[:, :2]], [[2, 4, 1]]),
        ([np.s_[..., 0], np.s_[..., -1], np.s_[..., 1:2]], [[1, 1, 1]]),
        ([2, -1, 0], [[1, 1, 1, 1, 1]]),
        ([np.s_[3:], np.s_[:2]], [[2, 1, 2]]),
        ([np.s_[:, 1:3], np.s_[:, 4:]], [[1, 2, 1, 3]]),
        ([np.s_[:, 2:5]], [[2, 3, 2]]),
        ([np.s_[:, 2:5], np.s_[:, 4:6]], [[2, 3, 2], [4, 2, 1]]),
        ([np.s_[:, -6:-4:1, :], np.s_[:, 4:100]], [[1, 2, 1, 3]]),
    ],
)
def test_what_slices_receive_is_laid_in_a_row_with_zeros_between(keys, expected):
    graph = received(keys)
    program = sums_of_puts(before(graph))
    assert sorted(rows(program)) == expected
    assert puts(program) == 0
    agree(graph)


def test_slices_that_meet_stand_in_different_rows():
    graph = received([np.s_[:, k : k + 2] for k in range(6)])
    program = sums_of_puts(before(graph))
    assert sorted(rows(program)) == [[1, 2, 2, 2], [2, 2, 2, 1]]
    agree(graph)


def test_each_axis_has_its_rows():
    graph = received([np.s_[:, :3], np.s_[0], np.s_[:, 3:], np.s_[1:]])
    assert sorted(rows(sums_of_puts(before(graph)))) == [[1, 4], [3, 4]]
    agree(graph)


@pytest.mark.parametrize(
    "keys",
    [
        [np.s_[:, 0:4:2], np.s_[:, 1:4:2]],  # with steps
        [np.s_[:, ::-1], np.s_[::-1]],
        [np.s_[0:2, 0:3], np.s_[2:, 3:]],  # along two axes at once
        [np.array([0, 0, 2]), np.array([1])],  # entries that may be named twice
        [np.s_[:, 2:2], np.s_[:, 0:1]],  # nothing at all
        [np.s_[:, 2:3]],  # little and alone
        [np.s_[:, 1], np.s_[:, 1:2]],  # which meet, and little of each
    ],
)
def test_what_cannot_be_laid_in_a_row_stays(keys):
    graph = received(keys)
    assert not rows(sums_of_puts(before(graph)))
    agree(graph)


def test_a_put_with_another_reader_stays_for_that_reader():
    steps = [
        Step(None, (), shape=(3, 4), name="x"),
        Step(None, (), shape=(3, 2), name="y"),
        Step(elementary.put, (Ref(1), np.s_[:, :2], Ref(0)), shape=(3, 4)),
        Step(elementary.put, (Ref(1), np.s_[:, 2:], Ref(0)), shape=(3, 4)),
        Step(np.add, (Ref(2), Ref(3)), shape=(3, 4), name="s", formula="a + b"),
        Step(np.multiply, (Ref(2), Ref(4)), shape=(3, 4)),
    ]
    program = Program(tuple(steps), {"s": 4, "t": 5}, {}, ("s", "t"))
    changed = optimized(program, (sums_of_puts,))
    assert puts(changed) == 1
    assert [(step.name, step.formula) for step in changed if step.operation is np.concatenate] == [("s", "a + b")]
    rng = np.random.default_rng(1)
    feeds = {"x": rng.normal(size=(3, 4)), "y": rng.normal(size=(3, 2))}
    for name, expected in evaluate(program, feeds)[0].items():
        np.testing.assert_array_equal(evaluate(changed, feeds)[0][name], expected)


def test_what_is_stretched_where_it_is_put_stays():
    steps = [
        Step(None, (), shape=(3, 4), name="x"),
        Step(None, (), shape=(1, 2), name="y"),
        Step(elementary.put, (Ref(1), np.s_[:, :2], Ref(0)), shape=(3, 4)),
        Step(elementary.put, (Ref(1), np.s_[:, 2:], Ref(0)), shape=(3, 4)),
        Step(np.add, (Ref(2), Ref(3)), shape=(3, 4)),
    ]
    assert puts(sums_of_puts(Program(tuple(steps), {"s": 4}, {}, ("s",)))) == 2


@pytest.mark.parametrize("seed", range(25))
def test_plans_of_random_slices_agree_with_their_runs(seed):
    rng = np.random.default_rng(seed)

    def part(size):
        start, stop = sorted(int(x) for x in rng.integers(-size, size + 1, size=2))
        return [slice(None), slice(start, stop), slice(start, None), int(rng.integers(-size, size)), slice(None)][
            rng.integers(5)
        ]

    keys = [tuple(part(size) for size in SHAPE[: rng.integers(1, 4)]) for _ in range(rng.integers(2, 9))]
    graph = received(keys, others=int(rng.integers(3)))
    agree(graph)
    agree(graph, 1e-5, np.float32)


def test_a_plan_of_a_net_through_time_has_one_array_where_each_gate_received_one():
    x, w, v = cr.Input("x", ("m", 3, 4)), cr.Parameter("W", (4, 10)), cr.Parameter("V", (5, 10))
    state = cr.Parameter("h", (1, 5))
    for t in range(3):
        z = x[:, t] @ w + state @ v
        state = cr.Sigmoid(z[:, :5]) * cr.Tanh(z[:, 5:]) + state
    graph = cr.Graph(cr.Sum(cr.Square(state), name="L"))
    rng = np.random.default_rng(0)
    feeds = {"x": rng.normal(size=(6, 3, 4)), "W": rng.normal(size=(4, 10)), "V": rng.normal(size=(5, 10))}
    feeds["h"] = rng.normal(size=(1, 5))
    plan = graph.compile(["x", "W", "V", "h"])
    run = graph.forward(feeds)
    run.backward()
    for _ in range(2):  # the second time buffers hold what the first call left there
        _, gradients = plan(feeds)
        for name, found in gradients.items():
            np.testing.assert_allclose(found, run[f"d{name}"], rtol=1e-12, atol=1e-13)
    assert plan.source.count("concatenate((") == 4
    assert " import put" not in plan.source


def test_a_sum_of_very_many_slices_is_one_row():
    """Each step is looked at once, and nothing is taken apart by recursion."""
    graph = received(range(2_000), (2_000, 2))
    assert [len(row) for row in rows(sums_of_puts(before(graph)))] == [2_000]
