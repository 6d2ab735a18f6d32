"""The columns of a call divided among threads: the same numbers, wherever that pays, and nothing divided twice."""

import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule.plan import plan as plans
from chainrule.plan import sharing, threads
from chainrule.plan.loop.looped import has_numba
from nets.dnn import DNN

pytestmark = pytest.mark.skipif(not has_numba(), reason="NumPy plans are not divided")

M = 7


@pytest.fixture
def divided(monkeypatch):
    """Three processors, for which any gain is enough."""

    def divide(count=3, least=-np.inf):
        monkeypatch.setattr(sharing, "processors", lambda: count)
        monkeypatch.setattr(plans, "processors", lambda: count)
        monkeypatch.setattr(threads, "processors", lambda: count)
        monkeypatch.setattr(sharing, "_LEAST", least)

    return divide


def attention():
    x, Y = cr.Input("x", ("m", 5, 8)), cr.Input("Y", ("m", 5, 3))
    q, k, v = (x @ cr.Parameter(f"W{name}", (8, 8)) for name in "qkv")
    normed = cr.LayerNorm(cr.Attention(q, k, v) + x)
    return cr.Graph(cr.SoftmaxCrossEntropyLoss(cr.GELU(normed) @ cr.Parameter("W", (8, 3)), Y, classes=-1, name="L"))


def images():
    x, Y = cr.Input("x", ("m", 2, 6, 6)), cr.Input("Y", ("m", 3))
    convolved = cr.MaxPool(cr.ReLU(cr.Conv2d(x, cr.Parameter("K", (4, 2, 3, 3)), padding=1)), size=2)
    return cr.Graph(
        cr.SoftmaxCrossEntropyLoss(convolved.reshape(-1, 36) @ cr.Parameter("W", (36, 3)), Y, classes=-1, name="L")
    )


def through_time():
    """A weight that is used at every step receives as many sums over the columns, and is moved by their sum."""
    x, W, V = cr.Input("x", ("m", 4, 3)), cr.Parameter("W", (3, 70)), cr.Parameter("V", (70, 70))
    h = cr.Tanh(x[:, 0] @ W)
    for t in range(1, 4):
        h = cr.Tanh(x[:, t] @ W + h @ V)
    return cr.Graph(cr.Mean(cr.Square(h @ cr.Parameter("U", (70, 2)) - cr.Input("Y", ("m", 2))), name="L"))


def by_column():
    """A loss of columns on the last axis, with a term that has none."""
    x, w = cr.Input("x", (6, "m")), cr.Parameter("w", (200, 6))
    return cr.Graph(cr.Add(cr.Mean(cr.Square(cr.GELU(w @ x))), cr.Sum(cr.Square(w)), name="L"))


GRAPHS = {"attention": attention, "images": images, "through time": through_time, "columns": by_column}


def feeds_of(graph, dtype="float64", m=M):
    rng = np.random.default_rng(3)
    shapes = {leaf.name: [m if str(size) == "m" else size for size in leaf.shape] for leaf in graph.inputs}
    labels = {"Y": np.eye(3)[rng.integers(3, size=shapes["Y"][:-1])]} if shapes.get("Y", ())[-1:] == [3] else {}
    data = {name: rng.normal(size=shape) for name, shape in shapes.items()} | labels
    return {name: x.astype(dtype) for name, x in (graph.initialize(seed=1) | data).items()}


def is_divided(plan):
    return "of each thread" in plan.explain()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", GRAPHS)
def test_shares_give_the_loss_and_the_gradients_of_a_run(divided, name, dtype):
    divided()
    graph = GRAPHS[name]()
    feeds, plan = feeds_of(graph, dtype), graph.compile(backend="numba")
    run = graph.forward(feeds)
    run.backward()
    (loss, found), again = plan(feeds), plan(feeds)
    assert is_divided(plan)
    exact = 1e-12 if dtype == "float64" else 1e-4  # the same terms, added up in another order
    np.testing.assert_allclose(loss, run["L"], rtol=exact)
    for key, gradient in found.items():
        np.testing.assert_allclose(gradient, run.gradients[key], rtol=0, atol=exact * np.abs(gradient).max())
        assert np.array_equal(gradient, again[1][key]), "whoever computed a share, the bits are the same"


def test_a_training_step_in_shares_moves_parameters_as_a_run_and_the_optimizer(divided):
    divided()
    graph, adam = attention(), cr.Adam(rate=0.01)
    feeds, plan = feeds_of(graph), graph.compile(update=adam, backend="numba")
    data = {"x": feeds["x"], "Y": feeds["Y"]}
    params = {name: feeds[name] for name in plan.parameters}
    state, memory = plan.start(params), {name: adam.start(x) for name, x in params.items()}
    for _ in range(3):
        _, state = plan({**state, **data})
        run = graph.forward({**params, **data})
        gradients = run.backward()
        for name, x in list(params.items()):
            params[name], memory[name] = adam.update(x, gradients[name], memory[name])
    for name, expected in params.items():
        np.testing.assert_allclose(state[name], expected, rtol=1e-9, err_msg=name)


def test_predictions_of_shares_are_laid_end_to_end(divided):
    divided()
    graph = attention()
    feeds = feeds_of(graph)
    layer = next(name for name in graph.names if name.startswith("gelu"))
    found = graph.compile(outputs=layer, backend="numba")({k: x for k, x in feeds.items() if k not in ("Y", "W")})
    np.testing.assert_allclose(found, graph.forward(feeds)[layer], rtol=1e-12, atol=1e-13)


def test_what_one_processor_has_to_do_alone_is_not_divided(divided):
    divided(count=1)
    graph = attention()
    plan = graph.compile(backend="numba")
    plan(feeds_of(graph))
    assert not is_divided(plan)


def test_what_gains_nothing_is_not_divided(divided):
    divided(least=sharing._LEAST)
    graph = attention()
    plan = graph.compile(backend="numba")
    plan(feeds_of(graph))
    assert not is_divided(plan)


def test_numpy_plans_give_the_same_bits_on_any_number_of_processors(divided):
    graph = attention()
    feeds, found = feeds_of(graph), []
    for count in (1, 3):
        divided(count)
        found.append(graph.compile(backend="numpy")(feeds)[1])
    assert all(np.array_equal(gradient, found[1][name]) for name, gradient in found[0].items())


def test_a_task_divides_nothing_again(monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 4)
    together, seen = threading.Barrier(2, timeout=30), []

    def inner(_):
        return threading.get_ident()

    def task(_):
        together.wait()  # on two threads at once
        seen.append({threading.get_ident()} == set(threads.on_threads(inner, range(8))))

    list(threads.on_threads(task, range(2)))
    assert seen == [True, True]
    assert len(list(threads.on_threads(inner, range(8)))) == 8  # and after it, everybody may divide


def test_few_columns_give_few_shares(divided):
    divided(count=5)
    graph = attention()
    for m in (1, 2, 3):
        feeds, plan = feeds_of(graph, m=m), graph.compile(backend="numba")
        loss, _ = plan(feeds)
        np.testing.assert_allclose(loss, graph.forward(feeds)["L"], rtol=1e-12)
        assert is_divided(plan) is (m > 1)


def test_a_loop_in_registers_stays_one(divided):
    divided()
    net = DNN((2, 3, 3, 1))
    plan = net.graph.compile(backend="numba")
    assert "one compiled loop" in plan.explain()
