"""Sheets: what is asked, what the choices are, and that nothing that is handed out tells an answer."""

import ast
import base64
import json
import os
import re
import stat

import numpy as np
import pytest
import random_graphs

import chainrule as cr
import nets
from chainrule.errors import ArgumentError
from chainrule.judging.ground import Ground, random_draws
from chainrule.practice.graph_data import data_of_graph, graph_of_data
from chainrule.practice.sheet_forms import FORMS

DNN = nets.DNN(sizes=(2, 4, 3, 1)).graph
TRAPS = cr.practice.traps()
EXTENSIONS = (".md", ".py", ".ipynb", ".html")


def rows_and_columns():
    X, Y = cr.Input("X", ("m", 4)), cr.Input("Y", ("m", 3))
    H = cr.ReLU(cr.Add(X @ cr.Parameter("U", (4, 5)), cr.Parameter("c", (1, 5)), name="S"), name="H")
    P = cr.Softmax(cr.MatMul(H, cr.Parameter("V", (5, 3)), name="T"), axis=1, name="P")
    return cr.Graph(cr.CrossEntropyLoss(P, Y, name="L"))


GRAPHS = {
    "DNN": (DNN, "per-example"),
    "rows": (rows_and_columns(), "mean"),
    **{name: (trap.graph, trap.convention) for name, trap in TRAPS.items()},
}


def listed(graph, convention):
    return [line.name for line in graph.derivation(convention).backward if line.listed]


# --- what is asked ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GRAPHS)
def test_of_the_choices_exactly_one_is_right(name):
    """By the judge on other data than those that chose them, wild and tame."""
    graph, convention = GRAPHS[name]
    asked = ["dZ3", "dW2", "dB2", "dA1"] if graph is DNN else listed(graph, convention)
    sheet = cr.exercise(graph, asked, 2, convention=convention)
    for task in sheet.tasks:
        assert len(task.choices) == 4
        assert len({choice.text for choice in task.choices}) == 4
        right = [
            choice.letter
            for choice in task.choices
            if graph.check({task.name: choice.text}, convention=convention, seed=77)[task.name].ok
        ]
        assert right == [task.right]


def said(sheet, name):
    return {choice.said for task in sheet.tasks if task.name == name for choice in task.choices}


def test_wrong_choices_are_mistakes_that_people_make():
    sheet = cr.exercise(DNN, None, 2, convention="per-example")
    assert {
        "a transpose is missing",
        "the operands of a product are swapped",
        "the division by the number of examples is missing",
    } <= said(sheet, "dW2")
    assert {"the sum over the examples is missing", "a value stands where its gradient belongs"} <= said(sheet, "dB2")
    assert "the slope is taken of the wrong value" in said(sheet, "dZ2")
    fork = cr.exercise(TRAPS["diamond"].graph, "dh", 2)
    assert "what one of its readers sends is missing" in said(fork, "dh")


def test_without_names_all_gradients_of_the_derivation_are_asked_for():
    assert [task.name for task in cr.exercise(DNN, None, 1).tasks] == listed(DNN, "mean")


def test_a_square_matrix_is_asked_for_with_a_transpose_that_nobody_misses_by_its_shape():
    sheet = cr.exercise(TRAPS["square"].graph, "dA1", 2, convention="per-example")
    [task] = sheet.tasks
    assert task.answer == "W2.T @ dZ2"
    assert {"W2 @ dZ2"} <= {choice.text for choice in task.choices}


@pytest.mark.parametrize("name", GRAPHS)
def test_of_the_shapes_exactly_one_is_right(name):
    graph, convention = GRAPHS[name]
    for task in cr.exercise(graph, None, 1, convention=convention).tasks:
        node = graph[graph.of_gradient(task.name)]
        shapes = [choice.text for choice in task.choices]
        assert len(shapes) == len(set(shapes)) == 4
        assert shapes.count(task.shape) == 1
        assert task.shape == "(" + ", ".join(map(str, node.shape)) + ("," if len(node.shape) == 1 else "") + ")"


def test_the_right_letter_is_no_secret_of_a_place():
    letters = [task.right for _ in range(4) for task in cr.exercise(DNN, None, 1).tasks]
    assert set(letters) == set("abcd")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"lines": ["dW9"]}, "no line is called 'dW9'"),
        ({"lines": []}, "nothing is asked for"),
        ({"lines": ["dW3", "dW3"]}, "asked for twice: dW3"),
        ({"level": 5}, "level=5"),
        ({"level": 0}, "level=0"),
        ({"hints": 4}, "hints=4"),
        ({"convention": "median"}, "convention='median'"),
    ],
)
def test_what_cannot_be_asked_is_refused(options, what):
    with pytest.raises(ArgumentError, match=re.escape(what)):
        cr.exercise(DNN, **options)
    with pytest.raises(ArgumentError, match="is no mean over a named size"):
        cr.exercise(cr.Graph(cr.Sum(cr.Square(cr.Parameter("w", (3,))), name="L")), convention="per-example")


@pytest.mark.parametrize("seed", [1, 4])
def test_lines_of_random_graphs_are_asked_for_with_one_right_choice(seed):
    graph = random_graphs.random_graph(seed).graph
    sheet = cr.exercise(graph, None, 2)
    grader = cr.practice.Grader(sheet)
    assert [task.name for task in sheet.tasks if not grader.check(task.name, task.right)] == []


# --- what is handed out ----------------------------------------------------------------------------------------------


def notations(line):
    """The answer in every notation, the right-hand side and each of its steps."""
    found = {line.text}
    for shown in (line.unicode, line.latex, line.mathml):
        found |= {part.strip(" &\\\n") for part in re.split(r"=(?!\")|<mo>=</mo>", shown)[1:]}
    return {text for text in found if len(text) > 3}


def handed_out(sheet, folder):
    """Every text that a learner gets: the files, and what notebooks show; as it is, and as it reads unescaped."""
    for extension in EXTENSIONS:
        path = sheet.save(folder / f"sheet{extension}")
        text = path.read_text("utf-8")
        yield text
        if extension == ".ipynb":
            yield "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    yield from sheet._repr_mimebundle_().values()
    yield repr(sheet) + str(sheet)


@pytest.mark.parametrize("level", [3, 4])
@pytest.mark.parametrize("name", GRAPHS)
def test_a_sheet_tells_no_answer_in_any_notation(name, level, tmp_path):
    graph, convention = GRAPHS[name]
    sheet = cr.exercise(graph, None, level, convention=convention, hints=3)
    derivation = graph.derivation(convention)
    for text in handed_out(sheet, tmp_path):
        plain = " ".join(text.split())
        for forward in (text for value in sheet.handout.values for text in value.formulas.values()):
            plain = plain.replace(" ".join(forward.split()), "")
        for task in sheet.tasks:
            assert not re.search(rf"\b{task.name}\s*=\s*[^\"\\\s]", plain)
            assert not [answer for answer in notations(derivation[task.name]) | {task.answer} if answer in plain]
        assert str(sheet.key.seed) not in plain
        assert not any(word in plain for word in ("pickle", "MatMul", "Sigmoid", "repair:", "diagnosis"))


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_a_sheet_holds_no_packed_graph_and_says_nothing_of_the_right_choice(level, tmp_path):
    sheet = cr.exercise(DNN, None, level, convention="per-example", hints=3)
    for text in handed_out(sheet, tmp_path):
        for packed in re.findall(r"[A-Za-z0-9+/_-]{40,}", re.sub(r"sha256-\S*", "", text)):
            content = base64.b64decode(packed[: len(packed) // 4 * 4], altchars=b"-_")
            assert not content.startswith((b"\x80", b"PK", b"\x1f\x8b", b"{"))
        for task in sheet.tasks:
            assert not any(choice.said in text for choice in task.choices if choice.said)


def test_the_handout_is_made_without_the_key():
    sheet, again = cr.exercise(DNN, "dW3", 2), cr.exercise(DNN, "dW3", 2)
    assert sheet.handout.identity != again.handout.identity
    assert sheet.key.seed != again.key.seed
    texts = [form(sheet.handout) for form in FORMS.values()]  # which are all that is written
    assert len(texts) == 4


def test_numbers_are_those_of_a_run_and_none_is_asked_for(tmp_path):
    sheet = cr.exercise(DNN, ["dZ3", "A2"], 4)
    held = {}
    code = sheet.save(tmp_path / "sheet.py").read_text("utf-8")
    for statement in ast.parse(code).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            held[statement.targets[0].id] = np.array(ast.literal_eval(statement.value.args[0]))
    assert "A2" not in held
    run = DNN.forward({name: held[name] for name in ("A0", "Y", "W1", "B1", "W2", "B2", "W3", "B3")})
    for name, value in held.items():
        np.testing.assert_array_equal(value, run[name])


def test_a_notebook_is_valid_and_says_what_may_be_written(tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="notebooks are held to their format by nbformat")
    for level in (1, 2, 3, 4):
        sheet = cr.exercise(DNN, ["dZ3", "dW3"], level, points={"dW3": 2.5})
        for tests in (False, True):
            path = sheet.save(tmp_path / "sheet.ipynb", key=tmp_path / "key.json", tests=tests)
            book = nbformat.read(path, 4)
            nbformat.validate(book)
            marks = [cell.metadata.nbgrader for cell in book.cells]
            assert len({mark.grade_id for mark in marks}) == len(marks)
            assert [mark.points for mark in marks if mark.grade] == ([1.0, 2.5] if tests else [])
            assert all(mark.locked != mark.solution for mark in marks)


def test_hostile_names_stay_text(tmp_path):
    bad = '</script><img src=x onerror=alert(1)>\n"""\nimport os\n|`$'
    x = cr.Parameter(bad, (2, 3))
    graph = cr.Graph(cr.Sum(cr.Square(x, name="s"), name="L"))
    sheet = cr.exercise(graph, ["ds"], 3, title=bad)
    for extension in EXTENSIONS:
        text = sheet.save(tmp_path / f"sheet{extension}").read_text("utf-8")
        if extension == ".py":
            assert {type(one).__name__ for one in ast.parse(text).body} == {"Import", "Assign"}
        else:
            assert "<img" not in text.replace("\\<img", "")
    with pytest.raises(ArgumentError, match="cannot be given to a line called"):
        cr.exercise(graph, [f"d{bad}"])


# --- the teacher's file ----------------------------------------------------------------------------------------------


def test_the_teachers_file_stands_beside_for_its_owner_alone_and_keeps_what_it_had(tmp_path):
    first, second = cr.exercise(DNN, "dW3"), cr.exercise(DNN, "dW2")
    for sheet in (first, second, first):
        sheet.save(tmp_path / "sheet.md")
    place = tmp_path / "sheet.key.json"
    told = json.loads(place.read_text("utf-8"))
    assert {one["identity"] for one in told["sheets"]} == {first.handout.identity, second.handout.identity}
    if os.name == "posix":
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
    elsewhere = tmp_path / "keys.json"
    first.save(tmp_path / "other.md", key=elsewhere)
    assert elsewhere.exists()
    assert not (tmp_path / "other.key.json").exists()
    with pytest.raises(ArgumentError, match="has no extension of a sheet"):
        first.save(tmp_path / "sheet.docx")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 3}', "[" * 100_000, '{"format": "chainrule key 1"}'])
def test_what_is_no_teachers_file_is_refused(content, tmp_path):
    place = tmp_path / "sheet.key.json"
    place.write_text(content)
    with pytest.raises(ArgumentError, match="is no teacher's file"):
        cr.practice.Grader(place)


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_comes_back_from_data_as_it_was(name):
    graph, convention = GRAPHS[name]
    again = graph_of_data(json.loads(json.dumps(data_of_graph(graph))))
    assert str(again.derivation(convention)) == str(graph.derivation(convention))


def test_random_graphs_come_back_from_data_or_are_named():
    graphs = [random_graphs.random_graph(seed).graph for seed in (0, 3, 7, 12, 20, 31, 44, 58)]
    written = [(graph, data) for graph in graphs if (data := data_of_graph(graph)) is not None]
    for graph, data in written:
        assert str(graph_of_data(json.loads(json.dumps(data)))) == str(graph)
    assert len(written) == len(graphs)


def test_a_rule_of_ones_own_is_not_in_the_file_and_the_graph_has_to_be_given(tmp_path):
    class Cube(cr.Node):
        def forward(self, x):
            return x * x * x

        def backward(self, grad, y, x):
            return (3 * grad * x * x,)

    graph = cr.Graph(cr.Sum(Cube(cr.Parameter("w", (3,)), name="c"), name="L"))
    sheet = cr.exercise(graph, ["dw"])
    path = sheet.save(tmp_path / "sheet.md")
    path.write_text(path.read_text().replace('dw = ""', 'dw = "3 * dc * w ** 2"'))
    assert "rules or facts of its own" in cr.practice.grade(path).files[0].error
    assert cr.practice.grade(path, graph=graph).ok
    assert cr.practice.Grader(sheet).check("dw", "3 * dc * w ** 2")


def test_traps_come_in_every_level():
    assert set(TRAPS) == {"square", "diamond", "broadcast", "1/m"}
    for trap in TRAPS.values():
        for level in (1, 4):
            sheet = cr.exercise(trap.graph, trap.lines, level, convention=trap.convention)
            assert [task.name for task in sheet.tasks] == list(trap.lines)


@pytest.mark.parametrize("name", GRAPHS)
def test_the_sums_of_random_draws_are_known_to_the_judge_alone(name):
    """Data that a sheet shows is no draw of the judge's."""
    graph, convention = GRAPHS[name]
    sheet = cr.exercise(graph, None, 4, convention=convention)
    drawn = Ground(graph, random_draws(graph, sheet.key.seed, given=False)).draws
    shown = {value.tobytes() for value in sheet.handout.data.values() if value.size > 1}
    assert not shown & {value.tobytes() for draw in drawn for value in draw.values.values() if value.size > 1}
