"""Sizes with names count as their numbers would, are written as people write them, and are refused with a reason."""

import copy
import math
import pickle
import re
from fractions import Fraction

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import RuleError, Untraceable
from chainrule.symbols.dimensions import Dimension, as_shape, divided, names_in, rest, shape_text
from chainrule.symbols.symbol import Symbol

m, n, p = map(Dimension.named, "mnp")

# What is computed, and how people write the result.
WRITTEN = [
    (lambda m, n, p: m, "m"),
    (lambda m, n, p: m + 2, "m + 2"),
    (lambda m, n, p: 2 + m, "m + 2"),
    (lambda m, n, p: m - 2, "m - 2"),
    (lambda m, n, p: 2 - m, "-m + 2"),
    (lambda m, n, p: -m, "-m"),
    (lambda m, n, p: m + m + 1, "2*m + 1"),
    (lambda m, n, p: n + m, "m + n"),
    (lambda m, n, p: m - n, "m - n"),
    (lambda m, n, p: n - m, "-m + n"),
    (lambda m, n, p: 3 * m - 2 * n - 1, "3*m - 2*n - 1"),
    (lambda m, n, p: 3 * m, "3*m"),
    (lambda m, n, p: m * 3, "3*m"),
    (lambda m, n, p: n * m, "m*n"),
    (lambda m, n, p: m * m, "m**2"),
    (lambda m, n, p: m * n * m * m, "m**3*n"),
    (lambda m, n, p: (m + 1) * (m - 1), "m**2 - 1"),
    (lambda m, n, p: (m + n) * (m + 2 * n), "3*m*n + m**2 + 2*n**2"),
    (lambda m, n, p: 5 + p + n * p + m * m * m, "m**3 + n*p + p + 5"),
    (lambda m, n, p: m / 2, "m/2"),
    (lambda m, n, p: 3 * m / 4, "3*m/4"),
    (lambda m, n, p: 1 / m, "1/m"),
    (lambda m, n, p: 6 / m, "6/m"),
    (lambda m, n, p: -1 / m, "-1/m"),
    (lambda m, n, p: 1 / (4 * m), "1/4/m"),
    (lambda m, n, p: 6 / (4 * m), "3/2/m"),
    (lambda m, n, p: 1 / (m * m), "1/m**2"),
    (lambda m, n, p: 1 / (m * m * n), "1/m**2/n"),
    (lambda m, n, p: m / n, "m/n"),
    (lambda m, n, p: m * m * n / (5 * p), "m**2*n/5/p"),
    (lambda m, n, p: (m * n + n) / n, "m + 1"),
    (lambda m, n, p: (m + 1) / n, "m/n + 1/n"),
    (lambda m, n, p: m + 1 / m + 2, "m + 2 + 1/m"),
    (lambda m, n, p: m / 2 / m, "1/2"),
    (lambda m, n, p: (m + n) - n, "m"),
]


@pytest.mark.parametrize(("function", "text"), WRITTEN, ids=[text for _, text in WRITTEN])
def test_a_size_is_written_as_people_write_it(function, text):
    assert str(function(m, n, p)) == repr(function(m, n, p)) == text


@pytest.mark.parametrize("numbers", [(60, 30, 6), (1, 1, 1), (4, 2, 2), (7, 11, 13)], ids=str)
@pytest.mark.parametrize("function", [function for function, _ in WRITTEN], ids=[text for _, text in WRITTEN])
def test_a_size_counts_as_its_numbers_do(function, numbers):
    """At 60, 30 and 6 most of them are whole, at 7, 11 and 13 few are; what is no whole number is refused."""
    expected, sizes = function(*map(Fraction, numbers)), dict(zip("mnp", numbers, strict=True))
    if expected.denominator == 1:
        found = function(m, n, p).evaluate(sizes)
        assert (found, type(found)) == (expected, int)
    else:
        with pytest.raises(ValueError, match=f"is {expected} for .*, which is no whole number"):
            function(m, n, p).evaluate(sizes)


def test_a_floor_division_is_a_size_where_it_is_whole_for_every_number():
    assert str(m * n // n) == "m"
    assert str((6 * m + 9) // 3) == "2*m + 3"
    for recorded, operands in ((m // 2, (m, 2)), (7 // m, (7, m)), ((m + 1) // 2, (m + 1, 2))):
        assert recorded.operation is np.floor_divide
        assert recorded.operands == operands


def test_what_is_divided_exactly_keeps_its_fraction():
    assert divided(m, 2) == m / 2
    with pytest.raises(ValueError, match=r"m/2 is 7/2 for \{'m': 7\}, which is no whole number"):
        divided(m, 2).evaluate({"m": 7})


def test_a_size_has_a_remainder_and_no_number_that_could_be_rounded():
    assert [((m + 2) % 3).operation, (7 % m).operation] == [np.remainder, np.remainder]
    x = cr.Input("x", (2, "m"))
    half = cr.Graph(cr.Sum(x[:, : x.shape[1] // 2]) + x.shape[1] % 3)
    assert half.forward({"x": np.ones((2, 8))}).loss == 8 + 2
    with pytest.raises(RuleError, match=r"m/2 is 7/2 for \{'m': 7\}") as error:
        half.forward({"x": np.ones((2, 7))})
    assert error.value.remedy == "a size that 2 divides: m/2 is exact where it counts entries"
    for asked in (round, math.floor, math.ceil, math.trunc):
        with pytest.raises(Untraceable, match="no number before there is data"):
            asked(m)


@pytest.mark.parametrize(
    ("function", "number"),
    [
        (lambda: m - m, 0),
        (lambda: m * 0, 0),
        (lambda: m / m, 1),
        (lambda: (m + 5) - m, 5),
        (lambda: m / 2 * (4 / m), 2),
        (lambda: m - (m + 1), -1),
    ],
)
def test_what_has_no_names_left_is_a_whole_number_again(function, number):
    found = function()
    assert (found, type(found)) == (number, int)


def test_a_fraction_without_names_stays_a_size_until_it_is_whole():
    half = m / 2 / m
    assert (str(half), half.names) == ("1/2", frozenset())
    assert half * 2 == 1
    with pytest.raises(ValueError, match=r"^1/2 is 1/2 for \{\}, which is no whole number\n"):
        half.evaluate({})


def test_a_name_without_a_number_is_missed_by_name():
    with pytest.raises(KeyError, match="n"):
        (m * n).evaluate({"m": 3})
    assert (m * n).evaluate({"m": 3, "n": 5, "p": 7}) == 15


OPERATIONS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
}


@pytest.mark.parametrize("other", ["m", None, [2], 2j, Fraction(1, 2)], ids=str)
@pytest.mark.parametrize("sign", OPERATIONS)
def test_only_sizes_and_whole_numbers_combine(sign, other):
    """A half of a size is m / 2; Fraction(1, 2) * m would be another way to say it."""
    given = type(other).__name__
    for x, y, kinds in ((m, other, f"'Dimension' and '{given}'"), (other, m, f"'{given}' and 'Dimension'")):
        with pytest.raises(TypeError) as error:
            OPERATIONS[sign](x, y)
        # a text or a list refuses + and * by itself, in its own words
        if isinstance(other, (complex, Fraction)):
            assert str(error.value) == f"unsupported operand type(s) for {sign}: {kinds}"


@pytest.mark.parametrize("function", [lambda: 1 // (m + 1), lambda: m // (m + 1), lambda: n // (m - n)])
def test_a_sum_has_no_inverse_in_this_form(function):
    with pytest.raises(TypeError, match="unsupported operand"):
        function()


@pytest.mark.parametrize(
    ("function", "recorded"),
    [
        (lambda: 0.1 / (2 * m), (np.divide, (0.1, 2 * m))),
        (lambda: m / 0.5, (np.divide, (m, 0.5))),
        (lambda: 1 / (m + 1), (np.divide, (1, m + 1))),
        (lambda: m / (m + 1), (np.divide, (m, m + 1))),
        (lambda: m + 0.5, (np.add, (m, 0.5))),
        (lambda: 0.5 - m, (np.subtract, (0.5, m))),
        (lambda: m - 0.5, (np.subtract, (m, 0.5))),
        (lambda: 0.5 * m, (np.multiply, (m, 0.5))),
        (lambda: m**0.5, (np.power, (m, 0.5))),
        (lambda: 0.9**m, (np.power, (0.9, m))),
        (lambda: m**-1, (np.power, (m, -1))),
        (lambda: np.sqrt(m), (np.sqrt, (m,))),
        (lambda: np.float64(0.5) / m, (np.divide, (0.5, m))),
    ],
)
def test_with_fractions_a_size_is_a_number_that_is_recorded(function, recorded):
    """0.5 * m would make a number of columns out of a rounding: what is recorded is no size."""
    said = function()
    assert isinstance(said, Symbol)
    assert ((said.operation, said.operands), said.shape, said.dtype) == (recorded, (), float)
    with pytest.raises(TypeError, match="a size is a whole number or a name"):
        as_shape((2, said))


def test_arrays_of_numbers_are_recorded_with_a_size():
    said = np.array([1.0, 2.0]) * m
    assert (said.operation, said.shape, said.operands[1]) == (np.multiply, (2,), m)


def test_whole_numbers_of_numpy_are_whole_numbers():
    assert np.int64(3) * m == m * np.int64(3) == 3 * m
    assert np.int64(6) / m == 6 / m
    assert m**2 == m * m == m ** np.int64(2)
    assert (np.int64(3) == m) is False
    assert (m == np.float64(3.0)) is False


@pytest.mark.parametrize(
    "function", [lambda: np.zeros((3, m)), lambda: range(m), lambda: float(m), lambda: int(m), lambda: [1, 2][m]]
)
def test_where_a_number_is_needed_it_says_that_it_has_none(function):
    with pytest.raises(Untraceable, match="the size m has no number before there is data") as caught:
        function()
    assert "np.zeros_like(x)" in caught.value.remedy


def test_nothing_is_divided_by_zero():
    with pytest.raises(ZeroDivisionError):
        m / 0


def test_sizes_are_equal_when_they_are_for_all_numbers():
    assert m == Dimension.named("m")
    assert m + n == n + m
    assert (m + 1) * (m - 1) == m * m - 1
    seen = m.seen_at("a node")
    assert seen != n
    assert seen != 2 * m
    assert seen != m + 1
    assert seen != 3
    assert m != "m"
    assert m != m.terms


@pytest.mark.parametrize("other", [3, 1, np.int64(3), n, 2 * m])
def test_whether_a_size_of_a_rule_is_another_is_not_known(other):
    with pytest.raises(Untraceable, match=r"whether the size m is .* is not known"):
        _ = m == other
    with pytest.raises(Untraceable, match=r"whether the size m is .* is not known"):
        _ = m != other


def test_equal_sizes_are_one_key():
    m, n = (Dimension.named(name).seen_at("a node") for name in "mn")
    sizes = {m + n: "sum", m * n: "product"}
    assert sizes[n + m] == "sum"
    assert sizes[n * m] == "product"
    assert {m, n, m + 0, 1 * n, m / n * n} == {m, n}
    size = m + n
    assert hash(size) == hash(size) == hash(n + m)
    assert len({hash(k * m) for k in range(1, 20)}) == 19  # one for all would make a search of every look-up


def test_a_size_is_formatted_as_a_text():
    assert f"{m + 2:>7}|{m}" == "  m + 2|m"


def test_what_a_rule_asks_of_a_size_is_not_answered_before_there_is_data():
    for asks in (lambda: hash(m), lambda: m in {1, 3}, lambda: {1: 5.0}.get(m), lambda: bool(m - 1), lambda: m == 1):
        with pytest.raises(Untraceable, match="is not known before there is data"):
            asks()
    assert m
    assert m + 2
    assert (m - 1).seen_at("a node")


def test_the_names_of_a_size_are_all_that_occur_in_it():
    assert (m * n + 1 / p).names == {"m", "n", "p"}
    assert (m * n / n).names == {"m"}
    assert isinstance(m.names, frozenset)


@pytest.mark.parametrize(
    ("written", "shape"),
    [
        ((), ()),
        (5, (5,)),
        (np.int64(5), (5,)),
        (0, (0,)),
        ("m", (m,)),
        (m, (m,)),
        (m + 1, (m + 1,)),
        ((2, "m"), (2, m)),
        ([2, "m", 3 * m], (2, m, 3 * m)),
        (range(2, 4), (2, 3)),
        ((0, 1), (0, 1)),
        ((np.int64(3), np.uint8(200)), (3, 200)),
        ("columns_2", (Dimension.named("columns_2"),)),
    ],
    ids=str,
)
def test_a_shape_is_taken_as_people_write_it(written, shape):
    found = as_shape(written)
    assert found == shape
    assert [type(size) for size in found] == [type(size) for size in shape]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (-1, "a size is zero or more, not -1"),
        ((2, -3), "a size is zero or more, not -3"),
        ("3m", "a named dimension is a plain name such as 'm', not '3m'"),
        (("m", "2*m"), "a named dimension is a plain name such as 'm', not '2*m'"),
        ((2, ""), "a named dimension is a plain name such as 'm', not ''"),
    ],
)
def test_what_is_no_size_is_refused_with_what_was_given(written, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        as_shape(written)


@pytest.mark.parametrize(("written", "size"), [(2.0, "2.0"), ((2, 3.5), "3.5"), (None, "None"), (((2, 3),), "(2, 3)")])
def test_what_is_no_whole_number_and_no_name_is_no_size(written, size):
    message = f"a size is a whole number or a name such as 'm', not {size}"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        as_shape(written)


def test_a_shape_is_printed_as_a_tuple_and_an_unknown_one_as_a_question():
    assert [shape_text(shape) for shape in ((), (2,), (2, m), (m + 1, 3 * n), None)] == [
        "()",
        "(2,)",
        "(2, m)",
        "(m + 1, 3*n)",
        "(?)",
    ]


def test_the_names_in_a_shape():
    assert names_in((2, m, n * m + 1, 3)) == {"m", "n"}
    assert names_in((2, 3)) == set()


def test_what_is_left_of_a_size_is_a_size():
    left = rest(Dimension.named("m"), 3)
    assert (str(left), left.names, left.evaluate({"m": 2}), left.evaluate({"m": 8})) == (
        "max(0, m - 3)",
        frozenset("m"),
        0,
        5,
    )
    assert pickle.loads(pickle.dumps(left)) == left
    assert copy.deepcopy(2 * left + 1) == 2 * left + 1
    assert (2 * left / left, left - left, left + left) == (2, 0, 2 * left)
    assert (left.least, (left + 2).least, (left - 2).least, (5 - left).least, (1 / left).least) == (
        0,
        2,
        -2,
        None,
        None,
    )
    assert left.is_product_of_names is False
    assert Dimension.named("m").is_product_of_names is True


def test_equal_sizes_with_bends_are_the_same():
    """A slice of a slice met another of the same size, written otherwise, and was refused."""
    one, left = Dimension.named("m"), rest(Dimension.named("m"), 2)
    few = one - left
    assert rest(left, 3) == rest(one, 5)
    assert few - rest(few, 1) == 1
    assert rest(few - 1 + 1, 1) == one - 1 - left
    assert rest(2 * one, 3) == one - 1 + left
    assert rest(one - 3 + left, 0) == one - 3 + left  # nothing is taken
    for size in (one, few, left, 2 * one, 3 * one - 1, one + 2 * left, 5 - few, few - left + 4):
        for taken in range(1, 9):
            found = rest(size, taken)
            for number in range(1, 16):
                right = max(0, size.evaluate({"m": number}) - taken)
                assert (found if isinstance(found, int) else found.evaluate({"m": number})) == right, (
                    size,
                    taken,
                    number,
                )
