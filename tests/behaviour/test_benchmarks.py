"""The benchmark command compares results, goes on where it stopped, and writes its page; no test asserts a time."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
DOCS = Path(__file__).parents[2] / "docs"


def compare(*arguments):
    command = [sys.executable, str(FOLDER / "compare.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    path, kept = folder / "page.md", folder / "kept.json"
    asked = ["--columns", "1", "--dtypes", "float64", "--seconds", "0", "--kept", str(kept)]
    asked += ["--without", "torch.compile", "Numba plan"]  # the slowest to begin; others are as good for a row
    first = compare("--only", "gradients", *asked)
    assert first.returncode == 0, first.stderr[-2000:]
    assert "gradients, 2-3-3-1, 1, float64" in first.stdout
    partly = compare("--only", "gradients", "large", *asked, "--minutes", "0", "--write", str(path))
    assert "1 cases are left" in partly.stderr
    assert "* not measured, since the time was over: gradients, 784-512-256-1" in path.read_text(encoding="utf-8")
    done = compare("--only", "gradients", "large", "compile", *asked, "--write", str(path))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "gradients, 2-3-3-1, 1, float64" not in done.stdout  # it was kept
    assert not kept.exists()
    return path.read_text(encoding="utf-8")


def test_the_page_says_how_to_repeat_it_and_which_aims_are_missed(page):
    assert "compare.py --write docs/benchmarks.md" in page
    missed = page.partition("## Aims missed in this run")[2].partition("##")[0].strip().splitlines()
    bold = len(re.findall(r"\*\*[^*]+\*\*", page))
    assert missed == ["None."] if bold == 0 else len(missed) == bold


def test_the_page_has_a_row_for_every_peer_that_was_measured(page):
    table = page.partition("## Forward and backward of 2-3-3-1")[2].partition("Ratios")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")]
    assert {"by hand", "Run", "NumPy plan", "auto plan"} <= set(rows)
    assert "| the eight products |" in page


def test_the_page_says_who_took_no_part_and_why(page):
    table = page.partition("## Forward and backward of 2-3-3-1")[2].partition("##")[0]
    assert "* torch.compile: left out of this run" in table
    assert "* Numba plan: left out of this run" in table
    assert "| Numba plan |" not in table


def test_the_written_page_shows_its_chart():
    page = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    chart = re.search(r"!\[.*\]\((pictures/benchmarks\.svg)\)", page)
    assert ET.parse(DOCS / chart[1]).getroot().tag.endswith("svg")


def test_an_unknown_section_is_refused():
    assert "no section speed" in compare("--only", "speed").stderr


def test_contenders_that_compute_something_else_are_not_timed(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    from comparison.contenders import Case, differs, prepare

    case = Case("gradients", "2-3-3-1", 5)
    found = prepare(case, "by hand").results()
    assert differs(case, "the same", found, found) is None
    wrong = {**found, "W2": found["W2"] * (1 + 1e-6)}  # a float64 contender is held to float64
    assert "another, gradients, 2-3-3-1, 5, float64: W2 is" in differs(case, "another", found, wrong)
    assert differs(case, "another", found, {**found, "W1": found["W1"] * float("nan")})
    step = Case("step", "embedding", 5)
    moved = prepare(step, "Run").results()
    assert differs(step, "another", moved, {**moved, "E": moved["E"] * (1 + 1e-6)})
