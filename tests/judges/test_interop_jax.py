"""Graphs as functions of JAX: values and gradients of runs, in saturation too, and what JAX makes of a function."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from every_rule import EXAMPLES

import chainrule as cr
import nets
from chainrule.program.recording import record

jax = pytest.importorskip("jax")
jnp = jax.numpy
from chainrule.interop.jax import to_function  # noqa: E402 — it needs jax

JUDGE = "JAX"
TOLERANCE = 1e-13  # of the largest entry: sums in another order
ROOT = Path(__file__).parents[2]

jax.config.update("jax_enable_x64", True)


@pytest.fixture(scope="module")
def network():
    graph = nets.DNN(sizes=(2, 3, 1)).graph
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 8))
    return graph, {**graph.initialize(seed=1), "A0": x, "Y": (x[:1] > 0).astype(float)}


def parts(graph, feeds):
    """The parameters, and the value as a function of them."""
    value, data = to_function(graph, gradients=False), {leaf.name: feeds[leaf.name] for leaf in graph.inputs}
    return {leaf.name: jnp.asarray(feeds[leaf.name]) for leaf in graph.parameters}, lambda p: value({**data, **p})


def close(found, expected, tolerance=TOLERANCE):
    assert np.shape(found) == np.shape(expected)
    size = max(1.0, np.max(np.abs(expected), initial=0))
    assert np.max(np.abs(np.asarray(found) - expected), initial=0) <= tolerance * size


def of_every_operation():
    """Examples of rules, as many as it takes to have every operation that rules record, on either way, once."""
    met = set()
    for name, (graph, feeds) in EXAMPLES.items():
        (output,) = graph.outputs
        if output.has_gradient and output.dtype.kind == "f":
            steps = record(cr.Graph(cr.Sum(output))).steps
            used = {step.operation if callable(step.operation) else None for step in steps}
            if used - met:
                met |= used
                yield name, graph, feeds


def value_and_pullback(value, parameters, seed):
    found, back = jax.vjp(value, parameters)
    return found, back(seed)[0]


def test_every_operation_gives_the_values_and_gradients_of_a_run(record_property):
    examples = list(of_every_operation())
    for name, graph, feeds in examples:
        (output,) = graph.outputs
        run = graph.forward(feeds)
        seed = np.random.default_rng(len(name)).normal(size=run[output].shape)
        run.backward(seed=seed)
        parameters, value = parts(graph, feeds)
        found, gradients = jax.jit(value_and_pullback, static_argnums=0)(value, parameters, jnp.asarray(seed))
        close(found, run[output])
        for key in gradients.keys() & run.gradients.keys():
            close(gradients[key], run.gradients[key])
    record_property("cases", len(examples))


def test_value_and_gradients_compiled_and_in_a_batch_of_parameters(network):
    graph, feeds = network
    function = jax.jit(to_function(graph))
    value, gradients = function(feeds)
    run = graph.forward(feeds)
    run.backward()
    close(value, run.loss)
    assert gradients.keys() == {leaf.name for leaf in graph.parameters}
    for name, gradient in gradients.items():
        close(gradient, run.gradients[name])
    data = {leaf.name for leaf in graph.inputs}
    several = {name: x if name in data else np.stack([x, 2 * x, -x]) for name, x in feeds.items()}
    many = jax.vmap(to_function(graph), in_axes=({name: None if name in data else 0 for name in feeds},))(several)
    for k, factor in enumerate((1, 2, -1)):
        own = graph.forward({name: x if name in data else factor * x for name, x in feeds.items()})
        own.backward()
        close(many[0][k], own.loss)
        close(many[1]["W1"][k], own.gradients["W1"])


def test_the_hessian_is_that_of_the_graph(network):
    graph, feeds = network
    parameters, value = parts(graph, feeds)
    expected = graph.hessian("W2").forward(feeds)
    found = jax.hessian(value)(parameters)["W2"]["W2"]
    close(found, expected[expected.graph.outputs[0]], 1e-12)


def test_gradients_keep_their_digits_where_a_sigmoid_has_rounded_to_one():
    w, x, y = cr.Parameter("w", (1, 2)), cr.Input("x", (2, "m")), cr.Input("y", (1, "m"))
    graph = cr.Graph(cr.BCELoss(cr.Sigmoid(w @ x), y))
    feeds = {"w": np.array([[40.0, -45.0]]), "x": np.eye(2), "y": np.array([[1.0, 0.0]])}
    run = graph.fuse().forward(feeds)
    run.backward()
    parameters, value = parts(graph, feeds)
    for found in (jax.grad(value)(parameters)["w"], to_function(graph)(feeds)[1]["w"]):
        np.testing.assert_allclose(found, run.gradients["w"], rtol=1e-14)  # 2e-18 and 1e-20: no digit is left of 1 - a
    naive = jax.grad(lambda w: -jnp.mean(jnp.log(jax.nn.sigmoid(w[0, :1]))))(parameters["w"])
    assert abs(naive[0, 0] / run.gradients["w"][0, 0]) != 1  # what this is held against


def test_steps_in_the_manner_of_optax_train(network):
    graph, feeds = network
    parameters, value = parts(graph, feeds)

    @jax.jit
    def step(parameters, moments):
        gradients = jax.grad(value)(parameters)
        moments = jax.tree.map(lambda m, g: 0.9 * m + g, moments, gradients)
        return jax.tree.map(lambda p, m: p - 0.5 * m, parameters, moments), moments

    first, moments = value(parameters), jax.tree.map(jnp.zeros_like, parameters)
    for _ in range(60):
        parameters, moments = step(parameters, moments)
    assert value(parameters) < first / 4


def test_single_precision_stays_single(network):
    graph, feeds = network
    single = {name: np.float32(x) for name, x in feeds.items()}
    value, gradients = to_function(graph)(single)
    assert {value.dtype, *(g.dtype for g in gradients.values())} == {np.dtype(np.float32)}


def test_a_rule_that_cannot_be_recorded_is_called():
    class Sorted(cr.Node):
        """x from small to large, by Python."""

        def forward(self, x):
            return np.array(sorted(x.tolist()), dtype=x.dtype)

        def backward(self, grad, y, x):
            back = np.empty_like(x)
            back[np.argsort(x)] = grad
            return (back,)

    graph = cr.Graph(cr.Sum(cr.Multiply(Sorted(cr.Parameter("x", (3,))), [1, 10, 100])))
    parameters, value = parts(graph, {"x": np.array([2.0, 3.0, 1.0])})
    assert float(jax.jit(value)(parameters)) == 321
    assert jax.jit(jax.grad(value))(parameters)["x"].tolist() == [10, 100, 1]


def test_several_outputs_and_one_that_is_no_number():
    x = cr.Parameter("x", (2, 3))
    graph = cr.Graph(cr.Square(x, name="s"), cr.Sum(x, name="t"))
    with pytest.raises(cr.errors.ArgumentError, match=r"s has shape \(2, 3\)"):
        to_function(graph)
    feeds = {"x": np.arange(6.0).reshape(2, 3)}
    square, total = to_function(graph, gradients=False)(feeds)
    assert (square.tolist(), float(total)) == ((feeds["x"] ** 2).tolist(), 15)
    back = jax.vjp(to_function(graph, gradients=False), feeds)[1]
    assert back((jnp.ones((2, 3)), 3.0))[0]["x"].tolist() == (2 * feeds["x"] + 3).tolist()


def test_bad_feeds_and_gradients_of_labels_are_refused(network):
    graph, feeds = network
    value = to_function(graph, gradients=False)
    for wrong, said in (
        ({**feeds, "W_1": 1.0}, "did you mean 'W1'"),
        ({name: x for name, x in feeds.items() if name != "W1"}, "W1"),
        ({**feeds, "A0": np.ones((2, 5))}, "m"),
        ({**feeds, "W1": np.ones((2, 3))}, "W1"),
    ):
        with pytest.raises(cr.errors.FeedError, match=said):
            value(wrong)
    with pytest.raises(cr.errors.UnknownNameError, match="'Y' has no gradient: a loss reads labels"):
        jax.grad(value)({name: jnp.asarray(x) for name, x in feeds.items()})


def test_examples_on_several_devices_give_the_gradients_of_one():
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    paths = os.pathsep.join([str(ROOT / "graphlib"), str(ROOT)])
    script = [sys.executable, "-c", SHARDED]
    done = subprocess.run(script, env={**os.environ, **flags, "PYTHONPATH": paths}, capture_output=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, [b"4", b"True"]), done.stderr.decode()


SHARDED = """
import jax, numpy as np, nets
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from chainrule.interop.jax import to_function
jax.config.update("jax_enable_x64", True)
graph = nets.DNN(sizes=(2, 3, 1)).graph
x = np.random.default_rng(0).normal(size=(2, 400))
feeds = {**graph.initialize(seed=1), "A0": x, "Y": (x[:1] > 0).astype(float)}
columns = NamedSharding(Mesh(np.array(jax.devices()), ("m",)), PartitionSpec(None, "m"))
shared = {**feeds, **{name: jax.device_put(feeds[name], columns) for name in ("A0", "Y")}}
value, gradients = jax.jit(to_function(graph))(shared)
run = graph.forward(feeds)
run.backward()
print(len(shared["A0"].sharding.device_set))
print(all(np.abs(gradients[name] - run.gradients[name]).max() < 1e-14 for name in gradients))
"""
