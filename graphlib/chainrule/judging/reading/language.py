r"""A user's formula: read from NumPy text, Unicode or LaTeX, held to a whitelist, and computed without ``eval``.

>>> formula = parse("1./m * np.dot(dZ3, A2.T)")
>>> formula.text, sorted(formula.names)
('1.0 / m * np.dot(dZ3, A2.T)', ['A2', 'dZ3', 'm'])
>>> parse("dZ₃A₂ᵀ/m").text, parse(r"\frac{1}{m} dZ_3 A_2^T").text
('dZ3 @ A2.T / m', '1 / m * dZ3 @ A2.T')
>>> parse("__import__('os').system('rm -rf /')")
Traceback (most recent call last):
chainrule.errors.FormulaError: '.system' is no method that formulas have
  where: line 1, column 1
  try:   methods: all, any, argmax, argmin, astype, clip, copy, cumsum, dot, flatten, item, max, mean, min, prod, ...

The text becomes an expression of Python (``ast``). Every node of it must be on the list: values, numbers, operators,
comparisons, indices, ``.T`` and a few attributes, and the functions of ``vocabulary``. Length,
depth, powers and the size of every result are bounded, and a small interpreter computes it.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import keyword
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeAlias, final

import numpy as np
import numpy.typing as npt

from chainrule.errors import ChainruleError, FormulaError, did_you_mean
from chainrule.judging.reading import vocabulary
from chainrule.judging.reading.latex import (
    DEEPEST,
    LONGEST_NUMBER,
    MOST_NODES,
    MOST_TOKENS,
    Source,
    is_written,
    read,
    readable,
)
from chainrule.judging.reading.vocabulary import (
    ATTRIBUTES,
    CONSTANTS,
    DTYPES,
    FUNCTIONS,
    METHODS,
    NUMPY,
    Function,
    Work,
)

Array: TypeAlias = npt.NDArray[Any]

LONGEST: Final = 4_000
"""How many characters a formula may have."""
MOST_FORMULAS: Final = 1_000
"""How many formulas a file may have."""
LARGEST_EXPONENT: Final = 1_000
"""How large a number may stand in an exponent."""
_LONGEST_NAME: Final = 200
_MOST_NAMES_COMPARED: Final = 500  # 500 names take did_you_mean a few milliseconds


@final
@dataclass(frozen=True)
class UserFormula:
    """A formula that somebody wrote, in plain NumPy form.

    ``source`` is the text as given, ``tree`` the expression, ``text`` the expression as NumPy text, and ``names`` are
    the values that it takes. To change a formula, change a copy of the tree and call ``from_tree``.

    >>> formula = parse("A3 - Y")
    >>> formula.evaluate({"A3": [[0.25, 0.75]], "Y": [[0, 1]]})
    array([[ 0.25, -0.25]])
    """

    source: str
    tree: ast.expr = field(compare=False, repr=False)
    text: str
    names: frozenset[str] = field(compare=False, repr=False)

    @classmethod
    def from_tree(cls, tree: ast.expr, source: str | None = None) -> UserFormula:
        """The formula of an expression; raises FormulaError when the expression is not on the whitelist."""
        return _formula(tree, source, Source(""), None)

    def evaluate(self, values: Mapping[str, Any]) -> Array:
        """The formula computed on arrays and numbers by name: a new array.

        Division by zero and the like give inf and nan, silently. Raises FormulaError for a missing value, shapes that
        do not fit (naming them), and a result too large to build.
        """
        missing = [name for name in sorted(self.names) if name not in values]
        if missing:
            shown = ", ".join(_suggest(name, values) for name in missing)
            raise FormulaError(f"no value is called {shown}", where=self.text, remedy=_listed(values))
        evaluation = _Evaluation({name: _value(values[name], name) for name in self.names})
        with np.errstate(all="ignore"):
            return evaluation.result(self.tree)


def parse(text: str, names: Iterable[str] | None = None) -> UserFormula:
    r"""The formula that a text says: NumPy text, Unicode, or LaTeX in the notation of ``reading.latex``.

    ``names`` are the values that exist. With them an unknown name is an error that says which one may be meant, and a
    name such as ``W_1`` is taken to the letter where a value is called so (otherwise it is ``W1``).
    Raises FormulaError with line and column.

    >>> parse("dZ3 @ A4.T", names=["dZ3", "A2"])
    Traceback (most recent call last):
    chainrule.errors.FormulaError: no value is called 'A4' (did you mean 'A2'?)
      where: line 1, column 7
      try:   the values are dZ3, A2
    """
    if not isinstance(text, str):
        raise FormulaError(f"a formula is text, not {type(text).__name__}")
    return _parse(Source(text), None if names is None else dict.fromkeys(names))


def parse_lines(text: str, names: Iterable[str] | None = None) -> dict[str, UserFormula]:
    r"""The formulas of a file: lines ``name = formula``, comments behind ``#`` or ``%``, empty lines.

    A line may use the names of the lines above it. Raises FormulaError, with line and column, for a line that is no
    formula, for a name that is given twice, and for more than 1,000 formulas.

    >>> formulas = parse_lines("dZ3 = A3 - Y  # per example\n\ndW_3 = dZ_3 A_2^T")
    >>> {name: formula.text for name, formula in formulas.items()}
    {'dZ3': 'A3 - Y', 'dW3': 'dZ3 @ A2.T'}
    """
    if not isinstance(text, str):
        raise FormulaError(f"formulas are text, not {type(text).__name__}")
    known = None if names is None else dict.fromkeys(names)
    formulas: dict[str, UserFormula] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        content = _without_comment(line)
        if not content.strip():
            continue
        if len(formulas) == MOST_FORMULAS:
            raise Source(content, number).error(0, f"there are more than {MOST_FORMULAS:,} formulas")
        left, right = _sides(content, number)
        name = _left_name(left, known)
        if name in lines:
            raise left.error(_indent(left.text), f"{name!r} is given in line {lines[name]} already")
        formulas[name], lines[name] = _parse(right, known), number
        if known is not None:
            known[name] = None
    return formulas


# --- lines -------------------------------------------------------------------------------------------------------


def _without_comment(line: str) -> str:
    return re.split(r"#|(?<!\\)%", line)[0].rstrip().removesuffix("\\\\")


def _sides(content: str, number: int) -> tuple[Source, Source]:
    """The text on both sides of the first equals sign that stands in no parentheses and is no comparison."""
    depth = 0
    for at, character in enumerate(content):
        depth += (character in "([{") - (character in ")]}")
        alone = content[at + 1 : at + 2] != "=" and content[at - 1 : at] not in ("=", "<", ">", "!", ":")
        if character == "=" and depth == 0 and alone:
            left = content[:at].rstrip().removesuffix("&")
            return Source(left, number), Source(content[at + 1 :], number, at + 2)
    line = Source(content, number)
    raise line.error(_indent(content), f"{readable(content.strip())} is no line of the form name = formula")


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _left_name(left: Source, known: Collection[str] | None) -> str:
    """The name on the left, in whichever notation."""
    if left.text.strip() in (known or ()):
        return left.text.strip()
    name = name_in(_tree(left, known))
    if name is None:
        raise left.error(_indent(left.text), f"{readable(left.text.strip())} is no name to the left of =")
    return name


def name_in(tree: ast.expr) -> str | None:
    """The name that an expression is, None if it is anything else: ``dW3``, or ``values['layer 1/Z']``.

    >>> name_in(ast.parse("dW3", mode="eval").body), name_in(ast.parse("dW3.T", mode="eval").body)
    ('dW3', None)
    """
    match tree:
        case ast.Name(id=name):
            return name
        case ast.Subscript(value=ast.Name(id="values"), slice=ast.Constant(value=str(name))):
            return name
    return None


# --- text to expression ------------------------------------------------------------------------------------------

_ESCAPE: Final = r"\\(?:[\\'\"abfnrtv]|x[0-9a-f]{2}|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4})"
_STRING: Final = re.compile(rf"""'(?:[^'\\\n\ud800-\udfff\0]|{_ESCAPE})*'|"(?:[^"\\\n\ud800-\udfff\0]|{_ESCAPE})*\"""")
_TOKEN: Final = re.compile(
    r"(?P<space>[ \t\r\n\f]+)"
    # As much of a number as Python reads: of 1.e5or it reads 1.e5, and warns; (?>...) is not tried again with less.
    rf"|(?P<number>(?>(?:\d{{1,{LONGEST_NUMBER}}}(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?))(?![\w\"'])"
    r"|(?P<word>[A-Za-z_]\w*+)(?![\"'])"
    rf"|(?P<string>{_STRING.pattern})(?![\w\"'])"
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
_NO_ROOM: Final = "the stack has no room for the formula"  # the depth is bounded: the caller is near its end
_ALLOWED: Final = "names, numbers, + - * / @ **, comparisons, .T, indices, np.sum and other functions of NumPy"


def _parse(source: Source, known: dict[str, None] | None) -> UserFormula:
    return _formula(_tree(source, known), source.text, source, known)


def _tree(source: Source, known: Collection[str] | None) -> ast.expr:
    """The expression of a text in whichever notation it is."""
    _check_text(source)
    written = is_written(_STRING.sub("", source.text))
    try:
        return read(source, known or ()) if written else _numpy_tree(source, known)
    except FormulaError:
        if written or not re.search(r"_\d", source.text):
            raise
        return read(source, known or ())
    except (RecursionError, MemoryError):
        raise source.error(0, _NO_ROOM) from None


def _check_text(source: Source) -> None:
    if len(source.text) > LONGEST:
        raise source.error(LONGEST, f"a formula of {len(source.text):,} characters has more than {LONGEST:,}")
    if not source.text.strip():
        raise source.error(0, "there is no formula")
    depth = 0
    for at, character in enumerate(source.text):
        depth += (character in "([{") - (character in ")]}")
        if depth > DEEPEST:
            raise source.error(at, f"brackets stand more than {DEEPEST} deep")


def _numpy_tree(source: Source, known: Collection[str] | None) -> ast.expr:
    """NumPy text as Python reads it, after a look at every token: what could warn or overflow never gets there."""
    _check_tokens(source)
    indent, text = _indent(source.text), re.sub(r"\s", " ", source.text).strip()
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        at = indent + (error.offset - 1 if error.offset else len(text))  # 0: behind a dot
        equals = source.text[at : at + 2].strip() == "="
        remedy = "what stands to the right of the equals sign" if equals else _ALLOWED
        raise source.error(at, f"the formula cannot be read: {error.msg}", remedy) from None
    for node in ast.walk(tree):
        if hasattr(node, "col_offset"):
            node.col_offset = indent + len(text.encode()[: node.col_offset].decode())
        if isinstance(node, ast.Name) and node.id not in (known or ()):
            node.id = re.sub(r"^([^\W_]+)_(\d+)$", r"\1\2", node.id)  # dZ_3 is dZ3
    return tree


def _check_tokens(source: Source) -> None:
    at, signs = 0, 0
    for count in itertools.count():
        if at == len(source.text):
            return
        found = _TOKEN.match(source.text, at)
        if found is None or count == MOST_TOKENS:
            raise _unreadable(source, at) if found is None else source.error(at, "the formula has too many parts")
        word = found["word"]
        if word and ((keyword.iskeyword(word) and word not in ("True", "False", "None")) or len(word) > _LONGEST_NAME):
            raise _refused_word(source, at, word)
        # a long row of signs nests as deeply as parentheses do
        signs = signs + 1 if found["sign"] else signs if found["space"] else 0
        if signs > 2 * DEEPEST:
            raise source.error(at, f"{signs} signs stand side by side")
        at = found.end()


def _refused_word(source: Source, at: int, word: str) -> FormulaError:
    if len(word) > _LONGEST_NAME:
        return source.error(at, f"a name of {len(word)} characters has more than {_LONGEST_NAME}")
    what = _REFUSED_WORDS.get(word, f"{word!r}, a word of Python,")
    return source.error(at, f"{what} is not part of a formula", _INSTEAD.get(word, _ALLOWED))


def _unreadable(source: Source, at: int) -> FormulaError:
    text = source.text
    for sign, what in _REFUSED.items():
        if text.startswith(sign, at):
            return source.error(at, f"{what} ({sign}) is not part of a formula", _ALLOWED)
    if re.compile(r"[A-Za-z_]\w*'[^']*$").match(text, at):
        return source.error(at, "a prime (') is not part of a formula", "A.T is the transpose")
    if re.compile(r"[A-Za-z_]\w*[\"']").match(text, at):
        return source.error(at, "text with a prefix, such as an f-string, is not part of a formula", _ALLOWED)
    if text[at] in "\"'":
        return source.error(at, "text is not part of a formula, or is never closed", _ALLOWED)
    if text[at].isdigit():
        return source.error(
            at, f"{readable(text[at : at + 12])} is no number with a sign behind it", "2 * A, 0.5, 1e-3"
        )
    return source.error(at, f"{readable(text[at])} is not part of a formula", _ALLOWED)


# --- the whitelist -----------------------------------------------------------------------------------------------


def _formula(tree: ast.expr, text: str | None, source: Source, known: Collection[str] | None) -> UserFormula:
    _check_size(tree, source)
    check = _Check(source, known)
    try:
        check.run(tree)
        plain = ast.unparse(tree)
    except RecursionError:
        raise _error(source, tree, _NO_ROOM) from None
    return UserFormula(plain if text is None else text, tree, plain, frozenset(check.names))


def _check_size(tree: ast.expr, source: Source) -> None:
    """Bound the number of nodes and the depth, before anything walks the expression by recursion."""
    level: list[ast.AST] = [tree]
    count = 0
    for depth in itertools.count():
        count += len(level)
        if depth > 2 * DEEPEST or count > MOST_NODES:
            what = f"the formula has more than {MOST_NODES} parts" if count > MOST_NODES else "the formula is too deep"
            raise _error(source, tree, what, "name a part of it, in a line of its own")
        level = [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, _COUNTED)]
        if not level:
            return


def _error(source: Source, node: ast.expr, what: str, remedy: str = "") -> FormulaError:
    """A FormulaError at a node; one that was made and not read has no place."""
    return source.error(node.col_offset, what, remedy) if source.text else FormulaError(what, remedy=remedy)


_COUNTED: Final = (ast.expr, ast.keyword, ast.comprehension)
_WHAT: Final[Mapping[type[ast.AST], str]] = MappingProxyType(
    {
        ast.Lambda: "a function of its own (lambda)",
        ast.IfExp: "a choice (if)",
        ast.NamedExpr: "an assignment (:=)",
        ast.Starred: "an unpacking (*)",
        ast.BoolOp: "'and' or 'or' between truth values",
        ast.Dict: "a dictionary",
        ast.Set: "a set",
        ast.ListComp: "a loop in brackets",
        ast.GeneratorExp: "a loop in parentheses",
        ast.JoinedStr: "an f-string",
        ast.Await: "a wait (await)",
        ast.Yield: "a generator (yield)",
    }
)
_OPERATORS: Final[Mapping[type[ast.AST], Function]] = MappingProxyType(
    {
        ast.Add: NUMPY["add"],
        ast.Sub: NUMPY["subtract"],
        ast.Mult: NUMPY["multiply"],
        ast.Div: NUMPY["divide"],
        ast.MatMult: NUMPY["matmul"],
        ast.Pow: NUMPY["power"],
        ast.BitAnd: NUMPY["bitwise_and"],
        ast.BitOr: NUMPY["bitwise_or"],
        ast.BitXor: NUMPY["bitwise_xor"],
        ast.UAdd: NUMPY["positive"],
        ast.USub: NUMPY["negative"],
        ast.Invert: NUMPY["invert"],
        ast.Lt: NUMPY["less"],
        ast.LtE: NUMPY["less_equal"],
        ast.Gt: NUMPY["greater"],
        ast.GtE: NUMPY["greater_equal"],
        ast.Eq: NUMPY["equal"],
        ast.NotEq: NUMPY["not_equal"],
    }
)
_SIGNS: Final[Mapping[type[ast.AST], str]] = MappingProxyType(
    {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.Pow: "**"}
)
_MODULES: Final = ("np", "numpy")


@functools.cache
def _signature(function: Function) -> Any:
    return vocabulary.parameters(function)


@final
class _Check:
    """Holds every node of an expression to the list, and collects the names of the values."""

    def __init__(self, source: Source, known: Collection[str] | None) -> None:
        self.source, self.known, self.names = source, known, dict[str, None]()
        self.waiting: list[ast.expr] = []

    def run(self, tree: ast.expr) -> None:
        """Every node, without recursion."""
        self.waiting.append(tree)
        while self.waiting:
            node = self.waiting.pop()
            rule = _CHECKS.get(type(node))
            if rule is None:
                what = _WHAT.get(type(node), f"{type(node).__name__}, an expression of Python,")
                raise self.error(node, f"{what} is not part of a formula", _ALLOWED)
            rule(self, node)

    def error(self, node: ast.expr, what: str, remedy: str = "") -> FormulaError:
        """A FormulaError at a node."""
        return _error(self.source, node, what, remedy)

    def name(self, node: ast.expr, name: str) -> None:
        """The name of a value."""
        if self.known is not None and name not in self.known:
            raise self.error(node, *self._unknown(name))
        if self.known is None and name in _MODULES:
            raise self.error(node, f"{name} is no value", "np.sum(A)")
        self.names[name] = None

    def _unknown(self, name: str) -> tuple[str, str]:
        if name in FUNCTIONS:
            return f"{name} is a function, and is given no value here", f"{name}(A)"
        assert self.known is not None
        return f"no value is called {_suggest(name, self.known)}", _listed(self.known)

    def plain_name(self, node: ast.Name) -> None:
        self.name(node, node.id)

    def constant(self, node: ast.Constant) -> None:
        if not (node.value is None or isinstance(node.value, (bool, int, float))):
            kind = "text" if isinstance(node.value, str) else type(node.value).__name__
            raise self.error(node, f"{kind} ({node.value!r:.40}) is not part of a formula", _ALLOWED)

    def items(self, node: ast.Tuple | ast.List) -> None:
        self.waiting += node.elts

    def unary(self, node: ast.UnaryOp) -> None:
        self.operator(node.op)
        self.waiting.append(node.operand)

    def binary(self, node: ast.BinOp) -> None:
        self.operator(node.op)
        if isinstance(node.op, ast.Pow):
            self.exponent(node.right)
        self.waiting += (node.left, node.right)

    def compare(self, node: ast.Compare) -> None:
        for operator in node.ops:
            self.operator(operator)
        self.waiting += (node.left, *node.comparators)

    def operator(self, operator: ast.AST) -> None:
        """One of the list; in a text every other was refused as a token, so what is none has no place here."""
        if type(operator) not in _OPERATORS:
            instead = "~ for the opposite, & and | between comparisons" if isinstance(operator, ast.Not) else _ALLOWED
            raise FormulaError(f"the operator {type(operator).__name__} is not part of a formula", remedy=instead)

    def exponent(self, node: ast.expr) -> None:
        """An exponent is no power itself, and no large number."""
        for part in ast.walk(node):
            if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Pow):
                raise self.error(node, "a power in an exponent is not part of a formula", "parentheses, (a ** 2) ** 3")
            if (
                isinstance(part, ast.Constant)
                and isinstance(part.value, (int, float))
                and abs(part.value) > LARGEST_EXPONENT
            ):
                raise self.error(node, f"the exponent is larger than {LARGEST_EXPONENT:,}")

    def attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name) and node.value.id in _MODULES:
            if node.attr in NUMPY:
                raise self.error(
                    node, f"np.{node.attr} is a function, and is given no value here", f"np.{node.attr}(A)"
                )
            if node.attr not in CONSTANTS:
                shown = did_you_mean(node.attr, [*CONSTANTS, *NUMPY])
                raise self.error(node, f"np has no {shown} that formulas may use", f"np.{', np.'.join(CONSTANTS)}")
            return
        if node.attr in METHODS:
            raise self.error(node, f".{node.attr} is a method and stands without its parentheses", f"A.{node.attr}()")
        if node.attr not in ATTRIBUTES:
            raise self.error(
                node, f"'.{node.attr:.40}' is no attribute that formulas have", f".{', .'.join(ATTRIBUTES)}"
            )
        self.waiting.append(node.value)

    def subscript(self, node: ast.Subscript) -> None:
        name = name_in(node)
        if name is not None:
            self.name(node, name)
            return
        if not _is_slices(node.value):
            self.waiting.append(node.value)
        for part in node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]:
            if isinstance(part, ast.Slice):
                self.waiting += (bound for bound in (part.lower, part.upper, part.step) if bound is not None)
            elif not (isinstance(part, ast.Constant) and part.value is Ellipsis):
                self.waiting.append(part)

    def call(self, node: ast.Call) -> None:
        function, shown = self.function(node)
        arguments = _arguments(node)
        try:
            _signature(function).bind(*arguments, **{option.arg or "**": None for option in node.keywords})
        except TypeError as error:
            raise self.error(node, f"{shown}: {error}", f"{shown}{_takes(node, function)}") from None
        if function is NUMPY["power"]:
            self.exponent(arguments[-1])
        for argument in self.operands(node, function):
            self.waiting.append(argument)

    def function(self, node: ast.Call) -> tuple[Function, str]:
        """The function that is called, and how to show it."""
        function, name = _function_of(node), ast.unparse(node.func)[:80]
        if function is not None:
            return function, name
        callee = node.func
        if isinstance(callee, ast.Name):
            raise self.error(node, f"no function is called {_suggest(callee.id, FUNCTIONS)}", _ALLOWED)
        if isinstance(callee, ast.Attribute) and isinstance(callee.value, ast.Name) and callee.value.id in _MODULES:
            if callee.attr in FUNCTIONS:
                raise self.error(node, f"np has no function {callee.attr!r}, but formulas have", f"{callee.attr}(A)")
            raise self.error(
                node, f"np has no function {_suggest(callee.attr, NUMPY)} that formulas may call", _ALLOWED
            )
        if isinstance(callee, ast.Attribute):
            known = f"methods: {', '.join(sorted(METHODS)[:15])}, ..."
            raise self.error(node, f"'.{callee.attr:.40}' is no method that formulas have", known)
        raise self.error(node, f"{readable(name)} is no function", "* between a value and parentheses")

    def operands(self, node: ast.Call, function: Function) -> list[ast.expr]:
        """What is given to a function, without what is no value: subscripts of einsum, dtypes, and the module np."""
        given = list(_arguments(node))
        if function is NUMPY["einsum"]:
            first = given.pop(0)
            if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
                raise self.error(
                    node, "the first thing given to einsum is its subscripts", "np.einsum('ij,kj->ik', A, B)"
                )
        if function is NUMPY["astype"] and len(given) == 2:
            self.dtype(given.pop())
        for option in node.keywords:
            if option.arg == "dtype":
                self.dtype(option.value)
            else:
                given.append(option.value)
        return given

    def dtype(self, node: ast.expr) -> None:
        if _dtype(node) is None:
            raise self.error(node, f"{ast.unparse(node)[:40]} is no dtype that formulas have", ", ".join(DTYPES))


_CHECKS: Final[Mapping[type[ast.AST], Callable[[_Check, Any], None]]] = MappingProxyType(
    {
        ast.Name: _Check.plain_name,
        ast.Constant: _Check.constant,
        ast.Tuple: _Check.items,
        ast.List: _Check.items,
        ast.UnaryOp: _Check.unary,
        ast.BinOp: _Check.binary,
        ast.Compare: _Check.compare,
        ast.Attribute: _Check.attribute,
        ast.Subscript: _Check.subscript,
        ast.Call: _Check.call,
    }
)


def _in_module(node: ast.expr) -> bool:
    """Whether a node is np.something."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in _MODULES


def _is_slices(node: ast.expr) -> bool:
    """np.s_, whose index is a value: what ``put`` is told."""
    return _in_module(node) and isinstance(node, ast.Attribute) and node.attr == "s_"


def _function_of(node: ast.Call) -> Function | None:
    callee = node.func
    if isinstance(callee, ast.Name):
        return FUNCTIONS.get(callee.id)
    if isinstance(callee, ast.Attribute):
        return (NUMPY if _in_module(callee) else METHODS).get(callee.attr)
    return None


def _arguments(node: ast.Call) -> list[ast.expr]:
    """What a call gives by position: a method gives its array first."""
    if isinstance(node.func, ast.Attribute) and not _in_module(node.func):
        return [node.func.value, *node.args]
    return node.args


def _takes(node: ast.Call, function: Function) -> str:
    """What a function takes, as Python writes it; a method is not told its array."""
    signature = _signature(function)
    parameters = list(signature.parameters.values())[len(_arguments(node)) - len(node.args) :]
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature(plain))


def _dtype(node: ast.expr) -> np.dtype[Any] | None:
    match node:
        case ast.Name(id=name) | ast.Constant(value=str(name)):
            return DTYPES.get(name)
        case ast.Attribute(value=ast.Name(id="np" | "numpy"), attr=name):
            return DTYPES.get(name)
    return None


def _suggest(name: str, known: Iterable[str]) -> str:
    """did_you_mean among as many names as can be compared in a moment."""
    shown = name if len(name) <= 40 else name[:40] + "…"
    return did_you_mean(shown, itertools.islice((other for other in known if len(other) <= 80), _MOST_NAMES_COMPARED))


def _listed(names: Iterable[str]) -> str:
    shown = list(itertools.islice(names, 21))
    return f"the values are {', '.join(shown[:20])}{', ...' * (len(shown) > 20)}" if shown else "there are no values"


# --- computing ---------------------------------------------------------------------------------------------------


def _value(value: Any, name: str) -> Any:
    """A value as it is handed in: a number of Python, or an array of real numbers."""
    if isinstance(value, (int, float, np.integer, np.bool_)):
        return vocabulary.exact(value)
    try:
        return vocabulary.as_array(value)
    except (ValueError, TypeError) as error:
        raise FormulaError(f"the value {name!r} cannot be used: {error}") from None


@final
class _Evaluation:
    """One computation of an expression that has passed the whitelist."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.work = Work(list(values.values()))

    def result(self, tree: ast.expr) -> Array:
        try:
            result = self.value(tree)
        except RecursionError:
            raise FormulaError(_NO_ROOM) from None
        if isinstance(result, (tuple, slice)) or result is None:
            raise FormulaError("the formula gives no array", where=ast.unparse(tree)[:200])
        return np.array(result)

    def value(self, node: ast.expr) -> Any:
        """The value of a node; the whitelist has bounded the depth."""
        return _VALUES[type(node)](self, node)

    def named(self, node: ast.Name) -> Any:
        return self.values[node.id]

    def constant(self, node: ast.Constant) -> Any:
        return vocabulary.exact(node.value)

    def items(self, node: ast.Tuple | ast.List) -> Any:
        return tuple(self.value(item) for item in node.elts)

    def unary(self, node: ast.UnaryOp) -> Any:
        return self.apply(node, _OPERATORS[type(node.op)], self.value(node.operand))

    def binary(self, node: ast.BinOp) -> Any:
        return self.apply(node, _OPERATORS[type(node.op)], self.value(node.left), self.value(node.right))

    def compare(self, node: ast.Compare) -> Any:
        """a < b < c is (a < b) & (b < c), entry by entry."""
        values = [self.value(part) for part in (node.left, *node.comparators)]
        parts = [
            self.apply(node, _OPERATORS[type(operator)], left, right)
            for operator, (left, right) in zip(node.ops, itertools.pairwise(values), strict=True)
        ]
        return functools.reduce(functools.partial(self.apply, node, NUMPY["logical_and"]), parts)

    def attribute(self, node: ast.Attribute) -> Any:
        if _in_module(node):
            return CONSTANTS[node.attr]
        return self.apply(node, lambda work, x: ATTRIBUTES[node.attr](vocabulary.as_array(x)), self.value(node.value))

    def subscript(self, node: ast.Subscript) -> Any:
        name = name_in(node)
        if name is not None:
            return self.values[name]
        key = self.key(node.slice)
        return key if _is_slices(node.value) else self.apply(node, vocabulary.index, self.value(node.value), key)

    def key(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Tuple):
            return tuple(self.key(part) for part in node.elts)
        if isinstance(node, ast.Slice):
            bounds = (None if bound is None else self.value(bound) for bound in (node.lower, node.upper, node.step))
            return slice(*bounds)
        return self.value(node)

    def call(self, node: ast.Call) -> Any:
        function = _function_of(node)
        assert function is not None  # the whitelist has looked it up
        given = _arguments(node)
        dtype_last = function is NUMPY["astype"] and len(given) == 2
        values = [_dtype(part) if dtype_last and k == 1 else self.value(part) for k, part in enumerate(given)]
        options = {
            option.arg: _dtype(option.value) if option.arg == "dtype" else self.value(option.value)
            for option in node.keywords
            if option.arg
        }
        return self.apply(node, function, *values, **options)

    def apply(self, node: ast.expr, function: Function, *values: Any, **options: Any) -> Any:
        """One step; whatever NumPy raises becomes an error that names the step and the shapes."""
        try:
            return function(self.work, *values, **options)
        except FormulaError as error:
            raise self.failed(node, error.what, values, error.remedy) from None
        except Exception as error:  # NumPy raises whatever it likes, and all of it means: not on these values
            raise self.failed(node, _reason(error), values) from None

    def failed(self, node: ast.expr, what: str, values: tuple[Any, ...], remedy: str = "") -> FormulaError:
        """The error of one step, such as ``dZ3 @ A2: (1, 5) @ (3, 5) do not fit``."""
        sign = _SIGNS.get(type(node.op), ",") if isinstance(node, ast.BinOp) else ","
        shapes = [str(np.shape(value)) for value in values if isinstance(value, (np.ndarray, np.generic, int, float))]
        text = ast.unparse(node)
        shown = text if len(text) <= 80 else text[:77] + "..."
        joined = f" {sign} ".join(shapes) if sign != "," else ", ".join(shapes)
        if not joined:
            return FormulaError(f"{shown}: {what}", where=shown, remedy=remedy)
        return FormulaError(f"{shown}: {joined}: {what}", where=shown, given=f"shapes {joined}", remedy=remedy)


_VALUES: Final[Mapping[type[ast.AST], Callable[[_Evaluation, Any], Any]]] = MappingProxyType(
    {
        ast.Name: _Evaluation.named,
        ast.Constant: _Evaluation.constant,
        ast.Tuple: _Evaluation.items,
        ast.List: _Evaluation.items,
        ast.UnaryOp: _Evaluation.unary,
        ast.BinOp: _Evaluation.binary,
        ast.Compare: _Evaluation.compare,
        ast.Attribute: _Evaluation.attribute,
        ast.Subscript: _Evaluation.subscript,
        ast.Call: _Evaluation.call,
    }
)


def _reason(error: Exception) -> str:
    """What an exception of NumPy means, in a line."""
    what = error.what if isinstance(error, ChainruleError) else str(error)
    if any(phrase in what for phrase in ("broadcast", "shape mismatch", "mismatch in its core dimension")):
        return "these shapes do not fit together"
    return what.split("\n")[0][:200] or type(error).__name__
