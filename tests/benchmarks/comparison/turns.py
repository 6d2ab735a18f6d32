"""Turns: contenders in processes of their own, kept alive, that are asked one after another, with a pause between."""

from __future__ import annotations

import pickle
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, final

from comparison.contenders import Case, differs, names_for
from comparison.machine import ALLOCATOR, environment, load

_CHILD = str(Path(__file__).with_name("contender_child.py"))
PAUSE: Final = 0.04  # seconds, in which threads that still spin after a call go to sleep
_FEWEST, _OF_LONG = 5, 3  # rounds, however long they take; of those that last longer than all rounds should


@final
class _Process:
    """The process of one contender."""

    def __init__(self, name: str, threads: int, allocator: Mapping[str, str]) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(  # type: ignore[call-overload]  # pipes are in a dict
            [sys.executable, _CHILD], env=environment(threads, allocator), **pipes
        )
        self._send((name, threads))

    def ask(self, *request: Any) -> Any:
        """The answer. Raises RuntimeError where the contender raised."""
        self._send(request)
        kind, answer = pickle.load(self.process.stdout)  # from a process that this one has started
        if kind == "failed":
            raise RuntimeError(answer)
        return answer

    def _send(self, request: Any) -> None:
        pickle.dump(request, self.process.stdin)
        self.process.stdin.flush()

    def close(self) -> None:
        """Let it end, and wait for that."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@final
class Turns:
    """The processes of all contenders that have been asked for so far, with this many threads each."""

    def __init__(self, threads: int, without: Sequence[str] = (), allocator: Mapping[str, str] = ALLOCATOR) -> None:
        self.threads, self.without, self.allocator = threads, without, allocator
        self._processes: dict[str, _Process] = {}

    def __enter__(self) -> Turns:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.close()
        self._processes.clear()

    def prepared(self, case: Case, names: Sequence[str] | None = None) -> tuple[list[str], dict[str, str]]:
        """Who has computed the same, and why others take no part. Raises AssertionError for other results."""
        ready: list[str] = []
        absent: dict[str, str] = {}
        expected: Any = None
        for name in names or names_for(case):
            if name in self.without:
                absent[name] = "left out of this run"
                continue
            process = self._process(name)
            if why := process.ask("prepare", case):
                absent[name] = why
                continue
            found = process.ask("results")
            if found and expected is None:
                expected = found
            if found and (said := differs(case, name, expected, found)):
                raise AssertionError(said)
            ready.append(name)
        return ready, absent

    def measured(self, case: Case, seconds: float, names: Sequence[str] | None = None) -> dict[str, Any]:
        """Median seconds of a call by contender, after all have computed the same, in about so many seconds.

        In every round all take turns, in a new order; whoever waits for a turn sleeps.
        """
        ready, absent = self.prepared(case, names)
        for name in ready:
            self._process(name).ask("warm")
        return {**self.timed(ready, seconds), "absent": absent}

    def timed(self, names: Sequence[str], seconds: float) -> dict[str, Any]:
        """Median seconds of a call of what is prepared."""
        taken: dict[str, list[float]] = {name: [] for name in names}
        order, shuffle, begun, rounds = list(names), random.Random(0).shuffle, time.monotonic(), 0
        while (passed := time.monotonic() - begun) < seconds or rounds < _fewest(passed, seconds):
            shuffle(order)
            rounds += 1
            for name in order:
                time.sleep(PAUSE)
                taken[name].append(self._process(name).ask("time"))
        times = {name: statistics.median(found) for name, found in taken.items()}
        return {"times": times, "rounds": rounds, "load": load()}

    def memory(self, case: Case, names: Sequence[str]) -> dict[str, int]:
        """Bytes at the peak of a call, by contender."""
        ready, _ = self.prepared(case, names)
        return {name: self._process(name).ask("memory") for name in ready}

    def _process(self, name: str) -> _Process:
        if name not in self._processes:
            self._processes[name] = _Process(name, self.threads, self.allocator)
        return self._processes[name]


def _fewest(passed: float, seconds: float) -> int:
    return _FEWEST if passed < 2 * seconds else _OF_LONG


@contextmanager
def another_process_computing() -> Iterator[None]:
    """One processor is busy meanwhile with another process, which computes exponentials of an array in its cache."""
    program = "import numpy as np\nx = np.ones(10_000)\nwhile True: np.exp(x)"
    process = subprocess.Popen([sys.executable, "-c", program], env=environment(1))
    try:
        time.sleep(1)
        yield
    finally:
        process.kill()
        process.wait()
