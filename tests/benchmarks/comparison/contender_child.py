"""The process of one contender: it prepares a case, hands over its results, and is timed when it is its turn.

It reads requests from standard input and writes answers to standard output, pickled: the name of a contender first,
then ("prepare", case), ("results",), ("time",), ("memory", case).
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

sys.path.insert(0, str(Path(__file__).parents[1]))

from comparison.machine import keep_to

_SAMPLE = 0.004  # seconds; what is shorter is called so often that a look at the clock does not count
_MOST_CALLS = 2000
_LONG = 0.1  # seconds after which nothing is left of what a process finds when it wakes up


class Contender:
    """One contender, and the case that it has prepared."""

    prepared: Any

    def __init__(self, name: str) -> None:
        self.name, self.prepared = name, None
        self.calls, self.lasts = 1, 0.0

    def prepare(self, case: Any) -> str | None:
        """Why it takes no part, or None."""
        from comparison.contenders import prepare
        from comparison.peers import Absent

        self.prepared = None
        gc.collect()
        try:
            self.prepared = prepare(case, self.name)
        except Absent as why:
            return str(why)
        return None

    def results(self) -> Any:
        """What it has computed; the calls that are timed come after."""
        return self.prepared.results()

    def warm(self) -> None:
        """How many calls are one sample; those that gave the results have compiled and warmed up."""
        call = self.prepared.call
        call()
        start = time.perf_counter()
        call()
        self.lasts = time.perf_counter() - start
        self.calls = max(1, min(_MOST_CALLS, int(_SAMPLE / self.lasts)))

    def time(self) -> float:
        """Seconds of one call. A short one is made once without being timed; no garbage is collected meanwhile."""
        call, calls = self.prepared.call, range(self.calls)
        gc.disable()
        try:
            if self.lasts < _LONG:
                call()
            start = time.perf_counter()
            for _ in calls:
                call()
            return (time.perf_counter() - start) / self.calls
        finally:
            gc.enable()

    def memory(self) -> int:
        """Bytes that one call needs at its peak beyond what the process held and what it hands back in new arrays.

        What was freed goes back to the system first, and what a plan computes in: it makes it anew, as at its first
        call.
        """
        results = self.prepared.new()
        self.prepared.call()
        self.prepared.release()
        gc.collect()
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _status("VmRSS")
        self.prepared.call()
        return max(0, _status("VmHWM") - before - results)


def _status(what: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) * 1024


def main(requests: BinaryIO, answers: BinaryIO) -> None:
    name, threads = pickle.load(requests)  # from the process that has started this one
    keep_to(threads)
    contender = Contender(name)
    while True:
        try:
            what, *given = pickle.load(requests)  # as above
        except EOFError:
            return
        try:
            answer = ("found", getattr(contender, what)(*given))
        except Exception as error:  # it is raised again where the request came from
            answer = ("failed", f"{type(error).__name__}: {error}")
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    own = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not come between answers
    main(sys.stdin.buffer, own)
