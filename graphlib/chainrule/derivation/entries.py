"""Gradients and values entry by entry: arrays of scalar Symbols pass through the same rules as arrays of numbers."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, final

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant, Leaf
from chainrule.core.node import Node
from chainrule.core.passes import Uses, in_reverse
from chainrule.derivation.algebra import Algebra
from chainrule.derivation.unwritten import called_backward, called_forward
from chainrule.errors import ArgumentError
from chainrule.notation import Line, Printer, TextPrinter, UnicodePrinter
from chainrule.notation.printed import PrintedLine
from chainrule.symbols.dimensions import Dimension, Size, names_in, shape_text
from chainrule.symbols.operations import index
from chainrule.symbols.symbol import Symbol
from chainrule.symbols.symbol_array import SymbolArray, entrywise, symbol_array

Array: TypeAlias = Any
_MOST_OPERATIONS = 2000  # of one entry
_MOST_ENTRIES = 200  # of one value: a sum of more terms is no longer read, and nests too deep for Python to print


@final
class Entries(PrintedLine):
    """The entries of one line of a derivation, each with a formula of its own; ``derivation.entries("dW1")``.

    It prints as nested lists of runnable text, and as a matrix in ``unicode``, ``latex`` and ``mathml``. An entry is
    written with its row and column behind the name. On paper that is ``w¹₂₃`` for row 2, column 3 of W1: the layer
    above, small letters, places counted from 1, and no column where there is only one. In text it is ``W1[1, 2]``.
    """

    def __init__(self, name: str, array: Array) -> None:
        self.name = name
        self.array = array
        """The entries, as an array of Symbols."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, with numbers for all dimensions."""
        return self.array.shape  # type: ignore[no-any-return]  # an array of any

    def __getitem__(self, place: Any) -> str:
        """The runnable text of one entry; the place counts from 0, as in the text."""
        entry = self.array[place]
        if isinstance(entry, np.ndarray):
            raise ArgumentError(f"{self.name}[{place}] is no single entry", given=f"shape {self.shape}")
        return TextPrinter().print(entry)

    @property
    def text(self) -> str:
        """Nested lists of runnable text."""
        return _nested(self._printed(TextPrinter()), TextPrinter())

    def _in(self, printer: Printer) -> str:
        if isinstance(printer, UnicodePrinter):
            return self._beside_the_middle(printer)
        return printer.equation(Line(printer.name(self.name).text, [self._matrix(printer)]))

    def _beside_the_middle(self, printer: UnicodePrinter) -> str:
        """The matrix over several lines, its name beside the middle one."""
        lines = self._matrix(printer).split("\n")
        left = f"{printer.name(self.name).text} = "
        middle = (len(lines) - 1) // 2
        return "\n".join((left if k == middle else " " * len(left)) + line for k, line in enumerate(lines))

    def _matrix(self, printer: Printer) -> str:
        """Brackets around rows along the last axis: a flat value is one row, a stack of matrices one tall matrix."""
        texts = self._printed(printer)
        if not texts.ndim:
            return str(texts)
        return printer.table(np.atleast_2d(texts).reshape(-1, texts.shape[-1]).tolist())

    def _printed(self, printer: Printer) -> Array:
        return np.asarray(entrywise(printer.print, self.array))

    def __str__(self) -> str:
        left = f"{TextPrinter().name(self.name).text} = "
        return left + self.text.replace("\n", "\n" + " " * len(left))

    def __repr__(self) -> str:
        return f"<Entries of {self.name} {self.shape}>"


def _nested(texts: Any, printer: TextPrinter) -> str:
    if np.ndim(texts) < 2:
        return f"[{', '.join(texts)}]" if np.ndim(texts) else str(texts)
    if np.ndim(texts) == 2 and texts.size:
        return printer.table(texts.tolist())
    inner = [_nested(part, printer).replace("\n", "\n ") for part in texts]
    return "[" + ",\n ".join(inner) + "]"


# --- through the rules ---------------------------------------------------------------------------------------------


@final
class Flow(NamedTuple):
    """What passes through a rule, twice: entry by entry, and whole for the rules that entries cannot pass through."""

    entries: Array
    """An array of Symbols or numbers; None where the shape is unknown."""
    whole: Any


@final
class EntrywiseSweep:
    """The rules of a graph, applied to arrays of scalar Symbols around one node."""

    def __init__(
        self,
        graph: BaseGraph,
        lined: Iterable[Node],
        listed: Iterable[str],
        factor: Callable[[Node], Any],
        sizes: Mapping[str, int],
    ) -> None:
        self.graph, self.lined, self.listed, self.sizes = graph, frozenset(lined), frozenset(listed), sizes
        self.factor = factor
        self.algebra = Algebra()
        self._values: dict[Node, Flow] = {}

    def value(self, node: Node) -> Entries:
        """What the rule of a node gives, entry by entry."""
        self._shape(node)  # before anything is computed
        return Entries(self.graph.name(node), self._simplest(self._computed(node).entries, node))

    def gradient(self, node: Node) -> Entries:
        """What the rules of the consumers send back, entry by entry, canceled where that is shorter."""
        self._define_around(node)
        factor = self._size(self.factor(node))
        short, full = self._total(node, self._named), self._total(node, self._spelled)
        pairs = [self._simplest(flow.entries * factor, node) for flow in (short, full)]
        return Entries(self.graph.gradient_name(node), entrywise(self._shorter, *pairs))

    def _shorter(self, a: Symbol, b: Symbol) -> Symbol:
        return b if self.algebra.length(b) < self.algebra.length(a) else a

    def _simplest(self, array: Array, node: Node) -> Array:
        """The entries simplified, in the shape that the node has, also where a rule gave one number for all."""
        longest = max(np.ravel(entrywise(_length, array)).tolist(), default=0)
        if longest > _MOST_OPERATIONS:
            raise ArgumentError(
                f"an entry at {self.graph.name(node)!r} takes {longest:,} operations, more than can be read",
                remedy="names for nodes in between, which get lines of their own",
            )
        return np.broadcast_to(entrywise(self.algebra.simplest, array), self._shape(node), subok=True)

    # --- values -------------------------------------------------------------------------------------------------------

    def _shape(self, node: Node) -> tuple[int, ...]:
        if node.shape is None:
            raise ArgumentError(f"the shape of {self.graph.name(node)!r} is unknown before there is data")
        shape = tuple(self._size(size) for size in node.shape)
        if math.prod(shape) > _MOST_ENTRIES:
            raise ArgumentError(
                f"{self.graph.name(node)!r} has {math.prod(shape):,} entries, more than {_MOST_ENTRIES} to write down",
                given=f"shape {shape_text(shape)}",
                remedy="a smaller network, which has the same formulas",
            )
        return shape

    def _size(self, size: Size) -> int:
        return size.evaluate(self.sizes) if isinstance(size, Dimension) else size

    def _value(self, node: Node) -> Flow:
        """What a rule is handed for a node: named entries, or for a node without a line what it is computed from."""
        waiting = [] if node in self._values else [node]
        while waiting:  # nodes without a line are computed before those that read them
            top = waiting[-1]
            missing = [source for source in top.inputs if source not in self._values] if self._folds(top) else []
            waiting.extend(missing)
            if not missing:
                self._values[waiting.pop()] = self._computed(top) if self._folds(top) else self._given(top)
        return self._values[node]

    def _folds(self, node: Node) -> bool:
        return node not in self.lined and not isinstance(node, Leaf)

    def _given(self, node: Node) -> Flow:
        if isinstance(node, Constant) and node.name is None:
            return Flow(node.value, node.value)
        return self._leaf(self.graph.name(node), node)

    def _leaf(self, name: str, node: Node) -> Flow:
        if node.shape is None:
            return Flow(None, Symbol.leaf(name, None, node.dtype))
        whole = Symbol.leaf(name, self._shape(node), node.dtype)
        return Flow(_entries_of(whole, self._shape(node)), whole)

    def _computed(self, node: Node) -> Flow:
        operands = [self._value(source) for source in node.inputs]
        whole = _tried(node.forward, [operand.whole for operand in operands])
        if whole is None:
            shape = None if node.shape is None else self._shape(node)
            whole = called_forward(node, [operand.whole for operand in operands], shape)
        return self._flow(_as_array(whole), _as_array(_tried_on_entries(node.forward, operands)), node)

    def _flow(self, whole: Any, entries: Array, like: Node) -> Flow:
        """What a rule gave; where it refuses entries, those of the whole."""
        if entries is None and like.shape is not None:
            entries = _entries_of(whole, self._shape(like))
        return Flow(entries, whole)

    # --- gradients ----------------------------------------------------------------------------------------------------

    def _total(self, node: Node, gradient_of: Callable[[Node], Flow]) -> Flow:
        """The sum of what the consumers send; gradients without a line are summed up on the way."""
        summed, given = self._around(self.graph.position(node))

        def total(k: int, uses: Uses[Flow]) -> Flow | None:
            one = self.graph.order[k]
            if k not in summed:
                return gradient_of(one) if k in given else None
            parts = [self._seed(one)] if one in self.graph.ends else []
            parts += [part for _, _, part in uses if part.whole is not None]
            return _sum(parts) if parts else None

        gradients, _ = in_reverse(self.graph, total, lambda k, grad: self._local(self.graph.order[k], grad))
        found = gradients[self.graph.position(node)]
        return Flow(np.zeros(self._shape(node)), 0) if found is None else found

    def _around(self, k: int) -> tuple[set[int], set[int]]:
        """The node and all consumers on the way to the nearest gradients with a line; and the nodes of those."""
        summed, given, waiting = {k}, set(), [k]
        while waiting:
            for consumer, _ in self.graph.uses[waiting.pop()]:
                if self._is_listed(self.graph.order[consumer]):
                    given.add(consumer)
                elif consumer not in summed:
                    summed.add(consumer)
                    waiting.append(consumer)
        return summed, given

    def _is_listed(self, node: Node) -> bool:
        return self.graph.gradient_name(node) in self.listed

    def _seed(self, node: Node) -> Flow:
        one = np.asarray(1)
        return Flow(one, one) if node.shape == () else self._leaf(self.graph.gradient_name(node), node)

    def _named(self, node: Node) -> Flow:
        """The gradient of a line, by name."""
        flow, over = self._leaf(self.graph.gradient_name(node), node), self._size(self.factor(node))
        return flow if over == 1 else Flow(None if flow.entries is None else flow.entries / over, flow.whole / over)

    def _spelled(self, node: Node) -> Flow:
        """The gradient of a line, as what it equals."""
        return self._total(node, self._named)

    def _local(self, node: Node, grad: Flow) -> list[Flow | None]:
        """What the rule sends to each input: whole values and their entries pass through it."""
        operands = [grad, self._value(node), *map(self._value, node.inputs)]
        wholes = _tried(node.backward, [operand.whole for operand in operands])
        if wholes is None:
            shapes = [None if source.shape is None else self._shape(source) for source in node.inputs]
            wholes = called_backward(node, [operand.whole for operand in operands], shapes)
        entries = _tried_on_entries(node.backward, operands) or [None] * len(wholes)
        parts = zip(wholes, entries, node.inputs, strict=True)
        return [None if whole is None else self._flow(whole, entry, source) for whole, entry, source in parts]

    def _define_around(self, node: Node) -> None:
        """Let entries be written by name wherever a rule computes them again."""
        near = [node, *self.graph.consumers(node)]
        near += [source for one in near for source in one.inputs]
        for one in dict.fromkeys(near):
            if one in self.lined and not isinstance(one, Leaf) and one.shape is not None:
                entrywise(self._define, self._computed(one).entries, self._value(one).entries)

    def _define(self, entry: Any, name: Symbol) -> None:
        if isinstance(entry, Symbol) and entry.operation is not None:
            self.algebra.define(entry, name)


def _length(entry: Any) -> int:
    """How many operations an entry takes, written out."""
    lengths: dict[int, int] = {}
    waiting = [entry]
    while waiting:  # operands before what is computed from them; shared ones are measured once
        x = waiting[-1]
        parts = x.operands if isinstance(x, Symbol) else x if isinstance(x, (tuple, list)) else ()
        missing = [part for part in parts if id(part) not in lengths]
        waiting.extend(missing)
        if not missing:
            lengths[id(waiting.pop())] = 1 + sum(lengths[id(part)] for part in parts)
    return lengths[id(entry)]


def _tried(rule: Callable[..., Any], operands: Sequence[Any]) -> Any:
    """What a rule gives; None where it refuses, whatever it raises on Symbols or on arrays of them."""
    try:
        return rule(*operands)
    except Exception:
        return None


def _as_array(value: Any) -> Any:
    """A number that a rule gave, such as a size, as the value that a run makes of it."""
    return np.asarray(value) if isinstance(value, (int, float)) else value


def _tried_on_entries(rule: Callable[..., Any], operands: Sequence[Flow]) -> Any:
    known = all(operand.entries is not None for operand in operands)
    return _tried(rule, [operand.entries for operand in operands]) if known else None


def _entries_of(whole: Any, shape: tuple[int, ...]) -> SymbolArray:
    return symbol_array(lambda place: index(whole, place) if place else whole, shape)


def _sum(parts: Sequence[Flow]) -> Flow:
    entries = [part.entries for part in parts]
    whole = functools.reduce(operator.add, [part.whole for part in parts])
    return Flow(None if any(e is None for e in entries) else functools.reduce(operator.add, entries), whole)


def sizes_for(graph: BaseGraph, columns: str | None, m: int, others: Mapping[str, int]) -> dict[str, int]:
    """A number for every named dimension of a graph; raises ArgumentError for one without, or one it does not have."""
    named = names_in([size for node in graph.order for size in node.shape or ()])
    columns = columns or "m"
    sizes = {columns: m, **others}
    if missing := sorted(named - set(sizes)):
        raise ArgumentError(f"entries need a number for {', '.join(missing)}", remedy=f"entries(name, {missing[0]}=2)")
    if unknown := sorted(set(sizes) - named - {columns}):
        raise ArgumentError(f"this graph has no dimension {', '.join(unknown)}")
    if bad := [f"{name}={size!r}" for name, size in sizes.items() if type(size) is not int or size < 1]:
        raise ArgumentError(f"a size is a whole number, 1 or more, not {', '.join(bad)}")
    return sizes
