"""Plans against NumPy by hand, and PyTorch and JAX where installed: 2-3-3-1 with BCE, forward and backward.

Run it with `python tests/benchmarks/plans.py`; `--help` says more. All are measured in one run and in turns,
results are checked for equality first, and what counts is the ratio of the medians. OMP_NUM_THREADS gives all the same
number of threads inside their libraries; a plan takes as many as there are processors.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import chainrule as cr

AIMS = {1: 0.8, 1000: 0.7, 100_000: 0.45, 1_000_000: 0.35}
ROUNDS = {1: 4001, 1000: 1001, 100_000: 31, 1_000_000: 9}
SIZES = (2, 3, 3, 1)


def graph() -> cr.Graph:
    A: cr.Node = cr.Input("A0", (SIZES[0], "m"))
    for layer in range(1, len(SIZES)):
        W = cr.Parameter(f"W{layer}", (SIZES[layer], SIZES[layer - 1]))
        B = cr.Parameter(f"B{layer}", (SIZES[layer], 1), init="normal")
        A = cr.Sigmoid(cr.Add(W @ A, B, name=f"Z{layer}"), name=f"A{layer}")
    return cr.Graph(cr.BCELoss(A, cr.Input("Y", (1, "m")), name="L"))


def by_hand(feeds: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """What a course writes: the loss, and the gradients by the canceled formulas."""
    W1, B1, W2, B2, W3, B3, A0, Y = (feeds[name] for name in ("W1", "B1", "W2", "B2", "W3", "B3", "A0", "Y"))
    m = A0.shape[1]
    A1 = 1 / (1 + np.exp(-(W1 @ A0 + B1)))
    A2 = 1 / (1 + np.exp(-(W2 @ A1 + B2)))
    A3 = 1 / (1 + np.exp(-(W3 @ A2 + B3)))
    loss = -np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3)) / m
    dZ3 = A3 - Y
    dZ2 = (W3.T @ dZ3) * A2 * (1 - A2)
    dZ1 = (W2.T @ dZ2) * A1 * (1 - A1)
    grads = {}
    for layer, dZ, A in ((3, dZ3, A2), (2, dZ2, A1), (1, dZ1, A0)):
        grads[f"W{layer}"] = dZ @ A.T / m
        grads[f"B{layer}"] = np.sum(dZ, axis=1, keepdims=True) / m
    return loss, grads


Rival = Callable[[dict[str, Any]], tuple[Any, dict[str, Any]]]


def torch_rival(feeds: dict[str, Any]) -> Rival:
    import torch

    tensors = {name: torch.tensor(array, requires_grad=name[0] in "WB") for name, array in feeds.items()}

    def step(_: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        A = tensors["A0"]
        for layer in (1, 2, 3):
            Z = tensors[f"W{layer}"] @ A + tensors[f"B{layer}"]
            A = torch.sigmoid(Z)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(Z, tensors["Y"])
        names = [name for name in tensors if name[0] in "WB"]
        grads = torch.autograd.grad(loss, [tensors[name] for name in names])
        return loss.detach(), dict(zip(names, grads, strict=True))

    return step


def jax_rival(feeds: dict[str, Any]) -> Rival:
    import jax

    jax.config.update("jax_enable_x64", True)

    def loss(params: dict[str, Any], A0: Any, Y: Any) -> Any:
        A = A0
        for layer in (1, 2, 3):
            Z = params[f"W{layer}"] @ A + params[f"B{layer}"]
            A = jax.nn.sigmoid(Z)
        return (jax.nn.softplus(Z) - Y * Z).mean()

    given = {name: jax.numpy.asarray(array) for name, array in feeds.items()}
    params = {name: array for name, array in given.items() if name[0] in "WB"}
    compiled = jax.jit(jax.value_and_grad(loss))
    return lambda _: jax.block_until_ready(compiled(params, given["A0"], given["Y"]))


def rivals(feeds: dict[str, Any]) -> Iterator[tuple[str, Rival]]:
    yield "by hand", by_hand
    yield "plan", graph().compile()
    for name, make in (("PyTorch", torch_rival), ("JAX jit", jax_rival)):
        try:
            yield name, make(feeds)
        except ImportError:
            print(f"{name}: not installed")


def data(m: int, dtype: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    feeds = {name: rng.normal(size=array.shape) for name, array in graph().initialize(0).items()}
    feeds |= {"A0": rng.normal(size=(SIZES[0], m)), "Y": rng.integers(0, 2, size=(1, m))}
    return {name: array.astype(dtype) for name, array in feeds.items()}


def check(expected: Any, found: Any, dtype: Any, name: str) -> None:
    """All must compute the same before any of them is timed."""
    tolerance = 1e-9 if dtype == np.float64 else 3e-4  # by hand the loss of a saturated column has lost its digits
    np.testing.assert_allclose(float(found[0]), float(expected[0]), rtol=tolerance, err_msg=name)
    for key, gradient in expected[1].items():
        np.testing.assert_allclose(
            np.asarray(found[1][key]), gradient, rtol=tolerance, atol=tolerance, err_msg=f"{name} {key}"
        )


def measure(m: int, dtype: Any, rounds: int) -> dict[str, float]:
    """Median seconds of every rival, measured in turns."""
    feeds = data(m, dtype)
    named = dict(rivals(feeds))
    expected = by_hand(feeds)
    for name, rival in named.items():
        check(expected, rival(feeds), dtype, name)
    taken: dict[str, list[float]] = {name: [] for name in named}
    for _ in range(rounds):
        for name, rival in named.items():
            start = time.perf_counter()
            rival(feeds)
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--columns", type=int, nargs="+", default=list(AIMS))
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}")
    for _ in range(arguments.repeat):
        for dtype in (np.float64, np.float32):
            for m in arguments.columns:
                found = measure(m, dtype, ROUNDS.get(m, 101))
                ratios = ", ".join(
                    f"{found['plan'] / seconds:.2f} x {n}" for n, seconds in found.items() if n != "plan"
                )
                times = ", ".join(f"{name} {seconds * 1e6:,.1f} µs" for name, seconds in found.items())
                print(
                    f"{dtype.__name__} m = {m:>9,}: {times}; plan = {ratios} (aim {AIMS.get(m, '-')} x by hand)",
                    flush=True,
                )


if __name__ == "__main__":
    main()
