"""What a run says about itself, and what it says when it is asked for something that it does not have."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import UnknownNameError


@pytest.fixture
def run():
    w, x = cr.Parameter("w", (1, 2)), cr.Input("x", (2, "m"))
    labels = cr.Input("labels", (1, "m"))
    z = cr.MatMul(w, x, name="z")
    graph = cr.Graph(cr.MSELoss(z, labels, name="L"))
    return graph.forward({"w": [[1, 2]], "x": [[1, 0, 3], [0, 1, 1]], "labels": [[1, 1, 1]]})


def message(run, key):
    with pytest.raises(UnknownNameError) as caught:
        run[key]
    return str(caught.value)


def test_a_run_says_how_far_it_went_and_in_which_precision(run):
    assert repr(run) == "<Run of 5 nodes, forward, float64>"
    assert not run.has_gradients
    run.backward()
    assert repr(run) == "<Run of 5 nodes, forward and backward, float64>"
    assert run.has_gradients
    ids = cr.Input("ids", ("m",), dtype=int)
    graph = cr.Graph(cr.Sum(cr.Gather(cr.Parameter("table", (2, 5)), ids), name="L"))
    single = graph.forward({"ids": [0, 1, 1], "table": np.ones((2, 5), dtype=np.float32)})
    assert repr(single) == "<Run of 4 nodes, forward, float32>"


def test_values_and_gradients_print_their_shapes_and_the_first_eight_names(run):
    assert repr(run.values) == "{w: (1, 2), x: (2, 3), labels: (1, 3), z: (1, 3), L: ()}"
    assert repr(run.backward()) == "{w: (1, 2), x: (2, 3), z: (1, 3), L: ()}"
    eight = cr.Graph(*(cr.Input(f"x{k}") for k in range(8))).forward({f"x{k}": k for k in range(8)})
    assert repr(eight.values) == "{" + ", ".join(f"x{k}: ()" for k in range(8)) + "}"
    nine = cr.Graph(*(cr.Input(f"x{k}") for k in range(9))).forward({f"x{k}": k for k in range(9)})
    assert repr(nine.values) == "{" + ", ".join(f"x{k}: ()" for k in range(8)) + ", …}"


def test_a_name_that_nobody_has_gets_the_nearest_of_values_and_gradients(run):
    assert message(run, "lables").startswith("no value or gradient is called 'lables' (did you mean 'labels'?)")
    assert message(run, "dlables").startswith("no value or gradient is called 'dlables' (did you mean 'dlabels'?)")
    assert message(run, "d").startswith("no value or gradient is called 'd' (did you mean 'dz'?)")
    assert message(run, "qz").startswith("no value or gradient is called 'qz'")


def test_gradients_are_asked_for_before_there_are_any(run):
    expected = "this run has no gradients yet\n  try:   run.backward()"
    assert message(run, "dz") == expected
    for ask in (lambda: run.gradients, lambda: run.contributions("z")):
        with pytest.raises(UnknownNameError) as caught:
            ask()
        assert str(caught.value) == expected


def test_what_has_no_gradient_says_where_it_was_built_and_why(run):
    run.backward()
    shown = message(run, "dlabels").splitlines()
    assert shown[0] == "'labels' has no gradient"
    assert shown[1].startswith("  where: Input 'labels', built at ")
    assert (
        shown[2] == "  try:   constants, whole numbers and labels have none, nor does what the loss does not depend on"
    )


@pytest.mark.parametrize("by", [copy.copy, copy.deepcopy, lambda run: pickle.loads(pickle.dumps(run))])
def test_a_copy_of_a_run_holds_its_numbers_read_only(run, by):
    run.backward()
    twin = by(run)
    for name in ("w", "x", "z", "labels", "L"):
        assert twin[name].tobytes() == run[name].tobytes()
        assert not twin[name].flags.writeable
    assert twin["dw"].tolist() == run["dw"].tolist()
    assert [use.consumer for use in twin.contributions("z")] == ["L"]
    twin.backward()
    assert twin["dw"].tolist() == run["dw"].tolist()


def test_a_run_compares_and_draws_itself(run):
    run.backward()
    report = run.compare({"dz": "2 * (z - labels)"}, convention="per-example")
    assert report.ok
    assert not run.compare({"dz": "2 * (z - labels)"}, convention="mean").ok
    assert run.compare({"dz": "2 * (z - labels) / m"}).ok
    values, gradients = (run.draw(show, direction="right").dot for show in ("values", "gradients"))
    assert run.draw("graph").dot != values != gradients != run.draw("graph").dot
    assert run.draw("values", direction="down").dot != values


def test_what_backward_returned_stays_when_it_is_called_again(run):
    x, y = cr.Parameter("x", (3,)), cr.Parameter("y", (3,))
    both = cr.Graph(cr.Multiply(x, y, name="z")).forward({"x": [1.0, 2.0, 3.0], "y": [4.0, 5.0, 6.0]})
    rows = [both.backward(row) for row in np.eye(3)]
    np.testing.assert_array_equal([row["x"] for row in rows], np.diag([4.0, 5.0, 6.0]))
    np.testing.assert_array_equal(both.gradients["x"], [0.0, 0.0, 6.0])


def test_a_seed_stays_the_callers_and_gradients_do_not_follow_it():
    x, y = cr.Parameter("x", (3,)), cr.Parameter("y", (3,))
    both = cr.Graph(cr.Add(x, y, name="z")).forward({"x": np.ones(3), "y": np.ones(3)})
    base = np.ones((2, 3))
    gradients = both.backward(seed=base[0])
    assert base.flags.writeable
    base[0, 0] = 7
    np.testing.assert_array_equal(gradients["x"], np.ones(3))


def test_an_index_in_a_tuple_is_a_copy():
    rows = np.array([0, 2])
    graph = cr.Graph(cr.Sum(cr.Parameter("x", (3, 2))[rows, :], name="L"))
    feeds = {"x": [[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]]}
    before = graph.forward(feeds).loss
    rows[:] = 1
    assert graph.forward(feeds).loss == before == 303.0
