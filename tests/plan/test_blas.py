"""Large products on threads while BLAS is held to one: who holds it, who lets go, and what the parts compute."""

import os

import numpy as np
import pytest

import chainrule as cr
from chainrule.plan import blas, threads
from chainrule.plan.blas import holding, product


class Library:
    """A BLAS as threadpoolctl shows it."""

    def __init__(self, count):
        self.count = count

    def get_num_threads(self):
        return self.count

    def set_num_threads(self, count):
        self.count = count


@pytest.fixture(autouse=True)
def smaller_parts(monkeypatch):
    monkeypatch.setattr(blas, "_IN_PARTS", 40_000_000)
    monkeypatch.setattr(blas, "_PART", 20_000_000)


@pytest.fixture
def library(monkeypatch):
    one = Library(3)
    monkeypatch.setattr(blas, "_libraries", lambda: [one])
    monkeypatch.setattr(threads, "processors", lambda: 3)
    return one


def large_net():
    """Its first product and two more are computed in parts."""
    W1, W2 = cr.Parameter("W1", (201, 307)), cr.Parameter("W2", (1, 201))
    x = cr.Input("x", (307, "m"))
    return cr.Graph(cr.Mean(cr.Square(W2 @ cr.ReLU(W1 @ x)), name="L"))


def feeds_of(graph, m=173):
    return {**graph.initialize(seed=0), "x": np.random.default_rng(0).normal(size=(307, m))}


def small_net():
    return cr.Graph(cr.Mean(cr.Square(cr.Parameter("W1", (3, 307)) @ cr.Input("x", (307, "m"))), name="L"))


def test_blas_has_one_thread_while_it_is_held_and_its_own_number_afterwards(library):
    assert holding(lambda: library.count)() == 1
    assert library.count == 3


def test_who_lets_go_last_allows_again_what_was_allowed(library):
    inside = holding(lambda: library.count)
    assert holding(lambda: (inside(), library.count))() == (1, 1)
    assert library.count == 3


def test_blas_is_let_go_after_an_error(library):
    with pytest.raises(ZeroDivisionError):
        holding(lambda: 1 / 0)()
    assert library.count == 3
    assert blas._BLAS.threads == 1


def test_a_blas_of_one_thread_stays_one_and_products_keep_to_it(library):
    library.count = 1
    assert holding(lambda: blas._BLAS.threads)() == 1
    assert library.count == 1


def test_a_large_product_is_computed_in_parts_while_blas_is_held(library, monkeypatch):
    parts = []

    def on_threads(function, tasks):
        parts.append([(part.start, part.stop) for part in tasks])
        return map(function, tasks)

    monkeypatch.setattr(blas, "on_threads", on_threads)
    graph = large_net()
    graph.compile()(feeds_of(graph))
    assert parts == [[(0, 96), (96, 192), (192, 288)]] * 2  # W1 x and dZ xᵀ


def test_products_in_parts_are_the_same_in_every_call_and_close_to_the_whole(library):
    graph = large_net()
    plan, feeds = graph.compile(), feeds_of(graph)
    (loss, gradients), (again, same) = plan(feeds), plan(feeds)
    library.count = 1
    _, whole = plan(feeds)
    assert loss == again
    for name, gradient in gradients.items():
        np.testing.assert_array_equal(gradient, same[name])
        # sums of 173 and 307 in whatever order BLAS takes for so many rows
        np.testing.assert_allclose(gradient, whole[name], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("layout", ["both plain", "left turned", "right turned", "every other row"])
def test_a_product_in_parts_takes_any_layout(library, monkeypatch, layout):
    rng = np.random.default_rng(0)
    monkeypatch.setattr(blas, "_PART", 1)
    x, y = rng.normal(size=(241, 23)), rng.normal(size=(23, 31))
    x = {"left turned": np.asfortranarray(x), "every other row": x[::2]}.get(layout, x)
    y = np.asfortranarray(y) if layout == "right turned" else y
    found = holding(lambda: product(x, y))()
    np.testing.assert_allclose(found, x @ y, rtol=1e-12, atol=1e-12)  # sums of 23, in whatever order BLAS takes
    np.testing.assert_array_equal(holding(lambda: product(x, y, out=np.empty((len(x), 31))))(), found)


def test_small_nets_leave_blas_alone(library, monkeypatch):
    monkeypatch.setattr(blas._BLAS, "hold", lambda: pytest.fail("it is held"))
    graph = small_net()
    graph.compile()(feeds_of(graph))


def test_a_rule_that_is_called_as_it_is_has_the_threads_of_blas(library):
    class Solved(cr.Node):
        def forward(self, A, b):
            assert library.count == 3
            return np.linalg.solve(A, b)

        def backward(self, grad, y, A, b):
            return None, np.linalg.solve(A.T, grad)

    A, b = cr.Input("A", (201, 201)), cr.Parameter("b", (201, 41))
    graph = cr.Graph(cr.Sum(Solved(A, cr.Input("C", (201, 307)) @ cr.Parameter("D", (307, 41)) + b), name="L"))
    rng = np.random.default_rng(0)
    fed = {"A": np.eye(201) * 2, "C": rng.normal(size=(201, 307))}
    graph.compile()({**graph.initialize(seed=0), **fed})


def test_the_text_says_which_products_are_computed_in_parts():
    graph = large_net()
    plan = graph.compile()
    plan(feeds_of(graph))
    assert "product(W1, x, out=matmul_1)" in plan.source
    assert "from chainrule.plan.blas import product" in plan.source


def test_a_plan_that_is_written_down_needs_numpy_alone(tmp_path):
    graph = large_net()
    plan, feeds = graph.compile(), feeds_of(graph)
    loss, _ = plan(feeds)
    plan.save(tmp_path / "net.py")
    text = (tmp_path / "net.py").read_text("utf-8")
    assert "import chainrule" not in text
    assert "product(" not in text
    space = {"__name__": "net"}
    exec(text, space)
    np.testing.assert_allclose(space["compute"](feeds)[0], loss, rtol=1e-12)  # BLAS may add up on several threads


def test_nothing_is_held_without_threadpoolctl(monkeypatch):
    monkeypatch.setattr(blas.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(blas, "_libraries", blas._libraries.__wrapped__)
    graph = large_net()
    expected = graph.forward(feeds_of(graph)).loss
    loss, _ = graph.compile()(feeds_of(graph))
    assert loss == pytest.approx(expected, rel=1e-12)


def test_numpy_s_blas_is_found():
    pytest.importorskip("threadpoolctl", reason="the extra jit is not installed")
    assert blas._libraries() or np.show_config("dicts")["Build Dependencies"]["blas"]["name"] == "accelerate"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_has_the_threads_of_blas_though_its_parent_held_it(library):
    def forked():
        child = os.fork()
        if not child:
            os._exit(0 if library.count == 3 and holding(lambda: library.count)() == 1 else 1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), library.count

    assert holding(forked)() == (0, 1)
    assert library.count == 3
