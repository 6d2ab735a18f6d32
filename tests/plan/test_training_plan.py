"""Training plans: forward, backward and update in one step, on printed NumPy and in a compiled loop."""

import pickle

import numpy as np
import pytest

import chainrule as cr
from nets import DNN, train
from nets.training import SGD, Adam, Momentum, Optimizer

M = 29
OPTIMIZERS = [SGD(0.3), Momentum(0.1, decay=0.8), Adam(0.05), Adam(0.05, mean_decay=0.0)]
BACKENDS = ["numpy", "numba"]


def net_and_data(dtype=float):
    net, rng = DNN((2, 3, 1)), np.random.default_rng(0)
    data = {"A0": rng.normal(size=(2, M)), "Y": rng.integers(0, 2, size=(1, M)) * 1.0}
    params = {name: x.astype(dtype) for name, x in net.params.items()}
    return net.graph, params, {name: x.astype(dtype) for name, x in data.items()}


def by_run(graph, params, batches, optimizer):
    """Every step with a Run and the optimizer on arrays: the losses, and the parameters at the end."""
    fused, memory, losses = graph.fuse(), {name: optimizer.start(x) for name, x in params.items()}, []
    for batch in batches:
        run = fused.forward({**params, **batch})
        gradients = run.backward()
        losses.append(float(run["L"]))
        moved = {name: optimizer.update(x, gradients[name], memory[name]) for name, x in params.items()}
        params, memory = {n: new for n, (new, _) in moved.items()}, {n: kept for n, (_, kept) in moved.items()}
    return losses, params


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_steps_are_those_of_a_run_and_the_optimizer(optimizer, backend):
    graph, params, data = net_and_data()
    expected, moved = by_run(graph, params, [data] * 12, optimizer)
    step = graph.compile(update=optimizer, backend=backend)
    state, losses = step.start(params), []
    for _ in range(12):
        loss, state = step({**state, **data})
        losses.append(float(loss))
    # Twelve steps, each with roundings of its own, on a landscape without cliffs.
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    for name, value in moved.items():
        np.testing.assert_allclose(state[name], value, rtol=1e-10, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("batch_size", [None, 10, M, 1000])
@pytest.mark.parametrize("backend", BACKENDS)
def test_epochs_are_steps_one_after_another(backend, batch_size):
    graph, params, data = net_and_data()
    width = batch_size or M
    batches = [{name: x[:, k : k + width] for name, x in data.items()} for k in range(0, M, width)]
    expected, moved = by_run(graph, params, batches * 3, Momentum(0.1))
    step = graph.compile(update=Momentum(0.1), backend=backend)
    start = step.start(params)
    kept = {name: x.copy() for name, x in start.items()}
    losses, state = step.epochs(start, data, epochs=3, batch_size=batch_size)
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    for name, value in moved.items():
        np.testing.assert_allclose(state[name], value, rtol=1e-10, atol=1e-13, err_msg=name)
    for name, value in start.items():  # what was handed in has not moved
        np.testing.assert_array_equal(value, kept[name])
        assert not np.shares_memory(value, state[name])


def test_epochs_of_a_small_net_are_one_call_of_a_loop():
    graph, params, data = net_and_data()
    loop = graph.compile(update=SGD(0.1), backend="numba")
    assert loop.is_one_call({**loop.start(params), **data}, batch_size=10)
    assert "def train(" in loop.source
    printed = graph.compile(update=SGD(0.1))
    assert not printed.is_one_call({**printed.start(params), **data})


@pytest.mark.parametrize("backend", BACKENDS)
def test_single_precision_stays_single(backend):
    graph, params, data = net_and_data(np.float32)
    step = graph.compile(update=Adam(0.05), backend=backend)
    loss, state = step({**step.start(params), **data})
    assert loss.dtype == np.float32
    assert {x.dtype for x in state.values()} == {np.dtype(np.float32)}


def test_a_formula_of_the_update_stands_in_the_source():
    graph, _params, _data = net_and_data()
    step = graph.compile(update=SGD(0.25))
    assert "new W1 = W1 - 0.25 * dW1  (3, 2)" in step.source
    assert "new W1 = subtract(" in str(step.program)


class Clipped(Optimizer):
    """Gradient descent that looks at numbers, which no symbol has."""

    def start(self, parameter):
        return (np.zeros(3),)

    def update(self, parameter, gradient, memory):
        norm = float(np.linalg.norm(np.asarray(gradient)))
        return parameter - 0.1 * gradient / max(1.0, norm), (memory[0] + norm,)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_update_that_no_symbol_passes_is_called_as_it_is(backend):
    graph, params, data = net_and_data()
    expected, moved = by_run(graph, params, [data] * 4, Clipped())
    step = graph.compile(update=Clipped(), backend=backend)
    losses, state = step.epochs(step.start(params), data, epochs=4)
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    np.testing.assert_allclose(state["W2"], moved["W2"], rtol=1e-10)
    assert state["W2 memory 1"].shape == (3,)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_input_with_columns_can_be_learned(backend):
    w, x = cr.Parameter("w", (1, 1)), cr.Input("x", (1, "m"))
    graph = cr.Graph(cr.Mean(cr.Square(w - x), name="L"))
    step = graph.compile("x", update=Momentum(1.0), backend=backend)
    state = step.start({"x": np.zeros((1, 4))})
    assert state["x memory 1"].shape == (1, 4)
    for _ in range(2):
        loss, state = step({**state, "w": [[5.0]]})
    assert float(loss) == 6.25  # dx = 2 (0 - 5) / 4 moves x to 2.5
    losses, _ = step.epochs(state, {"w": [[5.0]]}, epochs=2)
    assert len(losses) == 2


def test_only_some_parameters_move():
    graph, params, data = net_and_data()
    step = graph.compile(["W2", "B2"], update=SGD(0.1))
    fixed = {name: x for name, x in params.items() if name not in ("W2", "B2")}
    _, state = step({**step.start({"W2": params["W2"], "B2": params["B2"]}), **fixed, **data})
    assert list(state) == ["W2", "B2"]


def test_a_training_plan_pickles():
    graph, params, data = net_and_data()
    step = graph.compile(update=Adam(0.1))
    twin = pickle.loads(pickle.dumps(step))
    state = step.start(params)
    assert twin({**state, **data})[0] == step({**state, **data})[0]


def test_bad_arguments_are_refused():
    graph, params, data = net_and_data()
    with pytest.raises(cr.errors.ArgumentError, match=r"has the methods start and update, and float 0\.1 does not"):
        graph.compile(update=0.1)
    with pytest.raises(cr.errors.ArgumentError, match="Z1: only what is fed can be updated"):
        graph.compile(["Z1", "W1"], update=SGD(0.1))
    step = graph.compile(update=SGD(0.1))
    with pytest.raises(cr.errors.ArgumentError, match="start takes the parameters that are moved"):
        step.start({"W1": params["W1"]})
    for counts in ({"epochs": 0}, {"batch_size": 0}):
        with pytest.raises(cr.errors.ArgumentError, match="at least 1, not 0"):
            step.epochs(step.start(params), data, **counts)
    with pytest.raises(cr.errors.FeedError, match="missing 'Y'"):
        step.epochs(step.start(params), {"A0": data["A0"]})

    class Forgetful(Optimizer):
        def update(self, parameter, gradient, memory):
            return parameter - gradient, (gradient,)

    with pytest.raises(cr.errors.ArgumentError, match="it remembers 1 arrays and started with 0"):
        graph.compile(update=Forgetful())


def test_no_columns_update_as_the_rules_say():
    w, x = cr.Parameter("w", (1, 2)), cr.Input("x", (2, "m"))
    step = cr.Graph(cr.Sum(w @ x, name="L")).compile(update=Momentum(0.1))
    loss, state = step({**step.start({"w": np.ones((1, 2))}), "x": np.ones((2, 0))})
    assert loss == 0
    np.testing.assert_array_equal(state["w"], [[1, 1]])
    assert set(state) == {"w", "w memory 1"}


@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_train_gives_the_same_with_either_backend(optimizer, batch_size):
    graph, params, data = net_and_data()
    options = {"optimizer": optimizer, "epochs": 30, "batch_size": batch_size, "progress": False}
    printed = train(graph, params, data, **options)
    compiled = train(graph, params, data, backend="numba", **options)
    assert len(printed.losses) == len(compiled.losses) == 30 * (5 if batch_size else 1)
    np.testing.assert_allclose(compiled.losses, printed.losses, rtol=1e-11)
    for name, value in printed.params.items():
        np.testing.assert_allclose(compiled.params[name], value, rtol=1e-9, atol=1e-12, err_msg=name)


def test_train_in_calls_of_many_epochs_takes_every_step_once():
    graph, params, data = net_and_data()
    history = train(graph, params, data, epochs=12_345, progress=False, backend="numba")
    assert len(history.losses) == 12_345
    assert history.losses[-1] < history.losses[0]
