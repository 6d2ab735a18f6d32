"""At a kink a convention decides, the one that docs/architecture.md states; on either side of it the slope does."""

import numpy as np
import pytest

import chainrule as cr

STEP = 0.5  # how far the neighbors of a kink are away

# the rule, where it has a kink, and its slope before, at and behind the kink
KINKS = [
    (cr.Abs, {}, 0.0, [-1, 0, 1]),
    (cr.ReLU, {}, 0.0, [0, 0, 1]),
    (cr.LeakyReLU, {"slope": 0.2}, 0.0, [0.2, 0.2, 1]),
    (cr.Clip, {"low": -1.0, "high": 3.0}, -1.0, [0, 1, 1]),
    (cr.Clip, {"low": -1.0, "high": 3.0}, 3.0, [1, 1, 0]),
]


@pytest.mark.parametrize(("kind", "facts", "kink", "slopes"), KINKS)
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_the_slope_at_a_kink_is_the_one_that_is_documented(kind, facts, kink, slopes, zero):
    x = np.array([kink - STEP, kink + zero, kink + STEP])
    run = cr.Graph(kind(cr.Input("x", 3), **facts, name="y")).forward({"x": x})
    assert run.backward(seed=[1, 2, 4])["x"].tolist() == [1 * slopes[0], 2 * slopes[1], 4 * slopes[2]]


@pytest.mark.parametrize(("kind", "left"), [(cr.Maximum, [1, 2, 0]), (cr.Minimum, [0, 2, 8])])
def test_two_that_tie_share_the_gradient_equally(kind, left):
    x, y = np.array([3.0, -1.0, -7.0]), np.array([1.0, -1.0, 5.0])
    run = cr.Graph(kind(cr.Input("x", 3), cr.Input("y", 3), name="z")).forward({"x": x, "y": y})
    seed = np.array([1.0, 4.0, 8.0])
    gradients = run.backward(seed=seed)
    assert gradients["x"].tolist() == left
    assert gradients["y"].tolist() == (seed - left).tolist()


@pytest.mark.parametrize(("axis", "expected"), [(0, [[6, 7, 4], [0, 7, 4]]), (1, [[2.5, 0, 2.5], [0, 7, 0]])])
def test_entries_that_tie_for_a_maximum_share_the_gradient_equally(axis, expected):
    x = np.array([[3.0, 2.0, 3.0], [1.0, 5.0, 3.0]]) if axis else np.array([[3.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    seed = np.array([5.0, 7.0]) if axis else np.array([6.0, 14.0, 8.0])
    run = cr.Graph(cr.Max(cr.Input("x", (2, 3)), axis=axis, name="y")).forward({"x": x})
    assert run.backward(seed=seed)["x"].tolist() == expected


def test_the_hinge_loss_is_flat_at_the_hinge():
    prediction, labels = np.array([[0.5, 1.0, 2.0], [-1.5, -1.0, -0.5]]), np.array([[1.0] * 3, [-1.0] * 3])
    loss = cr.HingeLoss(cr.Input("x", (2, 3)), cr.Input("y", (2, 3)), reduction="sum", name="L")
    run = cr.Graph(loss).forward({"x": prediction, "y": labels})
    assert run.backward()["x"].tolist() == [[-1, 0, 0], [0, 0, 1]]
