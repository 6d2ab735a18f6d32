"""What rules refuse, each with its whole message, and what they make of a single number, one class or no columns."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ChainruleError


def given(name, *shape):
    return cr.Input(name, shape)


REFUSED = {
    "labels of another shape": (
        lambda: cr.MSELoss(given("x", 3, "m"), given("y", 1, "m")),
        "MSELoss: predictions (3, m) and labels (1, m) differ in shape",
        "x (3, m), y (1, m)",
        "give the labels the shape of the predictions; a loss never broadcasts",
    ),
    "classes on the only axis": (
        lambda: cr.CrossEntropyLoss(given("p", 4), given("y", 4)),
        "CrossEntropyLoss: predictions (4,) have no rows: classes are rows and examples are columns",
        "p (4,), y (4,)",
        "one example of 4 classes has shape (4, 1)",
    ),
    "a mean over no columns": (
        lambda: cr.BCELoss(given("a", 3, 0), given("y", 3, 0)),
        "BCELoss: a mean over no columns is undefined",
        "a (3, 0), y (3, 0)",
        'reduction="sum", which is 0',
    ),
    "a mean over nothing": (
        lambda: cr.Mean(given("x", 3, 0, 2), axis=(0, 1)),
        "Mean: a mean over no values is undefined",
        "shape (3, 0, 2)",
        "Sum, which is 0",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_whole_message(case):
    build, what, shapes, remedy = REFUSED[case]
    with pytest.raises(ChainruleError) as caught:
        build()
    where, *rest = str(caught.value).splitlines()[1:]
    assert str(caught.value).splitlines()[0] == what
    assert where.startswith("  where: built at ")
    assert rest == [f"  given: {shapes}"] + [f"  try:   {remedy}"] * (remedy is not None)


@pytest.mark.parametrize("kind", [cr.CrossEntropyLoss, cr.SoftmaxCrossEntropyLoss])
@pytest.mark.parametrize("shape", [(1,), (0,), (1, 1), (4, 1)])
def test_one_class_alone_and_no_columns_at_all_are_no_doubt(kind, shape):
    assert kind(given("x", *shape), given("y", *shape), reduction="sum").shape == ()


def test_a_single_number_is_one_example():
    """No axes at all: the mean over one column is the loss itself."""
    for reduction in ("mean", "sum", "none"):
        node = cr.MSELoss(given("x"), given("y"), reduction=reduction, name="L")
        run = cr.Graph(node).forward({"x": 5.0, "y": 2.0})
        assert run["L"] == 9
        assert run.backward()["x"] == 6


def test_a_mean_over_some_axes_needs_entries_on_those_alone():
    run = cr.Graph(cr.Mean(given("x", 3, 0, 2), axis=(0, 2), name="y")).forward({"x": np.zeros((3, 0, 2))})
    assert run["y"].shape == (0,)


def test_losses_of_a_row_are_left_as_they_are():
    """Where there are no rows to sum over, no sum is written."""
    node = cr.MSELoss(given("x", "m"), given("y", "m"), reduction="none", name="L")
    assert str(cr.Graph(node).derivation()["L"]) == "(x - y) ** 2"


def value(node, **feeds):
    return cr.Graph(node).forward(feeds)[node]


def test_facts_that_are_left_out():
    x = np.array([[-3.0, 0.5, 2.0], [4.0, -0.5, 1.0]])
    leaf = given("x", 2, 3)
    np.testing.assert_array_equal(value(cr.Clip(leaf), x=x), x)
    np.testing.assert_array_equal(value(cr.Clip(leaf, low=0), x=x), np.maximum(x, 0))
    np.testing.assert_array_equal(value(cr.Clip(leaf, high=1), x=x), np.minimum(x, 1))
    np.testing.assert_array_equal(value(cr.LeakyReLU(leaf), x=x), np.where(x > 0, x, x / 100))
    np.testing.assert_array_equal(value(cr.Reshape(leaf), x=x), [-3.0, 0.5, 2.0, 4.0, -0.5, 1.0])
    assert value(cr.LogSumExp(leaf), x=x).shape == ()
    assert value(cr.LogSumExp(leaf, axis=1), x=x).shape == (2,)
    for kind in (cr.Softmax, cr.LogSoftmax):
        np.testing.assert_array_equal(value(kind(leaf), x=x), value(kind(leaf, axis=0), x=x))
        assert not np.array_equal(value(kind(leaf), x=x), value(kind(leaf, axis=1), x=x))
    table, rows = np.arange(24.0).reshape(2, 3, 4), cr.Constant([2, 0], dtype=int)
    np.testing.assert_array_equal(value(cr.Gather(given("table", 2, 3, 4), rows), table=table), table[..., [2, 0]])


def test_the_slope_of_the_hinge_loss_is_the_label_whatever_its_size():
    graph = cr.Graph(cr.HingeLoss(given("s", 3, 1), given("y", 3, 1), reduction="sum"))
    run = graph.forward({"s": [[0.5], [-3.0], [2.0]], "y": [[0.5], [4.0], [1.0]]})
    np.testing.assert_array_equal(run.backward()["s"], [[-0.5], [-4.0], [0.0]])
