"""Threads that are kept: work side by side, after a fork, at the end of a process, and where none can be started."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from chainrule.plan import threads
from chainrule.plan.threads import on_threads
from nets.dnn import DNN

PIECES = 90_001  # columns of 2-3-3-1 in float32 that make several pieces on threads


@pytest.fixture(autouse=True)
def three_processors(monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 3)
    monkeypatch.setattr(threads, "_PATIENCE", 3600.0)  # beside other tests everybody is late
    threads._THREADS.end()
    yield
    threads._THREADS.end()


def kept():
    return [thread for thread in threading.enumerate() if thread.name.startswith("chainrule")]


def meeting(parties):
    """A task that ends when so many threads have begun one: none of them can do two."""
    barrier = threading.Barrier(parties)

    def task(number):
        barrier.wait(timeout=60)
        return number, threading.get_ident()

    return task


def test_tasks_are_computed_side_by_side_and_their_results_are_in_order():
    results = list(on_threads(meeting(3), [7, 8, 9]))
    assert [number for number, _ in results] == [7, 8, 9]
    assert len({thread for _, thread in results}) == 3


def test_the_threads_are_kept_for_the_next_call():
    list(on_threads(meeting(3), range(3)))
    first = {thread.ident for thread in kept()}
    list(on_threads(meeting(3), range(3)))
    assert {thread.ident for thread in kept()} == first
    assert len(first) == 2


@pytest.mark.skipif(len(getattr(os, "sched_getaffinity", lambda _: {0})(0)) < 2, reason="needs two processors of Linux")
def test_threads_keep_off_the_processor_of_the_caller(monkeypatch):
    allowed = os.sched_getaffinity(0)
    for here in sorted(allowed)[:2]:
        monkeypatch.setattr(threads, "_processor", lambda here=here: here)
        meet, own = meeting(3), {}

        def task(number, meet=meet, own=own):
            own[threading.get_native_id()] = os.sched_getaffinity(0)
            return meet(number)

        list(on_threads(task, range(3)))
        assert own.pop(threading.get_native_id()) == {here}  # the caller stays
        assert list(own.values()) == [allowed - {here}] * 2
        assert os.sched_getaffinity(0) == allowed


def test_the_caller_may_go_anywhere_again_after_an_error():
    allowed = getattr(os, "sched_getaffinity", lambda _: None)(0)
    with pytest.raises(ZeroDivisionError):
        list(on_threads(lambda _: 1 / 0, range(3)))
    assert getattr(os, "sched_getaffinity", lambda _: None)(0) == allowed


def test_where_no_processor_is_told_threads_run_anywhere(monkeypatch):
    monkeypatch.setattr(threads, "_processor", lambda: None)
    assert [number for number, _ in on_threads(meeting(3), [1, 2, 3])] == [1, 2, 3]


def test_after_a_thread_was_waited_for_the_next_calls_do_without(monkeypatch):
    monkeypatch.setattr(threads, "_PATIENCE", 0.001)
    monkeypatch.setattr(threads, "_WITHOUT", 3600.0)
    main, begun = threading.get_ident(), threading.Barrier(3)

    def late(_):
        begun.wait(timeout=60)
        if threading.get_ident() != main:
            time.sleep(0.5)  # as a thread does whose processor another process has
        return threading.get_ident()

    assert len(set(on_threads(late, range(3)))) == 3
    assert set(on_threads(lambda _: threading.get_ident(), range(3))) == {main}
    threads._THREADS.end()  # new threads are not late
    assert len({thread for _, thread in on_threads(meeting(3), range(3))}) == 3


def test_one_task_needs_no_thread():
    assert list(on_threads(abs, [-1])) == [1]
    assert kept() == []


def test_a_task_may_have_tasks_of_its_own():
    assert list(on_threads(lambda k: sum(on_threads(abs, [k] * 5)), range(6))) == [0, 5, 10, 15, 20, 25]


def test_an_error_is_raised_when_nobody_computes_any_more():
    running = []

    def task(number):
        running.append(number)
        try:
            if number == 1:
                raise ValueError("task 1")
        finally:
            running.remove(number)

    with pytest.raises(ValueError, match="task 1"):
        on_threads(task, range(100))
    assert running == []
    assert threads._THREADS._calls == []


def test_where_no_thread_can_be_started_the_caller_does_it_all(monkeypatch):
    def submit(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)
    assert list(on_threads(abs, [-1, -2, -3])) == [1, 2, 3]


def feeds_of(columns, seed=0):
    rng = np.random.default_rng(seed)
    data = {"A0": rng.normal(size=(2, columns)), "Y": rng.integers(2, size=(1, columns)).astype(float)}
    return {name: array.astype(np.float32) for name, array in {**DNN((2, 3, 3, 1)).params, **data}.items()}


def test_two_plans_share_the_threads_and_many_threads_may_call_them():
    plans = [DNN((2, 3, 3, 1)).graph.compile() for _ in range(2)]
    fed = [feeds_of(PIECES + 3 * k, seed=k) for k in range(3)]
    expected = [plans[0](feeds) for feeds in fed]
    with ThreadPoolExecutor(4) as callers:
        found = list(callers.map(lambda k: (k % 3, plans[k % 2](fed[k % 3])), range(24)))
    assert 1 <= len(kept()) <= 2  # an idle one is taken before another is started
    for place, (loss, gradients) in found:
        assert loss == expected[place][0]
        for name, gradient in gradients.items():
            np.testing.assert_array_equal(gradient, expected[place][1][name])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_has_no_dead_threads_and_makes_its_own():
    plan, feeds = DNN((2, 3, 3, 1)).graph.compile(), feeds_of(PIECES)
    loss, _ = plan(feeds)
    list(on_threads(meeting(3), range(3)))
    child = os.fork()
    if not child:  # whatever happens, it must not go on with the tests
        try:
            same = plan(feeds)[0] == loss and len({thread for _, thread in on_threads(meeting(3), range(3))}) == 3
        finally:
            os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert plan(feeds)[0] == loss


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_the_threads_end_before_a_fork():  # from Python 3.12 on a fork of a process with threads warns
    list(on_threads(meeting(3), range(3)))
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    assert kept() == []


EXIT = """
import threading
import time
from chainrule.plan import threads
threads.processors = lambda: 3
print(list(threads.on_threads(abs, [-1, -2, -3])), flush=True)
"""


def test_a_process_ends_though_threads_are_kept():
    done = subprocess.run([sys.executable, "-c", EXIT], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[1, 2, 3]\n", "")
