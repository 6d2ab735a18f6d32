"""What mypy and pyright see in users' code: every planted mistake, and nothing in what is right."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = Path(__file__).with_name("planted_mistakes.txt")
PLANTED = {k for k, line in enumerate(CODE.read_text("utf-8").splitlines(), 1) if "# planted: " in line}


def checked(*command, folder):
    """What a program says of a copy of the code, which stands outside of the project as users' code does."""
    copy = folder / "users_code.py"
    copy.write_text(CODE.read_text("utf-8"), "utf-8")
    path = {"MYPYPATH": f"{ROOT / 'graphlib'}{os.pathsep}{ROOT}", "PYTHONPATH": str(ROOT / "graphlib")}
    done = subprocess.run(
        [*command, str(copy)], cwd=folder, env={**os.environ, **path}, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_mypy_sees_every_planted_mistake_and_no_other(tmp_path):
    cache = ROOT / ".mypy_cache" / "users"
    said = checked(sys.executable, "-m", "mypy", "--strict", f"--cache-dir={cache}", folder=tmp_path)
    assert {int(k) for k in re.findall(r"^users_code\.py:(\d+): error", said, re.MULTILINE)} == PLANTED, said


def test_pyright_sees_every_planted_mistake_and_no_other(tmp_path):
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(ROOT / "graphlib")]}), "utf-8")
    command = (sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable)
    said = checked(*command, folder=tmp_path)
    found = json.loads(said[said.index("{") :])["generalDiagnostics"]
    errors = {one["range"]["start"]["line"] + 1 for one in found if one["severity"] == "error"}
    assert errors == PLANTED, said
