"""The process in which a learner's file runs: it is started with FILE FUNCTION MEGABYTES ANSWERS [confined]."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from pathlib import Path
from typing import Any, Final

from chainrule.errors import ArgumentError
from chainrule.judging.functions.answers import Answers, answers_of
from chainrule.judging.functions.confinement import confine
from chainrule.judging.functions.messages_between import LARGEST_ANSWER, pack_answers, unpacked_question

CONFINED: Final = "confined"
SECONDS_OF_A_PROCESSOR: Final = 300  # of one process: the time by the clock is bounded from outside


def main(file: str, function: str, megabytes: str, answer: str, how: str = "") -> None:
    """Run a file, call its function with what standard input asks, and write down the answers."""
    asked = unpacked_question(sys.stdin.buffer.read())
    _limit(int(megabytes))
    if how == CONFINED:
        _limit_further()
        confine(Path(answer).parent)
    pack_answers(_answered(Path(file), function, asked), Path(answer))


def _limit(megabytes: int) -> None:
    """Bound the memory, where the system can; no core is left behind."""
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    for limit, most in ((resource.RLIMIT_AS, megabytes << 20), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _limit_further() -> None:
    """Bound what fills disks and what outlives its parent: files, processor time, processes of an ordinary user."""
    try:
        import resource
    except ImportError:  # Windows
        return
    most = {
        resource.RLIMIT_FSIZE: LARGEST_ANSWER,
        resource.RLIMIT_CPU: SECONDS_OF_A_PROCESSOR,
        resource.RLIMIT_NPROC: 0,
    }
    for limit, value in most.items():
        hard = resource.getrlimit(limit)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (least, least))


def _answered(file: Path, function: str, asked: Any) -> Answers | ArgumentError:
    try:
        return answers_of(getattr(_module(file), function), asked)
    except ArgumentError as error:
        return error
    except MemoryError:
        return ArgumentError(f"{file.name} takes more memory than it may")


def _module(file: Path) -> Any:
    """The file as a module; raises ArgumentError for what it raises, with the line."""
    sys.path.insert(0, str(file.parent))
    spec = importlib.util.spec_from_file_location(f"handed_in_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        where = f"line {frames[-1].lineno}" if frames else ""
        raise ArgumentError(
            f"{file.name} does not run: {type(error).__name__}: {str(error)[:300]}", where=where
        ) from None
    return module


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)  # a thread that the file has started may go on for ever
