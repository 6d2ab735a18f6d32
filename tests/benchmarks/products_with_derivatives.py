"""What a compiled product with the Hessian takes beside a compiled gradient, in time and in arithmetic; a script."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr
from chainrule.plan.optimizing import bound

NETWORKS = (((2, 3, 3, 1), cr.Tanh, 1000), ((784, 512, 256, 1), cr.ReLU, 64), ((784, 512, 256, 1), cr.ReLU, 1000))
ROUNDS = 21


class Contender(NamedTuple):
    """A plan, what it is given, and how many multiplications its products of matrices need."""

    title: str
    plan: Any
    feeds: Mapping[str, Any]
    multiplications: int

    def seconds(self) -> float:
        start = time.perf_counter()
        self.plan(self.feeds)
        return time.perf_counter() - start


def network(sizes: tuple[int, ...], activation: Any) -> cr.Graph:
    A: cr.Node = cr.Input("A0", (sizes[0], "m"))
    for k, (read, given) in enumerate(itertools.pairwise(sizes), 1):
        Z = cr.Add(cr.Parameter(f"W{k}", (given, read)) @ A, cr.Parameter(f"B{k}", (given, 1)), name=f"Z{k}")
        A = (cr.Sigmoid if k == len(sizes) - 1 else activation)(Z, name=f"A{k}")
    return cr.Graph(cr.BCELoss(A, cr.Input("Y", (sizes[-1], "m")), name="L"))


def multiplications(plan: Any, m: int) -> int:
    """The products of matrices in the program of a plan, those with an inner size of 1 too."""
    steps = bound(plan.program, {"m": m}).steps
    products = [step for step in steps if step.operation is np.matmul]
    return sum(prod(step.shape) * steps[step.refs[0]].shape[-1] for step in products)


def contenders(sizes: tuple[int, ...], activation: Any, m: int) -> list[Contender]:
    """The gradient first, then products with the Hessian: of W1, and of all parameters."""
    graph, rng = network(sizes, activation), np.random.default_rng(0)
    feeds = {**graph.initialize(0), "A0": rng.normal(size=(sizes[0], m)), "Y": rng.integers(0, 2, (sizes[-1], m))}
    gradient = graph.compile()
    found = [Contender("gradient", gradient, feeds, multiplications(gradient, m))]
    every = [parameter.name or "" for parameter in graph.parameters]
    for names, (form, of) in itertools.product((["W1"], every), (("plain", graph), ("fused", graph.fuse()))):
        product = of.hvp({name: f"v_{name}" for name in names})
        plan = product.compile(outputs=[product.name(node) for node in product.outputs])
        given = {**feeds, **{f"v_{name}": rng.normal(size=feeds[name].shape) for name in names}}
        given = {name: value for name, value in given.items() if name in product}
        found.append(Contender(f"hvp of {', '.join(names)}, {form}", plan, given, multiplications(plan, m)))
    return found


def main() -> None:
    """In turns, because a machine is never the same for long; ratios within a round, and their median."""
    for sizes, activation, m in NETWORKS:
        every = contenders(sizes, activation, m)
        for contender in every:
            contender.seconds()  # it compiles
        rounds = [[contender.seconds() for contender in every] for _ in range(ROUNDS)]
        print(f"{'-'.join(map(str, sizes))}, m = {m}: gradient {statistics.median(r[0] for r in rounds) * 1e3:.2f} ms")
        for k, contender in enumerate(every[1:], 1):
            ratio = statistics.median(times[k] / times[0] for times in rounds)
            work = contender.multiplications / every[0].multiplications
            print(f"  {contender.title}: {ratio:.2f} gradients; {work:.2f} times the multiplications of matrices")


if __name__ == "__main__":
    main()
