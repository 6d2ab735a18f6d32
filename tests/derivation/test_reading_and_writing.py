"""Derivations never stop where a run goes on, take time in proportion to the graph, and read as people write."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_random_lines import lines_that_differ

import chainrule as cr

P, I = cr.Parameter, cr.Input  # noqa: E741 — as short as what is built of them
NOTATIONS = ("text", "unicode", "latex", "mathml")


def lines(node: cr.Node, **options: Any) -> dict[str, str]:
    return {name: str(line) for name, line in cr.Graph(node).derivation(**options).items()}


# --- nothing stops it ------------------------------------------------------------------------------------------------

FAR = [-1e30, float(np.finfo(np.float32).min), float(np.finfo(float).min), 1e300, 2.0**64, 1e-320]


@pytest.mark.parametrize("number", FAR)
def test_numbers_of_every_size_are_written_down(number: float) -> None:
    x, mask = P("x", (2, 2)), cr.Constant([[True, False], [True, True]], dtype=bool)
    node = cr.Sum(cr.Where(mask, x, number, name="y"), name="L")
    assert lines(node)["y"].endswith(f", x, {number:g})" if number in {-1e30, 1e300} else f", x, {float(number)!r})")
    graph = cr.Graph(cr.Sum(x * number) + cr.Sum(cr.Maximum(x, number)))
    assert graph.draw("formulas").dot
    for how in NOTATIONS:
        assert getattr(graph.derivation(), how)()


def test_numbers_whose_product_no_float_holds_are_written_apart() -> None:
    line = lines(cr.Multiply(cr.Multiply(P("x"), 1e300), 1e300, name="L"))["L"]
    assert line == "1e+300 * x * 1e+300"
    assert eval(line, {"x": 1e-300}) == pytest.approx(1e300)  # noqa: S307 — the engine's own text


def test_pieces_of_a_join_whose_places_are_named_have_a_formula() -> None:
    x, p = I("x", (7, "m")), P("p", (7, 3))
    joined = cr.Sum(cr.Sin(cr.Concatenate(p, cr.Sin(x, name="h"), p, axis=1, name="C")))
    node = joined + cr.Sum(cr.Sin(cr.Sin(x, name="k")))
    assert lines(node)["dp"] == "dC[:, 0:3] + dC[:, m + 3:m + 6]"


class Pair(cr.Node):
    """A rule that no Symbol passes through."""

    def forward(self, x: Any, y: Any) -> Any:
        return np.sort(np.asarray(x), axis=None)[0] + np.sort(y, axis=None)[0]

    def backward(self, grad: Any, output: Any, x: Any, y: Any) -> Any:
        return grad * (x == np.sort(np.asarray(x), axis=None)[0]), grad * (y == np.sort(y, axis=None)[0])


def test_gradients_of_two_inputs_through_a_rule_without_a_formula_are_told_apart() -> None:
    a, b = P("a", (2, 3)), P("b", (5,))
    derivation = cr.Graph(cr.Sum(Pair(cr.Sin(a), cr.Sin(b)) * 2.0)).derivation()
    assert (derivation["da"].shape, derivation["db"].shape) == ((2, 3), (5,))


class Deep(cr.Node):
    """A rule that is one long way through functions, and one long sum."""

    def forward(self, x: Any) -> Any:
        y = x
        for k in range(600):
            y = np.sin(y) * x + k
        return y + sum(np.cos(x * float(k)) for k in range(600))

    def backward(self, grad: Any, y: Any, x: Any) -> Any:
        for k in range(600):
            grad = np.maximum(grad, np.cos(x)) if k % 2 else -(grad + x) / 2
        return (grad,)


@pytest.mark.parametrize("how", NOTATIONS)
def test_a_rule_of_thousands_of_operations_is_printed(how: str) -> None:
    derivation = cr.Graph(cr.Sum(Deep(P("x", (3,)), name="y"), name="L")).derivation()
    assert len(getattr(derivation, how)()) > 15_000


def used(times: int) -> cr.Graph:
    x = P("x", (3,))
    total: Any = cr.Sin(x, name="s")
    for k in range(1, times):
        total = cr.Add(total, cr.Sin(x * float(k + 1), name=f"s{k}"), name=f"t{k}")
    return cr.Graph(cr.Sum(total, name="L"))


def joined(times: int) -> cr.Graph:
    x = P("x", (3,))
    return cr.Graph(cr.Sum(cr.Concatenate(*[cr.Sin(x * float(k + 1), name=f"s{k}") for k in range(times)]), name="L"))


def joined_leaves(times: int) -> cr.Graph:
    return cr.Graph(cr.Sum(cr.Square(cr.Concatenate(*[P(f"x{k}", (k % 3 + 1,)) for k in range(times)])), name="L"))


def chain(times: int) -> cr.Graph:
    x: Any = P("x", (3,))
    for k in range(times):
        x = cr.Sin(x, name=f"h{k}")
    return cr.Graph(cr.Sum(x, name="L"))


def chain_of_an_input(times: int) -> cr.Graph:
    x: Any = I("x", (3,))
    for k in range(times):
        x = cr.Sin(x, name=f"h{k}")
    return cr.Graph(cr.Sum(x * P("w", (3,)), name="L"))


def network(times: int) -> cr.Graph:
    a: Any = I("A0", (2, "m"))
    for k in range(1, times + 1):
        w, b = P(f"W{k}", (3, 2 if k == 1 else 3)), P(f"B{k}", (3, 1))
        a = cr.Sigmoid(cr.Add(w @ a, b, name=f"Z{k}"), name=f"A{k}")
    return cr.Graph(cr.BCELoss(a, I("Y", (3, "m")), name="L"))


KINDS = [used, joined, joined_leaves, chain, chain_of_an_input, network]


def calls(work: Callable[[], Any]) -> int:
    """How many functions are called on the way, which measures the work without a clock."""
    count = 0

    def counted(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("kind", KINDS)
def test_three_times_the_nodes_take_three_times_the_work(kind: Callable[[int], cr.Graph]) -> None:
    def work(times: int) -> int:
        graph = kind(times)
        return calls(lambda: [getattr(graph.derivation(), how)() for how in ("text", "unicode")])

    work(2)  # what is imported and cached
    assert work(90) < 4.5 * work(30)  # the square of it would be nine times as much


@pytest.mark.parametrize("kind", [used, joined, joined_leaves])
def test_hundreds_of_uses_are_one_sum(kind: Callable[[int], cr.Graph]) -> None:
    derivation = kind(300).derivation()
    assert len(derivation["dx"].contributions if "dx" in derivation else derivation.backward) >= 300
    for how in NOTATIONS:
        assert getattr(derivation, how)()


# --- text that runs --------------------------------------------------------------------------------------------------


class Masks(cr.Node):
    """Truth values computed with as numbers."""

    def forward(self, x: Any) -> Any:
        high, higher = (x > 0).astype(float), (x > 0.5).astype(float)
        return -high * x + (high - higher) + (high + higher) + np.exp(-high) + ((x > 0) + (x > 0.5)) * 1.0

    def backward(self, grad: Any, y: Any, x: Any) -> Any:
        return (-((x > 0).astype(float)) - (x > 0.5),)


x_, y_, B_ = P("x", (3,)), P("y", (3,)), P("B", (3, 1))
RUNS = {
    "a number in the place of an array": cr.Multiply(x_ @ y_, 1.5),
    "an entry scaled": cr.Multiply(y_[(1,)], 0.5),
    "a power of 0": cr.Sum(cr.Power(x_, 0)),
    "a power of 1": cr.Sum(cr.Power(x_, 1)),
    "a power below 0": cr.Sum(cr.Power(2 + x_ * x_, -1)) + cr.Sum(cr.Power(2 + x_ * x_, -3)),
    "masks": cr.Sum(Masks(x_)),
    "an open gate minus itself": cr.Sum(cr.ReLU(x_) - cr.ReLU(x_)),
    "an index of nothing": cr.Sum(cr.Index(x_, key=np.array([], int))) + cr.Sum(x_),
    "an index of nothing with a shape": cr.Sum(cr.Index(x_, key=np.zeros((3, 0), int))) + cr.Sum(x_),
    "a constant of nothing": cr.Sum(cr.Index(B_, key=slice(0, 0)) * cr.Constant(np.zeros((0, 1)))) + cr.Sum(B_),
    "a large index": cr.Sum(cr.Sin(cr.Index(x_, key=np.arange(20).reshape(4, 5) % 3))),
    "a row times a column": cr.Sum(cr.Sin(B_.T @ B_)),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_these_lines_run(name: str) -> None:
    feeds = {"x": np.array([0.0, -1.5, 0.75]), "y": np.array([2.0, 0.5, -1.0]), "B": np.array([[0.5], [2.0], [-1.0]])}
    graph = cr.Graph(RUNS[name])
    assert lines_that_differ(graph, {leaf.name: feeds[leaf.name] for leaf in graph.parameters}) == []


def test_a_slope_of_a_power_of_0_is_0_also_at_0() -> None:
    assert lines(cr.Sum(cr.Power(P("x", (3,)), 0)))["dx"] == "np.zeros((3,))"


# --- as people write it ----------------------------------------------------------------------------------------------

X, W, b = I("X", ("m", 3)), P("W", (4, 3)), P("b", (4,))
A, B, U = P("A", (2, 3)), P("B", (4, 3)), P("U", (3, 2))
q, k, v = P("q", ("m", 6, 4)), P("k", ("m", 6, 4)), P("v", ("m", 6, 4))


def attention() -> cr.Node:
    scores = cr.MatMul(q, cr.Transpose(k, axes=(0, 2, 1)), name="s")
    return cr.Mean(cr.Square(cr.MatMul(cr.Softmax(scores * (1 / 24), axis=-1, name="p"), v, name="o")), name="L")


class Variance(cr.Node):
    """The variance of rows that have mean 0, over m - 1."""

    def forward(self, x: Any) -> Any:
        return x.sum(axis=1, keepdims=True) / (x.shape[1] - 1)

    def backward(self, grad: Any, y: Any, x: Any) -> Any:
        return (np.broadcast_to(grad / (x.shape[1] - 1), x.shape),)


WRITTEN: list[tuple[cr.Node, dict[str, str]]] = [
    (cr.Sum(cr.Square(A @ B.T), name="L"), {"dA": "2 * (A @ B.T @ B)", "dB": "2 * (B @ A.T @ A)"}),
    (cr.Mean(cr.Square(cr.Add(X @ W.T, b, name="E")), name="L"), {"dW": "dE.T @ X", "db": "dE.sum(axis=0)"}),
    (cr.Sum(cr.Exp(cr.MatMul(U.T, I("C", (3, "m")), name="Z")), name="L"), {"dU": "C @ dZ.T"}),
    (attention(), {
        "p": "softmax(s / 24, axis=-1)", "s": "q @ k.mT", "dp": "do @ v.mT", "dv": "p.mT @ do",
        "dk": "ds.mT @ q", "dq": "ds @ k",
        "ds": "p * (dp - (dp * p).sum(axis=-1, keepdims=True)) / 24",
    }),
    (cr.Mean(cr.Square(cr.MatMul(X, P("w", (3,)), name="z")), name="L"), {"dw": "X.T @ dz"}),
    (cr.Sum(Variance(I("q", (2, "m")), name="v"), name="L"), {"v": "q.sum(axis=1, keepdims=True) / (m - 1)"}),
    (cr.Mean(cr.Sum(cr.Square(I("x", (3, "m")) * P("w", (3, 1))), axis=0), name="L"), {
        "dw": "2 * (x ** 2 * w).sum(axis=1, keepdims=True) / m",
    }),
    (cr.Sum(P("z", (3, "m")), name="L"), {"dz": "np.ones((3, m))"}),
    (cr.Mean(P("z", (3, "m")), name="L"), {"dz": "np.ones((3, m)) / 3 / m"}),
    (cr.Sum(cr.Square(cr.Add(P("z", (3, 5)), P("c"), name="S")), name="L"), {"dc": "dS.sum()"}),
    (cr.Sum(cr.Reshape(cr.Sin(A), to=(2, 3)), name="L"), {"L": "np.sin(A).sum()"}),
    (cr.Multiply(x_ @ y_, 1.5, name="L"), {"dx": "3 * y / 2"}),
]  # fmt: skip


@pytest.mark.parametrize(("node", "expected"), WRITTEN)
def test_lines_read_as_people_write_them(node: cr.Node, expected: dict[str, str]) -> None:
    found = lines(node)
    assert {name: found[name] for name in expected} == expected


def test_the_other_notations_do_likewise() -> None:
    node = cr.Mean(cr.Sum(cr.Square(I("x", (3, "m")) * P("w", (3, 1))), axis=0), name="L")
    assert cr.Graph(node).derivation()["dw"].latex == r"dw = \frac{2}{m} \sum_{\text{columns}} (x^2 \ast w)"
    ones = cr.Graph(cr.Mean(P("z", (3, "m")), name="L")).derivation()["dz"]
    assert ones.unicode == "dz = ones(3×m) / (3m)"
    assert ones.latex == r"dz = \frac{1}{3 m} \operatorname{ones}(3 \times m)"
    assert cr.Graph(attention()).derivation()["dv"].unicode == "dv = pᵀdo"


def test_a_large_array_has_a_name_and_a_line_of_its_own() -> None:
    key = np.arange(12).reshape(3, 4) % 7
    derivation = cr.Graph(cr.Sum(cr.Square(cr.Index(P("x", (20,)), key=key, name="y")), name="L")).derivation()
    assert (str(derivation["y"]), str(derivation["dx"])) == ("x[index1]", "put(dy, index1, x)")
    assert derivation.constants["index1"].tolist() == key.tolist()
    assert str(derivation).startswith(
        "# constants\nindex1 = np.array([[0, 1, 2, 3], [4, 5, 6, 0], [1, 2, 3, 4]])\n# forward"
    )
    assert "index₁ = [0, 1, 2, 3; 4, 5, 6, 0; 1, 2, 3, 4]" in derivation.unicode()


def test_labels_that_sum_to_1_are_assumed_in_a_remark() -> None:
    Y = I("Y", (3, "m"))
    derivation = cr.Graph(cr.CrossEntropyLoss(cr.Softmax(P("z", (3, "m")), name="P"), Y, name="L")).derivation()
    assert "# dz = (P - Y) / m where the columns of Y sum to 1" in derivation.text()
    assert "dz = (P − Y) / m where the columns of Y sum to 1" in derivation.unicode()
    assert r"dz = \frac{1}{m} (P - Y) \text{ where the columns of } Y \text{ sum to } 1" in derivation.latex()
    assert "where" not in cr.Graph(cr.MSELoss(P("z", (3, "m")), Y, name="L")).derivation().text()


def recurrent(steps: int) -> cr.Graph:
    w, u, h = P("Wx", (4, 3)), P("Wh", (4, 4)), P("h0", (4, "m"))
    state: cr.Node = h
    for t in range(1, steps + 1):
        with cr.layer(f"step {t}"):
            state = cr.Tanh(cr.Add(w @ I(f"x{t}", (3, "m")), u @ state, name=f"z{t}"), name=f"h{t}")
    return cr.Graph(cr.MSELoss(state, I("Y", (4, "m")), name="L"))


def test_remarks_name_the_layer_of_what_has_no_name_and_long_ones_stand_below() -> None:
    text = recurrent(4).derivation().text()
    terms = [f"dz{t} @ x{t}.T" for t in range(1, 5)]
    line = next(row for row in text.splitlines() if row.startswith("dWx = "))
    assert sorted(line.removeprefix("dWx = ").split(" + ")) == terms
    assert all(f"    # {term} from step {t}" in text.splitlines() for t, term in enumerate(terms, 1))
    assert max(map(len, text.splitlines())) <= 120
    assert "dz2 @ x2.T from step 2" in recurrent(2).derivation().text()


def test_two_of_a_kind_in_a_layer_keep_the_names_of_the_graph() -> None:
    w = P("w", (3,))
    with cr.layer("both"):
        total = cr.Sum(cr.Sin(w) * cr.Sin(w) * cr.Cos(w), name="L")
    text = cr.Graph(total).derivation().text()
    assert "from sin_1" in text
    assert "from Cos in both" in text
