"""Every extra by itself in a fresh environment: the wheel with that extra is installed, and what needs it is tried.

Run it with `python tests/benchmarks/extras.py [EXTRA ...]`; without a name all of them are tried, and no extra at all.
It needs pip and its index, and takes minutes: `all` brings PyTorch and JAX.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
# The build for processors alone where an index has one; an open range takes gigabytes for graphics cards.
PINNED = [line for line in PROJECT["dependency-groups"]["judges"] if isinstance(line, str) and line.startswith("torch")]

START = """
import numpy as np
import chainrule as cr, nets
net = nets.DNN()
x = np.random.default_rng(0).normal(size=(2, 7))
feeds = {**net.params, "A0": x, "Y": (x[:1] > 0) * 1.0}
run = net.graph.forward(feeds)
gradients = run.backward()
"""

TRIED = {
    "": "run.page().html; net.graph.draw().svg(); net.graph.compile()(feeds); print(net.graph.derivation())",
    "draw": "assert net.graph.draw().png().startswith(b'\\x89PNG')",
    "plot": "import matplotlib; matplotlib.use('agg'); run.plot_gradients()",
    "sklearn": """
from chainrule.interop.sklearn import GraphClassifier
assert GraphClassifier(random_state=0, epochs=200).fit(x.T, x[0] > 0).score(x.T, x[0] > 0) > 0.5
import nets.digits; nets.digits.load_digits()""",
    "torch": """
import torch
from chainrule.interop.torch import from_module, to_function
graph, values = from_module(torch.nn.Linear(2, 3), torch.zeros(5, 2))
assert float(to_function(net.graph)(*(feeds[name] for name in to_function(net.graph).arguments))) > 0""",
    "jax": """
from chainrule.interop.jax import to_function
assert abs(float(to_function(net.graph)(feeds)[0]) - run.loss) < 1e-5""",
    "onnx": """
from chainrule.interop.onnx import load, save
save(net.graph, "net.onnx", net.params, gradients=["W1"])
graph, values = load("net.onnx")
assert abs(graph.forward({**values, "A0": x, "Y": feeds["Y"]})["L"] - run.loss) < 1e-12""",
    "safetensors": "cr.save('w.safetensors', net.params); assert cr.load('w.safetensors', net.graph)",
    "jit": "loss, found = net.graph.compile(backend='numba')(feeds); assert np.allclose(found['W1'], gradients['W1'])",
}


def main() -> int:
    """Try every extra that was asked for; how many failed."""
    asked = sys.argv[1:] or ["", *EXTRAS]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        wheel = _wheel(Path(folder))
        for extra in asked:
            began = time.perf_counter()
            said = tried(extra, wheel, Path(folder) / f"env-{extra}")
            failed += said is not None
            print(f"{extra or 'no extra':12} {said or 'works'} ({time.perf_counter() - began:.0f} s)", flush=True)
    return failed


def _wheel(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)], check=True)
    return next(folder.glob("*.whl"))


def tried(extra: str, wheel: Path, place: Path) -> str | None:
    """What went wrong in a fresh environment with one extra; None where all works."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    wanted = f"{wheel}[{extra}]" if extra else str(wheel)
    pins = place / "constraints.txt"
    pins.write_text("\n".join(PINNED), "utf-8")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "-c", str(pins), wanted]
    scripts = TRIED.values() if extra == "all" else [TRIED[extra]]
    for command in (install, *([str(python), "-c", START + script] for script in scripts)):
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
        if done.returncode:
            return done.stderr.strip().splitlines()[-1]
    return None


if __name__ == "__main__":
    sys.exit(main())
