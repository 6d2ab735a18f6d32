"""What drawing costs: 1,000 nodes beside Graphviz, a recurrent net, 20,000 nodes collapsed, 100,000 nodes in a chain.

Run it with `python tests/benchmarks/drawing.py`. Graphviz is `dot` on the DOT text of the same drawing, where it is
installed. Both take turns, so that a slow moment of the machine falls on both; the medians are printed.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from typing import Any

import chainrule as cr


def network(depth: int) -> cr.Graph:
    """A network of ``depth`` layers of five nodes."""
    A: cr.Node = cr.Input("A0", (2, "m"))
    for k in range(1, depth + 1):
        with cr.layer(f"Layer {k}"):
            W, B = cr.Parameter(f"W{k}", (2, 2)), cr.Parameter(f"B{k}", (2, 1))
            A = cr.Tanh(cr.Add(cr.MatMul(W, A), B, name=f"Z{k}"), name=f"A{k}")
    return cr.Graph(cr.Mean(A, name="L"))


def layers(count: int, depth: int) -> cr.Graph:
    """Layers of ``depth`` nodes: a product with a weight, then sines."""
    node: cr.Node = cr.Input("x", (3, "m"))
    for k in range(count):
        with cr.layer(f"Layer {k + 1}"):
            node = cr.MatMul(cr.Parameter(f"W{k + 1}", (3, 3)), node)
            for _ in range(depth - 3):
                node = cr.Sin(node)
            node = cr.Sin(node, name=f"A{k + 1}")
    return cr.Graph(cr.Sum(node, name="L"))


def web(nodes: int) -> cr.Graph:
    """Nodes without layers that each read two of the ten nodes before them."""
    drawn = random.Random(0)
    built: list[cr.Node] = [cr.Input(f"x{k}") for k in range(10)]
    for _ in range(nodes - 10):
        built.append(cr.Add(drawn.choice(built[-10:]), drawn.choice(built[-10:])))
    return cr.Graph(*built[-10:])


def chain(length: int) -> cr.Graph:
    """A chain without layers."""
    node: cr.Node = cr.Input("x")
    for _ in range(length):
        node = cr.Sin(node)
    return cr.Graph(node)


def recurrent(steps: int) -> cr.Graph:
    """A recurrent net: every step reads the same three parameters."""
    Wx, Wh, b = cr.Parameter("Wx", (4, 3)), cr.Parameter("Wh", (4, 4)), cr.Parameter("b", (4, 1))
    h: cr.Node = cr.Input("h0", (4, "m"))
    for t in range(1, steps + 1):
        with cr.layer(f"Step {t}"):
            h = cr.Tanh(Wx @ cr.Input(f"x{t}", (3, "m")) + Wh @ h + b, name=f"h{t}")
    return cr.Graph(cr.Mean(h, name="L"))


def by_dot(text: str) -> None:
    """The layout of Graphviz; for half a minute at most."""
    if found := shutil.which("dot"):
        subprocess.run([found, "-Tsvg"], input=text.encode(), capture_output=True, timeout=30, check=True)


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def thousand(title: str, graph: cr.Graph, rounds: int) -> None:
    dot = graph.draw(collapse=False).dot
    taken = [(seconds(lambda: graph.draw(collapse=False).svg()), seconds(lambda: by_dot(dot))) for _ in range(rounds)]
    ours, other = (statistics.median(column) for column in zip(*taken, strict=True))
    print(f"{title} of {len(graph):,} nodes: {ours:.2f} s; Graphviz {other:.2f} s; ratio {ours / other:.2f}")


def collapsed(rounds: int) -> None:
    graph = layers(100, 200)
    taken = [seconds(lambda: graph.draw().svg()) for _ in range(rounds)]
    print(f"{len(graph):,} nodes, collapsed: {statistics.median(taken):.2f} s; {graph.draw().note}")
    run = graph.forward({"x": [[0.1], [0.2], [0.3]], **graph.initialize()})
    run.backward()
    print(f"  the same with values and gradients: {seconds(lambda: run.draw().svg()):.2f} s")


def refused() -> None:
    graph = chain(100_000)

    def draw() -> None:
        try:
            graph.draw().svg()
        except cr.errors.DrawingError as error:
            print(f"  {error}".replace("\n", "\n  "))

    print(f"{len(graph):,} nodes in a chain: {seconds(draw):.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    thousand("network", network(200), given.rounds)
    thousand("chain", layers(250, 4), given.rounds)
    thousand("web", web(1230), given.rounds)
    print(f"recurrent net of 32 steps: {seconds(lambda: recurrent(32).draw(collapse=False).svg()):.2f} s")
    print(f"  in one row: {seconds(lambda: recurrent(32).draw(collapse=False, wrap=False).svg()):.2f} s")
    collapsed(given.rounds)
    refused()


if __name__ == "__main__":
    main()
