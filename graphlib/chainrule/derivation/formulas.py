"""What a derivation is: its lines, each a name and what it equals, printed in four notations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, NamedTuple, final

import numpy as np

from chainrule.core.accepting import as_title
from chainrule.core.graph import BaseGraph
from chainrule.derivation.entries import Entries, EntrywiseSweep, sizes_for
from chainrule.errors import ArgumentError, UnknownNameError, did_you_mean
from chainrule.nodes.batch_of_graph import batch_name
from chainrule.notation import LatexPrinter, Line, MathmlPrinter, Printer, TextPrinter, UnicodePrinter
from chainrule.notation.printed import Printed, PrintedLine
from chainrule.notation.printer import Section
from chainrule.symbols.dimensions import Shape
from chainrule.symbols.symbol import Symbol


@final
class Special(NamedTuple):
    """What an expression comes to where labels sum to 1: one-hot classes, or shares of them."""

    expression: Symbol
    sums: str
    """Which sums: those of columns, rows or entries."""
    labels: str
    """The name of the labels."""


@final
@dataclass(frozen=True, eq=False)
class Formula(PrintedLine):
    """One line of a derivation: a name and the expression it equals, with the steps in between.

    ``str`` and ``text`` are the last step as runnable NumPy text; ``unicode``, ``latex`` and ``mathml`` the whole
    line, name and steps. In a notebook a formula shows itself as mathematics.
    """

    _math = "$"

    name: str
    steps: tuple[Symbol, ...]
    """The expression as the rules give it, and as it reads after canceling; often they are one."""
    contributions: tuple[tuple[str, Symbol], ...] = ()
    """For a node with several uses: each consumer and what it sends back."""
    origins: tuple[str, ...] = ()
    """For each of them where it stands, for a consumer without a name: its layer, and what it is; else ""."""
    special: Special | None = None
    """What the gradient comes to where labels are as they should be."""
    listed: bool = True
    """Whether a derivation shows the line: a gradient that only passes through has none of its own."""
    why_not: str = ""
    """Why there is no formula, in words: what is behind an unknown shape is not derivable."""

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
        """Runnable NumPy text; in words why there is none."""
        return self.why_not or TextPrinter().print(self.expression)

    def _in(self, printer: Printer) -> str:
        return printer.equation(self.line(printer))

    def line(self, printer: Printer, shapes: bool = False) -> Line:
        """The line in a notation: its steps, and behind them the shapes on request and what each consumer sends."""
        remarks = [printer.shape_equation(self.shape, shapes_of_factors(self))] if shapes else []
        origins = self.origins or ("",) * len(self.contributions)
        remarks += [
            printer.contribution(part, consumer, origin)
            for (consumer, part), origin in zip(self.contributions, origins, strict=True)
        ]
        if self.special is not None:
            remarks.append(printer.assumption(self.name, *self.special))
        return Line(printer.name(self.name).text, [printer.print(step) for step in self.steps], remarks)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Formula {self.name} = {self.text}>"


@final
class Derivation(Mapping[str, Formula], Printed):
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
        graph: BaseGraph | None = None,
        *,
        constants: Mapping[str, Any] | None = None,
        shapes: bool = False,
    ) -> None:
        self.forward, self.backward, self.notes = tuple(forward), tuple(backward), tuple(notes)
        self._by_name = {formula.name: formula for formula in (*forward, *backward)}
        self._sweep, self._graph, self._shapes = sweep, graph, shapes
        self.constants = dict(constants or {})
        """Arrays of numbers that lines call by a name because they are too large to stand in them."""

    def __getitem__(self, name: str) -> Formula:
        if name not in self:
            raise UnknownNameError(
                f"this derivation has no line {did_you_mean(str(name), self._by_name)}",
                remedy=f"its lines are {', '.join(list(self._by_name)[:8])}{', ...' * (len(self._by_name) > 8)}",
            )
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        # a Mapping would ask for the line, and look for the name that was meant
        return isinstance(name, str) and name in self._by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def text(self, shapes: bool | None = None) -> str:
        """All lines as runnable NumPy text, with the shapes behind them on request."""
        return self._in(TextPrinter(), shapes)

    def unicode(self, shapes: bool | None = None) -> str:
        """All lines in Unicode characters: ``dW₃ = dZ₃A₂ᵀ``."""
        return self._in(UnicodePrinter(), shapes)

    def latex(self, shapes: bool | None = None) -> str:
        r"""All lines as one ``aligned`` environment, to stand between ``$$`` or in ``\[ \]``; it needs amsmath."""
        return self._in(LatexPrinter(), shapes)

    def mathml(self, shapes: bool | None = None) -> str:
        """All lines as one ``math`` element, which browsers show as it is."""
        return self._in(MathmlPrinter(), shapes)

    def entries(self, name: str, m: int = 1, **sizes: int) -> Entries:
        """The line ``name`` entry by entry, for m examples: arrays of scalars pass through the same rules.

        >>> from chainrule import BCELoss, Graph, Input, Parameter, Sigmoid
        >>> A2, Y, W3 = Input("A2", (3, "m")), Input("Y", (1, "m")), Parameter("W3", (1, 3))
        >>> derivation = Graph(BCELoss(Sigmoid(W3 @ A2, name="A3"), Y, name="L")).derivation("per-example")
        >>> print(derivation.entries("A3", m=2))
        A3 = [[sigmoid(W3[0, 0] * A2[0, 0] + W3[0, 1] * A2[1, 0] + W3[0, 2] * A2[2, 0]), sigmoid(W3[0, 0] * ...

        Text counts rows and columns from 0 and runs; the other notations count from 1 and write ``w³₁₂`` for
        ``W3[0, 1]`` (the layer above, row before column), and ``a²₃`` for ``A2[2, 0]`` where there is one column.
        ``sizes`` are the numbers of other named dimensions. A rule that entries cannot pass through stands as its
        class name, as in the derivation. Raises UnknownNameError for a name without a line, ArgumentError for a value
        of unknown shape, one behind it, or one with too many entries to read.
        """
        formula = self[name]
        if formula.why_not:
            raise ArgumentError(f"{name!r} is {formula.why_not}", remedy="def shape_of(self, ...) in its class says it")
        if self._sweep is None or self._graph is None:
            raise ArgumentError("a derivation put together by hand has no rules to send entries through")
        sweep = self._sweep(sizes_for(self._graph, batch_name(self._graph), m, sizes))
        if any(formula is line for line in self.forward):
            return sweep.value(self._graph[name])
        return sweep.gradient(self._graph[self._graph.of_gradient(name) or ""])

    def document(self, title: str = "") -> str:
        r"""A LaTeX file with all lines that pdflatex compiles as it is; a line that is too wide is made smaller.

        >>> from chainrule import Graph, Parameter, Square
        >>> text = Graph(Square(Parameter("w"), name="L")).derivation().document("By hand")
        >>> text.splitlines()[0], "dw &= 2 w" in text
        ('\\documentclass{article}', True)
        """
        from chainrule.derivation.written_out import document

        return document(self.sections(LatexPrinter()), self.notes, as_title(title))

    def markdown(self, title: str = "") -> str:
        """All lines as Markdown with mathematics between dollar signs, as GitHub, Jupyter and pandoc read it."""
        from chainrule.derivation.written_out import markdown

        return markdown(self.sections(LatexPrinter()), self.notes, as_title(title))

    def cell(self, title: str = "") -> dict[str, Any]:
        """The same as a cell of a notebook, as its file has it: ``notebook["cells"].append(derivation.cell())``."""
        from chainrule.derivation.written_out import cell

        return cell(self.markdown(title))

    def save(self, path: str | PathLike[str], title: str = "") -> None:
        """Write it to a file, replaced as a whole: ``.tex``, ``.md`` or, as runnable text, ``.txt``.

        Raises ArgumentError for another extension.
        """
        from chainrule.derivation.written_out import write

        forms = {".tex": lambda: self.document(title), ".md": lambda: self.markdown(title)}
        write(path, {**forms, ".txt": lambda: f"{self.text()}\n"})

    def sections(self, printer: Printer, shapes: bool | None = None) -> list[Section]:
        """The lines of the constants, the forward and the backward as a printer writes them."""
        shapes = self._shapes if shapes is None else shapes
        sections = [
            (title, [formula.line(printer, shapes) for formula in formulas if formula.listed])
            for title, formulas in (("forward", self.forward), ("backward", self.backward))
        ]
        named = [
            Line(printer.name(name).text, [printer.print(Symbol(None, (array,), shape=array.shape))])
            for name, array in self.constants.items()
        ]
        return [*([("constants", named)] if named else []), *sections]

    def _in(self, printer: Printer, shapes: bool | None = None) -> str:
        return printer.page(self.sections(printer, shapes), self.notes)

    def __str__(self) -> str:
        return self.text()


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
