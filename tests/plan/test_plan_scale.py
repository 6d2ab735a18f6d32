"""Plans beyond one process and beyond memory: executors, feeds on disk, and a workspace that does not grow with m."""

import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from concurrent.futures import Future, ProcessPoolExecutor

import numpy as np
import pytest
from random_graphs import random_graph

import chainrule as cr
from chainrule.plan import numpy_source
from chainrule.plan.plan import compile_graph
from chainrule.training import batches as batches_module
from nets import DNN, gradients_by_hand, train
from nets.training import SGD

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux holds a process to these limits")
MB = 1 << 20


def network(m, dtype=np.float64):
    net, rng = DNN((4, 3, 2, 1)), np.random.default_rng(1)
    feeds = {**net.params, "A0": rng.normal(size=(4, m)), "Y": rng.integers(0, 2, size=(1, m))}
    return net.graph, {name: np.asarray(array, dtype) for name, array in feeds.items()}


def assert_same(found, expected):
    """The same bits: blocks depend on the shapes alone, and are added up in one order."""
    assert found[0] == expected[0]
    assert list(found[1]) == list(expected[1])
    for name, gradient in expected[1].items():
        np.testing.assert_array_equal(found[1][name], gradient, err_msg=name)


# --- executors -------------------------------------------------------------------------------------------------------


class Elsewhere:
    """An executor that has `submit` and nothing else, and hands over bytes, as one on another machine does."""

    def __init__(self):
        self.waiting, self.most, self.largest = [], 0, 0

    def submit(self, function, *arguments):
        packed = pickle.dumps((function, arguments))
        self.largest = max(self.largest, len(packed))
        self.waiting.append(packed)
        self.most = max(self.most, len(self.waiting))
        return Answer(self, packed)


class Answer:
    """What `Elsewhere` gives for a task: computed when somebody asks."""

    def __init__(self, place, packed):
        self.place, self.packed = place, packed

    def result(self):
        self.place.waiting.remove(self.packed)
        function, arguments = pickle.loads(self.packed)
        return pickle.loads(pickle.dumps(function(*arguments)))


def test_anything_with_submit_computes_blocks():
    graph, feeds = network(1003)
    plan = compile_graph(graph, ["W1", "B3", "A0"], block=40)
    assert_same(plan(feeds, executor=Elsewhere()), plan(feeds))


@pytest.mark.parametrize(("backend", "m"), [("numpy", 50_000), ("numba", 70_000)])
def test_processes_that_share_nothing_with_this_one_give_the_same_bits(backend, m):
    graph, feeds = network(m)
    plan = graph.compile(backend=backend)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        assert_same(plan(feeds, executor=executor), plan(feeds))


BACKENDS = pytest.mark.parametrize("backend", ["numpy", "numba"])


@BACKENDS
def test_what_is_under_way_to_an_executor_does_not_grow_with_the_columns(backend):
    graph, _ = network(1)
    plan, place = graph.compile(backend=backend), Elsewhere()
    m = 6_000_000  # 240 MB of feeds, of which the tasks are views until they are packed
    zeros = {name: np.broadcast_to(0.0, shape) for name, shape in {"A0": (4, m), "Y": (1, m)}.items()}
    _, feeds = network(1)
    loss, _ = plan({**feeds, **zeros}, executor=place)
    assert loss > 0
    assert place.most <= 32
    assert place.largest <= 5 * MB  # 4 MB of feeds, the plan, and a column more or less


class Broken:
    """An executor whose tasks fail."""

    def submit(self, function, *arguments):
        future = Future()
        future.set_exception(OSError("the other machine has gone"))
        return future


def test_an_error_on_the_other_side_is_raised_here():
    graph, feeds = network(1003)
    with pytest.raises(OSError, match="the other machine has gone"):
        compile_graph(graph, block=40)(feeds, executor=Broken())


# --- feeds on disk ---------------------------------------------------------------------------------------------------


class Dataset:
    """A stored array as h5py and zarr have them: a shape, a dtype and slices; it notes what is read of it."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.read = []

    def __getitem__(self, key):
        piece = self.array[key]
        self.read.append(piece.shape)
        return piece.copy()

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[...], dtype)


def test_a_plan_reads_a_stored_feed_block_by_block_and_gives_the_same_bits():
    graph, feeds = network(1003)
    plan = compile_graph(graph, block=40)
    stored = Dataset(feeds["A0"])
    assert_same(plan({**feeds, "A0": stored}), plan(feeds))
    assert stored.read == [(4, 40)] * 25 + [(4, 3)]


def test_a_compiled_loop_reads_a_stored_feed_some_columns_at_a_time():
    graph, feeds = network(70_003)
    plan = graph.compile(backend="numba")
    labels = Dataset(feeds["Y"].astype(np.uint8))
    assert_same(plan({**feeds, "A0": Dataset(feeds["A0"]), "Y": labels}), plan(feeds))
    assert max(columns for _, columns in labels.read) < 70_003 / 2
    assert sum(columns for _, columns in labels.read) == 70_003


def test_a_stored_feed_is_converted_block_by_block():
    graph, feeds = network(1003)
    plan = compile_graph(graph, block=40)
    labels = Dataset(feeds["Y"].astype(np.uint8))
    assert_same(plan({**feeds, "Y": labels}), plan(feeds))
    assert max(labels.read) == (1, 40)


def test_stored_parameters_and_small_batches_are_read_whole():
    graph, feeds = network(23)
    expected = graph.compile()(feeds)
    assert_same(graph.compile()({name: Dataset(array) for name, array in feeds.items()}), expected)
    graph, feeds = network(1003)
    plan = compile_graph(graph, block=40)
    assert_same(plan({name: Dataset(array) for name, array in feeds.items()}), plan(feeds))


def test_a_run_takes_a_stored_feed_whole():
    graph, feeds = network(23)
    run = graph.forward({**feeds, "A0": Dataset(feeds["A0"])})
    np.testing.assert_array_equal(run["A3"], graph.forward(feeds)["A3"])


def test_a_stored_feed_of_another_shape_or_kind_is_refused_before_it_is_read():
    graph, feeds = network(23)
    for wrong in (Dataset(np.ones((5, 23))), Dataset(np.ones((4, 22))), Dataset(np.ones((4, 23), complex))):
        with pytest.raises(cr.errors.FeedError, match="A0"):
            graph.compile()({**feeds, "A0": wrong})
        assert wrong.read == []


def test_fractions_in_a_stored_feed_of_whole_numbers_are_refused():
    ids, table = cr.Input("ids", ("m",), dtype=int), cr.Parameter("table", (2, 7))
    graph = cr.Graph(cr.Sum(cr.Square(cr.Gather(table, ids, axis=1)), name="L"))
    plan = compile_graph(graph, block=4)
    feeds = {"table": np.arange(14.0).reshape(2, 7), "ids": np.arange(13) % 7}
    assert_same(plan({**feeds, "ids": Dataset(feeds["ids"] * 1.0)}), plan(feeds))
    with pytest.raises(cr.errors.FeedError, match="ids takes int64 and was fed float64 with fractions"):
        plan({**feeds, "ids": Dataset(feeds["ids"] / 2)})


ARRAYS = {
    "rows": np.arange(35.0).reshape(5, 7),
    "Fortran order": np.asfortranarray(np.arange(35.0).reshape(5, 7)),
    "three axes": np.arange(105).reshape(3, 5, 7),
    "three axes, Fortran order": np.asfortranarray(np.arange(105).reshape(3, 5, 7)),
    "big-endian": np.arange(35).reshape(5, 7).astype(">i4"),
    "bytes": np.arange(35, dtype=np.uint8).reshape(5, 7),
    "one axis": np.arange(35.0),
    "no entries": np.ones((5, 0)),
}
KEYS = [
    ...,
    slice(None),
    slice(1, 3),
    slice(-2, None),
    slice(4, None, -2),
    slice(None, None, -1),
    slice(3, 3),
    slice(2, 99),
    (..., slice(2, 5)),
    (slice(None), slice(1, 4)),
    (slice(2, 4), slice(None, None, 3)),
    (0, ...),
    (-1, slice(2, 3)),
]


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_file_gives_what_numpy_gives(tmp_path, name):
    np.save(tmp_path / "x.npy", ARRAYS[name])
    found = cr.ArrayFile(tmp_path / "x.npy")
    assert (found.shape, found.ndim, found.dtype, len(found)) == (
        ARRAYS[name].shape,
        ARRAYS[name].ndim,
        ARRAYS[name].dtype,
        len(ARRAYS[name]),
    )
    for key in KEYS:
        if not isinstance(key, tuple) or len(key) <= ARRAYS[name].ndim:
            expected = ARRAYS[name][key]
            np.testing.assert_array_equal(found[key], expected, err_msg=str(key), strict=True)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found)), ARRAYS[name], strict=True)


def test_an_array_file_reads_only_what_is_asked_for(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", ARRAYS["three axes"])
    found, read = cr.ArrayFile(tmp_path / "x.npy"), []
    original = cr.ArrayFile._read

    def noted(self, axis, first, last):
        piece = original(self, axis, first, last)
        read.append(piece.size)
        return piece

    monkeypatch.setattr(cr.ArrayFile, "_read", noted)
    found[1], found[:, 2:4], found[..., 5], found[1:1]
    assert read == [35, 42, 15, 0]


def test_an_array_file_says_what_it_cannot_read(tmp_path):
    path = tmp_path / "x.npy"
    path.write_bytes(b"no array")
    with pytest.raises(cr.errors.FeedError, match=r"x\.npy is no array of numbers in a \.npy file"):
        cr.ArrayFile(path)
    np.save(path, np.array("text"))
    with pytest.raises(cr.errors.FeedError, match="no array of real numbers"):
        cr.ArrayFile(path)
    np.save(path, np.arange(35.0).reshape(5, 7))
    found = cr.ArrayFile(path)
    for key in ([1, 2], (0, 0, 0), np.ones(5, bool), True, "x", None, (..., ...)):
        with pytest.raises(IndexError, match="an ArrayFile"):
            found[key]
    with pytest.raises(IndexError, match="out of bounds"):
        found[5]
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(cr.errors.FeedError, match="ends before its array does"):
        found[4]


def header_of(shape, dtype="'<f8'"):
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}"
    text = f"{text.ljust(117)}\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


BROKEN = {
    "more than any disk": (header_of((3, 9223372036854775807)), "ends before its array does"),
    "more than follows": (header_of((3, 5)), "ends before its array does"),
    "negative sizes": (header_of((-3, -4)), "no array of real numbers"),
    "one negative size": (header_of((3, -4)), "no array of real numbers"),
    "brackets": (b"\x93NUMPY\x01\x00" + (200).to_bytes(2, "little") + b"[" * 200, "no array of numbers in a .npy file"),
    "no tuple": (header_of(12), "no array of numbers in a .npy file"),
    "no dtype": (header_of((3, 4), "'what'"), "no array of numbers in a .npy file"),
    "an empty file": (b"", "no array of numbers in a .npy file"),
    "a size that is none": (header_of((True, 4)), "no array of real numbers"),
    "no entries of a size beyond any": (header_of((0, 2**62)), "has a shape that no array has"),
    "a header of four gigabytes": (
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 96,
        "no array of numbers in a .npy file",
    ),
    "half a header": (header_of((3, 4))[:40], "no array of numbers in a .npy file"),
}


def test_an_array_file_of_many_rows_of_nothing_is_read_at_once(tmp_path):
    path = tmp_path / "x.npy"
    path.write_bytes(header_of((2**40, 0)))
    assert cr.ArrayFile(path)[:, :].shape == (2**40, 0)


def test_an_array_file_is_a_file(tmp_path):
    """Opening a pipe would wait for somebody to write."""
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(cr.errors.FeedError, match="pipe is no file"):
            cr.ArrayFile(tmp_path / "pipe")
    with pytest.raises(cr.errors.FeedError, match="is no file"):
        cr.ArrayFile(tmp_path)
    with pytest.raises(FileNotFoundError):
        cr.ArrayFile(tmp_path / "absent.npy")
    with pytest.raises(cr.errors.ArgumentError, match="null character"):
        cr.ArrayFile("a\0b")


def test_a_file_that_holds_another_array_than_it_did_is_not_read_as_if_it_were_the_old_one(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(12.0).reshape(3, 4))
    found = cr.ArrayFile(tmp_path / "x.npy")
    np.save(tmp_path / "x.npy", np.arange(12.0).reshape(4, 3))
    with pytest.raises(cr.errors.FeedError, match="holds another array than it did"):
        found[0]
    np.save(tmp_path / "x.npy", np.full((3, 4), 7.0))  # other numbers of the same array are what is asked for
    assert found[0].tolist() == [7, 7, 7, 7]


@pytest.mark.parametrize(("header", "reason"), BROKEN.values(), ids=BROKEN)
def test_an_array_file_does_not_believe_its_header(tmp_path, header, reason):
    path = tmp_path / "x.npy"
    path.write_bytes(header + (bytes(96) if len(header) > 100 else b""))
    with pytest.raises(cr.errors.FeedError, match=reason) as error:
        cr.ArrayFile(path)
    assert error.value.remedy
    path.write_bytes(header_of((3, 4)) + bytes(96))
    assert cr.ArrayFile(path)[:, 1:].shape == (3, 3)
    path.write_bytes(header_of((3, 4)) + bytes(100))  # more may follow
    assert cr.ArrayFile(path).shape == (3, 4)


def test_mini_batches_of_stored_feeds_see_every_column_once_and_a_page_at_a_time(monkeypatch):
    monkeypatch.setattr(batches_module, "_PAGE", 7 * 8 * 2)  # fourteen columns of eight bytes are three batches
    m, batch = 53, 4
    w, x, y = cr.Parameter("w", (1, 1)), cr.Input("x", (1, "m")), cr.Input("y", (1, "m"))
    graph = cr.Graph(cr.Sum(w * x + y - y, name="L"))
    x_stored, seen = Dataset(2.0 ** np.arange(m)[None]), []

    class Recorder(SGD):
        def update(self, parameter, gradient, memory):
            seen.append({k for k in range(m) if int(gradient.item()) >> k & 1})
            return parameter, memory

    options = {"optimizer": Recorder(), "epochs": 2, "batch_size": batch, "progress": False}
    train(graph, {"w": [[1.0]]}, {"x": x_stored, "y": np.ones((1, m))}, **options)
    for epoch in (seen[:14], seen[14:]):
        assert sorted(k for step in epoch for k in step) == list(range(m))
        assert sorted(map(len, epoch)) == [1] + [batch] * 13
    assert seen[:14] != seen[14:]
    assert sorted(set(x_stored.read)) == [(1, 5), (1, 12)]  # 53 = 4 · 12 + 5


def test_whole_pages_in_one_call_are_the_steps_of_their_mini_batches(monkeypatch):
    monkeypatch.setattr(batches_module, "_PAGE", 40 * 3 * 8)
    w, x, y = cr.Parameter("w", (1, 4)), cr.Input("x", (4, "m")), cr.Input("y", (1, "m"))
    graph = cr.Graph(cr.Mean(cr.Square(w @ x - y), name="L"))
    rng = np.random.default_rng(0)
    data = {"x": Dataset(rng.normal(size=(4, 101))), "y": Dataset(rng.normal(size=(1, 101)))}
    options = {"epochs": 3, "batch_size": 4, "progress": False}
    one, other = (train(graph, {"w": np.ones((1, 4))}, data, backend=b, **options) for b in ("numpy", "numba"))
    assert len(one.losses) == 3 * 26
    assert max(columns for _, columns in data["x"].read) < 101
    np.testing.assert_allclose(other.losses, one.losses, rtol=1e-12)  # 78 steps, each with a few roundings
    np.testing.assert_allclose(other.params["w"], one.params["w"], rtol=1e-12)


# --- memory ----------------------------------------------------------------------------------------------------------

LIMITED = """
import json, resource, sys
kind, x, y, limit = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
resource.setrlimit(getattr(resource, kind), (limit, limit))  # ulimit, before anything is loaded
import numpy as np
import chainrule as cr
from nets import DNN, train
from nets.training import SGD

net = DNN((30, 3, 1))
params = {name: np.full(array.shape, 0.1) for name, array in net.params.items()}
try:
    np.load(x)
    print("the limit is none")
except MemoryError:
    pass
if kind == "RLIMIT_AS":
    try:
        np.load(x, mmap_mode="r")
        print("the limit is none")
    except OSError:
        pass
    feeds = {"A0": cr.ArrayFile(x), "Y": cr.ArrayFile(y)}
else:
    feeds = {"A0": np.load(x, mmap_mode="r"), "Y": np.load(y, mmap_mode="r")}
whole = train(net.graph, params, feeds, optimizer=SGD(0.5), epochs=2, progress=False)
batches = train(net.graph, whole.params, feeds, optimizer=SGD(0.0), epochs=1, batch_size=10_000, progress=False)
params = {name: array.tolist() for name, array in whole.params.items()}
print(json.dumps({"losses": whole.losses, "params": params, "batches": batches.losses}))
"""


def save_columns(path, rows, m, places, values):
    """An array of m columns, all zero but for a few: such a file takes hardly any room on disk."""
    array = np.lib.format.open_memmap(path, "w+", np.float64, (rows, m))
    array[:, places] = values
    array.flush()


@LINUX
@pytest.mark.parametrize(("kind", "allowed"), [("RLIMIT_AS", 384 * MB), ("RLIMIT_DATA", 256 * MB)])
def test_a_feed_of_twice_the_allowed_memory_trains(tmp_path, kind, allowed):
    """`ulimit -v` with ArrayFile, which is not mapped; `ulimit -d` with a memory map, which `ulimit -v` would count."""
    m = (2 * allowed // (30 * 8) // 10_000 + 1) * 10_000
    rng = np.random.default_rng(0)
    places = np.sort(rng.choice(m, 200, replace=False))
    x, y = rng.normal(size=(30, 200)), rng.integers(0, 2, size=(1, 200)) * 1.0
    save_columns(tmp_path / "x.npy", 30, m, places, x)
    save_columns(tmp_path / "y.npy", 1, m, places, y)
    arguments = [sys.executable, "-c", LIMITED, kind, str(tmp_path / "x.npy"), str(tmp_path / "y.npy"), str(allowed)]
    # Each thread of OpenBLAS takes 40 MB of address space when NumPy is imported, on a machine of many processors all.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    answer = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    assert answer.returncode == 0, answer.stderr[-2000:]
    found = json.loads(answer.stdout)

    # By hand: what 200 columns give, and what all the others, which are zero, give.
    params = {name: np.full(array.shape, 0.1) for name, array in DNN((30, 3, 1)).params.items()}
    losses = []
    for _ in range(2):
        loss, gradients = by_hand(params, x, y, m)
        losses.append(loss)
        params = {name: array - 0.5 * gradients[name] for name, array in params.items()}
    # Sums of two million terms, in blocks and pairwise within them: fewer than 1,000 roundings of 1e-16 each.
    np.testing.assert_allclose(found["losses"], losses, rtol=1e-12)
    for name, array in params.items():
        np.testing.assert_allclose(found["params"][name], array, rtol=1e-12, err_msg=name)
    # The rate is 0 and every batch has 10,000 columns, so that the mean of the batches is the loss of all columns.
    assert len(found["batches"]) == m // 10_000
    assert np.mean(found["batches"]) == pytest.approx(by_hand(params, x, y, m)[0], rel=1e-12)


def by_hand(params, x, y, m):
    """The loss and the gradients of m columns, of which all but these are zero."""
    zero = np.zeros((len(x), 1)), np.zeros((1, 1))
    count = y.shape[1]
    few, rest = gradients_by_hand(params, x, y), gradients_by_hand(params, *zero)
    gradients = {name: (count * few[name] + (m - count) * rest[name]) / m for name in params}
    return (count * loss_by_hand(params, x, y) + (m - count) * loss_by_hand(params, *zero)) / m, gradients


def loss_by_hand(params, x, y):
    A = x
    for layer in (1, 2):
        Z = params[f"W{layer}"] @ A + params[f"B{layer}"]
        A = 1 / (1 + np.exp(-Z))
    return float(-(y * np.log(A) + (1 - y) * np.log(1 - A)).mean())


PEAK = """
import sys
import numpy as np
from nets import DNN

net, m = DNN(), int(sys.argv[2])
rng = np.random.default_rng(0)
feeds = {**net.params, "A0": rng.random((2, m)), "Y": np.ones((1, m))}
step = net.graph.compile(backend=sys.argv[3])
step({**feeds, "A0": np.ones((2, 10)), "Y": np.ones((1, 10))})  # what is loaded once is loaded
kept = step(feeds) if sys.argv[1] == "step" else np.ones(m) if sys.argv[1] == "row" else None
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(line.split()[1])
"""


def peak(kind, m, backend):
    """The largest resident memory of a process that makes feeds of m columns, and computes with them or does not.

    ru_maxrss would do elsewhere; on Linux a process inherits that of the one that started it.
    """
    arguments = [sys.executable, "-c", PEAK, kind, str(m), backend]
    return int(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout) * 1024


@LINUX
@BACKENDS
def test_the_memory_of_a_plan_does_not_grow_with_the_columns(backend):
    peak("feeds", 10, backend)  # compiles what is then kept on disk
    without = {m: peak("feeds", m, backend) for m in (1_000_000, 4_000_000)}
    assert peak("row", 4_000_000, backend) - without[4_000_000] > 28 * MB  # a float64 row of all columns would be seen
    beyond = [peak("step", m, backend) - without[m] for m in without]
    assert max(beyond) <= 64 * MB  # the bound that was set
    # Two runs of one program differ by a few MB, with what the threads happen to hold at one time.
    assert abs(beyond[1] - beyond[0]) <= 16 * MB


@pytest.mark.parametrize("seed", range(12))
def test_buffers_handed_over_one_by_one_give_the_same_bits(seed, monkeypatch):
    made = random_graph(seed)
    right = compile_graph(made.graph)(made.feeds)
    monkeypatch.setattr(numpy_source, "_MOST_SHARED", 0)
    loss, gradients = compile_graph(made.graph)(made.feeds)
    assert_same((loss, gradients), right)
