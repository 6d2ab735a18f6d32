"""A cluster of three Dask workers gives the gradients of one process, bit for bit, also when one of them dies."""

import contextlib
import os
import signal

import numpy as np
import pytest

import chainrule as cr
from nets import DNN

pytest.importorskip("dask.distributed")
from dask.distributed import Client, LocalCluster

JUDGE = "Dask cluster"
WORKERS = 3


@pytest.fixture(scope="module")
def client():
    # Workers of one thread, as on three machines; port 0 is any that is free.
    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


def tasks_computed():
    """How many tasks of plans this process has computed: each looks up the plan that it belongs to."""
    from chainrule.plan.pieces import _computation_of

    return _computation_of.cache_info().hits + _computation_of.cache_info().misses


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_cluster_of_three_workers_gives_the_gradients_of_one_process(client, dtype, backend):
    net, m, rng = DNN((2, 4, 3, 1)), 600_000, np.random.default_rng(0)
    feeds = {**net.params, "A0": rng.normal(size=(2, m)), "Y": rng.integers(0, 2, size=(1, m))}
    feeds = {name: np.asarray(array, dtype) for name, array in feeds.items()}
    step = net.graph.compile(backend=backend)
    loss, gradients = step(feeds)
    before, here = client.run(tasks_computed), tasks_computed()
    there, same = step(feeds, executor=client.get_executor())
    after = client.run(tasks_computed)
    assert len(after) == WORKERS
    assert all(after[worker] > before[worker] for worker in after)  # it was computed there, by all of them
    assert tasks_computed() == here  # and not here
    assert there == loss
    for name, gradient in gradients.items():  # the same blocks, which depend on the shapes alone, in the same order
        np.testing.assert_array_equal(same[name], gradient, err_msg=name)


LIMIT = 160 << 20  # bytes that a worker may take: twice what it takes when it has done nothing yet


@pytest.fixture
def files(tmp_path):
    """Columns in files larger than a worker: a stretch of random ones, again and again."""
    m, rng = 1_600_000, np.random.default_rng(0)
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float64, (16, m))
    y = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", np.float64, (1, m))
    some = rng.normal(size=(16, 50_000))
    for start in range(0, m, 50_000):
        x[:, start : start + 50_000] = some + start / m
        y[:, start : start + 50_000] = some[:1] > some[1:2]
    x.flush()
    y.flush()
    assert (tmp_path / "x.npy").stat().st_size > LIMIT
    return {"A0": tmp_path / "x.npy", "Y": tmp_path / "y.npy"}


class Killing:
    """An executor that kills one worker, with whatever it is computing and has computed, between two tasks."""

    def __init__(self, executor, pid, after):
        self.executor, self.pid, self.after, self.handed = executor, pid, after, 0

    def submit(self, function, *args):
        self.handed += 1
        if self.handed == self.after:
            os.kill(self.pid, signal.SIGKILL)
        return self.executor.submit(function, *args)


def trained(step, params, feeds, **options):
    """Losses and parameters of two steps down the slope."""
    losses = []
    for _ in range(2):
        loss, gradients = step({**params, **feeds}, **options)
        losses.append(loss)
        params = {name: array - 0.5 * gradients[name] for name, array in params.items()}
    return losses, params


def trained_with_a_death(step, params, shared):
    """A training on a cluster of which one worker is killed on the way."""
    options = {"n_workers": WORKERS, "threads_per_worker": 1, "memory_limit": LIMIT, "dashboard_address": ":0"}
    with LocalCluster(**options, silence_logs=50) as cluster, Client(cluster) as client:  # it tells of the death
        for nanny in cluster.workers.values():
            nanny.auto_restart = False  # Dask waits half a minute for one that starts while all are to end
        before = set(client.run(os.getpid).values())
        killing = Killing(client.get_executor(), min(before), after=70)
        trained_so = trained(step, params, shared, executor=killing)
        after = set(client.run(os.getpid).values())
    assert killing.handed > 100
    assert before - after == {killing.pid}
    return trained_so


def attempted(work, times=3):
    """What a work gives. Dask's executor loses at times what the dead worker had computed and nobody had fetched."""
    for _ in range(times - 1):
        with contextlib.suppress(ValueError):  # "too many values to unpack", in distributed/cfexecutor.py
            return work()
    return work()


def test_a_training_over_a_file_larger_than_a_worker_loses_nothing_when_a_worker_is_killed(files):
    net = DNN((16, 4, 1))
    step = net.graph.compile()
    losses, params = trained(step, net.params, {name: np.load(path, mmap_mode="r") for name, path in files.items()})
    shared = {name: cr.ArrayFile(path, shared=True) for name, path in files.items()}
    found, same = attempted(lambda: trained_with_a_death(step, net.params, shared))
    assert found == losses
    for name, array in params.items():
        np.testing.assert_array_equal(same[name], array, err_msg=name)
