"""The shape of a rule that no Symbol passes through: learned from tries, declared, held to in every run."""

import threading
import time
import warnings

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import chainrule as cr
from chainrule.core.learning import SECONDS, learned
from chainrule.errors import ArgumentError, RuleError, ShapeError
from chainrule.symbols.dimensions import Dimension, as_shape

m, n, h = (Dimension.named(name) for name in "mnh")
FLOAT, INT, BOOL = np.dtype(float), np.dtype(int), np.dtype(bool)


def shape_of(rule, *shapes, dtype=FLOAT):
    found = learned(rule, [(as_shape(shape), dtype) for shape in shapes])
    return None if found is None else found[0]


ARITHMETIC = [
    (np.linalg.norm, [(3, "m")], ()),
    (lambda x: np.linalg.norm(x, axis=0, keepdims=True), [(3, "m")], (1, m)),
    (lambda x: np.sort(x, axis=0), [(3, "m")], (3, m)),
    (lambda x: np.pad(x, ((0, 0), (2, 1))), [(3, "m")], (3, m + 3)),
    (lambda x: np.kron(x, x), [("m", 2)], (m * m, 4)),
    (lambda x: np.kron(x, np.ones((2, 1))), [("m", 3)], (2 * m, 3)),
    (lambda x: np.kron(x, x[:, :1]), [("m", "n")], (m * m, n)),
    (lambda x: np.array(x.tolist()).reshape(-1), [("m", "n", 3)], (3 * m * n,)),
    (lambda x: x[np.triu_indices(len(x))], [("m", "m")], (m * m / 2 + m / 2,)),
    (lambda x: sliding_window_view(x, (3, 3), axis=(2, 3)), [("m", 2, "h", 7)], (m, 2, h - 2, 5, 3, 3)),
    (lambda x: sliding_window_view(x, 20), [("m",)], (m - 19, 20)),
    (lambda x: np.array(x.tolist()).reshape(-1, 2).sum(axis=1), [("m",)], (m / 2,)),
    (np.linalg.inv, [(4, 4)], (4, 4)),  # of ones there is none
    (np.linalg.inv, [("m", 4, 4)], (m, 4, 4)),
    (np.linalg.cholesky, [(4, 4)], (4, 4)),  # of a random matrix there is none
    (lambda x, y: np.convolve(x, y), [("m",), (4,)], (m + 3,)),
    (lambda x, y: np.array([[a * b for a in y] for b in x]), [("m",), ("n",)], (m, n)),
    (np.sort, [(m - 1,)], (m - 1,)),
    (lambda x: np.sort(x)[1:], [("m",)], (m - 1,)),
    (lambda x: np.array(x.tolist())[: len(x) // 2], [(2 * m,)], (m,)),
]


def test_a_size_with_a_bend_is_a_size_like_any_other():
    few, rest = cr.Input("x", ("m", 4))[-5:].shape[0], cr.Input("x", ("m", 4))[3:].shape[0]
    assert (str(few), str(rest)) == ("min(m, 5)", "max(0, m - 3)")
    assert shape_of(lambda x, y: np.array(np.kron(x, y)), (few, 4), (rest, 2)) == (few * rest, 8)
    assert shape_of(lambda x, y: np.pad(np.sort(x), (1, 1))[:, None] * np.sort(y), (few,), ("m",)) == (few + 2, m)
    assert shape_of(lambda x: x[np.triu_indices(len(x))], (rest, rest)) == (rest * rest / 2 + rest / 2,)
    assert shape_of(np.unique, (rest,)) is None


@pytest.mark.parametrize(("rule", "shapes", "right"), ARITHMETIC)
def test_sizes_that_are_arithmetic_of_names_are_found(rule, shapes, right):
    assert shape_of(rule, *shapes) == right


NO_ARITHMETIC = [
    (lambda x: np.sort(x)[:5], [("m",)]),  # min(m, 5)
    (lambda x: np.sort(x)[2:], [("m",)]),  # max(0, m - 2)
    (lambda x: np.sort(x)[:100], [("m",)]),
    (lambda x: np.sort(x)[::2], [("m",)]),
    (lambda x: np.sort(x).squeeze(), [(3, "m")]),  # another number of axes for m = 1
    (np.unique, [(7,)]),  # ties decide
    (lambda x: x[x > 0], [(7,)]),
    (lambda x: np.nonzero(x > 0.9)[0], [("m",)]),
    (lambda x: 1 / 0, [(3,)]),
    (lambda x: {}, [(3,)]),
    (lambda x: x + 1j, [(3,)]),
    (lambda x: [[1], [2, 3]], [(3,)]),
]


@pytest.mark.parametrize(("rule", "shapes"), NO_ARITHMETIC)
def test_sizes_that_are_no_arithmetic_of_names_stay_unknown(rule, shapes):
    assert shape_of(rule, *shapes) is None


@pytest.mark.parametrize(
    ("rule", "dtype", "right"),
    [
        (np.sort, FLOAT, FLOAT), (np.argsort, FLOAT, INT), (np.sort, INT, INT), (lambda x: np.sort(x) > 0, FLOAT, BOOL),
        (lambda i: np.array([10.0, 20.0])[i], INT, FLOAT), (np.sort, BOOL, BOOL),
    ],
)  # fmt: skip
def test_the_dtype_is_learned_too(rule, dtype, right):
    assert learned(rule, [((3, m), dtype)]) == ((3, m), right)


def test_what_is_tried_is_small_and_cannot_be_written_to():
    seen = []

    def rule(x, w):
        seen.append((x.shape, w.shape, x.flags.writeable))
        return np.array(x.tolist())

    assert shape_of(rule, (4, "m"), (40, 6)) == (4, m)
    first = [shape for shape, _, _ in seen]
    assert (4, 4) not in first[:4]  # no square that is none
    assert (4, 6) not in first[:4]
    assert all(w == (40, 6) and not writeable for _, w, writeable in seen)
    assert shape_of(rule, (4, "m"), (2000, 1000)) is None
    assert seen[-1][1] == (40, 6)  # a rule of millions of entries is not tried


def test_a_loop_that_never_ends_is_given_up():
    def converged(x):
        x = np.array(x.tolist())
        while np.abs(x).sum() > -1:
            x = x * 0.5
        return x

    start = time.perf_counter()
    assert shape_of(converged, (3, "m")) is None
    assert time.perf_counter() - start < 10 * SECONDS


def test_learning_leaves_no_trace_outside():
    def noisy(x):
        warnings.warn("look", stacklevel=1)
        return np.sort(x) / 0 * np.random.rand()  # noqa: NPY002 — the state that everyone shares

    np.random.seed(3)  # noqa: NPY002 — as above
    expected = np.random.RandomState(3).rand()
    assert shape_of(noisy, (3, "m")) == (3, m)
    assert np.random.rand() == expected  # noqa: NPY002 — as above


# --- nodes -----------------------------------------------------------------------------------------------------------


class Sorted(cr.Node):
    """The entries of every row in order, times a factor."""

    factor: float = 1.0

    def forward(self, x):
        return np.sort(np.asarray(x), axis=1) * self.factor

    def backward(self, grad, y, x):
        return (np.take_along_axis(grad, np.argsort(np.argsort(x, axis=1), axis=1), axis=1) * self.factor,)


def test_shapes_behind_a_learned_one_are_checked_as_ever():
    s = Sorted(cr.Input("x", (3, "m")), name="S")
    assert (s.shape, s.dtype) == ((3, m), FLOAT)
    assert cr.MatMul(cr.Parameter("W", (2, 3)), s).shape == (2, m)
    with pytest.raises(ShapeError):
        cr.MatMul(cr.Parameter("W", (2, 4)), s)


def test_nodes_of_the_same_kind_and_shapes_are_learned_once():
    tries = []

    class Counted(Sorted):
        def forward(self, x):
            tries.append(x.shape)
            return super().forward(x)

    x = cr.Input("x", (3, "m"))
    first = [Counted(x).shape, len(tries)]
    assert [Counted(x).shape, len(tries)] == first
    assert Counted(cr.Input("y", (3, "m")), name="other").replace(x).shape == (3, m)
    assert len(tries) == first[1]
    Counted(x, factor=2.0)
    assert len(tries) > first[1]


def test_a_fact_that_cannot_be_hashed_is_learned_once_too():
    tries = []

    class Picked(cr.Node):
        key: object = ()

        def forward(self, x):
            tries.append(x.shape)
            return np.array(x.tolist())[self.key]

        def backward(self, grad, y, x):
            return (None,)

    x = cr.Input("x", (7, "m"))
    shapes = [(slice(2, None), (5, m)), (slice(3, None), (4, m))]
    for key, right in shapes:
        assert Picked(x, key=key).shape == right
    count = len(tries)
    assert [Picked(x, key=key).shape for key, _ in shapes] == [shape for _, shape in shapes]
    assert Picked(x, key=np.array([0, 2])).shape == (2, m)
    assert len(tries) > count
    count = len(tries)
    assert Picked(x, key=np.array([0, 2])).shape == (2, m)
    assert len(tries) == count


def test_threads_learn_the_same():
    class Fresh(Sorted):
        pass

    x, found = cr.Input("x", (3, "m")), []
    threads = [threading.Thread(target=lambda: found.append(Fresh(x).shape)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(3, m)] * 8


class Leading(cr.Node):
    """The largest entries, 200 at most: more than any try has, so the learned shape is wrong."""

    def forward(self, x):
        return np.sort(np.asarray(x))[-200:]

    def backward(self, grad, y, x):
        return (None,)


class Declared(Leading):
    """The same, which says that numbers decide."""

    def shape_of(self, x):
        return None


def test_a_run_holds_a_rule_to_what_was_learned():
    node = Leading(cr.Input("x", "m"), name="top")
    graph = cr.Graph(cr.Sum(node))
    assert graph.forward({"x": np.arange(200.0)})["top"].shape == (200,)
    with pytest.raises(RuleError) as caught:
        graph.forward({"x": np.arange(201.0)})
    error = caught.value
    assert error.what == ("Leading 'top'.forward: ValueError: it gave shape (200,), and (m,), here (201,), was learned")
    assert error.node is node
    assert "test_learning.py" in error.where
    assert error.given == "x (201,) float64"
    assert "def shape_of" in error.remedy


def test_a_declared_shape_is_taken_at_its_word_and_held_to():
    class Wrong(Leading):
        def shape_of(self, x):
            return (x[0], "k")[:1] if x else None

    assert Declared(cr.Input("x", "m")).shape is None
    assert cr.Graph(cr.Sum(Declared(cr.Input("x", "m")), name="L")).forward({"x": np.ones(300)})["L"] == 200
    assert Wrong(cr.Input("x", "m")).shape == (m,)
    with pytest.raises(RuleError, match=r"gave shape \(200,\), and \(m,\), here \(300,\), was declared"):
        cr.Graph(cr.Sum(Wrong(cr.Input("x", "m")))).forward({"x": np.ones(300)})


def test_a_declared_shape_that_is_none_is_refused():
    class Half(Sorted):
        def shape_of(self, x):
            return 2.5

    class Contradicting(cr.Node):
        def forward(self, x):
            return x * 2

        def backward(self, grad, y, x):
            return (grad * 2,)

        def shape_of(self, x):
            return (*x, 1)

    with pytest.raises(ArgumentError, match=r"Half.shape_of: a size is a whole number or a name such as 'm', not 2.5"):
        Half(cr.Input("x", (3, "m")))
    with pytest.raises(ArgumentError, match=r"shape_of says \(3, m, 1\), and forward gives \(3, m\)"):
        Contradicting(cr.Input("x", (3, "m")))
    with pytest.raises(ArgumentError, match="def shape_of"):
        type("Old", (Sorted,), {"shape": lambda self, x: x})


def test_a_named_size_in_a_sum_is_known_again_in_a_run():
    x, y = cr.Input("x", (3, "m")), cr.Input("y", (3, "n"))
    joined = Sorted(cr.Concatenate(x, y, x[:, 1:], axis=1), name="S")  # 2m + n - 1 columns: m and n are not told apart
    double = Sorted(cr.Concatenate(x, x, axis=1), name="D")
    run = cr.Graph(cr.Sum(joined) + cr.Sum(double)).forward({"x": np.ones((3, 4)), "y": np.ones((3, 5))})
    assert run["S"].shape == (3, 12)
    assert run["D"].shape == (3, 8)


def test_a_rule_of_no_columns_runs():
    s = Sorted(cr.Input("x", (3, "m")), name="S")
    assert cr.Graph(cr.Sum(s)).forward({"x": np.ones((3, 0))})["S"].shape == (3, 0)


def test_what_is_declared_may_ask_whether_a_size_is_a_number() -> None:
    class First(cr.Node):
        axis: int | None = None

        @classmethod
        def settled(cls, given, shape):
            return {} if "axis" in given else {"axis": 0 if shape[0] == 3 or shape[1] in {5, 7} else 1}

        def forward(self, x):
            return np.unique(x)[:2] * self.axis

        def backward(self, grad, y, x):
            return (np.zeros_like(x),)

        def shape_of(self, x):
            return {3: (2,)}.get(x[0]) if x[1] != 4 else (1,)

    built = [First(cr.Input("x", shape)) for shape in ((3, "m"), ("m", 3), ("m", 5), ("m", 4))]
    assert [node.axis for node in built] == [0, 1, 0, 1]
    assert [node.shape for node in built] == [(2,), None, None, (1,)]
