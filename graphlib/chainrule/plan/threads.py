"""Threads that compute beside the one that calls, started when they are first needed, and kept for the next call."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final, final

_NAME: Final = "chainrule"


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_threads(function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterable[Any]:
    """The tasks on as many threads as there are processors, their results in order.

    The calling thread works, too, and takes whatever no other has begun: where processors are busy nobody waits for a
    thread that does not get its turn, and a call from within a task cannot wait for itself.
    """
    helpers = min(len(tasks), processors()) - 1
    if helpers <= 0:
        return map(function, tasks)
    waiting, results = deque(enumerate(tasks)), [None] * len(tasks)

    def work() -> None:
        while waiting:
            try:
                place, task = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            results[place] = function(task)

    others = _THREADS.begin(work, helpers)
    try:
        work()
    finally:
        waiting.clear()  # after an error nobody begins another task
        begun = _THREADS.finish(others)
    for other in begun:
        other.result()
    return results


@final
class _Threads:
    """The threads of this process.

    All plans share them, for they belong to the processors and not to a plan: a thread started anew takes 60 µs, and a
    process with a hundred plans would keep a hundred of them. They end with the process, as those of any executor, and
    before a fork, which would copy them as threads that never run.
    """

    def __init__(self) -> None:
        self._pool: tuple[int, ThreadPoolExecutor] | None = None
        self._calls: list[None] = []

    def begin(self, work: Callable[[], None], count: int) -> list[Future[None]]:
        """Let so many threads do it; fewer or none where no thread can be started, as at the end of a process."""
        self._calls.append(None)
        pool, others = self._threads(), list[Future[None]]()
        try:
            for _ in range(count):
                others.append(pool.submit(work))
        except RuntimeError:
            pass
        return others

    def finish(self, others: Iterable[Future[None]]) -> list[Future[None]]:
        """Wait for those that have begun it, and return them; the others never will."""
        begun = [other for other in others if not other.cancel()]
        wait(begun)
        self._calls.pop()
        return begun

    def _threads(self) -> ThreadPoolExecutor:
        """Those there are, or new ones. Two threads may make them at once: the later ones are kept, the others end."""
        kept = self._pool
        if kept is None or kept[0] != os.getpid():
            kept = self._pool = os.getpid(), ThreadPoolExecutor(max(1, processors() - 1), thread_name_prefix=_NAME)
        return kept[1]

    def end(self) -> None:
        """Let them end. They are waited for, unless they compute: who does may want a lock that the caller holds."""
        kept, self._pool = self._pool, None
        if kept is not None:
            kept[1].shutdown(wait=not self._calls)


_THREADS: Final = _Threads()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_THREADS.end)
