"""Every function that a formula may call: what it gives, how many steps it counts, and how it refuses the rest."""

import functools
import math

import numpy as np
import pytest

from chainrule.errors import FormulaError
from chainrule.judging.reading import arranging, computing, operands, vocabulary
from chainrule.judging.reading.vocabulary import FUNCTIONS, METHODS, NUMPY
from chainrule.judging.reading.work import LARGEST, Work
from chainrule.symbols import elementary

# Every axis has another size.
X = np.arange(15.0).reshape(3, 5) - 7
Y = np.arange(20.0).reshape(4, 5) + 1
C = np.array([2.0, 3.0, 5.0])
V = np.array([2.0, -1.0, 0.5, 3.0, -2.0])  # as long as a row of X
COLUMN, ROW = C[:, None], V[None, :]
B = np.arange(30.0).reshape(2, 3, 5)
D = np.arange(140.0).reshape(7, 5, 4)
IDS = np.array([1, 0])
X32 = X.astype(np.float32)
EMPTY = np.zeros((0, 5))
ALL = slice(None)


def counted(function, *args, **options):
    """The result of a function, and the steps that it took."""
    work = Work([])
    before = work.left
    result = function(work, *args, **options)
    return result, before - work.left


def refused(function, *args, **options):
    """What a function says of what it cannot take, what would work, and the steps it counted before."""
    work = Work([])
    before = work.left
    with pytest.raises(FormulaError) as caught:
        function(work, *args, **options)
    return caught.value.what, caught.value.remedy, before - work.left


def assert_same(result, expected):
    """Equal to the last digit: NumPy computes both."""
    if isinstance(expected, np.ndarray):
        assert result.dtype == expected.dtype
    else:
        assert type(result) is type(expected)
    np.testing.assert_array_equal(result, expected, strict=isinstance(expected, np.ndarray))


# --- each function -----------------------------------------------------------------------------------------------

# A step is an addition of two numbers: size times the steps for one number, and one for the call.
ENTRY_BY_ENTRY = [
    ("add", (COLUMN, ROW), COLUMN + ROW, 15 * 3 + 1),
    ("subtract", (X, 1), X - 1, 15 * 3 + 1),
    ("multiply", (2, X), 2 * X, 15 * 3 + 1),
    ("multiply", (X32, 2.5), X32 * np.float32(2.5), 15 * 3 + 1),
    ("multiply", (2, 3), 6, 0),
    ("multiply", (2**31, 2**31), 2.0**62, 0),
    ("divide", (1, 4), 0.25, 0),
    ("maximum", (X, 0), np.maximum(X, 0), 15 * 3 + 1),
    ("negative", (X,), -X, 15 * 3 + 1),
    ("negative", (2,), -2, 1 * 3 + 1),
    ("exp", (X,), np.exp(X), 15 * 50 + 1),
    ("exp", (0,), 1.0, 1 * 50 + 1),
    ("greater", (X, 0), X > 0, 15 * 3 + 1),
    ("power", (X, 3), X**3, 15 * 60 + 1),
    ("power", (COLUMN, ROW), COLUMN**ROW, 15 * 60 + 1),
    ("power", (X, 2), X * X, 15 * 3 + 1),
    ("power", (X32, 0.5 + 0.5), X32, 15 * 60 + 1),
    ("power", (IDS, 3), IDS**3.0, 2 * 60 + 1),
    ("power", (2, IDS), 2.0**IDS, 2 * 60 + 1),
    ("power", (2, -IDS), np.array([0.5, 1.0]), 2 * 60 + 1),
    ("power", (2, X32), np.float32(2) ** X32, 15 * 60 + 1),
    ("power", (2, 3), 8, 0),
    ("power", (3, 0), 1, 0),
    ("power", (2, 2), 4, 0),
    ("power", (2, 31), 2**31, 0),
    ("power", (-2, 31), -(2**31), 0),
    ("power", (2, 32), 2.0**32, 0),
    ("power", (2, -1), 0.5, 0),
    ("power", (2.0, 3), 8.0, 0),
    ("power", (2, 3.0), 8.0, 0),
    ("relu", (X,), np.maximum(X, 0), 15 * 3 + 1),
    ("relu_slope", (np.array([-1.0, 0.0, 2.0]),), np.array([0.0, 0.0, 1.0]), 3 * 2 + 1),
    ("relu_slope", (X32,), (X32 > 0).astype(np.float32), 15 * 2 + 1),
    ("relu_slope", (IDS,), np.array([1.0, 0.0]), 2 * 2 + 1),
    ("where", (COLUMN > 2, ROW, 1), np.where(COLUMN > 2, ROW, 1), 15 * 4 + 1),
    ("where", (C > 2, 1, COLUMN), np.where(C > 2, 1, COLUMN), 9 * 4 + 1),
    ("clip", (X, -2, 3), np.clip(X, -2, 3), 15 * 4 + 1),
    ("clip", (ROW, None, COLUMN), np.minimum(ROW, COLUMN), 15 * 4 + 1),
    ("clip", (X, COLUMN - 4, None), np.maximum(X, COLUMN - 4), 15 * 4 + 1),
    ("sigmoid", (X,), elementary.sigmoid(X), 15 * 60 + 1),
    ("sigmoid", (IDS,), elementary.sigmoid(IDS * 1.0), 2 * 60 + 1),
    ("normal_cdf", (X,), elementary.normal_cdf(X), 15 * 200 + 1),
    ("xlogy", (COLUMN, np.abs(ROW)), COLUMN * np.log(np.abs(ROW)), 15 * 60 + 1),
    ("xlogy", (X32, 2), X32 * np.log(np.float32(2)), 15 * 60 + 1),
    ("xlogy", (2, X32 + 8), 2 * np.log(X32 + 8), 15 * 60 + 1),
    ("ratio", (1, 4), np.array(0.25), 1 * 60 + 1),
    ("softmax", (X,), elementary.softmax(X), 15 * 60 + 1),
    ("softmax", (X, 0), elementary.softmax(X, axis=0), 15 * 60 + 1),
    ("centered", (X, 1), elementary.centered(X, axis=1), 15 * 60 + 1),
    ("logsumexp", (X, (0, 1)), np.asarray(elementary.logsumexp(X)), 15 * 60 + 1),
]
OVER_AN_AXIS = [
    ("sum", (X,), np.sum(X), 15 * 3 + 1),
    ("sum", (X, 1), X.sum(1), 15 * 3 + 1),
    ("sum", (B, (0, 2)), B.sum((0, 2)), 30 * 3 + 1),
    ("sum", (EMPTY, 0), np.zeros(5), 1),
    ("any", (X > 9,), np.False_, 15 * 3 + 1),
    ("argmax", (X, 1), np.array([4, 4, 4]), 15 * 3 + 1),
    ("mean", (X,), np.mean(X), 15 * 8 + 1),
    ("std", (X, 0), X.std(0), 15 * 8 + 1),
    ("average", (X, 1), X.mean(1), 15 * 20 + 1),
    ("average", (X, 0, C), np.average(X, 0, C), 15 * 20 + 1),
    ("norm", (X,), np.linalg.norm(X), 15 * 8 + 1),
    ("norm", (X, 2, 0), np.linalg.norm(X, axis=0), 15 * 8 + 1),
    ("trace", (X,), np.trace(X), 15 * 1 + 1),
    ("count_nonzero", (X, 0), np.count_nonzero(X, axis=0), 15 * 3 + 1),
    ("cumsum", (X,), np.cumsum(X), 15 * 3 + 1),
    ("cumsum", (X, 1), np.cumsum(X, 1), 15 * 3 + 1),
]
PRODUCTS = [
    ("matmul", (X, Y.T), X @ Y.T, 12 * 6 + 1),
    ("matmul", (V, Y.T), V @ Y.T, 4 * 6 + 1),
    ("matmul", (X, V), X @ V, 3 * 6 + 1),
    ("matmul", (V, V), V @ V, 1 * 6 + 1),
    ("matmul", (B, Y.T), B @ Y.T, 24 * 6 + 1),
    ("matmul", (B[:, None], D), B[:, None] @ D, 168 * 6 + 1),
    ("matmul", (X, D), X @ D, 84 * 6 + 1),
    ("dot", (X, Y.T), X @ Y.T, 12 * 6 + 1),
    ("dot", (V, V), V @ V, 1 * 6 + 1),
    ("dot", (2, X), 2 * X, 15 * 3 + 1),
    ("dot", (X, 2), 2 * X, 15 * 3 + 1),
    ("dot", (2, 3), 6, 0),
    ("dot", (B, V), np.dot(B, V), 6 * 6 + 1),
    ("dot", (B, D), np.dot(B, D), 168 * 6 + 1),
    ("dot", (X, D), np.dot(X, D), 84 * 6 + 1),
    ("dot", (B[..., :0], V[:0]), np.zeros((2, 3)), 1),
    ("outer", (C, Y), np.outer(C, Y), 60 + 1),
    ("inner", (X, Y), X @ Y.T, 12 * 6 + 1),
    ("inner", (2, X), 2 * X, 15 * 3 + 1),
    ("vdot", (X, X), np.vdot(X, X), 15 * 3 + 1),
    ("tensordot", (X, Y, ((1,), (1,))), X @ Y.T, 12 * 6 + 1),
    ("tensordot", (X, Y, (1, 1)), X @ Y.T, 12 * 6 + 1),
    ("tensordot", (X, Y.T, 1), X @ Y.T, 12 * 6 + 1),
    ("tensordot", (C, V, 0), np.outer(C, V), 15 * 2 + 1),
    ("tensordot", (X, X), np.tensordot(X, X), 1 * 16 + 1),
    ("einsum", ("ij,kj->ik", X, Y), np.einsum("ij,kj->ik", X, Y), 60 * 4 + 1),
    ("einsum", (" ij , kj -> ik ", X, Y), np.einsum("ij,kj->ik", X, Y), 60 * 4 + 1),
    ("einsum", ("ij,jk", X, Y.T), np.einsum("ij,jk->ik", X, Y.T), 60 * 4 + 1),
    ("einsum", ("iJ->Ji", X), X.T, 15 * 3 + 1),
    ("einsum", (",i->i", 2, C), 2 * C, 3 * 4 + 1),
    ("einsum", ("ij->", X), np.einsum("ij->", X), 15 * 3 + 1),
]
ARRANGEMENTS = [
    ("transpose", (X,), X.T, 1),
    ("transpose", (B, (1, 2, 0)), np.transpose(B, (1, 2, 0)), 1),
    ("swapaxes", (B, 0, 2), np.swapaxes(B, 0, 2), 1),
    ("swapaxes", (B, 1, -1), np.swapaxes(B, 1, 2), 1),
    ("reshape", (X, (5, 3)), X.reshape(5, 3), 15 + 1),
    ("reshape", (X, -1), X.reshape(15), 15 + 1),
    ("ravel", (X,), X.reshape(15), 15 + 1),
    ("squeeze", (COLUMN,), C, 1),
    ("squeeze", (COLUMN[None], 0), COLUMN, 1),
    ("expand_dims", (C, 1), COLUMN, 1),
    ("expand_dims", (C, (0, 2)), C[None, :, None], 1),
    ("broadcast_to", (COLUMN, (3, 5)), COLUMN + np.zeros(5), 15 + 1),
    ("broadcast_to", (2, 4), np.array([2, 2, 2, 2]), 4 + 1),
    ("concatenate", ((X, Y),), np.concatenate((X, Y)), 35 + 1),
    ("concatenate", ([X, COLUMN], 1), np.concatenate((X, COLUMN), axis=1), 18 + 1),
    ("concatenate", ([X, C], None), np.concatenate((X, C), axis=None), 18 + 1),
    ("stack", ((C, 2 * C),), np.stack((C, 2 * C)), 6 + 1),
    ("stack", ([C, 2 * C], 1), np.stack((C, 2 * C), axis=1), 6 + 1),
    ("tile", (X, (2, 4)), np.tile(X, (2, 4)), 120 * 2 + 1),
    ("tile", (C, 4), np.tile(C, 4), 12 * 2 + 1),
    ("repeat", (X, 2), np.repeat(X, 2), 30 * 2 + 1),
    ("repeat", (X, 2, 1), np.repeat(X, 2, axis=1), 30 * 2 + 1),
    ("take", (X, IDS), np.array([-6.0, -7.0]), 2 * 4 + 1),
    ("take", (X, IDS, 1), X[:, [1, 0]], 6 * 4 + 1),
    ("take", (X, IDS, 0), X[[1, 0]], 10 * 4 + 1),
    ("take", (EMPTY, IDS, 1), EMPTY[:, :2], 1),
    ("take", (EMPTY, IDS[:0], 0), EMPTY, 1),
    ("take", (np.array(2.0), np.array([0]), 0), np.array([2.0]), 1 * 4 + 1),
    ("diag", (C,), np.diag(C), 9 + 1),
    ("diag", (X,), np.diag(X), 15 + 1),
    ("tril", (X,), np.tril(X), 15 * 4 + 1),
    ("triu", (C,), np.triu(C), 9 * 4 + 1),
]
NEW_ARRAYS = [
    ("array", (((1, 2), (3, 4.5)),), np.array([[1, 2], [3, 4.5]]), 4 * 2 + 1),
    ("array", (C, np.dtype("int")), np.array([2, 3, 5]), 3 * 2 + 1),
    ("zeros", (4,), np.zeros(4), 4 + 1),
    ("zeros", ((2, 3), np.dtype("int32")), np.zeros((2, 3), np.int32), 6 + 1),
    ("ones", ((2, 3),), np.ones((2, 3)), 6 + 1),
    ("ones", (2, np.dtype("bool")), np.ones(2, bool), 2 + 1),
    ("full", ((2, 3), 7), np.full((2, 3), 7), 6 + 1),
    ("full", (3, 7, np.dtype("float32")), np.full(3, 7, np.float32), 3 + 1),
    ("full", (3, C), C, 3 + 1),
    ("zeros_like", (X32,), np.zeros((3, 5), np.float32), 15 + 1),
    ("ones_like", (IDS,), np.array([1, 1]), 2 + 1),
    ("full_like", (X, 2), np.full((3, 5), 2.0), 15 + 1),
    ("eye", (3,), np.eye(3), 9 + 1),
    ("eye", (3, 4), np.eye(3, 4), 12 + 1),
    ("eye", (3, None, np.dtype("int")), np.eye(3, dtype=int), 9 + 1),
    ("arange", (4,), np.array([0, 1, 2, 3]), 4 + 1),
    ("arange", (-2,), np.array([], int), 1),
    ("copy", (X,), X, 15 + 1),
    ("copy", ((1, 2, 3),), np.array([1, 2, 3]), 3 + 1),
    ("astype", (X, np.dtype("float32")), X32, 15 * 2 + 1),
    ("len", (X,), 3, 1),
    ("len", ((1, 2),), 2, 1),
    ("len", ([X],), 1, 1),
    ("size", (X,), 15, 1),
    ("float", (3,), 3.0, 1),
    ("float64", (np.array([[2]]),), np.array([[2.0]]), 1 * 2 + 1),
    ("float64", (3,), 3.0, 1 * 2 + 1),
    ("int64", (X > 0,), (X > 0).astype(np.int64), 15 * 2 + 1),
    ("int32", (2.75,), 2, 1 * 2 + 1),
    ("bool_", (X,), X != 0, 15 * 2 + 1),
    ("int", (2.7,), 2, 1),
    ("int", (np.array([-2.7]),), -2, 1),
    ("int", (2.0**40,), 2.0**40, 1),
]
GRADIENTS = [
    ("put", (C, (ALL, 1), X), np.stack([0 * C, C, 0 * C, 0 * C, 0 * C], axis=1), 15 * 2 + 1 + 3 * 20 + 1),
    ("put", (1, slice(0, 2), C), np.array([1.0, 1.0, 0.0]), 3 * 2 + 1 + 3 * 20 + 1),
    ("put", (np.array([4, 8]), np.array([1, 1]), IDS), np.array([0.0, 12.0]), 2 * 2 + 1 + 2 * 20 + 1),
    ("unbroadcast", (X, COLUMN), X.sum(axis=1, keepdims=True), 15 + 1),
    ("unbroadcast", (X, 2), X.sum(), 15 + 1),
    ("unbroadcast", (X, X), X, 15 + 1),
]
ROWS = [*ENTRY_BY_ENTRY, *OVER_AN_AXIS, *PRODUCTS, *ARRANGEMENTS, *NEW_ARRAYS, *GRADIENTS]


@pytest.mark.parametrize(
    ("name", "args", "expected", "steps"), ROWS, ids=[f"{k}-{name}" for k, (name, *_) in enumerate(ROWS)]
)
def test_a_function_gives_what_numpy_gives_and_counts_its_steps(name, args, expected, steps):
    result, taken = counted(FUNCTIONS[name], *args)
    assert_same(result, expected)
    assert_same(taken, steps)


KEYWORDS = [
    ("sum", (X,), {"axis": 0, "keepdims": True}, X.sum(axis=0, keepdims=True)),
    ("sum", (X, 1), {"keepdims": 1}, X.sum(axis=1, keepdims=True)),
    ("mean", (X,), {"axis": 1, "keepdims": 0}, X.mean(axis=1)),
    ("logsumexp", (X, 1), {"keepdims": True}, elementary.logsumexp(X, axis=1, keepdims=True)),
    ("logsumexp", (X,), {"axis": (0, 1), "keepdims": 1}, elementary.logsumexp(X, axis=(0, 1), keepdims=True)),
    ("log_softmax", (X,), {"axis": np.array(0)}, elementary.log_softmax(X, axis=0)),
    ("eye", (2,), {"M": 3}, np.eye(2, 3)),
    ("clip", (X,), {"a_min": 0, "a_max": 2}, np.clip(X, 0, 2)),
    ("transpose", (B,), {"axes": [1, 0, 2]}, np.transpose(B, (1, 0, 2))),
    ("array", (IDS,), {"dtype": np.dtype(float)}, np.array([1.0, 0.0])),
]


@pytest.mark.parametrize(
    ("name", "args", "options", "expected"), KEYWORDS, ids=[f"{k}-{name}" for k, (name, *_) in enumerate(KEYWORDS)]
)
def test_options_go_by_the_names_that_numpy_has(name, args, options, expected):
    assert_same(counted(FUNCTIONS[name], *args, **options)[0], expected)


REFUSALS = [
    ("add", (X, "a"), "text is no value to compute with", "", 0),
    ("exp", (None,), "None is no value to compute with", "", 0),
    ("where", (X, slice(2), X), "a slice is no value to compute with", "", 0),
    ("power", (X, ...), "Ellipsis is no value to compute with", "", 0),
    ("multiply", (np.dtype(bool), X), "bool is no value to compute with", "", 0),
    ("add", (X * 1j, X), "complex128 is no array of real numbers", "", 0),
    ("ravel", (np.array(["a"]),), "<U1 is no array of real numbers", "", 0),
    ("sum", (X,), "keepdims is True or False, not 2.5", "", 46, {"keepdims": 2.5}),
    ("logsumexp", (X,), f"keepdims is True or False, not '{'b' * 39}", "", 901, {"keepdims": "b" * 60}),
    ("sum", (X, 0.5), "an axis is a whole number, not 0.5", "", 46),
    ("sum", (X, True), "an axis is a whole number, not True", "", 46),
    ("sum", (X, (0, None)), "an axis is a whole number, not None", "", 46),
    ("softmax", (X, 1.5), "an axis is a whole number, not 1.5", "", 901),
    ("mean", (EMPTY,), "an array of shape (0, 5) holds nothing to reduce", "", 1),
    ("matmul", (2, X), "@ is a product of matrices, and a number is none", "* multiplies by a number", 0),
    ("matmul", (X, np.array(2.0)), "@ is a product of matrices, and a number is none", "* multiplies by a number", 0),
    ("einsum", ("ij", X, Y), "'ij' does not name the axes of 2 operands", "'ij,kj->ik'", 0),
    ("einsum", ("ij,kj->ik", X), "'ij,kj->ik' does not name the axes of 1 operand", "'ij,kj->ik'", 0),
    ("einsum", ("ij->ik", X), "'ij->ik' does not name the axes of 1 operand", "'ij,kj->ik'", 0),
    ("einsum", ("...j", X), "'...j' does not name the axes of 1 operand", "'ij,kj->ik'", 0),
    ("einsum", ("ij->i->j", X), "'ij->i->j' does not name the axes of 1 operand", "'ij,kj->ik'", 0),
    ("einsum", ("i,jk", X, Y), "'i,jk' does not fit the shapes (3, 5), (4, 5): one letter for every axis", "", 0),
    ("einsum", ("ij,jk->ik", X, Y), "'ij,jk->ik': j is 5 and 4 in (3, 5), (4, 5)", "", 0),
    ("einsum", ("ii->i", X), "'ii->i': i is 3 and 5 in (3, 5)", "", 0),
    ("transpose", (X, (0, "a")), "an axis is a whole number, not 'a'", "", 1),
    ("swapaxes", (X, 0.5, 1), "an axis is a whole number, not 0.5", "", 1),
    ("swapaxes", (X, 0, None), "an axis is a whole number, not None", "", 1),
    ("reshape", (X, 2.5), "a size is a whole number, not 2.5", "", 16),
    ("expand_dims", (X, None), "an axis is a whole number, not None", "", 1),
    ("broadcast_to", (2, (2, -1)), "the shape (2, -1) has a negative size", "", 0),
    ("concatenate", (X,), "the values to join are given in brackets", "np.concatenate([A, B], axis=0)", 0),
    ("stack", (X,), "the values to join are given in brackets", "np.concatenate([A, B], axis=0)", 0),
    ("stack", ([C, C], None), "an axis is a whole number, not None", "", 7),
    ("tile", (X, -1), "the shape (-1,) has a negative size", "", 0),
    ("repeat", (X, 2.5), "the number of repeats is a whole number, not 2.5", "", 0),
    ("zeros", ((2, -3),), "the shape (2, -3) has a negative size", "", 0),
    ("ones", ((1,) * 17,), "a shape of 17 axes has more than 16", "", 0),
    ("full", (2, None), "None is no value to compute with", "", 3),
    ("full_like", (X, None), "None is no value to compute with", "", 16),
    ("eye", (C,), "a size is a whole number, not array([2., 3., 5.])", "", 0),
    ("eye", (2, 0.5), "a size is a whole number, not 0.5", "", 0),
    ("arange", (2.5,), "the end of arange is a whole number, not 2.5", "", 0),
    ("len", (2,), "a number has no length", "", 1),
    ("float", (X,), "an array of shape (3, 5) is not one number", "", 1),
    ("int", (C[:0],), "an array of shape (0,) is not one number", "", 1),
    ("int", (math.inf,), "inf is no whole number", "", 1),
    ("unbroadcast", (ROW, X), "(3, 5) does not broadcast to (1, 5), so nothing can be undone", "", 6),
]


@pytest.mark.parametrize("row", REFUSALS, ids=[f"{k}-{row[0]}" for k, row in enumerate(REFUSALS)])
def test_a_function_says_what_it_cannot_take(row):
    name, args, what, remedy, steps, *options = row
    assert refused(FUNCTIONS[name], *args, **(options[0] if options else {})) == (what, remedy, steps)


RAISED = [
    ("take", (X, IDS, 2), "axis 2 is out of bounds for array of dimension 2", 0),
    ("repeat", (X, -2), "negative dimensions are not allowed", 1),
    ("add", (X, Y), "shape mismatch: objects cannot be broadcast", 0),
    ("put", (X, (0, 1), C[:, None]), "", 3 * 2 + 1 + 15 * 20 + 1),
]


@pytest.mark.parametrize(("name", "args", "begins", "steps"), RAISED, ids=[name for name, *_ in RAISED])
def test_what_numpy_refuses_was_counted_before(name, args, begins, steps):
    work = Work([])
    before = work.left
    with pytest.raises((ValueError, IndexError)) as caught:
        FUNCTIONS[name](work, *args)
    assert str(caught.value).startswith(begins)
    assert before - work.left == steps


def test_an_array_is_copied_where_numpy_copies_it():
    for function in (NUMPY["array"], NUMPY["copy"], NUMPY["asarray"]):
        assert not np.shares_memory(counted(function, X)[0], X)


METHOD_CALLS = [
    ("reshape", (X, 5, 3), X.reshape(5, 3)),
    ("reshape", (X, (5, 3)), X.reshape(5, 3)),
    ("reshape", (X, -1), X.reshape(15)),
    ("transpose", (B,), B.T),
    ("transpose", (B, 1, 0, 2), np.transpose(B, (1, 0, 2))),
    ("transpose", (B, (1, 0, 2)), np.transpose(B, (1, 0, 2))),
    ("transpose", (C, 0), C),
    ("flatten", (X,), X.reshape(15)),
    ("item", (np.array([[2]]),), 2.0),
    ("dot", (X, V), X @ V),
]


@pytest.mark.parametrize(
    ("name", "args", "expected"), METHOD_CALLS, ids=[f"{k}-{name}" for k, (name, *_) in enumerate(METHOD_CALLS)]
)
def test_a_method_takes_its_array_first(name, args, expected):
    assert_same(counted(METHODS[name], *args)[0], expected)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("expit", "sigmoid"),
        ("dsigmoid", "sigmoid_slope"),
        ("sigmoid_prime", "sigmoid_slope"),
        ("sigmoid_derivative", "sigmoid_slope"),
        ("dtanh", "tanh_slope"),
        ("tanh_prime", "tanh_slope"),
        ("tanh_derivative", "tanh_slope"),
        ("ReLU", "relu"),
        ("drelu", "relu_slope"),
        ("relu_prime", "relu_slope"),
        ("relu_derivative", "relu_slope"),
        ("identity", "eye"),
        ("asarray", "array"),
        ("sigmoidGradient", "sigmoid_slope"),
        ("sigmoid_deriv", "sigmoid_slope"),
        ("d_tanh", "tanh_slope"),
        ("relu2deriv", "relu_slope"),
        ("LeakyReLU_prime", "leaky_relu_slope"),
        ("row_stack", "vstack"),
    ],
)
def test_a_function_goes_by_its_usual_names(alias, name):
    assert FUNCTIONS[alias] is FUNCTIONS[name]


# --- how they are made ---------------------------------------------------------------------------------------------


def test_a_function_of_numpy_takes_one_value_or_two():
    one, two = computing.entrywise(np.tanh, 7), computing.entrywise(np.multiply, 7)
    result, taken = counted(one, X32)
    assert_same(result, np.tanh(X32))
    assert taken == 15 * 7 + 1
    assert counted(one, 0) == (0.0, 8)
    assert type(counted(one, 0)[0]) is float
    assert counted(one, [0, 0])[0].tolist() == [0.0, 0.0]
    assert type(counted(computing.entrywise(np.negative, 1), 2**31)[0]) is int
    assert counted(one, X32[0, 0])[0].dtype == counted(two, X32[0, 0], 2)[0].dtype == np.float32
    result, taken = counted(two, COLUMN, ROW)
    assert_same(result, COLUMN * ROW)
    assert taken == 15 * 7 + 1
    for args in ((2, C), (C, 2)):
        result, taken = counted(two, *args)
        assert_same(result, 2 * C)
        assert taken == 3 * 7 + 1
    assert_same(counted(two, (1, 2), 2)[0], np.array([2, 4]))
    assert counted(two, 2**31, 3) == (3.0 * 2**31, 0)
    assert type(counted(two, 2**31, 3)[0]) is float
    assert refused(two, None, X)[0] == refused(two, X, None)[0] == "None is no value to compute with"
    assert str(vocabulary.parameters(one)).startswith("(x: ")
    assert list(vocabulary.parameters(two).parameters) == ["x", "y"]


def test_an_elementary_function_takes_values_by_position_and_facts_by_either():
    function = computing.elementary_function(elementary.logsumexp)
    result, taken = counted(function, IDS, 0)
    assert result == elementary.logsumexp(IDS * 1.0, axis=0)
    assert taken == 2 * 60 + 1
    assert_same(counted(function, X, axis=1)[0], elementary.logsumexp(X, axis=1))
    assert_same(counted(function, X, 1, keepdims=True)[0], elementary.logsumexp(X, axis=1, keepdims=True))
    assert refused(function, X, "a")[0] == "an axis is a whole number, not 'a'"
    assert refused(function, X, axis="a")[0] == "an axis is a whole number, not 'a'"
    assert refused(function, X, keepdims="a")[0] == "keepdims is True or False, not 'a'"
    kinds = {name: parameter.kind.name for name, parameter in vocabulary.parameters(function).parameters.items()}
    assert kinds == {"x": "POSITIONAL_OR_KEYWORD", "axis": "POSITIONAL_OR_KEYWORD", "keepdims": "KEYWORD_ONLY"}
    assert counted(computing.elementary_function(elementary.normal_cdf), C)[1] == 3 * 200 + 1
    both = computing.elementary_function(elementary.ratio)
    assert_same(counted(both, COLUMN, ROW)[0], COLUMN / ROW)
    assert counted(both, COLUMN, ROW)[1] == 15 * 60 + 1
    assert list(vocabulary.parameters(both).parameters) == ["x", "y"]


def test_a_bare_number_takes_the_dtype_of_the_array_beside_it():
    xlogy = FUNCTIONS["xlogy"]
    for x, y, dtype in ((X32, 2, np.float32), (2, X32 + 8, np.float32), (2, 3, float), (X, 2, float), (2, IDS, float)):
        assert counted(xlogy, x, y)[0].dtype == dtype
    # the logarithm of a float32 is one, as it is in a rule
    y = np.full(5, 0.1, np.float32)
    assert_same(counted(FUNCTIONS["xlog1m"], V, y)[0], elementary.xlog1m(V, y))
    assert_same(counted(FUNCTIONS["xlog1m"], y, V / 4)[0], elementary.xlog1m(y, V / 4))


def test_a_reduction_of_nothing_is_refused_where_it_has_no_value():
    some, none = computing.reduction(np.max, 7), computing.reduction(np.mean, 7, of_none=False)
    assert_same(counted(some, X, 1)[0], X.max(1))
    assert_same(counted(some, X, axis=0, keepdims=True)[0], X.max(0, keepdims=True))
    assert_same(counted(some, X, keepdims=1)[0], X.max(keepdims=True))
    assert counted(some, EMPTY, 1)[0].shape == (0,)
    assert counted(none, X) == (X.mean(), 15 * 7 + 1)
    assert refused(none, EMPTY, 1) == ("an array of shape (0, 5) holds nothing to reduce", "", 1)
    assert counted(arranging.triangle_of(np.tril), C)[1] == 9 * 4 + 1
    assert_same(counted(arranging.triangle_of(np.tril), X)[0], np.tril(X))
    assert counted(arranging.triangle_of(np.tril), X)[1] == 15 * 4 + 1


def test_an_elementary_function_is_told_from_what_stands_beside_it():
    @functools.wraps(math.exp)
    def wrapped(x):
        return x

    assert vocabulary._is_elementary(elementary.sigmoid)
    for value in (elementary._decay, elementary.np, elementary.elementary, wrapped, 3, functools.lru_cache(wrapped)):
        assert not vocabulary._is_elementary(value)
    assert set(vocabulary.ELEMENTARY) == {
        *("sigmoid", "sigmoid_slope", "tanh_slope", "softplus", "normal_cdf", "weighted", "xlogy", "xlog1m", "ratio"),
        *("power_slope", "logsumexp", "softmax", "log_softmax", "softmax_rest", "put", "centered"),
        *("carried", "cumprod_slope", "erf", "product_of_others", "put_along"),
    }


def test_the_parameters_of_a_function_are_those_behind_the_work():
    assert list(vocabulary.parameters(NUMPY["where"]).parameters) == ["condition", "x", "y"]
    assert list(vocabulary.parameters(FUNCTIONS["softmax"]).parameters) == ["x", "axis"]


# --- what comes in -------------------------------------------------------------------------------------------------


def test_the_allowance_is_a_thousand_steps_for_each_number_and_a_fixed_part():
    assert Work([]).left == 300_000
    assert Work([X, 2, (C, [1, 2])]).left == 300_000 + 1000 * (15 + 1 + 3 + 2)
    work = Work([])
    work(299_999)
    assert work.left == 0
    assert refused(lambda other: work(0)) == (
        "the formula takes far more steps than its values have numbers",
        "smaller shapes, fewer steps",
        0,
    )
    work = Work([X])
    work(4)
    work(5, 3)
    assert work.left == 315_000 - 5 - 16


def test_a_result_is_as_large_as_ten_million_or_as_the_largest_value():
    large = np.broadcast_to(0.0, (LARGEST + 1,))
    assert Work([X]).largest == LARGEST == 10**7
    assert Work([X, large]).largest == LARGEST + 1
    work = Work([X, large])
    work(LARGEST + 1)
    assert refused(lambda other: work(LARGEST + 2)) == (
        "a result of 10,000,002 elements is larger than a formula may build, 10,000,001",
        "",
        0,
    )


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (3, 3),
        (2**31, 2**31),
        (-(2**31), -(2**31)),
        (2**31 + 1, 2.0**31 + 1),
        (-(2**31) - 1, -(2.0**31) - 1),
        (10**400, math.inf),
        (-(10**400), -math.inf),
        (2.5, 2.5),
        (1e300, 1e300),
        (True, True),
        (np.int64(2**40), 2.0**40),
        (np.float32(0.5), 0.5),
        (np.True_, True),
        (None, None),
    ],
)
def test_a_whole_number_that_could_grow_without_end_is_a_float(number, expected):
    result = operands.exact(number)
    assert (type(result), result) == (type(expected), expected)


@pytest.mark.parametrize("value", [3, np.int32(3), np.uint8(3), np.array(3), np.array(3, np.uint8)])
def test_a_whole_number_may_come_in_any_form(value):
    assert counted(NUMPY["arange"], value)[0].tolist() == [0, 1, 2]
    assert counted(NUMPY["zeros"], (value, 2))[0].shape == (3, 2)


@pytest.mark.parametrize("value", [3.0, True, np.array(3.0), np.array([3]), np.True_, "3", None])
def test_what_is_no_whole_number_is_no_size(value):
    assert refused(NUMPY["arange"], value)[0] == f"the end of arange is a whole number, not {value!r}"


def test_what_is_refused_is_shown_as_far_as_forty_characters():
    assert refused(NUMPY["arange"], "a" * 60)[0] == f"the end of arange is a whole number, not '{'a' * 39}"


def test_a_shape_has_at_most_16_axes():
    assert counted(NUMPY["ones"], (1,) * 16)[0].shape == (1,) * 16
    assert counted(NUMPY["ones"], ())[0].shape == ()
    assert counted(NUMPY["zeros"], (0, 3))[0].shape == (0, 3)


def test_numbers_and_arrays_of_real_numbers_are_operands():
    assert operands.as_operand(3) == 3
    assert type(operands.as_operand(3)) is int
    for value in ([1, 2], (1.0, 2), X > 0, X.astype(np.uint8), np.float32(2)):
        assert_same(operands.as_operand(value), np.asarray(value))
    assert_same(operands.as_array(3), np.array(3))
    assert [operands.is_number(x) for x in (3, 2.5, True, np.array(3), np.int64(3), (1,))] == [True] * 3 + [False] * 3


# --- indices -------------------------------------------------------------------------------------------------------

INDICES = [
    (2, 1 * 5),
    (-1, 1 * 5),
    (None, 15),
    (..., 15),
    (slice(1, 2), 15),
    ((0, 1), 1),
    ((0, ...), 5),
    ((..., 0), 3),
    ((ALL, IDS), 3 * 2),
    ((ALL, np.zeros((2, 4), int)), 3 * 8),
    ((IDS, IDS), 4),
    (np.zeros((2, 4), int), 8 * 5),
    (X > 0, 15),
    ((X[:, 0] > 0, ALL), 3 * 5),
    ((None, ..., None, 0), 3),
    ((ALL, ALL, ALL), 15),
    ((..., X > 0), 15),
    ([0, 1], 2 * 5),
]


@pytest.mark.parametrize(("key", "size"), INDICES, ids=[f"{k}" for k in range(len(INDICES))])
def test_the_size_behind_an_index_is_bounded_by_the_shapes(key, size):
    assert arranging.indexed_size(X, key) == size
    assert type(arranging.indexed_size(X, key)) is int


def test_an_index_in_three_dimensions_takes_the_axes_in_turn():
    x = np.zeros((2, 3, 5))
    assert arranging.indexed_size(x, (0, ...)) == 15
    assert arranging.indexed_size(x, (..., 0)) == 6
    assert arranging.indexed_size(x, (0, ..., IDS)) == 3 * 2
    assert arranging.indexed_size(x, (np.zeros(7, int), ..., 0)) == 7 * 3
    assert arranging.indexed_size(x, (ALL, ..., 0, None)) == 2 * 3
    assert arranging.indexed_size(x, (ALL, np.ones((3, 5), bool))) == 2 * 15
    assert arranging.indexed_size(x, (np.ones((2, 3), bool), IDS)) == 6 * 2
    assert arranging.indexed_size(x, (0, 0, 0, ...)) == 1
    assert arranging.indexed_size(x, (None, IDS)) == 2 * 15


def test_an_index_counts_four_steps_for_each_entry():
    for key in (1, (ALL, IDS), X > 0):
        result, taken = counted(arranging.index, X, key)
        assert_same(result, X[key])
        assert taken == 4 * arranging.indexed_size(X, key) + 1
    assert counted(arranging.index, [1, 2], 0) == (1, 0)
    assert counted(arranging.index, (1, 2, 3), slice(1, None)) == ((2, 3), 0)
    assert counted(arranging.index, (1, 2, 3), np.array(-1)) == (3, 0)
    assert refused(arranging.index, (1, 2), "a")[0] == "an index is a whole number, not 'a'"
    assert refused(arranging.index, None, 0)[0] == "None is no value to compute with"
