"""What is computed some rows at a time is what is computed at once, to the bit, for any axis and layout."""

import numpy as np
import pytest

from chainrule.symbols import in_blocks
from chainrule.symbols.elementary import softmax
from chainrule.symbols.in_blocks import of_entries_in_blocks, of_rows_in_blocks
from chainrule.symbols.standardizing import standardized, standardized_backward

RNG = np.random.default_rng(0)
X = RNG.normal(size=(13, 7, 11))
LAYOUTS = {
    "in one piece": X,
    "another order": np.asfortranarray(X),
    "a part": RNG.normal(size=(26, 7, 12))[::2, :, 1:],
    "one row for all": np.broadcast_to(X[:1], X.shape),
}


@pytest.fixture
def small(monkeypatch):
    """Blocks of two rows, which do not divide the number of rows."""
    monkeypatch.setattr(in_blocks, "_ENTRIES", 22)


FUNCTIONS = {
    "softmax": lambda x, axis: softmax(x, axis=axis),
    "standardized": lambda x, axis: standardized(x, axis=axis),
    "not centered": lambda x, axis: standardized(x, axis=axis, center=False),
    "standardized_backward": lambda x, axis: standardized_backward(x[:, ::-1] + 1, x, axis=axis),
}


@pytest.mark.parametrize("axis", [-1, 2, 1, (0, 2), None])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_blocks_of_rows_change_no_bit(name, layout, axis, request):
    at_once = FUNCTIONS[name](LAYOUTS[layout], axis)
    request.getfixturevalue("small")
    in_parts = FUNCTIONS[name](LAYOUTS[layout], axis)
    assert (in_parts.shape, in_parts.dtype) == (at_once.shape, at_once.dtype)
    # a sum along rows that are laid out in another order is taken in another order
    close = {"rtol": 0, "atol": 0} if layout == "in one piece" else {"rtol": 1e-13, "atol": 1e-14}
    np.testing.assert_allclose(in_parts, at_once, **close)


@pytest.mark.usefixtures("small")
def test_a_function_sees_no_more_than_a_block():
    seen = []
    of_rows_in_blocks(
        lambda axis, rows, more: seen.append((rows.shape, more.shape)) or rows, 2, X, np.broadcast_to(X[0], X.shape)
    )
    of_entries_in_blocks(lambda flat: seen.append(flat.shape) or flat, X)
    assert max(seen[:46]) == ((2, 11), (2, 11))
    assert max(seen[46:]) == (22,)
    assert len(seen) == 46 + 46


@pytest.mark.usefixtures("small")
def test_arrays_of_two_dtypes_and_rows_that_are_none_are_taken_at_once():
    seen = []
    of_rows_in_blocks(lambda axis, x, y: seen.append(x.shape) or x, 2, X, X.astype(np.float32))
    of_rows_in_blocks(lambda axis, x: seen.append(x.shape) or x, 0, X)
    assert seen == [X.shape, X.shape]
    assert of_entries_in_blocks(np.exp, np.zeros((0, 3))).shape == (0, 3)
    assert of_rows_in_blocks(lambda axis, x: x, 1, np.zeros((3, 0))).shape == (3, 0)
