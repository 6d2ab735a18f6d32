"""A learner's own function of gradients: filled by name, read off, judged alone and in the chain, with its lines."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from whole_functions import FUNCTIONS, graph, text_of

import chainrule as cr
import nets
from chainrule.errors import ArgumentError, FormulaError
from chainrule.judging.functions.script import check_script

DOCUMENT = nets.DNN(sizes=(2, 3, 3, 1))
GRAPH = DOCUMENT.graph


def imported(text, folder, name="student.py"):
    """The function that a file defines last."""
    path = Path(folder) / name
    path.write_text(text)
    scope = {}
    exec(compile(text, str(path), "exec"), scope)
    return [value for name, value in scope.items() if callable(value) and name != "np"][-1]


def verdicts(report):
    return {verdict.name: verdict.verdict for verdict in report}


# --- parameters and keys ---------------------------------------------------------------------------------------------


def by_cache(cache):
    dZ3 = cache["A3"] - cache["Y"]
    return {"W3": dZ3 @ cache["A2"].T / cache["A0"].shape[1]}


def by_cache_and_labels(cache, Y):
    return {"dW3": (cache["A3"] - Y) @ cache["A2"].T / Y.shape[1]}


def by_predictions(out, cache):
    return {"W3": (out - cache["Y"]) @ cache["A2"].T / out.shape[1]}


def by_last_activation(AL, Y, cache):
    return {"W3": (AL - Y) @ cache["A2"].T / AL.shape[1]}


def by_parameters_too(parameters, cache, X, Y):
    dZ3 = cache["A3"] - Y
    dZ2 = parameters["W3"].T @ dZ3 * cache["A2"] * (1 - cache["A2"])
    return {"W3": dZ3 @ cache["A2"].T / X.shape[1], "W2": dZ2 @ cache["A1"].T / X.shape[1]}


def by_values(A3, W3, A2, Y, m):
    return {"W3": (A3 - Y) @ A2.T / m, "A2": W3.T @ (A3 - Y)}


def by_gradient(dZ3, A2, m):
    return {"dW3": dZ3 @ A2.T / m}


def with_defaults(cache, Y, learning_rate=0.1, *, m=None, **others):
    return {"dZ3": cache["A3"] - Y, "dB3": np.sum(cache["A3"] - Y, axis=1, keepdims=True) / m}


@pytest.mark.parametrize(
    "function",
    [
        by_cache,
        by_cache_and_labels,
        by_predictions,
        by_last_activation,
        by_parameters_too,
        by_values,
        by_gradient,
        with_defaults,
    ],
)
def test_parameters_are_filled_by_their_names(function):
    report = GRAPH.check(function)
    assert report.ok
    assert len(report) == len({verdict.name for verdict in report}) >= 1
    assert all(verdict.name.startswith("d") for verdict in report)


def test_a_parameter_that_nothing_fills_is_told_with_what_there_is():
    with pytest.raises(ArgumentError) as caught:
        GRAPH.check(lambda cache, A9: {})
    assert "A9 (did you mean" in caught.value.what or "'A9'" in caught.value.what
    assert "A0, " in caught.value.given
    assert "dZ3" in caught.value.given
    assert "cache" in caught.value.given


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (lambda cache: None, "returns no gradients by name"),
        (lambda cache: {}, "returns no gradients by name"),
        (lambda cache: {"nothing": 1.0}, "returns nothing that is a gradient of this graph"),
        (lambda cache: {"dW3": cache["W3"], "W3": cache["W3"]}, "dW3 is given twice"),
        (lambda cache: {"dW3": "text"}, "gives no array of real numbers for dW3"),
        (lambda cache: {"dW3": ...}, "gives nothing for dW3 yet"),
        (lambda cache: {"W3": None}, "gives nothing for dW3 yet"),
        (lambda cache: cache["Q9"], "there is no value 'Q9'"),
        (lambda cache: (cache["W3"] * 2, 3), "whose values have no names"),
    ],
)
def test_a_function_that_gives_nothing_to_judge_is_refused(function, what):
    with pytest.raises(ArgumentError, match=what.replace("(", r"\(")):
        GRAPH.check(function)


def test_what_a_function_raises_is_told_with_its_line(tmp_path):
    function = imported("import numpy as np\ndef gradients(cache):\n    a = cache['A1']\n    return a @ a\n", tmp_path)
    with pytest.raises(ArgumentError, match="raises ValueError") as caught:
        GRAPH.check(function)
    assert caught.value.where == "line 4"


def test_a_function_may_write_to_what_it_is_handed():
    def gradients(A3, Y, cache):
        A3 -= Y
        cache["A2"][:] = 0
        cache["more"] = 1
        return {"dZ3": A3}

    assert GRAPH.check(gradients).ok
    X, Y = nets.load_iris_petals()
    feeds = {**DOCUMENT.params, "A0": X, "Y": Y}
    before = Y.copy()
    assert GRAPH.check(gradients, feeds).ok
    np.testing.assert_array_equal(Y, before)


def test_the_names_of_variables_name_a_tuple():
    def gradients(cache, Y, m):
        dZ3 = cache["A3"] - Y
        dW3 = dZ3 @ cache["A2"].T / m
        dB3 = dZ3.sum(axis=1, keepdims=True)
        return dW3, dB3

    report = GRAPH.check(gradients)
    assert verdicts(report) == {"dW3": "right", "dB3": "wrong"}


# --- formulas and lines ----------------------------------------------------------------------------------------------


def test_formulas_are_read_off_and_repaired(tmp_path):
    text, line = text_of(
        FUNCTIONS["one line for each, cache and labels"], ('np.dot(cache["W2"].T, dZ2)', 'np.dot(cache["W2"], dZ2)')
    )
    report = graph("document").check(imported(text, tmp_path))
    assert report.first_wrong == "dA1"
    assert (report["dA1"].formula, report["dA1"].repair, report["dA1"].line) == ("W2 @ dZ2", "W2.T @ dZ2", line)
    assert report["dW1"].verdict == "wrong only because dA1 is"
    assert report["dW3"].ok
    assert report.convention == "per-example"


def test_a_mistake_in_a_loop_is_told_once_with_its_line(tmp_path):
    mistake = (
        'dA = caches["W" + str(l)].T @ dZ',
        'dA = caches["W" + str(l)] @ dZ if l == 2 else caches["W" + str(l)].T @ dZ',
    )
    text, line = text_of(FUNCTIONS["a loop over layers, by names with numbers"], mistake)
    report = graph("document").check(imported(text, tmp_path))
    wrong = [verdict for verdict in report if not verdict.ok]
    assert {verdict.name for verdict in wrong} == {"dW1", "dB1"}
    assert wrong[0].diagnosis == "W2 has to be transposed"
    assert wrong[0].line == line
    assert wrong[1].verdict == f"wrong only because line {line} is"


def test_where_a_symbol_cannot_pass_arrays_are_judged_in_the_chain(tmp_path):
    text, line = text_of(FUNCTIONS["in place, with a copy"], ("dZ3 = AL - Y", "dZ3 = AL - 2 * Y"))
    report = graph("relu").check(imported(text, tmp_path))
    assert report.first_wrong == "dZ3"
    assert report["dZ3"].line == line
    assert {report[name].verdict for name in ("dW3", "dW2", "dW1")} == {"wrong only because dZ3 is"}


def test_a_function_that_does_otherwise_with_symbols_is_judged_by_its_numbers():
    def cheats(A3, Y):
        return {"dZ3": A3 - Y if not isinstance(A3, np.ndarray) else A3 + Y}

    assert not GRAPH.check(cheats).ok


@pytest.mark.parametrize("title", FUNCTIONS)
def test_a_whole_function_is_right_and_with_a_mistake_it_is_not(title, tmp_path):
    written = FUNCTIONS[title]
    report = graph(written.network).check(imported(text_of(written)[0], tmp_path))
    assert report.ok, report
    assert report.convention in ("per-example", "mean", None)
    wrong = graph(written.network).check(imported(text_of(written, written.mistakes[0])[0], tmp_path, "wrong.py"))
    assert not wrong.ok
    assert wrong.first_wrong is not None


def test_the_report_of_a_function_is_data_like_every_other():
    lines = json.loads(GRAPH.check(by_parameters_too).to_json())["lines"]
    assert [line["name"] for line in lines] == ["dW3", "dW2"]
    assert all(isinstance(line["line"], int) for line in lines)


# --- arrays held against a run -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run():
    X, Y = nets.load_iris_petals()
    found = GRAPH.forward({**DOCUMENT.params, "A0": X, "Y": Y})
    found.backward()
    return found


def test_gradients_may_have_the_names_of_their_parameters(run):
    X, Y = nets.load_iris_petals()
    assert run.compare({"W3": run.gradients["W3"]}).ok
    assert run.compare(dict(run.backward())).ok
    assert run.compare(nets.gradients_by_hand(DOCUMENT.params, X, Y)).ok
    out, cache = DOCUMENT.forward(X)
    assert run.compare(DOCUMENT.compute_gradients(out, cache, Y)).ok
    report = run.compare({"W3": 2 * run.gradients["W3"], "B3": run.gradients["B3"]})
    assert verdicts(report) == {"dW3": "wrong", "dB3": "right"}


def test_values_are_values(run):
    assert run.compare({"A3": run["A3"], "Z1": run["Z1"]}).ok
    assert not run.compare({"A3": run["dA3"]}).ok
    assert run.compare({"W3": run["W3"]}).ok


def test_arrays_are_wrong_only_because_another_one_is(run):
    grads = {f"d{name}": np.array(run.gradients[name]) for name in ("Z3", "A2", "Z2", "W2", "A1", "Z1", "W1")}
    assert run.compare(grads).ok
    wrong = grads | {name: 3 * grads[name] for name in ("dZ2", "dW2", "dA1", "dZ1", "dW1")}
    report = run.compare(wrong)
    assert report.first_wrong == "dZ2"
    assert report["dZ2"].verdict == "wrong"
    assert report["dW2"].verdict == report["dA1"].verdict == "wrong only because dZ2 is"
    assert report["dW1"].own
    again = run.compare(wrong | {"dW1": 4 * grads["dW1"]})
    assert not again["dW1"].own


# --- files -----------------------------------------------------------------------------------------------------------

STUDENT = """
import numpy as np

def forward(X):
    return X

def gradients(cache, Y):
    m = Y.shape[1]
    dZ3 = cache["A3"] - Y
    return {"dZ3": dZ3, "dW3": dZ3 @ cache["A2"].T}
"""


def handed_in(folder, text, name="student.py"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_python_file_is_run_and_its_function_judged(tmp_path):
    report = GRAPH.check(handed_in(tmp_path, STUDENT))
    assert verdicts(report) == {"dZ3": "right", "dW3": "wrong"}
    assert report["dW3"].line == 10
    assert report["dW3"].repair == "dZ3 @ A2.T / m"


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        ("def gradients(cache):\n    return {", "is no Python", ":2"),
        ("x = 1", "has no function whose parameters can all be filled", ""),
        ("def gradients(cache, weather): pass", "has no function whose parameters can all be filled", ""),
        ("def f(cache): pass\ndef g(cache): pass", "has several functions that can be filled", ""),
        ("1 / 0\ndef gradients(cache): pass", "does not run: ZeroDivisionError", ":1"),
        ("def gradients(cache):\n    return {'dW3': cache['W9']}", "raises KeyError", ":2"),
        ("import os\ndef gradients(cache):\n    os._exit(3)", "ended before it had answered", ""),
        ("import sys\ndef gradients(cache):\n    sys.exit(0)", "ended before it had answered", ""),
        ("import numpy as np\ndef gradients(cache):\n    return {'dW3': np.ones(10**10)}", "MemoryError", ":3"),
    ],
)
def test_a_file_that_cannot_be_judged_is_told_why(tmp_path, text, what, where):
    with pytest.raises(ArgumentError, match=what) as caught:
        GRAPH.check(handed_in(tmp_path, text))
    assert caught.value.where.endswith(where)


def test_a_file_that_does_not_end_is_ended(tmp_path):
    path = handed_in(tmp_path, "def gradients(cache):\n    while True: pass\n")
    with pytest.raises(ArgumentError, match="runs for more than 2 seconds"):
        check_script(GRAPH, path, seconds=2)


def test_a_file_is_told_nothing_that_is_right(tmp_path):
    """Not the graph, and of the gradients only those that its parameters ask for."""
    text = """
import gc
def gradients(cache, dZ3):
    objects = gc.get_objects()
    found = [x for x in objects if isinstance(x, dict) and "dW3" in x and "dZ3" in x and "A2" in x]
    graphs = [x for x in objects if type(x).__name__ in ("Graph", "BaseGraph")]
    if found or graphs:
        raise AssertionError("it is told what is right")
    return {"dB3": dZ3.sum(axis=1, keepdims=True) / dZ3.shape[1]}
"""
    assert GRAPH.check(handed_in(tmp_path, text)).ok


def test_a_forged_answer_is_no_more_than_arrays_and_text(tmp_path):
    from chainrule.judging.functions.messages_between import unpacked_answers

    forged = tmp_path / "answers.npz"
    np.savez(forged, told=np.array([print], dtype=object))
    with pytest.raises(ArgumentError, match="gave an answer that cannot be read"):
        unpacked_answers(forged, tmp_path)
    told = {"shown": "f", "keys": ["dW3"], "index": [[0, "mean", ["dW3"]]], "lines": {}, "made": []}
    np.savez(forged, told=np.array(json.dumps(told | {"formulas": {"dW3": ["__import__('os')", [1]]}})), a0=np.ones(2))
    assert unpacked_answers(forged, tmp_path).formulas == {}
    np.savez(forged, told=np.array(json.dumps(told)), a0=np.ones(2))
    with pytest.raises(ArgumentError, match="gave an answer that cannot be read"):
        unpacked_answers(forged, tmp_path)


def test_a_file_of_text_is_never_run(tmp_path):
    text = "dZ3 = A3 - Y\ndW_3 = \\frac{1}{m} dZ_3 \\cdot A_2^T\n"
    for name in ("mine.txt", "mine.tex", "mine"):
        assert GRAPH.check(handed_in(tmp_path, text, name)).ok
    marker = tmp_path / "ran"
    program = f"open({str(marker)!r}, 'w')\ndef gradients(cache): pass\n"
    with pytest.raises(FormulaError):
        GRAPH.check(handed_in(tmp_path, program, "program.txt"))
    assert not marker.exists()
    with pytest.raises(ArgumentError, match="function= names a function of a Python file"):
        GRAPH.check(handed_in(tmp_path, text, "mine.txt"), function="gradients")


def test_the_command_judges_a_function(tmp_path):
    path = handed_in(tmp_path, STUDENT)
    command = [sys.executable, "-m", "chainrule", "check", "nets:DNN"]
    for name in (str(path), f"{path}:gradients"):
        done = subprocess.run([*command, name], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "dW3 = dZ3 @ A2.T / m" in done.stdout
    done = subprocess.run([*command, f"{path}:forward"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "forward(…)" in done.stderr


def test_a_graph_with_a_rule_of_ones_own_is_judged_in_another_process(tmp_path):
    class Cube(cr.Node):
        def forward(self, x):
            return x * x * x

        def backward(self, grad, y, x):
            return (3 * grad * x * x,)

    own = cr.Graph(cr.Sum(Cube(cr.Parameter("w", (3,)), name="cube"), name="L"))
    assert own.check(handed_in(tmp_path, "def gradients(w):\n    return {'w': 3 * w**2}\n")).ok
