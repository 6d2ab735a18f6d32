"""What is mutated, which tests should notice it, and how the outcome is reported: shared by the two mutation commands.

Targets, their tests and the reasons why a survivor is equivalent stand in mutation.toml.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TABLE = HERE / "mutation.toml"
STAGES = ROOT / "build" / "mutation"
AIM = 95  # percent of the mutants of a file


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


def score(row: dict[str, Any]) -> float:
    """Killed of those that are not equivalent, in percent."""
    return 100 * row["killed"] / max(row["tried"] - row["equivalent"], 1)


def show(files: dict[str, dict[str, Any]]) -> None:
    print(f"{'file':<24}{'mutants':>9}{'tried':>7}{'killed':>8}{'equivalent':>12}{'open':>6}{'score':>8}")
    for name, row in files.items():
        left = row["tried"] - row["killed"] - row["equivalent"]
        counts = f"{row['mutants']:>9}{row['tried']:>7}{row['killed']:>8}{row['equivalent']:>12}{left:>6}"
        print(f"{name:<24}{counts}{score(row):>7.1f}%")


def write(path: Path, tool: str, outcome: dict[str, Any]) -> None:
    """Put the outcome of a tool beside that of the other, and write the survivors of both as Markdown."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[tool] = outcome
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    path.with_name("mutation-survivors.md").write_text(_listed(known), encoding="utf-8")


def _listed(tools: dict[str, Any]) -> str:
    """The survivors, those that wait for a test or a reason first."""
    lines = ["# Mutants that survive", "", "Written by the commands of [reliability.md](reliability.md).", ""]
    for title, wanted in (("Without a reason yet", False), ("Equivalent", True)):
        lines += [f"## {title}", ""]
        for outcome in tools.values():
            for name, row in outcome["files"].items():
                lines += [_line(name, one) for one in row["survivors"] if bool(one["reason"]) == wanted]
        lines.append("")
    return "\n".join(lines)


def _line(file: str, survivor: dict[str, str]) -> str:
    removed, added = (_code(survivor[key] or "(nothing)") for key in ("removed", "added"))
    reason = f": {survivor['reason']}" if survivor["reason"] else ""
    return f"- {file}, `{survivor['where']}`: {removed} becomes {added}{reason}"


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence} {text} {fence}" if fence == "``" else f"`{text}`"


# --- the command -----------------------------------------------------------------------------------------------------


def command(
    description: str, tool: str, run: Callable[[Target, bool], None], summarise: Callable[[Target], dict[str, Any]]
) -> None:
    """Run the targets that are named and report; exit 1 when the tests of a file kill less than 95 %."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("targets", nargs="*", help="such as nodes/linear; all when none is named")
    parser.add_argument("--again", action="store_true", help="try the survivors again, with slower tests too")
    parser.add_argument("--report", action="store_true", help="only report what has been tried")
    parser.add_argument("--json", type=Path, help="write the outcome to this file, and mutation-survivors.md beside it")
    parser.add_argument("--seed", type=int, default=0, help="of the sample of a large file's mutants")
    given = parser.parse_args()
    files: dict[str, dict[str, Any]] = {}
    for target in read_targets(given.seed):
        if given.targets and target.name not in given.targets:
            continue
        if not given.report:
            run(target, given.again)
        files[target.name] = summarise(target)
        print(target.name, {k: v for k, v in files[target.name].items() if k != "survivors"}, flush=True)
    show(files)
    if given.json:
        write(given.json, tool, {"seed": given.seed, "files": files})
    raise SystemExit(any(row["mutants"] and score(row) < AIM for row in files.values()))
