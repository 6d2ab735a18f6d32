"""On which line of a learner's function every value came to be, and under which name."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final, NamedTuple, final

import numpy as np

from chainrule.judging.reading.quiet import tree_of
from chainrule.symbols.symbol import Symbol

_MOST_KEPT, _LARGEST_KEPT = 300, 10_000  # arrays that are kept as they were
_MOST_LINES: Final = 100_000  # lines that are looked at; what is run after them is run all the same


@final
class Made(NamedTuple):
    """A value that a line made: its name, itself, the number of the line in its file, and what it was then."""

    name: str
    value: Any
    line: int
    then: Any


@final
class Recording:
    """The lines of one call, and of what it calls in the same file."""

    def __init__(self, function: Callable[..., Any]) -> None:
        code = getattr(inspect.unwrap(function), "__code__", None)
        self._file = code.co_filename if code is not None else None
        self.made: list[Made] = []
        self.returned: dict[str, Any] = {}  # the names of the outermost call when it ends
        self.line: int | None = None  # the last one that was run
        self._lines: dict[int, int] = {}
        self._seen: dict[int, tuple[Any, int]] = {}  # the value is kept, so that its id stays its own
        self._at: dict[FrameType, int] = {}
        self._looked = 0

    def run(self, call: Callable[[], Any]) -> Any:
        """What a call returns, recorded."""
        before = sys.gettrace()
        sys.settrace(self._entered)
        try:
            return call()
        finally:
            sys.settrace(before)
            self._at.clear()

    def line_of(self, value: Any) -> int | None:
        """The line that made a value."""
        return self._lines.get(id(value))

    def line_of_key(self, line: int, is_meant: Callable[[str], bool]) -> int:
        """The line of an entry in a dict that is written over several lines, of which this line is one."""
        for first, last, key, at in self._entries:
            if first <= line <= last and is_meant(key):
                return at
        return line

    @functools.cached_property
    def _entries(self) -> list[tuple[int, int, str, int]]:
        """The entries of the dicts in the file: from and to which line a dict stands, the key, and its line."""
        tree = tree_of("".join(linecache.getlines(self._file or "")))
        if tree is None:
            return []
        found = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict | ast.Call):
                last = node.end_lineno or node.lineno
                found += [(node.lineno, last, key, at) for key, at in _keys(node) if node.lineno < last]
        return sorted(found, key=lambda entry: entry[1] - entry[0])

    def _entered(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != self._file or self._looked > _MOST_LINES:
            return None
        self._at[frame] = frame.f_lineno
        for value in frame.f_locals.values():  # what a call is handed was made elsewhere
            self._see(value, self._at.get(frame.f_back) if frame.f_back is not None else None)
        return self._stepped

    def _stepped(self, frame: FrameType, event: str, argument: Any) -> Any:
        self._looked += 1
        if event == "exception":
            self.line = frame.f_lineno
        elif event in ("line", "return"):
            self._look(frame, self._at[frame])
            self._at[frame] = self.line = frame.f_lineno
        if event == "return":
            self._note("", argument, frame.f_lineno)
            self.returned = dict(frame.f_locals)
        return self._stepped

    def _look(self, frame: FrameType, line: int) -> None:
        for name, value in list(frame.f_locals.items()):
            self._note(name, value, line)

    def _note(self, name: str, value: Any, line: int) -> None:
        for label, one in _parts(name, value):
            if self._is_new(one):
                self.made.append(Made(label, one, line, self._snapshot(one)))
                self._set_line(one, line)

    def _snapshot(self, value: Any) -> Any:
        """A copy of an array that may be changed later; of few and small ones."""
        few = len(self.made) < _MOST_KEPT and isinstance(value, np.ndarray) and value.size < _LARGEST_KEPT
        return value.copy() if few else value

    def _is_new(self, value: Any) -> bool:
        mark = _mark(value)
        old = self._seen.get(id(value))
        self._seen[id(value)] = (value, mark)
        return old is None or old[1] != mark

    def _see(self, value: Any, line: int | None) -> None:
        """Take a value for known; one that was made for a call alone was made on the line of the call."""
        for _, one in _parts("", value):
            if id(one) not in self._seen:
                if line is not None and isinstance(one, Symbol) and one.operation is not None:
                    self._set_line(one, line)
                self._seen[id(one)] = (one, _mark(one))

    def _set_line(self, value: Any, line: int) -> None:
        """The line of a value and, of a Symbol, of what it was made from that no line before has made."""
        waiting = [value]
        while waiting:
            one = waiting.pop()
            if isinstance(value, Symbol) and id(one) in self._lines:
                continue
            self._lines[id(one)] = line
            if isinstance(one, Symbol):
                self._seen.setdefault(id(one), (one, 0))
                waiting += [part for part in one.operands if isinstance(part, Symbol) and part.operation is not None]


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The arrays and Symbols that a variable holds: itself, or those of a dict or a list by name or place."""
    if isinstance(value, Symbol | np.ndarray):
        yield name, value
    elif isinstance(value, dict):
        yield from ((str(key), one) for key, one in list(value.items()) if isinstance(one, Symbol | np.ndarray))
    elif isinstance(value, list | tuple):
        yield from ((name, one) for one in list(value) if isinstance(one, Symbol | np.ndarray))
    elif _is_of_a_person(value):
        for key, one in list(vars(value).items()):
            yield from _parts(key, one) if isinstance(one, Symbol | np.ndarray | dict | list | tuple) else ()


def _is_of_a_person(value: Any) -> bool:
    """Whether a value is an object of a plain class: one whose attributes are those that its methods have set."""
    return type(value).__class__ is type and type(value).__bases__ == (object,) and hasattr(value, "__dict__")


def _keys(node: ast.Dict | ast.Call) -> list[tuple[str, int]]:
    if isinstance(node, ast.Call):
        return [(option.arg, option.value.lineno) for option in node.keywords if option.arg]
    pairs = zip(node.keys, node.values, strict=True)
    return [(str(key.value), value.lineno) for key, value in pairs if isinstance(key, ast.Constant)]


def _mark(value: Any) -> int:
    """What tells an array that was changed from itself before."""
    return hash(value.tobytes()) if isinstance(value, np.ndarray) and value.size < 10_000 else 0
