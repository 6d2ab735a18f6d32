"""Derivations with rules that Symbols cannot pass through: what is behind them has formulas, or says why not."""

import ast

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError


class Scaled(cr.Node):
    """The entries of every column in order, each row times a factor."""

    def forward(self, x, k):
        return np.sort(np.asarray(x), axis=0) * k

    def backward(self, grad, y, x, k):
        back = np.argsort(np.argsort(np.asarray(x), axis=0), axis=0)
        return np.take_along_axis(grad * k, back, axis=0), (grad * np.sort(x, axis=0)).sum(axis=1, keepdims=True)


class Unsaid(Scaled):
    """The same, of unknown shape."""

    def shape_of(self, x, k):
        return None


def small_graph(rule, name="S"):
    x, k = cr.Input("x", (3, "m")), cr.Parameter("k", (3, 1))
    s = rule(cr.Sin(cr.Parameter("q", (3, 1)) * x, name="h"), k, name=name)
    z = cr.MatMul(cr.Parameter("W", (1, 3)), s, name="Z")
    return cr.Graph(cr.Mean(cr.Square(z, name="s"), name="L"))


def feeds(m=5):
    random = np.random.default_rng(0)
    return {
        "W": random.normal(size=(1, 3)),
        "k": random.normal(size=(3, 1)),
        "q": random.normal(size=(3, 1)),
        "x": random.normal(size=(3, m)),
    }


def test_behind_a_learned_shape_stand_formulas():
    derivation = small_graph(Scaled).derivation()
    assert str(derivation).splitlines() == [
        "# forward",
        "h = np.sin(q * x)",
        "S = Scaled(h, k)",
        "Z = W @ S",
        "s = Z ** 2",
        "L = s.sum() / m",
        "# backward",
        "ds = np.ones((1, m)) / m",
        "dZ = 2 * ds * Z",
        "   = 2 * Z / m",
        "dW = dZ @ S.T",
        "dS = W.T @ dZ",
        "dk = Scaled.backward(dS, S, h, k)[1]",
        "dh = Scaled.backward(dS, S, h, k)[0]",
        "dq = (dh * np.cos(q * x) * x).sum(axis=1, keepdims=True)",
    ]


@pytest.mark.parametrize("convention", ["mean", "per-example"])
def test_all_lines_around_a_called_rule_run_and_are_right(convention):
    graph = small_graph(Scaled, None)
    run = graph.forward(feeds())
    run.backward()
    called = Scaled(*graph["scaled_1"].inputs)

    class Called:
        backward = staticmethod(called.backward)

        def __new__(cls, *values):
            return called.forward(*values)

    known = {"np": np, "Scaled": Called, "m": 5, **feeds()}
    derivation = graph.derivation(convention)
    exec(compile("\n".join(f"{name} = {line.text}" for name, line in derivation.items()), "lines", "exec"), known)
    for name in ("L", "Z", "scaled_1", "dW", "dk", "dq"):
        np.testing.assert_allclose(known[name], run[name], rtol=1e-12, err_msg=name)


def test_behind_an_unknown_shape_it_is_said_that_there_is_no_formula():
    derivation = small_graph(Unsaid).derivation()
    why = "not derivable: S (Unsaid), whose shape is unknown"
    assert [name for name, line in derivation.items() if line.why_not] == ["L", "ds", "dW", "dS"]
    assert all(line.text == str(line) == why for line in derivation.values() if line.why_not)
    lines = str(derivation).splitlines()
    assert lines[-4:] == [f"# {name} is {why}" for name in ("L", "ds", "dW", "dS")]
    assert "dk = Unsaid.backward(dS, S, h, k)[1]" in lines
    assert "dZ = 2 * ds * Z" in lines
    assert not any("MatMul" in line or "Mean" in line for line in lines)
    ast.parse(str(derivation))
    for text in (derivation.unicode(), derivation.latex(shapes=True), derivation.mathml(shapes=True)):
        assert "not derivable" in text.replace("\u00a0", " ")
    with pytest.raises(ArgumentError, match=r"'dW' is not derivable: S \(Unsaid\), whose shape is unknown"):
        derivation.entries("dW")
    assert derivation.entries("dk", m=2)[2, 0] == "Unsaid.backward(dS, S, h, k)[1][2, 0]"


def test_no_name_breaks_what_is_said_of_unknown_shapes():
    graph = small_graph(Unsaid, "S\n} \u202e # x")
    for convention in ("mean", "per-example"):
        ast.parse(str(graph.derivation(convention)))
    assert "not derivable" in graph.draw("formulas").dot


def test_the_gradients_of_one_call_are_told_apart():
    """Both were one expression, and that for h was the one for k, stretched."""
    derivation = small_graph(Scaled).derivation()
    assert derivation["dk"].text != derivation["dh"].text
    assert "broadcast" not in derivation["dh"].text


def test_a_slice_of_unknown_shape_is_written_as_numpy_writes_it():
    x = cr.Input("x", (2, "m"))
    for key, text in (((slice(None), slice(None, None, 2)), "x[:, ::2]"), ((0, slice(-3, None, -1)), "x[0, -3::-1]")):
        line = cr.Graph(cr.Sum(cr.Index(x, key=key, name="s"), name="L")).derivation()["s"]
        assert line.text == text
