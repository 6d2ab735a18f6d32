"""Every extra, when the library that it installs is not there: an error that names the extra, and all else works."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
GRAPH = "graph = cr.Graph(cr.Sum(cr.Square(cr.Parameter('x', (2,))), name='L'))"

# What is hidden, and calls that need it.
CALLS = {
    "draw": ("pygraphviz", ["graph.draw().save('net.png')", "graph.draw().save('net.pdf')"]),
    "plot": ("matplotlib", ["run = graph.forward({'x': [1.0, 2.0]}); run.backward(); run.plot_gradients()"]),
    "sklearn": (
        "sklearn",
        ["from chainrule.interop.sklearn import GraphClassifier", "import nets.digits; nets.digits.load_digits()"],
    ),
    "torch": (
        "torch",
        [
            "from chainrule.interop.torch import from_module; from_module(None, None)",
            "from chainrule.interop.torch import to_function; to_function(graph)",
            "from chainrule.interop.torch import to_source; to_source(cr.Square)",
        ],
    ),
    "jax": ("jax", ["from chainrule.interop.jax import to_function; to_function(graph)"]),
    "onnx": (
        "onnx",
        [
            "from chainrule.interop.onnx import save; save(graph, 'net.onnx')",
            "from chainrule.interop.onnx import load; load('net.onnx')",
        ],
    ),
    "safetensors": (
        "safetensors",
        ["cr.save('w.safetensors', {'x': [1.0]})", "open('w.safetensors', 'w').close(); cr.load('w.safetensors')"],
    ),
    "jit": ("numba", ["graph.compile(backend='numba')"]),
}


def test_every_extra_is_tried_and_all_is_each_of_them():
    assert set(CALLS) == set(EXTRAS) - {"all"}
    assert EXTRAS["all"] == [f"chainrule[{','.join(sorted(CALLS))}]"]


HIDE = """
import importlib.util, sys
sys.path[:0] = {paths!r}
hidden = {hidden!r}
class Hiding:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == hidden:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=hidden)
sys.meta_path.insert(0, Hiding())
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name.partition(".")[0] == hidden else find(name, *rest)
import os
os.environ["PATH"] = ""
import chainrule as cr
{graph}
print("imported")
{call}
"""


@pytest.mark.parametrize(("extra", "call"), [(extra, call) for extra, (_, calls) in CALLS.items() for call in calls])
def test_without_its_library_an_extra_is_named(extra, call, tmp_path):
    paths = [str(ROOT / "graphlib"), str(ROOT)]
    script = HIDE.format(paths=paths, hidden=CALLS[extra][0], graph=GRAPH, call=call)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout == "imported\n", done.stderr
    assert done.returncode == 1
    assert f"chainrule[{extra}]" in done.stderr, done.stderr
