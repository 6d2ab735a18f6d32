"""A cluster of three Dask workers gives the gradients of one process, bit for bit."""

import numpy as np
import pytest
from dask.distributed import Client, LocalCluster

from nets import DNN

JUDGE = "Dask cluster"
WORKERS = 3


@pytest.fixture(scope="module")
def client():
    # Workers of one thread, as on three machines; no dashboard, whose packages are not needed.
    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
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
