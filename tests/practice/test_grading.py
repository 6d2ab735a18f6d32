"""Sheets that come back: what is taken for an answer, what it is worth, what is said of it, and in which form."""

import json
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import chainrule as cr
import nets
from chainrule.commands import cli
from chainrule.errors import ArgumentError
from chainrule.practice.demanded import demanded
from chainrule.practice.handed_in import answers_in, read_sheet

DNN = nets.DNN(sizes=(2, 4, 3, 1)).graph
LINES = ["dZ3", "dW3", "dA2", "dB2"]
RIGHT = {
    "dZ3": "A3 - Y",
    "dW3": "dZ3 @ A2.T / m",
    "dA2": "W3.T @ dZ3",
    "dB2": "np.sum(dZ2, axis=1, keepdims=True) / m",
}
FUNCTION = """
import numpy as np

scale = 1.0

def slope(a):
    return a * (1 - a)

def gradients(cache, Y):
    m = Y.shape[1]
    dZ3 = scale * (cache["A3"] - Y)
    dA2 = cache["W3"].T @ dZ3
    dZ2 = dA2 * slope(cache["A2"])
    return {"dZ3": dZ3, "W3": dZ3 @ cache["A2"].T / m, "dA2": dA2, "B2": np.sum(dZ2, axis=1, keepdims=True) / m}
"""


@pytest.fixture(scope="module")
def written():
    return cr.exercise(DNN, LINES, 3, convention="per-example", points={"dW3": 2})


@pytest.fixture(scope="module")
def chosen():
    return cr.exercise(DNN, LINES, 2, convention="per-example", hints=3)


@pytest.fixture(scope="module")
def programmed():
    return cr.exercise(DNN, LINES, 4, convention="per-example")


def filled(sheet, folder, answers, extension=".md", form='{0} = "{1}"'):
    """The sheet with answers where it waits for them."""
    path = sheet.save(folder / f"sheet{extension}")
    text = path.read_text("utf-8")
    for name, answer in answers.items():
        before = f'{name} = ""'
        after = form.format(name, answer)
        if extension == ".ipynb":
            before, after = json.dumps(before)[1:-1], json.dumps(after)[1:-1]
        assert text.count(before) == 1
        text = text.replace(before, after)
    path.write_text(text, "utf-8")
    return path


def told(results):
    [one] = results.files
    return {mark.name: mark.told for mark in one.marks}


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extension", [".md", ".py", ".ipynb"])
@pytest.mark.parametrize("form", ['{0} = "{1}"', "{0} = {1}", '{0}: str = "{0} = {1}"'])
def test_a_formula_is_read_in_quotes_or_not(written, tmp_path, extension, form):
    results = cr.practice.grade(filled(written, tmp_path, RIGHT, extension, form))
    assert results.ok, results
    assert (results.files[0].points, results.files[0].most) == (5, 5)


def test_points_are_those_of_the_lines_that_are_right(written, tmp_path):
    results = cr.practice.grade(filled(written, tmp_path, RIGHT | {"dA2": "W3 @ dZ3", "dB2": ""}))
    assert told(results) == {"dZ3": "right", "dW3": "right", "dA2": "wrong", "dB2": "no answer"}
    assert results.files[0].points == 3
    assert not results.ok
    assert not results.unread


def test_any_notation_is_right_and_what_cannot_be_read_is_told(written, tmp_path):
    answers = {
        "dZ3": "A₃ − Y",
        "dW3": r"\\frac{1}{m} dZ_3 A_2^T",
        "dA2": "W3.T @ (",
        "dB2": "open('/etc/passwd').read()",
    }
    results = cr.practice.grade(filled(written, tmp_path, answers))
    assert told(results) == {"dZ3": "right", "dW3": "right", "dA2": "unreadable", "dB2": "unreadable"}
    assert results.unread


def test_the_convention_is_that_of_the_sheet(tmp_path):
    for convention, answer, right in (
        ("mean", "(A3 - Y) / m", True),
        ("mean", "A3 - Y", False),
        ("per-example", "(A3 - Y) / m", False),
        ("auto", "(A3 - Y) / m", True),
        ("auto", "A3 - Y", True),
    ):
        sheet = cr.exercise(DNN, ["dZ3"], 3, convention=convention)
        assert bool(cr.practice.Grader(sheet).check("dZ3", answer)) is right


def test_arrays_of_the_data_of_the_sheet_are_answers(written, tmp_path):
    run = DNN.forward(written.key.arrays())
    run.backward()
    array = np.array(run["dW3"])  # of a parameter: the same in every convention
    results = cr.practice.grade(filled(written, tmp_path, {"dW3": array.tolist()}, form="{0} = {1}"))
    assert told(results)["dW3"] == "right"
    grader = cr.practice.Grader(written)
    assert grader.check("dW3", array)
    assert grader.check("dZ3", run["dZ3"] * 4)  # per example
    for wrong in (2 * array, array.T, array * np.nan, [[1, [2]]], "", None, {}, array.astype(complex) + 1j):
        assert not grader.check("dW3", wrong)


def test_lines_of_ones_own_are_read_and_are_a_part_of_the_answer(written, tmp_path):
    text = 'half = "A3 - Y"\nother = half\ndZ3 = other\n'
    path = filled(written, tmp_path, {}, ".py")
    path.write_text(path.read_text() + text)
    assert told(cr.practice.grade(path))["dZ3"] == "right"
    path.write_text(path.read_text().replace('"A3 - Y"', '"0 * A3"'))
    assert told(cr.practice.grade(path))["dZ3"] == "wrong"  # not "right, and the helper is to blame"


@pytest.mark.parametrize("trick", ["dZ2", "dZ_2", "dZ₂", "dZ2 * 1", "dmatmul_2", "dB2 + dZ2 - dB2", "dW2 * 0 + dZ2"])
def test_a_line_may_not_read_itself_or_what_comes_after_it(trick):
    grader = cr.practice.Grader(cr.exercise(DNN, ["dZ2"], 3, convention="per-example"))
    assert grader.check("dZ2", "dA2 * A2 * (1 - A2)")
    assert not grader.check("dZ2", trick)


def test_a_gradient_that_is_the_same_by_chance_of_the_graph_is_none_of_its_way():
    """dU = db where a bias has the shape of what it is added to; and a value is no function of what it gives."""
    U, b = cr.Parameter("U", (3,)), cr.Parameter("b", (3,))
    graph = cr.Graph(cr.Sum(cr.Square(cr.Add(U, b, name="Z"), name="q"), name="L"))
    grader = cr.practice.Grader(cr.exercise(graph, ["dU", "Z"], 3))
    assert grader.check("dU", "dZ")
    assert not grader.check("dU", "db")
    assert grader.check("Z", "U + b")
    assert not grader.check("Z", "dZ / 2")


def test_a_line_that_follows_from_a_wrong_one_keeps_its_points(written, tmp_path):
    results = cr.practice.grade(filled(written, tmp_path, RIGHT | {"dZ3": "Y - A3"}))
    assert told(results) == {"dZ3": "wrong", "dW3": "right", "dA2": "right", "dB2": "right"}


@pytest.mark.parametrize("form", ["{}", "({})", "{}.", " {} "])
def test_a_letter_is_an_answer(chosen, tmp_path, form):
    answers = {task.name: form.format(task.right).upper() for task in chosen.tasks}
    assert cr.practice.grade(filled(chosen, tmp_path, answers)).ok
    wrong = {task.name: next(c.letter for c in task.choices if c.said) for task in chosen.tasks}
    results = cr.practice.grade(filled(chosen, tmp_path, wrong))
    assert set(told(results).values()) == {"wrong"}
    for mark, task in zip(results.files[0].marks, chosen.tasks, strict=True):
        assert mark.hints[1] == next(choice.said for choice in task.choices if choice.letter == wrong[task.name])


def test_a_choice_may_be_written_out(chosen):
    grader = cr.practice.Grader(chosen)
    assert grader.check("dA2", "np.dot(W3.T, dZ3)")
    assert not grader.check("dA2", "W3 @ dZ3")
    assert not grader.check("dA2", "z")


def test_a_shape_is_a_letter_or_written_out(tmp_path):
    sheet = cr.exercise(DNN, ["dA2", "dW2"], 1)
    grader = cr.practice.Grader(sheet)
    for right in ("(3, m)", "3 x m", "(3,m)", sheet.tasks[0].right):
        assert grader.check("dA2", right)
    assert grader.check("dW2", (3, 4))
    for wrong in ("(m, 3)", "3", "", "e", "z", "3 4"):
        assert not grader.check("dA2", wrong)
    assert cr.practice.grade(filled(sheet, tmp_path, {"dA2": "(3, m)", "dW2": "(3, 4)"})).ok


def test_of_several_answers_the_last_that_is_not_empty_counts(tmp_path):
    path = tmp_path / "sheet.md"
    path.write_text('```\ndW3 = "a"\n```\n```python\ndW3 = "b"\n```\n\n~~~\ndW3 = ""\ndZ3 = ...\ndA2 = None\n~~~\n')
    assert {name: one.text for name, one in answers_in(read_sheet(path), LINES).items()} == {"dW3": "b"}
    path.write_text("> dW3 = dZ_3 A_2^T / m\n* `dA2 = W3.T @ dZ3`\ndZ3 == 4\ndB2 = ____\n")
    found = {name: one.text for name, one in answers_in(read_sheet(path), LINES).items()}
    assert found == {"dW3": "dZ_3 A_2^T / m", "dA2": "W3.T @ dZ3"}


def test_a_hostile_sheet_is_read_in_no_time_that_grows_with_its_square(tmp_path):
    for text in (
        "\n" * 900_000,
        "dW3 = " + "a`" * 400_000,
        "".join("`" * k + "\n" for k in range(3, 1300)),
        "> " * 400_000,
    ):
        path = tmp_path / "sheet.md"
        path.write_text(text)
        assert len(answers_in(read_sheet(path), LINES)) <= 1


def test_a_question_behind_an_answer_is_no_magic(tmp_path):
    path = tmp_path / "sheet.py"
    path.write_text('dW3 = "dZ3 @ A2.T / m"  # right?\ndW3?\n%time x\n!ls\n')
    assert answers_in(read_sheet(path), LINES)["dW3"].text == "dZ3 @ A2.T / m"


# --- functions -------------------------------------------------------------------------------------------------------


def program(sheet, folder, text, extension=".py"):
    path = sheet.save(folder / f"sheet{extension}")
    if extension == ".ipynb":
        book = json.loads(path.read_text("utf-8"))
        book["cells"][-1]["source"] = ["%matplotlib inline\n", "!touch ran\n", *text.splitlines(keepends=True)]
        path.write_text(json.dumps(book))
    elif extension == ".md":
        path.write_text(path.read_text("utf-8") + f"\n```python\n{text}\n```\n")
    else:
        path.write_text(path.read_text("utf-8") + text)
    return path


@pytest.mark.parametrize("extension", [".md", ".py", ".ipynb"])
def test_a_function_is_run_with_what_it_demands_and_keys_may_have_a_d_or_not(programmed, tmp_path, extension):
    assert cr.practice.grade(program(programmed, tmp_path, FUNCTION, extension)).ok


def test_what_a_function_does_not_demand_is_not_run(programmed, tmp_path):
    marker = tmp_path / "ran"
    text = f"open({str(marker)!r}, 'w')\nprint(1 / 0)\nunused = 1 / 0\nif 1 / 0: pass\n{FUNCTION}\nraise SystemExit\n"
    assert cr.practice.grade(program(programmed, tmp_path, text)).ok
    assert not marker.exists()
    assert demanded([text], "slope") == "def slope(a):\n    return a * (1 - a)"


def test_a_wrong_function_keeps_the_lines_that_are_right(programmed):
    def gradients(cache, Y):
        dZ3 = cache["A3"] - Y
        return {"dZ3": dZ3, "dW3": dZ3 @ cache["A2"].T, "A2": cache["W3"].T @ dZ3}

    grader = cr.practice.Grader(programmed, hints=3)
    marks = {mark.name: mark for mark in grader.marks_of_function(gradients)}
    assert [name for name, mark in marks.items() if mark] == ["dZ3", "dA2"]
    assert marks["dB2"].told == "no answer"
    assert marks["dW3"].hints[1] == "1/m missing"
    assert "dZ3 @ A2.T / m" in marks["dW3"].hints[2]
    assert not grader.check("gradients", gradients)
    assert grader.check("dZ3", gradients)


def test_zeros_that_follow_from_zeros_are_worth_nothing(programmed):
    grader = cr.practice.Grader(programmed)
    marks = grader.marks_of_function(
        lambda A2, A3, B2: {"dZ3": 0 * A3, "dW3": 0 * A2[:, :1].T, "dA2": 0 * A2, "dB2": 0 * B2}
    )
    assert sum(mark.points for mark in marks) == 0


def test_a_function_is_handed_no_gradients(programmed):
    grader = cr.practice.Grader(programmed)
    for function in (
        lambda dZ3: {"dZ3": dZ3},
        lambda cache: {"dZ3": cache["dZ3"]},
        lambda cache, dmatmul_3=None: {"dZ3": dmatmul_3},
    ):
        assert not any(grader.marks_of_function(function))


# --- hints and results -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stages", [0, 1, 2, 3])
def test_hints_are_open_as_far_as_the_teacher_says(written, tmp_path, stages):
    path = filled(written, tmp_path, RIGHT | {"dA2": "W3 @ dZ3"})
    [one] = cr.practice.grade(path, hints=stages).files
    hints = next(mark.hints for mark in one.marks if mark.name == "dA2")
    assert len(hints) == stages
    assert all(not mark.hints for mark in one.marks if mark)
    shown = str(cr.practice.grade(path, hints=stages)) + cr.practice.grade(path, hints=stages).to_junit()
    for k, word in enumerate(("has the shape (3, m)", "transpose missing", "dA2 = W3.T @ dZ3")):
        assert (word in shown) is (k < stages)
    again = cr.exercise(DNN, LINES, 3, hints=stages)
    assert len(cr.practice.Grader(again).check("dA2", "W3 @ dZ3").hints) == stages


def test_the_table_has_80_columns_and_obeys_nothing(written, tmp_path):
    answers = RIGHT | {"dA2": "W3.T @ dZ3 + " * 12 + "0", "dB2": "\\x1b[31m \\u202e" + "é" * 200}
    path = filled(written, tmp_path, answers)
    results = cr.practice.grade([path, path], path.with_name("sheet.key.json"), hints=3)
    assert max(len(line) for line in str(results).splitlines() if "sheet.md" not in line) <= 80
    for text in (str(results), results.to_json(), results.to_junit()):
        assert all(c.isprintable() or c == "\n" for c in text)


def test_json_and_junit_say_the_same(written, tmp_path):
    path = filled(written, tmp_path, RIGHT | {"dA2": "<W3> & ]]>"})
    results = cr.practice.grade(path)
    plain = json.loads(results.to_json())
    assert [line["points"] for line in plain["files"][0]["lines"]] == [1, 2, 0, 1]
    root = ET.fromstring(results.to_junit())
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "1", "0")
    cases = root.findall("testsuite/testcase")
    assert [case.find("failure") is None for case in cases] == [True, True, False, True]
    assert cases[1].find("properties/property[@name='points']").get("value") == "2"


def test_a_class_is_graded_and_one_bad_file_spoils_nothing(written, tmp_path, monkeypatch):
    written.save(tmp_path / "sheet.md")
    folder = tmp_path / "class"
    for name in ("anna", "ben", ".hidden"):
        (folder / name).mkdir(parents=True)
    filled(written, tmp_path, RIGHT).rename(folder / "anna" / "sheet.md")
    filled(written, tmp_path, RIGHT, ".ipynb").rename(folder / ".hidden" / "sheet.ipynb")
    bad = {
        "a.ipynb": b"{",
        "b.md": b"\xff\xfe",
        "c.py": b"(" * 5000,
        "d.ipynb": b"[" * 100_000,
        "e.ipynb": b'{"cells": 3}',
    }
    for name, content in bad.items():
        (folder / "ben" / name).write_bytes(content)
    (folder / "ben" / "f.md").symlink_to(folder / "anna" / "sheet.md")
    (folder / "ben" / "sheet.key.json").write_text("{}")  # of a learner's, and not looked at
    results = cr.practice.grade(folder)
    assert [one.path.name for one in results.files] == ["sheet.md", "a.ipynb", "b.md", "c.py", "d.ipynb", "e.ipynb"]
    assert [one.points for one in results.files] == [5, 0, 0, 0, 0, 0]
    assert results.unread
    assert not results.ok


def test_whose_teachers_file_is_believed(written, chosen, tmp_path, monkeypatch):
    """That of the current folder, or the one that is named, before one that lies beside what was handed in."""
    teacher, learner = tmp_path / "teacher", tmp_path / "learner"
    teacher.mkdir()
    learner.mkdir()
    path = filled(written, teacher, {"dZ3": "Y - A3"})
    path = path.rename(learner / "sheet.md")
    forged = json.loads((teacher / "sheet.key.json").read_text())
    for task in forged["sheets"][0]["tasks"]:
        task["points"] = 100
    forged["sheets"][0]["tasks"] = forged["sheets"][0]["tasks"][1:2]
    (learner / "sheet.key.json").write_text(json.dumps(forged))
    monkeypatch.chdir(teacher)
    assert cr.practice.grade(path).files[0].most == 5
    monkeypatch.chdir(tmp_path)
    assert cr.practice.grade(path, teacher / "sheet.key.json").files[0].most == 5
    chosen.save(tmp_path / "other.md")
    with pytest.raises(ArgumentError, match="there is no file to grade"):
        cr.practice.grade([])
    results = cr.practice.grade([path, path])
    assert "no teacher's file knows this sheet" in results.files[0].error
    (tmp_path / "other.key.json").unlink()
    with pytest.raises(ArgumentError, match="there is no teacher's file"):
        cr.practice.grade([path, path])


def test_a_sheet_may_be_graded_by_plain_asserts(written, tmp_path):
    """As nbgrader runs the cells of a notebook that was saved with tests."""
    with pytest.raises(ArgumentError, match="hands out whatever stands beside"):
        written.save(tmp_path / "sheet.ipynb", tests=True)
    path = written.save(tmp_path / "sheet.ipynb", key=tmp_path / "keys.json", tests=True)
    cells = json.loads(path.read_text("utf-8"))["cells"]
    tests = ["".join(cell["source"]) for cell in cells if cell["metadata"]["nbgrader"]["grade"]]
    assert all(test.startswith("### BEGIN HIDDEN TESTS") for test in tests)
    for test in tests:
        exec(test, dict(RIGHT))
    with pytest.raises(AssertionError, match="dA2: wrong, 0 of 1 point"):
        exec(tests[2], RIGHT | {"dA2": "W3 @ dZ3"})


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_commands_write_and_grade_a_sheet(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    asked = "exercise nets:DNN dZ3 dW3 --level 3 --convention per-example -o sheet.md"
    assert cli.main(asked.split()) == 0
    assert capsys.readouterr().out == "written: sheet.md, 2 lines; the teacher's file: sheet.key.json\n"
    assert cli.main(["grade", "sheet.md"]) == 1
    assert capsys.readouterr().out.endswith("  0 of 2 points\n")
    text = (tmp_path / "sheet.md").read_text()
    for answer, code in (("A3 - Y", 0), ("Y - A3", 1), ("(", 2)):
        filled_in = text.replace('dZ3 = ""', f'dZ3 = "{answer}"').replace('dW3 = ""', 'dW3 = "dZ3 @ A2.T / m"')
        (tmp_path / "sheet.md").write_text(filled_in)
        assert cli.main(["grade", "sheet.md", "--junit", "results.xml", "--json"]) == code
        assert json.loads(capsys.readouterr().out)["ok"] is (code == 0)
        assert ET.parse(tmp_path / "results.xml").getroot().tag == "testsuites"
    assert cli.main(["grade", "sheet.md", "--junit", "-"]) == 2
    assert capsys.readouterr().out.startswith("<?xml")
    assert cli.main(["grade", "absent.md"]) == 2
    assert cli.main(["grade", "sheet.md", "--key", "absent.json"]) == 2
    assert cli.main("exercise trap:1/m -o trap.ipynb --tests --key keys.json --level 2".split()) == 0
    assert cli.main("exercise trap:none".split()) == 2
    assert cli.main("exercise nets:DNN dZ9".split()) == 2
    assert re.search(r"no line is called 'dZ9' \(did you mean", capsys.readouterr().err)
