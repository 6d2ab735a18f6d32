"""Graphs as functions of JAX on a graphics card: how near their gradients are to a run's, and how fast they come.

Run it with `python tests/benchmarks/on_a_gpu.py`. Without JAX, or a card that it sees, it says so and ends with 0.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import nets

SIZES = {(2, 3, 3, 1): 1_000_000, (784, 512, 256, 1): 16_384}
REPEATS = 9


def main() -> int:
    """Print a line for each network and dtype."""
    try:
        import jax
    except ModuleNotFoundError:
        print("skipped: JAX is not installed (pip install 'chainrule[jax]')")
        return 0
    cards = [device for device in jax.devices() if device.platform in ("gpu", "cuda", "rocm")]
    if not cards:
        print(f"skipped: JAX sees no graphics card, only {jax.devices()[0].device_kind}")
        return 0
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")  # or float32 products are made of shorter numbers
    print(f"{cards[0].device_kind}, JAX {jax.__version__}")
    print("| network | dtype | columns | difference | plan, ms | card, ms |\n|---|---|---:|---:|---:|---:|")
    for sizes, columns in SIZES.items():
        for dtype in (np.float64, np.float32):
            print(row(jax, cards[0], sizes, columns, np.dtype(dtype)))
    return 0


def row(jax: Any, card: Any, sizes: tuple[int, ...], columns: int, dtype: np.dtype[Any]) -> str:
    """The largest difference of a gradient, over the largest entry, and the medians of both."""
    from chainrule.interop.jax import to_function

    net, rng = nets.DNN(sizes=sizes), np.random.default_rng(0)
    data = {"A0": rng.normal(size=(sizes[0], columns)), "Y": rng.integers(0, 2, size=(1, columns))}
    exact = net.graph.compile()({**net.params, **data})[1]
    feeds = {name: np.asarray(array, dtype) for name, array in {**net.params, **data}.items()}
    there, function = jax.device_put(feeds, card), jax.jit(to_function(net.graph))
    found = function(there)[1]
    apart = max(np.abs(np.asarray(found[n]) - exact[n]).max() / np.abs(exact[n]).max() for n in exact)
    plan = net.graph.compile()
    times = [milliseconds(lambda: plan(feeds)), milliseconds(lambda: jax.block_until_ready(function(there)))]
    name = "-".join(map(str, sizes))
    return f"| {name} | {dtype} | {columns:,} | {apart:.1e} | {times[0]:.2f} | {times[1]:.2f} |"


def milliseconds(compute: Callable[[], Any]) -> float:
    """The median of some calls, after a first one."""
    compute()
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        compute()
        taken.append(1e3 * (time.perf_counter() - began))
    return statistics.median(taken)


if __name__ == "__main__":
    sys.exit(main())
