"""A formula in LaTeX or Unicode, cut into tokens."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, NamedTuple, final

from chainrule.errors import FormulaError, did_you_mean
from chainrule.judging.reading.bounds import LONGEST_NUMBER, MOST_TOKENS
from chainrule.judging.reading.grammar import COMMANDS, FUNCTION_WORDS, GREEK, REFUSED_COMMANDS, SIGNS, SPELLED
from chainrule.judging.reading.marks import Mark, closing, marks_above
from chainrule.judging.reading.messages import readable
from chainrule.judging.reading.passage import Passage
from chainrule.judging.reading.scope import Scope
from chainrule.judging.reading.summation import COMMANDS_AND_SPACE, summed_over
from chainrule.judging.reading.vocabulary import FUNCTIONS


@final
class Token(NamedTuple):
    """A piece of a formula: what it is, its text, and where it stands."""

    kind: str  # "number", "name", "string", "sum", "example", or the sign itself
    text: str
    start: int
    end: int
    base: str = ""  # of a name: without its number
    number: str = ""


_STYLES: Final = tuple(
    "mathbf bold boldsymbol bm mathrm mathit mathsf mathcal mathscr rm bf text textbf textit textrm operatorname boxed"
    " texttt mathtt mathnormal textsf textup mathop mathbin mathrel mathop vec underline pmb tt sf it"
    " small large Large LARGE huge Huge normalsize displaystyle textstyle left right big Big bigl bigr Bigl Bigr bigg"
    " Bigg biggl biggr limits nolimits quad qquad".split()
)
_SKIPPED: Final = re.compile(
    r"\\q?quad\s*(?:\\(?:text[a-z]*|mbox|mathrm)\s*\{[^{}]*\}|\(\s*\w{1,3}\s*\))[\s.,;$]*\Z|"
    r"\\(?:left|right)\s*\.|"
    rf"[\s\u2061-\u2064\ufe0e]+|\\[,;:!> ]|\\\\|\\[()]|\$+|\\(?:{'|'.join(_STYLES)})\*?(?![A-Za-z])"
    r"|\\(?:color|hspace|vspace|mspace|phantom|vphantom|hphantom|tag|label|ref|eqref)\*?\s*\{[^{}]*\}"
    r"|\\(?:textcolor|overset|underset|stackrel)\s*\{[^{}]*\}|\\(?:nonumber|notag)(?![A-Za-z])|\{\s*\}(?=\s*[\^_])"
    r"|\\(?:begin|end)\s*\{(?:aligned|align|alignat|equation|split|gather|gathered|displaymath|math|multline|eqnarray)"
    r"\*?\}(?:\{\d\})?"
    r"|[,.;](?=(?:\s|\$|\\\\|\\[)\]]|\\end\s*\{[a-z]+\*?\}|\\(?:tag|label)\s*\{[^{}]*\}|\\nonumber|\\notag|\\quad|\\qquad)*\Z)"
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
_NOTED: Final = re.compile(r"\\(?:underbrace|overbrace|underbracket|overbracket)\s*(?=\{)")
_NOTE: Final = re.compile(r"\s*[_^]\s*")
_BRACED_NAME: Final = re.compile(r"\{\s*[A-Za-z]+\s*\^\s*\{\s*\[\s*\w+\s*\]\s*\}\s*\}(?=\s*(?:['′^]|\\prime))")
_STYLED: Final = re.compile(rf"\\(?:{'|'.join(_STYLES)})\s*(?=\{{)")
_WORDS: Final = re.compile(r"\{\s*(?:(?:np|numpy)\s*\.\s*\w+|axis|keepdims|True|False|\w+\s*=\s*\w+)\s*\}")
_WORD_IN_BRACES: Final = re.compile(
    r"\{\s*([A-Za-z]\w*)\s*\}(?=\s*(?:['′(^]|\\prime|\\left|\\[bB]igg?[lr]?(?![A-Za-z])))"
)
_BRACKET: Final = re.compile(r"\\(?:left|right|[bB]ig[lr]?|[bB]igg[lr]?)\s*([\[\]])")
_INDICATOR: Final = re.compile(
    r"\\(?:math(?:bb|ds|bf)\s*\{?\s*[1I]\s*\}?|mathbbm\s*\{\s*1\s*\})\s*(?:(_)\s*(?=\{)|(?=\\?[({\[]|\\left))"
)
_ONES: Final = re.compile(r"\\(?:mathbf|boldsymbol|bm|vec)\s*\{?\s*1\s*\}?")
_BEHIND_ONES: Final = re.compile(r"\s*(?:\^|[ᵀ⊤]|[A-Za-z]|\\(?:math|sigma|delta|tanh))")
_ACCENT: Final = re.compile(
    r"\\(hat|widehat|bar|overline|tilde|widetilde|check)\s*\{?\s*(?:\\(?:mathbf|boldsymbol|bm|mathrm)\s*\{?\s*)?([A-Za-z])\s*\}{0,2}"
)
_NABLA: Final = re.compile(r"(?:\\nabla(?![A-Za-z])|∇)\s*_\s*(\{)?\s*(\\?\w+)")
_BEHIND_NABLA: Final = re.compile(
    r"\s*\\?[,!;]?\s*(?:\\(?:mathcal|mathscr|mathrm|mathbf)\s*\{?\s*[LJCE]\s*\}?|\\ell(?![A-Za-z])|[LJCEℓℒ])(?![\w^(])"
)
_SUBSCRIPT: Final = re.compile(r"\s*\\?_\s*")
_SUM: Final = re.compile(r"\\sum(?![A-Za-z])(?:\s*\\(?:no)?limits(?![A-Za-z]))?|[∑Σ]")
_SUM_WORD: Final = re.compile(r"\\?_(columns|rows)(?![A-Za-z])")
_SUM_BOUND: Final = re.compile(r"\s*\\?([_^])\s*(?:\{([^{}]*)\}|\{\s*\\\w+\s*\{([^{}]*)\}\s*\}|(\w))")
_SUBSCRIPT_IN_SUBSCRIPT: Final = re.compile(r"\\?[_*]\s*\{.*", re.DOTALL)
_IN_BRACKETS: Final = re.compile(r"^\s*(?:\[\s*(?=\w+\s*\])|\(\s*(?=\w+\s*\)))(\w+)\s*[\])]\s*$")
_ARGUMENT: Final = re.compile(r"\d+|\w")
_SHAPE_NOTE: Final = re.compile(r"(?:\\ |\s)*\(?\s*\w+\s*(?:\\times|×|x)\s*\w+\s*\)?\s*")


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
        self.passed: dict[int, int] = {}  # where something begins that says nothing, and where that ends
        self.instead: dict[int, str] = {}  # where a bracket stands for another one

    def run(self) -> list[Token]:
        """All tokens, an "end" behind them."""
        while self.at < len(self.text):
            skipped = _SKIPPED.match(self.text, self.at)
            if self.at in self.passed:
                self.at = self.passed.pop(self.at)
            elif self._notes() or skipped:
                self.at = max(self.at, skipped.end() if skipped else 0)
            elif not any(read() for read in self._readers()):
                raise self._unreadable()
        return [*self.tokens, Token("end", "the end", len(self.text), len(self.text))]

    def _readers(self) -> tuple[Callable[[], bool], ...]:
        return (
            self._bars,
            self._string,
            self._marks,
            self._transpose,
            self._prime,
            self._exponent,
            self._subscript_of_group,
            self._number,
            self._sum,
            self._accented,
            self._gradient_sign,
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

    def _refuse_ones(self) -> None:
        r"""A \mathbf{1} that is multiplied is a vector of ones; beside + and - it is as good as the number."""
        found = _ONES.match(self.text, self.at)
        if found and (self._last("name", ")", "}", "T", "example") or _BEHIND_ONES.match(self.text, found.end())):
            told = "a vector of ones sums what it is multiplied with"
            raise self.passage.error(self.at, told, r"\sum_{i=1}^{m} dZ^{(i)}")

    def _notes(self) -> bool:
        r"""Marks around what counts: \underbrace{...}_{note}, \text{axis}, the sign of an indicator."""
        self._refuse_ones()
        noted, styled = _NOTED.match(self.text, self.at), _STYLED.match(self.text, self.at)
        bracket = _BRACKET.match(self.text, self.at)
        indicator, named = _INDICATOR.match(self.text, self.at), _BRACED_NAME.match(self.text, self.at)
        if noted:
            end = closing(self.text, noted.end())
            note = _NOTE.match(self.text, end + 1) if end is not None else None
            if end is not None and note:
                self.passed[end + 1] = self._argument(note.end())[1]
            self.at = noted.end()
        elif named:
            self.at, self.passed[named.end() - 1] = named.start() + 1, named.end()
        elif styled and (words := self._plain_words(styled.end())):
            self.at, self.passed[words.end() - 1] = styled.end() + 1, words.end()
        elif indicator:
            self._indicated(indicator)
        elif bracket:
            self.instead[bracket.end() - 1] = "(" if bracket[1] == "[" else ")"
        return bool(noted or indicator or named)

    def _plain_words(self, at: int) -> re.Match[str] | None:
        r"""What \text holds where it is the name of a function or of an option: then its braces say nothing."""
        words, word = _WORDS.match(self.text, at), _WORD_IN_BRACES.match(self.text, at)
        return words or (word if word and (word[1] in FUNCTIONS or word[1] in FUNCTION_WORDS) else None)

    def _indicated(self, indicator: re.Match[str]) -> None:
        """An indicator is its condition, whatever brackets or subscript that stands in."""
        self.at = at = indicator.end()
        opening = re.compile(r"(?:\\left\s*)?(\[)").match(self.text, at)
        if opening:
            depth = 0
            for end in range(opening.start(1), len(self.text)):
                depth += {"[": 1, "]": -1}.get(self.text[end], 0)
                if depth == 0:
                    self.instead |= {opening.start(1): "(", end: ")"}
                    return

    def _marks(self) -> bool:
        """W^{[2]T} and x^{(i)}: the layer becomes the number of the name, the rest stands behind it."""
        found = marks_above(self.text, self.at)
        if not found:
            return False
        marks, end = found
        at = self.at
        layers = [mark.text for mark in marks if mark.kind == "layer"]
        if not (layers or self.tokens) or self._is_power(marks):
            return False
        if layers and not self._renumber(layers[-1], end):
            raise self.passage.error(at, "the number of a layer belongs to a name", "W^{[2]}")
        self.at = end
        for mark in marks:
            if mark.kind == "example":
                self._in_other_case()
            if mark.kind != "layer":
                start, to = (at if len(marks) == 1 else mark.start), (end if mark is marks[-1] else mark.end)
                shown = self.text[start : mark.end] if mark.kind == "T" else mark.text
                self._put(Token(mark.kind, shown, start, to))
        self.at = end
        return True

    def _is_power(self, marks: Sequence[Mark]) -> bool:
        """Whether (2) is no number of a layer: A₂^(2) where A₂ is known and A₂₂ is not, and behind a bracket."""
        if not self.tokens or len(marks) > 1 or marks[0].kind != "layer" or self.text[marks[0].start] != "(":
            return False
        last = self.tokens[-1]
        if last.kind != "name":
            return True
        return last.text in self.known and self._resolved(last.base, last.number + marks[0].text) not in self.known

    def _renumber(self, number: str, end: int) -> bool:
        """Give the last name a number; a transpose or a prime may stand between."""
        k = len(self.tokens) - 1
        while k > 0 and self.tokens[k].kind in ("T", "′", "}"):
            k -= 1
        if k < 0 or self.tokens[k].kind != "name":
            return False
        name = self.tokens[k]
        self.tokens[k] = self._named(name.base, name.number + number, name.start, end)
        return True

    def _in_other_case(self) -> None:
        """Of z^{(i)} the values of all examples are called Z, where nothing is called z."""
        last = self.tokens[-1]
        if last.kind != "name" or last.text in self.known:
            return
        start = "d" if last.text.startswith("d") else ""
        other = start + last.text[len(start) :].swapcase()
        if other in self.known:
            self.tokens[-1] = last._replace(text=other)

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
        index = COMMANDS_AND_SPACE.sub("", bounds["_"]).partition("=")[0]
        try:
            over = summed_over(bounds["_"], bounds["^"], [value for value in self._examples() if value is not None])
        except ValueError as error:
            raise self.passage.error(start, *error.args) from None
        return self._put(Token("sum", over, start, self.at, index))

    def _examples(self) -> Collection[Any]:
        return self.known.values() if isinstance(self.known, Scope) else ()

    def _accented(self) -> bool:
        """ŷ and its like, under the name that a value has; what the loss reads is called so, too."""
        found = _ACCENT.match(self.text, self.at)
        if not found:
            return False
        accent, letter = found[1].removeprefix("wide").replace("overline", "bar"), found[2]
        end = found.end() if found[0].count("{") == found[0].count("}") else found.end() - 1
        forms = [
            form for a in (letter, letter.swapcase()) for form in (f"{a}_{accent}", f"{a}{accent}", f"{accent}_{a}")
        ]
        name = next((form for form in forms if form in self.known), None)
        if name is None and accent == "hat" and letter in "yY" and isinstance(self.known, Scope):
            name = self.known.predictions
        return name is not None and self._put(Token("name", name, self.at, end, name))

    def _gradient_sign(self) -> bool:
        r"""\nabla_{W} J is the gradient dW."""
        found = _NABLA.match(self.text, self.at)
        if not found:
            return False
        content, end = self._argument(found.end() - len(found[2])) if not found[1] else self._argument(found.start(1))
        inner = Lexer(
            Passage(content, self.passage.line, self.passage.column + found.start(2)), self._without_d()
        ).run()
        if [token.kind for token in inner] != ["name", "end"]:
            raise self.passage.error(self.at, "a gradient is one of a single value", r"\nabla_{W_1} J")
        behind = _BEHIND_NABLA.match(self.text, end)
        return self._put(
            Token("name", f"d{inner[0].text}", self.at, behind.end() if behind else end, f"d{inner[0].text}")
        )

    def _without_d(self) -> Collection[str]:
        return [*self.known, *(name[1:] for name in self.known if name.startswith("d"))]

    def _command(self) -> bool:
        found = _COMMAND.match(self.text, self.at)
        if not found:
            return False
        command, end = found[1], found.end()
        if command in COMMANDS:
            return self._add(COMMANDS[command], found[0], end)
        if command in GREEK:
            return self._name(GREEK[command], end)
        if command in ("mathbb", "mathds"):
            raise self.passage.error(self.at, "an indicator is written as its condition", "(Z_1 > 0)")
        if command in ("dot", "ddot"):
            raise self.passage.error(
                self.at, "a dot above a name is no part of a formula", "dZ_3, \\frac{\\partial L}{\\partial Z_3}"
            )
        if command in FUNCTIONS or command in FUNCTION_WORDS:
            return self._put(Token("name", command, self.at, end, command))
        if command in REFUSED_COMMANDS:
            raise self.passage.error(self.at, f"{readable(found[0])}: {REFUSED_COMMANDS[command]}")
        close = did_you_mean(command, [*COMMANDS, *GREEK, *_STYLES, *FUNCTIONS, *FUNCTION_WORDS])
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
        spelled = SPELLED.get(base, base)
        forms = [base + number, f"{base}_{number}", base + raised, spelled + number, f"{spelled}_{number}"]
        if spelled == "delta" and number:  # what many call the gradient of what an activation is taken of
            forms += [f"dZ{number}", f"dz{number}", f"dZ_{number}"]
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
        content = _IN_BRACKETS.sub(r"\1", content)
        plain = COMMANDS_AND_SPACE.sub("", _SUBSCRIPT_IN_SUBSCRIPT.sub("", content))
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
        plain = _IN_BRACKETS.sub(r"\1", content).strip()
        of_name = self._last("T") or [token.kind for token in self.tokens[-3:]] == ["{", "name", "}"]
        if of_name and plain.isalnum() and self._renumber(plain, end):  # A^T_1, {\delta}_1
            self.at = end
            return True
        if not (self._last(")", "}", "T", "name") and _SHAPE_NOTE.fullmatch(content)):
            raise self.passage.error(self.at, "a subscript belongs to a name", "dZ_3, {dZ}_{3}")
        self.at = end
        return True

    def _sign(self) -> bool:
        for length in (2, 1):
            sign = self.text[self.at : self.at + length]
            if sign in SIGNS:
                if self.at in self.instead:
                    return self._add(self.instead[self.at], sign, self.at + length)
                if sign == "&" and "\\" in self.text:  # the mark by which LaTeX aligns lines
                    self.at += 1
                    return True
                return self._add(SIGNS[sign], sign, self.at + length)
        return False

    def _unreadable(self) -> FormulaError:
        return self.passage.error(
            self.at,
            f"{readable(self.text[self.at])} is no part of a formula",
            r"names, numbers, + - * / @, ^T, \frac, \sigma, \odot, parentheses",
        )
