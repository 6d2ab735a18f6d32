"""A learner's Python file: its function of gradients, run in a process of its own and judged in this one."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from chainrule.core.graph import BaseGraph
from chainrule.errors import ArgumentError, did_you_mean
from chainrule.judging.functions.answers import question
from chainrule.judging.functions.filling import Filling
from chainrule.judging.functions.judged import ground_of, judged
from chainrule.judging.functions.messages_between import packed_question, unpacked_answers
from chainrule.judging.ground import Convention
from chainrule.judging.verdicts import Report

SECONDS: Final = 60.0
"""How long a learner's file may run."""
MEGABYTES: Final = 4096
"""How much memory it may take."""
_LARGEST_FILE: Final = 1 << 20
_LARGEST_ANSWER: Final = 256 << 20


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
    chosen, parameters = _chosen(_functions_in(path), asked.filling, function, path)
    wanted = [source for name in parameters if (source := asked.filling.source(name)) is not None]
    answers = _run(path, chosen, packed_question(question(ground, wanted)), seconds, megabytes)
    return judged(ground, answers, feeds, convention=convention, seed=seed, require=require)


# --- which function --------------------------------------------------------------------------------------------------


def _functions_in(path: Path) -> dict[str, tuple[list[str], list[str]]]:
    """The functions of a file by name: their parameters, and those that have no default; the file is not run."""
    try:
        content = path.read_bytes() if path.stat().st_size <= _LARGEST_FILE else None
        if content is None:
            raise ArgumentError(f"{path} holds more than {_LARGEST_FILE >> 20} MB")
        module = ast.parse(content)
    except OSError as error:
        raise ArgumentError(f"{path} cannot be read: {error.strerror or error}") from None
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


def _chosen(
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


def _run(path: Path, function: str, asked: bytes, seconds: float, megabytes: int) -> Any:
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        answer = Path(folder) / "answers.npz"
        command = [sys.executable, "-m", "chainrule.judging.functions.runner"]
        command += [str(path.resolve()), function, str(megabytes), str(answer)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=path.resolve().parent,
            start_new_session=True,
        ) as process:
            try:
                _, said = process.communicate(asked, timeout=seconds)
            except subprocess.TimeoutExpired:
                _end(process)
                raise ArgumentError(
                    f"{path} runs for more than {seconds:g} seconds", remedy="a loop that ends"
                ) from None
        if not answer.is_file() or not 0 < answer.stat().st_size < _LARGEST_ANSWER:
            last = said.decode(errors="replace").strip().splitlines()[-1:]
            raise ArgumentError(
                f"{path} ended before it had answered", given=f"exit code {process.returncode}; {' '.join(last)[:200]}"
            )
        return unpacked_answers(answer, path)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process with all that it has started."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, 9)
    process.kill()
    process.communicate()
