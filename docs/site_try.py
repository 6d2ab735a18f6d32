"""The buttons that run a page: which pages have them, and what runs their code in the browser, copied beside them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import fetch_pyodide
import graphviz

DOCS = Path(__file__).parent
STATIC = DOCS / "_static"
NEED_MORE = {  # what some of their blocks need is not to be had in a browser
    "howto/jax-out": "JAX",
    "howto/pytorch-in": "PyTorch",
    "interop": "PyTorch and JAX",
    "more-machines": "processes",
    "plans": "Numba",
    "saving": "scikit-learn",
}
ASSETS = ("pyodide.js", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json", "numpy-*.whl")


def has_assets() -> bool:
    """Whether there is a Pyodide to put into the site."""
    return fetch_pyodide.distribution() is not None


def has_buttons(name: str) -> bool:
    """Whether a page has blocks that run in a browser."""
    page = DOCS / f"{name}.md"
    if name in NEED_MORE or name.startswith("reference/made/") or not page.exists():
        return False
    return "\n>>> " in page.read_text("utf-8")


def add_button(app: Any, name: str, *event: Any) -> None:
    """Give a page the script."""
    if app.config.try_buttons and has_buttons(name):
        app.add_js_file("try.js")


def copy_assets(app: Any, failed: Exception | None) -> None:
    """Put Pyodide, NumPy and the packages of the project into the site, or take them away."""
    folder = Path(app.outdir) / "_static" / "pyodide"
    shutil.rmtree(folder, ignore_errors=True)
    source = fetch_pyodide.distribution()
    if failed or source is None:
        return
    folder.mkdir(parents=True)
    for pattern in ASSETS:
        for path in source.glob(pattern):
            shutil.copy(path, folder / path.name)
    pack(folder / "packages.zip")


def pack(path: Path) -> None:
    """The packages that pages import, Python alone, and the console that runs a block."""
    packages = [DOCS.parent / "graphlib" / "chainrule", DOCS.parent / "nets", Path(graphviz.__file__).parent]
    with ZipFile(path, "w", ZIP_DEFLATED) as made:
        made.write(STATIC / "try_console.py", "try_console.py")
        for package in packages:
            for file in sorted(package.rglob("*")):
                if file.is_file() and "__pycache__" not in file.parts:
                    made.write(file, file.relative_to(package.parent))
