"""A Symbol records what NumPy would have done: the function, what it was given, the shape and dtype that come out."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import Untraceable
from chainrule.symbols.symbol import Symbol

X = Symbol.leaf("x", (2, 3, "m"))
SAMPLE = np.zeros((2, 3, 11))


def shape_of(value):
    return tuple(size if isinstance(size, int) else size.evaluate({"m": 11}) for size in value.shape)


@pytest.mark.parametrize(
    ("do", "operation", "options"),
    [
        (lambda x: x.reshape(6, -1), np.reshape, {"shape": (6, -1)}),
        (lambda x: x.reshape((6, -1)), np.reshape, {"shape": (6, -1)}),
        (lambda x: x.reshape(-1), np.reshape, {"shape": -1}),
        (lambda x: x.transpose(), np.transpose, {}),
        (lambda x: x.transpose(2, 0, 1), np.transpose, {"axes": (2, 0, 1)}),
        (lambda x: x.transpose((1, 0, 2)), np.transpose, {"axes": (1, 0, 2)}),
        (lambda x: x.T, np.transpose, {}),
        (lambda x: x.mT, np.swapaxes, {"axis1": -1, "axis2": -2}),
        (lambda x: x.sum(axis=1), np.sum, {"axis": 1}),
        (lambda x: np.add.reduce(x, axis=1), np.sum, {"axis": 1}),
        (lambda x: np.maximum.reduce(x, axis=0, keepdims=True), np.max, {"axis": 0, "keepdims": True}),
        (lambda x: x.sum(axis=None, keepdims=False), np.sum, {}),
        (lambda x: x.mean(keepdims=True), np.mean, {"keepdims": True}),
        (lambda x: np.exp(x), np.exp, {}),
    ],
)
def test_what_is_done_is_written_down_without_the_defaults(do, operation, options):
    done = do(X)
    assert (done.operation, done.operands, done.options) == (operation, (X,), options)
    assert shape_of(done) == np.shape(do(SAMPLE))


@pytest.mark.parametrize("dtype", [float, np.float32, int, bool])
def test_a_leaf_has_the_dtype_it_was_given(dtype):
    assert Symbol.leaf("x", (2,), dtype).dtype == np.dtype(dtype)


@pytest.mark.parametrize("start", [np.float32, np.float64, np.int64])
def test_a_dtype_is_kept_by_what_keeps_it_and_floating_otherwise(start):
    x = Symbol.leaf("x", (2, 3), start)
    kept = [
        x + x,
        -x,
        np.abs(x),
        x.sum(),
        x.max(axis=0),
        x.T,
        x.reshape(6),
        x[0],
        np.concatenate([x, x]),
        np.take(x, 0),
    ]
    assert {result.dtype for result in kept} == {np.dtype(start)}
    assert {result.dtype for result in (np.exp(x), x / x, x.mean())} == {np.dtype(float)}
    assert (x + Symbol.leaf("y", (2, 3), bool)).dtype == float
    assert {result.dtype for result in (x > 0, x == x, np.isfinite(x))} == {np.dtype(bool)}  # noqa: PLR0124 — how NaN is found
    assert x.argmax(axis=0).dtype == np.intp


def test_a_cast_to_another_dtype_is_a_step_and_to_its_own_none():
    x = Symbol.leaf("x", (2, 3))
    cast = x.astype(np.float32)
    assert (cast.operation, cast.operands, cast.options) == (np.astype, (x,), {"dtype": np.dtype(np.float32)})
    assert (cast.dtype, cast.shape) == (np.dtype(np.float32), (2, 3))
    assert x.astype(np.float64) is x


def test_one_operand_of_unknown_shape_makes_the_result_unknown():
    assert shape_of(X + np.ones((5, 1, 1, 1))) == (5, 2, 3, 11)
    unknown = Symbol.leaf("u", None)
    for result in (X + unknown, np.concatenate([X, unknown]), unknown.reshape(3)):
        assert result.known_shape is None


UNKNOWN = "a Symbol stands for a value, and its numbers are not known before there is data"


@pytest.mark.parametrize(
    ("work", "why"),
    [
        (lambda: np.linalg.inv(Symbol.leaf("x", (3, 3))), "np.linalg.inv cannot be recorded"),
        (lambda: np.add.outer(X, X), "np.add.outer cannot be recorded"),
        (lambda: np.exp(X, where=True), "np.exp with where cannot be recorded"),
        (lambda: np.vecdot(X, X), "np.vecdot is no function of entries with one result: it cannot be recorded"),
        (lambda: np.modf(X), "np.modf is no function of entries with one result: it cannot be recorded"),
        (lambda: np.logical_and.reduce(X), "np.logical_and.reduce cannot be recorded"),
        (lambda: list(X), "a Symbol stands for a value, and a loop over its entries cannot be recorded"),
        (lambda: len(Symbol.leaf("x", ("m", 2))), "a Symbol stands for a value, and its length depends on the data"),
        (lambda: bool(X), f"{UNKNOWN}: bool() of an input asks for them"),
        (lambda: float(X), f"{UNKNOWN}: float() or a function of math of an input asks for them"),
        (lambda: np.asarray(X), f"{UNKNOWN}: np.asarray() of an input asks for them"),
        (lambda: np.sum(X, where=True), "np.sum: got an unexpected keyword argument 'where'"),
        (lambda: Symbol.leaf("u", None).shape, "the shape of this value is unknown before there is data"),
    ],
)
def test_what_cannot_be_recorded_says_why(work, why):
    with pytest.raises(Untraceable) as caught:
        work()
    assert str(caught.value) == why


def test_the_transpose_of_a_matrix_is_written_as_such():
    matrix = Symbol.leaf("w", (2, 3))
    assert (matrix.mT.operation, matrix.T.operation, X.mT.operation) == (np.transpose, np.transpose, np.swapaxes)


def test_a_rule_written_with_a_function_of_rows_is_called_as_it_is():
    """It was recorded as a function of entries: the node had the shape (2, 3), and its plan broke down in NumPy."""

    class Products(cr.Node):
        def forward(self, x, y):
            return np.vecdot(x, y)

        def backward(self, grad, out, x, y):
            return grad[:, None] * y, grad[:, None] * x

    products = Products(cr.Input("x", (2, 3)), cr.Parameter("y", (2, 3)), name="p")
    assert products.shape == (2,)
    graph = cr.Graph(cr.Sum(products, name="L"))
    feeds = {"x": np.arange(6.0).reshape(2, 3), "y": np.ones((2, 3))}
    assert graph.forward(feeds)["p"].tolist() == [3, 12]
    loss, gradients = graph.compile()(feeds)
    assert (float(loss), gradients["y"].tolist()) == (15, feeds["x"].tolist())


@pytest.mark.parametrize("key", [[1, 0], (slice(None), [2, 0, 2]), ([0, 1, 0], [2, 2, 1]), [True, False]], ids=str)
def test_a_list_in_an_index_is_an_array_to_a_rule_as_to_numpy(key):
    """As a tuple, [1, 0] was the entry x[1, 0]: the derivation said so, and there was no plan."""

    class Picked(cr.Node):
        def forward(self, x):
            return x[key]

        def backward(self, grad, y, x):
            gradient = np.zeros_like(x)
            np.add.at(gradient, key, grad)
            return (gradient,)

    picked = Picked(cr.Parameter("x", (2, 3)), name="y")
    x = np.arange(6.0).reshape(2, 3)
    assert picked.shape == x[key].shape
    graph = cr.Graph(cr.Sum(cr.Square(picked), name="L"))
    text = str(graph.derivation()["y"])
    np.testing.assert_array_equal(eval(text, {"np": np, "x": x}), x[key])  # noqa: S307 — the text is the engine's own
    loss, gradients = graph.compile()({"x": x})
    assert loss == (x[key] ** 2).sum()
    np.testing.assert_array_equal(gradients["x"], graph.forward({"x": x}).backward()["x"])


def test_the_length_of_a_numbered_axis_is_known():
    assert len(X) == 2


def test_symbols_print_what_they_are():
    assert repr(X) == "<Symbol x (2, 3, m)>"
    assert repr(np.exp(X)) == "<Symbol exp (2, 3, m)>"
    assert repr(Symbol.leaf(None, None)) == "<Symbol value (?)>"
    assert repr(Symbol(None, shape=())) == "<Symbol value ()>"


def test_an_option_that_only_looks_like_its_default_is_written_down():
    """0 == False: what NumPy was given is what is written."""
    assert X.sum(axis=0, keepdims=0).options == {"axis": 0, "keepdims": 0}
