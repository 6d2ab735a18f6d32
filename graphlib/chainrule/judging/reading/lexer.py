"""A formula in LaTeX or Unicode, cut into tokens."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from typing import Final, NamedTuple, final

from chainrule.errors import FormulaError, did_you_mean
from chainrule.judging.reading.bounds import LONGEST_NUMBER, MOST_TOKENS
from chainrule.judging.reading.messages import readable
from chainrule.judging.reading.passage import Passage
from chainrule.judging.reading.vocabulary import FUNCTIONS


@final
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

_COMMANDS: Final = {
    "ast": "*", "odot": "*", "circ": "*", "cdot": "*", "times": "*", "bullet": "*", "star": "*",
    "div": "/", "le": "<=", "leq": "<=", "ge": ">=", "geq": ">=", "ne": "!=", "neq": "!=", "lt": "<", "gt": ">",
    "land": "&", "wedge": "&", "lor": "|", "vee": "|",
    "partial": "∂", "frac": "frac", "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "sqrt": "√",
    "lbrack": "(", "rbrack": ")", "lparen": "(", "rparen": ")", "lvert": "abs(", "rvert": ")abs",
}  # fmt: skip
FUNCTION_WORDS: Final = {"ln": "log", "σ": "sigmoid", "Φ": "normal_cdf", "ReLU": "relu", "tanh": "tanh"}
_GREEK: Final = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "Delta": "Δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "Theta": "Θ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "phi": "φ", "Phi": "Φ", "varphi": "φ", "psi": "ψ", "omega": "ω", "Omega": "Ω",
    "kappa": "κ", "chi": "χ", "ell": "ℓ",
}  # fmt: skip
_SPELLED: Final = {letter: name for name, letter in _GREEK.items() if not name.startswith("var")}

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

    def __init__(self, passage: Passage, known: Collection[str]) -> None:
        self.passage, self.text, self.known = passage, passage.text, known
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
            raise self.passage.error(self.at, "the formula has too many parts")
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
            raise self.passage.error(self.at, "the number of a layer belongs to a name", "W^{[2]}")
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
            raise self.passage.error(self.at, f"a number of {len(found[0])} digits has more than {LONGEST_NUMBER}")
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
        raise self.passage.error(
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
            raise self.passage.error(self.at, "an indicator is written as its condition", "(Z_1 > 0)")
        if command in FUNCTIONS or command in FUNCTION_WORDS:
            return self._put(Token("name", command, self.at, end, command))
        if command in _REFUSED_COMMANDS:
            raise self.passage.error(self.at, f"{readable(found[0])}: {_REFUSED_COMMANDS[command]}")
        close = did_you_mean(command, [*_COMMANDS, *_GREEK, *_STYLES, *FUNCTIONS, *FUNCTION_WORDS])
        raise self.passage.error(self.at, f"the command {close} is not read in formulas")

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
        return self._resolved(base, number) in self.known or base in FUNCTIONS or base in FUNCTION_WORDS

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
            raise self.passage.error(mark.end(), f"{readable(content)} cannot number a name")
        return plain, end

    def _argument(self, at: int) -> tuple[str, int]:
        """The text of a group in braces, or of one run of digits, or of one letter."""
        if not self.text.startswith("{", at):
            run = _ARGUMENT.match(self.text, at)
            if not run:
                raise self.passage.error(at, "a subscript is missing here")
            return run[0], run.end()
        depth = 0
        for end in range(at, len(self.text)):
            depth += {"{": 1, "}": -1}.get(self.text[end], 0)
            if depth == 0:
                return self.text[at + 1 : end], end + 1
        raise self.passage.error(at, "'{' is never closed")

    def _subscript_of_group(self) -> bool:
        """A note of the shape behind a group, (A)_{(3 × 1)}, says nothing new and is passed over."""
        mark = _SUBSCRIPT.match(self.text, self.at)
        if not mark:
            return False
        content, end = self._argument(mark.end())
        if not (self._last(")", "}", "T", "name") and _SHAPE_NOTE.fullmatch(content)):
            raise self.passage.error(self.at, "a subscript belongs to a name", "dZ_3, {dZ}_{3}")
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
        return self.passage.error(
            self.at,
            f"{readable(self.text[self.at])} is no part of a formula",
            r"names, numbers, + - * / @, ^T, \frac, \sigma, \odot, parentheses",
        )
