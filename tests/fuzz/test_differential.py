"""Some random graphs, everything made of each held against its run; `fuzz_graphs.py` tries them by the hour."""

import differential
import numpy as np
import pytest

import chainrule as cr


@pytest.mark.parametrize("first", range(0, 160, 8))
def test_all_that_is_made_of_a_random_graph_gives_what_its_run_gives(first):
    found = [said for seed in range(first, first + 8) for said in differential.problems(seed)]
    assert found == []


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_loop_compiled_by_numba_gives_what_the_run_gives(seed):
    assert [said for case in differential.cases(seed) for said in differential.loops(case, seed)] == []


def planted(monkeypatch, check):
    """Something wrong by a part in a million, where one of the checks looks."""
    off = 1 + 1e-6
    if check == "plans":
        monkeypatch.setattr(differential, "compile_graph", lambda *_, **__: lambda feeds: (off, {"x": feeds["x"]}))
        monkeypatch.setattr(differential, "some_of", lambda names, seed: ["x"])
    if check == "rewritten":
        monkeypatch.setattr(cr.Graph, "fuse", lambda graph: cr.Graph(graph.outputs[0] * off))
    if check == "pickled":
        monkeypatch.setattr(differential.pickle, "loads", lambda _: small(off).graph)
    if check == "lines":
        evaluated = differential.evaluated
        monkeypatch.setattr(differential, "evaluated", lambda text, names: evaluated(text, names) * off)


def small(factor=1.0):
    x = cr.Parameter("x", (2, 3))
    graph = cr.Graph(cr.Sum(cr.Square(cr.Tanh(factor * x, name="t")), name="L"))
    return differential.Case("small", graph, {"x": np.arange(6.0).reshape(2, 3) / 4})


@pytest.mark.parametrize("check", ["plans", "rewritten", "pickled", "lines"])
def test_each_check_is_silent_until_something_is_wrong(check, monkeypatch):
    assert list(getattr(differential, check)(small(), 1)) == []
    planted(monkeypatch, check)
    assert list(getattr(differential, check)(small(), 1)) != []


def test_what_differs_in_shape_or_in_digits_is_told():
    right = np.array([1.0, 2.0])
    assert list(differential.compared("a", right.reshape(2, 1), right, 1e-9)) == [
        "a is float64 (2, 1), not float64 (2,)"
    ]
    assert list(differential.compared("a", right + np.array([0, 1e-6]), right, 1e-9)) == ["a is off by 1e-06 of 2"]
    assert list(differential.compared("a", right, right + np.array([0, np.nan]), 1e-9)) != []
    assert list(differential.compared("a", right, right, 1e-9)) == []
