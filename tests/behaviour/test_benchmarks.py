"""The benchmark command runs, checks that its peers compute the same, and writes its page; it asserts no time."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


def compare(*arguments):
    command = [sys.executable, str(FOLDER / "compare.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.md"
    sections, peers = ["gradients", "large", "compile"], ["Run", "NumPy plan"]
    done = compare("--only", *sections, "--peers", *peers, "--columns", "1", "7", "--rounds", "1", "--write", str(path))
    assert done.returncode == 0, done.stderr[-2000:]
    return path.read_text(encoding="utf-8")


def test_the_page_says_how_to_repeat_it_and_which_aims_are_missed(page):
    assert "compare.py --write docs/benchmarks.md" in page
    missed = page.partition("## Aims missed in this run")[2].partition("##")[0].strip().splitlines()
    bold = sum(cell.strip().startswith("**") for line in page.splitlines() for cell in line.split("|"))
    assert missed == ["None."] if bold == 0 else len(missed) == bold


def test_the_page_has_a_row_for_every_peer_that_was_measured(page):
    table = page.partition("## Forward and backward of 2-3-3-1")[2].partition("Ratios")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")]
    assert rows[2:] == ["by hand", "Run", "NumPy plan"]
    assert "| the eight products |" in page


def test_an_unknown_section_or_peer_is_refused():
    assert "no section speed" in compare("--only", "speed").stderr
    assert "no peer TensorFlow" in compare("--only", "gradients", "--peers", "TensorFlow").stderr


def test_peers_that_compute_something_else_are_not_timed(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    from comparison import peers

    feeds = peers.data((2, 3, 3, 1), 5, "float64")
    loss, gradients = peers.by_hand(feeds)()
    peers.check((loss, gradients), (loss, gradients), "float64", "the same")
    wrong = gradients["W2"] * (1 + 1e-6)  # a float64 peer is held to float64
    with pytest.raises(AssertionError, match="another, W2"):
        peers.check((loss, gradients), (loss, {**gradients, "W2": wrong}), "float64", "another")
