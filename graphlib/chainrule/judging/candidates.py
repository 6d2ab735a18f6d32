"""The names that a formula can be repaired with."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, NamedTuple, final

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant, Leaf
from chainrule.core.node import Node
from chainrule.derivation.algebra import Algebra
from chainrule.errors import ChainruleError
from chainrule.judging.closeness import Values
from chainrule.judging.given import GivenFormula
from chainrule.judging.ground import Ground
from chainrule.judging.reach import REACH, distances_from, reachable
from chainrule.judging.reading.forms import is_written_plain
from chainrule.judging.reading.parsing import parse
from chainrule.judging.repairs.change import Shape, Surroundings
from chainrule.judging.repairs.renaming import shifted
from chainrule.nodes.elementwise import Cos, Exp, LeakyReLU, Log, ReLU, Sigmoid, Sin, Softplus, Sqrt, Square, Tanh
from chainrule.nodes.further_activations import ELU, SiLU
from chainrule.notation import TextPrinter
from chainrule.symbols.symbol import Symbol

_MADE_BY: Final[Mapping[type[Node], str]] = {
    Exp: "exp",
    Log: "log",
    Tanh: "tanh",
    Sin: "sin",
    Cos: "cos",
    Sqrt: "sqrt",
    Square: "square",
    Sigmoid: "sigmoid",
    ReLU: "relu",
}
_ACTIVATIONS: Final[Mapping[type[Node], str]] = {
    Sigmoid: "sigmoid",
    Tanh: "tanh",
    ReLU: "relu",
    LeakyReLU: "leaky_relu",
    Softplus: "softplus",
    ELU: "elu",
    SiLU: "silu",
}
_PLAIN: Final = (0.0, 1.0, 2.0, -1.0)
_MOST_NUMBERS: Final = 8


@final
class Activation(NamedTuple):
    """The function that a graph takes of a value, and its gradient from the one of its result."""

    function: str
    rule: ast.expr | None
    upstream: str


def activation_of(graph: BaseGraph, name: str) -> Activation | None:
    """The activation that alone reads a value, read off its rule; None where there is none.

    >>> from chainrule import Graph, Parameter, Sum, Tanh
    >>> found = activation_of(Graph(Sum(Tanh(Parameter("z", (3,)), name="a"))), "z")
    >>> found.function, ast.unparse(found.rule), found.upstream
    ('tanh', 'da * (1 - a ** 2)', 'da')
    """
    uses = graph.uses[graph.position(name)] if name in graph else ()
    node = graph.order[uses[0][0]] if len(uses) == 1 else None
    if node is None or type(node) not in _ACTIVATIONS:
        return None
    a, z = graph.name(node), node.inputs[0]
    upstream = graph.gradient_name(a)
    symbols = [Symbol.leaf(label, of.shape, of.dtype) for label, of in ((upstream, node), (a, node), (name, z))]
    try:
        (part,) = node.backward(*symbols)
        algebra = Algebra()
        algebra.define(node.forward(symbols[2]), symbols[1])
        rule = parse(TextPrinter().print(algebra.simplest(part)), [upstream, a, name]).tree
    except ChainruleError:
        return None
    return Activation(_ACTIVATIONS[type(node)], rule, upstream)


def candidates(ground: Ground, formula: GivenFormula) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Values and gradients near a formula, nearest first; gradients only of what the backward sweep has met before.

    A formula for a value is computed from what comes before it, and from no gradient.
    """
    graph = ground.graph
    if formula.name not in ground.draws[0].values and formula.name not in ground.draws[0].gradients:
        return tuple(map(graph.name, graph.inputs)), ()  # a size
    is_value = formula.name in graph
    target = graph.position(formula.name if is_value else graph.of_gradient(formula.name) or "")
    read = [name for name in formula.reads if name in graph or name in ground.draws[0].gradients]
    near = [*read, *(n for name in read for step in (-1, 1) if (n := shifted(name, step)))]
    distances = distances_from(graph, target)
    near += sorted(
        (graph.names[k] for k, far in distances.items() if far <= REACH), key=lambda n: distances[graph.position(n)]
    )
    behind = reachable(graph, target, forward=True)
    before = reachable(graph, target, forward=False)
    stems = dict.fromkeys(name if name in graph else graph.of_gradient(name) or name[1:] for name in near)
    known = [name for name in stems if name in graph and is_written_plain(name)]
    named = [name for name in known if graph[name].name is not None or name in formula.reads]
    if is_value:
        return tuple(name for name in named if graph.position(name) in before), ()
    ends = {graph.name(node) for node in graph.outputs if node.shape == ()}  # whose gradient is 1
    gradients = (graph.gradient_name(name) for name in named if graph.position(name) in behind and name not in ends)
    return tuple(named), tuple(name for name in gradients if name in ground.draws[0].gradients and name not in graph)


def surroundings(
    names: tuple[tuple[str, ...], tuple[str, ...]],
    values: Values,
    batch: str | None,
    shape_of: Callable[[ast.expr], Shape | None],
    *,
    examples: str = "columns",
    target: str = "",
    numbers: Mapping[float, str] = MappingProxyType({}),
    made_by: Mapping[str, str] | None = None,
    activation: Activation | None = None,
) -> Surroundings:
    """What a formula can be written with, from the names near it and the values of all."""
    shapes = {name: np.shape(value) for name, value in values.items()}
    whole = frozenset(name for name, value in values.items() if np.array_equal(value, np.round(value)))
    taken = activation or Activation("", None, "")
    found = Surroundings(*names, shapes, batch, shape_of, whole, examples, target, numbers, made_by or {})
    return replace(found, function=taken.function, rule=taken.rule, upstream=taken.upstream)


def numbers_of_rules(graph: BaseGraph) -> dict[float, str]:
    """The numbers that the rules of a graph are written with, other than 0, 1 and 2, and what each is called there."""
    found: list[tuple[float, str]] = []
    for node in graph.order:
        if isinstance(node, Constant):
            found += [(float(node.value.item()), "number")] if node.value.size == 1 else []
        elif not isinstance(node, Leaf):
            found += [(value, _called(fact)) for fact, value in node.facts.items() if isinstance(value, float)]
    usual = [(value, word) for value, word in reversed(found) if value not in _PLAIN and np.isfinite(value)]
    return dict(list(dict(usual).items())[::-1][:_MOST_NUMBERS])


def _called(fact: str) -> str:
    return {"eps": "epsilon"}.get(fact, fact.replace("_", " "))


def makers(graph: BaseGraph) -> dict[str, str]:
    """The function that gave every value that one did, by the name that formulas have for it."""
    return {graph.name(node): _MADE_BY[type(node)] for node in graph.order if type(node) in _MADE_BY}
