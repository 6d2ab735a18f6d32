"""Numbers and text of one's own kinds are recorded as plain ones: nothing of them is printed, nor run."""

import enum

import numpy as np
import pytest

import chainrule as cr
from chainrule.symbols.literals import literal


def ran(*_):
    raise SystemExit("a method of a subclass has run")


HOSTILE = dict.fromkeys(
    ("__repr__", "__str__", "__format__", "__int__", "__float__", "__index__", "__pos__", "__add__", "__hash__"), ran
)


class Whole(int):
    """A whole number that runs something when it is printed."""

    __repr__ = __str__ = __format__ = ran


class Fraction(float):
    """A number that runs something when it is printed."""

    __repr__ = __str__ = __format__ = ran


class Axis(enum.IntEnum):
    """Names for axes."""

    ROWS = 0
    COLUMNS = 1


@pytest.mark.parametrize(("kind", "value"), [(int, 3), (float, 2.5), (str, "m")])
def test_a_literal_is_of_pythons_own_type_whatever_a_subclass_defines(kind, value):
    hostile = type("Hostile", (kind,), HOSTILE)
    for found in (literal(hostile(value)), literal([hostile(value)])[0], literal(slice(None, hostile(value))).stop):
        assert type(found) is kind
        assert found == value


@pytest.mark.parametrize("value", [True, None, ..., 3, 2.5, "m", np.float32(2), np.int64(3), (1, "m"), [1]], ids=repr)
def test_what_is_plain_stays_what_it_is(value):
    found = literal(value)
    assert type(found) is type(value)
    assert found == value


def test_an_array_is_the_same_array():
    array = np.array([1, 2])
    assert literal(array) is array


class Own(cr.Node):
    """k x^f + number, with facts that print themselves."""

    k: int = 3
    f: float = 1.0

    def forward(self, x):
        return x * Fraction(2.5) + Whole(3) + self.k * x**self.f

    def backward(self, grad, y, x):
        return (grad * Fraction(2.5) + grad * self.k * self.f * x ** (self.f - 1),)


X, W = cr.Input("x", (Whole(3), "m")), cr.Parameter("W", (Whole(2), Whole(3)))
FEEDS = {"x": np.arange(12.0).reshape(3, 4) / 7, "W": np.arange(1.0, 7.0).reshape(2, 3) / 5}
Z = W @ X
NODES = {
    "an axis": cr.Sum(Z, axis=Axis.COLUMNS),
    "axes": cr.Transpose(Z, axes=(Axis.COLUMNS, Axis.ROWS)),
    "an index": Z[Whole(1)],
    "a slice": Z[Whole(0) : Whole(1), :: Whole(1)],
    "a shape": cr.Reshape(W, to=(Whole(-1),)),
    "a bound": cr.Clip(Z, low=Fraction(0.5)),
    "facts of one's own": Own(Z, k=Whole(2), f=Fraction(2.0)),
    "an operand": W * Fraction(3.5),
}


@pytest.mark.parametrize("node", NODES.values(), ids=NODES)
def test_plans_and_notations_print_plain_numbers(node):
    graph = cr.Graph(cr.Sum(cr.Square(node), name="L"))
    feeds = {name: x for name, x in FEEDS.items() if name in graph}
    right = graph.forward(feeds).backward()["W"]
    for backend in ("numpy", "auto"):
        plan = graph.compile(backend=backend)
        np.testing.assert_allclose(plan(feeds)[1]["W"], right, rtol=1e-12)
        texts = [plan.source, plan.explain(), str(plan.program)]
        assert "Axis." not in "".join(texts)
    formula = graph.derivation()["dW"]
    assert "Axis." not in "".join([str(graph.derivation()), formula.unicode, formula.latex, formula.mathml])
    assert "Axis." not in str(graph) + graph.draw("formulas").dot


def test_a_rule_of_python_objects_is_called_as_it_is():
    """A ufunc of np.frompyfunc gives objects, which become numbers again when they are converted."""
    half = np.frompyfunc(lambda number: number / 2, 1, 1)

    class Half(cr.Node):
        def forward(self, x):
            return half(x).astype(float)

        def backward(self, grad, y, x):
            return (half(grad).astype(float),)

    graph = cr.Graph(cr.Sum(Half(cr.Parameter("q", (3,))), name="L"))
    loss, gradients = graph.compile()({"q": [1.0, 2.0, 4.0]})
    assert loss == 3.5
    np.testing.assert_array_equal(gradients["q"], [0.5, 0.5, 0.5])
    assert "Half" in str(graph.derivation())
