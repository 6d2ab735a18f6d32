"""What all notations share: walking an expression, and parentheses only where precedence needs them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self, TypeAlias, final

import numpy as np

from chainrule.notation.deep import deep_parts, parts_of
from chainrule.symbols.dimensions import Dimension, Shape
from chainrule.symbols.operations import number
from chainrule.symbols.symbol import Symbol

# How tightly a printed piece holds together, as in Python: a piece inside a tighter one is put in parentheses.
COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 7)


@final
class Piece(NamedTuple):
    """Printed text and how tightly it holds together."""

    text: str
    binding: int


@final
class Line(NamedTuple):
    """A printed formula: the name, what it equals step by step, and what is remarked behind it."""

    name: str
    steps: Sequence[str]
    remarks: Sequence[str] = ()


Section: TypeAlias = tuple[str, Sequence[Line]]
"""A title and the lines under it."""


class Printer(ABC):
    """Prints expressions in one notation; a subclass says how each operation is written.

    ``methods`` names the method that writes an operation; an operation without one is written as a function.
    """

    methods: ClassVar[dict[Any, str]] = {
        np.add: "add",
        np.subtract: "subtract",
        np.multiply: "multiply",
        np.divide: "divide",
        np.matmul: "matmul",
        np.dot: "matmul",
        np.negative: "negative",
        np.power: "power",
        np.square: "square",
        np.transpose: "transpose",
        np.sum: "sum",
        np.greater: "compare",
        np.greater_equal: "compare",
        np.less: "compare",
        np.less_equal: "compare",
        np.equal: "compare",
        np.not_equal: "compare",
        np.bitwise_and: "both",
        np.where: "where",
        np.absolute: "absolute",
        np.sqrt: "sqrt",
        number: "counted",
    }
    comparisons: ClassVar[dict[Any, str]] = {
        np.greater: ">",
        np.greater_equal: ">=",
        np.less: "<",
        np.less_equal: "<=",
        np.equal: "==",
        np.not_equal: "!=",
    }

    _parts: Set[int] = frozenset()
    """The identities of what is in the expression that is being printed."""
    _printed: Mapping[int, Piece] = MappingProxyType({})
    """Those of them that are printed already: a piece that is asked for twice at every level would never end."""

    def print(self, expression: Any) -> str:
        """The expression in this notation."""
        return self.ready_for(expression).part(expression)

    def ready_for(self, expression: Any) -> Self:
        """A twin of this printer that keeps the pieces of an expression, the inner ones of a deep one printed."""
        if not isinstance(expression, Symbol) or expression.operation is None:
            return self
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._parts, twin._printed = parts_of(expression), {}
        for part in deep_parts(expression, len(twin._parts)):
            twin.piece(part)
        return twin

    def part(self, x: Any) -> str:
        """Part of an expression, printed without parentheses."""
        return self.piece(x).text

    def piece(self, x: Any) -> Piece:
        """The expression printed, with how tightly it holds together."""
        found = self._printed.get(id(x))
        if found is None:
            found = self._piece(x)
            if id(x) in self._parts:
                self._printed[id(x)] = found  # type: ignore[index]  # it has parts, so it is a dict
        return found

    def _piece(self, x: Any) -> Piece:
        if isinstance(x, Dimension):
            return self.dimension(x)
        if not isinstance(x, Symbol):
            return self.number(x)
        if x.operation is None:
            return self.leaf(x)
        return getattr(self, self._method(x))(x)  # type: ignore[no-any-return]  # every method gives a Piece

    def _method(self, x: Symbol) -> str:
        name = self.methods.get(x.operation, "function")
        if name == "transpose" and (x.options or getattr(x.operands[0], "known_shape", None) is None):
            return "function"
        return name if hasattr(self, name) else "function"

    def inside(self, x: Any, binding: int) -> str:
        """The expression printed to stand in something that binds this tightly."""
        piece = self.piece(x)
        return piece.text if piece.binding >= binding else self.parentheses(piece.text)

    def counted(self, x: Symbol) -> Piece:
        """A size that stands for a number is written as the size."""
        return self.piece(x.operands[0])

    def leaf(self, x: Symbol) -> Piece:
        """A named value, or the constant that a leaf without a name holds."""
        return self.name(x.name) if x.name is not None else self.number(x.operands[0])

    @abstractmethod
    def name(self, name: str) -> Piece:
        """A named value."""

    @abstractmethod
    def number(self, x: Any) -> Piece:
        """A number or an array of numbers."""

    @abstractmethod
    def dimension(self, x: Dimension) -> Piece:
        """A size with names."""

    @abstractmethod
    def parentheses(self, text: str) -> str:
        """Text in parentheses."""

    @abstractmethod
    def function(self, x: Symbol) -> Piece:
        """An operation written as a function of its operands and options."""

    @abstractmethod
    def shape_equation(self, shape: Shape | None, factors: Sequence[Shape | None]) -> str:
        """A shape, and those of the factors where it is a matrix product's: ``(1×3) = (1×m)(m×3)``."""

    def contribution(self, part: Any, consumer: str, origin: str = "") -> str:
        """What one consumer sends to a node with several uses; one without a name is told by its origin."""
        return self.labeled(self.print(part), "from", self.words(origin) if origin else self.name(consumer).text)

    def assumption(self, name: str, shorter: Any, what: str, labels: str) -> str:
        """What a line comes to where sums of labels are 1."""
        equal = self.signed(self.name(name).text, "=", self.print(shorter))
        return self.labeled(self.labeled(equal, f"where {what}", self.name(labels).text), "sum to", self.print(1))

    @abstractmethod
    def words(self, text: str) -> str:
        """Any text, made harmless."""

    @abstractmethod
    def signed(self, left: str, sign: str, right: str) -> str:
        """A sign between two pieces."""

    @abstractmethod
    def labeled(self, part: str, word: str, label: str) -> str:
        """A piece, a word of text, a piece."""

    @abstractmethod
    def equation(self, line: Line) -> str:
        """A line by itself."""

    @abstractmethod
    def page(self, sections: Sequence[Section], notes: Sequence[str]) -> str:
        """Lines under their titles, and notes at the end."""

    @abstractmethod
    def table(self, rows: Sequence[Sequence[str]]) -> str:
        """Printed entries as a matrix."""


def commented_page(sections: Sequence[Section], notes: Sequence[str]) -> str:
    """A page of plain text: titles, remarks and notes are comments, so that the page is a file of formulas."""
    lines: list[str] = []
    for title, rows in sections:
        lines.append(f"# {title}")
        for row in rows:
            lines.extend(steps_in_lines(row))
    return "\n".join([*lines, *(f"# {note}" for note in notes)])


def steps_in_lines(line: Line) -> list[str]:
    """A name and what it equals, further steps under it; remarks behind it, or each under it where they are long."""
    left = " " * len(line.name)
    first, *rest = [f"{line.name} = {line.steps[0]}", *(f"{left} = {step}" for step in line.steps[1:])]
    remark = f"  # {'; '.join(line.remarks)}" if line.remarks else ""
    if len(first) + len(remark) <= _WIDEST:
        return [first + remark, *rest]
    return [first, *rest, *(f"{left} # {remark}" for remark in line.remarks)]


_WIDEST = 120  # characters of a line with its remarks
