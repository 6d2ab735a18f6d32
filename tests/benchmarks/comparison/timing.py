"""Measuring: medians of what takes turns in one process, and what whole processes need."""

from __future__ import annotations

import gc
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

_SAMPLE = 0.002  # seconds; what is shorter is called so often that a look at the clock does not count
_MOST_CALLS = 2000
# Installed libraries have their bytecode; without this the engine would be compiled anew in every process.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def medians(steps: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of one call, by name.

    In every round all take turns, in a new order. Each is called once without being timed, which ends what the one
    before has left behind: threads that still spin, and caches full of other arrays. No garbage is collected meanwhile.
    """
    calls = {name: _calls(step) for name, step in steps.items()}
    taken: dict[str, list[float]] = {name: [] for name in steps}
    order, shuffle = list(steps), random.Random(0).shuffle
    for _ in range(rounds):
        shuffle(order)
        gc.collect()
        gc.disable()
        try:
            for name in order:
                taken[name].append(_seconds(steps[name], calls[name]))
        finally:
            gc.enable()
    return {name: statistics.median(times) for name, times in taken.items()}


def _calls(step: Callable[[], object]) -> int:
    """How many calls make a sample, from the third call on: the first two compile and warm up."""
    step(), step()
    start = time.perf_counter()
    step()
    return max(1, min(_MOST_CALLS, int(_SAMPLE / (time.perf_counter() - start))))


def _seconds(step: Callable[[], object], calls: int) -> float:
    step()
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - start) / calls


def process(*arguments: str) -> tuple[float, str]:
    """Seconds that a Python process with these arguments takes, and what it prints."""
    start = time.perf_counter()
    answer = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, env=_ENVIRONMENT)
    seconds = time.perf_counter() - start
    if answer.returncode:
        raise RuntimeError(f"{' '.join(arguments)[:200]} failed:\n{answer.stderr[-2000:]}")
    return seconds, answer.stdout


def medians_of_processes(programs: Mapping[str, str], rounds: int) -> dict[str, float]:
    """Median seconds of whole processes that take turns; the first round, which fills the disk's cache, is left out."""
    taken = [{name: process("-c", program)[0] for name, program in programs.items()} for _ in range(rounds + 1)][1:]
    return {name: statistics.median(row[name] for row in taken) for name in programs}
