r"""Formulas as they are written on paper, in LaTeX or in Unicode, read into the NumPy form that is computed.

What is read: ``dZ_3 A_2^T``, ``dZ_{3} {A_2}^{T}``, ``\frac{1}{m} dZ_3 A_2^T``, ``dZ₃A₂ᵀ``, ``σ′(Z₁)``, ``½ A₁²``.

* Values side by side are a matrix product; beside a number or m they are a plain one, and so are A (1 - A).
  Side by side binds more tightly than a sign: ``A ∗ W^T dZ`` is ``A * (W.T @ dZ)``. ``1/m dZ`` is ``(1/m) dZ``.
* ``*``, ∗, ⊙, ∘, ·, × and their LaTeX commands multiply entry by entry. ``@`` is the matrix product.
* ``_3``, ``_{3}``, ₃ and ``^{[3]}`` number a name: dZ_3 is dZ3, unless a value is called dZ_3 to the letter.
* ``^T``, ``^\top`` and ᵀ transpose; every other exponent is a power entry by entry.
* σ′ and tanh′ are slopes, taken of what stands in the parentheses. ``∂L/∂Z₃`` is dZ3.
* ``\sum_{columns}``, ``\sum_j`` and ``\sum_{i=1}^{m}`` sum over the columns and keep the axis, ``\sum_{rows}`` and
  ``\sum_i`` over the rows; ``\sum`` alone adds all entries. A sum takes the whole product behind it.
* What NumPy text has is read too: ``.T``, ``[0]``, ``np.sum(dZ₃, axis=1)``.
"""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar, final

from chainrule.errors import FormulaError, did_you_mean
from chainrule.judging.reading.vocabulary import FUNCTIONS

Item = TypeVar("Item")

DEEPEST: Final = 60
"""How deep parentheses may stand inside each other, and half as deep as operations may."""

MOST_NODES: Final = 500
"""How many nodes the expression of a formula may have."""

MOST_TOKENS: Final = 1_500
"""How many tokens its text may have: names, numbers and signs."""

LONGEST_NUMBER: Final = 400
"""How many digits a number may have; the largest float has 309 before the point."""


@final
@dataclass(frozen=True)
class Source:
    """A piece of text and where it begins, so that an error can name line and column."""

    text: str
    line: int = 1
    column: int = 1

    def error(self, at: int, what: str, remedy: str = "") -> FormulaError:
        """A FormulaError at a character of the text."""
        before = self.text[:at]
        line = before.count("\n")
        column = at - (before.rfind("\n") + 1) + (1 if line else self.column)
        return FormulaError(what, where=f"line {self.line + line}, column {column}", remedy=remedy)


def readable(text: str) -> str:
    r"""A piece of foreign text for a message: in quotes, short, with nothing in it that cannot be printed.

    >>> print(readable(r"\hat"), readable("a\tb"), readable("\u200b"))
    '\hat' 'a\tb' '\u200b'
    """
    shown = text[:40]
    unseen = any(unicodedata.category(character)[0] == "C" for character in shown)
    return ascii(shown) if unseen else repr(shown).replace(r"\\", "\\")


def name_node(name: str) -> ast.expr:
    """The name as Python writes it: ``dW3``, or ``values['layer 1/Z']`` for one that is none to Python."""
    if name.isidentifier() and not keyword.iskeyword(name):
        return ast.Name(name, ast.Load())
    return ast.Subscript(ast.Name("values", ast.Load()), ast.Constant(name), ast.Load())


# --- tokens ------------------------------------------------------------------------------------------------------


class Token(NamedTuple):
    """A piece of a formula: what it is, its text, and where it stands."""

    kind: str  # "number", "name", "string", "sum", or the sign itself
    text: str
    start: int
    end: int
    base: str = ""  # of a name: without its number
    number: str = ""


_STYLES: Final = tuple(
    "mathbf bold boldsymbol bm mathrm mathit mathsf mathcal mathscr rm bf text textbf textit textrm operatorname boxed"
    " small large Large LARGE huge Huge normalsize displaystyle textstyle left right big Big bigl bigr Bigl Bigr bigg"
    " Bigg biggl biggr limits nolimits quad qquad".split()
)
_SKIPPED: Final = re.compile(
    rf"[\s\u2061-\u2064\ufe0e]+|\\[,;:!> ]|\\\\|\\[()]|\$+|\\(?:{'|'.join(_STYLES)})\*?(?![A-Za-z])"
    r"|\\(?:color|hspace)\*?\s*\{[^{}]*\}|\\textcolor\s*\{[^{}]*\}"
)
_NUMBER: Final = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_ONE_SIGN_FRACTION: Final = re.compile(r"(\d+)\u2044(\d+)", re.ASCII)
_STRING: Final = re.compile(r"""'[A-Za-z,> -]*'|"[A-Za-z,> -]*\"""")
_LONGEST_SPLIT: Final = 40  # a longer word is one name
_RAISED_LETTERS: Final = frozenset("ᵀᵗⁿⁱ")
_PLAIN_WORD: Final = re.compile(r"[A-Za-z]\w*", re.ASCII)
_BRACED_WORD: Final = re.compile(
    r"\{\s*([A-Za-z][A-Za-z0-9]*)\s*\}(?=\s*(?:\\?_|\^\s*(?:\{\s*)?\[|(?:\\left\s*)?\())"
    r"|\{\s*(d)\s*\}(?=\s*(?:[A-Za-z]|\\math[a-z]+))"
)
_COMMAND: Final = re.compile(r"\\([A-Za-z]+)")
_LOW: Final = {ord(low): str(digit) for digit, low in enumerate("₀₁₂₃₄₅₆₇₈₉")} | {
    ord(low): high for low, high in zip("ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", "aehijklmnoprstuvx", strict=True)
}
_HIGH: Final = {ord(high): digit for high, digit in zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+", strict=True)}
_LOW_RUN: Final = re.compile(f"[{''.join(map(chr, _LOW))}]+")
_HIGH_RUN: Final = re.compile(f"[{''.join(map(chr, _HIGH))}]+")
_TRANSPOSE: Final = re.compile(
    r"[ᵀᵗ⊤]|\^\s*(?:[T⊤]|\\(?:top|intercal)(?![A-Za-z])|\\(?:mathsf|mathrm|text)\s*(?:\{\s*T\s*\}|T)"
    r"|\{\s*(?:T|⊤|\\(?:top|intercal)|\\(?:mathsf|mathrm|text|sf|rm)\s*(?:\{\s*T\s*\}|T))\s*\})"
)
_PRIME: Final = re.compile(r"['′’]|\\prime(?![A-Za-z])|\^\s*(?:\\prime(?![A-Za-z])|\{\s*(?:\\prime|['′])\s*\})")
_LAYER: Final = re.compile(r"\^\s*(?:\{\s*)?\[\s*(\w+)\s*\]\s*(T|\\top)?\s*(\})?")
_SUBSCRIPT: Final = re.compile(r"\s*\\?_\s*")
_SUM: Final = re.compile(r"\\sum(?![A-Za-z])|[∑Σ]")
_SUM_WORD: Final = re.compile(r"\\?_(columns|rows)(?![A-Za-z])")
_SUM_BOUND: Final = re.compile(r"\s*\\?([_^])\s*(?:\{([^{}]*)\}|\{\s*\\\w+\s*\{([^{}]*)\}\s*\}|(\w))")
_SUBSCRIPT_IN_SUBSCRIPT: Final = re.compile(r"\\?[_*]\s*\{.*", re.DOTALL)
_COMMANDS_AND_SPACE: Final = re.compile(r"\\[A-Za-z]+|[\s{}\\]")
_ARGUMENT: Final = re.compile(r"\d+|\w")
_SHAPE_NOTE: Final = re.compile(r"(?:\\ |\s)*\(?\s*\w+\s*(?:\\times|×|x)\s*\w+\s*\)?\s*")

_SIGNS: Final = {
    "**": "**", "<=": "<=", ">=": ">=", "==": "==", "!=": "!=",
    "+": "+", "-": "-", "−": "-", "–": "-", "/": "/", "÷": "/", "∕": "/", "⁄": "/", "@": "@",
    "*": "*", "∗": "*", "⊙": "*", "∘": "*", "·": "*", "⋅": "*", "×": "*", "•": "*", "⊗": "*",
    "<": "<", ">": ">", "≤": "<=", "≥": ">=", "≠": "!=", "=": "=",
    "&": "&", "|": "|", "∧": "&", "∨": "|", "~": "~", "^": "^", ".": ".", ",": ",", ":": ":",
    "(": "(", ")": ")", "[": "[", "]": "]", "{": "{", "}": "}", "∂": "∂", "√": "√",
}  # fmt: skip
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
_COMMANDS: Final = {
    "ast": "*", "odot": "*", "circ": "*", "cdot": "*", "times": "*", "bullet": "*", "star": "*",
    "div": "/", "le": "<=", "leq": "<=", "ge": ">=", "geq": ">=", "ne": "!=", "neq": "!=", "lt": "<", "gt": ">",
    "land": "&", "wedge": "&", "lor": "|", "vee": "|",
    "partial": "∂", "frac": "frac", "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "sqrt": "√",
    "lbrack": "(", "rbrack": ")", "lparen": "(", "rparen": ")", "lvert": "abs(", "rvert": ")abs",
}  # fmt: skip
_FUNCTION_WORDS: Final = {"ln": "log", "σ": "sigmoid", "Φ": "normal_cdf", "ReLU": "relu", "tanh": "tanh"}
_GREEK: Final = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "Delta": "Δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "Theta": "Θ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "phi": "φ", "Phi": "Φ", "varphi": "φ", "psi": "ψ", "omega": "ω", "Omega": "Ω",
    "kappa": "κ", "chi": "χ", "ell": "ℓ",
}  # fmt: skip
_SPELLED: Final = {letter: name for name, letter in _GREEK.items() if not name.startswith("var")}
_SLOPES: Final = {
    "sigmoid": "sigmoid_slope",
    "tanh": "tanh_slope",
    "relu": "relu_slope",
    "softplus": "sigmoid",
    "exp": "exp",
    "sin": "cos",
}
_IN_NUMPY: Final = frozenset("log exp tanh sin cos sqrt max min abs sum mean maximum minimum".split())
_LOSSES: Final = frozenset("L J C E ℓ ℒ loss Loss cost Cost".split())
_REFUSED_COMMANDS: Final = {
    "begin": "a table such as cases or a matrix is no formula of whole values",
    "implies": "one formula at a time",
    "hat": "an accent is no part of a name here",
}


def _is_letter(character: str) -> bool:
    return character.isalpha() and ord(character) not in _LOW and character not in _RAISED_LETTERS


def _plain(word: str) -> str:
    """The word in the letters that Python takes for the same, but for ℓ, which it takes for an l."""
    return "ℓ".join(unicodedata.normalize("NFKC", part) for part in word.split("ℓ"))


@final
class Lexer:
    """Cuts the text into tokens."""

    def __init__(self, source: Source, known: Collection[str]) -> None:
        self.source, self.text, self.known = source, source.text, known
        self.at, self.tokens = 0, list[Token]()

    def run(self) -> list[Token]:
        """All tokens, an "end" behind them."""
        while self.at < len(self.text):
            skipped = _SKIPPED.match(self.text, self.at)
            if skipped:
                self.at = skipped.end()
            elif not any(read() for read in self._readers()):
                raise self._unreadable()
        return [*self.tokens, Token("end", "the end", len(self.text), len(self.text))]

    def _readers(self) -> tuple[Callable[[], bool], ...]:
        return (
            self._bars,
            self._string,
            self._layer,
            self._transpose,
            self._prime,
            self._exponent,
            self._subscript_of_group,
            self._number,
            self._sum,
            self._command,
            self._word,
            self._fraction,
            self._sign,
        )

    def _put(self, token: Token) -> bool:
        if len(self.tokens) >= MOST_TOKENS:
            raise self.source.error(self.at, "the formula has too many parts")
        self.tokens.append(token)
        self.at = token.end
        return True

    def _add(self, kind: str, text: str, end: int) -> bool:
        return self._put(Token(kind, text, self.at, end))

    def _last(self, *kinds: str) -> bool:
        return bool(self.tokens) and self.tokens[-1].kind in kinds

    def _bars(self) -> bool:
        r"""\left| … \right| is an absolute value; \{ \} are parentheses."""
        two = self.text[self.at : self.at + 2]
        if two in (r"\{", r"\}", r"\[", r"\]"):
            return self._add("(" if two[1] in "{[" else ")", two, self.at + 2)
        if not self.text.startswith("|", self.at):
            return False
        before = self.text[: self.at].rstrip()
        kind = "abs(" if before.endswith(r"\left") else ")abs" if before.endswith(r"\right") else "|"
        return self._add(kind, "|", self.at + 1)

    def _string(self) -> bool:
        found = _STRING.match(self.text, self.at) if self._last("(", "[") else None
        return self._add("string", found[0][1:-1], found.end()) if found else False

    def _layer(self) -> bool:
        """W^{[2]} and W^{[2]T}, the number of a layer in square brackets."""
        found = _LAYER.match(self.text, self.at)
        if not found:
            return False
        if not self._last("name"):
            raise self.source.error(self.at, "the number of a layer belongs to a name", "W^{[2]}")
        name = self.tokens.pop()
        self.tokens.append(self._named(name.base, name.number + found[1], name.start, found.end()))
        self.at = found.end()
        return self._add("T", "T", self.at) if found[2] else True

    def _transpose(self) -> bool:
        found = _TRANSPOSE.match(self.text, self.at)
        return self._add("T", found[0], found.end()) if found and self.tokens else False

    def _prime(self) -> bool:
        found = _PRIME.match(self.text, self.at)
        return self._add("′", found[0], found.end()) if found else False

    def _exponent(self) -> bool:
        found = _HIGH_RUN.match(self.text, self.at)
        return self._add("power", found[0].translate(_HIGH), found.end()) if found else False

    def _number(self) -> bool:
        found = _NUMBER.match(self.text, self.at)
        if found and len(found[0]) > LONGEST_NUMBER:
            raise self.source.error(self.at, f"a number of {len(found[0])} digits has more than {LONGEST_NUMBER}")
        return self._add("number", found[0], found.end()) if found else False

    def _fraction(self) -> bool:
        """½ and its like."""
        found = _ONE_SIGN_FRACTION.fullmatch(unicodedata.normalize("NFKC", self.text[self.at]))
        return self._add("fraction", f"{found[1]}/{found[2]}", self.at + 1) if found else False

    def _sum(self) -> bool:
        found = _SUM.match(self.text, self.at)
        if not found or ("Σ" in self.known and found[0] == "Σ"):
            return False
        start, bounds = self.at, {"_": "", "^": ""}
        self.at = found.end()
        low = _LOW_RUN.match(self.text, self.at)
        if low:
            bounds["_"], self.at = low[0].translate(_LOW), low.end()
        word = _SUM_WORD.match(self.text, self.at)
        if word:
            bounds["_"], self.at = word[1], word.end()
        while bound := _SUM_BOUND.match(self.text, self.at):
            bounds[bound[1]] = next(group for group in bound.groups()[1:] if group is not None)
            self.at = bound.end()
        return self._put(Token("sum", self._summed(start, bounds["_"], bounds["^"]), start, self.at))

    def _summed(self, start: int, low: str, high: str) -> str:
        """What a sum runs over: "columns", "rows" or "all"."""
        index = _COMMANDS_AND_SPACE.sub("", low).partition("=")[0]
        if index in ("columns", "j", "examples") or high.strip() == "m":
            return "columns"
        if index in ("rows", "i"):
            return "rows"
        if not index:
            return "all"
        raise self.source.error(
            start, f"a sum over {readable(low)} could mean rows or columns", r"\sum_{columns} or \sum_{rows}"
        )

    def _command(self) -> bool:
        found = _COMMAND.match(self.text, self.at)
        if not found:
            return False
        command, end = found[1], found.end()
        if command in _COMMANDS:
            return self._add(_COMMANDS[command], found[0], end)
        if command in _GREEK:
            return self._name(_GREEK[command], end)
        if command in ("mathbb", "mathds"):
            raise self.source.error(self.at, "an indicator is written as its condition", "(Z_1 > 0)")
        if command in FUNCTIONS or command in _FUNCTION_WORDS:
            return self._put(Token("name", command, self.at, end, command))
        if command in _REFUSED_COMMANDS:
            raise self.source.error(self.at, f"{readable(found[0])}: {_REFUSED_COMMANDS[command]}")
        close = did_you_mean(command, [*_COMMANDS, *_GREEK, *_STYLES, *FUNCTIONS, *_FUNCTION_WORDS])
        raise self.source.error(self.at, f"the command {close} is not read in formulas")

    def _word(self) -> bool:
        """A word with its number; one written with an underscore is taken to the letter where that has a meaning."""
        plain = _PLAIN_WORD.match(self.text, self.at)
        if plain and "_" in plain[0] and (plain[0] in self.known or plain[0] in FUNCTIONS):
            return self._put(Token("name", plain[0], self.at, plain.end(), plain[0]))
        braced = _BRACED_WORD.match(self.text, self.at)
        if braced:
            return self._name(braced[1] or braced[2], braced.end())
        end = self._word_end()
        return end > self.at and self._name(_plain(self.text[self.at : end]), end)

    def _word_end(self) -> int:
        """Letters and plain digits make a word; lowered and raised ones end it."""
        end = self.at
        while end < len(self.text) and (
            _is_letter(self.text[end]) or (end > self.at and self.text[end] in "0123456789")
        ):
            end += 1
        return end

    def _name(self, base: str, end: int) -> bool:
        """A name with its number, or the known names that somebody wrote without a space between: ``WX``, ``mA₂``."""
        number, end = self._number_of(end)
        for piece in (pieces := self._pieces(base, number))[:-1]:
            self._add("name", piece, self.at + len(piece))
        last = base[sum(map(len, pieces[:-1])) :]
        return self._put(self._named(last, number, self.at, end))

    def _pieces(self, base: str, number: str) -> list[str]:
        """The word as it is where it means something, else as known names and a last one that takes the number."""
        pieces, rest = list[str](), base
        while self.known and not self._means_something(rest, number):
            cut = next((k for k in range(len(rest) - 1, 0, -1) if rest[:k] in self.known), None)
            if cut is None or len(base) > _LONGEST_SPLIT:
                return [base]
            pieces.append(rest[:cut])
            rest = rest[cut:]
        return [*pieces, rest]

    def _means_something(self, base: str, number: str) -> bool:
        return self._resolved(base, number) in self.known or base in FUNCTIONS or base in _FUNCTION_WORDS

    def _named(self, base: str, number: str, start: int, end: int) -> Token:
        return Token("name", self._resolved(base, number), start, end, base, number)

    def _resolved(self, base: str, number: str) -> str:
        """The known name that is meant: as it is written, or with its number as a plain one."""
        raised = number.translate({ord(high): chr(low) for low, high in _LOW.items()})
        spelled = _SPELLED.get(base, base)
        forms = [base + number, f"{base}_{number}", base + raised, spelled + number, f"{spelled}_{number}"]
        return next((form for form in forms if form in self.known), base + number)

    def _number_of(self, at: int) -> tuple[str, int]:
        """The subscript behind a name, if there is one: _3, _{3}, ₃."""
        low = _LOW_RUN.match(self.text, at)
        if low:
            return low[0].translate(_LOW), low.end()
        mark = _SUBSCRIPT.match(self.text, at)
        if not mark:
            return "", at
        content, end = self._argument(mark.end())
        if _SHAPE_NOTE.fullmatch(content):
            return "", end
        plain = _COMMANDS_AND_SPACE.sub("", _SUBSCRIPT_IN_SUBSCRIPT.sub("", content))
        if not plain.isalnum():
            raise self.source.error(mark.end(), f"{readable(content)} cannot number a name")
        return plain, end

    def _argument(self, at: int) -> tuple[str, int]:
        """The text of a group in braces, or of one run of digits, or of one letter."""
        if not self.text.startswith("{", at):
            run = _ARGUMENT.match(self.text, at)
            if not run:
                raise self.source.error(at, "a subscript is missing here")
            return run[0], run.end()
        depth = 0
        for end in range(at, len(self.text)):
            depth += {"{": 1, "}": -1}.get(self.text[end], 0)
            if depth == 0:
                return self.text[at + 1 : end], end + 1
        raise self.source.error(at, "'{' is never closed")

    def _subscript_of_group(self) -> bool:
        """A note of the shape behind a group, (A)_{(3 × 1)}, says nothing new and is passed over."""
        mark = _SUBSCRIPT.match(self.text, self.at)
        if not mark:
            return False
        content, end = self._argument(mark.end())
        if not (self._last(")", "}", "T", "name") and _SHAPE_NOTE.fullmatch(content)):
            raise self.source.error(self.at, "a subscript belongs to a name", "dZ_3, {dZ}_{3}")
        self.at = end
        return True

    def _sign(self) -> bool:
        for length in (2, 1):
            sign = self.text[self.at : self.at + length]
            if sign in _SIGNS:
                if sign == "&" and "\\" in self.text:  # the mark by which LaTeX aligns lines
                    self.at += 1
                    return True
                return self._add(_SIGNS[sign], sign, self.at + length)
        return False

    def _unreadable(self) -> FormulaError:
        return self.source.error(
            self.at,
            f"{readable(self.text[self.at])} is no part of a formula",
            r"names, numbers, + - * / @, ^T, \frac, \sigma, \odot, parentheses",
        )


# --- grammar -----------------------------------------------------------------------------------------------------

_COMPARISONS: Final[dict[str, type[ast.cmpop]]] = {
    "<": ast.Lt, "<=": ast.LtE, ">": ast.Gt, ">=": ast.GtE, "==": ast.Eq, "!=": ast.NotEq,
}  # fmt: skip
_LOGIC: Final[tuple[tuple[str, type[ast.operator]], ...]] = (("|", ast.BitOr), ("&", ast.BitAnd))
_PRODUCTS: Final[dict[str, type[ast.operator]]] = {"*": ast.Mult, "@": ast.MatMult, "/": ast.Div}
_BEGINS: Final = frozenset(("number", "fraction", "name", "sum", "(", "{", "frac", "√", "abs(", "∂"))
_SHOWN: Final = {"name": "a name", ")abs": "the end of an absolute value"}  # kinds of tokens that are no signs
_LITERALS: Final = {"True": True, "False": False, "None": None}


@final
class Parser:
    """Reads tokens into an expression; every method reads one level of the grammar, the loosest first."""

    def __init__(self, source: Source, known: Collection[str] = ()) -> None:
        self.source, self.known = source, known
        self.tokens = Lexer(source, known).run()
        self.position, self.depth, self.made = 0, 0, 0

    def run(self) -> ast.expr:
        """The whole text as one expression."""
        tree = self._comparison()
        if self._next.kind != "end":
            raise self._unexpected()
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id.startswith("∂"):
                raise self.source.error(node.col_offset, "∂ stands only in a gradient such as ∂L/∂Z₃")
        return tree

    # - the tokens

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
            raise self._unexpected(f", where {_SHOWN.get(kind, repr(kind))} should stand")
        return found

    def _unexpected(self, where: str = "") -> FormulaError:
        token = self._next
        shown = token.text if token.kind == "end" else readable(token.text)
        remedy = "parse takes what stands to the right of the equals sign" if token.kind == "=" else ""
        return self.source.error(token.start, f"{shown} cannot stand here{where}", remedy)

    def _make(self, node: ast.expr, start: int) -> ast.expr:
        """The node with the place where it begins; the number of nodes is bounded while they are made."""
        self.made += 1
        if self.made > MOST_NODES:
            raise self.source.error(start, f"the formula has more than {MOST_NODES} parts")
        node.col_offset = start
        return node

    def _operation(self, left: ast.expr, operator: type[ast.operator], right: ast.expr) -> ast.expr:
        return self._make(ast.BinOp(left, operator(), right), left.col_offset)

    # - the levels

    def _comparison(self) -> ast.expr:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.source.error(self._next.start, f"parentheses stand more than {DEEPEST} deep")
        left = self._logic(0)
        operators, others = [], []
        while found := self._take(*_COMPARISONS):
            operators.append(_COMPARISONS[found.kind]())
            others.append(self._logic(0))
        self.depth -= 1
        return self._make(ast.Compare(left, operators, others), left.col_offset) if operators else left

    def _logic(self, level: int) -> ast.expr:
        if level == len(_LOGIC):
            return self._sum()
        sign, operator = _LOGIC[level]
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
        while sign := self._take(*_PRODUCTS):
            if sign.kind == "/":
                left = self._quotient(left)
            else:
                left = self._operation(left, _PRODUCTS[sign.kind], self._signed(self._side_by_side))
        return left

    def _signed(self, operand: Callable[[], ast.expr]) -> ast.expr:
        """-x, +x, ~x, as often as somebody wrote them."""
        signs = []
        while sign := self._take("+", "-", "~"):
            signs.append(sign)
        if len(signs) > DEEPEST:
            raise self.source.error(signs[0].start, f"{len(signs)} signs stand before one value")
        tree = operand()
        for sign in reversed(signs):
            operators = {"+": ast.UAdd, "-": ast.USub, "~": ast.Invert}
            tree = self._make(ast.UnaryOp(operators[sign.kind](), tree), sign.start)
        return tree

    def _quotient(self, left: ast.expr) -> ast.expr:
        """left / divisor, and what stands beside a divisor that is a number: 1/m dZ is (1/m) dZ."""
        divisor = self._signed(self._power)
        quotient = self._divided(left, divisor)
        if self._next.kind not in _BEGINS:
            return quotient
        start = self._next.start
        factors = self._factors()
        if isinstance(quotient, ast.BinOp) and (not is_scalar(divisor) or is_scalar(factors[0])):
            raise self.source.error(start, "it is unclear what the / divides by", "parentheses: 1/(2m), (1/2)m")
        return self._joined([quotient, *factors])

    def _divided(self, left: ast.expr, right: ast.expr) -> ast.expr:
        """left / right, which is a gradient for ∂L / ∂Z and dL / dZ."""
        a, b = (node.id if isinstance(node, ast.Name) else "" for node in (left, right))
        partial = a.startswith("∂") and b.startswith("∂")
        total = a[1:] in _LOSSES and a.startswith("d") and b.startswith("d") and a not in self.known
        if not (partial or total):
            return self._operation(left, ast.Div, right)
        if a[1:] not in _LOSSES:
            raise self.source.error(
                left.col_offset,
                f"∂{a[1:]}/∂{b[1:]} is a derivative of many values by many values",
                "what it comes to, such as W3.T or A3 * (1 - A3); ∂L/∂Z₃ is the gradient dZ3",
            )
        return self._make(name_node("d" + b[1:]), left.col_offset)

    def _side_by_side(self) -> ast.expr:
        return self._joined(self._factors())

    def _factors(self) -> list[ast.expr]:
        factors = [self._power()]
        while self._next.kind in _BEGINS:
            if self._next.kind in ("number", "fraction"):
                raise self.source.error(self._next.start, "a number stands before a value, not behind it", "2 A, A * 2")
            factors.append(self._power())
        return factors

    def _joined(self, factors: list[ast.expr]) -> ast.expr:
        """Factors side by side: A (1 - A) first, then from the left, as a matrix product unless one is a number."""
        tree: list[ast.expr] = []
        for factor in factors:
            if tree and _complementary(tree[-1], factor):
                tree.append(self._operation(tree.pop(), ast.Mult, factor))
            else:
                tree.append(factor)
        product, number = tree[0], is_scalar(tree[0])
        for factor in tree[1:]:
            plain = is_scalar(factor)
            product = self._operation(product, ast.Mult if number or plain else ast.MatMult, factor)
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
            return ast.Call(_numpy("exp"), [exponent], [])
        if found.kind != "**" and _is_negative(exponent) and not is_scalar(base):
            raise self.source.error(
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
            elif token.kind == "′":
                raise self.source.error(token.start, "a prime is the slope of σ, tanh or relu", "A^T is a transpose")
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
            raise self.source.error(token.start, "only the square root has a sign here", "A^{1/3}")
        return self._make(ast.Call(_numpy("sqrt"), [self._group_or_token()], []), token.start)

    def _partial(self, token: Token) -> ast.expr:
        return self._make(ast.Name("∂" + self._braced_name().text, ast.Load()), token.start)

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
        try:
            value: float = int(token.text)
        except ValueError:
            try:
                value = float(token.text)
            except ValueError:
                raise self.source.error(token.start, f"{readable(token.text)} is no number") from None
        if value < 0:
            return self._make(ast.UnaryOp(ast.USub(), ast.Constant(-value)), token.start)
        return self._make(ast.Constant(value), token.start)

    def _named(self, token: Token) -> ast.expr:
        """A value, or a function with what it is taken of."""
        name, at = token.text, token.start
        if name in _LITERALS and name not in self.known:
            return self._make(ast.Constant(_LITERALS[name]), at)
        function = _FUNCTION_WORDS.get(name, name)
        if name not in self.known and function in FUNCTIONS and self._is_taken_of_something():
            return self._function(function, token)
        if name == "π" and name not in self.known:
            return self._make(_numpy("pi"), at)
        ahead = [token.kind for token in self.tokens[self.position : self.position + 3]]
        if name == "d" and name not in self.known and (ahead[0] == "name" or ahead == ["{", "name", "}"]):
            return self._make(name_node("d" + self._braced_name().text), at)
        if keyword.iskeyword(name) and name not in self.known:
            raise self.source.error(at, f"{name!r} is a word of Python that formulas do not have")
        return self._make(name_node(name), at)

    def _is_taken_of_something(self) -> bool:
        ahead = self.position
        while self.tokens[ahead].kind in ("′", "power", "^"):
            ahead += 1
        return self.tokens[ahead].kind in _BEGINS

    def _function(self, name: str, token: Token) -> ast.expr:
        """σ(Z), σ′(Z), log Z, tanh²(Z)."""
        if self._take("′"):
            if name not in _SLOPES:
                raise self.source.error(token.start, f"the slope of {name} has no name here", "its formula")
            name = _SLOPES[name]
        raised = self._take("power", "^")
        power = self._exponent(raised) if raised else None
        called = _numpy(name) if name in _IN_NUMPY else ast.Name(name, ast.Load())
        if self._next.kind in ("(", "{"):
            opening = self._expect(self._next.kind)
            tree = self._call(self._make(called, token.start), token.start, _CLOSING[opening.kind])
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
        over = {"columns": 1, "rows": 0}.get(token.text)
        options = (
            []
            if over is None
            else [ast.keyword("axis", ast.Constant(over)), ast.keyword("keepdims", ast.Constant(True))]
        )
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.source.error(token.start, f"sums stand more than {DEEPEST} deep")
        operand = self._product()
        self.depth -= 1
        return self._make(ast.Call(_numpy("sum"), [operand], options), token.start)

    def _group(self, token: Token) -> ast.expr:
        """A value in parentheses, an absolute value, or a tuple of numbers."""
        if token.kind == "abs(":
            tree = self._comparison()
            self._expect(")abs")
            return self._make(ast.Call(_numpy("abs"), [tree], []), token.start)
        items = self._items(_CLOSING[token.kind], self._comparison)
        comma = self.tokens[self.position - 2].kind == ","
        if len(items) == 1 and not comma:
            return items[0]
        if token.kind == "{":
            raise self.source.error(token.start, "braces hold one value")
        return self._make(ast.Tuple(items, ast.Load()), token.start)

    def _bars(self, token: Token) -> ast.expr:
        """|x|, where a value has to begin; between two values the bar is the "or" of NumPy."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.source.error(token.start, f"bars stand more than {DEEPEST} deep")
        tree = self._sum()
        self._expect("|")
        self.depth -= 1
        return self._make(ast.Call(_numpy("abs"), [tree], []), token.start)

    def _items(self, closing: str, read: Callable[[], Item]) -> list[Item]:
        """What stands between commas, up to the closing bracket."""
        items: list[Item] = []
        while not self._take(closing):
            items.append(read())
            if self._next.kind != closing and not self._take(","):
                raise self._unexpected(f", where {closing!r} should stand")
        return items

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
            raise self.source.error(self._next.start, f"fractions or roots stand more than {DEEPEST} deep")
        token = self._next
        if token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
            self.tokens[self.position] = token._replace(text=token.text[1:], start=token.start + 1)
            tree = self._make(ast.Constant(int(token.text[0])), token.start)
        else:
            tree = self._atom()
        self.depth -= 1
        return tree


_ATOMS: Final[dict[str, Callable[[Parser, Token], ast.expr]]] = {
    "number": Parser._number,
    "fraction": Parser._part,
    "name": Parser._named,
    "sum": Parser._total,
    "(": Parser._group,
    "{": Parser._group,
    "abs(": Parser._group,
    "|": Parser._bars,
    "[": Parser._list,
    "frac": Parser._fraction,
    "√": Parser._root,
    "∂": Parser._partial,
    "string": Parser._text,
}


def _numpy(name: str) -> ast.expr:
    return ast.Attribute(ast.Name("np", ast.Load()), name, ast.Load())


def _is_negative(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def is_scalar(node: ast.expr) -> bool:
    """Whether an expression is a number from its text alone: made of numbers, m and sizes.

    >>> is_scalar(ast.parse("-1 / (2 * m)", mode="eval").body), is_scalar(ast.parse("m * A1", mode="eval").body)
    (True, False)
    """
    match node:
        case ast.Constant(value=int() | float()) | ast.Name(id="m") | ast.Attribute(attr="size" | "ndim" | "pi"):
            return True
        case ast.Subscript(value=ast.Attribute(attr="shape")) | ast.Call(func=ast.Name(id="len")):
            return True
        case ast.BinOp(op=ast.MatMult()):
            return False
        case ast.BinOp(left=left, right=right):
            return is_scalar(left) and is_scalar(right)
        case ast.UnaryOp(operand=part) | ast.Call(func=ast.Attribute(attr="sqrt" | "log" | "exp"), args=[part]):
            return is_scalar(part)
    return False


def _complementary(a: ast.expr, b: ast.expr) -> bool:
    """Whether one is 1 - the other: a matrix product of the two has no use, and A (1 - A) is written all the time."""
    return _is_one_minus(a, b) or _is_one_minus(b, a)


def _is_one_minus(whole: ast.expr, part: ast.expr) -> bool:
    return (
        isinstance(whole, ast.BinOp)
        and isinstance(whole.op, ast.Sub)
        and isinstance(whole.left, ast.Constant)
        and whole.left.value == 1
        and ast.dump(whole.right) == ast.dump(part)
    )


def read(source: Source, known: Collection[str] = ()) -> ast.expr:
    r"""A formula in LaTeX or Unicode as an expression in plain NumPy form, each node with where it begins in the text.

    Raises FormulaError, with line and column, for text that cannot be read.

    >>> ast.unparse(read(Source(r"\frac{1}{m} dZ_3 A_2^T")))
    '1 / m * dZ3 @ A2.T'
    >>> ast.unparse(read(Source("dA₂ ⊙ σ′(Z₂)")))
    'dA2 * sigmoid_slope(Z2)'
    """
    return Parser(source, known).run()


def is_written(text: str) -> bool:
    r"""Whether text is in the notation of paper rather than in NumPy's.

    >>> is_written("dZ_3 A_2^T"), is_written("dZ₃"), is_written("dZ3 @ A2.T")
    (True, True, False)
    """
    return not text.isascii() or any(mark in text for mark in "\\^{}$")


__all__ = [
    "DEEPEST",
    "LONGEST_NUMBER",
    "MOST_NODES",
    "MOST_TOKENS",
    "Source",
    "is_scalar",
    "is_written",
    "name_node",
    "read",
    "readable",
]
