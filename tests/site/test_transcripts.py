"""What stands behind the prompts of a page can be typed as it is: into a console, line by line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(path for path in sorted((ROOT / "docs").rglob("*.md")) if "made" not in path.parts)]
COMPOUND = r">>> (?:def|class|with|for|while|if|try|@|async)\b.*\n(?:\.\.\. .*\n|\.\.\.\n)*"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_body_ends_with_the_empty_line_that_a_console_waits_for(page):
    found = re.findall(rf"^({COMPOUND})(?=>>> )", page.read_text("utf-8"), re.MULTILINE)
    assert [lines for lines in found if not lines.endswith("...\n")] == []


def test_the_start_goes_from_a_picture_to_a_judged_function_in_a_console_of_python(tmp_path):
    lines, typed = [], False
    for line in (ROOT / "docs" / "start.md").read_text("utf-8").splitlines():
        typed = line.startswith(">>>") or (typed and line.startswith("..."))
        lines += [line[4:]] if typed else []
    said = subprocess.run(
        [sys.executable, "-i", "-q"],
        input="\n".join(lines) + "\n",
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert "Error" not in said.stderr
    drawn, trained, judged = (
        said.stdout.index("<Drawing"),
        said.stdout.index("[[True"),
        said.stdout.index("1/m is missing"),
    )
    assert drawn < trained < judged
