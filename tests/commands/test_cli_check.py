"""``chainrule check NET FORMULAS.txt``: what is printed, and the exit codes 0, 1 and 2."""

import json
import sys

import numpy as np
import pytest

from chainrule.commands import cli

NET = "nets:DNN"
RIGHT = """# the output layer, per example
dZ3 = A3 - Y
dW3 = dZ3 @ A2.T / m   % the mean over columns

dB_3 = \\frac{1}{m} \\sum dZ_3
dA₂ = W₃ᵀ dZ₃
"""


@pytest.fixture(autouse=True)
def clean_path(monkeypatch):
    """Leave the import path as it was."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def check(tmp_path, capsys):
    """Runs the command on a text; gives the exit code, the output and the errors."""

    def run(text, *options):
        path = tmp_path / "formulas.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        code = cli.main(["check", NET, str(path), *options])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_right_formulas_end_with_0(check):
    code, out, err = check(RIGHT.replace("dB_3 = \\frac{1}{m} \\sum dZ_3\n", ""))
    assert (code, err) == (0, "")
    assert "Convention: gradients per example" in out
    assert out.endswith("All 3 lines are right.\n")


def test_a_wrong_formula_ends_with_1_and_its_repair(check):
    code, out, err = check("dZ3 = A3 - Y\ndW3 = dZ3 @ A2 / m\n")
    assert (code, err) == (1, "")
    assert "A2 has to be transposed" in out
    assert "dW3 = dZ3 @ A2.T / m" in out


def test_json_is_json_and_nothing_else(check):
    code, out, _ = check("dW3 = dZ3 @ A2 / m", "--json")
    data = json.loads(out)
    assert (code, data["ok"], data["lines"][0]["repair"]) == (1, False, "dZ3 @ A2.T / m")


def test_a_convention_can_be_asked_for(check):
    assert check("dZ3 = A3 - Y", "--convention", "per-example")[0] == 0
    assert check("dZ3 = A3 - Y", "--convention", "mean")[0] == 1


def test_names_of_ones_own_serve_later_lines(check):
    assert check("s = A2 * (1 - A2)\ndZ2 = dA2 * s\n")[0] == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("dZ3 = A3 - Y\ndW3 = dZ3 @ A9.T\n", "line 2, column 13"),
        ("dZ3 = A3 -\n", "line 1"),
        ("dZ3 A3 - Y\n", "line 1"),
        ("dZ3 = A3 - Y\ndZ3 = Y\n", "line 2"),
        ("dZ3 = open('x')\n", "line 1"),
        ("# nothing\n\n", "holds no formula"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(check, text, told):
    code, out, err = check(text)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


def test_a_missing_file_ends_with_2(capsys):
    assert cli.main(["check", NET, "no/such/file.txt"]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_feeds_are_judged_on_too(check, tmp_path):
    rng = np.random.default_rng(0)
    shapes = {"W1": (3, 2), "B1": (3, 1), "W2": (3, 3), "B2": (3, 1), "W3": (1, 3), "B3": (1, 1), "A0": (2, 6)}
    arrays = {name: rng.normal(size=shape) for name, shape in shapes.items()} | {"Y": np.array([[0, 1, 1, 0, 1, 0.5]])}
    np.savez(tmp_path / "data.npz", **arrays)
    formula = "dZ3 = np.where(Y == 1, A3 - 1, A3)"  # right for labels 0 and 1 alone
    assert check(formula)[0] == 0
    assert check(formula, "--feeds", str(tmp_path / "data.npz"))[0] == 1


def test_help_names_the_options(capsys):
    assert cli.main(["check", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(option in shown for option in ("FORMULAS.txt", "--json", "--convention", "--feeds", "--seed"))
