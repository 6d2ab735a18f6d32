"""Sixteen threads on one graph and one plan compute what one thread computes; ever new sizes leave nothing behind.

tests/benchmarks/load.py does the same 10,000 times in each thread, and watches the memory of the process.
"""

import gc
import linecache
import pickle
import subprocess
import sys
import sysconfig
import threading

import numpy as np
import pytest

import chainrule as cr
from nets.dnn import DNN

THREADS, RUNS = 16, 100


@pytest.fixture(autouse=True)
def _often():
    """Threads change over 500 times as often as by themselves."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python cannot do without its lock")
def test_nothing_that_is_imported_switches_the_lock_on_again():
    code = "import sys, chainrule, nets; nets.DNN().graph.compile(); sys.exit(sys._is_gil_enabled())"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def graph_and_feeds(columns):
    net, rng = DNN((2, 4, 3, 1)), np.random.default_rng(columns)
    labels = rng.integers(2, size=(1, columns)) * 1.0
    return net.graph, {**net.params, "A0": rng.normal(size=(2, columns)), "Y": labels}


def by_run(graph):
    def compute(feeds):
        run = graph.forward(feeds)
        return {"L": run["L"], **run.backward()}

    return compute


def by_plan(graph):
    plan = graph.compile(["W1", "Z2", "A0"])

    def compute(feeds):
        loss, gradients = plan(feeds)
        return {"L": loss, **gradients}

    return compute


def bits(results):
    return {name: np.asarray(value).tobytes() for name, value in results.items()}


@pytest.mark.parametrize("kind", [by_run, by_plan])
def test_sixteen_threads_compute_bit_for_bit_what_one_computes(kind):
    """Every thread takes other feeds in turn, of several sizes, so that neighbors compute different things."""
    graph, _ = graph_and_feeds(1)
    compute = kind(graph)
    inputs = [graph_and_feeds(columns)[1] for columns in (1, 5, 7, 11)]
    expected = [bits(compute(feeds)) for feeds in inputs]
    compared, wrong, barrier = [], [], threading.Barrier(THREADS)

    def work(thread):
        barrier.wait()
        for k in range(RUNS):
            place = (thread + k) % len(inputs)
            (compared if bits(compute(inputs[place])) == expected[place] else wrong).append((thread, k))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(compared) == THREADS * RUNS


def loop_in_registers():
    return graph_and_feeds(9)


def loops_by_hand_and_over_entries():
    """A softmax is a loop by hand, a standardized row another, and a GELU one over entries."""
    x, W, Y = cr.Input("x", ("m", 7)), cr.Parameter("W", (7, 300)), cr.Input("Y", ("m", 300))
    loss = cr.SoftmaxCrossEntropyLoss(cr.LayerNorm(cr.GELU(x @ W)), Y, classes=-1, name="L")
    rng = np.random.default_rng(0)
    labels = np.eye(300)[rng.integers(300, size=64)]
    return cr.Graph(loss), {"x": rng.normal(size=(64, 7)), "W": rng.normal(size=(7, 300)), "Y": labels}


@pytest.mark.parametrize("made", [loop_in_registers, loops_by_hand_and_over_entries])
def test_threads_that_call_a_plan_first_at_the_same_time_compile_its_loops_once(made, monkeypatch, tmp_path):
    pytest.importorskip("numba")
    from chainrule.plan.loop import ready_loop

    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    ready_loop._functions.cache_clear()  # as in a process that has compiled nothing yet
    graph, feeds = made()
    plan, together, found = graph.compile(backend="numba"), threading.Barrier(4), []

    def call():
        together.wait()
        found.append(bits(plan(feeds)[1]))

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [found[0]] * 4


def test_threads_that_build_at_the_same_time_keep_their_layers_and_lines_apart():
    tables, barrier = [], threading.Barrier(THREADS)

    def work(thread):
        barrier.wait()
        for _ in range(RUNS // 10):
            with cr.layer(f"Layer {thread % 2}"):
                node = cr.Mean(cr.Square(cr.Input("x", (2, "m"))), name="L")
            tables.append((thread % 2, str(cr.Graph(node))))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tables) == THREADS * (RUNS // 10)
    assert len(set(tables)) == 2
    assert all(table.count(f"Layer {parity}") == 3 for parity, table in tables)


def test_a_plan_forgets_the_sizes_it_no_longer_keeps():
    """Workspaces, and the lines that tracebacks show, of 200 numbers of columns; a plan keeps a few of them."""
    graph, feeds = graph_and_feeds(200)
    plan = graph.compile()
    gc.collect()
    before = lines_of_plans()
    for columns in range(1, 201):
        plan({**feeds, "A0": feeds["A0"][:, :columns], "Y": feeds["Y"][:, :columns]})
    gc.collect()
    assert 0 < lines_of_plans() - before <= 40
    called_once = graph.compile()
    called_once(feeds)
    kept = len(pickle.dumps(plan))
    assert kept == len(pickle.dumps(called_once)), (
        "a pickled plan is its graph and its program, whatever it was called with"
    )


def lines_of_plans():
    return sum(name.startswith("<plan") for name in linecache.cache)


def test_a_plan_that_failed_shows_its_line():
    """As long as a plan lives its lines can be read: a traceback shows what failed."""
    graph, feeds = graph_and_feeds(3)
    plan = graph.compile()
    plan(feeds)
    gc.collect()
    shown = [lines for name, (_, _, lines, _) in linecache.cache.items() if name.startswith("<plan float64, m = 3 ")]
    assert any("".join(lines) == plan.source for lines in shown)
