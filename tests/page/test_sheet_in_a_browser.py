"""A sheet as a page in a headless Chromium: filled in, saved, graded; narrow and wide, light and dark, by axe."""

import pytest

import chainrule as cr
import nets

DNN = nets.DNN(sizes=(2, 3, 3, 1)).graph
LINES = ["dZ3", "dW3", "dA2"]


def sheet(level):
    return cr.exercise(DNN, LINES, level, convention="per-example")


def saved(tab, folder):
    with tab.expect_download() as download:
        tab.click("#save")
    download.value.save_as(folder / "answers.md")
    return folder / "answers.md"


def test_choices_are_saved_and_graded(opened, tmp_path):
    made = sheet(2)
    tab = opened(made)
    for task in made.tasks[:2]:
        tab.check(f"input[name={task.name}][value={task.right}]")
    results = cr.practice.grade(saved(tab, tmp_path), tmp_path / "page.key.json")
    assert [mark.told for mark in results.files[0].marks] == ["right", "right", "no answer"]
    assert tab.inner_text("#said") == "answers.md is written; 1 without an answer."


def test_formulas_are_saved_as_they_were_typed(opened, tmp_path):
    tab = opened(sheet(3))
    for name, text in (("dZ3", "A₃ − Y"), ("dW3", "\\frac{1}{m} dZ_3\n A_2^T"), ("dA2", '"W3.T" @ dZ3')):
        tab.fill(f"#answer-{name}", text)
    results = cr.practice.grade(saved(tab, tmp_path), tmp_path / "page.key.json")
    assert [mark.told for mark in results.files[0].marks] == ["right", "right", "unreadable"]


def test_a_function_is_saved_and_graded(opened, tmp_path):
    tab = opened(sheet(4))
    written = tab.input_value("#answer").replace('"dZ3": ...', '"dZ3": cache["A3"] - Y').replace('"dW3": ...,', "")
    tab.fill("#answer", written.replace('"dA2": ...,', ""))
    results = cr.practice.grade(saved(tab, tmp_path), tmp_path / "page.key.json")
    assert [mark.told for mark in results.files[0].marks] == ["right", "no answer", "no answer"]


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_axe_finds_no_violations_and_nothing_is_wider_than_the_screen(opened, violations, level, width, scheme):
    tab = opened(sheet(level), color_scheme=scheme, viewport={"width": width, "height": 900})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(tab) == []
