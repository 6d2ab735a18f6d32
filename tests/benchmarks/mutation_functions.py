"""Mutants of what stands in functions: mutmut makes them and runs the tests.

mutmut takes the name of a module from its path and knows one source root, `src`: so every target gets a folder of its
own under build/mutation/, in which `src` is a link to graphlib/.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from typing import Any

import mutants
from mutants import ROOT, Mutant, Target

LINKS = {"src": "graphlib", "nets": "nets", "tests": "tests", "docs": "docs", "README.md": "README.md"}
BATCH = 150  # mutants in one run of mutmut, which are remembered when it ends
RECORD = "tried.json"

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


def tool() -> str:
    return f"mutmut {importlib.metadata.version('mutmut')}"


def function_of(mutant: str) -> str:
    """`chainrule.run.xǁRunǁbackward__mutmut_3` is a mutant of `Run.backward`."""
    mangled = mutant.rpartition(".")[2].partition("__mutmut_")[0]
    return mangled.removeprefix("x_") if mangled.startswith("x_") else mangled.removeprefix("xǁ").replace("ǁ", ".")


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


def mutmut(target: Target, *arguments: str) -> None:
    environment = {**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", "from mutmut.__main__ import cli; cli()", *arguments]
    done = subprocess.run(command, cwd=target.stage, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        told = re.sub(r"^[\u2800-\u28ff] .*\n", "", done.stdout, flags=re.MULTILINE)  # the turns of its spinner
        raise SystemExit(f"mutmut {arguments[0]} failed for {target.name}:\n{told[-3000:]}{done.stderr}")


def all_mutants(target: Target) -> list[str]:
    """The names of all mutants of a target."""
    from mutmut.mutation.file_mutation import mutate_file_contents

    module = target.source.removesuffix(".py").replace("/", ".")
    with contextlib.chdir(target.stage):  # mutmut reads its configuration here
        made = mutate_file_contents(target.source, target.path.read_text(encoding="utf-8"))
    return [f"{module}.{name}" for name in made.mutant_names]


def chosen(target: Target, names: list[str]) -> list[str]:
    return mutants.drawn(names, target.sample, target.seed) if target.sample else names


def latest(target: Target) -> dict[str, int]:
    """The exits of mutmut's last run; it forgets those before when it is given other tests."""
    told = target.stage / "mutants" / "src" / f"{target.source}.meta"
    exits = json.loads(told.read_text(encoding="utf-8"))["exit_code_by_key"]
    return {name: code for name, code in exits.items() if code is not None}


def run(target: Target, again: bool) -> None:
    """Try every chosen mutant that was not tried before; with `again` those that survived without a reason."""
    prepare(target, again)
    known, names = mutants.tried(target, RECORD), chosen(target, all_mutants(target))
    waiting = [name for name in names if name not in known]
    if again:
        found = {name: known[name] for name in names if name in known}
        waiting = [mutant.name for mutant in survivors(target, found) if not mutant.reason]
    for k in range(0, len(waiting), BATCH):
        mutmut(target, "run", "--max-children", "1", *waiting[k : k + BATCH])
        mutants.remember(target, RECORD, latest(target))


def survivors(target: Target, found: dict[str, int]) -> list[Mutant]:
    alive = [name for name, code in found.items() if code not in DEAD]
    return mutants.explained(target, [shown(target, name) for name in alive])


def shown(target: Target, name: str) -> Mutant:
    """A mutant with the lines it removes and adds."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    with contextlib.chdir(target.stage):  # where mutmut has written its mutants
        diff = get_diff_for_mutant(name, path=f"src/{target.source}")
    return Mutant(name, function_of(name), *mutants.changed(diff))


def summary(target: Target) -> dict[str, Any]:
    """The figures of a target, its survivors included."""
    prepare(target, again=False)
    names, known = all_mutants(target), mutants.tried(target, RECORD)
    found = {name: known[name] for name in chosen(target, names) if name in known}
    return mutants.summary(len(names), len(found), survivors(target, found))
