"""The nets of the benchmarks: PyTorch and JAX, as their documentation would have them written, take the same steps."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("jax")

JUDGE = "PyTorch and JAX, training"
COMPARE = Path(__file__).parents[1] / "benchmarks" / "compare.py"
ALL = {"PyTorch eager", "JAX jit", "Run", "NumPy plan", "auto plan"}


def test_all_nets_are_computed_alike_by_all_who_are_installed():
    done = subprocess.run([sys.executable, str(COMPARE), "--quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    nets = ("784-512-256-10", "CNN", "attention", "LSTM", "embedding")
    for case in (*(f"{net}, 5, float64" for net in nets), "CNN, 5, float32", "embedding, 5, float32"):
        [found] = [line for line in lines if line.startswith(f"step, {case}: ")]
        assert set(found.partition(": ")[2].split(", ")) >= ALL
