"""What a compiled product with the Hessian takes beside a compiled gradient; a script."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr

NETWORKS = (((2, 3, 3, 1), cr.Tanh, 1000), ((784, 512, 256, 1), cr.ReLU, 64), ((784, 512, 256, 1), cr.ReLU, 1000))


def network(sizes: tuple[int, ...], activation: Any) -> cr.Graph:
    A: cr.Node = cr.Input("A0", (sizes[0], "m"))
    for k, (read, given) in enumerate(itertools.pairwise(sizes), 1):
        Z = cr.Add(cr.Parameter(f"W{k}", (given, read)) @ A, cr.Parameter(f"B{k}", (given, 1)), name=f"Z{k}")
        A = (cr.Sigmoid if k == len(sizes) - 1 else activation)(Z, name=f"A{k}")
    return cr.Graph(cr.BCELoss(A, cr.Input("Y", (sizes[-1], "m")), name="L"))


def seconds(call: Callable[[], Any], times: int = 9) -> float:
    """The shortest of several calls, after one that compiles."""
    call()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)


def main() -> None:
    for sizes, activation, m in NETWORKS:
        graph, rng = network(sizes, activation), np.random.default_rng(0)
        feeds = {**graph.initialize(0), "A0": rng.normal(size=(sizes[0], m)), "Y": rng.integers(0, 2, (sizes[-1], m))}
        gradient = graph.compile()
        base = seconds(lambda: gradient(feeds))  # noqa: B023 — called at once
        print(f"{'-'.join(map(str, sizes))}, m = {m}: gradient {base * 1e3:.2f} ms")
        every = [parameter.name for parameter in graph.parameters]
        for names in (["W1"], every):
            for form, of in (("plain", graph), ("fused", graph.fuse())):
                product = of.hvp({name: f"v_{name}" for name in names})
                plan = product.compile(outputs=[product.name(node) for node in product.outputs])
                given = {**feeds, **{f"v_{name}": rng.normal(size=feeds[name].shape) for name in names}}
                given = {name: value for name, value in given.items() if name in product}
                took = seconds(lambda: plan(given))  # noqa: B023 — as above
                print(
                    f"  hvp of {', '.join(map(str, names))}, {form}: {took * 1e3:.2f} ms, {took / base:.2f} gradients"
                )


if __name__ == "__main__":
    main()
