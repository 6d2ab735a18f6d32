"""The sections of the page on starting and on the tools: imports, first gradients, compiling, derivations, drawings."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from comparison import aims
from comparison.computing_sections import Options
from comparison.kept import Kept
from comparison.machine import environment, load, processors
from comparison.page import Section
from comparison.trained_nets import NETS, begun

import chainrule as cr

_BENCHMARKS: Final = str(Path(__file__).parents[1])


def process(program: str) -> tuple[float, str]:
    """Seconds that a Python process with this program takes, and what it prints."""
    start = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment(processors())
    )
    seconds = time.perf_counter() - start
    if answer.returncode:
        raise RuntimeError(f"{program[:200]} failed:\n{answer.stderr[-2000:]}")
    return seconds, answer.stdout


def _medians(programs: Mapping[str, str], seconds: float) -> dict[str, Any]:
    """Median seconds of whole processes that take turns; the first round, which fills the disk's cache, is left out."""
    for program in programs.values():
        process(program)
    until, rows = time.monotonic() + seconds, []
    while len(rows) < 3 or time.monotonic() < until:
        rows.append({name: process(program)[0] for name, program in programs.items()})
    return {"times": {name: statistics.median(row[name] for row in rows) for name in programs}, "load": load()}


# --- importing, and the first gradient -------------------------------------------------------------------------------

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
_STARTS: Final = {
    "nothing but NumPy and the feeds": _ARRAYS,
    "Run": _ARRAYS + _RUN,
    "NumPy plan": _ARRAYS + _PLAN.format(options='backend="numpy"'),
    "auto plan, its loop on disk": _ARRAYS + _PLAN.format(options='backend="auto"'),
    "PyTorch eager": _ARRAYS + _TORCH,
    "JAX jit": _ARRAYS + _JAX,
}
_IMPORTS: Final = {"the interpreter": "", "import numpy": "import numpy", "import chainrule": "import chainrule"}


def start(kept: Kept, options: Options) -> Section:
    section = Section("Starting")
    imports = kept("imports", lambda: _medians(_IMPORTS, options.seconds))["times"]
    bare, numpy, own = imports.values()
    ratio = section.judged((own - bare) / (numpy - bare), aims.IMPORT, "import chainrule ÷ import numpy")
    section.say(f"`import chainrule` takes {(own - bare) * 1e3:.0f} ms, NumPy included: {ratio} of `import numpy`.")
    section.say("Median ms of whole processes that take turns: imports, 2-3-3-1, m = 1,000, one gradient, the end.")
    found = kept("start", lambda: _medians(_installed(_STARTS), 2 * options.seconds))["times"]
    rows = []
    for name, seconds in found.items():
        aim = aims.START if name in ("Run", "NumPy plan") else None
        ratios = [
            section.judged(seconds / found[peer], aim, f"time to the first gradient, {name} ÷ {peer}")
            if peer in found
            else "–"
            for peer in ("PyTorch eager", "JAX jit")
        ]
        rows.append([name, f"{seconds * 1e3:,.0f}", *ratios])
    section.table(["what", "ms", "÷ PyTorch eager", "÷ JAX jit"], rows)
    return section


def _installed(programs: Mapping[str, str]) -> dict[str, str]:
    """Those whose library there is."""
    from importlib.util import find_spec

    needs = {"PyTorch eager": "torch", "JAX jit": "jax", "auto plan, its loop on disk": "numba"}
    return {name: text for name, text in programs.items() if name not in needs or find_spec(needs[name])}


_COMPILE = """
import pickle, time
from nets.dnn import build
def timed(work):
    start = time.perf_counter()
    made = work()
    return made, 1e3 * (time.perf_counter() - start)
import chainrule.plan.plan, chainrule.training.train, nets
graph = build((2, 3, 3, 1))
step, compiled = timed(lambda: graph.compile(backend="numpy"))
_, first = timed(lambda: step(feeds))
_, again = timed(lambda: build((2, 3, 3, 1)).compile(backend="numpy")(feeds))
pickled = pickle.dumps(step)
loaded, opened = timed(lambda: pickle.loads(pickled))
_, called = timed(lambda: loaded(feeds))
params = {name: feeds.pop(name) for name in ("W1", "B1", "W2", "B2", "W3", "B3")}
train = lambda: nets.train(graph, params, feeds, epochs=1, progress=False)
_, trained = timed(train)
_, trained_again = timed(train)
print(compiled, first, compiled + first, again, opened + called, trained, trained_again)
"""
_COMPILED: Final = (
    "`graph.compile()`",
    "first call, m = 1,000",
    "both",
    "both for the same graph built anew",
    "a pickled plan, read and called",
    "`nets.train` of one epoch",
    "`nets.train` again",
)


def compiling(kept: Kept, options: Options) -> Section:
    section = Section("Compiling 2-3-3-1")
    section.say("Median ms in a new process, imports not counted; the NumPy plan.")
    found = kept("compiling", lambda: _compiled(options.seconds))["times"]
    rows = []
    for name, taken in zip(_COMPILED, found, strict=True):
        aim = aims.COMPILING if name == "both" else None
        rows.append([name, section.judged(taken, aim, "compiling 2-3-3-1 and its first call", "ms")])
    section.table(["what", "ms"], rows)
    return section


def _compiled(seconds: float) -> dict[str, Any]:
    until, rows = time.monotonic() + seconds, []
    while len(rows) < 5 or time.monotonic() < until:
        rows.append([float(x) for x in process(_ARRAYS + _COMPILE)[1].split()])
    return {"times": [statistics.median(column) for column in zip(*rows, strict=True)], "load": load()}


# --- the tools -------------------------------------------------------------------------------------------------------

_TOOLS: Final = ("derived", "compiled, and a first step", "explained", "drawn, with SVG", "formulas drawn")
_NODES: Final = (10, 100, 1_000, 10_000)


def _seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _tools(net: str) -> dict[str, Any]:
    """Seconds of a processor by tool, each on a graph that nothing has been asked of yet."""
    begun(net, 2, "float32")[0].derivation()  # imports
    graph, params, data = begun(net, 32, "float32")

    def compiled() -> Any:
        plan = begun(net, 32, "float32")[0].compile(update=cr.Adam(), backend="numpy")
        plan({**plan.start(params), **data})
        return plan

    plan = compiled()
    times = [
        _seconds(lambda: str(graph.derivation())),
        _seconds(compiled),
        _seconds(plan.explain),
        _seconds(lambda: graph.draw().svg()),
        _seconds(lambda: graph.draw("formulas").dot),
    ]
    return {"times": times, "load": load()}


def tools(kept: Kept, options: Options) -> Section:
    section = Section("The tools' own time")
    section.say("Seconds of a processor for one tool and one net, in float32 with 32 examples.")
    rows = []
    for net in NETS:
        taken = kept(f"tools, {net}", lambda net=net: _tools(net))["times"]
        cells = [section.judged(x, aims.TOOL, f"{net} {tool}", "s") for tool, x in zip(_TOOLS, taken, strict=True)]
        rows.append([net, f"{len(NETS[net]().graph)}", *cells])
    section.table(["net", "nodes", *_TOOLS], rows)
    found = kept("tools, others", _others)
    for what, (taken, aim) in {
        "a derivation of 100 nodes": (found["derivation"], aims.DERIVATION),
        "all eleven formulas of 2-3-3-1, judged in a new process": (found["judged"], aims.JUDGING),
    }.items():
        section.say(f"Milliseconds of a processor for {what}: {section.judged(taken, aim, what, 'ms')}.")
    grown = kept("tools, growth", _growth)["times"]
    section.say("Seconds of a processor by the number of nodes, for a net of layers of five nodes each.")
    rows = [[work, *(f"{seconds:.3f}" for seconds in taken)] for work, taken in grown.items()]
    section.table(["what", *(f"{count:,} nodes" for count in _NODES)], rows)
    return section


_JUDGED = """
import time
import chainrule.judging
from nets.dnn import build
graph = build((2, 3, 3, 1))
formulas = {
    "dZ3": "(A3 - Y) / m", "dW3": "dZ3 @ A2.T", "dB3": "np.sum(dZ3, axis=1, keepdims=True)", "dA2": "W3.T @ dZ3",
    "dZ2": "dA2 * A2 * (1 - A2)", "dW2": "dZ2 @ A1.T", "dB2": "np.sum(dZ2, axis=1, keepdims=True)", "dA1": "W2.T @ dZ2",
    "dZ1": "dA1 * A1 * (1 - A1)", "dW1": "dZ1 @ A0.T", "dB1": "np.sum(dZ1, axis=1, keepdims=True)",
}
start = time.process_time()
assert graph.check(formulas).ok
print(1e3 * (time.process_time() - start))
"""


def _others() -> dict[str, Any]:
    sys.path.insert(0, _BENCHMARKS)
    from growth import net

    times = []
    for _ in range(5):
        graph = net(100).graph
        times.append(1e3 * _seconds(graph.derivation))
    judged = [float(process(_JUDGED)[1]) for _ in range(5)]
    return {"derivation": statistics.median(times), "judged": statistics.median(judged), "load": load()}


def _growth() -> dict[str, Any]:
    sys.path.insert(0, _BENCHMARKS)
    from growth import derived, drawn, net, planned

    times: dict[str, list[float]] = {"build": [], "derivation": [], "plan and run": [], "drawing": []}
    for count in _NODES:
        times["build"].append(_seconds(lambda count=count: net(count)))
        for name, work in {"derivation": derived, "plan and run": planned, "drawing": drawn}.items():
            case = net(count)
            times[name].append(_seconds(lambda work=work, case=case: work(case)))
    return {"times": times, "load": load()}
