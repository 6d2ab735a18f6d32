"""Changes the engine in small ways, one at a time, and counts how many of these mutants the tests kill.

Run it with `python tests/benchmarks/mutation.py [TARGET ...]`; it needs the dependency group `mutation`. The mutants
are mutmut's. mutmut takes the name of a module from its path and knows one source root, `src`: so every target gets a
folder of its own under build/mutation/, in which `src` is a link to graphlib/. What was tried is remembered there and
is not tried again. Targets, their tests and the reasons why a survivor is equivalent stand in mutation.toml.
"""

from __future__ import annotations

import argparse
import contextlib
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
SEED = 0  # of the sample, where a file has more mutants than are tried

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
# mutmut calls it an interruption when a mutant keeps a test file from being imported.
DEAD = ("killed", "timeout", "segfault", "check was interrupted by user")


class Target(NamedTuple):
    """A file that is mutated, the tests that should kill its mutants, and how many are tried (0: all)."""

    source: str
    tests: tuple[str, ...]
    sample: int
    unfit: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.source.removeprefix("chainrule/").removesuffix(".py")

    @property
    def stage(self) -> Path:
        return STAGES / self.name.replace("/", ".")


class Survivor(NamedTuple):
    """A mutant that no test killed: what it changed, and why it is equivalent, if it is."""

    name: str
    removed: str
    added: str
    reason: str


# --- targets and reasons ---------------------------------------------------------------------------------------------


def read_targets(table: dict[str, Any]) -> list[Target]:
    """The targets of mutation.toml; the tests of a group are listed once."""
    return [
        Target(f"chainrule/{name}.py", tuple(group["tests"]), group.get("sample", 0), tuple(table.get("unfit", ())))
        for group in table["group"]
        for name in group["files"]
    ]


def reason_for(entries: list[dict[str, str]], target: Target, name: str, removed: str, added: str) -> str:
    """The reason written for a change; patterns are matched against "removed → added"."""
    for entry in entries:
        here = "file" not in entry or entry["file"] == target.name
        if (
            here
            and re.search(entry["function"], function_of(name))
            and re.search(entry["change"], f"{removed} → {added}")
        ):
            return entry["reason"]
    return ""


def function_of(mutant: str) -> str:
    """`chainrule.run.xǁRunǁbackward__mutmut_3` is a mutant of `Run.backward`."""
    mangled = mutant.rpartition(".")[2].partition("__mutmut_")[0]
    return mangled.removeprefix("x_") if mangled.startswith("x_") else mangled.removeprefix("xǁ").replace("ǁ", ".")


# --- mutmut ----------------------------------------------------------------------------------------------------------


def prepare(target: Target, warmup: str) -> None:
    """The folder in which mutmut works on a target."""
    target.stage.mkdir(parents=True, exist_ok=True)
    for link, to in LINKS.items():
        if not (target.stage / link).is_symlink():
            (target.stage / link).symlink_to(ROOT / to)
    arguments = json.dumps([*ARGUMENTS, *(f"--deselect={test}" for test in target.unfit)])
    tests = json.dumps(target.tests)
    settings = CONFIGURATION.format(source=target.source, arguments=arguments, tests=tests, warmup=warmup)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (target.stage / "pyproject.toml").write_text(project + settings, encoding="utf-8")
    (target.stage / "preload.txt").write_text("\n".join(PRELOADED), encoding="utf-8")


def mutmut(target: Target, *arguments: str, quiet: bool = True) -> str:
    environment = {**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", "from mutmut.__main__ import cli; cli()", *arguments]
    done = subprocess.run(command, cwd=target.stage, env=environment, capture_output=quiet, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"mutmut {arguments[0]} failed for {target.name}:\n{(done.stdout or '')[-3000:]}{done.stderr}")
    return done.stdout or ""


def all_mutants(target: Target) -> list[str]:
    """The names of all mutants of a target."""
    from mutmut.mutation.file_mutation import mutate_file_contents

    module = target.source.removesuffix(".py").replace("/", ".")
    text = (ROOT / "graphlib" / target.source).read_text(encoding="utf-8")
    with contextlib.chdir(target.stage):  # mutmut reads its configuration here
        return [f"{module}.{name}" for name in mutate_file_contents(target.source, text).mutant_names]


def chosen(target: Target, names: list[str]) -> list[str]:
    return names if not target.sample else sorted(random.Random(SEED).sample(names, min(target.sample, len(names))))


def outcomes(target: Target) -> dict[str, str]:
    """What became of each mutant so far, in mutmut's words."""
    if not (target.stage / "mutants" / "src" / f"{target.source}.meta").exists():
        return {}
    lines = mutmut(target, "results", "--all", "true").splitlines()
    return dict(line.strip().rsplit(": ", 1) for line in lines if ": " in line)


def run(target: Target, again: bool, children: int) -> None:
    """Try every chosen mutant that was not tried before; with `again` also those that survived.

    The first time a mutant runs in a copy of a process that has imported the engine and collected the tests; what was
    built while they were imported was built without the change. The second time every mutant imports all of it anew.
    """
    prepare(target, "import" if again else "collect")
    before = outcomes(target)
    open_ = {"not checked", *(("survived", "timeout", "no tests", "suspicious") if again else ())}
    names = [name for name in chosen(target, all_mutants(target)) if before.get(name, "not checked") in open_]
    if names:
        mutmut(target, "run", "--max-children", str(children), *names)


# --- the outcome -----------------------------------------------------------------------------------------------------


def change(target: Target, name: str) -> tuple[str, str]:
    """The lines a mutant removes and adds."""
    lines = mutmut(target, "show", name).splitlines()
    body = [line for line in lines if not line.startswith(("---", "+++", "@@", "# "))]
    return tuple(" ".join(line[1:].strip() for line in body if line.startswith(sign)) for sign in "-+")  # type: ignore[return-value]


def survivors(target: Target, found: dict[str, str], entries: list[dict[str, str]]) -> list[Survivor]:
    alive = [name for name, outcome in found.items() if outcome not in DEAD]
    changes = {name: change(target, name) for name in alive}
    return [Survivor(name, *changes[name], reason_for(entries, target, name, *changes[name])) for name in alive]


def summary(target: Target, entries: list[dict[str, str]]) -> dict[str, Any]:
    """The figures of a target, its survivors included."""
    names = all_mutants(target)
    known = outcomes(target)
    found = {n: known[n] for n in chosen(target, names) if known.get(n, "not checked") != "not checked"}
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


def main() -> None:
    """Run the targets and report; 1 when fewer than 95 % of a file's mutants are killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("targets", nargs="*", help="such as nodes/linear; all when none is named")
    parser.add_argument("--again", action="store_true", help="try the survivors again")
    parser.add_argument("--report", action="store_true", help="only report what has been tried")
    parser.add_argument("--children", type=int, default=1, help="mutants at a time")
    parser.add_argument("--json", type=Path, help="write the outcome to this file")
    given = parser.parse_args()
    table = tomllib.loads((HERE / "mutation.toml").read_text(encoding="utf-8"))
    targets = [t for t in read_targets(table) if not given.targets or t.name in given.targets]
    files: dict[str, dict[str, Any]] = {}
    for target in targets:
        if not given.report:
            run(target, given.again, given.children)
        files[target.name] = summary(target, table.get("equivalent", []))
        print(target.name, {k: v for k, v in files[target.name].items() if k != "survivors"}, flush=True)
    show(files)
    if given.json:
        version = importlib.metadata.version("mutmut")
        given.json.write_text(json.dumps({"tool": f"mutmut {version}", "seed": SEED, "files": files}, indent=1) + "\n")
    raise SystemExit(any(score(row) < 95 for row in files.values()))


if __name__ == "__main__":
    main()
