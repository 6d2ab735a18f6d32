"""What a newcomer writes first works, or raises an error of chainrule's that says what would work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

X, Y = cr.Input("X", (3, "m")), cr.Input("Y", (1, "m"))
W = cr.Parameter("W", (1, 3))
A = cr.Sigmoid(W @ X, name="A")
GRAPH = cr.Graph(cr.BCELoss(A, Y, name="L"))
FEEDS = {"X": np.arange(12.0).reshape(3, 4) / 7, "Y": [[0.0, 1, 1, 0]], "W": np.full((1, 3), 0.3)}
OPERANDS = {"X": X, "Y": Y, "W": W, "A": A, "graph": GRAPH, "feeds": FEEDS}
SCOPE: dict[str, Any] = {"np": np, "cr": cr, **OPERANDS, "run": GRAPH.forward(FEEDS), "plan": GRAPH.compile()}
SCOPE |= {"weights": {"W": FEEDS["W"]}, "data": {"X": FEEDS["X"], "Y": FEEDS["Y"]}}

NODES = """
cr.Dropout(X, p=0.5)
cr.Dropout(X, None, 0.5)
cr.Attention(X)
cr.Attention(X, X)
cr.Einsum(W, X)
cr.Einsum("ij,jk->ik", W, X)
cr.Einsum(W, X, subscripts="ij,kj->ik")
cr.AsType(X, dtype="float32")
cr.AsType(X, to="complex")
cr.AsType(X, to="number")
cr.BroadcastTo(Y, shape=(3, 4))
cr.Parameter()
cr.Parameter("W", 2, 3, 4)
cr.Constant()
cr.split(3, 3)
cr.Gather(W, [0.5])
cr.Gather(W, cr.Input("i", 2))
cr.TakeAlong(W, [[0.5]])
cr.ScatterAdd(W, "a", W)
cr.Concatenate(X, Y, axis=1)
cr.Transpose(X, axes=(1,))
cr.Squeeze(X, axis=0)
X[5]
X[0, 0, 0]
cr.BCELoss(A, Y, reduction="avg")
cr.MaxPool(cr.Input("i", ("m", 3, 8, 8)), size=0)
"""
GRAPHS = """
cr.Graph(graph)
cr.Graph(A, watch=None)
cr.Graph(A, names=3)
cr.Graph(A, names=["A"])
cr.Graph(A, names={3: X})
graph.fit(feeds)
graph.train()
graph.predict(feeds)
graph.loss
graph.nodes
graph.page()
graph.A
graph.parameterss
graph.backward(feeds)
graph.backward([["W"]])
graph.compile(3)
graph.compile([["W"]])
graph.compile(outputs=3)
graph.compile(update=cr.SGD)
graph.derivation()[3]
graph.derivation("sum")
graph.draw(layer=3)
graph.draw(highlight=3)
graph.initialize("a")
graph.initialize(-1)
graph.initialize(0, dtype=int)
graph.initialize(0, dtype="number")
graph.check({"dW": "X"}, seed="a")
graph.check({"dW": "X"}, seed=-1)
graph.check({"dW": "X"}, require=3)
graph.check([("dW", "X")])
graph.check_gradients(feeds, nodes=3)
graph.check_gradients(feeds, seed="a")
graph.hvp("W", np.ones((2, 2)))
cr.check_node(3, 3)
cr.check_node(A, [0.5])
cr.check_node(cr.Sin, "a")
cr.trace(3)
cr.exercise(3)
cr.train(A, weights, data)
cr.train(graph, ["W"], data)
cr.train(graph, weights, None)
cr.train(graph, weights, data, seed="a", batch_size=2)
cr.train(graph, weights, data, epochs=2.5)
cr.train(graph, weights, data, batch_size="a")
cr.train(graph, weights, data, progress="a")
cr.train(graph, weights, {**data, "X": [[1, 2], [3]]}, batch_size=2)
cr.train(graph, weights, {**data, "X": 3}, batch_size=2)
cr.SGD("a")
cr.SGD(float("nan"))
cr.Adam(mean_decay=1.0)
cr.Momentum(decay=-0.5)
graph.compile(update=cr.SGD()).start(3)
graph.compile(update=cr.SGD()).epochs(3, data)
plan(feeds, out={"q": np.zeros((1, 3))})
"""
RUNS = """
run.grad
run.A
run.los
run[3]
run[["A"]]
run["q"]
run.backward("A")
run.backward(1j)
run.backward([[1, 2], [3]])
run.backward({"L": None})
run.backward({"A": 1.0})
run.compare(3)
run.compare({"dW": [[1, 2], [3]]})
run.compare({"dW": None})
"""


@pytest.mark.parametrize("said", [*NODES.split("\n")[1:-1], *GRAPHS.split("\n")[1:-1], *RUNS.split("\n")[1:-1]])
def test_the_error_says_what_would_work(said: str) -> None:
    with pytest.raises(cr.errors.ChainruleError) as raised:
        eval(said, dict(SCOPE))  # noqa: S307 — the words stand above
    assert raised.value.remedy


@pytest.mark.parametrize("held", [GRAPH, SCOPE["run"]], ids=["graph", "run"])
def test_what_is_asked_for_by_protocols_is_no_word(held: Any) -> None:
    with pytest.raises(AttributeError) as raised:
        _ = held._repr_png_
    assert not isinstance(raised.value, cr.errors.ChainruleError)
    assert not hasattr(held, "fit_transform")


def test_a_value_is_found_where_its_name_was_taken_for_an_attribute() -> None:
    with pytest.raises(cr.errors.NoAttributeError, match=r"run\['A'\]"):
        _ = SCOPE["run"].A


def test_a_class_of_ones_own_names_its_arguments() -> None:
    class Scaled(cr.Node):
        factor: float = 2.0

        def __init__(self, x: Any, factor: float, *, name: str | None = None) -> None:
            super().__init__(x, factor=factor, name=name)

        def forward(self, x: Any) -> Any:
            return x * self.factor

    assert Scaled(X, 3.0).shape == X.shape
    with pytest.raises(cr.errors.ArgumentError, match=r"needs factor(.|\n)*Scaled\(x, factor, \*, name\)"):
        Scaled(X)  # type: ignore[call-arg]  # that is the mistake
    with pytest.raises(cr.errors.ArgumentError, match=r"no fact 'factr' \(did you mean 'factor'\?\)"):
        Scaled(X, factr=3.0)  # type: ignore[call-arg]  # that is the mistake


def test_training_takes_nodes_in_the_place_of_names() -> None:
    said = {"W": FEEDS["W"]}, {"X": FEEDS["X"], "Y": FEEDS["Y"]}
    by_name, by_node = (
        cr.train(GRAPH, *given, epochs=2, batch_size=3, progress=False)
        for given in (said, ({W: FEEDS["W"]}, {X: FEEDS["X"], Y: FEEDS["Y"]}))
    )
    np.testing.assert_array_equal(by_node.params["W"], by_name.params["W"])


def test_a_list_of_whole_numbers_looks_up() -> None:
    looked_up = cr.Graph(cr.Gather(W, [0, 2, 2], name="y")).forward({"W": [[3.0, 4.0, 5.0]]})
    assert looked_up["y"].tolist() == [[3, 5, 5]]
    assert cr.TakeAlong(W, np.array([[1, 0]])).shape == (1, 2)
    assert cr.ScatterAdd(W, [0], np.ones((1, 1))).shape == (1, 3)
