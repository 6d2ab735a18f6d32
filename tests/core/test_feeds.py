"""Feeds: what is taken, what is converted, and what is refused before anything is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import FeedError

X, W, Y = cr.Input("X", (2, "m")), cr.Parameter("W", (3, 2)), cr.Input("Y", (3, "m"))
GRAPH = cr.Graph(cr.MSELoss(cr.MatMul(W, X, name="A"), Y, name="L"))
W0, X0 = np.arange(6.0).reshape(3, 2), np.arange(8.0).reshape(2, 4)
Y0 = np.ones((3, 4))


def run(**feeds: Any) -> cr.Run:
    return GRAPH.forward({"W": W0, "X": X0, "Y": Y0, **feeds})


@pytest.mark.parametrize(
    "x",
    [
        X0.tolist(),
        X0.astype(int),
        X0.astype(">f8"),
        np.asfortranarray(X0),
        np.repeat(X0, 2, axis=1)[:, ::2],
        X0[:, ::-1][:, ::-1],
        np.ascontiguousarray(X0[::-1])[::-1],
        tuple(map(tuple, X0)),
    ],
    ids=["list", "int", "big-endian", "Fortran", "strided", "reversed twice", "negative stride", "tuple"],
)
def test_every_kind_of_real_array_gives_the_same_run(x: Any) -> None:
    result, expected = run(X=x), run()
    np.testing.assert_array_equal(result["A"], expected["A"])
    np.testing.assert_array_equal(result.backward()["W"], expected.backward()["W"])
    assert result["A"].dtype == np.float64


def test_read_only_and_memory_mapped_feeds_are_taken(tmp_path: Any) -> None:
    np.save(tmp_path / "x.npy", X0)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(run(X=mapped)["A"], W0 @ X0)


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        ((np.float64, np.float64, np.float64), np.float64),
        ((np.float32, np.float32, np.float32), np.float32),
        ((np.float32, np.float64, np.float32), np.float64),
        ((np.float16, np.float16, np.float16), np.float32),
        ((np.float32, np.float16, np.int64), np.float32),
        ((np.float32, np.float32, np.int8), np.float32),
        ((np.int64, np.bool_, np.uint8), np.float64),
    ],
)
def test_a_run_computes_in_one_dtype(dtypes: tuple[Any, ...], expected: Any) -> None:
    w, x, y = (np.ones(shape).astype(dtype) for shape, dtype in zip([(3, 2), (2, 4), (3, 4)], dtypes, strict=True))
    result = GRAPH.forward({"W": w, "X": x, "Y": y})
    gradients = result.backward()
    assert {value.dtype for value in [*result.values.values(), *gradients.values()]} == {np.dtype(expected)}


def test_constants_follow_the_dtype_of_the_run() -> None:
    x = cr.Input("x", (3,))
    graph = cr.Graph(cr.Sum(2 * x + np.array([1.0, 2.0, 3.0])))
    result = graph.forward({"x": np.ones(3, np.float32)})
    assert result[graph.outputs[0]].dtype == np.float32
    assert result.backward()["x"].dtype == np.float32


def test_whole_numbers_for_indices_stay_whole_and_have_no_gradient() -> None:
    table, ids = cr.Parameter("T", (2, 5)), cr.Input("ids", shape=("m"), dtype=int)
    result = cr.Graph(cr.Sum(cr.Gather(table, ids, name="g"))).forward(
        {"T": np.arange(10).reshape(2, 5), "ids": [4, 0, 4]}
    )
    np.testing.assert_array_equal(result["g"], [[4, 0, 4], [9, 5, 9]])
    gradients = result.backward()
    np.testing.assert_array_equal(gradients["T"], [[1, 0, 0, 0, 2], [1, 0, 0, 0, 2]])
    assert "ids" not in gradients


@pytest.mark.parametrize("number", [np.inf, -np.inf, 1e300])
def test_what_is_no_whole_number_at_all_is_no_index(number: float) -> None:
    graph = cr.Graph(cr.Gather(cr.Parameter("E", (2, 5)), cr.Input("ids", "m", dtype=int)))
    with pytest.raises(FeedError, match="with numbers that it cannot hold"):
        graph.forward({"E": np.ones((2, 5)), "ids": [0, number]})


def test_fractions_are_no_indices() -> None:
    graph = cr.Graph(cr.Gather(cr.Parameter("T", (2, 5)), cr.Input("ids", "m", dtype=int)))
    with pytest.raises(FeedError, match="ids takes int64 and was fed float64 with fractions"):
        graph.forward({"T": np.zeros((2, 5)), "ids": [0.5]})
    graph.forward({"T": np.zeros((2, 5)), "ids": np.array([1.0, 2.0])})


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (X0.astype(complex), "X holds complex numbers in place of real numbers"),
        (np.array([[None, 1]]), "X holds objects"),
        (np.array([["a", "b"]]), "X holds text"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "X holds dates"),
        ([[1.0], [2.0, 3.0]], "X is a list whose rows differ in length"),
        (np.ma.masked_array(X0, mask=X0 > 3), "X is a masked array"),
        (None, "X is no array of real numbers: it is None"),
        ({"a": 1}, "X is no array of real numbers: it is of type dict"),
    ],
)
def test_what_is_no_array_of_real_numbers_is_refused_by_name(x: Any, words: str) -> None:
    with pytest.raises(FeedError) as caught:
        run(X=x)
    assert words in str(caught.value)


def test_all_problems_are_listed_at_once() -> None:
    with pytest.raises(FeedError) as caught:
        GRAPH.forward({"w": W0, "Q": 1})
    message = str(caught.value)
    for word in ["missing 'X', 'W', 'Y'", "'w' (did you mean 'W'?)", "'Q'", "this graph is fed X, W, Y"]:
        assert word in message


@pytest.mark.parametrize(
    ("feeds", "words"),
    [
        ({"X": X0.T}, "X is declared (2, m) and was fed (4, 2) (its transpose fits)"),
        ({"X": X0[0]}, "X is declared (2, m) and was fed (4,)"),
        ({"Y": np.ones((3, 5))}, "m is 4 in X and 5 in Y"),
        ({"X": X0.T, "Y": np.ones(3)}, "Y is declared (3, m)"),
    ],
)
def test_wrong_shapes_are_refused_before_anything_is_computed(feeds: dict[str, Any], words: str) -> None:
    with pytest.raises(FeedError) as caught:
        run(**feeds)
    assert words in str(caught.value)


def test_feeds_are_a_dict() -> None:
    with pytest.raises(FeedError, match="feeds are a dict"):
        GRAPH.forward([W0, X0])  # type: ignore[arg-type]  # wrong on purpose


def test_a_subclass_of_an_array_is_computed_as_a_plain_array() -> None:
    class Tagged(np.ndarray[Any, Any]):
        """An array that remembers to be another class."""

    result = run(X=X0.view(Tagged))
    assert type(result["A"]) is np.ndarray
    np.testing.assert_array_equal(result["A"], W0 @ X0)


def test_an_empty_batch_has_a_sum_and_no_mean() -> None:
    x, y = cr.Input("x", (1, "m")), cr.Input("y", (1, "m"))
    empty = {"x": np.zeros((1, 0)), "y": np.zeros((1, 0))}
    assert cr.Graph(cr.MSELoss(x, y, reduction="sum", name="L")).forward(empty)["L"] == 0
    with pytest.raises(cr.errors.RuleError, match="a mean over no columns is undefined"):
        cr.Graph(cr.MSELoss(x, y)).forward(empty)
    with pytest.raises(cr.errors.RuleError, match="a mean over no values is undefined"):
        cr.Graph(cr.Mean(x)).forward({"x": np.zeros((1, 0))})
