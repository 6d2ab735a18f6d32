"""Mutants of what stands outside functions and in decorated ones, where mutmut changes nothing: cosmic-ray makes them.

cosmic-ray changes a file on the disk, so it works on a copy of graphlib/ under build/mutation/.
"""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

import mutants
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkResult
from mutants import ROOT, Mutant, Target

RECORD = "tables.json"
LINKS = ("nets", "tests", "docs", "README.md", "pyproject.toml")
SAMPLE = 40  # mutants of a file that are tried at most: for each of them Python starts twice and collects the tests
TIMEOUT = 300.0  # seconds; the slowest list of tests takes 60 on a busy machine
# On floats these raise a TypeError, which any test notices: they would only lift the score.
ON_INTEGERS = ("RShift", "LShift", "BitOr", "BitAnd", "BitXor")
FOR_TYPES = ("@final", "@overload")  # decorators that do nothing when the code runs

Span = tuple[tuple[int, int], tuple[int, int]]


# --- what is changed -------------------------------------------------------------------------------------------------


def out_of_reach(tree: ast.Module) -> list[Span]:
    """Where nothing is changed here: functions, which mutmut changes unless they are decorated, and annotations."""
    spans: list[ast.expr | ast.stmt | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            marks = [ast.unparse(mark) for mark in node.decorator_list]
            spans += [node.returns, *([node] if not marks or "overload" in marks else [])]
        elif isinstance(node, ast.arg | ast.AnnAssign):
            spans.append(node.annotation)
    return [((n.lineno, n.col_offset), (n.end_lineno or 0, n.end_col_offset or 0)) for n in spans if n is not None]


def in_reach(mutation: MutationSpec, lines: list[str], spans: list[Span]) -> bool:
    start, end = mutation.start_pos, mutation.end_pos
    idle = mutation.operator_name.endswith(ON_INTEGERS) or lines[start[0] - 1].strip() in FOR_TYPES
    return not idle and not any(first <= start and end <= last for first, last in spans)


def key(mutation: MutationSpec) -> str:
    return f"{mutation.operator_name.removeprefix('core/')} {mutation.occurrence}"


def tool() -> str:
    return f"cosmic-ray {importlib.metadata.version('cosmic-ray')}"


# --- cosmic-ray ------------------------------------------------------------------------------------------------------


def prepare(target: Target, again: bool) -> None:
    """The folder in which cosmic-ray works on a target: a copy of the engine, and links to the rest."""
    copy = target.stage / "tables"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    shutil.copytree(ROOT / "graphlib", copy / "graphlib", ignore=shutil.ignore_patterns("__pycache__"))
    for link in LINKS:
        (copy / link).symlink_to(ROOT / link)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-o", "addopts=", *(f"--deselect={test}" for test in target.unfit)]
    first, *others = (*target.tests, *(target.slower if again else ()))
    runs = [shlex.join([sys.executable, "-m", "pytest", *options, *tests]) for tests in ([first], others)]
    settings = {
        "module-path": f"graphlib/{target.source}",
        "timeout": TIMEOUT,
        "excluded-modules": [],
        "test-command": shlex.join(["sh", "-c", " && ".join(runs)]),  # the first file kills most, soon
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    text = "\n".join(["[cosmic-ray]", *lines, "[cosmic-ray.distributor]", 'name = "local"', ""])
    (copy / "settings.toml").write_text(text, encoding="utf-8")


def cosmic_ray(target: Target, *arguments: str) -> None:
    copy = target.stage / "tables"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(("graphlib", ".")), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "cosmic_ray.cli", *arguments]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"cosmic-ray {arguments[0]} failed for {target.name}:\n{done.stdout[-3000:]}{done.stderr}")


def open_session(target: Target, again: bool) -> AbstractContextManager[WorkDB]:
    """A new session with every mutant of the file."""
    prepare(target, again)
    cosmic_ray(target, "init", "settings.toml", "session.sqlite")
    return use_db(target.stage / "tables" / "session.sqlite")


def all_mutants(session: WorkDB, target: Target) -> dict[str, str]:
    """The jobs of a session that are in reach, by the key of their mutation."""
    text = target.path.read_text(encoding="utf-8")
    lines, spans = text.splitlines(), out_of_reach(ast.parse(text))
    items = ((item.mutations[0], item.job_id) for item in session.work_items)
    return {key(mutation): job for mutation, job in items if in_reach(mutation, lines, spans)}


def chosen(target: Target, names: Iterable[str]) -> list[str]:
    return mutants.drawn(sorted(names), SAMPLE, target.seed)


def run(target: Target, again: bool) -> None:
    """Try every mutant that was not tried before; with `again` those that survived without a reason."""
    known = mutants.tried(target, RECORD)
    open_again = {mutant.name for mutant in survivors(target, known) if not mutant.reason} if again else set()
    with open_session(target, again) as session:
        jobs = all_mutants(session, target)
        names = chosen(target, jobs)
        wanted = {jobs[name] for name in names if (name in open_again if again else name not in known)}
        others = [item.job_id for item in session.work_items if item.job_id not in wanted]
        session.set_multiple_results(others, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))
        if wanted:
            cosmic_ray(target, "baseline", "settings.toml")
            cosmic_ray(target, "exec", "settings.toml", "session.sqlite")
        done = [(item.mutations[0], result) for item, result in session.completed_work_items if item.job_id in wanted]
    mutants.remember(target, RECORD, {key(mutation): outcome(mutation, result) for mutation, result in done})


def outcome(mutation: MutationSpec, result: WorkResult) -> dict[str, str]:
    """What cosmic-ray says of a mutant, and the lines it changed. "incompetent" ones kept the tests from running."""
    removed, added = mutants.changed(result.diff or "")
    dead = result.test_outcome == TestOutcome.KILLED
    where = mutation.definition_name or f"line {mutation.start_pos[0]}"
    return {"outcome": "killed" if dead else "alive", "where": where, "removed": removed, "added": added}


def survivors(target: Target, found: dict[str, dict[str, str]]) -> list[Mutant]:
    alive = {name: told for name, told in found.items() if told["outcome"] != "killed"}
    listed = [Mutant(name, told["where"], told["removed"], told["added"]) for name, told in alive.items()]
    return mutants.explained(target, listed)


def summary(target: Target) -> dict[str, Any]:
    """The figures of a target, its survivors included."""
    with open_session(target, again=False) as session:
        names = all_mutants(session, target)
    known = mutants.tried(target, RECORD)
    found = {name: known[name] for name in chosen(target, names) if name in known}
    return mutants.summary(len(names), len(found), survivors(target, found))
