"""What a node costs beyond NumPy's own time, on a chain of 100,000 nodes and a ladder of 1,000 diamonds.

Run it with `python tests/benchmarks/deep_graphs.py`. NumPy's own time is that of the same NumPy calls in a bare loop.
All phases and their bare loops take turns, so that a slow moment of the machine falls on all; the medians are printed.
"""

from __future__ import annotations

import argparse
import copy
import functools
import gc
import pickle
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr

Work = Callable[[], Any]


class Phase(NamedTuple):
    """Something done with a graph, and NumPy's part of it."""

    name: str
    engine: Work
    bare: Work = lambda: None


# --- the graphs, each with the NumPy calls of its rules in a bare loop -----------------------------------------------


def chain(length: int) -> cr.Node:
    """Take 1 away, negate, take 1 away, negate, and so on."""
    node: cr.Node = cr.Input("x")
    one = cr.Constant(1)
    for k in range(length):
        node = cr.Negate(node) if k % 2 else cr.Subtract(node, one)
    return node


def chain_forward(length: int) -> list[Any]:
    x, one = np.array(3.0), np.array(1.0)
    values = [x]
    for k in range(length):
        x = np.asarray(-x if k % 2 else x - one)
        values.append(x)
    return values


def chain_backward(length: int) -> Any:
    """A difference negates its gradient for what is subtracted, a negation for what it negates."""
    grad = kept = np.array(1.0)
    for k in range(length):
        kept = np.asarray(-grad)
        grad = kept if k % 2 else grad
    return grad, kept


def ladder(levels: int) -> cr.Node:
    """Every level is a quarter of the level above plus three quarters of it."""
    node: cr.Node = cr.Input("x")
    for _ in range(levels):
        node = cr.Add(node * 0.25, node * 0.75)
    return node


def ladder_forward(levels: int) -> list[Any]:
    x, quarter, rest = np.array(3.0), np.array(0.25), np.array(0.75)
    values = [x]
    for _ in range(levels):
        left, right = np.asarray(x * quarter), np.asarray(x * rest)
        x = np.asarray(left + right)
        values += [left, right, x]
    return values


def ladder_backward(levels: int) -> Any:
    """A product has two gradients, one of them for its constant; a level receives two and adds them."""
    x, grad, quarter, rest = np.array(3.0), np.array(1.0), np.array(0.25), np.array(0.75)
    for _ in range(levels):
        left, _, right, _ = grad * quarter, grad * x, grad * rest, grad * x
        grad = np.asarray(left + right)
    return grad


# --- measuring -------------------------------------------------------------------------------------------------------


def phases(build: Work, forward: Work, backward: Work) -> list[Phase]:
    end = build()
    graph = cr.Graph(end)
    run = graph.forward({"x": 3.0})
    run.backward()
    values = forward()
    return [
        Phase("build", build),
        Phase("sort", lambda: cr.Graph(end)),
        Phase("forward", lambda: graph.forward({"x": 3.0}), forward),
        Phase("backward", run.backward, backward),
        Phase("print", lambda: (str(graph), repr(graph), repr(run), repr(end))),
        Phase("copy", lambda: (copy.copy(end), copy.copy(graph), copy.copy(run))),
        Phase(
            "deepcopy",
            lambda: (copy.deepcopy(end), copy.deepcopy(graph), copy.deepcopy(run)),
            lambda: copy.deepcopy(values),
        ),
        Phase("pickle nodes", lambda: pickle.loads(pickle.dumps(end))),
        Phase("pickle graph", lambda: pickle.loads(pickle.dumps(graph))),
        Phase("pickle run", lambda: pickle.loads(pickle.dumps(run)), lambda: pickle.loads(pickle.dumps(values))),
    ]


def seconds(work: Work) -> float:
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(todo: list[Phase], rounds: int) -> list[tuple[str, float, float]]:
    """Name, median of the engine, median of the bare loop, in seconds."""
    taken = [[(seconds(phase.engine), seconds(phase.bare)) for phase in todo] for _ in range(rounds)]
    return [
        (phase.name, statistics.median(row[k][0] for row in taken), statistics.median(row[k][1] for row in taken))
        for k, phase in enumerate(todo)
    ]


def report(title: str, nodes: int, rows: list[tuple[str, float, float]]) -> None:
    print(f"\n{title}: {nodes:,} nodes")
    print(f"{'phase':<14}{'total ms':>10}{'NumPy ms':>10}{'µs per node beyond':>20}")
    for name, engine, bare in rows:
        print(f"{name:<14}{engine * 1e3:>10.1f}{bare * 1e3:>10.1f}{(engine - bare) / nodes * 1e6:>20.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--length", type=int, default=100_000, help="nodes in the chain")
    parser.add_argument("--levels", type=int, default=1_000, help="diamonds in the ladder")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    for title, size, build, forward, backward in (
        ("chain", given.length, chain, chain_forward, chain_backward),
        ("ladder of diamonds", given.levels, ladder, ladder_forward, ladder_backward),
    ):
        todo = phases(*(functools.partial(work, size) for work in (build, forward, backward)))
        report(title, len(cr.Graph(build(size)).order), measure(todo, given.rounds))


if __name__ == "__main__":
    main()
