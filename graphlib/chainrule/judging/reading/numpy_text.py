"""A formula in NumPy's notation, read as Python reads it after a look at every token."""

from __future__ import annotations

import ast
import itertools
import keyword
import re
from collections.abc import Collection
from typing import Final

from chainrule.errors import FormulaError
from chainrule.judging.reading.bounds import DEEPEST, LONGEST_NAME, LONGEST_NUMBER, MOST_TOKENS
from chainrule.judging.reading.messages import ALLOWED, readable
from chainrule.judging.reading.passage import Passage

_ESCAPE: Final = r"\\(?:[\\'\"abfnrtv]|x[0-9a-f]{2}|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4})"
STRING: Final = re.compile(rf"""'(?:[^'\\\n\ud800-\udfff\0]|{_ESCAPE})*'|"(?:[^"\\\n\ud800-\udfff\0]|{_ESCAPE})*\"""")
_TOKEN: Final = re.compile(
    r"(?P<space>[ \t\r\n\f]+)"
    # As much of a number as Python reads: of 1.e5or it reads 1.e5, and warns; (?>...) is not tried again with less.
    rf"|(?P<number>(?>(?:\d{{1,{LONGEST_NUMBER}}}(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?))(?![\w\"'])"
    r"|(?P<word>[A-Za-z_]\w*+)(?![\"'])"
    rf"|(?P<string>{STRING.pattern})(?![\w\"'])"
    r"|(?P<sign>\.\.\.|\*\*|==|!=|<=|>=|-(?!>)|/(?!/)|<(?!<)|>(?!>)|:(?!=)|[+~*@=&|.,()\[\]])",
    re.ASCII,
)
_REFUSED: Final = {
    ":=": "an assignment",
    "->": "an annotation",
    "//": "a division without remainder",
    "<<": "a shift of bits",
    ">>": "a shift of bits",
    "%": "a remainder",
    ";": "a second statement",
    "!": "an exclamation mark",
    "`": "a backquote",
    "?": "a question mark",
}
_REFUSED_WORDS: Final = {
    "lambda": "a function of its own (lambda)",
    "if": "a choice (if)",
    "else": "a choice (else)",
    "for": "a loop (for)",
    "while": "a loop (while)",
    "in": "a membership test (in)",
    "is": "a test of identity (is)",
    "and": "'and' between truth values",
    "or": "'or' between truth values",
    "not": "'not' before a truth value",
    "await": "a wait (await)",
    "yield": "a generator (yield)",
    "import": "an import",
}
_INSTEAD: Final = {
    "and": "(a > 0) & (b > 0)",
    "or": "(a > 0) | (b > 0)",
    "not": "~(a > 0)",
    "if": "np.where(a > 0, x, y)",
}


def read_numpy(passage: Passage, known: Collection[str] | None) -> ast.expr:
    """NumPy text as Python reads it, after a look at every token: what could warn or overflow never gets there."""
    _look_at_tokens(passage)
    indent, text = passage.indent, re.sub(r"\s", " ", passage.text).strip()
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        at = indent + (error.offset - 1 if error.offset else len(text))  # 0: behind a dot
        equals = passage.text[at : at + 2].strip() == "="
        remedy = "what stands to the right of the equals sign" if equals else ALLOWED
        raise passage.error(at, f"the formula cannot be read: {error.msg}", remedy) from None
    for node in ast.walk(tree):
        if hasattr(node, "col_offset"):
            node.col_offset = indent + len(text.encode()[: node.col_offset].decode())
        if isinstance(node, ast.Name) and node.id not in (known or ()):
            node.id = re.sub(r"^([^\W_]+)_(\d+)$", r"\1\2", node.id)  # dZ_3 is dZ3
    return tree


def _look_at_tokens(passage: Passage) -> None:
    at, signs = 0, 0
    for count in itertools.count():
        if at == len(passage.text):
            return
        found = _TOKEN.match(passage.text, at)
        if found is None or count == MOST_TOKENS:
            raise _unreadable(passage, at) if found is None else passage.error(at, "the formula has too many parts")
        word = found["word"]
        if word and ((keyword.iskeyword(word) and word not in ("True", "False", "None")) or len(word) > LONGEST_NAME):
            raise _refused_word(passage, at, word)
        # a long row of signs nests as deeply as parentheses do
        signs = signs + 1 if found["sign"] else signs if found["space"] else 0
        if signs > 2 * DEEPEST:
            raise passage.error(at, f"{signs} signs stand side by side")
        at = found.end()


def _refused_word(passage: Passage, at: int, word: str) -> FormulaError:
    if len(word) > LONGEST_NAME:
        return passage.error(at, f"a name of {len(word)} characters has more than {LONGEST_NAME}")
    what = _REFUSED_WORDS.get(word, f"{word!r}, a word of Python,")
    return passage.error(at, f"{what} is not part of a formula", _INSTEAD.get(word, ALLOWED))


def _unreadable(passage: Passage, at: int) -> FormulaError:
    text = passage.text
    for sign, what in _REFUSED.items():
        if text.startswith(sign, at):
            return passage.error(at, f"{what} ({sign}) is not part of a formula", ALLOWED)
    if re.compile(r"[A-Za-z_]\w*'[^']*$").match(text, at):
        return passage.error(at, "a prime (') is not part of a formula", "A.T is the transpose")
    if re.compile(r"[A-Za-z_]\w*[\"']").match(text, at):
        return passage.error(at, "text with a prefix, such as an f-string, is not part of a formula", ALLOWED)
    if text[at] in "\"'":
        return passage.error(at, "text is not part of a formula, or is never closed", ALLOWED)
    if text[at].isdigit():
        return passage.error(
            at, f"{readable(text[at : at + 12])} is no number with a sign behind it", "2 * A, 0.5, 1e-3"
        )
    return passage.error(at, f"{readable(text[at])} is not part of a formula", ALLOWED)
