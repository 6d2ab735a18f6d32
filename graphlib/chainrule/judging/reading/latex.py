r"""Formulas as they are written on paper, in LaTeX or in Unicode, read into the NumPy form that is computed.

What is read: ``dZ_3 A_2^T``, ``dZ_{3} {A_2}^{T}``, ``\frac{1}{m} dZ_3 A_2^T``, ``dZ₃A₂ᵀ``, ``σ′(Z₁)``, ``½ A₁²``.

* Values side by side are a matrix product; beside a number or m they are a plain one, and so are A (1 - A).
  Side by side binds more tightly than a sign: ``A ∗ W^T dZ`` is ``A * (W.T @ dZ)``. ``1/m dZ`` is ``(1/m) dZ``.
* ``*``, ∗, ⊙, ∘ and their LaTeX commands multiply entry by entry. ``@`` is the matrix product. ``\cdot``, ·, × are
  the product that fits, where examples of the values tell, else entry by entry.
* ``_3``, ``_{3}``, ₃, ``^{[3]}`` and ``^{(3)}`` number a name: dZ_3 is dZ3, unless a value is called so to the letter.
* ``^T``, ``^\top`` and ᵀ transpose, also inside the number of a layer, ``A^{[1]T}``, ``A^{[1]^T}``; ``A^{[1]2}`` is a
  square, and every other exponent is a power entry by entry.
* ``x^{(i)}`` is what X has for all examples: a sum over i of ``u^{(i)} v^{(i)T}`` is U Vᵀ.
* σ′ and tanh′ are slopes, taken of what stands in the parentheses; g′ is the slope of what the graph takes there.
  ``∂L/∂Z₃``, ``\nabla_{Z_3} L`` and δ₃ are dZ3.
* ``\sum_{columns}``, ``\sum_j`` and ``\sum_{i=1}^{m}`` sum over the columns and keep the axis, ``\sum_{rows}`` and
  ``\sum_i`` over the rows; ``\sum`` alone adds all entries. Where only another one gives the shape that is asked for,
  that one is meant. A sum takes the whole product behind it.
* What NumPy text has is read too: ``.T``, ``[0]``, ``np.sum(dZ₃, axis=1)``.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Callable, Collection
from typing import Final, final

from chainrule.judging.reading.bounds import DEEPEST
from chainrule.judging.reading.derivatives import gradient_in
from chainrule.judging.reading.fitting import OpenPlaces, summed
from chainrule.judging.reading.forms import (
    MODULES,
    complementary,
    is_negative,
    is_scalar,
    name_in,
    name_node,
    number_in,
    of_numpy,
)
from chainrule.judging.reading.grammar import (
    ANY_ACTIVATION,
    BEGINS,
    CLOSING,
    COMPARISONS,
    FUNCTION_WORDS,
    IN_NUMPY,
    LITERALS,
    LOGIC,
    LOSSES,
    PRODUCTS,
    SLOPES,
)
from chainrule.judging.reading.lexer import Token
from chainrule.judging.reading.messages import readable
from chainrule.judging.reading.passage import Passage
from chainrule.judging.reading.scope import activation_of
from chainrule.judging.reading.token_reader import TokenReader
from chainrule.judging.reading.vocabulary import FUNCTIONS


@final
class ExpressionParser(TokenReader):
    """Reads tokens into an expression; every method reads one level of the grammar, the loosest first."""

    def __init__(self, passage: Passage, known: Collection[str], places: OpenPlaces) -> None:
        super().__init__(passage, known)
        self.depth, self.open = 0, places

    def run(self) -> ast.expr:
        """The whole text as one expression."""
        tree = self._comparison()
        if self._next.kind != "end":
            raise self._unexpected()
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id.startswith("∂"):
                raise self.passage.error(node.col_offset, "∂ stands only in a gradient such as ∂L/∂Z₃")
        return tree

    # - the levels

    def _comparison(self) -> ast.expr:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.passage.error(self._next.start, f"parentheses stand more than {DEEPEST} deep")
        left = self._logic(0)
        operators, others = [], []
        while found := self._take(*COMPARISONS):
            operators.append(COMPARISONS[found.kind]())
            others.append(self._logic(0))
        self.depth -= 1
        return self._make(ast.Compare(left, operators, others), left.col_offset) if operators else left

    def _logic(self, level: int) -> ast.expr:
        if level == len(LOGIC):
            return self._sum()
        sign, operator = LOGIC[level]
        left = self._logic(level + 1)
        while self._take(sign):
            left = self._operation(left, operator, self._logic(level + 1))
        return left

    def _sum(self) -> ast.expr:
        left = self._product()
        while sign := self._take("+", "-"):
            left = self._operation(left, ast.Add if sign.kind == "+" else ast.Sub, self._product())
        return left

    def _product(self) -> ast.expr:
        left = self._signed(self._side_by_side)
        while sign := self._take(*PRODUCTS):
            if sign.kind == "/":
                left = self._quotient(left)
            elif sign.kind == "·":
                left = self._fitting(left)
            else:
                left = self._operation(left, PRODUCTS[sign.kind], self._dotted())
        return left

    def _dotted(self) -> ast.expr:
        """Factors with a dot between: A ∗ Wᵀ · dZ is A ∗ (Wᵀ · dZ)."""
        left = self._signed(self._side_by_side)
        while self._take("·"):
            left = self._fitting(left)
        return left

    def _fitting(self, left: ast.expr) -> ast.expr:
        """A product with a dot: the shapes say of which kind it is."""
        product = self._operation(left, ast.Mult, self._signed(self._side_by_side))
        self.open.dotted.append(product)
        return product

    def _signed(self, operand: Callable[[], ast.expr]) -> ast.expr:
        """-x, +x, ~x, as often as somebody wrote them."""
        signs = []
        while sign := self._take("+", "-", "~"):
            signs.append(sign)
        if len(signs) > DEEPEST:
            raise self.passage.error(signs[0].start, f"{len(signs)} signs stand before one value")
        tree = operand()
        for sign in reversed(signs):
            operators = {"+": ast.UAdd, "-": ast.USub, "~": ast.Invert}
            tree = self._make(ast.UnaryOp(operators[sign.kind](), tree), sign.start)
        return tree

    def _quotient(self, left: ast.expr) -> ast.expr:
        """left / divisor, and what stands beside a divisor that is a number: 1/m dZ is (1/m) dZ."""
        divisor = self._signed(self._power)
        quotient = self._divided(left, divisor)
        if self._next.kind not in BEGINS:
            return quotient
        start = self._next.start
        factors = self._factors()
        if isinstance(quotient, ast.BinOp) and (not is_scalar(divisor) or is_scalar(factors[0])):
            raise self.passage.error(start, "it is unclear what the / divides by", "parentheses: 1/(2m), (1/2)m")
        return self._joined([quotient, *factors])

    def _divided(self, left: ast.expr, right: ast.expr) -> ast.expr:
        """left / right, which is a gradient for ∂L / ∂Z and dL / dZ."""
        try:
            gradient = gradient_in(left, right, self.known)
        except ValueError as error:
            remedy = "what it comes to, such as W3.T or A3 * (1 - A3); ∂L/∂Z₃ is the gradient dZ3"
            raise self.passage.error(left.col_offset, str(error), remedy) from None
        if gradient is None:
            return self._operation(left, ast.Div, right)
        return self._make(gradient, left.col_offset)

    def _side_by_side(self) -> ast.expr:
        return self._joined(self._factors())

    def _factors(self) -> list[ast.expr]:
        factors = [self._power()]
        while self._next.kind in BEGINS:
            if self._next.kind in ("number", "fraction"):
                raise self.passage.error(
                    self._next.start, "a number stands before a value, not behind it", "2 A, A * 2"
                )
            factors.append(self._power())
        return factors

    def _joined(self, factors: list[ast.expr]) -> ast.expr:
        """Factors side by side: A (1 - A) first, then from the left, as a matrix product unless one is a number."""
        tree: list[ast.expr] = []
        for factor in factors:
            if tree and complementary(tree[-1], factor):
                tree.append(self._operation(tree.pop(), ast.Mult, factor))
            else:
                tree.append(factor)
        product, number = tree[0], is_scalar(tree[0])
        for factor in tree[1:]:
            plain = is_scalar(factor)
            product = self._operation(product, ast.Mult if number or plain else ast.MatMult, factor)
            if not (number or plain):
                self.open.beside.append(product)
            number = number and plain
        return product

    def _power(self) -> ast.expr:
        start = self._next.start
        base = self._postfix(self._atom())
        while found := self._take("^", "**", "power"):
            base = self._postfix(self._make(self._raised(base, self._exponent(found), found), start))
        return base

    def _raised(self, base: ast.expr, exponent: ast.expr, found: Token) -> ast.expr:
        """base to the exponent, where e^z is the exponential unless a value is called e."""
        if isinstance(base, ast.Name) and base.id == "e" and "e" not in self.known:
            return ast.Call(of_numpy("exp"), [exponent], [])
        if found.kind != "**" and is_negative(exponent) and not is_scalar(base):
            raise self.passage.error(
                found.start, "an inverse could mean the matrix or its entries", "1 / A, entry by entry"
            )
        return ast.BinOp(base, ast.Pow(), exponent)

    def _exponent(self, found: Token) -> ast.expr:
        if found.kind == "power":
            return self._number(found)
        if found.kind == "**":
            return self._signed(self._power)
        self._take("*")  # A^{\circ 2}
        if self._take("{"):
            self._take("*")
            tree = self._comparison()
            self._expect("}")
            return tree
        return self._signed(self._atom)

    def _postfix(self, tree: ast.expr) -> ast.expr:
        while True:
            token = self._next
            if self._take("T"):
                tree = self._make(ast.Attribute(tree, "T", ast.Load()), tree.col_offset)
            elif token.kind == "." and self._take("."):
                tree = self._attribute(tree)
            elif token.kind == "[" and token.start == self.tokens[self.position - 1].end:
                self._take("[")
                tree = self._make(ast.Subscript(tree, self._index(), ast.Load()), tree.col_offset)
            elif self._take("example"):
                self.open.examples[id(tree)] = (token.text, tree)
            elif token.kind == "′":
                raise self.passage.error(token.start, "a prime is the slope of σ, tanh or relu", "A^T is a transpose")
            else:
                return tree

    def _attribute(self, tree: ast.expr) -> ast.expr:
        name = self._expect("name")
        if isinstance(tree, ast.Name) and tree.id in ("np", "numpy"):
            tree = ast.Name("np", ast.Load())
        found = self._make(ast.Attribute(tree, name.text, ast.Load()), name.start)
        return self._call(found, name.start) if self._take("(") else found

    # - the smallest pieces

    def _atom(self) -> ast.expr:
        token = self._next
        read = _ATOMS.get(token.kind)
        if read is None:
            raise self._unexpected(", where a value should")
        self.position += 1
        return read(self, token)

    def _part(self, token: Token) -> ast.expr:
        above, below = map(int, token.text.split("/"))
        return self._make(ast.BinOp(ast.Constant(above), ast.Div(), ast.Constant(below)), token.start)

    def _list(self, token: Token) -> ast.expr:
        return self._make(ast.List(self._items("]", self._comparison), ast.Load()), token.start)

    def _fraction(self, token: Token) -> ast.expr:
        above, below = self._group_or_token(), self._group_or_token()
        tree = self._divided(above, below)
        tree.col_offset = token.start
        return tree

    def _root(self, token: Token) -> ast.expr:
        if self._next.kind == "[":
            raise self.passage.error(token.start, "only the square root has a sign here", "A^{1/3}")
        return self._make(ast.Call(of_numpy("sqrt"), [self._group_or_token()], []), token.start)

    def _partial(self, token: Token) -> ast.expr:
        above = ast.Name("∂" + self._braced_name().text, ast.Load())
        if above.id[1:] in LOSSES and self._next.kind == "/" and self.tokens[self.position + 1].kind == "∂":
            self.position += 2
            return self._divided(self._make(above, token.start), ast.Name("∂" + self._braced_name().text, ast.Load()))
        return self._make(above, token.start)

    def _braced_name(self) -> Token:
        r"""The name that \partial and d take; it may stand in braces, as in \partial \mathcal{L}."""
        if not self._take("{"):
            return self._expect("name")
        name = self._expect("name")
        self._expect("}")
        return name

    def _text(self, token: Token) -> ast.expr:
        return self._make(ast.Constant(token.text), token.start)

    def _number(self, token: Token) -> ast.expr:
        value = number_in(token.text)
        if value is None:
            raise self.passage.error(token.start, f"{readable(token.text)} is no number")
        if value < 0:
            return self._make(ast.UnaryOp(ast.USub(), ast.Constant(-value)), token.start)
        return self._make(ast.Constant(value), token.start)

    def _named(self, token: Token) -> ast.expr:
        """A value, or a function with what it is taken of."""
        name, at = token.text, token.start
        if name in LITERALS and name not in self.known:
            return self._make(ast.Constant(LITERALS[name]), at)
        function = FUNCTION_WORDS.get(name, name)
        if name not in self.known and function in FUNCTIONS and self._is_taken_of_something():
            return self._function(function, token)
        activation = self._activation(token)
        if activation is not None:
            return activation
        if name == "π" and name not in self.known:
            return self._make(of_numpy("pi"), at)
        ahead = [token.kind for token in self.tokens[self.position : self.position + 3]]
        if name == "d" and name not in self.known and (ahead[0] == "name" or ahead == ["{", "name", "}"]):
            return self._make(name_node("d" + self._braced_name().text), at)
        if keyword.iskeyword(name) and name not in self.known:
            raise self.passage.error(at, f"{name!r} is a word of Python that formulas do not have")
        numpys = name in MODULES and self._next.kind == "."
        return self._make(ast.Name(name, ast.Load()) if numpys else name_node(name), at)

    def _activation(self, token: Token) -> ast.expr | None:
        """g(Z₁) and g′(Z₁), where g is whatever function the graph takes of Z₁."""
        start, at = self.position, token.start
        if token.base not in ANY_ACTIVATION or token.text in self.known:
            return None
        slope = False
        while self._take("′"):
            slope = True
        if self._next.kind not in ("(", "{"):
            self.position = start
            return None
        opening = self._expect(self._next.kind)
        operand = self._comparison()
        self._expect(CLOSING[opening.kind])
        function = activation_of(self.known, name_in(operand) or "", f"Z{token.number}")
        if function is None and slope:
            raise self.passage.error(at, f"what {token.base} is, is not known here", "σ'(Z_1), \\tanh'(Z_1)")
        if function is None:
            self.position = start
            return None
        name = SLOPES.get(function, f"{function}_slope") if slope else function
        called = of_numpy(name) if name in IN_NUMPY else ast.Name(name, ast.Load())
        return self._make(ast.Call(called, [operand], []), at)

    def _is_taken_of_something(self) -> bool:
        ahead = self.position
        while self.tokens[ahead].kind in ("′", "power", "^"):
            ahead += 1
        return self.tokens[ahead].kind in BEGINS

    def _function(self, name: str, token: Token) -> ast.expr:
        """σ(Z), σ′(Z), log Z, tanh²(Z)."""
        if self._take("′"):
            if name not in SLOPES:
                raise self.passage.error(token.start, f"the slope of {name} has no name here", "its formula")
            name = SLOPES[name]
        raised = self._take("power", "^")
        power = self._exponent(raised) if raised else None
        called = of_numpy(name) if name in IN_NUMPY else ast.Name(name, ast.Load())
        if self._next.kind in ("(", "{"):
            opening = self._expect(self._next.kind)
            tree = self._call(self._make(called, token.start), token.start, CLOSING[opening.kind])
            if name in ("max", "min") and isinstance(tree, ast.Call) and len(tree.args) == 2 and not tree.keywords:
                tree.func = of_numpy(f"{name}imum")  # max(0, Z) is the larger one, entry by entry
        else:
            tree = self._make(ast.Call(called, [self._power()], []), token.start)
        return self._make(ast.BinOp(tree, ast.Pow(), power), token.start) if power else tree

    def _call(self, function: ast.expr, start: int, closing: str = ")") -> ast.expr:
        arguments: list[ast.expr] = []
        options: list[ast.keyword] = []
        for given in self._items(closing, self._argument):
            if isinstance(given, ast.keyword):
                options.append(given)
            else:
                arguments.append(given)
        return self._make(ast.Call(function, arguments, options), start)

    def _argument(self) -> ast.expr | ast.keyword:
        """A value, or axis=1."""
        if self._next.kind != "name" or self.tokens[self.position + 1].kind != "=":
            return self._comparison()
        name = self._expect("name")
        self._expect("=")
        return ast.keyword(name.text, self._comparison())

    def _total(self, token: Token) -> ast.expr:
        """A sum takes the whole product behind it."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.passage.error(token.start, f"sums stand more than {DEEPEST} deep")
        operand = self._product()
        self.depth -= 1
        of_examples = self.open.is_by_example(operand, token.base)
        operand, done = self.open.of_all_examples(operand) if of_examples else (operand, False)
        if done:
            return operand
        total, axes = summed(operand, "examples" if of_examples else token.text)
        self.open.sums.append((total, axes))
        return self._make(total, token.start)

    def _group(self, token: Token) -> ast.expr:
        """A value in parentheses, an absolute value, or a tuple of numbers."""
        if token.kind == "abs(":
            tree = self._comparison()
            self._expect(")abs")
            return self._make(ast.Call(of_numpy("abs"), [tree], []), token.start)
        items = self._items(CLOSING[token.kind], self._comparison)
        comma = self.tokens[self.position - 2].kind == ","
        if len(items) == 1 and not comma:
            return items[0]
        if token.kind == "{":
            raise self.passage.error(token.start, "braces hold one value")
        return self._make(ast.Tuple(items, ast.Load()), token.start)

    def _bars(self, token: Token) -> ast.expr:
        """|x|, where a value has to begin; between two values the bar is the "or" of NumPy."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.passage.error(token.start, f"bars stand more than {DEEPEST} deep")
        tree = self._sum()
        self._expect("|")
        self.depth -= 1
        return self._make(ast.Call(of_numpy("abs"), [tree], []), token.start)

    def _index(self) -> ast.expr:
        if self._next.kind == "]":
            raise self._unexpected(", where an index should")
        parts = self._items("]", self._slice)
        return parts[0] if len(parts) == 1 else ast.Tuple(parts, ast.Load())

    def _slice(self) -> ast.expr:
        bounds: list[ast.expr | None] = [self._bound()]
        while len(bounds) < 3 and self._take(":"):
            bounds.append(self._bound())
        if len(bounds) > 1:
            return ast.Slice(*bounds)
        if bounds[0] is None:
            raise self._unexpected(", where an index should")
        return bounds[0]

    def _bound(self) -> ast.expr | None:
        return None if self._next.kind in (":", ",", "]") else self._comparison()

    def _group_or_token(self) -> ast.expr:
        r"""What \frac and \sqrt take: a group in braces, or one digit, or one name."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.passage.error(self._next.start, f"fractions or roots stand more than {DEEPEST} deep")
        token = self._next
        if token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
            self.tokens[self.position] = token._replace(text=token.text[1:], start=token.start + 1)
            digit: ast.expr = ast.Constant(int(token.text[0]))
            tree = self._make(digit, token.start)
        else:
            tree = self._atom()
        self.depth -= 1
        return tree


_ATOMS: Final[dict[str, Callable[[ExpressionParser, Token], ast.expr]]] = {
    "number": ExpressionParser._number,
    "fraction": ExpressionParser._part,
    "name": ExpressionParser._named,
    "sum": ExpressionParser._total,
    "(": ExpressionParser._group,
    "{": ExpressionParser._group,
    "abs(": ExpressionParser._group,
    "|": ExpressionParser._bars,
    "[": ExpressionParser._list,
    "frac": ExpressionParser._fraction,
    "√": ExpressionParser._root,
    "∂": ExpressionParser._partial,
    "string": ExpressionParser._text,
}


def read(passage: Passage, known: Collection[str] = (), places: OpenPlaces | None = None) -> ast.expr:
    r"""A formula in LaTeX or Unicode as an expression in plain NumPy form, each node with where it begins in the text.

    What the notation leaves open is added to ``places``. Raises FormulaError, with line and column, for text that
    cannot be read.

    >>> ast.unparse(read(Passage(r"\frac{1}{m} dZ_3 A_2^T")))
    '1 / m * dZ3 @ A2.T'
    >>> ast.unparse(read(Passage("dA₂ ⊙ σ′(Z₂)")))
    'dA2 * sigmoid_slope(Z2)'
    """
    return ExpressionParser(passage, known, OpenPlaces() if places is None else places).run()
