"""What a rule records of Symbols, as nodes again: each operation by the node that computes it, equal ones once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, final

import numpy as np

from chainrule.core.leaves import Constant, Leaf
from chainrule.core.node import Node
from chainrule.core.output import facts_key
from chainrule.errors import Untraceable
from chainrule.symbols import operations
from chainrule.symbols.dimensions import Dimension, Rest, Shape, Size
from chainrule.symbols.elementary import put
from chainrule.symbols.operations import index
from chainrule.symbols.shapes import broadcast
from chainrule.symbols.symbol import Symbol, symbols_in

Known: TypeAlias = dict[int, Node]
"""By the identity of a Symbol: the node that it stands for."""
Options: TypeAlias = Mapping[str, Any]


@final
class Translation:
    """Nodes in the making: ``apply`` hands Symbols to a function and builds the nodes for what they record.

    >>> import chainrule as cr
    >>> x = cr.Input("x", (3, "m"))
    >>> square, total = Translation([x]).apply(lambda x: (x * x, (x * x).sum()), x)
    >>> square, total, total.inputs[0] is square
    (<Multiply (3, m) of 'x', 'x'>, <Sum () of Multiply>, True)
    """

    def __init__(self, nodes: Iterable[Node] = (), order: int = 1) -> None:
        self.order = order
        """The order of the gradients that the new nodes compute."""
        self.fresh: set[Node] = set()
        """The nodes that have been built here."""
        self._nodes = list(nodes)
        self._same = {_key(node): node for node in reversed(self._nodes)}
        self._sources: Sequence[Node] = ()
        self._stretched: dict[Node, Node] = {}
        self._sizes: dict[str, Node] = {}

    def apply(self, function: Callable[..., Any], *nodes: Node) -> list[Any]:
        """What a function of values returns for these nodes, a node for each value; None stays None.

        Raises Untraceable where no node computes what is recorded; what the function raises comes through.
        """
        symbols = [Symbol.leaf(None, node.shape, node.dtype) for node in nodes]
        returned = function(*symbols)
        known = {id(symbol): node for symbol, node in zip(symbols, nodes, strict=True)}
        self._sources = nodes
        results = returned if isinstance(returned, tuple) else (returned,)
        return [None if result is None else self._node(result, known) for result in results]

    def total(self, parts: Sequence[Node]) -> Node:
        """The sum of nodes of one shape, added in their order."""
        total = parts[0]
        for part in parts[1:]:
            total = self.call(np.add, (total, part), {}, total.shape)
        return total

    def call_it(self, node: Node, name: str) -> Node:
        """The node of this name alone: one that is called otherwise, or is no step of its own, is taken once more."""
        if node.name == name:
            return node
        if not self.is_unnamed(node):
            node = Constant(node.value) if isinstance(node, Constant) else node * 1.0
        node.__dict__.update(name=name, gradient_order=self.order)  # nobody has seen it yet
        return node

    def is_unnamed(self, node: Node) -> bool:
        """Whether a node is a step that was built here, and has no name yet."""
        return node.name is None and bool(node.inputs) and node in self.fresh

    def constant(self, value: Any) -> Node:
        """The Constant for a number or an array; whole numbers and truth values in an array stay what they are."""
        kept = isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "iub"
        return self._shared(Constant(value, dtype=value.dtype if kept else float))

    def call(self, function: Any, operands: Sequence[Any], options: Options, shape: Shape | None) -> Node:
        """The node for a call of a function, or a simpler one with the same value."""
        function, operands = _usual(function, self._unstretched(function, operands, shape))
        simple = _simpler(function, operands, options, shape)
        if simple is not None:
            return simple if isinstance(simple, Node) else self.constant(simple)
        said = operands[1] if function in _INDEXED else options.get("shape")
        node = self._build(function, *operands, *self._telling(said, operands), **options)
        if function is np.broadcast_to:
            self._stretched[node] = operands[0]
        return node

    def _build(self, function: Any, *operands: Any, **options: Any) -> Node:
        if function not in operations.NODES:
            raise Untraceable(f"no node computes {getattr(function, '__name__', function)}")
        return self._shared(operations.NODES[function](*operands, **options))

    def _shared(self, node: Node) -> Node:
        """The node itself, or the one that computes the same and has been there before."""
        found = self._same.setdefault(_key(node), node)
        if found is node:
            self.fresh.add(node)
            node.__dict__["gradient_order"] = self.order  # nobody has seen it yet
        return found

    def _unstretched(self, function: Any, operands: Sequence[Any], shape: Shape | None) -> Sequence[Any]:
        """The operands of a function entry by entry before they were broadcast, where others have the shape."""
        if shape is None or operations.kind(function) != "entrywise" or self._stretched.keys().isdisjoint(operands):
            return operands
        before = [self._stretched.get(operand, operand) for operand in operands]
        shapes = [node.shape for node in before if isinstance(node, Node)]
        return before if None not in shapes and broadcast(*shapes) == shape else operands  # type: ignore[arg-type]  # none is None

    # --- what Symbols have recorded ----------------------------------------------------------------------------------

    def _node(self, result: Any, known: Known) -> Node:
        """The node for a result, when there is one for every Symbol that it was made of, without recursion."""
        waiting = [result] if isinstance(result, Symbol) else []
        while waiting:
            symbol = waiting[-1]
            missing = [s for s in symbols_in(symbol.operands) if id(s) not in known]
            if id(symbol) not in known and missing:
                waiting.extend(reversed(missing))
                continue
            waiting.pop()
            if id(symbol) not in known:
                known[id(symbol)] = self._translated(symbol, known)
        node: Node = self._operand(result, known)
        return node

    def _translated(self, symbol: Symbol, known: Known) -> Node:
        function = symbol.operation
        if function is None:  # a constant that a rule has made a Symbol of
            return self.constant(symbol.operands[0])
        if function is operations.number:
            node: Node = self._operand(symbol.operands[0], known)
            return node
        operands = [
            self._key_of(part, known) if place == 1 and function in _INDEXED else self._operand(part, known)
            for place, part in enumerate(symbol.operands)
        ]
        return self.call(function, operands, symbol.options, symbol.known_shape)

    def _operand(self, value: Any, known: Known) -> Any:
        if isinstance(value, Symbol):
            return known[id(value)]
        if isinstance(value, Dimension):
            return self.size(value)
        if isinstance(value, (tuple, list)):
            return tuple([self._operand(part, known) for part in value])
        return value if value is None or isinstance(value, str) else self.constant(value)

    def _key_of(self, key: Any, known: Known) -> Any:
        """The key of an index, with nodes in the place of Symbols."""
        if isinstance(key, Symbol):
            return known[id(key)]
        if isinstance(key, tuple):
            return tuple([self._key_of(part, known) for part in key])
        return key

    # --- sizes and shapes --------------------------------------------------------------------------------------------

    def size(self, size: Size) -> Node:
        """The node whose value is a size such as m, 2*m or max(0, m - 3)."""
        if isinstance(size, int):
            return self.constant(size)
        terms = [self._product(powers, float(factor)) for powers, factor in size.terms]
        total = terms[0]
        for term in terms[1:]:
            total = self.call(np.add, (total, term), {}, ())
        return total

    def _product(self, powers: Iterable[tuple[str, int]], factor: float) -> Node:
        product = self.constant(factor)
        for name, power in powers:
            for _ in range(abs(power)):
                function = np.multiply if power > 0 else np.divide
                product = self.call(function, (product, self._named(name)), {}, ())
        return product

    def _named(self, name: str) -> Node:
        if isinstance(name, Rest):
            return self.call(np.maximum, (self.size(name.size), self.constant(0)), {}, ())
        if name not in self._sizes:
            self._sizes[name] = self._build(operations.number, Dimension.named(name).seen_at(self._with_axis(name)))
        return self._sizes[name]

    def _with_axis(self, name: str) -> Node:
        """A node with an axis of that size: a leaf, which has to be fed for other reasons, if any has."""
        size = Dimension.named(name)
        found = next((node for node in self._candidates() if size in (node.shape or ())), None)
        if found is None:
            raise Untraceable(f"no value has an axis of the size {name}")
        return found

    def _candidates(self) -> list[Node]:
        """Nodes that may be read for their shapes: leaves first, which cost nothing, then what the rule reads."""
        return [*(node for node in self._nodes if isinstance(node, Leaf)), *self._sources, *self._nodes]

    def _telling(self, said: Any, reads: Iterable[Any]) -> list[Node]:
        """Nodes whose shapes tell the sizes with names in a shape or a key, where those that are read do not."""
        told = {size for node in reads if isinstance(node, Node) for size in node.shape or ()}
        missing = {name for size in _named_in(said) if size not in told for name in size.names}
        missing -= {str(size) for size in told}
        every = [node for node in self._candidates() if missing <= set(map(str, node.shape or ()))] if missing else []
        return every[:1] or [self._with_axis(name) for name in sorted(missing)]


def _named_in(said: Any) -> Iterator[Dimension]:
    """The sizes with names in a shape or in the key of an index."""
    if isinstance(said, Dimension):
        yield said
    elif isinstance(said, (tuple, list)):
        for part in said:
            yield from _named_in(part)
    elif isinstance(said, slice):
        yield from _named_in((said.start, said.stop, said.step))


_INDEXED: Final = (index, put)


def _key(node: Node) -> Any:
    """What a node is known again by: that of a leaf with a name is the node itself."""
    if isinstance(node, Constant) and node.name is None:
        return Constant, node.dtype, node.value.shape, node.value.tobytes()
    if isinstance(node, Leaf):
        return id(node)
    return type(node), facts_key(node.facts.items()), tuple(map(id, node.inputs))


# --- simpler nodes of the same value -------------------------------------------------------------------------------


def _simpler(function: Any, operands: Sequence[Any], options: Options, shape: Shape | None) -> Any:
    """A node, or a number, that is the value of a call; None where there is none that is simpler."""
    rule = _SIMPLER.get(function)
    if rule is None:
        return None
    numbers = [_number(operand) for operand in operands]
    if function in _FOLDED and None not in numbers:
        return function(*numbers)
    found = rule(operands, numbers, options)
    return found if found is not None and (not isinstance(found, Node) or found.shape == shape) else None


def _usual(function: Any, operands: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    """A square for a power of 2, whose slope is simpler; any other call as it is."""
    if function is np.power and _number(operands[1]) == 2:
        return np.square, operands[:1]
    return function, operands


def _number(node: Any) -> Any:
    """The number that a Constant is; None for anything else."""
    single = isinstance(node, Constant) and node.value.shape == () and node.dtype.kind == "f" and node.name is None
    return node.value[()] if single else None


def _times(operands: Sequence[Any], numbers: Sequence[Any], options: Options) -> Any:
    return _floating(operands[1]) if numbers[0] == 1 else _over(operands, numbers, options)


def _over(operands: Sequence[Any], numbers: Sequence[Any], options: Options) -> Any:
    return _floating(operands[0]) if numbers[1] == 1 else None


def _floating(x: Any) -> Any:
    return x if x.dtype.kind == "f" else None


def _same(operands: Sequence[Any], numbers: Sequence[Any], options: Options) -> Any:
    return operands[0]


def _twice(kind: Any) -> Any:
    """The rule for what undoes itself."""

    def undone(operands: Sequence[Any], numbers: Sequence[Any], options: Options) -> Any:
        (x,) = operands
        again = operations.NODES[kind]
        same: Any = isinstance(x, getattr(again, "__self__", ()))
        return x.inputs[0] if same and not options and not x.given_facts else None

    return undone


_FOLDED: Final = (np.multiply, np.divide, np.negative, np.add, np.subtract)
_SIMPLER: Final[dict[Any, Callable[..., Any]]] = {
    np.multiply: _times,
    np.divide: _over,
    np.negative: _twice(np.negative),
    np.transpose: _twice(np.transpose),
    np.reshape: _same,
    np.broadcast_to: _same,
    np.add: lambda *_: None,
    np.subtract: lambda *_: None,
}
