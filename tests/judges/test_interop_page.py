"""The page and the docstrings about neighbours are run where these are installed, and the extra is named elsewhere."""

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("jax")
from neighbours import WAYS, row
from torch_modules import MODULES

JUDGE = "PyTorch autograd"
ROOT = Path(__file__).parents[2]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_the_page_says_what_happens():
    assert doctest.testfile(str(ROOT / "docs" / "interop.md"), module_relative=False, optionflags=FLAGS).failed == 0


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_docstrings_say_what_happens(name):
    module = importlib.import_module(f"chainrule.interop.{name}")
    runner, parser = doctest.DocTestRunner(optionflags=FLAGS), doctest.DocTestParser()
    for public in module.__all__:
        text = getattr(module, public).__doc__.replace("  # doctest: +SKIP", "")
        runner.run(parser.get_doctest(text, dict(vars(module)), public, None, 0))
    assert (runner.failures, runner.tries > 1) == (0, True)


def test_the_table_has_every_module_and_nothing_above_the_tolerance():
    rows = (ROOT / "docs" / "interop.md").read_text("utf-8").partition("<!-- modules -->")[2].partition("<!-- end")[0]
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows.strip().splitlines()[2:]]
    assert [cell[0] for cell in cells] == list(MODULES)
    assert all(float(number) <= 1e-12 for cell in cells for number in cell[2:])


CHEAP = {"safetensors", "NumPy"}


def test_the_table_of_neighbours_is_what_the_script_writes():
    page = (ROOT / "docs" / "interop.md").read_text("utf-8")
    rows = page.partition("<!-- neighbours -->")[2].partition("<!-- end")[0]
    lines = rows.strip().splitlines()[2:]
    assert len(lines) == len(WAYS)
    for way, line in zip(WAYS, lines, strict=True):
        *_, cases, difference, _ = [cell.strip() for cell in line.split("|")[1:-1]]
        if way.neighbour in CHEAP:
            cases, number = way.measure()
        else:
            number = float(difference)
        assert line == row(way, cases, number)
        assert number <= 1e-12


NUMBER = "import chainrule as cr; graph = cr.Graph(cr.Sum(cr.Parameter('x')))"


@pytest.mark.parametrize(
    ("call", "extra"),
    [
        ("from chainrule.interop.torch import from_module; from_module(None, None)", "torch"),
        (f"{NUMBER}; from chainrule.interop.torch import to_function; to_function(graph)", "torch"),
        ("import chainrule as cr; from chainrule.interop.torch import to_source; to_source(cr.Square)", "torch"),
        (f"{NUMBER}; from chainrule.interop.jax import to_function; to_function(graph)", "jax"),
    ],
)
def test_the_extra_is_named_where_a_library_is_missing(call, extra):
    hidden = f"import sys; sys.modules[{extra!r}] = None; sys.path[:0] = [{str(ROOT / 'graphlib')!r}]; "
    done = subprocess.run([sys.executable, "-c", hidden + call], capture_output=True, text=True, check=False)
    assert f"pip install 'chainrule[{extra}]'" in done.stderr, done.stderr
