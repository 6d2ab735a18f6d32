"""What a formula says when it cannot be read or computed, to the letter, and how far its bounds reach."""

import ast
import inspect
import sys

import numpy as np
import pytest

from chainrule.errors import FormulaError, ShapeError
from chainrule.judging.reading import UserFormula, name_in, parse, parse_lines
from chainrule.judging.reading.bounds import LONGEST, MOST_FORMULAS
from chainrule.judging.reading.evaluation import _reason

# Every axis has another size.
VALUES = {
    "A1": np.arange(15.0).reshape(3, 5) - 7,
    "A2": np.arange(20.0).reshape(4, 5) - 9,
    "c": np.array([2.0, 3.0, 5.0]),
    "m": 5,
}
A1, A2, c, m = VALUES.values()

ALLOWED = "names, numbers, + - * / @ **, comparisons, .T, indices, np.sum and other functions of NumPy"
KNOWN = "the values are A1, A2, c, m"
DTYPES = "float, float32, float64, int, int8, int16, int32, int64, uint8, bool, float_, double, single, bool_, int_"
ATTRIBUTES = ".T, .mT, .shape, .size, .ndim"
CONSTANTS = "np.newaxis, np.pi, np.e, np.inf, np.nan"
METHODS = "methods: all, any, argmax, argmin, astype, clip, copy, cumsum, dot, flatten, item, max, mean, min, prod, ..."


def computed(text, values=VALUES):
    return parse(text, values).evaluate(values)


def refused(function, *args):
    """The error of a call: what failed, where, what was given, what would work."""
    with pytest.raises(FormulaError) as caught:
        function(*args)
    error = caught.value
    return error.what, error.where, error.given, error.remedy


def unread(text, names=VALUES):
    """What is wrong with a text, at which column of line 1, and what would work."""
    what, where, given, remedy = refused(parse, text, names)
    line, _, column = where.rpartition(", column ")
    assert (line, given) == ("line 1", "")
    return what, int(column), remedy


def made(text):
    """The tree of an expression of Python, as a program hands it in."""
    return ast.parse(text, mode="eval").body


# --- what is no formula ------------------------------------------------------------------------------------------

NOT_PART = [
    ("A1 if m else A2", "a choice (if)", 4, "np.where(a > 0, x, y)"),
    ("A1 and A2", "'and' between truth values", 4, "(a > 0) & (b > 0)"),
    ("A1 or A2", "'or' between truth values", 4, "(a > 0) | (b > 0)"),
    ("m + (not A1)", "'not' before a truth value", 6, "~(a > 0)"),
    ("lambda: 0", "a function of its own (lambda)", 1, ALLOWED),
    ("[c for c in A1]", "a loop (for)", 4, ALLOWED),
    ("c in A1", "a membership test (in)", 3, ALLOWED),
    ("class", "'class', a word of Python,", 1, ALLOWED),
    ("A1 := 3", "an assignment (:=)", 4, ALLOWED),
    ("A1 -> 3", "an annotation (->)", 4, ALLOWED),
    ("A1 // 2", "a division without remainder (//)", 4, ALLOWED),
    ("A1 << 2", "a shift of bits (<<)", 4, ALLOWED),
    ("A1 >> 2", "a shift of bits (>>)", 4, ALLOWED),
    ("A1 % 2", "a remainder (%)", 4, ALLOWED),
    ("A1; A2", "a second statement (;)", 3, ALLOWED),
    ("A1!", "an exclamation mark (!)", 3, ALLOWED),
    ("`A1`", "a backquote (`)", 1, ALLOWED),
    ("m + A1?", "a question mark (?)", 7, ALLOWED),
    ("A1 + f'a'", "text with a prefix, such as an f-string,", 6, ALLOWED),
    ("A1 + m'a'", "text with a prefix, such as an f-string,", 6, ALLOWED),
    ('A1 + Rb2"a"', "text with a prefix, such as an f-string,", 6, ALLOWED),
    ("A1 + \x07", "'\\x07'", 6, ALLOWED),
    ("A1 + 'abc'", "text ('abc')", 6, ALLOWED),
    (f"'{'a' * 50}'", f"text ('{'a' * 39})", 1, ALLOWED),
    ("A1 ** 'a'", "text ('a')", 7, ALLOWED),
    ("A1 + ...", "ellipsis (Ellipsis)", 6, ALLOWED),
    ("np.sum(*A1)", "an unpacking (*)", 8, ALLOWED),
    ("np.power(A1, *A1)", "an unpacking (*)", 14, ALLOWED),
]


@pytest.mark.parametrize(("text", "what", "column", "remedy"), NOT_PART, ids=[ascii(row[0][:30]) for row in NOT_PART])
def test_what_is_not_part_of_a_formula_is_named_at_its_column(text, what, column, remedy):
    assert unread(text) == (f"{what} is not part of a formula", column, remedy)


UNREAD = [
    ("1j", "'1j' is no number with a sign behind it", 1, "2 * A, 0.5, 1e-3"),
    ("A1 + 0x123456789abcdef", "'0x123456789a' is no number with a sign behind it", 6, "2 * A, 0.5, 1e-3"),
    ('A1 + "a', "text is not part of a formula, or is never closed", 6, ALLOWED),
    ("A1 + 'a", "text is not part of a formula, or is never closed", 6, ALLOWED),
    ("A1 = A2", "the formula cannot be read: invalid syntax", 4, "what stands to the right of the equals sign"),
    ("  A1 =", "the formula cannot be read: invalid syntax", 6, "what stands to the right of the equals sign"),
    ("A1 == ", "the formula cannot be read: invalid syntax", 6, ALLOWED),
    ("  A1 A2 ", "the formula cannot be read: invalid syntax", 6, ALLOWED),
    ("  A1.", "the formula cannot be read: invalid syntax", 6, ALLOWED),
    ("m + (A1", "the formula cannot be read: '(' was never closed", 5, ALLOWED),
]


@pytest.mark.parametrize(("text", "what", "column", "remedy"), UNREAD, ids=[row[0] for row in UNREAD])
def test_what_cannot_be_read_is_told_with_its_column(text, what, column, remedy):
    assert unread(text) == (what, column, remedy)


UNKNOWN = [
    ("m + A22", "no value is called 'A22' (did you mean 'A2'?)", 5, KNOWN),
    ("m + values['Q']", "no value is called 'Q'", 5, KNOWN),
    ("m + Q_3", "no value is called 'Q3'", 5, KNOWN),
    ("m + sum", "sum is a function, and is given no value here", 5, "sum(A)"),
    ("m + softplus", "softplus is a function, and is given no value here", 5, "softplus(A)"),
    ("m + np.sum", "np.sum is a function, and is given no value here", 5, "np.sum(A)"),
    ("m + np.sum[0]", "np.sum is a function, and is given no value here", 5, "np.sum(A)"),
    ("m + np.inff", "np has no 'inff' (did you mean 'inf'?) that formulas may use", 5, CONSTANTS),
    ("m + numpy.meen", "np has no 'meen' (did you mean 'mean'?) that formulas may use", 5, CONSTANTS),
    ("m + np.s_", "np has no 's_' that formulas may use", 5, CONSTANTS),
    ("m + A1.sum", ".sum is a method and stands without its parentheses", 5, "A.sum()"),
    ("m + A1.foo", "'.foo' is no attribute that formulas have", 5, ATTRIBUTES),
    (f"m + A1.{'a' * 50}", f"'.{'a' * 40}' is no attribute that formulas have", 5, ATTRIBUTES),
    ("m + A1(A2)", "no function is called 'A1'", 5, ALLOWED),
    ("m + sigmod(A2)", "no function is called 'sigmod' (did you mean 'sigmoid'?)", 5, ALLOWED),
    ("m + np.sun(A1)", "np has no function 'sun' (did you mean 'sum'?) that formulas may call", 5, ALLOWED),
    ("m + numpy.foo(A1)", "np has no function 'foo' (did you mean 'floor'?) that formulas may call", 5, ALLOWED),
    ("m + np.sigmoid(A1)", "np has no function 'sigmoid', but formulas have", 5, "sigmoid(A)"),
    ("m + A1.conj()", "'.conj' is no method that formulas have", 5, METHODS),
    ("m + A1.exp()", ".exp() is another library's; formulas are NumPy", 5, "m + np.exp(A1)"),
    (f"A1.{'a' * 50}()", f"'.{'a' * 40}' is no method that formulas have", 1, METHODS),
    ("m + (A1 + A2)(A2)", "'A1 + A2' is no function", 5, "* between a value and parentheses"),
    ("m + A1.astype(object)", "object is no dtype that formulas have", 15, DTYPES),
    ("m + np.astype(A1, A2.float32)", "A2.float32 is no dtype that formulas have", 19, DTYPES),
    ("m + astype(A1, 'nope')", "'nope' is no dtype that formulas have", 16, DTYPES),
    ("np.zeros(3, dtype=A1 + A2)", "A1 + A2 is no dtype that formulas have", 19, DTYPES),
    (f"A1.astype({'a' * 50})", f"{'a' * 40} is no dtype that formulas have", 11, DTYPES),
    (
        "m + np.einsum(A1, A2)",
        "the first thing given to einsum is its subscripts",
        5,
        "np.einsum('ij,kj->ik', A, B)",
    ),
    ("np.einsum(2, A2)", "the first thing given to einsum is its subscripts", 1, "np.einsum('ij,kj->ik', A, B)"),
    (
        "m + np.sum(A1, axes=1)",
        "np.sum: got an unexpected keyword argument 'axes'",
        5,
        "np.sum(x, axis=None, *, dtype=None, keepdims=False)",
    ),
    (
        "A1.sum(1, axis=2)",
        "A1.sum: multiple values for argument 'axis'",
        1,
        "A1.sum(axis=None, *, dtype=None, keepdims=False)",
    ),
    ("A1.dot()", "A1.dot: missing a required argument: 'y'", 1, "A1.dot(y)"),
    ("softmax(A1, 1, 2)", "softmax: too many positional arguments", 1, "softmax(x, axis=None)"),
    (
        "np.zeros_like(A1, **A2)",
        "np.zeros_like: got an unexpected keyword argument '**'",
        1,
        "np.zeros_like(x, dtype=None)",
    ),
    ("m + A1 ** A1 ** 2", "a power in an exponent is not part of a formula", 11, "parentheses, (a ** 2) ** 3"),
    ("A1 ** -(2 + A1 ** 2)", "a power in an exponent is not part of a formula", 7, "parentheses, (a ** 2) ** 3"),
    ("m + A1 ** 1001", "the exponent is larger than 1,000", 11, ""),
    ("m + A1 ** -1000.5", "the exponent is larger than 1,000", 11, ""),
    ("np.power(A1, 1001)", "the exponent is larger than 1,000", 14, ""),
    ("power(2, (A1 ** 2))", "a power in an exponent is not part of a formula", 11, "parentheses, (a ** 2) ** 3"),
]


@pytest.mark.parametrize(("text", "what", "column", "remedy"), UNKNOWN, ids=[row[0] for row in UNKNOWN])
def test_what_formulas_do_not_have_is_told_with_what_they_have(text, what, column, remedy):
    assert unread(text) == (what, column, remedy)


def test_subscripts_and_exponents_are_given_by_position_as_in_numpy():
    for text, remedy in (
        ("m + np.einsum()", "np.einsum(subscripts, /, *operands, optimize=False)"),
        ("m + np.einsum(subscripts='ij->ji')", "np.einsum(subscripts, /, *operands, optimize=False)"),
        ("m + np.power(A1, y=99999)", "np.power(x, y, /)"),
        ("m + np.power(x=A1, y=99999)", "np.power(x, y, /)"),
    ):
        what, column, told = unread(text)
        assert what.startswith(f"np.{remedy[3 : remedy.index('(')]}: ")  # what follows is Python's, in its version
        assert (column, told) == (5, remedy)


def test_the_name_of_a_function_is_shown_as_far_as_eighty_characters():
    name = "a" * 90
    assert unread(f"({name} + A1)(A2)", None)[0] == f"'{'a' * 40}' is no function"
    long = " + ".join(["A1"] * 20)
    assert unread(f"({long}).dot()")[2] == f"({long}).dot"[:80] + "(y)"


def test_the_module_is_no_value():
    assert unread("m + np", None) == ("np is no value", 5, "np.sum(A)")
    assert unread("numpy", None) == ("numpy is no value", 1, "np.sum(A)")
    assert unread("np") == ("no value is called 'np'", 1, KNOWN)
    assert computed("np + 1", {"np": 2}) == 3


MADE = [
    ("lambda: 0", "a function of its own (lambda)", ALLOWED),
    ("A1 if m else A2", "a choice (if)", ALLOWED),
    ("(A1 := 2)", "an assignment (:=)", ALLOWED),
    ("A1 and A2", "'and' or 'or' between truth values", ALLOWED),
    ("{1: 2}", "a dictionary", ALLOWED),
    ("[x for x in A1]", "a loop in brackets", ALLOWED),
    ("f'{A1}'", "an f-string", ALLOWED),
    ("{x: x for x in A1}", "DictComp, an expression of Python,", ALLOWED),
    ("A1 % 2", "the operator Mod", ALLOWED),
    ("A1 is A2", "the operator Is", ALLOWED),
    ("0 < A1 in A2", "the operator In", ALLOWED),
    ("not A1", "the operator Not", "~ for the opposite, & and | between comparisons"),
    ("1j", "complex (1j)", ALLOWED),
    ("b'abc'", "bytes (b'abc')", ALLOWED),
]


@pytest.mark.parametrize(("text", "what", "remedy"), MADE, ids=[text for text, *_ in MADE])
def test_a_tree_of_a_program_is_refused_without_a_place(text, what, remedy):
    assert refused(UserFormula.from_tree, made(text)) == (f"{what} is not part of a formula", "", "", remedy)


def test_a_node_that_has_no_place_is_refused_all_the_same():
    for tree in (ast.Name("np", ast.Load()), ast.Attribute(ast.Name("A", ast.Load()), "foo", ast.Load())):
        assert refused(UserFormula.from_tree, tree)[1] == ""


def test_the_source_of_a_tree_is_the_text_it_is_given_or_its_own():
    formula = UserFormula.from_tree(made("A1+m"), "written by hand")
    assert (formula.source, formula.text, formula.names) == ("written by hand", "A1 + m", {"A1", "m"})
    formula = UserFormula.from_tree(made("A1+m"))
    assert (formula.source, formula.text) == ("A1 + m", "A1 + m")
    assert UserFormula.from_tree(made("A1^A2")).evaluate({"A1": 6, "A2": 3}) == 5


# --- what a formula takes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a", "a"),
        ("-a + b", "ab"),
        ("a ** b", "ab"),
        ("a < b <= d", "abd"),
        ("[a, (b, d)]", "abd"),
        ("a.T.shape[b]", "ab"),
        ("a[b:d:e, f, ..., None]", "abdef"),
        ("a[b]", "ab"),
        ("a[:b]", "ab"),
        ("a[::b]", "ab"),
        ("put(a, np.s_[:, b], d)", "abd"),
        ("np.einsum('ij', a)", "a"),
        ("np.sum(a, axis=b)", "ab"),
        ("a.sum(axis=b)", "ab"),
        ("np.zeros((a, 1), dtype=float32)", "a"),
        ("a.astype(int) + np.astype(b, dtype=np.int64)", "ab"),
        ("np.where(a > 0, b, d)", "abd"),
        ("np.power(a, b)", "ab"),
        ("values['a'] + b", "ab"),
        ("len(a) + np.pi + 2", "a"),
    ],
)
def test_the_names_of_a_formula_are_its_values(text, names):
    assert parse(text).names == set(names)
    assert parse(text, iter(names)).names == set(names)
    for name in names:
        assert refused(parse, text, set(names) - {name} | {"other"})[0] == f"no value is called {name!r}"


def test_a_number_behind_a_stroke_numbers_a_name_unless_a_value_is_called_so():
    assert parse("dZ_3 + A_12.T").text == "dZ3 + A12.T"
    assert parse("a_b_3 + dZ_3x + _3 + A_").text == "a_b_3 + dZ_3x + _3 + A_"
    assert parse("dZ_3 + dZ3", ["dZ_3", "dZ3"]).text == "dZ_3 + dZ3"
    assert parse("dZ_3 A_2.T").text == "dZ3 @ A2.T"
    assert parse("dZ_3 A_2.T", ["dZ_3", "A2"]).text == "dZ_3 @ A2.T"


def test_a_power_may_be_as_large_as_a_thousand():
    assert computed("(A1 / A1[0, 0]) ** 1000")[0, 0] == 1
    assert computed("np.power(A1[0] ** 0, -1000.0)")[0] == 1
    assert parse("A1 ** (A2 - 1000)").names == {"A1", "A2"}
    with pytest.raises(FormulaError, match=r"larger than 1,000"):
        UserFormula.from_tree(ast.BinOp(made("A1"), ast.Pow(), ast.Constant(-1001)))


@pytest.mark.parametrize("name", ["dW3", "values['layer 1/Z']"])
def test_a_name_is_one_in_either_form(name):
    assert name_in(made(name)) == ("dW3" if name == "dW3" else "layer 1/Z")


@pytest.mark.parametrize("text", ["dW3.T", "values[0]", "value['a']", "dW3()", "'dW3'"])
def test_all_else_is_no_name(text):
    assert name_in(made(text)) is None


# --- how large it may be -----------------------------------------------------------------------------------------


def test_a_formula_has_at_most_4000_characters():
    assert parse("A1" + " " * (LONGEST - 2)).text == "A1"
    assert unread("A1" + " " * (LONGEST - 1)) == ("a formula of 4,001 characters has more than 4,000", 4001, "")


def test_a_formula_of_blanks_is_none():
    assert unread(" \t ") == ("there is no formula", 1, "")


def test_brackets_stand_sixty_deep_at_most():
    assert parse("(" * 60 + "A1" + ")" * 60).text == "A1"
    assert unread("(" * 61 + "A1" + ")" * 61) == ("brackets stand more than 60 deep", 61, "")
    assert unread("[({" * 21) == ("brackets stand more than 60 deep", 61, "")
    assert parse(" + ".join(["(A1[0])"] * 31)).names == {"A1"}
    assert parse("X" * 61).names == {"X" * 61}
    assert unread("X + " + "(" * 61) == ("brackets stand more than 60 deep", 65, "")


def test_a_formula_has_at_most_500_parts():
    remedy = "name a part of it, in a line of its own"
    assert parse(f"[{'A1,' * 499}]").names == {"A1"}
    assert unread(f"  [{'A1,' * 500}]") == ("the formula has more than 500 parts", 3, remedy)
    flat = made(f"[{'A1,' * 499}]")
    assert UserFormula.from_tree(flat).names == {"A1"}
    flat.elts.append(ast.Name("A1", ast.Load()))
    assert refused(UserFormula.from_tree, flat) == ("the formula has more than 500 parts", "", "", remedy)


def test_the_parts_of_a_call_count_with_its_keywords():
    # list 1, names 492; a call, its name, what it is given, the keyword, its value
    assert parse(f"[{'A1,' * 494}sum(A1, axis=1)]").names == {"A1"}
    assert unread(f"[{'A1,' * 495}sum(A1, axis=1)]")[0] == "the formula has more than 500 parts"


def test_operations_stand_120_deep_at_most():
    assert computed("+".join(["m"] * 121)) == 605
    expected = ("the formula is too deep", 1, "name a part of it, in a line of its own")
    assert unread("+".join(["m"] * 122)) == expected


def test_a_text_has_at_most_1500_pieces():
    # blanks are pieces as well; 1,500 of them are too many parts of a formula, which is found later
    assert unread("m," * 750)[0] == "the formula has more than 500 parts"
    assert unread("m," * 750 + "m") == ("the formula has too many parts", 1501, "")


def test_a_name_has_at_most_200_characters():
    assert parse("m + " + "a" * 200).names == {"m", "a" * 200}
    assert unread("m + " + "a" * 201) == ("a name of 201 characters has more than 200", 5, "")


def test_at_most_120_signs_stand_side_by_side():
    assert computed("-" * 120 + "m") == 5
    assert unread("-" * 121 + "m") == ("121 signs stand side by side", 121, "")
    assert unread("- " * 121 + "m") == ("121 signs stand side by side", 241, "")


def test_a_row_of_signs_ends_at_a_name_a_number_or_a_text():
    minus = "-" * 120
    assert computed(f"m {minus}m", VALUES) == 10
    assert computed(f"2 {minus}2", VALUES) == 4
    assert unread(f"'a' {minus}m")[0] == "text ('a') is not part of a formula"


def with_room(frames, function, *args):
    """Call a function where the stack has room for so many frames more."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + frames)
    try:
        return refused(function, *args)
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("text", ["-" * 100 + "A1", "\\sqrt{" * 25 + "2" + "}" * 25], ids=["numpy", "latex"])
def test_a_stack_without_room_is_an_error_of_formulas(text):
    assert parse(text)
    expected = ("the stack has no room for the formula", "line 1, column 1", "", "")
    # enough for the calls on the way there, not enough for several at each of 25 levels
    assert with_room(100, parse, text) == expected
    assert with_room(100, parse_lines, f"\na ={text}")[:2] == (expected[0], "line 2, column 4")


def test_a_tree_that_the_stack_has_no_room_for_is_an_error_of_formulas():
    expected = ("the stack has no room for the formula", "", "", "")
    assert with_room(100, UserFormula.from_tree, made("-" * 100 + "A1")) == expected
    assert with_room(100, parse("-" * 100 + "A1").evaluate, {"A1": 1}) == expected


# --- a file ------------------------------------------------------------------------------------------------------

LINES = [
    ("A1 == 2", "'A1 == 2' is no line of the form name = formula", 1, 1),
    ("A1 <= 2", "'A1 <= 2' is no line of the form name = formula", 1, 1),
    ("A1 >= 2", "'A1 >= 2' is no line of the form name = formula", 1, 1),
    ("\n  A1 != 2  ", "'A1 != 2' is no line of the form name = formula", 2, 3),
    ("a := 2", "'a := 2' is no line of the form name = formula", 1, 1),
    (")a = 2", "')a = 2' is no line of the form name = formula", 1, 1),
    ("  sum(a=1)", "'sum(a=1)' is no line of the form name = formula", 1, 3),
    ("A1[a=1]", "'A1[a=1]' is no line of the form name = formula", 1, 1),
    ("A_{a=1}", "'A_{a=1}' is no line of the form name = formula", 1, 1),
    ("b = 1\n f(a=1) = 3", "'f(a=1)' is no name to the left of =", 2, 2),
    ("b = 1\n  A1.T = 3", "'A1.T' is no name to the left of =", 2, 3),
    ("  = A1", "there is no formula", 1, 1),
    (" a =", "there is no formula", 1, 5),
    ("a = 1\n b = 2\n\n  a = 3", "'a' is given in line 1 already", 4, 3),
    ("b = 1\n b_1 = 2\n\n  b1 = 3", "'b1' is given in line 2 already", 4, 3),
    ("a = 1\rb = 2\r\n\nd = 3\n\n  e = Q", "no value is called 'Q'", 6, 7),
    ("a = Q \\\\  # the rest", "no value is called 'Q'", 1, 5),
    ("a = 1 + %", "the formula cannot be read: invalid syntax", 1, 8),
    ("a b = 1", "the formula cannot be read: invalid syntax", 1, 3),
]


@pytest.mark.parametrize(("text", "what", "line", "column"), LINES, ids=[ascii(text) for text, *_ in LINES])
def test_a_line_that_is_none_is_told_with_its_place(text, what, line, column):
    assert refused(parse_lines, text, VALUES)[:3] == (what, f"line {line}, column {column}", "")


def test_a_line_without_a_formula_is_passed_over():
    text = "# dZ3 = 1\n\n \t\n  % d = 2\n  \\\\  \n a = A1 # first # second % third\n  b &= a \\\\  % c\nd & = b \\\\"
    formulas = parse_lines(text, VALUES)
    assert {name: (formula.source, formula.text) for name, formula in formulas.items()} == {
        "a": (" A1", "A1"),
        "b": (" a", "a"),
        "d": (" b", "b"),
    }


def test_a_percent_sign_behind_a_backslash_is_no_comment():
    assert refused(parse_lines, "a = 5 \\% b")[:2] == ("'\\' is no part of a formula", "line 1, column 7")


def test_the_first_equals_sign_that_compares_nothing_is_the_one():
    formulas = parse_lines("a = A1 == m\nb = A1 <= m\nd=sum(A1, axis=0)\nX = A1 >= 1")
    assert {name: formula.text for name, formula in formulas.items()} == {
        "a": "A1 == m",
        "b": "A1 <= m",
        "d": "sum(A1, axis=0)",
        "X": "A1 >= 1",
    }


@pytest.mark.parametrize(
    ("line", "names", "name"),
    [
        ("W_1 = 3", None, "W1"),
        ("W_1 = 3", ["W1"], "W1"),
        ("W_1 = 3", ["W_1"], "W_1"),
        (" W_{1} = 3", ["W_1"], "W_1"),
        ("W_{1} = 3", None, "W1"),
        ("layer 1/Z = 3", ["layer 1/Z"], "layer 1/Z"),
        ("values['layer 1/Z'] = 3", None, "layer 1/Z"),
        ("np = 3", None, "np"),
    ],
)
def test_the_name_on_the_left_is_a_value_to_the_letter_or_read(line, names, name):
    assert list(parse_lines(line, names)) == [name]


def test_a_name_on_the_left_is_known_in_the_lines_below():
    formulas = parse_lines("W_1 = A1\nb = W_1 + W1", iter(VALUES))
    assert formulas["b"].text == "W1 + W1"
    assert refused(parse_lines, "a = A1\nd = b", VALUES)[3] == f"{KNOWN}, a"
    assert parse_lines("b = Q")["b"].names == {"Q"}


def test_a_file_has_at_most_a_thousand_formulas():
    lines = "\n".join(f"  f{k} = 1" for k in range(MOST_FORMULAS))
    assert len(parse_lines(f"{lines}\n# and a comment\n")) == 1000
    assert refused(parse_lines, f"{lines}\n\n  g = 1") == (
        "there are more than 1,000 formulas",
        "line 1002, column 1",
        "",
        "",
    )


def test_what_is_no_text_is_told_by_its_type():
    assert refused(parse, 3)[0] == "a formula is text, not int"
    assert refused(parse_lines, ["a = 1"])[0] == "formulas are text, not list"


# --- computing ---------------------------------------------------------------------------------------------------

COMPUTED = [
    ("-A1", -A1),
    ("A1 - A2[:3]", A1 - A2[:3]),
    ("A1 / 2", A1 / 2),
    ("A1 <= 0", A1 <= 0),
    ("A1 == 0", A1 == 0),
    ("A1 != 0", A1 != 0),
    ("-2 < A1 <= 3", (A1 > -2) & (A1 <= 3)),
    ("3 > A1 >= 0 != A1", (A1 < 3) & (A1 >= 0) & (A1 != 0)),
    ("A1[1]", A1[1]),
    ("A1[1, 2]", A1[1, 2]),
    ("A1[:2, 1::3]", A1[:2, 1::3]),
    ("A1[2::-1]", A1[::-1]),
    ("A1[None, ..., 3]", A1[None, :, 3]),
    ("A1[A1 > 3]", A1[A1 > 3]),
    ("A1[[0, 2], [1, 4]]", np.array([A1[0, 1], A1[2, 4]])),
    ("A1.shape[1] + A1.T.size + A1.ndim", np.array(5 + 15 + 2)),
    ("np.pi + numpy.e", np.array(np.pi + np.e)),
    ("A1[..., np.newaxis].mT", A1[..., None].swapaxes(1, 2)),
    ("values['A1'].T", A1.T),
    ("put(c, np.s_[:, 1], A1)", np.stack([0 * c, c, 0 * c, 0 * c, 0 * c], axis=1)),
    ("A1.astype(int)", A1.astype(int)),
    ("A1.astype('bool')", A1.astype(bool)),
    ("np.astype(A1, np.float32)", A1.astype(np.float32)),
    ("A1.astype(dtype=numpy.int32)", A1.astype(np.int32)),
    ("np.zeros(2, dtype=bool_)", np.zeros(2, bool)),
    ("np.sum(A1, axis=0, keepdims=True)", A1.sum(axis=0, keepdims=True)),
    ("np.einsum('ij->ji', A1)", A1.T),
    ("[[1, 2.5], [3, m]] @ A1[1:]", np.array([[1, 2.5], [3, 5]]) @ A1[1:]),
    ("True", np.array(True)),
    ("False", np.array(False)),
    ("2**40", np.array(2.0**40)),
]


@pytest.mark.parametrize(("text", "expected"), COMPUTED, ids=[text for text, _ in COMPUTED])
def test_every_part_of_the_language_is_computed_as_python_does(text, expected):
    result = computed(text)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    # 1e-15: a sum of three numbers may be added up in another order
    np.testing.assert_allclose(result, expected, rtol=1e-15)


AXES = "'ij,jk' does not name the axes of 1 operand"
STEPS = [
    ("m + (A1 + A2)", "A1 + A2", "(3, 5) + (4, 5)", "these shapes do not fit together", ""),
    ("m + (A1 - A2)", "A1 - A2", "(3, 5) - (4, 5)", "these shapes do not fit together", ""),
    ("m + (A1 * A2)", "A1 * A2", "(3, 5) * (4, 5)", "these shapes do not fit together", ""),
    ("m + (A1 / A2)", "A1 / A2", "(3, 5) / (4, 5)", "these shapes do not fit together", ""),
    ("m + (A1 @ A2)", "A1 @ A2", "(3, 5) @ (4, 5)", "these shapes do not fit together", ""),
    ("m + (A1 ** A2)", "A1 ** A2", "(3, 5) ** (4, 5)", "these shapes do not fit together", ""),
    ("m + (A1 & A2)", "A1 & A2", "(3, 5), (4, 5)", "these shapes do not fit together", ""),
    ("m + (A1 < A2)", "A1 < A2", "(3, 5), (4, 5)", "these shapes do not fit together", ""),
    ("0 < A1 < A2", "0 < A1 < A2", "(3, 5), (4, 5)", "these shapes do not fit together", ""),
    ("A1[:, :1] < A1 < A2[:, 0]", "A1[:, :1] < A1 < A2[:, 0]", "(3, 5), (4,)", "these shapes do not fit together", ""),
    ("A1 < m < A2", "A1 < m < A2", "(3, 5), (4, 5)", "these shapes do not fit together", ""),
    ("np.einsum('ij,jk', (1, 2))", "np.einsum('ij,jk', (1, 2))", "", AXES, "'ij,kj->ik'"),
    ("m + np.dot(A1, A2)", "np.dot(A1, A2)", "(3, 5), (4, 5)", "these shapes do not fit together", ""),
    (
        "np.where(A1 > 0, A2, m)",
        "np.where(A1 > 0, A2, m)",
        "(3, 5), (4, 5), ()",
        "these shapes do not fit together",
        "",
    ),
    ("m + A1[7]", "A1[7]", "(3, 5), ()", "index 7 is out of bounds for axis 0 with size 3", ""),
    ("A1[0, 9]", "A1[0, 9]", "(3, 5)", "index 9 is out of bounds for axis 1 with size 5", ""),
    ("2 @ A1", "2 @ A1", "() @ (3, 5)", "@ is a product of matrices, and a number is none", "* multiplies by a number"),
    ("A1 + None", "A1 + None", "(3, 5)", "None is no value to compute with", ""),
    ("-None", "-None", "", "None is no value to compute with", ""),
    ("None.T", "None.T", "", "None is no value to compute with", ""),
    ("A1[A2 > 0]", "A1[A2 > 0]", "(3, 5), (4, 5)", "boolean index did not match indexed array along axis 0", None),
    (
        "np.concatenate(A1)",
        "np.concatenate(A1)",
        "(3, 5)",
        "the values to join are given in brackets",
        "np.concatenate([A, B], axis=0)",
    ),
]


@pytest.mark.parametrize(("text", "step", "shapes", "reason", "remedy"), STEPS, ids=[row[0] for row in STEPS])
def test_a_step_that_fails_is_shown_with_its_shapes(text, step, shapes, reason, remedy):
    what, where, given, told = refused(parse(text, VALUES).evaluate, VALUES)
    begins = f"{step}: {shapes}: {reason}" if shapes else f"{step}: {reason}"
    assert what == begins if remedy is not None else what.startswith(begins)
    assert where == step
    assert given == (f"shapes {shapes}" if shapes else "")
    assert told == (remedy or "")


def test_a_step_is_shown_as_far_as_eighty_characters():
    for size, shown in ((80, "{}"), (81, "{}")):
        text = "sum(a" + "b" * (size - len("sum(a, axis=2)")) + ", axis=2)"
        assert len(text) == size
        name = text[4 : text.index(",")]
        what, where, _, _ = refused(parse(text).evaluate, {name: A1})
        expected = shown.format(text) if size == 80 else text[:77] + "..."
        assert where == expected
        assert what == f"{expected}: (3, 5): axis 2 is out of bounds for array of dimension 2"


def test_a_reason_of_numpy_is_one_line_of_200_characters_at_most():
    assert _reason(ValueError("first\nsecond")) == "first"
    assert _reason(ValueError("a" * 201)) == "a" * 200
    assert _reason(ZeroDivisionError()) == "ZeroDivisionError"
    assert _reason(ValueError("could not be broadcast together")) == "these shapes do not fit together"
    assert _reason(ValueError("shape mismatch: objects")) == "these shapes do not fit together"
    assert _reason(ValueError("matmul: has a mismatch in its core dimension 0")) == "these shapes do not fit together"
    assert _reason(ShapeError("said", where="broadcast")) == "said"


def test_what_is_no_array_is_no_result():
    for text in ("(1, 2)", "None", "A1.shape", "np.newaxis", "np.s_[1:2]"):
        assert refused(parse(text, VALUES).evaluate, VALUES) == ("the formula gives no array", text, "", "")
    long = f"({', '.join(['A1'] * 100)})"
    assert refused(parse(long, VALUES).evaluate, VALUES)[1] == long[:200]


def test_missing_values_are_listed_with_those_that_are_there():
    assert refused(parse("Q @ A22.T + B").evaluate, {"A2": 1, "W": 2}) == (
        "no value is called 'A22' (did you mean 'A2'?), 'B', 'Q'",
        "Q @ A22.T + B",
        "",
        "the values are A2, W",
    )
    assert refused(parse("Q").evaluate, {}) == ("no value is called 'Q'", "Q", "", "there are no values")


def test_twenty_values_are_listed_and_more_are_hinted_at():
    names = [f"x{k}" for k in range(21)]
    listed = f"the values are {', '.join(names[:20])}"
    assert unread("B", names[:20])[2] == listed
    assert unread("B", names)[2] == f"{listed}, ..."
    assert unread("B", [])[2] == "there are no values"


def test_what_may_be_meant_is_sought_among_500_short_names():
    others = [f"x{k}" for k in range(500)]
    assert unread("Weight", [*others[:499], "weight"])[0] == "no value is called 'Weight' (did you mean 'weight'?)"
    assert unread("Weight", [*others, "weight"])[0] == "no value is called 'Weight'"
    name = "a" * 40
    assert unread(name, [name + "b" * 40])[0] == f"no value is called '{name}' (did you mean '{name + 'b' * 40}'?)"
    assert unread(name, [name + "b" * 41])[0] == f"no value is called '{name}'"


def test_a_long_name_is_shown_as_far_as_forty_characters():
    assert unread("a" * 40)[0] == f"no value is called '{'a' * 40}'"
    assert unread("a" * 41)[0] == f"no value is called '{'a' * 40}…'"


VALUE = [
    (1j, "complex128 is no array of real numbers"),
    ("text", "text is no value to compute with"),
    (None, "None is no value to compute with"),
    (np.array([object()]), "object is no array of real numbers"),
]


@pytest.mark.parametrize(("value", "reason"), VALUE, ids=[reason for _, reason in VALUE])
def test_a_value_that_cannot_be_used_is_told_with_the_reason(value, reason):
    assert refused(parse("A").evaluate, {"A": value})[0] == f"the value 'A' cannot be used: {reason}"


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (np.bool_(True), bool),
        (True, bool),
        (np.float32(1), np.float32),
        (np.int8(1), np.int64),
        (1, np.int64),
        ([1], np.int64),
        (np.ones(1, np.int8), np.int8),
    ],
)
def test_a_value_keeps_its_dtype_unless_it_is_a_whole_number(value, dtype):
    result = parse("A").evaluate({"A": value})
    assert result.dtype == dtype
    assert result == 1
