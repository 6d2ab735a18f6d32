"""Undoing a broadcast: what is summed is what was stretched, written as people write it; unknown shapes wait."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.symbols.broadcasting import restore_axes, unbroadcast
from chainrule.symbols.symbol import Symbol


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 3), "dz"),
        ((1, 3), "dz.sum(axis=0, keepdims=True)"),
        ((5, 1), "dz.sum(axis=1, keepdims=True)"),
        ((3,), "dz.sum(axis=0)"),
        ((1, 1), "dz.sum(axis=(0, 1), keepdims=True)"),
        ((), "dz.sum()"),
    ],
)
def test_one_axis_is_written_as_a_number_and_several_as_a_tuple(shape, expected):
    z = cr.Add(cr.Input("x", (5, 3)), cr.Parameter("b", shape), name="z")
    assert str(cr.Graph(cr.Sum(cr.Square(z), name="L")).derivation()["db"]) == expected


@pytest.mark.parametrize(
    ("stretched", "shape"),
    [
        ((2, 3, 5), (1, 5)),
        ((2, 3, 5), (3, 1)),
        ((2, 3, 5), (5,)),
        ((2, 3, 5), (1, 3, 1)),
        ((2, 3, 5), ()),
        ((4, 2, 3, 5), (1, 1, 5)),
        ((1, 5), (1, 5)),
        ((1, 5), (5,)),
    ],
)
def test_every_entry_receives_the_sum_of_the_places_it_was_copied_to(stretched, shape):
    grad = np.random.default_rng(0).normal(size=stretched)
    entries = np.broadcast_to(np.arange(np.prod(shape)).reshape(shape), stretched)
    expected = np.bincount(entries.ravel().astype(int), weights=grad.ravel())
    found = unbroadcast(grad, np.zeros(shape))
    assert found.shape == shape
    np.testing.assert_allclose(found.ravel(), expected, rtol=0, atol=1e-14)  # other order of at most 30 terms of size 1


@pytest.mark.parametrize(("of_grad", "of_x"), [(None, (3,)), ((2, 3), None), (None, None)])
def test_with_an_unknown_shape_it_stays_a_step_that_the_data_will_decide(of_grad, of_x):
    grad, x = Symbol.leaf("grad", of_grad), Symbol.leaf("x", of_x)
    step = unbroadcast(grad, x)
    assert (step.operation, step.operands, step.options) == (unbroadcast, (grad, x), {})
    assert step.known_shape is None


def test_an_array_beside_a_symbol_has_its_shape():
    assert unbroadcast(Symbol.leaf("grad", (2, 3)), np.zeros(3)).operation is np.sum


@pytest.mark.parametrize(
    ("axis", "keepdims", "shape"),
    [
        (1, False, (2, 1, 5)),
        (-1, False, (2, 5, 1)),
        ((0, 3), False, (1, 2, 5, 1)),
        (1, True, (2, 5)),
        (None, False, (2, 5)),
    ],
)
def test_reduced_axes_come_back_with_size_one(axis, keepdims, shape):
    assert restore_axes(np.ones((2, 5)), axis, keepdims).shape == shape
