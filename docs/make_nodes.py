"""Writes docs/nodes.md, the table of all node classes and of what holds for each: `python docs/make_nodes.py`."""

from __future__ import annotations

import math
import string
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

import chainrule as cr
from chainrule import nodes
from chainrule.errors import UnknownNameError
from chainrule.plan.columns import Unsplittable
from chainrule.plan.loop.scalars import NotScalar, scalars_of

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "nodes.md"
sys.path += [str(ROOT / "tests" / "oracles"), str(ROOT / "tests" / "judges")]
from every_rule import EXAMPLES, Example  # noqa: E402 — the folder has just been named
from node_rows import ROWS, Row, examples  # noqa: E402 — as above

HEAD = """# The nodes

Every node class, by family, and what holds for each. This page is written by `python docs/make_nodes.py`, which
computes what it says; the tests fail while it is out of date or a class is without its checks.

* **cases**: shapes, facts and data types in which `check_node` holds the class to numerical differentiation
  (`tests/nodes/test_node_grid.py`).
* **formula**: that of the node in a derivation of the example in `tests/oracles/every_rule.py`, or of the largest case.
* **plan**: compiled, the gradients are those of a run. "loop": with `backend="numba"` it has a place in one compiled
  loop; "steps": it is a step of NumPy's there, too.
* **orders**: how often its gradient, as a graph of nodes, has been taken; "flat" where the next one is 0 everywhere.
* **PyTorch**, **JAX**, **ONNX**: who else has computed the example, and agrees with the run up to 1e-12: in value and
  gradients, or in the value where nothing moves. PyTorch has its own function for the node and differentiates it; JAX
  computes what `chainrule.interop.jax.to_function` makes of the graph, onnxruntime the model that
  `chainrule.interop.onnx.save` writes.

`tests/judges/` asks much more of them: many shapes, facts and data types, kinks, further orders, random graphs.

"""
WITHIN = """
## What gradient graphs are made of beside these

These classes compute what rules record of a gradient. Nobody has to write one, so they are no public names; they
stand in `chainrule.nodes`, are printed, drawn, pickled and judged as all others are
([decision 9](decisions/0009-public-nodes.md)).

"""


class Kind(NamedTuple):
    """A node class and what has been found out about it."""

    name: str
    cases: int
    formula: str
    plan: str
    orders: str
    torch: str
    jax: str
    onnx: str


def page(row: Callable[[type[cr.Node]], str]) -> str:
    """The whole text, for the line of each class."""
    public, within = [], []
    for family in (getattr(nodes, name) for name in nodes.__all__):
        kinds = [kind for kind in classes(family) if kind.__name__ in cr.__all__]
        if kinds:
            public.append(f"## {title(family)}\n\n{table(kinds, row)}\n")
        within += [kind for kind in classes(family) if kind.__name__ not in cr.__all__]
    return HEAD + "\n".join(public) + WITHIN + table(within, row) + "\n"


def title(family: ModuleType) -> str:
    """The first line of a module's docstring."""
    return (family.__doc__ or "").splitlines()[0].removesuffix(".")


def classes(family: ModuleType) -> list[type[cr.Node]]:
    """The node classes of a family that can be built, in the order of their names."""
    found = [kind for kind in vars(family).values() if isinstance(kind, type) and issubclass(kind, cr.Node)]
    own = [kind for kind in found if kind.__module__ == family.__name__ and getattr(kind, "__final__", False)]
    return sorted(own, key=lambda kind: kind.__name__)


def table(kinds: list[type[cr.Node]], row: Callable[[type[cr.Node]], str]) -> str:
    """A row for each class."""
    head = "| node | cases | formula | plan | orders | PyTorch | JAX | ONNX |\n|---|---|---|---|---|---|---|---|"
    return "\n".join([head, *map(row, kinds)])


def written(kind: type[cr.Node]) -> str:
    """The line of a class."""
    return "| " + " | ".join(map(str, Kind(*facts(kind), *judged(kind)))) + " |"


def facts(kind: type[cr.Node]) -> tuple[str, int, str, str, str]:
    """What the row of a class says before the judges."""
    example = example_of(kind)
    cases = sum(len(row.cases) for row in ROWS if row.kind is kind)
    return f"`{kind.__name__}`", cases, formula(example), plan(example), orders(example)


def judged(kind: type[cr.Node]) -> list[str]:
    """In what each judge agrees with a run; they need packages of their own (the group ``judges``)."""
    from judged_nodes import agreeing

    example = example_of(kind)
    return agreeing(ended(example) if moves(example) else example.graph, example.feeds)


def example_of(kind: type[cr.Node]) -> Example:
    """An example whose graph has a node of the class; one of what it is checked on where it has none of its own."""
    own = sorted((name for name in EXAMPLES if name.partition(",")[0] == kind.__name__), key=len)  # the plainest first
    found = (EXAMPLES[key] for key in own if any(type(node) is kind for node in EXAMPLES[key].graph))
    return next(found, None) or largest(next(row for row in ROWS if row.kind is kind))


def largest(row: Row) -> Example:
    """The case of a class with the most entries."""
    case = max(row.cases, key=lambda case: sum(map(math.prod, case.shapes)))
    leaves, feeds = [], {}
    for name, array in zip(string.ascii_uppercase, examples(row, case), strict=False):
        moves = array.dtype.kind == "f"
        leaves.append(cr.Parameter(name, array.shape) if moves else cr.Input(name, array.shape, array.dtype))
        feeds[name] = array
    return Example(cr.Graph(row.kind(*leaves, name="Q", **case.facts)), feeds)


def formula(example: Example) -> str:
    """What the example computes, as NumPy text."""
    (output,) = example.graph.outputs
    text = example.graph.derivation()[output.name or ""].text.replace("|", "\\|")
    return f"`{text}`" if len(text) <= 90 else "…"


def ended(example: Example) -> cr.Graph:
    """The example with a number behind it in which no gradient is constant."""
    (output,) = example.graph.outputs
    return cr.Graph(cr.Sum(cr.Sin(output), name="J"))


def plan(example: Example) -> str:
    """Whether a plan has the gradients of a run, and whether a compiled loop has a place for it."""
    if not moves(example):
        return "as a value"
    graph = ended(example)
    expected, names = graph.forward(example.feeds).backward(), [leaf.name or "" for leaf in graph.parameters]
    names = [name for name in names if name in expected]
    _, found = graph.compile(names)(example.feeds)
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-12, atol=1e-14)
    alone = cr.Graph(cr.Sum(example.graph.outputs[0])).compile(names)  # nothing behind it needs a sum over all columns
    try:
        scalars_of(alone._program_for(np.dtype(float)), {"m": 5})
    except (NotScalar, Unsplittable):
        return "steps"
    return "loop"


def orders(example: Example) -> str:
    """How often the gradient is a graph: up to three times, fewer where it stays the same."""
    if not moves(example):
        return "none"
    graph, names = ended(example), [leaf.name or "" for leaf in example.graph.parameters]
    for k in range(3):
        names = [name for name in names if name in graph and has_next(graph, name)]
        if not names:
            return f"{k}, flat"
        graph = graph.backward(*names)
    return "3"


def has_next(graph: cr.Graph, name: str) -> bool:
    """Whether a value has a gradient there."""
    try:
        graph.backward(name)
    except UnknownNameError:
        return False
    return True


def moves(example: Example) -> bool:
    """Whether anything goes back through an example."""
    return example.graph.outputs[0].has_gradient and bool(example.graph.parameters)


if __name__ == "__main__":
    PAGE.write_text(page(written), encoding="utf-8")
