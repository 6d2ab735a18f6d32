"""Updates as part of a program: what is remembered and in which shape, what is written down and what is called."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.plan.updating import UpdateCall, memories, updated, with_updates
from chainrule.program.recording import record
from chainrule.program.verifying import verify
from chainrule.symbols.dimensions import as_shape
from nets.training import SGD, Adam, Momentum, Optimizer


class Halving(Optimizer):
    """Half of the gradient, and how often: a memory whose next value is a number when it is known from the start."""

    def start(self, parameter):
        return (np.zeros(()),)

    def update(self, parameter, gradient, memory):
        return parameter - gradient / 2, (7.0,)


class Clipped(Optimizer):
    """Looks at numbers, which no symbol has: it is called on arrays."""

    def start(self, parameter):
        return np.zeros(3), np.zeros_like(parameter)

    def update(self, parameter, gradient, memory):
        scaled = gradient / 2
        norm = float(np.linalg.norm(np.asarray(scaled)))
        return parameter - scaled / max(1.0, norm), (memory[0] + norm, scaled)


class ByRow(Optimizer):
    """Remembers one number for each row, and four for each place on the other axes, from the last to the second."""

    def start(self, parameter):
        return np.zeros(parameter.shape[0]), np.zeros((*parameter.shape[:0:-1], 4))

    def update(self, parameter, gradient, memory):
        return parameter - gradient, memory


def program():
    w, b, x = cr.Parameter("w", (1, 2)), cr.Parameter("b", (1, 1)), cr.Input("x", (2, "m"))
    graph = cr.Graph(cr.Sum(cr.Add(w @ x, b, name="z"), name="L"))
    return record(graph).only(gradients=["w", "b"])


def shapes(update, **parameters):
    """The shapes of what is remembered of each parameter, by name."""
    found = memories(update, {name: as_shape(shape) for name, shape in parameters.items()})
    return {name: {key: leaf.shape for key, leaf in memory.items()} for name, memory in found.items()}


def test_what_is_remembered_is_fed_under_the_name_of_the_parameter():
    assert shapes(SGD(), w=(3, 2), b=(3, 1)) == {"w": {}, "b": {}}
    assert shapes(Momentum(), w=(3, 2)) == {"w": {"w memory 1": (3, 2)}}
    assert shapes(Adam(), w=(3, 2)) == {"w": {"w memory 1": (3, 2), "w memory 2": (3, 2), "w memory 3": ()}}
    (leaf,) = memories(Momentum(), {"w": (3, 2)})["w"].values()
    assert isinstance(leaf, cr.Input)
    assert leaf.name == "w memory 1"


def test_named_sizes_stay_named_in_what_is_remembered():
    m, n, p = as_shape(("m", "n", "p"))
    assert shapes(ByRow(), x=(2, "m")) == {"x": {"x memory 1": (2,), "x memory 2": (m, 4)}}
    assert shapes(ByRow(), x=("n", "m", 3)) == {"x": {"x memory 1": (n,), "x memory 2": (3, m, 4)}}
    assert shapes(ByRow(), x=("m", "m")) == {"x": {"x memory 1": (m,), "x memory 2": (m, 4)}}
    assert shapes(ByRow(), x=("p", 17, "n", "m")) == {"x": {"x memory 1": (p,), "x memory 2": (m, n, 17, 4)}}


def test_a_size_of_the_updates_own_is_not_taken_for_a_named_one():
    """It was: three numbers beside an input (2, m) had the shape (m,)."""
    for shape in ((2, "m"), ("m", "n"), ("m", 2, "n")):
        assert shapes(Clipped(), x=shape)["x"]["x memory 1"] == (3,)


def lines(updated_program):
    return [" ".join(line.split()) for line in str(updated_program).splitlines()]


def with_update(update):
    before = program()
    after = with_updates(before, update, memories(update, {"w": (1, 2), "b": (1, 1)}))
    verify(after)
    assert after.steps[: len(before)] == before.steps
    assert dict(after.values) == dict(before.values)
    assert not after.gradients
    return lines(after)[len(before) :], after


def test_a_step_of_descent_is_written_down_after_the_gradients():
    written, after = with_update(SGD(0.5))
    assert written == [
        "%11 multiply(0.5, %10) (1, 2)",
        "%12 new w = subtract(%0, %11) (1, 2)",
        "%13 multiply(0.5, %8) (1, 1)",
        "%14 new b = subtract(%1, %13) (1, 1)",
        "return L, new w, new b",
    ]
    assert dict(after.updates) == {"w": 12, "b": 14}
    assert [after.steps[k].formula for k in (12, 14)] == ["w - 0.5 * dw", "b - 0.5 * db"]


def test_what_is_remembered_is_fed_and_handed_back():
    written, after = with_update(Momentum(0.5, decay=0.25))
    assert written == [
        "%11 w memory 1 = feed (1, 2)",
        "%12 multiply(0.25, %11) (1, 2)",
        "%13 new w memory 1 = add(%12, %10) (1, 2)",
        "%14 multiply(0.5, %13) (1, 2)",
        "%15 new w = subtract(%0, %14) (1, 2)",
        "%16 b memory 1 = feed (1, 1)",
        "%17 multiply(0.25, %16) (1, 1)",
        "%18 new b memory 1 = add(%17, %8) (1, 1)",
        "%19 multiply(0.5, %18) (1, 1)",
        "%20 new b = subtract(%1, %19) (1, 1)",
        "return L, new w, new w memory 1, new b, new b memory 1",
    ]
    assert dict(after.updates) == {"w": 15, "w memory 1": 13, "b": 20, "b memory 1": 18}
    velocity = "0.25 * values['w memory 1'] + dw"
    assert [after.steps[k].formula for k in (13, 15)] == [velocity, f"w - 0.5 * ({velocity})"]


def test_a_memory_that_is_a_number_is_a_constant():
    written, after = with_update(Halving())
    assert written[:4] == [
        "%11 w memory 1 = feed ()",
        "%12 divide(%10, 2) (1, 2)",
        "%13 new w = subtract(%0, %12) (1, 2)",
        "%14 new w memory 1 = 7.0 ()",
    ]
    assert after.steps[14].formula == "…"


def test_an_update_that_looks_at_numbers_is_one_call_and_leaves_no_other_step():
    written, after = with_update(Clipped())
    assert written == [
        "%11 w memory 1 = feed (3,)",
        "%12 w memory 2 = feed (1, 2)",
        "%13 Clipped.update(%0, %10, %11, %12) (?)",
        "%14 new w = pick(%13, place=0) (1, 2)",
        "%15 new w memory 1 = pick(%13, place=1) (3,)",
        "%16 new w memory 2 = pick(%13, place=2) (1, 2)",
        "%17 b memory 1 = feed (3,)",
        "%18 b memory 2 = feed (1, 1)",
        "%19 Clipped.update(%1, %8, %17, %18) (?)",
        "%20 new b = pick(%19, place=0) (1, 1)",
        "%21 new b memory 1 = pick(%19, place=1) (3,)",
        "%22 new b memory 2 = pick(%19, place=2) (1, 1)",
        "return L, new w, new w memory 1, new w memory 2, new b, new b memory 1, new b memory 2",
    ]
    assert {after.steps[k].formula for k in after.updates.values()} == {"Clipped.update(…)"}


def test_a_called_update_has_the_shape_of_the_parameter_where_that_of_the_gradient_is_unknown():
    class Loop(cr.Node):
        """Forward looks at numbers, so that nothing after it has a shape before there is data."""

        def forward(self, x):
            return np.array([float(number) for number in x])

        def backward(self, grad, y, x):
            return (grad * 2,)

        def shape_of(self, x):
            return None

    before = record(cr.Graph(cr.Sum(Loop(cr.Parameter("w", (4,))), name="L"))).only(gradients=["w"])
    assert before.steps[before.gradients["w"]].shape is None
    after = with_updates(before, Clipped(), memories(Clipped(), {"w": (4,)}))
    assert [after.steps[k].shape for k in after.updates.values()] == [(4,), (3,), (4,)]


def test_an_update_that_remembers_more_or_less_than_it_started_with_is_refused():
    class Forgetful(Optimizer):
        def start(self, parameter):
            return np.zeros(()), np.zeros(())

        def update(self, parameter, gradient, memory):
            return parameter - gradient, (gradient,)

    with pytest.raises(cr.errors.ArgumentError) as refused:
        with_update(Forgetful())
    assert refused.value.what == "Forgetful.update: it remembers 1 arrays and started with 2"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_arrays_move_as_the_update_says_in_the_dtype_of_the_parameter(dtype):
    feeds = {
        "w": np.array([[1.0, 2.0]], dtype),
        "w memory 1": np.array([[4.0, 0.0]], dtype),
        "b": np.ones((1, 1), dtype),
    }
    feeds["b memory 1"] = np.zeros((1, 1), dtype)
    gradients = {"w": np.array([[2.0, -2.0]]), "b": np.array([[0.5]])}
    update = Momentum(np.float64(0.5), decay=0.25)
    moved = updated(update, memories(update, {"w": (1, 2), "b": (1, 1)}), feeds, gradients)
    assert {name: value.tolist() for name, value in moved.items()} == {
        "w": [[-0.5, 3.0]],
        "w memory 1": [[3.0, -2.0]],
        "b": [[0.75]],
        "b memory 1": [[0.5]],
    }
    assert list(moved) == ["w", "w memory 1", "b", "b memory 1"]
    assert {value.dtype for value in moved.values()} == {np.dtype(dtype)}


def test_an_update_cannot_write_to_what_it_is_given():
    class InPlace(Optimizer):
        def update(self, parameter, gradient, memory):
            parameter -= gradient
            return parameter, memory

    parameter = np.ones((1, 2))
    with pytest.raises(ValueError, match="read-only"):
        UpdateCall(InPlace())(parameter, parameter)
    assert parameter.tolist() == [[1, 1]]


def test_a_called_update_is_named_by_its_class():
    assert UpdateCall(Clipped()).__name__ == "Clipped.update"
    assert UpdateCall(Adam(0.5)) == UpdateCall(Adam(0.5))
    assert UpdateCall(Adam(0.5)) != UpdateCall(Adam(0.25))
