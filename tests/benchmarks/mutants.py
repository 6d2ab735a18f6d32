"""What is mutated, which tests should notice it, and how the outcome is reported; shared by the tools of mutation.py.

Targets, their tests and the reasons why a survivor is equivalent stand in mutation.toml.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TABLE = HERE / "mutation.toml"
STAGES = ROOT / "build" / "mutation"


class Target(NamedTuple):
    """A file that is mutated, tests for its mutants and slower ones for what survives those, how many are tried."""

    source: str
    tests: tuple[str, ...]
    slower: tuple[str, ...]
    sample: int  # 0: all
    seed: int  # of the sample
    unfit: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.source.removeprefix("chainrule/").removesuffix(".py")

    @property
    def path(self) -> Path:
        return ROOT / "graphlib" / self.source

    @property
    def stage(self) -> Path:
        return STAGES / self.name.replace("/", ".")

    def fingerprint(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


class Mutant(NamedTuple):
    """A change, by the function or line it is in, and why nobody can tell it from the original, if so."""

    name: str
    where: str
    removed: str
    added: str
    reason: str = ""


def read_targets(seed: int = 0) -> list[Target]:
    """The targets of mutation.toml; the tests of a group are listed once."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return [
        Target(
            f"chainrule/{name}.py",
            tuple(group["tests"]),
            tuple(group.get("slower", ())),
            group.get("sample", 0),
            seed,
            tuple(table.get("unfit", ())),
        )
        for group in table["group"]
        for name in group["files"]
    ]


def explained(target: Target, mutants: list[Mutant]) -> list[Mutant]:
    """The mutants with the reasons of mutation.toml, whose patterns are matched against "removed → added"."""
    entries = tomllib.loads(TABLE.read_text(encoding="utf-8")).get("equivalent", [])
    return [mutant._replace(reason=_reason_for(entries, target, mutant)) for mutant in mutants]


def _reason_for(entries: list[dict[str, str]], target: Target, mutant: Mutant) -> str:
    for entry in entries:
        here = entry.get("file", target.name) == target.name and entry.get("function", "") in mutant.where
        if here and re.search(entry["change"], f"{mutant.removed} → {mutant.added}"):
            return entry["reason"]
    return ""


def changed(diff: str) -> tuple[str, str]:
    """The lines that a unified diff removes, and those it adds, each as one text."""
    body = [line for line in diff.splitlines() if not line.startswith(("---", "+++", "@@"))]
    removed, added = (" ".join(line[1:].strip() for line in body if line.startswith(sign)) for sign in "-+")
    return removed, added


def drawn(names: Sequence[str], most: int, seed: int) -> list[str]:
    """As many of the names as are tried at most, the same for the same seed."""
    return sorted(random.Random(seed).sample(names, min(most, len(names))))


# --- what was tried --------------------------------------------------------------------------------------------------


def tried(target: Target, record: str) -> dict[str, Any]:
    """What became of each mutant so far; nothing when the file has changed since."""
    path = target.stage / record
    if not path.exists():
        return {}
    known = json.loads(path.read_text(encoding="utf-8"))
    return dict(known["exits"]) if known["source"] == target.fingerprint() else {}


def remember(target: Target, record: str, latest: Mapping[str, Any]) -> None:
    """Add the latest outcomes to those before."""
    known = {"source": target.fingerprint(), "exits": tried(target, record) | dict(latest)}
    (target.stage / record).write_text(json.dumps(known, indent=1, ensure_ascii=False), encoding="utf-8")


# --- the outcome -----------------------------------------------------------------------------------------------------


def summary(count: int, tried: int, alive: list[Mutant]) -> dict[str, Any]:
    """The figures of a target, its survivors included."""
    return {
        "mutants": count,
        "tried": tried,
        "killed": tried - len(alive),
        "equivalent": sum(bool(mutant.reason) for mutant in alive),
        "survivors": [mutant._asdict() for mutant in alive],
    }
