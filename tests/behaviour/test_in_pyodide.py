"""In the browser: the README and a picture in Pyodide under Node, where both are at hand with the wheel of NumPy."""

import json
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import files
from pathlib import Path

import graphviz
import numpy as np
import pytest
from scripts import script

ROOT = Path(__file__).parents[2]
OLDEST = "2.0"  # NumPy of Pyodide 0.27, which docs/fetch_pyodide.py fetches

PROGRAM = """
const folder = process.argv[1], root = process.argv[2], graphviz = process.argv[3];
const { loadPyodide } = await import(folder + '/pyodide.mjs');
const pyodide = await loadPyodide({ indexURL: folder + '/' });
await pyodide.loadPackage('numpy', { messageCallback: () => {} });
pyodide.FS.mkdirTree('/here'); pyodide.FS.mkdirTree('/packages/graphviz');
pyodide.mountNodeFS('/here', root); pyodide.mountNodeFS('/packages/graphviz', graphviz);
console.log(JSON.stringify(pyodide.runPython(`
import doctest, json, sys, tempfile, os
sys.path[:0] = ['/here/graphlib', '/here', '/packages']
os.chdir(tempfile.mkdtemp())
options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
done = doctest.testfile('/here/README.md', module_relative=False, optionflags=options, encoding='utf-8')
import numpy, chainrule, nets
net = nets.DNN(sizes=(2, 3, 3, 1), seed=0)
run = net.graph.forward({**net.params, 'A0': numpy.ones((2, 3)), 'Y': numpy.ones((1, 3))})
run.backward()
drawing = run.draw()
try:
    said = drawing.png()
except chainrule.errors.DrawingError as error:
    said = str(error)
json.dumps([numpy.__version__, done.failed, done.attempted, drawing.svg(), drawing.tikz, said])
`)));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="Node is not installed")
def test_the_readme_runs_in_pyodide_and_draws_the_same_picture():
    folder = script("docs/fetch_pyodide.py").distribution()
    if folder is None:
        pytest.skip("there is no Pyodide with the wheel of NumPy: docs/fetch_pyodide.py fetches them")
    command = [
        "node",
        "--input-type=module",
        "-e",
        PROGRAM,
        str(folder),
        str(ROOT),
        str(Path(graphviz.__file__).parent),
    ]
    done = subprocess.run(command, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    version, failed, attempted, svg, tikz, said = json.loads(json.loads(done.stdout.decode().splitlines()[-1]))
    import nets

    net = nets.DNN(sizes=(2, 3, 3, 1), seed=0)
    run = net.graph.forward({**net.params, "A0": np.ones((2, 3)), "Y": np.ones((1, 3))})
    run.backward()
    assert (svg, tikz) == (run.draw().svg(), run.draw().tikz)
    assert version.startswith("2.")
    assert attempted > 20
    assert failed == 0
    assert "nothing here that renders PNG" in said


def test_the_oldest_numpy_that_is_taken_is_the_one_of_pyodide_and_nothing_later_is_needed():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    assert f"numpy>={OLDEST}" in wanted
    later = {"matvec", "vecmat", "unstack", "cumulative_sum", "cumulative_prod"}  # of NumPy 2.1 and 2.2
    for path in (ROOT / "graphlib").rglob("*.py"):
        text = path.read_text("utf-8")
        assert not set(re.findall(r"\bnp\.(\w+)\(", text)) & later, path
        assert not re.search(r"np\.reshape\([^)]*\bshape=", re.sub(r'""".*?"""', "", text, flags=re.DOTALL)), path


def test_graphviz_is_python_alone_so_that_it_installs_in_a_browser():
    assert all(str(file).endswith((".py", ".pyc", ".typed")) or "dist-info" in str(file) for file in files("graphviz"))
