"""Shapes worked out without data are NumPy's own, with numbers or names on their axes; a refusal has its message."""

import itertools

import numpy as np
import pytest

from chainrule.errors import ShapeError, Untraceable
from chainrule.symbols import shapes
from chainrule.symbols.dimensions import Dimension, as_shape, shape_text
from chainrule.symbols.symbol import Symbol

SIZES = {"m": 11, "n": 13}
m, n = Dimension.named("m"), Dimension.named("n")


def number(size):
    return size if isinstance(size, int) else size.evaluate(SIZES)


def numbers(shape):
    return tuple(map(number, shape))


def with_names(shape, *places):
    """The shape with names on these axes."""
    names = dict(zip(places, SIZES, strict=False))
    return as_shape(tuple(names.get(k, size) for k, size in enumerate(shape)))


def arrays(*given):
    return [np.zeros(numbers(shape)) for shape in given]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (2, 0), (), (0, 1, 2)])
@pytest.mark.parametrize("named", [(), (0,), (2,), (1, 2)])
def test_reductions(axis, keepdims, named):
    shape = with_names((2, 3, 5), *named)
    expected = np.sum(*arrays(shape), axis=axis, keepdims=keepdims).shape
    assert numbers(shapes.reduced(shape, axis, keepdims)) == expected


def test_reductions_drop_their_axes_unless_asked():
    assert shapes.reduced((2, 3)) == ()
    assert shapes.reduced((2, m), 0) == (m,)


PAIRS = list(itertools.product([(3,), (2, 3), (3, 2), (5, 2, 3), (5, 3, 2), (1, 2, 3)], repeat=2))


@pytest.mark.parametrize(("x", "y"), PAIRS)
def test_products(x, y):
    try:
        expected = np.matmul(*arrays(x, y)).shape
    except ValueError:
        with pytest.raises(ShapeError):
            shapes.matmul(x, y)
    else:
        assert shapes.matmul(x, y) == expected


KEYS = [
    0,
    -1,
    (1, 2),
    slice(None),
    slice(1, None),
    slice(None, -1),
    slice(0, 2),
    slice(None, None, -1),
    slice(None, None, 2),
    slice(2, 0, -1),
    slice(-2, None),
    ...,
    (..., 0),
    (0, ...),
    (1, ..., 2),
    None,
    (None, 0),
    (slice(None), None, 1),
    (slice(None), slice(1, 3), 0),
    np.array([0, 2, 2, 1]),
    [0, 1],
    (np.array([0, 1]), np.array([2, 0])),
    (np.array([0, 1]), slice(None), np.array([2, 0])),
    (slice(None), np.array([[0], [1]]), np.array([2, 0, 1])),
    (slice(None), np.array([[0], [1]]), None, np.array([2, 0, 1])),
    (None, np.array([0, 1]), slice(None), np.array([[2], [0]])),
    (0, slice(None), 1),
    (np.array([True, False, True, True]),),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indices(key):
    key = tuple(np.array(k) if isinstance(k, list) else k for k in key) if isinstance(key, tuple) else key
    assert shapes.indexed((4, 3, 5), key) == np.zeros((4, 3, 5))[key].shape


@pytest.mark.parametrize(
    "key",
    [0, -1, slice(None), slice(1, None), slice(None, -1), slice(-2, None), slice(2, -3), slice(0, -1),
     slice(None, None, -1), np.array([0, 2, 2]), (..., 0), (None, slice(3, None))],
    ids=str,
)  # fmt: skip
def test_indices_of_a_named_axis_where_it_is_long_enough(key):
    assert numbers(shapes.indexed((m, 5), key)) == np.zeros((SIZES["m"], 5))[key].shape


@pytest.mark.parametrize(
    "key",
    [slice(None, None, 2), slice(None, None, -2), slice(1, None, -1), slice(5, 2, -1), slice(0, m, 2)],
)
def test_indices_of_a_named_axis_that_depend_on_how_long_it_is(key):
    with pytest.raises(Untraceable):
        shapes.indexed((m, 5), key)


BOUNDS = (None, 0, 1, 2, 5, -1, -2, -3, -10)
LENGTHS = [m, m + 2, 3 * m, m * n, shapes.indexed((m,), slice(1, None))[0], shapes.indexed((m,), slice(None, -3))[0]]


@pytest.mark.parametrize("length", LENGTHS, ids=str)
def test_a_slice_has_its_size_however_long_the_axis_is(length):
    for part in (slice(start, stop) for start in BOUNDS for stop in BOUNDS):
        (size,) = shapes.indexed((length,), part)
        for sizes in ({"m": 1, "n": 1}, {"m": 2, "n": 5}, {"m": 3, "n": 1}, {"m": 7, "n": 2}, {"m": 12, "n": 1}):
            right = len(range(length.evaluate(sizes))[part])
            assert (size if isinstance(size, int) else size.evaluate(sizes)) == right, (part, sizes)


def test_sizes_of_slices_read_as_people_write_them():
    parts = {(None, -1): "m - 1", (2, None): "max(0, m - 2)", (-10, None): "min(m, 10)", (None, 5): "min(m, 5)"}
    for (start, stop), text in parts.items():
        assert str(shapes.indexed((m,), slice(start, stop))[0]) == text
    assert shapes.indexed((m,), slice(-1, -3)) == shapes.indexed((m,), slice(5, 2)) == (0,)
    assert shapes.indexed((m,), slice(-1, None)) == shapes.indexed((m,), slice(None, 1)) == (1,)


def test_slices_that_leave_the_same_have_the_same_size():
    """They meet in differences of neighbours: x[:, 2:] - x[:, :-2]."""
    assert shapes.indexed((m,), slice(2, None)) == shapes.indexed((m,), slice(None, -2))
    assert shapes.indexed(shapes.indexed((m,), slice(1, None)), slice(None, -2)) == shapes.indexed((m,), slice(3, None))


def test_slices_up_to_the_named_size_itself():
    assert shapes.indexed((m, 5), slice(0, m)) == (m, 5)
    assert shapes.indexed((m, 5), slice(2, m)) == shapes.indexed((m, 5), slice(2, None))
    assert shapes.indexed((2 * m, 5), slice(m, 2 * m)) == (m, 5)
    assert shapes.indexed((m + 4, 5), slice(2, m)) == (m - 2, 5)
    with pytest.raises(Untraceable, match="how many elements a mask picks depends on the data"):
        shapes.indexed((m,), Symbol.leaf("mask", ("m",), dtype=bool))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, (0, 1), (0, 3), (1, -1)])
def test_new_axes(axis):
    assert shapes.expanded((2, 5), axis) == np.expand_dims(np.zeros((2, 5)), axis).shape


@pytest.mark.parametrize("axis", [None, 0, 2, -1, (0, 2), (0, -1)])
def test_axes_of_size_one_are_dropped(axis):
    assert shapes.squeezed((1, 3, 1), axis) == np.squeeze(np.zeros((1, 3, 1)), axis).shape
    if axis is not None:
        assert numbers(shapes.squeezed((1, m, 1), axis)) == np.squeeze(np.zeros((1, 11, 1)), axis).shape


def test_which_sizes_are_one_is_not_known_where_a_size_has_a_name():
    with pytest.raises(Untraceable, match=r"which axes of \(1, m\) have the size 1"):
        shapes.squeezed((1, m))


@pytest.mark.parametrize("axes", [None, (2, 0, 1), (0, -1, 1), (1, 0, 2)])
def test_transposes(axes):
    assert shapes.transposed((2, 3, 5), axes) == np.transpose(np.zeros((2, 3, 5)), axes).shape


@pytest.mark.parametrize("new", [(6, 5), (-1,), -1, 30, (5, -1), (2, -1, 5), [3, 10]])
def test_other_arrangements(new):
    assert shapes.reshaped((2, 3, 5), new) == np.zeros((2, 3, 5)).reshape(new).shape


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_end_to_end(axis):
    parts = [(2, 3), (4, 3)] if axis == 0 else [(2, 3), (2, 1), (2, 5)]
    assert shapes.concatenated(parts, axis) == np.concatenate(arrays(*parts), axis).shape


@pytest.mark.parametrize(
    ("subscripts", "given"),
    [
        ("ij,jk->ik", [(2, 3), (3, 5)]),
        ("i j , j -> i", [(2, 3), (3,)]),
        ("bij,bjk->bik", [(7, 2, 3), (7, 3, 5)]),
        ("ii->i", [(3, 3)]),
        ("ij->ji", [(2, m)]),
    ],
)
def test_sums_of_products(subscripts, given):
    assert numbers(shapes.einsum(subscripts, *given)) == np.einsum(subscripts, *arrays(*given)).shape


# what is done, what the error says of it, what was given, what would work
REFUSED = [
    (
        lambda: shapes.broadcast((2, m), (3, 1)),
        "shapes (2, m) and (3, 1) do not broadcast",
        "",
        "2 and 3 meet on one axis: make them equal, or one of them 1",
    ),
    (
        lambda: shapes.broadcast((m,), (1,), (5,), (m,)),
        "shapes (m,) and (1,) and (5,) and (m,) do not broadcast",
        "",
        "m and 5 meet on one axis: make them equal, or one of them 1",
    ),
    (lambda: shapes.matmul((), (2, 3)), "a matrix product takes no scalar", "() @ (2, 3)", "use *"),
    (lambda: shapes.matmul((2, 3), ()), "a matrix product takes no scalar", "(2, 3) @ ()", "use *"),
    (
        lambda: shapes.matmul((3, 2), (3, m)),
        "(3, 2) @ (3, m): the inner sizes 2 and 3 differ",
        "",
        "transpose the first: (2, 3) @ (3, m)",
    ),
    (
        lambda: shapes.matmul((2, 3), (5, 3)),
        "(2, 3) @ (5, 3): the inner sizes 3 and 5 differ",
        "",
        "transpose the second: (2, 3) @ (3, 5)",
    ),
    (
        lambda: shapes.matmul((2, 3), (5, 2)),
        "(2, 3) @ (5, 2): the inner sizes 3 and 5 differ",
        "",
        "swap the two: (5, 2) @ (2, 3)",
    ),
    (
        lambda: shapes.matmul((7, 2, 3), (2, 3)),
        "(7, 2, 3) @ (2, 3): the inner sizes 3 and 2 differ",
        "",
        "transpose the first: (3, 2) @ (2, 3), or transpose the second: (2, 3) @ (3, 2)",
    ),
    (
        lambda: shapes.matmul((2, 3), (7, 2, 3)),
        "(2, 3) @ (7, 2, 3): the inner sizes 3 and 2 differ",
        "",
        "transpose the first: (3, 2) @ (2, 3), or transpose the second: (2, 3) @ (3, 2)",
    ),
    (
        lambda: shapes.matmul((3,), (2,)),
        "(3,) @ (2,): the inner sizes 3 and 2 differ",
        "",
        "the last axis of the first is summed against the last but one of the second",
    ),
    (
        lambda: shapes.reduced((2, 3), 2),
        "axis 2 is out of bounds for array of dimension 2",
        "axis=2 for 2 axes",
        "axis from -2 to 1, each once",
    ),
    (
        lambda: shapes.reduced((2, 3), (0, 0)),
        "repeated axis",
        "axis=(0, 0) for 2 axes",
        "axis from -2 to 1, each once",
    ),
    (lambda: shapes.reshaped((2, 3), (4, 2)), "(2, 3) holds 6 elements and (4, 2) holds 8", "", ""),
    (lambda: shapes.reshaped((2, 3), (4, -1)), "(2, 3) does not divide into (4, -1)", "", ""),
    (lambda: shapes.reshaped((2, 0), (0, -1)), "(2, 0) does not divide into (0, -1)", "", ""),
    (
        lambda: shapes.concatenated([(2, 3), (2, 4)], 0),
        "only axis 0 may differ between arrays laid end to end",
        "(2, 3), (2, 4)",
        "",
    ),
    (
        lambda: shapes.concatenated([(2, 3), (3,)], 0),
        "only axis 0 may differ between arrays laid end to end",
        "(2, 3), (3,)",
        "",
    ),
    (lambda: shapes.transposed((2, 3, m), (1, 0)), "transposing (2, 3, m) needs an order of 3 axes", "axes=(1, 0)", ""),
    (lambda: shapes.squeezed((1, m), 1), "only an axis of size 1 can be dropped from (1, m)", "axis=1", ""),
    (lambda: shapes.indexed((2, m), (0, 0, 0)), "3 indices for the 2 axes of (2, m)", "", ""),
    (lambda: shapes.indexed((2, m), 2), "index 2 is out of range for the axis of size 2 of (2, m)", "", ""),
    (lambda: shapes.indexed((2, m), -3), "index -3 is out of range for the axis of size 2 of (2, m)", "", ""),
    (lambda: shapes.einsum("ij->i", (2,)), "einsum 'ij->i' names 2 axes of (2,)", "", ""),
    (lambda: shapes.einsum("ij,jk->ik", (2, 3), (5, m)), "einsum 'ij,jk->ik': j is both 3 and 5", "", ""),
]


@pytest.mark.parametrize(("work", "what", "given", "remedy"), REFUSED, ids=[row[1] for row in REFUSED])
def test_the_whole_message(work, what, given, remedy):
    with pytest.raises(ShapeError) as caught:
        work()
    assert (caught.value.what, caught.value.given) == (what, given)
    assert caught.value.remedy == (remedy or caught.value.remedy)  # where the table has none, any short word will do


NO_ARROW = "einsum is recorded with an explicit arrow and without an ellipsis"
MASK = "how many elements a mask picks depends on the data"
STEP = "the size of a slice with a step of an axis of size m depends on the data"
WITHOUT_DATA = [
    (lambda: shapes.einsum("ij,jk", (2, 3), (3, 5)), NO_ARROW),
    (lambda: shapes.einsum("...i->...i", (2, 3)), NO_ARROW),
    (lambda: shapes.reshaped((m, 3), (n + 1, -1)), "the size of (m, 3) reshaped to (n + 1, -1) depends on the data"),
    (lambda: shapes.reshaped((m, 3), (0, -1)), "the size of (m, 3) reshaped to (0, -1) depends on the data"),
    (lambda: shapes.indexed((m, 5), Symbol.leaf("k", (11,), bool)), MASK),
    (lambda: shapes.indexed((3, 5), True), MASK),
    (lambda: shapes.indexed((m, 5), slice(None, None, 2)), STEP),
]


@pytest.mark.parametrize(("work", "what"), WITHOUT_DATA)
def test_what_depends_on_the_data_is_said_in_whole(work, what):
    with pytest.raises(Untraceable) as caught:
        work()
    assert str(caught.value) == what


def test_arrays_are_laid_end_to_end_along_their_first_axis_unless_asked():
    assert shapes.concatenated([(2, m), (3, m)]) == (5, m)


def test_shapes_print_as_tuples():
    assert [shape_text(shape) for shape in ((), (m,), (2, 3 * m))] == ["()", "(m,)", "(2, 3*m)"]
