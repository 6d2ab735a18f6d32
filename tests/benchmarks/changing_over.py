"""What it would cost to change over from printed NumPy to a compiled loop while a program runs, and what it would give.

Run it with `python tests/benchmarks/changing_over.py`; the decision on the default of compile has its figures. Seconds
are those of a processor, the least of seven measurements, but for the longest call, which is what a user waits.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nets.dnn import build


def feeds_of(m: int) -> dict[str, Any]:
    graph, rng = build((2, 3, 3, 1)), np.random.default_rng(0)
    return {**graph.initialize(), "A0": rng.normal(size=(2, m)), "Y": rng.integers(2, size=(1, m)).astype(float)}


def seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def resident() -> float:
    """MB of resident memory; Linux alone tells."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def waited(call: Callable[[], Any], until: Callable[[], bool]) -> str:
    """The median and the longest of the calls that are made until then."""
    taken = []
    while not until():
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return f"{len(taken):,} calls, median {1e3 * float(np.median(taken)):.2f} ms, the longest {1e3 * max(taken):.0f} ms"


def least(plan: Callable[[Any], Any], feeds: dict[str, Any], count: int) -> float:
    """Seconds of a processor for one call."""
    return min(seconds(lambda: [plan(feeds) for _ in range(count)]) for _ in range(7)) / count


def main() -> None:
    graph, feeds, before = build((2, 3, 3, 1)), feeds_of(1_000), resident()
    printed = graph.compile(backend="numpy")
    printed(feeds)
    end = time.perf_counter() + 1
    print(f"alone: {waited(lambda: printed(feeds), lambda: time.perf_counter() > end)}")
    importing = threading.Thread(target=__import__, args=("numba",))
    importing.start()
    print(f"while a thread imports Numba: {waited(lambda: printed(feeds), lambda: not importing.is_alive())}")
    print(f"Numba: {resident() - before:.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CHAINRULE_CACHE"] = folder
        for what in ("compiled", "read from the cache"):
            loop = build((2, 3, 3, 1)).compile(backend="numba")
            print(
                f"the loop {what}: {seconds(lambda loop=loop: loop(feeds)):.2f} s, {resident() - before:.0f} MB in all"
            )
            for name in [name for name in sys.modules if name.startswith("chainrule_loop_")]:
                del sys.modules[name]
    for m in (1, 1_000, 10_000):
        given, count = feeds_of(m), max(3, 20_000 // m)
        numpy, numba = (least(plan, given, count) for plan in (printed, loop))
        print(f"m = {m:,}: {1e6 * numpy:.1f} µs printed, {1e6 * numba:.1f} µs in a loop")


if __name__ == "__main__":
    main()
