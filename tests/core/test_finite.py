"""``check_finite``: the first node that makes an infinity or NaN out of finite numbers is named, and no other."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import FeedError, NonFiniteError, RuleError

REMEDY = "error.draw() shows what it is computed from, and without check_finite the run goes on"
FUSE = f"graph.fuse(), which is exact where a loss follows its Sigmoid or Softmax; {REMEDY}"


def refusal(graph: cr.Graph, feeds: dict[str, Any], seed: Any = None) -> NonFiniteError:
    """What a checked run is stopped by."""
    with pytest.raises(NonFiniteError) as caught:
        graph.forward(feeds, check_finite=True).backward(seed)
    return caught.value


def test_the_first_node_is_named_with_place_and_numbers() -> None:
    x, shift = cr.Input("x", (2, "m")), cr.Parameter("b", (2, 1))
    with cr.layer("Layer 1"):
        quotient = cr.Divide(shift, x, name="a")
    error = refusal(cr.Graph(cr.Sum(cr.Exp(quotient))), {"x": [[1, 2, 3], [4, 0, 0]], "b": [[5], [-6]]})
    assert error.what == "Divide 'a': the output is -inf at (1, 1), from finite inputs"
    assert error.given == "b[1, 1] = -6.0, x[1, 1] = 0.0"
    assert error.where == f"Divide 'a' in Layer 1, built at {quotient.line}"
    assert error.remedy == REMEDY
    assert error.node is quotient


def test_a_rule_that_mixes_entries_is_shown_with_the_range_of_its_inputs() -> None:
    w, x = cr.Parameter("w", (3, 2)), cr.Input("x", (2, "m"))
    feeds = {"w": np.full((3, 2), 1e200), "x": [[1e200, 1, 2, 3], [4, 5, 6, -7]]}
    error = refusal(cr.Graph(cr.Sum(cr.MatMul(w, x, name="z"))), feeds)
    assert error.what == "MatMul 'z': the output is inf at (0, 0), from finite inputs"
    assert error.given == "w (3, 2) all 1e+200, x (2, 4) from -7.0 to 1e+200"


def test_square_matrices_are_not_taken_for_entries() -> None:
    w, x = cr.Parameter("w", (2, 2)), cr.Input("x", (2, "m"))
    feeds = {"w": np.full((2, 2), 1e200), "x": [[1, 1], [1e200, 1]]}
    error = refusal(cr.Graph(cr.Sum(cr.MatMul(w, x, name="z"))), feeds)
    assert error.given == "w (2, 2) all 1e+200, x (2, 2) from 1.0 to 1e+200"


def test_the_gradient_of_a_root_at_0_is_named_with_its_input() -> None:
    graph = cr.Graph(cr.Sum(cr.Sqrt(cr.Input("x", (2, "m")), name="a"), name="L"))
    error = refusal(graph, {"x": [[1, 2, 3], [4, 5, 0]]})
    assert error.what == "Sqrt 'a'.backward: the gradient of 'x' is inf at (1, 2), from finite values"
    assert error.given == "grad[1, 2] = 1.0, a[1, 2] = 0.0, x[1, 2] = 0.0"


def test_a_sum_of_contributions_may_be_what_overflows() -> None:
    x = cr.Input("x", (2,))
    graph = cr.Graph(cr.Sum(cr.Multiply(x, 1e308, name="a")) + cr.Sum(cr.Multiply(x, 1.5e308, name="b")))
    error = refusal(graph, {"x": [0.1, 0.2]})
    assert error.what == "Input 'x': its gradient is inf at (0,), the sum of finite contributions"
    assert error.given == "1.5e+308 from b, 1e+308 from a"
    assert error.node is graph["x"]


def test_a_loss_that_can_be_fused_says_so_and_fused_it_is_finite() -> None:
    z, y = cr.Input("z", (1, "m")), cr.Input("y", (1, "m"))
    graph = cr.Graph(cr.BCELoss(cr.Sigmoid(z, name="a"), y, name="L"))
    feeds = {"z": [[800, 1, 2]], "y": [[0, 1, 0]]}
    error = refusal(graph, feeds)
    assert error.what == "BCELoss 'L': the output is inf, from finite inputs"
    assert error.given == "a (1, 3) from 0.7310585786300049 to 1.0, y (1, 3) from 0.0 to 1.0"
    assert error.remedy == FUSE
    run = graph.fuse().forward(feeds, check_finite=True)
    assert run.backward()["z"][0, 0] == 1 / 3


def test_a_feed_that_is_not_finite_is_named_as_such() -> None:
    x, y = cr.Input("x", (2, "m")), cr.Input("y", (1, "m"))
    graph = cr.Graph(cr.Sum(cr.Exp(x * y)))
    feeds = {"x": np.array([[1, np.inf, 3], [4, 5, np.nan]], np.float32), "y": np.array([[1, -np.inf, 2]], np.float32)}
    with pytest.raises(FeedError) as caught:
        graph.forward(feeds, check_finite=True)
    error = caught.value
    assert error.what == "a feed is not finite: x is nan at (1, 2), one of 2 such entries; y is -inf at (0, 1)"
    assert error.where == f"Input 'x', built at {x.line}; Input 'y', built at {y.line}"
    assert error.given == "x (2, 3) float32, y (1, 3) float32"
    assert error.remedy == "np.isfinite(x) says where; without check_finite such numbers are computed with"


def test_a_seed_that_is_not_finite_is_named_as_such() -> None:
    graph = cr.Graph(cr.Exp(cr.Input("x", (3,)), name="y"))
    with pytest.raises(FeedError, match=r"the seed is not finite: y is nan at \(2,\)"):
        graph.forward({"x": [1, 2, 3]}, check_finite=True).backward([1, 2, np.nan])


def test_an_infinity_that_belongs_to_the_graph_is_let_through_and_a_nan_made_of_it_is_not() -> None:
    x = cr.Input("x", (3, "m"))
    masked = cr.Graph(cr.Sum(cr.Softmax(x + np.array([[0.0], [-np.inf], [0.0]]), name="p")))
    run = masked.forward({"x": [[1, 2], [3, 4], [1, 2]]}, check_finite=True)
    np.testing.assert_array_equal(run["p"], [[0.5, 0.5], [0, 0], [0.5, 0.5]])
    run.backward()
    error = refusal(cr.Graph(cr.Sum(cr.Softmax(x + np.full((3, 1), -np.inf), name="p"))), {"x": np.ones((3, 2))})
    assert error.what == "Softmax 'p': the output is nan at (0, 0), from infinite inputs"


def test_nothing_behind_the_first_node_is_computed() -> None:
    class Later(cr.Node):
        def forward(self, x: Any) -> Any:
            if isinstance(x, np.ndarray):
                raise AssertionError("computed after the fault")
            return x

        def backward(self, grad: Any, y: Any, x: Any) -> Any:
            return (grad,)

    graph = cr.Graph(Later(cr.Log(cr.Input("x"), name="a")))
    assert refusal(graph, {"x": 0}).what == "Log 'a': the output is -inf, from finite inputs"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_run_that_is_finite_is_the_same_with_and_without_the_check(dtype: Any) -> None:
    x, w = cr.Input("x", (2, "m")), cr.Parameter("w", (3, 2))
    graph = cr.Graph(cr.Mean(cr.Tanh(w @ x, name="a"), name="L"))
    feeds = {"x": np.arange(8).reshape(2, 4).astype(dtype), "w": np.linspace(-1, 1, 6).reshape(3, 2).astype(dtype)}
    checked, plain = graph.forward(feeds, check_finite=True), graph.forward(feeds)
    for name, gradient in checked.backward().items():
        np.testing.assert_array_equal(gradient, plain.backward()[name])
        np.testing.assert_array_equal(checked.values[name], plain.values[name])


def test_without_the_check_the_run_goes_on() -> None:
    graph = cr.Graph(cr.Sum(cr.Log(cr.Input("x", (3,)), name="a"), name="L"))
    with np.errstate(divide="ignore"):
        run = graph.forward({"x": [1, 0, 2]})
        assert run["a"].tolist() == [0, -np.inf, np.log(2)]
        assert run.backward()["x"].tolist() == [1, np.inf, 0.5]


def test_backward_goes_on_too_and_numpy_warns_as_ever() -> None:
    run = cr.Graph(cr.Sqrt(cr.Input("x"), name="y")).forward({"x": 0.0})
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert run.backward()["x"] == np.inf


def test_backward_can_be_checked_on_its_own_and_be_let_off() -> None:
    graph = cr.Graph(cr.Sum(cr.Sqrt(cr.Input("x", (3,)), name="a"), name="L"))
    run = graph.forward({"x": [1, 0, 4]})
    with pytest.raises(NonFiniteError, match=r"Sqrt 'a'\.backward"):
        run.backward(check_finite=True)
    checked = graph.forward({"x": [1, 0, 4]}, check_finite=True)
    with np.errstate(divide="ignore"):
        assert checked.backward(check_finite=False)["x"].tolist() == [0.5, np.inf, 0.25]


def test_numpy_does_not_warn_of_what_is_checked() -> None:
    graph = cr.Graph(cr.Sum(cr.Log(cr.Input("x", (3,)), name="a")))
    with np.errstate(all="raise"):  # not even where a warning would be an error
        assert refusal(graph, {"x": [1, 0, 2]}).what.startswith("Log 'a'")
    with pytest.raises(RuleError, match="divide by zero"):
        graph.forward({"x": [1, 0, 2]})


def test_whole_numbers_are_always_finite() -> None:
    table, ids = cr.Parameter("T", (2, 5)), cr.Input("ids", ("m",), dtype=int)
    graph = cr.Graph(cr.Sum(cr.Gather(table, ids)))
    run = graph.forward({"T": np.ones((2, 5)), "ids": [4, 0, 4]}, check_finite=True)
    assert run.backward()["T"].sum() == 6


def test_the_check_survives_pickling() -> None:
    graph = cr.Graph(cr.Sum(cr.Sqrt(cr.Input("x", (3,)), name="a"), name="L"))
    run = pickle.loads(pickle.dumps(graph.forward({"x": [1, 0, 4]}, check_finite=True)))
    with pytest.raises(NonFiniteError) as caught:
        run.backward()
    assert str(copy.copy(caught.value)) == str(pickle.loads(pickle.dumps(caught.value)))


def test_the_error_can_be_drawn() -> None:
    error = refusal(cr.Graph(cr.Sum(cr.Log(cr.Input("x"), name="a"))), {"x": 0.0})
    assert "the output is -inf, from finite inputs" in error.draw().dot
