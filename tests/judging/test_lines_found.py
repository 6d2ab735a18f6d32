"""The line that makes a function's gradients wrong: what is right can stand in the place of what it made."""

import ast
import linecache

import pytest
from untuned_functions import UNTUNED
from whole_functions import Written, graph, text_of

import chainrule as cr
from chainrule.errors import Untraceable
from chainrule.judging.functions.judged import check_function
from chainrule.judging.functions.sizes_again import with_sizes

SCALED = Written(
    "tanh",
    """
def gradients(A2, A1, W2, X, Y, m):
    misfit = A2 - Y
    top = misfit / m
    reached = W2.T @ top
    slope = 1 - A1 ** 2
    lower = reached * slope
    return {"W2": top @ A1.T, "W1": lower @ X.T, "b1": lower.sum(axis=1, keepdims=True)}
""",
    (
        ("misfit = A2 - Y", "misfit = A2 - np.tanh(Y)"),
        ("top = misfit / m", "top = misfit / np.sqrt(m + X.size)"),
        ("reached = W2.T @ top", "reached = np.abs(W2.T) @ top"),
        ("slope = 1 - A1 ** 2", "slope = np.exp(1 - A1 ** 2)"),
        ("lower = reached * slope", "lower = np.exp(reached) + np.cos(slope)"),
    ),
)
"""No name of its variables begins as a gradient's does."""

IN_PLACE = Written(
    "tanh",
    """
def gradients(A2, A1, W2, X, Y, m):
    top = np.array(A2)
    top -= Y
    top /= m
    lower = W2.T @ top
    lower *= 1 - A1 * A1
    return {"W2": top @ A1.T, "W1": lower @ X.T, "b1": lower.sum(axis=1, keepdims=True)}
""",
    (
        ("top -= Y", "top -= np.sqrt(Y) / 2"),
        ("top /= m", "top /= m + 2"),
        ("lower = W2.T @ top", "lower = abs(W2.T) @ top"),
        ("lower *= 1 - A1 * A1", "lower *= np.exp(A1)"),
    ),
)
"""Symbols do not pass through it."""


def judged(written, mistake, folder):
    text, line = text_of(written, mistake)
    path = folder / "student.py"
    path.write_text(text)
    linecache.checkcache(str(path))
    scope = {"__name__": "student"}
    exec(compile(text, str(path), "exec"), scope)
    function = [value for name, value in scope.items() if callable(value) and name != "np"][-1]
    return check_function(graph(written.network), function), line


@pytest.mark.parametrize("mistake", SCALED.mistakes, ids=lambda mistake: mistake[1])
def test_a_line_is_found_whatever_its_variables_are_called(mistake, tmp_path):
    report, line = judged(SCALED, mistake, tmp_path)
    assert (report.ok, report[report.first_wrong].line) == (False, line)


@pytest.mark.parametrize("mistake", IN_PLACE.mistakes, ids=lambda mistake: mistake[1])
def test_a_line_is_found_from_arrays_alone(mistake, tmp_path):
    report, line = judged(IN_PLACE, mistake, tmp_path)
    assert (report.ok, report[report.first_wrong].line) == (False, line)


@pytest.mark.parametrize("written", [SCALED, IN_PLACE], ids=["symbols", "arrays"])
def test_a_right_function_stays_right(written, tmp_path):
    assert judged(written, None, tmp_path)[0].ok


@pytest.mark.parametrize(
    ("title", "count"),
    [
        ("character network, gradients set to zero first", 4),
        ("mean squared error in rows, step by step", 5),
        ("attention, with a helper for softmax", 4),  # a factor that a call leaves out is told of the function called
    ],
)
def test_lines_of_loops_and_helpers_are_found(title, count, tmp_path):
    found = [judged(UNTUNED[title], mistake, tmp_path) for mistake in UNTUNED[title].mistakes]
    assert not any(report.ok for report, _ in found)
    assert sum(report[report.first_wrong].line == line for report, line in found) >= count


def test_what_a_line_should_have_given_is_told(tmp_path):
    report, line = judged(SCALED, SCALED.mistakes[4], tmp_path)
    assert f"line {line} should give dZ1: with that all is right" in report[report.first_wrong].diagnosis


@pytest.mark.parametrize(
    ("texts", "text"),
    [
        (("x * 5", "x * 7"), "x * m"),
        (("2 / 5 * x", "2 / 7 * x"), "2 / m * x"),
        (("0.4 * x", f"{2 / 7!r} * x"), "2.0 / m * x"),
        (("x / 15", "x / 21"), "x / (3 * m)"),
        (("x[:4] + 5", "x[:6] + 5"), "x[:m - 1] + 5"),
        (("x.reshape(5, -1)", "x.reshape(7, -1)"), "x.reshape(m, -1)"),
    ],
)
def test_numbers_that_sizes_have_left_are_sizes_again(texts, text):
    trees = [ast.parse(one, mode="eval").body for one in texts]
    assert ast.unparse(with_sizes(trees, ["m"], [(5,), (7,)])) == text


@pytest.mark.parametrize("texts", [("x * 5", "x * 26"), ("x + x", "x + x + x"), ("x[5]", "x['a']")])
def test_formulas_that_no_size_explains_are_none(texts):
    with pytest.raises(Untraceable):
        with_sizes([ast.parse(one, mode="eval").body for one in texts], ["m"], [(5,), (7,)])


def test_the_slope_of_a_leaky_relu_is_named():
    x, y = cr.Input("X", (2, "m")), cr.Input("Y", (4, "m"))
    a = cr.LeakyReLU(cr.MatMul(cr.Parameter("W", (4, 2)), x, name="Z"), name="A")
    net = cr.Graph(cr.MSELoss(a, y, name="J"))
    for right in ("np.where(Z > 0, dA, S * dA)", "dA * np.where(Z > 0, 1, S)", "dA * np.maximum(S, Z > 0)"):
        assert net.check({"dZ": right.replace("S", "0.01")}).ok
        for slope in ("0.1", "0.02", "0.2"):
            verdict = net.check({"dZ": right.replace("S", slope)})["dZ"]
            assert verdict.diagnosis == f"the slope is {slope}, it should be 0.01"
            assert verdict.repair == right.replace("S", "0.01")


def test_numbers_of_examples_are_read_off_where_len_is_asked():
    def gradients(A2, A1, X, Y):
        scale = 2.0 / len(Y[0]) * 0.5
        return {"W2": scale * (A2 - Y) @ A1.T}

    assert check_function(graph("tanh"), gradients).ok
