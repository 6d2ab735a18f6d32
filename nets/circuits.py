"""Small circuits whose gradients stand in lecture notes: the first graphs that everyone draws.

The numbers in the examples are printed in the notes of Stanford's course CS231n ("Backpropagation, Intuitions",
https://cs231n.github.io/optimization-2/) and in the README of micrograd (https://github.com/karpathy/micrograd).
"""

from __future__ import annotations

import chainrule as cr


def product_of_sum() -> cr.Graph:
    """Return f = (x + y) z: an addition hands its gradient on, a multiplication swaps the values of its inputs.

    >>> run = product_of_sum().forward({"x": -2, "y": 5, "z": -4})
    >>> gradients = run.backward()
    >>> [float(run[name]) for name in ("f", "dx", "dy", "dz")]
    [-12.0, -4.0, -4.0, 3.0]
    """
    x, y, z = cr.Input("x"), cr.Input("y"), cr.Input("z")
    q = cr.Add(x, y, name="q")
    return cr.Graph(cr.Multiply(q, z, name="f"))


def sigmoid_neuron() -> cr.Graph:
    """Return f = σ(w0 x0 + w1 x1 + w2): one neuron with two inputs, its sigmoid in one node.

    >>> run = sigmoid_neuron().forward({"w0": 2, "w1": -3, "w2": -3, "x0": -1, "x1": -2})
    >>> gradients = run.backward()
    >>> [round(float(run[name]), 2) for name in ("f", "dw0", "dx0", "dw1", "dx1", "dw2")]
    [0.73, -0.2, 0.39, -0.39, -0.59, 0.2]
    """
    return cr.Graph(cr.Sigmoid(_weighted_sum(), name="f"))


def opened_sigmoid_neuron() -> cr.Graph:
    """Return the same neuron with its sigmoid opened into gates: negate, exponentiate, add 1, divide 1 by it.

    >>> run = opened_sigmoid_neuron().forward({"w0": 2, "w1": -3, "w2": -3, "x0": -1, "x1": -2})
    >>> gradients = run.backward()
    >>> [round(float(run[name]), 2) for name in ("f", "dplus_one", "dpower", "dnegated", "ddot")]
    [0.73, -0.53, -0.53, -0.2, 0.2]
    """
    negated = cr.Negate(_weighted_sum(), name="negated")
    power = cr.Exp(negated, name="power")
    plus_one = cr.Add(power, 1, name="plus_one")
    return cr.Graph(cr.Divide(1, plus_one, name="f"))


def _weighted_sum() -> cr.Node:
    """Return w0 x0 + w1 x1 + w2, where the inputs are data and the weights would be learned."""
    x0, x1 = cr.Input("x0"), cr.Input("x1")
    w0, w1, w2 = cr.Parameter("w0"), cr.Parameter("w1"), cr.Parameter("w2")
    return cr.Add(w0 * x0 + w1 * x1, w2, name="dot")


def product_and_maximum() -> cr.Graph:
    """Return f = 2 (x y + max(z, w)): a maximum sends its whole gradient to the larger input.

    >>> run = product_and_maximum().forward({"x": 3, "y": -4, "z": 2, "w": -1})
    >>> gradients = run.backward()
    >>> [float(run[name]) for name in ("f", "dx", "dy", "dz", "dw")]
    [-20.0, -8.0, 6.0, 2.0, 0.0]
    """
    x, y, z, w = cr.Input("x"), cr.Input("y"), cr.Input("z"), cr.Input("w")
    return cr.Graph(cr.Multiply(2, x * y + cr.Maximum(z, w), name="f"))


def micrograd_example() -> cr.Graph:
    """Return the expression g of micrograd's README, in which a and b are used again and again.

    >>> run = micrograd_example().forward({"a": -4, "b": 2})
    >>> gradients = run.backward()
    >>> [round(float(run[name]), 4) for name in ("g", "da", "db")]
    [24.7041, 138.8338, 645.5773]
    """
    a, b = cr.Input("a"), cr.Input("b")
    c = a + b
    d = a * b + b**3
    c = c + (c + 1)
    c = c + (1 + c - a)
    d = d + (d * 2 + cr.ReLU(b + a))
    d = d + (3 * d + cr.ReLU(b - a))
    e = c - d
    f = e**2
    return cr.Graph(cr.Add(f / 2, 10 / f, name="g"))
