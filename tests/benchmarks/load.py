"""Many threads on one graph and one plan, every result compared bit for bit; and the memory of very many runs.

Run it with `python tests/benchmarks/load.py`. It prints what it found, writes it as JSON where `--json FILE` asks for
it, and ends with 1 when a result differs from the serial one or memory grows. Resident memory is read from /proc, so
that part needs Linux.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nets.dnn import DNN

Feeds = dict[str, Any]
Compute = Callable[[Feeds], Mapping[str, Any]]

DISTINCT = 8  # feeds that the threads take in turn, so that neighbors compute different things
COLUMNS = 7
WIDEST = 500  # numbers of columns that a plan meets in turn
GROWTH = 1 << 20  # bytes that resident memory may gain: a leak of one gradient (24 bytes) in each run is twice that


def cases() -> dict[str, Compute]:
    """The loss and gradients of one net, by a Run and by a plan."""
    graph = DNN((2, 4, 3, 1)).graph
    plan = graph.compile()

    def by_run(feeds: Feeds) -> Mapping[str, Any]:
        run = graph.forward(feeds)
        run.backward()
        return {"L": run["L"], **{node.name: run.gradients[node.name] for node in graph.parameters if node.name}}

    def by_plan(feeds: Feeds) -> Mapping[str, Any]:
        loss, gradients = plan(feeds)
        return {"L": loss, **gradients}

    return {"run": by_run, "plan": by_plan}


def feeds_of(columns: int, seed: int = 0) -> Feeds:
    rng = np.random.default_rng(seed)
    params = {name: rng.normal(size=array.shape) for name, array in DNN((2, 4, 3, 1)).params.items()}
    return {**params, "A0": rng.normal(size=(2, columns)), "Y": rng.integers(2, size=(1, columns)) * 1.0}


def bits(results: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: np.asarray(value).tobytes() for name, value in results.items()}


# --- threads ---------------------------------------------------------------------------------------------------------


def differing(compute: Compute, threads: int, runs: int) -> tuple[int, int]:
    """How many results were compared, and how many of them were not the serial ones, bit for bit."""
    inputs = [feeds_of(COLUMNS, seed) for seed in range(DISTINCT)]
    expected = [bits(compute(feeds)) for feeds in inputs]
    compared, wrong = [0] * threads, [0] * threads
    barrier = threading.Barrier(threads)

    def work(thread: int) -> None:
        barrier.wait()
        for k in range(runs):
            place = (thread + k) % DISTINCT
            wrong[thread] += bits(compute(inputs[place])) != expected[place]
            compared[thread] += 1

    started = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    # a thread that died has compared fewer than it was to: those count as wrong
    return sum(compared), sum(wrong) + threads * runs - sum(compared)


# --- memory ----------------------------------------------------------------------------------------------------------


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def memory(work: Callable[[int], Any], runs: int, samples: int = 50) -> dict[str, float]:
    """Resident memory after the first tenth of the runs: its slope in bytes a run, and what it gained in the end."""
    every = max(1, runs // samples)
    at: list[int] = []
    found: list[int] = []
    for k in range(runs):
        work(k)
        if k >= runs // 10 and k % every == 0:
            gc.collect()
            at.append(k)
            found.append(resident())
    slope = float(np.polyfit(at, found, 1)[0])
    quarter = len(found) // 4
    gained = statistics.median(found[-quarter:]) - statistics.median(found[:quarter])
    return {"runs": runs, "bytes_per_run": slope, "gained": gained, "resident": found[-1]}


def measured(runs: int, sizes: int) -> dict[str, dict[str, float]]:
    """The memory of runs, of a plan, and of a plan that meets another number of columns in every call."""
    by = cases()
    feeds = feeds_of(COLUMNS)
    wide = feeds_of(WIDEST)
    # In order, the workspaces that are kept would grow. A plan keeps 32: it has forgotten a size when that comes again.
    columns = np.random.default_rng(0).permutation(WIDEST) + 1
    fresh = {name: array for name, array in wide.items() if name not in ("A0", "Y")}

    def ever_new(k: int) -> Any:
        return by["plan"](
            {**fresh, "A0": wide["A0"][:, : columns[k % WIDEST]], "Y": wide["Y"][:, : columns[k % WIDEST]]}
        )

    return {
        "run": memory(lambda _: by["run"](feeds), runs),
        "plan": memory(lambda _: by["plan"](feeds), runs),
        "plan, other columns in every call": memory(ever_new, sizes),
    }


def main() -> None:
    """Threads first, then memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--runs", type=int, default=10_000, help="of each thread")
    parser.add_argument("--memory-runs", type=int, default=100_000)
    parser.add_argument(
        "--sizes", type=int, default=3_000, help="calls of one plan, each with another number of columns"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    threads: dict[str, dict[str, float]] = {}
    for name, compute in cases().items():
        start = time.perf_counter()
        compared, wrong = differing(compute, given.threads, given.runs)
        threads[name] = {"compared": compared, "wrong": wrong, "seconds": round(time.perf_counter() - start, 1)}
        print(f"{name}: {given.threads} threads x {given.runs:,}: {compared:,} results, {wrong} not the serial ones")
    grown = measured(given.memory_runs, given.sizes)
    for name, row in grown.items():
        print(f"{name}: {row['runs']:,} runs: {row['bytes_per_run']:+.2f} bytes a run, {row['gained'] / 1024:+,.0f} kB")
    if given.json:
        figures = {"python": platform.python_version(), "numpy": np.__version__, "threads": threads, "memory": grown}
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    raise SystemExit(any(row["wrong"] for row in threads.values()) or any(r["gained"] > GROWTH for r in grown.values()))


if __name__ == "__main__":
    main()
