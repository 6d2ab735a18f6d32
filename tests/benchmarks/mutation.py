"""Changes the engine in small ways, one at a time, and counts how many of these mutants the tests kill.

Run it with `python tests/benchmarks/mutation.py [TARGET ...]`; it needs the dependency group `mutation`. The mutants
are mutmut's. mutmut takes the name of a module from its path and knows one source root, `src`: so every target gets a
folder of its own under build/mutation/, in which `src` is a link to graphlib/. What was tried is remembered there and
is not tried again. Targets, their tests and the reasons why a survivor is equivalent stand in mutation.toml.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.metadata
import json
import os
import random
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
STAGES = ROOT / "build" / "mutation"
LINKS = {"src": "graphlib", "nets": "nets", "tests": "tests", "docs": "docs", "README.md": "README.md"}
BATCH = 150  # mutants in one run of mutmut, which are remembered when it ends

CONFIGURATION = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = ["src/{source}"]
also_copy = ["nets", "docs", "README.md"]
pytest_add_cli_args = {arguments}
pytest_add_cli_args_test_selection = {tests}
process_isolation = "forkserver"
forkserver_warmup = "{warmup}"
preload_modules_file = "preload.txt"
timeout_constant = 3.0  # seconds, beyond those that the tests of the mutant took
timeout_multiplier = 10.0
on_dependency_change = "ignore"
use_git_change_detection = false
"""
PRELOADED = ("numpy", "hypothesis", "mpmath", "pytest", "sklearn.neural_network", "tests.benchmarks.mutation_order")
ARGUMENTS = (
    *("-p", "no:cacheprovider", "-p", "tests.benchmarks.mutation_order", "--hypothesis-seed=0"),
    *("-o", "addopts="),  # the project's own ask for docstrings, in every copy of a function that mutmut makes
    "-Wignore::pytest.PytestAssertRewriteWarning",  # of what was preloaded
)
# The exits of a killed mutant: a test failed, the mutant kept a file from being imported, pytest failed within, it was
# too slow (a signal or its code), it crashed. mutmut also takes 255 for "too slow", with which it reports that no test
# was run: here such a mutant is alive, as is one that no test calls.
DEAD = frozenset({1, 2, 3, 36, 24, 152, -24, -11, -9})


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
    def stage(self) -> Path:
        return STAGES / self.name.replace("/", ".")

    @property
    def record(self) -> Path:
        return self.stage / "tried.json"

    def fingerprint(self) -> str:
        return hashlib.sha256((ROOT / "graphlib" / self.source).read_bytes()).hexdigest()


class Survivor(NamedTuple):
    """A mutant that no test killed: what it changed, and why it is equivalent, if it is."""

    name: str
    removed: str
    added: str
    reason: str


# --- targets and reasons ---------------------------------------------------------------------------------------------


def read_targets(table: dict[str, Any], seed: int = 0) -> list[Target]:
    """The targets of mutation.toml; the tests of a group are listed once."""
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


def reason_for(entries: list[dict[str, str]], target: Target, name: str, removed: str, added: str) -> str:
    """The reason written for a change; patterns are matched against "removed → added"."""
    for entry in entries:
        here = entry.get("file", target.name) == target.name and entry.get("function", "") in function_of(name)
        if here and re.search(entry["change"], f"{removed} → {added}"):
            return entry["reason"]
    return ""


def function_of(mutant: str) -> str:
    """`chainrule.run.xǁRunǁbackward__mutmut_3` is a mutant of `Run.backward`."""
    mangled = mutant.rpartition(".")[2].partition("__mutmut_")[0]
    return mangled.removeprefix("x_") if mangled.startswith("x_") else mangled.removeprefix("xǁ").replace("ǁ", ".")


# --- mutmut ----------------------------------------------------------------------------------------------------------


def prepare(target: Target, again: bool) -> None:
    """The folder in which mutmut works on a target.

    The first time a mutant runs in a copy of a process that has imported the engine and collected the tests; what was
    built while they were imported was built without the change. The second time every mutant imports all of it anew.
    """
    target.stage.mkdir(parents=True, exist_ok=True)
    for link, to in LINKS.items():
        if not (target.stage / link).is_symlink():
            (target.stage / link).symlink_to(ROOT / to)
    settings = CONFIGURATION.format(
        source=target.source,
        arguments=json.dumps([*ARGUMENTS, *(f"--deselect={test}" for test in target.unfit)]),
        tests=json.dumps([*target.tests, *(target.slower if again else ())]),
        warmup="import" if again else "collect",
    )
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (target.stage / "pyproject.toml").write_text(project + settings, encoding="utf-8")
    (target.stage / "preload.txt").write_text("\n".join(PRELOADED), encoding="utf-8")


def mutmut(target: Target, *arguments: str, quiet: bool = True) -> str:
    environment = {**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", "from mutmut.__main__ import cli; cli()", *arguments]
    done = subprocess.run(command, cwd=target.stage, env=environment, capture_output=quiet, text=True, check=False)
    if done.returncode:
        told = re.sub(r"^\S Running .*\n", "", done.stdout or "", flags=re.MULTILINE)  # the turns of its spinner
        raise SystemExit(f"mutmut {arguments[0]} failed for {target.name}:\n{told[-3000:]}{done.stderr}")
    return done.stdout or ""


def all_mutants(target: Target) -> list[str]:
    """The names of all mutants of a target."""
    from mutmut.mutation.file_mutation import mutate_file_contents

    module = target.source.removesuffix(".py").replace("/", ".")
    text = (ROOT / "graphlib" / target.source).read_text(encoding="utf-8")
    with contextlib.chdir(target.stage):  # mutmut reads its configuration here
        return [f"{module}.{name}" for name in mutate_file_contents(target.source, text).mutant_names]


def chosen(target: Target, names: list[str]) -> list[str]:
    count = min(target.sample, len(names))
    return sorted(random.Random(target.seed).sample(names, count)) if count else names


def tried(target: Target) -> dict[str, int]:
    """The exit of each mutant so far; nothing when the file has changed since."""
    if not target.record.exists():
        return {}
    known = json.loads(target.record.read_text(encoding="utf-8"))
    return dict(known["exits"]) if known["source"] == target.fingerprint() else {}


def remember(target: Target) -> None:
    """Add mutmut's latest exits to those before: it forgets all of them when it is given other tests."""
    told = target.stage / "mutants" / "src" / f"{target.source}.meta"
    latest = json.loads(told.read_text(encoding="utf-8"))["exit_code_by_key"]
    known = tried(target) | {name: code for name, code in latest.items() if code is not None}
    target.record.write_text(json.dumps({"source": target.fingerprint(), "exits": known}, indent=1), encoding="utf-8")


def run(target: Target, again: bool, entries: list[dict[str, str]]) -> None:
    """Try every chosen mutant that was not tried before; with `again` those that survived without a reason."""
    prepare(target, again)
    known, names = tried(target), chosen(target, all_mutants(target))
    waiting = [name for name in names if name not in known]
    if again:
        found = {name: known[name] for name in names if name in known}
        waiting = [survivor.name for survivor in survivors(target, found, entries) if not survivor.reason]
    for k in range(0, len(waiting), BATCH):
        mutmut(target, "run", "--max-children", "1", *waiting[k : k + BATCH])
        remember(target)


# --- the outcome -----------------------------------------------------------------------------------------------------


def change(target: Target, name: str) -> tuple[str, str]:
    """The lines a mutant removes and adds."""
    lines = mutmut(target, "show", name).splitlines()
    body = [line for line in lines if not line.startswith(("---", "+++", "@@", "# "))]
    return tuple(" ".join(line[1:].strip() for line in body if line.startswith(sign)) for sign in "-+")  # type: ignore[return-value]


def survivors(target: Target, found: dict[str, int], entries: list[dict[str, str]]) -> list[Survivor]:
    alive = [name for name, code in found.items() if code not in DEAD]
    changes = {name: change(target, name) for name in alive}
    return [Survivor(name, *changes[name], reason_for(entries, target, name, *changes[name])) for name in alive]


def summary(target: Target, entries: list[dict[str, str]]) -> dict[str, Any]:
    """The figures of a target, its survivors included."""
    names = all_mutants(target)
    known = tried(target)
    found = {name: known[name] for name in chosen(target, names) if name in known}
    alive = survivors(target, found, entries)
    return {
        "mutants": len(names),
        "tried": len(found),
        "killed": len(found) - len(alive),
        "equivalent": sum(bool(s.reason) for s in alive),
        "survivors": [s._asdict() for s in alive],
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


def listed(files: dict[str, dict[str, Any]]) -> str:
    """The survivors as Markdown, those that wait for a test or a reason first."""
    lines = [
        "# Mutants that survive",
        "",
        "Written by `python tests/benchmarks/mutation.py --json docs/mutation.json`.",
        "",
    ]
    for title, wanted in (("Without a reason yet", False), ("Equivalent", True)):
        lines += [f"## {title}", ""]
        for name, row in files.items():
            for one in row["survivors"]:
                if bool(one["reason"]) == wanted:
                    change = f"`{one['removed'] or '(nothing)'}` becomes `{one['added'] or '(nothing)'}`"
                    lines.append(f"- {name}, `{function_of(one['name'])}`: {change}" + f": {one['reason']}" * wanted)
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Run the targets and report; 1 when fewer than 95 % of a file's mutants are killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("targets", nargs="*", help="such as nodes/linear; all when none is named")
    parser.add_argument("--again", action="store_true", help="try the survivors again, with slower tests too")
    parser.add_argument("--report", action="store_true", help="only report what has been tried")
    parser.add_argument("--json", type=Path, help="write the outcome to this file, and mutation-survivors.md beside it")
    parser.add_argument("--seed", type=int, default=0, help="of the sample of a large file's mutants")
    given = parser.parse_args()
    table = tomllib.loads((HERE / "mutation.toml").read_text(encoding="utf-8"))
    targets = [t for t in read_targets(table, given.seed) if not given.targets or t.name in given.targets]
    entries = table.get("equivalent", [])
    files: dict[str, dict[str, Any]] = {}
    for target in targets:
        if given.report:
            prepare(target, again=False)
        else:
            run(target, given.again, entries)
        files[target.name] = summary(target, entries)
        print(target.name, {k: v for k, v in files[target.name].items() if k != "survivors"}, flush=True)
    show(files)
    if given.json:
        version = importlib.metadata.version("mutmut")
        outcome = {"tool": f"mutmut {version}", "seed": given.seed, "files": files}
        given.json.write_text(json.dumps(outcome, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        given.json.with_name("mutation-survivors.md").write_text(listed(files), encoding="utf-8")
    raise SystemExit(any(score(row) < 95 for row in files.values()))


if __name__ == "__main__":
    main()
