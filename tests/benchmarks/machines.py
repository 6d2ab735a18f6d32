"""What a plan costs on several machines: a model fitted on one to three workers, held against others, carried to 1,000.

Run it with `python tests/benchmarks/machines.py`; `--write` puts what it prints into docs/more-machines.md. It needs
Dask (`pip install 'dask[distributed]'`) and takes some minutes.

A worker is a process that computes a task and then sleeps until SLOWNESS times the processor time of the task have
gone by. So four of them fit on two processors without taking anything from each other, as machines do not; what is
not slowed is the network between them, which is that of one machine.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr
import nets

PAGE = Path(__file__).parents[2] / "docs" / "more-machines.md"
START, END = "<!-- model -->\n", "<!-- end -->"
SLOWNESS = 40
REPEATS = 5
MILLION = 1_000_000
SIZES = ((MILLION // 2, True), (MILLION, True), (MILLION, False))
FITTED = [(workers, m, shared) for workers in (1, 2, 3) for m, shared in SIZES]
HELD_OUT = [*((4, m, shared) for m, shared in SIZES), (3, 3 * MILLION // 2, True)]
NETWORK = 1.25e9  # bytes in a second: 10 Gbit/s, which two machines of a rented cluster have between them
MACHINES = (10, 100, 1000)


class Costs(NamedTuple):
    """The constants of the model: columns and bytes in a second, and seconds for the start of a task."""

    rate: float
    bandwidth: float
    start: float


class Work(NamedTuple):
    """One pass over the data: its tasks, the columns of each, and what crosses the caller's network for each."""

    tasks: int
    columns: float
    sent: float

    def seconds(self, workers: int, costs: Costs) -> float:
        """Rounds of tasks that are computed, and what the caller does for one task after another."""
        return float(self.features(workers) @ [1 / costs.rate, 1 / costs.bandwidth, costs.start])

    def features(self, workers: int) -> Any:
        """What each constant is multiplied by."""
        rounds = math.ceil(self.tasks / workers)
        return np.array([rounds * self.columns, self.tasks * self.sent, self.tasks], float)


def all_reduced(columns: float, machines: int, gradient_bytes: float, costs: Costs) -> float:
    """Seconds of a pass where each machine keeps its columns, and gradients go round a ring."""
    exchange = gradient_bytes * 2 * (machines - 1) / machines / costs.bandwidth
    return columns / machines / costs.rate + exchange + costs.start


# --- measured ---------------------------------------------------------------------------------------------------------


def slowly(function: Callable[..., Any], *args: Any) -> Any:
    """A task as on a machine that is SLOWNESS times slower."""
    began, used = time.perf_counter(), time.thread_time()
    result = function(*args)
    time.sleep(max(0.0, SLOWNESS * (time.thread_time() - used) - (time.perf_counter() - began)))
    return result


class Slowed:
    """An executor of such machines, which counts its tasks."""

    def __init__(self, executor: Any) -> None:
        self.executor, self.tasks = executor, 0

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        """Hand a task on."""
        self.tasks += 1
        return self.executor.submit(slowly, function, *args)


class Measured(NamedTuple):
    """What was asked of how many workers, and the seconds it took."""

    workers: int
    work: Work
    seconds: float


def measured(client: Any, folder: Path, setting: tuple[int, int, bool]) -> Measured:
    """The median of some passes; a clock that misses a task makes one pass too fast, other work one too slow."""
    workers, m, shared = setting
    net = nets.DNN(sizes=(2, 3, 3, 1))
    step, files = net.graph.compile(), _files(folder, m)
    feeds = {name: cr.ArrayFile(path, shared=True) if shared else np.load(path) for name, path in files.items()}
    chosen = list(client.scheduler_info()["workers"])[:workers]
    executor = Slowed(client.get_executor(workers=chosen))
    step({**net.params, **feeds}, executor=executor)
    taken = []
    for _ in range(REPEATS):
        executor.tasks, began = 0, time.perf_counter()
        step({**net.params, **feeds}, executor=executor)
        taken.append(time.perf_counter() - began)
    print(workers, "workers,", f"{m:,} columns, shared={shared}:", *np.round(taken, 2), "s", file=sys.stderr)
    columns = m / executor.tasks
    sent = 2.0 * size_of(net.params) + (0 if shared else 24 * columns)
    return Measured(workers, Work(executor.tasks, columns, sent), statistics.median(taken))


def _files(folder: Path, m: int) -> dict[str, Path]:
    """Files of so many columns."""
    files = {name: folder / f"{name}{m}.npy" for name in ("A0", "Y")}
    if not files["Y"].exists():
        rng = np.random.default_rng(0)
        np.save(files["A0"], rng.normal(size=(2, m)))
        np.save(files["Y"], rng.integers(0, 2, size=(1, m)).astype(float))
    return files


def size_of(params: Mapping[str, Any]) -> float:
    """Bytes of all parameters, which are those of all gradients."""
    return float(sum(array.nbytes for array in params.values()))


def bandwidth_of(client: Any) -> float:
    """Bytes in a second between the caller and a worker, which is sent an array and sends it back.

    It is measured by itself: beside slowed computing, a fit cannot tell it from nothing.
    """
    array, worker = np.zeros(1 << 21), [min(client.scheduler_info()["workers"])]
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        client.scatter(array, workers=worker, hash=False).result()
        taken.append(time.perf_counter() - began)
    return 2 * array.nbytes / min(taken)


def fitted(rows: list[Measured], bandwidth: float) -> Costs:
    """The rate and the start by least squares, every measurement relative to itself."""
    shares = np.array([row.work.features(row.workers) / row.seconds for row in rows])
    found = np.linalg.lstsq(shares[:, [0, 2]], 1 - shares[:, 1] / bandwidth, rcond=None)[0]
    if found.min() <= 0:
        raise SystemExit(f"no fit: {found}; the machine is too busy to tell the terms apart, run it again")
    return Costs(1 / found[0], bandwidth, found[1])


def rate_of(sizes: tuple[int, ...], columns: int) -> float:
    """Columns in a second of processor time, of one process of this machine."""
    net, rng = nets.DNN(sizes=sizes), np.random.default_rng(0)
    step, labels = net.graph.compile(), rng.integers(0, 2, size=(1, columns)).astype(float)
    feeds = {**net.params, "A0": rng.normal(size=(sizes[0], columns)), "Y": labels}
    step(feeds)
    taken = []
    for _ in range(5):
        began = time.process_time()
        step(feeds)
        taken.append(time.process_time() - began)
    return columns / statistics.median(taken)


# --- written ----------------------------------------------------------------------------------------------------------


def report() -> Iterator[str]:
    """The fit, the predictions, and what follows on paper."""
    from dask.distributed import Client, LocalCluster

    local = {"n_workers": 4, "threads_per_worker": 1, "dashboard_address": ":0"}
    with tempfile.TemporaryDirectory() as name, LocalCluster(**local) as cluster, Client(cluster) as client:
        rows = [measured(client, Path(name), setting) for setting in FITTED]
        others = [measured(client, Path(name), setting) for setting in HELD_OUT]
        bandwidth = bandwidth_of(client)
    costs = fitted(rows, bandwidth)
    yield from told(rows, others, costs)
    yield from on_paper(costs)


def told(rows: list[Measured], others: list[Measured], costs: Costs) -> Iterator[str]:
    """The constants, and every measurement beside what the model says."""
    yield (
        f"Fitted: {costs.rate / 1e6:.2f} million columns a second and worker (each {SLOWNESS} times slower than this"
        f" machine), {1e3 * costs.start:.1f} ms for the start of a task."
        f" Measured by itself: {costs.bandwidth / 1e6:.0f} MB a second between caller and workers."
        f" (The load of this machine: {os.getloadavg()[0]:.0f} processes on {os.cpu_count()} processors.)"
    )
    if os.getloadavg()[0] > (os.cpu_count() or 1):
        yield ""
        yield (
            "More processes than processors were waiting, which the model does not know: the more workers, the longer"
            " each of them, and the caller, waits for its turn. Measure again where it is quiet."
        )
    yield ""
    yield "| workers | tasks | columns | are | seconds | model | off by | was |"
    yield "|---:|---:|---:|---|---:|---:|---:|---|"
    for kind, group in (("fitted", rows), ("not fitted", others)):
        for workers, work, seconds in group:
            said = work.seconds(workers, costs)
            how = "sent" if work.sent > work.columns else "read by workers"
            off = f"{100 * (said / seconds - 1):+.0f} %"
            size = f"{work.tasks} | {work.tasks * work.columns:,.0f}"
            yield f"| {workers} | {size} | {how} | {seconds:.2f} | {said:.2f} | {off} | {kind} |"
    yield ""


def on_paper(costs: Costs) -> Iterator[str]:
    """Machines as fast as this one, between which there is the network of a cluster."""
    yield f"On paper, with machines as fast as one core of this one, and {NETWORK / 1e9:.2f} GB a second between them:"
    yield ""
    yield (
        "| network | columns a second | gradients | caller is full at, sent | at, read by workers |"
        + "".join(f" {n:,} pay from |" for n in MACHINES)
    )
    yield "|---|---:|---:|---:|---:|" + "---:|" * len(MACHINES)
    for sizes, columns in (((2, 3, 3, 1), 200_000), ((784, 512, 256, 1), 4_000)):
        rate, size = rate_of(sizes, columns), size_of(nets.DNN(sizes=sizes).params)
        column = 8.0 * (sizes[0] + 1)
        task = max(1.0, (4 << 20) // column)
        computing = task / rate
        full = [computing / (costs.start + (2 * size + sent) / NETWORK) for sent in (task * column, 0.0)]
        own = Costs(rate, NETWORK, costs.start)
        pays = [n * rate * (all_reduced(0, n, size, own)) for n in MACHINES]
        cells = [f"{n:,.0f} machines" if n >= 1.5 else "1 machine" for n in full]
        name = "-".join(map(str, sizes))
        yield (
            f"| {name} | {rate:,.0f} | {size / 1e3:,.1f} kB | {' | '.join(cells)} |"
            + "".join(f" {10 ** round(math.log10(m), 1):,.2g} |".replace("e+0", "e") for m in pays)
        )


def main() -> None:
    """Print the report; with --write put it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    text = "\n".join(report()) + "\n"
    print(text)
    if write:
        before, _, rest = PAGE.read_text("utf-8").partition(START)
        PAGE.write_text(f"{before}{START}\n{text}\n{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
