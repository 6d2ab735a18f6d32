"""How the time of derivation, check, compile and drawing grows with the number of nodes, in CPU seconds.

Run it with `python tests/benchmarks/growth.py --most 10000`. Four kinds of graphs: a chain, a deep net of layers, one
node that half of them read, and a ladder of diamonds. Every result is checked before its time is printed: the plan has
the gradients of the run, a right formula is judged right, a wrong one wrong. The column `grows` is the exponent p of
time ~ nodes ** p between the last two sizes: 1 is linear, and less than 1 still holds a fixed cost.
"""

from __future__ import annotations

import argparse
import gc
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr

SIZES = (10, 100, 1_000, 10_000)


class Case(NamedTuple):
    """A graph with one scalar output, feeds for it, and the name of a gradient with its formula."""

    graph: cr.Graph
    feeds: dict[str, Any]
    asked: str
    right: str


# --- the graphs ------------------------------------------------------------------------------------------------------


def chain(nodes: int) -> Case:
    node: cr.Node = cr.Parameter("x", (3,))
    last = nodes - 2
    for k in range(last):
        node = (cr.Sin if k % 2 else cr.Tanh)(node, name=f"h{k}")
    slope = f"np.cos(h{last - 2})" if last % 2 == 0 else f"1 - h{last - 1} ** 2"
    return Case(cr.Graph(cr.Sum(node, name="L")), {"x": np.array([0.3, -0.7, 1.1])}, f"dh{last - 2}", slope)


def net(nodes: int) -> Case:
    """Layers of five nodes each: weights, bias, product, sum, activation."""
    rng = np.random.default_rng(0)
    feeds: dict[str, Any] = {"A0": rng.normal(size=(3, 5)), "Y": rng.integers(2, size=(1, 5)).astype(float)}
    a: cr.Node = cr.Input("A0", (3, "m"))
    layers = max(1, (nodes - 3) // 5)
    for k in range(1, layers + 1):
        rows = 1 if k == layers else 3
        w, b = cr.Parameter(f"W{k}", (rows, 3)), cr.Parameter(f"b{k}", (rows, 1))
        feeds[w.name], feeds[b.name] = rng.normal(size=(rows, 3)), rng.normal(size=(rows, 1))
        z = cr.Add(w @ a, b, name=f"Z{k}")
        a = (cr.Sigmoid if k == layers else cr.Tanh)(z, name=f"A{k}")
    right = f"(A{layers} - Y) / m"
    return Case(cr.Graph(cr.BCELoss(a, cr.Input("Y", (1, "m")), name="L")), feeds, f"dZ{layers}", right)


def wide(nodes: int) -> Case:
    """One parameter that half of all nodes read."""
    x, total = cr.Parameter("x", (3,)), None
    branches = max(2, (nodes - 2) // 2)
    for k in range(branches):
        branch = cr.Sin(x, name=f"s{k}") if k % 2 else cr.Tanh(x, name=f"s{k}")
        total = branch if total is None else cr.Add(total, branch, name=f"t{k}")
    odd, even = branches // 2, branches - branches // 2
    right = f"{odd} * np.cos(x) + {even} * (1 - np.tanh(x) ** 2)"
    return Case(cr.Graph(cr.Sum(total, name="L")), {"x": np.array([0.3, -0.7, 1.1])}, "dx", right)


def ladder(nodes: int) -> Case:
    """Diamonds: every level is read twice, so paths double with each."""
    node: cr.Node = cr.Parameter("x", (3,))
    levels = max(1, (nodes - 2) // 3)
    for k in range(levels):
        node = cr.Multiply(cr.Sin(node, name=f"p{k}"), cr.Cos(node, name=f"q{k}"), name=f"h{k}")
    right = f"q{levels - 1}"
    return Case(cr.Graph(cr.Sum(node, name="L")), {"x": np.array([0.3, -0.7, 1.1])}, f"dp{levels - 1}", right)


KINDS: dict[str, Callable[[int], Case]] = {"chain": chain, "net": net, "wide": wide, "ladder": ladder}


# --- what is timed ---------------------------------------------------------------------------------------------------


def derived(case: Case) -> None:
    derivation = case.graph.derivation()
    assert case.asked in derivation
    assert all(line.text for line in derivation.values())


def printed(case: Case) -> None:
    assert len(case.graph.derivation().unicode().splitlines()) >= len(case.graph.order)


def right(case: Case) -> None:
    assert case.graph.check({case.asked: case.right}).ok


def wrong(case: Case) -> None:
    assert not case.graph.check({case.asked: f"({case.right}) + 0.3"}).ok


def planned(case: Case) -> None:
    loss, gradients = case.graph.compile()(case.feeds)
    run = case.graph.forward(case.feeds)
    run.backward()
    np.testing.assert_allclose(loss, run.loss, rtol=1e-10)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, run.gradients[name], rtol=1e-8, atol=1e-12)


def trained(case: Case) -> None:
    plan = case.graph.compile(update=cr.SGD(0.5))
    run = case.graph.forward(case.feeds)
    gradients = run.backward()
    _, state = plan({name: np.asarray(x) for name, x in case.feeds.items()})
    for name, moved in state.items():
        right = np.asarray(case.feeds[name]) - 0.5 * gradients[name]
        np.testing.assert_allclose(moved, right, rtol=1e-8, atol=1e-12)


def drawn(case: Case) -> None:
    assert "digraph" in case.graph.draw().dot


WORK: dict[str, Callable[[Case], None]] = {
    "derivation": derived,
    "printed": printed,
    "check right": right,
    "check wrong": wrong,
    "plan + run": planned,
    "training step": trained,
    "draw": drawn,
}


def seconds(work: Callable[[], Any]) -> float:
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def measured(kind: Callable[[int], Case], sizes: list[int]) -> Iterator[tuple[str, list[float]]]:
    cases = [kind(size) for size in sizes]
    yield "build", [seconds(lambda size=size: kind(size)) for size in sizes]
    for name, work in WORK.items():
        yield name, [seconds(lambda case=case, work=work: work(case)) for case in cases]


def exponent(times: list[float], sizes: list[int]) -> float:
    return math.log(times[-1] / times[-2]) / math.log(sizes[-1] / sizes[-2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--most", type=int, default=1_000, help="nodes in the largest graph")
    parser.add_argument("--kind", choices=KINDS, nargs="*", default=list(KINDS))
    given = parser.parse_args()
    sizes = [size for size in SIZES if size <= given.most]
    cr.Graph(cr.Sum(cr.Sin(cr.Parameter("x", (3,)), name="y"), name="L")).check({"dx": "np.cos(x)"})  # imports
    print(f"{'':<20}" + "".join(f"{size:>10,}" for size in sizes) + f"{'grows':>8}")
    for kind in given.kind:
        for name, times in measured(KINDS[kind], sizes):
            shown = "".join(f"{taken:>10.3f}" for taken in times)
            print(f"{kind + ', ' + name:<20}{shown}{exponent(times, sizes):>8.2f}", flush=True)


if __name__ == "__main__":
    main()
