"""A file of formulas of which some lines cannot be read: the others are judged all the same."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from chainrule.errors import FormulaError
from chainrule.judging.given import Unread
from chainrule.judging.keys import canonical
from chainrule.judging.reading.lines import parse_lines
from chainrule.judging.reading.parsing import parse
from chainrule.judging.reading.scope import Scope, as_scope
from chainrule.judging.reading.user_formula import UserFormula

_MOST = 20  # lines that may be unreadable; what has more is no file of formulas


def lines_of(text: str, names: Iterable[str]) -> dict[str, UserFormula | Unread]:
    r"""The formulas of a file, in its order, and in place of a line that cannot be read what is wrong with it.

    Raises FormulaError where a line has no name to the left of an equals sign or gives one twice, where no line can be
    read, and where more than 20 cannot.

    >>> found = lines_of("dZ3 = A3 - Y\ndW3 = dZ3 @\ndB3 = dZ3", ["A3", "Y", "dZ3", "dW3", "dB3"])
    >>> {name: type(formula).__name__ for name, formula in found.items()}
    {'dZ3': 'UserFormula', 'dW3': 'Unread', 'dB3': 'UserFormula'}
    """
    lines, known = re.split(r"\r\n|\r|\n", text), as_scope(names) or Scope({})
    unread: dict[str, tuple[int, Unread]] = {}
    while True:
        try:
            found = parse_lines("\n".join(lines), known)
        except FormulaError as error:
            number = _line_of(error)
            given = None if number is None or len(unread) == _MOST else _sides(lines[number - 1], known)
            if number is None or given is None or given[0] in unread or _can_be_read(given[1]):
                raise
            unread[given[0]] = number, Unread(given[1], error)
            known.setdefault(given[0])
            lines[number - 1] = ""
        else:
            break
    if unread and not found:
        raise next(iter(unread.values()))[1].error
    return _in_order(found, unread, lines) if unread else dict(found)


def _line_of(error: FormulaError) -> int | None:
    place = re.search(r"line (\d+)", error.where or "")
    return int(place[1]) if place else None


def _sides(line: str, names: Collection[str]) -> tuple[str, str] | None:
    """The name and what is written for it, None where a line is no such thing."""
    found = re.fullmatch(r"\s*([^\s=<>!:+\-*/@][^=<>!:+*/@]*?)\s*=(?!=)(.*)", line)
    return None if found is None else (next(iter(canonical([found[1]], names).values())), found[2].strip())


def _can_be_read(text: str) -> bool:
    try:
        parse(text)
    except FormulaError:
        return False
    return True


def _in_order(
    found: dict[str, UserFormula], unread: dict[str, tuple[int, Unread]], lines: list[str]
) -> dict[str, UserFormula | Unread]:
    """All formulas as the file has them: each unreadable one behind as many readable ones as stand above it."""
    names = list(found)
    written = [bool(line.split("#")[0].strip()) for line in lines]
    for name, (number, _) in sorted(unread.items(), key=lambda item: item[1][0], reverse=True):
        names.insert(min(sum(written[:number]), len(names)), name)
    return {name: found[name] if name in found else unread[name][1] for name in dict.fromkeys(names)}
