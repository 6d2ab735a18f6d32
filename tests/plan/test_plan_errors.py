"""What goes wrong in a plan is said as a Run says it; bad arguments are refused before anything is computed."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ChainruleError, FeedError, RuleError
from chainrule.plan.plan import compile_graph

BACKENDS = ["numpy", "numba"]


def error_of(compute, *args, **options):
    with pytest.raises(ChainruleError) as caught:
        compute(*args, **options)
    return caught.value


def largest_of_nothing(x):
    return cr.Graph(cr.Sum(cr.Max(x, axis=0, name="top"), name="L"))


NOTHING = {
    "a feed": (largest_of_nothing(cr.Parameter("x", (0, 3))), {"x": np.ones((0, 3))}),
    "columns": (largest_of_nothing(cr.Parameter("x", (0, "m"))), {"x": np.ones((0, 3))}),
    "a size of the call": (largest_of_nothing(cr.Parameter("x", ("n", 3))), {"x": np.ones((0, 3))}),
    "a constant": (largest_of_nothing(cr.Constant(np.ones((0, 2))) * cr.Parameter("x", (2,))), {"x": np.ones(2)}),
    "a constant alone": (
        cr.Graph(cr.Sum(cr.Max(cr.Constant(np.ones((0, 2))), axis=0, name="top") * cr.Parameter("x", (2,)))),
        {"x": np.ones(2)},
    ),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("graph", "feeds"), NOTHING.values(), ids=NOTHING)
def test_a_step_that_fails_is_told_as_the_run_tells_it(graph, feeds, backend):
    plan = graph.compile(backend=backend)
    expected = error_of(graph.forward, feeds)
    assert "Max 'top'" in expected.what
    for _ in range(2):
        assert str(error_of(plan, feeds)) == str(expected)
    assert plan.source  # can be read all the same


def test_a_call_that_fails_after_one_that_did_not_names_its_node():
    """The second call takes the short way."""
    table = cr.Parameter("t", (4, 2))
    graph = cr.Graph(cr.Sum(cr.Gather(table, cr.Input("ids", (3,), dtype=int), axis=0, name="rows")))
    plan, feeds = graph.compile(), {"t": np.ones((4, 2)), "ids": np.array([0, 1, 2])}
    plan(feeds)
    wrong = {**feeds, "ids": np.array([0, 9, 2])}
    assert str(error_of(plan, wrong)) == str(error_of(graph.forward, wrong))


def test_a_user_who_has_numpy_raise_is_told_the_node():
    graph = cr.Graph(cr.Sum(cr.Log(cr.Parameter("x", (2,)), name="ln")))
    plan = graph.compile()
    with np.errstate(all="raise"):
        error = error_of(plan, {"x": np.array([0.0, 1.0])})
    assert isinstance(error, RuleError)
    assert "Log 'ln'.forward: FloatingPointError" in error.what


def test_a_step_that_fails_where_no_rule_does_shows_its_line(monkeypatch):
    graph = cr.Graph(cr.Sum(cr.Exp(cr.Parameter("x", (2,)), name="e"), name="L"))
    plan, feeds = graph.compile(), {"x": np.ones(2)}
    plan(feeds)

    def broken(*_):
        raise ValueError("broken")

    plan._local.call.__globals__["take"] = lambda: broken
    error = error_of(plan, feeds)
    assert error.what == "a step of this plan raised ValueError: broken"
    assert error.given == "x (2,) float64"
    assert "graph.forward" in error.remedy
    assert isinstance(error.__cause__, ValueError)


# --- out -------------------------------------------------------------------------------------------------------------


def squares():
    return cr.Graph(cr.Sum(cr.Square(cr.Parameter("w", (2, "m"))), name="L")), {"w": np.arange(6.0).reshape(2, 3)}


READ_ONLY = np.zeros((2, 3))
READ_ONLY.flags.writeable = False
BAD_OUT = {
    "a list": ([], ArgumentError, "out is a dict of names and arrays, not list"),
    "an array": (np.zeros((2, 3)), ArgumentError, "out is a dict of names and arrays, not ndarray"),
    "a list in it": ({"w": [[0.0] * 3] * 2}, ArgumentError, "out: w is no array"),
    "another name": ({"v": np.zeros((2, 3))}, ArgumentError, "out: no gradient 'v'"),
    "read-only": ({"w": READ_ONLY}, ArgumentError, "out: w cannot be written to"),
    "another shape": ({"w": np.zeros((3, 2))}, FeedError, r"out: w has shape (2, 3), not (3, 2)"),
    "whole numbers": ({"w": np.zeros((2, 3), int)}, FeedError, "out: w is float64, which int64 cannot hold"),
}


@pytest.mark.parametrize(("out", "kind", "what"), BAD_OUT.values(), ids=BAD_OUT)
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_nothing_can_be_written_to_is_refused(out, kind, what, backend):
    graph, feeds = squares()
    error = error_of(graph.compile(backend=backend), feeds, out=out)
    assert (type(error), error.what) == (kind, what)
    assert error.given or error.remedy


def test_single_precision_is_written_to_double_and_back():
    graph, feeds = squares()
    plan = graph.compile()
    for into, given in ((np.float32, np.float64), (np.float64, np.float32)):
        out = {"w": np.zeros((2, 3), into)}
        _, gradients = plan({"w": feeds["w"].astype(given)}, out=out)
        assert gradients["w"] is out["w"]
        np.testing.assert_array_equal(out["w"], 2 * feeds["w"])


# --- executors -------------------------------------------------------------------------------------------------------


class Executor:
    """Hands back what ``answer`` makes of a task."""

    def __init__(self, answer):
        self.answer = answer

    def submit(self, function, *args):
        return self.answer(function, *args)


def future_of(result):
    future = Future()
    future.set_result(result)
    return future


BAD_EXECUTORS = {
    "no executor": (4, "an executor has the method submit, and int does not"),
    "a class without it": (object(), "an executor has the method submit, and object does not"),
    "nothing handed back": (Executor(lambda *_: None), "the executor's submit returned NoneType in place of a Future"),
    "a result alone": (Executor(lambda f, *a: f(*a)), "the executor's submit returned list in place of a Future"),
    "a future of nothing": (
        Executor(lambda *_: future_of(None)),
        "the executor returned NoneType in place of 3 results",
    ),
    "a result too few": (
        Executor(lambda f, *a: future_of(f(*a)[:-1])),
        "the executor returned 2 results in place of 3 results",
    ),
}


@pytest.mark.parametrize(("executor", "what"), BAD_EXECUTORS.values(), ids=BAD_EXECUTORS)
def test_an_executor_that_is_none_is_refused(executor, what):
    w, x = cr.Parameter("w", (2, 3)), cr.Input("x", (3, "m"))
    graph = cr.Graph(cr.Sum(cr.Exp(w @ x), name="L"))
    feeds = {"w": np.ones((2, 3)), "x": np.arange(12.0).reshape(3, 4) / 9}
    plan = compile_graph(graph, ["w", "x"], block=2)
    error = error_of(plan, feeds, executor=executor)
    assert (type(error), error.what) == (ArgumentError, what)
    assert error.given
    assert error.remedy
    with ThreadPoolExecutor(1) as pool:
        assert plan(feeds, executor=pool)[0] == plan(feeds)[0]
    if not hasattr(executor, "submit"):
        assert "submit" in error_of(graph.compile(), feeds, executor=executor).what  # also where all is one piece


def test_an_executor_of_a_compiled_loop_is_held_to_the_same():
    graph, feeds = squares()
    plan = graph.compile(backend="numba")
    executor = Executor(lambda f, *a: future_of(f(*a)[:-1]))
    assert error_of(plan, feeds, executor=executor).what == "the executor returned 1 results in place of 2 results"
