"""The course: its pictures and notebooks are what its pages make, and every exercise can be begun and has an answer."""

import contextlib
import io
import re
from pathlib import Path

import pytest
from scripts import script

from chainrule.drawing import Drawing

DOCS = Path(__file__).parents[2] / "docs"
COURSE = DOCS / "course"


COURSE_SCRIPT = script("docs/make_course.py")
CHAPTERS = COURSE_SCRIPT.chapters()


def chapters():
    return pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def exercises(page):
    return re.split(r"^\*\*\d\.\*\* ", page.partition("\n## Exercises\n")[2], flags=re.MULTILINE)[1:]


@chapters()
def test_a_chapter_leads_to_the_next_and_its_exercises_have_answers(path):
    page = path.read_text("utf-8")
    assert page.startswith(f"# {int(path.stem[:2])}. ")
    following = CHAPTERS[CHAPTERS.index(path) + 1 :]
    assert f"({following[0].name if following else '../howto/index.md'})" in page
    asked = exercises(page)
    assert 2 <= len(asked) <= 3
    assert all(exercise.count("<details><summary>Answer</summary>\n\n") == 1 for exercise in asked)
    assert page.count("<details>") == page.count("</details>")


def test_the_index_of_the_course_has_every_chapter_in_order():
    found = re.findall(r"^\| \[.*?\]\((.*?)\)", (COURSE / "index.md").read_text("utf-8"), flags=re.MULTILINE)
    assert found == [path.name for path in CHAPTERS]


@chapters()
def test_pictures_are_what_the_line_above_them_draws(path):
    drawn = COURSE_SCRIPT.pictures(path)
    assert set(drawn) == set(re.findall(r"\((\S+\.svg)\)", path.read_text("utf-8")))
    for name, drawing in drawn.items():
        assert isinstance(drawing, Drawing), name
        assert (COURSE / name).read_text("utf-8") == drawing.svg(), f"run docs/make_course.py: {name}"


def test_no_picture_is_left_over():
    shown = {found for path in CHAPTERS for found in re.findall(r"\((pictures/\S+)\)", path.read_text("utf-8"))}
    assert {f"pictures/{path.name}" for path in (COURSE / "pictures").iterdir()} == shown


@chapters()
def test_what_is_to_be_filled_in_runs_as_it_stands(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a sheet is saved where one stands
    names, shown = {}, []
    with contextlib.redirect_stdout(io.StringIO()) as said:
        for part in COURSE_SCRIPT.parts(path.read_text("utf-8")):
            COURSE_SCRIPT.run(part, names, shown)
            if part.kind == "plain":
                exec(compile(part.source, path.name, "exec"), names)
    assert ("there is no formula" in said.getvalue()) == ('": ""' in path.read_text("utf-8"))


# --- notebooks -------------------------------------------------------------------------------------------------------


@chapters()
def test_notebooks_are_what_the_pages_make(path):
    pytest.importorskip("nbformat", reason="notebooks are written with the package nbformat")
    kept = COURSE / "notebooks" / f"{path.stem}.ipynb"
    assert kept.read_text("utf-8") == COURSE_SCRIPT.notebook(path), "run docs/make_course.py"


@chapters()
def test_links_of_a_notebook_lead_somewhere(path):
    kept = COURSE / "notebooks" / f"{path.stem}.ipynb"
    links = re.findall(r"\]\((?!\w+:)([^)#\s]+)", kept.read_text("utf-8"))
    assert [link for link in links if not (kept.parent / link).exists()] == []


def test_a_notebook_runs_and_shows_its_pictures():
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package, reason=f"a notebook is executed with the package {package}")
    import nbformat
    from nbclient import NotebookClient

    path = COURSE / "notebooks" / "03-backward.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if not cell.source.startswith("sheet.save(")]
    notebook.cells = cells
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown = [output for cell in cells for output in cell.get("outputs", ()) if "data" in output]
    assert sum("image/svg+xml" in output.data for output in shown) == 2
    assert any("<iframe" in output.data.get("text/html", "") for output in shown)  # the page to step through
