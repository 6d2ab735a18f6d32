"""The command line: what is printed, the exit codes, and errors of one line."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.commands import cli

# A rule whose gradient lacks the factor 2.
WRONG = """
import numpy as np
import chainrule as cr

class Double(cr.Node):
    def forward(self, x):
        return 2 * x
    def backward(self, grad, y, x):
        return (grad,)

graph = cr.Graph(cr.Sum(Double(cr.Input("x", (3, "m")), name="y"), name="L"))
"""


@pytest.fixture(autouse=True)
def clean_imports(monkeypatch, tmp_path):
    """Leave the import path and the loaded modules as they were, and the working directory without pictures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("net_"):
            del sys.modules[name]


def start(*arguments, **options):
    """The command in a process of its own."""
    fixed = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUNBUFFERED": ""}  # "": buffered, as usual
    environment = {**os.environ, **fixed, **options.pop("env", {})}
    command = [sys.executable, *options.pop("flags", ()), "-m", "chainrule.commands.cli", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, **pipes, **options)


# --- bad arguments ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required: COMMAND"),
        (["trian"], "invalid choice: 'trian'"),
        (["--verbose"], "required: COMMAND"),
        (["--vers"], "required: COMMAND"),
        (["demo", "--stesp", "3"], "unrecognized arguments: --stesp 3"),
        (["demo", "--see", "3"], "unrecognized arguments: --see 3"),  # no abbreviations: they break when options join
        (["demo", "--seed"], "--seed: expected one argument"),
        (["demo", "--seed", "-1"], "a whole number, 0 or more, is needed, not '-1'"),
        (["demo", "--seed", "one"], "a whole number, 0 or more, is needed, not 'one'"),
        (["demo", "--steps", "0"], "a whole number, 1 or more, is needed, not '0'"),
        (["demo", "--steps", "9" * 10_000], "a whole number, 1 or more"),
        (["draw"], "required: NET"),
        (["draw", "nets.dnn:DNN", "--show", "picture"], "--show: invalid choice: 'picture'"),
        (["draw", "nets.dnn:DNN", "-o", "net.gif"], "'net.gif' has no extension of a drawing; try: one of .svg"),
        (["draw", "nets.dnn:DNN", "-o", "none/net.dot"], "none/net.dot cannot be written: No such file"),
        (["draw", "nets.dnn:DNN", "--layer", "Layer"], "this graph has no layer 'Layer' (did you mean 'Layer "),
        (["draw", "nets.dnn:DNN", "--expand", "Z9"], "this graph has no node 'Z9'"),
        (["draw", "nets.dnn:DNN", "--highlight", "Z9"], "this graph has no node 'Z9'"),
        (["page"], "required: NET"),
        (["demo", "extra\nline"], "unrecognized arguments: extra; line"),
        (["gradcheck"], "required: NET"),
        (["gradcheck", "none.py"], "none.py does not exist"),
        (["gradcheck", "no_module:graph"], "there is no module 'no_module'"),
        (["gradcheck", "nets.dnn"], "nets.dnn holds no graph; try: nets.dnn:DNN"),
        (["gradcheck", "nets.dnn:DNN", "--feeds", "none.npz"], "none.npz cannot be read: No such file"),
        (["gradcheck", "bad\n\x1b[31mname.py"], "does not exist"),
    ],
)
def test_bad_arguments_get_one_line_and_code_2(arguments, said, capsys):
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("chainrule")
    assert "error: " in err
    assert said in err
    assert err[:-1].isprintable()
    assert len(err) < 300


def test_errors_of_the_engine_are_joined_into_one_line(tmp_path, capsys):
    np.savez(tmp_path / "data.npz", A0=np.zeros((2, 4)), X=1.0)
    assert cli.main(["gradcheck", "nets.dnn:DNN", "--feeds", str(tmp_path / "data.npz")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "missing 'Y'; unknown 'X'" in err
    assert "this graph is fed" in err


# --- the commands ----------------------------------------------------------------------------------------------------


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"chainrule {cr.__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], *([command.name, "--help"] for command in cli.COMMANDS)])
def test_help(arguments, capsys):
    assert cli.main(arguments) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: chainrule")
    assert err == ""


def test_help_names_every_command(capsys):
    cli.main(["--help"])
    out = capsys.readouterr().out
    for command in cli.COMMANDS:
        assert command.name in out
        assert command.help in out


def test_a_command_is_an_entry_in_the_table(monkeypatch, capsys):
    ran = []
    entry = cli.Command(
        "echo", "say it", lambda parser: parser.add_argument("word"), lambda given: ran.append(given) or 7
    )
    monkeypatch.setattr(cli, "COMMANDS", (*cli.COMMANDS, entry))
    assert cli.main(["echo", "hello"]) == 7
    assert ran[0].word == "hello"


def test_demo_passes_its_options_on(monkeypatch):
    from nets import demo

    asked = []
    monkeypatch.setattr(demo, "show", lambda **options: asked.append(options) or len(asked) == 1)
    assert cli.main(["demo"]) == 0
    assert cli.main(["demo", "--seed", "4", "--steps", "12"]) == 1  # 1 when the demo finds a gradient wrong
    assert cli.main(["demo", "--pictures", "here"]) == 1
    folder = Path("chainrule-demo")
    told = {"folder": folder, "everything": False}
    assert asked[:2] == [{"seed": 0, **told}, {"seed": 4, "steps": 12, **told}]
    assert asked[2]["folder"] == Path("here")
    cli.main(["demo", "--all"])
    assert asked[3]["everything"]


def test_demo_shows_something(capsys):
    assert cli.main(["demo", "--steps", "2"]) == 0
    out, err = capsys.readouterr()
    assert "they are the same, but for rounding." in out
    assert err == ""


@pytest.mark.parametrize("net", ["nets.dnn:DNN", "nets:SoftmaxClassifier", "nets.circuits:micrograd_example"])
def test_gradcheck_of_a_net_that_is_right(net, capsys):
    assert cli.main(["gradcheck", net, "--seed", "3"]) == 0
    assert "data drawn at random: seed 3" in capsys.readouterr().out


def test_gradcheck_of_a_rule_that_is_wrong(tmp_path, capsys):
    (tmp_path / "wrong.py").write_text(WRONG)
    assert cli.main(["gradcheck", str(tmp_path / "wrong.py")]) == 1
    out = capsys.readouterr().out
    assert "Double" in out
    assert "WRONG" in out


def test_gradcheck_depends_on_the_seed(capsys):
    shown = []
    for seed in ("1", "1", "2"):
        cli.main(["gradcheck", "nets.dnn:DNN", "--seed", seed])
        shown.append(capsys.readouterr().out.partition("\n")[2])
    assert shown[0] == shown[1] != shown[2]


def test_gradcheck_takes_feeds_and_draws_the_parameters_that_they_lack(tmp_path, capsys):
    data = {"A0": np.ones((2, 4)), "Y": np.array([[1, 0, 1, 1]])}
    np.savez(tmp_path / "data.npz", **data)
    assert cli.main(["gradcheck", "nets.dnn:DNN", "--feeds", str(tmp_path / "data.npz")]) == 0
    out = capsys.readouterr().out
    assert "parameters drawn at random: seed 0" in out
    assert "8 of 8" in out  # A0 of the file has 8 entries; what is drawn has 10


def test_gradcheck_takes_feeds_that_are_complete(tmp_path, capsys):
    np.savez(tmp_path / "data.npz", x=-2.0, y=5.0, z=-4.0)
    assert cli.main(["gradcheck", "nets.circuits:product_of_sum", "--feeds", str(tmp_path / "data.npz")]) == 0
    assert "random" not in capsys.readouterr().out


# --- the ends of a process -------------------------------------------------------------------------------------------


def test_the_exit_code_of_the_process():
    process = start("gradcheck", "none.py")
    out, err = process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert err == b"chainrule: error: none.py does not exist\n"


@pytest.mark.parametrize("arguments", [["demo", "--steps", "3"], ["--version"]])
def test_a_reader_that_leaves_ends_the_command_in_silence(arguments):
    process = start(*arguments)
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait() == 141


def hear_ctrl_c():
    """Listen to Ctrl-C also where the tests were started in the background, which makes a shell ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_ends_the_command_with_130_and_one_line():
    process = start("demo", "--all", "--steps", "100000000", flags=["-u"], preexec_fn=hear_ctrl_c)
    for line in process.stdout:
        if line.startswith(b"Gradient descent"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"chainrule: interrupted\n")


def test_ctrl_c_in_any_command(monkeypatch, capsys):
    def run(given):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "COMMANDS", (cli.Command("stop", "stop", lambda parser: None, run),))
    assert cli.main(["stop"]) == 130
    assert capsys.readouterr().err == "chainrule: interrupted\n"


def test_an_output_that_knows_only_ascii_gets_question_marks():
    process = start("demo", "--all", "--steps", "1", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b"W ? W - 3 dW" in out


def test_an_output_that_is_closed_is_no_error(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.main(["demo", "--steps", "1"]) == 0


def test_a_bar_moves_only_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    assert cli.main(["demo", "--steps", "3"]) == 0
    assert "\r[" in sys.stderr.getvalue()


# --- drawing ---------------------------------------------------------------------------------------------------------


def test_draw_writes_the_drawing_and_says_where(tmp_path, capsys):
    assert cli.main(["draw", "nets.dnn:DNN", "-o", "net.dot", "--layer", "Layer 2", "--expand", "A1", "A2"]) == 0
    assert capsys.readouterr().out == "written: net.dot\n"
    text = (tmp_path / "net.dot").read_text("utf-8")
    assert "exp" in text
    assert "Layer 2" in text
    assert "Layer 3" not in text


def test_draw_shows_the_gradients_where_feeds_are_given(tmp_path, capsys):
    np.savez("data.npz", x=-2.0, y=5.0, z=-4.0)
    assert cli.main(["draw", "nets.circuits:product_of_sum", "-o", "f.dot", "--feeds", "data.npz"]) == 0
    assert "∂f/∂z = 3<" in (tmp_path / "f.dot").read_text("utf-8")
    assert cli.main(["draw", "nets.circuits:product_of_sum", "-o", "f.dot", "--show", "values"]) == 0
    assert "data drawn at random: seed 0" in capsys.readouterr().out
    assert "∂" not in (tmp_path / "f.dot").read_text("utf-8")


def test_page_writes_a_page_of_the_data_and_says_how_many_steps_it_has(tmp_path, capsys):
    np.savez("data.npz", x=-2.0, y=5.0, z=-4.0)
    circuit = ["page", "nets.circuits:product_of_sum", "--feeds", "data.npz", "-o"]
    assert cli.main([*circuit, "f.html", "--title", "<f>"]) == 0
    assert capsys.readouterr().out == "written: f.html, 14 steps\n"
    assert "<title>&lt;f&gt;</title>" in (tmp_path / "f.html").read_text("utf-8")
    assert cli.main(["page", "nets.dnn:DNN"]) == 0
    out = capsys.readouterr().out
    assert "data drawn at random: seed 0" in out
    assert "written: steps.html, 51 steps" in out
    assert [cli.main([*circuit, name]) for name in ("f.pdf", "none/f.html")] == [2, 2]
    err = capsys.readouterr().err
    assert "'f.pdf' has no extension of a page; try: one of .html" in err
    assert "none/f.html cannot be written: No such file" in err


def test_draw_says_what_has_been_left_out(tmp_path, capsys):
    Path("deep.py").write_text(
        "import chainrule as cr\nx = cr.Input('x')\nwith cr.layer('one'):\n"
        "    for _ in range(400):\n        x = cr.Sin(x)\ngraph = cr.Graph(x)\n"
    )
    assert cli.main(["draw", "deep.py", "-o", "deep.dot"]) == 0
    assert "one box for each layer" in capsys.readouterr().out
