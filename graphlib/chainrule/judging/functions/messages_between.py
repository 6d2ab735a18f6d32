"""What is told to the process that runs a learner's file, and what is read of its answer: arrays and text."""

from __future__ import annotations

import ast
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.judging.functions.answers import Answers, Question
from chainrule.judging.reading.bounds import MOST_NODES

_LONGEST_FORMULA: Final = 20_000
_MOST_KEYS: Final = 1_000
LARGEST_ANSWER: Final = 256 << 20
"""How many bytes a learner's function may answer with, packed or not."""


def packed_question(asked: Question) -> bytes:
    """A question for the process: this one trusts what it sends itself."""
    return pickle.dumps(asked)


def unpacked_question(content: bytes) -> Question:
    """A question as it came in."""
    asked = pickle.loads(content)  # noqa: S301 - from the process that started this one
    assert isinstance(asked, Question)
    return asked


def pack_answers(answers: Answers | ArgumentError, path: Path) -> None:
    """Write arrays and text to a file."""
    if isinstance(answers, ArgumentError):
        told = {part: getattr(answers, part) for part in ("what", "where", "given", "remedy")}
        np.savez(path, told=np.array(json.dumps({"error": told})))
        return
    arrays: dict[str, Any] = {}
    index: list[Any] = []
    for (k, convention), results in answers.results.items():
        index.append([k, convention, list(results)])
        arrays |= {f"a{len(arrays) + place}": array for place, array in enumerate(results.values())}
    formulas = {name: [ast.unparse(tree), _lines(tree)] for name, tree in answers.formulas.items()}
    made = [[name, line] for name, line, _ in answers.made]
    arrays |= {f"m{place}": array for place, (_, _, array) in enumerate(answers.made)}
    told = {"shown": answers.shown, "index": index, "lines": answers.lines, "formulas": formulas, "made": made}
    told["keys"] = list(answers.keys)
    np.savez(path, told=np.array(json.dumps(told)), **arrays)


def _lines(tree: ast.expr) -> list[int | None]:
    return [getattr(node, "lineno", None) for node in ast.walk(tree) if isinstance(node, ast.expr)]


def unpacked_answers(path: Path, shown: Path) -> Answers:
    """Answers as a file holds them, with nothing in it taken for granted; raises ArgumentError for all else."""
    try:
        _check_size(path)
        with np.load(path, allow_pickle=False) as held:
            told = json.loads(str(held["told"]))
            if "error" in told:
                error = {part: str(text) for part, text in told["error"].items()}
                where = error["where"]
                at = f"{shown}:{where.removeprefix('line ')}" if where.startswith("line ") else where
                raise ArgumentError(error["what"], where=at, given=error["given"], remedy=error["remedy"])
            return _answers(told, held)
    except (KeyError, ValueError, TypeError, AttributeError, OSError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(f"{shown} gave an answer that cannot be read", given=str(error)[:200]) from None


def _check_size(path: Path) -> None:
    """Refuse what unpacks to more than an answer may hold: a few kilobytes can claim to be gigabytes."""
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > LARGEST_ANSWER:
            raise ValueError(f"more than {LARGEST_ANSWER >> 20} MB")


def _answers(told: dict[str, Any], held: Any) -> Answers:
    found = Answers(str(told["shown"])[:200])
    count = 0
    for k, convention, names in told["index"]:
        if len(names) > _MOST_KEYS:
            raise ValueError("too many keys")
        found.results[int(k), str(convention)] = {
            str(name): _array(held[f"a{count + place}"]) for place, name in enumerate(names)
        }
        count += len(names)
    found.keys = tuple(map(str, told["keys"]))
    found.made = [(str(name), int(line), _array(held[f"m{place}"])) for place, (name, line) in enumerate(told["made"])]
    found.lines = {str(name): int(line) for name, line in told["lines"].items()}
    for name, (text, lines) in told["formulas"].items():
        tree = _tree(str(text), lines)
        if tree is None:
            found.formulas.clear()
            break
        found.formulas[str(name)] = tree
    return found


def _array(array: Any) -> Any:
    if array.dtype.kind != "f":
        raise ValueError("an array of no real numbers")
    return array


def _tree(text: str, lines: list[int | None]) -> ast.expr | None:
    """The expression of a text, which is held to the whitelist later on, with the lines of its parts."""
    if len(text) > _LONGEST_FORMULA:
        return None
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, RecursionError, MemoryError):
        return None
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.expr)]
    if len(nodes) > 4 * MOST_NODES or len(nodes) != len(lines):
        return None
    for node, line in zip(nodes, lines, strict=True):
        node.lineno = line  # type: ignore[assignment]  # None where no line made it
    return tree
