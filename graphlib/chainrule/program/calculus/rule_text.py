"""What Symbols have recorded, as the body of a method: NumPy source, with a name for what is used more than once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, final

import numpy as np

from chainrule.notation.numpy_text import NumpyText
from chainrule.notation.printer import ATOM, Piece
from chainrule.symbols import broadcasting, elementary
from chainrule.symbols.dimensions import Dimension, Shape
from chainrule.symbols.operations import kind, number
from chainrule.symbols.shapes import broadcast
from chainrule.symbols.symbol import Symbol, known_shape, symbols_in

_LONGEST: Final = (72, 54, 40, 28)  # characters of an expression inside of another, as many as lines have room for
_WIDEST: Final = 100
_FREE: Final = (np.transpose, np.swapaxes)  # as short as a name


@final
class RuleText(NumpyText):
    """NumPy source inside of a rule: facts are self's, sizes are those of the inputs, and every dtype is theirs."""

    def __init__(self, shapes: Mapping[str, Shape | None], dtype: str) -> None:
        super().__init__()
        self.shapes, self.dtype = shapes, dtype

    def print(self, expression: Any) -> str:
        """The expression as source, which nothing has shortened."""
        return self.piece(expression).text

    def name(self, name: str) -> Piece:
        """A value by its name, or a fact as it is read."""
        return Piece(name, ATOM)

    def number(self, x: Any) -> Piece:
        """A number as it is written, which has no dtype of its own; an array in the dtype of the inputs."""
        piece = super().number(x)
        floating = isinstance(x, np.ndarray) and x.ndim and x.dtype.kind == "f"
        return Piece(f"{piece.text[:-1]}, dtype={self.dtype})", ATOM) if floating else piece

    def stretched(self, x: Symbol) -> Piece:
        """A value in every place of a shape."""
        value, shape = x.operands[0], self._shape(x.options["shape"])
        if isinstance(value, Symbol) and (value.operation is not None or value.name is not None):
            return Piece(f"np.broadcast_to({self.part(value)}, {shape})", ATOM)
        return Piece(f"np.full({shape}, {self.part(value)}, dtype={self.dtype})", ATOM)

    def transpose(self, x: Symbol) -> Piece:
        """A transpose, of which two undo each other; that of a product of matrices is the product of theirs."""
        (inner,) = x.operands
        operation = None if x.options or not isinstance(inner, Symbol) or inner.options else inner.operation
        if operation is np.transpose:
            return self.piece(inner.operands[0])
        if operation is np.matmul and all(len(known_shape(factor) or ()) == 2 for factor in inner.operands):
            left, right = inner.operands
            return self.matmul(Symbol(np.matmul, (right.T, left.T), shape=x.known_shape))
        return super().transpose(x)

    def dimension(self, x: Dimension) -> Piece:
        """A size, which may be that of a whole input."""
        for name, shape in self.shapes.items():
            if shape and sum(size != 1 for size in shape) > 1 and _size(shape) == x:
                return Piece(f"{name}.size", ATOM)
        return super().dimension(x)

    def function(self, x: Symbol) -> Piece:
        """A call of a function; a dtype that floats is that of the inputs."""
        if x.operation is np.astype and x.options["dtype"].kind == "f":
            return Piece(f"{self.inside(x.operands[0], ATOM)}.astype({self.dtype})", ATOM)
        return super().function(x)

    def _option(self, value: Any) -> str:
        return self._shape(value) if _is_shape(value) else super()._option(value)

    def _shape(self, shape: Any) -> str:
        for name, own in self.shapes.items():
            if own == shape:
                return f"{name}.shape"
        return str(shape)


def _size(shape: Shape) -> Any:
    product: Any = 1
    for size in shape:
        product = size * product
    return product


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and any(isinstance(size, Dimension) for size in value)


def imports(expressions: Sequence[Any]) -> list[str]:
    """The lines that import what is no function of NumPy's."""
    used = {symbol.operation.__name__ for x in expressions for symbol in _all(x) if symbol.operation is not None}
    exact = sorted(name for name in used if callable(getattr(elementary, name, None)))
    lines = [f"from {elementary.__name__} import {', '.join(exact)}"] if exact else []
    return [f"from {broadcasting.__name__} import unbroadcast", *lines] if "unbroadcast" in used else lines


def body(results: Sequence[Any], printer: RuleText) -> tuple[list[str], list[str]]:
    """The lines that compute what is used more than once or is long, and each result in terms of their names."""
    for limit in _LONGEST:
        lines, texts = _body(results, printer, limit)
        if max(map(len, [*lines, *texts])) <= _WIDEST:
            break
    return lines, texts


def _body(results: Sequence[Any], printer: RuleText, longest: int) -> tuple[list[str], list[str]]:
    uses = Counter(id(part) for x in results for part in _all(x) for part in symbols_in(part.operands))
    uses.update(id(x) for x in results)
    lines: list[str] = []
    new: dict[int, Any] = {}
    counts: set[int] = set()
    for symbol in _needed(results):
        made = _renewed(symbol, new)
        text = printer.print(made)
        worth = uses[id(symbol)] > 1 and symbol.operation not in _FREE and len(text) > _SHORT
        if _counts(symbol, counts):
            counts.add(id(symbol))
            worth, text = symbol.operation is not number, f"float({text})" if symbol.operation is not number else text
        if symbol.operation is not None and (worth or len(text) > longest) and not _ends(symbol, results, uses):
            name = f"v{len(lines) + 1}"
            lines.append(f"{name} = {text}")
            made = Symbol.leaf(name, symbol.known_shape, symbol.dtype)
        new[id(symbol)] = made
    return lines, ["None" if x is None else printer.print(new.get(id(x), x)) for x in results]


_SHORT: Final = 8  # what is written in so few characters needs no name


def _counts(symbol: Symbol, counts: Collection[int]) -> bool:
    """Whether a number is computed of sizes alone: NumPy makes it a float64, which would widen what it meets."""
    if symbol.operation is number:
        return True
    parts = [x for x in symbol.operands if isinstance(x, (Symbol, Dimension))]
    return symbol.known_shape == () and bool(parts) and all(type(x) is Dimension or id(x) in counts for x in parts)


def _needed(results: Sequence[Any]) -> Iterator[Symbol]:
    """Every Symbol that is written, operands first: what is not stretched before it is used is none of them."""
    waiting, met = [x for x in results if isinstance(x, Symbol)], set[int]()
    while waiting:
        symbol = waiting.pop()
        if id(symbol) not in met:
            met.add(id(symbol))
            waiting.extend(symbols_in(_unstretched(symbol)))
    return (symbol for symbol in _in_order(results) if id(symbol) in met)


def _ends(symbol: Symbol, results: Sequence[Any], uses: Counter[int]) -> bool:
    return uses[id(symbol)] == 1 and any(symbol is x for x in results)


def _renewed(symbol: Symbol, new: Mapping[int, Any]) -> Symbol:
    if symbol.operation is None:
        return symbol
    operands = tuple(_exchanged(operand, new) for operand in _unstretched(symbol))
    return Symbol(symbol.operation, operands, symbol.options, shape=symbol.known_shape, dtype=symbol.dtype)


def _unstretched(symbol: Symbol) -> tuple[Any, ...]:
    """The operands before they were broadcast, where the operation broadcasts them all the same."""
    if symbol.known_shape is None or kind(symbol.operation) != "entrywise":
        return symbol.operands
    before = tuple(_source(operand) for operand in symbol.operands)
    shapes = [known_shape(operand) for operand in before]
    return before if None not in shapes and broadcast(*shapes) == symbol.known_shape else symbol.operands  # type: ignore[arg-type]  # none is None


def _source(operand: Any) -> Any:
    stretched = isinstance(operand, Symbol) and operand.operation is np.broadcast_to
    return operand.operands[0] if stretched else operand


def _exchanged(operand: Any, new: Mapping[int, Any]) -> Any:
    if isinstance(operand, (tuple, list)):
        return tuple(_exchanged(part, new) for part in operand)
    return new.get(id(operand), operand) if isinstance(operand, Symbol) else operand


def _in_order(results: Sequence[Any]) -> Iterator[Symbol]:
    """Every Symbol once, operands first."""
    done: set[int] = set()
    waiting = [x for x in reversed(results) if isinstance(x, Symbol)]
    while waiting:
        missing = [part for part in symbols_in(waiting[-1].operands) if id(part) not in done]
        if missing and id(waiting[-1]) not in done:
            waiting.extend(reversed(missing))
            continue
        symbol = waiting.pop()
        if id(symbol) not in done:
            done.add(id(symbol))
            yield symbol


def _all(x: Any) -> Iterator[Symbol]:
    return _in_order([x])
