"""Adding at a key is np.add.at, to the bit and to the error, whatever way the key allows."""

import numpy as np
import pytest

from chainrule.symbols.adding_at import add_at

RNG = np.random.default_rng(0)
SHAPE = (5, 4, 3)
ROWS = np.array([[2, -1, 2], [0, 4, -5]])
KEYS = {
    "a number": 2,
    "a slice": slice(3, None, -2),
    "numbers and slices": (-1, slice(1, 3)),
    "an ellipsis and a new axis": (..., None, 1),
    "nothing": (),
    "truth values": RNG.random(SHAPE) > 0.5,
    "truth values of one axis": np.array([True, False, True, True, False]),
    "rows": ROWS,
    "rows in a tuple": (ROWS,),
    "unsigned rows": (np.array([3, 3, 0], np.uint8),),
    "one row, as an array without axes": (np.array(-2),),
    "one column, as an array without axes": (slice(None), np.array(1)),
    "no rows": (np.array([], int),),
    "columns": (slice(None), np.array([1, 1, -4, 3])),
    "the last axis": (slice(None), slice(None), np.array([[0], [-1]])),
    "a part of the rows": (slice(1, 4), np.array([1, 1, 2])),
    "a list": ([0, 0, 4],),
    "two arrays": (np.array([1, 1, 2]), np.array([3, 3, 0])),
    "an array behind a number": (2, np.array([1, 1])),
    "an ellipsis and an array": (..., np.array([1, 1])),
    "an array and a slice": (np.array([1, 1]), slice(1, 3)),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_the_sums_are_those_of_numpy_to_the_bit(key, dtype):
    start = RNG.normal(size=SHAPE).astype(dtype)
    numbers = RNG.normal(size=start[key].shape).astype(dtype)
    found, expected = start.copy(), start.copy()
    add_at(found, key, numbers)
    np.add.at(expected, key, numbers)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("key", [KEYS["rows"], KEYS["a slice"], KEYS["two arrays"]])
def test_numbers_of_another_layout_and_fewer_numbers_are_added_as_numpy_does(key):
    shape = np.zeros(SHAPE)[key].shape
    for numbers in (RNG.normal(size=shape[::-1]).T, RNG.normal(size=shape[-1]), 2.5):
        found, expected = np.zeros(SHAPE), np.zeros(SHAPE)
        add_at(found, key, numbers)
        np.add.at(expected, key, numbers)
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("key", [(np.array([0, 5]),), (slice(None), np.array([-5, 0])), 7])
def test_a_place_that_is_not_there_is_numpys_error(key):
    with pytest.raises(IndexError) as expected:
        np.add.at(np.zeros(SHAPE), key, 1.0)
    with pytest.raises(IndexError) as found:
        add_at(np.zeros(SHAPE), key, 1.0)
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("key", [(np.array(2),), np.array(-1), (np.array([1, 1]),), 0])
def test_places_in_one_row_of_numbers_may_be_a_place_without_axes(key):
    found, expected = np.zeros(4), np.zeros(4)
    add_at(found, key, np.ones(np.shape(found[key])))
    np.add.at(expected, key, 1.0)
    assert found.tobytes() == expected.tobytes()
