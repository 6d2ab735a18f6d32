"""A learner's Python file: its function of gradients, run in a process of its own and judged in this one."""

from __future__ import annotations

import ast
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, final

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.errors import ArgumentError, did_you_mean
from chainrule.judging.functions.answers import Answers, Question, question
from chainrule.judging.functions.confinement import package_folder
from chainrule.judging.functions.filling import Filling
from chainrule.judging.functions.judged import ground_of, judged
from chainrule.judging.functions.messages_between import LARGEST_ANSWER, packed_question, unpacked_answers
from chainrule.judging.ground import Convention
from chainrule.judging.verdicts import Report

SECONDS: Final = 60.0
"""How long a learner's file may run."""
MEGABYTES: Final = 4096
"""How much memory it may take."""
_LARGEST_FILE: Final = 1 << 20
_LAST_WORDS: Final = 4096  # bytes of what a process said


def check_script(
    graph: BaseGraph,
    path: Path,
    feeds: Mapping[Any, Any] | None = None,
    *,
    function: str | None = None,
    convention: Convention = "auto",
    seed: int = 0,
    require: Sequence[str] = (),
    seconds: float = SECONDS,
    megabytes: int = MEGABYTES,
) -> Report:
    """Run a Python file in a process of its own, and judge its function of gradients.

    Judged is the one function whose parameters can all be filled, or the one that ``function`` names. The process has
    ``seconds`` of time and ``megabytes`` of memory, is told the values of random draws and nothing that is right, and
    hands back arrays and the text of formulas. It may do whatever you may do: the limits keep a slip from harm, and are
    no wall against malice.

    Raises ArgumentError for a file that cannot be read or run, for one without such a function or with several, for
    one that takes too long or too much, and for what ``check_function`` raises it for.
    """
    ground = ground_of(graph, feeds, seed)
    asked = question(ground)
    chosen, parameters = chosen_function(_functions_in(path), asked.filling, function, path)
    wanted = [source for name in parameters if (source := asked.filling.source(name)) is not None]
    answers = _run(path, chosen, packed_question(question(ground, wanted)), seconds, megabytes)
    return judged(ground, answers, feeds, convention=convention, seed=seed, require=require)


# --- which function --------------------------------------------------------------------------------------------------


def _functions_in(path: Path) -> dict[str, tuple[list[str], list[str]]]:
    """The functions of a file by name: their parameters, and those that have no default; the file is not run."""
    try:
        content = path.read_bytes() if path.stat().st_size <= _LARGEST_FILE else None
    except OSError as error:
        raise ArgumentError(f"{path} cannot be read: {error.strerror or error}") from None
    if content is None:
        raise ArgumentError(f"{path} holds more than {_LARGEST_FILE >> 20} MB")
    return functions_of(content, path)


def functions_of(content: bytes | str, path: Path) -> dict[str, tuple[list[str], list[str]]]:
    """The functions of a text by name, as ``_functions_in``; ``path`` is what messages call it."""
    try:
        module = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        said = getattr(error, "msg", error)
        raise ArgumentError(f"{path} is no Python: {said}", where=f"{path}:{line}" if line else "") from None
    found = {}
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = _parameters(node.args)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            found |= {
                target.id: _parameters(node.value.args) for target in node.targets if isinstance(target, ast.Name)
            }
    return found


def _parameters(given: ast.arguments) -> tuple[list[str], list[str]]:
    by_place = [argument.arg for argument in (*given.posonlyargs, *given.args)]
    needed = by_place[: len(by_place) - len(given.defaults)]
    by_name = [argument.arg for argument in given.kwonlyargs]
    needed += [name for name, default in zip(by_name, given.kw_defaults, strict=True) if default is None]
    return [*by_place, *by_name], needed


def chosen_function(
    functions: Mapping[str, tuple[list[str], list[str]]], filling: Filling, asked: str | None, path: Path
) -> tuple[str, list[str]]:
    """The function that is judged, and its parameters."""
    if asked is not None:
        if asked not in functions:
            raise ArgumentError(f"{path} has no function {did_you_mean(asked, functions)}", given=_listed(functions))
        filling.require(functions[asked][1], f"{asked}(…)")
        return asked, functions[asked][0]
    fitting = [name for name, (_, needed) in functions.items() if needed and not filling.unfilled(needed)]
    likely = [name for name in fitting if _speaks_of_gradients(name)] or fitting
    if len(likely) == 1:
        return likely[0], functions[likely[0]][0]
    if likely:
        raise ArgumentError(
            f"{path} has several functions that can be filled", given=_listed(likely), remedy=f"{path.name}:{likely[0]}"
        )
    raise ArgumentError(
        f"{path} has no function whose parameters can all be filled",
        given=_listed([f"{name}({', '.join(needed)})" for name, (_, needed) in functions.items()]) or "no function",
        remedy="def gradients(cache, Y): ...",
    )


def _speaks_of_gradients(name: str) -> bool:
    return any(word in name.lower() for word in ("grad", "back"))


def _listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(list(names)[:20])


# --- the process -----------------------------------------------------------------------------------------------------


def answers_alone(text: str, function: str, asked: Question, *, seconds: float, megabytes: int, shown: str) -> Answers:
    """What the function of a text answers, run in a folder of its own by a process that is confined to it.

    The process has a copy of the text, is told the question, and nothing else: neither the environment, nor arguments,
    nor files of this one. ``shown`` is what messages call the text. Raises ArgumentError where there is no answer.
    """
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        path = Path(folder).resolve() / "handed_in.py"
        path.write_text(text, "utf-8")
        given = packed_question(asked)
        return _answers_of(_Process(path, function, path.parent, alone=True), given, seconds, megabytes, Path(shown))


def _run(path: Path, function: str, asked: bytes, seconds: float, megabytes: int) -> Answers:
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        return _answers_of(_Process(path, function, Path(folder)), asked, seconds, megabytes, path)


@final
class _Process(NamedTuple):
    """A file to run, its function to call, the folder for what is told, and whether nothing else may be reached."""

    path: Path
    function: str
    folder: Path
    alone: bool = False

    def environment(self) -> dict[str, str]:
        """What the process finds in its environment."""
        if not self.alone:
            return {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        kept = {name: os.environ[name] for name in ("SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
        numpy_from = str(Path(np.__file__).resolve().parents[1])
        return kept | {
            "PYTHONPATH": os.pathsep.join([str(package_folder()), numpy_from]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OPENBLAS_NUM_THREADS": "1",  # the kernel confines the thread that asks for it
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
        }


def _answers_of(run: _Process, asked: bytes, seconds: float, megabytes: int, shown: Path) -> Answers:
    answer, said = run.folder / "answers.npz", run.folder / "said.txt"
    command = [sys.executable, "-m", "chainrule.judging.functions.runner", str(run.path.resolve()), run.function]
    command += [str(megabytes), str(answer), *(["confined"] if run.alone else [])]
    with (
        said.open("wb") as errors,  # a file and no pipe: what is said without end fills no memory
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=run.environment(),
            cwd=run.path.resolve().parent,
            start_new_session=True,
        ) as process,
    ):
        try:
            process.communicate(asked, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise ArgumentError(f"{shown} runs for more than {seconds:g} seconds", remedy="a loop that ends") from None
        finally:
            _end(process)
    if answer.is_symlink() or not answer.is_file() or not 0 < answer.stat().st_size < LARGEST_ANSWER:
        raise ArgumentError(
            f"{shown} ended before it had answered",
            given=f"exit code {process.returncode}; {_last_line(said)}",
        )
    return unpacked_answers(answer, shown)


def _last_line(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LAST_WORDS))
        lines = file.read(_LAST_WORDS).decode(errors="replace").strip().splitlines()
    return " ".join(lines[-1:])[:200]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process with all that it has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, 9)
    process.kill()
    process.wait()
