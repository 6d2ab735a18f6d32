"""The sections of the page; each measures its tables."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from comparison import aims, trainers
from comparison.page import Section, micro
from comparison.peers import PARAMETERS, PEERS, PLANS, Feeds, check, data, prepared
from comparison.timing import medians, medians_of_processes, process

SMALL: Final = (2, 3, 3, 1)
LARGE: Final = (784, 512, 256, 1)
ROUNDS: Final = {1: 301, 1_000: 301, 100_000: 51, 1_000_000: 15}


@dataclass(frozen=True)
class Options:
    """What the command was asked for."""

    columns: Sequence[int] = tuple(ROUNDS)
    rounds: int | None = None
    peers: tuple[str, ...] = tuple(PEERS)

    def rounds_for(self, usual: int) -> int:
        return self.rounds or usual


# --- forward and backward ------------------------------------------------------------------------------------------


def gradients(options: Options) -> Section:
    section = Section("Forward and backward of 2-3-3-1")
    section.say("Median µs of one call that gives the loss and the gradients of W1, B1, W2, B2, W3 and B3.")
    found = {
        (m, dtype): _measured(SMALL, m, dtype, options, ROUNDS.get(m, 51))
        for m in options.columns
        for dtype in ("float64", "float32")
    }
    absent: dict[str, str] = {}
    for _, why in found.values():
        absent |= why
    times = {key: taken for key, (taken, _) in found.items()}
    header = ["", *(f"m = {m:,}, {dtype}" for m, dtype in times)]
    names = [name for name in PEERS if any(name in taken for taken in times.values())]
    section.table(
        header, [[name, *(micro(taken[name]) if name in taken else "–" for taken in times.values())] for name in names]
    )
    section.absent(absent)
    section.say("Ratios plan ÷ peer beside the aims; below 1 the plan is faster, bold is missed.")
    section.table(["m, dtype, plan", *_rivals()], list(_ratio_rows(section, times)))
    return section


def _measured(
    sizes: tuple[int, ...], m: int, dtype: str, options: Options, rounds: int, **more: Callable[[], object]
) -> tuple[dict[str, float], dict[str, str]]:
    """Median seconds by peer, after all have computed the same, and why others take no part; ``more`` is timed too."""
    feeds = data(sizes, m, dtype)
    steps, absent = prepared(feeds, ("by hand", *(name for name in options.peers if name != "by hand")))
    expected = steps["by hand"]()
    for name, step in steps.items():
        check(expected, step(), dtype, name)
    print(f"  {'-'.join(map(str, sizes))}, m = {m:,}, {dtype}: {', '.join(steps)}", flush=True)
    return medians({**more, **steps}, options.rounds_for(rounds)), absent


def _rivals() -> list[str]:
    return [name for name in PEERS if name not in PLANS]


def _ratio_rows(section: Section, times: dict[tuple[int, str], dict[str, float]]) -> Any:
    for (m, dtype), taken in times.items():
        for size, plan in [key for key in aims.RATIOS if key[0] == m] or [(m, "best")]:
            name = min((p for p in PLANS if p in taken), key=lambda p: taken[p]) if plan == "best" else plan
            if name not in taken:
                continue
            title = f"m = {m:,}, {dtype}, {name}"
            limits = aims.RATIOS.get((size, plan), {})
            ratios = {peer: taken[name] / taken[peer] for peer in _rivals() if peer in taken}
            cells = {p: section.judged(ratio, limits.get(p), f"{title} ÷ {p}") for p, ratio in ratios.items()}
            yield [title, *(cells.get(peer, "–") for peer in _rivals())]


# --- a large network -----------------------------------------------------------------------------------------------


def large_net(options: Options) -> Section:
    section = Section("784-512-256-1 with 256 columns, float32, against its bare matrix products")
    section.say(
        "Eight products are needed: W1 A0, W2 A1 and W3 A2 forward; dZ3 A2ᵀ, dZ2 A1ᵀ and dZ1 A0ᵀ for the weights, W3ᵀ "
        "dZ3 and W2ᵀ dZ2 for the layers below (dA0 is not asked for). They are computed by the same BLAS into arrays "
        "that exist already; W3ᵀ dZ3, whose inner dimension is 1, as the broadcast product that it equals, which is "
        "faster."
    )
    eight = "the eight products"
    products = bare_products(data(LARGE, 256, np.float32))
    taken, absent = _measured(LARGE, 256, "float32", options, 201, **{eight: products})
    bare = taken[eight]
    rows = []
    for name, seconds in taken.items():
        aim = aims.LARGE_NET if name in PLANS else None
        rows.append(
            [name, micro(seconds), section.judged(seconds / bare, aim, f"784-512-256-1, {name} ÷ bare products")]
        )
    section.table(["", "µs", "÷ bare products"], rows)
    section.absent(absent)
    return section


def bare_products(feeds: Feeds) -> Callable[[], None]:
    """The matrix products of forward and backward and nothing else; the other factors are any numbers."""
    rng, m = np.random.default_rng(1), feeds["A0"].shape[1]
    W1, W2, W3, A0 = (feeds[name] for name in ("W1", "W2", "W3", "A0"))

    def some(rows: int) -> Any:
        return rng.random((rows, m), dtype=A0.dtype)

    A1, A2, Z1, Z2, Z3 = some(len(W1)), some(len(W2)), some(len(W1)), some(len(W2)), some(len(W3))
    dW1, dW2, dW3, dA1, dA2 = (np.empty_like(array) for array in (W1, W2, W3, Z1, Z2))

    def products() -> None:
        W1.dot(A0, out=Z1), W2.dot(A1, out=Z2), W3.dot(A2, out=Z3)
        Z3.dot(A2.T, out=dW3), np.multiply(W3.T, Z3, out=dA2)
        Z2.dot(A1.T, out=dW2), W2.T.dot(Z2, out=dA1)
        Z1.dot(A0.T, out=dW1)

    return products


# --- memory --------------------------------------------------------------------------------------------------------


def memory(options: Options) -> Section:
    section = Section("Peak memory beyond feeds and results")
    section.say(
        "MB of resident memory at its peak in a process that computes, less that of one that only loads the library, "
        "makes the feeds and warms up on ten columns; float64, 2-3-3-1. The aim is at most 64 MB, and the same at both "
        "sizes."
    )
    absent = prepared(data(SMALL, 10, np.float64))[1]
    few, many = aims.MEMORY_COLUMNS
    rows = []
    for name in (*PLANS, "by hand", "PyTorch eager", "JAX jit"):
        if name not in absent:
            sizes = aims.MEMORY_COLUMNS if name in PLANS else (few,)
            beyond = {m: _beyond(name, m, options.rounds_for(3)) for m in sizes}
            rows.append(_memory_row(section, name, beyond, few, many))
    section.table(["", f"m = {few:,}", f"m = {many:,}", "growth"], rows)
    section.absent({name: why for name, why in absent.items() if name in PLANS})
    return section


def _memory_row(section: Section, name: str, beyond: dict[int, float], few: int, many: int) -> list[str]:
    mb, aim = 1 << 20, aims.MEMORY / (1 << 20)
    if many not in beyond:
        return [name, f"{beyond[few] / mb:,.1f} MB", "–", "–"]
    cells = [section.judged(beyond[m] / mb, aim, f"peak memory of the {name} at m = {m:,}", "MB") for m in beyond]
    growth = (beyond[many] - beyond[few]) / mb
    what = f"growth of the peak memory of the {name}"
    return [name, *cells, section.judged(growth, aims.SAME_MEMORY / mb, what, "MB")]


def _beyond(name: str, m: int, rounds: int) -> float:
    child = str(Path(__file__).with_name("memory_child.py"))
    pairs = [[float(process(child, name, str(m), what)[1]) for what in ("step", "feeds")] for _ in range(rounds)]
    return statistics.median(step - feeds for step, feeds in pairs)


# --- starting and compiling ------------------------------------------------------------------------------------------

_ARRAYS = """
import numpy as np
rng = np.random.default_rng(0)
shapes = {"W1": (3, 2), "B1": (3, 1), "W2": (3, 3), "B2": (3, 1), "W3": (1, 3), "B3": (1, 1), "A0": (2, 1000)}
feeds = {name: rng.normal(size=shape) for name, shape in shapes.items()}
feeds["Y"] = rng.integers(0, 2, size=(1, 1000)).astype(float)
"""
_PLAN = """
from nets.dnn import build
step = build((2, 3, 3, 1)).compile({options})
step(feeds)
"""
_RUN = """
from nets.dnn import build
build((2, 3, 3, 1)).fuse().forward(feeds).backward()
"""
_TORCH = """
import torch
t = {name: torch.tensor(array, requires_grad=name not in ("A0", "Y")) for name, array in feeds.items()}
A1 = torch.sigmoid(t["W1"] @ t["A0"] + t["B1"])
A2 = torch.sigmoid(t["W2"] @ A1 + t["B2"])
torch.nn.functional.binary_cross_entropy_with_logits(t["W3"] @ A2 + t["B3"], t["Y"]).backward()
"""
_JAX = """
import jax
jax.config.update("jax_enable_x64", True)
def loss(params, A0, Y):
    A1 = jax.nn.sigmoid(params["W1"] @ A0 + params["B1"])
    A2 = jax.nn.sigmoid(params["W2"] @ A1 + params["B2"])
    Z3 = params["W3"] @ A2 + params["B3"]
    return (jax.nn.softplus(Z3) - Y * Z3).mean()
A0, Y = feeds.pop("A0"), feeds.pop("Y")
jax.block_until_ready(jax.jit(jax.value_and_grad(loss))(feeds, A0, Y))
"""


def start(options: Options) -> Section:
    section = Section("From starting Python to the first gradient")
    section.say("Median ms of whole processes that take turns: imports, 2-3-3-1, m = 1,000, one gradient, the end.")
    absent = prepared(data(SMALL, 10, np.float64))[1]
    programs = {
        "NumPy plan": _ARRAYS + _PLAN.format(options=""),
        "Numba plan": _ARRAYS + _PLAN.format(options='backend="numba"'),
        "Run": _ARRAYS + _RUN,
        "PyTorch eager": _ARRAYS + _TORCH,
        "JAX jit": _ARRAYS + _JAX,
        "nothing but NumPy and the feeds": _ARRAYS,
    }
    found = medians_of_processes(
        {name: text for name, text in programs.items() if name not in absent}, options.rounds_for(7)
    )
    rows = []
    for name, seconds in found.items():
        aim = aims.START if name == "NumPy plan" else None
        ratios = [
            section.judged(seconds / found[peer], aim, f"time to the first gradient, {name} ÷ {peer}")
            if peer in found
            else "–"
            for peer in ("PyTorch eager", "JAX jit")
        ]
        rows.append([name, f"{seconds * 1e3:,.0f}", *ratios])
    section.table(["", "ms", "÷ PyTorch eager", "÷ JAX jit"], rows)
    section.absent({name: why for name, why in absent.items() if name in programs})
    return section


_COMPILE = """
import time
from nets.dnn import build
import chainrule.plan.plan
graph = build((2, 3, 3, 1))
start = time.perf_counter()
step = graph.compile({options})
compiled = time.perf_counter()
step(feeds)
print(compiled - start, time.perf_counter() - compiled)
graph = build((2, 3, 3, 1))
start = time.perf_counter()
graph.compile({options})(feeds)
print(time.perf_counter() - start)
"""


def compiling(options: Options) -> Section:
    section = Section("Compiling 2-3-3-1")
    section.say(
        "Median ms in a new process, imports not counted: `graph.compile()`, the first call for m = 1,000 (which "
        "prints the source and compiles that), both, and both once more for the same graph built anew. Numba has its "
        "disk cache."
    )
    absent = prepared(data(SMALL, 10, np.float64))[1]
    rows = []
    for name, text in (("NumPy plan", ""), ("Numba plan", 'backend="numba"')):
        if name in absent:
            continue
        program = _ARRAYS + _COMPILE.replace("{options}", text)
        runs = [[float(x) for x in process("-c", program)[1].split()] for _ in range(options.rounds_for(9))]
        compiled, first, again = (statistics.median(column) for column in zip(*runs, strict=True))
        both = statistics.median(run[0] + run[1] for run in runs)
        aim = aims.COMPILING * 1e3 if name == "NumPy plan" else None
        judged = section.judged(both * 1e3, aim, f"compiling 2-3-3-1 and its first call, {name}", "ms")
        rows.append([name, f"{compiled * 1e3:.1f}", f"{first * 1e3:.1f}", judged, f"{again * 1e3:.1f}"])
    section.table(["", "compile", "first call", "both", "both again"], rows)
    section.absent({name: why for name, why in absent.items() if name in PLANS})
    return section


# --- training ------------------------------------------------------------------------------------------------------


def training(options: Options) -> Section:
    section = Section("Training steps with gradient descent, 2-3-3-1, float64")
    section.say(
        "Median µs: one step on m columns; an epoch of 10,000 columns in 100 batches of 100. All start from the same "
        "parameters and are compared after two epochs. `nets.train` also compiles its plan, shuffles and cuts batches."
    )
    cases = {"one step, m = 1": (1, 1), "one step, m = 1,000": (1_000, 1_000), "epoch": (10_000, 100)}
    found: dict[str, dict[str, float]] = {}
    absent: dict[str, str] = {}
    for title, (m, size) in cases.items():
        feeds = data(SMALL, m, np.float64)
        params, batches = {name: feeds[name] for name in PARAMETERS}, trainers.batches_of(feeds, size)
        epochs, why = trainers.prepared(params, batches)
        trainers.check(epochs, len(batches) > 1, np.float64)
        absent |= {name: reason for name, reason in why.items() if "several" not in reason}
        found[title] = medians(epochs, options.rounds_for(101 if m == size else 31))
    names = [name for name in trainers.TRAINERS if any(name in taken for taken in found.values())]
    rows = [[name, *(micro(t[name]) if name in t else "–" for t in found.values())] for name in names]
    section.table(["", *cases], rows)
    section.absent(absent)
    return section


SECTIONS: Final[dict[str, Callable[[Options], Section]]] = {
    "gradients": gradients,
    "large": large_net,
    "memory": memory,
    "start": start,
    "compile": compiling,
    "training": training,
}
