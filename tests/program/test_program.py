"""Programs: what is recorded computes what a Run computes, and the verifier notices what is broken."""

from dataclasses import replace

import numpy as np
import pytest
from evaluation import evaluate
from random_graphs import random_graph

import chainrule as cr
from chainrule.program.calls import RuleCall
from chainrule.program.program import Program, joined, rewrite
from chainrule.program.recording import record
from chainrule.program.step import Ref, Step
from chainrule.program.verifying import verify
from chainrule.symbols.elementary import sigmoid
from nets.dnn import DNN


def small_graph() -> cr.Graph:
    w, x = cr.Parameter("w", (1, 2)), cr.Input("x", (2, "m"))
    return cr.Graph(cr.Mean(cr.Square(w @ x, name="s"), name="L"))


FEEDS = {"w": np.array([[1.0, -2.0]]), "x": np.array([[1.0, 2.0, 3.0], [0.5, 4.0, -1.0]])}


class Untraceable(cr.Node):
    """x², by a loop that no Symbol can pass through."""

    def forward(self, x):
        return np.array([float(v) ** 2 for v in x.ravel()], dtype=x.dtype).reshape(x.shape)

    def backward(self, grad, y, x):
        return (np.array([2 * float(v) for v in x.ravel()], dtype=x.dtype).reshape(x.shape) * grad,)


@pytest.mark.parametrize("seed", range(40))
def test_a_recorded_program_computes_every_value_and_gradient_of_a_run(seed):
    random = random_graph(seed)
    run = random.graph.forward(random.feeds)
    gradients = run.backward()
    program = record(random.graph)
    verify(program)
    values, found = evaluate(program, random.feeds)
    assert set(found) == set(gradients)
    for name, value in values.items():
        np.testing.assert_array_equal(value, run.values[name], err_msg=name)
    for name, gradient in found.items():  # the same operations in the same order: equal to the last bit
        np.testing.assert_array_equal(gradient, gradients[name], err_msg=name)


def test_recording_is_deterministic():
    net = DNN((2, 4, 3, 1))
    assert str(record(net.graph)) == str(record(DNN((2, 4, 3, 1)).graph))


def test_a_rule_without_a_trace_is_one_step_for_each_way():
    x = cr.Parameter("x", (3, 2))
    program = record(cr.Graph(cr.Sum(Untraceable(x, name="y"), name="L")))
    calls = [step.operation.__name__ for step in program if isinstance(step.operation, RuleCall)]
    assert calls == ["Untraceable.forward", "Untraceable.backward"]
    verify(program)
    _, gradients = evaluate(program, {"x": np.arange(6.0).reshape(3, 2)})
    np.testing.assert_array_equal(gradients["x"], 2 * np.arange(6.0).reshape(3, 2))


def test_a_called_rule_cannot_write_to_what_it_is_handed():
    class Greedy(Untraceable):
        def forward(self, x):
            x[...] = float(x.ravel()[0])
            return x

    program = record(cr.Graph(cr.Sum(Greedy(cr.Parameter("x", (3,)), name="y"), name="L")))
    with pytest.raises(
        cr.errors.RuleError, match=r"Greedy 'y'.forward: ValueError: assignment destination is read-only"
    ):
        evaluate(program, {"x": np.ones(3)})


def test_only_the_asked_results_are_left():
    whole = record(small_graph())
    forward = whole.only()
    assert list(forward.values) == ["L"]
    assert len(forward) == 6
    assert not forward.gradients
    assert len(whole.only(gradients=["w"])) < len(whole.only(gradients=["w", "x"]))


def test_feeds_stay_when_nothing_reads_them():
    program = record(small_graph()).only(values=["w"])
    assert list(program.feeds) == ["w", "x"]


def test_a_gradient_of_the_wrong_shape_is_refused_when_it_is_recorded():
    class Wrong(cr.Node):
        def forward(self, x):
            return 2 * x

        def backward(self, grad, y, x):
            return (grad.sum(axis=1),)

    with pytest.raises(cr.errors.RuleError, match=r"the gradient of x has shape \(3,\), the input has \(3, m\)"):
        record(cr.Graph(cr.Mean(Wrong(cr.Input("x", (3, "m"))), name="L")))


def test_an_output_with_axes_has_no_program():
    with pytest.raises(cr.errors.ArgumentError, match=r"gradients start at a scalar loss, and y has shape \(3,\)"):
        record(cr.Graph(cr.Exp(cr.Input("x", (3,)), name="y")))


def test_a_deep_chain_is_recorded_without_recursion():
    node: cr.Node = cr.Parameter("x")
    for _ in range(3000):
        node = cr.Sin(node)
    program = record(cr.Graph(node))
    verify(program)
    assert len(program) > 6000
    assert len(str(program).splitlines()) < 210


# --- the verifier ----------------------------------------------------------------------------------------------------


def broken(change) -> Program:
    program = record(small_graph())
    steps = list(program.steps)
    change(steps)
    return replace(program, steps=tuple(steps))


def use_before_definition(steps):
    steps[2] = replace(steps[2], operands=(Ref(0), Ref(5)))


def use_of_itself(steps):
    steps[3] = replace(steps[3], operands=(Ref(3),))


def wrong_shape(steps):
    steps[2] = replace(steps[2], shape=(2, 2))


def shapes_that_do_not_fit(steps):
    steps[2] = replace(steps[2], operands=(Ref(1), Ref(0)))


def two_of_one_name(steps):
    steps[3] = replace(steps[3], name="w")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (use_before_definition, "step %2 reads a step that is not before it"),
        (use_of_itself, "step %3 reads a step that is not before it"),
        (wrong_shape, r"step %2 has shape \(2, 2\) and computes \(1, m\)"),
        (shapes_that_do_not_fit, "the inner sizes m and 1 differ"),
        (two_of_one_name, "step %3: 'w' is defined twice"),
    ],
)
def test_the_verifier_names_the_broken_step(change, message):
    verify(broken(lambda steps: None))
    with pytest.raises(cr.errors.GraphError, match=message):
        verify(broken(change))


def test_the_verifier_notices_a_result_that_is_no_step():
    program = record(small_graph())
    with pytest.raises(cr.errors.GraphError, match="a result of the program is no step"):
        verify(replace(program, gradients={"w": len(program)}))


def test_rewriting_without_a_change_changes_nothing():
    program = record(small_graph())
    assert str(rewrite(program, lambda builder, step, _: builder.append(step))) == str(program)


def test_a_constant_and_a_feed_are_told_apart():
    assert Step(None).is_feed
    assert Step(None, (np.ones(2),)).is_constant


def test_a_second_way_back_is_joined_to_the_first_through_the_values_they_share():
    z, y = cr.Parameter("z", (1, 3)), cr.Input("Y", (1, 3))
    plain = cr.Graph(cr.BCELoss(cr.Sigmoid(z, name="A"), y, name="L"))
    first, second = record(plain.fuse()), record(plain)
    both = joined(first, replace(second, gradients={"A": second.gradients["A"]})).only(gradients=["z", "A"])
    verify(both)
    feeds = {"z": np.array([[0.3, -1.0, 2.0]]), "Y": np.array([[0.0, 1.0, 0.0]])}
    run = plain.forward(feeds)
    run.backward()
    for name, gradient in evaluate(both, feeds)[1].items():
        np.testing.assert_allclose(gradient, run.gradients[name], rtol=1e-14)
    assert sorted(step.name for step in both if step.is_feed) == ["Y", "z"]  # each of them once
    sigmoids = [step for step in both if step.operation is sigmoid]
    assert len(sigmoids) == 3  # A, which both have, and σ(z) and σ(-z) in the slope of the fused loss
