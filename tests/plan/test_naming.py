"""Names in printed Python: valid, each given once, and none that already means something there."""

import keyword

import numpy as np
import pytest

from chainrule.plan.naming import Names, constant_name


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("W1", "W1"),
        ("_x", "_x"),
        ("Layer 1", "Layer_1"),
        ("a.b/c", "a_b_c"),
        ("σ(z)", "__z_"),
        ("1st", "_1st"),
        ("٣", "__2"),  # _ is a soft keyword
        ("", "__2"),
        ("x" * 40, "x" * 40),
        ("x" * 41, "x" * 40),
        ("dW1", "dW1"),
        ("m", "m"),
    ],
)
def test_a_name_is_made_valid_and_short(wanted, given):
    assert Names().fresh(wanted) == given
    assert given.isidentifier()


@pytest.mark.parametrize(
    "taken", ["class", "lambda", "match", "None", "sum", "print", "exp", "add", "ndarray", "sigmoid", "softplus", "np",
              "prepare", "run"],
)  # fmt: skip
def test_a_name_that_means_something_in_a_plan_is_not_given(taken):
    names = Names()
    assert names.fresh(taken) == f"{taken}_2"
    assert names.fresh(taken) == f"{taken}_3"


def test_every_name_is_given_once():
    names = Names()
    wanted = ["z", "z", "z", "z 2", "z_2", "1", "1", "_1", "", "", "x" * 41, "x" * 42]
    assert [names.fresh(name) for name in wanted] == [
        *("z", "z_2", "z_3", "z_2_2", "z_2_3"),
        *("_1", "_1_2", "_1_3", "__2", "__3"),
        *("x" * 40, "x" * 40 + "_2"),
    ]


def test_two_sources_have_names_of_their_own():
    assert Names().fresh("z") == Names().fresh("z") == "z"


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (3, "_3"),
        (0.0, "_0"),
        (0.5, "_0_5"),
        (-700.0, "_minus_700"),
        (-0.25, "_minus_0_25"),
        (1e20, "_1e_20"),
        (2.5e-7, "_2_5e_07"),
        (np.float32(87.3366), "_87_3366"),
        (np.inf, "_inf"),
        (-np.inf, "_minus_inf"),
        (np.nan, "_nan"),
    ],
)
def test_a_constant_is_named_by_its_number(number, name):
    assert constant_name(number) == name
    assert name.isidentifier()
    assert not keyword.iskeyword(name)
