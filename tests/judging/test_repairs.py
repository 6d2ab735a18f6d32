"""Repairs as what they are: changes of expressions, which leave the expression that they start from alone."""

import ast
import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from chainrule.judging.evaluator import Evaluator
from chainrule.judging.reading.vocabulary import FUNCTIONS
from chainrule.judging.repairs import REPAIRS, Repair, Surroundings, changes, changes_at
from chainrule.judging.repairs.expressions import number, operands, renamed, substituted, transposed
from chainrule.judging.repairs.renaming import shifted
from chainrule.judging.repairs.slips import SLIPS
from chainrule.judging.repairs.tree import called, is_method, replaced, sites

SHAPES = {
    "A1": (3, 7),
    "A2": (4, 7),
    "Z2": (4, 7),
    "W2": (4, 3),
    "B2": (4, 1),
    "Y": (4, 7),
    "dA2": (4, 7),
    "dZ2": (4, 7),
}


def tree(text):
    return ast.parse(text, mode="eval").body


def scene(values=("A1", "A2", "Z2", "W2", "B2", "Y"), gradients=("dA2", "dZ2"), batch="m"):
    rng = np.random.default_rng(0)
    data = {name: rng.normal(size=shape) for name, shape in SHAPES.items()} | {"m": 7, "k": 2.0}
    shapes = {name: np.shape(value) for name, value in data.items()}
    return Surroundings(values, gradients, shapes, batch, Evaluator(data).shape, frozenset({"Y"}))


def proposals(text, **options):
    return {ast.unparse(change.tree): change for change in changes(tree(text), scene(**options))}


@pytest.mark.parametrize(
    ("wrong", "right", "repair", "told"),
    [
        ("dZ2 @ A1", "dZ2 @ A1.T", "transpose missing", "A1 has to be transposed"),
        ("W2.T.T", "W2.T", "transpose extra", "W2.T must not be transposed"),
        ("np.dot(W2, dZ2.T)", "np.dot(dZ2.T, W2)", "operands swapped", "dZ2.T comes first"),
        ("W2.T.dot(dZ2)", "dZ2.dot(W2.T)", "operands swapped", "dZ2 comes first"),
        ("A1 @ dZ2.T", "dZ2 @ A1.T", "operands swapped", "it has to be dZ2 @ A1.T"),
        ("Y - A2", "A2 - Y", "operands swapped", "the operands of - are swapped: A2 comes first"),
        ("W2.T * dZ2", "W2.T @ dZ2", "* for @, @ for *", "* should be @"),
        ("dA2 @ A2", "dA2 * A2", "* for @, @ for *", "@ should be *"),
        ("dA2 * A2 * 1 - A2", "dA2 * A2 * (1 - A2)", "brackets", "around 1 - A2"),
        ("A2 - Y / m", "(A2 - Y) / m", "brackets", "around A2 - Y"),
        ("np.einsum('ij,kj->ki', dZ2, A1)", "np.einsum('ij,kj->ik', dZ2, A1)", "einsum letters", "ki"),
        ("dZ2 / m", "(dZ2 / m).sum(axis=1, keepdims=True)", "sum missing", "over the columns is missing"),
        ("np.sum(dZ2, axis=1)", "dZ2", "sum extra", "the sum of dZ2 is one too many"),
        ("np.sum(dZ2, axis=0, keepdims=True)", "np.sum(dZ2, axis=1, keepdims=True)", "axis or keepdims", "axis=1"),
        ("dZ2.sum(axis=1)", "dZ2.sum(axis=1, keepdims=True)", "axis or keepdims", "keepdims=True is missing"),
        ("dZ2.sum(1)", "dZ2.sum(axis=1, keepdims=True)", "axis or keepdims", "keepdims=True is missing"),
        ("np.mean(dZ2)", "np.sum(dZ2)", "sum for mean", "mean should be sum"),
        ("dA2 * A2", "dA2 * A2 * (1 - A2)", "factor missing", "the factor 1 - A2 is missing"),
        ("dA2", "dA2 * (A2 * (1 - A2))", "factor missing", "the factor A2 * (1 - A2) is missing"),
        ("dA2", "dA2 * (1 - A2 ** 2)", "factor missing", "the factor 1 - A2 ** 2 is missing"),
        ("dA2", "dA2 * (Z2 > 0)", "factor missing", "the factor Z2 > 0 is missing"),
        ("A2", "A2 / Z2", "divisor missing", "the division by Z2 is missing"),
        ("dA2 * A2 * Z2", "dA2 * A2", "factor extra", "the factor Z2 is one too many"),
        ("dA2 * A2", "dA2 * (1 - A2)", "1 - missing", "A2 should be 1 - A2"),
        ("dA2 * (1 - A2)", "dA2 * A2", "1 - extra", "1 - A2 should be A2"),
        ("A2 - Y - Z2", "A2 - Y", "term extra", "the term Z2 is one too many"),
        ("dA2", "dA2 + dZ2", "term missing", "the term dZ2 is missing"),
        ("A2 + Y", "A2 - Y", "sign", "+ should be - in front of Y"),
        ("-A2", "A2", "sign", "the minus in front of A2 is one too many"),
        ("A2 * Z2", "A2 / Z2", "operator", "* should be / between A2 and Z2"),
        ("2 - A2", "1 - A2", "number", "the number 2 should be 1"),
        ("A2", "2 * A2", "constant factor", "the factor 2 is missing"),
        ("1 - A2 ** 3", "1 - A2 ** 2", "power", "the power 3 should be 2"),
        ("A2 - A2", "A2 - A2 ** 2", "power", "A2 has to be squared"),
        ("dA2 * (Z2 < 0)", "dA2 * (Z2 > 0)", "comparison", "< should be >"),
        ("np.where(Z2 > 0, 0, dA2)", "np.where(Z2 > 0, dA2, 0)", "function", "the cases of np.where are swapped"),
        ("np.sin(A2)", "np.cos(A2)", "function", "sin should be cos"),
        ("dA2 * Z2", "dA2 * np.cos(Z2)", "function missing", "Z2 should be np.cos(Z2)"),
        ("dZ2 @ A2.T", "dZ2 @ A1.T", "neighboring layer", "A2 should be A1"),
        ("A2 * Z2", "dA2 * Z2", "value for gradient", "A2 should be dA2, the gradient"),
        ("dA2 * Z2", "dA2 * A2", "name of the same layer", "Z2 should be A2"),
        ("dZ2 @ B2.T", "dZ2 @ A1.T", "other name", "B2 should be A1"),
        ("dZ2 / A1.shape[0]", "dZ2 / m", "size of the wrong axis", "A1.shape[0] should be m, the number of columns"),
        ("dZ2 @ A1.T", "dZ2 @ A1.T / m", "1/m missing", "1/m is missing"),
        ("dZ2 / m / m", "dZ2 / m", "1/m extra", "the division by m is one too many"),
        ("1 / m * dZ2", "dZ2", "1/m extra", "the factor 1 / m is one too many"),
        ("(A2 / m - Y) * dA2", "(A2 - Y) * dA2 / m", "1/m misplaced", "belongs around the whole"),
        ("dA2 * Z2 * (1 - Z2)", "dA2 * A2 * (1 - A2)", "name everywhere", "Z2 should be A2, wherever it stands"),
    ],
)
def test_a_mistake_is_undone_by_the_repair_for_it(wrong, right, repair, told):
    # Another repair may propose the same text earlier or later: all that propose it are looked at.
    found = [change for change in changes(tree(wrong), scene()) if ast.unparse(change.tree) == right]
    assert repair in [change.repair for change in found]
    assert any(told in change.text for change in found if change.repair == repair)


class Listed(NamedTuple):
    """An entry of proposals.txt."""

    repair: str
    values: str
    gradients: str
    text: str
    part: str
    proposals: list[str]


def listed():
    """The entries of proposals.txt: sections begin with #, expressions at the margin, proposals are indented."""
    found = []
    text = (Path(__file__).parents[1] / "oracles" / "proposals.txt").read_text(encoding="utf-8")
    for section in text.split("\n# ")[1:]:
        title, *lines = section.splitlines()
        names = title.split(" // ") if " // " in title else (title, "A2 Y W2", "dA2")
        places = [k for k, line in enumerate(lines) if not line.startswith(" ")]
        for k, end in itertools.pairwise([*places, len(lines)]):
            expression, _, part = lines[k].partition(", at ")
            found.append(Listed(*names, expression, part, [line.strip() for line in lines[k + 1 : end]]))
    return found


@pytest.mark.parametrize("entry", listed(), ids=lambda entry: f"{entry.repair}: {entry.text} {entry.part}".strip())
def test_a_repair_proposes_what_is_listed_and_nothing_else(entry):
    repair = next(repair for repair in REPAIRS if repair.name == entry.repair)
    given = tree(entry.text)
    site = next(site for site in sites(given) if not entry.part or ast.unparse(site.node) == entry.part)
    near = scene(tuple(entry.values.split()), tuple(entry.gradients.split()))
    found = []
    for change in changes_at(site, given, near, [repair]):
        extra = round(change.cost - repair.cost, 6)
        assert (change.repair, change.path) == (entry.repair, site.path)
        compile(ast.fix_missing_locations(ast.Expression(change.tree)), "changed", "eval")  # Python's own check
        found.append(" | ".join([ast.unparse(change.tree), change.text, *([f"{extra:g}"] if extra else [])]))
    assert found == entry.proposals


def test_the_list_of_proposals_has_every_repair():
    assert {entry.repair for entry in listed()} == {repair.name for repair in REPAIRS}


@pytest.mark.parametrize("text", ["A2", "2", "m * A2", "A2 / Y.shape[1]", "1 / m * A2", "len(A2)", "A2 / A2 - Y"])
@pytest.mark.parametrize("name", ["number", "size of the wrong axis", "1/m extra", "1/m misplaced", "1/m missing"])
def test_where_the_columns_have_no_name_nothing_is_put_for_them(name, text):
    repair = next(repair for repair in REPAIRS if repair.name == name)
    for change in changes(tree(text), scene(batch=None), [repair]):
        assert "None" not in ast.unparse(change.tree) + change.text
        assert repair.name in ("number", "1/m missing")  # another number, and Y.shape[1] as a factor too many


def test_a_whole_formula_is_moved_to_the_layer_before():
    found = proposals("W2.T @ dZ2", values=("W1", "W2"), gradients=("dZ1", "dZ2"))
    assert found["W1.T @ dZ1"].text == "this is the formula of the neighboring layer"


def test_every_repair_has_a_name_and_a_description_of_its_own():
    assert len({repair.name for repair in REPAIRS}) == len(REPAIRS)
    assert len({repair.description for repair in REPAIRS}) == len(REPAIRS)
    assert all(repair.description.endswith(".") and repair.cost >= 1 for repair in REPAIRS)


def test_an_expression_stays_as_it_is_when_it_is_changed():
    given = tree("1 / m * np.dot(dZ2, A1.T) - (A2 > 0) * np.sum(dA2, axis=1, keepdims=True)")
    before = ast.dump(given)
    for change in changes(given, scene()):
        ast.unparse(change.tree)
    assert ast.dump(given) == before


def test_parts_off_the_way_are_shared_and_not_copied():
    given = tree("dA2 * A2 - W2.T @ dZ2")
    site = next(site for site in sites(given) if ast.unparse(site.node) == "A2")
    new = replaced(given, site.path, tree("Z2"))
    assert ast.unparse(new) == "dA2 * Z2 - W2.T @ dZ2"
    assert new.right is given.right


def test_sites_are_values_and_nothing_else():
    found = [ast.unparse(site.node) for site in sites(tree("np.sum(A2, axis=1, keepdims=True) / Y.shape[1]"))]
    assert found == [
        "np.sum(A2, axis=1, keepdims=True) / Y.shape[1]",
        "np.sum(A2, axis=1, keepdims=True)",
        "A2",
        "Y.shape[1]",
    ]


def test_only_near_names_are_proposed():
    names = {
        part.id
        for text in proposals("dA2 * A2", values=("A2",), gradients=())
        for part in ast.walk(tree(text))
        if isinstance(part, ast.Name)
    }
    assert names - {"np", "sigmoid"} <= {"dA2", "A2", "m"}


def test_without_columns_nothing_is_divided_by_m():
    assert not any(
        "m" in change.text.split() or "1/m" in change.text for change in proposals("dA2", batch=None).values()
    )


def test_labels_are_no_activations():
    # y (1 - y) is 0 for every label: a factor that only hides a term is no repair
    assert not any("1 - Y" in text and change.repair == "factor missing" for text, change in proposals("dA2").items())


# --- walking and building ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", ["X"]),
        ("a", ["X"]),
        ("a + b", ["X", "X + b", "a + X"]),
        ("-a", ["X", "-X"]),
        ("a < b < c", ["X", "X < b < c", "a < X < c", "a < b < X"]),
        ("a.T", ["X", "X.T"]),
        ("a.shape", ["X"]),
        ("a[b]", ["X", "X[b]"]),
        ("a.shape[0]", ["X"]),
        ("values['b']", ["X"]),
        ("a.sum(1)", ["X", "X.sum(1)"]),
        ("a.dot(b)", ["X", "X.dot(b)", "a.dot(X)"]),
        ("a.clip(b, c)", ["X", "X.clip(b, c)"]),
        ("np.where(a, b, c)", ["X", "np.where(X, b, c)", "np.where(a, X, c)", "np.where(a, b, X)"]),
        ("numpy.dot(a, b)", ["X", "numpy.dot(X, b)", "numpy.dot(a, X)"]),
        ("sigmoid(a)", ["X", "sigmoid(X)"]),
        ("np.einsum('ij,kj', a, b)", ["X", "np.einsum('ij,kj', X, b)", "np.einsum('ij,kj', a, X)"]),
        ("np.exp()", ["X"]),
        ("np.sum(a, axis=b)", ["X", "np.sum(X, axis=b)"]),
        *(
            (f"np.{name}(a, b)", ["X", f"np.{name}(X, b)"])
            for name in "sum mean max min prod reshape transpose expand_dims squeeze clip power".split()
        ),
        ("(a * b).T - c", ["X", "X - c", "X.T - c", "(X * b).T - c", "(a * X).T - c", "(a * b).T - X"]),
    ],
)
def test_every_value_of_an_expression_can_be_replaced(text, expected):
    given = tree(text)
    assert [ast.unparse(replaced(given, site.path, tree("X"))) for site in sites(given)] == expected
    assert ast.unparse(given) == text


def test_a_site_knows_what_it_is_directly_a_part_of():
    found = sites(tree("np.sum(a * b) - c"))
    assert [site.parent and ast.unparse(site.parent) for site in found] == [
        None,
        "np.sum(a * b) - c",
        "np.sum(a * b)",
        "a * b",
        "a * b",
        "np.sum(a * b) - c",
    ]


def test_changes_are_those_of_every_part_outermost_first():
    kinds = [repair for repair in REPAIRS if repair.name in ("transpose missing", "1 - missing")]
    found = [(change.repair, ast.unparse(change.tree)) for change in changes(tree("A2 * Y"), scene(), kinds)]
    assert found == [
        ("transpose missing", "(A2 * Y).T"),
        ("1 - missing", "1 - A2 * Y"),
        ("transpose missing", "A2.T * Y"),
        ("1 - missing", "(1 - A2) * Y"),
        ("transpose missing", "A2 * Y.T"),
        ("1 - missing", "A2 * (1 - Y)"),
    ]
    assert list(changes(tree("A2 * Y"), scene(), [])) == []


def test_repairs_of_the_whole_are_tried_once():
    given = tree("A2 * A2 - Y * Y * dA2")
    everywhere = [change for change in changes(given, scene()) if change.repair == "name everywhere"]
    assert {change.path for change in everywhere} == {()}
    # two names that occur twice, for each of which seven others could stand
    assert len(everywhere) == 2 * 7


def test_a_repair_without_a_description_has_none():
    assert Repair("nothing", 1.0, lambda site, scene: iter(())).description == ""
    assert REPAIRS[0].description == "Transpose a part."


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2, "2"),
        (2.0, "2"),
        (0, "0"),
        (0.25, "0.25"),
        (-3, "-3"),
        (-0.5, "-0.5"),
        (-1.0, "-1"),
        (10**20, "1" + "0" * 20),
        (float("inf"), "1e309"),
        (float("-inf"), "-1e309"),
    ],
)
def test_a_number_prints_as_a_person_writes_it(value, text):
    assert ast.unparse(number(value)) == text


@pytest.mark.parametrize(
    ("text", "name", "method"),
    [
        ("np.sum(a)", "sum", False),
        ("numpy.sum(a)", "sum", False),
        ("a.sum()", "sum", True),
        ("a.T.sum()", "sum", True),
        ("npx.sum()", "sum", True),
        ("sigmoid(a)", "sigmoid", False),
        ("f(a)(b)", None, False),
    ],
)
def test_what_is_called_and_whether_it_is_a_method(text, name, method):
    assert (called(tree(text)), is_method(tree(text))) == (name, method)


def test_nothing_is_called_where_there_is_no_call():
    assert called(tree("a + b")) is None
    assert called(tree("np.sum")) is None


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        *((f"a {sign} b", sign) for sign in "+ - * / @ **".split()),
        *((f"np.{name}(a, b)", sign) for name, sign in (("dot", "@"), ("matmul", "@"), ("multiply", "*"))),
        *((f"np.{name}(a, b)", sign) for name, sign in (("add", "+"), ("subtract", "-"))),
        *((f"np.{name}(a, b)", sign) for name, sign in (("divide", "/"), ("power", "**"))),
        ("a.dot(b)", "@"),
    ],
)
def test_operands_are_found_in_signs_and_calls(text, sign):
    found = operands(tree(text))
    assert (found[0], ast.unparse(found[1]), ast.unparse(found[2])) == (sign, "a", "b")


@pytest.mark.parametrize("text", ["a", "a // b", "-a", "np.exp(a)", "np.dot(a)", "np.dot(a, b, c)", "a.dot()", "a > b"])
def test_other_expressions_have_no_operands(text):
    assert operands(tree(text)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "a.T"),
        ("a.T", "a"),
        ("a.transpose()", "a"),
        ("np.transpose(a)", "a"),
        ("np.transpose(x=a)", "np.transpose(x=a).T"),
        ("a.sum()", "a.sum().T"),
        ("a.shape", "a.shape.T"),
        ("a @ b", "(a @ b).T"),
    ],
)
def test_the_transpose_of_a_transpose_is_what_it_was_made_from(text, expected):
    assert ast.unparse(transposed(tree(text))) == expected


def test_names_are_replaced_where_a_value_stands():
    assert ast.unparse(renamed(tree("np.sum(a, axis=a) + a * b"), {"a": "c", "b": "a"})) == "np.sum(c, axis=a) + c * a"
    assert ast.unparse(substituted(tree("a - b"), {"b": tree("c - d")})) == "a - (c - d)"
    given = tree("a")
    assert substituted(given, {}) is given


@pytest.mark.parametrize(
    ("name", "step", "expected"),
    [
        ("W2", 1, "W3"),
        ("W2", -1, "W1"),
        ("W1", -1, "W0"),
        ("W0", -1, None),
        ("W9", 1, "W10"),
        ("W10", -1, "W9"),
        ("a1b2", 1, "a1b3"),
        ("W2x", 1, None),
        ("7", 1, "8"),
        ("W", 1, None),
    ],
)
def test_a_name_of_the_next_layer_has_the_next_number(name, step, expected):
    assert shifted(name, step) == expected


# The more usual mistake comes first where several explanations are right.
COSTS = {
    1.0: "transpose missing, transpose extra, axis or keepdims, comparison, neighboring layer, value for gradient,"
    " 1/m missing, 1/m extra, epsilon extra, softmax entry by entry, ReLU of a gradient, slope of another function,"
    " mask of a gradient, slope of leaky ReLU,"
    " outer product of a batch, kernel flipped",
    1.05: "brackets, 1 - missing",
    1.1: "operands swapped, * for @, @ for *, sum missing, sum for mean, sign, name of the same layer, bound",
    1.2: "einsum letters, sum extra, 1 - extra, operator, size of the wrong axis, matrix factor missing,"
    " n for n - 1, epsilon missing, layer shifted",
    1.25: "power",
    1.3: "factor missing, factor extra, size of another axis, 1/m misplaced, name everywhere",
    1.4: "term extra, number, constant factor, function",
    1.5: "divisor missing, term missing, other name",
    1.6: "slope missing, kernel not flipped",
    1.7: "function missing",
    1.75: "slope wrong",
}


def test_the_more_usual_a_mistake_the_less_it_costs():
    found = {}
    for repair in REPAIRS:
        found.setdefault(repair.cost, []).append(repair.name)
    assert {cost: ", ".join(names) for cost, names in sorted(found.items())} == COSTS


# --- forms -----------------------------------------------------------------------------------------------------------


def test_every_slip_reads_as_python_and_says_only_what_it_holds():
    for slip in SLIPS:
        written, meant = (
            {part.id for part in ast.walk(tree(text)) if isinstance(part, ast.Name)} - {"np", *FUNCTIONS}
            for text in (slip.written, slip.meant)
        )
        assert set(re.findall(r"{(\w+)}", slip.said)) <= written | meant | {"function"}, slip
        assert meant - written <= {"z", "axis", "c", "rule"}, slip
        assert slip.written != slip.meant


def test_a_form_is_found_in_a_product_in_any_order_and_with_more_factors():
    for text in ("dA2 * A2 * (1 - A2)", "(1 - A2) * (dA2 * A2)", "np.multiply(A2, 1 - A2) * dA2"):
        assert "A2 * (dA2 - np.sum(dA2 * A2, axis=0, keepdims=True))" in proposals(text), text
    for text in ("dA2 * A2 * (1 - Z2)", "dA2 * A2 * (1 + A2)", "dA2 + A2 * (1 - A2)"):
        assert not any("np.sum" in new and "axis" in new and "- np.sum" in new for new in proposals(text)), text


def test_a_number_of_the_graph_is_put_for_another_number_first():
    near = scene()
    near = replace(near, numbers={0.01: "slope"})
    found = [change for change in changes(tree("0.1 * dA2"), near) if change.repair == "number"]
    assert (ast.unparse(min(found, key=lambda change: change.cost).tree)) == "0.01 * dA2"
    under_a_root = [ast.unparse(change.tree) for change in changes(tree("np.sqrt(A2)"), near)]
    assert "np.sqrt(A2 + 0.01)" in under_a_root


def test_a_function_that_a_value_is_made_by_is_one_too_many():
    near = replace(scene(), made_by={"A2": "tanh"})
    found = {change.text: change for change in changes(tree("1 - np.tanh(A2) ** 2"), near)}
    told = found["A2 is tanh already: np.tanh is one too many"]
    assert ast.unparse(told.tree) == "1 - A2 ** 2"
    assert not any("abs" in ast.unparse(change.tree) for change in changes(tree("np.sin(A2)"), near))


def test_a_mask_is_taken_of_the_value_whose_gradient_it_is_first():
    near = replace(scene(), target="Z2")
    found = [c for c in changes(tree("np.maximum(0, dA2)"), near) if c.repair == "ReLU of a gradient"]
    assert ast.unparse(found[0].tree) == "dA2 * (Z2 > 0)"


def test_the_bound_of_a_maximum_is_no_number_to_be_wrong_about():
    kinds = ("number", "sign", "constant factor")
    found = [ast.unparse(c.tree) for c in changes(tree("np.maximum(dA2, -1)"), scene()) if c.repair in kinds]
    assert found
    assert all(", -1)" in text for text in found)
