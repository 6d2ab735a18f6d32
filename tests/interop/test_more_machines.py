"""The page on more machines: its blocks for Ray and MPI do what it says, with what has the same interface."""

import importlib.util
import re
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import nets

PAGE = Path(__file__).parents[2] / "docs" / "more-machines.md"
BLOCKS = re.findall(r"```python\n(?!>>>)(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def given():
    net, rng = nets.DNN(sizes=(2, 3, 3, 1)), np.random.default_rng(0)
    data = {"A0": rng.normal(size=(2, 400_003)), "Y": rng.integers(0, 2, size=(1, 400_003))}
    feeds = {**net.params, **data}
    step = net.graph.compile()
    return {"np": np, "net": net, "step": step, "data": data, "feeds": feeds, "__name__": "__main__"}, step(feeds)


def block_of(library):
    (found,) = [block for block in BLOCKS if block.startswith(library)]
    return found


class Reference:
    """What ``ray.remote(function).remote(...)`` returns: a Future is made of it."""

    def __init__(self, function, args):
        self.function, self.args = function, args

    def future(self):
        done = Future()
        done.set_result(self.function(*self.args))
        return done


RAY = SimpleNamespace(remote=lambda f: SimpleNamespace(remote=lambda *args: Reference(f, args)))


def test_ray_computes_the_same(given, monkeypatch):
    if importlib.util.find_spec("ray") is None:
        monkeypatch.setitem(sys.modules, "ray", RAY)
    names, (loss, gradients) = dict(given[0]), given[1]
    exec(block_of("import ray"), names)
    assert names["same_loss"] == loss
    assert all(np.array_equal(names["same"][key], gradients[key]) for key in gradients)


def test_a_pool_of_mpi_computes_the_same(given, monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "mpi4py.futures", SimpleNamespace(MPIPoolExecutor=ThreadPoolExecutor))
    names, (loss, gradients) = dict(given[0]), given[1]
    exec(block_of("from mpi4py.futures"), names)
    assert names["same_loss"] == loss
    assert all(np.array_equal(names["same"][key], gradients[key]) for key in gradients)


class Communicator:
    """Threads that meet as the processes of MPI do."""

    def __init__(self, size):
        self.size, self.ranks, self.meeting, self.handed = size, threading.local(), threading.Barrier(size), {}

    @property
    def rank(self):
        return self.ranks.here

    def Allreduce(self, place, array):  # noqa: N802 — as mpi4py names it
        assert place == "in place"
        self.handed[self.rank] = array
        self.meeting.wait()
        total = sum(self.handed[k] for k in range(self.size))
        self.meeting.wait()
        array[...] = total


def test_gradients_that_go_round_are_those_of_all_columns(given, monkeypatch):
    every = Communicator(3)
    mpi = SimpleNamespace(MPI=SimpleNamespace(COMM_WORLD=every, IN_PLACE="in place"))
    monkeypatch.setitem(sys.modules, "mpi4py", mpi)

    def process(rank):
        every.ranks.here, names = rank, dict(given[0])
        exec(block_of("from mpi4py import MPI"), names)
        return names

    with ThreadPoolExecutor(every.size) as threads:
        found = list(threads.map(process, range(every.size)))
    assert len({names["own"]["Y"].shape[1] for names in found}) == 2  # 400,003 is no multiple of 3
    for names in found:
        for key, gradient in given[1][1].items():
            np.testing.assert_allclose(names["same"][key], gradient, rtol=1e-12, atol=1e-15)


def test_the_page_has_no_other_block_that_is_not_run():
    assert [block.split("\n")[0] for block in BLOCKS] == [
        "import ray",
        "from mpi4py.futures import MPIPoolExecutor",
        "from mpi4py import MPI",
    ]
