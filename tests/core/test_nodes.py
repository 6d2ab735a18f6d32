"""What a node is: described once, checked where it is built, never changed."""

from __future__ import annotations

import copy
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ShapeError


def here() -> str:
    import sys

    return f"{Path(__file__).name}:{sys._getframe(1).f_lineno}"


A = cr.Input("A", (2, "m"))
W = cr.Parameter("W", (3, 2))


def test_a_node_knows_shape_layer_and_the_line_that_built_it() -> None:
    with cr.layer("Block"), cr.layer("Layer 1"):
        node, line = cr.MatMul(W, A, name="Z"), here()
    assert str(node.shape) == "(3, m)"
    assert node.layer == ("Block", "Layer 1")
    assert node.line.endswith(line)
    assert repr(node) == "<MatMul 'Z' (3, m) of 'W', 'A'>"
    assert cr.MatMul(W, A).layer == ()


def test_operators_build_the_same_nodes_as_the_classes() -> None:
    x, y = cr.Input("x", (2, 2)), cr.Input("y", (2, 2))
    built = [x + y, x - y, x * y, x / y, x @ y, x**y, -x, x[0], x.T]
    assert [type(node).__name__ for node in built] == [
        "Add", "Subtract", "Multiply", "Divide", "MatMul", "Power", "Negate", "Index", "Transpose",
    ]  # fmt: skip


def test_numbers_and_arrays_on_either_side_of_an_operator_become_constants() -> None:
    x = cr.Input("x", (2, 3))
    values = np.arange(6.0).reshape(2, 3)
    run = cr.Graph(*(2 + x, 2 - x, 2 * x, 6 / x, x**2, 2**x, values * x, np.eye(2) @ x)).forward({"x": values + 1})
    v = values + 1
    expected = [2 + v, 2 - v, 2 * v, 6 / v, v**2, 2**v, values * v, v]
    for node, value in zip(run.graph.outputs, expected, strict=True):
        np.testing.assert_array_equal(run[node], value)


def test_a_node_compares_by_identity() -> None:
    assert A == A  # noqa: PLR0124 — identity is what is tested
    assert cr.Input("A", (2, "m")) != A


@pytest.mark.parametrize(
    "change", [lambda n: setattr(n, "name", "x"), lambda n: delattr(n, "name"), lambda n: setattr(n, "axis", 0)]
)
def test_a_node_never_changes(change: Any) -> None:
    with pytest.raises(ArgumentError, match="a node never changes"):
        change(cr.Sum(A, axis=1))


def test_copies_of_a_node_are_the_node() -> None:
    assert copy.copy(A) is A
    assert copy.deepcopy([A])[0] is A


def test_a_pickled_node_keeps_structure_facts_and_line() -> None:
    x = A * A
    twin = pickle.loads(pickle.dumps(cr.Sum(x + x, axis=1, name="s")))
    assert (twin.name, twin.facts, str(twin.shape)) == ("s", {"axis": 1, "keepdims": False}, "(2,)")
    assert twin.inputs[0].inputs[0] is twin.inputs[0].inputs[1]
    assert twin.inputs[0].line.startswith(__file__)


def test_layers_of_other_threads_do_not_leak() -> None:
    seen: list[tuple[str, ...]] = []
    with cr.layer("mine"):
        thread = threading.Thread(target=lambda: seen.append(cr.Input("x").layer))
        thread.start()
        thread.join()
    assert seen == [()]


def test_the_layer_ends_when_its_block_raises() -> None:
    with pytest.raises(ZeroDivisionError), cr.layer("broken"):
        _ = 1 / 0
    assert cr.Input("x").layer == ()


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: cr.Add(A), "Add takes 2 inputs (x, y), not 1"),
        (lambda: cr.Concatenate(), "Concatenate takes"),
        (lambda: cr.Sum(A, axs=1), "'axs' (did you mean 'axis'?)"),
        (lambda: cr.Sum(A, 1, 2), "Sum takes 1 input (x), not 3"),
        (lambda: cr.Add(A, "W"), "takes nodes, numbers and arrays, not 'W'"),
        (lambda: cr.Add(A, None), "not None"),
        (lambda: cr.Constant("text"), "not str"),
        (lambda: cr.Constant([1, 2j]), "real numbers"),
        (lambda: cr.Constant([[1], [2, 3]]), "a Constant is a number or an array"),
        (lambda: cr.Input(""), "a name is a text that is not empty"),
        (lambda: cr.Input(3), "a name is a text"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: cr.Input("x", shape=(-1,)), "a size is zero or more"),
        (lambda: cr.Input("x", shape=("two words",)), "a plain name"),
        (lambda: cr.Input("x", shape=2.5), "a size is a whole number or a name such as 'm', not 2.5"),
        (lambda: cr.Input("x", dtype=complex), "float, int or bool"),
        (lambda: cr.BCELoss(A, A, reduction="median"), "reduction='median' is text, where one of"),
        (lambda: cr.Graph(), "a graph needs an output"),
        (lambda: cr.Graph(3), "built from nodes, not int"),  # type: ignore[arg-type]  # wrong on purpose
    ],
)
def test_what_cannot_be_a_node_is_refused_where_it_is_built(build: Any, words: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        build()
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: cr.MatMul(A, W, name="Z"), ["inner sizes m and 3", "given: A (2, m), W (3, 2)", "swap the two"]),
        (lambda: W @ W, ["inner sizes 2 and 3 differ"]),
        (lambda: A + cr.Input("b", (3, 1)), ["do not broadcast", "2 and 3"]),
        (lambda: A + cr.Input("b", (2, "n")), ["m and n"]),
        (lambda: cr.BCELoss(A, cr.Input("Y", (1, "m"))), ["predictions (2, m) and labels (1, m)", "never broadcasts"]),
        (lambda: cr.CrossEntropyLoss(cr.Input("p", 4), cr.Input("Y", 4)), ["have no rows", "(4, 1)"]),
        (lambda: cr.SoftmaxCrossEntropyLoss(cr.Input("p", "m"), cr.Input("Y", "m")), ["have no rows"]),
        (lambda: cr.Sum(A, axis=2), ["axis 2 is out of bounds"]),
        (lambda: cr.Reshape(W, to=(4,)), ["holds 6 elements"]),
        (lambda: cr.Concatenate(A, W, axis=0), ["only axis 0 may differ"]),
        (lambda: W[5], ["index 5 is out of range"]),
        (lambda: W @ 2.0, ["takes no scalar"]),
        (lambda: cr.Transpose(W, axes=(0,)), ["order of 2 axes"]),
    ],
)
def test_a_wrong_shape_is_reported_at_the_line_that_built_the_node(build: Any, words: list[str]) -> None:
    with pytest.raises(ShapeError) as caught:
        build()
    for word in [*words, f"built at {__file__}:"]:
        assert word in str(caught.value)


def test_the_error_names_the_layer() -> None:
    with pytest.raises(ShapeError, match="Layer 2"), cr.layer("Layer 2"):
        cr.MatMul(A, A)


class _Median(cr.Node):
    def forward(self, x: Any) -> Any:
        return np.array(sorted(x.ravel())[x.size // 2])

    def backward(self, grad: Any, y: Any, x: Any) -> Any:
        return (grad * (x == y),)


def test_a_rule_that_cannot_be_traced_still_runs_and_so_does_what_follows() -> None:
    x = cr.Input("x", (5,))
    graph = cr.Graph(cr.Square(_Median(x, name="y"), name="L"))
    assert graph["y"].shape == ()
    assert graph["L"].shape == ()
    run = graph.forward({"x": [5.0, 1.0, 4.0, 2.0, 3.0]})
    np.testing.assert_array_equal(run.backward()["x"], [0, 0, 0, 0, 6])


class _Scale(cr.Node):
    factor: float
    power: int = 1

    def forward(self, x: Any) -> Any:
        return self.factor**self.power * x

    def backward(self, grad: Any, y: Any, x: Any) -> Any:
        return (self.factor**self.power * grad,)


def test_facts_are_keywords_with_defaults_and_are_kept_from_changing() -> None:
    assert _Scale(A, factor=3.0).facts == {"factor": 3.0, "power": 1}
    with pytest.raises(ArgumentError, match="_Scale needs factor"):
        _Scale(A)
    key = np.array([1, 0])
    node = cr.Index(A, key=key)
    key[0] = 0
    np.testing.assert_array_equal(node.facts["key"], [1, 0])


@pytest.mark.parametrize(
    ("node", "shape"),
    [
        (cr.Concatenate(A, A, axis=1), "(2, 2*m)"),
        (cr.Concatenate(A, cr.Input("c", (3, "m"))), "(5, m)"),
        (cr.Reshape(A, to=(-1,)), "(2*m,)"),
        (cr.Index(A, key=(slice(None), slice(1, None))), "(2, m - 1)"),
        (cr.Index(A, key=(0, None, slice(None, -2))), "(1, max(0, m - 2))"),
        (cr.Index(W, key=(slice(None, None, 2), Ellipsis)), "(2, 2)"),
        (cr.Index(W, key=(np.array([[0, 1]]), slice(None))), "(1, 2, 2)"),
        (A.T @ A, "(m, m)"),
        (cr.MatMul(cr.Input("v", 2), A), "(m,)"),
        (cr.MatMul(cr.Input("v", (7, 4, 2)), A), "(7, 4, m)"),
        (cr.Index(W, key=[0, 2, 0, 1]), "(4, 2)"),
        (cr.Index(W, key=([0, 2, 0, 1], 1)), "(4,)"),
        (cr.Sum(A, axis=0, keepdims=True), "(1, m)"),
        (cr.Mean(A), "()"),
        (cr.Max(cr.Input("t", (2, 3, 4)), axis=(0, -1)), "(3,)"),
        (cr.Softmax(A), "(2, m)"),
        (cr.Gather(W, cr.Input("ids", "k", dtype=int)), "(3, k)"),
        (cr.Gather(W, cr.Input("ids", "k", dtype=int), axis=0), "(k, 2)"),
        (cr.BCELoss(A, A, reduction="none"), "(1, m)"),
        (cr.Where(cr.Input("c", (2, 1), dtype=bool), A, 0.0), "(2, m)"),
    ],
)
def test_shapes_with_named_dimensions(node: cr.Node, shape: str) -> None:
    assert str(node.shape) == shape
