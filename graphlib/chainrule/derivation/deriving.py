"""A graph's formulas, line by line: forward, and in reverse the gradient of every node, read off the rules.

Symbols pass through the same ``forward`` and ``backward`` that compute the numbers. Nothing here knows a formula.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import numpy as np

from chainrule.core.node import Constant, Input, Leaf, Node, Parameter
from chainrule.derivation.algebra import Algebra
from chainrule.derivation.entries import Entries, EntrywiseSweep, RuleCall, sizes_for
from chainrule.errors import ArgumentError, UnknownNameError, did_you_mean
from chainrule.notation import LatexPrinter, Line, MathmlPrinter, Printer, TextPrinter, UnicodePrinter
from chainrule.symbols.dimensions import Dimension, Shape
from chainrule.symbols.symbol import Symbol

if TYPE_CHECKING:
    from chainrule.graph import Graph

Convention: TypeAlias = Literal["mean", "per-example"]
_WRITTEN_OUT = 6  # entries of a constant that are written into a line; a larger one is called by its name
_DEEPEST = 6  # operations folded into one line before an unnamed node gets a line of its own


@final
@dataclass(frozen=True, eq=False)
class Formula:
    """One line of a derivation: a name and the expression it equals, with the steps in between.

    ``str`` and ``text`` are the last step as runnable NumPy text; ``unicode``, ``latex`` and ``mathml`` the whole
    line, name and steps. In a notebook a formula shows itself as mathematics.
    """

    name: str
    steps: tuple[Symbol, ...]
    """The expression as the rules give it, and as it reads after canceling; often they are one."""
    contributions: tuple[tuple[str, Symbol], ...] = ()
    """For a node with several uses: each consumer and what it sends back."""
    listed: bool = True
    """Whether a derivation shows the line: a gradient that only passes through has none of its own."""

    @property
    def expression(self) -> Symbol:
        """What the name equals, in its shortest form."""
        return self.steps[-1]

    @property
    def shape(self) -> Shape | None:
        """The shape of the value; None when it is unknown."""
        return self.steps[0].known_shape

    @property
    def text(self) -> str:
        """Runnable NumPy text."""
        return TextPrinter().print(self.expression)

    @property
    def unicode(self) -> str:
        """The line in Unicode characters: ``dW₃ = dZ₃A₂ᵀ``."""
        return self._equation(UnicodePrinter())

    @property
    def latex(self) -> str:
        r"""The line in LaTeX, without dollar signs: ``dW_3 = dZ_3 A_2^T``."""
        return self._equation(LatexPrinter())

    @property
    def mathml(self) -> str:
        """The line as a MathML ``math`` element."""
        return self._equation(MathmlPrinter())

    def _equation(self, printer: Printer) -> str:
        return printer.equation(self.line(printer))

    def line(self, printer: Printer, shapes: bool = False) -> Line:
        """The line in a notation: its steps, and behind them the shapes on request and what each consumer sends."""
        remarks = [printer.shape_equation(self.shape, shapes_of_factors(self))] if shapes else []
        remarks += [printer.contribution(part, consumer) for consumer, part in self.contributions]
        return Line(printer.name(self.name).text, [printer.print(step) for step in self.steps], remarks)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Formula {self.name} = {self.text}>"

    def _repr_latex_(self) -> str:
        return f"${self.latex}$"

    def _repr_html_(self) -> str:
        return self.mathml


@final
class Derivation(Mapping[str, Formula]):
    """The formulas of a graph: ``derivation["dW3"]`` is one line, ``print(derivation)`` all of them.

    >>> from chainrule import BCELoss, Graph, Input, Parameter, Sigmoid
    >>> A2, Y, W3 = Input("A2", (3, "m")), Input("Y", (1, "m")), Parameter("W3", (1, 3))
    >>> A3 = Sigmoid(W3 @ A2, name="A3")
    >>> print(Graph(BCELoss(A3, Y, name="L")).derivation())
    # forward
    A3 = sigmoid(W3 @ A2)
    L = -(Y * np.log(A3) + (1 - Y) * np.log(1 - A3)).sum() / m
    # backward
    dA3 = ((1 - Y) / (1 - A3) - Y / A3) / m
    dW3 = (dA3 * A3 * (1 - A3)) @ A2.T
    # slopes written with A are computed from Z: exact where A has rounded to 1
    """

    def __init__(
        self,
        forward: Sequence[Formula],
        backward: Sequence[Formula],
        notes: Sequence[str] = (),
        sweep: Callable[[dict[str, int]], EntrywiseSweep] | None = None,
        graph: Graph | None = None,
    ) -> None:
        self.forward, self.backward, self.notes = tuple(forward), tuple(backward), tuple(notes)
        self._by_name = {formula.name: formula for formula in (*forward, *backward)}
        self._sweep, self._graph = sweep, graph

    def __getitem__(self, name: str) -> Formula:
        if name not in self._by_name:
            raise UnknownNameError(f"this derivation has no line {did_you_mean(name, self._by_name)}")
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def text(self, shapes: bool = False) -> str:
        """All lines as runnable NumPy text, with the shapes behind them on request."""
        return self._printed(TextPrinter(), shapes)

    def unicode(self, shapes: bool = False) -> str:
        """All lines in Unicode characters: ``dW₃ = dZ₃A₂ᵀ``."""
        return self._printed(UnicodePrinter(), shapes)

    def latex(self, shapes: bool = False) -> str:
        r"""All lines as one ``aligned`` environment, to stand between ``$$`` or in ``\[ \]``; it needs amsmath."""
        return self._printed(LatexPrinter(), shapes)

    def mathml(self, shapes: bool = False) -> str:
        """All lines as one ``math`` element, which browsers show as it is."""
        return self._printed(MathmlPrinter(), shapes)

    def entries(self, name: str, m: int = 1, **sizes: int) -> Entries:
        """The line ``name`` entry by entry, for m columns: arrays of scalars pass through the same rules.

        >>> from chainrule import BCELoss, Graph, Input, Parameter, Sigmoid
        >>> A2, Y, W3 = Input("A2", (3, "m")), Input("Y", (1, "m")), Parameter("W3", (1, 3))
        >>> derivation = Graph(BCELoss(Sigmoid(W3 @ A2, name="A3"), Y, name="L")).derivation("per-example")
        >>> print(derivation.entries("A3", m=2))
        A3 = [[sigmoid(W3[0, 0] * A2[0, 0] + W3[0, 1] * A2[1, 0] + W3[0, 2] * A2[2, 0]), sigmoid(W3[0, 0] * ...

        Text counts rows and columns from 0 and runs; the other notations count from 1 and write ``w³₁₂`` for
        ``W3[0, 1]`` (the layer above, row before column), and ``a²₃`` for ``A2[2, 0]`` where there is one column.
        ``sizes`` are the numbers of other named dimensions. A rule that entries cannot pass through stands as its
        class name, as in the derivation. Raises UnknownNameError for a name without a line, ArgumentError for a value
        of unknown shape or with too many entries to read.
        """
        formula = self[name]
        if self._sweep is None or self._graph is None:
            raise ArgumentError("a derivation put together by hand has no rules to send entries through")
        sweep = self._sweep(sizes_for(self._graph, _columns_name(self._graph), m, sizes))
        if any(formula is line for line in self.forward):
            return sweep.value(self._graph[name])
        return sweep.gradient(self._graph[name[1:]])

    def _printed(self, printer: Printer, shapes: bool) -> str:
        sections = [
            (title, [formula.line(printer, shapes) for formula in formulas if formula.listed])
            for title, formulas in (("forward", self.forward), ("backward", self.backward))
        ]
        return printer.page(sections, self.notes)

    def __str__(self) -> str:
        return self.text()

    def _repr_latex_(self) -> str:
        return f"$${self.latex()}$$"

    def _repr_html_(self) -> str:
        return self.mathml()


def shapes_of_factors(formula: Formula) -> list[Shape | None]:
    """The shapes of the two factors where a line is a matrix product; an empty list where it is not."""
    expression = formula.expression
    while expression.operation in (np.divide, np.multiply, np.negative):  # a scale does not change a shape
        inner = [op for op in expression.operands if isinstance(op, Symbol) and op.known_shape == formula.shape]
        if not inner:
            break
        expression = inner[0]
    if expression.operation is not np.matmul:
        return []
    return [operand.known_shape for operand in expression.operands]


def derivation(graph: Graph, convention: Convention = "mean") -> Derivation:
    """The forward formulas and, in reverse, the gradient of every node that leads to a parameter.

    ``convention`` says where 1/m stands: "mean" is the gradient of the mean loss, as the engine computes it;
    "per-example" leaves the division by m to the parameters, as courses write it. Raises ArgumentError for another.
    """
    if convention not in ("mean", "per-example"):
        raise ArgumentError(f"convention={convention!r} is neither 'mean' nor 'per-example'")
    return _Deriving(graph, per_example=convention == "per-example").derived()


@final
class _Deriving:
    """One derivation in the making: what flows through the rules, and the lines written so far."""

    def __init__(self, graph: Graph, *, per_example: bool) -> None:
        self.graph, self.per_example = graph, per_example
        self.algebra = Algebra()
        self.values: dict[Node, Symbol] = {}
        self.lined = _nodes_with_a_line(graph)
        self.received: dict[Node, list[tuple[Node, Symbol, Symbol]]] = {node: [] for node in graph.order}
        self.columns = _columns_name(graph)
        self.scale: Any = 1
        self.gradients: set[str] = set()

    def derived(self) -> Derivation:
        forward = [line for node in self.graph.order if (line := self._forward(node))]
        leading = _leading_to_parameters(self.graph)
        complete: list[Formula] = []
        for node in reversed(self.graph.order):
            complete.extend(self._backward(node, leading))
        notes = [_SLOPE_NOTE] if self.algebra.slopes else []
        backward = _in_order_of_completion(complete, self.graph, self.lined)
        listed = [formula.name for formula in backward if formula.listed]
        sweep = functools.partial(EntrywiseSweep, self.graph, self.lined, listed, self._factor)
        return Derivation(forward, backward, notes, sweep, self.graph)

    # --- forward -----------------------------------------------------------------------------------------------------

    def _forward(self, node: Node) -> Formula | None:
        if isinstance(node, Leaf):
            self.values[node] = self._leaf(node)
            return None
        traced = self._traced(node, node.forward, [self.values[source] for source in node.inputs], node.shape)
        if node not in self.lined:
            self.values[node] = traced
            return None
        written = self.algebra.simplified(traced)
        name = self.graph.name(node)
        self.values[node] = Symbol.leaf(name, node.shape, node.dtype)
        if not isinstance(traced.operation, RuleCall):
            self.algebra.define(written, self.values[node])
        return Formula(name, (written,))

    def _leaf(self, node: Leaf) -> Symbol:
        if isinstance(node, Constant) and node.name is None and node.value.size <= _WRITTEN_OUT:
            return Symbol(None, (node.value,), shape=node.shape)
        return Symbol.leaf(self.graph.name(node), node.shape, node.dtype)

    def _traced(self, node: Node, rule: Callable[..., Any], operands: Sequence[Any], shape: Shape | None) -> Symbol:
        try:
            traced = rule(*operands)
        except Exception:  # whatever an untraceable rule raises: it stands for itself, and the rest goes on
            return Symbol(RuleCall(type(node).__name__), tuple(operands), shape=shape)
        return traced if isinstance(traced, Symbol) else Symbol(None, (np.asarray(traced),), shape=np.shape(traced))

    # --- backward ----------------------------------------------------------------------------------------------------

    def _backward(self, node: Node, leading: frozenset[Node]) -> list[Formula]:
        uses = self.received[node]
        if node in self.graph.outputs:
            uses = [(node, start := self._seed(node), start), *uses]
        if not uses or isinstance(node, Constant) or node.dtype.kind != "f":
            return []
        short, full = self._total([use[1] for use in uses]), self._total([use[2] for use in uses])
        self._find_scale(node, full)
        formula = self._formula(node, short, full, uses, leading)
        self._send_back(node, formula, short)
        return [formula] if formula else []

    def _seed(self, node: Node) -> Symbol:
        if node.shape == ():
            return Symbol(None, (np.asarray(1),), shape=())
        return Symbol.leaf("d" + self.graph.name(node), node.shape)

    def _total(self, parts: Sequence[Symbol]) -> Symbol:
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def _find_scale(self, node: Node, gradient: Symbol) -> None:
        """In the per-example convention, find m at the first value with columns whose gradient is a mean over them."""
        name = self.columns
        if not (self.per_example and self.scale == 1 and name and _has_columns(node, name)):
            return
        if self.algebra.length(gradient) and self.algebra.scale_of(gradient, name) < 0:
            self.scale = Dimension.named(name)

    def _factor(self, node: Node) -> Any:
        """What the written gradient of this node is multiplied by: m in the per-example convention, else 1."""
        return self.scale if self.scale != 1 and _has_columns(node, self.columns) else 1

    def _formula(
        self, node: Node, short: Symbol, full: Symbol, uses: Sequence[Any], leading: frozenset[Node]
    ) -> Formula | None:
        """The line of a gradient: as the rules give it, and canceled where that is shorter."""
        if node not in self.lined or (node in self.graph.outputs and len(uses) == 1):
            return None
        factor = self._factor(node)
        plain = self.algebra.simplified(short * factor)
        best = self.algebra.simplest(short * factor)
        canceled = self.algebra.simplest(full * factor)
        if self.algebra.length(canceled) < self.algebra.length(best):
            best = canceled
        steps = (plain,) if TextPrinter().print(plain) == TextPrinter().print(best) else (plain, best)
        parts = (
            [(self.graph.name(use[0]), self.algebra.simplest(use[1] * factor)) for use in uses] if len(uses) > 1 else []
        )
        passes = best.operation is None and best.name in {None, *self.gradients} and not isinstance(node, Leaf)
        self.gradients.add("d" + self.graph.name(node))
        return Formula("d" + self.graph.name(node), steps, tuple(parts), listed=node in leading and not passes)

    def _send_back(self, node: Node, formula: Formula | None, gradient: Symbol) -> None:
        """Hand the gradient to the rule twice: under its name, for the line, and in full, for what may cancel."""
        if isinstance(node, Leaf):
            return
        inputs = [self.values[source] for source in node.inputs]
        short = full = self.algebra.simplest(gradient)
        if formula:
            over = self._factor(node)
            short = Symbol.leaf(formula.name, node.shape) / over if formula.listed else formula.expression / over
            full = formula.expression / over
        for place, source in enumerate(node.inputs):
            named, whole = self._local(node, short, inputs, place), self._local(node, full, inputs, place)
            if named is not None:
                self.received[source].append((node, named, whole))

    def _local(self, node: Node, grad: Symbol, inputs: Sequence[Symbol], place: int) -> Any:
        def rule(*values: Any) -> Any:
            local = node.backward(*values)[place]
            return _NOTHING if local is None else local

        traced = self._traced(node, rule, [grad, self.values[node], *inputs], node.inputs[place].shape)
        return None if traced.operands and traced.operands[0] is _NOTHING else traced


_NOTHING = np.asarray("no gradient")
_SLOPE_NOTE = "slopes written with A are computed from Z: exact where A has rounded to 1"


def _nodes_with_a_line(graph: Graph) -> frozenset[Node]:
    """Named nodes; nodes without a name that are used twice, end the graph, or would fold too deep."""
    uses: dict[Node, int] = dict.fromkeys(graph.order, 0)
    for node in graph.order:
        for source in node.inputs:
            uses[source] += 1
    depth: dict[Node, int] = {}
    lined = set()
    for node in graph.order:
        depth[node] = 1 + max((depth[source] for source in node.inputs), default=0)
        trivial = isinstance(node, Constant) and node.name is None
        if not trivial and (node.name is not None or uses[node] != 1 or depth[node] > _DEEPEST):
            lined.add(node)
            depth[node] = 0
    return frozenset(lined)


def _leading_to_parameters(graph: Graph) -> frozenset[Node]:
    """The nodes that depend on a parameter; all nodes of a graph without parameters."""
    leading: set[Node] = set()
    for node in graph.order:
        if isinstance(node, Parameter) or any(source in leading for source in node.inputs):
            leading.add(node)
    return frozenset(leading or graph.order)


def _columns_name(graph: Graph) -> str | None:
    """The name of the number of columns: of the last axis of the inputs."""
    for node in graph.order:
        if isinstance(node, Input) and node.shape and isinstance(node.shape[-1], Dimension):
            return str(node.shape[-1])
    return None


def _has_columns(node: Node, name: str | None) -> bool:
    return bool(node.shape) and str(node.shape[-1]) == name  # type: ignore[index]  # it has an axis


def _in_order_of_completion(formulas: Sequence[Formula], graph: Graph, lined: frozenset[Node]) -> list[Formula]:
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
        node = graph[formula.name[1:]]
        place = graph.position(node)
        leaf = isinstance(node, Leaf)
        return -first_use.get(node, len(graph.order)), not leaf, place if leaf else -place

    return sorted(formulas, key=key)
