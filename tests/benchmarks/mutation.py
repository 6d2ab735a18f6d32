"""Changes the engine in small ways, one at a time, and counts how many of these mutants the tests kill.

Run it with `python tests/benchmarks/mutation.py [TARGET ...]`; it needs the dependency group `mutation`. mutmut changes
what stands in functions, cosmic-ray the rest. What was tried is remembered under build/mutation/ and not tried again.
Targets, their tests and the reasons why a survivor is equivalent stand in mutation.toml.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import mutants
import mutation_functions
import mutation_tables

TOOLS = {"functions": mutation_functions, "tables": mutation_tables}
AIM = 95  # percent of the mutants of a file


def score(row: dict[str, Any]) -> float:
    """Killed of those that are not equivalent, in percent."""
    told_apart = row["tried"] - row["equivalent"]
    return 100 * row["killed"] / told_apart if told_apart else 100.0 * bool(row["tried"])


def show(files: dict[str, dict[str, Any]]) -> None:
    """The outcome by file."""
    print(f"{'file':<24}{'mutants':>9}{'tried':>7}{'killed':>8}{'equivalent':>12}{'open':>6}{'score':>8}")
    for name, row in files.items():
        left = row["tried"] - row["killed"] - row["equivalent"]
        counts = f"{row['mutants']:>9}{row['tried']:>7}{row['killed']:>8}{row['equivalent']:>12}{left:>6}"
        print(f"{name:<24}{counts}{score(row):>7.1f}%")


def write(path: Path, name: str, outcome: dict[str, Any]) -> None:
    """Put the outcome of a tool beside that of the other, and write the survivors of both as Markdown."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[name] = outcome
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    path.with_name("mutation-survivors.md").write_text(_listed(known), encoding="utf-8")


def _listed(tools: dict[str, Any]) -> str:
    """The survivors, those that wait for a test or a reason first."""
    lines = [
        "# Mutants that survive",
        "",
        "Written by the commands of [reliability.md](../../docs/reliability.md).",
        "",
    ]
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
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def main() -> None:
    """Run the targets that are named and report; exit 1 when the tests of a file kill less than 95 %."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", help="such as nodes/linear; all when none is named")
    parser.add_argument("--only", choices=TOOLS, help="what stands in functions, or the rest; both when not given")
    parser.add_argument("--again", action="store_true", help="try the survivors again, with slower tests too")
    parser.add_argument("--report", action="store_true", help="only report what has been tried")
    parser.add_argument("--json", type=Path, help="write the outcome to this file, and mutation-survivors.md beside it")
    parser.add_argument("--seed", type=int, default=0, help="of the sample of a large file's mutants")
    given = parser.parse_args()
    targets = [t for t in mutants.read_targets(given.seed) if not given.targets or t.name in given.targets]
    low = [_missed(given, targets, name) for name in TOOLS if given.only in (None, name)]
    raise SystemExit(any(low))


def _missed(given: argparse.Namespace, targets: list[mutants.Target], name: str) -> bool:
    """Whether the tests miss the aim in a file, with the mutants of one tool."""
    tool, files = TOOLS[name], {}
    for target in targets:
        if not given.report:
            tool.run(target, given.again)
        files[target.name] = tool.summary(target)
        print(target.name, {k: v for k, v in files[target.name].items() if k != "survivors"}, flush=True)
    show(files)
    if given.json:
        write(given.json, name, {"tool": tool.tool(), "seed": given.seed, "files": files})
    return any(row["mutants"] and score(row) < AIM for row in files.values())


if __name__ == "__main__":
    main()
