"""The formulas of a file: lines ``name = formula``, as notes, notebooks and scripts have them."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, final

import numpy as np

from chainrule.errors import FormulaError
from chainrule.judging.reading.bounds import LONGEST, MOST_FORMULAS, MOST_NODES
from chainrule.judging.reading.forms import name_in, name_node, put_in_place, size_of_tree
from chainrule.judging.reading.messages import readable
from chainrule.judging.reading.parsing import NESTING, name_on_the_left, parsed
from chainrule.judging.reading.passage import Passage
from chainrule.judging.reading.quiet import value_of
from chainrule.judging.reading.scope import Scope, as_scope
from chainrule.judging.reading.user_formula import UserFormula, formula_of

_SIGNS: Final[dict[str, type[ast.operator]]] = {
    "+": ast.Add, "-": ast.Sub, "*": ast.Mult, "/": ast.Div, "@": ast.MatMult,
}  # fmt: skip
_PASSED_OVER: Final = re.compile(
    r"\s*(?:import\s|from\s+[\w.]+\s+import\s|return\b|pass\s*$|print\s*\(|assert\b|(?:'''|\"\"\").*(?:'''|\"\"\")\s*$"
    r"|(?:\$\$|\\\[|\\\]|\\(?:begin|end)\s*\{[a-z]+\*?\}\s*)+$)"
)
_OF_A_PROGRAM: Final = re.compile(r"\s*(def|class|for|while|if|elif|else|with|try)\b[^=]*:\s*$|\s*def\s")
_MOST_LINES_JOINED: Final = 60


def parse_lines(text: str, names: Iterable[str] | None = None) -> dict[str, UserFormula]:
    r"""The formulas of a file: lines ``name = formula``, comments behind ``#`` or ``%``, empty lines.

    A line may use the names of the lines above it, and goes on in the next one while a bracket is open. A name that is
    given again in terms of itself, ``dA1 = dA1 * D1`` or ``dW1 += W1``, ends as what it is given last: the lines
    before are steps on the way, and so they are to what reads them. ``a = b = formula`` gives both, and
    ``grads["dW1"] = ...`` gives dW1. Imports, ``return`` and the marks that begin an array of LaTeX are passed over.

    Raises FormulaError, with line and column, for a line that is no formula, for a name that is given twice without
    anything reading the first, and for more than 1,000 formulas.

    >>> formulas = parse_lines("dZ3 = A3 - Y  # per example\n\ndW_3 = dZ_3 A_2^T")
    >>> {name: formula.text for name, formula in formulas.items()}
    {'dZ3': 'A3 - Y', 'dW3': 'dZ3 @ A2.T'}
    >>> parse_lines("dA1 = np.dot(W2.T,\n    dZ2)\ndA1 *= D1")["dA1"].text
    'np.dot(W2.T, dZ2) * D1'
    """
    if not isinstance(text, str):
        raise FormulaError(f"formulas are text, not {type(text).__name__}")
    reading = _File(as_scope(names))
    for number, content in _logical_lines(text):
        for line in _undisplayed(Passage(content, number)):
            reading.line(line)
    return reading.formulas()


def formula_for(name: str, text: str, known: Scope, shape: tuple[int, ...] | None = None) -> UserFormula:
    """The formula of a text that is handed in under a name; it may give the name once more, ``dZ3 = A3 - Y``.

    Raises FormulaError for a text that gives another name.
    """
    lines = list(_undisplayed(Passage(text)))
    if len(lines) > 1:
        raise lines[1].error(0, "one formula at a time", "the lines of a file, in a file")
    *lefts, right = _parts_between_equals(lines[0])
    for left in lefts:
        given = _name_or_none(left, known)
        if given is None or (given != name and given not in known):
            raise left.error(left.indent, f"{readable(left.text.strip())} is no name to the left of =", f"{name} = ...")
        if given != name:
            raise left.error(left.indent, f"this gives {given}, and stands under the name {name}")
    return parsed(right if lefts else Passage(text), known, shape)


def _name_or_none(left: Passage, known: Scope) -> str | None:
    try:
        return name_on_the_left(left, known)
    except FormulaError:
        return None


@final
@dataclass
class _Given:
    """A name as one line gives it."""

    formula: UserFormula
    left: Passage
    place: int  # among all that the file gives
    read: bool = False  # by a line below, before the name is given again


@final
@dataclass
class _File:
    """The lines read so far: what every name is by now, and what it was before."""

    known: Scope | None
    given: dict[str, list[_Given]] = field(default_factory=dict)
    count: int = 0

    def line(self, passage: Passage) -> None:
        """Read a line: nothing, a formula, or several."""
        if not passage.text.strip() or _PASSED_OVER.match(passage.text):
            return
        if _OF_A_PROGRAM.match(passage.text):
            raise passage.error(
                passage.indent,
                f"{readable(passage.text.strip())} begins a piece of a program, and a file of formulas is never run",
                "lines dW3 = ..., or a function in a file that ends with .py",
            )
        for left, sign, right in _assignments(passage):
            if self.count == MOST_FORMULAS:
                raise passage.error(0, f"there are more than {MOST_FORMULAS:,} formulas")
            self.count += 1
            name = name_on_the_left(left, self.known)
            self._give(name, left, sign, right)

    def formulas(self) -> dict[str, UserFormula]:
        """Every name with what it is given last."""
        return {name: given[-1].formula for name, given in self.given.items()}

    def _give(self, name: str, left: Passage, sign: str, right: Passage) -> None:
        formula = parsed(right, self.known, self._shape(name))  # held to the list before anything is put in place
        tree = self._changed(name, left, sign, formula.tree)
        shown = _shown(name, sign, right.text) if tree is not formula.tree else right.text
        formula = formula_of(tree, shown, right, self.known)
        earlier = self.given.setdefault(name, [])
        again = bool(earlier)
        if again and name in formula.names:
            tree = _replaced(formula, {name: earlier[-1].formula.tree}, right)
            formula = formula_of(tree, shown, right, self.known)
        elif again and not earlier[-1].read:
            raise left.error(left.indent, f"{name!r} is given in line {earlier[-1].left.line} already")
        for other in formula.names:
            if other != name and self.given.get(other):
                self.given[other][-1].read = True
        earlier.append(_Given(formula, left, self.count))
        if again:
            self._settle(name)
        if self.known is not None and self.known.get(name) is None:
            self.known[name] = self._example(formula)

    def _shape(self, name: str) -> tuple[int, ...] | None:
        example = None if self.known is None else self.known.get(name)
        return None if example is None else np.shape(example)

    def _example(self, formula: UserFormula) -> Any:
        """What a name of the file's own comes to, None where the names that it reads have no examples."""
        assert self.known is not None
        try:
            return formula.evaluate({name: value for name, value in self.known.items() if value is not None})
        except FormulaError:
            return None

    def _changed(self, name: str, left: Passage, sign: str, tree: ast.expr) -> ast.expr:
        """What ``name += tree`` says; a gradient that nothing was added to is 0."""
        if not sign:
            return tree
        if name in self.given or (self.known is not None and name in self.known and not name.startswith("d")):
            return ast.BinOp(_placed(name_node(name)), _SIGNS[sign](), tree, col_offset=0)
        if sign not in "+-" or not name.startswith("d"):
            raise left.error(left.indent, f"{name} is changed here before it is given")
        return ast.UnaryOp(ast.USub(), tree, col_offset=0) if sign == "-" else tree

    def _settle(self, name: str) -> None:
        """What the name was before is put into the lines that read it, for from here on it means another value."""
        before = self.given[name][-2]
        for one in itertools.chain.from_iterable(given for other, given in self.given.items() if other != name):
            if name in one.formula.names and one.place > before.place:
                passage = Passage(one.formula.source, one.left.line)
                tree = _replaced(one.formula, {name: before.formula.tree}, passage)
                one.formula = formula_of(tree, one.formula.source, passage, self.known)


def _shown(name: str, sign: str, text: str) -> str:
    """What ``name += text`` says in full."""
    word = text.strip()
    return f"{name} {sign} {word}" if word.isidentifier() else f"{name} {sign} ({word})"


def _replaced(formula: UserFormula, trees: dict[str, ast.expr], passage: Passage) -> ast.expr:
    """The expression with expressions in the place of names; bounded before it is made."""
    names = [name_in(node) for node in ast.walk(formula.tree) if isinstance(node, ast.expr)]
    added = sum(size_of_tree(trees[name]) for name in names if name is not None and name in trees)
    if added + size_of_tree(formula.tree) > 4 * MOST_NODES:
        raise passage.error(0, f"the formula has more than {MOST_NODES} parts", "names of their own for the steps")
    return put_in_place(formula.tree, trees)


def _placed(node: ast.expr) -> ast.expr:
    node.col_offset = 0
    return node


# --- lines ---------------------------------------------------------------------------------------------------------


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without comments; those between which a bracket is open are one."""
    lines = [_without_comment(line) for line in re.split(r"\r\n|\r|\n", text)]
    k = 0
    while k < len(lines):
        last = _last_of(lines, k)
        while lines[last].endswith("\\") and last + 1 < min(len(lines), k + _MOST_LINES_JOINED):
            lines[last] = lines[last][:-1]
            last = _last_of(lines, last + 1)
        yield k + 1, "\n".join(lines[k : last + 1])
        k = last + 1


def _last_of(lines: list[str], first: int) -> int:
    """The line in which the brackets that one opens are closed; itself where they never are."""
    depth = _depth(lines[first])
    length = len(lines[first])
    for k in range(first + 1, min(first + _MOST_LINES_JOINED, len(lines)) if depth > 0 else 0):
        depth += _depth(lines[k])
        length += len(lines[k])
        if depth <= 0 or length > LONGEST:
            return k if depth == 0 and length <= LONGEST else first
    return first


def _depth(line: str) -> int:
    return sum(NESTING.get(character, 0) for character in line)


def _without_comment(line: str) -> str:
    return re.split(r"#|(?<!\\)%", line)[0].rstrip().removesuffix("\\\\").rstrip(";")


# --- sides ---------------------------------------------------------------------------------------------------------


def _assignments(line: Passage) -> Iterator[tuple[Passage, str, Passage]]:
    """What a line gives: the name, the sign of ``+=``, and the formula."""
    *lefts, right = _sides(line)
    entries = _entries(lefts[-1], right)
    if entries is not None:
        yield from entries
        return
    for left in lefts:
        sign = left.text.rstrip()[-1:]
        sign = sign if sign in _SIGNS and len(lefts) == 1 and left.text.rstrip()[:-1].strip() else ""
        yield (Passage(left.text.rstrip()[:-1], left.line, left.column) if sign else left), sign, right


def _sides(line: Passage) -> list[Passage]:
    """The texts between the equals signs; the last is the formula."""
    found = _parts_between_equals(line)
    if len(found) == 1:
        raise line.error(line.indent, f"{readable(line.text.strip())} is no line of the form name = formula")
    return found


def _parts_between_equals(line: Passage) -> list[Passage]:
    """The texts between the equals signs that stand in no brackets and compare nothing."""
    text, depth, begins, found = line.text, 0, 0, list[Passage]()
    for at, character in enumerate(text):
        depth += NESTING.get(character, 0)
        alone = text[at + 1 : at + 2] != "=" and text[at - 1 : at] not in ("=", "<", ">", "!", ":")
        if character == "=" and depth == 0 and alone:
            found.append(_part(line, begins, at, end="&"))
            begins = at + 1
    return [*found, _part(line, begins, len(text))]


_OPENED: Final = re.compile(r"\s*(?:\$\$?|\\\[|\\\(|\\begin\s*\{[a-z]+\*?\}(?:\{\d+\})?|&(?!&))")
_CLOSED: Final = re.compile(
    r"(?:\$\$?|\\\]|\\\)|\\end\s*\{[a-z]+\*?\}|\\(?:label|tag)\s*\{[^{}]*\}|\\no(?:number|tag)|[.,;]|\\\\)\s*\Z"
)
_NEXT_STATEMENT: Final = re.compile(r";(?=\s*[A-Za-z_][\w.]*(?:\[[^\]=]*\])?\s*[-+*/@]?=[^=])")
_NEXT_ROW: Final = re.compile(r"\\\\(?=[^\n=]*=)")


def _undisplayed(line: Passage) -> Iterator[Passage]:
    r"""The formulas of a line without what displays them: ``$$ $$``, ``\[ \]``, ``\begin{aligned}`` with its rows."""
    text, begins = line.text, 0
    if "\\" not in text and "$" not in text:
        starts = [0, *(end.end() for end in _NEXT_STATEMENT.finditer(text))]
        yield from (_part(line, at, to, end=";") for at, to in itertools.pairwise([*starts, len(text) + 1]))
        return
    while opened := _OPENED.match(text, begins):
        begins = opened.end()
    ends = len(text.rstrip())
    while begins and (closed := _CLOSED.search(text[:ends])) and closed.start() >= begins:
        ends = len(text[: closed.start()].rstrip())
    rows = [begins, *(row.end() for row in _NEXT_ROW.finditer(text, begins, ends))]
    for k, row in enumerate(rows):
        last = rows[k + 1] - 2 if k + 1 < len(rows) else ends
        start = re.compile(r"[\s&]*").match(text, row)
        at = row if start is None or k == 0 else min(start.end(), last)
        yield _part(line, at, last) if (begins or k) else line


def _part(line: Passage, begins: int, ends: int, end: str = "") -> Passage:
    """A piece of a line that knows where it stands."""
    before, text = line.text[:begins], line.text[begins:ends]
    rows = before.count("\n")
    column = begins - (before.rfind("\n") + 1) + 1
    return Passage(text.rstrip().removesuffix(end) if end else text, line.line + rows, column)


def _entries(left: Passage, right: Passage) -> list[tuple[Passage, str, Passage]] | None:
    """Of ``grads = {"dW1": ...}`` every entry, of ``A, B = x, y`` every pair; None where a line gives one value."""
    if not (right.text.strip().startswith(("{", "dict(")) or "," in left.text):
        return None
    target, value = value_of(left.text), value_of(right.text)
    if target is None or value is None:
        return None
    if isinstance(value, ast.Dict):
        return _entries_of_dict(value, left, right)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict" and not value.args:
        return [_entry(option.arg or "**", option.value, left, right) for option in value.keywords]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return [_entry(ast.unparse(a), b, left, right) for a, b in zip(target.elts, value.elts, strict=True)]
    return (
        [] if isinstance(target, ast.Tuple) and isinstance(value, ast.Name) else None
    )  # what a cache is taken apart to


def _entries_of_dict(value: ast.Dict, left: Passage, right: Passage) -> list[tuple[Passage, str, Passage]]:
    keys = [key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None for key in value.keys]
    if None in keys:
        raise right.error(right.indent, "the keys of the gradients are names in quotes", '{"dW1": dW1}')
    found = [_entry(key or "", part, left, right) for key, part in zip(keys, value.values, strict=True)]
    return [entry for entry in found if entry[0].text != entry[2].text]  # "dW1": dW1 says nothing new


def _entry(name: str, part: ast.expr, left: Passage, right: Passage) -> tuple[Passage, str, Passage]:
    return Passage(name, left.line, left.column), "", Passage(ast.unparse(part), right.line, right.column)
