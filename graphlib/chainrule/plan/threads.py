"""Threads that compute beside the one that calls, started when they are first needed, and kept for the next call."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:  # what starts them is loaded with the first of them: with logging, 3 ms
    from concurrent.futures import Future, ThreadPoolExecutor

_NAME: Final = "chainrule"
_PATIENCE: Final = 3e-4  # seconds that somebody may be late who had to be woken
_WITHOUT: Final = 0.1  # seconds without threads, of which a call in vain costs three or four hundredths


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_threads(function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterable[Any]:
    """The tasks on as many threads as there are processors, their results in order.

    The calling thread works, too, and takes whatever no other has begun: where processors are busy nobody waits for a
    thread that does not get its turn. What a task divides again it does alone. Where one had to be waited for that had
    begun, the next calls are left to the calling thread.
    """
    helpers = min(len(tasks), processors()) - 1
    if helpers <= 0 or _THREADS.are_late() or _THREADS.in_task():
        return map(function, tasks)
    waiting, results = deque(enumerate(tasks)), [None] * len(tasks)

    def work() -> None:
        with _THREADS.task():
            while waiting:
                try:
                    place, task = waiting.popleft()
                except IndexError:  # another thread was faster
                    return
                results[place] = function(task)

    with _THREADS.apart():
        others, begins = _THREADS.begin(work, helpers), perf_counter()
        try:
            work()
        finally:
            waiting.clear()  # after an error nobody begins another task
            begun = _THREADS.finish(others, perf_counter() - begins)
    for other in begun:
        other.result()
    return results


@final
class _Threads:
    """The threads of this process.

    All plans share them, for they belong to the processors and not to a plan: a thread started anew takes 60 µs, and a
    process with a hundred plans would keep a hundred of them. They end with the process, as those of any executor, and
    before a fork, which would copy them as threads that never run.

    They keep off the processor of the thread that calls them. Linux lets a thread that has slept begin where the one
    runs that woke it, and moves it away some milliseconds later: until then nothing is gained by it. After a pause
    100,000 columns of 2-3-3-1 took 3.4 ms so, and 2.1 like this. And the caller stays where it is until they are done:
    whenever it waits for Python's lock, Linux may let it go on beside the thread that handed it the lock. So after a
    pause both halves of an attention block were computed on one processor of two.
    """

    def __init__(self) -> None:
        self._pool: tuple[int, ThreadPoolExecutor] | None = None
        self._calls: list[None] = []
        self._late_until = 0.0
        self._ids: list[int] = []
        self._allowed: set[int] = set()
        """The processors that they may use."""
        self._local = threading.local()

    @contextlib.contextmanager
    def task(self) -> Iterator[None]:
        """While a task is done on this thread."""
        self._local.in_task = True
        try:
            yield
        finally:
            self._local.in_task = False

    def in_task(self) -> bool:
        """Whether this thread does a task: all processors have one, and nothing is gained by dividing it again."""
        return getattr(self._local, "in_task", False)

    def begin(self, work: Callable[[], None], count: int) -> list[Future[None]]:
        """Let so many threads do it; fewer or none where no thread can be started, as at the end of a process."""
        self._calls.append(None)
        pool, others = self._threads(), list[Any]()
        try:
            for _ in range(count):
                others.append(pool.submit(work))
        except RuntimeError:
            pass
        return others

    def finish(self, others: Iterable[Future[None]], worked: float) -> list[Future[None]]:
        """Wait for those that have begun it, and return them; the others never will.

        The caller has worked for so many seconds. Whoever has a processor ends about when it does.
        """
        from concurrent.futures import wait

        begun, ends = [other for other in others if not other.cancel()], perf_counter()
        wait(begun)
        now = perf_counter()
        if now - ends > worked / 2 + _PATIENCE:
            self._late_until = now + _WITHOUT
        self._calls.pop()
        return begun

    def are_late(self) -> bool:
        """Whether one of them was waited for a moment ago, since another process had its processor.

        Beside such a process a step of 784-512-256-10 took twice as long as on one thread: the scheduler lets each of
        two compute for milliseconds.
        """
        return perf_counter() < self._late_until

    def _threads(self) -> ThreadPoolExecutor:
        """Those there are, or new ones. Two threads may make them at once: the later ones are kept, the others end."""
        from concurrent.futures import ThreadPoolExecutor

        kept = self._pool
        if kept is None or kept[0] != os.getpid():
            self._ids, self._allowed = [], set()
            pool = ThreadPoolExecutor(max(1, processors() - 1), _NAME, self._started)
            kept = self._pool = os.getpid(), pool
        return kept[1]

    def _started(self) -> None:
        """In a new thread, which was started where the caller stays: from now on it is told what it may use."""
        self._ids.append(threading.get_native_id())
        if self._allowed:
            _allow(0, self._allowed)

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """Meanwhile the caller stays on its processor, and they run on all others that it may use."""
        here = _processor()
        every = set[int]() if here is None else os.sched_getaffinity(0)
        if here is None or len(every) < 2:
            yield
            return
        self._threads()  # which of them there are
        self._keep_to(every - {here})
        try:
            _allow(0, {here})
            yield
        finally:
            _allow(0, every)

    def _keep_to(self, allowed: set[int]) -> None:
        if allowed != self._allowed:
            self._allowed = allowed
            for thread in self._ids:
                _allow(thread, allowed)

    def end(self) -> None:
        """Let them end. They are waited for, unless they compute: who does may want a lock that the caller holds."""
        kept, self._pool, self._late_until = self._pool, None, 0.0
        if kept is not None:
            kept[1].shutdown(wait=not self._calls)


def _allow(thread: int, allowed: set[int]) -> None:
    """Let a thread, or with 0 this one, run on these processors."""
    with contextlib.suppress(OSError):  # it has ended meanwhile, or the system has taken a processor away
        os.sched_setaffinity(thread, allowed)


def _processor() -> int | None:
    """The processor that the calling thread runs on; None where the system does not tell, or takes no such wishes."""
    where = _finder()
    return None if where is None else where()


@functools.cache
def _finder() -> Callable[[], int] | None:
    """The function of the C library that tells the processor, on Linux."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    import ctypes  # half a millisecond, for those who use threads

    return getattr(ctypes.CDLL(None), "sched_getcpu", None)


_THREADS: Final = _Threads()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_THREADS.end)
