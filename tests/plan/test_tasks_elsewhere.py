"""What a plan hands to an executor: columns or where to read them, and results that do not depend on who computed."""

import pickle
from concurrent.futures import Future

import numpy as np
import pytest

import chainrule as cr
import nets

M = 100_000  # four tasks


@pytest.fixture(scope="module")
def network():
    net = nets.DNN(sizes=(16, 4, 1))
    return net.graph.compile(), net.params


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(16, M)).astype(np.float32))
    np.save(tmp_path / "y.npy", rng.integers(0, 2, size=(1, M)))
    return {"A0": tmp_path / "x.npy", "Y": tmp_path / "y.npy"}


class Elsewhere:
    """An executor in this process, of which everything passes through bytes, put down at odd addresses."""

    def __init__(self):
        self.sent, self.waiting, self.most = [], 0, 0

    def submit(self, function, *args):
        content = pickle.dumps((function, args))
        self.sent.append(len(content))
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        done = Future()
        done.result = lambda: self._compute(content)
        return done

    def _compute(self, content):
        self.waiting -= 1
        function, (payload, key, values, columns) = pickle.loads(content)
        return function(payload, key, {name: odd(value) for name, value in values.items()}, columns)


def odd(value):
    """The same array at an address that is no multiple of 8, as in the middle of a message."""
    if not isinstance(value, np.ndarray):
        return value
    place = np.empty(value.nbytes + 9, np.uint8)
    start = -place.ctypes.data % 8 + 1
    moved = np.frombuffer(place[start : start + value.nbytes], value.dtype).reshape(value.shape)
    place[start : start + value.nbytes] = np.frombuffer(value.tobytes(), np.uint8)
    assert not moved.flags.aligned
    return moved


def same(found, expected):
    assert found[0] == expected[0]
    for name, gradient in expected[1].items():
        np.testing.assert_array_equal(found[1][name], gradient, err_msg=name)


@pytest.mark.parametrize("m", [1_000, 40_000, M - 3, M])
def test_columns_at_odd_addresses_give_the_same_bits(network, files, m):
    step, params = network
    for dtype in (np.float32, np.float64):
        feeds = {**params, **{name: np.load(path)[:, :m].astype(dtype) for name, path in files.items()}}
        same(step(feeds, executor=Elsewhere()), step(feeds))


@pytest.mark.parametrize("name", ["A0", "Y"])
def test_of_a_shared_file_only_the_path_travels(network, files, name):
    step, params = network
    arrays = {**params, **{key: np.load(path) for key, path in files.items()}}
    alone, shared = Elsewhere(), Elsewhere()
    same(step({**arrays, name: cr.ArrayFile(files[name])}, executor=alone), step(arrays))
    same(step({**arrays, name: cr.ArrayFile(files[name], shared=True)}, executor=shared), step(arrays))
    assert len(shared.sent) == len(alone.sent) > 2
    file = arrays[name]
    assert sum(alone.sent) - sum(shared.sent) > 0.9 * file.size * 8  # in the dtype of the run


def test_tasks_without_columns_are_all_handed_out_at_once(network, tmp_path):
    """An executor with hundreds of workers has something for each of them; what holds columns is bounded."""
    step, params = network
    m = 1_300_000
    for name, rows in (("A0", 16), ("Y", 1)):  # all zeros, which take no room on disk
        np.lib.format.open_memmap(tmp_path / f"{name}.npy", "w+", np.float64, (rows, m)).flush()
    executors = {}
    for shared in (False, True):
        executors[shared] = Elsewhere()
        step({**params, **{n: cr.ArrayFile(tmp_path / f"{n}.npy", shared=shared) for n in ("A0", "Y")}},
             executor=executors[shared])  # fmt: skip
    assert executors[False].most == 32
    assert executors[True].most == len(executors[True].sent) > 40


def test_a_file_that_a_worker_does_not_have_is_named(network, files):
    step, params = network
    feeds = {name: cr.ArrayFile(path, shared=True) for name, path in files.items()}
    files["Y"].unlink()
    with pytest.raises(cr.errors.FeedError, match="Y cannot be read where the task runs: No such file") as error:
        step({**params, **feeds}, executor=Elsewhere())
    assert str(files["Y"]) in error.value.given


def test_a_shared_file_stays_one_in_a_pickle(files):
    assert pickle.loads(pickle.dumps(cr.ArrayFile(files["Y"], shared=True))).shared
    assert not pickle.loads(pickle.dumps(cr.ArrayFile(files["Y"]))).shared
