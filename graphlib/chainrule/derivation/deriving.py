"""A graph's formulas, line by line: forward, and in reverse the gradient of every node, read off the rules.

Symbols pass through the same ``forward`` and ``backward`` that compute the numbers. Nothing here knows a formula.
"""

from __future__ import annotations

import functools
import operator
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, final

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant, Leaf, Parameter
from chainrule.core.node import Node
from chainrule.core.passes import Uses, in_reverse
from chainrule.core.rules import check_traced
from chainrule.derivation.algebra import Algebra
from chainrule.derivation.entries import EntrywiseSweep
from chainrule.derivation.formulas import Derivation, Formula, Special
from chainrule.derivation.named_arrays import NamedArrays
from chainrule.derivation.unwritten import (
    UnwrittenRule,
    called_backward,
    called_forward,
    not_derivable,
    why_not,
    with_lines_of_their_own,
)
from chainrule.errors import ArgumentError
from chainrule.nodes.batch_of_graph import batch_name, has_examples, takes_a_mean
from chainrule.nodes.counting import Size
from chainrule.nodes.linear import Transpose
from chainrule.nodes.losses import CrossEntropyLoss, SoftmaxCrossEntropyLoss
from chainrule.shown.text import visible
from chainrule.symbols.dimensions import Dimension, shape_text
from chainrule.symbols.operations import kind
from chainrule.symbols.symbol import Symbol, as_number

Convention: TypeAlias = Literal["mean", "per-example"]
_WRITTEN_OUT = 6  # entries of a constant that are written into a line; a larger one is called by its name
_DEEPEST = 6  # operations folded into one line before an unnamed node gets a line of its own
_SPELLED = 12  # factors of a gradient that stands in full in what is computed from it
_SHORT = 8  # values and operations that several lines may repeat where a rule has recorded them: 1 / m, a slope
_WIDEST = 40  # values and operations in one line, likewise: every gradient behind it would repeat them


@final
class Gradient(NamedTuple):
    """A gradient as it flows through the rules: by the names of gradients before it, and as what those equal."""

    short: Symbol
    full: Symbol


def derivation(graph: BaseGraph, convention: Convention = "mean", *, shapes: bool = False) -> Derivation:
    """The forward formulas and, in reverse, the gradient of every node that leads to a parameter.

    ``convention`` says where 1/m stands: "mean" is the gradient of the mean loss, as the engine computes it;
    "per-example" leaves the division by m to the parameters, as courses write it. With ``shapes``, each line is shown
    with the shapes of what is in it. Raises ArgumentError for another convention.
    """
    if convention not in ("mean", "per-example"):
        raise ArgumentError(f"convention={convention!r} is neither 'mean' nor 'per-example'", remedy="one of them")
    return _Deriving(graph, per_example=convention == "per-example", shapes=shapes).derived()


def stepwise(graph: BaseGraph) -> Derivation:
    """A derivation that folds nothing: a line for every node, and for every gradient what each use contributes to it.

    >>> from chainrule import BCELoss, Graph, Input, Parameter, Sigmoid
    >>> A2, Y, W3 = Input("A2", (3, "m")), Input("Y", (1, "m")), Parameter("W3", (1, 3))
    >>> lines = stepwise(Graph(BCELoss(Sigmoid(W3 @ A2, name="A3"), Y, name="L")))
    >>> lines["A3"].unicode, lines["dW3"].contributions[0][0]
    ('A₃ = σ(matmul₁)', 'matmul_1')
    """
    return _Deriving(graph, stepwise=True).derived()


@final
class _Deriving:
    """One derivation in the making: what flows through the rules, and the lines written so far."""

    def __init__(
        self, graph: BaseGraph, *, per_example: bool = False, stepwise: bool = False, shapes: bool = False
    ) -> None:
        self.graph, self.per_example, self.stepwise, self.shapes = graph, per_example, stepwise, shapes
        self.arrays = NamedArrays({*graph.names, *graph.gradient_names})
        self.algebra = Algebra(self.arrays)
        self.class_labels = _class_labels(graph)
        self.values: dict[Node, Symbol] = {}
        self.spelled: dict[Node, Symbol] = {}
        """The nodes of backward passes in full, where that is no name: what cancels, cancels there."""
        self.lined = _nodes_to_step_through(graph) if stepwise else _nodes_with_a_line(graph)
        self.leading = _leading_to_parameters(graph)
        self.batch = batch_name(graph)
        self.scale: Any = 1
        self.backward: dict[str, Formula] = {}

    def derived(self) -> Derivation:
        """The lines of the graph, forward and then backward."""
        forward = [line for node in self.graph.order if (line := self._forward(node))]
        in_reverse(self.graph, self._total, self._local)
        self._require_scale()
        notes = [f"{name} {said}" for node, name in self._named_nodes() if (said := node.remark())]
        notes += [_SLOPE_NOTE] if self.algebra.slopes else []
        notes += [
            f"{visible(line.name)} is {line.text}" for line in (*forward, *self.backward.values()) if line.why_not
        ]
        backward = _in_order_of_completion(list(self.backward.values()), self.graph, self.lined)
        listed = [formula.name for formula in backward if formula.listed or formula.why_not]
        factor = functools.partial(_factor, self.scale, self.batch)
        sweep = functools.partial(EntrywiseSweep, self.graph, self.lined, listed, factor)
        return Derivation(forward, backward, notes, sweep, self.graph, constants=self.arrays.values, shapes=self.shapes)

    def _named_nodes(self) -> Iterator[tuple[Node, str]]:
        return zip(self.graph.order, self.graph.names, strict=True)

    def _require_scale(self) -> None:
        """Refuse the per-example convention where the loss is a mean, but no gradient one over a named size."""
        known = all(node.shape is not None for node in self.graph)
        if known and self.per_example and self.scale == 1 and takes_a_mean(self.graph):
            sizes = ", ".join(f"{name} {shape_text(node.shape)}" for node, name in self._named_nodes() if node.shape)
            raise ArgumentError(
                "no gradient of this graph is a mean over a named size, so there are none per example",
                where=self.graph.outputs[0].where,
                given=sizes,
                remedy='convention="mean"; or a name for the number of examples, as in shape=(2, "m")',
            )

    # --- forward -----------------------------------------------------------------------------------------------------

    def _forward(self, node: Node) -> Formula | None:
        if isinstance(node, Leaf):
            self.values[node] = self._leaf(node)
            return None
        traced = self._value(node, self.values)
        full = self._in_full(node, traced)
        if node not in self.lined:
            self.values[node], self.spelled[node] = traced, full
            return None
        name = self.graph.name(node)
        self.values[node] = Symbol.leaf(name, node.shape, node.dtype)
        if why := why_not(traced):
            return Formula(name, (Symbol.leaf(why, node.shape),), listed=False, why_not=why)
        written = self.algebra.simplified(traced)
        if node.gradient_order:
            return self._of_gradient(node, written, traced, full)
        if not isinstance(traced.operation, UnwrittenRule):
            self.algebra.define(written, self.values[node])
        return Formula(name, (written,))

    def _leaf(self, node: Leaf) -> Symbol:
        if isinstance(node, Constant) and node.name is None and node.value.size <= _WRITTEN_OUT:
            return Symbol(None, (node.value,), shape=node.shape, dtype=node.value.dtype)
        return Symbol.leaf(self.graph.name(node), node.shape, node.dtype)

    def _in_full(self, node: Node, traced: Symbol) -> Symbol:
        """A node of a backward pass with what its inputs are in full; any other as it is."""
        spelled = node.gradient_order and any(source in self.spelled for source in node.inputs)
        return self._value(node, {**self.values, **self.spelled}) if spelled else traced

    def _of_gradient(self, node: Node, written: Symbol, traced: Symbol, full: Symbol) -> Formula:
        """The line of a gradient that is a node: as its steps give it, and canceled where that is shorter."""
        best, canceled = (self.algebra.simplest(x) for x in (traced, full))
        best = canceled if self.algebra.length(canceled) < self.algebra.length(best) else best
        if self.algebra.length(canceled) <= _SPELLED and kind(canceled.operation) == "entrywise":
            self.spelled[node] = canceled
        self.algebra.define(best, self.values[node])
        return Formula(self.graph.name(node), (written,) if self.algebra.same(written, best) else (written, best))

    def _value(self, node: Node, values: Mapping[Node, Symbol]) -> Symbol:
        operands = [values[source] for source in node.inputs]
        try:
            return _as_symbol(node.forward(*operands))
        except Exception:  # whatever an untraceable rule raises: it stands for itself, and the rest goes on
            why = not_derivable(self.graph, node, node.shape)
            return called_forward(node, operands, node.shape) if why is None else why

    # --- backward ----------------------------------------------------------------------------------------------------

    def _total(self, k: int, uses: Uses[Gradient]) -> Gradient | None:
        """A node's gradient, for which its line is written; None for a node without one."""
        node, parts = self.graph.order[k], [(self.graph.names[consumer], part) for consumer, _, part in uses]
        if node in self.graph.ends:
            start = self._seed(node)
            parts.insert(0, (self.graph.names[k], Gradient(start, start)))
        if not parts or not self.graph.differentiable[k]:
            return None
        if (why := next(filter(None, (why_not(part.short) for _, part in parts)), "")) and node in self.lined:
            return self._without_line(node, why)
        short, full = (functools.reduce(operator.add, [part[way] for _, part in parts]) for way in (0, 1))
        full = short if all(part.short is part.full for _, part in parts) else full
        self._find_scale(node, full)
        line = self._formula(node, short, full, parts)
        if line is None:
            simple = self.algebra.simplest(short)
            return Gradient(simple, simple)
        self.backward[line.name] = line
        return self._handed_on(node, line)

    def _without_line(self, node: Node, why: str) -> Gradient:
        """A gradient that an unknown shape keeps from having a formula; what follows calls it by its name."""
        name = self.graph.gradient_name(node)
        nothing, named = Symbol.leaf(why, node.shape), Symbol.leaf(name, node.shape) / self._factor(node)
        self.backward[name] = Formula(name, (nothing,), listed=False, why_not=why)
        return Gradient(named, named)

    def _handed_on(self, node: Node, line: Formula) -> Gradient:
        """The gradient that has a line, for the rule: under its name where it is listed, and in full."""
        over = self._factor(node)
        full = line.expression if over == 1 else line.expression / over
        if _passes(line.expression, self.backward):
            return Gradient(full, full)
        name = Symbol.leaf(line.name, node.shape)
        return Gradient(name if over == 1 else name / over, full)

    def _seed(self, node: Node) -> Symbol:
        if node.shape == ():
            return Symbol(None, (np.asarray(1),), shape=())
        return Symbol.leaf(self.graph.gradient_name(node), node.shape)

    def _find_scale(self, node: Node, gradient: Symbol) -> None:
        """In the per-example convention, find m at the first value of examples whose gradient is a mean over them."""
        name = self.batch
        if not (self.per_example and self.scale == 1 and name and has_examples(node, name)):
            return
        if self.algebra.length(gradient) and self.algebra.scale_of(gradient, name) < 0:
            self.scale = Dimension.named(name)

    def _factor(self, node: Node) -> Any:
        return _factor(self.scale, self.batch, node)

    def _formula(
        self, node: Node, short: Symbol, full: Symbol, parts: Sequence[tuple[str, Gradient]]
    ) -> Formula | None:
        """The line of a gradient: as the rules give it, and canceled where that is shorter."""
        if node not in self.lined or (node in self.graph.ends and len(parts) == 1):
            return None
        factor = self._factor(node)
        scaled = _scaled(short, factor)
        plain, best = self.algebra.simplified(scaled), self.algebra.simplest(scaled)
        if full is not short:
            canceled = self.algebra.simplest(_scaled(full, factor))
            best = canceled if self.algebra.length(canceled) < self.algebra.length(best) else best
        steps = (plain,) if self.algebra.same(plain, best) else (plain, best)
        sent = parts if len(parts) > 1 or self.stepwise else ()
        contributions = tuple((name, self.algebra.simplest(_scaled(part.short, factor))) for name, part in sent)
        listed = node in self.leading and (isinstance(node, Leaf) or not _passes(best, self.backward))
        origins = _origins([self.graph[name] for name, _ in contributions])
        special = self._special(best) if self.class_labels else None
        return Formula(self.graph.gradient_name(node), steps, contributions, origins, special, listed=listed)

    def _special(self, expression: Symbol) -> Special | None:
        """What a gradient comes to where the labels of a loss over classes sum to 1."""
        shorter, sums = self.algebra.with_ones(expression, self._sums_labels)
        if not sums:
            return None
        (labels, *_), axis = sums[0].operands, sums[0].options.get("axis")
        what = "the entries of"
        if axis is not None and labels.ndim == 2:
            what = "the rows of" if axis % 2 else "the columns of"
        return Special(shorter, what, labels.name)

    def _sums_labels(self, x: Any) -> bool:
        is_sum = isinstance(x, Symbol) and x.operation is np.sum and isinstance(x.operands[0], Symbol)
        if not is_sum or x.operands[0].name not in self.class_labels:
            return False
        return x.options.get("axis") is not None or x.operands[0].ndim < 2  # over all: how many labels there are

    def _local(self, k: int, grad: Gradient) -> list[Gradient | None]:
        """Hand the gradient to the rule twice: under its name, for the line, and in full, for what may cancel."""
        node = self.graph.order[k]
        short = self._sent(node, grad.short)
        full = short if grad.full is grad.short else self._sent(node, grad.full)
        return [None if s is None or f is None else Gradient(s, f) for s, f in zip(short, full, strict=True)]

    def _sent(self, node: Node, grad: Symbol) -> list[Symbol | None]:
        operands = [grad, self.values[node], *(self.values[source] for source in node.inputs)]
        try:
            traced = node.backward(*operands)
        except Exception:  # as for forward
            shapes = [source.shape for source in node.inputs]
            if not_derivable(self.graph, node, None) is None:
                return list(called_backward(node, operands, shapes))
            return [not_derivable(self.graph, node, shape) for shape in shapes]
        check_traced(node, traced)
        return [None if part is None else _as_symbol(part) for part in traced]


def _passes(expression: Symbol, backward: Mapping[str, Formula]) -> bool:
    """Whether a gradient is another one as it is, or a number."""
    return expression.operation is None and (expression.name is None or expression.name in backward)


def _class_labels(graph: BaseGraph) -> frozenset[str]:
    """The names of the labels of losses over classes."""
    over_classes = (CrossEntropyLoss, SoftmaxCrossEntropyLoss)
    return frozenset(graph.name(leaf) for leaf, loss in graph.labels.items() if isinstance(loss, over_classes))


def _origins(consumers: Sequence[Node]) -> tuple[str, ...]:
    """The layer of every consumer that has one and no name; with what it is, where others stand in that layer."""
    unnamed = [node for node in consumers if node.name is None]
    layers = Counter(node.layer for node in unnamed)
    kinds = Counter((node.layer, type(node)) for node in unnamed)

    def origin(node: Node) -> str:
        if node.name is not None or not node.layer or kinds[node.layer, type(node)] > 1:
            return ""
        return node.layer[-1] if layers[node.layer] == 1 else f"{type(node).__name__} in {node.layer[-1]}"

    return tuple(map(origin, consumers))


def _scaled(expression: Symbol, factor: Any) -> Symbol:
    return expression if factor == 1 else expression * factor


def _as_symbol(value: Any) -> Symbol:
    recorded = as_number(value)
    if isinstance(recorded, Symbol):
        return recorded
    array = np.asarray(value)
    return Symbol(None, (array,), shape=array.shape, dtype=array.dtype)


_SLOPE_NOTE = "slopes written with A are computed from Z: exact where A has rounded to 1"


def _nodes_with_a_line(graph: BaseGraph) -> frozenset[Node]:
    """Named nodes; nodes without a name that are used twice, end the graph, or would fold too deep or too wide."""
    depths: dict[Node, int] = {}
    widths: dict[Node, int] = {}
    lined, called = set(), with_lines_of_their_own(graph)
    for node, uses in zip(graph.order, graph.uses, strict=True):
        depths[node] = 1 + max((depths[source] for source in node.inputs), default=0)
        widths[node] = 1 + sum(widths[source] for source in node.inputs)
        again = isinstance(node, Transpose) and isinstance(node.inputs[0], Leaf)  # as short as a name
        small = len(uses) == 1 or again or (node.gradient_order and widths[node] <= _SHORT)
        folds = small and depths[node] <= _DEEPEST and widths[node] <= _WIDEST and node not in called
        trivial = isinstance(node, (Constant, Size)) and node.name is None
        if trivial:
            depths[node] = 0  # a number is no operation
        elif node.name is not None or not folds:
            lined.add(node)
            depths[node], widths[node] = 0, 1
    return frozenset(lined)


def _nodes_to_step_through(graph: BaseGraph) -> frozenset[Node]:
    """All nodes but constants without a name, which stand in the lines as numbers."""
    return frozenset(node for node in graph.order if node.name is not None or not isinstance(node, Constant))


def _leading_to_parameters(graph: BaseGraph) -> frozenset[Node]:
    """The nodes that depend on a parameter; all nodes of a graph without parameters."""
    leading: set[Node] = set()
    for node in graph.order:
        if isinstance(node, Parameter) or any(source in leading for source in node.inputs):
            leading.add(node)
    return frozenset(leading or graph.order)


def _factor(scale: Any, batch: str | None, node: Node) -> Any:
    """What the written gradient of a node is multiplied by: m in the per-example convention, else 1."""
    return scale if scale != 1 and has_examples(node, batch) else 1


def _in_order_of_completion(formulas: Sequence[Formula], graph: BaseGraph, lined: frozenset[Node]) -> list[Formula]:
    """Each gradient as soon as it is complete: behind the gradient of the last line that sends to it.

    Among those complete at once the leaves come first, so dW3 and dB3 stand behind dZ3 and before dA2.
    """
    first_use: dict[Node, int] = {}
    for k in range(len(graph.order) - 1, -1, -1):
        node = graph.order[k]
        line = (
            k if node in lined or node not in first_use else first_use[node]
        )  # an unnamed node sends in its line's name
        for source in node.inputs:
            first_use[source] = min(line, first_use.get(source, line))

    def key(formula: Formula) -> tuple[int, bool, int]:
        node = graph[graph.of_gradient(formula.name) or ""]
        place = graph.position(node)
        leaf = isinstance(node, Leaf)
        return -first_use.get(node, len(graph.order)), not leaf, place if leaf else -place

    return sorted(formulas, key=key)
