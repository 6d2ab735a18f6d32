"""Nodes are found by what they are: to compare two builds a node, which the engine never does by itself."""

import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.operable import Operable

PACKAGE = str(Path(cr.__file__).parent)


@pytest.fixture
def compared(monkeypatch):
    """The places of the package from which two nodes were compared by == or !=, or searched by `in`."""
    places = []

    def spied(name):
        real = getattr(Operable, name)

        def method(self, other):
            frame = sys._getframe(1)
            if frame.f_code.co_filename.startswith(PACKAGE):
                places.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
            return real(self, other)

        return method

    for name in ("__eq__", "__ne__"):
        monkeypatch.setattr(Operable, name, spied(name))
    return places


class Cube(cr.Node):
    """y = x³, whose backward is derived."""

    def forward(self, x):
        return x * x * x


def sample():
    x, Y = cr.Input("x", (2, "m")), cr.Input("Y", (1, "m"))
    W, V = cr.Parameter("W", (3, 2)), cr.Parameter("V", (1, 3))
    A = cr.Sigmoid(cr.MatMul(V, Cube(cr.Tanh(cr.MatMul(W, x)))), name="A")
    return cr.Graph(cr.Add(cr.BCELoss(A, Y), cr.Sum(cr.Square(W)), name="L"))


def test_nothing_that_a_graph_does_compares_two_nodes(compared):
    graph = sample()
    rng = np.random.default_rng(0)
    feeds = {**graph.initialize(seed=0), "x": rng.standard_normal((2, 5)), "Y": np.ones((1, 5))}
    run = graph.forward(feeds)
    run.backward()
    graph.check({"dA": "A - Y", "dW": "2 * W", "dV": "0 * V"})
    graph.check(lambda cache, Y: {"dA": cache["A"] - Y, "dV": cache["A"]})
    str(graph.derivation()), graph.check_gradients(feeds), graph.draw().dot, run.draw().dot, run.page().html
    for form in (graph, graph.fuse(), graph.expand(), graph.backward("W"), graph.hessian("V")):
        str(form), form.compile(outputs=form.names[-1])
    history = cr.train(graph, graph.initialize(seed=0), {key: feeds[key] for key in ("x", "Y")}, epochs=2)
    history.page()
    assert not compared


def test_the_spy_sees_a_comparison(compared):
    leaf = cr.Input("x", ())
    exec(compile("leaf == leaf", f"{PACKAGE}/made_up.py", "exec"), {"leaf": leaf})
    assert compared == [f"{PACKAGE}/made_up.py:1"]
