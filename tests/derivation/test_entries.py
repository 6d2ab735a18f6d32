"""Derivations entry by entry: scalar Symbols through the same rules, written as matrices and computed as numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import random_graphs
from every_rule import EXAMPLES, M
from printed_lines import FUNCTIONS

import chainrule as cr
import nets
from chainrule.derivation.entries import Entries
from chainrule.errors import ArgumentError, UnknownNameError, Untraceable
from chainrule.notation import TextPrinter
from chainrule.symbols import elementary
from chainrule.symbols.operations import index
from chainrule.symbols.symbol import Symbol
from chainrule.symbols.symbol_array import SymbolArray, entrywise, symbol_array


def computed(entries: Entries, values: Mapping[str, Any]) -> Any:
    """The nested lists of text, as Python runs them: nothing of it comes from a user."""
    scope = {"np": np, "values": values, "int": int, "float": float, **FUNCTIONS, **values}
    return np.asarray(eval(entries.text, {"__builtins__": {}}, scope), dtype=float)  # noqa: S307 — see above


def assert_entries_hold(
    graph: cr.Graph, feeds: Mapping[str, Any], convention: Any = "mean", m: int = 1, least: float = 1e-300, **sizes: int
) -> int:
    """Every line entry by entry against the values and gradients of a run; return how many lines there were."""
    run = graph.forward(feeds)
    rng = np.random.default_rng(5)  # a softmax, for instance, sends nothing back where all of its entries get the same
    run.backward({node: rng.uniform(0.5, 1, run.values[node].shape) if node.shape else 1.0 for node in graph.outputs})
    derivation = graph.derivation(convention)
    values = {**run.values, **{"d" + name: gradient for name, gradient in run.gradients.items()}}
    if convention == "per-example":
        examples = [node for node in graph.order if node.shape and str(node.shape[-1]) == "m"]
        values |= {"d" + graph.name(node): run.gradients[node] * m for node in examples if node in run.gradients}
    for name in derivation:
        try:
            entries = derivation.entries(name, m=m, **sizes)
        except ArgumentError as error:
            assert "more than can be read" in str(error)  # noqa: PT017 — of random graphs, which may be long
            continue
        expected, found = values[name], computed(entries, values)
        assert found.shape == expected.shape, name
        scale = np.abs(expected).max(initial=least)
        # 1e-9: the printed form rounds otherwise than the exact form, and differences of large terms lose digits
        message = f"{name} = {derivation[name]}"
        np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=1e-9, err_msg=message)
    return len(derivation)


def fed(graph: cr.Graph, m: int) -> dict[str, Any]:
    rng = np.random.default_rng(m)
    leaves = (*graph.inputs, *graph.parameters)
    return {leaf.name: rng.uniform(0.1, 0.9, [k if isinstance(k, int) else m for k in leaf.shape]) for leaf in leaves}


# --- as people write it ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network() -> cr.Graph:
    return nets.DNN((2, 3, 3, 1)).graph


def test_a_weight_gradient_as_a_matrix(network: cr.Graph) -> None:
    entries = network.derivation().entries("dW1")
    assert str(entries) == (
        "dW1 = [[dZ1[0, 0] * A0[0, 0], dZ1[0, 0] * A0[1, 0]],\n"
        "       [dZ1[1, 0] * A0[0, 0], dZ1[1, 0] * A0[1, 0]],\n"
        "       [dZ1[2, 0] * A0[0, 0], dZ1[2, 0] * A0[1, 0]]]"
    )
    assert entries.unicode == "      ⎡dz¹₁ a⁰₁  dz¹₁ a⁰₂⎤\ndW₁ = ⎢dz¹₂ a⁰₁  dz¹₂ a⁰₂⎥\n      ⎣dz¹₃ a⁰₁  dz¹₃ a⁰₂⎦"
    rows = [rf"dz^1_{i} a^0_1 & dz^1_{i} a^0_2" for i in (1, 2, 3)]
    assert entries.latex == r"dW_1 = \begin{bmatrix} " + r" \\ ".join(rows) + r" \end{bmatrix}"
    table = ET.fromstring(entries.mathml).find(".//{*}mtable")
    assert table is not None
    assert ["".join(cell.itertext()).replace("\u2062", " ") for cell in table[0]] == ["dz11 a10", "dz11 a20"]


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("Z1", [[f"w^1_{{{i}1}} a^0_1 + w^1_{{{i}2}} a^0_2 + b^1_{i}"] for i in (1, 2, 3)]),
        ("A1", [[rf"\sigma(z^1_{i})"] for i in (1, 2, 3)]),
        ("dZ3", [["a^3_1 - y_1"]]),
        ("dB1", [[f"dz^1_{i}"] for i in (1, 2, 3)]),
        ("dA1", [[" + ".join(rf"w^2_{{{k}{i}}} dz^2_{k}" for k in (1, 2, 3))] for i in (1, 2, 3)]),
        ("dZ1", [[f"da^1_{i} a^1_{i} (1 - a^1_{i})"] for i in (1, 2, 3)]),
    ],
)
def test_one_example_reads_as_on_paper(network: cr.Graph, name: str, latex: list[list[str]]) -> None:
    if name == "A1":
        latex = [[rf"\sigma(w^1_{{{i}1}} a^0_1 + w^1_{{{i}2}} a^0_2 + b^1_{i})"] for i in (1, 2, 3)]
        graph = cr.Graph(cr.Sigmoid(network["Z1"].inputs[0] + network["Z1"].inputs[1], name="A1"))
    else:
        graph = network
    printed = graph.derivation("per-example").entries(name).latex
    body = r" \\ ".join(" & ".join(row) for row in latex)
    assert printed.split(" = ", 1)[1] == rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"


def test_several_examples_are_summed_and_divided_as_the_convention_says(network: cr.Graph) -> None:
    mean, each = network.derivation().entries("dB1", m=2), network.derivation("per-example").entries("dB1", m=2)
    assert mean[0, 0] == "dZ1[0, 0] + dZ1[0, 1]"
    assert each[0, 0] == "(dZ1[0, 0] + dZ1[0, 1]) / 2"
    assert network.derivation().entries("dZ3", m=2)[0, 1] == "(A3[0, 1] - Y[0, 1]) / 2"
    assert network.derivation("per-example").entries("dZ3", m=2).unicode == "dZ₃ = [a³₁₁ − y₁₁  a³₁₂ − y₁₂]"


def test_an_entry_of_many_places_needs_commas() -> None:
    graph = cr.Graph(cr.Transpose(cr.Parameter("W1", (12, 2)), name="Q"))
    assert graph.derivation().entries("Q").latex.split(" & ")[-1] == r"w^1_{12,2} \end{bmatrix}"
    assert "W₁[12, 2]" in graph.derivation().entries("Q").unicode


@pytest.mark.parametrize(("shape", "text"), [((), "np.exp(x)"), ((2,), "[np.exp(x[0]), np.exp(x[1])]")])
def test_scalars_and_flat_values(shape: tuple[int, ...], text: str) -> None:
    entries = cr.Graph(cr.Exp(cr.Parameter("x", shape), name="y")).derivation().entries("y")
    assert entries.text == text
    assert entries.shape == shape
    assert entries.unicode == ("y = exp(x)" if not shape else "y = [exp(x₁)  exp(x₂)]")


def test_a_stack_of_matrices_is_nested_in_text_and_tall_on_paper() -> None:
    entries = cr.Graph(cr.Negate(cr.Parameter("S", (2, 1, 2)), name="Q")).derivation().entries("Q")
    assert str(entries) == "Q = [[[-S[0, 0, 0], -S[0, 0, 1]]],\n     [[-S[1, 0, 0], -S[1, 0, 1]]]]"
    assert entries.unicode == "Q = ⎡−s₁₁₁  −s₁₁₂⎤\n    ⎣−s₂₁₁  −s₂₁₂⎦"


def test_hostile_names_stay_harmless() -> None:
    name = 'a"]\n<b>$'
    entries = cr.Graph(cr.Square(cr.Parameter(name, (1, 2)), name="q")).derivation().entries("d" + name)
    assert entries[0, 1] == f"2 * dq[0, 1] * values[{name!r}][0, 1]"
    ET.fromstring(entries.mathml)
    assert entries.unicode.isprintable()


# --- what they compute -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("convention", ["mean", "per-example"])
@pytest.mark.parametrize("m", [1, 2, 5])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(
    "net",
    [
        lambda: nets.DNN((2, 3, 3, 1)),
        lambda: nets.DNN((2, 4, 3, 1), hidden=cr.ReLU),
        lambda: nets.DNN((3, 4, 2), hidden=cr.Tanh),
        lambda: nets.SoftmaxClassifier((2, 4, 3)),
    ],
    ids=["2-3-3-1", "2-4-3-1 relu", "3-4-2 tanh", "softmax"],
)
def test_entries_of_networks_equal_the_run(net: Callable[[], Any], fused: bool, m: int, convention: str) -> None:
    graph = net().fused if fused else net().graph
    assert assert_entries_hold(graph, fed(graph, m), convention, m) >= 8


@pytest.mark.parametrize("name", EXAMPLES)
def test_entries_of_every_rule_equal_the_run(name: str) -> None:
    graph, feeds = EXAMPLES[name]
    assert assert_entries_hold(graph, feeds, m=M) >= 1 + graph.outputs[0].has_gradient


OPAQUE = {
    "ArgMax", "ArgMin", "ArgSort", "Gather", "Index, fed", "ScatterAdd",  # which entry it is depends on the data
    "Sort", "TakeAlong", "TopK",
    "BatchNorm", "BatchNorm, images", "GroupNorm", "LayerNorm", "LayerNorm, rows",  # and these are too long
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_entries_of_every_rule_are_formulas_of_entries(name: str) -> None:
    graph = EXAMPLES[name].graph
    derivation = graph.derivation()
    arrays = [derivation.entries(formula.name, m=M).array for formula in derivation.values()]
    whole = [leaf for array in arrays for entry in np.ravel(array).tolist() for leaf in whole_values(entry)]
    assert (whole != []) == (name in OPAQUE), whole


def whole_values(entry: Any) -> list[str]:
    """The names of values with axes that an entry holds other than by one of their entries."""
    found, waiting = [], [entry]
    while waiting:
        x = waiting.pop()
        if isinstance(x, Symbol) and x.operation is index and x.operands[0].operation is None:
            continue
        if isinstance(x, Symbol) and x.operation is None and x.name is not None and x.shape != ():
            found.append(x.name)
        waiting += x.operands if isinstance(x, Symbol) else x if isinstance(x, (tuple, list)) else []
    return found


@pytest.mark.parametrize("seed", range(20))
def test_entries_of_random_graphs_equal_the_run(seed: int) -> None:
    sketch = random_graphs.random_graph(seed, nodes=12)
    # values are sums of terms near 1, and may themselves be 0 but for what the terms lost
    assert assert_entries_hold(sketch.graph, sketch.feeds, least=1e-3) >= 2


def test_fan_out_outputs_in_use_and_gradients_that_pass_through() -> None:
    x, w = cr.Parameter("x", (2, 3)), cr.Parameter("w", (3, 2))
    q = cr.Add(x, x, name="q")  # twice the same input, and its own gradient only passes through
    r = cr.Add(q, cr.Constant(1.0), name="r")
    s = cr.MatMul(r * q, w, name="s")
    loss = cr.Sum(s, name="L")
    graph = cr.Graph(loss, cr.Sum(cr.Exp(r) * loss, name="K"))
    assert assert_entries_hold(graph, fed(graph, 1)) >= 8


def test_other_dimensions_get_their_numbers_by_name() -> None:
    x, y = cr.Input("x", ("n", "m")), cr.Parameter("y", (2, "n"))
    graph = cr.Graph(cr.MSELoss(cr.MatMul(y, x, name="z"), cr.Input("t", (2, "m")), name="L"))
    feeds = {"x": np.ones((3, 4)), "y": np.arange(6.0).reshape(2, 3), "t": np.ones((2, 4))}
    assert assert_entries_hold(graph, feeds, m=4, n=3) == 5
    with pytest.raises(ArgumentError, match="entries need a number for n"):
        graph.derivation().entries("dy")
    with pytest.raises(ArgumentError, match="no dimension k"):
        graph.derivation().entries("dy", n=2, k=2)
    with pytest.raises(ArgumentError, match="whole number, 1 or more, not m=0"):
        graph.derivation().entries("dy", m=0, n=2)


class _Loop(cr.Node):
    def forward(self, x: Any) -> Any:
        return np.array([max(float(v), 0.0) for v in x.ravel()]).reshape(x.shape)

    def backward(self, grad: Any, y: Any, x: Any) -> Any:
        return (np.array([g if v > 0 else 0.0 for g, v in zip(grad.ravel(), x.ravel(), strict=True)]).reshape(x.shape),)


class _Swish(cr.Node):
    def forward(self, x: Any) -> Any:
        return x / (1 + np.exp(-x))

    def backward(self, grad: Any, y: Any, x: Any) -> Any:
        s = 1 / (1 + np.exp(-x))
        return (grad * (s + y * (1 - s)),)


def test_a_rule_of_ones_own_in_plain_numpy_has_entries() -> None:
    graph = cr.Graph(cr.Sum(_Swish(cr.Parameter("x", (2, 3)), name="y"), name="L"))
    assert assert_entries_hold(graph, fed(graph, 1)) == 4


def test_a_rule_that_entries_cannot_pass_through_stands_as_its_class_name() -> None:
    w, x = cr.Parameter("w", (3, 2)), cr.Input("x", (2, "m"))
    graph = cr.Graph(cr.Sum(cr.Square(_Loop(cr.MatMul(w, x, name="z"), name="a")), name="L"))
    derivation = graph.derivation()
    assert derivation.entries("dz", m=2)[2, 1] == "_Loop.backward(da, a, z)[0][2, 1]"
    assert derivation.entries("dw", m=2)[2, 1] == "dz[2, 0] * x[1, 0] + dz[2, 1] * x[1, 1]"
    assert derivation.entries("a", m=2)[2, 1] == "_Loop(z)[2, 1]"


def test_a_value_of_unknown_shape_has_no_entries() -> None:
    class Unknown(_Loop):
        def shape_of(self, x: Any) -> Any:
            return None

    graph = cr.Graph(cr.Sum(Unknown(cr.Parameter("z", (2, 3)), name="a"), name="L"))
    with pytest.raises(ArgumentError, match="the shape of 'a' is unknown before there is data"):
        graph.derivation().entries("a")


# --- what is refused -------------------------------------------------------------------------------------------------


def test_a_matrix_too_large_to_read_is_refused() -> None:
    graph = nets.DNN((784, 20, 1)).graph
    with pytest.raises(ArgumentError, match="'A0' has 784 entries, more than 200 to write down") as caught:
        graph.derivation().entries("Z1")
    assert "a smaller network" in str(caught.value)


def test_the_longest_sum_that_is_written_prints() -> None:
    graph = cr.Graph(cr.Sum(cr.Square(cr.Parameter("X", (10, 20))), name="L"))
    entries = graph.derivation().entries("L")
    assert entries.text.count("+") == 199
    assert entries.latex.count("+") == entries.unicode.count("+") == 199
    ET.fromstring(entries.mathml)


def test_an_entry_too_long_to_read_is_refused() -> None:
    x = node = cr.Parameter("X", (7, 7))
    for _ in range(4):
        node = node @ x
    with pytest.raises(ArgumentError, match=r"an entry at 'L' takes [\d,]+ operations") as caught:
        cr.Graph(cr.Sum(node, name="L")).derivation().entries("L")
    assert "names for nodes in between" in str(caught.value)


def test_lines_that_do_not_exist_are_refused(network: cr.Graph) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'dW3'"):
        network.derivation().entries("dw3")
    with pytest.raises(ArgumentError, match="no single entry"):
        network.derivation().entries("dW3")[0]


def test_a_derivation_put_together_by_hand_has_no_entries(network: cr.Graph) -> None:
    made = type(network.derivation())(network.derivation().forward, [])
    assert str(made["A3"]) == "sigmoid(Z3)"
    with pytest.raises(ArgumentError, match="no rules"):
        made.entries("A3")


# --- arrays of Symbols -----------------------------------------------------------------------------------------------


def array(name: str, *shape: int) -> SymbolArray:
    leaf = Symbol.leaf(name, shape)
    return symbol_array(lambda place: index(leaf, place), shape)


VALUES = {
    "x": np.array([[0.3, -1.2, 2.0], [0.7, 0.7, -0.4]]),
    "y": np.array([[1.5], [-0.5]]),
    "z": np.array([0.25, 4.0, 1.0]),
}
CALLS: dict[str, Callable[..., Any]] = {
    "comparison": lambda x, y, z: (x > y) * x,
    "counted": lambda x, y, z: (x == x.max(axis=1, keepdims=True)).sum(axis=1),
    "negation": lambda x, y, z: ~(x > y) & (x < 2) | (x == 2),
    "where": lambda x, y, z: np.where(x > 0, y, z),
    "clip": lambda x, y, z: np.clip(x, -1, 1),
    "maximum": lambda x, y, z: np.maximum(x, y) - np.minimum(z, x),
    "functions": lambda x, y, z: np.exp(x) + np.sin(y) * np.cos(x) - np.tanh(z) + np.log1p(z) + np.sqrt(z),
    "signs": lambda x, y, z: np.sign(x) + abs(y) - -z,
    "powers": lambda x, y, z: x**2 + z**y + np.square(y) + 2**x,
    "constants": lambda x, y, z: 1 / (3 - x) + np.array([1.0, 2.0, 3.0]) * y + np.float64(2) * z,
    "matmul": lambda x, y, z: x @ z,
    "dot": lambda x, y, z: x.dot(z) + np.dot(z, z),
    "einsum": lambda x, y, z: np.einsum("ij,j->i", x, z),
    "outer": lambda x, y, z: np.outer(z, y),
    "sums": lambda x, y, z: x.sum() + x.sum(axis=0) + np.sum(x, axis=1, keepdims=True),
    "mean": lambda x, y, z: x.mean(axis=1) + np.mean(z),
    "prod": lambda x, y, z: np.prod(x, axis=0) + x.prod(),
    "largest": lambda x, y, z: np.max(x, axis=0) + x.min(),
    "moves": lambda x, y, z: np.concatenate((x.T, y.reshape(1, 2)), axis=0)[::-1] + np.expand_dims(y[:, 0], 0),
    "stack": lambda x, y, z: np.stack((x, 2 * x), axis=-1).swapaxes(0, 1),
    "taken": lambda x, y, z: np.take(x, [2, 0, 2], axis=1) + np.broadcast_to(y, (2, 3)),
    "softmax": lambda x, y, z: elementary.softmax(x, axis=0) + elementary.softmax_rest(x, axis=1),
    "logsumexp": lambda x, y, z: elementary.logsumexp(x, axis=1, keepdims=True) + elementary.log_softmax(x, axis=None),
    "sigmoid": lambda x, y, z: elementary.sigmoid(x) * elementary.sigmoid_slope(y) + elementary.xlogy(x, z),
    "put": lambda x, y, z: elementary.put(x, (slice(None), np.array([0, 2, 0])), x),
    "of nothing": lambda x, y, z: x[:, :0].sum(axis=1) + x[:, :0].sum(),
}  # fmt: skip


def _evaluated(entry: Any, scope: Mapping[str, Any]) -> Any:
    return eval(TextPrinter().print(entry), {"int": int, "__builtins__": {}}, dict(scope))  # noqa: S307 — our own text


@pytest.mark.parametrize("name", CALLS)
def test_arrays_of_symbols_do_what_arrays_do(name: str) -> None:
    arrays = {key: array(key, *value.shape) for key, value in VALUES.items()}
    found = CALLS[name](**arrays)
    expected = CALLS[name](**VALUES)
    assert type(found) is SymbolArray
    scope = {"np": np, **FUNCTIONS, **VALUES}
    numbers = entrywise(lambda entry: _evaluated(entry, scope), found)
    assert numbers.shape == np.shape(expected)
    np.testing.assert_allclose(np.asarray(numbers).astype(float), np.asarray(expected, float), rtol=1e-14, atol=1e-15)


def test_what_has_no_form_entry_by_entry_is_refused() -> None:
    x = array("x", 2, 3)
    for call in (
        lambda: np.sort(x),
        lambda: np.linalg.inv(x),
        lambda: np.add.accumulate(x),
        lambda: np.argmax(x, axis=0),
    ):
        with pytest.raises((Untraceable, TypeError)):
            call()


def test_a_symbol_beside_an_array_of_symbols_meets_each_entry() -> None:
    product = Symbol.leaf("s", ()) * array("x", 2, 3)
    assert type(product) is SymbolArray
    assert TextPrinter().print(product[1, 2]) == "s * x[1, 2]"
