"""The search for the change that mends a formula: what is equal, what a change costs, what is said if nothing fits."""

import ast
import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.judging import diagnosis, explaining
from chainrule.judging.budget import A_LINE, A_REPORT, Budget
from chainrule.judging.closeness import distance, factor_between, same, tolerance
from chainrule.judging.diagnosis import Case, Reading, Search, fix
from chainrule.judging.discrepancy import difference_text
from chainrule.judging.evaluator import Evaluator
from chainrule.judging.repairs import REPAIRS, Change, Surroundings


def tree(text):
    return ast.parse(text, mode="eval").body


# --- what counts as equal ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "expected"), [(float, 1e-9), (np.float32, 1e-4), (int, 1e-9), (bool, 1e-9)])
def test_the_tolerance_is_that_of_the_precision(dtype, expected):
    # the docstring gives round numbers: 0.575 is rounded, which moves them by up to 5 %
    assert tolerance(np.dtype(dtype)) == pytest.approx(expected, rel=0.05)


def test_a_difference_as_large_as_the_tolerance_is_still_none():
    most = tolerance(np.dtype(float))
    expected = np.array([0.0, 1.0])
    assert same(np.array([most, 1.0]), expected)
    assert not same(np.array([np.nextafter(most, 1), 1.0]), expected)


def test_the_tolerance_is_that_of_what_is_expected():
    near = np.array([1.0 + 1e-6])
    assert same(near, np.array([1.0], np.float32))
    assert not same(near, np.array([1.0]))


def test_arrays_of_different_shapes_are_not_the_same_even_if_they_broadcast():
    assert not same(np.ones((2, 3)), np.ones((1, 3)))
    assert not same(np.ones(3), np.ones((1, 3)))


@pytest.mark.parametrize(
    ("value", "expected", "far"),
    [
        ([], [], 0.0),
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([0.75, 0.25], [0.5, 0.25], 0.5),  # relative to the largest entry, also when that is below 1
        ([-5.0, 0.0], [-4.0, 0.0], 0.25),
        ([0.5, 4.0], [0.0, 4.0], 0.125),
        ([1.0, 3.0], [2.0, 1.0], 1.0),  # the largest of the differences
        ([1.0], [0.0], np.inf),
        ([0.25], [0.0], np.inf),
        ([np.inf, 1.0], [np.inf, 2.0], 0.5),
        ([-np.inf, 2.0], [np.inf, 2.0], np.inf),
        ([1.0, 2.0], [np.inf, 2.0], np.inf),
        ([np.inf, np.inf], [np.inf, np.inf], 0.0),
        ([np.inf, 3.0], [np.inf, np.inf], np.inf),
        ([np.nan, 2.0], [2.0, 2.0], np.inf),
        ([2.0, 2.0], [np.nan, 2.0], np.inf),
        ([True, False], [True, True], 1.0),  # NumPy does not subtract truth values
    ],
)
def test_distance_is_relative_to_the_largest_finite_entry(value, expected, far):
    assert distance(np.array(value), np.array(expected)) == far


def test_the_distance_of_small_whole_numbers_does_not_wrap_round():
    assert distance(np.array([1], np.uint8), np.array([2], np.uint8)) == 0.5


@pytest.mark.parametrize(
    ("value", "expected", "factor"),
    [
        ([1.0, -2.0], [3.0, -6.0], 3.0),
        ([1.0, -2.0], [-0.5, 1.0], -0.5),
        ([0.5, 0.25], [0.5, 0.25], 1.0),
        ([0.0, 4.0], [0.0, 1.0], 0.25),
        ([1.0, 2.0], [3.0, 5.0], None),
        ([1.0, 2.0], [0.0, 0.0], None),  # all that 0 tells is that nothing is left
        ([0.0, 0.0], [1.0, 2.0], None),
        ([0.0, 0.0], [0.0, 0.0], None),
        ([np.inf, 1.0], [np.inf, 1.0], None),
        ([np.inf], [1.0], None),
        ([1.0, 2.0], [np.inf, np.inf], None),
        ([np.nan], [np.nan], None),
        ([], [], None),
        ([1.0, 2.0, 3.0], [3.0], None),
        ([[1.0, 2.0]], [2.0, 4.0], None),
    ],
)
def test_a_factor_is_found_only_where_one_finite_number_does_for_all_entries(value, expected, factor):
    assert factor_between(np.array(value), np.array(expected)) == factor


# --- evaluating ----------------------------------------------------------------------------------------------------


def values():
    rng = np.random.default_rng(3)
    return {
        "A": rng.uniform(0.5, 1, (3, 4)),
        "B": rng.uniform(0.5, 1, (3, 4)),
        "c": rng.uniform(0.5, 1, (4, 2)),
        "n": 1,
    }


SLOW = None  # three operations more than for the parts, and what is written beside them

EVALUATED = [
    ("A", 1, lambda v: v["A"]),
    ("2.5", 1, lambda v: 2.5),
    ("A + B", 3, lambda v: v["A"] + v["B"]),
    ("A - B", 3, lambda v: v["A"] - v["B"]),
    ("A * B", 3, lambda v: v["A"] * v["B"]),
    ("A / B", 3, lambda v: v["A"] / v["B"]),
    ("A @ c", 3, lambda v: v["A"].dot(v["c"])),
    ("A ** 2", 3, lambda v: v["A"] * v["A"]),
    ("A ** A", 3, lambda v: np.exp(v["A"] * np.log(v["A"]))),
    ("n ** -n", 4, lambda v: 1.0),  # of whole numbers NumPy takes no negative power
    ("A > B", 3, lambda v: np.greater(v["A"], v["B"])),
    ("A >= A", 3, lambda v: np.full((3, 4), True)),
    ("A < B", 3, lambda v: np.less(v["A"], v["B"])),
    ("A <= A", 3, lambda v: np.full((3, 4), True)),
    ("A == A", 3, lambda v: np.full((3, 4), True)),
    ("(A > B) & (A > 0.7)", 7, lambda v: np.minimum(v["A"] > v["B"], v["A"] > 0.7)),
    ("(A > B) | (A > 0.7)", 7, lambda v: np.maximum(v["A"] > v["B"], v["A"] > 0.7)),
    ("A.T", 2, lambda v: v["A"].swapaxes(0, 1)),
    ("-A", 2, lambda v: 0 - v["A"]),
    ("np.dot(A, c)", 3, lambda v: v["A"] @ v["c"]),
    ("np.dot(A, n)", 3, lambda v: v["A"]),
    ("np.dot(n, A)", 3, lambda v: v["A"]),
    ("np.dot(n, n)", 3, lambda v: 1),
    ("np.matmul(A, c)", 3, lambda v: v["A"] @ v["c"]),
    ("np.multiply(A, B)", 3, lambda v: v["A"] * v["B"]),
    ("np.exp(A)", 2, lambda v: np.exp(v["A"])),
    ("np.log(A)", 2, lambda v: np.log(v["A"])),
    ("np.tanh(A)", 2, lambda v: np.tanh(v["A"])),
    ("np.sin(A)", 2, lambda v: np.sin(v["A"])),
    ("np.cos(A)", 2, lambda v: np.cos(v["A"])),
    ("np.sqrt(A)", 2, lambda v: v["A"] ** 0.5),
    ("np.abs(A - 1)", 4, lambda v: 1 - v["A"]),
    ("np.sign(A)", 2, lambda v: np.ones((3, 4))),
    ("np.square(A)", 2, lambda v: v["A"] * v["A"]),
    ("sigmoid(A)", 2, lambda v: 1 / (1 + np.exp(-v["A"]))),
    ("sigmoid(n)", 2, lambda v: 1 / (1 + np.exp(-1.0))),
    ("np.sum(A)", SLOW, lambda v: v["A"].ravel() @ np.ones(12)),
    ("A.sum()", SLOW, lambda v: v["A"].ravel() @ np.ones(12)),
    ("np.sum(A, axis=1)", SLOW, lambda v: v["A"] @ np.ones(4)),
    ("A.sum(axis=0, keepdims=True)", SLOW, lambda v: np.ones((1, 3)) @ v["A"]),
    ("np.mean(A, axis=1)", SLOW, lambda v: v["A"] @ np.ones(4) / 4),
    ("A.mean(axis=1, keepdims=True)", SLOW, lambda v: v["A"] @ np.ones((4, 1)) / 4),
    # what follows is rarer, and left to the vocabulary
    ("A.dot(c)", SLOW, lambda v: v["A"] @ v["c"]),
    ("np.sum(A, 1)", SLOW, lambda v: v["A"] @ np.ones(4)),
    ("A.sum(1)", SLOW, lambda v: v["A"] @ np.ones(4)),
    ("np.sum(A, axis=n)", SLOW, lambda v: v["A"] @ np.ones(4)),
    ("np.sum(A, axis=n, keepdims=True)", SLOW, lambda v: v["A"] @ np.ones((4, 1))),
    ("np.max(A)", SLOW, lambda v: max(v["A"].flat)),
    ("A[0]", SLOW, lambda v: np.array([1.0, 0, 0]) @ v["A"]),
    ("A.shape[1]", SLOW, lambda v: 4),
    ("np.where(A > B, A, B)", SLOW, lambda v: np.maximum(v["A"], v["B"])),
    ("0 < A < 1", SLOW, lambda v: np.full((3, 4), True)),
    ("A != B", SLOW, lambda v: np.full((3, 4), True)),
    ("+A", SLOW, lambda v: v["A"]),
]


@pytest.mark.parametrize(("text", "work", "expected"), EVALUATED)
def test_an_expression_is_evaluated_and_its_operations_are_counted(text, work, expected):
    given = values()
    evaluator = Evaluator(given)
    value, right = evaluator.value(tree(text)), expected(given)
    assert np.shape(value) == np.shape(right)
    # 1e-14: a dozen additions and a few functions, each good to a few units of 2e-16
    np.testing.assert_allclose(np.asarray(value, float), np.asarray(right, float), rtol=1e-14, atol=0)
    assert evaluator.work == work if work is not None else 4 < evaluator.work < 16


@pytest.mark.parametrize(
    "text",
    [
        "q",
        "-q",
        "q + A",
        "A + q",
        "q == A",  # which NumPy compares with anything
        "A == q",
        "q.T",
        "np.sum(q)",
        "np.exp(q)",
        "A @ A",
        "A // B",
        "np.exp(A, B)",
        "np.dot(A)",
        "np.sum()",
        "np.sum(A, axis=5)",
        "nothing(A)",
    ],
)
def test_what_cannot_be_evaluated_has_no_value_and_no_shape(text):
    assert Evaluator(values()).value(tree(text)) is None
    assert Evaluator(values()).shape(tree(text)) is None


def test_keywords_keep_a_function_from_being_called_without_them():
    given = values()
    assert Evaluator(given).value(tree("np.multiply(A, B, dtype=float)")) is None  # no formula may say so


def test_the_shape_of_a_number_is_empty_and_that_of_an_array_is_its_own():
    evaluator = Evaluator(values())
    assert evaluator.shape(tree("A.T")) == (4, 3)
    assert evaluator.shape(tree("2")) == ()


def test_a_part_that_was_evaluated_is_looked_up():
    evaluator = Evaluator(values())
    whole = tree("np.exp(A * B)")
    part = whole.args[0]
    evaluator.value(part)
    assert evaluator.work == 3
    value = evaluator.value(whole)
    assert evaluator.work == 4
    assert evaluator.value(whole) is value
    assert evaluator.work == 4


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("A * B - 1", "left"),
        ("(A * B).T", "value"),
        ("-(A * B)", "operand"),
        ("A * B > 1", "left"),
        ("np.exp(A * B)", "args"),
        ("np.dot(A * B, c)", "args"),
    ],
)
def test_what_is_not_kept_is_evaluated_anew_with_all_its_parts(text, part):
    evaluator = Evaluator(values())
    whole = tree(text)
    inner = getattr(whole, part)
    inner = inner[0] if isinstance(inner, list) else inner
    first = evaluator.value(whole, keep=False)
    work = evaluator.work
    np.testing.assert_array_equal(evaluator.value(whole, keep=False), first)
    assert evaluator.work == 2 * work
    evaluator.value(inner)
    assert evaluator.work == 2 * work + 3  # none of its parts was kept either
    evaluator.value(whole, keep=False)
    assert evaluator.work == 2 * work + 3 + work - 3  # what is known serves all the same


@pytest.mark.parametrize(
    "text", ["A * B - 1", "(A * B).T", "-(A * B)", "A * B > 1", "np.exp(A * B)", "np.dot(A * B, c)", "np.sum(A * B)"]
)
def test_every_part_is_kept(text):
    evaluator = Evaluator(values())
    whole = tree(text)
    evaluator.value(whole)
    work = evaluator.work
    for part in ast.walk(whole):
        if isinstance(part, ast.BinOp | ast.Compare | ast.Constant):
            evaluator.value(part)
    assert evaluator.work == work


def test_what_has_no_value_is_remembered_too():
    evaluator = Evaluator(values())
    wrong = tree("A @ A")
    assert evaluator.value(wrong) is evaluator.value(wrong) is None
    assert evaluator.work == 3


@pytest.mark.parametrize(("entries", "step"), [(1, 1), (999, 1), (1000, 2), (1999, 2), (2500, 3)])
def test_work_on_much_data_counts_for_more(entries, step):
    evaluator = Evaluator({"x": np.ones(entries), "n": 3})
    evaluator.value(tree("-x"))
    assert evaluator.work == 2 * step
    evaluator = Evaluator({"x": np.ones(entries), "n": 3})
    evaluator.value(tree("+x"))
    assert evaluator.work == 5 * step


def test_without_values_there_are_numbers_still():
    assert Evaluator({}).value(tree("2 + 3")) == 5


@pytest.mark.parametrize("text", ["{} @ {}", "np.dot({}, {})", "np.matmul({}, {})", "{} * {}", "np.multiply({}, {})"])
@pytest.mark.parametrize(
    ("rows", "columns", "allowed"),
    # 4 times the largest array and 10,000 entries are allowed: 10,800 where the largest has 200 entries
    [(54, 200, True), (55, 200, False), (77, 137, False), (200, 54, True), (200, 55, False)],
)
def test_a_product_the_wrong_way_round_is_not_computed_when_it_is_huge(text, rows, columns, allowed):
    given = {"x": np.ones((rows, 1)), "y": np.ones((1, columns))}
    value = Evaluator(given).value(tree(text.format("x", "y")))
    assert (np.shape(value) if allowed else value) == ((rows, columns) if allowed else None)


def test_size_is_foreseen_for_broadcasts_either_way_and_for_more_dimensions():
    given = {"row": np.ones((1, 200)), "column": np.ones((57, 1)), "x": np.ones((10, 30, 1)), "y": np.ones((10, 1, 30))}
    evaluator = Evaluator(given)
    assert evaluator.value(tree("row + column")) is None
    assert evaluator.value(tree("np.dot(x, y)")) is None  # 10 × 30 × 10 × 30
    assert evaluator.shape(tree("x * y")) == (10, 30, 30)
    assert evaluator.shape(tree("row @ row.T")) == (1, 1)
    long = Evaluator({"v": np.ones(16_000), "one": np.ones((1, 1, 1, 1))})
    assert long.shape(tree("v * one")) == (1, 1, 1, 16_000)
    assert long.shape(tree("np.dot(v, v)")) == ()


# --- the search ----------------------------------------------------------------------------------------------------

NAMES, GRADIENTS = ("A", "B", "W"), ("dZ",)


def draw(m, seed=0, dtype=float):
    rng = np.random.default_rng(seed + m)
    shapes = {"A": (3, m), "B": (3, m), "W": (2, 3), "dZ": (2, m)}
    return {name: rng.uniform(0.5, 1.5, shape).astype(dtype) for name, shape in shapes.items()} | {"m": m}


def reading(right, *, sizes=(5, 8), convention="mean", batch="m", names=NAMES, gradients=GRADIENTS, dtype=float):
    """What is right on draws with these numbers of columns, computed by a function of the values by name."""
    draws = [draw(m, dtype=dtype) for m in sizes]
    cases = tuple(Case(values, np.asarray(right(**values)), values["m"]) for values in draws)
    shapes = {name: np.shape(value) for name, value in draws[0].items()}
    return Reading(convention, cases, lambda shape_of: Surroundings(names, gradients, shapes, batch, shape_of))


def found(text, *readings):
    """The fix as a person reads it; None when there is none."""
    best = fix(tree(text), readings)
    return None if best is None else (ast.unparse(best.tree), best.text, round(best.cost, 6), best.repairs)


FACTOR = "constant factor"


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        (
            "dZ @ A",
            lambda A, dZ, **_: dZ @ A.T,
            ("dZ @ A.T", "A has to be transposed", 1.0, ("transpose missing",)),
        ),
        ("dZ / m", lambda dZ, **_: dZ, ("dZ", "the division by m is one too many", 1.0, ("1/m extra",))),
        # numbers: a 2 that was forgotten is usual, others less so
        ("A", lambda A, **_: 2 * A, ("2 * A", "the factor 2 is missing", 1.4, (FACTOR,))),
        ("A", lambda A, **_: 5 * A, ("5 * A", "it has to be 5 times as large", 1.45, (FACTOR,))),
        ("A", lambda A, **_: 24 * A, ("24 * A", "it has to be 24 times as large", 1.45, (FACTOR,))),
        ("A", lambda A, **_: 25 * A, ("25 * A", "it has to be 25 times as large", 1.5, (FACTOR,))),
        ("A", lambda A, **_: A / 7, ("A / 7", "it has to be 1/7 times as large", 1.45, (FACTOR,))),
        ("A", lambda A, **_: A / 24, ("A / 24", "it has to be 1/24 times as large", 1.45, (FACTOR,))),
        ("A", lambda A, **_: A / 25, ("0.04 * A", "it has to be 0.04 times as large", 1.5, (FACTOR,))),
        ("A", lambda A, **_: A * -5 / 7, ("-5 * A / 7", "it has to be -5/7 times as large", 1.45, (FACTOR,))),
        ("A", lambda A, **_: -A / 7, ("-A / 7", "it has to be -1/7 times as large", 1.45, (FACTOR,))),
        (
            "A",
            lambda A, **_: 0.12345678901234 * A,
            ("0.123456789012 * A", "it has to be 0.123457 times as large", 1.5, (FACTOR,)),
        ),
        # a change and a number
        (
            "dZ @ A",
            lambda A, dZ, **_: dZ @ A.T * 5 / 7,
            (
                "5 * (dZ @ A.T) / 7",
                "A has to be transposed; and it has to be 5/7 times as large",
                2.2,
                ("transpose missing", FACTOR),
            ),
        ),
        (
            "dZ @ A",
            lambda A, dZ, **_: dZ @ A.T * 1.5,
            (
                "3 * (dZ @ A.T) / 2",
                "A has to be transposed; and it has to be 3/2 times as large",
                2.2,
                ("transpose missing", FACTOR),
            ),
        ),
        (
            "dZ @ A",
            lambda A, dZ, **_: -(dZ @ A.T),
            (
                "-(dZ @ A.T)",
                "A has to be transposed; and it has to be -1 times as large",
                2.4,
                ("transpose missing", FACTOR),
            ),
        ),
        (
            "dZ @ A",
            lambda A, dZ, m, **_: dZ @ A.T / m,
            (
                "dZ @ A.T / m",
                "A has to be transposed; and it has to be 1/m times as large",
                2.2,
                ("transpose missing", FACTOR),
            ),
        ),
        (
            "dZ @ A",
            lambda A, dZ, m, **_: dZ @ A.T * m,
            (
                "dZ @ A.T * m",
                "A has to be transposed; and it has to be m times as large",
                2.2,
                ("transpose missing", FACTOR),
            ),
        ),
        (
            "dZ @ A",
            lambda A, dZ, m, **_: 2 * dZ @ A.T / m,
            (
                "2 * (dZ @ A.T) / m",
                "A has to be transposed; and it has to be 2·1/m times as large",
                2.2,
                ("transpose missing", FACTOR),
            ),
        ),
        (
            "dZ @ A",
            lambda A, dZ, m, **_: dZ @ A.T * m / 3,
            (
                "dZ @ A.T / 3 * m",
                "A has to be transposed; and it has to be 1/3·m times as large",
                2.2,
                ("transpose missing", FACTOR),
            ),
        ),
        # a number and 1/m are two changes
        ("A", lambda A, m, **_: -A / m, ("-A / m", "it has to be -1/m times as large", 2.3, (FACTOR,))),
        ("A", lambda A, m, **_: 2 * A * m, ("2 * A * m", "it has to be 2·m times as large", 2.3, (FACTOR,))),
        # two changes
        (
            "W @ dZ * A",
            lambda A, W, dZ, **_: W.T @ dZ * (1 - A),
            (
                "W.T @ dZ * (1 - A)",
                "A should be 1 - A; and W has to be transposed",
                2.05,
                ("1 - missing", "transpose missing"),
            ),
        ),
    ],
)
def test_the_likeliest_change_is_named_with_what_it_costs(wrong, right, expected):
    assert found(wrong, reading(right)) == expected


def test_nothing_is_found_where_nothing_fits():
    noise = np.random.default_rng(9)
    given = reading(lambda A, **_: noise.uniform(size=A.shape))
    assert found("A", given, given) is None
    assert found("A") is None


def test_without_columns_no_factor_is_explained_by_them():
    right = lambda A, dZ, m, **_: dZ @ A.T / 5  # noqa: E731 - one line of mathematics
    with_columns = reading(right, sizes=(5,))
    nameless = reading(right, sizes=(5,), batch=None)
    assert found("dZ @ A", with_columns)[0] == "dZ @ A.T / m"
    assert found("dZ @ A", nameless)[0] == "dZ @ A.T / 5"
    uncounted = with_columns._replace(cases=(with_columns.cases[0]._replace(columns=None),))
    assert found("dZ @ A", uncounted)[0] == "dZ @ A.T / 5"


def test_of_explanations_by_columns_and_by_a_number_the_shorter_is_given():
    # With m = 5 alone, 2 is 10/m as well.
    assert found("dZ @ A", reading(lambda A, dZ, **_: 2 * dZ @ A.T, sizes=(5,)))[0] == "2 * (dZ @ A.T)"
    assert found("dZ @ A", reading(lambda A, dZ, **_: 5 * dZ @ A.T, sizes=(5,)))[0] == "dZ @ A.T * m"


def test_the_cheapest_of_all_conventions_is_taken_and_named():
    cheap = reading(lambda A, dZ, **_: dZ @ A.T, convention="cheap")
    dear = reading(lambda A, dZ, **_: 5 * dZ @ A, convention="dear", sizes=(3, 3))
    for readings in ((cheap, dear), (dear, cheap)):
        best = fix(tree("dZ @ A"), readings)
        assert (best.convention, ast.unparse(best.tree)) == ("cheap", "dZ @ A.T")
    assert fix(tree("dZ @ A"), [dear]).convention == "dear"


def test_one_change_in_any_convention_comes_before_two_in_another():
    one = reading(lambda A, **_: 24 * A, convention="one")
    two = reading(lambda A, dZ, W, **_: W.T @ dZ * (1 - A), convention="two")
    assert fix(tree("A"), [two, one]).convention == "one"


def test_what_is_right_by_accident_on_the_first_data_is_not_taken():
    first, second = draw(5), draw(8)
    first["A"] = first["B"]
    cases = tuple(Case(values, values["dZ"] @ values["B"].T, values["m"]) for values in (first, second))
    shapes = {name: np.shape(value) for name, value in first.items()}
    given = Reading("mean", cases, lambda shape_of: Surroundings(NAMES, GRADIENTS, shapes, "m", shape_of))
    # dZ @ A.T costs less, and fits where A and B are one
    assert found("dZ @ A", given)[0] == "dZ @ B.T"


def test_a_change_that_fails_on_later_data_is_not_taken():
    first, second = draw(5), draw(8)
    del second["A"]
    first["A"] = first["B"]
    cases = tuple(Case(values, values["dZ"] @ values["B"].T, values["m"]) for values in (first, second))
    shapes = {name: np.shape(value) for name, value in first.items()}
    given = Reading("mean", cases, lambda shape_of: Surroundings(NAMES, GRADIENTS, shapes, "m", shape_of))
    assert found("dZ @ A", given)[0] == "dZ @ B.T"


def test_of_changes_that_cost_the_same_the_shorter_formula_is_given():
    # Both factors are 2 apart: (A + A) could lose its second term, or its first.
    best = found("B + B - A", reading(lambda B, A, **_: B - A))
    assert best == ("B - A", "the term B is one too many", 1.4, ("term extra",))


def test_the_search_ends_when_its_budget_is_used_up(monkeypatch):
    given = reading(lambda A, B, **_: np.sin(A) - B * B * B)
    monkeypatch.setattr(diagnosis, "_FIRSTS", 0)  # of pairs, none
    enough, budget = 0, Budget(10**9)
    assert Search(tree("np.sin(A) - B"), given, budget).one_change().text == "B has to stand to the third power"
    enough = 10**9 - budget.left
    for left in (0, 100):
        assert Search(tree("np.sin(A) - B"), given, Budget(left)).one_change() is None
    assert Search(tree("np.sin(A) - B"), given, Budget(enough)).one_change() is not None


def test_deeper_changes_and_more_operations_take_more_of_a_budget():
    def spent(text):
        budget = Budget(10**9)
        Search(tree(text), reading(lambda A, B, **_: A + 7 * B), budget).one_change()
        return 10**9 - budget.left

    costs = [spent(f"{'np.exp(' * deep}A{')' * deep}") for deep in (1, 4, 16)]
    assert costs[0] < costs[1] / 2 < costs[2] / 8


def test_what_was_not_searched_for_is_told(monkeypatch):
    line = {"dW": "np.sum(dh) * np.tanh(h)"}
    monkeypatch.setattr(explaining, "A_LINE", 1)
    assert (
        line_graph().check(line)["dW"].diagnosis.endswith("; not searched for all repairs, which would take too long")
    )
    # and of a report: what the first line takes is not there for the second
    monkeypatch.setattr(explaining, "A_LINE", 5_000)
    monkeypatch.setattr(explaining, "A_REPORT", 5_000)
    report = line_graph().check({**line, "dh": "np.exp(W) @ np.exp(W.T)"})
    assert all("not searched" in verdict.diagnosis for verdict in report)


def test_of_the_first_changes_only_so_many_are_paired(monkeypatch):
    given = reading(lambda A, W, dZ, **_: W.T @ dZ * (1 - A))
    counts = []
    for firsts in itertools.count():
        monkeypatch.setattr(diagnosis, "_FIRSTS", firsts)
        counts.append(found("W @ dZ * A", given))
        if counts[-1] is not None:
            break
    assert len(counts) > 1
    assert counts[-1][0] == "W.T @ dZ * (1 - A)"


def test_a_result_near_zero_is_found_though_its_first_entry_is_tiny():
    # The first entry is far below the others, and rounding leaves nothing of its digits: it is judged like the others.
    def right(A, W, dZ, **_):
        result = W.T @ dZ * (1 - A)
        result[0, 0] += 1e-11
        return result

    assert found("W @ dZ * A", reading(right))[0] == "W.T @ dZ * (1 - A)"


def test_two_changes_are_found_if_the_first_entry_is_off_by_as_much_as_may_be():
    near = tolerance(np.dtype(float))
    values = {
        "A": np.array([[near, 0.3, -0.2], [0.1, -0.4, 0.5]]),
        "B": np.array([[0.0, 0.2], [0.4, -0.3], [0.1, 0.5]]),
    }
    expected = values["A"] + values["B"].T  # the largest entry is 1: the tolerance is near itself
    expected[0, 0] = 0.0
    shapes = {name: value.shape for name, value in values.items()}
    cases = (Case(values, expected, None),)
    given = Reading("mean", cases, lambda shape_of: Surroundings(("A", "B"), (), shapes, None, shape_of))
    assert found("A - B", given)[0] == "A + B.T"
    values["A"][0, 0] = np.nextafter(near, 1)
    assert found("A - B", given) is None


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ("dZ @ A", lambda A, dZ, **_: dZ @ A.T, "A has to be transposed"),
        ("3 * dZ", lambda dZ, **_: dZ, "the factor 3 is one too many"),
        ("A", lambda A, **_: A * np.float32(5 / 7), "it has to be 5/7 times as large"),
        ("W @ dZ * A", lambda A, W, dZ, **_: W.T @ dZ * (1 - A), "A should be 1 - A; and W has to be transposed"),
        ("dZ @ A", lambda A, dZ, **_: -(dZ @ A.T), "A has to be transposed; and it has to be -1 times as large"),
    ],
)
def test_single_precision_is_mended_as_well(wrong, right, told):
    def exact(**values):  # computed in double precision: what the engine computes in single differs in the last digits
        wide = {name: np.asarray(value, float) if name != "m" else value for name, value in values.items()}
        return np.asarray(right(**wide)).astype(np.float32)

    assert found(wrong, reading(exact, dtype=np.float32))[1] == told


# --- where nothing fits --------------------------------------------------------------------------------------------

GRID = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])


@pytest.mark.parametrize(
    ("value", "expected", "told"),
    [
        (np.ones((3, 2)), GRID, "its shape is (3, 2), and dW has shape (2, 3)"),
        (np.ones(()), GRID, "its shape is (), and dW has shape (2, 3)"),
        (3 * GRID, GRID, "it is 3 times as large as dW in every entry"),
        (GRID / 3, GRID, "it is 0.333333 times as large as dW in every entry"),
        (-GRID, GRID, "it is -1 times as large as dW in every entry"),
        (np.array(6.0), np.array(4.0), "it is 1.5 times as large as dW in every entry"),
        (
            GRID * [[2], [0.5]],
            GRID,
            "each row of dW has its own factor: 2, 0.5 times as large as it should be",
        ),
        (
            GRID * [1.23456, -3, 1],
            GRID,
            "each column of dW has its own factor: 1.235, -3, 1 times as large as it should be",
        ),
        (
            np.ones((2, 6)) * np.arange(1, 7),
            np.ones((2, 6)),
            "each column of dW has its own factor: 1, 2, 3, 4, 5, 6 times as large as it should be",
        ),
        (
            np.ones((2, 7)) * np.arange(1, 8),
            np.ones((2, 7)),
            "each column of dW has its own factor: 1, 2, 3, 4, 5, 6, … times as large as it should be",
        ),
        (GRID * [[1, -1, 1], [1, 1, -1]], GRID, "the size of every entry is right, but 2 of 6 signs are wrong"),
        (np.array([1.0, -2.0]), np.array([1.0, 2.0]), "the size of every entry is right, but 1 of 2 signs are wrong"),
        # a single row or column has a factor for every entry: that says nothing
        (
            np.array([[2.0, 6.0]]),
            np.array([[1.0, 2.0]]),
            "2 of 2 entries differ: entry [0, 1] is 6, not 2; entry [0, 0] is 2, not 1",
        ),
        (
            np.array([[2.0], [6.0]]),
            np.array([[1.0], [2.0]]),
            "2 of 2 entries differ: entry [1, 0] is 6, not 2; entry [0, 0] is 2, not 1",
        ),
        # neither does a 0
        (
            np.array([[0.0, 2.0, 4.0], [9.0, 18.0, 35.0]]),
            np.array([[0.0, 2.0, 4.0], [8.0, 16.0, 32.0]]),
            "3 of 6 entries differ: entry [1, 2] is 35, not 32; entry [1, 1] is 18, not 16; entry [1, 0] is 9, not 8",
        ),
        (
            np.add(GRID, [[1, 0, 0], [0, 0, 0]]),
            GRID,
            "1 of 6 entries differ: entry [0, 0] is 2, not 1",
        ),
        (
            np.add(GRID, [[0, 0, 1], [1, 1, 1]]),
            GRID,
            "4 of 6 entries differ: entry [0, 2] is 5, not 4; entry [1, 0] is 9, not 8; entry [1, 1] is 17, not 16",
        ),
        (
            np.add(
                GRID, [[0, 1e-8, 0], [0, 0, 1]]
            ),  # the small one is below the tolerance of 1e-9 of the largest entry
            GRID,
            "1 of 6 entries differ: entry [1, 2] is 33, not 32",
        ),
        (np.array(1.0), np.array(0.0), "1 of 1 entries differ: it is 1, not 0"),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0]), "1 of 2 entries differ: entry [1] is nan, not 2"),
        (np.array([1.0, np.inf]), np.array([1.0, 2.0]), "1 of 2 entries differ: entry [1] is inf, not 2"),
        (np.array([np.inf, 3.0]), np.array([np.inf, 2.0]), "1 of 2 entries differ: entry [1] is 3, not 2"),
        (np.array([-np.inf, 2.0]), np.array([np.inf, 2.0]), "1 of 2 entries differ: entry [0] is -inf, not inf"),
        (np.array([3.0, 2.0]), np.array([np.inf, 2.0]), "1 of 2 entries differ: entry [0] is 3, not inf"),
        (
            np.array([3.14159265, 0.0]),
            np.array([2.71828182, 1.0]),
            "2 of 2 entries differ: entry [1] is 0, not 1; entry [0] is 3.14159, not 2.71828",
        ),
    ],
)
def test_a_difference_is_told_by_its_pattern_or_by_its_worst_entries(value, expected, told):
    assert difference_text(value, expected, "dW") == told


def test_the_pattern_of_a_difference_is_seen_through_rounding():
    rng = np.random.default_rng(1)
    expected = rng.uniform(1, 2, (4, 3))
    noise = 1 + 1e-12 * rng.normal(size=(4, 3))
    assert difference_text(3 * expected * noise, expected, "dW") == "it is 3 times as large as dW in every entry"
    single = expected.astype(np.float32)
    assert difference_text(single * np.float32(0.7), single, "dW") == "it is 0.7 times as large as dW in every entry"
    apart = expected * (1 + 1e-6 * np.arange(12).reshape(4, 3))
    assert difference_text(apart, expected, "dW").startswith("11 of 12 entries differ")


# --- what users see ------------------------------------------------------------------------------------------------


def line_graph():
    """Two layers without activations: the gradients are products of what is fed."""
    x = cr.Input("x", (3, "m"))
    h = cr.MatMul(cr.Parameter("W", (2, 3)), x, name="h")
    return cr.Graph(cr.Sum(h * h, name="L"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("wrong", "told", "repair"),
    [
        ("dh @ x", "x has to be transposed", "dh @ x.T"),
        ("dh @ x.T * 3", "the factor 3 is one too many", "dh @ x.T"),
        ("h @ x", "x has to be transposed; and it has to be 2 times as large", "2 * (h @ x.T)"),
    ],
)
def test_a_run_in_any_precision_is_mended(dtype, wrong, told, repair):
    rng = np.random.default_rng(4)
    run = line_graph().forward({"x": rng.normal(size=(3, 5)).astype(dtype), "W": rng.normal(size=(2, 3)).astype(dtype)})
    verdict = run.compare({"dW": wrong})["dW"]
    assert (verdict.own, verdict.diagnosis, verdict.repair) == (False, told, repair)


def test_one_over_m_is_called_so_where_there_is_one_size_of_m_alone():
    x, y = cr.Input("x", (3, "m")), cr.Input("y", (2, "m"))
    graph = cr.Graph(cr.MSELoss(cr.MatMul(cr.Parameter("W", (2, 3)), x, name="h"), y, name="L"))
    rng = np.random.default_rng(4)
    run = graph.forward({"x": rng.normal(size=(3, 5)), "y": rng.normal(size=(2, 5)), "W": rng.normal(size=(2, 3))})
    verdict = run.compare({"dW": "dh.T @ x"}, convention="per-example")["dW"]
    assert verdict.repair == "dh @ x.T / m"


def test_infinite_gradients_are_told_and_not_explained():
    graph = cr.Graph(cr.Sum(cr.Log(cr.Input("x", (2, 3))), name="L"))
    with np.errstate(all="ignore"):
        run = graph.forward({"x": np.zeros((2, 3))})
    verdict = run.compare({"dx": "x + 1"})["dx"]
    assert verdict.repair == ""
    assert verdict.diagnosis == (
        "6 of 6 entries differ: entry [0, 0] is 1, not inf; entry [0, 1] is 1, not inf; entry [0, 2] is 1, not inf"
    )


@pytest.mark.parametrize(
    "text",
    [
        "sum(dh)",  # not np.sum
        "np.sum(x=dh)",  # by its name
        "np.sum(axis=1, x=dh)",
        "np.transpose(x=dh)",
        "np.mean(x=dh)",
        "np.sum(dh, axis=-1)",
        "np.sum(dh, axis=(0, 1))",
        "1e400 * dh",  # infinity
        "1e308 * dh",  # the square of which is
        "h / 0",
        "True * dh",
        "np.einsum('im->mi', dh)",
    ],
)
def test_odd_formulas_are_wrong_and_no_more(text, monkeypatch):
    monkeypatch.setattr(explaining, "A_LINE", 20_000)  # enough to come to every repair once
    verdict = line_graph().check({"dW": text})["dW"]
    assert (verdict.verdict, verdict.own) == ("wrong", False)
    assert verdict.diagnosis


def test_nothing_but_zeros_is_called_that():
    expected = np.array([[1.0, -2.0]])
    assert difference_text(np.zeros((1, 2)), expected, "dB1") == "it is 0 in every entry"
    assert difference_text(np.array([[0.0, 1.0]]), expected, "dB1").startswith("2 of 2 entries differ")


# --- what is tried in pairs ------------------------------------------------------------------------------------------


def test_the_usual_repairs_are_tried_in_pairs_and_of_each_the_usual_proposals():
    dear = {
        "slope missing",
        "slope wrong",
        "divisor missing",
        "term extra",
        "term missing",
        "number",
        "constant factor",
        "function",
        "other name",
    }
    dear |= {"function missing", "kernel not flipped"}  # more than 1.3, the cost of "factor missing"
    wide = {"name everywhere", "brackets"}  # they change what another change would stand in
    assert {repair.name for repair in diagnosis._PAIRED} == {repair.name for repair in REPAIRS} - dear - wide
    for name, cost, usual in [
        ("sign", 1.1 + 0.25, True),
        ("sign", 1.1 + 0.26, False),
        ("power", 1.25 + 0.25, True),
        ("power", 1.25 + 0.26, False),
        ("other name", 9.0, True),  # never the second change, so it may always be the first
    ]:
        assert diagnosis._is_usual(Change(ast.Name("A"), name, cost, (), "", ())) == usual


def test_a_search_ends_where_it_was_decided_to_end():
    """More finds more pairs and takes longer: at most 1.5 seconds of one core were measured with these."""
    assert (diagnosis._FIRSTS, A_LINE, A_REPORT) == (150, 600_000, 20_000_000)


def test_costs_count_to_their_third_digit():
    assert round(1.05 + 1.1, diagnosis._DIGITS) == round(1.1 + 1.05, diagnosis._DIGITS) == 2.15
    assert 1.05 + 1.1 + 0.2 != 0.2 + 1.1 + 1.05  # which of them comes first may not depend on that
    assert round(1.125, diagnosis._DIGITS) == 1.125
    assert round(1.0004, diagnosis._DIGITS) == 1


def test_numbers_that_differ_are_told_with_the_digits_in_which_they_differ():
    told = difference_text(np.array([-5.8845901, 1.0]), np.array([-5.88459, 1.0]), "dZ1")
    assert told == "1 of 2 entries differ: entry [0] is -5.8845901, not -5.88459"
