"""What every reader of tokens does: look at the next one, take it, and make nodes that know where they begin."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import TypeVar

from chainrule.errors import FormulaError
from chainrule.judging.reading.bounds import MOST_NODES
from chainrule.judging.reading.grammar import SHOWN
from chainrule.judging.reading.lexer import Lexer, Token
from chainrule.judging.reading.messages import readable
from chainrule.judging.reading.passage import Passage

Item = TypeVar("Item")
Expression = TypeVar("Expression", bound=ast.expr)


class TokenReader(ABC):
    """The tokens of a passage, read from the first to the last; the grammar is a subclass's."""

    def __init__(self, passage: Passage, known: Collection[str]) -> None:
        self.passage, self.known = passage, known
        self.tokens = Lexer(passage, known).run()
        self.position, self.made = 0, 0

    @abstractmethod
    def run(self) -> ast.expr:
        """The whole text as one expression."""

    @property
    def _next(self) -> Token:
        return self.tokens[self.position]

    def _take(self, *kinds: str) -> Token | None:
        if self._next.kind not in kinds:
            return None
        self.position += 1
        return self.tokens[self.position - 1]

    def _expect(self, kind: str) -> Token:
        found = self._take(kind)
        if found is None:
            raise self._unexpected(f", where {SHOWN.get(kind, repr(kind))} should stand")
        return found

    def _unexpected(self, where: str = "") -> FormulaError:
        token = self._next
        shown = token.text if token.kind == "end" else readable(token.text)
        remedy = "parse takes what stands to the right of the equals sign" if token.kind == "=" else ""
        return self.passage.error(token.start, f"{shown} cannot stand here{where}", remedy)

    def _make(self, node: Expression, start: int) -> Expression:
        """The node with the place where it begins; the number of nodes is bounded while they are made."""
        self.made += 1
        if self.made > MOST_NODES:
            raise self.passage.error(start, f"the formula has more than {MOST_NODES} parts")
        node.col_offset = start
        return node

    def _operation(self, left: ast.expr, operator: type[ast.operator], right: ast.expr) -> ast.BinOp:
        return self._make(ast.BinOp(left, operator(), right), left.col_offset)

    def _items(self, closing: str, read: Callable[[], Item]) -> list[Item]:
        """What stands between commas, up to the closing bracket."""
        items: list[Item] = []
        while not self._take(closing):
            items.append(read())
            if self._next.kind != closing and not self._take(","):
                raise self._unexpected(f", where {closing!r} should stand")
        return items
