"""Writes docs/nodes.md, the table of all node classes and of what holds for each: `python docs/make_nodes.py`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr
from chainrule import nodes
from chainrule.errors import UnknownNameError
from chainrule.plan.columns import Unsplittable
from chainrule.plan.loop.scalars import NotScalar, scalars_of

ROOT = Path(__file__).parents[1]
INTEROP = ROOT / "graphlib" / "chainrule" / "interop"
PAGE = ROOT / "docs" / "nodes.md"
sys.path.append(str(ROOT / "tests" / "oracles"))
from every_rule import EXAMPLES, Example  # noqa: E402 — the folder has just been named
from node_rows import ROWS  # noqa: E402 — as above

HEAD = """# The nodes

Every node class, by family, and what holds for each. This page is written by `python docs/make_nodes.py`, which
computes what it says; the tests fail while it is out of date or a class is without its checks.

* **cases**: shapes, facts and data types in which `check_node` holds the class to numerical differentiation
  (`tests/nodes/test_node_grid.py`).
* **formula**: that of the node in a derivation of the example in `tests/oracles/every_rule.py`.
* **plan**: compiled, the gradients are those of a run. "loop": with `backend="numba"` it has a place in one compiled
  loop; "steps": it is a step of NumPy's there, too.
* **orders**: how often its gradient, as a graph of nodes, has been taken; "flat" where the next one is 0 everywhere.
* **judges**: who else has judged its numbers, in `tests/judges/`: PyTorch its value and gradients, JAX gradients up
  to the third, ONNX its value in the operators of ONNX's own tests. A class that decides or counts has no gradient to
  be judged.

"""
WITHIN = """
## What gradient graphs are made of beside these

These classes compute what rules record of a gradient. Nobody has to write one, so they are no public names; they
stand in `chainrule.nodes`, are printed, drawn, pickled and judged as all others are
([decision 9](decisions/0009-public-nodes.md)).

"""


SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "Add",
    ast.Div: "Divide",
    ast.MatMult: "MatMul",
    ast.Mult: "Multiply",
    ast.Sub: "Subtract",
    ast.USub: "Negate",
}


class Kind(NamedTuple):
    """A node class and what has been found out about it."""

    name: str
    cases: int
    formula: str
    plan: str
    orders: str
    judges: str


def page() -> str:
    """The whole text."""
    public, within = [], []
    for family in (getattr(nodes, name) for name in nodes.__all__):
        kinds = [kind for kind in classes(family) if kind.__name__ in cr.__all__]
        if kinds:
            public.append(f"## {title(family)}\n\n{table(kinds)}\n")
        within += [kind for kind in classes(family) if kind.__name__ not in cr.__all__]
    return HEAD + "\n".join(public) + WITHIN + table(within) + "\n"


def title(family: ModuleType) -> str:
    """The first line of a module's docstring."""
    return (family.__doc__ or "").splitlines()[0].removesuffix(".")


def classes(family: ModuleType) -> list[type[cr.Node]]:
    """The node classes of a family that can be built, in the order of their names."""
    found = [kind for kind in vars(family).values() if isinstance(kind, type) and issubclass(kind, cr.Node)]
    own = [kind for kind in found if kind.__module__ == family.__name__ and getattr(kind, "__final__", False)]
    return sorted(own, key=lambda kind: kind.__name__)


def table(kinds: list[type[cr.Node]]) -> str:
    """A row for each class."""
    head = "| node | cases | formula | plan | orders | judges |\n|---|---|---|---|---|---|"
    return "\n".join([head, *("| " + " | ".join(map(str, facts(kind))) + " |" for kind in kinds)])


def facts(kind: type[cr.Node]) -> Kind:
    """What the row of a class says."""
    name, example = kind.__name__, example_of(kind)
    cases = sum(len(row.cases) for row in ROWS if row.kind is kind)
    if example is None:
        return Kind(f"`{name}`", cases, "", "", "", judges(name))
    return Kind(f"`{name}`", cases, formula(example, kind), plan(example), orders(example), judges(name))


def example_of(kind: type[cr.Node]) -> Example | None:
    """An example whose graph has a node of the class, its own before those of others."""
    own = sorted((name for name in EXAMPLES if name.partition(",")[0] == kind.__name__), key=len)  # the plainest first
    return next((EXAMPLES[k] for k in own if any(type(node) is kind for node in EXAMPLES[k].graph)), None)


def formula(example: Example, kind: type[cr.Node]) -> str:
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
    if not example.graph.outputs[0].has_gradient:
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
    if not example.graph.outputs[0].has_gradient:
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


def judges(name: str) -> str:
    """Who has judged the class, read in the files of the judges, which need packages of their own."""
    torch = {key for file in ("torch_graph.py", "torch_more.py", "torch_large.py") for key in keys(file)}
    rules = ("onnx_rules.py", "onnx_further_rules.py", "onnx_large_rules.py")
    written = [node for file in rules for node in ast.walk(ast.parse((INTEROP / file).read_text("utf-8")))]
    onnx = {node.id for node in written if isinstance(node, ast.Name)}
    onnx |= {
        SIGNS[type(node.op)]
        for node in written
        if isinstance(node, (ast.BinOp, ast.UnaryOp)) and type(node.op) in SIGNS
    }
    moved = any(type(node).__name__ == name for key in EXAMPLES if moves(key) for node in EXAMPLES[key].graph)
    who = {"PyTorch": name in torch, "JAX": moved, "ONNX": name in onnx}
    return ", ".join(judge for judge, has in who.items() if has)


def moves(key: str) -> bool:
    """Whether JAX judges an example."""
    return EXAMPLES[key].graph.outputs[0].has_gradient


def keys(file: str) -> Iterator[str]:
    """The classes for which a table of PyTorch's functions has one."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Dict):
            yield from (key.attr for key in node.keys if isinstance(key, ast.Attribute))


def tree(file: str) -> Any:
    """The source of a judge."""
    return ast.parse((ROOT / "tests" / "judges" / file).read_text("utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
