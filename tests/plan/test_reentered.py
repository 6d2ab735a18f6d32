"""A plan that is called while it runs, by a rule, a feed or a signal handler, gives the same numbers."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.plan.plan import compile_graph
from nets.dnn import DNN

M = 9


CALLS = []  # what is called once from inside a call, the last first


def call_once():
    if CALLS:
        CALLS.pop()()


class Calling(cr.Node):
    """2 x, whose backward calls something else; no Symbol passes through it."""

    def forward(self, x):
        return 2 * x

    def backward(self, grad, y, x):
        if float(x) > 0:
            call_once()
        return (2 * grad,)


def graph_that_calls():
    """The value of ``before`` is needed when the backward of the calling node has been called."""
    x, w, p = cr.Input("x", (3, "m")), cr.Parameter("w", (2, 3)), cr.Parameter("p")
    before = cr.Exp(w @ x, name="before")
    return cr.Graph(cr.Sum(cr.Multiply(before, Calling(p)), name="L"))


def fed(seed, m=M):
    rng = np.random.default_rng(seed)
    return {"x": rng.uniform(0.1, 1, (3, m)), "w": rng.uniform(0.1, 1, (2, 3)), "p": np.array(1.5)}


def assert_right(graph, feeds, found):
    run = graph.forward(feeds)
    right = run.backward()
    np.testing.assert_allclose(found[0], run["L"], rtol=1e-13)
    for name, gradient in found[1].items():
        np.testing.assert_allclose(gradient, right[name], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("depth", [1, 3])
def test_a_rule_that_calls_its_own_plan_disturbs_nothing(depth):
    graph = graph_that_calls()
    plan = graph.compile(["p", "w", "x", "before"])
    inner = []
    for turn in range(4):  # the first call makes the workspace, later ones take the short way
        CALLS[:] = [lambda seed=seed: inner.append((seed, plan(fed(seed)))) for seed in range(1, depth + 1)]
        found = plan(fed(turn + 20))
        assert not CALLS
        assert_right(graph, fed(turn + 20), found)
    assert len(inner) == 4 * depth
    for seed, result in inner:
        assert_right(graph, fed(seed), result)


class Array(np.ndarray):
    """A feed that calls the plan when a view of it is taken."""

    def __array_finalize__(self, other):
        call_once()


class Converted:
    """A feed that calls the plan when it is converted."""

    def __array__(self, dtype=None, copy=None):
        call_once()
        return fed(5)["x"]


@pytest.mark.parametrize("feed", [fed(5)["x"].view(Array), Converted()], ids=["subclass", "__array__"])
def test_a_feed_that_calls_the_plan_disturbs_nothing(feed):
    graph = graph_that_calls()
    plan = graph.compile(["p", "w", "x"])
    for _ in range(3):
        inner = []
        CALLS[:] = [lambda found=inner: found.append(plan(fed(6)))]
        assert_right(graph, fed(5), plan({**fed(5), "x": feed}))
        assert len(inner) == 1
        assert_right(graph, fed(6), inner[0])
        assert_right(graph, fed(7), plan(fed(7)))


class Stopping(cr.Node):
    """2 x, whose backward raises the error that is next."""

    def forward(self, x):
        return 2 * x

    def backward(self, grad, y, x):
        if float(x.sum()) > 0 and CALLS:
            raise CALLS.pop()
        return (2 * grad,)


def test_a_call_that_is_broken_off_leaves_a_plan_that_computes():
    x = cr.Parameter("x", (3,))
    graph = cr.Graph(cr.Sum(Stopping(cr.Exp(x)), name="L"))
    plan, feeds = graph.compile(), {"x": np.array([0.1, 0.2, 0.3])}
    for _ in range(3):
        CALLS[:] = [KeyboardInterrupt()]
        with pytest.raises(KeyboardInterrupt):
            plan(feeds)
        assert_right(graph, feeds, plan(feeds))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the platform has no timers that interrupt")
@pytest.mark.parametrize("block", [None, 20])
def test_a_signal_handler_that_calls_the_plan_disturbs_nothing(block):
    net, rng = DNN((2, 4, 3, 1)), np.random.default_rng(0)
    plan = compile_graph(net.graph, block=block)
    cases = [{**net.params, "A0": rng.normal(size=(2, 40)), "Y": rng.integers(0, 2, (1, 40)) * 1.0} for _ in range(3)]
    right = [plan(feeds) for feeds in cases]
    wrong, handled = [], []

    def check(k):
        loss, gradients = plan(cases[k])
        same = loss == right[k][0] and all(np.array_equal(gradients[n], right[k][1][n]) for n in gradients)
        wrong.extend([k] * (not same))

    def handler(*_):
        handled.append(1)
        check(len(handled) % 3)
        signal.setitimer(signal.ITIMER_REAL, 0.0005)  # again, now that this one is through

    previous = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005)
    try:
        for turn in range(100_000):
            check(turn % 3)
            if len(handled) > 300:
                break
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert not wrong
    assert len(handled) > 100


FORKED = """
import os, sys, threading, warnings
warnings.simplefilter("ignore")
import numpy as np, chainrule as cr
from chainrule.plan import plan as plans
w, x = cr.Parameter("w", (2, 3)), cr.Input("x", (3, "m"))
plan = cr.Graph(cr.Sum(cr.Exp(w @ x), name="L")).compile()
inside, go_on, compiled = threading.Event(), threading.Event(), plans.Plan._computation
def slow(self, *rest):
    if threading.current_thread() is not threading.main_thread():
        inside.set()
        go_on.wait()
    return compiled(self, *rest)
plans.Plan._computation = slow
feeds = lambda m: {"w": np.ones((2, 3)), "x": np.ones((3, m))}
other = threading.Thread(target=plan, args=(feeds(4),))
other.start()
inside.wait()
child = os.fork()
if child == 0:
    os._exit(0 if plan(feeds(5))[0] > 0 else 1)
_, status = os.waitpid(child, 0)
go_on.set()
other.join()
print(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not fork")
def test_a_process_that_is_forked_while_a_thread_compiles_does_not_wait_for_it():
    environment = {**os.environ, "PYTHONPATH": str(Path(cr.__file__).parents[1])}
    said = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, check=True, env=environment, timeout=60
    )
    assert said.stdout == "0\n"
