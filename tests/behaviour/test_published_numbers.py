"""Numbers that others published, in course notes, a README and an assignment, computed with the engine's nodes."""

import numpy as np
import pytest

import chainrule as cr

# Sources. cs231n: "Backpropagation, Intuitions" (cs231n.github.io/optimization-2) and its lecture slides. micrograd:
# the example of its README (github.com/karpathy/micrograd). Planar classifier: the test case of an assignment in the
# course "Neural Networks and Deep Learning" (deeplearning.ai), where columns are examples too.


def run_of(loss, **feeds):
    run = cr.Graph(loss).forward(feeds)
    run.backward()
    return run


def assert_gradients(run, decimals, **expected):
    """Published numbers are rounded: half a unit of the last decimal is all that they say."""
    for name, numbers in expected.items():
        assert run[name].shape == np.shape(numbers)
        np.testing.assert_allclose(run[name], numbers, rtol=0, atol=0.5000001 * 10.0**-decimals, err_msg=name)


def test_cs231n_sum_times_z():
    x, y, z = cr.Input("x"), cr.Input("y"), cr.Input("z")
    q = cr.Add(x, y, name="q")
    run = run_of(cr.Multiply(q, z, name="f"), x=-2, y=5, z=-4)
    assert (run["q"], run["f"]) == (3, -12)
    assert (run["dq"], run["dx"], run["dy"], run["dz"]) == (-4, -4, -4, 3)


def sigmoid_neuron(gate):
    w = [cr.Parameter(f"w{k}") for k in range(3)]
    x = [cr.Input(f"x{k}") for k in range(2)]
    return gate(w[0] * x[0] + w[1] * x[1] + w[2])


def opened_sigmoid(z):
    """1 / (1 + exp(-z)), gate by gate, as the notes draw it."""
    e = cr.Exp(cr.Negate(z, name="negated"), name="e")
    return cr.Divide(1, cr.Add(e, 1, name="denominator"), name="f")


NEURON = {"w0": 2, "w1": -3, "w2": -3, "x0": -1, "x1": -2}


@pytest.mark.parametrize("gate", [lambda z: cr.Sigmoid(z, name="f"), opened_sigmoid], ids=["one gate", "opened"])
def test_cs231n_sigmoid_neuron(gate):
    run = run_of(sigmoid_neuron(gate), **NEURON)
    assert run["f"] == pytest.approx(0.73, abs=0.005)
    assert_gradients(run, 2, dw0=-0.20, dw1=-0.39, dw2=0.20, dx0=0.39, dx1=-0.59)


def test_cs231n_opened_gates_of_the_sigmoid():
    run = run_of(sigmoid_neuron(opened_sigmoid), **NEURON)
    assert run["denominator"] == pytest.approx(1.37, abs=0.005)
    assert_gradients(run, 2, ddenominator=-0.53, de=-0.53, dnegated=-0.20)


def test_cs231n_expanded_sigmoid_has_the_same_gates():
    graph = cr.Graph(sigmoid_neuron(lambda z: cr.Sigmoid(z, name="f"))).expand("f")
    run = graph.forward(NEURON)
    run.backward()
    gates = {type(node).__name__: node for node in graph.order if node.inputs}
    (exp,) = (node for node in graph.order if isinstance(node, cr.Exp))
    assert {"Exp", "Divide"} <= set(gates)
    assert "Sigmoid" not in gates
    assert run.gradients[exp] == pytest.approx(-0.53, abs=0.005)
    assert run.gradients[exp.inputs[0]] == pytest.approx(-0.20, abs=0.005)
    assert_gradients(run, 2, dw0=-0.20, dw1=-0.39, dw2=0.20, dx0=0.39, dx1=-0.59)


def test_cs231n_maximum_routes_and_product_switches():
    x, y, z, w = (cr.Input(name) for name in "xyzw")
    run = run_of(cr.Multiply(x * y + cr.Maximum(z, w), 2, name="f"), x=3, y=-4, z=2, w=-1)
    assert run["f"] == -20
    assert (run["dx"], run["dy"], run["dz"], run["dw"]) == (-8, 6, 2, 0)


def test_micrograd_readme():
    a, b = cr.Input("a"), cr.Input("b")
    c = a + b
    d = a * b + b**3
    c = c + (c + 1)
    c = c + (1 + c + -a)
    d = d + (d * 2 + cr.ReLU(b + a))
    d = d + (3 * d + cr.ReLU(b - a))
    e = c - d
    f = e**2
    g = cr.Add(f / 2, 10 / f, name="g")
    run = run_of(g, a=-4.0, b=2.0)
    assert run["g"] == pytest.approx(24.7041, abs=0.00005)
    assert_gradients(run, 4, da=138.8338, db=645.5773)


def test_planar_classifier():
    x, y = cr.Input("X", (2, "m")), cr.Input("Y", (1, "m"))
    w1, b1 = cr.Parameter("W1", (4, 2)), cr.Parameter("b1", (4, 1))
    w2, b2 = cr.Parameter("W2", (1, 4)), cr.Parameter("b2", (1, 1))
    a1 = cr.Tanh(w1 @ x + b1, name="A1")
    a2 = cr.Sigmoid(w2 @ a1 + b2, name="A2")
    feeds = {
        "X": np.random.RandomState(1).randn(2, 3),  # the old generator, on which the published numbers stand
        "Y": [[1, 0, 1]],
        "W1": [
            [-0.00416758, -0.00056267],
            [-0.02136196, 0.01640271],
            [-0.01793436, -0.00841747],
            [0.00502881, -0.01245288],
        ],
        "W2": [[-0.01057952, -0.00909008, 0.00551454, 0.02292208]],
        "b1": np.zeros((4, 1)),
        "b2": np.zeros((1, 1)),
    }
    expected = {
        "dW2": [[0.00078841, 0.01765429, -0.00084166, -0.01022527]],
        "db2": [[-0.16655712]],
        "dW1": [
            [0.00301023, -0.00747267],
            [0.00257968, -0.00641288],
            [-0.00156892, 0.003893],
            [-0.00652037, 0.01618243],
        ],
        "db1": [[0.00176201], [0.00150995], [-0.00091736], [-0.00381422]],
    }
    assert_gradients(run_of(cr.BCELoss(a2, y, name="L"), **feeds), 8, **expected)
    fused = cr.Graph(cr.BCELoss(a2, y, name="L")).fuse().forward(feeds)
    fused.backward()
    assert_gradients(fused, 8, **expected)
